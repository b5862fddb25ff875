import sys, nbformat
sys.path.insert(0,'/work/main')
from tools import notebooks
built, ex, out = sys.argv[1:4]
b, e = nbformat.read(built,4), nbformat.read(ex,4)
have={}
for y in e.cells:
    if y.cell_type=='code': have.setdefault(y.source,[]).append(y)
n=0
for x in b.cells:
    if x.cell_type=='code':
        y=have[x.source].pop(0); n+=1
        x.outputs, x.execution_count = y.outputs, (n if y.execution_count else None)
        for o in x.outputs:
            if 'execution_count' in o: o['execution_count']=n
notebooks.clean(b); b.metadata=e.metadata
nbformat.write(b,out); import os; print(os.path.getsize(out), n)
