"""run.py quick|real: execute LeNet.ipynb into MODE.ipynb. quick: scale quick. real: MNIST, one epoch of each training."""
import os, shutil, sys, time, nbformat
sys.path.insert(0, "/work/main")
from tools.notebooks import clean
from nbclient import NotebookClient
mode, HERE = sys.argv[1], "/root/drafts/lenet2/"
shutil.rmtree("/tmp/ck-lenet2", ignore_errors=True)
os.environ.update(RUN_SCALE="quick" if mode == "quick" else "cpu", PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-lenet2")
os.environ.pop("MPLBACKEND", None); os.environ.pop("RESULTS_DIR", None)
nb = nbformat.read(HERE + "LeNet.ipynb", 4)
if mode != "quick":
    for c in nb.cells:
        if c.source.startswith("SETTINGS"):
            c.source += '\nsettings.update(epochs=1, seeds=[0], rates=[3e-3], sizes={550: 10, 5500: 3})'
        c.source = c.source.replace(">= 98.5", ">= 90").replace("shifts = [0, 3, 10] if", "shifts = [0, 3, 6, 10] if True else [0, 3, 10] if")
times, begin = {}, {}
client = NotebookClient(nb, timeout=900, kernel_name="python3", resources={"metadata": {"path": "/work/main/architectures/lenet"}},
    on_cell_start=lambda cell, cell_index: begin.__setitem__(cell_index, time.time()),
    on_cell_executed=lambda cell, cell_index, **_: times.__setitem__(cell_index, time.time() - begin[cell_index]))
start = time.time()
try:
    client.execute()
finally:
    clean(nb)
    nbformat.write(nb, HERE + mode + ".ipynb")
    for i, t in times.items():
        if t > 2: print(f"cell {i}: {t:.1f} s  {nb.cells[i].source[:60]!r}")
    print(f"wall {time.time() - start:.0f} s, {os.path.getsize(HERE + mode + '.ipynb') / 1000:.0f} kB")
    for i, cell in enumerate(nb.cells):
        for o in cell.get("outputs", []):
            if o.get("name") == "stderr": print("STDERR", i, o["text"][:300])
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
