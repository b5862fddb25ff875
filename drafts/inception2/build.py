"""Writes Inception.ipynb beside this file: python build.py (the README beside it is written by hand)."""
import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
INSTALLED = Path("/work/main/architectures/inception/Inception.ipynb")  # where it will lie: synced cells come from there
TARGET = HERE / "Inception.ipynb"
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], INSTALLED) or text))


# ------------------------------------------------------------------------------------------------------------ opening

md(r"""
# GoogLeNet (Inception)

Christian Szegedy, Wei Liu, Yangqing Jia, Pierre Sermanet, Scott Reed, Dragomir Anguelov, Dumitru Erhan, Vincent Vanhoucke, Andrew Rabinovich, [*Going Deeper with Convolutions*](https://arxiv.org/abs/1409.4842) · CVPR 2015

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/inception/Inception.ipynb)

At the end of this notebook you can build an Inception module and the whole GoogLeNet, say what its 1×1 convolutions save, and test the paper's arguments on a network that you have trained yourself. **The main result:** TODO-NUMBERS <!-- one sentence: "a GoogLeNet of three eighths of the width classifies … % of CIFAR-10's test images correctly (one seed), after … epochs." from "Results" -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "The only training took … minutes on one thread of …, everything else about … minutes." from the table and the log --> `quick` takes half a minute, offline, on generated shapes; its numbers mean nothing. We have not timed `gpu` (half the width, 40 epochs) and `paper` (full width, 100 epochs, though not the paper's recipe). The second code cell prints how to choose one.
""")
code("# Setup: ")
code(r"""
import copy
import functools
import math
import statistics
import time
from collections import Counter

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from architectures.inception.drawing import draw_module
from architectures.inception.inception import MODULES, InceptionModule, inception_cifar10
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
from utils.device import get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow, draw_network
from utils.images import load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, show_images, show_mistakes, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
draw_module(InceptionModule(192, MODULES["3a"]), torch.zeros(1, 192, 28, 28), "Inception module 3a of GoogLeNet")
""")
md(r"""
This is the first of GoogLeNet's nine **Inception modules**. The same input goes into four parallel *branches*, and their outputs are concatenated along the channels. The 1×1 convolutions that save computation are orange: $R_3$ and $R_5$ reduce the channels that the large kernels read, $P$ those of the pooling.

## The paper in brief

**The question.** The straightforward way to a better network is a larger one, but that overfits more easily and costs more: with twice as many channels everywhere, a convolution needs four times the computation (section 3). How can a network grow and stay affordable?

**The principle.** A theory of the time (Arora et al., 2013) suggests building a sparse network layer by layer: find the units of the previous layer that are active together, and connect each such cluster to one new unit. The authors see in it the *Hebbian principle*: neurons that fire together, wire together. Since sparse computation is slow on real hardware, the authors cover the sparse structure with dense, ready-made parts (section 4). Many correlated units look at the same place of the image, and 1×1 convolutions cover those. Clusters that spread over a larger patch need 3×3 and 5×5 convolutions.

**The module.** Kernels of several sizes run side by side. With brackets for concatenation,

$$\text{Inception}(x) = \big[\; C_1(x),\;\; C_3(R_3(x)),\;\; C_5(R_5(x)),\;\; P(\text{pool}(x)) \;\big].$$

$C_k$ is a convolution with $k \times k$ kernels. $R_3$ and $R_5$ are called **reductions** (today: *bottlenecks*), $P$ the **projection**. A ReLU follows every convolution, so a reduction also adds a nonlinearity.

**The network.** GoogLeNet stacks nine modules, named 3a to 5b, on a **stem** of three ordinary convolutions. At its end, *global average pooling* replaces AlexNet's large fully connected layers. During training, two small classifiers in the middle, the *auxiliary heads*, add their losses. The longest path through a module has two layers. Together with the stem and the final linear layer this makes $3 + 9 \cdot 2 + 1 = 22$ layers.

**The results.** GoogLeNet won the classification task of the ImageNet competition (ILSVRC) of 2014. The *top-5 error* is the share of images whose true class is not among the first five guesses. AlexNet's entry used no external data (Tables 2 and 3):

| | top-5 error, % | images |
|---|---|---|
| AlexNet's team, first in 2012 | 16.4 | test |
| VGG, second in 2014 | 7.32 | test |
| **GoogLeNet, first in 2014: seven networks, 144 crops of each image** | **6.67** | test |
| one GoogLeNet, one crop | 10.07 | validation |

**What it leaves open.** The paper has few *ablations*, experiments that take one part away. Average pooling instead of fully connected layers raised the top-1 accuracy by about 0.6 %. We quote version 1 on arXiv (2014). The CVPR text of 2015 adds that in later experiments the effect of the heads was "relatively minor (around 0.5%)", and that one head was enough (both in section 5). The authors call it questionable whether the principles behind the design explain its success (section 3). We can check most of the arguments one by one:

- reductions make large kernels affordable: we count and time them
- a module sees several scales at once: we count its receptive fields
- averaging over crops helps: we average over several views
- auxiliary heads strengthen early gradients: we measure gradients
- features in the middle separate the classes: we fit linear classifiers to them
- few channels can carry the information: we remove directions from the features

## The data

ImageNet is too large for a notebook, so we train on CIFAR-10: 32×32 pixels and ten classes, with 45,000 images for training, 5,000 for validation and 10,000 for testing (at scale `quick`, generated shapes). Below you can see how little detail is left at this size.
""")
code(r"""
data = load_shapes(train=400, val=100, test=100) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
first = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
show_images(data.train.images[first], data.classes, title=f"{data.name}: one training image of each class")
print(f"{data.name}: {', '.join(sizes)}")
""")

# ------------------------------------------------------------------------------------------------------- part by part

md(r"""
## Part by part

### The 1×1 convolution

A **1×1 convolution** does not look at neighbours. At every position it mixes the values of all channels into new ones, with the same weights everywhere. The next cell turns three channels into two, for an image of two pixels.
""")
code(r"""
x = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]])  # (image, channel, row, column)
mix = torch.tensor([[1.0, 1.0, 0.0], [0.0, -1.0, 2.0]])  # two new channels, each from three old ones
y = F.conv2d(x, mix.view(2, 3, 1, 1))
assert torch.equal(y[0, :, 0, 0], mix @ torch.tensor([1.0, 3.0, 5.0]))
assert y[0, :, 0].tolist() == [[4, 6], [7, 8]]
print("channels of the left pixel: ", x[0, :, 0, 0].tolist(), "->", y[0, :, 0, 0].tolist())
print("channels of the right pixel:", x[0, :, 0, 1].tolist(), "->", y[0, :, 0, 1].tolist())
""")
md(r"""
### What a reduction saves

We measure cost in **multiply-adds** (*MACs*): multiplications whose product is added to a sum. Tools that report FLOPs often count two for each. A $k \times k$ convolution from $C$ to $O$ channels uses each of its $k^2 C O$ weights once at each of the $H W$ positions. If a 1×1 convolution first reduces the $C$ channels to $R$, the large kernels have less to do:

$$\underbrace{HW\, k^2\, C\, O}_{\text{directly}} \qquad\text{against}\qquad \underbrace{HW\, (C R + k^2\, R\, O)}_{\text{through } R \text{ channels}}.$$

We count both for the 5×5 branch of module 3a, which goes from 192 to 32 channels through 16. Here and below we leave out pooling, norms and biases.
""")
code(r'''
def multiply_adds(model, *shape):
    """{layer: multiply-adds} of the convolutions and linear layers, counted while one image of `shape` passes."""
    found = {}

    def note(layer, _, output, name):
        found[name] = layer.weight.numel() * output[0, 0].numel()  # every weight, at every position

    hooks = [
        layer.register_forward_hook(functools.partial(note, name=name))
        for name, layer in model.named_modules() if isinstance(layer, (nn.Conv2d, nn.Linear))
    ]
    with torch.no_grad():
        model.eval()(torch.zeros(1, *shape, device=next(model.parameters()).device))
    for hook in hooks:
        hook.remove()
    return found

directly = nn.Conv2d(192, 32, 5, padding=2)
through16 = nn.Sequential(nn.Conv2d(192, 16, 1), nn.ReLU(), nn.Conv2d(16, 32, 5, padding=2))
costs = [sum(multiply_adds(layers, 192, 28, 28).values()) for layers in (directly, through16)]
assert costs == [28 * 28 * 25 * 192 * 32, 28 * 28 * (192 * 16 + 25 * 16 * 32)]
print(f"directly {costs[0]:,}, through 16 channels {costs[1]:,}: {costs[0] / costs[1]:.1f} times fewer")
''')
md(r"""
The reduction makes this branch almost ten times cheaper. The price is that 16 numbers at each position have to carry what the 5×5 kernels need to know about 192 channels.

### The module

This class builds the module. `widths` is a row of the paper's Table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection. In the fourth branch, max pooling with stride 1 and padding 1 keeps height and width. Batch norm, published after the paper, is an option, which our training uses.
""")
code("# %load -s Conv,InceptionModule inception.py")
code(r"""
module, x = InceptionModule(192, MODULES["3a"]), torch.randn(2, 192, 28, 28)
with torch.no_grad():
    channels = [branch(x).shape[1] for branch in module.children()]
    assert module(x).shape == (2, sum(channels), 28, 28)
assert sum(p.numel() for p in module.parameters()) == 163_696
print(*channels, "channels side by side:", tuple(module(x).shape))
""")
md(r"""
## Do the reductions pay?

Without reductions and projection, module 3a is the naive module of the paper's Figure 2a:
""")
code(r"""
naive = InceptionModule(192, MODULES["3a"], reduce=False)
draw_module(naive, torch.zeros(1, 192, 28, 28), "Module 3a without reductions: the pooling passes on all channels")
""")
md(r"""
The large kernels now read all 192 channels, and the pooling passes all of them on, so the output has 416 channels instead of 256. Fewer multiply-adds need not mean less time, so we count and time both forms.
""")
code(r"""
def milliseconds(module, x):
    synchronise(device)
    start = time.perf_counter()
    with torch.no_grad():
        module(x)
    synchronise(device)
    return 1000 * (time.perf_counter() - start)

forms = {"with reductions": True, "without": False}
forms = {label: InceptionModule(192, MODULES["3a"], reduce=reduce).to(device) for label, reduce in forms.items()}
batch = 8 if device.type == "cpu" else 256  # few images would only measure how fast a GPU is given its tasks
x = torch.randn(batch, 192, 28, 28, device=device)
repeats = 3 if scale == "quick" else 21
times = [[milliseconds(module, x) for module in forms.values()] for _ in range(2 + repeats)][2:]  # two warm up
medians = [statistics.median(column) for column in zip(*times)]
weights = [sum(p.numel() for p in module.parameters() if p.ndim == 4) for module in forms.values()]
work = [sum(multiply_adds(module, 192, 28, 28).values()) for module in forms.values()]
for label, w, m, t in zip(forms, weights, work, medians):
    print(f"{label:16} {w:,} weights, {m:,} multiply-adds, {t:.1f} ms for {batch} images;",
          f"{forms[label].out_channels} channels")
print(f"without / with:  {weights[1] / weights[0]:.2f}, {work[1] / work[0]:.2f}, time {medians[1] / medians[0]:.2f}",
      f"({device.type}, {str(x.dtype).split('.')[1]}, threads: {torch.get_num_threads()})")
assert weights == [192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32, 192 * (64 + 9 * 128 + 25 * 32)]
""")
md(r"""
TODO-NUMBERS <!-- finding first: "The saving is real, but time does not follow arithmetic: without the reductions the module needs 2.37 times the multiply-adds, yet takes only … times as long." (first edition: 1.31; or "and takes … times as long" if it is above 2). Take the time from an idle machine. -->

In a stack of modules without projections, the channels pile up from module to module. We count the multiply-adds of all nine modules in four forms. `stack` builds modules in a row; on PyTorch's device `meta`, whose tensors have shapes but no contents, it confirms the first and the last count.
""")
code("# %load -s stack inception.py")
code(r"""
ORDER = "3a 3b / 4a 4b 4c 4d 4e / 5a 5b"  # "/" is a pooling

def nine_modules(reductions, projections):
    # multiply-adds of all modules for 192 channels of 28×28 positions, and the number of channels at their end
    total, C, side = 0, 192, 28
    for name in ORDER.split():
        if name == "/":
            side //= 2
            continue
        one, reduce3, three, reduce5, five, pooled = MODULES[name]
        read3, read5 = (reduce3, reduce5) if reductions else (C, C)  # channels that the large kernels read
        weights = C * one + 9 * read3 * three + 25 * read5 * five
        weights += C * (reduce3 + reduce5) * reductions + C * pooled * projections
        total += weights * side * side
        C = one + three + five + (pooled if projections else C)
    return total, C

nine = {"everything": (True, True), "no projections": (True, False),
        "no reductions": (False, True), "neither": (False, False)}
nine = {label: nine_modules(*form) for label, form in nine.items()}
for label, (total, channels) in nine.items():
    print(f"{label:15} {total / 1e9:5.2f} billion multiply-adds, {total / nine['everything'][0]:4.1f} times;",
          f"{channels:,} channels at the end")
for label, reduce in {"everything": True, "neither": False}.items():
    with torch.device("meta"):
        built = nn.Sequential(*stack(ORDER, 192, reduce=reduce))
        assert sum(multiply_adds(built, 192, 28, 28).values()) == nine[label][0]
""")
md(r"""
Without projections the nine modules need 1.5 times the multiply-adds, without reductions 3.6 times, and without both 10.9 times. This is about twice the product of the two: the large kernels then read all the channels that pile up. The paper warns of this "computational blow up within a few stages" (section 4).
""")

# -------------------------------------------------------------------------------------------------------------- heads

md(r"""
## Auxiliary heads

Gradients have to travel back through 22 layers, which worried the authors: batch norm and He initialisation came only in 2015. So during training, modules 4a and 4d each feed an **auxiliary head**, a small classifier of the features at that depth.
""")
code(r"""
row = {"image": "image", "stem": "stem\n3 layers", "4a": "3a, 3b, 4a\n6 layers", "4d": "4b, 4c, 4d\n6 layers",
       "5b": "4e, 5a, 5b\n6 layers", "end": "average, linear\n1 layer"}
boxes = {key: (text, i, 0, "data" if key == "image" else "layer") for i, (key, text) in enumerate(row.items())}
boxes |= {"loss": ("main loss", len(row), 0, "loss"), "head1": ("head\n0.3 × its loss", 2, 1, "loss"),
          "head2": ("head\n0.3 × its loss", 3, 1, "loss")}
arrows = list(zip(row, [*row, "loss"][1:])) + [("4a", "head1"), ("4d", "head2")]
draw_flow(boxes, arrows, "GoogLeNet in training: three losses (the heads are dropped afterwards)")
""")
md(r"""
The gradients of the heads' losses pass fewer layers on their way to the stem. The three cross-entropies are added up,

$$L_{\text{total}} = L_{\text{end}} + 0.3\,(L_{4a} + L_{4d}),$$

and after training the heads are discarded. The paper expects three things of them: middle layers that separate the classes better, larger gradients in the early layers, and regularisation (section 5).
""")
code("# %load -s AuxiliaryHead,googlenet_loss inception.py")
md(r"""
We check the loss by hand: if the three classifiers give the right class the probabilities 1/2, 3/4 and 1/4, it must be $\ln 2 + 0.3\,(\ln\frac{4}{3} + \ln 4)$.
""")
code(r"""
answers = [torch.tensor([[p, 1 - p]]).log() for p in (0.5, 0.75, 0.25)]  # logits: logarithms of probabilities
loss = googlenet_loss(tuple(answers), torch.tensor([0]))
assert math.isclose(loss.item(), math.log(2) + 0.3 * (math.log(4 / 3) + math.log(4)), rel_tol=1e-5)
print(f"loss with the heads {loss:.4f}, of the end alone {googlenet_loss(answers[0], torch.tensor([0])):.4f}")
""")

# ------------------------------------------------------------------------------------------------------- whole network

md(r"""
## The whole network

`GoogLeNet` joins the stem, the nine modules, the heads and the final linear layer. Its options switch between the paper's form and that of torchvision.
""")
code("# %load -s GoogLeNet,pool,init_weights inception.py")
code(r"""
names = {"conv1": "conv1", "conv2": "conv2", "conv3": "conv3"}
names |= {f"inception{name}": name for name in MODULES} | {"fc": "logits"}
with torch.device("meta"):  # shapes without numbers: nothing is computed
    paper_net, paper_input = GoogLeNet(), torch.empty(1, 3, 224, 224)
draw_network(paper_net, paper_input, names, "GoogLeNet: channels × height × width")
""")
md(r"""
The resolution falls in five steps from 224 to 7, by conv1 and four max poolings, while the channels rise to 1,024.

Table 1 of the paper prints the operations of each row, so we can check our network against it.
""")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

work = multiply_adds(paper_net, 3, 224, 224)
modules = zip((f"inception{name}" for name in MODULES), (128, 304, 73, 88, 100, 119, 170, 54, 71))
table = {"conv1": 34, "conv2 conv3": 360, **dict(modules), "fc": 1}  # million operations, as printed
for row, printed in table.items():
    parts = row.split()
    millions = sum(n for layer, n in work.items() if layer.split(".")[0] in parts) / 1e6
    agrees = abs(millions - printed) < 1
    print(f"{row:12} {sum(count(getattr(paper_net, part)) for part in parts):9,} parameters",
          f"{millions:6.1f} M multiply-adds, paper {printed:3} M", "" if agrees else " <- differs")
    assert agrees or row in ("conv1", "inception5a")
print(f"together {sum(work.values()):,} multiply-adds; the rows of the paper add up to {sum(table.values()):,} M")
separable = 7 * 7 * 3 * 8 + 24 * 64  # conv1 as a depthwise separable convolution: 8 kernels a colour, then 1×1
assert round(separable / 1000, 1) == 2.7  # thousand parameters, as printed
assert round(separable * 112**2 / 1e6) == table["conv1"]
print(f"conv1, depthwise separable: {separable:,} weights, {separable * 112**2 / 1e6:.1f} M multiply-adds")
""")
md(r"""
Ten of the twelve rows agree with the paper to within a million; 5a stays unexplained. The 34 million of conv1, and the 2.7 thousand parameters that Table 1 prints, fit a *depthwise separable* convolution: eight 7×7 kernels for each colour, then a 1×1 convolution from 24 to 64 channels. [*Xception*](https://arxiv.org/abs/1610.02357) reports such a first layer for Inception V1, and [*Batch Normalization*](https://arxiv.org/abs/1502.03167) the multiplier 8 for its own Inception. We build the ordinary convolution that the widths describe, so our total is 1.58 billion instead of the paper's 1.5.

Next we compare the parameters with AlexNet's:
""")
code(r"""
in_use = count(paper_net) - count(paper_net.aux1) - count(paper_net.aux2)
assert in_use == 6_998_552 and count(paper_net) == 13_378_280 and sum(work.values()) == 1_582_671_872
alexnet = 60_965_224
connected = sum(a * b + b for a, b in ((256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)))  # its last three layers
print(f"GoogLeNet {in_use:,}, {count(paper_net):,} with the heads; fully connected: {count(paper_net.fc):,}")
print(f"AlexNet  {alexnet:,}; fully connected: {connected:,}. It has {alexnet / in_use:.1f} times as many.")
thousands = [2.7, 112, 159, 380, 364, 437, 463, 580, 840, 1072, 1388, 1000]  # the parameters that Table 1 prints
print(f"The parameters in Table 1 add up to {sum(thousands) / 1000:.1f} million.")
""")
md(r"""
The paper speaks of twelve times fewer parameters than AlexNet. The widths of Table 1 give 8.7 times, and its own parameters add up to 6.8 million. The successor paper, [*Rethinking the Inception Architecture*](https://arxiv.org/abs/1512.00567), counts 5 million against 60 (section 1).

**Torchvision's GoogLeNet** has batch norm, no response normalisation, different pooling and dropout and, by a [known mistake](https://github.com/pytorch/vision/issues/906) that its trained weights rely on, 3×3 kernels in the 5×5 branch. With these options and its weights, our class must give the same outputs.
""")
code("# %load -s googlenet_torchvision inception.py")
code(r"""
theirs = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True, transform_input=False).eval()
theirs.apply(init_weights)
for value in theirs.state_dict().values():
    if value.ndim == 1:  # norms and biases away from 0 and 1, which would hide a swap
        nn.init.uniform_(value, 0.5, 1.5)
ours = googlenet_torchvision().eval()
ours.load_state_dict(theirs.state_dict())
images, _ = next(iter(ImageLoader(data, "test", 2, "cpu")))
with torch.no_grad():
    expected, found = theirs(F.interpolate(images, size=96)), ours(F.interpolate(images, size=96))
difference, apart = (found - expected).abs().max().item(), (expected[0] - expected[1]).abs().max().item()
assert count(ours) == 13_004_888 and difference < 1e-3 * apart
print(f"{count(ours):,} parameters; largest difference {difference:.1e}, between two images {apart:.1e}")
""")
md(r"""
## How far does one unit see?

The (theoretical) *receptive field* of a unit is the part of the image that it depends on. In a plain stack of 3×3 convolutions, it has one size in each layer. In GoogLeNet a signal can take any of four branches in each module, so $4^9 = 262{,}144$ paths lead to one position of 5b. Every $k \times k$ kernel (or pooling) on a path adds $k - 1$ times the current *jump*, the distance in pixels between neighbouring units. We check this rule on two modules with a pooling between them: a gradient must reach as far as the longest path.
""")
code(r'''
def receptive_fields(field, jump, order=ORDER, kernels=(1, 3, 5, 3)):
    """{receptive field in pixels: number of paths} through modules with these `kernels` (the last one pools).

    `field` and `jump` are those of the first module's input.
    """
    fields = Counter({field: 1})
    for name in order.split():
        longer = Counter()
        for field, paths in fields.items():
            for kernel in (3,) if name == "/" else kernels:  # "/" is 3×3 max pooling with stride 2
                longer[field + (kernel - 1) * jump] += paths
        fields, jump = longer, 2 * jump if name == "/" else jump
    return fields

two = nn.Sequential(*stack("3a / 3b", 8, 1 / 16))
two[1] = nn.AvgPool2d(3, stride=2)  # max pooling would hand the gradient to the largest value alone
for p in two.parameters():
    p.data.abs_()  # so that no weight cancels another
x = torch.rand(1, 8, 33, 33, requires_grad=True)
two(x)[0, :, 8, 8].sum().backward()
assert (x.grad.abs().sum((0, 1, 2)) > 0).sum() == max(receptive_fields(1, 1, "3a / 3b")) == 15
''')
code(r"""
@styled
def plot_fields(ends, image, title):
    figure, axis = plt.subplots(figsize=(8, 3.6))
    for (name, fields), colour in zip(ends.items(), COLOURS):
        shares = [100 * paths / fields.total() for paths in fields.values()]
        axis.plot(list(fields), shares, marker=".", color=colour, label=f"module {name}")
    axis.axvline(image, color="black", linestyle=":", label="side of the image")
    axis.set(xlabel="receptive field (pixels a side)", ylabel="paths (%)", title=title)
    axis.legend()

ends = {}
for name in ("3b", "4b", "4d", "5b"):  # the stem's field is 27 and its jump 8: 7×7 with stride 2, pooling, 3×3, pooling
    until = ORDER[: ORDER.index(name) + 2]
    fields = ends[name] = Counter(dict(sorted(receptive_fields(27, 8, until).items())))
    (plain,) = receptive_fields(27, 8, until, kernels=(3,))
    inside = sum(paths for field, paths in fields.items() if field <= 224) / fields.total()
    print(f"{name}: {fields.total():7,} paths, receptive fields of {len(fields):2} sizes,",
          f"{min(fields)} to {max(fields)}; at most 224: {inside:.1%}. Plain 3×3: {plain}")
plot_fields(ends, 224, "GoogLeNet: receptive fields of all paths to one position")
""")
md(r"""
The paper's intuition is that the next stage can "abstract features from different scales simultaneously" (section 4). In the early modules this holds: one position of 3b sees five sizes between 27 and 91 pixels. In 5b there are 41 sizes, but only 2.0 % of the paths, those left of the dotted line, see less than the whole image. Plain 3×3 convolutions would give only one size, in the middle of each curve. These are theoretical receptive fields: a long path weighs its centre most, so its *effective* receptive field is smaller ([Luo et al., 2016](https://arxiv.org/abs/1701.04128)).
""")

# ------------------------------------------------------------------------------------------------------- small network

md(r"""
## A GoogLeNet for small images

For 32×32 pixels we give the stem a 3×3 kernel with stride 1 instead of 7×7 with stride 2, drop its first pooling and the response normalisation, and multiply all widths by a factor. The nine modules stay. We train without heads.
""")
code("# %load -s SmallGoogLeNet inception.py")
md(r"""
These are the settings of each scale:
""")
code(r"""
SETTINGS = {  # probe_images: to fit linear probes on; watched: validation images for the last experiment
    "quick": dict(width=1 / 8, epochs=1, batch_size=50, lr=0.05, probe_images=200, watched=50),
    "cpu": dict(width=3 / 8, epochs=22, batch_size=128, lr=0.15, probe_images=10_000, watched=2500),
    "gpu": dict(width=1 / 2, epochs=40, batch_size=128, lr=0.15, probe_images=10_000, watched=5000),
    "paper": dict(width=1, epochs=100, batch_size=128, lr=0.15, probe_images=10_000, watched=5000),
}
settings = SETTINGS[scale]
small = functools.partial(SmallGoogLeNet, width=settings["width"])
net = small()
print(f"scale {scale}: width {settings['width']:g}, {count(net):,} parameters,",
      f"{sum(multiply_adds(net, 3, 32, 32).values()):,} multiply-adds an image")
print(f"{settings['epochs']} epochs, batches of {settings['batch_size']}, peak learning rate {settings['lr']}")
fields = receptive_fields(7, 2)  # its stem: 3×3, 1×1, 3×3, pooling
larger = sum(paths for field, paths in fields.items() if field > 32) / fields.total()
print(f"receptive fields of 5b: {min(fields)} to {max(fields)} pixels; {larger:.1%} of the paths see more than 32")
parts = {"stem": "stem", "early.0": "3a", "early.1": "3b", "early.3": "4a", "middle.0": "4b", "middle.1": "4c",
         "middle.2": "4d", "late.0": "4e", "late.2": "5a", "late.3": "5b", "fc": "logits"}
draw_network(net, torch.zeros(1, 3, 32, 32), parts, "The network that we train")
""")
md(r"""
The feature maps end at 4×4, and nearly all paths to 5b see more than the whole image. So this network can test the arguments about gradients and features, but not the one about scales.

Before the long training, we check that a narrow version can overfit one batch of 32 images.
""")
code(r"""
set_seed(SEED)
model = SmallGoogLeNet(width=1 / 8).to(device)
few, few_labels = next(iter(ImageLoader(data, "train", 32, device)))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(61):
    logits = model(few)
    loss = F.cross_entropy(logits, few_labels)
    if step % 20 == 0:
        right = (logits.argmax(dim=1) == few_labels).sum().item()
        print(f"step {step:3}   loss {loss.item():.4f}   {right} of 32 correct")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert right == 32, "one batch cannot be overfitted: there is a bug"
""")
md(r"""
## Training

We train with SGD, Nesterov momentum 0.9 and weight decay 5e-4, on random crops and flips. In the **one-cycle schedule** the learning rate rises during the first fifth of the steps and then falls almost to zero. **Label smoothing**, proposed in this paper's successor, asks for a probability of 0.91 instead of 1 for the right class, in training only. We tuned none of these settings. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).
""")
code(r'''
def smoothed(model, images, labels):
    """Cross-entropy with label smoothing while training, plain otherwise."""
    logits = model(images)  # (B, 10)
    right = (logits.argmax(dim=1) == labels).sum()
    smoothing = 0.1 if model.training else 0.0
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(build, epochs, lr, objective=smoothed, name="main", seed=SEED):
    """Returns (model in evaluation mode, Run)."""
    set_seed(seed)
    model = build()
    train_loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True, seed=seed)
    evaluate_on = {"val": ImageLoader(data, "val", 500, device)}
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = epochs * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.2, cycle_momentum=False)
    run = fit(model, train_loader, optimizer, scheduler, epochs, device, evaluate_on, objective,
              checkpoint=f"Inception/{name}-seed{seed}")
    return model.eval(), run

net, run = train(small, settings["epochs"], settings["lr"])
plot_histories({"GoogLeNet": run}, data.name)
''')
md(r"""
The training curves come from augmented images, and their loss includes label smoothing, so the gap between training and validation is not simply overfitting. TODO-NUMBERS <!-- what to see: validation accuracy by epoch (after 5, 15, 22), the steep end as the learning rate falls. Do not judge over- or underfitting from the gap. -->

## Results

We test the weights of the last epoch. The paper has no result on CIFAR-10.
""")
code(r"""
accuracy = 100 * evaluate(net, ImageLoader(data, "test", 500, device), device)["accuracy"]
if scale != "quick" and run.finished:
    assert accuracy > 88, "a bound for sanity alone: something is broken"
sampling = math.sqrt(accuracy * (100 - accuracy) / len(data.test.labels))
print(f"test accuracy {accuracy:.2f} %, with a standard error of {sampling:.2f} from the finite test set")
rows = [dict(what="Inception", paper=None, reproduction=10.30, runs=[(100 - accuracy, run)])]
report("Inception", "test error, %", data.name, "45k/5k" if scale != "quick" else "generated",
       "phlippe/uvadlc_notebooks", rows)
""")
md(r"""
TODO-NUMBERS <!-- finding first: "A GoogLeNet with batch norm and three eighths of the width gets … % right, n = 1." then the printed standard error. --> The other number in the table is no reproduction of ours: phlippe's network has eight modules and 260,650 parameters, trains for 180 epochs and keeps the best checkpoint on the validation images. ResNet-20 (269,722 parameters, another recipe) has 9.49 % in [our walkthrough](../../resnet/README.md). <!-- 9.49: take it from resnet/README.md once more, that walkthrough is to be rerun --> Ours is not the architecture's limit: an accuracy of 95.35 % is [listed](https://github.com/WeihaoZhuang/cifar10-100-fast-training) for a GoogLeNet of full width.

These are the most confident mistakes:
""")
code(r'''
def normalise(images):
    """uint8 (N, H, W, 3) -> normalised (N, 3, H, W) on the device."""
    return ImageLoader(data, "test", 500, device).normalise(images.to(device))

@torch.no_grad()
def probabilities(model, images):
    """Softmax (N, 10) of uint8 images (N, 32, 32, 3)."""
    return torch.cat([model(normalise(part)).softmax(dim=1).cpu() for part in images.split(500)])

plain = probabilities(net, data.test.images)
show_mistakes(data.test.images, data.test.labels, plain, data.classes, title=f"{data.name}: most confident mistakes")
''')
md(r"""
TODO-NUMBERS <!-- what to see: which classes are confused, and what is visible in the images. -->

### More views at test time

GoogLeNet's 6.67 % come from averaging the softmax probabilities of seven networks, each on 144 crops of every image. Averaging over views of one image is called *test-time augmentation*. In the paper, ten crops lower the top-5 validation error of one network by 0.92 points and 144 crops by 2.18. Our images are too small to crop, but we can flip them and shift them diagonally by two pixels. Training has covered such views, while the paper's crops also show other regions and scales, so we expect a smaller gain.
""")
code(r"""
padded = F.pad(data.test.images, (0, 0, 2, 2, 2, 2))  # (N, 36, 36, 3)
corners = (2, 2), (0, 0), (0, 4), (4, 0), (4, 4)  # (2, 2) is the image itself
crops = [padded[:, top : top + 32, left : left + 32] for top, left in corners]
views = [image for crop in crops for image in (crop, crop.flip(2))]  # each crop and its mirror image
views = [plain, *(probabilities(net, images) for images in views[1:])]
one_view = plain.argmax(dim=1) == data.test.labels
print(f"top-1 test error on {data.name}; in brackets the paper's top-5 validation error on ImageNet")
for n, paper in {1: "(10.07 %)", 2: "", 10: "(9.15 %)"}.items():
    correct = torch.stack(views[:n]).mean(dim=0).argmax(dim=1) == data.test.labels
    changed = f"{(correct & ~one_view).sum()} images newly right, {(~correct & one_view).sum()} newly wrong"
    print(f"views: {n:2}   {100 * (~correct).float().mean():5.2f} % {paper:9}   {changed if n > 1 else ''}".rstrip())
""")
md(r"""
TODO-NUMBERS <!-- finding first: averaging over two views (the image and its mirror image) takes the top-1 test error from … to … %, ten views to … %, beside the paper's 0.92 points (top-5, validation); the numbers of images that become right and wrong say whether that is more than chance. -->
""")

# --------------------------------------------------------------------------------------------------- heads, measured

md(r"""
## What were the auxiliary heads for?

The paper hopes for larger gradients in the early layers, so we measure gradients in untrained networks: the norm of the loss's gradient with respect to each part's output, with the heads' losses weighted by 0 (off) and by 0.3 (on).

How fast gradients shrink depends on the initialisation. We compare four:

- **PyTorch's default**, the heuristic from which Glorot's paper starts: available in 2014
- **Glorot**, of 2010: available in 2014
- **He**, of 2015: not yet
- **He and batch norm**, both of 2015: not yet

He's variance makes up for what a ReLU takes away. PyTorch's default has a sixth of it, which weakens the gradient in every layer.

If the authors' worry was justified, the gradient will shrink on its way back to the stem. The heads raise the total weight of the losses from 1 to 1.6, so only a factor far above 1.6 shows that they rescue a lost signal.
""")
code(r"""
STARTS = {"PyTorch's default": lambda weight: nn.init.kaiming_uniform_(weight, a=math.sqrt(5)),
          "Glorot": nn.init.xavier_uniform_, "He": functools.partial(nn.init.kaiming_normal_, nonlinearity="relu")}
STARTS["He and batch norm"] = STARTS["He"]
PARTS = ["stem", *MODULES]

def parts_of(model):
    return [model.stem, *(layer for layer in model.modules() if isinstance(layer, InceptionModule))]

def gradient_norms(start, weight, seed):
    # before any training; `weight` is that of the heads' losses
    set_seed(seed)
    model, outputs = small(batch_norm="batch norm" in start, heads=True), []
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            STARTS[start](layer.weight)
            if layer.bias is not None:  # convolutions with batch norm have none
                nn.init.zeros_(layer.bias)

    def note(_, __, output):
        output.retain_grad()  # PyTorch keeps the gradients of weights alone
        outputs.append(output)

    for part in parts_of(model):
        part.register_forward_hook(note)
    loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, seed=seed)
    images, labels = next(iter(loader))
    googlenet_loss(model.to(device).train()(images), labels, weight).backward()
    return [y.grad.norm().item() for y in outputs]
""")
code(r"""
seeds = range(1 if scale == "quick" else 3)
norms = {}
for start in STARTS:
    off, on = ([gradient_norms(start, weight, seed) for seed in seeds] for weight in (0.0, 0.3))
    for switch, values in (("off", off), ("on", on)):
        norms[f"{start}, heads {switch}"] = [statistics.median(column) for column in zip(*values)]
    fell = sorted(seed[0] / seed[-1] for seed in off)
    raised = sorted(b[0] / a[0] for a, b in zip(off, on))
    print(f"{start:18} stem / 5b, heads off: {fell[0]:.1e} to {fell[-1]:.1e};",
          f"heads raise the stem's × {raised[0]:.3g} to {raised[-1]:.3g}")

@styled
def plot_by_part(lines, ylabel, title, log=False):
    figure, axis = plt.subplots(figsize=(9, 4))
    names = list(dict.fromkeys(label.split(",")[0] for label in lines))
    for label, values in lines.items():
        line = "--" if label.endswith("off") else "-"
        axis.plot(PARTS, values, line, marker=".", color=COLOURS[names.index(label.split(",")[0])], label=label)
    for head in ("4a", "4d"):
        axis.axvline(head, color="black", linestyle=":", linewidth=1)
    axis.set(xlabel="part, from the image to the output (dotted: where the paper has its heads)", ylabel=ylabel,
             title=title, yscale="log" if log else "linear")
    figure.legend(loc="outside right center", fontsize=10)

plot_by_part(norms, "norm of the gradient", f"{data.name}: gradients before any training", log=True)
""")
md(r"""
TODO-NUMBERS <!-- finding first, from the printed lines: with PyTorch's default only … of 5b's gradient arrives at the stem and the heads multiply it by …: there the worry is justified. With Glorot's, which existed in 2014, … arrives and the heads raise it by …: say plainly whether that is still a problem (1.6 is what added loss alone would give). With He's, and with batch norm: … One batch, three seeds (n = 3). Scale quick, one seed: stem / 5b 6e-5, 0.15, 2.2, 17; heads × 115, 2.34, 1.36, 1.22. PyTorch's default is the heuristic of Glorot's eq. 1, so both existed in 2014. --> Modules 4e to 5b lie behind both heads, so their gradients stay the same.

Larger gradients need not make a better network, and the authors have answered their own worry: by the CVPR text, the heads bring around 0.5 %, and one is enough. The successor paper ([*Rethinking*](https://arxiv.org/abs/1512.00567), section 4) saw no difference early in training and a slightly better end with heads. Removing the lower one did no harm. Its authors call the original explanation "most likely misplaced" and take heads for regularisers (exercise 2).

## Is the middle of the network already discriminative?

The paper argues that "the features produced by the layers in the middle of the network should be very discriminative" (section 5), since shallower networks do well. Our network was trained without heads, so no loss asked its middle layers to separate the classes. Do they?

After each part we average the feature maps over the four quarters of the image and fit a linear classifier to these numbers (a *linear probe*, here ridge regression). We fit it on the network's training images, which its late features separate better than new ones, and measure on validation images. Probes on an untrained network show what the architecture alone provides. Its batch norms first measure means and variances, because they would not normalise otherwise. We call the middle discriminative if the probe at 4d is closer to the one at 5b than to the untrained one at 4d.
""")
code(r'''
@torch.no_grad()
def features(model, images):
    """[(N, 4 C) for the stem and each module]: feature maps of normalised images, averaged over four quarters."""
    found = [[] for _ in PARTS]
    hooks = [part.register_forward_hook(lambda _, __, y, kept=kept: kept.append(F.adaptive_avg_pool2d(y, 2).flatten(1)))
             for part, kept in zip(parts_of(model), found)]
    for batch in images.split(500):
        model.eval()(batch)
    for hook in hooks:
        hook.remove()
    return [torch.cat(kept).cpu() for kept in found]

@torch.no_grad()
def with_statistics(model, images):
    """The model, once its batch norms have averaged the statistics of these images; no weight changes."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # PyTorch then takes the average over all batches
    for batch in images.split(500):
        model.train()(batch)
    return model

def probe_accuracy(train_x, train_y, test_x, test_y):
    """% correct of a ridge regression (λ = 10) from standardised features to the ten classes."""
    mean, std = train_x.double().mean(0), train_x.double().std(0) + 1e-6
    a, b = (train_x - mean) / std, (test_x - mean) / std
    targets = F.one_hot(train_y, 10).double() - 0.1
    weights = torch.linalg.solve(a.T @ a + 10 * torch.eye(a.shape[1], dtype=a.dtype), a.T @ targets)
    return 100 * ((b @ weights).argmax(dim=1) == test_y).double().mean().item()
''')
code(r"""
fit_on, fit_y = next(iter(ImageLoader(data, "train", settings["probe_images"], device)))
try_on, try_y = next(iter(ImageLoader(data, "val", len(data.val.labels), device)))
set_seed(SEED)
probes = {}
for label, model in {"trained": net, "untrained": with_statistics(small().to(device), fit_on[:2000])}.items():
    pairs = zip(features(model, fit_on), features(model, try_on))
    probes[label] = [probe_accuracy(a, fit_y.cpu(), b, try_y.cpu()) for a, b in pairs]
    print(f"{label:9}", *(f"{name} {value:.1f}" for name, value in zip(PARTS, probes[label])))
trained, untrained = (dict(zip(PARTS, probes[label])) for label in ("trained", "untrained"))
print(f"4d to 5b {trained['5b'] - trained['4d']:.1f} points, untrained to trained 4d",
      f"{trained['4d'] - untrained['4d']:.1f} points")
plot_by_part(probes, "accuracy of a linear probe (%)", f"{data.name}, validation")
""")
md(r"""
TODO-NUMBERS <!-- finding first: by the criterion above, the middle is / is not discriminative: 4d lies … points below 5b and … above the untrained 4d. From 4a …, from 4d …, at the end … % (the network itself: val accuracy …); where it rises fastest. The untrained network's batch norms measured 2,000 training images first. One network, n = 1; a head keeps 4×4 positions and has two layers, so it can do better. -->

## Look inside

### How many directions carry the information?

In the paper, module 4c reduces 512 channels to 128 before its 3×3 kernels. How much of its input does a module need? The paper argues that "even low dimensional embeddings might contain a lot of information about a relatively large image patch", but also that compressed information "is harder to model", so one should compress only where needed (section 4).

We run a **principal component analysis** (PCA) over the channels of a module's input, with all positions of 500 training images as samples. We keep the $K$ directions of largest variance, replace the rest by its mean, and measure the accuracy without retraining. If the argument holds, it will stay within one point down to the width of the module's own 3×3 reduction. Part of this is built in: the 3×3 branch reads no more directions than that. What we test is whether one subspace of this size serves all four branches.
""")
code(r'''
watched, watched_labels = try_on[: settings["watched"]], try_y[: settings["watched"]]
in_order = dict(zip(MODULES, (layer for layer in net.modules() if isinstance(layer, InceptionModule))))

@torch.no_grad()
def accuracy_with(*hooks):
    """Validation accuracy in % on the watched images; the hooks are removed afterwards."""
    right = sum((net(x).argmax(dim=1) == y).sum().item() for x, y in zip(watched.split(500), watched_labels.split(500)))
    for hook in hooks:
        hook.remove()
    return 100 * right / len(watched)

def keep(module, mean, basis):
    """A hook: of the module's input only what lies along the columns of `basis` (C, K) stays, around the mean."""
    def project(_, inputs):
        centred = inputs[0] - mean[:, None, None]
        return torch.einsum("bkhw,ck->bchw", torch.einsum("bchw,ck->bkhw", centred, basis), basis) + mean[:, None, None]
    return module.register_forward_pre_hook(project)

def directions(module):
    """Of the module's input: mean (C,), principal directions (C, C) and their variances (C,), largest first."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        net(fit_on[:500])
    hook.remove()
    x = seen[0].transpose(0, 1).flatten(1)  # (C, positions of all images)
    variances, vectors = torch.linalg.eigh(torch.cov(x))
    return x.mean(dim=1), vectors.flip(1), variances.flip(0)
''')
code(r"""
whole, curves, widths = accuracy_with(), {}, {}
for name in ("3b", "4c", "5a"):
    module = in_order[name]
    mean, basis, variances = directions(module)
    C, reduced = len(mean), module.branch2[0].conv.out_channels
    sizes = sorted({max(1, round(C * share)) for share in (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4)} | {reduced})
    found = {K: accuracy_with(keep(module, mean, basis[:, :K])) for K in sizes} | {C: whole}
    enough = min(K for K in found if all(found[more] > whole - 1 for more in found if more >= K))
    curves[name], widths[name] = ([K / C for K in found], list(found.values())), (reduced / C, found[reduced])
    share = variances[:enough].sum() / variances.sum()
    print(f"{name}: {enough:3} of {C} directions are enough ({share:.1%} of the variance);",
          f"with {reduced} (3×3 reduction): {found[reduced]:.1f} %")
error = math.sqrt(whole * (100 - whole) / len(watched))
print(f"all directions: {whole:.1f} %, with a standard error of {error:.1f} on {len(watched):,} images")
plot_curves({"": curves}, "share of the directions that are kept", "accuracy (%)", f"{data.name}, validation")
axis = plt.gcf().axes[0]
for colour, place in zip(COLOURS, widths.values()):
    axis.plot(*place, "o", color=colour, markersize=12, fillstyle="none")
axis.axhline(whole - 1, color="black", linestyle=":", label="all − 1 point")
axis.legend(fontsize=10)
axis.set_xscale("log", base=2)
axis.set_xticks([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], ["1/32", "1/16", "1/8", "1/4", "1/2", "all"])
axis.minorticks_off()
""")
md(r"""
The circles mark the width of each module's own 3×3 reduction; the argument holds where the curve is above the dotted line from the circle on. TODO-NUMBERS <!-- finding first: … of 192 directions are enough in 4c, which hold … % of the variance; …. At the circles the accuracy is …: the argument holds / does not hold. One network, trained with reductions: its three convolutional branches in 4c read at most 48 + 48 + 9 = 105 of 192 directions anyway. -->

## Use it

We save the network in half precision, with everything that a later user must know, and load it again.
""")
code(r"""
path = checkpoint_dir() / scale / "Inception" / "inception-weights.pt"
about = dict(settings=dict(num_classes=10, width=settings["width"]), classes=list(data.classes), mean=list(data.mean),
             std=list(data.std), data=data.name, test_accuracy=accuracy / 100, made=run.made())
save_weights(copy.deepcopy(net).half(), path, **about)  # float16: half the bytes
again = SmallGoogLeNet(**about["settings"])
load_weights(again, path, device)
difference = (probabilities(again.eval(), data.test.images[:100]) - plain[:100]).abs().max().item()
print(f"{path.stat().st_size / 1e6:.2f} MB; half precision changes probabilities by {difference:.4f} at most")
assert difference < 0.02 and (path.stat().st_size < 2e6 or settings["width"] > 3 / 8)
""")
md(r"""
**Your own image.** `inception_cifar10` loads the network of the stored run, so the next cell needs no training: after a restart, run the two setup cells and then this one. Set `my_image` to a file that shows one of the ten classes, or `mine = True` for the network trained above. Otherwise you see the first test image of each class.
""")
code(r"""
# For the README: the first test image of each class, and what the trained network says of it
my_image = None  # for example "my-cat.jpg"
mine = False  # True: the network that was trained above

try:
    reader, facts = (again, about) if mine else inception_cifar10()
except FileNotFoundError:
    reader, facts = again, about
    print("weights/inception_cifar10.pt is missing, so we use the network that was just trained.")
files = [my_image] if my_image else sorted((root / "architectures" / "resnet" / "weights").glob("[0-9]_*.png"))
images = torch.stack([read_image(file, size=32) for file in files])  # uint8 (N, 32, 32, 3)
mean, std = (torch.tensor(facts[key]) for key in ("mean", "std"))
with torch.no_grad():
    answers = reader.cpu()(((images / 255 - mean) / std).permute(0, 3, 1, 2)).softmax(dim=1)
sure, best = answers.max(dim=1)
titles = [f"{facts['classes'][c]}\n{100 * p:.0f} %" for c, p in zip(best, sure)]
show_images(images, titles, columns=len(files), size=1.1)
print(f"trained on {facts['data']}, test accuracy {100 * facts['test_accuracy']:.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- how many of the ten are right, which are wrong, and how certain? -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet; many crops, colour distortions | CIFAR-10; shifts and flips |
| Trained network | Table 1 | `cpu`: three eighths of the width; stem with stride 1 and one pooling; no response normalisation, no dropout |
| conv1 | by its counts, depthwise separable | an ordinary convolution |
| Response normalisation | constants not printed | AlexNet's |
| Batch norm | none | yes, except in three of the four networks whose gradients we measure |
| Auxiliary heads | in training | only where we measure gradients, with adaptive pooling |
| Initialisation | not stated | He, unless we say otherwise |
| Optimiser | asynchronous SGD, learning rate down by 4 % every 8 epochs, weights averaged | SGD, one cycle, the last weights |
| Loss | cross-entropy, three times | cross-entropy with label smoothing 0.1 |
| Test | seven networks, 144 crops | one network, up to ten views |

## Exercises

1. **Inception against plain.** Replace each module by one 3×3 convolution, and scale all widths so that `multiply_adds` agree. Train both networks with the same recipe and three seeds. Which one is better, and which trains faster?
2. **Heads that regularise.** Train `functools.partial(small, heads=True)` with the heads' losses weighted by 0.3 and by 0, three seeds each, on a GPU. Is there a gain at the end of training, and is it larger than the spread of the seeds? *Hint: write an objective like `smoothed` around `googlenet_loss`.*
3. **Two 3×3 for one 5×5.** The successor paper replaces the 5×5 convolution by two 3×3 ones. How many multiply-adds does that save here, and how does the accuracy change?
4. **Real photographs.** Classify a photograph of yours at 224 pixels with torchvision's weights. *Hint: `torchvision.models.googlenet(weights="DEFAULT").state_dict()` fits `googlenet_torchvision(aux_logits=False).eval()`; mean and standard deviation are 0.5; `torchvision.models.GoogLeNet_Weights.DEFAULT.meta["categories"]` names the classes.*

## Further reading

- [Rethinking the Inception Architecture](https://arxiv.org/abs/1512.00567): smaller kernels, and a second look at the heads.
- [Network in Network](https://arxiv.org/abs/1312.4400), the origin of 1×1 convolutions.
- [phlippe/uvadlc_notebooks](https://github.com/phlippe/uvadlc_notebooks), tutorial 5.
- [AlexNet](../alexnet/), two years before, and [ResNet](../resnet/), one year after.
""")

# -------------------------------------------------------------------------------------------------------------- write

for i, cell in enumerate(cells):
    cell["id"] = hashlib.sha256(f"{i} {cell.source[:60]}".encode()).hexdigest()[:8]
book = nbformat.v4.new_notebook(cells=cells)
book.metadata = nbformat.read(INSTALLED, 4).metadata
nbformat.validate(book)
nbformat.write(book, TARGET)

text = "\n".join(re.sub(r"<!--.*?-->", "", c.source, flags=re.DOTALL) for c in cells if c.cell_type == "markdown")
words = [word for word in text.split() if re.search(r"[A-Za-z]", word)]
print(f"{len(cells)} cells, {len(words)} words of markdown, {text.count('TODO-NUMBERS')} TODO-NUMBERS")
own = [c for c in cells if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup"))]
print("longest cell of its own:", max(len(c.source.splitlines()) for c in own))
for c in own:
    for l in c.source.splitlines():
        if len(l) > 120:
            print("long:", len(l), l)
