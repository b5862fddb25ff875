"""run.py quick|real: execute AlexNet.ipynb into MODE.ipynb; figures as PNG in /tmp/ax/figs. real: a few images of CIFAR-10, scale cpu."""
import base64, os, re, resource, shutil, sys, time, nbformat
sys.path.insert(0, "/work/main")
from pathlib import Path
from tools.notebooks import clean
from nbclient import NotebookClient
mode, HERE = sys.argv[1], "/root/drafts/alexnet2/"
shutil.rmtree("/tmp/ck-alexnet2", ignore_errors=True)
os.environ.update(RUN_SCALE="quick" if mode == "quick" else "cpu", PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-alexnet2")
os.environ.pop("MPLBACKEND", None); os.environ.pop("RESULTS_DIR", None)
nb = nbformat.read(HERE + "AlexNet.ipynb", 4)
if mode == "real":
    for c in nb.cells:
        c.source = c.source.replace("first = [(data.train", "data = replace(data, **{s: Split(*(t[:n] for t in getattr(data, s))) for s, n in (('train', 1500), ('val', 300), ('test', 300))})\nfirst = [(data.train")
        c.source = c.source.replace("settings = SETTINGS[scale]", "settings = SETTINGS[scale]\nsettings.update(epochs=1, race=SETTINGS['quick']['race'])")
        c.source = c.source.replace("or one > 80", "or True").replace('if scale == "quick":\n    RATES', 'if True:\n    RATES')
times, begin = {}, {}
client = NotebookClient(nb, timeout=3000, kernel_name="python3", resources={"metadata": {"path": "/work/main/architectures/alexnet"}},
    on_cell_start=lambda cell, cell_index: begin.__setitem__(cell_index, time.time()),
    on_cell_executed=lambda cell, cell_index, **_: times.__setitem__(cell_index, time.time() - begin[cell_index]))
start = time.time()
try:
    client.execute()
finally:
    clean(nb)
    nbformat.write(nb, HERE + mode + ".ipynb")
    for i, t in times.items():
        if t > 1.5: print(f"cell {i}: {t:.1f} s  {nb.cells[i].source[:60]!r}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"wall {time.time() - start:.0f} s, CPU {used.ru_utime + used.ru_stime:.0f} s, {os.path.getsize(HERE + '' + mode + '.ipynb') / 1000:.0f} kB")
    figs = Path("/tmp/ax/figs"); shutil.rmtree(figs, ignore_errors=True); figs.mkdir(parents=True)
    for i, cell in enumerate(nb.cells):
        for k, o in enumerate(cell.get("outputs", [])):
            if "image/png" in o.get("data", {}): (figs / f"{i:02}-{k}.png").write_bytes(base64.b64decode(o["data"]["image/png"]))
            if o.get("name") == "stderr": print("STDERR", i, o["text"][:300])
            for line in o.get("text", "").splitlines():
                if len(line) > 100: print("long", i, len(line), line)
