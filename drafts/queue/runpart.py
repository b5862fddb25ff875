import os,sys,nbformat
os.environ.update(RUN_SCALE='cpu',OMP_NUM_THREADS='1',MKL_NUM_THREADS='1',RESULTS_DIR='/tmp/bert-res')
sys.path.insert(0,'/work/main')
from nbclient import NotebookClient
from tools import notebooks
b=nbformat.read('/tmp/BERT-part.ipynb',4)
try: NotebookClient(b,timeout=3000,kernel_name='python3',record_timing=False,allow_errors=True,extra_arguments=["--log-level=ERROR"],resources={"metadata":{"path":"/work/main/architectures/bert"}}).execute()
finally: nbformat.write(notebooks.clean(b),'/tmp/BERT-part-out.ipynb')
