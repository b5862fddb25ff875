"""Write Transformer.ipynb beside this file from the cells below; synced cells are filled from the sources."""

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

[Attention.ipynb](../../attention/Attention.ipynb) builds the Transformer from its equations and translates with it. Here we put it to use elsewhere: you will teach it to add numbers digit by digit, measure what attention costs, turn its encoder into a Vision Transformer that equals torchvision's, train one on CIFAR-10, and find out what a convolutional network knew beforehand. TODO-NUMBERS <!-- TODO-NUMBERS: one sentence: test accuracy of the main ViT, parameters, n = 1 -->

**How long it takes.** TODO-NUMBERS minutes of training on two cores at scale `cpu`, where the stored outputs come from. <!-- TODO-NUMBERS: minutes of the main run and of everything, processes, threads --> Scales: `quick` (half a minute, generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (a larger network for longer), `paper` (longer still). The second code cell says how to choose.
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
A Transformer layer turns a set of vectors into a set of vectors. What the set stands for is up to us. An **encoder alone** reads everything at once: BERT reads text, a Vision Transformer reads the patches of an image. A **decoder alone** may look only backwards, so that it can write: GPT. **Both together** read one sequence and write another: translation in the paper, and sums in this notebook.

## The two papers in brief

**2017.** Attention lets each position collect information from all others, weighted by how well a *query* fits a *key*: $\mathrm{softmax}(QK^\top / \sqrt{d_k})\,V$. The Transformer consists of such layers and of small feed-forward nets. It set the state of the art in translation, with 28.4 BLEU from English to German, and needed a fraction of the training time of its competitors.

**2021.** Does the same network work on images if we change as little as possible? The **Vision Transformer** (ViT) cuts an image into patches of 16×16 pixels, turns each into a vector by one linear layer, adds a vector for its position, and feeds them to an ordinary encoder. Nothing else in it knows that the input is an image: that neighbouring pixels belong together, and that an object may stand anywhere, has to be learned. A convolution has both built in. The paper's answer has two halves. Trained on the 1.3 million images of ImageNet, ViT is somewhat worse than a ResNet of its size. Trained on 300 million images first, it is better: ViT-H/14 reached 88.55 % on ImageNet. In the paper's words, large-scale training trumps inductive bias. We have 45,000 images, so we shall see the first half.

## A short tour of `transformer.py`

**Encoder alone, decoder alone, both.** `EncoderLayer` serves the first two uses; a decoder alone is an encoder layer with a causal mask, and `DecoderLayer` is only needed where there is a second sequence to look at. `Transformer` has both stacks, embeddings and positions. A mask is `True` where a position *may* look, and is broadcast over heads.
""")
code(r"""
set_seed(SEED)
layer, x = EncoderLayer(d_model=64, num_heads=4, d_ff=256).eval(), torch.randn(2, 5, 64)  # 2 sequences of 5 tokens
padding = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]).bool()[:, None, None]  # (B, 1, 1, S): the second is shorter
print("encoder alone:", layer(x, padding).shape)

causal = torch.ones(5, 5).bool().tril()  # (T, T): each position sees itself and what came before
changed = torch.cat([x[:, :4], torch.randn(2, 1, 64)], dim=1)
print("decoder alone: another last token changes the earlier outputs by",
      (layer(x, causal) - layer(changed, causal))[:, :4].abs().max().item())

model = Transformer(src_vocab=14, tgt_vocab=14, d_model=64, num_heads=4, num_layers=2, d_ff=256).eval()
print("both:", model(torch.randint(1, 14, (2, 7)), torch.randint(1, 14, (2, 5))).shape)
""")
md(r"""
**Caches, `fused`, and the place of the norm.** While a decoder writes, keys and values of earlier tokens don't change; a cache keeps them. `fused=True`, the default, computes attention by PyTorch's own kernel. `norm_first=True` puts each layer norm before its sublayer. Then the sums of the residual path are never normalised and grow with depth; with the norm after, as in the 2017 paper, every layer's output has standard deviation 1.
""")
code(r"""
question = torch.randint(1, 14, (8, 7))
once, again = (greedy_decode(model, question, bos=1, eos=-1, use_cache=cached) for cached in (True, False))
print("with and without cache the same tokens:", torch.equal(once, again))

fused, plain = (MultiHeadAttention(64, 4, fused=choice) for choice in (True, False))
plain.load_state_dict(fused.state_dict())
print(f"fused and written out differ by {(fused(x, x, x) - plain(x, x, x)).abs().max().item():.0e}")

for norm_first in (False, True):
    y = nn.Sequential(*(EncoderLayer(64, 4, 256, norm_first=norm_first).eval() for _ in range(12)))(x)
    print(f"norm_first={norm_first}: standard deviation {y.std().item():.2f} after 12 layers")
""")
md(r"""
## What attention costs

Every token looks at every other, so $T$ tokens need $T^2$ weights for each head. If these matrices are stored for the backward pass, memory grows with the square of the length. The fused kernel works through them in tiles and stores none: it does the same arithmetic, so its time still grows with the square, but its memory grows linearly. We measure one layer with 256 channels and 4 heads. Memory is what PyTorch keeps between the forward and the backward pass, without the parameters.
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
memory, seconds = {}, {}
for name, choice in (("written out", False), ("fused", True)):
    layer = MultiHeadAttention(256, 4, fused=choice).to(device)
    inputs = [torch.randn(1, T, 256, device=device) for T in lengths]
    memory[name] = (lengths, [kept_bytes(layer, x) / 1e6 for x in inputs])
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

plot_cost({"MB kept for the backward pass": memory, "milliseconds, forward and backward": seconds})
for name in memory:
    grows, slower = (values[name][1][-1] / values[name][1][-2] for values in (memory, seconds))
    print(f"{name:11}: from {lengths[-2]} to {lengths[-1]} tokens {grows:.1f} times the memory,",
          f"{slower:.1f} times the time")
""")
md(r"""
Both axes are logarithmic, so a straight line is a power of the length, and its slope the exponent. TODO-NUMBERS <!-- TODO-NUMBERS: from 1,024 to 2,048 tokens: memory × about 4 written out and × 2 fused; time of both; at which length memory at 2,048 differs by what factor --> An image of 224×224 pixels has 50,176 of them. With a token for each pixel, one head of one layer would need 2.5 billion weights; cut into patches of 16×16 pixels, it has 196 tokens, and 38,416 weights. This is why a Vision Transformer reads patches.

## Sums, digit by digit

A Transformer reads and writes symbols. Can it learn to *calculate*? We ask for sums of two whole numbers: it reads `73+485` and has to write `558`. No rule is given, only examples, each of them new. The answer is right or wrong as a whole, so there is nothing to argue about.

One choice matters more than it seems: in which order are the digits of the answer written? We do it by hand from the right, because the carry goes from the units to the left. If the network writes the units first (`855`), each step needs only two digits and a carry. If it writes as we read (`558`), the first digit may depend on all the others: 499+500 begins with a 9, and 499+501 with a 1. If what is easy for us is easy for the network, units first should be learned sooner. We train the same network on both.
""")
code(r"""
draw = torch.Generator().manual_seed(SEED)
pairs = torch.cat([sums.draw_numbers(3, (1, 4), draw), torch.tensor([[499, 501]])])
for question, forwards, backwards in zip(*sums.as_tokens(pairs, units_first=False), sums.as_tokens(pairs)[1]):
    print(f"{sums.decode(question):>9}   as we read: {sums.decode(forwards):5}   units first: {sums.decode(backwards)}")
print("one answer as tokens:", sums.as_tokens(pairs[-1:])[1].tolist(), "where 2 is the end")
""")
md(r"""
## Knobs

All sizes and lengths of this notebook stand in one table. The sums come first; what the other entries mean is said where they are used.
""")
code(r"""
SMALL = dict(d_model=128, num_layers=4, num_heads=4, d_ff=256)  # for the experiments: the cost of a ResNet-20
KNOBS = {
    # sums: how many an epoch, epochs, d_model, most digits;  main: the ViT, epochs, share of images changed strongly
    # data: {how much of the training set: (images, epochs)} for the experiments, which use the ViT `small`
    "quick": dict(
        sums=(640, 1, 32, 2), main=dict(d_model=32, num_layers=2, num_heads=2, d_ff=64, overlap=2), epochs=2, share=0.3,
        small=dict(d_model=32, num_layers=2, num_heads=2, d_ff=64), depth=8,
        data={"all": (160, 1), "a third": (80, 1), "a tenth": (40, 2)}, batch=40),
    "cpu": dict(
        sums=(25_600, 25, 64, 5), main=dict(overlap=2), epochs=34, share=0.25, small=SMALL, depth=20,
        data={"all": (45_000, 8), "a third": (15_000, 16), "a tenth": (4_500, 40)}, batch=128),
    "gpu": dict(
        sums=(25_600, 60, 128, 6), main=dict(d_model=256, num_layers=7, num_heads=8, d_ff=512, overlap=2), epochs=120,
        share=1.0, small=SMALL, depth=20,
        data={"all": (45_000, 20), "a third": (15_000, 40), "a tenth": (4_500, 80)}, batch=128),
}
KNOBS["paper"] = {**KNOBS["gpu"], "epochs": 200, "main": dict(d_model=384, num_layers=7, num_heads=12, d_ff=384)}
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

During training the decoder is given the right answer up to each place and has to say the next digit (teacher forcing). For the test it writes alone, and has to be right from the first digit to the end token. Test sums come from another seed; with five digits each there are eight billion pairs, so hardly any of them was in the training. Of the one-digit sums all were.
""")
code(r"""
def next_digit(model, questions, answers):
    '''The objective: cross-entropy of each symbol of the answer, given those before it.'''
    begin = torch.full_like(answers[:, :1], sums.BOS)
    logits = model(questions, torch.cat([begin, answers[:, :-1]], dim=1))
    loss = F.cross_entropy(logits.flatten(0, 1), answers.flatten(), ignore_index=sums.PAD)
    said, right = answers != sums.PAD, logits.argmax(dim=-1) == answers
    # sentences of one batch have different lengths; the loss counts as the mean of its symbols
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
            "epoch", "right symbols (%)", "New sums of the longest numbers, the right beginning given")

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
TODO-NUMBERS <!-- TODO-NUMBERS: (0) the learning curves of the two orders: after which epoch is each above 99 %; (1) up to the longest numbers of the training: both orders, which one is better and by how much after equal training; (2) beyond (six and seven digits) falls to 0? (in trials: units first, four digits: 100 % up to four, 0.0 % at five; as we read, five digits, broken off: 86.7 % at five, 0.0 % at six); say in a sentence: it has learned addition up to five digits, not addition: the position vectors of places that never occurred are untrained; sinusoids do not help --> This is what **length generalisation** means, and standard Transformers are bad at it. A rule that works for any length would need to say "the digit before the one that I used last"; a position vector says "place 7".

### What does each head do?

For a digit of the answer, the decoder needs the two digits of the same column, and to know whether the column to the right carries. Where does each head of the cross-attention look? We take numbers with the same number of digits, so that every column has a fixed place, and average over 200 sums how much attention goes to each kind of place.
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

adder, n = adders["units first"][0], most
pairs = sums.draw_numbers(200, (n, n), torch.Generator().manual_seed(5))
kept = cross_attention(adder, pairs).mean(dim=1).flatten(0, 1)[:, :n]  # (layers * heads, n answer digits, 2 n + 1)
column = torch.arange(n)
places = {  # the question is n digits, a plus sign, n digits; the answer's digit t is column t from the right
    "first number,\nsame column": (column, n - 1 - column), "second number,\nsame column": (column, 2 * n - column),
    "first number,\ncolumn before": (column[1:], n - column[1:]),
    "second number,\ncolumn before": (column[1:], 2 * n + 1 - column[1:]),
    "plus sign": (column, torch.full((n,), n)),
}
shares = torch.stack([kept[:, rows, columns].mean(dim=1) for rows, columns in places.values()], dim=1)

@styled
def plot_roles(shares):
    figure, axis = plt.subplots(figsize=(9, 4))
    shown = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set(yticks=range(len(shares)), title="Where each head of the decoder looks", xticks=range(len(places)))
    axis.set_yticklabels([f"layer {i // 4}, head {i % 4}" for i in range(len(shares))])
    axis.set_xticklabels(places, fontsize=9)
    axis.grid(False)
    figure.colorbar(shown, label="attention")

plot_roles(shares)
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: which heads specialise on the first/second number's column, which on the column before (the carry), plus sign as a resting place --> Here are the heads of the last layer for one sum. Each row is a digit of the answer, at the moment at which it is written.
""")
code(r"""
pair = torch.tensor([[4721, 3689]] if most >= 4 else [[47, 38]])
weights = cross_attention(adder, pair)[-1, 0]  # (H, T, S)
question, answer = sums.as_tokens(pair)
rows = [*sums.decode(answer[0]), "end"]
plot_attention(weights, rows, list(sums.decode(question[0])), f"{sums.decode(question[0])} = {int(pair.sum())}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: describe the diagonals: each head walks from right to left through one of the numbers -->

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
Each patch is 48 numbers: 4×4 pixels of 3 colours. One linear layer turns them into a vector of $D$ channels (eq. 1). Written as a convolution with a stride of 4, it needs no cutting. Three more things complete the network:

- **Positions.** Attention does not know about order, so a learned vector is added to each patch.
- **A class token.** One more vector, the same for every image, joins the sequence. It belongs to no patch, and the last layer reads its output (eq. 4). Instead, one can read the mean of all patches.
- **Norm first.** Each layer normalises before attention and before the feed-forward net, whose activation is GELU instead of ReLU (eq. 2 and 3).
""")
code("# %load -s SelfAttention,FeedForward,EncoderBlock vit.py")
code("# %load -s VisionTransformer,grid_size,init_weights vit.py")
code(r"""
def count(module):
    return sum(p.numel() for p in module.parameters())

def macs(model):
    '''The multiply-adds for one image of 32 x 32 pixels; `model` is on the meta device.'''
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.empty(1, 3, 32, 32, device="meta"))
    return counter.get_total_flops() // 2

with torch.device("meta"):  # shapes without numbers
    base, main, small = vit_b_16(), make_vit(knobs["main"]), make_vit(knobs["small"])
    resnet = cifar_resnet(knobs["depth"])
assert count(base) == 86_567_656
print(f"ViT-B/16: {count(base):,} parameters; the paper says 86 million")
for name, model in (("main ViT", main), ("small ViT", small), (f"ResNet-{knobs['depth']}", resnet)):
    print(f"{name:9}: {count(model):9,} parameters, {macs(model) / 1e6:6.1f} million multiply-adds")

# two layers of torchvision's ViT-B/16 with random weights, and ours with the same
set_seed(SEED)
sizes = dict(image_size=224, patch_size=16, num_layers=2, num_heads=12)
theirs = torchvision.models.VisionTransformer(**sizes, hidden_dim=768, mlp_dim=3072).eval()
nn.init.normal_(theirs.heads.head.weight)  # zeros would hide every difference
ours = VisionTransformer(**sizes).eval()
ours.load_state_dict(from_torchvision(theirs.state_dict()))
x = torch.randn(1, 3, 224, 224)
with torch.no_grad():
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)
    x, layer = x[..., :32, :32], vit_small(overlap=0).patches
    by_hand = to_patches(x, P).flatten(2) @ layer.weight.flatten(1).T + layer.bias  # (B, N, C)
    torch.testing.assert_close(layer(x).flatten(2).transpose(1, 2), by_hand, rtol=1e-3, atol=1e-4)
print("equal to torchvision's; the convolution equals a linear layer on each patch")
""")
code(r"""
parts = {"patches": "patch embedding", "dropout": "+ positions", "layers.0": "layer 1",
         f"layers.{len(main.layers) - 1}": f"layer {len(main.layers)}", "norm": "last norm", "head": "head"}
draw_network(main, torch.empty(1, 3, 32, 32, device="meta"), parts, "The main ViT: an image becomes tokens")
""")
md(r"""
The drawing is made from the network itself. The number of tokens and the number of channels never change between the first layer and the last; a ResNet, in contrast, halves the resolution and doubles the channels from stage to stage. Can it learn at all? It should be able to memorise twenty images:
""")
code(r"""
set_seed(SEED)
model = vit_small(d_model=64, num_layers=2, num_heads=4, d_ff=128).to(device)
images, labels = next(iter(ImageLoader(data, "train", 20, device)))
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for _ in range(60):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"one batch after 60 steps: loss {loss.item():.4f}")
assert loss.item() < 0.1
""")
md(r"""
## Augmentation

A network that has to learn from the images that neighbours belong together needs many images, and augmentation makes more of them. Besides the usual shifts and flips, `StrongLoader` applies one random operation (a rotation, shear, zoom, or a change of brightness, contrast or saturation) and blanks out a square. Only the share of images that the knob says is changed so strongly. In a short training, little of it is best, since the network sees each image only a few times anyway; in a long one, all images are changed.
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

The main ViT reads the mean of its patches, and each of its patches reaches two pixels over its borders. We train with AdamW, one cycle of the learning rate, and label smoothing of 0.1, which is left out when we evaluate.
""")
code(r"""
def smoothed(model, images, labels):
    '''The objective: cross-entropy, with smoothed labels while training, and how many images are right.'''
    logits = model(images)
    smoothing = 0.1 if torch.is_grad_enabled() else 0.0  # off when we evaluate
    right = (logits.argmax(dim=1) == labels).sum()
    return F.cross_entropy(logits, labels, label_smoothing=smoothing), len(labels), {"accuracy": right}

def train(name, model, part=data, epochs=1, rate=1e-3, share=0.0, lines=1):
    '''Train an image classifier. Returns it and its Run.'''
    options = dict(shuffle=True, augment=True, seed=SEED)
    loader = StrongLoader(part, "train", knobs["batch"], device, share=share, hole=8 if share < 1 else 12, **options)
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
main, main_run = train("main", make_vit(knobs["main"]), data, knobs["epochs"], share=knobs["share"], lines=6)
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
       "omihub777, 6.3 M, 200 epochs",
       [dict(what=f"ViT, {count(main):,} parameters", paper=None, reproduction=90.92 if real else None,
             runs=[(main_test, main_run)])])
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: result beside the published one, n = 1; how many epochs and parameters; the paper has no result without pre-training on CIFAR-10 (pre-trained on JFT, ViT-H/14: 99.50 %) --> The paper reports CIFAR-10 only for networks that were pre-trained on a much larger data set: 99.50 % for ViT-H/14.

## Look inside: positions

Nobody told the network that patch 9 lies below patch 1. Did it find out? We compare the position vector of each patch with those of all others (the paper's Figure 7). Each small map belongs to one patch, and shows how similar (cosine) the 64 vectors are to its own. If the network had not noticed where patches lie, each map would be one bright point on noise.
""")
code(r"""
@styled
def plot_positions(vectors, grid):
    vectors = F.normalize(vectors - vectors.mean(dim=0), dim=1)
    maps = (vectors @ vectors.T).view(grid, grid, grid, grid)  # (row, column, row, column)
    tiles = F.pad(maps, (0, 1, 0, 1), value=math.nan).transpose(1, 2).flatten(2).flatten(0, 1)  # white lines between
    figure, axis = plt.subplots(figsize=(6.6, 5.8))
    middles = (grid + 1) * np.arange(grid) + (grid - 1) / 2
    shown = axis.imshow(tiles, cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set(xticks=middles, yticks=middles, xlabel="column of the patch", ylabel="row of the patch",
             title="Position vectors: how similar each is to the others")
    axis.set_xticklabels(range(1, grid + 1))
    axis.set_yticklabels(range(1, grid + 1))
    axis.grid(False)
    figure.colorbar(shown, label="cosine similarity")
    return maps

maps = plot_positions(main.positions[0].detach().float().cpu(), main.grid)
steps = (torch.arange(main.grid)[:, None] - torch.arange(main.grid)).abs()
distance = steps[:, None, :, None] + steps[None, :, None, :]  # of each pair of patches, along rows and columns
for d in (1, 2, 4, 7):
    print(f"{d} patches apart: mean similarity {maps[distance == d].mean():+.3f}")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: neighbours similar; rows and columns visible? similarity by distance -->

## Look inside: how far heads look

In a convolution the first layer sees only neighbours. In a ViT each head can look anywhere, and we can measure how far it does: the distance between the patch that looks and the patch that is looked at, weighted by attention and averaged over images. A head that looks at all patches alike has the mean distance of two random patches, which is the dashed line.
""")
code(r"""
sample, _ = next(iter(ImageLoader(data, "test", 100, device)))
attention = attention_maps(main, sample)[..., -(main.grid**2):, -(main.grid**2):].mean(dim=1).cpu()  # (L, H, N, N)
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

Which patches reach the output? **Attention rollout** multiplies the attention matrices of all layers, with half of each layer's output counted as coming through the residual connection. It gives each patch a share. Bright areas below have more than their equal share. Read it as a rough estimate: it follows the attention, but it knows nothing about what is passed along.
""")
code(r"""
# For the README: images of CIFAR-10, and where the trained Vision Transformer looks
@styled
def show_rollouts(model, images, labels, count=8):
    flow = attention_rollout(model, images[:count]).cpu()
    shares = flow.shape[-1] ** 2 * flow  # 1 is an equal share
    figure, axes = plt.subplots(2, count, figsize=(11, 3.2))
    for above, below, image, share, label in zip(*axes, as_pixels(images[:count]), shares, labels):
        above.imshow(image)
        above.set_title(data.classes[label], fontsize=9)
        shown = below.imshow(share, cmap="magma", vmin=0.5, vmax=1.8, interpolation="bilinear")
        above.axis("off")
        below.axis("off")
    figure.colorbar(shown, ax=axes, label="times its equal share")
    figure.suptitle(f"{data.name}, test images: attention rollout of the main ViT")

show_rollouts(main, sample, data.test.labels)
""")
code(r"""
with torch.no_grad():
    probabilities = torch.cat([main(images).float().softmax(dim=1).cpu()
                               for images, _ in ImageLoader(data, "test", 500, device)])
show_mistakes(data.test.images, data.test.labels, probabilities, data.classes,
              title=f"{data.name}: most confident mistakes")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: rollout: on the object or the background?; the mistakes -->

## The same network without order

How much of its result does the ViT owe to knowing where patches lie? And which of the details matters? We train three small ViTs on a third of the data: one like the main network, one with a class token in place of the mean, and one **without positions**. For the last one an image is a bag of patches: we can shuffle them, and its output stays the same up to rounding.
""")
code(r"""
def part_of(name):
    '''The data with fewer training images, and what else the experiments need: (data, epochs).'''
    images, epochs = knobs["data"][name]
    fewer = Split(*(values[:images] for values in data.train))
    return replace(data, train=fewer, val=Split(*(values[:2_000] for values in data.val))), epochs

third, epochs = part_of("a third")
variants = {}
for name, options in (("mean", {}), ("class token", dict(pool="class")), ("no positions", dict(positions=None))):
    set_seed(SEED)
    variants[name] = train(f"third-{name.replace(' ', '-')}", make_vit(knobs["small"], **options), third, epochs)

draw = torch.Generator().manual_seed(SEED)
fixed = torch.randperm(64, generator=draw)

def shuffled(images, order):
    return shuffle_patches(images.permute(0, 3, 1, 2), P, order).permute(0, 2, 3, 1).contiguous()

blind = variants["no positions"][0]
x = sample[:8]
torch.testing.assert_close(blind(shuffle_patches(x, P, fixed)), blind(x), rtol=1e-2, atol=1e-2)
orders = {"as they are": None, "one shuffle for all": fixed,
          "each its own": torch.rand(len(data.test.labels), 64, generator=draw).argsort(dim=1)}
accuracy = {name: [test_accuracy(model, None if order is None else shuffled(data.test.images, order))
                   for order in orders.values()] for name, (model, _) in variants.items()}
print(f"{'test accuracy, %':14}", *(f"{name:>20}" for name in orders))
for name, values in accuracy.items():
    print(f"{name:16}", *(f"{value:20.1f}" for value in values))
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: class token vs mean (n = 1, one difference of less than ~2 points says nothing); without positions how much remains: colours and textures of patches; shuffled test images: the trained ones fall to ..., the blind one is unchanged -->

Now turn the question around and **shuffle the training images too**, every image with the same shuffle. What happens to a ViT? Nothing at all. Its position vectors begin as random numbers, so patch 9 at place 1 is as good as patch 1 at place 1. We can even make it exact: move the position vectors along with the patches, and the outputs are the same.
""")
code(r"""
set_seed(SEED)
model = make_vit(knobs["small"]).to(device).eval()
nn.init.normal_(model.head.weight)
with torch.no_grad():
    before = model(x)
    model.positions[0] = model.positions[0][fixed].clone()
    torch.testing.assert_close(model(shuffle_patches(x, P, fixed)), before, rtol=1e-3, atol=1e-3)
print("a ViT that starts with shuffled position vectors gives the same outputs for shuffled images")

class Shuffled(nn.Module):
    '''A network that gets all images with their patches in another, fixed order.'''

    def __init__(self, net, order):
        super().__init__()
        self.net = net
        self.register_buffer("order", order)

    def forward(self, images):
        return self.net(shuffle_patches(images, P, self.order))

def resnet():
    set_seed(SEED)
    return cifar_resnet(knobs["depth"]).to(memory_format=torch.channels_last)

convolutional = {}
for name, build in (("as they are", resnet), ("shuffled", lambda: Shuffled(resnet(), fixed))):
    convolutional[name] = train(f"third-resnet-{name.replace(' ', '-')}", build(), third, epochs, rate=5e-3)
show_images(torch.cat([data.test.images[:8], shuffled(data.test.images[:8], fixed)]), columns=8,
            title=f"{data.name}: images, and with one shuffle of their patches")
for name, (model, _) in convolutional.items():
    print(f"ResNet-{knobs['depth']} trained and tested on images {name}: {test_accuracy(model):.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: the ResNet loses ... points by shuffling; small ViT's result beside it: the same for both by construction --> This is what *inductive bias* means. The convolution is told that neighbours matter. If that is true, it has a head start; if it is false, it has a handicap. The ViT makes no such assumption and has to pay for this freedom with data.

## How many images does it need?

If the head start is knowledge that the ViT has to learn from images, the ResNet's lead should be largest with few images and shrink as there are more. If the lead is the same everywhere, something else is at work. We train the small ViT and a ResNet with nearly the same number of multiply-adds on all training images, on a third and on a tenth. With fewer images each is seen more often: both networks get the same images, epochs, augmentation, optimiser and schedule, and differ in the peak learning rate (0.001 and 0.005).
""")
code(r"""
by_size = {"ViT": {"a third": variants["mean"]}, "ResNet": {"a third": convolutional["as they are"]}}
for name in ("all", "a tenth"):
    part, epochs = part_of(name)
    label = name.replace(" ", "-")
    set_seed(SEED)
    by_size["ViT"][name] = train(f"{label}-vit", make_vit(knobs["small"]), part, epochs)
    by_size["ResNet"][name] = train(f"{label}-resnet", resnet(), part, epochs, rate=5e-3)

sizes = {name: images for name, (images, _) in knobs["data"].items()}
scores = {net: {name: test_accuracy(model) for name, (model, _) in runs.items()} for net, runs in by_size.items()}
curves = {net: ([sizes[name] for name in reversed(sizes)], [values[name] for name in reversed(sizes)])
          for net, values in scores.items()}

@styled
def plot_data(curves):
    figure, axis = plt.subplots(figsize=(7, 3.8))
    for colour, (net, (x, y)) in zip(COLOURS, curves.items()):
        axis.plot(x, y, "o-", color=colour, label=net)
    axis.set(xscale="log", xlabel="training images", ylabel="test accuracy (%)", title=data.name)
    axis.set_xticks(x, labels=[f"{n:,}" for n in x])
    axis.minorticks_off()
    axis.legend()

plot_data(curves)
for name in sizes:
    a, b = (scores[net][name] for net in ("ViT", "ResNet"))
    print(f"{name:8} ({sizes[name]:6,} images): ViT {a:.1f} %, ResNet {b:.1f} %, lead {b - a:.1f} points")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: lead at each size, n = 1; whether it shrinks; caveat: epochs differ by size (8, 16, 40), neither net has converged with all the data; the paper crosses over beyond 10 to 100 million images (its Figures 3 and 4) -->

## Can augmentation replace data?

Stronger augmentation should help most where images are few and each is seen forty times. We repeat the training on a tenth of the data with all images strongly augmented.
""")
code(r"""
tenth, epochs = part_of("a tenth")
set_seed(SEED)
by_size["ViT"]["augmented"] = train("a-tenth-vit-augmented", make_vit(knobs["small"]), tenth, epochs, share=1.0)
plot_histories({"shifts and flips": by_size["ViT"]["a tenth"][1], "strong": by_size["ViT"]["augmented"][1]},
               f"a tenth of {data.name}")
for name, label in (("a tenth", "shifts and flips"), ("augmented", "strong augmentation")):
    model, run = by_size["ViT"][name]
    print(f"{label:20} test accuracy {test_accuracy(model):.1f} %;",
          f"last training accuracy {100 * run.history['train_accuracy'][-1]:.1f} %")
""")
md(r"""
TODO-NUMBERS <!-- TODO-NUMBERS: gain or loss; the gap between training and validation closes -->

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
assert (path.stat().st_size < 3e6 or scale in ("gpu", "paper")) and abs(half - main_test) < 3
""")
md(r"""
**A photograph of your own.** With an internet connection, set `published = True` and `my_photo` to a file: the cell downloads torchvision's weights of ViT-B/16 once (330 MB), names the five most probable of ImageNet's 1,000 classes, and draws where the class token looks. Without a file, it takes an image of the test set, which is far too small for this network.
""")
code(r"""
published, my_photo = False, None

def classify(photo):
    weights = torchvision.models.ViT_B_16_Weights.IMAGENET1K_V1
    model = vit_b_16().eval()
    model.load_state_dict(from_torchvision(weights.get_state_dict(progress=False, check_hash=True)))
    prepared = weights.transforms()(photo.permute(2, 0, 1))[None]  # (1, 3, 224, 224)
    with torch.no_grad():
        probabilities = model(prepared).softmax(dim=1)[0]
    for probability, i in zip(*(values.tolist() for values in probabilities.topk(5))):
        print(f"{100 * probability:5.1f} %  {weights.meta['categories'][i]}")
    shares = 14**2 * attention_rollout(model, prepared)[0]
    seen = F.interpolate(shares[None, None], size=(224, 224), mode="bilinear")[0, 0].clamp(0, 3) / 3
    image = (prepared[0] * 0.226 + 0.449).clamp(0, 1).permute(1, 2, 0)  # roughly its colours
    show_images([image, seen[..., None] * image], ["the image", "where the class token looks"], columns=2, size=4)

if published:
    classify(read_image(my_photo) if my_photo else data.test.images[0])
else:
    print("ViT-B/16 was not downloaded: set published = True")
""")
md(r"""
## Where this departs from the papers

| | papers | here |
|---|---|---|
| Task of the encoder-decoder | translation | sums of two numbers |
| Layer norm | after each sublayer (2017), before it (ViT) | before it, in both |
| Data for the ViT | ImageNet, ImageNet-21k or JFT-300M, then fine-tuned | CIFAR-10 from scratch |
| Patches | 16×16 pixels, side by side | 4×4; in the main network each reaches 2 pixels over its borders |
| What the head reads | the class token | the mean of the patches; the token in one experiment |
| Feed-forward size | four times the width | 2.4 times (main) and twice (experiments) |
| Augmentation | shifts, flips, crops of random size; Mixup and RandAugment in later work | shifts, flips, one random operation, a blank square |
| Regularisation | dropout 0.1, weight decay up to 0.3 | label smoothing 0.1, weight decay 0.05 |

## Exercises

1. **Carry chains.** Test the adder on sums such as 4999+1. After how many carries in a row does it fail? Compare the two orders of writing.
2. **Longer numbers.** In `Sums`, write each number with leading zeros up to eight digits, so that every column has a fixed place. Train on four digits and test on five. Does it generalise now? Why not?
3. **Larger patches.** Train the small ViT with patches of 8×8 and of 2×2 pixels. What happens to the multiply-adds, to the time and to the accuracy?
4. **A convolutional stem.** Replace `patches` by two 3×3 convolutions with a stride of 2. How much of the ResNet's lead is gone? *Hint: Xiao and others, "Early Convolutions Help Transformers See Better".*
5. **Higher resolution.** Interpolate the position vectors (8×8 to 12×12) with `F.interpolate` and run the main network on images of 48×48 pixels, as the paper does for fine-tuning.

## Further reading

- [An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), the paper; its appendix D measures what we drew.
- [Training data-efficient image transformers](https://arxiv.org/abs/2012.12877) by Touvron and others: how far augmentation replaces data.
- [How to train your ViT?](https://arxiv.org/abs/2106.10270) by Steiner and others: data, augmentation and regularisation against each other.
- [Teaching Arithmetic to Small Transformers](https://arxiv.org/abs/2307.03381) by Lee and others: the order of digits, and more.
- [Quantifying Attention Flow in Transformers](https://arxiv.org/abs/2005.00928) by Abnar and Zuidema: attention rollout.
- [ViT-CIFAR](https://github.com/omihub777/ViT-CIFAR), the reproduction in the table of results.
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
words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
long = [
    (i, len(c.source.splitlines()))
    for i, c in enumerate(cells)
    if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup")) and len(c.source.splitlines()) > 45
]
print(len(cells), "cells,", words, "words; too long:", long)
