import sys, json; sys.path.insert(0, "/root/queue")
from edit_nb import edit
def go(path, pairs):
    P = "/work/main/" + path; nb = json.load(open(P))
    cells = [i for i, c in enumerate(nb["cells"]) if c["cell_type"] == "markdown" and "## Exercises" in "".join(c["source"])]
    assert len(cells) == 1; edit(P, [(cells[0], a, b) for a, b in pairs])
if __name__ == "__main__":
    go("architectures/unet/UNet.ipynb", [
     ("Train with `weight_map(mask, balance=False)`, and with `w0=0`. Which term shifts the best threshold more?",
      "Compute `weights` again with `weight_map(mask, balance=False)`, then with `weight_map(mask, w0=0)`, and each time call `train(\"one-term\", knobs[\"short\"], weighted=True)`. Which term shifts the threshold with the smallest pixel error more? *Hint: our ten thresholds are too coarse, so set `THRESHOLDS = [i / 20 for i in range(1, 20)]` first.*"),
     ("(`torch.rot90` and `flip`), turn the probabilities back, and average them. How much do pixel error and Rand error gain?",
      "(`torch.rot90(images, k, (1, 2))` and `images.flip(2)`), turn the probabilities back, and average them. By how much do the pixel error and the Rand error fall?"),
     ("Train `depth=1` and `depth=2`. From which depth on does the Rand error stop improving?",
      "Train networks with one and with two poolings, several seeds each. Keep the other settings of `knobs[\"short\"]`, whose second number is the depth, and compare with the ablation's baseline. From which depth on does the Rand error stop improving?"),
    ])
    go("architectures/yolo/YOLO.ipynb", [
     ("Train with B = 1 (set it wherever `SmallYOLO`, `yolo_loss`, `detect` or `split_outputs` is called), and compare mAP and the IoU of the responsible boxes by class.",
      "Train with B = 1 (from the section \"Training\" on, set it wherever `SmallYOLO`, `yolo_loss`, `detect` or `split_outputs` is called), and compare mAP and the IoU of the boxes by class. Of two boxes take the one with the higher confidence: the responsible one is the better of the two by definition."),
     ("Add 3×3 convolutions to `SmallYOLO` until a grid cell sees the whole image.",
      "Add 3×3 convolutions to `SmallYOLO` until its receptive field, which the next cell prints, is as wide as the image. (Comment out the assert on `fields` there.)"),
     ("Does the recall of crowded red blood cells rise, and what happens to the precision?",
      "The scores have changed, so a single threshold can't compare the two. Draw precision against recall for red blood cells, for all of them and for those that share a grid cell (`shares_cell`). Is there more recall at the same precision?"),
    ])
    go("architectures/inception/Inception.ipynb", [
     ("Train both networks with the same recipe and three seeds. Which one is better",
      "Train both networks with the same recipe and three seeds (about ten hours at scale `cpu`, so use a GPU or fewer epochs). Which one is better"),
     ("Count the multiply-adds of all nine modules, once", "Count the multiply-adds of all nine modules in a copy of `nine_modules`, once"),
    ])
    go("architectures/mobilenet/MobileNet.ipynb", [
     ("Where a change contradicts an assert on the paper's counts, comment that assert out.", "Where a change contradicts an assert, comment that assert out."),
     ("How many multiply-adds does that add? Does the accuracy rise?",
      "How many multiply-adds does that add? Does the accuracy rise? *Hint: `train(\"separable 0.25\", small(0.25), knobs[\"short\"])` is enough; it takes about ten minutes at scale `cpu`.*"),
     ("Does the last curve improve at 4 bits?", "Does the curve of weights and activations improve at 4 bits?"),
     ("widen the network to the old cost.", "widen the network to the old cost (by `knobs[\"v2\"]`)."),
    ])
