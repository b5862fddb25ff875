import nbformat, copy
b=nbformat.read('/root/drafts/resnetuse2/ResNet.ipynb',4)
A=copy.copy(b); A.cells=[b.cells[i] for i in (1,2,4,6,10,15,17,19,21,23,24,26,28)]; nbformat.write(A,'resnetuse.ipynb')
print([c.source.splitlines()[0][:50] for c in A.cells])
