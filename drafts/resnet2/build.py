"""Build ResNet.ipynb from the texts and cells below: PYTHONPATH=/work/main python build.py

`same(i)` is code cell i of the notebook that the long training runs from; with pairs (old, new) it is changed as text,
and each old part must be there. `synced(…)` comes from the repository's own files.
"""

import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
REPOSITORY = Path("/work/main")
sys.path.insert(0, str(REPOSITORY))
from tools import notebooks  # noqa: E402

WIP = nbformat.read(HERE / "ResNet-wip.ipynb", 4)
CELLS = []


def md(text):
    CELLS.append(nbformat.v4.new_markdown_cell(text.strip("\n")))


def code(text):
    CELLS.append(nbformat.v4.new_code_cell(text.strip("\n")))


def same(index, *changes):
    text = WIP.cells[index].source
    for old, new in changes:
        if old not in text:
            raise ValueError(f"cell {index} has no {old!r}")
        text = text.replace(old, new)
    code(text)


RANGES = (  # of the two cells that print the signals
    """        print(f"{when:17}  {label:28}  first block {values[0]:7.1e}   last block {values[-1]:7.1e}")""",
    """        print(f"{when:15} {label:26} first block {values[0]:.1e} last {values[-1]:.1e}"
              f" min {min(values):.1e} max {max(values):.1e}")""",
)


def synced(first_line):
    code(notebooks.synced_source(first_line, REPOSITORY / "resnet" / "ResNet.ipynb"))


# ----------------------------------------------------------------------------------------------------------- opening

md(r"""
# Deep Residual Learning for Image Recognition

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun · CVPR 2016 · [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/resnet/ResNet.ipynb)

At the end of this notebook you can build a residual network from its one idea, train it, and test by experiment whether it can be deep where a plain network cannot. **The main results:** TODO-NUMBERS Our ResNet-20 reaches 9.17 % test error on CIFAR-10 after 40 epochs, with one seed; the paper trains more than four times as long and reports 8.75 %.
<!-- TODO-NUMBERS 1: one sentence from "The claim, tested: degradation", with the training errors printed there and what the controls at rate 0.02 say. Which case is meant, see under the controls. (a) "In trainings of 8 epochs 56 plain layers fit the training set worse than 20, at both learning rates that we tried, while 56 layers with shortcuts fit it better than 20 / as well as 20." (b), (d) "At a peak rate of 0.1, 56 plain layers fit the training set worse than 20; with each depth at its better rate they do not. With shortcuts 0.1 is not too much." (c) as (a), with "each at its better rate" for "at both …". If plain-56 is not more than a point above plain-20 at 0.1: "In trainings of 8 epochs we did not see degradation." 2: seed 0's test error, from the table in "Results". -->

**How long it takes.** The stored outputs come from scale `cpu`, on TODO-NUMBERS. Each training used one thread, and two ran at a time; their minutes add up to TODO-NUMBERS hours. There are four *scales*: `quick` (about a minute, generated images, meaningless numbers), `cpu` and `gpu` (CIFAR-10, shortened trainings), and `paper` (the paper's full training of ResNet-20, not stored here). The second code cell says how to choose.
<!-- TODO-NUMBERS: name of the CPU, "with two cores"; sum of the minutes in the notes under the two tables of results, in hours. Before keeping the sentence on threads, look at what is printed under the controls ("threads of each training: [1]"). -->
""")

code(notebooks.setup_source())

same(
    2,
    ("from dataclasses import replace\n", ""),
    ("from math import isfinite\n\nimport torch", "\nimport matplotlib.pyplot as plt\nimport torch"),
    ("import SHORTCUTS, from_akamaster, resnet20_cifar10", "import SHORTCUTS, resnet20_cifar10"),
    ("checkpoint_dir, load_file, load_weights", "checkpoint_dir, load_weights"),
    ("autocast, choose_precision, get_device", "autocast, get_device"),
    ("from utils.files import download", "from utils.diagram import draw_flow, draw_network"),
    ("plot_histories, plot_spread, show_images", "plot_histories, show_images"),
)

md(r"""
## The idea in one drawing

A plain block has to produce everything that the layers after it need. A residual block adds its output to its input. So **a residual block only has to learn what to change, and a block that has nothing to change can leave its input alone.**
""")

code(r"""
boxes = {
    "plain": ("plain block", 0, -0.8, "note"), "residual": ("residual block", 2, -0.8, "note"),
    "p0": ("x", 0, 0, "data"),                 "r0": ("x", 2, 0, "data"),
    "p1": ("conv 3×3, BN", 0, 1),              "r1": ("conv 3×3, BN", 2, 1),
    "p2": ("ReLU", 0, 2),                      "r2": ("ReLU", 2, 2),
    "p3": ("conv 3×3, BN", 0, 3),              "r3": ("conv 3×3, BN", 2, 3),
                                               "+": ("+", 2, 4, "sum"),
    "p4": ("ReLU", 0, 5),                      "r4": ("ReLU", 2, 5),
    "p5": ("next block", 0, 6, "data"),        "r5": ("next block", 2, 6, "data"),
}
arrows = [("p0", "p1"), ("p1", "p2"), ("p2", "p3"), ("p3", "p4", "F(x)"), ("p4", "p5")]
arrows += [("r0", "r1"), ("r1", "r2"), ("r2", "r3"), ("r3", "+", "F(x)"), ("+", "r4", "F(x) + x"), ("r4", "r5")]
arrows += [("r0", "+", "shortcut: x", 1)]  # one column around the others
draw_flow(boxes, arrows, "The same layers, without and with a shortcut")
""")

md(r"""
## The paper in brief

**The question.** Can we improve a network by simply adding layers? The best networks of the year before, VGG and GoogLeNet, had 19 and 22 layers. On CIFAR-10 the authors trained plain networks with 20 and with 56 layers. The deeper one had the higher error, even *on the training set*. Overfitting would lower the training error, so it is not the reason. The authors call the effect **degradation**. It is surprising, because a deep network could imitate a shallow one if its extra layers passed their input on unchanged. That solution exists, but training does not find it.

**The idea.** Residual learning makes "change nothing" easy to find. Let $H(x)$ be the function that a few layers should compute. We let them learn only the difference $F(x) = H(x) - x$, the *residual*, and then add $x$ back (eq. 1):

$$y = F(x, \{W_i\}) + x$$

The $W_i$ are the weights of these layers. The path of $x$ around them is the **shortcut**, today mostly called a **skip connection**. It computes an **identity mapping** and has no parameters. The layers and the shortcut together are a **residual block**. To change nothing, the layers only have to push $F$ towards zero. The authors hypothesise that this is easier than learning to copy $x$ through several nonlinear layers. *Highway networks*, of the same year, have shortcuts with learned gates that can close.

**When the shapes differ.** Some blocks halve the resolution and double the number of channels. There $x$ no longer has the shape of $F(x)$, so we cannot add the two directly. One remedy is a **projection shortcut**: a 1×1 convolution $W_s$ with learned weights brings $x$ into the new shape (eq. 2): $y = F(x, \{W_i\}) + W_s x$. The paper compares three options:

- **Option A** keeps the identity everywhere: where the shape changes, it takes every second pixel and fills the new channels with zeros. It has no parameters.
- **Option B** uses projections, but only in the blocks that change the shape.
- **Option C** uses projections in every block.

**The results.** Residual networks get better with depth where plain ones get worse. On ImageNet a plain network has a top-1 error of 27.94 % with 18 layers and 28.54 % with 34; a residual network has 27.88 % and 25.03 % (Table 2). An ensemble of residual networks with up to 152 layers won the ILSVRC 2015 classification task with a top-5 error of 3.57 %.
""")

# -------------------------------------------------------------------------------------------------------------- data

md(r"""
## The data

CIFAR-10 has 60,000 colour images of 32×32 pixels in ten classes, 50,000 for training and 10,000 for testing. Like the paper we split the 50,000 into 45,000 for training and 5,000 for validation. We make every choice on the validation set and none on the test set.
""")

code(r"""
data = load_shapes(train=640) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
print(f"{data.name}: {', '.join(sizes)}, {len(data.classes)} classes")

first_of_each = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
show_images(data.train.images[first_of_each], data.classes, title=f"{data.name}: a training image of each class")
""")

md(r"""
CIFAR-10's images are small, and some are hard to recognise even for us. `ImageLoader` keeps the whole data set on the device as one tensor and cuts the batches from there.

**Augmentation** makes the training set look larger than it is (section 4.2). Each time an image is used for training, we pad it with 4 black pixels on every side, crop it back to 32×32 at a random position, and flip it horizontally half of the time. Here we do this to one image ten times:
""")

same(7, ("one_each[:1]", "first_of_each[:1]"), ("corner of the crop in the padded picture", "corner of the crop in the padded image"), ("One picture, augmented ten times", "One image, augmented ten times"))

md(r"""
The object moves, and in some versions it looks the other way. With 9 × 9 positions and a flip there are 162 versions of each image. This works against overfitting (exercise 3).

The last step is **normalisation**: we shift and scale the pixels so that each colour channel has mean 0 and standard deviation 1. We check the loader's constants against the data:
""")

same(9)

# ---------------------------------------------------------------------------------------------------------- shortcut

md(r"""
## The shortcut

The claim behind the idea is easy to test: *if all its weights are zero, a residual block passes its input on unchanged*. We send a 3×3 image through two 3×3 convolutions whose weights are all zero, once without the shortcut and once with it. The pixels are positive, because the ReLU of the block before would leave them so.
""")

same(11)

md(r"""
With zero weights the plain block destroys its input, while the residual block passes it on. (In the networks below each block ends with a batch norm, and there the batch norm's own scale and shift have to go to zero.)

### Option A

Where the shape changes, option A needs no weights either: it keeps every second pixel and adds channels of zeros. The paper does not say where. We put half of the zeros before the old channels and half after them, as a well-known reproduction does ([akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10)).
""")

synced("# %load -s ZeroPadShortcut ../architectures/resnet/resnet.py")

md(r"""
We turn two channels of 4×4 numbers into four channels of 2×2. The coloured pixels survive.
""")

code(r"""
x = torch.arange(1.0, 33.0).view(1, 2, 4, 4)  # 2 channels of 4×4: 1…16 and 17…32
y = ZeroPadShortcut(in_channels=2, out_channels=4, stride=2)(x)
assert y.shape == (1, 4, 2, 2)
assert torch.equal(y[0, 1], torch.tensor([[1.0, 3.0], [9.0, 11.0]]))  # every second pixel of the first channel
assert y[0, 0].abs().sum() == 0 and y[0, 3].abs().sum() == 0

kept = torch.full((4, 4), torch.nan)  # nan stays white
kept[::2, ::2] = 1
panels = {f"x, channel {c}": (x[0, c], kept, c) for c in range(2)}
panels |= {f"y, channel {c}": (y[0, c], torch.where(y[0, c] > 0, 1.0, torch.nan), c - 1) for c in range(4)}
figure, axes = plt.subplots(1, 6, figsize=(10, 2.3), width_ratios=[4, 4, 2.4, 2.4, 2.4, 2.4], layout="constrained")
for axis, (title, (numbers, coloured, source)) in zip(axes, panels.items()):
    axis.imshow(coloured, cmap=("Blues", "Oranges")[source % 2], vmin=0, vmax=2.5)
    axis.set_title(title, fontsize=10)
    axis.set(xticks=[], yticks=[])
    for row in range(len(numbers)):
        for column in range(len(numbers)):
            axis.text(column, row, f"{numbers[row, column]:.0f}", ha="center", va="center", fontsize=10)
""")

md(r"""
Channels 1 and 2 of the output are the input channels at half the resolution; the new channels 0 and 3 contain only zeros.

Options B and C use a 1×1 convolution instead. One function chooses the layer that carries $x$ around a block, or `None` where $x$ can be added as it is.
""")

synced("# %load -s make_shortcut ../architectures/resnet/resnet.py")

# ------------------------------------------------------------------------------------------------------------- block

md(r"""
## The block

The block of the CIFAR networks (Fig. 5, left) consists of two 3×3 convolutions, each followed by **batch normalisation** (BN). From every channel batch norm subtracts the mean and divides by the standard deviation, both taken over all images of the batch and all positions. Then it applies a learned scale and shift for each channel. At evaluation time (`model.eval()`) it uses running averages from the training instead. The convolutions have no bias, because batch norm would subtract it again at once. The last ReLU comes *after* the addition.

Most blocks keep the shape and add $x$ itself; the first block of a stage halves the resolution and needs a shortcut of option A, B or C:
""")

code(r"""
boxes = {
    "keep": ("16 → 16 channels", 0, -0.8, "note"), "halve": ("16 → 32 channels, stride 2", 3, -0.8, "note"),
    "a0": ("x: 16 × 32 × 32", 0, 0, "data"),       "b0": ("x: 16 × 32 × 32", 3, 0, "data"),
    "a1": ("conv 3×3, BN, ReLU", 0, 1),            "b1": ("conv 3×3, stride 2,\nBN, ReLU", 3, 1),
    "a2": ("conv 3×3, BN", 0, 2),                  "b2": ("conv 3×3, BN", 3, 2),
    "a+": ("+", 0, 3, "sum"),                      "b+": ("+", 3, 3, "sum"),
    "a3": ("ReLU", 0, 4),                          "b3": ("ReLU", 3, 4),
    "a4": ("16 × 32 × 32", 0, 5, "data"),          "b4": ("32 × 16 × 16", 3, 5, "data"),
    "A": ("option A: every second pixel,\n16 channels of zeros", 5.6, 1.4),
}
arrows = [(f"{block}{i}", f"{block}{i + 1}") for block in "ab" for i in (0, 1, 3)]
arrows += [("a2", "a+", "F(x)"), ("a+", "a3"), ("a0", "a+", "x", 1)]
arrows += [("b2", "b+", "F(x)"), ("b+", "b3"), ("b0", "A"), ("A", "b+")]
draw_flow(boxes, arrows, "A block that keeps the shape, and one that changes it")
""")

md(r"""
With `shortcut=None` the same class builds the paper's plain baseline. Nothing else differs in the later comparison.
""")

synced("# %load -s BasicBlock ../architectures/resnet/resnet.py")

md(r"""
We check three things. The output has the right shape. A block with 16 channels has $2 \cdot (3 \cdot 3 \cdot 16 \cdot 16) = 4608$ weights in its convolutions and $2 \cdot 2 \cdot 16 = 64$ parameters in its batch norms. A shortcut of option A adds no parameter.
""")

same(20)

md(r"""
Option A costs no more than the plain block, option B pays only where the shape changes, and option C pays in every block.
""")

# ----------------------------------------------------------------------------------------------------------- network

md(r"""
## The whole network

The rest is repetition. A first convolution (the *stem*) is followed by stages of blocks, by a *global average pool* over all remaining pixels, and by one linear layer. Every stage but the first halves the resolution and doubles the number of channels. So each convolution needs about as many multiplications as before: a quarter of the pixels, but twice the input and twice the output channels. The weights start from *He initialisation* with `mode="fan_out"`, which chooses their standard deviation so that the *gradient* keeps about the same variance on its way back through each convolution and its ReLU.
""")

synced("# %load -s ResNet,init_weights ../architectures/resnet/resnet.py")

md(r"""
For CIFAR-10 (section 4.2) the paper uses option A, so that a residual network has exactly as many parameters as its plain counterpart. The stem is one 3×3 convolution. Three stages have 16, 32 and 64 channels and $n$ blocks each. With two convolutions in each block, the stem and the linear layer, that makes $6n + 2$ layers.
""")

synced("# %load -s cifar_resnet ../architectures/resnet/resnet.py")

md(r"""
We send a random image through ResNet-20 and draw the output of each part. The face of a box shows the resolution, its thickness the number of channels:
""")

code(r"""
model = cifar_resnet(20)
parts = {"conv1": "stem", "layer1": "stage 1", "layer2": "stage 2", "layer3": "stage 3"}
parts |= {"avgpool": "global\naverage pool", "fc": "linear"}
draw_network(model, torch.randn(1, 3, 32, 32), parts, "ResNet-20: three blocks in each stage")
""")

md(r"""
The network trades resolution for channels. The table shows where the parameters are:
""")

same(28, ('model = cifar_resnet(20)\nx = torch.randn', 'x = torch.randn'))

md(r"""
Three quarters of the parameters are in the last stage, where the image has shrunk to 8×8.

Does the size agree with the paper's Table 6? A block of $c$ channels has $2 \cdot 9c^2$ weights and $4c$ parameters of batch norm: 4,672, 18,560 and 73,984 for 16, 32 and 64 channels, or 97,216 together. The first blocks of stages 2 and 3 read half as many channels, which saves 23,040. The stem has 464 parameters and the linear layer 650, so the sum is $97{,}216\,n - 21{,}926$.
""")

same(
    26,
    ("    assert abs(count / 1e6 - millions) < 0.05 * millions", "    assert round(count / 1e6, 2 if depth < 100 else 1) == millions"),
)

md(r"""
Rounded as in the paper, the counts agree at every depth, for residual and plain networks alike.
""")

md(r"""
## Does it learn at all?

A healthy classifier passes two checks. Before training it should guess, with a loss near that of ten equally likely classes, $\ln 10 = 2.30$. And it should overfit one batch: after some steps on the same 32 images the loss must be close to zero.
""")

same(37, ('"an untrained net should know nothing"', '"an untrained network should only guess"'), ('"one batch was not learnt: something is broken"', '"the network cannot overfit one batch: something is broken"'))

md(r"""
The loss starts above 2.30 and falls almost to zero, and every parameter receives a gradient.
""")

# ---------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

You have just seen the heart of every PyTorch training loop at work on one batch:

```python
for images, labels in loader:
    loss = F.cross_entropy(model(images), labels)  # forward pass
    optimizer.zero_grad()                          # forget the old gradients
    loss.backward()                                # backward pass: new gradients
    optimizer.step()                               # change the weights
    scheduler.step()                               # change the learning rate
```

The loop that we really use stands below: these lines with some bookkeeping. `autocast` runs the forward pass in a fast precision, and the `scaler` keeps small gradients from being rounded to zero in float16. The training loss and accuracy are averaged during the epoch, while the weights are still being updated; `evaluate` measures a network without changing it. `fit`, in `utils/training.py`, calls these functions once per epoch and adds printing and checkpoints.
""")

synced("# %load -s classification,train_one_epoch,take_step,evaluate ../utils/training.py")

md(r"""
All hyperparameters are in one place. The paper trains for 64,000 iterations with a learning rate of 0.1, which it divides by 10 after 32,000 and after 48,000 iterations. Scale `paper` does the same: 182 epochs of 352 batches are 64,064 iterations.

Scale `cpu` has less time. It uses a *one-cycle* schedule: the learning rate rises for a fifth of the training and then falls to zero along a cosine. Each step continues partly in the direction of the steps before it (Nesterov *momentum* of 0.9), and pulls all weights a little towards zero (*weight decay*, five times as strong as the paper's). We hardly tuned these values.

The second table is for the experiments further down, which need several networks and therefore shorter trainings. They are about the training error, on which weight decay acts, too, so it is the paper's 1e-4.
""")

code(r"""
KNOBS = {  # of the main run: ResNet-20
    "quick": dict(epochs=4, batch_size=32, lr=0.03, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "cpu": dict(epochs=40, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "gpu": dict(epochs=60, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "paper": dict(epochs=182, batch_size=128, lr=0.1, weight_decay=1e-4, schedule="steps", seeds=(0, 1)),
}
EXPERIMENTS = {  # of those after it; slow_lr: the learning rate of the controls
    "quick": dict(epochs=1, lr=0.03, slow_lr=0.006, weight_decay=1e-4, depths=(8, 14)),
    "cpu": dict(epochs=8, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),
    "gpu": dict(epochs=12, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),
    "paper": dict(epochs=30, lr=0.1, slow_lr=0.02, weight_decay=1e-4, depths=(20, 56)),
}
DEGRADATION = 1.0  # the deeper network's training error must be higher by more than this (percentage points)
knobs, experiments = KNOBS[scale], EXPERIMENTS[scale]
print(f"scale {scale}: " + ", ".join(f"{key} {value}" for key, value in knobs.items()))
""")

md(r"""
`train` puts the pieces together. `fit` says how long it will take and writes a checkpoint after each epoch.

An interrupt stops only the current training, and the cells below work with what there is. If you run the cell again, the training goes on from its last finished epoch. A finished training of the same model, data, hyperparameters and seed is returned instead of run again.
""")

same(
    43,
    ('    """One cycle over `steps`, or the paper\'s: lr / 10 after 32,000 and 48,000 of 64,064, and in the first `warmup`."""',
     '    """One cycle over `steps`, or the paper\'s steps: lr / 10 after 32,000 of 64,064, lr / 100 after 48,000.\n\n    For ResNet-110 alone the paper\'s schedule begins with lr / 10, for about 400 steps: its `warmup` (section 4.2).\n    """'),
    ("seed=SEED, split=\"val\", warmup=0, lines=10):", "seed=SEED,\n          weight_decay=knobs[\"weight_decay\"], split=\"val\", warmup=0, lines=2, precision=None):"),
    ("checkpoint=checkpoint, lines=lines,", "checkpoint=checkpoint, lines=lines, precision=precision,"),
    ("nesterov=nesterov, weight_decay=knobs[\"weight_decay\"]", "nesterov=nesterov, weight_decay=weight_decay"),
    ("# compiling takes a minute, and makes the steps about 1.25 times as fast", "# it takes a minute, which a short training does not earn back"),
)

md(r"""
We draw the learning rate of the main run:
""")

code(r"""
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], knobs["lr"])
scheduler = make_schedule(optimizer, knobs["lr"], steps=1000, warmup=0)
rates = []
for _ in range(1000):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
epochs = [knobs["epochs"] * i / 1000 for i in range(1000)]
title = f"Learning-rate schedule at scale {scale}: {knobs['schedule']}"
plot_curves({"": {"learning rate": (epochs, rates)}}, "epoch", "learning rate", title, log=knobs["schedule"] == "steps")
""")

md(r"""
A high rate moves the weights quickly but keeps them jumping around a minimum. As the rate falls, they settle.
""")

code(r"""
trained = []
for seed in knobs["seeds"]:
    print(f"ResNet-20, seed {seed}")
    trained.append(train(lambda: cifar_resnet(20), f"ResNet/resnet20-seed{seed}", seed=seed))
model, run = trained[0]
""")

md(r"""
## Results
""")

same(
    46,
    ('plot_histories({"ResNet-20": run}, data.name)', """plot_histories({"ResNet-20": run}, data.name)
val = [100 * accuracy for accuracy in run.history["val_accuracy"]]
drop = max([0, *(before - after for before, after in zip(val, val[1:]))])
gain = val[-1] - val[-11:][0]
print(f"validation accuracy: largest drop between two epochs {drop:.1f} points, gain in the last ten {gain:.1f} points")"""),
)

md(r"""
Solid lines show the validation set after each epoch, dashed lines the augmented training images, averaged during the epoch. Compare how strongly the solid line jumps while the learning rate is high and when it falls. Until epoch 30 the validation accuracy drops by up to 6.4 points from one epoch to the next. In the last ten epochs, while the rate falls to zero, it gains 8.9 points. At the end the network classifies 95.56 % of the augmented training images correctly and 91.30 % of the validation images. The difference between training and validation accuracy is the *generalisation gap*.

Now we use the test set for the first time. `report` puts our number beside the paper's and beside akamaster's, from a training on all 50,000 images. akamaster's script records the best accuracy of all epochs; whether 8.27 % is the best or the last error, the README does not say. We also measure the training error as we measure the test error: in evaluation mode, without augmentation.
""")

same(
    48,
    ("""print(f"{data.name}, test: loss {test_loss:.3f}, accuracy {100 * test_accuracy:.2f} %")
""",
     '''print(f"{data.name}, test: loss {test_loss:.3f}, accuracy {100 * test_accuracy:.2f} %")

def training_error(net):
    """Error (%) on the training images as they are: in evaluation mode, not augmented."""
    return 100 * (1 - evaluate(net, ImageLoader(data, "train", 500, device), device)["accuracy"])

print(f"error on the training images, not augmented: {training_error(model):.2f} %")
'''),
)

md(r"""
**ResNet-20 reaches 9.17 % test error after 40 epochs, where the paper reports 8.75 % after more than four times as many.** That is 0.42 points worse. On the training images it makes 3.58 % errors, so the gap between training and test error is 5.59 points. This is one run (n = 1); the paper's five runs of ResNet-110 have a standard deviation of 0.16 points. Our schedule is another one, so the number does not test the paper's recipe.
""")

# ------------------------------------------------------------------------------------------------------- degradation

md(r"""
## The claim, tested: degradation

Now we test the claim that started the paper, as in its Figure 6, with plain and residual networks of 20 and of 56 layers, all trained alike.

Look at the *training* error first. If the deep plain network ends above the shallow one, depth has made the training itself harder, and overfitting cannot be the cause. If the deep residual network does not, the shortcuts have solved the problem for this length of training, because nothing else differs. We train each network once and do not know the spread between random seeds. So we speak of degradation only if the errors differ by more than one percentage point.

### In which precision?

Rounding errors must not look like degradation, and the fast format bfloat16 keeps only two or three decimal digits of every number. Is that enough for all four networks? From the initial weights and the first 32 training images we compute the first gradient of each network in bfloat16 and in float32. We compare both with float64, which is almost exact. The *cosine* of two gradients is 1 if they point in the same direction, and near 0 if they have nothing in common.
""")

code(r'''
KINDS = {"plain": None, "ResNet": "A"}  # the shortcut of each
names = [f"{kind}-{depth}" for depth in experiments["depths"] for kind in KINDS]
images, labels = next(iter(ImageLoader(data, "train", 32, "cpu")))  # not every GPU has float64

def build_for(name):
    kind, depth = name.split("-")  # of "plain-56", for example
    return partial(cifar_resnet, int(depth), shortcut=KINDS[kind])

def first_gradient(name, dtype):
    """The gradients of all parameters of the untrained network, as one vector."""
    set_seed(SEED)
    stored = torch.float64 if dtype == torch.float64 else torch.float32  # under autocast the weights stay in float32
    net = build_for(name)().to(stored)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss = F.cross_entropy(net(images.to(stored)), labels)
    return torch.cat([gradient.flatten().double() for gradient in torch.autograd.grad(loss, list(net.parameters()))])

print("cosine of the first gradient with that in float64")
for name in names:
    exact, single, half = (first_gradient(name, dtype) for dtype in (torch.float64, torch.float32, torch.bfloat16))
    single, half = (F.cosine_similarity(exact, other, dim=0).item() for other in (single, half))
    print(f"{name:10} float32 {single:7.4f}   bfloat16 {half:5.2f}")
''')

md(r"""
**In bfloat16 the first gradient of plain-56 would be mostly rounding error.** TODO-NUMBERS So we train all networks of this experiment in float32, although it takes longer. We do not know how much rounding errors matter later in the training. The main run keeps bfloat16, which hardly changes the first gradient of ResNet-20.
<!-- TODO-NUMBERS, from the printed lines: "Its cosine with the exact gradient is …; that of plain-20 is …, and those of the residual networks are at least …. In float32 plain-56 has …, the others at least …." On a machine with bfloat16, one thread (seed 0): float32 plain-56 0.9096, the others 0.9999 and more; bfloat16 plain-20 0.76, ResNet-20 0.99, plain-56 -0.01, ResNet-56 0.97. plain-56 amplifies the rounding error so much that another number of threads changes its cosines (two: 0.9654 and -0.18). Other seeds (1, 2) and batches (64, 128): float32 0.85 to 0.92, bfloat16 between -0.02 and 0.05 (128 images: -0.07, with float32 as the reference). If the stored line says otherwise, change the bold sentence. If the main run was not made in bfloat16 (its note in "Results" says), delete the sentence on it. -->

In the next plot the training error is averaged during the epoch, on augmented images, so it can lie above the test error. For the verdict we measure all training images at the end, without augmentation.
""")

code(r"""
settings = {key: experiments[key] for key in ("epochs", "weight_decay")}
train_short = partial(train, **settings, split="test", lines=2, precision="float32")

nets, runs = {}, {}
for name in names:
    print(name)
    nets[name], runs[name] = train_short(build_for(name), f"ResNet/{name}", lr=experiments["lr"])
""")

same(
    52,
    ("for name, short_run in runs.items():\n", "for name in nets:\n"),
    ('errors(short_run, split)', 'errors(runs[name], split)'),
)

md(r"""
The left plot compares the two plain networks, in training (dashed) and in test (solid). The right plot compares the same layers with shortcuts. TODO-NUMBERS
<!-- TODO-NUMBERS: what to see, from the plot and the printed epochs 1, 4 and 8. If it is so: "**At this learning rate depth hurts the plain networks but not the residual ones.** On the left, the network with 56 layers lies above the one with 20 from the first epoch to the last. On the right, the two end level / the deep network ends below the shallow one." -->
""")

code(r"""
shallow, deep = experiments["depths"]
fitted = {name: training_error(net) for name, net in nets.items()}
tested = {name: errors(runs[name], "test")[-1] for name in nets}
for name in nets:
    print(f"{name:10} training error {fitted[name]:5.2f} %   test error {tested[name]:5.2f} %")

def compare(deeper, shallower):
    more = fitted[deeper] - fitted[shallower]
    verdict = "degradation" if more > DEGRADATION else "depth helps" if more < -DEGRADATION else "about equal"
    if scale == "quick" or not all(run.finished for run in runs.values()):
        verdict = "too short to judge"
    print(f"{deeper} minus {shallower}: {more:+.2f} points of training error: {verdict}")

for kind in KINDS:
    compare(f"{kind}-{deep}", f"{kind}-{shallow}")
""")

md(r"""
After 8 epochs the plain network with 56 layers has a training error of TODO-NUMBERS %, the one with 20 layers TODO-NUMBERS %. With shortcuts 56 layers reach TODO-NUMBERS % and 20 layers TODO-NUMBERS %. TODO-NUMBERS Each network was trained once (n = 1).
<!-- TODO-NUMBERS: training errors of plain-56, plain-20, ResNet-56, ResNet-20 from the printed lines above; then the two differences and what is printed of them, for example "That is … points more for the plain pair, which is degradation and cannot be overfitting, and … points less for the residual pair, which is none." "about equal" (within one point) is written as such, with the difference. Then whether the test errors have the same order. The title cell says the same. -->

### Is it the learning rate?

The peak rate of 0.1 may simply be too large for 56 plain layers. So we train both plain networks once more at 0.02, from the same initial weights, with everything else unchanged. We compare the two depths at 0.02, and each depth at its better rate. If plain-56 now ends within one point of plain-20 both times, the learning rate is enough to explain what we saw. If it stays more than a point above both times, these two rates do not explain it. If the gap closes at 0.02 alone, that rate is worse for plain-20, and the better rates decide.
""")

code(r"""
slow = {depth: f"plain-{depth}, rate {experiments['slow_lr']}" for depth in (shallow, deep)}
controls = {}
for depth, name in slow.items():
    print(name)
    controls[name], runs[name] = train_short(
        build_for(f"plain-{depth}"), f"ResNet/plain-{depth}-slow", lr=experiments["slow_lr"]
    )
""")

code(r"""
for name, net in controls.items():
    fitted[name], tested[name] = training_error(net), errors(runs[name], "test")[-1]
    print(f"{name}: training error {fitted[name]:.2f} %, test error {tested[name]:.2f} %")
compare(slow[deep], slow[shallow])
print("each depth at its better rate:")
compare(*(min(f"plain-{depth}", slow[depth], key=fitted.get) for depth in (deep, shallow)))
sessions = [session for one in [trained[0][1], *runs.values()] for session in one.sessions]
print("threads of each training:", sorted({session["threads"] for session in sessions}))

curves = {name: errors(runs[name], "train") for depth in slow for name in (f"plain-{depth}", slow[depth])}
plot_curves({"": curves}, "epoch", "training error (%)", f"The plain networks at two learning rates, {data.name}")
rows = [dict(what=f"{name}: {split}", paper=None, reproduction=None, runs=[(values[name], runs[name])])
        for split, values in (("training", fitted), ("test", tested)) for name in runs]
report("ResNet", "error (%)", data.name, split_name, None, rows, table="degradation")
""")

md(r"""
The dashed lines are the trainings at the lower rate. TODO-NUMBERS
<!-- TODO-NUMBERS, from the lines printed above, n = 1 each. Compare equal rates, then the better ones. If plain-56 was more than a point above plain-20 at 0.1, one of these:
(a) more than a point above at 0.02 and at the better rates: "**These two learning rates do not explain the degradation.** At 0.02 plain-56 ends at … % and plain-20 at … %, … points apart; at 0.1 it was … points. With each depth at its better rate (… and …) it is … points." (Other rates were not tried.) Add whether the lower rate helps plain-56.
(b) within one point both times: "**At the better rates the degradation is gone.** At 0.02 plain-56 ends at … % and plain-20 at … %; with each depth at its better rate the difference is … points. So what we saw at 0.1 was a learning rate too large for 56 plain layers. ResNet-56 trains well at 0.1: here the shortcuts let a deep network bear a larger rate."
(c) within one point (or below) at 0.02, more than a point above at the better rates: "**A lower rate closes the gap, but only where it makes plain-20 worse.** At 0.02 the two end at … % and … %, but plain-20 reaches … % at 0.1, … points less than the best plain-56."
(d) more than a point below plain-20 both times: as (b), with "56 plain layers then fit the training set better than 20". Below once and within one point once: as (b).
In cases (b) and (d) change the first sentence of the title cell, the bold sentence under the plot of the four networks and the end of "Why?" accordingly, and README.md's row "Degradation". If plain-56 at 0.1 was not more than a point above plain-20, say only whether the lower rate changes that. -->

Our trainings are too short to say whether the deep plain network would catch up. On ImageNet the authors trained three times as long and still observed degradation (section 4.1).

### Does more depth lower the error?

These test errors are the paper's (Table 6) and akamaster's, not ours. At scale `paper` you can train the networks to the end yourself, with `train(build_for("ResNet-56"), "ResNet/ResNet-56-full", split="test")`; ResNet-110 also needs `warmup=400`.

| layers | paper (%) | akamaster (%) |
|---|---|---|
| 20 | 8.75 | 8.27 |
| 32 | 7.51 | 7.37 |
| 44 | 7.17 | 6.90 |
| 56 | 6.97 | 6.61 |
| 110 | 6.43 (best of five) | 6.32 |
| 1202 | 7.93 | 6.18 |

**In both, every step in depth up to 110 layers lowers the error of a residual network.** With 1202 layers it rises again in the paper, which the authors put down to overfitting; in akamaster's it falls further. All of akamaster's numbers share the caveat about 8.27 %.
""")

# --------------------------------------------------------------------------------------------------------- gradients

md(r"""
## Why? Do the gradients vanish?

The usual suspect is the **vanishing gradient**: on its way back through many layers a gradient can shrink until the first layers receive almost none. **Exploding gradients** are the opposite: they grow from layer to layer, until a step that suits the last layers is far too large for the first ones. The paper argues that vanishing gradients are unlikely to be the reason for degradation (section 4.1). In its plain ImageNet networks with 18 and 34 layers and batch norm, the gradients "exhibit healthy norms".

In 56 layers on CIFAR-10 we measure two things at every block, for one batch of training images: the *variance of its output* and the *norm of the gradient at its output*. We do so before training, with batch norm and also without, and after training, in plain-56 and ResNet-56 of the last section.

We measure with *forward hooks*, which PyTorch calls after a module has run, with its inputs and its output.
""")

same(58, ("# two numbers a channel: 7 layers", "# two numbers per channel: 7 layers"))

code(r"""
images, labels = next(iter(ImageLoader(data, "train", 128, device)))
variance = {"before training": {}, "after training": {}}
gradient = {"before training": {}, "after training": {}}

def record(when, label, net):
    variance[when][label], gradient[when][label] = signals(net, images, labels)

for kind, shortcut in KINDS.items():
    set_seed(SEED)
    untrained = cifar_resnet(deep, shortcut=shortcut).to(device)  # as it was before its training
    record("before training", f"{kind}, with batch norm", untrained)
    record("before training", f"{kind}, without batch norm", without_batch_norm(untrained))
    trained_copy = copy.deepcopy(nets[f"{kind}-{deep}"])  # training mode changes the running averages
    record("after training", f"{kind}, with batch norm", trained_copy)
""")

same(60, ("experiments['signal_depth']", "deep"), RANGES)

md(r"""
**Batch norm keeps the signal level; without it the signal explodes or dies.** Before training, on the left, batch norm keeps the variance of the plain network near 0.4 (the ReLU of a standard normal variable has a variance of $1/2 - 1/(2\pi) = 0.34$). In the residual network it grows slowly, because every block adds something. Without batch norm every block of the residual network adds about as much as it receives, so the variance nearly doubles from block to block, up to $10^{7}$. In the plain network without batch norm it falls to $10^{-5}$. Our initialisation is computed for the way back. Going forward, a convolution that doubles the channels halves the variance, zero padding takes a little at every border, and over 54 layers such factors multiply.

On the right you see the two networks after training. TODO-NUMBERS
<!-- TODO-NUMBERS: check the values before training against the printed lines (check_frozen.py printed 0.35 and 0.45, 0.18 and 8.1e-06, 0.74 and 7.0, 0.41 and 1.0e+07 on this machine). After training, from the min and max in the printed lines: "In both the variance stays between … and …, within a factor of …" or what else is there. -->

A formula tells us what to expect of the gradients. If all blocks kept the shape and no ReLU followed the addition, each would compute $x_{l+1} = x_l + F_l(x_l)$, and a deep network would be a sum (He et al. 2016):

$$x_L = x_l + \sum_{i=l}^{L-1} F_i(x_i)$$

The chain rule gives the gradient of the loss $\mathcal{L}$ at block $l$:

$$\frac{\partial \mathcal{L}}{\partial x_l} = \frac{\partial \mathcal{L}}{\partial x_L} \left(1 + \frac{\partial}{\partial x_l} \sum_{i=l}^{L-1} F_i(x_i)\right)$$

**The 1 is the gradient that comes back along the shortcuts, and it reaches every block undiminished.** It is lost only where the rest happens to cancel it. In a plain network the gradient is a product with one factor per layer, which easily shrinks or grows exponentially. In our networks the ReLU after the addition blocks the 1 where the sum is negative, so the formula holds only roughly.
""")

same(62, ("experiments['signal_depth']", "deep"), ("label, norms in", "label, values in"), ("norms[", "values["), RANGES)

md(r"""
**Before training the gradients of the plain network with batch norm do not vanish, they explode:** they grow from 0.006 in the last block to 36 in the first, 6,000-fold. This is what the [mean-field theory of batch norm](https://arxiv.org/abs/1902.08129) (Yang et al. 2019) derives for wide, fully connected networks with batch norm and without skip connections. Its authors also observe that after a single step of optimisation the gradients differ far less. With shortcuts and batch norm the norm grows only 17-fold. Shortcuts alone do not prevent the explosion: without batch norm the gradients of the residual network grow 3,400-fold, because there the derivative of the sum over the $F_i$ is large. Only the plain network without batch norm has vanishing gradients: they shrink 11-fold on the way back.

After training, on the right, compare the slopes of the lines and not their heights, which depend on the loss. TODO-NUMBERS

Two moments of one seed and one batch do not show why a network trains badly. The authors conjecture that deep plain networks converge exponentially slowly.
<!-- TODO-NUMBERS: check the numbers before training against the printed lines (on this machine 36 / 0.0061; residual 0.12 / 0.0069 with batch norm, 29 / 0.0086 without; plain without batch norm 5.3e-04 / 6.0e-03). After training, from the printed lines (with their smallest and largest value), "vanish" and "explode" meaning a factor of more than ten between the first and the last block:
(a) neither: "**After training the explosion is gone:** the plain network's norms run from … in the last block to … in the first, those of the residual one from … to …. So we saw no vanishing gradients in the plain network with batch norm, neither before nor after training."
(b) the plain network still explodes: "**The gradients of the plain network still explode after training**, …-fold. We saw no vanishing gradients in it, but no healthy ones either."
(c) the plain network vanishes: "**After training the gradients of the plain network vanish:** the first block receives … times less than the last. The paper reports healthy norms, for 18 and 34 layers on ImageNet."
If the better rates removed the degradation, add one sentence: exploding gradients before training would fit that a rate of 0.1 is too large for the first steps; this is a guess. -->
""")

# --------------------------------------------------------------------------------------------------------- shortcuts

md(r"""
## Which shortcut? A, B or C

Option A has no parameters, so why would anybody pay for B or C? The paper compares the three on ImageNet:

| the paper's Table 3, ImageNet validation, 10-crop | top-1 error (%) |
|---|---|
| plain-34 | 28.54 |
| ResNet-34, option A | 25.03 |
| ResNet-34, option B | 24.52 |
| ResNet-34, option C | 24.19 |

Any shortcut is far better than none; the choice moves the error by less than a point. The authors conclude that projections are not essential against degradation, and use option A for CIFAR-10. We count what the options cost there, on the `meta` device, where tensors have shapes but no contents.
""")

code(r'''
def count_macs(net, size):
    """Multiply-adds of convolutions and linear layers for one image of size × size; net is on the meta device."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() // 2

for option in "ABC":
    with torch.device("meta"):
        net = cifar_resnet(20, shortcut=option)
    print(f"option {option}: {count_parameters(net):,} parameters, {count_macs(net, 32):,} multiply-adds per image")
''')

md(r"""
**For ResNet-20 they cost almost nothing:** even option C needs only 5 % more parameters and multiply-adds than option A. Whether B or C *helps* can only be told from several seeds and from curves that have flattened (exercise 4).
""")

# --------------------------------------------------------------------------------------------------------- responses

md(r"""
## Do residual blocks make small changes?

If a block only has to learn what to change, its output should be small. The paper's Figure 7 shows the standard deviation of every 3×3 layer's output (its *response*), after batch norm and before the addition and the ReLU. ResNets have generally smaller responses there than plain networks, and the deeper ResNets smaller ones still. We measure our four networks:
""")

code(r'''
@torch.no_grad()
def responses(net, images):
    """The standard deviation of each 3×3 layer's output, after batch norm, on `images`."""
    found = []
    norms = [net.bn1, *(norm for block in blocks_of(net) for norm in (block.bn1, block.bn2))]
    hooks = [norm.register_forward_hook(lambda norm, inputs, out: found.append(out.std().item())) for norm in norms]
    net.eval()(images)
    for hook in hooks:
        hook.remove()
    return found

batches = list(islice(ImageLoader(data, "val", 500, device), 2))  # 1,000 images, for this and what follows
by_size = {}
for name, net in nets.items():
    values, (kind, depth) = responses(net, batches[0][0]), name.split("-")
    place = [(i + 1) / len(values) for i in range(len(values))]  # so that networks of two depths can be compared
    by_size[f"{depth} layers, {kind}"] = place, sorted(values, reverse=True)
    second = values[2::2]  # of each block; the first value is the stem's
    print(f"{name:10} mean {sum(values) / len(values):.2f}   second layers {sum(second) / len(second):.2f}",
          f"  smallest {min(values):.2f}   largest {max(values):.2f}")
plot_curves({"responses, sorted by size": by_size}, "layer / number of layers", "standard deviation", data.name)
''')

md(r"""
Each line shows the responses of one network, sorted by size. TODO-NUMBERS A response that another batch norm follows can be scaled at will. So only the second layer of a residual block, whose output is added to $x$, tells us something. And weight decay shrinks the scales in all networks.
<!-- TODO-NUMBERS: the four means printed above, over all layers and over the second layers, n = 1; if the two orders differ, trust the second layers and say so. If it is so: "**The order is the paper's: ResNet-56 has the smallest responses on average (…), then ResNet-20 (…), then the plain networks (… and …).**" If all four lie within a tenth: "the four are hardly different". (The first edition's values had a weight decay of 5e-4 and say nothing about these.) -->

So we ask how large $\lVert F(x) \rVert$ is relative to what the shortcut carries. This does not change if all scales shrink alike. But it falls with depth within each stage even in an untrained network: batch norm gives every $F$ the same size at the start, while $x$ grows with each addition ([De & Smith 2020](https://arxiv.org/abs/2002.10444)). Only if training makes it smaller still have the blocks learned to make small changes:
""")

same(
    71,
    ("def shares(net, images)", "def relative_sizes(net, images)"),
    ("shares(net, batches[0][0])", "relative_sizes(net, batches[0][0][:200])"),
    ("shares(cifar_resnet(deep).to(device), batches[0][0])", "relative_sizes(cifar_resnet(deep).to(device), batches[0][0][:200])"),
    ("""residual = {f"ResNet-{deep}": nets[f"ResNet-{deep}"], f"ResNet-{shallow}": nets[f"ResNet-{shallow}"], long_name: model}""",
     """residual = {f"ResNet-{depth}": nets[f"ResNet-{depth}"] for depth in (shallow, deep)} | {long_name: model}"""),
    ("""plot_curves({"what a block adds, relative to what its shortcut carries": relative}, "block", "‖F(x)‖ / ‖shortcut(x)‖")""", ""),
)

code(r"""
def by_position(values):
    return [(i + 1) / len(values) for i in range(len(values))], values

for name, values in relative.items():
    n = len(values) // 3
    medians = [sorted(values[i : i + n])[n // 2] for i in (0, n, 2 * n)]
    print(f"{name:25}  median of each stage: " + "  ".join(f"{value:.2f}" for value in medians))
panels = {"added by a block / carried by its shortcut": {name: by_position(v) for name, v in relative.items()}}
plot_curves(panels, "block / number of blocks", "‖F(x)‖ / ‖shortcut(x)‖", data.name)
""")

md(r"""
Compare ResNet-56 before (dashed) and after training. The stages end at 1/3 and 2/3. The first blocks of stages 2 and 3 have larger ratios for another reason: their shortcuts keep only a quarter of the pixels. TODO-NUMBERS
<!-- TODO-NUMBERS: finding from the printed medians and this plot, stage by stage; see in the plot that the sentence on the first blocks is right. If it is so (it was after 6 epochs): "**In the first two stages of ResNet-56 the blocks learn to make small changes; in the last stage they do not.** There the relative size of F(x) is as large as before training or larger: these blocks rewrite their input. ResNet-20, with fewer blocks for the same task, makes larger changes in … of the three stages." -->

## Dropping a block

If a block only refines what the shortcut carries, a network should still work without it. Veit et al. (2016) see a residual network as a collection of paths. At each block the signal goes through the layers or around them, so two blocks give four paths:
""")

code(r"""
boxes = {
    "x": ("x", 1.5, 0, "data"), "0": ("no block", 0, 1.5, "data"), "1": ("block 1", 1, 1), "2": ("block 2", 2, 2),
    "12": ("block 1", 3, 1), "21": ("block 2", 3, 2), "+": ("+", 1.5, 3), "y": ("output", 1.5, 4, "data"),
}
arrows = [("x", "0"), ("x", "1"), ("x", "2"), ("x", "12"), ("12", "21")]
arrows += [("0", "+"), ("1", "+"), ("2", "+"), ("21", "+"), ("+", "y")]
draw_flow(boxes, arrows, "Two residual blocks, unrolled: four paths")
""")

md(r"""
With $n$ blocks there are $2^n$ paths, and if we remove one block, half of them remain. A plain network has a single path. (The drawing is no equation: block 2 works on the sum of what reaches it.)

We remove one block at a time from trained networks, so that only its shortcut remains, and measure the accuracy on 1,000 validation images. A removal also shifts the inputs of the later batch norms away from their running averages, so we repeat the test of ResNet-56 with the statistics of each batch. (In a plain network a block that changes the shape cannot be dropped; it shows as a gap.)
""")

same(
    73,
    ("""    return 100 * accuracy

share = {}
plain =""", """    return 100 * accuracy

def with_batch_statistics(net):
    net = copy.deepcopy(net)
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean = norm.running_var = None  # torch then takes those of the batch, in eval mode, too
    return net

print(f"{'':27}  {'whole':>6}  {'one block dropped: mean':>23}  {'kept':>5}  {'worst':>6}  cost < 5 points")
share = {}
adapted = {f"ResNet-{deep}, batch statistics": with_batch_statistics(nets[f"ResNet-{deep}"])}
plain ="""),
    ("for name, net in {**residual, **plain}.items():", "for name, net in {**residual, **adapted, **plain}.items():"),
    ("""    print(f"{name:26} whole {whole:.1f} %   one block dropped: mean {sum(known) / len(known):.1f} %, worst",
          f"{min(known):.1f} %; {harmless} of {len(known)} blocks cost less than 5 points")

kept = {name: sum(filter(None, values)) / sum(value is not None for value in values) for name, values in share.items()}
if scale != "quick" and all(run.finished for run in runs.values()):
    assert kept[f"ResNet-{deep}"] > kept[f"plain-{deep}"], "the residual net suffers as much as the plain one"
""",
     """    mean, worst = sum(known) / len(known), min(known)
    print(f"{name:27}  {whole:4.1f} %  {mean:21.1f} %  {100 * mean / whole:3.0f} %  {worst:4.1f} %",
          f" {harmless} of {len(known)} blocks")

"""),
    ("    share[name] = [None if accuracy is None else 100 * accuracy / whole for accuracy in without]\n", "    accuracies[name] = without\n"),
    ("share = {}", "accuracies = {}"),
    ("evaluate(net, batches, device, choose_precision(device)[0])", "evaluate(net, batches, device)"),
    ("for depth in (deep, shallow)}", "for depth in (shallow, deep)}"),
    ("""          f" {harmless} of {len(known)} blocks")

""", """          f" {harmless} of {len(known)} blocks")
    if name == f"ResNet-{deep}":
        expensive = [i for i, accuracy in enumerate(without, 1) if accuracy is not None and whole - accuracy >= 5]

print(f"blocks of ResNet-{deep} that cost 5 points or more: {expensive}")
panels = {"one block dropped": {name: by_position(values) for name, values in accuracies.items()}}
"""),
    ("""plot_curves({"one block dropped": share}, "dropped block", "accuracy kept (% of the whole net's)\"""", """plot_curves(panels, "dropped block / number of blocks", "accuracy (%)\""""),
)

md(r"""
The higher a line, the better a network still works without that block; guessing gives 10 %. TODO-NUMBERS Each network has one seed.
<!-- TODO-NUMBERS, from the printed lines. If it is so: "**ResNet-56 can lose almost any single block; a plain network cannot lose one.** The plain networks fall to … % and … % accuracy on average. ResNet-56 keeps … % of its accuracy, and … of its 27 blocks cost less than five points each; the expensive blocks are … (printed below the table; blocks 1, 10 and 19 are the first of each stage). ResNet-20 has fewer blocks, and each matters more. With the statistics of each batch ResNet-56 keeps … %, so the running averages explain a part / most / none of the damage." After 8 epochs plain-56 may be a weak network as a whole: name its accuracy beside what is left. -->
""")

# ------------------------------------------------------------------------------------------------------- look inside

md(r"""
## Look inside

### What the first layer looks for

Only the first layer sees colours, so its 16 filters can be drawn as images, each scaled to its own range.
""")

same(69)

md(r"""
A filter that is light on one side and dark on the other responds to edges; one of a single colour responds to blobs of that colour. In the lower row, the second filter (light above, dark below) and the sixth (dark on the left, light on the right) are edge detectors, and the fifth responds to green.

### What it gets wrong

In the confusion matrix each row is a true class, each column a prediction.
""")

same(76, ("answers = probabilities.argmax(1)", "predictions = probabilities.argmax(1)"), ("data.test.labels, answers, data.classes", "data.test.labels, predictions, data.classes"), ("% of each class\")", """% of each class")
if real:
    animals = torch.tensor([name in ("bird", "cat", "deer", "dog", "frog", "horse") for name in data.classes])
    labels, predicted = data.test.labels.cpu(), predictions.cpu()
    inside = (animals[predicted] == animals[labels])[predicted != labels].float().mean().item()
    print(f"{100 * inside:.0f} % of all mistakes stay within the animals or within the vehicles")"""))

md(r"""
If the wrong predictions were spread evenly over the other nine classes, 47 % would stay within the six animals or within the four vehicles. **Most mistakes, 83 %, stay within the animals or within the vehicles.** Cats are the hardest class: 80 % of them are recognised, and 9 % are taken for dogs. Between the two groups, airplanes and birds are confused most often, 3 % of each.
""")

same(78, ("test set, the surest mistakes: answer, then truth", "test set, the most confident mistakes: prediction, then label"))

md(r"""
**High confidence does not mean that the network is right.** Among its ten most confident mistakes, look for images whose label you would doubt yourself. The first one is plainly a frog, but its label says cat: CIFAR-10 has wrong labels.
""")

# ---------------------------------------------------------------------------------------------------------- ImageNet

md(r"""
## The ImageNet networks

The paper's ImageNet networks take images of 224×224 pixels, which their stem reduces to 56×56, and have four stages. From 50 layers on they use another block, because two 3×3 convolutions on 256 channels have more than a million weights.

The **bottleneck** (Fig. 5, right) makes depth cheap by doing the expensive work on few channels. A 1×1 convolution squeezes the 256 channels into 64, the 3×3 convolution works on those, and another 1×1 expands them to 256 again. That takes $256 \cdot 64 + 9 \cdot 64^2 + 64 \cdot 256 = 69{,}632$ weights, 17 times fewer.
""")

code(r"""
boxes = {
    "basic": ("basic block:\n1,179,648 weights", 0, -0.9, "note"),
    "neck": ("bottleneck:\n69,632 weights", 4, -0.9, "note"),
    "a0": ("x", 0, 0, "data"),           "b0": ("x", 4, 0, "data"),
    "a1": ("conv 3×3, BN, ReLU", 0, 1),  "b1": ("conv 1×1, BN, ReLU", 4, 1),
                                         "b2": ("conv 3×3, BN, ReLU", 4, 2),
    "a2": ("conv 3×3, BN", 0, 3),        "b3": ("conv 1×1, BN", 4, 3),
    "a+": ("+", 0, 4, "sum"),            "b+": ("+", 4, 4, "sum"),
    "a3": ("ReLU", 0, 5),                "b4": ("ReLU", 4, 5),
}
arrows = [("a0", "a1", "256 × 56 × 56"), ("a1", "a2", "256 × 56 × 56"), ("a2", "a+", "256 × 56 × 56"), ("a+", "a3")]
arrows += [("b0", "b1", "256 × 56 × 56"), ("b1", "b2", "64 × 56 × 56"), ("b2", "b3", "64 × 56 × 56")]
arrows += [("b3", "b+", "256 × 56 × 56"), ("b+", "b4"), ("a0", "a+", "x", 1.6), ("b0", "b+", "x", 1.6)]
draw_flow(boxes, arrows, "Two ways to work on 256 channels")
""")

synced("# %load -s Bottleneck ../architectures/resnet/resnet.py")

same(31, ("blocks = {\n", "compared = {\n"), ("in blocks.items()", "in compared.items()"), ("in blocks.values()", "in compared.values()"))

md(r"""
The bottleneck has even fewer weights than a basic block with 64 channels.

Next we compare the whole networks with the multiply-adds of Table 1. One detail matters: which convolution of a bottleneck halves the resolution? In the [authors' models](https://github.com/KaimingHe/deep-residual-networks) it is the first 1×1, which skips three quarters of the pixels. In torchvision it is the 3×3. We count both, and ResNet-50 with each kind of shortcut.
""")

code(r'''
TABLE_1 = {  # block, blocks in each stage, the paper's FLOPs in billions
    "ResNet-18": (BasicBlock, (2, 2, 2, 2), 1.8),
    "ResNet-34": (BasicBlock, (3, 4, 6, 3), 3.6),
    "ResNet-50": (Bottleneck, (3, 4, 6, 3), 3.8),
    "ResNet-101": (Bottleneck, (3, 4, 23, 3), 7.6),
    "ResNet-152": (Bottleneck, (3, 8, 36, 3), 11.3),
}
print(f"{'':10}  {'':>10}   billion multiply-adds")
print(f"{'':10}  {'parameters':>10}   {'Table 1':>7}  {'stride in 1×1':>13}  {'stride in 3×3':>13}")
for name, (block, layers, paper) in TABLE_1.items():
    with torch.device("meta"):
        ours, later = ResNet(block, layers, stride_in_1x1=True), ResNet(block, layers)
    macs, macs_later = count_macs(ours, 224) / 1e9, count_macs(later, 224) / 1e9
    print(f"{name:10}  {count_parameters(ours):>10,}   {paper:7}  {macs:13.3f}  {macs_later:13.3f}")
    assert abs(macs - paper) < 0.1 and count_parameters(ours) == count_parameters(later)

for option in "ABC":
    with torch.device("meta"):
        net = ResNet(Bottleneck, (3, 4, 6, 3), shortcut=option, stride_in_1x1=True)
    print(f"ResNet-50, option {option}: {count_parameters(net):,} parameters, {count_macs(net, 224) / 1e9:.3f} billion")
''')

md(r"""
With the stride in the first 1×1 all five networks are within 0.1 billion of Table 1; with torchvision's stride the three with bottlenecks need 0.23 billion more, for the same parameters. **In bottlenecks, option C is expensive:** a projection between two ends of 256 channels has 65,536 weights, almost as many as the rest of the block. ResNet-50 would have 40 million parameters instead of 26.

Sizes alone do not prove that the computation is right. So we load the weights of torchvision's ResNet-50 into ours, and both must give the same outputs. First we give every batch norm random values, because an untrained one changes almost nothing in evaluation mode, and a misplaced one would go unnoticed. The feature maps must have the sizes of Table 1: 112, 56, 28, 14 and 7.
""")

same(
    35,
    ("theirs, ours = ", """generator = torch.Generator().manual_seed(SEED)
theirs, ours = """),
    ("""ours.load_state_dict(theirs.state_dict())""", """for norm in theirs.modules():
    if isinstance(norm, nn.BatchNorm2d):
        for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            nn.init.uniform_(values, 0.5, 1.5, generator=generator)
ours.load_state_dict(theirs.state_dict())"""),
    ("x = pictures = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(SEED))", "x = images = torch.randn(1, 3, 224, 224, generator=generator)"),
    ("    difference = (ours(pictures) - theirs(pictures)).abs().max().item()", "    outputs, expected = ours(images), theirs(images)"),
    ("assert difference < 1e-4\n", "difference = (outputs - expected).abs().max().item() / expected.std().item()\nassert difference < 1e-4\n"),
    ("""print(f"largest difference between the 1,000 answers of torchvision's ResNet-50 and ours: {difference}")""",
     """print(f"1,000 outputs of torchvision's ResNet-50 and of ours: they differ by at most {difference:.1g} of their std")"""),
)

md(r"""
The outputs agree, so torchvision's weights give the same predictions in our network.
""")

# ------------------------------------------------------------------------------------------------------------ use it

md(r"""
## Use it

`save_weights` stores the weights with what a later user must know: classes, normalisation, test accuracy, and how they were made. We load the file into a new network, whose outputs must be equal to the last bit.
""")

same(81)

md(r"""
The repository keeps such a file, from another training than the one above, and the first test image of each class. The last line below is what the file says about its training:
""")

code(r'''
pretrained, about = resnet20_cifar10()
weights = root / "architectures" / "resnet" / "weights"

def classify(images):
    """uint8 images (N, 32, 32, 3) -> probabilities (N, 10) of the pretrained network."""
    mean, std = torch.tensor(about["mean"]), torch.tensor(about["std"])
    with torch.no_grad():
        return F.softmax(pretrained(((images / 255 - mean) / std).permute(0, 3, 1, 2)), dim=1)

paths = sorted(weights.glob("*.png"))
examples = torch.stack([read_image(p) for p in paths])
confidences, predictions = classify(examples).max(dim=1)
labels = [p.stem.split("_")[1] for p in paths]
titles = [f"{about['classes'][p]} {100 * c:.0f} %\nis {label}" for p, c, label in zip(predictions, confidences, labels)]
show_images(examples, titles, title="What the stored ResNet-20 says about ten CIFAR-10 test images")
right = sum(about["classes"][p] == label for p, label in zip(predictions, labels))
print(f"{right} of 10 right; {100 * about['test_accuracy']:.2f} % of the whole test set. The network was trained on")
print(about["made"])
''')

md(r"""
Each title gives the prediction, its probability and the true class. The network is least confident about the airplane (69 %).
""")

md(r"""
**Now an image of your own.** Put a JPEG or PNG file beside the notebook (on Colab: folder icon, then upload), and set its name. One thing should fill most of the image. The network has no way to answer "none of these".
""")

same(87, ('my_picture = ""', 'my_image = ""'), ("if my_picture:", "if my_image:"), ("read_image(my_picture, size=32)", "read_image(my_image, size=32)"), ("Set my_picture to", "Set my_image to"))

md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Training | 64k iterations, learning rate in steps, momentum, weight decay 1e-4 | 40 epochs, one-cycle up to a rate of 0.2, Nesterov momentum, weight decay 5e-4; the paper's recipe only at scale `paper` |
| Precision | not stated | main run: bfloat16 where the CPU has it; Figure 6: float32 |
| Normalisation | per-pixel mean subtracted | mean and standard deviation of each channel, from all 50,000 images |
| Training images | the schedule is chosen on a 45k/5k split; whether the final networks see 45,000 or 50,000 is not clear | 45,000 |
| Seeds | one number for 20 layers, five runs for 110 layers | one of each network (at scale `paper` two of ResNet-20) |
| Figure 6 | 20 to 110 layers, 64k iterations, momentum | 20 and 56 layers, 8 epochs, one-cycle up to a rate of 0.1 (plain also 0.02), Nesterov momentum; weight decay 1e-4 as in the paper |
| Shortcuts A, B, C | compared on ImageNet | counted, not trained (exercise 4) |
| ImageNet | the paper's main result | networks built and counted, not trained |

## Exercises

First keep the run above: `first, first_run = trained[0]`. After you have changed a class, run its cell and those that use it, down to the plot of the curves. (Later cells would save your network as if it were this one.) Compare with `plot_histories({"before": first_run, "changed": run}, data.name)`.

1. **ReLU before or after the addition?** Move the last ReLU of `BasicBlock` from after the addition to before it: apply it to `out` alone, and add the shortcut last. Train, and compare. What can a block no longer do to its input? *Hint: what sign can the added part have?* The authors' answer is *pre-activation* (He et al. 2016): nothing follows the addition.
2. **Start from the identity.** Set `bn2.weight` of every block to zero after the network is built. Then every block that keeps its shape begins as exactly $y = x$. Is `history["val_accuracy"][0]` better than that of `first_run`? *Hint: write a function `start()` that builds the network, calls `nn.init.zeros_(m.bn2.weight)` for each `BasicBlock` `m` in `modules()`, and returns it. Run `train(start, "ResNet/zero-start")` and interrupt it after the first epoch. Do not change `epochs`: the schedule depends on it.*
3. **What is augmentation worth?** Change `augment=True` to `augment=False` in the body of `train`, run its cell, and then `train(lambda: cifar_resnet(20), "ResNet/no-augmentation")`. Watch the gap between the two curves, and change it back afterwards.
4. **Does a projection help?** Train ResNet-20 with each shortcut and three seeds, for 30 epochs each: `train(partial(cifar_resnet, 20, shortcut=option), f"ResNet/shortcut-{option}-seed{seed}", 30, 0.1, seed)`. The nine trainings take about 7 hours on the hardware of the stored run. Draw a dot for each seed with `plot_spread` of `utils.plotting`. If the choice matters, the groups lie further apart than the dots within one.

## Further reading

- He et al., [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027) (2016): pre-activation, and 1001 layers.
- Veit et al., [Residual Networks Behave Like Ensembles of Relatively Shallow Networks](https://arxiv.org/abs/1605.06431) (2016): paths, and dropped blocks.
- Li et al., [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) (2018): what shortcuts do to the loss landscape.
- Ioffe & Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167) (2015): the other half of what makes deep networks trainable.
""")

# ------------------------------------------------------------------------------------------------------------- write

import hashlib  # noqa: E402

for i, cell in enumerate(CELLS):  # stable ids: a rebuild changes only what changed
    cell["id"] = hashlib.sha256(f"{i} {cell.source[:60]}".encode()).hexdigest()[:8]
book = nbformat.v4.new_notebook(cells=CELLS, metadata=WIP.metadata)
nbformat.validate(book)
nbformat.write(book, HERE / "ResNet.ipynb")

import re  # noqa: E402

text = "\n".join(re.sub(r"<!--.*?-->", "", cell.source, flags=re.DOTALL) for cell in CELLS if cell.cell_type == "markdown")
words = [word for word in text.split() if re.search(r"[A-Za-z]", word)]
print(f"{len(CELLS)} cells, {len(words)} words of markdown ({len(text.split())} by plain split), {text.count('TODO-NUMBERS')} TODO-NUMBERS")
print("longest cell of its own:", max(len(c.source.splitlines()) for c in CELLS if c.cell_type == "code" and not c.source.startswith(("# %load", "# Setup"))))
for cell in CELLS:
    for line in cell.source.splitlines() if cell.cell_type == "code" else ():
        if len(line) > 120:
            print("long:", line)
for word in ("picture", "deviation", "learnt", "surest", "by heart", "answer", "refute"):
    for cell in CELLS:
        for line in cell.source.splitlines():
            if word in line and not (word == "deviation" and "standard deviation" in line):
                print(f"{word}: {line[:110]}")
