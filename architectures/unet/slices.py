"""Slices to segment: the ISBI-2012 electron-microscopy stack, generated shapes with exact masks, and their loader."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from utils import fingerprint
from utils.distributed import own_part
from utils.files import DataError, data_root, download
from utils.shapes import make_shapes_and_masks

COMMIT = "zhixuhao/unet@b45af4d458437d8281cc218a07fd4380818ece4a"
PATH = "data/membrane/train"
ADDRESSES = (
    f"https://raw.githubusercontent.com/{COMMIT.replace('@', '/')}/{PATH}/",
    f"https://cdn.jsdelivr.net/gh/{COMMIT}/{PATH}/",
)
HELD_OUT = tuple(range(24, 30))  # the last six of the stack: neighbouring slices look alike, so they are kept together


@dataclass(frozen=True)
class Slices:
    """Grey images and their masks, uint8 (N, H, W) each; a mask holds the class of each pixel.

    `mean` and `std` are those of the training pixels, in [0, 1].
    """

    name: str
    classes: tuple
    mean: float
    std: float
    train: tuple
    val: tuple


def load_isbi2012(held_out=HELD_OUT):
    """The 30 slices 512 x 512 of a fly larva's nerve cord that the paper trains on, class 0 membrane, 1 cell.

    Cardona et al. 2010; 2 x 2 x 1.5 micrometres, one slice every 50 nanometres. Those of `held_out` become the `val`
    split. Downloaded once, a file at a time, and held to the hashes in isbi2012.sha256. Raises DataError where files
    cannot be fetched, a mask has another size than its image, or a label is neither 0 nor 255.
    """
    hashes = {}
    for line in Path(__file__).with_name("isbi2012.sha256").read_text(encoding="utf-8").splitlines():
        sha256, name = line.split()
        hashes[name] = sha256
    folder = data_root() / "isbi2012"
    for name, sha256 in hashes.items():
        download([address + name for address in ADDRESSES], folder / name, sha256)
    numbers = range(len(hashes) // 2)
    images, masks = zip(*(read_slice(folder / f"image/{i}.png", folder / f"label/{i}.png") for i in numbers))
    return as_slices("ISBI-2012", ("membrane", "cell"), np.stack(images), np.stack(masks), held_out)


def read_slice(image_path, label_path):
    """A grey image and its mask, uint8 (H, W) each: label 255 becomes class 1. Raises DataError where they differ."""
    image, label = (np.array(Image.open(path).convert("L")) for path in (image_path, label_path))
    if image.shape != label.shape:
        raise DataError(
            f"{label_path} has {label.shape} pixels, its image {image.shape}; expected a mask of the same size"
        )
    unknown = np.setdiff1d(label, (0, 255))
    if len(unknown):
        raise DataError(f"{label_path} has the labels {unknown[:5].tolist()}; expected 0 (membrane) and 255 (cell)")
    return image, (label == 255).astype(np.uint8)


def load_shape_slices(train=24, held_out=6, tiles=2, seed=0):
    """Generated slices of tiles x tiles shapes, 32 pixels each, with exact masks: class 0 background, 1 shape."""
    count = train + held_out
    images, _, masks = make_shapes_and_masks(count * tiles**2, seed)
    images = images.mean(axis=3).round().astype(np.uint8)
    images, masks = (
        part.reshape(count, tiles, tiles, 32, 32).transpose(0, 1, 3, 2, 4).reshape(count, 32 * tiles, 32 * tiles)
        for part in (images, masks)
    )
    return as_slices("shapes (generated)", ("background", "shape"), images, masks, range(train, count))


def as_slices(name, classes, images, masks, held_out):
    """A Slices of NumPy arrays (N, H, W), those of the numbers `held_out` in its `val` split."""
    held_out = list(held_out)
    rest = [i for i in range(len(images)) if i not in held_out]
    if not rest or not held_out or max(held_out) >= len(images):
        raise ValueError(f"held_out is {held_out}; expected some, not all, of the numbers 0 to {len(images) - 1}")
    train, val = ((torch.from_numpy(images[part]), torch.from_numpy(masks[part])) for part in (rest, held_out))
    pixels = images[rest] / 255
    return Slices(name, classes, round(float(pixels.mean()), 4), round(float(pixels.std()), 4), train, val)


class SliceLoader:
    """Batches of images, masks and weights: float32 (B, 1, H, W), int64 (B, h, w), float32 (B, h, w), on `device`.

    data       a Slices; `split` is "train" or "val"; `slices` (a number) takes the first few of them
    crop       the side of a mask in pixels; where it is None, or nothing is shuffled, the middle of the whole slice
    margin     the pixels by which an image is larger than its mask on each side, mirrored at the slice's border: 92
               for a U-Net without padding
    crops      so many crops of each slice make an epoch
    shuffle    random order and places, drawn from (seed, epoch) alone
    augment    a function of (count, (H, W), generator) that returns displacements (count, 2, H, W) in pixels, or None;
               with `turn`, crops are also turned by quarters and flipped, and their grey levels change
    weights    a weight for each pixel of the split, float (N, H, W), or None for ones
    sample     the function that reads images (B, C, H, W) at real positions: `sample_at` of unet.py

    It is a loader as described in utils/loader.py. Slices stay on the device as they are; a batch is made there by one
    interpolation, which shifts, turns and deforms at once. Raises ValueError for weights or masks of another size.
    """

    def __init__(
        self,
        data,
        split,
        batch_size,
        device,
        sample,
        crop=None,
        margin=0,
        crops=1,
        slices=None,
        shuffle=False,
        turn=False,
        augment=None,
        weights=None,
        seed=0,
    ):
        images, masks = (part[:slices] for part in getattr(data, split))
        weights = torch.ones(masks.shape) if weights is None else weights[: len(masks)]
        if images.shape != masks.shape or weights.shape != masks.shape:
            raise ValueError(
                f"images {tuple(images.shape)}, masks {tuple(masks.shape)} and weights {tuple(weights.shape)}; "
                "expected one shape"
            )
        if int(masks.max()) >= len(data.classes):
            raise ValueError(f"a mask has the class {int(masks.max())}; expected one of {len(data.classes)} classes")
        height, width = masks.shape[1:]
        self.height, self.width = (crop, crop) if crop is not None else (height, width)
        if self.height > height or self.width > width:
            raise ValueError(f"crop is {crop}; expected at most {min(height, width)}, the side of a slice")
        self.data, self.split, self.batch_size, self.device = data, split, batch_size, torch.device(device)
        self.sample, self.margin, self.crops, self.shuffle = sample, margin, crops, shuffle
        self.turn, self.augment, self.seed, self.epoch = turn, augment, seed, 0
        self.images = (images.to(device).float() / 255 - data.mean) / data.std
        self.masks, self.weights = masks.to(device).float(), weights.to(device).float()
        self.count = crops * len(masks)

    def __len__(self):
        return math.ceil(self.count / self.batch_size)

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        order = torch.arange(self.count) // self.crops
        if self.shuffle:
            order = order[torch.randperm(self.count, generator=generator)]
        for start in range(0, self.count, self.batch_size):
            stop = min(start + self.batch_size, self.count)
            rows, columns, contrast, brightness = self.places(stop - start, generator)
            part = own_part(start, stop)
            mine = slice(part.start - start, part.stop - start)
            places = [value[mine].to(self.device) for value in (rows, columns, contrast, brightness)]
            yield self.read(order[part].to(self.device), *places)

    def places(self, count, generator):
        """Where `count` crops lie, rows and columns (count, H, W), and changes of grey, twice (count, 1, 1, 1)."""
        H, W = self.height + 2 * self.margin, self.width + 2 * self.margin
        down, across = torch.arange(H) - (H - 1) / 2, torch.arange(W) - (W - 1) / 2
        rows, columns = down[:, None].expand(count, H, W), across.expand(count, H, W)
        room = torch.tensor([size - own for size, own in zip(self.masks.shape[1:], (self.height, self.width))])
        middle = (torch.tensor(self.masks.shape[1:]) - 1 - room % 2) / 2 + torch.zeros(count, 2)  # on whole pixels
        contrast, brightness = torch.ones(count, 1, 1, 1), torch.zeros(count, 1, 1, 1)
        if self.shuffle:
            middle = middle + (torch.rand(count, 2, generator=generator) * (room + 1)).floor() - room // 2
        if self.augment is not None:
            shift = self.augment(count, (H, W), generator)
            rows, columns = rows + shift[:, 0], columns + shift[:, 1]
        if self.turn:
            swap, up, left = (torch.rand(3, count, 1, 1, generator=generator) < 0.5).unbind()
            if H == W:  # a quarter turn is a transposition and a flip
                rows, columns = torch.where(swap, columns, rows), torch.where(swap, rows, columns)
            rows, columns = torch.where(up, -rows, rows), torch.where(left, -columns, columns)
            contrast = 1 + 0.2 * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
            brightness = 0.2 * torch.randn(count, 1, 1, 1, generator=generator)
        return rows + middle[:, 0, None, None], columns + middle[:, 1, None, None], contrast, brightness

    def read(self, which, rows, columns, contrast, brightness):
        """The slices `which` (B,) at these places."""
        images = self.sample(self.images[which, None], rows, columns) * contrast + brightness
        inner = (
            slice(None),
            slice(self.margin, self.margin + self.height),
            slice(self.margin, self.margin + self.width),
        )
        rows, columns = rows[inner], columns[inner]
        masks = self.sample(self.masks[which, None], rows, columns, "nearest")[:, 0].long()
        return images, masks, self.sample(self.weights[which, None], rows, columns)[:, 0]

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256()
        for tensor in (self.images, self.masks, self.weights.half()):
            digest.update(tensor.cpu().numpy().tobytes())
        names = ("split", "batch_size", "height", "width", "margin", "crops", "shuffle", "turn", "seed")
        settings = {name: getattr(self, name) for name in names}
        functions = [self.augment, self.sample, *(getattr(type(self), name) for name in ("__iter__", "places", "read"))]
        content = {"data": self.data.name, "sha256": digest.hexdigest()[:16], "count": self.count}
        return {**content, **settings, "code": [fingerprint.describe(function) for function in functions]}
