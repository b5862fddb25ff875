"""ResNet in use: best_probe in cell 30, a new cell 31 that fits longer; executed alone after cells 1..24."""
import os, sys, json, copy
os.environ.update(RUN_SCALE=sys.argv[1], RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
import nbformat
from nbclient import NotebookClient
P="/work/main/architectures/resnet/ResNet.ipynb"
raw=open(P).read(); nb=json.loads(raw); C=nb["cells"]
src=lambda c: "".join(c["source"])
lines=lambda s: s.splitlines(keepends=True)
def sub(i, old, new):
    s=src(C[i]); assert s.count(old)==1, (i, old); C[i]["source"]=lines(s.replace(old,new))
sub(21,'def linear_probe(features, labels, num_classes, decay):','def linear_probe(features, labels, num_classes, decay, iterations=100):')
sub(21,'max_iter=100,','max_iter=iterations,')
C[30]["source"]=lines('''def probe_error(layer, split):
    features, labels = split
    return 100 * (layer(features).argmax(dim=1) != labels).float().mean().item()

def best_probe(key, count, seed, on_val, decays, iterations=100):
    """Of several weight decays the one with the lowest validation error: (linear probe, iterations, decay)."""
    set_seed(seed)
    known = features_of(resnet, labelled(key, count, seed, repeat=False), "train")
    probes = [(*linear_probe(*known, len(tasks[key].classes), decay, iterations), decay) for decay in decays]
    return min(probes, key=lambda probe: probe_error(probe[0], on_val))

features = {(key, split): features_of(resnet, task, split) for key, task in tasks.items() for split in ("val", "test")}
for key, task in tasks.items():
    for count in sizes:
        for seed in seeds:
            start = time.perf_counter()
            layer, iterations, _ = best_probe(key, count, seed, features[key, "val"], knobs["decays"])
            run = Run(None, dict(task=task.name, way="frozen", count=count, seed=seed), 1, device, torch.float32)
            run.record(iterations, {}, math.nan, time.perf_counter() - start, count)
            run.save()
            results[key, "frozen", count, seed] = probe_error(layer, features[key, "test"]), run''')
NEW='''longer, smaller = 1000, [knobs["decays"][0] / shrink for shrink in (1000, 100, 10)]
print(f"the frozen way, test errors in %, one value for each seed; then with up to {longer:,} iterations,\\n"
      f"and with weight decays from {smaller[0]:.0e} on; behind it the iterations and the chosen decays")
for key, task in tasks.items():
    for count in sizes:
        usual = [results[key, "frozen", count, seed][0] for seed in seeds]
        fits = [best_probe(key, count, seed, features[key, "val"], smaller + knobs["decays"], longer) for seed in seeds]
        better = [probe_error(layer, features[key, "test"]) for layer, _, _ in fits]
        before, after = (" ".join(f"{error:.1f}" for error in errors) for errors in (usual, better))
        how = "  ".join(f"{iterations:3} {decay:.0e}" for _, iterations, decay in fits)
        print(f"{task.name:15} {count:5,}: {before}   then {after}   {how}")'''
new={"cell_type":"code","execution_count":None,"id":"7c1e5f0a","metadata":{},"outputs":[],"source":lines(NEW)}
C.insert(31,new)
run=[C[i] for i in (1,2)]+[c for c in C[3:25] if c["cell_type"]=="code"]+[{**copy.deepcopy(C[30]),"source":"results = {}\n"+src(C[30])},new]
t=nbformat.v4.new_notebook(); t.cells=[nbformat.v4.new_code_cell(src(c) if isinstance(c["source"],list) else c["source"]) for c in run]
NotebookClient(t,timeout=600,kernel_name="python3",resources={"metadata":{"path":os.path.dirname(P)}}).execute()
for c in t.cells[-2:]: print("".join(o.get("text","") for o in c.outputs))
if sys.argv[1]=="cpu":
    new["outputs"]=[dict(o, text=lines(o["text"])) for o in t.cells[-1].outputs]
    n=0
    for c in C:
        if c["cell_type"]=="code": n+=1; c["execution_count"]=n
    for c in C:
        for o in c.get("outputs",[]):
            if "execution_count" in o: o["execution_count"]=c["execution_count"]
    open(P,"w").write(json.dumps(nb,indent=1,ensure_ascii=False)+("\n" if raw.endswith("\n") else ""))
