"""For pytest and nbval: the repository on every path, scale quick, one thread, an empty folder of checkpoints."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = str(Path(__file__).resolve().parent)

sys.path.insert(0, ROOT)
os.environ["PYTHONPATH"] = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
os.environ["RUN_SCALE"] = "quick"
os.environ["CHECKPOINT_DIR"] = tempfile.mkdtemp(prefix="checkpoints-")
os.environ["MPLBACKEND"] = "agg"
for variable in (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
):  # two workers with two each take five times as long
    os.environ[variable] = "1"
atexit.register(shutil.rmtree, os.environ["CHECKPOINT_DIR"], ignore_errors=True)
