"""python identity.py NOTEBOOK …: the fingerprint of the main run at scale cpu for each notebook, without training.

The last notebook's cell that overfits one batch runs too, on CIFAR-10.
"""
import os, sys, time
os.environ.update(RUN_SCALE="cpu", MPLBACKEND="Agg", CHECKPOINT_DIR="/tmp/ck-inception2-id")
sys.path.insert(0, "/work/main")
os.chdir("/work/main/architectures/inception")
import nbformat
import architectures.inception
architectures.inception.__path__.append("/root/drafts/inception2/")  # drawing.py, until it is installed
from IPython.core.interactiveshell import InteractiveShell
from utils.fingerprint import fingerprint
from utils.training import identify, train_one_epoch

NEEDED = ("# Setup", "# %load", "import copy", "data = load_shapes", "def multiply_adds", "ORDER =", 'names = {"conv1"', "def count",
          "def receptive_fields", "SETTINGS =", "def smoothed")
BATCH = "set_seed(SEED)\nmodel = SmallGoogLeNet(width=1 / 8)"

def asked_for(model, loader, optimizer, scheduler, epochs, device, evaluate_on, objective, checkpoint):
    """In place of `fit`: the identity that it would give the run."""
    print("knobs of fit:", checkpoint, epochs, device)
    return identify(model, loader, optimizer, scheduler, epochs, evaluate_on, objective, train_one_epoch, None)

for path in sys.argv[1:]:
    shell = InteractiveShell()
    for cell in nbformat.read(path, 4).cells:
        source, start = cell.source, time.process_time()
        wanted = source.startswith(NEEDED) or (source.startswith(BATCH) and path == sys.argv[-1])
        if cell.cell_type != "code" or not wanted:
            continue
        source = source.replace("draw_network(", "(lambda *_: None)(").replace("\nplot_histories(", "\n(lambda *_: None)(")
        if source.startswith("def smoothed"):
            shell.user_ns["fit"] = asked_for
            model = shell.user_ns["SmallGoogLeNet"]
        shell.run_cell(source, store_history=True).raise_error()
        if source.startswith(BATCH):
            print(f"{time.process_time() - start:.1f} s of CPU time")
    identity = shell.user_ns["run"]
    print(path, fingerprint(identity), {key: fingerprint(value)[:6] for key, value in identity.items()})
