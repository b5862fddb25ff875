"""What concerns the whole repository: its address in every file that names it, and what READMEs take from notebooks."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

from utils.device import SCALES
from utils.report import Report, ours

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "YOUR_NAME/deep-learning-papers"  # no GitHub account can have an underscore in its name
ADDRESS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*)/[A-Za-z0-9._-]+")
TABLE = re.compile(r"(<!-- table: (\S+)(?: (\S+))? -->\n).*?(<!-- end of table -->)", re.DOTALL)
PICTURE = re.compile(r"(<!-- picture: (\S+) -->\n).*?(<!-- end of picture -->)", re.DOTALL)
RESULT = re.compile(r"(<!-- result: (\S+) ([^>]+?) -->).*?(<!-- end of result -->)")
PICTURE_MARKER = "# For the README: "  # first line of the cell whose picture a README shows; then what is on it
EXCEPT = ("tools/", "tests/")  # they speak of the placeholder itself


def files(*suffixes):
    """The repository's own files with these suffixes: those that git tracks or would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in sorted(set(names)) if name.endswith(suffixes) and (ROOT / name).is_file()]


def address():
    """The collection's address, owner/name, from pyproject.toml."""
    return re.search(r'^repository = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]


def stamp(new):
    """Replace the address in every file that names it."""
    if not (ADDRESS.fullmatch(new) or new == PLACEHOLDER):
        raise ValueError(f"{new!r} is no address; expected owner/name, as in github.com/owner/name")
    old = address()
    for path in stamped_files():
        text = path.read_text(encoding="utf-8")
        if old in text:
            path.write_text(text.replace(old, new), encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: {text.count(old)} × {new}")
    return 0


def stamped_files():
    """The files that may name the address."""
    texts = files(".md", ".ipynb", ".toml", ".cff", ".yml")
    return [path for path in texts if not str(path.relative_to(ROOT)).startswith(EXCEPT)]


def fill_tables():
    """Between `<!-- table: FOLDER [NAME] -->` and `<!-- end of table -->` put the results in FOLDER/results/.

    Between `<!-- picture: NOTEBOOK -->` and `<!-- end of picture -->` put the notebook's sample picture, and between
    `<!-- result: FOLDER ROW -->` and `<!-- end of result -->` one row's value.
    """
    for path in files(".md"):
        text = path.read_text(encoding="utf-8")
        filled = TABLE.sub(
            lambda match, path=path: match[1] + tables(path.parent / match[2], match[3]) + match[4], text
        )
        filled = PICTURE.sub(
            lambda match, path=path: match[1] + picture(path.parent / match[2], path.parent) + match[3], filled
        )
        filled = RESULT.sub(
            lambda match, path=path: match[1] + result(path.parent / match[2], match[3]) + match[4], filled
        )
        if filled != text:
            path.write_text(filled, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: filled")
    return 0


def tables(folder, name=None):
    """A notebook's main table, or the one of that name, for each scale that was run; and which scales were not."""
    parts, missing = [], []
    for scale in SCALES[1:]:
        path = folder / "results" / (f"{scale}-{name}.json" if name else f"{scale}.json")
        if path.exists():
            parts.append(f"Scale `{scale}`:\n\n{Report(json.loads(path.read_text(encoding='utf-8'))).markdown()}\n")
        else:
            missing.append(f"`{scale}`")
    if missing:
        parts.append(f"Scale {' and '.join(missing)}: not run.\n")
    return "\n".join(parts)


def result(folder, what):
    """Our value in the row `what` of a notebook's main table, at the largest scale that was run.

    Raises ValueError where no scale has such a row.
    """
    for scale in reversed(SCALES[1:]):
        path = folder / "results" / f"{scale}.json"
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
        for row in rows:
            if row["what"] == what:
                return ours(row["ours"])
    raise ValueError(f"{folder}: no results with a row {what!r}")


def picture(notebook, folder):
    """Markdown that shows a notebook's sample picture, which is written to results/sample.png beside the notebook."""
    content, text = sample_picture(notebook)
    path = notebook.parent / "results" / "sample.png"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return f"![{text}]({os.path.relpath(path, folder)})\n"


def sample_picture(notebook):
    """(PNG, what is on it): the last picture of the cell that begins with `# For the README: `, as it is stored.

    Raises ValueError where there is no such cell or it has no picture.
    """
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        first = "".join(cell["source"]).partition("\n")[0]
        pictures = [o["data"]["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        if first.startswith(PICTURE_MARKER) and pictures:
            return base64.b64decode("".join(pictures[-1])), first.removeprefix(PICTURE_MARKER)
    raise ValueError(f"{notebook}: no cell begins with {PICTURE_MARKER!r} and has a stored picture")
