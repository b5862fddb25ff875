"""Attention5 -> Attention6: numbers of the toys, shorter texts, and heads of the encoder."""
import sys, json, shutil; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/root/drafts/attention3/Attention6.ipynb"
shutil.copy("/root/drafts/attention3/Attention5.ipynb", P)
nb = json.load(open(P))
def at(start):
    found = [i for i, c in enumerate(nb["cells"]) if "".join(c["source"]).startswith(start)]
    assert len(found) == 1, (start, found)
    return found[0]
S = at("**On one thread")
edit(P, [
 (S, "| row B | 8 heads with $d_k = 16$ | 25.1 |\n| row C | 2 layers | 23.7 |\n| row D | no dropout | 24.6 |\n| | no label smoothing | 25.3 |\n", "| row B | 8 heads with $d_k = 16$ | 25.1 |\n"),
 (S, "base | 8 heads of 64 numbers, 6 layers, sines, label smoothing, dropout 0.1 | 25.8", "base | 8 heads of 64 numbers, sines | 25.8"),
 (at("**With fewer heads than look-ups"), "And we test the paper's explanation, the saturated softmax: once we divide $W^Q$ by 8 before the training, and not in the network. If the large scores at the start are the reason, this must help as much as the division.",
  "We also test the paper's explanation, the saturated softmax. In the last line of the plot the network does not divide, but we have divided $W^Q$ by 8 once, before the training. If the large scores at the start are the reason, this must help as much as the division does."),
 (at("**The division lets the long heads"), "**The division lets the long heads learn earlier.** With $d_k = 64$ and the division, all three seeds are above 95 % at step 300; without it, they spread from about 60 to 93 %. In the end, the seeds without it are even slightly ahead. With $d_k = 16$ the bands are apart until about step 240, and then overlap. So leaving out the division delays the training here, but does not stop it.",
  "**The division lets the long heads learn earlier.** With $d_k = 64$ and the division, all three seeds are above 85 % at step 200; without it, they are between 30 and 60 %. In the end they are even slightly ahead: leaving out the division delays the training here, but does not stop it. With $d_k = 16$ the bands are apart until about step 240, and then overlap.\n\n**The size of the scores at the start explains the delay.** With $W^Q$ divided by 8 beforehand, the heads that do not divide learn as early as those that do. This agrees with the paper's suspicion. Later, one of the three seeds falls behind and ends at 96.8 %."),
 (at("Without positions, the network sees"), "which is right in 24.2 % of the cases; it ends at 23.9 %.", "which is right in 24.3 % of the cases; all three seeds end within half a point of that."),
 (at("Without positions, the network sees"), "On longer rows **both fail where the training ended**: from position 16 on, they are right in 11 to 16 % of the cases, which is less than the network without positions.", "On longer rows **both fail where the training ended**: from position 16 on, they are right in 11 to 15 % of the cases, which is less than the network without positions (18 to 21 %)."),
])
