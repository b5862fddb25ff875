"""Plots that several notebooks share: histories, curves, spreads, attention maps, images, confusions, mistakes.

Each function draws one new figure, for the notebook to show. The colours are Okabe and Ito's: colour-blind readers
tell them apart.
"""

import functools
import itertools

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.ticker import MaxNLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#B8A200")
LINE_STYLES = ("-", "--", ":", "-.")
STYLE = {
    "figure.dpi": 80,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "font.size": 11,
    "axes.titlesize": 12,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def styled(function):
    """Draw in the house's style and leave the reader's own settings as they were."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        before = {key: plt.rcParams[key] for key in STYLE}  # not rc_context, which would undo a notebook's plt.ion()
        plt.rcParams.update(STYLE)
        try:
            return function(*args, **kwargs)
        finally:
            plt.rcParams.update(before)

    return wrapper


@styled
def plot_histories(runs, data_name, splits=("train", "val")):
    """Loss and accuracy against epochs, side by side: a colour for each run, a line style for each split.

    `runs` maps a label to a Run of `fit`; `data_name` stands in the title.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4))
    for colour, (label, run) in zip(itertools.cycle(COLOURS), runs.items()):
        history = run.history
        for split, line in zip(splits, itertools.cycle(("--", "-", ":", "-."))):
            options = dict(
                color=colour,
                linestyle=line,
                label=f"{label}, {split}",
                marker="." if len(history["epoch"]) < 3 else None,
            )
            axes[0].plot(history["epoch"], history[f"{split}_loss"], **options)
            axes[1].plot(history["epoch"], 100 * np.array(history[f"{split}_accuracy"]), **options)
    axes[0].set(title="Loss", ylabel="cross-entropy (nats)")
    axes[1].set(title="Accuracy", ylabel="accuracy (%)")
    for axis in axes:
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[1].legend()
    figure.suptitle(f"Training on {data_name}")


@styled
def plot_curves(panels, xlabel, ylabel, title="", log=False):
    """Lines in panels side by side, on common axes. `panels`: {panel title: {label: [y, …] or ([x, …], [y, …])}}.

    What stands before a label's first comma decides its colour, what stands after it the line style, in every panel
    alike. Without x, values are numbered from 1; None and NaN leave a gap. `log`: a logarithmic y axis.
    """
    labels = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    names = list(dict.fromkeys(label.split(",")[0] for label in labels))
    variants = list(dict.fromkeys(label.partition(",")[2] for label in labels))
    figure, axes = plt.subplots(1, len(panels), figsize=(max(6.5, 5.5 * len(panels)), 4), sharey=True, squeeze=False)
    for axis, (panel, lines) in zip(axes[0], panels.items()):
        for label, values in lines.items():
            x, y = values if isinstance(values, tuple) else (range(1, len(values) + 1), values)
            y = np.array([np.nan if value is None else float(value) for value in y])
            name, _, variant = label.partition(",")
            colour = COLOURS[names.index(name) % len(COLOURS)]
            line = LINE_STYLES[variants.index(variant) % len(LINE_STYLES)]
            axis.plot(x, y, color=colour, linestyle=line, label=label, marker="." if len(y) < 40 else None)
        axis.set(title=panel, xlabel=xlabel, yscale="log" if log else "linear")
        if all(float(x).is_integer() for line in axis.lines for x in line.get_xdata()):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes[0, 0].set_ylabel(ylabel)
    same = all(list(lines) == labels for lines in panels.values())
    if len(panels) == 1 and len(labels) > 4:  # too many to stand among the lines
        figure.set_figwidth(10)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right upper", fontsize=10)
    else:
        for axis in axes[0, -1:] if same else axes[0]:
            axis.legend(fontsize=10)
    figure.suptitle(title)


@styled
def plot_spread(groups, ylabel, title=""):
    """A dot for each value of each group, a bar at the group's mean: {label: [value of a seed, …]}."""
    figure, axis = plt.subplots(figsize=(max(4, 1.4 * len(groups)), 3.6))
    for place, (label, values) in enumerate(groups.items()):
        colour = COLOURS[place % len(COLOURS)]
        axis.plot([place] * len(values), values, "o", color=colour, label=label)
        axis.plot([place - 0.25, place + 0.25], [np.mean(values)] * 2, color=colour)
    axis.set(xticks=range(len(groups)), xlim=(-0.6, len(groups) - 0.4), ylabel=ylabel, title=title)
    axis.set_xticklabels(groups)


@styled
def plot_attention(weights, rows, columns, title=""):
    """Attention weights (H, T, S), a panel a head: `rows` are the T words that look, `columns` the S looked at."""
    weights = torch.as_tensor(weights).float().cpu()
    across = min(4, len(weights))
    down = -(-len(weights) // across)
    cell = min(0.27, ((11 - 0.8) / across - 0.7) / len(columns))  # inches; no wider than a page
    size = (0.8 + across * (0.7 + cell * len(columns)), 0.6 + down * (1.1 + cell * len(rows)))
    figure, axes = plt.subplots(down, across, figsize=size, squeeze=False, sharey=True)
    for axis in axes.flat:
        axis.axis("off")
    for head, (axis, values) in enumerate(zip(axes.flat, weights)):
        axis.axis("on")
        axis.imshow(values.numpy(), cmap="Blues", vmin=0, vmax=1)
        axis.grid(False)
        axis.set(title=f"head {head}", xticks=range(len(columns)), yticks=range(len(rows)))
        axis.set_xticklabels(columns, rotation=60, ha="right", rotation_mode="anchor")
        axis.set_yticklabels(rows)
    figure.suptitle(title)


@styled
def show_images(images, titles=(), columns=10, title="", size=1.0, limits=(None, None)):
    """A grid of images, uint8 or float in [0, 1], (N, H, W, 3) or (N, H, W), each under its own small title.

    Of (N, H, W), `limits` are the values that are drawn black and white; by default the extremes of each image.
    """
    rows = -(-len(images) // columns)
    height = size * rows * (1.3 if len(titles) else 1.05) + 0.5 * bool(title)
    figure, axes = plt.subplots(rows, columns, figsize=(size * columns, height), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image in zip(axes.flat, images):
        axis.imshow(np.asarray(image), "gray", interpolation="nearest", vmin=limits[0], vmax=limits[1])
    for axis, text in zip(axes.flat, titles):
        axis.set_title(text, fontsize=9)
    figure.suptitle(title)


@styled
def plot_confusion(labels, predictions, classes, title=""):
    """Which class is taken for which: a row for each true class, in % of it, a column for each prediction."""
    n = len(classes)
    matrix = torch.bincount(
        n * torch.as_tensor(labels).cpu() + torch.as_tensor(predictions).cpu(), minlength=n * n
    ).view(n, n)
    share = (100 * matrix / matrix.sum(1, keepdim=True).clamp(min=1)).numpy()
    figure, axis = plt.subplots(figsize=(0.55 * n + 2, 0.5 * n + 1.5))
    axis.imshow(share, cmap="Blues", vmin=0, vmax=100)
    axis.grid(False)
    axis.set(xlabel="predicted", ylabel="true", title=title, xticks=range(n), yticks=range(n))
    axis.set_xticklabels(classes, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticklabels(classes)
    for row in range(n):
        for column in range(n):
            value = share[row, column]
            if value > 0.5:
                axis.text(
                    column,
                    row,
                    f"{value:.0f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if value > 55 else "black",
                )


@styled
def show_mistakes(images, labels, probabilities, classes, count=10, title=""):
    """The `count` most confident mistakes. images (N, H, W, 3), probabilities (N, C)."""
    sure, answers = torch.as_tensor(probabilities).float().cpu().max(dim=1)
    labels = torch.as_tensor(labels).cpu()
    wrong = (answers != labels).nonzero().flatten()
    worst = wrong[sure[wrong].argsort(descending=True)][:count]
    titles = [f"{classes[answers[i]]} {100 * sure[i]:.0f} %\nis {classes[labels[i]]}" for i in worst]
    if len(worst):
        show_images(torch.as_tensor(images).cpu()[worst], titles, columns=min(5, len(worst)), title=title, size=1.5)
