"""Write MobileNet.ipynb beside this file from the cells below; synced cells are filled from the sources."""

import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, "/work/main")
from tools import notebooks  # noqa: E402

PLACE = Path("/work/main/architectures/mobilenet/MobileNet.ipynb")
cells = []


def md(text):
    cells.append(new_markdown_cell(text.strip()))


def code(text):
    first = text.strip().splitlines()[0]
    cells.append(new_code_cell(notebooks.synced_source(first, PLACE) or text.strip()))


md(r"""
# MobileNet

Andrew G. Howard, Menglong Zhu, Bo Chen, Dmitry Kalenichenko, Weijun Wang, Tobias Weyand, Marco Andreetto, Hartwig Adam, [*MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications*](https://arxiv.org/abs/1704.04861) · 2017

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen, [*MobileNetV2: Inverted Residuals and Linear Bottlenecks*](https://arxiv.org/abs/1801.04381) · CVPR 2018

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/mobilenet/MobileNet.ipynb)

At the end you will have a trained CIFAR-10 classifier, its weights in a file of 8-bit integers, and measurements of where such a network's arithmetic and time go. (The integer arithmetic is simulated, the exported graph is the float32 network, and the networks timed at 224 pixels have random weights.)

**How long it takes.** In the stored run the main network classifies 89.91 % of the test images correctly. The stored outputs come from scale `cpu`: 13 trainings with one thread each, two at a time on two cores of an AMD EPYC, 260 minutes in all, 96 of them for the main run. Scales: `quick` (a minute, generated images, no internet; its numbers mean nothing), `cpu`, `gpu`, `paper` (the last two also run two comparisons that `cpu` leaves out).
""")
code("# Setup: find")
code(r"""
import copy
import statistics
import tempfile
import time
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.mobilenet import mobilenet
from architectures.mobilenet.mobilenet import (
    V1_BLOCKS, V2_BLOCKS, check_images, init_weights, reduced_strides, scaled
)
from architectures.resnet.resnet import resnet18
from utils.checkpoint import checkpoint_dir, load_file, load_weights, save_file, save_weights
from utils.device import autocast, choose_precision, dtype_name, get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, plot_spread, show_images, show_mistakes, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
torch.backends.cudnn.allow_tf32 = False  # where a timing says float32, a GPU shall not use a shorter format
""")
code(r"""
draw_flow(
    {
        "n1": ("standard", 0, -0.8, "note"), "x1": ("128 × 28 × 28", 0, 0, "data"),
        "c": ("convolution 3×3\n9 · 128 · 128 weights", 0, 2), "b": ("batch norm, ReLU", 0, 4),
        "y1": ("128 × 28 × 28", 0, 5, "data"), "t1": ("115.6 million multiply-adds", 0, 5.8, "note"),
        "n2": ("depthwise-separable", 2, -0.8, "note"), "x2": ("128 × 28 × 28", 2, 0, "data"),
        "d": ("depthwise 3×3\n9 · 128 weights", 2, 1), "r1": ("batch norm, ReLU", 2, 2),
        "p": ("pointwise 1×1\n128 · 128 weights", 2, 3), "r2": ("batch norm, ReLU", 2, 4),
        "y2": ("128 × 28 × 28", 2, 5, "data"), "t2": ("13.7 million multiply-adds", 2, 5.8, "note"),
    },
    [("x1", "c"), ("c", "b"), ("b", "y1"), ("x2", "d"), ("d", "r1"), ("r1", "p"), ("p", "r2"), ("r2", "y2")],
    "One layer, twice: the same input, the same output, an eighth of the arithmetic",
)
""")
md(r"""
On the left you see the standard convolution. On the right you see what MobileNet puts in its place: a *depthwise-separable* convolution. Laurent Sifre's thesis (2014) introduced it, Xception (2016) built a large network of it, and MobileNet made it the building block of small ones. This notebook shows what the exchange saves, what it costs, and why the running time tells another story than the number of multiply-adds.

## The paper in brief

**The question.** How much arithmetic does an image classifier need? A phone has a small battery and a slow chip.

**The idea.** A standard convolution does two jobs at once: it combines neighbouring *positions* and it mixes *channels*. MobileNet separates the jobs. A *depthwise* convolution gives each channel one 3×3 kernel of its own, which sees no other channel. A *pointwise* (1×1) convolution then mixes the channels at each position. Two numbers turn one network into a family: the *width multiplier* $\alpha$ gives every layer $\alpha$ times its channels, and the *resolution multiplier* $\rho$ shrinks the image.

**The headline results** are ImageNet top-1 accuracies, from Tables 4 (standard convolutions), 6 (width) and 7 (resolution) of the paper and from the MobileNetV2 paper:

| network | accuracy, % | million multiply-adds | million parameters |
|---|---|---|---|
| MobileNet with standard convolutions | 71.7 | 4866 | 29.3 |
| MobileNet, 224 pixels | 70.6 | 569 | 4.2 |
| $\alpha$ = 0.75 / 0.5 / 0.25 | 68.4 / 63.7 / 50.6 | 325 / 149 / 41 | 2.6 / 1.3 / 0.5 |
| 192 / 160 / 128 pixels | 69.1 / 67.2 / 64.4 | 418 / 290 / 186 | 4.2 |
| MobileNetV2 (2018) | 72.0 | 300 | 3.4 |

MobileNet saves seven eighths of the arithmetic for one point of accuracy. MobileNetV2 halves the arithmetic again and is the most accurate of all. We count these networks exactly and repeat some of the comparisons on CIFAR-10.

## The data

CIFAR-10 has ten classes of 32×32-pixel images: 45,000 to train on, 5,000 for validation and 10,000 for the test. We choose nothing on the test set.
""")
code(r"""
data = load_shapes(train=200, val=100, test=100) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
first = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
print(f"{data.name}: {', '.join(sizes)}")
show_images(data.train.images[first], data.classes, title=f"{data.name}: one image of each class")
""")
md(r"""
## A convolution, taken apart

**What it costs.** Let a layer map $M$ channels to $N$ channels on a feature map of $D_F \times D_F$ positions, with kernels of $D_K \times D_K$. A standard convolution sums $D_K^2 \cdot M$ products for each of its $N \cdot D_F^2$ output values. A depthwise convolution sums $D_K^2$ products for each of its $M \cdot D_F^2$ values, and the pointwise one $M$ for each of its $N \cdot D_F^2$. The ratio is

$$\frac{D_K^2\, M\, D_F^2 + M\, N\, D_F^2}{D_K^2\, M\, N\, D_F^2} = \frac{1}{N} + \frac{1}{D_K^2}.$$

With 3×3 kernels and hundreds of channels the first term hardly counts, so a little more than a ninth is left.

**What it can see.** Which input values reach an output channel? The gradient tells us. Each panel shows a layer with 8 input and 8 output channels. A square is blue where the derivative of the output (row) with respect to the input value (column) isn't zero.
""")
code(r"""
def wiring(conv):
    # 1 where an output channel (row) depends on an input channel and kernel position (column)
    window = torch.randn(1, conv.in_channels, *conv.kernel_size)
    derivative = torch.autograd.functional.jacobian(conv, window)  # (1, out, 1, 1, 1, in, height, width)
    return (derivative.reshape(conv.out_channels, -1) != 0).float()

@styled
def draw_wiring(layers):
    figure, axes = plt.subplots(1, len(layers), figsize=(11, 2.4), width_ratios=[4, 4, 1.2])
    for axis, (name, conv) in zip(axes, layers.items()):
        read = wiring(conv)
        axis.imshow(read, cmap="Blues", vmin=0, vmax=1.5, aspect="auto")
        axis.grid(False)
        columns = "input channel" if read.shape[1] == 8 else "input channel × kernel position"
        axis.set(title=f"{name}: {int(read.sum())}", xlabel=columns, ylabel="output channel")

layers = {"standard 3×3": nn.Conv2d(8, 8, 3), "depthwise 3×3": nn.Conv2d(8, 8, 3, groups=8)}
layers["pointwise"] = nn.Conv2d(8, 8, 1)
draw_wiring(layers)
assert [int(wiring(conv).sum()) for conv in layers.values()] == [9 * 8 * 8, 9 * 8, 8 * 8]
""")
md(r"""
MobileNet replaces a dense matrix of 576 weights by a block-diagonal one of 72, in which every channel stands alone, followed by a dense one of 64, which joins the channels again.

**By hand.** Take two channels with two numbers in each, and a kernel of ones. A depthwise convolution adds up each channel by itself; the pointwise weights $(1, -1)$ then subtract one channel from the other.
""")
code(r"""
x = torch.tensor([[[[1.0, 2.0]], [[10.0, 20.0]]]])  # (1 image, 2 channels, 1 row, 2 columns)
depthwise = F.conv2d(x, torch.ones(2, 1, 3, 3), padding=1, groups=2)
pointwise = F.conv2d(depthwise, torch.tensor([1.0, -1.0]).view(1, 2, 1, 1))
print("depthwise:", depthwise.flatten(2)[0].tolist(), "  pointwise:", pointwise.flatten().tolist())
assert depthwise.flatten().tolist() == [3, 3, 30, 30] and pointwise.flatten().tolist() == [-27, -27]
""")
md(r"""
**What it gives up.** Without batch norm and ReLU in between, the two convolutions are one standard convolution whose kernel from channel $m$ to channel $n$ is $p_{nm}\, d_m$: every output channel looks at channel $m$ through the same kernel $d_m$ and only chooses its strength.
""")
code(r"""
d, p, x = torch.randn(4, 1, 3, 3), torch.randn(6, 4, 1, 1), torch.randn(1, 4, 8, 8)
two = F.conv2d(F.conv2d(x, d, padding=1, groups=4), p)
one = F.conv2d(x, p * d.transpose(0, 1), padding=1)  # the kernels p[n, m] · d[m], (6, 4, 3, 3)
torch.testing.assert_close(two, one, rtol=1e-4, atol=1e-4)
print(f"{d.numel() + p.numel()} weights act like {6 * 4 * 9} restricted ones")
""")
md(r"""
**The block.** In MobileNet each of the two convolutions is followed by batch norm and a ReLU. In PyTorch a depthwise convolution is an ordinary one with as many `groups` as channels.
""")
code("# %load -s conv_bn,DepthwiseSeparable mobilenet.py")
md(r"""
We check the formula with PyTorch's own counter, on the device `meta`, which knows shapes alone.
""")
code(r"""
def count(model):
    return sum(p.numel() for p in model.parameters())

def macs(build, size, channels=3, **options):
    # multiply-adds of convolutions and linear layers for one image (or feature map) of size × size
    with torch.device("meta"):
        model = build(**options).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.empty(1, channels, size, size))
    return counter.get_total_flops() // 2

for N in (64, 128, 512, 1024):
    separable = macs(DepthwiseSeparable, 28, N, in_channels=N, out_channels=N)
    standard = macs(nn.Conv2d, 28, N, in_channels=N, out_channels=N, kernel_size=3, padding=1)
    assert abs(separable / standard - (1 / N + 1 / 9)) < 1e-12
    print(f"{N:5} channels: {standard / 1e6:7.1f} million multiply-adds against {separable / 1e6:5.1f}:",
          f"a ratio of {separable / standard:.3f}")
""")
md(r"""
## The whole network

MobileNet is one standard 3×3 convolution, thirteen depthwise-separable blocks, global average pooling and one linear layer.
""")
code(r"""
with torch.device("meta"):
    whole, images = mobilenet.MobileNetV1(), torch.empty(1, 3, 224, 224)
parts = {"features.0": "conv 3×3", "features.1": "block 1", "features.3": "blocks 2, 3", "features.5": "4, 5",
         "features.11": "6 … 11", "features.13": "12, 13", "classifier": "linear"}
draw_network(whole, images, parts, "MobileNet at 224 pixels")
""")
md(r"""
The feature maps shrink from 224 to 7 pixels while their channels grow from 3 to 1024: a *total stride* of 32. That would shrink an image of 32 pixels to a single position, so for small images we turn the first strides of 2 into 1 (`total_stride`).
""")
code("# %load -s MobileNetV1 mobilenet.py")
md(r"""
Does our network have the paper's sizes? The paper prints millions, so we compare rounded numbers.
""")
code(r"""
PAPER = {  # name: (arguments, pixels, million multiply-adds, million parameters)
    "MobileNet": ({}, 224, 569, 4.2), "at 192 pixels": ({}, 192, 418, 4.2), "at 160 pixels": ({}, 160, 290, 4.2),
    "at 128 pixels": ({}, 128, 186, 4.2), "width 0.75": ({"width": 0.75}, 224, 325, 2.6),
    "width 0.5": ({"width": 0.5}, 224, 149, 1.3), "width 0.25": ({"width": 0.25}, 224, 41, 0.5),
    "shallow": ({"shallow": True}, 224, 307, 2.9), "standard": ({"separable": False}, 224, 4866, 29.3),
}
for name, (options, pixels, millions, parameters) in PAPER.items():
    with torch.device("meta"):
        found = count(MobileNetV1(**options))
    operations = macs(MobileNetV1, pixels, **options)
    print(f"{name:14} {found:11,} parameters ({parameters}),  {operations:13,} multiply-adds ({millions} million)")
    assert round(found / 1e6, 1) == parameters and abs(operations / 1e6 - millions) < 1.5
""")
md(r"""
Where in the network are they? We record every layer that a forward pass meets.
""")
code(r"""
def kind_of(layer):
    if isinstance(layer, nn.Conv2d):
        dense = "pointwise 1×1" if layer.kernel_size == (1, 1) else "standard 3×3"
        return "depthwise 3×3" if layer.groups > 1 else dense
    return "batch norm" if isinstance(layer, nn.BatchNorm2d) else "ReLU" if isinstance(layer, nn.ReLU) else "head"

def layers_met(model, images):
    # [(layer, its input, the size of its output)] of a forward pass, in order
    met = []
    hooks = [layer.register_forward_hook(lambda layer, x, y: met.append((layer, x[0], y.numel())))
             for layer in model.modules() if not list(layer.children()) and not isinstance(layer, nn.Identity)]
    with torch.no_grad():
        model.eval()(images)
    for hook in hooks:
        hook.remove()
    return met

def layer_macs(layer, outputs):
    return outputs * layer.weight[0].numel() if isinstance(layer, (nn.Conv2d, nn.Linear)) else 0

with torch.device("meta"):
    met = layers_met(MobileNetV1(), torch.empty(1, 3, 224, 224))
rows = [(kind_of(layer), layer_macs(layer, outputs), layer.weight.numel())
        for layer, _, outputs in met if layer_macs(layer, outputs)]
shares = {kind: [round(100 * sum(row[i] for row in rows if row[0] == kind) / sum(row[i] for row in rows), 2)
                 for i in (1, 2)] for kind in dict.fromkeys(row[0] for row in rows)}
for kind, (operations, weights) in shares.items():
    print(f"{kind:14} {operations:6.2f} % of the multiply-adds, {weights:6.2f} % of the weights")
assert shares["pointwise 1×1"] == [94.86, 74.59] and shares["depthwise 3×3"] == [3.06, 1.06]  # the paper's Table 2
""")
md(r"""
Nearly all of the arithmetic is in the pointwise convolutions. By this count the depthwise ones are almost free.
""")
md(r"""
## Training

One table holds all the settings. The *main run* gets the time: at scale `cpu` half of the full width, 20 epochs and a total stride of 8, which keeps 4×4 positions to the end. The *comparisons* have a total stride of 16, which costs a quarter of that, and only 11 epochs: compare their accuracies with each other, not with the main run's.
""")
code(r"""
# net, epochs     the main run
# short, seeds    epochs of every comparison; seeds of separable against standard and of V2's bottlenecks (others: 1)
# extra           seeds of two comparisons that take a GPU: thin against shallow, V2 without shortcuts (0: left out)
# widths, sizes   the widths and image sizes of the curves of accuracy against cost; v2: the width of MobileNetV2
# batch           images in a batch; repeats, pixels: of a timing, and the image size of the last one
KNOBS = {
    "quick": {"net": {"width": 0.125, "total_stride": 16}, "epochs": 1, "short": 1, "seeds": 1, "extra": 1,
              "widths": (0.125, 0.25), "sizes": (32, 16), "v2": 0.35, "batch": 50, "repeats": 2, "pixels": 64},
    "cpu": {"net": {"width": 0.5, "total_stride": 8}, "epochs": 20, "short": 11, "seeds": 2, "extra": 0,
            "widths": (0.0625, 0.125, 0.25, 0.5), "sizes": (32, 16), "v2": 0.35,
            "batch": 128, "repeats": 9, "pixels": 224},
    "gpu": {"net": {"width": 1.0, "total_stride": 8}, "epochs": 40, "short": 8, "seeds": 1, "extra": 1,
            "widths": (0.25, 0.5, 0.75, 1.0), "sizes": (32, 24, 16), "v2": 0.5,
            "batch": 128, "repeats": 30, "pixels": 224},
    "paper": {"net": {"width": 1.0, "total_stride": 8}, "epochs": 200, "short": 60, "seeds": 3, "extra": 3,
              "widths": (0.25, 0.5, 0.75, 1.0), "sizes": (32, 24, 16), "v2": 0.5,
              "batch": 128, "repeats": 30, "pixels": 224},
}
knobs = KNOBS[scale]
# SGD with Nesterov momentum; the learning rate rises for 20 % of the steps and then falls to zero (one cycle)
RECIPE = {"momentum": 0.9, "weight_decay": 5e-4, "warm_up": 0.2}
PEAK_V1, PEAK_V2 = 0.1, 0.05  # peak learning rates
SMOOTHING = 0.1  # of the labels, in training alone
precision = "float32" if device.type == "cpu" else None  # timed below
""")
md(r"""
The paper advises little or no weight decay on the depthwise kernels, because they have so few weights: here only weights that mix channels decay. We chose the peak learning rates on the validation set, in trials of 80 or 100 steps that this notebook doesn't repeat: 0.1, 0.2 and 0.4 for MobileNet, 0.05 and 0.2 for MobileNetV2.
""")
code(r"""
def smoothed(model, images, labels):
    logits = model(images)  # (B, classes)
    right = (logits.argmax(dim=1) == labels).sum()
    smoothing = SMOOTHING if model.training else 0.0
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, build, epochs, seed=SEED, images=data, lr=PEAK_V1, lines=1):
    # returns (model, run, test accuracy in %); the same seed gives the same weights and the same order of images
    set_seed(seed)
    model, size = build().to(device), images.train.images.shape[1]
    mixing = [p for p in model.parameters() if p.ndim > 1 and p.shape[1] > 1]
    others = [p for p in model.parameters() if p.ndim == 1 or p.shape[1] == 1]  # depthwise kernels, norms, biases
    groups = [{"params": mixing, "weight_decay": RECIPE["weight_decay"]}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=RECIPE["momentum"], nesterov=True)
    options = dict(shuffle=True, augment=True, padding=size // 8, flip=scale != "quick", seed=seed)
    loader = ImageLoader(images, "train", knobs["batch"], device, **options)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, total_steps=steps, pct_start=RECIPE["warm_up"], cycle_momentum=False
    )
    val = {"val": ImageLoader(images, "val", 500, device)}
    print(f"{name}, seed {seed}")
    run = fit(model, loader, optimizer, scheduler, epochs, device, val, objective=smoothed, precision=precision,
              checkpoint=f"MobileNet/{name.replace(' ', '-')}-{seed}", lines=lines)
    accuracy = 100 * evaluate(model, ImageLoader(images, "test", 500, device), device)["accuracy"]
    return model, run, accuracy

def small(width, **options):
    return lambda: MobileNetV1(10, width, total_stride=16, **options)
""")
md(r"""
**Overfit one batch.** A small network must be able to fit 32 images perfectly.
""")
code(r"""
set_seed(SEED)
model = small(0.25)().to(device).train()
images, labels = next(iter(ImageLoader(data, "train", 32, device)))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
losses = []
for _ in range(40):
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
right = (logits.argmax(dim=1) == labels).float().mean().item()
print(f"32 images: loss {losses[0]:.2f} at first, {losses[-1]:.4f} after {len(losses)} steps, accuracy {right:.0%}")
assert losses[-1] < 0.1 and right == 1
""")
md(r"""
**The main run.** You can interrupt it at any time (the stop button): the cells after it work with what there is.
""")
code(r"""
net, run, accuracy = train("main", lambda: MobileNetV1(10, **knobs["net"]), knobs["epochs"], lines=20)
print(f"{data.name}, test accuracy: {accuracy:.2f} %, {count(net):,} parameters,",
      f"{macs(MobileNetV1, 32, num_classes=10, **knobs['net']) / 1e6:.1f} million multiply-adds")
plot_histories({f"MobileNet, width {knobs['net']['width']}": run}, data.name)
""")
md(r"""
The network gets 89.91 % of the test images right (n = 1). In the left plot the training loss stays above the validation loss from epoch 2 on, because it is measured on augmented images and with smoothed labels: even a perfect match of these has a loss of 0.50. The accuracies show the usual order: from epoch 11 on the network does better on the images it trains on, and ends at 95.1 % against 90.4 % on the validation images.
""")
code(r"""
name = f"MobileNet, width {knobs['net']['width']}, total stride {knobs['net']['total_stride']}"
rows = [{"what": name, "paper": None, "reproduction": None, "runs": [(accuracy, run)]}]
report("MobileNet", "test accuracy, %", data.name, "45k/5k", None, rows)
""")
md(r"""
## The same network with standard convolutions

The paper's first control replaces every block by a standard 3×3 convolution and leaves all else as it is. What does the saving cost in accuracy? We train both networks at a quarter of the width, with the same seeds and recipe. The seeds show roughly how much the accuracy varies by chance; a difference no larger than that means nothing.
""")
code(r"""
pair = {"separable": small(0.25), "standard": small(0.25, separable=False)}
results = {name: [train(f"{name} 0.25", build, knobs["short"], seed) for seed in range(knobs["seeds"])]
           for name, build in pair.items()}
for name, build in pair.items():
    mean = statistics.mean(a for *_, a in results[name])
    print(f"{name:10} {count(build()):9,} parameters  {macs(build, 32) / 1e6:5.1f} million multiply-adds ",
          f"test accuracy {mean:.2f} %")
plot_spread({name: [a for *_, a in trained] for name, trained in results.items()}, "test accuracy (%)", data.name)
""")
md(r"""
Standard convolutions win by almost nine points here, 84.41 % against 75.57 % (n = 2 each, 11 epochs), for 7.5 times the multiply-adds and 8.2 times the parameters. The two dots of each network lie close together, so this is no accident of the seed. On ImageNet the paper lost only one point. A likely reason for the difference is how small our network is: with half of the width, the separable network reaches 81.44 % below (n = 1), with half of the standard network's arithmetic.

## Running time

**Fold the batch norms first.** In evaluation mode a batch norm is a fixed affine map of each channel. For use it is multiplied into the convolution before it, which leaves the same function with fewer layers:

$$\gamma\,\frac{w * x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta \;=\; \underbrace{\frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\, w}_{\text{new kernel}} * x \;+\; \underbrace{\beta - \frac{\gamma\,\mu}{\sqrt{\sigma^2 + \epsilon}}}_{\text{new bias}}.$$
""")
code("# %load -s fold,folded quantise.py")
code(r"""
test_loader = ImageLoader(data, "test", 500, device)
images, labels = next(iter(test_loader))
with torch.no_grad():
    difference = (folded(net)(images) - net.eval()(images)).abs().max().item()
print(f"largest difference of the logits: {difference:.1e}")
assert difference < 1e-4 and not [m for m in folded(net).modules() if isinstance(m, nn.BatchNorm2d)]
""")
md(r"""
**How much of the saving arrives?** We time the two networks and a wider pair: the forward pass as trained (*eager*), the forward pass folded, and a forward and backward pass in training mode.
""")
code(r"""
def seconds_of(work, *inputs, repeats=knobs["repeats"], of=statistics.median):
    # the median (or `of`) of several runs; the first one warms up and is not counted
    measured = []
    for _ in range(repeats + 1):
        synchronise(device)
        start = time.perf_counter()
        work(*inputs)
        synchronise(device)
        measured.append(time.perf_counter() - start)
    return of(measured[1:])

images, labels = next(iter(ImageLoader(data, "train", knobs["batch"], device)))

def forward(model, dtype=torch.float32):
    with torch.no_grad(), autocast(device, dtype):
        model.eval()(images)

def forward_backward(model, dtype=torch.float32):
    model.zero_grad()
    with autocast(device, dtype):
        loss = F.cross_entropy(model.train()(images), labels)
    loss.backward()
""")
code(r"""
for width in knobs["widths"][-2:]:
    costs = []
    for separable in (True, False):
        build = small(width, separable=separable)
        model = build().to(device)
        times = [seconds_of(forward, model), seconds_of(forward, folded(model)), seconds_of(forward_backward, model)]
        costs.append([macs(build, 32), *times])
    ratios = [standard / separable for separable, standard in zip(*costs)]
    print(f"width {width}, standard / separable: {ratios[0]:.1f}× the multiply-adds; time {ratios[1]:.1f}× eager,",
          f"{ratios[2]:.1f}× folded,\n   {ratios[3]:.1f}× forward and backward. Separable:",
          ", ".join(f"{1000 * seconds / len(images):.2f}" for seconds in costs[0][1:]), "ms per image")
""")
md(r"""
The saving is real, but time does not follow arithmetic. At a quarter of the width, 7.5 times fewer multiply-adds make the forward pass 2.5 times as fast, and forward and backward together only 2.0 times. At half of the width the matrices are larger, and 8.2 times fewer multiply-adds make the folded network 4.4 times as fast, and 3.8 times with the backward pass. (Such measurements scatter: the eager pass gains 5.7 times here, and 4.0 times in the timing of the layers below.)

**In which precision?** If the chip has a 16-bit format, we time both networks in it. On CPUs we train in float32; here you see whether that is right.
""")
code(r"""
dtype, reason = choose_precision(device)
print(f"{dtype_name(dtype)} ({reason})")
for name, build in pair.items() if dtype != torch.float32 else ():
    model = build().to(device)
    ratios = [seconds_of(work, model) / seconds_of(work, model, dtype) for work in (forward, forward_backward)]
    print(f"{name:10} {ratios[0]:.2f}× as fast as in float32 forward, {ratios[1]:.2f}× forward and backward")
""")
md(r"""
On this chip bfloat16 helps the standard convolutions (1.84 times as fast forward, 1.22 times forward and backward). The separable ones gain a little forward (1.13 times) and lose in training, where they run at 0.41 times their speed. So on this CPU we train in float32; the standard networks alone would gain.

**The roofline.** Whether a layer waits for the arithmetic or for the memory depends on its *arithmetic intensity* $I$, the multiply-adds per byte moved. If $P$ is the chip's peak rate and $W$ its memory bandwidth, the layer runs at no more than

$$\min(P,\; W \cdot I) \quad \text{multiply-adds per second},$$

which is called the *roofline*. The two limits meet at the *ridge point* $I = P / W$. A depthwise layer of stride 1 reads a value and writes a value, 8 bytes in float32, for 9 multiply-adds: its intensity is 9/8 at most. Left of the ridge point the memory limits the layer, however well it is programmed. A dense layer uses each value again for every output channel. We measure the peak by a large matrix product and the bandwidth by copying a large array, on CPUs also a small one that fits into the cache. Then we work out one layer by hand.
""")
code(r"""
on_cpu = device.type == "cpu"
size, length = (512, 1 << 22) if scale == "quick" else (3072 if on_cpu else 8192, 1 << 26)
a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
peak = size**3 / seconds_of(torch.mm, a, b, of=min)
del a, b

def copied_per_second(numbers):
    source, target = torch.zeros(numbers, device=device), torch.zeros(numbers, device=device)
    return 2 * 4 * numbers / seconds_of(target.copy_, source, of=min)  # bytes: each number is read and written

roofs = {"main memory": copied_per_second(length)}
roofs |= {"cache": copied_per_second(1 << 17)} if on_cpu else {}  # on a GPU it would measure the kernel's launch
bandwidth = roofs["main memory"]
print(f"CPU threads: {torch.get_num_threads()}. Peak: {peak / 1e9:.0f} billion multiply-adds per second")
for name, speed in roofs.items():
    print(f"{name}: {speed / 1e9:.1f} billion bytes per second, ridge point {peak / speed:.1f} multiply-adds per byte")
print(f"One layer by hand: {len(images)} images of 64 channels and 16 × 16 positions, to 64 channels")
values = len(images) * 64 * 16 * 16
for name, products in (("depthwise 3×3", 9), ("pointwise 1×1", 64), ("standard 3×3", 9 * 64)):
    weights = products * 64
    operations, moved = products * values, 4 * (2 * values + weights)
    print(f"   {name:14} {operations / 1e6:6.0f} million multiply-adds: {1000 * operations / peak:6.2f} ms to compute,",
          f"{1000 * moved / bandwidth:.2f} ms to move {moved / 1e6:.1f} MB")
""")
md(r"""
Next we run every layer by itself, on its input in a forward pass, and plot the rate that it reaches:

- A dot *on* the roof is as fast as the machine allows: limited by memory where the roof slants, by arithmetic where it is flat.
- A dot *above* the roof of main memory found its data in a cache, where our repeated timings on the same input have left it.
- A dot *far below* both roofs is limited by neither: not bandwidth but the implementation is the reason, or the fixed cost of starting a call (a GPU kernel's launch, say).
""")
code(r"""
@torch.no_grad()
def timed_layers(model):
    # [(kind, multiply-adds, seconds, seconds at the roof, multiply-adds per byte)] of each layer, for one batch
    rows = []
    for layer, x, outputs in layers_met(model, images):
        weights = 0 if getattr(layer, "weight", None) is None else layer.weight.numel()
        operations, moved = layer_macs(layer, outputs), 4 * (x.numel() + outputs + weights)  # each moved once
        seconds = seconds_of(layer, x, of=min)  # a roof is a limit: the fastest run counts
        at_roof = max(operations / peak, moved / bandwidth)
        rows.append((kind_of(layer), operations, seconds, at_roof, operations / moved))
    return rows

WIDTH = knobs["widths"][-1]
wider = {"separable": small(WIDTH)().to(device), "standard": small(WIDTH, separable=False)().to(device)}
wider["separable, folded"] = folded(wider["separable"])
measured = {name: timed_layers(model) for name, model in wider.items()}
assert sum(row[1] for row in measured["separable"]) == len(images) * macs(small(WIDTH), 32)
""")
code(r"""
@styled
def plot_roofline(measured):
    figure, axis = plt.subplots(figsize=(8.5, 4.6))
    intensity = torch.logspace(-1, 3, 200)
    for (name, speed), line in zip(roofs.items(), ("-", "--")):
        roof = (speed * intensity).clamp(max=peak) / 1e9
        axis.loglog(intensity, roof, line, color="black", label=f"roof, data from {name}")
    points = {}
    for kind, operations, seconds, _, intensity in measured["separable"] + measured["standard"]:
        if operations and kind != "head":
            points.setdefault(kind, []).append((intensity, operations / seconds / 1e9))
    for colour, (kind, dots) in zip(COLOURS, sorted(points.items())):
        axis.loglog(*zip(*dots), "o", color=colour, alpha=0.7, label=kind)
    axis.set(xlabel="multiply-adds per byte", ylabel="billion multiply-adds per second", title="Roofline, float32")
    axis.legend(loc="lower right")

plot_roofline(measured)
""")
code(r"""
for name, rows in measured.items():
    total = sum(row[2] for row in rows)
    print(f"{name}, width {WIDTH}: sum of the layers {1000 * total:.1f} ms,",
          f"whole forward pass {1000 * seconds_of(forward, wider[name]):.1f} ms per batch of {len(images)}")
    for kind in dict.fromkeys(row[0] for row in rows):
        operations, seconds, at_roof = [sum(row[i] for row in rows if row[0] == kind) for i in (1, 2, 3)]
        print(f"   {kind:14} {100 * operations / sum(row[1] for row in rows):5.1f} % of the multiply-adds,",
              f"{100 * seconds / total:5.1f} % of the time, at {100 * at_roof / seconds:4.0f} % of the roof")
""")
md(r"""
**The depthwise layers reach at most about half of the peak, the dense ones nearly all of it.** Most blue dots lie near the slanted line of the main memory, and together these layers run at 107 % of their roof. If their data came from main memory, no implementation could be much faster. Some of it comes from the cache, whose roof is higher, so part of the gap is the implementation. The pointwise and standard convolutions lie near the horizontal line, some of them above it: a roof is a measurement too, and our matrix product probably misses the chip's real peak.

Now we can say why time falls less than arithmetic. In the separable network the depthwise convolutions, batch norms and ReLUs have 6 % of the multiply-adds, but take more than a third of the time (12.1, 19.3 and 4.1 %), and batch norm is the largest part of that. In the standard network batch norm and ReLU take under 3 %. Folding the batch norms shortens the separable network's forward pass from 34.5 to 28.1 ms. (The sum of the layers is smaller than the whole pass: we take the fastest run of each layer, with its data in the cache, and the median of the whole pass.)

Batch norm and ReLU do not appear among the dots: our count gives them no multiply-adds, though they move as many bytes as a depthwise layer. Folding removes the batch norm; a *fused* kernel, which applies the ReLU before it writes the values, saves the ReLU's extra pass.
""")
md(r"""
## Thinner, or smaller images?

The width multiplier $\alpha$ changes the cost by about $\alpha^2$, because the pointwise layers have $\alpha M \cdot \alpha N$ weights. The resolution multiplier $\rho$ changes it by $\rho^2$, because there are fewer positions (exactly so where the strides divide the size: 24 pixels become 12, 6, 3 and then 2). The width saves parameters, the resolution none. We train one network of each width at 32 pixels, and the widest also on images that we shrink.
""")
code(r"""
def shrunk(images, size):
    if images.shape[1] == size:
        return images
    floats = F.interpolate(images.permute(0, 3, 1, 2).float(), size=size, mode="bilinear", antialias=True)
    return floats.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()

def at(size):
    return data if size == 32 else replace(data, name=f"{data.name} at {size} pixels", **{
        split: Split(shrunk(getattr(data, split).images, size), getattr(data, split).labels)
        for split in ("train", "val", "test")})

family = {}  # (width, pixels): (model, run, test accuracy)
for width in knobs["widths"]:
    repeated = results["separable"][0] if width == 0.25 else None
    family[width, 32] = repeated or train(f"width {width}", small(width), knobs["short"])
for size in knobs["sizes"][1:]:
    family[WIDTH, size] = train(f"width {WIDTH} at {size}", small(WIDTH), knobs["short"], images=at(size))
""")
code(r"""
def curve(keys):
    return [macs(small(width), size) / 1e6 for width, size in keys], [family[key][2] for key in keys]

for (width, size), (model, _, accuracy_there) in family.items():
    print(f"width {width:5}, {size} pixels: {count(model):9,} parameters,",
          f"{macs(small(width), size) / 1e6:6.2f} million multiply-adds, test accuracy {accuracy_there:.2f} %")
curves = {"width (at 32 pixels)": curve([(width, 32) for width in knobs["widths"]]),
          f"resolution (at width {WIDTH})": curve([(WIDTH, size) for size in knobs["sizes"]])}
plot_curves({"": curves}, "million multiply-adds (log scale)", "test accuracy (%)", data.name)
plt.xscale("log")
""")
md(r"""
On CIFAR-10, thin layers cost less accuracy than small images. With 3.33 million multiply-adds, a quarter of the width at 32 pixels reaches 75.83 %; with 3.05 million, half of the width at 16 pixels reaches 66.57 % (n = 1 each, 11 epochs). The gap of nine points is far larger than the spread of the seeds above. In the paper's table the two multipliers are about equally good (63.7 % at 149 million, 64.4 % at 186 million). Two causes are likely: a CIFAR-10 image of 16 pixels may show its object too coarsely, and with a total stride of 16 it ends in a single position, where 32 pixels end in 2×2.

**Thin or shallow?** To halve the cost you may also take away layers. The paper's *shallow* network leaves out the five blocks of 512 channels. Its Table 5 compares:

| ImageNet, the paper's numbers | accuracy, % | million multiply-adds | million parameters |
|---|---|---|---|
| thin, $\alpha = 0.75$ | 68.4 | 325 | 2.6 |
| shallow | 65.3 | 307 | 2.9 |

On ImageNet, depth was worth more than width. For CIFAR-10 we build a pair that is even closer in cost. A gap of a few points takes longer training than `cpu` has time for, so we train the pair only at scales `gpu` and `paper`.
""")
code(r"""
equals = {"thin 0.1875": small(0.1875), "shallow 0.25": small(0.25, shallow=True)}
for name, build in equals.items():
    print(f"{name}: {count(build()):,} parameters, {macs(build, 32) / 1e6:.2f} million multiply-adds")
thin, shallow = equals.values()
assert abs(macs(thin, 32) / macs(shallow, 32) - 1) < 0.03 and abs(count(thin()) / count(shallow()) - 1) < 0.01
thin_or_shallow = {name: [train(name, build, knobs["short"], seed) for seed in range(knobs["extra"])]
                   for name, build in equals.items()}
if knobs["extra"]:
    plot_spread({name: [a for *_, a in trained] for name, trained in thin_or_shallow.items()},
                "test accuracy (%)", data.name)
""")
md(r"""
## MobileNetV2

MobileNetV2 turns the block inside out. Its design follows from one observation: a ReLU zeroes half of the input plane for each channel. If a feature map has few channels, that information is lost; if it has many, other channels still carry it. The paper shows this in its Figure 1, which we repeat: a random matrix embeds a two-dimensional spiral in more dimensions, a ReLU follows, and a linear map leads back to two (the paper inverts the matrix; we solve by least squares). The percentage is the part that is kept, $1 - \sum \lVert \hat{x} - x \rVert^2 / \sum \lVert x \rVert^2$, as a mean over 100 random matrices.
""")
code(r"""
set_seed(SEED)
angle = torch.linspace(0, 5 * torch.pi, 400)
spiral = torch.stack([angle.cos(), angle.sin()], dim=1) * (angle / angle.max())[:, None]  # (400, 2)

def recovered(dimensions):
    embedded = F.relu(spiral @ torch.randn(2, dimensions))  # (400, dimensions)
    back = embedded @ torch.linalg.lstsq(embedded, spiral, driver="gelsd").solution
    return back, 1 - (((back - spiral) ** 2).sum() / (spiral**2).sum()).item()

@styled
def draw_recovered(kept):
    figure, axes = plt.subplots(1, len(kept) + 1, figsize=(11, 2.4))
    axes[0].scatter(*spiral.T, c=angle, s=4, cmap="viridis")
    axes[0].set_title("input")
    for axis, (dimensions, fraction) in zip(axes[1:], kept.items()):
        axis.scatter(*recovered(dimensions)[0].T, c=angle, s=4, cmap="viridis")
        axis.set_title(f"{dimensions} dim.: {100 * fraction:.1f} %")
    for axis in axes:
        axis.set(xticks=[], yticks=[], aspect="equal")

kept = {dimensions: statistics.mean(recovered(dimensions)[1] for _ in range(100)) for dimensions in (2, 3, 5, 15, 30)}
draw_recovered(kept)
assert sorted(kept.values()) == list(kept.values()) and kept[2] < 0.75 and kept[15] > 0.95
""")
md(r"""
With two or three dimensions whole arms of the spiral collapse; with fifteen or more a linear map recovers nearly all of it. So ReLUs belong where there are *many* channels, and none where there are few. The new block first *expands* its thin input sixfold by a 1×1 convolution, filters it depthwise, and *projects* it back by a 1×1 convolution without an activation, the *linear bottleneck*. The shortcut joins the two thin ends. In a bottleneck ResNet it joins the thick ones, hence the name *inverted residual*.
""")
code(r"""
draw_flow(
    {
        "x": ("x: 24 channels", 0, 0, "data"), "e": ("expand 1×1, BN, ReLU6", 0, 1),
        "d": ("depthwise 3×3, BN, ReLU6", 0, 2), "p": ("project 1×1, BN\n(no activation)", 0, 3),
        "+": ("+", 0, 4, "sum"), "y": ("y: 24 channels", 0, 5, "data"),
    },
    [("x", "e", "24"), ("e", "d", "144"), ("d", "p", "144"), ("p", "+", "24"), ("+", "y"), ("x", "+", "identity", 1.2)],
    "Inverted residual with a linear bottleneck",
)
""")
code("# %load -s InvertedResidual mobilenet.py")
md(r"""
ReLU6 is $\min(\max(0, x), 6)$: a bounded range is easier to represent in few bits. The network is a 3×3 convolution, seventeen such blocks, a 1×1 convolution to 1280 channels, global average pooling and a linear layer. A column of the table is a group of $n$ blocks with expansion $t$ and $c$ output channels, the first of stride $s$.

| $t$ | 1 | 6 | 6 | 6 | 6 | 6 | 6 |
|---|---|---|---|---|---|---|---|
| $c$ | 16 | 24 | 32 | 64 | 96 | 160 | 320 |
| $n$ | 1 | 2 | 3 | 4 | 3 | 3 | 1 |
| $s$ | 1 | 2 | 2 | 2 | 1 | 2 | 1 |
""")
code("# %load -s MobileNetV2 mobilenet.py")
md(r"""
The layers have torchvision's names, so its ImageNet weights load by `load_state_dict`. The paper prints 3.4 million parameters; we count 3,504,872, as many as torchvision's has, which rounds to 3.5.

**Is the linear bottleneck better?** The paper's Figure 6 compares linear with ReLU6 bottlenecks, and blocks with and without shortcuts. We train a small MobileNetV2 both ways, with shortcuts; scales `gpu` and `paper` add the runs without. All variants have the same cost.
""")
code(r"""
with torch.device("meta"):
    assert count(MobileNetV2()) == 3_504_872 and macs(MobileNetV2, 224) == 300_774_272

def v2(**options):
    return lambda: MobileNetV2(10, knobs["v2"], total_stride=16, dropout=0.0, **options)

variants = {}
for residual, seeds in ((True, knobs["seeds"]), (False, knobs["extra"])):
    for linear in (True, False):
        name = f"{'linear' if linear else 'ReLU6'} {'with' if residual else 'without'} shortcuts"
        build = v2(linear=linear, residual=residual)
        assert count(build()) == count(v2()()) and macs(build, 32) == macs(v2(), 32)
        variants[name] = [train(f"v2 {name}", build, knobs["short"], seed, lr=PEAK_V2) for seed in range(seeds)]
spread = {name: [a for *_, a in trained] for name, trained in variants.items() if trained}
for name, values in spread.items():
    print(f"{name}: test accuracy", ", ".join(f"{value:.2f}" for value in values), "%")
labels_below = {name.replace(" ", "\n"): values for name, values in spread.items()}
plot_spread(labels_below, "test accuracy (%)", f"{data.name}, MobileNetV2")
""")
md(r"""
The linear bottleneck matters. With a ReLU6 after each projection the same network falls from 73.94 % to 61.02 % (n = 2 each, 11 epochs), a gap of thirteen points where the two seeds of one form lie at most 2.3 points apart. It costs nothing: both forms have the same parameters and multiply-adds. The paper reports the same order on ImageNet (its Figure 6a). Our training is short, so part of the gap may be speed of learning.

**V1 or V2 for the same arithmetic?** If V2 uses its multiply-adds better, its dots lie above V1's curve.
""")
code(r"""
cost = macs(v2(), 32) / 1e6
print(f"V2, width {knobs['v2']}: {count(v2()()):,} parameters, {cost:.2f} million multiply-adds")
both = {"V1 by width": curve([(width, 32) for width in knobs["widths"]])}
for name in ("linear", "ReLU6"):
    values = [a for *_, a in variants[f"{name} with shortcuts"]]
    both[f"V2 with {name} bottlenecks"] = ([cost] * len(values), values)
plot_curves({"": both}, "million multiply-adds (log scale)", "test accuracy (%)", data.name)
plt.xscale("log")
""")
md(r"""
Here V2 does not use its arithmetic better: both dots of the linear form lie below V1's curve. On ImageNet it is the other way round (72.0 % with 300 million multiply-adds against 70.6 % with 569 million). Nothing follows for V2 in general. We trained for 11 epochs and tried few learning rates, and V2 has nearly twice as many layers, which may learn more slowly at first. If you have a GPU, run the comparison at scale `gpu` or `paper`.
""")
code(r"""
everything = [
    *((f"{name}, width 0.25", trained) for name, trained in results.items()),
    *((f"width {width}, {size} pixels", [one]) for (width, size), one in family.items() if (width, size) != (0.25, 32)),
    *thin_or_shallow.items(), *((f"V2, {name}", trained) for name, trained in variants.items()),
]
rows = [{"what": name, "paper": None, "reproduction": None, "runs": [(a, r) for _, r, a in trained]}
        for name, trained in everything if trained]
report("MobileNet", "test accuracy, %", data.name, "45k/5k", None, rows, table="experiments")
""")
md(r"""
## Look inside

A depthwise kernel sees a single channel, so we can look at it as a 3×3 image. Here are ten from each of three blocks.
""")
code(r"""
def kernels(block, number=20):
    weights = net.features[block].depthwise[0].weight.detach().cpu()[:number, 0]  # (number, 3, 3)
    return 0.5 + 0.5 * weights / weights.abs().amax((1, 2), keepdim=True)

drawn = torch.cat([kernels(1, 10), kernels(4, 10), kernels(12, 10)])
show_images(drawn, columns=10, title="Depthwise kernels of blocks 1, 4 and 12 (grey is zero)", size=0.9)
""")
code(r"""
with torch.no_grad():
    probabilities = torch.cat([net.eval()(x).softmax(dim=1) for x, _ in test_loader])
title = f"{data.name}: most confident mistakes"
show_mistakes(data.test.images, data.test.labels, probabilities, data.classes, title=title)
""")
md(r"""
Many kernels have one dark and one bright side, or a dark stripe: edges and lines in several directions. Others are bright blobs, which blur or shift. So a depthwise layer is a bank of small image filters, one for each channel. Most of the confident mistakes are animals taken for other animals, or dark vehicles on plain backgrounds; the smoothed labels keep even these probabilities under 98 %.

## Made small: quantisation

8-bit weights take a quarter of the memory of float32, and many chips multiply 8-bit integers faster than floats. *Post-training quantisation* replaces a trained network's numbers by integers. A number $x$ is represented as

$$x \approx s\,(q - z),$$

with an integer $q$ of $b$ bits, a *scale* $s$, and a *zero point* $z$, the integer that stands for 0. So 0 is exact, which matters because padding and ReLUs produce many zeros.

- **Weights** lie on both sides of zero, so $z = 0$, and $s$ is chosen such that the largest weight gets the largest integer, $2^{b-1} - 1$.
- **Activations** depend on the image. In the *calibration* we send training images through the network and note the range of values that enter each layer. It is divided into $2^b - 1$ steps of size $s$.

Four numbers of each sort, by hand:
""")
code(r"""
weights = torch.tensor([0.7, -0.34, 0.12, 0.02])  # 4 bits: integers from -7 to 7
s = weights.abs().max() / 7
q = (weights / s).round()
print(f"scale {s:.2f}: integers {q.int().tolist()}, back to", [round(v, 2) for v in (s * q).tolist()])
activations = torch.tensor([-1.0, 0.0, 0.6, 2.0])  # 2 bits: integers from 0 to 3
s = (activations.max() - activations.min()) / 3
z = (-activations.min() / s).round()
q2 = (activations / s + z).round()
print(f"scale {s:.2f}, zero point {z:.0f}: integers {q2.int().tolist()}, back to", (s * (q2 - z)).tolist())
assert q.tolist() == [7, -3, 1, 0] and q2.tolist() == [0, 1, 2, 3] and z == 1
""")
code("# %load -s integers_of,Quantised quantise.py")
code("# %load -s quantised,stored_bytes quantise.py")
md(r"""
What stays in float32: the biases, the sums of products (integer hardware keeps both in 32 bits) and the average pooling. The integer products are simulated in floats, which gives the accuracy of an integer network, not its speed. The weights are real integers, though, so we save them.
""")
code(r"""
calibration, _ = next(iter(ImageLoader(data, "train", 500, device)))
eight = quantised(net, calibration)
files = {}
for name, model in (("float32", folded(net)), ("int8", eight)):
    files[name] = checkpoint_dir() / scale / "MobileNet" / f"mobilenet-{name}.pt"
    save_file(model.state_dict(), files[name])
    print(f"{name}: a file of {files[name].stat().st_size:,} bytes")
again = quantised(MobileNetV1(10, **knobs["net"]).to(device), calibration[:1])  # random weights, soon replaced
again.load_state_dict(load_file(files["int8"]))
with torch.no_grad():
    assert torch.equal(again(calibration), eight(calibration))
""")
md(r"""
**One scale per channel, or one per layer?** With *per-channel* quantisation every output channel has its own scale; with *per-tensor* quantisation the largest channel of a layer decides for all. Folding has multiplied each kernel by $\gamma / \sigma$, which differs between channels. Each dot below is the largest weight of one channel. Under the black line a channel becomes all zeros in per-tensor quantisation to 4 bits.
""")
code(r"""
@styled
def plot_ranges(model):
    figure, axis = plt.subplots(figsize=(9, 3.8))
    lost = {}
    for place, conv in enumerate(layer for layer in folded(model).modules() if isinstance(layer, nn.Conv2d)):
        kind = kind_of(conv)
        largest = conv.weight.detach().abs().flatten(1).amax(dim=1).cpu()  # of each output channel
        line = largest.max() / 7 / 2  # half a step of 4 bits
        lost.setdefault(kind, []).append((largest < line).float().mean().item())
        colour = COLOURS[("pointwise 1×1", "depthwise 3×3", "standard 3×3").index(kind)]
        axis.semilogy([place] * len(largest), largest.clamp(min=1e-4), ".", color=colour, alpha=0.4,
                      label=kind if len(lost[kind]) == 1 else None)
        axis.semilogy([place - 0.4, place + 0.4], [line, line], color="black")
    axis.set(xlabel="convolution", ylabel="largest weight of a channel", title=f"{data.name}: ranges after folding")
    figure.legend(loc="outside right upper")
    for kind, parts in lost.items():
        print(f"{kind:14} {100 * statistics.mean(parts):5.1f} % of a layer's channels lie under the line, on average")

plot_ranges(net)
""")
md(r"""
The ranges of a depthwise layer's channels spread over up to a factor of ten, so one common scale serves the small ones badly, but no channel lies under its line: none would vanish at 4 bits.

Now we lower the number of bits: of the weights alone, with 8-bit activations, and of weights and activations together.
""")
code(r"""
before = 100 * evaluate(net, test_loader, device)["accuracy"]
print(f"float32: {before:.2f} %, {stored_bytes(folded(net)) / 1e6:.2f} million bytes")
bits = (8, 6, 4, 3)
variants_of = {"weights per channel": lambda b: (b, 8, True), "weights per tensor": lambda b: (b, 8, False),
               "weights per channel and activations": lambda b: (b, b, True)}
accuracies = {name: [] for name in variants_of}
for b in bits:
    for name, options in variants_of.items():
        model = quantised(net, calibration, *options(b))
        accuracies[name].append(100 * evaluate(model, test_loader, device)["accuracy"])
    print(f"{b} bits, {stored_bytes(model) / 1e6:.2f} million bytes when packed: test accuracy",
          ", ".join(f"{values[-1]:.2f}" for values in accuracies.values()), "%")
curves = {name: (bits, values) for name, values in accuracies.items()} | {"float32": ((3, 8), (before, before))}
plot_curves({"": curves}, "bits", "test accuracy (%)", f"{data.name}: quantised")
""")
md(r"""
At 8 bits nothing is lost: 89.79 % against 89.91 %, in a quarter of the bytes (a file of 904,103 bytes instead of 3,295,611). At 6 bits the loss is still under a point. Below that the three curves part. With 4 bits, weights with a scale per channel keep 87.38 %, with one scale per layer 78.03 %, and if the activations have 4 bits too, 62.46 % are left. With 3 bits only the first form works at all (78.18 %). So scales per channel are worth their few bytes, and activations need more bits than weights do.

## Use it

**Export.** `torch.export` records the float32 network as a graph that runs without our Python code, for any batch size. We save it, load it and compare.
""")
code(r"""
images, labels = next(iter(test_loader))
program = torch.export.export(
    net, (images[:2],), dynamic_shapes={"x": {0: torch.export.Dim("batch", min=1, max=1024)}}
)
with tempfile.TemporaryDirectory() as folder:
    torch.export.save(program, f"{folder}/mobilenet.pt2")
    loaded = torch.export.load(f"{folder}/mobilenet.pt2").module()
with torch.no_grad():
    for batch in (1, 7):
        torch.testing.assert_close(loaded(images[:batch]), net(images[:batch]), rtol=1e-4, atol=1e-4)
print(f"exported: {len(program.graph.nodes)} nodes; the loaded graph answers like the network")
""")
md(r"""
**One image at a time.** We time single images of ImageNet's size against ResNet-18, with random weights, since the time does not depend on them.
""")
code(r"""
image = torch.randn(1, 3, knobs["pixels"], knobs["pixels"], device=device)
with torch.no_grad():
    for build, width in ((resnet18, None), (MobileNetV1, 1.0), (MobileNetV1, 0.5), (MobileNetV2, 1.0)):
        options = {} if width is None else {"width": width}
        model = build(**options).to(device).eval()
        milliseconds = 1000 * seconds_of(model, image, repeats=3 * knobs["repeats"])
        line = f"{build.__name__:11} {width or '':4} {macs(build, knobs['pixels'], **options) / 1e6:7.1f} million"
        line += f" multiply-adds, {milliseconds:6.1f} ms"
        if width is not None:
            fast = 1000 * seconds_of(folded(model), image, repeats=3 * knobs["repeats"])
            line += f"; with its batch norms folded {fast:6.1f} ms"
        print(line)
""")
md(r"""
MobileNet needs 3.2 times fewer multiply-adds than ResNet-18 and takes 12.5 ms instead of 27.2, which is 2.2 times as fast. V2 has half of V1's multiply-adds, but more and thinner layers, and isn't faster here (14.0 ms, folded 12.0). The phone on which the V2 paper measured made V2 the faster one; here count and clock disagree.

**Save it, load it, and classify an image of your own.** Set `my_image` to a file that shows one of the ten classes. Without one, we take test images.
""")
code(r"""
path = checkpoint_dir() / scale / "MobileNet" / "mobilenet-weights.pt"
about = {"net": {"num_classes": 10, **knobs["net"]}, "classes": list(data.classes)}
about |= {"mean": list(data.mean), "std": list(data.std)}
save_weights(copy.deepcopy(net).half(), path, **about, accuracy=accuracy, made=run.made())  # float16: half the bytes
reader = MobileNetV1(**about["net"])  # float32 again, into which load_weights copies
facts = load_weights(reader, path, device)
with torch.no_grad():
    difference = (reader.eval()(images).softmax(1) - net.eval()(images).softmax(1)).abs().max().item()
assert difference < 0.02
print(f"{path.stat().st_size / 1e6:.2f} MB, {facts['made']}; probabilities differ by {difference:.4f} at most")
""")
code(r"""
# For the README: ten test images and what the trained network says of them
my_image = None  # "my-cat.jpg"
chosen = [(data.test.labels == c).nonzero()[0].item() for c in range(10)]
own = read_image(my_image, size=32)[None] if my_image else data.test.images[chosen]
with torch.no_grad():
    answers = reader(test_loader.normalise(own.to(device))).softmax(dim=1).cpu()
sure, best = answers.max(dim=1)
titles = [f"{data.classes[c]}\n{100 * p:.0f} %" for c, p in zip(best, sure)]
show_images(own, titles, columns=min(10, len(own)), size=1.1)
""")
md(r"""
## Where this departs from the papers

| | papers | here |
|---|---|---|
| data | ImageNet, 224 to 128 pixels (V2: to 96) | CIFAR-10, 32 to 16 pixels, first strides of 2 made 1 |
| optimiser | RMSprop, asynchronous, many machines | SGD with Nesterov momentum, one-cycle schedule |
| regularisation | little augmentation, little or no weight decay on depthwise kernels | crops, flips, label smoothing 0.1; no decay on depthwise kernels, norms and biases |
| initialisation | not given | He, fan-out (PyTorch's ignores `groups`: depthwise kernels start smaller) |
| quantisation | not in the papers | after training; int8 weights, simulated arithmetic |

## Exercises

1. **Width for depth.** Give the shallow network its cost back: choose the width at which it has as many multiply-adds as `small(0.25)`, and train it. Are wider layers worth more than the five blocks?
2. **Larger depthwise kernels.** In `DepthwiseSeparable`, make the first convolution 5×5. How many percent of multiply-adds does that add to the network? Does the accuracy rise?
3. **Clip the outliers.** In `Quantised.forward`, let the observed `high` be `x.mean() + 4 * x.std()` where that is smaller than the maximum. Does the last curve improve at 4 bits?
4. **Another expansion.** In a cell before `MobileNetV2`'s, define `V2_BLOCKS` again with expansion 3 in place of 6, and widen the network to the old cost. What do you expect from the spiral, and what comes out?
5. **Fuse and time.** Run `torch.compile(folded(net))` and time one image. Which layers of the table explain the gain over the folded network?

## Further reading

- Howard and others, [Searching for MobileNetV3](https://arxiv.org/abs/1905.02244), 2019: the same blocks, arranged by a search that measures time on a phone.
- Chollet, [Xception](https://arxiv.org/abs/1610.02357), 2016: depthwise-separable convolutions in a large network.
- Williams, Waterman & Patterson, [Roofline](https://doi.org/10.1145/1498765.1498785), 2009.
- Krishnamoorthi, [Quantizing deep convolutional networks for efficient inference](https://arxiv.org/abs/1806.08342), 2018.
""")

book = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}})
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i:03d}"
nbformat.write(book, Path(__file__).with_name("MobileNet.ipynb"))
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [len(c.source.splitlines()) for c in cells if c.cell_type == "code" and not c.source.startswith("# %load")]
print(f"{len(cells)} cells, {words} words of markdown, longest code cell {max(long)} lines")
