"""part_store.py NB FOLDER 'run cells' 'store cells': executes some code cells of a stored notebook, stores the outputs of some; prints old and new text of the others when they differ."""
import sys, subprocess; sys.path.insert(0,'/work/main')
import nbformat
from tools import notebooks
p, folder, run, store = sys.argv[1:5]
subprocess.run([sys.executable,'/root/queue/partial.py',p,folder,'/tmp/part_store.ipynb',run],check=True)
e={c.source:c for c in nbformat.read('/tmp/part_store.ipynb',4).cells}
b=nbformat.read(p,4); text=lambda c: "".join(o.get('text','') for o in c.outputs)
keep={int(x) for x in store.split(',')}; n=0
for i,c in enumerate(b.cells):
    if c.cell_type!='code': continue
    n+=1; c.execution_count=n
    for o in c.outputs:
        if o.output_type=='execute_result': o.execution_count=n
    if c.source not in e: continue
    new=e[c.source]
    if i in keep: print('STORED',i,'\n--old',text(c),'--new',text(new)); c.outputs=new.outputs
    elif text(c).strip()!=text(new).strip(): print('DIFFERS',i,'\n--old',text(c)[:600],'\n--new',text(new)[:600])
notebooks.clean(b); nbformat.write(b,p)
