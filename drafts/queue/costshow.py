import json,sys,glob; sys.path.insert(0,"/work/main")
from tools import cost
from pathlib import Path
for f in sorted(glob.glob("/root/queue/cost/*.json")):
    t=json.load(open(f)); seen={}
    for one in t: seen.setdefault((one["name"],one["steps"],one["step_flops"]),one)
    t=list(seen.values())
    print(Path(f).stem, len(t), f"{sum(o['flops'] for o in t)/1e15:.1f} PFLOP", *(f"{g} {sum(cost.seconds(o,*s) for o in t)/60:.1f} min" for g,s in cost.GPUS.items()))
    if len(sys.argv)>1 and sys.argv[1] in f:
        for o in t: print("    ",o["name"],o["steps"],f"{o['step_flops']/1e9:.1f} GF",o["step_launches"],f"{cost.seconds(o,*cost.GPUS['T4'])/60:.1f} min, launch-bound {o['step_launches']*12e-6*o['steps']/60:.1f}")
