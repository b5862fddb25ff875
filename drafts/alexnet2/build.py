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

You will build AlexNet as published, with its 60,965,224 parameters and its two halves for two GPUs, and a version for images of 32×32 pixels. You will train the small version on CIFAR-10, find out when ReLU learns faster than tanh, measure what data augmentation and dropout do against overfitting, and classify an image of your own. TODO-NUMBERS <!-- one sentence: "The main result: with half of AlexNet's channels and 942,282 parameters, our network classifies … % of the CIFAR-10 test images correctly, and … % if we average over ten views of each image, as the paper does (one run)." from the printed line under Results -->

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "The main run took … minutes on one thread of a two-core …, all trainings together …" from the tables' notes and the printed minutes; PLAN.md has the estimate --> Scales: `quick` (half a minute, offline, generated shapes; its numbers mean nothing), `cpu`, `gpu` and `paper` (more epochs, more seeds). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import contextlib
import copy
import io
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from architectures.alexnet.alexnet import AlexNet, AlexNetCifar, OneTower
from utils.checkpoint import checkpoint_dir, load_file, load_weights, save_weights
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
Five convolutions turn an image of 227×227 pixels into 256 feature maps of 6×6, and three linear (fully connected) layers turn those into scores for 1000 classes.

## The paper in brief

**The question.** [LeNet](../lenet/) read digits in 1998. Could a convolutional network recognise a thousand kinds of objects in photographs? The best entries in the ImageNet competition (ILSVRC) computed features that people had designed, and put a classifier behind them. Two things had changed since LeNet: ImageNet offered 1.2 million labelled images, and GPUs had become fast enough.

**The idea.** A much larger LeNet, and everything it takes to train it:

- **ReLU**, $\max(0, x)$, instead of tanh, because it does not saturate (section 3.1);
- **two GPUs** with 3 GB each, which exchange feature maps only in some layers (3.2);
- **local response normalisation** (LRN): a strong activation damps its neighbours in other channels (3.3);
- **overlapping pooling**: 3×3 windows with stride 2 (3.4);
- **data augmentation**: random crops, flips and shifts of colour (4.1);
- **dropout** in the first two linear layers (4.2).

**The recipe.** SGD with momentum 0.9, weight decay 0.0005, batches of 128, and a learning rate of 0.01 that is divided by ten three times. About 90 epochs took five to six days.

**The results.** Top-5 error means that the true class is not among the five most probable ones.

| | top-1 error, % | top-5 error, % |
|---|---|---|
| ILSVRC-2010 test: best published before | 45.7 | 25.7 |
| ILSVRC-2010 test: AlexNet | 37.5 | 17.0 |
| ILSVRC-2012 validation: one AlexNet | 40.7 | 18.2 |
| ILSVRC-2012 test: average of five | – | 16.4 |
| ILSVRC-2012 test: average of seven, two of them pre-trained on more of ImageNet | – | **15.3** |
| ILSVRC-2012 test: second-best entry | – | 26.2 |

The paper also says what the parts are worth, in points of top-1 error: two GPUs 1.7 (compared with one GPU and half of the kernels), LRN 1.4, overlapping pooling 0.4, shifts of colour more than 1. If any of the middle layers is removed, about 2 points are lost. These are measurements on ImageNet after long trainings, and two CPU cores can neither confirm nor refute them. Below we test two claims that we can: that ReLU learns faster, and that augmentation and dropout reduce overfitting.

## The data

The paper itself tests ideas on CIFAR-10: 60,000 images of 32×32 pixels in ten classes. We train on 45,000, make our choices on 5,000, and test on 10,000.
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

In backpropagation a gradient is multiplied by the slope of each activation function that it passes. On the right you see these slopes:
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
    axes[1].set(title="its slope", xlabel="input")
    axes[0].legend()

points = torch.tensor([0.5, 2.0, 4.0], requires_grad=True)
slopes, = torch.autograd.grad(torch.tanh(points).sum(), points)
print("slope of tanh:", ", ".join(f"{s:.4f} at {x}" for x, s in zip(points.tolist(), slopes.tolist())))
assert torch.allclose(slopes, 1 - torch.tanh(points) ** 2, atol=1e-6)
plot_activations()
""")
md(r"""
Tanh **saturates**: at an input of 4 its slope is about a thousandth, and after two such layers hardly any gradient is left. The slope of ReLU is 1 for every positive input, however large. The price is a slope of 0 for negative inputs: a unit that is negative for all images no longer learns.

### Local response normalisation

Let $a^i$ be the activation of channel $i$ at some position. LRN divides it by a term that grows with the activations of the $n = 5$ channels around it, at the same position:

$$b^i = a^i \Big/ \Big(k + \alpha \sum_j (a^j)^2\Big)^{\beta}, \qquad k = 2,\ \alpha = 10^{-4},\ \beta = 0.75.$$

So channels compete: a channel's activation counts for less beside a strong neighbour.
""")
code("# %load -s LocalResponseNorm alexnet.py")
code(r"""
a = torch.tensor([0.0, 0.0, 100.0, 20.0, 0.0, 0.0]).view(1, 6, 1, 1)  # (image, channel, row, column)
beside = LocalResponseNorm()(a)[0, 3].item()
alone = LocalResponseNorm()(torch.where(a == 20, a, 0))[0, 3].item()
assert abs(beside - 20 / (2 + 1e-4 * (100**2 + 20**2)) ** 0.75) < 1e-4
print(f"an activation of 20 becomes {alone:.2f} alone, and {beside:.2f} beside one of 100")

pixel_std = 255 * sum(data.std) / 3  # on a scale of 0 to 255
ALPHA = 1e-4 * pixel_std**2
x = torch.randn(2, 8, 4, 4)
assert torch.allclose(LocalResponseNorm()(pixel_std * x) / pixel_std, LocalResponseNorm(alpha=ALPHA)(x), atol=1e-5)
print(f"standard deviation of the pixels: {pixel_std:.0f}, alpha for inputs divided by it: {ALPHA:.2f}")
for alpha in (1e-4, ALPHA):
    factors = LocalResponseNorm(alpha=alpha)(x) / x
    print(f"alpha {alpha:.4f}: activations of about 1 are multiplied by {factors.min():.3f} to {factors.max():.3f}")
""")
md(r"""
The constant $\alpha$ needs care. The paper subtracts the mean from the pixels and nothing more, so its inputs go up to about ±128. Today we also divide by the standard deviation $s$, here about 64. If all activations become $s$ times smaller, LRN does the same as before only with $\alpha s^2$ in place of $\alpha$, as the second assertion shows. With 10⁻⁴ and today's inputs, LRN would multiply everything by the same constant $2^{-0.75} \approx 0.595$, as the last two printed lines show, and no channel would compete with another.

Two years later [VGG](../vgg/) found no gain from LRN on ImageNet, and batch normalisation took its place.

### Overlapping pooling

Windows of 3 with stride 2 share a pixel with their neighbours, so a strong activation between two windows is seen by both. In one dimension:
""")
code(r"""
row = torch.tensor([[[1.0, 2.0, 9.0, 3.0, 4.0, 5.0, 6.0]]])  # (image, channel, position)
plain, overlapping = F.max_pool1d(row, 2, 2)[0, 0].tolist(), F.max_pool1d(row, 3, 2)[0, 0].tolist()
print("windows of 2, stride 2:", plain, "  windows of 3, stride 2:", overlapping)
assert plain == [2, 9, 5] and overlapping == [9, 9, 6]
""")
md(r"""
### Two GPUs

The network did not fit into 3 GB, so the authors cut it in half. Each GPU has one half of the kernels. In the drawing, white layers see the outputs of both GPUs, blue ones only those of their own.
""")
code(r"""
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
Layers 2, 4 and 5 stay on their GPU. Today we call this a **grouped convolution**, with two groups: it is the same as two convolutions side by side, and it halves the weights.
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

During training, each hidden unit of the linear layers is set to zero with probability 0.5, so no unit can rely on another one being there. PyTorch doubles the units that stay, so that the expected sum keeps its size. (The paper instead halves all outputs at test time.)
""")
code(r"""
set_seed(SEED)
dropped = F.dropout(torch.ones(10_000), 0.5)
assert set(dropped.tolist()) == {0.0, 2.0} and abs(dropped.mean().item() - 1) < 0.05
print(f"{(dropped == 0).float().mean():.1%} of the units are 0, the others 2; the mean is {dropped.mean():.3f}")
""")
md(r"""
### Data augmentation

The paper trains on random crops of 224×224 pixels from images of 256×256, and flips half of them. It also shifts the colours of each image along the principal components of all pixels, which we leave out. For 32×32 pixels the usual form is to pad the image by four black pixels on each side, and to crop it at random:
""")
code(r"""
set_seed(SEED)
copies = data.train.images[first[8:9]].expand(10, -1, -1, -1)  # one image, ten times
top, left, flipped = torch.randint(9, (10,)), torch.randint(9, (10,)), torch.rand(10) < 0.5
top[0], left[0], flipped[0] = 4, 4, False
show_images(crop_and_flip(copies, top, left, flipped, padding=4), ["original"] + ["augmented"] * 9,
            title=f"{data.name}: one image, and nine augmented versions of it")
""")

# ------------------------------------------------------------------------------------------------------------ network

md(r"""
## The whole network

The weights are initialised from N(0, 0.01²). Some biases start at 1, so that their ReLUs begin with positive inputs.
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
""")
md(r"""
**The convolutions do 92 % of the work with 4 % of the parameters**, and the linear layers the opposite. [GoogLeNet](../inception/) and ResNet therefore kept only the last linear layer.

AlexNet in torchvision is a form of 2014 for one GPU, without groups and LRN. We have it as `OneTower`, and it computes the same:
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

The first kernels of AlexNet are 11×11, moved by 4, which would leave little of a CIFAR image. We keep the eight layers, their order, the groups, LRN, overlapping pooling and dropout, and change three things: each convolution has **half of the channels**; the first one has 5×5 kernels and stride 1; and the linear layers have 256 units instead of 4096. LRN follows the pooling, so that it has to normalise only a quarter of the positions. The weights are initialised with He initialisation, which suits inputs with standard deviation 1.
""")
code(r'''
class SmallAlexNet(nn.Module):
    """AlexNet for images of 32 pixels, with half of its channels: (B, 3, 32, 32) -> (B, num_classes)."""

    def __init__(self, num_classes=10, alpha=1e-4, dropout=0.5):
        super().__init__()

        def conv(in_channels, out_channels, size, groups=1):
            layer = nn.Conv2d(in_channels, out_channels, size, padding=size // 2, groups=groups)
            return layer, nn.ReLU(inplace=True)

        def pool():
            return nn.MaxPool2d(kernel_size=3, stride=2)

        self.features = nn.Sequential(
            *(*conv(3, 48, 5), pool(), LocalResponseNorm(alpha=alpha)),  # 15 × 15
            *(*conv(48, 128, 5, groups=2), pool(), LocalResponseNorm(alpha=alpha)),  # 7 × 7
            *(*conv(128, 192, 3), *conv(192, 192, 3, groups=2), *conv(192, 128, 3, groups=2), pool()),  # 3 × 3
        )
        self.classifier = nn.Sequential(
            *(nn.Linear(128 * 3 * 3, 256), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(256, 256), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(256, num_classes),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))

parts = {"features.1": "conv 1", "features.3": "pool, LRN", "features.5": "conv 2", "features.7": "pool, LRN",
         "features.9": "conv 3", "features.11": "conv 4", "features.13": "conv 5", "features.14": "pool",
         "classifier.1": "linear 6", "classifier.4": "linear 7", "classifier.6": "linear 8"}
draw_network(SmallAlexNet(), torch.zeros(1, 3, 32, 32), parts, "AlexNet for 32×32 pixels")
''')
md(r"""
Before a long training, a sanity check: can the network overfit 16 images?
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
assert count(model) == 942_282 and right == 16, "one batch cannot be overfitted: there is a bug"
""")

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

We train with SGD, momentum 0.9, weight decay 0.0005 and batches of 128, as in the paper. The learning rate follows a one-cycle schedule: it rises during the first fifth of the steps and then falls to zero. We did not tune its peak. The training loop is `train_one_epoch` in [utils/training.py](../../utils/training.py).

All settings are in one table. `race` and `few` belong to the two experiments further down, which train a smaller network on the first `images` training images. `RATES` are the learning rates that the race tries, for `tries` epochs each.
""")
code(r"""
RATES = {"today": (0.003, 0.01, 0.03, 0.1), "weights of 2012": (0.01, 0.03, 0.1, 0.3),
         "weights and pixels of 2012": (0.0003, 0.001, 0.003, 0.01)}
SETTINGS = {
    "quick": dict(epochs=2, batch_size=50, lr=0.02, seeds=[0],
                  race=dict(images=100, tries=1, epochs=2), few=dict(images=100, epochs=2)),
    "cpu": dict(epochs=44, batch_size=128, lr=0.03, seeds=[0, 1, 2],
                race=dict(images=4500, tries=6, epochs=45), few=dict(images=4500, epochs=40)),
    "gpu": dict(epochs=100, batch_size=128, lr=0.03, seeds=[0, 1, 2],
                race=dict(images=4500, tries=6, epochs=45), few=dict(images=4500, epochs=40)),
    "paper": dict(epochs=200, batch_size=128, lr=0.03, seeds=[0, 1, 2, 3, 4],
                  race=dict(images=45000, tries=3, epochs=30), few=dict(images=4500, epochs=100)),
}
settings = SETTINGS[scale]
if scale == "quick":
    RATES = {setting: rates[1:3] for setting, rates in RATES.items()}
for name, value in {**settings, **RATES}.items():
    print(f"{name:28} {value}")
""")
code(r'''
def train(name, build, epochs, lr, seed=SEED, source=data, images=None, batch_size=64, augment=False, decay=0.0,
          cycle=True, lines=1, quiet=True):
    """Seed, build, train; returns (model, Run). `images`: only the first so many, and no validation on the way."""
    set_seed(seed)
    model = build()
    part = replace(source, train=Split(*(tensor[:images] for tensor in source.train)))
    train_loader = ImageLoader(part, "train", batch_size, device, shuffle=True, augment=augment, seed=seed)
    evaluate_on = {} if images else {"val": ImageLoader(source, "val", 500, device)}
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=decay)
    scheduler = None
    if cycle:
        steps = epochs * len(train_loader)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.2, cycle_momentum=False)
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        run = fit(model, train_loader, optimizer, scheduler, epochs, device, evaluate_on, lines=lines,
                  checkpoint=f"AlexNet/{name.replace(' ', '-')}-seed{seed}")
    return model.eval(), run

model, run = train("small", lambda: SmallAlexNet(alpha=ALPHA), settings["epochs"], settings["lr"], augment=True,
                   batch_size=settings["batch_size"], decay=5e-4, lines=12, quiet=False)
plot_histories({"AlexNet for 32×32 pixels": run}, data.name)
''')
md(r"""
TODO-NUMBERS <!-- what to see in the curves: validation accuracy after 10 epochs, after half, at the end; it jumps while the rate is high and gains its last points as the rate falls to zero. Dashed: training images with augmentation and dropout, averaged during the epoch, so it lies below the validation curve until … --> The dashed curves are averages over an epoch, on augmented images and with dropout. So they can lie below the accuracy on validation images, which is measured without either.

## Results

At test time the paper averages the predictions for **ten views** of an image: four corner crops, the central crop, and the flipped versions of the five. Our views are the image itself, the image shifted by two pixels along both diagonals, and their flipped versions. Nothing was chosen on the test set.
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
print(f"{data.name}, test accuracy: {one:.2f} % with one view, {ten:.2f} % with ten")
fitted = Split(*(tensor[:10_000] for tensor in data.train))
print(f"training accuracy without augmentation and dropout: {100 - error_on(model, fitted):.2f} %",
      f"(first {len(fitted.labels):,} images)")
assert scale == "quick" or not run.finished or one > 80, "far below what this network can do: something is broken"
split_name = "45k/5k" if scale != "quick" else "generated"
rows = [dict(what=what, paper=None, reproduction=None, runs=[(error, run)]) for what, error in errors.items()]
report("AlexNet", "test error, %", data.name, split_name, None, rows)
''')
md(r"""
TODO-NUMBERS <!-- finding first: "Our AlexNet classifies … % of the test images correctly (n = 1), and ten views add … points." If one view is below 85 %, say so plainly. Training accuracy … %, so the generalisation gap is … points: dropout and augmentation have (not) prevented overfitting. Standard error of the finite test set: about 0.34 points at 86 %. -->

How good is that? The paper mentions 11 % test error with LRN and 13 % without on CIFAR-10, for another network with four layers (section 3.3), which its code trained for hundreds of epochs. Those figures are not comparable in detail, but they show the order of magnitude.
""")

# --------------------------------------------------------------------------------------------------------------- race

md(r"""
## Does ReLU learn faster than tanh?

In Figure 1 of the paper, a four-layer network reaches a training error of 25 % on CIFAR-10 six times faster with ReLU than with tanh. There is no regularisation, and each of the two has the learning rate that makes it fastest. The paper does not describe this network further. (A footnote refers to published code, but for the network of section 3.3.)

We use a four-layer network of our own, with the convolutions of `layers-18pct.cfg` in cuda-convnet, Krizhevsky's code of that time ([a copy](https://github.com/dnouri/cuda-convnet)): 5×5 kernels and 32, 32 and 64 channels.
""")
code("# %load -s AlexNetCifar alexnet.py")
md(r"""
Whether tanh saturates depends on the size of its inputs, that is, on the pixels and on the weights. Both have changed since 2012. So we compare three settings:

| setting | pixels | initial weights |
|---|---|---|
| today | minus the mean, divided by the standard deviation | PyTorch's default |
| weights of 2012 | as today | the same function as in the next row |
| weights and pixels of 2012 | minus the mean, up to about ±128 | standard deviation 0.0001 in the first layer and 0.01 in the others, as in `layers-18pct.cfg`; biases 0 |

In the second row we multiply the first layer's weights by the pixels' standard deviation. Then the untrained networks of rows two and three compute *exactly the same*, and only their learning differs. In the third row, the first layer's weights are about 64 times smaller and their gradients 64 times larger, and a step of the same size moves the output 64 times as far. So at the same learning rate, the first layer learns about 4,000 times as fast.

What would the outcomes mean? If ReLU is faster by its nature, it wins in all three settings. If saturation is what slows tanh down, ReLU wins where tanh units become flat, and only there. Therefore we also count flat units, those with a slope below 0.1. To fit two cores we train on the first 4,500 images, with three seeds. For each combination we take the learning rate, out of four, with the lowest training error after six epochs (seed 0). The race prints a line whenever a combination is done, every few minutes.
""")
code(r'''
ACTIVATIONS = {"ReLU": nn.ReLU, "tanh": nn.Tanh}
large_pixels = replace(data, std=(1 / 255,) * 3)  # minus the mean, up to about ±128

def racer(activation, setting):
    """The four-layer network without LRN and dropout, with the setting's initial weights."""
    model = AlexNetCifar(activation=ACTIVATIONS[activation], lrn=False)
    if setting != "today":
        layers = [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
        for layer, std in zip(layers, (0.0001, 0.01, 0.01, 0.01)):
            nn.init.normal_(layer.weight, 0, std)
            nn.init.zeros_(layer.bias)
        if setting == "weights of 2012":
            layers[0].weight.data *= 255 * torch.tensor(data.std).view(1, 3, 1, 1)
    return model

def source_of(setting):
    return large_pixels if setting == "weights and pixels of 2012" else data

outputs = []
for setting in ("weights of 2012", "weights and pixels of 2012"):
    set_seed(SEED)
    images, _ = next(iter(ImageLoader(source_of(setting), "val", 100, "cpu")))
    with torch.no_grad():
        outputs.append(racer("tanh", setting)(images))
assert torch.allclose(*outputs, rtol=1e-3, atol=1e-6), "the two should compute the same before training"
print(f"largest output {outputs[0].abs().max():.1e}, largest difference {(outputs[0] - outputs[1]).abs().max():.1e}")
''')
code(r'''
plan, raced = settings["race"], {}

def race(setting, activation, epochs, lr, seed=SEED):
    name = f"race {setting} {activation} {epochs} lr{lr}"
    return train(name, lambda: racer(activation, setting), epochs, lr, seed, source_of(setting), plan["images"],
                 cycle=False)

def training_errors(run):
    return [100 - 100 * accuracy for accuracy in run.history["train_accuracy"]]

def epochs_until(errors, goal=25.0):
    """When a curve first falls to `goal`, by a straight line between epochs; infinite if it does not."""
    for epoch, (before, after) in enumerate(zip([90.0, *errors], errors)):
        if after <= goal < before:
            return epoch + (before - goal) / (before - after)
    return float("inf")

assert epochs_until([50.0, 30.0, 20.0]) == 2.5
for setting, rates in RATES.items():
    for activation in ACTIVATIONS:
        found = {lr: training_errors(race(setting, activation, plan["tries"], lr)[1])[-1] for lr in rates}
        best = min(found, key=found.get)
        raced[setting, activation] = [race(setting, activation, plan["epochs"], best, s) for s in settings["seeds"]]
        print(f"{setting}, {activation}:", *(f" lr {lr}: {error:.0f} %" for lr, error in found.items()), f" -> {best}",
              "(at the edge)" if best in (rates[0], rates[-1]) else "", flush=True)
''')
code(r'''
@styled
def plot_race(title):
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    for axis, setting in zip(axes, RATES):
        for colour, activation in zip(COLOURS, ACTIVATIONS):
            for seed, (_, run) in enumerate(raced[setting, activation]):
                axis.plot(run.history["epoch"], training_errors(run), color=colour, linewidth=1.2,
                          label=None if seed else activation)
        axis.axhline(25, color="#555555", linestyle=":", linewidth=1.2)
        axis.set(title=setting, xlabel="epoch", ylim=(0, 92))
    axes[0].set(ylabel="training error (%)")
    axes[0].legend()
    figure.suptitle(title)

def in_epochs(value):
    return "     –" if value == float("inf") else f"{value:6.1f}"

print(f"{'':36} epochs until 25 % training error   at the end")
for setting in RATES:
    until = {}
    for activation in ACTIVATIONS:
        curves = [training_errors(run) for _, run in raced[setting, activation]]
        until[activation] = [epochs_until(curve) for curve in curves]
        print(f"{setting + ', ' + activation:36}", *map(in_epochs, until[activation]),
              f"{'':12}", *(f"{curve[-1]:5.1f} %" for curve in curves))
    relu, tanh = (sum(values) / len(values) for values in until.values())
    if max(relu, tanh) < float("inf"):
        print(f"{'':36} tanh takes {tanh / relu:.2f} times as long as ReLU")
plot_race(f"{data.name}, {plan['images']:,} training images: a line for each seed, dotted at 25 %")
''')
code(r'''
@torch.no_grad()
def flat_share(model, setting):
    """For each tanh layer, the share of units with a slope below 0.1, over 500 validation images."""
    x, _ = next(iter(ImageLoader(source_of(setting), "val", 500, device)))
    shares = []
    for layer in model.to(device).features:
        x = layer(x)
        if isinstance(layer, nn.Tanh):
            shares.append((1 - x.square() < 0.1).float().mean().item())
    return shares

print(f"{'flat tanh units in layer':36} {'1':>6} {'2':>6} {'3':>6}")
for setting in RATES:
    set_seed(SEED)
    networks = {"untrained": racer("tanh", setting), "trained": raced[setting, "tanh"][0][0]}
    for when, network in networks.items():
        print(f"{setting + ', ' + when:36}", *(f"{share:6.1%}" for share in flat_share(network, setting)))
rows = [
    dict(what=f"{setting}, {activation}", paper=None, reproduction=None,
         runs=[(training_errors(run)[-1], run) for _, run in nets])
    for (setting, activation), nets in raced.items()
]
part = f"{plan['images']:,} training images"
report("AlexNet", f"training error after {plan['epochs']} epochs, %", data.name, part, None, rows, table="relu")
''')
md(r"""
TODO-NUMBERS <!-- finding first, one of: (a) "ReLU's lead is a property of 2012's pixels, not of ReLU": ratio near 1 today (first edition, all 45,000 images: 1.0), … with 2012's weights, … with 2012's pixels as well; the flat units: … % in layer 1 after training in the third setting against … and …. (b) If the ratio is near 1 in all three: "With published weights of 2012, tanh is as fast as ReLU in this network", and that our first guess (0.01 in all layers with ±128 pixels, first edition: more than twice as long) saturated tanh before the first step. (c) If ReLU wins everywhere: by how much, and that it agrees in direction. Caveats: rates from a grid of four, short tries (say which were at the edge); 4,500 images; four layers, so the paper's six times was not tested; the paper itself says that the size of the effect varies with the architecture. Under (a) or (b) end with: "Saturation is a matter of scale: with inputs of standard deviation 1 and weights scaled by the fan-in, as is usual today, a shallow tanh network starts where its slope is large." -->
""")

# ----------------------------------------------------------------------------------------------------------- overfitting

md(r"""
## What helps against overfitting?

The paper says that without augmentation its authors would have had to use much smaller networks, and that without dropout the network overfits substantially. A regulariser can only pay where a network overfits, so we give the four-layer network few images: 4,500, a tenth of the training set. We train it with nothing but weight decay, with dropout before the linear layer, with augmentation, and with both (three seeds each, same epochs and learning rate).

If a method works against overfitting, we will see two things at once: a *higher* error on the training images and a *lower* one on validation images.
""")
code(r"""
METHODS = {"neither": (0, False), "dropout": (0.5, False), "augmentation": (0, True), "both": (0.5, True)}
images, epochs = settings["few"].values()
few = Split(*(tensor[:images] for tensor in data.train))
trained, errors = {}, {}
for label, (dropout, augment) in METHODS.items():
    def build(dropout=dropout):
        return AlexNetCifar(lrn=False, dropout=dropout)

    trained[label] = [
        train(f"few {label}", build, epochs, 0.02, seed, images=images, augment=augment, decay=5e-4)
        for seed in settings["seeds"]
    ]
    for name, part in (("training", few), ("validation", data.val)):
        errors[label, name] = [error_on(model, part) for model, _ in trained[label]]
        print(f"{label + ', ' + name + ' error':32}", *(f"{error:6.1f} %" for error in errors[label, name]), flush=True)
rows = [dict(what=label, paper=None, reproduction=None, runs=[(error_on(model, data.test), run) for model, run in nets])
        for label, nets in trained.items()]
report("AlexNet", "test error, %", data.name, f"{images:,} training images", None, rows, table="few")
""")
code(r"""
@styled
def plot_gaps(title):
    figure, axis = plt.subplots(figsize=(7, 3.4))
    for place, label in enumerate(METHODS):
        means = []
        for colour, name, marker in zip(COLOURS, ("training", "validation"), "so"):
            values = errors[label, name]
            axis.plot([place] * len(values), values, marker, color=colour, label=None if place else f"{name} images")
            means.append(sum(values) / len(values))
        axis.plot([place, place], means, color="#999999", zorder=0)
        axis.annotate(f"gap {means[1] - means[0]:.0f}", (place + 0.08, sum(means) / 2), fontsize=10)
    axis.set(xticks=range(len(METHODS)), xlim=(-0.4, len(METHODS) - 0.4), ylabel="error (%)", title=title)
    axis.set_ylim(-3, 5 + max(max(values) for values in errors.values()))
    axis.set_xticklabels(METHODS)
    axis.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))

plot_gaps(f"{data.name}, {images:,} training images")
""")
md(r"""
TODO-NUMBERS <!-- finding first: with neither, the network memorises (training error … %, validation …, gap … points). Augmentation lowers the validation error by … points and the gap to …; dropout by … and …; both together … (does dropout add anything on top?). If dropout alone does not lower the validation error, say so, and that here it stands before the only linear layer, while the paper's has two large ones. Caveats: one learning rate for all, not tuned; 4,500 images. -->
""")

# --------------------------------------------------------------------------------------------------------- look inside

md(r"""
## Look inside

**Do the two halves specialise?** In Figure 3 of the paper, the first-layer kernels on one GPU are mostly colour-agnostic (edges and gratings), and those on the other are mostly coloured blobs. The paper says that this happens in every run. Our network also has two halves: kernels 0 to 23 of the first layer feed one group of the second layer, and kernels 24 to 47 the other. For each kernel we measure how much of it is colour: the share of its squared weights that is left when the mean over red, green and blue is subtracted. If the halves have specialised, their means differ by more than those of random halves, which we get by shuffling the kernels 10,000 times.
""")
code(r'''
def colour_share(weights):  # (48, 3, 5, 5) -> (48,)
    colour = weights - weights.mean(dim=1, keepdim=True)
    return colour.square().sum((1, 2, 3)) / weights.square().sum((1, 2, 3))

set_seed(SEED)
networks = {"untrained": SmallAlexNet(), "trained": model}
for when, network in networks.items():
    weights = network.features[0].weight.detach().cpu()
    share = colour_share(weights)
    halves = [half.mean().item() for half in share.chunk(2)]
    shuffled = torch.stack([share[torch.randperm(48)] for _ in range(10_000)])
    random_gaps = (shuffled[:, :24].mean(dim=1) - shuffled[:, 24:].mean(dim=1)).abs()
    as_large = (random_gaps >= abs(halves[0] - halves[1]) - 1e-6).float().mean()
    print(f"{when:9}  colour: first half {halves[0]:.0%}, second half {halves[1]:.0%};",
          f"as far apart as this: {as_large:.1%} of the shuffles")

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
TODO-NUMBERS <!-- finding first: do the halves specialise? trained: … % against … % colour, … % of the shuffles. If fewer than 5 %: "as in the paper"; otherwise "not here", and why that may be (5×5 kernels, small images, n = 1). And what the kernels look like: oriented edges …, coloured blobs … -->

**What does the network find similar?** The paper takes the 4096 activations of the last hidden layer as a description of an image, and shows which training images have the nearest descriptions (Figure 4, right). We do the same with our 256 activations. For comparison we also look for the images with the nearest *pixels*.
""")
code(r"""
@torch.no_grad()
def describe(images):
    with autocast(device, choose_precision(device)[0]):
        maps = [model.features(normalise(some.to(device), data.mean, data.std)) for some in images.split(500)]
        return torch.cat([model.classifier[:5](part.flatten(1)) for part in maps]).float().cpu()  # (N, 256)

database = Split(*(tensor[:10_000] for tensor in data.train))
queries = Split(*(tensor[:1000] for tensor in data.test))
described = {
    "activations": (describe(queries.images), describe(database.images)),
    "pixels": (queries.images.flatten(1).float(), database.images.flatten(1).float()),
}
nearest = {kind: torch.cdist(a, b).topk(5, largest=False).indices for kind, (a, b) in described.items()}
for kind, found in nearest.items():
    same = (database.labels[found[:, 0]] == queries.labels).float().mean()
    print(f"nearest by {kind}: the same class in {same:.1%} of {len(queries.labels):,} test images")
chosen = [4, 5, 6, 8]
panels = {"test image": montage(queries.images[chosen].float() / 255, 1)}
for kind, found in nearest.items():
    panels[f"nearest by {kind}"] = montage(database.images[found[chosen].flatten()].float() / 255, 5)
show_panels(panels, f"{data.name}: the nearest of {len(database.labels):,} training images", 3.5, [1, 5, 5])
""")
md(r"""
TODO-NUMBERS <!-- finding: by activations the nearest of 10,000 training images has the same class in … % of 1,000 test images, by pixels in … %. In the picture: rows are test images 4, 5, 6, 8; neighbours by pixels share background and brightness, those by activations the object, in other poses and colours. -->

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
    best = p.topk(2)
    print(f"{data.classes[label]}:", *(f" {data.classes[i]} {v:.0%}" for v, i in zip(*map(torch.Tensor.tolist, best))))
""")
md(r"""
TODO-NUMBERS <!-- which of the four are right, and how sure the network is of each; test images 0 to 3 are cat, ship, ship, airplane -->

We save the network in half precision and load it again:
""")
code(r"""
path = checkpoint_dir() / scale / "AlexNet" / "alexnet-small-weights.pt"
about = dict(data=data.name, classes=list(data.classes), mean=list(data.mean), std=list(data.std), alpha=ALPHA)
save_weights(copy.deepcopy(model).half(), path, **about, test_accuracy=one, made=run.made())
again = SmallAlexNet(alpha=ALPHA)
load_weights(again, path, device)
difference = (probabilities(again.eval(), data.test.images[:100]) - probabilities(model, data.test.images[:100])).abs()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB;",
      f"half precision changes probabilities by {difference.max():.4f} at most")
assert path.stat().st_size < 2e6 and difference.max() < 0.05
""")
md(r"""
**An image of yours.** Put it beside the notebook and set its name. The network knows only the ten classes of CIFAR-10, and sees the central square of your image in 32×32 pixels. The repository contains trained weights, so you need neither training nor internet: run the notebook at scale `quick`, and this cell still uses the network that was trained on CIFAR-10. Without a file of yours, a test image stands in.
""")
code(r"""
my_image = None  # for example "my-cat.jpg"

kept = root / "architectures" / "alexnet" / "weights" / "alexnet_small_cifar10.pt"
chosen = kept if kept.is_file() else path  # `make keep` puts it there
about = load_file(chosen)
reader = SmallAlexNet(len(about["classes"]), about["alpha"]).eval()
load_weights(reader, chosen, device)
image = read_image(my_image, size=32) if my_image else data.test.images[1]
best = probabilities(reader, image[None], TEN_VIEWS, about["mean"], about["std"])[0].topk(3)
answer = ", ".join(f"{about['classes'][i]} {p:.0%}" for p, i in zip(best.values.tolist(), best.indices.tolist()))
show_images([image], [answer], columns=1, size=2.6)
print(f"{answer}\nby a network trained on {about['data']}, test accuracy {about['test_accuracy']:.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- test image 1 is a ship; what the network says (first edition: "ship 50 %, automobile 49 %") -->

For photographs, use the ImageNet weights. torchvision downloads them (244 MB), and they fit into `OneTower`:

```python
theirs = torchvision.models.alexnet(weights="IMAGENET1K_V1")
photographer = OneTower()
photographer.load_state_dict(theirs.state_dict())
```

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet; CIFAR-10 for small tests | CIFAR-10 |
| Network that is trained | eight layers, 60,965,224 parameters | eight layers, half of the channels, 942,282 parameters; four layers in the experiments |
| Pixels, α of LRN | minus the mean, 10⁻⁴ | also divided by the standard deviation, 0.41 |
| Order | LRN, then pooling | pooling, then LRN |
| Initial weights | N(0, 0.01²), some biases 1 | He initialisation, biases 0 |
| Learning rate | 0.01, divided by ten three times, 90 epochs | one cycle with peak 0.03, 44 epochs at scale `cpu` |
| Augmentation | crops, flips, shifts of colour | shifts by up to four pixels, flips |
| Figure 1 | four-layer network, not described; all of CIFAR-10 | `AlexNetCifar` on 4,500 images; mean pixel, not mean image, subtracted |
| Precision | float32 | bfloat16 in the forward pass where the chip has it |

## Exercises

1. **Real kernels.** Load the ImageNet weights as above and show `photographer.features[0].weight` as images. Which of the 64 kernels of 11×11 are edges, which are blobs of colour? Then classify a photograph of yours; the names of the classes are in `torchvision.models.AlexNet_Weights.IMAGENET1K_V1.meta["categories"]`.
2. **LRN's successor.** Replace `LocalResponseNorm` in `SmallAlexNet` by `nn.BatchNorm2d`. What does it gain, and what does an epoch cost?
3. **A guess that saturates.** In `racer`, set all four standard deviations to 0.01 and keep the large pixels. How many tanh units of the first layer are flat before training, and what does that do to the race?
4. **Removing a layer.** Take one of the layers 3, 4 and 5 out of `SmallAlexNet`. Does it cost 2 points, as in the paper?

## Further reading

- [The paper](https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html), nine pages; and a copy of [cuda-convnet](https://github.com/dnouri/cuda-convnet), the code of that time.
- Krizhevsky, [One weird trick for parallelizing convolutional neural networks](https://arxiv.org/abs/1404.5997), 2014: where torchvision's form comes from.
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
