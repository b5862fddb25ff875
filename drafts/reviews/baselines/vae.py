import numpy as np, time
from PIL import Image, ImageDraw, ImageFont
t0=time.process_time(); rng=np.random.default_rng(0)
R="/work/main/data/MNIST/raw/"
im=lambda f: np.frombuffer(open(R+f,"rb").read(),np.uint8,offset=16).reshape(-1,784)
X=im("train-images-idx3-ubyte")[:55000]; T=im("t10k-images-idx3-ubyte"); L=np.frombuffer(open(R+"t10k-labels-idx1-ubyte","rb").read(),np.uint8,offset=8)
A=(X>rng.integers(0,255,X.shape,dtype=np.uint8)).astype(np.float32); B=(T>rng.integers(0,255,T.shape,dtype=np.uint8)).astype(np.float32)
F="/root/venvs/main/lib/python3.11/site-packages/matplotlib/mpl-data/fonts/ttf/DejaVu"
def glyph(c,face):
    i=Image.new("L",(112,112)); ImageDraw.Draw(i).text((56,56),c,fill=255,font=ImageFont.truetype(F+face+".ttf",96),anchor="mm")
    return np.asarray(i.resize((28,28),Image.Resampling.BOX)).ravel()/255
G=np.stack([glyph(c,f) for f in ("Sans","Sans-Bold","Serif","Serif-Bold","SansMono","SansMono-Bold") for c in "AFKMRVWakmrvw"])
letters=(rng.random(G.shape)<G).astype(np.float32)
dots=np.zeros((200,28,28),np.float32)
for d,(r,c) in zip(dots,rng.integers(4,21,(200,2))): d[r:r+4,c:c+4]=1
dig=B[np.isin(L,[2,3,4,5,7])][:500]
S={"digits":dig,"rotated":dig[:,::-1],"letters":letters,"rotated letters":letters[:,::-1],"dots":dots.reshape(200,-1)}
a=A.sum(1)
def near(x): 
    G=x@A.T; return (x.sum(1)[:,None]+a-2*G).min(1), (G/np.sqrt(np.maximum(x.sum(1),1)[:,None]*a)).max(1)
def auroc(i,o): return ((i[:,None]>o).mean()+.5*(i[:,None]==o).mean())
N={k:near(np.ascontiguousarray(v)) for k,v in S.items()}
for k,(d,c) in N.items(): print(f"{k:16} -Hamming to the nearest training digit: AUROC {auroc(-N['digits'][0],-d):.3f}; cosine {auroc(N['digits'][1],c):.3f}; mean d {d.mean():.1f}",flush=True)
p=(A.mean(0)*55000+1)/(55002); ll={k:(v*np.log(p)+(1-v)*np.log(1-p)).sum(1) for k,v in S.items()}
for k in S: print(f"{k:16} independent pixels {ll[k].mean():.1f} AUROC {auroc(ll['digits'],ll[k]):.3f}")
print("all test, independent pixels", (B*np.log(p)+(1-B)*np.log(1-p)).sum(1).mean(), "cpu",time.process_time()-t0)
