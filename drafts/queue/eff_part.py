"""eff_part.py: after a row of EfficientNet's table of the collection has changed: edits cells 2, 63 and 64 (given the flags
inc, vgg, alex), executes the cells that draw that plot (2, then 64 to 66) without any training, and puts their outputs into the
stored notebook. The other cells' stored outputs stay: nothing in them reads what changed."""
import sys, os, json, re
import nbformat
flags = set(sys.argv[1:]); P = '/work/main/architectures/efficientnet/EfficientNet.ipynb'
b = nbformat.read(P, 4); C = b.cells
def sub(i, a, c):
    assert C[i].source.count(a) == 1, (i, a); C[i].source = C[i].source.replace(a, c)
if 'inc' in flags:
    sub(2, "from architectures.inception.inception import MODULES, Conv, InceptionModule", "from architectures.inception.inception import SmallGoogLeNet")
    s = C[64].source; k, e = s.index("def eighth_inception"), s.index("STORED = ["); C[64].source = s[:k] + s[e:]
    sub(64, '"Inception", eighth_inception)', '"Inception", SmallGoogLeNet)'); sub(63, "Inception an eighth", "Inception three eighths")
if 'vgg' in flags:
    sub(64, "def quarter_vgg16():", "def half_vgg16():"); sub(64, 'layer // 4 for', 'layer // 2 for')
    sub(64, '"D (VGG-16) with batch norm, a quarter", quarter_vgg16)', '"VGG-16 with batch norm, half the width", half_vgg16)')
    C[63].source = re.sub(r"VGG-16 has a quarter of its width, Inception (\S+ ?\S*) and MobileNet half\.", r"VGG-16 and MobileNet have half of their width, Inception \1.", C[63].source)
if 'alex' in flags:
    sub(2, "from architectures.alexnet.alexnet import alexnet_cifar", "from architectures.alexnet.alexnet import SmallAlexNet")
    sub(64, '"all of it", alexnet_cifar)', '"AlexNet for 32×32 pixels", SmallAlexNet)')
    sub(63, "VGG-16 and", "AlexNet has half of its kernels, VGG-16 and")
print(C[63].source); print(C[64].source)
old = json.load(open('/work/main/architectures/efficientnet/results/cpu.json'))
os.environ.update(RUN_SCALE='cpu', RESULTS_DIR='/tmp/eff-results'); os.environ.pop('MPLBACKEND', None)
from nbclient import NotebookClient
run = nbformat.v4.new_notebook(metadata=b.metadata)
need = [i for i, c in enumerate(C) if c.cell_type == 'code' and i < 64 and re.search(r"^(def macs|def build|pixels\b|epochs\b|.*\bpixels\s*=|.*\bepochs\s*=)", c.source, re.M)]
print('cells that define macs, build, pixels, epochs:', need, [C[i].source[:60] for i in need])
json.dump(need, open('/tmp/eff-need.json', 'w'))
if '--run' in flags:
    ix = [int(x) for x in os.environ['CELLS'].split(',')]
    run.cells = [nbformat.v4.new_code_cell(C[i].source) for i in ix] + [nbformat.v4.new_code_cell(open('/tmp/extra.py').read())] + [nbformat.v4.new_code_cell(C[i].source) for i in (64, 65, 66)]
    NotebookClient(run, timeout=600, kernel_name='python3', resources={"metadata": {"path": "/work/main/architectures/efficientnet"}}).execute()
    for i, c in zip((64, 65, 66), run.cells[-3:]):
        C[i].outputs = c.outputs
        for o in C[i].outputs:
            if 'execution_count' in o: o.execution_count = C[i].execution_count
    sys.path.insert(0, '/work/main')
    from tools import notebooks
    notebooks.clean(b); nbformat.write(b, P)
    print([o.get('text') for i in (64, 65, 66) for o in C[i].outputs])
