"""Shortens YOLO.ipynb: reads it, replaces exact texts in its Markdown, deletes one experiment, writes the draft."""

import nbformat

SOURCE = "/work/main/architectures/yolo/YOLO.ipynb"
TARGET = "/root/drafts/short/YOLO.ipynb"

DELETED = {  # id: how its source begins
    "cell-31": "images, boxes, labels = next(iter(BoxLoader(data, \"train\", 16, \"cpu\")))\n\ndef gradient_norms(",
    "cell-32": "The imbalance is real, but stays within the confidence:",
}

# id of a Markdown cell: pairs (old text, new text)
# fmt: off
EDITS = {
    'cell-0': [
        (
            "**How long it takes.** The stored outputs come from scale `cpu`: on an AMD EPYC with one thread each, the main training took 32 minutes, and the eight short ones 48 in total. Other scales: `quick` (half a minute, generated shapes, no internet; its numbers mean nothing), `gpu` (larger images), and `paper` (the paper's network and schedule, but with batch norm and without pre-training; many hours). The second code cell says how to choose.",
            "**How long it takes.** The stored outputs come from scale `cpu`: on one thread of an AMD EPYC, the main training took 32 minutes, and the eight short ones 48 in total. Other scales: `quick` (generated shapes, no internet; its numbers mean nothing), `gpu` (larger images), and `paper` (the paper's network and schedule, but with batch norm and without pre-training; many hours).",
        ),
    ],
    'cell-4': [
        (
            'A classifier gives one answer for an image. A detector must say *what* is in it and *where*, for an unknown number of objects. YOLO lays a grid over the image. Each grid cell proposes B boxes, says how much it trusts each of them, and which class an object there would have.',
            'A classifier gives one answer for an image. A detector must say *what* is in it and *where*, for an unknown number of objects.',
        ),
        (
            '**The question.** In 2015, detectors were built from classifiers, which R-CNN ran on some two thousand regions of an image. Could detection be a single regression problem, solved in one look?',
            '**The question.** In 2015, detectors were built from classifiers: R-CNN ran one on some two thousand regions of each image. Could one network solve detection in one look, as a regression problem?',
        ),
        (
            "**The idea.** One network predicts a tensor of shape $S \\times S \\times (5B + C)$: for each grid cell, $B$ boxes of five numbers and $C$ class probabilities. The grid cell that contains an object's centre is **responsible** for that object. With $S = 7$, $B = 2$ and the $C = 20$ classes of PASCAL VOC, these are $7 \\times 7 \\times 30 = 1{,}470$ numbers that describe 98 boxes. The fifth number of a box is its **confidence**: it should be 0 without an object, and otherwise the IoU (intersection over union, drawn below) of the box with the object. At test time, equation 1 turns this into a score for each class:",
            "**The idea.** YOLO lays a grid over the image and predicts a tensor of shape $S \\times S \\times (5B + C)$: for each grid cell, $B$ boxes of five numbers and $C$ class probabilities. The grid cell that contains an object's centre is **responsible** for that object. With $S = 7$, $B = 2$ and the $C = 20$ classes of PASCAL VOC, these are $7 \\times 7 \\times 30 = 1{,}470$ numbers that describe 98 boxes. The fifth number of a box is its **confidence**: it should be 0 without an object, and otherwise the IoU (intersection over union, drawn below) of the box with the object. At test time, equation 1 turns this into a score for each class:",
        ),
        (
            'YOLO has more than twice the mAP of DPM (deformable part models), the best real-time detector before it. It is less accurate than Faster R-CNN, but six times as fast. Its boxes are imprecise more often, but it mistakes background for objects less often; the paper explains this by its view of the whole image. Together they are better than alone: the best Fast R-CNN has 71.8, with YOLO 75.0.',
            'YOLO has more than twice the mAP of DPM, the best real-time detector before it. It is less accurate than Faster R-CNN, but six times as fast. Compared with Fast R-CNN, its boxes are imprecise more often, but it mistakes background for objects less often; the paper explains this by its view of the whole image.',
        ),
        (
            'BCCD has 364 [microscope images](https://github.com/Shenggan/BCCD_Dataset) of stained blood with boxes around red blood cells (RBC), white blood cells (WBC) and platelets, and comes with its own split: 205 images for training, 87 for validation, 72 for the test. Whether test images come from the same blood samples as training images is not documented. We resize each 640 × 480 image to a square, as the paper does. Boxes are corners (x1, y1, x2, y2) relative to the image, between 0 and 1.',
            'BCCD has 364 [microscope images](https://github.com/Shenggan/BCCD_Dataset) of stained blood with boxes around red blood cells (RBC), white blood cells (WBC) and platelets. It comes with its own split. Whether training and test images show the same blood samples is not documented. We resize each 640 × 480 image to a square. Boxes are corners (x1, y1, x2, y2) relative to the image, between 0 and 1.',
        ),
    ],
    'cell-8': [
        (
            'White blood cells are large, with a stained nucleus; red blood cells are crowded; platelets are tiny. Overlapping neighbours and small objects are hard for YOLO. The labels are not complete: a detector that finds a red blood cell without a box gets a false positive.',
            'White blood cells are large, with a stained nucleus. Red blood cells are crowded, and platelets are tiny. The labels are not complete: a detector that finds an unlabelled red blood cell gets a false positive.',
        ),
        (
            'Which grid cell is responsible for an object? The one that contains the centre of its box, and no other. Here are the targets of one image, object by object:',
            "Only the grid cell that contains the centre of an object's box is responsible for it. Here are the targets of one image:",
        ),
    ],
    'cell-13': [
        (
            "On the left is the paper's 7 × 7 grid, on the right the 14 × 14 grid of our small net. Each filled grid cell is responsible for the object whose centre (white dot) it contains, although the box reaches far beyond it. At the upper left of the coarse grid, a red blood cell and a platelet share a grid cell. The red blood cell is listed first, so the platelet (black ×) has no target.",
            "The paper's grid is on the left, that of our small net on the right. Each filled grid cell is responsible for the object whose centre (white dot) it contains. At the upper left of the coarse grid, a red blood cell and a platelet share a grid cell. The platelet (black ×) comes second in the list, so it has no target.",
        ),
        (
            'These are the numbers that the network should produce for the grid cell with the black frame on the right:',
            'For the grid cell with the black frame, the network should produce these numbers:',
        ),
    ],
    'cell-15': [
        (
            '- **conf.** is the confidence. Its target depends on the prediction itself: the IoU of this predicted box with the object, and 0 for every box that is not responsible.',
            '- **conf.** is the confidence. Its target depends on the prediction itself: it is the IoU of this predicted box with the object, and 0 for every box that is not responsible.',
        ),
        (
            'Both boxes are candidates for the same object. The one with the higher IoU at the moment has to match these numbers; the other only has to answer a confidence of 0.',
            'Only the box with the higher IoU at the moment has to match these numbers. The other has to answer a confidence of 0.',
        ),
        (
            "**The grid's limit.** If the centres of two objects fall into one grid cell, one of them is lost before training starts. How often does that happen here?",
            "**The grid's limit.** If the centres of two objects fall into one grid cell, one has no target. How often does that happen?",
        ),
    ],
    'cell-17': [
        (
            'With a 7 × 7 grid, 3.1 % of the training objects have no target of their own; with 14 × 14, only 0.5 %. The paper names this limit too, for flocks of birds.',
            "With the paper's 7 × 7 grid, 3.1 % of the training objects have no target; with our 14 × 14, only 0.5 %.",
        ),
        (
            "The paper's network alternates 3×3 convolutions with 1×1 convolutions that reduce the channels, and ends with two fully connected layers. The activation is a leaky ReLU (slope 0.1), the last layer is linear. We train a small relative of it, **`SmallYOLO`**:",
            "The paper's network alternates 3×3 convolutions with 1×1 convolutions that reduce the channels, and ends with two fully connected layers. The activation is a leaky ReLU (slope 0.1), and the last layer is linear. We train a smaller one, **`SmallYOLO`**:",
        ),
    ],
    'cell-21': [
        (
            "Of the paper's 272 million parameters, 78 % sit in the two fully connected layers. These let each grid cell see the whole image, and tie the network to one image size. In `SmallYOLO`, a 1×1 convolution takes their place; before it are 14 convolutions with batch norm (which the authors' code has too). The price: a grid cell of `SmallYOLO` sees only 135 × 135 of the 224 × 224 pixels, so what the paper says about the whole image does not hold for our net.",
            "Of the paper's 272 million parameters, 78 % sit in the two fully connected layers. These let each grid cell see the whole image, and tie the network to one image size. `SmallYOLO` replaces them with a 1×1 convolution behind 14 convolutions with batch norm. The price: a grid cell sees only 135 × 135 of the 224 × 224 pixels.",
        ),
        (
            '**How the backbone starts.** The paper trains its first 20 convolutions for about a week to classify ImageNet. Then it adds the other layers, doubles the resolution to 448, and trains everything on detection. ImageNet is out of reach for us, so we train from scratch, with Kaiming initialisation.',
            '**How the backbone starts.** The paper trains its first 20 convolutions for about a week to classify ImageNet. Then it adds the other layers, doubles the resolution, and trains everything on detection. We train from scratch, with Kaiming initialisation.',
        ),
    ],
    'cell-24': [
        (
            'The black frame is the intersection. At an IoU of 0.5, each square still shares two thirds of its area.',
            'The black frame is the intersection.',
        ),
        (
            "The loss is a sum of squared errors with five parts. Symbols without a hat are predictions, those with a hat ground truth; $c$ is the confidence of a box, $p_k$ the probability of class $k$, and we leave out the indices of grid cell $i$ and box $j$. $\\mathbb 1_i^\\text{obj}$ is 1 if grid cell $i$ contains the centre of an object, and $\\mathbb 1_{ij}^\\text{obj}$ if, moreover, box $j$ is responsible: of the grid cell's boxes it has the highest IoU with the object *at this moment*.",
            "The loss is a sum of squared errors with five parts. Symbols without a hat are predictions, those with a hat ground truth; $c$ is the confidence of a box, $p_k$ the probability of class $k$, and we leave out the indices of grid cell $i$ and box $j$. $\\mathbb 1_i^\\text{obj}$ is 1 if grid cell $i$ contains the centre of an object. $\\mathbb 1_{ij}^\\text{obj}$ is 1 if, moreover, box $j$ is responsible: of the grid cell's boxes, it has the highest IoU with the object *at this moment*.",
        ),
        (
            'The IoU counts as a constant: no gradient flows through it. We take the mean over the images of a batch. The paper sets $\\lambda_\\text{coord} = 5$, because boxes matter most, and $\\lambda_\\text{noobj} = 0.5$, because most grid cells are empty.',
            'The IoU counts as a constant: no gradient flows through it. We take the mean over the images of a batch. The paper sets $\\lambda_\\text{coord} = 5$, because boxes matter most. It sets $\\lambda_\\text{noobj} = 0.5$, because the many empty grid cells push their confidences towards 0 and can make training diverge early.',
        ),
    ],
    'cell-26': [
        (
            'To see the parts at work, we take one object and let the network answer perfectly. Then we move one of its two boxes to the right, step by step. The second box of the grid cell stays where it is, too large all the time, with a confidence of 0.',
            'To see the parts at work, we start from a perfect answer for one object and move the first box to the right, step by step. The second box stays where it is, too large, with a confidence of 0.',
        ),
    ],
    'cell-28': [
        (
            'At first, two parts grow: "xy", as the square of the shift, and "object", because the box still claims a confidence of 1 while its IoU falls. At the jump, the second box takes over. Now its size is wrong ("wh"), its confidence too low ("object"), and that of the first box too high ("no object").',
            'At first, two parts grow: "xy", as the square of the shift, and "object", because the box still claims a confidence of 1 while its IoU falls. At a shift of 0.38 grid cells, the second box takes over. Now its size is wrong ("wh"), its confidence is too low ("object"), and that of the first box is too high ("no object").',
        ),
        (
            '**Why square roots of w and h?** An error of 0.02 is nothing for a box as wide as the image, and a third of the width of a platelet. With square roots, the same absolute error costs more for a small box:',
            '**Why square roots of w and h?** An error of 0.02 is nothing for a box as wide as the image, but much for a platelet. With square roots, the same error costs more for a small box:',
        ),
    ],
    'cell-30': [
        (
            'Plain widths charge the same for every box. Square roots charge 12 times as much for a width of 0.04 as for one of 0.6, although the square of the relative error differs by a factor of 225. So roots solve the problem only partially, as the paper says itself. Below we train with plain w and h, to see what this does to platelets.\n\n**Why λ_noobj = 0.5?** The paper says that the many empty grid cells push their confidences towards 0, often overpower the gradient of those with objects, and can make training diverge early. So we look at the gradient of each part before the first step, for one batch of 16 images. `SmallYOLO` starts its last layer with tiny weights, for confidences near 0; we also try Kaiming initialisation there.',
            'Plain widths charge the same for every box. Square roots charge 12 times as much for a width of 0.04 as for one of 0.6. That solves the problem only partially, as the paper says: the square of the relative error is 225 times as large. Below we test what plain w and h do to platelets.',
        ),
    ],
    'cell-33': [
        (
            'The score of a box for a class is confidence times class probability (equation 1). Both come from a linear layer, so they may be negative or above 1; `detect` sets negative ones to 0. A large object is often found by several grid cells, each with a box around it. **Non-maximum suppression** (NMS) keeps the best box, drops all boxes of the same class that overlap it by more than a threshold, and goes on with the best of the rest.',
            'The score of a box for a class is confidence times class probability (equation 1); `detect` sets negative outputs to 0. Several grid cells often find the same large object. **Non-maximum suppression** (NMS) keeps the best box, drops all boxes of the same class that overlap it by more than a threshold, and goes on with the best of the rest.',
        ),
    ],
    'cell-36': [
        (
            'The chain of boxes (drawn a little apart) shows a detail that is easy to get wrong. The box with a score of 0.7 overlaps only the one with 0.8 by more than 0.5, and that one has already been dropped. So it stays. `detect` does the same as `nms`, for a whole batch at once.',
            'The chain of boxes shows a detail that is easy to get wrong. The box with a score of 0.7 overlaps only the one with 0.8 by more than 0.5, and that one has already been dropped. So it stays.',
        ),
        (
            'Which detections are correct? Best score first, each looks for the ground-truth box of its class with the highest IoU. It is **correct** if this IoU is at least 0.5 and no better detection has claimed that box.',
            'Which detections are correct? We go through them, best score first. Each looks for the ground-truth box of its class with the highest IoU, and it is **correct** if this IoU is at least 0.5 and no better detection has claimed that box.',
        ),
    ],
    'cell-39': [
        (
            "Now sort the detections of a class, over all test images, by their score. Going down the list, we note the **precision** (the share of the detections so far that is correct) and the **recall** (the share of the objects that has been found). The **average precision** (AP) of the class is the area under precision against recall, after the curve has been made to fall monotonically; **mAP@0.5** is the mean over the classes. VOC 2007, and so presumably the paper's table, averages the curve at 11 recalls instead; we report both.",
            "Now we sort all detections of a class by their score. Going down the list, we note the **precision** (the share of the detections so far that is correct) and the **recall** (the share of the objects that has been found). The **average precision** (AP) of the class is the area under precision against recall, after the curve has been made to fall monotonically; **mAP@0.5** is the mean over the classes. VOC 2007, and so presumably the paper's table, averages the curve at 11 recalls instead; we report both.",
        ),
    ],
    'cell-42': [
        (
            'The second detection is wrong, so precision drops to 1/2. The monotone curve fills that dip: at a recall of 0.5 it counts the best precision that is still to come, 0.75. The tests compare our mAP with pycocotools.',
            'The second detection is wrong, so precision drops to 1/2. The monotone curve fills that dip: at a recall of 0.5 it counts the best precision that is still to come, 0.75.',
        ),
    ],
    'cell-44': [
        (
            'It can: every object has its box with the right class, and there is no false positive.',
            'It can: every object has its box, and there is no false positive.',
        ),
        (
            'The paper scales and translates each image by up to 20 %, and changes its exposure and saturation by a factor of up to 1.5. We also flip, and since blood cells have no up, in both directions. Boxes follow their image and are cut at its border; where less than a quarter is left, the box is dropped. Here is one training image, three times:',
            'The paper scales and translates each image by up to 20 %, and changes its exposure and saturation by a factor of up to 1.5. We also flip in both directions, since blood cells have no up. Boxes are cut at the border of the image; a box that keeps less than a quarter of its area is dropped. Here is one image, three times:',
        ),
    ],
    'cell-46': [
        (
            "The plain border, in the data's mean colour, is what comes in from outside.\n\nOne pass over 205 images is only 13 steps, so we call ten passes an epoch. We use AdamW with one cycle of the learning rate, whose peak was not tuned; `OneCycleLR` moves AdamW's momentum β₁ as well, from 0.95 to 0.85 and back. We score the weights of the last epoch. Where the hardware has bfloat16, the forward pass uses it, also when we score.",
            'One pass over 205 images is only 13 steps, so we call ten passes an epoch. We use AdamW with one cycle of the learning rate, whose peak was not tuned, and score the weights of the last epoch.',
        ),
    ],
    'cell-51': [
        (
            'mAP on the validation split jumps about while the learning rate is high, and is at 0.85 in the end. The curve is flat there because the learning rate is almost 0, so it does not tell what a longer training would bring. From epoch 16 on, the validation loss hardly falls, the training loss goes on falling, and mAP still rises: the detections get better in their order and their boxes (the validation part "box" falls), while other parts overfit. Training images are augmented, which raises their loss.',
            'On the validation split, mAP jumps up and down while the learning rate is high, and ends at 0.85. From epoch 16 on, the validation loss hardly falls while the training loss goes on falling, a sign of overfitting. Still, mAP rises, and the boxes get better (the validation part "box" falls).',
        ),
        (
            'Now the test split, on which nothing has been chosen. For mAP, detections go down to a score of 0.01, so that the curve is not cut off.',
            'Now the test split, on which nothing has been chosen.',
        ),
    ],
    'cell-53': [
        (
            "The mAP is 0.865. White blood cells have the highest AP (0.985), red blood cells the lowest (0.779); below we look at their false positives. The boxes of platelets are the least exact: if we require an IoU of 0.75 instead of 0.5, their AP falls from 83.1 to 10.6 %, that of white blood cells only from 98.5 to 95.7 %. A platelet is some fifteen pixels wide here, so an error of two pixels costs much IoU. This is one training (n = 1), and with only 69 platelets in the test split, each is worth 1.4 points of recall. The paper's 63.4 is for the 20 classes of VOC and cannot be compared.",
            "The mAP is 0.865 (n = 1). White blood cells have the highest AP (0.985), red blood cells the lowest (0.779). The boxes of platelets are the least exact: if we require an IoU of 0.75 instead of 0.5, their AP falls from 83.1 to 10.6 %, that of white blood cells only from 98.5 to 95.7 %. The paper's 63.4 is for VOC and cannot be compared.",
        ),
    ],
    'cell-55': [
        (
            'At this threshold, all 71 white blood cells are found. Of the red cells 88 % are found, but only 59 % of the detections are correct.',
            'At this threshold, the net finds all 71 white blood cells. It finds 88 % of the red cells, but only 59 % of its red-cell detections are correct.',
        ),
        (
            'Here are detections, with their scores. Dotted boxes are the ground truth.',
            'Here are some detections; dotted boxes are the ground truth.',
        ),
    ],
    'cell-57': [
        (
            'Some solid blue boxes have no dotted box, although there seems to be a cell: we come back to them.',
            'Some solid blue boxes have no dotted box, although there seems to be a cell. We come back to them.',
        ),
        (
            '**What NMS and the threshold do.** We take one test image without NMS, with NMS, and with NMS at a lower and a higher threshold.',
            '**What NMS and the threshold do.** Here is one test image with and without NMS, and at other thresholds:',
        ),
    ],
    'cell-59': [
        (
            'Without NMS, several boxes lie around some red cells. NMS removes them and raises mAP from 0.822 to 0.865. In the paper, NMS adds 2 to 3 points of mAP.',
            'Without NMS, several boxes lie around some red cells. NMS removes them and raises mAP from 0.822 to 0.865; in the paper, it adds 2 to 3 points. A lower threshold lets many more boxes through, and a higher one leaves more cells without a box.',
        ),
        (
            "The title claims real time. We time one image at a time, as in a video, and batches; only the first can be compared with the paper's 45 frames per second (155 for Fast YOLO) on a Titan X GPU. The paper's networks are untrained here, so we time their forward pass alone. For our trained net, we also time the whole way to final boxes.",
            'The title claims real time. We time one image at a time, as in a video, and batches: the forward pass, and for our trained net also the whole way to final boxes.',
        ),
    ],
    'cell-61': [
        (
            "On two cores, the paper's network manages 5.5 images per second, and Fast YOLO 32.3: just real time (30). Their ratio is 5.9; on the Titan X it was 155/45 = 3.4. Our small net needs a fortieth of the multiply-adds (0.51 against 20.29 G, with smaller images) and reaches 149 images per second with decoding and NMS, 175 without. In batches, decoding and NMS cost nothing that we can measure.",
            "One at a time on two cores, the paper's network manages 5.5 images per second, and Fast YOLO 32.3, which is just real time (30 per second). On a Titan X GPU, the paper reports 45 and 155. Our small net, with smaller images, reaches 149 with decoding and NMS.",
        ),
        (
            '- **Plain w and h** instead of square roots. If roots help small boxes, the size error of platelets should grow most, and their IoU should fall; AP is noisy with so few platelets. Two caveats: without roots, "wh" also counts for less in total, and a negative width counts as an IoU of 0.\n- **A coarser grid**: one more pooling halves S (7 at 224 pixels). Objects that share a grid cell should be lost. The pooling also widens the receptive field and leaves a quarter of the boxes, so we do not judge by mAP, but compare objects that share a grid cell with those that don\'t.',
            '- **Plain w and h** instead of square roots. If roots help small boxes, the size error of platelets should grow most, and their IoU should fall.\n- **A coarser grid**: one more pooling halves S to 7. Objects that share a grid cell should be lost.',
        ),
    ],
    'cell-64': [
        (
            'We score on the validation and the test split together: we choose nothing with these numbers, and more images mean less noise.',
            'With S = 7, AP falls, most of all for platelets. But the pooling also widens the receptive field and leaves a quarter of the boxes, so this does not tell what the grid alone does.',
        ),
    ],
    'cell-67': [
        (
            'Yes, as far as size goes. With plain w and h, the mean size error of platelets is 23.5 ± 0.8 % instead of 17.9 ± 1.4 %, and their IoU is 62.5 ± 1.6 instead of 66.8 ± 1.2 %; the three seeds of each do not overlap. Red and white blood cells lose nothing, and red cells even gain a little. So roots do what they are for.',
            'Yes, they do. With plain w and h, the mean size error of platelets is 23.5 ± 0.8 % instead of 17.9 ± 1.4 %, and their IoU is 62.5 ± 1.6 instead of 66.8 ± 1.2 %; the three seeds of each do not overlap. Red and white blood cells lose nothing. AP at an IoU of 0.5 does not show this gain: its seeds differ by more than the variants do (57.7 ± 9.3 % with roots, 61.7 ± 2.6 % without).',
        ),
        (
            'AP at an IoU of 0.5 does not show it: 61.7 ± 2.6 for platelets with plain w and h, 57.7 ± 9.3 with roots. The spread between seeds is larger than the difference, and for this AP a box with an IoU of 0.6 is as correct as one with 0.7.',
            'One caveat: most boxes here lie left of the crossing of the two curves above, so roots also give "wh" more weight in the loss.',
        ),
        (
            '**Are objects that share a grid cell lost?** We split the test objects into those alone in their cell of the 7 × 7 grid and those that share it, and measure the recall of both groups. Each net gets the threshold at which 80 % of its detections on the validation split are correct; this is stricter than above, so recall is lower. A detection counts for one object of its class only, with an IoU of at least 0.5; pairs with the highest IoU come first.',
            '**Are objects that share a grid cell lost?** We split the test objects into those alone in their cell of the 7 × 7 grid and those that share it, and measure the recall of both groups. Each net gets the threshold at which 80 % of its detections on the validation split are correct.',
        ),
    ],
    'cell-69': [
        (
            'Objects that share a coarse cell are found less often by *both* nets: 27 and 28 points less with S = 7, 23 to 33 less with S = 14. So most of the gap does not come from the grid; such objects also lie close together. With 86 objects, an effect of a few points would not show.',
            'Both nets find objects that share a coarse cell less often: by 27 and 28 points with S = 7, but also by 23 to 33 with S = 14. So most of the gap does not come from the grid. With 86 such objects, an effect of a few points would not show.',
        ),
        (
            "Section 4.2 of the paper sorts the best N detections of each class, where N is the number of its objects: **correct**; **localisation** (right class, but an IoU between 0.1 and 0.5; duplicates too, as in the tool by Hoiem and others); **class** (another class's object; the paper splits these in two); **background** (an IoU below 0.1 with anything). Shares are averaged over the classes.",
            "Section 4.2 of the paper sorts the best N detections of each class, where N is the number of its objects: **correct**; **localisation** (right class, but an IoU between 0.1 and 0.5, or a duplicate); **class** (another class's object); **background** (an IoU below 0.1 with anything). We average over the classes.",
        ),
    ],
    'cell-71': [
        (
            "Our net makes other mistakes than the paper's: 17.4 % of its detections are background and 1.1 % localisation errors; the paper's YOLO has 4.75 and 19.0 %. The background errors are red cells (26.3 % of their detections) and platelets (23.2 %). An IoU of 0.5 is lenient for round cells of similar sizes. The background errors deserve a look. Here are the most confident ones, detections that overlap every ground-truth box by an IoU below 0.1:",
            "Our net makes other mistakes than the paper's: 1.1 % of its detections are localisation errors and 17.4 % background; the paper's YOLO has 19.0 and 4.75 %. Background errors are most frequent among red cells (26.3 %) and platelets (23.2 %). Here are the most confident detections that overlap every ground-truth box by an IoU below 0.1:",
        ),
    ],
    'cell-73': [
        (
            'Each of the six shows a red blood cell without a label, and most of them touch the border of the image. So some of the background errors are gaps in the annotation, and the AP of red cells is a little too low. How many they are, six crops cannot tell.',
            'All six show a red blood cell without a label, and most of them touch the border of the image. So some of the background errors are gaps in the annotation; how many, six crops cannot tell.',
        ),
        (
            "The paper says that each of a grid cell's boxes gets better at certain sizes, shapes or classes, and that the confidence should be the IoU. We check both for the main training, with the responsible box of each validation and test object.",
            "The paper says that each of a grid cell's boxes gets better at certain sizes, shapes or classes, and that the confidence should be the IoU. We check both on the validation and test objects.",
        ),
    ],
    'cell-75': [
        (
            'They specialise, but one-sidedly. Box 2 is responsible for every red and white blood cell; box 1 gets only platelets, 55 of 151. (n = 1.)',
            'They specialise, but one-sidedly: box 2 is responsible for every red and white blood cell, and box 1 only for platelets, 55 of 151 (n = 1).',
        ),
        (
            'The confidence is lower than the IoU. Most points lie below the diagonal, red cells claim 0.63 on average for boxes with an IoU of 0.83, and the correlation is only 0.39. This fits the definition, Pr(object) · IoU: a network that doubts whether there is an object should answer less than the IoU.',
            'The confidence is lower than the IoU: most points lie below the diagonal, and for red cells the mean is 0.63 at a mean IoU of 0.83. This fits the definition, Pr(object) · IoU: a network that doubts whether there is an object should answer less than the IoU.',
        ),
    ],
    'cell-77': [
        (
            '**An image of yours.** Put an image beside the notebook, and set its name. The net knows stained blood at this magnification only. Without a file, a test image stands in.',
            '**An image of yours.** Put an image beside the notebook, and set its name. The net knows only stained blood at this magnification. Without a file, a test image stands in.',
        ),
    ],
    'cell-79': [
        (
            "- The authors' [Darknet](https://pjreddie.com/darknet/yolov1/), where details can be found that the paper leaves out.",
            "- The authors' [Darknet](https://pjreddie.com/darknet/yolov1/), with details that the paper leaves out.",
        ),
        (
            '- [Faster R-CNN](https://arxiv.org/abs/1506.01497) by Ren and others: the two-stage detector that YOLO was compared with.\n- [Diagnosing Error in Object Detectors](https://doi.org/10.1007/978-3-642-33712-3_25) by Hoiem and others: where the kinds of mistakes come from.\n- [Rethinking ImageNet Pre-training](https://arxiv.org/abs/1811.08883) by He and others: how far a detector gets from scratch.',
            '- [Faster R-CNN](https://arxiv.org/abs/1506.01497): the two-stage detector that YOLO was compared with.\n- [Diagnosing Error in Object Detectors](https://doi.org/10.1007/978-3-642-33712-3_25): where the kinds of mistakes come from.\n- [Rethinking ImageNet Pre-training](https://arxiv.org/abs/1811.08883): how far a detector gets from scratch.',
        ),
    ],
}
# fmt: on


def main():
    book = nbformat.read(SOURCE, as_version=4)
    cells = {cell.id: cell for cell in book.cells}
    for name, pairs in EDITS.items():
        assert cells[name].cell_type == "markdown", name
        for old, new in pairs:
            assert cells[name].source.count(old) == 1, (name, cells[name].source.count(old), old[:60])
            cells[name].source = cells[name].source.replace(old, new)
    for name, start in DELETED.items():
        assert cells[name].source.startswith(start), name
    book.cells = [cell for cell in book.cells if cell.id not in DELETED]
    number = 0
    for cell in book.cells:
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = number
    nbformat.validate(book)
    nbformat.write(book, TARGET)


def check():
    """Headings, code cells and outputs are the original's, but for what was deleted."""
    before, after = (nbformat.read(path, as_version=4) for path in (SOURCE, TARGET))
    nbformat.validate(after)

    def code(book):
        cells = [c for c in book.cells if c.cell_type == "code" and c.id not in DELETED]
        return [(c.id, c.source, c.metadata, [{**o, "execution_count": None} for o in c.outputs]) for c in cells]

    def lines(book):
        cells = [c.source for c in book.cells if c.cell_type == "markdown"]
        return [line for source in cells for line in source.splitlines() if line.startswith("#")], cells

    assert code(before) == code(after)
    assert [c.execution_count for c in after.cells if c.cell_type == "code"] == list(range(1, len(code(after)) + 1))
    (heads, old), (new_heads, new) = lines(before), lines(after)
    assert heads == new_heads
    print("words:", *(sum(len(source.split()) for source in part) for part in (old, new)))


if __name__ == "__main__":
    main()
    check()
