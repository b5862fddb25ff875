"""Residual networks: He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

Paper: https://arxiv.org/abs/1512.03385

    resnet18, resnet34, resnet50, resnet101, resnet152    the ImageNet nets of Table 1
    plain18, plain34                                      the same nets without shortcuts (section 4.1)
    cifar_resnet(depth)                                   the CIFAR-10 nets of 6n + 2 layers (section 4.2)
    resnet20_cifar10()                                    a trained ResNet-20, kept beside this file
    from_akamaster(checkpoint)                            published weights of the CIFAR nets, under our names

Layers carry torchvision's names, so torchvision's `state_dict` of the five ImageNet nets loads with `strict=True`.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

SHORTCUTS = ("A", "B", "C", None)


class ZeroPadShortcut(nn.Module):
    """Option A of section 4.1: the identity, subsampled by `stride`, with zeros as the new channels.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)), without parameters. The paper
    does not say where the zeros go; here half of them stand before the old channels and half after.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.stride = stride
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before

    def forward(self, x):
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, self.before, self.after))

    def extra_repr(self):
        return f"stride={self.stride}, zeros_before={self.before}, zeros_after={self.after}"


def make_shortcut(option, in_channels, out_channels, stride):
    """What carries x around a block: option "A", "B" or "C" of section 4.1; None where that is x itself."""
    same_shape = stride == 1 and in_channels == out_channels
    if same_shape and option != "C":
        return None
    if option == "A":
        return ZeroPadShortcut(in_channels, out_channels, stride)
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the shortcut around them (Fig. 5, left): y = relu(F(x) + shortcut(x)).

    (B, in_channels, H, W) -> (B, channels, ceil(H / stride), ceil(W / stride)). Equations 1 and 2; with
    `shortcut=None` the block is plain: y = relu(F(x)). `stride_in_1x1` is for Bottleneck alone.
    """

    expansion = 1

    def __init__(self, in_channels, channels, stride=1, shortcut="B", stride_in_1x1=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.residual = shortcut is not None
        self.downsample = make_shortcut(shortcut, in_channels, channels, stride) if self.residual else None

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)


class Bottleneck(nn.Module):
    """1x1 down to `channels`, 3x3, 1x1 up to 4 * `channels`, and the shortcut around them (Fig. 5, right).

    (B, in_channels, H, W) -> (B, 4 * channels, ceil(H / stride), ceil(W / stride)). The authors' models stride
    in the first 1x1 (`stride_in_1x1=True`); the default is the 3x3, as in torchvision, which costs more and is more
    accurate.
    """

    expansion = 4

    def __init__(self, in_channels, channels, stride=1, shortcut="B", stride_in_1x1=False):
        super().__init__()
        out_channels = channels * self.expansion
        stride1, stride2 = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = nn.Conv2d(in_channels, channels, kernel_size=1, stride=stride1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, stride=stride2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.residual = shortcut is not None
        self.downsample = make_shortcut(shortcut, in_channels, out_channels, stride) if self.residual else None

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.residual:
            out = out + (x if self.downsample is None else self.downsample(x))
        return self.relu(out)


class ResNet(nn.Module):
    """A stem, stages of residual blocks, global average pooling and one linear layer (Table 1; section 4.2 for CIFAR).

    block          BasicBlock or Bottleneck
    layers         blocks in each stage, such as (3, 4, 6, 3); each stage but the first halves the resolution
    num_classes    size of the output: (B, 3, H, W) images -> (B, num_classes) logits
    widths         channels of each stage, before the block's expansion
    stem           "imagenet": 7x7 convolution, then 3x3 max pooling, each of stride 2; "cifar": one 3x3 convolution
    shortcut       "A": zero padding, no parameters; "B": projection where the shape changes;
                   "C": projection everywhere; None: no shortcut, a plain network
    stride_in_1x1  where a Bottleneck strides: True as in the authors' models, False as in torchvision

    Raises ValueError for an unknown shortcut or stem, for `layers` and `widths` of different lengths, and in
    `forward` for anything but 3-channel images with sides of at least the net's total stride (32 pixels for the
    ImageNet nets, 4 for `cifar_resnet`).
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        widths=(64, 128, 256, 512),
        stem="imagenet",
        shortcut="B",
        stride_in_1x1=False,
    ):
        super().__init__()
        if shortcut not in SHORTCUTS:
            raise ValueError(f'shortcut is {shortcut!r}; expected "A", "B", "C", or None for a plain network')
        if stem not in ("imagenet", "cifar"):
            raise ValueError(f'stem is {stem!r}; expected "imagenet" or "cifar"')
        if len(layers) != len(widths):
            raise ValueError(
                f"layers {tuple(layers)} and widths {tuple(widths)} differ in length; expected one of each a stage"
            )
        channels = widths[0]
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        else:
            self.conv1 = nn.Conv2d(3, channels, kernel_size=3, padding=1, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.stages = [f"layer{i}" for i in range(1, len(layers) + 1)]
        for i, (name, width, depth) in enumerate(zip(self.stages, widths, layers)):
            blocks = []
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                blocks.append(block(channels, width, stride, shortcut, stride_in_1x1))
                channels = width * block.expansion
            self.add_module(name, nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        self.min_size = (4 if stem == "imagenet" else 1) * 2 ** (len(layers) - 1)
        self.apply(init_weights)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.min_size:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; "
                f"expected (B, 3, H, W) with H and W of at least {self.min_size} pixels"
            )
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = getattr(self, name)(x)
        x = self.avgpool(x).flatten(1)  # (B, channels)
        return self.fc(x)


def init_weights(module):
    """He initialisation (He et al. 2015) of a convolution; batch norm and the linear layer keep torch's default."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet18(num_classes=1000, **options):
    """ResNet-18 of Table 1: 11,689,512 parameters. `options` are those of `ResNet`."""
    return ResNet(BasicBlock, (2, 2, 2, 2), num_classes, **options)


def resnet34(num_classes=1000, **options):
    """ResNet-34 of Table 1: 21,797,672 parameters. `options` are those of `ResNet`."""
    return ResNet(BasicBlock, (3, 4, 6, 3), num_classes, **options)


def resnet50(num_classes=1000, **options):
    """ResNet-50 of Table 1: 25,557,032 parameters. `options` are those of `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 6, 3), num_classes, **options)


def resnet101(num_classes=1000, **options):
    """ResNet-101 of Table 1: 44,549,160 parameters. `options` are those of `ResNet`."""
    return ResNet(Bottleneck, (3, 4, 23, 3), num_classes, **options)


def resnet152(num_classes=1000, **options):
    """ResNet-152 of Table 1: 60,192,808 parameters. `options` are those of `ResNet`."""
    return ResNet(Bottleneck, (3, 8, 36, 3), num_classes, **options)


def plain18(num_classes=1000, **options):
    """The 18-layer net without shortcuts of section 4.1: 11,515,688 parameters."""
    return resnet18(num_classes, shortcut=None, **options)


def plain34(num_classes=1000, **options):
    """The 34-layer net without shortcuts of section 4.1: 21,623,848 parameters."""
    return resnet34(num_classes, shortcut=None, **options)


def cifar_resnet(depth, num_classes=10, shortcut="A"):
    """The CIFAR nets of section 4.2: 6n + 2 layers, n blocks each of 16, 32 and 64 channels.

    (B, 3, 32, 32) -> (B, num_classes). The paper's depths are 20, 32, 44, 56, 110 and 1202; `shortcut=None`
    gives its plain nets. Raises ValueError for a depth that is not 6n + 2 with n >= 1.
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ValueError(f"depth is {depth}; expected 6n + 2 with n of 1 or more: 8, 14, 20, 26, 32, …")
    return ResNet(BasicBlock, (n, n, n), num_classes, widths=(16, 32, 64), stem="cifar", shortcut=shortcut)


def resnet20_cifar10():
    """A ResNet-20 trained on CIFAR-10 by `resnet/ResNet.ipynb`, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each.
    """
    path = Path(__file__).with_name("weights") / "resnet20_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = cifar_resnet(20)
    model.load_state_dict(about.pop("model"))
    return model.eval(), about


def from_akamaster(checkpoint):
    """The weights of akamaster/pytorch_resnet_cifar10 under the names that `cifar_resnet` of the same depth has.

    `checkpoint` is what `torch.load` makes of one of its files, or the `state_dict` inside. The "module." in front of
    each key goes, `linear` becomes `fc`, and the projections of its option B, `shortcut`, become `downsample`. Its
    option A puts the zeros where ours does. Images must be normalised as there: mean (0.485, 0.456, 0.406) and
    standard deviation (0.229, 0.224, 0.225). Raises ValueError for weights that have no `linear` layer.
    """
    weights = {key.removeprefix("module."): value for key, value in checkpoint.get("state_dict", checkpoint).items()}
    if "linear.weight" not in weights:
        raise ValueError(f"no key is linear.weight: not akamaster's; the first keys are {list(weights)[:3]}")
    return {k.replace("linear.", "fc.").replace(".shortcut.", ".downsample."): v for k, v in weights.items()}
