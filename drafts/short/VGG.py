"""Replaces the markdown cells of VGG.ipynb and the prose of its README; writes VGG.ipynb and VGG-README.md beside this file."""
from pathlib import Path

import nbformat

HERE, SOURCE = Path(__file__).parent, Path("/work/main/architectures/vgg")
book = nbformat.read(SOURCE / "VGG.ipynb", as_version=4)
before = nbformat.read(SOURCE / "VGG.ipynb", as_version=4)
done = set()


def cell(index, start, new):
    """`start` are the first 40 characters of the old cell."""
    old = book.cells[index]
    assert old.cell_type == "markdown" and index not in done and old.source[:40] == start[:40], (index, old.source[:40])
    assert len(start) == min(40, len(old.source)), (index, len(start), old.source[:40])
    old.source = new.strip("\n")
    done.add(index)


def kept(index, first, last):
    """The lines of an old cell from the one that begins with `first` to the one that begins with `last`."""
    lines = before.cells[index].source.splitlines()
    a = next(i for i, line in enumerate(lines) if line.startswith(first))
    b = next(i for i, line in enumerate(lines) if i >= a and line.startswith(last))
    return "\n".join(lines[a : b + 1])


cell(0, "# VGG\n\nKaren Simonyan, Andrew Zisserman,", kept(0, "# VGG", "[![Open in Colab]") + r"""

You will build the paper's six networks, see where their parameters sit, compare stacks of 3×3 convolutions with single large kernels on CIFAR-10, and test why deep networks may fail to start learning, and what helps.

**How long it takes.** On two cores, at scale `cpu`, the 32 trainings in the table of results took 16 minutes; 44 shorter ones come on top. Scales: `quick` (offline, generated images; its numbers mean nothing), `cpu`, `gpu`, `paper` (the last network: 74 epochs in full width). The second code cell says how to choose.
""")

cell(3, "## The paper in brief\n\n**The question.**", r"""
## The paper in brief

**The question.** What does depth alone do, all else being equal?

**The idea.** Stack 3×3 convolutions, the smallest with a notion of left and right. A unit's *receptive field* is the part of the image that it sees. Two stacked 3×3 convolutions have that of one 5×5, and three that of one 7×7. With $C$ channels in and out, a stack has fewer weights,

$$\underbrace{3 \cdot 3^2 C^2 = 27\,C^2}_{\text{three } 3 \times 3} \qquad \text{against} \qquad \underbrace{7^2 C^2 = 49\,C^2}_{\text{one } 7 \times 7},$$

and it applies three ReLUs, $\max(0, x)$, instead of one (section 2.3). The networks are columns of a table, which counts each stage's convolutions:

""" + kept(3, "| stage", "| layers with weights") + r"""

After each stage, 2×2 max pooling halves height and width. In C, the third convolution of a stage is 1×1. The sixth network, A-LRN, is A with AlexNet's normalisation. D and E are today's VGG-16 and VGG-19.

**The results** (top-1 errors on ImageNet, Table 3). A reaches 29.6 %, B 28.7, D 27.0, E 27.3; trained on images of varying size, D 25.6 and E 25.5. With one 5×5 for each pair of 3×3 in B, the error was 7 % higher (section 4.1).

## The data

CIFAR-10 replaces ImageNet: ten classes, 32×32 pixels; 45,000 images for training, 5,000 for validation, 10,000 for the test.
""")

cell(5, "## Part by part\n\n**Two of 3×3 see 5×5.**", r"""
## Part by part

**Two 3×3 convolutions see as much as one 5×5.** We send an image with a single bright pixel through two kernels filled with ones, and look how far it spreads. Shapes are `# (image, channel, row, column)`.
""")

cell(7, "The dot reaches 25 units; each number co", r"""
The pixel reaches 25 units; each number counts the paths to that unit. *Without* a ReLU in between, the stack equals one 5×5 convolution with these numbers as weights. With the ReLU, it computes what no single convolution can.

**What does the stack save?** We count weights with as many output as input channels, and with twice as many, as at the beginning of most stages.
""")

cell(9, "Where channels double, a pair has even a", r"""
With equal channels, the large kernels need 39 % and 81 % more weights. Where channels double, a pair needs slightly more than one 5×5.

**The stack of convolutions** is built from a list of layers:
""")

cell(11, "**Batch norm** came after the paper. For", r"""
**Batch norm** came after the paper. For each channel it computes the mean $\mu$ and the variance $v$ over all images of the batch and all positions, and returns

""" + kept(11, "$$", "$$") + r"""

with learnt $\gamma$ (initially 1) and $\beta$ (initially 0). So the output does not depend on the scale of the input:
""")

cell(15, "All six in full size, on the device `met", r"""
We build all six in full size on the device `meta`, which stores shapes alone, and compare with arithmetic from the table. A *multiply-add* is one use of a weight.
""")

cell(18, "**Where they sit**, in D:", "**Where do the parameters of D sit?**")

cell(20, "Nine tenths of the parameters sit in the", r"""
Nine tenths of the parameters sit in the linear layers, three quarters in the first one alone, yet the convolutions do 99 % of the multiply-adds. [GoogLeNet](../inception/) and [ResNet](../resnet/) replace the large linear layers by an average over the last feature maps, as our small head does.

**Equal to torchvision's?** Yes: its weights load under the same names, and the logits are identical.
""")

cell(22, "## Narrow forms\n\nFor two processor cores", r"""
## Narrow forms

For two CPU cores, we keep all layers of a column, but an eighth of its channels (a quarter for the last network).
""")

cell(24, "**Does it learn at all?** Thirty-two pic", r"""
**Can it overfit one batch?** A working network memorises 32 images.
""")

cell(26, "## Training\n\nEveryone gets the same: SGD", r"""
## Training

All networks are trained by SGD with momentum 0.9 and weight decay 5·10⁻⁴, as in the paper, and a *one-cycle* learning-rate schedule, which rises to its peak in a fifth of the steps, then falls almost to zero. The peak is 0.05, but 0.02 in the comparison of kernels, because the stack without ReLUs failed at 0.05 in a trial (not stored). Nothing else was tuned. The comparisons use part of the training images; the last network sees all, randomly shifted and mirrored.
""")

cell(30, "## The first claim: stacks against large", r"""
## The first claim: stacks against large kernels

The paper argues for stacks by fewer weights and more ReLUs. To tell these apart, one stack has no ReLUs in between.

Each network, without batch norm, begins with a 3×3 convolution to 32 channels and a pooling. Two stages follow, each a stack of 3×3 or one large convolution with the same receptive field, and a pooling.

**What each outcome would mean.** If the paper's result shows at this scale, the stacks make fewer validation errors than the large kernels, on average over the seeds. If the ReLUs are the reason, the stack without them does worse.
""")

cell(34, "Refuted here, twice: the single large ke", r"""
After four epochs, the large kernels make *fewer* errors than the stacks, by 1.4 points (5×5) and 6.2 (7×7) on average, and in every seed. The ReLUs in between don't help yet: without them, the stack of three is best of all, 2.6 points ahead of the 7×7 with nearly twice its weights.

This ranks how fast the networks learn: the stack without ReLUs also has the lowest *training* loss (1.00; the 7×7 has 1.07). Four epochs at one learning rate can't decide which network is best in the end.

## The second claim: depth, and why it did not start

Only net A was trained from random weights. The deeper ones took their first four convolutions and their linear layers from the trained A, because a bad initialisation could stall learning (section 3.1; Glorot and Bengio's initialisation of 2010, a note adds, makes this unnecessary). Why should depth hurt?

**One layer.** Let a unit have $n$ inputs ($n = 9C$ for 3×3), random weights with standard deviation $\sigma$, and no bias. The mean square of its sum is on average $n\sigma^2$ times that of the inputs, and ReLU removes half. So a layer multiplies the size (root mean square) of a signal by its *gain*

""" + kept(34, "$$g", "$$g") + r"""

Gradients behave alike in the backward pass, with $n$ counted over the outputs. He initialisation (2015) chooses $\sigma = \sqrt{2/n}$, so that $g = 1$. Glorot initialisation has $g = 0.71$ for equal numbers of input and output channels. We check one layer with $g = 0.5$, then compute the gains of E for common initialisations (printed as "start"; "deviation" is $\sigma$).
""")

cell(36, "The paper prints a *variance* of $10^{-2", r"""
The paper prints a *variance* of $10^{-2}$, a standard deviation of 0.1; He and colleagues (2015) assume 0.01. We measure both on E's convolutions in full width: how much the activations ("answers" in the plot) differ from image to image, and how large gradients are when random ones with standard deviation 1 enter at the top. (Padding lowers the gain on small feature maps; max pooling raises it.)
""")

cell(39, "Nearly straight lines on a logarithmic s", r"""
The factors of the layers multiply: on the log scale, the curves are nearly straight. With standard deviation 0.01, differences between images shrink to a hundred-millionth, and with PyTorch's default to a ten-millionth; gradients shrink about as much in the backward pass. With 0.1, the differences grow ten-million-fold. He initialisation loses a factor of 40 in the forward and of 80 in the backward pass. With batch norm, even at 0.01, both stay within a factor of about 3.

For net B, from its tenth convolution back to its second, He and colleagues (section 2.2) calculated that gradients with 0.01 arrive $5.9 \cdot 4.2^2 \cdot 2.9^2 \cdot 2.1^4 = 1.7 \cdot 10^4$ times smaller than with their initialisation. Our measurement should be close:
""")

cell(41, "Yes, nearly: $1.9 \\cdot 10^4$.\n\n### Whic", r"""
It is, with $1.9 \cdot 10^4$.

### Which nets start?

Do gains predict which networks learn? The same standard deviation would be another gain in narrow networks, so we set the gain itself: all convolutions get $\sigma = g\sqrt{2/n}$ and zero biases. A network *has started* when its mean training loss in the last epoch is under 2.2; guessing gives $\ln 10 = 2.30$. With more steps, others might start too.

**What each outcome would mean.** If shrinking signals are the cause, E fails at some gains at which A starts, and the product of all $L$ gains predicts starting better than $g$ alone. (We pair each training that started with each that didn't; the order is wrong if the first has the smaller value.) If batch norm is a cure, networks with it start even at the smallest gain.
""")

cell(45, "The deep nets do start less often: A wit", r"""
Deeper networks start less often, as expected: A with both seeds from a gain of 0.7 on, D and E with one of two at 0.7 and even at 1 (why was not examined). At 0.7, nearly Glorot initialisation, B too starts only once.

These runs can't decide whether the product predicts better than the gain of one layer: the product misorders 21 of 240 pairs and ties 6, the gain misorders only 15 but ties 34. In the second plot, A learns faster than the others where the product is above about 10⁻², but not at 10⁻³.

Batch norm is a cure here: all eight trainings start at the smallest gain, and each network ends with smaller losses than without it at any gain.

### The paper's cure

We take the smallest gain at which all trainings of A start and not all of E's, and give D and E the first four convolutions and the linear layer of the A trained there. The paper doesn't say where the convolutions go; ours keep their stages. (With A's, they have had twice the steps.) If the cure works, E starts.
""")

cell(48, "Not refuted: all four start, where two o", r"""
It helps: all four trainings start, against two of four from random weights. Four are few, and we can't separate A's weights from the extra steps.

### Depth, with and without batch norm

Does depth help from the model's own initialisation? If the paper's result shows at this scale, E makes fewer validation errors than A, on average over the seeds.
""")

cell(51, "Without batch norm depth hurts, by 35 po", r"""
After four epochs, depth doesn't pay yet. Without batch norm, E has 35 points more errors than A; one of its two trainings ended at the 90 % of guessing. With batch norm, 3 points remain. Training errors rank the networks as validation errors do, so the deeper ones don't overfit more; they have learnt less. Four epochs of narrow networks can't show what depth brings in the end. [ResNet](../resnet/) begins with networks that learn less even then.

## Results

Finally we train D with batch norm, wider and longer, on all training images.
""")

cell(55, "kuangliu's VGG-16 has full width, all 50", r"""
Our D has 18.58 % test errors; kuangliu's, with full width and all 50,000 images, has 7.36 %.

In the curves, validation lies below training for most epochs, because training errors are counted on shifted images while the weights still change. The test set orders all comparisons as the validation set does; ± is the standard deviation over the seeds.

## Look inside: what a unit sees

How much does each pixel matter to the middle unit of a stage's last convolution? We average the absolute gradient of its channels' sum over colours and test images; each map is scaled to its own maximum. In theory, a 3×3 convolution adds two units to the side of the receptive field ("field" in the titles), a pooling one, after which a unit is twice as wide.
""")

cell(57, "The first stage sees its 5×5 pixels. Aft", r"""
The first stage sees its 5×5 pixels. After that, the pixels that matter cover less than the receptive field. At stage 3 it covers the whole image, but the gradient is a blob in the middle, because few paths lead from the edge to the unit. From stage 4 on, all pixels matter.

## Use it

For an image of your own, set `my_picture` to its file name.
""")

cell(59, "A ship, and no doubt about it.\n\n## Where", r"""
The network recognises the ship, with a probability that rounds to 100 %.

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet, crops of 224 pixels | CIFAR-10, parts of it for the comparisons |
| Images | mean subtracted; mirrored, colours changed | also divided by the standard deviation; for the last network shifted, mirrored |
| Trained networks | full width, 4096-4096-1000 | an eighth or a quarter of the channels, one linear layer |
| Dropout, batch norm | dropout in two linear layers | optional batch norm |
| Initialisation | fixed standard deviation; deeper networks from A | He, or a given gain; from A in one experiment |
| Large kernels | B with 5×5 instead of each pair | small networks, 32 channels throughout; 7×7 too |
| Test | several scales, many crops | the image as it is |
| Training | batches of 256, learning rate 0.01 divided by ten three times, 74 epochs | batches of 128 or 64, one cycle up to 0.05 or 0.02, 3 to 8 epochs at scale `cpu` |

## Exercises

1. **The paper's own comparison.** Compare B with B in which each pair is one 5×5. *Hint: `train("kernels", "B", 0, VGG, narrow("B", 8), 10, False, "small")` trains B; the other is a class like `FieldNet`.*
2. **Are more epochs enough?** Give a network that did not start ten times the epochs: `knobs["starts"] = (15_000, 30, 64, [0])`, then `print_start("E, longer", [train("starts", "E-longer", 0, at_gain, "E", 0.5)])`.
3. **Adam** divides each gradient by its usual size. Put `torch.optim.Adam(model.parameters(), lr=1e-3)` into `train`, with the cycle's peak at 1e-3. Which networks start now?

## Further reading

- [The paper](https://arxiv.org/abs/1409.1556).
- He, Zhang, Ren, Sun, [Delving Deep into Rectifiers](https://arxiv.org/abs/1502.01852), 2015: weight initialisation, worked out on net B.
- Ioffe, Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167), 2015.
- [AlexNet](../alexnet/), the predecessor; [ResNet](../resnet/), on why depth hurts even when every network starts.
""")

# Cells 13 ("## The whole net") is a heading alone and stays.
assert {i for i, c in enumerate(book.cells) if c.cell_type == "markdown"} - done == {13}
for old, new in zip(before.cells, book.cells, strict=True):
    if old.cell_type == "code":
        assert old == new
    else:
        heads = [[line for line in c.source.splitlines() if line.startswith("#")] for c in (old, new)]
        assert heads[0] == heads[1], heads
        assert {k: v for k, v in old.items() if k != "source"} == {k: v for k, v in new.items() if k != "source"}
assert before.metadata == book.metadata
nbformat.validate(book)
nbformat.write(book, HERE / "VGG.ipynb")


def words(notebook):
    return sum(len(c.source.split()) for c in notebook.cells if c.cell_type == "markdown")


print("notebook:", words(before), "->", words(book), "words")
for i, (old, new) in enumerate(zip(before.cells, book.cells)):
    if old.cell_type == "markdown":
        print(i, len(old.source.split()), len(new.source.split()), end=";  ")
print()

text = old_text = (SOURCE / "README.md").read_text(encoding="utf-8")
for old, new in (
    (
        "Nothing but 3×3 convolutions and poolings, up to 19 layers deep: what does depth alone do? [vgg.py](vgg.py) has "
        "the six nets of the paper's Table 1, with batch norm by argument, any list of layers of your own, and a small "
        "head for images of 32 pixels. [VGG.ipynb](VGG.ipynb) counts where the parameters sit, races stacks of 3×3 "
        "against single 5×5 and 7×7, and tests why deep ones may fail to start learning, and what mends it.",
        "What does depth alone do? VGG stacks 3×3 convolutions, in networks of up to 19 layers. [vgg.py](vgg.py) has the "
        "six networks of the paper's Table 1, with optional batch norm, your own list of layers, and a small head for "
        "images of 32 pixels. [VGG.ipynb](VGG.ipynb) counts where the parameters sit, compares stacks of 3×3 "
        "with single 5×5 and 7×7 kernels, and tests why deep networks may fail to start learning, and what helps.",
    ),
    (
        "`VGG(\"A-LRN\")` is A with local response normalisation. Layer names are torchvision's, so its weights load as "
        "they are:",
        "`VGG(\"A-LRN\")` is A with local response normalisation. The layers have torchvision's names, so its weights "
        "load directly:",
    ),
    (
        "The net of a quarter of the width, as in the stored run:",
        "This trains the network at a quarter of the width, as in the stored run:",
    ),
    (
        "from the stored run of the notebook: a test image and the three best guesses.",
        "from the stored run: a test image and the three most probable classes.",
    ),
    (
        "**Results** of the stored run:",
        "**Results** of the stored run. Four epochs can't decide which network is best in the end.",
    ),
    (
        "parameters and multiply-adds of all six nets; parameters of torchvision's eight, in full and in small form; the "
        "convolutions of torchvision's eight nets with the same weights, and one whole net; one batch overfitted; clear "
        "errors for unknown configurations and images that are too small.",
        "parameters and multiply-adds of all six networks; parameters of torchvision's eight, in full and small form; "
        "equal outputs of their convolutions, and of one whole network; one batch overfitted; clear errors for unknown "
        "configurations and images that are too small.",
    ),
    (
        "He's start instead of a fixed deviation and a trained net A; CIFAR-10 with an eighth or a quarter of the channels "
        "and one linear layer, without dropout; batch norm by choice; one cycle of the learning rate.",
        "He initialisation instead of a fixed standard deviation and a trained net A; CIFAR-10 with an eighth or a quarter "
        "of the channels and one linear layer, without dropout; optional batch norm; a one-cycle learning-rate schedule.",
    ),
    (
        "on starting such nets; [AlexNet](../alexnet/), before, and [ResNet](../resnet/), after it.",
        "on initialising such networks; [AlexNet](../alexnet/), before, and [ResNet](../resnet/), after it.",
    ),
):
    assert text.count(old) == 1, old
    text = text.replace(old, new)
(HERE / "VGG-README.md").write_text(text, encoding="utf-8")
print("README:", len(old_text.split()), "->", len(text.split()), "words")
