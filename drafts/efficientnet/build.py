"""Write EfficientNet.ipynb beside this file from the cells below; synced cells are filled from the sources."""

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools import notebooks  # noqa: E402

PLACE = Path("/work/main/architectures/efficientnet/EfficientNet.ipynb")
cells = []


def md(text):
    cells.append(new_markdown_cell(text.strip()))


def code(text):
    first = text.strip().splitlines()[0]
    cells.append(new_code_cell(notebooks.synced_source(first, PLACE) or text.strip()))


md(r"""
# EfficientNet

Mingxing Tan, Quoc V. Le, [*EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*](https://arxiv.org/abs/1905.11946) · ICML 2019

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/efficientnet/EfficientNet.ipynb)

You will build the eight EfficientNets from one block and two numbers, check the paper's scaling rule against exact counts, scale a small network in four ways to the same cost and compare them on CIFAR-10, and end with a trained classifier and one plot that compares networks from AlexNet to EfficientNet.

**How long it takes.** TODO-NUMBERS <!-- minutes of training of the stored run at scale cpu, number of trainings, hardware, threads --> Scales: `quick` (half a minute, generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (trains a B0 for 32 pixels), `paper` (the same, for 200 epochs). The second code cell says how to choose.
""")
code("# Setup: find")
code(r"""
import json
import math
import statistics
from dataclasses import replace
from functools import cache, partial

import matplotlib.pyplot as plt
import torch
import torchvision
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.alexnet.alexnet import alexnet_cifar
from architectures.efficientnet.efficientnet import (
    RELEASED, STAGES, check_images, conv_bn, init_weights, reduced_strides
)
from architectures.inception.inception import MODULES, Conv, InceptionModule
from architectures.mobilenet.mobilenet import MobileNetV1
from architectures.resnet.resnet import cifar_resnet
from architectures.vgg.vgg import CONFIGURATIONS, VGG
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
from utils.device import get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, plot_spread, show_images, show_mistakes, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
WAYS = {  # how we shall scale a small network: (depth, width, pixels)
    "base": (1.0, 1.0, 20), "deeper": (2.3, 1.0, 20), "wider": (1.0, 1.6, 20),
    "higher resolution": (1.0, 1.0, 29), "all together": (1.2, 1.1, 23),
}

@styled
def draw_ways(ways):
    # a slab for each layer: its length is the number of channels, its thickness the side of the feature map
    figure, axis = plt.subplots(figsize=(11, 4.4))
    for column, (name, (depth, width, pixels)) in enumerate(ways.items()):
        layers, bottom = round(6 * depth), 0.0
        for layer in range(layers):
            stage = 3 * layer // layers
            length, thickness = 0.28 * width * (1 + 0.4 * stage), pixels / 20 * (1 - 0.3 * stage)
            corner = (column - length / 2, bottom)
            axis.add_patch(Rectangle(corner, length, thickness, facecolor=COLOURS[column], edgecolor="white"))
            bottom += thickness + 0.1
        axis.text(column, -0.5, f"{name}\n{pixels} pixels", ha="center", va="top")
    axis.set(xlim=(-0.6, len(ways) - 0.4), ylim=(-2.4, 11.5), title="Five networks (the image enters at the bottom)")
    axis.axis("off")

draw_ways(WAYS)
""")
md(r"""
Each slab is a layer: the longer it is, the more channels it has; the thicker it is, the larger its feature map. The four networks on the right cost the same number of multiply-adds, about 2.4 times as many as the one on the left. Which of them would you build? This notebook is about that question.

## The paper in brief

**The question.** You have a good network and suddenly twice the computing budget. You can add layers (depth), add channels (width), or feed larger images (resolution). Until 2019 people turned one of these dials, usually by feel: ResNet grew in depth, MobileNet in width.

**The observation.** Each dial helps at first and then saturates. The dials also depend on each other: larger images have larger objects, so the network needs more layers to see a whole object, and more channels to hold the finer detail. So they should be turned together.

**The idea.** *Compound scaling* ties the three dials to one number $\phi$:

$$\text{depth } d = \alpha^\phi, \qquad \text{width } w = \beta^\phi, \qquad \text{resolution } r = \gamma^\phi, \qquad \alpha \cdot \beta^2 \cdot \gamma^2 \approx 2.$$

Twice as many layers cost twice as much. Twice the channels cost four times as much, because every channel of a layer reads every channel of the layer before; and so does twice the resolution, because there are four times as many places. Hence the squares: each step of $\phi$ doubles the cost. A grid search at $\phi = 1$ gave $\alpha = 1.2$, $\beta = 1.1$, $\gamma = 1.15$. The network to start from, **EfficientNet-B0**, was found by an automatic architecture search that rewards accuracy and few multiply-adds.

**The headline results** are on ImageNet. First the paper's comparison of the ways to scale B0 to four or five times its cost (top-1 accuracy):

| network | billion multiply-adds | accuracy, % |
|---|---|---|
| B0 | 0.4 | 77.3 |
| only deeper, $d = 4$ | 1.8 | 79.0 |
| only wider, $w = 2$ | 1.8 | 78.9 |
| only higher resolution, $r = 2$ | 1.9 | 79.1 |
| all together, $d = 1.4$, $w = 1.2$, $r = 1.3$ | 1.8 | **81.1** |

The family B0 to B7 then reached from 77.1 % to 84.3 %, each with several times fewer parameters and multiply-adds than other networks of the same accuracy. These are the paper's numbers. We can count all of its networks exactly; its comparison we repeat in miniature.

## The data

We train on CIFAR-10: ten classes, images of 32×32 pixels, 45,000 to train on, 5,000 for validation and 10,000 for the test. Nothing below is chosen by the test set. Since resolution is one of the dials, we also need smaller copies of the images.
""")
code(r"""
data = load_shapes(train=200, val=100, test=100) if scale == "quick" else load_cifar10()
print(f"{data.name}:", *(f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")))

def shrunk(images, size):
    # uint8 (N, 32, 32, 3) -> (N, size, size, 3), averaged over the pixels that fall together
    if images.shape[1] == size:
        return images
    floats = F.interpolate(images.permute(0, 3, 1, 2).float(), size=size, mode="bilinear", antialias=True)
    return floats.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()

@cache
def at(size):
    # the whole data set at this size
    splits = {split: getattr(data, split) for split in ("train", "val", "test")}
    small = {split: Split(shrunk(images, size), labels) for split, (images, labels) in splits.items()}
    return data if size == 32 else replace(data, name=f"{data.name} at {size} pixels", **small)

first = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
pairs = [shrunk(data.train.images[first], size) for size in (32, 20)]
titles = [*data.classes, *["20 pixels"] * 10]
show_images([image for images in pairs for image in images], titles, title=f"{data.name} at 32 and at 20 pixels")
""")
md(r"""
At 20 pixels most images are still easy to recognise, although fine structures are gone. A higher resolution therefore has something to give here, but not much.

## The block

EfficientNet has a single kind of block, the **MBConv** of MobileNetV2: expand the channels sixfold by a 1×1 convolution, filter each channel by itself with a depthwise convolution, and project back to few channels by another 1×1 convolution; a shortcut joins the two thin ends. Two things are new: *squeeze-and-excitation* inside, and *stochastic depth* at the end. The activation is SiLU, $x \cdot \sigma(x)$, a smooth relative of the ReLU.
""")
code(r"""
draw_flow(
    {
        "x": ("x: 24 channels", 0, 0, "data"), "e": ("expand 1×1, BN, SiLU", 0, 1),
        "d": ("depthwise 3×3, BN, SiLU", 0, 2), "a": ("average of each channel", 1, 2),
        "s": ("linear 144 → 6, SiLU", 1, 3), "g": ("linear 6 → 144, sigmoid", 1, 4), "m": ("×", 0, 4, "sum"),
        "p": ("project 1×1, BN", 0, 5), "drop": ("stochastic depth", 0, 6), "+": ("+", 0, 7, "sum"),
        "y": ("y: 24 channels", 0, 8, "data"), "note": ("squeeze-and-excitation", 1, 1.2, "note"),
    },
    [("x", "e", "24"), ("e", "d", "144"), ("d", "m", "144"), ("d", "a"), ("a", "s"), ("s", "g"), ("g", "m"),
     ("m", "p", "144"), ("p", "drop", "24"), ("drop", "+"), ("+", "y"), ("x", "+", "identity", -1)],
    "MBConv with squeeze-and-excitation",
)
""")
md(r"""
**Squeeze-and-excitation** lets the whole image decide how much each channel counts. A convolution only sees a small neighbourhood. This branch first *squeezes* every channel into one number, its average over the map. Two small linear layers then turn these numbers into one factor (a *gate*) between 0 and 1 for each channel, and the *excitation* multiplies each channel by its gate. The middle layer is narrow, which keeps the branch cheap.

Let us do it by hand for four channels and a middle layer of a single unit. The averages are 4, 2, 1 and 1. The first layer computes (channel 1 − channel 2) = 2, and SiLU turns that into $2\,\sigma(2) = 1.76$. The second layer gives this number to channel 1, its negative to channel 3, and nothing to the other two. What happens to the four channels?
""")
code(r"""
x = torch.tensor([[3.0, 5.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]]).view(1, 4, 1, 2)  # 4 channels of two places each
average = x.mean((2, 3))  # squeeze: (1, 4)
middle = F.silu(average @ torch.tensor([1.0, -1.0, 0.0, 0.0])[:, None])  # (1, 1)
gates = torch.sigmoid(middle @ torch.tensor([1.0, 0.0, -1.0, 0.0])[None])  # (1, 4)
out = x * gates[:, :, None, None]  # excite
print("averages", average[0].tolist(), "  middle", f"{middle.item():.3f}")
for c in range(4):
    scaled = [round(value, 2) for value in out[0, c, 0].tolist()]
    print(f"channel {c + 1}: {x[0, c, 0].tolist()} × {gates[0, c]:.3f} = {scaled}")
assert average.tolist() == [[4, 2, 1, 1]] and [round(v, 3) for v in gates[0].tolist()] == [0.853, 0.5, 0.147, 0.5]
""")
md(r"""
Channel 1 passes almost unchanged and channel 3 is nearly shut, because of what the *whole* map contains: with other averages, the same weights would open and close other channels. Here is the layer; linear layers on maps of one place are written as 1×1 convolutions.
""")
code("# %load -s SqueezeExcitation efficientnet.py")
md(r"""
**Stochastic depth** is dropout for whole blocks. In training, the residual branch of a block is dropped with probability $p$, separately for each image, and only the shortcut is left: the image passes through a shallower network. What is kept is divided by $1 - p$, so that the expectation stays what it was,

$$\mathbb E\Big[\frac{b}{1-p}\, f(x)\Big] = f(x), \qquad b \sim \text{Bernoulli}(1 - p),$$

and nothing has to be corrected in evaluation mode. The probability rises linearly from 0 at the first block to 0.2 at the last, because all later blocks build on the early ones.
""")
code("# %load -s StochasticDepth efficientnet.py")
code(r"""
set_seed(SEED)
layer, images, p = StochasticDepth(0.2).train(), torch.full((20_000, 1), 3.0), 0.2
out = layer(images)
error = 3 * (p / (1 - p) / len(images)) ** 0.5  # standard error: the variance of b / (1 - p) is p / (1 - p)
print(f"values {sorted({round(v, 2) for v in out.flatten().tolist()})}, share dropped {(out == 0).float().mean():.3f}")
print(f"mean {out.mean():.3f} ± {error:.3f}, expected 3.000")
assert abs(out.mean().item() - 3) < 4 * error and torch.equal(layer.eval()(images), images)
""")
md(r"""
Every image gets either 0 or 3 / 0.8 = 3.75, and the mean is 3 within its standard error. Now the block. The middle layer of its squeeze-and-excitation has a quarter of the block's *input* channels.
""")
code("# %load -s MBConv efficientnet.py")
md(r"""
## B0 and its factors

The search returned the following network. A column is a *stage*, a group of $n$ blocks with expansion $t$, kernel size $k$ and $c$ output channels; its first block has stride $s$. Before the stages stands a 3×3 convolution to 32 channels with stride 2, behind them a 1×1 convolution to 1,280 channels, an average over the map and a linear layer.

| $t$ | 1 | 6 | 6 | 6 | 6 | 6 | 6 |
|---|---|---|---|---|---|---|---|
| $k$ | 3 | 3 | 5 | 3 | 5 | 5 | 3 |
| $s$ | 1 | 2 | 2 | 2 | 1 | 2 | 1 |
| $c$ | 16 | 24 | 40 | 80 | 112 | 192 | 320 |
| $n$ | 1 | 2 | 2 | 3 | 3 | 4 | 1 |

To scale it, multiply every $n$ by the depth factor and every channel number by the width factor. Both have to be whole numbers, so they are rounded: channels to the nearest multiple of 8 (which suits the hardware, and is never more than 10 % below the product), blocks upwards, so that no stage vanishes.
""")
code("# %load -s compound_scaling,round_channels,round_repeats efficientnet.py")
code(r"""
depth, width, resolution = compound_scaling(1)
channels, blocks = [c for *_, c, _ in STAGES], [n for *_, n in STAGES]
print(f"φ = 1: depth {depth}, width {width}, resolution {resolution}: {224 * resolution:.1f} pixels")
print("channels", channels, "→", [round_channels(c, width) for c in channels])
print("blocks  ", blocks, "→", [round_repeats(n, depth) for n in blocks])
more = sum(round_repeats(n, depth) for n in blocks)
print(f"blocks in all: {sum(blocks)} → {more}; asked for {depth * sum(blocks):.1f}")
""")
md(r"""
Rounding is no small matter: we asked for 1.2 times the depth and got 1.44 times, because every stage is rounded up. The first two channel numbers, on the other hand, did not move.
""")
code("# %load -s EfficientNet,efficientnet efficientnet.py")
code(r"""
with torch.device("meta"):  # shapes alone; nothing is computed
    net, images = efficientnet("b0"), torch.empty(1, 3, 224, 224)
parts = {"features.0": "conv 3×3", "features.1": "stage 1", "features.2": "2", "features.3": "3", "features.4": "4",
         "features.5": "5", "features.6": "6", "features.7": "7", "features.8": "conv 1×1", "classifier": "linear"}
draw_network(net, images, parts, "EfficientNet-B0 at 224 pixels")
""")
md(r"""
The maps shrink from 224 to 7 pixels. All thin ends are drawn here; inside a block there are six times as many channels. We count parameters and multiply-adds of all eight networks, each at its own resolution, and compare them with the paper's rounded figures. (The tests of this repository hold the exact numbers, and compare all eight with torchvision's networks output by output.)
""")
code(r"""
def count(model):
    return sum(p.numel() for p in model.parameters())

def macs(build, size):
    # multiply-adds of convolutions and linear layers for one image of size × size
    with torch.device("meta"):
        model = build().eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, 3, size, size))
    return counter.get_total_flops() // 2

PAPER = {"b0": (5.3, 0.39, 77.1), "b1": (7.8, 0.70, 79.1), "b2": (9.2, 1.0, 80.1), "b3": (12, 1.8, 81.6),
         "b4": (19, 4.2, 82.9), "b5": (30, 9.9, 83.6), "b6": (43, 19, 84.0), "b7": (66, 37, 84.3)}
counted = {}
for name, (millions, billions, _) in PAPER.items():
    with torch.device("meta"):
        found = count(efficientnet(name))
    counted[name] = macs(partial(efficientnet, name), RELEASED[name][2])
    print(f"{name}: {found:11,} parameters ({millions} million),",
          f"{counted[name]:14,} multiply-adds ({billions} billion) at {RELEASED[name][2]} pixels")
    assert abs(found / 1e6 / millions - 1) < 0.04 and abs(counted[name] / 1e9 / billions - 1) < 0.05
assert counted["b0"] == 385_814_752
""")
md(r"""
The numbers agree with the paper's to within 5 %.

## Does $2^\phi$ hold?

The rule promises that each step of $\phi$ doubles the cost. We follow it to the letter: for $\phi = 0 \dots 7$ we build the network with exactly $\alpha^\phi$, $\beta^\phi$ and $\gamma^\phi$, rounded as above, and count. The released networks B1 to B7 are supposed to be such networks. If so, each one's depth, width, resolution and cost must lead back to the same $\phi$: by the depth it is $\log d / \log \alpha$, and so on.
""")
code(r"""
def by_rule(phi):
    depth, width, resolution = compound_scaling(phi)
    return macs(partial(EfficientNet, width=width, depth=depth), round(224 * resolution)) / counted["b0"]

phis = range(0, 4 if scale == "quick" else 8)
rule = [by_rule(phi) for phi in phis]
print("multiply-adds of the rule's networks, × B0:", *(f"{value:.2f}" for value in rule))
growth = 1.2 * 1.1**2 * 1.15**2
implied = {name: [] for name in ("depth", "width", "resolution", "multiply-adds")}
for name, (width, depth, pixels, _) in RELEASED.items():
    logs = torch.tensor([depth, width, pixels / 224, counted[name] / counted["b0"]]).log()
    for values, phi in zip(implied.values(), logs / torch.tensor([1.2, 1.1, 1.15, 2.0]).log()):
        values.append(phi.item())
print("φ implied by:", *(f"\n  {what:13} " + " ".join(f"{v:5.2f}" for v in values) for what, values in implied.items()))
""")
code(r"""
@styled
def plot_rule():
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(phis, [2**phi for phi in phis], color="black", label="$2^φ$")
    left.plot(phis, [growth**phi for phi in phis], "--", color="black", label=f"$(αβ²γ²)^φ = {growth:.2f}^φ$")
    left.plot(phis, rule, "o", color=COLOURS[0], label="counted, exact powers")
    left.set(xlabel="φ", xticks=phis, ylabel="multiply-adds, × B0 (log scale)", title="The rule")
    left.set_yscale("log", base=2)
    left.legend()
    for line, (what, values) in zip("osv^", implied.items()):
        right.plot(range(8), values, line + ("-" if line == "^" else ":"), label=what)
    right.set(xlabel="released network", ylabel="φ that it implies", title="Where the released networks are")
    right.set_xticks(range(8), RELEASED)
    right.legend()

plot_rule()
""")
md(r"""
**The rule holds for the powers, within rounding.** On the left, the counted cost rises from 1 to 103 over seven steps, which is a factor of 1.94 a step; the exact product is $\alpha\beta^2\gamma^2 = 1.92$. The first step is the worst: it multiplies the cost by 2.57, because blocks are rounded up.

**The released networks are not on one $\phi$ each.** On the right, the four lines would coincide if they were. Up to B3 the three factors nearly agree (only B1's width stands still). From B4 on, the resolution and the width run ahead of the depth by up to one step of $\phi$: B7 has the depth of $\phi = 6.2$, but the width and the resolution of $\phi = 7.1$ to $7.3$. Its cost is 98 times that of B0, which is $2^{6.6}$. The authors' published code sets these coefficients by hand, as short numbers near the powers. So the formula is the idea behind the family rather than its recipe.

## A small base network

We cannot train B4 on two cores, and CIFAR-10's images are small. So we take the paper's idea to a network of our own with the same block: 2.5 million multiply-adds at 20 pixels, with expansion 3. Channels are rounded to multiples of 4 instead of 8: with so few channels, a width of 1.1 would otherwise change almost nothing. This table has everything that you may want to change.
""")
code(r"""
BASE = dict(stages=((1, 3, 1, 8, 1), (3, 3, 2, 24, 2), (3, 3, 2, 56, 3)), stem=16, multiple=4, total_stride=4)
B0 = dict(total_stride=8)  # for 32 pixels: the first two strides of 2 become 1
KNOBS = {  # main network: φ (None: B0), epochs; a comparison: epochs, seeds; with few images: how many, epochs, seeds
    "quick": dict(main=(0, 1), short=(1, 1), few=(100, 1, 1), batch=50, lr=0.1, smoothing=0.0),
    "cpu": dict(main=(2, 28), short=(7, 3), few=(4500, 16, 3), batch=128, lr=0.4, smoothing=0.0),
    "gpu": dict(main=(None, 40), short=(8, 3), few=(4500, 40, 3), batch=128, lr=0.2, smoothing=0.1),
    "paper": dict(main=(None, 200), short=(60, 3), few=(4500, 200, 3), batch=128, lr=0.2, smoothing=0.1),
}
knobs = KNOBS[scale]
(phi, epochs), (short, seeds), (few, few_epochs, few_seeds) = knobs["main"], knobs["short"], knobs["few"]
# SGD with Nesterov momentum, a one-cycle schedule, random crops and flips
RECIPE = {"momentum": 0.9, "weight_decay": 5e-4, "warm_up": 0.2, "dropout": 0.0}
precision = "float32" if device.type == "cpu" else None  # depthwise convolutions are slower in bfloat16 on CPUs

def network(depth=1.0, width=1.0, **options):
    # how to build the base network, scaled; stochastic depth is off unless we ask for it
    settings = {"dropout": RECIPE["dropout"], "stochastic_depth": 0.0, **BASE, **options}
    return partial(EfficientNet, num_classes=10, width=width, depth=depth, **settings)
""")
md(r"""
The optimiser is the usual one for CIFAR-10 instead of the paper's RMSprop, and only weights that mix channels decay. We tried learning rates up to 0.6 on the base network for one and a half epochs each: the larger, the better on the validation set. Since longer trainings usually want smaller ones, we take 0.4. Dropout and stochastic depth are off by default, because these networks are small and their trainings short: they underfit rather than overfit. We test stochastic depth below, where there is something to regularise.
""")
code(r"""
def objective(model, images, labels):
    logits = model(images)  # (B, classes)
    right = (logits.argmax(dim=1) == labels).sum()
    smoothing = knobs["smoothing"] if model.training else 0.0
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, build, images, epochs, seed=SEED, lines=1):
    # returns (model, run, test accuracy in %); the same seed gives the same weights and the same order of images
    set_seed(seed)
    model, pixels = build().to(device), images.train.images.shape[1]
    mixing = [p for p in model.parameters() if p.ndim > 1 and p.shape[1] > 1]
    others = [p for p in model.parameters() if p.ndim == 1 or p.shape[1] == 1]  # depthwise kernels, norms, biases
    groups = [{"params": mixing, "weight_decay": RECIPE["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=knobs["lr"], momentum=RECIPE["momentum"], nesterov=True)
    options = dict(shuffle=True, augment=True, padding=pixels // 8, flip=scale != "quick", seed=seed)
    loader = ImageLoader(images, "train", knobs["batch"], device, **options)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, knobs["lr"], total_steps=steps, pct_start=RECIPE["warm_up"], cycle_momentum=False
    )
    val = {"val": ImageLoader(images, "val", 500, device)}
    print(f"{name}, seed {seed}")
    run = fit(model, loader, optimizer, scheduler, epochs, device, val, objective=objective, precision=precision,
              checkpoint=f"EfficientNet/{name.replace(' ', '-')}-{seed}", lines=lines)
    accuracy = 100 * evaluate(model, ImageLoader(images, "test", 500, device), device)["accuracy"]
    return model, run, accuracy
""")
md(r"""
**Overfit one batch.** Before a long training we check that the base network can fit 32 images perfectly. If it cannot, something is broken.
""")
code(r"""
set_seed(SEED)
model = network(dropout=0.0)().to(device).train()
images, labels = next(iter(ImageLoader(at(20), "train", 32, device)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
losses = []
for _ in range(40):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss of 32 images: {losses[0]:.2f} at first, {losses[-1]:.4f} after {len(losses)} steps")
assert losses[-1] < 0.1
""")
md(r"""
## Training

The main network is the base scaled together with $\phi = 2$ (at scale `gpu` and `paper`, a B0 for 32 pixels). You can interrupt the training at any time (the stop button): the cells after it work with what there is.
""")
code(r"""
if phi is None:
    build, pixels, title = partial(EfficientNet, num_classes=10, **B0), 32, "B0, total stride 8"
else:
    depth, width, resolution = compound_scaling(phi)
    build, pixels, title = network(depth, width), round(20 * resolution), f"base scaled together, φ = {phi}"
net, run, accuracy = train("main", build, at(pixels), epochs, lines=12)
print(f"{title}: {count(net):,} parameters, {macs(build, pixels) / 1e6:.1f} million multiply-adds at {pixels} pixels")
print(f"{data.name}, test accuracy: {accuracy:.2f} %")
plot_histories({title: run}, at(pixels).name)
""")
md(r"""
TODO-NUMBERS <!-- what the curves show: training and validation close together (the net underfits) or apart; when accuracy rises as the rate falls; final test accuracy -->

Published CIFAR-10 accuracies of EfficientNets come from networks that were first trained on ImageNet, so there is no figure that we could fairly put beside this one.
""")
code(r"""
what = f"EfficientNet: {title}, {pixels} pixels"
rows = [{"what": what, "paper": None, "reproduction": None, "runs": [(accuracy, run)]}]
report("EfficientNet", "test accuracy, %", data.name, "45k/5k", None, rows)
""")
md(r"""
## The claim: scale together

Back to the picture at the top. We scale the base in four ways to the same number of multiply-adds: by depth alone, by width alone, by resolution alone, and together by the paper's own factors for $\phi = 1$. Because of the rounding, "together" costs 2.35 times as much as the base instead of 1.92 times, so the other three factors are chosen to match that. We check that all four agree within 3 %.
""")
code(r"""
builds = {name: network(depth, width) for name, (depth, width, _) in WAYS.items()}
costs = {name: macs(builds[name], pixels) for name, (*_, pixels) in WAYS.items()}
for name, (depth, width, pixels_there) in WAYS.items():
    model = builds[name]()
    blocks = sum(isinstance(module, MBConv) for module in model.modules())
    print(f"{name:18} depth {depth}, width {width}, {pixels_there} pixels: {blocks:2} blocks,",
          f"{count(model):7,} parameters, {costs[name] / 1e6:.2f} million")
scaled_costs = [cost for name, cost in costs.items() if name != "base"]
assert max(scaled_costs) / min(scaled_costs) < 1.03 and count(builds["base"]()) == 82_552
assert WAYS["all together"] == (*compound_scaling(1)[:2], round(20 * compound_scaling(1)[2]))
""")
code(r"""
results = {}
for name, (*_, pixels_there) in WAYS.items():
    images = at(pixels_there)
    results[name] = [train(name, builds[name], images, short, seed) for seed in range(seeds)]
accuracies = {name: [a for *_, a in trained] for name, trained in results.items()}
plot_spread(accuracies, "test accuracy (%)", f"{data.name}: scaled to the same cost")
""")
md(r"""
A dot is a training, a bar the mean of a group. The base on the left costs less than half of the others. To say that one way is better than another, their means must differ by clearly more than the seeds of each do. We compare "all together" with each single dial, and give the difference with its standard error $\sqrt{s_1^2/n + s_2^2/n}$, where $s$ is the standard deviation over $n$ seeds. With three seeds, a difference of less than three standard errors proves little.
""")
code(r"""
def mean_and_variance(values):
    # the mean, and the squared standard error of it (nan with a single seed)
    spread = statistics.variance(values) if len(values) > 1 else float("nan")
    return statistics.mean(values), spread / len(values)

def compare(groups, reference):
    mean, variance = mean_and_variance(groups[reference])
    print(f"{reference:18} {mean:.2f} % (n = {len(groups[reference])})")
    for name, values in groups.items():
        if name != reference:
            other, its_variance = mean_and_variance(values)
            error = (variance + its_variance) ** 0.5
            verdict = "clear" if abs(other - mean) > 3 * error else "not clear"
            print(f"{name:18} {other:.2f} %, {other - mean:+.2f} ± {error:.2f} points: {verdict}")

compare(accuracies, "all together")
""")
md(r"""
TODO-NUMBERS <!-- what scaling gives over the base at all; order of the four ways; which differences are clear and which are not; the paper's 2 points for ImageNet at 4.5x. Also the parameters: 83 thousand (resolution) to 203 thousand (depth). Training curves below: is the order stable? -->
""")
code(r"""
curves = {name: [100 * statistics.mean(values) for values in zip(*(r.history["val_accuracy"] for _, r, _ in trained))]
          for name, trained in results.items()}
plot_curves({f"mean of {seeds} seeds": curves}, "epoch", "validation accuracy (%)", data.name)
""")
md(r"""
TODO-NUMBERS <!-- what to see: all lines rise steeply as the learning rate falls; whether lines cross late -->

**What this experiment can and cannot say.** It compares four networks that cost the same per image, at a single budget, after short trainings. The paper's comparison is at ImageNet's resolution, four to five times the base's cost, and full training. Our images end at 32 pixels, so resolution has little room; deep networks learn slower at first, so a short training is unfair to depth. An order that is clear here is true for this setting. An order that is not clear is no evidence for or against the paper.

## Squeeze-and-excitation, on and off

We train the base network without its squeeze-and-excitation layers, with the same seeds. The layers have parameters, but they work on averages, so they need almost no multiply-adds.
""")
code(r"""
without = network(squeeze=False)
lean = [train("without SE", without, at(20), short, seed) for seed in range(seeds)]
for name, build_there in (("with", network()), ("without", without)):
    print(f"{name:8} {count(build_there()):,} parameters, {macs(build_there, 20):,} multiply-adds")
squeeze = {"with": accuracies["base"], "without": [a for *_, a in lean]}
compare(squeeze, "with")
plot_spread(squeeze, "test accuracy (%)", f"{data.name}: squeeze-and-excitation")
""")
md(r"""
TODO-NUMBERS <!-- the gain against the spread; the cost: share of parameters and of multiply-adds -->

**What do the gates do?** We look into the trained main network. For each block, we record the gates of 2,000 test images and ask two questions: how much does a channel's gate vary from image to image, and how much of this variation is explained by the class?
""")
code(r"""
@torch.no_grad()
def gates_of(model, images):
    # for each squeeze-and-excitation layer, the gates (N, channels)
    met, layers = {}, [m for m in model.modules() if isinstance(m, SqueezeExcitation)]
    def keep(layer, args, output):
        met.setdefault(layer, []).append(layer.gates(args[0]).flatten(1).float().cpu())
    hooks = [layer.register_forward_hook(keep) for layer in layers]
    for batch in images.split(500):
        model.eval()(batch)
    for hook in hooks:
        hook.remove()
    return [torch.cat(met[layer]) for layer in layers]

test_loader = ImageLoader(at(pixels), "test", 500, device)
number = min(2000, len(data.test.labels))
some = test_loader.normalise(at(pixels).test.images[:number].to(device))
by_class = F.one_hot(data.test.labels[:number], 10).float()  # (N, 10)
gates = gates_of(net, some)
variation, explained = [], []
for g in gates:
    means = (by_class.T @ g) / by_class.sum(0)[:, None].clamp(min=1)  # (10, channels)
    between = (by_class @ means - g.mean(0)).square().mean()
    variation.append(g.std(0).mean().item())
    explained.append((100 * between / g.var(0, unbiased=False).mean()).item())
    last_means = means
print("standard deviation over images:", *(f"{v:.3f}" for v in variation))
print("share explained by the class, %:", *(f"{v:.0f}" for v in explained))
""")
code(r"""
@styled
def draw_gates(means, classes):
    order = means.std(0).argsort(descending=True)[:60]  # the channels in which classes differ most
    figure, axis = plt.subplots(figsize=(11, 3.2))
    axis.set(xlabel="channel (those that differ most between classes)", title="Mean gates in the last block")
    image = axis.imshow(means[:, order], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.grid(False)
    axis.set_yticks(range(10), classes)
    figure.colorbar(image, label="gate")

draw_gates(last_means, data.classes)
""")
md(r"""
TODO-NUMBERS <!-- early blocks: gates depend little on the class; late blocks: similar classes (cat/dog, automobile/truck) open similar channels; numbers of the share explained by the class in the first and last block -->

## Stochastic depth, on and off

A regulariser can only help where a network overfits. So we take the largest network of this notebook and give it a tenth of the training images, for many epochs, once without and once with the paper's stochastic depth of 0.2.
""")
code(r"""
def few_images(images, number):
    train_split = Split(images.train.images[:number], images.train.labels[:number])
    return replace(images, name=f"{images.name}, {number:,} training images", train=train_split)

fewer = few_images(at(pixels), few)
dropped = {}
for name, probability in (("off", 0.0), ("0.2", 0.2)):
    build_there = partial(EfficientNet, **{**build.keywords, "stochastic_depth": probability})
    dropped[name] = [train(f"stochastic depth {name}", build_there, fewer, few_epochs, seed)
                     for seed in range(few_seeds)]
regularised = {name: [a for *_, a in trained] for name, trained in dropped.items()}
for name, trained in dropped.items():
    last = [100 * statistics.mean(r.history[f"{s}_accuracy"][-1] for _, r, _ in trained) for s in ("train", "val")]
    print(f"{name:4} training accuracy {last[0]:.1f} %, validation accuracy {last[1]:.1f} %")
compare(regularised, "off")
plot_spread(regularised, "test accuracy (%)", fewer.name)
""")
md(r"""
TODO-NUMBERS <!-- gap between training and validation accuracy with and without; test accuracies and spread; whether it helps here; that training accuracy is measured with blocks dropped -->
""")
code(r"""
everything = [
    *((f"scaled: {name}", trained) for name, trained in results.items()), ("base, no squeeze-and-excitation", lean),
    *((f"main, {few:,} images, stochastic depth {name}", trained) for name, trained in dropped.items()),
]
rows = [{"what": name, "paper": None, "reproduction": None, "runs": [(a, r) for _, r, a in trained]}
        for name, trained in everything]
report("EfficientNet", "test accuracy, %", data.name, "45k/5k", None, rows, table="experiments")
""")
md(r"""
## From AlexNet to EfficientNet

Several networks of this collection were trained on CIFAR-10 on two cores. Their notebooks have stored the results, so we can put them into one plot: the accuracy against the multiply-adds for one image. Only what has been stored is drawn. Two of these networks are thinner than in their papers, and we rebuild those here to count them.
""")
code(r"""
def quarter_vgg16():
    layers = [layer if layer == "pool" else layer // 4 for layer in CONFIGURATIONS["D"]]
    return VGG(layers, 10, True, head="small")

def eighth_inception():
    layers, channels = [Conv(3, 24, 3, batch_norm=True), nn.MaxPool2d(3, stride=2, ceil_mode=True)], 24
    for name, widths in MODULES.items():
        if name in ("4a", "5a"):
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        layers.append(InceptionModule(channels, tuple(width // 8 for width in widths), batch_norm=True))
        channels = layers[-1].out_channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))

STORED = [  # name, year, folder of its results, how the row of the network begins, how to build it
    ("AlexNet", 2012, "architectures/alexnet", "all of it", alexnet_cifar),
    ("VGG-16", 2014, "architectures/vgg", "D (VGG-16) with batch norm, a quarter", quarter_vgg16),
    ("Inception", 2014, "architectures/inception", "Inception", eighth_inception),
    ("ResNet-20", 2015, "resnet", "ResNet-20", partial(cifar_resnet, 20)),
    ("MobileNet", 2017, "architectures/mobilenet", "MobileNet, width 0.5, total stride 8",
     partial(MobileNetV1, 10, 0.5, total_stride=8)),
]
""")
code(r"""
def stored_result(folder, beginning):
    # (accuracy in %, epochs) of the network's row in the results of a run on two cores, or None
    for name in ("paper", "cpu"):
        path = root / folder / "results" / f"{name}.json"
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"data": None, "rows": []}
        for row in content["rows"] if content["data"] == "CIFAR-10" else []:
            if row["what"].startswith(beginning) and row["ours"]:
                mean = statistics.mean(row["ours"])
                return (100 - mean if "error" in content["metric"] else mean), max(row["epochs"])

points = []  # (label, million multiply-adds, accuracy)
for name, year, folder, beginning, build_there in STORED:
    found = stored_result(folder, beginning)
    if found is None:
        print(f"{name}: no stored result")
    else:
        points.append((f"{name} ({year}), {found[1]} epochs", macs(build_there, 32) / 1e6, found[0]))
if scale == "cpu":  # trained on other data at scale quick, on another chip at gpu
    points.append((f"EfficientNet (2019), {epochs} epochs", macs(build, pixels) / 1e6, accuracy))
    base = statistics.mean(accuracies["base"])
    points.append((f"its base, {short} epochs", costs["base"] / 1e6, base))
for label, millions, value in points:
    print(f"{label:38} {millions:6.1f} million multiply-adds, {value:.2f} %")
""")
code(r"""
@styled
def plot_years(points):
    figure, axis = plt.subplots(figsize=(9, 4.4))
    for colour, (label, millions, value) in zip(COLOURS, points):
        axis.plot(millions, value, "o", color=colour, markersize=8)
        axis.annotate(label, (millions, value), xytext=(7, -4), textcoords="offset points", fontsize=10)
    largest = max((millions for _, millions, _ in points), default=1)
    axis.set(xscale="log", xlim=(1, 6 * largest), xlabel="million multiply-adds for an image (log scale)",
             ylabel="test accuracy (%)", title="CIFAR-10, networks of this collection trained on two cores")

plot_years(points)
""")
md(r"""
TODO-NUMBERS <!-- what to see: accuracy and cost; efficiency of the 2017-2019 nets: N % with a tenth of the multiply-adds of ...; -->

Read this plot with care. Each training was planned for its own notebook, and their lengths differ tenfold, as the labels say. It shows what each of these networks reached here, and not how good each could be. What does carry over is the horizontal axis: the later networks do with a few million multiply-adds what took their predecessors ten times as many.

## Look inside: the mistakes
""")
code(r"""
with torch.no_grad():
    probabilities = torch.cat([net.eval()(x).softmax(dim=1) for x, _ in test_loader])
show_mistakes(at(pixels).test.images, data.test.labels, probabilities, data.classes,
              title=f"{at(pixels).name}: most confident mistakes")
""")
md(r"""
TODO-NUMBERS <!-- a sentence on what is confused with what -->

## Use the published weights

The released networks have been trained on ImageNet, each at its own resolution. **Use the right size:** a network that learned from objects of a certain size in pixels recognises objects of that size best. The published weights also belong with a certain interpolation. torchvision keeps both beside its weights, so we ask it instead of guessing: "resize" is the shorter side after resizing, "crop" the central square that the network gets.
""")
code(r"""
for name in RELEASED:
    weights = torchvision.models.get_model_weights(f"efficientnet_{name}").IMAGENET1K_V1
    how = weights.transforms()
    print(f"{name}: resize to {how.resize_size[0]}, crop {how.crop_size[0]}, {how.interpolation.value},",
          f"top-1 {weights.meta['_metrics']['ImageNet-1K']['acc@1']} %")
    assert how.crop_size[0] == RELEASED[name][2] or name == "b2"
""")
md(r"""
Only B2 differs from the paper: torchvision evaluates it at 288 pixels instead of 260. Our layers have torchvision's names, so its weights load directly. Set `my_photo` to a photograph of your own, and the next cell prints the five most probable ones of ImageNet's 1,000 classes. Without one, it takes an image of CIFAR-10, which is far too small for this network. The weights are downloaded (21 MB); where that is not possible, the cell says so.
""")
code(r"""
my_photo = None  # "my-dog.jpg"

def load_published(name):
    # (our network with torchvision's weights, its transforms, the classes), or None without a network connection
    weights = torchvision.models.get_model_weights(f"efficientnet_{name}").IMAGENET1K_V1
    try:
        state = weights.get_state_dict(progress=False, check_hash=True)
    except OSError as error:
        print(f"The weights could not be downloaded ({type(error).__name__}): run this cell where there is internet.")
        return None
    model = efficientnet(name).eval()
    model.load_state_dict(state)
    return model, weights.transforms(), weights.meta["categories"]

published = None if scale == "quick" else load_published("b0")
if published:
    model, transforms, categories = published
    photo = read_image(my_photo) if my_photo else data.test.images[0]  # (H, W, 3)
    with torch.no_grad():
        probabilities = model(transforms(photo.permute(2, 0, 1))[None]).softmax(dim=1)[0]
    for probability, i in zip(*(values.tolist() for values in probabilities.topk(5))):
        print(f"{100 * probability:5.1f} %  {categories[i]}")
""")
md(r"""
Even without the weights we can check that our B0 is torchvision's: with the same random weights both give the same output.
""")
code(r"""
set_seed(SEED)
ours, theirs = efficientnet("b0").eval(), torchvision.models.efficientnet_b0().eval()
theirs.load_state_dict(ours.state_dict())
x = torch.randn(2, 3, 64, 64)
with torch.no_grad():
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)
print("B0: equal to torchvision's")
""")
md(r"""
## Save it, load it, classify an image of your own

Set `my_image` to a file in which one of the ten things fills most of the frame. Without one, we take a test image of each class. The network's own resolution is stored with its weights, because an image of another size would give worse answers.
""")
code(r"""
path = checkpoint_dir() / scale / "EfficientNet" / "efficientnet-weights.pt"
about = {"net": build.keywords, "size": pixels, "classes": list(data.classes)}
about |= {"mean": list(data.mean), "std": list(data.std)}
save_weights(net, path, **about, accuracy=accuracy, made=run.made())
reader = EfficientNet(**about["net"])
facts = load_weights(reader, path, device)
with torch.no_grad():
    assert torch.equal(reader.eval()(some[:100]), net.eval()(some[:100]))
print(f"{path.stat().st_size / 1e6:.2f} MB, {facts['size']} pixels a side\n{facts['made']}")
""")
code(r"""
# For the README: ten test images and what the trained network says of them
my_image = None  # "my-cat.jpg"
chosen = [(data.test.labels == c).nonzero()[0].item() for c in range(10)]
own = read_image(my_image, size=pixels)[None] if my_image else at(pixels).test.images[chosen]
with torch.no_grad():
    answers = reader(test_loader.normalise(own.to(device))).softmax(dim=1).cpu()
sure, best = answers.max(dim=1)
titles = [f"{data.classes[c]}\n{100 * p:.0f} %" for c, p in zip(best, sure)]
show_images(own, titles, columns=min(10, len(own)), size=1.1)
""")
md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| data | ImageNet, 224 to 600 pixels | CIFAR-10, 20 to 32 pixels |
| network that is scaled | B0, from an architecture search | a small base of our own with the same block, expansion 3, kernels 3×3; B0 itself at scales `gpu` and `paper` |
| cost of the comparison | 4 to 5 times the base's | 2.4 times the base's |
| optimiser | RMSprop, rate decayed by 0.97 every 2.4 epochs, moving average of the weights | SGD with Nesterov momentum, one-cycle schedule |
| regularisation | AutoAugment, stochastic depth 0.2, dropout 0.2 to 0.5, weight decay 1e-5 | crops and flips, no dropout, weight decay 5e-4 on the weights that mix channels |
| batch norm | momentum 0.99, which PyTorch writes as 0.01 | PyTorch's default 0.1, as in torchvision's B0 to B4 |

## Exercises

1. **Your own factors.** Repeat the paper's grid search in miniature: find two more triples of (depth, width, pixels) with the cost of "all together" within 3 %, and train them with three seeds. Is any of them clearly better? *Hint: `macs(network(depth, width), pixels)`.*
2. **A second budget.** Scale the base in all four ways to the cost of $\phi = 2$. Does the advantage of scaling together grow with the budget, as in the paper's Figure 8?
3. **Where squeeze-and-excitation pays.** Switch it off in the first two stages alone, or in the last alone. Compare with what the gates did above.
4. **A cheaper gate.** Replace the two linear layers of `SqueezeExcitation` by one number per channel that does not depend on the image. How much of the gain is left?
5. **The wrong size.** Evaluate the trained main network on images of 20, 26 and 32 pixels. At which does it do best, and why is a larger image not always better?

## Further reading

- Tan & Le, [EfficientNet](https://arxiv.org/abs/1905.11946), 2019, and [EfficientNetV2](https://arxiv.org/abs/2104.00298), 2021, which replaces early depthwise convolutions because they are slow on real chips.
- Hu, Shen & Sun, [Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507), 2018.
- Huang and others, [Deep Networks with Stochastic Depth](https://arxiv.org/abs/1603.09382), 2016.
- Sandler and others, [MobileNetV2](https://arxiv.org/abs/1801.04381), 2018: the block without squeeze-and-excitation.
- Bello and others, [Revisiting ResNets](https://arxiv.org/abs/2103.07579), 2021: how much of the progress is training and scaling, and how much architecture.
""")

book = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}})
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i:03d}"
nbformat.write(book, Path(__file__).with_name("EfficientNet.ipynb"))
import re  # noqa: E402
words = sum(len(re.sub("<!--.*?-->", "", c.source, flags=re.S).split()) for c in cells if c.cell_type == "markdown")
long = [len(c.source.splitlines()) for c in cells if c.cell_type == "code" and not c.source.startswith("# %load")]
wide = [line for c in cells if c.cell_type == "code" for line in c.source.splitlines() if len(line) > 120]
print(f"{len(cells)} cells, {words} words of markdown, longest code cell {max(long)} lines; too wide: {wide}")
