"""land_inc.py [write]: Inception's second edition into the tree (texts, markers, KEPT, docstrings, tests); the notebook is copied from the draft."""
import sys, shutil
W = '/work/main/'; write = len(sys.argv) > 1
def edit(path, *pairs):
    s = open(W + path).read()
    for a, b in pairs:
        assert s.count(a) == 1, (path, s.count(a), a[:70]); s = s.replace(a, b)
    if write: open(W + path, 'w').write(s)
edit('architectures/inception/inception.py',
     ("this one, trained on CIFAR-10; its weights are not in the repository yet", "this one, trained on CIFAR-10"),
     ("Raises FileNotFoundError as long as the file weights/inception_cifar10.pt is not in the repository.", "Raises FileNotFoundError where the file weights/inception_cifar10.pt is missing."))
edit('tests/test_inception.py',
     ('"""GoogLeNet: the paper\'s counts, torchvision\'s outputs, the heads, shapes and errors."""\n\nimport pytest\n', '"""GoogLeNet: the paper\'s counts, torchvision\'s outputs, the heads, shapes and errors."""\n\nimport matplotlib.pyplot as plt\nimport pytest\n'))
edit('tests/test_inception.py', ('from architectures.inception import inception as I\n', 'from architectures.inception import inception as I\nfrom architectures.inception.drawing import draw_module\n'))
if write:
    open(W + 'tests/test_inception.py', 'a').write('''

@pytest.mark.parametrize(("reduce", "layers", "out"), [(True, 7, 256), (False, 4, 416)])
def test_a_module_is_drawn_from_its_layers(reduce, layers, out):
    draw_module(I.InceptionModule(192, I.MODULES["3a"], reduce=reduce), torch.zeros(1, 192, 7, 7), "3a")
    axis = plt.gcf().axes[0]
    boxes = [patch.get_gid() for patch in axis.patches if (patch.get_gid() or "").startswith("box:")]
    assert len(boxes) == layers + 2  # the input and the output
    assert f"concatenate: {out} channels, 7 × 7" in [text.get_text() for text in axis.texts]
    plt.close()
''')
edit('tools/weights.py', ('    "Transformer/vit-weights.pt"', '    "Inception/inception-weights.pt": "architectures/inception/weights/inception_cifar10.pt",\n    "Transformer/vit-weights.pt"'))
s = open(W + 'tests/test_inception.py').read(); k = [l for l in s.splitlines() if 'architectures.inception' in l]; print(k)
edit('README.md', ("CIFAR-10, an eighth of the width: <!-- result: architectures/inception Inception -->", "CIFAR-10, three eighths of the width: <!-- result: architectures/inception Inception -->"))
edit('architectures/README.md', ("CIFAR-10, an eighth of the width, 4 epochs: test error <!-- result: inception", "CIFAR-10, three eighths of the width, 20 epochs: test error <!-- result: inception"))
edit('docs/site/reading.toml', ('"Adam" = { in = ["Inception: The claim: classifiers halfway", "VGG: Exercises"] }', '"Adam" = { in = ["VGG: Exercises"] }'))
t = open(W + 'tools/weights.py').read(); print(t[t.find('KEPT'):][:900])
