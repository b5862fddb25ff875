"""Shorten UNet.ipynb: replace Markdown by exact text; code cells and outputs stay as they are."""

from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/unet/UNet.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")
DELETED = ()  # no code cell is deleted, so that execution counts stay as they are
EDITS = [  # (cell, old text, new text)
    (
        0,
        r'''# U-Net: Convolutional Networks for Biomedical Image Segmentation

Olaf Ronneberger, Philipp Fischer, Thomas Brox · MICCAI 2015 · [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/unet/UNet.ipynb)

You will build the U-Net, count its 31,030,658 parameters by hand, check the size of every stage against the paper's Figure 1, train a narrower one on 24 electron-microscopy slices of the data set that the paper used, and segment six slices that it was not trained on, and an image of your own. On the way you will take away skip connections, elastic deformation and most of the slices, and add the paper's weight map, to see what each is worth. (Padding and weight initialisation stay as they are.) On these six, our network gets 7.7 % of the pixels wrong, with a Rand error of 8.3 % at the best of ten thresholds (one run).

**How long it takes.** The stored outputs come from scale `cpu` on a two-core AMD EPYC. The main run took 110 minutes and the sixteen runs of the ablation 145, each on one thread, while the machine did other work. Scales: `quick` (half a minute, generated shapes, no internet; its numbers mean nothing), `cpu`, `gpu` (the paper's width), `paper` (the paper's own recipe, for many hours). The second code cell says how to choose.''',
        r'''# U-Net: Convolutional Networks for Biomedical Image Segmentation

Olaf Ronneberger, Philipp Fischer, Thomas Brox · MICCAI 2015 · [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/unet/UNet.ipynb)

You will build the U-Net, count its 31,030,658 parameters by hand, check the size of every stage against the paper's Figure 1, train a narrower one on 24 electron-microscopy slices, and segment six held-out slices and an image of your own. You will also test what skip connections, elastic deformation, the weight map and more slices are worth. On the six slices, our network gets 7.7 % of the pixels wrong and has a Rand error of 8.3 % at the best of ten thresholds (one run).

**How long it takes.** The stored outputs come from scale `cpu` on a two-core AMD EPYC: 110 minutes for the main run and 145 for the sixteen runs of the ablation, each on one thread, while the machine did other work. Other scales are `quick` (generated shapes; its numbers mean nothing), `gpu` (the paper's width) and `paper` (the paper's recipe, many hours). The output of the second code cell says how to choose.''',
    ),
    (
        4,
        r'''Each blue box is two 3×3 convolutions, each with a ReLU. The upper number counts the channels, the lower one is the height and width in pixels. On the way down (left), 2×2 max pooling halves the resolution and the channels double; on the way up (right), 2×2 transposed convolutions do the opposite. The horizontal arrows are the **skip connections**: feature maps of the left side are cropped, copied, and concatenated with those of the right side.

## The paper in brief

**The question.** A classifier says *what* is in an image. In biomedical images we want a class for every pixel: is this membrane or cell? Two things make this hard. To decide whether a dark line is a membrane, a network must look far around, but pooling, which gives it that view, throws away the exact position. And labels are scarce: the paper's first data set has **30** annotated images.

The best method before, by Cireşan and others, classified one pixel at a time from a window around it. That was slow, and had to trade context (large windows) against position (small ones).

**The idea.** Run one fully convolutional network over the whole image. A contracting path collects context, an expanding path brings the resolution back, and skip connections hand it the positions that pooling lost. Around this network stand four more choices:

1. convolutions **without padding**: every output pixel has seen only real image, so large images can be predicted tile by tile;
2. **elastic deformation** of images and masks, which stretches few annotated images into many;
3. a **weight map** in the loss, which makes the network care about the thin borders between cells that touch;
4. careful **weight initialisation**, $\mathcal N(0, 2/N)$ with $N$ incoming connections.

**The results.** In the ISBI-2012 challenge, the U-Net led the ranking by warping error, which counts topological mistakes (objects merged or split) after letting borders move: 0.000353 against 0.000420 for Cireşan's sliding window. Its Rand error was 0.0382 and its pixel error 0.0611, averaged over seven rotated versions of the input. By Rand error, some entries with post-processing made for this data set were better. It also won two tasks of the ISBI cell-tracking challenge of 2015 by a wide margin: 0.9203 (second best 0.83) and 0.7756 (second best 0.46) in intersection over union, the overlap of predicted and true cells divided by the area of both together. The paper has no ablation of its choices.

## The data

The slices show the nerve cord of a fruit-fly larva. A microtome cut the tissue into sections of 50 nanometres, an electron microscope imaged each section, and annotators marked the membranes black and the cells white. The challenge published 30 slices with labels and 30 without. The labels of the second 30, on which the paper is scored, are still secret. So we hold out **the last six** of the labelled slices, numbers 24 to 29 counted from 0, and train on the other 24. We chose the six before any training. They stand together because neighbouring slices show the same cells.''',
        r'''Each blue box is two 3×3 convolutions, each with a ReLU. The upper number counts the channels, the lower one is the height and width in pixels. On the way down (left), 2×2 max pooling halves the resolution and the channels double; on the way up (right), 2×2 transposed convolutions do the opposite. The horizontal arrows are the **skip connections**: they crop feature maps of the left side and concatenate them with those of the right side.

## The paper in brief

**The question.** A classifier says *what* is in an image. In biomedical images we want a class for every pixel: is this membrane or cell? To recognise a membrane, a network must look far around, but pooling, which widens its view, throws away the exact position. Labels are scarce, too: the paper's first data set has **30** annotated images. The best method before, by Cireşan and others, classified one pixel at a time from a window around it. That was slow, and large windows lost position.

**The idea.** Run one fully convolutional network over the whole image. A contracting path collects context, an expanding path brings the resolution back, and skip connections hand it the positions that pooling lost. The paper adds four more choices:

1. convolutions **without padding**, so that large images can be predicted tile by tile;
2. **elastic deformation**, which turns few annotated images into many;
3. a **weight map** in the loss, for the thin borders between cells that touch;
4. **weight initialisation** from $\mathcal N(0, 2/N)$, with $N$ incoming connections.

**The results.** In the ISBI-2012 challenge, the U-Net led the ranking by warping error, which counts merged and split objects: 0.000353 against 0.000420 for Cireşan's sliding window. Its Rand error was 0.0382 and its pixel error 0.0611 (sliding window: 0.0504 and 0.0613). By Rand error, some entries with special post-processing were better. The U-Net also won two tasks of the ISBI cell-tracking challenge of 2015, with an intersection over union of 0.9203 (second best: 0.83) and 0.7756 (0.46). The paper has no ablation of its choices.

## The data

The slices show the nerve cord of a fruit-fly larva. Annotators marked the membranes black and the cells white. The challenge published 30 slices with labels and 30 without. The labels of the second 30, on which the paper is scored, are still secret. So we hold out **the last six** labelled slices and train on the other 24. The six stand together because neighbouring slices show the same cells.''',
    ),
    (
        6,
        r'''On the left you see a part of a training slice, in the middle its mask, on the right its cells: the 4-connected components of white (pixels that share a side), each in a random colour. Membranes are only a few pixels wide, but a gap of a single pixel in one of them joins two cells. The dark blobs inside cells are mitochondria. Their outlines look like cell membranes but do not count as membranes.

## How the network is built

**The encoder** (the contracting path) is an ordinary convolutional network: two 3×3 convolutions, 2×2 max pooling, and again. At the **bottleneck**, the bottom of the U, one pixel has a receptive field of 140×140 input pixels, as we compute below.

**The decoder** (the expanding path) brings the resolution back. A 2×2 transposed convolution with stride 2 multiplies each pixel by a kernel and writes the four products side by side: one pixel becomes four.''',
        r'''The cells on the right are the 4-connected components of the mask's white (pixels that share a side), in random colours. Membranes are only a few pixels wide, but a gap of a single pixel joins two cells. The dark blobs inside cells are mitochondria. Their outlines look like cell membranes but do not count as membranes.

## How the network is built

**The encoder** (the contracting path) is an ordinary convolutional network: two 3×3 convolutions, 2×2 max pooling, and again. At the **bottleneck**, the bottom of the U, one pixel has a receptive field of 140×140 input pixels.

**The decoder** (the expanding path) brings the resolution back. A 2×2 transposed convolution with stride 2 multiplies each pixel by a kernel and writes the four products into a 2×2 square: one pixel becomes four.''',
    ),
    (
        10,
        r'''After pooling, the two images are the same, so no decoder could tell them apart. **A skip connection** brings the difference back: the encoder's feature maps from before the pooling are concatenated with the decoder's, and the next convolutions read both. The decoded half says *what* is there (a line, somewhere in these four pixels), the copied half says *where*.

**The head** is a 1×1 convolution, which turns the 64 channels of each pixel into two logits. A softmax over the two, in every pixel separately, gives the probabilities of the classes. Here is the whole network:''',
        r'''After pooling, the two images are the same, so no decoder could tell them apart. **A skip connection** brings the difference back: the encoder's feature maps from before the pooling are concatenated with the decoder's, and the next convolutions read both. The decoded half says *what* is there (a line), the copied half says *where*.

**The head** is a 1×1 convolution, which turns the 64 channels of each pixel into two logits. A softmax over the two, in every pixel separately, gives the class probabilities. Here is the whole network:''',
    ),
    (
        13,
        r'''The `merge` stages include the up-convolution before them. The paper does not give the number of parameters, so we count by hand: a convolution has kernel × inputs × outputs weights and a bias for each output. We can also derive the receptive field at the bottleneck. A 3×3 convolution adds two pixels and a 2×2 pooling adds one, where a pixel of the five stages measures 1, 2, 4, 8 and 16 input pixels.''',
        r'''The paper does not give the number of parameters, so we count by hand: a convolution has kernel × inputs × outputs weights and a bias for each output. We also compute the receptive field: a 3×3 convolution adds two pixels and a 2×2 pooling one, and a pixel of the five stages measures 1, 2, 4, 8 and 16 input pixels.''',
    ),
    (
        15,
        r'''The crop grows from 4 pixels at the bottom to 88 at the top, because the copy at the top has to match feature maps that have lost borders at every stage below. That is the price of the paper's choice: $1 - (388/572)^2 = 54\,\%$ of the input's area is only context. The loss compares the 388×388 outputs with the middle 388×388 pixels of the mask.

Most users of U-Net pad each convolution with zeros instead: sizes stay, nothing is cropped, and the weights have the same shapes. We train this form, `UNet(padding=True)`, at the scales below `paper`, since on two cores the context is too expensive. We also add batch norm, to train in fewer steps.

Not every size fits. Each pooling needs an even number of rows, so the unpadded form takes 572 or 588 pixels, but not 580. The model says so, and names the nearest sizes:''',
        r'''The crop grows from 4 pixels at the bottom to 88 at the top, because the upper copies have to match feature maps that lost borders at every stage below. The paper's choice has a price: $1 - (388/572)^2 = 54\,\%$ of the input's area is only context.

Most users of U-Net pad each convolution with zeros instead: sizes stay, and nothing is cropped. Below scale `paper` we train this form, `UNet(padding=True)`, because the context is too expensive on two cores. We also add batch norm, to train in fewer steps.

Not every size fits, because each pooling needs an even number of rows and columns. The model says so, and names the nearest sizes:''',
    ),
    (
        17,
        r'''## Images of any size: overlapping tiles

How do we segment an image that is too large for the memory, or of a size that does not fit? The paper's Figure 2 shows the **overlap-tile strategy**: cut out a tile and 92 pixels of context on each side, and run the network on that piece. Beyond the image's border, mirror the image. Since each output pixel depends on its context alone, tiles fit together without a seam. But tiles must start at multiples of 16 pixels, or else the poolings group other pixels. The padded form needs context as well, to keep its zeros away from the tile.''',
        r'''## Images of any size: overlapping tiles

How do we segment an image that is too large for the memory, or of a size that does not fit? The paper's Figure 2 shows the **overlap-tile strategy**: cut out a tile with 92 pixels of context on each side, and run the network on that piece. Beyond the image's border, mirror the image. Each output pixel depends on its context alone, so the tiles fit together without a seam. The padded form needs context as well, to keep its zeros away from the tile.''',
    ),
    (
        20,
        r'''The orange tile is predicted from the light blue frame, which has the paper's 92 pixels of context. Its upper left part lies outside the image (white frame) and is filled by mirroring. The check passes for all three sizes of tile, so the tile bounds the memory for activations, however large the image is.

## The loss: a weight for each pixel

The loss is the cross-entropy of each pixel, but the pixels have weights (equations 1 and 2 of the paper):

$$E = \sum_x w(x)\,\big(-\log p_{\ell(x)}(x)\big), \qquad w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right).$$

$w_c$ balances the classes, since there is less membrane than cell. The second term is for borders: $d_1$ is the distance to the border of the nearest cell and $d_2$ that to the second nearest, so that their sum is small exactly where two cells nearly touch. The paper sets $w_0 = 10$ and $\sigma \approx 5$ pixels. We give the second term to membrane pixels alone. In a gap of $g$ pixels between two cells, $d_1 + d_2 = g + 1$, because distances run from pixel centre to pixel centre. So we can check the code by hand:''',
        r'''The network predicts the orange tile from the light blue frame, which adds the paper's 92 pixels of context. Beyond the image (white frame), we mirror it. For all three tile sizes, the prediction equals that of the whole image up to rounding, so you can choose a tile that fits the memory.

## The loss: a weight for each pixel

The loss is the cross-entropy of each pixel, but the pixels have weights (equations 1 and 2 of the paper):

$$E = \sum_x w(x)\,\big(-\log p_{\ell(x)}(x)\big), \qquad w(x) = w_c(x) + w_0 \exp\left(-\frac{(d_1(x) + d_2(x))^2}{2\sigma^2}\right).$$

$w_c$ balances the classes, since there is less membrane than cell. The second term is for borders: $d_1$ is the distance to the border of the nearest cell and $d_2$ that to the second nearest, so that their sum is small where two cells nearly touch. The paper sets $w_0 = 10$ and $\sigma \approx 5$ pixels. We give this term to membrane pixels alone. In a gap of $g$ pixels, $d_1 + d_2 = g + 1$ from pixel centre to pixel centre, so we can check the code by hand:''',
    ),
    (
        23,
        r'''The thinner a membrane, the brighter it is in the weight map, over its whole width. On average it is 5.5 on membrane pixels and 0.65 inside cells, so a mistake on a membrane costs about eight times as much.

This has a side effect that we shall meet again: a network trained with such weights says "membrane" wherever it is in doubt, since that is the cheaper mistake. Its probabilities are no longer calibrated, and 0.5 need not be the best threshold.

## Thirty slices are few: elastic deformation

The paper calls augmentation by elastic deformation "the key concept" to train with few annotated images. The points of a coarse 3×3 grid get random shifts with a standard deviation of 10 pixels. Bicubic interpolation turns them into a shift for each pixel, and image, mask and weight map are read at the shifted positions. The mask needs nearest-neighbour interpolation, since there is no class between membrane and cell.''',
        r'''The thinner a membrane, the brighter it is in the weight map. The mean weight is 5.51 on membrane pixels and 0.65 on cell pixels, so a mistake on a membrane costs about eight times as much.

This has a side effect: a network trained with such weights says "membrane" wherever it is in doubt, since that is the cheaper mistake. So 0.5 need not be the best threshold.

## Thirty slices are few: elastic deformation

The paper calls augmentation by elastic deformation "the key concept" to train with few annotated images. The points of a coarse 3×3 grid get random shifts with a standard deviation of 10 pixels. Bicubic interpolation turns them into a shift for each pixel, and we read image, mask and weight map at the shifted positions. The mask needs nearest-neighbour interpolation, since no class lies between membrane and cell.''',
    ),
    (
        26,
        r'''The white grid shows how the tissue is stretched. Membranes stay smooth and closed, and cells keep plausible shapes, so a deformed slice could be a slice of another larva. The loader deforms whole batches at once: it adds a random place, a quarter turn or flip, and a small change of brightness and contrast. All random numbers come from (seed, epoch), so that a training run can be repeated exactly.

## Three metrics

**Pixel error**: the share of wrong pixels. A gap of one pixel in a membrane, which merges two cells, costs next to nothing.

**Intersection over union** (IoU): for each class, the pixels that prediction and ground truth share, divided by those that either of them has. We take the mean of the two classes.

**Rand error**: count pairs of pixels instead of pixels. Cells are the 4-connected components of the mask, or of the thresholded prediction. Of all pairs of pixels inside true cells, let $T$ be those in the same cell of the ground truth, and $S$ those in the same predicted cell. *Precision* is the fraction of predicted same-cell pairs that are correct, *recall* the fraction of true same-cell pairs that are found, and the Rand error is one minus their F-score:

$$\text{precision} = \frac{|S \cap T|}{|S|}, \qquad \text{recall} = \frac{|S \cap T|}{|T|}, \qquad \text{Rand error} = 1 - \frac{2\,|S \cap T|}{|S| + |T|}.$$

A *merge error* (two cells joined through a gap in a membrane) lowers precision. A *split error* (a cell cut by a false membrane) lowers recall. We do not thin the membranes, and a predicted membrane pixel counts as a cell by itself.

The challenge's server thresholds the probabilities at ten values and takes the best for each metric, on the very slices that it scores. We do the same with ten thresholds from 0.05 to 0.98, each for all six slices together, and also report the pixel error at 0.5, where nothing is chosen. First a case with a known answer: two cells of three pixels, which a prediction merges. The ground truth has 3 + 3 same-cell pairs, the prediction 15, of which 6 are correct.''',
        r'''The white grid shows how the tissue is stretched. Membranes stay smooth and closed, so a deformed slice could be a slice of another larva. The loader also shifts, turns and flips the crops, and changes their brightness and contrast a little.

## Three metrics

**Pixel error** is the share of wrong pixels. A gap of one pixel in a membrane, which merges two cells, costs next to nothing.

**Intersection over union** (IoU) divides the pixels that prediction and ground truth share by those that either of them has. We take the mean of the two classes.

**Rand error** counts pairs of pixels. Cells are the 4-connected components of the mask, or of the thresholded prediction. Of all pairs of pixels inside true cells, let $T$ be those in the same cell of the ground truth, and $S$ those in the same predicted cell. The Rand error is one minus the F-score of *precision* and *recall*:

$$\text{precision} = \frac{|S \cap T|}{|S|}, \qquad \text{recall} = \frac{|S \cap T|}{|T|}, \qquad \text{Rand error} = 1 - \frac{2\,|S \cap T|}{|S| + |T|}.$$

A *merge error* (two cells joined through a gap) lowers precision. A *split error* (a cell cut by a false membrane) lowers recall.

The challenge's server takes the best of ten thresholds for each metric, on the very slices that it scores. We do the same, and also report the pixel error at 0.5, where nothing is chosen.

We test the code on two cells of three pixels, which a prediction merges. The ground truth has 3 + 3 same-cell pairs, the prediction 15, of which 6 are correct.''',
    ),
    (
        29,
        r'''The merging prediction is right in six of seven pixels, yet has a Rand error of 0.43: merge errors are expensive.

## Overfit one batch

Before a long training run, a short sanity check: can the network overfit four crops? If not, something is broken.''',
        r'''The merging prediction is right in six of seven pixels, yet has a Rand error of 0.429.

## Overfit one batch

Before we train for long, we check that a small network can overfit four crops. If it cannot, something is broken:''',
    ),
    (
        31,
        r'''## Training

All hyperparameters are in one table, `KNOBS`. The `short` runs are those of the ablation, several seeds of each. With 5 slices instead of 24, we take more crops of each slice, so that an epoch has nearly the same number of steps.

**The main run uses the plain cross-entropy**, without the weight map, below scale `paper`. The map was made to separate touching cells. In this data set their borders are labelled: they are the membranes.

**What we chose on held-out slices.** The peak learning rate, the loss of the main run and the largest thresholds come from short trials (110 steps of a narrow network, one seed) on three of the six held-out slices; no output here shows them. So the six are a validation set, not a test set. In these trials the weight map made the pixel error at 0.5 worse and hardly changed the Rand error. The ablation below repeats this with three seeds.''',
        r'''## Training

All hyperparameters are in one table, `KNOBS`; the `short` runs are those of the ablation.

Below scale `paper`, **the main run uses the plain cross-entropy**. The weight map was made to separate touching cells, but in this data set their borders are labelled: they are the membranes.

**The six held-out slices are a validation set, not a test set.** We chose the peak learning rate, the loss and the largest thresholds in short trials on some of them, which this notebook does not show.''',
    ),
    (
        35,
        r'''Both curves fall fast in the first ten epochs. Afterwards the training curves fall slowly, and the held-out ones hardly improve after epoch 30. They jump about until the learning rate becomes small, and end at a loss of 0.183 and a pixel error of 0.076; the training curves end at 0.174 and 0.076. The gap is small, but the training loss has been below the held-out loss since about epoch 75, so mild overfitting is possible. The training error is measured on augmented crops with dropout on, so early in training it can exceed the held-out error. The held-out curve has zero padding at the slice's borders; the results below have mirrored context.

## Results

We score each held-out slice in one piece: a tile of 512 pixels is the whole slice, with mirrored context around it. Unlike the paper, we don't average over rotations; that is an exercise.''',
        r'''The held-out curves hardly improve after epoch 30 and end at a loss of 0.183 and a pixel error of 0.076, the training curves at 0.174 and 0.076. From about epoch 75 on the training loss is the lower one, so mild overfitting is possible. We measure the training error on augmented crops with dropout on, so it can exceed the held-out error.

## Results

We score each held-out slice in one piece, with mirrored context around it.''',
    ),
    (
        37,
        r'''**Our column and the paper's do not measure the same thing.** The paper trains on all 30 slices and is scored on 30 others by the challenge's own program, so its figures show the order of magnitude, no more. In the paper's table, Cireşan's sliding window has a pixel error of 6.13 % and a Rand error of 5.04 %; the human values are 0.10 % and 0.21 %.

Our figures are on the optimistic side. Learning rate, loss and thresholds were chosen on these slices, and slice 24 is the neighbour of slice 23, which the network was trained on. Six adjacent slices are also closer to one sample than to six.

At the threshold 0.5, which was not chosen, 7.67 % of the pixels are wrong, and none of the other thresholds does better; the IoU is 79.1 %. The Rand error is smallest at 0.8, with 8.26 %: where a single gap merges two cells, it pays to call doubtful pixels membrane. Its curve is not smooth, because merging or separating two large cells changes many pairs at once.''',
        r'''**Our column and the paper's do not measure the same thing.** The paper trains on all 30 slices and is scored on 30 others by the challenge's own program, so its figures show the order of magnitude, no more. Our figures are on the optimistic side: the six are a validation set, and the first of them is the neighbour of a training slice.

At the threshold 0.5, 7.67 % of the pixels are wrong, and none of the other thresholds does better; the IoU is 79.06 %. The Rand error is smallest at 0.8, with 8.26 %: where a single gap merges two cells, it pays to call doubtful pixels membrane.''',
    ),
    (
        39,
        r'''You see the lower right quarter of a slice. In the last column, <span style="color:#D55E00">orange</span> is missed membrane and <span style="color:#0072B2">blue</span> is false membrane. Most errors are thin lines along true membranes, where the predicted membrane is a pixel or two wider or lies slightly to one side. Dark structures inside cells and dark tissue between cells are the larger patches. In a few places a whole membrane is missed. A line of orange across a membrane is a gap through which two cells merge. The Rand error sees it, as the next figure shows: one slice, cut into its cells.''',
        r'''You see the lower right quarter of a slice. In the last column, <span style="color:#D55E00">orange</span> is missed membrane and <span style="color:#0072B2">blue</span> is false membrane. Thin blue lines show that the predicted membranes are wider than the true ones at this threshold. The large patches are dark tissue: the network calls some of it membrane (blue) and takes some of it for cell (orange, at the bottom). The next figure shows what such errors do to cells:''',
    ),
    (
        41,
        r'''The worst merge error is at the bottom right: two large cells have become one, because the network took a part of the dark tissue between them for cell (the filled orange patch above). A few pixels decide whether thousands of pairs are right. Where two cells have one colour on the right, but not on the left, they have been merged. The colours themselves are random on both sides.

## What is each idea worth?

We change one thing at a time, in short runs of a narrower network, several seeds each. The **baseline** is the recipe of the main run: skip connections, elastic deformation, all 24 slices, plain cross-entropy. What would each outcome mean?

- **No skip connections.** If skips carry the positions that pooling loses, membranes should be blurred and errors clearly larger. If they only helped the gradients, this network should come close, since it has batch norm and even a few more weights.
- **Weight map**, $w_c$ and border term together (at scale `paper` the baseline has the map, and we switch it off). We expect a *worse* pixel error at 0.5; does the Rand error improve? This cannot test the paper's claim, which is about touching cells without a labelled border. It shows what the map does where borders are labelled.
- **5 slices**, spread evenly over the 24.
- **No elastic deformation**, with 24 and with 5 slices. Shifts, turns and flips stay. If labels are scarce, deformation should help, and more so with 5 slices. But augmentation pays only where a network overfits, and a short run may not get there. Then "no difference" says nothing about the paper.

So we plot the training error as well. Far below the held-out error, it means overfitting; if both are high, the network underfits. It is measured at 0.5 on augmented crops with dropout on, so deformation raises it by itself.''',
        r'''The colours are random, so compare shapes. The worst merge error is at the bottom right: two large cells have become one, because the network took a part of the dark tissue between them for cell (the orange patch above).

## What is each idea worth?

We change one thing at a time, in short runs of a narrower network, several seeds each. The **baseline** is the recipe of the main run. What would each outcome mean?

- **No skip connections.** If skips carry the positions that pooling loses, membranes should be blurred and errors clearly larger. If they only helped the gradients, this network should come close.
- **Weight map.** We expect a *worse* pixel error at 0.5; does the Rand error improve? This does not test the paper's claim, which is about touching cells without a labelled border.
- **5 slices**, spread evenly over the 24, with more crops of each, for nearly as many steps.
- **No elastic deformation**, with 24 and with 5 slices. Shifts, turns and flips stay. Deformation should help, and more so with 5 slices, if the network overfits.

So we also plot the training error: far below the held-out error, it means overfitting.''',
    ),
    (
        44,
        r'''Errors are smaller further left, and the first two panels share their axis.

**Skip connections seem to help a little** (n = 3), less than we expected. Without them the pixel error at the best threshold rises from 7.92 ± 0.12 to 8.15 ± 0.11 %, and the Rand error from 11.9 ± 1.6 to 13.5 ± 0.2 %, but one baseline run is worse than all three without skips. The network pools only three times, and at its bottom 128 channels describe 8×8 pixels: it can carry much of the position there. A deeper network would have to squeeze more.

**The weight map moves the threshold and changes little else.** At 0.5 it costs 3.9 points of pixel error, since every doubtful pixel becomes membrane. At the best threshold its errors, 7.90 ± 0.05 % of the pixels and a Rand error of 11.5 ± 1.0 %, are those of the baseline within the spread of the seeds.

**Five slices, spread over the stack, are nearly as good as 24** in pixel error (7.99 ± 0.13 %, n = 2). The spread of the Rand error over two seeds is too large to say more.

**Deformation does not pay in these short runs.** Without it, all mean errors are smaller. With 24 slices the Rand error falls from 11.9 ± 1.6 to 9.1 ± 1.3 % (n = 3; no run overlaps), with 5 from 13.3 ± 2.9 to 11.2 ± 0.2 % (n = 2). The pixel errors, 7.75 ± 0.14 and 7.80 ± 0.21 %, differ from those with deformation by about the spread of the seeds. By pixel error we see no strong overfitting, so augmentation has little to mend. This says nothing against the paper, whose network is four times as wide.

All of this comes from about 720 steps of a narrow network, scored on six adjacent slices of one data set.

One slice shows what the numbers mean:''',
        r'''**Skip connections seem to help a little**, less than we expected (n = 3). Without them the pixel error at the best threshold rises from 7.92 ± 0.12 to 8.15 ± 0.11 %, and the Rand error from 11.94 ± 1.59 to 13.48 ± 0.23 %. But one baseline run has a larger Rand error than all three runs without skips. At the bottom of this network, 128 channels describe 8×8 pixels, so they may carry much of the position.

**The weight map moves the threshold and changes little else** (n = 3). At 0.5 it raises the pixel error from 7.92 to 11.81 %, since it turns doubtful pixels into membrane. At the best threshold its pixel error (7.90 ± 0.05 %) and Rand error (11.45 ± 1.04 %) are those of the baseline within the spread of the seeds.

**Five slices, spread over the stack, are nearly as good as 24** in pixel error (7.99 ± 0.13 %, n = 2). The Rand errors of the two runs differ too much to say more.

**Elastic deformation does not pay in these short runs.** Without it, all mean errors are smaller. With 24 slices the Rand error falls from 11.94 ± 1.59 to 9.07 ± 1.27 % (n = 3; no runs overlap). With 5 slices (n = 2), a single bad run makes the whole difference. The pixel errors differ by only about the spread of the seeds. No training error lies far below its held-out error, so we see no strong overfitting that augmentation could mend.

All of this comes from 30 epochs of a network with a quarter of the paper's width, scored on six adjacent slices, so it says nothing against the paper. One slice shows what the numbers mean:''',
    ),
    (
        46,
        r'''All three networks agree on most membranes, and blur the one at the top right into a grey smear. Without skips we see little difference here. With the weight map, membranes are thicker and darker, since a missed membrane is the expensive mistake.

## Look inside: which skip matters?

In the trained main network we can cut one skip connection at a time, without retraining. Where its feature maps enter the expanding path, we replace each channel by its mean over the slice. That removes every position but keeps the channel means that the next layers are used to; zeros would shift them. If position were all that skips carry, the finest should matter most.''',
        r'''All three networks blur the membrane at the top right. Without skips, the others are as sharp as in the baseline. With the weight map, membranes are thicker.

## Look inside: which skip matters?

We cut one skip connection of the trained main network at a time, without retraining: we replace each of its channels by the channel's mean over the slice, which removes every position. If position were all that skips carry, the finest should matter most.''',
    ),
    (
        48,
        r'''The skip at a quarter of the resolution matters most: without it the pixel error rises from 0.077 to 0.107. The finest skip matters least (0.079). So, against our expectation, this one network relies little on the finest skip and most on those at a quarter, a half and an eighth of the resolution. Perhaps that suffices for membranes that are several pixels wide. Compare this with the ablation, where a network that never had skips was only slightly worse. This shows what the network relies on, not what it could learn to do without.

## Use it

We save the narrow network of the ablation's baseline (first seed) in half precision, with its settings and its best threshold. The repository contains trained weights, so you need neither to train nor to download anything.''',
        r'''The skip at a quarter of the resolution matters most: without it the pixel error rises from 0.0767 to 0.1073. The finest skip matters least (0.0792), against our expectation. Perhaps coarser positions suffice for membranes that are several pixels wide. This shows what one network relies on, not what it could learn to do without: in the ablation, networks that never had skips were only slightly worse.

## Use it

We save the narrow network of the ablation's baseline (first seed) in half precision, with its settings and its best threshold. The repository contains such weights, so you need not train.''',
    ),
    (
        51,
        r'''**An image of yours.** Put an image beside the notebook, and set its name. It may have any size, since it is predicted in tiles. The kept network knows membranes of one microscope, at about 4 nanometres a pixel, so don't expect much of a photograph. Your image is normalised by its own mean and standard deviation. Without a file, a part of a held-out slice stands in.''',
        r'''**An image of yours.** Put an image beside the notebook, and set its name. It may have any size. The network knows the membranes of one microscope, so don't expect much of a photograph. Without a file, a part of a held-out slice stands in.''',
    ),
    (
        53,
        r'''The narrow network finds the large cells and most membranes of a slice that it was not trained on. A dark structure at the top left is taken for membrane.''',
        r'''The narrow network finds the large cells and most membranes of a slice that it was not trained on. It takes a dark structure at the top left for membrane.''',
    ),
    (
        53,
        r'''AdamW, one-cycle learning rate and, as is `OneCycleLR`'s default, momentum (β₁ from 0.95 to 0.85 and back); the paper's at `paper`''',
        r'''AdamW, one-cycle learning rate and momentum (β₁ from 0.95 to 0.85 and back); the paper's at `paper`''',
    ),
    (
        53,
        r'''24 slices; six held out, which also served to choose hyperparameters; no averaging''',
        r'''24 slices; six held out, as a validation set; no averaging''',
    ),
    (
        53,
        r'''Predict each held-out slice in all eight orientations, turn the probabilities back, and average them. How much do pixel error and Rand error gain? *Hint: `torch.rot90` and `flip`.*''',
        r'''Predict each held-out slice in all eight orientations (`torch.rot90` and `flip`), turn the probabilities back, and average them. How much do pixel error and Rand error gain?''',
    ),
]


def words(book):
    return sum(len(cell.source.split()) for cell in book.cells if cell.cell_type == "markdown")


def headings(book):
    cells = [cell for cell in book.cells if cell.cell_type == "markdown"]
    return [line for cell in cells for line in cell.source.splitlines() if line.startswith("#")]


before, book = nbformat.read(NB, as_version=4), nbformat.read(NB, as_version=4)
for index, old, new in EDITS:
    cell = book.cells[index]
    assert cell.cell_type == "markdown" and cell.source.count(old) == 1, f"cell {index} has changed"
    cell.source = cell.source.replace(old, new)
book.cells = [cell for index, cell in enumerate(book.cells) if index not in DELETED]
nbformat.validate(book)
assert headings(book) == headings(before)
assert [cell for cell in book.cells if cell.cell_type == "code"] == [c for c in before.cells if c.cell_type == "code"]
assert book.metadata == before.metadata and len(book.cells) == len(before.cells)
nbformat.write(book, OUT)
print(f"{words(before)} -> {words(book)} words, {len(EDITS)} cells edited, {len(DELETED)} deleted")
