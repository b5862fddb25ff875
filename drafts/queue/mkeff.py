import nbformat, copy
b=nbformat.read('/root/drafts/efficientnet/EfficientNet.ipynb',4); c=b.cells
pre=[c[i] for i in (1,2,3,5,11,14,17,20,23,28,33,35) ]
A=copy.copy(b); A.cells=pre+[c[i] for i in (39,40)]; nbformat.write(A,'eff-main.ipynb')
R=copy.copy(b); R.cells=pre+[c[39],c[44],c[48],c[54],c[59]]; nbformat.write(R,'eff-rest.ipynb')
b=nbformat.read('/root/drafts/gpt/GPT.ipynb',4); c=b.cells
for i in (39,): print(i)
