"""Images with stronger random changes than a crop and a flip, made for whole batches on the training's device."""

import math

import torch
from torch.nn import functional as F

from utils.distributed import own_part
from utils.loader import ImageLoader

OPERATIONS = ("nothing", "rotate", "shear x", "shear y", "zoom", "brightness", "contrast", "saturation")


class StrongLoader(ImageLoader):
    """ImageLoader whose images each get one random operation of random strength, or none, and a blanked-out square.

    The operation follows TrivialAugment (Müller & Hutter 2021), with fewer of them; the square, up to `hole` pixels a
    side, follows Cutout (DeVries & Taylor 2017). `share` is the probability that an image is changed at all. Other
    arguments are those of ImageLoader.
    """

    def __init__(self, *args, share=1.0, hole=12, **options):
        super().__init__(*args, **options)
        self.share, self.hole = share, hole

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch + 500_009)
        start = 0
        for images, labels in super().__iter__():
            whole = min(self.batch_size, self.count - start)
            draws = torch.rand(whole, 6, generator=generator)[own_part(0, whole)].to(images.device)
            start += whole
            if len(images):  # one of several processes may have none of a short batch, which affine_grid refuses
                pixels = images / (255 * self.scale) + self.shift / 255
                pixels = blank(transform(pixels, *choose(draws, self.share)), draws, self.share, self.hole)
                images = (pixels * 255 - self.shift) * self.scale
            yield images, labels

    def describe(self):
        return {**super().describe(), "share": self.share, "hole": self.hole}  # with the code of __iter__


def choose(draws, share):
    """Random numbers (B, 6) in [0, 1) -> the operation of each image (B,), as its place in OPERATIONS, and its
    strength (B,) in [-1, 1)."""
    operation = (draws[:, 0] * len(OPERATIONS)).long()
    return operation.where(draws[:, 1] < share, 0), 2 * draws[:, 2] - 1


def transform(pixels, operation, strength):
    """Images (B, C, H, W) in [0, 1], each changed by its operation; what comes in from outside is grey.

    The strength 1 rotates by 30 degrees, shears by 0.4, enlarges by a third, multiplies brightness, contrast or
    saturation by 1.8; -1 does the contrary.
    """
    kind = {name: operation == place for place, name in enumerate(OPERATIONS)}
    angle = strength * math.pi / 6 * kind["rotate"]
    scale = 1 - 0.25 * strength * kind["zoom"]
    rows = torch.zeros(len(pixels), 2, 3, device=pixels.device)  # where each pixel of the result comes from
    rows[:, 0, 0], rows[:, 0, 1] = scale * angle.cos(), 0.4 * strength * kind["shear x"] - angle.sin()
    rows[:, 1, 0], rows[:, 1, 1] = 0.4 * strength * kind["shear y"] + angle.sin(), scale * angle.cos()
    grid = F.affine_grid(rows, list(pixels.shape), align_corners=False)
    pixels = 0.5 + F.grid_sample(pixels - 0.5, grid, align_corners=False)

    def factor(name):
        return (1 + 0.8 * strength * kind[name])[:, None, None, None]

    pixels = pixels * factor("brightness")
    middle = pixels.mean(dim=(1, 2, 3), keepdim=True)
    pixels = middle + (pixels - middle) * factor("contrast")
    grey = pixels.mean(dim=1, keepdim=True)
    return (grey + (pixels - grey) * factor("saturation")).clamp(0, 1)


def blank(pixels, draws, share, hole):
    """Images (B, C, H, W), those that are to be changed with a grey square at a random place, partly outside maybe."""
    H, W = pixels.shape[-2:]
    side = draws[:, 5] * hole * (draws[:, 1] < share)
    inside = [
        (torch.arange(size, device=pixels.device) + 0.5 - size * place[:, None]).abs() < side[:, None] / 2
        for size, place in ((H, draws[:, 3]), (W, draws[:, 4]))
    ]  # (B, H) and (B, W)
    return pixels.masked_fill((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.5)
