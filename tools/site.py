"""The reading site: the notebooks and READMEs as pages, built by Sphinx into build/site. `make site` calls it.

Nothing is executed: a page shows what its notebook has stored. The sources stay where they are; `collect` copies them,
and `docs/site/` holds the configuration. `docs/site/reading.toml` says which notebooks there are, in which order they
are read, and which of them explains which term.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.repository import ROOT, address, files

SITE = ROOT / "docs" / "site"
OWN = ("tools/", "tests/", "docs/site/", ".github/")  # what is for maintainers, and no page
BADGE = re.compile(r"\[!\[Open in Colab\]\([^)]*\)\]\(([^)\s]+)\)")
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
VERBATIM = re.compile(r"^```.*?^```|`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL | re.MULTILINE)  # code, formulas
FOLDED = "# Setup: "  # a cell that begins so is folded: no reader needs it
MODEL_PAGE = "Results, and the model to use"


def site(target=None):
    """Build the site into `target`, or build/site, and say where it lies. Returns 0, or Sphinx's own exit status.

    Raises ValueError where a package is missing.
    """
    if missing := missing_packages():
        raise ValueError(f"{', '.join(missing)} missing: the site needs Python 3.11 or later and requirements-site.txt")
    target = Path(target or ROOT / "build" / "site")
    started = time.time()
    work = target.with_name(f"{target.name}-work")
    shutil.rmtree(work, ignore_errors=True)
    pages = collect(work / "source")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(SITE), "-d", str(work / "state")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    status = subprocess.run([*command, str(work / "source"), str(work / "site")], env=environment).returncode
    if status == 0:
        shutil.rmtree(target, ignore_errors=True)
        (work / "site").rename(target)
        print(f"{pages} pages in {time.time() - started:.0f} s: open {target / 'index.html'}")
    return status


def missing_packages():
    """Those of the site's packages that are not installed."""
    needed = ("tomllib", "sphinx", "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline")
    return [name for name in needed if importlib.util.find_spec(name) is None]


def reading(path=SITE / "reading.toml"):
    """(entries by title, terms, subjects) of the table; an entry says "there": whether its notebook is a page.

    Raises ValueError for an entry that names an unknown notebook or subject.
    """
    import tomllib  # new in Python 3.11, as Sphinx's newest is; nothing else here needs it

    table = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = {entry["title"]: entry for entry in table["notebooks"]}
    if len(entries) < len(table["notebooks"]):
        raise ValueError(f"{path}: a title is there twice")
    for entry in entries.values():
        entry["there"] = (ROOT / entry["path"]).is_file() and has_outputs(ROOT / entry["path"])
        if entry["subject"] not in table["subjects"]:
            raise ValueError(f"{path}: {entry['title']}: no subject is called {entry['subject']!r}")
        if unknown := [title for title in entry["before"] + entry["after"] if title not in entries]:
            raise ValueError(f"{path}: {entry['title']}: no notebook is called {', '.join(unknown)}")
    for term, places in table["terms"].items():
        if unknown := [place for place in places["in"] if place.partition(": ")[0] not in entries]:
            raise ValueError(f"{path}: {term}: no notebook is called {', '.join(unknown)}")
    return entries, table["terms"], table["subjects"]


def collect(source):
    """Copy everything that becomes a page into a new folder `source`, with links that fit there. Returns the number.

    Raises ValueError for a notebook with outputs that reading.toml does not know.
    """
    entries, _, subjects = reading()
    source.mkdir(parents=True)
    paths = [path for path in files(".md", ".ipynb") if not relative(path).startswith(OWN)]
    paths = [path for path in paths if path.suffix == ".md" or has_outputs(path)]
    listed = {entry["path"] for entry in entries.values()}
    if missing := [relative(path) for path in paths if path.suffix == ".ipynb" and relative(path) not in listed]:
        raise ValueError(f"{', '.join(missing)}: not in docs/site/reading.toml; it takes one line there")
    pages = {relative(path) for path in paths}
    folders = {title: entry["path"].rpartition("/")[0] for title, entry in entries.items() if entry["there"]}
    readmes = {f"{folder}/README.md": title for title, folder in folders.items()}
    for path in paths:
        target = source / relative(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            if title := readmes.get(relative(path)):  # its own heading is often the notebook's, too
                text = re.sub(r"\A# .*", f"# {title}: {MODEL_PAGE[0].lower()}{MODEL_PAGE[1:]}", text)
            target.write_text(adapted(text, path, pages, source), encoding="utf-8")
        else:
            target.write_text(json.dumps(adapted_notebook(json.loads(text), path, pages, source)), encoding="utf-8")
    (source / "index.md").write_text(front_page(entries, subjects, pages, source), encoding="utf-8")
    return len(pages) + 2  # the front page and the overview


def relative(path):
    return path.relative_to(ROOT).as_posix()


def has_outputs(path):
    """Whether a notebook has anything stored: one that has not been trained yet is no page."""
    return any(cell.get("outputs") for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])


def adapted_notebook(book, path, pages, source):
    """A notebook's content with links that fit, the setup cell folded, and its folder's README as the page after it."""
    for cell in book["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = adapted(text, path, pages, source)
        elif text.startswith(FOLDED):
            cell["metadata"]["tags"] = ["hide-input"]
    if relative(path.parent / "README.md") in pages:
        toctree = f"```{{toctree}}\n:hidden:\n{MODEL_PAGE} <README>\n```"
        book["cells"].append({"cell_type": "markdown", "id": "toctree", "metadata": {}, "source": toctree})
    book["metadata"]["language_info"] = {"name": "python", "pygments_lexer": "python"}
    return book


def adapted(text, path, pages, source):
    """Markdown of the file `path`, for the site.

    Links to pages stay, a link to a folder leads to its README, and all other files are linked on GitHub. Images are
    copied along. A badge, which is an image from elsewhere, becomes a button.
    """
    here, hidden = path.parent, []

    def hide(match):
        hidden.append(match[0])
        return f"\0{len(hidden) - 1}\0"

    def link(match):
        image, words, to = match.groups()
        if re.match(r"[a-z]+:|#", to):
            return match[0]
        file, hash_, heading = to.partition("#")
        goal = (here / file).resolve()
        if image:
            (source / relative(goal)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(goal, source / relative(goal))
            return match[0]
        if goal.is_dir() and relative(goal / "README.md") in pages:
            file, goal = os.path.join(file, "README.md"), goal / "README.md"
        if relative(goal) in pages:
            return f"[{words}]({file}{hash_}{heading})"
        kind = "tree" if goal.is_dir() else "blob"
        return f"[{words}](https://github.com/{address()}/{kind}/main/{relative(goal)}{hash_}{heading})"

    text = VERBATIM.sub(hide, text)
    text = LINK.sub(link, BADGE.sub(r"[Open in Colab](\1){.colab}", text))
    return re.sub("\0(\\d+)\0", lambda match: hidden[int(match[1])], text)


def front_page(entries, subjects, pages, source):
    """Markdown of the first page: what this is, as README.md says it, and the notebooks by subject."""
    heading, what, *_ = (ROOT / "README.md").read_text(encoding="utf-8").split("\n\n")
    parts = [heading, adapted(what, ROOT / "README.md", pages, source)]
    parts.append(
        "[Twenty years of architectures](overview.md) draws them side by side: their parameters, their "
        "multiply-adds and our own results."
    )
    for subject, about in subjects.items():
        chosen = [entry for entry in entries.values() if entry["subject"] == subject and entry["there"]]
        if not chosen:
            continue
        cards = [f"[{e['title']}]({e['path']}) {e['year']}\n\n{e['idea']}" for e in chosen]
        toctree = "\n".join(f"{e['title']} <{e['path']}>" for e in chosen)
        parts += [
            f"## {subject}\n\n{about}",
            "::::{container} papers\n" + "\n".join(f":::{{container}} paper\n{card}\n:::" for card in cards) + "\n::::",
            f"```{{toctree}}\n:hidden:\n:caption: {subject}\n{toctree}\n```",
        ]
    shown = {entry["path"].rsplit("/", 1)[0] + "/README.md" for entry in entries.values() if entry["there"]}
    rest = sorted(page for page in pages if page.endswith(".md") and page not in shown)
    rest = ["overview.md", *("The repository's README <README.md>" if page == "README.md" else page for page in rest)]
    parts.append("```{toctree}\n:hidden:\n:caption: The collection\n" + "\n".join(rest) + "\n```")
    return "\n\n".join(parts) + "\n"
