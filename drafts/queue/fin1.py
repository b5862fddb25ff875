import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
edit("/work/main/architectures/lenet/LeNet.ipynb", [
(52, "These are the misclassified digits with the largest margins:", "(It is not fair to all classes: the codes of 6 and 8 are so close that even a perfectly read one has a margin of only 48, less than any other digit. So wrong sixes and eights hardly get into the following list.) These are the misclassified digits with the largest margins:"),
(37, "**The LeNets tolerate one pixel and begin to fail at two; shifted training data add far more.** At one pixel the LeNets trained on centred digits still read 98.6 and 98.7 % correctly, at two 95.6 and 94.3 %.",
     "**One pixel already doubles the LeNets' errors, two make them fail; shifted training data help far more.** The LeNets trained on centred digits read 99.3 % correctly without a shift, 98.6 and 98.7 % at one pixel, and 95.6 and 94.3 % at two."),
(43, "In relative terms, the sizes differ less: sharing removes about a third of the unshared network's errors with 550 images and still a fifth with 55,000. So the two lines are almost parallel on log scales.",
     "In relative terms, the sizes differ less: sharing removes 34 % of the unshared network's errors with 550 images and 28 % with 5,500 (21 % with 55,000, if that gap is real). So the lines of these two networks are almost parallel on log scales."),
(49, "The paper proposes this for reading strings that nobody has cut into characters (a *space displacement neural network*, section VII).",
     "The paper uses this, an idea of some years before, to read strings that nobody has cut into characters (a *space displacement neural network*, section VII)."),
(4, "This notebook covers the first half of the paper.", "This notebook covers the first half of the paper, and of the second half only the network that slides along a line (section VII)."),
(46, "Kernel 2 responds to vertical strokes,", "Kernel 2 responds to steep strokes that lean to the right,"),
(54, "So rejecting 1.0 % of the digits lowers", "So rejecting the 1.0 % of the digits with the smallest margins lowers"),
(39, "The weight decay and LeNet's learning rate were chosen for the LeNets at 55,000 images.", "We chose the weight decay and LeNet's learning rate in earlier trials with the LeNets at 55,000 images (not shown)."),
])
edit("/work/main/architectures/resnet/ResNet.ipynb", [
(61, "On average, another image's heatmap does about as well as random squares (11.0 ± 1.0 and 11.9 ± 1.2 points).",
     "Another image's heatmap hurts more than random squares while little is covered, and less at half of the image; averaged over the amounts, the two are alike (11.0 ± 1.0 and 11.9 ± 1.2 points)."),
(29, "Most fits reached the limit of 100, and", "Most fits reached the limit of 100 iterations, the others perhaps PyTorch's limit of 125 evaluations of the loss, and"),
(33, "even on their training images they end at 55.5 % accuracy (66.6 % after 45 epochs), while fine-tuning reaches 83.5 %.",
     "even on their training images they end at 55.5 % accuracy (66.6 % after 45 epochs), while fine-tuning reaches 83.5 %. (Training accuracy is measured during the training, on shifted images and in training mode, so it can lie below the validation accuracy.)"),
(0, "All trainings need about 90 minutes if we add up the estimates that the cells print; by the clock, those of the table alone took 115 minutes on a shared machine.",
    "The estimates that the cells print add up to about 90 minutes of training. Our machine was shared, and there the trainings in the table alone took 115 minutes."),
(63, "even those of two different images have an absolute correlation of 0.52 (those of two random networks 0.14).",
     "a correlation of 0.5 may sound like agreement, but even the heatmaps of two different images have 0.52 (absolute; those of two random networks 0.14)."),
])
edit("/work/main/resnet/ResNet.ipynb", [
(86, "It does not save the plain networks: they keep 18.1 and 14.9 % on average,", "Batch statistics do not save the plain networks: they fall to an accuracy of 18.1 and 14.9 % on average,"),
(86, "ResNet-20 has fewer blocks, and each matters more: it keeps 61 %.", "ResNet-20, with fewer blocks, keeps 61 %. (How much of that is due to the running averages, we did not measure.)"),
(73, "Only the plain network without batch norm has vanishing gradients: they shrink 11-fold on the way back.", "Only in the plain network without batch norm do the gradients shrink on the way back, 11-fold."),
(71, "**Batch norm keeps the signal level; without it the signal explodes or dies.**", "**With batch norm the variance changes at most tenfold; without it the signal explodes or dies.**"),
(82, "In the last stage it grows, to 0.94 and, in the main run, to 1.33: there a block adds more than its shortcut carries.",
     "In the last stage it grows, to 0.94 and, in the main run, to 1.33, where a block adds more than its shortcut carries."),
(53, "The *generalisation gap* is larger than this difference, because augmented images are harder; we measure it below.",
     "The *generalisation gap* is larger than this difference, because the training accuracy is that of augmented images in training mode; we measure it below."),
(79, "Besides, weight decay shrinks batch norm's scales in all networks.", "Besides, weight decay pulls batch norm's scales towards zero in all networks."),
(63, "We do not repeat plain-20: of its two trainings we would take the better one, so a second could only make the gap larger.",
     "We do not repeat plain-20: if it ended worse, we would not use that training, and if it ended better, the gap would only grow."),
(61, "On the right, its training error starts higher, but at the end it lies below the shallow one in training and in test.",
     "On the right, the deep network's training error starts higher, but at the end both its training and its test error lie below those of the shallow one."),
])
