import nbformat, copy
b=nbformat.read('/root/drafts/bert/BERT.ipynb',4)
c=[x for x in b.cells if x.cell_type=='code']
def at(m): 
    k=[i for i,x in enumerate(c) if m in x.source]; assert len(k)==1,(m,k); return k[0]
main=at('bert, main_runs = pretrain'); st=at('class Slices'); plot=at('def plot_starts')
ab=at('s, little, little_runs'); nx=at('def next_word_step'); meas=at('def measure(model, loader)')
sub=at('def subset(n, seed)'); ft=at('TEXTS = {"ours"'); tune=at('def tune_all')
pre=c[:main+1]
def write(cells,name):
    A=copy.copy(b); A.cells=cells; nbformat.write(A,name); print(name,[x.source.splitlines()[0][:40] for x in cells[main:]])
write(pre+[c[st],c[meas],c[ab],c[nx]],'bert-abl.ipynb')   # after main: starts, ablations
r=copy.deepcopy(c[tune]); r.source=r.source.replace('(("pre-trained", bert), ("random weights", None))','(("random weights", None),)')
p=copy.deepcopy(c[tune]); p.source=p.source.replace('(("pre-trained", bert), ("random weights", None))','(("pre-trained", bert),)')
assert r.source!=c[tune].source
write(pre+[c[sub],c[ft],r],'bert-random.ipynb'); write(pre+[c[sub],c[ft],p],'bert-pre.ipynb')
