import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
A = "/work/main/architectures/"
edit(A + "mobilenet/MobileNet.ipynb", [
(24, "By this count the depthwise ones are almost free.", "By this count the depthwise ones are almost free. (The paper's Table 2 has the same figures, except 1.19 % for the first convolution, probably a misprint of 1.91: its column adds up to 99.29.)"),
(43, "Forward and backward passes together gain less, 2.0 and 3.8 times.", "Forward and backward passes together gain less, 2.0 and 3.8 times. So on this CPU the separable network of half width gains no time over the standard one of a quarter: folded, they take 0.24 and 0.26 ms an image."),
(51, "This is the main reason why time falls less than arithmetic: in the separable network", "This is the main reason why the sum of the layer times falls less than the arithmetic: in the separable network"),
])
edit(A + "transformer/Transformer.ipynb", [
(55, "In the middle of the image, each map is one spot around its patch; near the border it follows the border. But a patch near the left or right border often resembles its mirror image on the other side, too (see columns 2 and 7 in row 3).",
     "In the middle of the image (rows and columns 3 to 6), each map has one spot at about the height of its patch, but always in columns 3 to 6. Near the border it follows the border. So the vectors tell the row, but hardly left from right: in all columns, a patch resembles its mirror image on the other side (see column 3 in row 4, columns 2 and 7 in row 3)."),
(55, "to −0.20 for seven.", "to −0.20 for seven. (In the figure it rises again for the largest distances: corners resemble each other.)"),
(55, "The network has found out", "The network has found out much of it") if False else (57, "But a convolution also uses the same weights everywhere, and the shuffle does not change that: if this is what counts, the shuffle should cost little.",
     "But a convolution also finds the same small pattern everywhere, and patterns that fit into a patch survive the shuffle: if they are what counts, the shuffle should cost little."),
(59, "A convolution assumes that neighbours matter, which gives it a head start where that is true. Where we made it false, the ResNet lost the head start",
     "A convolution assumes that neighbours matter and that an object may stand anywhere, which gives it a head start where that is true. Where we made both false (and put hard edges between the patches), the ResNet lost the head start"),
(21, "From the second digit on, head 1 also looks at the column before, which decides the carry.",
     "From the second digit on, head 1 also looks at the column before, which decides the carry, but with less than half of its weight; a part goes to the next column or to the plus sign, which the carry does not need."),
(47, "In the paper's first layers, some heads do have small distances.", "In the paper's first layers, some heads do have small distances. Our overlapping patches may do their work; in the paper, too, such heads are rarer where a ResNet comes first."),
(39, "All our trainings on images shift them", "Apart from the twenty images above, all our trainings on images shift them"),
])
edit(A + "efficientnet/EfficientNet.ipynb", [
(69, "The released networks were trained on ImageNet, each at its own resolution. **Use the right size:** a network recognises objects best at the size at which it saw them in training. torchvision stores it (\"crop\") beside its weights.",
     "The released networks were made for ImageNet, each for its own resolution. **Use the right size:** the accuracy depends on the size of the images, and torchvision stores the one with which it measured (\"crop\") beside its weights. It need not be the size of the training: the file names of B2 to B4 are those of the library timm, which trained them on smaller images."),
(53, "the deeper network is behind the base in epochs 3 and 4, and ahead at the end.", "the deeper network is behind the base in the first five epochs, and ahead at the end."),
(45, "the receptive field is only slightly larger than the image. By the paper's intuition, that should hurt.", "the receptive field is only slightly larger than the image, and only positions near the middle see all of it. By the paper's intuition, depth should have grown, too."),
(51, "the winner has the smallest one relative to its image.", "the winner has the smallest one relative to its image, though even that is larger than the image."),
(39, "This only protects us from a bad choice.", "This only protects us from a bad choice.") if False else (63, "The weights of B0 to B4 and of B5 to B7 come from two sources", "The weights of B5 to B7 are the authors', those of B0 to B4 come from a later training in the library timm"),
(57, "by at most 0.04 with it.", "by at most 0.03 with it."),
(6, "A 1×1 convolution expands the channels sixfold", "A 1×1 convolution expands the channels, in B0 sixfold except in the first stage"),
(43, "so it alone wastes some of its multiply-adds.", "so it alone computes more positions than its 21 pixels ask for (11 instead of 10.5 a side, then 6 instead of 5.25)."),
])
