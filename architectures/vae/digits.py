"""DigitLoader: 28x28 pixels as rows of numbers in [0, 1], in grey levels or binarised, as a VAE takes them."""

import hashlib
import math

import torch

from utils import fingerprint
from utils.distributed import own_part

BINARISATIONS = ("grey", "static", "dynamic")
STATIC_SEED = 28  # of the one draw that "static" keeps for ever


class DigitLoader:
    """Batches of a split, float32 (B, 784) in [0, 1] and labels int64 (B,), made from uint8 images (N, 32, 32, 1).

    The margin of two pixels that `load_mnist` adds is cut off. `binarisation` says what becomes of a grey level g:

    "grey"     it stays, as a number between 0 and 1
    "static"   a pixel is white with probability g, drawn once: the data set is binary and the same in every epoch
    "dynamic"  the same, drawn anew in every epoch, from (seed, epoch); where `shuffle` is off, as in an evaluation,
               every pass serves the draw of epoch 0

    It is a loader as described in utils/loader.py. Raises ValueError for another binarisation or other images.
    """

    def __init__(self, data, split, batch_size, device, binarisation="dynamic", shuffle=False, seed=0):
        if binarisation not in BINARISATIONS:
            raise ValueError(f"binarisation is {binarisation!r}; expected one of {', '.join(BINARISATIONS)}")
        images, labels = getattr(data, split)
        if images.shape[1:] != (32, 32, 1):
            raise ValueError(
                f"images have shape {tuple(images.shape)}; expected (N, 32, 32, 1): grey, 28 pixels padded"
            )
        self.data, self.split, self.batch_size, self.device = data, split, batch_size, torch.device(device)
        self.binarisation, self.shuffle, self.seed, self.epoch = binarisation, shuffle, seed, 0
        self.pixels, self.labels = images[:, 2:-2, 2:-2].flatten(1).to(device), labels.to(device)  # (N, 784), (N,)
        self.count = len(labels)
        if binarisation == "static":
            self.pixels = 255 * self.draw(self.pixels, torch.Generator().manual_seed(STATIC_SEED)).byte()

    def __len__(self):
        return math.ceil(self.count / self.batch_size)

    def __iter__(self):
        epoch = self.epoch if self.shuffle else 0
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)  # on the CPU: the same everywhere
        self.epoch += 1
        order = torch.arange(self.count)
        if self.shuffle:
            order = torch.randperm(self.count, generator=generator)
        order = order.to(self.device)
        for start in range(0, self.count, self.batch_size):
            stop = min(start + self.batch_size, self.count)
            part = own_part(start, stop)
            if self.binarisation == "dynamic":  # drawn for the whole batch, whoever serves which part of it
                pixels = self.draw(self.pixels[order[start:stop]], generator)[part.start - start : part.stop - start]
            else:
                pixels = self.pixels[order[part]].float() / 255
            yield pixels, self.labels[order[part]]

    def draw(self, pixels, generator):
        """Each pixel 1 with probability g / 255, else 0: uint8 (B, 784) -> float32 (B, 784)."""
        limits = torch.randint(255, pixels.shape, dtype=torch.uint8, generator=generator)  # 0 ... 254
        return (limits.to(self.device) < pixels).float()

    def describe(self):
        """What a training on this loader depends on, as plain values: part of a run's fingerprint."""
        digest = hashlib.sha256(self.pixels.cpu().numpy().tobytes() + self.labels.cpu().numpy().tobytes())
        settings = {key: getattr(self, key) for key in ("split", "batch_size", "binarisation", "shuffle", "seed")}
        code = [fingerprint.describe(getattr(type(self), method)) for method in ("__iter__", "draw")]
        content = {"data": self.data.name, "sha256": digest.hexdigest()[:16], "count": self.count}
        return {**content, **settings, "code": code}
