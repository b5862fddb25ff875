import nbformat, copy
b=nbformat.read('/root/drafts/vgg2/VGG.ipynb',4); C=b.cells
for i in (1,2,5,11,17,19,21,27,40,41): print(i,C[i].cell_type,'|',C[i].source[:60].replace('\n','/'))
print(C[40].source); print(C[41].source)
print('=== 56'); print(C[56].source); 
A=copy.copy(b); A.cells=[C[i] for i in (1,2,5,11,17,19,21,27,40,41)]; nbformat.write(A,'vgg-main.ipynb')
