import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
D="/work/main/architectures/"
def readme(p, pairs):
    s=open(p).read()
    for a,b in pairs:
        if s.count(a)!=1: print("README NOT",p,s.count(a),a[:70]); continue
        s=s.replace(a,b)
    open(p,"w").write(s)
edit(D+"transformer/Transformer.ipynb",[
(59,"neither learning rate is tuned, and with 62 % on its training images, the ViT is far from fully trained","neither learning rate is tuned, and with 62 % on their augmented training images, the ViT and the shuffled ResNet are both far from fully trained"),
(19,"The network learns faster with the units first: more than","From epoch 6 on, the network is better with the units first: more than"),
(7,"as most models after 2017 do,","as GPT-2 and most models after it do,"),
(43,"The training accuracy ends five points above the validation accuracy, a first sign of overfitting, but the validation loss does not rise.","Even on augmented images, the training accuracy ends five points above the validation accuracy. This is a first sign of overfitting, but the validation loss does not rise at the end."),
(67,"Replace `patches` by two 3×3 convolutions with a stride of 2.","Replace `patches` by two 3×3 convolutions with a stride of 2, a padding of 1 and a ReLU between them."),
(34,"Does our network also compute the same as torchvision's?","The paper's 86 million is between our counts without the head (85.8) and with it (86.6). Does our network also compute the same as torchvision's?"),
(50,"a few patches of the first frog count 2.5 times their equal share,","a few patches of the first frog count more than twice their equal share (up to 2.5 times),"),
(67,"After how many carries in a row does it fail?","Does it fail after some number of carries in a row?"),
(47,"None of our heads looks only at near patches (n = 1): even","Each dot is one head; its colour has no meaning. None of our heads looks only at near patches (n = 1): even"),
(39,"All our trainings on images shift and flip them.","All our trainings on images shift them (hence the black borders) and flip them."),
(26,"Four equations describe the whole network, for $N$ patches $x_p^i$ and $L$ layers:","Four equations describe the network up to its head. $x_p^i$ are the $N$ patches, $E$ is the matrix of the linear layer above, and $z_\\ell$ are the tokens after layer $\\ell$ of $L$:"),
(47,"**Attention rollout** multiplies the attention matrices of all layers, and assumes","In each layer, row $i$ of the attention matrix says how much patch $i$ takes from every patch. **Attention rollout** multiplies these matrices over all layers, to follow the patches from the input to the output, and assumes"),
(7,"computes attention with PyTorch's own kernel. `fused=False` writes out the formula.","calls one function of PyTorch that does all steps of attention at once, a *fused kernel*. `fused=False` writes the formula out in several steps."),
])
readme(D+"transformer/README.md",[("the small ViT in the table of results;","the small ViT in the table of results, trained on all 50,000 training images;")])
edit("/work/main/resnet/ResNet.ipynb",[
(82,"their shortcuts keep only a quarter of the pixels.","half of the channels that their shortcuts carry are zeros."),
(82,"ResNet-20 has larger ratios in all three stages.","Both ResNet-20s have larger ratios in all three stages, but they need not have learned them: where few blocks have added to $x$, the ratio is large even untrained (see the start of the dashed line). In the last stage of the main run the median is 1.33: there a block adds more than its shortcut carries."),
(73,"The authors conjecture that deep plain networks converge exponentially slowly.","He et al. conjecture that deep plain networks may converge exponentially slowly. Yang et al. conclude from the explosion at the start that very deep networks with batch norm, usual initialisations and no skip connections cannot be trained."),
(86,"Each network has one seed.","We tested the plain networks only with the running averages. Each network has one seed."),
(53,"The difference is the *generalisation gap*.","The *generalisation gap* is larger than this difference, because augmented images are harder; we measure it below."),
(41,"calls these functions once per epoch","calls `train_one_epoch` and `evaluate` once per epoch"),
(20,"the first block of a stage halves the resolution and needs a shortcut of option A, B or C:","a few halve the resolution and need a shortcut of option A, B or C:"),
(94,"From 50 layers on they use another block, because two 3×3 convolutions on 256 channels have more than a million weights.","From 50 layers on they use another block, to keep the training time affordable: two 3×3 convolutions on 256 channels have more than a million weights."),
(0,"In trainings of 8 epochs 56 plain layers","In trainings of 8 epochs, with one seed each, 56 plain layers"),
(79,"But a response that another batch norm follows can be scaled at will, and weight decay shrinks the scales in all networks.","But where another batch norm follows, the size of a response means little: if we halve all its values, that batch norm divides by half the standard deviation, and nothing changes. Besides, weight decay shrinks batch norm's scales in all networks."),
(63,"We try a second rate for the deep network alone: for plain-20 it could only widen the gap, because its better rate would count.","We do not repeat plain-20: of its two trainings we would take the better one, so a second could only make the gap larger."),
(84,"A removal also shifts the inputs of the later batch norms away from their running averages, so we repeat the test of ResNet-56 with the statistics of each batch.","After a removal, the later batch norms receive inputs with another mean and variance than the running averages of the training. To see how much of the damage comes from this, we repeat the test of ResNet-56 with the mean and variance of each batch."),
(61," Dashed lines are training errors, solid lines test errors.",""),
])
edit(D+"lenet/LeNet.ipynb",[
(52,"As a measure of the network's doubt we take","As a measure of the network's confidence we take"),
(34,"The difference is no larger than chance would make it: with another 10,000 test digits, the error would vary by about ±0.09 points (one standard error).","The difference of 0.07 points is small: our own seeds vary by 0.04, and with another 10,000 test digits the error would vary by about 0.09 (one standard error)."),
(15,"In today's convolutions every output channel sees every input channel.","In an ordinary convolution every output channel sees every input channel."),
(37,"At three pixels they lose 15 to 22 points, and the fully connected network 39 to 40.","At three pixels they lose 15 to 22 points, the fully connected network 39 to 40: the architecture about halves the loss, but does not prevent it."),
(43,"removes 1.0, 1.1 and 0.4 points; at 550 images its seeds overlap.","removes 1.0, 1.1 and 0.4 points; at 550 images its seeds overlap. (With 55,000 images, our fully connected network makes half of the errors of the paper's, which had 60,000 images of 28×28 pixels and another optimiser.)"),
(54," Several of the ten digits above would make a person hesitate too.",""),
(39,"Two larger ones, which share weights in the first hidden layer or in both, read","Two networks with more connections but fewer weights, which share them in the first hidden layer or in both, read"),
(52,"A threshold of 25, the dashed line, rejects","A threshold of 25 (the dashed line, chosen by eye on these digits) rejects"),
(12,"The absolute value of the second derivative is largest close to ±1, well before the flat tails, where gradients vanish.","So F6 can reach its targets where the curve bends most (the absolute value of its second derivative is largest close to ±1), and need not go into the flat tails, where gradients vanish."),
(26,"At initialisation F6 is near 0, so the distance to any code is near 84.","At initialisation F6 is near 0. All 84 pixels of a code are ±1, so the squared distance to any code is near 84 · 1² = 84."),
(49,"Today it's called a **fully convolutional** network.","Today it's called a **fully convolutional** network. (`LeNet5.forward` accepts only 32×32 pixels, so `read_line` calls the layers one by one.)"),
])
readme(D+"lenet/README.md",[("Sharing matters most with few images; our fully connected network makes half of the paper's errors.","In points, sharing matters most with few images; in relative terms the sizes differ less (it removes a third of the errors with 550 images, a fifth with 55,000, n = 1). With 55,000 images, our fully connected network makes half of the paper's errors.")])
edit(D+"resnet/ResNet.ipynb",[
(35,"With 250 and 1,000 labels it is behind training from scratch in all seeds, slightly on turned photos and far on MNIST (14.3 against 1.9 % with 1,000 digits).","On MNIST it is far behind training from scratch at every size (14.3 against 1.9 % with 1,000 digits). On turned photos it is level with 50 photos and 1 to 2 points behind with more, which a better fit of the head could change."),
(29,"Most fits reached the limit of 100, so a longer fit might be a little better.","Most fits reached the limit of 100, and we did not record which weight decay won: a longer fit or a smaller decay might be better."),
(0,"Everything except fine-tuning takes a few minutes.","Everything except these trainings takes a few minutes."),
(61,"which leave 11.0 to 36.1 points more of the predicted probability.","which leave 11.0 to 36.1 points more of the predicted probability (averaged over the five amounts). On average, another image's heatmap does about as well as random squares (11.0 ± 1.0 and 11.9 ± 1.2 points)."),
(63,"At the last stage, Grad-CAM points at the right thing, marks","At the last stage, Grad-CAM mostly points at the right thing, marks"),
(63,"even those of two different images are correlated (0.52).","even those of two different images have an absolute correlation of 0.52 (those of two random networks 0.14)."),
(47,"None of this is transfer, since the network was trained on these classes.","None of this is transfer: the network was trained on these classes, and on the very images among which we search."),
(44,"The baseline compares thumbnails, the images shrunk to 8×8 pixels.","The baseline does the same with thumbnails, the images shrunk to 8×8 pixels."),
(59,"(Here and below, ± is one standard error over grids or images.)","(Here and below, ± is one standard error over grids or images. The grids share 300 images, so theirs may be too small.)"),
(9,"The probabilities always sum to one.","For our airplane, almost all of the rest goes to *ship*: the probabilities always sum to one."),
(20,"changed its mean, its variance and its count.","changed its running mean, its running variance and its count of batches."),
(56,"*airplane* at the machine.","*airplane* at the airplane itself."),
(33,"Compare the ends, since every curve is one cycle of the learning rate.","Compare only the ends of the curves: each training goes through its whole learning-rate schedule, so at the same epoch the learning rates differ."),
(61,"After each replacement we compute batch norm's running averages anew; this alone lowers the correlation from 1 to 0.97.","Batch norm's running averages belong to the old weights, so we compute them anew after each replacement; even with no weight replaced, this lowers the correlation from 1 to 0.97."),
(49,"(If the backbone is frozen, call `images.requires_grad_()` first.)","(If the backbone is frozen, nothing before the layer requires a gradient, and autograd raises an error: call `images.requires_grad_()` first.)"),
])
readme(D+"resnet/README.md",[('its "epochs" are iterations of L-BFGS, at most 100.','its "epochs" are iterations of L-BFGS, at most 100; a longer fit or a smaller weight decay might lower its errors.')])
readme(D+"bert/README.md",[("i didn't like this movie , it was very [MASK] .      good 20%","the film is [MASK] by steven spielberg .             created 15%, directed 12%, provided 4%, written 4%, produced 4%\ni didn't like this movie , it was very [MASK] .      good 20%")])
