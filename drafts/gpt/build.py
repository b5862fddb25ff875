"""Writes GPT.ipynb beside this file: python build.py"""
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

You will build a GPT step by step, from counted letter pairs to the network of GPT-2, check its 124,439,808 parameters, train a small one on the plays of Shakespeare, and let it write. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: the best validation loss of the main run, parameters, n = 1 -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything --> Scales: `quick` (half a minute, on a generated toy play, no internet connection; its numbers mean nothing), `cpu`, `gpu` (nanoGPT's 10.7 million parameters), `paper` (the same, four times as long). The second code cell says how to choose.
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
from architectures.gpt.gpt import PRESETS, GPTConfig, from_huggingface, gpt_shakespeare
from architectures.gpt.shakespeare import Characters, Windows, load_shakespeare, load_toy_play
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
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
        "n1": ("GPT-2: norm before", 0, -0.8, "note"), "x": ("x", 0, 0, "data"), "ln1": ("layer norm", 0, 1),
        "a": ("masked self-attention", 0, 2), "+1": ("+", 0, 3, "sum"), "ln2": ("layer norm", 0, 4),
        "f": ("feed-forward, GELU", 0, 5), "+2": ("+", 0, 6, "sum"), "y": ("to the next block", 0, 7, "data"),
        "n2": ("GPT-1: norm after", 2.2, -0.8, "note"), "X": ("x", 2.2, 0, "data"),
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
A GPT is the decoder of the Transformer without cross-attention. Each block has two sublayers with a residual connection around each. **Self-attention** moves information between positions; a mask lets each position look only at itself and what came before. The **feed-forward net** works on each position alone. The two papers differ in where the layer norm stands. On the left, the residual path (the bent lines) runs from the bottom to the top without passing through any norm; on the right each sum is normalised. We test below what difference that makes.

## The paper in brief

**The question.** Supervised learning needs labels, and labels are expensive. Text is free. Can a network learn most of what it needs from raw text?

**The idea.** Train a **language model**: a network that predicts the next token from all tokens before it. By the chain rule of probability, this is a model of whole texts,

$$\log p(x_1, \dots, x_n) = \sum_{t} \log p(x_t \mid x_1, \dots, x_{t-1}),$$

and its loss is the cross-entropy of the next token. To predict well, the network has to learn spelling, grammar, and some facts about the world. **GPT-1** trained a 12-layer decoder on unpublished books and then fine-tuned it for each task, with small changes to the input only. **GPT-2** is more than ten times larger, was trained on 40 GB of web pages, and was not fine-tuned at all: a task is described in the text itself, for example by adding "TL;DR:" to get a summary.

**The results.** GPT-1 improved the state of the art in 9 of 12 tasks. GPT-2 with 1.5 billion parameters was the best in 7 of 8 language-modelling benchmarks without training on any of them, and its loss kept falling with size. WikiText-2 shows the trend: perplexity 29.41, 22.76, 19.93 and 18.34 for the four sizes.

We can't train on 40 GB of text here. But the network, its loss and its sampling are the same for one megabyte, and so are the questions.

## The data: characters

Tiny Shakespeare is a file of a bit more than a million characters from Shakespeare's plays. The last tenth is our validation set. There is no third part, so a model that we choose by its validation loss looks a little better than it is; the well-known results on this file do the same. Our tokens are single characters, so there is nothing to learn before the network; we return to larger tokens later.
""")
code(r"""
text = load_toy_play() if scale == "quick" else load_shakespeare()
characters = Characters(text.train + text.val)
train_tokens, val_tokens = (torch.tensor(characters.encode(part)) for part in (text.train, text.val))
print(f"{text.name}: {len(train_tokens):,} characters to train on, {len(val_tokens):,} held out")
print(f"{len(characters)} different ones: {''.join(characters.characters)!r}\n")
print(text.train[:180])

inputs, targets = next(iter(Windows(train_tokens, 8, 1, "cpu")))
print("one window of 8 characters is 8 training examples:")
for t in range(8):
    print(f"  {characters.decode(inputs[0, : t + 1])!r:24} -> {characters.decode(targets[0, t : t + 1])!r}")
""")
md(r"""
The targets are the inputs shifted by one. All positions of a window are trained at once, and the mask sees to it that no position sees its own answer.

## Step 1: count letter pairs

The simplest language model looks at one character only. It needs no gradient: count how often each character follows each other one. We add 1 to every count, so that no pair is impossible.
""")
code(r"""
V = len(characters)
pairs = torch.bincount(V * train_tokens[:-1] + train_tokens[1:], minlength=V * V).view(V, V)
bigram = (pairs + 1) / (pairs + 1).sum(dim=1, keepdim=True)  # (V, V): the probability of the next character
losses = {"uniform": math.log(V), "bigram counts": -bigram[val_tokens[:-1], val_tokens[1:]].log().mean().item()}
for name, loss in losses.items():
    print(f"{name:14} validation loss {loss:.3f} nats per character")

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
Rows are sharp where spelling leaves no choice: after q comes u. The loss is in **nats per character**: guessing all characters equally often costs $\ln 65 = 4.17$ on tiny Shakespeare, and the counts cost TODO-NUMBERS. <!-- TODO-NUMBERS: bigram loss (about 2.45) --> Longer counts (three characters, four …) soon meet sequences that they have never seen. We need a model that generalises.

## Step 2: one head of attention

Attention lets position $t$ collect from all earlier positions. Each position sends out a query $q$, a key $k$ and a value $v$; the weights are $\mathrm{softmax}(q_t \cdot k_s / \sqrt{d})$ over $s \le t$. The mask sets all other scores to $-\infty$. With equal scores, the result is a running average, and we can check it by hand:
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
""")
md(r"""
Now three small networks, each with one idea more. The first has token and position embeddings and **one head**. The second has **four heads**, each with a quarter of the channels, so that one position can look at several places at once. The third adds what makes it a **block**: the feed-forward net, residual connections and layer norms. We write them as plainly as possible; the library's classes follow below.
""")
code(r"""
class OneLayer(nn.Module):
    '''Embeddings, attention with some heads, a linear output; `block` adds a feed-forward net, residuals and norms.'''

    def __init__(self, context, width, heads, block=False):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(V, width), nn.Embedding(context, width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, V)
        self.heads, self.block = heads, block
        self.join = nn.Linear(width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        parts = self.qkv(self.norms[0](x) if self.block else x).chunk(3, dim=-1)
        heads = zip(*(part.chunk(self.heads, dim=-1) for part in parts))  # q, k, v of each head
        attended = self.join(torch.cat([causal_attention(q, k, v)[0] for q, k, v in heads], dim=-1))
        if not self.block:
            return self.out(attended)
        x = x + attended
        return self.out(self.norms[2](x + self.feed_forward(self.norms[1](x))))
""")
md(r"""
## Knobs and training loop

All sizes are in one table. The main network is nanoGPT's with 256 channels in place of 384 at scale `cpu`. Dropout matters: with a million characters and many epochs, a network of this size starts to memorise. The learning rate rises for 5 % of the steps and falls to zero on a cosine (one cycle). Weight decay acts on matrices only, and Adam's $\beta_2$ is 0.99, as nanoGPT has it for small batches.
""")
code(r"""
KNOBS = {  # sizes: layers, width, heads, dropout, peak learning rate
    "quick": dict(
        sizes=[(1, 16, 1, 0.0, 1e-2), (1, 32, 2, 0.0, 1e-2), (2, 32, 2, 0.0, 1e-2), (2, 48, 4, 0.0, 1e-2)],
        epochs=3, fewer=(1,), steps=(32, 1), context=32, batch=16, deep=(4, 32, 20), rates=(1e-3, 4e-3),
        seeds=(0,), pieces=290),
    "cpu": dict(
        sizes=[(2, 64, 2, 0.0, 3e-3), (4, 128, 4, 0.05, 2e-3), (4, 192, 4, 0.1, 2e-3), (6, 256, 4, 0.2, 1.5e-3)],
        epochs=20, fewer=(1, 5), steps=(64, 1), context=256, batch=16, deep=(12, 64, 200), rates=(1e-3, 2e-3, 4e-3),
        seeds=(0, 1), pieces=1024),
    "gpu": dict(
        sizes=[(2, 64, 2, 0.0, 3e-3), (4, 128, 4, 0.1, 2e-3), (4, 192, 4, 0.1, 2e-3), (6, 384, 6, 0.2, 1e-3)],
        epochs=35, fewer=(2, 8), steps=(64, 2), context=256, batch=64, deep=(12, 64, 200), rates=(1e-3, 2e-3, 4e-3),
        seeds=(0, 1, 2), pieces=1024),
}
KNOBS["paper"] = {**KNOBS["gpu"], "epochs": 140}
knobs = KNOBS[scale]
CONTEXT, KEEP = knobs["context"], 5  # the weights of the last 5 epochs stay, and the best of them is used
# dropout's random numbers from torch, not from the compiler, whose own are slow on CPUs
compiled = {"options": {"fallback_random": True}} if scale != "quick" else False

def next_token(model, inputs, targets):
    '''The objective: mean cross-entropy of the next token, and how many tokens it is the mean of.'''
    logits = model(inputs)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), targets.numel(), {}

def train(name, model, epochs, rate, tokens=train_tokens, held_out=val_tokens, context=CONTEXT, lines=1, **options):
    '''Train with one cycle of the learning rate. Returns the best of the last epochs' models and the Run.'''
    model.to(device)
    loader = Windows(tokens, context, knobs["batch"], device, shuffle=True, seed=SEED)
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) == large] for large in (True, False))
    groups = [dict(params=matrices, weight_decay=0.1), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=epochs * len(loader), pct_start=0.05, cycle_momentum=False)
    evaluate_on = {"val": Windows(held_out, context, 32, device)}
    run = fit(model, loader, optimizer, scheduler, epochs, device, evaluate_on, next_token, checkpoint=f"GPT/{name}",
              lines=lines, clip=1.0, compile=compiled, keep=KEEP, **options)
    if run.kept:
        kept = run.history["val_loss"][-len(run.kept) :]
        model.load_state_dict(run.kept[int(np.argmin(kept))])
    return model.eval(), run

def best_loss(run):
    '''The lowest validation loss of the epochs whose weights were kept: what `train` returns the model of.'''
    return min(run.history["val_loss"][-KEEP:])
""")
code(r"""
width, epochs = knobs["steps"]
for name, heads, block in (("one head", 1, False), ("four heads", 4, False), ("one block", 4, True)):
    set_seed(SEED)
    model, run = train(f"step-{name.replace(' ', '-')}", OneLayer(CONTEXT, width, heads, block), epochs, 5e-3)
    losses[name] = best_loss(run)
for name, loss in losses.items():
    print(f"{name:14} validation loss {loss:.3f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what each step is worth: bigram, one head, four heads, block --> All of it comes from one layer and one pass over the text. The rest is depth.

## The whole network

Here are the library's classes. Two details come from GPT-2. The output layer has **the weights of the token embedding** (tied), so a token is read and written by the same vector. And the last layer of each sublayer starts **smaller by** $\sqrt{2L}$: every one of the $2L$ sublayers adds to the residual stream, and without this its variance would grow with depth.
""")
code("# %load -s SelfAttention,FeedForward,Block gpt.py")
code("# %load -s Cache,GPT,next_probabilities,check_sampling gpt.py")
code(r"""
layers, width, heads, _, _ = knobs["sizes"][-1]
with torch.device("meta"):  # shapes without numbers
    drawn, window = GPT(GPTConfig(V, CONTEXT, width, layers, heads)), torch.zeros(1, CONTEXT, dtype=torch.int64)
parts = {"tokens": "token embedding", "dropout": "+ position embedding", "blocks.0": "block 1",
         f"blocks.{layers - 1}": f"block {layers}", "norm": "last layer norm"}
draw_network(drawn, window, parts, f"The main network; the last step is a product with the {V} token vectors")
""")
md(r"""
The drawing is made from the network itself: positions by channels, from the tokens at the bottom to the last norm at the top. Each position then gets one logit for every token.
""")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

PUBLISHED = {"gpt1": 116_534_784, "gpt2": 124_439_808, "gpt2-medium": 354_823_168, "gpt2-large": 774_030_080,
             "gpt2-xl": 1_557_611_200}
LABELS = dict(zip(PUBLISHED, ("–", "117M", "345M", "762M", "1542M")))
for name, expected in PUBLISHED.items():
    config = GPTConfig.preset(name)
    with torch.device("meta"):  # shapes without numbers
        model = GPT(config)
    print(f"{name:12} {config.num_layers:2} layers of {config.d_model:4}, {config.num_heads:2} heads:",
          f"{count(model):13,} parameters, {count(model.tokens):10,} for tokens; paper: {LABELS[name]}")
    assert count(model) == expected

# against torch's own layer, with the same weights
set_seed(SEED)
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
""")
md(r"""
The labels in the report undercount: the network that it calls 117M has 124 million parameters. The tests go further: with the same weights, the logits equal those of Hugging Face's GPT-1 and GPT-2, and changing a token changes no logits before it. Before a long training we check that the network can memorise one batch:
""")
code(r"""
set_seed(SEED)
model = GPT(GPTConfig(V, 32, 64, 2, 4, dropout=0.0)).to(device)
inputs, targets = next(iter(Windows(train_tokens, 32, 8, device)))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(150):
    loss, _, _ = next_token(model, inputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"one batch after 150 steps: loss {loss.item():.3f}")
assert loss.item() < 0.3
""")
md(r"""
A loss near 0 is not possible here: the first characters of a window have too little context to tell the windows apart.

## Training

The largest network of the table is the main run. After each epoch it writes a few lines into a diary, so that we can look at its progress afterwards.
""")
code(r"""
def build(size, vocabulary=V, context=CONTEXT):
    layers, width, heads, dropout, _ = size
    # dropout of attention weights costs CPUs a fifth of the speed: left out there
    attention_dropout = None if device.type == "cuda" else 0.0
    return GPT(GPTConfig(vocabulary, context, width, layers, heads, dropout, attention_dropout))

def write(model, prompt="\n", count=300, **options):
    '''Text that a model of characters writes after `prompt`.'''
    return characters.decode(model.generate(characters.encode(prompt), count, **options))

diary = checkpoint_dir() / scale / "GPT" / "diary.json"

def keep_diary(model):
    '''A score without numbers: a sample after each epoch goes into the diary.'''
    pages = json.loads(diary.read_text()) if diary.exists() else []
    diary.parent.mkdir(parents=True, exist_ok=True)
    diary.write_text(json.dumps([*pages, write(model, count=120, temperature=0.8, seed=SEED)]))
    return {}

set_seed(SEED)
main, main_run = train("main", build(knobs["sizes"][-1]), knobs["epochs"], knobs["sizes"][-1][-1], lines=10,
                       score=keep_diary)
history = main_run.history
plot_curves({"Loss": {s: (history["epoch"], history[f"{s}_loss"]) for s in ("train", "val")}},
            "epoch", "nats per character", f"{text.name}: {count(main):,} parameters")
pages = (json.loads(diary.read_text()) if diary.exists() else [])[-knobs["epochs"] :]
for epoch in sorted({1, 2, 5, len(pages)} & set(range(1, len(pages) + 1))):
    print(f"\n--- after epoch {epoch}:{pages[epoch - 1].rstrip()}")
""")
md(r"""
<!-- TODO-NUMBERS: curve: does the validation loss still fall at the end; gap to the training loss (which has dropout in it); samples: what is learnt first (line lengths and names, then words, then grammar and metre) --> TODO-NUMBERS. The training loss is measured with dropout on, so it is higher than it would be without.

## Results

Each character is predicted from what precedes it in its window of 256, so those at the beginning of a window have little context. That is how the published figure was measured too. With overlapping windows, where each character sees at least 128 others, the same network gets a lower loss, shown in the last line.
""")
code(r"""
# For the README: from counted letter pairs to a GPT: the validation loss at each step
@torch.no_grad()
def sliding_loss(model, tokens, context=CONTEXT):
    '''The mean loss of all tokens that have at least half a context before them; windows overlap by half.'''
    windows = tokens.unfold(0, context + 1, context // 2).to(device)
    total, n = 0.0, 0
    for part in windows.split(32):
        logits = model(part[:, :-1])[:, context // 2 :]
        total += F.cross_entropy(logits.flatten(0, 1), part[:, context // 2 + 1 :].flatten(), reduction="sum").item()
        n += logits.shape[0] * logits.shape[1]
    return total / n

losses["GPT"] = best_loss(main_run)
print(f"lowest of all epochs {min(main_run.history['val_loss']):.4f}, of the last {KEEP} {losses['GPT']:.4f}")
print(f"overlapping windows: {sliding_loss(main, val_tokens):.4f}")

@styled
def plot_steps(losses):
    figure, axis = plt.subplots(figsize=(8, 3.6))
    bars = axis.bar(list(losses), list(losses.values()), color=COLOURS[0])
    axis.bar_label(bars, fmt="%.2f")
    axis.set(ylabel="nats per character", title=f"{text.name}, validation: from counts to a GPT")

plot_steps(losses)
""")
code(r"""
report("GPT", "nats per character, validation (lower is better)", text.name, "90 % / 10 %, no test set",
       "nanoGPT, 10.7M",
       [dict(what=f"GPT, {count(main):,} parameters", paper=None,
             reproduction=1.4697 if scale != "quick" else None, runs=[(losses["GPT"], main_run)])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: each step of the bar plot; the result beside nanoGPT's 1.4697 (10.7 million parameters, about 3 minutes on an A100), with n = 1 and what is different -->

## Sampling: what the knobs cut off

The network gives probabilities; writing means drawing from them, one token after another. **Temperature** divides the logits: below 1 the probable tokens gain. **Top-k** keeps the $k$ most probable tokens. **Top-p** (nucleus sampling) keeps the most probable tokens that together have probability $p$, so that their number depends on how sure the network is. We show both for a place where the next character is nearly certain, and for one where it is open.
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
        for axis, (label, options) in zip(row, cuts.items()):
            kept = next_probabilities(logits, **options)
            axis.bar(names, p[order], color="#dddddd", label="as the network says")
            axis.bar(names, kept[order], width=0.45, color=COLOURS[0], label=label)
            axis.set_title(f"after {prompt[-12:]!r}", fontsize=10)
            axis.legend(fontsize=9)
    figure.supylabel("probability")

plot_cuts(main, ["The King shall not t", "My lord, "])
for options in (dict(temperature=0.5), dict(temperature=1.0), dict(temperature=1.5), dict(top_p=0.9)):
    settings = ", ".join(f"{name} {value}" for name, value in options.items())
    print(f"\n--- {settings}:{write(main, count=160, seed=SEED, **options)}")
""")
md(r"""
Grey bars are the network's own probabilities, blue ones what is drawn from. TODO-NUMBERS <!-- TODO-NUMBERS: what top-k keeps too much of in the certain case, and cuts too early in the open one; top-p adapts; texts at 0.5 repetitive, 1.5 misspelt --> A cut changes which texts can occur, not how good the model is: its loss is the same.

## More parameters, more tokens

How does the loss depend on size? We train three smaller networks on exactly as many tokens as the main one, and one of them on fewer tokens. Each run has a schedule of its own that ends at zero; an interrupted long run would look worse than it is. Larger networks get more dropout, as a practitioner would choose it.
""")
code(r"""
ladder, by_tokens = {}, {}
for size in knobs["sizes"][:-1]:
    set_seed(SEED)
    layers, width, _, _, rate = size
    ladder[size] = train(f"ladder-{layers}x{width}", build(size), knobs["epochs"], rate)
ladder[knobs["sizes"][-1]] = main, main_run
middle = knobs["sizes"][1]
for epochs in knobs["fewer"]:
    set_seed(SEED)
    by_tokens[epochs] = train(f"tokens-{epochs}", build(middle), epochs, middle[-1])[1]
by_tokens[knobs["epochs"]] = ladder[middle][1]

for (layers, width, *_), (model, run) in ladder.items():
    print(f"{layers} layers of {width}: {count(model):9,} parameters, train {run.history['train_loss'][-1]:.3f},",
          f"best validation {best_loss(run):.4f}")
tokens = {epochs: epochs * Windows(train_tokens, CONTEXT, knobs["batch"], "cpu", shuffle=True).count
          for epochs in by_tokens}

@styled
def plot_ladder(sizes, by_size, tokens, by_tokens):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), sharey=True)
    axes[0].plot(sizes, by_size, "o-", color=COLOURS[0])
    axes[0].set(xscale="log", xlabel="parameters", ylabel="nats per character", title="equal tokens")
    axes[1].plot(tokens, by_tokens, "o-", color=COLOURS[1])
    axes[1].set(xscale="log", xlabel="characters trained on", title=f"equal size: {middle[0]} layers of {middle[1]}")
    figure.suptitle(f"{text.name}, validation")

plot_ladder([count(model) for model, _ in ladder.values()], [best_loss(run) for _, run in ladder.values()],
            list(tokens.values()), [best_loss(run) for run in by_tokens.values()])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the slope, whether it flattens; n = 1 for each point; a million characters are few: repeated tokens are worth less than new ones --> A corpus like GPT-2's has new text for nearly every step. Here an epoch is one pass over the same million characters, so the right-hand curve mixes two effects: more training and more repetition.

## Norm before or after?

GPT-1 normalises after each residual sum, as the original Transformer did, and needs a warm-up of the learning rate. GPT-2 moved the norm to the front. Why? With the norm after, the gradient passes a norm at every sum on its way down. If this matters, a deep network without warm-up should learn slowly or not at all in one form, and easily in the other, the more so the higher the learning rate. If the curves coincide, the place of the norm does not matter at this depth. We train 12 narrow layers for 200 steps at three constant learning rates.
""")
code(r"""
def first_steps(norm_first, warm_up, rate, seed):
    '''The losses of the first steps of a deep and narrow GPT, at a constant learning rate after `warm_up` steps.'''
    layers, width, steps = knobs["deep"]
    set_seed(seed)
    model = GPT(GPTConfig(V, 64, width, layers, 4, dropout=0.0, norm_first=norm_first)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / (warm_up + 1)))
    loader, curve = Windows(train_tokens, 64, 16, device, shuffle=True, seed=seed), []
    while len(curve) < steps:
        for inputs, targets in loader:
            loss, _, _ = next_token(model, inputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            curve.append(loss.item())
            if len(curve) == steps:
                break
    return curve

ARMS = {"before": (True, 0), "after": (False, 0), "after, with warm-up": (False, knobs["deep"][2] // 2)}
curves = {rate: {arm: [first_steps(*choice, rate, seed) for seed in knobs["seeds"]] for arm, choice in ARMS.items()}
          for rate in knobs["rates"]}
smooth = {f"learning rate {rate}": {arm: np.convolve(np.mean(runs, axis=0), np.ones(10) / 10, "valid")
                                    for arm, runs in arms.items()} for rate, arms in curves.items()}
plot_curves(smooth, "step", "training loss (nats per character)",
            f"{text.name}: the norm before or after the sublayer, {knobs['deep'][0]} layers")
for rate, arms in curves.items():
    for arm, runs in arms.items():
        print(f"{rate} {arm:20} loss of the last 20 steps by seed:", *(f"{np.mean(run[-20:]):.3f}" for run in runs))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: mean of two seeds, running mean of 10 steps; at 0.001 "after" learns more slowly (trial: 2.61 against 2.57 after 150 steps, a plateau near 3.3 first); at 0.004 "after" stays at the letter frequencies, 3.33, in the trial's 110 steps, with and without warm-up, while "before" goes on to 3.12; where between the rates it breaks, and what warm-up changes -->

## Look inside: positions, and how much context is used

Attention by itself does not know about order; the network learns a vector for each position. On the left we compare these vectors with each other. On the right is the loss by position in the window: the further right, the more characters the network can look at.
""")
code(r"""
@torch.no_grad()
def loss_in_window(model):
    '''The validation loss at each position of a window: (CONTEXT,).'''
    total, windows = torch.zeros(CONTEXT), 0
    for inputs, targets in Windows(val_tokens, CONTEXT, 32, device):
        if inputs.shape[1] == CONTEXT:
            total += F.cross_entropy(model(inputs).transpose(1, 2), targets, reduction="none").sum(dim=0).cpu()
            windows += len(inputs)
    return total / windows

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

in_window = loss_in_window(main)
plot_positions(main.positions.weight.detach().float().cpu(), in_window)
last = CONTEXT // 4
print(f"first character {in_window[0]:.2f}, second half of the window {in_window[CONTEXT // 2 :].mean():.3f},",
      f"last quarter {in_window[-last:].mean():.3f} nats")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether neighbouring positions have similar vectors (a bright band along the diagonal); at one character in view the loss is that of the bigrams or a little above; how fast it falls and where it flattens -->

## Look inside: heads that look for repetitions

In a trained network many heads have a task that one can read from their weights. The simplest is a **previous-token head**: each position looks at the one before it. A more interesting one is the **induction head** of Olsson and others: at a character that has occurred before, it looks at what *followed* it the last time, and predicts that it follows again. The test is a random string, written twice. The first time, nothing in it can be predicted. The second time, copying helps. We measure the loss at each position, and for each head how much attention goes to the previous position, and to the place one after the earlier occurrence.
""")
code(r"""
half = min(64, CONTEXT // 2)
letters = torch.tensor(characters.encode([c for c in characters.characters if c.islower()]))
draw = torch.Generator().manual_seed(SEED)
string = letters[torch.randint(len(letters), (32, half), generator=draw)]
twice = torch.cat([string, string], dim=1).to(device)  # (32, 2 * half)

@torch.no_grad()
def loss_by_position(model):
    logits = model(twice[:, :-1])
    return F.cross_entropy(logits.transpose(1, 2), twice[:, 1:], reduction="none").mean(dim=0).cpu()  # (2 half - 1,)

by_position = loss_by_position(main)
for block in main.blocks:
    block.attention.keep_weights = True
loss_by_position(main)
kept = torch.stack([block.attention.weights.float().mean(dim=0).cpu() for block in main.blocks])  # (L, H, T, T)
for block in main.blocks:
    block.attention.keep_weights, block.attention.weights = False, None
rows = torch.arange(half, 2 * half - 1)  # of the second writing
scores = {"previous position": kept[:, :, rows, rows - 1].mean(-1),
          "after the earlier occurrence": kept[:, :, rows, rows - half + 1].mean(-1)}

@styled
def plot_heads(by_position, scores):
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), width_ratios=(1.6, 1, 1))
    axes[0].plot(range(2, 2 * half + 1), by_position, color=COLOURS[0])
    axes[0].axvline(half + 0.5, color=COLOURS[1], linestyle="--", label="second time")
    axes[0].set(xlabel="position", ylabel="nats per character", title="a random string, written twice")
    axes[0].legend()
    for axis, (label, values) in zip(axes[1:], scores.items()):
        shown = axis.imshow(values, cmap="Blues", vmin=0, vmax=1)
        axis.set(title=label, xlabel="head", ylabel="layer", xticks=range(values.shape[1]),
                 yticks=range(values.shape[0]))
        axis.grid(False)
    figure.colorbar(shown, ax=axes[2], label="attention")

plot_heads(by_position, scores)
first, second = by_position[: half - 1].mean().item(), by_position[half:].mean().item()
print(f"first time {first:.2f}, second time {second:.2f} nats; a uniform guess costs {math.log(len(letters)):.2f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether the loss falls the second time; which head attends to the place after the earlier occurrence; which head looks at the previous position --> The network was never shown random strings. If it copies from one, that is a skill it has learnt for the repetitions in the plays, above all the names of the speakers. To see whether the head with the highest score causes the gain, we switch it off, and for comparison each of the others:
""")
code(r"""
def without_head(model, layer, head):
    '''The loss on the second writing while one head adds nothing.'''
    D = model.config.d_model // model.config.num_heads

    def silence(module, args):
        x = args[0].clone()
        x[..., head * D : (head + 1) * D] = 0
        return (x,)

    hook = model.blocks[layer].attention.out.register_forward_pre_hook(silence)
    loss = loss_by_position(model)[half:].mean().item()
    hook.remove()
    return loss

induction = scores["after the earlier occurrence"]
L, H = induction.shape
rise = torch.tensor([[without_head(main, layer, head) - second for head in range(H)] for layer in range(L)])
layer, head = divmod(int(induction.argmax()), H)
print(f"head {head} of layer {layer} (attention {induction[layer, head]:.2f}):",
      f"without it the second time costs {rise[layer, head]:+.2f} nats")
others = rise.flatten()[torch.arange(L * H) != layer * H + head]
print(f"any other head: {others.median():+.2f} (median), {others.max():+.2f} (at most,",
      f"head {int(rise.argmax()) % H} of layer {int(rise.argmax()) // H} has the largest effect of all)")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether the head with the highest score matters most; a previous-token head in a lower layer may matter as much, since an induction head reads what it writes -->

## The cache

To write token $t + 1$ a network has to look at all $t$ tokens before it, but their keys and values don't change. A **cache** keeps them, so that each step computes one position instead of all. `generate` uses it; the tests check that the logits are the same. What does it save? We time one step at different lengths.
""")
code(r"""
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
Without the cache the time of one step grows with the length, so that a text of $n$ tokens costs $n^2$ and more. With it, a step costs nearly the same at any length. The price is memory: two vectors for each token in each layer.

## Larger tokens: byte pairs

GPT-2's tokens are neither characters nor words. **Byte-pair encoding** starts with the 256 bytes and merges the most frequent pair of neighbours again and again: "t" and "h" become "th", then "th" and "e" become "the". Every text can be encoded, and frequent words take one token. Before merging, GPT-2 cuts a text into words, each with the space before it, so that no merge crosses a word boundary. We train an encoder on the training text, and then a network of the ladder's second size on its tokens.

Losses per token can't be compared, since one token now stands for several characters. **Bits per byte** can: the sum of all losses in bits, divided by the bytes of the text. To be fair, both networks see the text equally often, and the windows hold about as many characters.
""")
code(r"""
encoder = BytePairEncoder.train([text.train], knobs["pieces"])
print(" | ".join(encoder.pieces(encoder.encode("ROMEO:\nBut, soft! what light through yonder window breaks?"))))
piece_tokens, piece_val = (torch.tensor(encoder.encode(part)) for part in (text.train, text.val))
per_token = len(train_tokens) / len(piece_tokens)
assert encoder.decode(piece_val) == text.val
pieces_context = 8 * round(CONTEXT / per_token / 8)
print(f"{len(encoder)} tokens, {per_token:.2f} characters each; windows of {pieces_context} tokens")

set_seed(SEED)
by_pieces, pieces_run = train("pieces", build(middle, len(encoder), pieces_context), knobs["epochs"], middle[-1],
                              piece_tokens, piece_val, pieces_context)

def bits_per_byte(loss, tokens):
    '''From nats per token to bits per byte of the validation text; every token but the first was predicted.'''
    return loss * (len(tokens) - 1) / math.log(2) / len(text.val.encode())

for name, model, run, tokens in (("characters", *ladder[middle], val_tokens),
                                 ("byte pairs", by_pieces, pieces_run, piece_val)):
    print(f"{name:10} {count(model):9,} parameters, {run.minutes:5.1f} min: {best_loss(run):.3f} nats per token =",
          f"{bits_per_byte(best_loss(run), tokens):.3f} bits per byte")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which is better in bits per byte, parameters and minutes of both; small text: rare tokens are seldom seen; the encoder has seen the training text only -->

## What has it copied?

A language model that repeats its training text would also have a low training loss and write perfect Shakespeare. How much of what our network writes is copied? For each place in a sample we look for the longest run of characters that also occurs somewhere in the training text. Some overlap is normal: the same words and names return. So we measure the same for the validation text, which Shakespeare wrote without copying from a file.
""")
code(r"""
def longest_runs(sample):
    '''For each place in `sample`, the number of characters from there on that also stand in the training text.'''
    return [bisect.bisect_left(range(1, min(200, len(sample) - i) + 1), True,
                               key=lambda n, i=i: sample[i : i + n] not in text.train) for i in range(len(sample))]

amount = 400 if scale == "quick" else 6000
prompts = torch.full((20, 1), characters.encode("\n")[0], device=device)
sampled = torch.stack(list(main.generate(prompts, amount // 20, temperature=0.8, seed=SEED)), dim=1)
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
TODO-NUMBERS <!-- TODO-NUMBERS: both curves, the longest run and what it is (a common phrase, a speaker's name with line breaks) -->

## Use it

The ladder's third network is small enough to be kept in the repository in half precision. A program that wants to write like Shakespeare needs one file and two calls.
""")
code(r"""
small, small_run = ladder[knobs["sizes"][2]]
layers, width, heads, _, _ = knobs["sizes"][2]
settings = dict(vocab_size=V, context=CONTEXT, d_model=width, num_layers=layers, num_heads=heads, dropout=0.0)
state = {name: value.half().cpu() for name, value in small.state_dict().items()}
path = checkpoint_dir() / scale / "GPT" / "gpt-weights.pt"
save_file(dict(model=state, settings=settings, characters="".join(characters.characters), data=text.name,
               val_loss=best_loss(small_run), made=small_run.made()), path)
again = GPT(GPTConfig(**settings)).to(device)
again.load_state_dict(torch.load(path, weights_only=True)["model"])
loss = evaluate(again, Windows(val_tokens, CONTEXT, 32, device), device, objective=next_token)["loss"]
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; validation loss {best_loss(small_run):.4f}, and",
      f"{loss:.4f} with weights that were saved in half precision")
assert path.stat().st_size < 4e6 and abs(loss - best_loss(small_run)) < 0.02
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
**GPT-2 itself** fits into the same class. With a network, set `published = True`: the cell downloads OpenAI's weights once (548 MB) and continues your text.
""")
code(r"""
published = False

if published:
    gpt2_encoder, gpt2 = load_gpt2_encoder(), from_huggingface(load_gpt2_weights()).to(device)
    prompt = gpt2_encoder.encode("A language model is")
    for token in gpt2.generate(prompt, 60, temperature=0.8, top_p=0.95, seed=SEED, stop=gpt2_encoder.end):
        print(gpt2_encoder.decode([token]), end="", flush=True)
else:
    print("GPT-2 was not downloaded. Its sizes are:", ", ".join(PRESETS))
""")
md(r"""
## Where this departs from the papers

| | papers | here |
|---|---|---|
| Data | BooksCorpus (GPT-1); 8 million web pages, 40 GB (GPT-2) | one megabyte of plays, the same text many times |
| Tokens | 40,478 and 50,257 byte pairs | characters; byte pairs in one experiment |
| Size | 117 million to 1.5 billion parameters | 0.1 to 10.7 million |
| Context | 512 and 1,024 | 256 |
| Dropout | 0.1 (GPT-1) | 0 to 0.2 by size; not of attention weights on a CPU |
| Optimiser | Adam, warm-up, cosine to zero | AdamW with one cycle of the learning rate, $\beta_2 = 0.99$ |
| Batch | 512 windows (GPT-2) | 16 windows at `cpu`, 64 at `gpu` |
| Fine-tuning, zero-shot tasks | the main subject | left out |
| Loss per byte or word | of the original text, with de-tokenisers | per character of the file |

## Exercises

1. **No positions.** Set `model.positions.weight` to zero and keep it there (`requires_grad_(False)`). How much worse does the network of the ladder's second size get? Why does it still know something about order? *Hint: the mask.*
2. **Memorise.** Train the main network without dropout. At which epoch does the validation loss turn, and what do the longest copied runs look like at the end?
3. **Shorter memory.** Train with windows of 16, 32, 64 and 128 characters. From which length on does more context hardly help?
4. **A repetition penalty.** Change `next_probabilities` so that characters of the last 20 positions become less probable. Is the text at temperature 0.5 still monotonous?
5. **Induction from scratch.** Train a network with two layers on random strings written twice, and one with a single layer. Only one of them can learn it. Why?

## Further reading

- [GPT-1](https://cdn.openai.com/research-covers/language-unsupervised/language_understanding_paper.pdf) and [GPT-2](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf), the two papers.
- [nanoGPT](https://github.com/karpathy/nanoGPT) by Andrej Karpathy, from which the well-known figure on this data set comes.
- [In-context Learning and Induction Heads](https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads/index.html) by Olsson and others.
- [On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745) by Xiong and others: why the norm's place decides about warm-up.
- [The Curious Case of Neural Text Degeneration](https://arxiv.org/abs/1904.09751) by Holtzman and others: top-p sampling.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
nbformat.write(book, HERE / "GPT.ipynb")
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
print(len(cells), "cells,", words, "words; too long:", long)
