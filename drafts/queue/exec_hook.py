"""Execute MobileNet.ipynb in place; before the V2 cell, resume the paused trainings and wait for them."""
import os, sys, time, subprocess, signal, pickle
sys.path.insert(0, "/work/main")
from pathlib import Path
import nbformat
from nbconvert.preprocessors import ExecutePreprocessor
from tools import notebooks
path = Path("/work/main/architectures/mobilenet/MobileNet.ipynb")
book = nbformat.read(path, 4)
os.environ.update({**notebooks.MEMORY, "RUN_SCALE": "cpu", "RESULTS_DIR": str(path.parent / "results")})
os.environ.pop("OMP_NUM_THREADS", None); os.environ.pop("MKL_NUM_THREADS", None)
os.environ.pop("MPLBACKEND", None)
def pids(): return [int(p) for p in subprocess.run(["pgrep", "-f", "run_nb.py mob"], capture_output=True, text=True).stdout.split()]
def others(): return [int(p) for p in subprocess.run(["pgrep", "-f", "pytest|steps.py|speed.py|run.py real|sphinx|round.sh|tools.site"], capture_output=True, text=True).stdout.split() if int(p) != os.getpid()]
stopped = []
t0 = {}
def start(cell, cell_index):
    t0[cell_index] = time.time()
    if cell.cell_type == "code" and "variants = {}" in cell.source:
        nbformat.write(book, "/root/queue/mob-partial.ipynb")
        for p in stopped:
            try: os.kill(p, signal.SIGCONT)
            except ProcessLookupError: pass
        print("waiting for trainings", time.strftime("%H:%M:%S"), flush=True)
        while pids(): time.sleep(2)
        print("trainings over", time.strftime("%H:%M:%S"), flush=True)
def end(cell, cell_index, execute_reply=None, **_):
    print("cell", cell_index, f"{time.time()-t0[cell_index]:.1f} s", "".join(notebooks.text_of(o) for o in cell.outputs)[:600], flush=True)
for p in pids() + others():
    os.kill(p, signal.SIGSTOP); stopped.append(p)
print("stopped", stopped, flush=True)
try:
    ep = ExecutePreprocessor(timeout=4*3600, kernel_name="python3", record_timing=False, extra_arguments=["--log-level=ERROR"], on_cell_start=start, on_cell_executed=end)
    ep.preprocess(book, {"metadata": {"path": str(path.parent)}})
finally:
    for p in stopped:
        try: os.kill(p, signal.SIGCONT)
        except ProcessLookupError: pass
book = notebooks.clean(book)
nbformat.write(book, str(path) + ".part"); os.replace(str(path) + ".part", path)
print("STORED", path.stat().st_size, flush=True)
