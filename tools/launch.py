"""A notebook in every process that torchrun starts: torchrun --nproc-per-node=8 -m tools.launch resnet/ResNet.ipynb

The code cells run in their order, in the notebook's folder. The first process prints, and saves the plots under
build/<scale>/; the others are silent, until something fails. docs/scale.md says how the work is shared.
"""

import argparse
import os
import sys
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="torchrun --nproc-per-node=N -m tools.launch", description=__doc__)
    parser.add_argument("notebook")
    parser.add_argument("--scale", choices=("quick", "cpu", "gpu", "paper"))
    parser.add_argument("--timeout", type=float, default=600, help="seconds that a process waits for the others")
    options = parser.parse_args(arguments)
    if "WORLD_SIZE" not in os.environ:
        parser.error("torchrun starts this: torchrun --nproc-per-node=2 -m tools.launch NOTEBOOK")
    path = Path(options.notebook) if Path(options.notebook).is_file() else ROOT / options.notebook
    if not path.is_file():
        parser.error(f"there is no notebook {options.notebook}")
    os.environ["MPLBACKEND"] = "agg"
    if options.scale:
        os.environ["RUN_SCALE"] = options.scale
    import torch

    from utils import distributed

    torch.set_num_threads(own_threads())
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # slower at worst, says torch
    try:
        distributed.join(options.timeout)
    except (ConnectionError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not distributed.is_first():
        sys.stdout = open(os.devnull, "w")
    return execute(path.resolve(), f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']}")


def own_threads():
    """This process's share of the machine's cores, one at least."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", 1)))


def execute(path, who):
    """Run the code cells of the notebook `path`. Returns 0, or 1 after a cell that failed, which is named."""
    import nbformat

    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    os.chdir(path.parent)
    sys.path.insert(0, str(path.parent))
    shell = new_shell()
    for number, source in enumerate(cells, start=1):
        result = shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            traceback.print_exception(type(error), error, error.__traceback__)
            print(f"error: cell {number} of {path.name} failed in {who}: {error!r}", file=sys.stderr)
            return 1
        save_plots(path, number)
    return 0


def new_shell():
    """An IPython shell, as in a notebook's kernel, which leaves no trace in the home folder."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.showtraceback = lambda *_, **__: None  # `execute` prints it, in whichever process it was
    return shell


def save_plots(path, number):
    """Close the figures that a cell has drawn, as a notebook does; in the first process their files are kept."""
    if "matplotlib.pyplot" not in sys.modules:
        return
    from matplotlib import pyplot as plt

    from utils.device import current_scale
    from utils.distributed import is_first

    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(path.name)
    folder = ROOT / "build" / current_scale() / inside.with_suffix("")
    for figure in plt.get_fignums() if is_first() else ():
        folder.mkdir(parents=True, exist_ok=True)
        plt.figure(figure).savefig(folder / f"cell-{number:02d}-{figure}.png")
    plt.close("all")


def leave(code):
    """End this process without waiting for a communication that the others may never answer."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    leave(main())
