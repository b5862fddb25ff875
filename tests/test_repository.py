"""The repository as a whole: its notebooks, its address, its imports, its two commands."""

import ast
import base64
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from helpers import make
from nbclient.exceptions import CellExecutionError
from PIL import Image

from tools import notebooks, repository, weights
from tools.new import NOT_TRAINED, TO_WRITE
from utils.checkpoint import load_file, save_file

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = repository.files(".ipynb")
MODULES = [
    path
    for path in repository.files(".py")
    if path.parts[len(ROOT.parts)] in ("architectures", "attention", "resnet", "utils", "tools")
]
MODULES = [path for path in MODULES if path.name not in ("setup_cell.py", "__main__.py")]


def relative(path):
    return str(path.relative_to(ROOT))


def test_there_are_notebooks_and_modules():
    assert ROOT / "resnet" / "ResNet.ipynb" in NOTEBOOKS
    assert {"utils/loader.py", "utils/training.py", "architectures/resnet/resnet.py"} <= set(map(relative, MODULES))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
def test_synced_cells_equal_their_source(path):
    book = nbformat.read(path, as_version=4)
    stale = [cell.source.splitlines()[0] for cell, _ in notebooks.stale_cells(path, book)]
    assert not stale, (
        f"edit the .py file (or tools/setup_cell.py), then run `make sync`; stale in {relative(path)}: {stale}"
    )
    code = [cell.source for cell in book.cells if cell.cell_type == "code"]
    assert code[0].startswith(notebooks.SETUP_MARKER), "a notebook begins with the setup cell"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
def test_stored_outputs_are_those_of_one_clean_run(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    code = [cell for cell in book.cells if cell.cell_type == "code" and cell.source.strip()]
    texts = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    if any(text.startswith(NOT_TRAINED) for text in texts):  # a new one, as `make new` lays it out
        stored = any(cell.outputs or cell.execution_count for cell in code) or (path.parent / "results").exists()
        assert not stored, f"delete the cell that begins with {NOT_TRAINED}: outputs or results are stored"
        return
    assert not any(TO_WRITE in text for text in texts), f"a cell still asks its author for something: {TO_WRITE} …"
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "not executed once, top to bottom"
    outputs = [output for cell in code for output in cell.outputs]
    assert any(output.output_type == "display_data" for output in outputs), "no plot is stored"
    assert not [output for output in outputs if output.output_type == "error"]
    for cell in code:
        if re.search(r"^(plot|show|draw)_\w+\(", cell.source, re.MULTILINE):
            assert any("image/png" in output.get("data", {}) for output in cell.outputs), (
                f"no image: {cell.source[:80]}"
            )
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    assert not [output.text for output in outputs if output.output_type == "stream" and output.name != "stdout"]
    assert "\r" not in text and "it/s" not in text and len(text) < 20_000
    assert set(book.metadata) <= set(notebooks.KEPT_METADATA) and "execution" not in json.dumps(
        [c.metadata for c in code]
    )
    assert path.stat().st_size < 500_000
    scale = re.search(r"^Scale: (\w+)", text, re.MULTILINE)
    assert scale and scale[1] in ("cpu", "gpu", "paper"), "what is stored comes from a run on real data"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=relative)
def test_cells_are_short_enough_to_read(path):
    for cell in nbformat.read(path, as_version=4).cells:
        synced = cell.source.startswith(("# %load", notebooks.SETUP_MARKER))
        if cell.cell_type == "code" and not synced:
            assert len(cell.source.splitlines()) <= 45, cell.source[:100]
    setup = [line for line in notebooks.setup_source().splitlines() if line and not line.startswith("#")]
    assert len(setup) <= 15


def test_sync_follows_the_file_and_refuses_what_is_not_there(tmp_path):
    (tmp_path / "m.py").write_text(
        'import x\n\n# why\n@deco\ndef f(a):\n    return a  # kept\n\nclass C:\n    """Doc."""\n'
    )
    book = tmp_path / "n.ipynb"
    assert notebooks.synced_source("# %load -s C,f m.py", book) == (
        '# %load -s C,f m.py\nclass C:\n    """Doc."""\n\n\n# why\n@deco\ndef f(a):\n    return a  # kept'
    )
    assert notebooks.synced_source("x = 1", book) is None
    with pytest.raises(ValueError, match="defines no 'g'"):
        notebooks.synced_source("# %load -s g m.py", book)
    with pytest.raises(ValueError, match=r"other\.py is not there"):
        notebooks.synced_source("# %load -s g other.py", book)


def test_cleaning_keeps_what_a_reader_would_see():
    assert notebooks.as_seen("10%\r55%\rdone\nnext") == "done\nnext"
    assert notebooks.as_seen("long bar 50%\r            \repoch 1") == "epoch 1"
    assert notebooks.as_seen("\x1b[31mred\x1b[0m") == "red"
    texts = [nbformat.v4.new_output("stream", text=text) for text in ("bar 1\r", "     \rend\n")]
    cell = nbformat.v4.new_code_cell("x", outputs=texts)
    cell.metadata["execution"] = {"iopub.status.busy": "2026"}
    book = nbformat.v4.new_notebook(
        cells=[cell], metadata={"widgets": {}, "kernelspec": {"name": "python3", "display_name": "Python 3"}}
    )
    cleaned = notebooks.clean(book)
    assert [output.text for output in cleaned.cells[0].outputs] == ["end\n"]
    assert "widgets" not in cleaned.metadata and "execution" not in cleaned.cells[0].metadata


def test_pictures_are_stored_small_and_look_the_same():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (100, 3), dtype=np.uint8)[rng.integers(0, 100, (150, 150))]  # a plot has few
    noise = np.repeat(rng.integers(0, 256, (300, 300, 1), dtype=np.uint8), 3, axis=2)  # a micrograph, large and grey
    for image, most, difference in ((colours, 0.5, 4), (noise, 0.7, 16)):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        stored = base64.b64decode(notebooks.smaller(base64.b64encode(buffer.getvalue()).decode()))
        assert len(stored) < most * len(buffer.getvalue())
        seen = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"), int)
        assert np.abs(seen - image).max() <= difference


def test_readmes_show_what_is_stored():
    """Tables, single results and images: `make table` would change nothing."""
    markers, images = 0, []

    def compare(path, content):
        kept, new = (np.asarray(Image.open(source).convert("RGB"), int) for source in (path, io.BytesIO(content)))
        assert kept.shape == new.shape and np.abs(kept - new).mean() < 2, path  # Pillow's versions differ a little
        images.append(path)

    for path in repository.files(".md"):
        text = path.read_text(encoding="utf-8")
        assert repository.filled(path, text, compare) == text, f"{path}: `make table`"
        markers += text.count("<!-- end of ")
    assert markers > 20 and len(images) >= 7


def test_one_address_everywhere():
    address, found = repository.address(), {}
    pattern = re.compile(
        r"colab\.research\.google\.com/github/([^/\s]+/[^/\s]+)/blob|REPOSITORY = \\?\"([^\"\\]+)\\?\""
    )
    for path in repository.stamped_files():
        for badge, setup in pattern.findall(path.read_text()):
            found.setdefault(badge or setup, []).append(relative(path))
    assert set(found) == {address}, f"the address is {address} (pyproject.toml): run `make stamp`; found {found}"
    assert set(map(relative, NOTEBOOKS)) <= set(found[address])
    assert f"https://github.com/{address}" in (ROOT / "CITATION.cff").read_text()


def test_stamp(repository_copy, tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(repository_copy), str(clone)], check=True)

    def stamp(address):
        environment = {**os.environ, "PYTHONPATH": ""}
        command = [sys.executable, "-m", "tools", "stamp", address]
        return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)

    old = repository.address()
    assert stamp("some-one/papers").returncode == 0
    changed = subprocess.run(["git", "diff", "--name-only"], cwd=clone, capture_output=True, text=True).stdout.split()
    assert {"resnet/ResNet.ipynb", "README.md", "pyproject.toml", "CITATION.cff"} <= set(changed)
    commands = re.search(r"^git clone .*", (clone / "README.md").read_text(), re.MULTILINE)[0]
    assert "github.com/some-one/papers.git" in commands and re.search(r"\.git (\S+) && cd \1$", commands)
    assert 'REPOSITORY = \\"some-one/papers\\"' in (clone / "resnet" / "ResNet.ipynb").read_text()
    assert stamp("not an address").returncode == 1
    assert stamp(old).returncode == 0
    assert subprocess.run(["git", "diff", "--quiet"], cwd=clone).returncode == 0


def test_importing_says_nothing_and_touches_no_network():
    names = [relative(path)[:-3].replace("/__init__", "").replace("/", ".") for path in MODULES]
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('an import opened a socket')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        f"for name in {names!r}: __import__(name)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def test_imports_run_one_way():
    allowed, loaders = set(sys.stdlib_module_names) | {"torch"}, {"utils", "numpy", "PIL"}
    graph = {}
    for path in MODULES:
        top = relative(path).split("/")[0]
        if top == "architectures":  # a model file stands alone; a loader beside it may use utils and NumPy
            model = path.stem in (path.parent.name, "vit")
            assert {name.split(".")[0] for name in imports_of(path)} <= allowed | (set() if model else loaders), path
        if top == "utils":
            above = {"architectures", "attention", "resnet", "tests", "tools"}
            assert not {name.split(".")[0] for name in imports_of(path)} & above, path
            graph[path.stem] = set(used_modules(path))
    done = set()
    while len(done) < len(graph):  # each round takes those whose imports are all taken: a circle never is
        ready = {name for name, uses in graph.items() if name not in done and uses <= done}
        assert ready, f"imports inside utils form a circle among {set(graph) - done}"
        done |= ready


def used_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "utils":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("utils."):
            yield node.module.split(".")[1]


def fake_python(folder, fails_on):
    """A python3 for the Makefile that fails where a Python without that part would."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\ncase "$*" in *"{fails_on}"*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("fails_on", "advice"),
    [("import ensurepip", "sudo apt install python3-venv"), ("sys.version_info <", "Python 3.10 or later is needed")],
)
def test_make_says_what_is_missing(repository_copy, tmp_path, fails_on, advice):
    python = fake_python(tmp_path, fails_on)
    result = make("run", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}", cwd=repository_copy)
    assert result.returncode != 0 and advice in result.stdout and "make doctor" in result.stdout
    assert not (tmp_path / "venv").exists()


def test_make_mends_an_interrupted_install(repository_copy, tmp_path):
    """An install that failed is repeated in place; one that was killed inside a package starts from nothing."""
    venv = tmp_path / "venv"
    (tmp_path / "requirements.txt").write_text("/nowhere/to-be-found.whl\n")
    makefile = (repository_copy / "Makefile").read_text()
    (tmp_path / "Makefile").write_text(makefile)
    result = make("run", f"VENV={venv}", f"PYTHON={sys.executable}", cwd=tmp_path)
    assert result.returncode != 0 and "make doctor" in result.stdout
    assert (venv / ".unfinished").exists() and not (venv / ".ready").exists()
    (venv / "marker").touch()
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    ready = (f"{venv}/.ready", f"VENV={venv}", f"PYTHON={sys.executable}")
    assert make(*ready, cwd=tmp_path).returncode == 0
    assert (venv / ".ready").exists() and not (venv / ".unfinished").exists()
    assert (venv / "marker").exists()  # pip failed by itself, for want of a network perhaps: nothing has to be redone

    (venv / ".ready").unlink()
    (venv / ".unfinished").touch()
    half = next(venv.glob("lib/python*/site-packages")) / "thing-1.0.dist-info"  # pip was killed inside a package
    half.mkdir()
    (half / "METADATA").write_text("Name: thing\nVersion: 1.0\n")
    assert make(*ready, cwd=tmp_path).returncode == 0
    assert (venv / ".ready").exists() and not (venv / "marker").exists() and not half.exists()


def test_a_failed_execution_leaves_notebook_and_results_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cpu.json").write_text("old")
    write = "import os, pathlib\nfor name in ('cpu.json', 'cpu-new.json'):\n"
    write += "    (pathlib.Path(os.environ['RESULTS_DIR']) / name).write_text('new')"
    cells = [nbformat.v4.new_code_cell(source) for source in (write, "1 / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "Net.ipynb")
    before = (tmp_path / "Net.ipynb").read_bytes()
    with pytest.raises(CellExecutionError, match="division by zero"):
        notebooks.execute("Net.ipynb", "cpu")
    assert (tmp_path / "Net.ipynb").read_bytes() == before
    assert [(p.name, p.read_text()) for p in (tmp_path / "results").iterdir()] == [("cpu.json", "old")]


def test_make_execute_does_not_store_a_quick_run(repository_copy):
    def planned(*arguments):
        return make("-n", "execute", "-o", ".venv/.ready-dev", *arguments, cwd=repository_copy).stdout

    assert "--scale cpu" in planned() and "--scale gpu" in planned("SCALE=gpu")
    with pytest.raises(ValueError, match="cpu, gpu or paper"):
        notebooks.execute("resnet/ResNet.ipynb", "quick")


def test_a_stale_cell_is_found_and_refreshed(tmp_path, monkeypatch, capsys):
    path = tmp_path / "n.ipynb"
    (tmp_path / "m.py").write_text("def f(a):\n    return a\n")
    stale, own = "# %load -s f m.py\ndef f(a):\n    return 2 * a", "x = 1"
    cells = [nbformat.v4.new_code_cell(source) for source in (stale, own)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "files", lambda *_: [path])
    before = path.read_bytes()
    assert notebooks.sync(check=True) == 1 and path.read_bytes() == before
    assert capsys.readouterr().out == "n.ipynb: differs from its source: # %load -s f m.py\n"
    assert notebooks.sync() == 0 and "refreshed" in capsys.readouterr().out
    sources = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    assert sources == [stale.replace("2 * a", "a"), own] and notebooks.sync(check=True) == 0


def test_keep_takes_over_what_a_notebook_saved(tmp_path, monkeypatch, capsys):
    assert not [kept for kept in weights.KEPT.values() if not (weights.ROOT / kept).is_file()]
    monkeypatch.setattr(weights, "ROOT", tmp_path)
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "checkpoints"))
    with pytest.raises(FileNotFoundError, match="no notebook has saved weights at scale gpu"):
        weights.keep("gpu")
    save_file({"made": "a T4", "x": 1}, tmp_path / "checkpoints" / "gpu" / "VGG" / "vgg16-weights.pt")
    assert weights.keep("gpu") == 0 and "vgg16_cifar10.pt: trained on a T4" in capsys.readouterr().out
    kept = tmp_path / "architectures" / "vgg" / "weights" / "vgg16_cifar10.pt"
    assert load_file(kept) == {"made": "a T4", "x": 1}
