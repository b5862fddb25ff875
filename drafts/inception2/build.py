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

At the end of this notebook you can build an Inception module and the whole GoogLeNet of the paper's Table 1, say what its 1×1 convolutions save, and test the paper's arguments inside a network that you have trained yourself. **The main result:** TODO-NUMBERS <!-- one sentence: "a GoogLeNet of three eighths of the width classifies … % of CIFAR-10's test images correctly (one seed), after … epochs." from "Results" -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "The only training took … minutes on one thread of …, everything else about … minutes." from the table and the log --> Scales: `quick` (half a minute, offline, generated shapes instead of photographs; its numbers mean nothing), `cpu`, `gpu`, `paper` (the full width, 100 epochs). The second code cell says how to choose.
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

from architectures.inception.inception import MODULES, Conv, GoogLeNet, InceptionModule
from utils.checkpoint import checkpoint_dir, load_file, load_weights, save_weights
from utils.device import get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow, draw_network, measure
from utils.images import load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, show_images, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r'''
def draw_module(module, x, title):
    """Figure 2b of the paper, with the number of channels that each part gives out."""
    parts = {"branch1": "1×1 convolution", "branch2.0": "1×1 convolution", "branch2.1": "3×3 convolution",
             "branch3.0": "1×1 convolution", "branch3.1": "5×5 convolution",
             "branch4.0": "3×3 max pooling", "branch4.1": "1×1 convolution"}
    shapes = {name: shape for name, _, shape, _ in measure(module, x, parts)}
    C, H, W = shapes["input"]
    boxes = {"input": (f"input: {C} channels, {H} × {W}", 1.5, 0, "data")}
    for name, words in parts.items():
        row = 2 if name == "branch1" or name.endswith(".1") else 1
        boxes[name] = (f"{words}\n{shapes[name][0]} channels", int(name[6]) - 1, row)
    boxes["output"] = (f"concatenate: {module.out_channels} channels, {H} × {W}", 1.5, 3)
    arrows = [("input", name) for name in ("branch1", "branch2.0", "branch3.0", "branch4.0")]
    arrows += [(f"branch{i}.0", f"branch{i}.1") for i in (2, 3, 4)]
    arrows += [(name, "output") for name in ("branch1", "branch2.1", "branch3.1", "branch4.1")]
    draw_flow(boxes, arrows, title)

draw_module(InceptionModule(192, MODULES["3a"]), torch.zeros(1, 192, 28, 28), "Inception module 3a of GoogLeNet")
''')
md(r"""
This is the first of GoogLeNet's nine **Inception modules**. The same input goes into four *branches* with different kernels, and their outputs are concatenated along the channels. Three of the 1×1 convolutions, two before the large kernels and one after the pooling, are there to save computation.

## The paper in brief

**The question.** The straightforward way to a better network is a larger one. But a larger network has more weights, which makes it overfit more easily, and it costs more: with twice as many channels in every layer, a convolution needs four times the computation (section 3). A designer also has to choose a kernel size for every layer, although objects in images are small and large.

**The idea.** Don't choose: run kernels of several sizes side by side, and let the next layer decide which outputs to use. With brackets for concatenation,

$$\text{Inception}(x) = \big[\; C_1(x),\;\; C_3(R_3(x)),\;\; C_5(R_5(x)),\;\; P(\text{pool}(x)) \;\big].$$

$C_k$ is a convolution with $k \times k$ kernels. $R_3$ and $R_5$ are 1×1 convolutions called **reductions**: they mix many channels into few before the large kernels see them. The **projection** $P$ does the same after the pooling. A ReLU follows every convolution. GoogLeNet stacks nine modules, named 3a to 5b, on a **stem** of three ordinary convolutions. At its end, the average over all positions replaces AlexNet's large fully connected layers. During training, two small classifiers in the middle, the *auxiliary heads*, add their losses.

**The results.** GoogLeNet won the ImageNet competition of 2014. The *top-5 error* is the share of images whose true class is not among the first five guesses (Tables 2 and 3; the entries of 2012 and 2013 are those without external data):

| | top-5 error, % |
|---|---|
| AlexNet's team, first in 2012 | 16.4 |
| Clarifai, first in 2013 | 11.7 |
| VGG, second in 2014 | 7.32 |
| **GoogLeNet, first in 2014: seven networks, 144 crops of each image** | **6.67** |
| one GoogLeNet, 144 crops | 7.89 |
| one GoogLeNet, 10 crops | 9.15 |
| one GoogLeNet, one crop | 10.07 |

**What it leaves open.** The paper gives reasons for its design, but almost no experiment that takes one part away. (One exception: the average at the end brought about 0.6 points of top-1 accuracy over fully connected layers, section 5.) The authors themselves call it questionable whether the success is due to the principles that led to the design (section 3). To compare whole architectures fairly would take many long trainings. But most of the reasons can be checked one by one:

| the paper says | we |
|---|---|
| reductions make large kernels affordable | count and time them |
| a module sees several scales at once | count its receptive fields |
| auxiliary heads strengthen the gradient of the early layers | measure gradients |
| features in the middle of the network already separate the classes | classify by them |
| few channels can carry the information | remove directions from a trained network |
| averaging over crops helps, a little | average over views |

## The data

ImageNet is too large for a notebook, so we train on CIFAR-10: 32×32 pixels and ten classes, with 45,000 images for training, 5,000 for validation and 10,000 for testing. At scale `quick`, generated shapes take their place.
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

A **1×1 convolution** does not look at neighbours. At every position it mixes the values of all channels into new ones, with the same weights everywhere. In the next cell it turns three channels into two, on an image of one row and two columns.
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

We measure cost in **multiply-adds**: multiplications whose product is added to a sum. A $k \times k$ convolution from $C$ to $O$ channels uses each of its $k^2 C O$ weights once at each of the $H W$ positions. If a 1×1 convolution first reduces the $C$ channels to $R$, the large kernels have less to do:

$$\underbrace{HW\, k^2\, C\, O}_{\text{directly}} \qquad\text{against}\qquad \underbrace{HW\, (C R + k^2\, R\, O)}_{\text{through } R \text{ channels}}.$$

We count both for the 5×5 branch of module 3a, which goes from 192 to 32 channels through 16.
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
The reduction makes this branch almost ten times cheaper. The price is that 16 numbers at each position have to carry whatever the 5×5 kernels need to know about 192 channels.

### Pooling that keeps the size

The fourth branch is there because pooling had been essential in the best networks of its time. With stride 1 and a padding of 1, 3×3 max pooling keeps height and width, so its output can be concatenated with the others. One row of four pixels shows it:
""")
code(r"""
x = torch.tensor([[[[1.0, 5.0, 2.0, 0.0]]]])  # one channel, one row of four pixels
pooled = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
together = torch.cat([x, 10 * x, pooled], dim=1)  # (1, 3, 1, 4)
assert pooled[0, 0, 0].tolist() == [5, 5, 5, 2] and together[0, :, 0, 0].tolist() == [1, 10, 5]
print("pooled:", pooled[0, 0, 0].tolist(), "  three channels of the first pixel:", together[0, :, 0, 0].tolist())
""")
md(r"""
### The module

Here is the module that we drew above. `widths` is a row of the paper's Table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool projection. Batch norm is younger than the paper and therefore an option; we need it for the training below.
""")
code("# %load -s Conv,InceptionModule inception.py")
md(r"""
To check it, we compute the four branches once more from the module's weights, with the pooling written out as a maximum over windows.
""")
code(r"""
set_seed(SEED)
module, x = InceptionModule(192, MODULES["3a"]), torch.randn(2, 192, 28, 28)
numbers = dict(module.named_parameters())

def by_hand(name, x):
    weight = numbers[f"{name}.conv.weight"]
    return F.conv2d(x, weight, numbers[f"{name}.conv.bias"], padding=weight.shape[2] // 2).clamp(min=0)

with torch.no_grad():
    windows = F.pad(x, (1, 1, 1, 1), value=-math.inf).unfold(2, 3, 1).unfold(3, 3, 1)  # (2, 192, 28, 28, 3, 3)
    branches = [by_hand("branch1", x), by_hand("branch2.1", by_hand("branch2.0", x)),
                by_hand("branch3.1", by_hand("branch3.0", x)), by_hand("branch4.1", windows.amax((4, 5)))]
    assert torch.allclose(module(x), torch.cat(branches, dim=1), atol=1e-4)
print(*(branch.shape[1] for branch in branches), "channels side by side:", tuple(module(x).shape))
""")
md(r"""
## Do the reductions pay?

Fewer multiply-adds need not mean less time. So we time the forward pass of module 3a with its reductions (Figure 2b of the paper) and without them (Figure 2a), in turns, so that both meet the same machine.
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
print(f"without / with:  {weights[1] / weights[0]:.2f}, {work[1] / work[0]:.2f}, time {medians[1] / medians[0]:.2f}")
assert weights == [192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32, 192 * (64 + 9 * 128 + 25 * 32)]
""")
md(r"""
TODO-NUMBERS <!-- finding first: "The saving is real, but time does not follow arithmetic: without the reductions the module needs 2.37 times the multiply-adds, yet takes only … times as long." (first edition: 1.31; or "and takes … times as long" if it is above 2) -->

There is a second, larger saving. Without a projection, the pooling branch passes on all the channels that came in, so channels pile up from module to module. We compute all nine modules on PyTorch's device `meta`, whose tensors have shapes but no contents.
""")
code(r'''
ORDER = "3a 3b / 4a 4b 4c 4d 4e / 5a 5b"

def stack(names, channels, width=1.0, **options):
    """These modules of Table 1 in a row, all widths times `width`; "/" is max pooling that halves the resolution."""
    layers = []
    for name in names.split():
        if name == "/":
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        else:
            layers.append(InceptionModule(channels, [round(width * w) for w in MODULES[name]], **options))
            channels = layers[-1].out_channels
    return layers

for label, reduce in {"with reductions": True, "without": False}.items():
    with torch.device("meta"):
        nine = nn.Sequential(*stack(ORDER, 192, reduce=reduce))
        total = sum(multiply_adds(nine, 192, 28, 28).values())
    print(f"{label:16} {total / 1e9:5.2f} billion multiply-adds; channels", *(
        layer.out_channels for layer in nine if isinstance(layer, InceptionModule)))
''')
md(r"""
Without reductions and projections the nine modules cost 12.09 instead of 1.10 billion multiply-adds, eleven times as much. This is the "computational blow up within a few stages" that the paper warns of (section 4).
""")

# -------------------------------------------------------------------------------------------------------------- heads

md(r"""
## Auxiliary heads

Gradients have to travel back through 22 layers, which worried the authors: batch norm and He initialisation were published only in 2015. So in training, modules 4a and 4d each feed an **auxiliary head**, a small classifier that has to name the class from what the network knows by then. The three cross-entropies are added up,

$$L_{\text{total}} = L_{\text{end}} + 0.3\,(L_{4a} + L_{4d}),$$

and after training the heads are discarded. The paper expects three things of them: earlier layers that separate the classes better, larger gradients there, and regularisation (section 5).
""")
code("# %load -s AuxiliaryHead,googlenet_loss inception.py")
md(r"""
We check the loss by hand: if the three classifiers give the right class the probabilities 1/2, 3/4 and 1/4, it must be $\ln 2 + 0.3\,(\ln\frac{4}{3} + \ln 4)$. The second part of the cell shows the pooling of a head on one row of 14 numbers. The paper's windows of 5 with stride 3 overlap. Torchvision's heads, and ours for images of other sizes, use adaptive windows instead.
""")
code(r"""
answers = [torch.tensor([[p, 1 - p]]).log() for p in (0.5, 0.75, 0.25)]  # logits: logarithms of probabilities
loss = googlenet_loss(tuple(answers), torch.tensor([0]))
assert math.isclose(loss.item(), math.log(2) + 0.3 * (math.log(4 / 3) + math.log(4)), rel_tol=1e-5)
print(f"loss with the heads {loss:.4f}, of the end alone {googlenet_loss(answers[0], torch.tensor([0])):.4f}")
row = torch.arange(14.0).view(1, 1, 14)
print("means of the paper's windows:", F.avg_pool1d(row, kernel_size=5, stride=3)[0, 0].tolist())
print("of adaptive windows:         ", F.adaptive_avg_pool1d(row, 4)[0, 0].tolist())
""")

# ------------------------------------------------------------------------------------------------------- whole network

md(r"""
## The whole network
""")
code(r"""
names = {"conv1": "conv1", "conv2": "conv2", "conv3": "conv3"}
names |= {f"inception{name}": name for name in MODULES} | {"fc": "logits"}
with torch.device("meta"):  # shapes without numbers: nothing is computed
    paper_net, paper_input = GoogLeNet(), torch.empty(1, 3, 224, 224)
draw_network(paper_net, paper_input, names, "GoogLeNet: channels × height × width")
""")
md(r"""
The resolution falls in five steps from 224 to 7 while the channels rise to 1,024. Most modules work at 14×14. The two `LocalResponseNorm` layers in the class come from AlexNet: a strong activation inhibits its neighbours among the channels. They have no weights.
""")
code("# %load -s GoogLeNet,pool,init_weights inception.py")
md(r"""
Table 1 of the paper prints the operations of each row, so we can check ours against them, row by row.
""")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

work = multiply_adds(paper_net, 3, 224, 224)
modules = zip((f"inception{name}" for name in MODULES), (128, 304, 73, 88, 100, 119, 170, 54, 71))
for row, printed in {"conv1": 34, "conv2 conv3": 360, **dict(modules), "fc": 1}.items():
    parts = row.split()
    millions = sum(n for layer, n in work.items() if layer.split(".")[0] in parts) / 1e6
    agrees = abs(millions - printed) < 1
    print(f"{row:12} {sum(count(getattr(paper_net, part)) for part in parts):9,} parameters",
          f"{millions:6.1f} M multiply-adds, paper {printed:3} M", "" if agrees else " <- differs")
    assert agrees or row in ("conv1", "inception5a")
""")
md(r"""
Ten of the twelve rows agree with the paper to within a million. In the other two the table contradicts itself: the operations that it prints (34 M and 54 M) fit the parameters beside them (2.7 K and 1,072 K), but not the widths. The parameters, once more from the widths alone:
""")
code(r"""
total, channels = 3 * 49 * 64 + 64 + 64 * 64 + 64 + 64 * 9 * 192 + 192, 192  # the three convolutions
for one, reduce3, three, reduce5, five, projection in MODULES.values():
    total += channels * (one + reduce3 + reduce5 + projection) + 9 * reduce3 * three + 25 * reduce5 * five
    total += one + reduce3 + three + reduce5 + five + projection
    channels = one + three + five + projection
total += 1000 * channels + 1000
in_use = count(paper_net) - count(paper_net.aux1) - count(paper_net.aux2)
assert in_use == total == 6_998_552 and count(paper_net) == 13_378_280 and sum(work.values()) == 1_582_671_872
print(f"{in_use:,} parameters, {count(paper_net):,} with the heads; {sum(work.values()):,} multiply-adds")
print(f"AlexNet has 60,965,224 parameters, {60_965_224 / in_use:.1f} times as many")
""")
md(r"""
The paper's budget was 1.5 billion multiply-adds (section 1), and we count 1.58 billion. The paper also says that it uses twelve times fewer parameters than AlexNet. From the widths of Table 1 we get 8.7.

**Torchvision's GoogLeNet** differs from the paper. It has batch norm, no response normalisation, and, by a [known mistake](https://github.com/pytorch/vision/issues/906) that its trained weights now rely on, 3×3 kernels in the 5×5 branch. With these options our class takes its weights and gives the same outputs.
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

The *receptive field* of a unit is the part of the image that it depends on. In a plain stack of 3×3 convolutions all units of a layer have receptive fields of one size. In GoogLeNet a signal can take any of four branches in each of nine modules: there are $4^9 = 262{,}144$ paths. A branch with $k \times k$ kernels (or $k \times k$ pooling) adds $k - 1$ times the current *jump*, the distance in pixels between neighbouring units. We count the receptive fields of all paths, and check the rule with a gradient: it reaches as far as the longest path.
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

two = nn.Sequential(*stack("3a 3b", 8, 1 / 16))
for p in two.parameters():
    p.data.abs_()  # so that no weight cancels another
x = torch.rand(1, 8, 21, 21, requires_grad=True)
two(x)[0, :, 10, 10].sum().backward()
assert (x.grad.abs().sum((0, 1, 2)) > 0).sum() == max(receptive_fields(1, 1, "3a 3b")) == 9

fields = receptive_fields(27, 8)  # the stem's field and jump: 7×7 and stride 2, pooling, 1×1, 3×3, pooling
(plain,) = receptive_fields(27, 8, kernels=(3,))
mean = sum(field * paths for field, paths in fields.items()) / fields.total()
inside = sum(paths for field, paths in fields.items() if field <= 224) / fields.total()
assert fields.total() == 4**9 and mean == plain
print(f"{fields.total():,} paths with {len(fields)} receptive fields of {min(fields)} to {max(fields)} pixels a side,",
      f"on average {mean:.0f}.")
print(f"{inside:.1%} of them see at most 224 pixels. Nine plain 3×3 convolutions see {plain}.")
''')
code(r"""
@styled
def plot_fields(fields, plain, title):
    figure, axis = plt.subplots(figsize=(7.5, 3.4))
    axis.bar(list(fields), [100 * paths / fields.total() for paths in fields.values()], width=11, color=COLOURS[0])
    axis.axvline(plain, color=COLOURS[1], linestyle="--", label="nine 3×3 convolutions instead")
    axis.axvline(224, color=COLOURS[6], linestyle=":", label="the image's side")
    axis.set(xlabel="receptive field (pixels a side)", ylabel="paths (%)", title=title)
    axis.legend()

plot_fields(fields, plain, "GoogLeNet: what the paths to one unit of 5b see of the image")
""")
md(r"""
One unit of 5b sees the image at 41 scales at once, from 75 pixels to more than the whole image. The average path sees 395 pixels, exactly as much as nine plain 3×3 convolutions would, with a wide spread around it. This is the paper's intuition that the next stage should "abstract features from different scales simultaneously" (section 4). It counts paths, not how much each of them contributes: that is up to the weights.
""")

# ------------------------------------------------------------------------------------------------------- small network

md(r"""
## A GoogLeNet for small images

CIFAR-10's images are smaller than the receptive fields above. So we give the stem a 3×3 kernel with stride 1 instead of 7×7 with stride 2, drop its first pooling and the response normalisation, and multiply all widths by a factor. The nine modules and the 22 layers with weights stay. The heads keep their 128 channels and 1,024 units; we train without them.
""")
code(r'''
class SmallGoogLeNet(nn.Module):
    """GoogLeNet for 32×32 pixels, `width` times as wide: (B, 3, 32, 32) -> logits (B, 10).

    With `heads`, while training, a tuple of three: the logits, and those of the heads on 4a and 4d.
    """

    def __init__(self, width, batch_norm=True, heads=False):
        super().__init__()
        norm, narrow, wide = dict(batch_norm=batch_norm), round(64 * width), round(192 * width)
        self.stem = nn.Sequential(Conv(3, narrow, 3, **norm), Conv(narrow, narrow, 1, **norm),
                                  Conv(narrow, wide, 3, **norm), nn.MaxPool2d(3, stride=2, ceil_mode=True))
        self.early = nn.Sequential(*stack("3a 3b / 4a", wide, width, **norm))
        self.middle = nn.Sequential(*stack("4b 4c 4d", self.early[-1].out_channels, width, **norm))
        self.late = nn.Sequential(*stack("4e / 5a 5b", self.middle[-1].out_channels, width, **norm))
        self.fc = nn.Linear(self.late[-1].out_channels, 10)
        self.aux1 = AuxiliaryHead(self.early[-1].out_channels, 10, **norm) if heads else None
        self.aux2 = AuxiliaryHead(self.middle[-1].out_channels, 10, **norm) if heads else None
        self.apply(init_weights)

    def forward(self, x):
        after4a = self.early(self.stem(x))  # (B, 512 · width, 8, 8)
        after4d = self.middle(after4a)  # (B, 528 · width, 8, 8)
        logits = self.fc(self.late(after4d).mean((2, 3)))
        if self.training and self.aux1 is not None:
            return logits, self.aux1(after4a), self.aux2(after4d)
        return logits
''')
md(r"""
The settings, by scale:
""")
code(r"""
SETTINGS = {  # probe_images: to fit the linear probes on; watched: validation images for the experiments at the end
    "quick": dict(width=1 / 8, epochs=1, batch_size=50, lr=0.05, probe_images=200, watched=50),
    "cpu": dict(width=3 / 8, epochs=18, batch_size=128, lr=0.15, probe_images=10_000, watched=1000),
    "gpu": dict(width=1 / 2, epochs=40, batch_size=128, lr=0.15, probe_images=10_000, watched=1000),
    "paper": dict(width=1, epochs=100, batch_size=128, lr=0.15, probe_images=45_000, watched=5000),
}
settings = SETTINGS[scale]
small = functools.partial(SmallGoogLeNet, settings["width"])
net = small()
print(f"scale {scale}: width {settings['width']:g}, {count(net):,} parameters,",
      f"{sum(multiply_adds(net, 3, 32, 32).values()):,} multiply-adds an image")
print(f"{settings['epochs']} epochs, batches of {settings['batch_size']}, peak learning rate {settings['lr']}")
(lowest, *_, highest) = sorted(receptive_fields(7, 2))
print(f"receptive fields of 5b: {lowest} to {highest} pixels a side")
""")
md(r"""
Before the long training: can the network overfit one batch of 32 images?
""")
code(r"""
set_seed(SEED)
model = SmallGoogLeNet(width=1 / 8).to(device)
few, few_labels = next(iter(ImageLoader(data, "train", 32, device)))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(31):
    logits = model(few)
    loss = F.cross_entropy(logits, few_labels)
    if step % 10 == 0:
        right = (logits.argmax(dim=1) == few_labels).sum().item()
        print(f"step {step:3}   loss {loss.item():.4f}   {right} of 32 correct")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert right == 32, "one batch cannot be overfitted: there is a bug"
""")
md(r"""
## Training

We train with SGD, Nesterov momentum 0.9 and weight decay 5e-4, on random crops and flips. In the **one-cycle schedule** the learning rate rises during the first fifth of the steps and then falls to zero. **Label smoothing**, proposed in this paper's successor, asks for a probability of 0.91 instead of 1 for the right class, in training only. None of this was tuned on this network. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).
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
The training loss includes the label smoothing and is measured on cropped and flipped images, so the two losses cannot be compared; the accuracies can. TODO-NUMBERS <!-- what to see: accuracy by epoch, the steep end as the learning rate falls, how far train and val accuracy are apart at the end: is it still underfitting? -->

## Results

The test set, with the weights of the last epoch. The paper has no result on CIFAR-10.
""")
code(r"""
accuracy = 100 * evaluate(net, ImageLoader(data, "test", 500, device), device)["accuracy"]
if scale != "quick" and run.finished:
    assert accuracy > 88, "far below what this network can do: something is broken"
sampling = math.sqrt(accuracy * (100 - accuracy) / len(data.test.labels))
print(f"test accuracy {accuracy:.2f} %, with a standard error of {sampling:.2f} from the finite test set")
rows = [dict(what="Inception", paper=None, reproduction=10.30, runs=[(100 - accuracy, run)])]
report("Inception", "test error, %", data.name, "45k/5k" if scale != "quick" else "generated",
       "phlippe/uvadlc_notebooks", rows)
""")
md(r"""
TODO-NUMBERS <!-- finding first: "A GoogLeNet with batch norm and three eighths of the width gets … % right, n = 1." then the printed standard error. --> phlippe's Inception network is another one: eight modules, 260,650 parameters, and more than 150 epochs of AdamW with randomly resized crops.

### More views at test time

GoogLeNet's 6.67 % are the average of seven networks on 144 crops of every image. Our images are too small to crop, but we can flip them and shift them by two pixels, and average the softmax probabilities, as the paper does. In the paper ten crops gain 0.92 points over one, and more crops gain less and less. If that carries over, the first additional view will help most.
""")
code(r'''
@torch.no_grad()
def probabilities(model, down, right, flipped):
    """Softmax (N, 10) of the test images, moved by these numbers of pixels and perhaps flipped."""
    found = []
    for images, _ in ImageLoader(data, "test", 500, device):
        images = F.pad(images, (2, 2, 2, 2), mode="replicate")[:, :, 2 - down : 34 - down, 2 - right : 34 - right]
        found.append(model((images.flip(3) if flipped else images).contiguous()).softmax(dim=1).cpu())
    return torch.cat(found)

shifts = (0, 0), (-2, -2), (-2, 2), (2, -2), (2, 2)
views = torch.stack([probabilities(net, *shift, flipped) for shift in shifts for flipped in (False, True)])
one_view = views[0].argmax(dim=1) == data.test.labels
for n, paper in {1: 10.07, 2: None, 10: 9.15}.items():
    correct = views[:n].mean(dim=0).argmax(dim=1) == data.test.labels
    changed = f", {(correct & ~one_view).sum()} images newly right, {(~correct & one_view).sum()} newly wrong"
    print(f"views: {n:2}   test error {100 * (~correct).float().mean():.2f} %{changed if n > 1 else ''}",
          f"  (paper, ImageNet: {paper:.2f} %)" if paper else "")
''')
md(r"""
TODO-NUMBERS <!-- finding first: averaging over two views (the image and its mirror image) takes the error from … to … %, ten views to … %; the numbers of images that become right and wrong say whether that is more than chance. -->
""")

# --------------------------------------------------------------------------------------------------- heads, measured

md(r"""
## What were the auxiliary heads for?

The paper hopes for larger gradients in the early layers. So we measure them in an untrained network: the norm of the loss's gradient in each part, with the heads' losses weighted by 0 (off) and by 0.3 (on). How fast gradients shrink depends on the initialisation. We start all layers in the same way, by PyTorch's default, which has a sixth of He's variance, by Glorot's initialisation of 2010, or by He's of 2015, all without batch norm, and then by He's with it. If the authors' worry was justified, the gradient will shrink on its way back to the stem, and the heads will raise it.
""")
code(r"""
def start_glorot(layer):
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)

def start_he(layer):
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:  # convolutions with batch norm have none
        nn.init.zeros_(layer.bias)

STARTS = {"PyTorch's default": lambda layer: layer.reset_parameters(), "Glorot": start_glorot, "He": start_he}
STARTS["He and batch norm"] = start_he

def gradient_norms(start, weight):
    set_seed(SEED)
    model = small(batch_norm="batch norm" in start, heads=True)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            STARTS[start](layer)
    images, labels = next(iter(ImageLoader(data, "train", settings["batch_size"], device)))
    googlenet_loss(model.to(device).train()(images), labels, weight).backward()
    parts = [model.stem, *(layer for layer in model.modules() if isinstance(layer, InceptionModule))]
    return [torch.cat([p.grad.flatten() for p in part.parameters()]).norm().item() for part in parts]

norms = {f"{start}, heads {switch}": gradient_norms(start, weight)
         for start in STARTS for switch, weight in (("off", 0.0), ("on", 0.3))}
for start in STARTS:
    off, on = norms[f"{start}, heads off"], norms[f"{start}, heads on"]
    print(f"{start:18} heads off: stem {off[0]:.1e}, 5b {off[-1]:.1e};",
          f"the heads multiply the stem's by {on[0] / off[0]:.3g}")
    assert all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(off[7:], on[7:]))
""")
code(r"""
PARTS = ["stem", *MODULES]

@styled
def plot_by_part(lines, ylabel, title, log=False):
    figure, axis = plt.subplots(figsize=(9, 4))
    names = list(dict.fromkeys(label.split(",")[0] for label in lines))
    for label, values in lines.items():
        line = "--" if label.endswith(("off", "untrained")) else "-"
        colour = COLOURS[names.index(label.split(",")[0])]
        axis.plot(PARTS[-len(values) :], values, line, marker=".", color=colour, label=label)
    axis.set(xlabel="part of the network, from the image to the output", ylabel=ylabel, title=title,
             yscale="log" if log else "linear")
    figure.legend(loc="outside right center", fontsize=10)

plot_by_part(norms, "norm of the gradient", f"{data.name}: gradients before any training", log=True)
""")
md(r"""
TODO-NUMBERS <!-- finding first, from the printed lines: with PyTorch's default the gradient falls from … at 5b to … at the stem and the heads multiply it by …: there the worry is justified. With Glorot's, which existed in 2014, it falls from … to … only, heads × …: say plainly whether that is still a problem. With He's or batch norm: … and …. One seed, one batch. (Expect: default 4 to 5 orders of magnitude, heads × 100 or more; Glorot's a factor of 3 to 10; He's and batch norm none. Scale quick: heads × 136, 1.57, 1.47, 1.13.) --> The modules after 4d lie behind both heads and cannot feel them. There the two lines must coincide, and the cell asserts that they do.

Whether larger gradients lead to a better network is another question, which this measurement does not answer. A year later the first author and others trained with batch norm, with and without heads. Early in training the heads made no difference, and only near the end did the network with heads become slightly better. They concluded that heads act as regularisers ([*Rethinking the Inception Architecture*](https://arxiv.org/abs/1512.00567), section 4). To repeat that takes several seeds of long trainings, since the effect is small (exercise 2).

## Is the middle of the network already discriminative?

The paper puts heads in the middle because shallower networks do well, which "suggests that the features produced by the layers in the middle of the network should be very discriminative" (section 5). Our network was trained without heads, so nobody asked its middle to separate the classes. Does it?

After each part we average the feature maps over all positions and fit a linear classifier to these averages by least squares (a *linear probe*), on training images. The same probes on an untrained network say what the architecture alone provides. If the paper is right, the accuracy will be high by 4a and 4d, well before the end.
""")
code(r'''
@torch.no_grad()
def averages(model, images):
    """[(N, C) for the stem and each module]: feature maps of normalised images, averaged over all positions."""
    parts = [model.stem, *(layer for layer in model.modules() if isinstance(layer, InceptionModule))]
    found = [[] for _ in parts]
    hooks = [part.register_forward_hook(lambda _, __, y, kept=kept: kept.append(y.mean((2, 3))))
             for part, kept in zip(parts, found)]
    for batch in images.split(500):
        model.eval()(batch)
    for hook in hooks:
        hook.remove()
    return [torch.cat(kept).double().cpu() for kept in found]

def probe_accuracy(train_x, train_y, test_x, test_y):
    """% correct of a ridge regression from features to the ten classes."""
    mean, std = train_x.mean(0), train_x.std(0) + 1e-6
    a, b = (train_x - mean) / std, (test_x - mean) / std
    targets = F.one_hot(train_y, 10).double() - 0.1
    weights = torch.linalg.solve(a.T @ a + 10 * torch.eye(a.shape[1], dtype=a.dtype), a.T @ targets)
    return 100 * ((b @ weights).argmax(dim=1) == test_y).double().mean().item()

fit_on, fit_y = next(iter(ImageLoader(data, "train", settings["probe_images"], device)))
try_on, try_y = next(iter(ImageLoader(data, "val", len(data.val.labels), device)))
set_seed(SEED)
probes = {}
for label, model in {"trained": net, "untrained": small().to(device)}.items():
    features = zip(averages(model, fit_on), averages(model, try_on))
    probes[label] = [probe_accuracy(a, fit_y.cpu(), b, try_y.cpu()) for a, b in features]
    print(f"{label:9}", *(f"{name} {value:.1f}" for name, value in zip(PARTS, probes[label])))
plot_by_part(probes, "accuracy of a linear probe (%)", f"{data.name}, validation")
''')
md(r"""
TODO-NUMBERS <!-- finding first: the probe reads … % from 4a and … % from 4d, of … % at the end (the network itself: val accuracy …): so the middle is / is not yet very discriminative; where the accuracy rises fastest; untrained: flat at … %. One network, n = 1; averages over positions throw away where a feature is, so a head, which keeps 4×4 positions, can do better. -->

## Look inside

### How many directions carry the information?

Can 128 numbers stand for 512 channels? The paper argues that "even low dimensional embeddings might contain a lot of information about a relatively large image patch" (section 4). We test this in the trained network. At the input of one module we keep only $K$ directions in the space of channels, those with the largest variance over images and positions (the principal components), and replace everything else by its mean. Nothing is retrained. For comparison we keep $K$ random directions. If the argument holds, the accuracy will survive down to the width of the module's own 3×3 reduction.
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
    """Mean (C,) and principal directions (C, C), largest variance first, of the module's input."""
    seen = []
    hook = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        net(fit_on[:500])
    hook.remove()
    x = seen[0].transpose(0, 1).flatten(1)  # (C, positions of all images)
    return x.mean(dim=1), torch.linalg.eigh(torch.cov(x)).eigenvectors.flip(1)
''')
code(r"""
set_seed(SEED)
curves = {}
for name in ("3b", "4c", "5a"):
    module = in_order[name]
    mean, principal = directions(module)
    C = len(mean)
    reduced = module.branch2[0].conv.out_channels
    shuffled = torch.linalg.qr(torch.randn(C, C)).Q.to(device)
    sizes = sorted({max(1, C // 32), C // 16, C // 8, C // 4, C // 2, C, reduced})
    for label, basis in ((f"{name}, principal", principal), (f"{name}, random", shuffled)):
        curves[label] = ([K / C for K in sizes], [accuracy_with(keep(module, mean, basis[:, :K])) for K in sizes])
    own, other = (curves[f"{name}, {kind}"][1][sizes.index(reduced)] for kind in ("principal", "random"))
    print(f"{name}: {reduced} of {C} directions, as many as its 3×3 reduction gives out: {own:.1f} %;",
          f"random {other:.1f} %, all {curves[label][1][-1]:.1f} %")
plot_curves({"": curves}, "share of the directions that are kept", "accuracy (%)", f"{data.name}, validation")
axis = plt.gcf().axes[0]
axis.set_xscale("log", base=2)
axis.set_xticks([1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], ["1/32", "1/16", "1/8", "1/4", "1/2", "all"])
axis.minorticks_off()
""")
md(r"""
TODO-NUMBERS <!-- finding first: with as many principal directions as the module's own reduction keeps, the accuracy is … of … % in 4c, …; random ones …. Down to which share does it hold? Caveat: the network was trained with reductions, so it had reason to put what it needs into few directions; one network. -->

### Which branch does the work?

We replace the output of one branch of one module by its mean over images and positions, and look how far the accuracy falls. The channels keep their average, but no longer say anything about the image. This shows what the trained network relies on, not what it could learn to do without.
""")
code(r"""
whole = accuracy_with()
branches = {"1×1": "branch1", "3×3": "branch2", "5×5": "branch3", "pooling": "branch4"}

def silence(branch):
    return branch.register_forward_hook(lambda _, __, y: y.mean((0, 2, 3), keepdim=True).expand_as(y))

losses = {label: [whole - accuracy_with(silence(getattr(module, name))) for module in in_order.values()]
          for label, name in branches.items()}
assert accuracy_with() == whole, "a hook was left behind"
print("points lost without a branch (and its share of the module's channels)")
for label, name in branches.items():
    widths = [[m for m in getattr(module, name).modules() if isinstance(m, nn.Conv2d)][-1].out_channels
              for module in in_order.values()]
    shares = [100 * width / module.out_channels for width, module in zip(widths, in_order.values())]
    print(f"{label:8}", *(f"{part} {value:.1f}" for part, value in zip(in_order, losses[label])),
          f"  ({min(shares):.0f} to {max(shares):.0f} %)")
plot_by_part(losses, "accuracy lost (points)", f"{data.name}, validation: one branch silenced")
""")
md(r"""
TODO-NUMBERS <!-- finding first: which modules matter most; which branch; is the loss in line with the shares of the channels? First edition (an eighth of the width, 66 %, branches set to zero): early modules most, 5×5 least. n = 1. -->

### Feature maps of the four branches

At last we look at what the branches of module 3a make of one image. For each branch you see the six channels that vary most over the image.
""")
code(r"""
chosen = 0  # a test image
image = data.test.images[chosen]
x = ImageLoader(data, "test", 1, device).normalise(image[None].to(device))
maps = {}
hooks = [getattr(in_order["3a"], name).register_forward_hook(lambda _, __, y, label=label: maps.update({label: y[0]}))
         for label, name in branches.items()]
with torch.no_grad():
    net(x)
for hook in hooks:
    hook.remove()

@styled
def show_maps(image, maps, title, columns=6):
    figure, axes = plt.subplots(len(maps), columns + 1, figsize=(8, 5.6))
    for axis in axes.flat:
        axis.axis("off")
    axes[0, 0].imshow(image)
    axes[0, 0].set_title("image", fontsize=11)
    for row, (label, channels) in zip(axes, maps.items()):
        row[1].set_title(label, fontsize=11)
        best = channels.flatten(1).std(dim=1).argsort(descending=True)[:columns]
        for axis, channel in zip(row[1:], channels[best].cpu()):
            axis.imshow(channel, cmap="gray", interpolation="nearest")
    figure.suptitle(title)

show_maps(image, maps, f"{data.name}, test image {chosen} ({data.classes[data.test.labels[chosen]]}): branches of 3a")
""")
md(r"""
TODO-NUMBERS <!-- what to see: maps of 1×1 sharp (they look like the image in other colours), 3×3 and 5×5 show edges or blobs, pooling coarse and thickened. Only what is visible. -->

## Use it

We save the network in half precision, load it again, and classify images. The repository contains the weights of the stored run, so you need neither to train nor to download anything. For an image of your own, set `my_image` to the name of its file; it should show one of the ten classes.
""")
code(r"""
path = checkpoint_dir() / scale / "Inception" / "inception-weights.pt"
about = dict(settings=dict(width=settings["width"]), data=data.name, classes=list(data.classes), accuracy=accuracy)
about |= dict(mean=list(data.mean), std=list(data.std))
save_weights(copy.deepcopy(net).half(), path, **about, made=run.made())  # float16: half the bytes
again = small()
load_weights(again, path, device)
with torch.no_grad():
    difference = (again.eval()(watched[:100]).softmax(1) - net(watched[:100]).softmax(1)).abs().max().item()
print(f"{path.stat().st_size / 1e6:.2f} MB; half precision changes probabilities by {difference:.4f} at most")
assert difference < 0.02 and (path.stat().st_size < 2e6 or settings["width"] > 3 / 8)

kept = root / "architectures" / "inception" / "weights" / "inception_cifar10.pt"
source = kept if kept.is_file() else path  # the weights of the stored run, or those of this one
reader = SmallGoogLeNet(**load_file(source)["settings"])
about = load_weights(reader, source, device)
print(f"loaded {source.name}: trained on {about['data']},\n{about['made']}")
""")
code(r'''
# For the README: three test images, and the three most probable classes for each
@styled
def show_predictions(images, probabilities, classes):
    n = len(images)
    figure, axes = plt.subplots(1, 2 * n, figsize=(3.6 * n, 1.7), width_ratios=[1, 1.1] * n)
    for image, p, (left, right) in zip(images, probabilities, axes.reshape(-1, 2)):
        left.imshow(image, interpolation="nearest")
        left.axis("off")
        best = p.topk(3)
        right.barh(range(3), best.values.tolist(), color=COLOURS[0])
        right.set(xlim=(0, 1), xticks=(0, 0.5, 1), yticks=range(3))
        right.set_yticklabels([classes[c] for c in best.indices])
        right.invert_yaxis()

my_image = None  # for example "my-cat.jpg"
own_images = read_image(my_image, size=32)[None] if my_image else data.test.images[[0, 1, 4]]
mean, std = (torch.tensor(about[key]) for key in ("mean", "std"))
x = ((own_images.float() / 255 - mean) / std).permute(0, 3, 1, 2).to(device)  # (B, 3, 32, 32)
with torch.no_grad():
    answers = reader.eval()(x).softmax(dim=1).cpu()
show_predictions(own_images, answers, about["classes"])
for p in answers:
    print(", ".join(f"{about['classes'][c]} {100 * p[c]:.0f} %" for c in p.topk(3).indices.tolist()))
''')
md(r"""
TODO-NUMBERS <!-- the three images are a cat, a ship and a frog; which are right, and how certain? -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet; crops of many sizes and shapes, colour distortions | CIFAR-10; shifted by up to four pixels and flipped |
| Trained network | Table 1 | `cpu`: three eighths of the width; stem with 3×3, stride 1 and one pooling; no response normalisation, no dropout at the end |
| Batch norm | none | yes, except where we measure gradients |
| Auxiliary heads | in training | only where we measure gradients; adaptive pooling, since the maps are 8×8 |
| Initialisation | not stated | He for the convolutions, unless we say otherwise |
| Optimiser | asynchronous SGD, momentum 0.9, learning rate down by 4 % every 8 epochs, weights averaged | SGD with Nesterov momentum, one cycle, the last weights |
| Loss | cross-entropy, three times | cross-entropy with label smoothing 0.1 |
| Precision | not stated | bfloat16 in training where the chip has it |
| Test | seven networks, 144 crops | one network; one view, and up to ten |

## Exercises

1. **Inception against plain.** Replace each module by one 3×3 convolution, with one factor on all widths such that the multiply-adds agree. Train both networks to the end with the same recipe and three seeds. Which one is better, and which trains faster? *Hint: `multiply_adds` on the device `meta` finds the factor in a second.*
2. **Heads that regularise.** Train `functools.partial(small, heads=True)` with the heads' losses weighted by 0.3 and by 0, three seeds each, on a GPU. Does the gain come at the end of training, and is it larger than the spread of the seeds? *Hint: write an objective like `smoothed` around `googlenet_loss`; in evaluation mode the model gives one output.*
3. **Two 3×3 for one 5×5.** The successor paper replaces the 5×5 convolution by two 3×3 ones. How many multiply-adds does that save in the small network, and what happens to its accuracy?
4. **Real photographs.** Let torchvision's weights classify one of yours. *Hint: `torchvision.models.googlenet(weights="DEFAULT").state_dict()` fits `googlenet_torchvision(aux_logits=False).eval()`; the input is `((read_image(…, size=224) / 255 - 0.5) / 0.5).permute(2, 0, 1)[None]`; the names of the classes are in `torchvision.models.GoogLeNet_Weights.DEFAULT.meta["categories"]`.*

## Further reading

- [Rethinking the Inception Architecture](https://arxiv.org/abs/1512.00567): smaller kernels, label smoothing, and a second look at the heads.
- [Network in Network](https://arxiv.org/abs/1312.4400), where 1×1 convolutions and the average at the end come from.
- [phlippe/uvadlc_notebooks](https://github.com/phlippe/uvadlc_notebooks), tutorial 5: another small Inception network on CIFAR-10.
- [AlexNet](../alexnet/), two years before, and [ResNet](../resnet/), one year after, which needs no heads.
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
