import json, sys; sys.path.insert(0,"/work/main")
from pathlib import Path
from tools import cost
from tools.repository import files, ROOT
counts={}
for p in files(".ipynb"):
    for s in ("gpu","paper"):
        f=Path(f"/root/queue/cost/{p.stem}-{p.parent.name}-{s}.json")
        if p.stem == "ResNet": f=Path(f"/root/queue/cost/ResNet-{str(p.parent.relative_to(ROOT)).replace('/', '_')}-{s}.json")
        if not f.exists(): print("MISSING", f.name, file=sys.stderr); continue
        counts[p.relative_to(ROOT).as_posix(), s]=json.loads(f.read_text())
table=cost.table(counts)
text=f"""# What the trainings cost on a GPU

The stored results come from two CPU cores. This page says what the same notebooks would take on a GPU: at scale `gpu`, whose settings are chosen so that a notebook needs less than half an hour on a T4, the GPU that Colab offers free of charge, and at scale `paper`.

**All times are calculated; none was measured.** `make cost` runs the cells of each notebook on a CPU, with a stand-in for the training that counts two things: the arithmetic of one step, and the operations that PyTorch would launch on a GPU. We then take a step to be as slow as its arithmetic or as its launches, whichever is slower, with these assumptions:

| | T4, float16 | H100 or H200, bfloat16 |
| --- | --- | --- |
| arithmetic that real steps reach | {cost.GPUS["T4"][0] / 1e12:.0f} TFLOP/s | {cost.GPUS["H100"][0] / 1e12:.0f} TFLOP/s |
| to launch one operation | {1e6 * cost.GPUS["T4"][1]:.0f} µs | {1e6 * cost.GPUS["H100"][1]:.0f} µs |

A PFLOP is $10^{{15}}$ operations; a multiplication and an addition count as two.

{table}
What the table leaves out:

- Everything that is not training: scores such as BLEU after an epoch, evaluation in later cells, timings, plots, and the first download of the data.
- Memory. Depthwise convolutions, batch norm and activations move much data for little arithmetic, so the networks of MobileNet and EfficientNet probably take longer than stated.
- What cuDNN saves. It runs a recurrent layer in a few launches, where we count those of every time step, so the recurrent network in Attention.ipynb takes less.
- What `torch.compile` saves. Many of our networks are small, and on a large GPU their time is that of the launches, which CUDA graphs (`compile={{"mode": "reduce-overhead"}}` in `fit`) remove.

The last line adds up all notebooks at scale `gpu`, as if they ran one after the other. `make reproduce SCALE=gpu JOBS=6` runs six at once, which helps where launches are the limit ([running.md](running.md#reproduce-all-results)).
"""
Path("/work/main/docs/cost.md").write_text(text)
print(table)
