import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
A = "/work/main/architectures/"
edit(A + "alexnet/AlexNet.ipynb", [
(53, "tanh is ahead.** With today's pixels and weights tanh is ahead: it needs 6.0 epochs to a training error of 25 %, ReLU 9.1 (means", "tanh is ahead.** In that setting tanh needs 6.0 epochs to a training error of 25 %, ReLU 9.1 (means"),
])
edit(A + "vae/VAE.ipynb", [
(51, "and all 20 dimensions stay active up to β = 2, but only 12 at β = 4, but the samples look cleanest.", "and only 12 of the 20 dimensions stay active (up to β = 2, all do), but the samples look cleanest."),
(6, "The test loss cannot reach zero under any of the three, because the draws are random (and on grey levels because the formula itself cannot): those of a test image have an entropy of 45.5 nats on average.",
    "The test loss cannot reach zero under any of the three: the draws are random, and those of a test image have an entropy of 45.5 nats on average; on grey levels the formula itself cannot fall below this entropy."),
])
edit(A + "gpt/GPT.ipynb", [
(23, "better than all the counts above (a smaller added number would improve those).", "better than all the counts above (whose added 1 we did not tune)."),
(62, "(Part of this may be names: the network writes those of the training text, as in its longest run, and the held-out text has many other speakers.)", "(Part of this may be the names of speakers, as in its longest run; we did not separate them.)"),
])
edit(A + "vgg/VGG.ipynb", [
(50, "so cutting them must not change the answers.", "so cutting them must not change the network's output."),
(45, "each with the network's answer in the first line", "each with the network's prediction in the first line"),
(64, "even a sure answer is near 91 %", "even a sure prediction is near 91 %"),
])
