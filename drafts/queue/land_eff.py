"""Everything that lands with the EfficientNet notebook but the notebook and README themselves."""
R='/work/main/'
def sub(path, old, new, n=1):
    s=open(R+path).read(); assert old in s, (path, old[:60]); open(R+path,'w').write(s.replace(old,new,n))
sub('tools/weights.py','    "MobileNet/mobilenet-weights.pt"','    "EfficientNet/efficientnet-weights.pt": "architectures/efficientnet/weights/efficientnet_cifar10.pt",\n    "MobileNet/mobilenet-weights.pt"')
sub('tests/test_readmes.py','for name in ("alexnet", "googlenet"','for name in ("alexnet", "efficientnet_b0", "googlenet"')
sub('tests/test_checklist.py',', "efficientnet"','')
# docstrings of efficientnet.py: by hand
s=open(R+'architectures/README.md').read()
row=[l for l in s.splitlines() if l.startswith('| [EfficientNet](')][0]
badge='[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/efficientnet/EfficientNet.ipynb)'
ROW='EfficientNet: base scaled together, φ = 2, 26 pixels'
new=f'| [EfficientNet](efficientnet/README.md) | Tan & Le 2019 | depth, width and resolution grow together | B0: 5,288,548 | CIFAR-10, a small base scaled together, 40 epochs: test accuracy <!-- result: efficientnet {ROW} -->?<!-- end of result --> % | {badge} |'
s=s.replace(row,new); open(R+'architectures/README.md','w').write(s)
s=open(R+'README.md').read()
last=[l for l in s.splitlines() if l.startswith('| [MobileNet]')][0]
f='architectures/efficientnet'
new=f'| [EfficientNet]({f}/README.md) | [Tan & Le 2019](https://arxiv.org/abs/1905.11946) | CIFAR-10, 10.6 million multiply-adds: <!-- result: {f} {ROW} -->?<!-- end of result --> % test accuracy | <!-- training: {f} -->?<!-- end of training --> | {badge} |'
s=s.replace(last,last+'\n'+new)
s=s.replace('EfficientNet and BERT are there with their tests; their notebooks are still to come','BERT is there with its tests; its notebook is still to come')
s=s.replace('architectures/alexnet/AlexNet.ipynb ','architectures/alexnet/AlexNet.ipynb architectures/efficientnet/EfficientNet.ipynb ',1)
open(R+'README.md','w').write(s)
