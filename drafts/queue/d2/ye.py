import sys; sys.path.insert(0,"/root/queue")
from edit_nb import edit
D="/work/main/architectures/"
edit(D+"yolo/YOLO.ipynb",[
(21,"replaces them with a 1×1 convolution behind 14 convolutions with batch norm. The price: a grid cell sees only 135 × 135 of the 224 × 224 pixels.","replaces them with a 1×1 convolution, so a grid cell sees only what the convolutions before it cover. Its 14 convolutions (with batch norm) cover 135 × 135 of the 224 × 224 pixels; the paper's 24 cover far more."),
(67,"So most of the gap does not come from the grid.","In the 14 × 14 grid, few objects share a cell (only 0.5 % of the training objects have no target), yet the gap is about as large. So most of it does not come from the grid."),
(17,"with our 14 × 14, only 0.5 %.","with our 14 × 14, only 0.5 %. Some of these are cells that BCCD labels twice."),
(4,"with frames per second on a Titan X GPU:","with the frames per second that the paper lists (YOLO's on a Titan X GPU):"),
(67,"or a duplicate); **class** (another class's object);","here also a duplicate); **class** (another class's object; the paper has two kinds of these, which we add up);"),
(65,"AP at an IoU of 0.5 does not show this gain:","The AP of platelets at an IoU of 0.5 does not show this gain:"),
(62,"With S = 7, AP falls","On the validation and test images together, AP falls with S = 7 (n = 2; the baseline has n = 3)"),
(51,": the same shift in pixels costs a small box more IoU.",". One reason is that the same shift in pixels costs a small box more IoU."),
(57,"Without NMS, several boxes lie around some red cells. NMS removes them and raises mAP from 0.822 to 0.865; in the paper, it adds 2 to 3 points.","Without NMS, two boxes lie around some cells. NMS removes the second one and raises mAP from 0.822 to 0.865; in the paper, it adds 2 to 3 points. A threshold of 0.13 lets many more boxes in; at 0.64, the platelet and several red cells are lost."),
(53,"At this threshold, the net finds all 71 white blood cells.","The precision of white cells stays above 0.9 until all are found; that of red cells falls from the start. At the chosen threshold, the net finds all 71 white blood cells."),
(37,"after the curve has been made to fall monotonically;","after each precision has been replaced by the highest one at the same or a higher recall;"),
(65,"Each net gets the threshold at which 80 % of its detections on the validation split are correct.","To compare the nets at equal precision, each gets the lowest threshold at which 80 % of its detections on the validation split are correct."),
(8,"Here are the targets of one image:","This function builds the targets of one image:"),
(77,"and apply it to each class of each image.","and apply your Soft-NMS to each class of each image."),
])
edit(D+"efficientnet/EfficientNet.ipynb",[
(29,"If a network followed the rule exactly, all four would agree.","If a network followed the rule, its depth, width and resolution would imply the same $\\phi$. Its cost may imply a larger one, because rounding adds to it."),
(57,"the gates have stopped working.**","the gates hardly depend on the image.**"),
(57,"in four blocks to 0.000.","in four blocks to 0.000, and with weights of 0 a gate is only the sigmoid of its bias."),
(47,"take twice the base's time if they go into width, and 3.6 times if they go into depth.","take 2.0 times the base's time if they go into width, 2.6 times for \"all together\", 3.1 times for resolution and 3.6 times for depth."),
(51,"Rounding puts \"all together\" at a disadvantage; we did not test by how much.","Two things qualify this: a training step of the winner takes 18 % longer than one of \"all together\", and rounding puts \"all together\" at a disadvantage; we did not test by how much."),
(53,"after short trainings, which favour whatever learns fast.","after short trainings, which favour whatever learns fast: the deeper network is behind the base in epochs 3 and 4, and ahead at the end."),
(25,"The feature maps shrink from 224 to 7 pixels, by a total stride of 32.","From the image to the last feature map, the side shrinks from 224 to 7, by a total stride of 32."),
(78,"Train the main network with `decay_gates=False`.","Train the main network with `decay_gates=False` (as long as the main training)."),
(49,"± is the standard error of the difference, with the standard deviation pooled over all groups.","± is the standard error of the difference. Three seeds are few to estimate a standard deviation, so we assume that it is the same in all groups, and average their variances."),
])
p=D+"efficientnet/README.md"; s=open(p).read(); a="On a CPU, train in float32: in [MobileNet's notebook](../mobilenet/MobileNet.ipynb), a network"
assert s.count(a)==1; open(p,"w").write(s.replace(a,"On a CPU, try float32 first: on ours, in [MobileNet's notebook](../mobilenet/MobileNet.ipynb), a network"))
