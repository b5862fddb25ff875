"""addcell: put a code cell into a stored notebook and execute it alone.
add(path, after, source, needs, patches={}, scale="cpu", replace=False, strip=…): `needs`: indices of the cells run before it in a scratch
notebook (`patches`: {index: function of source} for the scratch only). With scale "quick" nothing is written."""
import copy, json, os, re, sys
import nbformat
from nbclient import NotebookClient
src=lambda c: "".join(c["source"])
def add(path, after, source, needs, patches={}, scale="cpu", replace=False, seconds=1500):
    os.environ.update(RUN_SCALE=scale, RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
    raw=open(path).read(); nb=json.loads(raw); C=nb["cells"]
    t=nbformat.v4.new_notebook()
    for i in needs:
        s=src(C[i])
        if i in patches: s=patches[i](s)
        t.cells.append(nbformat.v4.new_code_cell(s))
    t.cells.append(nbformat.v4.new_code_cell(source))
    NotebookClient(t,timeout=seconds,kernel_name="python3",resources={"metadata":{"path":os.path.dirname(path)}}).execute()
    outs=t.cells[-1].outputs
    for o in outs: print(o.get("text","") or list(o.get("data",{})))
    if scale=="quick": return
    if replace: new=C[after]
    else:
        import hashlib
        new={"cell_type":"code","execution_count":None,"id":hashlib.sha1(source.encode()).hexdigest()[:8],"metadata":{},"outputs":[],"source":[]}
        C.insert(after+1,new)
    new["source"]=source.splitlines(keepends=True)
    merged=[]
    for o in outs:
        o=json.loads(json.dumps(o))
        if o["output_type"]=="stream" and merged and merged[-1].get("name")==o["name"]: merged[-1]["text"]+=o["text"]
        else: merged.append(o)
    for o in merged:
        if "text" in o: o["text"]=o["text"].splitlines(keepends=True)
    new["outputs"]=merged
    n=0
    for c in C:
        if c["cell_type"]=="code": n+=1; c["execution_count"]=n
        for o in c.get("outputs",[]):
            if "execution_count" in o: o["execution_count"]=c["execution_count"]
    open(path,"w").write(json.dumps(nb,indent=1,ensure_ascii=False)+("\n" if raw.endswith("\n") else ""))
