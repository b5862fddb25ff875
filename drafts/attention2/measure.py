"""CPU time of training steps on real batches, one thread: what PLAN.md's minutes rest on."""
import sys, time, torch
sys.path.insert(0, "/work/main"); torch.set_num_threads(1)
from torch.nn import functional as F
from attention.translation import PairLoader, Pairs, load_multi30k
from attention.recurrent import RecurrentTranslator
from architectures.transformer.transformer import Transformer
from utils.tokens import BytePairs, Words
from utils.device import autocast
t = time.process_time
real = load_multi30k(); low = Pairs(*([x.lower() for x in side] for side in real.train))
s = t(); pieces = BytePairs(low.source + low.target, 4000); print(f"BPE 4000: {t()-s:.1f} s")
s = t(); loader = PairLoader(low, pieces, pieces, 2000, "cpu", shuffle=True); print(f"loader {t()-s:.1f} s, {len(loader)} batches, {loader.tokens:,} target tokens, src {int(loader.lengths[:,0].sum()):,}")
ws, wt = Words(real.train.source), Words(real.train.target)
wl = PairLoader(real.train, ws, wt, 2000, "cpu", shuffle=True); print("words", len(ws), len(wt), len(wl), f"{wl.tokens:,}")
def some(loader, n=5):
    torch.manual_seed(1); it = iter(loader); return [next(it) for _ in range(n)]
tiny = dict(d_model=128, num_heads=4, num_layers=4, d_ff=256, dropout=0.2, norm_first=True)
mid = dict(d_model=256, num_heads=8, num_layers=3, d_ff=512, dropout=0.2, norm_first=True)
V = len(pieces)
def gru(d):
    net = RecurrentTranslator(V, V, d, 2, 0.2); net.src_embedding = net.tgt_embedding; return net
cases = [
 ("tiny fused bf16", lambda: Transformer(V, V, **tiny), loader, torch.bfloat16),
 ("tiny written bf16", lambda: Transformer(V, V, fused=False, **tiny), loader, torch.bfloat16),
 ("tiny written f32", lambda: Transformer(V, V, fused=False, **tiny), loader, torch.float32),
 ("mid-bpe written bf16", lambda: Transformer(V, V, fused=False, **mid), loader, torch.bfloat16),
 ("mid-words written bf16", lambda: Transformer(len(ws), len(wt), share="none", fused=False, **mid), wl, torch.bfloat16),
 ("gru208 bf16", lambda: gru(208), loader, torch.bfloat16),
 ("gru208 f32", lambda: gru(208), loader, torch.float32),
]
for name, build, ld, dtype in cases:
    net = build().train(); opt = torch.optim.Adam(net.parameters(), 1e-4, betas=(0.9, 0.98), eps=1e-9)
    spent = tok = 0
    for i, (src, tgt) in enumerate(some(ld)):
        s = t()
        with autocast("cpu", dtype):
            logits = net(src, tgt[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten(), ignore_index=0, label_smoothing=0.1)
        loss.backward(); opt.step(); opt.zero_grad()
        if i: spent += t() - s; tok += int((tgt[:, 1:] != 0).sum())
    print(f"{name:24} {sum(p.numel() for p in net.parameters()):>10,}  {spent/4:.3f} s/step  {tok/spent:,.0f} tok/s  {ld.tokens/(tok/spent)/60:.2f} min/epoch", flush=True)
