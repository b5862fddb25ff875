s=open('build.py').read()
def todo(start,new):
    global s
    assert s.count(start)==1,(s.count(start),start); i=s.index(start); j=s.index('-->',i)+3; s=s[:i]+new+s[j:]
todo('TODO-NUMBERS <!-- TODO-NUMBERS: one sentence','''In gaps of reviews that it has never seen, it names 40.0 % of the missing words with a perplexity of 29.6; bigram counts, which see one word on each side, have 28.6 % and 55.9. Fine-tuned with 50 labels, it tells positive from negative reviews with 70.8 % accuracy, the same network from random weights with 62.2 % (three seeds, one pre-training).''')
open('build.py','w').write(s)
