import nbformat, copy
b=nbformat.read('/root/drafts/attention2/Attention.ipynb',4); C=b.cells
print(len(C))
def code(i): return C[i].cell_type=="code"
def write(cells,name):
    A=copy.copy(b); A.cells=cells; nbformat.write(A,name)
    for x in cells: print("   ",x.source.splitlines()[0][:90])
for i in (4,76,82,84,88,98): print(i,C[i].cell_type,'\n',C[i].source,'\n')
def cut(i):
    x=copy.deepcopy(C[i]); return x
A=[C[1],C[2]]
c4=cut(4); c4.source=c4.source[:c4.source.index("with torch.device")]; A.append(c4)
A+=[C[i] for i in (14,22,32,33,38,42,43,47,58,61,73,75)]
A+=[C[i] for i in (62,64,66,67)]
c76=cut(76); c76.source=c76.source[:c76.source.index("src, _ = batch_of")]; A+=[c76,C[82],C[84],C[88]]
assert all(x.cell_type=="code" for x in A)
print("A"); write(A,'att-A.ipynb')
B=[c for c in C[1:81] if c.cell_type=="code"]+[c for c in C[103:119] if c.cell_type=="code"]
c88=cut(88); c88.source=c88.source[:c88.source.index("trained = [")]
B+=[C[82],C[84],c88,C[98]]
print("B"); write(B,'att-B.ipynb')
