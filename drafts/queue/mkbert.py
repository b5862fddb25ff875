import nbformat, copy
b=nbformat.read('/root/drafts/bert/BERT.ipynb',4)
c=[x for x in b.cells if x.cell_type=='code']
i=[k for k,x in enumerate(c) if 'bert, main_runs = pretrain' in x.source][0]
skip=('draw_flow(','def draw_input','@styled\ndef draw_tokens')
main=[x for x in c[:i+1]]
A=copy.copy(b); A.cells=main; nbformat.write(A,'bert-main.ipynb')
print([x.source.splitlines()[0][:60] for x in main])
