"""Execute ResNet.ipynb at scale quick into quick.ipynb; print CPU seconds, the slow cells, and lines over 100 characters."""
import os, shutil, sys, time, psutil, nbformat
sys.path.insert(0, "/work/main")
from tools.notebooks import clean
from nbclient import NotebookClient
HERE = "/root/drafts/resnet2/"
shutil.rmtree("/tmp/ck-resnet2", ignore_errors=True)
os.environ.update(RUN_SCALE="quick", PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-resnet2")
os.environ.pop("MPLBACKEND", None)
nb = nbformat.read(HERE + "ResNet.ipynb", 4)
spent = {}
def cpu(cell, cell_index, **_):
    kernel = psutil.Process(client.km.provisioner.pid)
    spent[cell_index] = sum(kernel.cpu_times()[:2])
client = NotebookClient(nb, timeout=3000, kernel_name="python3", resources={"metadata": {"path": "/work/main/resnet"}}, on_cell_executed=cpu)
start = time.time()
try:
    client.execute()
finally:
    clean(nb)
    nbformat.write(nb, HERE + "quick.ipynb")
    before = 0
    for i, total in spent.items():
        if total - before > 1: print(f"cell {i}: {total - before:.1f} s  {nb.cells[i].source[:60]!r}")
        before = total
    print(f"CPU {before:.0f} s, wall {time.time() - start:.0f} s, {os.path.getsize(HERE + 'quick.ipynb') / 1000:.0f} kB")
    for i, cell in enumerate(nb.cells):
        for o in cell.get("outputs", []):
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
