"""Notebooks: cells that repeat a source file, execution, and outputs that are clean enough to store."""

import ast
import base64
import io
import os
import re
import time
import zlib
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from PIL import Image

from tools.repository import ROOT, address, files
from utils.files import written_whole
from utils.progress import tell

MARKER = re.compile(r"# %load -s (?P<names>[\w,]+) (?P<path>\S+)")
SETUP_MARKER = "# Setup: "
CELL_TIMEOUT = {"quick": 300, "cpu": 12 * 3600, "gpu": 12 * 3600, "paper": 48 * 3600}  # seconds
# glibc hands large tensors back after every use, and each new one costs page faults: kept, and in large pages, they
# train 20 to 40 % faster
MEMORY = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "64000000",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
KEPT_METADATA = ("kernelspec", "language_info", "accelerator", "colab")


def setup_source():
    """The first cell of every notebook, with the collection's address in it."""
    return (ROOT / "tools" / "setup_cell.py").read_text(encoding="utf-8").rstrip().replace("OWNER/NAME", address())


def synced_source(first_line, notebook):
    """What a cell with this first line has to hold, or None for a cell of the notebook's own.

    `# %load -s Name,name ../path/file.py` is IPython's own way of naming definitions of a file; the path is relative to
    the notebook. Raises ValueError where the file or a name is not there.
    """
    if first_line.startswith(SETUP_MARKER):
        return setup_source()
    match = MARKER.fullmatch(first_line.strip())
    if not match:
        return None
    path = (Path(notebook).parent / match["path"]).resolve()
    if not path.is_file():
        raise ValueError(f"{notebook}: {match['path']} is not there, but a cell says {first_line!r}")
    text = path.read_text(encoding="utf-8")
    definitions = {
        node.name: node
        for node in ast.parse(text).body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
    }
    parts = []
    for name in match["names"].split(","):
        if name not in definitions:
            raise ValueError(f"{notebook}: {match['path']} defines no {name!r}, but a cell says {first_line!r}")
        parts.append(lines_of(text, definitions[name]))
    return first_line.strip() + "\n" + "\n\n\n".join(parts)


def lines_of(text, node):
    """The lines of a definition with its decorators and the comments that stand directly above it."""
    lines = text.splitlines()
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
    while first and lines[first - 1].startswith("#"):
        first -= 1
    return "\n".join(lines[first : node.end_lineno])


def stale_cells(path, book):
    """(cell, what it should hold) for every synced cell of a notebook that differs from its source."""
    for cell in book.cells:
        if cell.cell_type == "code" and cell.source:
            expected = synced_source(cell.source.splitlines()[0], path)
            if expected is not None and cell.source.rstrip() != expected:
                yield cell, expected


def sync(check=False):
    """Refresh every synced cell of every notebook; with `check`, only tell, and fail, where one differs."""
    stale = 0
    for path in files(".ipynb"):
        book = nbformat.read(path, as_version=4)
        changed = list(stale_cells(path, book))
        for cell, expected in changed:
            first = cell.source.splitlines()[0]
            print(f"{path.relative_to(ROOT)}: {'differs from its source' if check else 'refreshed'}: {first}")
            cell.source = expected
        if changed and not check:
            nbformat.write(book, path)
        stale += len(changed)
    return int(check and stale > 0)


def run(notebook, scale):
    """Execute a copy under build/, make HTML of it, and print where both lie and the last accuracy that was printed."""
    path = locate(notebook)
    started = time.time()
    book = executed(path, scale)
    target = ROOT / "build" / scale / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, target)
    html, _ = HTMLExporter().from_notebook_node(book)
    target.with_suffix(".html").write_text(html, encoding="utf-8")
    printed = "\n".join(text_of(output) for cell in book.cells if cell.cell_type == "code" for output in cell.outputs)
    accuracies = [line.strip() for line in printed.splitlines() if re.search(r"accuracy.*\d", line, re.IGNORECASE)]
    print(f"Executed in {time.time() - started:.0f} s at scale {scale}.")
    print(f"  notebook  {target}\n  HTML      {target.with_suffix('.html')}")
    print(f"  last accuracy: {accuracies[-1] if accuracies else 'none was printed'}")
    return 0


def execute(notebook, scale):
    """Execute in place: stored outputs are this run's; results go to results/<scale>.json beside the notebook."""
    if scale == "quick":
        raise ValueError("what is stored comes from scale cpu, gpu or paper; `make run` executes a copy at scale quick")
    path = locate(notebook)
    results = path.parent / "results"
    before = {file: file.read_bytes() for file in results.glob("*.json")}
    try:
        book = executed(path, scale, {"RESULTS_DIR": str(results)})
    except BaseException:  # the tables must not be newer than the notebook
        for file in results.glob("*.json"):
            if file not in before:
                file.unlink()
            elif file.read_bytes() != before[file]:
                with written_whole(file) as old:
                    old.write(before[file])
        raise
    with written_whole(path) as file:
        file.write(f"{nbformat.writes(book)}\n".encode())
    print(f"{path.relative_to(ROOT)}: executed in place, {path.stat().st_size / 1000:.0f} kB")
    return 0


def locate(notebook):
    """A notebook's absolute path; `notebook` is relative to the repository. Raises FileNotFoundError where none is."""
    path = (ROOT / notebook).resolve()
    if not path.is_file() or not path.is_relative_to(ROOT):
        there = ", ".join(str(p.relative_to(ROOT)) for p in files(".ipynb"))
        raise FileNotFoundError(f"there is no notebook {notebook} in the collection; there are: {there}")
    return path


def executed(path, scale, environment=None):
    """The notebook, executed in its own folder in a new kernel, its outputs cleaned."""
    book = nbformat.read(path, as_version=4)
    old = dict(os.environ)
    os.environ.update({**MEMORY, "RUN_SCALE": scale, **(environment or {})})
    try:
        options = dict(kernel_name="python3", record_timing=False, extra_arguments=["--log-level=ERROR"])
        if os.environ.get("PROGRESS_FILE"):
            options.update(followed(book))
        processor = ExecutePreprocessor(timeout=CELL_TIMEOUT[scale], **options)
        processor.preprocess(book, {"metadata": {"path": str(path.parent)}})
    finally:
        os.environ.clear()
        os.environ.update(old)
    return clean(book)


def followed(book):
    """Hooks that tell at which code cell the execution is, and print what each has printed: for `make reproduce`."""
    code = [index for index, cell in enumerate(book.cells) if cell.cell_type == "code" and cell.source.strip()]

    def started(cell, cell_index):
        if cell_index in code:
            Path(os.environ["PROGRESS_FILE"]).unlink(missing_ok=True)  # a training of the cell before
            tell(suffix=".cell", cell=code.index(cell_index) + 1, cells=len(code))

    def ended(cell, cell_index, execute_reply):
        text = "".join(text_of(output) for output in cell.outputs if output.output_type == "stream")
        print(f"[cell {code.index(cell_index) + 1} of {len(code)}]\n{as_seen(text)}", flush=True)

    return {"on_cell_start": started, "on_cell_executed": ended}


def clean(book):
    """Outputs as a reader should meet them: no widget state, timings, erased progress bars or kernel metadata."""
    book.metadata = nbformat.from_dict({key: book.metadata[key] for key in KEPT_METADATA if key in book.metadata})
    book.metadata["language_info"] = {"name": "python"}
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        outputs = []
        for output in cell.outputs:
            output.get("metadata", {}).pop("widgets", None)
            last = outputs[-1] if outputs else None
            if output.output_type == "stream" and last and last.output_type == "stream" and last.name == output.name:
                last.text += output.text
            else:
                outputs.append(output)
        for output in outputs:
            if output.output_type == "stream":
                output.text = as_seen(output.text)
            elif "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
        cell.outputs = [output for output in outputs if output.output_type != "stream" or output.text.strip()]
    return book


def as_seen(text):
    """A stream as a terminal leaves it: what a carriage return writes over is gone, and so are escape codes."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    lines = []
    for line in text.split("\n"):
        seen = ""
        for part in line.split("\r"):
            seen = part + seen[len(part) :]
        lines.append(seen.rstrip())
    return "\n".join(lines)


def smaller(image):
    """A PNG in base64 with a palette, if that takes less room: a third, for most plots.

    Median cut keeps up to 128 colours as they are. Of images with more, an octree's palette is often the smaller one,
    and keeps colours that few pixels have.
    """
    best = content = base64.b64decode(image)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    methods = [Image.Quantize.MEDIANCUT]
    if image.getcolors(128) is None:
        methods.append(Image.Quantize.FASTOCTREE)
    for method in methods:
        few = image.quantize(128, method=method, dither=Image.Dither.NONE)
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED):
            buffer = io.BytesIO()
            few.save(buffer, "PNG", optimize=True, compress_type=strategy)
            best = min(best, buffer.getvalue(), key=len)
    return base64.b64encode(best).decode()


def text_of(output):
    """The plain text of an output."""
    return output.get("text") or output.get("data", {}).get("text/plain", "")
