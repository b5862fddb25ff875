"""Images with boxes: the blood cells of BCCD, generated scenes of shapes, and the loader that moves both together."""

import hashlib
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from utils import fingerprint
from utils.distributed import own_part
from utils.files import DataError, data_root, download
from utils.shapes import CLASSES, make_scenes

COMMIT = "Shenggan/BCCD_Dataset@d272fb14cdff6e473fafeeeba32aba5f560e9e43"
ADDRESSES = (
    f"https://raw.githubusercontent.com/{COMMIT.replace('@', '/')}/BCCD/",
    f"https://cdn.jsdelivr.net/gh/{COMMIT}/BCCD/",
)
BCCD_CLASSES = ("RBC", "WBC", "Platelets")  # red and white blood cells


@dataclass(frozen=True)
class BoxData:
    """Images with boxes. `train`, `val` and `test` hold images uint8 (N, size, size, 3), boxes float32 (N, M, 4), and
    labels int64 (N, M): a box is (x1, y1, x2, y2) relative to the image, between 0 and 1; label -1 stands for none.

    `mean` and `std` are those of the training pixels by channel, in [0, 1].
    """

    name: str
    classes: tuple
    mean: tuple
    std: tuple
    train: tuple
    val: tuple
    test: tuple


def load_bccd(size=224):
    """BCCD: 364 microscope images of stained blood, 640 x 480, with boxes around red cells, white cells and platelets.

    Its own split: 205 to train on, 87 to validate, 72 for the test. Each image is resized once, to size x size; its
    boxes are relative, so nothing happens to them. Two of 4,888 boxes have no area and are left out. Downloaded once, a
    file at a time, and held to the hashes in bccd.sha256. Raises DataError where files cannot be fetched, or an
    annotation is not what it should be.
    """
    folder, lines = data_root() / "BCCD", Path(__file__).with_name("bccd.sha256").read_text(encoding="utf-8")
    hashes = [line.split() for line in lines.splitlines()]
    if not all((folder / name).exists() for _, name in hashes):
        print(f"BCCD: {len(hashes)} small files, 10 MB, which takes a few minutes, once.")
    for sha256, name in hashes:
        download([address + name for address in ADDRESSES], folder / name, sha256)
    splits = []
    for split in ("train", "val", "test"):
        names = (folder / f"ImageSets/Main/{split}.txt").read_text(encoding="utf-8").split()
        found = [read_annotation(folder / f"Annotations/{name}.xml", BCCD_CLASSES) for name in names]
        images = np.stack([read_resized(folder / f"JPEGImages/{name}.jpg", size) for name in names])
        splits.append((images, *padded(found)))
    return as_data("BCCD", BCCD_CLASSES, *splits)


def read_resized(path, size):
    """An image file as uint8 (size, size, 3), whatever its proportions."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def read_annotation(path, classes):
    """The boxes of a PASCAL VOC annotation, float32 (M, 4), relative to the image, and their labels int64 (M,).

    Boxes without area are left out. Raises DataError for XML that is broken or declares entities (which could make a
    small file a huge one), for a class that is not in `classes`, and for a box outside the image.
    """
    text = Path(path).read_text(encoding="utf-8")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError(f"{path} declares a document type or entities; expected a plain annotation")
    try:
        root = ElementTree.fromstring(text)
        width, height = (float(root.find("size").find(name).text) for name in ("width", "height"))
        objects = [
            (
                item.find("name").text,
                *(float(item.find("bndbox").find(name).text) for name in ("xmin", "ymin", "xmax", "ymax")),
            )
            for item in root.iter("object")
        ]
    except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no annotation in the form of PASCAL VOC ({error})") from error
    boxes, labels = [], []
    for name, x1, y1, x2, y2 in objects:
        if name not in classes:
            raise DataError(f"{path} has an object {name!r}; expected one of {', '.join(classes)}")
        if not (0 <= x1 <= x2 <= width and 0 <= y1 <= y2 <= height):
            raise DataError(
                f"{path} has the box {(x1, y1, x2, y2)}; expected one inside the image, {width:g} x {height:g}"
            )
        if x1 < x2 and y1 < y2:
            boxes.append((x1 / width, y1 / height, x2 / width, y2 / height))
            labels.append(classes.index(name))
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64)


def padded(found):
    """Pairs (boxes (M, 4), labels (M,)) with different M -> boxes (N, M, 4) and labels (N, M), filled up with -1."""
    most = max(1, *(len(labels) for _, labels in found))
    boxes, labels = np.zeros((len(found), most, 4), np.float32), np.full((len(found), most), -1, np.int64)
    for i, (own_boxes, own_labels) in enumerate(found):
        boxes[i, : len(own_labels)], labels[i, : len(own_labels)] = own_boxes, own_labels
    return boxes, labels


def load_shape_scenes(train=48, val=16, test=16, size=64, most=6, seed=0):
    """Generated scenes of up to `most` shapes of ten classes, with exact boxes."""
    images, boxes, labels = make_scenes(train + val + test, seed, size, most)
    cuts = [slice(train), slice(train, train + val), slice(train + val, None)]
    return as_data("shapes (generated)", CLASSES, *((images[cut], boxes[cut] / size, labels[cut]) for cut in cuts))


def as_data(name, classes, train, val, test):
    """A BoxData of three splits of NumPy arrays."""
    channels = np.moveaxis(train[0], 3, 0)  # one at a time: in whole numbers NumPy sums as float64, which loses nothing
    mean, std = (tuple(round(float(measure(c)) / 255, 4) for c in channels) for measure in (np.mean, np.std))
    return BoxData(
        name, tuple(classes), mean, std, *(tuple(map(torch.from_numpy, part)) for part in (train, val, test))
    )


# Augmentation (section 2.2): images and boxes together, whole batches


def move(images, boxes, labels, zoom, shift, flip, least=0.25):
    """Scale, shift and flip images (N, C, H, W) with their boxes (N, M, 4) and labels (N, M); the same shapes.

    zoom   (N,), 1.2 enlarges by 20 %; around the middle of the image
    shift  (N, 2), to the right and down, as a share of the image
    flip   (N, 2), -1 flips left and right, or up and down; 1 does not

    Zeros fill what comes in from outside. A box that leaves the image is cut; where less than the share `least` of its
    area remains, it is dropped: label -1.
    """
    if not len(images):  # a process's part of a small batch
        return images, boxes, labels
    factor = zoom[:, None] * flip  # (N, 2)
    theta = torch.cat([torch.diag_embed(1 / factor), (-2 * shift / factor)[..., None]], dim=2)  # (N, 2, 3)
    grid = F.affine_grid(theta, images.shape, align_corners=False)
    images = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
    corners = (boxes.view(*boxes.shape[:2], 2, 2) - 0.5) * factor[:, None, None] + 0.5 + shift[:, None, None]
    whole = torch.cat([corners.amin(dim=2), corners.amax(dim=2)], dim=2)  # a flip swaps the corners
    cut = whole.clamp(0, 1)
    area, rest = ((box[..., 2:] - box[..., :2]).prod(dim=2) for box in (whole, cut))
    stays = (labels >= 0) & (rest >= least * area) & (rest > 0)
    return images, cut * stays[..., None], torch.where(stays, labels, -1)


def recolour(images, exposure, saturation):
    """Multiply value and saturation of the HSV colours of images in [0, 1], (N, 3, H, W), by factors (N,).

    Both stay at most 1, as in HSV; hues stay as they are.
    """
    value, least = images.amax(dim=1, keepdim=True), images.amin(dim=1, keepdim=True)
    exposure, saturation = exposure.view(-1, 1, 1, 1), saturation.view(-1, 1, 1, 1)
    saturation = torch.minimum(saturation, value / (value - least).clamp(min=1e-6))
    exposure = torch.minimum(exposure, 1 / value.clamp(min=1e-6))
    return (value - saturation * (value - images)) * exposure


class BoxLoader:
    """Batches of images, boxes and labels: float32 (N, 3, size, size), float32 (N, M, 4), int64 (N, M), on `device`.

    data      a BoxData; `split` is "train", "val" or "test"; `count` takes the first few images of it
    passes    an epoch serves each image so many times
    shuffle   random order, drawn from (seed, epoch) alone
    augment   the paper's augmentation: scale and translation up to 20 %, a flip in every second image, exposure and
              saturation up to a factor of 1.5
    upright   False flips up and down as well, for images without an up

    It is a loader as described in utils/loader.py. Images stay on the device as one uint8 tensor; each batch is
    recoloured, normalised by the data's mean and standard deviation, and moved there, as a whole. Raises ValueError for
    a split without images.
    """

    def __init__(
        self, data, split, batch_size, device, passes=1, shuffle=False, augment=False, upright=True, count=None, seed=0
    ):
        images, boxes, labels = (part[:count] for part in getattr(data, split))
        if not len(images):
            raise ValueError(f"the {split!r} split of {data.name} is empty")
        self.data, self.split, self.batch_size, self.device = data, split, batch_size, torch.device(device)
        self.passes, self.shuffle, self.augment, self.upright = passes, shuffle, augment, upright
        self.seed, self.epoch, self.count = seed, 0, passes * len(images)
        self.images, self.boxes, self.labels = images.to(device), boxes.to(device), labels.to(device)
        self.mean, self.std = (torch.tensor(part, device=device).view(3, 1, 1) for part in (data.mean, data.std))

    def __len__(self):
        return math.ceil(self.count / self.batch_size)

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        order = torch.arange(self.count) % len(self.images)
        if self.shuffle:
            order = order[torch.randperm(self.count, generator=generator)]
        for start in range(0, self.count, self.batch_size):
            stop = min(start + self.batch_size, self.count)
            draws = self.draw(stop - start, generator)
            part = own_part(start, stop)
            mine = slice(part.start - start, part.stop - start)
            yield self.read(order[part].to(self.device), *(values[mine].to(self.device) for values in draws))

    def draw(self, count, generator):
        """The random numbers of `count` images: zoom (count,), shift and flip (count, 2), exposure, saturation."""
        uniform = 2 * torch.rand(7, count, generator=generator) - 1
        flip = torch.where(uniform[3:5].T < 0, -1.0, 1.0)
        if self.upright:
            flip[:, 1] = 1
        exposure, saturation = torch.exp(math.log(1.5) * uniform[5:])
        return 1 + 0.2 * uniform[0], 0.2 * uniform[1:3].T, flip, exposure, saturation

    def read(self, which, zoom, shift, flip, exposure, saturation):
        """The images `which` (N,), changed in this way where `augment` is set."""
        images = self.images[which].permute(0, 3, 1, 2).float() / 255
        boxes, labels = self.boxes[which], self.labels[which]
        if self.augment:
            images = recolour(images, exposure, saturation)
        images = (images - self.mean) / self.std
        if self.augment:  # after normalising: what comes in from outside has the mean colour
            images, boxes, labels = move(images, boxes, labels, zoom, shift, flip)
        return images.contiguous(memory_format=torch.channels_last), boxes, labels

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256()
        for tensor in (self.images, self.boxes, self.labels):
            digest.update(tensor.cpu().numpy().tobytes())
        names = ("split", "batch_size", "passes", "shuffle", "augment", "upright", "seed")
        settings = {name: getattr(self, name) for name in names}
        functions = [getattr(type(self), name) for name in ("__iter__", "draw", "read")]
        content = {"data": self.data.name, "sha256": digest.hexdigest()[:16], "count": self.count}
        content |= {"mean": list(self.data.mean), "std": list(self.data.std)}
        return {**content, **settings, "code": [fingerprint.describe(function) for function in functions]}
