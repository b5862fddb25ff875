"""What a training prints: how long it will take, one bar that is updated in place, one line an epoch."""

import sys
import time

from tqdm import tqdm

from utils.device import synchronise
from utils.distributed import is_first, say

WARM_UP = 3  # steps that are not measured: the first ones load kernels
MEASURED = 10  # steps after which the duration is foretold
OWN = ("epoch", "learning_rate", "seconds", "per_second")  # of a history, apart from what is measured on the splits
LINES = 30  # of epochs at most, unless `fit` is told otherwise; a longer training prints every second, third, … epoch


class Progress:
    """Follows `fit`: `run` is its Run, `train_loader` and `evaluate_on` its loaders."""

    def __init__(self, run, train_loader, evaluate_on, lines=LINES):
        self.run, self.loader, self.evaluate_on = run, train_loader, evaluate_on
        self.bar, self.steps, self.foretold, self.begin = None, 0, False, None
        self.every = -(-run.epochs // lines)
        self.always = (1, run.epochs) if lines > 1 else (run.epochs,)

    def start_epoch(self, epoch):
        self.bar = tqdm(
            total=len(self.loader),
            desc=f"epoch {epoch + 1}/{self.run.epochs}",
            file=sys.stdout,
            leave=False,
            mininterval=2,
            disable=not is_first(),
        )

    def step(self):
        self.bar.update()
        self.steps += 1
        if self.steps == WARM_UP:
            synchronise(self.run.device)
            self.begin = time.perf_counter()
        if not self.foretold and self.steps == min(WARM_UP + MEASURED, max(len(self.loader), WARM_UP + 1)):
            self.foretell()

    def foretell(self):
        """Say how long the rest will take, by the first steps; an image without gradients costs about a third."""
        self.foretold = True
        synchronise(self.run.device)
        step = (time.perf_counter() - self.begin) / (self.steps - WARM_UP)
        extra = sum(loader.count for loader in self.evaluate_on.values()) / self.loader.count / 3
        epochs = self.run.epochs - len(self.run.history["epoch"])
        seconds = step * len(self.loader) * (1 + extra) * epochs
        self.bar.clear()
        say(f"About {in_words(seconds)} for {epochs} epoch{'s' * (epochs != 1)}; interrupting the cell ends it early.")

    def end_epoch(self):
        self.bar.close()
        self.show(len(self.run.history["epoch"]) - 1)

    def replay(self):
        """The lines of the epochs that were trained before: a reader of the page should see them whenever they ran."""
        for index in range(len(self.run.history["epoch"])):
            self.show(index)

    def show(self, index):
        """One epoch's line, unless the training is so long that it is one of those left out."""
        history = self.run.history
        epoch = history["epoch"][index]
        if epoch % self.every and epoch not in self.always:
            return
        parts = [f"epoch {epoch:3d}/{self.run.epochs}"]
        splits = {split: {} for split in ("train", *self.evaluate_on)}
        for key, values in history.items():
            split, _, name = key.partition("_")
            if key in OWN:
                continue
            if split in splits:
                splits[split][name] = values[index]
            else:  # a score that names no split
                splits.setdefault("", {})[key] = values[index]
        for split, means in splits.items():
            parts.append(" ".join([split, *(in_figures(name, value) for name, value in means.items())]).strip())
        parts.append(f"{history['seconds'][index]:.0f} s, {history['per_second'][index]:,.0f}/s")
        say("  ".join(parts))

    def interrupted(self):
        if self.bar is not None:
            self.bar.close()
        done = len(self.run.history["epoch"])
        again = " Run the cell again to go on from there." if self.run.path is not None and done else ""
        say(f"Interrupted after {done} finished epoch{'s' * (done != 1)} of {self.run.epochs}.{again}")


def is_share(name):
    """Whether a metric of this name is a share, shown in percent: an accuracy is."""
    return name.rpartition("_")[2] in ("accuracy", "iou")


def in_figures(name, value):
    """'accuracy 34.05 %', 'loss 1.234', 'kl 25.30'."""
    if is_share(name):
        return f"{name.replace('_', ' ')} {100 * value:5.2f} %"
    return f"{name.replace('_', ' ')} {value:.{3 if abs(value) < 10 else 2 if abs(value) < 1000 else 0}f}"


def in_words(seconds):
    """'40 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
