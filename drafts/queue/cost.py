import json, os, subprocess, sys, time
sys.path.insert(0, "/work/main"); os.chdir("/work/main")
from tools import cost
from tools.repository import files
from pathlib import Path
out = Path("/root/queue/cost"); out.mkdir(exist_ok=True)
order = [p for p in files(".ipynb")]
last = ["attention", "vgg", "alexnet"]
for p in order:
    for scale in ("gpu", "paper"):
        f = out / f"{p.stem}-{p.parent.name}-{scale}.json"
        if f.exists(): continue
        t = time.time()
        try:
            c = cost.counted_in_process(p, scale)
        except ValueError as e:
            print("FAILED", e, round(time.time() - t), flush=True); continue
        f.write_text(json.dumps(c)); print(p.stem, p.parent.name, scale, len(c), "runs", round(time.time() - t), "s", flush=True)
print("ALL DONE")
