"""The Python in every README runs as it stands, top to bottom, and says what the comment beside it promises.

No network and no long training: the images are the embedded ones, a few of them, and torchvision's weights random.
"""

import ast
import functools
import re

import pytest
import torch
import torchvision

from tools.repository import ROOT, files
from utils import images as data

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMISE = re.compile(r"\)?\s+# (torch\.Size\(.*\)|'.*'|\d\S*)$")  # a value, as Python shows it
NEEDS_A_FILE = "pretrained_models/"  # of somebody else's repository
WITH_PYTHON = [path for path in files("README.md") if BLOCK.search(path.read_text(encoding="utf-8"))]


@pytest.fixture
def from_the_root(tmp_path, monkeypatch):
    """A copy of the root in which a snippet may write: the folders are links."""
    for path in ROOT.iterdir():
        if path.is_dir() and not path.name.startswith(".") and path.name not in ("build", "checkpoints", "data"):
            (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    few = functools.partial(data.load_shapes, train=64, val=20, test=20)
    monkeypatch.setattr(data, "load_cifar10", few)
    monkeypatch.setattr(data, "load_mnist", functools.partial(few, grey=True))
    names = "alexnet efficientnet_b0 googlenet mobilenet_v2 resnet18 resnet34 resnet50 vgg11 vgg16"
    for name in names.split():
        build = getattr(torchvision.models, name)
        monkeypatch.setattr(torchvision.models, name, lambda weights=None, build=build, **options: build(**options))


def run(block, names, capsys):
    """Execute a block statement by statement; the number of promises that were kept."""
    kept = 0
    for statement in ast.parse(block).body:
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), "README", "exec"), names)
            continue
        value = eval(compile(ast.Expression(statement.value), "README", "eval"), names)
        printed, line = capsys.readouterr().out, block.splitlines()[statement.end_lineno - 1]
        if ast.unparse(statement).startswith("print("):
            assert printed.strip() == line.partition("  # ")[2]
        elif promise := PROMISE.search(line):
            assert repr(value) == promise[1]
        else:
            continue
        kept += 1
    return kept


@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_snippets_run(path, from_the_root, capsys):
    torch.manual_seed(0)
    names = {}
    for block in BLOCK.findall(path.read_text(encoding="utf-8")):
        if NEEDS_A_FILE not in block:
            run(block, names, capsys)


def test_a_broken_promise_is_found(capsys):
    assert run("x = 2\nx + 1  # 3\nprint(x)  # 2\nx\n", {}, capsys) == 2
    for block in ("1 + 1  # 3", "print(1)  # 2"):
        with pytest.raises(AssertionError):
            run(block, {}, capsys)
