import sys, json; sys.path.insert(0, "/root/queue")
from edit_nb import edit
P = "/work/main/attention/Attention.ipynb"
nb = json.load(open(P))
def at(start):
    found = [i for i, c in enumerate(nb["cells"]) if "".join(c["source"]).startswith(start)]
    assert len(found) == 1, (start, found)
    return found[0]
edit(P, [
 (0, "our Transformer of 1.8 million parameters reaches 41.3 BLEU on Multi30k with a beam of four, and a recurrent network with attention, of the same size, 40.9 (means of two seeds).",
     "our Transformer of 1.8 million parameters reaches 41.0 BLEU on Multi30k with a beam of four, and a recurrent network with attention, of the same size, 40.9 (means of three seeds)."),
 (0, "(seed 1; during seed 0 the machine did other work too)", "(seed 1; during the other two seeds the machine did other work too)"),
 (0, "it takes half.", "it takes a third."),
 (at("The network does not overfit"), "with both seeds, the validation loss falls until the last epochs and ends at 1.47.", "with all three seeds, the validation loss falls until the last epochs and ends at 1.47 or 1.48."),
 (at("**Our Transformer reaches"), "**Our Transformer reaches 40.6 BLEU greedily and 41.3 with a beam of four** (means of two seeds).", "**Our Transformer reaches 40.4 BLEU greedily and 41.0 with a beam of four** (means of three seeds)."),
 (at("**The multiplications roughly"), "attention needs 2.67 times the multiplications and 2.3 times the time.", "attention needs 2.67 times the multiplications and 2.9 times the time."),
 (at("**The multiplications roughly"), "attention takes 0.91 of the GRU's time. At 512 words, where it needs a third more, the two are about level.", "attention takes 0.79 of the GRU's time. At 512 words it needs a third more, and takes 1.15 times as long."),
 (at("**The Transformer ends ahead"), "**The Transformer ends ahead, by 0.7 BLEU greedily and 0.4 with a beam.** By our rule it is the better one, but narrowly: both of its seeds beat both of the rival's (40.64 and 40.47 against 39.93 and 39.76), and the middle 95 % of the bootstrap's leads lie between 0.01 and 1.36. The recurrent network learns faster at first: after a quarter of the epochs its validation BLEU is 37.4 and 36.0, that of the Transformer 33.8 and 33.0. Halfway they are level. So the design without recurrence is not behind here, even with only 29,000 sentences.",
  "**By our rule, the race has no winner.** Greedily, all three seeds of the Transformer beat all three of the rival (40.64, 40.47 and 40.07 against 39.93, 39.76 and 39.78), and its mean is 0.57 BLEU higher. But the middle 95 % of the bootstrap's leads reach from −0.03 to 1.14, so a few other sentences could erase the lead. With a beam of four, the means are almost equal (41.00 and 40.91), and the worst Transformer (40.36) is behind every rival. The recurrent network learns faster at first: after a quarter of the epochs its validation BLEU is 35.4 to 37.4, that of the Transformer 32.9 to 33.8. Halfway they are about level. So the design without recurrence is not behind here, even with only 29,000 sentences; whether it is ahead, three seeds cannot tell."),
 (at("**The Transformer ends ahead"), "behind the Transformer, not 0.7.", "behind the Transformer, not 0.6."),
 (at("**The Transformer ends ahead"), "and during seed 0 the machine did other work.", "and during two of the seeds the machine did other work."),
 (at("**On one thread, the Transformer"), "it trains at 0.75 (float32) and 0.69 (bfloat16) of the recurrent network's speed.", "it trains at 0.76 (float32) and 0.71 (bfloat16) of the recurrent network's speed."),
 (at("**On one thread, the Transformer"), "it has little more than half the speed (0.57).", "it has half the speed (0.51)."),
])
