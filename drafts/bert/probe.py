"""probe.py quick|cpu: does the set-up of stage 1 leave the plateau? Loss at [MASK] and attention to both neighbours, for
several starts and peak learning rates, with the code of BERT.ipynb. quick: the toy reviews and the main network, 400
steps each, under 2 minutes in all; cpu: the real reviews and `little`, 1,500 steps, about 3 minutes a variant:
name the wanted ones, such as `probe.py cpu new:2e-3 old:2e-3`. Writes no checkpoint. Nothing here is in the notebook."""
import os
import sys
from pathlib import Path

scale, wanted = sys.argv[1], sys.argv[2:]
os.environ.update(RUN_SCALE=scale, CHECKPOINT_DIR="/tmp/ck-bert-probe", MPLBACKEND="Agg")
sys.path.insert(0, "/work/main")
os.chdir("/work/main/architectures/bert")
import nbformat

space = {"__name__": "probe"}
for cell in nbformat.read(Path(__file__).resolve().with_name("BERT.ipynb"), 4).cells:
    if cell.cell_type != "code":
        continue
    source = cell.source
    last = "def pretrain(" in source
    if last:
        source = source[: source.index("set_seed(SEED)\nbert, main_runs")]
    if source.startswith("# Setup"):
        continue
    exec(compile(source, "cell", "exec"), space)
    if last:
        break
globals().update({k: v for k, v in space.items() if not k.startswith("__")})

steps = 400 if scale == "quick" else 1500
size = knobs["main" if scale == "quick" else "little"]
s = STAGES[0]
choices = wanted or [f"{kind}:{rate}" for kind in ("new", "old") for rate in ("5e-3", "1.5e-3")]
for choice in choices:
    kind, rate = choice.split(":")
    set_seed(SEED)
    model = build(size)
    if kind == "old":  # all weights N(0, 0.02²), learned positions
        initialise(model)
    if kind == "fan":  # fan-in without sinusoids
        initialise(model.bert.positions)
    rule = partial(hide, share=s["share"], rule=s["rule"])
    pairs_ = TextPairs(documents["train"], encoder, s["length"], s["batch"], device, rule, True, SEED)
    optimizer, scheduler = optimiser(model.to(device), float(rate), steps, min(s["warmup"], steps // 10))
    done, seen, line = 0, [], []
    while done < steps:
        for batch_ in pairs_:
            model.train()
            with autocast(device, choose_precision(device)[0]):
                loss, B, sums = pretrain_step(model, *batch_, next_weight=0.0)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            done, seen = done + 1, [*seen, sums["masked"].item() / B]
            if done % (steps // 10) == 0:
                line.append(f"{np.mean(seen):.2f} ({attention_to_neighbours(model):.2f})")
                seen = []
            if done == steps:
                break
    print(f"{choice:12}", "  ".join(line), flush=True)
