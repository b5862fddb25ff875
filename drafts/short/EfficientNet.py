"""Shorten EfficientNet.ipynb: replace Markdown by exact text, check, write a draft. No cell is deleted."""

import copy
import hashlib
import json
import re
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/efficientnet/EfficientNet.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")

CHANGES = {
    0: [
        (
            "It gets 89.39 % of the test images right with 10.6 million multiply-adds (one run).",
            "It gets 89.39 % of the test images right with 10.6 million multiply-adds (n = 1).",
        ),
        (
            "Scales: `quick` (generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (trains a B0 for 32 pixels), `paper` (the same, for 200 epochs).",
            "Scale `quick` trains on generated images, and its numbers mean nothing; `gpu` and `paper` train a B0 for 32 pixels.",
        ),
    ],
    4: [
        (
            "Each slab is the feature map behind the first convolution or behind one block: the longer the slab, the more channels; the thicker, the larger the map. The four networks on the right cost the same number of multiply-adds, four times as many as the one on the left.",
            "Each slab is the feature map after the first convolution or after one block. A longer slab has more channels, a thicker one is a larger map. The four networks on the right need about the same number of multiply-adds, four times as many as the one on the left.",
        ),
        (
            "The dials also depend on each other: in larger images the objects are larger, so the network needs more layers until its receptive field covers one, and more channels for the finer detail.",
            "The dials also depend on each other: objects in an enlarged image are larger, so the network needs more layers until its receptive field covers one, and more channels for the finer detail.",
        ),
        (
            "where every output channel reads every input channel. Twice the resolution costs four times as much, because there are four times as many spatial positions.",
            "where every output channel reads every input channel. Twice the resolution also costs four times as much, because there are four times as many positions.",
        ),
        (
            "We train on CIFAR-10: ten classes, images of 32×32 pixels, 45,000 for training, 5,000 for validation and 10,000 for the test, by which nothing is chosen. Since resolution is one of the dials, we also need smaller copies.",
            "We train on CIFAR-10, which has ten classes of 32×32-pixel images. We choose nothing on the test set. Since resolution is one of the dials, we also need smaller copies.",
        ),
    ],
    6: [
        (
            "EfficientNet has a single kind of block, **MBConv**, which is the *inverted residual* of MobileNetV2.",
            "EfficientNet has a single kind of block, **MBConv**, the *inverted residual* of MobileNetV2.",
        ),
        (
            "EfficientNet adds *stochastic depth* and the activation SiLU (Swish), $x \\cdot \\sigma(x)$, a smooth relative of the ReLU.",
            "EfficientNet adds *stochastic depth* and the activation SiLU (Swish), $x \\cdot \\sigma(x)$.",
        ),
    ],
    8: [
        (
            "This branch first *squeezes* every channel into one number, its average over the map. Two linear layers turn these numbers into one factor (a *gate*) between 0 and 1 for each channel, and the *excitation* multiplies each channel by its gate. The layer between them is narrow, which keeps the branch cheap.",
            "It first *squeezes* every channel into one number, its average over the map. Two linear layers, with a narrow layer between them, turn these averages into one factor (a *gate*) between 0 and 1 for each channel. The *excitation* multiplies each channel by its gate.",
        ),
        (
            "Let us do it by hand for four channels and a middle layer of a single unit.",
            "Let us do it by hand for four channels and a narrow layer of a single unit.",
        ),
    ],
    10: [
        (
            "An image with other averages would get other gates. Here is the layer; its linear layers are written as convolutions on 1×1 feature maps. We give it the weights from above and expect the same output.",
            "Here is the layer. We give it the weights from above and expect the same output.",
        ),
    ],
    13: [
        (
            "so that the expectation stays what it was,\n\n",
            "so that the expectation stays what it was and evaluation needs no correction:\n\n",
        ),
        (
            "\\text{Bernoulli}(1 - p),$$\n\nand nothing has to be corrected in evaluation mode. The probability",
            "\\text{Bernoulli}(1 - p).$$\n\nThe probability",
        ),
    ],
    16: [
        (
            "Now the block, from convolutions that are followed by batch norm and an activation. The middle layer of its squeeze-and-excitation has a quarter of the block's *input* channels.",
            "Now the whole block. The narrow layer of its squeeze-and-excitation has a quarter of the block's *input* channels.",
        ),
    ],
    19: [
        (
            "The search returned the following network. A column is a *stage*, a group of $n$ blocks with expansion $t$, kernel size $k$ and $c$ output channels; its first block has stride $s$. The stages are preceded by a 3×3 convolution to 32 channels with stride 2, and followed by a 1×1 convolution to 1,280 channels, global average pooling and a linear layer.",
            "The search found the following network. Each column is a *stage*, a group of $n$ blocks with expansion $t$, kernel size $k$ and $c$ output channels; its first block has stride $s$. Before the stages comes a 3×3 convolution to 32 channels with stride 2. After them come a 1×1 convolution to 1,280 channels, global average pooling and a linear layer.",
        ),
        (
            "To scale it, multiply every $n$ by the depth factor and every channel number by the width factor. Both have to be integers, so channels are rounded to the nearest multiple of 8 (which suits the hardware, and is never more than 10 % below the product), and blocks upwards.",
            "To scale it, multiply every $n$ by the depth factor and every number of channels by the width factor. Then round the channels to the nearest multiple of 8, and the blocks up to the next integer.",
        ),
    ],
    22: [
        (
            "Rounding is no small matter: we asked for 1.2 times the depth and got 1.44 times, because every stage is rounded up, while the first two channel numbers did not move.",
            "Rounding matters: we asked for 1.2 times the depth and got 1.44 times, because every stage is rounded up.",
        ),
    ],
    25: [
        (
            "The maps shrink from 224 to 7 pixels, an *output stride* of 32. Drawn are the bottlenecks; inside a block there are six times as many channels. Only nine of B0's 16 blocks have a shortcut, so stochastic depth acts in nine branches. How many does an image drop on average?",
            "The feature maps shrink from 224 to 7 pixels, by a total stride of 32. The drawing shows the bottlenecks, not the expanded channels inside the blocks. Only nine of B0's 16 blocks have a shortcut, so stochastic depth acts in nine branches. On average, an image drops about one of them:",
        ),
    ],
    27: [
        ("About one.\n\nThe next cell", "The next cell"),
        (
            "The next cell prints the eight released networks, each at its own resolution: their factors, our counts beside the paper's rounded ones, and the paper's top-1 accuracy. The last column checks the paper's intuition that larger images need more layers. The *receptive field* is the side, in pixels, of the square that one position of the last feature map depends on; squeeze-and-excitation, which sees the whole image, is left out.",
            "Next we count the parameters and multiply-adds of the eight released networks, each at its own resolution, beside the paper's rounded numbers. The last column checks the paper's intuition that larger images need more layers. It divides the side of the last feature map's receptive field by the side of the image. (We leave out squeeze-and-excitation, which sees the whole image.)",
        ),
    ],
    29: [
        (
            "The rule promises that each step of $\\phi$ about doubles the cost; exactly, the factor is $\\alpha\\beta^2\\gamma^2 = 1.92$. For $\\phi = 0 \\dots 7$ we build the network with $\\alpha^\\phi$, $\\beta^\\phi$ and $\\gamma^\\phi$, rounded as above, and count. Then we ask where B1 to B7 stand. Depth, width, resolution and cost each imply a $\\phi$: the depth $\\log d / \\log \\alpha$, and the cost $C$ the value $\\log(C / C_{B0}) / \\log(\\alpha\\beta^2\\gamma^2)$. If a network followed the rule exactly, all four would agree.",
            "The rule promises that each step of $\\phi$ about doubles the cost; exactly, the factor is $\\alpha\\beta^2\\gamma^2 = 1.92$. For $\\phi = 0 \\dots 7$ we build the network by the rule, with rounding, and count. Then we ask which $\\phi$ the released networks have. Their depth, width, resolution and cost each imply one; the depth, for example, implies $\\log d / \\log \\alpha$. If a network followed the rule exactly, all four would agree.",
        ),
    ],
    32: [
        (
            "**The cost grows by about 1.9 a step, but rounding adds to it.** The first step is the worst: at $\\phi = 1, 2, 3$ the counted cost lies 34, 27 and 19 % above $1.92^\\phi$, because blocks are rounded up, and the excess shrinks on the whole as the networks grow.",
            "**The cost grows about as the rule says, but rounding adds to it.** At $\\phi = 1$ the counted cost lies 34 % above $1.92^\\phi$, because blocks are rounded up; at $\\phi = 7$ it lies 7 % above.",
        ),
        (
            "**No single $\\phi$ describes a released network, and B3 does not mean $\\phi = 3$.** By depth and resolution B1 is at $\\phi \\approx 0.5$, B2 at 1 and B3 at 2. B7's width, resolution and cost correspond to $\\phi \\approx 7$; only its depth lags behind, at 6.2. The published code sets these coefficients by hand. So the formula is the idea behind the family rather than its recipe.",
            "**The released networks do not follow the formula exactly, and B3 does not mean $\\phi = 3$.** By depth and resolution, B1 is at $\\phi \\approx 0.5$, B2 at 1 and B3 at 2. The published code sets the factors by hand. So the formula is the idea behind the family rather than its recipe.",
        ),
        (
            "Two cores cannot train B4, so we apply the rule to small networks of our own with the same block. The *main network* is a small base for 20 pixels, scaled together with $\\phi = 2$. The comparison of ways to scale needs fifteen trainings, so it starts from the smaller network of the first drawing, at 16 pixels. We round channels to multiples of 4 and of 1 instead of 8: with so few channels, a width of 1.1 would otherwise change almost nothing.",
            "Two cores are too slow for the released networks, so we apply the rule to small networks with the same block. The *main network* is a small base for images of 20 pixels, scaled together with $\\phi = 2$. The comparison of ways to scale needs fifteen trainings, so it starts from the smaller base of the first drawing, at 16 pixels. With so few channels, we round to multiples of 4 and of 1 instead of 8.",
        ),
    ],
    34: [
        (
            "The optimiser is the usual one for CIFAR-10 instead of the paper's RMSprop. We apply no weight decay to depthwise kernels, batch norm and biases. Dropout and stochastic depth are off in our small networks (those of the comparison underfit, as we shall see); B0, at scales `gpu` and `paper`, has 0.2 of both.",
            "We apply no weight decay to depthwise kernels, batch norm and biases. Dropout and stochastic depth are off in our small networks.",
        ),
    ],
    38: [
        (
            "Two probes of two epochs choose the main network's maximum learning rate by their validation accuracy. They are much shorter than the training itself, so they only protect us from a bad choice.",
            "We train the main network for two epochs with each of two maximum learning rates, and keep the one with the higher validation accuracy. This only protects us from a bad choice.",
        ),
    ],
    41: [
        (
            "From 76.8 % after 20 epochs, the validation accuracy still rises to 90.1 % as the rate falls. At the end the training accuracy pulls ahead, to 94.0 % (on augmented images). On the test images, the network gets 89.39 % right (n = 1).",
            "As the rate falls, the validation accuracy rises from 76.8 % after 20 epochs to 90.1 %. At the end the training accuracy pulls ahead, to 94.0 % (on augmented images). The network gets 89.39 % of the test images right (n = 1).",
        ),
        (
            "Published CIFAR-10 accuracies of EfficientNets come from networks that were pre-trained on ImageNet, so we put none beside this one.",
            "The paper's network for CIFAR-10 was pre-trained on ImageNet, so we put no accuracy of the paper beside ours.",
        ),
    ],
    43: [
        (
            "First the paper's evidence: four networks, scaled along one dial or along all three to the same cost (the paper's numbers; ImageNet top-1, %):",
            "First the paper's evidence: four networks, scaled along one dial or along all three to about the same cost (ImageNet top-1, %):",
        ),
        (
            "Now ours, the five networks from the top. \"All together\" has the rule's factors for $\\phi = 2$; the base was chosen such that rounding changes each of them by at most 5 %. The other three turn one dial until they cost the same within 3 %.",
            "Now ours, the five networks from the top. \"All together\" has the rule's factors for $\\phi = 2$, and rounding changes each of them by at most 5 %. The other three large networks turn one dial until they cost the same within 3 %.",
        ),
    ],
    47: [
        (
            "Equal multiply-adds are far from equal time on this CPU. Four times the multiply-adds take twice the base's time if they go into width, and 3.6 times its time if they go into depth.",
            "On this CPU, four times the multiply-adds take twice the base's time if they go into width, and 3.6 times if they go into depth.",
        ),
        (
            "Then we train each with three seeds. The learning rate is 0.4 for all of them and was not tuned for each.",
            "Now we train each network with three seeds. The learning rate is 0.4 for all of them and was not tuned for each.",
        ),
    ],
    49: [
        (
            "We compare \"all together\" with the rest. The standard error of the difference of two means is $s\\sqrt{2/n}$ for $n$ seeds. Three seeds say little about the standard deviation $s$, so we pool the variances of all groups.",
            "We compare \"all together\" with the rest. The number after ± is the standard error of the difference, with the standard deviation pooled over all groups.",
        ),
    ],
    51: [
        (
            "All four larger networks beat the base, by 3.4 to 12.6 points. But higher resolution reaches 81.95 % and scaling together 78.65 %, 3.30 ± 0.25 points less; wider reaches 75.83 % and deeper 72.73 %. The deeper network has the most parameters of the four, 131 thousand, and gains least; the winner has no more than the base, 29 thousand. The receptive field didn't decide here: the winner has the smallest one relative to its image.",
            "All four larger networks beat the base (69.34 %). But higher resolution reaches 81.95 %, and scaling together 78.65 %, 3.30 ± 0.25 points less; wider reaches 75.83 % and deeper 72.73 %. Parameters don't decide: the deeper network has the most and gains least, and the winner has no more than the base. The receptive field doesn't decide either: the winner has the smallest one relative to its image.",
        ),
    ],
    53: [
        (
            "From the third epoch on, the order of the best three stays the same. The curves flatten only in the last epoch, when the learning rate is almost 0. The training accuracy (on augmented images) is below the validation accuracy in all five, so these networks underfit: they are ranked by how fast they learn.\n\n**What this experiment can and cannot say.** It compares four networks at one cost after short trainings, which favour whatever learns fast, on small images. The order holds for this setting, and neither confirms nor contradicts the paper, which trains much longer, on ImageNet.",
            "From the third epoch on, the order of the best three stays the same. At the end, the training accuracy (on augmented images) is below the validation accuracy in all five, so none of them overfits.\n\n**What this experiment can and cannot say.** It compares small networks after short trainings, which favour whatever learns fast. The order holds for this setting, and neither confirms nor contradicts the paper, which trains much longer, on ImageNet.",
        ),
        (
            "We train the small base without its squeeze-and-excitation layers, with the same seeds. The layers have parameters, but they work on averages, so they need almost no multiply-adds. A third group has the layers, but no weight decay on their weights; you will see below why we ask for it.",
            "We train the small base without its squeeze-and-excitation layers, with the same seeds. A third group has the layers, but no weight decay on their weights; you will see below why.",
        ),
    ],
    55: [
        (
            "Three seeds cannot exclude a gain below one point. The layers hold 13 % of the parameters and 0.5 % of the multiply-adds. On ImageNet, the authors of squeeze-and-excitation found clear gains.",
            "Three seeds cannot exclude a small gain, and on ImageNet the authors of squeeze-and-excitation found clear gains. The layers hold 13 % of the parameters, but need only 0.5 % of the multiply-adds, because they work on averages.",
        ),
        (
            "We look into the trained main network. For each block, we record the gates of 2,000 test images.",
            "For each block of the trained main network, we record the gates of 2,000 test images.",
        ),
        (
            "How much does a channel's gate vary from image to image, and how much of this variation does the class explain?",
            "How much does a gate vary from image to image, and how much of this variation does the class explain?",
        ),
    ],
    57: [
        (
            "In seven of ten, they are almost the same for every image (a standard deviation of at most 0.001), so the layer only multiplies each channel by a constant. In two blocks they clearly vary (0.04 and 0.03), in one barely (0.004). The weights in front of the gates have shrunk, in four blocks to 0.000. Weight decay is a likely cause: in the small base (seed 0), the gates vary by 0.07 to 0.10 in four of six blocks if their weights are not decayed, and by at most 0.04 if they are. (In the other two blocks it is the other way round.) In the blocks of the main network that still work, the class explains at most 30 % of the variation.",
            "In seven of ten, they are almost the same for every image (a standard deviation of at most 0.001), so the layer only multiplies each channel by a constant. In two blocks they clearly vary (0.04 and 0.03), in one barely (0.004), and in these three the class explains at most 30 % of the variation. The weights in front of the gates have shrunk, in four blocks to 0.000. Weight decay is a likely cause: in the small base (seed 0), the gates of four of the six blocks vary by 0.07 to 0.10 if their weights are not decayed, and by at most 0.04 if they are. (In the other two blocks it is the other way round.)",
        ),
        (
            "A regulariser can only help where a network overfits. So we give the main network only 2,000 training images for 40 epochs, once without and once with the paper's probability of 0.2.",
            "A regulariser helps where a network overfits. So we give the main network only 2,000 training images for 40 epochs, without stochastic depth and with the paper's probability of 0.2.",
        ),
    ],
    59: [
        (
            "without stochastic depth it gets 96.0 % of the training images right, but only 62.6 % of the validation images. With it, the numbers are 84.5 % (on augmented images and with blocks dropped) and 65.2 %. On the test images it gains 1.23 ± 0.94 points, 62.72 against 61.48 % (n = 2). The direction is the expected one, but the lower of its two dots is hardly above the better one without, and two seeds do not settle it.",
            "without stochastic depth it gets 96.0 % of the (augmented) training images right, but only 62.6 % of the validation images. With it, the numbers are 84.5 % (with blocks dropped) and 65.2 %. On the test images, stochastic depth gains 1.23 ± 0.94 points (n = 2). The direction is the expected one, but two seeds do not settle it.",
        ),
    ],
    61: [
        (
            "torchvision states the accuracy of its published weights, so we can draw the claim without a download. We count the multiply-adds ourselves.",
            "torchvision states the accuracy of its published weights, so we can plot this without a download.",
        ),
    ],
    63: [
        (
            "But part of the distance is training. The three larger ResNets gain four to five points with a newer recipe. ResNet-50 is then as accurate as B2 (80.9 and 80.6 %), for almost four times the multiply-adds (4.1 against 1.1 billion).",
            "But part of the distance is training: the three larger ResNets gain four to five points with a newer recipe. ResNet-50 is then as accurate as B2 (80.9 and 80.6 %), for almost four times the multiply-adds.",
        ),
        (
            "A small plot shows what this collection has trained and stored on two cores, with CIFAR-10. VGG-16 has a quarter of its width, Inception an eighth and MobileNet half. The accuracies are not a fair comparison, because training lengths differ.",
            "The next plot shows what this collection has trained on two cores, on CIFAR-10. VGG-16 has a quarter of its width, Inception an eighth and MobileNet half. Their training lengths differ, so the accuracies are not a fair comparison.",
        ),
    ],
    67: [
        (
            "With 10.6 million multiply-adds, our EfficientNet needs about a quarter of what ResNet-20 (40.6 million) and MobileNet (45.3 million) need, partly because it sees 26 pixels and they see 32. It gets 89.39 % of the test images right, against 90.51 and 89.91 %. The three oldest networks were trained for only a few epochs.",
            "With 10.6 million multiply-adds, our EfficientNet needs about a quarter of what ResNet-20 and MobileNet need, partly because it sees 26 pixels and they see 32. It gets 89.39 % of the test images right, against 90.51 and 89.91 %.",
        ),
    ],
    69: [
        (
            "(The first line of a title is the prediction.) In nine of the ten, an animal is taken for another animal or a vehicle for another vehicle; the exception is the ship that the network calls a bird. It is almost certain of all ten: that a softmax gives 100 % doesn't make a prediction right.",
            "The first line of a title is the prediction. In nine of the ten, the network takes an animal for another animal or a vehicle for another vehicle. All ten have a softmax probability of about 100 %, and all ten are wrong.",
        ),
        (
            "The released networks have been trained on ImageNet, each at its own resolution. **Use the right size:** a network recognises objects best at the size in pixels at which it saw them in training. torchvision keeps the size and the interpolation beside its weights, so we ask it: \"resize\" is the shorter side after resizing, \"crop\" the central square that the network gets.",
            "The released networks were trained on ImageNet, each at its own resolution. **Use the right size:** a network recognises objects best at the size in pixels at which it saw them in training. torchvision stores this size (\"crop\") beside its weights.",
        ),
    ],
    71: [
        (
            "Only B2's resolution differs from the paper: torchvision evaluates it at 288 pixels instead of 260.",
            "Only B2's resolution differs from the paper's (288 instead of 260 pixels).",
        ),
        (
            "so its weights (21 MB) load directly.",
            "so its weights load directly.",
        ),
        (
            "(In the stored run there was no connection.)",
            "(The stored run had no connection.)",
        ),
    ],
    73: [
        (
            "with the same random weights, batch-norm parameters and statistics, both give the same output.",
            "with the same random weights, both give the same output.",
        ),
    ],
    75: [
        (
            "Set `my_image` to a file in which one of the ten things fills most of the frame. The network's resolution is stored with its weights.",
            "Set `my_image` to an image in which an object of one of the ten classes fills most of the frame. Without one, the network classifies the first test image of each class, in the stored run all ten correctly.",
        ),
    ],
    78: [
        (
            "Do all gates depend on the image now, and does the accuracy rise? Does a ReLU between the two linear layers, as in the original, change anything?",
            "Do all gates depend on the image now, and does the accuracy rise?",
        ),
    ],
}

old = nbformat.read(NB, 4)
new = copy.deepcopy(old)
for index, pairs in CHANGES.items():
    cell = new.cells[index]
    assert cell.cell_type == "markdown", index
    for before, after in pairs:
        assert cell.source.count(before) == 1, (index, before[:60])
        cell.source = cell.source.replace(before, after)
nbformat.validate(new)
nbformat.write(new, OUT)

# Checks, on the file as written
again = nbformat.read(OUT, 4)


def content(cell):
    return cell.get("id"), cell.source, cell.execution_count, json.dumps(cell.outputs, sort_keys=True), cell.metadata


def markdown(book):
    return [cell.source for cell in book.cells if cell.cell_type == "markdown"]


def headings(book):
    return [line for source in markdown(book) for line in source.splitlines() if line.startswith("#")]


def words(book):
    return sum(len(source.split()) for source in markdown(book))


assert [c.cell_type for c in old.cells] == [c.cell_type for c in again.cells]
code_before, code_after = ([content(c) for c in b.cells if c.cell_type == "code"] for b in (old, again))
assert code_before == code_after
assert headings(old) == headings(again)
assert old.metadata == again.metadata
numbers = lambda text: set(re.findall(r"\d[\d,.]*\d|\d", text))
print("numbers that are new in the text:", sorted(numbers("\n".join(markdown(again))) - numbers("\n".join(markdown(old)))))
print("words:", words(old), "->", words(again), " cells:", len(old.cells), "->", len(again.cells))
print("sha256 of NB read:", hashlib.sha256(NB.read_bytes()).hexdigest()[:16], " size:", OUT.stat().st_size)
