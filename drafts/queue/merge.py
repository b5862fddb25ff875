"""merge.py BUILT EXECUTED OUT: outputs of EXECUTED into BUILT, cell by cell; code must be equal."""
import sys, nbformat
sys.path.insert(0,'/work/main')
from tools import notebooks
built, ex, out = sys.argv[1:4]
b, e = nbformat.read(built,4), nbformat.read(ex,4)
assert len(b.cells)==len(e.cells), (len(b.cells),len(e.cells))
for i,(x,y) in enumerate(zip(b.cells,e.cells)):
    assert x.cell_type==y.cell_type, i
    if x.cell_type=='code':
        assert x.source==y.source, (i, x.source[:80])
        x.outputs, x.execution_count = y.outputs, y.execution_count
notebooks.clean(b); b.metadata=e.metadata
nbformat.write(b,out); import os; print(os.path.getsize(out))
