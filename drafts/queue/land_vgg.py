"""land_vgg.py [write]: VGG's second edition: markers, KEPT, docstrings, reading.toml; copies notebook and README. The EfficientNet row is done by eff_part.py."""
import sys, shutil
W = '/work/main/'; write = len(sys.argv) > 1
def edit(path, *pairs):
    s = open(W + path).read()
    for a, b in pairs:
        assert s.count(a) == 1, (path, s.count(a), a[:70]); s = s.replace(a, b)
    if write: open(W + path, 'w').write(s)
edit('architectures/vgg/vgg.py', ("a trained narrow VGG-16; its weights are not in the repository yet", "a trained, pruned VGG-16; its weights are in weights/"),
     ("Raises FileNotFoundError as long as the file weights/vgg16_cifar10.pt is not in the repository.", "Raises FileNotFoundError where the file weights/vgg16_cifar10.pt beside this one is missing."))
edit('README.md', ("CIFAR-10, a quarter of the width: <!-- result: architectures/vgg D (VGG-16) with batch norm, a quarter of the width -->", "CIFAR-10, half the width: <!-- result: architectures/vgg VGG-16 with batch norm, half the width -->"))
edit('architectures/README.md', ("CIFAR-10, a quarter of the width, 8 epochs: test error <!-- result: vgg D (VGG-16) with batch norm, a quarter of the width -->", "CIFAR-10, half the width, 42 epochs: test error <!-- result: vgg VGG-16 with batch norm, half the width -->"))
toml = open(W + 'docs/site/reading.toml').read()
edit('docs/site/reading.toml', (', "VGG: Exercises"] }', '] }') if 'classifiers halfway' in toml else ('"Adam" = { in = ["VGG: Exercises"] }\n', ''), ('"ResNet: The block", "VGG: Part by part"', '"ResNet: The block", "VGG: Why deep networks did not start to learn"'))
edit('tools/weights.py', ('    "YOLO/yolo-weights.pt"', '    "VGG/vgg16-weights.pt": "architectures/vgg/weights/vgg16_cifar10.pt",\n    "YOLO/yolo-weights.pt"'))
if write:
    for f in ('VGG.ipynb', 'README.md'): shutil.copy('/root/drafts/vgg2/' + f, W + 'architectures/vgg/' + f)
