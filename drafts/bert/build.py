"""Writes BERT.ipynb beside this file: python build.py"""
import sys
from pathlib import Path
sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
TARGET = Path("/work/main/architectures/bert/BERT.ipynb")  # where it will lie: synced cells are relative to it
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n")
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], TARGET) or text))


md(r"""
# BERT: reading in both directions

Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova · NAACL 2019 · [arXiv:1810.04805](https://arxiv.org/abs/1810.04805)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/bert/BERT.ipynb)

You will build BERT and its WordPiece tokeniser, check its 110,106,428 parameters, pre-train a small BERT on movie reviews by hiding words, watch it fill in blanks, and fine-tune it to tell favourable reviews from bad ones with 50, 200, 1,000 and 1,400 labels. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: perplexity of masked words against the trigram model, accuracy with 200 labels pre-trained against random weights, n -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main pre-training and of everything --> Scales: `quick` (half a minute, on generated toy reviews, no internet connection; its numbers mean nothing), `cpu`, `gpu` (a larger network, trained longer), `paper` (the same, four times as long). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import collections
import contextlib
import heapq
import io
import json
import math
import random
import string
import unicodedata
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from architectures.bert.baselines import BagOfWords, Overlap, Trigrams
from architectures.bert.bert import (EPSILON, IGNORED, BertConfig, BertForSequenceClassification, from_huggingface,
                                     initialise)
from architectures.bert.published import load_published_weights, published_file
from architectures.bert.reviews import (LabelledWindows, TextPairs, all_windows, framed, load_reviews,
                                        load_toy_reviews)
from architectures.bert.wordpiece import CLEANED, LONGEST, SPECIALS, WordPiece
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.files import DataError
from utils.plotting import COLOURS, plot_attention, styled
from utils.report import report
from utils.training import fit

SEED = 0
device = get_device()
scale = run_scale()
""")
code(r"""
draw_flow(
    {
        "text": ("[CLS] A, some words hidden [SEP] B [SEP]", 1, 0, "data"),
        "sum": ("token + position + segment embedding, layer norm", 1, 1),
        "blocks": ("L blocks: self-attention in both directions, feed-forward", 1, 2),
        "x": ("a vector for each token", 1, 3, "data"),
        "words": ("word head", 0, 4), "pool": ("pooler: the vector of [CLS]", 2, 4),
        "mlm": ("masked language model:\nwhich words were hidden?", 0, 5, "loss"),
        "nsp": ("next sentence prediction:\ndoes B follow A?", 2, 5, "loss"),
        "cls": ("later: a classifier for your task", 3.2, 5, "data"),
    },
    [
        ("text", "sum"), ("sum", "blocks"), ("blocks", "x"), ("x", "words"), ("x", "pool"), ("words", "mlm"),
        ("pool", "nsp"), ("pool", "cls"),
    ],
    "BERT: one encoder, two tasks that need no labels, and a place for yours",
)
""")
md(r"""
BERT is the encoder of the Transformer. It reads a whole text at once, and every position looks at all others, to the left and to the right. Two tasks make it learn from raw text (dashed boxes). In the first, some words are hidden and the network has to guess them. In the second, it gets two pieces of text and has to say whether the second one follows the first. Afterwards both heads are thrown away, a new one is put on top, and the whole network is fine-tuned on a labelled task.

## The paper in brief

**The question.** GPT had shown that a language model, trained on raw text and fine-tuned, beats networks built for one task. But a language model predicts the next word, so each position may look to the left only. To decide what a word means in a sentence, we use both sides. Why not train on both sides?

**The idea.** A network that sees both sides can't be trained to predict every word, because each word could see itself. BERT hides 15 % of the tokens and predicts only these, a *masked language model* (MLM). With $\tilde x$ for the corrupted text and $M$ for the hidden positions, the loss is

$$\mathcal L = -\frac{1}{|M|}\sum_{t \in M} \log p(x_t \mid \tilde x) \;-\; \log p(\text{B follows A} \mid \tilde x).$$

The second term is *next sentence prediction* (NSP). It trains the vector of the first token, [CLS], to speak for the whole input.

**The results.** BERT-base has about as many parameters as GPT-1 and reaches an average of 79.6 on the GLUE benchmark, against 75.1 for GPT. BERT-large (340 million parameters) reaches 82.1 and set a new state of the art on eleven tasks. With left-to-right training and no NSP, base loses 9 points on MRPC and 11 on SQuAD.

Pre-training took four days on 4 Cloud TPUs for base and on 16 for large, with 3.3 billion words. We have a million words and two cores, and ask the same questions of a network with a few million parameters.

## The data: split first

The data set has 2,000 movie reviews by Pang and Lee, half of them favourable, with one sentence per line. We split documents **before anything else**: 1,400 to train, 200 for validation, 400 for the test. The vocabulary, the counts and the pre-training see the 1,400 only, so the network never sees a test document in any form, not even without its label. (Reviews of the same film can be in both parts.)
""")
code(r"""
reviews = load_toy_reviews() if scale == "quick" else load_reviews()
PARTS = ("train", "val", "test")
labels = {part: [review.label for review in getattr(reviews, part)] for part in PARTS}
words = {part: [" ".join(review.sentences).split() for review in getattr(reviews, part)] for part in PARTS}
assert not {r.sentences for r in reviews.train} & {r.sentences for r in reviews.test} or scale == "quick"
for part in PARTS:
    sentences = sum(len(review.sentences) for review in getattr(reviews, part))
    print(f"{part:5} {len(labels[part]):5,} reviews, {sum(labels[part]):4} favourable, {sentences:6,} sentences,",
          f"{sum(map(len, words[part])):9,} words")
print(f"\n{reviews.name}; the beginning of one with label {labels['train'][1]}:")
for sentence in reviews.train[1].sentences[:4]:
    print("  " + sentence[:95])
""")
md(r"""
## WordPiece: from text to tokens

A vocabulary of whole words never has all of them, and single characters make texts long. **WordPiece** cuts rare words into pieces. First comes a basic cut into words: lower case, accents removed, punctuation apart.
""")
code("# %load -s is_punctuation,basic_words wordpiece.py")
md(r"""
Then a vocabulary is learned. We start from single characters (`##` marks a piece that continues a word) and join two neighbours $a$, $b$ again and again. Byte-pair encoding joins the most frequent pair. WordPiece joins the pair that makes the text most probable if each piece is drawn independently. That gain is about $n_{ab}\,\log\frac{n_{ab}\,N}{n_a\,n_b}$: frequent pairs count, but only as far as they occur more often than by chance. A toy example shows the difference. In these words, *ab* is more frequent than *pq*. But *a* and *b* are frequent anyway, while *q* only ever follows *p*.
""")
code("# %load -s learn_pieces,join wordpiece.py")
code(r"""
counts = {"ab": 9, "a": 60, "b": 3, "xb": 60, "pq": 8}
learned = learn_pieces(counts, 12)
print("pieces in the order in which they were joined:", learned[6:])
assert learned[6:] == ["xb", "pq", "ab"]
""")
md(r"""
## Knobs

All sizes are in one table. The main network has BERT's shape with 4 layers of 256 channels at scale `cpu`; a smaller one, `little`, serves the comparisons in which we pre-train three times.

We pre-train in two stages, short texts first. The paper does the same, with 128 and then 512 tokens, to save time. We have a second reason. At the start, attention is spread evenly over all positions, so each neighbour of a hidden word contributes only one part in 128 to what its position reads, and the network sits on a plateau for a long time: it predicts frequent words, whatever stands around the gap. With texts of 32 tokens, each neighbour counts four times as much. In each stage the learning rate rises for 5 % of the steps and falls linearly. Our batches are much smaller than the paper's (2,048 tokens instead of 131,072), so the rate is ten times higher.
""")
code(r"""
KNOBS = {  # network: layers, channels, heads, peak rate; stages: (tokens in a pair, pairs in a batch, epochs);
    # tune: number of labels -> steps
    "quick": dict(
        vocabulary=300, main=(2, 64, 2, 5e-3), stages=[(16, 32, 12), (32, 16, 16)], little=(1, 32, 2, 5e-3),
        little_stages=[(16, 32, 4), (32, 16, 4)], tune={20: 12, 120: 30}, tune_batch=8, tune_rate=2e-3, seeds=(0, 1),
        ablate=20),
    "cpu": dict(
        vocabulary=8000, main=(4, 256, 4, 1e-3), stages=[(32, 64, 14), (128, 16, 8)], little=(2, 128, 2, 2e-3),
        little_stages=[(32, 64, 6), (128, 16, 4)], tune={50: 50, 200: 80, 1000: 160, 1400: 200}, tune_batch=32,
        tune_rate=5e-4, seeds=(0, 1, 2), ablate=200),
    "gpu": dict(
        vocabulary=8000, main=(6, 384, 6, 7e-4), stages=[(32, 128, 30), (128, 32, 15)], little=(2, 128, 2, 2e-3),
        little_stages=[(32, 64, 10), (128, 16, 6)], tune={50: 60, 200: 120, 1000: 300, 1400: 400}, tune_batch=32,
        tune_rate=3e-4, seeds=(0, 1, 2), ablate=200),
}
KNOBS["paper"] = {**KNOBS["gpu"], "stages": [(32, 128, 120), (128, 32, 60)]}
knobs = KNOBS[scale]
LENGTH = knobs["stages"][-1][0]  # the longest text that the networks read
# dropout's random numbers from torch, not from the compiler, whose own are slow on CPUs
compiled = {"options": {"fallback_random": True}} if scale != "quick" else False

encoder = WordPiece.train([s for review in reviews.train for s in review.sentences], knobs["vocabulary"])
V = len(encoder)
documents = {part: [[encoder.encode(s) for s in r.sentences] for r in getattr(reviews, part)] for part in PARTS}
flat = {part: [[t for sentence in d for t in sentence] for d in documents[part]] for part in PARTS}
tokens = sum(map(len, flat["train"]))
print(f"{V:,} tokens: {', '.join(encoder.pieces[:5])}, {sum(len(p.strip('#')) == 1 for p in encoder.pieces)} single",
      f"characters, the longest {max(encoder.pieces, key=len)!r}")
print(f"{tokens:,} tokens to train on, {tokens / sum(map(len, words['train'])):.2f} per word;",
      f"[UNK] in the test documents: {sum(d.count(encoder.unk) for d in flat['test'])}")
for text in ("An unbelievably overacted blockbuster", "naïve cinematography!"):
    print(f"{text!r} -> {' '.join(encoder.pieces[t] for t in encoder.encode(text))}")
""")
md(r"""
Frequent words are one token, rare ones a few. The tests compare this tokeniser with Hugging Face's on every character of Unicode and on hundreds of random strings.

## Why both directions

Before any network, we can ask with counted word pairs how much each side of a gap is worth. From the pairs we know $p(w \mid \text{left neighbour})$ and $p(\text{right neighbour} \mid w)$. By Bayes' rule, and if the neighbours are independent given the word, both together give

$$p(w \mid l, r) \;\propto\; p(w \mid l)\; p(r \mid w).$$
""")
code(r"""
trigrams = Trigrams(flat["train"], V)

def from_neighbours(left, right, sides):
    '''The distribution of the word between two tokens, by counted pairs: (V,).'''
    p = {"left": trigrams.bigrams[left], "right": trigrams.unigrams * trigrams.bigrams[:, right],
         "both": trigrams.bigrams[left] * trigrams.bigrams[:, right]}[sides]
    return p / p.sum()

draw, places = random.Random(SEED), []
for _ in range(2000 if scale != "quick" else 200):
    document = draw.choice(flat["val"])
    place = draw.randrange(1, len(document) - 1)
    places.append((document[place - 1], document[place], document[place + 1]))
for sides in ("left", "right", "both"):
    p = [from_neighbours(left, right, sides) for left, _, right in places]
    right_guesses = sum(row.argmax().item() == word for row, (_, word, _) in zip(p, places)) / len(places)
    loss = -sum(row[word].log().item() for row, (_, word, _) in zip(p, places)) / len(places)
    print(f"neighbours: {sides:5}  accuracy {100 * right_guesses:4.1f} %  perplexity {math.exp(loss):6.1f}")

@styled
def plot_gap(left, right):
    figure, axes = plt.subplots(1, 3, figsize=(11, 2.8))
    for axis, sides in zip(axes, ("left", "right", "both")):
        p = from_neighbours(*(encoder.numbers[word] for word in (left, right)), sides)
        best = p.topk(6)
        axis.barh([encoder.pieces[i] for i in best.indices][::-1], best.values.flip(0), color=COLOURS[0])
        shown = {"left": f"{left} ___", "right": f"___ {right}", "both": f"{left} ___ {right}"}[sides]
        axis.set(title=shown, xlabel="probability")
    figure.suptitle(f"{reviews.name}: candidates for a gap, by counted pairs")

plot_gap("the", "explores" if scale == "quick" else "actors")
""")
md(r"""
Each side alone allows many words; together they exclude most of them. A left-to-right model never uses the second half of the evidence. TODO-NUMBERS <!-- TODO-NUMBERS: accuracy and perplexity left, right, both; what the plot shows for "the ___ actors" --> **Perplexity** is $e^{\text{loss}}$: a perplexity of 100 means as much uncertainty as a fair choice among 100 words.

## Hiding words

BERT hides 15 % of the tokens of each text. If all of them became [MASK], the network could learn to do nothing at positions without [MASK], and no later task has masks. So of the chosen tokens, 80 % become [MASK], 10 % become a random token, and 10 % stay as they are. The loss asks for the true token at **all chosen positions and nowhere else**. The network can't tell which visible words were chosen, so it has to have an opinion on each of them.
""")
code("# %load -s corrupt bert.py")
code(r"""
ordinary = torch.tensor([n for n, piece in enumerate(encoder.pieces) if piece not in SPECIALS])
hide = partial(corrupt, mask_token=encoder.mask, replacements=ordinary)

generator = torch.Generator().manual_seed(SEED)
many = ordinary[torch.randint(len(ordinary), (500, 100), generator=generator)]
corrupted, positions, truth = hide(many, torch.ones_like(many, dtype=torch.bool), generator=generator)
shown = corrupted.gather(1, positions)
n, masked, kept = truth.numel(), (shown == encoder.mask), (shown == truth)
shares = [part.float().mean().item() for part in (masked, ~masked & ~kept, kept)]
print(f"chosen {n / many.numel():.1%}; of these [MASK] {shares[0]:.1%}, random {shares[1]:.1%}, kept {shares[2]:.1%}")
assert n == 0.15 * many.numel() and (truth == many.gather(1, positions)).all()
assert all(abs(share - p) < 4 * math.sqrt(p * (1 - p) / n) + 0.001 for share, p in zip(shares, (0.8, 0.1, 0.1)))

""")
code(r"""
@styled
def draw_tokens(tokens, chosen, segments, truth, title=""):
    '''Tokens as boxes, A grey and B white; of chosen ones the colour says what happened, with the truth below.'''
    figure, axis = plt.subplots(figsize=(11, 2.8))
    x = y = 0.0
    for place, (token, segment) in enumerate(zip(tokens, segments)):
        piece, fill = encoder.pieces[token], ("#dddddd", "white")[segment]
        if place in chosen:
            fill = COLOURS[0] if token == encoder.mask else COLOURS[2] if token == truth[place] else COLOURS[1]
        width = 0.0075 * max(len(piece), len(encoder.pieces[truth.get(place, token)])) + 0.02
        if x + width > 1:
            x, y = 0.0, y - 1
        axis.text(x, y, piece, fontsize=9, family="monospace", bbox=dict(fc=fill, ec="#555555", alpha=0.6))
        if place in chosen:
            axis.text(x, y - 0.48, encoder.pieces[truth[place]], fontsize=8, family="monospace", color="#555555")
        x += width
    axis.set(xlim=(-0.02, 1.02), ylim=(y - 0.8, 0.8), title=title)
    axis.axis("off")

pairs = TextPairs(documents["train"], encoder, LENGTH, knobs["stages"][-1][1], "cpu", hide, shuffle=True, seed=SEED)
tokens_, segments_, mask_, positions_, labels_, next_ = (part[0].tolist() for part in next(iter(pairs)))
chosen = {p: label for p, label in zip(positions_, labels_) if label != IGNORED}
draw_tokens(tokens_[: sum(mask_)][:70], set(chosen), segments_, chosen,
            f"{reviews.name}: one input; B {'does not follow' if next_ else 'follows'} A")
""")
md(r"""
This is one input. Grey tokens belong to A, white ones to B. Blue tokens were masked, orange ones are random, green ones were chosen but left alone; the true token stands below each. In half of the inputs, B is the continuation of A, and in the other half it starts at a random sentence of another review. New pairs and new masks are drawn in each epoch.

## The network

**The input** is the sum of three vectors per position: one for the token, one for the position, and one for the segment, A or B. **A block** has two sublayers, self-attention and a feed-forward net with GELU, and a layer norm after each residual sum. It is the Transformer's encoder layer: no mask hides the future, only padding is hidden.
""")
code("# %load -s SelfAttention,FeedForward,Block bert.py")
code("# %load -s Bert bert.py")
md(r"""
**The two heads.** The word head is a small layer and then the matrix of the token embedding, so that a word is read and written by the same vector. It works only at the chosen positions, which saves most of its cost. The pooler turns the vector of [CLS] into the vector of the whole input, and a linear layer decides whether B follows.
""")
code("# %load -s WordHead,BertForPreTraining,pretraining_losses bert.py")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

for name, encoder_alone, both_heads in (("base-uncased", 109_482_240, 110_106_428),
                                        ("large-uncased", 335_141_888, 336_226_108)):
    config = BertConfig.preset(name)
    with torch.device("meta"):  # shapes without numbers
        model = BertForPreTraining(config)
    L, H = config.num_layers, config.d_model
    print(f"{name:13} {L} layers, {H:4} channels, {config.num_heads} heads: {count(model.bert):,} parameters",
          f"({count(model):,} with heads)")
    assert count(model.bert) == encoder_alone and count(model) == both_heads
    assert count(model.bert) == 12 * L * H**2 + 13 * L * H + (30_522 + 512 + 2) * H + 2 * H + H**2 + H

# a block against torch's own layer, with the same weights
set_seed(SEED)
block = Block(BertConfig(d_model=32, num_heads=4, dropout=0.0)).eval()
theirs = nn.TransformerEncoderLayer(32, 4, 128, 0.0, "gelu", layer_norm_eps=EPSILON, batch_first=True).eval()
names = {"self_attn.in_proj_": "attention.qkv.", "self_attn.out_proj.": "attention.out.", "linear1.":
         "feed_forward.up.", "linear2.": "feed_forward.down.", "norm1.": "norm1.", "norm2.": "norm2."}
ours = block.state_dict()
theirs.load_state_dict({f"{t}{kind}": ours[f"{o}{kind}"] for t, o in names.items() for kind in ("weight", "bias")})
x, padded = torch.randn(2, 10, 32), torch.arange(10) >= torch.tensor([[10], [6]])
with torch.no_grad():
    found, expected = block(x, ~padded[:, None, None]), theirs(x, src_key_padding_mask=padded)
torch.testing.assert_close(found[~padded], expected[~padded], rtol=1e-4, atol=1e-5)
print("a block equals torch's nn.TransformerEncoderLayer, with padding")
""")
md(r"""
The paper rounds these to 110 and 340 million. The tests go further: all hidden states and both losses equal those of Hugging Face's BERT with the same weights.
""")
code(r"""
def build(size, **changes):
    layers, channels, heads, _ = size
    # dropout of attention weights is slow on CPUs: left out there
    attention_dropout = None if device.type == "cuda" else 0.0
    config = BertConfig(V, LENGTH, 2, channels, layers, heads, attention_dropout=attention_dropout, **changes)
    return BertForPreTraining(config)

with torch.device("meta"):
    drawn = build(knobs["main"])
window = (torch.zeros(1, LENGTH, dtype=torch.int64),)
draw_network(drawn.bert, window, {"dropout": "embeddings", "blocks.0": "block 1",
             f"blocks.{knobs['main'][0] - 1}": f"block {knobs['main'][0]}", "pooler": "pooler"},
             f"The main network, {count(drawn):,} parameters with its heads")
""")
code(r"""
# sanity: the network can memorise one batch
def pretrain_step(model, tokens, segments, mask, positions, word_labels, next_labels):
    '''The objective: the sum of both losses, how many pairs it is the mean of, and the second loss apart.'''
    mlm, nsp = pretraining_losses(*model(tokens, segments, mask, positions), word_labels, next_labels)
    B = len(tokens)
    return mlm + nsp, B, {"nsp": nsp.detach() * B}

set_seed(SEED)
model = BertForPreTraining(BertConfig(V, LENGTH, 2, 64, 2, 2, dropout=0.0)).to(device)
batch = [part[:8].to(device) for part in next(iter(pairs))]
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for _ in range(100):
    loss, _, sums = pretrain_step(model, *batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"one batch after 100 steps: both losses together {loss.item():.3f}")
assert loss.item() < 0.2
""")
md(r"""
## Pre-training

After each epoch we let the network fill in some blanks and write the answers into a diary.
""")
code(r"""
TOY = ("the pilot explores the [MASK] .", "the bride remembers the [MASK] .", "a superb storm , and a [MASK] sailor .")
REAL = ("she falls in [MASK] with a man .", "the special [MASK] are amazing .",
        "this is one of the [MASK] movies of the year .", "the film is [MASK] by steven spielberg .",
        "i didn't like this movie , it was very [MASK] .")
BLANKS = TOY if scale == "quick" else REAL

@torch.no_grad()
def fill(model, text, encoder=encoder, best=5):
    '''The most probable pieces for each [MASK] of a text, with their probabilities.'''
    tokens, segments = (torch.tensor([part], device=device) for part in encoder.frame(encoder.encode(text)))
    logits = model.eval()(tokens, segments)[0][tokens == encoder.mask]
    p, numbers = logits.float().softmax(dim=-1).topk(best)
    return [[(encoder.pieces[n], q) for n, q in zip(*gap)] for gap in zip(numbers.tolist(), p.tolist())]

diary = checkpoint_dir() / scale / "BERT" / "diary.json"

def keep_diary(model):
    '''A score without numbers: the blanks as they are filled after each epoch go into the diary.'''
    pages = json.loads(diary.read_text()) if diary.exists() else []
    diary.parent.mkdir(parents=True, exist_ok=True)
    diary.write_text(json.dumps([*pages, [fill(model, text)[0] for text in BLANKS]]))
    return {}

""")
code(r"""
def optimiser(model, rate, steps, warmup):
    '''AdamW with weight decay on matrices alone, and a rate that rises for a share of the steps and falls linearly.'''
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) == large] for large in (True, False))
    groups = [dict(params=matrices, weight_decay=0.01), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=warmup,
                                                    anneal_strategy="linear", cycle_momentum=False)
    return optimizer, scheduler

def pretrain(name, model, rate, stages, objective=pretrain_step, hide=hide, lines=1, **options):
    '''Pre-train on pairs of the training documents. Returns the model in evaluation mode and the Run of each stage.'''
    runs = []
    for number, (length, batch, epochs) in enumerate(stages):
        train_pairs, val_pairs = (
            TextPairs(documents[part], encoder, length, batch, device, hide, shuffle=part == "train", seed=SEED)
            for part in ("train", "val"))
        optimizer, scheduler = optimiser(model.to(device), rate / 2**number, epochs * len(train_pairs), 0.05)
        print(f"pairs of {length} tokens:")
        runs.append(fit(model, train_pairs, optimizer, scheduler, epochs, device, {"val": val_pairs}, objective,
                        checkpoint=f"BERT/{name}-{length}", lines=lines, clip=1.0, compile=compiled, **options))
    return model.eval(), runs

set_seed(SEED)
bert, main_runs = pretrain("main", build(knobs["main"]), knobs["main"][-1], knobs["stages"], lines=5, score=keep_diary)
main_run = main_runs[-1]
""")
code(r"""
test_pairs = TextPairs(documents["test"], encoder, LENGTH, knobs["stages"][-1][1], device, hide)

def restored(tokens, positions, word_labels):
    '''The tokens before they were hidden.'''
    whole = torch.cat([tokens, tokens[:, :1]], dim=1)  # one place more, for what was not chosen
    places = torch.where(word_labels != IGNORED, positions, tokens.shape[1])
    return whole.scatter(1, places, word_labels.clamp(min=0))[:, :-1]

@torch.no_grad()
def measure(model, loader):
    '''{"accuracy", "loss"} of hidden words and {"next"}, the accuracy of the next sentence, over a loader.'''
    right = words = loss = following = pairs = 0
    for tokens, segments, mask, positions, word_labels, next_labels in loader:
        with autocast(device, choose_precision(device)[0]):
            word_logits, next_logits = model.eval()(tokens, segments, mask, positions)
        chosen = word_labels != IGNORED
        right += (word_logits.argmax(-1) == word_labels)[chosen].sum().item()
        loss += F.cross_entropy(word_logits[chosen].float(), word_labels[chosen], reduction="sum").item()
        words += chosen.sum().item()
        following += (next_logits.argmax(-1) == next_labels).sum().item()
        pairs += len(tokens)
    return dict(accuracy=right / words, loss=loss / words, next=following / pairs)

def measure_counts(loader):
    '''The same hidden words by counts: {name: (accuracy, loss)}. The trigrams see the two true tokens to the left.'''
    sums = {name: np.zeros(2) for name in ("unigram counts", "trigram counts")}
    n = 0
    for tokens, _, _, positions, word_labels, _ in loader:
        tokens, positions, word_labels = (part.cpu() for part in (tokens, positions, word_labels))
        for row, places, truth in zip(restored(tokens, positions, word_labels).tolist(), positions, word_labels):
            for place, word in zip(places[truth != IGNORED].tolist(), truth[truth != IGNORED].tolist()):
                n += 1
                for name, p in (("unigram counts", trigrams.unigrams),
                                ("trigram counts", trigrams.probabilities(row[max(place - 2, 0)], row[place - 1]))):
                    sums[name] += (p.argmax().item() == word, -p[word].log().item())
    return {name: (right / n, loss / n) for name, (right, loss) in sums.items()}

measured, counted = measure(bert, test_pairs), measure_counts(test_pairs)
for name, (accuracy, loss) in {**counted, "BERT": (measured["accuracy"], measured["loss"])}.items():
    print(f"{name:15} hidden words of the test documents: accuracy {accuracy:6.1%}, perplexity {math.exp(loss):7.1f}")
""")
md(r"""
The trigram model has an advantage: it sees the two true words to the left, even where BERT sees [MASK]. For next-sentence prediction, the simple competitor is a bag of words: A and B belong together if they share rare words. Its threshold comes from training pairs.
""")
code(r"""
# For the README: the two losses of pre-training, beside counted words and a bag of words
def texts_of(batches):
    '''A and B of each pair as lists of tokens, without hidden words, and whether B follows.'''
    pairs, follows = [], []
    for tokens, _, _, positions, word_labels, next_labels in batches:
        for row, answer in zip(restored(tokens, positions, word_labels).tolist(), next_labels.tolist()):
            middle = row.index(encoder.sep)
            pairs.append((row[1:middle], [t for t in row[middle + 1 :] if t not in (encoder.sep, encoder.pad)]))
            follows.append(not answer)
    return pairs, follows

some = [batch for batch, _ in zip(pairs, range(100))]
overlap = Overlap(flat["train"]).fit(*texts_of(some))
overlap_accuracy = overlap.accuracy(*texts_of([[part.cpu() for part in batch] for batch in test_pairs]))
print(f"next sentence: bag of words {overlap_accuracy:.1%}, BERT {measured['next']:.1%}")

@styled
def plot_parts(runs, levels):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
    for axis, part, title in zip(axes, ("mlm", "nsp"), ("hidden words", "next sentence")):
        for colour, split in zip(COLOURS, ("train", "val")):
            both, nsp = ([v for run in runs for v in run.history[f"{split}_{kind}"]] for kind in ("loss", "nsp"))
            values = nsp if part == "nsp" else np.subtract(both, nsp)
            axis.plot(range(1, len(values) + 1), values, ".-", color=colour, label=split)
        axis.axvline(runs[0].history["epoch"][-1] + 0.5, color="#bbbbbb", linewidth=1, label="longer texts")
        axis.set(title=title, xlabel="epoch", ylabel="cross-entropy (nats)")
    for colour, (name, (_, loss)) in zip(COLOURS[2:], levels.items()):
        axes[0].axhline(loss, color=colour, linestyle="--", label=name)
    axes[1].axhline(math.log(2), color="#555555", linestyle=":", label="guessing")
    for axis in axes:
        axis.legend()
    figure.suptitle(f"Pre-training on {reviews.name}")

plot_parts(main_runs, counted)
""")
code(r"""
report("BERT", "test documents", reviews.name, "1,400 / 200 / 400 documents", "counts",
       [dict(what="perplexity of hidden words (counts: trigrams)", paper=None,
             reproduction=math.exp(counted["trigram counts"][1]), runs=[(math.exp(measured["loss"]), main_run)]),
        dict(what="accuracy of hidden words, % (counts: trigrams)", paper=None,
             reproduction=100 * counted["trigram counts"][0], runs=[(100 * measured["accuracy"], main_run)]),
        dict(what="next sentence, accuracy in % (counts: shared words)", paper=None,
             reproduction=100 * overlap_accuracy, runs=[(100 * measured["next"], main_run)]),
        dict(what="first stage, validation loss of hidden words in nats", paper=None, reproduction=None,
             runs=[(main_runs[0].history["val_loss"][-1] - main_runs[0].history["val_nsp"][-1], main_runs[0])])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: both curves: where the MLM loss crosses the unigram and trigram lines, whether it still falls, gap between train and val; NSP against the bag of words; the paper's final NSP accuracy is 97 to 98 %, its MLM perplexity for base 3.99 on its own text and tokens, so not comparable --> In the training curve, dropout is on.

## Blanks: before, during and after
""")
code(r"""
set_seed(SEED)
untrained = build(knobs["main"]).to(device).eval()
pages = (json.loads(diary.read_text()) if diary.exists() else [])[-sum(epochs for *_, epochs in knobs["stages"]) :]
moments = {"before": [fill(untrained, text)[0] for text in BLANKS]}
for epoch in sorted({1, 2, max(len(pages) // 2, 1)} & set(range(1, len(pages)))):
    moments[f"epoch {epoch}"] = pages[epoch - 1]
moments["after"] = [fill(bert, text)[0] for text in BLANKS]
for number, text in enumerate(BLANKS):
    print(text)
    for moment, answers in moments.items():
        print(f"  {moment:9}", ", ".join(f"{piece} {p:.0%}" for piece, p in answers[number]))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what is learnt first (frequent tokens: "the", "."), then the kind of word, then the topic; the sentiment blank -->

## Fine-tuning: what pre-training is worth

Now the labels come in. A linear layer on the [CLS] vector decides whether a review is favourable, and **all** weights are trained. A review is longer than the 128 tokens that the network reads, so we train on random windows with the label of their review, and for a test review average the logits over all its windows.

We use 50, 200, 1,000 and all 1,400 labels, the same for three competitors: the pre-trained network, **the same network from random weights** with the same steps, and logistic regression on a bag of words. If pre-training taught the network something about words that is useful for sentiment, the first should beat the second, most clearly where labels are few.
""")
code(r"""
def subset(n, seed):
    '''The numbers of n training documents, half of them favourable.'''
    draw = random.Random(seed)
    sides = ([i for i, label in enumerate(labels["train"]) if label == side] for side in (0, 1))
    return [i for side in sides for i in draw.sample(side, min(n // 2, len(side)))]

def sentiment(model, tokens, mask, labels):
    '''The objective of fine-tuning: mean cross-entropy over windows.'''
    logits = model(tokens, None, mask)
    return F.cross_entropy(logits, labels), len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}

@torch.no_grad()
def document_accuracy(model, part="test"):
    '''The share of documents that the mean logits of their windows label rightly.'''
    windows = [(number, w) for number, d in enumerate(flat[part]) for w in all_windows(d, LENGTH)]
    sums = torch.zeros(len(flat[part]), 2)
    for start in range(0, len(windows), 64):
        numbers, texts = zip(*windows[start : start + 64])
        tokens, mask = (part.to(device) for part in framed(texts, encoder, LENGTH))
        with autocast(device, choose_precision(device)[0]):
            logits = model.eval()(tokens, None, mask)
        sums.index_add_(0, torch.tensor(numbers), logits.float().cpu())
    return (sums.argmax(dim=1) == torch.tensor(labels[part])).float().mean().item()

def score(model):
    return {"test_accuracy": document_accuracy(model)}

def fine_tune(name, pretrained, n, seed, config):
    '''Fine-tune on n labels, from `pretrained` or, where that is None, from random weights. Returns the Run.'''
    set_seed(seed)
    model = BertForSequenceClassification(config).to(device)
    if pretrained is not None:
        model.bert.load_state_dict(pretrained.bert.state_dict())
    chosen, steps = subset(n, seed), knobs["tune"][n]
    loader = LabelledWindows([flat["train"][i] for i in chosen], [labels["train"][i] for i in chosen], encoder, LENGTH,
                             steps, knobs["tune_batch"], device, seed)
    optimizer, scheduler = optimiser(model, knobs["tune_rate"], steps, 0.1)
    with contextlib.redirect_stdout(io.StringIO()):  # many short trainings: one line for each group is enough
        return fit(model, loader, optimizer, scheduler, 1, device, {}, sentiment, clip=1.0, compile=compiled,
                   checkpoint=f"BERT/tune-{name}-{n}-{seed}", score=score)
""")
code(r"""
def fine_tune_seeds(name, pretrained, n, config, seeds=knobs["seeds"]):
    '''The test accuracies in % of all seeds, with their Runs.'''
    runs = [fine_tune(name, pretrained, n, seed, config) for seed in seeds]
    found = [(100 * run.history["test_accuracy"][-1], run) for run in runs]
    print(f"{name:24} {n:5,} labels: test accuracy", ", ".join(f"{value:.1f}" for value, _ in found), "%")
    return found

tuned = {}
for n in knobs["tune"]:
    for name, start in (("pre-trained", bert), ("random weights", None)):
        tuned[name, n] = fine_tune_seeds(name.replace(" ", "-"), start, n, bert.config)
""")
code(r"""
bags = {}
for n in knobs["tune"]:
    chosen = [subset(n, seed) for seed in knobs["seeds"]]
    bags[n] = [100 * BagOfWords([words["train"][i] for i in c], [labels["train"][i] for i in c]).accuracy(
        words["test"], labels["test"]) for c in chosen]

@styled
def plot_labels(tuned, bags):
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    sizes = list(bags)
    for colour, name in zip(COLOURS, ("pre-trained", "random weights", "bag of words")):
        values = np.array([bags[n] if name == "bag of words" else [v for v, _ in tuned[name, n]] for n in sizes])
        left.plot(sizes, values.mean(axis=1), "-", color=colour, label=name)
        left.plot(np.repeat(sizes, values.shape[1]), values.ravel(), "o", color=colour, alpha=0.5)
    gaps = np.array([[a - b for (a, _), (b, _) in zip(tuned["pre-trained", n], tuned["random weights", n])]
                     for n in sizes])
    right.plot(sizes, gaps.mean(axis=1), "-", color=COLOURS[3])
    right.plot(np.repeat(sizes, gaps.shape[1]), gaps.ravel(), "o", color=COLOURS[3], alpha=0.5)
    right.axhline(0, color="#555555", linewidth=1)
    left.set(title="three competitors, a dot for each seed", ylabel="test accuracy (%)")
    right.set(title="what pre-training adds", ylabel="percentage points")
    for axis in (left, right):
        axis.set(xscale="log", xlabel="labelled reviews", xticks=sizes)
        axis.set_xticklabels([f"{n:,}" for n in sizes])
        axis.minorticks_off()
    left.legend()
    figure.suptitle(f"Sentiment of {reviews.name}")

plot_labels(tuned, bags)
report("BERT", "test accuracy, %", reviews.name, "1,400 / 200 / 400 documents", "bag of words",
       [dict(what=f"{name}, {n:,} labels", paper=None, reproduction=float(np.mean(bags[n])), runs=tuned[name, n])
        for n in knobs["tune"] for name in ("pre-trained", "random weights")], table="sentiment")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the gap at each number of labels, against the spread of the seeds; the bag of words; 400 test documents mean a sampling error of about 2 points, the same documents for all --> Each seed draws other labelled reviews, so the spread between seeds contains the luck of the draw; all competitors share the draws.

## Left to right instead

What if the network reads from left to right only, as GPT does? The only change is a causal mask: no position sees what follows. Then no word has to be hidden, and **every** position predicts its next word, so this network gets six times as many predictions out of each text. [CLS] stands first and would see nothing, so the last token speaks for the text. For this comparison we pre-train small networks, with equal sizes, texts and steps. The perplexities refer to the same hidden words of the test documents: the left-to-right network sees all true words to the left, BERT sees both sides with gaps.
""")
code(r"""
def next_word_step(model, tokens, segments, mask, next_labels):
    '''The objective of the left-to-right network: every token from those before it.'''
    word_logits, next_logits = model(tokens, segments, mask)
    targets = tokens[:, 1:].masked_fill(~mask[:, 1:], IGNORED)
    lm, nsp = pretraining_losses(word_logits[:, :-1], next_logits, targets, next_labels)
    B = len(tokens)
    return lm + nsp, B, {"nsp": nsp.detach() * B}

little, runs = {}, {}
for name, objective, rule, causal in (("both directions", pretrain_step, hide, False),
                                      ("100 % masks", pretrain_step, partial(hide, rule=(1.0, 0.0)), False),
                                      ("left to right", next_word_step, None, True)):
    set_seed(SEED)
    print(f"{name}:")
    file = f"little-{name.replace(' ', '-').replace('%', 'percent')}"
    little[name], runs[name] = pretrain(file, build(knobs["little"], causal=causal), knobs["little"][-1],
                                        knobs["little_stages"], objective, rule)
""")
code(r"""
@torch.no_grad()
def measure_left_to_right(model, loader):
    '''Accuracy and loss at the hidden words of a loader, each from the true words before it.'''
    right = loss = n = 0
    for tokens, segments, mask, positions, word_labels, _ in loader:
        whole, chosen = restored(tokens, positions, word_labels), word_labels != IGNORED
        with autocast(device, choose_precision(device)[0]):
            logits = model.eval()(whole, segments, mask, (positions - 1).clamp(min=0))[0][chosen].float()
        right += (logits.argmax(-1) == word_labels[chosen]).sum().item()
        loss += F.cross_entropy(logits, word_labels[chosen], reduction="sum").item()
        n += chosen.sum().item()
    return dict(accuracy=right / n, loss=loss / n)

gaps = {"both directions": measure(little["both directions"], test_pairs),
        "left to right": measure_left_to_right(little["left to right"], test_pairs)}
for name, found in gaps.items():
    print(f"{name:16} hidden words: accuracy {found['accuracy']:.1%}, perplexity {math.exp(found['loss']):.1f}")
ablated = {name: fine_tune_seeds("little-" + name.replace(" ", "-").replace("%", "percent"), model, knobs["ablate"],
                                 model.config) for name, model in little.items()}
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: perplexity and accuracy of both; sentiment with 200 labels; if left to right is ahead in perplexity: it has six times the predictions a step, and the paper's figure 5 shows the masked model to converge more slowly -->

## Why not mask them all?

The third small network was pre-trained with [MASK] in place of all chosen words. The paper found little difference after fine-tuning (84.2 against 84.3 on MNLI), but a clear one where the vectors are used as they are (94.9 against 94.0 on a named-entity task). We can ask directly what the 10 % + 10 % are good for: what does each network say about a word that is **not** hidden?
""")
code(r"""
visible, only_masks = (TextPairs(documents["test"], encoder, LENGTH, knobs["stages"][-1][1], device,
                                 partial(hide, rule=rule)) for rule in ((0.0, 0.0), (1.0, 0.0)))
for name in ("both directions", "100 % masks"):
    seen, hidden = measure(little[name], visible), measure(little[name], only_masks)
    print(f"{'80/10/10' if name != '100 % masks' else name:11} names a visible word: {seen['accuracy']:5.1%},",
          f"a masked word: {hidden['accuracy']:5.1%};",
          f"sentiment, {knobs['ablate']} labels: {np.mean([v for v, _ in ablated[name]]):.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: visible words: 80/10/10 names nearly all of them, the other hardly (or less); masked words and sentiment about equal --> The network with 100 % masks was never asked about a visible word, so nothing forces its vectors at these positions to keep the word.

## Look inside

**Attention.** Each head of each layer decides where a position looks. We feed a sentence with a blank to the main network.
""")
code(r"""
text = BLANKS[0]
tokens, segments = (torch.tensor([part], device=device) for part in encoder.frame(encoder.encode(text)))
for block in bert.bert.blocks:
    block.attention.keep_weights = True
with torch.no_grad():
    bert(tokens, segments)
pieces = [encoder.pieces[t] for t in tokens[0]]
for layer in (0, len(bert.bert.blocks) - 1):
    plot_attention(bert.bert.blocks[layer].attention.weights[0], pieces, pieces, f"layer {layer + 1}")
for block in bert.bert.blocks:
    block.attention.keep_weights = False
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which heads look at neighbours, at [SEP], which from [MASK] to its verb --> Rows look, columns are looked at.

**Neighbours.** Which token vectors point in similar directions? Before pre-training they are random. Afterwards, words that fit the same gaps should be close.
""")
code(r"""
ASKED = ("pilot", "superb", "storm") if scale == "quick" else ("good", "actor", "two", "her", "horror", "spielberg")

def neighbours(model, word, best=6):
    vectors = F.normalize(model.bert.tokens.weight.detach().float(), dim=1)
    similarity = vectors @ vectors[encoder.numbers[word]]
    return ", ".join(encoder.pieces[i] for i in similarity.topk(best + 1).indices.tolist() if encoder.pieces[i] != word)

for word in ASKED:
    if word in encoder.numbers:
        print(f"{word}\n  before: {neighbours(untrained, word)}\n  after:  {neighbours(bert, word)}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what the neighbours share: the kind of word, the topic; opposites are close ("good", "bad"), since they fit the same gaps -->

## The published BERT

Google's weights fit into the same classes. Where there is a GPU, the next cell downloads them once (440 MB), fills our blanks, and repeats the fine-tuning with few labels. On a CPU, set `published = True` to fill the blanks.
""")
code(r"""
published = device.type == "cuda" and scale != "quick"

if published:
    try:
        google = WordPiece.from_file(published_file("vocab.txt"))
        big = from_huggingface(load_published_weights()).to(device)
        for text in BLANKS:
            print(text, " ", ", ".join(f"{piece} {p:.0%}" for piece, p in fill(big, text, google)[0]))
    except DataError as error:
        print(error)
        published = False
else:
    print("The published weights were not downloaded.")
""")
code(r"""
if published and device.type == "cuda":
    ours, encoder = (encoder, flat, dict(knobs)), google  # the same functions, with Google's tokens
    flat = {part: [encoder.encode(" ".join(document)) for document in words[part]] for part in PARTS}
    knobs["tune_rate"] = 5e-5
    for n in [*list(knobs["tune"])[:2], max(knobs["tune"])]:
        fine_tune_seeds("published", big, n, big.config, seeds=knobs["seeds"][:1])
    encoder, flat, knobs = ours
""")
md(r"""
## Use it

Save the network with its vocabulary, load both again, and fill in a blank of your own.
""")
code(r"""
folder = checkpoint_dir() / scale / "BERT"
encoder.save(folder / "vocab.txt")
save_file({name: value.half() for name, value in bert.cpu().state_dict().items()}, folder / "bert-weights.pt")

my_encoder = WordPiece.from_file(folder / "vocab.txt")
my_bert = build(knobs["main"])
my_bert.load_state_dict(torch.load(folder / "bert-weights.pt", weights_only=True))
my_bert.to(device)
print(f"{(folder / 'bert-weights.pt').stat().st_size / 1e6:.1f} MB in half precision")

my_text = "the [MASK] leaves the planet ." if scale == "quick" else "the [MASK] is great , but the ending is [MASK] ."
for number, gap in enumerate(fill(my_bert, my_text, my_encoder), start=1):
    print(f"blank {number} of {my_text!r}:", ", ".join(f"{piece} {p:.0%}" for piece, p in gap))
assert fill(my_bert, my_text, my_encoder)[0][0][0] == fill(bert.to(device), my_text)[0][0][0]
""")
md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Text | BooksCorpus and Wikipedia, 3.3 billion words | a million words of movie reviews, many times |
| Size | 110 and 340 million parameters, 30,522 tokens | a few million, 8,000 tokens |
| Length | 128 tokens for 90 % of the steps, then 512 | 32, then 128 |
| Batch, steps | 128,000 tokens, one million steps | 2,048 tokens, some ten thousand steps |
| Optimiser | Adam, $\beta_2 = 0.999$, peak rate 1e-4, 10,000 steps of warm-up | AdamW, $\beta_2 = 0.98$, 1e-3, 5 % warm-up in each stage, gradients clipped at 1 |
| Random tokens | any token of the vocabulary | no special ones |
| First weights | normal, cut at two standard deviations | normal |
| Dropout | 0.1 everywhere | 0.1, not of attention weights on a CPU |
| WordPiece | trained by an unpublished program | the likelihood gain of Schuster and Nakajima |
| Fine-tuning | GLUE, SQuAD, SWAG; whole inputs | sentiment; windows of long reviews, averaged |

## Exercises

1. **No next sentence.** Pre-train `BertForPreTraining(config, next_sentence=False)` and fine-tune it. RoBERTa found that NSP can be left out. Do you? *Hint: the pooler is new then.*
2. **How much to hide.** Set `share` to 0.05, 0.15, 0.4 and 0.8. More predictions per step, less context each: which wins after equal steps?
3. **Whole words.** A hidden `##er` is easy to guess from the rest of its word. Change `corrupt` so that it hides all pieces of a word together.
4. **Freeze it.** Fine-tune only the classifier with 200 labels, on [CLS] or on the mean of all vectors. How much of the gain is left?
5. **Two blanks.** Fill "the [MASK] [MASK] are amazing ." both at once, and one after the other. Why do the answers differ?

## Further reading

- [The paper](https://arxiv.org/abs/1810.04805), above all section 5 and appendix C.
- [Well-Read Students Learn Better](https://arxiv.org/abs/1908.08962) by Turc and others: the small published BERTs.
- [RoBERTa](https://arxiv.org/abs/1907.11692) by Liu and others: BERT trained longer, without next-sentence prediction.
- [A Primer in BERTology](https://arxiv.org/abs/2002.12327) by Rogers and others: what is known about its inside.
- [The Illustrated BERT](https://jalammar.github.io/illustrated-bert/) by Jay Alammar.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
nbformat.write(book, HERE / "BERT.ipynb")
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
print(len(cells), "cells,", words, "words; too long:", long)
