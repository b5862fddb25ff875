"""run.py: execute ResNet.ipynb at scale quick into quick.ipynb (outputs cleaned); CPU seconds, long lines, stderr."""
import os
import shutil
import sys
import time

sys.path.insert(0, "/work/main")
import nbformat
import psutil
from nbclient import NotebookClient
from tools.notebooks import clean

HERE = os.path.dirname(os.path.abspath(__file__)) + "/"
shutil.rmtree("/tmp/ck-resnetuse", ignore_errors=True)
os.environ.update(RUN_SCALE="quick", PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-resnetuse")
for name in ("MPLBACKEND", "RESULTS_DIR"):
    os.environ.pop(name, None)
nb = nbformat.read(HERE + "ResNet.ipynb", 4)
spent = {}


def cpu(cell, cell_index, **_):
    spent[cell_index] = sum(psutil.Process(client.km.provisioner.pid).cpu_times()[:2])


client = NotebookClient(nb, timeout=900, kernel_name="python3", on_cell_executed=cpu,
                        resources={"metadata": {"path": "/work/main/architectures/resnet"}})
start = time.time()
try:
    client.execute()
finally:
    clean(nb)
    nbformat.write(nb, HERE + "quick.ipynb")
    before = 0
    for i, total in spent.items():
        if total - before > 0.7:
            print(f"cell {i}: {total - before:.1f} s  {nb.cells[i].source[:60]!r}")
        before = total
    print(f"CPU {before:.0f} s, wall {time.time() - start:.0f} s, {os.path.getsize(HERE + 'quick.ipynb') / 1000:.0f} kB")
    for i, cell in enumerate(nb.cells):
        for o in cell.get("outputs", []):
            if o.get("name") == "stderr":
                print("STDERR", i, o["text"][:500])
            for line in o.get("text", "").splitlines():
                if len(line) > 100:
                    print("long", i, len(line), line)
