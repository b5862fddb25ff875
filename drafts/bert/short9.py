s=open('build.py').read()
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:80]); s=s.replace(a,b)
sub(" In the paper, with far more training, the rules differ little.","")
sub(" Head 0 mostly looks two places to the right. In head 1 most visible words look at themselves, but the [MASK] looks at *falls*, the word that calls for *love*. In layer 2, heads 1 and 2 look at the neighbours again, and in head 0 the [MASK] looks at *falls* again. This is one sentence, chosen by us."," In head 1 most visible words look at themselves, but the [MASK] looks at *falls*, the word that calls for *love*; in layer 2, head 0 does the same. (This is one sentence, chosen by us.)")
sub("You can skip the table now: each setting is explained where we use it.","You can skip the table now; we explain each setting where we use it.")
sub(" The project's tests compare this tokeniser with Hugging Face's.","")
sub("The paper rounds the parameter counts to 110 and 340 million. The project's tests also compare all hidden states and both losses with Hugging Face's BERT.","The paper rounds the parameter counts to 110 and 340 million. The project's tests compare the tokeniser, all hidden states and both losses with Hugging Face's.")
sub("Now we build our own network. Its weights start differently from the paper's, for reasons that the next section gives. The diagram shows the size of what each part returns.","Now we build our own network; the next section says why its weights start differently. The diagram shows the size of what each part returns.")
sub("Before we build a network, counted *bigrams*","Before we build a network, counted *bigrams*")
sub("With fewer than 1,400 labels, each seed draws other examples, the same for all competitors, so the spread contains the luck of the draw. All seeds share one pre-training (n = 1).","With fewer than 1,400 labels, each seed draws other examples, the same for all ways. All seeds share one pre-training (n = 1), which has read the 1,400 training reviews without their labels.")
open('build.py','w').write(s)
