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

At the end you will have a trained CIFAR-10 classifier whose 8-bit weights take less than a megabyte, you will know where its arithmetic and its time go, and you will have quantised it, exported it and timed it one image at a time.

**How long it takes.** TODO-NUMBERS <!-- minutes of the stored run at scale cpu, the number of trainings, two cores --> Scales: `quick` (half a minute, generated images, no internet; its numbers mean nothing), `cpu`, `gpu`, `paper` (longer trainings of the full width). The second code cell says how to choose.
""")
code("# Setup: find")
code(r"""
import copy
import statistics
import tempfile
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.mobilenet.mobilenet import (
    V1_BLOCKS, V2_BLOCKS, check_images, init_weights, reduced_strides, scaled
)
from architectures.mobilenet.quantise import folded, quantised, stored_bytes
from architectures.resnet.resnet import resnet18
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
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
On the left you see the layer that convolutional networks were made of until 2017. On the right you see what MobileNet puts in its place. The notebook is about what this exchange saves, what it costs, and why a stopwatch tells another story than the count.

## The paper in brief

**The question.** A phone has a small battery, a slow chip and no patience. How much arithmetic does an image classifier really need?

**The idea.** A standard convolution does two jobs at once: it looks at neighbouring *places* and it mixes *channels*. MobileNet separates the jobs. A *depthwise* convolution gives each channel one 3×3 kernel of its own, which sees the places but no other channel. A *pointwise* (1×1) convolution then mixes the channels at each place. Together they are a *depthwise-separable* convolution. Two numbers turn one network into a family: the *width multiplier* $\alpha$ thins every layer to $\alpha$ times its channels, and the *resolution multiplier* $\rho$ shrinks the image.

**The headline results** are on ImageNet (top-1 accuracy, Tables 4 to 7 of the paper):

| network | accuracy, % | million multiply-adds | million parameters |
|---|---|---|---|
| MobileNet with standard convolutions | 71.7 | 4866 | 29.3 |
| MobileNet | 70.6 | 569 | 4.2 |
| 0.75 MobileNet (thin) | 68.4 | 325 | 2.6 |
| shallow MobileNet (five blocks less) | 65.3 | 307 | 2.9 |
| 0.5 MobileNet | 63.7 | 149 | 1.3 |
| 0.25 MobileNet | 50.6 | 41 | 0.5 |

MobileNet gives up about one point of accuracy and does an eighth of the arithmetic; and if you have to save more, a thin network is better than a shallow one. These are the paper's numbers. We count all of these networks exactly, and repeat the comparisons on CIFAR-10.

## The data

We train on CIFAR-10: ten classes, images of 32×32 pixels, 45,000 to train on, 5,000 for validation and 10,000 for the test. Nothing below is chosen by the test set.
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

**What it costs.** Let a layer map $M$ channels to $N$ channels on a feature map of $D_F \times D_F$ places, with kernels of $D_K \times D_K$ (the paper's letters). Every output value of a standard convolution is a sum over $D_K^2 \cdot M$ products, and there are $N \cdot D_F^2$ of them. A depthwise convolution sums over $D_K^2$ products for each of its $M \cdot D_F^2$ values, and the pointwise one over $M$ for each of its $N \cdot D_F^2$. The ratio of the two is

$$\frac{D_K^2\, M\, D_F^2 + M\, N\, D_F^2}{D_K^2\, M\, N\, D_F^2} = \frac{1}{N} + \frac{1}{D_K^2}.$$

With 3×3 kernels and hundreds of channels the first term hardly counts, and a little more than a ninth is left. The pictures below show all weights of a layer with 8 input and 8 output channels as a matrix: a row for each output channel, a column for each input channel and kernel place. Coloured squares are weights; white ones are zero by construction.
""")
code(r"""
def wiring(conv):
    # 1 where an output channel (row) reads an input channel at a kernel place (column)
    out, _, *kernel = conv.weight.shape
    read = torch.zeros(out, conv.in_channels, *kernel)
    for row in range(out):
        group = row * conv.groups // out
        inputs = conv.in_channels // conv.groups
        read[row, group * inputs : (group + 1) * inputs] = 1
    return read.flatten(1)

@styled
def draw_wiring(layers):
    figure, axes = plt.subplots(1, len(layers), figsize=(11, 2.2), width_ratios=[4, 4, 1.2])
    for axis, (name, conv) in zip(axes, layers.items()):
        read = wiring(conv)
        axis.imshow(read, cmap="Blues", vmin=0, vmax=1.5, aspect="auto")
        axis.grid(False)
        columns = "input channel" if read.shape[1] == 8 else "input channel × kernel place"
        axis.set(title=f"{name}: {int(read.sum())} weights", xlabel=columns, ylabel="output channel")

layers = {"standard 3×3": nn.Conv2d(8, 8, 3), "depthwise 3×3": nn.Conv2d(8, 8, 3, groups=8)}
layers["pointwise"] = nn.Conv2d(8, 8, 1)
draw_wiring(layers)
assert [int(wiring(conv).sum()) for conv in layers.values()] == [9 * 8 * 8, 9 * 8, 8 * 8]
""")
md(r"""
The depthwise matrix is a narrow diagonal band: 72 of 576 weights remain, and the 64 of the pointwise convolution join the channels again. Seen like this, MobileNet replaces one dense matrix by the product of two sparse ones.

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
**The block.** Each of the two convolutions is followed by batch norm and a ReLU. In PyTorch a depthwise convolution is an ordinary one with as many `groups` as channels.
""")
code("# %load -s conv_bn,DepthwiseSeparable mobilenet.py")
md(r"""
We count the block of the first figure with PyTorch's own counter. It runs on the device `meta`, which knows shapes alone and computes nothing.
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
          f"a share of {separable / standard:.3f}")
""")
md(r"""
## The whole network

MobileNet is one standard 3×3 convolution, thirteen blocks, an average over the last feature map and one linear layer. For small images we let the first strides of 2 become 1 (`total_stride`), so that a 32-pixel image does not shrink to a single place.
""")
code("# %load -s MobileNetV1 mobilenet.py")
code(r"""
with torch.device("meta"):
    net, images = MobileNetV1(), torch.empty(1, 3, 224, 224)
parts = {"features.0": "conv 3×3", "features.1": "block 1", "features.3": "blocks 2, 3", "features.5": "4, 5",
         "features.11": "6 … 11", "features.13": "12, 13", "classifier": "linear"}
draw_network(net, images, parts, "MobileNet at 224 pixels")
""")
md(r"""
The maps shrink from 224 to 7 pixels while their channels grow from 3 to 1024. Does our network have the paper's sizes? Tables 4, 6 and 7 of the paper print millions, so we compare rounded numbers (the tests in the repository hold the exact ones).
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
The rest of the notebook uses the forms for CIFAR-10. Here is the table of everything that you may want to change. The main run is a network of half the width; the comparisons use smaller networks and shorter trainings, several of them.
""")
code(r"""
KNOBS = {  # net: of the main run; short: epochs of a comparison; seeds of the closest ones; repeats of a timing
    "quick": {"net": {"width": 0.125, "total_stride": 16}, "epochs": 1, "short": 1, "seeds": 1, "widths": (0.125, 0.25),
              "sizes": (32, 16), "batch": 50, "repeats": 2, "pixels": 64},
    "cpu": {"net": {"width": 0.5, "total_stride": 8}, "epochs": 40, "short": 15, "seeds": 2,
            "widths": (0.0625, 0.125, 0.25, 0.5), "sizes": (32, 24, 16), "batch": 128, "repeats": 9, "pixels": 224},
    "gpu": {"net": {"width": 1.0, "total_stride": 8}, "epochs": 40, "short": 8, "seeds": 1,
            "widths": (0.25, 0.5, 0.75, 1.0), "sizes": (32, 24, 16), "batch": 128, "repeats": 30, "pixels": 224},
    "paper": {"net": {"width": 1.0, "total_stride": 8}, "epochs": 200, "short": 60, "seeds": 3,
              "widths": (0.25, 0.5, 0.75, 1.0), "sizes": (32, 24, 16), "batch": 128, "repeats": 30, "pixels": 224},
}
knobs = KNOBS[scale]
# SGD with Nesterov momentum, a one-cycle schedule, label smoothing, random crops and flips
RECIPE = {"lr": 0.1, "lr of V2": 0.05, "momentum": 0.9, "weight_decay": 5e-4, "warm_up": 0.2, "smoothing": 0.1}
precision = "float32" if device.type == "cpu" else None  # depthwise convolutions are slower in bfloat16 on CPUs
""")
md(r"""
The paper advises little or no weight decay on the depthwise kernels, because they have so few weights. We follow it: only weights that mix channels decay. Its optimiser was RMSprop on many machines; ours is the usual recipe for CIFAR-10. MobileNetV2 gets a smaller learning rate, because in a short trial at 0.2 it had learned nothing after 80 steps.
""")
code(r"""
def smoothed(model, images, labels):
    logits = model(images)  # (B, classes)
    right = (logits.argmax(dim=1) == labels).sum()
    smoothing = RECIPE["smoothing"] if model.training else 0.0
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, build, epochs, seed=SEED, images=data, lr=RECIPE["lr"], lines=1):
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
**Overfit one batch.** Before a long training we check that a small network can fit 32 images perfectly. If it cannot, something is broken.
""")
code(r"""
set_seed(SEED)
model = small(0.25)().to(device).train()
images, labels = next(iter(ImageLoader(data, "train", 32, device)))
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

This is the main run. You can interrupt it at any time (the stop button): the cells after it work with what there is.
""")
code(r"""
net, run, accuracy = train("main", lambda: MobileNetV1(10, **knobs["net"]), knobs["epochs"], lines=20)
print(f"{data.name}, test accuracy: {accuracy:.2f} %, {count(net):,} parameters,",
      f"{macs(MobileNetV1, 32, num_classes=10, **knobs['net']) / 1e6:.1f} million multiply-adds")
plot_histories({f"MobileNet, width {knobs['net']['width']}": run}, data.name)
""")
md(r"""
TODO-NUMBERS <!-- what the curves show: the training loss is higher than the validation loss because of label smoothing and augmentation; where accuracy rises as the rate falls; final test accuracy -->

The published figure in the table below is another network's, MobileNetV2 of full width, from a well-known collection of CIFAR-10 models.
""")
code(r"""
name = f"MobileNet, width {knobs['net']['width']}, total stride {knobs['net']['total_stride']}"
rows = [
    {"what": name, "paper": None, "reproduction": None, "runs": [(accuracy, run)]},
    {"what": "MobileNetV2, width 1.0", "paper": None, "reproduction": 94.43, "runs": []},
]
report("MobileNet", "test accuracy, %", data.name, "45k/5k", "kuangliu/pytorch-cifar", rows)
""")
md(r"""
## The same network with standard convolutions

The paper's first control replaces every depthwise-separable block by a standard 3×3 convolution and leaves all else as it is. The saving is a fact of arithmetic. What we have to measure is its price in accuracy and how much of it arrives on the clock. We train both at a quarter of the width, with the same seeds and the same recipe.
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
TODO-NUMBERS <!-- the two accuracies, spread of seeds, against 7.5 times the multiply-adds and 8.2 times the parameters -->

**Now the clock.** We time a forward pass and a training step of the same two networks, and of a wider pair, on this machine.
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

def forward(model):
    with torch.no_grad():
        model.eval()(images)

def training_step(model):
    model.zero_grad()
    F.cross_entropy(model.train()(images), labels).backward()
""")
code(r"""
for width in knobs["widths"][-2:]:
    costs = []
    for separable in (True, False):
        build = small(width, separable=separable)
        model = build().to(device)
        costs.append((macs(build, 32), seconds_of(forward, model), seconds_of(training_step, model)))
    print(f"width {width}: standard / separable: {costs[1][0] / costs[0][0]:.1f}× the multiply-adds,",
          f"{costs[1][1] / costs[0][1]:.1f}× the time forward, {costs[1][2] / costs[0][2]:.1f}× in training",
          f"({1000 * costs[0][1] / len(images):.2f} and {1000 * costs[0][2] / len(images):.2f} ms an image, separable)")
""")
md(r"""
TODO-NUMBERS <!-- the saving that the arithmetic promises and the saving that the clock shows -->

**In which precision?** The chip may have a faster 16-bit format. We time the forward pass of both networks in it. (We train in float32 on CPUs for the reason that you see here.)
""")
code(r"""
dtype, _ = choose_precision(device)
for name, build in pair.items():
    model = build().to(device)
    seconds = seconds_of(forward, model)
    with autocast(device, dtype):
        faster = seconds / seconds_of(forward, model)
    print(f"{name:10} forward: {dtype_name(dtype)} is {faster:.2f}× as fast as float32")
""")
md(r"""
TODO-NUMBERS <!-- bfloat16 on this CPU: faster for standard convolutions, slower for depthwise ones; one sentence why (no bfloat16 depthwise kernel worth the name: values are converted back and forth) only if the numbers say so -->

Why does time fall less than arithmetic? A chip has to fetch every number before it can multiply it. Whether it waits for the arithmetic or for the memory depends on the layer's *arithmetic intensity*, the multiply-adds for each byte moved. If $P$ is the chip's peak rate and $W$ its memory bandwidth, a layer of intensity $I$ runs at no more than

$$\min(P,\; W \cdot I) \quad \text{multiply-adds per second},$$

which is called the *roofline* of the machine. A depthwise kernel uses each number that it reads nine times at most; a standard convolution uses it $9N$ times, once for each output channel and kernel place. We measure the roof first: the peak by a large matrix product, the bandwidth by copying a large array, and once more by copying a small one, which fits into the cache.
""")
code(r"""
n, length = (512, 1 << 22) if scale == "quick" else (3072, 1 << 26)
a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
peak = n**3 / seconds_of(torch.mm, a, b, of=min)

def copied_per_second(numbers):
    source, target = torch.zeros(numbers, device=device), torch.zeros(numbers, device=device)
    return 2 * 4 * numbers / seconds_of(target.copy_, source, of=min)  # bytes: each number is read and written

bandwidth, cached = copied_per_second(length), copied_per_second(1 << 17)
print(f"peak {peak / 1e9:.0f} billion multiply-adds per second,",
      f"bandwidth {bandwidth / 1e9:.1f} billion bytes ({cached / 1e9:.1f} from the cache)")
print(f"a layer needs {peak / bandwidth:.1f} multiply-adds a byte to keep the arithmetic busy (float32)")
del a, b
""")
md(r"""
Then we run every layer of both networks by itself, on the input that it meets in a forward pass, and note its multiply-adds, its bytes (input, output and weights, each moved once) and its time. A roof is a limit, so here the fastest of several runs counts.
""")
code(r"""
def kind_of(layer):
    if isinstance(layer, nn.Conv2d):
        dense = "pointwise 1×1" if layer.kernel_size == (1, 1) else "standard 3×3"
        return "depthwise 3×3" if layer.groups > 1 else dense
    return "batch norm" if isinstance(layer, nn.BatchNorm2d) else "ReLU" if isinstance(layer, nn.ReLU) else "head"

@torch.no_grad()
def layers_of(model):
    # [(kind, multiply-adds, bytes, seconds)] of each layer, for one batch
    met = []
    hooks = [layer.register_forward_hook(lambda layer, x, y: met.append((layer, x[0], y.numel())))
             for layer in model.modules() if not list(layer.children())]
    model.eval()(images)
    for hook in hooks:
        hook.remove()
    rows = []
    for layer, x, outputs in met:
        weights = getattr(layer, "weight", None)
        operations = outputs * weights[0].numel() if isinstance(layer, (nn.Conv2d, nn.Linear)) else 0
        moved = 4 * (x.numel() + outputs + (0 if weights is None else weights.numel()))
        rows.append((kind_of(layer), operations, moved, seconds_of(layer, x, of=min)))
    return rows

WIDTH = knobs["widths"][-1]
wider = {"separable": small(WIDTH), "standard": small(WIDTH, separable=False)}
measured = {name: layers_of(build().to(device)) for name, build in wider.items()}
assert sum(row[1] for row in measured["separable"]) == len(images) * macs(small(WIDTH), 32)
""")
code(r"""
@styled
def plot_roofline(measured):
    figure, axis = plt.subplots(figsize=(8.5, 4.6))
    intensity = torch.logspace(-1, 3, 200)
    for speed, line, name in ((bandwidth, "-", "main memory"), (cached, "--", "cache")):
        roof = (speed * intensity).clamp(max=peak) / 1e9
        axis.loglog(intensity, roof, line, color="black", label=f"roof, data from {name}")
    places = {}
    for rows in measured.values():
        for kind, operations, moved, seconds in rows:
            if operations and kind != "head":
                places.setdefault(kind, []).append((operations / moved, operations / seconds / 1e9))
    for colour, (kind, points) in zip(COLOURS, sorted(places.items())):
        axis.loglog(*zip(*points), "o", color=colour, alpha=0.7, label=kind)
    axis.set(xlabel="multiply-adds per byte", ylabel="billion multiply-adds per second", title="Roofline, float32")
    axis.legend(loc="lower right")

plot_roofline(measured)
""")
code(r"""
for name, rows in measured.items():
    totals = [sum(column) for column in list(zip(*rows))[1:]]
    print(f"{name}, width {WIDTH}: {1000 * totals[2]:.1f} ms a batch of {len(images)}")
    for kind in dict.fromkeys(row[0] for row in rows):
        parts = [sum(column) for column in list(zip(*(row for row in rows if row[0] == kind)))[1:]]
        shares = [100 * part / total for part, total in zip(parts, totals)]
        print(f"   {kind:14} {shares[0]:5.1f} % of the multiply-adds, {shares[1]:5.1f} % of the bytes,",
              f"{shares[2]:5.1f} % of the time")
""")
md(r"""
TODO-NUMBERS <!-- depthwise layers lie left, at an intensity of about 1.1 multiply-adds a byte (9 for each value read and written: 9 / 8), under the slanted part of the roof; pointwise and standard ones further right and higher; small late maps can lie above the slanted roof, because their inputs fit into the cache, which is faster than main memory; share of depthwise, batch norm and ReLU of the time against their share of multiply-adds -->

A depthwise layer of stride 1 reads a value and writes a value, 8 bytes in float32, for 9 multiply-adds. Its intensity is 9/8 at most, whatever its size; with stride 2 it is 0.45, because four values are read for each one that is written. As long as the corner of the roof lies further right, no implementation can make such a layer run at the chip's peak. What helps is fusing it with its neighbours, so that the values never leave the cache. Batch norm and ReLU cannot even be drawn here: they move as many bytes and have no multiply-adds in our count. Once the convolutions are cheap, they matter. So multiply-adds count the arithmetic; they are only a rough guide to the time.

## Thinner, or smaller images?

The width multiplier $\alpha$ changes the cost by about $\alpha^2$, because the pointwise layers have $\alpha M \cdot \alpha N$ weights; the resolution multiplier $\rho$ changes it by $\rho^2$, because there are fewer places. The width saves parameters, the resolution saves none. We train a network of each width at 32 pixels, and the widest of them on images that we shrink to 24 and 16 pixels.
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
TODO-NUMBERS <!-- accuracy against the logarithm of the cost: the paper found it roughly linear with a jump at 0.25; which of the two multipliers costs less accuracy here; CIFAR-10's images are small already -->

**Thin or shallow?** If you have to halve the cost, you may take away layers instead of channels. The paper's shallow network leaves out the five blocks of 512 channels. We compare it with a thin network of the same depth as MobileNet that has nearly the same number of multiply-adds *and* of parameters. If depth is worth more than width, the thin one wins.
""")
code(r"""
equals = {"thin (0.1875)": small(0.1875), "shallow (0.25)": small(0.25, shallow=True)}
thin_or_shallow = {}
for name, build in equals.items():
    print(f"{name}: {count(build()):,} parameters, {macs(build, 32) / 1e6:.2f} million multiply-adds")
    thin_or_shallow[name] = [train(name, build, knobs["short"], seed) for seed in range(knobs["seeds"])]
spread = {name: [a for *_, a in trained] for name, trained in thin_or_shallow.items()}
plot_spread(spread, "test accuracy (%)", data.name)
""")
md(r"""
TODO-NUMBERS <!-- thin and shallow accuracies, n = 2; the paper has 68.4 against 65.3 on ImageNet; at 32 pixels the five blocks sit on maps of 4×4 places, which limits what depth can add; the gap against the spread of seeds -->

## MobileNetV2

A year later the same group turned the block inside out. Its design follows from one observation about ReLU. A ReLU sets half of the plane of each channel to zero. If a feature map carries few channels, what it loses is gone; if it carries many, other channels still hold it. To see this, we lift a spiral from two dimensions into $n$, apply a ReLU, and map it back to two by the best linear map.
""")
code(r"""
set_seed(SEED)
angle = torch.linspace(0, 5 * torch.pi, 400)
spiral = torch.stack([angle.cos(), angle.sin()], dim=1) * (angle / angle.max())[:, None]  # (400, 2)

@styled
def draw_lifted(dimensions):
    figure, axes = plt.subplots(1, len(dimensions) + 1, figsize=(11, 2.4))
    axes[0].scatter(*spiral.T, c=angle, s=4, cmap="viridis")
    axes[0].set_title("input")
    for axis, n in zip(axes[1:], dimensions):
        lifted = F.relu(spiral @ torch.randn(2, n))  # (400, n)
        back = lifted @ torch.linalg.lstsq(lifted, spiral, driver="gelsd").solution
        kept = 1 - ((back - spiral) ** 2).sum() / (spiral**2).sum()
        axis.scatter(*back.T, c=angle, s=4, cmap="viridis")
        axis.set_title(f"n = {n}: {kept:.0%} kept")
    for axis in axes:
        axis.set(xticks=[], yticks=[], aspect="equal")

draw_lifted((2, 3, 5, 15, 30))
""")
md(r"""
With two or three channels, whole arms of the spiral collapse onto a line or a point. With fifteen or more, a linear map recovers the spiral. Two conclusions make the new block: apply ReLUs where there are *many* channels, and none where there are few. So the block first *expands* its thin input sixfold by a 1×1 convolution, filters it depthwise, and *projects* it back by a 1×1 convolution without an activation, the *linear bottleneck*. The shortcut joins the two thin ends, where ResNet's joins the thick ones: hence *inverted residual*.
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
ReLU6 is $\min(\max(0, x), 6)$: a bounded range is easier to represent in few bits. The whole network is a 3×3 convolution, seventeen such blocks, a 1×1 convolution to 1280 channels, and the head. A column of the table is a group of $n$ blocks with expansion $t$ and $c$ output channels; the first of them has stride $s$.

| $t$ | 1 | 6 | 6 | 6 | 6 | 6 | 6 |
|---|---|---|---|---|---|---|---|
| $c$ | 16 | 24 | 32 | 64 | 96 | 160 | 320 |
| $n$ | 1 | 2 | 3 | 4 | 3 | 3 | 1 |
| $s$ | 1 | 2 | 2 | 2 | 1 | 2 | 1 |
""")
code("# %load -s MobileNetV2 mobilenet.py")
md(r"""
The layers have torchvision's names, so its ImageNet weights load by `load_state_dict`.

**Do the two ideas matter?** The paper's Figure 6 compares linear bottlenecks with ReLU6 bottlenecks, and shortcuts with none. We train the four combinations of a small MobileNetV2. They have the same convolutions and so the same cost.
""")
code(r"""
with torch.device("meta"):
    assert count(MobileNetV2()) == 3_504_872 and macs(MobileNetV2, 224) == 300_774_272  # the paper: 3.4 and 300 million

def v2(**options):
    width = 0.35 if scale in ("quick", "cpu") else 0.5
    return lambda: MobileNetV2(10, width, total_stride=16, dropout=0.0, **options)

variants = {}
for linear in (True, False):
    for residual in (True, False):
        name = f"{'linear' if linear else 'ReLU6'}, {'with' if residual else 'without'} shortcuts"
        build = v2(linear=linear, residual=residual)
        variants[name] = train(f"v2 {name.replace(',', '')}", build, knobs["short"], lr=RECIPE["lr of V2"])
for name, (_, _, accuracy_there) in variants.items():
    print(f"{name:26} test accuracy {accuracy_there:.2f} %")
curves = {name: [100 * value for value in run.history["val_accuracy"]] for name, (_, run, _) in variants.items()}
plot_curves({f"{count(v2()()):,} parameters, {macs(v2(), 32) / 1e6:.1f} million multiply-adds": curves},
            "epoch", "validation accuracy (%)", data.name)
""")
md(r"""
TODO-NUMBERS <!-- four accuracies (n = 1), which of the two ideas has the larger effect here; say whether differences exceed the seed spread seen above -->
""")
code(r"""
everything = [
    *((f"{name}, width 0.25", trained) for name, trained in results.items()),
    *((f"width {width}, {size} pixels", [one]) for (width, size), one in family.items() if (width, size) != (0.25, 32)),
    *thin_or_shallow.items(), *((f"V2, {name}", [one]) for name, one in variants.items()),
]
rows = [{"what": name, "paper": None, "reproduction": None, "runs": [(a, r) for _, r, a in trained]}
        for name, trained in everything]
report("MobileNet", "test accuracy, %", data.name, "45k/5k", None, rows, table="experiments")
""")
md(r"""
## Look inside

A depthwise kernel is a 3×3 image that one can look at: unlike a standard kernel it sees a single channel. Here are some of the trained network's kernels, from an early block and a late one.
""")
code(r"""
def kernels(block, number=20):
    weights = net.features[block].depthwise[0].weight.detach().cpu()[:number, 0]  # (number, 3, 3)
    return 0.5 + 0.5 * weights / weights.abs().amax((1, 2), keepdim=True)

drawn = torch.cat([kernels(1, 10), kernels(4, 10), kernels(12, 10)])
show_images(drawn, columns=10, title="Depthwise kernels of blocks 1, 4 and 12 (grey is zero)", size=0.9)
""")
code(r"""
test_loader = ImageLoader(data, "test", 500, device)
with torch.no_grad():
    probabilities = torch.cat([net.eval()(x).softmax(dim=1) for x, _ in test_loader])
title = f"{data.name}: most confident mistakes"
show_mistakes(data.test.images, data.test.labels, probabilities, data.classes, title=title)
""")
md(r"""
TODO-NUMBERS <!-- what the kernels of block 1 look like (edges, blurs, single taps) and those of block 12; a sentence on the mistakes -->

## Made small: quantisation

A phone's chip multiplies 8-bit integers several times faster than floats, and 8-bit weights take a quarter of the memory. *Post-training quantisation* rounds a finished network to such numbers without any further training. It takes three steps.

**1. Fold the batch norms.** In evaluation mode a batch norm is a fixed affine map of each channel, so it can be multiplied into the convolution before it:

$$\gamma\,\frac{w * x - \mu}{\sqrt{\sigma^2 + \epsilon}} + \beta \;=\; \underbrace{\frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\, w}_{\text{new kernel}} * x \;+\; \underbrace{\beta - \frac{\gamma\,\mu}{\sqrt{\sigma^2 + \epsilon}}}_{\text{new bias}}.$$
""")
code("# %load -s fold quantise.py")
code(r"""
whole = folded(net)
images, labels = next(iter(test_loader))
with torch.no_grad():
    difference = (whole(images) - net(images)).abs().max().item()
print(f"largest difference of the logits: {difference:.1e}")
assert difference < 1e-2 and not [m for m in whole.modules() if isinstance(m, nn.BatchNorm2d)]
""")
md(r"""
**2. Round the weights.** Each output channel gets a step of its own, such that its largest weight is the last of the $2^{b-1}-1$ steps on either side of zero. **3. Round the activations.** We send a few hundred training images through the network, note the smallest and largest value that enters each layer, and divide that range into $2^b - 1$ steps. One of the steps must be exactly zero, because padding and ReLU produce zeros.

The arithmetic below stays in floats whose values lie on the integer grid. That gives the accuracy of an integer network, not its speed.
""")
code("# %load -s round_weights,Quantised quantise.py")
md(r"""
Does it matter that every channel has its own step? Folding multiplies each kernel by $\gamma / \sigma$, which differs between channels by far, and a depthwise kernel of nine weights cannot average its rounding errors away. So we also try a single step for the whole layer.
""")
code(r"""
calibration, _ = next(iter(ImageLoader(data, "train", 500, device)))
before = 100 * evaluate(net, test_loader, device)["accuracy"]
print(f"float32: {before:.2f} %, {stored_bytes(folded(net)) / 1e6:.2f} MB")
accuracies = {"a step for each channel": [], "one step for each layer": []}
bits = (8, 6, 4, 3)
for b in bits:
    for per_channel, values in zip((True, False), accuracies.values()):
        rounded = quantised(net, b, calibration, per_channel)
        values.append(100 * evaluate(rounded, test_loader, device)["accuracy"])
    print(f"{b} bits:", ", ".join(f"{name} {values[-1]:.2f} %" for name, values in accuracies.items()),
          f" {stored_bytes(quantised(net, b, calibration)) / 1e6:.2f} MB")
curves = {name: (bits, values) for name, values in accuracies.items()} | {"float32": ((3, 8), (before, before))}
plot_curves({"": curves}, "bits", "test accuracy (%)", f"{data.name}: quantised")
""")
md(r"""
TODO-NUMBERS <!-- accuracy at 8, 6, 4, 3 bits per channel and per layer, bytes; where it breaks. Per-layer rounding is expected to fail earlier: say what came out -->

## Use it

**Export.** `torch.export` records the network as a graph that runs without our Python code, in any batch size here. We save it, load it and compare.
""")
code(r"""
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
**One image at a time.** A phone does not classify batches of 128. We time single images of ImageNet's size on this machine, against ResNet-18, all with random weights, since the time does not depend on them.
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
TODO-NUMBERS <!-- ratios of multiply-adds and of milliseconds against ResNet-18; folding's gain -->

**Save it, load it, and classify an image of your own.** Set `my_image` to a file in which one of the ten things fills most of the frame. Without one, we take a test image.
""")
code(r"""
path = checkpoint_dir() / scale / "MobileNet" / "mobilenet-weights.pt"
about = {"net": {"num_classes": 10, **knobs["net"]}, "classes": list(data.classes)}
about |= {"mean": list(data.mean), "std": list(data.std)}
save_weights(net, path, **about, accuracy=accuracy, made=run.made())
reader = MobileNetV1(**about["net"])
facts = load_weights(reader, path, device)
with torch.no_grad():
    assert torch.equal(reader.eval()(images), net.eval()(images))
print(f"{path.stat().st_size / 1e6:.2f} MB, {facts['made']}")
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
| data | ImageNet, 224 to 128 pixels | CIFAR-10, 32 to 16 pixels, first strides of 2 removed |
| optimiser | RMSprop, asynchronous, many machines | SGD with Nesterov momentum, one-cycle schedule |
| regularisation | little augmentation, little or no weight decay on depthwise kernels | crops, flips, label smoothing 0.1; no decay on depthwise kernels, norms and biases |
| width | 0.25 to 1.0 (V1), 0.35 to 1.4 (V2) | the knobs of this notebook; all of them are counted in the tests |
| initialisation | not given | He |
| quantisation | not in the papers | simulated, after training |

## Exercises

1. **Which layers can be thinned?** Give the shallow network back its cost: choose the width at which it has as many multiply-adds as `small(0.25)`, and train it. Is the extra width worth more than the five blocks? *Hint: `macs(small(w, shallow=True), 32)` for a few `w`.*
2. **Larger depthwise kernels.** In `DepthwiseSeparable`, make the first convolution 5×5. How many multiply-adds does that add to the whole network, in percent? Does the accuracy rise? *Hint: `conv_bn` sets the padding by itself.*
3. **Only the weights.** Change `Quantised.forward` so that it never rounds activations. At which number of bits does the accuracy break down now? Which of the two roundings was the weaker part?
4. **Another expansion.** Set the expansion of `InvertedResidual` to 3 and widen the network to the old cost. What does this say about the spiral?
5. **Fuse and time.** Run `torch.compile(folded(net))` and time one image. Which part of the roofline's argument does fusing attack?

## Further reading

- Howard and others, [MobileNets](https://arxiv.org/abs/1704.04861), 2017, and Sandler and others, [MobileNetV2](https://arxiv.org/abs/1801.04381), 2018.
- Howard and others, [Searching for MobileNetV3](https://arxiv.org/abs/1905.02244), 2019: the same blocks, arranged by a search that measures time on a phone.
- Chollet, [Xception](https://arxiv.org/abs/1610.02357), 2016: depthwise-separable convolutions for accuracy instead of cost.
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
