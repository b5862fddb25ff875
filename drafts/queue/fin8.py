import sys; sys.path.insert(0, "/root/queue")
from edit_nb import edit
edit("/work/main/architectures/lenet/LeNet.ipynb", [
(37, "**One pixel already doubles the LeNets' errors, two make them fail; shifted training data help far more.**", "**One pixel already doubles the LeNets' errors, two multiply them by six to eight; shifted training data help far more.**"),
(37, "At ten pixels, half a digit's height, all networks fail; but there 99 % of the digits lose ink over the edge.",
     "Against the paper's estimate of half a digit's height, our LeNets trained on centred digits fail much sooner: at six pixels, where two thirds of the digits are still whole, they read 21.0 and 16.1 %, and the modern one with shifts in training 93.8 %. At ten pixels all networks fail; but there 99 % of the digits lose ink over the edge."),
(56, "| Codes | Figure 3 |", "| Precision | not stated | forward pass of the training in bfloat16 where the CPU has it |\n| Codes | Figure 3 |"),
])
edit("/work/main/resnet/ResNet.ipynb", [
(110, "| Normalisation | per-pixel mean", "| Batch | 128, on two GPUs; how many images batch norm saw is not stated | 128 on one device |\n| Normalisation | per-pixel mean"),
])
