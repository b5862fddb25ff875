import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/work/main/architectures/vgg/VGG.ipynb"
edit(P, [
(0, "classifies 91.46 % of the CIFAR-10 test images correctly, and 92.25 % if we average", "classifies 92.47 % of the CIFAR-10 test images correctly, and 93.37 % if we average"),
(0, "The stored outputs come from scale `cpu`: 92 minutes of training for the main run and 6 for the fine-tuning, on one of the two cores of an AMD EPYC.",
    "The stored outputs come from scale `cpu`, on an AMD EPYC with two cores: 217 minutes of training for the main run (half of it with one thread, beside other work), 3 for the fine-tuning, and about 10 for the small experiments."),
(35, "With σ = 0.1, both grow millions of times. (Read the gradients from right to left.)",
     "With σ = 0.1, both grow millions of times. (Read the gradients from right to left.) The product of the gains (in brackets) predicts the outputs to within a factor of five, except for PyTorch's default, whose random biases the formula leaves out."),
(35, "what is left hardly depends on the image. (This default also draws random biases, which are the same for every image.)",
     "what is left comes mostly from the biases, which are the same for every image."),
(35, "Each case gets the best of three learning rates, chosen with the first seed. Gradients with a norm over 1 are scaled down to 1 (*clipping*). If the differences between images and the gradients decide, E should learn first with He, then with Glorot, then with PyTorch's default, and A should learn even with Glorot. If the curves of E without batch norm look alike, something else holds it back.",
     "Each case gets the best of five learning rates, chosen with the first seed. Gradients with a norm over 1 are scaled down to 1 (*clipping*). With a quarter of the channels, $\\sigma = 0.2$ and $0.02$ give the same gains as the paper's 0.1 and the 0.01 of He and colleagues at full width. If a network starts sooner the more of the differences and of the gradient survives, E should start first with batch norm, then with He, Glorot and PyTorch's default. A has half as many layers in which they can be lost, so it should start before E."),
(43, "The learning rate is at its peak around epoch 9. Label smoothing keeps the training loss (dashed) above 0.50, so compare the accuracies, not the losses. In the first 30 epochs the validation accuracy jumps: in epoch 15 it falls by 4.96 points. In the last ten epochs, as the rate falls to zero, it gains 2.96 points and never falls by more than 0.34. At the end, 97.97 % of the augmented training images and 92.22 % of the validation images are correct.",
     "The learning rate is at its peak around epoch 20. Label smoothing keeps the training loss (dashed) above 0.50, so compare the accuracies, not the losses. While the rate is high, the validation accuracy jumps from epoch to epoch, once by 14.68 points. As the rate falls to zero, it rises more smoothly: in the last ten epochs it gains 1.08 points and never falls by more than 0.12. At the end, 99.56 % of the augmented training images and 92.98 % of the validation images are correct."),
(45, "**91.46 % of the test images are classified correctly, and 92.25 % with mirror images** (one run).", "**92.47 % of the test images are classified correctly, and 93.37 % with mirror images** (one run)."),
(45, "It corrects 185 mistakes and makes 106 new ones: a gain of 0.79 points with a standard error of 0.17.", "It corrects 176 mistakes and makes 86 new ones: a gain of 0.90 points with a standard error of 0.16."),
(47, "In seven of the ten, the network confuses two animals. A blue frog is called an airplane, and a white bird a ship.", "In eight of the ten, the network confuses two animals. A dog is called a truck, and an airplane a bird."),
(55, "the accuracy falls by only 0.3 points in stage 5 and by 9.1 in stage 4. None of the first three stages survives that: the accuracy falls to 33.2 to 58.7 %. And $|\\gamma|$ tells less than we expected. It beats the random draw in 8 of 15 pairs, but by more than three points only in stage 1, with a quarter and with half of the channels (by 16.4 and 15.7 points). This is one network",
     "the accuracy falls by only 0.3 points in stage 5 and by 13.8 in stage 4. None of the first three stages survives that: the accuracy falls to 40.7 to 58.4 %. $|\\gamma|$ helps where much is cut from an early stage: with a quarter of the channels of stages 1 to 3, it is ahead of the random draw by 9.6 to 14.4 points. Elsewhere the two differ by at most 3.3 points, in either direction. This is one network"),
(58, "a test error of 9.15 %, 0.61 points more than that of the whole network**", "a test error of 8.32 %, 0.79 points more than that of the whole network**"),
(58, "After the cut, the validation error was 17.3 %, and four epochs of fine-tuning brought it down to 8.2 % (whole network: 7.7 %, here in float32).",
     "After the cut, the validation error was 15.7 %, and four epochs of fine-tuning brought it down to 8.1 % (whole network: 7.0 %; measured in float32, and during the training in bfloat16)."),
(60, "in stage 3, 597;", "in stage 3, 603;"),
(64, "The network is least sure of the airplane (86 %);", "The network is least sure of the airplane (76 %);"),
(66, "label smoothing; 42 epochs at scale `cpu`", "label smoothing; 100 epochs at scale `cpu`"),
(66, "Train B with batch norm, a quarter of the channels and no stage 5", "For 42 epochs, train B with batch norm, a quarter of the channels and no stage 5"),
(66, "(about an hour at scale `cpu`)", "(more than an hour at scale `cpu`)"),
])
