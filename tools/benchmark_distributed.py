"""Two processes of one core against one of two; activation checkpointing; and the tables that are arithmetic.

`make bench` runs the first two. `python -m tools.benchmark_distributed` prints the tables of docs/scale.md.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.alexnet.alexnet import alexnet_one_tower
from architectures.inception.inception import googlenet_torchvision
from architectures.lenet.lenet import LeNet5
from architectures.resnet.resnet import cifar_resnet, resnet18, resnet50
from architectures.transformer.transformer import Transformer, transformer_base, transformer_big
from architectures.vgg.vgg import vgg16
from attention.translation import PairLoader, load_numbers
from utils import distributed
from utils.device import set_seed, synchronise
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.memory import checkpointed
from utils.tokens import PAD, Words
from utils.training import classification, fit

ROOT = Path(__file__).resolve().parent.parent
SIZES = dict(d_model=256, num_heads=8, num_layers=3, d_ff=512, pad=PAD)  # a small Transformer
LONG = 512  # tokens of the sentences that checkpointing is measured on

# docs/scale.md's assumptions: what a GPU, its machine and the network between machines sustain, not what they peak at
GPUS_A_MACHINE = 8
FLOPS = {"images": 50e12, "tokens": 100e12}  # a second and GPU: convolutions, and products of large matrices
INSIDE, BETWEEN = 200e9, 12.5e9  # bytes a second: for each GPU in a machine; for each machine (100 Gbit/s)
GRADIENT = 4  # bytes of a parameter's gradient, in float32
EPOCH = {"images": 1_281_167, "tokens": 4_500_000 * 30}  # ImageNet; WMT 2014 English-German, 30 tokens a sentence
LENGTH = 30


# ---- measured


def main(device, rounds, steps):
    """Print the rows of `make bench`: medians over interleaved rounds, as the other benchmarks do."""
    print(f"\nSeveral processes on the CPU: ResNet-20, batch 128, and a Transformer of {SIZES}")
    rates = {processes: [] for processes in (1, 2)}
    for _ in range(rounds):
        for processes, found in rates.items():
            found.append(rates_of(processes, steps))
    for what, unit in (("images", "images/s"), ("tokens", "target tokens/s")):
        one, two = (statistics.median(rate[what] for rate in found) for found in rates.values())
        print(f"{'float32':9} 1 process, 2 cores {one:9,.0f} {unit}   2 processes, 1 core each {two:9,.0f}")
        print(f"{'float32':9} two processes / one: {two / one:.2f}")
    checkpointing(device, rounds)


def rates_of(processes, steps):
    """{"images": a second, "tokens": a second} of a training in so many processes, which share two cores."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "tools.benchmark_distributed", str(steps), str(2 // processes)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"torchrun with {processes} processes failed:\n{result.stderr[-2000:]}")
    images, tokens = map(float, result.stdout.split()[-2:])
    return {"images": images, "tokens": tokens}


def measure(steps, threads):
    """One process of `rates_of`: trains an untimed epoch and a timed one, and prints the two rates."""
    torch.set_num_threads(threads)
    distributed.join()
    set_seed(0)
    images = ImageLoader(load_shapes(128 * steps, 10, 10), "train", 128, "cpu", shuffle=True, augment=True)
    corpus = load_numbers(max(60 * steps, 100), 10, 10)
    source, target = Words(corpus.train.source), Words(corpus.train.target)
    pairs = PairLoader(corpus.train, source, target, 1000, "cpu", shuffle=True)
    rates = []
    for model, loader, objective, amount in (
        (cifar_resnet(20), images, classification, images.count),
        (Transformer(len(source), len(target), share="target", **SIZES), pairs, next_word, pairs.tokens),
    ):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        run = fit(model, loader, optimizer, None, 2, "cpu", {}, objective, precision="float32")
        rates.append(amount / run.history["seconds"][-1])
    distributed.say(f"\n{rates[0]} {rates[1]}")


def next_word(model, src, tgt):
    """The objective: mean cross-entropy of the next word, and the number of words."""
    logits, gold = model(src, tgt[:, :-1]).flatten(0, 1), tgt[:, 1:].flatten()
    return F.cross_entropy(logits, gold, ignore_index=PAD), int((gold != PAD).sum()), {}


def checkpointing(device, rounds):
    """Print what a training step on long sentences keeps for its backward pass, and how long it takes."""
    set_seed(0)
    kept, times = {}, {"everything kept": [], "layers recomputed": []}
    tokens = torch.randint(4, 1000, (4, LONG), device=device)
    for label in times:
        model = Transformer(1000, 1000, share="target", **SIZES).to(device)
        if label == "layers recomputed":
            checkpointed(model, "encoder", "decoder")
        for number in range(rounds + 1):
            synchronise(device)
            started = time.perf_counter()
            with SavedBytes(*model.encoder, *model.decoder) as saved:
                loss = next_word(model, tokens, tokens)[0]
            loss.backward()
            synchronise(device)
            times[label] += [time.perf_counter() - started] if number else []
        kept[label] = saved.total
    print(f"\nActivation checkpointing: a training step on 4 sentences of {LONG} tokens, the same Transformer, float32")
    for label, seconds in times.items():
        duration = f"{1000 * statistics.median(seconds):7,.0f} ms a step"
        print(f"{label:18} {kept[label] / 1e6:8,.0f} MB kept by the forward pass, {duration}")
    (more, less), (fast, slow) = kept.values(), map(statistics.median, times.values())
    print(f"{'':18} memory {less / more:.2f}, time {slow / fast:.2f} of the plain step's")


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """A context: `total` is the bytes that the forward pass keeps for the backward pass, each storage counted once.

    The inputs of `layers` count in any case: checkpointing keeps them where these hooks do not see it.
    """

    def __init__(self, *layers):
        self.sizes, self.layers, self.handles = {}, layers, []
        super().__init__(self.note, lambda tensor: tensor)

    def __enter__(self):
        super().__enter__()
        self.handles = [layer.register_forward_pre_hook(self.note_inputs, with_kwargs=True) for layer in self.layers]
        return self

    def __exit__(self, *error):
        super().__exit__(*error)
        for handle in self.handles:
            handle.remove()

    def note_inputs(self, _, args, kwargs):
        for value in (*args, *kwargs.values()):
            if isinstance(value, torch.Tensor):
                self.note(value)

    def note(self, tensor):
        storage = tensor.untyped_storage()
        self.sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    @property
    def total(self):
        return sum(self.sizes.values())


# ---- calculated


def models():
    """(name, model without contents, its input for two examples, "images" or "tokens", examples a step, all GPUs)."""
    with torch.device("meta"):
        image, small, digit = (torch.empty(2, *size) for size in ((3, 224, 224), (3, 32, 32), (1, 32, 32)))
        sentences = torch.zeros(2, LENGTH, dtype=torch.int64), torch.zeros(2, LENGTH, dtype=torch.int64)
        return [
            ("LeNet-5", LeNet5(), [digit], "images", 64),
            ("ResNet-20, CIFAR-10", cifar_resnet(20), [small], "images", 128),
            ("AlexNet, one tower", alexnet_one_tower(), [image], "images", 256),
            ("VGG-16", vgg16(), [image], "images", 256),
            ("GoogLeNet as in torchvision, with heads", googlenet_torchvision(), [image], "images", 256),
            ("ResNet-18", resnet18(), [image], "images", 256),
            ("ResNet-50", resnet50(), [image], "images", 256),
            ("Transformer, base", transformer_base(), sentences, "tokens", 25_000),
            ("Transformer, big", transformer_big(), sentences, "tokens", 25_000),
        ]


def counted(model, inputs, kind):
    """(parameters, operations of a training step for one image, or for one target token and its source token).

    Operations are two for each multiply-add, and three times those of the forward pass: the backward pass needs the
    gradients of the inputs and those of the weights.
    """
    with FlopCounterMode(display=False) as counter:
        model.train()(*inputs)
    examples = len(inputs[0]) * (LENGTH if kind == "tokens" else 1)
    return sum(p.numel() for p in model.parameters()), 3 * counter.get_total_flops() / examples


def exchange_seconds(parameters, gpus):
    """The time of one all-reduce: of the N bytes of all gradients a GPU sends and receives 2 N (W - 1) / W.

    Between machines it is done once for each machine, after the sums inside (hierarchical, as NCCL does).
    """
    N, machines = GRADIENT * parameters, -(-gpus // GPUS_A_MACHINE)
    local = min(gpus, GPUS_A_MACHINE)
    return 2 * N * (local - 1) / local / INSIDE + 2 * N * (machines - 1) / machines / BETWEEN


def calculated():
    """The tables of docs/scale.md, as Markdown."""
    rows = [(*model[:1], *counted(*model[1:4]), *model[3:]) for model in models()]
    lines = [
        "| model | parameters | gradients a step | arithmetic for one | examples a step | arithmetic a byte |",
        "|---|---|---|---|---|---|",
    ]
    for name, parameters, operations, kind, batch in rows:
        each, a_byte = kind.rstrip("s"), operations * batch / 8 / (2 * GRADIENT * parameters * 7 / 8)
        lines.append(
            f"| {name} | {parameters:,} | {GRADIENT * parameters / 1e6:,.1f} MB "
            f"| {operations / 1e9:,.3g} GFLOP per {each} | {batch:,} {kind} | {a_byte:,.0f} |"
        )
    lines += [
        "",
        "| an epoch | GPUs | a step's arithmetic | its exchange | without overlap | with overlap | limit |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, parameters, operations, kind, batch in rows:
        if name not in ("ResNet-50", "Transformer, base"):
            continue
        for gpus, whole in ((1, batch), (8, batch), (64, batch), (64, 8 * batch)):
            work, exchange = operations * whole / gpus / FLOPS[kind], exchange_seconds(parameters, gpus)
            steps = EPOCH[kind] / whole
            lines.append(
                f"| {name}, {whole:,} {kind} a step | {gpus} | {1000 * work:.1f} ms "
                f"| {1000 * exchange:.1f} ms | {in_minutes(steps * (work + exchange))} "
                f"| {in_minutes(steps * max(work, exchange))} | {'arithmetic' if work > exchange else 'network'} |"
            )
    return "\n".join(lines)


def in_minutes(seconds):
    """'10 min', or seconds where there are few."""
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(int(sys.argv[1]), int(sys.argv[2]))
    else:
        print(calculated())
