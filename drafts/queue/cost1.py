"""cost1.py NOTEBOOK SCALE LAST OUT: like tools.cost, but stops after code cell LAST."""
import sys, json, os; sys.path.insert(0,"/work/main"); os.chdir("/work/main")
from pathlib import Path
from tools import cost
import nbformat
path, scale, last, out = Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]), sys.argv[4]
real=nbformat.read
def read(p, **o):
    b=real(p, **o); kept=0; cells=[]
    for c in b.cells:
        if c.cell_type=="code": kept+=1
        if kept<=last: cells.append(c)
    b.cells=cells; return b
cost.nbformat.read=read
os.environ.update(CUDA_VISIBLE_DEVICES="", RUN_SCALE=scale, MPLBACKEND="agg")
json.dump(cost.count(path), open(out,"w")); print("done", scale)
