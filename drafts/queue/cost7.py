"""cost2.py: count every notebook that has no JSON yet; what comes after the last training (found at scale quick) is left out."""
import json, os, subprocess, sys, time
from pathlib import Path
ONE = r'''
import sys, json, os; sys.path.insert(0,"/work/main"); os.chdir("/work/main")
from pathlib import Path
from tools import cost
import nbformat
path, last = Path(sys.argv[1]).resolve(), int(sys.argv[2])
real, trainings_of = nbformat.read, []
def read(p, **o):
    b = real(p, **o); b.cells = [c for c in b.cells if c.cell_type == "code"][: last or None]
    for c in b.cells: c.source = c.source.replace('value = -log_evidence(model, binary, knobs["samples"]).mean().item()', "value = 0.0")
    return b
cost.nbformat.read = read
new_shell = cost.new_shell
counts, seen = [], []
orig = cost.counting
def counting(real_fit, trainings):
    counts.append(trainings); return orig(real_fit, trainings)
cost.counting = counting
def shell():
    s = new_shell(); run = s.run_cell
    def run_cell(source):
        r = run(source); seen.append(len(counts[0])); return r
    s.run_cell = run_cell; return s
cost.new_shell = shell
t = cost.count(path)
last_cell = max([i + 1 for i in range(len(seen)) if seen[i] > (seen[i-1] if i else 0)], default=0)
print(json.dumps([last_cell, t]))
'''
sys.path.insert(0, "/work/main")
from tools.repository import files
out = Path("/root/queue/cost")
order = ["MobileNet", "EfficientNet", "GPT", "BERT", "Transformer", "YOLO", "UNet", "VAE", "VGG", "Attention", "ResNet", "AlexNet"]
paths = sorted(files(".ipynb"), key=lambda p: order.index(p.stem) if p.stem in order else 99)
def run(p, scale, last):
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "RUN_SCALE": scale, "MPLBACKEND": "agg", "PYTHONPATH": "/work/main"}
    r = subprocess.run([sys.executable, "-c", ONE, str(p), str(last)], cwd=p.parent, env=env, stdout=subprocess.PIPE, text=True)
    if r.returncode: print("FAILED", p.stem, scale, r.stdout[-300:], flush=True); return None
    return json.loads(r.stdout.splitlines()[-1])
for p in [p for p in paths if p.stem == "VAE"]:
    todo = [s for s in ("gpu", "paper") if not (out / f"{p.stem}-{p.parent.name}-{s}.json").exists()]
    if not todo: continue
    t = time.time(); found = run(p, "quick", 0); last = found[0] if found else 0
    print(p.stem, p.parent.name, "quick: last training in cell", last, round(time.time() - t), "s", flush=True)
    for scale in todo:
        t = time.time(); found = run(p, scale, last)
        if found: (out / f"{p.stem}-{p.parent.name}-{scale}.json").write_text(json.dumps(found[1])); print(p.stem, p.parent.name, scale, len(found[1]), "runs, last", found[0], round(time.time() - t), "s", flush=True)
print("ALL DONE")
