import nbformat, copy
b=nbformat.read('/root/drafts/gpt/GPT.ipynb',4); c=b.cells
def at(m): 
    r=[x for x in c if x.cell_type=='code' and m in x.source]; assert len(r)==1,(m,len(r)); return copy.deepcopy(r[0])
pre=[at('# Setup:'),at('import bisect'),at('text = load_toy_play() if'),at('V = len(characters)'),at('# sizes: layers, width'),at('def next_token('),at('def train(name, model'),]
nt=[x for x in pre if 'def next_token(' in x.source][0]; nt.source=nt.source[:nt.source.index('def memorise')]
b33=at('def keep_diary('); s=b33.source; b33.source=s[:s.index('size, epochs = knobs["sizes"][-1]')]
sz=lambda i: nbformat.v4.new_code_cell(f"for size in [knobs['sizes'][i] for i in {i}]:\n    set_seed(SEED)\n    layers, width, _, _, rate = size\n    train(f'size-{{layers}}x{{width}}', build(size), knobs['epochs'], rate)")
m=nbformat.v4.new_code_cell("middle = knobs['sizes'][1]\nset_seed(SEED)\ntrain('shorter', build(middle), knobs['fewer'], middle[-1])")
t=at('tokenizer = BytePairEncoder.train'); s=t.source; t.source=s[:s.index('def bits_per_byte')]
A=copy.copy(b); A.cells=pre+[b33,sz([2])]; nbformat.write(A,'gpt-b.ipynb')
B=copy.copy(b); B.cells=pre+[b33,sz([1]),m,t,sz([0])]; nbformat.write(B,'gpt-a.ipynb')
