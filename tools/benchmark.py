"""Images/s of a ResNet-20 training step through ImageLoader, a torchvision DataLoader, and on a batch that is there;
and the step as `fit` takes it, compiled, against the usual recipe.

Rounds are interleaved, so that a machine that slows down does so for all; medians are compared as ratios.
"""

import itertools
import statistics
import time

import numpy as np
import torch
import torchvision
from torch.nn import functional as F
from torchvision.transforms import v2

from architectures.resnet.resnet import cifar_resnet
from tools import benchmark_architectures, benchmark_distributed, benchmark_transformer
from utils.device import autocast, choose_precision, compiled_for, dtype_name, get_device, set_seed, synchronise
from utils.files import data_root
from utils.images import load_cifar10, load_shapes
from utils.loader import ImageLoader
from utils.shapes import make_shapes

BATCH = 128
UNTIMED = 5  # steps before each measurement; two workers hold four batches ready


class Images(torchvision.datasets.VisionDataset):
    """The usual recipe's data set: images by index, as PIL images, through a transform."""

    def __init__(self, split, transform):
        super().__init__(root=".", transform=transform)
        self.images, self.labels = split.images.numpy(), split.labels.tolist()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(torchvision.transforms.functional.to_pil_image(self.images[index])), self.labels[index]


def usual_loader(data, device):
    """RandomCrop, RandomHorizontalFlip, to tensor, Normalize, in two worker processes."""
    steps = [
        v2.RandomCrop(32, padding=4),
        v2.RandomHorizontalFlip(),
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
    ]
    transform = v2.Compose([*steps, v2.Normalize(data.mean, data.std)])
    options = dict(batch_size=BATCH, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True)
    return torch.utils.data.DataLoader(Images(data.train, transform), pin_memory=device.type == "cuda", **options)


def endless(loader):
    """The batches of a loader, epoch after epoch."""
    while True:
        yield from loader


def main(rounds, steps):
    """Print the medians and the ratios, in float32 and in the precision that this chip is given."""
    device = get_device()
    started = time.perf_counter()
    make_shapes(5000)
    print(f"shapes: 5,000 images drawn in {time.perf_counter() - started:.2f} s")
    data = load_cifar10() if (data_root() / "cifar10.npz").exists() else load_shapes(20_000)
    print(f"Data: {data.name}. Batch {BATCH}, {rounds} rounds of {steps} steps each, medians.")
    for dtype in dict.fromkeys((torch.float32, choose_precision(device)[0])):
        compare(data, device, dtype, rounds, steps)
    compare_recipes(data, device, rounds, steps)
    benchmark_transformer.main(device, rounds, steps)
    benchmark_architectures.main(device, rounds)
    benchmark_distributed.main(device, rounds, steps)
    return 0


def compare(data, device, dtype, rounds, steps):
    """One precision: interleaved rounds of the three sources of batches."""
    set_seed(0)
    model = cifar_resnet(20).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    own = ImageLoader(data, "train", BATCH, device, shuffle=True, augment=True)
    ready = next(iter(own))
    sources = {
        "ImageLoader": (batch for batch in endless(own) if len(batch[1]) == BATCH),
        "DataLoader, 2 workers": endless(usual_loader(data, device)),
        "a batch that is there": itertools.repeat(ready),
    }
    rates = {name: [] for name in sources}
    for _ in range(rounds + 1):  # the first round warms up
        for name, source in sources.items():
            rates[name].append(images_per_second(model, optimizer, source, device, dtype, steps))
    medians = {name: statistics.median(values[1:]) for name, values in rates.items()}
    for name, values in rates.items():
        spread = np.ptp(values[1:]) / medians[name]
        print(f"{dtype_name(dtype):9} {name:22} {medians[name]:9,.0f} images/s   (spread {100 * spread:.0f} %)")
    first, usual, there = medians.values()
    wanted = 1.25 if dtype == torch.float32 else 2
    print(f"{dtype_name(dtype):9} ImageLoader / batch that is there: {first / there:.2f}   (wanted: 0.95)")
    print(f"{dtype_name(dtype):9} ImageLoader / DataLoader:          {first / usual:.2f}   (wanted: {wanted})")


def compare_recipes(data, device, rounds, steps):
    """The step of `fit(…, compile=True)` in the chip's precision against the usual recipe in float32, uncompiled."""
    dtype = choose_precision(device)[0]
    recipes = {}
    for name in ("fit, compiled", "usual recipe"):
        set_seed(0)
        model = cifar_resnet(20).to(device)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        if name == "usual recipe":
            recipes[name] = model, optimizer, endless(usual_loader(data, device)), torch.float32
        else:
            own = ImageLoader(data, "train", BATCH, device, shuffle=True, augment=True)
            whole = (batch for batch in endless(own) if len(batch[1]) == BATCH)
            recipes[name] = compiled_for(device, model), optimizer, whole, dtype
    rates = {name: [] for name in recipes}
    for _ in range(rounds + 1):  # the first round warms up and compiles
        for name, (model, optimizer, source, precision) in recipes.items():
            rates[name].append(images_per_second(model, optimizer, source, device, precision, steps))
    ours, usual = (statistics.median(values[1:]) for values in rates.values())
    print(f"fit, compiled, {dtype_name(dtype)}: {ours:,.0f} images/s; usual recipe, float32: {usual:,.0f} images/s")
    wanted = " (wanted: 2)" if dtype == torch.bfloat16 else ""
    print(f"fit's compiled step / usual recipe: {ours / usual:.2f}{wanted}")


def images_per_second(model, optimizer, source, device, dtype, steps):
    """The rate over `steps` batches, after a few untimed ones that use up what workers made in advance."""
    for step, (images, labels) in enumerate(itertools.islice(source, UNTIMED + steps)):
        if step == UNTIMED:
            synchronise(device)
            started = time.perf_counter()
        images, labels = images.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        with autocast(device, dtype):
            loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    synchronise(device)
    return steps * BATCH / (time.perf_counter() - started)
