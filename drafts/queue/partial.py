"""partial.py BUILT EXECUTED OUT LAST FOLDER: executes BUILT's cells up to cell LAST in FOLDER at scale cpu, takes their outputs where the code differs
from EXECUTED's, all others from EXECUTED."""
import sys, os, nbformat
sys.path.insert(0,'/work/main')
from tools import notebooks
from nbconvert.preprocessors import ExecutePreprocessor
built, ex, out, last, folder = sys.argv[1:6]; last=int(last)
b, e = nbformat.read(built,4), nbformat.read(ex,4)
os.environ.update({**notebooks.MEMORY, "RUN_SCALE":"cpu","RESULTS_DIR":"/tmp/part-results"}); os.environ.pop("MPLBACKEND",None)
part = nbformat.v4.new_notebook(cells=[c for c in b.cells[:last+1]], metadata=b.metadata)
ExecutePreprocessor(timeout=580, kernel_name="python3", record_timing=False).preprocess(part, {"metadata":{"path":folder}})
notebooks.clean(part)
for i,(x,y) in enumerate(zip(b.cells,e.cells)):
    assert x.cell_type==y.cell_type,i
    if x.cell_type!='code': continue
    src = y if x.source==y.source else part.cells[i]
    if src is not y: print("new outputs of cell",i)
    x.outputs=src.outputs; x.execution_count=y.execution_count
notebooks.clean(b); b.metadata=e.metadata; nbformat.write(b,out); print(os.path.getsize(out))
