import sys, json; sys.path.insert(0,"/root/queue")
import nbformat
P="/root/drafts/attention3/Attention.ipynb"
b=nbformat.read(P,4); bad=0
def rep(i, old, new):
    global bad
    s=b.cells[i].source
    if s.count(old)!=1: bad+=1; print("NOT",i,s.count(old),repr(old[:70])); return
    b.cells[i].source=s.replace(old,new)
def whole(i,new): b.cells[i].source=new
# --- opening and the paper
rep(3, "The sizes in the diagram are those of the paper's base model:", "The sizes in the diagram are those of the paper's base model; the terms in the boxes are explained below.")
rep(5, "The word receives the average of all values, and those with high scores get large weights.", "The word receives a weighted average of all values, with large weights where the scores are high.")
rep(5, "The paper takes dot products, which are one matrix multiplication, and drops the recurrence.", "Luong et al. (2015) replaced the network by dot products, which are one matrix multiplication. The paper divides these by $\\sqrt{d_k}$ and drops the recurrence.")
rep(7, "Into German, both Transformers are ahead", "The FLOPs are estimates from training times: eight P100 GPUs trained the base model in 12 hours and the big one in 3.5 days. Into German, both Transformers are ahead")
rep(9, "No number is in two of the three splits.", "No number of the test set occurs in training or validation.")
# --- attention
rep(13, "and PyTorch's own function (`fused=True`). It computes the same and, where it has a fused kernel, does not store the weights.", "and PyTorch's own function (`fused=True`). Its result is the same, but where PyTorch has a *fused kernel*, which does all steps in one program, it never stores the table of weights, so we cannot look at it.")
rep(19, "At the paper's $d_k = 64$ nothing vanishes yet. Without the division, the gradient is smaller at the scores (1.07 against 1.79), but larger at the query (8.28 against 1.76). On its way to the query it is multiplied by the keys, whose length grows as $\\sqrt{d_k}$, and the division cancels this factor.", "At the paper's $d_k = 64$ two effects compete. The softmax is already saturated (0.81 bits), which makes the gradient at the scores smaller: 1.07 against 1.79. But on its way to the query this gradient is multiplied by the long keys, without the division by $\\sqrt{64} = 8$, and arrives larger: 8.28 against 1.76. From $d_k = 256$ on, the saturation wins.")
rep(20, '"wo": ("w_o", 2.41, 5.6)', '"wo": ("$W^O$", 2.41, 5.6)')
rep(20, 'f"what gives the queries, keys and values: {d} numbers each"', 'f"input: {d} numbers for each word"')
rep(21, "In the code, one matrix holds the projections of all heads (`w_q`, `w_k`, `w_v`), and `split` cuts the result into heads.", "In the code, one matrix holds the projections of all heads (`w_q`, `w_k`, `w_v`), and `split` cuts the result into heads. (Ignore `cache` and `static` until we decode.)")
rep(27, "A row is a word that looks, a column a word that it may look at (dark) or not (white):", "A row is a word that looks, a column a word that it may look at (dark) or not (white). The rows of `<pad>` look, too, but nobody reads their outputs:")
rep(35, "The authors hoped that sines would make *relative* positions easy to learn.", "The authors hoped that sines would make *relative* positions easy to learn (\"three words to the left\", wherever the word stands).")
rep(36, 'print("one matrix moves all 97 position vectors three words further")', 'print("one matrix moves all 97 position vectors three words further")')
rep(37, "## The layers\n\nSelf-attention", "Many later models go one step further and rotate the queries and keys themselves (*RoPE*, Su et al. 2021), instead of adding positions to the embeddings.\n\n## The layers\n\nSelf-attention")
rep(40, '("m", "C")', '("m", "C", "keys,\\nvalues")')
rep(40, '"m": ("memory", 2.2, 4, "data")', '"m": ("memory", 1.9, 4, "data")')
rep(41, "so that no norm interrupts the residual connections.", "so that no norm interrupts the residual connections; then each stack needs one more norm at its end.")
rep(46, 'With two vocabularies, `share="target"` ties those of the decoder.', 'With two vocabularies, `share="target"` uses one matrix for the decoder\'s embedding and the output layer, and the encoder keeps its own. The embeddings are multiplied by $\\sqrt{d_{model}}$: the entries of the shared matrix are small (at the start with a standard deviation of $1 / \\sqrt{d_{model}}$), and the sines, which reach from −1 to 1, would drown them.')
rep(48, """        parts = {f"{side}: {name}": count_parameters(part) for name, part in stack[0].named_children()}
        rows |= {name: (len(stack), count) for name, count in parts.items() if count}
""", """        norms = sum(count_parameters(part) for name, part in stack[0].named_children() if name.startswith("norm"))
        parts = {name: count_parameters(part) for name, part in stack[0].named_children()}
        parts = {name: count for name, count in parts.items() if count and not name.startswith("norm")}
        rows |= {f"{side}: {name}": (len(stack), count) for name, count in {**parts, "layer norms": norms}.items()}
""")
rep(48, "assert all(abs(total / 1e6 - millions)", """feed_forward = sum(n * each for name, (n, each) in base_table.items() if "feed_forward" in name)
print(f"the feed-forward networks hold {100 * feed_forward / stacks[0]:.0f} % of the base model's two stacks")
assert all(abs(total / 1e6 - millions)""")
rep(49, "Training rests on one property:", "The paper does not give the exact size of its vocabulary, so its 65 and 213 million parameters can only be met roughly. In the two stacks, most parameters are in the feed-forward networks, not in attention.\n\nTraining rests on one property:")
# --- training
rep(57, "In our *one-cycle* schedule, which suits short trainings, it falls to zero along a cosine, after a warm-up over a fifth of all steps.", "This is often called the *Noam schedule*, after one of the authors. In our *one-cycle* schedule the rate rises over the first fifth of the steps and then falls to zero, both times along a cosine.")
rep(57, "With it, the paper's *perplexity* gets worse, from 4.67 to 4.92, but its BLEU gets better, from 25.3 to 25.8 (Table 3, row D). Perplexity is $e^{loss}$.", "With it, the paper's *perplexity*, $e^{loss}$, gets worse, from 4.67 to 4.92, but its BLEU gets better, from 25.3 to 25.8 (Table 3, row D).")
rep(59, "{labels[1]:.3f} for each other;", "{labels[1]:.3f} for the others;")
rep(64, "add seeds under real, one after the other", "with seeds=[0] the main run takes a third of the time")
rep(65, "With `best=True`, the model gets back the weights of the epoch with the highest validation BLEU; the test set plays no part in this choice.", "With `best=True`, the model gets back the weights of the epoch with the highest validation BLEU ([epochs.py](epochs.py) keeps them); the test set plays no part in this choice.")
rep(74, "A product of probabilities favours short sentences, so the search divides its logarithm by the *length penalty* of Wu et al. (2016), $((5 + n) / 6)^{0.6}$ for $n$ tokens, with the paper's exponent.", "Each further token multiplies the probability of a sentence by a number below 1, so long sentences would always look worse. Therefore the search divides its logarithm, which is negative, by the *length penalty* of Wu et al. (2016), $((5 + n) / 6)^{0.6}$ for $n$ tokens, with the paper's exponent. For example, a log-probability of −4 for 4 tokens becomes −3.1, and −5 for 9 tokens becomes −3.0: the longer sentence wins.")
rep(78, 'corpus.name, "generated", None', 'corpus.name, "test", None')
rep(81, "German says the seven before the forty, so the heads cross over there:", "German says the seven before the forty, so the dark cells of the two words change places:")
rep(87, "It also depends on how a text is cut into words, so a point between papers means little.", "It also depends on how the text is tokenised: a difference of one point between two papers may come from that alone.")
rep(87, "For this little data we take a small model with pre-norm and one tied matrix, of the sizes that [Wu et al. 2021](https://arxiv.org/abs/2105.14462) use to translate these captions from English into German.", "This is little data, so we take a small model, of the sizes that [Wu et al. 2021](https://arxiv.org/abs/2105.14462) use to translate these captions from English into German. It has pre-norm and one tied matrix.")
rep(90, "We now score translations of the test set, 1,000 pairs, for the first time.", "We now score translations of the test set, 1,000 pairs. Nothing was chosen by it.")
rep(91, "def rows_for(what, nets, published=None):\n    return [dict(what=f\"{what}, {'greedy' if beam == 1 else f'beam {beam}'}\", paper=None,", "def rows_for(what, nets, published):\n    return [dict(what=f\"{what}, {'greedy' if beam == 1 else f'beam {beam}'}\", paper=None,")
rep(92, "The paper's claim is not attention, but attention *without recurrence*: better translations in less training time.", "Attention was known before. The paper's claim is that a translator needs *only* attention and no recurrence, and then translates better after less training.")
rep(92, "But we can measure path lengths, the cost of a layer, and how two networks of equal size compare.", "But we can measure how a signal fades with the distance, what a layer costs, and how two networks of equal size compare.")
rep(92, "\n\nWhat does a long path do to a signal?", "\n\n(*Sequential* operations have to wait for each other. The count of self-attention leaves out its projections, $4 n d^2$, which are the larger part while $n < 2d$.)\n\nWhat does a long path do to a signal?")
rep(94, "**For attention, all other words are equally near:** its gradient lies between 0.08 and 0.09 at 1 word and at 40.", "**Attention's signal does not depend on the distance:** its gradient lies between 0.08 and 0.09 at 1 word and at 40. It is small, because an untrained layer shares its attention among all 48 words.")
whole(97, b.cells[97].source.replace("**The times grow with the length as the operations do.** When the sentence grows from 256 to 512 words, the convolution and the GRU need about twice the time, but attention needs three times as much, because of its $n^2$. Multiplications do not tell which of two layers is faster, though: at 256 words attention needs as many as the GRU, yet only 0.75 of its time; at 512 words it needs 1.33 times as many, and about the same time. At 32 words (on the right) it takes about half of the GRU's time, at every width.",
"**The multiplications roughly predict how the time of one layer grows with the length.** From 256 to 512 words, the convolution and the GRU need about twice the time; attention needs 2.67 times the multiplications and three times the time. **They do not predict which of two layers is faster:** at 256 words attention and the GRU need equally many, and attention takes 0.75 of the GRU's time. At 32 words (on the right) it takes about half, at every width. The convolution is the fastest everywhere, but it sees only its neighbours."))
assert "roughly predict" in b.cells[97].source
rep(97, "two layers of GRUs in the encoder, which reads in both directions, two in the decoder, and the attention of Luong et al. (2015). **So the race compares two designs, not one difference.** The rival attends to the source after its last layer only, with one head, and has no residual connections, layer norms or feed-forward networks. To keep it fast, we left out Luong's *input feeding* (the result of attention enters the next step), which may cost it BLEU.", "two layers of GRUs in the encoder, which reads in both directions, two in the decoder, and the *general* score of Luong et al. (2015), divided by $\\sqrt d$. **The two networks differ in many parts, so the race cannot say which part is the reason.** The rival attends to the source after its last layer only, with one head, and has no residual connections, layer norms or feed-forward networks. To keep it fast, we left out Luong's *input feeding* (the result of attention enters the next step), which gained them 1.3 BLEU from English into German.")
rep(98, "sizes = {\"Transformer\": build_transformer(), \"recurrent\": build_recurrent()}\nfor name, net in sizes.items():", "contenders = {\"Transformer\": build_transformer(), \"recurrent\": build_recurrent()}\nfor name, net in contenders.items():")
rep(98, 'assert abs(count_parameters(sizes["Transformer"]) / count_parameters(sizes["recurrent"]) - 1) < 0.05', 'assert abs(count_parameters(contenders["Transformer"]) / count_parameters(contenders["recurrent"]) - 1) < 0.05')
rep(98, "\nrival, rival_run = rivals[0]", "")
whole(99, '''@styled
def plot_race(contest, title):
    \'\'\'Validation BLEU: the mean over seeds in a band from the lowest to the highest; on the right the second half.\'\'\'
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
    for colour, (name, pairs) in zip(COLOURS, contest.items()):
        length = min(len(made.history["val_bleu"]) for _, made in pairs)
        curves = torch.tensor([made.history["val_bleu"][:length] for _, made in pairs])
        for axis, first in zip(axes, (0, length // 2)):
            epochs, shown = range(first + 1, length + 1), curves[:, first:]
            axis.fill_between(epochs, *shown.aminmax(dim=0), color=colour, alpha=0.25, linewidth=0)
            axis.plot(epochs, shown.mean(0), color=colour, label=name)
    for axis, part in zip(axes, ("all epochs", "the second half")):
        axis.set(title=part, xlabel="epoch", ylabel="BLEU, greedy")
    axes[0].legend()
    figure.suptitle(title)

contest = {"Transformer": trained, "recurrent": rivals}
plot_race(contest, f"{real.name}, validation")
print("on the validation set")
for name, pairs in contest.items():
    for _, made in pairs:
        scores, losses = made.history["val_bleu"], made.history["val_loss"]
        quarter, half = (scores[max(0, len(scores) * k // 4 - 1)] for k in (1, 2))  # of the epochs
        print(f"{name:11} seed {made.identity['seed']}: BLEU {quarter:.1f} at a quarter, {half:.1f} at half,",
              f"{max(scores):.1f} best; loss {min(losses):.3f} lowest, {losses[-1]:.3f} last")
''')
NEW99 = '''both = ours_on_test + rows_for("recurrent", rivals, published=28.11)
print("BLEU on the test set, each seed")
for row in both:
    print(f"{row['what']:20}", *(f"{value:6.2f}" for value, _ in row["runs"]))
written = {name: [translate(net, real.test.source, pieces, pieces) for net, _ in pairs] for name, pairs in contest.items()}
ahead, low, high = paired_bootstrap(written["Transformer"], written["recurrent"], references["test"])
print(f"greedy, mean of the seeds: Transformer ahead by {ahead:.2f}; 95 % interval over the sentences {low:.2f} to {high:.2f}")
report("Attention", "BLEU, lower-cased", real.name, split, published_by, both, table="race")
'''
rep(91, 'report("Attention", "BLEU, lower-cased", real.name, split, "bentrevett/pytorch-seq2seq, spaCy tokens", ours_on_test)', 'published_by = "bentrevett/pytorch-seq2seq, spaCy tokens"\nreport("Attention", "BLEU, lower-cased", real.name, split, published_by, ours_on_test)')
whole(101, '''speed_loader = PairLoader(real.train, pieces, pieces, knobs["real"]["max_tokens"], device, shuffle=True)
batches = [batch for _, batch in zip(range(3 if scale == "quick" else 8), speed_loader)]
to_translate = real.val.source[: 5 if scale == "quick" else 200]
untrained = {name: net.to(device) for name, net in contenders.items()}
best_of_seed_0 = {name: pairs[0][0] for name, pairs in contest.items()}

def training_rate(name, precision):
    \'\'\'Target tokens a second over these batches, with gradient steps.\'\'\'
    net, start, said = untrained[name].train(), time.perf_counter(), 0
    optimizer = torch.optim.Adam(net.parameters())
    for src, tgt in batches:
        with autocast(device, precision):
            loss, number, _ = translation(net, src, tgt)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        said += number
    synchronise(device)
    return said / (time.perf_counter() - start)

def writing_rate(name):
    \'\'\'Sentences a second, translated greedily by the trained network, in float32.\'\'\'
    start = time.perf_counter()
    translate(best_of_seed_0[name], to_translate, pieces, pieces)
    return len(to_translate) / (time.perf_counter() - start)

def take_turns(measure, *options):
    \'\'\'The median rate of each network; the first turn does not count.\'\'\'
    turns = [[measure(name, *options) for name in contest] for _ in range(2 if scale == "quick" else 4)]
    return [statistics.median(rates) for rates in zip(*turns[1:])]

precisions = {str(dtype).removeprefix("torch."): dtype for dtype in (torch.float32, choose_precision(device)[0])}
rates = {f"training in {name}, tokens/s": take_turns(training_rate, dtype) for name, dtype in precisions.items()}
rates["translating, sentences/s"] = take_turns(writing_rate)
for what, (ours, theirs) in rates.items():
    print(f"{what:31} Transformer {ours:7,.0f}, recurrent {theirs:7,.0f}, ratio {ours / theirs:.2f}")
''')
rep(102, """| Table 3 | BLEU |
|---|---|
| base: 8 heads of 64 numbers, sines, label smoothing, dropout 0.1 | 25.8 |
| 1 head of 512 · 4 of 128 · 16 of 32 · 32 of 16 (row A) | 24.9 · 25.5 · 25.8 · 25.4 |
| no dropout · no label smoothing (row D) | 24.6 · 25.3 |
| learned positions instead of sines (row E) | 25.7 |
""", """| Table 3 | what is different | BLEU |
|---|---|---|
| base | 8 heads of 64 numbers, 6 layers, sines, label smoothing, dropout 0.1 | 25.8 |
| row A | 1 head of 512 numbers | 24.9 |
| | 4 heads of 128 | 25.5 |
| | 16 heads of 32 | 25.8 |
| | 32 heads of 16 | 25.4 |
| row B | 8 heads with $d_k = 16$ | 25.1 |
| row C | 2 layers | 23.7 |
| row D | no dropout | 24.6 |
| | no label smoothing | 25.3 |
| row E | learned positions | 25.7 |
""")
rep(105, "def learn(seed, steps, warmup=60, lr=2e-3, **options):\n    '''Train a network on the digits; returns (network, Run), and (untrained network, None) for 0 steps.'''\n    set_seed(seed)\n    net, run = Neighbours(**options).to(device), None\n", "def learn(seed, steps, warmup=60, lr=2e-3, shrink=1, **options):\n    '''Train a network on the digits; returns (network, Run), and (untrained network, None) for 0 steps.\n\n    `shrink` divides the matrices of the queries once, before the training.\n    '''\n    set_seed(seed)\n    net, run = Neighbours(**options).to(device), None\n    with torch.no_grad():\n        for layer in net.layers:\n            layer.attention.w_q.weight /= shrink\n")
rep(107, "networks with few heads should learn more slowly here.", "networks with few heads should learn more slowly here. (A single head can still learn the task: its weights can tell four positions apart by size.)") if False else None
rep(109, "**Why divide by √d_k?** The network could learn the same factor itself, by making $W^Q$ smaller. So the division does not change what the network can compute, only how it learns. We compare two heads with $d_k = 16$ and two with $d_k = 64$, with and without it. If large scores do harm, they do so at 64. (Compare only equal $d_k$, because the width $d_{model}$ changes too.)", "**Why divide by √d_k?** The network could learn the same factor itself, by making $W^Q$ smaller. So the division does not change what the network can compute, only how it learns. We compare two heads with $d_k = 16$ and two with $d_k = 64$, with and without it; if large scores harm the learning, we should see it at 64. (Compare only equal $d_k$, because the width $d_{model}$ changes too.) And we test the paper's explanation, the saturated softmax: once we divide $W^Q$ by 8 before the training, and not in the network. If the large scores at the start are the reason, this must help as much as the division.")
rep(110, """            for d_k in (16, 64) for scaled in (True, False)}
""", """            for d_k in (16, 64) for scaled in (True, False)}
variants["d_k = 64, not divided, W^Q / 8 at the start"] = dict(d_model=128, num_heads=2, scaled=False, shrink=8)
""")
rep(112, """counting = (answers == rows.mode(dim=1).values[:, None, None]).float().mean().item()
print(f"always naming the most common digit of the row: {100 * counting:.1f} % right")
""", """others = F.one_hot(rows, 10).sum(1, keepdim=True) - F.one_hot(rows[:, 2:-2], 10)  # how often each digit occurs elsewhere
counting = (answers == others.argmax(-1, keepdim=True)).float().mean().item()
print(f"always naming the most common one of the 15 other digits: {100 * counting:.1f} % right")
""")
rep(112, """plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")""", """plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")
for label, (_, right) in beyond.items():
    print(f"{label:16} positions 2 to 13: {min(right[:12]):5.1f} to {max(right[:12]):5.1f} %,",
          f"16 to 29: {min(right[14:]):4.1f} to {max(right[14:]):4.1f} %")""")
rep(113, "Without positions, the network sees which digits occur in a row, but not where. About the best that it can do is to name the most common one, which is right in 23.6 % of the cases; it ends at 23.9 %.", "Without positions, the network sees which digits occur in a row, but not where. The best that it can do is to name the most common one of the other digits, which is right in 24.2 % of the cases; it ends at 23.9 %.")
rep(113, "**Sines and learned vectors end level, as in the paper:**", "**Sines and learned vectors reach the same accuracy, as in the paper:**")
rep(115, "**In the last layer, the gradient of post-norm is indeed larger:** 0.78 against 0.29. But with post-norm all layers get about the same gradient, and with pre-norm it falls towards the output.", "**In the last layer, the gradient of post-norm is indeed larger:** 0.78 against 0.29, a ratio of 2.7. Their theory predicts $\\sqrt 6 = 2.4$ for six layers. Over the depth it looks different from their networks, where the gradient grows towards the output with post-norm and stays level with pre-norm: here it stays level with post-norm and falls with pre-norm.")
rep(118, """maps = attention_maps(translator, [layer.cross_attention for layer in translator.decoder], src,
                      torch.cat([torch.full_like(tgt[:, :1], BOS), tgt[:, :-1]], dim=1))
""", """so_far = torch.cat([torch.full_like(tgt[:, :1], BOS), tgt[:, :-1]], dim=1)
maps = attention_maps(translator, [layer.cross_attention for layer in translator.decoder], src, so_far)
""")
rep(119, "**Which translations are worst?** We look for the lowest BLEU (beam 4) among references of at least eight words. We count only words and bigrams, because many single sentences have no matching 4-gram.", "**Which translations are worst?** We look for the lowest BLEU (beam 4) among references of at least eight words. We count only single words, because many sentences have no matching 4-gram.")
rep(120, "bleu([ours], [right], longest=2)", "bleu([ours], [right], longest=1)")
rep(120, 'print(f"BLEU-2 {grade:4.1f}', 'print(f"BLEU-1 {grade:4.1f}')
rep(124, '    print(f"{text}\\n  → {read.decode(answer[0].tolist())[:90]}")', '    print(f"{text}\\n  → {read.decode(answer[0].tolist())[:80]}   score {score.item():.2f}")')
rep(125, "| Norm | post-norm | pre-norm in the translator, post-norm in the toys |", "| Norm | post-norm | pre-norm in the translator, post-norm in the toys |\n| Projections in attention | written without biases | with biases, as in PyTorch's layer |")
rep(125, "| the mean of the last five checkpoints |", "| the mean of the last five checkpoints (base) |")
rep(125, "## Exercises", "**What has changed since.** Most large language models today are decoders alone. They put the norm first, often without subtracting the mean (*RMSNorm*), rotate queries and keys instead of adding positions (*RoPE*), have gated feed-forward networks (*SwiGLU*), and share keys and values among several heads (*grouped-query attention*).\n\n## Exercises")
rep(2, "from attention.recurrent import RecurrentTranslator\n", "from attention.epochs import keep_each_epoch, take_best\nfrom attention.recurrent import RecurrentTranslator\nfrom attention.significance import paired_bootstrap\n")
rep(2, "from utils.checkpoint import checkpoint_dir, load_file, save_file", "from utils.checkpoint import checkpoint_dir, save_file")
# insertions, from the bottom
new=lambda t: nbformat.v4.new_code_cell(t)
md=lambda t: nbformat.v4.new_markdown_cell(t)
def ins(after, *cells):
    for c in cells: c.pop("id",None)
    b.cells[after+1:after+1]=list(cells)
ins(118, md("The plot averages over heads. Heads of one layer do different things, here in the self-attention of the encoder:"), new('''layer = translator.encoder[min(1, len(translator.encoder) - 1)]
plot_attention(attention_maps(translator, [layer.attention], src, so_far)[0], seen, seen, "self-attention, encoder layer 2")'''))
ins(103, new('''asked, digits = 2, example[0].tolist()
boxes = {f"d{i}": (str(digit), i, 0, "data") for i, digit in enumerate(digits)}
boxes |= {"ask": (f"at position {asked}: name the four neighbours", asked, 1.3),
          "say": (" ".join(map(str, answers[0, 0].tolist())), asked, 2.4, "data")}
draw_flow(boxes, [*((f"d{asked + offset}", "ask") for offset in OFFSETS), ("ask", "say")], "The task, at one position")'''))
ins(99, new(NEW99.rstrip()))
ins(97, new('''boxes = {
    "src": ("source", 0, 0, "data"),                         "tgt": ("translation so far", 3.6, 0, "data"),
    "enc": ("2 GRU layers,\\nin both directions", 0, 1.2),    "dec": ("2 GRU layers", 3.6, 1.2),
    "mem": ("memory: a state\\nfor each word", 0, 2.5, "data"), "att": ("attention, one head", 3.6, 2.5),
    "cat": ("concatenate, linear, tanh", 3.6, 3.6),          "out": ("linear, softmax", 3.6, 4.6),
}
arrows = [("src", "enc"), ("enc", "mem"), ("mem", "att", "keys, values"), ("tgt", "dec"), ("dec", "att", "queries")]
arrows += [("att", "cat"), ("dec", "cat", "", 1.5), ("cat", "out")]
draw_flow(boxes, arrows, "The rival: recurrent, with attention")'''))
ins(12, md("**From one query to a sentence.** In self-attention every word has its own query, key and value, which three matrices make from its embedding. Here are three words of two numbers each. `Q @ K.T` holds all nine scores at once, a row for each word that looks, and the softmax goes along the rows:"),
 new('''X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # three words, two numbers each
W_Q, W_K, W_V = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 10 * torch.eye(2)
Q, K, V = X @ W_Q, X @ W_K, X @ W_V  # (3, 2) each
scores = Q @ K.T / math.sqrt(2)  # (3, 3)
weights = scores.softmax(dim=-1)
print("scores           weights            outputs")
for row in zip(scores, weights, weights @ V):
    print("   ".join(" ".join(f"{value:5.2f}" for value in part.tolist()) for part in row))
print("\\nthe weights of the first word, if its scores are multiplied by")
for factor in (0, 1, 4, 16):
    print(f"{factor:3}:", " ".join(f"{value:5.2f}" for value in (factor * scores[0]).softmax(dim=-1).tolist()))
assert torch.allclose(weights.sum(dim=-1), torch.ones(3))'''),
 md("The outputs have the shape of the values: one vector for each word. The last lines show why the size of the scores matters. At zero the word looks at all words alike; the larger the scores, the more it looks at one alone."))
del b.cells[[i for i,c in enumerate(b.cells) if c.source.startswith("def keep_each_epoch")][0]]
if not bad: nbformat.write(b,"/root/drafts/attention3/Attention4.ipynb"); print("written")
import re
t=' '.join(c.source for c in b.cells if c.cell_type=='markdown'); t=re.sub(r'```.*?```','',t,flags=re.S)
print(len([w for w in t.split() if re.search(r'\w',w)]), "words")
