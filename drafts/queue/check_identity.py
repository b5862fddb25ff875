"""Does the draft notebook still find the trainings that run? Prints the path of each and whether it exists."""
import os, sys
os.environ.update(RUN_SCALE="cpu", MPLBACKEND="agg", RESULTS_DIR="/tmp/ci-results")
D="/root/drafts/attention3"; os.chdir("/work/main/attention")
sys.path[:0]=["/work/main"]
import importlib.util
for name in ("epochs","significance"):  # the draft's modules, until they stand in the tree
    path=f"/work/main/attention/{name}.py"
    path=path if os.path.exists(path) else f"{D}/{name}.py"
    spec=importlib.util.spec_from_file_location(f"attention.{name}",path); m=importlib.util.module_from_spec(spec); sys.modules[f"attention.{name}"]=m; spec.loader.exec_module(m)
import nbformat
from IPython.core.interactiveshell import InteractiveShell
import utils.checkpoint as c
class Stop(Exception): pass
def resume(self):
    print("PATH", self.path, self.path.exists()); raise Stop
c.Run.resume=resume
b=nbformat.read(sys.argv[1],4); shell=InteractiveShell.instance()
for cell in b.cells:
    s=cell.source
    if cell.cell_type!="code" or s.startswith(("@styled\ndef plot","plot_","boxes","sizes = [4")): continue
    if "model, run = train_numbers" in s: s=s.replace("model, run = train_numbers","# ")
    s=s.split("\nsrc, _ = batch")[0]
    r=shell.run_cell(s)
    if "def build_recurrent" in s: break
