"""Cell 37 of GPT.ipynb: a bar of the smoothed counts; drawn anew from the values that cells 22 and 37 have printed."""
import os, sys, re, json, nbformat
sys.path.insert(0,'/work/main')
os.environ.update(RUN_SCALE="cpu", RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
from nbclient import NotebookClient
from tools import notebooks
P="/work/main/architectures/gpt/GPT.ipynb"
raw=open(P).read(); nb=json.loads(raw); C=nb["cells"]; src=lambda c: "".join(c["source"])
s=src(C[37]); old="plot_steps(losses)"; assert s.count(old)==2 or s.count(old)==1, s.count(old)
i=s.rindex(old)
new='plot_steps({name: losses[name] for name in ("uniform", "bigram counts")} | {"smoothed counts": smoothed} | losses)'
C[37]["source"]=(s[:i]+new).splitlines(keepends=True)
printed="".join(l for o in C[22]["outputs"] for l in o.get("text",[]))
values=dict((n.strip(), float(v)) for n,v in re.findall(r"^(.{14}) +[\d,]+ parameters, validation loss ([\d.]+)", printed, re.M))
best=float(re.search(r"best: ([\d.]+)", "".join(l for o in C[37]["outputs"] for l in o.get("text",[])))[1])
print(values, best)
plot=src(C[37]); plot=plot[plot.index("@styled\ndef plot_steps"):]
t=nbformat.v4.new_notebook(); N=nbformat.v4.new_code_cell
t.cells=[N(src(C[k])) for k in (1,2,5,9,11)]+[N(f"losses = {values!r} | {{'GPT': {best}}}"), N(plot)]
NotebookClient(t,timeout=600,kernel_name="python3",resources={"metadata":{"path":os.path.dirname(P)}}).execute()
b=nbformat.v4.new_notebook(); b.cells=[t.cells[-1]]; notebooks.clean(b)
(img,)=[o for o in b.cells[0].outputs if "data" in o]
k=[j for j,o in enumerate(C[37]["outputs"]) if "data" in o]; assert len(k)==1
oldimg=C[37]["outputs"][k[0]]["data"]; print({m:len(str(v)) for m,v in oldimg.items()}, {m:len(str(v)) for m,v in img["data"].items()})
for m in oldimg:
    v=img["data"][m]; oldimg[m]=v.splitlines(keepends=True) if isinstance(oldimg[m],list) else v
open(P,"w").write(json.dumps(nb,indent=1,ensure_ascii=False)+("\n" if raw.endswith("\n") else ""))
