s=open('build.py').read()
def sub(a,b):
    global s
    assert s.count(a)==1,(s.count(a),a[:80]); s=s.replace(a,b)
def todo(start,new):
    global s
    assert s.count(start)==1,(s.count(start),start); i=s.index(start); j=s.index('-->',i)+3; s=s[:i]+new+s[j:]
todo('TODO-NUMBERS <!-- TODO-NUMBERS: the gap at each number of labels','''**Pre-training helps most where labels are few.** It adds 8.7 points with 50 labels (70.8 against 62.2 %), 2.5 with 200 (75.6 against 73.1 %) and 2.1 with 1,400 (83.8 against 81.8 %), and it is ahead with each seed. Counted words remain a strong rival: the bag of words has 68.6, 78.2 and 86.3 %. (With 400 test documents, the standard error is about 2 points.)''')
i=s.index('TODO-NUMBERS minutes of training on two cores'); j=s.index('-->',i)+3
s=s[:i]+'''The stored outputs come from scale `cpu`. By the clock, on one thread of an AMD EPYC that other programs shared, the main pre-training took 147 minutes, the others 113, and the fine-tunings in the tables 66; most of the search for learning rates comes on top.'''+s[j:]
sub("although it fits most of its training sentences.","although with 50 and 200 labels it fits most of its training sentences.")
open('build.py','w').write(s)
