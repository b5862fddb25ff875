"""run.py SCALE: execute a copy of Transformer.ipynb into executed.ipynb; prints seconds, the outputs' size and every error."""
import os, sys, shutil, time, nbformat
from pathlib import Path
sys.path.insert(0, "/work/main")
scale = sys.argv[1]
os.environ.update(RUN_SCALE=scale, PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-transformer", OMP_NUM_THREADS="1")
shutil.rmtree("/tmp/ck-transformer", ignore_errors=True)
from nbclient import NotebookClient
from tools import notebooks
HERE = Path(__file__).parent
book = nbformat.read(HERE / "Transformer.ipynb", 4)
started, times = time.time(), {}
client = NotebookClient(book, timeout=900, kernel_name="python3", record_timing=True, resources={"metadata": {"path": "/work/main/architectures/transformer"}})
try:
    client.execute()
finally:
    for i, cell in enumerate(book.cells):
        t = cell.metadata.get("execution", {})
        if "iopub.execute_input" in t and "shell.execute_reply" in t:
            from datetime import datetime
            d = [datetime.fromisoformat(t[k].replace("Z", "+00:00")) for k in ("iopub.execute_input", "shell.execute_reply")]
            if (d[1] - d[0]).total_seconds() > 1: print(f"cell {i}: {(d[1]-d[0]).total_seconds():.1f} s", cell.source[:50].replace("\n", " | "))
    nbformat.write(notebooks.clean(book), HERE / "executed.ipynb")
    print(f"{time.time() - started:.0f} s, {(HERE / 'executed.ipynb').stat().st_size / 1e3:.0f} kB")
    for i, cell in enumerate(book.cells):
        for o in cell.get("outputs", []):
            if o.output_type == "error" or o.get("name") == "stderr": print(i, str(o.get("text") or o.get("evalue"))[-1500:])
