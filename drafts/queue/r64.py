import os, nbformat
os.environ.update(RUN_SCALE='cpu', RESULTS_DIR='/tmp/r64', OMP_NUM_THREADS='2')
from nbclient import NotebookClient
b=nbformat.read('/tmp/inc64.ipynb',4)
NotebookClient(b,timeout=600,kernel_name='python3',resources={"metadata":{"path":"/work/main/architectures/inception"}}).execute()
nbformat.write(b,'/tmp/inc64.out.ipynb')
for o in b.cells[-1].outputs: print(o.get('text'), list(o.get('data',{})))
