"""Seconds of CPU time a step, one thread: python measure.py"""
import sys, time, torch
sys.path.insert(0, "/work/main")
torch.set_num_threads(1)
from torch.nn import functional as F
from architectures.transformer.vit import vit_small
from architectures.resnet.resnet import cifar_resnet
from architectures.transformer.augment import StrongLoader
from utils.images import load_shapes
torch._dynamo.config.suppress_errors = False
def step_time(name, model, batch=128, steps=4, compile=True):
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    x, y = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))
    net = torch.compile(model, dynamic=False) if compile else model
    times = []
    for i in range(steps + 1):
        t = time.process_time()
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        times.append(time.process_time() - t)
    best = min(times[1:])
    print(f"{name:40} {sum(p.numel() for p in model.parameters()):9,} compile {times[0]:5.1f} s, step {best:.3f} s, {batch/best:6.0f} images/s, epoch of 45k {45000/batch*best/60:.2f} min", flush=True)
step_time("vit_small 160x6 overlap 2 fused", vit_small(overlap=2))
step_time("vit_small 160x6 overlap 2 unfused", vit_small(overlap=2, fused=False))
step_time("vit_small 192x6 overlap 2 fused", vit_small(d_model=192, num_layers=6, num_heads=3, d_ff=384, overlap=2))
step_time("vit 128x4 fused", vit_small(d_model=128, num_layers=4, num_heads=4, d_ff=256))
step_time("vit 128x4 unfused", vit_small(d_model=128, num_layers=4, num_heads=4, d_ff=256, fused=False))
step_time("resnet20", cifar_resnet(20).to(memory_format=torch.channels_last))
data = load_shapes(train=1280)
t = time.process_time(); n = sum(len(x) for x, _ in StrongLoader(data, "train", 128, "cpu", True, True)); print("strong loader", n, time.process_time() - t)
