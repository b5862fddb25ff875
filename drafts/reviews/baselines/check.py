import pickle, random, collections, math, time, itertools
import numpy as np, torch
from functools import partial
t0=time.process_time()
from architectures.bert.baselines import Trigrams
from architectures.bert.bert import corrupt, IGNORED
from architectures.bert.reviews import TextPairs
from architectures.bert.wordpiece import WordPiece, SPECIALS
torch.set_num_threads(1)
documents,P,_,_=pickle.load(open("docs.pkl","rb")); V=8000
encoder=WordPiece(P); flat={p:[[t for s in d for t in s] for d in documents[p]] for p in ("train","test")}
trigrams=Trigrams(flat["train"],V)
print("trigrams",time.process_time()-t0,flush=True)
behind,before=collections.defaultdict(list),collections.defaultdict(list)
for first,second in trigrams.after:
    behind[first].append(second); before[second].append(first)
seen={pair:followers.total() for pair,followers in trigrams.after.items()}
def between(far,left,right,beyond,power=1.0):
    d,second=trigrams.discount,trigrams.bigrams[:,right].tolist()
    third=[trigrams.bigrams[right,beyond].item()]*V
    for p,pairs,places,word in ((second,((left,w) for w in behind[left]),behind[left],right),(third,((w,right) for w in before[right]),before[right],beyond)):
        for w,pair in zip(places,pairs):
            followers=trigrams.after[pair]
            p[w]=p[w]*d*len(followers)/seen[pair]+max(followers.get(word,0)-d,0)/seen[pair]
    p=(trigrams.probabilities(far,left)*torch.tensor(second)*torch.tensor(third)).double()**power
    return p/p.sum()
def by_exchange(sentence):
    s=torch.tensor(sentence); pieces=[*(P[t] for t in sentence),""]
    whole=[p.isalpha() and not a.startswith("##") for p,a in zip(pieces,pieces[1:])]
    rows=[s]
    for i in range(len(s)-1):
        if whole[i] and whole[i+1] and pieces[i]!=pieces[i+1]:
            e=s.clone(); e[i],e[i+1]=s[i+1],s[i]; rows.append(e)
    rows=torch.stack(rows)
    logs=trigrams.unigrams[rows[:,0]].log()+trigrams.bigrams[rows[:,:-1],rows[:,1:]].log().sum(1)
    return (logs[0]-logs[1:].max()).item()
def places(s):
    pieces=[*(P[t] for t in s),""]; whole=[p.isalpha() and not a.startswith("##") for p,a in zip(pieces,pieces[1:])]
    return [i for i in range(len(s)-1) if whole[i] and whole[i+1] and pieces[i]!=pieces[i+1]]
def ordering(part,seed):
    draw,found=random.Random(seed),[]
    sents=[s for d in documents[part] for s in d if 8<=len(s)<=30]
    for s in draw.sample(sents,len(sents)):
        pl=places(s)
        if pl:
            i=draw.choice(pl); wrong=[*s[:i],s[i+1],s[i],*s[i+2:]]
            found.append((wrong,1) if len(found)%2 else (s,0))
    return found
held,test=ordering("val",0)[:1400],ordering("test",0)[:4000]
x=np.array([by_exchange(s) for s,_ in test]); y=np.array([l for _,l in test]); K={tuple(s):by_exchange(s) for s,_ in held}
for n in (50,200,1400):
    r=[]
    for seed in (0,1,2):
        t=random.Random(seed).sample(held,n); a=np.array([K[tuple(s)] for s,_ in t]); b=np.array([l for _,l in t])
        th=max(a,key=lambda u:((a<=u)==b).mean()); r.append(100*((x<=th)==y).mean())
    print("exchange, bigrams",n,np.round(r,1),f"mean {np.mean(r):.1f}",flush=True)
print("no labels",100*((x<0)==y).mean(),"cpu",time.process_time()-t0,flush=True)
ordinary=torch.tensor([n for n,p in enumerate(P) if p not in SPECIALS])
hide=partial(corrupt,mask_token=encoder.mask,replacements=ordinary,rule=(1.0,0.0))
loader=TextPairs(documents["test"],encoder,128,16,"cpu",hide)
R=np.zeros((3,2)); n=0
for tokens,_,_,pos,lab,_ in itertools.islice(loader,16):
    whole=torch.cat([tokens,tokens[:,:1]],1); pl=torch.where(lab!=IGNORED,pos,tokens.shape[1]); whole=whole.scatter(1,pl,lab.clamp(min=0))[:,:-1]
    frame=(whole==encoder.cls)|(whole==encoder.sep)|(whole==encoder.pad)
    near=[frame.gather(1,(pos+s).clamp(0,127)) for s in (-2,-1,1,2)]
    for b,i in ((lab!=IGNORED)&~(near[0]|near[1]|near[2]|near[3])).nonzero().tolist():
        p=pos[b,i].item(); row=whole[b].tolist(); w=row[p]; n+=1
        q=trigrams.bigrams[row[p-1]]*trigrams.bigrams[:,row[p+1]]; q=q/q.sum()
        m=between(row[p-2],row[p-1],row[p+1],row[p+2]); m8=m**0.8; m8=m8/m8.sum()
        for j,z in enumerate((q,m,m8)): R[j]+=(z.argmax().item()==w,-z[w].log().item())
print(n,"selected words of the test loader: bigrams both sides, trigrams both sides, power 0.8:",[(f"{100*a/n:.1f}",f"{math.exp(b/n):.1f}") for a,b in R],"cpu",time.process_time()-t0)
