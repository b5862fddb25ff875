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

WIP = nbformat.read(HERE.parent / "ResNet-wip.ipynb", 4)
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


def synced(first_line):
    code(notebooks.synced_source(first_line, REPOSITORY / "resnet" / "ResNet.ipynb"))


# ----------------------------------------------------------------------------------------------------------- opening

md(r"""
# Deep Residual Learning for Image Recognition

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun · CVPR 2016 · [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/resnet/ResNet.ipynb)

At the end of this notebook you can build a residual network from its one idea, train it, and show by experiment why it can be so deep. **The main result:** with the paper's recipe our ResNet-20 reaches TODO-NUMBERS % test error on CIFAR-10 (the paper reports 8.75 %), and where 56 plain layers train worse than 20, 56 layers with shortcuts train better.
<!-- TODO-NUMBERS: mean of ResNet-20's test errors over the seeds, from the table in "Results". And check the last half sentence against "The claim, tested: degradation" (training errors of plain-20, plain-56, ResNet-20, ResNet-56). -->

**How long it takes.** We ran the stored version at scale `paper` on two cores of an AMD EPYC, where all trainings together took TODO-NUMBERS hours. You can choose one of four *scales*: `quick` (about a minute, generated images, no internet; its numbers mean nothing), `cpu` and `gpu` (CIFAR-10, shortened trainings), and `paper` (the paper's full training). The second cell says how to choose, and each training says how long it will take.
<!-- TODO-NUMBERS: sum of the minutes in the notes under the tables (each training once), in hours; check the name of the CPU. -->
""")

code(notebooks.setup_source())

same(
    2,
    ("from math import isfinite\n\nimport torch", "from math import exp, isfinite\n\nimport matplotlib.pyplot as plt\nimport torch"),
    ("from utils.files import download", "from utils.diagram import draw_flow, draw_network\nfrom utils.files import download"),
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

**The question.** Why can't we improve a network by simply adding layers? In 2015 everybody knew that depth helps: the best networks of the year before, VGG and GoogLeNet, had 19 and 22 layers. But when the authors stacked 56 plain layers, the network became worse than one with 20, and it became worse *on the training set*. So overfitting is not the reason: an overfitted network is good on its training set. The authors call the effect **degradation**. It is surprising, because a deep network could always imitate a shallow one if its extra layers passed their input on unchanged. That solution exists, but training does not find it.

**The idea.** Residual learning makes "change nothing" easy to find. Let $H(x)$ be the function that a few layers should compute. We do not ask the layers for $H(x)$ itself. Instead we let them learn the difference $F(x) = H(x) - x$, which is called the *residual*, and then add $x$ back (the paper's eq. 1):

$$y = F(x, \{W_i\}) + x$$

Here the $W_i$ are the weights of these layers. The path of $x$ around them is the **shortcut**, and the layers and the shortcut together are a **residual block**. To change nothing, the layers only have to push $F$ towards zero. The authors suppose that this is easier than learning to copy $x$ through several nonlinear layers. The shortcut itself costs no parameters.

**When the shapes differ.** Some blocks halve the resolution and double the number of channels. Their $x$ no longer has the shape of $F(x)$, so we cannot add the two directly. The paper tries three kinds of shortcut, and its eq. 2 writes all of them as $y = F(x, \{W_i\}) + W_s x$:

- **Option A** takes every second pixel and fills the new channels with zeros. It has no parameters.
- **Option B** uses a 1×1 convolution, but only in the blocks that change the shape.
- **Option C** uses a 1×1 convolution in every block.

**The results.** Residual networks get better with depth where plain ones get worse. On ImageNet a plain network has a top-1 error of 27.94 % with 18 layers and 28.54 % with 34; a residual network has 27.88 % and 25.03 % (Table 2). Even 152 layers train well, and an ensemble of residual networks won the ILSVRC 2015 classification task with a top-5 error of 3.57 %. On CIFAR-10 the test error falls from 8.75 % with 20 layers to 6.43 % with 110 (the best of five runs). With 1202 layers it rises again to 7.93 %, which the authors put down to overfitting (Table 6).

ImageNet is too large for a notebook. We build the ImageNet networks and check their size, and we run the experiments on CIFAR-10.
""")

# -------------------------------------------------------------------------------------------------------------- data

md(r"""
## The data

We look at the data before we model it. CIFAR-10 has 60,000 colour images of 32×32 pixels in ten classes, 50,000 for training and 10,000 for testing. Like the paper, we hold out 5,000 of the 50,000 as a validation set. We make every choice on the validation set and none on the test set.

At scale `quick` the same code runs on `shapes`, simple images that the repository generates. Nothing is concluded from them.
""")

code(r"""
data = load_shapes(train=640) if scale == "quick" else load_cifar10()
sizes = [f"{len(getattr(data, split).labels):,} {split}" for split in ("train", "val", "test")]
print(f"{data.name}: {', '.join(sizes)}, {len(data.classes)} classes")

first_of_each = [(data.train.labels == c).nonzero()[0].item() for c in range(10)]
show_images(data.train.images[first_of_each], data.classes, title=f"{data.name}: a training image of each class")
""")

md(r"""
CIFAR-10's images are small and often blurry, and some are hard to recognise even for us. The whole data set is a tensor of 184 MB, so it can stay on the device. `ImageLoader` cuts the batches from there and needs no worker processes.

**Augmentation** makes the training set look larger than it is (section 4.2 of the paper). Each time an image is used for training, it is padded with 4 black pixels on every side, cropped back to 32×32 at a random position, and flipped horizontally half of the time. `crop_and_flip` does this for a whole batch at once. Here we apply it to one image ten times:
""")

same(7, ("one_each[:1]", "first_of_each[:1]"), ("corner of the crop in the padded picture", "corner of the crop in the padded image"), ("One picture, augmented ten times", "One image, augmented ten times"))

md(r"""
The object moves by up to 4 pixels and may be flipped, but it stays what it is. The black edges come from the padding. With 9 × 9 positions and a flip there are 162 versions of each image, so the network rarely sees the same version in two epochs. This works against overfitting (exercise 3).

The last step is **normalisation**: we shift and scale the pixels so that each colour channel has mean 0 and standard deviation 1. The loader uses constants for CIFAR-10, and we check them against the data:
""")

same(9)

# ---------------------------------------------------------------------------------------------------------- shortcut

md(r"""
## The shortcut

The claim behind the idea is simple enough to test by hand: *if all its weights are zero, a residual block passes its input on unchanged*. We take two 3×3 convolutions, set all of their weights to zero, and send a 3×3 image through, once without the shortcut and once with it. The pixels are positive, because the ReLU of the block before would leave them so.
""")

same(11)

md(r"""
With zero weights the plain block destroys its input, while the residual block passes it on. So every block of a residual network can easily "do nothing". (In the networks below each block ends with a batch norm, which would undo any change in the size of the weights. There it is the batch norm's own scale and shift that have to go to zero.)

### Option A

Where the shape changes, option A needs no weights either: it keeps every second pixel and adds channels of zeros. The paper does not say where to put the zeros. We put half of them before the old channels and half after them, as a well-known reproduction does ([akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10)).
""")

synced("# %load -s ZeroPadShortcut ../architectures/resnet/resnet.py")

md(r"""
To see what happens to pixels and channels, we send in two channels of 4×4 numbers and ask for four channels of 2×2. The coloured pixels are the ones that survive.
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
Channels 1 and 2 of the output are the two input channels at half the resolution, and the new channels 0 and 3 contain only zeros.

Options B and C use a 1×1 convolution instead. One small function chooses the layer that carries $x$ around a block. It returns `None` where no layer is needed because $x$ can be added as it is.
""")

synced("# %load -s make_shortcut ../architectures/resnet/resnet.py")

# ------------------------------------------------------------------------------------------------------------- block

md(r"""
## The block

The block of the CIFAR networks (Fig. 5, left) consists of two 3×3 convolutions, each followed by **batch normalisation** (BN). Batch norm shifts and scales every channel to mean 0 and standard deviation 1 over the batch, and then applies a scale and a shift that it learns for each channel. At evaluation time (`model.eval()`) it uses running averages from the training instead of the statistics of the batch. The convolutions have no bias, because batch norm would subtract it again at once. The last ReLU comes *after* the addition.

There are two versions of the block. Most blocks keep the shape and add $x$ itself; the first block of a stage halves the resolution and needs a shortcut of option A, B or C:
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
With `shortcut=None` the same class builds the paper's plain baseline. This makes the later comparison a fair one, because nothing else differs.
""")

synced("# %load -s BasicBlock ../architectures/resnet/resnet.py")

md(r"""
We make three checks. A block with stride 2 must return the right shape. A block with 16 channels must have $2 \cdot (3 \cdot 3 \cdot 16 \cdot 16) = 4608$ weights in its convolutions and $2 \cdot 2 \cdot 16 = 64$ parameters in its batch norms. And a shortcut of option A must not add a single parameter.
""")

same(20)

md(r"""
All three hold. Option A costs no more than the plain block, option B pays only where the shape changes, and option C pays in every block.
""")

# ----------------------------------------------------------------------------------------------------------- network

md(r"""
## The whole network

The rest of the network is repetition. A first convolution (the *stem*) is followed by stages of blocks, by an average over all remaining pixels, and by one linear layer. Every stage but the first halves the resolution and doubles the number of channels. In this way each convolution needs about as many multiplications as before: a quarter of the pixels, but twice the input channels and twice the output channels. The weights start from *He initialisation*, which chooses their standard deviation so that the signal roughly keeps its strength through a ReLU.
""")

synced("# %load -s ResNet,init_weights ../architectures/resnet/resnet.py")

md(r"""
For CIFAR-10 (section 4.2) the paper uses option A throughout, so that a residual network has exactly as many parameters as its plain twin. The stem is one 3×3 convolution. The three stages have 16, 32 and 64 channels and $n$ blocks each. With two convolutions in each block, the stem and the linear layer, that makes $6n + 2$ layers.
""")

synced("# %load -s cifar_resnet ../architectures/resnet/resnet.py")

md(r"""
We send one random image through ResNet-20 and draw the output of each part as it comes. The face of each box shows the resolution, and its thickness the number of channels:
""")

code(r"""
model = cifar_resnet(20)
parts = {"conv1": "stem", "layer1": "stage 1", "layer2": "stage 2", "layer3": "stage 3"}
parts |= {"avgpool": "average", "fc": "linear"}
draw_network(model, torch.randn(1, 3, 32, 32), parts, "ResNet-20: three blocks in each stage")
""")

md(r"""
The network trades resolution for channels from stage to stage, and it ends with one number for each of its 64 channels. The table shows where the parameters are:
""")

same(28, ('model = cifar_resnet(20)\nx = torch.randn', 'x = torch.randn'))

md(r"""
Three quarters of the parameters are in the last stage, where the image has shrunk to 8×8.

Does the size agree with the paper? Table 6 gives the number of parameters in millions, and we can count them by hand. A block of $c$ channels has $2 \cdot 9c^2$ weights and $4c$ parameters of batch norm, which makes 4,672, 18,560 and 73,984 for 16, 32 and 64 channels, or 97,216 together. The first blocks of stages 2 and 3 read half as many channels, which saves 4,608 and 18,432. The stem has 432 + 32 parameters and the linear layer 650. Together that is $97{,}216\,n - 23{,}040 + 1{,}114 = 97{,}216\,n - 21{,}926$.
""")

same(26)

md(r"""
The counts agree with the paper at every depth, for residual and plain networks alike.
""")

# ---------------------------------------------------------------------------------------------------------- ImageNet

md(r"""
## The ImageNet networks

The famous networks of the paper are larger relatives of these. They take images of 224×224 pixels, their stem reduces the image to 56×56, and they have four stages. From 50 layers on they also use another block, because two 3×3 convolutions would be too expensive: with 256 channels they have $2 \cdot 9 \cdot 256^2 = 1{,}179{,}648$ weights.

The **bottleneck** (Fig. 5, right) makes depth cheap by doing the expensive work on few channels. A 1×1 convolution squeezes the 256 channels into 64, the 3×3 convolution works on those, and another 1×1 convolution expands the result to 256 again. That takes $256 \cdot 64 + 9 \cdot 64^2 + 64 \cdot 256 = 69{,}632$ weights, 17 times fewer.
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
The bottleneck has even fewer weights than a basic block with 64 channels, although it has three layers instead of two.

Next we compare the whole networks with Table 1, which lists their cost in FLOPs; the paper counts multiply-adds of one 224×224 image. Whether we meet these figures depends on one detail: which convolution of a bottleneck halves the resolution? In the paper it is the first 1×1, which skips three quarters of the pixels without looking at them. In torchvision, and in most code since, it is the 3×3. We count both. (On the `meta` device tensors have shapes but no contents, so counting costs nothing.)
""")

code(r'''
def count_macs(net, size):
    """Multiply-adds of convolutions and linear layers for one image of size × size; net is on the meta device."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net.eval()(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() // 2

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
    assert abs(macs - paper) < 0.02 * paper and count_parameters(ours) == count_parameters(later)
''')

md(r"""
With the paper's stride all five networks are within 2 % of Table 1. With torchvision's stride ResNet-50 needs 4.1 billion multiply-adds instead of 3.8, and the parameters stay the same.

Sizes alone do not prove that the computation is right. So we make a stricter test: we load the weights of torchvision's ResNet-50 into ours, and both must give the same outputs. On the way we print the sizes of the feature maps, which must be those of Table 1: 112, 56, 28, 14 and 7.
""")

same(35, ("x = pictures = torch", "x = images = torch"), ("ours(pictures) - theirs(pictures)", "ours(images) - theirs(images)"), ("largest difference between the 1,000 answers of torchvision's ResNet-50 and ours: ", "largest difference between the 1,000 outputs of torchvision's ResNet-50 and ours: "))

md(r"""
The outputs agree, and torchvision's trained weights load in the same way. From here on everything is about CIFAR-10.

## Does it learn at all?

Before a long training it is worth a few seconds to see whether the network can learn anything. Two things must hold for any healthy classifier. Before training it should guess, with a loss near that of ten equally likely classes, $\ln 10 = 2.30$. And it should overfit one batch: after some steps on the same 32 images the loss must be close to zero.
""")

same(37, ('"an untrained net should know nothing"', '"an untrained network should only guess"'), ('"one batch was not learnt: something is broken"', '"the network cannot overfit one batch: something is broken"'))

md(r"""
The loss starts a little above 2.30, because the untrained outputs are not exactly equal, and falls almost to zero. Every parameter receives a gradient.
""")

# ---------------------------------------------------------------------------------------------------------- training

md(r"""
## Training

Nobody should have to trust a training loop that they cannot see, so here it is. `train_one_epoch` makes one pass over the data and `evaluate` measures a model. `fit`, in `utils/training.py`, calls them once an epoch and adds the printing and the checkpoints. It uses the functions as they stand here, so a line that you change below changes the training. `autocast` runs the forward pass in the precision that the hardware is fast at. The `scaler` is active only in float16, where it enlarges the loss so that small gradients are not rounded to zero.
""")

synced("# %load -s classification,train_one_epoch,take_step,evaluate ../utils/training.py")

md(r"""
All settings are in one place. The paper trains for 64,000 iterations with a learning rate of 0.1, which it divides by 10 after 32,000 and after 48,000 iterations. At scale `paper` we do the same: 45,000 images make 352 batches of 128, and 182 epochs of those are 64,064 iterations.

The other scales have less time, so they use a *one-cycle* schedule, which reaches good results sooner. The learning rate rises for a fifth of the training and then falls to zero along a cosine. They also use Nesterov momentum and five times the paper's weight decay. We hardly tuned these settings.

The second table holds the settings of the experiments further down, which need many trainings and therefore shorter ones.
""")

code(r"""
KNOBS = {  # of the main run: ResNet-20
    "quick": dict(epochs=4, batch_size=32, lr=0.03, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "cpu": dict(epochs=40, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "gpu": dict(epochs=60, batch_size=128, lr=0.2, weight_decay=5e-4, schedule="one-cycle", seeds=(0,)),
    "paper": dict(epochs=182, batch_size=128, lr=0.1, weight_decay=1e-4, schedule="steps", seeds=(0, 1)),
}
EXPERIMENTS = {  # of those after it; with shortcut_seeds=(0, 1, 2) the shortcuts are compared by training, too
    "quick": dict(lr=0.03, depths=(8, 14), epochs=1, signal_depth=14, shortcut_seeds=(0,), shortcut_epochs=1),
    "cpu": dict(lr=0.1, depths=(20, 56), epochs=12, signal_depth=56, shortcut_seeds=(), shortcut_epochs=30),
    "gpu": dict(lr=0.1, depths=(20, 56), epochs=12, signal_depth=56, shortcut_seeds=(), shortcut_epochs=30),
    "paper": dict(lr=0.1, depths=(20, 56), epochs=30, signal_depth=56, shortcut_seeds=(), shortcut_epochs=30),
}
# More networks for scale paper, for 182 epochs each: on a GPU, try (32, 44, 56, 110), or "34" for 34 layers of Table 1.
MORE_DEPTHS = ()
knobs, experiments = KNOBS[scale], EXPERIMENTS[scale]
print(f"scale {scale}: " + ", ".join(f"{key} {value}" for key, value in knobs.items()))
""")

md(r"""
`train` puts the pieces together: seed, model, data, optimiser, schedule. `fit` says how long the training will take, evaluates on the validation set after each epoch, and writes a checkpoint.

You can interrupt the cell whenever you like. One stop ends one training, and the cells below work with what there is. If you run the cell again, the training goes on from its last finished epoch; on the same CPU it comes to the same numbers, bit for bit. `fit` also recognises a finished training of the same model, data, settings and seed, and returns it instead of training again.
""")

same(
    43,
    ('    """One cycle over `steps`, or the paper\'s: lr / 10 after 32,000 and 48,000 of 64,064, and in the first `warmup`."""',
     '    """One cycle over `steps`, or the paper\'s steps: lr / 10 after 32,000 of 64,064, lr / 100 after 48,000.\n\n    In its first `warmup` steps the paper\'s schedule uses lr / 10, too (section 4.2).\n    """'),
    ("warmup=0, lines=10):", "warmup=0, lines=2):"),
    ("# compiling takes a minute, and makes the steps about 1.25 times as fast", "# it takes a minute, which a short training does not earn back"),
)

md(r"""
The drawing shows the learning rate of the main run:
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
A high rate moves the weights quickly but keeps them jumping around a minimum; each reduction lets them settle. You will see this in the curves of the training, which starts now.
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

We look at the curves first, then at the test set.
""")

same(46)

md(r"""
Solid lines show the validation set after each epoch. Dashed lines show the training images, measured during the epoch, with augmentation, while the network still changes. **The network learns most while the learning rate is high, and gains its last points each time the rate falls.** With the rate at 0.1 the validation accuracy jumps by up to TODO-NUMBERS points from one epoch to the next. The reduction after half of the training lifts it by TODO-NUMBERS points within a few epochs, and the second one adds TODO-NUMBERS. At the end the network has TODO-NUMBERS % of the training images right and TODO-NUMBERS % of the validation images. The gap between the two is overfitting; measured without augmentation, it would probably be larger.
<!-- TODO-NUMBERS, all of seed 0's history: largest change of val_accuracy between neighbouring epochs up to 91; mean val_accuracy of the 5 epochs after the first reduction (epochs 92-96) minus that of the 5 before; the same around epoch 137; last train_accuracy; last val_accuracy. If the second reduction adds nothing (below 0.3 points), say so. -->

Now we use the test set for the first time. `report` puts our number beside the paper's and beside akamaster's reproduction, which trains on all 50,000 images and reports the best epoch on the test set.
""")

same(48)

md(r"""
**ResNet-20 reaches TODO-NUMBERS % test error over two seeds, where the paper reports 8.75 %.** So the paper's recipe works in this code, with the paper's number of iterations and without any tuning of our own. The two seeds differ by TODO-NUMBERS points, and the finite test set adds some noise: another 10,000 test images would typically move the error by 0.3 points. A difference from the paper that is smaller than this says nothing. The validation error at the end was TODO-NUMBERS %, but it rests on 5,000 images only, so quote the test error.
<!-- TODO-NUMBERS: mean of the two test errors (table); their difference; last validation error of seed 0. If the mean lies more than 0.4 points from 8.75, the finding must say so and look for a reason: the paper does not say which 5,000 images it holds out, whether its number is one run, nor whether it is the last epoch. -->
""")

# ------------------------------------------------------------------------------------------------------- degradation

md(r"""
## The claim, tested: degradation

Now we test the claim that started the paper, as in its Figure 6. We train four networks alike: plain and residual ones, with 20 and with 56 layers.

Look at the *training* error first. If the deep plain network ends above the shallow one, then depth has made the training itself harder, and overfitting cannot be the cause, since overfitting lowers the training error. If the deep residual network does not end above the shallow one, the shortcuts have solved the problem, because nothing else differs between the two kinds.

The training error is an average over the epoch, on augmented images, while the network still changes, so it can lie above the test error. We draw the test error as the paper does, and choose nothing by it.
""")

code(r'''
KINDS = {"plain": None, "ResNet": "A"}  # the shortcut of each

def build_for(name):
    """ "plain-56" or "ResNet-34" -> a function that builds it; 34 layers are those of Table 1, with a small stem."""
    kind, depth = name.split("-")
    if depth == "34":
        return partial(ResNet, BasicBlock, (3, 4, 6, 3), 10, stem="cifar", shortcut=KINDS[kind])
    return partial(cifar_resnet, int(depth), shortcut=KINDS[kind])

nets, runs = {}, {}
for name in [f"{kind}-{depth}" for depth in experiments["depths"] for kind in KINDS]:
    print(name)
    nets[name], runs[name] = train(
        build_for(name), f"ResNet/{name}", experiments["epochs"], experiments["lr"], split="test", lines=1
    )
''')

same(52)

md(r"""
**Depth hurts the plain networks but not the residual ones.** On the left, the plain network with 56 layers lies above the one with 20 from the first epoch to the last, in training (dashed) and in test (solid) alike. On the right, the same layers with shortcuts, and not one parameter more: here the deep network ends below the shallow one. The drops in the middle of the curves come from the learning rate, which falls after half and after three quarters of the training.
<!-- TODO-NUMBERS: no number here, but check each sentence against the plot of this run; the drop in the curves is there at scale paper only. -->
""")

same(54, ("One epoch on a thousand drawings: too early to judge anything.", "One epoch on a few hundred generated images is too little to conclude anything."))

md(r"""
In numbers: after 30 epochs the plain network with 56 layers has a training error of TODO-NUMBERS %, the one with 20 layers TODO-NUMBERS %. This is degradation, and it cannot be overfitting. With shortcuts 56 layers reach TODO-NUMBERS % and 20 layers TODO-NUMBERS %. The test errors have the same order. Each network was trained once (n = 1).
<!-- TODO-NUMBERS: training errors of plain-56, plain-20, ResNet-56, ResNet-20 from the printed lines above; check "the same order" in the test errors. -->

We cannot say whether the deep plain network would catch up in a longer training. The paper's plain curves keep their order over 64,000 iterations, six times as many as here, and its authors suspect that such networks converge extremely slowly. The low learning rate at the end also makes all curves look flatter than they are.

### At full length

How much do shortcuts help a network of only 20 layers? To find out, we train plain-20 with the paper's full schedule, too, and put it beside Table 6. The rows without a number of ours are networks that we did not train: together they need 13 times the arithmetic of ResNet-20. If you have a GPU, add them to `MORE_DEPTHS` above. At scales other than `paper` the table shows the main run only.
""")

same(
    56,
    ('    print(f"\\n{name}, full length")\n', '    print(f"{name}, full length")\n'),
    ("warmup=warmup, lines=5)", "warmup=warmup)"),
)

md(r"""
**Even at 20 layers the shortcuts help a little: the plain network ends at TODO-NUMBERS % test error, the residual one at TODO-NUMBERS %.** At this depth the plain network still trains well, so degradation is not the whole story: shortcuts also help where nothing is broken. The plain number rests on one seed, and the difference should be compared with the spread between the seeds of ResNet-20.
<!-- TODO-NUMBERS: plain-20 (full length) and the mean of ResNet-20 from the table above. If they differ by less than 0.5 points, write that at 20 layers shortcuts make no clear difference, as the paper finds for 18 layers on ImageNet (Table 2: 27.94 and 27.88 %), and drop the second sentence. -->
""")

# --------------------------------------------------------------------------------------------------------- gradients

md(r"""
## Why? Vanishing gradients are not the reason

The usual suspect is the vanishing gradient: on its way back through many layers a gradient can shrink until the first layers receive none. The paper rejects this explanation (section 4.1). Its plain networks use batch norm, and the authors say that their gradients "exhibit healthy norms".

We can check. For every block we measure the *variance of its output* on the way forward, and the *norm of the gradient at its output* on the way back. We do it at initialisation and after one epoch, for plain and residual networks, and also without batch norm, which the paper does not show. If the first blocks of the plain network receive much smaller gradients than its last ones, vanishing gradients can explain degradation. If they do not, we need another explanation.

We measure with *forward hooks*, functions that PyTorch calls after a module has run, with its inputs and its output.
""")

same(58)

same(59, ('        print(f"\\n{label}")\n', "        print(label)\n"))

same(60)

md(r"""
**Batch norm keeps the signal level; without it the signal explodes or dies.** Look at initialisation first, on the left. With batch norm the variance stays near 0.4 in the plain network; in the residual one it grows slowly, because every block adds something. Without batch norm the plain network loses a little in each layer, since He initialisation keeps the strength only roughly, and over 54 layers the variance falls to $10^{-5}$. In the residual network without batch norm every block adds about as much as it receives, so the variance nearly doubles from block to block, up to $10^{7}$.

One epoch of training does not repair the networks without batch norm, on the right. The plain one learns nothing (TODO-NUMBERS % accuracy, no better than guessing). The residual one diverges at this learning rate (its loss is `nan`), so it has no line.
<!-- TODO-NUMBERS: val accuracy after the epoch of "plain, without batch norm" (expected: 10 %), and whether the residual one without batch norm is nan here, too. The values at initialisation were measured on CIFAR-10 with this seed; check them against the printed lines all the same. -->
""")

same(62)

md(r"""
**With batch norm no gradient vanishes, so the paper is right: something else makes deep plain networks hard to train.** At initialisation the plain network's gradient even *grows* towards the input, from 0.006 in the last block to 36 in the first. A later [theory of batch norm](https://arxiv.org/abs/1902.08129) finds the same for fully connected networks. In the residual network the gradient is much more even from the first step. Gradients do vanish in the plain network *without* batch norm: after one epoch the gradient of the first block is TODO-NUMBERS times smaller than that of the last.

"Healthy" is not the best word, however, for gradients that differ 6,000-fold at the start. One epoch of training removes that difference (from TODO-NUMBERS in the last block to TODO-NUMBERS in the first), but the theory takes exactly such an explosion as the reason why very deep networks with batch norm and without shortcuts cannot be trained. Our measurement uses one seed and one batch, and it cannot separate a cause from a symptom.
<!-- TODO-NUMBERS, lines printed above, "after one epoch": plain without batch norm, last block / first block; plain with batch norm, last block and first block. If one epoch does not level it, rewrite that sentence. -->
""")

# --------------------------------------------------------------------------------------------------------- shortcuts

md(r"""
## Which shortcut? A, B or C

Option A has no parameters, so why would anybody pay for B or C? The paper compares the three on ImageNet with 34 layers. These are its own numbers, not ours:

| the paper's Table 3, ImageNet validation, 10-crop | top-1 error (%) | top-5 error (%) |
|---|---|---|
| plain-34 | 28.54 | 10.02 |
| ResNet-34, option A | 25.03 | 7.76 |
| ResNet-34, option B | 24.52 | 7.46 |
| ResNet-34, option C | 24.19 | 7.40 |

Any shortcut is far better than none, while the choice among the three moves the error by less than one point. The authors conclude that projections are not essential against degradation, and use option A for CIFAR-10. What do the options cost there?
""")

code(r"""
for option in "ABC":
    with torch.device("meta"):
        net = cifar_resnet(20, shortcut=option)
    print(f"option {option}: {count_parameters(net):,} parameters, {count_macs(net, 32):,} multiply-adds an image")
""")

md(r"""
**For ResNet-20 they cost almost nothing:** even option C needs only 5 % more parameters and multiply-adds than option A.

Whether they *help* is a harder question, and we do not answer it here. A difference of less than a point is easily hidden by the spread between seeds, so it takes several seeds of each option and curves that have flattened. On CIFAR-10 that is nine trainings of 30 epochs, about TODO-NUMBERS hours on the two cores of the stored run. On ImageNet one training of ResNet-34, with the paper's 600,000 iterations, takes 1,700 times the arithmetic of a full training of our ResNet-20. If you want to try it on CIFAR-10, set `shortcut_seeds` to `(0, 1, 2)` above. If the choice matters, the three groups of dots will lie further apart than the dots within a group.
<!-- TODO-NUMBERS: 9 × 30 / 182 × (hours of one seed of the main run). -->
""")

code(r"""
shortcut_runs = {option: [] for option in "ABC"}
for option, option_runs in shortcut_runs.items():
    for seed in experiments["shortcut_seeds"]:
        print(f"shortcut {option}, seed {seed}")
        build = partial(cifar_resnet, 20, shortcut=option)
        name = f"ResNet/shortcut-{option}-seed{seed}"
        option_runs.append(train(build, name, experiments["shortcut_epochs"], experiments["lr"], seed, lines=1)[1])

last = {option: [(errors(run, "val")[-1], run) for run in found] for option, found in shortcut_runs.items()}
if any(last.values()):
    plot_spread({option: [error for error, _ in found] for option, found in last.items()},
                "validation error (%)", f"ResNet-20, {data.name}: a dot for each seed")
    rows = [dict(what=f"ResNet-20, {option}", paper=None, reproduction=None, runs=last[option]) for option in last]
    display(report("ResNet", "validation error (%)", data.name, split_name, None, rows, table="shortcuts"))
else:
    print("Not trained: shortcut_seeds is empty at this scale.")
""")

# --------------------------------------------------------------------------------------------------------- responses

md(r"""
## Do residual blocks make small changes?

The idea of the paper suggests it: if a block only has to learn what to change, its output should be small. The paper's Figure 7 measures the standard deviation of every 3×3 layer's output, after batch norm and before the addition and the ReLU. If the idea is right, the responses of ResNets should be smaller than those of plain networks, and the deeper ResNet should have the smallest, because it can divide its work among more blocks. We measure the four networks of Figure 6:
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
    print(f"{name:10} mean {sum(values) / len(values):.2f}   smallest {min(values):.2f}   largest {max(values):.2f}")
steps = -(-len(data.train.labels) // knobs["batch_size"])  # in each epoch
rates = steps * sum(runs[f"plain-{deep}"].history["learning_rate"])
print(f"scale of a batch norm that only weight decay has changed: {exp(-10 * knobs['weight_decay'] * rates):.2f}")
plot_curves({"responses, sorted by size": by_size}, "layer / number of layers", "standard deviation", data.name)
''')

md(r"""
**The order is the paper's: ResNet-56 has the smallest responses on average (TODO-NUMBERS), then ResNet-20 (TODO-NUMBERS), then the plain networks (TODO-NUMBERS and TODO-NUMBERS).** But most of the decrease has nothing to do with shortcuts. Before training every value is 1, because batch norm divides by the standard deviation. Then weight decay pulls the learned scale of each batch norm towards zero, in all four networks alike. The printed line shows how far it would come alone, if no gradient acted against it (momentum makes each step count ten times). So only the *differences* between the networks speak for the paper, and they are small (n = 1).
<!-- TODO-NUMBERS: the four means printed above, and check the order and "most of the decrease": the means must be closer to the printed weight-decay value than to 1. -->

Figure 7 looks at the layers alone. To see how much a block *changes*, we compare what it adds, $\lVert F(x) \rVert$, with what its shortcut carries, for three trained networks and an untrained one. A small share alone proves nothing: batch norm gives every $F$ the same size at the start, while $x$ grows with each addition, so the shares fall with depth before any training. Only if training makes them *smaller* have the blocks learned to make small changes.
""")

same(71, ("shares(net, batches[0][0])", "shares(net, batches[0][0][:200])"), ("cifar_resnet(deep).to(device), batches[0][0])", "cifar_resnet(deep).to(device), batches[0][0][:200])"))

md(r"""
**Small changes are half of the truth.** In the first two stages of ResNet-56 (blocks 1 to 18) training has made the shares smaller than they were. In the last stage they are as large as before or larger: these blocks do not refine their input, they rewrite it. ResNet-20, with fewer blocks for the same task, makes larger changes from the third block on.
<!-- TODO-NUMBERS: no number, but check all three sentences against this plot; name the largest share of the long ResNet-20 if it is above 1. -->

## Dropping a block

Can a network survive without one of its blocks? If a block only refines what the shortcut carries, it should. Veit et al. (2016, linked at the end) tried exactly this. We take trained networks, remove one block at a time so that only its shortcut remains, and measure the accuracy on 1,000 validation images.

In a plain network each block is the only way through, so we expect to lose everything. If a residual network keeps most of its accuracy, it works less like a chain and more like a collection of paths of different lengths. (If a hook returns something, that replaces the output of the module. So a hook that returns the input drops the block. In a plain network a block that changes the shape cannot be dropped; it shows as a gap.)
""")

same(
    73,
    ("""    print(f"{name:26} whole {whole:.1f} %   one block dropped: mean {sum(known) / len(known):.1f} %, worst",
          f"{min(known):.1f} %; {harmless} of {len(known)} blocks cost less than 5 points")
""",
     """    mean, worst = sum(known) / len(known), min(known)
    print(f"{name:25} {whole:4.1f} %   one dropped: mean {mean:4.1f} %, worst {worst:4.1f} %;",
          f"{harmless} of {len(known)} cost < 5 points")
"""),
)

md(r"""
**ResNet-56 can lose almost any single block; a plain network cannot lose one.** The plain networks fall to TODO-NUMBERS % and TODO-NUMBERS % accuracy on average, where guessing gives 10 %. ResNet-56 keeps TODO-NUMBERS % of its accuracy on average, and TODO-NUMBERS of its 27 blocks cost less than five points each; the expensive blocks are TODO-NUMBERS. ResNet-20 is in between. So shortcuts alone do not make a block dispensable: it takes many blocks as well. One caveat: the batch norms after the dropped block keep the running averages of the whole network, and part of the damage may come from that. There is one seed of each network.
<!-- TODO-NUMBERS: printed lines above: mean accuracy of plain-56 and plain-20 with one block dropped; kept["ResNet-56"] (read from the plot or computed as mean/whole); its number of harmless blocks; where its costly blocks stand (expected: the first of each stage). Check "in between". -->
""")

# ------------------------------------------------------------------------------------------------------- look inside

md(r"""
## Look inside

### What the first layer looks for

Only the first layer sees colours and pixels, so only its 16 filters of 3×3 can be drawn as images. Each is scaled to its own range.
""")

same(69)

md(r"""
You can find two kinds of filters: some are light on one side and dark on the other and respond to edges, others are of one colour and respond to blobs of it. Edges and colours are what the first layers of image classifiers typically pick up.
<!-- TODO-NUMBERS: look at the filters of this run; name one or two by their place. -->

### What it gets wrong

A single error rate hides which classes are confused. The confusion matrix shows it: each row is a true class, each column a prediction.
""")

same(76, ("answers = probabilities.argmax(1)", "predictions = probabilities.argmax(1)"), ("data.test.labels, answers, data.classes", "data.test.labels, predictions, data.classes"))

md(r"""
**Most mistakes stay within the animals or within the vehicles.** Cats are the hardest class: TODO-NUMBERS % of them are recognised, and TODO-NUMBERS % are taken for dogs. The most common mistake between the two groups is TODO-NUMBERS.
<!-- TODO-NUMBERS: from the matrix of this run; check that cat is the hardest class. The last one in the form "a bird that is taken for an airplane (… % of the birds)". -->
""")

same(78, ("test set, the surest mistakes: answer, then truth", "test set, the most confident mistakes: prediction, then label"))

md(r"""
**A confidence near 100 % does not mean that the network is right.** These are its ten most confident mistakes. Look for images whose label you would doubt yourself: CIFAR-10 has wrong labels, and a network that disagrees with one of them is counted as wrong.
<!-- TODO-NUMBERS: look at the ten images; if one is plainly mislabelled (a frog labelled cat was among them in earlier runs), say which. -->
""")

# ------------------------------------------------------------------------------------------------------------ use it

md(r"""
## Use it

`save_weights` stores the weights together with everything that a later user must know: classes, normalisation, test accuracy, and how they were made. To make sure that nothing is lost, we load the file into a new network and compare the outputs, which must be equal to the last bit.
""")

same(81)

md(r"""
The repository keeps such a file, with the first test image of each class. So the next cell shows real predictions at any scale, without internet:
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
TODO-NUMBERS of the ten are right, and the network is least confident about the TODO-NUMBERS.
<!-- TODO-NUMBERS: from the cell above, after the weights of this run are the ones that the repository keeps. -->

**Published weights** fit our networks, too. For the CIFAR networks `from_akamaster` in `resnet.py` renames the layers of [akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10), and torchvision's ImageNet weights load unchanged: use `weights="IMAGENET1K_V1"` in the comparison above. If you have an internet connection, set the switch below to `True`, and the cell fetches akamaster's ResNet-20 (1 MB) and tests it. Its author reports 8.27 % test error. The stored run had no access to these files; the repository's tests check the renaming against a rebuilt copy of akamaster's network.
""")

same(85)

md(r"""
**Now an image of your own.** Put a JPEG or PNG file beside the notebook (on Colab: click the folder icon on the left, then upload), set its name, and run the cell. Choose an image in which one thing fills most of the frame. The network has no way to answer "none of these".
""")

same(87, ('my_picture = ""', 'my_image = ""'), ("if my_picture:", "if my_image:"), ("read_image(my_picture, size=32)", "read_image(my_image, size=32)"), ("Set my_picture to", "Set my_image to"))

md(r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Training | 64k iterations, learning rate in steps, weight decay 1e-4 | the same at scale `paper`; at the other scales shorter, one-cycle, Nesterov momentum, weight decay 5e-4 |
| Normalisation | per-pixel mean subtracted | mean and standard deviation of each channel, from all 50,000 images |
| Validation set | 5,000 of 50,000, not said which | the last 5,000 |
| Batch norm | a batch of 128 on two GPUs, presumably statistics of 64 images each | statistics of all 128 |
| Seeds | one number for 20 layers, five runs for 110 layers | two seeds of ResNet-20, one of everything else |
| Figure 6 | 64k iterations | 30 epochs (10,560 iterations) at scale `paper`, 12 epochs at `cpu` and `gpu`, peak learning rate 0.1 |
| Shortcuts A, B, C | compared on ImageNet | counted; compared by training only if you choose seeds |
| ImageNet | the paper's main result | networks built and counted, not trained |
| Precision | not said | the fastest one of the hardware; the tables say which |

## Exercises

Each exercise changes code and then compares with the run above, so keep that run first: `first, first_run = trained[0]`. After you have changed a class, run its cell and the cells that use it, down to the plot of the curves. (The cells after that would save your changed network as if it were this one.) Compare with `plot_histories({"before": first_run, "changed": run}, data.name)`.

1. **ReLU before or after the addition?** Move the last ReLU of `BasicBlock` from after the addition to before it: apply it to `out` alone, and add the shortcut last. Train, and compare. What can a block no longer do to its input? *Hint: what sign can the added part have?*
2. **Start from the identity.** Set `bn2.weight` of every block to zero after the network is built. Then every block that keeps its shape begins as exactly $y = x$ for positive $x$. Is `history["val_accuracy"][0]` better than that of `first_run`? *Hint: write a function `start()` that builds the network, calls `nn.init.zeros_(m.bn2.weight)` for each `BasicBlock` `m` in `modules()`, and returns the network. Then run `zero, zero_run = train(start, "ResNet/zero-start")`. Interrupt it after the first epoch, but do not change `epochs`: the schedule depends on it.*
3. **What is augmentation worth?** Change `augment=True` to `augment=False` in the body of `train`, run its cell, and then `train(lambda: cifar_resnet(20), "ResNet/no-augmentation")`. Watch the gap between the training and the validation curve. *Hint: change it back afterwards.*

## Further reading

- He et al., [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027) (2016): the same authors move the ReLU off the main path, and train 1001 layers.
- Veit et al., [Residual Networks Behave Like Ensembles of Relatively Shallow Networks](https://arxiv.org/abs/1605.06431) (2016): they drop a block, and little happens.
- Li et al., [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) (2018): what shortcuts do to the surface on which training descends.
- Ioffe & Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167) (2015): the other half of what makes deep networks trainable.
- [akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10): the reproduction in our tables, with weights for every depth.
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
print(f"{len(CELLS)} cells, {len(words)} words of markdown, {text.count('TODO-NUMBERS')} TODO-NUMBERS")
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
