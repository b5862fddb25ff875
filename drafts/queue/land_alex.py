"""land_alex.py [write]: AlexNet's second edition: markers, KEPT, docstrings, reading.toml; copies notebook and README. The EfficientNet row is done by eff_part.py."""
import sys, shutil
W = '/work/main/'; write = len(sys.argv) > 1
def edit(path, *pairs):
    s = open(W + path).read()
    for a, b in pairs:
        assert s.count(a) == 1, (path, s.count(a), a[:70]); s = s.replace(a, b)
    if write: open(W + path, 'w').write(s)
edit('architectures/alexnet/alexnet.py', ("this one, trained on CIFAR-10; its weights are not in the repository yet", "this one, trained on CIFAR-10"),
     ("Raises FileNotFoundError as long as the file weights/small_alexnet_cifar10.pt is not in the\n    repository." if "not in the\n    repository." in open(W+'architectures/alexnet/alexnet.py').read() else "Raises FileNotFoundError as long as the file weights/small_alexnet_cifar10.pt is not in the repository.", "Raises FileNotFoundError where the file weights/small_alexnet_cifar10.pt is missing."))
edit('README.md', ("CIFAR-10, a small form: <!-- result: architectures/alexnet all of it -->", "CIFAR-10, eight layers with half of the kernels: <!-- result: architectures/alexnet AlexNet for 32×32 pixels -->"))
edit('architectures/README.md', ("CIFAR-10, the small form, 7 epochs: test error <!-- result: alexnet all of it -->", "CIFAR-10, half of the kernels, 60 epochs: test error <!-- result: alexnet AlexNet for 32×32 pixels -->"), ("on two graphics cards", "on two GPUs"))
edit('docs/site/reading.toml', ("ReLU, dropout, and two graphics cards", "ReLU, dropout, and two GPUs"))
edit('tools/weights.py', ('    "YOLO/yolo-weights.pt"', '    "AlexNet/alexnet-small-weights.pt": "architectures/alexnet/weights/small_alexnet_cifar10.pt",\n    "YOLO/yolo-weights.pt"'))
if write:
    for f in ('AlexNet.ipynb', 'README.md'): shutil.copy('/root/drafts/alexnet2/' + f, W + 'architectures/alexnet/' + f)
