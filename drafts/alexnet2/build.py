"""Writes AlexNet.ipynb beside this file: python build.py (the README beside it is written by hand)."""
import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
INSTALLED = Path("/work/main/architectures/alexnet/AlexNet.ipynb")  # where it will lie; synced cells come from there
TARGET = HERE / "AlexNet.ipynb"
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], INSTALLED) or text))


# ------------------------------------------------------------------------------------------------------------ opening

md(r"""
# AlexNet

Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton, [*ImageNet Classification with Deep Convolutional Neural Networks*](https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html) · NIPS 2012

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/alexnet/AlexNet.ipynb)

You will build AlexNet as published, with its 60,965,224 parameters and its two halves for two GPUs, and a small version for images of 32×32 pixels. You will train the small version on CIFAR-10, compare ReLU with tanh in three settings, look at the kernels of the two halves, and classify an image of your own. TODO-NUMBERS <!-- one sentence: "The main result: our small AlexNet, with half of the kernels, 256 hidden units and 942,282 parameters, classifies … % of the CIFAR-10 test images correctly, and … % if we average over ten views of each image, as the paper does (one run)." from the printed line under Results -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "The main run took … minutes on one thread of a two-core …, and the race of ReLU and tanh another …": from the note under the table in Results, and from the race's last printed line, which counts all 44 trainings (the note under the race's table counts 18) --> Scales: `quick` (offline, generated shapes; its numbers mean nothing), `cpu`, `gpu` and `paper` (the last two with a longer main run). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import contextlib
import copy
import io
from dataclasses import replace
from functools import partial

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from architectures.alexnet.alexnet import AlexNet, AlexNetCifar, OneTower, SmallAlexNet, small_alexnet_cifar10
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader, crop_and_flip
from utils.plotting import COLOURS, plot_histories, show_images, styled
from utils.report import report
from utils.training import fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
parts = {"features.0": "conv 1", "features.3": "pool", "features.4": "conv 2", "features.7": "pool",
         "features.8": "conv 3", "features.10": "conv 4", "features.12": "conv 5", "features.14": "pool",
         "classifier.0": "linear 6", "classifier.3": "linear 7", "classifier.6": "linear 8"}
with torch.device("meta"):  # shapes without numbers: nothing is computed
    draw_network(AlexNet(), torch.empty(1, 3, 227, 227), parts, "AlexNet: channels × height × width after each layer")
""")
md(r"""
Five convolutions turn an image of 227×227 pixels into 256 feature maps of 6×6, and three linear (fully connected) layers turn those into scores for 1000 classes. (The paper says 224×224 pixels, but its first layer, 11×11 kernels with stride 4 and 55×55 outputs, fits exactly only at 227.)

## The paper in brief

**The question.** [LeNet](../lenet/) read digits in 1998. Could a convolutional network recognise a thousand kinds of objects in photographs? Until then, the best entries in the ImageNet competition (ILSVRC) trained classifiers on features that people had designed. Then ImageNet offered 1.2 million labelled images, and GPUs had become fast enough.

**The idea.** The authors build a much larger version of LeNet, and combine these parts to train it:

- **ReLU**, $\max(0, x)$, instead of tanh: it does not saturate, and networks with ReLU "consistently learn several times faster than equivalents with saturating neurons" (section 3.1, Figure 1);
- **two GPUs** with 3 GB each, which exchange feature maps only in some layers (3.2);
- **local response normalisation** (LRN): a strong activation weakens those of neighbouring channels, after layers 1 and 2 (3.3);
- **overlapping pooling**: 3×3 windows with stride 2, after layers 1, 2 and 5 (3.4);
- **data augmentation**: random crops, flips, and shifts of colour along principal components (PCA colour augmentation; 4.1);
- **dropout** in the first two linear layers (4.2).

**The recipe.** SGD with momentum 0.9, weight decay 0.0005, batches of 128, and a learning rate of 0.01 that is divided by ten three times. About 90 epochs took five to six days. A weight $w$ with gradient $g$ is updated with the learning rate $\varepsilon$ by

$$v \leftarrow 0.9\,v - 0.0005\,\varepsilon\,w - \varepsilon\,g, \qquad w \leftarrow w + v.$$

**The results.** Top-5 error means that the true class is not among the five most probable ones.

| | top-1 error, % | top-5 error, % |
|---|---|---|
| ILSVRC-2010 test: best published before | 45.7 | 25.7 |
| ILSVRC-2010 test: AlexNet | 37.5 | 17.0 |
| ILSVRC-2012 validation: one AlexNet | 40.7 | 18.2 |
| ILSVRC-2012 test: average of seven, two of them pre-trained on more of ImageNet | – | **15.3** |
| ILSVRC-2012 test: second-best entry | – | 26.2 |

The paper also says what the parts are worth, in points of top-1 error: two GPUs 1.7 (compared with one GPU and half of the kernels), LRN 1.4, overlapping pooling 0.4, PCA colour augmentation more than 1. Removing any of the middle layers costs about 2 points. We cannot repeat these long trainings. Instead we test a claim about the beginning of a training: that ReLU learns faster than tanh.

## The data

The paper itself tests ideas on CIFAR-10: 60,000 images of 32×32 pixels in ten classes. We train on 45,000, follow the training on 5,000 validation images, and test on 10,000. Here is one image of each class:
""")
code(r"""
data = load_shapes(train=400, val=100, test=100) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
first = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
show_images(data.train.images[first], data.classes, title=f"{data.name}: one image of each class")
print(f"{data.name}: {', '.join(sizes)} images")
""")

# -------------------------------------------------------------------------------------------------------------- parts

md(r"""
## Part by part

### ReLU

In backpropagation, the gradient is multiplied by the slope (the derivative) of each activation function that it passes. The plot on the right shows these slopes. We call a tanh unit **saturated** where its slope is below 0.1. These ranges are shaded:
""")
code(r"""
@styled
def plot_activations():
    x = torch.linspace(-5, 5, 301, requires_grad=True)
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.8))
    for colour, (name, function) in zip(COLOURS, {"ReLU": torch.relu, "tanh": torch.tanh}.items()):
        y = function(x)
        slope, = torch.autograd.grad(y.sum(), x)
        for axis, values in zip(axes, (y, slope)):
            axis.plot(x.detach(), values.detach(), color=colour, label=name)
    axes[0].set(title="activation function", xlabel="input", ylim=(-1.5, 5))
    for left, right in ((-5, -SATURATED_FROM), (SATURATED_FROM, 5)):
        axes[1].axvspan(left, right, color="#999999", alpha=0.2, linewidth=0)
    axes[1].set(title="its slope", xlabel="input", xlim=(-5, 5))
    axes[0].legend()

SATURATED_FROM = torch.tensor(0.9).sqrt().atanh().item()  # there the slope, 1 - tanh², is 0.1
points = torch.tensor([0.5, SATURATED_FROM, 4.0], requires_grad=True)
slopes, = torch.autograd.grad(torch.tanh(points).sum(), points)
print("slope of tanh:", ", ".join(f"{s:.4f} at {x:.2f}" for x, s in zip(points.tolist(), slopes.tolist())))
plot_activations()
""")
md(r"""
At an input of 4 the slope of tanh is about a thousandth, so after two such layers hardly any gradient is left. The slope of ReLU is 1 for every positive input, however large. The price is a slope of 0 for negative inputs: a unit whose input is negative for all images no longer learns (a **dead ReLU**).

### Local response normalisation

Let $a^i$ be the activation of channel $i$ at some position. LRN divides it by a term that grows with the activations of the $n = 5$ channels around it, at the same position:

$$b^i = a^i \Big/ \Big(k + \alpha \sum_{j=i-2}^{i+2} (a^j)^2\Big)^{\beta}, \qquad k = 2,\ \alpha = 10^{-4},\ \beta = 0.75,$$

where the sum leaves out channels that do not exist. So channels compete: an activation counts for less beside a strong neighbour. Below, channels 3 and 6 have the same activation, but only channel 3 is near the strong channel 2.
""")
code("# %load -s LocalResponseNorm alexnet.py")
code(r"""
@styled
def plot_channels(activations, factors):
    figure, axes = plt.subplots(1, 2, figsize=(9, 2.4))
    axes[0].bar(range(len(activations)), activations, color=COLOURS[0])
    axes[0].set(title="activation", xlabel="channel")
    axes[1].bar(range(len(factors)), factors, color=COLOURS[1])
    axes[1].set(title="factor by which LRN multiplies it", xlabel="channel")

a = torch.tensor([20.0, 10.0, 200.0, 20.0, 10.0, 5.0, 20.0, 10.0])
b = LocalResponseNorm()(a.view(1, 8, 1, 1)).flatten()  # (image, channel, row, column)
assert abs(b[3] - 20 / (2 + 1e-4 * (10**2 + 200**2 + 20**2 + 10**2 + 5**2)) ** 0.75) < 1e-4
print(f"an activation of 20 becomes {b[3]:.1f} in channel 3, and {b[6]:.1f} in channel 6")
plot_channels(a, b / a)
""")
md(r"""
The factor is small for the strong channel and for its neighbours, up to two channels away.

How large should $\alpha$ be? If all channels of a window grow together, the output of LRN grows only until $\alpha \sum (a^j)^2$ reaches $2k = 4$, and falls beyond. So this term should rarely exceed 4. Its size depends on the pixels, which we also divide by their standard deviation of about 64, and on the weights, which will be larger in our network. With the paper's weights, $\alpha = 10^{-4} \cdot 64^2 \approx 0.41$ would have the effect of the paper's $10^{-4}$. We compare three values in our untrained network, after its first pooling:
""")
code(r"""
ALPHA = 0.1
pixel_std = 255 * sum(data.std) / 3  # on a scale of 0 to 255
paper_std = 0.01 * 363**0.5 * pixel_std  # 363 = 3 × 11 × 11 weights
print(f"standard deviation before the first ReLU: about {paper_std:.0f} in the paper, {2**0.5:.1f} in our network")
print(f"alpha times the sum in the paper, before any training: about {1e-4 * 5 * paper_std**2 / 2:.2f}\n")

set_seed(SEED)
images, _ = next(iter(ImageLoader(data, "val", 200, "cpu")))
with torch.no_grad():
    maps = SmallAlexNet().features[:3](images)  # convolution, ReLU, pooling: (200, 48, 15, 15)
sums = F.pad(maps.square(), (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(dim=-1)  # over five channels
for alpha in (1e-4, 1e-4 * pixel_std**2, ALPHA):
    term, factor = alpha * sums, (2 + alpha * sums) ** -0.75
    above = (term > 4).float().mean()
    print(f"alpha {alpha:6.4f}: median of alpha times the sum {term.median():.3f}, above 4 in {above:5.1%};",
          f"median factor {factor.median():.3f}")
""")
md(r"""
With $\alpha = 10^{-4}$, all activations are multiplied by nearly the same factor, $2^{-0.75} \approx 0.595$, so the channels hardly compete. With 0.41, a third of the sums lie beyond 4. We take **0.1**, which leaves fewer than 2 % there. <!-- measured on the 200 images: 34.0 % and 1.6 %, medians 2.50 and 0.61; compare with the stored output --> Our LRN still starts out stronger than the paper's. This is our choice.

Two years later [VGG](../vgg/) found no gain from LRN on ImageNet, and batch normalisation took its place.

### Overlapping pooling

Pooling windows of size 3 with stride 2 share a pixel with their neighbours. Here, in one dimension, the 9 lies in two of the overlapping windows, but in only one window of size 2:
""")
code(r"""
row = torch.tensor([[[1.0, 2.0, 9.0, 3.0, 4.0, 5.0, 6.0]]])  # (image, channel, position)
plain, overlapping = F.max_pool1d(row, 2, 2)[0, 0].tolist(), F.max_pool1d(row, 3, 2)[0, 0].tolist()
print("windows of 2, stride 2:", plain, "  windows of 3, stride 2:", overlapping)
assert plain == [2, 9, 5] and overlapping == [9, 9, 6]
""")
md(r"""
### Two GPUs

The network did not fit into the 3 GB of one GPU, so each GPU has half of the kernels. In the diagram, the blue layers see only the feature maps of their own GPU. Conv 3 and the linear layers (white) receive the outputs of both. (LRN is not drawn; ours also mixes the two channels on either side of the boundary.)
""")
code(r"""
# You can skip this cell: it only places the boxes and arrows of the drawing
widths = {"conv 1": 48, "conv 2": 128, "conv 3": 192, "conv 4": 192, "conv 5": 128, "linear 6": 2048, "linear 7": 2048}
boxes = {"image": ("image", 1, 0, "data"), "linear 8": ("linear 8: 1000 classes", 1, 8, "data")}
boxes |= {"left": ("GPU 0", 0, 0, "note"), "right": ("GPU 1", 2, 0, "note")}
arrows, before = [], ["image"]
for row, (name, size) in enumerate(widths.items(), start=1):
    alone, here = name in ("conv 2", "conv 4", "conv 5"), [f"{name} 0", f"{name} 1"]
    for gpu, key in enumerate(here):
        boxes[key] = (f"{name}: {size}", 2 * gpu, row, "layer" if alone else "data")
    arrows += [(a, b) for a in before for b in here if not alone or a[-1] == b[-1]]
    before = here
arrows += [(a, "linear 8") for a in before]
draw_flow(boxes, arrows, "The two halves of AlexNet, with their channels or units")
""")
md(r"""
Today we call each of the layers 2, 4 and 5 a **grouped convolution** with two groups. It computes the same as two convolutions side by side, each on half of the channels, and it has half of the weights:
""")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

one_group, two_groups = nn.Conv2d(96, 256, 5, padding=2), nn.Conv2d(96, 256, 5, padding=2, groups=2)
x = torch.randn(1, 96, 27, 27)
with torch.no_grad():
    halves = [F.conv2d(part, weight, padding=2) for part, weight in zip(x.chunk(2, dim=1), two_groups.weight.chunk(2))]
    assert torch.allclose(two_groups(x), torch.cat(halves, dim=1) + two_groups.bias.view(1, -1, 1, 1), atol=1e-4)
print(f"conv 2: {count(one_group):,} parameters in one group, {count(two_groups):,} in two")
""")
md(r"""
### Dropout

During training, dropout sets each hidden unit of the linear layers to zero with probability 0.5, so no unit can rely on the presence of another. PyTorch doubles the outputs of the remaining units, so that the expected sum stays the same; the paper instead halves all outputs at test time. According to the paper, dropout roughly doubles the number of iterations needed to converge.
""")
md(r"""
### Data augmentation

The paper trains on random crops of 224×224 pixels from images of 256×256, half of them flipped. We leave out its colour augmentation. For 32×32 pixels it is usual to pad the image by four black pixels on each side, and to crop it at random:
""")
code(r"""
set_seed(SEED)
copies = data.train.images[first[8:9]].expand(10, -1, -1, -1)  # one image, ten times
top, left, flipped = torch.randint(9, (10,)), torch.randint(9, (10,)), torch.rand(10) < 0.5
top[0], left[0], flipped[0] = 4, 4, False
show_images(crop_and_flip(copies, top, left, flipped, padding=4), ["original"] + ["augmented"] * 9,
            title=f"{data.name}: one image, and nine augmented versions of it")
""")
md(r"""
The class stays the same, but one image becomes up to 162 different ones: 9×9 positions, flipped or not.
""")

# ------------------------------------------------------------------------------------------------------------ network

md(r"""
## The whole network

The paper initialises the weights from N(0, 0.01²). Some biases start at 1, so that their ReLUs begin with positive inputs.
""")
code("# %load -s AlexNet,check_images alexnet.py")
code(r"""
set_seed(SEED)
net = AlexNet().eval()
by_hand = [  # channels or units × (weights of each + 1 bias); in two groups, a kernel sees half of the channels
    96 * (3 * 11**2 + 1), 256 * (48 * 5**2 + 1), 384 * (256 * 3**2 + 1), 384 * (192 * 3**2 + 1), 256 * (192 * 3**2 + 1),
    4096 * (256 * 6**2 + 1), 4096 * (4096 + 1), 1000 * (4096 + 1),
]
weighted = [layer for layer in net.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
assert [count(layer) for layer in weighted] == by_hand and count(net) == sum(by_hand) == 60_965_224
x, rows = torch.randn(1, 3, 227, 227), []
with torch.no_grad():
    for layer in (*net.features, nn.Flatten(), *net.classifier):
        x = layer(x)
        if layer in weighted:  # a kernel's weights are used once at each position
            rows.append((" × ".join(map(str, x.shape[1:])), count(layer), layer.weight.numel() * x[0, 0].numel()))
total = sum(products for _, _, products in rows)
assert total == 724_406_816
print(f"{'layer':6} {'output':>14} {'parameters':>20} {'multiply-adds':>20}")
for i, (shape, parameters, products) in enumerate(rows, start=1):
    print(f"{i:<6} {shape:>14} {parameters:12,} {parameters / count(net):7.1%} {products:12,} {products / total:7.1%}")
print(f"{'':6} {'':14} {count(net):12,} {'':7} {total:12,}")
p, m = (sum(row[i] for row in rows[:5]) / whole for i, whole in ((1, count(net)), (2, total)))
print(f"the five convolutions: {p:.0%} of the parameters, {m:.0%} of the multiply-adds")
""")
md(r"""
**The convolutions do 92 % of the work with 4 % of the parameters.** [GoogLeNet](../inception/) and ResNet later kept only one linear layer.

AlexNet in torchvision is based on a version of 2014 with a single tower instead of two halves. It has no groups, no LRN, other numbers of channels (64, 192, 384, 256, 256), and dropout before the first two linear layers instead of after them. Our `OneTower` computes the same:
""")
code(r"""
ours, theirs = OneTower().eval(), torchvision.models.alexnet(weights=None).eval()
ours.load_state_dict(theirs.state_dict())
x = torch.randn(2, 3, 224, 224)
with torch.no_grad():
    difference = (ours(x) - theirs(x)).abs().max().item()
assert count(ours) == 61_100_840 and difference < 1e-5
print(f"{count(ours):,} parameters, largest difference from torchvision's outputs: {difference:.1e}")
""")
md(r"""
## AlexNet for 32×32 pixels

The first kernels of AlexNet, 11×11 with stride 4, would leave little of a CIFAR image. So `SmallAlexNet` keeps all parts and changes the sizes: each convolution has **half of the kernels**, the kernels of the first one are 5×5 with stride 1, and the hidden linear layers have 256 units instead of 4096.

We make two more changes. LRN follows the pooling, so it has to normalise only about a quarter of the positions. And we use **He initialisation**: the weights have variance $2/\text{fan-in}$, so that convolutions and linear layers with ReLU keep the signal's size. The two LRNs still shrink it.
""")
code("# %load -s SmallAlexNet alexnet.py")
code(r"""
parts = {"features.1": "conv 1", "features.3": "pool, LRN", "features.5": "conv 2", "features.7": "pool, LRN",
         "features.9": "conv 3", "features.11": "conv 4", "features.13": "conv 5", "features.14": "pool",
         "classifier.1": "linear 6", "classifier.4": "linear 7", "classifier.6": "linear 8"}
draw_network(SmallAlexNet(), torch.zeros(1, 3, 32, 32), parts, "AlexNet for 32×32 pixels")
small_count = count(SmallAlexNet())
assert small_count == 942_282
print(f"{small_count:,} parameters, {small_count / count(net):.1%} of AlexNet's")
""")
md(r"""
Three poolings reduce the image from 32×32 pixels to feature maps of 3×3. Before the long training, we check that the network can overfit 16 images.
""")
code(r"""
set_seed(SEED)
model = SmallAlexNet(alpha=ALPHA, dropout=0).to(device)
images, labels = next(iter(ImageLoader(data, "train", 16, device)))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(41):
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    if step % 10 == 0:
        right = (logits.argmax(dim=1) == labels).sum().item()
        print(f"step {step:3}   loss {loss.item():.4f}   {right} of 16 correct")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert right == 16, "one batch cannot be overfitted: there is a bug"
""")

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

We train with SGD, momentum 0.9, weight decay 0.0005 and batches of 128, as in the paper. Instead of dividing the learning rate by ten three times we use a one-cycle schedule, which suits a short training: the rate rises during the first fifth of the steps and then falls to nearly zero. Its peak is not tuned. `fit` repeats the five lines above for every batch, evaluates after each epoch and keeps checkpoints ([utils/training.py](../../utils/training.py)).

All settings are in one table. Those of `race` belong to the comparison of ReLU and tanh further down.
""")
code(r"""
SETTINGS = {
    "quick": dict(epochs=2, batch_size=50, lr=0.02,
                  race=dict(images=100, val_images=100, batch_size=50, epochs=2, seeds=[0])),
    "cpu": dict(epochs=60, batch_size=128, lr=0.03,
                race=dict(images=4500, val_images=1000, batch_size=64, epochs=30, seeds=[0, 1, 2])),
    "gpu": dict(epochs=100, batch_size=128, lr=0.03,
                race=dict(images=4500, val_images=1000, batch_size=64, epochs=30, seeds=[0, 1, 2])),
    "paper": dict(epochs=200, batch_size=128, lr=0.03,
                  race=dict(images=45000, val_images=5000, batch_size=128, epochs=30, seeds=[0, 1, 2])),
}
settings = SETTINGS[scale]
for name, value in settings.items():
    print(f"{name:11}", *(f"{key}: {v}  " for key, v in value.items()) if name == "race" else [value])
""")
code(r"""
set_seed(SEED)
model = SmallAlexNet(alpha=ALPHA).to(memory_format=torch.channels_last)  # read faster by convolutions
train_loader = ImageLoader(data, "train", settings["batch_size"], device, shuffle=True, augment=True, seed=SEED)
val_loader = ImageLoader(data, "val", 500, device)
optimizer = torch.optim.SGD(model.parameters(), lr=settings["lr"], momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(
    optimizer, settings["lr"], settings["epochs"] * len(train_loader), pct_start=0.2, cycle_momentum=False
)
run = fit(model, train_loader, optimizer, scheduler, settings["epochs"], device, {"val": val_loader}, lines=12,
          checkpoint=f"AlexNet/small-seed{SEED}")
model.eval()
plot_histories({"AlexNet for 32×32 pixels": run}, data.name)
""")
md(r"""
TODO-NUMBERS <!-- what to see in the curves: validation accuracy after 10 epochs, after half, at the end; it jumps while the rate is high and gains its last points as the rate falls to zero. Where does the dashed curve cross the solid one? --> The dashed curves (training) are averages over an epoch, with augmentation and dropout. So they can show a lower accuracy than validation, which has neither.

## Results

At test time the paper averages the predictions for **ten views** of an image (ten crops, a kind of test-time augmentation): four corner crops, the central crop, and the flipped versions of the five. Our ten views are the image itself, the image shifted by two pixels in each of the four diagonal directions, and their flipped versions. Our main result is the accuracy with one view. Nothing was chosen on the test set.
""")
code(r'''
ONE_VIEW = [(4, 4, False)]  # (top, left, flipped) of the crop, in an image padded by four pixels
TEN_VIEWS = [(*corner, flipped) for corner in ((4, 4), (2, 2), (2, 6), (6, 2), (6, 6)) for flipped in (False, True)]

def normalise(images, mean, std):  # uint8 (B, H, W, 3) -> (B, 3, H, W)
    mean, std = (torch.tensor(values, device=device) for values in (mean, std))
    return ((images.float() / 255 - mean) / std).permute(0, 3, 1, 2)

@torch.no_grad()
def probabilities(model, images, views=ONE_VIEW, mean=data.mean, std=data.std):
    """The mean of the softmax over the views of uint8 images (N, 32, 32, 3): (N, classes), on the CPU."""
    means = []
    for some in images.to(device).split(500):
        total = 0
        for top, left, flipped in views:
            place = [torch.full((len(some),), value, device=device) for value in (top, left, flipped)]
            x = normalise(crop_and_flip(some, *place, padding=4), mean, std)
            with autocast(device, choose_precision(device)[0]):
                total = total + model(x).float().softmax(dim=1)
        means.append(total.cpu() / len(views))
    return torch.cat(means)

def error_on(model, split, views=ONE_VIEW):
    predicted = probabilities(model, split.images, views).argmax(dim=1)
    return 100 * (predicted != split.labels).float().mean().item()

errors = {"AlexNet for 32×32 pixels": error_on(model, data.test),
          "AlexNet for 32×32 pixels, ten views": error_on(model, data.test, TEN_VIEWS)}
one, ten = (100 - error for error in errors.values())
standard_error = (one * (100 - one) / len(data.test.labels)) ** 0.5
print(f"{data.name}, test accuracy: {one:.2f} % with one view, {ten:.2f} % with ten")
print(f"standard error for {len(data.test.labels):,} images: {standard_error:.2f} points")
fitted = Split(*(tensor[:10_000] for tensor in data.train))
print(f"training accuracy without augmentation and dropout: {100 - error_on(model, fitted):.2f} %",
      f"(first {len(fitted.labels):,} images)")
assert scale == "quick" or not run.finished or one > 80, "far below what this network can do: something is broken"
split_name = "45k/5k" if scale != "quick" else "generated"
rows = [dict(what=what, paper=None, reproduction=None, runs=[(error, run)]) for what, error in errors.items()]
report("AlexNet", "test error, %", data.name, split_name, None, rows)
''')
md(r"""
TODO-NUMBERS <!-- finding first: "Our AlexNet classifies … % of the test images correctly (n = 1), and ten views add … points." If one view is below 85 %, say so plainly. Training accuracy … %, so the generalisation gap is … points: dropout and augmentation have (not) prevented overfitting. The standard error of the finite test set is printed. -->

How good is that? On CIFAR-10 the paper mentions test errors of 13 % without LRN and 11 % with it, for a network with four layers (section 3.3). Our result is not directly comparable: the published code for 11 % has another architecture, trains for longer, on all 50,000 images, and tests with several views. A closer yardstick is `layers-18pct.cfg` in cuda-convnet, Krizhevsky's code of that time ([a copy](https://github.com/dnouri/cuda-convnet)): three convolutions and one linear layer, trained without any transformation of the images, with an error of 18 %.
""")

# --------------------------------------------------------------------------------------------------------------- race

md(r"""
## Does ReLU learn faster than tanh?

In Figure 1 of the paper, a four-layer network reaches a training error of 25 % on CIFAR-10 six times faster with ReLU than with tanh. Both are trained without regularisation, each with the learning rate that makes it fastest. The paper does not describe this network further. We take the layers of `layers-18pct.cfg`: convolutions with 5×5 kernels and 32, 32 and 64 channels, and one linear layer. Unlike there, we use max pooling throughout and no LRN.
""")
code("# %load -s AlexNetCifar alexnet.py")
code(r"""
parts = {"features.0": "conv 1", "features.2": "pool", "features.3": "conv 2", "features.5": "pool",
         "features.6": "conv 3", "features.8": "pool", "classifier": "linear 4"}
race_net = AlexNetCifar(lrn=False)
draw_network(race_net, torch.zeros(1, 3, 32, 32), parts, "The network of the race")
assert count(race_net) == 89_578
print(f"{count(race_net):,} parameters")
""")
md(r"""
Each pooling halves the feature maps, from 32×32 to 4×4.

Whether a tanh unit saturates depends on the size of its inputs, and therefore on the pixels and the weights. We do not know how the weights of Figure 1 were initialised, so we compare three settings:

| setting | pixels | standard deviation of the initial weights |
|---|---|---|
| today | minus the mean, divided by the standard deviation | $\sqrt{1/\text{fan-in}}$ or $\sqrt{2/\text{fan-in}}$ in all layers |
| cuda-convnet 2012 | minus the mean, up to about ±128 | 0.0001 in the first layer, 0.01 in the others, as in `layers-18pct.cfg` |
| AlexNet 2012 | minus the mean, up to about ±128 | 0.01 in all layers, as the paper says of AlexNet |

He initialisation, with variance $2/\text{fan-in}$, was made for ReLU; $1/\text{fan-in}$ suits tanh, whose slope is 1 at 0. In the first setting we try both with each activation function, and keep the faster. The last two settings differ only in the first layer, whose weights are 100 times larger in the third. All biases start at 0. (In the paper's AlexNet some start at 1, to speed up early learning. Without this, ReLU may be slower in the third setting.)

We measure the inputs of the first tanh before any training:
""")
code(r'''
class FloatTanh(nn.Tanh):
    def forward(self, x):
        return super().forward(x.float())  # in bfloat16, tanh(3.5) rounds to 1, and its slope to exactly 0

ACTIVATIONS = {"ReLU": nn.ReLU, "tanh": FloatTanh}
RATES = {"today": (0.001, 0.003, 0.01, 0.03), "cuda-convnet 2012": (0.0003, 0.001, 0.003, 0.01),
         "AlexNet 2012": (0.001, 0.003, 0.01, 0.03)}
GAINS = {"today": (1, 2), "cuda-convnet 2012": (None,), "AlexNet 2012": (None,)}  # variance = gain / fan-in
large_pixels = replace(data, std=(1 / 255,) * 3)  # minus the mean, up to about ±128

def racer(activation, setting, gain):
    """The four-layer network without LRN and dropout, with the setting's initial weights."""
    model = AlexNetCifar(activation=ACTIVATIONS[activation], lrn=False)
    layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        if gain is not None:
            nn.init.normal_(layer.weight, 0, (gain / layer.weight[0].numel()) ** 0.5)
        else:
            small = setting == "cuda-convnet 2012" and layer is layers[0]
            nn.init.normal_(layer.weight, 0, 0.0001 if small else 0.01)
        nn.init.zeros_(layer.bias)
    return model

def source_of(setting):
    return data if setting == "today" else large_pixels

def start_of(gain):
    return f", variance {gain}/fan-in" if gain else ""
''')
code(r'''
def saturated_shares(model, images):
    """The share of saturated units in each tanh layer: {"saturated1": …, "saturated2": …, "saturated3": …}."""
    shares = {}
    with torch.no_grad():
        for layer in model.features:
            images = layer(images)
            if isinstance(layer, nn.Tanh):
                saturated = 1 - images.square() < 0.1  # the slope
                shares[f"saturated{len(shares) + 1}"] = saturated.float().mean().item()
    return shares

watched = {setting: next(iter(ImageLoader(source_of(setting), "val", 200, device)))[0] for setting in RATES}
before = {}
print("inputs to the first tanh:")
for setting, images in watched.items():
    for gain in GAINS[setting]:
        set_seed(SEED)
        net = racer("tanh", setting, gain).to(device)
        before[setting, gain] = saturated_shares(net, images)
        print(f"{setting + start_of(gain):26} standard deviation {net.features[0](images).std().item():.2f},",
              f"{before[setting, gain]['saturated1']:.0%} of the units saturated")
''')
md(r"""
In the third setting, most tanh units of the first layer are saturated before the first step.

What would the outcomes mean? If ReLU is faster by its nature, it wins in all three settings. If saturation slows tanh down, ReLU wins clearly in the third setting, and tanh keeps up where its units are not saturated. This would not prove that saturation is the reason, because larger pixels also mean larger gradients for the first layer, with either activation function. And if tanh loses where its units are *not* saturated, saturation is not the reason.

To save time, we train on 4,500 images only, for 30 epochs in batches of 64, with SGD at a constant learning rate, momentum 0.9 and no weight decay. We first try four learning rates with seed 0, and keep the one that reaches 25 % first. Then we train with two more seeds. Since neighbouring rates differ about threefold, we read nothing into ratios below 1.3. If you interrupt the race, the cells below show what there is.
""")
code(r'''
def training_errors(run):
    return [100 - 100 * accuracy for accuracy in run.history["train_accuracy"]]

def epochs_until(errors, goal=25.0):
    """When a curve first falls to `goal`, by a straight line between the middles of epochs; infinite if never."""
    time, before = 0.0, 90.0  # chance
    for epoch, error in enumerate(errors):
        if error <= goal:
            return time + (epoch + 0.5 - time) * (before - goal) / (before - error)
        time, before = epoch + 0.5, error
    return float("inf")

def validation_error(run, goal=25.0):
    """The validation error after the epoch in which the training error reached `goal`, or after the last one."""
    reached = [epoch for epoch, error in enumerate(training_errors(run)) if error <= goal]
    return 100 - 100 * run.history["val_accuracy"][reached[0] if reached else -1]

assert epochs_until([50.0, 30.0, 20.0]) == 2.0
''')
code(r"""
plan, raced, chosen, trained = settings["race"], {}, {}, {}
if scale == "quick":
    RATES = {setting: rates[1:3] for setting, rates in RATES.items()}
planned = 2 * sum(len(GAINS[setting]) * len(rates) + len(plan["seeds"]) - 1 for setting, rates in RATES.items())

def race(setting, activation, gain, lr, seed):
    set_seed(seed)
    model, source = racer(activation, setting, gain), source_of(setting)
    few = replace(source, train=Split(*(tensor[:plan["images"]] for tensor in source.train)),
                  val=Split(*(tensor[:plan["val_images"]] for tensor in source.val)))
    loader = ImageLoader(few, "train", plan["batch_size"], device, shuffle=True, seed=seed)
    val_loader = ImageLoader(few, "val", 500, device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    score = partial(saturated_shares, images=watched[setting]) if activation == "tanh" else None  # after each epoch
    name = f"{setting}-{activation}{f'-gain{gain}' if gain else ''}-lr{lr}-seed{seed}".replace(" ", "-")
    with contextlib.redirect_stdout(io.StringIO()):  # quiet
        run = fit(model, loader, optimizer, None, plan["epochs"], device, {"val": val_loader}, score=score,
                  checkpoint=f"AlexNet/race-{name}")
    if not run.finished:
        raise KeyboardInterrupt
    if not trained:
        print(f"The first of {planned} trainings took {run.minutes:.1f} min,",
              f"so all of them take at least {planned * run.minutes:.0f} min.", flush=True)
    trained[name] = run
    return run
""")
code(r"""
try:
    for setting, rates in RATES.items():
        for activation in ACTIVATIONS:
            tried = {(gain, lr): training_errors(race(setting, activation, gain, lr, SEED))
                     for gain in GAINS[setting] for lr in rates}
            best = min(tried, key=lambda start: (epochs_until(tried[start]), tried[start][-1]))
            chosen[setting, activation] = best
            raced[setting, activation] = [race(setting, activation, *best, seed) for seed in plan["seeds"]]
            for gain in GAINS[setting]:
                print(f"{setting}, {activation}{start_of(gain)}: epochs until 25 %")
                found = (f"lr {lr}: {epochs_until(tried[gain, lr]):.1f}".replace("inf", "never") for lr in rates)
                print("   ", "   ".join(found))
            edge = " (at the edge)" if best[1] in (rates[0], rates[-1]) else ""
            print(f"    -> lr {best[1]}{edge}{start_of(best[0])}", flush=True)
except KeyboardInterrupt:
    print("Stopped. What follows shows the combinations that are done.")
print(f"\n{len(trained)} trainings, together {sum(run.minutes for run in trained.values()):.1f} min")
""")
code(r"""
@styled
def plot_race(title):
    figure, axes = plt.subplots(2, 3, figsize=(11, 5.4), sharex="col", sharey="row")
    for (above, below), setting in zip(axes.T, RATES):
        for colour, activation in zip(COLOURS, ACTIVATIONS):
            for seed, run in enumerate(raced.get((setting, activation), [])):
                middles = [epoch - 0.5 for epoch in run.history["epoch"]]
                above.plot(middles, training_errors(run), color=colour, linewidth=1.2,
                           label=None if seed else activation)
        above.axhline(25, color="#555555", linestyle=":", linewidth=1.2)
        above.set(title=setting, ylim=(0, 92))
        for run in raced.get((setting, "tanh"), [])[:1]:
            untrained = before[setting, chosen[setting, "tanh"][0]]
            for key, line in zip(untrained, ("-", "--", ":")):
                shares = [untrained[key], *run.history[key]]
                below.plot(range(len(shares)), [100 * share for share in shares], color=COLOURS[1], linestyle=line,
                           label=f"layer {key[-1]}")
        below.set(xlabel="epoch", ylim=(-3, 103))
    axes[0, 0].set(ylabel="training error (%)")
    axes[1, 0].set(ylabel="saturated tanh units (%)")
    for axis in axes[:, 0] if raced else ():
        axis.legend(fontsize=10)
    figure.suptitle(title)

plot_race(f"{data.name}, {plan['images']:,} training images: a line for each seed (below: seed 0), dotted at 25 %")
""")
md(r"""
The upper row shows the training error of each activation function at its best learning rate. The curve that crosses the dotted line further to the left is the faster one. The lower row shows how many tanh units are saturated. Now the same in numbers:
""")
code(r"""
rows, means = [], {}
for (setting, activation), runs in raced.items():
    until = [epochs_until(training_errors(run)) for run in runs]
    length = len(runs[0].history["epoch"])
    counted, missed = [min(value, length) for value in until], sum(value > length for value in until)
    note = f" ({missed} of {len(runs)} never, counted as {length})" if missed else ""
    what = f"{setting}, {activation}{start_of(chosen[setting, activation][0])}{note}"
    rows.append(dict(what=what, paper=None, reproduction=None, runs=list(zip(counted, runs))))
    means[setting, activation] = sum(counted) / len(counted), missed
for setting in RATES:
    if (setting, "tanh") in means:
        (relu, relu_missed), (tanh, tanh_missed) = means[setting, "ReLU"], means[setting, "tanh"]
        more = "at least " if tanh_missed else ""
        told = f"tanh takes {more}{tanh / relu:.2f} times as many epochs as ReLU"
        print(f"{setting:18} {'ReLU did not always reach 25 %' if relu_missed else told}")
""")
code(r"""
print("saturated tanh units in layer 1, seed 0")
for setting in RATES:
    for run in raced.get((setting, "tanh"), [])[:1]:
        half, key = max(1, round(means[setting, "tanh"][0] / 2)), "saturated1"
        shares = [before[setting, chosen[setting, "tanh"][0]][key], run.history[key][half - 1], run.history[key][-1]]
        print(f"{setting:18} {shares[0]:4.0%} untrained, {shares[1]:4.0%} half of the way to 25 % (epoch {half}),",
              f"{shares[2]:4.0%} at the end")
print("\nvalidation error when the training error reaches 25 % (or at the end), mean over the seeds")
for (setting, activation), runs in raced.items():
    print(f"{setting:18} {activation:5} {sum(map(validation_error, runs)) / len(runs):.1f} %")
part = f"{plan['images']:,} training images"  # the table for the README
table = ("AlexNet", "epochs until a training error of 25 %", data.name, part, None, rows)
report(*table, table="relu") if len(raced) == 2 * len(RATES) else "The race was stopped, so there is no table."
""")
md(r"""
TODO-NUMBERS <!-- finding first, one of: (a) "ReLU's lead depends on how the network starts": ratio near 1 today (below 1.3: "no difference that our grid can see"), … with cuda-convnet's weights, … with AlexNet's; the saturated units on the way to 25 %: … % in layer 1 in the third setting against … and …. (b) ReLU wins everywhere: by how much, and that it agrees in direction with "several times faster". (c) tanh loses although few of its units are saturated: saturation is not the reason here. Say which variance each activation function preferred in `today`. Caveats: rates from a coarse grid (say which were at the edge), chosen with seed 0, which also counts in the mean, and this flatters both a little; biases 0 may slow ReLU in the third setting; the printed validation errors near … % when the training error is 25 % show that part of the 25 % is memorisation of 4,500 images; four layers, one network, so the paper's six times is not tested as such, and the paper says that the effect's size varies with the architecture. Under (a), end with: "Saturation is a matter of scale: with inputs of standard deviation 1 and weights scaled by the fan-in, a shallow tanh network starts where its slope is large." -->
""")

# --------------------------------------------------------------------------------------------------------- look inside

md(r"""
## Look inside

**Do the two halves specialise?** In Figure 3 of the paper, the first-layer kernels on one GPU are mostly colour-agnostic (edges and gratings), and those on the other are mostly colour-specific. The paper says that this happens in every run. Our network also has two halves: kernels 0 to 23 of the first layer feed one group of the second layer, and kernels 24 to 47 the other.

How much of a kernel is colour? We subtract its mean over red, green and blue, and measure which share of its squared weights is left. A grey kernel has a share of 0. Random weights have about two thirds, because one of three directions in colour space is grey. A kernel that has learned little keeps this share, so we also print the share of each half as a whole, to which weak kernels contribute little.

Could a difference between the halves be chance? We shuffle the 48 kernels 10,000 times (a permutation test). If fewer than 5 % of the shuffles give halves that differ as much as ours, chance is an unlikely explanation.
""")
code(r'''
def colour_energy(weights):  # squared weights of each kernel without its grey part: (48, 3, 5, 5) -> (48,)
    return (weights - weights.mean(dim=1, keepdim=True)).square().sum((1, 2, 3))

set_seed(SEED)
for when, network in {"untrained": SmallAlexNet(), "trained": model}.items():
    weights = network.features[0].weight.detach().cpu()
    energy, colour = weights.square().sum((1, 2, 3)), colour_energy(weights)
    share = colour / energy
    halves = [half.mean().item() for half in share.chunk(2)]
    shuffled = torch.stack([share[torch.randperm(48)] for _ in range(10_000)])
    random_gaps = (shuffled[:, :24].mean(dim=1) - shuffled[:, 24:].mean(dim=1)).abs()
    as_large = (random_gaps >= abs(halves[0] - halves[1]) - 1e-6).float().mean()
    wholes = [c.sum() / e.sum() for c, e in zip(colour.chunk(2), energy.chunk(2))]
    print(f"{when:9}  colour: first half {halves[0]:.0%}, second half {halves[1]:.0%}",
          f"(as wholes: {wholes[0]:.0%}, {wholes[1]:.0%});")
    print(f"{'':9}  as far apart as this: {as_large:.1%} of the shuffles")
''')
code(r'''
def montage(images, columns, gap=1):
    """Images (N, H, W, 3) in [0, 1] as one image, `columns` in a row, on white."""
    tiles = F.pad(images, (0, 0, gap, gap, gap, gap), value=1.0)
    return torch.cat([torch.cat(list(row), dim=1) for row in tiles.split(columns)])

@styled
def show_panels(panels, title, height, widths=None):
    """{title: image} side by side."""
    figure, axes = plt.subplots(1, len(panels), figsize=(10, height), width_ratios=widths)
    for axis, (name, image) in zip(axes, panels.items()):
        axis.imshow(image, interpolation="nearest")
        axis.set_title(name)
        axis.axis("off")
    figure.suptitle(title)

kernels = (weights / weights.abs().amax((1, 2, 3), keepdim=True) + 1).permute(0, 2, 3, 1) / 2  # a weight of 0 is grey
ordered = [half[part.argsort()] for half, part in zip(kernels.chunk(2), share.chunk(2))]
show_panels({"first half": montage(ordered[0], 8), "second half": montage(ordered[1], 8)},
            f"First layer, trained on {data.name}, each half ordered by its share of colour", height=2.7)
''')
md(r"""
TODO-NUMBERS <!-- finding first: do the halves specialise? trained: … % against … % colour, … % of the shuffles, and the same as wholes (if the two disagree, weak kernels decide: say so; the figure scales each kernel to its own maximum and hides this). If fewer than 5 %: "as in the paper"; otherwise "not here", and why that may be (5×5 kernels, small images, n = 1). And what the kernels look like: oriented edges …, coloured blobs … -->

**What does the network find similar?** The paper takes the 4096 activations of the last hidden layer as a **feature vector**, and shows the **nearest neighbours** of a test image among the training images (Figure 4, right). We do the same with our 256 activations, and for comparison with the *pixels*. Labels have shaped the activations, but not the pixels, so the first printed number nearly measures accuracy once more. The images say more.
""")
code(r"""
@torch.no_grad()
def feature_vectors(images):
    with autocast(device, choose_precision(device)[0]):
        maps = [model.features(normalise(some.to(device), data.mean, data.std)) for some in images.split(500)]
        return torch.cat([model.classifier[:5](part.flatten(1)) for part in maps]).float().cpu()  # (N, 256)

database = Split(*(tensor[:10_000] for tensor in data.train))
queries = Split(*(tensor[:1000] for tensor in data.test))
vectors = {
    "activations": (feature_vectors(queries.images), feature_vectors(database.images)),
    "pixels": (queries.images.flatten(1).float(), database.images.flatten(1).float()),
}
nearest = {kind: torch.cdist(a, b).topk(5, largest=False).indices for kind, (a, b) in vectors.items()}
for kind, found in nearest.items():
    same = (database.labels[found[:, 0]] == queries.labels).float().mean()
    print(f"nearest neighbour by {kind}: the same class in {same:.1%} of {len(queries.labels):,} test images")
chosen = [4, 5, 6, 8]
panels = {"test image": montage(queries.images[chosen].float() / 255, 1)}
for kind, found in nearest.items():
    panels[f"nearest by {kind}"] = montage(database.images[found[chosen].flatten()].float() / 255, 5)
show_panels(panels, f"{data.name}: the nearest of {len(database.labels):,} training images", 3.5, [1, 5, 5])
""")
md(r"""
TODO-NUMBERS <!-- finding: by activations the nearest of 10,000 training images has the same class in … % of 1,000 test images, by pixels in … %. In the figure: rows are test images 4, 5, 6, 8; neighbours by pixels share background and brightness, those by activations the object, in other poses and colours. -->

## Use it

The paper's Figure 4 also shows test images with the five most probable classes. Here are four of ours:
""")
code(r"""
# For the README: four test images, and the five most probable classes of each
@styled
def plot_predictions(images, labels, found, title):
    figure, axes = plt.subplots(2, 4, figsize=(10, 3.6), height_ratios=[1.25, 1])
    for (above, below), image, label, p in zip(axes.T, images, labels.tolist(), found):
        above.imshow(image, interpolation="nearest")
        above.set_title(data.classes[label])
        above.axis("off")
        best = p.topk(5)
        colours = [COLOURS[5] if i == label else "#cccccc" for i in best.indices.tolist()]
        below.barh(range(5), best.values, color=colours)
        for place, i in enumerate(best.indices.tolist()):
            below.text(0.03, place, data.classes[i], va="center", fontsize=10)
        below.set(xlim=(0, 1), ylim=(4.6, -0.6), xticks=[], yticks=[])
        below.grid(False)
    figure.suptitle(title)

found = probabilities(model, data.test.images[:4])
plot_predictions(data.test.images[:4], data.test.labels[:4], found, f"{data.name}: true class, and predictions")
for label, p in zip(data.test.labels[:4].tolist(), found):
    best = [(data.classes[i], p[i].item()) for i in p.argsort(descending=True)[:2].tolist()]
    print(f"{data.classes[label]}:", *(f" {name} {value:.0%}" for name, value in best))
""")
md(r"""
TODO-NUMBERS <!-- which of the four are right, and how sure the network is of each; test images 0 to 3 are cat, ship, ship, airplane -->

We save the network in half precision, with its settings, the names of the classes and the normalisation, and load it again:
""")
code(r"""
path = checkpoint_dir() / scale / "AlexNet" / "alexnet-small-weights.pt"
about = dict(settings=dict(num_classes=10, alpha=ALPHA), classes=list(data.classes), mean=list(data.mean),
             std=list(data.std), data=data.name, test_accuracy=one / 100, made=run.made())
save_weights(copy.deepcopy(model).half(), path, **about)
again = SmallAlexNet(**about["settings"])
load_weights(again, path, device)
difference = (probabilities(again.eval(), data.test.images[:100]) - probabilities(model, data.test.images[:100])).abs()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB;",
      f"half precision changes probabilities by {difference.max():.4f} at most")
assert path.stat().st_size < 2e6 and difference.max() < 0.05
""")
md(r"""
**An image of yours.** The repository keeps such a file from the stored run, and `small_alexnet_cifar10` loads it without any training. Put your image beside the notebook and set its name. The network sees its central square in 32×32 pixels. It knows only the ten classes of CIFAR-10, and has no way to answer "none of these". Without a file of yours, we use a test image of CIFAR-10 from the repository.
""")
code(r"""
my_image = None  # for example "my-cat.jpg"

try:
    kept, facts = small_alexnet_cifar10()
except FileNotFoundError:
    kept, facts = again, about
    print("weights/small_alexnet_cifar10.pt is missing, so we use the network that was just trained.")
image = read_image(my_image or root / "architectures" / "resnet" / "weights" / "8_ship.png", size=32)
p = probabilities(kept.to(device), image[None], mean=facts["mean"], std=facts["std"])[0]
answer = ", ".join(f"{facts['classes'][i]} {p[i]:.0%}" for i in p.argsort(descending=True)[:3].tolist())
show_images([image], [answer], columns=1, size=2.6)
print(f"{answer}\nby a network trained on {facts['data']}, test accuracy {100 * facts['test_accuracy']:.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- the image is a ship; what the network says -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Network that is trained | eight layers, 60,965,224 parameters | half of the kernels, 256 hidden units instead of 4096, 942,282 parameters; four layers in the race |
| Pixels | minus the mean | also divided by the standard deviation |
| LRN | α = 10⁻⁴, before pooling | α = 0.1, our choice; after pooling; reaches across the two halves |
| Initial weights | N(0, 0.01²), some biases 1 | He initialisation, biases 0 |
| Learning rate | 0.01, divided by ten three times, 90 epochs | one cycle with peak 0.03, 60 epochs at scale `cpu` |
| Momentum | $\varepsilon$ inside $v$ | PyTorch's form: $v$ without $\varepsilon$, multiplied by the current one |
| Augmentation | crops, flips, PCA colour augmentation | shifts by up to four pixels, flips |
| Ten views | crops of 224 in 256 pixels | shifts by two pixels |
| Figure 1 | four-layer network, not described; CIFAR-10 | `AlexNetCifar` on 4,500 images, batches of 64, biases 0; mean pixel, not mean image, subtracted |
| Precision | float32 | bfloat16 in the forward pass where the chip has it |

## Exercises

1. **Real kernels.** Load torchvision's ImageNet weights (244 MB) into `OneTower`, as the README shows, and show `features[0].weight` as images. Which kernels are edges, which are blobs of colour? Then classify a photograph of yours; the names of the classes are in `torchvision.models.AlexNet_Weights.IMAGENET1K_V1.meta["categories"]`.
2. **LRN and its successor.** Replace `LocalResponseNorm` in `SmallAlexNet` by `nn.Identity()`, and then by `nn.BatchNorm2d`. What does each gain, and what does an epoch cost? On a CPU, train for 20 epochs.
3. **Against overfitting.** Train `SmallAlexNet` on 4,500 images for 100 epochs: with dropout and augmentation, with only one of them, and with neither. Which of the two helps more, and do they add up?
4. **Pixels or weights?** Add a fourth setting to the race: the pixels of `today` with the weights of `AlexNet 2012`. How many tanh units are saturated before training, and which activation function is faster?

## Further reading

- [The paper](https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html).
- Krizhevsky, [One weird trick for parallelizing convolutional neural networks](https://arxiv.org/abs/1404.5997), 2014: where torchvision's version comes from.
- [LeNet](../lenet/), where it comes from, and [VGG](../vgg/), where it went.
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
