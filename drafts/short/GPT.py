"""Shorten GPT.ipynb: exact replacements in Markdown cells, no cell deleted; writes GPT.ipynb beside this file."""

import copy
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/gpt/GPT.ipynb")

REPLACED = [  # index of a Markdown cell, old text, new text
    (
        0,
        r"""on a machine with two cores that other programs shared. Other scales: `quick` (a minute, on a generated toy play, without an internet connection; its numbers mean nothing), `gpu` (10.8 million parameters, nanoGPT's size), `paper` (the same network, 1.7 times as long). The second code cell says how to choose.""",
        r"""on a machine with two cores that other programs shared. Other scales: `quick` (a generated toy play, no internet connection; its numbers mean nothing), `gpu` (a network of nanoGPT's size), `paper` (the same network, more epochs). The second code cell says how to choose.""",
    ),
    (
        4,
        r"""Each block has two sublayers with a residual connection around each. **Self-attention** moves information between positions; a causal mask lets each position look only at itself and at what came before.""",
        r"""Each block has two sublayers, each with a residual connection around it. **Self-attention** moves information between positions; a causal mask lets each position look only at itself and at what came before.""",
    ),
    (
        4,
        r"""We test below what that changes.""",
        r"""Below we measure what that changes for the gradients.""",
    ),
    (
        4,
        r"""It was the best in 7 of 8 language-modelling benchmarks without training on any of them, and kept improving with size: perplexity 29.41, 22.76, 19.93 and 18.34 on WikiText-2.
- **GPT-3: in-context learning** (2020). A model with 175 billion parameters picks up a new task from a few examples in its prompt. Its weights stay as they are.

We can't train on 40 GB of text here, but the network, its loss and its sampling are the same for one megabyte.""",
        r"""It was the best in 7 of 8 language-modelling benchmarks without training on any of them, and kept improving with size: on WikiText-2, the perplexity fell from 29.41 (smallest network) to 18.34 (largest).
- **GPT-3: in-context learning** (2020). A model with 175 billion parameters picks up a new task from a few examples in its prompt, and its weights stay as they are.""",
    ),
    (
        4,
        r"""Tiny Shakespeare has a bit more than a million characters from Shakespeare's plays. The last tenth is our validation set. There is no test set, so a model that we choose by its validation loss looks a little better than it is, as in the well-known results on this file. Our tokens are single characters, so we need no trained tokenizer; we return to larger tokens later.""",
        r"""Tiny Shakespeare has a bit more than a million characters from Shakespeare's plays. The last tenth is our validation set. There is no test set, so a model that we choose by its validation loss looks a little better than it is. Our tokens are single characters; we return to larger tokens later.""",
    ),
    (
        6,
        r"""All are trained at once, and the **causal mask** sees to it that no position sees its own answer:""",
        r"""All are trained at once, and the **causal mask** hides each position's own answer from it:""",
    ),
    (
        10,
        r"""The loss is in **nats per character**: guessing all characters equally often costs $\ln 65 = 4.17$ on tiny Shakespeare, and the bigram model's loss is 2.48. Counts of longer sequences soon fail, because most of them never occurred. We need a model that generalises.""",
        r"""The loss is in **nats per character**: a uniform guess among 65 characters costs $\ln 65 = 4.17$, the bigram model 2.48. Counting longer sequences soon fails, because most of them never occur in the training text.""",
    ),
    (
        10,
        r"""Softmax turns the rest into positive weights that sum to 1 (and $e^{-\infty} = 0$). The result is a weighted sum of the values:""",
        r"""Softmax gives these a weight of 0 and turns the rest into positive weights that sum to 1. The result is a weighted sum of the values:""",
    ),
    (
        14,
        r"""At scale `cpu` the main network is that of nanoGPT, a well-known small GPT in PyTorch, with 256 channels in place of 384. Dropout is to keep it from memorising a million characters that it sees many times.""",
        r"""At scale `cpu` the main network follows nanoGPT, a well-known small GPT in PyTorch, with 256 channels in place of 384 and four heads in place of six.""",
    ),
    (
        16,
        r"""As a test, we let the one-layer network memorise one batch:""",
        r"""As a test, we let the one-layer network overfit one batch:""",
    ),
    (
        21,
        r"""**The feed-forward net and the second layer help most.** One head alone (2.520) is even worse than counted pairs (2.482), although it can look further back. Four heads of a quarter of the channels each reach 2.452, with the residual connection 2.416, and with the feed-forward net 2.132. In a single layer the layer norm changes nothing (2.131). Each is one run at the same learning rate. The last line is a GPT with two layers of the same width. The main network differs from it in more than depth: it is wider, has dropout, and sees the text twenty times.""",
        r"""**The feed-forward net and the step to a two-layer GPT help most.** One head alone (2.520) is even worse than counted pairs (2.482), although it can look further back. Four heads reach 2.452, with the residual connection 2.416, and with the feed-forward net 2.132. In a single layer the layer norm changes nothing (2.131). The GPT with two layers of the same width, whose output layer also differs (see below), reaches 1.873. Each number is one run at the same learning rate.""",
    ),
    (
        23,
        r"""The drawing shows positions by channels, from the tokens at the bottom to the last norm at the top. The output layer then uses **the weights of the token embedding** (weight tying), in GPT-1 (its eq. 2) as in GPT-2. Without dropout, a GPT-2 of any size is these five lines:""",
        r"""The drawing shows positions by channels, from the tokens up to the last norm. The output layer then uses **the weights of the token embedding** (weight tying), in GPT-1 as in GPT-2. Without dropout, these five lines are a GPT-2 of any size:""",
    ),
    (
        25,
        r"""Here are the library's classes. Every sublayer adds to the residual stream, whose variance would grow with depth. GPT-2 therefore scales the initial weights of its $N$ residual layers by $1/\sqrt{N}$. In nanoGPT's reading, which we follow, $N = 2L$: the output projection of each sublayer is initialised with its standard deviation divided by $\sqrt{2L}$.

Ignore three things at first: `keep_weights` stores attention weights for our plots, `cache` saves work during generation, and `generate` draws tokens. The sections on sampling and on the KV cache explain the last two.""",
        r"""Every sublayer adds to the residual stream, whose variance would grow with depth. GPT-2 therefore scales the initial weights of its $N$ residual layers by $1/\sqrt{N}$. Like nanoGPT, we take $N = 2L$ and scale the output projection of each sublayer.

Ignore three things at first: `keep_weights` stores attention weights for our plots, and `cache` and `generate` serve the generation of text.""",
    ),
    (
        28,
        r"""The papers print at most rounded totals, and GPT-2's are too small: its "117M" is this network. The exact totals follow from the published sizes by the formula (GPT-1 has no last norm).""",
        r"""The papers print at most rounded totals, and GPT-2's are too small: its "117M" is this network. The formula gives the exact totals of all sizes (GPT-1 has no last norm).""",
    ),
    (
        30,
        r"""changing a token changes no logits before it, and the network can memorise one batch.""",
        r"""changing a token changes no logits before it, and the network can overfit one batch.""",
    ),
    (
        32,
        r"""The loss is nearly 0, as it should be. It can't be exactly 0 where windows begin with the same characters, but telling eight windows of 32 characters apart costs at most $\ln 8 / 32 = 0.065$.

## Training

The main run trains the largest network. It also generates a few lines after each epoch, so that we can look at samples during training.""",
        r"""The loss is nearly 0, as it should be.

## Training

We train the largest network, and let it generate a few lines after each epoch.""",
    ),
    (
        34,
        r"""The validation loss falls until the end, more and more slowly: 1.507 after 18 epochs, 1.506 after 20. The training loss, with dropout, ends at 1.284. The samples learn words of plausible length first, then speakers and line breaks, then English words; after 20 epochs the words are English and the sentences still make no sense. The training loss is measured with dropout on, so it is higher than it would be without.""",
        r"""The validation loss falls until the end, more and more slowly: 1.507 after 18 epochs, 1.506 after 20. The training loss ends at 1.284, measured with dropout on, which raises it. In the samples, words of plausible length come first, then speakers and line breaks, then English words. The sentences of the last sample still make no sense.""",
    ),
    (
        34,
        r"""We report the best epoch's loss over the whole validation text; nanoGPT reports its best evaluation as well, estimated on 200 random batches. From here on we use the best of the last five epochs, whose weights are kept. Two variants follow: **averaged weights**, the mean of the last epochs' weights, and **overlapping windows**, where we count only characters that have at least 128 others before them. In the usual windows those at the beginning have little context.""",
        r"""We report the best epoch's loss over the whole validation text; nanoGPT reports its best evaluation as well, estimated on 200 random batches.""",
    ),
    (
        37,
        r"""The bars repeat the steps from above and add the main network. **The network comes within 0.04 nats of the well-known result**: 1.506 against nanoGPT's 1.4697 (one seed). nanoGPT's network has twice as many parameters, and its recipe passes over the text about eighty times (5,000 steps of 64 windows of 256), ours twenty. Averaging the weights of the last epochs gains nothing (1.507): the learning rate has already fallen to zero. With overlapping windows the loss is 1.497. nanoGPT prints 10.65M parameters, because it leaves out the position embeddings (with them, 10.75 million). Ours of that size, at scale `gpu`, has biases as well: 10,770,816.""",
        r"""**The network comes within 0.04 nats of the well-known result**: 1.506 against nanoGPT's 1.4697 (one seed). nanoGPT's network has more than twice as many parameters, and its recipe passes over the text about eighty times, ours twenty. Averaging the weights of the last five epochs gains nothing (1.507). In overlapping windows, where we count only characters that have at least 128 others before them, the loss is 1.497. The bars repeat the steps from above; the main network (last bar) is deeper and wider than the one before, has dropout, and sees the text twenty times instead of five.""",
    ),
    (
        37,
        r"""The network gives probabilities; writing means drawing from them, one token after another.""",
        r"""The network gives probabilities; to generate text, we draw from them, one token after another.""",
    ),
    (
        40,
        r"""In our network, we look at a place where the next character is nearly certain, and at one where it is open:""",
        r"""In our network, we look at one place where the next character is nearly certain, and one where it is open:""",
    ),
    (
        42,
        r"""Grey bars are the network's own probabilities, blue ones what is drawn from. After "I q" nothing needs to be cut: u has a probability of 0.999, and all three leave it alone. After "My lord, " top-k removes nearly half of the probability, although many other characters are plausible; top-p removes only the last tenth. At temperature 1.5 many words do not exist ("Bygcrinty"). The texts are one sample each. None of these changes the model or its loss.""",
        r"""Grey bars are the network's own probabilities, blue bars those that we draw from. After "I q" there is nothing to cut, since u has a probability of 0.999. After "My lord, " top-k removes nearly half of the probability, top-p only the last tenth. At temperature 1.5 many words do not exist ("Bygcrinty").""",
    ),
    (
        42,
        r"""We train three smaller networks on exactly as many tokens as the main one. Two hyperparameters change with the size: larger networks get more dropout, since they can memorise more, and a lower peak learning rate. So this compares recipes, not size alone. One size is also trained for about a quarter of the epochs. Each run decays its own learning rate to zero, because stopping a longer schedule early would make short training look worse than it is.""",
        r"""We train three smaller networks on exactly as many tokens as the main one. Larger networks get more dropout and a lower peak learning rate, so this compares recipes, not size alone. We also train one size for about a quarter of the epochs. Each run decays its own learning rate to zero.""",
    ),
    (
        44,
        r"""**More parameters help less and less here.** From 0.12 to 0.37 million the loss falls by 0.115, from there to 4.8 million by only 0.023. A quarter of the epochs costs 0.417, at a peak rate that may be too low for so short a run: the smaller two-layer GPT above, with a higher rate, reached 1.873 in five epochs, this one 1.947. Each point is one run. GPT-2's corpus has new text for nearly every step; here every epoch repeats the same million characters.""",
        r"""**Beyond 0.37 million parameters, more of them help little here.** From 0.12 to 0.37 million the loss falls by 0.115, from there to 4.8 million by only 0.023 (one run each). A quarter of the epochs costs 0.417, but the peak rate may be too low for so short a run: the smaller two-layer GPT above, with a higher rate, reached 1.873 in five epochs, this one 1.947.""",
    ),
    (
        44,
        r"""GPT-1 is post-LN, like the original Transformer, and uses a warm-up. GPT-2 moved the norm to the front. Why? In post-LN,""",
        r"""GPT-1 is post-LN and uses a warm-up. GPT-2 moved the norm to the front. In post-LN,""",
    ),
    (
        44,
        r"""We can see this without training. Both forms""",
        r"""We can check this without training. Both forms""",
    ),
    (
        46,
        r"""At 12 layers, the last layer's gradient norm is 0.14 in post-LN and 0.06 in pre-LN (five seeds). From 2 to 16 layers it falls from 0.19 to 0.05 in pre-LN and rises from 0.09 to 0.14 in post-LN (three seeds): as derived, it stays large at any depth in post-LN alone. Small first steps, a warm-up, are the usual remedy; we do not test that here.""",
        r"""**As derived, only in post-LN do the gradients of the last layer stay large in deep networks.** At 12 layers their norm is 0.14 in post-LN and 0.06 in pre-LN (five seeds). From 2 to 16 layers it falls from 0.19 to 0.05 in pre-LN and rises from 0.09 to 0.14 in post-LN (three seeds). We do not test here whether post-LN then needs a warm-up.

Back to the main network: what has it learned about positions, and how much context does it use?""",
    ),
    (
        48,
        r"""Nearby positions have similar vectors, and those 100 to 200 apart mostly opposite ones (the mean over all positions is subtracted), though nobody told the network that positions are ordered. With one character in view the loss is 2.54, near the bigram model's 2.48. It falls to about 1.5 within ten or so; beyond 128 we see no further gain (1.496 in the second half of the window and in its last quarter). The right curve is ragged: each point is the mean of only about 870 characters.""",
        r"""Nearby positions have similar vectors, and those 100 to 200 apart mostly have a negative similarity (the mean over all positions is subtracted), though nobody told the network that positions are ordered. With one character in view the loss is 2.54, near the bigram model's 2.48. It falls to about 1.5 within ten or so; beyond 128 we see no further gain (1.496 in the second half of the window and in its last quarter).""",
    ),
    (
        48,
        r"""Some heads have a task that one can read from their attention weights.""",
        r"""The attention weights of some heads show what they do.""",
    ),
    (
        48,
        r"""As a test, we shuffle the alphabet and write it twice, so that each letter occurs once per copy. Nothing in the first copy can be copied; in the second, everything. We measure the loss at each position, and how much attention each head gives to the previous position, and to the one after the earlier occurrence.""",
        r"""As a test, we shuffle the alphabet and write it twice. Nothing in the first copy can be predicted by copying, everything in the second can. We measure the loss at each position, and how much attention each head gives to the previous position and to the one after the earlier occurrence.""",
    ),
    (
        51,
        r"""An induction head would show as a diagonal stripe in the lower left quarter of the last panel. Here there is none. **In this test, our network does not copy**: the second copy costs no less than the first (8.69 and 8.33 nats per letter; a uniform guess costs 3.26), and no head looks noticeably at the place after the earlier occurrence. Both copies cost so much because nothing in the plays looks like a shuffled alphabet; a larger network might copy anyway (exercise 4 trains one that does). A network that copied would have learnt it from repetitions in the plays, for example of speakers' names.""",
        r"""**In this test, our network does not copy**: the second copy costs no less than the first (8.69 and 8.33 nats per letter; a uniform guess costs 3.26), and no head looks noticeably at the place after the earlier occurrence (third panel). In the last panel, an induction head would show as a diagonal stripe in the lower left quarter. Nothing in the plays looks like a shuffled alphabet, so the test does not rule out copying in ordinary text. Exercise 4 trains a network that copies.""",
    ),
    (
        54,
        r"""`is_causal` aligns the mask top-left; with cached keys we need it bottom-right, so `SelfAttention` builds it. Five tokens, then one after another, give the logits of one full pass:""",
        r"""As a check, we feed five tokens and then one after another. This gives the logits of one full pass:""",
    ),
    (
        56,
        r"""Without the cache the time of a step grows with the length. With it, a step costs little more at 1,024 tokens than at 2. The price is memory: two vectors per token and layer.""",
        r"""Without the cache, the time of a step grows with the length; with the cache, it grows far less. The price is memory: two vectors per token and layer.""",
    ),
    (
        56,
        r"""We train a tokenizer on the training text, and then a network of our second size on its tokens.""",
        r"""We train a tokenizer on the training text, and a network of our second size on its tokens.""",
    ),
    (
        56,
        r"""Both networks see the text equally often, in windows of about as many characters.""",
        r"""Both networks see the text equally often.""",
    ),
    (
        58,
        r"""Byte pairs give 2.176 bits per byte, characters 2.207, in about half of the time and with 21 % more parameters, since the embedding has more rows: too close to call from one run each.""",
        r"""**Byte pairs and characters are too close to call from one run each**: 2.176 and 2.207 bits per byte. Byte pairs take about half of the training time and 21 % more parameters, since the embedding has more rows.""",
    ),
    (
        58,
        r"""A model that repeats its training text writes perfect Shakespeare. How much of our samples is copied? We draw from the unmodified probabilities (temperature 1.0), and look from each place for the longest run of characters that also occurs in the training text.""",
        r"""How much of our samples is copied? We sample at temperature 1.0 and look from each place for the longest run of characters that also occurs in the training text.""",
    ),
    (
        60,
        r"""**Long copies do not occur.** The longest run that a sample shares with the training text has 28 characters, the end of a speech and a speaker's name; the longest of the held-out text has 29.""",
        r"""**Long copies do not occur in our samples.** The longest run that they share with the training text has 28 characters, the end of a speech and a speaker's name; the longest of the held-out text has 29.""",
    ),
    (
        65,
        r"""- [GPT-3](https://arxiv.org/abs/2005.14165), the sequel.
- [nanoGPT](https://github.com/karpathy/nanoGPT) by Andrej Karpathy, the source of the well-known figure.""",
        r"""- [GPT-3](https://arxiv.org/abs/2005.14165).
- [nanoGPT](https://github.com/karpathy/nanoGPT) by Andrej Karpathy.""",
    ),
    (
        65,
        r"""by Xiong and others: why the norm's place decides about warm-up.""",
        r"""by Xiong and others.""",
    ),
    (
        65,
        r"""| 0.1 to 10.8 million |""",
        r"""| 0.1 to 4.8 million at `cpu` |""",
    ),
    (
        65,
        r"""At which epoch does the validation loss turn, and how long are the copied runs at the end?""",
        r"""Does the validation loss turn upwards, and how long are the copied runs at the end?""",
    ),
    (
        65,
        r"""Is the text at temperature 0.5 still monotonous?""",
        r"""How does the text at temperature 0.5 change?""",
    ),
]


def main():
    book = nbformat.read(NB, as_version=4)
    old = copy.deepcopy(book)
    for index, before, after in REPLACED:
        cell = book.cells[index]
        assert cell.cell_type == "markdown" and cell.source.count(before) == 1, (index, before[:60])
        cell.source = cell.source.replace(before, after)
    check(old, book)
    nbformat.write(book, Path(__file__).with_name(NB.name))
    print("words", *(sum(len(c.source.split()) for c in n.cells if c.cell_type == "markdown") for n in (old, book)))


def check(old, new):
    nbformat.validate(new)
    assert [cell.id for cell in old.cells] == [cell.id for cell in new.cells] and old.metadata == new.metadata
    for a, b in zip(old.cells, new.cells):
        assert a.cell_type == b.cell_type and a.metadata == b.metadata
        assert a.cell_type == "markdown" or a == b
    headings = [[line for cell in book.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
                 if line.startswith("#")] for book in (old, new)]
    assert headings[0] == headings[1]


if __name__ == "__main__":
    main()
