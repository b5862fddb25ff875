"""Replace whole markdown cells of resnet/ResNet.ipynb; write the draft beside this script. NB itself is only read."""

import re
from pathlib import Path

import nbformat

NB = Path("/work/main/resnet/ResNet.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")

CELLS = {}  # index: (first 40 characters of the old cell, new cell)

CELLS[0] = ("# Deep Residual Learning for Image Recog", r"""
# Deep Residual Learning for Image Recognition

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun · CVPR 2016 · [arXiv:1512.03385](https://arxiv.org/abs/1512.03385)

[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/resnet/ResNet.ipynb)

You will build the paper's networks block by block, check them against its published numbers, train plain and residual ones side by side on CIFAR-10, look inside them, and classify an image of your own.

**How long it takes.** The stored run, at scale `cpu`, trained for 106 minutes in all on two cores of an AMD EPYC. The main run took 39 of them, partly while the machine did other work. The notebook runs at one of four *scales*: `quick` (a minute on generated images, offline, only to test the code), `cpu`, `gpu`, and `paper` (the paper's full training, hours). The second cell prints how to choose.
""")

CELLS[3] = ("## The paper in brief\n\n**The question.**", r"""
## The paper in brief

**The question.** By 2015 everybody knew that depth helps: the best networks of the year before, VGG and GoogLeNet, had 19 and 22 layers. So why not 50? Because deeper networks got worse. A plain stack of 56 layers ends with a higher error than one of 20, *on the training set*, so overfitting is not the reason. This is called **degradation**. It is surprising, because the deeper network could copy the shallower one and let its extra layers compute the identity. Training does not find that solution.

**The idea.** Make the identity easy to learn. Let $H(x)$ be the function that a few layers should compute. Instead of fitting $H$ directly, the layers fit the difference $F(x) = H(x) - x$, the *residual*, and we add $x$ back (the paper's eq. 1):

$$y = F(x, \{W_i\}) + x$$

The $W_i$ are the weights of these layers. The path of $x$ around the layers is the **shortcut**, and layers and shortcut together are a **block**. To compute the identity, the layers now only have to push $F$ towards zero. The authors suppose that this is easier than copying the input through nonlinear layers. The shortcut adds no parameters.

**When shapes differ.** Some blocks halve the resolution and double the channels, and then $x$ cannot be added as it is. The paper tries three shortcuts and writes them as $y = F(x, \{W_i\}) + W_s x$ (eq. 2):

- **A**: take every second pixel and fill the new channels with zeros. This needs no parameters.
- **B**: a 1×1 convolution (a *projection*), but only where the shape changes.
- **C**: a 1×1 convolution in every block.

**The results.** On ImageNet a plain network of 34 layers has a higher top-1 error than one of 18 (28.54 against 27.94 %). With shortcuts the deeper network is better (25.03 against 27.88 %, Table 2), and even 152 layers still train. An ensemble of residual networks won the ILSVRC 2015 classification with a top-5 error of 3.57 %. On CIFAR-10 the test error falls from 8.75 % at 20 layers to 6.43 % at 110 (the best of five runs). It rises again to 7.93 % at 1202 layers, which the authors attribute to overfitting (Table 6). This notebook builds both families, trains small networks, and tests what CIFAR-10 can test in this time.
""")

CELLS[4] = ("## The data\n\nCIFAR-10 has 60,000 colour ", r"""
## The data

CIFAR-10 has 60,000 colour images of 32×32 pixels in ten classes: 50,000 for training and 10,000 for testing. Like the paper, we hold out 5,000 of the 50,000 for validation. We make all choices on this validation set and none on the test set.

At scale `quick` the same code runs on `shapes`, drawings that the repository generates. We draw no conclusions from them.
""")

CELLS[6] = ("CIFAR-10's pictures are small and often ", r"""
CIFAR-10's images are small and often blurry, and some are hard to recognise even for humans. The data set takes 184 MB. Each split stays on the device as one tensor of bytes, from which `ImageLoader` cuts batches without worker processes.

**Augmentation** (section 4.2). Before each use in training, we pad the image by 4 black pixels on every side, crop it back to 32×32 at a random place, and flip it horizontally half of the time. `crop_and_flip` does this for a whole batch at once. Here is one image, augmented ten times:
""")

CELLS[8] = ("The object moves by up to 4 pixels, may ", r"""
The object moves by up to 4 pixels and may be mirrored, but its class stays the same. The black edges are the padding. With 9 × 9 crop positions and a flip there are 162 versions of each image, so two consecutive epochs rarely show the same one. This makes it harder for the network to memorise the images; exercise 3 measures the effect.

Finally, we normalise each colour channel to mean 0 and standard deviation 1. For CIFAR-10 the loader uses the usual constants, which come from all 50,000 images. We check that they fit our training split:
""")

CELLS[10] = ("## The shortcut\n\nStart with the claim it", r"""
## The shortcut

We start with the claim itself: *with all its weights at zero, a residual block passes its input on unchanged*. We take two 3×3 convolutions, set all their weights to zero, and send an image through, once without the shortcut and once with it. The pixel values are positive, as after the ReLU of a previous block.
""")

CELLS[12] = ("With zero weights the plain block destro", r"""
With zero weights the plain block destroys its input, while the residual block passes it on. So the identity is within easy reach of every residual block. (In the networks below a batch norm ends each block and cancels any rescaling of the weights; there its own scale and shift have to go to zero.)

Where the shape changes, option A subsamples the image and pads with zero channels. The paper does not say where the zeros go. We put half of them before the old channels and half after, as a well-known reproduction does ([akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10)). Here two channels become four:
""")

CELLS[15] = ("Options B and C use a 1×1 convolution in", r"""
Options B and C use a 1×1 convolution instead. One small function picks the layer for the shortcut. It returns `None` where no layer is needed and $x$ is added as it is.
""")

CELLS[17] = ("## The block\n\nThe block of the CIFAR net", r"""
## The block

The block of the CIFAR networks (Fig. 5, left) has two 3×3 convolutions, each followed by **batch normalisation**. Batch norm normalises every channel to mean 0 and standard deviation 1 over the batch, then applies a learnt scale and shift. In evaluation mode (`model.eval()`) running averages from training replace the batch's own statistics. The convolutions have no bias, because batch norm would subtract it again. The last ReLU comes *after* the addition. With `shortcut=None` the same class is the paper's plain baseline. This makes the comparison fair: nothing else differs.
""")

CELLS[19] = ("Three checks. The block that halves the ", r"""
We check three things. The block that halves the resolution must return the right shape. A block of 16 channels must have $2 \cdot (3 \cdot 3 \cdot 16 \cdot 16) = 4608$ weights in its convolutions and $2 \cdot 2 \cdot 16 = 64$ parameters in its batch norms. And a shortcut of option A must not add any parameters.
""")

CELLS[21] = ("A and the plain block cost the same, B p", r"""
Option A adds no parameters. Option B adds some only where the shape changes, and C in every block.

## The whole network

The whole network repeats this block: a first convolution (the *stem*), stages of blocks, global average pooling, and one linear layer. Every stage but the first halves the resolution and doubles the channels. A convolution then costs about as many multiplications as before: a quarter of the pixels, but twice the input and output channels. The weights start from *He initialisation*, which roughly preserves the variance of the signal through a ReLU.
""")

CELLS[23] = ("For CIFAR-10 (section 4.2) the shortcuts", r"""
For CIFAR-10 (section 4.2) all shortcuts are of option A, so a residual network has exactly as many parameters as its plain counterpart. The stem is one 3×3 convolution. The three stages have 16, 32 and 64 channels with $n$ blocks each. Two convolutions per block, the stem and the linear layer make $6n + 2$ layers.
""")

CELLS[25] = ("Table 6 gives each net's parameters, in ", r"""
Table 6 gives each network's parameters in millions, and we can count them by hand. A block of $c$ channels has $2 \cdot 9c^2$ weights and $4c$ batch-norm parameters: 4,672, 18,560 and 73,984 for 16, 32 and 64 channels, 97,216 together. The first blocks of stages two and three have half as many input channels, which saves 4,608 and 18,432. The stem has 432 + 32 and the linear layer 650. The total is $97{,}216\,n - 23{,}040 + 1{,}114 = 97{,}216\,n - 21{,}926$.
""")

CELLS[27] = ("They agree, for residual and plain nets ", r"""
The counts agree for residual and plain networks. Next, we follow one image through ResNet-20:
""")

CELLS[29] = ("Three quarters of the parameters sit in ", r"""
Three quarters of the parameters sit in the last stage, where the feature maps are only 8×8.

## The ImageNet nets

The paper's famous networks are larger: they take images of 224 pixels, have a stem that reduces them to 56, four stages, and from 50 layers on a different block. Two 3×3 convolutions over 256 channels have $2 \cdot 9 \cdot 256^2 = 1{,}179{,}648$ weights. The **bottleneck** (Fig. 5, right) first reduces the 256 channels to 64 by a 1×1 convolution, applies the 3×3 convolution to those, and expands again. It has $256 \cdot 64 + 9 \cdot 64^2 + 64 \cdot 256 = 69{,}632$ weights, 17 times fewer, and even fewer than a basic block over 64 channels. It has three layers instead of two at about the same cost, so depth becomes cheap.
""")

CELLS[32] = ("Table 1 of the paper lists five nets and", r"""
Table 1 of the paper lists the cost of five networks in FLOPs, by which it means multiply-adds, for one 224×224 image. Our count depends on a detail: where does a bottleneck halve the resolution? The paper does it in the first 1×1 convolution, which skips three quarters of the pixels. torchvision, like most later code, does it in the 3×3. We count both. (On the `meta` device tensors have shapes but no contents, so counting costs nothing.)
""")

CELLS[34] = ("With the paper's placement every net is ", r"""
With the paper's placement every network is within 2 % of Table 1. With torchvision's, ResNet-50 needs 4.1 billion instead of 3.8. The parameters are the same. Now comes a stricter test: we load the weights of torchvision's ResNet-50 into ours and compare their outputs. We also print the feature-map sizes.
""")

CELLS[36] = ("112, 56, 28, 14, 7: Table 1's sizes. tor", r"""
The sizes 112, 56, 28, 14 and 7 are those of Table 1, and the outputs are equal. torchvision's trained weights load in the same way. ImageNet is too large for a notebook, so everything below uses CIFAR-10.

## Does it learn at all?

We run two quick checks. An untrained classifier should give all ten classes about the same probability, a loss near $\ln 10 = 2.30$. And a working network can overfit one batch of 32 images.
""")

CELLS[38] = ("It starts a little above 2.30: the untra", r"""
The loss starts a little above 2.30, because the untrained outputs are not exactly equal. It falls to almost zero, and every parameter receives a gradient.

## Training

The loop of one epoch is short. `fit`, in `utils/training.py`, calls it once per epoch and adds the printing and the checkpoints. We pass `classification` and `train_one_epoch` to it as they stand here, so a line that you change in them changes the training. `autocast` runs the forward pass in a precision that the hardware computes fast. The `scaler` only acts in float16: it scales up the loss so that small gradients do not round to zero.
""")

CELLS[40] = ("All the knobs in one place. The paper tr", r"""
All hyperparameters are in the next cell. The paper trains for 64,000 iterations with a learning rate of 0.1, divided by 10 after 32,000 and 48,000. Scale `paper` does the same (45,000 images are 352 batches, and 182 epochs make 64,064). The other scales train for less. They use a *one-cycle* schedule, which raises the learning rate during the first fifth of the training and then lowers it along a cosine to zero. They also use Nesterov momentum of 0.9, and a weight decay five times the paper's. We tuned hardly any of this. The second table belongs to the experiments further down, which need many trainings and therefore short ones.
""")

CELLS[42] = ("`fit` says how long the training will ta", r"""
After the first steps `fit` prints how long the training will take. After each epoch it evaluates on the validation set and writes a checkpoint. You can interrupt the cell at any time; each interrupt ends one training, and a cell with several goes on to the next. The cells below work with what there is, and running the cell again resumes from the last finished epoch. On the same CPU the result is the same, bit for bit. If a training with the same model, data, hyperparameters and seed has finished, `fit` loads it and prints its epochs again.
""")

CELLS[47] = ("Dashed is the accuracy on the training p", r"""
The dashed curve is the training accuracy, averaged over each epoch on augmented images. The solid curve is the validation accuracy after each epoch. In the stored run the validation accuracy jumps by up to about eight points between epochs 5 and 20, while the learning rate is high, and settles as the rate falls. The training ends at 95.7 % training and 91.4 % validation accuracy. The gap of four points is overfitting, and would probably be larger if we measured it without augmentation.

Now we use the test set for the first time. `report` compares our result with the paper's and with akamaster's reproduction, which trains on all 50,000 images and keeps the best epoch.
""")

CELLS[49] = ("**9.49 % test error in the stored run, a", r"""
**ResNet-20 reaches 9.49 % test error in the stored run, against 8.75 % in the paper.** That is 0.7 points worse, after 40 epochs instead of 182 and with almost no tuning. The validation error is 8.62 %, but it rests on only 5,000 images, so the test error is the number to quote. Its standard error is 0.3 points on 10,000 images; one run cannot tell how much another seed would change it. Scale `paper` trains five seeds on the paper's schedule and has not been run. If their mean were more than 0.4 points from 8.75 %, we would suspect a mistake in the implementation.
""")

CELLS[50] = ("## The claim, tested: degradation\n\nNow t", r"""
## The claim, tested: degradation

Now we repeat the paper's Figure 6 on a small scale: we train networks of two depths, plain and residual, with the same settings. We train for a few epochs only, so compare the order of the curves and not their height. We draw the test error, as the paper does, but choose nothing by it. The training error is an average over the epoch, on augmented images, while the network still improves, so it can lie above the test error.

**What to expect.** If depth degrades plain networks, the deeper one has the higher error *on the training data*. If shortcuts remove the problem, the deep residual network is far better than its plain counterpart and not worse than the shallow residual one.
""")

CELLS[53] = ("Left, the plain nets: the deep one lies ", r"""
The left panel shows the plain networks. The deep one is worse than the shallow one from the first epoch to the last, in training (dashed) and test (solid). In the right panel they have shortcuts, which add no parameters. The two training curves fall together and end level. The test curve of 56 layers has a bump at epoch 3.
""")

CELLS[55] = ("In the stored run the plain net of 56 la", r"""
**In these first epochs depth hurts the plain network, and shortcuts remove the damage.** Plain-56 ends with 55.2 % training error, more than twice the 22.0 % of plain-20. This is not overfitting, because plain-56 has not even fitted the training images. With shortcuts, 56 layers end with 16.2 % and 20 layers with 16.5 % (n = 1 for each network).

Six epochs cannot show how large the gap would be in the end. Plain-56 was still improving by three points per epoch, so it may just learn slowly. The paper trains thirty times as long, and its plain curves keep their order; the authors also suspect slow convergence. Nor can we see the gain from depth: in Table 6 ResNet-56 beats ResNet-20 by 1.8 points, but our difference of 0.3 points in test error is less than one standard error.

## Why? Gradients that vanish are not the reason

The usual suspect is vanishing gradients, which shrink from layer to layer until the first layers receive almost none. The paper rejects this explanation (section 4.1): its plain networks use batch norm, and their gradients "exhibit healthy norms". To check this on our networks, we measure for every block the *variance of its output* in the forward pass and the *norm of the gradient at its output* in the backward pass. We do this at initialisation and after one epoch, for plain and residual networks, and also without batch norm, which the paper does not show.

We measure with *forward hooks*: functions that PyTorch calls after a module has run, with its inputs and its output.

**What to expect.** If gradients vanish in the plain network with batch norm, they are much smaller in the first blocks than in the last, say more than ten times.
""")

CELLS[59] = ("With batch norm the signal stays level i", r"""
**Batch norm keeps the signal in range.** With it, the variance stays level in the plain network and, at initialisation, grows slowly in the residual one. Without batch norm, small losses multiply over 54 layers of the plain network, down to $10^{-5}$, because He initialisation preserves the variance only roughly. In the residual network every block adds about as much as it receives, up to $10^7$. Its training diverged at this learning rate (the loss is `nan`), so it has no curve on the right. The plain network without batch norm learnt nothing in its epoch.
""")

CELLS[61] = ("With batch norm nothing vanishes. In the", r"""
**With batch norm no gradient vanishes.** In the plain network the gradient even *grows* towards the input at initialisation, from 0.006 in the last block to 37 in the first. A later [theory of batch norm](https://arxiv.org/abs/1902.08129) finds such an explosion for fully connected networks. One epoch of training levels it. In the residual network the gradient is more even from the start. *Without* batch norm the plain network's gradient does vanish: after one epoch it is 1,500 times smaller in the first block than in the last.

This agrees with the paper. But a 6,000-fold difference at initialisation is hardly "healthy", and the theory blames such differences for networks that cannot be trained. One seed and one batch cannot tell a cause from a symptom.

## Which shortcut? A, B or C

On ImageNet the paper finds the three options close together: 34 layers reach 25.03 % top-1 error with A, 24.52 % with B and 24.19 % with C (Table 3). It concludes that projections are not essential against degradation, and uses A throughout on CIFAR-10. What do the options cost, and does the choice matter for ResNet-20?

**What to expect.** If the choice mattered, the three groups of dots would lie further apart than the dots within a group.
""")

CELLS[64] = ("In the stored run A and B overlap: 23.3 ", r"""
**After three epochs C is behind, and A and B overlap.** Their validation errors are 23.29 ± 0.15 % (A), 23.82 ± 0.68 % (B) and 25.97 ± 0.85 % (C; standard deviations over three seeds). The best seed of C is worse than the worst of the others. Perhaps this is because C has a convolution in every shortcut, so no block passes its input on unchanged. C is also the most expensive. But three epochs measure how fast a network starts, not how far it gets. They cannot decide against the paper's opposite order on ImageNet; scale `paper` trains to the end.

## How much do the layers do? Layer responses

If a residual block has to learn only a small difference, it should add little. The paper's Figure 7 therefore measures the standard deviation of every 3×3 layer's output, after batch norm and before the addition and the ReLU. It finds smaller responses in ResNets than in plain networks, and smaller ones still in deeper ResNets. We repeat this measurement.
""")

CELLS[66] = ("With a batch's own statistics every valu", r"""
**Weight decay may explain most of this figure.** With a batch's own statistics every response has a standard deviation of 1 before training. In these six epochs weight decay alone would reduce batch norm's learnt scale to $e^{-0.53} = 0.59$ (the learning rates add up to 106, momentum multiplies that by 10, weight decay by 0.0005), and most layers lie near 0.6. The means have the paper's order: 0.63 for both plain networks, 0.61 for ResNet-20, 0.58 for ResNet-56. But six epochs and one seed cannot confirm such small differences; the paper measures fully trained networks.

## Look inside: what a trained net has learnt

Only the first layer sees the image itself. We can draw its 16 filters of 3×3, each scaled to its own range.
""")

CELLS[68] = ("Some are edges, light on one side and da", r"""
Some filters look like edges, light on one side and dark on the other. Others are blobs of one colour, such as the green one.

How much does each block change the signal? We compare the norm of what it adds, $\lVert F(x) \rVert$, with the norm of what the shortcut carries. A small ratio alone proves nothing: at initialisation batch norm gives every $F$ the same size, while $x$ grows with each addition. So an untrained ResNet-56 is our baseline.

**What to expect.** If blocks learn small corrections, training lowers the ratios.
""")

CELLS[70] = ("In the first two stages of ResNet-56, bl", r"""
**Small corrections describe only part of ResNet-56.** In its first two stages, blocks 1 to 18, training lowered the ratios. In the last stage they start about equal to the untrained network's and end higher. From the third block on, ResNet-20's blocks add more than ResNet-56's, after six epochs and after the long run, whose last block adds twice what it receives. Without an untrained ResNet-20 we cannot say what training changed there.

### Dropping a block

In a residual network the signal can bypass any block, so the network should survive the loss of one. In a plain network each block is the only path (Veit et al. 2016, linked at the end). To test this, we replace one block at a time by its shortcut and measure the accuracy on 1,000 validation images. (A hook's return value replaces the module's output, so a hook that returns the input drops the block.) In the plain network a block that changes the shape cannot be dropped, and leaves a gap in the plot.

**What to expect.** If the shortcuts help, the deep residual network keeps, on average, a larger share of its accuracy than the plain one. Later batch norms still use the running averages of the whole network, which may cause part of the damage.
""")

CELLS[72] = ("The plain nets fall to about chance, to ", r"""
**ResNet-56 survives the loss of most blocks, the plain networks of none.** ResNet-56 keeps 92 % of its accuracy on average. 20 of its 27 blocks cost less than five points, and most of the costly ones come first. The plain networks fall to about chance, 11.2 and 10.3 % on average. (Plain-56 looks better in the plot because the whole network has only 45.8 %.) ResNet-20 is in between, after six epochs and after forty. In these networks, one seed each, it took shortcuts *and* depth to make single blocks dispensable.
""")

CELLS[73] = ("### Its answers\n\nWhich classes are mista", r"""
### Its answers

Which classes does the network confuse, and what do its most confident mistakes look like?
""")

CELLS[75] = ("Read along a row: of the cats in the sto", r"""
In the stored run 80 % of the cats were recognised and 8 % were called dogs; 7 % of the dogs were called cats. Most mistakes stay among the animals or among the vehicles. The most common exception is a bird that is classified as an airplane.
""")

CELLS[77] = ("The second picture of the stored run is ", r"""
Look at the second image of the stored run. The network predicts frog, the label says cat, and it *is* a frog: CIFAR-10 contains wrong labels. Most of the others are real mistakes. So even a confidence that rounds to 100 % can be wrong.
""")

CELLS[78] = ("## Use it\n\n`save_weights` writes the wei", r"""
## Use it

`save_weights` stores the weights with what a later user has to know. A new network that loads them must give the same outputs, bit for bit.
""")

CELLS[80] = ("The weights of the run at scale `cpu` ar", r"""
The repository contains the weights of the run at scale `cpu` and the first test image of each class. So this cell shows real predictions at any scale, offline:
""")

CELLS[82] = ("All ten are right, the airplane with the", r"""
All ten are right; the airplane has the lowest confidence.

**Published weights** should fit our networks: the tests rebuild akamaster's network and compare. The files themselves were not available where the stored run was made. `from_akamaster` in `resnet.py` renames the keys of [akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10) for the CIFAR networks. For torchvision's you only need `weights="IMAGENET1K_V1"` in the comparison above. With an internet connection, set the switch below to download and test akamaster's ResNet-20 (1 MB). Its author reports 8.27 % error, but trained on all 50,000 images and chose the best epoch on the test set, so our number is not directly comparable.
""")

CELLS[84] = ("**A picture of yours**, for the net that", r"""
**Classify your own image** with the stored network. Put a JPEG or PNG beside the notebook (on Colab: the folder icon on the left, then upload), set its name, and run the cell. Choose one in which a single object fills most of the frame; the network has no way to answer "none of these".
""")

CELLS[86] = ("## Where this departs from the paper\n\n| ", r"""
## Where this departs from the paper

| | paper | here |
|---|---|---|
| Training | 64k iterations, step schedule, weight decay 1e-4 | the same at scale `paper`; else shorter, one-cycle, Nesterov momentum, weight decay 5e-4 |
| Normalisation | per-pixel mean subtracted | mean and standard deviation of each channel, over all 50,000 |
| Validation split | 5,000 of 50,000, unspecified which | the last 5,000 |
| Batch norm | a batch of 128 on two GPUs, presumably statistics of 64 each | statistics of all 128 |
| Seeds | 20 layers: one number; 110 layers: five runs | scale `paper`: five of ResNet-20; else as the tables say |
| Figure 6 and the experiments after it | 64k iterations; shortcuts compared on ImageNet | the same at scale `paper`, but one epoch for the gradients; else a few epochs, peak learning rate 0.1; shortcuts compared on CIFAR-10 |
| ImageNet | the paper's main result | networks built and counted, not trained |
| Precision | unspecified | a fast one for the hardware; the tables say which |

## Exercises

First keep the baseline for your comparison: `first, first_run = trained[0]`. After you change a class, run its cell and then the cells that use it, up to the plot of the curves. (The cells after that would save the changed network as if it were this one.) Then compare: `plot_histories({"before": first_run, "changed": run}, data.name)`.

1. **Before or after.** Move the last ReLU of `BasicBlock` from after the addition to before it, so that it acts on `out` alone and the shortcut is added last. What can a block no longer do to its input? Train, and compare. *Hint: what sign can the added part have?*
2. **Start from the identity.** Set `bn2.weight` of every block to zero after building the network, so that a block that keeps the shape begins as exactly $y = x$ for positive $x$. Is its `history["val_accuracy"][0]` better than `first_run`'s? *Hint: write a function `start()` that builds the network, calls `nn.init.zeros_(m.bn2.weight)` for each `BasicBlock` `m` in `modules()`, and returns the network; then `zero, zero_run = train(start, "ResNet/zero-start")`. Interrupt after the first epoch, but do not change `epochs`: the schedule depends on it.*
3. **What is augmentation worth?** Change `augment=True` to `augment=False` in the body of `train`, run its cell, then `train(lambda: cifar_resnet(20), "ResNet/no-augmentation")`, and watch the gap between the two accuracy curves. *Hint: change it back afterwards.*

## Further reading

- He et al., [Identity Mappings in Deep Residual Networks](https://arxiv.org/abs/1603.05027) (2016): the same authors move the ReLU out of the main path, and 1001 layers train.
- Veit et al., [Residual Networks Behave Like Ensembles of Relatively Shallow Networks](https://arxiv.org/abs/1605.06431) (2016): drop a block, and little happens.
- Li et al., [Visualizing the Loss Landscape of Neural Nets](https://arxiv.org/abs/1712.09913) (2018): how shortcuts change the loss surface.
- Ioffe & Szegedy, [Batch Normalization](https://arxiv.org/abs/1502.03167) (2015): the other half of what makes these networks train.
- [akamaster/pytorch_resnet_cifar10](https://github.com/akamaster/pytorch_resnet_cifar10): the reproduction in the table, with weights for every depth.
""")


def headings(text):
    return [line for line in text.splitlines() if line.startswith("#")]


def links(text):
    return sorted(re.findall(r"\]\(([^)]+)\)", text))


def words(notebook):
    return sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")


def main():
    old, new = nbformat.read(NB, as_version=4), nbformat.read(NB, as_version=4)
    for i, (start, text) in CELLS.items():
        cell = new.cells[i]
        assert cell.cell_type == "markdown" and cell.source[:40] == start, (i, cell.source[:40])
        cell.source = text.strip("\n")
    for i, (a, b) in enumerate(zip(old.cells, new.cells, strict=True)):
        if a.cell_type == "markdown":
            assert headings(a.source) == headings(b.source), i
            assert links(a.source) == links(b.source), i
            assert {**a, "source": ""} == {**b, "source": ""}, i
            digits = r"\d+(?:[.,]\d+)*"
            fresh = set(re.findall(digits, b.source)) - set(re.findall(digits, a.source))
            n, m = len(a.source.split()), len(b.source.split())
            if fresh or m > n:
                print(f"cell {i}: {n} -> {m} words", f"new numbers {sorted(fresh)}" if fresh else "")
        else:
            assert a == b, i
    assert old.metadata == new.metadata
    nbformat.validate(new)
    nbformat.write(new, OUT)
    assert [c for c in nbformat.read(OUT, 4).cells if c.cell_type == "code"] == [
        c for c in old.cells if c.cell_type == "code"
    ]
    kept = [i for i, c in enumerate(old.cells) if c.cell_type == "markdown" and i not in CELLS]
    print(f"words {words(old)} -> {words(new)}; markdown cells not replaced: {kept}")


main()
