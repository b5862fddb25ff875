"""run.py SCALE: execute a copy of GPT.ipynb with its figures, into /tmp/GPT-SCALE.ipynb"""
import os, sys, shutil, nbformat
from pathlib import Path
sys.path.insert(0, "/work/main")
scale = sys.argv[1]
os.environ.update(RUN_SCALE=scale, PYTHONPATH="/work/main", CHECKPOINT_DIR="/tmp/ck-gpt", OMP_NUM_THREADS="1")
shutil.rmtree("/tmp/ck-gpt", ignore_errors=True)
from nbclient import NotebookClient
from tools import notebooks
book = nbformat.read(Path(__file__).with_name("GPT.ipynb"), 4)
try:
    NotebookClient(book, timeout=900, kernel_name="python3", record_timing=False, extra_arguments=["--log-level=ERROR"], resources={"metadata": {"path": "/work/main/architectures/gpt"}}).execute()
finally:
    nbformat.write(notebooks.clean(book), f"/tmp/GPT-{scale}.ipynb")
