"""CPU time of training steps (process_time, one thread): python steps.py PART"""
import sys, time, copy
sys.path.insert(0, "/work/main")
import torch
from torch import nn
from torch.nn import functional as F
from architectures.inception.inception import MODULES, AuxiliaryHead, Conv, InceptionModule, init_weights
torch.set_num_threads(1)
def stack(names, channels, width, **o):
    layers = []
    for name in names.split():
        if name == "/": layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        else:
            layers.append(InceptionModule(channels, [round(w * width) for w in MODULES[name]], **o)); channels = layers[-1].out_channels
    return layers
def small(width, bn=True):
    a, b = round(64 * width), round(192 * width); n = dict(batch_norm=bn)
    m = nn.Sequential(Conv(3, a, 3, **n), Conv(a, a, 1, **n), Conv(a, b, 3, **n), nn.MaxPool2d(3, 2, ceil_mode=True),
        *stack("3a 3b / 4a 4b 4c 4d 4e / 5a 5b", b, width, **n))
    m.append(nn.AdaptiveAvgPool2d(1)); m.append(nn.Flatten()); m.append(nn.Linear(sum(round(MODULES["5b"][i]*width) for i in (0,2,4,5)), 10))
    return m.apply(init_weights)
def clock(f, n):
    out = []
    for _ in range(n):
        t, w = time.process_time(), time.perf_counter(); f(); out.append((time.process_time() - t, time.perf_counter() - w))
    return out
def steps(model, dtype, n=3, B=128, C=3, S=32, opt=True, cl=False):
    model.train()
    if cl: model.to(memory_format=torch.channels_last)
    x = torch.randn(B, C, S, S).to(memory_format=torch.channels_last); y = torch.randint(10, (B,))
    o = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, nesterov=True)
    def f():
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bf16"):
            out = model(x); loss = F.cross_entropy(out, y) if out.ndim == 2 else out.float().square().mean()
        loss.backward(); o.step(); o.zero_grad()
    return clock(f, n)
for job in sys.argv[1:]:
    kind, width, dtype = job.split(":")
    t0 = time.process_time()
    if kind in ("eager", "cl"): model = small(float(width)); r = steps(model, dtype, cl=kind == "cl")
    elif kind == "nobn": model = small(float(width), False); r = steps(model, dtype)
    elif kind in ("mod", "modc"):  # 3a and 3b alone
        w = float(width); model = nn.Sequential(*stack("3a 3b", round(192 * w), w, batch_norm=True)).apply(init_weights)
        r = steps(torch.compile(model, dynamic=False) if kind == "modc" else model, dtype, n=4, C=round(192 * w), S=16)
    print(job, "params", sum(p.numel() for p in model.parameters()), "cpu ms", [round(1000 * a) for a, _ in r], "wall ms", [round(1000 * b) for _, b in r], "total cpu s", round(time.process_time() - t0, 1), flush=True)
