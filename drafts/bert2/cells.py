"""Three cells of stronger counts for BERT.ipynb; executed alone. cells.py SCALE [write]"""
import os, sys, json, nbformat
scale=sys.argv[1]
os.environ.update(RUN_SCALE=scale, RESULTS_DIR="/tmp/results-partial", OMP_NUM_THREADS="1"); os.environ.pop("MPLBACKEND",None)
from nbclient import NotebookClient
P="/work/main/architectures/bert/BERT.ipynb"
raw=open(P).read(); nb=json.loads(raw); C=nb["cells"]; src=lambda c: "".join(c["source"])
A='''few, sums = (5000 if scale != "quick" else 100), {"bigrams of both sides": [], "trigrams of both sides": []}
for tokens, _, _, positions, word_labels, _ in loaders["test"]:
    tokens, positions, word_labels = (part.cpu() for part in (tokens, positions, word_labels))
    restored_tokens = restored(tokens, positions, word_labels)
    for b, i in inside(restored_tokens, positions, word_labels).nonzero().tolist():
        place, row = positions[b, i].item(), restored_tokens[b].tolist()
        (first, second), word, (fourth, fifth) = row[place - 2 : place], row[place], row[place + 1 : place + 3]
        for name, p in zip(sums, (from_neighbours(second, fourth, "both"), trigrams.between(first, second, fourth, fifth))):
            sums[name].append((p.argmax().item() == word, -p[word].log().item()))
    if len(sums["bigrams of both sides"]) >= few:
        break
for name, found in sums.items():
    accuracy, loss = np.mean(found, axis=0)
    print(f"the first {len(found):,} masked words: {name:22} accuracy {accuracy:6.1%}, perplexity {math.exp(loss):7.1f}")'''
B='''around = [whole.gather(1, places + shift)[:, 0].tolist() for shift in (-2, -1, 1, 2)]
logs = torch.stack([trigrams.between(*four).log() for four in zip(*around)])
print(f"trigrams see two words on each side: accuracy {(logs.argmax(dim=1) == truth).float().mean():.1%},",
      f"perplexity {math.exp(F.nll_loss(logs, truth).item()):.1f}")'''
Cc='''counted_logs = trigrams.bigrams.log().numpy()

def by_exchange(sentence):
    \'\'\'How much the best exchange of two neighbouring words would lower the log-probability by bigram counts.\'\'\'
    def log_probability(words):
        return sum(counted_logs[a, b] for a, b in zip(words, words[1:]))

    changes = []
    for i in exchangeable(sentence):
        before, (a, b), behind = sentence[max(i - 1, 0) : i], sentence[i : i + 2], sentence[i + 2 : i + 3]
        changes.append(log_probability([*before, a, b, *behind]) - log_probability([*before, b, a, *behind]))
    return min(changes)

for n, values in thresholds(by_exchange, order).items():
    print(f"threshold, best exchange by bigrams, {n:5,} labels: test {' '.join(f'{v:.1f}' for v in values)} %")'''
# cell 55: the places come from a function
s=src(C[55])
old=s[s.index("def exchanged"):s.index("def word_order")]
new="""def exchangeable(sentence):
    '''The places i at which the words i and i + 1 are two whole, different words.'''
    pieces = [*(encoder.pieces[t] for t in sentence), ""]
    whole = [piece.isalpha() and not after.startswith("##") for piece, after in zip(pieces, pieces[1:])]
    return [i for i in range(len(sentence) - 1) if whole[i] and whole[i + 1] and pieces[i] != pieces[i + 1]]

def exchanged(sentence, draw):
    '''The sentence with two neighbouring words exchanged; None where there are none to exchange.'''
    places = exchangeable(sentence)
    if not places:
        return None
    i = draw.choice(places)
    return [*sentence[:i], sentence[i + 1], sentence[i], *sentence[i + 2 :]]

"""
C[55]["source"]=s.replace(old,new).splitlines(keepends=True)
def cell(text,id): return {"cell_type":"code","execution_count":None,"id":id,"metadata":{},"outputs":[],"source":text.splitlines(keepends=True)}
a,b,c=cell(A,"b3a71c01"),cell(B,"b3a71c02"),cell(Cc,"b3a71c03")
base=[C[i] for i in (1,2,5,7,9,11,13,15,17,18,40)]
load='loaders = {part: TextPairs(documents[part], encoder, LENGTH, STAGES[-1]["batch"], device, hide_all) for part in ("val", "test")}'
head47=src(C[47]).split("@torch.no_grad()")[0]
t57=src(C[57]); thr=t57[t57.index("def thresholds"):t57.index("order = Task")]
fake="import types\n"+src(C[56])[src(C[56]).index("def order_texts"):]+"\norder = types.SimpleNamespace(steps=knobs['order'], texts=order_texts)"
t=nbformat.v4.new_notebook(); N=nbformat.v4.new_code_cell
plan=[*(src(x) for x in base),load,A,head47,B,src(C[55]),thr,fake,Cc]
t.cells=[N(x) for x in plan]
NotebookClient(t,timeout=600,kernel_name="python3",resources={"metadata":{"path":os.path.dirname(P)}}).execute()
def out(x): 
    k=plan.index(x); return [l for o in t.cells[k].outputs if o["output_type"]=="stream" for l in o["text"].splitlines(keepends=True)]
print("".join(out(A)+out(B)+out(Cc)))
k55=plan.index(src(C[55])); assert scale!="cpu" or "".join(out(plan[k55]))=="".join(l for o in C[55]["outputs"] for l in o.get("text",[])), "cell 55 prints something else"
if len(sys.argv)>2:
    tmpl=next(o for o in C[55]["outputs"] if o["output_type"]=="stream")
    for x,text in ((a,A),(b,B),(c,Cc)): x["outputs"]=[{**tmpl,"text":out(text)}]
    for at,x in ((58,c),(47,b),(45,a)): C.insert(at+1,x)
    n=0
    for x in C:
        if x["cell_type"]=="code":
            n+=1; x["execution_count"]=n
            for o in x["outputs"]:
                if "execution_count" in o: o["execution_count"]=n
    open(P,"w").write(json.dumps(nb,indent=1,ensure_ascii=False)+("\n" if raw.endswith("\n") else ""))
