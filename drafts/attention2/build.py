"""Writes Attention.ipynb beside this file: python build.py (the README beside it is written by hand)."""
import re
import sys
from pathlib import Path

sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
INSTALLED = Path("/work/main/attention/Attention.ipynb")  # where it will lie
TARGET = HERE / "Attention.ipynb"
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def synced(first_line):
    """The cell's source; packed.py still lies beside this file."""
    return notebooks.synced_source(first_line, TARGET if first_line.endswith(" packed.py") else INSTALLED)


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(synced(text.splitlines()[0]) or text))


# ------------------------------------------------------------------------------------------------------------- opening

md(r"""
# Attention Is All You Need

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Łukasz Kaiser, Illia Polosukhin · NIPS 2017 · [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/attention/Attention.ipynb)

At the end of this notebook you can build a Transformer, starting from its central equation, check it against PyTorch's own layers, find out by small experiments what its parts do, and train a network that translates German into English and fits into two megabytes. **The main result:** our Transformer of 1.8 million parameters reaches 41.5 BLEU on Multi30k with a beam of four, and a recurrent network with attention, of the same size, 41.0 (one seed each).

**How long it takes.** We ran the stored version at scale `cpu`, with one thread of an AMD EPYC: 100 minutes for the Transformer, 86 for the recurrent network, about 20 for the small experiments, and 3 for everything else. There are four *scales*: `quick` (offline; its numbers mean nothing), `cpu`, `gpu` (the same for longer), and `paper` (the sizes of the base model).
""")
code("# Setup: ")
code(r"""
import math
import statistics
import time
from contextlib import redirect_stdout
from io import StringIO

import matplotlib.pyplot as plt
import torch
from matplotlib.transforms import Bbox
from torch import nn
from torch.nn import functional as F

from architectures.transformer.transformer import (  # small helpers; all else is shown below
    check_eval, check_tokens, length_penalty, reorder, transformer_base
)
from attention.recurrent import RecurrentTranslator
from attention.translation import Corpus, PairLoader, Pairs, bleu, load_multi30k, load_numbers
from utils import fingerprint
from utils.checkpoint import checkpoint_dir, load_file, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed, synchronise
from utils.diagram import draw_flow
from utils.plotting import COLOURS, plot_attention, plot_curves, plot_histories, styled
from utils.report import report
from utils.tokens import BOS, BytePairs, EOS, PAD, Words, pad_together, words
from utils.training import Totals, classification, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
md(r"""
## The Transformer in one diagram

An *encoder* turns the source sentence into one vector for each word; together they are the *memory*. A *decoder* writes the translation, one word at a time, and looks into the memory whenever it needs to (*cross-attention*). The sizes in the diagram are those of the paper's base model:
""")
code(r"""
def count_parameters(module):
    return sum(p.numel() for p in module.parameters())

with torch.device("meta"):  # shapes without contents
    base = transformer_base()
d, heads, N = base.d_model, base.encoder[0].attention.num_heads, len(base.encoder)
encoder_layer, decoder_layer = (f"{count_parameters(stack[0]):,} parameters" for stack in (base.encoder, base.decoder))
vectors = f"{d} numbers\nfor each word"
boxes = {
    "n": (f"encoder: {N} layers,\n{encoder_layer} each", 0, -1.1, "note"),
    "N": (f"decoder: {N} layers,\n{decoder_layer} each", 4, -1.1, "note"),
    "src": ("ein und zwanzig", 0, 0, "data"),        "tgt": ("so far: twenty", 4, 0, "data"),
    "se": ("embedding +\npositional encoding", 0, 1.2), "te": ("embedding +\npositional encoding", 4, 1.2),
    "sa": ("self-attention", 0, 2.8),                "ta": ("masked self-attention", 4, 2.8),
    "sf": ("feed-forward network", 0, 3.8),          "tc": ("cross-attention", 4, 5),
    "m": ("memory", 0, 5, "data"),                   "tf": ("feed-forward network", 4, 6),
    "x": (f"× {N}", -2.3, 3.3, "note"),              "out": ("linear, softmax", 4, 7.2),
    "X": (f"× {N}", 6.3, 4.4, "note"),               "next": ("next word: one", 4, 8.2, "data"),
}
arrows = [("src", "se"), ("se", "sa", vectors), ("sa", "sf"), ("sf", "m"), ("m", "tc", f"to all {N} layers")]
arrows += [("tgt", "te"), ("te", "ta", vectors), ("ta", "tc"), ("tc", "tf"), ("tf", "out"), ("out", "next")]
draw_flow(boxes, arrows, "The Transformer of the paper's base size")
drawn = {patch.get_gid(): patch.get_bbox() for patch in plt.gca().patches}
for layer in (("sa", "sf"), ("ta", "tc", "tf")):  # a dashed frame around each layer
    around = Bbox.union([drawn[f"box:{key}"] for key in layer]).padded(0.13)
    plt.gca().add_patch(plt.Rectangle(around.p0, *around.size, fill=False, edgecolor="grey", linestyle="--"))
""")
md(r"""
Read both columns from top to bottom. A dashed frame is one layer, and each side has six. Every decoder layer reads the same memory, the output of the last encoder layer. We shall build one box after the other.

## The paper in brief

**The question.** To translate, a network has to relate words that stand far apart. In 2017 mostly *recurrent networks* did this: they read word by word and keep what they have seen in one *state*. So step $t$ has to wait for step $t - 1$, and a GPU cannot work on all words at once. And information from the first word reaches the last one only if it survives in every state in between.

**The idea.** Every word looks at every other word directly. Each word is a vector of $d_{model}$ numbers, its *embedding*, which three learned matrices turn into a *query*, a *key* and a *value*. The query says what the word is looking for, the keys say what the others have to offer, and the dot product of the two, the *score*, says how well they fit. The word receives the average of all values, and those with high scores get large weights. This is *attention*; within one sentence it is *self-attention*. The matrices $Q$, $K$ and $V$ hold the queries, keys and values of all words as rows, and $d_k$ is the length of a query or key:

$$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V \qquad \text{(eq. 1)}$$

Bahdanau et al. (2015) had added attention to a recurrent translator, with scores from a small network (*additive attention*). The paper takes dot products, because one matrix multiplication gives all of them, and it drops the recurrence.
""")
code(r"""
@styled
def plot_paths(sentence, weights):
    '''A recurrent network and self-attention, side by side: how the last word hears of the others.'''
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4))
    options = dict(ha="center", va="center", zorder=3)
    box, plain = (dict(boxstyle="round,pad=0.35", fc=c, ec=COLOURS[0]) for c in ("#cfe3f1", "white"))
    arrow = dict(arrowstyle="-|>", color="black", shrinkA=14, shrinkB=14)
    for i, word in enumerate(sentence):
        axes[0].text(i, 0, word, bbox=plain, **options)
        axes[0].text(i, 1.5, "state", bbox=box, **options)
        axes[0].annotate("", (i, 1.5), (i, 0), arrowprops=arrow)
        if i:
            axes[0].annotate("", (i, 1.5), (i - 1, 1.5), arrowprops={**arrow, "shrinkA": 22, "shrinkB": 22})
        axes[1].text(i, 0, word, bbox=plain, **options)
        axes[1].text(i, 0.75, "key, value", bbox=box, **options)
        axes[1].annotate("", (i, 0.75), (i, 0), arrowprops=arrow)
        axes[1].text(i, 2.6, f"query of\n{word}", bbox=box if i == len(sentence) - 1 else plain, **options)
        axes[1].text(i, 3.7, f"{word}′", bbox=box if i == len(sentence) - 1 else plain, **options)
        axes[1].annotate("", (i, 3.7), (i, 2.6), arrowprops={**arrow, "shrinkA": 20})
    last = len(sentence) - 1
    for i in range(len(sentence)):
        for j, weight in enumerate(weights):
            line = dict(color=COLOURS[1], lw=1 + 8 * weight) if i == last else dict(color="lightgrey", lw=1)
            axes[1].plot([j, i], [0.95, 2.3], zorder=1 + (i == last), solid_capstyle="butt", **line)
    for j, weight in enumerate(weights):
        x = j + 0.4 * (last - j)  # on the line to the last word
        label = dict(fontsize=10, bbox=dict(fc="white", ec="none", pad=1))
        axes[1].text(x, 0.95 + 0.4 * 1.35, f"{weight:.2f}", **label, **options)
    for axis, title in zip(axes, ("recurrent network: word by word", "self-attention: all at once")):
        axis.set(title=title, xlim=(-0.6, last + 0.6), ylim=(-0.4, 4.1))
        axis.axis("off")

plot_paths("the dog is big".split(), weights=[0.05, 0.60, 0.10, 0.25])
""")
md(r"""
On the left, three steps lie between the first word and the last, and each waits for the one before. On the right there is a single step, and nothing waits. The orange lines show the attention of *big*, with invented weights: its query asks what it describes, and *dog* has the key that fits best. Its new vector, *big′*, is 0.05 times the value of *the*, plus 0.60 times that of *dog*, and so on.

**The results (Table 2).** *BLEU* counts how many words, and runs of up to four words, a translation shares with a human one; 100 is a perfect match. On newstest2014:

| model | English–German | English–French | training, FLOPs (En–De) |
|---|---|---|---|
| GNMT + RL (recurrent) | 24.6 | 39.92 | $2.3 \cdot 10^{19}$ |
| ConvS2S (convolutional) | 25.16 | 40.46 | $9.6 \cdot 10^{18}$ |
| MoE (recurrent, mixture of experts) | 26.03 | 40.56 | $2.0 \cdot 10^{19}$ |
| ConvS2S, an ensemble | 26.36 | 41.29 | $7.7 \cdot 10^{19}$ |
| **Transformer, base** | 27.3 | 38.1 | $3.3 \cdot 10^{18}$ |
| **Transformer, big** | 28.4 | 41.8 (first version: 41.0) | $2.3 \cdot 10^{19}$ |

Into German, both Transformers are ahead of every earlier model, and the base model needs about a third of the computation of ConvS2S. Into French, only the big one is ahead of the earlier single models.

## A first task: numbers in words

Our first task has answers that you can check yourself: numbers below a million, from German into English. German says the ones before the tens: *ein und zwanzig*, "one and twenty", is *twenty one*. (Real German writes *einundzwanzig*; we cut such words into their parts.)
""")
code(r"""
corpus = load_numbers(500, 60, 60) if scale == "quick" else load_numbers()
source, target = Words(corpus.train.source, min_count=1), Words(corpus.train.target, min_count=1)
print(f"{corpus.name}: {len(corpus.train.source):,} / {len(corpus.val.source)} / {len(corpus.test.source)} pairs,",
      f"vocabularies of {len(source)} and {len(target)} tokens")
for german, english in list(zip(*corpus.train))[1:5]:
    print(f"  {german}\n    → {english}")
print("tokens of the last one:", source.encode(corpus.train.source[4]), "→", target.encode(corpus.train.target[4]))
""")
md(r"""
A network sees numbers instead of words: each word has an index in a *vocabulary*. Four indices are reserved: 0 (`<pad>`) fills up short sentences (*padding*), 1 (`<bos>`) begins a sentence, 2 (`<eos>`) ends it, and 3 (`<unk>`) is any unknown word. No number is in two of the three splits.

## Attention

We first compute eq. 1 with numbers that we can check by hand. The diagram shows its steps:
""")
code(r"""
boxes = {
    "Q": ("Q", 0, 0, "data"), "K": ("K", 2, 0, "data"), "V": ("V", 4, 0, "data"),
    "qk": ("Q Kᵀ", 1, 1), "scale": ("÷ √d_k", 1, 2), "mask": ("mask (optional)", 1, 3), "soft": ("softmax", 1, 4),
    "mix": ("weights × V", 2.5, 5), "out": ("output", 2.5, 6, "data"),
}
arrows = [("Q", "qk"), ("K", "qk"), ("qk", "scale", "scores"), ("scale", "mask"), ("mask", "soft")]
arrows += [("soft", "mix", "weights"), ("V", "mix"), ("mix", "out")]
draw_flow(boxes, arrows, "Scaled dot-product attention")
""")
md(r"""
One query looks at two words. The query $(1, 0)$ has a dot product of 2 with the first key, $(2, 0)$, and of 0 with the second, $(0, 3)$. Divided by $\sqrt{d_k} = \sqrt 2$, the scores are 1.41 and 0. The softmax turns them into the weights $e^{1.41} / (e^{1.41} + e^0) = 0.804$ and $0.196$. So the output is $0.804 \cdot (10, 0) + 0.196 \cdot (0, 10) = (8.04, 1.96)$.
""")
code(r"""
query = torch.tensor([[1.0, 0.0]])
key = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
value = torch.tensor([[10.0, 0.0], [0.0, 10.0]])

scores = query @ key.T / math.sqrt(2)
weights = scores.softmax(dim=-1)
print("scores ", scores.numpy().round(2))
print("weights", weights.numpy().round(3))
print("output ", (weights @ value).numpy().round(2))
assert abs(weights[0, 0].item() - 1 / (1 + math.exp(-math.sqrt(2)))) < 1e-6
""")
md(r"""
The function for whole batches adds three things: a *mask*, which says where a query may look (`True`: it may), dropout on the weights, and PyTorch's fused kernel, which computes the same without storing the weights. B counts sentences, H heads, T queries and S keys; C is $d_{model}$.
""")
code("# %load -s scaled_dot_product_attention ../architectures/transformer/transformer.py")
md(r"""
We check both ways against each other. Any mask will do; we take a triangle, under which position $t$ may look only at positions up to $t$:
""")
code(r"""
q, k, v = (torch.randn(2, 4, 5, 8, generator=torch.Generator().manual_seed(i)) for i in range(3))  # B, H, T, d_k
mask = torch.ones(5, 5, dtype=torch.bool).tril()  # position t may look at 0 … t
written, weights = scaled_dot_product_attention(q, k, v, mask)
fused, _ = scaled_dot_product_attention(q, k, v, mask, fused=True)
assert torch.allclose(written, fused, atol=1e-6)
assert torch.allclose(weights.sum(dim=-1), torch.ones(2, 4, 5)) and (weights[:, :, ~mask] == 0).all()
nowhere, _ = scaled_dot_product_attention(q, k, v, torch.zeros(5, 5, dtype=torch.bool))
assert not nowhere.any()
print("the weights of one head under this mask:")
print(weights[0, 0].numpy().round(2))
""")
md(r"""
Each row sums to one, and everything above the diagonal is zero.

### Why divide by √d_k?

Without the division, dot products had done worse than additive attention at large $d_k$ (Britz et al. 2017). The paper suspects the softmax (section 3.2.1). If the components of $q$ and $k$ are independent with mean 0 and variance 1, their dot product $\sum_{i=1}^{d_k} q_i k_i$ has variance $d_k$. So the scores spread as $\sqrt{d_k}$, and the softmax puts nearly all weight on the largest one: it *saturates*, and the gradient vanishes.

We measure the spread of the scores and the entropy of the weights over 32 words (5 bits if all get the same weight). We also backpropagate a random gradient from the output to the scores and to the query.
""")
code(r"""
sizes = [4, 16, 64, 256, 1024]
spread, entropy, at_scores, at_query = ({"divided by √d_k": [], "not divided": []} for _ in range(4))
for d_k in sizes:
    for label, factor in (("divided by √d_k", 1 / math.sqrt(d_k)), ("not divided", 1.0)):
        set_seed(SEED)
        q, k = torch.randn(200, 1, d_k, requires_grad=True), torch.randn(200, 32, d_k)  # 200 times a query and 32 keys
        scores = q @ k.transpose(1, 2) * factor
        scores.retain_grad()
        weights = scores.softmax(dim=-1)
        (weights @ torch.randn(200, 32, 64) * torch.randn(200, 1, 64)).sum().backward()
        spread[label].append(scores.std().item())
        entropy[label].append(-(weights * weights.clamp(min=1e-30).log2()).sum(-1).mean().item())
        at_scores[label].append(scores.grad.norm(dim=-1).median().item())
        at_query[label].append(q.grad.norm(dim=-1).median().item())
assert all(abs(s - math.sqrt(d)) < 0.05 * math.sqrt(d) for s, d in zip(spread["not divided"], sizes))
assert all(abs(s - 1) < 0.05 for s in spread["divided by √d_k"])

@styled
def plot_by_size(panels):
    figure, axes = plt.subplots(1, len(panels), figsize=(11, 3.2))
    for axis, (title, lines) in zip(axes, panels.items()):
        for label, y in lines.items():
            axis.plot(sizes, y, marker=".", label=label)
        axis.set(title=title, xlabel="d_k", xscale="log", yscale="linear" if "entropy" in title else "log")
        axis.set_xticks(sizes, labels=sizes)
        axis.minorticks_off()
    axes[0].legend()

plot_by_size({"standard deviation of the scores": spread, "entropy of the weights (bits)": entropy,
              "gradient that reaches the query": at_query})
print(f"{'d_k':44}", *(f"{size:7}" for size in sizes))
for what, values in (("entropy", entropy), ("gradient at the scores", at_scores), ("gradient at the query", at_query)):
    for label, row in values.items():
        print(f"{what + ', ' + label:44}", *(f"{value:7.4f}" for value in row))
""")
md(r"""
**Without the division, very long vectors saturate the softmax.** The scores spread as $\sqrt{d_k}$ predicts. At $d_k = 1024$ only 0.15 bits are left, and the median gradient at the scores is 0.0002, where the division leaves 1.73. The gradient at the query is the gradient at the scores times the keys, whose length is about $\sqrt{d_k}$; the division cancels this factor. So at the paper's $d_k = 64$ the query even receives more without the division (8.28 against 1.76), and nothing vanishes yet. At 1024 it receives almost nothing. With the division, all three curves stay flat.

## Several heads

**One attention computes one average.** A word that looks at two others for two reasons gets a mixture of both. So the paper lets $h$ attentions (*heads*) work side by side, each on its own projections of the input down to $d_k = d_{model} / h$ numbers, and combines their outputs by a last matrix (section 3.2.2):

$$\mathrm{MultiHead}(Q, K, V) = \mathrm{Concat}(\mathrm{head}_1, \dots, \mathrm{head}_h)\, W^O, \qquad \mathrm{head}_i = \mathrm{Attention}(Q W_i^Q, K W_i^K, V W_i^V)$$
""")
code(r"""
d_k = d // heads
shown = {0: "1", 2.4: "2", 6: str(heads)}  # column: head
boxes = {"x": (f"what gives the queries, keys and values: {d} numbers each", 2.41, 0, "data"),
         "…": ("…", 4.2, 2.2, "note"), "cat": (f"concatenate: {heads} × {d_k} = {d} numbers", 2.41, 4.6),
         "wo": ("w_o", 2.41, 5.6), "out": (f"output: {d} numbers", 2.41, 6.6, "data")}
arrows = [("cat", "wo"), ("wo", "out")]
for column, i in shown.items():
    boxes |= {f"p{i}": (f"Q, K, V of head {i}:\nproject to {d_k} numbers", column, 1.5),
              f"a{i}": ("scaled dot-product\nattention", column, 3)}
    arrows += [("x", f"p{i}"), (f"p{i}", f"a{i}"), (f"a{i}", "cat")]
draw_flow(boxes, arrows, "Multi-head attention in the base model")
""")
md(r"""
Each column is one head. The heads share $d_{model}$ among them, so eight have as many parameters as one. In the code, one matrix holds the projections of all heads (`w_q`, `w_k`, `w_v`), and `split` cuts the result into heads. We need the `cache` later, for decoding.
""")
code("# %load -s MultiHeadAttention ../architectures/transformer/transformer.py")
md(r"""
PyTorch has the same layer. If we copy its parameters into ours, both must give the same output, also with padding. In PyTorch's mask, `True` marks what may *not* be looked at.
""")
code(r"""
set_seed(SEED)
theirs, ours = nn.MultiheadAttention(64, 8, batch_first=True), MultiHeadAttention(64, 8)
with torch.no_grad():
    for parameter in theirs.parameters():  # its biases begin at zero, where a mix-up would not show
        parameter.add_(0.1 * torch.randn_like(parameter))
    all_weights, all_biases = theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3)
    for layer, weight, bias in zip((ours.w_q, ours.w_k, ours.w_v), all_weights, all_biases):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    ours.w_o.load_state_dict(theirs.out_proj.state_dict())

x, padding = torch.randn(2, 6, 64), torch.tensor([[False] * 6, [False] * 4 + [True] * 2])
expected, _ = theirs(x, x, x, key_padding_mask=padding)
assert torch.allclose(ours(x, x, x, mask=~padding[:, None, None, :]), expected, atol=1e-6)
assert count_parameters(ours) == count_parameters(theirs) == 4 * (64 * 64 + 64)
print("equal to PyTorch's layer;", f"{count_parameters(ours):,} parameters, with 8 heads or any other number")
""")
md(r"""
### Two masks

The **padding mask**, which we have just used, hides the positions that only fill up short sentences.

The second mask is needed in training. There the decoder reads the whole *right* translation at once, and has to predict the next word at every position (**teacher forcing**). In the diagram, the lower row is the upper one shifted by one word:
""")
code(r"""
read, wanted = ["<bos>", "twenty", "one"], ["twenty", "one", "<eos>"]
boxes = {"r": ("the decoder reads", -1.8, 0, "note"), "w": ("and must predict", -1.8, 2.4, "note"),
         "dec": ("decoder, in one pass", 1, 1.2), "mem": ("memory of\nein und zwanzig", 3.6, 1.2, "data")}
arrows = [("mem", "dec")]
for i in range(3):
    boxes |= {f"r{i}": (read[i], i, 0, "data"), f"w{i}": (wanted[i], i, 2.4, "data")}
    arrows += [(f"r{i}", "dec"), ("dec", f"w{i}")]
draw_flow(boxes, arrows, "Teacher forcing: one pass trains every position")
""")
md(r"""
Without a mask, the position that has to predict *one* could simply look at *one*, right beside it. The **causal mask** prevents this: no position sees the future. Later, at *inference*, the decoder is *autoregressive*: it reads the words that it has written itself.

Here are both masks. A row is a word that looks, a column a word that it may look at (dark) or not (white):
""")
code(r"""
@styled
def plot_masks(rows):
    figure, axes = plt.subplots(1, len(rows), figsize=(11, 3.4))
    for axis, (title, allowed, looking, looked_at) in zip(axes, rows):
        axis.pcolormesh(allowed, cmap="Blues", vmin=0, vmax=1.6, edgecolors="lightgrey", linewidth=1)
        axis.set(title=title, aspect="equal", ylim=(len(looking), 0))
        axis.set_xticks([i + 0.5 for i in range(len(looked_at))], labels=looked_at, rotation=60, ha="right")
        axis.set_yticks([i + 0.5 for i in range(len(looking))], labels=looking)
        axis.grid(False)

short, answer = ["ein", "und", "zwanzig", "<eos>", "<pad>", "<pad>"], ["<bos>", "twenty", "one"]
src = pad_together([[*source.encode("ein und zwanzig"), EOS], [*source.encode("drei hundert ein und zwanzig"), EOS]])
padding = (src != PAD)[0]  # True: may be looked at
plot_masks([("encoder: padding mask", padding.expand(6, 6), short, short),
            ("decoder: causal mask", torch.ones(3, 3).tril(), answer, answer),
            ("cross-attention: padding mask", padding.expand(3, 6), answer, short)])
""")

# ----------------------------------------------------------------------------------------------------------- positions

md(r"""
## Where is a word? Positional encoding

**Attention alone cannot tell one order of the words from another.** It computes sums over words, and a sum does not depend on the order of its terms. If we shuffle the input, the outputs are shuffled in the same way, and nothing else happens:
""")
code(r"""
order = torch.tensor([3, 0, 5, 1, 4, 2])
with torch.no_grad():
    shuffled = ours(x[:, order], x[:, order], x[:, order])
    assert torch.allclose(shuffled, ours(x, x, x)[:, order], atol=1e-6)
print("words in the order", order.tolist(), "give the same outputs, in that order")
""")
md(r"""
So the paper adds a *positional encoding* to each embedding: a vector of sines and cosines (section 3.5), with wavelengths from $2\pi$ to $10000 \cdot 2\pi$:

$$PE_{(pos,\,2i)} = \sin\!\left(pos / 10000^{2i/d_{model}}\right), \qquad PE_{(pos,\,2i+1)} = \cos\!\left(pos / 10000^{2i/d_{model}}\right)$$

Think of clock hands that turn at different speeds. The fast ones tell neighbours apart, and the slow ones tell the beginning of a long text from its end. The second cell holds two alternatives for later: learned vectors, and no positions.
""")
code("# %load -s sinusoids,SinusoidalPositions ../architectures/transformer/transformer.py")
code("# %load -s LearnedPositions,NoPositions,make_positions ../architectures/transformer/transformer.py")
code(r"""
table = sinusoids(100, 64)

@styled
def plot_positions(table):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.6))
    shown = axes[0].imshow(table.T, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
    axes[0].set(title="The position vectors", xlabel="position", ylabel="component")
    axes[0].grid(False)
    figure.colorbar(shown, ax=axes[0])
    near = range(-20, 21)
    for position, line in zip((20, 50, 70), ("-", "--", ":")):
        products = [(table[position + k] @ table[position]).item() for k in near]
        axes[1].plot(near, products, line, label=f"from position {position}")
    axes[1].set(title="Dot product of two position vectors", xlabel="distance in words")
    axes[1].legend()

plot_positions(table)
""")
md(r"""
On the left, each column is one position. On the right, the three curves lie on top of each other: the dot product of two position vectors depends on their distance alone.

The authors hoped that sines would make *relative* positions easy to learn. A shift by $k$ words rotates each pair (sine, cosine) by an angle that depends only on $k$, and a learned matrix inside attention can contain this rotation. We check a shift of 3:
""")
code(r"""
frequency = 10_000.0 ** (-torch.arange(0, 64, 2) / 64)
turn = torch.zeros(64, 64)  # the matrix that shifts by 3 positions: a rotation of each pair
for i, angle in enumerate((3 * frequency).tolist()):
    turn[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
    )
assert torch.allclose(table[:-3] @ turn.T, table[3:], atol=1e-4)
print("one matrix moves all 97 position vectors three words further")
""")

# -------------------------------------------------------------------------------------------------------------- layers

md(r"""
## The layers

Self-attention moves information between words. After it, a small **feed-forward network** processes each word by itself, with the same weights at every position (eq. 2): $\mathrm{FFN}(x) = \max(0, x W_1 + b_1)\, W_2 + b_2$.
""")
code("# %load -s FeedForward ../architectures/transformer/transformer.py")
md(r"""
An **encoder layer** consists of self-attention and the feed-forward network. A **decoder layer** has a **cross-attention** in between, with which it looks at the source. The three attentions differ only in where queries, keys and values come from, and in the mask:

| attention | queries | keys and values | mask hides |
|---|---|---|---|
| encoder, self-attention | source | source | padding |
| decoder, masked self-attention | translation so far | translation so far | future positions; padding follows the sentence, so it is in the future too |
| decoder, cross-attention | translation so far | memory | padding |

A *residual connection* leads around each of these *sublayers*, as in a [ResNet](../resnet/ResNet.ipynb): the input of the sublayer is added to its output. Then a *layer norm* brings each word's vector to mean 0 and variance 1, and applies a learned scale and shift:

$$\mathrm{LayerNorm}(x + \mathrm{Dropout}(\mathrm{Sublayer}(x)))$$
""")
code(r"""
boxes = {
    "n": ("encoder layer", 0, -0.8, "note"),       "N": ("decoder layer", 4.5, -0.8, "note"),
    "x": ("source", 0, 0, "data"),                 "y": ("translation so far", 4.5, 0, "data"),
    "a": ("self-attention", 0, 1),                 "A": ("masked self-attention", 4.5, 1),
    "a+": ("+", 0, 2, "sum"),                      "A+": ("+", 4.5, 2, "sum"),
    "an": ("layer norm", 0, 3),                    "An": ("layer norm", 4.5, 3),
    "f": ("feed-forward", 0, 4),                   "C": ("cross-attention", 4.5, 4),
    "f+": ("+", 0, 5, "sum"),                      "C+": ("+", 4.5, 5, "sum"),
    "fn": ("layer norm", 0, 6),                    "Cn": ("layer norm", 4.5, 6),
    "z": ("to the next layer", 0, 7, "data"),      "F": ("feed-forward", 4.5, 7),
    "m": ("memory", 2.2, 4, "data"),               "F+": ("+", 4.5, 8, "sum"),
                                                   "Fn": ("layer norm", 4.5, 9),
                                                   "Z": ("to the next layer", 4.5, 10, "data"),
}
arrows = [("x", "a"), ("a", "a+"), ("a+", "an"), ("an", "f"), ("f", "f+"), ("f+", "fn"), ("fn", "z"), ("y", "A")]
arrows += [("A", "A+"), ("A+", "An"), ("An", "C"), ("C", "C+"), ("C+", "Cn"), ("Cn", "F"), ("F", "F+"), ("F+", "Fn")]
arrows += [("Fn", "Z"), ("m", "C"), ("x", "a+", "", -1.2), ("an", "f+", "", -1.2)]
arrows += [("y", "A+", "", 1.7), ("An", "C+", "", 1.7), ("Cn", "F+", "", 1.7)]
draw_flow(boxes, arrows, "One layer of each stack")
""")
md(r"""
The paper puts the layer norm after each sublayer (*post-norm*). Most later models put it before (*pre-norm*, here `norm_first=True`), so that no norm interrupts the residual connections. We compare the two below.
""")
code("# %load -s EncoderLayer ../architectures/transformer/transformer.py")
code("# %load -s DecoderLayer ../architectures/transformer/transformer.py")
md(r"""
We count the parameters of one layer of the base model by hand:
""")
code(r"""
d, d_ff = 512, 2048
attention, feed_forward, norm = 4 * (d * d + d), 2 * d * d_ff + d_ff + d, 2 * d
encoder_layer, decoder_layer = EncoderLayer(512, 8, 2048), DecoderLayer(512, 8, 2048)
assert count_parameters(encoder_layer) == attention + feed_forward + 2 * norm == 3_152_384
assert count_parameters(decoder_layer) == 2 * attention + feed_forward + 3 * norm == 4_204_032
print(f"encoder layer {count_parameters(encoder_layer):,}   decoder layer {count_parameters(decoder_layer):,}")
""")
md(r"""
## The whole model

The model has six layers on each side, embeddings, and an output layer that gives every word of the vocabulary a score (its *logit*). If both languages use one vocabulary, a single matrix serves as both embeddings and as output layer (*weight tying*, section 3.4): `share="all"`. With two vocabularies, `share="target"` ties those of the decoder.
""")
code("# %load -s init_weights,Transformer ../architectures/transformer/transformer.py")
code(r"""
def layer_table(net):
    '''{part: (how many of it, the parameters of each)}'''
    rows = {"embeddings and output": (1, count_parameters(net.src_embedding))}  # one matrix
    for side, stack in (("encoder", net.encoder), ("decoder", net.decoder)):
        parts = {f"{side}: {name}": count_parameters(part) for name, part in stack[0].named_children()}
        rows |= {name: (len(stack), count) for name, count in parts.items() if count}
    return rows

with torch.device("meta"):  # shapes without contents
    nets = [Transformer(37_000, 37_000, **sizes) for sizes in ({}, dict(d_model=1024, num_heads=16, d_ff=4096))]
base_table, big_table = map(layer_table, nets)
print(f"{'':24} {'base':>29} {'big':>29}")
for part, columns in zip(base_table, zip(base_table.values(), big_table.values())):
    print(f"{part:24}", *(f"{n:>3} × {each:>10,} = {n * each:>10,}" for n, each in columns))
sums = [sum(n * each for n, each in table.values()) for table in (base_table, big_table)]
print(f"{'all':24} {sums[0]:>29,} {sums[1]:>29,}\n{'the paper says':24} {'65 M':>29} {'213 M':>29}")
assert sums == [count_parameters(net) for net in nets] == [63_082_496, 214_245_376]
stacks = [total - count_parameters(net.src_embedding) for total, net in zip(sums, nets)]
assert stacks == [44_138_496, 176_357_376]
assert all(abs(total / 1e6 - millions) < 0.05 * millions for total, millions in zip(sums, (65, 213)))
""")
md(r"""
Our counts are within 5 % of the paper's.

Training rests on one property: no output may depend on later words of the target. To test it, we change one target word at a time: only outputs from that position on may change. Padding after the source must change nothing.
""")
code(r"""
set_seed(SEED)
small = dict(d_model=64, num_heads=4, num_layers=2, d_ff=128, dropout=0.1, pad=PAD, share="target")
model = Transformer(len(source), len(target), **small).eval()
src, tgt = torch.randint(4, len(source), (1, 6)), torch.randint(4, len(target), (1, 8))
with torch.no_grad():
    before = model(src, tgt)
    for t in range(8):
        changed = tgt.clone()
        changed[0, t] = 4 + (changed[0, t] - 3) % (len(target) - 4)  # another word
        after = model(src, changed)
        assert torch.equal(after[:, :t], before[:, :t]) and not torch.equal(after[:, t], before[:, t])
    padded = torch.cat([src, torch.full((1, 3), PAD)], dim=1)
    assert torch.allclose(model(padded, tgt), before, atol=1e-5)
print(f"the model cannot see the future, and ignores padding; {count_parameters(model):,} parameters")
""")

# -------------------------------------------------------------------------------------------------------- one sentence

md(r"""
### One sentence from tokens to loss

We follow one sentence through a tiny, untrained model. The encoder reads *ein und zwanzig*; with `<eos>` these are four tokens. The decoder has read `<bos>` and *twenty*, and should now say *one*. Shapes are (batch, length, width):
""")
code(r"""
set_seed(SEED)
tiny = Transformer(len(source), len(target), d_model=8, num_heads=2, num_layers=2, d_ff=16, share="target").eval()
src, tgt = torch.tensor([[*source.encode("ein und zwanzig"), EOS]]), torch.tensor([[BOS, *target.encode("twenty")]])
with torch.no_grad():
    embedded = tiny.src_embedding(src) * math.sqrt(8)
    memory = placed = tiny.src_positions(embedded)
    for layer in tiny.encoder:
        memory = layer(memory)  # no padding, so no mask
    decoded = tiny.decode(tgt, memory, memory_mask=None)  # embeds the target in the same way
    logits = tiny.output(decoded)
    assert torch.allclose(logits, tiny(src, tgt), atol=1e-5)
probabilities = logits.softmax(dim=-1)
assert torch.allclose(probabilities.sum(dim=-1), torch.ones(1, 2))
stages = {"source tokens": src, "embeddings": embedded, "+ positions": placed, "encoder: memory": memory,
          "target tokens": tgt, "decoder": decoded, "logits": logits, "probabilities": probabilities}
for side, vocabulary, ids in (("source", source, src), ("target", target, tgt)):
    print(f"{side}: ", "   ".join(f"{vocabulary.tokens[i]} {i}" for i in ids[0].tolist()))
for stage, x in stages.items():
    axes = ("sentence", "tokens", "numbers each" if x.shape[-1] == 8 else "English tokens to choose from")
    print(f"{stage:16} {tuple(x.shape)!s:11}", ", ".join(f"{n} {axis}" for n, axis in zip(x.shape, axes)))
""")
md(r"""
The last position has read *twenty*. The softmax turns its logits into probabilities: $e$ to the power of each, divided by the sum of all. The loss is the *cross-entropy*, minus the logarithm of the probability of the right word:
""")
code(r"""
right = target.index["one"]
scores = logits[0, -1].tolist()  # one for each word of the vocabulary
total = sum(math.exp(score) for score in scores)
by_hand = [math.exp(score) / total for score in scores]
loss = -math.log(by_hand[right])
assert abs(sum(by_hand) - 1) < 1e-6 and torch.allclose(torch.tensor(by_hand), probabilities[0, -1])
assert abs(loss - F.cross_entropy(logits[0, -1:], torch.tensor([right])).item()) < 1e-5
print(f"logit of 'one'   {scores[right]:.2f}")
print(f"softmax          exp({scores[right]:.2f}) / {total:.2f} = {by_hand[right]:.4f}")
print(f"loss             -ln({by_hand[right]:.4f}) = {loss:.2f}")
print(f"a blind guess    -ln(1 / {len(scores)}) = {math.log(len(scores)):.2f}")
ranked = sorted(zip(by_hand, target.tokens), reverse=True)
print("the likeliest:  ", "   ".join(f"{word} {p:.2f}" for p, word in ranked[:5]))
""")

# ------------------------------------------------------------------------------------------------------------ training

md(r"""
An untrained model has random logits, so for a single word its loss can lie on either side of a blind guess (here 3.85 against 3.50). Training lowers the mean of this loss over all positions of all sentences.

## Does it learn at all?

Before a long training we check that a small model can overfit one batch of sixteen sentences. Its mean loss should begin somewhat above that of a blind guess, because the logits are random, and fall close to zero.
""")
code(r"""
def batch_of(german, english, source=source, target=target):
    '''Sentences -> (src (B, S), tgt (B, T)), targets with beginning and end.'''
    src = pad_together([[*source.encode(text), EOS] for text in german], device)
    return src, pad_together([[BOS, *target.encode(text), EOS] for text in english], device)

set_seed(SEED)
model = Transformer(len(source), len(target), **{**small, "dropout": 0.0}).to(device)
src, tgt = batch_of(corpus.train.source[:16], corpus.train.target[:16])
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(101):
    logits = model(src, tgt[:, :-1])  # (B, T - 1, vocabulary)
    loss = F.cross_entropy(logits.flatten(0, 1), tgt[:, 1:].flatten(), ignore_index=PAD)
    if step % 25 == 0:
        print(f"step {step:3}   loss {loss.item():.4f}")
    optimizer.zero_grad()
    loss.backward()
    if step == 0:
        assert abs(loss.item() - math.log(len(target))) < 1.5, "an untrained network should only guess"
    optimizer.step()
assert loss.item() < 0.05, "the model cannot overfit one batch: something is broken"
""")
md(r"""
## Training

**Learning-rate schedule.** The paper's rate rises linearly during the *warm-up* and then falls as the inverse square root of the step (eq. 3): $lrate = d_{model}^{-0.5} \cdot \min(step^{-0.5},\ step \cdot warmup^{-1.5})$. In our *one-cycle* schedule, which suits short trainings, it falls to zero along a cosine, after a warm-up over a fifth of all steps.

**Label smoothing** (section 5.4) keeps the model from becoming overconfident: a tenth of the probability is spread evenly over all words. With it, the paper's *perplexity* gets worse, from 4.67 to 4.92, but its BLEU gets better, from 25.3 to 25.8 (Table 3, row D). Perplexity is $e^{loss}$.
""")
code("# %load -s noam_rate ../architectures/transformer/transformer.py")
code(r"""
steps = range(10, 13_001, 10)
optimizer, one_cycle = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 2e-3), []
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, len(steps), pct_start=0.2, cycle_momentum=False)
for _ in steps:
    one_cycle.append(1000 * scheduler.get_last_lr()[0])
    optimizer.step()
    scheduler.step()
schedules = {"base model, eq. 3": [1000 * noam_rate(step) for step in steps],
             "our size, eq. 3": [1000 * noam_rate(step, d_model=128, warmup=2000) for step in steps],
             "our size, one cycle": one_cycle}
thousands = [step / 1000 for step in steps]
plot_curves({"": {label: (thousands, rates) for label, rates in schedules.items()}},
            "thousands of steps", "learning rate × 1000")
assert abs(noam_rate(4000) - 6.988e-4) < 1e-6

def smoothed(words, right):
    '''A tenth of the probability evenly over all words, and the rest on the right one.'''
    labels = torch.full((words,), 0.1 / words)
    labels[right] += 0.9
    return labels

logits = torch.tensor([[0.0, 0.0, 5.0, 0.0, 0.0]])
by_hand = -(smoothed(5, right=2) * logits.log_softmax(-1)).sum()
assert torch.allclose(by_hand, F.cross_entropy(logits, torch.tensor([2]), label_smoothing=0.1))
labels = smoothed(len(target), right=0)
print(f"smoothed labels of {len(target)} words: {labels[0]:.3f} for the right one, {labels[1]:.3f} for each other;",
      f"entropy {-(labels * labels.log()).sum():.2f}")
""")
md(r"""
The main training at scale `cpu` takes about 13,000 steps, on the dashed curve. Its peak is about that of eq. 3 with a warm-up of 2,000 steps.

Each epoch, `fit` (in [training.py](../utils/training.py)) calls `train_one_epoch` and `evaluate`. (`accumulate`, `scaler` and `autocast` are for large batches and 16 bits.) The `objective` is a function that computes the loss of one batch. Ours also counts correct words, leaves out padding, and smooths labels only during training.
""")
code("# %load -s train_one_epoch,take_step,evaluate ../utils/training.py")
code(r"""
def translation(model, src, tgt):
    '''The objective: mean cross-entropy of the next word, the number of words, and how many are predicted correctly.'''
    logits, gold = model(src, tgt[:, :-1]).flatten(0, 1), tgt[:, 1:].flatten()
    smoothing = 0.1 if model.training else 0.0
    loss = F.cross_entropy(logits, gold, ignore_index=PAD, label_smoothing=smoothing)
    counted = gold != PAD
    right = ((logits.argmax(dim=-1) == gold) & counted).sum()
    return loss, int(counted.sum()), {"accuracy": right}
""")
md(r"""
All hyperparameters are in one table. The real sentences (`real`) take most of the time.
""")
code(r"""
SIZE = dict(d_model=128, num_heads=4, num_layers=4, d_ff=256, dropout=0.2)
KNOBS = {
    # toy: the numbers;  seeds, steps, deep_steps: of the small experiments;  pieces: the vocabulary of real sentences
    # recurrent: its size, for as many parameters;  real: the main run, one training of each network for each seed
    # max_tokens: in a batch, which holds sentences of similar length;  add seeds under real, one after the other
    "quick": dict(toy=dict(epochs=3, max_tokens=1000, lr=4e-3), seeds=1, steps=40, deep_steps=40, pieces=300,
                  size=dict(d_model=32, num_heads=4, num_layers=1, d_ff=64, dropout=0.1),
                  recurrent=dict(d_model=38, num_layers=1, dropout=0.1),
                  real=dict(epochs=2, max_tokens=1500, lr=3e-3, seeds=[0])),
    "cpu": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, deep_steps=1000, pieces=4000,
                size=SIZE, recurrent=dict(d_model=208, num_layers=2, dropout=0.3),
                real=dict(epochs=48, max_tokens=2000, lr=2e-3, seeds=[0])),
    "gpu": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, deep_steps=1000, pieces=4000,
                size=SIZE, recurrent=dict(d_model=208, num_layers=2, dropout=0.3),
                real=dict(epochs=60, max_tokens=2000, lr=2e-3, seeds=[0])),
    "paper": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, deep_steps=1000, pieces=8000,
                  size=dict(d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.3),
                  recurrent=dict(d_model=1260, num_layers=2, dropout=0.4),
                  real=dict(epochs=100, max_tokens=4000, lr=7e-4, seeds=[0])),
}
knobs = KNOBS[scale]
fused = device.type != "cpu"  # on a CPU the formula written out trains faster
for name, value in knobs.items():
    print(f"{name:10} {value}")
""")
md(r"""
`train` puts the pieces together, with the paper's optimiser, Adam with $\beta_2 = 0.98$ and $\epsilon = 10^{-9}$. With `best=True`, which only the real sentences need, the model gets back the weights of the epoch with the highest validation BLEU; the test set plays no part in this choice.

You can interrupt a training; the cells after it still work. If you run its cell again, it continues from the last epoch. A finished training is not repeated.
""")
code(r"""
def keep_each_epoch(folder, model, loader):
    '''Write the weights into `folder` after each epoch: at the first forward pass of its evaluation.'''
    kept = loader.epoch  # the loader counts the epochs that it has begun

    def before_forward(*_):
        nonlocal kept
        if not model.training and loader.epoch != kept:
            kept = loader.epoch
            save_file(model.state_dict(), folder / f"{kept}.pt")

    return model.register_forward_pre_hook(before_forward)

def take_best(folder, model, run):
    '''Give the model the weights of the epoch with the highest validation BLEU, and delete those of the others.'''
    scores, epochs = run.history["val_bleu"], run.history["epoch"]
    best = max(zip(scores, epochs))[1]  # of two equal ones the later
    if (folder / f"{best}.pt").is_file():
        model.load_state_dict(load_file(folder / f"{best}.pt"))
    else:
        best = epochs[-1]
    for path in folder.glob("*.pt") if run.finished else ():
        if path.stem != str(best):
            path.unlink()
    print(f"validation BLEU {scores[-1]:.2f} after the last epoch; the model has the weights of epoch {best}:",
          f"{scores[epochs.index(best)]:.2f}")

""")
code(r"""
def train(model, checkpoint, task, source, target, knobs, seed, best=False, **options):
    '''Train on the pairs of a task; returns (model, Run).'''
    train_loader = PairLoader(task.train, source, target, knobs["max_tokens"], device, shuffle=True, seed=seed)
    val_loader = PairLoader(task.val, source, target, 4000, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=knobs["lr"], betas=(0.9, 0.98), eps=1e-9)
    steps = knobs["epochs"] * len(train_loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, knobs["lr"], steps, pct_start=0.2, cycle_momentum=False
    )
    print(f"{knobs['epochs']} epochs of {len(train_loader)} steps")
    if best:
        parts = [fingerprint.describe_model(model), fingerprint.describe_optimizer(optimizer), train_loader.describe()]
        folder = checkpoint_dir() / scale / f"{checkpoint}-epochs-{fingerprint.digest([*parts, steps])}"
        hook = keep_each_epoch(folder, model, train_loader)
    run = fit(model, train_loader, optimizer, scheduler, knobs["epochs"], device, evaluate_on={"val": val_loader},
              objective=translation, train_epoch=train_one_epoch, checkpoint=checkpoint, **options)
    if best:
        hook.remove()
        take_best(folder, model, run)
    return model, run
""")
code(r"""
def build_small():
    return Transformer(len(source), len(target), fused=fused, **small)

def train_numbers(name, seed=SEED, lines=8, **options):
    set_seed(seed)
    return train(build_small(), f"Attention/{name}-seed{seed}", corpus, source, target, knobs["toy"], seed,
                 lines=lines, **options)

model, run = train_numbers("numbers")
""")
code(r"""
plot_histories({"numbers": run}, corpus.name)
""")
md(r"""
At the end the model predicts all next words in the validation set correctly, each from the right words before it. The two losses cannot be compared, because smoothed labels keep the training loss above 0.65, the entropy that we printed above.

## Decoding: greedy and beam search

At inference, the model gives only the probability of the next word, so we have to search for a likely sentence. **Greedy decoding** takes the most likely word at each step, until it is `<eos>`. Since no word looks ahead, keys and values of earlier words never change, so they are kept in a *cache*:
""")
code(r"""
@styled
def plot_cache(length=6):
    below = torch.ones(length, length).tril()
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.3))
    pictures = {f"without a cache: {int(below.sum())} computed": below,
                f"with a cache: {length} computed": 0.35 * below + 0.65 * torch.eye(length)}
    for axis, (title, picture) in zip(axes, pictures.items()):
        axis.pcolormesh(picture, cmap="Blues", vmin=0, vmax=1.4, edgecolors="lightgrey", linewidth=1)
        axis.set(title=title, xlabel="position", ylabel="step", aspect="equal", ylim=(length, 0))
        axis.set_xticks([i + 0.5 for i in range(length)], labels=range(1, length + 1))
        axis.set_yticks([i + 0.5 for i in range(length)], labels=range(1, length + 1))
        axis.grid(False)

plot_cache()
""")
md(r"""
Each row is one step. The decoder computes the dark positions, and reads the light ones from the cache.
""")
code("# %load -s greedy_decode ../architectures/transformer/transformer.py")
md(r"""
**Beam search** keeps several partial translations (*hypotheses*), four in the paper and here. Each step extends each of them by every word, and keeps the four most likely results. A product of probabilities favours short sentences, so the search divides its logarithm by the *length penalty* of Wu et al. (2016), $((5 + n) / 6)^{0.6}$ for $n$ tokens, with the paper's exponent. As in the paper, an output has at most 50 tokens more than its input.
""")
code("# %load -s beam_search ../architectures/transformer/transformer.py")
code(r"""
def translate(model, sentences, source, target, beam=1):
    '''Sentences -> lists of words: greedily, or by a beam. Sentences of similar length go together.'''
    model.eval()
    tokens, answers = [[*source.encode(text), EOS] for text in sentences], {}
    by_length = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
    for start in range(0, len(tokens), 100):
        chosen = by_length[start : start + 100]
        src = pad_together([tokens[i] for i in chosen], device)
        found = greedy_decode(model, src, BOS, EOS) if beam == 1 else beam_search(model, src, BOS, EOS, beam)[0]
        answers.update(zip(chosen, map(target.words, found.tolist())))
    return [answers[i] for i in range(len(tokens))]

src, _ = batch_of(corpus.val.source[:50], corpus.val.target[:50])
greedy = greedy_decode(model.eval(), src, BOS, EOS)
assert torch.equal(greedy, greedy_decode(model, src, BOS, EOS, use_cache=False))
assert torch.equal(greedy, beam_search(model, src, BOS, EOS, beam=1)[0])
print("the same answers with and without a cache, and by a beam of one")
""")
md(r"""
Now the test set. An answer counts only if every word is right.
""")
code(r"""
test_answers = [words(text) for text in corpus.test.target]

def exactly_right(answers):
    return 100 * sum(answer == reference for answer, reference in zip(answers, test_answers)) / len(test_answers)

greedy = translate(model, corpus.test.source, source, target)
by_beam = translate(model, corpus.test.source, source, target, beam=4)
for german, answer, reference in list(zip(corpus.test.source, greedy, test_answers))[:3]:
    print(f"{'right' if answer == reference else 'WRONG'}  {german}\n       {' '.join(answer)[:80]}")
report("Attention", "numbers of the test set", corpus.name, "generated", None, [
    dict(what="exactly right, greedy (%)", paper=None, reproduction=None, runs=[(exactly_right(greedy), run)]),
    dict(what="exactly right, beam 4 (%)", paper=None, reproduction=None, runs=[(exactly_right(by_beam), run)]),
], table="numbers")
""")
md(r"""
All 300 numbers of the test set are right, greedily and with a beam. **Where did the model look?** In the cross-attention of the last decoder layer, a row is the word about to be written; its query comes from the position that has just read the word before. A column is a word of the source, and dark means a large weight.
""")
code(r"""
@torch.no_grad()
def attention_maps(model, layers, src, tgt):
    '''The weights (H, T, S) of each of these attention layers, for one pair.'''
    for layer in layers:
        layer.keep_weights = True
    model.eval()(src, tgt)
    for layer in layers:
        layer.keep_weights = False
    return [layer.weights[0] for layer in layers]

sentence = "drei hundert sieben und vierzig"
answer = translate(model, [sentence], source, target)[0]
src, tgt = batch_of([sentence], [" ".join(answer)])
maps = attention_maps(model, [model.decoder[-1].cross_attention], src, tgt[:, :-1])[0]
title = f"{corpus.name}: from the answer to the source, last layer"
plot_attention(maps, [*answer, "<eos>"], [*sentence.split(), "<eos>"], title)
""")

# ------------------------------------------------------------------------------------------------------ real sentences

md(r"""
German says the seven before the forty, so the heads cross over there: for *seven* all four look at *sieben*, and for *forty* heads 1, 2 and 3 look at *vierzig*. Head 0 spreads its weight over *und* and *vierzig*. Nobody told them which words belong together.

## Real sentences

Multi30k consists of captions of photographs, written in English and translated into German by humans, with 29,000 pairs for training. We translate from German into English, in lower case. At scale `quick`, which works offline, the numbers stand in for them.
""")
code(r"""
def lower(pairs):
    return Pairs(*([text.lower() for text in side] for side in pairs))

real = corpus if scale == "quick" else load_multi30k()
real = Corpus(real.name, *map(lower, (real.train, real.val, real.test)))
references = {split: [words(text) for text in getattr(real, split).target] for split in ("val", "test")}
print(f"{real.name}: {len(real.train.source):,} / {len(real.val.source):,} / {len(real.test.source):,} pairs")
for german, english in list(zip(*real.train))[:3]:
    print(f"  {german}\n    → {english}")
""")
md(r"""
**Byte-pair encoding (BPE).** A vocabulary of whole words does not cover words that are missing or too rare in the training set. So the paper's tokens are pieces of words (Sennrich et al. 2016), in one vocabulary for both languages. We start from single bytes and merge the most common pair of neighbours into a new token, again and again. Common words become one token, rare ones several, and none is unknown.
""")
code(r"""
pieces = BytePairs(real.train.source + real.train.target, knobs["pieces"])
known = Words(real.train.source)  # the words that occur at least twice
missing = [word not in known.index for text in real.test.source for word in words(text)]
print(f"{len(known):,} words: {sum(missing)} of the test set's {len(missing):,} German words are missing")
print(f"{len(pieces):,} pieces: none is missing")
for text in (real.test.source[0], "quallenzüchtervereinsheim"):  # the clubhouse of the jellyfish breeders
    print("  " + " | ".join(pieces.pieces(pieces.encode(text))))
assert all(pieces.decode(pieces.encode(text)) == text for text in real.test.source)
""")
md(r"""
Now we define **BLEU** exactly (Papineni et al. 2002). Its *precision* $p_n$ is the share of the $n$-grams (runs of $n$ words) that also stand in the reference, over the whole test set. Each counts at most as often as in the reference, so that *a a a a* scores little. BLEU is the geometric mean of $p_1$ to $p_4$, times a *brevity penalty* if the translations ($c$ words) are shorter than the references ($r$ words):

$$\mathrm{BLEU} = \min\left(1, e^{1 - r/c}\right) \left(p_1\, p_2\, p_3\, p_4\right)^{1/4}$$
""")
code(r"""
reference, attempt = "a man rides a red bicycle".split(), "a man rides a bicycle".split()
by_hand = math.exp(1 - 6 / 5) * (5 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4)
assert abs(bleu([attempt], [reference]) - 100 * by_hand) < 1e-9
print(f"BLEU of {' '.join(attempt)!r} for {' '.join(reference)!r}: {100 * by_hand:.1f}; of the reference itself: "
      f"{bleu([reference], [reference]):.0f}")
""")
md(r"""
All five words match, but only one of the two 4-grams, and the translation is one word short. So a good sentence gets only 58: BLEU is meant for whole test sets. It also depends on how a text is cut into words, so a point more or less between papers means little.

**The model.** For this little data we take a small model with pre-norm and one tied matrix, of the sizes that [Wu et al. 2021](https://arxiv.org/abs/2105.14462) use to translate these captions from English into German.
""")
code(r"""
def build_transformer():
    return Transformer(len(pieces), len(pieces), pad=PAD, norm_first=True, share="all", fused=fused, **knobs["size"])

def validation_bleu(model):
    return {"val_bleu": bleu(translate(model, real.val.source, pieces, pieces), references["val"])}

def train_real(name, build, seed, **options):
    set_seed(seed)
    print(f"{name}, seed {seed}")
    # scale paper takes its last epoch, to save disk space
    return train(build(), f"Attention/{name}-seed{seed}", real, pieces, pieces, knobs["real"], seed,
                 best=scale != "paper", score=validation_bleu, lines=12, keep=5, clip=1.0, **options)

print(f"{count_parameters(build_transformer()):,} parameters")
trained = [train_real("transformer", build_transformer, seed) for seed in knobs["real"]["seeds"]]
translator, translator_run = trained[0]
""")
code(r"""
plot_histories({"Transformer": translator_run}, real.name)
""")
md(r"""
The network does not overfit: the validation loss is 1.469 at the end, and no printed epoch is lower. It then predicts 70 % of the next words in the validation set correctly. (The training curves are worse because only training has dropout and smoothed labels.) Validation BLEU is 41.31 at epoch 41, whose weights we keep, and 41.04 after the last.

## Results

We now score translations of the test set, 1,000 pairs, for the first time.
""")
code(r"""
def test_bleu(net, beam):
    return bleu(translate(net, real.test.source, pieces, pieces, beam=beam), references["test"])

split = "test_2016_flickr" if real.name == "Multi30k" else "generated"

def rows_for(what, nets, published=None):
    return [dict(what=f"{what}, {'greedy' if beam == 1 else f'beam {beam}'}", paper=None,
                 reproduction=published if beam == 1 and real.name == "Multi30k" else None,
                 runs=[(test_bleu(net, beam), made) for net, made in nets]) for beam in (1, 4)]

ours_on_test = rows_for("Transformer", trained, published=36.52)
report("Attention", "BLEU, lower-cased", real.name, split, "bentrevett/pytorch-seq2seq, spaCy tokens", ours_on_test)
""")
md(r"""
**Our Transformer reaches 40.6 BLEU greedily and 41.5 with a beam of four** (n = 1). The weights are those of epoch 41; the table counts the epochs of the whole training. The [tutorial](https://github.com/bentrevett/pytorch-seq2seq) in the middle column (its legacy notebook 6) trains 9.0 million parameters for ten epochs on words. The paper has no result on this data set.

## The claim: attention alone

The paper's claim is not attention, but attention *without recurrence*: better translations in less training time. **At scale `cpu`, this notebook cannot test that claim.** Computing all positions at once pays most on hardware with thousands of parallel units, and we train on 29,000 pairs instead of 4.5 million. But we can show how far information has to travel, what a layer costs on our hardware, and how two networks of equal size compare.

### Path length and waiting

The paper compares layers for $n$ words of $d$ numbers (Table 1 and section 4, shortened):

| layer | operations | sequential operations | longest path between two words |
|---|---|---|---|
| self-attention | $O(n^2 d)$ | $O(1)$ | $O(1)$ |
| recurrent | $O(n d^2)$ | $O(n)$ | $O(n)$ |
| convolutional, width $k$ | $O(k n d^2)$ | $O(1)$ | $O(n / k)$; $O(\log_k n)$ if *dilated* |

What does a long path do to a signal? In untrained layers, we measure how strongly the last word's output depends on an earlier word, as the norm of the gradient. The recurrent layer is a GRU (*gated recurrent unit*). Its *update gate* decides how much of the old state survives each step. We test it with PyTorch's default initialisation, and with a bias that keeps most of the old state.
""")

# ----------------------------------------------------------------------------------------------------------- the claim

code(r"""
class SelfAttention(MultiHeadAttention):
    def forward(self, x):
        return super().forward(x, x, x)

class Recurrence(nn.GRU):
    def forward(self, x):
        return super().forward(x)[0]

class Convolution(nn.Conv1d):
    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)

def layers_of(d):
    return {"self-attention": SelfAttention(d, 8), "recurrent (GRU)": Recurrence(d, d, batch_first=True),
            "convolution of width 3": Convolution(d, d, 3, padding=1)}

set_seed(SEED)
untrained, influence = layers_of(128), {}
untrained["recurrent (GRU), biased to keep"] = keeping = Recurrence(128, 128, batch_first=True)
with torch.no_grad():
    keeping.bias_hh_l0[128:256] += 3  # of the gates reset, update, new: the second third
for name, layer in untrained.items():
    x = torch.randn(16, 48, 128, requires_grad=True)
    (layer(x)[:, -1] * torch.randn(16, 128)).sum().backward()
    norms = x.grad.norm(dim=-1).mean(0).flip(0)  # by distance from the last word
    influence[name] = (range(48), [norm or None for norm in norms.tolist()])
title = "How much a word matters to the last one"
plot_curves({"untrained layers": influence}, "distance in words", "gradient", title, log=True)
for name, (_, norms) in influence.items():
    print(f"{name:32} gradient 1 word away {norms[1]:.1e}, 40 words away {norms[40] or 0:.1e}")
""")
md(r"""
**For attention, all other words are equally near:** its gradient lies between 0.08 and 0.09 at 1 word and at 40. It is even rather than strong, because the untrained layer averages over all 48 words. The default GRU loses the signal, from 1.5 one word away to $6 \cdot 10^{-9}$ at 40. A bias rescues most of it: the GRU then begins above attention, at 0.35, and at 40 words still has half of attention's gradient, 0.05. So a good initialisation can keep the signal, but the steps still wait for each other. A convolution of width 3 sees only direct neighbours, so its line ends at distance 1.

### Time by length and width

With its projections, self-attention takes $4 n d^2 + 2 n^2 d$ multiplications, a GRU $6 n d^2$, a convolution of width 3 just $3 n d^2$. So attention is cheaper than the GRU while $n < d$, and half of the GRU's multiplications have to wait for the word before. We time one layer, forward and backward, with 16 sentences in float32 (attention by the fused kernel).
""")
code(r"""
def milliseconds(layer, x):
    '''Median of the time for a forward and a backward pass.'''
    spent = []
    for _ in range(3 if scale == "quick" else 6):
        start = time.perf_counter()
        layer(x).sum().backward()
        synchronise(device)
        spent.append(1000 * (time.perf_counter() - start))
    return statistics.median(spent[1:])

def times(sizes):
    '''{layer: milliseconds for each (n, d)}.'''
    found = {name: [] for name in layers_of(8)}
    for n, d in sizes:
        x = torch.randn(16, n, d, device=device, requires_grad=True)  # as inside a network
        for name, layer in layers_of(d).items():
            found[name].append(milliseconds(layer.to(device), x))
    return found

lengths = [8, 16, 32] if scale == "quick" else [16, 32, 64, 128, 256, 512]
widths = [32, 64] if scale == "quick" else [32, 64, 128, 256, 512]
by_n, by_d = times([(n, 256) for n in lengths]), times([(32, d) for d in widths])
""")
code(r"""
@styled
def plot_times(panels):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
    for axis, (title, xlabel, x, found) in zip(axes, panels):
        for name, y in found.items():
            axis.plot(x, y, marker=".", label=name)
        axis.set(title=title, xlabel=xlabel, xscale="log", yscale="log")
        axis.set_xticks(x, labels=x)
        axis.minorticks_off()
    axes[0].set_ylabel("milliseconds")
    axes[0].legend()

plot_times([("width 256", "words", lengths, by_n), ("32 words", "width", widths, by_d)])
for label, sizes, found in (("words", lengths, by_n), ("width", widths, by_d)):
    print(f"{label:22}", *(f"{size:7}" for size in sizes))
    for name, row in found.items():
        print(f"{name:22}", *(f"{value:7.1f}" for value in row), " ms")
""")
md(r"""
**With the length, the times grow as the operations do; between two layers, the counts predict little.** When the sentence grows from 256 to 512 words, the convolution and the GRU need about twice the time, but attention needs three times as much, because of its $n^2$. At 512 words it is level with the GRU. At 32 words and width 256 it takes 54 to 62 % of the GRU's time, for 71 % of the multiplications.

### The race

The rival in [recurrent.py](recurrent.py) is a recurrent network *with* attention, as was usual before the paper: two layers of GRUs in the encoder, which reads in both directions, two in the decoder, and the attention of Luong et al. (2015), with scores divided by $\sqrt d$. **So the race compares two designs, not one difference.** At each step, the rival attends to the source once, after its last layer and with one head; the Transformer does so in four layers, with four heads each. The rival has no residual connections, layer norms or feed-forward networks. To keep it fast, we left out Luong's *input feeding* (the result of attention enters the next step), which may cost it BLEU.

Both get the same data, batches, epochs and learning rates, tie their matrices, and keep their best epoch. The rival has a dropout of 0.3 instead of 0.2, because it acts at fewer places. It trains in float32, the Transformer in bfloat16; we time both below. **Equal size means equal in total:** 1.84 million parameters, 1.33 million of them outside the embeddings, against 1.88 and 1.04 million. Neither network was tuned.
""")
code(r"""
def build_recurrent():
    net = RecurrentTranslator(len(pieces), len(pieces), pad=PAD, **knobs["recurrent"])
    net.src_embedding = net.tgt_embedding  # one matrix, as in the Transformer
    return net

sizes = {"Transformer": build_transformer(), "recurrent": build_recurrent()}
for name, net in sizes.items():
    whole, embedding = count_parameters(net), net.tgt_embedding.weight.numel()
    print(f"{name:11} {whole:,} parameters, {whole - embedding:,} of them without the embeddings")
assert abs(count_parameters(sizes["Transformer"]) / count_parameters(sizes["recurrent"]) - 1) < 0.05
rivals = [train_real("recurrent", build_recurrent, seed, precision="float32") for seed in knobs["real"]["seeds"]]
rival, rival_run = rivals[0]
""")
code(r"""
contest = {"Transformer": trained, "recurrent": rivals}
by_epochs = {f"{name}, seed {made.identity['seed']}": made.history["val_bleu"]
             for name, pairs in contest.items() for _, made in pairs}
plot_curves({"validation": by_epochs}, "epoch", "BLEU, greedy", real.name)
for name, pairs in contest.items():
    for _, made in pairs:
        scores, losses = made.history["val_bleu"], made.history["val_loss"]
        quarter, half = (scores[max(0, len(scores) * k // 4 - 1)] for k in (1, 2))  # of the epochs
        print(f"{name:11} seed {made.identity['seed']}, validation BLEU: a quarter {quarter:.1f}, half {half:.1f},",
              f"last {scores[-1]:.1f}, best {max(scores):.1f}")
        print(f"{'':19} validation loss: lowest {min(losses):.3f}, last {losses[-1]:.3f}")
both = [{**row, "reproduction": None} for row in ours_on_test] + rows_for("recurrent", rivals)
report("Attention", "BLEU, lower-cased", real.name, split, None, both, table="race")
""")
md(r"""
**The Transformer ends ahead, by 0.7 BLEU greedily and 0.55 with a beam.** That is a small lead, and with one seed each it may be chance. The recurrent network learns faster at first: after a quarter of the epochs its validation BLEU is 37.4 against 33.8. From about epoch 20 to 32 the lead changes, and at every printed epoch from 36 on, the Transformer leads. Neither overfits. So giving up recurrence costs nothing here, even with only 29,000 sentences (n = 1).

**Speed.** The minutes of the two trainings are not comparable, because the machine may have done other work. So both networks now take the same training steps in turns, and then translate the same sentences.
""")
code(r"""
speed_loader = PairLoader(real.train, pieces, pieces, knobs["real"]["max_tokens"], device, shuffle=True)
batches = [batch for _, batch in zip(range(3 if scale == "quick" else 8), speed_loader)]
to_translate = real.val.source[: 5 if scale == "quick" else 200]
untrained, dtype = {name: net.to(device) for name, net in sizes.items()}, choose_precision(device)[0]

def training_rate(name, precision):
    '''Target tokens a second over these batches, with gradient steps.'''
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
    '''Sentences a second, translated greedily by the trained network, in float32.'''
    start = time.perf_counter()
    translate(contest[name][0][0], to_translate, pieces, pieces)
    return len(to_translate) / (time.perf_counter() - start)

own = [("Transformer", dtype), ("recurrent", torch.float32)]  # each in the precision of its training
for what, measure, cases in (("training, tokens/s", training_rate, [*own, ("recurrent", dtype)]),
                             ("translating, sentences/s", writing_rate, [("Transformer",), ("recurrent",)])):
    turns = [[measure(*case) for case in cases] for _ in range(2 if scale == "quick" else 4)]
    ours, theirs, *other = (statistics.median(rates) for rates in zip(*turns[1:]))  # the first turn does not count
    print(f"{what:25} Transformer {ours:7,.0f}, recurrent {theirs:7,.0f}, ratio {ours / theirs:.2f}")
    for rate in other:
        print(f"{'':25} recurrent in {str(dtype).removeprefix('torch.')} {rate:,.0f}")
""")
md(r"""
**On one thread, the Transformer saves no time:** the two networks train at about the same speed (ratio 0.98), and the recurrent one would be faster in 16 bits (5,487 tokens a second). In translating, the Transformer has about half the speed. At inference (the last line), the Transformer too has to go word by word.

## Four questions about the parts

What do heads, the division by $\sqrt{d_k}$, positional encodings and the place of the norm do? The paper varies one part of its base model at a time. It measures BLEU on its development set, newstest2013:

| Table 3 | BLEU |
|---|---|
| base: 8 heads of 64 numbers, sines, label smoothing, dropout 0.1 | 25.8 |
| 1 head of 512 · 4 of 128 · 16 of 32 · 32 of 16 (row A) | 24.9 · 25.5 · 25.8 · 25.4 |
| no dropout · no label smoothing (row D) | 24.6 · 25.3 |
| learned positions instead of sines (row E) | 25.7 |

We cannot repeat this. Instead we ask a network that trains in seconds, on a task in which the answer depends on attention alone. It reads a row of 16 random digits. At each of the inner twelve positions it has to say **which digits stand two and one to the left, and one and two to the right**. So it needs four look-ups at once; a blind guess is right in 10 % of the cases. Every batch is new, so the training accuracy measures generalisation.
""")

# ------------------------------------------------------------------------------------------------------ four questions

code(r"""
OFFSETS = (-2, -1, 1, 2)

class Neighbours(nn.Module):
    '''Digits (B, n) -> logits (B, n, 4, 10), one for each neighbour and digit: encoder layers and a linear layer.'''

    def __init__(self, d_model=64, num_heads=4, num_layers=1, positions="sinusoidal", **options):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(10, d_model), make_positions(positions, d_model, max_len=64)
        options = dict(dropout=0.0, fused=fused, **options)
        self.layers = nn.ModuleList(EncoderLayer(d_model, num_heads, 2 * d_model, **options) for _ in range(num_layers))
        self.norm = nn.LayerNorm(d_model) if options.get("norm_first") else nn.Identity()
        self.output = nn.Linear(d_model, 40)
        self.apply(init_weights)

    def forward(self, digits):
        x = self.positions(self.embedding(digits) * math.sqrt(self.embedding.embedding_dim))
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x)).unflatten(-1, (4, 10))

def rows_of_digits(count, length, generator):
    '''Rows (count, length), and the neighbours (count, length - 4, 4) of all digits that have four.'''
    rows = torch.randint(10, (count, length), generator=generator)
    neighbours = torch.stack([rows[:, 2 + offset : length - 2 + offset] for offset in OFFSETS], dim=-1)
    return rows.to(device), neighbours.to(device)

example, answers = rows_of_digits(1, 8, torch.Generator().manual_seed(SEED))
print("row", *example[0].tolist(), "  neighbours of the third digit:", *answers[0, 0].tolist())
""")
md(r"""
The training loop above needs a loader that draws the rows, and an objective.
""")
code(r"""
class DigitRows:
    '''A loader for `fit`: batches of 64 fresh rows of 16 digits, drawn from (seed, epoch).'''

    def __init__(self, batches, seed):
        self.batches, self.count, self.seed, self.epoch = batches, 64 * batches, seed, 0

    def __len__(self):
        return self.batches

    def __iter__(self):
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + self.epoch)
        self.epoch += 1
        for _ in range(self.batches):
            yield rows_of_digits(64, 16, generator)

    def describe(self):
        code = [fingerprint.describe(part) for part in (rows_of_digits, DigitRows.__iter__)]
        return {"data": "digits", "batches": self.batches, "seed": self.seed, "offsets": list(OFFSETS), "code": code}

def neighbours(model, rows, answers):
    '''The objective: mean cross-entropy of the neighbours, the number of rows, and how much of them is right.'''
    logits = model(rows)[:, 2:-2]
    loss = F.cross_entropy(logits.flatten(0, 2), answers.flatten())
    return loss, len(rows), {"accuracy": (logits.argmax(-1) == answers).float().mean((1, 2)).sum()}

def learn(seed, steps, warmup=60, lr=2e-3, **options):
    '''Train a network on the digits; returns (network, Run), and (untrained network, None) for 0 steps.'''
    set_seed(seed)
    net, run = Neighbours(**options).to(device), None
    optimizer = torch.optim.Adam(net.parameters(), lr, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, warmup)))
    if steps:
        with redirect_stdout(StringIO()):  # many short trainings: we print a number for each, not its epochs
            run = fit(net, DigitRows(20, seed), optimizer, scheduler, steps // 20, device, {}, neighbours,
                      train_epoch=train_one_epoch, checkpoint=f"Attention/neighbours-seed{seed}", precision="float32")
    return net.eval(), run

def accuracies(run):
    '''The accuracy (%) over each 20 steps, as far as the training got.'''
    return [] if run is None else [100 * share for share in run.history.get("train_accuracy", [])]
""")
code(r"""
def compare(variants, steps):
    '''Train each variant {label: options} with every seed, and print its last accuracies. Returns {label: pairs}.

    After an interrupt nothing more is trained, and the networks still missing stay untrained.
    '''
    trained, going, minutes = {}, True, 0.0
    print("right in the last 20 steps, each seed (%)")
    for label, options in variants.items():
        print(f"{label:42}", end="", flush=True)
        trained[label] = []
        for seed in range(knobs["seeds"]):
            net, run = learn(seed, steps if going else 0, **options)
            course = accuracies(run)
            going = going and len(course) == steps // 20
            minutes += run.minutes if run else 0.0
            trained[label].append((net, run))
            print(f"{course[-1]:8.2f}" if course else "       –", end="", flush=True)
        print()
    print(f"{minutes:.1f} min of training", "" if going else "(interrupted: run the cell again to go on)")
    return trained

@styled
def plot_seeds(panels, title):
    '''Accuracy by step: the mean over seeds in a band from the lowest to the highest. {panel: {label: pairs}}'''
    size = (8 if len(panels) == 1 else 11, 3.6)
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
    for axis, (panel, groups) in zip(axes[0], panels.items()):
        for colour, (label, pairs) in zip(COLOURS, groups.items()):
            courses = [course for course in (accuracies(run) for _, run in pairs) if course]
            if courses:  # interrupted trainings are shorter
                values = torch.tensor([course[: min(map(len, courses))] for course in courses])
                x = range(20, 20 * values.shape[1] + 1, 20)
                axis.plot(x, values.mean(0), color=colour, label=label, marker="." if len(x) < 10 else None)
                axis.fill_between(x, values.amin(0), values.amax(0), color=colour, alpha=0.2, linewidth=0)
        axis.set(title=panel, xlabel="step", ylim=(0, 101))
    axes[0, 0].set_ylabel("right (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center")
    figure.suptitle(title)
""")
md(r"""
**How many heads?** The number $h$ of heads changes, and with it $d_k = 64 / h$, as in row A; the number of parameters does not. The paper says that a single head averages over everything it looks at, and so cannot attend to several positions for different reasons (section 3.2.2). Then networks with few heads should learn more slowly here. In this plot and the next ones, a line is the mean of three seeds, in a band from the lowest to the highest.
""")
code(r"""
variants = {f"{h} head{'s' * (h > 1)}": dict(num_heads=h) for h in (1, 2, 4, 8)}
by_heads = compare(variants, knobs["steps"])
plot_seeds({"one layer, 64 numbers, split into heads": by_heads}, "")
""")
md(r"""
**With four look-ups and 64 numbers, it takes four heads.** After 600 steps, one head has 87 % of the neighbours right, two heads have 91 to 93 %, and four and eight heads 99.5 to 100 %. Eight are no better than four. One head is far above a blind guess, because a mixture of several digits still tells something about each.

**Do the heads divide the work?** The maps show the mean over 200 rows of digits: a row is a position that looks, a column one that it looks at. A dark line parallel to the diagonal means that a head looks at one neighbour:
""")
code(r"""
@torch.no_grad()
def average_attention(net):
    layer = net.layers[0].attention
    layer.keep_weights = True
    net(rows_of_digits(200, 16, torch.Generator().manual_seed(99))[0])
    layer.keep_weights = False
    return layer.weights.mean(0).cpu()  # (H, T, S)

@styled
def plot_heads(maps, title):
    figure, axes = plt.subplots(1, len(maps), figsize=(2.7 * len(maps), 3))
    for head, (axis, values) in enumerate(zip(axes, maps)):
        axis.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=f"head {head}", xticks=(0, 5, 10, 15), yticks=(0, 5, 10, 15))
        axis.grid(False)
    figure.suptitle(title)

maps = average_attention(by_heads["4 heads"][0][0])
plot_heads(maps, "Where four heads look, seed 0")
inner = range(2, 14)
for head, values in enumerate(maps):
    shares = [100 * statistics.mean(values[t, t + offset].item() for t in inner) for offset in OFFSETS]
    print(f"head {head}:", "  ".join(f"{offset:+d}: {share:3.0f} %" for offset, share in zip(OFFSETS, shares)))
""")
md(r"""
**In this network, two of the four heads specialise in one side.** Head 0 gives 82 % of its weight to the two digits on the right, head 3 gives 67 % to the two on the left. Heads 1 and 2 look at both sides. No head looks at one neighbour only.

**Why divide by √d_k?** A factor in $W^Q$ could replace the division, so it does not change what the network can compute. But the initial scores are smaller with it, and each Adam step changes them less. We compare two heads with $d_k = 16$ and two with $d_k = 64$, with and without it. If large scores do harm, they do so at 64. (Compare only equal $d_k$: the width $d_{model}$ changes too, 32 and 128.)
""")
code(r"""
variants = {f"d_k = {d_k}{'' if scaled else ', not divided'}": dict(d_model=2 * d_k, num_heads=2, scaled=scaled)
            for d_k in (16, 64) for scaled in (True, False)}
by_scale = compare(variants, knobs["steps"])
plot_seeds({"one layer, two heads": by_scale}, "")
""")
md(r"""
**The division lets the long heads learn earlier.** With $d_k = 64$ and the division, all three seeds are above 95 % at step 300; without it, they spread from about 60 to 93 %. In the end, the seeds without the division are even ahead: 100.00 % against 99.8 to 99.9. With $d_k = 16$ the division helps only in the first 200 steps; after that the bands overlap. So large scores delay the training and do not stop it. This fits our measurement above: at 64, the gradient at the query had not vanished.

**Are positions necessary, and does it matter which?** In the paper, learned position vectors work nearly as well as sines (row E). It chose sines because they *may* work on sentences longer than those of the training (section 3.5). So we train on 16 digits and also test on rows of 32. Beyond position 15, learned vectors are still their random start.
""")
code(r"""
@torch.no_grad()
def right_by_position(nets, length=32):
    '''How many of the four neighbours are right at each position (%), mean over networks.'''
    rows, answers = rows_of_digits(500, length, torch.Generator().manual_seed(99))
    hits = [(net(rows)[:, 2:-2].argmax(-1) == answers).float().mean((0, 2)) for net in nets]
    return (100 * torch.stack(hits)).mean(0).tolist()

rows, answers = rows_of_digits(500, 16, torch.Generator().manual_seed(99))
counting = (answers == rows.mode(dim=1).values[:, None, None]).float().mean().item()
print(f"always naming the most common digit of the row: {100 * counting:.1f} % right")
kinds = {"sines": "sinusoidal", "learned vectors": "learned", "no positions": None}
by_positions = compare({label: dict(positions=kind) for label, kind in kinds.items()}, knobs["steps"])
plot_seeds({"one layer, 16 digits": by_positions}, "")
beyond = {label: (range(2, 30), right_by_position([net for net, _ in pairs])) for label, pairs in by_positions.items()}
plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")
""")
md(r"""
Without positions, the network sees which digits occur in a row, but not where. About the best that it can do is to name the most common one, which is right in 23.6 % of the cases; it ends at 23.9 %. **Sines and learned vectors end level, as in the paper:** between 99.5 and 100 %. The sines learn earlier. On longer rows **both fail where the training ended**: position 14 never had to answer in training, and from position 16 on, they are right in 11 to 16 % of the cases, which is less than the network without positions. So sines do not extrapolate here by themselves, although the task is all about relative positions.

**Where does the norm go, and what does the warm-up do?** The paper uses post-norm and a warm-up. [Xiong et al. 2020](https://arxiv.org/abs/2002.04745) argue that with post-norm the gradients near the output are large at first, so that the training has to begin with a small learning rate. We look at these gradients first, in six untrained layers:
""")
code(r"""
def gradients(seed, **options):
    '''Norms of the gradient of the feed-forward network's second matrix in each layer, before any training.'''
    net, _ = learn(seed, 0, num_layers=6, **options)
    loss, *_ = neighbours(net, *rows_of_digits(64, 16, torch.Generator().manual_seed(seed)))
    loss.backward()
    return [layer.feed_forward.w_2.weight.grad.norm().item() for layer in net.layers]

at_start = {f"{order}-norm": torch.tensor([gradients(seed, norm_first=order == "pre") for seed in range(5)]).mean(0)
            for order in ("post", "pre")}
print("mean gradient norm of w_2 in layers 1 to 6, five seeds")
for name, norms in at_start.items():
    print(f"{name:9}", *(f"{norm:.3f}" for norm in norms.tolist()))
""")
md(r"""
**In the last layer, the gradient of post-norm is indeed larger:** 0.78 against 0.29. But it is as large in the first layer (0.80). With post-norm all layers get about the same gradient, and with pre-norm less the nearer they are to the output.

Now we train the six layers, with a warm-up of 200 steps or without one, and with two learning rates. If the explanation holds here, post-norm needs the warm-up and pre-norm does not. At scale `cpu` these 24 trainings take about a quarter of an hour; a number appears after each.
""")
code(r"""
layers, rates = (1 if scale == "quick" else 6), (2e-3, 4e-3)
orders = {f"{order}-norm, {'' if warmup else 'no '}warm-up": dict(norm_first=order == "pre", warmup=warmup)
          for order in ("post", "pre") for warmup in (200, 0)}
variants = {f"{label}, peak {rate:g}": dict(lr=rate, num_layers=layers, **options)
            for rate in rates for label, options in orders.items()}
by_norm = compare(variants, knobs["deep_steps"])
panels = {f"peak learning rate {rate:g}": {label: by_norm[f"{label}, peak {rate:g}"] for label in orders}
          for rate in rates}
plot_seeds(panels, f"{layers} layers")
""")
md(r"""
**At the higher rate, post-norm fails without a warm-up, and pre-norm does not,** as Xiong et al. predict. Post-norm ends at 10, 10 and 15 % without a warm-up, and all three seeds reach 100 % with it. Pre-norm reaches at least 99.8 % either way. At the lower rate everything learns, but post-norm without a warm-up is the last to do so. (Most curves pause near 25 %, which is about what naming the most common digit brings.) We tested whether post-norm needs the warm-up, not whether the gradients of the last layer are the reason.

**Pre-norm also learns faster:** in both plots, both of its curves rise before those of post-norm. Here the warm-up only slows pre-norm down. Later Transformers moved the norm to the front.

## Look inside

Back to the translator. Where does its decoder look when it translates a real sentence? The sentence is our own. For each layer we average the weights of the cross-attention over all heads. As before, a row is the piece about to be written.
""")

# ------------------------------------------------------------------------------------------------- look inside, use it

code(r"""
# For the README: a German caption, its translation, and where the layers of the decoder look
@styled
def plot_layers(maps, rows, columns, title):
    across = min(2, len(maps))
    options = dict(figsize=(10.5, 8), squeeze=False, sharex=True, sharey=True)
    figure, axes = plt.subplots(-(-len(maps) // across), across, **options)
    for number, (axis, values) in enumerate(zip(axes.flat, maps), start=1):
        axis.imshow(values.cpu(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axis.set(title=f"layer {number}", xticks=range(len(columns)), yticks=range(len(rows)))
        axis.set_xticklabels(columns, rotation=60, ha="right", rotation_mode="anchor")
        axis.set_yticklabels(rows)
        axis.grid(False)
    figure.suptitle(title)

sentence = "ein kleines mädchen in einem roten kleid klettert die treppe hinauf."
sentence = real.test.source[0] if real.name != "Multi30k" else sentence
src = pad_together([[*pieces.encode(sentence), EOS]], device)
tgt = greedy_decode(translator.eval(), src, BOS, EOS)
maps = attention_maps(translator, [layer.cross_attention for layer in translator.decoder], src,
                      torch.cat([torch.full_like(tgt[:, :1], BOS), tgt[:, :-1]], dim=1))
said, seen = ([*(piece.strip() for piece in pieces.pieces(ids[0].tolist())), "<eos>"] for ids in (tgt, src))
plot_layers([heads.mean(0) for heads in maps], said, seen, f"{sentence}\n→ {pieces.decode(tgt[0].tolist())}")
""")
md(r"""
**Layers 2 and 3 align the words:** *red* looks at *roten*, *dress* at *kleid*, *climbs* at *klettert*, *stairs* at *treppe*. Layer 4 does the same less sharply, and layer 1 spreads its weight. *Up* looks at *hinauf*, the last word of the German sentence, and at *die* and *treppe* before it. The weights show where a head looks, not why: the encoder has already mixed information from other words into each position.

**Which translations are worst?** We look for the lowest BLEU (beam 4) among references of at least eight words. We count only words and bigrams here, because many single sentences have no matching 4-gram.
""")
code(r"""
beamed = translate(translator, real.test.source, pieces, pieces, beam=4)
graded = [(bleu([ours], [right], longest=2), i) for i, (ours, right) in enumerate(zip(beamed, references["test"]))]
for grade, i in sorted((grade, i) for grade, i in graded if len(references["test"][i]) >= 8)[:4]:
    print(f"BLEU-2 {grade:4.1f}  {real.test.source[i][:80]}")
    print(f"      ours   {' '.join(beamed[i])[:80]}\n      right  {' '.join(references['test'][i])[:80]}\n")
""")
md(r"""
All four score zero, because no bigram matches. The first is close, in words that the reference does not use, and the third turns the train into a *parade*. The other two are really wrong: even *beine* (legs) becomes *birds*, and where words are rare (*nelken*, *schirme*), the translator repeats itself.

## Use it

To fit the translator into two megabytes, [packed.py](packed.py) stores each matrix in 8 bits (*quantisation*): integers from −127 to 127, and one factor for each row. The file also holds the vocabulary.
""")
code(r"""
from attention.packed import load_translator, pack

path = checkpoint_dir() / scale / "Attention" / "multi30k-weights.pt"
merges = torch.tensor(list(pieces.merges), dtype=torch.int16)
facts = dict(size=dict(knobs["size"], norm_first=True), data=real.name, made=translator_run.made())
save_file({**pack(translator), "merges": merges, **facts}, path)
loaded, read, about = load_translator(path)
before, after = (validation_bleu(net)["val_bleu"] for net in (translator, loaded.to(device)))
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; validation BLEU {before:.2f} in 32 bits, {after:.2f} in 8")
assert path.stat().st_size < 2e6 or scale == "paper"
assert read.bytes == pieces.bytes and abs(before - after) < 2
""")
md(r"""
The file has 1.90 MB, and the 8 bits cost no BLEU on the validation set. **Your own sentences.** The repository keeps the file of the stored run, so this cell works offline and at any scale. The translator has read nothing but captions of photographs.
""")
code(r"""
my_sentences = [
    "Zwei Hunde spielen im Schnee.",
    "Eine Frau liest ihrem Enkel ein Buch vor.",
    "Ein Quallenzüchter jongliert mit Kettensägen.",
]
use_mine = False  # True: the network that this notebook has just trained
kept = root / "attention" / "weights" / "multi30k.pt"
if use_mine or not kept.is_file():
    print("This is the network that was just trained.")
    kept = path
net, read, about = load_translator(kept)
print(f"trained on {about['made']}")
for text in my_sentences:
    src = pad_together([[*read.encode(text.lower()), EOS]])
    answer, score = beam_search(net, src, BOS, EOS)
    print(f"{text}\n  → {read.decode(answer[0].tolist())[:90]}")
""")
md(r"""
The dogs are right. The woman reads a book, but *Enkel* (grandson) becomes a *nice swing*, and of the jellyfish breeder only the juggling is left. The model always answers, and its answer does not show when it does not know a word.

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Task | WMT 2014: 4.5 million pairs English–German, 36 million English–French | Multi30k: 29,000 pairs from German into English, lower-cased; generated toys |
| Model | base (65 M) and big (213 M) | those are built and counted; 1.8 M trained |
| Norm | post-norm | pre-norm in the translator, post-norm in the toys |
| Tokens | about 37,000 byte pairs, from characters; word pieces for English–French | 4,000 byte pairs, from bytes |
| Training | 100,000 steps of 25,000 tokens a side (base) | about 13,000 steps of up to 2,000 tokens a side |
| Schedule | eq. 3, warm-up over 4,000 steps | one cycle that ends at zero, warm-up over a fifth |
| Which weights | the mean of the last five checkpoints | the epoch with the best validation BLEU |
| Gradients | no clipping is mentioned | clipped to norm 1 in the translator |
| Dropout | 0.1 (base), on embeddings and after each sublayer | 0.2, also on attention weights and inside the feed-forward network |
| Initialisation | not stated | Xavier, embeddings of variance $1 / d_{model}$ |

## Exercises

1. **Tune both sides.** Change `lr` under `real` to half and to twice its value, and train both networks with `epochs=12`. Does each have its own best rate on the validation set, and does the order of the two change? (Six trainings, each a quarter as long as those above.)
2. **Backwards.** Translate from English into German. (`load_multi30k("en", "de")`, and a training as long as the main one.)
3. **Which head matters?** Silence one head after the other in `translator.decoder[-1].cross_attention`, and measure the validation BLEU. *Hint: head $i$ owns the columns `[:, i * d_k : (i + 1) * d_k]` of `w_o.weight`; set them to zero under `torch.no_grad()`, and back.*
4. **A harder look-up.** Let `Neighbours` name six neighbours instead of four. How many heads do you need now? *Hint: change `OFFSETS`, the 40 outputs, the 4 in `unflatten`, and the margin of 2 digits.*
5. **Averaging.** Give a new model the mean of the weights in `translator_run.kept`, which are those of our last five epochs. Does this help when the learning rate ends at zero?

## Further reading

In this collection, [BERT](../architectures/bert/BERT.ipynb) is the encoder alone, [GPT](../architectures/gpt/GPT.ipynb) the decoder alone.

- [The Annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/) (Rush and others, 2018 and 2022): the paper's text with code.
- Bahdanau et al., [Neural Machine Translation by Jointly Learning to Align and Translate](https://arxiv.org/abs/1409.0473) (2015): additive attention.
- Luong et al., [Effective Approaches to Attention-based Neural Machine Translation](https://arxiv.org/abs/1508.04025) (2015): the rival's attention.
- Sennrich et al., [Neural Machine Translation of Rare Words with Subword Units](https://arxiv.org/abs/1508.07909) (2016): byte pairs.
- Xiong et al., [On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745) (2020): why the norm moved to the front.
- Dao et al., [FlashAttention](https://arxiv.org/abs/2205.14135) (2022): what a fused kernel does.
""")

# -------------------------------------------------------------------------------------------------------------- write

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = nbformat.read(INSTALLED, 4).metadata
for number, cell in enumerate(cells):
    cell["id"] = f"cell-{number:03d}"
nbformat.write(book, TARGET)
texts = [c.source for c in cells if c.cell_type == "markdown"]
prose = [re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL) for text in texts]
print(sum(len(text.split()) for text in prose), "words with tables and mathematics;", len(cells), "cells,", sum(bool(re.search("[A-Za-z]", w)) for text in prose for w in text.split()), "words,", sum("TODO" in c.source for c in cells), "cells with TODO")
for c in cells:
    if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup")):
        if len(c.source.splitlines()) > 45: print("long cell", c.source[:50])
        for line in c.source.splitlines():
            if len(line) > 120: print("long line", len(line), line)
