s=open('build.py').read()
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:80]); s=s.replace(a,b)
# threshold on counts and on BERT's own probabilities
sub('''def usual(sentence):
    \'\'\'The mean log-probability of a word given the one before it.\'\'\'
    tokens = torch.tensor(sentence)
    return trigrams.bigrams[tokens[:-1], tokens[1:]].log().mean().item()

def by_counts(texts, tests):
    \'\'\'The test accuracy of the threshold on `usual` that labels `texts` best.\'\'\'
    known, labels_ = np.array([usual(s) for s, _ in texts]), np.array([label for _, label in texts])
    threshold = max(known, key=lambda t: ((known <= t) == labels_).mean())
    return float(np.mean([(usual(s) <= threshold) == label for s, label in tests]))

order = Task("order", order_texts, order_accuracy, knobs["order"], 32, longest + 2, encoder)
order_tuned = compare(order)
counts_order = {n: [100 * by_counts(order_texts(n, seed), ordered["test"]) for seed in knobs["seeds"]]
                for n in order.steps}
print("bigram counts: test", {n: [round(v, 1) for v in values] for n, values in counts_order.items()})
report("BERT", "test accuracy, %", reviews.name, "validation sentences to train, test sentences", "bigram counts",
       [dict(what=f"word order, {n:,} labels: {name}", paper=None, reproduction=float(np.mean(counts_order[n])),
             runs=runs) for (name, n), runs in order_tuned.items()], table="order")
''','''def by_bigrams(sentence):
    \'\'\'The mean log-probability of a word given the one before it.\'\'\'
    tokens = torch.tensor(sentence)
    return trigrams.bigrams[tokens[:-1], tokens[1:]].log().mean().item()

@torch.no_grad()
def by_bert(sentence):
    \'\'\'The mean log-probability of a word given all others: each is masked in turn, and BERT predicts it.\'\'\'
    tokens, mask = (x.to(device) for x in framed([sentence] * len(sentence), encoder, len(sentence) + 2))
    places = torch.arange(1, len(sentence) + 1, device=device)[:, None]  # behind [CLS]
    with autocast(device, choose_precision(device)[0]):
        logits = bert.eval()(tokens.scatter(1, places, MASK), None, mask, places)[0][:, 0]
    return logits.float().log_softmax(dim=-1).gather(1, tokens.gather(1, places)).mean().item()

def thresholds(score, task):
    \'\'\'{number of labels: test accuracies in %, a seed each} of the threshold on the score that labels them best.\'\'\'
    known = {tuple(s): score(s) for s, _ in (*held_out[:most], *ordered["test"])}
    test, truth = (np.array(x) for x in zip(*((known[tuple(s)], label) for s, label in ordered["test"])))
    found = {n: [] for n in task.steps}
    for n, seed in itertools.product(task.steps, knobs["seeds"]):
        x, y = (np.array(part) for part in zip(*((known[tuple(s)], label) for s, label in task.texts(n, seed))))
        threshold = max(x, key=lambda t: ((x <= t) == y).mean())
        found[n].append(100 * float(((test <= threshold) == truth).mean()))
    return found

order = Task("order", order_texts, order_accuracy, knobs["order"], 32, longest + 2, encoder)
order_tuned = compare(order)
order_counted = {"threshold, bigrams": thresholds(by_bigrams, order), "threshold, BERT": thresholds(by_bert, order)}
''')
# the table in a cell of its own, so that no cell is long
k=s.index('order_counted = {"threshold, bigrams"'); e=s.index('""")\n',k)
s=s[:e]+'''""")
code(r"""
for name, found in order_counted.items():
    print(f"{name:20}", *(f"{n:,} labels: {', '.join(f'{v:.1f}' for v in values)} %; " for n, values in found.items()))
report("BERT", "test accuracy, %", reviews.name, "validation sentences to train, test sentences", "bigram threshold",
       [dict(what=f"word order, {n:,} labels: {name}", paper=None,
             reproduction=float(np.mean(order_counted["threshold, bigrams"][n])), runs=runs)
        for (name, n), runs in order_tuned.items()], table="order")
'''+s[e:]
# the plot takes several baselines
sub('''    \'\'\'panels: {title: (results of `compare`, {number of labels: accuracies of the baseline}, its name)}\'\'\'''','''    \'\'\'panels: {title: (results of `compare`, {name of a baseline: {number of labels: accuracies}})}\'\'\'''')
sub('''    for number, (title, (tuned, counted, baseline)) in enumerate(panels.items()):
        sizes = list(counted)''','''    for number, (title, (tuned, baselines)) in enumerate(panels.items()):
        sizes = list(next(iter(baselines.values())))''')
sub('''        lines = {**values, baseline: np.array(list(counted.values()))}''','''        lines = values | {name: np.array(list(counted.values())) for name, counted in baselines.items()}''')
sub('''                colour, shift = COLOURS[k if axis is not axes[2] else 3 + number], 1 + 0.08 * (k - 1)''','''                colour, shift = COLOURS[k if axis is not axes[2] else 4 + number], 1 + 0.08 * (k - 1)''')
sub('''plot_labels({"word order": (order_tuned, counts_order, "bigram counts"), "sentiment": (tuned, bags, "bag of words")})''','''plot_labels({"word order": (order_tuned, order_counted), "sentiment": (tuned, {"bag of words": bags})})''')
open('build.py','w').write(s)
