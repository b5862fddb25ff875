"""Files of weights and of trainings: written atomically, read without pickle, recognised by a fingerprint."""

import datetime
import itertools
import math
import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch

from utils.device import current_scale, dtype_name, hardware, versions
from utils.distributed import from_first, is_first, meet, one_ahead, rank_and_world, say
from utils.files import REPOSITORY, written_whole
from utils.fingerprint import fingerprint

_saved = itertools.count()  # how often save_weights was called


class CheckpointError(RuntimeError):
    """A file of weights or of a training is damaged or not the right one; the message names it and says what to do."""


def checkpoint_dir():
    """Where trainings are kept: $CHECKPOINT_DIR (a mounted Drive, say), else `checkpoints/` in the repository."""
    return Path(os.environ.get("CHECKPOINT_DIR") or REPOSITORY / "checkpoints").expanduser()


def save_file(content, path):
    """Write `content` (tensors and plain values) so that `path` is either the old file or the whole new one.

    NumPy's numbers become Python's: `load_file` would refuse them.
    """
    with written_whole(path) as file:
        torch.save(without_numpy(content), file)


def without_numpy(value):
    """`value` with Python's numbers for NumPy's, in dictionaries, lists and tuples too."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {without_numpy(k): without_numpy(v) for k, v in value.items()}
    return type(value)(map(without_numpy, value)) if type(value) in (list, tuple) else value


def load_file(path):
    """What `save_file` wrote, on the CPU. Raises CheckpointError for a damaged file, OSError for an unreadable one."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        refused = re.search(r"Unsupported global: GLOBAL (\w+\.[\w.]+)", str(error))
        if refused:
            raise CheckpointError(
                f"{path} holds a {refused[1]}, and only tensors and plain values are read, for safety: "
                "save numbers, texts, lists and tensors alone (an array by torch.from_numpy)"
            ) from error
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or is no checkpoint ({reason}): delete it, then train or fetch it again"
        ) from error


def save_weights(model, path, **about):
    """Write a model's weights, and whatever plain values describe them, to `path`.

    Every process of a distributed run calls it, the first one writes, and the others go on once the file is there.
    """
    occasion = f"save_weights {next(_saved)}"
    meet(occasion)  # a slower process may still be reading what the last call wrote
    with one_ahead(occasion, chosen=is_first()):
        if is_first():
            save_file({"model": model.state_dict(), **about}, path)


def load_weights(model, path, device="cpu"):
    """Put the weights of `path` into `model`, move it to `device`, and return what `save_weights` was told about them.

    Raises FileNotFoundError, and CheckpointError for a damaged file or the weights of another architecture.
    """
    about = load_file(path)
    if not isinstance(about, dict) or "model" not in about:
        raise CheckpointError(f'{path} holds no weights under "model": it was not written by save_weights or fit')
    restore(model, about.pop("model"), path)
    model.to(device)
    return about


def restore(model, state, path):
    """`load_state_dict`, whose error names the file, the architecture and what to do."""
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        differences = "; ".join(line.strip() for line in str(error).splitlines()[1:3])
        raise CheckpointError(
            f"{path} holds the weights of another architecture than this {type(model).__name__} ({differences[:300]}): "
            "build the model with the arguments that it was saved with, or choose another file"
        ) from error


class Run:
    """One training: its history, how and where it was made, and the file in which it survives the process.

    history    lists with one entry an epoch: "epoch", "train_loss", …
    sessions   one entry for each stretch on one machine: from which epoch, hardware, precision, threads, versions, date
    finished   whether the last epoch was reached
    kept       the weights after each of the last `keep` epochs, oldest first
    path       the file, or None where `name` is None: nothing is kept then

    `identity` says what is trained, as plain values; the file's name ends with its fingerprint, so that a changed
    model, data set or knob gets a file of its own.
    """

    def __init__(self, name, identity, epochs, device, dtype, keep=0, **parts):
        self.identity, self.epochs, self.device, self.parts = identity, epochs, torch.device(device), parts
        self.history, self.sessions, self.kept, self.keep = {"epoch": []}, [], [], keep
        self.path, self.unsaved = None, False
        if name is not None:
            self.path = checkpoint_dir() / current_scale() / f"{name}-{fingerprint(identity)}.pt"
        self.here = {
            "from_epoch": 0,
            "hardware": hardware(device),
            "precision": dtype_name(dtype),
            "compiled": False,
            "threads": torch.get_num_threads(),
            "versions": versions(),
            "date": datetime.date.today().isoformat(),
        }
        if rank_and_world()[1] > 1:
            self.here["processes"] = rank_and_world()[1]

    @property
    def finished(self):
        return bool(self.history["epoch"]) and self.history["epoch"][-1] >= self.epochs

    def resume(self):
        """Take up what the file holds, and say so; print why a run of other settings is not used."""
        if self.path is None:
            return
        saved = from_first(self.read() if is_first() else None)
        if saved is None:
            return
        restore(self.parts["model"], saved["model"], self.path)
        for name, part in self.parts.items():
            if name != "model" and saved[name]:  # a gradient scaler that was off has no state
                part.load_state_dict(saved[name])
        set_random_states(saved["random_states"])
        self.history, self.sessions, self.kept = saved["history"], saved["sessions"], saved.get("kept", [])
        done = len(self.history["epoch"])
        if self.finished:
            say(f"Found this run, finished, in {shown(self.path)}:\n  {self.made()}")
        else:
            if is_first():
                self.check_folder()
            say(f"Resuming after epoch {done} of {self.epochs} from {shown(self.path)}")

    def read(self):
        """What the file holds; None, and an explanation, where there is none."""
        if not self.path.exists():
            self.check_folder()
            self.explain_others()
            return None
        saved = load_file(self.path)
        if not isinstance(saved, dict) or "history" not in saved:
            raise CheckpointError(f"{self.path} is not the file of a training: delete it, and this cell trains anew")
        return saved

    def explain_others(self):
        """Name the newest file of the same run under other settings, and what differs, so that nobody wonders."""
        others = sorted(self.path.parent.glob(f"{self.path.name.rsplit('-', 1)[0]}-*.pt"), key=os.path.getmtime)
        others = [p for p in others if len(p.name) == len(self.path.name)]
        if not others:
            return
        try:
            theirs = load_file(others[-1]).get("identity", {})
        except (CheckpointError, AttributeError, OSError):
            return
        changed = [
            key for key in sorted(self.identity.keys() | theirs.keys()) if self.identity.get(key) != theirs.get(key)
        ]
        differs = " and ".join(changed) or "setting"
        print(f"{others[-1].name} was trained with another {differs}; this run is kept in {self.path.name}")

    def record(self, epoch, results, learning_rate, seconds, count, scores=None):
        """Append one epoch: each split's means by name, the `seconds` of training on `count` examples, `scores`."""
        row = {"epoch": epoch, "learning_rate": learning_rate, "seconds": seconds, "per_second": count / seconds}
        for split, means in results.items():
            row |= {f"{split}_{name}": value for name, value in means.items()}
        for key, value in (row | (scores or {})).items():
            self.history.setdefault(key, []).append(value)
        if self.keep:
            now = {name: value.detach().cpu().clone() for name, value in self.parts["model"].state_dict().items()}
            self.kept = [*self.kept, now][-self.keep :]

    def save(self):
        """Keep this epoch. Where that fails, say so once: the training goes on, and the next epoch tries again."""
        done = len(self.history["epoch"])
        if not self.sessions or not self.same_session():
            self.sessions = [*self.sessions, {**self.here, "from_epoch": done}]
        if self.path is None or not is_first():
            return
        try:
            self.write()
        except (OSError, RuntimeError) as error:  # torch.save answers a full disk by a RuntimeError
            self.tell_unsaved(error)
        else:
            self.unsaved = False

    def write(self):
        """Write the file: everything that the next epoch depends on, and what a reader of the result should know."""
        states = {name: part.state_dict() if part is not None else None for name, part in self.parts.items()}
        save_file(
            {
                **states,
                "history": self.history,
                "sessions": self.sessions,
                "kept": self.kept,
                "epochs": self.epochs,
                "identity": self.identity,
                "random_states": random_states(),
            },
            self.path,
        )

    def tell_unsaved(self, error):
        """One warning a stretch of failures: what could not be written, where, and how much room it needs."""
        if self.unsaved:
            return
        self.unsaved = True
        needed = sum(size_in_bytes(part.state_dict()) for part in self.parts.values() if part is not None)
        needed += size_in_bytes(self.kept)
        try:
            free = f"{shutil.disk_usage(self.path.parent).free / 1e6:,.1f} MB are free there"
        except OSError:
            free = "the folder cannot be read"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        kept = (
            "the file of the last epoch that was kept stays as it is" if self.path.exists() else "nothing is kept yet"
        )
        print(
            f"WARNING: after epoch {self.history['epoch'][-1]} the checkpoint {shown(self.path)} could not be written "
            f"({reason}). It needs about {needed / 1e6:,.1f} MB, and {free}. The training goes on; {kept}, and each "
            "epoch tries again. Make room, or stop and set CHECKPOINT_DIR to a folder with more."
        )

    def check_folder(self):
        """Raise CheckpointError, before any work is done, where the file's folder cannot be made or written."""
        probe = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CheckpointError(
                f"checkpoints cannot be written to {probe.parent} ({error.strerror}): set CHECKPOINT_DIR to a folder "
                "that you may write to, or call fit without `checkpoint` to keep nothing"
            ) from error

    def same_session(self):
        """Whether the last session ran on the machine and versions of this one, compiled or not like this one."""
        keys = ("hardware", "precision", "compiled", "threads", "versions", "processes")
        return all(self.sessions[-1].get(key) == self.here.get(key) for key in keys)

    @property
    def minutes(self):
        """Minutes of training so far, evaluation not counted."""
        return sum(seconds for seconds in self.history.get("seconds", []) if not math.isnan(seconds)) / 60

    def made(self):
        """Where, in which precision and when this run was made, in words."""
        sessions = self.sessions or [self.here]
        return f"{' then '.join(dict.fromkeys(map(session_in_words, sessions)))}, {self.minutes:.1f} min of training"


def session_in_words(session):
    """Hardware, precision, version and date of one stretch of training."""
    compiled = ", compiled" if session.get("compiled") else ""
    processes = f"{session['processes']} processes on " if "processes" in session else ""
    return (
        f"{processes}{session['hardware']}, {session['precision']}{compiled}, torch {session['versions']['torch']}, "
        f"{session['date']}"
    )


def size_in_bytes(state):
    """The bytes of all tensors in nested dictionaries and lists."""
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        return sum(map(size_in_bytes, state.values()))
    return sum(map(size_in_bytes, state)) if isinstance(state, (list, tuple)) else 0


def random_states():
    """The states of torch's random generators, as CPU tensors."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_states(states):
    """Restore `random_states()`; generators that this machine has not are left alone."""
    torch.set_rng_state(states["cpu"].cpu())
    if torch.cuda.is_available() and len(states.get("cuda", [])) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
    if torch.backends.mps.is_available() and "mps" in states:
        torch.mps.set_rng_state(states["mps"].cpu())


def shown(path):
    """A path as a reader wants it: relative to the repository where it lies inside."""
    path = Path(path)
    return str(path.relative_to(REPOSITORY)) if path.is_relative_to(REPOSITORY) else str(path)
