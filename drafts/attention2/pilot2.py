"""Toy: at each place say the digits 2 and 1 to the left, 1 and 2 to the right. One layer of attention and variants."""
import sys, time, torch
sys.path.insert(0, "/work/main"); torch.set_num_threads(1)
from torch import nn
from torch.nn import functional as F
from architectures.transformer.transformer import EncoderLayer, make_positions, init_weights
t = time.process_time
OFF = (-2, -1, 1, 2)
class Neighbours(nn.Module):
    def __init__(self, d=64, heads=4, layers=1, d_ff=None, norm_first=False, positions="sinusoidal", scaled=True):
        super().__init__()
        self.e = nn.Embedding(10, d); self.p = make_positions(positions, d, 64)
        self.layers = nn.ModuleList(EncoderLayer(d, heads, d_ff or 2 * d, 0.0, norm_first, scaled=scaled, fused=False) for _ in range(layers))
        self.norm = nn.LayerNorm(d) if norm_first else nn.Identity()
        self.out = nn.Linear(d, 40); self.apply(init_weights); self.d = d
    def forward(self, x):
        h = self.p(self.e(x) * self.d**0.5)
        for l in self.layers: h = l(h)
        return self.out(self.norm(h)).unflatten(-1, (4, 10))
def batch(n, size, gen):
    x = torch.randint(10, (size, n), generator=gen)
    return x, torch.stack([x[:, 2 + o : n - 2 + o] for o in OFF], -1)
def acc(net, n, lo=0):
    x, y = batch(n, 200, torch.Generator().manual_seed(9))
    with torch.no_grad(): return ((net(x)[:, 2:-2].argmax(-1) == y).float()[:, lo:].mean() * 100).item()
def run(name, seed=0, steps=600, lr=2e-3, warm=60, B=64, n=16, tests=(), **o):
    torch.manual_seed(seed); net = Neighbours(**o); gen = torch.Generator().manual_seed(100 + seed)
    opt = torch.optim.Adam(net.parameters(), lr, betas=(0.9, 0.98), eps=1e-9)
    sch = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: min(1, (s + 1) / warm) if warm else 1.0)
    s, line = t(), []
    for i in range(steps):
        x, y = batch(n, B, gen); loss = F.cross_entropy(net(x)[:, 2:-2].flatten(0, 2), y.flatten())
        opt.zero_grad(); loss.backward(); opt.step(); sch.step()
        if i % (steps // 6) == steps // 6 - 1: line.append(f"{acc(net, n):.1f}")
    print(f"{name:28} {t()-s:5.1f} s  acc {' '.join(line)}  loss {loss.item():.3f}", *(f"n={m}: {acc(net, m, 14):.1f}" for m in tests), flush=True)
for w in (200, 0): run(f"6 layers post, lr 1e-3, warm={w}", layers=6, warm=w, lr=1e-3, steps=600, d_ff=128)
