"""The folder of a new paper, laid out from tools/template/: `make new NAME=densenet PAPER="…"`.

What is laid out runs and passes the tests as it is. A small network stands in for the paper's, and notebook and README
say that nothing has been trained yet: the tests accept a notebook without outputs only as long as it says so.
"""

import keyword
import re
import textwrap

import nbformat

from tools.notebooks import KEPT_METADATA, synced_source
from tools.repository import ROOT, address

NOT_TRAINED = (
    "**Not trained yet.**"  # begins a cell of a notebook without stored outputs, and a paragraph of its README
)
TO_WRITE = "*To write"  # begins what the template asks its author for
LONGEST = 24  # letters of a name, with which the template's lines are still short enough
CELL = re.compile(r"^%% (markdown|code)\n", re.MULTILINE)
EXAMPLE = 'make new NAME=densenet PAPER="Huang et al., Densely Connected Convolutional Networks, CVPR 2017"'


def new(name, paper, title=""):
    """Lay out architectures/<name>/, its test and its row in architectures/README.md, and say what comes next.

    name   of the folder and of the model file: a Python identifier in small letters
    paper  authors, title, conference and year, as they are to be cited
    title  of the notebook and the class; without one, it is made from the name: densenet, DenseNet

    Raises ValueError for a name or a title that does not fit, for a paper that is missing, and where one of the files
    is there already. Nothing is written then.
    """
    name, paper = name.strip(), paper.strip()
    title = title.strip() or re.sub("net$", "Net", name.capitalize())
    check(name, paper, title)
    here = f"architectures/{name}"
    model, notebook = f"{here}/{name}.py", f"{here}/{title}.ipynb"
    targets = [here, f"tests/test_{name}.py"]
    if taken := [target for target in targets if (ROOT / target).exists()]:
        raise ValueError(
            f"{' and '.join(taken)} {'is' if len(taken) == 1 else 'are'} there already: choose another NAME"
        )
    badge = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{address()}/blob/main/{notebook})"
    )
    lines = textwrap.wrap(f'"""{title}: {ended(paper)}', 120, break_long_words=False, break_on_hyphens=False)
    words = {"name": name, "Title": title, "paper": ended(paper), "docstring": "\n".join(lines), "badge": badge}
    table = with_row(ROOT / "architectures" / "README.md", name, title, paper, badge)
    texts = {
        model: filled("model.py.txt", words),
        f"{here}/README.md": filled("README.md.txt", words),
        f"tests/test_{name}.py": filled("test_model.py.txt", words),
        "architectures/README.md": table,
    }
    (ROOT / here).mkdir()
    for path, text in texts.items():
        (ROOT / path).write_text(text, encoding="utf-8")
    write_notebook(ROOT / notebook, filled("notebook.txt", words))
    print(f"{model}: the network; a small one stands in for the paper's")
    print(f"{notebook}: its sections, each of which says what it asks you for")
    print(f"{here}/README.md, tests/test_{name}.py, and a row in architectures/README.md")
    print('All of it passes `make test`. What comes next is in CONTRIBUTING.md, under "Add a paper".')
    return 0


def check(name, paper, title):
    """Raise ValueError, with what was expected, for arguments that do not fit."""
    if not name:
        raise ValueError(f"NAME is missing: {EXAMPLE}")
    if not name.isidentifier() or not name.isascii() or name != name.lower() or keyword.iskeyword(name):
        raise ValueError(f"NAME is {name!r}; expected a Python identifier in small letters, such as densenet")
    if not title.isidentifier() or not title.isascii() or keyword.iskeyword(title):
        raise ValueError(f"TITLE is {title!r}; expected a Python identifier, such as DenseNet")
    if max(len(name), len(title)) > LONGEST:
        raise ValueError(f"NAME and TITLE are {name!r} and {title!r}; expected {LONGEST} letters at most")
    if not paper:
        raise ValueError(f"PAPER is missing: {EXAMPLE}")
    if not paper.isprintable() or any(part in paper for part in ("\\", '"""', "|", "{{")):
        raise ValueError(f"PAPER is {paper!r}; expected one line without backslashes, bars, or three quotation marks")


def ended(sentence):
    """With a full stop."""
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def filled(template, words):
    """A template's text with {{each}} of the words in its place."""
    text = (ROOT / "tools" / "template" / template).read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], text)


def write_notebook(path, text):
    """Write the cells of a template as a notebook without outputs. Cells that repeat a source get it from there."""
    _, *parts = CELL.split(text)  # kind, source, kind, source, …
    cells = []
    for number, (kind, source) in enumerate(zip(parts[::2], parts[1::2])):
        source = source.strip("\n")
        source = (kind == "code" and synced_source(source.partition("\n")[0], path)) or source
        make_cell = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        cells.append(make_cell(source, id=f"cell-{number:02d}"))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {
        "accelerator": "GPU",
        "colab": {"provenance": []},
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    assert set(metadata) <= set(KEPT_METADATA)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def with_row(path, name, title, paper, badge):
    """The text of architectures/README.md with a row for the paper at the end of its table."""
    lines = path.read_text(encoding="utf-8").splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("| ["))
    row = f"| [{title}]({name}/README.md) | {paper} | {TO_WRITE}* | – | not trained yet | {badge} |"
    return "\n".join([*lines[: last + 1], row, *lines[last + 1 :]]) + "\n"
