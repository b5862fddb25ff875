import sys; sys.path.insert(0,"/work/main")
import matplotlib; matplotlib.use("agg"); import matplotlib.pyplot as plt, torch
from attention.packed import load_translator
from architectures.transformer.transformer import greedy_decode
from utils.plotting import plot_attention
from utils.tokens import BOS, EOS, pad_together
net, pieces, about = load_translator("attention/weights/multi30k.pt")
net.eval()
for layer in [*net.encoder, *net.decoder]:
    for m in layer.modules():
        if hasattr(m,"fused"): m.fused=False
s="ein kleines mädchen in einem roten kleid klettert die treppe hinauf."
src=pad_together([[*pieces.encode(s),EOS]])
tgt=greedy_decode(net,src,BOS,EOS)
so_far=torch.cat([torch.full_like(tgt[:,:1],BOS),tgt[:,:-1]],1)
atts=[l.attention for l in net.encoder]
for a in atts: a.keep_weights=True
with torch.no_grad(): net(src,so_far)
seen=[*(p.strip() for p in pieces.pieces(src[0].tolist())),"<eos>"]
seen=[*(p.strip() for p in pieces.pieces(src[0].tolist())),"<eos>"][:src.shape[1]]
print(len(seen),src.shape, seen)
for k,a in enumerate(atts):
    plot_attention(a.weights[0],seen,seen,f"layer {k+1}"); plt.savefig(f"/tmp/h{k}.png",dpi=60); plt.close()
from PIL import Image
ims=[Image.open(f"/tmp/h{k}.png") for k in range(4)]
o=Image.new("RGB",(max(i.width for i in ims),sum(i.height for i in ims)),"white"); y=0
for i in ims: o.paste(i,(0,y)); y+=i.height
o.save("/tmp/heads.png"); print(o.size)
