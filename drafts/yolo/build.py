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

You will build YOLO and check its 271,703,550 parameters, turn boxes into a grid of numbers and back, take the loss apart, write non-maximum suppression and mean average precision yourself, train a small YOLO from scratch to find blood cells in microscope images, and run it on an image of your own. TODO-NUMBERS: the main result in one sentence. <!-- TODO-NUMBERS: mAP@0.5 on BCCD's 72 test images of the small net with 1.2 M parameters, trained from scratch on 205 images -->

**How long it takes.** TODO-NUMBERS minutes of training at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything, on which machine, how many at a time --> Scales: `quick` (half a minute, generated shapes instead of cells, no internet; its numbers mean nothing), `cpu`, `gpu` (larger images and a wider net), `paper` (the paper's network and schedule, for many hours). The second code cell says how to choose.
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
from architectures.yolo.yolo import (FORMS, check_boxes, check_sizes, collect, error_types, he_initialise, match,
                                     suppress_in_groups, yolo_bccd)
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow, draw_network
from utils.images import read_image
from utils.plotting import COLOURS, plot_curves, styled
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
        "box": ("B boxes of each cell:\nx, y, w, h", 0, 3, "data"),
        "conf": ("confidence of each box:\nis it right?", 1, 3, "data"),
        "class": ("class probabilities of the cell:\nif there is an object, which?", 2, 3, "data"),
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
A classifier gives one answer for an image. A detector must say *what* is in it and *where*, for an unknown number of objects. YOLO lays a grid over the image, and one network answers for all cells at once: each cell proposes B boxes, says how much it trusts each of them, and which class an object there would have.

## The paper in brief

**The question.** In 2015, detectors were built from classifiers. R-CNN proposed some two thousand regions of an image, ran a network on each, and refined the boxes afterwards. Fast and Faster R-CNN shared the work between regions, but an accurate detector still managed only 7 images a second. Could detection be a single regression problem, solved in one look?

**The idea.** Let the network see the whole image and predict a tensor of shape $S \times S \times (5B + C)$: for each grid cell $B$ boxes of five numbers and $C$ class probabilities. The cell in which an object's centre lies is **responsible** for that object. With $S = 7$, $B = 2$ and the $C = 20$ classes of PASCAL VOC these are $7 \times 7 \times 30 = 1{,}470$ numbers.

**The results.** On the test set of VOC 2007 (trained on VOC 2007 and 2012), mAP and images a second on a Titan X:

| | mAP | images a second |
|---|---|---|
| YOLO | 63.4 | 45 |
| Fast YOLO (nine convolutions) | 52.7 | 155 |
| YOLO with VGG-16 | 66.4 | 21 |
| Fast R-CNN | 70.0 | 0.5 |
| Faster R-CNN with VGG-16 | 73.2 | 7 |

YOLO is less accurate than Faster R-CNN and six times as fast. Its boxes are imprecise more often, but it mistakes background for objects less often, since it sees the whole image.

## The data

BCCD has 364 [microscope images](https://github.com/Shenggan/BCCD_Dataset) of stained blood with boxes around red blood cells (RBC), white blood cells (WBC) and platelets, and comes with its own split: 205 images to train on, 87 for validation, 72 for the test. We resize each 640 × 480 image to a square, as the paper does, and keep boxes as corners relative to the image, between 0 and 1.
""")
code(r"""
KNOBS = {  # pixels a side; the small net's width; images a batch; peak rate; epochs and passes over the images in each
    "quick": dict(size=64, width=8, batch=16, rate=4e-3, main=(3, 2), short=(1, 1), seeds=(0, 1)),
    "cpu":   dict(size=224, width=32, batch=16, rate=2e-3, main=(MAIN_EPOCHS, 10), short=(SHORT_EPOCHS, 10), seeds=(0, 1, 2)),
    "gpu":   dict(size=320, width=32, batch=32, rate=2e-3, main=(80, 10), short=(10, 10), seeds=(0, 1, 2)),
    "paper": dict(size=448, width=32, batch=64, rate=1e-2, main=(135, 80), short=(20, 10), seeds=(0, 1, 2)),
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

def draw_boxes(axis, boxes, labels, scores=None, style="-", width=1.6):
    '''Boxes (M, 4), relative, on an axis whose image fills (0, 1): a colour for each class, with the score above.'''
    for i, ((x1, y1, x2, y2), label) in enumerate(zip(boxes.tolist(), labels.tolist())):
        colour = COLOURS[label % len(COLOURS)]
        axis.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linestyle=style,
                                     linewidth=width))
        if scores is not None:
            axis.text(x1, y1, f"{scores[i]:.2f}", fontsize=7, color="white", va="top",
                      bbox=dict(facecolor=colour, edgecolor="none", pad=0.6))
""")
code(r"""
def on_axis(axis, image, title=""):
    '''An image, uint8 or float in [0, 1], so that it fills (0, 1) in both directions.'''
    axis.imshow(image, extent=(0, 1, 1, 0), aspect=0.75 if scale != "quick" else 1)
    axis.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
    axis.set_title(title, fontsize=10)
    axis.grid(False)

@styled
def show_data(split, numbers):
    '''Some images with their boxes, and how large the boxes of each class are.'''
    figure, axes = plt.subplots(1, len(numbers) + 1, figsize=(9, 2.8), width_ratios=[*[1] * len(numbers), 1])
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
White cells are large, with a stained nucleus; red cells are of medium size and crowded; platelets are tiny. So the data has what is easy for YOLO (one large object) and what is hard (neighbours that overlap, and small objects). The labels are not complete: here and there a red cell, often at the border, has no box. A detector that finds it is told that it is wrong.

## The grid, and what each number means

Which cell is responsible for an object? The one in which the centre of its box lies, and no other. Below, on the left, the paper's 7 × 7 grid; on the right, 14 × 14, which our small net has at 224 pixels.
""")
code("# %load -s encode,decode_targets,to_corners yolo.py")
code(r"""
@styled
def show_grid(image, boxes, labels, sizes):
    '''The grid on an image: responsible cells filled in the colour of their class, centres as dots.'''
    figure, axes = plt.subplots(1, len(sizes), figsize=(7.6, 2.95 if scale != "quick" else 4))
    for axis, S in zip(axes, sizes):
        on_axis(axis, image, f"S = {S}")
        for i in range(1, S):
            axis.axhline(i / S, color="white", linewidth=0.8)
            axis.axvline(i / S, color="white", linewidth=0.8)
        targets = encode(boxes[None], labels[None], S, C)[0]
        for row, column in targets[..., 4].nonzero().tolist():
            colour = COLOURS[targets[row, column, 5:].argmax() % len(COLOURS)]
            axis.add_patch(plt.Rectangle((column / S, row / S), 1 / S, 1 / S, color=colour, alpha=0.45))
        draw_boxes(axis, boxes[labels >= 0], labels[labels >= 0], width=1)
        axis.plot(*((boxes[:, :2] + boxes[:, 2:]) / 2)[labels >= 0].T, "o", color="white", markersize=3)

S = knobs["size"] // (64 if paper_form else 16)
number = 2  # the image that is drawn
boxes, labels = data.train[1][number], data.train[2][number]
show_grid(data.train[0][number], boxes, labels, (7, 14))
""")
md(r"""
Each filled cell answers for the object whose centre (white dot) it contains, although the box reaches far beyond the cell. All other cells should have a confidence of zero. At the lower left, two red cells share a cell of the coarse grid; hold on to that. Now look at a single cell: these are the numbers that the network has to produce for it.
""")
code(r"""
@styled
def draw_cell(values, names, title):
    '''The numbers of one cell as a row of boxes: the B boxes, then the classes.'''
    figure, axis = plt.subplots(figsize=(11, 1.5))
    for i, (value, name) in enumerate(zip(values, names)):
        colour = COLOURS[0] if i < 5 else COLOURS[4] if i < 10 else COLOURS[2]
        axis.add_patch(plt.Rectangle((i, 0), 1, 1, facecolor=colour, edgecolor="black", alpha=0.35))
        axis.text(i + 0.5, 0.5, value, ha="center", va="center", fontsize=10)
        axis.text(i + 0.5, -0.12, name, ha="center", va="top", fontsize=9, rotation=0 if len(name) < 6 else 30)
    axis.set(xlim=(0, len(values)), ylim=(-0.75, 1.05), title=title)
    axis.axis("off")

five = ["x", "y", "√w", "√h", "conf."]
draw_cell([""] * 30, five * 2 + [f"p{i}" for i in range(1, 21)],
          "The paper's 30 numbers of a cell: two boxes of five, and 20 classes")
targets = encode(boxes[None], labels[None], S, C)
row, column = targets[0, ..., 4].nonzero()[0].tolist()
x, y, w, h, there, *classes = targets[0, row, column].tolist()
box = [f"{value:.2f}" for value in (x, y, w**0.5, h**0.5)] + ["IoU"]
names = [name if C < 5 else f"p{i + 1}" for i, name in enumerate(data.classes)]
draw_cell(box * 2 + [f"{value:.0f}" for value in classes], five * 2 + names,
          f"{data.name}: what the cell in row {row}, column {column} should answer (S = {S})")
found, found_labels = decode_targets(targets)[0]
centres = (S * (boxes[:, :2] + boxes[:, 2:]) / 2).long()
i = next(i for i in range(len(labels)) if labels[i] >= 0 and centres[i].tolist() == [column, row])
print(f"in the annotation:  {[round(v, 4) for v in boxes[i].tolist()]}, {data.classes[labels[i]]}")
print(f"encoded and back:   {[round(v, 4) for v in found[0].tolist()]}, {data.classes[found_labels[0]]}")
assert torch.allclose(found[0], boxes[i], atol=1e-6) and found_labels[0] == labels[i]
""")
md(r"""
- **x and y** are the centre of the box, relative to the cell: 0.5, 0.5 is the middle of the cell.
- **√w and √h** are the roots of the box's width and height, relative to the whole image. We'll see in a moment why roots.
- **conf.** is the confidence. Its target is the overlap (IoU, see below) of this predicted box with the object, or 0 if there is none, so it depends on the prediction itself.
- **p1, p2, …** are class probabilities *given that there is an object*. A cell has only one set of them.

With three classes, a cell needs 13 numbers instead of 30. Its two boxes have the same target; training decides which of them has to match it.

**The grid's limit.** A cell has one set of classes and, in training, one target. If the centres of two objects fall into one cell, one of them is lost before training starts. How often does that happen here?
""")
code(r"""
print("share of the training objects that lose their cell to another one:")
for cells_a_side in (4, 7, 10, 14, 20):
    kept = encode(*data.train[1:], cells_a_side, C)[..., 4].sum().item()
    print(f"  S = {cells_a_side:2}: {1 - kept / (data.train[2] >= 0).sum().item():.1%}")
""")
md(r"""
A 7 × 7 grid cannot learn a few percent of these cells. The paper names this limit too: small objects in groups, such as flocks of birds. Later we test whether our networks really miss objects that share a cell.

## The network

The paper's network is inspired by GoogLeNet: 3×3 convolutions, with 1×1 convolutions between them that reduce the channels, and two fully connected layers. The activation is a leaky ReLU (slope 0.1), the last layer is linear.
""")
code("# %load -s YOLOv1,SmallYOLO,convolutions yolo.py")
code(r"""
with torch.device("meta"):  # shapes without numbers: nothing is computed
    nets = {"YOLO": (YOLOv1(), 448), "Fast YOLO": (YOLOv1(form="fast"), 448),
            f"SmallYOLO, width {knobs['width']}": (SmallYOLO(C, width=knobs["width"]), knobs["size"])}
    for name, (net, size) in nets.items():
        convolution_count = sum(isinstance(module, nn.Conv2d) for module in net.modules())
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            shape = tuple(net.eval()(torch.empty(1, 3, size, size)).shape)
        parameters = sum(p.numel() for p in net.parameters())
        print(f"{name:19} {size}²  {convolution_count} convolutions {parameters:11,} parameters",
              f"{counter.get_total_flops() / 2e9:5.2f} G multiply-adds -> {shape}")

paper = nets["YOLO"][0]
assert sum(p.numel() for p in paper.parameters()) == 271_703_550
assert sum(p.numel() for p in paper.backbone.parameters()) == 60_155_968  # the other 78 % are two matrices
sizes = {f"backbone.{i}": f"{layer.kernel_size[0]}×{layer.kernel_size[0]}" for i, layer in enumerate(paper.backbone)
         if isinstance(layer, nn.Conv2d) and i in (0, 3, 12, 33, 44, 50)}
with torch.device("meta"):
    draw_network(paper, torch.empty(1, 3, 448, 448), {**sizes, "head.1": "FC", "head.4": "FC, 1470"},
                 "YOLO: the last convolution at each resolution, and the fully connected layers")
""")
md(r"""
Nearly four fifths of the paper's 272 million parameters sit in the two fully connected layers. They let each cell see the whole image, and tie the network to one image size. In **`SmallYOLO`** we replace them by a 1×1 convolution, so that each cell answers from its own feature vector. The net has fourteen convolutions with batch norm (which the authors' code has too), 1.2 million parameters, and a stride of 16, so that 224 pixels give a 14 × 14 grid.

**How the backbone starts.** The paper trains its first 20 convolutions for about a week to classify ImageNet at 224 × 224 (88 % top-5 accuracy). Then it adds four convolutions and the fully connected layers with random weights, doubles the resolution to 448, because boxes need fine detail, and trains everything on detection. ImageNet is out of reach for us, so we tried a short pre-training on CIFAR-10. In trials of nearly three minutes (one each), mAP on the validation split was 0.60 with 300 steps on CIFAR-10 and 20 passes over BCCD, and 0.72 with 30 passes and no pre-training. Larger studies agree that with batch norm and enough passes, detectors trained from scratch [can catch up](https://arxiv.org/abs/1811.08883), although less so with very little data. So **we train from scratch**, with Kaiming initialisation.

## The loss, part by part

How well do two boxes agree? The **intersection over union** (IoU) is the area that they share, divided by the area that they cover together: 1 for equal boxes, 0 for boxes that don't touch.

The loss is a sum of squared errors with five parts. Write $\mathbb 1_{ij}^\text{obj}$ for "box $j$ of cell $i$ is responsible for an object": the cell contains its centre, and of the cell's $B$ boxes this one has the highest IoU with it *at this moment*.

$$\begin{aligned}
\mathcal L = \;& \lambda_\text{coord} \sum_{i,j} \mathbb 1_{ij}^\text{obj} \big[(x - \hat x)^2 + (y - \hat y)^2\big] && \text{xy} \\
+ \;& \lambda_\text{coord} \sum_{i,j} \mathbb 1_{ij}^\text{obj} \big[(\sqrt w - \sqrt{\hat w})^2 + (\sqrt h - \sqrt{\hat h})^2\big] && \text{wh} \\
+ \;& \sum_{i,j} \mathbb 1_{ij}^\text{obj} (c - \mathrm{IoU})^2 && \text{object} \\
+ \;& \lambda_\text{noobj} \sum_{i,j} (1 - \mathbb 1_{ij}^\text{obj})\, c^2 && \text{no object} \\
+ \;& \sum_{i} \mathbb 1_{i}^\text{obj} \sum_{k} (p_k - \hat p_k)^2 && \text{class}
\end{aligned}$$

Most cells contain no object. Their many pushes towards zero confidence would overpower the few cells that have one, so the paper sets $\lambda_\text{noobj} = 0.5$ and $\lambda_\text{coord} = 5$.
""")
code("# %load -s box_iou,split_outputs,predicted_boxes,yolo_loss yolo.py")
md(r"""
To see the parts at work, we take one object, let the network answer perfectly, and then move one of its two boxes away to the right, step by step. The second box of the cell stays a little too large all the time.
""")
code(r"""
truth = torch.tensor([[[0.4, 0.4, 0.7, 0.6]]])  # one box, 0.3 wide and 0.2 high
target = encode(truth, torch.zeros(1, 1, dtype=torch.int64), 3, 1)
row, column = target[0, ..., 4].nonzero()[0].tolist()
good = target[0, row, column, :4].clone()
good[2:] = good[2:].sqrt()  # x, y, √w, √h

def answer(first, second, confidences=(1.0, 0.5)):
    '''Outputs (1, 3, 3, 11) in which the object's cell proposes these two boxes, and all others nothing.'''
    outputs = torch.zeros(1, 3, 3, 11)
    outputs[0, row, column] = torch.tensor([*first, confidences[0], *second, confidences[1], 1.0])
    return outputs

larger = good + torch.tensor([0, 0, 0.12, 0.12])
shifts = torch.linspace(0, 0.9, 46)
moved = [yolo_loss(answer(good + torch.tensor([shift, 0, 0, 0]), larger), target)[1] for shift in shifts]
parts = {name.replace("_", " "): (shifts.tolist(), [p[name].item() for p in moved]) for name in moved[0]}
plot_curves({"Loss of the cell, part by part": parts}, "shift of the first box to the right (in cells)", "loss")
switch = next(i for i, p in enumerate(moved) if p["wh"] > 0)
print(f"at a shift of {shifts[switch]:.2f} cells the other box, too large, becomes responsible;",
      f"up to there xy has grown to {moved[switch - 1]['xy']:.2f}")
by_hand = 5 * shifts[switch - 1].item() ** 2
assert abs(moved[switch - 1]["xy"].item() - by_hand) < 1e-5 and moved[switch]["xy"] < 1e-9
""")
md(r"""
At first only "xy" grows, as the square of the shift, and with it "object": the box still claims a confidence of 1, but its IoU, the target, falls. At the jump the second box has become the better one and takes over: now its size is wrong ("wh"), and the confidence of the first box should be 0 ("no object"). This is how the two boxes of a cell can divide the work.

**Why roots of w and h?** An error of 0.05 is nothing for a box as wide as the image, and ruins the box of a platelet. With roots, the same absolute error costs more for a small box:
""")
code(r"""
widths = torch.linspace(0.02, 0.6, 59)
error = 0.02
curves = {"root: (√w − √(w + 0.02))²": (widths.sqrt() - (widths + error).sqrt()).square(),
          "plain: (w − (w + 0.02))²": torch.full_like(widths, error**2)}
small, large = (curves["root: (√w − √(w + 0.02))²"][i].item() for i in (2, 58))
print(f"with roots: {small:.2e} for a width of {widths[2]:.2f}, {large:.2e} for {widths[58]:.2f},",
      f"{small / large:.0f} times less")
curves = {name: (widths.tolist(), values.tolist()) for name, values in curves.items()}
plot_curves({"The same error in width, 0.02 of the image": curves},
            "width of the box (share of the image)", "squared error", log=True)
""")
md(r"""
With plain widths the error costs the same for every box; with roots it costs about twelve times as much for a box of 0.04 as for one of 0.6. Further down we train with plain w and h, to see what this does to platelets.

## From numbers to boxes: scores and non-maximum suppression

The score of a box for a class is its confidence times the class probability of its cell. A large object is often found by several cells, each with a box around it. **Non-maximum suppression** (NMS) keeps the best box, drops all boxes of the same class that overlap it by more than a threshold, and goes on with the best of the rest.
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
print("a chain of three, best first: keep", nms(chain, torch.tensor([0.9, 0.8, 0.7])).tolist())
""")
md(r"""
The chain shows a detail that is easy to get wrong: the third box overlaps only the second, and the second has already been dropped, so the third stays. `nms` handles one set of boxes, in a loop; `detect` does the same for all images of a batch at once.

## How good is a detector? Mean average precision

Sort all detections of a class, over all test images, by their score. A detection is **correct** if its IoU with a true box of its class is at least 0.5 and no better detection has claimed that box. Going down the list, we note the **precision** (which share of the detections so far is correct) and the **recall** (which share of the true boxes has been found). The **average precision** (AP) of the class is the area under the curve of precision against recall, after the curve has been made to fall monotonically; **mAP@0.5** is the mean over the classes. VOC 2007, and so the paper's table, averages the curve at 11 recalls instead; we report both. A small case by hand:
""")
code("# %load -s precision_recall,average_precision,mean_average_precision yolo.py")
code(r"""
listed = torch.tensor([0.9, 0.8, 0.6, 0.5])  # scores of four detections; there are four true boxes, one is never found
precision, recall = precision_recall(listed, torch.tensor([True, False, True, True]), 4)
print("precision", [f"{p:.2f}" for p in precision.tolist()], " recall", [f"{r:.2f}" for r in recall.tolist()])
area, eleven = average_precision(precision, recall), average_precision(precision, recall, points=11)
print(f"AP: {area:.3f} as an area, {eleven:.3f} at 11 recalls")
assert abs(area - 0.25 * (1 + 0.75 + 0.75)) < 1e-9 and abs(eleven - (3 * 1 + 5 * 0.75) / 11) < 1e-9
""")
md(r"""
The second detection was wrong, so precision drops to 1/2 and rises again. The monotone curve fills that dip: at recall 0.5 it counts the best precision that is still to come, 0.75. The tests compare our mAP with pycocotools.

## Overfit one batch

A sanity check before the long training: can a small network learn four images until its boxes agree with their annotation?
""")
code(r"""
set_seed(SEED)
scenes = load_shape_scenes(4, 1, 1, most=3)
images, boxes, labels = next(iter(BoxLoader(scenes, "train", 4, "cpu")))
model = SmallYOLO(len(scenes.classes), width=12)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
targets = encode(boxes, labels, S=4, num_classes=len(scenes.classes))
for _ in range(150):
    loss, _ = yolo_loss(model(images), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
worst = 1.0
for (true_boxes, true_labels), (got, _, names) in zip(decode_targets(targets), detect(model(images))):
    overlaps = box_iou(true_boxes[:, None], got) * (true_labels[:, None] == names)
    worst = min(worst, overlaps.amax(dim=1).min().item())
print(f"after 150 steps: loss {loss:.4f};",
      f"each of {int(targets[..., 4].sum())} objects is found with an IoU of at least {worst:.2f}")
assert worst > 0.7
""")
md(r"""
## Training

The paper scales and translates each image by up to 20 %, and changes its exposure and saturation by a factor of up to 1.5; we also flip, and since blood cells have no up, in both directions. A box must follow its image. If it leaves the image, it is cut; if less than a quarter of it is left, it is dropped. Here is one training image, four times:
""")
code(r"""
@styled
def show_augmented(count=4):
    loader = BoxLoader(data, "train", 1, "cpu", augment=True, upright=upright, count=3)
    figure, axes = plt.subplots(1, count, figsize=(8.6, 1.9))
    for epoch, axis in enumerate(axes):
        loader.epoch = epoch
        image, boxes, labels = list(loader)[number]
        image = (image[0] * torch.tensor(data.std).view(3, 1, 1) + torch.tensor(data.mean).view(3, 1, 1)).clamp(0, 1)
        on_axis(axis, image.permute(1, 2, 0))
        draw_boxes(axis, boxes[0][labels[0] >= 0], labels[0][labels[0] >= 0])

show_augmented()
""")
md(r"""
The plain border, in the data's mean colour, is what comes in from outside. All this happens on whole batches of tensors.

An epoch, in the table of knobs near the top, is several passes over the 205 images. The main training is long, the short ones are for the comparisons further down. We use AdamW with one cycle of the learning rate, whose peak was not tuned; the paper's SGD schedule is used at scale `paper`.
""")
code(r"""
def detection(model, images, boxes, labels, root=True, lambda_noobj=0.5):
    '''The objective: equation 3; "box" is the share of the coordinates in it.'''
    outputs = model(images)
    loss, parts = yolo_loss(outputs, encode(boxes, labels, outputs.shape[1], C), lambda_noobj=lambda_noobj, root=root)
    return loss, len(images), {"box": (parts["xy"] + parts["wh"]) * len(images)}

@torch.no_grad()
def predict(model, loader, root=True, threshold=0.01, overlap=0.5):
    '''What a model in eval mode detects in each image of a loader, and the truth, on the CPU.'''
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
    '''The paper's rate: 1e-3 to 1e-2 in the first epochs, 1e-2 to epoch 75, 1e-3 to 105, 1e-4 to 135, as factors.'''
    epoch = 135 * step / steps
    return min(0.1 + 0.9 * epoch / 5, 1) if epoch < 75 else 0.1 if epoch < 105 else 0.01
""")
code(r"""
def train(name, plan, seed=SEED, small=True, stride=16, root=True, lambda_noobj=0.5, augment=True, lines=1):
    '''Train by `plan`, (epochs, passes over the images in each). Returns the net and its Run.'''
    epochs, passes = plan
    set_seed(seed)
    net = SmallYOLO(C, width=knobs["width"], stride=stride) if small else YOLOv1(C, batch_norm=True)
    net = net.to(device, memory_format=torch.channels_last)
    loader = BoxLoader(data, "train", knobs["batch"], device, passes, shuffle=True, augment=augment, upright=upright,
                       seed=seed)
    val, again = (BoxLoader(data, "val", 32, device) for _ in range(2))
    steps = epochs * len(loader)
    if small:
        optimizer = torch.optim.AdamW(net.parameters(), lr=knobs["rate"], weight_decay=0.05)
        rate = min(knobs["rate"], 2e-3) if paper_form else knobs["rate"]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.15)
    else:
        optimizer = torch.optim.SGD(net.parameters(), lr=knobs["rate"], momentum=0.9, weight_decay=5e-4)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(paper_rate, steps=steps))
    run = fit(net, loader, optimizer, schedule, epochs, device, {"val": val},
              objective=partial(detection, root=root, lambda_noobj=lambda_noobj), checkpoint=f"YOLO/{name}-seed{seed}",
              lines=lines, score=partial(val_map, loader=again, root=root), compile=scale != "quick")
    return net, run
""")
code(r"""
model, run = train("main", knobs["main"], small=not paper_form, lines=10)
history, unit = run.history, f"epoch ({knobs['main'][1]} passes over the images)"
plot_curves({"Loss, and its coordinate part": {f"{name}, {s}": (history["epoch"], history[f"{s}_{name}"])
                                               for name in ("loss", "box") for s in ("train", "val")}},
            unit, "squared errors, sum over an image", data.name, log=True)
plot_curves({"Validation split": {"mAP@0.5": (history["epoch"], history["val_mAP"])}}, unit, "mAP@0.5", data.name)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether val mAP has flattened and where; whether the validation loss rises while mAP still climbs; gap to training loss --> Training images are augmented, so their loss is higher than that of unchanged images would be.

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
plot_curves({"Average precision by the IoU that counts as correct": {k: (ious, v) for k, v in lines.items()}},
            "IoU wanted", "AP (%)", data.name)
report("YOLO", "mAP@0.5, %", data.name, f"{len(data.train[0])} train, {len(truths)} test images", None, [
    dict(what="all points", paper=None, reproduction=None, runs=[(100 * mAP, run)]),
    dict(what="11 points", paper=None, reproduction=None, runs=[(100 * mAP11, run)]),
    *(dict(what=f"AP {name}", paper=None, reproduction=None, runs=[(100 * value, run)])
      for name, value in zip(data.classes, by_class)),
])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: mAP, which class is best and worst and why; how fast AP falls with the wanted IoU: platelets first --> The paper's 63.4 is for VOC with its 20 classes, and cannot be compared with this number: blood cells are an easier problem with far fewer images.

**Precision and recall.** To draw boxes, we need a threshold for the score. We choose the one with the highest F-score (the harmonic mean of precision and recall) on the validation split.
""")
code(r"""
def counts_above(detections, truths, threshold):
    '''Precision and recall of all classes together, of the detections with a score above the threshold.'''
    chosen = [tuple(part[found[1] > threshold] for part in found) for found in detections]
    right = sum(match(*pair).sum().item() for pair in zip(chosen, truths))
    return right / max(sum(len(found[1]) for found in chosen), 1), right / sum(len(truth[1]) for truth in truths)

levels = [round(0.05 * i, 2) for i in range(1, 20)]
on_val = predict(model, BoxLoader(data, "val", 32, device))
f_scores = [2 * p * r / max(p + r, 1e-9) for p, r in (counts_above(*on_val, level) for level in levels)]
level = levels[int(np.argmax(f_scores))]
precision, recall = counts_above(detections, truths, level)
print(f"threshold {level}, chosen on the validation split;",
      f"on the test split: precision {precision:.3f}, recall {recall:.3f}")

def curve(c):
    '''Recall and precision of a class on the test split, as lists.'''
    own = [tuple(part[found[2] == c] for part in found) for found in detections]
    right = torch.cat([match(*pair) for pair in zip(own, truths)])
    count = sum((truth[1] == c).sum().item() for truth in truths)
    p, r = precision_recall(torch.cat([found[1] for found in own]), right, max(count, 1))
    return r.tolist(), p.tolist()

plot_curves({"Precision and recall on the test split": {name: curve(c) for c, name in enumerate(data.classes[:3])}},
            "recall", "precision", data.name)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: WBC curve in the upper right corner; where RBC's precision falls (unlabelled red cells count as mistakes); where platelets' recall ends -->

Here are detections, with their scores. Dotted boxes are the annotation.
""")
code(r"""
# For the README: test images of BCCD with detections and their scores; dotted boxes are the annotation
@styled
def show_detections(numbers, threshold):
    figure, axes = plt.subplots(1, len(numbers), figsize=(9, 2.45 if scale != "quick" else 3.2))
    for axis, i in zip(axes, numbers):
        on_axis(axis, data.test[0][i])
        draw_boxes(axis, *truths[i], style=":", width=1)
        boxes, scores, labels = (part[detections[i][1] > threshold] for part in detections[i])
        draw_boxes(axis, boxes, labels, scores.tolist())
    names = ", ".join(f"{name} {colour}" for name, colour in zip(data.classes, ("blue", "orange", "green")))
    figure.suptitle(f"{data.name}, test images: {names}")

show_detections((0, 5, 7), level)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what one sees: WBC always; crowded RBC mostly; which are missed; detections without a dotted box are often unlabelled red cells; note whether boxes look loose -->

## What NMS and the threshold do

We take one test image without NMS, with NMS, and with NMS at a lower and a higher threshold.
""")
code(r"""
@styled
def show_steps(i):
    raw = predict(model, test, overlap=None)[0][i]
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.2 if scale != "quick" else 2.8))
    cases = ((raw, level, "without NMS"), (detections[i], level, "with NMS"), (detections[i], level / 3, "NMS"),
             (detections[i], min(1.6 * level, 0.95), "NMS"))
    for axis, (found, threshold, text) in zip(axes, cases):
        on_axis(axis, data.test[0][i], f"{text}, score > {threshold:.2f}")
        draw_boxes(axis, found[0][found[1] > threshold], found[2][found[1] > threshold], width=1.1)

show_steps(5)
results = {overlap: mean_average_precision(*predict(model, test, overlap=overlap), C)[0]
           for overlap in (None, 0.3, 0.4, 0.5, 0.6, 0.7)}
print("mAP by the IoU above which NMS drops a box:",
      ", ".join(f"{'no NMS' if overlap is None else overlap}: {value:.3f}" for overlap, value in results.items()))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: number of duplicates without NMS, gain of NMS in points (paper: 2 to 3 points on VOC); which overlap is best, not chosen: 0.5 is used throughout --> In the paper, NMS adds 2 to 3 points of mAP.

## How fast?

The title claims real time. We measure the whole way from a normalised image to final boxes, one image at a time, as in a video, and in batches. The paper's 45 images a second (155 for the fast form) were measured on a Titan X GPU. Our networks are untrained here, which changes only the number of boxes.
""")
code(r"""
@torch.no_grad()
def per_second(net, size, batch, seconds):
    '''Images a second from images on the device to boxes, the median of repeated runs.'''
    images = torch.randn(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        synchronise(device)
        started = time.perf_counter()
        with autocast(device, choose_precision(device)[0]):
            outputs = net(images)
        detect(outputs, threshold=level)
        synchronise(device)
        times.append(time.perf_counter() - started)
    return batch / sorted(times)[len(times) // 2]

builders = {"YOLO, 24 convolutions": (YOLOv1, 448), "Fast YOLO, 9 convolutions": (partial(YOLOv1, form="fast"), 448),
            "SmallYOLO": (partial(SmallYOLO, C, width=knobs["width"]), knobs["size"])}
seconds = 0.1 if scale == "quick" else 5
for name, (build, size) in builders.items():
    if scale == "quick" and "24" in name:
        continue  # a gigabyte of weights, for nothing
    net = build().eval().to(device, memory_format=torch.channels_last)
    one, many = (per_second(net, size, batch, seconds) for batch in (1, 4 if scale == "quick" else 16))
    print(f"{name:26} {size}²: {one:7.1f} images a second one at a time, {many:7.1f} in batches")
del net
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which net reaches real time (25 to 30 images a second) on this CPU; ratio fast/full beside the paper's 155/45 = 3.4; whether batches help -->

## What is each choice worth?

We repeat a short training with one change at a time, with several seeds. What would each outcome mean?

- **λ_noobj = 1.** If empty cells overpower the others, mAP should fall.
- **Plain w and h.** If roots help small boxes, platelets should lose most.
- **A coarser grid**: one more pooling halves S. Objects that share a cell should be lost.
- **No augmentation.** With only 205 images, overfitting should cost mAP.
""")
code(r"""
coarse = knobs["size"] // 32
VARIANTS = {"baseline": {}, "λ_noobj = 1": dict(lambda_noobj=1.0), "plain w, h": dict(root=False),
            f"S = {coarse}": dict(stride=32), "no augmentation": dict(augment=False)}
found, ablation = {}, {}
for label, options in VARIANTS.items():
    for seed in knobs["seeds"]:
        print(f"{label}, seed {seed}:")
        net, its_run = train("short-" + ("-".join(options) or "baseline"), knobs["short"], seed, **options)
        own, _ = predict(net, test, root=options.get("root", True))
        found.setdefault(label, []).append(own)
        ablation.setdefault(label, []).append((*mean_average_precision(own, truths, C), its_run))
""")
code(r"""
print(f"{'mean ± standard deviation, %':30} {'mAP@0.5':>14}", *(f"{'AP ' + name:>16}" for name in data.classes[:3]))
for label, results in ablation.items():
    columns = [[100 * mean for mean, _, _ in results]]
    columns += [[100 * values[c] for _, values, _ in results] for c in range(min(C, 3))]
    texts = [f"{np.mean(column):.1f} ± {np.std(column, ddof=1):.1f}" for column in columns]
    print(f"{label:30} {texts[0]:>14}", *(f"{text:>16}" for text in texts[1:]))

@styled
def plot_ablation():
    '''A panel for mAP and each class: a dot for each seed, a bar at the mean.'''
    panels = ["mAP@0.5", *(f"AP {name}" for name in data.classes[:3])]
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.4), sharey=True)
    for number, (axis, panel) in enumerate(zip(axes, panels)):
        for place, results in enumerate(ablation.values()):
            values = [100 * (mean if number == 0 else by_class[number - 1]) for mean, by_class, _ in results]
            axis.plot(values, [place] * len(values), "o", color=COLOURS[place])
            axis.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color=COLOURS[place])
        axis.set(title=panel, xlabel="%", yticks=range(len(ablation)))
    axes[0].set_yticklabels(ablation)
    axes[0].invert_yaxis()
    figure.suptitle(f"{data.name}, test images, short trainings: a dot for each seed")

plot_ablation()
report("YOLO", "mAP@0.5, %", data.name, f"{len(truths)} test images", None,
       [dict(what=label, paper=None, reproduction=None, runs=[(100 * mean, its_run) for mean, _, its_run in results])
        for label, results in ablation.items()], table="ablation")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: findings, each first as a sentence about the choice, then numbers with spread, then the caveat (short trainings, three seeds, one data set, knobs chosen for the baseline) -->

**Objects that share a cell.** We sort the test objects by how many objects have their centre in the same cell of the coarse grid, and ask how many of each group are found. The coarse grid can learn only one of them; the fine grid usually separates them.
""")
code(r"""
def recalls(runs, threshold=0.1):
    '''How many objects are found, of those that are 1, 2, 3 … in a cell of the coarse grid: {number: (found, all)}.'''
    table = {}
    for detections in runs:
        for (boxes, scores, labels), (true_boxes, true_labels) in zip(detections, truths):
            cell = (coarse * (true_boxes[:, :2] + true_boxes[:, 2:]) / 2).long()
            sharing = (cell[:, None] == cell).all(dim=2).sum(dim=1)  # of each true box
            chosen = scores > threshold
            right = match((true_boxes, torch.ones(len(true_boxes)), true_labels), (boxes[chosen], labels[chosen]))
            for number, hit in zip(sharing.tolist(), right.tolist()):
                hits, count = table.get(number, (0, 0))
                table[number] = hits + hit, count + 1
    return dict(sorted(table.items()))

print(f"recall of test objects at a score above 0.1, by the objects in a cell of the {coarse} × {coarse} grid")
for label in (f"S = {coarse}", "baseline"):
    texts = [f"{number} in the cell: {hits / count:.1%} of {count // len(knobs['seeds'])}"
             for number, (hits, count) in recalls(found[label]).items()]
    print(f"  trained with S = {2 * coarse if label == 'baseline' else coarse:2}:  {',  '.join(texts)}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: recall alone against shared, for both grids; the neighbours' cells may find the second object; numbers of objects are small --> Each detection may be used for one object only.

## What kind of mistakes?

Section 4.2 of the paper sorts the best N detections of each class, where N is the number of its true boxes: **correct**; **localisation** (right class, but an IoU between 0.1 and 0.5, or a duplicate); **class** (another class's object; the paper splits these into similar and other classes); **background** (an IoU below 0.1 with anything). In the paper, 19 % of YOLO's detections are localisation errors and 4.75 % background, against 8.6 % and 13.6 % for Fast R-CNN.
""")
code(r"""
kinds = ("correct", "localisation", "class", "background")
mistakes = error_types(detections, truths, C)
total = {kind: sum(counts[kind] for counts in mistakes) for kind in kinds}
share = {kind: 100 * value / max(sum(total.values()), 1) for kind, value in total.items()}

@styled
def plot_mistakes():
    rows = {"paper, Fast R-CNN": (71.6, 8.6, 6.2, 13.6), "paper, YOLO": (65.5, 19.0, 10.75, 4.75),
            f"ours, {data.name}": [share[kind] for kind in kinds]}
    for name, counts in zip(data.classes[:3], mistakes):
        rows[f"ours, {name}"] = [100 * counts[kind] / max(sum(counts.values()), 1) for kind in kinds]
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
print(", ".join(f"{kind} {value:.1f} %" for kind, value in share.items()))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: our shares; whether localisation dominates (platelets) --> The background errors deserve a look. Here are the most confident ones, detections that touch no true box:
""")
code(r"""
@styled
def show_false(count=6):
    '''The most confident detections without any true box near them, cut out with their surroundings.'''
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
TODO-NUMBERS <!-- TODO-NUMBERS: are these real cells that nobody labelled? how many of the six -->

## Use it

The trained net is saved in half precision with all that a later user needs.
""")
code(r"""
kept_net, kept_run = (model, run) if not paper_form else train("short-baseline", knobs["short"], knobs["seeds"][0])
kept_mAP = mean_average_precision(*predict(kept_net, test), C)[0]
settings = dict(num_classes=C, width=knobs["width"])
state = {name: value.cpu() for name, value in kept_net.state_dict().items()}
state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
path = checkpoint_dir() / scale / "YOLO" / "yolo-weights.pt"
save_file(dict(model=state, settings=settings, data=data.name, classes=list(data.classes), mean=list(data.mean),
               std=list(data.std), size=knobs["size"], threshold=level, mAP=kept_mAP, made=kept_run.made()), path)
again = SmallYOLO(**settings)
again.load_state_dict(torch.load(path, weights_only=True)["model"])
half = mean_average_precision(*predict(again.to(device), test), C)[0]
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; mAP@0.5 {kept_mAP:.3f}, from the file {half:.3f}")
assert path.stat().st_size < 3e6
""")
code(r"""
try:
    net, about = yolo_bccd()
    print(f"A SmallYOLO for {', '.join(about['classes'])}: mAP@0.5 {about['mAP']:.3f}. Trained on {about['made']}")
except FileNotFoundError:
    about = dict(classes=data.classes, mean=data.mean, std=data.std, size=knobs["size"], threshold=level)
    net = again.cpu().eval()
    print("weights/yolo_bccd.pt is not there (`make keep` puts it there): the net of this run stands in.")
""")
md(r"""
**An image of yours.** Put an image beside the notebook, and set its name. The net knows stained blood at this magnification only; don't expect it to find anything in a photograph. Without a file, a test image stands in, its left half mirrored.
""")
code(r"""
my_image = ""  # for example "my-blood.jpg"

if my_image:
    image = read_image(my_image)
else:
    image = data.test[0][1].clone()
    image[:, image.shape[1] // 2 :] = image[:, : image.shape[1] // 2].flip(1)
size = about["size"]
x = torchvision.transforms.functional.resize(image.permute(2, 0, 1), [size, size]).float() / 255
x = (x - torch.tensor(about["mean"]).view(3, 1, 1)) / torch.tensor(about["std"]).view(3, 1, 1)
with torch.no_grad():
    boxes, scores, labels = detect(net(x[None]), threshold=about["threshold"])[0]
counts = torch.bincount(labels, minlength=len(about["classes"])).tolist()
print(f"{len(boxes)} objects:", ", ".join(f"{n} {name}" for n, name in zip(counts, about["classes"]) if n))

@styled
def show_mine():
    figure, axis = plt.subplots(figsize=(3.8, 2.9))
    on_axis(axis, image)
    draw_boxes(axis, boxes, labels, scores.tolist())

show_mine()
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what one sees in the stand-in: both halves alike? the seam? -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Network | 24 convolutions, two fully connected layers | 14 convolutions with batch norm, a 1×1 convolution as the head; the paper's at scale `paper`, with batch norm |
| Image, grid | 448², 7 × 7 | 224², 14 × 14; 7 × 7 as an ablation |
| Start | pre-trained on ImageNet | from scratch, Kaiming initialisation |
| Data | VOC 2007 and 2012, 20 classes | BCCD, 3 classes |
| Optimiser | SGD, momentum 0.9, three rates, 135 epochs, batches of 64 | AdamW with one cycle, batches of 16; the paper's at scale `paper` |
| Augmentation | scale and translation up to 20 %, exposure and saturation up to 1.5 | the same, and flips in both directions |
| Two objects in a cell | not said; the authors' code keeps one | the first is kept |

## Exercises

1. **Do boxes specialise?** Count, over the test split, which of a cell's two boxes is responsible, and compare their sizes. *Hint: the argmax in `yolo_loss`.*
2. **Another confidence.** Train with a target of 1 in place of the IoU. What happens to mAP at an IoU of 0.5, and of 0.75?
3. **Two objects in a cell.** Give each of the B boxes its own classes and its own target. How much of the loss of S = 7 comes back?

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
    cell.source = cell.source.replace("MAIN_EPOCHS", "80").replace("SHORT_EPOCHS", "8")
nbformat.write(book, HERE / "YOLO.ipynb")
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
wide = [(i, line) for i, c in enumerate(book.cells) if c.cell_type == "code" for line in c.source.splitlines() if len(line) > 120]
print(len(cells), "cells,", words, "words; too long:", long, "too wide:", wide)
