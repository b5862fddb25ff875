"""What a training prints: how long it will take, one bar that is updated in place, one line an epoch."""

import contextlib
import json
import os
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
        self.before = len(run.history["epoch"])  # epochs of earlier sessions
        self.told = 0.0  # the time of the last `tell`
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
        if time.monotonic() - self.told > 1:
            self.tell()

    def tell(self):
        """Where the training is, for `make reproduce`: its name, epoch, share of all steps and the seconds left."""
        self.told = time.monotonic()
        total = self.run.epochs * len(self.loader)
        done = self.before * len(self.loader) + self.steps
        left = None
        if self.steps > WARM_UP:
            left = (time.perf_counter() - self.begin) / (self.steps - WARM_UP) * (total - done)
            if self.steps <= len(self.loader):  # what is measured later has evaluations in it
                left *= 1 + self.evaluation()
        name = self.run.path.stem.rpartition("-")[0] if self.run.path is not None else "training"
        epoch = min(done // len(self.loader) + 1, self.run.epochs)
        tell(training=name, epoch=epoch, epochs=self.run.epochs, share=done / total, left=left)

    def evaluation(self):
        """What an epoch's evaluation costs beside its steps: an image without gradients takes about a third."""
        return sum(loader.count for loader in self.evaluate_on.values()) / self.loader.count / 3

    def foretell(self):
        """Say how long the rest will take, by the first steps."""
        self.foretold = True
        synchronise(self.run.device)
        step = (time.perf_counter() - self.begin) / (self.steps - WARM_UP)
        epochs = self.run.epochs - len(self.run.history["epoch"])
        seconds = step * len(self.loader) * (1 + self.evaluation()) * epochs
        self.bar.clear()
        say(f"About {in_words(seconds)} for {epochs} epoch{'s' * (epochs != 1)}; interrupting the cell ends it early.")

    def end_epoch(self):
        self.bar.close()
        self.tell()
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
        again = (
            " Run this cell again to go on from there, after the one that builds the model."
            if self.run.path is not None and done
            else ""
        )
        say(f"Interrupted after {done} finished epoch{'s' * (done != 1)} of {self.run.epochs}.{again}")


def tell(suffix="", **state):
    """Write `state` as one line of JSON to the file $PROGRESS_FILE + `suffix`, if that is set: whole or not at all."""
    path = os.environ.get("PROGRESS_FILE")
    if not path or not is_first():
        return
    with contextlib.suppress(OSError):  # a full disk should not end a training
        with open(f"{path}{suffix}.part", "w", encoding="utf-8") as file:
            file.write(json.dumps(state) + "\n")
        os.replace(f"{path}{suffix}.part", f"{path}{suffix}")


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
