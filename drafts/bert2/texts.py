import sys; sys.path.insert(0,'/root/queue')
from edit_nb import edit
P='/work/main/architectures/bert/BERT.ipynb'
edit(P,[
(0,"bigram counts, which see one token on each side, fill 28.6 %.","counts, which see two tokens on each side, fill as many (40.2 %) but are less sure: their perplexity is 36.7, BERT's 29.6."),
(47,"**BERT beats the counts at masked words.** (The table counts the epochs and minutes of stage 2 alone.) On the test documents it has an accuracy of 35.0 % and a perplexity of 42.1; the bigrams of both sides have 28.4 % and 56.4 (n = 1).",
"**At masked words BERT beats the bigrams of both sides, but not counts that see two words on each side.** (The table counts the epochs and minutes of stage 2 alone.) On the test documents it has an accuracy of 35.0 % and a perplexity of 42.1; the bigrams of both sides have 28.4 % and 56.4 (n = 1). Trigrams of both sides weigh each candidate by all three trigrams that it would be part of. The last cell asks them for a part of the words: 38.4 % and 39.5. But the counts see the true neighbours, where BERT often sees a [MASK]; below, with one gap in each text, both see the same neighbours."),
(50,"the bigrams have 55.9 and 28.6 %.","the bigrams have 55.9 and 28.6 %. Trigrams of both sides, with two words on each, name as many (40.2 %), but their perplexity is higher (36.7): **from a million words, counting short sequences gets almost as far.**"),
(62,"A single threshold on the probabilities of the pre-trained network reaches 65.9 % with 200 labels, one on bigram counts 60.5 %.",
"A single threshold on the probabilities of the pre-trained network reaches 65.9 % with 200 labels, one on bigram counts 60.5 %.\n\n**Counts that know how the sentences were made do far better.** If a sentence was exchanged, exchanging the same words again makes it more probable. The last cell looks for the exchange that helps most by bigram counts, and puts the threshold there: 84.0 % with 50 labels and 84.5 % with 1,400. So the network lacks not information but a way to use it: nothing tells it that one exchange is all there is. This experiment shows what pre-training adds to fine-tuning, not that a network is needed here."),
])
