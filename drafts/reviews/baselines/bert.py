import numpy as np, pickle, random, itertools, collections, math, time
t0=time.process_time()
docs,P,labels,words=pickle.load(open("docs.pkl","rb")); V=8000; SPECIALS=set(P[:5])
flat={p:[[t for s in d for t in s] for d in docs[p]] for p in docs}
T=[np.array(d,np.int64) for d in flat["train"]]
cat=np.concatenate(T)
uni=np.bincount(cat,minlength=V)+0.5; uni=uni/uni.sum()
pk=np.concatenate([d[:-1]*V+d[1:] for d in T]); tk=np.concatenate([(d[:-2]*V+d[1:-1])*V+d[2:] for d in T])
pu,pc=np.unique(pk,return_counts=True); tu,tc=np.unique(tk,return_counts=True)
D=0.75
first=pu//V; seen1=np.bincount(first,weights=pc,minlength=V); ty1=np.bincount(first,minlength=V)
lam1=np.where(seen1>0,D*ty1/np.maximum(seen1,1),1.0)
# pair histories
hk,hty=np.unique(tu//V,return_counts=True); hseen=np.add.reduceat(tc,np.r_[0,np.cumsum(hty)[:-1]])
print("counted",len(pu),len(tu),time.process_time()-t0,flush=True)
bi=dict(zip(pu.tolist(),pc.tolist())); tri=dict(zip(tu.tolist(),tc.tolist())); hist=dict(zip(hk.tolist(),zip(hseen.tolist(),hty.tolist())))
ul,l1l,s1l=uni.tolist(),lam1.tolist(),seen1.tolist()
def p2(a,b):
    c=bi.get(a*V+b,0); return (max(c-D,0)/s1l[a] if s1l[a] else 0)+l1l[a]*ul[b]
def p3(a,b,c):
    h=hist.get(a*V+b)
    if h is None: return p2(b,c)
    n=tri.get((a*V+b)*V+c,0); return max(n-D,0)/h[0]+D*h[1]/h[0]*p2(b,c)
log=math.log
def ordering(part,seed):
    draw,found=random.Random(seed),[]
    sents=[s for d in docs[part] for s in d if 8<=len(s)<=30]
    for s in draw.sample(sents,len(sents)):
        pl=places(s)
        wrong=None
        if pl:
            i=draw.choice(pl); wrong=[*s[:i],s[i+1],s[i],*s[i+2:]]
        if wrong is not None: found.append((wrong,1) if len(found)%2 else (s,0))
    return found
def places(s):
    pieces=[*(P[t] for t in s),""]
    whole=[p.isalpha() and not a.startswith("##") for p,a in zip(pieces,pieces[1:])]
    return [i for i in range(len(s)-1) if whole[i] and whole[i+1] and pieces[i]!=pieces[i+1]]
def lp(s,a,b,order):
    x=0.
    for k in range(max(a,0),min(b,len(s))):
        if k==0: x+=log(ul[s[0]])
        elif k==1 or order==2: x+=log(p2(s[k-1],s[k]))
        else: x+=log(p3(s[k-2],s[k-1],s[k]))
    return x
def scores(s):
    out=[lp(s,1,99,2)/(len(s)-1)]  # notebook's
    out.append(lp(s,1,99,3)/(len(s)-1))
    for order,reach in ((2,3),(3,4)):
        g=[]
        for i in places(s):
            w=[*s[:i],s[i+1],s[i],*s[i+2:]]
            g.append(lp(w,i,i+reach,order)-lp(s,i,i+reach,order))
        out.append(-max(g) if g else 0.)
    return out
held=ordering("val",0); test=ordering("test",0)[:4000]
print(len(test),len(held[1400:]),[" ".join(P[t] for t in s)[:70] for s,_ in test[:2]],flush=True)
known={}
def sc(s):
    k=tuple(s)
    if k not in known: known[k]=scores(s)
    return known[k]
names=("mean log p, bigrams (notebook)","mean log p, trigrams","best exchange, bigrams","best exchange, trigrams")
X=np.array([sc(s) for s,_ in test]); Y=np.array([l for _,l in test])
for j,name in enumerate(names):
    r=[]
    for n,seed in itertools.product((50,200,1400),(0,1,2)):
        t=random.Random(seed).sample(held[:1400],n)
        x=np.array([sc(s)[j] for s,_ in t]); y=np.array([l for _,l in t])
        th=max(x,key=lambda u:((x<=u)==y).mean()); r.append(100*((X[:,j]<=th)==Y).mean())
    th0=100*((X[:,j]<0)==Y).mean()
    print(f"{name}: 50 {np.round(r[:3],1)} 200 {np.round(r[3:6],1)} 1400 {np.round(r[6:],1)}; threshold 0: {th0:.1f}",flush=True)
# logistic regression on the four scores
for n in (50,200,1400):
    r=[]
    for seed in (0,1,2):
        t=random.Random(seed).sample(held[:1400],n); x=np.array([sc(s) for s,_ in t]); y=np.array([l for _,l in t])
        m,sd=x.mean(0),x.std(0); A=np.c_[(x-m)/sd,np.ones(n)]; w=np.zeros(5)
        for _ in range(15):
            q=1/(1+np.exp(-A@w)); w-=np.linalg.solve(A.T@(A*(q*(1-q))[:,None])+0.1*np.eye(5),A.T@(q-y)+0.1*w)
        r.append(100*(((np.c_[(X-m)/sd,np.ones(len(X))]@w)>0)==Y).mean())
    print("logistic regression on these four,",n,np.round(r,1),flush=True)
print("cpu",time.process_time()-t0,flush=True)
# gaps
B=np.zeros((V,V),np.float32); B.ravel()[pu]=pc
sm=np.maximum(seen1,1)[:,None].astype(np.float32)
B-=np.float32(D); np.maximum(B,0,out=B); B/=sm; B+=(lam1[:,None]*uni[None]).astype(np.float32)
BT=np.ascontiguousarray(B.T)
ho=np.argsort(hk%V,kind="stable"); hb=(hk%V)[ho]
def triples(keys):
    i=np.searchsorted(tu,keys); i=np.minimum(i,len(tu)-1); return np.where(tu[i]==keys,tc[i],0)
def gaps(part,number,seed):
    draw=random.Random(seed); half=62; le=[d for d in flat[part] if len(d)>2*half]; out=[]
    for _ in range(number):
        d=draw.choice(le); b=draw.randrange(len(d)-2*half)
        A=d[b:b+half]; C=d[b+half:b+2*half]; k=draw.choice((1,half+2))+draw.randrange(2,half-2)
        row=[2,*A,3,*C,3]; out.append((row[k-2],row[k-1],row[k],row[k+1],row[k+2],row))
    return out
def parts(l2,l1,r1,r2):
    a=B[l1].astype(np.float64).copy(); k=l2*V+l1; i=np.searchsorted(hk,k)
    if i<len(hk) and hk[i]==k:
        a*=D*hty[i]/hseen[i]; lo,hi=np.searchsorted(tu,(k*V,k*V+V)); a[tu[lo:hi]%V]+=(tc[lo:hi]-D)/hseen[i]
    b=BT[r1].astype(np.float64).copy()
    lo,hi=np.searchsorted(hk,(l1*V,l1*V+V)); w=hk[lo:hi]%V
    b[w]=b[w]*D*hty[lo:hi]/hseen[lo:hi]+np.maximum(triples(hk[lo:hi]*V+r1)-D,0)/hseen[lo:hi]
    c=np.full(V,np.float64(B[r1,r2]))
    lo,hi=np.searchsorted(hb,(r1,r1+1)); o=ho[lo:hi]; w=hk[o]//V
    c[w]=c[w]*D*hty[o]/hseen[o]+np.maximum(triples(hk[o]*V+r2)-D,0)/hseen[o]
    return np.log(a),np.log(b),np.log(c)
def run(part,number,seed,weights):
    res=np.zeros((len(weights)+1,2))
    for l2,l1,w,r1,r2,row in gaps(part,number,seed):
        A=parts(l2,l1,r1,r2); q0=np.log(B[l1])+np.log(BT[r1])
        for j,q in enumerate([q0]+[x*A[0]+y*A[1]+z*A[2] for x,y,z in weights]):
            q=q-q.max(); q-=np.log(np.exp(q).sum()); res[j]+=(q.argmax()==w,-q[w])
    return res/number
W=[(1,1,1),(1,1,.9),(.9,.9,.9),(1,.9,.8),(.9,1,.8),(.8,.8,.8),(1,1,0)]
v=run("val",500,1,W)
for j,n in enumerate(["bigrams of both sides"]+W): print("val",n,f"acc {100*v[j,0]:.1f} ppl {math.exp(v[j,1]):.1f}",flush=True)
best=W[int(np.argmin(v[1:,1]))]
t=run("test",2048,0,[(1,1,1),best])
for j,n in enumerate(["bigrams of both sides","trigrams of both sides",f"weights {best}"]): print("test",n,f"acc {100*t[j,0]:.1f} ppl {math.exp(t[j,1]):.1f}",flush=True)
print("cpu",time.process_time()-t0)
