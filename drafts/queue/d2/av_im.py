import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
D="/work/main/architectures/"
def readme(p, pairs):
    s=open(p).read()
    for a,b in pairs:
        if s.count(a)!=1: print("README NOT",p,s.count(a),a[:70]); continue
        s=s.replace(a,b)
    open(p,"w").write(s)
edit(D+"alexnet/AlexNet.ipynb",[
(53,"The share of saturated units alone does not predict the ratio.","Where its first layer saturates, tanh loses its lead, but is not several times slower than ReLU. (`today` also has other pixels, so saturation need not be the cause.)"),
(53,"Further down the curves the order changes: at the end tanh has a training error of nearly 0 in all three settings, and ReLU stays clearly above it.","In both settings of 2012, tanh overtakes ReLU below 25 %. At the end tanh has a training error of nearly 0 in all three settings, and ReLU stays clearly above it."),
(4,"Until then, the best entries in the ImageNet competition (ILSVRC) trained classifiers on features that people had designed. Then ImageNet offered 1.2 million labelled images, and GPUs had become fast enough.","Before 2012, the best entries in the ImageNet competition (ILSVRC) trained classifiers on features that people had designed. But the competition offered 1.2 million labelled images, and GPUs had become fast enough to train a large network on them."),
(42,"In the last two settings only the first layer starts differently: its weights are 100 times larger in the third.","The last two settings differ from each other only in the first layer: its weights are 100 times larger in the third."),
(57,"So in our run (n = 1) the network learns both kinds of kernels, but does not sort them by halves.","So in our run (n = 1) the network learns both kinds of kernels, and we see no sign that it sorts them by halves."),
(13,"With 0.41, a third of the sums lie beyond 4.","With 0.41, a third of these terms are above 4."),
(59,"Neighbours by pixels have a similar background and brightness: those of the automobile are a cat, a deer, a ship, a frog and a dog.","Neighbours by pixels are often of another class: those of the automobile are a cat, a deer, a ship, a frog and a dog."),
(59,"Here are four of ours:","Here are four of ours (a bar over the whole width would be 100 %):"),
(53,"(means of three seeds; the ratio is 0.65).","(means of three seeds; the ratio is 0.65). Against the rule of thumb above, ReLU was faster with variance 1/fan-in, and tanh with 2/fan-in."),
(11,"If all channels of a window grow together, the output of LRN grows only until $\\alpha \\sum (a^j)^2$ reaches $2k = 4$, and falls beyond. So this term should rarely exceed 4. The size of this term depends on the pixels and on the weights.","Suppose that we multiply all five activations of the sum by the same growing number. Then $b^i$ grows only until the term $\\alpha \\sum (a^j)^2$ reaches $2k = 4$; beyond, a stronger signal gives a weaker output. So this term should rarely exceed 4. Its size depends on the pixels and on the weights."),
(38,"Without augmentation and dropout, 97.15 % of the training images are right: so the gap to the test images is 9.06 points, although we train with both.","Of the first 10,000 training images, 97.15 % are right if we switch augmentation and dropout off for this test. So the gap to the test images is 9.06 points, although the network was trained with both."),
])
readme(D+"alexnet/README.md",[
("the version of 2014 with a single tower that torchvision calls AlexNet","torchvision's AlexNet, a single tower based on a version of 2014"),
("LRN's α is an argument, since the published value goes with pixels up to ±128 and smaller weights; we train with 0.1, our choice. It also mixes the two channels on either side of the boundary between the halves.","In the two small networks LRN's α is an argument, since the published value goes with pixels from about −125 to 141 and smaller weights; we train with 0.1, our choice. LRN, in `AlexNet` too, also mixes the two channels on either side of the boundary between the halves."),
])
edit(D+"vgg/VGG.ipynb",[
(38,"and after 175 to 206 with Glorot.","and after 175 to 217 with Glorot."),
(35,"If signal size decides, E should learn first with He","If the differences between images and the gradients decide, E should learn first with He"),
(38,"**E starts in the order of its signals: batch norm, He, Glorot; with PyTorch's default it doesn't start.**","**E starts in the order in which differences and gradients survive: batch norm, He, Glorot; with PyTorch's default it doesn't start.** (The size of the outputs doesn't predict this: the default keeps more of it than Glorot.)"),
(4,"Earlier winners of the ImageNet competition (ILSVRC) had eight layers and kernels of up to 11×11.","AlexNet, which won the ImageNet competition (ILSVRC) of 2012, had eight layers and kernels of up to 11×11."),
(24,"The first linear layer alone has three quarters of them.","The first linear layer alone has three quarters of the parameters."),
(4,"by the length of the images' shorter side in pixels.","by the length of the training images' shorter side in pixels (the last row was tested at 384)."),
(45,"kuangliu's VGG-16, with full width, all 50,000 training images and no mirror images, reaches 92.64 %.","kuangliu's VGG-16, with full width, all 50,000 training images, at least 200 epochs and no mirror images, reaches 92.64 % (its code keeps the epoch with the best test accuracy)."),
(55,"**The late stages have channels to spare, the early ones don't.**","**Without further training, the late stages have channels to spare, the early ones don't.**"),
(60,"**The effective receptive field is smaller than the arithmetic says.**","**In the first three stages, the effective receptive field is smaller than the arithmetic says.**"),
(45,"These are the most confident mistakes.","These are the most confident mistakes, each with the network's answer in the first line and the true class in the second."),
(29,"Our networks use He initialisation with the fan-out, like torchvision's.","Our networks use He initialisation with the fan-out, like torchvision's: $g = 1$ for gradients, and also for outputs wherever the number of channels stays the same (0.71 where it doubles)."),
(35,"So zero padding accounts for a factor of 8 to 9 here.","So zero padding accounts for a factor of 8 to 9 here. (Gradients also shrink in max pooling, which sends each to one of four positions: this halves the root mean square, four times in all.)"),
(58,"a 3×3 convolution adds $2s$ pixels to the side of the receptive field and a pooling $s$, where $s$, the distance of neighbouring positions in pixels, doubles with each pooling.","let $s$ be the distance in pixels between neighbouring positions of a feature map, 1 at first and doubled by each pooling. A 3×3 convolution makes the side of the receptive field $2s$ pixels longer, and a pooling $s$ pixels."),
])
readme(D+"vgg/README.md",[("prunes the trained network to a file of less than two megabytes.","prunes the trained network to a file of less than two megabytes (at scale `cpu`).")])
edit(D+"inception/Inception.ipynb",[
(59,"**How justified the worry was depends on the initialisation.**","**How justified the worry was depends on the initialisation**, at least in our small network, whose heads have full width."),
(62,"That is 1.8 points less than at 5b, and 50.4 more than in the untrained network (n = 1).","At 4d that is only 1.8 points less than at 5b (before rounding), and 50.4 more than in the untrained network (n = 1)."),
(49,"(The training loss includes label smoothing, so compare the accuracies.)","(The two losses differ: only the training loss includes label smoothing. The training accuracy is measured on augmented images, while the weights still change.)"),
(40,"The *effective* receptive field is smaller, because a long path weighs its centre most","The *effective* receptive field is smaller, because the pixels in its centre reach the unit through the most connections"),
(67,"SGD, one cycle, the last weights","SGD, one cycle, label smoothing, the last weights"),
(65,"run the two setup cells and then this one.","run the two setup cells and then the next one."),
(55,"eight shifted views more bring almost nothing (8.50 %; n = 1).**","eight shifted views more bring almost nothing (8.50 %; n = 1).** Ten views gain 0.71 points of top-1 error; the paper's ten crops gain 0.92 points of top-5 error."),
(59,"(Its batch norms measure means and variances first.)","Before that, its batch norms collect their running means and variances on 2,000 training images."),
(56,"The heads raise the total weight of the losses from 1 to 1.6, so only a factor far above 1.6 shows that a signal was lost without them.","With the heads, the weights of the losses add up to 1.6 instead of 1, so a factor of about 1.6 proves nothing. Only a factor far above it shows that little of the gradient arrived without them."),
(20,"This is about twice the product of the two: the large kernels then read all the channels that pile up.","This is about twice 1.5 × 3.6 = 5.4, because without both the large kernels read all the channels that pile up."),
])
readme(D+"inception/README.md",[("how much more views at test time help","how much additional views at test time help"),
("Nine modules make GoogLeNet, which is 22 layers deep.","GoogLeNet stacks nine modules on a stem and is 22 layers deep.")])
edit(D+"mobilenet/MobileNet.ipynb",[
(40,"the forward pass as trained (*eager*) and folded, and a forward and backward pass in training mode.","the forward pass with its batch norms (printed as \"eager\") and with folded ones, and a forward and backward pass in training mode. The weights are random, which does not change the work."),
(81,"So scales per channel are worth their few bytes.","So at 4 bits, scales per channel are worth their few bytes (one network)."),
(47,"A dot above the slanted roof of main memory found data in the cache, where our repeated timings have left it.","A dot above the slanted roof of main memory probably found some data in the cache, where our repeated timings may have left it."),
(51,"This is why time falls less than arithmetic:","This is the main reason why time falls less than arithmetic:"),
(51,"but take more than a third of the time (12.1, 19.3 and 4.1 %),","but take more than a third of the summed layer times (12.1, 19.3 and 4.1 %),"),
(57,"a ReLU sets a part of every channel to zero.","a ReLU sets all negative values of a channel to zero."),
(57,"We repeat the paper's Figure 1: a random matrix embeds a two-dimensional spiral in more dimensions, a ReLU follows, and a linear map, found by least squares, leads back.","We follow the paper's Figure 1: a random matrix maps a two-dimensional spiral to 2 to 30 dimensions, a ReLU follows, and a linear map leads back (ours is found by least squares; the paper uses $T^{-1}$ of its random matrix $T$)."),
(0,"`gpu` and `paper` add two comparisons.","`gpu` and `paper` add two comparisons and have not been run."),
(73,"$s$ is chosen such that the largest weight gets the largest integer, $2^{b-1} - 1$.","$s$ is chosen such that the largest absolute value gets the integer $\\pm(2^{b-1} - 1)$."),
(77,"which gives the accuracy of an integer network, not its speed.","which should come close to the accuracy of an integer network, but does not show its speed."),
(88,"## Where this departs from the papers","All ten are right. The network is least sure of the airplane (49 %).\n\n## Where this departs from the papers"),
(51,"So memory explains most of the depthwise layers' speed, but not all of it.","So the depthwise layers are about as fast as main memory allows, but not as fast as possible: batch norms move their bytes about a quarter faster."),
(47,"Next we run every layer by itself and plot the rate that it reaches.","In the example, the depthwise layer needs 0.25 ms to compute but 0.54 ms to move its data, so memory limits it; the pointwise layer needs 1.75 ms to compute, so arithmetic limits it. Now we run every layer by itself and plot its rate."),
(37,"which leaves the same function with fewer layers:","which leaves the same function with fewer layers ($*$ is the convolution, $\\mu$ and $\\sigma^2$ are the running statistics):"),
])
readme(D+"mobilenet/README.md",[
("MobileNetV2's outputs and gradients equal to torchvision's at three widths;","MobileNetV2's outputs equal to torchvision's at three widths, and its gradients at width 1.0;"),
("On a CPU, train in float32: the notebook times both.","On our CPU a separable network trained faster in float32 than in bfloat16: the notebook times both."),
("for about a ninth of the multiply-adds.","for an eighth to a ninth of the multiply-adds."),
])
