import os, sys, copy, nbformat
sys.path.insert(0,"/work/main"); sys.path.insert(0,"/root/queue")
from nbclient import NotebookClient
from tools import notebooks
os.environ.update(RUN_SCALE="cpu", RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
P="/work/main/architectures/yolo/YOLO.ipynb"
b=nbformat.read(P,4)
s=b.cells[41].source; a='figsize=(6.4, 1.75), dpi=58, layout="constrained"'; assert s.count(a)==1
b.cells[41].source=s.replace(a,'figsize=(8, 2.2), dpi=80, layout="constrained"')
s=b.cells[76].source; a="figsize=(2.9, 2.2)"; assert s.count(a)==1
b.cells[76].source=s.replace(a,"figsize=(4.5, 3.4)")
run=copy.deepcopy(b); 
load='''about = load_file(Path("weights") / "WEIGHTS")
net = SmallYOLO(**about["settings"])
net.load_state_dict(about["model"])'''.replace("WEIGHTS", os.listdir("/work/main/architectures/yolo/weights")[0])
idx=[i for i in range(42) if b.cells[i].cell_type=="code"]
run.cells=[run.cells[i] for i in idx]+[nbformat.v4.new_code_cell(load), run.cells[76]]
NotebookClient(run,timeout=None,kernel_name="python3",resources={"metadata":{"path":"/work/main/architectures/yolo"}}).execute()
text=lambda c: "".join(o.get("text","") for o in c.outputs)
for i,c in list(zip(idx,run.cells)):
    if text(c).strip()!=text(b.cells[i]).strip(): print("DIFFERS",i,text(b.cells[i])[:200],"|",text(c)[:200])
new=run.cells[-1]; print("OLD76",text(b.cells[76]),"NEW",text(new)); 
b.cells[41].outputs=run.cells[idx.index(41)].outputs; b.cells[76].outputs=new.outputs
n=0
for c in b.cells:
    if c.cell_type=="code":
        n+=1; c.execution_count=n
        for o in c.outputs:
            if o.output_type=="execute_result": o.execution_count=n
notebooks.clean(b); nbformat.write(b,"/tmp/yolo_new.ipynb"); print(os.path.getsize("/tmp/yolo_new.ipynb"))
