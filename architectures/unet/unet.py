"""U-Net: Ronneberger, Fischer & Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015.

Paper: https://arxiv.org/abs/1505.04597

    UNet(in_channels, num_classes)                   Figure 1, or its padded form, with or without batch norm
    weight_map, weighted_cross_entropy               the loss of equations 1 and 2
    displacements, sample_at                         elastic deformation of images, masks and weights together
    predict                                          overlap-tile prediction of an image of any size (Figure 2)
    connected_components, rand_error                 from a mask to cells, and how well two sets of cells agree
    unet_isbi2012()                                  a trained narrow net, from the repository

A mask has the class of each pixel; class 0 is what separates the cells (the membranes). This file needs torch and the
standard library alone: copy it into your own project as it is.
"""

import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class UNet(nn.Module):
    """The network of Figure 1: images (B, in_channels, H, W) -> logits (B, num_classes, H', W').

    base_width  channels at full resolution; they double at each of the `depth` poolings
    padding     False: convolutions without padding, as in the paper, so that H' = H - 184 with four poolings, and only
                some sizes fit (572 -> 388); True: H' = H, for multiples of 2^depth
    batch_norm  a batch norm behind each 3x3 convolution, which then has no bias; the paper has none
    skips       False: no skip connections. The up-convolutions then make all channels of the next stage by
                themselves, so that the ablation takes away no layer and adds weights
    dropout     at the end of the contracting path (section 3.1); the paper does not give the rate

    31,030,658 parameters with the defaults. Raises ValueError for settings below 1 and for images of another shape; the
    message names the nearest sizes that fit.
    """

    def __init__(
        self,
        in_channels=1,
        num_classes=2,
        base_width=64,
        padding=False,
        batch_norm=False,
        depth=4,
        skips=True,
        dropout=0.5,
    ):
        super().__init__()
        sizes = dict(in_channels=in_channels, num_classes=num_classes, base_width=base_width, depth=depth)
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name} is {size}; expected 1 or more")
        self.in_channels, self.padding, self.depth, self.skips = in_channels, padding, depth, skips
        widths = [base_width * 2**level for level in range(depth + 1)]
        options = dict(padding=padding, batch_norm=batch_norm)
        self.down = nn.ModuleList(
            DoubleConv(c_in, c_out, **options) for c_in, c_out in zip([in_channels, *widths], widths[:-1])
        )
        self.bottom = DoubleConv(widths[-2], widths[-1], **options)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w if skips else 2 * w, kernel_size=2, stride=2) for w in reversed(widths[:-1])
        )
        self.merge = nn.ModuleList(DoubleConv(2 * w, w, **options) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(base_width, num_classes, kernel_size=1)
        self.apply(he_initialise)

    def forward(self, x):
        for size in self.check(x):
            self.output_size(size)
        copies = []
        for block in self.down:
            x = block(x)
            copies.append(x)
            x = F.max_pool2d(x, kernel_size=2)
        x = self.dropout(self.bottom(x))
        for up, merge in zip(self.up, self.merge):
            x = up(x)
            copy = copies.pop()
            if self.skips:
                x = torch.cat([crop(copy, x.shape[-2:]), x], dim=1)
            x = merge(x)
        return self.head(x)

    @property
    def step(self):
        """The pixels between two sizes that fit, and the side of one pixel at the bottom."""
        return 2**self.depth

    @property
    def lost(self):
        """The pixels that an output is smaller than its input, on both sides together."""
        return 0 if self.padding else 12 * self.step - 8

    @property
    def smallest(self):
        """The smallest size that fits."""
        if self.padding:
            return self.step
        return self.step * (math.floor(8 - 4 / self.step) + 1) + 4 * (self.step - 1)

    def output_size(self, size):
        """The height (or width) of the output for an input of `size` pixels. Raises ValueError where it does not fit.

        Without padding each pooling needs an even size: the paper's footnote on choosing tiles.
        """
        over = (size - self.smallest) % self.step
        if size >= self.smallest and not over:
            return size - self.lost
        fit = [size - over, size - over + self.step] if size > self.smallest else [self.smallest]
        fit = " or ".join(f"{n} (output {n - self.lost})" for n in fit)
        form = "with" if self.padding else "without"
        raise ValueError(
            f"{size} pixels a side do not fit a U-Net {form} padding and {self.depth} poolings; the nearest that fits "
            f"is {fit}. `predict` takes images of any size."
        )

    def check(self, x):
        """Height and width of `x`. Raises ValueError for what is no batch of images with the right channels."""
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, {self.in_channels}, H, W)")
        return x.shape[2:]


class DoubleConv(nn.Sequential):
    """Two 3x3 convolutions, each with a ReLU: the unit that every stage of a U-Net repeats."""

    def __init__(self, in_channels, out_channels, padding=False, batch_norm=False):
        layers = []
        for channels in (in_channels, out_channels):
            layers.append(nn.Conv2d(channels, out_channels, kernel_size=3, padding=int(padding), bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(out_channels))
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


def he_initialise(module):
    """Weights from N(0, 2 / N) with N incoming nodes of one neuron (section 3), biases 0."""
    if isinstance(module, nn.Conv2d):
        incoming = module.in_channels * module.kernel_size[0] * module.kernel_size[1]
    elif isinstance(module, nn.ConvTranspose2d):  # stride and kernel are equal: one tap from each channel
        incoming = module.in_channels
    else:
        return
    nn.init.normal_(module.weight, std=math.sqrt(2 / incoming))
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def crop(x, size):
    """The middle of feature maps (B, C, H, W), `size` = (height, width): what the grey arrows of Figure 1 copy."""
    top, left = (x.shape[-2] - size[0]) // 2, (x.shape[-1] - size[1]) // 2
    return x[..., top : top + size[0], left : left + size[1]]


# The loss (section 3)


def weighted_cross_entropy(logits, masks, weights=None):
    """Equation 1 as a mean: logits (B, classes, H, W), masks (B, H, W) int64, weights (B, H, W) or None for ones.

    The sum over the pixels is divided by the sum of the weights, so that a weight map changes what the net attends to
    and not the size of its steps.
    """
    loss = F.cross_entropy(logits.float(), masks, reduction="none")
    return loss.mean() if weights is None else (weights * loss).sum() / weights.sum()


def weight_map(mask, w0=10.0, sigma=5.0, balance=True):
    """Equation 2: w(x) = w_c(x) + w0 exp(-(d1 + d2)² / 2σ²) for a mask (H, W); float32 (H, W).

    d1 and d2 are the distances in pixels to the nearest cell and to the second nearest, from pixel to pixel (the paper:
    to their borders). w_c balances the classes: its mean is 1, each class that occurs has the same share; without
    `balance` it is 1. Pixels of a cell have no border term, nor have those with d2 beyond 4σ (below 4e-4 w0).
    """
    if mask.ndim != 2:
        raise ValueError(f"mask has shape {tuple(mask.shape)}; expected one mask, (H, W)")
    classes, which, counts = mask.unique(return_inverse=True, return_counts=True)
    weights = torch.ones(mask.shape, device=mask.device)
    if balance:
        weights = (mask.numel() / (len(classes) * counts.float()))[which]
    d1, d2 = two_nearest(connected_components(mask > 0), radius=math.ceil(4 * sigma))
    return weights + w0 * torch.exp(-((d1 + d2) ** 2) / (2 * sigma**2)) * (mask == 0)


def two_nearest(cells, radius, at_once=32):
    """Distances (H, W) to the nearest and to the second nearest cell of a label image; inf beyond `radius` pixels.

    Each pixel outside the cells looks at the offsets within the radius, the nearest first, `at_once` of them together;
    it is done when it has met two cells.
    """
    (H, W), r, device = cells.shape, radius, cells.device
    wide = F.pad(cells, (r, r, r, r)).int().flatten()  # label 0 beyond the border: no cell
    pixels = (cells == 0).nonzero()
    at = (pixels[:, 0] + r) * (W + 2 * r) + pixels[:, 1] + r
    around = range(-r, r + 1)
    offsets = sorted((y * y + x * x, y * (W + 2 * r) + x) for y in around for x in around if y * y + x * x <= r * r)
    squares, shifts = torch.tensor(offsets, device=device).unbind(dim=1)
    first = torch.zeros(len(at), dtype=torch.int32, device=device)  # the label of the nearest cell
    found = torch.full((2, len(at)), math.inf, device=device)
    pending = torch.arange(len(at), device=device)
    for steps, distance in zip(shifts.split(at_once), squares.float().sqrt().split(at_once)):
        met = wide[at[pending, None] + steps]  # (pixels, offsets)
        hit, place = (met > 0).max(dim=1)  # whether there is one, and the first of them
        fresh = hit & (first[pending] == 0)
        found[0, pending[fresh]] = distance[place[fresh]]
        first[pending[fresh]] = met[fresh, place[fresh]]
        hit, place = ((met > 0) & (met != first[pending, None])).max(dim=1)
        found[1, pending[hit]] = distance[place[hit]]
        pending = pending[~hit]
    distances = torch.zeros(2, H * W, device=device)  # 0 inside the cells
    distances[:, (cells == 0).flatten()] = found
    return distances.view(2, H, W)


# Elastic deformation (section 3.1)


def displacements(count, size, std=10.0, grid=3, generator=None):
    """Smooth random shifts in pixels, down and to the right, one field an image: (count, 2, H, W) for `size` = (H, W).

    Each of grid x grid points is shifted by N(0, std²) pixels; bicubic interpolation does the rest. Drawn on the CPU.
    """
    coarse = std * torch.randn(count, 2, grid, grid, generator=generator)
    return F.interpolate(coarse, size=size, mode="bicubic", align_corners=True)


def sample_at(images, rows, columns, mode="bilinear"):
    """The pixels of images (B, C, H, W) at real positions rows, columns (B, h, w): (B, C, h, w); mirrored borders.

    `mode` is "bilinear", or "nearest" for masks, whose classes must not be mixed.
    """
    H, W = images.shape[-2:]
    grid = torch.stack([2 * columns / max(W - 1, 1) - 1, 2 * rows / max(H - 1, 1) - 1], dim=-1)
    return F.grid_sample(images, grid, mode, padding_mode="reflection", align_corners=True)


# Prediction of large images (Figure 2)


@torch.no_grad()
def predict(model, images, tile=256):
    """Probabilities (B, classes, H, W) of images (B, C, H, W) of any size, by the overlap-tile strategy, in eval mode.

    Each tile of about `tile` pixels is predicted from a larger piece of the image, so that no seam is left: the result
    does not depend on `tile`. What lies beyond the image's border is mirrored. The mode of the model stays as it was.
    """
    H, W = model.check(images)
    if not (H and W and tile >= 1):
        raise ValueError(f"images of {H} x {W} pixels in tiles of {tile}; expected at least one pixel of each")
    margin, step = context(model), model.step
    stride = [
        step * math.ceil(min(tile, side) / step) for side in (H, W)
    ]  # whole steps, or poolings would fall elsewhere
    size = [piece_size(model, side, margin) for side in stride]
    tops, lefts = (range(0, side, s) for side, s in zip((H, W), stride))
    rows = mirrored(-margin, tops[-1] - margin + size[0], H, images.device)
    columns = mirrored(-margin, lefts[-1] - margin + size[1], W, images.device)
    inner = margin if model.padding else 0
    was_training, result = model.training, []
    model.eval()
    try:
        for top in tops:
            line = []
            for left in lefts:
                piece = images[..., rows[top : top + size[0], None], columns[left : left + size[1]]]
                logits = model(piece)[..., inner : inner + stride[0], inner : inner + stride[1]]
                line.append(logits.float().softmax(dim=1))
            result.append(torch.cat(line, dim=3))
    finally:
        model.train(was_training)
    return torch.cat(result, dim=2)[..., :H, :W]


def context(model):
    """How many pixels around a tile its prediction depends on: 92 in the paper; with padding in whole steps, 96.

    With padding, zeros come in at the border. Each convolution carries them one pixel further in, a pooling halves the
    pixels that they have reached, an up-convolution doubles them.
    """
    if not model.padding:
        return model.lost // 2
    reached = 2
    for _ in range(model.depth):
        reached = math.ceil(reached / 2) + 2
    for _ in range(model.depth):
        reached = 2 * reached + 2
    return model.step * math.ceil(reached / model.step)


def piece_size(model, side, margin):
    """The size of input from which a model predicts at least `side` pixels, a multiple of its step."""
    if model.padding:
        return side + 2 * margin
    least = max(side + 2 * margin, model.smallest)
    return least + (model.smallest - least) % model.step


def mirrored(start, stop, size, device=None):
    """The positions start ... stop - 1 folded into 0 ... size - 1 by mirrors at the first and the last pixel."""
    period = max(2 * (size - 1), 1)
    folded = torch.arange(start, stop, device=device) % period
    return torch.minimum(folded, period - folded) if size > 1 else torch.zeros_like(folded)


# Cells, and how well two segmentations agree


def connected_components(mask):
    """The cells of a mask (H, W): int64 (H, W), 0 where the mask is 0, and 1, 2, … for each piece of the rest.

    Pixels are neighbours if they share a side, so that a diagonal line of membrane separates. Each pixel points to a
    smaller one of its piece; pointers are shortened until all of a piece point to its first pixel.
    """
    if mask.ndim != 2:
        raise ValueError(f"mask has shape {tuple(mask.shape)}; expected one mask, (H, W)")
    inside = mask > 0
    numbers = torch.arange(mask.numel(), device=mask.device).view(mask.shape)
    right, below = inside[:, :-1] & inside[:, 1:], inside[:-1] & inside[1:]
    a = torch.cat([numbers[:, :-1][right], numbers[:-1][below]])
    b = torch.cat([numbers[:, 1:][right], numbers[1:][below]])
    pointer = numbers.flatten()
    while True:
        least = torch.minimum(pointer[a], pointer[b])
        shorter = pointer.scatter_reduce(0, pointer[a], least, "amin").scatter_reduce(0, pointer[b], least, "amin")
        shorter = shorter[shorter]
        if torch.equal(shorter, pointer):
            break
        pointer = shorter
    cells = torch.zeros_like(numbers)
    cells[inside] = pointer.view(mask.shape)[inside].unique(return_inverse=True)[1] + 1
    return cells


def rand_error(cells, truth):
    """1 - F-score over pairs of pixels, restricted to the true cells: two label images (H, W), 0 for membranes.

    Of all pairs of pixels that lie in cells of `truth`: precision is the fraction of same-cell pairs in `cells` that
    are correct, recall that of same-cell pairs in `truth` that are found. Merge errors lower precision, split errors
    recall; a predicted membrane pixel is a cell by itself. Raises ValueError for other shapes or an empty truth.
    """
    if cells.shape != truth.shape or not (truth > 0).any():
        raise ValueError(
            f"cells {tuple(cells.shape)} and truth {tuple(truth.shape)} with {int(truth.max())} cells; expected label "
            "images of one shape, with at least one true cell"
        )
    cells, truth = cells[truth > 0], truth[truth > 0]
    joined = cells > 0
    in_truth = pairs(truth)
    in_cells = pairs(cells[joined])
    in_both = pairs(truth[joined] * (cells.max() + 1) + cells[joined])
    return 1 - 2 * in_both / (in_truth + in_cells) if in_truth + in_cells else 0.0


def pairs(labels):
    """The number of pairs of pixels with the same label."""
    counts = labels.unique(return_counts=True)[1]
    return (counts * (counts - 1)).sum().item() // 2


def unet_isbi2012():
    """A narrow U-Net, trained on 24 slices of ISBI-2012 by `UNet.ipynb`, in eval mode, and what to know about it.

    Returns (model, about): `about` tells the data, its mean and standard deviation, the best threshold and the errors
    on the six held-out slices, and where it was made. Raises FileNotFoundError where the repository does not hold it.
    """
    path = Path(__file__).with_name("weights") / "unet_isbi2012.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = UNet(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
