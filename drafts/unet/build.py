"""Writes UNet.ipynb beside this file: python build.py"""
import sys
from pathlib import Path
sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
TARGET = Path("/work/main/architectures/unet/UNet.ipynb")  # where it will lie: synced cells are relative to it
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], TARGET) or text))


md(r"""
# U-Net: Convolutional Networks for Biomedical Image Segmentation

Olaf Ronneberger, Philipp Fischer, Thomas Brox · MICCAI 2015 · [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/unet/UNet.ipynb)

You will build the U-Net, count its 31,030,658 parameters by hand, check the size of every stage against the paper's Figure 1, train a narrower one on 24 electron-microscopy slices of the data set that the paper used, and segment six slices that it was not trained on, and an image of your own. On the way you will take away skip connections, elastic deformation and most of the slices, and add the paper's weight map, to see what each is worth. (Padding and weight initialisation stay as they are.) TODO-NUMBERS: the main result in one sentence. <!-- TODO-NUMBERS: pixel error and Rand error of the main run on the six held-out slices -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything --> Scales: `quick` (half a minute, generated shapes, no internet; its numbers mean nothing), `cpu`, `gpu` (the paper's width), `paper` (the paper's own recipe, for many hours). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import math
import textwrap
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from architectures.unet.slices import SliceLoader, load_isbi2012, load_shape_slices
from architectures.unet.unet import UNet, connected_components, two_nearest, unet_isbi2012
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow, measure
from utils.images import read_image
from utils.plotting import COLOURS, plot_curves, show_images, styled
from utils.report import report
from utils.training import fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
def stages(model, x):
    '''(C, H, W) of what each stage of a U-Net gives out for the images x, by the stage's name.'''
    names = [name for name, part in model.named_modules() if name == "head" or type(part).__name__ == "DoubleConv"]
    return {name: shape for name, _, shape, _ in measure(model, x, names)}

def draw_u(model, x, title):
    '''The U of Figure 1, each box with its measured shape: channels above, pixels below.'''
    shapes, depth = stages(model, x), model.depth
    boxes = {name: (f"{C}\n{H}²", min(max(i, 1), 2 * depth + 1), min(i, 2 * depth + 2 - i),
                    "data" if name in ("input", "head") else "layer")
             for i, (name, (C, H, W)) in enumerate(shapes.items())}
    arrows = list(zip(boxes, list(boxes)[1:]))
    for i in range(depth):
        target = f"merge.{depth - 1 - i}"
        arrows.append((f"down.{i}", target, f"crop to {shapes[target][1] + 4}² and copy"))
    draw_flow(boxes, arrows, title)

with torch.device("meta"):  # shapes without numbers: nothing is computed
    paper, paper_input = UNet(), torch.empty(1, 1, 572, 572)
draw_u(paper, paper_input, "U-Net: channels and pixels of what each stage gives out")
""")
md(r"""
Each blue box is two 3×3 convolutions, each with a ReLU. The upper number counts the channels, the lower one is the height and width in pixels. On the way down (left), 2×2 max pooling halves the resolution and the channels double; on the way up (right), 2×2 transposed convolutions do the opposite. The horizontal arrows are the **skip connections**: feature maps of the left side are cropped, copied, and concatenated with those of the right side.

## The paper in brief

**The question.** A classifier says *what* is in an image. In biomedical images we want a class for every pixel: is this membrane or cell? Two things make this hard. To decide whether a dark line is a membrane, a network must look far around, but pooling, which gives it that view, throws away the exact position. And labels are scarce: the paper's first data set has **30** annotated images.

The best method before, by Cireşan and others, classified one pixel at a time from a window around it. That was slow, and had to trade context (large windows) against position (small ones).

**The idea.** Run one fully convolutional network over the whole image. A contracting path collects context, an expanding path brings the resolution back, and skip connections hand it the positions that pooling lost. Around this network stand four more choices:

1. convolutions **without padding**: every output pixel has seen only real image, so large images can be predicted tile by tile;
2. **elastic deformation** of images and masks, which stretches few annotated images into many;
3. a **weight map** in the loss, which makes the network care about the thin borders between cells that touch;
4. careful **weight initialisation**, $\mathcal N(0, 2/N)$ with $N$ incoming connections.

**The results.** In the ISBI-2012 challenge, the U-Net led the ranking by warping error, which counts topological mistakes (objects merged or split) after letting borders move: 0.000353 against 0.000420 for Cireşan's sliding window. Its Rand error was 0.0382 and its pixel error 0.0611, averaged over seven rotated versions of the input. By Rand error, some entries with post-processing made for this data set were better. It also won two tasks of the ISBI cell-tracking challenge of 2015 by a wide margin: 0.9203 (second best 0.83) and 0.7756 (second best 0.46) in intersection over union, the overlap of predicted and true cells divided by the area of both together. The paper has no ablation of its choices.

## The data

The slices show the nerve cord of a fruit-fly larva. A microtome cut the tissue into sections of 50 nanometres, an electron microscope imaged each section, and annotators marked the membranes black and the cells white. The challenge published 30 slices with labels and 30 without. The labels of the second 30, on which the paper is scored, are still secret. So we hold out **the last six** of the labelled slices, numbers 24 to 29 counted from 0, and train on the other 24. We chose the six before any training. They stand together because neighbouring slices show the same cells.
""")
code(r"""
data = load_shape_slices(12, 6) if scale == "quick" else load_isbi2012()
truths = [connected_components(mask) for mask in data.val[1]]  # the cells of each held-out slice, numbered
print(f"{data.name}: {len(data.train[0])} slices to train on, {len(data.val[0])} held out,",
      f"{tuple(data.train[0].shape[1:])} pixels")
share = [(masks == 0).float().mean().item() for _, masks in (data.train, data.val)]
print(f"{data.classes[0]}: {share[0]:.1%} of the training pixels, {share[1]:.1%} of the held-out ones")
print(f"cells in a held-out slice: {min(map(torch.max, truths))} to {max(map(torch.max, truths))}")

def in_colours(cells):
    '''A label image (H, W) as RGB, each cell in a colour of its own and membranes black.'''
    palette = np.random.default_rng(1).uniform(0.25, 1, (int(cells.max()) + 1, 3))
    palette[0] = 0
    return palette[cells.cpu().numpy()]

show_images([data.train[0][0].numpy(), data.train[1][0].numpy(), in_colours(connected_components(data.train[1][0]))],
            ["slice", "mask", "its cells"], columns=3, size=3.6, title=data.name)
""")
md(r"""
On the left you see a training slice, in the middle its mask, on the right its cells: the 4-connected components of white (pixels that share a side), each in a random colour. Membranes are only a few pixels wide, but a gap of a single pixel in one of them joins two cells. The dark blobs inside cells are mitochondria. Their outlines look like cell membranes but do not count as membranes.

## How the network is built

**The encoder** (the contracting path) is an ordinary convolutional network: two 3×3 convolutions, 2×2 max pooling, and again. At the **bottleneck**, the bottom of the U, one pixel has a receptive field of 140×140 input pixels, as we compute below.

**The decoder** (the expanding path) brings the resolution back. A 2×2 transposed convolution with stride 2 multiplies each pixel by a kernel and writes the four products side by side: one pixel becomes four.
""")
code(r"""
up = nn.ConvTranspose2d(1, 1, kernel_size=2, stride=2, bias=False)
up.weight.data = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
with torch.no_grad():
    larger = up(torch.tensor([[[[1.0, 10.0]]]]))[0, 0]  # one row of two pixels -> two rows of four
print(larger.int().tolist())
assert larger.tolist() == [[1, 2, 10, 20], [3, 4, 30, 40]]
""")
md(r"""

But this cannot undo the pooling. Max pooling keeps the largest of four pixels and forgets which of the four it was. To see it, we take two images with the same bright line, in column 2 and in column 3, pool them, and scale them up again:
""")
code(r"""
lines = torch.zeros(2, 1, 4, 6)
lines[0, ..., 2] = lines[1, ..., 3] = 1  # the same line, one pixel further right
nn.init.ones_(up.weight)
with torch.no_grad():
    decoded = up(F.max_pool2d(lines, kernel_size=2))
skipped = torch.cat([lines, decoded], dim=1)  # a skip connection: two channels
restored = F.relu(skipped.sum(dim=1, keepdim=True) - 1)  # a 1×1 convolution (weights 1 and 1, bias -1) and a ReLU
for name, x in {"image": lines, "pooled and decoded": decoded, "with the skip": restored}.items():
    print(f"{name:20} {x[0, 0, 0].int().tolist()}  {x[1, 0, 0].int().tolist()}")
assert torch.equal(decoded[0], decoded[1]) and torch.equal(restored, lines)
""")
md(r"""

After pooling, the two images are the same, so no decoder could tell them apart. **A skip connection** brings the difference back: the encoder's feature maps from before the pooling are concatenated with the decoder's, and the next convolutions read both. The decoded half says *what* is there (a line, somewhere in these four pixels), the copied half says *where*.

**The head** is a 1×1 convolution, which turns the 64 channels of each pixel into two logits. A softmax over the two, in every pixel separately, gives the probabilities of the classes. Here is the whole network:
""")
code("# %load -s DoubleConv,UNet,he_initialise,crop unet.py")
code(r"""
def count(*parts):
    return sum(p.numel() for part in parts for p in part.parameters())

with torch.device("meta"):
    paper = UNet()
shapes = stages(paper, paper_input)
for name, (C, H, W) in shapes.items():
    number = count(paper.get_submodule(name)) if name != "input" else 0
    if name.startswith("merge"):
        number += count(paper.up[int(name[-1])])  # the up-convolution before it
    print(f"{name:8} {f'{C} × {H} × {W}':>15} {number:12,} parameters")
sizes = {name: H for name, (_, H, _) in shapes.items()}
assert list(sizes.values()) == [572, 568, 280, 136, 64, 28, 52, 100, 196, 388, 388]  # Figure 1
for i, j in zip(range(4), reversed(range(4))):  # the up-convolution's output is four pixels larger than the merge's
    here, there = sizes[f"down.{i}"], sizes[f"merge.{j}"] + 4
    print(f"down.{i}: {here}² is cropped to {there}², {(here - there) // 2} pixels from each side")
convolutions = sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in paper.modules())
assert convolutions == 23  # "In total the network has 23 convolutional layers"
""")
md(r"""
The `merge` stages include the up-convolution before them. The paper does not give the number of parameters, so we count by hand: a convolution has kernel × inputs × outputs weights and a bias for each output. We can also derive the receptive field at the bottleneck. A 3×3 convolution adds two pixels and a 2×2 pooling adds one, where a pixel of the five stages measures 1, 2, 4, 8 and 16 input pixels.
""")
code(r"""
def two_convolutions(c_in, c_out):
    return (9 * c_in + 1) * c_out + (9 * c_out + 1) * c_out

widths = [64, 128, 256, 512, 1024]
encoder = sum(two_convolutions(a, b) for a, b in zip([1, *widths], widths))
up_convolutions = sum((4 * 2 * c + 1) * c for c in widths[:-1])  # 2 × 2 kernels, from 2c channels to c
decoder = sum(two_convolutions(2 * c, c) for c in widths[:-1])  # c copied and c decoded channels come in
head = (64 + 1) * 2
print(f"{encoder:,} + {up_convolutions:,} + {decoder:,} + {head} = {count(paper):,} parameters")
assert encoder + up_convolutions + decoder + head == count(paper) == 31_030_658

field = 1 + sum(4 * 2**stage for stage in range(5)) + sum(2**stage for stage in range(4))
print(f"receptive field at the bottleneck: {field} × {field} pixels")
assert field == 140
""")
md(r"""
The crop grows from 4 pixels at the bottom to 88 at the top, because the copy at the top has to match feature maps that have lost borders at every stage below. That is the price of the paper's choice: $1 - (388/572)^2 = 54\,\%$ of the input's area is only context. The loss compares the 388×388 outputs with the middle 388×388 pixels of the mask.

Most users of U-Net pad each convolution with zeros instead: sizes stay, nothing is cropped, and the weights have the same shapes. We train this form, `UNet(padding=True)`, at the scales below `paper`, since on two cores the context is too expensive. We also add batch norm, which makes training short.

Not every size fits. Each pooling needs an even number of rows, so the unpadded form takes 572 or 588 pixels, but not 580. The model says so, and names the nearest sizes:
""")
code(r"""
for model, size in ((paper, 512), (UNet(base_width=1, padding=True), 500)):
    try:
        model.output_size(size)  # forward asks this first
    except ValueError as error:
        print(textwrap.fill(str(error), 98))
""")
md(r"""
## Images of any size: overlapping tiles

How do we segment an image that is too large for the memory, or of a size that does not fit? The paper's Figure 2 shows the **overlap-tile strategy**: cut out a tile and 92 pixels of context on each side, and run the network on that piece. Beyond the image's border, mirror the image. Since each output pixel depends on its context alone, tiles fit together without a seam. But tiles must start at multiples of 16 pixels, or else the poolings group other pixels. The padded form needs context as well, to keep its zeros away from the tile.
""")
code("# %load -s predict,context,piece_size,mirrored unet.py")
code(r"""
x = (data.val[0][:1, None, :60, :60].float() / 255 - data.mean) / data.std  # (1, 1, 60, 60)
for padding in (False, True):
    set_seed(SEED)  # untrained weights are good enough for this check
    small = UNet(base_width=2, depth=2, padding=padding, batch_norm=padding)
    with torch.no_grad():
        small(x)  # in training mode, so that batch norm has statistics
        whole = small.eval()(F.pad(x, (context(small),) * 4, mode="reflect")).softmax(dim=1)
    whole = crop(whole, (60, 60))  # of the padded form the interior, which no zeros have reached
    assert whole.std(dim=(2, 3)).min() > 0.01  # each channel varies from pixel to pixel
    for tile in (8, 16, 60):
        tiled = predict(small, x, tile)
        print(f"{'padded' if padding else 'unpadded'}, tiles of {tile:2}: "
              f"largest difference from the whole image {(tiled - whole).abs().max():.1e}")
        torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)
    assert predict(small, x[..., :17, :41], tile=16).shape == (1, 2, 17, 41)

@styled
def plot_tiles(image, tile, margin):
    '''An image with its mirrored surroundings, one tile of it, and the context of that tile.'''
    H, W = image.shape
    rows, columns = mirrored(-margin, H + margin, H), mirrored(-margin, W + margin, W)
    figure, axis = plt.subplots(figsize=(5, 5))
    axis.imshow(image[rows][:, columns], cmap="gray", extent=(-margin, W + margin, H + margin, -margin))
    frames = {"the image": (0, 0, W, H), "a tile": (0, 0, tile, tile),
              "what its prediction needs": (-margin, -margin, tile + 2 * margin, tile + 2 * margin)}
    for colour, (label, (x, y, w, h)) in zip(("white", COLOURS[4], COLOURS[5]), frames.items()):
        axis.add_patch(plt.Rectangle((x, y), w, h, fill=False, color=colour, linewidth=2.5, label=label,
                                     clip_on=False))
    axis.legend(loc="lower right", facecolor="black", labelcolor="white", frameon=True, framealpha=0.7)
    axis.grid(False)
    axis.set(xlabel="pixels", ylabel="pixels")

plot_tiles(data.val[0][0], data.val[0].shape[1] // 2, context(paper))
""")
md(r"""
The orange tile is predicted from the light blue frame, which has the paper's 92 pixels of context. Its upper left part lies outside the image (white frame) and is filled by mirroring. The check passes for all three sizes of tile, so the tile bounds the memory for activations, however large the image is.

## The loss: a weight for each pixel

The loss is the cross-entropy of each pixel, but the pixels have weights (equations 1 and 2 of the paper):

$$E = \sum_x w(x)\,\big(-\log p_{\ell(x)}(x)\big), \qquad w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right).$$

$w_c$ balances the classes, since there is less membrane than cell. The second term is for borders: $d_1$ is the distance to the border of the nearest cell and $d_2$ that to the second nearest, so that their sum is small exactly where two cells nearly touch. The paper sets $w_0 = 10$ and $\sigma \approx 5$ pixels. We give the second term to membrane pixels alone. In a gap of $g$ pixels between two cells, $d_1 + d_2 = g + 1$, because distances run from pixel centre to pixel centre. So we can check the code by hand:
""")
code("# %load -s weighted_cross_entropy,weight_map unet.py")
code(r"""
for gap in (1, 3, 9):
    mask = torch.ones(20, 30 + gap, dtype=torch.int64)
    mask[:, 15 : 15 + gap] = 0
    weights = weight_map(mask, balance=False)
    expected = 1 + 10 * np.exp(-((gap + 1) ** 2) / (2 * 5**2))
    print(f"a gap of {gap} pixels: weight {weights[10, 15]:.3f}, by hand {expected:.3f}")
    assert abs(weights[10, 15].item() - expected) < 1e-4 and weights[10, 0] == 1

side = min(200, data.train[0].shape[1])  # pixels to show
weights = torch.stack([weight_map(mask) for mask in data.train[1]])  # of all training slices, (N, H, W)
means = [weights[data.train[1] == value].mean().item() for value in (0, 1)]
print(f"mean weight: {means[0]:.2f} on {data.classes[0]} pixels, {means[1]:.2f} on {data.classes[1]} pixels")

@styled
def plot_weights(image, mask, weights):
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6))
    for axis, values, title in zip(axes, (image, mask, weights), ("slice", "mask", "weight map")):
        shown = axis.imshow(values, cmap="viridis" if title == "weight map" else "gray")
        axis.set(title=title, xticks=[], yticks=[])
        axis.grid(False)
    figure.colorbar(shown, ax=axes[2])

plot_weights(*(part[0, :side, :side].cpu() for part in (*data.train, weights)))
""")
md(r"""
The thinner a membrane, the brighter it is in the weight map, over its whole width. On average it is 5.5 on membrane pixels and 0.65 inside cells, so a mistake on a membrane costs about eight times as much.

This has a side effect that we shall meet again: a network trained with such weights says "membrane" wherever it is in doubt, since that is the cheaper mistake. Its probabilities are no longer calibrated, and 0.5 need not be the best threshold.

## Thirty slices are few: elastic deformation

The paper calls augmentation by elastic deformation "the key concept" to train with few annotated images. The points of a coarse 3×3 grid get random shifts with a standard deviation of 10 pixels. Bicubic interpolation turns them into a shift for each pixel, and image, mask and weight map are read at the shifted positions. The mask needs nearest-neighbour interpolation, since there is no class between membrane and cell.
""")
code("# %load -s displacements,sample_at unet.py")
code(r"""
def elastic(count, size, generator):
    '''The paper's deformation: 3 x 3 points, 10 pixels.'''
    return displacements(count, size, std=10.0, grid=3, generator=generator)

@styled
def plot_deformations(image, mask, std, every):
    '''A slice with a grid drawn over it, and its mask: as they are, and deformed in three ways.'''
    H, W = image.shape
    both = torch.stack([image.float() / 255, mask.float()])
    both[0, ::every], both[0, :, ::every] = 1, 1
    shift = displacements(4, (H, W), std)
    shift[0] = 0
    down, across = torch.meshgrid(torch.arange(float(H)), torch.arange(float(W)), indexing="ij")
    moved = [sample_at(both[i, None, None].expand(4, 1, H, W), down + shift[:, 0], across + shift[:, 1], mode)[:, 0]
             for i, mode in ((0, "bilinear"), (1, "nearest"))]
    figure, axes = plt.subplots(2, 4, figsize=(11, 5.6))
    for axis, values in zip(axes.flat, torch.cat(moved)):
        axis.imshow(values, cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
    axes[0, 0].set_title("as it is")
    axes[0, 2].set_title("deformed")

set_seed(SEED)
side = min(256, data.train[0].shape[1])
plot_deformations(*(part[0, :side, :side] for part in data.train), std=10 * side / 256, every=side // 8)
""")
md(r"""
The white grid shows how the tissue is stretched. Membranes stay smooth and closed, and cells keep plausible shapes, so a deformed slice could be a slice of another larva. The loader deforms whole batches at once: it adds a random place, a quarter turn or flip, and a small change of brightness and contrast. All random numbers come from (seed, epoch), so that a training run can be repeated exactly.

## Three metrics

**Pixel error**: the share of wrong pixels. A gap of one pixel in a membrane, which merges two cells, costs next to nothing.

**Intersection over union** (IoU): for each class, the pixels that prediction and ground truth share, divided by those that either of them has. We take the mean of the two classes.

**Rand error**: count pairs of pixels instead of pixels. Cells are the 4-connected components of the mask, or of the thresholded prediction. Of all pairs of pixels inside true cells, let $T$ be those in the same cell of the ground truth, and $S$ those in the same predicted cell. *Precision* is the fraction of predicted same-cell pairs that are correct, *recall* the fraction of true same-cell pairs that are found, and the Rand error is one minus their F-score:

$$\text{precision} = \frac{|S \cap T|}{|S|}, \qquad \text{recall} = \frac{|S \cap T|}{|T|}, \qquad \text{Rand error} = 1 - \frac{2\,|S \cap T|}{|S| + |T|}.$$

A *merge error* (two cells joined through a gap in a membrane) lowers precision. A *split error* (a cell cut by a false membrane) lowers recall. We do not thin the membranes, and a predicted membrane pixel counts as a cell by itself.

The challenge's server thresholds the probabilities at ten values and takes the best for each metric, on the very slices that it scores. We do the same with ten thresholds from 0.05 to 0.98, each for all six slices together, and also report the pixel error at 0.5, where nothing is chosen. First a case with a known answer: two cells of three pixels, which a prediction merges. The ground truth has 3 + 3 same-cell pairs, the prediction 15, of which 6 are correct.
""")
code("# %load -s rand_error,pairs unet.py")
code(r"""
truth = torch.tensor([[1, 1, 1, 0, 2, 2, 2]])
merged, split = torch.ones_like(truth), torch.tensor([[1, 0, 2, 0, 3, 3, 3]])
assert rand_error(truth, truth) == 0
assert abs(rand_error(merged, truth) - (1 - 2 * 6 / (6 + 15))) < 1e-9
assert abs(rand_error(split, truth) - (1 - 2 * 3 / (6 + 3))) < 1e-9
print(f"merged: {rand_error(merged, truth):.3f}   split by one pixel: {rand_error(split, truth):.3f}")

THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
METRICS = ("pixel error", "pixel error, best threshold", "Rand error, best threshold", "IoU")

@torch.no_grad()
def probabilities(model, images):
    '''The probability of class 1 for each pixel of uint8 images (N, H, W): float32 (N, H, W), on the CPU.'''
    x = ((images.to(device).float() / 255 - data.mean) / data.std)[:, None]
    with autocast(device, choose_precision(device)[0]):
        return torch.cat([predict(model, one[None], tile=512)[:, 1] for one in x]).cpu()

def scores(inside, masks, truths):
    '''Errors of probabilities (N, H, W) at 0.5 and at each of THRESHOLDS, each one number for all N slices.'''
    pixel = [((inside > t) != (masks > 0)).float().mean().item() for t in THRESHOLDS]
    rand, overlaps = [], []
    for t in THRESHOLDS:
        errors = [rand_error(connected_components(one > t), truth) for one, truth in zip(inside, truths)]
        rand.append(sum(errors) / len(errors))
    for value in (True, False):
        ours, theirs = (inside > 0.5) == value, (masks > 0) == value
        overlaps.append(((ours & theirs).sum() / (ours | theirs).sum().clamp(min=1)).item())
    return {"pixel error": pixel[THRESHOLDS.index(0.5)], "pixel error, best threshold": min(pixel),
            "Rand error, best threshold": min(rand), "IoU": sum(overlaps) / 2,
            "pixel by threshold": pixel, "Rand by threshold": rand}
""")
md(r"""
The merging prediction is right in six of seven pixels, yet has a Rand error of 0.43: merge errors are expensive.

## Overfit one batch

Before a long training run, a short sanity check: can the network overfit four crops? If not, something is broken.
""")
code(r"""
set_seed(SEED)
few = SliceLoader(data, "train", 4, device, sample_at, crop=32, slices=4)
images, masks, _ = next(iter(few))
model = UNet(base_width=8, depth=2, padding=True, batch_norm=True, dropout=0).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(80):
    loss = weighted_cross_entropy(model(images), masks)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
wrong = (model(images).argmax(1) != masks).float().mean()
print(f"after 80 steps: loss {loss:.3f}, {wrong:.1%} of the pixels wrong")
assert wrong < 0.05
""")
md(r"""
## Training

All knobs are in one table. The `short` runs are those of the ablation, several seeds of each. With 5 slices instead of 24, we take more crops of each slice, so that an epoch has nearly the same number of steps.

**The main run uses the plain cross-entropy**, without the weight map, below scale `paper`. The map was made to separate touching cells. In this data set their borders are labelled: they are the membranes.

**What we chose on held-out slices.** The peak learning rate, the loss of the main run and the largest thresholds come from short trials (110 steps of a narrow network, one seed), scored on three of the six held-out slices. So the six are a validation set, not a test set. In these trials the weight map made the pixel error at 0.5 worse and hardly changed the Rand error. The ablation below repeats this with three seeds.
""")
code(r"""
KNOBS = {  # main, short: (width, depth, epochs); crops: of each slice in an epoch; rate: peak learning rate
    "quick": dict(main=(4, 2, 3), short=(4, 2, 2), crop=48, crops=1, batch=6, rate=1e-2, seeds=(0, 1), few=3),
    "cpu":   dict(main=(32, 4, MAIN_EPOCHS), short=(16, 3, SHORT_EPOCHS), crop=256, crops=4, batch=4, rate=3e-3,
                  seeds=(0, 1, 2), few=5),
    "gpu":   dict(main=(64, 4, 150), short=(16, 3, 40), crop=256, crops=4, batch=8, rate=1e-3,
                  seeds=(0, 1, 2), few=5),
    "paper": dict(main=(64, 4, 2000), short=(16, 3, 400), crop=388, crops=1, batch=1, rate=1e-3,
                  seeds=(0, 1, 2), few=5),
}
knobs = KNOBS[scale]
paper_form = scale == "paper"  # no padding, no batch norm, momentum 0.99, batches of one, constant learning rate
compiled = scale != "quick"
""")
code(r"""
def segmentation(model, images, masks, weights):
    '''The objective: weighted cross-entropy, and the share of wrong pixels.'''
    logits = model(images)
    wrong = (logits.argmax(dim=1) != masks).float().mean(dim=(1, 2)).sum()
    return weighted_cross_entropy(logits, masks, weights), len(images), {"pixel_error": wrong}

def build(width, depth, skips=True):
    model = UNet(1, 2, width, padding=not paper_form, batch_norm=not paper_form, depth=depth, skips=skips)
    return model.to(device, memory_format=torch.channels_last)

def schedule(optimizer, steps):
    cycle = torch.optim.lr_scheduler.OneCycleLR
    return None if paper_form else cycle(optimizer, knobs["rate"], total_steps=steps, pct_start=0.2)

def train(name, plan, seed=SEED, weighted=paper_form, slices=None, skips=True, deform=True, lines=1):
    '''Train a net by `plan`, (width, depth, epochs); the options switch parts off. Returns the net and its Run.'''
    width, depth, epochs = plan
    set_seed(seed)
    model = build(width, depth, skips)
    margin = context(model) if paper_form else 0  # 92 with four poolings
    part = torch.linspace(0, len(data.train[0]) - 1, slices or len(data.train[0])).round().long()  # spread evenly
    crops = math.ceil(knobs["crops"] * len(data.train[0]) / len(part))
    loader = SliceLoader(replace(data, train=(data.train[0][part], data.train[1][part])), "train", knobs["batch"],
                         device, sample_at, crop=knobs["crop"], margin=margin, crops=crops, shuffle=True, turn=True,
                         augment=elastic if deform else None, weights=weights[part] if weighted else None, seed=seed)
    held_out = SliceLoader(data, "val", 1, device, sample_at, crop=388 if paper_form else None, margin=margin)
    if paper_form:
        optimizer = torch.optim.SGD(model.parameters(), lr=knobs["rate"], momentum=0.99)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), lr=knobs["rate"], weight_decay=1e-2)
    run = fit(model, loader, optimizer, schedule(optimizer, epochs * len(loader)), epochs, device, {"val": held_out},
              objective=segmentation, checkpoint=f"UNet/{name}-seed{seed}", lines=lines, compile=compiled)
    return model, run
""")
code(r"""
model, run = train("main", knobs["main"], lines=12)
history = run.history
plot_curves({"Loss": {s: (history["epoch"], history[f"{s}_loss"]) for s in ("train", "val")}},
            "epoch", "cross-entropy (nats)", data.name, log=True)
plot_curves({"Pixel error at 0.5": {s: (history["epoch"], history[f"{s}_pixel_error"]) for s in ("train", "val")}},
            "epoch", "share of wrong pixels", data.name, log=True)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: one sentence on each curve: whether the held-out error has flattened, where it ends, the gap to the training error --> The training error is measured on augmented crops with dropout on, so early in training it can exceed the held-out error. The held-out curve has zero padding at the slice's borders; the results below have mirrored context.

## Results

We score each held-out slice in one piece: a tile of 512 pixels is the whole slice, with mirrored context around it. Unlike the paper, we don't average over rotations; that is an exercise.
""")
code(r"""
inside = probabilities(model, data.val[0])
result = scores(inside, data.val[1], truths)
always = [(data.val[1] == value).float().mean().item() for value in (0, 1)]
print(f"{data.name}, {len(inside)} held-out slices; calling everything the same has a pixel error of {min(always):.4f}")
for metric in METRICS:
    print(f"  {metric:28} {result[metric]:.4f}")
plot_curves({"by the threshold": {"pixel error": (THRESHOLDS, result["pixel by threshold"]),
                                  "Rand error": (THRESHOLDS, result["Rand by threshold"])}},
            f"a pixel is {data.classes[1]} if its probability is above", "error", data.name, log=True)
report("UNet", "%", data.name, f"{len(data.train[0])} slices to train on, {len(data.val[0])} held out", None, [
    dict(what="pixel error, best threshold (paper: secret test volume)", paper=6.11, reproduction=None,
         runs=[(100 * result["pixel error, best threshold"], run)]),
    dict(what="Rand error, best threshold (paper: secret test volume)", paper=3.82, reproduction=None,
         runs=[(100 * result["Rand error, best threshold"], run)]),
    dict(what="pixel error at 0.5", paper=None, reproduction=None, runs=[(100 * result["pixel error"], run)]),
    dict(what="intersection over union at 0.5", paper=None, reproduction=None, runs=[(100 * result["IoU"], run)]),
])
""")
md(r"""
**Our column and the paper's do not measure the same thing.** The paper trains on all 30 slices and is scored on 30 others by the challenge's own program, so its figures show the order of magnitude, no more. In the paper's table, Cireşan's sliding window has a pixel error of 6.13 % and a Rand error of 5.04 %; the human values are 0.10 % and 0.21 %.

Our figures are on the optimistic side. Knobs and thresholds were chosen on these slices, and slice 24 is the neighbour of slice 23, which the network was trained on. Six adjacent slices are also closer to one sample than to six.

TODO-NUMBERS <!-- TODO-NUMBERS: our four figures in a sentence; where the best threshold lies for pixel and for Rand error and how far apart they are -->
""")
code(r"""
@styled
def plot_segmentations(images, masks, inside, threshold, title):
    '''Each slice with its ground truth, the predicted probability, and the mistakes at a threshold.'''
    figure, axes = plt.subplots(len(images), 4, figsize=(11, 2.9 * len(images)), squeeze=False)
    for row, image, mask, p in zip(axes, images, masks, inside):
        cell, truth = p > threshold, mask > 0
        errors = np.stack([0.35 + 0.5 * truth.numpy()] * 3, axis=-1)
        errors[(cell & ~truth).numpy()] = plt.matplotlib.colors.to_rgb(COLOURS[1])
        errors[(~cell & truth).numpy()] = plt.matplotlib.colors.to_rgb(COLOURS[0])
        for axis, shown in zip(row, (image, mask, p, errors)):
            axis.imshow(shown, cmap="gray", vmin=0, vmax=255 if shown is image else 1)
            axis.axis("off")
    for axis, text in zip(axes[0], ("held-out slice", "ground truth", f"probability of {data.classes[1]}", "errors")):
        axis.set_title(text)
    figure.suptitle(title)

best = THRESHOLDS[int(np.argmin(result["Rand by threshold"]))]
plot_segmentations(data.val[0][::3], data.val[1][::3], inside[::3], best, f"{data.name}, errors at threshold {best}")
""")
md(r"""
In the last column, <span style="color:#D55E00">orange</span> is missed membrane and <span style="color:#0072B2">blue</span> is false membrane. TODO-NUMBERS <!-- TODO-NUMBERS: where the errors lie: as thin lines along true membranes (where annotators disagree as well)? whole missed membranes? outlines of mitochondria? --> A line of orange across a membrane is a gap through which two cells merge. The Rand error sees it, as the next figure shows: one slice, cut into its cells.
""")
code(r"""
worst = int(np.argmax([rand_error(connected_components(p > best), truth) for p, truth in zip(inside, truths)]))
cells = connected_components(inside[worst] > best)
error = rand_error(cells, truths[worst])
show_images([in_colours(truths[worst]), in_colours(cells)], ["ground truth", f"predicted, Rand error {error:.3f}"],
            columns=2, size=4.6, title=f"{data.name}: the held-out slice with the largest Rand error")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which merged cells one sees, and that each comes from a gap of few pixels --> Where two cells have one colour on the right, but not on the left, they have been merged. The colours themselves are random on both sides.

## What is each idea worth?

We change one thing at a time, in short runs of a narrower network, several seeds each. The **baseline** is the recipe of the main run: skip connections, elastic deformation, all 24 slices, plain cross-entropy. What would each outcome mean?

- **No skip connections.** If skips carry the positions that pooling loses, membranes should be blurred and errors clearly larger. If they only helped the gradients, this network should come close, since it has batch norm and even a few more weights.
- **Weight map**, $w_c$ and border term together (at scale `paper` the baseline has the map, and we switch it off). We expect a *worse* pixel error at 0.5; does the Rand error improve? This cannot test the paper's claim, which is about touching cells without a labelled border. It shows what the map does where borders are labelled.
- **5 slices**, spread evenly over the 24.
- **No elastic deformation**, with 24 and with 5 slices. Shifts, turns and flips stay. If labels are scarce, deformation should help, and more so with 5 slices. But augmentation pays only where a network overfits, and a short run may not get there. Then "no difference" says nothing about the paper.

So we plot the training error as well. Far below the held-out error, it means overfitting; if both are high, the network underfits. It is measured at 0.5 on augmented crops with dropout on, so deformation raises it by itself.
""")
code(r"""
few_slices = knobs["few"]
with_map = "no weight map" if paper_form else "weight map"
VARIANTS = {
    "baseline": {},
    "no skips": dict(skips=False),
    with_map: dict(weighted=not paper_form),
    "no deformation": dict(deform=False),
    f"{few_slices} slices": dict(slices=few_slices),
    f"{few_slices} slices,\nno deformation": dict(slices=few_slices, deform=False),
}
ablation, narrow = {}, {}
for label, options in VARIANTS.items():
    for seed in knobs["seeds"]:
        name = label.replace(",\n", " ").replace(" ", "-")
        print(f"{name}, seed {seed}:")
        net, its_run = train(name, knobs["short"], seed, **options)
        values = scores(probabilities(net, data.val[0]), data.val[1], truths)
        values["training error"] = its_run.history["train_pixel_error"][-1]  # of the last epoch
        ablation.setdefault(label, []).append((values, its_run))
        narrow.setdefault(label, net)  # the first seed's
""")
code(r"""
COLUMNS = {"training": "training error", "pixel at 0.5": "pixel error", "pixel, best": "pixel error, best threshold",
           "Rand, best": "Rand error, best threshold", "IoU": "IoU"}
print(f"{'mean ± std of seeds, %':26}", *(f"{head:>13}" for head in COLUMNS))
for label, results in ablation.items():
    columns = [np.array([100 * values[metric] for values, _ in results]) for metric in COLUMNS.values()]
    print(f"{label.replace(chr(10), ' '):26}", *(f"{c.mean():6.2f} ± {c.std(ddof=1):4.2f}" for c in columns))

@styled
def plot_ablation(ablation, panels):
    '''A panel for each metric, {title: metric}: a dot for each seed, a bar at the mean.'''
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 4), sharey=True)
    for axis, (title, metric) in zip(axes, panels.items()):
        for place, results in enumerate(ablation.values()):
            values = [100 * scored[metric] for scored, _ in results]
            axis.plot(values, [place] * len(values), "o", color=COLOURS[place])
            axis.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color=COLOURS[place])
        axis.set(title=title, xlabel="%", yticks=range(len(ablation)))
    axes[1].sharex(axes[0])  # both are pixel errors
    axes[0].autoscale()
    axes[0].set_yticklabels(ablation)
    axes[0].invert_yaxis()
    figure.suptitle(f"{data.name}: a dot for each seed, a bar at the mean")

plot_ablation(ablation, {"training pixel error,\nlast epoch": "training error",
                         "held-out pixel error,\nbest threshold": "pixel error, best threshold",
                         "held-out Rand error,\nbest threshold": "Rand error, best threshold"})
report("UNet", "Rand error, best threshold, %", data.name, f"{len(data.val[0])} held-out slices", None,
       [dict(what=label.replace("\n", " "), paper=None, reproduction=None,
             runs=[(100 * values["Rand error, best threshold"], its_run) for values, its_run in results])
        for label, results in ablation.items()], table="ablation")
""")
md(r"""
Errors are smaller further left, and the first two panels share their axis. TODO-NUMBERS <!-- TODO-NUMBERS: findings, each first as a sentence about U-Nets, then the numbers with spread over seeds, then the caveat (short runs of 720 steps, six adjacent slices, one data set). Skips: size of the effect against the spread. Weight map: pixel error at 0.5 and at the best threshold (does the shift of the threshold explain the difference?), Rand error. 5 slices: training against held-out error (overfitting?). Deformation: with 24 and with 5 slices; where the dots overlap, write: "With 24 slices, deformation makes no difference that three seeds could show. The training error is x % and the held-out error y %, so these 720 steps (about 120 crops of each slice) do not overfit yet, and there is little for augmentation to mend. The paper's claim needs longer runs." -->

One slice shows what the numbers mean:
""")
code(r"""
corner = min(160, data.val[0].shape[1])
shown = {label: probabilities(narrow[label], data.val[0][:1])[0] for label in list(VARIANTS)[:3]}
show_images([part[:corner, :corner] for part in (data.val[0][0], data.val[1][0], *shown.values())],
            ["slice", "ground truth", *shown], columns=5, size=2.2,
            title=f"{data.name}: probability of {data.classes[1]}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: blurred, wavy membranes without skips; thicker, darker membranes with the weight map, since it makes a missed membrane expensive --> Without skips, every position has to pass through the coarse grid at the bottom of the U.

## Look inside: which skip matters?

In the trained main network we can cut one skip connection at a time, without retraining. Where its feature maps enter the expanding path, we replace each channel by its mean over the slice. That removes every position but keeps the channel means that the next layers are used to; zeros would shift them. If position were all that skips carry, the finest should matter most.
""")
code(r"""
def cut(module, args):
    '''Before a merge: the copied half of the channels becomes constant, each channel at its mean.'''
    (x,) = args
    copied, decoded = x.chunk(2, dim=1)
    return (torch.cat([copied.mean(dim=(0, 2, 3), keepdim=True).expand_as(copied), decoded], dim=1),)

without = {"none cut": result["pixel error"]}
for i, merge in enumerate(model.merge):
    hook = merge.register_forward_pre_hook(cut)
    wrong = (probabilities(model, data.val[0]) > 0.5) != (data.val[1] > 0)
    hook.remove()
    poolings = model.depth - 1 - i  # above this merge
    without[f"1/{2**poolings} resolution" if poolings else "full resolution"] = wrong.float().mean().item()
for name, value in without.items():
    print(f"{name:16} pixel error {value:.4f}")

@styled
def plot_bars(values, ylabel, title):
    figure, axis = plt.subplots(figsize=(7, 3.4))
    axis.bar(list(values), list(values.values()), color=COLOURS[0])
    axis.set(ylabel=ylabel, title=title)

plot_bars(without, "pixel error at 0.5", f"{data.name}: one skip connection cut, without retraining")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which cut hurts most --> This shows what the network relies on, not what it could learn to do without.

## Use it

We save the narrow network of the ablation's baseline (first seed) in half precision, with its settings and its best threshold. The repository contains trained weights, so you need neither to train nor to download anything.
""")
code(r"""
width, depth, _ = knobs["short"]
net, (values, its_run) = narrow["baseline"], ablation["baseline"][0]
settings = dict(base_width=width, padding=not paper_form, batch_norm=not paper_form, depth=depth)
state = {name: value.cpu() for name, value in net.state_dict().items()}
state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
path = checkpoint_dir() / scale / "UNet" / "unet-weights.pt"
threshold = THRESHOLDS[int(np.argmin(values["Rand by threshold"]))]
save_file(dict(model=state, settings=settings, data=data.name, classes=list(data.classes), mean=data.mean, std=data.std,
               threshold=threshold, pixel_error=values["pixel error, best threshold"],
               rand_error=values["Rand error, best threshold"],
               made=its_run.made()), path)
again = UNet(**settings)
again.load_state_dict(torch.load(path, weights_only=True)["model"])
difference = (probabilities(again.to(device), data.val[0][:1]) - probabilities(net, data.val[0][:1])).abs()
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB;",
      f"half precision changes probabilities by {difference.mean():.4f} on average")
assert path.stat().st_size < 2e6 and difference.mean() < 0.02
""")
code(r"""
try:
    kept, about = unet_isbi2012()
    print(f"A U-Net of width {about['settings']['base_width']}, {about['data']}. At the best thresholds:",
          f"pixel error {about['pixel_error']:.4f}, Rand error {about['rand_error']:.4f}.")
    print(f"Trained on {about['made']}")
except FileNotFoundError:
    kept, about = net.cpu(), dict(threshold=threshold)
    print("weights/unet_isbi2012.pt is not there (`make keep` puts it there): the net of this run stands in.")
kept = kept.to(device)
""")
md(r"""
**An image of yours.** Put an image beside the notebook, and set its name. It may have any size, since it is predicted in tiles. The kept network knows membranes of one microscope, at about 4 nanometres a pixel, so don't expect much of a photograph. Your image is normalised by its own mean and standard deviation. Without a file, a part of a held-out slice stands in.
""")
code(r"""
my_image = ""  # for example "my-cells.png"

if my_image:
    grey = read_image(my_image).float().mean(dim=2)  # (H, W)
else:
    side = data.val[0].shape[1]
    grey = data.val[0][-1, : int(0.6 * side) + 1, : int(0.9 * side)].float()
x = ((grey - grey.mean()) / grey.std())[None, None].to(device)
p = predict(kept, x, tile=256)[0, 1].cpu()
cells = connected_components(p > about["threshold"])
large = (cells.flatten().bincount()[1:] > 50).sum()
print(f"{tuple(grey.shape)} pixels, {int(cells.max())} connected components, {large} of them with more than 50 pixels")
show_images([grey, p, in_colours(cells)], ["image", f"probability of {data.classes[1]}", "cells"], columns=3, size=3.4)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what one sees in the stand-in -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Convolutions | without padding or batch norm | padded, each 3×3 with batch norm; the paper's at scale `paper` |
| Width, poolings | 64, four | `cpu`: 32, four; ablation: 16, three |
| Optimiser | SGD, momentum 0.99, batches of one | AdamW, one-cycle learning rate; the paper's at `paper` |
| Loss | weighted by the map; a sum over the pixels | not weighted, except at `paper`; a weighted mean |
| Weight map | pre-computed for each mask; $d_1$, $d_2$ are distances to the cells' borders | deformed with its slice; distances to cells' nearest pixels; no border term on cells' own pixels |
| Elastic deformation | 3×3 points, over a larger tile | 3×3 points over a crop of 256 pixels, so steeper |
| Learning rate, epochs, dropout rate | not given | ours, at every scale |
| Rotation | angles not given | quarter turns and flips |
| Training and test | 30 slices; 30 with secret labels, mean of seven rotations | 24 slices; six held out, which also served to choose knobs; no averaging |
| Metrics | the challenge's server, best of ten thresholds | the formulas above, best of ten thresholds; no warping error |

## Exercises

1. **Average over symmetries.** Predict each held-out slice in all eight orientations, turn the probabilities back, and average them. How much do pixel error and Rand error gain? *Hint: `torch.rot90` and `flip`.*
2. **How much context?** Train `depth=1` and `depth=2`. From which depth on does the Rand error stop improving? Compare with the receptive field.
3. **One term of the weight map.** Train with `weight_map(mask, balance=False)`, and with `w0=0`. Which term shifts the best threshold more?
4. **Adding instead of concatenating.** Replace the concatenation by a sum, as in a ResNet. How many parameters does it save, and what does it cost?

## Further reading

- [The paper](https://arxiv.org/abs/1505.04597), and the authors' [page](https://lmb.informatik.uni-freiburg.de/people/ronneber/u-net/) with their Caffe model.
- [Fully Convolutional Networks for Semantic Segmentation](https://arxiv.org/abs/1411.4038) by Long, Shelhamer and Darrell: one network for the whole image.
- [Crowdsourcing the creation of image segmentation algorithms for connectomics](https://doi.org/10.3389/fnana.2015.00142) by Arganda-Carreras and others: the ISBI-2012 challenge and its metrics.
- [nnU-Net](https://arxiv.org/abs/1809.10486) by Isensee and others: how far a plain U-Net gets when everything around it is done well.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
    cell.source = cell.source.replace("MAIN_EPOCHS", "100").replace("SHORT_EPOCHS", "30")
nbformat.write(book, HERE / "UNet.ipynb")
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
print(len(cells), "cells,", words, "words; too long:", long)
