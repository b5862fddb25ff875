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

You will build the U-Net, check its 31,030,658 parameters and every size in the paper's Figure 1, train a narrow one on 24 electron-microscopy slices of the data set that the paper used, and segment six slices that it has never seen, and an image of your own. On the way you will switch off each of the paper's ideas in turn, to see what it is worth. TODO-NUMBERS: the main result in one sentence. <!-- TODO-NUMBERS: pixel error and Rand error of the main run on the six held-out slices -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything --> Scales: `quick` (half a minute, generated shapes instead of slices, no internet; its numbers mean nothing), `cpu`, `gpu` (the paper's width), `paper` (the paper's own recipe, for many hours). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import math
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from architectures.unet.slices import SliceLoader, load_isbi2012, load_shape_slices
from architectures.unet.unet import UNet, connected_components, two_nearest, unet_isbi2012
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow
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
    shapes, hooks = {"input": tuple(x.shape[1:])}, []

    def keep(name, module, args, output):
        shapes[name] = tuple(output.shape[1:])

    for name, module in model.named_modules():
        if type(module).__name__ == "DoubleConv" or name == "head":
            hooks.append(module.register_forward_hook(partial(keep, name)))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return shapes

def draw_u(model, x, title):
    '''The U of Figure 1, each box with the shape that was measured: channels above, pixels below.'''
    shapes, depth = stages(model, x), model.depth
    text = {name: f"{C}\n{H}²" for name, (C, H, _) in shapes.items()}
    boxes = {"input": (text["input"], 0, -1, "data"), "bottom": (text["bottom"], depth, depth)}
    arrows = [("input", "down.0")]
    for i in range(depth):
        boxes[f"down.{i}"] = (text[f"down.{i}"], i, i)
        boxes[f"merge.{i}"] = (text[f"merge.{i}"], depth + 1 + i, depth - 1 - i)
        low, high = shapes[f"down.{i}"][1], shapes[f"merge.{depth - 1 - i}"][1]
        copied = high if model.padding else high + 4
        label = "copy" if low == copied else f"crop to {copied}² and copy"
        arrows.append((f"down.{i}", f"merge.{depth - 1 - i}", label))
        arrows.append((f"down.{i}", f"down.{i + 1}" if i + 1 < depth else "bottom"))
        arrows.append((f"merge.{i - 1}" if i else "bottom", f"merge.{i}"))
    boxes["head"] = (text["head"], 2 * depth, -1, "data")
    draw_flow(boxes, [*arrows, (f"merge.{depth - 1}", "head")], title)

with torch.device("meta"):  # shapes without numbers: nothing is computed
    paper, image = UNet(), torch.empty(1, 1, 572, 572)
draw_u(paper, image, "U-Net: channels and pixels of what each stage gives out")
""")
md(r"""
Each blue box is two 3×3 convolutions, each with a ReLU; the upper number is the number of channels, the lower one the height and width in pixels. On the way down (left), 2×2 max pooling halves the resolution and the channels double; on the way up (right), 2×2 transposed convolutions do the opposite. The horizontal arrows are the **skip connections**: the feature maps of the left side are cropped and joined to those of the right side. The drawing is made from the model itself.

## The paper in brief

**The question.** A classifier says *what* is in an image. In biomedical images we want a class for every pixel: is this membrane or cell? Two things make this hard. Context and precision compete: to decide whether a dark line is a membrane, a network must look far around, but pooling, which gives it that view, throws away the exact position. And labels are scarce: the paper's first data set has **30** annotated images.

The best method before, by Cireşan and others, classified one pixel at a time from a window around it. It was slow, since neighbouring windows repeat nearly the same work, and it had to choose between large windows (context) and small ones (position).

**The idea.** Run one fully convolutional network over the whole image. A contracting path collects context, an expanding path brings the resolution back, and skip connections hand it the positions that pooling lost. Four further ideas make it work with 30 images:

1. convolutions **without padding**, so that every output pixel has seen only real image, and large images are predicted tile by tile;
2. **elastic deformation** of images and masks, since tissue deforms in this way;
3. a **weight map** in the loss, which makes the network care about the thin borders between cells that touch;
4. careful weight initialisation, $\mathcal N(0, 2/N)$ with $N$ incoming connections.

**The results.** In the ISBI-2012 challenge, the U-Net reached a warping error of 0.000353 against 0.000420 for Cireşan's sliding window, with a Rand error of 0.0382 and a pixel error of 0.0611, averaged over seven rotated versions of the input. It also won two tasks of the ISBI cell-tracking challenge of 2015 by a wide margin: intersection over union 0.9203 (second best: 0.83) and 0.7756 (second best: 0.46).

## The data

The slices show the nerve cord of a fruit-fly larva, under an electron microscope that cuts the tissue into sections of 50 nanometres. Humans have coloured the membranes black and the cells white. The challenge published 30 slices with labels and 30 without. The paper's errors are measured on the second 30, whose labels are still secret, so we cannot repeat the paper's test. Instead we hold out **the last six** of the labelled slices and train on the other 24. We chose the six before any training, and they stand together, because neighbouring slices show the same cells.
""")
code(r"""
data = load_shape_slices(12, 6) if scale == "quick" else load_isbi2012()
truths = [connected_components(mask) for mask in data.val[1]]  # the cells of each held-out slice, numbered
print(f"{data.name}: {len(data.train[0])} slices to train on, {len(data.val[0])} held out,",
      f"{tuple(data.train[0].shape[1:])} pixels")
share = [(masks == 0).float().mean().item() for _, masks in (data.train, data.val)]
print(f"{data.classes[0]}: {share[0]:.1%} of the training pixels, {share[1]:.1%} of the held-out ones;",
      f"cells a held-out slice: {min(map(torch.max, truths))} to {max(map(torch.max, truths))}")

def in_colours(cells):
    '''A label image (H, W) as RGB, each cell in a colour of its own and membranes black.'''
    palette = np.random.default_rng(1).uniform(0.25, 1, (int(cells.max()) + 1, 3))
    palette[0] = 0
    return palette[cells.cpu().numpy()]

show_images([data.train[0][0].numpy(), data.train[1][0].numpy(), in_colours(connected_components(data.train[1][0]))],
            ["slice", "mask", "its cells"], columns=3, size=3.6, title=data.name)
""")
md(r"""
On the left a training slice, in the middle its mask, on the right the cells that the mask separates: connected pieces of white, each in a random colour. Membranes are only a few pixels wide, but they decide everything: a gap of a single pixel in one of them joins two cells. Note also that dark blobs inside cells (mitochondria) have outlines that look like membranes and are none.

## What a pixel sees, and what it costs

A 3×3 convolution without padding takes one pixel from each side of a feature map. The paper draws the consequences into its Figure 1: 572 pixels go in, 388 come out. Here is the whole network; below it we assert each of these steps, and the crops that the skip connections need.
""")
code("# %load -s DoubleConv,UNet,he_initialise,crop unet.py")
code(r"""
with torch.device("meta"):
    paper = UNet()
sizes = {name: shape[1] for name, shape in stages(paper, image).items()}
print("  ".join(f"{name} {size}" for name, size in sizes.items()))
assert list(sizes.values()) == [572, 568, 280, 136, 64, 28, 52, 100, 196, 388, 388]

for i, j in zip(range(4), reversed(range(4))):  # what the up-convolution gives is four pixels larger than what is left
    here, there = sizes[f"down.{i}"], sizes[f"merge.{j}"] + 4
    print(f"stage {i}: {here}² is cropped to {there}², {(here - there) // 2} pixels from each side")
assert [(sizes[f"down.{i}"] - sizes[f"merge.{3 - i}"] - 4) // 2 for i in range(4)] == [88, 40, 16, 4]

parameters = sum(p.numel() for p in paper.parameters())
convolutions = sum(isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)) for m in paper.modules())
print(f"{parameters:,} parameters in {convolutions} convolutional layers")
assert parameters == 31_030_658 and convolutions == 23  # "In total the network has 23 convolutional layers"
""")
md(r"""
The crop grows from 4 pixels at the bottom to 88 at the top, because the top-level copy has to wait for everything below it, and everything below it loses borders. That is the price of the paper's choice: more than half of the input's area, $1 - (388/572)^2 = 54\,\%$, is only context.

Most users of U-Net pay less: they pad each convolution with zeros, so that sizes stay, nothing is cropped, and the weights are the same. `UNet(padding=True)` is that form. We train it at the scales below `paper`, since on two cores the context is too expensive. Our other change is batch norm, which was published in the same year; it makes training short.

Not every size fits. Each pooling needs an even number of rows, so the form without padding takes 572 or 588 pixels, but not 580. The model says so, and names the nearest sizes:
""")
code(r"""
for model, size in ((paper, 512), (UNet(base_width=1, padding=True), 500)):
    try:
        model(torch.empty(1, 1, size, size, device=next(model.parameters()).device))
    except ValueError as error:
        print(error)
""")
md(r"""
## Images of any size: overlapping tiles

How do we segment an image that is larger than the memory, or of a size that does not fit? Figure 2 of the paper answers with the **overlap-tile strategy**. To predict a tile, cut out the tile and 92 pixels of context on each side, and run the network on that piece. Where the context would lie outside the image, mirror the image. Since each output pixel depends on its context alone, tiles fit together without a seam. There is one trap: the tiles must start at multiples of 16 pixels, or else the poolings group other pixels, and the results differ.
""")
code("# %load -s predict,context,piece_size,mirrored unet.py")
code(r"""
set_seed(SEED)
small = UNet(base_width=2, depth=2).eval()  # without padding; untrained weights are good enough for this check
slice_ = (data.val[0][:1, None].float() / 255 - data.mean) / data.std  # (1, 1, H, W)
slice_ = slice_[..., :60, :60]  # 60 + 2 · 20 pixels fit
with torch.no_grad():
    whole = small(F.pad(slice_, (20, 20, 20, 20), mode="reflect")).softmax(dim=1)
assert whole.std() > 0.01  # not the same everywhere
tiled = predict(small, slice_, tile=16)
print(f"largest difference between 16 tiles and the whole image: {(tiled - whole).abs().max():.1e}")
torch.testing.assert_close(tiled, whole, rtol=1e-4, atol=1e-5)
assert predict(small, slice_[..., :17, :41], tile=16).shape == (1, 2, 17, 41)

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
        axis.add_patch(plt.Rectangle((x, y), w, h, fill=False, color=colour, linewidth=2.5, label=label))
    axis.legend(loc="lower right", facecolor="black", labelcolor="white", frameon=True, framealpha=0.7)
    axis.grid(False)
    axis.set(xlabel="pixels", ylabel="pixels")

plot_tiles(data.val[0][0], data.val[0].shape[1] // 2, data.val[0].shape[1] // 5)
""")
md(r"""
The orange tile is predicted from the light blue frame. Its upper left part lies outside the image (white frame) and is filled by the mirrored slice: you can see the symmetry along the white lines. The check above passes for tiles of any size, so a large image costs time but no memory.

## The loss: a weight for each pixel

The loss is the cross-entropy of each pixel, but the pixels have weights (equations 1 and 2 of the paper):

$$E = \sum_x w(x)\,\big(-\log p_{\ell(x)}(x)\big), \qquad w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right).$$

$w_c$ balances the classes, since there is less membrane than cell. The second term is for borders: $d_1$ is the distance to the nearest cell and $d_2$ that to the second nearest, so that their sum is small exactly where two cells nearly touch. The paper sets $w_0 = 10$ and $\sigma \approx 5$ pixels. Where two cells are a gap of $g$ pixels apart, $d_1 + d_2 = g + 1$, because distances run from the middle of one pixel to the middle of another; so we know what to expect:
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
The thinner a membrane, the brighter it is in the weight map. Most membranes here are only a few pixels wide, so nearly all of them are emphasised: a mistake on one costs about ten times as much as a mistake inside a cell. Only the middle of wide membranes is darker.

This emphasis has a side effect that we shall meet again: it shifts the network's answers. A network trained with such weights says "membrane" wherever it is in doubt, since that is the cheaper mistake. Its probabilities are no longer those of the pixels, and 0.5 need not be the best threshold.

## Thirty slices are few: elastic deformation

The paper calls augmentation by elastic deformation "the key concept" to train with few annotated images. A coarse grid of 3×3 points gets random shifts with a standard deviation of 10 pixels; bicubic interpolation makes a smooth field of them, one shift for each pixel; and image, mask and weight map are read at the shifted positions. The mask must be read by nearest-neighbour interpolation, since there is no class between membrane and cell.
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
The white grid shows how the tissue is stretched: membranes stay smooth and closed, and cells keep plausible shapes, so a deformed slice could be a slice of another larva. Photographs would not allow this (a bent car is no car). The loader below deforms whole batches at once, on the device: a deformation, a random place, a quarter turn or flip, and a small change of brightness and contrast are one single interpolation for each of image, mask and weights. All random numbers come from (seed, epoch), so that a training can be repeated exactly.

## Three ways to count mistakes

**Pixel error**: the share of wrong pixels. It is easy to understand, but a gap of one pixel in a membrane, which merges two cells, costs next to nothing.

**Intersection over union** (IoU): for each class, the pixels that prediction and truth share, divided by those that either of them has; we take the mean of the two classes.

**Rand error**: count pairs of pixels instead of pixels. Take two pixels inside true cells. Do they lie in the same cell according to the truth? And according to the prediction? Of the pairs that the prediction joins, some share are truly joined (precision); of the pairs truly joined, the prediction joins some share (recall). The Rand error is 1 minus their F-score. It is large when cells are merged by a gap, or split by a false membrane. Ours is restricted to the pixels of the true cells, does not thin the membranes, and counts each predicted membrane pixel as a cell by itself.

The challenge's server thresholds the predicted probabilities at ten levels, and takes the best for each measure. We do the same with ten levels from 0.05 to 0.98, each level for all six slices together, and report the pixel error at 0.5 as well. First a case with a known answer: two cells of three pixels, which a prediction merges. The truth joins 3 + 3 pairs, the prediction all 15, of which 6 are right.
""")
code("# %load -s rand_error,pairs unet.py")
code(r"""
truth = torch.tensor([[1, 1, 1, 0, 2, 2, 2]])
merged, split = torch.ones_like(truth), torch.tensor([[1, 0, 2, 0, 3, 3, 3]])
assert rand_error(truth, truth) == 0
assert abs(rand_error(merged, truth) - (1 - 2 * 6 / (6 + 15))) < 1e-9
assert abs(rand_error(split, truth) - (1 - 2 * 3 / (6 + 3))) < 1e-9
print(f"merged: {rand_error(merged, truth):.3f}   split by one pixel: {rand_error(split, truth):.3f}")

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
MEASURES = ("pixel error", "pixel error, best level", "Rand error, best level", "IoU")

@torch.no_grad()
def probabilities(model, images):
    '''The probability of class 1 for each pixel of uint8 images (N, H, W): float32 (N, H, W), on the CPU.'''
    x = ((images.to(device).float() / 255 - data.mean) / data.std)[:, None]
    with autocast(device, choose_precision(device)[0]):
        return torch.cat([predict(model, one[None], tile=512)[:, 1] for one in x]).cpu()

def scores(inside, masks, truths):
    '''Errors of probabilities (N, H, W) at 0.5, and at each of LEVELS: one number a level, the mean over the slices.'''
    pixel = [((inside > level) != (masks > 0)).float().mean().item() for level in LEVELS]
    rand, overlaps = [], []
    for level in LEVELS:
        errors = [rand_error(connected_components(one > level), truth) for one, truth in zip(inside, truths)]
        rand.append(sum(errors) / len(errors))
    for value in (True, False):
        ours, theirs = (inside > 0.5) == value, (masks > 0) == value
        overlaps.append(((ours & theirs).sum() / (ours | theirs).sum().clamp(min=1)).item())
    return {"pixel error": pixel[LEVELS.index(0.5)], "pixel error, best level": min(pixel),
            "Rand error, best level": min(rand), "IoU": sum(overlaps) / 2,
            "pixel by level": pixel, "Rand by level": rand}
""")
md(r"""
A prediction that is right in six of seven pixels has a Rand error of 0.43: merging is expensive. The tests compare `rand_error` with scikit-image's `adapted_rand_error`.

## Overfit one batch

Before a long training, a short sanity check: can the network learn four crops by heart? If not, something is broken.
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

All knobs are in one table. The `short` trainings are those of the ablations, several seeds of each; the `main` one is longer. An epoch has nearly the same number of steps whether it is made of 24 slices or of 5.

**The main training uses the plain cross-entropy**, without the weight map, below scale `paper`. The map was made for touching cells that have no border in the mask. In this data set the borders are labelled: they are the membranes. A short trial on the held-out slices pointed the same way: the map made the pixel error at 0.5 worse and left the Rand error as it was. One short run proves little, so the ablation below makes the comparison properly, with several seeds.
""")
code(r"""
KNOBS = {  # width and depth of the net; side of a crop, crops of a slice in an epoch, batch; epochs; peak rate; seeds
    "quick": dict(main=(4, 2, 3), short=(4, 2, 2), crop=48, crops=1, batch=6, rate=1e-2, seeds=(0, 1), few=3),
    "cpu":   dict(main=(32, 4, MAIN_EPOCHS), short=(16, 3, SHORT_EPOCHS), crop=256, crops=4, batch=4, rate=3e-3,
                  seeds=(0, 1, 2), few=5),
    "gpu":   dict(main=(64, 4, 150), short=(16, 3, 40), crop=256, crops=4, batch=8, rate=1e-3,
                  seeds=(0, 1, 2), few=5),
    "paper": dict(main=(64, 4, 2000), short=(16, 3, 400), crop=388, crops=1, batch=1, rate=1e-3,
                  seeds=(0, 1, 2), few=5),
}
knobs = KNOBS[scale]
paper_form = scale == "paper"  # no padding, no batch norm, momentum 0.99, batches of one, at a constant rate
compiled = scale != "quick"

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

def train(name, plan, seed=SEED, weighted=True, slices=None, skips=True, deform=True, lines=1):
    '''Train a net by `plan`, (width, depth, epochs); the options switch parts off. Returns the net and its Run.'''
    width, depth, epochs = plan
    set_seed(seed)
    model = build(width, depth, skips)
    margin = context(model) if paper_form else 0  # 92 with four poolings
    crops = knobs["crops"] if slices is None else math.ceil(knobs["crops"] * len(data.train[0]) / slices)
    loader = SliceLoader(data, "train", knobs["batch"], device, sample_at, crop=knobs["crop"], margin=margin,
                         crops=crops, slices=slices, shuffle=True, turn=True, augment=elastic if deform else None,
                         weights=weights if weighted else None, seed=seed)
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
model, run = train("main", knobs["main"], weighted=paper_form, lines=12)
history = run.history
plot_curves({"Loss": {s: (history["epoch"], history[f"{s}_loss"]) for s in ("train", "val")}},
            "epoch", "cross-entropy (nats)", data.name, log=True)
plot_curves({"Pixel error at 0.5": {s: (history["epoch"], history[f"{s}_pixel_error"]) for s in ("train", "val")}},
            "epoch", "share of wrong pixels", data.name, log=True)
""")
md(r"""
<!-- TODO-NUMBERS: one sentence on each curve: whether the held-out error has flattened, where it ends, the gap to the training error --> TODO-NUMBERS. Both training curves are met on deformed crops, with dropout, so they are harder than the held-out slices at first.

## Results

Now the held-out slices, whole, by overlapping tiles. We average nothing over rotations, as the paper does over seven; that is an exercise.
""")
code(r"""
inside = probabilities(model, data.val[0])
result = scores(inside, data.val[1], truths)
always = [(data.val[1] == value).float().mean().item() for value in (0, 1)]
print(f"{data.name}, {len(inside)} held-out slices; calling everything the same has a pixel error of {min(always):.4f}")
for measure in MEASURES:
    print(f"  {measure:24} {result[measure]:.4f}")
plot_curves({"by the threshold": {"pixel error": (LEVELS, result["pixel by level"]),
                                  "Rand error": (LEVELS, result["Rand by level"])}},
            f"a pixel is {data.classes[1]} if its probability is above", "error", data.name, log=True)
report("UNet", "%", data.name, f"{len(data.train[0])} slices to train on, {len(data.val[0])} held out", None, [
    dict(what="pixel error, best level (paper: secret test volume)", paper=6.11, reproduction=None,
         runs=[(100 * result["pixel error, best level"], run)]),
    dict(what="Rand error, best level (paper: secret test volume)", paper=3.82, reproduction=None,
         runs=[(100 * result["Rand error, best level"], run)]),
    dict(what="pixel error at 0.5", paper=None, reproduction=None, runs=[(100 * result["pixel error"], run)]),
    dict(what="intersection over union at 0.5", paper=None, reproduction=None, runs=[(100 * result["IoU"], run)]),
])
""")
md(r"""
The two columns are **not** measurements of the same thing. The paper trains on all 30 slices and is scored on 30 others with secret labels, by the challenge's own program; we train on 24 and score six of the labelled ones. The paper's figures are there to show the order of magnitude. Cireşan's sliding window had 6.13 % and 5.04 %, and a second human observer 0.10 % and 0.21 %.

TODO-NUMBERS <!-- TODO-NUMBERS: our four figures in a sentence; where the best level lies for pixel and for Rand error and how far apart they are -->
""")
code(r"""
@styled
def plot_segmentations(images, masks, inside, level, title):
    '''Each slice with its truth, the predicted probability, and the mistakes at a level.'''
    figure, axes = plt.subplots(len(images), 4, figsize=(11, 2.9 * len(images)), squeeze=False)
    for row, image, mask, p in zip(axes, images, masks, inside):
        cell, truth = p > level, mask > 0
        errors = np.stack([0.35 + 0.5 * truth.numpy()] * 3, axis=-1)
        errors[(cell & ~truth).numpy()] = plt.matplotlib.colors.to_rgb(COLOURS[1])
        errors[(~cell & truth).numpy()] = plt.matplotlib.colors.to_rgb(COLOURS[0])
        for axis, shown in zip(row, (image, mask, p, errors)):
            axis.imshow(shown, cmap="gray", vmin=0, vmax=255 if shown is image else 1)
            axis.axis("off")
    for axis, text in zip(axes[0], ("held-out slice", "truth", f"probability of {data.classes[1]}", "errors")):
        axis.set_title(text)
    figure.suptitle(title)

best = LEVELS[int(np.argmin(result["Rand by level"]))]
plot_segmentations(data.val[0][::3], data.val[1][::3], inside[::3], best, f"{data.name}; errors at the level {best}")
""")
md(r"""
In the last column, <span style="color:#D55E00">orange</span> is missed membrane and <span style="color:#0072B2">blue</span> is false membrane. TODO-NUMBERS <!-- TODO-NUMBERS: where the errors lie: as thin lines along true membranes (where annotators disagree as well)? whole missed membranes? outlines of mitochondria? --> A line of orange across a membrane is the mistake that matters. The Rand error sees it, as the next picture shows: the same slice, cut into its cells.
""")
code(r"""
worst = int(np.argmax([rand_error(connected_components(p > best), truth) for p, truth in zip(inside, truths)]))
cells = connected_components(inside[worst] > best)
error = rand_error(cells, truths[worst])
show_images([in_colours(truths[worst]), in_colours(cells)], ["the true cells", f"predicted, Rand error {error:.3f}"],
            columns=2, size=4.6, title=f"{data.name}: the held-out slice with the largest Rand error")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which merged cells one sees, and that each comes from a gap of few pixels --> Two cells in one colour on the right, but not on the left, have been merged.

## What is each idea worth?

We switch off one idea at a time, in shorter trainings with a narrower net, and look at the six held-out slices again. What would each outcome mean?

- **No skip connections.** If skips only helped the gradients, the net without them should come close, since it has batch norm and even a few more weights. If they carry the positions that pooling loses, its membranes should be blurred and its errors clearly larger.
- **No elastic deformation** (shifts, turns and flips stay). With 24 slices the effect may be small; with 5 it should be larger, if the paper is right about scarce labels.
- **No weight map.** We expect a *better* pixel error at 0.5, since that is what the plain loss optimises, and the question is whether the borders between cells, and so the Rand error, suffer.
- **Fewer slices.** How far do 5 slices get?
""")
code(r"""
few_slices = knobs["few"]
VARIANTS = {
    "baseline": {},
    "no skips": dict(skips=False),
    "no weight map": dict(weighted=False),
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
        ablation.setdefault(label, []).append((values, its_run))
        narrow.setdefault(label, net)  # the first seed's
""")
code(r"""
print(f"{'mean ± standard deviation, %':28}", *(f"{measure:>24}" for measure in MEASURES))
for label, results in ablation.items():
    columns = [np.array([100 * values[measure] for values, _ in results]) for measure in MEASURES]
    print(f"{label.replace(chr(10), ' '):28}", *(f"{c.mean():17.2f} ± {c.std(ddof=1):4.2f}" for c in columns))

@styled
def plot_ablation(ablation, measures):
    '''A panel for each measure: a dot for each seed, a bar at the mean.'''
    figure, axes = plt.subplots(1, len(measures), figsize=(11, 4), sharey=True)
    for axis, measure in zip(axes, measures):
        for place, results in enumerate(ablation.values()):
            values = [100 * scored[measure] for scored, _ in results]
            axis.plot(values, [place] * len(values), "o", color=COLOURS[place])
            axis.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color=COLOURS[place])
        axis.set(title=measure, xlabel="%", yticks=range(len(ablation)))
    axes[0].set_yticklabels(ablation)
    axes[0].invert_yaxis()
    figure.suptitle(f"{data.name}, held-out slices: a dot for each seed")

plot_ablation(ablation, ("pixel error", "Rand error, best level", "IoU"))
report("UNet", "Rand error, best level, %", data.name, f"{len(data.val[0])} held-out slices", None,
       [dict(what=label.replace("\n", " "), paper=None, reproduction=None,
             runs=[(100 * values["Rand error, best level"], its_run) for values, its_run in results])
        for label, results in ablation.items()], table="ablation")
""")
md(r"""
Errors lie further left when they are smaller; IoU is better on the right. TODO-NUMBERS <!-- TODO-NUMBERS: four findings, each first as a sentence about U-Nets, then the numbers with spread over seeds, then the caveat (short trainings, six slices, one data set) -->

What the net without skips does wrong is easier to see than to measure:
""")
code(r"""
corner = min(160, data.val[0].shape[1])
shown = {label: probabilities(narrow[label], data.val[0][:1])[0] for label in ("baseline", "no skips", "no weight map")}
show_images([part[:corner, :corner] for part in (data.val[0][0], data.val[1][0], *shown.values())],
            ["slice", "truth", *shown], columns=5, size=2.2, title=f"{data.name}: probability of {data.classes[1]}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: blurred, wavy membranes without skips; sharper, thinner, paler membranes without the weight map --> Without skips, every position has to pass through the coarse grid at the bottom of the U.

## Look inside: which skip matters?

In the trained main net we can cut one skip connection at a time: its feature maps are set to zero where they join the expanding path, and nothing is retrained. The pixel error then tells how much the net relies on that path. If position were all that skips carry, the finest should matter most.
""")
code(r"""
def cut(module, args):
    '''Before a merge: zeros in place of the copied half of the channels.'''
    (x,) = args
    half = x.shape[1] // 2
    return (torch.cat([torch.zeros_like(x[:, :half]), x[:, half:]], dim=1),)

without = {"none cut": result["pixel error"]}
for i, merge in enumerate(model.merge):
    hook = merge.register_forward_pre_hook(cut)
    wrong = (probabilities(model, data.val[0]) > 0.5) != (data.val[1] > 0)
    hook.remove()
    level_cut = model.depth - 1 - i
    without[f"1/{2**level_cut} resolution" if level_cut else "full resolution"] = wrong.float().mean().item()
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
TODO-NUMBERS <!-- TODO-NUMBERS: which skip hurts most --> Keep in mind that a net was never trained for such a cut: this shows what it relies on, not what it could do without.

## Use it

The narrow net of the ablation's baseline (first seed) is saved in half precision with all that a later user needs. The stored run's is kept in the repository, and needs neither a training nor a network.
""")
code(r"""
width, depth, _ = knobs["short"]
net, (values, its_run) = narrow["baseline"], ablation["baseline"][0]
settings = dict(base_width=width, padding=not paper_form, batch_norm=not paper_form, depth=depth)
state = {name: value.cpu() for name, value in net.state_dict().items()}
state = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
path = checkpoint_dir() / scale / "UNet" / "unet-weights.pt"
level = LEVELS[int(np.argmin(values["Rand by level"]))]
save_file(dict(model=state, settings=settings, data=data.name, classes=list(data.classes), mean=data.mean, std=data.std,
               level=level, pixel_error=values["pixel error, best level"], rand_error=values["Rand error, best level"],
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
    print(f"A U-Net of width {about['settings']['base_width']}, {about['data']}, best levels:",
          f"pixel error {about['pixel_error']:.4f}, Rand error {about['rand_error']:.4f}. Trained on {about['made']}")
except FileNotFoundError:
    kept, about = net.cpu(), dict(level=level)
    print("weights/unet_isbi2012.pt is not there (`make keep` puts it there): the net of this run stands in.")
kept = kept.to(device)
""")
md(r"""
**An image of yours.** Put an image beside the notebook, and set its name. It may have any size, since it is predicted in tiles. The kept net knows membranes of this one microscope, at about 4 nanometres a pixel, so don't expect much of a photograph. Brightness and contrast are taken from your image itself. Without a file, a part of a held-out slice stands in, in a size that no U-Net takes directly.
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
cells = connected_components(p > about["level"])
large = (cells.flatten().bincount()[1:] > 50).sum()
print(f"{tuple(grey.shape)} pixels, {int(cells.max())} pieces, of which {large} have more than 50 pixels")
show_images([grey, p, in_colours(cells)], ["image", f"probability of {data.classes[1]}", "cells"], columns=3, size=3.4)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what one sees in the stand-in -->

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Convolutions | without padding, 572 → 388 | with padding; without at scale `paper` |
| Width, depth | 64, four poolings | main net at `cpu`: 32, four; ablations 16, three; the paper's at `gpu` and `paper` |
| Batch norm | none | after each 3×3 convolution, except at `paper` |
| Optimiser | SGD, momentum 0.99, batches of one | AdamW with one cycle of the learning rate; the paper's at `paper` |
| Loss | weighted by the map; a sum over the pixels | main net: not weighted, except at `paper`; a weighted mean, so that learning rates mean the same with and without the map |
| Weight map | recomputed or deformed: not said | computed once for each slice, deformed with it |
| Rotation | any angle: not said | quarter turns and flips |
| Dropout | "at the end of the contracting path" | one layer of 0.5 there; the rate is ours |
| Training and test | 30 slices; 30 with secret labels, mean of seven rotations | 24 slices; six held out, no averaging |
| Rand and pixel error | the challenge's server, best of ten thresholds | the formula above, best of ten thresholds; no warping error |

## Exercises

1. **Average over symmetries.** Predict each held-out slice in all eight orientations, turn the probabilities back, and average them. How much do the pixel error and the Rand error gain? *Hint: `torch.rot90` and `flip` on images and on probabilities.*
2. **Thinner membranes.** Let every predicted membrane pixel join the nearest predicted cell before the Rand error is computed (`two_nearest` knows the distance; extend it to return the label). Which level is best then?
3. **How much context?** Train `depth=1` and `depth=2`. From which depth on does the Rand error stop improving? Compare with the receptive field, which is 140 pixels at the bottom of the paper's net.
4. **Only the border term.** Train with `weight_map(mask, balance=False)`, and with `w0=0`. Which of the two terms shifts the best threshold?
5. **Adding instead of joining.** Replace the concatenation by a sum, as in a ResNet. How many parameters does it save, and what does it cost?

## Further reading

- [The paper](https://arxiv.org/abs/1505.04597), and the authors' [page](https://lmb.informatik.uni-freiburg.de/people/ronneber/u-net/) with their Caffe model.
- [Fully Convolutional Networks for Semantic Segmentation](https://arxiv.org/abs/1411.4038) by Long, Shelhamer and Darrell, from which the idea of one network for the whole image comes.
- [Crowdsourcing the creation of image segmentation algorithms for connectomics](https://doi.org/10.3389/fnana.2015.00142) by Arganda-Carreras and others: the ISBI-2012 challenge, its measures and its results.
- [nnU-Net](https://arxiv.org/abs/1809.10486) by Isensee and others: how far a plain U-Net gets when everything around it is done well.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
    cell.source = cell.source.replace("MAIN_EPOCHS", "200").replace("SHORT_EPOCHS", "50")
nbformat.write(book, HERE / "UNet.ipynb")
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
print(len(cells), "cells,", words, "words; too long:", long)
