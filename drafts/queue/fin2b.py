import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
A = "/work/main/architectures/"
edit(A + "inception/Inception.ipynb", [
(59, "With He's, and with batch norm, the gradient even grows on its way to the stem, and the heads raise it by less than a factor of two.",
     "With He's initialisation the norm at the stem is 1.6 to 2.3 times that at 5b; as the stem's output has three times as many values, and $\\sqrt 3 \\approx 1.7$, the gradient of a single value hardly changes. With batch norm it really grows (15 to 17 times). In both cases the heads raise it by less than a factor of two."),
(59, "Larger gradients need not make a better network. The successor paper ([*Rethinking*](https://arxiv.org/abs/1512.00567), section 4) saw no difference early in training, and its authors take heads for regularisers (exercise 2).",
     "Whether larger gradients make a better network, we did not test. The successor paper ([*Rethinking*](https://arxiv.org/abs/1512.00567), section 4) saw no difference early in training, and its authors take heads for regularisers (exercise 2). But its networks have batch norm, with which the heads hardly raise our gradients either."),
(32, "Ten of the twelve rows agree with the paper to within a million; 5a stays unexplained.",
     "Ten of the twelve rows agree with the paper to within a million. The 54 million of 5a would fit 48 instead of 32 channels in its 5×5 reduction: $49 \\cdot (16 \\cdot 832 + 25 \\cdot 16 \\cdot 128) \\approx 3.2$ million more."),
(0, "and test the paper's arguments on a network that you have trained yourself.", "and check the paper's arguments: some by counting, some in untrained networks, some in a network that you have trained yourself."),
(53, "The paper's crops also show other regions and scales, so we expect a smaller gain.", "The paper's 144 crops also show other regions and scales, so we expect less from ours."),
(55, "the paper's ten crops gain 0.92 points of top-5 error.", "the paper's ten crops gain 0.92 points, but of top-5 error, so the two cannot be compared directly."),
(23, "middle layers that separate the classes better,", "lower stages that separate the classes better,"),
(34, "add up to 6.96 million, close to ours.", "add up to 6.96 million, close to ours, although single rows differ (4c has 463 there, and 498 by our count)."),
(20, "This is about twice 1.5 × 3.6 = 5.4,", "The 10.9 are about twice 1.5 × 3.6 = 5.4,"),
(59, "Before that, its batch norms collect", "Its batch norms first collect"),
])
edit(A + "alexnet/AlexNet.ipynb", [
(45, "Since neighbouring rates differ about threefold, we do not interpret ratios between 0.77 (1/1.3) and 1.3.",
     "Neighbouring rates differ about threefold, so a finer grid could change each time. We do not interpret ratios between 0.77 (1/1.3) and 1.3, and treat those just outside with caution."),
(53, "With AlexNet's weights ReLU is ahead, by a factor of 1.34, just beyond our limit of 1.3.",
     "With AlexNet's weights ReLU is ahead, by a factor of 1.34; that is hardly beyond our limit, and one step of the grid changes the time by up to 2.1 times, so a finer grid could undo it."),
(53, "**Which activation function is faster depends on the setting, and ReLU is never several times faster here.**",
     "**ReLU is never several times faster here, and with today's pixels and weights tanh is ahead.**"),
(53, "Against the rule of thumb above, ReLU was faster with variance 1/fan-in, and tanh with 2/fan-in.",
     "Against the rule of thumb above, ReLU was faster with variance 1/fan-in than with the 2/fan-in that was made for it (9.1 against 14.9 epochs); for tanh the two hardly differ."),
(53, "In two cases the best rate is at the edge of the grid (tanh with cuda-convnet's weights, ReLU with AlexNet's), so these could be faster still.",
     "In three cases the best rate is at the edge of the grid (tanh with cuda-convnet's weights, ReLU with AlexNet's and with 2/fan-in); in the others, too, a rate between two of ours may be faster."),
(53, "and ReLU stays clearly above it.", "and ReLU stays clearly above it. (The rates were chosen for speed, so this says little about how well ReLU can fit these images.)"),
(53, "much of what has been learned from 4,500 images does not generalise.", "so the race shows mainly how fast 4,500 images are fitted, and on all of CIFAR-10 the order could be another one."),
(15, "Conv 3 and the linear layers (white) receive the outputs of both.", "Conv 3 and the linear layers (white) receive the outputs of both, and conv 1 (also white) reads the image."),
(65, "bfloat16 in the forward pass where the chip has it", "bfloat16 in convolutions and linear layers where the chip has it; weights in float32"),
(23, "The paper initialises the weights from N(0, 0.01²).", "`AlexNet` joins these parts. As in the paper, the weights start from N(0, 0.01²), and the biases of layers 2 and 4 to 7 at 1, so that their ReLUs start with positive inputs."),
(11, "We divide the pixels also by their standard deviation of about 64, and our initial weights are larger. With the paper's weights, $\\alpha = 10^{-4} \\cdot 64^2 \\approx 0.41$ would have the effect of the paper's $10^{-4}$.",
     "We divide the pixels also by their standard deviation of about 64; to make up for this alone, we would need $\\alpha = 10^{-4} \\cdot 64^2 \\approx 0.41$. But our initial weights are larger than the paper's, so a smaller $\\alpha$ will do."),
(53, "Today, at most 21 % of the units of any layer are saturated half of the way to 25 %, and tanh is fast.", "In `today`, at most 21 % of the units of any layer are saturated half of the way to 25 % (seed 0), and tanh is fast."),
])
