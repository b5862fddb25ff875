"""Does a net without batch norm and with PyTorch's initialisation start? python start.py ARM:LR:SECONDS …"""
import sys, time
sys.path.insert(0, "/work/main")
import torch
from torch import nn
from torch.nn import functional as F
from architectures.inception.inception import MODULES, AuxiliaryHead, Conv, InceptionModule, init_weights, googlenet_loss
from utils.images import load_cifar10, Split
from utils.loader import ImageLoader
import dataclasses
torch.set_num_threads(1)
data = load_cifar10()
part = dataclasses.replace(data, train=Split(*(v[:10000] for v in data.train)), val=Split(*(v[:1000] for v in data.val)))
def stack(names, channels, width, **o):
    layers = []
    for name in names.split():
        if name == "/": layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
        else:
            layers.append(InceptionModule(channels, [round(w * width) for w in MODULES[name]], **o)); channels = layers[-1].out_channels
    return layers
class Small(nn.Module):
    def __init__(self, width, batch_norm=True, heads=False):
        super().__init__()
        norm, a, b = dict(batch_norm=batch_norm), round(64 * width), round(192 * width)
        stem = [Conv(3, a, 3, **norm), Conv(a, a, 1, **norm), Conv(a, b, 3, **norm), nn.MaxPool2d(3, 2, ceil_mode=True)]
        self.early = nn.Sequential(*stem, *stack("3a 3b / 4a", b, width, **norm))
        self.middle = nn.Sequential(*stack("4b 4c 4d", self.early[-1].out_channels, width, **norm))
        self.late = nn.Sequential(*stack("4e / 5a 5b", self.middle[-1].out_channels, width, **norm))
        self.fc = nn.Linear(self.late[-1].out_channels, 10)
        self.aux1 = AuxiliaryHead(self.early[-1].out_channels, 10, **norm) if heads else None
        self.aux2 = AuxiliaryHead(self.middle[-1].out_channels, 10, **norm) if heads else None
        self.apply(init_weights)
    def forward(self, x):
        a = self.early(x); b = self.middle(a); y = self.fc(self.late(b).mean((2, 3)))
        return (y, self.aux1(a), self.aux2(b)) if self.training and self.aux1 is not None else y
def default(model):
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)): m.reset_parameters()
    return model
for job in sys.argv[1:]:
    arm, lr, most = job.split(":"); torch.manual_seed(0)
    model = Small(0.125, batch_norm="bn" in arm, heads="on" in arm)
    if "default" in arm: default(model)
    opt = torch.optim.SGD(model.parameters(), float(lr), momentum=0.9, nesterov=True, weight_decay=5e-4)
    t, step, losses, stop = time.process_time(), 0, [], False
    while not stop:
        for x, y in ImageLoader(part, "train", 128, "cpu", shuffle=True, augment=True, seed=step):
            out = model.train()(x); loss = googlenet_loss(out, y); opt.zero_grad(); loss.backward()
            if step == 0: print(arm, "gradient norms", [f"{torch.cat([p.grad.flatten() for p in m.parameters()]).norm():.1e}" for m in model.modules() if isinstance(m, InceptionModule)])
            g = nn.utils.clip_grad_norm_(model.parameters(), 1e9)
            opt.step(); step += 1
            losses.append((F.cross_entropy(out[0] if isinstance(out, tuple) else out, y).item(), ))
            if time.process_time() - t > float(most): stop = True; break
    cpu = time.process_time() - t
    with torch.no_grad(): acc = sum((model.eval()(x).argmax(1) == y).sum().item() for x, y in ImageLoader(part, "val", 500, "cpu")) / 1000
    means = [sum(l[0] for l in losses[i:i + 20]) / len(losses[i:i + 20]) for i in range(0, len(losses), 20)]
    print(job, f"{step} steps, {1000 * cpu / step:.0f} ms a step, val {acc:.3f}, main loss by 20 steps", [round(m, 3) for m in means], flush=True)
