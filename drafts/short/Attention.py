"""Shorten the markdown of Attention.ipynb: exact replacements in numbered cells, no code touched."""
import copy
import nbformat

SOURCE, TARGET = "/work/main/attention/Attention.ipynb", "/root/drafts/short/Attention.ipynb"

CHANGES = [  # (cell, old, new)
    (5, " (*additive attention*). The paper takes dot products, which one matrix multiplication computes, and drops the recurrence.",
        " (*additive attention*). The paper takes dot products, which are one matrix multiplication, and drops the recurrence."),
    (19, " With the division, all three curves stay flat.", ""),
    (39, "future positions; padding follows the sentence, so it is in the future too", "future positions, and with them the padding behind the sentence"),
    (70, "Since no word looks ahead, keys and values of earlier words never change, so they are kept in a *cache*:",
         "Since no word looks ahead, the keys and values of earlier words never change, and we keep them in a *cache*:"),
    (92, " The weights are those of epoch 41; the table counts the epochs of the whole training.", ""),
    (94, " It is even rather than strong, because the untrained layer averages over all words.", ""),
    (94, "So attention is cheaper than the GRU while $n < d$, and half of the GRU's multiplications have to wait for the word before. ",
         "So attention is cheaper than the GRU while $n < d$. "),
    (97, "**With the length, the times grow as the operations do; between two layers, the counts predict little.** When the sentence",
         "**The times grow with the length as the operations do.** When the sentence"),
    (97, "At 512 words it is level with the GRU. At 32 words and width 256 it takes 54 to 62 % of the GRU's time, for 71 % of the multiplications.",
         "At 512 words it is level with the GRU. At 32 words (on the right) it takes about half of the GRU's time, at every width."),
    (97, "and the attention of Luong et al. (2015), with scores divided by $\\sqrt d$. ", "and the attention of Luong et al. (2015). "),
    (97, "**Equal size means equal in total:** 1.84 million parameters, 1.33 million of them outside the embeddings, against 1.88 and 1.04 million.",
         "**Equal size means equal in total:** outside the embeddings, the Transformer has 1.33 million parameters and the rival 1.04 million."),
    (100, "From about epoch 20 to 32 the lead changes, and at every printed epoch from 36 on, the Transformer leads. Neither overfits. "
          "So giving up recurrence costs nothing here, even with only 29,000 sentences (n = 1).",
          "From epoch 36 on, the Transformer leads at every printed epoch. So giving up recurrence costs no BLEU here, even with only 29,000 sentences."),
    (100, "So both networks now take the same training steps in turns, and then translate the same sentences.",
          "So we now let both networks take the same training steps in turns, and then translate the same sentences."),
    (102, "Instead we ask a network that trains in seconds, on a task in which the answer depends on attention alone. It reads",
          "Instead we take a network that trains in seconds, and a task whose answer depends on attention alone. The network reads"),
    (107, "The paper says that a single head averages over everything it looks at, and so cannot attend to several positions for different reasons "
          "(section 3.2.2). Then networks with few heads should learn more slowly here.",
          "If a single head can only average over all that it looks at (section 3.2.2), networks with few heads should learn more slowly here."),
    (109, "**With four look-ups and 64 numbers, it takes four heads.** After 600 steps, one head has 87 % of the neighbours right, two heads have "
          "91 to 93 %, and four and eight heads 99.5 to 100 %. Eight are no better than four.",
          "**With fewer heads than look-ups, the network learns more slowly.** After 600 steps, one head has 87 % of the neighbours right, two heads "
          "have 91 to 93 %, and both curves still rise. Four and eight heads have 99.5 to 100 %."),
    (109, "A factor in $W^Q$ could replace the division, so it does not change what the network can compute. But the initial scores are smaller with "
          "it, and so are their changes by each Adam step. We compare",
          "A factor in $W^Q$ could replace the division, so it can change only how the network learns. We compare"),
    (111, "In the end, the seeds without the division are even ahead: 100.00 % against 99.8 to 99.9. With $d_k = 16$ the division helps only in the "
          "first 200 steps; after that the bands overlap. So large scores delay the training and do not stop it, which fits our measurement above.",
          "In the end, the seeds without it are even slightly ahead. With $d_k = 16$ the division helps only in the first 200 steps; after that the bands overlap. "
          "So large scores delay the training here, and do not stop it."),
    (113, "On longer rows **both fail where the training ended**: position 14 never had to answer in training, and from position 16 on, they are right in "
          "11 to 16 % of the cases, which is less than the network without positions. So sines do not extrapolate here by themselves, although the "
          "task is all about relative positions.",
          "On longer rows **both fail where the training ended**: from position 16 on, they are right in 11 to 16 % of the cases, which is less than "
          "the network without positions. So sines do not extrapolate here by themselves, although the task is all about relative positions."),
    (115, "But it is as large in the first layer (0.80). With post-norm all layers get about the same gradient, and with pre-norm less the nearer they are "
          "to the output.",
          "But with post-norm all layers get about the same gradient, and with pre-norm it falls towards the output."),
    (117, " (Most curves pause near 25 %, about what naming the most common digit brings.) Whether the gradients of the last layer are the reason, this "
          "does not test.",
          " This does not test whether the gradients of the last layer are the reason."),
    (117, "both of its curves rise before those of post-norm. Here the warm-up only slows pre-norm down. Later Transformers moved the norm to the front.",
          "both of its curves rise before those of post-norm."),
    (117, "Where does its decoder look when it translates a real sentence? The sentence is our own. For each layer",
          "Where does its decoder look when it translates a sentence of our own? For each layer"),
    (119, "*red* looks at *roten*, *dress* at *kleid*, *climbs* at *klettert*, *stairs* at *treppe*.", "*red* looks at *roten*, and *dress* at *kleid*."),
    (121, "The other two are really wrong: even *beine* (legs) becomes *birds*, and where words are rare (*nelken*, *schirme*), the translator repeats itself.",
          "The other two are really wrong: in one the translator repeats *emergency*, in the other *beine* (legs) becomes *birds*."),
    (5, " We build one box after the other.\n", "\n"),
    (19, "because its gradient is that of the scores times the keys, whose length grows as $\\sqrt{d_k}$.",
         "because its gradient also contains the keys, whose length grows as $\\sqrt{d_k}$."),
    (53, "The softmax turns its logits into probabilities: $e$ to the power of each, divided by their sum. The loss is the *cross-entropy*, minus the "
         "logarithm of the probability of the right word:",
         "The loss is the *cross-entropy*, minus the logarithm of the probability that the softmax gives the right word:"),
    (60, " (`accumulate`, `scaler` and `autocast` are for large batches and 16 bits.)", ""),
    (63, "All hyperparameters are in one table. The real sentences (`real`) take most of the time.",
         "All hyperparameters are in one table; `real` is the main run."),
    (65, "With `best=True`, which only the real sentences need, the model", "With `best=True`, the model"),
    (92, "But we can show how far information has to travel, what a layer costs on our hardware, and how two networks of equal size compare.",
         "But we can measure path lengths, the cost of a layer, and how two networks of equal size compare."),
    (100, "The minutes of the two trainings are not comparable, because the machine did other work too. So we now",
          "The machine did other work too while they trained, so their minutes cannot be compared. We now"),
    (102, "In translating, the Transformer has about half the speed. At inference (the last line), the Transformer too has to go word by word.",
          "In translating, where it too has to go word by word, it has about half the speed."),
    (111, "With $d_k = 16$ the division helps only in the first 200 steps; after that the bands overlap. So",
          "With $d_k = 16$ the bands soon overlap. So"),
    (113, " The sines learn earlier. On longer", " On longer"),
    (115, "take about a quarter of an hour; a number appears after each.", "take about a quarter of an hour."),
    (117, " As before, a row is the piece about to be written.", ""),
    (94, " with 16 sentences in float32 (attention by the fused kernel).", " with 16 sentences in float32."),
    (15, "We check both ways against each other. Any mask will do; we take a triangle, under which position $t$ may look only at positions up to $t$:",
         "We check both ways against each other, with a triangular mask: position $t$ may look only at positions up to $t$."),
    (25, "The **padding mask**, which we have just used, hides", "The **padding mask** hides"),
    (31, "The second cell holds two alternatives for later: learned vectors, and no positions.", "The second cell holds two alternatives for later."),
    (41, " We compare the two below.", ""),
    (79, "All 300 numbers of the test set are right, greedily and with a beam.", "All 300 numbers of the test set are right."),
    (90, "(The training curves are worse because only training has dropout and smoothed labels.)",
         "(The training curves are worse because of dropout and smoothed labels.)"),
    (113, " So sines do not extrapolate here by themselves, although the task is all about relative positions.",
          " So sines do not extrapolate here by themselves."),
]

old = nbformat.read(SOURCE, 4)
new = copy.deepcopy(old)
for number, before, after in CHANGES:
    cell = new.cells[number]
    assert cell.cell_type == "markdown" and cell.source.count(before) == 1, (number, before)
    cell.source = cell.source.replace(before, after)
nbformat.validate(new)
assert len(new.cells) == len(old.cells)
for a, b in zip(old.cells, new.cells):
    assert a == b if a.cell_type == "code" else {**a, "source": ""} == {**b, "source": ""}
    heads = [[line for line in c.source.splitlines() if line.startswith("#")] for c in (a, b)]
    assert a.cell_type == "code" or heads[0] == heads[1]
assert {**old, "cells": 0} == {**new, "cells": 0}
nbformat.write(new, TARGET)
print(*(sum(len(c.source.split()) for c in nb.cells if c.cell_type == "markdown") for nb in (old, new)))
