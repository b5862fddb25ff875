import nbformat, copy
b=nbformat.read('/root/queue/bert-main.ipynb',4)
cells=[c for c in b.cells]
last=cells[-1]
k=last.source.index('set_seed(SEED)\nbert, main_runs')
last.source=last.source[:k]+'''
set_seed(SEED)
import torch
def stage1():
    m = build(knobs["main"]); start = m.bert.positions.weight.detach().clone()
    d = torch.load("/work/main/checkpoints/cpu/BERT/main-32-d27250338df442d3.pt", map_location="cpu", weights_only=True)["model"]
    m.load_state_dict(d); return m, start
val = {L: TextPairs(documents["val"], encoder, L, 16 * 128 // L, device, hide_all) for L in (32, 128)}
def loss_of(m, L, n=60):
    m.eval(); tot = cnt = 0
    for batch, _ in zip(val[L], range(n)):
        tokens, segments, mask, positions, word_labels, next_labels = batch
        with torch.no_grad(), autocast(device, choose_precision(device)[0]):
            w, _ = m(tokens, segments, mask, positions)
        ok = word_labels != IGNORED
        tot += F.cross_entropy(w.float()[ok], word_labels[ok], reduction="sum").item(); cnt += ok.sum().item()
    return tot / cnt
m, start = stage1()
print("EXT 32 tokens", loss_of(m, 32), flush=True)
w = m.bert.positions.weight.data
a = m.bert.positions.weight.data.clone()
s2 = STAGES[1]
for kind in ("copies", "untouched", "doubled"):
    set_seed(0)
    m, start = stage1()
    w = m.bert.positions.weight.data
    if kind == "copies": extend_positions(m, 32)
    if kind == "doubled": w[32:] *= 2
    rule = partial(hide, share=s2["share"], rule=s2["rule"])
    loader = TextPairs(documents["train"], encoder, 128, 16, device, rule, True, SEED)
    optimizer, scheduler = optimiser(m, s2["rate"], 9 * len(loader), s2["warmup"])
    m.train()
    for step, batch in zip(range(481), loader):
        tokens, segments, mask, positions, word_labels, next_labels = batch
        with autocast(device, choose_precision(device)[0]):
            ww, nn_ = m(tokens, segments, mask, positions)
        loss = F.cross_entropy(ww.float().flatten(0, 1), word_labels.flatten(), ignore_index=IGNORED) + F.cross_entropy(nn_.float(), next_labels)
        optimizer.zero_grad(); loss.backward(); nn.utils.clip_grad_norm_(m.parameters(), 1.0); optimizer.step(); scheduler.step()
        if step in (60, 120, 240, 480):
            print(f"EXT {kind} step {step} val masked {loss_of(m, 128, 16):.3f} neighbours {attention_to_neighbours(m):.3f}", flush=True); m.train()
'''
nbformat.write(b,'bert-ext.ipynb')
