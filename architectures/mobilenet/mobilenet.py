"""MobileNets: convolutions taken apart, for a few million multiply-adds an image.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017:
https://arxiv.org/abs/1704.04861. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018:
https://arxiv.org/abs/1801.04381.

    MobileNetV1(num_classes, width)                     depthwise-separable convolutions (2017, Table 1)
    MobileNetV1(separable=False), (shallow=True)        the paper's controls: standard convolutions, fewer blocks
    MobileNetV2(num_classes, width)                     inverted residuals with linear bottlenecks (2018, Table 2)
    MobileNetV1(10, total_stride=16), MobileNetV2(10, total_stride=8)    for images of 32 pixels
    mobilenet_cifar10()                                 a trained net of half width, from weights/

MobileNetV2's layers carry torchvision's names, so torchvision's `state_dict` loads with `strict=True`.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

import math
from pathlib import Path

import torch
from torch import nn

V1_BLOCKS = (  # output channels and stride of the thirteen blocks after the first convolution (2017, Table 1)
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,  # the shallow net leaves out these five
    *((1024, 2), (1024, 1)),  # the paper prints stride 2 for the last one, but its map keeps its 7x7 positions
)
V2_BLOCKS = (  # expansion t, output channels c, repetitions n, stride s of the first (2018, Table 2)
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


def conv_bn(in_channels, out_channels, kernel_size, stride=1, groups=1, activation=nn.ReLU):
    """A convolution, batch norm and an activation: (B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).

    With `groups=in_channels` it is depthwise: each channel has a kernel of its own and sees no other channel.
    """
    conv = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), activation(inplace=True))


class DepthwiseSeparable(nn.Sequential):
    """A depthwise 3x3 convolution, then a pointwise 1x1, each with batch norm and ReLU (2017, Fig. 3, right).

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)), for 1 / out_channels + 1 / 9 of
    the multiply-adds of a standard 3x3 convolution (2017, section 3.1).
    """

    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.depthwise = conv_bn(in_channels, in_channels, 3, stride, groups=in_channels)
        self.pointwise = conv_bn(in_channels, out_channels, 1)


class MobileNetV1(nn.Module):
    """MobileNet of 2017: a 3x3 convolution, thirteen depthwise-separable blocks, average pooling, one linear layer.

    num_classes   size of the output: images (B, 3, H, W) -> logits (B, num_classes)
    width         the width multiplier α: every layer has α times as many channels, rounded down
    separable     False: standard 3x3 convolutions in place of the blocks (2017, Table 4: 29.3 million parameters)
    shallow       True: without the five blocks of 512 channels (2017, Table 5)
    total_stride  how many times smaller the last feature map is than the image: 32 as in the paper, or 16, 8, 4, 2, 1
                  for small images. The first convolution of stride 2 gives its stride up, then the next one, …

    4,231,976 parameters and 568,740,352 multiply-adds at 224 pixels; with 10 classes and `total_stride=16` 3,217,226
    and 46,354,432 at 32 pixels. Raises ValueError for a width that leaves a layer without channels, an unknown
    total stride, and in `forward` for images that are not (B, 3, H, W) or smaller than the total stride.
    """

    def __init__(self, num_classes=1000, width=1.0, separable=True, shallow=False, total_stride=32):
        super().__init__()
        self.total_stride = total_stride
        blocks = V1_BLOCKS[:6] + V1_BLOCKS[11:] if shallow else V1_BLOCKS
        strides = reduced_strides([2, *(stride for _, stride in blocks)], total_stride)
        channels = [scaled(number, width) for number in (32, *(out for out, _ in blocks))]
        layers = [conv_bn(3, channels[0], 3, strides[0])]
        for in_channels, out_channels, stride in zip(channels, channels[1:], strides[1:]):
            if separable:
                layers.append(DepthwiseSeparable(in_channels, out_channels, stride))
            else:
                layers.append(conv_bn(in_channels, out_channels, 3, stride))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels[-1], num_classes)
        self.apply(init_weights)

    def forward(self, x):
        check_images(x, self.total_stride)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter by a depthwise 3x3, project by 1x1; the shortcut joins the two thin ends (2018, Fig. 3).

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)). With expansion 1 there is no
    first 1x1. Input and output are added where they have the same shape and `residual` is set. `linear=False` puts a
    ReLU6 after the projection: the paper's control (2018, Fig. 6a).
    """

    def __init__(self, in_channels, out_channels, stride=1, expansion=6, linear=True, residual=True):
        super().__init__()
        hidden = in_channels * expansion
        self.residual = residual and stride == 1 and in_channels == out_channels
        layers = [conv_bn(in_channels, hidden, 1, activation=nn.ReLU6)] if expansion != 1 else []
        layers.append(conv_bn(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6))
        layers += [nn.Conv2d(hidden, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)]
        layers += [] if linear else [nn.ReLU6(inplace=True)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNet of 2018: a 3x3 convolution, seventeen inverted residuals, a 1x1 to 1280, average pooling, one linear.

    num_classes   size of the output: images (B, 3, H, W) -> logits (B, num_classes)
    width         the width multiplier; channels are rounded to multiples of 8, and the last 1280 only grow
    linear        False: a ReLU6 after each projection as well
    residual      False: no shortcuts
    total_stride  as in MobileNetV1
    dropout       its probability, before the last layer

    3,504,872 parameters and 300,774,272 multiply-adds at 224 pixels. Raises ValueError for a width that leaves
    a layer without channels, an unknown total stride, and in `forward` for images that are not (B, 3, H, W) or smaller
    than the total stride.
    """

    def __init__(self, num_classes=1000, width=1.0, linear=True, residual=True, total_stride=32, dropout=0.2):
        super().__init__()
        self.total_stride = total_stride
        firsts = reduced_strides([2, *(stride for *_, stride in V2_BLOCKS)], total_stride)
        channels, last = scaled(32, width, 8), scaled(1280, max(1.0, width), 8)
        layers = [conv_bn(3, channels, 3, firsts[0], activation=nn.ReLU6)]
        for (expansion, out, repetitions, _), first in zip(V2_BLOCKS, firsts[1:]):
            out = scaled(out, width, 8)
            for stride in (first, *(1,) * (repetitions - 1)):
                layers.append(InvertedResidual(channels, out, stride, expansion, linear, residual))
                channels = out
        layers.append(conv_bn(channels, last, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, num_classes))
        self.apply(init_weights)

    def forward(self, x):
        check_images(x, self.total_stride)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def scaled(channels, width, multiple=1):
    """`width` times `channels`: rounded down, or to the nearest multiple of 8 (at least 8, never under 90 %).

    Raises ValueError where nothing is left.
    """
    if not math.isfinite(width) or width <= 0 or int(width * channels) < 1:
        raise ValueError(f"width is {width}, which leaves {channels} channels none; expected more, such as 0.25 or 1.0")
    if multiple == 1:
        return int(width * channels)
    rounded = max(multiple, int(width * channels + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * width * channels else rounded


def reduced_strides(strides, total_stride):
    """`strides` with the first twos made ones, until their product is `total_stride`. Raises ValueError for others."""
    possible = [2**i for i in range(strides.count(2), -1, -1)]
    if total_stride not in possible:
        raise ValueError(f"total_stride is {total_stride}; expected one of {', '.join(map(str, possible))}")
    strides, product = list(strides), possible[0]
    while product > total_stride:
        strides[strides.index(2)] = 1
        product //= 2
    return strides


def check_images(x, min_size):
    """Raise ValueError unless x is (B, 3, H, W) with sides of at least `min_size` pixels."""
    if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < min_size:
        raise ValueError(
            f"input has shape {tuple(x.shape)}; expected (B, 3, H, W) with H and W of at least {min_size} pixels"
        )


def init_weights(module):
    """He initialisation of convolutions, N(0, 0.01²) for the linear layer; batch norm keeps torch's default.

    The papers do not say how they start. `fan_out` counts a depthwise convolution's groups as torch does: its kernels
    begin smaller than by their own nine inputs, which the batch norm behind them makes up for.
    """
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def mobilenet_cifar10():
    """A MobileNet trained on CIFAR-10 by MobileNet.ipynb, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each. `about["net"]` are its arguments.
    Raises FileNotFoundError where the file weights/mobilenet_cifar10.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "mobilenet_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = MobileNetV1(**about["net"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
