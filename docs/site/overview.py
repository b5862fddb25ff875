"""Twenty years of architectures side by side: counted from the models, measured in the notebooks. The page overview.md.

Parameters and multiply-adds are counted on torch's `meta` device, where a tensor has a shape and no contents, so that
the largest model too takes no memory and a fraction of a second. Our results are those that README.md shows, read from
what the notebooks have stored. Only names and years are typed here.
"""

import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from matplotlib import rc_context
from matplotlib.figure import Figure
from torch.utils.flop_counter import FlopCounterMode

from architectures.alexnet.alexnet import AlexNet
from architectures.bert.bert import Bert, BertConfig
from architectures.efficientnet.efficientnet import efficientnet
from architectures.gpt.gpt import GPT, GPTConfig
from architectures.inception.inception import GoogLeNet
from architectures.lenet.lenet import LeNet5
from architectures.mobilenet.mobilenet import MobileNetV1, MobileNetV2
from architectures.resnet.resnet import resnet50, resnet152
from architectures.transformer.transformer import transformer_base
from architectures.transformer.vit import vit_b_16
from architectures.unet.unet import UNet
from architectures.vae.vae import VAE
from architectures.vgg.vgg import vgg16
from architectures.yolo.yolo import YOLOv1
from tools.repository import RESULT, ROOT, table_and_row
from tools.site import reading
from utils.report import ours

HERE = Path(__file__).resolve().parent


class Model(NamedTuple):
    """An architecture in the size that its paper is known for.

    title   of its notebook in reading.toml
    inputs  shapes of images, or lengths of texts, of one example
    use     what is to be done with the model and its inputs
    """

    name: str
    year: int
    title: str
    build: Callable
    inputs: tuple
    use: Callable = lambda model, *inputs: model(*inputs)


MODELS = (
    Model("LeNet-5", 1998, "LeNet", LeNet5, ((1, 32, 32),)),
    Model("AlexNet", 2012, "AlexNet", AlexNet, ((3, 224, 224),)),
    Model("VAE", 2013, "VAE", VAE, ((784,),), lambda vae, x: vae.decoder(vae.encoder(x)[:, :20])),
    Model("VGG-16", 2014, "VGG", vgg16, ((3, 224, 224),)),
    Model("GoogLeNet", 2014, "Inception", lambda: GoogLeNet(aux_logits=False), ((3, 224, 224),)),
    Model("U-Net", 2015, "U-Net", UNet, ((1, 572, 572),)),
    Model("YOLO", 2015, "YOLO", YOLOv1, ((3, 448, 448),)),
    Model("ResNet-50", 2015, "ResNet", resnet50, ((3, 224, 224),)),
    Model("ResNet-152", 2015, "ResNet", resnet152, ((3, 224, 224),)),
    Model("MobileNet", 2017, "MobileNet", MobileNetV1, ((3, 224, 224),)),
    Model("Transformer", 2017, "Attention", lambda: transformer_base(share="all"), (128, 128)),
    Model("MobileNetV2", 2018, "MobileNet", MobileNetV2, ((3, 224, 224),)),
    Model("GPT-1", 2018, "GPT", lambda: GPT(GPTConfig.preset("gpt1")), (128,)),
    Model("BERT", 2018, "BERT", lambda: Bert(BertConfig.preset("base-uncased")), (128,)),
    Model("GPT-2", 2019, "GPT", lambda: GPT(GPTConfig.preset("gpt2")), (128,)),
    Model("EfficientNet-B0", 2019, "EfficientNet", lambda: efficientnet("b0"), ((3, 224, 224),)),
    Model("ViT-B/16", 2020, "Transformer", vit_b_16, ((3, 224, 224),)),
)
COLOURS = {  # of the subjects in reading.toml, in their order: for light pages, for dark ones
    "light": ("#0072B2", "#D55E00", "#007A5A", "#A23B82"),
    "dark": ("#56B4E9", "#F28E4B", "#3CC9A0", "#DE9AC6"),
}
INK = {"light": "#222832", "dark": "#ced6dd"}  # the theme's colours of text


def count(model):
    """(parameters, multiply-adds of one example) of a Model."""
    with torch.device("meta"):
        built = model.build().eval()
        inputs = [
            torch.zeros(1, size, dtype=torch.long) if isinstance(size, int) else torch.zeros(1, *size)
            for size in model.inputs
        ]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.use(built, *inputs)
    return sum(p.numel() for p in built.parameters()), counter.get_total_flops() // 2


class Result(NamedTuple):
    """One of our results: a row of a notebook's table that README.md shows."""

    title: str
    what: str
    metric: str
    data: str
    values: list
    scale: str

    @property
    def accuracies(self):
        """In percent; None where it is not the accuracy or the error of a classifier on a whole known data set."""
        if self.data not in ("CIFAR-10", "MNIST") or not re.match(r"test (error|accuracy)", self.metric):
            return None
        return [100 - value if "error" in self.metric else value for value in self.values]


def results(entries):
    """Our main results, in the order of the entries of reading.toml."""
    found = []
    for _, kind, folder, what, _ in RESULT.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        titles = [title for title, entry in entries.items() if entry["path"].rpartition("/")[0] == folder]
        if kind == "result" and titles:
            table, row = table_and_row(ROOT / folder, what)
            found.append(Result(titles[0], what, table["metric"], table["data"], row["ours"], table["scale"]))
    return sorted(found, key=lambda result: list(entries).index(result.title))


def in_short(number):
    """1234567 as '1.23 M'."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def draw(path, rows, xlabel, log=True):
    """Save a dot for each row (label, values, text, number of the subject): for light pages, and for dark ones."""
    for theme, ink in INK.items():
        style = {"svg.fonttype": "path", "font.size": 13, "text.color": ink, "axes.labelcolor": ink}
        with rc_context({**style, "xtick.color": ink, "ytick.color": ink, "axes.edgecolor": ink, "svg.hashsalt": "0"}):
            figure = Figure(figsize=(5.6, 1.2 + 0.33 * len(rows)), layout="constrained")
            axes = figure.add_subplot()
            for y, (_, values, text, subject) in enumerate(rows):
                colour, mean = COLOURS[theme][subject], statistics.mean(values)
                axes.plot([mean], [y], "o", color=colour, markersize=9)
                if len(values) > 1:
                    axes.plot([min(values), max(values)], [y, y], color=colour, linewidth=2)
                axes.annotate(text, (max(values), y), (9, 0), textcoords="offset points", va="center", fontsize=12)
            axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
            axes.set_ylim(len(rows) - 0.4, -0.6)
            if log:
                axes.set_xscale("log")
            low, high = axes.get_xlim()
            axes.set_xlim(low, high * (high / low) ** 0.18 if log else high + 0.3 * (high - low))  # room for the texts
            if not log:
                axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= 100])
            axes.set_xlabel(xlabel)
            axes.grid(axis="x", color=ink, alpha=0.2)
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
            for side in ("top", "right", "left"):
                axes.spines[side].set_visible(False)
            figure.savefig(path.with_name(f"{path.name}-{theme}.svg"), transparent=True, metadata={"Date": None})


def shown(name, text):
    """Markdown that shows a drawing on light pages and on dark ones."""
    return "\n".join(f"![{text}](overview/{name}-{theme}.svg){{.only-{theme}}}" for theme in INK)


def write(source):
    """Write the page and its drawings into the folder `source`. Its text is overview.md, with {{parts}} to fill in."""
    entries, _, subjects = reading()
    (source / "overview").mkdir(exist_ok=True)

    def subject(title):
        return list(subjects).index(entries[title]["subject"])

    def link(title, words):
        return f"[{words}]({entries[title]['path']})" if entries[title]["there"] else words

    counted = [(model, *count(model)) for model in MODELS]
    found = results(entries)
    parts = {
        "counts": "\n".join(
            f"| {link(model.title, model.name)} | {model.year} | {size:,} | {adds:,} | {example(model.inputs)} |"
            for model, size, adds in counted
        ),
        "results": "\n".join(
            f"| {link(r.title, r.title)} | {r.data} | {r.what} | {r.metric} | {ours(r.values)} | {len(r.values)} |"
            for r in found
        ),
    }
    drawings = {
        "parameters": [(model, size) for model, size, _ in counted],
        "multiply-adds": [(model, adds) for model, _, adds in counted],
    }
    for name, numbers in drawings.items():
        rows = [(f"{m.name} ({m.year})", [n], in_short(n), subject(m.title)) for m, n in numbers]
        draw(source / "overview" / name, rows, f"{name}, log scale")
        parts[name] = shown(name, f"{name.capitalize()}: " + "; ".join(f"{m.name} {in_short(n)}" for m, n in numbers))
    rows = [
        (f"{r.title}, {r.data}", r.accuracies, f"{statistics.mean(r.accuracies):.1f}", subject(r.title))
        for r in found
        if r.accuracies
    ]
    draw(source / "overview" / "accuracy", rows, "our test accuracy, %", log=False)
    parts["accuracy"] = shown("accuracy", "Our test accuracy: " + "; ".join(f"{row[0]} {row[2]} %" for row in rows))
    text = (HERE / "overview.md").read_text(encoding="utf-8")
    text = re.sub(r"\{\{([\w-]+)\}\}", lambda match: parts[match[1]], text)
    (source / "overview.md").write_text(text, encoding="utf-8")


def example(inputs):
    """The inputs of one example in words."""
    if isinstance(inputs[0], int):
        return " and ".join(f"{length} tokens" for length in inputs)
    return " × ".join(map(str, inputs[0])) + (" pixels" if len(inputs[0]) == 1 else "")
