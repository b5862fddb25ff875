"""GoogLeNet (Inception v1): Szegedy et al., "Going Deeper with Convolutions", CVPR 2015.

Paper: https://arxiv.org/abs/1409.4842

    InceptionModule          four branches side by side (Fig. 2b), with or without the 1x1 reductions (Fig. 2a)
    GoogLeNet()              the net of Table 1, with its two auxiliary heads
    googlenet_torchvision()  the form that torchvision has: 3x3 in place of 5x5, batch norm, no response normalisation
    googlenet_loss           the main loss and 0.3 of each auxiliary one
    SmallGoogLeNet()         the nine modules with fewer channels, for images of 32 pixels
    inception_cifar10()      this one, trained on CIFAR-10

Layers carry torchvision's names, so torchvision's `state_dict` loads into that form with `strict=True`.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

# Table 1: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection; "pool" is 3x3 max pooling with stride 2.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class Conv(nn.Module):
    """A convolution and a ReLU; with `batch_norm` (ε = 0.001) between them, and then without a bias."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, batch_norm=False):
        super().__init__()
        options = dict(kernel_size=kernel_size, stride=stride, padding=kernel_size // 2, bias=not batch_norm)
        self.conv = nn.Conv2d(in_channels, out_channels, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001) if batch_norm else nn.Identity()

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class InceptionModule(nn.Module):
    """1x1, 3x3 and 5x5 convolutions and 3x3 pooling of one input, their outputs side by side (Fig. 2b).

    (B, in_channels, H, W) -> (B, width of all four branches, H, W). Before the larger convolutions a 1x1 one reduces
    the channels, after the pooling one projects them; with `reduce=False` (Fig. 2a, the naive form) there are neither,
    and the pooling hands on all `in_channels`. `kernel5` is 5, or 3 as in torchvision.
    """

    def __init__(self, in_channels, widths, kernel5=5, batch_norm=False, reduce=True):
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths
        norm = dict(batch_norm=batch_norm)
        self.branch1 = Conv(in_channels, one, 1, **norm)
        self.branch2 = nn.Sequential(
            *([Conv(in_channels, reduce3, 1, **norm)] if reduce else []),
            Conv(reduce3 if reduce else in_channels, three, 3, **norm),
        )
        self.branch3 = nn.Sequential(
            *([Conv(in_channels, reduce5, 1, **norm)] if reduce else []),
            Conv(reduce5 if reduce else in_channels, five, kernel5, **norm),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), *([Conv(in_channels, pooled, 1, **norm)] if reduce else [])
        )
        self.out_channels = one + three + five + (pooled if reduce else in_channels)

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A small classifier halfway, which brings gradients to the early layers in training (section 5).

    (B, C, 14, 14) -> (B, num_classes): 5x5 average pooling with stride 3, 128 1x1 convolutions, 1024 units, dropout.
    Other sizes, and with `adaptive` (torchvision's form) all, are averaged to 4x4 by torch's adaptive pooling.
    """

    def __init__(self, in_channels, num_classes, batch_norm=False, dropout=0.7, adaptive=False):
        super().__init__()
        self.conv = Conv(in_channels, 128, 1, batch_norm=batch_norm)
        self.fc1, self.fc2 = nn.Linear(128 * 4 * 4, 1024), nn.Linear(1024, num_classes)
        self.dropout, self.adaptive = nn.Dropout(dropout), adaptive

    def forward(self, x):
        as_printed = x.shape[2:] == (14, 14) and not self.adaptive
        x = F.avg_pool2d(x, kernel_size=5, stride=3) if as_printed else F.adaptive_avg_pool2d(x, 4)
        x = self.conv(x).flatten(1)  # (B, 128 * 4 * 4)
        return self.fc2(self.dropout(F.relu(self.fc1(x))))


class GoogLeNet(nn.Module):
    """The 22 layers of Table 1: (B, 3, H, W) -> (B, num_classes); while training, with `aux_logits`, a tuple of three:
    the logits, and those of the heads on 4a and 4d.

    `kernel5`, `batch_norm`, `lrn`, `last_pool` (the window of the last max pooling) and `adaptive_heads` tell the
    paper's form (5, False, True, 3, False) from torchvision's (3, True, False, 2, True).
    6,998,552 parameters, 13,378,280 with the auxiliary heads. The first layer is the convolution that Table 1's widths
    describe; its counts there (2.7K, 34M) fit a depthwise separable one. Raises ValueError in `forward` for images that
    are not (B, 3, H, W) or smaller than 32 pixels (30 pixels would not survive the paper's five halvings).
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        kernel5=5,
        batch_norm=False,
        lrn=True,
        last_pool=3,
        adaptive_heads=False,
        dropout=0.4,
        aux_dropout=0.7,
    ):
        super().__init__()
        norm = dict(batch_norm=batch_norm)

        def response_norm():  # AlexNet's; torch divides alpha by the size, the formula does not
            return nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0) if lrn else nn.Identity()

        self.conv1 = Conv(3, 64, 7, stride=2, **norm)
        self.norm1 = response_norm()
        self.conv2, self.conv3 = Conv(64, 64, 1, **norm), Conv(64, 192, 3, **norm)
        self.norm2 = response_norm()
        channels = 192
        for name, widths in MODULES.items():
            module = InceptionModule(channels, widths, kernel5, **norm)
            self.add_module(f"inception{name}", module)
            channels = module.out_channels
            if name in ("4a", "4d") and aux_logits:
                head = AuxiliaryHead(channels, num_classes, dropout=aux_dropout, adaptive=adaptive_heads, **norm)
                self.add_module(f"aux{1 if name == '4a' else 2}", head)
        self.aux_logits, self.last_pool = aux_logits, last_pool
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        self.apply(init_weights)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 32:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; expected (B, 3, H, W) with H and W of at least 32 pixels"
            )
        x = self.norm1(pool(self.conv1(x)))  # (B, 64, H / 4, W / 4)
        x = pool(self.norm2(self.conv3(self.conv2(x))))  # (B, 192, H / 8, W / 8)
        halfway = []
        for name in MODULES:
            x = getattr(self, f"inception{name}")(x)
            if name in ("4a", "4d") and self.aux_logits and self.training:
                halfway.append(getattr(self, f"aux{len(halfway) + 1}")(x))
            if name in ("3b", "4e"):
                x = pool(x, 3 if name == "3b" else self.last_pool)
        logits = self.fc(self.dropout(x.mean((2, 3))))
        return (logits, *halfway) if halfway else logits


def pool(x, size=3):
    """Max pooling with stride 2; what does not divide is kept, as the sizes of Table 1 ask for."""
    return F.max_pool2d(x, kernel_size=size, stride=2, ceil_mode=True)


def init_weights(module):
    """He initialisation of convolutions; the paper does not say how it begins."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def googlenet_loss(outputs, labels, weight=0.3):
    """Cross-entropy plus `weight` of each auxiliary head's (section 5). `outputs`: logits, or a tuple of three."""
    logits, *halfway = outputs if isinstance(outputs, tuple) else (outputs,)
    return F.cross_entropy(logits, labels) + weight * sum(F.cross_entropy(aux, labels) for aux in halfway)


def googlenet_torchvision(num_classes=1000, aux_logits=True):
    """torchvision's form: 6,624,904 parameters, 13,004,888 with the auxiliary heads.

    Its trained weights expect images normalised by mean 0.5 and standard deviation 0.5, which torchvision's own net
    makes of ImageNet's usual normalisation (`transform_input`).
    """
    form = dict(kernel5=3, batch_norm=True, lrn=False, last_pool=2, adaptive_heads=True, dropout=0.2)
    return GoogLeNet(num_classes, aux_logits, **form)


def stack(names, channels, width=1.0, **options):
    """A list of layers: these modules of Table 1 ("3a 3b / 4a"), each of their widths times `width`.

    "/" stands for max pooling that halves height and width. `channels` come in; `options` are InceptionModule's.
    """
    layers = []
    for name in names.split():
        if name == "/":
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
        else:
            layers.append(InceptionModule(channels, [round(width * w) for w in MODULES[name]], **options))
            channels = layers[-1].out_channels
    return layers


class SmallGoogLeNet(nn.Module):
    """GoogLeNet for images of 32 pixels, `width` times as wide: (B, 3, H, W) -> (B, num_classes).

    The nine modules work at 16x16, 8x8 and 4x4 positions, because the stem has 3x3 kernels with stride 1 and one
    pooling. There is no response normalisation and no dropout. While training, with `heads`, the result is a tuple of
    three: the logits, and those of the heads on 4a and 4d. Their widths do not shrink.
    847,642 parameters, 67,875,072 multiply-adds for 32 x 32 pixels. Raises ValueError in `forward` for images that are
    not (B, 3, H, W) or smaller than 8 pixels.
    """

    def __init__(self, num_classes=10, width=3 / 8, batch_norm=True, heads=False):
        super().__init__()
        norm, narrow, wide = dict(batch_norm=batch_norm), round(64 * width), round(192 * width)
        self.stem = nn.Sequential(
            Conv(3, narrow, 3, **norm),
            Conv(narrow, narrow, 1, **norm),
            Conv(narrow, wide, 3, **norm),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
        )
        self.early = nn.Sequential(*stack("3a 3b / 4a", wide, width, **norm))
        self.middle = nn.Sequential(*stack("4b 4c 4d", self.early[-1].out_channels, width, **norm))
        self.late = nn.Sequential(*stack("4e / 5a 5b", self.middle[-1].out_channels, width, **norm))
        self.fc = nn.Linear(self.late[-1].out_channels, num_classes)
        self.aux1 = AuxiliaryHead(self.early[-1].out_channels, num_classes, **norm) if heads else None
        self.aux2 = AuxiliaryHead(self.middle[-1].out_channels, num_classes, **norm) if heads else None
        self.apply(init_weights)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 8:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; expected (B, 3, H, W) with H and W of at least 8 pixels"
            )
        after4a = self.early(self.stem(x))  # (B, 512 * width, H / 4, W / 4)
        after4d = self.middle(after4a)  # (B, 528 * width, H / 4, W / 4)
        logits = self.fc(self.late(after4d).mean((2, 3)))
        if self.training and self.aux1 is not None:
            return logits, self.aux1(after4a), self.aux2(after4d)
        return logits


def inception_cifar10():
    """A `SmallGoogLeNet` trained on CIFAR-10 by Inception.ipynb, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each. `about["settings"]` are the arguments
    of `SmallGoogLeNet`, `about["test_accuracy"]` is a fraction of 1.
    Raises FileNotFoundError where the file weights/inception_cifar10.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "inception_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = SmallGoogLeNet(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
