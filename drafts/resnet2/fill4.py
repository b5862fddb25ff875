f = "build_deep.py"; t = open(f).read()
def e(old, new):
    global t
    assert t.count(old) == 1, (t.count(old), old)
    t = t.replace(old, new)
def cut(start):
    global t
    assert t.count(start) == 1, (t.count(start), start)
    i = t.index(start); j = t.index("-->", i) + 3
    t = t[: i - 1] + t[j:]
e("On the right you see the two networks after training. TODO-NUMBERS", "On the right you see the two networks after training. The variance stays between 0.25 and 0.54 in the plain network, and between 1.1 and 6.0 in the residual one.")
cut("<!-- TODO-NUMBERS: check the values before training")
e("from 0.006 in the last block to 36 in the first", "from 0.006 in the last block to 37 in the first")
e("which depend on the loss. TODO-NUMBERS", "which depend on the loss. **The explosion is gone:** the plain network's norms run from 0.015 in the last block to 0.041 in the first, those of the residual one from 0.010 to 0.038. So we saw no vanishing gradients in the plain network with batch norm, neither before nor after training.")
cut("<!-- TODO-NUMBERS: check the numbers before training")
e("sorted by size. TODO-NUMBERS A response", "sorted by size. **The order is the paper's, but the differences are small:** ResNet-56 has the smallest responses on average (0.84), then ResNet-20 (0.86), then the plain networks (0.91 and 0.95). The second layers of the blocks have the same order. A response")
cut("<!-- TODO-NUMBERS: the four means printed")
e("keep only a quarter of the pixels. TODO-NUMBERS", "keep only a quarter of the pixels. **In the first two stages of ResNet-56 the blocks learn to make small changes; in the last stage they do not.** There the median rises from 0.33 before training to 0.43, while in the others it falls from 0.54 to 0.35 and from 0.38 to 0.30. ResNet-20, with fewer blocks for the same task, makes larger changes in all three stages.")
cut("<!-- TODO-NUMBERS: finding from the printed medians")
open(f, "w").write(t)
