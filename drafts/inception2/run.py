"""python run.py: execute Inception.ipynb at scale quick into quick.ipynb; print CPU time, slow cells, lines over 100 characters.

drawing.py lies here until it is installed: a sitecustomize.py adds this folder to the package architectures.inception.
"""
import os, shutil, sys, time, psutil, nbformat
sys.path.insert(0, "/work/main")
from tools.notebooks import clean
from nbclient import NotebookClient
HERE = "/root/drafts/inception2/"
shutil.rmtree("/tmp/ck-inception2", ignore_errors=True)
os.makedirs("/tmp/inception2-site", exist_ok=True)
with open("/tmp/inception2-site/sitecustomize.py", "w") as file:
    file.write(f"import architectures.inception\narchitectures.inception.__path__.append({HERE!r})\n")
os.environ.update(RUN_SCALE="quick", PYTHONPATH="/tmp/inception2-site:/work/main", CHECKPOINT_DIR="/tmp/ck-inception2")
os.environ.pop("MPLBACKEND", None); os.environ.pop("RESULTS_DIR", None)
nb = nbformat.read(HERE + "Inception.ipynb", 4)
spent = {}
def cpu(cell, cell_index, **_):
    spent[cell_index] = sum(psutil.Process(client.km.provisioner.pid).cpu_times()[:2])
client = NotebookClient(nb, timeout=1800, kernel_name="python3", resources={"metadata": {"path": "/work/main/architectures/inception"}}, on_cell_executed=cpu)
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
            if o.get("name") == "stderr": print("STDERR", i, o["text"][:300])
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
