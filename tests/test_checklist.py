"""Each paper's folder has the same things in the same form, CONTRIBUTING.md names what exists, no word is misspelt."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from tools.new import NOT_TRAINED, TO_WRITE
from tools.repository import ROOT, files

# Folders of architectures/ whose notebook and README are still to come. This is the only such list.
TO_COME = ()
FOLDERS = sorted({path.parent.name for path in files(".py") if path.parent.parent == ROOT / "architectures"})
WALKTHROUGHS = {"resnet": "resnet", "attention": "transformer"}  # folder: the model that it walks through

NOTEBOOK_SECTIONS = ("n brief", "Where this departs from the paper", "Exercises", "Further reading")
README_SECTIONS = {  # beginnings of lines, in this order; a folder may have more in between
    "architecture": (
        "# ",
        "[![Open in Colab]",
        "```python",
        "**Data, training, evaluation",
        "**Sample input and output",
        "**Results",
        "**Checked by the tests",
        "**Departures",
        "**Further reading",
    ),
    "walkthrough": (
        "# ",
        "[![Open in Colab]",
        "## What the paper contributed",
        "## What the notebook does",
        "## Results",
        "## Run it",
        "## Use the trained network",
        "## Acknowledgements",
    ),
}


def shortcomings(root, name, to_come=TO_COME):
    """What the folder architectures/<name>/ lacks, as sentences."""
    folder = root / "architectures" / name
    found = []
    for path in (folder / f"{name}.py", root / "tests" / f"test_{name}.py"):
        if not path.is_file():
            found.append(f"{path.relative_to(root)} is missing")
    rows = (root / "architectures" / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in rows if line.startswith("| [") and f"]({name}/" in line]
    if not rows:
        found.append(f"architectures/README.md has no row that links to {name}/")
    notebooks = sorted(folder.glob("*.ipynb"))
    if name in to_come:
        if notebooks:
            found.append(f"{name} has its notebook: take it out of TO_COME in tests/test_checklist.py")
        return found
    if len(notebooks) != 1:
        found.append(f"architectures/{name}/ has {len(notebooks)} notebooks; expected one")
        return found
    found += shortcomings_of_texts(root, notebooks[0], "architecture")
    drafts = {
        f"architectures/{name}/{notebooks[0].name}": says_not_trained(notebooks[0]),
        f"architectures/{name}/README.md": says_not_trained(folder / "README.md"),
        "its row in architectures/README.md": any("not trained yet" in row for row in rows),
    }
    if len(set(drafts.values())) > 1:
        found.append(f"only some of these say that nothing is trained yet: {drafts}")
    if not any(drafts.values()) and any(TO_WRITE in row for row in rows):
        found.append(f"its row in architectures/README.md still asks its author for something: {TO_WRITE} …")
    return found


def shortcomings_of_texts(root, notebook, kind):
    """What a notebook and the README beside it lack."""
    readme, found = notebook.with_name("README.md"), []
    cells = markdown(notebook)
    badge = f"/blob/main/{notebook.relative_to(root).as_posix()})"
    if not (cells[0].startswith("# ") and badge in cells[0] and "**How long it takes.**" in cells[0]):
        found.append(f"{notebook.name}: its first cell needs a title, the Colab badge, and how long it takes")
    headings = [line for cell in cells for line in cell.splitlines() if line.startswith("## ")]
    found += [
        f"{notebook.name}: no heading with {part!r} in its place" for part in out_of_place(headings, NOTEBOOK_SECTIONS)
    ]
    if not readme.is_file():
        return [*found, f"{readme.relative_to(root)} is missing"]
    text = readme.read_text(encoding="utf-8")
    lines = text.splitlines()
    parts = out_of_place(lines, README_SECTIONS[kind], str.startswith)
    found += [f"{readme.relative_to(root)}: no line begins with {part!r} in its place" for part in parts]
    if badge not in text:
        found.append(f"{readme.relative_to(root)}: the badge does not lead to {notebook.name}")
    if TO_WRITE in text and not says_not_trained(readme):
        found.append(f"{readme.relative_to(root)} still asks its author for something: {TO_WRITE} …")
    return found


def markdown(notebook):
    """The sources of a notebook's Markdown cells."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]


def out_of_place(lines, parts, fits=str.__contains__):
    """Those of `parts` that no line fits, after the line of the part before."""
    missing, start = [], 0
    for part in parts:
        place = next((i for i in range(start, len(lines)) if fits(lines[i], part)), None)
        if place is None:
            missing.append(part)
        else:
            start = place + 1
    return missing


def says_not_trained(path):
    """Whether a notebook has a cell, or a README a paragraph, that begins so."""
    if path.suffix == ".ipynb":
        return any(cell.startswith(NOT_TRAINED) for cell in markdown(path))
    return path.is_file() and f"\n{NOT_TRAINED}" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_has_all_that_it_should(name):
    assert not shortcomings(ROOT, name)


@pytest.mark.parametrize(("folder", "model"), WALKTHROUGHS.items())
def test_a_walkthrough_has_all_that_it_should(folder, model):
    (notebook,) = (ROOT / folder).glob("*.ipynb")
    assert not shortcomings_of_texts(ROOT, notebook, "walkthrough")
    assert (ROOT / "architectures" / model / f"{model}.py").is_file() and (
        ROOT / "tests" / f"test_{model}.py"
    ).is_file()


def test_the_list_of_what_is_to_come_names_folders():
    assert set(TO_COME) <= set(FOLDERS) and not set(WALKTHROUGHS) & set(TO_COME)


@pytest.fixture
def small_collection(tmp_path):
    """A copy of what the checklist looks at for U-Net, in which the tests below break something."""
    for name in (
        "architectures/README.md",
        "tests/test_unet.py",
        *(f"architectures/unet/{n}" for n in ("unet.py", "README.md", "UNet.ipynb")),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            "architectures/unet/README.md",
            "**Departures",
            "**Differences",
            "no line begins with '**Departures' in its place",
        ),
        (
            "architectures/unet/README.md",
            "blob/main/architectures/unet/",
            "blob/main/",
            "badge does not lead to UNet.ipynb",
        ),
        ("architectures/unet/README.md", "**Results**", f"{NOT_TRAINED}\n\n**Results**", "only some of these say"),
        ("architectures/unet/README.md", "nnU-Net", f"{TO_WRITE}: more*", "still asks its author"),
        ("architectures/unet/UNet.ipynb", "## Exercises", "## Tasks", "no heading with 'Exercises' in its place"),
        ("architectures/unet/UNet.ipynb", "How long it takes.", "Time.", "its first cell needs"),
        ("architectures/README.md", "](unet/README.md)", "](nowhere/)", "has no row that links to unet/"),
        ("architectures/unet/unet.py", None, None, "unet.py is missing"),
        ("architectures/unet/README.md", None, None, "README.md is missing"),
        ("architectures/unet/UNet.ipynb", None, None, "has 0 notebooks; expected one"),
        ("tests/test_unet.py", None, None, "tests/test_unet.py is missing"),
    ],
)
def test_the_checklist_finds_what_is_missing(small_collection, path, old, new, expected):
    assert not shortcomings(small_collection, "unet")
    if old is None:
        (small_collection / path).unlink()
    else:
        replace(small_collection / path, old, new)
    (found,) = shortcomings(small_collection, "unet")
    assert expected in found


def test_a_folder_with_its_notebook_is_not_to_come(small_collection):
    (found,) = shortcomings(small_collection, "unet", to_come=("unet",))
    assert found == "unet has its notebook: take it out of TO_COME in tests/test_checklist.py"
    (small_collection / "architectures" / "unet" / "UNet.ipynb").unlink()
    (small_collection / "architectures" / "unet" / "README.md").unlink()
    assert not shortcomings(small_collection, "unet", to_come=("unet",))


def test_contributing_names_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    fences = re.findall(r"^ *```\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    code = [*re.findall(r"`([^`\n]+)`", text), *"".join(fences).splitlines()]
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    command = [sys.executable, "-m", "tools", "--help"]
    commands = re.findall(r"[a-z]+", subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout)
    made = [name for line in code for name in re.findall(r"\bmake ([a-z]+)", line)]
    ran = [name for line in code for name in re.findall(r"python -m tools ([a-z]+)", line)]
    assert set(made) <= set(targets) and {"new", "test", "sync", "execute", "keep", "table", "doctor"} <= set(made)
    assert set(ran) <= set(commands) and "links" in ran
    paths = [line for line in code if re.fullmatch(r"\w+/[\w./]*", line) and "densenet" not in line]
    paths += re.findall(r"\]\(([^)#:]+)\)", text)
    assert len(paths) > 8 and not [path for path in paths if not (ROOT / path).exists()]
    assert len(text.split()) < 900, "it is to stay short"


def test_no_word_is_misspelt(tmp_path):
    """codespell on code and texts; of the notebooks the Markdown and the code, without their outputs."""
    names = []
    for path in files(".py", ".md", ".ipynb", "tools/template/model.py.txt", "tools/template/notebook.txt", "Makefile"):
        name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            name, text = f"{name}.md", "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        names.append(name)
    command = [sys.executable, "-m", "codespell_lib", "--toml", str(ROOT / "pyproject.toml"), *names]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
