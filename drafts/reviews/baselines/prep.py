import time, pickle, sys
t=time.process_time()
from architectures.bert.reviews import load_reviews
from architectures.bert.wordpiece import WordPiece
r=load_reviews()
enc=WordPiece.train([s for x in r.train for s in x.sentences],8000)
print("train",time.process_time()-t)
docs={p:[[enc.encode(s) for s in x.sentences] for x in getattr(r,p)] for p in ("train","val","test")}
enc.save("/tmp/rd_base/s/vocab.txt")
pickle.dump((docs,enc.pieces,{p:[x.label for x in getattr(r,p)] for p in docs},{p:[" ".join(x.sentences).split() for x in getattr(r,p)] for p in docs}),open("/tmp/rd_base/s/docs.pkl","wb"))
print(len(enc),time.process_time()-t)
