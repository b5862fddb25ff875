"""Speed of a step and one comparison (photos in four orientations, 250 photos, seed 0), CPU seconds of one thread."""
import copy, sys, time
from dataclasses import replace
import torch
from torch import nn
from torch.nn import functional as F
from architectures.resnet.resnet import cifar_resnet, resnet20_cifar10
from utils.device import set_seed, choose_precision
from utils.images import Split, load_cifar10
from utils.loader import ImageLoader
from utils.training import evaluate
data = load_cifar10(); kept, about = resnet20_cifar10(); device = torch.device("cpu")
dtype = choose_precision(device)[0]
def turned(split, which):
    images = torch.cat([torch.rot90(split.images[which], k, (1, 2)) for k in range(4)])
    return Split(images, torch.arange(4).repeat_interleave(len(images) // 4))
near = replace(data, mean=tuple(about["mean"]), std=tuple(about["std"]), classes=("up", "left", "down", "right"),
    train=turned(data.val, slice(500, 750)), test=turned(data.test, slice(500)))
def new_head(net):
    net = copy.deepcopy(net); net.fc = nn.Linear(64, 4); return net
def steps(model, opt, sched, batches, dtype):
    for x, y in batches:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            loss = F.cross_entropy(model(x), y)
        opt.zero_grad(); loss.backward(); opt.step(); sched and sched.step()
    return loss.item()
for batch in (50, 100):
    loader = ImageLoader(near, "train", batch, device, shuffle=True, augment=True, padding=2, flip=False)
    some = [b for _, b in zip(range(12), loader)]
    for d in (torch.float32, torch.bfloat16):
        m = cifar_resnet(20, 4).train(); o = torch.optim.Adam(m.parameters(), 1e-3)
        steps(m, o, None, some[:2], d); t = time.process_time(); steps(m, o, None, some[2:], d)
        print(batch, d, f"{10 * batch / (time.process_time() - t):.0f} images/s", flush=True)
t = time.process_time(); evaluate(kept, ImageLoader(data, "test", 500, device), device) if 0 else None
for name, rate, epochs in (("fine-tuned", 1.5e-3, 10), ("scratch", 3e-3, 20)):
    set_seed(0); model = new_head(kept) if name == "fine-tuned" else cifar_resnet(20, 4)
    loader = ImageLoader(near, "train", 50, device, shuffle=True, augment=True, padding=2, flip=False)
    o = torch.optim.Adam(model.parameters(), rate)
    s = torch.optim.lr_scheduler.OneCycleLR(o, rate, epochs * len(loader), pct_start=0.2, cycle_momentum=False)
    t = time.process_time(); model.train()
    for e in range(epochs):
        last = steps(model, o, s, loader, dtype)
        if e in (4, 9, 14, 19):
            r = evaluate(model, ImageLoader(near, "test", 500, device), device)
            print(name, e + 1, f"last loss {last:.3f} test error {100 - 100 * r['accuracy']:.1f} loss {r['loss']:.2f} {time.process_time() - t:.0f} s", flush=True); model.train()
