"""The folders that are written to: whether they can be, and whether the disk has room."""

import os
import shutil
import tempfile
from pathlib import Path

from tools.doctor.findings import GB, ROOT, note, ok, stop

LEAST_DISK = {"run": 0.1 * GB, "install": 2 * GB}  # with less, `make run` or its set-up fails
WANTED_DISK = 10 * GB  # for torch with CUDA, while pip unpacks it


def check_folders(setup):
    for what, path in folders(setup):
        place = existing(path)
        try:
            if not place.is_dir():
                raise NotADirectoryError(f"{place} is no folder")
            with tempfile.TemporaryFile(dir=str(place)):
                pass
        except OSError as error:
            text = f"{path} cannot be written: {error.strerror or error}"
            if what == "data":
                yield note(what, text, "set DATA_ROOT to a folder that you may write to, or run at scale quick")
            elif what == "checkpoints":
                yield stop(what, text, "set CHECKPOINT_DIR to a folder that you may write to")
            else:
                yield stop(what, text, "put the collection into a folder that you may write to")


def check_disk(setup):
    least = LEAST_DISK["install" if setup.to_install else "run"]
    seen = set()
    for what, path in folders(setup):
        path = existing(path)
        if path.stat().st_dev in seen:
            continue
        seen.add(path.stat().st_dev)
        free = shutil.disk_usage(str(path)).free
        text = f"{free / GB:.1f} GB free for {what}"
        if free < least:
            yield stop("disk", text, "make room")
        elif setup.to_install and free < WANTED_DISK:
            advice = 'make room, or install torch without CUDA first: "A shorter install" in README.md'
            yield note("disk", f"{text}, and torch with CUDA takes most of {WANTED_DISK / GB:.0f}", advice)
        else:
            yield ok("disk", text)


def folders(setup):
    """What is written where."""
    return (
        ("outputs", ROOT / "build"),
        ("checkpoints", variable_folder("CHECKPOINT_DIR", "checkpoints")),
        ("data", variable_folder("DATA_ROOT", "data")),
        *((("packages", setup.venv),) if setup.to_install else ()),
    )


def variable_folder(variable, default):
    """As `data_root` and `checkpoint_dir` in utils/ have it."""
    return Path(os.environ.get(variable) or ROOT / default).expanduser()


def existing(path):
    """The path, or the folder above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
