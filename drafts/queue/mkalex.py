import nbformat, copy
b=nbformat.read('/root/drafts/alexnet2/AlexNet.ipynb',4); C=b.cells
def w(ix,name):
    A=copy.copy(b); A.cells=[C[i] for i in ix]; assert all(c.cell_type=='code' for c in A.cells); nbformat.write(A,name)
    for i in ix: print(name,i,C[i].source[:70].replace('\n',' / '))
w((1,2,5,9,12,29,34,35),'alex-main.ipynb')
w((1,2,5,9,34,40,43,44,46,47,48),'alex-race.ipynb')
for i in (35,46,47,48): print('=====',i); print(C[i].source)
