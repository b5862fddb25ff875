import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
edit("/work/main/architectures/vgg/VGG.ipynb", [
(0, "(half of it with one thread, beside other work)", "(the first 50 epochs with one thread, beside other work)"),
(55, "**Without further training, the late stages have channels to spare, the early ones don't.**", "**Without further training, stage 5 has most of its channels to spare, stage 4 some, the early stages few.**"),
(60, "Their full receptive fields are larger than the image, so we cannot see here whether they, too, are concentrated.", "Their full receptive fields are three and six times as wide as the image, so we cannot see here whether they, too, are concentrated."),
(38, "A's loss falls under 1 after 51 to 57 steps, but jumps to the end (too much for the plot).", "A's loss falls under 1 after 51 to 57 steps, but keeps jumping up and down (so we leave it out of the plot)."),
(35, "If a network starts sooner the more of the differences and of the gradient survives, E should start first", "If networks start sooner when more of the differences and of the gradient survives, E should start first"),
(35, "(Read the gradients from right to left.)", "(Gradients travel from convolution 16 back to 1, so read the third panel from right to left.)"),
(50, "To check `cut`, we silence random channels by $\\gamma = \\beta = 0$: whether they are there or cut must make no difference.", "To check `cut`, we set $\\gamma = \\beta = 0$ in random channels. Their outputs are then always zero, so cutting them must not change the answers."),
(29, "but $n$ counts the outputs that a unit feeds (*fan-out*), not its inputs (*fan-in*).", "but $n$ is then the number of sums that each value enters (*fan-out*), not the number of values in each sum (*fan-in*)."),
])
