import nbformat, copy
b=nbformat.read('/root/drafts/transformer/Transformer.ipynb',4)
c=b.cells
for i in (15,43,52,59): print('####',i); pass
A=copy.copy(b); A.cells=[c[i] for i in (1,2,4,6,8,15,24,26,28,30,32,34,36,37,39,41,43) if c[i].cell_type=='code']
nbformat.write(A,'vit-main.ipynb')
R=copy.copy(b); R.cells=[c[i] for i in (1,2,4,6,8,10,13,15,17,18,20,22,24,26,28,30,32,34)]
m=copy.deepcopy(c[43]); m.source='\n'.join(l for l in m.source.splitlines() if not l.startswith(('main', 'plot_histories')))
s0=copy.deepcopy(c[47]); s0.source=c[47].source.splitlines()[0]; R.cells+=[m,s0,c[52],c[53],c[59]]
nbformat.write(R,'vit-rest.ipynb')
