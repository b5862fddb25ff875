"""Attention6 -> Attention7: the two readers' reports."""
import sys, json, shutil; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/root/drafts/attention3/Attention7.ipynb"
shutil.copy("/root/drafts/attention3/Attention6.ipynb", P)
edit(P, [
 (0, "At the end of this notebook you can build a Transformer, starting from its central equation, check its attention against PyTorch's own layer, find out by small experiments what its parts do, and train a network that translates German into English and fits into two megabytes.",
     "At the end of this notebook you can build a Transformer from its central equation, find out by small experiments what its parts do, and train one that translates German into English and fits into two megabytes."),
 (0, "`gpu` (the same for longer), and `paper` (the sizes of the base model).", "`gpu` (60 epochs instead of 48, one seed), and `paper` (the sizes of the base model); the last two we have not run."),
 (3, " The sizes in the diagram are those of the paper's base model; the terms in the boxes are explained below.", " The terms in the boxes are explained below."),
 (5, "Read both columns from top to bottom. A dashed frame", "A dashed frame"),
 (5, "Every word looks at every other word directly. Each word is a vector of $d_{model}$ numbers, its *embedding*, which three learned matrices turn into a *query*, a *key* and a *value*.",
     "Every word looks at every other word directly (it *attends to* them). Each word is a vector of $d_{model}$ numbers, at first its *embedding*. Three learned matrices turn it into a *query*, a *key* and a *value*."),
 (13, "In self-attention every word has its own query, key and value, which three matrices make from its embedding. Here are three words of two numbers each.", "Here are three words of two numbers each, and three matrices that make their queries, keys and values."),
 (14, "the weights of the first word, if", "the weights of the third word, if"),
 (14, "(factor * scores[0])", "(factor * scores[2])"),
 (16, "and PyTorch's own function (`fused=True`). Its result is the same, but where PyTorch has a *fused kernel*, which does all steps in one program, it never stores the table of weights, so we cannot look at it.", "and PyTorch's own function (`fused=True`). It gives the same result, but no weights to look at: where it can, it computes all steps in one program (a *fused kernel*), which does not store them."),
 (22, "At the paper's $d_k = 64$ two effects compete. The softmax is already saturated (0.81 bits), which makes the gradient at the scores smaller: 1.07 against 1.79. But on its way to the query this gradient is multiplied by the long keys, without the division by $\\sqrt{64} = 8$, and arrives larger: 8.28 against 1.76. From $d_k = 256$ on, the saturation wins.",
      "At the paper's $d_k = 64$ the softmax is already partly saturated (0.81 bits), which makes the gradient at the scores smaller: 1.07 against 1.79. But the query receives *more*, 8.28 against 1.76: on its way, the gradient is multiplied by the long keys, without a division by $\\sqrt{64} = 8$. From $d_k = 256$ on, the saturation wins."),
 (36, "Three of the 32 pairs (sine, cosine) of a vector with 64 components:", "Here are three of the 32 pairs (sine, cosine) of a vector with 64 components. All hands start at twelve o'clock:"),
 (37, "'''Pairs (sine, cosine) of the position vectors, as hands that start at twelve o'clock.'''", "'''Pairs (sine, cosine) of the position vectors, as hands of a clock.'''"),
 (38, " Two alternatives, for comparison: learned vectors, and no positions at all.", " Now all 64 components:"),
 (41, "by an angle that depends only on $k$, and", "by an angle that depends on $k$ and on the pair, but not on the position, and"),
 (47, "(*pre-norm*, here `norm_first=True`), so that no norm interrupts the residual connections; then each stack needs one more norm at its end.", "(*pre-norm*, here `norm_first=True`):"),
 (52, " With two vocabularies, `share=\"target\"` uses one matrix for the decoder's embedding and the output layer, and the encoder keeps its own.", ""),
 (55, "The paper does not give the exact size of its vocabulary, so its 65 and 213 million parameters can only be met roughly.", "The paper says \"about 37,000\" tokens. With 37,000, the base model comes out slightly below its 65 million parameters and the big one slightly above its 213 million, so no vocabulary meets both."),
 (57, " Shapes are (batch, length, width):", ""),
 (63, "This is often called the *Noam schedule*, after one of the authors. In our *one-cycle* schedule the rate rises over the first fifth of the steps and then falls to zero, both times along a cosine.",
      "(Many libraries call it *Noam schedule*.) We train for fewer steps and let the rate end at zero: in our *one-cycle* schedule it rises over the first fifth of the steps and then falls, both times along a cosine."),
 (66, "Our main training follows the dashed curve.", "Our main training follows the dashed curve. (For our size, eq. 3 is drawn with a warm-up of 2,000 steps.)"),
 (75, "At the end the model predicts all next words in the validation set correctly, each from the right words before it.", "At the end the model predicts every next word of the validation set, as long as it reads the right translation up to there."),
 (90, "So the paper's tokens are pieces of words (Sennrich et al. 2016)", "So the paper's tokens are pieces of words (*subwords*, Sennrich et al. 2016)"),
 (91, 'print(f"{len(known):,} words:', 'print(f"{len(known) - 4:,} words:'),
 (94, "It also depends on how the text is tokenised: a difference of one point between two papers may come from that alone.", "It also depends on the tokenisation, so compare the BLEU of different papers with care."),
 (94, " use to translate these captions from English into German.", " use for these captions, from English into German."),
 (95, 'print(f"{count_parameters(build_transformer()):,} parameters")\ntrained = [train_real("transformer", build_transformer, seed) for seed in knobs["real"]["seeds"]]',
      '''def train_seeds(name, build, **options):
    done = []
    for seed in knobs["real"]["seeds"]:
        done.append(train_real(name, build, seed, **options))
        if not done[-1][1].finished:  # interrupted: no further seed
            break
    return done

print(f"{count_parameters(build_transformer()):,} parameters")
trained = train_seeds("transformer", build_transformer)'''),
 (99, " But we can measure how a signal fades with the distance, what a layer costs, and how two networks of equal size compare.", " But we can measure parts of it."),
 (99, "(*Sequential* operations have to wait for each other. The count of self-attention leaves out its projections, $4 n d^2$, which are the larger part while $n < 2d$.)", "(*Sequential* operations have to wait for each other.)"),
 (101, "its gradient lies between 0.08 and 0.09 at 1 word and at 40. It is small, because an untrained layer shares its attention among all 48 words. The default", "its gradient is 0.08 at one word and 0.09 at 40. The default"),
 (101, "With the bias, far more of it survives: 0.35 at one word, and 0.05 at 40. So a good initialisation can keep the signal, but the steps still wait for each other.", "A good initialisation can keep it (0.05 at 40 with the bias), but the steps still wait for each other."),
 (101, "With its projections, self-attention takes", "With its projections, which Table 1 leaves out, self-attention takes"),
 (104, "The convolution is the fastest everywhere, but it sees only its neighbours.", "The convolution is the fastest everywhere."),
 (104, " (the result of attention enters the next step), which gained them 1.3 BLEU from English into German.", ", by which the result of attention enters the next step; it gained them 1.3 BLEU."),
 (104, "Both get the same data, batches, epochs and learning rates, tie their matrices, and keep their best epoch. The rival has a dropout of 0.3 instead of 0.2, because it acts at fewer places, and trains in float32 instead of bfloat16. They have equally many parameters in total; outside the embeddings, the Transformer has 1.33 million and the rival 1.04. We tuned neither network, but the Transformer's sizes are known to suit these captions (Wu et al.). We train each three times, with different random seeds, and call one of them better only if its worst seed beats the best seed of the other.",
       "Both have about equally many parameters, and get the same data, batches, epochs and learning rates. The rival has a dropout of 0.3 instead of 0.2, because it acts at fewer places, and trains in float32, so that rounding over many steps cannot be to blame if it loses. We tuned neither network, and another learning rate might change the order (exercise 1); the Transformer's sizes are known to suit these captions (Wu et al.).\n\n**When is one of them better?** At scale `cpu` we train each SEEDS times, with different random seeds. We call one better if its worst seed beats the best seed of the other in greedy BLEU on the test set (two equally good networks meet this by chance in one case of CHANCE), and if the lead does not depend on a few sentences. To test the latter, we draw 1,000 test sets of the same size from its sentences, with replacement (*bootstrap*): 95 % of the leads must lie on one side of zero."),
 (106, 'rivals = [train_real("recurrent", build_recurrent, seed, precision="float32") for seed in knobs["real"]["seeds"]]', 'rivals = train_seeds("recurrent", build_recurrent, precision="float32")'),
 (111, "What do heads, the division by $\\sqrt{d_k}$, positional encodings and the place of the norm do? The paper varies one part of its base model at a time. It measures BLEU on its development set, newstest2013:", "The paper varies one part of its base model at a time, and measures BLEU on newstest2013, its development set:"),
 (111, "| row B | 8 heads with $d_k = 16$ | 25.1 |\n", ""),
 (119, "**With fewer heads than look-ups, the network learns more slowly.**", "**At this width, fewer heads than look-ups learn more slowly.**"),
 (119, "We compare two heads with $d_k = 16$ and two with $d_k = 64$, with and without it; if large scores harm the learning, we should see it at 64. (Compare only equal $d_k$, because the width $d_{model}$ changes too.) We also test the paper's explanation, the saturated softmax. In the last line of the plot the network does not divide, but we have divided $W^Q$ by 8 once, before the training. If the large scores at the start are the reason, this must help as much as the division does.",
       "We train two heads with $d_k = 64$ in three ways: with the division, without it, and without it but with $W^Q$ divided by $\\sqrt{64} = 8$ once, before the training. If large scores at the start are what harms, the third must learn as early as the first. (Only the start is the same: with Adam, the steps are larger in relation to the smaller $W^Q$.)"),
 (120, '''variants = {f"d_k = {d_k}{'' if scaled else ', not divided'}": dict(d_model=2 * d_k, num_heads=2, scaled=scaled)
            for d_k in (16, 64) for scaled in (True, False)}
variants["d_k = 64, not divided, W^Q / 8 at the start"] = dict(d_model=128, num_heads=2, scaled=False, shrink=8)
''', '''variants = {"divided by √d_k": dict(), "not divided": dict(scaled=False),
            "not divided, W^Q / 8 at the start": dict(scaled=False, shrink=8)}
variants = {label: dict(d_model=128, num_heads=2, **options) for label, options in variants.items()}
'''),
 (120, 'plot_seeds({"one layer, two heads": by_scale}, "")', 'plot_seeds({"one layer, two heads with d_k = 64": by_scale}, "")'),
 (121, "**The division lets the long heads learn earlier.** With $d_k = 64$ and the division, all three seeds are above 85 % at step 200; without it, they are between 30 and 60 %. In the end they are even slightly ahead: leaving out the division delays the training here, but does not stop it. With $d_k = 16$ the bands are apart until about step 240, and then overlap.\n\n**The size of the scores at the start explains the delay.** With $W^Q$ divided by 8 beforehand, the heads that do not divide learn as early as those that do. This agrees with the paper's suspicion. Later, one of the three seeds falls behind and ends at 96.8 %.",
       "**The division lets the heads learn earlier.** At step 200 all three seeds with the division are above 80 %, and those without it between 30 and 60 %. At the end the networks *without* it are even slightly ahead: here its absence delays the training, but does not stop it. (Two heads of 64 numbers solve the task, unlike two of 32 above, so the width matters, too.)\n\n**The size of the scores at the start explains the delay.** With $W^Q$ divided by 8 beforehand, the heads that do not divide learn as early as those that do, although one seed ends behind all others, at 96.8 %. So a saturated softmax is a bad start, as the paper suspects. That its gradients are too small we did not see: at $d_k = 64$, above, the query received *more* without the division."),
 (121, "In the paper, learned position vectors work nearly as well as sines (row E). It chose sines because they", "The paper chose sines because they"),
 (122, '''plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")''', '''plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")
plt.axvline(15.5, color="grey", linestyle=":")  # where the rows of the training end'''),
 (123, "Without positions, the network sees which digits occur in a row, but not where. The best that it can do is to name the most common one of the other digits, which is right", "Without positions, the network can at best name the most common of the other digits, which is right"),
 (123, "On longer rows **both fail where the training ended**: from position 16 on, they", "On longer rows **both fail where the training ended** (dotted line): from position 16 on, they"),
 (123, "The paper uses post-norm and a warm-up. [Xiong et al. 2020](https://arxiv.org/abs/2002.04745) argue that with post-norm the gradients near the output are large at first, so that the training has to begin with a small learning rate. We look at these gradients first, in six untrained layers:",
       "[Xiong et al. 2020](https://arxiv.org/abs/2002.04745) argue that with post-norm the gradients near the output are large at first, so that the training has to begin with a small learning rate. ([GPT.ipynb](../architectures/gpt/GPT.ipynb) measures these gradients.) We train six layers, with a warm-up of 200 steps or without one, and with two learning rates. If the explanation holds here, post-norm needs the warm-up and pre-norm does not. At scale `cpu` this takes about a quarter of an hour."),
 (127, " At the lower rate everything learns, but post-norm without a warm-up is the last to do so. This does not test whether the gradients of the last layer are the reason.", " At the lower rate everything learns. Whether the gradients are the reason we did not test."),
 (127, "in both plots, both of its curves rise before those of post-norm.", "in both plots, both of its curves rise before those of post-norm. (Several curves rest for a while near 25 %, about the level of naming the most common digit.)"),
 (137, "**The score does:** the log-probability", "**The score gives a hint:** the log-probability"),
])
nb = json.load(open(P)); cells = nb["cells"]
text = lambda c: "".join(c["source"])
find = lambda start: [i for i, c in enumerate(cells) if text(c).startswith(start)][0]
def md(s, id): return {"cell_type": "markdown", "id": id, "metadata": {}, "source": s.splitlines(keepends=True)}
def code(s, id): return {"cell_type": "code", "id": id, "execution_count": None, "metadata": {}, "outputs": [], "source": s.splitlines(keepends=True)}
# the alternatives come after the sines
i = find("# %load -s LearnedPositions"); learned = cells.pop(i)
i = find("## The layers")
cells[i:i] = [md("We also need two alternatives for a later experiment: learned vectors, and no positions at all.", "alternatives"), learned]
# pre-norm beside post-norm
i = find("The paper puts the layer norm after each sublayer")
cells[i + 1:i + 1] = [code('''boxes = {
    "post": ("post-norm", 0, -0.8, "note"), "pre": ("pre-norm", 2.6, -0.8, "note"),
    "x": ("x", 0, 0, "data"),               "X": ("x", 2.6, 0, "data"),
    "s": ("sublayer", 0, 1),                "N": ("layer norm", 2.6, 1),
    "+": ("+", 0, 2, "sum"),                "S": ("sublayer", 2.6, 2),
    "n": ("layer norm", 0, 3),              "++": ("+", 2.6, 3, "sum"),
    "y": ("to the next sublayer", 0, 4, "data"), "Y": ("to the next sublayer", 2.6, 4, "data"),
}
arrows = [("x", "s"), ("s", "+"), ("+", "n"), ("n", "y"), ("x", "+", "", -1)]
arrows += [("X", "N"), ("N", "S"), ("S", "++"), ("++", "Y"), ("X", "++", "", 1)]
draw_flow(boxes, arrows, "Two places for the norm")''', "norms-picture"),
 md("With pre-norm, no norm interrupts the residual connections, and each stack needs one more norm at its end.", "norms-read")]
# cells that go
for start in ("The training loop needs a loader", "def gradients(seed", "**In the last layer, the gradient of post-norm"):
    cells.pop(find(start))
# the folder of the epochs
i = find("def train(model, checkpoint, task"); s = text(cells[i])
old = '''        parts = [fingerprint.describe_model(model), fingerprint.describe_optimizer(optimizer), train_loader.describe()]
        folder = checkpoint_dir() / scale / f"{checkpoint}-epochs-{fingerprint.digest([*parts, steps])}"
'''
assert s.count(old) == 1
s = s.replace(old, '''        parts = [fingerprint.describe_model(model), fingerprint.describe_optimizer(optimizer), train_loader.describe(), steps]
        parts += map(fingerprint.describe, (translation, train_one_epoch, {**options, "lines": None}))
        folder = checkpoint_dir() / scale / f"{checkpoint}-epochs-{fingerprint.digest(parts)}"
''')
cells[i]["source"] = s.splitlines(keepends=True)
json.dump(nb, open(P, "w"), indent=1, ensure_ascii=False); open(P, "a").write("\n")
