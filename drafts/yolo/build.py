"""Writes YOLO.ipynb beside this file: python build.py"""
import sys
from pathlib import Path
sys.path.insert(0, ".")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
TARGET = Path("./architectures/yolo/YOLO.ipynb")  # where it will lie: synced cells are relative to it
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], TARGET) or text))


md(r"""
# You Only Look Once: Unified, Real-Time Object Detection

Joseph Redmon, Santosh Divvala, Ross Girshick, Ali Farhadi · CVPR 2016 · [arXiv:1506.02640](https://arxiv.org/abs/1506.02640)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/yolo/YOLO.ipynb)

You will build YOLO, turn boxes into a grid of numbers and back, take the loss apart, see how non-maximum suppression and mean average precision work, and train a small YOLO from scratch to find blood cells in microscope images. With 1.2 million parameters and 205 training images, it reaches a mean average precision (mAP@0.5) of 0.865 on the 72 test images (n = 1).

**How long it takes.** The stored outputs come from scale `cpu`: on an AMD EPYC with one thread each, the main training took 32 minutes, and the eight short ones 48 in total. Other scales: `quick` (half a minute, generated shapes, no internet; its numbers mean nothing), `gpu` (larger images), and `paper` (the paper's network and schedule, but with batch norm and without pre-training; many hours). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import math
import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.yolo.cells import BoxLoader, load_bccd, load_shape_scenes
from architectures.yolo.yolo import (FORMS, SmallYOLO, check_boxes, check_sizes, error_types, he_initialise,
                                     suppress_in_groups)
from utils.checkpoint import checkpoint_dir, load_file, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow, draw_network
from utils.images import read_image
from utils.plotting import COLOURS, plot_curves, plot_spread, styled
from utils.report import report
from utils.training import fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
draw_flow(
    {
        "image": ("image, resized to a square", 1, 0, "data"),
        "net": ("one convolutional network", 1, 1),
        "grid": ("S × S grid cells", 1, 2, "data"),
        "box": ("B boxes of each grid cell:\nx, y, w, h", 0, 3, "data"),
        "conf": ("confidence of each box:\nis there an object, and does the box fit?", 1, 3, "data"),
        "class": ("class probabilities of the grid cell:\nif there is an object, which?", 2, 3, "data"),
        "score": ("score = confidence × class probability", 1, 4),
        "nms": ("non-maximum suppression", 1, 5),
        "found": ("boxes with classes and scores", 1, 6, "data"),
    },
    [
        ("image", "net"), ("net", "grid"), ("grid", "box"), ("grid", "conf"), ("grid", "class"), ("conf", "score"),
        ("class", "score"), ("box", "nms"), ("score", "nms"), ("nms", "found"),
    ],
    "YOLO: one forward pass from pixels to boxes",
)
""")
md(r"""
A classifier gives one answer for an image. A detector must say *what* is in it and *where*, for an unknown number of objects. YOLO lays a grid over the image. Each grid cell proposes B boxes, says how much it trusts each of them, and which class an object there would have.

## The paper in brief

**The question.** In 2015, detectors were built from classifiers, which R-CNN ran on some two thousand regions of an image. Could detection be a single regression problem, solved in one look?

**The idea.** One network predicts a tensor of shape $S \times S \times (5B + C)$: for each grid cell, $B$ boxes of five numbers and $C$ class probabilities. The grid cell that contains an object's centre is **responsible** for that object. With $S = 7$, $B = 2$ and the $C = 20$ classes of PASCAL VOC, these are $7 \times 7 \times 30 = 1{,}470$ numbers that describe 98 boxes. The fifth number of a box is its **confidence**: it should be 0 without an object, and otherwise the IoU (intersection over union, drawn below) of the box with the object. At test time, equation 1 turns this into a score for each class:

$$\underbrace{\Pr(\text{class}_k \mid \text{object})}_{\text{class probability of the grid cell}} \cdot \underbrace{\Pr(\text{object}) \cdot \text{IoU}}_{\text{confidence of the box}} = \underbrace{\Pr(\text{class}_k) \cdot \text{IoU}}_{\text{score}}$$

**The results.** On the test set of VOC 2007 (trained on VOC 2007 and 2012, DPM on 2007 alone), with frames per second on a Titan X GPU:

| | mAP | frames per second |
|---|---|---|
| 30 Hz DPM | 26.1 | 30 |
| Fast YOLO (nine convolutions) | 52.7 | 155 |
| **YOLO** | **63.4** | **45** |
| Fast R-CNN | 70.0 | 0.5 |
| Faster R-CNN with VGG-16 | 73.2 | 7 |

YOLO has more than twice the mAP of DPM (deformable part models), the best real-time detector before it. It is less accurate than Faster R-CNN, but six times as fast. Its boxes are imprecise more often, but it mistakes background for objects less often; the paper explains this by its view of the whole image. Together they are better than alone: the best Fast R-CNN has 71.8, with YOLO 75.0.

## The data

BCCD has 364 [microscope images](https://github.com/Shenggan/BCCD_Dataset) of stained blood with boxes around red blood cells (RBC), white blood cells (WBC) and platelets, and comes with its own split: 205 images for training, 87 for validation, 72 for the test. Whether test images come from the same blood samples as training images is not documented. We resize each 640 × 480 image to a square, as the paper does. Boxes are corners (x1, y1, x2, y2) relative to the image, between 0 and 1.
""")
code(r"""
# image size; SmallYOLO's width; batch size; peak learning rate; (epochs, passes over the images in each); seeds
KNOBS = {
    "quick": dict(size=64, width=8, batch=16, rate=4e-3, main=(3, 2), short=(1, 1), seeds=(0, 1)),
    "cpu":   dict(size=224, width=32, batch=16, rate=2e-3, main=(40, 10), short=(8, 10), seeds=(0, 1, 2)),
    "gpu":   dict(size=320, width=32, batch=32, rate=2e-3, main=(80, 10), short=(10, 10), seeds=(0, 1, 2)),
    "paper": dict(size=448, width=32, batch=64, rate=2e-3, main=(135, 80), short=(20, 10), seeds=(0, 1, 2)),
}
knobs = KNOBS[scale]
paper_form = scale == "paper"  # the main training has the paper's network, optimiser and schedule
data = load_shape_scenes() if scale == "quick" else load_bccd(knobs["size"])
C, upright = len(data.classes), scale == "quick"  # blood cells have no up; our generated shapes have

print(f"{data.name}: {' '.join(data.classes)}")
for split in ("train", "val", "test"):
    _, boxes, labels = getattr(data, split)
    counts = torch.bincount(labels[labels >= 0], minlength=C).tolist()
    print(f"  {split:5} {len(labels):4} images, boxes by class: {', '.join(map(str, counts))};",
          f"an image has {(labels >= 0).sum(1).min()} to {(labels >= 0).sum(1).max()}")
""")
code(r"""
def on_axis(axis, image, title="", aspect=1 if scale == "quick" else 0.75):
    '''An image, uint8 or float in [0, 1], that fills (0, 1) in both directions; BCCD's are shown at their 4:3.'''
    axis.imshow(image, extent=(0, 1, 1, 0), aspect=aspect)
    axis.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
    axis.set_title(title, fontsize=10)
    axis.grid(False)

def draw_boxes(axis, boxes, labels, scores=None, style="-", width=1.6):
    '''Boxes (M, 4), a colour for each class, with the score in the upper left corner.'''
    for i, ((x1, y1, x2, y2), label) in enumerate(zip(boxes.tolist(), labels.tolist())):
        colour = COLOURS[label % len(COLOURS)]
        axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linestyle=style,
                                     linewidth=width))
        if scores is not None:
            axis.text(x1, y1, f"{scores[i]:.2f}", fontsize=7, color="white", va="top",
                      bbox=dict(facecolor=colour, edgecolor="none", pad=0.6))
""")
code(r"""
@styled
def show_data(split, numbers):
    '''Some images with their boxes, and how large the boxes of each class are.'''
    figure, axes = plt.subplots(1, len(numbers) + 1, figsize=(9, 2.8))
    for axis, i in zip(axes, numbers):
        on_axis(axis, split[0][i])
        draw_boxes(axis, split[1][i][split[2][i] >= 0], split[2][i][split[2][i] >= 0])
    for c in range(min(C, 3)):
        size = (split[1][..., 2:] - split[1][..., :2])[split[2] == c]
        axes[-1].plot(*size.T, ".", color=COLOURS[c], markersize=3, label=data.classes[c])
    axes[-1].set(xlabel="width", ylabel="height", title="boxes, relative to the image", xlim=(0, None), ylim=(0, None))
    axes[-1].legend(fontsize=9, markerscale=3)
    figure.suptitle(f"{data.name}: training images")

show_data(data.train, (2, 8))
""")
md(r"""
White blood cells are large, with a stained nucleus; red blood cells are crowded; platelets are tiny. Overlapping neighbours and small objects are hard for YOLO. The labels are not complete: a detector that finds a red blood cell without a box gets a false positive.

## The grid, and what each number means

Which grid cell is responsible for an object? The one that contains the centre of its box, and no other. Here are the targets of one image, object by object:
""")
code(r"""
def encode_one(boxes, labels, S):
    '''The targets (S, S, 5 + C) of one image.'''
    targets = torch.zeros(S, S, 5 + C)
    for box, label in zip(boxes, labels):
        if label < 0:  # padding: images of a batch have different numbers of boxes
            continue
        centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        column, row = (S * centre).long().tolist()
        if targets[row, column, 4] == 0:  # of two objects in a grid cell the first stays
            targets[row, column, :2] = S * centre - torch.tensor([column, row])  # x, y relative to the grid cell
            targets[row, column, 2:4] = size  # w, h relative to the image
            targets[row, column, 4] = 1  # there is an object
            targets[row, column, 5 + label] = 1
    return targets
""")
md(r"""
`encode` does the same for a whole batch without a loop, and `decode_targets` is its inverse.
""")
code("# %load -s encode,decode_targets,to_corners yolo.py")
code(r"""
for i, own in enumerate(encode(*data.train[1:], 7, C)):
    assert torch.equal(own, encode_one(data.train[1][i], data.train[2][i], 7))

@styled
def show_grid(image, boxes, labels, sizes, marked):
    '''Grids on an image. Grid cells with a target are filled; × is the centre of an object that has none.'''
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    figure, axes = plt.subplots(1, len(sizes), figsize=(3.3 * len(sizes), 2.6 if scale != "quick" else 3.5))
    for axis, S in zip(np.atleast_1d(axes), sizes):
        on_axis(axis, image, f"{S} × {S} grid cells")
        for i in range(1, S):
            axis.axhline(i / S, color="white", linewidth=0.8)
            axis.axvline(i / S, color="white", linewidth=0.8)
        targets = encode(boxes[None], labels[None], S, C)[0]
        for row, column in targets[..., 4].nonzero().tolist():
            colour = COLOURS[targets[row, column, 5:].argmax() % len(COLOURS)]
            axis.add_patch(plt.Rectangle((column / S, row / S), 1 / S, 1 / S, color=colour, alpha=0.45))
        if marked[0] == S:
            axis.add_patch(plt.Rectangle((marked[2] / S, marked[1] / S), 1 / S, 1 / S, fill=False, linewidth=2.5))
        draw_boxes(axis, boxes, labels, width=1)
        where = (S * centres).long()
        lost = torch.tensor([(where[:i] == own).all(dim=1).any() for i, own in enumerate(where)])
        axis.plot(*centres[~lost].T, "o", color="white", markersize=3)
        axis.plot(*centres[lost].T, "X", color="black", markersize=7)
        print(f"{S} × {S}: {len(boxes)} objects, {int(targets[..., 4].sum())} with a target")

S = knobs["size"] // (64 if paper_form else 16)
boxes, labels = (part[2][data.train[2][2] >= 0] for part in data.train[1:])  # of training image 2
targets = encode(boxes[None], labels[None], S, C)
row, column = targets[0, ..., 4].nonzero()[0].tolist()
show_grid(data.train[0][2], boxes, labels, sorted({7, S}), (S, row, column))
""")
md(r"""
On the left is the paper's 7 × 7 grid, on the right the 14 × 14 grid of our small net. Each filled grid cell is responsible for the object whose centre (white dot) it contains, although the box reaches far beyond it. At the upper left of the coarse grid, a red blood cell and a platelet share a grid cell. The red blood cell is listed first, so the platelet (black ×) has no target.

These are the numbers that the network should produce for the grid cell with the black frame on the right:
""")
code(r"""
@styled
def draw_cell(values, names, title):
    '''The numbers of one grid cell in a row: two boxes, then the classes.'''
    figure, axis = plt.subplots(figsize=(11, 1.6))
    for i, (value, name) in enumerate(zip(values, names)):
        colour = COLOURS[0] if i < 5 else COLOURS[4] if i < 10 else COLOURS[2]
        axis.add_patch(plt.Rectangle((i, 0), 1, 1, facecolor=colour, edgecolor="black", alpha=0.35))
        axis.text(i + 0.5, 0.5, value, ha="center", va="center", fontsize=10)
        axis.text(i + 0.5, -0.12, name, ha="center", va="top", fontsize=9, rotation=0 if len(name) < 6 else 30)
    for x, name in ((2.5, "box 1"), (7.5, "box 2"), ((10 + len(values)) / 2, "classes")):
        axis.text(x, 1.1, name, ha="center", fontsize=10)
    axis.set(xlim=(0, len(values)), ylim=(-0.75, 1.4), title=title)
    axis.axis("off")

five = ["x", "y", "√w", "√h", "conf."]
draw_cell([""] * 30, five * 2 + [f"p{i}" for i in range(1, 21)], "The paper's 30 numbers of a grid cell")
x, y, w, h, there, *classes = targets[0, row, column].tolist()
responsible = [f"{value:.2f}" for value in (x, y, w**0.5, h**0.5)] + ["IoU"]
draw_cell(responsible + [""] * 4 + ["0"] + [f"{value:.0f}" for value in classes],
          five * 2 + [name if C < 5 else f"p{i + 1}" for i, name in enumerate(data.classes)],
          f"{data.name}, grid cell in row {row}, column {column}: targets if box 1 is responsible")

decoded, decoded_labels = decode_targets(targets)[0]
at = (S * (boxes[:, :2] + boxes[:, 2:]) / 2).long().tolist().index([column, row])
print(f"in the annotation:  {[round(v, 4) for v in boxes[at].tolist()]}, {data.classes[labels[at]]}")
print(f"encoded and back:   {[round(v, 4) for v in decoded[0].tolist()]}, {data.classes[decoded_labels[0]]}")
assert torch.allclose(decoded[0], boxes[at], atol=1e-6) and decoded_labels[0] == labels[at]
""")
md(r"""
- **x and y** are the centre of the box, relative to the grid cell: 0.5, 0.5 is its middle.
- **√w and √h** are the square roots of the box's width and height, relative to the image.
- **conf.** is the confidence. Its target depends on the prediction itself: the IoU of this predicted box with the object, and 0 for every box that is not responsible.
- **p1, p2, …** are class probabilities *given that there is an object*. A grid cell has only one set of them.

Both boxes are candidates for the same object. The one with the higher IoU at the moment has to match these numbers; the other only has to answer a confidence of 0.

**The grid's limit.** If the centres of two objects fall into one grid cell, one of them is lost before training starts. How often does that happen here?
""")
code(r"""
print("share of the training objects without a target of their own:")
for side in (4, 7, 10, 14, 20):
    kept = encode(*data.train[1:], side, C)[..., 4].sum().item()
    print(f"  S = {side:2}: {1 - kept / (data.train[2] >= 0).sum().item():.1%}")
""")
md(r"""
With a 7 × 7 grid, 3.1 % of the training objects have no target of their own; with 14 × 14, only 0.5 %. The paper names this limit too, for flocks of birds.

## The network

The paper's network alternates 3×3 convolutions with 1×1 convolutions that reduce the channels, and ends with two fully connected layers. The activation is a leaky ReLU (slope 0.1), the last layer is linear. We train a small relative of it, **`SmallYOLO`**:
""")
code(r"""
with torch.device("meta"):  # shapes without numbers: nothing is computed
    draw_network(SmallYOLO(C, width=knobs["width"]).eval(), torch.empty(1, 3, *2 * [knobs["size"]]),
                 {"backbone.0": "3×3, stride 2", "backbone.9": "3×3", "backbone.24": "3×3", "backbone.39": "3×3",
                  "head": "1×1: the grid"}, "SmallYOLO: the last convolution at each resolution, and the head")
""")
code("# %load -s YOLOv1,SmallYOLO,convolutions yolo.py")
code(r"""
def receptive_field(layers):
    '''How many pixels of the image, in each direction, decide about one output of convolutions and pooling.'''
    field, step = 1, 1
    for layer in layers:
        if isinstance(layer, (nn.Conv2d, nn.MaxPool2d)):
            kernel, stride = (v[0] if isinstance(v, tuple) else v for v in (layer.kernel_size, layer.stride))
            field, step = field + (kernel - 1) * step, step * stride
    return field

with torch.device("meta"):
    nets = {"YOLO": (YOLOv1(), 448), "Fast YOLO": (YOLOv1(form="fast"), 448),
            "SmallYOLO": (SmallYOLO(C, width=knobs["width"]), knobs["size"]),
            "SmallYOLO, stride 32": (SmallYOLO(C, width=knobs["width"], stride=32), knobs["size"])}
    for name, (net, size) in nets.items():
        count = sum(isinstance(layer, nn.Conv2d) for layer in net.backbone)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shape = tuple(net.eval()(torch.empty(1, 3, size, size)).shape)
        print(f"{name:20} {size}²  {count:2} convolutions, {sum(p.numel() for p in net.parameters()):11,} parameters,",
              f"{counter.get_total_flops() / 2e9:5.2f} G multiply-adds -> {shape}")

paper = nets["YOLO"][0]
assert sum(p.numel() for p in paper.parameters()) == 271_703_550
share = sum(p.numel() for p in paper.head.parameters()) / 271_703_550
fields = [receptive_field(nets[name][0].backbone) for name in ("SmallYOLO", "SmallYOLO, stride 32")]
print(f"{share:.0%} of YOLO's parameters are in its fully connected layers")
print(f"receptive field of an output of SmallYOLO: {fields[0]}² pixels, with stride 32 {fields[1]}²")
assert fields == [135, 215]
""")
md(r"""
Of the paper's 272 million parameters, 78 % sit in the two fully connected layers. These let each grid cell see the whole image, and tie the network to one image size. In `SmallYOLO`, a 1×1 convolution takes their place; before it are 14 convolutions with batch norm (which the authors' code has too). The price: a grid cell of `SmallYOLO` sees only 135 × 135 of the 224 × 224 pixels, so what the paper says about the whole image does not hold for our net.

**How the backbone starts.** The paper trains its first 20 convolutions for about a week to classify ImageNet. Then it adds the other layers, doubles the resolution to 448, and trains everything on detection. ImageNet is out of reach for us, so we train from scratch, with Kaiming initialisation.

## The loss, part by part

How well do two boxes agree? The **intersection over union** (IoU) is the area that they share, divided by the area that they cover together:
""")
code("# %load -s box_iou yolo.py")
code(r"""
@styled
def show_overlaps(wanted=(0.3, 0.5, 0.75)):
    figure, axes = plt.subplots(1, len(wanted), figsize=(7.5, 2.1))
    for axis, iou in zip(axes, wanted):
        shift = (1 - iou) / (1 + iou)  # of a square with sides of 1
        pair = torch.tensor([[0, 0, 1, 1], [shift, 0, 1 + shift, 1]])
        for (x1, y1, x2, y2), colour in zip(pair.tolist(), COLOURS):
            axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, color=colour, alpha=0.4))
        axis.add_patch(plt.Rectangle((shift, 0), 1 - shift, 1, fill=False, linewidth=2))
        axis.set(xlim=(-0.1, 1.7), ylim=(-0.1, 1.1), aspect="equal", title=f"IoU = {box_iou(*pair):.2f}")
        axis.axis("off")
        assert abs(box_iou(*pair).item() - iou) < 1e-6

show_overlaps()
""")
md(r"""
The black frame is the intersection. At an IoU of 0.5, each square still shares two thirds of its area.

The loss is a sum of squared errors with five parts. Symbols without a hat are predictions, those with a hat ground truth; $c$ is the confidence of a box, $p_k$ the probability of class $k$, and we leave out the indices of grid cell $i$ and box $j$. $\mathbb 1_i^\text{obj}$ is 1 if grid cell $i$ contains the centre of an object, and $\mathbb 1_{ij}^\text{obj}$ if, moreover, box $j$ is responsible: of the grid cell's boxes it has the highest IoU with the object *at this moment*.

$$\begin{aligned}
\mathcal L = \;& \lambda_\text{coord} \sum_{i,j} \mathbb 1_{ij}^\text{obj} \big[(x - \hat x)^2 + (y - \hat y)^2\big] && \text{xy} \\
+ \;& \lambda_\text{coord} \sum_{i,j} \mathbb 1_{ij}^\text{obj} \big[(\sqrt w - \sqrt{\hat w})^2 + (\sqrt h - \sqrt{\hat h})^2\big] && \text{wh} \\
+ \;& \sum_{i,j} \mathbb 1_{ij}^\text{obj} (c - \mathrm{IoU})^2 && \text{object} \\
+ \;& \lambda_\text{noobj} \sum_{i,j} (1 - \mathbb 1_{ij}^\text{obj})\, c^2 && \text{no object} \\
+ \;& \sum_{i} \mathbb 1_{i}^\text{obj} \sum_{k} (p_k - \hat p_k)^2 && \text{class}
\end{aligned}$$

The IoU counts as a constant: no gradient flows through it. We take the mean over the images of a batch. The paper sets $\lambda_\text{coord} = 5$, because boxes matter most, and $\lambda_\text{noobj} = 0.5$, because most grid cells are empty.
""")
code("# %load -s split_outputs,predicted_boxes,yolo_loss yolo.py")
md(r"""
To see the parts at work, we take one object and let the network answer perfectly. Then we move one of its two boxes to the right, step by step. The second box of the grid cell stays where it is, too large all the time, with a confidence of 0.
""")
code(r"""
truth = torch.tensor([[[0.4, 0.4, 0.7, 0.6]]])  # one box, 0.3 wide and 0.2 high
target = encode(truth, torch.zeros(1, 1, dtype=torch.int64), 3, 1)
row, column = target[0, ..., 4].nonzero()[0].tolist()
good = target[0, row, column, :4].clone()
good[2:] = good[2:].sqrt()  # x, y, √w, √h

def answer(first, second):
    '''Outputs (1, 3, 3, 11): the object's grid cell proposes these two boxes, and all others nothing.'''
    outputs = torch.zeros(1, 3, 3, 11)
    outputs[0, row, column] = torch.tensor([*first, 1, *second, 0, 1])
    return outputs

larger = good + torch.tensor([0, 0, 0.12, 0.12])
corners = predicted_boxes(split_outputs(answer(good, larger), 2)[0])[0, row, column]
shifts = torch.linspace(0, 0.9, 46)
moved = [yolo_loss(answer(good + torch.tensor([shift, 0, 0, 0]), larger), target)[1] for shift in shifts]
parts = {name.replace("_", " "): (shifts.tolist(), [p[name].item() for p in moved]) for name in moved[0]}
plot_curves({"Loss of the grid cell, part by part": parts}, "shift of box 1 to the right (in grid cells)", "loss")
switch = next(i for i, p in enumerate(moved) if p["wh"] > 0)
print(f"the second box has an IoU of {box_iou(corners[1], truth[0, 0]):.2f};",
      f"at a shift of {shifts[switch]:.2f} grid cells it becomes responsible")
by_hand = 5 * shifts[switch - 1].item() ** 2
assert abs(moved[switch - 1]["xy"].item() - by_hand) < 1e-5 and moved[switch]["xy"] < 1e-9
""")
md(r"""
At first, two parts grow: "xy", as the square of the shift, and "object", because the box still claims a confidence of 1 while its IoU falls. At the jump, the second box takes over. Now its size is wrong ("wh"), its confidence too low ("object"), and that of the first box too high ("no object").

**Why square roots of w and h?** An error of 0.02 is nothing for a box as wide as the image, and a third of the width of a platelet. With square roots, the same absolute error costs more for a small box:
""")
code(r"""
widths = torch.linspace(0.02, 0.6, 59)
error = 0.02
curves = {"root: (√w − √(w + 0.02))²": (widths.sqrt() - (widths + error).sqrt()).square(),
          "plain: (w − (w + 0.02))²": torch.full_like(widths, error**2)}
small, large = (curves["root: (√w − √(w + 0.02))²"][i].item() for i in (2, 58))
ratio = (widths[58] / widths[2]).item()
print(f"a width of {widths[2]:.2f} against {widths[58]:.2f}: the relative error is {ratio:.0f} times as large,")
print(f"its square {ratio**2:.0f} times; with square roots the loss is {small / large:.0f} times as large")
curves = {name: (widths.tolist(), values.tolist()) for name, values in curves.items()}
plot_curves({"The same error in width, 0.02 of the image": curves},
            "width of the box (share of the image)", "squared error", log=True)
""")
md(r"""
Plain widths charge the same for every box. Square roots charge 12 times as much for a width of 0.04 as for one of 0.6, although the square of the relative error differs by a factor of 225. So roots solve the problem only partially, as the paper says itself. Below we train with plain w and h, to see what this does to platelets.

**Why λ_noobj = 0.5?** The paper says that the many empty grid cells push their confidences towards 0, often overpower the gradient of those with objects, and can make training diverge early. So we look at the gradient of each part before the first step, for one batch of 16 images. `SmallYOLO` starts its last layer with tiny weights, for confidences near 0; we also try Kaiming initialisation there.
""")
code(r"""
images, boxes, labels = next(iter(BoxLoader(data, "train", 16, "cpu")))

def gradient_norms(kaiming):
    '''The norm of the gradient of each part of the loss in all weights of an untrained SmallYOLO, λ_noobj = 0.5.'''
    set_seed(SEED)
    net = SmallYOLO(C, width=knobs["width"])
    if kaiming:
        he_initialise(net.head)
    outputs = net(images)
    _, parts = yolo_loss(outputs, encode(boxes, labels, outputs.shape[1], C))
    gradients = {name: torch.autograd.grad(part, net.parameters(), retain_graph=True) for name, part in parts.items()}
    return {name: torch.cat([g.flatten() for g in own]).norm().item() for name, own in gradients.items()}

@styled
def plot_norms(norms):
    figure, axis = plt.subplots(figsize=(8, 3.4))
    for i, (label, own) in enumerate(norms.items()):
        bars = {name.replace("_", " "): value for name, value in own.items()}
        bars["no object,\nλ = 1"] = 2 * own["no_object"]
        axis.bar(np.arange(len(bars)) + 0.4 * i - 0.2, bars.values(), 0.38, label=label)
        axis.set_xticks(range(len(bars)), bars)
        print(f"{label:23}", ", ".join(f"{name} {value:.3g}" for name, value in own.items()))
    axis.set(yscale="log", ylim=(1, 2e4), ylabel="norm of the gradient",
             title=f"{data.name}: one batch, untrained SmallYOLO")
    axis.legend(ncols=2, loc="upper center")

plot_norms({"last layer near 0": gradient_norms(False), "last layer Kaiming": gradient_norms(True)})
""")
md(r"""
The imbalance is real, but stays within the confidence: "no object" has nearly nine times the gradient of "object" (162 against 18.7), and λ = 1 would double that. The coordinates, with $\lambda_\text{coord} = 5$, have a larger gradient than both. Starting near 0 makes every gradient smaller, but not more balanced: with Kaiming initialisation, the ratio is 3.0.
""")

md(r"""
## From numbers to boxes: scores and non-maximum suppression

The score of a box for a class is confidence times class probability (equation 1). Both come from a linear layer, so they may be negative or above 1; `detect` sets negative ones to 0. A large object is often found by several grid cells, each with a box around it. **Non-maximum suppression** (NMS) keeps the best box, drops all boxes of the same class that overlap it by more than a threshold, and goes on with the best of the rest.
""")
code("# %load -s nms,detect yolo.py")
code(r"""
set_seed(SEED)
corner = torch.rand(200, 2)
many, many_scores = torch.cat([corner, corner + 0.1 + 0.3 * torch.rand(200, 2)], dim=1), torch.rand(200)
ours, theirs = nms(many, many_scores), torchvision.ops.nms(many, many_scores, 0.5)
print(f"of 200 random boxes {len(ours)} stay; torchvision keeps the same: {torch.equal(ours, theirs)}")
assert torch.equal(ours, theirs)

chain = torch.tensor([[0, 0, 1, 1], [0.25, 0, 1.25, 1], [0.5, 0, 1.5, 1]])  # each overlaps the next by an IoU of 0.6
chain_scores = torch.tensor([0.9, 0.8, 0.7])
kept = nms(chain, chain_scores).tolist()
assert kept == [0, 2]

@styled
def show_chain():
    figure, axes = plt.subplots(1, 2, figsize=(6.5, 1.9))
    for axis, stays, title in zip(axes, (range(3), kept), ("before NMS", "after NMS")):
        for i in stays:
            x1, y1, x2, y2 = chain[i].tolist()
            axis.add_patch(plt.Rectangle((x1, y1 - 0.05 * i), x2 - x1, y2 - y1, fill=False, edgecolor=COLOURS[i],
                                         linewidth=2))
            axis.text(x1 + 0.05, 0.8 - 0.05 * i, f"{chain_scores[i]:.1f}", color=COLOURS[i])
        axis.set(xlim=(-0.1, 1.6), ylim=(-0.2, 1.1), title=title)
        axis.axis("off")

show_chain()
""")
md(r"""
The chain of boxes (drawn a little apart) shows a detail that is easy to get wrong. The box with a score of 0.7 overlaps only the one with 0.8 by more than 0.5, and that one has already been dropped. So it stays. `detect` does the same as `nms`, for a whole batch at once.

## How good is a detector? Mean average precision

Which detections are correct? Best score first, each looks for the ground-truth box of its class with the highest IoU. It is **correct** if this IoU is at least 0.5 and no better detection has claimed that box.
""")
code("# %load -s match,collect yolo.py")
code(r"""
cell_box = torch.tensor([[0.2, 0.2, 0.6, 0.6]])  # the ground truth: one object
detected = torch.tensor([[0.25, 0.25, 0.65, 0.65], [0.22, 0.2, 0.62, 0.6], [0.75, 0.3, 0.95, 0.5]])
scores, same_class = torch.tensor([0.9, 0.8, 0.7]), torch.zeros(3, dtype=torch.int64)
right = match((detected, scores, same_class), (cell_box, same_class[:1])).tolist()
for box, score, correct in zip(detected, scores, right):
    print(f"score {score:.1f}, IoU {box_iou(box, cell_box[0]):.2f}: {'correct' if correct else 'false positive'}")
assert right == [True, False, False]
""")
md(r"""
The second detection fits better, but the first has the higher score and claims the object: a duplicate is a false positive.

Now sort the detections of a class, over all test images, by their score. Going down the list, we note the **precision** (the share of the detections so far that is correct) and the **recall** (the share of the objects that has been found). The **average precision** (AP) of the class is the area under precision against recall, after the curve has been made to fall monotonically; **mAP@0.5** is the mean over the classes. VOC 2007, and so presumably the paper's table, averages the curve at 11 recalls instead; we report both.
""")
code("# %load -s precision_recall,average_precision,mean_average_precision yolo.py")
code(r"""
listed = torch.tensor([0.9, 0.8, 0.6, 0.5])  # scores of four detections; there are four objects, one is never found
precision, recall = precision_recall(listed, torch.tensor([True, False, True, True]), 4)
area, eleven = average_precision(precision, recall), average_precision(precision, recall, points=11)
print("precision", [f"{p:.2f}" for p in precision.tolist()], " recall", [f"{r:.2f}" for r in recall.tolist()])
print(f"AP: {area:.3f} as an area, {eleven:.3f} at 11 recalls")
assert abs(area - 0.25 * (1 + 0.75 + 0.75)) < 1e-9 and abs(eleven - (3 * 1 + 5 * 0.75) / 11) < 1e-9

@styled
def show_envelope():
    figure, axis = plt.subplots(figsize=(5, 2.6))
    axis.plot(recall, precision, "o-", label="four detections")
    envelope = precision.flip(0).cummax(0).values.flip(0)
    axis.fill_between([0, *recall.tolist()], [1, *envelope.tolist()], step="pre", alpha=0.25, label="area: AP")
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.05))
    axis.legend()

show_envelope()
""")
md(r"""
The second detection is wrong, so precision drops to 1/2. The monotone curve fills that dip: at a recall of 0.5 it counts the best precision that is still to come, 0.75. The tests compare our mAP with pycocotools.

## Overfit one batch

Can a small network overfit four images of generated shapes until its boxes agree with the ground truth (dotted)?
""")
code(r"""
set_seed(SEED)
scenes = load_shape_scenes(4, 1, 1, most=3)
images, boxes, labels = next(iter(BoxLoader(scenes, "train", 4, "cpu")))
tiny = SmallYOLO(len(scenes.classes), width=12)
optimizer = torch.optim.Adam(tiny.parameters(), lr=4e-3)
targets = encode(boxes, labels, S=4, num_classes=len(scenes.classes))
for _ in range(150):
    loss, _ = yolo_loss(tiny(images), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
tiny.eval()
worst, objects, boxes_found = 1.0, int(targets[..., 4].sum()), 0
figure, axes = plt.subplots(1, 4, figsize=(5.6, 1.5), dpi=52, layout="constrained")
for axis, image, truth, found in zip(axes, scenes.train[0], decode_targets(targets), detect(tiny(images))):
    on_axis(axis, image, aspect=1)
    draw_boxes(axis, *truth, style=":", width=1)
    draw_boxes(axis, found[0], found[2], found[1].tolist())
    overlaps = box_iou(truth[0][:, None], found[0]) * (truth[1][:, None] == found[2])
    worst, boxes_found = min(worst, overlaps.amax(dim=1).min().item()), boxes_found + len(found[0])
print(f"after 150 steps: loss {loss:.4f}; {objects} objects, {boxes_found} detections;",
      f"each object is found with an IoU of at least {worst:.2f}")
assert worst > 0.7 and boxes_found == objects
""")
md(r"""
It can: every object has its box with the right class, and there is no false positive.

## Training

The paper scales and translates each image by up to 20 %, and changes its exposure and saturation by a factor of up to 1.5. We also flip, and since blood cells have no up, in both directions. Boxes follow their image and are cut at its border; where less than a quarter is left, the box is dropped. Here is one training image, three times:
""")
code(r"""
@styled
def show_augmented(count=3):
    loader = BoxLoader(data, "train", 1, "cpu", augment=True, upright=upright, count=3)
    figure, axes = plt.subplots(1, count, figsize=(6.6, 1.95))
    for epoch, axis in enumerate(axes):
        loader.epoch = epoch
        image, boxes, labels = list(loader)[2]
        image = (image[0] * torch.tensor(data.std).view(3, 1, 1) + torch.tensor(data.mean).view(3, 1, 1)).clamp(0, 1)
        on_axis(axis, image.permute(1, 2, 0))
        draw_boxes(axis, boxes[0][labels[0] >= 0], labels[0][labels[0] >= 0])

show_augmented()
""")
md(r"""
The plain border, in the data's mean colour, is what comes in from outside.

One pass over 205 images is only 13 steps, so we call ten passes an epoch. We use AdamW with one cycle of the learning rate, whose peak was not tuned, and score the weights of the last epoch. Where the hardware has bfloat16, the forward pass uses it, also when we score.
""")
code(r"""
def detection(model, images, boxes, labels, root=True):
    '''The objective: equation 3; "box" is the share of the coordinates in it.'''
    outputs = model(images)
    loss, parts = yolo_loss(outputs, encode(boxes, labels, outputs.shape[1], C), root=root)
    return loss, len(images), {"box": (parts["xy"] + parts["wh"]) * len(images)}

@torch.no_grad()
def predict(model, loader, root=True, threshold=0.01, overlap=0.5):
    '''What a model in eval mode detects in each image of a loader, and the ground truth, on the CPU.'''
    model.eval()
    detections, truths = [], []
    for images, boxes, labels in loader:
        with autocast(device, choose_precision(device)[0]):
            outputs = model(images)
        detections += [tuple(part.cpu() for part in found) for found in detect(outputs, 2, threshold, overlap, root)]
        truths += [(own[name >= 0].cpu(), name[name >= 0].cpu()) for own, name in zip(boxes, labels)]
    return detections, truths

def val_map(model, loader, root):
    '''mAP@0.5 on a loader, for the history of a training.'''
    return {"val_mAP": mean_average_precision(*predict(model, loader, root), C)[0]}

def paper_rate(step, steps):
    '''The paper's learning rate as a factor of 1e-2: 0.1 to 1 in 5 epochs, 1 to epoch 75, 0.1 to 105, 0.01 to 135.'''
    epoch = 135 * step / steps
    return min(0.1 + 0.9 * epoch / 5, 1) if epoch < 75 else 0.1 if epoch < 105 else 0.01
""")
code(r"""
def train(name, plan, seed=SEED, small=True, stride=16, root=True, lines=1):
    '''Train by `plan`, (epochs, passes over the images in each). Returns the net and its Run.'''
    epochs, passes = plan
    set_seed(seed)
    net = SmallYOLO(C, width=knobs["width"], stride=stride) if small else YOLOv1(C, batch_norm=True)
    net = net.to(device, memory_format=torch.channels_last)
    loader = BoxLoader(data, "train", knobs["batch"], device, passes, shuffle=True, augment=True, upright=upright,
                       seed=seed)
    val, again = (BoxLoader(data, "val", 32, device) for _ in range(2))
    steps = epochs * len(loader)
    if small:
        optimizer = torch.optim.AdamW(net.parameters(), lr=knobs["rate"], weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, knobs["rate"], total_steps=steps, pct_start=0.15)
    else:  # the authors' code follows half of this gradient: our 5e-3 and 1e-3 act as the paper's 1e-2 and 5e-4
        optimizer = torch.optim.SGD(net.parameters(), lr=5e-3, momentum=0.9, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(paper_rate, steps=steps))
    run = fit(net, loader, optimizer, schedule, epochs, device, {"val": val}, objective=partial(detection, root=root),
              checkpoint=f"YOLO/{name}-seed{seed}", lines=lines, score=partial(val_map, loader=again, root=root),
              compile=scale != "quick")
    return net, run
""")
code(r"""
model, run = train("main", knobs["main"], small=not paper_form, lines=10)
""")
code(r"""
history, unit = run.history, f"epoch ({knobs['main'][1]} passes over the images)"
plot_curves({"Loss, and its coordinate part": {f"{name}, {s}": (history["epoch"], history[f"{s}_{name}"])
                                               for name in ("loss", "box") for s in ("train", "val")}},
            unit, "squared errors, sum over an image", data.name, log=True)
plot_curves({"Validation split": {"mAP@0.5": (history["epoch"], history["val_mAP"])}}, unit, "mAP@0.5", data.name)
""")
md(r"""
mAP on the validation split jumps about while the learning rate is high, and is at 0.85 in the end. The curve is flat there because the learning rate is almost 0, so it does not tell what a longer training would bring. From epoch 16 on, the validation loss hardly falls, the training loss goes on falling, and mAP still rises: the detections get better in their order and their boxes (the validation part "box" falls), while other parts overfit. Training images are augmented, which raises their loss.

## Results

Now the test split, on which nothing has been chosen. For mAP, detections go down to a score of 0.01, so that the curve is not cut off.
""")
code(r"""
test = BoxLoader(data, "test", 32, device)
detections, truths = predict(model, test)
mAP, by_class = mean_average_precision(detections, truths, C)
mAP11, _ = mean_average_precision(detections, truths, C, points=11)
print(f"{data.name}, {len(truths)} test images, {sum(len(t[1]) for t in truths)} boxes: mAP@0.5 {mAP:.3f},",
      f"at 11 recalls {mAP11:.3f}")
for name, value in zip(data.classes, by_class):
    print(f"  AP {name:10} {value:.3f}")
ious = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
strict = [mean_average_precision(detections, truths, C, iou) for iou in ious]
lines = {name: [100 * values[c] for _, values in strict] for c, name in enumerate(data.classes[:3])}
lines["mean"] = [100 * mean for mean, _ in strict]
at = ious.index(0.75)
print("with a required IoU of 0.75:", ", ".join(f"{name} {values[at]:.1f} %" for name, values in lines.items()))
plot_curves({"Average precision by the IoU that counts as correct": {k: (ious, v) for k, v in lines.items()}},
            "required IoU", "AP (%)", data.name)
report("YOLO", "mAP@0.5, %", data.name, f"{len(data.train[0])} train, {len(truths)} test images", None, [
    dict(what="all points", paper=None, reproduction=None, runs=[(100 * mAP, run)]),
    dict(what="11 points", paper=None, reproduction=None, runs=[(100 * mAP11, run)]),
    *(dict(what=f"AP {name}", paper=None, reproduction=None, runs=[(100 * value, run)])
      for name, value in zip(data.classes, by_class)),
])
""")
md(r"""
The mAP is 0.865. White blood cells have the highest AP (0.985), red blood cells the lowest (0.779); below we look at their false positives. The boxes of platelets are the least exact: if we require an IoU of 0.75 instead of 0.5, their AP falls from 83.1 to 10.6 %, that of white blood cells only from 98.5 to 95.7 %. A platelet is some fifteen pixels wide here, so an error of two pixels costs much IoU. This is one training (n = 1), and with only 69 platelets in the test split, each is worth 1.4 points of recall. The paper's 63.4 is for the 20 classes of VOC and cannot be compared.

**Precision and recall.** To draw boxes, we need a threshold for the score. We choose the one with the highest F-score (the harmonic mean of precision and recall, averaged over the classes) on the validation split.
""")
code(r"""
def precision_and_recall(collected, truths, threshold):
    '''Of each class (C,), of the detections with a score above the threshold.'''
    scores, correct, labels = collected
    chosen = scores > threshold
    counted, right = (torch.bincount(labels[mask], minlength=C) for mask in (chosen, chosen & correct))
    there = torch.bincount(torch.cat([own for _, own in truths]), minlength=C)
    return right / counted.clamp(min=1), right / there.clamp(min=1)

def best_threshold(net):
    '''The threshold for the score that has the highest mean F-score on the validation split.'''
    found, truths = predict(net, BoxLoader(data, "val", 32, device))
    collected, levels = collect(found, truths), [round(0.05 * i, 2) for i in range(1, 20)]
    pairs = [precision_and_recall(collected, truths, level) for level in levels]
    return levels[int(np.argmax([(2 * p * r / (p + r).clamp(min=1e-9)).mean() for p, r in pairs]))]

level = best_threshold(model)
collected = collect(detections, truths)
print(f"threshold {level}, chosen on the validation split; on the test split:")
for name, p, r in zip(data.classes, *precision_and_recall(collected, truths, level)):
    print(f"  {name:10} precision {p:.3f}, recall {r:.3f}")

curves = {}
for c, name in enumerate(data.classes[:3]):
    own, count = collected[2] == c, sum((labels == c).sum().item() for _, labels in truths)
    precision, recall = precision_recall(collected[0][own], collected[1][own], max(count, 1))
    curves[name] = recall.tolist(), precision.tolist()
plot_curves({"Precision and recall on the test split": curves}, "recall", "precision", data.name)
""")
md(r"""
At this threshold, all 71 white blood cells are found. Of the red cells 88 % are found, but only 59 % of the detections are correct.

Here are detections, with their scores. Dotted boxes are the ground truth.
""")
code(r"""
# For the README: test images of BCCD with detections and their scores; dotted boxes are the annotation
@styled
def show_detections(numbers, threshold):
    figure, axes = plt.subplots(1, len(numbers), figsize=(5.8, 2.45 if scale != "quick" else 3.6))
    for axis, i in zip(axes, numbers):
        on_axis(axis, data.test[0][i])
        draw_boxes(axis, *truths[i], style=":", width=1)
        boxes, scores, labels = (part[detections[i][1] > threshold] for part in detections[i])
        draw_boxes(axis, boxes, labels, scores.tolist())
    names = ", ".join(f"{name} {colour}" for name, colour in zip(data.classes, ("blue", "orange", "green")))
    figure.suptitle(f"{data.name}, test images: {names}")

show_detections((0, 7), level)
""")
md(r"""
Some solid blue boxes have no dotted box, although there seems to be a cell: we come back to them.

**What NMS and the threshold do.** We take one test image without NMS, with NMS, and with NMS at a lower and a higher threshold.
""")
code(r"""
without_nms = predict(model, test, overlap=None)[0]

@styled
def show_steps(i):
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.2 if scale != "quick" else 2.8))
    cases = ((without_nms[i], level, "without NMS"), (detections[i], level, "NMS"), (detections[i], level / 3, "NMS"),
             (detections[i], min(1.6 * level, 0.95), "NMS"))
    for axis, (found, threshold, text) in zip(axes, cases):
        on_axis(axis, data.test[0][i], f"{text}, score > {threshold:.2f}")
        draw_boxes(axis, found[0][found[1] > threshold], found[2][found[1] > threshold], width=1.1)

show_steps(5)
print(f"mAP@0.5 without NMS {mean_average_precision(without_nms, truths, C)[0]:.3f}, with NMS {mAP:.3f}")
""")
md(r"""
Without NMS, several boxes lie around some red cells. NMS removes them and raises mAP from 0.822 to 0.865. In the paper, NMS adds 2 to 3 points of mAP.

## How fast?

The title claims real time. We time one image at a time, as in a video, and batches; only the first can be compared with the paper's 45 frames per second (155 for Fast YOLO) on a Titan X GPU. The paper's networks are untrained here, so we time their forward pass alone. For our trained net, we also time the whole way to final boxes.
""")
code(r"""
@torch.no_grad()
def per_second(net, images, seconds, threshold=None):
    '''Images per second, the median of repeated runs: the forward pass, and `detect` where a threshold is given.'''
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        synchronise(device)
        started = time.perf_counter()
        with autocast(device, choose_precision(device)[0]):
            outputs = net(images)
        if threshold is not None:
            detect(outputs, threshold=threshold)
        synchronise(device)
        times.append(time.perf_counter() - started)
    return len(images) / sorted(times)[len(times) // 2]

builders = {"YOLO": YOLOv1, "Fast YOLO": partial(YOLOv1, form="fast"), "ours": lambda: model,
            "ours, final boxes": lambda: model}
batch = next(iter(BoxLoader(data, "test", 4 if scale == "quick" else 16, device)))[0]
for name, build in builders.items():
    if scale == "quick" and name == "YOLO":
        continue  # a gigabyte of weights, for nothing
    net, size = build().eval().to(device, memory_format=torch.channels_last), knobs["size"] if "ours" in name else 448
    images = F.interpolate(batch, (size, size)).contiguous(memory_format=torch.channels_last)
    speeds = [per_second(net, part, 0.1 if scale == "quick" else 5, level if "final" in name else None)
              for part in (images[:1], images)]
    print(f"{name:17} {size}²: {speeds[0]:7.1f} images per second one at a time,",
          f"{speeds[1]:7.1f} in batches of {len(images)}")
print(f"{torch.get_num_threads()} threads, forward pass in {choose_precision(device)[0]}")
del net
""")
md(r"""
On two cores, the paper's network manages 5.5 images per second, and Fast YOLO 32.3: just real time (30). Their ratio is 5.9; on the Titan X it was 155/45 = 3.4. Our small net needs a fortieth of the multiply-adds (0.51 against 20.29 G, with smaller images) and reaches 149 images per second with decoding and NMS, 175 without. In batches, decoding and NMS cost nothing that we can measure.

## Ablation: roots, and the grid

We repeat a short training with one change at a time, with several random seeds:

- **Plain w and h** instead of square roots. If roots help small boxes, the size error of platelets should grow most, and their IoU should fall; AP is noisy with so few platelets. Two caveats: without roots, "wh" also counts for less in total, and a negative width counts as an IoU of 0.
- **A coarser grid**: one more pooling halves S (7 at 224 pixels). Objects that share a grid cell should be lost. The pooling also widens the receptive field and leaves a quarter of the boxes, so we do not judge by mAP, but compare objects that share a grid cell with those that don't.
""")
code(r"""
coarse = knobs["size"] // 32
VARIANTS = {"baseline": ({}, knobs["seeds"]), "plain w, h": (dict(root=False), knobs["seeds"]),
            f"S = {coarse}": (dict(stride=32), knobs["seeds"][:2])}
trained = {}  # label: [(net, run), one for each seed]
for label, (options, seeds) in VARIANTS.items():
    for seed in seeds:
        print(f"{label}, seed {seed}:")
        name = "short-" + ("-".join(options) or "baseline")
        trained.setdefault(label, []).append(train(name, knobs["short"], seed, **options))
""")
code(r"""
val, found, ablation = BoxLoader(data, "val", 32, device), {}, {}
for label, results in trained.items():
    for net, its_run in results:
        root = label != "plain w, h"
        (on_val, val_truths), (on_test, _) = predict(net, val, root), predict(net, test, root)
        found.setdefault(label, []).append((on_val, on_test))
        ablation.setdefault(label, []).append(
            (*mean_average_precision(on_val + on_test, val_truths + truths, C), its_run))

print(f"{'mean ± standard deviation, %':30} {'mAP@0.5':>14}", *(f"{'AP ' + name:>16}" for name in data.classes[:3]))
for label, results in ablation.items():
    columns = [[100 * mean for mean, _, _ in results]]
    columns += [[100 * values[c] for _, values, _ in results] for c in range(min(C, 3))]
    texts = [f"{np.mean(column):.1f} ± {np.std(column, ddof=1):.1f}" for column in columns]
    print(f"{label:30} {texts[0]:>14}", *(f"{text:>16}" for text in texts[1:]))
plot_spread({label: [100 * mean for mean, _, _ in results] for label, results in ablation.items()}, "mAP@0.5 (%)",
            f"{data.name}, short trainings")
report("YOLO", "mAP@0.5, %", data.name, f"{len(val_truths) + len(truths)} validation and test images", None,
       [dict(what=label, paper=None, reproduction=None, runs=[(100 * mean, its_run) for mean, _, its_run in results])
        for label, results in ablation.items()], table="ablation")
""")
md(r"""
We score on the validation and the test split together: we choose nothing with these numbers, and more images mean less noise.

**Do roots help small boxes?** For each object with a target, we take the responsible box of its grid cell, whatever its score, and compare its width and height with the ground truth.
""")
code(r"""
@torch.no_grad()
def responsible_boxes(net, root=True):
    '''For the objects of the validation and test split that have a target: label, index of the responsible box, its
    IoU and confidence, its width and height, and those of the object.'''
    net.eval()
    rows = []
    for images, boxes, labels in (batch for split in ("val", "test") for batch in BoxLoader(data, split, 32, device)):
        with autocast(device, choose_precision(device)[0]):
            outputs = net(images).float()
        targets = encode(boxes, labels, outputs.shape[1], C)
        coordinates, confidence, _ = split_outputs(outputs, 2)
        overlaps = box_iou(predicted_boxes(coordinates, root), to_corners(targets[..., None, :4]))
        iou, best = overlaps.max(dim=-1, keepdim=True)
        sizes = coordinates.gather(3, best[..., None].expand(-1, -1, -1, -1, 4))[..., 0, 2:]
        sizes = sizes.square() if root else sizes.clamp(min=0)
        there = targets[..., 4] == 1
        values = (targets[..., 5:].argmax(dim=-1), best[..., 0], iou[..., 0], confidence.gather(3, best)[..., 0], sizes,
                  targets[..., 2:4])
        rows.append([value[there].cpu() for value in values])
    return [torch.cat(column) for column in zip(*rows)]

measures = {"error of w and h (%)": {}, "IoU (%)": {}}  # measure: {(class, variant): a value for each seed}
for label in ("baseline", "plain w, h"):
    for net, _ in trained[label]:
        names, _, iou, _, sizes, true_sizes = responsible_boxes(net, root=label == "baseline")
        for c in range(min(C, 3)):
            error = (sizes / true_sizes - 1).abs()[names == c].mean().item()
            for measure, value in zip(measures.values(), (error, iou[names == c].mean().item())):
                measure.setdefault((data.classes[c], label), []).append(100 * value)
""")
code(r"""
@styled
def plot_roots():
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4))
    for axis, (title, groups) in zip(axes, measures.items()):
        names = list(dict.fromkeys(name for name, _ in groups))
        for (name, label), values in groups.items():
            plain = label != "baseline"
            x, colour = names.index(name) + 0.3 * plain - 0.15, COLOURS[int(plain)]
            axis.plot([x] * len(values), values, "o", color=colour, label=label if name == names[0] else None)
            axis.plot([x - 0.12, x + 0.12], [np.mean(values)] * 2, color=colour)
            print(f"{title:21} {name:10} {label:11} {np.mean(values):5.1f} ± {np.std(values, ddof=1):.1f}")
        axis.set(title=title, xticks=range(len(names)), xticklabels=names, ylim=(0, None))
    axes[0].legend()

plot_roots()
""")
md(r"""
Yes, as far as size goes. With plain w and h, the mean size error of platelets is 23.5 ± 0.8 % instead of 17.9 ± 1.4 %, and their IoU is 62.5 ± 1.6 instead of 66.8 ± 1.2 %; the three seeds of each do not overlap. Red and white blood cells lose nothing, and red cells even gain a little. So roots do what they are for.

AP at an IoU of 0.5 does not show it: 61.7 ± 2.6 for platelets with plain w and h, 57.7 ± 9.3 with roots. The spread between seeds is larger than the difference, and for this AP a box with an IoU of 0.6 is as correct as one with 0.7.

**Are objects that share a grid cell lost?** We split the test objects into those alone in their cell of the 7 × 7 grid and those that share it, and measure the recall of both groups. Each net gets the threshold at which 80 % of its detections on the validation split are correct; this is stricter than above, so recall is lower. A detection counts for one object of its class only, with an IoU of at least 0.5; pairs with the highest IoU come first.
""")
code(r"""
def threshold_for(detections, truths, wanted=0.8):
    '''The lowest score down to which the share `wanted` of the detections is correct.'''
    scores, correct, _ = collect(detections, truths)
    precision, _ = precision_recall(scores, correct, 1)
    enough = (precision >= wanted).nonzero().flatten()
    return scores.sort(descending=True).values[enough[-1]].item() if len(enough) else 1.0

def which_are_found(detection, truth, threshold):
    '''bool (M,): of the ground-truth boxes of one image those that have a detection of their own.'''
    (boxes, scores, labels), (true_boxes, true_labels) = detection, truth
    overlaps = box_iou(boxes[:, None], true_boxes) * (labels[:, None] == true_labels) * (scores[:, None] >= threshold)
    hit = torch.zeros(len(true_labels), dtype=torch.bool)
    while overlaps.numel() and overlaps.max() >= 0.5:
        i, j = divmod(overlaps.argmax().item(), overlaps.shape[1])
        hit[j], overlaps[i], overlaps[:, j] = True, 0, 0
    return hit

def shares_cell(boxes):
    '''bool (M,): whether another object has its centre in the same cell of the coarse grid.'''
    cell = (coarse * (boxes[:, :2] + boxes[:, 2:]) / 2).long()
    return (cell[:, None] == cell).all(dim=2).sum(dim=1) > 1

sharing = torch.cat([shares_cell(boxes) for boxes, _ in truths])
print(f"recall of the {int((~sharing).sum())} test objects alone in a cell of the {coarse} × {coarse} grid,",
      f"and of the {int(sharing.sum())} others")
for label, side in ((f"S = {coarse}", coarse), ("baseline", 2 * coarse)):
    for seed, (on_val, on_test) in zip(knobs["seeds"], found[label]):
        threshold = threshold_for(on_val, val_truths)
        hits = torch.cat([which_are_found(*pair, threshold) for pair in zip(on_test, truths)]).double()
        alone, shared = hits[~sharing].mean().item(), hits[sharing].mean().item()
        print(f"  trained with S = {side:2}, seed {seed}: {alone:.1%} and {shared:.1%}, a difference of",
              f"{100 * (shared - alone):+.1f} points (score of at least {threshold:.2f})")
""")
md(r"""
Objects that share a coarse cell are found less often by *both* nets: 27 and 28 points less with S = 7, 23 to 33 less with S = 14. So most of the gap does not come from the grid; such objects also lie close together. With 86 objects, an effect of a few points would not show.

## What kind of mistakes?

Section 4.2 of the paper sorts the best N detections of each class, where N is the number of its objects: **correct**; **localisation** (right class, but an IoU between 0.1 and 0.5; duplicates too, as in the tool by Hoiem and others); **class** (another class's object; the paper splits these in two); **background** (an IoU below 0.1 with anything). Shares are averaged over the classes.
""")
code(r"""
kinds = ("correct", "localisation", "class", "background")
mistakes = {name: [100 * counts[kind] / sum(counts.values()) for kind in kinds]
            for name, counts in zip(data.classes, error_types(detections, truths, C)) if sum(counts.values())}
share = [np.mean(column) for column in zip(*mistakes.values())] or [0] * len(kinds)

@styled
def plot_mistakes():
    rows = {"paper, Fast R-CNN": (71.6, 8.6, 6.2, 13.6), "paper, YOLO": (65.5, 19.0, 10.75, 4.75),
            f"ours, {data.name}": share, **{f"ours, {name}": mistakes[name] for name in list(mistakes)[:3]}}
    figure, axis = plt.subplots(figsize=(9, 0.5 * len(rows) + 1))
    left = np.zeros(len(rows))
    for kind, colour, values in zip(kinds, (COLOURS[2], COLOURS[4], COLOURS[3], COLOURS[1]), zip(*rows.values())):
        axis.barh(list(rows), values, left=left, color=colour, label=kind)
        left += values
    axis.set(xlabel="% of the best N detections", xlim=(0, 100))
    axis.invert_yaxis()
    axis.grid(False)
    axis.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1))

plot_mistakes()
for name, values in [*mistakes.items(), ("mean", share)]:
    print(f"{name:10}", ", ".join(f"{kind} {value:.1f} %" for kind, value in zip(kinds, values)))
""")
md(r"""
Our net makes other mistakes than the paper's: 17.4 % of its detections are background and 1.1 % localisation errors; the paper's YOLO has 4.75 and 19.0 %. The background errors are red cells (26.3 % of their detections) and platelets (23.2 %). An IoU of 0.5 is lenient for round cells of similar sizes. The background errors deserve a look. Here are the most confident ones, detections that overlap every ground-truth box by an IoU below 0.1:
""")
code(r"""
@styled
def show_false(count=6):
    '''The most confident detections without any ground-truth box near them, cut out with their surroundings.'''
    listed = []
    for i, ((boxes, scores, labels), (true_boxes, _)) in enumerate(zip(detections, truths)):
        near = box_iou(boxes[:, None], true_boxes).amax(dim=1) if len(true_boxes) else torch.zeros(len(boxes))
        listed += [(scores[j].item(), i, boxes[j], labels[j].item()) for j in (near < 0.1).nonzero().flatten().tolist()]
    figure, axes = plt.subplots(1, count, figsize=(9, 1.9))
    for axis in axes:
        axis.axis("off")
    for axis, (score, i, box, label) in zip(axes, sorted(listed, key=lambda item: -item[0])):
        on_axis(axis, data.test[0][i], f"{data.classes[label]} {score:.2f}")
        draw_boxes(axis, box[None], torch.tensor([label]))
        draw_boxes(axis, *truths[i], style=":", width=1)
        x, y, half = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 0.18
        axis.set(xlim=(x - half, x + half), ylim=(y + half, y - half))

show_false()
""")
md(r"""
Each of the six shows a red blood cell without a label, and most of them touch the border of the image. So some of the background errors are gaps in the annotation, and the AP of red cells is a little too low. How many they are, six crops cannot tell.

## Look inside: do the two boxes specialise?

The paper says that each of a grid cell's boxes gets better at certain sizes, shapes or classes, and that the confidence should be the IoU. We check both for the main training, with the responsible box of each validation and test object.
""")
code(r"""
names, predictor, iou, confidence, _, true_sizes = responsible_boxes(model)
for c, name in enumerate(data.classes[:3]):
    own = names == c
    print(f"{name:10} box 1 is responsible for {int((predictor[own] == 0).sum())} of {own.sum()} objects;",
          f"mean confidence {confidence[own].mean().item():.2f}, mean IoU {iou[own].mean().item():.2f}")
print(f"correlation of confidence and IoU: {np.corrcoef(confidence, iou)[0, 1]:.2f}")

@styled
def plot_inside():
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.3))
    for j in (0, 1):
        axes[0].plot(*true_sizes[predictor == j].T, ".", color=COLOURS[3 + j], markersize=3, label=f"box {j + 1}")
    axes[0].set(xlabel="width", ylabel="height", title="objects by their responsible box")
    axes[0].legend(markerscale=3, fontsize=9)
    for c in range(min(C, 3)):
        own = names == c
        axes[1].plot(iou[own], confidence[own], ".", color=COLOURS[c], markersize=3, label=data.classes[c])
    axes[1].plot([0, 1], [0, 1], color="black", linewidth=1)
    axes[1].set(xlabel="IoU with the object", ylabel="confidence", title="of the responsible box", xlim=(0, 1))
    axes[1].legend(markerscale=3, fontsize=9)
    figure.suptitle(f"{data.name}, validation and test images")

plot_inside()
""")
md(r"""
They specialise, but one-sidedly. Box 2 is responsible for every red and white blood cell; box 1 gets only platelets, 55 of 151. (n = 1.)

The confidence is lower than the IoU. Most points lie below the diagonal, red cells claim 0.63 on average for boxes with an IoU of 0.83, and the correlation is only 0.39. This fits the definition, Pr(object) · IoU: a network that doubts whether there is an object should answer less than the IoU.

## Use it

The trained net is saved in half precision, with all that a later user needs, and loaded again.
""")
code(r"""
kept_net, kept_run = trained["baseline"][0] if paper_form else (model, run)
kept_mAP = mean_average_precision(*predict(kept_net, test), C)[0]
settings = dict(num_classes=C, width=knobs["width"])
state = {name: value.cpu() for name, value in kept_net.state_dict().items()}
state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
path = checkpoint_dir() / scale / "YOLO" / "yolo-weights.pt"
save_file(dict(model=state, settings=settings, data=data.name, classes=list(data.classes), mean=list(data.mean),
               std=list(data.std), size=knobs["size"], threshold=best_threshold(kept_net), mAP=kept_mAP,
               made=kept_run.made()), path)

about = load_file(path)
net = SmallYOLO(**about["settings"])
net.load_state_dict(about["model"])
half = mean_average_precision(*predict(net.to(device), test), C)[0]
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; mAP@0.5 {kept_mAP:.3f}, from the file {half:.3f}")
assert abs(half - kept_mAP) < 0.01
""")
md(r"""
**An image of yours.** Put an image beside the notebook, and set its name. The net knows stained blood at this magnification only. Without a file, a test image stands in.
""")
code(r"""
my_image = ""  # for example "my-blood.jpg"

image = read_image(my_image) if my_image else data.test[0][1]
x = torchvision.transforms.functional.resize(image.permute(2, 0, 1), [about["size"]] * 2).float() / 255
x = (x - torch.tensor(about["mean"]).view(3, 1, 1)) / torch.tensor(about["std"]).view(3, 1, 1)
with torch.no_grad():
    boxes, scores, labels = detect(net.cpu().eval()(x[None]), threshold=about["threshold"])[0]
counts = torch.bincount(labels, minlength=len(about["classes"])).tolist()
print(f"{len(boxes)} objects:", ", ".join(f"{n} {name}" for n, name in zip(counts, about["classes"]) if n))
if not my_image:
    counts = [(name, (data.test[2][1] == c).sum().item()) for c, name in enumerate(data.classes)]
    print("in the annotation:", ", ".join(f"{n} {name}" for name, n in counts if n))

@styled
def show_mine():
    figure, axis = plt.subplots(figsize=(2.9, 2.2))
    on_axis(axis, image, **(dict(aspect=image.shape[0] / image.shape[1]) if my_image else {}))
    draw_boxes(axis, boxes, labels, scores.tolist())

show_mine()
""")
md(r"""
The one platelet is missed.

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Network | 24 convolutions, two fully connected layers; sees the whole image | 14 convolutions with batch norm, a 1×1 convolution as the head; sees 135² pixels. At scale `paper` the paper's, with batch norm |
| Image, grid | 448², 7 × 7 | 224², 14 × 14; 7 × 7 in the ablation |
| Start | pre-trained on ImageNet | from scratch, Kaiming initialisation, the last layer near 0 |
| Optimiser | SGD, momentum 0.9, 135 epochs, batches of 64 | AdamW with one cycle, batches of 16. At scale `paper` the paper's, with half its learning rate and twice its weight decay |
| Augmentation | scale and translation up to 20 %, exposure and saturation up to 1.5 | the same, and flips in both directions |
| Two objects in a grid cell | not said; the authors' code keeps one | the first is kept |
| All boxes have an IoU of 0 | not said; the authors' code takes the box with the smallest coordinate error | the first is responsible |

## Exercises

1. **One box.** Train with B = 1, and compare mAP and the IoU of the responsible boxes by class. Is the second box worth its numbers?
2. **More context.** Add 3×3 convolutions to `SmallYOLO` until a grid cell sees the whole image. Do background errors become rarer?

## Further reading

- The authors' [Darknet](https://pjreddie.com/darknet/yolov1/), where details can be found that the paper leaves out.
- [YOLO9000](https://arxiv.org/abs/1612.08242), the second version: batch norm, anchor boxes, a finer grid.
- [Faster R-CNN](https://arxiv.org/abs/1506.01497) by Ren and others: the two-stage detector that YOLO was compared with.
- [Diagnosing Error in Object Detectors](https://doi.org/10.1007/978-3-642-33712-3_25) by Hoiem and others: where the kinds of mistakes come from.
- [Rethinking ImageNet Pre-training](https://arxiv.org/abs/1811.08883) by He and others: how far a detector gets from scratch.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
    cell.source = cell.source
nbformat.write(book, HERE / "YOLO.ipynb")
import re
words = sum(len(re.sub("<!--.*?-->", "", c.source, flags=re.S).split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
wide = [(i, line) for i, c in enumerate(book.cells) if c.cell_type == "code" for line in c.source.splitlines() if len(line) > 120]
print(len(cells), "cells,", words, "words; too long:", long, "too wide:", wide)
