"""Writes GPT.ipynb beside this file: python build.py"""
import re
import sys
from pathlib import Path
sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
TARGET = Path("/work/main/architectures/gpt/GPT.ipynb")  # where it will lie: synced cells are relative to it
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], TARGET) or text))


md(r"""
# GPT: the next word, and nothing else

Alec Radford and others · OpenAI · [GPT-1, 2018](https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf) · [GPT-2, 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/gpt/GPT.ipynb)

You will build a GPT step by step, from counted letter pairs to the architecture of GPT-2, check its 124,439,808 parameters, train a small one on Shakespeare's plays, and generate text with it. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: the best validation loss of the main run, parameters, n = 1 -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything --> Other scales: `quick` (a minute, on a generated toy play, without an internet connection; its numbers mean nothing), `gpu` (10.8 million parameters, nanoGPT's size), `paper` (the same network, 1.7 times as long). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import bisect
import json
import math
import time
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from architectures.gpt.bpe import BytePairEncoder, load_gpt2_encoder, load_gpt2_weights
from architectures.gpt.gpt import (
    GPT, PRESETS, Cache, GPTConfig, check_sampling, from_huggingface, gpt_shakespeare, next_probabilities)
from architectures.gpt.shakespeare import Characters, Windows, load_shakespeare, load_toy_play
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.fingerprint import describe_model, fingerprint
from utils.plotting import COLOURS, plot_curves, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
draw_flow(
    {
        "n1": ("GPT-2: pre-LN", 0, -0.8, "note"), "x": ("x", 0, 0, "data"), "ln1": ("layer norm", 0, 1),
        "a": ("masked self-attention", 0, 2), "+1": ("+", 0, 3, "sum"), "ln2": ("layer norm", 0, 4),
        "f": ("feed-forward, GELU", 0, 5), "+2": ("+", 0, 6, "sum"), "y": ("to the next block", 0, 7, "data"),
        "n2": ("GPT-1: post-LN", 2.2, -0.8, "note"), "X": ("x", 2.2, 0, "data"),
        "A": ("masked self-attention", 2.2, 1), "P1": ("+", 2.2, 2, "sum"), "L1": ("layer norm", 2.2, 3),
        "F": ("feed-forward, GELU", 2.2, 4), "P2": ("+", 2.2, 5, "sum"), "L2": ("layer norm", 2.2, 6),
        "Y": ("to the next block", 2.2, 7, "data"),
    },
    [
        ("x", "ln1"), ("ln1", "a"), ("a", "+1"), ("x", "+1", "", 1), ("+1", "ln2"), ("ln2", "f"), ("f", "+2"),
        ("+1", "+2", "", 1), ("+2", "y"),
        ("X", "A"), ("A", "P1"), ("X", "P1", "", 1), ("P1", "L1"), ("L1", "F"), ("F", "P2"), ("L1", "P2", "", 1),
        ("P2", "L2"), ("L2", "Y"),
    ],
    "One block of a GPT; GPT-1 and GPT-2 (small) stack twelve of them",
)
""")
md(r"""
A GPT is the decoder of the Transformer without cross-attention. Each block has two sublayers with a residual connection around each. **Self-attention** moves information between positions; a causal mask lets each position look only at itself and at what came before. The **feed-forward net** works on each position alone. GPT-2 normalises the input of each sublayer (**pre-LN**), GPT-1 each residual sum (**post-LN**). We test below what that changes.

## The paper in brief

**The question.** Labels are expensive, text is free. Can a network learn most of what it needs from raw text?

**The idea.** Train an **autoregressive language model**: a network that predicts the next token from all tokens before it. By the chain rule of probability, this is a model of whole texts,

$$\log p(x_1, \dots, x_n) = \sum_{t} \log p(x_t \mid x_1, \dots, x_{t-1}),$$

and its loss is the cross-entropy of the next token. (**Perplexity** is $e^{\text{loss}}$: 20 means as uncertain as a choice among 20 equally probable tokens.) To predict well, the network has to learn spelling, grammar, and some facts about the world. The papers use it in different ways:

- **GPT-1: pre-training, then fine-tuning.** A 12-layer decoder is trained on unpublished books, then trained further on each labelled task, written as one text with separators; a new linear layer reads the answer from the last position. It improved the state of the art in 9 of 12 tasks.
- **GPT-2: zero-shot.** A network more than ten times larger, trained on 40 GB of web pages, is not fine-tuned at all. The text itself describes the task: after "TL;DR:" the model writes a summary. It was the best in 7 of 8 language-modelling benchmarks without training on any of them, and kept improving with size: perplexity 29.41, 22.76, 19.93 and 18.34 on WikiText-2.
- **GPT-3: in-context learning** (2020). A model with 175 billion parameters picks up a new task from a few examples in its prompt. Its weights stay as they are.

We can't train on 40 GB of text here, but the network, its loss and its sampling are the same for one megabyte.

## The data: characters

Tiny Shakespeare has a bit more than a million characters from Shakespeare's plays. The last tenth is our validation set. There is no test set, so a model that we choose by its validation loss looks a little better than it is, as in the well-known results on this file. Our tokens are single characters, so we need no trained tokenizer; we return to larger tokens later.
""")
code(r"""
text = load_toy_play() if scale == "quick" else load_shakespeare()
characters = Characters(text.train + text.val)
train_tokens, val_tokens = (torch.tensor(characters.encode(part)) for part in (text.train, text.val))
print(f"{text.name}: {len(train_tokens):,} characters to train on, {len(val_tokens):,} held out")
print(f"{len(characters)} different ones: {''.join(characters.characters)!r}\n")
print(text.train[:180])
""")
md(r"""
The targets are the inputs shifted by one, so a window of eight characters holds eight training examples. All are trained at once, and the **causal mask** sees to it that no position sees its own answer:
""")
code(r"""
inputs, targets = next(iter(Windows(train_tokens, 8, 1, "cpu")))

@styled
def draw_shift_and_mask(inputs, targets):
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(1.5, 1))
    T = len(inputs)
    for t, (x, y) in enumerate(zip(inputs, targets)):
        for row, letter, colour in ((0, x, COLOURS[5]), (1, y, COLOURS[4])):
            left.text(t, row, letter, ha="center", va="center", bbox=dict(facecolor=colour, alpha=0.4, pad=5))
        left.annotate("", (t, 0.75), (t, 0.22), arrowprops=dict(arrowstyle="->"))
    left.set(xlim=(-1, T), ylim=(-0.5, 1.5), yticks=(0, 1), title="targets: inputs shifted by one", xticks=range(T))
    left.set_yticklabels(["input", "target"])
    right.imshow(torch.ones(T, T).tril(), cmap="Blues", vmax=2)
    right.set(xticks=range(T), yticks=range(T), xlabel="may look at", ylabel="position", title="causal mask")
    right.set_xticklabels(inputs)
    right.set_yticklabels(inputs)
    for axis in (left, right):
        axis.grid(False)

draw_shift_and_mask(*([repr(c)[1:-1].replace(" ", "␣") for c in characters.decode(row[0])]
                      for row in (inputs, targets)))
""")
md(r"""
## Step 1: count letter pairs

The simplest language model is a **bigram model**: it looks at one character only. We count how often each character follows each other one, and add 1 to every count, so that no pair is impossible.
""")
code(r"""
V = len(characters)
pairs = torch.bincount(V * train_tokens[:-1] + train_tokens[1:], minlength=V * V).view(V, V)
bigram = (pairs + 1) / (pairs + 1).sum(dim=1, keepdim=True)  # (V, V): the probability of the next character
losses = {"uniform": math.log(V), "bigram counts": -bigram[val_tokens[:-1], val_tokens[1:]].log().mean().item()}
for name, loss in losses.items():
    print(f"{name:14} validation loss {loss:.3f} nats per character, perplexity {math.exp(loss):.1f}")

@styled
def plot_bigrams(bigram):
    figure, axis = plt.subplots(figsize=(6.5, 5.5))
    shown = axis.imshow(bigram, cmap="Blues", vmax=0.6)
    names = [repr(c)[1:-1] if c != " " else "␣" for c in characters.characters]
    axis.set(xticks=range(V), yticks=range(V), xlabel="next character", ylabel="character", title=text.name)
    axis.set_xticklabels(names, fontsize=6)
    axis.set_yticklabels(names, fontsize=6)
    axis.grid(False)
    figure.colorbar(shown, label="probability")

plot_bigrams(bigram)
""")
md(r"""
Rows are sharp where spelling leaves no choice: after q comes u. The loss is in **nats per character**: guessing all characters equally often costs $\ln 65 = 4.17$ on tiny Shakespeare, and the bigram model's loss is TODO-NUMBERS. <!-- TODO-NUMBERS: bigram loss (about 2.45) --> Counts of longer sequences soon fail, because most of them never occurred. We need a model that generalises.

## Step 2: one head of attention

Attention lets position $t$ collect information from all positions up to $t$. Three linear maps make three vectors from each position's vector $x_t$: a **query** $q_t = x_t W_q$ (what do I look for?), a **key** $k_t = x_t W_k$ (what can I be found by?) and a **value** $v_t = x_t W_v$ (what do I pass on?). Position $s$ gets from $t$ the score $q_t \cdot k_s / \sqrt{d}$. A dot product of $d$ independent terms of variance 1 has variance $d$; dividing by $\sqrt{d}$ brings it back to 1. Otherwise large scores would saturate the softmax, and its gradient would vanish.

The causal mask sets the scores of later positions to $-\infty$. Softmax turns the rest into positive weights that sum to 1 (and $e^{-\infty} = 0$). The result is a weighted sum of the values:

$$w_{ts} = \frac{e^{q_t \cdot k_s / \sqrt{d}}}{\sum_{r \le t} e^{q_t \cdot k_r / \sqrt{d}}}, \qquad \text{output}_t = \sum_{s \le t} w_{ts}\, v_s.$$

With equal scores, this is a running average, which we can check by hand. With random numbers, it has to agree with PyTorch:
""")
code(r"""
def causal_attention(q, k, v):
    '''(B, T, D) each -> (B, T, D), and the weights (B, T, T).'''
    T, D = q.shape[-2:]
    scores = q @ k.transpose(-2, -1) / math.sqrt(D)
    future = torch.ones(T, T, dtype=torch.bool, device=q.device).triu(1)
    weights = scores.masked_fill(future, -math.inf).softmax(dim=-1)
    return weights @ v, weights

values = torch.tensor([[[6.0], [0.0], [3.0], [7.0]]])
averages, weights = causal_attention(torch.zeros(1, 4, 2), torch.zeros(1, 4, 2), values)
print(weights[0].numpy().round(2), averages.flatten().tolist())
assert averages.flatten().tolist() == [6, 3, 3, 4]

set_seed(SEED)
q, k, v = torch.randn(3, 2, 10, 16)
torch.testing.assert_close(causal_attention(q, k, v)[0], F.scaled_dot_product_attention(q, k, v, is_causal=True))
""")
md(r"""
## Step 3: from one head to a block

We build a network with one layer and add one part at a time:

- embeddings of tokens and positions, **one head** of attention, and a linear layer for the logits;
- **four heads** side by side, each with a quarter of the channels, so that a position can look at several places at once;
- a **residual connection**: attention is added to its input instead of replacing it;
- a **feed-forward net** on each position, with a second residual connection. Its non-linearity is **GELU**, $x\,\Phi(x)$ with the normal distribution function $\Phi$: a ReLU with a smooth bend;
- **layer norm** before each sublayer and at the end: each position's vector is normalised to mean 0 and variance 1 over its channels, then gets a learned gain and bias.
""")
code(r"""
class OneLayer(nn.Module):
    '''Embeddings, attention with some heads, a linear output; `parts` may name "residual", "feed-forward", "norms".'''

    def __init__(self, context, width, heads, parts=()):
        super().__init__()
        self.heads, self.residual = heads, "residual" in parts
        self.tokens, self.positions = nn.Embedding(V, width), nn.Embedding(context, width)
        self.qkv, self.join, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width), nn.Linear(width, V)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)) \
            if "feed-forward" in parts else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) if "norms" in parts else nn.Identity() for _ in range(3))

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        parts = self.qkv(self.norms[0](x)).chunk(3, dim=-1)
        heads = zip(*(part.chunk(self.heads, dim=-1) for part in parts))  # q, k, v of each head
        attended = self.join(torch.cat([causal_attention(q, k, v)[0] for q, k, v in heads], dim=-1))
        x = x + attended if self.residual else attended
        if self.feed_forward is not None:
            x = x + self.feed_forward(self.norms[1](x))
        return self.out(self.norms[2](x))
""")
md(r"""
## Hyperparameters and training loop

At scale `cpu` the main network is that of nanoGPT, a well-known small GPT in PyTorch, with 256 channels in place of 384. Dropout matters: in many epochs on a million characters, such a network starts to memorise.
""")
code(r"""
# sizes: layers, width, heads, dropout, peak learning rate; the last one is the main network, trained for `epochs`
# fewer, steps: epochs of the shorter training and of the one-layer networks; pieces: tokens of the tokenizer
# deep: layers and width of the network in which pre-LN and post-LN are compared
KNOBS = {
    "quick": dict(
        sizes=[(1, 16, 1, 0.0, 1e-2), (1, 32, 2, 0.0, 1e-2), (2, 32, 2, 0.0, 1e-2), (2, 48, 4, 0.0, 1e-2)],
        epochs=3, fewer=1, steps=1, context=32, batch=16, deep=(4, 32), pieces=290),
    "cpu": dict(
        sizes=[(2, 64, 2, 0.0, 3e-3), (3, 96, 3, 0.0, 2e-3), (4, 160, 4, 0.1, 1.5e-3), (6, 256, 4, 0.2, 1e-3)],
        epochs=20, fewer=5, steps=5, context=256, batch=16, deep=(12, 64), pieces=1024),
    "gpu": dict(
        sizes=[(2, 64, 2, 0.0, 3e-3), (3, 96, 3, 0.0, 2e-3), (4, 160, 4, 0.1, 1.5e-3), (6, 384, 6, 0.2, 1e-3)],
        epochs=35, fewer=9, steps=5, context=256, batch=64, deep=(12, 64), pieces=1024),
}
KNOBS["paper"] = {**KNOBS["gpu"], "epochs": 60, "sizes": [*KNOBS["gpu"]["sizes"][:3], (6, 384, 6, 0.3, 1e-3)]}
knobs = KNOBS[scale]
CONTEXT, KEEP = knobs["context"], 5  # fit keeps the weights of the last 5 epochs
# dropout's random numbers from torch, not from the compiler, whose own are slow on CPUs
compiled = {"options": {"fallback_random": True}} if scale != "quick" else False
""")
md(r"""
Every training repeats four lines: compute the loss, clear the old gradients, compute new ones, take a step. As a test, we let the one-layer network memorise one batch:
""")
code(r"""
def next_token(model, inputs, targets):
    '''The objective: mean cross-entropy of the next token, and how many tokens it is the mean of.'''
    logits = model(inputs)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), targets.numel(), {}

def memorise(model, inputs, targets, steps=150, rate=3e-3):
    '''The heart of a training, always on the same batch. Returns the last loss.'''
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for _ in range(steps):
        loss, _, _ = next_token(model, inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()

ALL_PARTS = ("residual", "feed-forward", "norms")
one_batch = next(iter(Windows(train_tokens, 32, 8, device)))
set_seed(SEED)
print(f"one batch after 150 steps: loss {memorise(OneLayer(32, 64, 4, ALL_PARTS).to(device), *one_batch):.3f}")
""")
md(r"""
In the real trainings, `fit` from `utils/training.py` goes through all windows, evaluates after each epoch, and keeps checkpoints. As in GPT-1, the learning rate has a warm-up (5 % of the steps) and falls to zero on a cosine. Weight decay acts on matrices only.
""")
code(r"""
def train(name, model, epochs, rate, tokens=train_tokens, held_out=val_tokens, context=CONTEXT, lines=1, **options):
    '''Train with one cycle of the learning rate. Returns the best model of the last epochs, and the Run.'''
    model.to(device)
    loader = Windows(tokens, context, knobs["batch"], device, shuffle=True, seed=SEED)
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) == large] for large in (True, False))
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=epochs * len(loader), pct_start=0.05, cycle_momentum=False)
    evaluate_on = {"val": Windows(held_out, context, 32, device)}
    run = fit(model, loader, optimizer, scheduler, epochs, device, evaluate_on, next_token, checkpoint=f"GPT/{name}",
              lines=lines, compile=compiled, keep=KEEP, **options)
    if run.kept:
        kept = run.history["val_loss"][-len(run.kept) :]
        model.load_state_dict(run.kept[int(np.argmin(kept))])
    return model.eval(), run

def best_loss(run, last=0):
    '''The lowest validation loss of all epochs, or of the `last` ones.'''
    return min(run.history["val_loss"][-last:])

def count(module):
    return sum(p.numel() for p in module.parameters())
""")
code(r"""
width, sizes, step_runs = knobs["sizes"][0][1], {"uniform": 0, "bigram counts": V * V}, {}
networks = {
    "one head": lambda: OneLayer(CONTEXT, width, 1),
    "four heads": lambda: OneLayer(CONTEXT, width, 4),
    "+ residual": lambda: OneLayer(CONTEXT, width, 4, ALL_PARTS[:1]),
    "+ feed-forward": lambda: OneLayer(CONTEXT, width, 4, ALL_PARTS[:2]),
    "+ layer norm": lambda: OneLayer(CONTEXT, width, 4, ALL_PARTS),
    "2-layer GPT": lambda: GPT(GPTConfig(V, CONTEXT, width, 2, 4, dropout=0.0)),
}
for number, (name, build_it) in enumerate(networks.items()):
    set_seed(SEED)
    model, run = train(f"step-{number}", build_it(), knobs["steps"], 5e-3)
    losses[name], sizes[name], step_runs[name] = best_loss(run), count(model), run
print(f"passes over the text, all networks: {knobs['steps']}; {width} channels")
for name, loss in losses.items():
    print(f"{name:14} {sizes[name]:7,} parameters, validation loss {loss:.3f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what each step is worth; n = 1, one learning rate --> The last line is a GPT with two layers of the same width. The main network differs from it in more than depth: it is wider, sees the text many times, and needs dropout.

## The whole network
""")
code(r"""
layers, width, heads, _, _ = knobs["sizes"][-1]
with torch.device("meta"):  # shapes without numbers
    drawn, window = GPT(GPTConfig(V, CONTEXT, width, layers, heads)), torch.zeros(1, CONTEXT, dtype=torch.int64)
parts = {"tokens": "token embedding", "dropout": "+ position embedding", "blocks.0": "block 1",
         f"blocks.{layers - 1}": f"block {layers}", "norm": "last layer norm"}
draw_network(drawn, window, parts, f"The main network; the last step is a product with the {V} token vectors")
""")
md(r"""
The drawing shows positions by channels, from the tokens at the bottom to the last norm at the top. The output layer then uses **the weights of the token embedding** (weight tying), in GPT-1 (its eq. 2) as in GPT-2. Without dropout, a GPT-2 of any size is these five lines:
""")
code(r"""
set_seed(SEED)
tiny = GPT(GPTConfig(V, context=16, d_model=32, num_layers=2, num_heads=4)).eval()
tokens = train_tokens[None, :16]

x = tiny.tokens(tokens) + tiny.positions(torch.arange(16))
for block in tiny.blocks:
    x = x + block.attention(block.norm1(x))
    x = x + block.feed_forward(block.norm2(x))
logits = tiny.norm(x) @ tiny.tokens.weight.T

torch.testing.assert_close(logits, tiny(tokens))
print(f"logits {tuple(logits.shape)}: one row for each position of the text")
""")
md(r"""
Here are the library's classes. Every sublayer adds to the residual stream, whose variance would grow with depth. GPT-2 therefore scales the initial weights of its $N$ residual layers by $1/\sqrt{N}$. In nanoGPT's reading, which we follow, $N = 2L$: the output projection of each sublayer is initialised with its standard deviation divided by $\sqrt{2L}$.

Ignore three things at first: `keep_weights` stores attention weights for our plots, `cache` saves work during generation, and `generate` draws tokens. The sections on sampling and on the KV cache explain the last two.
""")
code("# %load -s SelfAttention,FeedForward,Block gpt.py")
code("# %load -s GPT gpt.py")
md(r"""
**Where do 124,439,808 parameters come from?** One block has $12D^2 + 13D$: queries, keys and values $3D^2 + 3D$, the output projection $D^2 + D$, the feed-forward net $8D^2 + 5D$, two norms $4D$. The embeddings have $(V + T)D$ and the last norm $2D$:

$$12LD^2 + 13LD + (V + T)D + 2D = 84{,}934{,}656 + 119{,}808 + 39{,}383{,}808 + 1{,}536 = 124{,}439{,}808$$

for $L = 12$, $D = 768$, $V = 50{,}257$ tokens and a context of $T = 1{,}024$. The papers print at most rounded totals, and GPT-2's are too small: its "117M" is this network. The exact totals follow from the published sizes by the formula (GPT-1 has no last norm).
""")
code(r"""
PUBLISHED = {"gpt1": 116_534_784, "gpt2": 124_439_808, "gpt2-medium": 354_823_168, "gpt2-large": 774_030_080,
             "gpt2-xl": 1_557_611_200}
LABELS = dict(zip(PUBLISHED, ("–", "117M", "345M", "762M", "1542M")))
for name, expected in PUBLISHED.items():
    config = GPTConfig.preset(name)
    L, D = config.num_layers, config.d_model
    with torch.device("meta"):  # shapes without numbers
        counted = count(GPT(config))
    formula = 12 * L * D**2 + 13 * L * D + (config.vocab_size + config.context) * D + 2 * D * config.norm_first
    print(f"{name:12} {L:2} layers of {D:4}: {counted:13,} parameters; paper: {LABELS[name]}")
    assert counted == formula == expected
""")
md(r"""
Three checks: a block equals PyTorch's own Transformer layer, changing a token changes no logits before it, and the network can memorise one batch.
""")
code(r"""
block = Block(GPTConfig(d_model=32, num_heads=4, dropout=0.0)).eval()
theirs = nn.TransformerEncoderLayer(32, 4, 128, 0.0, partial(F.gelu, approximate="tanh"), batch_first=True,
                                    norm_first=True).eval()
pieces = {"self_attn.in_proj_": "attention.qkv.", "self_attn.out_proj.": "attention.out.", "linear1.":
          "feed_forward.up.", "linear2.": "feed_forward.down.", "norm1.": "norm1.", "norm2.": "norm2."}
ours = block.state_dict()
theirs.load_state_dict({f"{t}{kind}": ours[f"{o}{kind}"] for t, o in pieces.items() for kind in ("weight", "bias")})
x = torch.randn(2, 10, 32)
with torch.no_grad():
    torch.testing.assert_close(block(x), theirs(x, nn.Transformer.generate_square_subsequent_mask(10), is_causal=True))
print("a block equals torch's nn.TransformerEncoderLayer with a causal mask")

changed = tokens.clone()
changed[0, 10] = (changed[0, 10] + 1) % V
torch.testing.assert_close(tiny(changed)[:, :10], tiny(tokens)[:, :10])
assert not torch.allclose(tiny(changed)[:, 10:], tiny(tokens)[:, 10:])

loss = memorise(GPT(GPTConfig(V, 32, 64, 2, 4, dropout=0.0)).to(device), *one_batch)
print(f"one batch after 150 steps: loss {loss:.3f}")
assert loss < 0.3
""")
md(r"""
The loss is nearly 0, as it should be. It can't be exactly 0 where windows begin with the same characters, but telling eight windows of 32 characters apart costs at most $\ln 8 / 32 = 0.065$.

## Training

The main run trains the largest network. It also generates a few lines after each epoch, so that we can look at samples during training.
""")
code(r"""
def build(size, vocabulary=V, context=CONTEXT):
    layers, width, heads, dropout, _ = size
    # dropout of attention weights costs 13 % of the speed on a CPU: left out there
    attention_dropout = None if device.type == "cuda" else 0.0
    return GPT(GPTConfig(vocabulary, context, width, layers, heads, dropout, attention_dropout))

def write(model, prompt="\n", count=300, **options):
    '''Text that a model of characters writes after `prompt`.'''
    return characters.decode(model.generate(characters.encode(prompt), count, **options))

size, epochs = knobs["sizes"][-1], knobs["epochs"]
set_seed(SEED)
main = build(size)
# named after the network, so that no other training writes into it
diary = checkpoint_dir() / scale / "GPT" / f"diary-{fingerprint([describe_model(main), size, epochs])}.json"

def keep_diary(model):
    '''A score without numbers: a sample after each epoch goes into the diary.'''
    pages = json.loads(diary.read_text()) if diary.exists() else []
    page = write(model, count=120, temperature=0.8, seed=SEED)
    if page not in pages:  # as it is when an epoch is repeated after a break
        diary.parent.mkdir(parents=True, exist_ok=True)
        diary.write_text(json.dumps([*pages, page]))
    return {}

main, main_run = train("main", main, epochs, size[-1], lines=10, score=keep_diary)
history = main_run.history
plot_curves({"Loss": {s: (history["epoch"], history[f"{s}_loss"]) for s in ("train", "val")}},
            "epoch", "nats per character", f"{text.name}: {count(main):,} parameters")
pages = json.loads(diary.read_text()) if diary.exists() else []
for epoch in sorted({1, 2, 5, len(pages)} & set(range(1, len(pages) + 1))):
    print(f"\n--- after epoch {epoch}:{pages[epoch - 1].rstrip()}")
""")
md(r"""
<!-- TODO-NUMBERS: does the validation loss still fall at the end; gap to the training loss; what the samples learn first --> TODO-NUMBERS. The training loss is measured with dropout on, so it is higher than it would be without.

## Results

We report the best epoch's loss over the whole validation text; nanoGPT reports its best evaluation as well, estimated on 200 random batches. From here on we use the best of the last five epochs, whose weights are kept. Two variants follow: **averaged weights**, the mean of the last epochs' weights, and **overlapping windows**, where we count only characters that have at least 128 others before them. In the usual windows those at the beginning have little context.
""")
code(r"""
# For the README: from counted letter pairs to a GPT: the validation loss at each step
@torch.no_grad()
def loss_in_window(model, tokens, context=CONTEXT):
    '''The mean loss at each position of windows that overlap by half: (context,).'''
    windows = tokens.unfold(0, context + 1, context // 2).to(device)
    total = torch.zeros(context)
    for part in windows.split(32):
        logits = model(part[:, :-1])
        total += F.cross_entropy(logits.transpose(1, 2), part[:, 1:], reduction="none").sum(dim=0).cpu()
    return total / len(windows)

losses["GPT"], in_window = best_loss(main_run), loss_in_window(main, val_tokens)
best_epoch = history["epoch"][int(np.argmin(history["val_loss"]))]
print(f"best: {losses['GPT']:.4f} (epoch {best_epoch}); among the {len(main_run.kept)} whose weights are kept:",
      f"{best_loss(main_run, KEEP):.4f}")
print(f"perplexity {math.exp(losses['GPT']):.2f} per character; {losses['GPT'] / math.log(2):.3f} bits")

averaged = build(size).to(device)
averaged.load_state_dict({name: torch.stack([weights[name] for weights in main_run.kept]).mean(dim=0)
                          for name in main_run.kept[0]})
average_loss = evaluate(averaged, Windows(val_tokens, CONTEXT, 32, device), device, objective=next_token)["loss"]
print(f"average of the kept weights: {average_loss:.4f}")
print(f"overlapping windows: {in_window[CONTEXT // 2 :].mean():.4f}")

@styled
def plot_steps(losses):
    figure, axis = plt.subplots(figsize=(11, 3.6))
    names = [name.replace("+ ", "+").replace(" ", "\n") for name in losses]
    bars = axis.bar(names, list(losses.values()), color=COLOURS[0])
    axis.bar_label(bars, fmt="%.2f")
    axis.set(ylabel="nats per character", title=f"{text.name}, validation: from counts to a GPT")

plot_steps(losses)
""")
code(r"""
report("GPT", "nats per character, validation (lower is better)", text.name, "90 % / 10 %, no test set",
       "nanoGPT, 10.75M",
       [dict(what=f"GPT, {count(main):,} parameters", paper=None,
             reproduction=1.4697 if scale != "quick" else None, runs=[(losses["GPT"], main_run)])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: bar plot; averaged weights; the result beside nanoGPT's 1.4697 (3 minutes on an A100), n = 1, what is different --> nanoGPT prints 10.65M parameters, because it leaves out the position embeddings (with them, 10.75 million). Ours of that size, at scale `gpu`, has biases as well: 10,770,816.

## Sampling strategies

The network gives probabilities; writing means drawing from them, one token after another. **Temperature** divides the logits: below 1 the probable tokens gain. **Top-k** keeps the $k$ most probable tokens. **Top-p** (nucleus sampling) keeps the most probable tokens that together reach probability $p$, so that their number depends on how sure the network is. By hand, for four tokens:
""")
code(r"""
logits = torch.tensor([2.0, 1.0, 0.5, -1.0])
p = logits.softmax(dim=0)  # already in descending order
before = p.cumsum(dim=0) - p  # what the more probable tokens have together
by_hand = {
    "temperature 0.5": (logits / 0.5).softmax(dim=0),
    "top-k 2": torch.cat([p[:2], torch.zeros(2)]) / p[:2].sum(),
    "top-p 0.9": torch.where(before < 0.9, p, 0) / p[before < 0.9].sum(),
}
print(f"{'as it is':16}", p.numpy().round(3))
for (label, result), option in zip(by_hand.items(), (dict(temperature=0.5), dict(top_k=2), dict(top_p=0.9))):
    print(f"{label:16}", result.numpy().round(3))
    torch.testing.assert_close(next_probabilities(logits, **option), result)
""")
code("# %load -s next_probabilities gpt.py")
md(r"""
In our network, we look at a place where the next character is nearly certain, and at one where it is open:
""")
code(r"""
@styled
def plot_cuts(model, prompts):
    figure, axes = plt.subplots(len(prompts), 3, figsize=(11, 2.6 * len(prompts)), sharey="row", squeeze=False)
    cuts = {"temperature 0.5": dict(temperature=0.5), "top-k 5": dict(top_k=5), "top-p 0.9": dict(top_p=0.9)}
    for row, prompt in zip(axes, prompts):
        with torch.no_grad():
            logits = model(torch.tensor([characters.encode(prompt)], device=device))[0, -1].float().cpu()
        p = next_probabilities(logits)
        order = p.argsort(descending=True)[:14]
        names = [repr(characters.characters[i])[1:-1].replace(" ", "␣") for i in order]
        print(f"after {prompt!r}: {names[0]!r} has probability {p.max():.3f}")
        for axis, (label, options) in zip(row, cuts.items()):
            kept = next_probabilities(logits, **options)
            axis.bar(names, p[order], color="#dddddd", label="unmodified")
            axis.bar(names, kept[order], width=0.45, color=COLOURS[0], label=label)
            axis.set_title(f"after {prompt!r}", fontsize=10)
            axis.legend(fontsize=9)
    figure.supylabel("probability")

plot_cuts(main, ["I q" if "q" in characters.index else "THE KIN", "My lord, "])
for options in (dict(temperature=0.5), dict(temperature=1.0), dict(temperature=1.5), dict(top_p=0.9)):
    settings = ", ".join(f"{name} {value}" for name, value in options.items())
    print(f"\n--- {settings}:{write(main, count=160, seed=SEED, **options)}")
""")
md(r"""
Grey bars are the network's own probabilities, blue ones what is drawn from. TODO-NUMBERS <!-- TODO-NUMBERS: where top-k keeps too much or cuts too early; top-p; the texts --> A sampling strategy changes which texts can occur, not the model's loss.

## Model sizes

We train three smaller networks on exactly as many tokens as the main one. Two hyperparameters change with the size: larger networks get more dropout, since they memorise sooner, and a lower peak learning rate. So this compares recipes, not size alone. One size is also trained for about a quarter of the epochs. Each run decays its own learning rate to zero, because stopping a longer schedule early would make short training look worse than it is.
""")
code(r"""
by_size = {}
for size in knobs["sizes"][:-1]:
    set_seed(SEED)
    layers, width, _, _, rate = size
    by_size[size] = train(f"size-{layers}x{width}", build(size), knobs["epochs"], rate)
by_size[knobs["sizes"][-1]] = main, main_run
middle = knobs["sizes"][1]
set_seed(SEED)
shorter, shorter_run = train("shorter", build(middle), knobs["fewer"], middle[-1])

for (layers, width, _, dropout, _), (model, run) in by_size.items():
    print(f"{layers} layers of {width:3}, dropout {dropout}: {count(model):9,} parameters,",
          f"train {run.history['train_loss'][-1]:.3f}, best validation {best_loss(run):.4f}")
print(f"{middle[0]} layers of {middle[1]}, {knobs['fewer']} epochs instead of {knobs['epochs']}:",
      f"{best_loss(shorter_run):.4f}")

@styled
def plot_sizes(by_size, shorter):
    figure, axis = plt.subplots(figsize=(6.5, 3.8))
    axis.plot([count(model) for model, _ in by_size], [best_loss(run) for _, run in by_size], "o-",
              color=COLOURS[0], label=f"{knobs['epochs']} epochs")
    axis.plot(count(shorter[0]), best_loss(shorter[1]), "s", color=COLOURS[1], label=f"{knobs['fewer']} epochs")
    axis.set(xscale="log", xlabel="parameters", ylabel="nats per character", title=f"{text.name}, validation")
    axis.legend()

plot_sizes(by_size.values(), (shorter, shorter_run))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the slope, whether it flattens; what a quarter of the training costs; n = 1 for each point --> GPT-2's corpus has new text for nearly every step; here every epoch repeats the same million characters, which is worth less.

## Pre-LN or post-LN?

GPT-1 is post-LN, like the original Transformer, and uses a warm-up. GPT-2 moved the norm to the front. Why? In post-LN, the backward pass goes through a layer norm after every residual addition; in pre-LN the residual path has none. Xiong and others derive what follows at initialisation: in post-LN, the gradients of the last layers stay large at any depth, so that the first steps have to be small; in pre-LN they shrink as depth grows.

We can see this without training. Both forms get the same weights (Xavier initialisation, as in that analysis) and the same batch, and we take the gradient norm of each layer's feed-forward net.
""")
code(r"""
def deep_gpt(norm_first, seed, layers=knobs["deep"][0]):
    '''A narrow GPT; both forms of one seed have the same weights.'''
    set_seed(seed)
    model = GPT(GPTConfig(V, min(64, CONTEXT), knobs["deep"][1], layers, 4, dropout=0.0, norm_first=norm_first))
    for parameter in model.blocks.parameters():
        if parameter.ndim == 2:
            nn.init.xavier_uniform_(parameter)
    return model.to(device)

def deep_windows(seed):
    return Windows(train_tokens, min(64, CONTEXT), 16, device, shuffle=True, seed=seed)

def gradient_norms(norm_first, seed, **size):
    model = deep_gpt(norm_first, seed, **size)
    next_token(model, *next(iter(deep_windows(seed))))[0].backward()
    return [block.feed_forward.down.weight.grad.norm().item() for block in model.blocks]

FORMS = {"pre-LN": True, "post-LN": False}
norms = {form: np.array([gradient_norms(first, seed) for seed in range(5)]) for form, first in FORMS.items()}
plot_curves({f"{knobs['deep'][0]} layers": {form: values.mean(axis=0) for form, values in norms.items()}},
            "layer", "gradient norm (mean of 5 seeds)", "Gradients at initialisation, before any step")
for form, values in norms.items():
    print(f"{form:7} first layer {values[:, 0].mean():.4f} ± {values[:, 0].std(ddof=1):.4f},",
          f"last layer {values[:, -1].mean():.4f} ± {values[:, -1].std(ddof=1):.4f} (5 seeds)")
for depth in (2, 4, 8, 16):
    last = [np.mean([gradient_norms(first, seed, layers=depth)[-1] for seed in range(3)]) for first in FORMS.values()]
    print(f"{depth:2} layers, gradient norm of the last one: pre-LN {last[0]:.4f}, post-LN {last[1]:.4f} (3 seeds)")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which form has the larger gradients in the last layers, and over depth; 5 seeds --> That is why post-LN networks are trained with a warm-up, as GPT-1 was.

## Look inside: positions, and how much context is used

Without a mask, attention knows nothing about order: shuffled tokens give the same results, shuffled. So the network learns a vector for each position. On the left we compare these vectors; on the right is the loss by position in the overlapping windows.
""")
code(r"""
@styled
def plot_positions(vectors, loss):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
    vectors = F.normalize(vectors - vectors.mean(dim=0), dim=1)
    shown = axes[0].imshow(vectors @ vectors.T, cmap="RdBu_r", vmin=-1, vmax=1)
    axes[0].set(xlabel="position", ylabel="position", title="cosine similarity of position vectors")
    axes[0].grid(False)
    figure.colorbar(shown, ax=axes[0])
    axes[1].plot(range(1, len(loss) + 1), loss, color=COLOURS[0])
    axes[1].set(xscale="log", xlabel="characters in view", ylabel="nats per character", title="validation loss")
    figure.suptitle(text.name)

plot_positions(main.positions.weight.detach().float().cpu(), in_window)
last = CONTEXT // 4
print(f"first character {in_window[0]:.2f}, second half of the window {in_window[CONTEXT // 2 :].mean():.3f},",
      f"last quarter {in_window[-last:].mean():.3f} nats")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: similarity of neighbouring positions; one character in view: near the bigram model's loss; where it flattens --> The right curve is ragged: each point is the mean of only about 870 characters.

## Look inside: induction heads

Some heads have a task that one can read from their attention weights. A **previous-token head** looks at the position before. An **induction head** (Olsson and others), at a character that has occurred before, looks at what *followed* it the last time, and predicts that it follows again: the simplest case of in-context learning.

As a test, we shuffle the alphabet and write it twice, so that each letter occurs once per copy. Nothing in the first copy can be copied; in the second, everything. We measure the loss at each position, and how much attention each head gives to the previous position, and to the one after the earlier occurrence.
""")
code(r"""
letters = torch.tensor(characters.encode([c for c in characters.characters if c.islower()]))
half = min(len(letters), CONTEXT // 2)
draw = torch.Generator().manual_seed(SEED)
strings = letters[torch.rand(256, len(letters), generator=draw).argsort(dim=1)[:, :half]]
twice = torch.cat([strings, strings], dim=1).to(device)  # (256, 2 * half)
print(characters.decode(twice[0]))

@torch.no_grad()
def loss_by_position(model):
    logits = model(twice[:, :-1])
    return F.cross_entropy(logits.transpose(1, 2), twice[:, 1:], reduction="none").mean(dim=0).cpu()  # (2 half - 1,)

def both_copies(by_position):
    '''The mean loss in the first copy and in the second, each without its first letter.'''
    return by_position[: half - 1].mean().item(), by_position[half:].mean().item()

by_position = loss_by_position(main)
first_copy, second_copy = both_copies(by_position)
for block in main.blocks:
    block.attention.keep_weights = True
loss_by_position(main)
attention = torch.stack([block.attention.weights.float().mean(dim=0).cpu() for block in main.blocks])  # (L, H, T, T)
for block in main.blocks:
    block.attention.keep_weights, block.attention.weights = False, None
rows = torch.arange(half, 2 * half - 1)  # of the second copy
scores = {"previous position": attention[:, :, rows, rows - 1].mean(-1),
          "after the earlier occurrence": attention[:, :, rows, rows - half + 1].mean(-1)}
induction = scores["after the earlier occurrence"]
L, H = induction.shape
layer, head = divmod(int(induction.argmax()), H)
print(f"first copy {first_copy:.2f}, second copy {second_copy:.2f} nats;",
      f"a uniform guess costs {math.log(len(letters)):.2f}")
""")
code(r"""
@styled
def plot_heads(by_position, scores, layer, head):
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.4), width_ratios=(1.5, 0.8, 0.9, 1.1))
    axes[0].plot(range(2, 2 * half + 1), by_position, color=COLOURS[0])
    axes[0].axvline(half + 0.5, color=COLOURS[1], linestyle="--", label="second copy")
    axes[0].set(xlabel="position", ylabel="nats per character", title="a shuffled alphabet, twice")
    axes[0].legend()
    for axis, (label, values) in zip(axes[1:], scores.items()):
        shown = axis.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=label, xlabel="head", ylabel="layer", xticks=range(values.shape[1]),
                 yticks=range(values.shape[0]))
        axis.title.set_fontsize(10)
        axis.grid(False)
    figure.colorbar(shown, ax=axes[2], label="attention")
    axes[3].imshow(attention[layer, head], cmap="Blues", vmin=0)
    axes[3].set(title=f"layer {layer}, head {head}", xlabel="looked at", ylabel="position")
    axes[3].grid(False)

plot_heads(by_position, scores, layer, head)
""")
md(r"""
An induction head would show as a diagonal stripe in the lower left quarter of the last panel. TODO-NUMBERS <!-- TODO-NUMBERS: whether the loss falls in the second copy; induction head; previous-token head --> The network has never seen shuffled alphabets. If it copies, it has learnt that from repetitions in the plays, for example speakers' names.

Does the head with the highest score cause the gain? We ablate it by setting its output to zero. That may also damage the network in general, so as a control we subtract what the ablation costs in the first copy, where there is nothing to copy.
""")
code(r"""
def cost_of_ablation(model, layer, head):
    '''How much the loss rises in the second copy without this head, beyond the rise in the first copy.'''
    D = model.config.d_model // model.config.num_heads

    def silence(module, args):
        x = args[0].clone()
        x[..., head * D : (head + 1) * D] = 0
        return (x,)

    hook = model.blocks[layer].attention.out.register_forward_pre_hook(silence)
    without = both_copies(loss_by_position(model))
    hook.remove()
    return (without[1] - second_copy) - (without[0] - first_copy)

gain = first_copy - second_copy
if gain < 0.2:
    print(f"The second copy costs only {gain:.2f} nats less: there is nothing to explain.")
else:
    costs = torch.tensor([[cost_of_ablation(main, i, j) for j in range(H)] for i in range(L)])
    others = costs.flatten()[torch.arange(L * H) != layer * H + head]
    most = divmod(int(costs.argmax()), H)
    print(f"copying gains {gain:.2f} nats; without head {head} of layer {layer}",
          f"(attention {induction[layer, head]:.2f}) {gain - costs[layer, head]:.2f}")
    print(f"without one of the others: {gain - others.median():.2f} (median), {gain - others.max():.2f} (least);",
          f"the most important head is head {most[1]} of layer {most[0]}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether this head matters most; a previous-token head below may matter as much, since an induction head reads what it writes -->

## The KV cache

To generate a token, the network looks at all tokens before it. Their keys and values don't change, since the causal mask lets them depend on earlier tokens only. A **KV cache** keeps them, so that each step computes one position. By hand, for one head:
""")
code(r"""
full = causal_attention(q, k, v)[0]  # the random q, k, v of step 2
rows = []
for t in range(q.shape[1]):
    keys, values = k[:, : t + 1], v[:, : t + 1]  # cached, except the last
    weights = (q[:, t : t + 1] @ keys.transpose(1, 2) / math.sqrt(q.shape[-1])).softmax(dim=-1)
    rows.append(weights @ values)
torch.testing.assert_close(torch.cat(rows, dim=1), full)
""")
code("# %load -s Cache gpt.py")
md(r"""
`is_causal` aligns the mask top-left; with cached keys we need it bottom-right, so `SelfAttention` builds it. Five tokens, then one after another, give the logits of one full pass:
""")
code(r"""
cache = tiny.new_cache()
steps = [tiny(tokens[:, :5], cache), *(tiny(tokens[:, t : t + 1], cache) for t in range(5, 16))]
torch.testing.assert_close(torch.cat(steps, dim=1), tiny(tokens))

@torch.no_grad()
def seconds_a_token(model, length, cached, repeats):
    '''The median time of one step after `length` tokens.'''
    tokens, times = torch.zeros(1, length, dtype=torch.int64, device=device), []
    cache = model.new_cache()
    if cached:
        model.features(tokens[:, :-1], cache)
    for _ in range(repeats):
        started = time.perf_counter()
        model.features(tokens[:, -1:] if cached else tokens, cache if cached else None).sum().item()
        times.append(time.perf_counter() - started)
        cache.length = length - 1  # as before the step
    return float(np.median(times))

set_seed(SEED)
longest = 128 if scale == "quick" else 1024
timed = GPT(GPTConfig(V, longest, 256, 6, 4)).to(device).eval()  # untrained: time does not depend on the weights
lengths = [n for n in (2, 16, 64, 128, 256, 512, 1024) if n <= longest]
times = {name: [1000 * seconds_a_token(timed, n, cached, 5) for n in lengths]
         for name, cached in (("with cache", True), ("without", False))}
plot_curves({"6 layers of 256": {name: (lengths, values) for name, values in times.items()}},
            "tokens so far", "milliseconds a token", "One more token", log=True)
for n, a, b in zip(lengths, *times.values()):
    print(f"after {n:4} tokens: {a:7.2f} ms with, {b:8.2f} ms without: {b / a:6.1f} times as fast")
""")
md(r"""
Without the cache the time of a step grows with the length. With it, a step costs nearly the same at any of these lengths. The price is memory: two vectors per token and layer.

## Subword tokens: byte pairs

GPT-2's tokens are neither characters nor words. **Byte-pair encoding** starts with the 256 bytes and merges the most frequent pair of neighbours again and again. Every text can be encoded, and frequent words take one token. GPT-2 first cuts a text into words, each with the space before it, so that no merge crosses a word boundary. We train a tokenizer on the training text, and then a network of our second size on its tokens.

Losses per token can't be compared, since a token now stands for several characters. **Bits per byte** can: the sum of all losses in bits, divided by the bytes of the text. Both networks see the text equally often, in windows of about as many characters.
""")
code(r"""
tokenizer = BytePairEncoder.train([text.train], knobs["pieces"])
merged = [tokenizer.decode([tokenizer.numbers[number]]) for number in list(tokenizer.merges.values())[:12]]
print("the first merges make:", ", ".join(map(repr, merged)))
print(" | ".join(tokenizer.pieces(tokenizer.encode("But, soft! what light through yonder window?"))))
piece_tokens, piece_val = (torch.tensor(tokenizer.encode(part)) for part in (text.train, text.val))
per_token = len(train_tokens) / len(piece_tokens)
assert tokenizer.decode(piece_val) == text.val
pieces_context = 8 * round(CONTEXT / per_token / 8)
print(f"{len(tokenizer)} tokens, {per_token:.2f} characters each; windows of {pieces_context} tokens")

set_seed(SEED)
by_pieces, pieces_run = train("pieces", build(middle, len(tokenizer), pieces_context), knobs["epochs"], middle[-1],
                              piece_tokens, piece_val, pieces_context)

def bits_per_byte(loss, tokens):
    '''From nats per token to bits per byte of the validation text; every token but the first was predicted.'''
    return loss * (len(tokens) - 1) / math.log(2) / len(text.val.encode())

for name, model, run, tokens in (("characters", *by_size[middle], val_tokens),
                                 ("byte pairs", by_pieces, pieces_run, piece_val)):
    print(f"{name:10} {count(model):9,} parameters, {run.minutes:5.1f} min: {best_loss(run):.3f} nats per token =",
          f"{bits_per_byte(best_loss(run), tokens):.3f} bits per byte")

layers_and_width = [(f"{layers} layers of {width}", run) for (layers, width, *_), (_, run) in by_size.items()]
compared = [*step_runs.items(), *layers_and_width, (f"{middle[0]} layers of {middle[1]}, shorter", shorter_run)]
rows = [dict(what=name, paper=None, reproduction=None, runs=[(best_loss(run), run)]) for name, run in compared]
per_character = bits_per_byte(best_loss(pieces_run), piece_val) * math.log(2)  # every character is one byte here
rows += [dict(what="byte pairs, per character", paper=None, reproduction=None, runs=[(per_character, pieces_run)])]
report("GPT", "nats per character, validation", text.name, "90 % / 10 %", None, rows, table="compared")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: bits per byte, parameters, minutes; rare tokens are seldom seen -->

## Has it memorised the training text?

A model that repeats its training text writes perfect Shakespeare. How much of our samples is copied? We draw from the unmodified probabilities (temperature 1.0), and look from each place for the longest run of characters that also occurs in the training text. Some overlap is normal, since words and names return, so we measure the same for the validation text.
""")
code(r"""
def longest_runs(sample):
    '''For each place in `sample`, the number of characters from there on that also stand in the training text.'''
    return [bisect.bisect_left(range(1, min(200, len(sample) - i) + 1), True,
                               key=lambda n, i=i: sample[i : i + n] not in text.train) for i in range(len(sample))]

amount = 400 if scale == "quick" else 6000
prompts = torch.full((20, 1), characters.encode("\n")[0], device=device)
sampled = torch.stack(list(main.generate(prompts, amount // 20, temperature=1.0, seed=SEED)), dim=1)
written = [characters.decode(row.tolist()) for row in sampled]
length = len(written[0])
real = [text.val[i * len(text.val) // 20 :][:length] for i in range(20)]  # as many pieces of the same length
runs = {"written by the network": [n for part in written for n in longest_runs(part)],
        "the held-out text": [n for part in real for n in longest_runs(part)]}

@styled
def plot_runs(runs):
    figure, axis = plt.subplots(figsize=(7, 3.8))
    for colour, (label, values) in zip(COLOURS, runs.items()):
        ordered = np.sort(values)
        axis.plot(ordered, 1 - np.arange(len(ordered)) / len(ordered), color=colour, label=label)
    axis.set(xlabel="characters in a row that stand in the training text", ylabel="share of places with at least that",
             yscale="log", title=text.name)
    axis.legend()

plot_runs(runs)
ours = runs["written by the network"]
place = int(np.argmax(ours))
print("the longest run that the network shares with its training text:",
      repr("".join(written)[place : place + ours[place]]))
for label, values in runs.items():
    print(f"{label:28} median {np.median(values):.0f}, 99 % up to {np.percentile(values, 99):.0f},",
          f"longest {max(values)}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: both curves, the longest run and what it is -->

## Use it

Our third network is small enough to be kept in the repository, in half precision.
""")
code(r"""
small, small_run = by_size[knobs["sizes"][2]]
layers, width, heads, _, _ = knobs["sizes"][2]
settings = dict(vocab_size=V, context=CONTEXT, d_model=width, num_layers=layers, num_heads=heads, dropout=0.0)
state = {name: value.half().cpu() for name, value in small.state_dict().items()}
path = checkpoint_dir() / scale / "GPT" / "gpt-weights.pt"
small_loss = best_loss(small_run, KEEP)  # of the weights that we have
save_file(dict(model=state, settings=settings, characters="".join(characters.characters), data=text.name,
               val_loss=small_loss, made=small_run.made()), path)
again = GPT(GPTConfig(**settings)).to(device)
again.load_state_dict(torch.load(path, weights_only=True)["model"])
loss = evaluate(again, Windows(val_tokens, CONTEXT, 32, device), device, objective=next_token)["loss"]
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; validation loss {small_loss:.4f}, and",
      f"{loss:.4f} with weights that were saved in half precision")
assert path.stat().st_size < 4e6 and abs(loss - small_loss) < 0.02
try:
    kept, about = gpt_shakespeare()
    print(f"The kept GPT: {about['data']}, validation loss {about['val_loss']:.3f}. Trained on {about['made']}")
except FileNotFoundError:
    kept, about = again.eval(), dict(characters="".join(characters.characters))
    print("weights/gpt_shakespeare.pt is not there: the network of this run stands in.")
""")
code(r"""
my_prompt = "ROSALINE:\n"  # a name in capitals, a colon and a line break, or anything else in its characters

for token in kept.generate([about["characters"].index(c) for c in my_prompt], 400, temperature=0.8, seed=SEED):
    print(about["characters"][token], end="")
""")
md(r"""
**GPT-2 itself** fits into the same class. With an internet connection, set `published = True`: the cell downloads OpenAI's weights once (548 MB), continues your text, and tries the paper's zero-shot summary ("TL;DR:", top-k with $k = 2$).
""")
code(r"""
published = False
article = "Put two or three sentences of a news article here."
prompts = {"A language model is": dict(temperature=0.8, top_p=0.95), f"{article}\nTL;DR:": dict(top_k=2)}

if published:
    gpt2_tokenizer, gpt2 = load_gpt2_encoder(), from_huggingface(load_gpt2_weights()).to(device)
    for prompt, options in prompts.items():
        print(f"\n{prompt}", end="")
        for token in gpt2.generate(gpt2_tokenizer.encode(prompt), 60, seed=SEED, stop=gpt2_tokenizer.end, **options):
            print(gpt2_tokenizer.decode([token]), end="", flush=True)
else:
    print("GPT-2 was not downloaded. Its sizes are:", ", ".join(PRESETS))
""")
md(r"""
## Where this departs from the papers

| | papers | here |
|---|---|---|
| Data | BooksCorpus (GPT-1); 8 million web pages, 40 GB (GPT-2) | one megabyte of plays, many times |
| Tokens, context | 40,478 and 50,257 byte pairs; 512 and 1,024 | characters; 256 |
| Parameters | 117 million to 1.5 billion | 0.1 to 10.8 million |
| Dropout | 0.1 (GPT-1) | 0 to 0.2 by size (0.3 at `paper`); not of attention weights on a CPU |
| Optimiser | Adam, weight decay 0.01, warm-up, cosine to zero (GPT-1) | AdamW, weight decay 0.1, warm-up, cosine to zero, $\beta_2 = 0.99$ |
| Batch | 64 windows (GPT-1), 512 (GPT-2) | 16 windows at `cpu`, 64 at `gpu` |
| Fine-tuning, zero-shot tasks | the main subject | left out, except "TL;DR:" with published weights |

## Exercises

1. **No positions.** Set `model.positions.weight` to zero and keep it there (`requires_grad_(False)`). How much worse does the network of the second size get? Why does it still know something about order? *Hint: the mask.*
2. **Memorise.** Train the main network without dropout. At which epoch does the validation loss turn, and how long are the copied runs at the end?
3. **A repetition penalty.** Change `next_probabilities` so that characters of the last 20 positions become less probable. Is the text at temperature 0.5 still monotonous?
4. **Induction from scratch.** Train a network with two layers on random strings written twice, and one with a single layer. Draw a new length for each string, or the network can copy by position alone. Only one of the two can learn it. Why?

## Further reading

- [GPT-3](https://arxiv.org/abs/2005.14165), the sequel.
- [nanoGPT](https://github.com/karpathy/nanoGPT) by Andrej Karpathy, the source of the well-known figure.
- [In-context Learning and Induction Heads](https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads/index.html) by Olsson and others.
- [On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745) by Xiong and others: why the norm's place decides about warm-up.
- [The Curious Case of Neural Text Degeneration](https://arxiv.org/abs/1904.09751) by Holtzman and others: top-p sampling.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
nbformat.write(book, HERE / "GPT.ipynb")
texts = [c.source for c in cells if c.cell_type == "markdown"]
words = sum(len(t.split()) for t in texts)
bare = sum(len(re.sub(r"<!--.*?-->", "", t, flags=re.S).split()) for t in texts)
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
wide = [(i, line[:60]) for i, c in enumerate(cells) if c.cell_type == "code" for line in c.source.splitlines() if len(line) > 120]
print(len(cells), "cells,", words, "words,", bare, "without comments; too long:", long, "; too wide:", wide)
