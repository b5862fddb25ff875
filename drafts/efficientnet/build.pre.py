"""Write EfficientNet.ipynb beside this file from the cells below; synced cells are filled from the sources."""

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, "/work/main")
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

You will build the eight EfficientNets from one block and a few numbers, check the paper's rule of *compound scaling* against exact counts, scale a small network in four ways to the same cost on CIFAR-10, and end with a trained classifier.

**How long it takes.** TODO-NUMBERS <!-- minutes of training of the stored run at scale cpu, number of trainings, hardware, threads --> Scales: `quick` (a minute, generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (trains a B0 for 32 pixels), `paper` (the same, for 200 epochs).
""")
code("# Setup: find")
code(r"""
import json
import math
import statistics
import time
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
    RELEASED, STAGES, EfficientNet, check_images, compound_scaling, init_weights, reduced_strides, round_repeats
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
TINY = dict(stem=10, multiple=1, total_stride=4, dropout=0.0, stochastic_depth=0.0)
TINY_STAGES = ((2, 3, 2, 20), (3, 3, 2, 20), (3, 3, 1, 30))  # expansion, kernel size, stride, channels
WAYS = {  # a small network and four ways to enlarge it: blocks in its three stages, width, pixels
    "base": ((2, 2, 2), 1.0, 16), "deeper": ((9, 9, 9), 1.0, 16), "wider": ((2, 2, 2), 2.13, 16),
    "higher resolution": ((2, 2, 2), 1.0, 32), "all together": ((3, 3, 3), 1.21, 21),
}

def tiny(blocks=(2, 2, 2), width=1.0, **options):
    stages = tuple((*stage, number) for stage, number in zip(TINY_STAGES, blocks))
    return partial(EfficientNet, num_classes=10, width=width, stages=stages, **{**TINY, **options})

def maps_of(build, pixels):
    # (channels, side) of the feature maps behind the first convolution and behind each block
    shapes = []
    with torch.device("meta"):  # shapes alone; nothing is computed
        features = build().eval().features
        for layer in (features[0], *(block for stage in features[1:-1] for block in stage)):
            layer.register_forward_hook(lambda layer, args, output: shapes.append(output.shape[1:3]))
        features(torch.empty(1, 3, pixels, pixels))
    return shapes

@styled
def draw_ways(ways):
    figure, axis = plt.subplots(figsize=(11, 5))
    for column, (name, (blocks, width, pixels)) in enumerate(ways.items()):
        bottom = 0.0
        for channels, side in maps_of(tiny(blocks, width), pixels):
            corner = (column - channels / 150, bottom)
            axis.add_patch(Rectangle(corner, channels / 75, side, facecolor=COLOURS[column], edgecolor="white"))
            bottom += side + 1.5
        axis.text(column, -4, f"{name}\n{pixels} pixels", ha="center", va="top")
    axis.set(xlim=(-0.6, len(ways) - 0.4), ylim=(-30, 230), title="Five networks (the image enters at the bottom)")
    axis.axis("off")

draw_ways(WAYS)
""")
md(r"""
Each slab is the feature map behind the first convolution or behind one block: the longer the slab, the more channels; the thicker, the larger the map. The four networks on the right cost the same number of multiply-adds, four times as many as the one on the left. Which of them would you build?

## The paper in brief

**The question.** You have a good network and suddenly several times the computing budget. You can add layers (depth), add channels (width), or feed larger images (resolution). Until 2019 people usually turned one dial: ResNet grew in depth, MobileNet in width.

**The observation.** Each dial helps at first and then saturates. The dials also depend on each other: in larger images the objects are larger, so the network needs more layers until its receptive field covers one, and more channels for the finer detail. So they should be turned together.

**The idea.** *Compound scaling* ties the three dials to one number $\phi$:

$$\text{depth } d = \alpha^\phi, \qquad \text{width } w = \beta^\phi, \qquad \text{resolution } r = \gamma^\phi, \qquad \alpha \cdot \beta^2 \cdot \gamma^2 \approx 2.$$

Twice as many layers cost twice as much. Twice the channels cost four times as much in a 1×1 convolution, where every output channel reads every input channel. (A depthwise convolution only costs twice as much, but the 1×1 convolutions dominate.) Twice the resolution costs four times as much, because there are four times as many spatial positions. Hence the squares: each step of $\phi$ should double the cost. A grid search at $\phi = 1$ gave $\alpha = 1.2$, $\beta = 1.1$, $\gamma = 1.15$. The network to start from, **EfficientNet-B0**, came from an automatic architecture search in the search space of [MnasNet](https://arxiv.org/abs/1807.11626), with the reward $\text{accuracy} \cdot (\text{FLOPS} / T)^{-0.07}$ for a target cost $T$. What the paper calls FLOPS are multiply-adds.

**The headline results** are on ImageNet. B0 to B7 reach a top-1 accuracy from 77.1 % to 84.3 %, with several times fewer parameters and multiply-adds than other networks of the same accuracy at the time.

## The data

We train on CIFAR-10: ten classes, images of 32×32 pixels, 45,000 for training, 5,000 for validation and 10,000 for the test, by which nothing is chosen. Since resolution is one of the dials, we also need smaller copies.
""")
code(r"""
data = load_shapes(train=200, val=100, test=100) if scale == "quick" else load_cifar10()
print(f"{data.name}:", *(f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")))

def shrunk(images, size):
    # uint8 (N, 32, 32, 3) -> (N, size, size, 3), antialiased
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
pairs = [shrunk(data.train.images[first], size) for size in (32, 16)]
titles = [*data.classes, *["16 pixels"] * 10]
show_images([image for images in pairs for image in images], titles, title=f"{data.name} at 32 and at 16 pixels")
""")
md(r"""
At 16 pixels many images can still be recognised, but their details are gone. So a higher resolution has something to give here.

## The block

EfficientNet has a single kind of block, **MBConv**, which is the *inverted residual* of MobileNetV2. A 1×1 convolution expands the channels sixfold, a depthwise convolution filters each channel by itself, and another 1×1 convolution projects back to few channels. Where the stride is 1 and the numbers of input and output channels are equal, a shortcut joins the two narrow ends, the bottlenecks. MnasNet had already put *squeeze-and-excitation* inside; EfficientNet adds *stochastic depth* and the activation SiLU (Swish), $x \cdot \sigma(x)$, a smooth relative of the ReLU.
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
**Squeeze-and-excitation** lets the whole image decide how much each channel counts. This branch first *squeezes* every channel into one number, its average over the map. Two linear layers turn these numbers into one factor (a *gate*) between 0 and 1 for each channel, and the *excitation* multiplies each channel by its gate. The layer between them is narrow, which keeps the branch cheap. (In the original paper it has a ReLU, not SiLU, and a reduction ratio of 16.)

Let us do it by hand for four channels and a middle layer of a single unit. The averages are 4, 2, 1 and 1. The first layer computes (channel 1 − channel 2) = 2, and SiLU turns that into $2\,\sigma(2) = 1.76$. The second layer gives this number to channel 1, its negative to channel 3, and nothing to the other two.
""")
code(r"""
x = torch.tensor([[3.0, 5.0], [2.0, 2.0], [0.0, 2.0], [1.0, 1.0]]).view(1, 4, 1, 2)  # 4 channels, 1 × 2 positions
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
Channel 1 passes almost unchanged, channel 3 is nearly shut, and the other two are halved, because $\sigma(0) = 0.5$. An image with other averages would get other gates. Here is the layer; its linear layers are written as convolutions on 1×1 feature maps. We give it the weights from above and expect the same output.
""")
code("# %load -s SqueezeExcitation efficientnet.py")
code(r"""
layer = SqueezeExcitation(4, 1)
with torch.no_grad():
    layer.fc1.weight[:] = torch.tensor([1.0, -1.0, 0.0, 0.0]).view(1, 4, 1, 1)
    layer.fc2.weight[:] = torch.tensor([1.0, 0.0, -1.0, 0.0]).view(4, 1, 1, 1)
    layer.fc1.bias.zero_()
    layer.fc2.bias.zero_()
    torch.testing.assert_close(layer(x), out)
print("gates of the layer:", [round(value, 3) for value in layer.gates(x).flatten().tolist()])
""")
md(r"""
**Stochastic depth** is dropout for whole blocks. In training, the residual branch of a block is dropped with probability $p$, separately for each image, so the image passes through a shallower network. What is kept is divided by $1 - p$, so that the expectation stays what it was,

$$\mathbb E\Big[\frac{b}{1-p}\, f(x)\Big] = f(x), \qquad b \sim \text{Bernoulli}(1 - p),$$

and nothing has to be corrected in evaluation mode. (In the original of Huang et al. a whole mini-batch drops a layer together, and the correction comes at test time.) The probability rises linearly with the block, because all later blocks build on the early ones: block $i = 0, 1, \dots$ of $N$ has $p = 0.2\, i / N$.
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
Every image gets either 0 or 3 / 0.8 = 3.75, and the mean is 3 within its standard error. Now the block, from convolutions that are followed by batch norm and an activation. The middle layer of its squeeze-and-excitation has a quarter of the block's *input* channels.
""")
code("# %load -s conv_bn,MBConv efficientnet.py")
code(r"""
set_seed(SEED)
block, x = MBConv(24, 24, 3, stride=1, expansion=6).eval(), torch.randn(2, 24, 8, 8)
expand, depthwise = 24 * 144 + 2 * 144, 9 * 144 + 2 * 144  # weights, and two numbers a channel in batch norm
gate, project = (144 * 6 + 6) + (6 * 144 + 144), 144 * 24 + 2 * 24
assert sum(p.numel() for p in block.parameters()) == expand + depthwise + gate + project == 10_710
with torch.no_grad():
    torch.testing.assert_close(block(x), x + block.block(x))
assert MBConv(24, 40, 5, stride=2, expansion=6)(x).shape == (2, 40, 4, 4)  # without a shortcut
print(f"parameters: expand {expand}, depthwise {depthwise}, squeeze-and-excitation {gate}, project {project}")
""")
md(r"""
## B0 and its factors

The search returned the following network. A column is a *stage*, a group of $n$ blocks with expansion $t$, kernel size $k$ and $c$ output channels; its first block has stride $s$. The stages are preceded by a 3×3 convolution to 32 channels with stride 2, and followed by a 1×1 convolution to 1,280 channels, global average pooling and a linear layer.

| $t$ | 1 | 6 | 6 | 6 | 6 | 6 | 6 |
|---|---|---|---|---|---|---|---|
| $k$ | 3 | 3 | 5 | 3 | 5 | 5 | 3 |
| $s$ | 1 | 2 | 2 | 2 | 1 | 2 | 1 |
| $c$ | 16 | 24 | 40 | 80 | 112 | 192 | 320 |
| $n$ | 1 | 2 | 2 | 3 | 3 | 4 | 1 |

To scale it, multiply every $n$ by the depth factor and every channel number by the width factor. Both have to be integers, so channels are rounded to the nearest multiple of 8 (which suits the hardware, and is never more than 10 % below the product), and blocks upwards.
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
Rounding is no small matter: we asked for 1.2 times the depth and got 1.44 times, because every stage is rounded up, while the first two channel numbers did not move. Now the whole network:
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
The maps shrink from 224 to 7 pixels, an *output stride* of 32. Drawn are the bottlenecks; inside a block there are six times as many channels. Only nine of B0's 16 blocks have a shortcut, so stochastic depth acts in nine branches. How many does an image drop on average?
""")
code(r"""
with_shortcut = [block for stage in net.features[1:-1] for block in stage if block.residual]
probabilities = [block.stochastic_depth.p for block in with_shortcut]
print("p where there is a shortcut:", *(f"{p:.3f}" for p in probabilities))
print(f"an image drops {sum(probabilities):.2f} of {len(probabilities)} branches on average")
assert len(probabilities) == 9 and math.isclose(max(probabilities), 0.175)
""")
md(r"""
About one. The last block would have $p = 0.2 \cdot 15/16$, but it changes the number of channels and has no shortcut.

The next cell prints the eight released networks, each at its own resolution: their factors, our counts beside the paper's rounded ones, and the paper's top-1 accuracy. (For B0 the paper has 77.1 % in this table and 77.3 % in its comparison of ways to scale.) The last column checks the paper's intuition that larger images need more layers. The *receptive field* is the side, in pixels, of the square that one position of the last feature map depends on; squeeze-and-excitation, which sees the whole image, is left out.
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

def receptive_field(model):
    # a side in pixels; the 1×1 convolutions of squeeze-and-excitation add nothing
    field, step = 1, 1  # step: how many pixels lie between neighbours of a map
    for layer in model.features.modules():
        if isinstance(layer, nn.Conv2d):
            field += (layer.kernel_size[0] - 1) * step
            step *= layer.stride[0]
    return field

PAPER = {  # million parameters, billion multiply-adds, ImageNet top-1 in %
    "b0": (5.3, 0.39, 77.1), "b1": (7.8, 0.70, 79.1), "b2": (9.2, 1.0, 80.1), "b3": (12, 1.8, 81.6),
    "b4": (19, 4.2, 82.9), "b5": (30, 9.9, 83.6), "b6": (43, 19, 84.0), "b7": (66, 37, 84.3),
}
counted, fields = {}, {}
print("   width depth pixels dropout  parameters (paper)     multiply-adds (paper)  top-1  field / side")
for name, (width, depth, side, dropout) in RELEASED.items():
    with torch.device("meta"):
        model = efficientnet(name)
    millions, billions, top_1 = PAPER[name]
    counted[name], fields[name] = macs(partial(efficientnet, name), side), receptive_field(model)
    print(f"{name} {width:5} {depth:5} {side:6} {dropout:7} {count(model):11,} ({millions:>3} M)",
          f"{counted[name]:15,} ({billions:>4} B) {top_1:6} {fields[name]:5} / {side} = {fields[name] / side:.1f}")
    assert abs(count(model) / 1e6 / millions - 1) < 0.04 and abs(counted[name] / 1e9 / billions - 1) < 0.05
print(f"B0 with B7's images: {fields['b0']} / 600 = {fields['b0'] / 600:.1f}")
assert counted["b0"] == 385_814_752 and fields["b0"] == 851
""")
md(r"""
The counts agree with the paper's to within 5 %. From B1 to B7 the receptive field stays between 4.5 and 5.2 times the image's side, because depth grows with resolution; larger images alone would bring B0's down to 1.4.

## Does $2^\phi$ hold?

The rule promises that each step of $\phi$ about doubles the cost; exactly, the factor is $\alpha\beta^2\gamma^2 = 1.92$. For $\phi = 0 \dots 7$ we build the network with $\alpha^\phi$, $\beta^\phi$ and $\gamma^\phi$, rounded as above, and count. Then we ask where B1 to B7 stand. Depth, width, resolution and cost each imply a $\phi$: the depth $\log d / \log \alpha$, and the cost $C$ the value $\log(C / C_{B0}) / \log(\alpha\beta^2\gamma^2)$. If a network followed the rule exactly, all four would agree.
""")
code(r"""
def by_rule(phi):
    depth, width, resolution = compound_scaling(phi)
    return macs(partial(EfficientNet, width=width, depth=depth), round(224 * resolution)) / counted["b0"]

phis = range(0, 4 if scale == "quick" else 8)
rule, growth = [by_rule(phi) for phi in phis], 1.2 * 1.1**2 * 1.15**2
print("φ                     ", *(f"{phi:6}" for phi in phis))
print("multiply-adds, × B0   ", *(f"{value:6.2f}" for value in rule))
print(f"above {growth:.3f}^φ, %      ", *(f"{100 * (v / growth**phi - 1):6.0f}" for phi, v in zip(phis, rule)))
implied = {name: [] for name in ("depth", "width", "resolution", "multiply-adds")}
for name, (width, depth, pixels, _) in RELEASED.items():
    logs = torch.tensor([depth, width, pixels / 224, counted[name] / counted["b0"]]).log()
    for values, phi in zip(implied.values(), logs / torch.tensor([1.2, 1.1, 1.15, growth]).log()):
        values.append(phi.item())
print("φ implied by          ", *(f"{name:>6}" for name in RELEASED))
for what, values in implied.items():
    print(f"  {what:20}", *(f"{value:6.2f}" for value in values))
""")
code(r"""
@styled
def plot_rule():
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(phis, [2**phi for phi in phis], color="black", label="$2^φ$")
    left.plot(phis, [growth**phi for phi in phis], "--", color="black", label=f"$(αβ²γ²)^φ = {growth:.2f}^φ$")
    left.plot(phis, rule, "o", color=COLOURS[0], label="counted, factors rounded")
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
**The cost grows by about 1.9 a step, but rounding adds to it.** The first step is the worst: at $\phi = 1, 2, 3$ the counted cost lies 34, 27 and 19 % above $1.92^\phi$, because blocks are rounded up, and the excess shrinks as the networks grow.

**A released network is not on one $\phi$, and its number is not its $\phi$ either.** By depth and resolution B1 is at $\phi \approx 0.5$, B2 at 1 and B3 at 2. B7's width, resolution and cost all mean $\phi \approx 7$; only its depth lags behind, at 6.2. The published code sets these coefficients by hand, as short numbers near the powers. So the formula is the idea behind the family rather than its recipe.

## Networks for two cores

Two cores cannot train B4, so we apply the rule to small networks of our own with the same block. The *main network* is a base of 2.5 million multiply-adds at 20 pixels, scaled together with $\phi = 2$. The comparison of ways to scale needs fifteen trainings, so it starts from the smaller network of the first drawing, at 16 pixels. We round channels to multiples of 4 and of 1 instead of 8: with so few channels, a width of 1.1 would otherwise change almost nothing.
""")
code(r"""
BASE = dict(stages=((1, 3, 1, 8, 1), (3, 3, 2, 24, 2), (3, 3, 2, 56, 3)), stem=16, multiple=4, total_stride=4,
            dropout=0.0, stochastic_depth=0.0)  # for 20 pixels
B0 = dict(total_stride=8, dropout=0.2, stochastic_depth=0.2)  # for 32 pixels: the first two strides of 2 become 1
KNOBS = {  # main: φ (None: B0), epochs, learning rates to probe; short, the comparison: epochs, seeds, learning rate;
    # few images: how many to train on and to validate with, epochs, seeds
    "quick": dict(main=(0, 1, (0.05, 0.1)), short=(1, 1, 0.1), few=(100, 50, 1, 1), batch=50, smoothing=0.0),
    "cpu": dict(main=(2, 40, (0.3, 0.6)), short=(11, 3, 0.4), few=(2000, 1000, 40, 2), batch=128, smoothing=0.0),
    "gpu": dict(main=(None, 40, (0.2,)), short=(15, 3, 0.4), few=(2000, 1000, 40, 2), batch=128, smoothing=0.1),
    "paper": dict(main=(None, 200, (0.2,)), short=(60, 3, 0.4), few=(2000, 1000, 200, 3), batch=128, smoothing=0.1),
}
knobs = KNOBS[scale]
(phi, epochs, rates), (short, seeds, short_rate) = knobs["main"], knobs["short"]
few, few_val, few_epochs, few_seeds = knobs["few"]
# SGD with Nesterov momentum, a one-cycle schedule, random crops and flips
RECIPE = {"momentum": 0.9, "weight_decay": 5e-4, "warm_up": 0.2}
precision = "float32" if device.type == "cpu" else None  # depthwise convolutions are slower in bfloat16 on CPUs
""")
md(r"""
The optimiser is the usual one for CIFAR-10 instead of the paper's RMSprop. We apply no weight decay to depthwise kernels, batch norm and biases. Dropout and stochastic depth are off in our small networks, because these underfit rather than overfit; B0, at scales `gpu` and `paper`, has 0.2 of both.
""")
code(r"""
def objective(model, images, labels):
    logits = model(images)  # (B, classes)
    right = (logits.argmax(dim=1) == labels).sum()
    smoothing = knobs["smoothing"] if model.training else 0.0
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, build, images, epochs, rate, seed=SEED, lines=1, test=True):
    # returns (model, run, test accuracy in %); the same seed gives the same weights and the same order of images
    set_seed(seed)
    model, pixels = build().to(device), images.train.images.shape[1]
    decayed = [p for p in model.parameters() if p.ndim > 1 and p.shape[1] > 1]
    others = [p for p in model.parameters() if p.ndim == 1 or p.shape[1] == 1]  # depthwise kernels, batch norm, biases
    groups = [{"params": decayed, "weight_decay": RECIPE["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=rate, momentum=RECIPE["momentum"], nesterov=True)
    options = dict(shuffle=True, augment=True, padding=pixels // 8, flip=scale != "quick", seed=seed)
    loader = ImageLoader(images, "train", knobs["batch"], device, **options)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=RECIPE["warm_up"], cycle_momentum=False
    )
    val = {"val": ImageLoader(images, "val", 500, device)}
    print(f"{name}, seed {seed}")
    run = fit(model, loader, optimizer, scheduler, epochs, device, val, objective=objective, precision=precision,
              checkpoint=f"EfficientNet/{name.replace(' ', '-')}-{seed}", lines=lines)
    accuracy = None
    if test:
        accuracy = 100 * evaluate(model, ImageLoader(images, "test", 500, device), device)["accuracy"]
    return model, run, accuracy
""")
md(r"""
**Overfit one batch.** Before a long training we check that the small base network can fit 32 images perfectly.
""")
code(r"""
set_seed(SEED)
model = tiny()().to(device).train()
images, labels = next(iter(ImageLoader(at(16), "train", 32, device)))
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

Two probes of two epochs choose the main network's maximum learning rate by their validation accuracy. They are much shorter than the training itself, so they only protect us from a bad choice. You can interrupt a training at any time: the cells after it work with what there is.
""")
code(r"""
if phi is None:
    build, pixels, title = partial(EfficientNet, num_classes=10, **B0), 32, "B0, total stride 8"
else:
    depth, width, resolution = compound_scaling(phi)
    build = partial(EfficientNet, num_classes=10, width=width, depth=depth, **BASE)
    pixels, title = round(20 * resolution), f"base scaled together, φ = {phi}"
tried = {}
for rate in rates if len(rates) > 1 else ():
    _, probe, _ = train(f"probe {rate}", build, at(pixels), 2, rate, test=False)
    tried[rate] = 100 * max(probe.history.get("val_accuracy", [0]))
main_rate = max(tried, key=tried.get) if tried else rates[0]
for rate, value in tried.items():
    print(f"learning rate {rate}: validation accuracy {value:.1f} %")
print("learning rate of the main training:", main_rate)
""")
code(r"""
net, run, accuracy = train("main", build, at(pixels), epochs, main_rate, lines=12)
print(f"{title}: {count(net):,} parameters, {macs(build, pixels) / 1e6:.1f} million multiply-adds at {pixels} pixels")
print(f"{data.name}, test accuracy: {accuracy:.2f} %")
plot_histories({title: run}, at(pixels).name)
""")
md(r"""
TODO-NUMBERS <!-- what the curves show: training and validation close together (the net underfits) or apart; when accuracy rises as the rate falls; final test accuracy -->

Published CIFAR-10 accuracies of EfficientNets come from networks that were pre-trained on ImageNet, so we put none beside this one.
""")
code(r"""
what = f"EfficientNet: {title}, {pixels} pixels"
rows = [{"what": what, "paper": None, "reproduction": None, "runs": [(accuracy, run)]}]
report("EfficientNet", "test accuracy, %", data.name, "45k/5k", None, rows)
""")
md(r"""
## The claim: scale together

First the paper's evidence: four networks, scaled along one dial or along all three to the same cost (the paper's numbers; ImageNet top-1, %):

| network | cost, billion | unscaled | deeper | wider | higher resolution | together |
|---|---|---|---|---|---|---|
| MobileNetV1 | 0.6 → 2.2 | 70.6 | – | 74.2 | 72.7 | **75.6** |
| MobileNetV2 | 0.3 → 1.2 | 72.0 | 76.8 | 76.4 | 74.8 | **77.4** |
| ResNet-50 | 4.1 → 16 | 76.0 | 78.1 | 77.7 | 77.5 | **78.8** |
| B0 | 0.4 → 1.8 | 77.3 | 79.0 | 78.9 | 79.1 | **81.1** |

Now ours, the five networks from the top. "All together" has the rule's factors for $\phi = 2$; the base was chosen such that rounding moves none of them by more than 5 %. The other three turn one dial until they cost the same within 3 %.
""")
code(r"""
builds = {name: tiny(blocks, width) for name, (blocks, width, _) in WAYS.items()}
costs = {name: macs(builds[name], side) for name, (*_, side) in WAYS.items()}
realised, small = {}, maps_of(builds["base"], 16)
print(f"{'':19} depth   width   pixels  receptive field / side  parameters  multiply-adds")
for name, (_, _, side) in WAYS.items():
    maps, model = maps_of(builds[name], side), builds[name]()
    width = statistics.mean((maps[0][0] / small[0][0], maps[1][0] / small[1][0], maps[-1][0] / small[-1][0]))
    realised[name] = (len(maps) - 1) / (len(small) - 1), width, side / 16
    factors = "  ".join(f"{factor:6.2f}" for factor in realised[name])
    print(f"{name:18} {factors}  {receptive_field(model):15} / {side}  {count(model):10,}  {costs[name]:13,}")
rule_2 = compound_scaling(2)
print(f"{'the rule, φ = 2':18}", "  ".join(f"{factor:6.2f}" for factor in rule_2))
assert WAYS["all together"] == ((round_repeats(2, rule_2[0]),) * 3, round(rule_2[1], 4), round(16 * rule_2[2]))
assert all(abs(found / wanted - 1) < 0.05 for found, wanted in zip(realised["all together"], rule_2))
for name, dial in (("deeper", 0), ("wider", 1), ("higher resolution", 2)):
    assert all((value > 1) == (i == dial) for i, value in enumerate(realised[name]))
scaled_costs = [cost for name, cost in costs.items() if name != "base"]
assert max(scaled_costs) / min(scaled_costs) < 1.03 and 3.9 < min(scaled_costs) / costs["base"] < 4.1
""")
md(r"""
With larger images alone, the receptive field hardly covers the image, which is the paper's intuition. Equal multiply-adds are not equal time, so we measure a training step of each.
""")
code(r"""
def step_seconds(build, pixels):
    # a function that makes one training step with random images and returns its seconds
    model = build().to(device).train()
    images = torch.randn(knobs["batch"], 3, pixels, pixels, device=device).to(memory_format=torch.channels_last)
    labels = torch.arange(len(images), device=device) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        start = time.perf_counter()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        next(model.parameters())[0, 0, 0, 0].item()  # waits for a GPU
        return time.perf_counter() - start

    return step

set_seed(SEED)
steps = {name: step_seconds(builds[name], WAYS[name][-1]) for name in WAYS}
times = [{name: step() for name, step in steps.items()} for _ in range(3 if scale == "quick" else 15)]  # in turns
milliseconds = {name: 1000 * statistics.median(row[name] for row in times[1:]) for name in WAYS}
for name, value in milliseconds.items():
    print(f"{name:18} {costs[name] / costs['base']:.2f} × the base's multiply-adds, {value:6.1f} ms a step,",
          f"{value / milliseconds['base']:.2f} × its time")
""")
md(r"""
TODO-NUMBERS <!-- milliseconds of a training step, batch 128, hardware and threads: which way costs the least time for the same multiply-adds (width was the cheapest when measured for the plan), which the most, and why (many small layers, large maps of batch norm and SiLU) -->

Then we train each with three seeds. The learning rate is 0.4 for all of them and was not tuned for each.
""")
code(r"""
results = {}
for name, (*_, side) in WAYS.items():
    images = at(side)
    results[name] = [train(name, builds[name], images, short, short_rate, seed) for seed in range(seeds)]
accuracies = {name: [a for *_, a in trained] for name, trained in results.items()}
plot_spread(accuracies, "test accuracy (%)", f"{data.name}: scaled to the same cost")
""")
md(r"""
Each dot is one training run, the bar is the mean. We compare "all together" with the rest. The standard error of the difference of two means is $s\sqrt{2/n}$ for $n$ seeds. Three seeds say little about the standard deviation $s$, so we pool the variances of all groups. We also print the training loss of the last epoch. If it ranks the networks as the accuracy does, they underfit, and the order shows which one learns fastest.
""")
code(r"""
def compare(groups, trained, reference):
    # differences in test accuracy with their standard errors, and the mean training loss of the last epoch
    means, n = {name: statistics.mean(values) for name, values in groups.items()}, len(groups[reference])
    pooled = statistics.mean(statistics.variance(v) if n > 1 else math.nan for v in groups.values()) ** 0.5
    print(f"n = {n} seeds a group, pooled standard deviation {pooled:.2f} points")
    for name, mean in means.items():
        loss = statistics.mean(run.history["train_loss"][-1] for _, run, _ in trained[name])
        difference = "" if name == reference else f"{mean - means[reference]:+6.2f} ± {pooled * (2 / n) ** 0.5:.2f}"
        print(f"{name:18} training loss {loss:.3f}, test accuracy {mean:.2f} %  {difference}")

compare(accuracies, results, "all together")
""")
md(r"""
TODO-NUMBERS <!-- what scaling gives over the base at all; order of the four ways, differences with their standard errors; whether the order by training loss is the same (then the nets underfit, and are ranked by how fast they learn); use no word such as "clear" unless the curves below have flattened. Parameters: 29 thousand (resolution) to 131 thousand (depth). -->
""")
code(r"""
def mean_curves(key, factor=1):
    return {name: [factor * statistics.mean(values) for values in zip(*(r.history[key] for _, r, _ in trained))]
            for name, trained in results.items()}

title_there = f"{data.name}, mean of {seeds} seed{'s' * (seeds > 1)}"
plot_curves({title_there: mean_curves("val_accuracy", 100)}, "epoch", "validation accuracy (%)")
plot_curves({title_there: mean_curves("train_loss")}, "epoch", "training loss")
""")
md(r"""
TODO-NUMBERS <!-- what to see: all lines rise steeply as the learning rate falls; whether lines cross late; whether they have flattened -->

**What this experiment can and cannot say.** It compares four networks at one budget after short trainings on small images. Short trainings favour whatever learns fast. So an order here holds for this setting, and neither confirms nor contradicts the paper, which trains much longer, on ImageNet.

## Squeeze-and-excitation, on and off

We train the small base without its squeeze-and-excitation layers, with the same seeds. The layers have parameters, but they work on averages, so they need almost no multiply-adds.
""")
code(r"""
without = tiny(squeeze=False)
lean = [train("without SE", without, at(16), short, short_rate, seed) for seed in range(seeds)]
for name, build_there in (("with", tiny()), ("without", without)):
    print(f"{name:8} {count(build_there()):,} parameters, {macs(build_there, 16):,} multiply-adds")
squeeze = {"with": accuracies["base"], "without": [a for *_, a in lean]}
compare(squeeze, {"with": results["base"], "without": lean}, "with")
plot_spread(squeeze, "test accuracy (%)", f"{data.name}: squeeze-and-excitation")
""")
md(r"""
TODO-NUMBERS <!-- the gain against the spread; the cost: share of parameters and of multiply-adds -->

**What do the gates do?** We look into the trained main network. For each block, we record the gates of 2,000 test images. How much does a channel's gate vary from image to image, and how much of this variation does the class explain?
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

A regulariser can only help where a network overfits. So we give the main network only 2,000 training images for 40 epochs, once without and once with the paper's probability of 0.2.
""")
code(r"""
def few_images(images, train_number, val_number):
    splits = {"train": (images.train, train_number), "val": (images.val, val_number)}
    fewer = {name: Split(split.images[:n], split.labels[:n]) for name, (split, n) in splits.items()}
    return replace(images, name=f"{images.name}, {train_number:,} training images", **fewer)

fewer = few_images(at(pixels), few, few_val)
dropped = {}
for name, probability in (("off", 0.0), ("0.2", 0.2)):
    build_there = partial(build.func, **{**build.keywords, "stochastic_depth": probability})
    dropped[name] = [train(f"stochastic depth {name}", build_there, fewer, few_epochs, main_rate, seed)
                     for seed in range(few_seeds)]
regularised = {name: [a for *_, a in trained] for name, trained in dropped.items()}
for name, trained in dropped.items():
    last = [100 * statistics.mean(r.history[f"{s}_accuracy"][-1] for _, r, _ in trained) for s in ("train", "val")]
    print(f"{name:4} training accuracy {last[0]:.1f} %, validation accuracy {last[1]:.1f} %")
branches = [module for module in build_there().modules() if isinstance(module, MBConv) and module.residual]
chance = sum(block.stochastic_depth.p for block in branches)
print(f"with 0.2 an image drops {chance:.2f} of {len(branches)} branches on average")
compare(regularised, dropped, "off")
plot_spread(regularised, "test accuracy (%)", fewer.name)
""")
md(r"""
TODO-NUMBERS <!-- does the net overfit at all: gap between training and validation accuracy with and without; test accuracies and spread; whether it helps here; that training accuracy is measured with blocks dropped -->
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
## Accuracy against cost

The paper's main claim is more accuracy on ImageNet for the same multiply-adds. torchvision states the accuracy of its published weights, so we can draw the claim without a download. We count the multiply-adds ourselves.
""")
code(r"""
FAMILIES = {
    "EfficientNet": [f"efficientnet_{name}" for name in RELEASED],
    "ResNet": [f"resnet{layers}" for layers in (18, 34, 50, 101, 152)],
    "MobileNetV2": ["mobilenet_v2"], "MobileNetV3": ["mobilenet_v3_small", "mobilenet_v3_large"],
    "MnasNet": ["mnasnet0_5", "mnasnet1_0"],
    "ResNet, newer training recipe": ["resnet50", "resnet101", "resnet152"],
}

def published(name, version):
    # (multiply-adds in billions, ImageNet top-1 in %) of torchvision's weights
    weights = torchvision.models.get_model_weights(name)[f"IMAGENET1K_V{version}"]
    size, short_name = weights.transforms().crop_size[0], name.removeprefix("efficientnet_")
    if size == RELEASED.get(short_name, (0, 0, 0))[2]:
        cost = counted[short_name] / 1e9
    else:
        cost = macs(getattr(torchvision.models, name), size) / 1e9
    assert abs(cost - weights.meta["_ops"]) < 0.02 * cost + 0.001, name
    return cost, weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]

@styled
def plot_imagenet():
    figure, axis = plt.subplots(figsize=(9, 4.6))
    for colour, (family, names) in zip(COLOURS, FAMILIES.items()):
        newer = "newer" in family
        values = [published(name, 2 if newer else 1) for name in names]
        style = dict(markerfacecolor="white", linestyle="--") if newer else {}
        axis.plot(*zip(*values), marker="o", color=COLOURS[1] if newer else colour, label=family, **style)
        for name, (cost, value) in zip(names, values):
            print(f"{name:18} {cost:7.3f} billion multiply-adds, top-1 {value:.2f} %{', newer recipe' * newer}")
    axis.set(xscale="log", xlabel="billion multiply-adds for an image (log scale)", ylabel="ImageNet top-1 (%)",
             title="ImageNet: torchvision's published weights")
    axis.legend(loc="lower right")

plot_imagenet()
""")
md(r"""
At equal accuracy, EfficientNet needs far fewer multiply-adds than the ResNets with the recipe of their time: B1 (78.6 % with 0.69 billion) is above ResNet-152 (78.3 % with 11.5 billion). But part of the distance is training. The same ResNets gain four to five points with a newer recipe, and ResNet-50 (4.1 billion) then stands between B2 and B3.

A small plot shows what this collection has trained and stored on two cores, with CIFAR-10. Three of these networks are thinner than in their papers. The accuracies are not a fair comparison, because training lengths differ.
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
if scale == "cpu":  # trained on other data at scale quick, on other hardware at gpu
    points.append((f"EfficientNet (2019), {epochs} epochs", macs(build, pixels) / 1e6, accuracy))
for label, millions, value in points:
    print(f"{label:38} {millions:6.1f} million multiply-adds, {value:.2f} %")
""")
code(r"""
@styled
def plot_years(points):
    figure, axis = plt.subplots(figsize=(8, 3.4))
    for colour, (label, millions, value) in zip(COLOURS, points):
        axis.plot(millions, value, "o", color=colour, markersize=8)
        axis.annotate(label, (millions, value), xytext=(7, -4), textcoords="offset points", fontsize=10)
    largest = max((millions for _, millions, _ in points), default=1)
    axis.set(xscale="log", xlim=(1, 6 * largest), xlabel="million multiply-adds for an image (log scale)",
             ylabel="test accuracy (%)", title="CIFAR-10, networks of this collection trained on two cores")

plot_years(points)
""")
md(r"""
TODO-NUMBERS <!-- one sentence: accuracy and cost of the EfficientNet beside ResNet-20's and MobileNet's, with the epochs; no ranking -->

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

The released networks have been trained on ImageNet, each at its own resolution. **Use the right size:** a network recognises objects best at the size in pixels at which it saw them in training. (This can mean [a slightly larger image](https://arxiv.org/abs/1906.06423) in the test, because resized random crops enlarge objects in training.) torchvision keeps the size and the interpolation beside its weights, so we ask it: "resize" is the shorter side after resizing, "crop" the central square that the network gets.
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
Only B2's resolution differs from the paper: torchvision evaluates it at 288 pixels instead of 260. Our layers have torchvision's names, so its weights (21 MB) load directly. Set `my_photo` to a photograph of your own, and the next cell prints its five most probable classes. Without one, it takes an image of CIFAR-10, which is far too small for this network.
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

loaded = None if scale == "quick" else load_published("b0")
if loaded:
    model, transforms, categories = loaded
    photo = read_image(my_photo) if my_photo else data.test.images[0]  # (H, W, 3)
    with torch.no_grad():
        probabilities = model(transforms(photo.permute(2, 0, 1))[None]).softmax(dim=1)[0]
    for probability, i in zip(*(values.tolist() for values in probabilities.topk(5))):
        print(f"{100 * probability:5.1f} %  {categories[i]}")
""")
md(r"""
Even without the weights we can check that our B0 is torchvision's: with the same random weights, batch-norm parameters and statistics, both give the same output.
""")
code(r"""
set_seed(SEED)
ours, theirs = efficientnet("b0").eval(), torchvision.models.efficientnet_b0().eval()
for norm in (module for module in ours.modules() if isinstance(module, nn.BatchNorm2d)):
    nn.init.uniform_(norm.weight, 0.8, 1.6)
    nn.init.uniform_(norm.bias, -0.2, 0.2)
    nn.init.uniform_(norm.running_mean, -0.2, 0.2)
    nn.init.uniform_(norm.running_var, 0.5, 1.5)
theirs.load_state_dict(ours.state_dict())
x = torch.randn(4, 3, 64, 64)
with torch.no_grad():
    logits = ours(x)
    torch.testing.assert_close(logits, theirs(x), rtol=1e-4, atol=1e-5 * logits.abs().max().item())
print(f"B0: equal to torchvision's; standard deviation of the logits {logits.std():.2g},",
      f"between images {logits.std(0).mean():.2g}")
""")
md(r"""
## Save it, load it, classify an image of your own

Set `my_image` to a file in which one of the ten things fills most of the frame. The network's resolution is stored with its weights.
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
| data | ImageNet, 224 to 600 pixels | CIFAR-10, 16 to 32 pixels |
| network that is scaled | B0, from an architecture search | small networks of our own, expansion at most 3, kernels 3×3; at scales `gpu` and `paper` the main network is B0, unscaled |
| optimiser | RMSprop, learning rate decayed by 0.97 every 2.4 epochs (the published code also averages the weights) | SGD with Nesterov momentum, one-cycle schedule |
| regularisation | AutoAugment, stochastic depth 0.2, dropout 0.2 to 0.5, weight decay 1e-5 | crops and flips, weight decay 5e-4, not on all parameters; dropout and stochastic depth 0, for B0 0.2 |
| batch norm | momentum 0.99, which PyTorch writes as 0.01 | PyTorch's default 0.1, as in torchvision's B0 to B4 |

## Exercises

1. **Your own factors.** Repeat the paper's grid search in miniature: find two more triples of (blocks, width, pixels) with the cost of "all together" within 3 %, and train them with three seeds. *Hint: `macs(tiny(blocks, width), pixels)`.*
2. **Equal time.** Choose the four ways so that a training step takes equal time instead of equal multiply-adds. What changes?
3. **A constant gate.** Replace the linear layers of `SqueezeExcitation` by one number per channel that does not depend on the image. How much of the gain is left?
4. **The wrong size.** Evaluate the trained main network on images of 20, 26 and 32 pixels. At which does it do best, and why?

## Further reading

- Tan & Le, [EfficientNet](https://arxiv.org/abs/1905.11946), 2019, and [EfficientNetV2](https://arxiv.org/abs/2104.00298), 2021, which replaces early depthwise convolutions because they are slow on real hardware.
- Hu, Shen & Sun, [Squeeze-and-Excitation Networks](https://arxiv.org/abs/1709.01507), 2018.
- Huang and others, [Deep Networks with Stochastic Depth](https://arxiv.org/abs/1603.09382), 2016.
- Sandler and others, [MobileNetV2](https://arxiv.org/abs/1801.04381), 2018.
- Bello and others, [Revisiting ResNets](https://arxiv.org/abs/2103.07579), 2021: how much of the progress is training.
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
