import numpy as np, time
from scipy.linalg import cho_factor, cho_solve
t0=time.process_time()
R="/work/main/data/MNIST/raw/"
def im(f): return np.frombuffer(open(R+f,"rb").read(),np.uint8,offset=16).reshape(-1,784).astype(np.float32)
def lb(f): return np.frombuffer(open(R+f,"rb").read(),np.uint8,offset=8)
X,Y=im("train-images-idx3-ubyte"),lb("train-labels-idx1-ubyte")
T,S=im("t10k-images-idx3-ubyte"),lb("t10k-labels-idx1-ubyte")
for a in (X,T): a/=np.linalg.norm(a,axis=1,keepdims=True)
V,W=X[55000:],Y[55000:]
def fit(n,seed,gs,ls):
    i=np.random.default_rng(seed).permutation(55000)[:n]; A,y=X[i],Y[i]
    G=A@A.T; GV=V@A.T; GT=T@A.T; H=np.eye(10,dtype=np.float32)[y]
    best=None
    for g in gs:
        K,KV=np.exp(g*(G-1)),np.exp(g*(GV-1))
        for l in ls:
            C=cho_solve(cho_factor(K+np.float32(l)*np.eye(n,dtype=np.float32)),H)
            e=100*((KV@C).argmax(1)!=W).mean()
            if best is None or e<best[0]: best=(e,g,l,C)
    e,g,l,C=best
    te=100*((np.exp(g*(GT-1))@C).argmax(1)!=S).mean()
    nn=100*(y[GT.argmax(1)]!=S).mean()
    print(n,seed,f"krr val {e:.2f} test {te:.2f} (g {g}, l {l}); 1-nn cosine test {nn:.2f}; cpu {time.process_time()-t0:.1f}",flush=True)
    return g,l
for s in (0,1,2): g,l=fit(550,s,(4,8,12),(1e-3,1e-2,1e-1))
for s in (0,1): fit(5500,s,(g,),(l,))
