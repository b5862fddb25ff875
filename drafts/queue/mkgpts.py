import nbformat, copy
b=nbformat.read('/root/drafts/gpt/GPT.ipynb',4); c=b.cells
def at(m): 
    r=[x for x in c if x.cell_type=='code' and m in x.source]; assert len(r)==1,(m,len(r)); return copy.deepcopy(r[0])
pre=[at('# Setup:'),at('import bisect'),at('text = load_toy_play() if'),at('V = len(characters)'),at('def causal_attention'),at('class OneLayer'),at('# sizes: layers, width'),at('def next_token('),at('def train(name, model'),at('"2-layer GPT"')]
b.cells=pre; nbformat.write(b,'gpt-s.ipynb')
