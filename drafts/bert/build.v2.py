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

You will build BERT and its WordPiece tokeniser, check its 110,106,428 parameters, pre-train a small BERT on movie reviews by masking words, watch it fill in blanks, and fine-tune it to tell positive reviews from negative ones with 50, 200 and 1,400 labels. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: perplexity at [MASK] against the trigram model and against the bigrams of both sides, accuracy with 200 labels pre-trained against random weights, n -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main pre-training and of everything --> Scales: `quick` (half a minute, on generated toy reviews, no internet connection; its numbers mean nothing), `cpu`, `gpu` (a larger network, trained longer), `paper` (the same, four times as long). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import collections
import contextlib
import dataclasses
import io
import json
import math
import random
from functools import partial
from operator import itemgetter

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
from architectures.bert.wordpiece import SPECIALS, WordPiece, basic_words, join, learn_pieces
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import autocast, choose_precision, get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
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
        "text": ("[CLS] A, some words masked [SEP] B [SEP]", 1, 0, "data"),
        "sum": ("token + position + segment embedding, layer norm", 1, 1),
        "blocks": ("L blocks: self-attention in both directions, feed-forward", 1, 2),
        "x": ("a vector for each token", 1, 3, "data"),
        "words": ("MLM head", 0, 4), "pool": ("pooler: the vector of [CLS]", 2, 4),
        "mlm": ("masked language model:\nwhich words were masked?", 0, 5, "loss"),
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
BERT is the encoder of the Transformer. It reads a whole text at once, and every position looks at all others, to the left and to the right. Two tasks make it learn from raw text (dashed boxes). In the first, some words are masked and the network has to predict them. In the second, it gets two pieces of text and has to say whether the second one follows the first. Afterwards the heads of both tasks are thrown away, but the pooler stays. A new classifier is put on top of it, and the whole network is fine-tuned on a labelled task.

## The paper in brief

**The question.** GPT had shown that a language model, trained on raw text and fine-tuned, beats networks built for one task. But a language model predicts the next word, so each position may look to the left only. To decide what a word means in a sentence, we use both sides. Why not train on both sides?

**The idea.** A network that sees both sides can't be trained to predict every word, because each word could see itself. BERT selects 15 % of the tokens, hides most of them, and predicts only the selected ones. This is a *masked language model* (MLM). With $\tilde x$ for the corrupted text, $M$ for the selected positions, and $y$ for the answer to "does B follow A?", the loss is

$$\mathcal L = -\frac{1}{|M|}\sum_{t \in M} \log p(x_t \mid \tilde x) \;-\; \log p(y \mid \tilde x).$$

The second term is *next sentence prediction* (NSP). It trains the vector of the first token, [CLS], to speak for the whole input.

**The results.** BERT-base has about as many parameters as GPT-1 and reaches an average of 79.6 on the GLUE benchmark, against 75.1 for GPT. BERT-large (340 million parameters) reaches 82.1 and set a new state of the art on eleven tasks. Without NSP, base reaches 86.5 on MRPC and an F1 of 87.9 on SQuAD. If it also reads from left to right only, these fall to 77.5 and 77.8.

Pre-training took four days on 4 Cloud TPUs for base and on 16 for large, with 3.3 billion words. We have a million words and two cores, and ask the same questions of a network with a few million parameters.

## The data: split first

The data set has 2,000 movie reviews by Pang and Lee ([2004](https://arxiv.org/abs/cs/0409058)), half of them positive, with one sentence per line. We split documents **before anything else**: 1,400 to train, 200 for validation, 400 for the test. The vocabulary, the counts and the pre-training see the 1,400 only, so the network never sees a test document in any form, not even without its label. (Reviews of the same film can be in several parts.)
""")
code(r"""
reviews = load_toy_reviews() if scale == "quick" else load_reviews()
PARTS = ("train", "val", "test")
labels = {part: [review.label for review in getattr(reviews, part)] for part in PARTS}
words = {part: [" ".join(review.sentences).split() for review in getattr(reviews, part)] for part in PARTS}
if scale != "quick":  # no document is in two parts
    texts = [{review.sentences for review in getattr(reviews, part)} for part in PARTS]
    assert len(set().union(*texts)) == sum(map(len, texts))
for part in PARTS:
    sentences = sum(len(review.sentences) for review in getattr(reviews, part))
    print(f"{part:5} {len(labels[part]):5,} reviews, {sum(labels[part]):4} positive, {sentences:6,} sentences,",
          f"{sum(map(len, words[part])):9,} words")
print(f"\n{reviews.name}; the beginning of one with label {labels['train'][1]}:")
for sentence in reviews.train[1].sentences[:4]:
    print("  " + sentence[:95])
""")
md(r"""
## WordPiece: from text to tokens

A vocabulary of whole words never has all of them, and single characters make texts long. **WordPiece** cuts rare words into pieces. First comes a basic cut into words: lower case, accents removed, punctuation apart. Then each word is cut from the left, and at each place the **longest** piece that the vocabulary has is taken. A piece that continues a word starts with `##`. If nothing fits, the whole word becomes [UNK].
""")
code(r"""
def longest_match(word, vocabulary):
    '''A word as pieces of a vocabulary.'''
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next((e for e in range(len(word), start, -1) if mark + word[start:e] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces

print(basic_words("Héllo, WORLD!"))
print(longest_match("unaffable", {"un", "##a", "##aff", "##able"}), longest_match("x-ray", {"x", "##ray"}))
assert longest_match("unaffable", {"un", "##a", "##aff", "##able"}) == ["un", "##aff", "##able"]
""")
md(r"""
Where do the pieces come from? We start from single characters and merge two neighbours $a$, $b$ again and again. Byte-pair encoding (BPE) merges the most frequent pair. WordPiece merges the pair that raises the likelihood of the text most, if each piece is drawn independently. That gain is about

$$n_{ab}\,\log\frac{n_{ab}\,N}{n_a\,n_b}$$

for $n$ occurrences each and $N$ pieces in all: frequent pairs count, but only as far as they occur more often than by chance. (Some descriptions leave out the factor $n_{ab}$.) To see the difference, we take five words in which *ab* is more frequent than *pq*, but *a* and *b* are frequent anyway, while *q* only ever follows *p*.
""")
code(r"""
def merge_once(words, gain):
    '''Merge the pair with the largest gain in all words {(piece, …): count}. Returns the new words and the pair.'''
    single, pairs = collections.Counter(), collections.Counter()
    for pieces, n in words.items():
        for piece in pieces:
            single[piece] += n
        for pair in zip(pieces, pieces[1:]):
            pairs[pair] += n
    N = sum(single.values())
    best = max(pairs, key=lambda pair: gain(pairs[pair], single[pair[0]], single[pair[1]], N))
    merged = best[0] + best[1].removeprefix("##")
    return {tuple(join(list(pieces), best, merged)): n for pieces, n in words.items()}, merged

counts = {"ab": 9, "a": 60, "b": 3, "xb": 60, "pq": 8}
found = {}
gains = {"BPE": lambda ab, a, b, N: ab, "WordPiece": lambda ab, a, b, N: ab * math.log(ab * N / (a * b))}
for name, gain in gains.items():
    toy, found[name] = {(word[0], *("##" + c for c in word[1:])): n for word, n in counts.items()}, []
    for _ in range(3):
        toy, merged = merge_once(toy, gain)
        found[name].append(merged)
    print(f"{name:9} merges {', then '.join(found[name])}")
assert found == {"BPE": ["xb", "ab", "pq"], "WordPiece": ["xb", "pq", "ab"]}
assert learn_pieces(counts, 12)[6:] == found["WordPiece"]  # wordpiece.py: the same, fast enough for a million words
""")
md(r"""
WordPiece merges *pq* before *ab*, although *ab* occurs nine times and *pq* eight times.

## Hyperparameters

All sizes are in one table. The main network has BERT's shape with 2 layers and a hidden size of 256 at scale `cpu`. Our text is so short that the number of predictions limits the network, not its number of layers. A smaller network, `little`, serves one comparison.

We pre-train in two stages, short texts first. The paper does the same, with 128 and then 512 tokens, to save time; it trains on the long texts at the end to learn their position embeddings. In our stages, texts have 32 and then 128 tokens. We have a second reason. A [MASK] carries no word. Until a head has learned to look at the neighbouring positions, the network can only predict frequent words and repeat visible ones, so it stays on a **plateau**. We try to make this step easier. Four choices are ours and not the paper's: <!-- TODO-NUMBERS: say only what the probe and the run confirm; PLAN.md, "Before the long run" -->

- **Stage 1 has masks only.** 30 % of the tokens are selected, and all of them become [MASK]. This gives more predictions per step, and there is nothing to copy. Halves of 14 tokens can hardly say whether B follows A, so NSP starts in stage 2, with the paper's rule for masking.
- **Position embeddings start as sinusoids** of small amplitude and are trained from there. Then "one place to the left" is the same direction everywhere, and not a new fact for each position. At the start of stage 2, positions that no text has reached yet become copies of those of stage 1.
- **Linear layers start with variance 1 / fan-in** and not with the standard deviation 0.02. In our narrow network, 0.02 would shrink each signal that passes through attention to a tenth.
- **No dropout in pre-training.** Each epoch draws new masks, which is noise enough.

In each stage the learning rate rises linearly (warm-up) and then falls linearly. Our network is narrower and the run shorter, so the peak rate can be higher than the paper's 1e-4, although our batches are smaller.
""")
code(r"""
MASKS, MIXED = (1.0, 0.0), (0.8, 0.1)  # shares of selected tokens that become [MASK] and a random token

def stage(length, batch, epochs, rate, share=0.15, rule=MIXED, next_weight=1.0, warmup=500):
    '''One stage of pre-training: tokens in a pair, pairs in a batch, …, weight of the NSP loss, steps of warm-up.'''
    return dict(length=length, batch=batch, epochs=epochs, rate=rate, share=share, rule=rule, next_weight=next_weight,
                warmup=warmup)

KNOBS = {  # networks: layers, hidden size, heads; tune: number of labels -> numbers of steps to choose from
    "quick": dict(
        vocabulary=300, main=(2, 64, 2), stages=[stage(16, 32, 12, 5e-3, 0.3, MASKS, 0.0, 10),
                                                 stage(32, 16, 16, 3e-3, warmup=10)],
        little=(1, 32, 2), little_stage=stage(16, 32, 6, 5e-3, warmup=10),
        tune={20: (20,), 120: (20, 30)}, tune_batch=8, tune_rates=(2e-3,), seeds=(0, 1)),
    "cpu": dict(
        vocabulary=8000, main=(2, 256, 4), stages=[stage(32, 64, 20, 1.5e-3, 0.3, MASKS, 0.0), stage(128, 16, 9, 1e-3)],
        little=(2, 128, 2), little_stage=stage(32, 64, 4, 2e-3, warmup=200),
        tune={50: (80, 240), 200: (120, 400), 1400: (250, 800)}, tune_batch=16, tune_rates=(1.5e-4, 6e-4),
        seeds=(0, 1, 2)),
    "gpu": dict(
        vocabulary=8000, main=(4, 384, 6), stages=[stage(32, 128, 40, 1e-3, 0.3, MASKS, 0.0), stage(128, 32, 20, 7e-4)],
        little=(2, 128, 2), little_stage=stage(32, 64, 6, 2e-3, warmup=200),
        tune={50: (80, 240), 200: (160, 480), 1400: (300, 1000)}, tune_batch=32, tune_rates=(1e-4, 4e-4),
        seeds=(0, 1, 2)),
}
KNOBS["paper"] = {**KNOBS["gpu"], "stages": [stage(32, 128, 160, 1e-3, 0.3, MASKS, 0.0), stage(128, 32, 80, 7e-4)]}
knobs = KNOBS[scale]
STAGES = knobs["stages"]
LENGTH = STAGES[-1]["length"]  # the longest text that the networks read
# dropout's random numbers from torch, not from the compiler, whose own are slow on CPUs
compiled = {"options": {"fallback_random": True}} if scale != "quick" else False
""")
md(r"""
Now we train the tokeniser. Five of its tokens are special: [PAD] fills up short texts, [UNK] stands for words that can't be cut, [CLS] comes first in each input and its vector speaks for the whole, [SEP] ends each of the two texts, and [MASK] hides a word.
""")
code(r"""
encoder = WordPiece.train([s for review in reviews.train for s in review.sentences], knobs["vocabulary"])
V, MASK = len(encoder), encoder.mask
documents = {part: [[encoder.encode(s) for s in r.sentences] for r in getattr(reviews, part)] for part in PARTS}
flat = {part: [[t for sentence in d for t in sentence] for d in documents[part]] for part in PARTS}
tokens = sum(map(len, flat["train"]))
print(f"{V:,} tokens: {', '.join(encoder.pieces[:5])}, {sum(len(p.strip('#')) == 1 for p in encoder.pieces)} single",
      f"characters, the longest {max(encoder.pieces, key=len)!r}")
print(f"{tokens:,} tokens to train on, {tokens / sum(map(len, words['train'])):.2f} per word;",
      f"[UNK] in the test documents: {sum(d.count(encoder.unk) for d in flat['test'])}")
for text in ("An unbelievably overacted blockbuster", "naïve cinematography!"):
    pieces = [encoder.pieces[t] for t in encoder.encode(text)]
    assert pieces == [piece for word in basic_words(text) for piece in longest_match(word, encoder.numbers)]
    print(f"{text!r} -> {' '.join(pieces)}")
""")
md(r"""
Frequent words are one token, rare ones a few. The tests compare this tokeniser with Hugging Face's on every character of Unicode and on hundreds of random strings.

## Why both directions

Before any network, we can ask with bigram counts how much each side of a gap is worth. From the counts we know $p(w \mid \text{left neighbour})$ and $p(\text{right neighbour} \mid w)$. By Bayes' rule, and if the neighbours are independent given the word, both together give

$$p(w \mid l, r) \;\propto\; p(w \mid l)\; p(r \mid w).$$

We measure the accuracy and the **perplexity**, which is $e^{\text{loss}}$: a perplexity of 100 means as much uncertainty as a fair choice among 100 words.
""")
code(r"""
trigrams = Trigrams(flat["train"], V)

def from_neighbours(left, right, sides):
    '''The distribution of the word between two tokens, by bigram counts: (V,).'''
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
    figure.suptitle(f"{reviews.name}: candidates for a gap, by bigram counts")

plot_gap("the", "explores" if scale == "quick" else "actors")
""")
md(r"""
Each side alone allows many words; together they exclude most of them. A left-to-right model never uses the second half of the evidence. TODO-NUMBERS <!-- TODO-NUMBERS: accuracy and perplexity left, right, both; what the plot shows for "the ___ actors" -->

## Masking

BERT **selects** 15 % of the tokens as targets: 80 % of them are replaced by [MASK], 10 % by a random token, and 10 % stay visible. The loss asks for the original token at **all selected positions and nowhere else**. If all selected tokens became [MASK], the network could learn to do nothing at positions without [MASK], and no later task has masks. With the mixed rule it can't tell which visible words were selected, so it has to have an opinion on each of them.
""")
code("# %load -s corrupt bert.py")
code(r"""
ordinary = torch.tensor([n for n, piece in enumerate(encoder.pieces) if piece not in SPECIALS])
hide = partial(corrupt, mask_token=MASK, replacements=ordinary)  # the paper's rule
hide_all = partial(hide, rule=MASKS)  # all selected tokens become [MASK]: for validation and test

generator = torch.Generator().manual_seed(SEED)
many = ordinary[torch.randint(len(ordinary), (500, 100), generator=generator)]
corrupted, positions, truth = hide(many, torch.ones_like(many, dtype=torch.bool), generator=generator)
shown = corrupted.gather(1, positions)
n, masked, kept = truth.numel(), (shown == MASK), (shown == truth)
shares = [part.float().mean().item() for part in (masked, ~masked & ~kept, kept)]
print(f"selected {n / many.numel():.1%}; of these [MASK] {shares[0]:.1%}, random {shares[1]:.1%}, kept {shares[2]:.1%}")
assert n == 0.15 * many.numel() and (truth == many.gather(1, positions)).all()
assert all(abs(share - p) < 4 * math.sqrt(p * (1 - p) / n) + 0.001 for share, p in zip(shares, (0.8, 0.1, 0.1)))
""")
code(r"""
@styled
def draw_tokens(tokens, selected, segments, truth, title=""):
    '''Tokens as boxes, A grey and B white; of selected ones the colour says what happened, with the truth below.'''
    figure, axis = plt.subplots(figsize=(11, 2.8))
    x = y = 0.0
    for place, (token, segment) in enumerate(zip(tokens, segments)):
        piece, fill = encoder.pieces[token], ("#dddddd", "white")[segment]
        if place in selected:
            fill = COLOURS[0] if token == MASK else COLOURS[2] if token == truth[place] else COLOURS[1]
        width = 0.0075 * max(len(piece), len(encoder.pieces[truth.get(place, token)])) + 0.02
        if x + width > 1:
            x, y = 0.0, y - 1
        axis.text(x, y, piece, fontsize=9, family="monospace", bbox=dict(fc=fill, ec="#555555", alpha=0.6))
        if place in selected:
            axis.text(x, y - 0.48, encoder.pieces[truth[place]], fontsize=8, family="monospace", color="#555555")
        x += width
    axis.set(xlim=(-0.02, 1.02), ylim=(y - 0.8, 0.8), title=title)
    axis.axis("off")

pairs = TextPairs(documents["train"], encoder, min(LENGTH, 64), 16, "cpu", hide, shuffle=True, seed=SEED)
tokens_, segments_, mask_, positions_, labels_, next_ = (part[0].tolist() for part in next(iter(pairs)))
selected = {p: label for p, label in zip(positions_, labels_) if label != IGNORED}
draw_tokens(tokens_[: sum(mask_)], set(selected), segments_, selected,
            f"{reviews.name}: one input; B {'does not follow' if next_ else 'follows'} A")
""")
md(r"""
This is one input of at most 64 tokens. Grey tokens belong to A, white ones to B. Blue tokens were masked, orange ones are random, green ones were selected but kept; the original token stands below each. In half of the inputs, B is the continuation of A, and in the other half it starts at a random sentence of another review. New pairs and new masks are drawn in each epoch.

## The network

**The input** is the sum of three vectors per position: one for the token, one for the segment (A or B), and a learned position embedding.
""")
code(r"""
@styled
def draw_input(a, b):
    tokens, segments = encoder.frame(encoder.encode(a), encoder.encode(b))
    figure, axis = plt.subplots(figsize=(11, 2.4))
    for place, (token, segment) in enumerate(zip(tokens, segments)):
        for y, label in ((2, encoder.pieces[token]), (1, "AB"[segment]), (0, str(place))):
            colour = {2: COLOURS[0], 1: COLOURS[1 + segment], 0: "#dddddd"}[y]
            axis.text(place, y, label, ha="center", va="center", bbox=dict(fc=colour, ec="#555555", alpha=0.6))
            if y < 2:
                axis.text(place, y + 0.5, "+", ha="center", va="center")
    for y, row in enumerate(("position", "segment", "token")):
        axis.text(-0.8, y, row, ha="right", va="center")
    axis.set(xlim=(-2.2, len(tokens) - 0.5), ylim=(-0.5, 2.5), title="The input of a position is the sum of its column")
    axis.axis("off")

draw_input(*(("a superb storm !", "the pilot [MASK] .") if scale == "quick" else
             ("a great film !", "the actors [MASK] .")))
draw_flow(
    {"x": ("x", 0, 0, "data"), "attention": ("self-attention", 0, 1), "add1": ("+", 0, 2, "sum"),
     "norm1": ("layer norm", 0, 3), "ff": ("feed-forward: linear, GELU, linear", 0, 4), "add2": ("+", 0, 5, "sum"),
     "norm2": ("layer norm", 0, 6), "out": ("x", 0, 7, "data")},
    [("x", "attention"), ("attention", "add1"), ("x", "add1", "", 1), ("add1", "norm1"), ("norm1", "ff"),
     ("ff", "add2"), ("norm1", "add2", "", 1), ("add2", "norm2"), ("norm2", "out")],
    "One block",
)
""")
md(r"""
**A block** is the encoder layer of the Transformer: self-attention and a feed-forward network with GELU, and a layer norm *after* each residual sum (post-LN). No mask hides the future; only padding is hidden.
""")
code("# %load -s SelfAttention,FeedForward,Block bert.py")
code("# %load -s Bert bert.py")
md(r"""
**The two heads.** The MLM head is a small layer and then the matrix of the token embedding, so that a word is read and predicted by the same vector. It works only at the selected positions, which saves most of its cost. The pooler turns the vector of [CLS] into the vector of the whole input, and a linear layer decides whether B follows.
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
    print(f"{name:13} {L} layers, hidden size {H:4}, {config.num_heads} heads: {count(model.bert):,} parameters",
          f"({count(model):,} with heads)")
    assert count(model.bert) == encoder_alone and count(model) == both_heads
    assert count(model.bert) == 12 * L * H**2 + 13 * L * H + (30_522 + 512 + 2) * H + 2 * H + H**2 + H
""")
code(r"""
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
The paper rounds the parameter counts to 110 and 340 million. The tests go further: all hidden states and both losses equal those of Hugging Face's BERT with the same weights.

Now our own network, with the weight initialisation that we announced above.
""")
code(r"""
@torch.no_grad()
def set_start(bert):
    '''Our weight initialisation, in place: linear layers N(0, 1 / fan-in), position embeddings small sinusoids.'''
    for part in bert.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=part.in_features**-0.5)
    T, C = bert.positions.weight.shape
    angles = torch.arange(T)[:, None] / 10_000 ** (torch.arange(0, C, 2) / C)  # (T, C / 2), as in the Transformer
    waves = torch.stack([angles.sin(), angles.cos()], dim=2).reshape(T, C)
    bert.positions.weight.copy_(0.04 * math.sqrt(2) * waves)  # root mean square 0.04

def build(size, causal=False):
    layers, hidden_size, heads = size
    config = BertConfig(V, LENGTH, 2, hidden_size, layers, heads, dropout=0.0, causal=causal)
    model = BertForPreTraining(config, next_sentence=not causal)
    set_start(model.bert)
    return model

set_seed(SEED)
drawn = build(knobs["main"])
print(f"tokens {drawn.bert.tokens.weight.square().mean().sqrt():.3f}, positions",
      f"{drawn.bert.positions.weight.square().mean().sqrt():.3f} (root mean square at the start)")
print(f"two linear layers with the standard deviation 0.02 would scale a signal by {0.02**2 * knobs['main'][1]:.2f}")
window = (torch.zeros(1, LENGTH, dtype=torch.int64),)
draw_network(drawn.bert, window, {"dropout": "embeddings", "blocks.0": "block 1",
             f"blocks.{knobs['main'][0] - 1}": f"block {knobs['main'][0]}", "pooler": "pooler"},
             f"The main network, {count(drawn):,} parameters with its heads")
""")
code(r"""
# the objective, and a sanity check: the network can overfit one batch
def pretrain_step(model, tokens, segments, mask, positions, word_labels, next_labels, next_weight=1.0):
    '''The objective: the loss, how many pairs it is the mean of, and sums of the MLM loss at [MASK] and of NSP.'''
    word_logits, next_logits = model(tokens, segments, mask, positions)
    mlm, nsp = pretraining_losses(word_logits, next_logits, word_labels, next_labels)
    at_masks = word_labels.masked_fill(tokens.gather(1, positions) != MASK, IGNORED)
    masked, _ = pretraining_losses(word_logits.detach(), next_logits.detach(), at_masks, next_labels)
    B = len(tokens)
    return mlm + next_weight * nsp, B, {"masked": masked * B, "nsp": nsp.detach() * B}

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

What do we measure? A selected token that stays visible can be copied, and a network that copies looks better than it is. So **every score below counts [MASK] positions only**: validation and test texts have 15 % of their tokens selected, and all of these become [MASK].

After each epoch we write two more things into a log: the words that the network puts into some blanks, and how much of its attention a [MASK] gives to its two neighbours. If the plateau ends because a head finds the neighbours, both curves should bend at the same time.
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

watched = next(iter(TextPairs(documents["val"], encoder, STAGES[0]["length"], 16, device, hide_all)))

@torch.no_grad()
def attention_to_neighbours(model):
    '''The share of attention that a [MASK] gives to its two neighbours, in the head of layer 1 with the largest one.'''
    tokens, segments, mask = watched[:3]
    attention = model.bert.blocks[0].attention
    attention.keep_weights = True
    model.eval()(tokens, segments, mask)
    weights, attention.keep_weights, attention.weights = attention.weights, False, None  # (B, H, T, T)
    b, t = (tokens == MASK).nonzero(as_tuple=True)
    return (weights[b, :, t, t - 1] + weights[b, :, t, t + 1]).mean(dim=0).max().item()

log_file = checkpoint_dir() / scale / "BERT" / "blanks.json"

def look(model):
    '''After each epoch: write the filled blanks to the log file; the attention goes into the run's history.'''
    pages = json.loads(log_file.read_text()) if log_file.exists() else []
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.write_text(json.dumps([*pages, [fill(model, text)[0] for text in BLANKS]]))
    return {"neighbours": attention_to_neighbours(model)}
""")
md(r"""
`fit` is this project's training loop (`utils/training.py`): for each batch it calls the objective, goes one step down, and after each epoch it evaluates and saves a checkpoint.
""")
code(r"""
def optimiser(model, rate, steps, warmup):
    '''AdamW with weight decay on matrices alone; the learning rate rises for `warmup` steps and falls linearly.'''
    matrices, vectors = ([p for p in model.parameters() if (p.ndim > 1) == large] for large in (True, False))
    groups = [dict(params=matrices, weight_decay=0.01), dict(params=vectors, weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-8)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=warmup / steps,
                                                    anneal_strategy="linear", cycle_momentum=False)
    return optimizer, scheduler

@torch.no_grad()
def extend_positions(model, known):
    '''Positions from `known` on, which no text has reached yet, become copies of those before, in place.'''
    positions = model.bert.positions.weight
    for begin in range(known, len(positions), known):
        positions[begin : begin + known] = positions[: min(known, len(positions) - begin)]

def pretrain(name, model, stages, lines=1, objective=pretrain_step, val_hide=hide_all, **options):
    '''Pre-train on pairs of the training documents. Returns the model in evaluation mode and the Run of each stage.'''
    runs = []
    for s in stages:
        rule = partial(hide, share=s["share"], rule=s["rule"])
        train_pairs = TextPairs(documents["train"], encoder, s["length"], s["batch"], device, rule, True, SEED)
        val_pairs = TextPairs(documents["val"], encoder, s["length"], s["batch"], device, val_hide)
        if runs:
            extend_positions(model, known)
        known, steps = s["length"], s["epochs"] * len(train_pairs)
        optimizer, scheduler = optimiser(model.to(device), s["rate"], steps, s["warmup"])
        masked = s["batch"] * round(s["share"] * (s["length"] - 3)) * s["rule"][0]
        print(f"{name}: {steps:,} steps of {s['batch']} pairs of {known} tokens, about {masked:.0f} [MASK] a step")
        runs.append(fit(model, train_pairs, optimizer, scheduler, s["epochs"], device, {"val": val_pairs},
                        partial(objective, next_weight=s["next_weight"]), checkpoint=f"BERT/{name}-{known}",
                        lines=lines, clip=1.0, compile=compiled, **options))
    return model.eval(), runs

set_seed(SEED)
bert, main_runs = pretrain("main", build(knobs["main"]), STAGES, lines=5, score=look)
main_run = main_runs[-1]
""")
md(r"""
What should we compare with? Counts: unigrams, trigrams (two true words to the left), and bigrams of both sides (one true word on each side). BERT sees both sides, but with gaps. All are asked for the same words. We leave out words next to [CLS] or [SEP], where the counts have no history.
""")
code(r"""
def restored(tokens, positions, word_labels):
    '''The tokens before they were masked.'''
    whole = torch.cat([tokens, tokens[:, :1]], dim=1)  # one place more, for what was not selected
    places = torch.where(word_labels != IGNORED, positions, tokens.shape[1])
    return whole.scatter(1, places, word_labels.clamp(min=0))[:, :-1]

def inside(whole, positions, word_labels):
    '''True (B, P) for selected positions with ordinary tokens at the two places before and the one behind.'''
    frame = (whole == encoder.cls) | (whole == encoder.sep)
    near = [frame.gather(1, (positions + shift).clamp(0, whole.shape[1] - 1)) for shift in (-2, -1, 1)]
    return (word_labels != IGNORED) & ~(near[0] | near[1] | near[2])

@torch.no_grad()
def measure(model, loader):
    '''{"accuracy", "loss"} of selected words and {"next"}, the accuracy of the next sentence, over a loader.'''
    right = words = loss = following = pairs = 0
    for tokens, segments, mask, positions, word_labels, next_labels in loader:
        with autocast(device, choose_precision(device)[0]):
            word_logits, next_logits = model.eval()(tokens, segments, mask, positions)
        asked = inside(restored(tokens, positions, word_labels), positions, word_labels)
        right += (word_logits.argmax(-1) == word_labels)[asked].sum().item()
        loss += F.cross_entropy(word_logits[asked].float(), word_labels[asked], reduction="sum").item()
        words += asked.sum().item()
        following += (next_logits.argmax(-1) == next_labels).sum().item()
        pairs += len(tokens)
    return dict(accuracy=right / words, loss=loss / words, next=following / pairs)

def measure_counts(loader):
    '''The same words by counts: {name: (accuracy, loss)}.'''
    sums, n = {name: np.zeros(2) for name in ("unigrams", "trigrams", "bigrams of both sides")}, 0
    for tokens, _, _, positions, word_labels, _ in loader:
        tokens, positions, word_labels = (part.cpu() for part in (tokens, positions, word_labels))
        whole = restored(tokens, positions, word_labels)
        for b, i in inside(whole, positions, word_labels).nonzero().tolist():
            place, row, n = positions[b, i].item(), whole[b].tolist(), n + 1
            word, (first, second, _, behind) = row[place], row[place - 2 : place + 2]
            for name, p in zip(sums, (trigrams.unigrams, trigrams.probabilities(first, second),
                                      from_neighbours(second, behind, "both"))):
                sums[name] += (p.argmax().item() == word, -p[word].log().item())
    return {name: (right / n, loss / n) for name, (right, loss) in sums.items()}
""")
code(r"""
loaders = {part: TextPairs(documents[part], encoder, LENGTH, STAGES[-1]["batch"], device, hide_all)
           for part in ("val", "test")}
levels, counted = (measure_counts(loaders[part]) for part in ("val", "test"))  # lines for the curves; the test
measured = measure(bert, loaders["test"])
print("masked words of the test documents")
for name, (accuracy, loss) in {**counted, "BERT": (measured["accuracy"], measured["loss"])}.items():
    print(f"{name:22} accuracy {accuracy:6.1%}, loss {loss:.3f} nats, perplexity {math.exp(loss):7.1f}")
""")
md(r"""
For next sentence prediction, the baseline is a bag of words: A and B belong together if they share rare words. Its threshold comes from training pairs. This baseline may be hard to beat: to use it, a network has to match words of A with words of B.
""")
code(r"""
def texts_of(batches):
    '''A and B of each pair as lists of tokens, without masks, and whether B follows.'''
    pairs, follows = [], []
    for tokens, _, _, positions, word_labels, next_labels in batches:
        for row, answer in zip(restored(tokens, positions, word_labels).tolist(), next_labels.tolist()):
            middle = row.index(encoder.sep)
            pairs.append((row[1:middle], [t for t in row[middle + 1 :] if t not in (encoder.sep, encoder.pad)]))
            follows.append(not answer)
    return pairs, follows

long_pairs = TextPairs(documents["train"], encoder, LENGTH, 16, "cpu", hide, shuffle=True, seed=SEED)
overlap = Overlap(flat["train"]).fit(*texts_of([batch for batch, _ in zip(long_pairs, range(100))]))
overlap_accuracy = overlap.accuracy(*texts_of([[part.cpu() for part in batch] for batch in loaders["test"]]))
print(f"next sentence: bag of words {overlap_accuracy:.1%}, BERT {measured['next']:.1%}")
""")
code(r"""
@styled
def plot_parts(runs, levels):
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.8))
    titles = {"masked": "[MASK] positions", "nsp": "next sentence", "neighbours": "attention to both neighbours"}
    for axis, (part, title) in zip(axes, titles.items()):
        for colour, key in zip(COLOURS, (part,) if part == "neighbours" else (f"train_{part}", f"val_{part}")):
            values = [v for run in runs for v in run.history[key]]
            label = key.split("_")[0] if part != "neighbours" else "layer 1, its largest head"
            axis.plot(range(1, len(values) + 1), values, ".-", color=colour, label=label)
        axis.axvline(runs[0].history["epoch"][-1] + 0.5, color="#bbbbbb", linewidth=1, label="stage 2")
        axis.set(title=title, xlabel="epoch", ylabel="cross-entropy (nats)")
    for colour, (name, (_, loss)) in zip(COLOURS[2:], levels.items()):
        axes[0].axhline(loss, color=colour, linestyle="--", label=name)
    axes[1].axhline(math.log(2), color="#555555", linestyle=":", label="guessing")
    axes[2].axhline(2 / STAGES[0]["length"], color="#555555", linestyle=":", label="uniform attention")
    axes[2].set(ylabel="share of attention", ylim=(0, 1))
    for axis in axes:
        axis.legend(fontsize=8)
    figure.suptitle(f"Pre-training on {reviews.name}")

plot_parts(main_runs, levels)
""")
code(r"""
report("BERT", "test documents", reviews.name, "1,400 / 200 / 400 documents", "counts",
       [dict(what="perplexity at [MASK] (counts: trigrams)", paper=None,
             reproduction=math.exp(counted["trigrams"][1]), runs=[(math.exp(measured["loss"]), main_run)]),
        dict(what="accuracy at [MASK], % (counts: trigrams)", paper=None,
             reproduction=100 * counted["trigrams"][0], runs=[(100 * measured["accuracy"], main_run)]),
        dict(what="next sentence, accuracy in % (counts: shared words)", paper=None,
             reproduction=100 * overlap_accuracy, runs=[(100 * measured["next"], main_run)]),
        dict(what="first stage, validation loss at [MASK] in nats", paper=None, reproduction=None,
             runs=[(main_runs[0].history["val_masked"][-1], main_runs[0])])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: all curves: how long the plateau near the unigram line lasts; whether loss and attention bend together; where the MLM loss crosses the trigram line; whether it still falls; gap between train and val (in stage 2 training texts also hold random and kept tokens, and the NSP loss of stage 1 is measured but not trained); NSP against the bag of words; the paper's final NSP accuracy is 97 to 98 %, its MLM perplexity for base 3.99 on its own text and tokens, so not comparable --> In stage 1 the NSP loss isn't trained, only measured.

## What each side is worth to the network

Now we repeat the first experiment with the trained network. Each text has one gap, and we take parts of its context away: the network may look at both sides, at the left side only, or at the right side only (and always at [CLS]). Nothing is trained again; we only change the attention mask. If the network uses both directions, each single side must be clearly worse than both. Bigram counts, which see one neighbour on each side, are asked for the same words. A caveat: the network has never practised with one side only, so this shows what *this* network uses and not how good a left-to-right model could be.
""")
code(r"""
draw, half = random.Random(SEED), (LENGTH - 3) // 2  # [CLS] A [SEP] B [SEP] with A and B equally long
long_enough = [document for document in flat["test"] if len(document) > 2 * half]
rows, places = [], []
for _ in range(2048 if scale != "quick" else 64):
    document = draw.choice(long_enough)
    begin = draw.randrange(len(document) - 2 * half)
    rows.append(encoder.frame(document[begin : begin + half], document[begin + half : begin + 2 * half]))
    places.append(draw.choice((1, half + 2)) + draw.randrange(2, half - 2))
whole, segments = (torch.tensor(part) for part in zip(*rows))  # (n, T)
places = torch.tensor(places)[:, None]  # (n, 1)
truth, at = whole.gather(1, places)[:, 0], torch.arange(whole.shape[1])
views = {"both": torch.ones_like(whole, dtype=torch.bool), "left": (at <= places) | (at == 0),
         "right": (at >= places) | (at == 0)}

@torch.no_grad()
def log_probabilities(model, visible):
    '''(n, V): of the word in each gap.'''
    found = []
    for part in torch.arange(len(whole)).split(64):
        tokens = whole[part].scatter(1, places[part], MASK)
        batch = [x.to(device) for x in (tokens, segments[part], visible[part], places[part])]
        with autocast(device, choose_precision(device)[0]):
            found.append(model.eval()(*batch)[0][:, 0].float().log_softmax(dim=-1).cpu())
    return torch.cat(found)

sides_table = {}
for sides, visible in views.items():
    neighbours = zip(whole.gather(1, places - 1)[:, 0].tolist(), whole.gather(1, places + 1)[:, 0].tolist())
    for name, logs in (("BERT", log_probabilities(bert, visible)),
                       ("bigrams", torch.stack([from_neighbours(l, r, sides).log() for l, r in neighbours]))):
        loss = F.nll_loss(logs, truth).item()
        sides_table[name, sides] = math.exp(loss), (logs.argmax(dim=1) == truth).float().mean().item()
        print(f"{name:8} sees {sides:6} accuracy {sides_table[name, sides][1]:6.1%}, perplexity {math.exp(loss):7.1f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: perplexity and accuracy of both, left, right, for BERT and bigrams, n = 2,048 gaps; is one side clearly worse? does BERT with both beat the bigrams of both sides? -->

## Blanks: before, during and after
""")
code(r"""
set_seed(SEED)
untrained = build(knobs["main"]).to(device).eval()
pages = (json.loads(log_file.read_text()) if log_file.exists() else [])[-sum(s["epochs"] for s in STAGES) :]
moments = {"before": [fill(untrained, text)[0] for text in BLANKS]}
for epoch in sorted({1, STAGES[0]["epochs"] // 4, STAGES[0]["epochs"]} & set(range(1, len(pages)))):
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

Now the labels come in. A linear layer on the pooler's vector decides whether a review is positive, and **all** weights are trained, with a dropout of 0.1. A review is longer than the 128 tokens that the network reads, so we train on random windows with the label of their review. For a whole review we average the logits over all its windows.

We use 50, 200 and all 1,400 labels, the same for three competitors: the pre-trained network, **the same network from random weights**, and logistic regression on a bag of words. A comparison at one learning rate and one number of steps would be unfair, because random weights need more steps. So each start gets the learning rate and the number of steps that suit it best on the 200 validation reviews, with the first random seed. (The penalty of the bag of words was also chosen there.) If pre-training taught the network something that is useful for sentiment, the first should beat the second, most clearly where labels are few.
""")
code(r"""
def subset(n, seed):
    '''The numbers of n training documents, half of them positive.'''
    draw = random.Random(seed)
    sides = ([i for i, label in enumerate(labels["train"]) if label == side] for side in (0, 1))
    return [i for side in sides for i in draw.sample(side, min(n // 2, len(side)))]

def sentiment(model, tokens, mask, labels):
    '''The objective of fine-tuning: mean cross-entropy over windows.'''
    logits = model(tokens, None, mask)
    return F.cross_entropy(logits, labels), len(labels), {"accuracy": (logits.argmax(dim=1) == labels).sum()}
""")
code(r"""
TEXTS = {"ours": (encoder, flat)}  # the reviews as tokens of this tokeniser; the published one can join them

@torch.no_grad()
def document_accuracy(model, part, tokeniser):
    '''The share of documents that the mean logits of their windows label correctly.'''
    encoder, flat = TEXTS[tokeniser]
    windows = [(number, w) for number, d in enumerate(flat[part]) for w in all_windows(d, LENGTH)]
    sums = torch.zeros(len(flat[part]), 2)
    for start in range(0, len(windows), 64):
        numbers, texts = zip(*windows[start : start + 64])
        tokens, mask = (x.to(device) for x in framed(texts, encoder, LENGTH))
        with autocast(device, choose_precision(device)[0]):
            logits = model.eval()(tokens, None, mask)
        sums.index_add_(0, torch.tensor(numbers), logits.float().cpu())
    # mean and sum have the same larger one
    return (sums.argmax(dim=1) == torch.tensor(labels[part])).float().mean().item()

def score(model, tokeniser):
    return {f"{part}_accuracy": document_accuracy(model, part, tokeniser) for part in ("val", "test")}

def fine_tune(name, pretrained, n, seed, rate, steps, tokeniser="ours"):
    '''Fine-tune on n labels, from `pretrained` or, where that is None, from random weights. Returns the Run.'''
    set_seed(seed)
    encoder, flat = TEXTS[tokeniser]
    # dropout of attention weights is slow on CPUs: left out there
    config = (pretrained or bert).config
    config = dataclasses.replace(config, dropout=0.1, attention_dropout=None if device.type == "cuda" else 0.0)
    model = BertForSequenceClassification(config).to(device)
    set_start(model.bert)
    if pretrained is not None:
        model.bert.load_state_dict(pretrained.bert.state_dict())
    texts = [(flat["train"][i], labels["train"][i]) for i in subset(n, seed)]
    loader = LabelledWindows(*zip(*texts), encoder, LENGTH, steps, knobs["tune_batch"], device, seed)
    optimizer, scheduler = optimiser(model, rate, steps, 0.1 * steps)
    with contextlib.redirect_stdout(io.StringIO()):  # many short trainings: one line for each group is enough
        return fit(model, loader, optimizer, scheduler, 1, device, {}, sentiment, clip=1.0, compile=compiled,
                   checkpoint=f"BERT/tune-{name.replace(' ', '-')}-{n}-{seed}-{steps}-{rate:g}",
                   score=partial(score, tokeniser=tokeniser))
""")
code(r"""
def tune_all(name, pretrained, n, rates, choices, tokeniser="ours"):
    '''[(test accuracy in %, Run) of each seed], with the rate and the steps that the validation reviews chose.'''
    val = {(rate, steps): fine_tune(name, pretrained, n, SEED, rate, steps, tokeniser).history["val_accuracy"][-1]
           for rate in rates for steps in choices}
    rate, steps = max(val, key=val.get)  # the test reviews have no say
    runs = [fine_tune(name, pretrained, n, seed, rate, steps, tokeniser) for seed in knobs["seeds"]]
    found = [(100 * run.history["test_accuracy"][-1], run) for run in runs]
    print(f"{name:14} {n:5,} labels: validation", ", ".join(f"{100 * v:.1f}" for v in val.values()),
          f"%\n    best: rate {rate:g}, {steps} steps; test", ", ".join(f"{v:.1f}" for v, _ in found), "%")
    return found

tuned = {}
for n, choices in knobs["tune"].items():
    for name, pretrained in (("pre-trained", bert), ("random weights", None)):
        tuned[name, n] = tune_all(name, pretrained, n, knobs["tune_rates"], choices)
""")
code(r"""
bags = {}
for n in knobs["tune"]:
    chosen = [subset(n, seed) for seed in knobs["seeds"]]
    bags[n] = [100 * BagOfWords([words["train"][i] for i in c], [labels["train"][i] for i in c]).accuracy(
        words["test"], labels["test"]) for c in chosen]
    print(f"bag of words, {n:,} labels: test", ", ".join(f"{v:.1f}" for v in bags[n]), "%")

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
    left.set(title="three competitors; each dot is one random seed", ylabel="test accuracy (%)")
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
TODO-NUMBERS <!-- TODO-NUMBERS: the gap at each number of labels, against the spread of the seeds; whether random weights chose the most steps (then more might help); the bag of words; 400 test documents mean a sampling error of about 2 points, the same documents for all --> With fewer than 1,400 labels, each seed draws other reviews, so the spread contains the luck of the draw; all competitors share the draws. All seeds share one pre-training (n = 1).

## Two ablations: masks only, and left to right

Two more questions need a pre-training of their own. For these we take the small network `little`, short texts, and equal steps for everyone.

**Why not mask them all?** The paper compared its rule with [MASK] at all selected positions. After fine-tuning it found little difference on MNLI (84.2 with 80/10/10, 84.3 with masks only). Where the vectors are used as they are, on a named-entity task, the mixed rule was ahead (94.9 against 94.0). We can ask directly what the 10 % + 10 % are good for: what does each network say about a word that is **not** masked? If the rule keeps the words in the vectors, the network of the mixed rule names visible words, and the other one can't.

**What does it cost to read in both directions?** A left-to-right network (`causal=True`: each position sees itself and the past) learns from *every* word, because each position predicts the next one. The masked network learns from 15 % of them. And predicting the next word has no plateau like ours: the word before stands at the position itself, so no head has to find it. If the number of predictions decides in a short training, the left-to-right network will be ahead; if the second half of the context decides, the masked one. As in the paper's ablation, the left-to-right network has no NSP.
""")
code(r"""
def next_word_step(model, tokens, segments, mask, positions, word_labels, next_labels, next_weight):
    '''The objective of a left-to-right network: each position predicts the next token.'''
    logits, _ = model(tokens[:, :-1], segments[:, :-1], mask[:, :-1])
    targets = tokens[:, 1:].masked_fill(~mask[:, 1:], IGNORED)
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
    return loss, len(tokens), {"next_word": loss.detach() * len(tokens)}

s, little, little_runs = knobs["little_stage"], {}, {}
hide_nothing = partial(hide, rule=(0.0, 0.0))  # selected tokens stay as they are
for name, rule in (("80/10/10", MIXED), ("masks only", MASKS), ("left to right", (0.0, 0.0))):
    set_seed(SEED)
    causal = name == "left to right"
    options = dict(objective=next_word_step, val_hide=hide_nothing) if causal else {}
    short = f"little-{name.replace('/', '-').replace(' ', '-')}"
    little[name], little_runs[name] = pretrain(
        short, build(knobs["little"], causal), [{**s, "rule": rule}], **options)
""")
code(r"""
class FromTheLeft(nn.Module):
    '''A left-to-right network, asked like a masked one: the logits at p are those of the position before.'''

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens, segments, mask, positions):
        return self.model(tokens, segments, mask, (positions - 1).clamp(min=0))[0], tokens.new_zeros(len(tokens), 2)

visible, masked = (TextPairs(documents["test"], encoder, s["length"], s["batch"], device, rule)
                   for rule in (hide_nothing, hide_all))
for name in ("80/10/10", "masks only"):
    print(f"{name:10} names a visible word: {measure(little[name], visible)['accuracy']:5.1%}")
print(f"\nthe same words of the test documents, in texts of {s['length']} tokens")
for name, (accuracy, loss) in {
    **measure_counts(masked),
    **{name: itemgetter("accuracy", "loss")(measure(little[name], masked)) for name in ("80/10/10", "masks only")},
    "left to right": itemgetter("accuracy", "loss")(measure(FromTheLeft(little["left to right"]), visible)),
}.items():
    print(f"{name:22} accuracy {accuracy:6.1%}, loss {loss:.3f} nats, perplexity {math.exp(loss):6.1f}")
report("BERT", "validation loss in nats", reviews.name, "1,400 / 200 / 400 documents", None,
       [dict(what=f"small network, {name}", paper=None, reproduction=None,
             runs=[(run.history["val_next_word" if name == "left to right" else "val_masked"][-1], run)])
        for name, (run,) in little_runs.items()], table="ablations")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: visible words: 80/10/10 names nearly all of them, the other hardly (or less); masked words about equal, both little (these networks are still on the plateau or just past it). Left to right against masked, the same words: who is ahead after equal steps; predictions a step: 29 x 64 against 4 x 64; what the paper found: MLM converges slightly slower (appendix C.1) but is better almost immediately; short training, n = 1, no verdict on the paper --> The network with masks only was never asked about a visible word, so nothing forces its vectors at these positions to keep the word.

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
    block.attention.keep_weights, block.attention.weights = False, None
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which heads look at neighbours, at [SEP], which from [MASK] to its verb --> Each row is a position that looks, each column one that is looked at.

**Nearest tokens.** Which token embeddings point in similar directions? Before pre-training they are random. Afterwards, words that fit the same gaps should be close.
""")
code(r"""
ASKED = ("pilot", "superb", "storm") if scale == "quick" else ("good", "actor", "two", "her", "horror", "spielberg")

def nearest(model, word, best=6):
    vectors = F.normalize(model.bert.tokens.weight.detach().float(), dim=1)
    similarity = vectors @ vectors[encoder.numbers[word]]
    return ", ".join(encoder.pieces[i] for i in similarity.topk(best + 1).indices.tolist() if encoder.pieces[i] != word)

for word in ASKED:
    if word in encoder.numbers:
        print(f"{word}\n  before: {nearest(untrained, word)}\n  after:  {nearest(bert, word)}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: what the neighbours share: the kind of word, the topic; opposites are close ("good", "bad"), since they fit the same gaps -->

## Use it

Save the network with its vocabulary, load both again, and fill in a blank of your own.
""")
code(r"""
folder = checkpoint_dir() / scale / "BERT"
encoder.save(folder / "vocab.txt")
save_file({name: value.half() for name, value in bert.cpu().state_dict().items()}, folder / "bert-weights.pt")
bert.to(device)

my_encoder = WordPiece.from_file(folder / "vocab.txt")
my_bert = build(knobs["main"])
my_bert.load_state_dict(torch.load(folder / "bert-weights.pt", weights_only=True))
my_bert.to(device).eval()
print(f"{(folder / 'bert-weights.pt').stat().st_size / 1e6:.1f} MB in half precision")

my_text = "the [MASK] leaves the planet ." if scale == "quick" else "the [MASK] is great , but the ending is [MASK] ."
for number, gap in enumerate(fill(my_bert, my_text, my_encoder), start=1):
    print(f"blank {number} of {my_text!r}:", ", ".join(f"{piece} {p:.0%}" for piece, p in gap))
tokens = torch.tensor([my_encoder.frame(my_encoder.encode(my_text))[0]], device=device)
with torch.no_grad():  # all logits, but for the rounding to half precision
    torch.testing.assert_close(my_bert(tokens)[0], bert(tokens)[0], rtol=0.02, atol=0.05)
""")
md(r"""
**The published BERT.** Set `published = True`, and the next cell downloads the weights of `bert-base-uncased` from Hugging Face (440 MB, once) and fills our blanks with them. On a GPU it then repeats the fine-tuning with the fewest labels. It needs the package `safetensors`.
""")
code(r"""
published = False

if published:
    google_encoder = WordPiece.from_file(published_file("vocab.txt"))
    google = from_huggingface(load_published_weights()).to(device)
    for text in BLANKS:
        print(text, "->", ", ".join(f"{piece} {p:.0%}" for piece, p in fill(google, text, google_encoder)[0]))
    if device.type == "cuda":
        google_flat = {part: [[t for sentence in review.sentences for t in google_encoder.encode(sentence)]
                              for review in getattr(reviews, part)] for part in PARTS}
        TEXTS["published"] = google_encoder, google_flat
        fewest, choices = min(knobs["tune"].items())
        tune_all("published BERT", google, fewest, (2e-5, 5e-5), choices, "published")
else:
    print("The published BERT was not downloaded.")
""")
md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Text | BooksCorpus and Wikipedia, 3.3 billion words | a million words of movie reviews, many times |
| Size | 110 and 340 million parameters, 30,522 tokens | a few million, 8,000 tokens |
| Length | 128 tokens for 90 % of the steps, then 512 | 32, then 128 |
| Masking | 15 %, 80/10/10, with NSP | stage 1: 30 %, masks only, no NSP; stage 2 as in the paper |
| Masks | ten sets, drawn beforehand, for about 40 epochs (see RoBERTa) | new ones in each epoch |
| Batch, steps | 131,072 tokens, one million steps | 2,048 tokens, some ten thousand steps |
| Optimiser | Adam, $\beta_2 = 0.999$, peak rate 1e-4, 10,000 steps of warm-up | AdamW, $\beta_2 = 0.98$, 1.5e-3 and 1e-3, 500 steps of warm-up in each stage, gradients clipped at 1 |
| Random tokens | any token of the vocabulary | no special ones |
| Weight initialisation | truncated normal, 0.02 | linear layers by fan-in; positions small sinusoids, extended by copies |
| Dropout | 0.1 everywhere | none in pre-training; 0.1 in fine-tuning, not of attention weights on a CPU |
| WordPiece | trained by an unpublished program | the likelihood gain of Schuster and Nakajima |
| Fine-tuning | GLUE, SQuAD, SWAG; whole inputs | sentiment; windows of long reviews, averaged |

## Exercises

1. **No next sentence.** Set `next_weight` to 0 in stage 2 as well and fine-tune the result. RoBERTa found that NSP can be left out. Do you?
2. **How much to mask.** Set `share` in stage 1 to 0.15, 0.3, 0.5 and 0.8. More predictions per step, less context each: which wins after equal steps?
3. **The paper's start.** Leave out `set_start`, so that all weights come from `initialise`. How long is the plateau now? Then give stage 1 the mixed rule: watch the loss at [MASK] and the attention to the neighbours.
4. **Freeze it.** Fine-tune only a classifier with 200 labels, on the pooler's vector or on the mean of all vectors. How much of the gain is left?
5. **How many labels is pre-training worth?** Add numbers of labels to `tune` and find how many labels random weights need to reach what the pre-trained network reaches with 50.

## Further reading

- [The paper](https://arxiv.org/abs/1810.04805), above all section 5 and appendix C.
- [Sudden Drops in the Loss](https://arxiv.org/abs/2309.07311) by Chen and others: the plateau of masked models and the attention that ends it.
- [RoBERTa](https://arxiv.org/abs/1907.11692) by Liu and others: BERT trained longer, without next sentence prediction.
- [Dynamic Masking Rate Schedules](https://arxiv.org/abs/2305.15096) by Ankner and others: more masks first, fewer later.
- [A Primer in BERTology](https://arxiv.org/abs/2002.12327) by Rogers and others: what is known about its inside.
- [The Illustrated BERT](https://jalammar.github.io/illustrated-bert/) by Jay Alammar.
""")

book = nbformat.v4.new_notebook(cells=cells)
book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}, "language_info": {"name": "python"}, "accelerator": "GPU"}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
nbformat.write(book, HERE / "BERT.ipynb")
import re
words = sum(len(re.sub(r"<!--.*?-->", "", c.source, flags=re.S).split()) for c in cells if c.cell_type == "markdown")
long = [(i, len(c.source.splitlines())) for i, c in enumerate(cells) if c.cell_type == "code" and not c.source.startswith("# %load") and len(c.source.splitlines()) > 45]
wide = [(i, line) for i, c in enumerate(cells) if c.cell_type == "code" for line in c.source.splitlines() if len(line) > 120]
print(len(cells), "cells,", words, "words; too long:", long, "too wide:", wide)
