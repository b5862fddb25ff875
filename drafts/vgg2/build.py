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

You will build the paper's six networks, measure how signals and gradients change on their way through 16 untrained convolutions, train VGG-16 on CIFAR-10, and prune the trained network to a file of less than two megabytes (at scale `cpu`) that classifies your own images. Whether depth helps, the paper's main question, we answer with the paper's numbers only: a fair comparison would take many hours on two cores. TODO-NUMBERS <!-- one sentence, from the cell "for mirror in": "In the stored run VGG-16 with batch norm and half the paper's channels classifies … % of the CIFAR-10 test images correctly (one run)." -->

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
from matplotlib.colors import ListedColormap
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

**The idea.** Use 3×3 kernels everywhere, the smallest that can tell left from right and up from down. A stack of them sees as much of the image as one large kernel, usually with fewer weights, and has an activation function after each convolution. The table gives the number of convolutions per stage for the six networks of the paper:

| stage | channels × size | A | A-LRN | B | C | D | E |
|---|---|---|---|---|---|---|---|
| 1 | 64 × 224² | 1 | 1 | 2 | 2 | 2 | 2 |
| 2 | 128 × 112² | 1 | 1 | 2 | 2 | 2 | 2 |
| 3 | 256 × 56² | 2 | 2 | 2 | 3 | 3 | 4 |
| 4 | 512 × 28² | 2 | 2 | 2 | 3 | 3 | 4 |
| 5 | 512 × 14² | 2 | 2 | 2 | 3 | 3 | 4 |
| layers with weights | | 11 | 11 | 13 | 16 | 16 | 19 |
| **top-1/top-5 error, %**, images scaled to | 256 | 29.6/10.4 | 29.7/10.5 | 28.7/9.9 | 28.1/9.4 | 27.0/8.8 | 27.3/9.0 |
| | 384 | | | | 28.1/9.3 | 26.8/8.7 | 26.9/8.7 |
| | 256 to 512 | | | | 27.3/8.8 | 25.6/8.1 | 25.5/8.0 |

D and E are today's VGG-16 and VGG-19. In C, the third convolution of a stage has a 1×1 kernel; A-LRN is A with AlexNet's local response normalisation. The last three rows are the errors on ImageNet's validation set (Table 3), by the length of the images' shorter side in pixels. Training and test images have the same size; in the last row the test images have 384.

**What the paper concludes.**

- Depth helps from 11 to 16 layers. Between 16 and 19 it makes little difference.
- C beats B, so additional activation functions help. D beats C, so kernels should see their neighbourhood.
- Training on images of varying size helps (compare the last two rows).
- Local response normalisation doesn't help.
- If each pair of 3×3 convolutions in B is replaced by one 5×5, the top-1 error on a center crop becomes 7 % higher (section 4.1). Exercise 2 repeats this comparison.
- VGG's features transfer well to other data sets.

VGG came second in the classification task of ILSVRC 2014 (7.3 % top-5 error, by seven networks together), behind [GoogLeNet](../inception/), and won the localisation task.

## The data

ImageNet is too large for a notebook. We train on CIFAR-10: images of 32×32 pixels in ten classes, 45,000 for training, 5,000 for validation, 10,000 for the test. Here is the first training image of each class:
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

What does the stack do that a single large kernel doesn't? **Without an activation function in between, nothing:** away from the border, our two 3×3 convolutions equal one 5×5 convolution, whose kernel is the third panel. With a ReLU in between, no single convolution can do the same.
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

The paper sees this as a regularisation (section 2.3). But in the first convolution of most stages, twice as many channels come out as go in. What does a large kernel cost there, and in all of B? We count weights and *multiply-adds*: a multiply-add is one use of a weight at one position.
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
Where the number of channels stays the same, one 7×7 needs 81 % more weights than three 3×3, as the paper says. Where it doubles, one 7×7 needs only 9 % more, and one 5×5 needs 7 % fewer than a pair. In all of B, single 5×5 convolutions have more weights (10.9 million instead of 9.4), but need fewer multiply-adds (9.2 billion instead of 11.2). B also has twice as many ReLUs, so the paper's comparison changes more than the kernels.

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
The left column has three ReLUs and slightly fewer weights; the right one a single ReLU.

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
**Nine tenths of the parameters are in the linear layers, but the convolutions do 99 % of the work.** The first linear layer alone has three quarters of the parameters, since it connects 512 feature maps of 7×7 to 4,096 units. [GoogLeNet](../inception/) and [ResNet](../resnet/) instead average the last feature maps (*global average pooling*) before a single linear layer, as our `head="small"` for images of 32 pixels does.

Is our network the same as torchvision's? The layers carry the same names, so torchvision's weights fit, and with the same weights the outputs should be equal.
""")
code(r"""
for name, column in (("vgg11", "A"), ("vgg16", "D"))[: 1 if scale == "quick" else 2]:
    set_seed(SEED)
    theirs = getattr(torchvision.models, name)(weights=None, init_weights=False).eval()
    for p in theirs.parameters():
        if p.ndim > 1:
            nn.init.kaiming_normal_(p)  # large enough for the image to reach the logits
        else:
            nn.init.uniform_(p, -0.1, 0.1)  # biases that differ, so that a swap would show
    with torch.device("meta"):
        ours = VGG(column).eval()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    with torch.no_grad():
        x = torch.randn(2, 3, 224, 224)
        logits, expected = ours(x), theirs(x)
    difference, spread = (logits - expected).abs().max().item(), expected.std().item()
    between_images = (expected[0] - expected[1]).std().item()
    assert difference < 1e-4 * spread and between_images > 0.01 * spread
    print(f"{name}: logits spread by {spread:.2f}, between two images by {between_images:.2f};",
          f"ours differ by at most {difference:.1e}")
del ours, theirs
""")
md(r"""
They are, up to rounding. So torchvision's ImageNet weights load as well: `ours.load_state_dict(torchvision.models.vgg16(weights="IMAGENET1K_V1").state_dict())`.

### Testing on larger images

The paper's network needs 224×224 pixels, because its first linear layer expects 7×7 positions. (Ours and torchvision's average other sizes to 7×7.) To test on larger images, the paper turns the linear layers into convolutions, the first with a 7×7 kernel, the others with 1×1 kernels (section 3.2). Then the network is **fully convolutional**: it computes class scores at every position where a 7×7 window fits, and averages them. We check the scores of a narrow network one by one.
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
The linear layers and the convolutions compute the same scores. A crop, however, isn't the same as a window of the larger image: at the crop's border the convolutions see zeros, and in the larger image the neighbouring pixels.
""")

# -------------------------------------------------------------------------------------------------------------- start

md(r"""
## Why deep networks did not start to learn

The authors could train A from random weights. For the deeper networks they copied the first four convolutions and the linear layers from the trained A, since "bad initialisation can stall learning" (section 3.1). They later found that the initialisation of Glorot and Bengio (2010) makes this unnecessary.

**One layer.** Let a unit have $n$ inputs ($n = 9C$ for a 3×3 kernel), random weights of standard deviation $\sigma$, and no bias. The mean square of its weighted sum is, on average, $n\sigma^2$ times the mean square of the inputs. The sum is positive as often as negative, so the ReLU keeps half of this. Therefore a layer multiplies the size (root mean square) of a signal by its *gain*

$$g = \sigma \sqrt{n / 2}.$$

**Many layers** multiply their gains: with $g = 0.5$, sixteen convolutions leave $0.5^{16} \approx 1/65{,}000$ of the signal. *He initialisation* (2015) chooses $\sigma = \sqrt{2/n}$, so that $g = 1$. *Glorot initialisation* has $g = 0.71$ where as many channels come out as go in, and PyTorch's default for convolutions has $g = 0.41$. With a fixed $\sigma$ the gain depends on the width. (The paper gives a variance of $10^{-2}$, so $\sigma = 0.1$; He and colleagues calculate with $\sigma = 0.01$ for VGG.)

During backpropagation the same holds for gradients, but $n$ counts the outputs that a unit feeds (*fan-out*), not its inputs (*fan-in*). Our networks, like torchvision's, use He initialisation with the fan-out, so in the forward pass the gain is $\sqrt{1/2} = 0.71$ where the number of channels doubles.

We send images through the 16 convolutions of E at full width. In the forward pass we measure the root mean square of each layer's output, which $g$ predicts, and how much the output differs between images, which the classifier needs. The second can shrink faster, since ReLU layers make images more alike. In the backward pass we feed random gradients into the last pooling, and measure them at each earlier layer.
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
    '''After each ReLU, three root mean squares: outputs, differences between images, gradients.'''
    outputs = []
    relus = [layer for layer in net.features if isinstance(layer, nn.ReLU)]
    hooks = [relu.register_forward_hook(lambda module, inputs, output: outputs.append(output)) for relu in relus]
    top = net.features(images)
    for hook in hooks:
        hook.remove()
    for output in outputs:
        output.retain_grad()
    top.backward(torch.randn_like(top))
    parts = [(output.detach(), output.detach().std(dim=0), output.grad) for output in outputs]
    return [[part.square().mean().sqrt().item() for part in layer] for layer in zip(*parts)]
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
Now we measure all 16 convolutions of E, in seven variants. One has *circular* padding, which fills the border with values from the opposite border instead of zeros:
""")
code(r"""
CASES = ("σ = 0.01", "σ = 0.1", "PyTorch's default", "Glorot", "He", "batch norm", "circular padding")
COLOUR_OF = dict(zip(CASES, COLOURS))

@styled
def plot_signals(measured, title):
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 3.8), sharey=True)
    panels = ("outputs", "differences between images", "gradients, backward")
    for i, (axis, panel) in enumerate(zip(axes, panels)):
        for label, values in measured.items():
            colour = COLOUR_OF[label.split(", ")[-1]]
            axis.plot(range(1, len(values[i]) + 1), values[i], ".-", color=colour, label=label)
        axis.set(title=panel, xlabel="convolution", yscale="log", xticks=range(1, 17, 3))
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
print("last / first layer for outputs and differences, first / last for gradients")
for label, (outputs, differences, gradients) in measured.items():
    print(f"{label:21} outputs {outputs[-1] / outputs[0]:8.1e}   differences between images",
          f"{differences[-1] / differences[0]:8.1e}   gradients {gradients[0] / gradients[-1]:8.1e}")
plot_signals(measured, f"E before training, {data.name}")
""")
md(r"""
TODO-NUMBERS <!-- check every number against the printed lines (first edition, differences and gradients: σ = 0.01: 9.9e-09 and 4.7e-09; σ = 0.1: 9.9e+06; default 1.0e-07 and 3.2e-08; He 2.4e-02 and 1.3e-02; batch norm 0.88 and 3.2; outputs, Glorot and circular padding are new; at a quarter of the width, 32 images of CIFAR-10: He 0.037 and 0.015, circular 0.42 and 0.12): "With σ = 0.01 the outputs shrink to …, and the differences between images to …. With σ = 0.1 both grow …-fold. On a log scale these lines are almost straight: layer by layer, the factors multiply. [PyTorch's default also draws random biases: if its outputs stay far above its differences, say that what is left is the biases, the same for every image.] The gradients also have steps at the poolings, each of which passes a gradient to only one of four positions. He initialisation still loses a factor of … in the outputs, … in the differences and … in the gradients; with circular padding … , … and …. So zero padding accounts for [the measured ratio of the two; claim nothing beyond this pair]. (On the 2×2 maps of stage 5, five of the nine inputs of each unit are zeros.) The rest has several causes, which we don't separate: fan-out lowers the signal, max pooling raises it, and ReLU layers make images more alike. Batch norm stays within a factor of about …, although it starts from the weights of the first line." --> If the outputs hardly depend on the image, the network cannot tell images apart.

**Batch norm** subtracts each channel's mean and divides by its standard deviation, both taken over the batch and all positions, and then applies a learned scale $\gamma$ and shift $\beta$. So the size of its input cancels, whatever the gain of the convolution before it. During training it also keeps *running averages* of both statistics, and in evaluation mode it uses these.

### Can it overfit 40 images?

A usual sanity check is to *overfit one batch*: a working network must be able to memorise a few images, here 40, four of each class. A has eight convolutions and E has sixteen; both have a quarter of the channels. (The gains of He, Glorot and PyTorch's default don't depend on the width.) A network that ignores its input can do no better than a loss of $\ln 10 = 2.30$; one that learns can bring it to 0.

We use SGD with momentum and three seeds. Each case gets the best of three learning rates, chosen with the first seed. Gradients with a norm over 1 are scaled down to 1 (*clipping*). If signal size decides, E should learn first with He, then with Glorot, then with PyTorch's default, and A should learn even with Glorot. If the curves of E without batch norm look alike, something else holds it back.

The authors found Glorot's initialisation sufficient, on images of 224 pixels and in a long training. We ask only which network starts within 300 steps; on our 2×2 maps, zero padding weakens E further.
""")
code(r"""
steps, rates, seeds = (10, [0.05], [0]) if scale == "quick" else (300, [0.2, 0.05, 0.01], [0, 1, 2])
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

def start_of(losses):
    '''The first step with a loss under 1, or a dash.'''
    return next((step for step, loss in enumerate(losses) if loss < 1), "–")
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
    print(f"{label:23} rate {lr:4}: final loss", *(f"{final(losses):5.3f}" for losses in curves[label]),
          "  under 1 at step", *map(start_of, curves[label]))
if scale != "quick":  # the claim is that E can, not that every seed does
    assert min(map(final, curves["E, σ = 0.01, batch norm"])) < 0.1, "no seed overfits 40 images: a bug"
plot_starts(curves, f"40 images of {data.name}, a line for each seed")
""")
md(r"""
TODO-NUMBERS <!-- finding first; quote the final losses and the steps at which the loss falls under 1 (three seeds each) from the printed lines. Measured beforehand in 150 steps, a quarter of the width, seed 0: A with Glorot starts at rate 0.05 after 94 steps, at 0.01 not in 150; E with He at 0.01 after 83; E with batch norm at 0.05 after 17, and ends at 0.000; PyTorch's default and Glorot stayed at 2.30 with E. The rate 0.2 is new. If the order is E with batch norm, E with He, E with Glorot, E with the default, and A starts with Glorot: "The order is that of signal size: …". If Glorot starts E as well, or the default does, or He does not end near 0, say so instead. Where a case starts with some seeds only, say with how many. Caveat either way: "This shows only which network starts within 300 steps at one of three learning rates, not whether it ever would." No word against the paper, which trained longer, on larger images. -->

From here on our network has batch norm, so we don't start from the weights of A.
""")

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

We train D (VGG-16) with batch norm. The optimiser is the paper's, SGD with momentum 0.9 and weight decay $5 \cdot 10^{-4}$, here in Nesterov's form. Training images are shifted by up to four pixels and flipped at random. Because we have few epochs, we add two newer methods. In a *one-cycle* schedule (Smith and Topin) the learning rate rises during a fifth of the steps and then falls to zero along a cosine. With *label smoothing* (Szegedy and colleagues) the correct class gets a target probability of 0.91, and each other class 0.01. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).

`divisor` divides the paper's numbers of channels. `last` is the number of channels that the last two stages keep when we prune the network; `last_epochs` is the length of the fine-tuning. We fixed the number of epochs beforehand.
""")
code(r"""
SETTINGS = {
    "quick": dict(divisor=8, epochs=2, lr=0.05, batch_size=50, seeds=[0], last=20, last_epochs=1),
    "cpu": dict(divisor=2, epochs=42, lr=0.1, batch_size=125, seeds=[0], last=80, last_epochs=4),
    "gpu": dict(divisor=1, epochs=42, lr=0.1, batch_size=125, seeds=[0], last=160, last_epochs=4),
    "paper": dict(divisor=1, epochs=74, lr=0.1, batch_size=125, seeds=[0, 1, 2], last=160, last_epochs=8),
}
settings = SETTINGS[scale]
width = {1: "full", 2: "half the", 4: "a quarter of the", 8: "an eighth of the"}[settings["divisor"]]
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
code(r"""
def smoothed(model, images, labels):
    '''The objective: cross-entropy, with label smoothing in training only.'''
    logits = model(images)
    loss = F.cross_entropy(logits, labels, label_smoothing=0.1 if model.training else 0.0)
    return loss, len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}

def train(name, build, seed, epochs, lr):
    '''Returns (model, Run).'''
    set_seed(seed)
    model = build().to(memory_format=torch.channels_last)  # another order in memory, which convolutions read faster
    loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True, seed=seed)
    val_loader = ImageLoader(data, "val", 500, device)
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9, nesterov=True, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, lr, epochs * len(loader), pct_start=0.2, cycle_momentum=False
    )
    run = fit(model, loader, optimizer, scheduler, epochs, device, {"val": val_loader}, smoothed,
              checkpoint=f"VGG/{name}-seed{seed}", lines=7)
    return model.eval(), run

trained = [train(f"D-{settings['divisor']}", build_main, seed, settings["epochs"], settings["lr"])
           for seed in settings["seeds"]]
model, run = trained[0]
print(f"{count(model):,} parameters, {macs(build_main, 32) / 1e6:.1f} million multiply-adds for an image of 32 pixels")
""")
code(r"""
plot_histories({f"VGG-16, {width} width": run}, data.name)
rate = {"one-cycle schedule": run.history["learning_rate"]}
plot_curves({"": rate}, "epoch", "learning rate", "The learning rate at the start of each epoch")
in_percent = [100 * value for value in run.history["val_accuracy"]]
jump = max((abs(b - a) for a, b in zip(in_percent, in_percent[1:])), default=0)
recent = min(10, len(in_percent) - 1)
print(f"largest change of the validation accuracy from one epoch to the next: {jump:.2f} points")
print(f"gain in the last {recent} epochs: {in_percent[-1] - in_percent[-1 - recent]:.2f} points")
print(f"at the end: {100 * run.history['train_accuracy'][-1]:.2f} % of the augmented training images,",
      f"{in_percent[-1]:.2f} % of the validation images")
""")
md(r"""
The dashed lines are averages over an epoch of augmented training images; the solid lines are measured on the validation set after it. Label smoothing keeps the training loss above 0.50, so compare the accuracies, not the losses. The second plot shows the one-cycle schedule. TODO-NUMBERS <!-- what to see, from the printed lines: the validation accuracy changes by up to … points from one epoch to the next [when? look whether the learning rate is high there], and gains … points in the last 10 epochs, while the rate falls to zero. At the end … % of the augmented training images and … % of the validation images are correct. -->

## Results

We test the weights of the last epoch; nothing was chosen on the test set. The main result is the first row, for each test image by itself. In the second row we average the class probabilities of the image and its mirror image, as the paper does (section 3.2).
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
right = {mirror: found[0].argmax(dim=1) == data.test.labels for mirror, found in tested.items()}
print(f"the mirror images correct {(right[True] & ~right[False]).sum()} mistakes",
      f"and make {(right[False] & ~right[True]).sum()} new ones")
split = "45k/5k, test 10k" if scale != "quick" else "generated"
reproduced_by = "kuangliu/pytorch-cifar, full width, 50,000 images"
report("VGG", "test error, %", data.name, split, reproduced_by, rows)
""")
md(r"""
TODO-NUMBERS <!-- finding: "… % of the test images are classified correctly, … % with mirror images; kuangliu's VGG-16 (full width, all 50,000 training images, no mirror images) reaches 92.64 %. Averaging with the mirror image costs a second forward pass and no training, and gains … points: it corrects … mistakes and makes … new ones. One run; the finite test set gives each accuracy a standard error of about 0.27 points." (at 92 %: sqrt(92·8/10000) = 0.27. Each row's own error, not that of their difference: the two rows share their images, so judge the gain by the corrected and the new mistakes. kuangliu's schedule is not stated: no epochs.) -->

These are the most confident mistakes. (Label smoothing pulls the confidence towards 91 %.)
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

Almost nine tenths of the parameters in the convolutions are in the last two stages, whose feature maps have only 4×4 and 2×2 positions. Removing channels from a trained network is called *pruning*. [Li and colleagues](https://arxiv.org/abs/1608.08710) (2017) pruned a VGG-16 on CIFAR-10 and found that the late layers can lose most.

Which channels should go? After batch norm, and before the ReLU, a channel has mean $\beta$ and standard deviation $|\gamma|$. So $|\gamma|$ says how much it varies, and we remove the channels with the smallest $|\gamma|$. [Liu and colleagues](https://arxiv.org/abs/1708.06519) (2017) add a penalty that pushes $\gamma$ to zero. We only have weight decay, which acts on $\gamma$ too, and cut each layer to a fixed number. In the drawing, each square is a 3×3 kernel from one input channel to one output channel:
""")
code(r"""
@styled
def draw_cut(inputs, channels, outputs, removed):
    '''What goes with one channel: a row of kernels in its convolution, a column in the next.'''
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.2))
    for axis, (rows, columns), title in zip(axes, ((channels, inputs), (outputs, channels)), ("conv 1", "conv 2")):
        gone = torch.zeros(rows, columns, dtype=torch.bool)
        (gone if title == "conv 1" else gone.T)[removed] = True
        axis.pcolormesh(gone.int(), cmap=ListedColormap([COLOURS[5], "#eeeeee"]), edgecolors="white", linewidth=3)
        for row, column in gone.nonzero().tolist():
            axis.text(column + 0.5, row + 0.5, "×", ha="center", va="center", color=COLOURS[1], fontsize=14)
        axis.set(title=f"{title}: {rows * columns} kernels, {int((~gone).sum())} stay", aspect="equal")
        axis.set(xlabel="input channel", ylabel="output channel", xticks=[], yticks=[])
        axis.invert_yaxis()
        axis.grid(False)
    figure.suptitle(f"Removing channel {removed + 1} of {channels} between two convolutions")

draw_cut(inputs=3, channels=4, outputs=5, removed=1)
""")
md(r"""
A removed channel takes with it a row of kernels in its own convolution, its batch norm, and a column of kernels in the next. So if all layers keep half of their channels, about a quarter of the weights remain.
""")
code(r"""
@torch.no_grad()
def cut(net, layers, rank=torch.abs):
    '''A copy of `net` with the channels in `layers`: of each convolution those with the largest rank(γ).'''
    small, kept = VGG(layers, 10, batch_norm=True, head="small").to(device), torch.arange(3)
    for i, (old, new) in enumerate(zip(net.features, small.features)):
        if isinstance(old, nn.Conv2d):
            inputs, norm = kept, net.features[i + 1]
            kept = rank(norm.weight).topk(new.out_channels).indices.sort().values.cpu()
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
After a cut, the running averages of the batch norms no longer fit, so we measure them again on 20 batches of training images. Then we cut one stage at a time and measure the accuracy on 2,000 validation images. A flat line means that the stage has channels to spare. If $|\gamma|$ tells which channels matter, its lines lie above those of random channels (one draw each).
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
set_seed(SEED)
after, ranks = {}, {"largest |γ|": torch.abs, "random": torch.rand_like}
print("accuracy (%) with 25, 50 and 75 % of the channels of one stage:")
for stage in range(5):
    cuts = [[round(c * share) if i == stage else c for i, c in enumerate(every)] for share in shares]
    for name, rank in ranks.items():
        found = [accuracy(remeasured(cut(model, with_channels(channels), rank))) for channels in cuts]
        after[f"stage {stage + 1}, {name}"] = ([100 * share for share in shares] + [100], [*found, whole])
        print(f"stage {stage + 1}, {name:11}", *(f"{value:5.1f}" for value in found))
title = f"{data.name}: one stage cut, no further training"
plot_curves({"": after}, "channels that are left in the stage (%)", "validation accuracy (%)", title)
""")
md(r"""
TODO-NUMBERS <!-- what to see: stage 5 can lose … % of its channels for … points, stage 4 …; which stages collapse. If stage 4 collapses as well, say so and rely on the fine-tuning. |γ| against random channels: in how many of the 15 pairs |γ| is better, by how much at most; if not in most, say that |γ| tells little here. One network, one random draw a point. 2,000 images: differences under about two points say little. -->

We cut the last two stages, which have most of the parameters, and train what is left for a few more epochs (*fine-tuning*), with a lower learning rate. We fixed the number of channels beforehand, so that the file stays small. If the small network comes close to the whole one, it doesn't need the channels that went. Differences under half a point decide nothing (one run).
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
      f"{error(probabilities(small, 'val'), 'val'):.1f} % after fine-tuning,",
      f"{error(probabilities(model, 'val'), 'val'):.1f} % for the whole network")
print(f"test error: {small_error:.2f} %, whole network {whole_error:.2f} %")
label = f"{what}, cut after {settings['epochs']} epochs and fine-tuned"
rows = [dict(what=label, paper=None, reproduction=None, runs=[(small_error, small_run)])]
report("VGG", "test error, %", data.name, split, None, rows, table="small")
""")
md(r"""
TODO-NUMBERS <!-- finding: "Less than a quarter (22 % at scale cpu: 818,154 of 3,6…) of the parameters is enough for … % test error, … points more than the whole network." One run. --> This doesn't show that we had to train the large network first: [Liu, Sun and colleagues](https://arxiv.org/abs/1810.05270) (2019) found that such a small network often becomes as good when it is trained from scratch for long enough (exercise 3).

## Look inside: the effective receptive field

How much does each pixel matter to a unit in the middle of a stage? We sum the channels of the stage's last output (after batch norm and ReLU) at the middle position, take the gradient with respect to the pixels, and average its absolute value over colours and 100 test images. Luo and colleagues (2016) call this map the *effective receptive field*. (A map of even size has no exact middle; we take the position to the lower right, in stage 5 the last of 2×2.)

The full receptive field follows from arithmetic. A 3×3 convolution adds $2s$ pixels to its side, and a pooling $s$, where $s$ is the distance of neighbouring positions in pixels. It is 1 at first, and each pooling doubles it. Each map is scaled to its own maximum.
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
TODO-NUMBERS <!-- what to see (first edition, quarter width): stage 1 sees its 5×5 pixels. After that the part that matters is smaller than the arithmetic says: at stage 3, whose receptive field of 40×40 covers the whole image, it is a blob in the middle, since few paths lead from the border to the unit, as in the drawing of the bright pixel. From stage 4 on all pixels matter. Stage 5's map leans to the lower right, because its unit is the last of 2×2 [look]. -->

## Use it

We save the small network in half precision, with its settings and class names, and check that it loads again.
""")
code(r"""
path = checkpoint_dir() / scale / "VGG" / "vgg16-weights.pt"
rounded = copy.deepcopy(small).half()  # float16: half the bytes
rounded_error = error(probabilities(copy.deepcopy(rounded).float(), "test"))
about = dict(settings=dict(configuration=list(small_layers), num_classes=10, batch_norm=True, head="small"),
             classes=list(data.classes), mean=list(data.mean), std=list(data.std), data=data.name,
             test_accuracy=1 - rounded_error / 100, made=small_run.made())
save_weights(rounded, path, **about)
again = VGG(**about["settings"])
load_weights(again, path, device)
with torch.no_grad():
    change = (again.eval()(test_images).softmax(dim=1) - small(test_images).softmax(dim=1)).abs().max()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, test error {rounded_error:.2f} %;",
      f"rounding changes probabilities by at most {change:.4f}")
assert (settings["divisor"] == 1 or path.stat().st_size < 2e6) and change < 0.05
""")
md(r"""
The repository keeps such a file from the stored run, and `vgg16_cifar10` loads it, so the next cells need no training.
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
TODO-NUMBERS <!-- how many of the ten are right; where it is unsure (label smoothing: even a sure answer is near 91 %) -->

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

1. **The paper's solution.** Overfit A with Glorot's initialisation on the 40 images. Copy its first four convolutions and its linear layer into E, stage by stage, and overfit E. Does it start sooner than E alone? (Count A's steps too.)
2. **Pairs of 3×3 against one 5×5.** Train B with batch norm, a quarter of the channels and no stage 5 (on its 2×2 maps a 5×5 kernel meets mostly zeros). Train a second network with one 5×5 convolution in place of each pair. Which has the lower error, over three seeds?
3. **From scratch, or at random.** Train `VGG(small_layers, 10, True, "small")` from scratch, for as many epochs as the whole network. Is it as good as the pruned one? And fine-tune `cut(model, small_layers, torch.rand_like)`: how much does $|\gamma|$ gain?

## Further reading

- [The paper](https://arxiv.org/abs/1409.1556), 14 pages.
- He and colleagues, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), 2015: the initialisation.
- Ioffe and Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167), 2015.
- Luo and colleagues, [Understanding the Effective Receptive Field](https://arxiv.org/abs/1701.04128), 2016.
- [AlexNet](../alexnet/), before it; [ResNet](../resnet/), after it.
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
