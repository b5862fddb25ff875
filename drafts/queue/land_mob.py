"""Everything that lands with MobileNet but the notebook itself."""
import re
R='/work/main/'
def sub(path, old, new, n=1):
    s=open(R+path).read(); assert old in s, (path, old[:60]); open(R+path,'w').write(s.replace(old,new,n))
sub('tools/weights.py','    "YOLO/yolo-weights.pt"','    "MobileNet/mobilenet-weights.pt": "architectures/mobilenet/weights/mobilenet_cifar10.pt",\n    "YOLO/yolo-weights.pt"')
sub('architectures/mobilenet/mobilenet.py','a trained net; its weights are not in the repository yet','a trained net of half width, from weights/')
s=open(R+'architectures/mobilenet/mobilenet.py').read()
s=s.replace('    Raises FileNotFoundError where the repository does not hold it, as long as the notebook has not been run.\n','    Raises FileNotFoundError where the file weights/mobilenet_cifar10.pt is missing.\n'); open(R+'architectures/mobilenet/mobilenet.py','w').write(s)
sub('tests/test_checklist.py','"mobilenet", ','')
sub('tests/test_readmes.py','("alexnet", "googlenet", "resnet18"','("alexnet", "googlenet", "mobilenet_v2", "resnet18"')
s=open(R+'architectures/README.md').read()
row=[l for l in s.splitlines() if l.startswith('| [MobileNet]')][0]
badge='[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/YOUR_NAME/deep-learning-papers/blob/main/architectures/mobilenet/MobileNet.ipynb)'
new='| [MobileNet](mobilenet/README.md) V1 and V2 | Howard et al. 2017, Sandler et al. 2018 | a convolution taken apart: filter each channel by itself, then mix the channels | V1: 4,231,976 | CIFAR-10, half of the width, 20 epochs: test accuracy <!-- result: mobilenet MobileNet, width 0.5, total stride 8 -->?<!-- end of result --> % | '+badge+' |'
s=s.replace(row,new); open(R+'architectures/README.md','w').write(s)
s=open(R+'README.md').read()
last=[l for l in s.splitlines() if l.startswith('| [U-Net]')][0]
f='architectures/mobilenet'
new=f'| [MobileNet]({f}/README.md) V1 and V2 | [Howard et al. 2017](https://arxiv.org/abs/1704.04861), [Sandler et al. 2018](https://arxiv.org/abs/1801.04381) | CIFAR-10, half of the width: <!-- result: {f} MobileNet, width 0.5, total stride 8 -->?<!-- end of result --> % test accuracy | <!-- training: {f} -->?<!-- end of training --> | {badge} |'
s=s.replace(last,last+'\n'+new)
s=s.replace('MobileNet, EfficientNet, YOLO, the Vision Transformer','EfficientNet, YOLO, the Vision Transformer')
s=s.replace('architectures/lenet/LeNet.ipynb architectures/resnet/ResNet.ipynb architectures/unet','architectures/lenet/LeNet.ipynb architectures/mobilenet/MobileNet.ipynb architectures/resnet/ResNet.ipynb architectures/unet')
open(R+'README.md','w').write(s)
