"""names.py NB: the folder of the epochs that each real training of the notebook will look for (nothing is trained)."""
import os, sys
os.environ.update(RUN_SCALE="cpu", MPLBACKEND="agg", RESULTS_DIR="/tmp/ci-results", OMP_NUM_THREADS="1")
os.chdir("/work/main/attention"); sys.path[:0]=["/work/main"]
import nbformat
from IPython.core.interactiveshell import InteractiveShell
b=nbformat.read(sys.argv[1],4); shell=InteractiveShell.instance()
for cell in b.cells:
    s=cell.source
    if cell.cell_type!="code" or s.startswith(("@styled\ndef plot","plot_","boxes","sizes = [4","following")): continue
    if "model, run = train_numbers" in s: s=s.replace("model, run = train_numbers","# ")
    s=s.split("\nsrc, _ = batch")[0]
    if "trained = train_seeds" in s: s=s.split("trained = train_seeds")[0]
    if "rivals = train_seeds" in s: s=s.split("contenders =")[0]
    r=shell.run_cell(s)
    if "def build_recurrent" in s: break
shell.run_cell('''
import attention.epochs
class Stop(Exception): pass
def keep_each_epoch(folder, model, loader):
    print("FOLDER", folder.name); raise Stop
for seed in (0, 1, 2):
    for name, build, options in (("transformer", build_transformer, {}), ("recurrent", build_recurrent, dict(precision="float32"))):
        try: train_real(name, build, seed, **options)
        except Stop: pass
''')
