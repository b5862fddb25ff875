"""The collection itself: its clone, the scale, its data sets and checkpoints, and its address."""

import collections
import os
import re
import subprocess

from tools.doctor.findings import ROOT, Line, first_line, note, ok
from tools.doctor.folders import variable_folder

SCALES = ("quick", "cpu", "gpu", "paper")
PLACEHOLDER = "YOUR_NAME/deep-learning-papers"

Data = collections.namedtuple("Data", "name path files size module function")
DATA = (  # what lies where in the data folder, and which function fetches it
    Data("CIFAR-10", "cifar10.npz", 1, "170 MB", "utils.images", "load_cifar10"),
    Data("MNIST", "MNIST", 4, "12 MB", "utils.images", "load_mnist"),
    Data("Multi30k", "multi30k", 6, "1.2 MB", "attention.translation", "load_multi30k"),
    Data("ISBI-2012", "isbi2012", 60, "6 MB", "architectures.unet.slices", "load_isbi2012"),
    Data("BCCD", "BCCD", 732, "10 MB", "architectures.yolo.cells", "load_bccd"),
    Data("movie reviews", "movie_reviews", 1, "4 MB", "architectures.bert.reviews", "load_reviews"),
    Data("tiny Shakespeare", "tinyshakespeare", 1, "1.1 MB", "architectures.gpt.shakespeare", "load_shakespeare"),
    Data("published BERT", "bert-base-uncased", 1, "440 MB", "architectures.bert.published", "load_published_weights"),
    Data("published GPT-2", "gpt2", 1, "548 MB", "architectures.gpt.bpe", "load_gpt2_weights"),
)


def check_git(setup):
    clone = "get the collection by git clone; a downloaded ZIP file is no clone"
    try:
        result = subprocess.run(["git", "ls-files", "Makefile"], cwd=str(ROOT), capture_output=True)
    except OSError:
        yield note("git", "is not installed; `make test` and the maintainers' commands need it", "install git")
        return
    if result.returncode or not result.stdout:
        why = first_line(result.stderr.decode("utf-8", errors="replace")) if result.stderr else "this is no clone"
        yield note("git", f"`make test` and the maintainers' commands will fail: {why}", clone)
    else:
        yield ok("git", "this is a clone")


def check_scale(setup):
    scale = os.environ.get("RUN_SCALE")
    if scale and scale not in SCALES:
        yield note("scale", f"RUN_SCALE is {scale}, which notebooks refuse", f"one of {', '.join(SCALES)}, or unset it")
    elif scale:
        yield ok("scale", f"{scale}, by RUN_SCALE, in notebooks that you open yourself")


def check_data(setup):
    root = variable_folder("DATA_ROOT", "data")
    there = {data: count_files(root / data.path) for data in DATA}
    found = [data.name for data, files in there.items() if files >= data.files]
    if found:
        yield ok("data", f"{', '.join(found)}, in {root}")
    missing = {data: files for data, files in there.items() if files < data.files}
    if missing:
        text = "not here yet; scale quick needs none of them, and other scales fetch what they need"
        yield note("data", text, "to fetch one now, in the repository's root:")
    for data, files in missing.items():
        part = f", {files} of {data.files} files here" if files else ""
        command = f'{setup.python} -c "from {data.module} import {data.function}; {data.function}()"'
        yield Line("", "", f"{data.name} ({data.size}{part}): {command}", "")


def count_files(path):
    """Complete files: a download that was broken off ends in .part."""
    paths = [path] if path.is_file() else path.rglob("*")
    return sum(path.is_file() and path.suffix != ".part" for path in paths)


def check_checkpoints(setup):
    root, sizes = variable_folder("CHECKPOINT_DIR", "checkpoints"), collections.Counter()
    for path in root.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(root).parts[0]] += path.stat().st_size
    if sizes:
        parts = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in sorted(sizes.items()))
        yield ok("checkpoints", f"{parts}, in {root}; delete what you do not need any more")
    else:
        yield ok("checkpoints", f"none yet, in {root}")


def check_address(setup):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address = re.search(r'^repository = "(.+)"$', text, re.MULTILINE).group(1)
    if address == PLACEHOLDER:
        advice = "once it is on GitHub: make stamp REPO=owner/name"
        yield note("address", f"still {address}: badges lead nowhere, and Colab cannot fetch the rest", advice)
    else:
        yield ok("address", f"github.com/{address}")
