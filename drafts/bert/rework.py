p='/root/drafts/bert/build.py'; s=open(p).read()
def r(a,b,n=1):
    global s
    assert s.count(a)==n,(s.count(a),a[:80]); s=s.replace(a,b)
i=s.index("## Fine-tuning: what pre-training is worth"); j=s.index("## Two ablations: masks only, and left to right")
k=s.rindex('md(r"""',0,i); 
old=s[i:j]
new='''## Fine-tuning: what pre-training is worth

Now the labels come in. A linear layer decides between two classes, and **all** weights are trained, with a dropout of 0.1. The paper puts this layer on the pooler's vector of [CLS]. Ours has hardly learned next sentence prediction, the only task that trains this vector, so we give the layer **the mean of the vectors of all tokens**. We ask the same question of two tasks: with 50, 200 and 1,400 labels, how much better is the pre-trained network than **the same network from random weights**? Both take equally many steps, and each gets the best of several learning rates on validation texts, with the first random seed. (This choice uses more labels than the smallest training sets.)
""")
code(r"""
class MeanClassifier(nn.Module):
    \'\'\'BERT with a linear classifier on the mean of a text's vectors: tokens (B, T) -> logits (B, 2).\'\'\'

    def __init__(self, config):
        super().__init__()
        self.bert, self.dropout = Bert(config, pooler=False), nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.d_model, 2)

    def forward(self, tokens, segments=None, mask=None):
        vectors, _ = self.bert(tokens, segments, mask)  # (B, T, C)
        weights = mask / mask.sum(dim=1, keepdim=True)  # (B, T); 0 for padding
        return self.classifier(self.dropout((weights[..., None] * vectors).sum(dim=1)))

def classify(model, tokens, mask, labels):
    \'\'\'The objective of fine-tuning: mean cross-entropy over a batch.\'\'\'
    logits = model(tokens, None, mask)
    return F.cross_entropy(logits, labels), len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}
""")
code(r"""
@dataclasses.dataclass
class Task:
    \'\'\'`texts(n, seed)`: n pairs of tokens and label to train on; `score(model)`: the accuracies on other texts.\'\'\'
    name: str
    texts: typing.Callable
    score: typing.Callable
    steps: dict  # for each number of labels
    batch: int
    length: int
    encoder: WordPiece

def fine_tune(task, name, pretrained, n, seed, rate):
    \'\'\'Fine-tune on n labels, from `pretrained` or, where that is None, from random weights. Returns the Run.\'\'\'
    set_seed(seed)
    # dropout of attention weights is slow on CPUs: left out there
    config = dataclasses.replace((pretrained or bert).config, dropout=0.1,
                                 attention_dropout=None if device.type == "cuda" else 0.0)
    model = MeanClassifier(config).to(device)
    set_start(model.bert)
    if pretrained is not None:
        own = model.bert.state_dict()  # all of the encoder but the pooler
        model.bert.load_state_dict({key: v for key, v in pretrained.bert.state_dict().items() if key in own})
    steps, texts = task.steps[n], task.texts(n, seed)
    loader = LabelledWindows(*zip(*texts), task.encoder, task.length, steps, task.batch, device, seed)
    optimizer, scheduler = optimiser(model, rate, steps, 0.1 * steps)
    with contextlib.redirect_stdout(io.StringIO()):  # many short trainings: one line for each group is enough
        return fit(model, loader, optimizer, scheduler, 1, device, {}, classify, clip=1.0, compile=compiled,
                   checkpoint=f"BERT/{task.name} {name} {n} {seed} {steps} {rate:g}".replace(" ", "-"),
                   score=task.score)
""")
code(r"""
def tune_all(task, name, pretrained, n, rates=knobs["tune_rates"]):
    \'\'\'[(test accuracy in %, Run) of each seed], with the learning rate that the validation texts chose.\'\'\'
    val = {rate: fine_tune(task, name, pretrained, n, SEED, rate).history["val_accuracy"][-1] for rate in rates}
    rate = max(val, key=val.get)  # the test texts have no say
    runs = [fine_tune(task, name, pretrained, n, seed, rate) for seed in knobs["seeds"]]
    found = [(100 * run.history["test_accuracy"][-1], run) for run in runs]
    seen = ", ".join(f"{run.history['train_accuracy'][-1]:.0%}" for run in runs)
    print(f"{name:14} {n:5,} labels: validation", ", ".join(f"{100 * v:.1f} % at {r:g}" for r, v in val.items()),
          f"\\n  at {rate:g}: training accuracy of all steps {seen}; test", ", ".join(f"{v:.1f}" for v, _ in found), "%")
    return found

def compare(task):
    return {(name, n): tune_all(task, name, pretrained, n)
            for n in task.steps for name, pretrained in (("pre-trained", bert), ("random weights", None))}
""")
md(r"""
### Task 1: is the word order right?

In half of the sentences we exchange two neighbouring words; the network has to say in which. It is a small relative of CoLA, the task of the paper's GLUE on which sentences are acceptable or not. A bag of words has 50 % here by construction, as both classes hold the same words. To be right, one has to know which word may follow which, and a pre-trained network could know it already. Not every exchange makes a sentence wrong, so nobody reaches 100 %. The labelled sentences come from the *validation* reviews, because pre-training has read the training reviews in their right order; the test sentences come from the test reviews. The baseline is again counted: a threshold on the mean log-probability of a word given the one before it, with the bigrams of the training reviews.
""")
code(r"""
shortest, longest = knobs["sentence"]

def exchanged(sentence, draw):
    \'\'\'The sentence with two neighbouring words exchanged; None where no two whole, different words are neighbours.\'\'\'
    pieces = [*(encoder.pieces[t] for t in sentence), ""]
    whole = [piece.isalpha() and not after.startswith("##") for piece, after in zip(pieces, pieces[1:])]
    places = [i for i in range(len(sentence) - 1) if whole[i] and whole[i + 1] and pieces[i] != pieces[i + 1]]
    if not places:
        return None
    i = draw.choice(places)
    return [*sentence[:i], sentence[i + 1], sentence[i], *sentence[i + 2 :]]

def word_order(part, seed):
    \'\'\'All sentences of suitable length in random order, every second one (label 1) with two words exchanged.\'\'\'
    draw, found = random.Random(seed), []
    sentences = [s for document in documents[part] for s in document if shortest <= len(s) <= longest]
    for sentence in draw.sample(sentences, len(sentences)):
        wrong = exchanged(sentence, draw)
        if wrong is not None:
            found.append((wrong, 1) if len(found) % 2 else (sentence, 0))
    return found

most = max(knobs["order"])
ordered = {"test": word_order("test", SEED)[: knobs["tests"]], "val": word_order("val", SEED)[most:]}
for tokens_, label in ordered["test"][:4]:
    print("exchanged" if label else "right    ", encoder.decode(tokens_))
print(*(f"{part}: {len(texts):,} sentences" for part, texts in ordered.items()))
""")
code(r"""
@torch.no_grad()
def order_accuracy(model):
    \'\'\'The accuracies on `ordered`.\'\'\'
    result = {}
    for part, texts in ordered.items():
        right = 0
        for start in range(0, len(texts), 64):
            sentences, truth = zip(*texts[start : start + 64])
            tokens, mask = (x.to(device) for x in framed(sentences, encoder, longest + 2))
            with autocast(device, choose_precision(device)[0]):
                right += (model.eval()(tokens, None, mask).argmax(dim=1).cpu() == torch.tensor(truth)).sum().item()
        result[f"{part}_accuracy"] = right / len(texts)
    return result

def order_texts(n, seed):
    return random.Random(seed).sample(word_order("val", SEED)[:most], n)

def usual(sentence):
    \'\'\'The mean log-probability of a word given the one before it.\'\'\'
    tokens = torch.tensor(sentence)
    return trigrams.bigrams[tokens[:-1], tokens[1:]].log().mean().item()

def by_counts(texts, tests):
    \'\'\'The test accuracy of the threshold on `usual` that labels `texts` best.\'\'\'
    known, labels_ = np.array([usual(s) for s, _ in texts]), np.array([label for _, label in texts])
    threshold = max(known, key=lambda t: ((known <= t) == labels_).mean())
    return np.mean([(usual(s) <= threshold) == label for s, label in tests])

order = Task("order", order_texts, order_accuracy, knobs["order"], 32, longest + 2, encoder)
order_tuned = compare(order)
counts_order = {n: [100 * by_counts(order_texts(n, seed), ordered["test"]) for seed in knobs["seeds"]]
                for n in order.steps}
print("bigram counts: test", {n: [round(v, 1) for v in values] for n, values in counts_order.items()})
report("BERT", "test accuracy, %", reviews.name, "validation sentences to train, test sentences", "bigram counts",
       [dict(what=f"word order, {n:,} labels: {name}", paper=None, reproduction=float(np.mean(counts_order[n])), runs=runs)
        for (name, n), runs in order_tuned.items()], table="order")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: word order: pre-trained, random weights, counts by number of labels, n = 3 seeds, sampling error of the test sentences; trial with the little networks (2 / 128, n = 1, 1,400 labels): 80/10/10 63.1, masks only 53.4, random 49.9 % -->

### Task 2: sentiment

Is a review positive? It is longer than the 128 tokens that the network reads, so we train on random windows with the label of their review. For a whole review we average the logits over all its windows, weighted by their lengths. The baseline is logistic regression on a bag of words, whose penalty was also chosen on the 200 validation reviews.

If pre-training taught the network something that is useful for sentiment, it should beat random weights, most clearly where labels are few. It may not: "good" and "bad" fit the same gaps, so a network that fills gaps has reasons to represent them alike. And counted words are strong: many reviews give themselves away by single words. (Pre-training has read the 1,400 training reviews, without labels.)
""")
code(r"""
TEXTS = {"ours": (encoder, flat)}  # the reviews as tokens of this tokeniser; the published one can join them

def review_texts(n, seed, tokeniser="ours"):
    \'\'\'n training documents, half of them positive.\'\'\'
    draw = random.Random(seed)
    sides = ([i for i, label in enumerate(labels["train"]) if label == side] for side in (0, 1))
    chosen = [i for side in sides for i in draw.sample(side, min(n // 2, len(side)))]
    return [(TEXTS[tokeniser][1]["train"][i], labels["train"][i]) for i in chosen]

@torch.no_grad()
def document_accuracy(model, part, tokeniser):
    \'\'\'The share of documents that the weighted sum of the logits of their windows labels correctly.\'\'\'
    encoder, flat = TEXTS[tokeniser]
    windows = [(number, w) for number, d in enumerate(flat[part]) for w in all_windows(d, LENGTH)]
    sums = torch.zeros(len(flat[part]), 2)
    for start in range(0, len(windows), 64):
        numbers, texts = zip(*windows[start : start + 64])
        tokens, mask = (x.to(device) for x in framed(texts, encoder, LENGTH))
        with autocast(device, choose_precision(device)[0]):
            logits = model.eval()(tokens, None, mask)
        lengths = torch.tensor([len(text) for text in texts])[:, None]  # a short last window counts for less
        sums.index_add_(0, torch.tensor(numbers), lengths * logits.float().cpu())
    return (sums.argmax(dim=1) == torch.tensor(labels[part])).float().mean().item()

def review_accuracy(model, tokeniser="ours"):
    return {f"{part}_accuracy": document_accuracy(model, part, tokeniser) for part in ("val", "test")}
""")
code(r"""
sentiment = Task("sentiment", review_texts, review_accuracy, knobs["sentiment"], 16, LENGTH, encoder)
tuned = compare(sentiment)
bags = {}
for n in sentiment.steps:
    chosen = [review_texts(n, seed) for seed in knobs["seeds"]]
    as_words = [([[encoder.pieces[t] for t in tokens] for tokens, _ in c], [label for _, label in c]) for c in chosen]
'''
open('/tmp/new_part1.txt','w').write(new)
new=open('/tmp/new_part1.txt').read()
# subset stays; review_texts uses it
a='''def review_texts(n, seed, tokeniser="ours"):
    \'\'\'n training documents, half of them positive.\'\'\'
    draw = random.Random(seed)
    sides = ([i for i, label in enumerate(labels["train"]) if label == side] for side in (0, 1))
    chosen = [i for side in sides for i in draw.sample(side, min(n // 2, len(side)))]
    return [(TEXTS[tokeniser][1]["train"][i], labels["train"][i]) for i in chosen]
'''
assert a in new
new=new.replace(a,'''def subset(n, seed):
    \'\'\'The numbers of n training documents, half of them positive.\'\'\'
    draw = random.Random(seed)
    sides = ([i for i, label in enumerate(labels["train"]) if label == side] for side in (0, 1))
    return [i for side in sides for i in draw.sample(side, min(n // 2, len(side)))]

def review_texts(n, seed, tokeniser="ours"):
    return [(TEXTS[tokeniser][1]["train"][i], labels["train"][i]) for i in subset(n, seed)]
''')
i2=new.index('bags = {}\nfor n in sentiment.steps:')
new=new[:i2]+'''bags = {}
for n in sentiment.steps:
    chosen = [subset(n, seed) for seed in knobs["seeds"]]
    bags[n] = [100 * BagOfWords([words["train"][i] for i in c], [labels["train"][i] for i in c]).accuracy(
        words["test"], labels["test"]) for c in chosen]
print("bag of words: test", {n: [round(v, 1) for v in values] for n, values in bags.items()})
report("BERT", "test accuracy, %", reviews.name, SPLIT, "bag of words",
       [dict(what=f"sentiment, {n:,} labels: {name}", paper=None, reproduction=float(np.mean(bags[n])), runs=runs)
        for (name, n), runs in tuned.items()], table="sentiment")
""")
code(r"""
@styled
def plot_labels(panels):
    \'\'\'panels: {title: (results of `compare`, {number of labels: accuracies of the baseline}, its name)}\'\'\'
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for number, (title, (tuned, counted, baseline)) in enumerate(panels.items()):
        sizes = list(counted)
        values = {name: np.array([[v for v, _ in tuned[name, n]] for n in sizes])
                  for name in ("pre-trained", "random weights")}
        gaps = values["pre-trained"] - values["random weights"]
        lines = {**values, baseline: np.array(list(counted.values()))}
        for axis, curves in ((axes[number], lines), (axes[2], {title: gaps})):
            for k, (name, dots) in enumerate(curves.items()):
                colour, shift = COLOURS[k if axis is not axes[2] else 3 + number], 1 + 0.08 * (k - 1)
                axis.plot(sizes, dots.mean(axis=1), color=colour, label=name)
                axis.plot(np.repeat(shift * np.array(sizes), dots.shape[1]), dots.ravel(), "o", color=colour, alpha=0.5)
            axis.set(xscale="log", xlabel="labels", xticks=sizes)
            axis.set_xticklabels([f"{n:,}" for n in sizes])
            axis.minorticks_off()
        axes[number].set(title=title, ylabel="test accuracy (%)")
    axes[2].set(title="what pre-training adds", ylabel="percentage points")
    axes[2].axhline(0, color="#555555", linewidth=1)
    for axis in axes:
        axis.legend(fontsize=8)
    figure.suptitle(f"Fine-tuning on {reviews.name}; each dot is one random seed")

plot_labels({"word order": (order_tuned, counts_order, "bigram counts"), "sentiment": (tuned, bags, "bag of words")})
""")
'''
tail=old[old.index('TODO-NUMBERS <!-- TODO-NUMBERS: the gap at each number of labels'):]
new=new+'md(r"""\n'+tail
s=s[:i]+new+s[j:]
r('import random\n','import random\nimport typing\n') if s.count('import random\nimport typing')==0 else None
# knobs
r('tune={20: 20, 120: 30}, tune_batch=8, tune_rates=(2e-3,), seeds=(0, 1)),','order={20: 10, 40: 20}, sentiment={20: 20, 120: 30}, tune_rates=(2e-3,), seeds=(0, 1), sentence=(5, 14), tests=60),')
r('''        tune={50: 240, 200: 800, 1400: 2400}, tune_batch=16, tune_rates=(1.5e-4, 6e-4, 2.4e-3),
        seeds=(0, 1, 2)),''','''        order={50: 100, 200: 200, 1400: 600}, sentiment={50: 240, 200: 800, 1400: 1600},
        tune_rates=(4e-5, 1.5e-4, 6e-4, 2.4e-3), seeds=(0, 1, 2), sentence=(8, 30), tests=4000),''')
r('''        tune={50: 240, 200: 600, 1400: 1600}, tune_batch=32, tune_rates=(1e-4, 4e-4, 1.6e-3),
        seeds=(0, 1, 2)),''','''        order={50: 100, 200: 200, 1400: 600}, sentiment={50: 240, 200: 800, 1400: 2400},
        tune_rates=(4e-5, 1.5e-4, 6e-4, 2.4e-3), seeds=(0, 1, 2), sentence=(8, 30), tests=4000),''')
r('    # tune: number of labels -> steps of fine-tuning\n','    # order, sentiment: number of labels -> steps of fine-tuning\n')
r('''        fewest, steps = min(knobs["tune"].items())
        tune_all("published BERT", google, fewest, (2e-5, 5e-5), steps, "published")''','''        texts, score = (partial(function, tokeniser="published") for function in (review_texts, review_accuracy))
        task = dataclasses.replace(sentiment, texts=texts, score=score, encoder=google_encoder)
        tune_all(task, "published BERT", google, min(task.steps), (2e-5, 5e-5))''')
r('Add numbers of labels to `tune` and find','Add numbers of labels to `sentiment` and find')
open(p,'w').write(s)
