"""Writes VGG.ipynb beside this file: python build.py (the README beside it is written by hand)."""
import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
INSTALLED = Path("/work/main/architectures/vgg/VGG.ipynb")  # where it will lie
TARGET = HERE / "VGG.ipynb"
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], INSTALLED) or text))


# ------------------------------------------------------------------------------------------------------------ opening

md(r"""
# VGG: Very Deep Convolutional Networks for Large-Scale Image Recognition

Karen Simonyan, Andrew Zisserman · ICLR 2015 · [arXiv:1409.1556](https://arxiv.org/abs/1409.1556)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/vgg/VGG.ipynb)

You will build the paper's six networks and count their parameters by hand, measure why 19 layers were hard to train in 2014 and what mends it, train VGG-16 on CIFAR-10, repeat the paper's own comparison of 3×3 with 5×5 kernels, and shrink the trained network to a file of less than two megabytes that classifies your own images. TODO-NUMBERS <!-- one sentence, from the cell "for mirror in": "In the stored run VGG-16 with batch norm and half the paper's channels classifies … % of the CIFAR-10 test images correctly, and … % when it also sees each image's mirror image, as in the paper (one run)." -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "They took … minutes of training on one thread of …, … of them for the main run." from the notes under the three tables; the first test of 40 images took … minutes more. PLAN.md has the estimate --> Scales: `quick` (half a minute, generated images, offline; its numbers mean nothing), `cpu`, `gpu` (full width), `paper` (the paper's 74 epochs). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import contextlib
import io
import math
from dataclasses import replace
from functools import partial
from statistics import mean

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.vgg.vgg import CONFIGURATIONS, VGG
from utils.checkpoint import checkpoint_dir, load_file, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, show_images, show_mistakes, styled
from utils.report import report
from utils.training import fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
layers = {"features.3": "stage 1\n2 conv", "features.8": "stage 2\n2 conv", "features.15": "stage 3\n3 conv",
          "features.22": "stage 4\n3 conv", "features.29": "stage 5\n3 conv",
          "classifier.0": "linear", "classifier.3": "linear", "classifier.6": "linear"}
with torch.device("meta"):  # shapes without numbers: nothing is computed
    vgg16 = VGG("D")
    draw_network(vgg16, torch.empty(1, 3, 224, 224), layers, "VGG-16: channels × height × width in each stage")
""")
md(r"""
This is the whole network: five stages of 3×3 convolutions, a 2×2 max pooling after each, and three linear layers. From stage to stage the resolution halves and the number of channels doubles, up to 512.

## The paper in brief

**The question.** Does a convolutional network become better if we only make it deeper? The networks that had won the ImageNet competition (ILSVRC) before had eight layers, and kernels of up to 11×11. If depth is to be the only change, everything else has to be as simple as possible.

**The idea.** Use 3×3 kernels everywhere, the smallest that know left from right and up from down. A stack of them sees as much of the image as one large kernel, with fewer weights, and with an activation function after each. The paper compares six networks, which it calls A to E. The entries give the number of convolutions per stage:

| stage | channels × size | A | A-LRN | B | C | D | E |
|---|---|---|---|---|---|---|---|
| 1 | 64 × 224² | 1 | 1 | 2 | 2 | 2 | 2 |
| 2 | 128 × 112² | 1 | 1 | 2 | 2 | 2 | 2 |
| 3 | 256 × 56² | 2 | 2 | 2 | 3 | 3 | 4 |
| 4 | 512 × 28² | 2 | 2 | 2 | 3 | 3 | 4 |
| 5 | 512 × 14² | 2 | 2 | 2 | 3 | 3 | 4 |
| layers with weights | | 11 | 11 | 13 | 16 | 16 | 19 |
| **top-1 error, %** | fixed size | 29.6 | 29.7 | 28.7 | 28.1 | 27.0 | 27.3 |
| **top-5 error, %** | fixed size | 10.4 | 10.5 | 9.9 | 9.4 | 8.8 | 9.0 |
| **top-1 error, %** | varying size | | | | 27.3 | 25.6 | 25.5 |
| **top-5 error, %** | varying size | | | | 8.8 | 8.1 | 8.0 |

D and E are today's VGG-16 and VGG-19. In C, the third convolution of a stage has a 1×1 kernel; A-LRN is A with AlexNet's local response normalisation. The last four rows are the paper's errors on ImageNet's validation set (Table 3), each network tested at a single image size. "Fixed size" means that training images are scaled so that their shorter side is 256 pixels, "varying size" that the side is drawn between 256 and 512 for each image.

**What the paper concludes.**

- Depth helps, from 11 to 16 layers. Between 16 and 19 it makes little difference any more.
- C beats B, so additional activation functions help. D beats C, so it also matters that kernels see their neighbourhood.
- Local response normalisation doesn't help.
- If each pair of 3×3 convolutions in B is replaced by one 5×5, the top-1 error becomes 7 % higher (section 4.1). We repeat this comparison.

With an ensemble of seven networks, VGG came second in the classification task of ILSVRC 2014 (7.3 % top-5 error), behind [GoogLeNet](../inception/), and it won the localisation task.

## The data

ImageNet is too large for a notebook. We train on CIFAR-10: images of 32×32 pixels in ten classes, 45,000 to train on, 5,000 to make choices on (validation), 10,000 for the test.
""")
code(r"""
data = load_shapes(train=400, val=100, test=100) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
first_of_each = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
print(f"{data.name}: {', '.join(sizes)} images")
show_images(data.train.images[first_of_each], data.classes, title=f"{data.name}: one image of each class")
""")

# ------------------------------------------------------------------------------------------------------------ kernels

md(r"""
## Part by part

### Small kernels, large receptive fields

The *receptive field* of a unit is the part of the image that it depends on. **Two 3×3 convolutions see as much as one 5×5, and three as much as one 7×7.** To check, we send an image with a single bright pixel through 3×3 kernels filled with ones, and look how far the pixel spreads:
""")
code(r"""
@styled
def draw_spread(maps, title):
    figure, axes = plt.subplots(1, len(maps), figsize=(10, 3.1))
    for axis, (label, values) in zip(axes, maps.items()):
        axis.imshow(torch.where(values > 0, values / values.max() * 0.7 + 0.1, 0.0), cmap="Blues", vmin=0, vmax=1.3)
        for (row, column), value in zip(torch.cartesian_prod(torch.arange(9), torch.arange(9)), values.flatten()):
            if value:
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=9)
        axis.set_title(label)
        axis.axis("off")
    figure.suptitle(title)

ones = torch.ones(1, 1, 3, 3)
pixel = torch.zeros(1, 1, 9, 9)  # (image, channel, row, column)
pixel[..., 4, 4] = 1.0
once = F.conv2d(pixel, ones, padding=1)
twice = F.conv2d(once, ones, padding=1)
thrice = F.conv2d(twice, ones, padding=1)
for maps, side in ((once, 3), (twice, 5), (thrice, 7)):
    reached = (maps[0, 0] > 0).nonzero()
    assert (reached.amax(dim=0) - reached.amin(dim=0) + 1).tolist() == [side, side]
panels = {"the image": pixel, "one 3×3: 3×3 reached": once, "two: 5×5": twice, "three: 7×7": thrice}
draw_spread({label: maps[0, 0] for label, maps in panels.items()}, "One bright pixel, after up to three convolutions")
""")
md(r"""
Each number counts the paths from the bright pixel to that position. Most paths lead to the middle, which we'll meet again in a trained network.

So what does the stack do that a single large kernel doesn't? **Without an activation function in between, nothing:** the two convolutions are one 5×5 convolution, whose kernel is the third panel. With a ReLU in between, no single convolution does the same.
""")
code(r"""
set_seed(SEED)
x = torch.randn(1, 1, 9, 9)
five = twice[:, :, 2:-2, 2:-2]  # (1, 1, 5, 5)
stacked, single = F.conv2d(F.conv2d(x, ones), ones), F.conv2d(x, five)
with_relu = F.conv2d(F.relu(F.conv2d(x, ones)), ones)
print("5×5 kernel, first row:", five[0, 0, 0].int().tolist())
print(f"two 3×3 − one 5×5: at most {(stacked - single).abs().max():.0e}",
      f"  with a ReLU in between: up to {(with_relu - single).abs().max():.1f}")
assert torch.allclose(stacked, single, atol=1e-4) and not torch.allclose(with_relu, single, atol=1)
""")
md(r"""
The stack also has fewer weights. With $C$ channels going in and out,

$$\underbrace{3 \cdot 3^2 C^2 = 27\,C^2}_{\text{three } 3 \times 3} \qquad \text{against} \qquad \underbrace{7^2 C^2 = 49\,C^2}_{\text{one } 7 \times 7}.$$

The paper calls this a regularisation: the 7×7 kernel is forced into a product of three small ones (section 2.3). In the first convolution of most stages, however, twice as many channels come out as go in. How much is saved then?
""")
code(r"""
def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())

def weights(kernel, number, channels_in, channels):
    sizes = [channels_in] + [channels] * number
    return sum(count(nn.Conv2d(a, b, kernel, bias=False)) for a, b in zip(sizes, sizes[1:]))

C = 64
for channels_in in (C, C // 2):
    for number, kernel in ((2, 5), (3, 7)):
        small, large = weights(3, number, channels_in, C), weights(kernel, 1, channels_in, C)
        print(f"{channels_in} → {C} channels: {number} of 3×3 {small:8,} weights,",
              f"one {kernel}×{kernel} {large:8,} ({large / small - 1:+.0%})")
assert weights(3, 3, C, C) == 27 * C**2 and weights(7, 1, C, C) == 49 * C**2
assert weights(3, 2, C // 2, C) > weights(5, 1, C // 2, C)
assert (weights(3, 3, 128, 256), weights(7, 1, 128, 256)) == (1_474_560, 1_605_632)  # for the drawing below
""")
md(r"""
The saving of 81 % that everybody quotes holds where the number of channels stays the same. Where it doubles, three 3×3 save only 9 %, and a pair has even slightly more weights than one 5×5. Here is a stage of VGG-16 beside a single convolution with the same receptive field:
""")
code(r"""
boxes = {
    "a": ("three 3×3: 1,474,560 weights", 0, -0.8, "note"), "b": ("one 7×7: 1,605,632 weights", 3, -0.8, "note"),
    "a0": ("128 × 56 × 56", 0, 0, "data"),                  "b0": ("128 × 56 × 56", 3, 0, "data"),
    "a1": ("conv 3×3, ReLU", 0, 1),
    "a2": ("conv 3×3, ReLU", 0, 2),                         "b2": ("conv 7×7, ReLU", 3, 2),
    "a3": ("conv 3×3, ReLU", 0, 3),
    "a4": ("2×2 max pooling", 0, 4),                        "b4": ("2×2 max pooling", 3, 4),
    "a5": ("256 × 28 × 28", 0, 5, "data"),                  "b5": ("256 × 28 × 28", 3, 5, "data"),
}
arrows = [("a0", "a1"), ("a1", "a2", "256 × 56 × 56"), ("a2", "a3"), ("a3", "a4"), ("a4", "a5")]
arrows += [("b0", "b2"), ("b2", "b4", "256 × 56 × 56"), ("b4", "b5")]
draw_flow(boxes, arrows, "Stage 3 of VGG-16, and a stage with one large kernel")
""")
md(r"""
In code, a list of numbers and words describes all stages. `batch_norm` puts a normalisation between each convolution and its ReLU; the paper, of the year before batch norm, has none.
""")
code("# %load -s convolutions vgg.py")

# -------------------------------------------------------------------------------------------------------------- whole

md(r"""
### The whole network
""")
code("# %load -s VGG,init_weights vgg.py")
md(r"""
We build all six networks at full size (on the device `meta`, which knows shapes only) and compare them with our own arithmetic. A *multiply-add* is one use of a weight.
""")
code(r"""
CONVOLUTIONS = {"A": (1, 1, 2, 2, 2), "A-LRN": (1, 1, 2, 2, 2), "B": (2, 2, 2, 2, 2), "C": (2, 2, 3, 3, 3),
                "D": (2, 2, 3, 3, 3), "E": (2, 2, 4, 4, 4)}  # per stage, from the table above

def by_hand(column, size=224):
    '''{stage or linear layer: (parameters, multiply-adds)} by arithmetic alone.'''
    parts, channels = {}, 3
    for stage, (number, out) in enumerate(zip(CONVOLUTIONS[column], (64, 128, 256, 512, 512)), start=1):
        parameters = operations = 0
        for i in range(number):
            used = (1 if column == "C" and i == 2 else 9) * channels * out
            parameters, operations, channels = parameters + used + out, operations + used * size**2, out
        parts[f"stage {stage}"], size = (parameters, operations), size // 2
    linear = [channels * size**2, 4096, 4096, 1000]
    for i, (inputs, outputs) in enumerate(zip(linear, linear[1:]), start=1):
        parts[f"linear {i}"] = (inputs * outputs + outputs, inputs * outputs)
    return parts

def macs(build, size):
    '''Multiply-adds of convolutions and linear layers for one image.'''
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        build().eval()(torch.empty(1, 3, size, size))
    return counter.get_total_flops() // 2
""")
code(r"""
in_table_2 = {"A": 133, "A-LRN": 133, "B": 133, "C": 134, "D": 138, "E": 144}  # millions of parameters
for column, millions in in_table_2.items():
    with torch.device("meta"):
        parameters = count(VGG(column))
    operations = macs(partial(VGG, column), size=224)
    assert [parameters, operations] == [sum(values) for values in zip(*by_hand(column).values())]
    assert round(parameters / 1e6) == millions
    print(f"{column:6} {parameters:12,} parameters (paper: {millions} million)",
          f"{operations / 1e9:6.2f} billion multiply-adds")
""")
code(r"""
@styled
def plot_shares(parts, title):
    '''{part: (parameters, multiply-adds)} as bars, in % of all.'''
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
    for axis, colour, label, values in zip(axes, COLOURS, ("parameters", "multiply-adds"), zip(*parts.values())):
        shares = [100 * value / sum(values) for value in values]
        bars = axis.barh(list(parts), shares, color=colour)
        axis.bar_label(bars, [f"{share:.1f} %" for share in shares], padding=3, fontsize=9)
        axis.set(title=label, xlim=(0, 1.2 * max(shares)), xticks=[])
        axis.grid(False)
    axes[0].invert_yaxis()
    figure.suptitle(title)

parts = by_hand("D")
linear = [sum(values) for values in zip(*(parts[f"linear {i}"] for i in (1, 2, 3)))]
whole = [sum(values) for values in zip(*parts.values())]
print(f"linear layers: {linear[0] / whole[0]:.1%} of the parameters, {linear[1] / whole[1]:.1%} of the multiply-adds")
assert linear[0] == 123_642_856
plot_shares(parts, "Where VGG-16 keeps its parameters, and where it works")
""")
md(r"""
**Nine tenths of the parameters are in the linear layers, but the convolutions do 99 % of the work.** The first linear layer alone has three quarters of the parameters, since it connects 512 feature maps of 7×7 to 4,096 units. [GoogLeNet](../inception/) and [ResNet](../resnet/) replace these layers by an average over the last feature maps. Our `head="small"` for images of 32 pixels does the same.

Is our network *the* VGG? The layers carry torchvision's names, so its weights fit. With the same weights, the outputs should be equal.
""")
code(r"""
for name, column in (("vgg11", "A"), ("vgg16", "D"))[: 1 if scale == "quick" else 2]:
    set_seed(SEED)
    theirs = getattr(torchvision.models, name)(weights=None, init_weights=False).eval()
    for p in theirs.parameters():
        if p.ndim == 1:
            nn.init.uniform_(p, -0.1, 0.1)  # biases that differ, so that a swap would show
    with torch.device("meta"):
        ours = VGG(column).eval()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    with torch.no_grad():
        x = torch.randn(2, 3, 224, 224)
        logits, expected = ours(x), theirs(x)
    difference, spread = (logits - expected).abs().max().item(), expected.std().item()
    assert difference < 1e-4 * spread
    print(f"{name}: logits with a standard deviation of {spread:.2f}, largest difference {difference:.1e}")
del ours, theirs
""")
md(r"""
They are. So torchvision's ImageNet weights load as well: `ours.load_state_dict(torchvision.models.vgg16(weights="IMAGENET1K_V1").state_dict())`.

### Testing on larger images

The network wants 224×224 pixels, because the first linear layer wants 7×7 positions. The paper tests on larger images, without cutting them: it turns the linear layers into convolutions, the first one with a 7×7 kernel, the others with 1×1 kernels (section 3.2). Then the network is **fully convolutional**: it computes class scores at every position where a 7×7 window fits, and these are averaged. We do this with a narrow network and check the scores one by one.
""")
code(r"""
def narrow(column, divisor):
    '''The layers of a column with fewer channels.'''
    return tuple(layer // divisor if isinstance(layer, int) else layer for layer in CONFIGURATIONS[column])

def fully_convolutional(net):
    '''The same network with its linear layers as convolutions: images -> scores (B, classes, rows, columns).'''
    linear = [layer for layer in net.classifier if isinstance(layer, nn.Linear)]
    convs = [nn.Conv2d(linear[0].in_features // 49, linear[0].out_features, kernel_size=7)]
    convs += [nn.Conv2d(layer.in_features, layer.out_features, kernel_size=1) for layer in linear[1:]]
    for conv, layer in zip(convs, linear):
        conv.weight.data, conv.bias.data = layer.weight.data.view_as(conv.weight), layer.bias.data
    return nn.Sequential(net.features, convs[0], nn.ReLU(), convs[1], nn.ReLU(), convs[2])

set_seed(SEED)
net, image = VGG(narrow("A", 16), 10).eval(), torch.randn(1, 3, 256, 288)
with torch.no_grad():
    dense, features = fully_convolutional(net), net.features(image)  # (1, 32, 8, 9)
    scores = dense(image)  # (1, 10, 2, 3): two rows and three columns of 7×7 windows
    for row in range(2):
        for column in range(3):
            window = features[:, :, row : row + 7, column : column + 7]
            assert torch.allclose(scores[:, :, row, column], net.classifier(window.flatten(1)), atol=1e-6)
    crop = image[:, :, :224, :224]
    assert torch.allclose(dense(crop)[:, :, 0, 0], net(crop), atol=1e-6)
    change = (scores[:, :, 0, 0] - net(crop)).std() / net(crop).std()
print(f"scores {tuple(scores.shape)}; a crop instead of the first window changes them by {change:.0%}",
      "of their spread")
assert change > 0.01
""")
md(r"""
The linear layers and the convolutions compute exactly the same. A crop, however, isn't the same as a window of the larger image: at the crop's border the convolutions see zeros, in the larger image they see its neighbourhood. The paper points this out, and gains a little by averaging both kinds of test.
""")

# -------------------------------------------------------------------------------------------------------------- start

md(r"""
## Why deep networks did not start to learn

The authors could train only A from random weights. For the deeper networks they copied the first four convolutions and the linear layers from the trained A, since "bad initialisation can stall learning" (section 3.1). A remark added later says that the initialisation of Glorot and Bengio (2010) makes this detour unnecessary. Why is the initialisation so important for a deep network?

**One layer.** Let a unit have $n$ inputs ($n = 9C$ for a 3×3 kernel), random weights of standard deviation $\sigma$, and no bias. Its sum has on average $n\sigma^2$ times the mean square of the inputs, and the ReLU removes half of that. So a layer multiplies the size (root mean square) of a signal by its *gain*

$$g = \sigma \sqrt{n / 2}.$$

**Many layers** multiply their gains: with $g = 0.5$, sixteen convolutions leave $0.5^{16} \approx 1/65{,}000$ of the signal. Gradients behave the same way during backpropagation. *He initialisation* (2015) chooses $\sigma = \sqrt{2/n}$, so that $g = 1$. *Glorot initialisation* has $g = 0.71$ where as many channels come out as go in, and PyTorch's default for convolutions has $g = 0.41$. With a fixed $\sigma$ the gain depends on the width. (The paper gives the variance as $10^{-2}$, that is, $\sigma = 0.1$; He and colleagues, writing about VGG, calculate with $\sigma = 0.01$. We measure both.)

To see this happen we send images through the 16 convolutions of E at full width. Going up, we measure how much a layer's output differs from image to image. Going down, we measure the size of the gradients when random ones of standard deviation 1 enter at the top.
""")
code(r"""
def initialised(column, start, batch_norm=False, divisor=1, seed=SEED):
    '''A column with the initialisation "He", "Glorot" or "PyTorch's default", or with a standard deviation.'''
    set_seed(seed)
    net = VGG(narrow(column, divisor), 10, batch_norm, head="small")
    for layer in net.features:
        if isinstance(layer, nn.Conv2d) and start == "PyTorch's default":
            layer.reset_parameters()
        elif isinstance(layer, nn.Conv2d) and start == "Glorot":
            nn.init.xavier_normal_(layer.weight)
        elif isinstance(layer, nn.Conv2d) and start != "He":
            nn.init.normal_(layer.weight, 0, start)
    return net.to(device)

def signals(net, images):
    '''After each ReLU, root mean squares: how much outputs differ between images, and gradients.'''
    outputs = []
    relus = [layer for layer in net.features if isinstance(layer, nn.ReLU)]
    hooks = [relu.register_forward_hook(lambda module, inputs, output: outputs.append(output)) for relu in relus]
    top = net.features(images)
    for hook in hooks:
        hook.remove()
    for output in outputs:
        output.retain_grad()
    top.backward(torch.randn_like(top))
    forward = [output.detach().std(dim=0).square().mean().sqrt().item() for output in outputs]
    return forward, [output.grad.square().mean().sqrt().item() for output in outputs]
""")
code(r"""
set_seed(SEED)
layer = nn.Conv2d(64, 64, 3, bias=False)  # no padding: every unit has its n = 576 inputs
nn.init.normal_(layer.weight, 0, 0.5 * (2 / 576) ** 0.5)
x = torch.randn(8, 64, 16, 16)
with torch.no_grad():
    gain = (layer(x).relu().square().mean() / x.square().mean()).sqrt().item()
print(f"one layer: gain 0.5 by the formula, {gain:.3f} measured\n")
assert abs(gain - 0.5) < 0.03

COLOUR_OF = dict(zip(("σ = 0.01", "σ = 0.1", "PyTorch's default", "Glorot", "He", "batch norm"), COLOURS))

@styled
def plot_signals(measured, title):
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    for axis, i, panel in zip(axes, (0, 1), ("differences between images, forward", "gradients, backward")):
        for label, values in measured.items():
            colour = COLOUR_OF[label.split(", ")[-1]]
            axis.plot(range(1, len(values[i]) + 1), values[i], ".-", color=colour, label=label)
        axis.set(title=panel, xlabel="convolution", yscale="log")
    axes[0].set_ylabel("root mean square")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", fontsize=10)
    figure.suptitle(title)
""")
code(r"""
starts = {"σ = 0.01": [0.01], "σ = 0.1": [0.1], "PyTorch's default": ["PyTorch's default"], "Glorot": ["Glorot"],
          "He": ["He"], "σ = 0.01, batch norm": [0.01, True]}
images, _ = next(iter(ImageLoader(data, "train", 8 if scale == "quick" else 64, device)))
divisor = 4 if scale == "quick" else 1
measured = {label: signals(initialised("E", *start, divisor=divisor), images) for label, start in starts.items()}
for label, (forward, gradients) in measured.items():
    print(f"{label:21} last / first output {forward[-1] / forward[0]:8.1e}",
          f"  first / last gradient {gradients[0] / gradients[-1]:8.1e}")
plot_signals(measured, f"E before training, {data.name}")
""")
md(r"""
TODO-NUMBERS <!-- check every number against the printed lines (first edition: 9.9e-09 and 4.7e-09; 9.9e+06; 1.0e-07 and 3.2e-08; He 2.4e-02 and 1.3e-02; batch norm 0.88 and 3.2; Glorot is new): "The lines are nearly straight on a log scale: layer by layer, the factors multiply. With σ = 0.01 the differences between images shrink to a hundred-millionth, …, with σ = 0.1 they grow ten-million-fold. He initialisation loses a factor of … forward and … backward (the zero padding takes inputs away, and max pooling adds a little). Batch norm stays within a factor of about …, although it starts from the first line's weights." --> A network whose outputs hardly depend on the image cannot learn anything about images.

Does our measurement agree with others? He and colleagues calculated for B that gradients on their way from the tenth to the second convolution shrink $5.9 \cdot 4.2^2 \cdot 2.9^2 \cdot 2.1^4 \approx 1.7 \cdot 10^4$ times more with $\sigma = 0.01$ than with their initialisation.
""")
code(r"""
arriving = {}
for start in ("He", 0.01):
    _, gradients = signals(initialised("B", start), images)
    arriving[start] = gradients[0] / gradients[9]  # what leaves convolution 2 below, by what enters convolution 10
ratio = arriving["He"] / arriving[0.01]
print(f"calculated by He and colleagues: {5.9 * 4.2**2 * 2.9**2 * 2.1**4:.1e}; measured: {ratio:.1e}")
assert 1.7e4 / 1.5 < ratio < 1.7e4 * 1.5
""")
md(r"""
Nearly the same number.

**Batch norm** mends this from within. For each channel it subtracts the mean $\mu$ and divides by the standard deviation, both taken over all images of the batch and all positions, and then applies a learned scale $\gamma$ and shift $\beta$ (initially 1 and 0):

$$\hat x = \gamma\, \frac{x - \mu}{\sqrt{\text{variance} + 10^{-5}}} + \beta.$$

So the size of its input cancels, whatever the gain of the convolution before it:
""")
code(r"""
x = torch.tensor([0.0, 2.0, 4.0, 6.0]).view(4, 1, 1, 1)  # four images of one pixel: mean 3, variance 5
norm = nn.BatchNorm2d(1)
for size in (1, 0.1):
    y = norm(size * x).flatten()
    print(f"{(size * x).flatten().numpy().round(1)} → {y.detach().numpy().round(2)}")
    assert torch.allclose(y, torch.tensor([-3.0, -1.0, 1.0, 3.0]) / 5**0.5, atol=1e-3)
""")
md(r"""
### Can it overfit 40 images?

A healthy network must be able to memorise a handful of images. So we make this usual sanity check an experiment: E, with a quarter of the channels, gets 40 images, four of each class. A network that ignores its input can do no better than a loss of $\ln 10 = 2.30$; one that learns can bring it to 0. We use SGD with momentum, three seeds, and for each initialisation the better of two learning rates; gradients with a norm over 1 are clipped, to keep the trainings without batch norm stable. If the size of the signals is what matters, the initialisations should come off in the order of the plot above.
""")
code(r"""
steps, rates, seeds = (10, [0.05], [0]) if scale == "quick" else (150, [0.05, 0.01], [0, 1, 2])
divisor = 8 if scale == "quick" else 4  # of the width
four_each = torch.cat([(data.train.labels == c).nonzero().flatten()[:4] for c in range(10)])
few = replace(data, train=Split(*(tensor[four_each] for tensor in data.train)))
few_images, few_labels = next(iter(ImageLoader(few, "train", 40, device)))
dtype = torch.bfloat16 if choose_precision(device)[0] == torch.bfloat16 else torch.float32

def overfit(net, lr):
    '''The loss on the 40 images, step by step.'''
    optimizer, losses = torch.optim.SGD(net.parameters(), lr, momentum=0.9), []
    for _ in range(steps):
        with autocast(device, dtype):
            loss = F.cross_entropy(net(few_images), few_labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
    return losses

def final(losses):
    '''The mean loss of the last ten steps; infinite if the training diverged.'''
    value = mean(losses[-10:])
    return value if math.isfinite(value) else math.inf
""")
code(r"""
@styled
def plot_starts(curves, title):
    '''{initialisation: [losses of a seed, …]}'''
    figure, axis = plt.subplots(figsize=(8, 3.8))
    for label, seeds in curves.items():
        for i, losses in enumerate(seeds):
            axis.plot(losses, color=COLOUR_OF[label.split(", ")[-1]], linewidth=1.4, label=None if i else label)
    axis.axhline(math.log(10), color="grey", linestyle=":", linewidth=1, label="ln 10: guessing")
    axis.set(xlabel="step", ylabel="loss on the 40 images", ylim=(0, 3.2), title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))

curves = {}
for label, start in {"PyTorch's default": ["PyTorch's default"], "Glorot": ["Glorot"], "He": ["He"],
                     "PyTorch's default, batch norm": ["PyTorch's default", True]}.items():
    tried = {lr: [overfit(initialised("E", *start, divisor=divisor, seed=seed), lr) for seed in seeds] for lr in rates}
    best = min(tried, key=lambda lr: mean(final(losses) for losses in tried[lr]))
    curves[label] = tried[best]
    print(f"{label:30} learning rate {best:5}: loss", *(f"{final(losses):6.3f}" for losses in curves[label]))
if scale != "quick":
    assert max(map(final, curves["PyTorch's default, batch norm"])) < 0.1, "40 images cannot be overfitted: a bug"
plot_starts(curves, f"E on 40 images of {data.name}, a line for each seed")
""")
md(r"""
TODO-NUMBERS <!-- finding first, e.g. "Only … leave the plateau of guessing within 150 steps." For each of the four: final losses of three seeds. Caveat: this shows only whether it starts within this budget and at these rates, not whether it ever would. If He does not reach 0 either, say so: it starts, but slowly. -->

From here on all our networks have batch norm, so we need no detour via A.
""")

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

We train D, today's VGG-16, with batch norm. The optimiser is the paper's, SGD with momentum 0.9 and weight decay $5 \cdot 10^{-4}$, here in Nesterov's form. Training images are shifted by up to four pixels and flipped at random, much as the paper crops and flips its own. To reach a good result in few epochs we add two newer methods. In a *one-cycle* schedule the learning rate rises during a fifth of the steps and then falls to zero along a cosine. With *label smoothing* the correct class gets a target probability of 0.91, and each other class 0.01. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).

All settings are in one table. `divisor` divides the paper's numbers of channels, the `race` is the comparison of kernels below, and `keep` is for shrinking the network at the end.
""")
code(r"""
SETTINGS = {
    "quick": dict(divisor=8, epochs=2, lr=0.05, batch_size=50, seeds=[0], compile=False,
                  race=dict(divisor=8, epochs=1, seeds=[0], rates=[0.05], nets=["5×5", "B"]),
                  keep=(8, 16, 32, 20, 20), keep_epochs=1),
    "cpu": dict(divisor=2, epochs=28, lr=0.1, batch_size=125, seeds=[0], compile=True,
                race=dict(divisor=4, epochs=12, seeds=[0, 1, 2], rates=[0.1, 0.03], nets=["5×5", "B"]),
                keep=(32, 64, 128, 80, 80), keep_epochs=4),
    "gpu": dict(divisor=1, epochs=40, lr=0.1, batch_size=125, seeds=[0], compile=False,
                race=dict(divisor=2, epochs=12, seeds=[0, 1, 2], rates=[0.1, 0.03], nets=["5×5", "A", "B", "D"]),
                keep=(32, 64, 128, 80, 80), keep_epochs=10),
    "paper": dict(divisor=1, epochs=74, lr=0.1, batch_size=125, seeds=[0, 1, 2], compile=True,
                  race=dict(divisor=1, epochs=74, seeds=[0, 1, 2], rates=[0.1, 0.03],
                            nets=["5×5", "A", "B", "D", "E"]),
                  keep=(32, 64, 128, 80, 80), keep_epochs=10),
}
settings, race = SETTINGS[scale], SETTINGS[scale]["race"]
width = {1: "full", 2: "half", 4: "a quarter of the", 8: "an eighth of the"}[settings["divisor"]]
print(f"scale {scale}: VGG-16 with {width} width, {settings['epochs']} epochs, batches of {settings['batch_size']},",
      f"peak learning rate {settings['lr']}")
""")
code(r"""
def smoothed(model, images, labels):
    '''The objective: cross-entropy, with label smoothing in training only.'''
    logits = model(images)
    loss = F.cross_entropy(logits, labels, label_smoothing=0.1 if model.training else 0.0)
    return loss, len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}

def train(name, build, seed, epochs, lr, compile=False, quiet=True):
    '''Returns (model, Run).'''
    set_seed(seed)
    model = build()
    loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True, seed=seed)
    val_loader = ImageLoader(data, "val", 500, device)
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs * len(loader), pct_start=0.2, cycle_momentum=False
    )
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        run = fit(model, loader, optimizer, scheduler, epochs, device, {"val": val_loader}, smoothed,
                  checkpoint=f"VGG/{name}-seed{seed}", lines=7, compile=compile)
    if quiet:
        print(f"{name}, seed {seed}: val accuracy {100 * run.history['val_accuracy'][-1]:.2f} %",
              f"after {run.history['epoch'][-1]} epochs, {run.minutes:.1f} min of training", flush=True)
    return model.eval(), run

def build_main():
    return VGG(narrow("D", settings["divisor"]), 10, batch_norm=True, head="small")

trained = [train(f"D-{settings['divisor']}", build_main, seed, settings["epochs"], settings["lr"], settings["compile"],
                 quiet=False) for seed in settings["seeds"]]
model, run = trained[0]
print(f"{count(model):,} parameters, {macs(build_main, 32) / 1e6:.1f} million multiply-adds for an image of 32 pixels")
""")
code(r"""
plot_histories({f"VGG-16, {width} width": run}, data.name)
""")
md(r"""
Dashed lines are averages over an epoch of augmented training images, solid ones are measured on the validation set after it. With label smoothing the training loss cannot fall below 0.50, so the two losses can't be compared; the accuracies can. TODO-NUMBERS <!-- what to see: the validation accuracy jumps while the learning rate is high (by up to … points from one epoch to the next), and gains its last … points in the last … epochs, when the rate falls to zero. At the end … % of the augmented training images and … % of the validation images. -->

## Results

We test the weights of the last epoch; nothing was chosen on the test set. The paper averages the class probabilities of each test image and of its mirror image (section 3.2). We report both, without and with the mirror image.
""")
code(r"""
@torch.no_grad()
def probabilities(net, split, mirror=False):
    '''(N, 10) for the images of a split.'''
    found = []
    for images, _ in ImageLoader(data, split, 500, device):
        p = net(images).softmax(dim=1)
        found.append(((p + net(images.flip(3)).softmax(dim=1)) / 2 if mirror else p).cpu())
    return torch.cat(found)

def error(p, split="test"):
    return 100 * (p.argmax(dim=1) != getattr(data, split).labels).float().mean().item()

what = f"VGG-16 with batch norm, {width} width"
rows, published = [], {False: 7.36, True: None}
for mirror in (False, True):
    tested = [(probabilities(net, "test", mirror), its_run) for net, its_run in trained]
    label = f"{what}{', with mirror images' if mirror else ''}"
    print(f"{label}:", *(f"{100 - error(p):.2f} %" for p, _ in tested), "correct")
    runs = [(error(p), its_run) for p, its_run in tested]
    rows.append(dict(what=label, paper=None, reproduction=published[mirror], runs=runs))
whole_error = rows[0]["runs"][0][0]
split = "45k/5k, test 10k" if scale != "quick" else "generated"
if scale != "quick" and run.finished:
    assert rows[1]["runs"][0][0] < 9, "far below what this network can do: something is broken"
report("VGG", "test error, %", data.name, split, "kuangliu/pytorch-cifar", rows)
""")
md(r"""
TODO-NUMBERS <!-- finding: "… % of the test images are correct, … % with mirror images; kuangliu's VGG-16 (full width, all 50,000 training images, 200 epochs, no mirror images) reaches 92.64 %. Averaging with the mirror image costs a second forward pass and no training, and gains … points. One run; the finite test set has a standard error of about 0.27 points." (at 92 %: sqrt(92·8/10000) = 0.27) -->

These are the most confident mistakes:
""")
code(r"""
p = tested[0][0]  # of the first seed, with mirror images
show_mistakes(data.test.images, data.test.labels, p, data.classes, title=f"{data.name}: the most confident mistakes")
""")
md(r"""
TODO-NUMBERS <!-- what to see in the ten images: which confusions (cat/dog?), which are hard for people too -->
""")

# --------------------------------------------------------------------------------------------------------------- race

md(r"""
## The paper's own control: pairs of 3×3 against one 5×5

Are two 3×3 convolutions better than one 5×5, which sees just as much? The paper answers by an experiment with B: in a second network, each pair of 3×3 convolutions becomes one 5×5. The top-1 error was 7 % higher (section 4.1). We repeat this with a quarter of the channels, batch norm in both networks, and one linear layer. The two differ little in their number of multiply-adds:
""")
code(r"""
class Shallow(VGG):
    '''B with one 5×5 convolution in place of each pair of 3×3.'''

    def __init__(self, divisor):
        layers = [channels // divisor for channels in (64, 128, 256, 512, 512)]
        super().__init__([part for channels in layers for part in (channels, "pool")], 10, True, head="small")
        for i, layer in enumerate(self.features):
            if isinstance(layer, nn.Conv2d):
                self.features[i] = nn.Conv2d(layer.in_channels, layer.out_channels, kernel_size=5, padding=2)
        self.apply(init_weights)

def build_for_race(name):
    return Shallow(race["divisor"]) if name == "5×5" else VGG(narrow(name, race["divisor"]), 10, True, head="small")

titles = {name: "B with pairs of 3×3" if name == "B" else name for name in race["nets"]}
titles["5×5"] = "B with 5×5"
for name in race["nets"]:
    net = build_for_race(name)
    convs = sum(isinstance(layer, nn.Conv2d) for layer in net.features)
    print(f"{titles[name]:20} {convs:2} convolutions, {count(net):10,} parameters,",
          f"{macs(partial(build_for_race, name), 32) / 1e6:6.2f} million multiply-adds")
""")
md(r"""
Both get the same training, with the better of two peak learning rates for each, chosen on the validation set after three epochs. Then we train three seeds of each. If small kernels are better, B's three errors will all be smaller than those of the 5×5 network; if it's only the receptive field that counts, the errors will overlap; and if the 5×5 network has fewer errors in every seed, the paper's argument does not hold here.

Depth beyond that, from A to E, is the paper's main claim; its numbers are in the table at the top. To repeat the comparison fairly would take hours on two cores, so we run it at scales `gpu` (A, B and D) and `paper` (A, B, D and E) only.
""")
code(r"""
def file_name(name):
    return name.replace("×", "x")

chosen = {}
for name in race["nets"]:
    found = {lr: train(f"rate{lr}-{file_name(name)}", partial(build_for_race, name), SEED, min(3, race["epochs"]), lr)
             for lr in race["rates"]}
    chosen[name] = max(found, key=lambda lr: found[lr][1].history["val_accuracy"][-1])
print("peak learning rates:", ", ".join(f"{lr} for {titles[name]}" for name, lr in chosen.items()), "\n")
raced = {
    name: [train(f"race-{file_name(name)}", partial(build_for_race, name), seed, race["epochs"], chosen[name])
           for seed in race["seeds"]]
    for name in race["nets"]
}
""")
code(r"""
panels = {"training (augmented images)": "train", "validation": "val"}
errors = {
    panel: {titles[name]: [100 - 100 * mean(values) for values in
                           zip(*(its_run.history[f"{part}_accuracy"] for _, its_run in nets))]
            for name, nets in raced.items()}
    for panel, part in panels.items()
}
plot_curves(errors, "epoch", "errors (%), mean of the seeds", data.name)
rows = []
for name, nets in raced.items():
    runs = [(error(probabilities(net, "test")), its_run) for net, its_run in nets]
    rows.append(dict(what=titles[name], paper=None, reproduction=None, runs=runs))
test_errors = {row["what"]: [value for value, _ in row["runs"]] for row in rows}
gaps = [five - three for five, three in zip(test_errors["B with 5×5"], test_errors["B with pairs of 3×3"])]
print("test errors, 5×5 minus pairs of 3×3:", *(f"{gap:+.2f}" for gap in gaps), "points by seed")
print(f"relative: {mean(test_errors['B with 5×5']) / mean(test_errors['B with pairs of 3×3']) - 1:+.1%}")
report("VGG", "test error, %", data.name, split, None, rows, table="kernels")
""")
md(r"""
TODO-NUMBERS <!-- finding first: e.g. "Pairs of 3×3 convolutions beat single 5×5 ones, in every seed, by … to … points: the 5×5 network makes … % more errors (the paper: 7 %, on ImageNet, without batch norm)." Or the opposite, then it is news: say so. Evidence: training errors too? If B's training error is lower as well, it fits better, rather than generalising better. Caveats: quarter width, CIFAR-10, 12 epochs; B also has twice the ReLUs and batch norms, and fewer parameters (see the printed line: about 591,000 against 682,000), so this does not say which of them helps (exercise 3). -->

## How much of it is needed?

Of the convolutional parameters, almost nine tenths are in the last two stages, which see feature maps of only 4×4 and 2×2 in an image of 32 pixels. Do they need so many channels? Batch norm tells how strong a channel is: its scale $\gamma$ is about the size of its output. So we remove the channels with the smallest $|\gamma|$. A removed channel disappears from its convolution, from its batch norm, and from the inputs of the next convolution (Liu et al. 2017 choose channels by $|\gamma|$ too, after a training that pushes it towards zero; Li et al. 2017 by the size of the kernels).
""")
code(r"""
@torch.no_grad()
def cut(net, layers):
    '''A copy of `net` with the channels in `layers`: of each convolution those with the largest |γ|.'''
    small, kept = VGG(layers, 10, batch_norm=True, head="small").to(device), torch.arange(3)
    for i, (old, new) in enumerate(zip(net.features, small.features)):
        if isinstance(old, nn.Conv2d):
            inputs, norm = kept, net.features[i + 1]
            kept = norm.weight.abs().topk(new.out_channels).indices.sort().values.cpu()
            new.weight.copy_(old.weight[kept][:, inputs])
            new.bias.copy_(old.bias[kept])
            for name, value in norm.state_dict().items():
                small.features[i + 1].state_dict()[name].copy_(value[kept] if value.ndim else value)
    small.classifier.weight.copy_(net.classifier.weight[:, kept])
    small.classifier.bias.copy_(net.classifier.bias)
    return small.eval()

def with_channels(channels):
    '''The layers of D with these channels in its five stages.'''
    stages = zip(CONVOLUTIONS["D"], channels)
    return [part for number, width in stages for part in [width] * number + ["pool"]]

full = [channels // settings["divisor"] for channels in (64, 128, 256, 512, 512)]
assert tuple(with_channels(full)) == narrow("D", settings["divisor"])
images, labels = next(iter(ImageLoader(data, "val", 2000, device)))
with torch.no_grad():
    assert torch.equal(cut(model, with_channels(full))(images[:100]), model(images[:100]))  # nothing is cut
last = sum(count(layer) for layer in model.features[-20:])
print(f"the last two stages have {last / count(model.features):.1%} of the parameters of the convolutions")
""")
md(r"""
First we cut one stage at a time, without any further training, and look at the accuracy on 2,000 validation images.
""")
code(r"""
def accuracy(net):
    with torch.no_grad():
        return 100 * (net(images).argmax(dim=1) == labels).float().mean().item()

whole, shares = accuracy(model), [0.25, 0.5, 0.75]
after = {}
for stage in range(5):
    cuts = [[round(c * share) if i == stage else c for i, c in enumerate(full)] for share in shares]
    found = [*(accuracy(cut(model, with_channels(channels))) for channels in cuts), whole]
    after[f"stage {stage + 1}"] = ([100 * share for share in shares] + [100], found)
    print(f"stage {stage + 1}, accuracy with 25, 50, 75 and 100 % of its channels:", *(f"{a:5.1f} %" for a in found))
title = f"{data.name}: channels of one stage removed, no further training"
plot_curves({"": after}, "channels that are left in the stage (%)", "validation accuracy (%)", title)
""")
md(r"""
TODO-NUMBERS <!-- what to see: stage 5 can lose … % of its channels for … points, stage 4 …; stages 1 to 3 collapse. If stage 4 collapses as well, say so and rely on the fine-tuning. -->

So we cut the last two stages and train what is left for a few epochs more (*fine-tuning*), with a low learning rate.
""")
code(r"""
small_layers = with_channels(settings["keep"])
before = error(probabilities(cut(model, small_layers), "val"), "val")
small, small_run = train("cut", lambda: cut(model, small_layers), SEED, settings["keep_epochs"], settings["lr"] / 5)
small_error = error(probabilities(small, "test"))
print(f"{count(model):,} → {count(small):,} parameters ({count(small) / count(model):.0%})")
print(f"validation error: {before:.1f} % after the cut,",
      f"{100 - 100 * small_run.history['val_accuracy'][-1]:.1f} % after fine-tuning,",
      f"{100 - 100 * run.history['val_accuracy'][-1]:.1f} % for the whole network")
print(f"test error: {small_error:.2f} %, whole network {whole_error:.2f} %")
rows = [dict(what=f"{what}, cut and fine-tuned", paper=None, reproduction=None, runs=[(small_error, small_run)])]
report("VGG", "test error, %", data.name, split, None, rows, table="small")
""")
md(r"""
TODO-NUMBERS <!-- finding: "A quarter (22 % at scale cpu: 818,154 of 3,6…) of the parameters is enough for … % test error, … points more than the whole network." One run. -->

## Look inside: what a unit sees

How much does each pixel matter to the middle unit of a stage? We sum the channels of the stage's last convolution at the middle position, take the gradient with respect to the pixels, and average its size over colours and 100 test images. Each map is scaled to its own maximum. By arithmetic, a 3×3 convolution adds two units to the side of the receptive field and a pooling one, and after a pooling a unit is twice as wide.
""")
code(r"""
def receptive_fields(net, images):
    '''For each stage: (side of the receptive field by arithmetic, gradient by pixel (H, W)).'''
    side, step, found = 1, 1, []
    for i, layer in enumerate(net.features):
        if isinstance(layer, nn.Conv2d):
            side += 2 * step
        elif isinstance(layer, nn.MaxPool2d):
            pixels = images.clone().requires_grad_()
            outputs = net.features[:i](pixels)  # (B, C, h, w)
            middle = outputs.shape[-1] // 2
            gradient = torch.autograd.grad(outputs[:, :, middle, middle].sum(), pixels)[0]
            found.append((side, gradient.abs().mean(dim=(0, 1)).cpu()))
            side, step = side + step, 2 * step
    return found

images, _ = next(iter(ImageLoader(data, "test", 100, device)))
fields = receptive_fields(model, images)
for side, gradient in fields:  # no pixel outside of the receptive field matters
    assert ((gradient > 0).any(dim=0).sum() <= side) and ((gradient > 0).any(dim=1).sum() <= side)
assert [side for side, _ in fields[:3]] == [5, 14, 40]
titles_of_maps = [f"stage {i}\n{side} × {side}" for i, (side, _) in enumerate(fields, start=1)]
show_images([g / g.max() for _, g in fields], titles_of_maps, columns=5, size=1.8, title=f"VGG-16, {data.name}")
""")
md(r"""
TODO-NUMBERS <!-- what to see (first edition, quarter width): stage 1 sees its 5×5 pixels. After that the part that matters is smaller than the arithmetic says: at stage 3, whose receptive field of 40×40 covers the whole image, it is a blob in the middle, since few paths lead from the border to the unit, as in the drawing of the bright pixel. From stage 4 on all pixels matter. -->

## Use it

We save the small network in half precision, with everything that a later user must know. The repository keeps such a file, so that the next cells need neither training nor a download; the ten test images are in the repository too.
""")
code(r"""
state = {name: value.cpu() for name, value in small.state_dict().items()}
state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
path = checkpoint_dir() / scale / "VGG" / "vgg16-weights.pt"
save_file(dict(model=state, layers=list(small_layers), classes=list(data.classes), mean=data.mean, std=data.std,
               data=data.name, test_accuracy=1 - small_error / 100, made=small_run.made()), path)

def load_network(path):
    '''(network, what else is in the file)'''
    about = load_file(path)
    net = VGG(about["layers"], len(about["classes"]), batch_norm=True, head="small")
    net.load_state_dict(about.pop("model"))
    return net.eval(), about

again, _ = load_network(path)
with torch.no_grad():
    change = (again.to(device)(images).softmax(dim=1) - small(images).softmax(dim=1)).abs().max()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; half precision changes probabilities by at most {change:.4f}")
assert path.stat().st_size < 2e6 and change < 0.05
""")
code(r"""
# For the README: ten test images, and the network's two best guesses for each
kept = root / "architectures" / "vgg" / "weights" / "vgg16_cifar10.pt"
net, about = load_network(kept if kept.is_file() else path)
if not kept.is_file():
    print("weights/vgg16_cifar10.pt is not there (`make keep` puts it there): this run's network stands in.")
print(f"{count(net):,} parameters, {100 * about['test_accuracy']:.2f} % of {about['data']}'s test images correct.")
print(f"Trained on\n{about['made']}")

def guess(images):
    '''uint8 images (N, 32, 32, 3) -> for each the two best guesses in words.'''
    mean_of, std = torch.tensor(about["mean"]), torch.tensor(about["std"])
    with torch.no_grad():
        p = net(((images / 255 - mean_of) / std).permute(0, 3, 1, 2)).softmax(dim=1)
    best = p.topk(2, dim=1)
    return ["\n".join(f"{about['classes'][c]} {100 * value:.0f} %" for value, c in zip(*row)) for row in zip(*best)]

paths = sorted((root / "architectures" / "resnet" / "weights").glob("*.png"))  # kept beside another network
examples = torch.stack([read_image(path) for path in paths])
titles = [f"{words}\nis {path.stem.split('_')[1]}" for words, path in zip(guess(examples), paths)]
show_images(examples, titles, columns=5, size=1.7, title="CIFAR-10, test images")
""")
md(r"""
TODO-NUMBERS <!-- how many of the ten are right; where it is unsure -->

**An image of your own.** Set `my_image` to the name of a file. One thing should fill most of the image; its central square is scaled to 32×32 pixels. The network knows ten classes and has no way to answer "none of these".
""")
code(r"""
my_image = ""  # for example "my-cat.jpg"

if my_image:
    image = read_image(my_image, size=32)
    show_images([image], guess(image[None]), columns=4, size=1.6)
else:
    print("Set my_image to the name of an image file.")
""")

# ---------------------------------------------------------------------------------------------------------------- end

md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet, crops of 224 pixels, scaled in varying sizes | CIFAR-10, 32 pixels |
| Input | mean colour subtracted; random crops, flips, colour shifts | divided by the standard deviation too; shifts and flips |
| Networks that are trained | full width, linear layers 4096-4096-1000, dropout | half the channels (race: a quarter) at scale `cpu`; one linear layer |
| Batch norm | none | after every convolution |
| Initialisation | fixed standard deviation; deeper networks from the trained A | He's |
| Optimiser | SGD, batches of 256, learning rate 0.01 divided by ten three times, 74 epochs | Nesterov momentum, batches of 125, one cycle up to 0.1, label smoothing; 28 epochs (race: 12) at scale `cpu` |
| Test | fully convolutional, mirror images, in part several sizes and crops | the image, with and without its mirror image |
| B with 5×5 | tested on the central crop | tested on the whole image |

## Exercises

1. **How far does the schedule matter?** Train the race's B with a constant learning rate: replace `OneCycleLR` in `train` by `torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)`. How much do the last epochs of the one-cycle schedule gain?
2. **The paper's cure.** Overfit A without batch norm on the 40 images, copy its first four convolutions and its linear layer into E, stage by stage, and overfit E. Does it start sooner than E alone? *Hint: count A's steps too.*
3. **Fewer weights, or more activation functions?** Write a third network for the race: B without the batch norm and ReLU inside each pair. It has B's weights and the 5×5 network's activation functions. Which of the two does its error resemble?
4. **Cut at random.** In `cut`, replace `norm.weight.abs()` by random numbers. How much worse is the network before fine-tuning, and after it?

## Further reading

- [The paper](https://arxiv.org/abs/1409.1556), 14 pages.
- He, Zhang, Ren, Sun, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), 2015: initialisation, calculated for B.
- Ioffe, Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167), 2015.
- Li, Kadav, Durdanovic, Samet, Graf, [Pruning Filters for Efficient ConvNets](https://arxiv.org/abs/1608.08710), 2017; Liu and others, [Learning Efficient Convolutional Networks through Network Slimming](https://arxiv.org/abs/1708.06519), 2017.
- [AlexNet](../alexnet/), before it; [ResNet](../resnet/), which asks why depth hurts even when everything starts.
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
    for line in c.source.splitlines():
        if len(line) > 120:
            print("long:", len(line), line)
