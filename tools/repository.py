"""What concerns the whole repository: its address in every file that names it, and what READMEs take from notebooks."""

import base64
import io
import json
import os
import re
import subprocess
from pathlib import Path

from PIL import Image

from utils.device import SCALES
from utils.report import Report, minutes_of, number, ours, unique

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "YOUR_NAME/deep-learning-papers"  # no GitHub account can have an underscore in its name
ADDRESS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*)/[A-Za-z0-9._-]+")
TABLE = re.compile(r"(<!-- table: (\S+)(?: (\S+))? -->\n).*?(<!-- end of table -->)", re.DOTALL)
PICTURE = re.compile(r"(<!-- picture: (\S+) -->\n).*?(<!-- end of picture -->)", re.DOTALL)
STRIP = re.compile(r"(<!-- strip: ([^>]+?) -->\n).*?(<!-- end of strip -->)", re.DOTALL)
RESULT = re.compile(r"(<!-- (result|paper): (\S+) ([^>]+?) -->).*?(<!-- end of \2 -->)")
TIME = re.compile(r"(<!-- training: (\S+) -->).*?(<!-- end of training -->)")
PICTURE_MARKER = "# For the README: "  # first line of the cell whose picture a README shows; then what is on it
EXCEPT = ("tools/", "tests/")  # they speak of the placeholder itself


def files(*suffixes):
    """The repository's own files with these suffixes: those that git tracks or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    names = [name for name in output.split("\0") if name]
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
    """Fill the READMEs from what notebooks have stored; `filled` says what goes where."""
    for path in files(".md"):
        text = path.read_text(encoding="utf-8")
        new = filled(path, text, write)
        if new != text:
            path.write_text(new, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: filled")
    return 0


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def filled(path, text, keep):
    """The text of the Markdown file `path`, where each pair of markers has between them what it names.

    Images that it shows are handed to keep(path, content of the PNG file).

    table: FOLDER [NAME]      the results in FOLDER/results/
    result: FOLDER ROW        our value in one row; `paper: FOLDER ROW` the paper's
    training: FOLDER          the minutes of all trainings in FOLDER/results/, and the hardware
    picture: NOTEBOOK         the notebook's sample image, kept in results/sample.png beside it
    strip: NOTEBOOK …         the sample images of several notebooks in a row, kept in docs/strip.png
    """
    here = path.parent
    for pattern, content in (
        (TABLE, lambda match: tables(here / match[2], here, match[3])),
        (PICTURE, lambda match: picture(here / match[2], here, keep)),
        (STRIP, lambda match: strip([here / name for name in match[2].split()], here, keep)),
        (RESULT, lambda match: result(here / match[3], match[4], match[2])),
        (TIME, lambda match: training(here / match[2])),
    ):
        text = pattern.sub(lambda match, content=content: match[1] + content(match) + match[match.re.groups], text)
    return text


def tables(folder, here, name=None):
    """A notebook's main table, or the one of that name, for each scale that was run; and which scales were not.

    The first "scale" is a link from the folder `here` to where scales are explained.
    """
    parts, missing = [], []
    for scale in SCALES[1:]:
        path = folder / "results" / (f"{scale}-{name}.json" if name else f"{scale}.json")
        if path.exists():
            parts.append(f"Scale `{scale}`:\n\n{Report(json.loads(path.read_text(encoding='utf-8'))).markdown()}\n")
        else:
            missing.append(f"`{scale}`")
    if missing:
        parts.append(f"Scale {' and '.join(missing)}: not run.\n")
    explained = Path(os.path.relpath(ROOT / "docs" / "running.md", here)).as_posix()
    return "\n".join(parts).replace("Scale ", f"[Scale]({explained}#scales-of-a-run) ", 1)


def stored(folder):
    """The tables in FOLDER/results/ of the largest scale that was run, the main one first."""
    for scale in reversed(SCALES[1:]):
        paths = sorted((folder / "results").glob(f"{scale}-*.json"))
        paths = [path for path in (folder / "results" / f"{scale}.json", *paths) if path.exists()]
        if paths:
            return [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    raise ValueError(f"{folder}: no results")


def table_and_row(folder, what):
    """(table, row) of the first row `what` in a notebook's tables. Raises ValueError where there is none."""
    for table in stored(folder):
        for row in table["rows"]:
            if row["what"] == what:
                return table, row
    raise ValueError(f"{folder}: no results with a row {what!r}")


def result(folder, what, of="result"):
    """Our value, or the paper's, in the row `what` of a notebook's tables. Raises ValueError where there is none."""
    _, row = table_and_row(folder, what)
    return ours(row["ours"]) if of == "result" else number(row["paper"])


def training(folder):
    """'62 min, AMD EPYC, 2 cores': all trainings in a notebook's tables, each counted once, and their hardware."""
    rows = [row for table in stored(folder) for row in table["rows"]]
    hardware = [session["hardware"] for row in rows for session in row["sessions"]]
    hardware = unique(re.sub(r", \d+ GB$", "", name) for name in hardware)  # without the memory
    return f"{minutes_of(rows):.0f} min, {' and '.join(hardware)}"


def picture(notebook, folder, keep):
    """Markdown that shows a notebook's sample image."""
    content, text = sample_picture(notebook)
    path = notebook.parent / "results" / "sample.png"
    keep(path, content)
    return f"![{text}]({os.path.relpath(path, folder).replace(os.sep, '/')})\n"


def strip(notebooks, folder, keep, height=200, gap=12):
    """Markdown that shows the sample images of several notebooks in one row."""
    samples = [sample_picture(notebook) for notebook in notebooks]
    images = [Image.open(io.BytesIO(content)).convert("RGB") for content, _ in samples]
    images = [image.resize((round(image.width * height / image.height), height), Image.LANCZOS) for image in images]
    row = Image.new("RGB", (sum(image.width + gap for image in images) - gap, height), "white")
    x = 0
    for image in images:
        row.paste(image, (x, 0))
        x += image.width + gap
    buffer = io.BytesIO()
    row.quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    path = folder / "docs" / "strip.png"
    keep(path, buffer.getvalue())
    return f"![{'; '.join(text for _, text in samples)}]({os.path.relpath(path, folder).replace(os.sep, '/')})\n"


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
