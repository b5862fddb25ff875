import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
V="/work/main/architectures/vae/VAE.ipynb"; U="/work/main/architectures/unet/UNet.ipynb"
edit(V,[
(65,"sample z without a gradient and add a surrogate, `reconstruction.detach() * log_q`, to the objective.","sample z without a gradient, set `s = reconstruction.detach() * log_q`, and add `s - s.detach()`, which is zero but has the gradient, to `reconstruction`."),
(40,"The model with 200 ends half a nat behind, at 97.02, and its test curve does not turn down.","The model with 200, the only size trained with clipped gradients, ends half a nat behind, at 97.02, and its test curve does not turn down."),
(42,"With 200 dimensions they differ less (1.93), although this model also fits the training images a little worse (96.10 against 94.88).","With 200 dimensions they differ less (1.93), but this model is a little worse on both: 96.10 against 94.88 in training, 98.04 against 97.84 in the test."),
(36,"**The model reaches 93.69 nats by its bound and 89.49 nats by the estimate of log p(x)** (dynamic binarisation, n = 1). For orientation: Burda et al. report 86.76 nats for a VAE","**The −ELBO is 93.69 nats and the estimated −log p(x) 89.49 nats** (dynamic binarisation, n = 1). For orientation: Burda et al., with dynamic binarisation too, report 86.76 nats for a VAE"),
(55,"on average over these 1,000 images (noise can make single estimates negative), far more","on average over the first 1,000 test images (noise can make single estimates negative; these images are 0.9 nats easier than the whole test set), far more"),
(10,"hardly any of the 500 samples from the prior fall into it.","hardly any of the 500 samples from the prior hit the orange spot."),
(65,"in nats (bytes × 8 ln 2), less that of an all-black image.","in nats (bytes × 8 ln 2)."),
(6,"**Always say which convention a number belongs to.** A grey level is","The three binary rows differ mainly at the edges of strokes, where pixels are grey. **Always say which convention a number belongs to.** A grey level is"),
(63,"**Your own digit.** Put an image","This is the map from above with fewer codes. **Your own digit.** Put an image"),
(6,"No model can reach zero: the binary draws of a test image have an entropy of 45.5 nats on average.","The test loss cannot reach zero under any of the three, because the draws are random: those of a test image have an entropy of 45.5 nats on average."),
(4,"outputs an approximate posterior $q_\\phi(z|x) = \\mathcal N(\\mu, \\mathrm{diag}(\\sigma^2))$.","outputs an approximate posterior $q_\\phi(z|x) = \\mathcal N(\\mu, \\mathrm{diag}(\\sigma^2))$. Its weights are $\\phi$, the decoder's are $\\theta$."),
(28,"`main` is the number of epochs of the two long trainings, `short` that of all comparisons.","`main`, `short` and `conv` are epochs: of the two long trainings, of all comparisons, and of the convolutional VAE (0: not trained). `samples` and `few` are the samples and the images for estimates of $\\log p(x)$."),
])
edit(U,[
(41,"If they only helped the gradients, this network should come close.","If the channels at the bottom can carry the positions as well, this network should come close."),
(35,"the training loss is the lower one, so mild overfitting is possible.","the training loss is the lower one, though the training pixel error is not, so mild overfitting is possible."),
(41,"We change one thing at a time, in short runs","We change one thing at a time (in the last variant two), in short runs"),
(48,"in the ablation, networks that never had skips were only slightly worse.","in the ablation, smaller networks that never had skips were only slightly worse than those with skips."),
(44,"They include the neighbour of the first held-out slice.","One of the five is the neighbour of the first held-out slice."),
(23,"costs about eight times as much.","costs 8.5 times as much on average."),
(41,"The colours are random, so compare shapes. The worst merge error","This is the slice of the figure before. The colours are random, so compare shapes. The worst merge error"),
(39,"The orange rings inside two cells are exceptions: outlines that the annotators did draw.","The annotators usually leave outlines inside a cell unmarked. The orange rings in two cells are exceptions, and the network missed them."),
(31,"We chose the peak learning rate, the loss and the largest thresholds in short trials","We chose the peak learning rate, the loss, and how far the list of thresholds goes up, in short trials"),
])
def readme(p, pairs):
    s=open(p).read()
    for a,b in pairs:
        assert s.count(a)==1,(p,s.count(a),a[:60]); s=s.replace(a,b)
    open(p,"w").write(s)
readme("/work/main/architectures/vae/README.md",[("Burda et al. report 86.76 nats by log p(x) for a VAE","Burda et al. report a −log p(x) of 86.76 nats on dynamically binarised digits for a VAE")])
readme("/work/main/architectures/unet/README.md",[("The ablation: Rand error, one thing changed at a time, in short runs of a narrow network.","The ablation: Rand error, one thing changed at a time (in the last row two), in short runs of a narrow network.")])
