import numpy as np, time, re
from PIL import Image
from scipy import ndimage as nd
t0=time.process_time(); D="/work/main/data/BCCD/"
def load(split,limit=None):
    out=[]
    for n in open(f"{D}ImageSets/Main/{split}.txt").read().split()[:limit]:
        x=np.asarray(Image.open(f"{D}JPEGImages/{n}.jpg").convert("RGB").reduce(2)).astype(np.float32)
        a=open(f"{D}Annotations/{n}.xml").read(); b=[]
        for o in re.findall(r"<object>(.*?)</object>",a,re.S):
            k=re.search(r"<name>(\w+)</name>",o)[1]; b.append((k,[float(re.search(rf"<{t}>(\d+)</{t}>",o)[1]) for t in ("xmin","ymin","xmax","ymax")]))
        out.append((x,b))
    return out
def iou(a,b):
    w=min(a[2],b[2])-max(a[0],b[0]); h=min(a[3],b[3])-max(a[1],b[1]); c=max(w,0)*max(h,0)
    return c/((a[2]-a[0])*(a[3]-a[1])+(b[2]-b[0])*(b[3]-b[1])-c)
def find(x,t,lo,hi,grow):
    f=nd.uniform_filter(x[...,2]-x[...,1],5); m=f>t; m=nd.binary_closing(m,iterations=3); l,n=nd.label(m); out=[]
    if n==0: return out
    area=np.bincount(l.ravel())[1:]
    for i,s in enumerate(nd.find_objects(l)):
        if lo<area[i]<hi:
            y1,y2,x1,x2=s[0].start*2,s[0].stop*2,s[1].start*2,s[1].stop*2; w,h=(x2-x1)*grow,(y2-y1)*grow; cx,cy=(x1+x2)/2,(y1+y2)/2
            out.append((area[i],[max(cx-w/2,1),max(cy-h/2,1),min(cx+w/2,640),min(cy+h/2,480)]))
    return out
def ap(data,k,big,**o):
    det=[];n=0
    for j,(x,b) in enumerate(data):
        g=[q for c,q in b if c==k]; n+=len(g)
        for s,q in find(x,**o): det.append((s if big else s,j,q))
    det.sort(key=lambda d:-d[0]); used=set(); hit=[]
    for s,j,q in det:
        g=[p for c,p in data[j][1] if c==k]; v=[iou(q,p) for p in g]; i=int(np.argmax(v)) if v else -1
        ok=i>=0 and v[i]>=.5 and (j,i) not in used
        if ok: used.add((j,i))
        hit.append(ok)
    if not hit: return 0,0
    c=np.cumsum(hit); p=c/np.arange(1,len(c)+1); r=c/n; e=np.maximum.accumulate(p[::-1])[::-1]
    return float((np.diff(r,prepend=0)*e).sum()), r[-1]
tr=load("train",60)
W={k:np.mean([[ (q[2]-q[0])/640,(q[3]-q[1])/480] for _,b in tr for c,q in b if c==k],0) for k in ("RBC","WBC","Platelets")}
print("mean width, height by class",{k:np.round(v,3) for k,v in W.items()},"cpu",time.process_time()-t0,flush=True)
print("colour B-G: percentiles",np.percentile(np.concatenate([(x[...,2]-x[...,1]).ravel()[::50] for x,_ in tr]),[5,25,50,75,90,95,99]),flush=True)
best={}
for k,lo,hi,big in (("WBC",900,1e6,True),("Platelets",60,700,True)):
    for t in (25,35,45,55):
        for g in (1.0,1.15,1.3,1.5):
            a=ap(tr[:40],k,big,t=t,lo=lo,hi=hi,grow=g)
            if k not in best or a[0]>best[k][0]: best[k]=(*a,dict(t=t,lo=lo,hi=hi,grow=g))
    print(k,best[k],"cpu",time.process_time()-t0,flush=True)
te=load("test")
for k in best: print("test",k,ap(te,k,True,**best[k][2]),"cpu",time.process_time()-t0,flush=True)
