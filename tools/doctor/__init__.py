"""What is wrong with this machine or its set-up, and what to do about it: `make doctor`, or `python -m tools doctor`.

It needs no package and no network, and any Python from 3.7 on can run it: it has to speak where nothing else works.
Packages are tried in a process of their own, because a broken one may end its process.
"""

import sys
import textwrap

from tools.doctor import collection, folders, machine, packages
from tools.doctor.findings import Setup, note


def doctor(venv=None):
    """Print a line for each thing that matters, and what to do where something is wrong.

    `venv` is the environment that `make` runs in, and sets up where need be; None means the packages of this Python.
    Returns 1 if something would stop `make run`, else 0.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a folder's name may be more than this terminal can show
    setup = Setup(venv)
    stopping = []
    for check in CHECKS:
        try:
            lines = list(check(setup))
        except Exception as error:  # the other checks may still help
            lines = [note(check.__name__, f"could not be looked at: {error!r}", "report this, with all of these lines")]
        for line in lines:
            show(line)
            if line.mark == "STOP":
                stopping.append(line.subject)
    what = ", ".join(dict.fromkeys(stopping))
    print(f"\nThis would stop `make run`: {what}." if what else "\nNothing here would stop `make run`.")
    return int(bool(what))


def show(line):
    """Print a finding, and below it what to do."""
    print(f"{line.mark:5} {line.subject:12} {line.text}")
    if line.advice:
        indent = dict(initial_indent=" " * 19 + "-> ", subsequent_indent=" " * 22)
        print("\n".join(textwrap.wrap(line.advice, 118, break_long_words=False, break_on_hyphens=False, **indent)))
    sys.stdout.flush()


CHECKS = (
    packages.check_python,
    packages.check_environment,
    packages.check_packages,
    packages.check_torch,
    machine.check_gpu,
    machine.check_precision,
    packages.check_kernel,
    collection.check_git,
    folders.check_folders,
    folders.check_disk,
    machine.check_memory,
    collection.check_scale,
    collection.check_data,
    collection.check_checkpoints,
    collection.check_address,
)
