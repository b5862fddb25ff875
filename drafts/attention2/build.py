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


# ------------------------------------------------------------------------------------------------------------ opening

md(r"""
# Attention Is All You Need

Ashish Vaswani, Noam Shazeer, Niki Parmar, Jakob Uszkoreit, Llion Jones, Aidan N. Gomez, Łukasz Kaiser, Illia Polosukhin · NIPS 2017 · [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/attention/Attention.ipynb)

At the end of this notebook you can build a Transformer from its one equation, check it against PyTorch's own layers, find out by small experiments what heads, positions and warm-up are good for, and train a network that translates German into English and fits into two megabytes. **The main result:** TODO-NUMBERS
<!-- TODO-NUMBERS, from the table in "Results": "with 1.8 million parameters our Transformer reaches … BLEU on Multi30k (one seed), and a recurrent network of the same size …" -->

**How long it takes.** TODO-NUMBERS <!-- "We ran the stored version at scale `cpu`, with one thread of an AMD EPYC: … minutes for the Transformer, … for the recurrent network (from the note under the table in Results), and about … minutes for everything else." --> There are four *scales*: `quick` (half a minute, offline, generated sentences; its numbers mean nothing), `cpu`, `gpu` (the same for longer), and `paper` (a base model, hours). The second code cell says how to choose.
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
from torch import nn
from torch.nn import functional as F

from architectures.transformer.transformer import (
    check_eval, check_tokens, init_weights, length_penalty, make_positions, reorder, transformer_base
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
## The Transformer in one drawing

An encoder reads the whole source sentence. A decoder writes the translation, one word at a time, and looks at the source whenever it needs to. The sizes in the drawing are read from a model of the paper's base size:
""")
code(r"""
def count_parameters(module):
    return sum(p.numel() for p in module.parameters())

with torch.device("meta"):  # shapes without contents
    base = transformer_base()
d, heads = base.d_model, base.encoder[0].attention.num_heads
encoder_layer, decoder_layer = (f"{count_parameters(stack[0]):,} parameters" for stack in (base.encoder, base.decoder))
vectors = f"a vector of {d} numbers\nfor each word"
boxes = {
    "n": (f"encoder: {len(base.encoder)} layers,\n{encoder_layer} each", 0, -1.1, "note"),
    "N": (f"decoder: {len(base.decoder)} layers,\n{decoder_layer} each", 2, -1.1, "note"),
    "src": ("ein und zwanzig", 0, 0, "data"),      "tgt": ("<bos> twenty", 2, 0, "data"),
    "se": ("embedding + position", 0, 1),          "te": ("embedding + position", 2, 1),
    "sa": (f"self-attention, {heads} heads", 0, 3),  "ta": (f"masked self-attention, {heads} heads", 2, 3),
    "sf": ("feed-forward network", 0, 4),          "tc": (f"attention to memory, {heads} heads", 2, 5),
    "m": ("memory", 0, 5, "data"),                 "tf": ("feed-forward network", 2, 6),
                                                   "out": ("linear, softmax", 2, 7.2),
                                                   "next": ("next word: one", 2, 8.2, "data"),
}
arrows = [("src", "se"), ("se", "sa", vectors), ("sa", "sf"), ("sf", "m"), ("tgt", "te"), ("te", "ta", vectors)]
arrows += [("ta", "tc"), ("tc", "tf"), ("tf", "out"), ("out", "next"), ("m", "tc")]
draw_flow(boxes, arrows, "The Transformer of the paper's base size")
""")
md(r"""
## The paper in brief

**The question.** To translate a sentence, a network has to relate words that stand far apart. In 2017 mostly *recurrent networks* did this: they read a sentence word by word and carry what they have seen in one state. That has two drawbacks. Step $t$ has to wait for step $t - 1$, so a GPU cannot work on all words at once. And whatever the first word has to tell the last one must survive every state in between.

**The idea.** Let every word look at every other word directly, all at once. Each word is a vector of $d_{model}$ numbers, its *embedding*. Three learned matrices turn it into a *query*, a *key* and a *value*. The query says what the word is looking for, and the keys say what the others have to offer. The word then receives the average of all values, weighted by how well their keys fit its query. This is *attention*. It was known before as an addition to recurrent networks; the paper drops the recurrence and keeps attention alone:

$$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V \qquad \text{(eq. 1)}$$
""")
code(r"""
sentence = "the dog is big".split()
boxes = {"r": ("recurrent: word by word", 1.5, -1.1, "note"), "a": ("self-attention: all at once", 6.5, -1.1, "note"),
         "mix": ("self-attention", 6.5, 1.3)}
arrows = []
for i, word in enumerate(sentence):
    boxes |= {f"w{i}": (word, i, 0, "data"), f"s{i}": ("state", i, 1.3)}
    boxes |= {f"v{i}": (word, 5 + i, 0, "data"), f"o{i}": (f"{word}'", 5 + i, 2.6, "data")}
    arrows += [(f"w{i}", f"s{i}"), (f"v{i}", "mix"), ("mix", f"o{i}")] + [(f"s{i - 1}", f"s{i}")] * (i > 0)
draw_flow(boxes, arrows, "How the last word hears of the first")
""")
md(r"""
On the left, three steps lie between the first word and the last, and each has to wait for the one before. On the right there is a single step, and nothing waits.

Around attention stand a few simple parts: several attentions side by side (*heads*), a small feed-forward network, shortcuts and normalisation as in a [ResNet](../resnet/ResNet.ipynb), and positions, because attention alone does not see the order of words.

**The results.** From English to German (newstest2014), the base model reaches 27.3 BLEU and the big one 28.4, more than any earlier model, ensembles included. BLEU measures the overlap with a human translation, up to 100; we shall compute it below. The base model trained for 12 hours on eight P100 GPUs, at a fraction of its rivals' cost (Table 2).

## A first task: numbers in words

We begin with a task whose answers you can check yourself: numbers below a million, from German into English. Replacing word by word is not enough, because German says the ones before the tens: *ein und zwanzig*, "one and twenty", is *twenty one*. (Real German writes *einundzwanzig*; we cut such words into their parts.)
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
A network sees numbers instead of words: each word has an index in a *vocabulary*. Four indices are reserved: 0 fills up short sentences (*padding*), 1 begins a sentence, 2 ends it, and 3 stands for unknown words. The three splits share no number, so the test asks for numbers that the network has never seen.

## Attention

Let us take eq. 1 apart with numbers that we can check by hand.
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
We have one query and two words to look at. The query $(1, 0)$ has a dot product of 2 with the first key, $(2, 0)$, and of 0 with the second, $(0, 3)$. Divided by $\sqrt{d_k} = \sqrt 2$, these *scores* are 1.41 and 0. The softmax turns them into weights, $e^{1.41} / (e^{1.41} + e^0) = 0.80$ and $0.20$, and the output is the average of the two values with these weights.
""")
code(r"""
query = torch.tensor([[1.0, 0.0]])
key = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
value = torch.tensor([[10.0, 0.0], [0.0, 10.0]])

scores = query @ key.T / math.sqrt(2)
weights = scores.softmax(dim=-1)
print("scores ", scores.numpy().round(2))
print("weights", weights.numpy().round(2))
print("output ", (weights @ value).numpy().round(2))
assert abs(weights[0, 0].item() - 1 / (1 + math.exp(-math.sqrt(2)))) < 1e-6
""")
md(r"""
The function for whole batches adds three things: a *mask*, which says where a query may look (`True` means that it may), dropout on the weights, and a switch to PyTorch's fused kernel, which computes the same without storing the weights. In the shapes, B is sentences, H heads, T target positions, S source positions, and C is $d_{model}$.
""")
code("# %load -s scaled_dot_product_attention ../architectures/transformer/transformer.py")
md(r"""
We check both ways against each other, with a mask that lets position $t$ look only at positions up to $t$:
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
Each row sums to one, and everything above the diagonal is zero. This *causal mask* will let us train on all positions of a sentence at once, without any of them seeing the word that it has to predict.

### Why divide by √d_k?

**Without the division, long vectors make the softmax saturate, and its gradient vanishes.** If the components of $q$ and $k$ are independent with mean 0 and variance 1, their dot product $\sum_{i=1}^{d_k} q_i k_i$ has variance $d_k$. So its standard deviation grows as $\sqrt{d_k}$, and the softmax puts nearly all weight on the largest score. A small change of the scores then changes nothing. We measure the spread of the scores, the entropy of the weights over 32 words (5 bits if all get the same weight), and the gradient that reaches the scores when we pull the output in a random direction.
""")
code(r"""
sizes = [4, 16, 64, 256, 1024]
spread, entropy, gradient = ({"divided by √d_k": [], "not divided": []} for _ in range(3))
for d_k in sizes:
    for label, factor in (("divided by √d_k", 1 / math.sqrt(d_k)), ("not divided", 1.0)):
        set_seed(SEED)
        scores = torch.randn(200, 1, d_k) @ torch.randn(200, 32, d_k).transpose(1, 2) * factor  # q · k, 32 keys
        weights = scores.requires_grad_().softmax(dim=-1)
        (weights @ torch.randn(200, 32, 64) * torch.randn(200, 1, 64)).sum().backward()
        spread[label].append(scores.std().item())
        entropy[label].append(-(weights * weights.clamp(min=1e-30).log2()).sum(-1).mean().item())
        gradient[label].append(scores.grad.norm(dim=-1).median().item())
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
              "gradient that reaches the scores": gradient})
for label in spread:
    bits, norms = (" ".join(f"{value:.{n}f}" for value in values[label]) for values, n in ((entropy, 2), (gradient, 4)))
    print(f"{label:16} entropy {bits}   gradient {norms}")
""")
md(r"""
Without the division, the scores spread as $\sqrt{d_k}$ predicts. At $d_k = 1024$ only 0.15 bits are left, so nearly all weight lies on one word, and the median gradient has shrunk to 0.0008, where the division leaves 1.65. With the division, all three stay the same however long the vectors are.
<!-- TODO-NUMBERS: check 0.15, 0.0008 and 1.65 (last columns of the printed lines). -->

## Several heads

**One attention computes one average. To look at two words for two reasons, a network needs several.** The paper lets $h$ attentions work side by side, each on its own projections of the input down to $d_k = d_{model} / h$ numbers, and mixes their outputs by a last matrix (section 3.2.2):

$$\mathrm{MultiHead}(Q, K, V) = \mathrm{Concat}(\mathrm{head}_1, \dots, \mathrm{head}_h)\, W^O, \qquad \mathrm{head}_i = \mathrm{Attention}(Q W_i^Q, K W_i^K, V W_i^V)$$
""")
code(r"""
boxes = {
    "q": ("query", 0, 0, "data"), "k": ("key", 2, 0, "data"), "v": ("value", 4, 0, "data"),
    "wq": ("w_q", 0, 1), "wk": ("w_k", 2, 1), "wv": ("w_v", 4, 1),
    "att": ("scaled dot-product attention,\nfor each of the h heads on its own", 2.01, 2.3),
    "cat": ("concatenate", 2.01, 3.4), "wo": ("w_o", 2.01, 4.4), "out": ("output", 2.01, 5.4, "data"),
}
arrows = [("q", "wq"), ("k", "wk"), ("v", "wv"), ("wq", "att", "split"), ("wk", "att"), ("wv", "att", "split")]
arrows += [("att", "cat"), ("cat", "wo"), ("wo", "out")]
draw_flow(boxes, arrows, "Multi-head attention: each head gets d_model / h of the numbers")
""")
md(r"""
The heads share $d_{model}$ among them, so eight heads cost as much as one. The projections of all heads lie in one matrix each, and `split` cuts the result into heads. We shall need the `cache` later, for writing word by word.
""")
code("# %load -s MultiHeadAttention ../architectures/transformer/transformer.py")
md(r"""
PyTorch has the same layer. With its parameters copied into ours, both must give the same output, also with padding. PyTorch's mask has the opposite meaning: there `True` marks what may *not* be looked at.
""")
code(r"""
set_seed(SEED)
theirs, ours = nn.MultiheadAttention(64, 8, batch_first=True), MultiHeadAttention(64, 8)
with torch.no_grad():
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

# ---------------------------------------------------------------------------------------------------------- positions

md(r"""
## Where is a word? Positions

**Attention alone cannot tell one order of the words from another.** It computes sums over words, and a sum does not change when we shuffle what we add. If we shuffle the input, the outputs are shuffled in the same way, and nothing else happens:
""")
code(r"""
order = torch.tensor([3, 0, 5, 1, 4, 2])
with torch.no_grad():
    shuffled = ours(x[:, order], x[:, order], x[:, order])
    assert torch.allclose(shuffled, ours(x, x, x)[:, order], atol=1e-6)
print("words in the order", order.tolist(), "give the same outputs, in that order")
""")
md(r"""
So each word has to carry its position. The paper adds a vector of sines and cosines to each embedding (section 3.5), with wavelengths from $2\pi$ to $10000 \cdot 2\pi$:

$$PE_{(pos,\,2i)} = \sin\!\left(pos / 10000^{2i/d_{model}}\right), \qquad PE_{(pos,\,2i+1)} = \cos\!\left(pos / 10000^{2i/d_{model}}\right)$$

Think of many clock hands that turn at different speeds. The fast ones tell neighbours apart, and the slow ones tell the beginning of a long text from its end.
""")
code("# %load -s sinusoids,SinusoidalPositions ../architectures/transformer/transformer.py")
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
On the left, each column is one position, with the fast waves at the top and the slow ones at the bottom. On the right, the three curves lie on top of each other: the dot product of two position vectors depends on their distance alone, and it is largest for neighbours.

The authors hoped that sines would make *relative* positions easy to learn, because a shift by $k$ words is the same linear map everywhere: it rotates each pair (sine, cosine) by an angle that depends only on $k$. We check this for a shift of 3. A learned matrix inside attention can contain such a rotation, and then a head can look "three words back".
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

# ------------------------------------------------------------------------------------------------------------- layers

md(r"""
## The layers

Self-attention moves information between words. After it, a small **feed-forward network** works on each word by itself, the same at every position (eq. 2): $\mathrm{FFN}(x) = \max(0, x W_1 + b_1)\, W_2 + b_2$.
""")
code("# %load -s FeedForward ../architectures/transformer/transformer.py")
md(r"""
An **encoder layer** consists of self-attention and the feed-forward network. A **decoder layer** has another attention in between: its queries come from the translation so far, its keys and values from the encoder. There the decoder looks at the source. Around each part, a shortcut adds the input to the output, and a *layer norm* brings each word's vector to mean 0 and variance 1, then applies a learned scale and shift:

$$\mathrm{LayerNorm}(x + \mathrm{Dropout}(\mathrm{Sublayer}(x)))$$
""")
code(r"""
boxes = {
    "n": ("encoder layer", 0, -0.8, "note"),       "N": ("decoder layer", 4.5, -0.8, "note"),
    "x": ("source", 0, 0, "data"),                 "y": ("translation so far", 4.5, 0, "data"),
    "a": ("self-attention", 0, 1),                 "A": ("masked self-attention", 4.5, 1),
    "a+": ("+", 0, 2, "sum"),                      "A+": ("+", 4.5, 2, "sum"),
    "an": ("layer norm", 0, 3),                    "An": ("layer norm", 4.5, 3),
    "f": ("feed-forward", 0, 4),                   "C": ("attention to the source", 4.5, 4),
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
Most later models put the norm *before* each part, so that nothing interrupts the path of the shortcuts; here that is `norm_first=True`. We shall see below what it changes.
""")
code("# %load -s EncoderLayer ../architectures/transformer/transformer.py")
code("# %load -s DecoderLayer ../architectures/transformer/transformer.py")
md(r"""
We count the parameters of the base model by hand, with $d = 512$ and $d_{ff} = 2048$. An attention has $4(d^2 + d)$ parameters, the feed-forward network $2 d\, d_{ff} + d_{ff} + d$, and a norm $2d$. An encoder layer has one attention and two norms; a decoder layer has two and three.
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

The model has six layers on each side, embeddings, and an output layer that gives every word of the vocabulary a score. The embeddings begin with variance $1/d_{model}$ and are multiplied by $\sqrt{d_{model}}$, so that they are as large as the positions. If both languages use one vocabulary, a single matrix serves as source embedding, target embedding and output layer (section 3.4): `share="all"`. With `norm_first` one more norm follows each stack. Small helpers, such as `check_tokens`, stay in the file.
""")
code("# %load -s Transformer ../architectures/transformer/transformer.py")
code(r"""
for name, millions, sizes in (("base", 65, {}), ("big", 213, dict(d_model=1024, num_heads=16, d_ff=4096))):
    with torch.device("meta"):  # shapes without contents
        net = Transformer(37_000, 37_000, **sizes)
    parts = [count_parameters(part) for part in (net.src_embedding, net.encoder, net.decoder)]
    print(f"{name:5} embedding {parts[0]:>10,}  encoder {parts[1]:>10,}  decoder {parts[2]:>11,}",
          f" all {count_parameters(net):>11,}  paper: {millions} M")
    assert (parts[1] + parts[2], count_parameters(net)) == {
        "base": (44_138_496, 63_082_496), "big": (176_357_376, 214_245_376)}[name]
    assert abs(count_parameters(net) / 1e6 - millions) < 0.05 * millions
""")
md(r"""
The paper's "about 37,000" tokens give neither of its two counts exactly, but ours are within 5 % of both.

Two masks make the model work on batches of sentences, and we can draw them. The **padding mask** hides the positions that only fill up short sentences. The **causal mask** hides the future from the decoder.
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
            ("decoder to the source: padding mask", padding.expand(3, 6), answer, short)])
""")
md(r"""
A row is a word that looks, a column a word that it may look at (dark) or not (white).

Training rests on one property: the output at position $t$ may depend on the target up to $t$ and on nothing after it. We test it by changing one word after the other. And padding must change nothing.
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

# ----------------------------------------------------------------------------------------------------------- training

md(r"""
## Does it learn at all?

While training, the decoder reads the *right* translation, shifted by one position, and has to predict the next word everywhere at once. This is called **teacher forcing**:
""")
code(r"""
read, wanted = ["<bos>", "twenty", "one"], ["twenty", "one", "<eos>"]
boxes = {"r": ("the decoder reads", -1.8, 0, "note"), "w": ("and must predict", -1.8, 2.4, "note"),
         "dec": ("decoder, causal mask", 1, 1.2), "mem": ("memory of\nein und zwanzig", 3.6, 1.2, "data")}
arrows = [("mem", "dec")]
for i in range(3):
    boxes |= {f"r{i}": (read[i], i, 0, "data"), f"w{i}": (wanted[i], i, 2.4, "data")}
    arrows += [(f"r{i}", "dec"), ("dec", f"w{i}")]
draw_flow(boxes, arrows, "Teacher forcing: one pass trains every position")
""")
md(r"""
Before a long training we check that a small model can overfit one batch. An untrained model should do no better than guessing, with a loss near $\ln 33 = 3.5$ for 33 words. After some steps on the same sixteen sentences, the loss should be close to zero.
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

**Learning-rate schedule.** The rate rises linearly during the *warm-up* and then falls with the square root of the step (eq. 3): $lrate = d_{model}^{-0.5} \cdot \min(step^{-0.5},\ step \cdot warmup^{-1.5})$.

**Label smoothing** (section 5.4) keeps the model from becoming too sure of itself. A tenth of the probability is spread evenly over all words, and the rest goes to the right one. The paper says that this makes the *perplexity* worse but the translations better. Perplexity is $e^{loss}$: a model with perplexity 10 is as unsure as if it had to choose among ten equally likely words.
""")
code("# %load -s noam_rate ../architectures/transformer/transformer.py")
code(r"""
steps = list(range(10, 20_001, 10))
rates = {f"d_model {d}, warm-up {w}": (steps, [1000 * noam_rate(s, d, w) for s in steps])
         for d, w in ((512, 4000), (1024, 4000), (512, 8000))}
plot_curves({"the paper's schedule": rates}, "step", "learning rate × 1000")
assert abs(noam_rate(4000) - 6.988e-4) < 1e-6

wanted = torch.full((5,), 0.1 / 5)
wanted[2] += 0.9
logits = torch.tensor([[0.0, 0.0, 5.0, 0.0, 0.0]])
by_hand = -(wanted * logits.log_softmax(-1)).sum()
assert torch.allclose(by_hand, F.cross_entropy(logits, torch.tensor([2]), label_smoothing=0.1))
print("smoothed labels of five words, the third being right:", wanted.numpy().round(2))
""")
md(r"""
The larger the model, the smaller its learning rate, and a longer warm-up makes the peak later and lower.

The objective below counts correct words, leaves out padding, and smooths labels only during training, so validation losses are plain cross-entropies. In the training loop, `autocast` and `scaler` compute in 16 bits where the hardware is faster at it.
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
All hyperparameters are in one table. The toy tasks need seconds, or a minute at most. The real sentences take most of the time, and more seeds can be added there.
""")
code(r"""
SIZE = dict(d_model=128, num_heads=4, num_layers=4, d_ff=256, dropout=0.2)
KNOBS = {
    # toy: the numbers;  seeds and steps: of the small experiments;  pieces: tokens of the real sentences' vocabulary
    # recurrent: its size, for as many parameters;  real: the main run, one training of each network for each seed
    "quick": dict(toy=dict(epochs=3, max_tokens=1000, lr=4e-3), seeds=1, steps=20, pieces=300,
                  size=dict(d_model=32, num_heads=4, num_layers=1, d_ff=64, dropout=0.1),
                  recurrent=dict(d_model=38, num_layers=1),
                  real=dict(epochs=2, max_tokens=1500, lr=3e-3, seeds=[0])),
    "cpu": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, pieces=4000,
                size=SIZE, recurrent=dict(d_model=208, num_layers=2),
                real=dict(epochs=48, max_tokens=2000, lr=2e-3, seeds=[0])),
    "gpu": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, pieces=4000,
                size=SIZE, recurrent=dict(d_model=208, num_layers=2),
                real=dict(epochs=60, max_tokens=2000, lr=2e-3, seeds=[0])),
    "paper": dict(toy=dict(epochs=30, max_tokens=2000, lr=5e-3), seeds=3, steps=600, pieces=8000,
                  size=dict(d_model=512, num_heads=8, num_layers=6, d_ff=2048, dropout=0.3),
                  recurrent=dict(d_model=1260, num_layers=2),
                  real=dict(epochs=100, max_tokens=4000, lr=7e-4, seeds=[0])),
}
knobs = KNOBS[scale]
fused = device.type != "cpu"  # on a CPU the formula written out trains faster
for name, value in knobs.items():
    print(f"{name:10} {value}")
""")
md(r"""
`train` puts the pieces together. The optimiser is the paper's, Adam with $\beta_2 = 0.98$ and $\epsilon = 10^{-9}$. Instead of eq. 3 we use a *one-cycle* schedule, because our trainings are short: the learning rate rises, then falls to zero along a cosine. Batches hold sentences of similar length, up to a number of tokens.

You can interrupt a training; the cells after it work with what there is. If you run the cell again, it goes on from its last epoch, and a finished training is found instead of repeated.
""")
code(r"""
def train(model, checkpoint, task, source, target, knobs, seed, constant=False, **options):
    '''Train on the pairs of a task; returns (model, Run). `constant`: the rate stays at its peak after the warm-up.'''
    train_loader = PairLoader(task.train, source, target, knobs["max_tokens"], device, shuffle=True, seed=seed)
    val_loader = PairLoader(task.val, source, target, 4000, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=knobs["lr"], betas=(0.9, 0.98), eps=1e-9)
    steps = knobs["epochs"] * len(train_loader)
    if constant:
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / (0.2 * steps)))
    else:
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, knobs["lr"], steps, pct_start=0.2, cycle_momentum=False
        )
    run = fit(model, train_loader, optimizer, scheduler, knobs["epochs"], device, evaluate_on={"val": val_loader},
              objective=translation, train_epoch=train_one_epoch, checkpoint=checkpoint, **options)
    return model, run

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
TODO-NUMBERS <!-- TODO-NUMBERS, from the lines above: last val accuracy and loss. "At the end the model predicts … % of the next words in the validation set correctly." Check the next sentence (training loss bottom). --> The training loss stays far above the validation loss because its labels are smoothed: a model that hedges as the labels ask pays at least $\ln 1.92 = 0.65$ for each of 33 words.

## Decoding: greedy and beam search

A trained model gives the probability of the next word. To translate, we have to search for a likely sentence. **Greedy decoding** takes the most likely word at each step. Since no word looks ahead, keys and values of earlier words never change, so they are kept in a *cache*:
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
Each row is one step of writing. Dark squares are positions that the decoder computes in that step, and light ones are read from the cache.
""")
code("# %load -s greedy_decode ../architectures/transformer/transformer.py")
md(r"""
**Beam search** keeps the four most likely beginnings instead of one. Each step extends each of them by every word, and keeps the four most likely results. The probability of a sentence is a product, which favours short sentences. So finished ones are compared by their log-probability divided by $((5 + n) / 6)^{0.6}$, where $n$ is the number of tokens. The limit is the paper's: 50 tokens more than the source.
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
Now the test: 300 numbers, none of which occurred in training. An answer counts only if every word is right.
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
TODO-NUMBERS <!-- TODO-NUMBERS, from the table: "All 300 are right, greedily and with a beam" or how many. --> **Where did the model look?** We draw the attention of the last decoder layer to the source. A row is a word of the answer, a column a word of the source, and a dark square means that the model looks there when it predicts that word.
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
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS, look at the maps: "German says the seven before the forty, and … heads cross over there: for *forty* they look at *vierzig*, for *seven* at *sieben*. Nobody told them to." (in the first edition three of four did) -->

## Four questions to the parts

What are heads, scaling, positions and warm-up good for? We ask a network so small that it trains in seconds, on a task in which the answer depends on attention alone. It reads a row of 16 random digits. At each position it has to say **which digits stand two and one to the left, and one and two to the right**. So it needs four look-ups at once, and nothing about them can be guessed: chance is 10 %. Every batch is drawn fresh, so the training accuracy measures generalisation.
""")
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
The training loop is the one above. It only needs a loader, which draws the rows, and an objective.
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

def learn(seed, warmup=60, lr=2e-3, **options):
    '''Train a network on the digits; returns it and its accuracy (%) over each 20 steps.'''
    set_seed(seed)
    net = Neighbours(**options)
    optimizer = torch.optim.Adam(net.parameters(), lr, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / max(1, warmup)))
    with redirect_stdout(StringIO()):  # many short trainings: we print one line for each kind
        run = fit(net, DigitRows(20, seed), optimizer, scheduler, knobs["steps"] // 20, device, {}, neighbours,
                  train_epoch=train_one_epoch, checkpoint=f"Attention/neighbours-seed{seed}", precision="float32")
    return net.eval(), [100 * accuracy for accuracy in run.history["train_accuracy"]]
""")
code(r"""
@styled
def plot_seeds(groups, title, x, xlabel):
    '''The mean over seeds of each group {label: [values of a seed, …]}, in a band from the lowest to the highest.'''
    figure, axis = plt.subplots(figsize=(8, 3.6))
    for colour, (label, courses) in zip(COLOURS, groups.items()):
        values = torch.tensor(courses)
        axis.plot(x, values.mean(0), color=colour, label=label, marker="." if len(x) < 10 else None)
        axis.fill_between(x, values.amin(0), values.amax(0), color=colour, alpha=0.2, linewidth=0)
    axis.set(title=title, xlabel=xlabel, ylabel="right (%)", ylim=(0, 101))
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return axis

def compare(title, variants):
    '''Train each variant with every seed, plot, print the last accuracies; returns {label: networks}.'''
    trained = {label: [learn(seed, **options) for seed in range(knobs["seeds"])] for label, options in variants.items()}
    courses = {label: [course for _, course in runs] for label, runs in trained.items()}
    plot_seeds(courses, title, range(20, knobs["steps"] + 1, 20), "step")
    for label, runs in courses.items():
        print(f"{label:21} right in the last 20 steps, each seed:", *(f"{course[-1]:6.2f}" for course in runs), "%")
    return {label: [net for net, _ in runs] for label, runs in trained.items()}
""")

# ------------------------------------------------------------------------------------------------------ four questions

md(r"""
**How many heads?** All variants have the same number of parameters; only the number of heads differs. If one average can carry four look-ups at once, all curves rise together. If "averaging inhibits this", as the paper says of a single head (section 3.2.2), few heads learn more slowly or not at all.
""")
code(r"""
variants = {f"{h} head{'s' * (h > 1)}": dict(num_heads=h) for h in (1, 2, 4, 8)}
by_heads = compare("One layer, 64 numbers, split into heads", variants)
""")
md(r"""
**The more heads, the faster the network learns, up to the number of look-ups.** TODO-NUMBERS <!-- TODO-NUMBERS: the last accuracies, each seed. In a trial with one seed: 87, 91, 99 and 100 % after 600 steps for 1, 2, 4 and 8 heads. Check that the seeds of neighbouring groups do not overlap; if 4 and 8 do, say so. --> A single head is not helpless: it can give each neighbour a different weight in its one average, and the feed-forward network can then tell them apart, to a degree. Learning this takes longer.

We can see the division of labour. Each row below is a position that looks, each column one that it looks at, averaged over 200 rows of digits:
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

maps = average_attention(by_heads["4 heads"][0])
plot_heads(maps, "Where four heads look, seed 0")
inner = range(2, 14)
for head, values in enumerate(maps):
    shares = [100 * statistics.mean(values[t, t + offset].item() for t in inner) for offset in OFFSETS]
    print(f"head {head}:", "  ".join(f"{offset:+d}: {share:3.0f} %" for offset, share in zip(OFFSETS, shares)))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which head looks at which neighbour, from the printed shares -->

**Why divide by √d_k?** We measured above that large scores stop the gradient. Does this slow down learning? We compare short and long heads, with and without the division.
""")
code(r"""
variants = {f"d_k = {64 // h}{'' if scaled else ', not divided'}": dict(num_heads=h, scaled=scaled)
            for h in (4, 1) for scaled in (True, False)}
compare("With and without the division by √d_k", variants);
""")
md(r"""
**The division matters for long heads only.** TODO-NUMBERS <!-- TODO-NUMBERS: the four accuracies. In a trial with one seed: d_k = 16: 99.4 % with, 99.9 % without; d_k = 64: 87 % with, 69 % without. --> This is what the paper suspects: for small $d_k$ the scores stay small anyway, and for large ones the softmax saturates.

**Are positions necessary, and does it matter which?** The paper found that learned position vectors work as well as sines (Table 3, row E), and chose sines because they *may* work on sentences longer than those of the training. So we train on 16 digits and test also on rows of 32, where the second half has positions that the network has never met.
""")
code(r"""
@torch.no_grad()
def right_by_position(nets, length=32):
    '''How many of the four neighbours are right at each position (%), mean over networks.'''
    rows, answers = rows_of_digits(500, length, torch.Generator().manual_seed(99))
    hits = [(net(rows)[:, 2:-2].argmax(-1) == answers).float().mean((0, 2)) for net in nets]
    return (100 * torch.stack(hits)).mean(0).tolist()

kinds = {"sines": "sinusoidal", "learned vectors": "learned", "no positions": None}
variants = {label: dict(positions=kind) for label, kind in kinds.items()}
by_positions = compare("Three kinds of positions, 16 digits", variants)
beyond = {label: (range(2, 30), right_by_position(nets)) for label, nets in by_positions.items()}
plot_curves({"rows of 32 digits, trained on 16": beyond}, "position", "right (%)")
""")
md(r"""
**Without positions the network can only guess among the digits of its row.** TODO-NUMBERS <!-- TODO-NUMBERS: in a trial: none 24 %, sines and learned 99.4 % --> Sines and learned vectors work equally well, as in the paper. On longer rows both fail where the training ended: TODO-NUMBERS <!-- TODO-NUMBERS: look at the second plot; the trial had 12 to 14 % from position 16 on, for both, chance being 10 % --> So sines do not extrapolate here by themselves, although the task is all about relative positions. The paper is careful too: sines *may* allow it (section 3.5).

**Where does the norm go, and what is the warm-up for?** The paper puts the layer norm after each sum and begins with a warm-up, that is, with small steps. Most later models put the norm before each part. We train six layers both ways, with a warm-up of 100 steps or at the full learning rate from the first step, and with three learning rates. A design that is easy to train works at all of them.
""")
code(r"""
rates = (1e-3, 4e-3) if scale == "quick" else (1e-3, 2e-3, 4e-3)
by_rate = {}
for first in (False, True):
    for warmup in (100, 0):
        options = dict(norm_first=first, warmup=warmup, num_layers=1 if scale == "quick" else 6)
        label = f"norm {'before' if first else 'after'}, {'with' if warmup else 'no'} warm-up"
        by_rate[label] = [[learn(seed, lr=rate, **options)[1][-1] for rate in rates] for seed in range(knobs["seeds"])]
axis = plot_seeds(by_rate, f"Six layers after {knobs['steps']} steps", rates, "peak learning rate")
axis.set_xscale("log")
axis.set_xticks(rates, labels=rates)
axis.minorticks_off()
print(f"{'peak learning rate':25}", *(f"{rate:>21}" for rate in rates))
for label, seeds in by_rate.items():
    print(f"{label:25}", *(f"{' '.join(f'{value:6.2f}' for value in values):>21}" for values in zip(*seeds)), "%")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS, from the table. In trials with one seed: norm after, 1e-3: 99 % with and 100 % without warm-up after 600 steps; 2e-3: 26 and 25 % after 180 steps; norm before, 2e-3: 78 and 86 % after 180 steps. Expected: "With the norm before each part, six layers learn at every rate, with or without a warm-up. With the norm after, they learn at the lowest rate only, …". Say whether warm-up rescues the norm after at 2e-3 or 4e-3; if it does not, say that our small network cannot show what the warm-up is for, beyond the place of the norm. --> In the paper's order, no path leads through the stack without a norm, and gradients near the output are large at first ([Xiong et al. 2020](https://arxiv.org/abs/2002.04745)). So we use the norm before each part from now on.
""")

# ------------------------------------------------------------------------------------------------------ real sentences

md(r"""
## Real sentences

Multi30k consists of captions of photographs, written in English and translated into German by people, with 29,000 pairs for training. We translate from German into English, in lower case. At scale `quick`, which works offline, the numbers stand in for real sentences.
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
**Byte pairs.** A vocabulary of words has gaps, because many words of the test set never occur in training. So the paper's tokens are pieces of words (Sennrich et al. 2016). We start from single bytes and merge the most common pair of neighbours into a new token, again and again. Common words become one token, rare ones several, and none is unknown. Both languages share one vocabulary, as in the paper.
""")
code(r"""
pieces = BytePairs(real.train.source + real.train.target, knobs["pieces"])
known = Words(real.train.source)  # the words that occur at least twice
missing = [word not in known.index for text in real.test.source for word in words(text)]
print(f"{len(known):,} words: {sum(missing)} of the test set's {len(missing):,} German words are missing")
print(f"{len(pieces):,} pieces: none is missing")
for text in (real.test.source[0], "quallenzüchtervereinsheim"):
    print("  " + " | ".join(pieces.pieces(pieces.encode(text))))
assert all(pieces.decode(pieces.encode(text)) == text for text in real.test.source)
""")
md(r"""
*Quallenzüchtervereinsheim*, the clubhouse of the jellyfish breeders, is in no vocabulary, but it can be spelled from pieces.

**BLEU** (Papineni et al. 2002) measures how good a translation is. For $n$ = 1 to 4, it counts which share $p_n$ of the translation's $n$-grams (runs of $n$ words) also stand in the reference, over the whole test set. It takes the geometric mean of the four shares and penalises translations ($c$ words) that are shorter than the references ($r$ words):

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
All five words occur in the reference, but only three of the four pairs, two of the three triples and one of the two fours, and the translation is one word short. So a good sentence gets only 58: BLEU is meant for whole test sets. We compute it on lower-cased words of our own tokeniser. Published figures differ in this, so a point more or less between papers means little.

**The model.** With so little data, a small model is enough. On Multi30k, [Wu et al. 2021](https://arxiv.org/abs/2105.14462) found that four layers with $d_{model} = 128$ even beat the base model. We use these sizes, one matrix for both embeddings and the output as in the paper, and the norm before each part.
""")
code(r"""
def build_transformer():
    return Transformer(len(pieces), len(pieces), pad=PAD, norm_first=True, share="all", fused=fused, **knobs["size"])

def validation_bleu(model):
    return {"val_bleu": bleu(translate(model, real.val.source, pieces, pieces), references["val"])}

def train_real(name, build, seed):
    set_seed(seed)
    print(f"{name}, seed {seed}")
    return train(build(), f"Attention/{name}-seed{seed}", real, pieces, pieces, knobs["real"], seed,
                 score=validation_bleu, lines=12, keep=5, clip=1.0)

print(f"{count_parameters(build_transformer()):,} parameters")
trained = [train_real("transformer", build_transformer, seed) for seed in knobs["real"]["seeds"]]
translator, translator_run = trained[0]
""")
code(r"""
plot_histories({"Transformer": translator_run}, real.name)
plot_curves({"validation": {"Transformer": translator_run.history["val_bleu"]}}, "epoch", "BLEU, greedy", real.name)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS, from the lines of the training: where the validation loss reaches its minimum and what it is at the end (does it rise, while accuracy and BLEU still climb?); last val accuracy; last val BLEU. If the validation loss rises at the end by more than 0.05, say that the model overfits. --> The training loss lies higher than the validation loss because its labels are smoothed and dropout is active.

## The claim: attention alone

The paper's headline is not attention, which was known, but attention *without recurrence*: better translations in less training time. **This notebook cannot test that headline, for two reasons.** The time is saved by computing all positions at once, and that needs hardware with thousands of units that would otherwise wait, such as a GPU. One CPU thread is always busy, so waiting costs it little. And the paper trains on 4.5 million pairs. A recurrent network has built in that neighbouring words belong together, which helps it when data is scarce; attention has to learn this from our 29,000 pairs.

We can show what lies beneath the claim: how far information has to travel, what a layer costs on our hardware, and a race between two networks of equal size.

### Path length and waiting

The paper compares layers for $n$ words of $d$ numbers (Table 1):

| layer | operations | steps that must wait | longest path between two words |
|---|---|---|---|
| self-attention | $O(n^2 d)$ | $O(1)$ | $O(1)$ |
| recurrent | $O(n d^2)$ | $O(n)$ | $O(n)$ |
| convolutional, width $k$ | $O(k n d^2)$ | $O(1)$ | $O(\log_k n)$ with gaps between the taps |

We can measure the last column. In untrained layers, how strongly does the last word's output depend on a word that stands $k$ words before it? We take the norm of the gradient.
""")
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
influence = {}
for name, layer in layers_of(128).items():
    x = torch.randn(16, 48, 128, requires_grad=True)
    (layer(x)[:, -1] * torch.randn(16, 128)).sum().backward()
    norms = x.grad.norm(dim=-1).mean(0).flip(0)  # by distance from the last word
    influence[name] = (range(48), [norm or None for norm in norms.tolist()])
title = "How much a word matters to the last one"
plot_curves({"untrained layers": influence}, "distance in words", "gradient", title, log=True)
attended, recurred = (influence[name][1] for name in ("self-attention", "recurrent (GRU)"))
print(f"gradient 40 words away: self-attention {attended[40]:.1e}, GRU {recurred[40]:.1e}")
""")
md(r"""
For self-attention all other words are equally near. In the recurrent layer the influence shrinks by a constant factor with each word, so distant words hardly matter before training; a trained GRU can learn to keep what it needs. A convolution of width 3 sees only direct neighbours, and needs more layers to see further.
<!-- TODO-NUMBERS: add the two printed numbers if they read well; check "constant factor" (a straight line) -->

### Time by length and width

With its projections counted, self-attention takes $4 n d^2 + 2 n^2 d$ multiplications, a GRU $6 n d^2$, and a convolution of width 3 just $3 n d^2$. So by arithmetic alone the convolution is cheapest, and attention is ahead of the GRU while $n < d$. Half of the GRU's multiplications have to wait for the word before. We time one layer, forward and backward, with 16 sentences at once in float32.
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
        x = torch.randn(16, n, d, device=device)
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
TODO-NUMBERS <!-- TODO-NUMBERS: three facts from the two tables: (1) is the convolution the fastest, as its count says; (2) how does attention grow from 256 to 512 words beside the others (faster than 2×?); (3) at 32 words and width 256, attention against GRU, beside the ratio of multiplications (4·32·256² + 2·32²·256) / (6·32·256²) = 0.71; and where, if anywhere, the GRU is ahead. -->

### The race

The rival in [recurrent.py](recurrent.py) consists of gated recurrent units with the attention of Luong et al. (2015). It has about as many parameters, one shared matrix, and the same data, batches, dropout and learning rates. Its recurrences run in PyTorch's compiled code. We tuned neither network, so this race shows how two untuned networks of equal size do on little data. It does not judge the paper.
""")
code(r"""
def build_recurrent():
    net = RecurrentTranslator(len(pieces), len(pieces), dropout=knobs["size"]["dropout"], pad=PAD, **knobs["recurrent"])
    net.src_embedding = net.tgt_embedding  # one matrix, as in the Transformer
    return net

ours, theirs = count_parameters(build_transformer()), count_parameters(build_recurrent())
print(f"Transformer {ours:,} parameters, recurrent {theirs:,}")
assert abs(ours - theirs) < 0.05 * ours
rivals = [train_real("recurrent", build_recurrent, seed) for seed in knobs["real"]["seeds"]]
rival, rival_run = rivals[0]
""")
code(r"""
plot_histories({"Transformer": translator_run, "recurrent": rival_run}, real.name)
contest = {"Transformer": trained, "recurrent": rivals}
by_epochs = {f"{name}, seed {made.identity['seed']}": made.history["val_bleu"]
             for name, pairs in contest.items() for _, made in pairs}
plot_curves({"validation": by_epochs}, "epoch", "BLEU, greedy", real.name)
for name, pairs in contest.items():
    for _, made in pairs:
        scores = made.history["val_bleu"]
        quarter, half = (scores[len(scores) * k // 4 - 1] for k in (1, 2))
        print(f"{name:12} seed {made.identity['seed']}: BLEU after a quarter {quarter:.1f}, half {half:.1f},",
              f"all of the epochs {scores[-1]:.1f}; {made.minutes:.0f} min of training")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: who learns faster per epoch (quarter, half), who ends ahead and by how much, in one sentence, with n = 1 (or the seeds' spread); compare the gap with the change from one epoch to the next in the last five epochs. Say what the curves of accuracy and loss show beside it: does the recurrent network overfit earlier (its training accuracy above the Transformer's)? Minutes compare only if both trainings ran under the same load. -->

**Speed, side by side.** Those trainings ran one after the other, on a machine that also did other work. So both networks now take the same training steps in turns, and then translate the same sentences greedily.
""")
code(r"""
speed_loader = PairLoader(real.train, pieces, pieces, knobs["real"]["max_tokens"], device, shuffle=True)
batches = [batch for _, batch in zip(range(3 if scale == "quick" else 8), speed_loader)]
to_translate = real.val.source[: 5 if scale == "quick" else 200]

def training_rate(net, precision):
    '''Target tokens a second over these batches, with gradient steps.'''
    optimizer, said = torch.optim.Adam(net.train().parameters()), 0
    synchronise(device)
    start = time.perf_counter()
    for src, tgt in batches:
        with autocast(device, precision):
            loss, number, _ = translation(net, src, tgt)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        said += number
    synchronise(device)
    return said / (time.perf_counter() - start)

def writing_rate(net):
    '''Sentences a second, translated greedily.'''
    start = time.perf_counter()
    translate(net, to_translate, pieces, pieces)
    return len(to_translate) / (time.perf_counter() - start)

chosen, _ = choose_precision(device)
fresh = {"Transformer": build_transformer().to(device), "recurrent": build_recurrent().to(device)}
measures = {f"training, {str(p)[6:]}": (lambda name, p=p: training_rate(fresh[name], p), "tokens/s")
            for p in dict.fromkeys((chosen, torch.float32))}
measures["translating greedily"] = (lambda name: writing_rate(contest[name][0][0]), "sentences/s")
for what, (measure, unit) in measures.items():
    turns = {name: [] for name in fresh}
    for _ in range(2 if scale == "quick" else 4):
        for name in fresh:
            turns[name].append(measure(name))
    ours, theirs = (statistics.median(turns[name][1:]) for name in fresh)  # the first turn does not count
    print(f"{what:22} Transformer {ours:7,.0f}, recurrent {theirs:7,.0f} {unit:11}  ratio {ours / theirs:.2f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the ratios. (CPU time before the run: training in bfloat16 4,700 against 5,050 tokens/s.) "So on one thread the Transformer gains no time." --> Note the last line: when *writing*, the Transformer too has to go word by word. Only its training runs in parallel.

## Averaging checkpoints

The paper does not use the last weights but the mean of the last five checkpoints. **Averaging helps when the learning rate is still high at the end, as in eq. 3, because the weights then jump around a good place, and the mean lies closer to its middle. When the rate has fallen to zero, there should be nothing left to gain.** We test this on the numbers, with a rate that stays at its peak or falls to zero, and then on the translator.
""")
code(r"""
def averaged(run, build):
    '''A model with the mean of the weights that the run kept after its last epochs.'''
    net = build().to(device)
    net.load_state_dict({name: torch.stack([w[name] for w in run.kept]).mean(0) for name in run.kept[0]})
    return net

def losses(model, run, build, loader):
    return [evaluate(net, loader, device, objective=translation)["loss"] for net in (model, averaged(run, build))]

val_loader = PairLoader(corpus.val, source, target, 4000, device)
by_rate = {}
for name, constant in (("rate stays high", True), ("rate falls to zero", False)):
    for seed in range(knobs["seeds"]):
        checkpoint = f"averaging-{'constant' if constant else 'decayed'}"
        net, made = train_numbers(checkpoint, seed, lines=1, constant=constant, keep=5)
        by_rate[f"{name}, seed {seed}"] = losses(net, made, build_small, val_loader)
for label, (last, mean) in by_rate.items():
    print(f"numbers, {label:26} validation loss: last {last:.4f}, mean of five {mean:.4f}")
""")
code(r"""
val_loader = PairLoader(real.val, pieces, pieces, 4000, device)
for name, pairs, build in (("Transformer", trained, build_transformer), ("recurrent", rivals, build_recurrent)):
    for model, made in pairs:
        last, mean = losses(model, made, build, val_loader)
        score = validation_bleu(averaged(made, build))["val_bleu"]
        print(f"{name:12} seed {made.identity['seed']}: validation loss, last {last:.3f}, mean of five {mean:.3f};",
              f"BLEU {made.history['val_bleu'][-1]:.2f}, {score:.2f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: numbers with a high rate: does the mean have a lower loss than the last in all three seeds, and by what factor; with a rate that falls to zero: last and mean are as good as equal; the translator: the same, and BLEU by how much. If the mean is *better* after the decay as well, or not better at the high rate, the bold sentence above is wrong: turn it into a question and report what came out. -->
""")

# ------------------------------------------------------------------------------------------------------------- results

md(r"""
## Results

Now we use the test set for the first time. It has 1,000 pairs.
""")
code(r"""
def test_bleu(net, beam):
    return bleu(translate(net, real.test.source, pieces, pieces, beam=beam), references["test"])

rows = []
for what, nets, published in (("Transformer", trained, 36.52), ("recurrent", rivals, 28.11)):
    for beam, how in ((1, "greedy"), (4, "beam 4")):
        runs = [(test_bleu(net, beam), made) for net, made in nets]
        known = published if beam == 1 and real.name == "Multi30k" else None
        rows.append(dict(what=f"{what}, {how}", paper=None, reproduction=known, runs=runs))
report("Attention", "BLEU, lower-cased", real.name, "test_2016_flickr" if real.name == "Multi30k" else "generated",
       "bentrevett/pytorch-seq2seq, spaCy tokens", rows)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: "**Our Transformer reaches … BLEU greedily and … with a beam of four.**" The recurrent network …; the beam brings … to … points. Keep the following sentence. --> The [tutorial](https://github.com/bentrevett/pytorch-seq2seq) in the middle column trains a Transformer of 9.0 million parameters for ten epochs on words; its recurrent network is a different one from ours. The paper has no result on this data set.

## Look inside

Where does the decoder look when it translates a real sentence? For each of its layers we average the attention to the source over all heads.
""")
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
TODO-NUMBERS <!-- TODO-NUMBERS, look at the maps: which layer aligns the words (red → roten, dress → kleid, climbs → klettert), which does something else (the end of the sentence). Keep the next sentence. --> Remember that weights show where a head reads, not why: what stands at a position has already been mixed by the encoder.

**The worst translations** are those with the lowest BLEU (beam 4) among references of at least eight words. For single sentences we count $n$-grams only up to pairs, because many have no matching run of four.
""")
code(r"""
beamed = translate(translator, real.test.source, pieces, pieces, beam=4)
graded = [(bleu([ours], [right], longest=2), i) for i, (ours, right) in enumerate(zip(beamed, references["test"]))]
for grade, i in sorted((grade, i) for grade, i in graded if len(references["test"][i]) >= 8)[:4]:
    print(f"BLEU-2 {grade:4.1f}  {real.test.source[i][:80]}")
    print(f"      ours   {' '.join(beamed[i])[:80]}\n      right  {' '.join(references['test'][i])[:80]}\n")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what is wrong with them: synonyms that BLEU does not know, rare words, invented contents. -->

## Use it

To fit the translator into a file of two megabytes, we store each matrix in 8 bits: integers from −127 to 127, and one factor for each row. The file also holds the merges of the vocabulary, so it needs nothing else.
""")
code("# %load -s pack,unpack,load_translator packed.py")
code(r"""
path = checkpoint_dir() / scale / "Attention" / "multi30k-weights.pt"
merges = torch.tensor(list(pieces.merges), dtype=torch.int16)
facts = dict(size=dict(knobs["size"]), data=real.name, made=translator_run.made())
save_file({**pack(translator), "merges": merges, **facts}, path)
loaded, read, about = load_translator(path)
before, after = translator_run.history["val_bleu"][-1], validation_bleu(loaded.to(device))["val_bleu"]
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; validation BLEU {before:.2f} in 32 bits, {after:.2f} in 8")
assert path.stat().st_size < 2e6 or scale == "paper"
assert read.bytes == pieces.bytes and abs(before - after) < 2
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: size and what the 8 bits cost in BLEU. --> **Your own sentences.** The repository keeps the file of the stored run, so this cell works offline and at any scale. Captions of photographs work best.
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
    print(f"{text}  →  {read.decode(answer[0].tolist())[:60]}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what is right and what is not. Keep: --> The model always answers, and nothing in its words tells when it does not know a word.

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Task | WMT 2014: 4.5 million pairs English–German, 36 million English–French | Multi30k, 29,000 pairs German–English, lower-cased, and generated toys |
| Model | base (65 M) and big (213 M) | those are built and counted; 1.8 M trained |
| Norm | after each sum | before each part in the translator, as in the paper in the toys |
| Byte pairs | about 37,000 | 4,000 |
| Schedule | eq. 3, 100,000 steps, then five checkpoints averaged | one cycle that ends at zero, so there is nothing to average |
| Dropout | 0.1 (base), on embeddings and after each part | 0.2, also on attention weights and inside the feed-forward network |
| BLEU | on the tokens of WMT | on lower-cased words |
| Batches | 25,000 tokens a side | 2,000 |
| Initialisation | not stated | Xavier, embeddings of variance $1 / d_{model}$ |

## Exercises

1. **Tune both sides.** Change `lr` under `real` to half and to twice its value, train both networks with `epochs=12`, and compare the BLEU on the validation set. Does each network have its own best rate, and does the order of the two change?
2. **Backwards.** Translate from English into German. *Hint: `load_multi30k("en", "de")`, a training as long as the main one, and sentences of yours in English.* BLEU in two languages hardly compares; what do the worst translations have in common?
3. **Which head matters?** Silence one head after the other in `translator.decoder[-1].cross_attention`, and measure the validation BLEU. *Hint: with `d = translator.decoder[-1].cross_attention.d_k`, head $i$ owns the columns `[:, i * d : (i + 1) * d]` of `w_o.weight`; set them to zero under `torch.no_grad()`, and back.*
4. **A harder look-up.** Let `Neighbours` name six neighbours instead of four. How many heads do you need now? *Hint: change `OFFSETS`, the 40 outputs, the 4 in `unflatten`, and the margin of 2 digits.*

## Further reading

- [The Annotated Transformer](https://nlp.seas.harvard.edu/annotated-transformer/) (Rush and others, 2018 and 2022): the paper's text, line by line with code.
- Bahdanau et al., [Neural Machine Translation by Jointly Learning to Align and Translate](https://arxiv.org/abs/1409.0473) (2015): where attention began.
- Luong et al., [Effective Approaches to Attention-based Neural Machine Translation](https://arxiv.org/abs/1508.04025) (2015): the attention of the recurrent rival.
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
print(len(cells), "cells,", sum(bool(re.search("[A-Za-z]", w)) for text in prose for w in text.split()), "words,", sum("TODO" in c.source for c in cells), "cells with TODO")
for c in cells:
    if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup")):
        if len(c.source.splitlines()) > 45: print("long cell", c.source[:50])
        for line in c.source.splitlines():
            if len(line) > 120: print("long line", len(line), line)
