import nbformat
src='/root/drafts/yolo/YOLO.ipynb'
b=nbformat.read(src,4); code=[c for c in b.cells if c.cell_type=='code']
def upto(marker): 
    return next(i for i,c in enumerate(code) if marker in c.source)
iu=upto("model, run = train(\"main\""); iv=upto("VARIANTS = {")
plain=lambda c: '@styled' in c.source or c.source.startswith(('draw_flow','set_seed(SEED)','widths','images, boxes','for i, own','print('))
pre=[c for c in code[:iu]]
var=code[iv].source
import copy
A=copy.copy(b); 
v1=copy.deepcopy(code[iv]); v1.source=var.replace("for label, (options, seeds) in VARIANTS.items():","for label, (options, seeds) in list(VARIANTS.items())[2:]:")
v2=copy.deepcopy(code[iv]); v2.source=var.replace("for label, (options, seeds) in VARIANTS.items():","for label, (options, seeds) in list(VARIANTS.items())[:2]:")
A.cells=pre+[code[iu],v1]; nbformat.write(A,'yolo-main.ipynb')
B=copy.copy(b); B.cells=pre+[v2]; nbformat.write(B,'yolo-abl.ipynb')
