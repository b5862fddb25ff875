"""Shorten architectures/transformer/Transformer.ipynb: replace markdown by exact text, write Transformer.ipynb here."""

import copy
from pathlib import Path

import nbformat

NB = Path("/work/main/architectures/transformer/Transformer.ipynb")
OUT = Path(__file__).with_suffix(".ipynb")
DELETE = (22,)  # the heads' attention averaged over 200 sums; the plot before it shows the same heads
EDITS = [  # (cell, old paragraph, new paragraph)
    (0, "[Attention.ipynb](../../attention/Attention.ipynb) builds the Transformer from its equations and "
     "translates with it. Here we put it to use elsewhere: you will teach it to add numbers digit by digit, "
     "measure what attention costs, build a Vision Transformer that equals torchvision's, train one on "
     "CIFAR-10, and find out what a convolutional network knows beforehand. Trained from scratch for 30 "
     "epochs, our small one names 80.4 % of the test images of CIFAR-10.",
     "[Attention.ipynb](../../attention/Attention.ipynb) builds the Transformer from its equations and "
     "translates with it. Here you put it to use elsewhere: you teach it to add numbers digit by digit, "
     "measure what attention costs, build a Vision Transformer that computes the same as torchvision's, train "
     "one on CIFAR-10, and find out what a convolutional network knows beforehand. Trained from scratch for "
     "30 epochs, our main network classifies 80.4 % of the test images correctly (n = 1)."),
    (0, "**How long it takes.** At scale `cpu`, where the stored outputs come from, the main training took 126 "
     "minutes and the six short ones together 52, one thread each of an AMD EPYC. Scales: `quick` (half a "
     "minute, generated images, no internet connection; its numbers mean nothing), `cpu`, `gpu` (a larger "
     "network, trained longer, and one experiment more), `paper` (longer still). What the second code cell "
     "prints says how to choose.",
     "**How long it takes.** At scale `cpu`, where the stored outputs come from, the main training took 126 "
     "minutes and the six short ones together 52, on one thread each of an AMD EPYC. Scale `quick` only tests "
     "the code, on generated images; `gpu` and `paper` train larger networks for longer. The second code cell "
     "prints how to choose."),
    (3, "A Transformer layer turns a sequence of vectors into another. What they stand for is up to us. An "
     "**encoder alone** reads everything at once: BERT reads text, a Vision Transformer reads the patches of "
     "an image. A **decoder alone** may look only backwards, so that it can write: GPT. **Both together** "
     "read one sequence and write another: translations in the paper, and sums in this notebook.",
     "A Transformer layer turns a sequence of vectors into another. What the vectors stand for is up to us. "
     "An **encoder alone** reads everything at once: BERT reads text, a Vision Transformer reads the patches "
     "of an image. A **decoder alone** may look only backwards, so that it can write: GPT. **Both together** "
     "read one sequence and write another: translations in the paper, sums in this notebook."),
    (5, "**2017.** Attention lets each position collect information from all others, weighted by how well a "
     "*query* fits a *key*: $\\mathrm{softmax}(QK^\\top / \\sqrt{d_k})\\,V$. The Transformer consists of such "
     "layers and of small feed-forward nets. It set the state of the art in translation, with 28.4 BLEU from "
     "English to German.",
     "**2017.** Attention lets each position collect information from all others, weighted by how well a "
     "*query* fits a *key*: $\\mathrm{softmax}(QK^\\top / \\sqrt{d_k})\\,V$. The Transformer stacks such "
     "layers and small feed-forward nets. It set the state of the art in translation: 28.4 BLEU from English "
     "to German."),
    (5, "**2021.** Does the same network work on images if we change as little as possible? The **Vision "
     "Transformer** (ViT) cuts an image into patches of 16×16 pixels, turns each into a vector by one linear "
     "layer, adds a vector for its position, and feeds them to an encoder that differs from that of 2017 only "
     "in details. That neighbouring patches belong together, and that an object may stand anywhere, has to be "
     "learned; a convolution has both built in. The paper's answer has two halves. Trained on the 1.3 million "
     "images of ImageNet, ViT is somewhat worse than a ResNet of its size. Trained on 303 million images "
     "first, it is better: ViT-H/14 reached 88.55 % on ImageNet. Our comparison has 15,000 images, so we "
     "shall see the first half.",
     "**2021.** Does the same network work on images if we change as little as possible? The **Vision "
     "Transformer** (ViT) cuts an image into patches of 16×16 pixels, turns each into a vector by one linear "
     "layer, adds a vector for its position, and feeds the sequence to nearly the same encoder. A convolution "
     "has built in that neighbours belong together and that an object may stand anywhere; a ViT has to learn "
     "both. The paper's answer has two halves. Trained on the 1.3 million images of ImageNet, ViT is somewhat "
     "worse than a ResNet of its size. Trained on 303 million images first, it is better: ViT-H/14 reached "
     "88.55 % on ImageNet."),
    (5, "**Which class for which job.** `EncoderLayer` serves an encoder and, with a causal mask, a decoder "
     "alone. `DecoderLayer` also looks at a second sequence. `Transformer` has both stacks, embeddings and "
     "positions. A mask is `True` where a position *may* look, and is broadcast over heads.",
     "`EncoderLayer` serves an encoder and, with a causal mask, a decoder alone. `DecoderLayer` also looks at "
     "a second sequence. `Transformer` has both stacks, embeddings and positions. A mask is `True` where a "
     "position *may* look, and is broadcast over heads."),
    (7, "**A cache** keeps the keys and values of earlier tokens, which don't change while a decoder writes. "
     "Each step then computes one token instead of all.",
     "**A cache** keeps the keys and values of earlier tokens, so that a decoder computes one token in each "
     "step instead of all."),
    (7, "**`fused=True`**, the default, computes attention by PyTorch's own kernel. `fused=False` writes the "
     "same out.",
     "**`fused=True`**, the default, computes attention with PyTorch's own kernel. `fused=False` writes out "
     "the formula."),
    (7, "**`norm_first=True`** puts each layer norm before its sublayer, as most models after 2017 do, and one "
     "last norm after the stack. Within the stack nothing normalises the residual stream any more, so it "
     "grows with depth. In return, gradients pass through the additions unchanged, and training is stable "
     "with little warm-up ([Xiong and others, 2020](https://arxiv.org/abs/2002.04745)).",
     "**`norm_first=True`** puts each layer norm before its sublayer, as most models after 2017 do, and adds "
     "one last norm after the stack. Within the stack nothing normalises the residual stream any more, so it "
     "grows with depth. In return, gradients pass through the additions unchanged, and training is stable "
     "with little warm-up ([Xiong and others, 2020](https://arxiv.org/abs/2002.04745))."),
    (9, "Every token looks at every other, so $T$ tokens need $T^2$ weights for each head. If these matrices are "
     "stored for the backward pass, memory grows with the square of the length. The fused kernel works "
     "through them in tiles, stores none, and recomputes the scores in the backward pass ([FlashAttention, "
     "Dao and others, 2022](https://arxiv.org/abs/2205.14135)). That is more arithmetic, still quadratic, but "
     "memory grows linearly.",
     "Every token looks at every other, so $T$ tokens need $T^2$ weights for each head. If we store these "
     "matrices for the backward pass, memory grows with the square of the length. The fused kernel stores "
     "none and recomputes them tile by tile ([FlashAttention, Dao and others, "
     "2022](https://arxiv.org/abs/2205.14135)). This takes more arithmetic, but memory grows linearly."),
    (9, "We measure one layer with $C = 256$ channels and 4 heads. It also has four projections, which need "
     "$4\\,TC^2$ multiply-adds, while attention itself needs $2\\,T^2C$. Only beyond $T = 2C = 512$ tokens is "
     "the quadratic part the larger one. Memory is what PyTorch keeps between the forward and the backward "
     "pass, without the parameters.",
     "We measure one layer with $C = 256$ channels and 4 heads. Its four projections need $4\\,TC^2$ "
     "multiply-adds and attention itself $2\\,T^2C$, so only beyond $T = 2C = 512$ tokens is the quadratic "
     "part the larger one. Memory is what PyTorch keeps between the forward and the backward pass, without "
     "the parameters."),
    (12, "Both axes are logarithmic, so a straight line is a power of the length, and its slope the exponent. "
     "From 1,024 to 2,048 tokens, the memory grows 3.5 times if the matrices are written out, and 2.0 times "
     "in the fused kernel. At 2,048 tokens, the difference is a factor of 7.4. The times grow 3.8 and 3.3 "
     "times, close to the multiply-adds, and differ little between the two forms. (One layer on one machine, "
     "and times scatter.)\n\nThe fused kernel is not always faster. On this CPU, with many short sequences as "
     "in our training below, it takes 93 ms, and the matrices written out 34 ms.\n\nAn image of 224 pixels a "
     "side has 50,176 pixels. As tokens they would need 2.5 billion weights in each head. Cut into patches of "
     "16×16 pixels, the image has 196 tokens and needs 38,416. This is why a Vision Transformer reads patches.",
     "The fused kernel saves memory: at 2,048 tokens, the written-out form keeps 7.4 times as much. From "
     "1,024 to 2,048 tokens its memory grows 3.5 times, that of the fused kernel 2.0 times. The times differ "
     "far less, and the fused kernel is not always faster: on this CPU, with many short sequences as in our "
     "training below, it takes 93 ms and the written-out form 34 ms.\n\nAn image of 224 pixels a side has "
     "50,176 pixels. As tokens they would need 2.5 billion weights in each head. This is why a Vision "
     "Transformer reads patches: 196 patches of 16×16 pixels need 38,416."),
    (12, "A Transformer reads and writes symbols. Can it learn to *calculate*? We ask for sums of two whole "
     "numbers: it reads `73+485` and has to write `558`. No rule is given, only examples, freshly drawn for "
     "every batch. An answer counts as right or wrong as a whole.",
     "Can a Transformer learn to *calculate*? We ask for sums of two whole numbers: it reads `73+485` and has "
     "to write `558`. We give it no rule, only examples, freshly drawn for every batch."),
    (12, "In which order should it write the digits? By hand we begin on the right. If the network writes the "
     "units first (`855`), each step needs two digits and a carry. The carry is written nowhere, but the "
     "column before gives it away: there is one if its two digits add up to 10 or more, or to 9 while the "
     "answer's digit is 0. If the network writes as we read (`558`), the first digit may depend on all the "
     "others: 499+500 begins with a 9, and 499+501 with a 1.",
     "In which order should it write the digits? By hand we begin on the right. If the network writes the "
     "units first (`855`), each step needs only two digits and a carry, which follows from the column before "
     "and the digit written there. If it writes as we read (`558`), the first digit may depend on all the "
     "others: 499+500 begins with a 9, and 499+501 with a 1."),
    (12, "We train the same network on both. If what is easy for us is easy for it, units first is learned "
     "sooner; if not, both learning curves rise together.",
     "We train the same network on both. If what is easy for us is easy for it, it learns faster with the "
     "units first; if not, both learning curves rise together."),
    (14, "Token 0 fills up short rows, 1 begins an answer and 2 ends it.",
     "Token 0 pads short rows, 1 begins an answer and 2 ends it."),
    (14, "This table has what differs between the scales. Everything else stands where it is used.",
     "The table has what differs between the scales; everything else stands where it is used."),
    (16, "During training the decoder is given the right answer up to each place and has to say the next digit "
     "(teacher forcing). For the test it writes alone, and has to be right from the first digit to the end "
     "token. Test sums come from another seed. With one or two digits there are so few sums that most of them "
     "occurred in the training; of the eight billion with five digits, hardly any did.",
     "During training the decoder gets the correct answer up to each place and has to say the next digit "
     "(teacher forcing). Later it writes alone. Hardly any test sum with five digits occurred in the "
     "training; most of those with one or two digits did."),
    (19, "Units first is learned sooner: more than 99 % of the symbols are right from epoch 9 on. As we read, "
     "98.3 % are right after 25 epochs. A sum is right only if all its symbols are: with five digits, 100.0 % "
     "against 90.4 %. One seed each.\n\nWith six digits, both orders fall to 0.0 %. With the units first, the "
     "network has learned to add numbers of up to five digits, but no rule that goes on to six.\n\nTo work on "
     "longer inputs than those of the training is called **length generalisation**, and standard Transformers "
     "are bad at it. The paper of 2017 chose sinusoids as positions because they *may* extend to longer "
     "sequences (section 3.5). They could say what is needed here: for sinusoids, \"one digit further left\" "
     "is the same linear map everywhere. Here they were not enough. Our guess, which nothing here tests: it "
     "never met the position vectors further out, nor an answer that ends later, and the loss rewards any "
     "rule that works up to five digits.",
     "The network learns faster with the units first: more than 99 % of the symbols are right from epoch 9 "
     "on. As we read, 98.3 % are right after 25 epochs. When it writes whole sums alone, the gap is larger, "
     "because all symbols must be right: with five digits, 100.0 % against 90.4 % (n = 1 each).\n\nWith six "
     "digits, both orders fall to 0.0 %: the network has learned to add numbers of up to five digits, but no "
     "rule that goes on to six. Working on longer inputs than those of the training is called **length "
     "generalisation**, and standard Transformers are bad at it. The paper of 2017 chose sinusoids as "
     "positions because they *may* extend to longer sequences (section 3.5); here they were not enough."),
    (19, "For a digit of the answer, the decoder needs the two digits of the same column, and the column before "
     "(to the right) for the carry. Where does each head of the cross-attention look?",
     "For a digit of the answer, the decoder needs the two digits of the same column, and the column before "
     "it (to the right) for the carry. Where does each head of the cross-attention look?"),
    (21, "Each row is a digit of the answer, units first, at the moment at which it is written; each column is a "
     "symbol of the question. The diagonals run from right to left: for each digit of the answer, heads 0, 2 "
     "and 3 look at the same column, head 2 almost only at one of its two digits. For the end token, they "
     "look at the plus sign. Is this typical? For 200 sums of the longest numbers we average how much "
     "attention goes to each kind of place; \"elsewhere\" is the rest.",
     "Each row is a digit of the answer, units first, at the moment when it is written; each column is a "
     "symbol of the question. The diagonals run from right to left: for each digit of the answer, heads 0, 2 "
     "and 3 look at the same column. From the second digit on, head 1 also looks at the column before, which "
     "decides the carry. One caution: the decoder looks at outputs of the *encoder*, which has already mixed "
     "the digits, so looking at a digit's place is not quite the same as reading that digit."),
    (23, "Yes. On average, three heads of layer 2 and one of layer 1 give most of their attention to the same "
     "column, about equally to the two numbers; in a single sum the shares can be very unequal, as above. "
     "Head 0 of layer 1 gives about half of its attention to the column before, and two other heads a third. "
     "They may bring the carry. The carry may also come from the digits already written, as described above, "
     "or be mixed into the outputs of the encoder. These pictures cannot tell which. One caution: the decoder "
     "looks at outputs of the *encoder*, whose own attention has already mixed the digits. Looking at a "
     "digit's place is not quite the same as reading that digit.\n\n",
     ""),
    (23, "Now the second paper. The data set is CIFAR-10: ten classes, images of 32×32 pixels, 45,000 to train "
     "on, 5,000 for validation and 10,000 for the test. Patches of 16×16 pixels would leave four tokens, so "
     "we take 4×4 pixels, which gives 64.",
     "Now the second paper, on CIFAR-10: ten classes, images of 32×32 pixels, 45,000 for training, 5,000 for "
     "validation and 10,000 for the test. Patches of 16×16 pixels would leave four tokens, so we take 4×4 "
     "pixels, which gives 64."),
    (25, "Each patch is 48 numbers: 4×4 pixels of 3 colours. One linear layer turns them into a vector of $D$ "
     "channels. Written as a convolution with a stride of 4, it needs no cutting:",
     "Each patch is 48 numbers: 4×4 pixels of 3 colours. One linear layer turns them into a vector of $D$ "
     "channels. A convolution with a stride of 4 does the same without any cutting:"),
    (27, "The whole network takes four equations, for $N$ patches $x_p^i$ and $L$ layers:",
     "Four equations describe the whole network, for $N$ patches $x_p^i$ and $L$ layers:"),
    (27, "- **Positions**, $E_{\\mathrm{pos}}$. Attention does not know about order, so a learned vector is added "
     "to each token.\n- **A class token**, $x_{\\mathrm{class}}$. One more vector, the same for every image, "
     "joins the sequence. It belongs to no patch, and only its output $z_L^0$ goes to the classification "
     "head.\n- **Norm first.** Each block (2, 3) normalises before attention (MSA) and before the "
     "feed-forward net (MLP), and one last norm follows (4).",
     "- **Positions**, $E_{\\mathrm{pos}}$. Attention does not know about order, so a learned vector is added "
     "to each token.\n- **A class token**, $x_{\\mathrm{class}}$. One more learned vector, the same for every "
     "image, joins the sequence, and only its output $z_L^0$ goes to the classification head.\n- **Norm "
     "first.** Each block (2, 3) normalises before attention (MSA) and before the feed-forward net (MLP), and "
     "one last norm follows (4)."),
    (29, "The block is `EncoderLayer(norm_first=True)` with GELU instead of ReLU, and with one matrix for "
     "queries, keys and values. `vit.py` has its own class, so that the file can be copied alone and "
     "published weights fit.",
     "The block is `EncoderLayer(norm_first=True)` with GELU instead of ReLU, and with one matrix for "
     "queries, keys and values. `vit.py` has its own class, so that you can copy the file alone and load "
     "published weights."),
    (31, "Two options depart from the paper. With `pool=\"mean\"` there is no class token, and the head reads the "
     "mean of all patches ([Beyer and others, 2022](https://arxiv.org/abs/2205.01580)). The paper found that "
     "both work equally well, but need different learning rates (its Figure 9). We read the mean. With "
     "`overlap=2` each patch also reaches 2 pixels over its borders, as in [PVT "
     "v2](https://arxiv.org/abs/2106.13797). Edges along the cuts are then seen whole. This is a small dose "
     "of what a convolution knows: our main network takes it, our experiments don't.",
     "Two options depart from the paper. With `pool=\"mean\"` there is no class token, and the head reads the "
     "mean of all patches ([Beyer and others, 2022](https://arxiv.org/abs/2205.01580)). The paper found that "
     "both work equally well with different learning rates (its Figure 9); we train with the mean. With "
     "`overlap=2` each patch also reaches 2 pixels over its borders, as in [PVT "
     "v2](https://arxiv.org/abs/2106.13797). This is a small dose of what a convolution knows: our main "
     "network takes it, our experiments don't."),
    (33, "Is it the paper's network? We count the parameters of ViT-B/16, part by part, beside those of the "
     "networks that we shall train.",
     "Is it the paper's network? We count the parameters of ViT-B/16, beside those of the two ViTs that we "
     "shall train."),
    (35, "Nearly everything is in the layers. Does it also compute the same? We give two layers of torchvision's "
     "ViT-B/16 random weights, and ours the same ones.",
     "Nearly all parameters are in the layers. Does our network also compute the same as torchvision's? We "
     "give both the same random weights, with two layers of ViT-B/16 each."),
    (38, "The numbers of tokens and channels never change between the first layer and the last; a ResNet halves "
     "the resolution and doubles the channels from stage to stage. Can the network learn at all? It should be "
     "able to memorise twenty images:",
     "The numbers of tokens and channels never change from layer to layer, whereas a ResNet halves the "
     "resolution and doubles the channels from stage to stage. Can a ViT learn at all? It should overfit one "
     "batch of twenty images:"),
    (40, "All our trainings shift and flip the images. `StrongLoader` can do more: one random operation (a "
     "rotation, shear, zoom, or a change of brightness, contrast or saturation), and a grey square of up to "
     "`hole` pixels a side. `share` is the fraction of images that get it. The main training has a quarter at "
     "scale `cpu` and all images in the longer one at `gpu`; we haven't tuned this.",
     "All our trainings on images shift and flip them. `StrongLoader` adds one random operation (a rotation, "
     "shear, zoom, or a change of brightness, contrast or saturation), and a grey square of up to `hole` "
     "pixels a side. `share` is the fraction of images that get both: in the main training, a quarter at "
     "scale `cpu` and all at `gpu`."),
    (44, "From epoch 25 to 30, validation accuracy gains only 0.7 points. The training loss lies above the "
     "validation loss because it includes label smoothing and augmentation. The training accuracy overtakes "
     "the validation accuracy after epoch 15 and ends five points higher: a first sign of overfitting, but "
     "the validation loss does not rise.",
     "The training loss lies above the validation loss because it includes label smoothing and augmentation. "
     "The training accuracy ends five points above the validation accuracy, a first sign of overfitting, but "
     "the validation loss does not rise."),
    (46, "Our ViT is right for 80.43 % of the test images, with 1.4 million parameters and 30 epochs (n = 1). The "
     "paper has no network that saw CIFAR-10 alone; trained on JFT-300M first, ViT-H/14 reaches 99.50 %. The "
     "table therefore shows another small ViT, "
     "[ViT-CIFAR](https://github.com/omihub777/ViT-CIFAR/tree/cca0f37fd4913c432fce7a160adf419124622bb2). That "
     "is 10.5 points more than ours, with 4.5 times the parameters, nearly seven times the epochs and "
     "stronger augmentation.",
     "Our ViT classifies 80.43 % of the test images correctly, with 1.4 million parameters and 30 epochs (n = "
     "1). The paper has no network trained on CIFAR-10 alone; trained on JFT-300M first, ViT-H/14 reaches "
     "99.50 %. The table therefore shows another small ViT, "
     "[ViT-CIFAR](https://github.com/omihub777/ViT-CIFAR/tree/cca0f37fd4913c432fce7a160adf419124622bb2). It "
     "is 10.5 points better than ours, with 4.5 times the parameters, nearly seven times the epochs and "
     "stronger augmentation."),
    (46, "A first convolution sees only neighbours. A head can look anywhere, and we can measure how far it does: "
     "the distance between the patch that looks and the patch that is looked at, weighted by attention and "
     "averaged over images (the paper's Figure 7, right). The dashed line is a head that looks at all patches "
     "alike.",
     "The first convolution of a CNN sees only neighbours, whereas a head can look anywhere. How far does it "
     "look? We measure the distance between the patch that looks and the patch that is looked at, weighted by "
     "attention and averaged over images (the paper's Figure 7, right)."),
    (48, "Most heads of layer 2 look over 12 to 13 pixels on average instead of 16.5, so they prefer near patches "
     "somewhat; in the last layer the mean distances are near that of a head that looks at all patches alike. "
     "In the paper's first layers, some heads have small distances and others already look over most of the "
     "image. After 30 epochs, ours has none of the first kind (n = 1).",
     "None of our heads looks only at near patches (n = 1): even in layer 2, where the distances are "
     "smallest, they look over 12 to 15 pixels on average, while a head that looks at all patches alike "
     "(dashed line) has 16.5. In the paper's first layers, some heads do have small distances."),
    (48, "Which patches reach the output? **Attention rollout** multiplies the attention matrices of all layers, "
     "with half of each layer's output counted as coming through the residual connection. It gives each patch "
     "a share, and bright areas have more than an equal one. As a control, the last row has an untrained "
     "network: what shows there too wasn't learned.",
     "Which patches reach the output? **Attention rollout** multiplies the attention matrices of all layers, "
     "and counts half of each layer's output as coming through the residual connection. It gives each patch a "
     "share of the output; bright patches have more than an equal share. As a control, the last row shows an "
     "untrained network."),
    (51, "In the trained network, a few patches of the first frog count 2.5 times their equal share; elsewhere "
     "the brightest reach about 2. In the untrained network most shares lie near 1, but on the car they reach "
     "about 1.6, so the bright spot on the car is no proof of learning; the one on the first frog is. For the "
     "cat, the brightest patches lie beside it. Six of the ten most confident mistakes confuse one animal "
     "with another; the dark airplane is taken for a bird, and a bird for an airplane.",
     "In the trained network, a few patches of the first frog count 2.5 times their equal share, and nothing "
     "like that shows in the untrained one. A bright spot alone proves no learning, though: the untrained "
     "network has one on the car, too. For the cat, the brightest patches lie beside it. Six of the ten most "
     "confident mistakes confuse one animal with another."),
    (51, "How much does a ViT owe to knowing where patches lie? We train the small ViT twice on a third of the "
     "data: once with positions, and once **without**. For the second one an image is a bag of patches, whose "
     "order doesn't change the output. If the first one uses the order, it must get worse when we shuffle the "
     "patches of the *test* images, each in its own way. In the paper, ViT-B/16 loses about three points "
     "without positions (61.4 against 64.2 % in a few-shot test on ImageNet, Table 8).",
     "How much does a ViT owe to knowing where patches lie? We train the small ViT twice on a third of the "
     "data: once with positions, and once **without**. Without them, an image is a bag of patches, whose "
     "order doesn't change the output. If the network with positions uses the order, it must get worse when "
     "we shuffle the patches of each *test* image. In the paper, ViT-B/16 loses about three points without "
     "positions (61.4 against 64.2 % in a few-shot test on ImageNet, Table 8)."),
    (54, "The network with positions falls from 59.1 to 52.1 % when the patches of the test images are shuffled: "
     "it does use the order, but keeps most of its accuracy without it. Without positions, the result is 55.6 "
     "%, with or without shuffling, as it must be. The gap between the two networks is 3.5 points (n = 1).",
     "The network with positions does use the order, but keeps most of its accuracy without it: shuffled test "
     "images lower it from 59.1 to 52.1 %. Without positions, the result is 55.6 %, shuffled or not, as it "
     "must be. On images as they are, positions gain 3.5 points (n = 1)."),
    (54, "Before training, the position vectors are random: nothing in them says that patch 9 lies below patch 1. "
     "Does the network find out? We compare the vector of each patch with those of all others (the paper's "
     "Figure 7, centre), in the small ViT, whose patches share no pixels. Each small map belongs to one "
     "patch. If the network had not noticed where patches lie, each map would be one bright point on "
     "noise.\n\nWe first subtract the mean of all 64 vectors, since what all have in common says nothing "
     "about places. This alone makes the average similarity of two patches slightly negative, as the row of "
     "the untrained network shows.",
     "Before training, the position vectors are random: nothing in them says that patch 9 lies below patch 1. "
     "Does the network find out? We compare the vector of each patch with those of all others (the paper's "
     "Figure 7, centre), in the small ViT, whose patches share no pixels. First we subtract the mean of all "
     "64 vectors, which says nothing about places. Each small map belongs to one patch. If the network had "
     "not noticed where patches lie, each map would be one bright point on noise."),
    (56, "The network has found out. Neighbours have similar vectors (0.61 on average, −0.01 before training), "
     "and similarity falls with the distance, to −0.20 for seven patches apart. In the middle of the image, "
     "each map is one spot around its patch. Near the border it follows the border: patches of the upper rim "
     "resemble each other. The left rim even resembles the right one; that we mirror images during training "
     "may be the reason, but we have not tested it. The last line is weaker evidence, since the main "
     "network's overlapping patches share pixels.",
     "The network has found out. Neighbours have similar vectors (0.61 on average, −0.01 before training), "
     "and similarity falls with the distance, to −0.20 for seven patches apart. In the middle of the image, "
     "each map is one spot around its patch; near the border it follows the border."),
    (56, "Now we **shuffle the training images too**, every image with the same shuffle, after the augmentation. "
     "The small ViT can't notice: its position vectors begin as random numbers, so no place is special, and "
     "both trainings are equal in distribution. To check, we move the position vectors along with the "
     "patches, and the outputs are the same.",
     "Now we **shuffle the training images too**, every image with the same shuffle, after the augmentation. "
     "The small ViT can't notice: its position vectors begin as random numbers, so no place is special, and "
     "only chance can change the result. To check, we move the position vectors along with the patches, and "
     "the outputs are the same."),
    (58, "A ResNet's 3×3 kernels expect that neighbours belong together. We train one on the same third of the "
     "data, and once more on shuffled images. It has about as many multiply-adds as the small ViT, but half "
     "the parameters. Both networks get the same images, epochs, augmentation, optimiser and schedule. The "
     "peak learning rates (0.005 for the ResNet, 0.001 for the ViT) aren't tuned.",
     "A ResNet's 3×3 kernels expect that neighbours belong together. We train one on the same third of the "
     "data, and once more on shuffled images, with the ViT's epochs, augmentation, optimiser and schedule, "
     "but a higher learning rate. It has about as many multiply-adds as the small ViT, but half the "
     "parameters."),
    (60, "The shuffle costs the ResNet 19.5 points: from 79.7 to 60.2 %. That is close to the small ViT's 59.1 %, "
     "which the shuffle cannot change, except by chance. So nearly all of the ResNet's lead, 20.6 points, "
     "depends on the arrangement of the patches; after the shuffle 1.1 are left. (n = 1, and neither learning "
     "rate is tuned.)",
     "Nearly all of the ResNet's lead depends on the arrangement of the patches. The shuffle costs it 19.4 "
     "points, from 79.65 to 60.21 %, and its lead over the small ViT's 59.05 % shrinks from 20.6 to 1.2 "
     "points (n = 1, and neither learning rate is tuned)."),
    (60, "This is what *inductive bias* means. A convolution is told that neighbours matter: a head start where "
     "that is true. Where it was false here, the ResNet lost the head start, but did not fall behind the ViT. "
     "The ViT treats all patches alike and assumes nothing about how they lie to each other. It does assume "
     "that the pixels of a patch belong together, and our shuffle keeps them together.",
     "This is what *inductive bias* means. A convolution assumes that neighbours matter, which gives it a "
     "head start where that is true. Where we made it false, the ResNet lost the head start, but did not fall "
     "behind the ViT. The ViT assumes nothing about how patches lie to each other. It does assume that the "
     "pixels of a patch belong together, and our shuffle keeps them together."),
    (60, "The paper trained on three data sets and then fine-tuned on ImageNet. These are its own numbers, not "
     "ours (its Table 5, top-1 accuracy in %):",
     "The paper trained on three data sets and then fine-tuned on ImageNet. Its own numbers, not ours (Table "
     "5, top-1 accuracy in %):"),
    (60, "Our 45,000 images can't show a crossing. They can show whether the ResNet's lead depends on the amount "
     "of data, but only in long trainings with equally many steps for each amount; otherwise we would compare "
     "the training's length. Two cores are too slow for that. At scale `gpu` the next cell does it, with all "
     "the data, a third and a tenth, and also asks how far strong augmentation replaces data.",
     "Our 45,000 images can't show that. They can show whether the ResNet's lead depends on the amount of "
     "data, but only in long trainings with equally many steps for each amount. Two cores are too slow for "
     "these. At scale `gpu` the next cell runs them."),
    (68, "1. **Carry chains.** Test the adder on sums such as 4999+1. After how many carries in a row does it "
     "fail? Compare the two orders of writing.\n2. **Longer numbers.** In `Sums`, write each number with "
     "leading zeros up to eight digits, so that every column has a fixed place. Train on four digits and test "
     "on five. What does the network still meet for the first time?\n3. **Class token.** Train the small ViT "
     "with `pool=\"class\"` and `pool=\"mean\"`, each with two learning rates and three seeds. Is there a "
     "difference that is larger than that between seeds?\n4. **A convolutional stem.** Replace `patches` by "
     "two 3×3 convolutions with a stride of 2. How much of the ResNet's lead is gone? *Hint: Xiao and others, "
     "below.*",
     "1. **Carry chains.** Test the adder on sums such as 4999+1. After how many carries in a row does it "
     "fail? Compare the two orders of writing.\n2. **Longer numbers.** In `Sums`, write each number with "
     "leading zeros up to eight digits, so that every column has a fixed place. Train on four digits and test "
     "on five. What does the network still meet for the first time?\n3. **Class token.** Train the small ViT "
     "with `pool=\"class\"` and `pool=\"mean\"`, each with two learning rates and three seeds. Is the "
     "difference larger than that between seeds?\n4. **A convolutional stem.** Replace `patches` by two 3×3 "
     "convolutions with a stride of 2. How much of the ResNet's lead is gone? *Hint: Xiao and others, below.*"),
]

def bare(cell):
    """A copy of a code cell without execution counts, the only thing that may differ."""
    cell = copy.deepcopy(cell)
    for part in (cell, *cell.outputs):
        part.pop("execution_count", None)
    return cell


book = nbformat.read(NB, 4)
for place, old, new in EDITS:
    cell = book.cells[place]
    assert cell.cell_type == "markdown", place
    assert cell.source.count(old) == 1, (place, cell.source.count(old), old)
    cell.source = cell.source.replace(old, new)
book.cells = [cell for place, cell in enumerate(book.cells) if place not in DELETE]
if DELETE:
    for number, cell in enumerate((cell for cell in book.cells if cell.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
nbformat.validate(book)

before = nbformat.read(NB, 4)
kept = [cell for place, cell in enumerate(before.cells) if place not in DELETE]
assert [c.cell_type for c in kept] == [c.cell_type for c in book.cells]
for old, new in zip(kept, book.cells):
    if old.cell_type == "code":
        assert bare(old) == bare(new)
    else:
        assert old.metadata == new.metadata and old.get("id") == new.get("id")
code = [cell for cell in book.cells if cell.cell_type == "code"]
assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
headings = [[line for c in b if c.cell_type == "markdown" for line in c.source.splitlines() if line.startswith("#")]
            for b in (kept, book.cells)]
assert headings[0] == headings[1]
nbformat.write(book, OUT)
words = [sum(len(c.source.split()) for c in b.cells if c.cell_type == "markdown") for b in (before, book)]
print("words:", *words)
