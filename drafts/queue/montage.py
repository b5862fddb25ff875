import sys
from PIL import Image
out,*fs=sys.argv[1:]
ims=[Image.open(f).convert('RGB') for f in fs]
cols=[[],[]]; h=[0,0]
for im in ims:
    k=0 if h[0]<=h[1] else 1
    cols[k].append(im); h[k]+=im.height+12
w=[max([i.width for i in c] or [0]) for c in cols]
c=Image.new('RGB',(w[0]+w[1]+12,max(h)),(200,200,200))
for k in (0,1):
    y=0
    for im in cols[k]: c.paste(im,((w[0]+12)*k,y)); y+=im.height+12
c.save(out)
