import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
A = "/work/main/architectures/"
edit(A + "mobilenet/MobileNet.ipynb", [
(71, '''show_images(drawn, columns=10, title="Depthwise kernels of blocks 1, 4 and 12 (grey is zero)", size=0.9)''',
     '''title = "Depthwise kernels of blocks 1, 4 and 12 (grey is zero)"
show_images(drawn, columns=10, title=title, size=0.9, limits=(0, 1))'''),
(43, "", "") if False else (24, "", "") if False else (55, "Such a gap takes long training to see, so only scales `gpu` and `paper` train such a pair.", "We have not trained such a pair. To see a gap of a few points takes several seeds: scale `paper` trains three for 60 epochs, `gpu` only one for 8."),
(25, "with a total stride of 16 in place of 8 they need about a quarter of the arithmetic.", "a total stride of 16 in place of 8 saves about three quarters of the arithmetic at the same width."),
(81, "scales per channel are worth their few bytes", "scales per channel are worth their bytes (four for each output channel)"),
(55, "In the paper's table the two multipliers are about equally good", "In the paper's tables width is slightly ahead at equal cost"),
(33, "with smoothed labels, which alone keep it well above zero", "with smoothed labels, which alone keep it above 0.50"),
(73, "Others are bright blobs, which blur or shift.", "Others, such as the third of block 4, have almost no negative weights, and blur."),
])
edit(A + "vae/VAE.ipynb", [
(65, "log p(x) by importance sampling, any size, 55,000 training images", "log p(x) by importance sampling, 20 dimensions, 55,000 training images; no Monte Carlo EM or wake-sleep"),
(0, "a −log p(x) of 89.49 nats", "an estimated −log p(x) of 89.49 nats"),
(6, "The test loss cannot reach zero under any of the three, because the draws are random", "The test loss cannot reach zero under any of the three, because the draws are random (and on grey levels because the formula itself cannot)"),
(42, "each difference grows by about a nat", "each difference grows by 0.9 to 1.4 nats"),
(40, "many superfluous dimensions hardly hurt", "many superfluous dimensions hardly hurt in the end"),
(51, "only 12 of the 20 dimensions stay active", "all 20 dimensions stay active up to β = 2, but only 12 at β = 4"),
(48, "Digits that look alike lie side by side.", "Digits that look alike lie side by side. (The sevens form two groups, on both sides of 4 and 9.)"),
(21, "(appendix C)", "(appendix C; 500 units in section 5)"),
(57, "all look like upright ones", "all look like thin or short ones"),
(34, "than on pixels that are drawn anew (92.98 against 94.34)", "than on pixels that are drawn anew (92.98 against 94.34; part of the gaps is that the validation set is harder)"),
])
