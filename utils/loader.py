"""What `fit` asks of a loader, and ImageLoader: whole batches of images served from memory.

A loader is any object that yields batches (tuples of tensors on the training's device, handed to the objective as
they are) and has

    len(loader)        batches an epoch, the same every epoch
    loader.count       examples an epoch (images, sentence pairs, windows of text): what "per second" counts
    loader.epoch       the number of the epoch that the next pass over it serves; each pass moves it on by one. Order
                       and augmentation are drawn from (seed, epoch) alone, so that a resumed training sees the same
                       (in a run of several processes each serves its own part of every batch: utils/distributed.py)
    loader.describe()  plain values that tell which data, in which order, through which code, for a run's fingerprint

ImageLoader below and PairLoader in attention/translation.py are two of them.
"""

import hashlib
import math

import torch
from torch.nn import functional as F

from utils import fingerprint
from utils.distributed import own_part


class ImageLoader:
    """Batches of a split, float32 (B, C, H, W) and int64 (B,), made on `device` from one uint8 tensor that lives there.

    data        an ImageData; `split` is "train", "val" or "test"
    shuffle     the order is drawn from (seed, epoch): setting `loader.epoch` repeats an epoch exactly, on any device.
                Each pass over the loader takes the epoch that `epoch` names and moves it on by one.
    augment     the augmentation of section 4.2: `padding` pixels on each side (black ones, here), a random crop of
                the old size, a horizontal flip with probability 1/2 where `flip` is set
    Images are normalised by the data set's mean and standard deviation, and laid out channels-last, which convolutions
    prefer on CPUs and on tensor cores. No worker processes: whole-batch tensor operations leave them nothing to do.
    """

    def __init__(self, data, split, batch_size, device, shuffle=False, augment=False, padding=4, flip=True, seed=0):
        self.data, self.split, self.batch_size, self.device = data, split, batch_size, torch.device(device)
        self.shuffle, self.augment, self.padding, self.flip = shuffle, augment, padding, flip
        self.seed, self.epoch = seed, 0
        images, labels = getattr(data, split)
        if not len(labels):
            raise ValueError(f"the {split!r} split of {data.name} is empty")
        self.images, self.labels = images.to(device), labels.to(device)
        self.count = len(labels)  # images an epoch
        self.shift = 255 * torch.tensor(data.mean, device=device).view(-1, 1, 1)
        self.scale = 1 / (255 * torch.tensor(data.std, device=device).view(-1, 1, 1))

    def __len__(self):
        return math.ceil(self.count / self.batch_size)

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        order = torch.arange(self.count)
        if self.shuffle:
            order = torch.randperm(self.count, generator=generator)
        order = order.to(self.device)
        if self.augment:
            corners = torch.randint(2 * self.padding + 1, (2, self.count), generator=generator).to(self.device)
            flipped = (torch.rand(self.count, generator=generator) < 0.5 * self.flip).to(self.device)
        for start in range(0, self.count, self.batch_size):
            part = own_part(start, min(start + self.batch_size, self.count))
            images = self.images[order[part]]
            if self.augment:
                images = crop_and_flip(images, *corners[:, part], flipped[part], self.padding)
            yield self.normalise(images), self.labels[order[part]]

    def normalise(self, images):
        """uint8 (B, H, W, C) -> float32 (B, C, H, W), shifted and scaled by the data's `mean` and `std`."""
        return (images.permute(0, 3, 1, 2).float() - self.shift) * self.scale

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256(self.images.cpu().numpy().tobytes() + self.labels.cpu().numpy().tobytes())
        settings = {
            key: getattr(self, key) for key in ("split", "batch_size", "shuffle", "augment", "padding", "flip", "seed")
        }
        code = [fingerprint.describe(getattr(type(self), method)) for method in ("__iter__", "normalise")]
        content = {"data": self.data.name, "sha256": digest.hexdigest()[:16], "count": self.count}
        return {**content, "mean": list(self.data.mean), "std": list(self.data.std), **settings, "code": code}


def crop_and_flip(images, top, left, flipped, padding):
    """Crop each image at its own corner (top, left) of the padded image, and flip those that `flipped` marks.

    images (B, H, W, C); top, left, flipped (B,) -> (B, H, W, C). One gather for the whole batch.
    """
    B, H, W, _ = images.shape
    padded = F.pad(images, (0, 0, padding, padding, padding, padding))
    rows = top[:, None] + torch.arange(H, device=images.device)  # (B, H)
    columns = left[:, None] + torch.arange(W, device=images.device)  # (B, W)
    columns = torch.where(flipped[:, None], columns.flip(1), columns)
    index = torch.arange(B, device=images.device)[:, None, None]
    return padded[index, rows[:, :, None], columns[:, None, :]]
