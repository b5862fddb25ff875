import nbformat, copy
b=nbformat.read('/root/drafts/bert/BERT.ipynb',4)
c=[x for x in b.cells if x.cell_type=='code']
def at(m): 
    k=[i for i,x in enumerate(c) if m in x.source]; assert len(k)==1,(m,k); return k[0]
main=at('bert, main_runs = pretrain'); st=at('class Slices'); plot=at('def plot_starts')
ab=at('s, little, little_runs'); nx=at('def next_word_step'); meas=at('def measure(model, loader)')
mean=at('class MeanClassifier'); task=at('class Task:'); tune=at('def tune_all'); o1=at('def exchanged'); o2=at('def order_accuracy'); o3=at('def usual')
o4=at('def by_counts') if o3!=at('def by_counts') else o3
s1=at('TEXTS = {"ours"'); s2=at('sentiment = Task(')
pre=c[:main+1]
def write(cells,name):
    A=copy.copy(b); A.cells=cells; nbformat.write(A,name); print(name,[x.source.splitlines()[0][:40] for x in cells[main:]])
alone=copy.deepcopy(c[main]); k=alone.source.index('set_seed(SEED)\nbert, main_runs'); alone.source=alone.source[:k]+'bert = build(knobs["main"]).to(device)\n'
def only(which):
    t=copy.deepcopy(c[tune]); a='(("pre-trained", bert), ("random weights", None))'
    assert a in t.source; t.source=t.source.replace(a, {"pre":'(("pre-trained", bert),)',"random":'(("random weights", None),)'}[which]); return t
order=[c[o1],c[o2],c[o3]]+([c[o4]] if o4!=o3 else [])
for which, head in (("pre",pre),("random",c[:main]+[alone])):
    t=only(which)
    oo=copy.deepcopy(order); ss=copy.deepcopy(c[s2])
    for x in oo:  # no report with half of the rows
        if 'report(' in x.source: x.source=x.source[:x.source.index('report(')]
    ss.source=ss.source[:ss.source.index('bags = {}')]
    write(head+[c[mean],c[task],t]+oo+[c[s1],ss],f'bert-{which}.ipynb')   # order (30 minutes), then sentiment (65)
st2=copy.deepcopy(c[st])
write(c[:main]+[alone,c[meas],c[ab]],'bert-little.ipynb')   # two networks, two seeds
write(c[:main]+[alone,c[st]],'bert-starts.ipynb')           # two starts, 14 minutes each
