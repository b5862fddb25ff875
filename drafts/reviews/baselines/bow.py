import numpy as np, time, zipfile, itertools, random, collections
import scipy.sparse as sp
from scipy.optimize import minimize
t0=time.process_time()
folds=[[] for _ in range(10)]
z=zipfile.ZipFile("/work/main/data/movie_reviews/movie_reviews.zip")
for name in sorted(z.namelist()):
    if name.endswith(".txt"):
        _,kind,f=name.split("/"); folds[int(f[2])].append((z.read(name).decode().split(),int(kind=="pos")))
tr,va,te=(list(itertools.chain(*p)) for p in (folds[:7],folds[7:8],folds[8:]))
y=np.array([l for _,l in tr]); yv=np.array([l for _,l in va]); yt=np.array([l for _,l in te])
def sets(ds,big): 
    return [set(w)|(set(zip(w,w[1:])) if big else set()) for w,_ in ds]
def build(big):
    s=[sets(d,big) for d in (tr,va,te)]
    df=collections.Counter(w for x in s[0] for w in x); vocab={w:i for i,w in enumerate([w for w,n in df.items() if n>=2])}
    idf=np.zeros(len(vocab),np.float32)
    for w,i in vocab.items(): idf[i]=np.log(len(tr)/df[w])
    M=[]
    for x in s:
        ind=[[vocab[w] for w in d if w in vocab] for d in x]; ptr=np.cumsum([0]+[len(i) for i in ind])
        M.append(sp.csr_matrix((np.ones(ptr[-1],np.float32),np.concatenate(ind),ptr),shape=(len(x),len(vocab))))
    return M,idf
def norm(X):
    n=np.sqrt(np.asarray(X.multiply(X).sum(1)).ravel()); n[n==0]=1; return (sp.diags(1/n)@X).tocsr()
def lr(X,yy,pen):
    K=(X@X.T).toarray().astype(np.float64); s=2*yy-1.
    def f(p):
        a,b=p[:-1],p[-1]; k=K@a; m=s*(k+b); l=np.logaddexp(0,-m); g=-s/(1+np.exp(m))/len(yy)
        return l.mean()+pen*a@k, np.append(K@g+2*pen*k, g.sum())
    r=minimize(f,np.zeros(len(yy)+1),jac=True,method="L-BFGS-B",options=dict(maxiter=60)); return r.x[:-1],r.x[-1]
def subset(n,seed):
    d=random.Random(seed); sides=([i for i,l in enumerate(y) if l==k] for k in (0,1))
    return [i for s in sides for i in d.sample(s,min(n//2,len(s)))]
uni,idf=build(False)
V={"binary (notebook)":[norm(m) for m in uni],"binary x idf of the 1,400":[norm(m@sp.diags(idf)) for m in uni]}
big,idfb=build(True)
V["idf, words and pairs"]=[norm(m@sp.diags(idfb)) for m in big]
print("built",time.process_time()-t0,flush=True)
for n,seeds in ((50,range(12)),(200,range(6)),(1000,range(3)),(1400,range(1))):
    for name,(A,B,C) in V.items():
        acc,accv=[],[]
        for s in seeds:
            c=subset(n,s); X=A[c]
            if name.startswith("binary (n"):  # words in at least two of these texts
                keep=np.asarray((X>0).sum(0)).ravel()>=2; X=norm(uni[0][c][:,keep]); Bs,Cs=norm(uni[1][:,keep]),norm(uni[2][:,keep])
            else: Bs,Cs=B,C
            a,b=lr(X,y[c],1e-4); w=X.T@a
            acc.append(100*(((Cs@w+b)>0)==yt).mean()); accv.append(100*(((Bs@w+b)>0)==yv).mean())
        print(n,name,"test seeds 0-2",np.round(acc[:3],1),f"mean {np.mean(acc[:3]):.1f}; all {len(acc)} mean {np.mean(acc):.1f}; val {np.mean(accv[:3]):.1f}; cpu {time.process_time()-t0:.1f}",flush=True)
