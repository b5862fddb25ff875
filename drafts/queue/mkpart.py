import nbformat
b=nbformat.read('/root/drafts/bert/BERT.ipynb',4)
drop=('TEXTS = {"ours"','def tune_all','bags = {}','s, little, little_runs','def next_word_step','def plot_sides')
out=[]
for c in b.cells:
    if c.cell_type=='code' and any(d in c.source for d in drop): c.source='print("left out")'
    out.append(c)
b.cells=out; nbformat.write(b,'/tmp/BERT-part.ipynb')
