"""Rewrite cell 11 of GPT.ipynb (counts) and execute it alone, after cells 1, 2, 5, 9."""
import os, sys, nbformat, copy
sys.path.insert(0,'/work/main')
from tools import notebooks
from nbclient import NotebookClient
P="/work/main/architectures/gpt/GPT.ipynb"
SRC='''def pieces(string, size):
    return [string[i : i + size] for i in range(len(string) - size + 1)]

LONGEST, ADDED, WEIGHT = 9, 0.03, 12  # ADDED and WEIGHT are rough choices, made by the validation loss
asked = pieces((text.train + text.val)[-(len(text.val) + LONGEST - 2) :], LONGEST)  # one for each pair above
mixed = 1 / V  # the probability of each asked character; at first a uniform guess
print(f"{'sequences of':12}  {'different':>9}  {'never seen':>10}   validation loss, counts with")
print(f"{'characters':12}  {'ones':>9}  {'in training':>10}  1 added  {ADDED} added  shorter ones mixed in")
for length in range(1, LONGEST + 1):
    seen, begun = Counter(pieces(text.train, length)), Counter(pieces(text.train[:-1], length - 1))
    followers = Counter(piece[:-1] for piece in seen)  # how many different characters follow each beginning
    found = [(seen[piece[-length:]], begun[piece[-length:-1]], followers[piece[-length:-1]]) for piece in asked]
    counts, begins, kinds = np.array(found).T
    add_one, add_less = (-np.log((counts + a) / (begins + a * V)).mean() for a in (1, ADDED))
    weights = WEIGHT * np.maximum(kinds, 1)
    mixed = (counts + weights * mixed) / (begins + weights)
    print(f"{length:12}  {len(seen):9,}  {(counts == 0).mean():11.1%}  {add_one:7.3f}  {add_less:10.3f}",
          f" {-np.log(mixed).mean():21.3f}")
    assert length != 2 or abs(add_one - losses["bigram counts"]) < 1e-4  # the pairs above
smoothed = -np.log(mixed).mean()
'''.rstrip("\n")
scale = sys.argv[1]
os.environ.update(RUN_SCALE=scale, RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
b=nbformat.read(P,4); C=b.cells
C[11].source=SRC
t=nbformat.v4.new_notebook(); t.cells=[nbformat.v4.new_code_cell(C[i].source) for i in (1,2,5,9,11)]
NotebookClient(t,timeout=600,kernel_name="python3",resources={"metadata":{"path":os.path.dirname(P)}}).execute()
print("".join(o.get("text","") for o in t.cells[-1].outputs)); print([o.get("text") for o in t.cells[3].outputs])
if scale == "cpu":
    import json
    raw=open(P).read(); nb=json.loads(raw); c=nb["cells"][11]
    c["source"]=SRC.splitlines(keepends=True)
    text=[l for o in t.cells[-1].outputs for l in o["text"].splitlines(keepends=True)]
    c["outputs"]=[{**c["outputs"][0], "text": text}]
    open(P,"w").write(json.dumps(nb,indent=1,ensure_ascii=False)+("\n" if raw.endswith("\n") else ""))
