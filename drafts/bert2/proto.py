"""Prototype of three stronger count baselines for BERT.ipynb (masked words at 15 %, single gaps, word order)."""
import os, sys, json, time
os.environ.update(RUN_SCALE="cpu", MPLBACKEND="agg", OMP_NUM_THREADS="1")
os.chdir('/work/main/architectures/bert'); sys.path.insert(0,'/work/main')
b=json.load(open('BERT.ipynb'))['cells']; src=lambda i:''.join(b[i]['source'])
from IPython.core.interactiveshell import InteractiveShell
sh=InteractiveShell.instance()
def go(s):
    r=sh.run_cell(s); assert r.success, s[:200]
for i in (1,2,5,7,9,11,13,15,17,18,40): go(src(i))
go('''loaders = {part: TextPairs(documents[part], encoder, LENGTH, STAGES[-1]["batch"], device, hide_all) for part in ("val", "test")}''')
go(src(47).split('@torch.no_grad()')[0])
go('''
import time
t=time.time()
def both(first, second, fourth, fifth):
    return trigrams.between(first, second, fourth, fifth)
near = [whole.gather(1, places + shift)[:, 0].tolist() for shift in (-2, -1, 1, 2)]
logs = torch.stack([trigrams.between(*four).log() for four in zip(*near)])
loss = F.nll_loss(logs, truth).item()
print(f"gaps: trigrams of both sides accuracy {(logs.argmax(dim=1)==truth).float().mean().item():.1%} perplexity {math.exp(loss):.1f}", time.time()-t, flush=True)
''')
go('''
t=time.time(); sums, n = np.zeros(2), 0; sums2=np.zeros(2)
for tokens, _, _, positions, word_labels, _ in loaders["test"]:
    whole_ = restored(tokens.cpu(), positions.cpu(), word_labels.cpu())
    for b, i in inside(whole_, positions.cpu(), word_labels.cpu()).nonzero().tolist():
        place, row = positions[b, i].item(), whole_[b].tolist()
        p = trigrams.between(*row[place-2:place], *row[place+1:place+3]); q = from_neighbours(row[place-1], row[place+1], "both")
        sums += (p.argmax().item() == row[place], -p[row[place]].log().item()); sums2 += (q.argmax().item() == row[place], -q[row[place]].log().item()); n += 1
    if time.time()-t > 240: break
print("masked 15 %:", n, "between", sums/n, math.exp(sums[1]/n), "bigrams both", sums2/n, math.exp(sums2[1]/n), time.time()-t, flush=True)
''')
go(src(55))
go('''
t=time.time()
lookup = trigrams.bigrams.log().numpy()
def best_exchange(sentence):
    """The largest gain in log-probability, by bigram counts, that an exchange of two neighbouring words would bring."""
    def around(words):
        return sum(lookup[a, b] for a, b in zip(words, words[1:]))
    pieces = [*(encoder.pieces[t] for t in sentence), ""]
    whole = [piece.isalpha() and not after.startswith("##") for piece, after in zip(pieces, pieces[1:])]
    places = [i for i in range(len(sentence) - 1) if whole[i] and whole[i + 1] and pieces[i] != pieces[i + 1]]
    gains=[]
    for i in places:
        before, a, b, after = sentence[max(i-1,0):i], sentence[i], sentence[i+1], sentence[i+2:i+3]
        gains.append(around([*before, b, a, *after]) - around([*before, a, b, *after]))
    return -max(gains)
known={tuple(s): best_exchange(s) for s,_ in (*held_out[:most], *ordered["test"])}
test, truth2 = (np.array(x) for x in zip(*((known[tuple(s)], label) for s, label in ordered["test"])))
for n in (50,200,1400):
    r=[]
    for seed in (0,1,2):
        x, y = (np.array(part) for part in zip(*((known[tuple(s)], label) for s, label in random.Random(seed).sample(held_out[:most], n))))
        threshold = max(x, key=lambda t: ((x <= t) == y).mean()); r.append(100*((test<=threshold)==truth2).mean())
    print("order, best exchange", n, np.round(r,1))
print(time.time()-t)
''')
