import sys, time, torch
sys.path.insert(0, "/work/main"); torch.set_num_threads(1)
from torch.nn import functional as F
from architectures.transformer import sums as S, transformer as T
units = sys.argv[1] == "1"; limit = float(sys.argv[2]); most = int(sys.argv[3]); width = int(sys.argv[4]); steps = int(sys.argv[5])
torch.manual_seed(0)
model = T.Transformer(14, 14, d_model=width, num_heads=4, num_layers=2, d_ff=4*width, dropout=0.0, norm_first=True, fused=False)
net = torch.compile(model, dynamic=False) if len(sys.argv) > 6 else model
opt = torch.optim.AdamW(model.parameters(), 2e-3, betas=(0.9, 0.98), weight_decay=0.01)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, 2e-3, total_steps=steps, pct_start=0.1, cycle_momentum=False)
gen = torch.Generator().manual_seed(1); start = time.process_time()
for step in range(1, steps + 1):
    q, a = S.as_tokens(S.draw_numbers(256, (1, most), gen), units)
    logits = net(q, torch.cat([torch.full((len(a), 1), S.BOS), a[:, :-1]], 1))
    loss = F.cross_entropy(logits.flatten(0, 1), a.flatten(), ignore_index=S.PAD)
    opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0); opt.step(); sched.step()
    if step % 250 == 0 or step == 20: print(step, f"loss {loss.item():.4f} {time.process_time()-start:.0f} s", flush=True)
    if time.process_time() - start > limit: break
model.eval()
for n in range(1, most + 4):
    q, a = S.as_tokens(S.draw_numbers(300, (n, n), torch.Generator().manual_seed(99)), units)
    out = T.greedy_decode(model, q, S.BOS, S.EOS, extra=2)
    print(n, sum(S.decode(x) == S.decode(y) for x, y in zip(out, a)) / 3, "%", flush=True)
