"""Shorten architectures/resnet/ResNet.ipynb : replace markdown by exact text, write ResNetUse.ipynb here."""

import copy
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/resnet/ResNet.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")
DELETE = ()
EDITS = [  # (cell, old paragraph, new paragraph)
    (0, ("You will load a trained ResNet-20 and classify images with it, your own as well. You will fine-tune it to "
     "a new task with few labelled images, measure what that saves compared with training from scratch, and use "
     "the result to turn photos upright. Then you will look inside: which images the network finds similar, and "
     "where in an image it looks. At the end, three tests show how far you can trust such heatmaps. **The main "
     "result:** With 250 labelled photos, fine-tuning tells which way is up with 36.2 ± 0.4 % errors, training "
     "from scratch with 46.9 ± 0.2 % (means of three seeds; guessing has 75 %). In labels, fine-tuning with 250 "
     "photos does better than training from scratch with 1,000 (45.1 %, and 41.5 % with three times as many "
     "epochs, n = 1)."),
     ("You will load a trained ResNet-20 and classify images with it, your own as well. You will fine-tune it to "
     "a new task with few labelled images, and turn photos upright with the result. Then you will look inside: "
     "which images the network finds similar, and where in an image it looks, drawn as a heatmap. At the end, "
     "three tests show how far you can trust such heatmaps. **The main result:** With 250 labelled photos, "
     "fine-tuning tells which way is up with 36.2 ± 0.4 % errors, training from scratch with 46.9 ± 0.2 % (mean "
     "± standard deviation of three seeds; guessing has 75 %). Even with 1,000 photos and three times as many "
     "epochs, training from scratch has 41.5 % (n = 1).")),
    (0, ("**How long it takes.** The stored outputs come from scale `cpu`. The trainings of the table took 115 "
     "minutes by the clock on one thread of an AMD EPYC, with pauses for other work; most of the search for "
     "learning rates comes on top. Everything except fine-tuning takes a few minutes. Scales: `quick` (half a "
     "minute, generated images, offline; its numbers mean nothing), `cpu`, `gpu` (the same trainings), `paper` "
     "(three times as many epochs, five seeds). The second code cell says how to choose."),
     ("**How long it takes.** The stored outputs come from scale `cpu`. The trainings of the table took 115 "
     "minutes by the clock on one thread of an AMD EPYC, with pauses for other work; most of the search for "
     "learning rates comes on top. Everything except fine-tuning takes a few minutes. Scale `quick` only tests "
     "the code, on generated images; `gpu` runs the same trainings, and `paper` trains three times as long with "
     "five seeds.")),
    (3, ("**The network.** A residual network is a stack of blocks. Each block computes a correction $F(x)$ and "
     "adds it to its input: $y = F(x) + x$; a ReLU follows. The input takes a **shortcut** around the layers, "
     "so even a very deep network can be trained. The first figure shows such a block. ResNet-20, in the second "
     "figure, is the smallest network of the paper's experiments on CIFAR-10, a data set of 32×32 images in ten "
     "classes. It has nine blocks of two convolutions each."),
     ("**The network.** A residual network is a stack of blocks. Each block computes a correction $F(x)$ and "
     "adds it to its input: $y = F(x) + x$; a ReLU follows. The input takes a **shortcut** around the layers, "
     "so even a very deep network can be trained. ResNet-20, in the second figure, is the smallest network of "
     "the paper's experiments on CIFAR-10, a data set of 32×32 images in ten classes.")),
    (5, ("**Transfer learning** keeps the backbone and replaces the head. The paper does this itself: it puts a "
     "ResNet-101 trained on ImageNet in the place of VGG-16 in an object detector, and reports a relative "
     "improvement of 28 % on the data set COCO."),
     ("**Transfer learning** keeps the backbone and replaces the head. The paper does this itself: in an object "
     "detector, it replaces VGG-16 with a ResNet-101 trained on ImageNet, and reports a relative improvement of "
     "28 % on the data set COCO.")),
    (5, ("**Grad-CAM**, by Selvaraju and others, asks which positions of the last feature maps speak for a class, "
     "and draws the answer as a heatmap over the image. It needs no change of the network."),
     ("**Grad-CAM** asks which positions of the last feature maps speak for a class, and draws the answer as a "
     "heatmap over the image. It needs no change of the network.")),
    (7, ("All ten predictions are right. The least certain are the airplane (69 %), the bird (87 %) and the deer "
     "(89 %)."),
     ("All ten predictions are right, that of the airplane with the lowest probability (69 %).")),
    (9, ("Keep in mind that the probabilities always sum to one. The network has no way to answer \"none of "
     "these\", so a photo of a teapot becomes one of the ten classes, too."),
     ("The probabilities always sum to one. The network has no way to answer \"none of these\", so a photo of a "
     "teapot becomes one of the ten classes, too.")),
    (9, ("- skip the normalisation, and pass pixels between 0 and 1;\n- forget to divide by 255 as well;\n- pass "
     "the channels in the order blue, green, red, in which OpenCV reads files;\n- leave the network in training "
     "mode. Then batch norm normalises with the statistics of the images at hand instead of those from the "
     "training; a single image is normalised with its own."),
     ("- skip the normalisation, and pass pixels between 0 and 1;\n- forget to divide by 255 as well;\n- pass "
     "the channels in the order blue, green, red, in which OpenCV reads files;\n- leave the network in training "
     "mode, and pass one image at a time. Then batch norm normalises each image with its own statistics instead "
     "of those from the training.")),
    (12, ("None of the mistakes raises an error, and each costs accuracy. Swapped colours cost 7 points and missing "
     "normalisation 39. Pixels up to 255 and training mode leave hardly more than guessing, which has 90 % "
     "errors. So before you trust a network that you have loaded, measure its error on a few images with known "
     "labels."),
     ("None of the mistakes raises an error, and each costs accuracy: swapped colours 7 points, missing "
     "normalisation 39. With pixels up to 255 or in training mode, the network does hardly better than guessing "
     "(90 % errors). So before you trust a loaded network, measure its error on a few images with known labels.")),
    (14, ("- **Fine-tuned**: we train the whole network, backbone and new head. The backbone starts from the weights "
     "that it learned on CIFAR-10.\n- **Frozen**: we train the head alone, on the features that the backbone "
     "computes. People call this a *linear probe*, too.\n- **From scratch**: we use the same architecture but "
     "start from random weights. This is the baseline."),
     ("- **Fine-tuned**: we train the whole network. The backbone starts from the weights that it learned on "
     "CIFAR-10.\n- **Frozen**: we train the head alone, on the features that the backbone computes. This is "
     "also called a *linear probe*.\n- **From scratch**: we train the same architecture from random weights. "
     "This is the baseline.")),
    (14, ("- **Which way is up?** We turn photos by 0, 90, 180 or 270 degrees, and the network has to say which. "
     "Gidaris and others ([2018](https://arxiv.org/abs/1803.07728)) train on this task in order to learn "
     "features *without* labels; for us it is the goal. One photo gives four training images, and **we count "
     "photos**. The task is *near*: the photos come from the data set on which the backbone was trained. Of the "
     "5,000 photos that were held out from that training, we draw from 4,500 to train on and validate on the "
     "other 500. The first 2,500 photos of the test set are the test.\n- **MNIST**, handwritten digits, padded "
     "from 28×28 to 32×32 pixels and copied into three equal colour channels. This task is *far* from photos."),
     ("- **Which way is up?** We turn photos by 0, 90, 180 or 270 degrees, and the network has to say which (a "
     "task of Gidaris and others, [2018](https://arxiv.org/abs/1803.07728)). One photo gives four training "
     "images, and **we count photos**. The task is *near*: the photos come from the data set on which the "
     "backbone was trained, but were held out from that training. We draw from 4,500 of them to train on, "
     "validate on 500 others, and test on 2,500 photos of the test set.\n- **MNIST**, handwritten digits, "
     "padded from 28×28 to 32×32 pixels and copied into three equal colour channels. This task is *far* from "
     "photos.")),
    (16, ("Fine-tuning is ordinary training that does not start from random weights. Here it is on 16 images (four "
     "photos, each in four orientations), with the training loop in view. Overfitting one batch is also the "
     "quickest test that everything is connected: the loss starts near that of guessing among four classes, "
     "$\\ln 4 = 1.39$, and must fall to almost zero."),
     ("Fine-tuning is ordinary training that does not start from random weights. Here it is on 16 images (four "
     "photos, each in four orientations), with the training loop in view. Overfitting one batch also tests that "
     "everything is connected: the loss starts near that of guessing among four classes, $\\ln 4 = 1.39$, and "
     "must fall to almost zero.")),
    (18, ("**To freeze a backbone is not as easy as it looks.** `requires_grad_(False)` stops the optimiser from "
     "changing the weights. But batch norm also keeps running averages of what it sees, and in training mode it "
     "goes on updating them. We show a frozen network 16 images without taking a single step, and count what "
     "has changed:"),
     ("**To freeze a backbone is not as easy as it looks.** `requires_grad_(False)` stops the optimiser from "
     "changing the weights. But batch norm also keeps running averages of what it sees, and updates them in "
     "training mode. We show a frozen network 16 images without taking a single step, and count what has "
     "changed:")),
    (20, ("ResNet-20 has 19 batch norms, and each of them changed its mean, its variance and its count. So keep a "
     "frozen backbone in `eval()` mode. We go one step further: as the features never change, we compute them "
     "only once. A **forward hook**, a function that PyTorch calls whenever a module has run, collects them in "
     "front of the head. What remains is to fit a linear classifier on 64 numbers per image, which takes "
     "seconds."),
     ("ResNet-20 has 19 batch norms, and each of them changed its mean, its variance and its count. So keep a "
     "frozen backbone in `eval()` mode. As its features then never change, we compute them only once. A "
     "**forward hook**, a function that PyTorch calls whenever a module has run, collects them in front of the "
     "head. What remains is to fit a linear classifier on 64 numbers per image.")),
    (22, ("All three ways get the same labelled images, drawn at random by the seed and not balanced by class; a "
     "smaller set is part of the larger one. Fine-tuning and training from scratch use AdamW with a one-cycle "
     "schedule, in which the learning rate rises for a fifth of the training and then falls to zero. Both shift "
     "the images by up to two pixels. The frozen way sees the images without shifts. None of the three flips "
     "images, as a flip would turn 90° into 270°."),
     ("All three ways get the same labelled images. Fine-tuning and training from scratch use AdamW with a "
     "one-cycle schedule, in which the learning rate rises for a fifth of the training and then falls almost to "
     "zero. Both shift the images by up to two pixels; the frozen way doesn't. None of the three flips images, "
     "as a flip would turn 90° into 270°.")),
    (22, ("How long do we train? The comparison is about what you pay *now*: the backbone has already seen 45,000 "
     "labelled photos, many times. So **from scratch gets three times as many steps on the near task and five "
     "times as many on MNIST**, and on the near task we check below whether even more would help. The number of "
     "steps is the same for every number of labels, so more labels never mean more training: an epoch has a "
     "fixed number of images, and a small set is repeated until it is full."),
     ("The comparison is about what you pay *now*: the backbone has already seen 45,000 labelled photos, many "
     "times. So **from scratch gets three times as many steps on the near task and five times as many on "
     "MNIST**. The number of steps is the same for every number of labels: a small set is repeated until it "
     "fills an epoch.")),
    (22, ("Fine-tuning and training from scratch each get the best of six learning rates for each task. We choose it "
     "on validation images, with one seed, at the middle number of labels. The frozen way gets the best of four "
     "weight decays for each size and seed, which is in its favour. These choices use labels, too: those of 500 "
     "photos (2,000 images) and of 1,000 digits, far more than the smallest training sets. We don't count them, "
     "so the errors are optimistic for somebody who has only 50 labels in all."),
     ("Fine-tuning and training from scratch each get the best of six learning rates for each task. We choose it "
     "on validation images, with one seed, at the middle number of labels. The frozen way gets the best of four "
     "weight decays for each size and seed. We don't count the validation labels, those of 500 photos and of "
     "1,000 digits, so the errors are optimistic for somebody who has only 50 labels in all.")),
    (25, ("`fit` repeats the loop from above and adds a learning-rate schedule, bfloat16 or float16 where the "
     "hardware has it, and a checkpoint after each epoch. If you interrupt a cell, it stops, and the cells "
     "below use what there is. Run it again to go on."),
     ("`fit` repeats the loop from above and adds a learning-rate schedule and a checkpoint after each epoch. If "
     "you interrupt a cell, the cells below use what there is. Run it again to go on.")),
    (27, ("On the near task, fine-tuning chooses 5e-4 and training from scratch 1.25e-4; on MNIST both choose 2e-3. "
     "No best rate is at the edge of the grid. From scratch, the near task hardly minds: from 1.25e-4 to 8e-3 "
     "the errors differ by less than two points."),
     ("No best rate is at the edge of the grid.")),
    (27, ("Now the trainings that we compare. If fine-tuning saves labels, its errors at 50, 250 and 1,000 labels "
     "are lower than those from scratch by more than the seeds differ. If the weights from CIFAR-10 were worth "
     "nothing, it would do no better than from scratch."),
     ("Now the trainings that we compare. If the weights from CIFAR-10 save labels, fine-tuning has lower errors "
     "than training from scratch, by more than the seeds differ.")),
    (27, ("Two last trainings ask whether the networks from scratch have simply not been trained long enough on the "
     "near task. They take three times as many epochs, at the middle and at the largest number of photos. If "
     "this brings the error close to the fine-tuned one, they lacked time rather than labels. If it hardly "
     "moves, they lacked labels."),
     ("Have the networks from scratch simply not been trained long enough? On the near task, two last trainings "
     "take three times as many epochs. If this brings the error close to the fine-tuned one, they lacked time "
     "rather than labels. If it hardly moves, they lacked labels.")),
    (29, ("The frozen way needs no `fit`. We write a `Run` for each, so that it gets its place in the table; there, "
     "its \"epochs\" are iterations of L-BFGS."),
     ("The frozen way needs no `fit`. We write a `Run` for each, for the table; there, its \"epochs\" are "
     "iterations of L-BFGS.")),
    (31, ("First the curves of the near task with the largest number of photos. An epoch has the same 4,000 images "
     "in all of them:"),
     ("First the curves of the near task with the largest number of photos:")),
    (33, ("Compare the ends, since every curve is one cycle of the learning rate. Fine-tuning ends at 72.7 % "
     "validation accuracy after 5 epochs, training from scratch at 59.6 % after 15 and at 61.8 % after 45. In "
     "the longest training, the training accuracy (66.6 %) pulls away from the validation accuracy: the network "
     "begins to overfit."),
     ("Compare the ends, since every curve is one cycle of the learning rate. Fine-tuning ends at 72.7 % "
     "validation accuracy after 5 epochs, training from scratch at 59.6 % after 15 and at 61.8 % after 45.")),
    (35, ("1. **Fine-tuning beats training from scratch on the near task at every size, in all seeds**, with a third "
     "of the steps: by 8.4 points with 50 photos, 10.8 with 250 and 16.5 with 1,000. On MNIST it is ahead with "
     "250 digits (2.9 against 4.3 %) and 1,000 digits (1.2 against 1.9 %). With 50 digits, the seeds differ by "
     "more than the two ways.\n2. **Three times as many epochs do not close the gap.** With 250 photos they "
     "change the error from scratch from 46.7 to 48.1 %, with 1,000 photos from 44.9 to 41.5 % (seed 0, n = 1). "
     "The fine-tuned network of this seed has 36.5 and 28.1 %. So with 1,000 photos, more time closes about 3.4 "
     "of the 16.8 points; with 250 it does not help. (The learning rate was chosen for the shorter training.)\n"
     "3. **In labels:** fine-tuning with 50 photos (46.5 %) does as well as training from scratch with 250 "
     "(46.9 %), and with 250 (36.2 %) better than from scratch with 1,000 (45.1 %, or 41.5 % with more "
     "epochs).\n4. **The frozen backbone is not enough for these tasks.** With 250 and 1,000 labels it is "
     "behind training from scratch in all seeds: by 2.0 and 1.3 points on turned photos, and far behind on "
     "MNIST (14.3 against 1.9 % with 1,000 digits)."),
     ("1. **Fine-tuning beats training from scratch on the near task at every size, in all seeds**, with a third "
     "of the steps: by 8.4 points with 50 photos, 10.8 with 250 and 16.5 with 1,000. On MNIST it is ahead with "
     "250 digits (2.9 against 4.3 %) and 1,000 digits (1.2 against 1.9 %). With 50 digits, the seeds differ by "
     "more than the two ways.\n2. **Three times as many epochs do not close the gap** (seed 0, n = 1). With 250 "
     "photos they do not help: the error from scratch goes from 46.7 to 48.1 %. With 1,000 photos it falls from "
     "44.9 to 41.5 %, but the fine-tuned network of this seed has 28.1 %. (The learning rate was chosen for the "
     "shorter training.)\n3. **In labels:** fine-tuning with 50 photos (46.5 %) does as well as training from "
     "scratch with 250 (46.9 %), and with 250 (36.2 %) better than from scratch with 1,000 (45.1 %, or 41.5 % "
     "with more epochs).\n4. **The frozen backbone is not enough for these tasks.** With 250 and 1,000 labels "
     "it is behind training from scratch in all seeds, slightly on turned photos and far on MNIST (14.3 against "
     "1.9 % with 1,000 digits).")),
    (35, ("If you have 50 to 1,000 labelled images, begin with fine-tuning all weights; on these two tasks it was "
     "never clearly worse. Choose its learning rate on validation images: between 3e-5 and 5e-4, the error with "
     "250 photos falls from 52.9 to 35.0 %."),
     ("So begin with fine-tuning all weights: on these two tasks, no other way was clearly better. Choose its "
     "learning rate on validation images: between 3e-5 and 5e-4, the validation error with 250 photos falls "
     "from 52.9 to 35.0 %.")),
    (35, ("Three things could change the gap. We chose the learning rates at one size with one seed, on many "
     "validation images. The weight decay is AdamW's default of 0.01; a stronger one might help from scratch "
     "with few labels. And from scratch never sees a mirrored image, whereas the backbone's first training used "
     "flips."),
     ("Three things could change the gap. We chose the learning rates at one size with one seed. We did not tune "
     "the weight decay. And the networks from scratch never see a mirrored image, whereas the backbone's first "
     "training used flips.")),
    (37, ("± is the standard deviation over the seeds. A photo of the near task counts once, though each is used in "
     "four orientations. The papers have no numbers for these tasks."),
     ("± is the standard deviation over the seeds. The papers have no numbers for these tasks.")),
    (40, ("For photos of everyday size you will start from weights that were trained on ImageNet. Our ImageNet "
     "networks have the layer names of torchvision's, so its weights load as they are. That proves only that "
     "names and shapes fit, so we compare the outputs as well, with random weights, which needs no download. "
     "Set `weights` to see what the real ResNet-18 says about the ten images."),
     ("For photos of everyday size you will start from weights that were trained on ImageNet. Our ImageNet "
     "networks have torchvision's layer names, so its weights load as they are. We check with random weights, "
     "which need no download, that the outputs are equal, too.")),
    (44, ("Images of similar things should have similar features. For a test image we look for the **nearest "
     "neighbours** among the training images: those whose features have the largest cosine similarity, after "
     "each feature has been normalised over the training set. The baseline compares the images themselves, "
     "shrunk to 8×8 pixels."),
     ("Images of similar things should have similar features. For a test image we look for the **nearest "
     "neighbours** among the training images: those whose features have the largest cosine similarity, after "
     "each feature has been normalised over the training set. The baseline compares thumbnails, the images "
     "shrunk to 8×8 pixels.")),
    (47, ("Features group images by what they show, thumbnails by colour and layout: the nearest neighbour has the "
     "class of the test image in 89.1 % of the cases by features and in 40.7 % by thumbnails. In the third row "
     "it is the other way round: by features, the ship is near four automobiles. (In the last row, the nearest "
     "photo is almost a copy: CIFAR-10 holds such pairs.) This is no transfer: the network was trained on these "
     "classes. But it shows what the features hold."),
     ("Features group images by what they show, thumbnails by colour and layout: the nearest neighbour has the "
     "class of the test image in 89.1 % of the cases by features and in 40.7 % by thumbnails. In the third row "
     "it is the other way round: by features, the ship is near four automobiles. This is no transfer, since the "
     "network was trained on these classes.")),
    (47, ("Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of class "
     "$c$. How much does this feature map matter for the class? Grad-CAM takes the gradient of the logit, "
     "averaged over the positions. This average is the weight of the feature map. Grad-CAM adds up the weighted "
     "maps and keeps the positive part, which speaks *for* the class."),
     ("Let $A^k$ be the $k$-th feature map of a layer, with $Z$ positions $(i, j)$, and $y^c$ the logit of class "
     "$c$. How much does this feature map matter for the class? Grad-CAM takes the gradient of the logit, "
     "averaged over the positions, as the weight of the feature map. It adds up the weighted maps and keeps the "
     "positive part, which speaks *for* the class.")),
    (51, ("You can check this by hand. The features are the averages of the two maps, 1 and 2, and the head has the "
     "weights 3 and −1, so the logit is $3 \\cdot 1 - 1 \\cdot 2 = 1$. Each position contributes a quarter of "
     "its value to the average of its map. So the gradient of the logit is $3 \\cdot 1/4 = 3/4$ at every "
     "position of the first map and $-1 \\cdot 1/4 = -1/4$ at every position of the second."),
     ("You can check this by hand. The features are the averages of the two maps, 1 and 2, and the head has the "
     "weights 3 and −1, so the logit is $3 \\cdot 1 - 1 \\cdot 2 = 1$. Each position contributes a quarter of "
     "its value to the average of its map, so the gradient is $3/4$ in the first map and $-1/4$ in the second.")),
    (51, ("The heatmap, before the ReLU, sums to the logit without the bias of the head. This holds whenever only an "
     "average and a linear layer follow, as after stage 3 of our ResNet-20 or stage 4 of the networks for "
     "ImageNet. Grad-CAM then equals the older CAM (Zhou and others, [2016](https://arxiv.org/abs/1512.04150)) "
     "up to a factor, and we can check it without any gradient:"),
     ("The heatmap, before the ReLU, sums to the logit without the bias of the head. This holds whenever only an "
     "average and a linear layer follow, as after stage 3 of our ResNet-20. Grad-CAM then equals the older CAM "
     "(Zhou and others, [2016](https://arxiv.org/abs/1512.04150)) up to a factor, and we can check it without "
     "any gradient:")),
    (54, ("Bright positions speak for the predicted class. There are only 8×8 of them, interpolated, so the edges "
     "are soft. On most of these images they lie on the object, such as the body of the horse or the side of "
     "the car; on the bird they also cover the grass beside it."),
     ("The heatmap has only 8×8 positions, interpolated, so its edges are soft. Bright positions speak for the "
     "predicted class. On most of these images they lie on the object; on the bird they also cover the grass "
     "beside it.")),
    (56, ("The two classes often rest on different places. In the airplane above the water (second row, left), the "
     "class *ship* looks at the water and *airplane* at the machine; on the truck, *ship* looks at the cab and "
     "*truck* at a wheel. For the last car, both classes share the wheel. But a heatmap that looks right may "
     "still have little to do with the network. So we test them."),
     ("The two classes can rest on different places: in the airplane above the water (second row, left), the "
     "class *ship* looks at the water and *airplane* at the machine. But a heatmap that looks right may still "
     "have little to do with the network. So we test the heatmaps.")),
    (56, ("We build images for which we know the right place. Four test images of four different classes, all "
     "recognised by the network, make one image of 64×64 pixels. (The network accepts it, because it averages "
     "over all positions.) If we ask for the class of one of them, the heatmap should lie in its quarter. This "
     "test, the **grid pointing game**, was introduced by Böhle and others "
     "([2021](https://arxiv.org/abs/2104.00032)), and Rao and others ([2022](https://arxiv.org/abs/2205.10435)) "
     "compare many methods by it. A heatmap that knows nothing has 25 % in the right quarter, a perfect one 100 "
     "%. As Grad-CAM can be computed for any layer, we play the game with all three stages."),
     ("We build images for which we know the right place. Four test images of four different classes, all "
     "recognised by the network, make one image of 64×64 pixels. (The network accepts it, because it averages "
     "over all positions.) If we ask for the class of one of them, the heatmap should lie in its quarter. A "
     "heatmap that knows nothing has 25 % there, a perfect one 100 %. This is the **grid pointing game** of "
     "Böhle and others ([2021](https://arxiv.org/abs/2104.00032)). We play it with heatmaps of all three stages.")),
    (59, ("In the example, each heatmap is brightest in its own quarter; that for the bird spills over to its left. "
     "(± is one standard error over the grids, a little too small, because the grids share their images; three "
     "of the 400 heatmaps of stage 1 have no positive part and are left out.) At stage 3, the last one, 71.8 % "
     "of the heatmap lie in the right quarter; at stage 2 only 36.5 %, and at stage 1 30.3 %, little more than "
     "the 25 % of a heatmap that knows nothing. So use the last stage: after it come only an average and a "
     "linear layer, and before the ReLU its heatmap adds up to the logit, but for the bias. The heatmap at the "
     "last stage is exact for positions of the *feature map*. Each of these sees 81×81 pixels, more than the "
     "whole grid, so it may hold something of the neighbours."),
     ("At stage 3, the last one, 71.8 % of the heatmap lies in the right quarter; at stage 2 only 36.5 %, and at "
     "stage 1 30.3 %, little more than chance (25 %). (Here and below, ± is one standard error over grids or "
     "images.) So use the last stage. But even there, each position has a receptive field of 81×81 pixels, "
     "which reaches into the neighbouring images. In our example, the heatmap for the bird spills over to its "
     "left.")),
    (59, ("If the heatmap shows what the prediction rests on, then covering its highest positions should hurt more "
     "than covering others. We cover 4×4 squares with grey, the mean colour. But any grey square may hurt, "
     "since the network has never seen one. So we compare with three controls that cover equally many squares: "
     "random squares, the lowest squares, and the highest squares of *another image's* heatmap. The last one "
     "tells whether the heatmap of any image would do. If our heatmap says something about *this* image, "
     "covering by it must hurt more than all three."),
     ("If the heatmap shows what the prediction rests on, then covering its highest positions should hurt more "
     "than covering others. We cover squares of 4×4 pixels with grey, the mean colour. As any grey square may "
     "hurt, we compare with three controls that cover equally many squares: random squares, the lowest squares, "
     "and the highest squares of *another image's* heatmap. If our heatmap says something about *this* image, "
     "covering by it must hurt more than all three.")),
    (61, ("Adebayo and others ([2018](https://arxiv.org/abs/1810.03292)) found explanation methods whose heatmaps "
     "look the same whether the network is trained or not. In their test, Grad-CAM passed. We repeat it: "
     "replace the trained weights by random ones, from the head downwards, and correlate the new heatmaps with "
     "the old ones. A random head may give a map the opposite sign, so we ignore the sign of the correlation. "
     "If the heatmap depends on the trained weights, the correlation must fall to that of two different images, "
     "or lower. If it stays near 1, the heatmap ignores what the network has learned. As a floor we add the "
     "correlation between two networks that are random throughout."),
     ("Adebayo and others ([2018](https://arxiv.org/abs/1810.03292)) found explanation methods whose heatmaps "
     "look the same whether the network is trained or not. In their test, Grad-CAM passed. We repeat it: we "
     "replace the trained weights by random ones, from the head downwards, and correlate the new heatmaps with "
     "the old ones. A random head may give a map the opposite sign, so we ignore the sign. If the heatmap "
     "depends on the trained weights, the correlation must fall to that of two different images, or lower. As a "
     "floor we add the correlation between two networks that are random throughout.")),
    (63, ("Grad-CAM passes: with all weights random, the absolute correlation falls to between 0.13 and 0.22, near "
     "that of a pair of random networks (0.14) and far below that of different images (0.52). A random head "
     "alone brings it down to about 0.5. (Without random weights it is 0.97 rather than 1, because the averages "
     "of batch norm are computed anew.)"),
     ("Grad-CAM passes: with all weights random, the absolute correlation falls to between 0.13 and 0.22, near "
     "that of a pair of random networks (0.14) and far below that of different images (0.52).")),
    (63, ("**What to take away.** At the last stage, Grad-CAM points at the right thing (71.8 % against 25 %), marks "
     "what the prediction depends on, and changes with the weights. But it is coarse, and it says where the "
     "network looks and not why. And never trust a heatmap without a control: two different images already have "
     "heatmaps that correlate at 0.52."),
     ("**What to take away.** At the last stage, Grad-CAM points at the right thing (71.8 % against 25 %), marks "
     "what the prediction depends on, and changes with the weights. But it is coarse, and it says where the "
     "network looks and not why. And never trust a heatmap without a control: the heatmaps of two different "
     "images already have an absolute correlation of 0.52.")),
]

def bare(cell):
    """A copy of a code cell without execution counts, the only thing that may differ."""
    cell = copy.deepcopy(cell)
    for part in (cell, *cell.outputs):
        part.pop("execution_count", None)
    return cell


book = nbformat.read(NB, 4)
for place, old, new in EDITS:
    cell = book.cells[place]
    assert cell.cell_type == "markdown", place
    assert cell.source.count(old) == 1, (place, cell.source.count(old), old)
    cell.source = cell.source.replace(old, new)
book.cells = [cell for place, cell in enumerate(book.cells) if place not in DELETE]
if DELETE:
    for number, cell in enumerate((cell for cell in book.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
nbformat.validate(book)

before = nbformat.read(NB, 4)
kept = [cell for place, cell in enumerate(before.cells) if place not in DELETE]
assert [c.cell_type for c in kept] == [c.cell_type for c in book.cells]
for old, new in zip(kept, book.cells):
    if old.cell_type == "code":
        assert bare(old) == bare(new)
    else:
        assert old.metadata == new.metadata and old.get("id") == new.get("id")
code = [cell for cell in book.cells if cell.cell_type == "code"]
assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
headings = [[line for c in b if c.cell_type == "markdown" for line in c.source.splitlines() if line.startswith("#")]
            for b in (kept, book.cells)]
assert headings[0] == headings[1]
nbformat.write(book, OUT)
words = [sum(len(c.source.split()) for c in b.cells if c.cell_type == "markdown") for b in (before, book)]
print("words:", *words)
