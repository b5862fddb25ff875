"""execute.py [scale] [cells]: run the draft in the folder of the model, print each cell's output and its seconds."""
import os, sys, time, nbformat
from nbclient import NotebookClient
scale = sys.argv[1] if len(sys.argv) > 1 else "quick"
here = os.path.dirname(os.path.abspath(__file__))
os.environ.update(RUN_SCALE=scale, PYTHONPATH="/work/main", MPLBACKEND="module://matplotlib_inline.backend_inline", CHECKPOINT_DIR="/tmp/ck-mobilenet", RESULTS_DIR="/tmp/ck-mobilenet/results")
nb = nbformat.read(f"{here}/MobileNet.ipynb", 4)
nb.cells.append(nbformat.v4.new_code_cell("import time; print('kernel cpu seconds', time.process_time())"))
clock = {}
def begin(cell, cell_index): clock[cell_index] = time.time()
def end(cell, cell_index, **_):
    s = time.time() - clock.get(cell_index, time.time())
    text = "".join((f"[{o.get('name','')}] " if o.get('name') == 'stderr' else "") + str(o.get("text") or o.get("data", {}).get("text/plain") or "\n".join(o.get("traceback", []))) + "\n" for o in cell.get("outputs", []))
    print(f"--- cell {cell_index} {s:.1f} s: {text[:2500]}", flush=True)
c = NotebookClient(nb, timeout=None, kernel_name="python3", resources={"metadata": {"path": "/work/main/architectures/mobilenet"}}, on_cell_start=begin, on_cell_executed=end)
t = time.time()
try: c.execute()
finally:
    nbformat.write(nb, f"{here}/executed.ipynb"); print("total", time.time() - t)
