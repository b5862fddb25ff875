"""run.py: execute VGG.ipynb at scale quick into quick.ipynb; say what is slow, long, or on stderr."""
import os, shutil, sys, time, nbformat
sys.path.insert(0, "/work/main")
from tools.notebooks import clean
from nbclient import NotebookClient
HERE = "/root/drafts/vgg2/"
shutil.rmtree("/tmp/ck-vgg2", ignore_errors=True)
os.environ.update(RUN_SCALE="quick", PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-vgg2")
os.environ.pop("MPLBACKEND", None); os.environ.pop("RESULTS_DIR", None)
nb = nbformat.read(HERE + "VGG.ipynb", 4)
times, begin = {}, {}
client = NotebookClient(nb, timeout=3000, kernel_name="python3", resources={"metadata": {"path": "/work/main/architectures/vgg"}},
    on_cell_start=lambda cell, cell_index: begin.__setitem__(cell_index, time.time()),
    on_cell_executed=lambda cell, cell_index, **_: times.__setitem__(cell_index, time.time() - begin[cell_index]))
start = time.time()
try:
    client.execute()
finally:
    clean(nb)
    nbformat.write(nb, HERE + "quick.ipynb")
    for i, t in times.items():
        if t > 1: print(f"cell {i}: {t:.1f} s  {nb.cells[i].source[:60]!r}")
    print(f"wall {time.time() - start:.0f} s, CPU {sum(os.times()[:4]):.0f} s, {os.path.getsize(HERE + 'quick.ipynb') / 1000:.0f} kB")
    for i, cell in enumerate(nb.cells):
        for o in cell.get("outputs", []):
            if o.get("name") == "stderr": print("STDERR", i, o["text"][:300])
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
