"""Writes ResNet.ipynb beside this file: python build.py (the README beside it is written by hand)."""

import hashlib
import re
import sys
from pathlib import Path

sys.path.insert(0, "/work/main")
import nbformat
from tools import notebooks

HERE = Path(__file__).parent
INSTALLED = Path("/work/main/architectures/resnet/ResNet.ipynb")  # where it will lie
TARGET = HERE / "ResNet.ipynb"
cells = []


def md(text):
    cells.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    text = text.strip("\n").replace("'''", '"""')
    cells.append(nbformat.v4.new_code_cell(notebooks.synced_source(text.splitlines()[0], INSTALLED) or text))


# ------------------------------------------------------------------------------------------------------------ opening

md(r"""
# ResNet, in use

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, [*Deep Residual Learning for Image Recognition*](https://arxiv.org/abs/1512.03385) · CVPR 2016

Ramprasaath R. Selvaraju and others, [*Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization*](https://arxiv.org/abs/1610.02391) · ICCV 2017

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/resnet/ResNet.ipynb)

You will load a trained ResNet-20 and classify images with it, your own as well. You will fine-tune it to a new task with few labelled images, measure what that saves compared with training from scratch, and use the result to turn photos upright. Then you will look inside: which images the network finds similar, and where in an image it looks. At the end, three tests show how far you can trust such heatmaps. **The main result:** With 250 labelled photos, fine-tuning tells which way is up with 36.2 ± 0.4 % errors, training from scratch with 46.9 ± 0.2 % (means of three seeds; guessing has 75 %). In labels, fine-tuning with 250 photos does better than training from scratch with 1,000 (45.1 %, and 41.5 % with three times as many epochs, n = 1).

How the network is built, and why it can be so deep, is the subject of [the paper's notebook](../../resnet/ResNet.ipynb). You don't need it here.

**How long it takes.** The stored outputs come from scale `cpu`. The trainings of the table took 115 minutes by the clock on one thread of an AMD EPYC, with pauses for other work; most of the search for learning rates comes on top. Everything except fine-tuning takes a few minutes. Scales: `quick` (half a minute, generated images, offline; its numbers mean nothing), `cpu`, `gpu` (the same trainings), `paper` (three times as many epochs, five seeds). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import contextlib
import copy
import io
import math
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from architectures.resnet.resnet import cifar_resnet, resnet18, resnet20_cifar10, resnet50
from utils.checkpoint import Run, checkpoint_dir, load_weights, save_weights
from utils.device import get_device, run_scale, set_seed
from utils.diagram import draw_flow, draw_network
from utils.images import Split, load_cifar10, load_mnist, load_shapes, read_image
from utils.loader import ImageLoader
from utils.plotting import COLOURS, plot_curves, plot_histories, show_images, styled
from utils.report import report
from utils.training import evaluate, fit

SEED = 0
device = get_device()
scale = run_scale()
""")
md(r"""
## In brief

**The network.** A residual network is a stack of blocks. Each block computes a correction $F(x)$ and adds it to its input: $y = F(x) + x$; a ReLU follows. The input takes a **shortcut** around the layers, so even a very deep network can be trained. The first figure shows such a block. ResNet-20, in the second figure, is the smallest network of the paper's experiments on CIFAR-10, a data set of 32×32 images in ten classes. It has nine blocks of two convolutions each.
""")
code(r"""
resnet, about = resnet20_cifar10()  # trained weights, which lie in the repository; `about` says how to use them
resnet.to(device)
block = {"x": ("$x$", 0, 0, "data"), "1": ("3×3 conv,\nbatch norm", 1, 0), "relu": ("ReLU", 2, 0),
         "2": ("3×3 conv,\nbatch norm", 3, 0), "+": ("+", 4, 0, "sum"), "out": ("ReLU", 5, 0),
         "y": ("output", 6, 0, "data")}
arrows = [*zip(block, list(block)[1:]), ("x", "+", "shortcut: x unchanged", 0.7)]
draw_flow(block, arrows, "A residual block: the layers compute F(x), the shortcut adds x")

parts = {"conv1": "stem", **{f"layer{i}": f"stage {i}:\n3 blocks" for i in (1, 2, 3)}}
parts |= {"avgpool": "global\naverage pool", "fc": "head"}
draw_network(resnet, torch.zeros(1, 3, 32, 32, device=device), parts,
             "ResNet-20: channels × height × width of each output")
""")
md(r"""
**What we use it for.** We name three parts all the time:

- The **backbone** is everything before the last layer. It turns the image into feature maps, in the end 64 of them with 8×8 positions each.
- The **features** are the averages of these 64 feature maps: 64 numbers that describe the image.
- The **head** is the last layer. It is linear and turns the features into one **logit** for each class; a softmax turns the logits into probabilities.

**Transfer learning** keeps the backbone and replaces the head. The paper does this itself: it puts a ResNet-101 trained on ImageNet in the place of VGG-16 in an object detector, and reports a relative improvement of 28 % on the data set COCO.

**Grad-CAM**, by Selvaraju and others, asks which positions of the last feature maps speak for a class, and draws the answer as a heatmap over the image. It needs no change of the network.

## Load and predict

A prediction takes three steps: build the network, load the weights, and prepare the image exactly as in the training. `resnet20_cifar10()` has done the first two. For the third, `about` holds the mean and standard deviation of each colour channel. Here are ten test images of CIFAR-10 that lie beside the weights:
""")
code(r"""
mean, std = torch.tensor(about["mean"]), torch.tensor(about["std"])

def as_input(images):
    '''uint8 images (B, H, W, 3) -> float (B, 3, H, W), normalised as in the training, on `device`.'''
    return ((images / 255 - mean) / std).permute(0, 3, 1, 2).to(device)

paths = sorted((root / "architectures" / "resnet" / "weights").glob("*.png"))
ten = torch.stack([read_image(path) for path in paths])  # (10, 32, 32, 3), uint8
with torch.no_grad():
    probabilities = resnet(as_input(ten)).softmax(dim=1).cpu()  # (10, 10)
ten_confidence, ten_answers = probabilities.max(dim=1)
titles = [f"{about['classes'][c]}\n{p:.0%}" for c, p in zip(ten_answers, ten_confidence)]
show_images(ten, titles, title="ten test images, and what the network predicts", size=1.1)
assert sum(p.numel() for p in resnet.parameters()) == 269_722  # the paper's Table 6 says 0.27M
""")
md(r"""
All ten predictions are right. The least certain are the airplane (69 %), the bird (87 %) and the deer (89 %).

Try an image of your own: set `my_image` to the name of a file in which one of the ten things fills most of the frame. `read_image` cuts out the central square and resizes it to 32×32.
""")
code(r"""
my_image = None  # for example "my-cat.jpg"

@styled
def show_prediction(image, probabilities, classes):
    '''An image (H, W, 3) beside the probability of each class.'''
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), width_ratios=(1, 1.6))
    left.imshow(image)
    left.axis("off")
    right.barh(range(len(classes)), 100 * probabilities, color=COLOURS[0])
    right.set(yticks=range(len(classes)), yticklabels=classes, xlabel="probability (%)", xlim=(0, 100))
    right.invert_yaxis()

image = read_image(my_image, size=32) if my_image else ten[0]
with torch.no_grad():
    show_prediction(image, resnet(as_input(image[None])).softmax(dim=1)[0].cpu(), about["classes"])
""")
md(r"""
Keep in mind that the probabilities always sum to one. The network has no way to answer "none of these", so a photo of a teapot becomes one of the ten classes, too.

### Four mistakes that raise no error

The network accepts any tensor of the right shape. To see what careless preparation costs, we make four common mistakes on purpose:

- skip the normalisation, and pass pixels between 0 and 1;
- forget to divide by 255 as well;
- pass the channels in the order blue, green, red, in which OpenCV reads files;
- leave the network in training mode. Then batch norm normalises with the statistics of the images at hand instead of those from the training; a single image is normalised with its own.
""")
code(r"""
if scale == "quick":
    data, digits = load_shapes(120, 60, 50), load_shapes(60, 40, 40, seed=1, grey=True)
else:
    data, digits = load_cifar10(), load_mnist()
as_trained = dict(mean=tuple(about["mean"]), std=tuple(about["std"]))
data = replace(data, **as_trained)
accuracy = evaluate(resnet, ImageLoader(data, "test", 500, device), device)["accuracy"]
print(f"{data.name}, {len(data.test.labels):,} test images: error {100 - 100 * accuracy:.2f} %")
if scale != "quick":
    assert abs(accuracy - about["test_accuracy"]) < 0.003, "not the accuracy that is written beside the weights"
""")
code(r"""
few, few_labels = data.test.images[:1000], data.test.labels[:1000]
pixels = few.permute(0, 3, 1, 2).float().to(device)
in_training_mode = copy.deepcopy(resnet).train()

@torch.no_grad()
def error_on(predict, x, batch_size=500):
    '''Percent of `few` that `predict` (normalised images -> logits) gets wrong.'''
    answers = torch.cat([predict(part).argmax(dim=1) for part in x.split(batch_size)]).cpu()
    return 100 * (answers != few_labels).float().mean().item()

costs = {
    "as in the training": error_on(resnet, as_input(few)),
    "pixels from 0 to 1": error_on(resnet, pixels / 255),
    "pixels from 0 to 255": error_on(resnet, pixels),
    "blue, green, red": error_on(resnet, as_input(few.flip(-1))),
    "training mode": error_on(in_training_mode, as_input(few), batch_size=1),
}
for name, error in costs.items():
    print(f"{name:20} {error:5.1f} % errors on {len(few):,} images")
""")
md(r"""
None of the mistakes raises an error, and each costs accuracy. Swapped colours cost 7 points and missing normalisation 39. Pixels up to 255 and training mode leave hardly more than guessing, which has 90 % errors. So before you trust a network that you have loaded, measure its error on a few images with known labels.

## Fine-tune it to a new task

The ten classes are seldom the ones that you need. If you have few labelled images of your own, there are three ways to use them:
""")
code(r"""
trained_on = "backbone, weights\nfrom CIFAR-10"
ways = {  # the text in the box of the backbone, and whether it is filled
    "fine-tuned": (trained_on, "layer"), "frozen": (trained_on, "data"),
    "from scratch": ("backbone,\nrandom weights", "layer"),
}
boxes, arrows = {}, []
for column, (way, (text, kind)) in enumerate(ways.items()):
    column *= 2
    boxes |= {f"{way} 0": ("your images", column, 0, "data"), f"{way} 1": (text, column, 1, kind),
              f"{way} 2": ("new head,\nrandom weights", column, 2), f"{way} 3": ("your classes", column, 3, "data"),
              f"{way} title": (way, column, -0.5, "note")}
    arrows += [(f"{way} {i}", f"{way} {i + 1}") for i in range(3)]
draw_flow(boxes, arrows, "Three ways to a classifier of your own: filled boxes are trained")
""")
md(r"""
- **Fine-tuned**: we train the whole network, backbone and new head. The backbone starts from the weights that it learned on CIFAR-10.
- **Frozen**: we train the head alone, on the features that the backbone computes. People call this a *linear probe*, too.
- **From scratch**: we use the same architecture but start from random weights. This is the baseline.

**The tasks.** CIFAR-10 itself would be no fair test, because our network has seen its training set with labels. We take two tasks that are new to it:

- **Which way is up?** We turn photos by 0, 90, 180 or 270 degrees, and the network has to say which. Gidaris and others ([2018](https://arxiv.org/abs/1803.07728)) train on this task in order to learn features *without* labels; for us it is the goal. One photo gives four training images, and **we count photos**. The task is *near*: the photos come from the data set on which the backbone was trained. Of the 5,000 photos that were held out from that training, we draw from 4,500 to train on and validate on the other 500. The first 2,500 photos of the test set are the test.
- **MNIST**, handwritten digits, padded from 28×28 to 32×32 pixels and copied into three equal colour channels. This task is *far* from photos.
""")
code(r"""
def turned(split):
    '''Each photo four times, turned anticlockwise by 0 to 3 quarters, which is its label.'''
    images = torch.cat([torch.rot90(split.images, quarters, (1, 2)) for quarters in range(4)])
    return Split(images, torch.arange(4).repeat_interleave(len(split.images)))

def in_colour(split):
    return Split(split.images.expand(-1, -1, -1, 3), split.labels)

def part(split, start, stop=None):
    return Split(split.images[start:stop], split.labels[start:stop])

example = Split(torch.tensor([[1, 2], [3, 4]]).view(1, 2, 2, 1), torch.zeros(1))
found = turned(example).images[..., 0].tolist()
assert found == [[[1, 2], [3, 4]], [[2, 4], [1, 3]], [[4, 3], [2, 1]], [[3, 1], [4, 2]]]

cut = len(data.val.labels) * 9 // 10
near = replace(
    data, name=f"{data.name} turned", classes=("0°", "90°", "180°", "270°"), train=part(data.val, 0, cut),
    val=turned(part(data.val, cut)), test=turned(part(data.test, 0, 2500)),
)
far = replace(digits, **as_trained, val=in_colour(part(digits.val, 0, 1000)), test=in_colour(digits.test))
tasks, prepare = {"near": near, "far": far}, {"near": turned, "far": in_colour}
unit = {"near": "photos", "far": "labelled"}  # what is counted
for task in tasks.values():
    print(f"{task.name}: we draw from {len(task.train.labels):,}; "
          f"{len(task.val.labels):,} validation and {len(task.test.labels):,} test images")
shown = turned(part(near.train, 0, 1)).images, in_colour(part(far.train, 0, 4)).images
titles = [*near.classes, *(far.classes[c] for c in far.train.labels[:4])]
show_images(torch.cat(shown), titles, columns=8, size=1.2, title=f"{near.name}: one photo; {far.name}: four images")
""")
md(r"""
### How fine-tuning works

Fine-tuning is ordinary training that does not start from random weights. Here it is on 16 images (four photos, each in four orientations), with the training loop in view. Overfitting one batch is also the quickest test that everything is connected: the loss starts near that of guessing among four classes, $\ln 4 = 1.39$, and must fall to almost zero.
""")
code(r"""
def with_new_head(model, num_classes):
    '''A copy of the network whose head is new.'''
    model = copy.deepcopy(model)
    model.fc = nn.Linear(model.fc.in_features, num_classes)
    return model

set_seed(SEED)
model = with_new_head(resnet, 4).to(device).train()
images, labels = turned(part(near.train, 0, 4))
images, labels = as_input(images), labels.to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
for step in range(41):
    logits = model(images)  # (16, 4)
    loss = F.cross_entropy(logits, labels)
    if step % 10 == 0:
        print(f"step {step:2}   loss {loss.item():.4f}   {(logits.argmax(dim=1) == labels).sum()} of 16 right")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
assert loss.item() < 0.1, "the network cannot overfit one batch: something is broken"
""")
md(r"""
**To freeze a backbone is not as easy as it looks.** `requires_grad_(False)` stops the optimiser from changing the weights. But batch norm also keeps running averages of what it sees, and in training mode it goes on updating them. We show a frozen network 16 images without taking a single step, and count what has changed:
""")
code(r"""
frozen = with_new_head(resnet, 4).to(device).requires_grad_(False)
frozen.fc.requires_grad_(True)
before = copy.deepcopy(frozen.state_dict())
changed = {}
for mode in ("eval", "train"):
    getattr(frozen, mode)()(images)
    changed[mode] = sum(not torch.equal(value, before[name]) for name, value in frozen.state_dict().items())
    print(f"{mode:5} mode: {changed[mode]:2} of {len(before)} entries of the state_dict have changed")
assert changed == {"eval": 0, "train": 3 * 19}
""")
md(r"""
ResNet-20 has 19 batch norms, and each of them changed its mean, its variance and its count. So keep a frozen backbone in `eval()` mode. We go one step further: as the features never change, we compute them only once. A **forward hook**, a function that PyTorch calls whenever a module has run, collects them in front of the head. What remains is to fit a linear classifier on 64 numbers per image, which takes seconds.
""")
code(r"""
@torch.no_grad()
def features_of(model, data, split):
    '''The features of every image of a split, (N, 64), taken where they enter the head, and the labels (N,).'''
    taken, labels = [], []
    hook = model.fc.register_forward_hook(lambda module, inputs, output: taken.append(inputs[0]))
    for images, targets in ImageLoader(data, split, 500, device):
        model.eval()(images)
        labels.append(targets)
    hook.remove()
    return torch.cat(taken), torch.cat(labels)

def linear_probe(features, labels, num_classes, decay):
    '''A linear layer, fitted to all features at once by L-BFGS with weight decay, and the number of iterations.'''
    layer = nn.Linear(features.shape[1], num_classes).to(device)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(layer(features), labels) + decay * layer.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return layer, optimizer.state[layer.weight]["n_iter"]
""")
md(r"""
### The training

All three ways get the same labelled images, drawn at random by the seed and not balanced by class; a smaller set is part of the larger one. Fine-tuning and training from scratch use AdamW with a one-cycle schedule, in which the learning rate rises for a fifth of the training and then falls to zero. Both shift the images by up to two pixels. The frozen way sees the images without shifts. None of the three flips images, as a flip would turn 90° into 270°.

How long do we train? The comparison is about what you pay *now*: the backbone has already seen 45,000 labelled photos, many times. So **from scratch gets three times as many steps on the near task and five times as many on MNIST**, and on the near task we check below whether even more would help. The number of steps is the same for every number of labels, so more labels never mean more training: an epoch has a fixed number of images, and a small set is repeated until it is full.

Fine-tuning and training from scratch each get the best of six learning rates for each task. We choose it on validation images, with one seed, at the middle number of labels. The frozen way gets the best of four weight decays for each size and seed, which is in its favour. These choices use labels, too: those of 500 photos (2,000 images) and of 1,000 digits, far more than the smallest training sets. We don't count them, so the errors are optimistic for somebody who has only 50 labels in all.
""")
code(r"""
KNOBS = {
    "quick": dict(
        sizes=[20], seeds=[0], epoch={"near": 80, "far": 40},
        epochs={"near": {"fine-tuned": 1, "from scratch": 1}, "far": {"fine-tuned": 1, "from scratch": 1}},
        rates=[3e-3], weight_decay=0.01, decays=[1e-2, 1e-1], batch_size=20, grids=10),
    "cpu": dict(
        sizes=[50, 250, 1000], seeds=[0, 1, 2], epoch={"near": 4000, "far": 1000},  # images in an epoch
        epochs={"near": {"fine-tuned": 5, "from scratch": 15}, "far": {"fine-tuned": 10, "from scratch": 50}},
        rates=[3e-5, 1.25e-4, 5e-4, 2e-3, 8e-3, 3.2e-2], weight_decay=0.01,  # AdamW's default, not tuned
        decays=[1e-4, 1e-3, 1e-2, 1e-1],  # of the frozen way
        batch_size=50, grids=100),
}
KNOBS["gpu"] = KNOBS["cpu"]
longest = {key: {way: 3 * n for way, n in epochs.items()} for key, epochs in KNOBS["cpu"]["epochs"].items()}
KNOBS["paper"] = {**KNOBS["cpu"], "epochs": longest, "seeds": [0, 1, 2, 3, 4]}
knobs = KNOBS[scale]
for name, value in knobs.items():
    print(f"{name:12} {value}")
sizes, seeds, learned = knobs["sizes"], knobs["seeds"], ["fine-tuned", "from scratch"]
middle, largest = sizes[len(sizes) // 2], sizes[-1]
for key, task in tasks.items():
    for way, epochs in knobs["epochs"][key].items():
        images, batch_size = knobs["epoch"][key], knobs["batch_size"]
        print(f"{task.name}, {way}: {epochs} epochs of {images:,} images = {epochs * images // batch_size:,} steps")
""")
code(r"""
def labelled(key, count, seed, repeat=True):
    '''A task with `count` labelled photos or digits to train on, repeated until they fill an epoch.'''
    images, labels = tasks[key].train
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:count]
    images, labels = prepare[key](Split(images[chosen], labels[chosen]))
    times = knobs["epoch"][key] // len(labels) if repeat else 1
    return replace(tasks[key], train=Split(images.repeat(times, 1, 1, 1), labels.repeat(times)))

def train(key, way, count, seed, rate, longer=1):
    '''Train with `count` labels of a task, `longer` times the usual epochs; returns (model, Run).'''
    set_seed(seed)
    task, epochs = labelled(key, count, seed), longer * knobs["epochs"][key][way]
    num_classes = len(task.classes)
    model = with_new_head(resnet, num_classes) if way == "fine-tuned" else cifar_resnet(20, num_classes)
    options = dict(shuffle=True, augment=True, padding=2, flip=False, seed=seed)
    loader = ImageLoader(task, "train", knobs["batch_size"], device, **options)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=knobs["weight_decay"])
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2, cycle_momentum=False)
    curves = key == "near" and count == largest and seed == SEED
    evaluate_on = {"val": ImageLoader(task, "val", 500, device)} if curves else {}
    label = f"ResNetUse/{key}-{way}-{count}-rate{rate}-epochs{epochs}-seed{seed}".replace(" ", "-")
    run = fit(model, loader, optimizer, scheduler, epochs, device, evaluate_on, checkpoint=label, lines=1)
    return model, run

for key in tasks:  # an epoch is full at every size
    assert all(len(labelled(key, count, SEED).train.labels) == knobs["epoch"][key] for count in sizes)
""")
md(r"""
`fit` repeats the loop from above and adds a learning-rate schedule, bfloat16 or float16 where the hardware has it, and a checkpoint after each epoch. If you interrupt a cell, it stops, and the cells below use what there is. Run it again to go on.
""")
code(r"""
def images_of(job):
    '''How many images a training sees.'''
    key, way, _, _, _, *longer = job
    return knobs["epoch"][key] * knobs["epochs"][key][way] * math.prod(longer)

def train_all(jobs):
    '''Train one after the other, quietly: {job: (model, Run)}; a job holds the arguments of `train`.'''
    done, total = {}, sum(map(images_of, jobs))
    bar = tqdm(jobs, desc="trainings", file=sys.stdout, leave=False, mininterval=10)
    for job in bar:
        with contextlib.redirect_stdout(io.StringIO()):  # each would print three lines
            model, run = done[job] = train(*job)
        bar.clear()
        if not run.finished:
            print(f"Interrupted in training {len(done)} of {len(jobs)}.")
            break
        if len(done) == 1:
            speed = images_of(job) / 60 / max(run.minutes, 1e-6)
            print(f"{len(jobs)} training{'s' * (len(jobs) > 1)} on {total:,} images:",
                  f"{total / speed / 60:.0f} min at {speed:.0f} images/s")
    return done

def test_error(model, task, split="test"):
    return 100 - 100 * evaluate(model, ImageLoader(task, split, 500, device), device)["accuracy"]

searched = train_all([(key, way, middle, SEED, rate) for key in tasks for way in learned for rate in knobs["rates"]])
best = {}
for key, task in tasks.items():
    for way in learned:
        models = {job[4]: model for job, (model, run) in searched.items() if job[:2] == (key, way) and run.finished}
        if len(models) < len(knobs["rates"]):
            continue  # interrupted
        found = {rate: test_error(model, task, "val") for rate, model in models.items()}
        best[key, way] = rate = min(found, key=found.get)
        edge = "at the edge of the grid" if rate in (min(found), max(found)) else "inside the grid"
        print(f"{task.name}, {way}: best rate {rate:g}, {edge}; validation errors in % by rate:\n ",
              ", ".join(f"{r:g}: {error:.1f}" for r, error in found.items()))
""")
md(r"""
On the near task, fine-tuning chooses 5e-4 and training from scratch 1.25e-4; on MNIST both choose 2e-3. No best rate is at the edge of the grid. From scratch, the near task hardly minds: from 1.25e-4 to 8e-3 the errors differ by less than two points.

Now the trainings that we compare. If fine-tuning saves labels, its errors at 50, 250 and 1,000 labels are lower than those from scratch by more than the seeds differ. If the weights from CIFAR-10 were worth nothing, it would do no better than from scratch.

Two last trainings ask whether the networks from scratch have simply not been trained long enough on the near task. They take three times as many epochs, at the middle and at the largest number of photos. If this brings the error close to the fine-tuned one, they lacked time rather than labels. If it hardly moves, they lacked labels.
""")
code(r"""
jobs = [(key, way, count, seed, best[key, way])
        for key in tasks for count in reversed(sizes) for way in learned for seed in seeds if (key, way) in best]
trained = train_all(jobs)  # those of the search are found, not trained again
results = {job[:4]: (test_error(model, tasks[job[0]]), run) for job, (model, run) in trained.items() if run.finished}
minutes = sum(run.minutes for _, run in trained.values())
print(f"{len(results)} of {len(jobs)} trainings finished, {minutes:.0f} min of training")

controls, complete = {}, len(results) == len(tasks) * len(learned) * len(sizes) * len(seeds)
if complete:
    for count in (middle, largest):  # was from scratch trained long enough? three times as many epochs
        usual = ("near", "from scratch", count, SEED)
        ((model, run),) = train_all([(*usual, best[usual[:2]], 3)]).values()
        controls[count] = error, _ = test_error(model, near), run
        complete = complete and run.finished
        print(f"{near.name}, {count:,} photos, from scratch, seed {SEED}: {results[usual][0]:.1f} % test errors,",
              f"with {run.history['epoch'][-1]} epochs {error:.1f} %")
""")
md(r"""
The frozen way needs no `fit`. We write a `Run` for each, so that it gets its place in the table; there, its "epochs" are iterations of L-BFGS.
""")
code(r"""
def probe_error(layer, split):
    features, labels = split
    return 100 * (layer(features).argmax(dim=1) != labels).float().mean().item()

for key, task in tasks.items():
    on_val, on_test = (features_of(resnet, task, split) for split in ("val", "test"))
    for count in sizes:
        for seed in seeds:
            set_seed(seed)
            start = time.perf_counter()
            known = features_of(resnet, labelled(key, count, seed, repeat=False), "train")
            probes = [linear_probe(*known, len(task.classes), decay) for decay in knobs["decays"]]
            seconds = time.perf_counter() - start
            layer, iterations = min(probes, key=lambda probe: probe_error(probe[0], on_val))
            run = Run(None, dict(task=task.name, way="frozen", count=count, seed=seed), 1, device, torch.float32)
            run.record(iterations, {}, math.nan, seconds, count)
            run.save()
            results[key, "frozen", count, seed] = probe_error(layer, on_test), run
""")
md(r"""
### Results

First the curves of the near task with the largest number of photos. An epoch has the same 4,000 images in all of them:
""")
code(r"""
curves = {way: results["near", way, largest, SEED][1] for way in learned if ("near", way, largest, SEED) in results}
if largest in controls:
    curves["from scratch for 3 times as long"] = controls[largest][1]
if curves:
    plot_histories(curves, f"{near.name}, {largest:,} photos")
for way, run in curves.items():
    last = " ".join(f"{100 * accuracy:.1f}" for accuracy in run.history["val_accuracy"][-3:])
    print(f"{way}: training accuracy at the end {100 * run.history['train_accuracy'][-1]:.1f} %,\n"
          f"  validation accuracy of the last epochs {last} %")
""")
md(r"""
Compare the ends, since every curve is one cycle of the learning rate. Fine-tuning ends at 72.7 % validation accuracy after 5 epochs, training from scratch at 59.6 % after 15 and at 61.8 % after 45. In the longest training, the training accuracy (66.6 %) pulls away from the validation accuracy: the network begins to overfit.

Now all of them, on the test images:
""")
code(r"""
def values_of(key, way, count):
    return [error for job, (error, _) in results.items() if job[:3] == (key, way, count)]

@styled
def plot_errors(title):
    figure, axes = plt.subplots(1, len(tasks), figsize=(11, 4), sharey=True)
    colours = dict(zip([*learned, "frozen"], COLOURS))
    for axis, (key, task) in zip(axes, tasks.items()):
        for way in ways:
            found = {count: values_of(key, way, count) for count in sizes if values_of(key, way, count)}
            means = [sum(values) / len(values) for values in found.values()]
            axis.plot(list(found), means, color=colours[way], label=way)
            for count, values in found.items():
                axis.plot([count] * len(values), values, ".", color=colours[way])
        axis.set(xscale="log", xlabel={"near": "photos, each in four orientations", "far": "labelled digits"}[key],
                 title=task.name)
        axis.set_xticks(sizes, [f"{count:,}" for count in sizes])
        axis.minorticks_off()
    axes[0].set_ylabel("test error (%)")
    axes[-1].legend()
    figure.suptitle(title)

plot_errors("Dots are seeds, lines their means")
print("test errors in %, by the number of photos or digits, one value for each seed")
for key, task in tasks.items():
    for way in ways:
        found = {n: " ".join(f"{error:.1f}" for error in values_of(key, way, n)) for n in sizes}
        print(f"{task.name:15} {way:12}", "   ".join(f"{n:,}: {values}" for n, values in found.items()))
""")
md(r"""
1. **Fine-tuning beats training from scratch on the near task at every size, in all seeds**, with a third of the steps: by 8.4 points with 50 photos, 10.8 with 250 and 16.5 with 1,000. On MNIST it is ahead with 250 digits (2.9 against 4.3 %) and 1,000 digits (1.2 against 1.9 %). With 50 digits, the seeds differ by more than the two ways.
2. **Three times as many epochs do not close the gap.** With 250 photos they change the error from scratch from 46.7 to 48.1 %, with 1,000 photos from 44.9 to 41.5 % (seed 0, n = 1). The fine-tuned network of this seed has 36.5 and 28.1 %. So with 1,000 photos, more time closes about 3.4 of the 16.8 points; with 250 it does not help. (The learning rate was chosen for the shorter training.)
3. **In labels:** fine-tuning with 50 photos (46.5 %) does as well as training from scratch with 250 (46.9 %), and with 250 (36.2 %) better than from scratch with 1,000 (45.1 %, or 41.5 % with more epochs).
4. **The frozen backbone is not enough for these tasks.** With 250 and 1,000 labels it is behind training from scratch in all seeds: by 2.0 and 1.3 points on turned photos, and far behind on MNIST (14.3 against 1.9 % with 1,000 digits).

If you have 50 to 1,000 labelled images, begin with fine-tuning all weights; on these two tasks it was never clearly worse. Choose its learning rate on validation images: between 3e-5 and 5e-4, the error with 250 photos falls from 52.9 to 35.0 %.

Three things could change the gap. We chose the learning rates at one size with one seed, on many validation images. The weight decay is AdamW's default of 0.01; a stronger one might help from scratch with few labels. And from scratch never sees a mirrored image, whereas the backbone's first training used flips.
""")
code(r"""
rows = [
    dict(what=f"{task.name}, {count} {unit[key]}: {way}", paper=None, reproduction=None,
         runs=[result for job, result in results.items() if job[:3] == (key, way, count)])
    for key, task in tasks.items() for count in sizes for way in ways
]
rows += [dict(what=f"{near.name}, {count} photos: from scratch for 3 times as long", paper=None, reproduction=None,
              runs=[control]) for count, control in controls.items()]
split = f"labels as stated, test on {' and '.join(f'{len(task.test.labels):,}' for task in tasks.values())} images"
names = " and ".join(task.name for task in tasks.values())
report("ResNetUse", "test error, %", names, split, None, rows) if complete else "Interrupted: no table"
""")
md(r"""
± is the standard deviation over the seeds. A photo of the near task counts once, though each is used in four orientations. The papers have no numbers for these tasks.

## Use it

We save the fine-tuned network in half precision, load it as anybody else would, and let it turn photos upright.
""")
code(r"""
fine_tuned = {job: found for job, found in {**searched, **trained}.items() if job[:2] == ("near", "fine-tuned")}
job = max(fine_tuned, key=lambda job: (fine_tuned[job][1].finished, job[2], -job[3]))  # most photos, first seed
model, run = fine_tuned[job]
path = checkpoint_dir() / scale / "ResNetUse" / "upright-weights.pt"
facts = dict(classes=list(near.classes), test_error=test_error(model, near), photos=job[2], made=run.made())
save_weights(copy.deepcopy(model).half(), path, **facts, **as_trained)  # float16: half the bytes

upright = cifar_resnet(20, num_classes=4)
facts = load_weights(upright, path, device)
upright.eval()
difference = abs(test_error(upright, near) - facts["test_error"])
print(f"{path.stat().st_size / 1e6:.2f} MB, {facts['photos']:,} photos, {facts['test_error']:.1f} % test error; "
      f"float16 changes it by {difference:.2f} points")
assert path.stat().st_size < 2e6 and difference < (0.3 if scale != "quick" else 5)
""")
code(r"""
my_photo = None  # for example "holiday.jpg"
photos = read_image(my_photo, size=32)[None] if my_photo else ten
quarters = torch.zeros(1).long() if my_photo else torch.arange(len(photos)) % 4
given = torch.stack([torch.rot90(photo, int(q)) for photo, q in zip(photos, quarters)])
with torch.no_grad():
    turns = upright(as_input(given)).argmax(dim=1).cpu()
straight = torch.stack([torch.rot90(photo, -int(turn)) for photo, turn in zip(given, turns)])
verdicts = ["" if my_photo else "right" if turn == q else "wrong" for turn, q in zip(turns, quarters)]
titles = [*("" if my_photo else f"turned {90 * q}°" for q in quarters.tolist()), *verdicts]
show_images(torch.cat([given, straight]), titles, columns=len(given), size=1.1, title="the fine-tuned network at work")
""")
md(r"""
Eight of the ten stand upright again; the cat and the deer do not.

### The same with a network for ImageNet

For photos of everyday size you will start from weights that were trained on ImageNet. Our ImageNet networks have the layer names of torchvision's, so its weights load as they are. That proves only that names and shapes fit, so we compare the outputs as well, with random weights, which needs no download. Set `weights` to see what the real ResNet-18 says about the ten images.
""")
code(r"""
weights = None  # "IMAGENET1K_V1" downloads torchvision's trained weights, 47 MB

set_seed(SEED)
x = torch.randn(2, 3, 64, 64)
for name, build in {"resnet18": resnet18, "resnet50": resnet50}.items():
    theirs, ours = getattr(torchvision.models, name)().eval(), build().eval()
    for value in theirs.state_dict().values():
        if value.ndim == 1:  # batch norm starts with ones and zeros, which would hide a mix-up
            nn.init.uniform_(value, 0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())  # strict: every name and every shape must fit
    with torch.no_grad():
        expected = theirs(x)
        difference = ((ours(x) - expected).abs().max() / expected.abs().max()).item()
    print(f"{name}: largest relative difference to torchvision's output {difference:.1e}")
    assert difference < 1e-5

if weights is not None:
    preset = torchvision.models.ResNet18_Weights[weights]
    imagenet = resnet18()
    imagenet.load_state_dict(torchvision.models.resnet18(weights=preset).state_dict())
    with torch.no_grad():
        large = imagenet.eval()(preset.transforms()(ten.permute(0, 3, 1, 2))).softmax(dim=1)  # at 224×224 pixels
    print([preset.meta["categories"][c] for c in large.argmax(dim=1)])
""")
md(r"""
The outputs are equal. One trap remains. The paper's ResNet-50 halves the resolution in the first 1×1 convolution of a block, torchvision's in the 3×3 convolution after it. The weights of one load into the other without an error:
""")
code(r"""
papers = resnet50(stride_in_1x1=True).eval()
papers.load_state_dict(theirs.state_dict())
with torch.no_grad():
    difference = ((papers(x) - expected).abs().max() / expected.abs().max()).item()
print(f"resnet50 with the paper's strides: everything loads, but the largest difference is "
      f"{100 * difference:.0f} % of the largest output")
assert difference > 1e-3
""")
md(r"""
To fine-tune the real ResNet-18, set `weights`, replace the head with `with_new_head(imagenet, num_classes)`, prepare the images with `preset.transforms()`, and train as above.

## Look inside

### Which images does the network find similar?

Images of similar things should have similar features. For a test image we look for the **nearest neighbours** among the training images: those whose features have the largest cosine similarity, after each feature has been normalised over the training set. The baseline compares the images themselves, shrunk to 8×8 pixels.
""")
code(r"""
def thumbnails(split):
    '''Every image of a split in 8×8 pixels, (N, 192).'''
    return torch.cat([F.avg_pool2d(images, 4).flatten(1) for images, _ in ImageLoader(data, split, 500, device)])

def nearest(queries, known, count):
    '''For each query the indices of the `count` most similar rows of `known`, (N, count).'''
    centre, spread = known.mean(dim=0), known.std(dim=0).clamp(min=1e-6)
    queries, known = (F.normalize((values - centre) / spread) for values in (queries, known))
    return torch.cat([(part @ known.T).topk(count, dim=1).indices for part in queries.split(500)]).cpu()

neighbours = {
    "thumbnails": nearest(thumbnails("test"), thumbnails("train"), 4),
    "features": nearest(features_of(resnet, data, "test")[0], features_of(resnet, data, "train")[0], 4),
}
for name, found in neighbours.items():
    same = (data.train.labels[found[:, 0]] == data.test.labels).float().mean().item()
    print(f"{name:10}: the nearest neighbour has the class of the test image in {same:.1%} of the cases")
""")
code(r"""
shown, titles = [], []
for i in range(4):
    found = torch.cat([neighbours["thumbnails"][i], neighbours["features"][i]])
    shown += [data.test.images[i], *data.train.images[found]]
    titles += [data.classes[data.test.labels[i]].upper(), *(data.classes[c] for c in data.train.labels[found])]
show_images(shown, titles, columns=9, title=f"{data.name}: test image, 4 nearest by thumbnail, 4 nearest by features")
""")
md(r"""
Features group images by what they show, thumbnails by colour and layout: the nearest neighbour has the class of the test image in 89.1 % of the cases by features and in 40.7 % by thumbnails. In the third row it is the other way round: by features, the ship is near four automobiles. (In the last row, the nearest photo is almost a copy: CIFAR-10 holds such pairs.) This is no transfer: the network was trained on these classes. But it shows what the features hold.

### Where does it look? Grad-CAM

Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of class $c$. How much does this feature map matter for the class? Grad-CAM takes the gradient of the logit, averaged over the positions. This average is the weight of the feature map. Grad-CAM adds up the weighted maps and keeps the positive part, which speaks *for* the class.
""")
code(r"""
boxes = {
    "image": ("image", 0, 0, "data"), "backbone": ("backbone", 1, 0), "maps": ("feature maps $A^k$", 2, 0, "data"),
    "rest": ("the rest\nof the network", 3, 0), "logit": ("logit $y^c$", 4, 0, "data"),
    "heatmap": ("heatmap $L^c$", 0, 1, "data"), "relu": ("sum over $k$,\nReLU", 1, 1), "times": ("×", 2, 1, "sum"),
    "mean": ("average over\npositions", 3, 1),
    "gradients": ("gradients\n$\\partial y^c / \\partial A^k$", 4, 1, "data"),
}
arrows = [*zip(list(boxes)[:4], list(boxes)[1:5]), ("logit", "gradients", "backward"), ("gradients", "mean"),
          ("mean", "times", r"$\alpha_k^c$"), ("maps", "times"), ("times", "relu"), ("relu", "heatmap")]
draw_flow(boxes, arrows, "Grad-CAM: feature maps, weighted by how much the logit changes with each")
""")
md(r"""
As a formula:

$$\alpha_k^c = \frac{1}{Z} \sum_{i,j} \frac{\partial y^c}{\partial A^k_{ij}}, \qquad L^c = \mathrm{ReLU}\Big(\sum_k \alpha_k^c A^k\Big).$$

Again a forward hook collects the feature maps, and autograd computes the gradients. Our function stops before the ReLU.
""")
code(r"""
def grad_cam(model, layer, images, classes):
    '''How much each position of `layer` speaks for `classes` (B,): heatmaps (B, h, w), before the ReLU.'''
    seen = []
    hook = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    logits = model(images)  # (B, C)
    hook.remove()
    logit = logits.gather(1, classes[:, None]).sum()  # in eval mode, images don't influence each other
    (gradients,) = torch.autograd.grad(logit, seen)  # (B, K, h, w)
    alpha = gradients.mean(dim=(2, 3), keepdim=True)
    return (alpha * seen[0].detach()).sum(dim=1)

maps = torch.tensor([[[[1.0, 3.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 8.0]]]], requires_grad=True)  # two 2×2 feature maps
tiny = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1, bias=False))
tiny[3].weight.data = torch.tensor([[3.0, -1.0]])
heatmap = grad_cam(tiny, tiny[0], maps, torch.tensor([0]))
print("logit", tiny(maps).item(), " heatmap", heatmap[0].tolist(), " its sum", heatmap.sum().item())
assert torch.allclose(heatmap[0], torch.tensor([[0.75, 2.25], [0.0, -2.0]]))
""")
md(r"""
You can check this by hand. The features are the averages of the two maps, 1 and 2, and the head has the weights 3 and −1, so the logit is $3 \cdot 1 - 1 \cdot 2 = 1$. Each position contributes a quarter of its value to the average of its map. So the gradient of the logit is $3 \cdot 1/4 = 3/4$ at every position of the first map and $-1 \cdot 1/4 = -1/4$ at every position of the second.

The heatmap, before the ReLU, sums to the logit without the bias of the head. This holds whenever only an average and a linear layer follow, as after stage 3 of our ResNet-20 or stage 4 of the networks for ImageNet. Grad-CAM then equals the older CAM (Zhou and others, [2016](https://arxiv.org/abs/1512.04150)) up to a factor, and we can check it without any gradient:
""")
code(r"""
inputs = as_input(ten)
with torch.no_grad():
    logits = resnet(inputs)
    last = resnet.layer3(resnet.layer2(resnet.layer1(resnet.relu(resnet.bn1(resnet.conv1(inputs))))))  # (10, 64, 8, 8)
ten_answers = logits.argmax(dim=1)
cam = grad_cam(resnet, resnet.layer3, inputs, ten_answers)
with torch.no_grad():
    by_hand = torch.einsum("bk,bkhw->bhw", resnet.fc.weight[ten_answers], last) / 64
    assert torch.allclose(cam, by_hand, atol=1e-3)
    total = cam.sum(dim=(1, 2)) + resnet.fc.bias[ten_answers]
    assert torch.allclose(total, logits.gather(1, ten_answers[:, None])[:, 0], atol=1e-2)
print("heatmap + bias = logit:", *(f"{value:.1f}" for value in total.tolist()))
""")
code(r"""
# For the README: the ten stored images, what the ResNet-20 predicts, and where Grad-CAM says that it looks
def overlay(images, heatmaps):
    '''uint8 images (B, H, W, 3) under heatmaps (B, h, w), from black (0 or less) to yellow (the largest value).'''
    heatmaps = F.interpolate(F.relu(heatmaps)[:, None], size=images.shape[1:3], mode="bilinear")[:, 0].cpu()
    heatmaps = heatmaps / heatmaps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    return 0.5 * images / 255 + 0.5 * torch.from_numpy(plt.get_cmap("inferno")(heatmaps.numpy())[..., :3]).float()

titles = [f"{about['classes'][c]} {p:.0%}" for c, p in zip(ten_answers, ten_confidence)]
show_images([*(ten / 255), *overlay(ten, cam)], [*titles, *[""] * 10], title="prediction, and its Grad-CAM heatmap")
""")
md(r"""
Bright positions speak for the predicted class. There are only 8×8 of them, interpolated, so the edges are soft. On most of these images they lie on the object, such as the body of the horse or the side of the car; on the bird they also cover the grass beside it.

Grad-CAM is most useful for mistakes. Here are the most confident ones among 300 test images, each with the heatmap of the predicted and of the true class. (Each heatmap is scaled to its own maximum: compare places, not brightness.)
""")
code(r"""
tests, test_labels = next(iter(ImageLoader(data, "test", 300, device)))
with torch.no_grad():
    test_confidence, test_answers = resnet(tests).softmax(dim=1).max(dim=1)
heatmaps = grad_cam(resnet, resnet.layer3, tests, test_answers)  # (300, 8, 8)
wrong = (test_answers != test_labels).nonzero().flatten()
wrong = wrong[test_confidence[wrong].argsort(descending=True)][:4]
for_truth = grad_cam(resnet, resnet.layer3, tests[wrong], test_labels[wrong])
originals = data.test.images[wrong.cpu()]
rows = zip(originals / 255, overlay(originals, heatmaps[wrong]), overlay(originals, for_truth))
titles = []
for i in wrong.tolist():
    name = data.classes[test_labels[i]]
    titles += [f"true: {name}", f"{about['classes'][test_answers[i]]} {test_confidence[i]:.0%}", f"for {name}"]
shown = [image for row in rows for image in row]
show_images(shown, titles, columns=6, size=1.6, title=f"{data.name}: confident mistakes")
""")
md(r"""
The two classes often rest on different places. In the airplane above the water (second row, left), the class *ship* looks at the water and *airplane* at the machine; on the truck, *ship* looks at the cab and *truck* at a wheel. For the last car, both classes share the wheel. But a heatmap that looks right may still have little to do with the network. So we test them.

## How far can you trust Grad-CAM?

### Does it point at the right thing?

We build images for which we know the right place. Four test images of four different classes, all recognised by the network, make one image of 64×64 pixels. (The network accepts it, because it averages over all positions.) If we ask for the class of one of them, the heatmap should lie in its quarter. This test, the **grid pointing game**, was introduced by Böhle and others ([2021](https://arxiv.org/abs/2104.00032)), and Rao and others ([2022](https://arxiv.org/abs/2205.10435)) compare many methods by it. A heatmap that knows nothing has 25 % in the right quarter, a perfect one 100 %. As Grad-CAM can be computed for any layer, we play the game with all three stages.
""")
code(r"""
generator = torch.Generator().manual_seed(SEED)
chosen = []  # four images each, of four classes that the network recognises (at scale quick: that it predicts)
usable = (test_answers == test_labels).cpu() if scale != "quick" else torch.ones(len(tests), dtype=bool)
for _ in range(knobs["grids"]):
    order = [i for i in torch.randperm(len(tests), generator=generator).tolist() if usable[i]]
    one_of_each = {int(test_answers[i]): i for i in order}
    chosen.append(list(one_of_each.values())[:4])
chosen = torch.tensor(chosen)  # (grids, 4): top left, top right, bottom left, bottom right
B, _, H, W = tests[chosen[:, 0]].shape
grids = tests[chosen].view(B, 2, 2, 3, H, W).permute(0, 3, 1, 4, 2, 5).reshape(B, 3, 2 * H, 2 * W)
assert torch.equal(grids[0, :, :H, W:], tests[chosen[0, 1]])

def shares(model, layer):
    '''The share of the positive heatmap in the right quarter, (B, 4): each grid, each class; NaN where all is ≤ 0.'''
    found = []
    for place in range(4):
        heat = F.relu(grad_cam(model, layer, grids, test_answers[chosen[:, place]]))
        h, w = heat.shape[1] // 2, heat.shape[2] // 2
        quarter = heat.unflatten(2, (2, w)).unflatten(1, (2, h))[:, place // 2, :, place % 2]  # (B, h, w)
        found.append(quarter.sum(dim=(1, 2)) / heat.sum(dim=(1, 2)))
    return torch.stack(found, dim=1)
""")
code(r"""
for name in ("layer1", "layer2", "layer3"):
    share = 100 * shares(resnet, getattr(resnet, name))
    by_grid = share.nanmean(dim=1)
    by_grid = by_grid[~by_grid.isnan()]
    error = by_grid.std() / len(by_grid) ** 0.5
    print(f"{name}: {by_grid.mean():.1f} % of the heatmap in the right quarter (± {error:.1f});",
          f"{share.isnan().sum()} of {share.numel()} have no positive part")
field, step = 1, 1  # of a position of layer3: its receptive field in pixels, and its distance from the next one
for conv in (module for module in resnet.modules() if isinstance(module, nn.Conv2d)):
    field, step = field + (conv.kernel_size[0] - 1) * step, step * conv.stride[0]
print(f"a position of layer3 sees {field}×{field} pixels")
grid = ((grids[:1].permute(0, 2, 3, 1).cpu() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
four = test_answers[chosen[0]]
heat = torch.cat([grad_cam(resnet, resnet.layer3, grids[:1], c[None]) for c in four])
titles = ["one grid", *(f"for {about['classes'][c]}" for c in four)]
show_images([grid[0] / 255, *overlay(grid.expand(4, -1, -1, -1), heat)], titles, columns=5, size=2)
""")
md(r"""
In the example, each heatmap is brightest in its own quarter; that for the bird spills over to its left. (± is one standard error over the grids, a little too small, because the grids share their images; three of the 400 heatmaps of stage 1 have no positive part and are left out.) At stage 3, the last one, 71.8 % of the heatmap lie in the right quarter; at stage 2 only 36.5 %, and at stage 1 30.3 %, little more than the 25 % of a heatmap that knows nothing. So use the last stage: after it come only an average and a linear layer, and before the ReLU its heatmap adds up to the logit, but for the bias. The heatmap at the last stage is exact for positions of the *feature map*. Each of these sees 81×81 pixels, more than the whole grid, so it may hold something of the neighbours.

### Does the prediction depend on it?

If the heatmap shows what the prediction rests on, then covering its highest positions should hurt more than covering others. We cover 4×4 squares with grey, the mean colour. But any grey square may hurt, since the network has never seen one. So we compare with three controls that cover equally many squares: random squares, the lowest squares, and the highest squares of *another image's* heatmap. The last one tells whether the heatmap of any image would do. If our heatmap says something about *this* image, covering by it must hurt more than all three.
""")
code(r"""
def order_of(values):
    '''The rank of each of the 8×8 squares, 0 for the highest value, enlarged to pixels: (B, 8, 8) -> (B, 32, 32).'''
    rank = values.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view(-1, 1, 8, 8)
    return F.interpolate(rank.float(), size=32, mode="nearest")[:, 0]

set_seed(SEED)
covers = {
    "its heatmap": order_of(heatmaps), "another image's heatmap": order_of(heatmaps.roll(1, dims=0)),
    "random": order_of(torch.rand_like(heatmaps)), "its heatmap, lowest first": order_of(-heatmaps),
}
counts, left = [0, 2, 4, 8, 16, 32], {}
with torch.no_grad():
    for name, order in covers.items():
        masked = [tests.masked_fill((order < count)[:, None], 0.0) for count in counts]
        remaining = [resnet(x).softmax(dim=1).gather(1, test_answers[:, None])[:, 0] for x in masked]
        left[name] = torch.stack(remaining).cpu()
lines = {name: ([100 * n / 64 for n in counts], (100 * values.mean(dim=1)).tolist()) for name, values in left.items()}
panel = f"{data.name}, {len(tests)} test images"
plot_curves({panel: lines}, "covered (% of the image)", "probability of the prediction (%)")
for name in list(covers)[1:]:
    lead = 100 * (left[name] - left["its heatmap"])[1:].mean(dim=0)  # points, averaged over the counts
    print(f"{name:25} leaves {lead.mean():5.1f} points more than its heatmap (± {lead.std() / len(lead) ** 0.5:.1f})")
""")
md(r"""
Covering where the heatmap is high hurts most. Averaged over the numbers of covered squares, the highest squares of another image's heatmap leave 11.0 ± 1.0 points more of the predicted probability, random squares 11.9 ± 1.2 and the lowest squares 36.1 ± 1.4.

### Does it depend on what the network has learned?

Adebayo and others ([2018](https://arxiv.org/abs/1810.03292)) found explanation methods whose heatmaps look the same whether the network is trained or not. In their test, Grad-CAM passed. We repeat it: replace the trained weights by random ones, from the head downwards, and correlate the new heatmaps with the old ones. A random head may give a map the opposite sign, so we ignore the sign of the correlation. If the heatmap depends on the trained weights, the correlation must fall to that of two different images, or lower. If it stays near 1, the heatmap ignores what the network has learned. As a floor we add the correlation between two networks that are random throughout.
""")
code(r"""
@torch.no_grad()
def remeasured(model):
    '''Compute the running averages of batch norm anew, on 500 training images; no weight changes.'''
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain average over batches
    for _, (images, _) in zip(range(5), ImageLoader(data, "train", 100, device)):
        model.train()(images)
    return model.eval()

def likeness(a, b):
    '''The absolute correlation of heatmaps (B, h, w), averaged over the images.'''
    a, b = (maps.flatten(1) - maps.flatten(1).mean(dim=1, keepdim=True) for maps in (a, b))
    return F.cosine_similarity(a, b).abs().mean().item()

stages = {"none": [], "head": ["fc"], **{f"+ stage {i}": [f"layer{i}"] for i in (3, 2, 1)}, "all": ["conv1", "bn1"]}
similarity, all_random = {}, []
for seed in (1, 2, 3):
    set_seed(seed)
    changing, fresh, values = copy.deepcopy(resnet), cifar_resnet(20).to(device), []
    for names in stages.values():
        for name in names:
            getattr(changing, name).load_state_dict(getattr(fresh, name).state_dict())
        changed_maps = grad_cam(remeasured(changing), changing.layer3, tests, test_answers)
        values.append(likeness(heatmaps, changed_maps))
    all_random.append(changed_maps)
    similarity[f"random weights {seed}"] = values
    print(f"random weights {seed}:", "  ".join(f"{name} {value:.2f}" for name, value in zip(stages, values)))
similarity["another image"] = [likeness(heatmaps, heatmaps.roll(1, dims=0))] * len(stages)
similarity["two random networks"] = [likeness(all_random[0], all_random[1])] * len(stages)
print(f"heatmaps of different images: {similarity['another image'][0]:.2f},",
      f"of two random networks: {similarity['two random networks'][0]:.2f}")
plot_curves({panel: similarity}, "parts with random weights", "|correlation| with the original")
for axis in plt.gcf().axes:
    axis.set_ylim(0, 1.02)
    axis.set_xticks(range(1, len(stages) + 1), list(stages))
""")
md(r"""
Grad-CAM passes: with all weights random, the absolute correlation falls to between 0.13 and 0.22, near that of a pair of random networks (0.14) and far below that of different images (0.52). A random head alone brings it down to about 0.5. (Without random weights it is 0.97 rather than 1, because the averages of batch norm are computed anew.)

**What to take away.** At the last stage, Grad-CAM points at the right thing (71.8 % against 25 %), marks what the prediction depends on, and changes with the weights. But it is coarse, and it says where the network looks and not why. And never trust a heatmap without a control: two different images already have heatmaps that correlate at 0.52.

## Where this departs from the papers

| | papers | here |
|---|---|---|
| Network and images | ResNets for ImageNet; Grad-CAM on VGG-16 and others | ResNet-20, 32×32 pixels, heatmaps of 8×8 positions |
| Transfer | ImageNet to detection and segmentation | CIFAR-10 to turned photos and to MNIST |
| Where Grad-CAM points | boxes of ImageNet | grids of four test images |
| Random weights | Inception v3; rank correlation and SSIM | absolute correlation, before the ReLU; batch norm's averages computed anew |

## Exercises

1. **Features of an earlier layer.** In `features_of`, put the hook on `layer2` and take `output.mean(dim=(2, 3))`. Does the frozen way get better on the turned photos? And on MNIST?
2. **Half frozen.** Train only `layer3` and the head. *Hint: in `train`, call `requires_grad_(False)` on the other parts, and pass AdamW the parameters that still require a gradient. What do you have to do about batch norm?*
3. **Your own classes.** Put 20 images of each of two things into two folders, read them with `read_image(path, size=32)`, make a `Split` of them, and fine-tune.

## Further reading

- [The paper's notebook](../../resnet/ResNet.ipynb), in which the network was trained.
- Yosinski and others, [How transferable are features in deep neural networks?](https://arxiv.org/abs/1411.1792), 2014.
- He, Girshick & Dollár, [Rethinking ImageNet Pre-training](https://arxiv.org/abs/1811.08883), 2018: from scratch catches up if there is enough data and time.
- Adebayo and others, [Sanity Checks for Saliency Maps](https://arxiv.org/abs/1810.03292), 2018.
- torchvision's [ResNets](https://pytorch.org/vision/stable/models/resnet.html), each with the preparation of images that belongs to it.
""")

# -------------------------------------------------------------------------------------------------------------- write

for i, cell in enumerate(cells):
    cell["id"] = hashlib.sha256(f"{i} {cell.source[:60]}".encode()).hexdigest()[:8]
book = nbformat.v4.new_notebook(cells=cells)
book.metadata = nbformat.read(INSTALLED, 4).metadata
nbformat.validate(book)
nbformat.write(book, TARGET)

text = "\n".join(re.sub(r"<!--.*?-->", "", c.source, flags=re.DOTALL) for c in cells if c.cell_type == "markdown")
words = [word for word in text.split() if re.search(r"[A-Za-z]", word)]
print(f"{len(cells)} cells, {len(words)} words of markdown, {text.count('TODO-NUMBERS')} TODO-NUMBERS")
own = [c for c in cells if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup"))]
print("longest cell of its own:", max(len(c.source.splitlines()) for c in own))
for c in own:
    for line in c.source.splitlines():
        if len(line) > 120:
            print("long:", len(line), line)
