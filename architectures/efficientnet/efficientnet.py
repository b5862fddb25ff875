"""EfficientNet: a small network found by search, and one rule for making it larger.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019:
https://arxiv.org/abs/1905.11946.

    efficientnet("b0") … efficientnet("b7")          the eight released networks, as torchvision has them
    efficientnet("b0", 10, total_stride=8)           for images of 32 pixels
    EfficientNet(num_classes, width, depth, …)       any width and depth, and other stages than those of B0
    compound_scaling(phi)                            the factors of equation 3, before anything is rounded
    round_channels, round_repeats                    from factors to whole channels and whole blocks
    efficientnet_cifar10()                           a small net trained on CIFAR-10, from weights/

The layers carry torchvision's names, so torchvision's `state_dict` loads with `strict=True`. This file needs torch and
the standard library alone: copy it into your own project as it is.
"""

import math
from pathlib import Path

import torch
from torch import nn

STAGES = (  # of B0 (Table 1): expansion, kernel size, stride of the first block, output channels, number of blocks
    *((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)),
    *((6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
)
RELEASED = {  # name: width, depth, pixels a side, dropout. Set by hand near the powers of equation 3, not on them
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}


def compound_scaling(phi, alpha=1.2, beta=1.1, gamma=1.15):
    """The factors (depth, width, resolution) = (α^φ, β^φ, γ^φ) of equation 3.

    Multiply-adds grow with depth, with the square of the width and with the square of the resolution: by (α β² γ²)^φ,
    which is about 2^φ with the paper's α, β and γ. A negative `phi` shrinks the network.
    """
    return alpha**phi, beta**phi, gamma**phi


def round_channels(channels, width, multiple=8):
    """`width` times `channels`, rounded to the nearest positive multiple of `multiple`, at least 90 % of the product.

    Raises ValueError for a width that is not a positive number.
    """
    if not math.isfinite(width) or width <= 0:
        raise ValueError(f"width is {width}; expected a positive number, such as 1.0 or 1.1")
    rounded = max(multiple, int(width * channels + multiple / 2) // multiple * multiple)
    return rounded + multiple if rounded < 0.9 * width * channels else rounded


def round_repeats(blocks, depth):
    """`depth` times `blocks`, rounded up. Raises ValueError for a depth that is not a positive number."""
    if not math.isfinite(depth) or depth <= 0:
        raise ValueError(f"depth is {depth}; expected a positive number, such as 1.0 or 1.2")
    return math.ceil(depth * blocks)


def conv_bn(in_channels, out_channels, kernel_size, stride=1, groups=1, activation=nn.SiLU, **norm):
    """A convolution, batch norm and an activation: (B, in, H, W) -> (B, out, ceil(H / stride), ceil(W / stride)).

    With `groups=in_channels` it is depthwise: each channel has a kernel of its own and sees no other channel.
    `activation=None` leaves the output linear; `norm` are options of `nn.BatchNorm2d`.
    """
    padding = kernel_size // 2
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
    layers = [conv, nn.BatchNorm2d(out_channels, **norm)]
    return nn.Sequential(*layers, activation(inplace=True)) if activation else nn.Sequential(*layers)


class SqueezeExcitation(nn.Module):
    """Scale each channel by a number in (0, 1) that depends on the averages of all channels (Hu et al. 2018).

    (B, channels, H, W) -> the same shape. `squeezed` is the width of the layer between the two linear maps, which are
    1x1 convolutions on 1x1 feature maps.
    """

    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = nn.SiLU(inplace=True)

    def gates(self, x):
        """The factors of the channels: (B, channels, H, W) -> (B, channels, 1, 1), between 0 and 1."""
        return torch.sigmoid(self.fc2(self.activation(self.fc1(self.avgpool(x)))))

    def forward(self, x):
        return x * self.gates(x)


class StochasticDepth(nn.Module):
    """In training, drop a whole image's residual branch with probability p (Huang et al. 2016); (B, …) -> (B, …).

    What is kept is divided by 1 - p, so that the expectation is the input itself, and evaluation needs no correction.
    This is the later form: Huang et al. drop a layer for the whole mini-batch, and correct in evaluation. Raises
    ValueError for a probability outside [0, 1).
    """

    def __init__(self, p):
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"the probability of stochastic depth is {p}; expected at least 0 and less than 1")
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        kept = torch.empty((len(x), *(1,) * (x.ndim - 1)), dtype=x.dtype, device=x.device).bernoulli_(1 - self.p)
        return x * (kept / (1 - self.p))

    def extra_repr(self):
        return f"p={self.p:.3g}"


class MBConv(nn.Module):
    """Expand by 1x1, filter depthwise, squeeze and excite, project by 1x1; a shortcut joins the two bottlenecks.

    (B, in_channels, H, W) -> (B, out_channels, ceil(H / stride), ceil(W / stride)). With expansion 1 there is no first
    1x1. Input and output are added where they have the same shape; the branch is then subject to stochastic depth with
    probability `drop`. The squeezed layer has a quarter of the block's *input* channels; `squeeze=False` leaves it out.
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride, expansion, drop=0.0, squeeze=True, **norm):
        super().__init__()
        hidden = in_channels * expansion
        layers = [conv_bn(in_channels, hidden, 1, **norm)] if expansion != 1 else []
        layers.append(conv_bn(hidden, hidden, kernel_size, stride, groups=hidden, **norm))
        if squeeze:
            layers.append(SqueezeExcitation(hidden, max(1, in_channels // 4)))
        layers.append(conv_bn(hidden, out_channels, 1, activation=None, **norm))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(drop)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x):
        return x + self.stochastic_depth(self.block(x)) if self.residual else self.block(x)


class EfficientNet(nn.Module):
    """A 3x3 convolution, stages of MBConv blocks, a 1x1 convolution, average pooling and one linear layer (Table 1).

    num_classes       size of the output: images (B, 3, H, W) -> logits (B, num_classes)
    width, depth      factors of all channels and of all stages' numbers of blocks, 1.0 for B0
    dropout           its probability, before the last layer
    stochastic_depth  block i = 0, 1, … of N drops its branch with this probability times i / N: 0 for the first block,
                      slightly less than the whole for the last
    total_stride      how many times smaller the last feature map is than the image: 32 as in the paper, or 16, 8, 4, …
                      for small images. The first layer of stride 2 gives its stride up, then the next one, …
    squeeze           False: without squeeze-and-excitation
    stages, stem      of another network than B0: as STAGES above, and the channels of the first convolution
    multiple          channels are rounded to multiples of it
    norm              options of `nn.BatchNorm2d`, such as {"eps": 1e-3, "momentum": 0.01}

    5,288,548 parameters and 385,814,752 multiply-adds at 224 pixels with the defaults. Raises ValueError for factors
    that are not positive, an unknown total stride, a block's probability of stochastic depth outside [0, 1), and in
    `forward` for images that are not (B, 3, H, W) or have a side smaller than the total stride.
    """

    def __init__(
        self,
        num_classes=1000,
        width=1.0,
        depth=1.0,
        dropout=0.2,
        stochastic_depth=0.2,
        total_stride=32,
        squeeze=True,
        stages=STAGES,
        stem=32,
        multiple=8,
        norm=None,
    ):
        super().__init__()
        self.total_stride, norm = total_stride, norm or {}
        firsts = reduced_strides([2, *(stride for _, _, stride, _, _ in stages)], total_stride)
        repeats = [round_repeats(blocks, depth) for *_, blocks in stages]
        channels = round_channels(stem, width, multiple)
        layers, done = [conv_bn(3, channels, 3, firsts[0], **norm)], 0
        for (expansion, kernel_size, _, out, _), first, blocks in zip(stages, firsts[1:], repeats):
            out, stage = round_channels(out, width, multiple), []
            for stride in (first, *(1,) * (blocks - 1)):
                drop = stochastic_depth * done / sum(repeats)
                stage.append(MBConv(channels, out, kernel_size, stride, expansion, drop, squeeze, **norm))
                channels, done = out, done + 1
            layers.append(nn.Sequential(*stage))
        layers.append(conv_bn(channels, 4 * channels, 1, **norm))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * channels, num_classes))
        self.apply(init_weights)

    def forward(self, x):
        check_images(x, self.total_stride)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def efficientnet(name, num_classes=1000, **options):
    """One of the eight released networks, "b0" to "b7", with its width, depth and dropout; `RELEASED` has its pixels.

    `options` are further arguments of `EfficientNet`. Raises ValueError for another name.
    """
    if name not in RELEASED:
        raise ValueError(f"the network's name is {name!r}; expected one of {', '.join(RELEASED)}")
    width, depth, _, dropout = RELEASED[name]
    if name in ("b5", "b6", "b7"):  # torchvision converted the authors' weights, trained with these, for the large ones
        options = {"norm": {"eps": 1e-3, "momentum": 0.01}, **options}
    return EfficientNet(num_classes, width, depth, **{"dropout": dropout, **options})


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
    """He initialisation of convolutions by their outputs, U(-1/√classes, 1/√classes) for the linear layer.

    So the authors' code has it; the paper does not say. A depthwise kernel has one output channel, where torch's own
    `kaiming_normal_(mode="fan_out")` counts all of them. Batch norm keeps torch's default.
    """
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)


def efficientnet_cifar10():
    """A small EfficientNet trained on CIFAR-10 by EfficientNet.ipynb, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, H, W) of `about["size"]` pixels a
    side with values in [0, 1] are to be normalised by `about["mean"]` and `about["std"]`, three channels each.
    `about["net"]` are its arguments. Raises FileNotFoundError where the file
    weights/efficientnet_cifar10.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "efficientnet_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = EfficientNet(**about["net"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
