"""Write Transformer.ipynb beside this file from the cells below; synced cells are filled from the sources."""

import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

sys.path.insert(0, "/work/main")
from tools import notebooks  # noqa: E402

HERE = Path(__file__).parent
PLACE = Path("/work/main/architectures/transformer/Transformer.ipynb")  # synced cells are relative to it
cells = []


def md(text):
    cells.append(new_markdown_cell(text.strip()))


def code(text):
    first = text.strip().splitlines()[0]
    cells.append(new_code_cell(notebooks.synced_source(first, PLACE) or text.strip()))


md(r"""
# Using the Transformer: sums and images

Ashish Vaswani and others, [*Attention Is All You Need*](https://arxiv.org/abs/1706.03762) · NIPS 2017

Alexey Dosovitskiy and others, [*An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale*](https://arxiv.org/abs/2010.11929) · ICLR 2021

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/transformer/Transformer.ipynb)

[Attention.ipynb](../../attention/Attention.ipynb) builds the Transformer from its equations and translates with it. Here we put it to use elsewhere: you will teach it to add numbers digit by digit, measure what attention costs, build a Vision Transformer that equals torchvision's, train one on CIFAR-10, and find out what a convolutional network knows beforehand. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: test accuracy of the main ViT, parameters, n = 1 -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything, processes, threads --> Scales: `quick` (half a minute, generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (a larger network, trained longer, and one experiment more), `paper` (longer still). What the second code cell prints says how to choose.
""")
code("# Setup: find")
code(r"""
import math
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.resnet.resnet import cifar_resnet
from architectures.transformer import sums
from architectures.transformer.augment import StrongLoader
from architectures.transformer.transformer import (
    EncoderLayer, MultiHeadAttention, Transformer, greedy_decode
)
from architectures.transformer.vit import (
    attention_maps, attention_rollout, from_torchvision, shuffle_patches, to_patches, vit_b_16, vit_small
)
from utils.checkpoint import checkpoint_dir, save_file
from utils.device import get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_attention, plot_curves, plot_histories, show_images, show_mistakes, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
md(r"""
## Three ways to use a Transformer

A Transformer layer turns a sequence of vectors into another. What they stand for is up to us. An **encoder alone** reads everything at once: BERT reads text, a Vision Transformer reads the patches of an image. A **decoder alone** may look only backwards, so that it can write: GPT. **Both together** read one sequence and write another: translations in the paper, and sums in this notebook.
""")
code(r"""
draw_flow(
    {
        "n1": ("encoder alone:\nread", 0, 5.1, "note"), "i": ("image or text", 0, 4, "data"),
        "e": ("encoder layers", 0, 2), "c": ("class", 0, 0, "data"),
        "n2": ("decoder alone:\nwrite", 1.6, 5.1, "note"), "p": ("text so far", 1.6, 4, "data"),
        "d": ("layers with a\ncausal mask", 1.6, 2), "w": ("next token", 1.6, 0, "data"),
        "n3": ("encoder and decoder:\nread one sequence, write another", 3.9, 5.1, "note"),
        "s": ("question", 3.2, 4, "data"), "E": ("encoder layers", 3.2, 2),
        "a": ("answer so far", 4.8, 4, "data"), "D": ("decoder layers", 4.8, 2), "W": ("next token", 4.8, 0, "data"),
    },
    [("i", "e"), ("e", "c"), ("p", "d"), ("d", "w"), ("s", "E"), ("a", "D"), ("E", "D", "memory"), ("D", "W")],
    "Three ways to use a Transformer",
)
""")
md(r"""
## The two papers in brief

**2017.** Attention lets each position collect information from all others, weighted by how well a *query* fits a *key*: $\mathrm{softmax}(QK^\top / \sqrt{d_k})\,V$. The Transformer consists of such layers and of small feed-forward nets. It set the state of the art in translation, with 28.4 BLEU from English to German.

**2021.** Does the same network work on images if we change as little as possible? The **Vision Transformer** (ViT) cuts an image into patches of 16×16 pixels, turns each into a vector by one linear layer, adds a vector for its position, and feeds them to an encoder that differs from that of 2017 only in details. That neighbouring patches belong together, and that an object may stand anywhere, has to be learned; a convolution has both built in. The paper's answer has two halves. Trained on the 1.3 million images of ImageNet, ViT is somewhat worse than a ResNet of its size. Trained on 303 million images first, it is better: ViT-H/14 reached 88.55 % on ImageNet. We have 45,000 images, so we shall see the first half.

## A short tour of `transformer.py`

**Which class for which job.** `EncoderLayer` serves an encoder and, with a causal mask, a decoder alone. `DecoderLayer` also looks at a second sequence. `Transformer` has both stacks, embeddings and positions. A mask is `True` where a position *may* look, and is broadcast over heads.
""")
code(r"""
set_seed(SEED)
layer, x = EncoderLayer(d_model=64, num_heads=4, d_ff=256).eval(), torch.randn(2, 5, 64)  # 2 sequences of 5 tokens
padding = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()[:, None, None]  # (B, 1, 1, S): the second is shorter
print("encoder alone:", layer(x, padding).shape)

causal = torch.ones(5, 5).bool().tril()  # (T, T): each position sees itself and what came before
changed = torch.cat([x[:, :4], torch.randn(2, 1, 64)], dim=1)
torch.testing.assert_close(layer(changed, causal)[:, :4], layer(x, causal)[:, :4])
assert not torch.allclose(layer(changed)[:, :4], layer(x)[:, :4])
print("decoder alone: another last token changes no earlier output; without the mask it does")

translator = Transformer(src_vocab=14, tgt_vocab=14, d_model=64, num_heads=4, num_layers=2, d_ff=256).eval()
question, answer = torch.randint(1, 14, (8, 7)), torch.randint(1, 14, (8, 5))
print("both:", translator(question, answer).shape)
""")
md(r"""
**A cache** keeps the keys and values of earlier tokens, which don't change while a decoder writes. Each step then computes one token instead of all.

**`fused=True`**, the default, computes attention by PyTorch's own kernel. `fused=False` writes the same out.

**`norm_first=True`** puts each layer norm before its sublayer, as most models after 2017 do, and one last norm after the stack. Within the stack nothing normalises the residual stream any more, so it grows with depth. In return, gradients pass through the additions unchanged, and training is stable with little warm-up ([Xiong and others, 2020](https://arxiv.org/abs/2002.04745)).
""")
code(r"""
memory, mask = translator.encode(question)
cache = translator.new_cache()
one_by_one = [translator.decode(answer[:, t : t + 1], memory, mask, cache) for t in range(5)]
torch.testing.assert_close(torch.cat(one_by_one, dim=1), translator.decode(answer, memory, mask), rtol=1e-4, atol=1e-4)

fused, plain = (MultiHeadAttention(64, 4, fused=choice) for choice in (True, False))
plain.load_state_dict(fused.state_dict())
torch.testing.assert_close(fused(x, x, x), plain(x, x, x), rtol=1e-4, atol=1e-5)
print("the same with and without a cache, fused and written out")

for norm_first in (False, True):
    stack = nn.Sequential(*(EncoderLayer(64, 4, 256, norm_first=norm_first).eval() for _ in range(12)))
    print(f"norm_first={norm_first}: standard deviation {stack(x).std().item():.2f} after 12 untrained layers")
""")
md(r"""
## What attention costs

Every token looks at every other, so $T$ tokens need $T^2$ weights for each head. If these matrices are stored for the backward pass, memory grows with the square of the length. The fused kernel works through them in tiles, stores none, and recomputes the scores in the backward pass ([FlashAttention, Dao and others, 2022](https://arxiv.org/abs/2205.14135)). That is more arithmetic, still quadratic, but memory grows linearly.

We measure one layer with $C = 256$ channels and 4 heads. It also has four projections, which need $4\,TC^2$ multiply-adds, while attention itself needs $2\,T^2C$. Only beyond $T = 2C = 512$ tokens is the quadratic part the larger one. Memory is what PyTorch keeps between the forward and the backward pass, without the parameters.
""")
code(r"""
def kept_bytes(layer, x):
    '''The bytes that autograd keeps after a forward pass of self-attention, without the layer's parameters.'''
    own, storages = {p.data_ptr() for p in layer.parameters()}, {}

    def note(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        y = layer(x, x, x)
    del y
    return sum(size for place, size in storages.items() if place not in own)

def seconds_a_step(layer, x, repeats=3):
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        layer(x, x, x).sum().backward()
        layer.w_q.weight.grad.sum().item()  # a GPU has finished now
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:]))

lengths = [64, 128, 256] if scale == "quick" else [64, 128, 256, 512, 1024, 2048]
megabytes, seconds = {}, {}
for name, choice in (("written out", False), ("fused", True)):
    layer = MultiHeadAttention(256, 4, fused=choice).to(device)
    inputs = [torch.randn(1, T, 256, device=device) for T in lengths]
    megabytes[name] = (lengths, [kept_bytes(layer, x) / 1e6 for x in inputs])
    seconds[name] = (lengths, [1000 * seconds_a_step(layer, x) for x in inputs])
""")
code(r"""
@styled
def plot_cost(panels):
    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8))
    for axis, (label, lines) in zip(axes, panels.items()):
        for colour, (name, (x, y)) in zip(COLOURS, lines.items()):
            axis.plot(x, y, "o-", color=colour, label=name)
        axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel=label)
        axis.set_xticks(lengths, labels=[str(n) for n in lengths])
        axis.minorticks_off()
        axis.legend()
    figure.suptitle("One layer of self-attention, one sequence, 256 channels, 4 heads")

plot_cost({"MB kept for the backward pass": megabytes, "milliseconds, forward and backward": seconds})
work = [4 * T * 256**2 + 2 * T**2 * 256 for T in lengths]
print(f"from {lengths[-2]} to {lengths[-1]} tokens: {work[-1] / work[-2]:.1f} times the forward pass's multiply-adds")
for name in megabytes:
    grows, slower = (values[name][1][-1] / values[name][1][-2] for values in (megabytes, seconds))
    print(f"{name:11}: {grows:.1f} times the memory, {slower:.1f} times the time")
""")
md(r"""
Both axes are logarithmic, so a straight line is a power of the length, and its slope the exponent. TODO-NUMBERS <!-- TODO-NUMBERS: from 1,024 to 2,048 tokens: memory × about 4 written out and × 2 fused; time of both beside 3.3 times the multiply-adds; at 2,048 memory differs by what factor -->

An image of 224 pixels a side has 50,176 pixels. As tokens they would need 2.5 billion weights in each head. Cut into patches of 16×16 pixels, the image has 196 tokens and needs 38,416. This is why a Vision Transformer reads patches.

## Sums, digit by digit

A Transformer reads and writes symbols. Can it learn to *calculate*? We ask for sums of two whole numbers: it reads `73+485` and has to write `558`. No rule is given, only examples, freshly drawn for every batch. An answer counts as right or wrong as a whole.

In which order should it write the digits? By hand we begin on the right. If the network writes the units first (`855`), each step needs two digits and a carry. The carry is written nowhere, but the column before gives it away: there is one if its two digits add up to 10 or more, or to 9 while the answer's digit is 0. If the network writes as we read (`558`), the first digit may depend on all the others: 499+500 begins with a 9, and 499+501 with a 1.

We train the same network on both. If what is easy for us is easy for it, units first is learned sooner; if not, both learning curves rise together. (Lee and others, below, compare the two orders for a decoder alone.)
""")
code(r"""
print("the 14 symbols:", *(f"{number}={symbol!r}" for number, symbol in enumerate(sums.SYMBOLS)))
draw = torch.Generator().manual_seed(SEED)
pairs = torch.cat([sums.draw_numbers(3, (1, 4), draw), torch.tensor([[499, 501]])])
for question, forwards, backwards in zip(*sums.as_tokens(pairs, units_first=False), sums.as_tokens(pairs)[1]):
    print(f"{sums.decode(question):>9}   as we read: {sums.decode(forwards):5}   units first: {sums.decode(backwards)}")
print("the last answer as tokens, units first:", sums.as_tokens(pairs[-1:])[1].tolist())
""")
md(r"""
Token 0 fills up short rows, 1 begins an answer and 2 ends it.

## Knobs

This table has what differs between the scales. Everything else stands where it is used.
""")
code(r"""
SMALL = dict(d_model=128, num_layers=4, num_heads=4, d_ff=256)  # for the experiments: about the cost of a ResNet-20
KNOBS = {
    # sums: how many an epoch, epochs, d_model, most digits;  main: the ViT, its epochs, and its strong augmentation
    # small and depth: the ViT and the ResNet of the experiments;  third: (images, epochs) of the experiments
    # more: further amounts of data with equally many steps, where there is the time
    "quick": dict(
        sums=(640, 1, 32, 2), main=dict(d_model=32, num_layers=2, num_heads=2, d_ff=64, overlap=2), epochs=2,
        strong=dict(share=0.3, hole=8), small=dict(d_model=32, num_layers=2, num_heads=2, d_ff=64), depth=8,
        third=(80, 2), more={"all": (160, 1), "a tenth": (40, 4)}, batch=40),
    "cpu": dict(
        sums=(25_600, 25, 64, 5), main=dict(d_model=160, num_layers=6, num_heads=5, d_ff=384, overlap=2), epochs=30,
        strong=dict(share=0.25, hole=8), small=SMALL, depth=20, third=(15_000, 16), more={}, batch=128),
    "gpu": dict(
        sums=(25_600, 60, 128, 6), main=dict(d_model=256, num_layers=7, num_heads=8, d_ff=512, overlap=2), epochs=120,
        strong=dict(share=1.0, hole=12), small=SMALL, depth=20,
        third=(15_000, 72), more={"all": (45_000, 24), "a tenth": (4_500, 240)}, batch=128),
}
KNOBS["paper"] = {**KNOBS["gpu"], "main": dict(d_model=384, num_layers=7, num_heads=12, d_ff=384), "epochs": 200,
                  "third": (15_000, 300), "more": {"all": (45_000, 100), "a tenth": (4_500, 1_000)}}
knobs = KNOBS[scale]
compiled = scale != "quick"
fused = device.type != "cpu"  # with 64 tokens, attention written out trains faster on a CPU

def make_vit(size, **options):
    return vit_small(**{**size, **options}, fused=fused)

def one_cycle(parameters, rate, steps, decay=0.05):
    '''AdamW whose learning rate rises for a tenth of the steps and then falls to zero along a cosine.'''
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    schedule = dict(max_lr=rate, total_steps=steps, pct_start=0.1, cycle_momentum=False)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, **schedule)
""")
md(r"""
## Train the adder

During training the decoder is given the right answer up to each place and has to say the next digit (teacher forcing). For the test it writes alone, and has to be right from the first digit to the end token. Test sums come from another seed. With one or two digits there are so few sums that most of them occurred in the training; of the eight billion with five digits, hardly any did.
""")
code(r"""
def next_digit(model, questions, answers):
    '''The objective: cross-entropy of each symbol of the answer, given those before it.'''
    begin = torch.full_like(answers[:, :1], sums.BOS)
    logits = model(questions, torch.cat([begin, answers[:, :-1]], dim=1))
    loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten(), ignore_index=sums.PAD)
    said, right = answers != sums.PAD, logits.argmax(dim=-1) == answers
    # the answers of one batch have different lengths; the loss counts as the mean of its symbols
    return loss, int(said.sum()), {"accuracy": (right & said).sum()}

def train_adder(name, units_first):
    count, epochs, d_model, most = knobs["sums"]
    set_seed(SEED)
    model = Transformer(14, 14, d_model, num_heads=4, num_layers=2, d_ff=4 * d_model, dropout=0.0, norm_first=True)
    loader = sums.Sums(count, 256, (1, most), device, units_first, SEED)
    optimizer, scheduler = one_cycle(model.parameters(), 2e-3, epochs * len(loader), decay=0.01)
    evaluate_on = {"val": sums.Sums(1_000, 500, (most, most), device, units_first, seed=1)}
    print(f"{name}:")
    run = fit(model.to(device), loader, optimizer, scheduler, epochs, device, evaluate_on, next_digit,
              checkpoint=f"Transformer/{name}", clip=1.0, precision="float32", lines=1)
    return model.eval(), run

adders = {"units first": train_adder("sums-units-first", True), "as we read": train_adder("sums-as-read", False)}
""")
code(r"""
def exact(model, digits, units_first, count=500):
    '''The percentage of sums of two numbers with so many digits that the network writes without a mistake.'''
    pairs = sums.draw_numbers(count, (digits, digits), torch.Generator().manual_seed(99))
    questions, answers = (tokens.to(device) for tokens in sums.as_tokens(pairs, units_first))
    written = greedy_decode(model, questions, sums.BOS, sums.EOS, extra=2)
    return 100 * np.mean([sums.decode(a) == sums.decode(b) for a, b in zip(written, answers)])

plot_curves({"": {name: [100 * value for value in run.history["val_accuracy"]] for name, (_, run) in adders.items()}},
            "epoch", "right symbols (%)", "New sums of the longest numbers, with teacher forcing")

most = knobs["sums"][3]
digits = list(range(1, most + 3))
by_digits = {name: (digits, [exact(model, n, name == "units first", 50 if scale == "quick" else 500) for n in digits])
             for name, (model, _) in adders.items()}
plot_curves({f"trained on 1 to {most} digits": by_digits}, "digits of each number", "sums without a mistake (%)",
            "Addition, and what happens beyond the longest numbers of the training")
for name, (_, values) in by_digits.items():
    print(f"{name:12}", *(f"{n} digits: {value:.1f} %" for n, value in zip(digits, values)))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: (0) the learning curves of the two orders are the finding: after which epoch is each above 99 %; (1) up to the longest numbers of the training: both orders at the end; the slow one may nearly have caught up, since long chains of carries are rare; (2) beyond (six and seven digits) falls to 0? (in trials: units first, four digits: 100 % up to four, 0.0 % at five; as we read, five digits, broken off: 86.7 % at five, 0.0 % at six); if so: it has learned to add up to five digits, not to add -->

To work on longer inputs than those of the training is called **length generalisation**, and standard Transformers are bad at it. The paper of 2017 chose sinusoids as positions because they *may* extend to longer sequences (section 3.5). They could say what is needed here: for sinusoids, "one digit further left" is the same linear map everywhere. TODO-NUMBERS <!-- TODO-NUMBERS: if (2) is a fall to 0: Training on at most five digits did not make the network learn a rule that carries over to six. Our guess, which nothing here tests: it never met the position vectors further out, nor an answer that ends later, and the loss rewards any rule that works up to five digits. -->

### What does each head do?

For a digit of the answer, the decoder needs the two digits of the same column, and the column before (to the right) for the carry. Where does each head of the cross-attention look?
""")
code(r"""
@torch.no_grad()
def cross_attention(model, pairs):
    '''The weights of every layer's attention over the question, (layers, B, H, T, S), answers given.'''
    questions, answers = (tokens.to(device) for tokens in sums.as_tokens(pairs))
    heads = [layer.cross_attention for layer in model.decoder]
    for head in heads:
        head.keep_weights = True
    model(questions, torch.cat([torch.full_like(answers[:, :1], sums.BOS), answers[:, :-1]], dim=1))
    weights = torch.stack([head.weights.float().cpu() for head in heads])
    for head in heads:
        head.keep_weights, head.weights = False, None
    return weights

adder, example = adders["units first"][0], torch.tensor([[4721, 3689]] if most >= 4 else [[47, 38]])
question, answer = (sums.decode(tokens[0]) for tokens in sums.as_tokens(example))
weights = cross_attention(adder, example)[-1, 0]  # the last layer: (H, T, S)
plot_attention(weights, [*answer, "end"], list(question), f"{question} = {answer[::-1]}: the heads of the last layer")
""")
md(r"""
Each row is a digit of the answer, units first, at the moment at which it is written; each column is a symbol of the question. TODO-NUMBERS <!-- TODO-NUMBERS: describe the diagonals: each head walks from right to left through one of the numbers --> Is this typical? For 200 sums of the longest numbers we average how much attention goes to each kind of place; "elsewhere" is the rest.
""")
code(r"""
n = most  # the question is n digits, a plus sign, n digits; column t is counted from the right, from 0
t = torch.arange(1, n)  # the digits of the answer that have a column before theirs
places = {
    "first number,\nsame column": n - 1 - t, "second number,\nsame column": 2 * n - t,
    "first number,\ncolumn before": n - t, "second number,\ncolumn before": 2 * n + 1 - t,
    "plus sign": torch.full_like(t, n),
}
pairs = sums.draw_numbers(200, (n, n), torch.Generator().manual_seed(5))
kept = cross_attention(adder, pairs).mean(dim=1).flatten(0, 1)  # (layers * heads, T, S)
shares = torch.stack([kept[:, t, place].mean(dim=1) for place in places.values()], dim=1)
shares = torch.cat([shares, 1 - shares.sum(dim=1, keepdim=True)], dim=1)

@styled
def plot_roles(shares, names):
    figure, axis = plt.subplots(figsize=(9.5, 4))
    shown = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set(yticks=range(len(shares)), title="Where each head of the decoder looks", xticks=range(len(names)))
    axis.set_yticklabels([f"layer {1 + i // 4}, head {i % 4}" for i in range(len(shares))])
    axis.set_xticklabels(names, fontsize=9)
    axis.grid(False)
    figure.colorbar(shown, label="attention")

plot_roles(shares, [*places, "elsewhere"])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which heads specialise on the first/second number's column, which on the column before (the carry), plus sign as a resting place --> One caution: the decoder looks at outputs of the *encoder*, whose own attention has already mixed the digits. Looking at a digit's place is not quite the same as reading that digit.

## The encoder on images

Now the second paper. The data set is CIFAR-10: ten classes, images of 32×32 pixels, 45,000 to train on, 5,000 for validation and 10,000 for the test. Patches of 16×16 pixels would leave four tokens, so we take 4×4 pixels, which gives 64.
""")
code(r"""
data = load_shapes(train=160, val=80, test=80) if scale == "quick" else load_cifar10()
print(f"{data.name}:", *(f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")))
P = 4  # pixels a side of a patch

@styled
def show_patches(image):
    patches = to_patches(image.permute(2, 0, 1)[None], P)[0]  # (N, C, P, P)
    apart = F.pad(patches, (0, 1, 0, 1), value=255).permute(0, 2, 3, 1)  # a white line after each
    first = torch.cat([*apart[:16]], dim=1)
    figure, axes = plt.subplot_mosaic("ab;cc", figsize=(9, 5.4), height_ratios=(3.6, 1))
    axes["a"].imshow(image)
    axes["b"].imshow(torch.cat([torch.cat([*row], dim=1) for row in apart.unflatten(0, (8, 8))]))
    axes["c"].imshow(first)
    titles = ("the image", "cut into 64 patches", "the first 16 as the encoder gets them: a sequence")
    for axis, title in zip(axes.values(), titles):
        axis.set_title(title)
        axis.axis("off")
    figure.suptitle(f"{data.name}: {data.classes[data.train.labels[4]]}")

show_patches(data.train.images[4])
""")
md(r"""
Each patch is 48 numbers: 4×4 pixels of 3 colours. One linear layer turns them into a vector of $D$ channels. Written as a convolution with a stride of 4, it needs no cutting:
""")
code(r"""
set_seed(SEED)
convolution, images = nn.Conv2d(3, 5, kernel_size=P, stride=P), torch.randn(2, 3, 32, 32)
by_hand = to_patches(images, P).flatten(2) @ convolution.weight.flatten(1).T + convolution.bias  # (B, N, D)
torch.testing.assert_close(convolution(images).flatten(2).transpose(1, 2), by_hand, rtol=1e-4, atol=1e-5)
print("the convolution equals a linear layer on each patch:", tuple(by_hand.shape))
""")
md(r"""
The whole network takes four equations, for $N$ patches $x_p^i$ and $L$ layers:

$$
\begin{aligned}
z_0 &= [x_{\mathrm{class}};\; x_p^1 E;\; \dots;\; x_p^N E] + E_{\mathrm{pos}} && (1) \\
z'_\ell &= \mathrm{MSA}(\mathrm{LN}(z_{\ell-1})) + z_{\ell-1} && (2) \\
z_\ell &= \mathrm{MLP}(\mathrm{LN}(z'_\ell)) + z'_\ell && (3) \\
y &= \mathrm{LN}(z_L^0) && (4)
\end{aligned}
$$

- **Positions**, $E_{\mathrm{pos}}$. Attention does not know about order, so a learned vector is added to each token.
- **A class token**, $x_{\mathrm{class}}$. One more vector, the same for every image, joins the sequence. It belongs to no patch, and only its output $z_L^0$ goes to the classification head.
- **Norm first.** Each block (2, 3) normalises before attention (MSA) and before the feed-forward net (MLP), and one last norm follows (4).
""")
code(r"""
draw_flow(
    {
        "n": ("the network", 0, -0.6, "note"), "i": ("image", 0, 0, "data"),
        "p": ("cut into patches,\none linear layer", 0, 1), "t": ("class token", 1.5, 1, "data"),
        "j": ("sequence of tokens", 0, 2, "data"), "s": ("+", 0, 3, "sum"),
        "e": ("positions", -1.5, 3, "data"), "b": ("encoder block, × L", 0, 4), "l": ("layer norm", 0, 5),
        "h": ("head: linear layer\non the class token", 0, 6), "c": ("class", 0, 7, "data"),
        "N": ("one encoder block", 3.6, -0.6, "note"), "x": ("tokens", 3.6, 0, "data"), "n1": ("layer norm", 3.6, 1),
        "a": ("self-attention", 3.6, 2), "s1": ("+", 3.6, 3, "sum"), "n2": ("layer norm", 3.6, 4),
        "f": ("feed-forward", 3.6, 5), "s2": ("+", 3.6, 6, "sum"), "y": ("tokens", 3.6, 7, "data"),
    },
    [("i", "p"), ("p", "j"), ("t", "j"), ("j", "s"), ("e", "s"), ("s", "b"), ("b", "l"), ("l", "h"), ("h", "c"),
     ("x", "n1"), ("n1", "a"), ("a", "s1"), ("x", "s1", "", 1.2), ("s1", "n2"), ("n2", "f"), ("f", "s2"),
     ("s1", "s2", "", -1.2), ("s2", "y")],
    "The Vision Transformer",
)
""")
md(r"""
The block is `EncoderLayer(norm_first=True)` with GELU instead of ReLU, and with one matrix for queries, keys and values. `vit.py` has its own class, so that the file can be copied alone and published weights fit.
""")
code("# %load -s SelfAttention,FeedForward,EncoderBlock vit.py")
md(r"""
Two options depart from the paper. With `pool="mean"` there is no class token, and the head reads the mean of all patches ([Beyer and others, 2022](https://arxiv.org/abs/2205.01580)). The paper found that both work equally well, but need different learning rates (its Figure 9). We read the mean. With `overlap=2` each patch also reaches 2 pixels over its borders, as in [PVT v2](https://arxiv.org/abs/2106.13797). Edges along the cuts are then seen whole. This is a small dose of what a convolution knows: our main network takes it, our experiments don't.
""")
code("# %load -s VisionTransformer,grid_size,init_weights vit.py")
md(r"""
Is it the paper's network? We count the parameters of ViT-B/16, part by part, beside those of the networks that we shall train.
""")
code(r"""
def count(model):
    return sum(p.numel() for p in model.parameters())

def macs(model):
    '''The multiply-adds for one image of 32 x 32 pixels; `model` is on the meta device.'''
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.empty(1, 3, 32, 32, device="meta"))
    return counter.get_total_flops() // 2

with torch.device("meta"):  # shapes without numbers
    vits = {"ViT-B/16": vit_b_16(), "main ViT": make_vit(knobs["main"]), "small ViT": make_vit(knobs["small"])}
    others = {f"ResNet-{knobs['depth']}": cifar_resnet(knobs["depth"])}
print(f"{'parameters':12}", *(f"{name:>12}" for name in vits))
for part in ("class_token", "positions", "patches", "layers", "norm", "head", ""):
    counts = [sum(p.numel() for name, p in vit.named_parameters() if name.startswith(part)) for vit in vits.values()]
    print(f"{part or 'all':12}", *(f"{number:12,}" for number in counts))
assert count(vits["ViT-B/16"]) == 86_567_656
print("The paper says 86 million for ViT-B/16.")
for name in ("main ViT", "small ViT", *others):
    model = {**vits, **others}[name]
    print(f"{name:9}: {count(model):9,} parameters, {macs(model) / 1e6:6.1f} million multiply-adds")
""")
md(r"""
Nearly everything is in the layers. Does it also compute the same? We give two layers of torchvision's ViT-B/16 random weights, and ours the same ones.
""")
code(r"""
set_seed(SEED)
sizes = dict(image_size=224, patch_size=16, num_layers=2, num_heads=12)
theirs = torchvision.models.VisionTransformer(**sizes, hidden_dim=768, mlp_dim=3072).eval()
nn.init.normal_(theirs.heads.head.weight)  # zeros would hide every difference
ours = VisionTransformer(**sizes).eval()
ours.load_state_dict(from_torchvision(theirs.state_dict()))
images = torch.randn(1, 3, 224, 224)
with torch.no_grad():
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-4)
print("equal to torchvision's")
""")
code(r"""
last = len(vits["main ViT"].layers)
parts = {"patches": "patch embedding", "dropout": "+ positions", "layers.0": "layer 1",
         f"layers.{last - 1}": f"layer {last}", "norm": "last norm", "head": "head"}
draw_network(vits["main ViT"], torch.empty(1, 3, 32, 32, device="meta"), parts, "The main ViT: an image becomes tokens")
""")
md(r"""
The numbers of tokens and channels never change between the first layer and the last; a ResNet halves the resolution and doubles the channels from stage to stage. Can the network learn at all? It should be able to memorise twenty images:
""")
code(r"""
set_seed(SEED)
pupil = vit_small(d_model=64, num_layers=2, num_heads=4, d_ff=128).to(device)
images, labels = next(iter(ImageLoader(data, "train", 20, device)))
optimizer = torch.optim.AdamW(pupil.parameters(), lr=2e-3)
for _ in range(60):
    loss = F.cross_entropy(pupil(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"one batch after 60 steps: loss {loss.item():.4f}")
assert loss.item() < 0.1
""")
md(r"""
## Augmentation

A network that has to learn so much from images needs many, and augmentation makes more of them. All our trainings shift and flip the images. `StrongLoader` can do more: one random operation (a rotation, shear, zoom, or a change of brightness, contrast or saturation), and a grey square of up to `hole` pixels a side. `share` is the fraction of images that get it. The main training has a quarter at scale `cpu` and all images in the longer one at `gpu`; we haven't tuned this.
""")
code(r"""
def as_pixels(images):
    '''Normalised images (N, 3, H, W) -> values in [0, 1], (N, H, W, 3).'''
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (data.mean, data.std))
    return (images.cpu() * std + mean).clamp(0, 1).permute(0, 2, 3, 1)

set_seed(SEED)
rows = [ImageLoader(data, "train", 10, "cpu"), StrongLoader(data, "train", 10, "cpu", augment=True, share=1.0)]
show_images(torch.cat([as_pixels(next(iter(loader))[0]) for loader in rows]), columns=10,
            title=f"{data.name}: images, and the same with strong augmentation")
""")
md(r"""
## Training

We train with AdamW, one cycle of the learning rate, and label smoothing of 0.1, which is left out when we evaluate.
""")
code(r"""
def smoothed(model, images, labels):
    '''The objective: cross-entropy, with smoothed labels while training, and how many images are right.'''
    logits = model(images)
    smoothing = 0.1 if torch.is_grad_enabled() else 0.0  # off when we evaluate
    right = (logits.argmax(dim=1) == labels).sum()
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, model, part, epochs, rate=1e-3, strong=None, lines=1):
    '''Train an image classifier; `strong` has StrongLoader's share and hole. Returns it and its Run.'''
    options = dict(shuffle=True, augment=True, seed=SEED, **(strong or {"share": 0.0}))
    loader = StrongLoader(part, "train", knobs["batch"], device, **options)
    optimizer, scheduler = one_cycle(model.parameters(), rate, epochs * len(loader))
    evaluate_on = {"val": ImageLoader(part, "val", 500, device)}
    print(f"{name}:")
    run = fit(model.to(device), loader, optimizer, scheduler, epochs, device, evaluate_on, smoothed,
              checkpoint=f"Transformer/{name}", clip=1.0, compile=compiled, lines=lines)
    return model.eval(), run

def test_accuracy(model, images=None):
    '''Percent of the test images that are right; `images` (uint8) may stand in for the originals.'''
    part = data if images is None else replace(data, test=Split(images, data.test.labels))
    return 100 * evaluate(model.to(device), ImageLoader(part, "test", 500, device), device)["accuracy"]

set_seed(SEED)
main, main_run = train("main", make_vit(knobs["main"]), data, knobs["epochs"], strong=knobs["strong"], lines=6)
main_test = test_accuracy(main)
plot_histories({"main ViT": main_run}, data.name)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: curves: whether validation still rises, gap between train and val (training values have augmentation and smoothing in them) -->

## Results
""")
code(r"""
real = scale != "quick"
report("Transformer", "test accuracy, %", data.name, "45k/5k/10k" if real else "generated",
       "another small ViT (6.3 M, 200 epochs, AutoAugment)",
       [dict(what=f"ViT, {count(main):,} parameters", paper=None, reproduction=90.92 if real else None,
             runs=[(main_test, main_run)])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: result, n = 1; epochs and parameters --> The paper has no network that saw CIFAR-10 alone; trained on JFT-300M first, ViT-H/14 reaches 99.50 %. The table therefore shows another small ViT, [ViT-CIFAR](https://github.com/omihub777/ViT-CIFAR/tree/cca0f37fd4913c432fce7a160adf419124622bb2). Ours has fewer parameters, fewer epochs and weaker augmentation.

## Look inside: how far heads look

A first convolution sees only neighbours. A head can look anywhere, and we can measure how far it does: the distance between the patch that looks and the patch that is looked at, weighted by attention and averaged over images (the paper's Figure 7, right). The dashed line is a head that looks at all patches alike.
""")
code(r"""
sample, _ = next(iter(ImageLoader(data, "test", 100, device)))
attention = attention_maps(main, sample).mean(dim=1).cpu()  # (L, H, N, N)
place = torch.stack(torch.meshgrid(torch.arange(main.grid), torch.arange(main.grid), indexing="ij"), dim=-1)
apart = P * torch.cdist(place.view(-1, 2).float(), place.view(-1, 2).float())  # (N, N) in pixels
reach = (attention * apart).sum(dim=-1).mean(dim=-1)  # (L, H)

@styled
def plot_reach(reach):
    figure, axis = plt.subplots(figsize=(7, 3.6))
    for head, values in enumerate(reach.T):
        axis.plot(range(1, len(reach) + 1), values, "o", color=COLOURS[head % len(COLOURS)])
    axis.axhline(apart.mean(), color="grey", linestyle="--", label="all patches alike")
    axis.set(xlabel="layer", ylabel="mean distance (pixels)", title="How far each head looks", ylim=(0, None),
             xticks=range(1, len(reach) + 1))
    axis.legend()

plot_reach(reach)
print(f"layer 1: heads from {reach[0].min():.1f} to {reach[0].max():.1f} pixels;",
      f"last layer: {reach[-1].min():.1f} to {reach[-1].max():.1f}; all alike: {apart.mean():.1f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: whether some heads of the first layers look locally, as in the paper's Figure 7 (right); the last layers -->

## Look inside: where it looks

Which patches reach the output? **Attention rollout** multiplies the attention matrices of all layers, with half of each layer's output counted as coming through the residual connection. It gives each patch a share, and bright areas have more than an equal one. It is a rough estimate, since it knows nothing about what is passed along. As a control, the last row has an untrained network: what shows there too wasn't learned.
""")
code(r"""
# For the README: images of CIFAR-10, and where the Vision Transformer looks, trained and untrained
@styled
def show_rollouts(models, images, labels, count=8):
    shares = torch.stack([vit.grid**2 * attention_rollout(vit, images[:count]).cpu() for vit in models.values()])
    figure, axes = plt.subplots(1 + len(models), count, figsize=(11, 1.6 * (1 + len(models))))
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
        axis.grid(False)
    for axis, image, label in zip(axes[0], as_pixels(images[:count]), labels):
        axis.imshow(image)
        axis.set_title(data.classes[label], fontsize=9)
    for row, name, maps in zip(axes[1:], models, shares):
        row[0].set_ylabel(name)
        for axis, share in zip(row, maps):
            shown = axis.imshow(share, cmap="magma", interpolation="bilinear", vmin=shares.min(), vmax=shares.max())
    figure.colorbar(shown, ax=axes, label="times its equal share")
    figure.suptitle(f"{data.name}, test images: attention rollout of the main ViT")

set_seed(SEED)
show_rollouts({"trained": main, "untrained": make_vit(knobs["main"]).to(device)}, sample, data.test.labels)
""")
code(r"""
with torch.no_grad():
    probabilities = torch.cat([main(images).float().softmax(dim=1).cpu()
                               for images, _ in ImageLoader(data, "test", 500, device)])
show_mistakes(data.test.images, data.test.labels, probabilities, data.classes,
              title=f"{data.name}: most confident mistakes")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: rollout: on the object or the background? (compare the two rows and read the colour bar: even an untrained net's attention follows colours, at quick its shares lie between 0.7 and 2.5; if the trained row shows no more than the untrained one, say so, and give the README the picture of another cell); what the mistakes above have in common -->

## The same network without order

How much does a ViT owe to knowing where patches lie? We train the small ViT twice on a third of the data: once with positions, and once **without**. For the second one an image is a bag of patches, whose order doesn't change the output. If the first one uses the order, it must get worse when we shuffle the patches of the *test* images, each in its own way. In the paper, ViT-B/16 loses about three points without positions (61.4 against 64.2 % in a few-shot test on ImageNet, Table 8).
""")
code(r"""
def part_of(images):
    '''The data with fewer training images, and with 2,000 for validation.'''
    fewer = Split(*(values[:images] for values in data.train))
    return replace(data, train=fewer, val=Split(*(values[:2_000] for values in data.val)))

third, third_epochs = part_of(knobs["third"][0]), knobs["third"][1]
variants = {}
for name, positions in (("with positions", "learned"), ("without", None)):
    set_seed(SEED)
    net = make_vit(knobs["small"], positions=positions)
    variants[name], _ = train(f"third-{name.replace(' ', '-')}", net, third, third_epochs)
""")
code(r"""
draw = torch.Generator().manual_seed(SEED)
fixed = torch.randperm(64, generator=draw)
own = torch.rand(len(data.test.labels), 64, generator=draw).argsort(dim=1)  # a shuffle for each image

def shuffled(images, order):
    return shuffle_patches(images.permute(0, 3, 1, 2), P, order).permute(0, 2, 3, 1).contiguous()

with torch.no_grad():
    mixed = shuffle_patches(sample, P, fixed)
    changes = {name: (net(mixed) - net(sample)).abs().max() for name, net in variants.items()}
assert changes["without"] < 0.01 and changes["with positions"] > 10 * changes["without"]
accuracy = {name: [test_accuracy(net, images) for images in (None, shuffled(data.test.images, own))]
            for name, net in variants.items()}
print(f"{'test accuracy, %':16} {'as they are':>12} {'shuffled':>12}")
for name, values in accuracy.items():
    print(f"{name:16}", *(f"{value:12.1f}" for value in values))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: with positions: falls from ... to ... on shuffled test images: it uses the order. Without: how much remains, colours and textures of patches; unchanged by shuffling. The gap between the two trainings: n = 1 -->

## Look inside: positions

Before training, the position vectors are random: nothing in them says that patch 9 lies below patch 1. Does the network find out? We compare the vector of each patch with those of all others (the paper's Figure 7, centre), in the small ViT, whose patches share no pixels. Each small map belongs to one patch. If the network had not noticed where patches lie, each map would be one bright point on noise.

We first subtract the mean of all 64 vectors, since what all have in common says nothing about places. This alone makes the average similarity of two patches slightly negative, as the row of the untrained network shows.
""")
code(r"""
def position_maps(vit):
    '''The cosine of every two position vectors, without their mean: (grid, grid, grid, grid).'''
    vectors = vit.positions[0].detach().float().cpu()
    vectors = F.normalize(vectors - vectors.mean(dim=0), dim=1)
    return (vectors @ vectors.T).view(vit.grid, vit.grid, vit.grid, vit.grid)  # (row, column, row, column)

@styled
def plot_positions(maps):
    grid = len(maps)
    tiles = F.pad(maps, (0, 1, 0, 1), value=math.nan).transpose(1, 2).flatten(2).flatten(0, 1)  # white lines between
    figure, axis = plt.subplots(figsize=(6.6, 5.8))
    middles = (grid + 1) * np.arange(grid) + (grid - 1) / 2
    shown = axis.imshow(tiles, cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(xticks=middles, yticks=middles, xlabel="column of the patch", ylabel="row of the patch",
             title="Small ViT: how similar each position vector is to the others")
    axis.set_xticklabels(range(1, grid + 1))
    axis.set_yticklabels(range(1, grid + 1))
    axis.grid(False)
    figure.colorbar(shown, label="cosine similarity")

small = variants["with positions"]
plot_positions(position_maps(small))
set_seed(SEED)
nets = {"small, untrained": make_vit(knobs["small"]), "small": small, "main": main}
steps = (torch.arange(small.grid)[:, None] - torch.arange(small.grid)).abs()
distance = steps[:, None, :, None] + steps[None, :, None, :]  # of every two patches, along rows and columns
print(f"{'patches apart':16}", *(f"{d:>7}" for d in (1, 2, 4, 7)))
for name, net in nets.items():
    print(f"{name:16}", *(f"{position_maps(net)[distance == d].mean():+7.3f}" for d in (1, 2, 4, 7)))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: neighbours similar; rows and columns visible? similarity by distance; the main ViT's overlapping patches share pixels, so its row is no proof -->

## What convolution knows beforehand

Now we **shuffle the training images too**, every image with the same shuffle, after the augmentation. The small ViT can't notice: its position vectors begin as random numbers, so no place is special, and both trainings are equal in distribution. To check, we move the position vectors along with the patches, and the outputs are the same. (We make the vectors large first, so that places matter.)
""")
code(r"""
set_seed(SEED)
fresh = make_vit(knobs["small"]).to(device).eval()
for weights in (fresh.head.weight, fresh.positions):
    nn.init.normal_(weights)
with torch.no_grad():
    mixed, before = shuffle_patches(sample, P, fixed), fresh(sample)
    assert not torch.allclose(fresh(mixed), before, rtol=0.1, atol=0.1)
    fresh.positions[0] = fresh.positions[0][fixed].clone()
    torch.testing.assert_close(fresh(mixed), before, rtol=1e-3, atol=1e-3)
print("shuffled images and equally shuffled position vectors: the same outputs")
""")
md(r"""
A ResNet's 3×3 kernels expect that neighbours belong together. We train one on the same third of the data, and once more on shuffled images. It has about as many multiply-adds as the small ViT, but half the parameters. Both networks get the same images, epochs, augmentation, optimiser and schedule. The peak learning rates (0.005 for the ResNet, 0.001 for the ViT) aren't tuned.

If the ResNet owes its result to knowing what is near, the shuffle must cost it a lot, and perhaps its lead over the ViT. If it only needs weights that are shared between places, the shuffle should cost little.
""")
code(r"""
class Shuffled(nn.Module):
    '''A network that gets all images with their patches in another, fixed order.'''

    def __init__(self, net, order):
        super().__init__()
        self.net = net
        self.register_buffer("order", order)

    def forward(self, images):
        return self.net(shuffle_patches(images, P, self.order))

def make_resnet():
    set_seed(SEED)
    return cifar_resnet(knobs["depth"]).to(memory_format=torch.channels_last)

show_images(torch.cat([data.test.images[:8], shuffled(data.test.images[:8], fixed)]), columns=8,
            title=f"{data.name}: images, and with one shuffle of their patches")
resnet_scores = {}
for name, net in (("as they are", make_resnet()), ("shuffled", Shuffled(make_resnet(), fixed))):
    net, _ = train(f"third-resnet-{name.replace(' ', '-')}", net, third, third_epochs, rate=5e-3)
    resnet_scores[name] = test_accuracy(net)
print(f"small ViT, trained and tested on images as they are: {accuracy['with positions'][0]:.1f} %")
for name, score in resnet_scores.items():
    print(f"ResNet-{knobs['depth']}, trained and tested on images {name}: {score:.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the ResNet loses ... points by shuffling; the small ViT's result beside it, the same for both by construction; n = 1 -->

This is what *inductive bias* means. A convolution is told that neighbours matter: a head start where that is true, a handicap where it is false. The ViT assumes nothing about how patches lie to each other, only that the pixels of a patch belong together, and our shuffle respects that.

## How much data does that take?

The paper trained on three data sets and then fine-tuned on ImageNet. These are its own numbers, not ours (its Table 5, top-1 accuracy in %):

| trained first on | images | ViT-B/16 | ViT-L/16 |
|---|---|---|---|
| ImageNet | 1.3 million | 77.91 | 76.53 |
| ImageNet-21k | 14 million | 83.97 | 85.15 |
| JFT-300M | 303 million | 84.15 | 87.12 |

With 1.3 million images the larger network is the worse one, and both are behind large ResNets; with more images ViT overtakes them (Figure 3). Figure 4 narrows the crossing down: ViT-B/32 is much worse than ResNet-50 after 9 million images, and better from 90 million on.

Our 45,000 images can't show a crossing. They can show whether the ResNet's lead depends on the amount of data, but only in long trainings with equally many steps for each amount; otherwise we would compare the training's length. Two cores are too slow for that. At scale `gpu` the next cell does it, with all the data, a third and a tenth, and also asks how far strong augmentation replaces data. If the lead is largest with the fewest images, the ViT lacks knowledge that more images would give it. If it is the same everywhere or grows, something else holds the ViT back.
""")
code(r"""
def compare_amounts():
    '''Train both networks on further amounts of data; print every test accuracy.'''
    scores = {"a third": (knobs["third"], accuracy["with positions"][0], resnet_scores["as they are"])}
    for name, (images, epochs) in knobs["more"].items():
        part, label = part_of(images), name.replace(" ", "-")
        set_seed(SEED)
        vit, _ = train(f"{label}-vit", make_vit(knobs["small"]), part, epochs)
        resnet, _ = train(f"{label}-resnet", make_resnet(), part, epochs, rate=5e-3)
        scores[name] = (images, epochs), test_accuracy(vit), test_accuracy(resnet)
    set_seed(SEED)
    images, epochs = knobs["more"]["a tenth"]
    strong, _ = train("a-tenth-vit-strong", make_vit(knobs["small"]), part_of(images), epochs,
                      strong=dict(share=1.0, hole=12))
    print("\ntest accuracy, %, one seed each:")
    for name, ((images, epochs), a, b) in sorted(scores.items(), key=lambda item: item[1][0]):
        print(f"{name:8} ({images:6,} images, {epochs:5,} epochs): ViT {a:.1f}, ResNet {b:.1f}, lead {b - a:+.1f}")
    print(f"a tenth, with strong augmentation: ViT {test_accuracy(strong):.1f}")

if knobs["more"]:
    compare_amounts()
else:
    print(f"not run at scale {scale}: it needs RUN_SCALE=gpu")
""")
md(r"""
## Use it

The main network fits into three megabytes in half precision. We save it with what a user has to know, and load it again.
""")
code(r"""
state = {name: value.half().cpu() for name, value in main.state_dict().items()}
path = checkpoint_dir() / scale / "Transformer" / "vit-weights.pt"
about = dict(settings=knobs["main"], classes=data.classes, mean=data.mean, std=data.std, data=data.name,
             test_accuracy=main_test, made=main_run.made())
save_file(dict(model=state, **about), path)
again = vit_small(**knobs["main"])
again.load_state_dict(torch.load(path, weights_only=True)["model"])
half = test_accuracy(again.eval())
print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB; test accuracy {main_test:.2f} %,",
      f"with weights in half precision {half:.2f} %")
assert path.stat().st_size < 3e6 or scale in ("gpu", "paper")
assert abs(half - main_test) < (3 if scale == "quick" else 0.3)  # quick has 80 test images
""")
md(r"""
**An image of your own.** Set `my_photo` to a file that shows one of the ten classes; its central square is shrunk to 32×32 pixels.
""")
code(r"""
def look(model, prepared, pixels, classes, top=3):
    '''Name the likeliest classes of one prepared image (1, 3, H, W), and draw where the network looks.'''
    with torch.no_grad():
        chances = model(prepared).float().softmax(dim=1)[0]
    for chance, i in zip(*(values.tolist() for values in chances.topk(top))):
        print(f"{100 * chance:5.1f} %  {classes[i]}")
    flow = attention_rollout(model, prepared)[:, None]
    seen = F.interpolate(flow, size=pixels.shape[:2], mode="bilinear")[0, 0].cpu()
    show_images([pixels, (seen / seen.max())[..., None] * pixels], ["the image", "where it looks"], columns=2, size=3)

my_photo = None
photo = read_image(my_photo, size=32) if my_photo else data.test.images[0]
pixels = photo / 255
prepared = (pixels - torch.tensor(about["mean"])) / torch.tensor(about["std"])
look(again, prepared.permute(2, 0, 1)[None].to(device), pixels, about["classes"])
""")
md(r"""
**A published network.** With an internet connection, set `published = True`: the cell downloads torchvision's weights of ViT-B/16 once (330 MB) and does the same with ImageNet's 1,000 classes. It expects 224 pixels, so give it a photograph.
""")
code(r"""
published = False
if published:
    download = torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1
    vit = vit_b_16().eval()
    vit.load_state_dict(from_torchvision(download.get_state_dict(progress=False, check_hash=True)))
    photo = read_image(my_photo, size=256) if my_photo else data.test.images[0]
    prepared = download.transforms()(photo.permute(2, 0, 1))[None]  # (1, 3, 224, 224)
    mean, std = (torch.tensor(values) for values in (download.transforms().mean, download.transforms().std))
    pixels = (prepared[0].permute(1, 2, 0) * std + mean).clamp(0, 1)
    look(vit, prepared, pixels, download.meta["categories"], top=5)
""")
md(r"""
## Where this departs from the papers

| | papers | here |
|---|---|---|
| Task of the encoder-decoder | translation | sums of two numbers |
| Its training | dropout and label smoothing, 0.1 each | neither |
| Layer norm | after each sublayer (2017), before it (ViT) | before it, in both |
| Data for the ViT | ImageNet, ImageNet-21k or JFT-300M, then fine-tuned | CIFAR-10 from scratch |
| Images and patches | 224 pixels (384 or more in fine-tuning), 16×16 | 32 pixels, 4×4, overlapping in the main network (not at `paper`) |
| What the head reads | the class token | the mean of the patches |
| Head | one hidden layer when trained first, linear in fine-tuning | linear |
| Feed-forward size | four times the width | 2.4 times (main, `cpu`), twice, or once (`paper`) |
| Optimiser | Adam, batches of 4,096; SGD in fine-tuning | AdamW, batches of 128 |
| Augmentation | random crops, flips | shifts, flips, one random operation, a grey square |
| Regularisation (ImageNet alone) | dropout 0.1, weight decay 0.3 | label smoothing 0.1, weight decay 0.05 |

Scale `paper` has the size and the epochs of ViT-CIFAR, without its class token and AutoAugment; the paper's own recipe needs data that we don't have.

## Exercises

1. **Carry chains.** Test the adder on sums such as 4999+1. After how many carries in a row does it fail? Compare the two orders of writing.
2. **Longer numbers.** In `Sums`, write each number with leading zeros up to eight digits, so that every column has a fixed place. Train on four digits and test on five. What does the network still meet for the first time?
3. **Class token.** Train the small ViT with `pool="class"` and `pool="mean"`, each with two learning rates and three seeds. Is there a difference that is larger than that between seeds?
4. **A convolutional stem.** Replace `patches` by two 3×3 convolutions with a stride of 2. How much of the ResNet's lead is gone? *Hint: Xiao and others, below.*

## Further reading

- [Training data-efficient image transformers](https://arxiv.org/abs/2012.12877) by Touvron and others: how far augmentation replaces data.
- [How to train your ViT?](https://arxiv.org/abs/2106.10270) by Steiner and others: data, augmentation and regularisation against each other.
- [Early Convolutions Help Transformers See Better](https://arxiv.org/abs/2106.14881) by Xiao and others.
- [Teaching Arithmetic to Small Transformers](https://arxiv.org/abs/2307.03381) by Lee and others: the order of digits, and more.
- [Quantifying Attention Flow in Transformers](https://arxiv.org/abs/2005.00928) by Abnar and Zuidema: attention rollout.
""")

book = new_notebook(cells=cells)
book.metadata = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
    "accelerator": "GPU",
}
for i, cell in enumerate(book.cells):
    cell["id"] = f"cell-{i}"
nbformat.write(book, HERE / "Transformer.ipynb")
words = sum(len(re.sub(r"<!--.*?-->", "", c.source, flags=re.S).split()) for c in cells if c.cell_type == "markdown")
long = [
    (i, len(c.source.splitlines()))
    for i, c in enumerate(cells)
    if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup")) and len(c.source.splitlines()) > 45
]
print(len(cells), "cells,", words, "words; too long:", long)
