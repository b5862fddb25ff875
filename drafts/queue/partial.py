"""partial.py NB FOLDER OUT 'from-to,from-to' : execute these code cells (indices in nb.cells) into OUT, scale cpu."""
import os, sys, nbformat, copy
nb, folder, out, spec = sys.argv[1:5]
os.environ.update(RUN_SCALE="cpu", RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1")
os.environ.pop("MPLBACKEND",None)
b=nbformat.read(nb,4); want=set()
for part in spec.split(','):
    a,_,z=part.partition('-'); want|=set(range(int(a),int(z or a)+1))
b.cells=[c for i,c in enumerate(b.cells) if i in want and c.cell_type=='code']
from nbclient import NotebookClient
c=NotebookClient(b,timeout=None,kernel_name="python3",resources={"metadata":{"path":folder}})
try: c.execute()
finally: nbformat.write(b,out)
