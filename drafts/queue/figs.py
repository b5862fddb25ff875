import nbformat,sys,base64,os
nb,out=sys.argv[1:3]; os.makedirs(out,exist_ok=True)
b=nbformat.read(nb,4)
for i,c in enumerate(b.cells):
    if c.cell_type!='code': continue
    t=''
    for j,o in enumerate(c.outputs):
        if o.output_type=='stream': t+=o.text
        elif 'data' in o:
            if 'image/png' in o.data: open(f'{out}/{i:02}-{j}.png','wb').write(base64.b64decode(o.data['image/png'])); t+=f'[figure {i:02}-{j}.png]\n'
            elif 'text/plain' in o.data: t+=o.data['text/plain']+'\n'
    if t: print(f'## {i}\n{t}')
