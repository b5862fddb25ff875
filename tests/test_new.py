"""`make new`: what it lays out passes the tests as it is; names and papers that do not fit are refused."""

import os
import subprocess
import sys

import nbformat
import pytest
import test_repository
from helpers import make

from tools import new
from tools.notebooks import stale_cells

PAPER = """Huang & Liu, "Densely Connected: $1,000 of 'Features' & `more`", CVPR 2017"""


@pytest.fixture(scope="module")
def clone(repository_copy, tmp_path_factory):
    """A clone in which `make new` has laid out a paper: (its folder, what make printed)."""
    target = tmp_path_factory.mktemp("a clône") / "papers"
    subprocess.run(["git", "clone", "-q", str(repository_copy), str(target)], check=True)
    python = target.parent / "venv" / "bin" / "python"  # in place of an environment that make would have to set up
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    ready = python.parent.parent / ".ready-dev"
    ready.touch()
    os.utime(ready, (2**32, 2**32))  # newer than the requirements
    venv = os.path.relpath(python.parent.parent, target)
    words = ["NAME=densenet", f"PAPER={PAPER.replace('$', '$$')}", f"VENV={venv}"]
    result = make("new", *words, cwd=target, PYTHONPATH="", TITLE="")
    assert result.returncode == 0, result.stdout + result.stderr
    return target, result.stdout


def test_what_is_laid_out(clone):
    target, printed = clone
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    status = subprocess.run(command, cwd=target, capture_output=True, text=True).stdout.split("\n")
    here = "architectures/densenet"
    files = [f"?? {here}/{name}" for name in ("DenseNet.ipynb", "README.md", "densenet.py")]
    assert status == [" M architectures/README.md", *files, "?? tests/test_densenet.py", ""]
    assert f"{here}/DenseNet.ipynb" in printed and "CONTRIBUTING.md" in printed
    for name in (f"{here}/README.md", f"{here}/DenseNet.ipynb", f"{here}/densenet.py", "architectures/README.md"):
        text = (target / name).read_text(encoding="utf-8").replace('\\"', '"')
        assert PAPER in " ".join(text.split()) and "{{" not in text
    book = nbformat.read(target / here / "DenseNet.ipynb", as_version=4)
    nbformat.validate(book)
    assert not list(stale_cells(target / here / "DenseNet.ipynb", book))


def assert_style(folder, name, title):
    """ruff finds nothing in what has been laid out."""
    paths = [f"architectures/{name}/{name}.py", f"architectures/{name}/{title}.ipynb", f"tests/test_{name}.py"]
    for command in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *command, "--force-exclude", *paths]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout


def test_it_passes_the_tests_as_it_is(clone):
    target, _ = clone
    assert_style(target, "densenet", "DenseNet")
    tests = ["densenet", "repository", "readmes", "checklist"]
    paths = [*(f"tests/test_{name}.py" for name in tests), "architectures/densenet/DenseNet.ipynb"]
    options = [
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout=300",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    chosen = "densenet or one_address or one_way or readmes_show or misspelt"
    command = [sys.executable, "-m", "pytest", "-q", "-x", *options, "-k", chosen, *paths]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = ""
    result = subprocess.run(command, cwd=target, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]
    cells = nbformat.read(target / "architectures/densenet/DenseNet.ipynb", as_version=4).cells
    passed = int(result.stdout.splitlines()[-1].split()[0])
    assert passed >= sum(cell.cell_type == "code" for cell in cells) + 6 + 7 and "skipped" not in result.stdout


def test_without_outputs_it_has_to_say_so(clone):
    """The rule of test_repository.py: no stored outputs and a cell that says so, or outputs and no such cell."""
    target, _ = clone
    path = target / "architectures" / "densenet" / "DenseNet.ipynb"
    stored_outputs = test_repository.test_stored_outputs_are_those_of_one_clean_run
    stored_outputs(path)
    original = path.read_bytes()
    book = nbformat.read(path, as_version=4)
    says_so = next(cell for cell in book.cells if cell.source.startswith(new.NOT_TRAINED))
    code = next(cell for cell in book.cells if cell.cell_type == "code")
    try:
        code.execution_count = 1
        nbformat.write(book, path)
        with pytest.raises(AssertionError, match="delete the cell that begins with"):
            stored_outputs(path)
        code.execution_count = None
        book.cells.remove(says_so)
        nbformat.write(book, path)
        with pytest.raises(AssertionError, match="still asks its author"):
            stored_outputs(path)
        for cell in book.cells:
            cell.source = cell.source.replace(new.TO_WRITE, "")
        nbformat.write(book, path)
        with pytest.raises(AssertionError, match="not executed once"):
            stored_outputs(path)
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize(
    ("name", "paper", "title", "message"),
    [
        ("", PAPER, "", "NAME is missing: make new NAME=densenet PAPER="),
        ("dense-net", PAPER, "", "NAME is 'dense-net'; expected a Python identifier in small letters"),
        ("DenseNet", PAPER, "", "NAME is 'DenseNet'"),
        ("2net", PAPER, "", "NAME is '2net'"),
        ("lambda", PAPER, "", "NAME is 'lambda'"),
        ("../up", PAPER, "", "NAME is '../up'"),
        ("unet", PAPER, "", "architectures/unet and tests/test_unet.py are there already: choose another NAME"),
        ("densenet", PAPER, "", "are there already"),
        ("data", PAPER, "", "tests/test_data.py is there already"),
        ("other", "", "", "PAPER is missing: make new NAME=densenet PAPER="),
        ("other", "a | b", "", "PAPER is 'a | b'; expected one line"),
        ("other", "a\nb", "", "expected one line"),
        ("other", 'a """', "", "three quotation marks"),
        ("other", PAPER, "U-Net", "TITLE is 'U-Net'; expected a Python identifier"),
        ("other", PAPER, "AWordOfTwentyFiveLetters_", "expected 24 letters at most"),
    ],
)
def test_what_does_not_fit_is_refused(clone, monkeypatch, name, paper, title, message):
    target, _ = clone
    monkeypatch.setattr(new, "ROOT", target)
    before = sorted(path for path in target.rglob("*") if ".git" not in path.parts)
    with pytest.raises(ValueError) as refused:
        new.new(name, paper, title)
    assert message in str(refused.value)
    assert sorted(path for path in target.rglob("*") if ".git" not in path.parts) == before


@pytest.mark.parametrize(
    ("name", "given", "title"),
    [("ab", "AB", "AB"), ("vit2", "", "Vit2"), ("squeezenet", "", "SqueezeNet"), ("b" * 24, "B" * 24, "B" * 24)],
)
def test_style_does_not_depend_on_names(clone, monkeypatch, name, given, title):
    target, _ = clone
    monkeypatch.setattr(new, "ROOT", target)
    assert new.new(name, "A. " + "B. & " * 40 + "C., “Ümlauts”, 2020?", given) == 0
    assert_style(target, name, title)
    text = (target / "architectures" / name / f"{name}.py").read_text(encoding="utf-8")
    assert text.startswith(f'"""{title}: A. B. &') and "2020?\n\n" in text
