"""What concerns the whole repository: its address in every file that names it, and the READMEs' result tables."""

import json
import re
import subprocess
from pathlib import Path

from utils.device import SCALES
from utils.report import Report

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "YOUR_NAME/deep-learning-papers"  # no GitHub account can have an underscore in its name
ADDRESS = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*)/[A-Za-z0-9._-]+")
TABLE = re.compile(r"(<!-- table: (\S+)(?: (\S+))? -->\n).*?(<!-- end of table -->)", re.DOTALL)
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
    """Between `<!-- table: FOLDER [NAME] -->` and `<!-- end of table -->` put the results in FOLDER/results/."""
    for path in files(".md"):
        text = path.read_text(encoding="utf-8")
        filled = TABLE.sub(
            lambda match, path=path: match[1] + tables(path.parent / match[2], match[3]) + match[4], text
        )
        if filled != text:
            path.write_text(filled, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: tables filled")
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
