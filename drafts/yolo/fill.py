import re
p='build.py'; s=open(p).read()
def sub(old,new,n=1):
    global s
    assert old in s, old[:70]
    s=s.replace(old,new,n)
def todo(after_comment_start, new):
    """replace 'TODO-NUMBERS <!-- start … -->' by new"""
    global s
    pat=re.compile(r'TODO-NUMBERS <!-- '+re.escape(after_comment_start)+r'.*?-->',re.S)
    assert len(pat.findall(s))==1,(after_comment_start,len(pat.findall(s)))
    s=pat.sub(lambda m:new,s)
todo('mAP@0.5 on the 72','With 1.2 million parameters and 205 training images, it reaches a mean average precision (mAP) of 0.865 on the 72 test images.')
todo('minutes of the main','The main training took 32 minutes and the short ones 48, one thread each of an AMD EPYC, two at a time,')
todo('has val mAP flattened','mAP on the validation split rises to about 0.83 in the first ten epochs, and only to 0.85 in the thirty after that: the curve is flat at the end, and a longer training would bring little. The validation loss hardly falls after epoch 16, while the training loss goes on: the network begins to overfit, but its order of detections, which mAP is about, does not suffer.')
todo('mAP; best and worst','The mAP is 0.865. White blood cells are found almost without mistakes (0.985). Red blood cells are the worst class (0.779), although most objects belong to it: we will see below that many "wrong" red cells are real, but not labelled. The boxes of platelets are the least exact. When an IoU of 0.75 is required instead of 0.5, the AP of platelets falls from 83 to AP75P %, that of white blood cells from 98.5 to AP75W %: a platelet is only some fifteen pixels wide here, and an error of two pixels costs it much IoU.')
todo('WBC in the upper','At this threshold, all 71 white blood cells are found. Of the red cells 88 % are found, but only 59 % of the detections are correct. The curve of the platelets stays above that of the red cells almost everywhere.')
todo('what one sees: which','White blood cells have tight boxes. The dotted boxes without a solid one are red cells that overlap others or touch the border; and some solid blue boxes have no dotted box although there is clearly a cell. The scores of red cells reach from the threshold to above 0.9, so every threshold loses some of them.')
todo('duplicates without NMS','Without NMS, several boxes lie around the same red cell, where the centre is near a border between grid cells. NMS removes them and raises mAP from 0.822 to 0.865. A low threshold brings boxes on nearly every cell at the image\'s border, a high one leaves only the clearest cells.')
todo('which net reaches','On two cores, the paper\'s network manages 5.7 images per second and Fast YOLO 27.8, which is almost real time (30). The ratio is 4.9; on the Titan X it was 155/45 = 3.4. Our small net needs 0.51 G multiply-adds instead of 20.3 and is far above real time, with 152 images per second, NMS included; NMS itself costs about a tenth. Batches of 16 raise the speed by 1.7 to 2.4 times.')
todo('finding first','Yes, as far as size goes. With plain w and h, the mean size error of platelets is 23.5 ± 0.8 % instead of 17.9 ± 1.4 %, and their IoU is 62.5 ± 1.6 instead of 66.8 ± 1.2 %; the three seeds of each do not overlap. Red and white blood cells lose nothing, and red cells even gain a little. This is what the argument about square roots predicts.\n\nAP at an IoU of 0.5 does not show it: 61.7 ± 2.6 for platelets with plain w and h, 57.7 ± 9.3 with roots. The spread between seeds is larger than the difference, and a box with an IoU of 0.6 is as correct for AP as one with 0.7. These trainings are short (80 passes instead of 400), and there is one data set.')
todo('difference shared','Objects that share a cell of the 7 × 7 grid are indeed found much less often: by 27 and 28 points. But the finer grid loses them nearly as often (23 to 33 points), although nearly every object has a target of its own there. So sharing a cell is not what hurts here. Such objects lie close together and cover each other, and that is hard for both nets. So our prediction fails.\n\nWhat the coarse grid does cost is platelets: their AP is 20.1 ± 1.8 with S = 7 and 57.7 ± 9.3 with S = 14, while the AP of red cells falls by four points and that of white cells not at all.')
todo('our shares','Ours are of another kind than the paper\'s: 17.4 % background and only 1.1 % localisation, where YOLO has 4.75 and 19.0 %. Cells of one class look alike and are of similar size, so rough boxes are easy to get right. And most of our background errors are red cells.')
todo('are these real cells','All six show a red blood cell, most of them at the border of the image, and nobody labelled it: the annotation is wrong, not the network. So the AP of red cells is lower than the network deserves, by how much we cannot say without labelling the images anew.')
todo('do the boxes split','They specialise, but one-sidedly. Box 2 is responsible for every red and white blood cell; box 1 gets only platelets, 36 % of them. In the left plot, box 1 has the very smallest objects. One of the two boxes is nearly idle, so exercise 1 asks whether it is needed at all. (One training, n = 1.)\n\nThe confidence is not the IoU. Their correlation is 0.39, and most points lie below the diagonal: boxes with an IoU of 0.83 on average claim 0.63 if they are red cells. For an object that the network is unsure about, a squared error is smallest at the *mean* of IoU and 0, so doubt lowers the confidence. That is useful for ranking boxes, but it is not what the equation promises.')
todo('what one sees in the','The white blood cell is found, the one platelet is missed, and there are 19 boxes for the 17 red cells of the annotation: in the crowded lower left corner some boxes overlap, but not by the IoU of 0.5 at which NMS would remove one.')
# size of the stored images
sub('show_detections((0, 5, 7), level)','show_detections((0, 7), level)')
sub('''    figure, axes = plt.subplots(1, len(numbers), figsize=(9, 2.45 if scale != "quick" else 3.2))
    for axis, i in zip(axes, numbers):
        on_axis(axis, data.test[0][i])
        draw_boxes(axis, *truths[i]''','''    figure, axes = plt.subplots(1, len(numbers), figsize=(6.6, 2.75 if scale != "quick" else 3.6))
    for axis, i in zip(axes, numbers):
        on_axis(axis, data.test[0][i])
        draw_boxes(axis, *truths[i]''')
sub('figsize=(5.6, 1.5), dpi=80, layout="constrained"','figsize=(5.6, 1.5), dpi=62, layout="constrained"')
sub('def show_augmented(count=4)','def show_augmented(count=3)'); sub('figsize=(8.6, 1.9)','figsize=(6.6, 1.95)'); sub('Here is one training image, four times:','Here is one training image, three times:')
sub('    axis.set(yscale="log", ylim=(1, None), ylabel="norm of the gradient",','    axis.set(yscale="log", ylim=(1, 2e4), ylabel="norm of the gradient",')
sub('             title=f"{data.name}: one batch, untrained SmallYOLO")\n    axis.legend()','             title=f"{data.name}: one batch, untrained SmallYOLO")\n    axis.legend(ncols=2, loc="upper center")')
sub('lines["mean"] = [100 * mean for mean, _ in strict]','lines["mean"] = [100 * mean for mean, _ in strict]\nprint("at an IoU of 0.75:", ", ".join(f"{name} {values[ious.index(0.75)]:.1f} %" for name, values in lines.items()))')
sub('print(f"{len(boxes)} objects:", ", ".join(f"{n} {name}" for n, name in zip(counts, about["classes"]) if n))','''print(f"{len(boxes)} objects:", ", ".join(f"{n} {name}" for n, name in zip(counts, about["classes"]) if n))
if not my_image:
    print("in the annotation:", ", ".join(f"{(data.test[2][1] == c).sum()} {name}" for c, name in enumerate(data.classes)))''')
open(p,'w').write(s)
