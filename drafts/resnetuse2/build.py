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

You will load a trained ResNet-20 and classify images with it, your own as well. You will fine-tune it to a new task with few labelled images, measure what that saves compared with training from scratch, and use the result to turn photos upright. Then you will look inside: which images the network finds similar, and where in an image it looks. At the end, three tests show how far you can trust such heatmaps. **The main result:** TODO-NUMBERS <!-- one sentence from the lines under "Results": "With 250 labelled photos, fine-tuning tells which way is up with … % errors; training from scratch needs 1,000 photos to get … % (three seeds each)." If 250 fine-tuned are not better than 1,000 from scratch, compare at equal size instead. -->

How the network is built, and why it can be so deep, is the subject of [the paper's notebook](../../resnet/ResNet.ipynb). You don't need it here.

**How long it takes.** The stored outputs come from scale `cpu`. TODO-NUMBERS <!-- "Its … trainings took … minutes on one thread of …", from the note under the table and the runs; PLAN.md has the estimate. Check the next sentence by the clock. --> Everything except fine-tuning takes a few minutes. Scales: `quick` (half a minute, generated images, offline; its numbers mean nothing), `cpu`, `gpu` (the same trainings), `paper` (longer trainings, five seeds). The second code cell says how to choose.
""")
code("# Setup: ")
code(r"""
import contextlib
import copy
import io
from dataclasses import replace

import matplotlib.pyplot as plt
import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from architectures.resnet.resnet import cifar_resnet, resnet18, resnet20_cifar10, resnet50
from utils.checkpoint import checkpoint_dir, load_weights, save_weights
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
code(r"""
resnet, about = resnet20_cifar10()  # trained weights, which lie in the repository; `about` says how to use them
resnet.to(device)
parts = {"conv1": "stem", **{f"layer{i}": f"stage {i}:\n3 blocks" for i in (1, 2, 3)}}
parts |= {"avgpool": "global\naverage pool", "fc": "head"}
title = "ResNet-20: channels × height × width of each output"
draw_network(resnet, torch.zeros(1, 3, 32, 32, device=device), parts, title)
""")
md(r"""
## In brief

**The network.** A residual network is a stack of blocks. Each block computes a correction $F(x)$ and adds it to its input: $y = F(x) + x$. The input takes a **shortcut** around the layers, so even a very deep network can be trained. ResNet-20 is the smallest network of the paper's experiments on CIFAR-10, a data set of 32×32 images in ten classes.

**What we use it for.** The figure shows three parts that this notebook names all the time:

- The **backbone** is everything before the last layer. It turns the image into feature maps, in the end 64 of them with 8×8 positions each.
- The **features** are the averages of these 64 feature maps: 64 numbers that describe the image.
- The **head** is the last layer. It is linear and turns the features into one **logit** for each class; a softmax turns the logits into probabilities.

**Transfer learning** keeps the backbone and replaces the head. The paper does this itself: it puts a ResNet trained on ImageNet in the place of VGG-16 in an object detector, and reports a relative improvement of 28 % on the data set COCO.

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
confidence, answers = probabilities.max(dim=1)
titles = [f"{about['classes'][c]}\n{p:.0%}" for c, p in zip(answers, confidence)]
show_images(ten, titles, title="ten test images, and what the network predicts", size=1.1)
assert len(titles) == 10 and sum(p.numel() for p in resnet.parameters()) == 269_722  # the paper's Table 6: 0.27M
""")
md(r"""
TODO-NUMBERS <!-- "All ten are right, with … % or more", or which is wrong. With the network kept now: all ten right, airplane 69 %, bird 87 %, deer 89 %, the others 97 % or more -->

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
- leave the network in training mode. Then batch norm normalises with the statistics of the images at hand instead of those from the training, and if they come one at a time, each image with its own.
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
TODO-NUMBERS <!-- finding: each mistake costs between … and … points, and the worst is …; only a test with known labels shows it. First edition, whole test set: without normalisation 46.51 instead of 9.49 %. If blue/red costs little, say so: most classes are recognised by shape. --> So before you trust a network that you have loaded, measure its error on a few images with known labels.

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

- **Which way is up?** (Gidaris and others, [2018](https://arxiv.org/abs/1803.07728)) We turn photos by 0, 90, 180 or 270 degrees, and the network has to say which. Such labels cost nothing here, but we pretend that they do. The task is *near*: photos of the same ten kinds of things. The training photos come from the 5,000 that were held out when the network was trained, and the test photos are the first 2,500 of the test set.
- **MNIST**, handwritten digits, copied into three equal colour channels. This task is *far* from photos.
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
tasks, prepare = {task.name: task for task in (near, far)}, {near.name: turned, far.name: in_colour}
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
    '''A linear layer, fitted to all features at once by L-BFGS with weight decay.'''
    layer = nn.Linear(features.shape[1], num_classes).to(device)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(layer(features), labels) + decay * layer.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return layer
""")
md(r"""
### The training

All three ways get the same labelled images, drawn at random by the seed. Fine-tuning and training from scratch both use AdamW with a one-cycle schedule, in which the learning rate rises for a fifth of the training and then falls to zero. The images are shifted by up to two pixels, but not flipped, because a flip would turn 90° into 270°. As a network from scratch has more to learn, it gets **two and a half times as many epochs**.

Each side gets its own learning rate for each task, the best of three on validation images, tried with one seed at the middle number of labels. The frozen way gets the best of four weight decays. We don't count the labels of the validation images.
""")
code(r"""
KNOBS = {
    "quick": dict(sizes=[20], epochs={"fine-tuned": 1, "from scratch": 2}, seeds=[0], rates=[3e-3],
                  batch_size=20, epoch=40, grids=10),
    "cpu": dict(sizes=[50, 250, 1000], epochs={"fine-tuned": 10, "from scratch": 25}, seeds=[0, 1, 2],
                rates=[5e-4, 2e-3, 8e-3], batch_size=50, epoch=1000, grids=100),
}
KNOBS["gpu"] = KNOBS["cpu"]
KNOBS["paper"] = {**KNOBS["cpu"], "epochs": {"fine-tuned": 30, "from scratch": 75}, "seeds": [0, 1, 2, 3, 4]}
knobs = KNOBS[scale]
for name, value in knobs.items():
    print(f"{name:11} {value}")
sizes, seeds, learned = knobs["sizes"], knobs["seeds"], list(knobs["epochs"])
smallest, middle, largest = sizes[0], sizes[len(sizes) // 2], sizes[-1]
""")
code(r"""
def labelled(name, count, seed):
    '''The task with `count` labelled images to train on, repeated until they fill an epoch.'''
    images, labels = tasks[name].train
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:count]
    images, labels = prepare[name](Split(images[chosen], labels[chosen]))
    times = max(1, knobs["epoch"] // len(labels))
    return replace(tasks[name], train=Split(images.repeat(times, 1, 1, 1), labels.repeat(times)))

def train(name, way, count, seed, rate, longer=1):
    '''Train on `count` labelled images of a task, `longer` times the usual epochs; returns (model, Run).'''
    set_seed(seed)
    task, epochs = labelled(name, count, seed), longer * knobs["epochs"][way]
    num_classes = len(task.classes)
    model = with_new_head(resnet, num_classes) if way == "fine-tuned" else cifar_resnet(20, num_classes)
    options = dict(shuffle=True, augment=True, padding=2, flip=False, seed=seed)
    loader = ImageLoader(task, "train", knobs["batch_size"], device, **options)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    steps = epochs * len(loader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2, cycle_momentum=False)
    curves = name == near.name and count == largest and seed == SEED
    evaluate_on = {"val": ImageLoader(task, "val", 500, device)} if curves else {}
    label = f"ResNetUse/{name}-{way}-{count}-rate{rate}-epochs{epochs}-seed{seed}".replace(" ", "-")
    run = fit(model, loader, optimizer, scheduler, epochs, device, evaluate_on, checkpoint=label, lines=1)
    return model, run
""")
md(r"""
`fit` repeats the loop from above and adds a learning-rate schedule, bfloat16 or float16 where the hardware has it, and a checkpoint after each epoch. If you interrupt the next cells, they stop training, and the cells below use what there is. Run them again to go on.
""")
code(r"""
def train_all(jobs):
    '''Train them one after the other, quietly: {job: (model, Run)}; a job holds the arguments of `train`.'''
    done = {}
    for job in tqdm(jobs, desc="trainings", file=sys.stdout, leave=False, mininterval=10):
        with contextlib.redirect_stdout(io.StringIO()):  # each would print three lines
            done[job] = train(*job)
        if not done[job][1].finished:
            print(f"Interrupted in training {len(done)} of {len(jobs)}.")
            break
    return done

def test_error(model, task, split="test"):
    return 100 - 100 * evaluate(model, ImageLoader(task, split, 500, device), device)["accuracy"]

searched = train_all([(name, way, middle, SEED, rate) for name in tasks for way in learned for rate in knobs["rates"]])
best = {}
for name in tasks:
    for way in learned:
        models = {job[4]: model for job, (model, _) in searched.items() if job[:2] == (name, way)}
        found = {rate: test_error(model, tasks[name], "val") for rate, model in models.items()}
        best[name, way] = min(found, key=found.get, default=knobs["rates"][0])
        print(f"{name}, {way}, validation:", ", ".join(f"{e:.1f} % at {rate:g}" for rate, e in found.items()))
""")
code(r"""
jobs = [(name, way, count, seed, best[name, way])
        for name in tasks for count in reversed(sizes) for way in learned for seed in seeds]
trained = train_all(jobs)  # those of the search are found, not trained again
errors = {job[:4]: test_error(model, tasks[job[0]]) for job, (model, _) in trained.items()}
print(f"{len(trained)} of {len(jobs)} trainings, {sum(run.minutes for _, run in trained.values()):.0f} min")

job = (near.name, "from scratch", middle, SEED, best[near.name, "from scratch"], 3)  # is the usual training too short?
longer, _ = train_all([job])[job]
print(f"{job[0]}, {job[1]}, {middle} labelled: {errors.get(job[:4], float('nan')):.1f} % errors,",
      f"with 3 × as many epochs {test_error(longer, near):.1f} %")
""")
code(r"""
def probe_error(layer, split):
    features, labels = split
    return 100 * (layer(features).argmax(dim=1) != labels).float().mean().item()

for name, task in tasks.items():
    on_val, on_test = (features_of(resnet, task, split) for split in ("val", "test"))
    for count in sizes:
        for seed in seeds:
            known = features_of(resnet, labelled(name, count, seed), "train")
            set_seed(seed)
            layers = [linear_probe(*known, len(task.classes), decay) for decay in (1e-4, 1e-3, 1e-2, 1e-1)]
            chosen = min(layers, key=lambda layer: probe_error(layer, on_val))
            errors[name, "frozen", count, seed] = probe_error(chosen, on_test)
""")
md(r"""
### Results

First the curves of one pair of trainings, on the near task with the largest number of photos:
""")
code(r"""
job = {way: (near.name, way, largest, SEED, best[near.name, way]) for way in learned}
curves = {way: trained[job[way]][1] for way in learned if job[way] in trained}
plot_histories(curves, f"{near.name}, {largest:,} photos")
""")
md(r"""
TODO-NUMBERS <!-- what to see: the fine-tuned network starts higher and after … epochs is above where the other one ends after 30; both have flattened (validation accuracy changes by less than … in the last … epochs); from scratch, the training accuracy reaches … %, the validation accuracy stops at … %. If from scratch has not flattened, say so here and in the finding. -->

Now all of them, on the test images:
""")
code(r"""
def values_of(name, way, count):
    return [error for job, error in errors.items() if job[:3] == (name, way, count)]

@styled
def plot_errors(title):
    figure, axes = plt.subplots(1, len(tasks), figsize=(11, 4), sharey=True)
    for axis, name in zip(axes, tasks):
        for colour, way in zip(COLOURS, ways):
            found = {count: values_of(name, way, count) for count in sizes if values_of(name, way, count)}
            axis.plot(list(found), [sum(values) / len(values) for values in found.values()], color=colour, label=way)
            for count, values in found.items():
                axis.plot([count] * len(values), values, ".", color=colour)
        axis.set(xscale="log", xlabel="labelled images", title=name)
        axis.set_xticks(sizes, [f"{count:,}" for count in sizes])
        axis.minorticks_off()
    axes[0].set_ylabel("test error (%)")
    axes[-1].legend()
    figure.suptitle(title)

plot_errors("Dots are seeds, lines their means")
for name in tasks:
    for way in ways:
        found = {n: " ".join(f"{error:.1f}" for error in values_of(name, way, n)) for n in sizes}
        print(f"{name:15} {way:12}", "   ".join(f"{n}: {values}" for n, values in found.items()))
""")
md(r"""
TODO-NUMBERS <!-- the findings, first sentence each, then numbers:
1. Fine-tuning beats training from scratch at every size, on both tasks, in all seeds (or where not), although from scratch had two and a half times the epochs; and three times as many again (the line "with 3 × as many epochs", n = 1) change … . Near task: gap … / … / … points; MNIST … / … / ….
2. In labels: on the near task 250 photos fine-tuned (… %) do as well as 1,000 from scratch (… %), if so.
3. Frozen: with … labels it is better/worse than …: features for "what is it?" say little about how it is turned (near), and about digits. First edition: the frozen backbone was far behind from scratch with 1,000 labels (57.5 against 51.9 %, and 28.7 against 2.6 % on MNIST, head trained by Adam).
4. Caveat: rates chosen at 250 images with one seed; other schedules might narrow the gap.
-->
""")
code(r"""
rows = [
    dict(what=f"{name}, {count} labelled: {way}", paper=None, reproduction=None,
         runs=[(errors[job[:4]], run) for job, (_, run) in trained.items() if job[:3] == (name, way, count)])
    for name in tasks for count in sizes for way in learned
]
report("ResNetUse", "test error, %", " and ".join(tasks), "labelled images as stated", None, rows)
""")
md(r"""
± is the standard deviation over the seeds. The papers have no numbers for these tasks.

## Use it

We save the fine-tuned network in half precision, load it as anybody else would, and let it turn photos upright.
""")
code(r"""
job = max((job for job in trained if job[:2] == (near.name, "fine-tuned")), key=lambda job: (job[2], -job[3]))
model, run = trained[job]
path = checkpoint_dir() / scale / "ResNetUse" / "upright-weights.pt"
facts = dict(classes=list(near.classes), test_error=errors[job[:4]], photos=job[2], made=run.made(), **as_trained)
save_weights(copy.deepcopy(model).half(), path, **facts)  # float16: half the bytes

upright = cifar_resnet(20, num_classes=4)
facts = load_weights(upright, path, device)
upright.eval()
loss_of_precision = abs(test_error(upright, near) - facts["test_error"])
print(f"{path.stat().st_size / 1e6:.2f} MB, {facts['photos']:,} photos, {facts['test_error']:.1f} % test error; "
      f"float16 changes it by {loss_of_precision:.2f} points")
assert path.stat().st_size < 2e6 and loss_of_precision < (0.3 if scale != "quick" else 5)
""")
code(r"""
my_photo = None  # for example "holiday.jpg"
photos = read_image(my_photo, size=32)[None] if my_photo else ten
quarters = torch.zeros(1).long() if my_photo else torch.arange(len(photos)) % 4
given = torch.stack([torch.rot90(photo, int(q)) for photo, q in zip(photos, quarters)])
with torch.no_grad():
    answers = upright(as_input(given)).argmax(dim=1).cpu()
straight = torch.stack([torch.rot90(photo, -int(a)) for photo, a in zip(given, answers)])
verdicts = ["" if my_photo else "right" if a == q else "wrong" for a, q in zip(answers, quarters)]
titles = [*("" if my_photo else f"turned {90 * q}°" for q in quarters.tolist()), *verdicts]
show_images(torch.cat([given, straight]), titles, columns=len(given), size=1.1, title="the fine-tuned network at work")
""")
md(r"""
TODO-NUMBERS <!-- … of ten stand upright again; which not, and why (a bird or frog seen from above has no clear up) -->

### The same with a network for ImageNet

For photos of everyday size you will start from weights that were trained on ImageNet. Our ImageNet networks have the layer names of torchvision's, so its weights load as they are. Does that make the outputs equal? Weights that load prove only that names and shapes fit. So we compare outputs as well, with random weights, which needs no download. Set `weights` to see what the real ResNet-18 says about the ten images.
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
    model = resnet18()
    model.load_state_dict(torchvision.models.resnet18(weights=preset).state_dict())
    with torch.no_grad():
        large = model.eval()(preset.transforms()(ten.permute(0, 3, 1, 2))).softmax(dim=1)  # at 224×224 pixels
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
print(f"resnet50 with the paper's strides: everything loads, and the output differs by {100 * difference:.0f} %")
assert difference > 1e-3
""")
md(r"""
To fine-tune, replace the head with `with_new_head(model, num_classes)`, prepare images with `preset.transforms()`, and train as above.

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
TODO-NUMBERS <!-- finding: features group by thing, thumbnails by colour and layout: … % against … % (first edition 89.1 and 40.7). What the rows show; a mistake among them, if there is one. --> This is no transfer: the network was trained on these classes. But it shows what the features hold.

### Where does it look? Grad-CAM

Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of class $c$. How much does this feature map matter for the class? Grad-CAM takes the gradient of the logit, averaged over the positions. It then adds up all feature maps with these weights and keeps the positive part, which speaks *for* the class:

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
You can check this by hand. The features are the averages of the two maps, 1 and 2, and the head has the weights 3 and −1, so the logit is $3 \cdot 1 - 1 \cdot 2 = 1$. Each position is a quarter of its average, so the gradients are 3/4 and −1/4 everywhere.

The heatmap sums to the logit. This holds whenever only an average and a linear layer follow, as after stage 3 of a ResNet (there the bias of the head is added). Grad-CAM then equals the older CAM (Zhou and others, [2016](https://arxiv.org/abs/1512.04150)) up to a factor, and we can check it without any gradient:
""")
code(r"""
inputs = as_input(ten)
with torch.no_grad():
    logits = resnet(inputs)
    last = resnet.layer3(resnet.layer2(resnet.layer1(resnet.relu(resnet.bn1(resnet.conv1(inputs))))))  # (10, 64, 8, 8)
confidence, answers = logits.softmax(dim=1).max(dim=1)
cam = grad_cam(resnet, resnet.layer3, inputs, answers)
with torch.no_grad():
    by_hand = torch.einsum("bk,bkhw->bhw", resnet.fc.weight[answers], last) / 64
    assert torch.allclose(cam, by_hand, atol=1e-3)
    total = cam.sum(dim=(1, 2)) + resnet.fc.bias[answers]
    assert torch.allclose(total, logits.gather(1, answers[:, None])[:, 0], atol=1e-2)
print("heatmap + bias = logit:", *(f"{value:.1f}" for value in total.tolist()))
""")
code(r"""
# For the README: the ten stored images, what the ResNet-20 predicts, and where Grad-CAM says that it looks
def overlay(images, heatmaps):
    '''uint8 images (B, H, W, 3) under heatmaps (B, h, w), from black (0 or less) to yellow (the largest value).'''
    heatmaps = F.interpolate(F.relu(heatmaps)[:, None], size=images.shape[1:3], mode="bilinear")[:, 0].cpu()
    heatmaps = heatmaps / heatmaps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-9)
    return 0.5 * images / 255 + 0.5 * torch.from_numpy(plt.get_cmap("inferno")(heatmaps.numpy())[..., :3]).float()

titles = [f"{about['classes'][c]} {p:.0%}" for c, p in zip(answers, confidence)]
show_images([*(ten / 255), *overlay(ten, cam)], [*titles, *[""] * 10], title="prediction, and its Grad-CAM heatmap")
""")
md(r"""
TODO-NUMBERS <!-- what to see, two sentences: bright positions speak for the predicted class; 8×8 positions, interpolated; on which images it lies on the object, on which on the background -->

Grad-CAM is most useful for mistakes. Here are the most confident ones among 300 test images, each with the heatmap of the predicted and of the true class. (Each heatmap is scaled to its own maximum: compare places, not brightness.)
""")
code(r"""
tests, labels = next(iter(ImageLoader(data, "test", 300, device)))
with torch.no_grad():
    confidence, answers = resnet(tests).softmax(dim=1).max(dim=1)
heatmaps = grad_cam(resnet, resnet.layer3, tests, answers)  # (300, 8, 8)
wrong = (answers != labels).nonzero().flatten()
wrong = wrong[confidence[wrong].argsort(descending=True)][:4]
for_truth = grad_cam(resnet, resnet.layer3, tests[wrong], labels[wrong])
originals = data.test.images[wrong.cpu()]
rows = zip(originals / 255, overlay(originals, heatmaps[wrong]), overlay(originals, for_truth))
titles = []
for i in wrong.tolist():
    name = data.classes[labels[i]]
    titles += [f"a {name}", f"{about['classes'][answers[i]]} {confidence[i]:.0%}", f"for {name}"]
shown = [image for row in rows for image in row]
show_images(shown, titles, columns=6, size=1.6, title=f"{data.name}: confident mistakes")
""")
md(r"""
TODO-NUMBERS <!-- what each pair shows: do the two classes look at different places? --> These heatmaps look convincing. But a heatmap that looks right may still have little to do with the network. So we test them.

## How far can you trust Grad-CAM?

### Does it point at the right thing?

We build images for which we know the right place. Four test images of four different classes make one image of 64×64 pixels. (The network accepts it, because it averages over all positions.) If we ask for the class of one of them, the heatmap should lie in its quarter. Without any knowledge, 25 % of it would. This test is called the *grid pointing game*; Rao and others ([2022](https://arxiv.org/abs/2205.10435)) compare many methods by it. We play it with heatmaps from all three stages, because Grad-CAM can be computed for any layer.
""")
code(r"""
generator = torch.Generator().manual_seed(SEED)
chosen = []  # four images each, of four classes that the network recognises (at scale quick: that it predicts)
usable = (answers == labels).cpu() if scale != "quick" else torch.ones(len(answers), dtype=bool)
for _ in range(knobs["grids"]):
    order = [i for i in torch.randperm(len(answers), generator=generator).tolist() if usable[i]]
    one_of_each = {int(answers[i]): i for i in order}
    chosen.append(list(one_of_each.values())[:4])
chosen = torch.tensor(chosen)  # (grids, 4): top left, top right, bottom left, bottom right
B, _, H, W = tests[chosen[:, 0]].shape
grids = tests[chosen].view(B, 2, 2, 3, H, W).permute(0, 3, 1, 4, 2, 5).reshape(B, 3, 2 * H, 2 * W)
assert torch.equal(grids[0, :, :H, W:], tests[chosen[0, 1]])

def shares(model, layer):
    '''The share of the positive heatmap in the right quarter, for each grid and each of its four classes, (B, 4).'''
    found = []
    for place in range(4):
        heat = F.relu(grad_cam(model, layer, grids, answers[chosen[:, place]]))
        h, w = heat.shape[1] // 2, heat.shape[2] // 2
        quarter = heat.unflatten(2, (2, w)).unflatten(1, (2, h))[:, place // 2, :, place % 2]  # (B, h, w)
        found.append(quarter.sum(dim=(1, 2)) / heat.sum(dim=(1, 2)).clamp(min=1e-9))
    return torch.stack(found, dim=1)
""")
code(r"""
for name in ("layer1", "layer2", "layer3"):
    share = 100 * shares(resnet, getattr(resnet, name)).mean(dim=1)  # one value for each grid
    print(f"{name}: {share.mean():.1f} % of the heatmap in the right quarter (± {share.std() / len(share) ** 0.5:.1f})")
grid = ((grids[:1].permute(0, 2, 3, 1).cpu() * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
four = answers[chosen[0]]
heat = torch.cat([grad_cam(resnet, resnet.layer3, grids[:1], c[None]) for c in four])
titles = ["one grid", *(f"for {about['classes'][c]}" for c in four)]
show_images([grid[0] / 255, *overlay(grid.expand(4, -1, -1, -1), heat)], titles, columns=5, size=2)
""")
md(r"""
(± is one standard error over the 100 grids.) TODO-NUMBERS <!-- finding first: at the last stage Grad-CAM points at the right quarter (… % against 25 % by chance), at stage 1 hardly/no longer (… %). So use the last layer: after it only an average and a linear layer follow, so the heatmap is exact; further down, averaging the gradients throws away where they were large. If layer1 is near 25: say that the heatmap there knows nothing of the class's place. -->

### Does the prediction depend on it?

If the heatmap shows what the prediction rests on, then covering its highest positions should hurt more than covering others. We cover 4×4 squares with grey, the mean colour. Grey squares hurt even where they hide nothing, since the network has never seen any. So we need fair controls with as many squares: random ones, the lowest positions, and, as the strictest control, the heatmap of *another image*, which has similar shapes and the same preference for the centre.
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
        left[name] = torch.stack([resnet(x).softmax(dim=1).gather(1, answers[:, None])[:, 0] for x in masked]).cpu()
lines = {name: ([100 * n / 64 for n in counts], (100 * values.mean(dim=1)).tolist()) for name, values in left.items()}
title = f"{data.name}, {len(tests)} test images"
plot_curves({title: lines}, "covered (% of the image)", "probability of the prediction (%)")
for name in list(covers)[1:]:
    lead = 100 * (left[name] - left["its heatmap"])[1:].mean(dim=0)  # points, averaged over the counts
    print(f"{name:25} leaves {lead.mean():5.1f} points more than its heatmap (± {lead.std() / len(lead) ** 0.5:.1f})")
""")
md(r"""
TODO-NUMBERS <!-- finding: covering where the heatmap is high hurts most: another image's heatmap leaves … points more, random … , lowest first … (first edition: 11.4, 13.1, 36.1). --> The comparison needs covers of one kind: scattered single pixels could hurt more than squares, without telling anything about the heatmap.

### Does it depend on what the network has learned?

Adebayo and others ([2018](https://arxiv.org/abs/1810.03292)) found explanation methods whose heatmaps look the same whether the network is trained or not. In their test, Grad-CAM passed. We repeat it: replace the trained weights by random ones, from the head downwards, and correlate the new heatmaps with the old ones. As a random head flips signs at random, we compare the absolute value of the correlation. As a reference, we correlate the heatmaps of two different images.
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
similarity = {}
for seed in seeds:
    set_seed(SEED + 1 + seed)
    model, fresh, values = copy.deepcopy(resnet), cifar_resnet(20).to(device), []
    for names in stages.values():
        for name in names:
            getattr(model, name).load_state_dict(getattr(fresh, name).state_dict())
        values.append(likeness(heatmaps, grad_cam(remeasured(model), model.layer3, tests, answers)))
    similarity[f"random weights {seed}"] = values
    print(f"random weights {seed}:", "  ".join(f"{name} {value:.2f}" for name, value in zip(stages, values)))
similarity["another image"] = [likeness(heatmaps, heatmaps.roll(1, dims=0))] * len(stages)
print(f"heatmaps of different images: {similarity['another image'][0]:.2f}")
plot_curves({title: similarity}, "parts with random weights", "|correlation| with the original")
for axis in plt.gcf().axes:
    axis.set_ylim(0, 1.02)
    axis.set_xticks(range(1, len(stages) + 1), list(stages))
""")
md(r"""
TODO-NUMBERS <!-- finding: Grad-CAM passes: with all weights random the correlation is …, lower than between different images' heatmaps (…); a random head alone brings it to …. (First edition: 0.13 to 0.23, 0.52, 0.46 to 0.52; "none" 0.97 because batch norm's averages are computed anew.) -->

**What to take away.** TODO-NUMBERS <!-- three sentences: at the last layer, heatmaps point at the right thing (… %), matter for the prediction (… points), and depend on the weights. They are coarse (8×8), they say where and not why, and a heatmap without a control proves little: another image's heatmap already covers … -->

## Where this departs from the papers

| | papers | here |
|---|---|---|
| Network and images | ResNets for ImageNet; Grad-CAM on VGG-16 and others | ResNet-20, 32×32 pixels, heatmaps of 8×8 positions |
| Transfer | ImageNet to detection and segmentation | CIFAR-10 to turned photos and to MNIST |
| Where Grad-CAM points | boxes of ImageNet | grids of four test images |
| Random weights | Inception v3; rank correlation and SSIM | absolute correlation; batch norm's averages computed anew |

## Exercises

1. **Features of an earlier layer.** The averages of the last feature maps say little about how a photo is turned. In `features_of`, put the hook on `layer2` and take `output.mean(dim=(2, 3))`. Does the frozen way get better on the turned photos? And on MNIST?
2. **Half frozen.** Train only `layer3` and the head. *Hint: in `train`, call `requires_grad_(False)` on the other parts, and pass AdamW the parameters that still require a gradient. What do you have to do about batch norm?*
3. **Your own classes.** Put 20 images of each of two things into two folders, read them with `read_image(path, size=32)`, make a `Split` of them, and fine-tune.
4. **Another cover.** In the covering test, replace grey by the pixels of another image (`torch.where((order < count)[:, None], tests.roll(2, 0), tests)`). Which curves move most, and why?

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
