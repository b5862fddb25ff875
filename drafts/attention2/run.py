"""run.py: execute Attention.ipynb at scale quick into quick.ipynb; say what is slow, long, or on stderr."""
import os, shutil, sys, time, nbformat
sys.path.insert(0, "/work/main")
from tools.notebooks import clean
from nbclient import NotebookClient
HERE = "/root/drafts/attention2/"
shutil.rmtree("/tmp/ck-attention2", ignore_errors=True)
extra = "/tmp/attention2-extra"  # packed.py is not installed yet: the namespace package `attention` gets a second folder
os.makedirs(extra + "/attention", exist_ok=True); shutil.copy(HERE + "packed.py", extra + "/attention/packed.py")
os.environ.update(RUN_SCALE="quick", PYTHONPATH="/work/main:" + extra, CHECKPOINT_DIR="/tmp/ck-attention2")
os.environ.pop("MPLBACKEND", None); os.environ.pop("RESULTS_DIR", None)
nb = nbformat.read(HERE + "Attention.ipynb", 4)
times, begin = {}, {}
client = NotebookClient(nb, timeout=3000, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": "/work/main/attention"}},
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
            if o.output_type == "error": print("ERROR", i, cell.source[:60], o.ename, o.evalue[:600])
            if o.get("name") == "stderr": print("STDERR", i, o["text"][:300])
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
