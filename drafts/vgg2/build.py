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

You will build the paper's six networks and count their parameters by hand, measure how signals and gradients change on their way through 16 untrained convolutions, train VGG-16 on CIFAR-10, and shrink the trained network to a file of less than two megabytes (at scale `cpu`) that classifies your own images. For the paper's main question, whether depth helps, we show the paper's numbers: a fair comparison would take many hours on two cores. TODO-NUMBERS <!-- one sentence, from the cell "for mirror in": "In the stored run VGG-16 with batch norm and half the paper's channels classifies … % of the CIFAR-10 test images correctly (one run)." -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "They took … minutes of training on …, … of them for the main run." from the notes under the two tables (wall-clock minutes of training; validation is not counted); the 40 images took … minutes more --> Scales: `quick` (generated images, offline; its numbers mean nothing), `cpu`, `gpu` (full width), `paper` (full width and the paper's 74 epochs, with our schedule). We timed only `cpu`. The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import copy
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

from architectures.vgg.vgg import CONFIGURATIONS, VGG, vgg16_cifar10
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
from utils.device import get_device, run_scale, set_seed
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
This is the whole network: five stages of 3×3 convolutions, a 2×2 max pooling after each, and three linear layers. From stage to stage the resolution halves, and the number of channels doubles up to 512.

## The paper in brief

**The question.** Does a convolutional network become better if we only make it deeper? Earlier winners of the ImageNet competition (ILSVRC) had eight layers and kernels of up to 11×11. To study depth alone, the paper keeps everything else as simple as possible.

**The idea.** Use 3×3 kernels everywhere, the smallest that can tell left from right and up from down. A stack of them sees as much of the image as one large kernel, usually with fewer weights, and has an activation function after each convolution. The paper compares six networks, called A to E. The table gives their number of convolutions per stage:

| stage | channels × size | A | A-LRN | B | C | D | E |
|---|---|---|---|---|---|---|---|
| 1 | 64 × 224² | 1 | 1 | 2 | 2 | 2 | 2 |
| 2 | 128 × 112² | 1 | 1 | 2 | 2 | 2 | 2 |
| 3 | 256 × 56² | 2 | 2 | 2 | 3 | 3 | 4 |
| 4 | 512 × 28² | 2 | 2 | 2 | 3 | 3 | 4 |
| 5 | 512 × 14² | 2 | 2 | 2 | 3 | 3 | 4 |
| layers with weights | | 11 | 11 | 13 | 16 | 16 | 19 |
| **top-1/top-5 error, %** | 256 | 29.6/10.4 | 29.7/10.5 | 28.7/9.9 | 28.1/9.4 | 27.0/8.8 | 27.3/9.0 |
| **top-1/top-5 error, %** | 384 | | | | 28.1/9.3 | 26.8/8.7 | 26.9/8.7 |
| **top-1/top-5 error, %** | 256 to 512 | | | | 27.3/8.8 | 25.6/8.1 | 25.5/8.0 |

D and E are today's VGG-16 and VGG-19. In C, the third convolution of a stage has a 1×1 kernel; A-LRN is A with AlexNet's local response normalisation. The last three rows are the paper's errors on ImageNet's validation set (Table 3), for training images whose shorter side is scaled to 256 pixels, to 384, or to a varying size. The test images have the same size, in the last case 384.

**What the paper concludes.**

- Depth helps from 11 to 16 layers. Between 16 and 19 it makes little difference.
- C beats B, so additional activation functions help. D beats C, so it also matters that kernels see their neighbourhood.
- Training on images of varying size helps: compare the last two rows, which have the same test images.
- Local response normalisation doesn't help.
- If each pair of 3×3 convolutions in B is replaced by one 5×5, the top-1 error becomes 7 % higher (section 4.1). Exercise 3 repeats this comparison.

With an ensemble of seven networks, VGG came second in the classification task of ILSVRC 2014 (7.3 % top-5 error), behind [GoogLeNet](../inception/), and it won the localisation task. After the competition, two networks together reached 6.8 %.

## The data

ImageNet is too large for a notebook. We train on CIFAR-10: images of 32×32 pixels in ten classes, 45,000 for training, 5,000 for validation, 10,000 for the test. The plot shows the first training image of each class, at the resolution that the network gets:
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

The *receptive field* of a unit is the part of the image that it depends on. **Two 3×3 convolutions see as much as one 5×5, and three as much as one 7×7.** To check, we send an image with a single bright pixel through 3×3 kernels filled with ones, and look at how far the pixel spreads:
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
Each number counts the paths from the bright pixel to that position; the middle gets the most.

What does the stack do that a single large kernel doesn't? **Without an activation function in between, nothing:** our two 3×3 convolutions equal one 5×5 convolution, whose kernel is the third panel. With a ReLU in between, no single convolution can do the same.
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

The paper sees this as a regularisation (section 2.3). In the first convolution of most stages, however, twice as many channels come out as go in. What does a large kernel cost then, and what would all of B cost with one 5×5 convolution in place of each pair? We count weights and *multiply-adds*: a multiply-add is one use of a weight at one position.
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

stages = list(zip((3, 64, 128, 256, 512), (64, 128, 256, 512, 512), (224, 112, 56, 28, 14)))  # in, out, size
for name, number, kernel in (("pairs of 3×3", 2, 3), ("one 5×5 each", 1, 5)):
    its_weights = [weights(kernel, number, a, b) for a, b, _ in stages]
    operations = sum(size**2 * value for value, (_, _, size) in zip(its_weights, stages))
    print(f"B with {name}: {sum(its_weights):10,} weights in convolutions,",
          f"{operations / 1e9:5.2f} billion multiply-adds")
assert weights(3, 3, C, C) == 27 * C**2 and weights(7, 1, C, C) == 49 * C**2
assert weights(3, 2, C // 2, C) > weights(5, 1, C // 2, C)
assert (weights(3, 3, 128, 256), weights(7, 1, 128, 256)) == (1_474_560, 1_605_632)  # for the drawing below
""")
md(r"""
Where the number of channels stays the same, one 7×7 needs 81 % more weights than three 3×3, as the paper says. Where it doubles, one 7×7 needs only 9 % more, and one 5×5 even needs 7 % fewer than a pair. In all of B, single 5×5 convolutions have more weights (10.9 million instead of 9.4), but need fewer multiply-adds (9.2 billion instead of 11.2). B also has twice as many ReLUs, so the paper's comparison changes more than the kernels.

Here is a stage of VGG-16 beside a single convolution with the same receptive field:
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
Both columns turn 128 channels of 56×56 into 256 channels of 28×28. The left one has three ReLUs and slightly fewer weights; the right one has a single ReLU.

In code, a tuple describes all convolutions of a network: a number is a 3×3 convolution with that many output channels. These are C and D:
""")
code(r"""
for column in "CD":
    print(f"{column}:", *CONFIGURATIONS[column])
""")
md(r"""
The next function turns such a tuple into layers. Multiplying a list by `batch_norm` keeps it (`True`) or empties it (`False`). The paper appeared the year before batch norm and has none.
""")
code("# %load -s convolutions vgg.py")

# -------------------------------------------------------------------------------------------------------------- whole

md(r"""
### The whole network
""")
code("# %load -s VGG,init_weights vgg.py")
md(r"""
We build all six networks at full size (on the device `meta`, which knows only shapes) and compare them with our own arithmetic. For example, stage 1 of D has a convolution from 3 to 64 channels and one from 64 to 64. They have $9 \cdot 3 \cdot 64 + 9 \cdot 64 \cdot 64 = 38{,}592$ weights and 128 biases, and use each weight at $224^2$ positions.
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
assert by_hand("D")["stage 1"] == (38_592 + 128, 38_592 * 224**2)  # the example above
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
**Nine tenths of the parameters are in the linear layers, but the convolutions do 99 % of the work.** The first linear layer alone has three quarters of the parameters, since it connects 512 feature maps of 7×7 to 4,096 units. [GoogLeNet](../inception/) and [ResNet](../resnet/) replace these layers by an average over the last feature maps (*global average pooling*) and a single linear layer. Our `head="small"` for images of 32 pixels does the same.

Is our network the same as torchvision's? The layers carry the same names, so torchvision's weights fit. With the same weights, the outputs should be equal.
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
They are, up to rounding. So torchvision's ImageNet weights load as well: `ours.load_state_dict(torchvision.models.vgg16(weights="IMAGENET1K_V1").state_dict())`.

### Testing on larger images

The paper's network needs 224×224 pixels, because its first linear layer expects 7×7 positions. (Ours first averages any size to 7×7 positions, as torchvision's does.) To test on larger images without cropping them, the paper turns the linear layers into convolutions, the first with a 7×7 kernel, the others with 1×1 kernels (section 3.2). Then the network is **fully convolutional**: it computes class scores at every position where a 7×7 window fits, and averages them. We check the scores of a narrow network one by one.
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
print(f"scores {tuple(scores.shape)}, their average {tuple(scores.mean(dim=(2, 3)).shape)}")
print(f"a crop instead of the first window changes the scores by {change:.0%} of their spread")
assert change > 0.01
""")
md(r"""
The linear layers and the convolutions compute the same scores. A crop, however, isn't the same as a window of the larger image: at the crop's border the convolutions see zeros, and in the larger image they see the neighbouring pixels. The paper gains a little by averaging both kinds of test.
""")

# -------------------------------------------------------------------------------------------------------------- start

md(r"""
## Why deep networks did not start to learn

The authors could train A from random weights. For the deeper networks they copied the first four convolutions and the linear layers from the trained A, since "bad initialisation can stall learning" (section 3.1). They later found that the initialisation of Glorot and Bengio (2010) makes this unnecessary. Why does a deep network depend on its initialisation?

**One layer.** Let a unit have $n$ inputs ($n = 9C$ for a 3×3 kernel), random weights of standard deviation $\sigma$, and no bias. The mean square of its weighted sum is, on average, $n\sigma^2$ times the mean square of the inputs. The sum is positive as often as negative, so the ReLU keeps half of this. Therefore a layer multiplies the size (root mean square) of a signal by its *gain*

$$g = \sigma \sqrt{n / 2}.$$

**Many layers** multiply their gains: with $g = 0.5$, sixteen convolutions leave $0.5^{16} \approx 1/65{,}000$ of the signal. *He initialisation* (2015) chooses $\sigma = \sqrt{2/n}$, so that $g = 1$. *Glorot initialisation* has $g = 0.71$ where as many channels come out as go in, and PyTorch's default for convolutions has $g = 0.41$. With a fixed $\sigma$ the gain depends on the width. (The paper gives a variance of $10^{-2}$, so $\sigma = 0.1$; He and colleagues calculate with $\sigma = 0.01$ for VGG. We measure both.)

During backpropagation the same holds for gradients, but $n$ counts the outputs that a unit feeds (*fan-out*), not its inputs (*fan-in*). Our networks, like torchvision's, use He initialisation with the fan-out. So in the forward pass the gain is $\sqrt{1/2} = 0.71$ where the number of channels doubles.

To see this happen, we send images through the 16 convolutions of E at full width. In the forward pass we measure how much each layer's output differs between images, because only this part can tell classes apart. In the backward pass we feed random gradients into the last pooling, and measure the root mean square of the gradients at each earlier layer.
""")
code(r"""
def initialised(column, start, batch_norm=False, padding="zeros", divisor=1, seed=SEED):
    '''A column with the initialisation "He", "Glorot" or "PyTorch's default", or with a standard deviation.'''
    set_seed(seed)
    net = VGG(narrow(column, divisor), 10, batch_norm, head="small")
    for layer in net.features:
        if isinstance(layer, nn.Conv2d):
            layer.padding_mode = padding
            if start == "PyTorch's default":
                layer.reset_parameters()
            elif start == "Glorot":
                nn.init.xavier_normal_(layer.weight)
            elif start != "He":
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
print(f"one layer: gain 0.5 by the formula, {gain:.3f} measured")
assert abs(gain - 0.5) < 0.03
""")
md(r"""
The formula holds for one layer. Now we measure all 16 convolutions of E, in seven variants. One of them has He initialisation and *circular* padding, which fills the border with values from the opposite border instead of zeros:
""")
code(r"""
CASES = ("σ = 0.01", "σ = 0.1", "PyTorch's default", "Glorot", "He", "batch norm", "circular padding")
COLOUR_OF = dict(zip(CASES, COLOURS))

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
          "He": ["He"], "He, circular padding": ["He", False, "circular"], "σ = 0.01, batch norm": [0.01, True]}
some_images, _ = next(iter(ImageLoader(data, "train", 8 if scale == "quick" else 64, device)))
divisor = 4 if scale == "quick" else 1
measured = {label: signals(initialised("E", *start, divisor=divisor), some_images) for label, start in starts.items()}
for label, (forward, gradients) in measured.items():
    print(f"{label:21} last / first output {forward[-1] / forward[0]:8.1e}",
          f"  first / last gradient {gradients[0] / gradients[-1]:8.1e}")
plot_signals(measured, f"E before training, {data.name}")
""")
md(r"""
TODO-NUMBERS <!-- check every number against the printed lines (first edition: σ = 0.01: 9.9e-09 and 4.7e-09; σ = 0.1: 9.9e+06; default 1.0e-07 and 3.2e-08; He 2.4e-02 and 1.3e-02; batch norm 0.88 and 3.2; Glorot and circular padding are new; at a quarter of the width, 32 images of CIFAR-10: He 0.037 and 0.015, circular 0.42 and 0.12): "With σ = 0.01 the differences between images shrink to a hundred-millionth, and … With σ = 0.1 they grow ten-million-fold. So on a log scale the forward lines fall or rise steadily: layer by layer, the factors multiply. The gradients have steps as well, at the poolings, each of which passes a gradient to only one of four positions. He initialisation still loses a factor of … forward and … backward. Most of this comes from the zero padding: with circular padding … and … are left. (On the 2×2 maps of stage 5, five of the nine inputs of each unit are zeros.) [only if it is so:] What is left forward is close to the $0.71^3 = 0.35$ of the three layers in which the channels double. Batch norm stays within a factor of about …, although it starts from the weights of the first line." --> If the outputs hardly depend on the image, the network cannot tell images apart.

**Batch norm** rescales the signal inside the network. For each channel it subtracts the mean $\mu$ and divides by the standard deviation, both taken over all images of the batch and all positions, and then applies a learned scale $\gamma$ and shift $\beta$ (initially 1 and 0):

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
After the training there may be no batch, only a single image. So during training batch norm also keeps *running averages* of $\mu$ and the variance, and in evaluation mode it uses these instead.

### Can it overfit 40 images?

A usual sanity check is to *overfit one batch*: a working network must be able to memorise a few images. We make it an experiment with 40 images, four of each class. A has eight convolutions and E has sixteen; both have a quarter of the channels. A network that ignores its input can do no better than a loss of $\ln 10 = 2.30$; one that learns can bring it to 0.

We use SGD with momentum and three seeds. Each case gets the better of two learning rates, chosen with the first seed. Gradients with a norm over 1 are scaled down to 1 (*clipping*). If signal size decides, E should learn first with He, then with Glorot, then with PyTorch's default, and A should learn even with Glorot. If the curves of E without batch norm look alike, something else holds it back.
""")
code(r"""
steps, rates, seeds = (10, [0.05], [0]) if scale == "quick" else (150, [0.05, 0.01], [0, 1, 2])
divisor = 8 if scale == "quick" else 4  # of the width
four_each = torch.cat([(data.train.labels == c).nonzero().flatten()[:4] for c in range(10)])
few = replace(data, train=Split(*(tensor[four_each] for tensor in data.train)))
few_images, few_labels = next(iter(ImageLoader(few, "train", 40, device)))

def overfit(net, lr):
    '''The loss on the 40 images, step by step.'''
    optimizer, losses = torch.optim.SGD(net.parameters(), lr, momentum=0.9), []
    for _ in range(steps):
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
    '''{network and initialisation: [losses of a seed, …]}'''
    figure, axis = plt.subplots(figsize=(8, 3.8))
    for label, its_seeds in curves.items():
        options = dict(color=COLOUR_OF[label.split(", ")[-1]], linestyle="--" if label[0] == "A" else "-")
        for i, losses in enumerate(its_seeds):
            axis.plot(losses, linewidth=1.4, label=None if i else label, **options)
    axis.axhline(math.log(10), color="grey", linestyle=":", linewidth=1, label="ln 10: guessing")
    axis.set(xlabel="step", ylabel="loss on the 40 images", ylim=(0, 3.2), title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))

curves = {}
for label, case in {"A, Glorot": ["A", "Glorot"], "E, Glorot": ["E", "Glorot"],
                    "E, PyTorch's default": ["E", "PyTorch's default"], "E, He": ["E", "He"],
                    "E, σ = 0.01, batch norm": ["E", 0.01, True]}.items():
    first = {lr: overfit(initialised(*case, divisor=divisor, seed=seeds[0]), lr) for lr in rates}
    lr = min(rates, key=lambda rate: final(first[rate]))
    curves[label] = [first[lr], *(overfit(initialised(*case, divisor=divisor, seed=seed), lr) for seed in seeds[1:])]
    print(f"{label:23} learning rate {lr:5}: loss", *(f"{final(losses):6.3f}" for losses in curves[label]))
if scale != "quick":
    assert max(map(final, curves["E, σ = 0.01, batch norm"])) < 0.1, "40 images cannot be overfitted: a bug"
plot_starts(curves, f"40 images of {data.name}, a line for each seed")
""")
md(r"""
TODO-NUMBERS <!-- finding first (measured beforehand at a quarter of the width, seed 0, loss under 1 for the first time: A with Glorot at rate 0.05 after 94 steps, at 0.01 not in 150; E with He at 0.01 after 83; E with batch norm at 0.05 after 17, and 0.000 at the end; PyTorch's default and Glorot stayed on the plateau in an earlier trial with E): "The order is that of signal size: E starts at once with batch norm, late with He, and not at all within 150 steps with … The same Glorot initialisation lets A start." For each of the five: final losses of three seeds. Caveat: this shows only whether it starts within this budget and at these rates, not whether it ever would. If Glorot starts E as well, or He does not end near 0, say so. -->

From here on our network has batch norm, so we don't start from the weights of A.
""")

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

We train D (VGG-16) with batch norm. The optimiser is the paper's, SGD with momentum 0.9 and weight decay $5 \cdot 10^{-4}$, here in Nesterov's form. Training images are shifted by up to four pixels and flipped at random. Because we have few epochs, we add two newer methods. In a *one-cycle* schedule the learning rate rises during a fifth of the steps and then falls to zero along a cosine. With *label smoothing* the correct class gets a target probability of 0.91, and each other class 0.01. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).

All settings are in one table. `divisor` divides the paper's numbers of channels, and `last` and `last_epochs` are for shrinking the network at the end. We fixed the number of epochs beforehand.
""")
code(r"""
SETTINGS = {
    "quick": dict(divisor=8, epochs=2, lr=0.05, batch_size=50, seeds=[0], compile=False, last=20, last_epochs=1),
    "cpu": dict(divisor=2, epochs=42, lr=0.1, batch_size=125, seeds=[0], compile=True, last=80, last_epochs=4),
    "gpu": dict(divisor=1, epochs=42, lr=0.1, batch_size=125, seeds=[0], compile=False, last=160, last_epochs=4),
    "paper": dict(divisor=1, epochs=74, lr=0.1, batch_size=125, seeds=[0, 1, 2], compile=True, last=160,
                  last_epochs=8),
}
settings = SETTINGS[scale]
width = {1: "full", 2: "half", 4: "a quarter of the", 8: "an eighth of the"}[settings["divisor"]]
print(f"scale {scale}: VGG-16 with {width} width, {settings['epochs']} epochs, batches of {settings['batch_size']},",
      f"peak learning rate {settings['lr']}")

def build_main():
    return VGG(narrow("D", settings["divisor"]), 10, batch_norm=True, head="small")

layers = {"features.5": "stage 1\n2 conv", "features.12": "stage 2\n2 conv", "features.22": "stage 3\n3 conv",
          "features.32": "stage 4\n3 conv", "features.42": "stage 5\n3 conv", "avgpool": "average",
          "classifier": "linear"}
with torch.device("meta"):
    draw_network(build_main(), torch.empty(1, 3, 32, 32), layers, f"VGG-16 for 32 pixels, {width} width")
""")
md(r"""
For images of 32 pixels, the last stage has only 2×2 positions. Now the training itself:
""")
code(r"""
def smoothed(model, images, labels):
    '''The objective: cross-entropy, with label smoothing in training only.'''
    logits = model(images)
    loss = F.cross_entropy(logits, labels, label_smoothing=0.1 if model.training else 0.0)
    return loss, len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}

def train(name, build, seed, epochs, lr, compile=False):
    '''Returns (model, Run).'''
    set_seed(seed)
    model = build()
    loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True, seed=seed)
    val_loader = ImageLoader(data, "val", 500, device)
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs * len(loader), pct_start=0.2, cycle_momentum=False
    )
    run = fit(model, loader, optimizer, scheduler, epochs, device, {"val": val_loader}, smoothed,
              checkpoint=f"VGG/{name}-seed{seed}", lines=7, compile=compile)
    return model.eval(), run

trained = [train(f"D-{settings['divisor']}", build_main, seed, settings["epochs"], settings["lr"], settings["compile"])
           for seed in settings["seeds"]]
model, run = trained[0]
print(f"{count(model):,} parameters, {macs(build_main, 32) / 1e6:.1f} million multiply-adds for an image of 32 pixels")
""")
code(r"""
plot_histories({f"VGG-16, {width} width": run}, data.name)
""")
md(r"""
The dashed lines are averages over an epoch of augmented training images; the solid lines are measured on the validation set after it. Label smoothing keeps the training loss above 0.50, so compare the accuracies, not the losses. TODO-NUMBERS <!-- what to see: the validation accuracy jumps while the learning rate is high (by up to … points from one epoch to the next), and gains its last … points in the last … epochs, when the rate falls to zero. At the end … % of the augmented training images and … % of the validation images. -->

## Results

We test the weights of the last epoch; nothing was chosen on the test set. The first row is the main result: each test image by itself. In the second row we average the class probabilities of each test image and its mirror image, as the paper does (section 3.2).
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
rows, tested, published = [], {}, {False: 7.36, True: None}
for mirror in (False, True):
    tested[mirror] = [probabilities(net, "test", mirror) for net, _ in trained]
    label = f"{what}{', with mirror images' if mirror else ''}"
    runs = [(error(found), its_run) for found, (_, its_run) in zip(tested[mirror], trained)]
    print(f"{label}:", *(f"{100 - value:.2f} %" for value, _ in runs), "correct")
    rows.append(dict(what=label, paper=None, reproduction=published[mirror], runs=runs))
split = "45k/5k, test 10k" if scale != "quick" else "generated"
reproduced_by = "kuangliu/pytorch-cifar, full width, 50,000 images"
report("VGG", "test error, %", data.name, split, reproduced_by, rows)
""")
md(r"""
TODO-NUMBERS <!-- finding: "… % of the test images are classified correctly, … % with mirror images; kuangliu's VGG-16 (full width, all 50,000 training images, 200 epochs, no mirror images) reaches 92.64 %. Averaging with the mirror image costs a second forward pass and no training, and gains … points. One run; the finite test set has a standard error of about 0.27 points." (at 92 %: sqrt(92·8/10000) = 0.27) -->

These are the most confident mistakes:
""")
code(r"""
whole_error = error(tested[False][0])  # of the first seed, without mirror images
if scale != "quick" and run.finished:
    assert whole_error < 9, "far below what this network can do: something is broken"
title = f"{data.name}: the most confident mistakes"
show_mistakes(data.test.images, data.test.labels, tested[False][0], data.classes, title=title)
""")
md(r"""
TODO-NUMBERS <!-- what to see in the ten images: which confusions (cat/dog?), which are hard for people too -->
""")

# ------------------------------------------------------------------------------------------------------------ pruning

md(r"""
## How much of it is needed?

Almost nine tenths of the parameters in the convolutions are in the last two stages, whose feature maps have only 4×4 and 2×2 positions. Do they need so many channels? Removing channels from a trained network is called *pruning*. Li and colleagues (2017) pruned a VGG-16 on CIFAR-10 and found that the late layers can lose most.

Which channels should go? After batch norm, and before the ReLU, a channel has mean $\beta$ and standard deviation $|\gamma|$. So $|\gamma|$ says how much the channel varies, and we remove the channels with the smallest $|\gamma|$, as Liu and colleagues do (2017). A removed channel disappears from its convolution, from its batch norm, and from the inputs of the next convolution:
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

every = [channels // settings["divisor"] for channels in (64, 128, 256, 512, 512)]
assert tuple(with_channels(every)) == narrow("D", settings["divisor"])
val_images, val_labels = next(iter(ImageLoader(data, "val", 2000, device)))
with torch.no_grad():
    assert torch.equal(cut(model, with_channels(every))(val_images[:100]), model(val_images[:100]))  # nothing is cut
last = sum(count(layer) for layer in model.features[-20:])
print(f"the last two stages have {last / count(model.features):.1%} of the parameters of the convolutions")
""")
md(r"""
After a cut, the running averages of the batch norms no longer fit, because their inputs have changed. So we measure them again on 20 batches of training images, without changing any weight. Then we cut one stage at a time and measure the accuracy on 2,000 validation images:
""")
code(r"""
@torch.no_grad()
def remeasured(net, batches=20):
    '''A copy of `net` whose batch norms have new running averages.'''
    net = copy.deepcopy(net).train()
    for layer in net.features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain average over all batches
    loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True)
    for _, (train_images, _) in zip(range(batches), loader):
        net(train_images)
    return net.eval()

@torch.no_grad()
def accuracy(net):
    return 100 * (net(val_images).argmax(dim=1) == val_labels).float().mean().item()

print(f"the whole network: {accuracy(model):.1f} %, with averages measured again {accuracy(remeasured(model)):.1f} %")
""")
code(r"""
whole, shares = accuracy(remeasured(model)), [0.25, 0.5, 0.75]
after = {}
for stage in range(5):
    cuts = [[round(c * share) if i == stage else c for i, c in enumerate(every)] for share in shares]
    found = [*(accuracy(remeasured(cut(model, with_channels(channels)))) for channels in cuts), whole]
    after[f"stage {stage + 1}"] = ([100 * share for share in shares] + [100], found)
    print(f"stage {stage + 1}, accuracy with 25, 50, 75 and 100 % of its channels:", *(f"{a:5.1f} %" for a in found))
title = f"{data.name}: channels of one stage removed, no further training"
plot_curves({"": after}, "channels that are left in the stage (%)", "validation accuracy (%)", title)
""")
md(r"""
TODO-NUMBERS <!-- what to see: stage 5 can lose … % of its channels for … points, stage 4 …; which stages collapse. If stage 4 collapses as well, say so and rely on the fine-tuning. -->

We cut the last two stages, which have most of the parameters, and train what is left for a few more epochs (*fine-tuning*), with a lower learning rate. We fixed the number of channels beforehand, so that the file stays small.
""")
code(r"""
small_layers = with_channels(every[:3] + [settings["last"]] * 2)
before = error(probabilities(remeasured(cut(model, small_layers)), "val"), "val")
small, small_run = train("cut", lambda: cut(model, small_layers), SEED, settings["last_epochs"], settings["lr"] / 5)
""")
code(r"""
small_error = error(probabilities(small, "test"))
print(f"{count(model):,} → {count(small):,} parameters ({count(small) / count(model):.0%}),",
      f"{macs(build_main, 32) / 1e6:.1f} →",
      f"{macs(lambda: VGG(small_layers, 10, True, 'small'), 32) / 1e6:.1f} million multiply-adds")
print(f"validation error: {before:.1f} % after the cut,",
      f"{100 - 100 * small_run.history['val_accuracy'][-1]:.1f} % after fine-tuning,",
      f"{100 - 100 * run.history['val_accuracy'][-1]:.1f} % for the whole network")
print(f"test error: {small_error:.2f} %, whole network {whole_error:.2f} %")
rows = [dict(what=f"{what}, cut and fine-tuned", paper=None, reproduction=None, runs=[(small_error, small_run)])]
report("VGG", "test error, %", data.name, split, None, rows, table="small")
""")
md(r"""
TODO-NUMBERS <!-- finding: "A quarter (22 % at scale cpu: 818,154 of 3,6…) of the parameters is enough for … % test error, … points more than the whole network." One run. --> This doesn't show that we had to train the large network first: Liu, Sun and colleagues (2019) found that such a small network often becomes as good when it is trained from scratch for long enough. Exercise 4 tries it.

## Look inside: the effective receptive field

How much does each pixel matter to the middle unit of a stage? We sum the channels of the stage's last convolution at the middle position, take the gradient with respect to the pixels, and average its absolute value over colours and 100 test images. Luo and colleagues (2016) call this map the *effective receptive field*.

The full receptive field follows from arithmetic. Let neighbouring positions of a feature map be $s$ pixels apart ($s = 1$ at first). A 3×3 convolution adds $2s$ pixels to the side of the receptive field. A pooling adds $s$, and then doubles $s$. Each map is scaled to its own maximum.
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

test_images, _ = next(iter(ImageLoader(data, "test", 100, device)))
fields = receptive_fields(model, test_images)
assert [side for side, _ in fields[:3]] == [5, 14, 40]
for side, gradient in fields[:2]:  # exactly the pixels of the receptive field matter
    assert (gradient > 0).any(dim=0).sum() == side and (gradient > 0).any(dim=1).sum() == side
titles_of_maps = [f"stage {i}: {side} × {side}" + "\n(the whole image)" * (side > 32)
                  for i, (side, _) in enumerate(fields, start=1)]
title = f"VGG-16, {data.name}: which pixels matter (above: the full receptive field)"
show_images([g / g.max() for _, g in fields], titles_of_maps, columns=5, size=1.8, title=title)
""")
md(r"""
TODO-NUMBERS <!-- what to see (first edition, quarter width): stage 1 sees its 5×5 pixels. After that the part that matters is smaller than the arithmetic says: at stage 3, whose receptive field of 40×40 covers the whole image, it is a blob in the middle, since few paths lead from the border to the unit, as in the drawing of the bright pixel. From stage 4 on all pixels matter. -->

## Use it

We save the small network in half precision, with its settings and class names, and check that it loads again.
""")
code(r"""
path = checkpoint_dir() / scale / "VGG" / "vgg16-weights.pt"
about = dict(settings=dict(configuration=list(small_layers), num_classes=10, batch_norm=True, head="small"),
             classes=list(data.classes), mean=list(data.mean), std=list(data.std), data=data.name,
             test_accuracy=1 - small_error / 100, made=small_run.made())
save_weights(copy.deepcopy(small).half(), path, **about)  # float16: half the bytes
again = VGG(**about["settings"])
load_weights(again, path, device)
with torch.no_grad():
    change = (again.eval()(test_images).softmax(dim=1) - small(test_images).softmax(dim=1)).abs().max()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; half precision changes probabilities by at most {change:.4f}")
assert (settings["divisor"] == 1 or path.stat().st_size < 2e6) and change < 0.05
""")
md(r"""
The repository keeps such a file from the stored run, and `vgg16_cifar10` loads it, so the next cells need no training. The ten test images are in the repository too.
""")
code(r"""
# For the README: ten test images, and the network's two best guesses for each
use_mine = False  # True: the network that this notebook has just trained
try:
    net, facts = (again.cpu(), about) if use_mine else vgg16_cifar10()
except FileNotFoundError:
    net, facts = again.cpu(), about
    print("weights/vgg16_cifar10.pt is missing, so we use the network that was just trained.")
print(f"{count(net):,} parameters, {100 * facts['test_accuracy']:.2f} % of {facts['data']}'s test images correct.")
print(f"Trained on {facts['made']}")

def guess(images):
    '''uint8 images (N, 32, 32, 3) -> for each the two best guesses in words.'''
    mean_of, std_of = torch.tensor(facts["mean"]), torch.tensor(facts["std"])
    with torch.no_grad():
        answers = net(((images / 255 - mean_of) / std_of).permute(0, 3, 1, 2)).softmax(dim=1)
    best = answers.topk(2, dim=1)
    return ["\n".join(f"{facts['classes'][c]} {100 * value:.0f} %" for value, c in zip(*row)) for row in zip(*best)]

paths = sorted((root / "architectures" / "resnet" / "weights").glob("*.png"))  # kept beside another network
examples = torch.stack([read_image(path) for path in paths])
titles = [f"{words}\nis {path.stem.split('_')[1]}" for words, path in zip(guess(examples), paths)]
show_images(examples, titles, columns=5, size=1.7, title="CIFAR-10, test images")
""")
md(r"""
TODO-NUMBERS <!-- how many of the ten are right; where it is unsure -->

**An image of your own.** Set `my_image` to the name of a file. One object should fill most of the image; its central square is scaled to 32×32 pixels. The network knows ten classes and has no way to answer "none of these".
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
| Network that is trained | full width, linear layers 4096-4096-1000, dropout | half the channels at scale `cpu`, batch norm, one linear layer |
| Initialisation | fixed standard deviation; deeper networks from the trained A | He's |
| Optimiser | SGD, batches of 256, learning rate 0.01 divided by ten three times, 74 epochs | Nesterov momentum, batches of 125, one cycle up to 0.1, label smoothing; 42 epochs at scale `cpu` |
| Test | fully convolutional, mirror images, in part several sizes and crops | the image, with and without its mirror image |
| Comparisons of depth and of 3×3 with 5×5 kernels | trained | counted; the paper's errors in a table |

## Exercises

1. **How much does the schedule matter?** Train a VGG-16 with a quarter of the channels for ten epochs, by `train("quarter", lambda: VGG(narrow("D", 4), 10, True, "small"), 0, 10, 0.1)`. Then replace `OneCycleLR` in `train` by `torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1)` and train again. What does the one-cycle schedule gain, and when?
2. **The paper's solution.** Overfit A with Glorot's initialisation and without batch norm on the 40 images. Copy its first four convolutions and its linear layer into E, stage by stage, and overfit E. Does it start sooner than E alone? *Hint: count A's steps too.*
3. **Pairs of 3×3 against one 5×5.** Train B with batch norm and a quarter of the channels, and a second network with one 5×5 convolution in place of each pair. Leave out stage 5 in both: on its 2×2 maps, a 5×5 kernel meets mostly zeros. Use three seeds, and choose each learning rate on the validation set. Then add B without the batch norm and ReLU inside each pair. Which of the other two does its error resemble?
4. **From scratch, or at random.** Train `VGG(small_layers, 10, True, "small")` from scratch, for as many epochs as the whole network. Is it as good as the pruned one? And in `cut`, replace `norm.weight.abs()` by random numbers: how much worse is the network, before and after fine-tuning?

## Further reading

- [The paper](https://arxiv.org/abs/1409.1556), 14 pages.
- He, Zhang, Ren, Sun, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), 2015: the initialisation; Ioffe, Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167), 2015.
- Li, Kadav, Durdanovic, Samet, Graf, [Pruning Filters for Efficient ConvNets](https://arxiv.org/abs/1608.08710), 2017.
- Liu, Sun, Zhou, Huang, Darrell, [Rethinking the Value of Network Pruning](https://arxiv.org/abs/1810.05270), 2019.
- Luo, Li, Urtasun, Zemel, [Understanding the Effective Receptive Field](https://arxiv.org/abs/1701.04128), 2016.
- [AlexNet](../alexnet/), before it; [ResNet](../resnet/), which asks why more depth hurts even networks that start to learn.
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
