s=open('build.py').read()
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:80]); s=s.replace(a,b)
sub("By steps, the left-to-right network is ahead after one epoch only. (It overfits a little: its best loss was 4.82.)","At equal steps, the left-to-right network is ahead after the first epoch (5.23 against 5.27 nats) and behind from the second on. It also overfits: its best validation loss was 4.82, and its last training loss is 3.64.")
sub("*the ___* could be almost anything, *___ actors* mostly follows *the*, and *the ___ actors* leaves words such as *other*, *two* and *supporting*.","*the* allows almost any word after it, and before *actors* the likeliest word is *the*, with a third of the probability. The gap in *the ___ actors* leaves words such as *other*, *two* and *supporting*.")
sub("**With masks, BERT beats the counts, even though they see more.**","**BERT beats the counts, although some of its neighbours are masked and the counts see the true ones.**")
sub("for $n$ occurrences each and $N$ pieces in all: frequent pairs count only as far as they occur more often than by chance. We try both on five words in which *a* and *b* are frequent anyway, while *q* only ever follows *p*.",
"Here $n_{ab}$ counts the pair, $n_a$ and $n_b$ its two parts, and $N$ all pieces of the text. The logarithm compares the pair with what chance would give, so a frequent pair of frequent pieces gains little. We try both on five words in which *a* mostly stands alone, while *p* always comes before *q*.")
sub("with about as many predictions as the masked one, and ask both for the same words. If the second side is worth its price, the masked network is ahead at equal predictions.","with about as many predictions as the masked one, and ask both for the same words. Reading both sides has a price: a text of 32 tokens gives 9 predictions instead of 31. If it is worth paying, the masked network is ahead at equal predictions.")
sub("In the paper, masks only are as good as the mixed rule after fine-tuning on MNLI (84.3 and 84.2), but worse where BERT is frozen and its vectors feed a classifier for named entities (94.0 and 94.9). We pre-train small networks with each rule, and ask them for masked words and for visible ones.","In the paper, masks only are as good as the mixed rule after fine-tuning on MNLI (84.3 against 84.2 with the mixed rule), but worse where BERT is frozen and its vectors feed a classifier for named entities (94.0 against 94.9). We pre-train small networks with each rule. Then we let their MLM heads name words that are masked, and words that are visible.")
sub("Frequent words are one token, rare ones a few. The project's tests","A frequent word becomes one token, a rare word several. The project's tests")
sub("(This choice uses more labels than the smallest training sets.)","(Choosing the learning rate uses more labels than the smallest training sets have.)")
sub("Before any network, bigram counts can tell us how much each side of a gap is worth. The counts, smoothed by absolute discounting, give us","Before we build a network, counted *bigrams* (pairs of neighbouring tokens) can tell us how much each side of a gap is worth. The counts, smoothed for pairs that are rare or missing, give us")
sub("Until a head has learned to look at the neighbouring positions","Until an attention head has learned to look at the neighbouring positions")
sub(" (Reviews of the same film can be in several parts.)","")
sub("We ask the same questions with a million words, two cores and a network of a few million parameters.","We have a million words, two cores and a network of a few million parameters, and ask: what does each side of a gap contribute, what does pre-training add to fine-tuning, and what are the two tricks of the masking good for?")
sub("It falls again in the same steps in which the attention rises: from about step 250 on with our start, from about step 450 on with the paper's (n = 1). After 1,364 steps","The attention rises first, and then the loss falls: after 248 steps of our start, the share is 0.46 and the loss 6.46; the paper's start needs about 500 steps for this (n = 1). After 1,364 steps")
sub("**The baselines are counts**: unigrams, trigrams (two true words to the left), and bigrams of both sides (one true word on each side). All are asked for the same words, without those next to [CLS] or [SEP], where the counts have no history.","## How good is it?\n\nThe baselines are counts: unigrams (the frequency of a word), trigrams (two true words to the left), and bigrams of both sides (one true word on each side). All are asked for the same words, without those next to [CLS] or [SEP], where the counts have no history.")
sub("Stage 2 has to learn its new positions first: the validation loss was 3.69 nats at the end of stage 1, is 4.26 after the first epoch on long texts, and 3.70 at the end. It is still falling, although the training loss (2.93) is far below it. Next sentence prediction stays at guessing for about ten epochs of stage 2.","Stage 2 has to learn its new positions first: after its first epoch, the validation loss is 4.26 nats, at the end 3.70. (Stage 1 ended at 3.69, on shorter texts.) It is still falling, although the training loss, 2.93, is far below it. The validation loss of next sentence prediction hardly leaves guessing for ten epochs of stage 2.")
sub("The dashed lines are counts on the validation texts of stage 2; unlike the curves, they leave out words at the edges.","(The dashed lines are the counts on the validation texts of stage 2. Unlike the curves, they leave out words next to [CLS] and [SEP].)")
sub("**Two heads of layer 1 look at nothing but a neighbour**: head 2 at the next word, head 3 at the word before.","**Two heads of layer 1 look at a neighbour, almost everywhere**: head 2 at the next word, head 3 at the word before.")
sub("it puts *good* (20 %) far before *bad* (2 %).","it puts *good* (20 %) far before *bad* (2 %). For the film *by steven spielberg*, *directed* fell from 19 % after stage 1 to 12 %, behind *created*.")
sub("Afterwards a new classifier replaces both heads,","Afterwards a new classifier replaces both heads (the paper puts it on the pooler; we shall use the mean of all vectors),")
# hyperparameters before WordPiece
i=s.index('md(r"""\nWordPiece merges *pq*'); 
old_h=s[s.index('## Hyperparameters',i):s.index('"""',s.index('## Hyperparameters',i))]
k0=s.index('code(r"""\nMASKS, MIXED'); k1=s.index('""")\n',k0)+5; knobs=s[k0:k1]
s=s[:k0]+s[k1:]
s=s.replace(old_h,'',1)
t=s.index('md(r"""\nNow we train the tokeniser.')
s=s.replace('WordPiece merges *pq* before *ab*, although *ab* occurs nine times and *pq* eight times.\n\n""")\nmd(r"""\nNow we train the tokeniser.','WordPiece merges *pq* before *ab*, although *ab* occurs nine times and *pq* eight times.\n\nNow we train the tokeniser.',1)
w=s.index('md(r"""\n## WordPiece: from text to tokens')
h=old_h.strip()+' You can skip the table now: each setting is explained where we use it.'
s=s[:w]+'md(r"""\n'+h+'\n""")\n'+knobs+s[w:]
open('build.py','w').write(s)
