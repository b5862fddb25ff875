s=open('build.py').read()
n0=len(s.split())
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:80]); s=s.replace(a,b)
sub(" On SST-2, a sentiment task, the three are close (92.7, 92.6, 92.1).","")
sub("In the figure, *the* allows almost any word after it, and before *actors* the likeliest word is *the*, with a third of the probability. The gap in *the ___ actors* leaves words such as *other*, *two* and *supporting*. A left-to-right model never sees the second half of this evidence.","In the figure, the gap in *the ___ actors* leaves words such as *other*, *two* and *supporting*. A left-to-right model never sees the second half of this evidence.")
sub("All are asked for the same words, without those next to [CLS] or [SEP], where the counts have no history. This comparison favours the counts: they see the true neighbours, while BERT sees a [MASK] wherever a neighbour was selected too. The next section compares them on texts with one gap.","All predict the same words; those next to [CLS] or [SEP] are left out. This comparison favours the counts: they see the true neighbours, while BERT sees a [MASK] wherever a neighbour was selected too. The next section compares them on texts with one gap.")
sub(" (The dashed lines are the counts on the validation texts of stage 2. Unlike the curves, they leave out words next to [CLS] and [SEP].)"," (The dashed lines show the counts on the validation texts of stage 2.)")
sub(" For the film *by steven spielberg*, *directed* fell from 19 % after stage 1 to 12 %, behind *created*.","")
sub("| Masking | 15 %, 80/10/10, with NSP | stage 1: 30 %, no NSP; stage 2 as in the paper |\n| Masks | ten sets, drawn beforehand (published code) | new ones in each epoch |\n","| Masking | 15 %, 80/10/10, with NSP; ten sets of masks (published code) | stage 1: 30 %, no NSP; stage 2 as in the paper; new masks in each epoch |\n")
sub("Before we build a network, counted *bigrams* (pairs of neighbouring tokens) can tell us how much each side of a gap is worth. The counts, smoothed for pairs that are rare or missing, give us","Counted *bigrams* (pairs of neighbouring tokens) can tell us how much each side of a gap is worth. Smoothed for rare pairs, they give us")
sub("We measure the accuracy and the **perplexity**, which is $e^{\\text{loss}}$: a perplexity of 100 means as much uncertainty as a fair choice among 100 words.","We measure the accuracy and the **perplexity**, $e^{\\text{loss}}$: a perplexity of 100 is the uncertainty of a fair choice among 100 words.")
sub("The network has never practised with one side only, so this shows what *this* network uses and not how good a left-to-right model could be.","This shows what *this* network uses and not how good a left-to-right model could be.")
sub("What does the network put into a blank while it learns? We compare random weights, some epochs of stage 1, and the end.","What does the network put into a blank while it learns?")
sub("A BERT","A BERT") if False else None
open('build.py','w').write(s); print(n0-len(s.split()))
