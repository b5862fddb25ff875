"""Replaces the markdown cells of AlexNet.ipynb: reads the notebook, writes a new one beside this script."""

import json
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/alexnet/AlexNet.ipynb")
OUT = Path(__file__).with_name("AlexNet.ipynb")

CELLS = {}  # number: (first 40 characters of the old cell, the new cell)

CELLS[0] = ("# AlexNet\n\nAlex Krizhevsky, Ilya Sutskev", r"""# AlexNet

Alex Krizhevsky, Ilya Sutskever, Geoffrey E. Hinton, *ImageNet Classification with Deep Convolutional Neural Networks* · NIPS 2012

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/alexnet/AlexNet.ipynb)

You will build the network that brought deep learning to computer vision, with its 60,965,224 parameters split over two GPUs. With a small network on CIFAR-10 you will repeat the paper's Figure 1, which compares ReLU with tanh, and run an ablation of local response normalisation, overlapping pooling and dropout.

**How long it takes.** The stored run's 46 trainings, at scale `cpu`, took about 50 minutes on two cores. Scales: `quick` (offline, generated images; its numbers mean nothing), `cpu`, `gpu`, `paper` (120 epochs). The second code cell says how to choose one.""")

CELLS[3] = ("## The paper in brief\n\n**The question.** L", r"""## The paper in brief

**The question.** In 1998, LeNet read handwritten digits. Can a much larger network of this kind tell a thousand classes apart in photographs? Two things had changed: ImageNet offered 1.2 million labelled images, and GPUs had become fast enough.

**The ideas.** The network has eight layers with weights, five of them convolutions. To train it, the paper combines:

- **ReLU**, $\max(0, x)$, instead of tanh. It does not saturate for positive inputs, so gradients survive. The paper saw training several times faster (section 3.1).
- **Two GPUs** of 3 GB, each with half of the network. They communicate only in some layers (3.2).
- **Local response normalisation** (LRN): a strong activation reduces those of neighbouring channels (3.3).
- **Overlapping pooling**: windows of 3×3 with stride 2 (3.4).
- **Dropout**, and **augmentation** by shifted, flipped and recoloured images, against overfitting (section 4).

| layer | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 |
|---|---|---|---|---|---|---|---|---|
| kernels or units | 96 of 11×11, stride 4 | 256 of 5×5 | 384 of 3×3 | 384 of 3×3 | 256 of 3×3 | 4096 units | 4096 units | 1000 units |
| sees its own GPU only | | yes | | yes | yes | | | |
| followed by | LRN, pool | LRN, pool | | | pool | dropout | dropout | softmax |

**The result.** In ImageNet's competition of 2012, the *top-5 error* was 15.3 %: the share of test images whose true class was not among the five best guesses. (Seven networks were averaged, two of them pre-trained on more images.) The second-best team, without deep learning, had 26.2 %.

## The data

ImageNet is too large for a tutorial. Like the paper in its Figure 1, we use CIFAR-10: ten classes of 32×32 images, 45,000 for training, 5,000 for validation and 10,000 for testing.""")

CELLS[5] = ("## Part by part\n\n**ReLU.** How much of a g", r"""## Part by part

**ReLU.** The slope of an activation function decides how much of a gradient gets through a unit. Here it is at five inputs:""")

CELLS[7] = ("At 4, tanh lets a thousandth of the gradi", r"""At 4, tanh is saturated: it lets about a thousandth of the gradient through, and after a few such layers almost nothing is left. ReLU lets through everything for positive inputs and nothing for negative ones. The price is *dead ReLUs*: units whose input is always negative stop learning.

**Local response normalisation.** Each activation $a^i$ of channel $i$ is divided by a term that grows with the activations of the $n = 5$ channels around it:

$$b^i = a^i \Big/ \Big(k + \alpha \sum_j (a^j)^2\Big)^{\beta}, \qquad k = 2,\ \alpha = 10^{-4},\ \beta = 0.75.$$""")

CELLS[10] = ("**Overlapping pooling.** A window of 3 tha", r"""**Overlapping pooling.** Windows of size 3 with stride 2 share a row with their neighbours, so a strong activation there counts in both. In one dimension (window by stride):""")

CELLS[12] = ("**Two cards.** In layers 2, 4 and 5 each h", r"""**Two GPUs.** In layers 2, 4 and 5, each half of the feature maps sees only the half on its own GPU. Today this is called a *grouped convolution*. Two groups halve the weights:""")

CELLS[14] = ("**Dropout.** Half of the units are set to ", r"""**Dropout.** At each training step, half of the units are set to zero at random, so that none can rely on another. The others are doubled to keep the expected sum. (The paper instead halves all outputs of the trained network.)""")

CELLS[16] = ("## The whole net\n\nThe paper speaks of 60 m", r"""## The whole net

The paper gives 60 million parameters in total. To check each layer, we compute `by_sizes` from the layer sizes in section 3.5.""")

CELLS[19] = ("The last three layers hold 96 % of the par", r"""The three fully connected layers hold 96 % of the parameters, layer 6 alone 62 %. VGG kept them; [GoogLeNet](../inception/) and ResNet removed all but the last.

Two years later, Krizhevsky described a form with one tower and other widths. torchvision's AlexNet comes from it, but has 256 channels in layer 4 where that paper's footnote says 384. Our `OneTower` gives the same outputs:""")

CELLS[22] = ("## A form for small pictures\n\nFor CIFAR-10", r"""## A form for small pictures

For CIFAR-10 the paper used a four-layer network, which only the files of its published code, cuda-convnet, describe. Ours has three 5×5 convolutions and one linear layer, and we can switch each of the paper's components off.""")

CELLS[24] = ("One constant needs care. The paper feeds p", r"""LRN's α needs care. The paper only subtracts the mean from the pixels, which leaves values up to about 128. As usual today, we also divide by the standard deviation, so the squares are smaller. To see what LRN still does, we compare $\alpha \sum (a^j)^2$ with $k = 2$ in the first LRN layer of the untrained network.""")

CELLS[26] = ("With the printed constant the untrained la", r"""With the paper's α, LRN would do almost nothing, at least at the start: it would only divide every activation by $2^{0.75}$. We therefore train with the larger α. (The sum also depends on the initial weights; ours are PyTorch's.)

Before the long trainings, we check that the network can overfit one batch:""")

CELLS[28] = ("## Training\n\nThe knobs: `rates` are the le", r"""## Training

The next cell has the settings. We try each learning rate in `rates` for `tries` epochs, then compare ReLU and tanh for `epochs`. `full_rates` and `full_epochs` belong to the ablation.""")

CELLS[32] = ("## The claim: ReLU against tanh\n\nThe paper", r"""## The claim: ReLU against tanh

In the paper's Figure 1, a network with ReLUs reaches 25 % training error on CIFAR-10 six times faster than the same network with tanh. There is no regularisation, and each network has the learning rate that makes it fastest. We choose it among a few by the training error of one seed after a short run, and keep it constant. (Training error is a running average over the epoch, so it lags behind the weights.)

The paper does not describe the inputs and initial weights of this network, so we use two settings:

- *as today*: pixels minus their mean, divided by their standard deviation; PyTorch's initial weights;
- *as in 2012*, our guess: pixels minus their mean; initial weights with standard deviation 0.01, as in the large network (section 5).

We added the second setting after the first, with one seed, had shown no difference.

If ReLU speeds training up, its curve will reach 25 % in fewer epochs than tanh's, on average over the seeds.""")

CELLS[36] = ("As today, the claim fails: both take 4.9 e", r"""**As today, ReLU and tanh need equally many epochs on our network; as in 2012, ReLU needs less than half as many.** In the left panel both reach 25 % after 4.9 epochs on average; the seeds differ by more than the means. At the end tanh is slightly ahead, for every seed. In the right panel ReLU needs about six epochs, and tanh has not arrived after twelve.

These runs are too short to measure a factor of six. In the 2012 setting other learning rates may be better: ReLU's was the smallest tried, and three epochs need not show tanh's best. Saturation of tanh is a likely reason for the difference, but we have not tested it: the settings differ in both inputs and initial weights.

## What each invention is worth here

For the ablation, we train the network with all components and then without one at a time. We use random shifts and flips, weight decay and a *one-cycle schedule*: the learning rate rises for a fifth of the steps and then falls to almost zero. We choose its peak by the validation error of a short run. LRN makes all activations smaller, so the network without it gets its own search; the other two take the full network's rate.""")

CELLS[40] = ("Overlapping pooling is worth three points ", r"""**Overlapping pooling matters most here.** It removes three points of validation error on average, more than two for every seed. LRN removes half a point, within the spread of the seeds, and doubles the time of an epoch. Dropout *adds* two points: even without it, training and validation errors differ by only 0.4 points (first seed), so there is little overfitting to prevent. Seven epochs, with the same peak rate for all four (0.03), cannot show what the components are worth in longer training. (The paper gained 2 points by LRN, on CIFAR-10, and 0.4 by overlapping pooling, on ImageNet.)

## Results

The table shows test errors; ± is the standard deviation over the seeds. The paper's 11 and 13 % belong to another four-layer network (section 3.3).""")

CELLS[42] = ("The same order as on the validation set. O", r"""The order is the same as on the validation set. Our 27.67 % cannot be compared with the paper's 11 %: we train another network, for only seven epochs.

## Look inside: the first layer

A filter responds most to what it looks like, so we draw the first layer's 32 filters as colour images. The paper's Figure 3 shows the 96 of the large network: edges in all directions on one GPU, blobs of colour on the other.""")

CELLS[44] = ("Dark-and-light bars, many of them upright,", r"""You can see dark and light bars, many of them vertical, and patches of green, turquoise and pink (each filter is stretched to full contrast). Of the random filters, 29 have more colour than brightness, since colour is two of a pixel's three dimensions. After training, only 15 do (first seed).

## Use it

We save the network, load it and classify an image. For your own, set `my_picture` to its file name.""")

CELLS[46] = ("It is a ship; the net cannot decide betwee", r"""The image shows a ship. The network cannot decide between that and a car.

## Where this departs from the paper

| | paper | here |
|---|---|---|
| Data | ImageNet, 224 pixels; CIFAR-10 for Figure 1 | CIFAR-10 |
| α of LRN | 10⁻⁴, inputs up to 128 | 0.41, inputs divided by their standard deviation |
| Trained network | eight layers; for CIFAR-10 a four-layer network given by its code | three convolutions and a linear layer, 89,578 parameters |
| Order | LRN, then pooling | pooling, then LRN, in the small network |
| Dropout | after layers 6 and 7 | before the small network's only linear layer |
| Initialisation | standard deviation 0.01, some biases 1 | PyTorch's; for *as in 2012*, standard deviation 0.01 and biases 0 |
| Figure 1 | learning rates chosen freely for each; measure of training error not stated | the best of four for each; running average over the epoch |
| Training otherwise | 90 epochs, learning rate divided by ten three times | 7 epochs at scale `cpu`, one-cycle schedule |
| Test | mean over ten crops | one view |
| Colour augmentation | shifts along the principal components | none |

## Exercises

1. **Dead units.** What share of the first layer's units is zero on every validation image after the comparison above? *Hint: `model, _ = train("ReLU-long", knobs["epochs"], fastest["as today", "ReLU"], activation=nn.ReLU, **bare)` returns the trained network at once; add a forward hook to `model.features[1]`, take `amax` over the images, and count zeros.*
2. **LeakyReLU and GELU.** Add `nn.LeakyReLU` and `nn.GELU` to `activations`, so that each gets its own learning rate. Is either faster than ReLU?
3. **Batch normalisation.** Replace `LocalResponseNorm` by `nn.BatchNorm2d(width)` in `AlexNetCifar`. What does it gain, and what does an epoch cost?

## Further reading

- [The paper](https://papers.nips.cc/paper_files/paper/2012/hash/c399862d3b9d6b76c8436e924a68c45b-Abstract.html), nine pages.
- Krizhevsky, [One weird trick for parallelizing convolutional neural networks](https://arxiv.org/abs/1404.5997), 2014: the origin of torchvision's form.
- [LeNet](../lenet/), its predecessor, and [VGG](../vgg/), its successor.""")

old, new = nbformat.read(NB, as_version=4), nbformat.read(NB, as_version=4)
assert {i for i, cell in enumerate(old.cells) if cell.cell_type == "markdown"} == set(CELLS)
for number, (beginning, text) in CELLS.items():
    cell = new.cells[number]
    assert cell.source[:40] == beginning[:40] and len(beginning) >= 40, (number, cell.source[:40])

    def headings(source):
        return [line for line in source.splitlines() if line.startswith("#")]

    assert headings(cell.source) == headings(text), number
    cell.source = text
nbformat.validate(new)
nbformat.write(new, OUT)

written = nbformat.read(OUT, as_version=4)
nbformat.validate(written)
assert written.metadata == old.metadata and len(written.cells) == len(old.cells)
for before, after in zip(old.cells, written.cells):
    assert before.cell_type == after.cell_type and before.id == after.id and before.metadata == after.metadata
    if before.cell_type == "code":
        assert json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)


def words(book):
    return {i: len(cell.source.split()) for i, cell in enumerate(book.cells) if cell.cell_type == "markdown"}


a, b = words(old), words(written)
print({i: (a[i], b[i]) for i in a})
print("words", sum(a.values()), "->", sum(b.values()))
