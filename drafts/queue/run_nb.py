"""run_nb.py NB FOLDER SCALE: the code cells of a notebook, one after another in this process, in FOLDER."""
import os, sys, time, traceback
nb, folder, scale = sys.argv[1:4]
nb = os.path.abspath(nb)
os.environ.update(RUN_SCALE=scale, MPLBACKEND="agg")
os.environ.setdefault("RESULTS_DIR", "/tmp/results-" + os.path.basename(nb))
os.chdir(folder); sys.path.insert(0, "/work/main"); sys.path.insert(0, folder)
import nbformat
from IPython.core.interactiveshell import InteractiveShell
import __main__
shell = InteractiveShell.instance()
book = nbformat.read(nb, 4)
for i, cell in enumerate(book.cells):
    if cell.cell_type != "code": continue
    t = time.time()
    result = shell.run_cell(cell.source)
    print(f"--- cell {i} {time.time()-t:.0f} s {cell.source.splitlines()[0][:70]!r}", time.strftime("%H:%M:%S"), flush=True)
    if not result.success:
        print("FAILED", i, flush=True); sys.exit(1)
print("ALL DONE", flush=True)
