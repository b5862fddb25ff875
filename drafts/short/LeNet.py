"""Shorten the Markdown of LeNet.ipynb; code cells and outputs stay as they are."""

from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/lenet/LeNet.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")
EDITS = {  # cell: [(old, new), …]; every old text must be there exactly once
    0: [
        (" with the paper's architecture, including the parts that textbooks leave out, and count", " with the paper's architecture and count"),
        (" and its modern form 0.81 ± 0.03 %, over three seeds each.", " and its modern form 0.81 ± 0.03 % (three seeds each)."),
        (
            "The training took about an hour, in one thread of an AMD EPYC that other programs shared. The six LeNets took 36 minutes of this. Scales:",
            "The training took about an hour, in one thread of an AMD EPYC that other programs shared. Scales:",
        ),
        ("The second code cell says how to choose.", "The second code cell prints how to choose one."),
    ],
    4: [
        (" More feature maps make up for the lost resolution.", ""),
        (" The paper argues that better systems rely more on learning and less on hand-designed heuristics.", ""),
        ("| k nearest neighbours | 5.0 |\n", ""),
        ("| the same, with distorted digits added | 2.5 |\n", ""),
        (
            "Section III compares many classifiers on MNIST, a data set of handwritten digits. Some test errors:",
            "Section III compares many classifiers on MNIST, a data set of handwritten digits. These are some of the test errors:",
        ),
        (
            "reads words and the amounts on bank cheques, where nobody says where a character begins: segmentation, recogniser and language model are trained together, as *graph transformer networks* (which have nothing to do with today's Transformer). This notebook covers the first half, and reads a line of digits at the end.",
            "reads words and bank cheques with *graph transformer networks* (unrelated to today's Transformer). This notebook covers the first half.",
        ),
    ],
    6: [
        (
            " The paper chose these values to give a mean near 0 and a variance near 1. Here the mean is near 0, but the variance is only 0.12 (a standard deviation of 0.35).",
            " This brings the mean of the pixels near 0.",
        ),
    ],
    8: [
        (
            "In a convolution every unit has its own small window, and all units use the same kernel $w$. For the unit in row $r$ and column $c$ of a feature map,",
            "For the unit in row $r$ and column $c$ of a feature map, a convolution with the kernel $w$ computes",
        ),
        ("Backpropagation needs no new rule for shared weights: the gradient", "Backpropagation needs no new rule: the gradient"),
    ],
    10: [
        (
            "A convolution, an activation function, subsampling and the activation function again: LeNet-5 has this block twice.",
            "LeNet-5 has the following block twice: a convolution, an activation function, subsampling, and the activation function again.",
        ),
    ],
    12: [
        (
            "The activation function is a scaled tanh that maps ±1 to ±1, the target values of the output below. Its curvature is largest at ±1. The flat tails, where gradients vanish, are far away.",
            "The activation function is a scaled tanh that maps ±1 to ±1. These are the target values of F6 below. Its second derivative is largest there, well before the flat tails, where gradients vanish.",
        ),
    ],
    15: [
        (
            "In C3, each of the 16 feature maps sees only some of the six of S2. The paper gives two reasons: the table saves 900 parameters, each used 100 times, so 90,000 connections; and, more importantly, it breaks the symmetry. Feature maps with different inputs are forced to learn different features. (We test this below.)",
            "In C3, all but one of the 16 feature maps see only some of the six of S2. The paper gives two reasons: the table saves connections and, more importantly, it breaks the symmetry. Feature maps with different inputs are forced to learn different features. (We test this below.)",
        ),
        (
            "Its 60 kernels of 5×5 lie in one tensor, `weight`; `masked_scatter` writes them, in order, into a 16×6 grid of kernels wherever the table `seen` is True. Like all weights of LeNet-5, they are initialised uniformly",
            "Like the weights of C1, C5 and F6, its 60 kernels are initialised uniformly",
        ),
    ],
    18: [
        ("Smaller is better: the prediction is the class", "The prediction is the class"),
        (
            "The codes were drawn by hand and kept fixed, \"at least initially\". Characters that are easily confused get similar codes, which helps a system that reads words to correct itself; for single digits it is of no particular use.",
            "The codes were drawn by hand and are kept fixed. Characters that are easily confused get similar codes, which helps a system that reads whole words to correct itself.",
        ),
    ],
    23: [
        (
            "Equation 9 is discriminative: a further term, derived from the *maximum a posteriori* (MAP) criterion, pushes the wrong codes away (exercise 2).",
            "Equation 9 adds a term that pushes the wrong codes away (exercise 2).",
        ),
    ],
    26: [
        ("The counts are exactly the paper's: 60,000 trainable parameters and 340,908 connections.", "The counts are exactly the paper's."),
    ],
    32: [
        (
            "Both networks have fewer than 2.3 % validation errors from the fourth epoch on, and fewer than 1 % at the end; the seeds of each form end within 0.2 points.",
            "Both networks end with fewer than 1 % validation errors, for every seed.",
        ),
    ],
    34: [
        (
            "0.88 ± 0.04 % test errors against 0.95 %, within the two standard errors that 10,000 test images allow. The modern form makes 0.81 ± 0.03 %. The ± is the standard deviation over seeds. The two forms differ by 0.07 points; we do not rank them.",
            "it makes 0.88 ± 0.04 % test errors against 0.95 %, and the difference is less than two standard errors of the finite test set. The modern form makes 0.81 ± 0.03 %. The ± is the standard deviation over three seeds.",
        ),
        (
            "The two forms differ in five things at once: subsampling, connection table, scaled tanh, weight initialisation, and output with its loss. A gap between them cannot be attributed to any one.\n\n"
            "The paper's 0.95 % is the final level of its test curve, after training on all 60,000 digits. rasbt's modern form uses max pooling, digits resized to 32 pixels, and ten epochs of Adam on all 60,000.",
            "We do not rank our two forms. They are only 0.07 points apart, and they differ in five things at once: subsampling, connection table, scaled tanh, weight initialisation, and output with its loss. The paper's network and rasbt's (1.07 %), which has max pooling, were trained on all 60,000 digits.",
        ),
        (
            "A feature map of a convolution moves with the digit: that is equivariance. Each subsampling",
            "Convolutions are equivariant, and each subsampling",
        ),
        (
            " As far as we can tell, that network had been trained on MNIST digits with salt-and-pepper noise; shifts are not mentioned. We test networks trained on centred digits, and two (one seed each) trained on digits shifted at random by up to four pixels in each direction. The network without convolutions is fully connected with 300 and 100 hidden units, like the paper's, but with 32×32 inputs. It gets the better of two learning rates by validation errors (5,500 images, seed 0); both baselines of this notebook chose the larger one.\n\n"
            "We move every fourth test digit up and down by up to ten pixels, half the height of a typical digit. If the tolerance comes from the architecture, the LeNets trained on centred digits will keep their accuracy for several pixels while the fully connected network loses it. If the tolerance comes",
            " As far as we can tell, that network had been trained on digits with salt-and-pepper noise. We move every fourth test digit up and down by up to ten pixels, half the height of a typical digit.\n\n"
            "We compare both LeNets with a fully connected network, all trained on centred digits. The fully connected network has 300 and 100 hidden units, like the paper's, but 32×32 inputs, and the better of two learning rates by validation errors on 5,500 training images. Two more networks (one seed each) are trained on digits shifted at random by up to four pixels in each direction. If the tolerance comes from the architecture, the LeNets trained on centred digits will keep their accuracy for several pixels while the fully connected network loses it. If the tolerance comes",
        ),
    ],
    37: [
        (
            "At three pixels they lose 15 to 22 points, at most about half as much as the fully connected network (39 to 40). Half a digit's height, ten pixels, is far away. With random shifts",
            "At three pixels they lose 15 to 22 points, and the fully connected network 39 to 40. With random shifts",
        ),
        (
            " At six pixels, beyond any shift that it has seen, the LeNet has 93.8 % against 82.8 %. At ten pixels 99 % of the digits lose ink over the edge, so there the test also asks for cut digits.",
            " At ten pixels, half a digit's height, all networks fail; but there 99 % of the digits lose ink over the edge.",
        ),
        (
            " In an untrained network, indeed, two feature maps of C3 have a mean |correlation| of about 0.2, with Table I as with a full table that connects each of them to all six of S2. So the question is what training adds.\n\n"
            "We train both forms on the same 5,500 images, and compare test errors and correlations over 1,000 test images. At each position we first subtract the mean over the images; otherwise the constant background would count as agreement. Each network's own initial weights are the control. If",
            " To test the argument, we train the network of 1998 with Table I and with a full table, which connects each feature map of C3 to all six of S2, on the same 5,500 images.\n\n"
            "We compare the test errors and the mean |correlation| of two feature maps of C3, before and after training. If",
        ),
    ],
    39: [
        (
            ": the seeds overlap. The argument predicts a smaller rise of the correlation with the table. We see none: 0.05 with Table I, 0.04 with the full table (the mean over the seeds).",
            ": the seeds overlap. Training raises the correlation by 0.05 with Table I and by 0.04 with the full table (means over three seeds), so the rise is no smaller with Table I.",
        ),
        (
            "It needs the same 416,520 multiplications, but has 423,038 parameters.",
            "It needs as many multiplications, but has 423,038 parameters instead of 61,706.",
        ),
        (
            "with 338,610 parameters and four fifths of the modern LeNet's multiplications.",
            "with 338,610 parameters.",
        ),
        (
            "So we test it with 550 and 5,500 images; each seed draws its own subset. With all 55,000, the unshared network is trained last and only once (n = 1), and we call a gap under 0.3 points undecided.\n\n"
            "The tuning is not even: each baseline gets the better of two learning rates at 5,500 images, while the weight decay and LeNet's learning rate were chosen for the LeNets at 55,000.",
            "So we train with 550, 5,500 and all 55,000 images. With all of them, the unshared network is trained only once (n = 1), and we call a gap under 0.3 points undecided.\n\n"
            "The tuning is uneven: the baselines get the better of two learning rates at 5,500 images (the larger, for both), while the weight decay and LeNet's learning rate were chosen for the LeNets at 55,000.",
        ),
    ],
    43: [
        (
            "With 550 images it removes 4.4 points of error, with 5,500 it removes 1.1, and with 55,000 (one run) 0.2, which we call undecided.",
            "With 550 images it removes 4.4 points of error, with 5,500 images 1.1, and with 55,000 (one run) 0.2, which is undecided.",
        ),
        (" In 1989 LeCun found the same order with 320 digits, and a larger gap.", ""),
        (
            "Three notes. The unshared network has seven times as many parameters as LeNet, and the smaller training sets get fewer steps (1,440 and 2,752 against 13,760). Our fully connected network",
            "Our fully connected network",
        ),
        ("half of the paper's 3.05 %, so its distance to LeNet is smaller than in the paper.", "half of the paper's 3.05 %."),
        (
            " And on the same 5,500 images, the network of 1998 makes fewer errors than its modern form (2.3 against 2.8 %, three seeds, in the section before); which of their five differences causes this, we did not test.",
            "",
        ),
    ],
    46: [
        (", kernel 4 to a short horizontal bar, and kernel 5 to a horizontal edge; kernel 1 is negative on strokes.", ", kernel 4 to a short horizontal bar, and kernel 5 to a horizontal edge."),
    ],
    49: [
        (" S2 shows the same at half the resolution.", ""),
        (
            "F6, in the next figure, *is* the code of 7: the squared distance rounds to 0, and the next code, that of 3, is 109 away.",
            "In the second figure, F6 looks just like the code of 7: their squared distance rounds to 0, and the next code, that of 3, is 109 away.",
        ),
    ],
    52: [
        (
            "A recogniser may reject a digit when it is in doubt. As a measure of doubt we take the **margin**",
            "As a measure of the network's doubt we take the **margin**",
        ),
        (
            "They are close to 0 at the five digits, and peak at 79 to 119 between neighbours.",
            "They are close to 0 at the five digits, and rise above 75 between neighbours.",
        ),
        (
            " The network was trained on centred digits only, and it cannot say \"none of these\".\n\n"
            "A large distance to *all* codes is a reason to reject an image: an RBF unit responds only in a bounded region around its code.",
            " The network was trained on centred digits only. So a large distance to *all* codes is a reason to reject an image, but a small one does not prove that the reading is right.",
        ),
    ],
    54: [
        (
            "Several of the ten digits above would make a person hesitate too: the second 6 and the 9 in the second row, for example. The threshold is chosen on the same test digits, so this share is a little optimistic.",
            "The threshold is chosen on the same test digits, so this share is a little optimistic. Several of the ten digits above would make a person hesitate too.",
        ),
    ],
    56: [
        (
            "The second digit of the test set is read as a 2, with a distance that rounds to 0; the next code is that of 5, at 81.",
            "The network reads the second digit of the test set as a 2, which is right.",
        ),
    ],
}


def words(book):
    return sum(len(cell.source.split()) for cell in book.cells if cell.cell_type == "markdown")


def headings(book):
    return [line for c in book.cells if c.cell_type == "markdown" for line in c.source.splitlines() if line[:1] == "#"]


def main():
    book, before = nbformat.read(NB, 4), nbformat.read(NB, 4)
    for i, edits in EDITS.items():
        cell = book.cells[i]
        assert cell.cell_type == "markdown", i
        for old, new in edits:
            assert cell.source.count(old) == 1, (i, cell.source.count(old), old)
            cell.source = cell.source.replace(old, new)
    assert headings(book) == headings(before)
    code, code_before = ([c for c in b.cells if c.cell_type == "code"] for b in (book, before))
    assert code == code_before and len(book.cells) == len(before.cells) and book.metadata == before.metadata
    nbformat.validate(book)
    nbformat.write(book, OUT)
    print(words(before), "->", words(book), "words,", words(before) - words(book), "less")


main()
