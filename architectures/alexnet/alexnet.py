"""AlexNet: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NIPS 2012.

    AlexNet()              the net of the paper: two groups, local response normalisation, overlapping pooling
    alexnet_one_tower()    torchvision's, after the form of 2014 (Krizhevsky, https://arxiv.org/abs/1404.5997)
    alexnet_cifar()        a small form for 32-pixel images, whose parts can be switched off one by one
    SmallAlexNet()         all eight layers for 32-pixel images, with half of the kernels
    small_alexnet_cifar10()  this one, trained on CIFAR-10

Its layers carry torchvision's names, so torchvision's `state_dict` loads with `strict=True`.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class LocalResponseNorm(nn.Module):
    """b_i = a_i / (k + α Σ_j a_j²)^β, the sum over the n channels around i (section 3.3): (B, C, H, W) -> the same.

    The defaults are the paper's. torch's layer of this name divides α by n and has k = 1.
    """

    def __init__(self, n=5, k=2.0, alpha=1e-4, beta=0.75):
        super().__init__()
        self.n, self.k, self.alpha, self.beta = n, k, alpha, beta

    def forward(self, x):
        C = x.shape[1]
        padding = (0, 0, 0, 0, self.n // 2, (self.n - 1) // 2)  # of the channels alone
        squares = F.pad(x.float().square(), padding)  # float: beside k = 2, bfloat16 would lose a small sum
        total = sum(squares[:, i : i + C] for i in range(self.n))
        return x * (self.k + self.alpha * total).pow(-self.beta)


class AlexNet(nn.Module):
    """The eight layers of section 3.5: (B, 3, H, W) -> (B, num_classes); 227 pixels give the paper's sizes.

    The paper's text says 224, its arithmetic needs 227. Layers 2, 4 and 5 see half of the channels each, those on
    their own GPU: `groups=2`; `groups=1` is the net that a larger GPU would have held. `lrn`, `overlap` (pooling of 3
    by 2 instead of 2 by 2) and `dropout` switch parts of section 3 and 4.2 off. 60,965,224 parameters.

    Raises ValueError in `forward` for images that are not (B, 3, H, W) or smaller than 67 pixels.
    """

    def __init__(self, num_classes=1000, groups=2, lrn=True, overlap=True, dropout=0.5):
        super().__init__()

        def norm():
            return [LocalResponseNorm()] if lrn else []

        def pool():
            return nn.MaxPool2d(kernel_size=3 if overlap else 2, stride=2)

        self.features = nn.Sequential(
            *(nn.Conv2d(3, 96, kernel_size=11, stride=4), nn.ReLU(inplace=True), *norm(), pool()),
            *(nn.Conv2d(96, 256, kernel_size=5, padding=2, groups=groups), nn.ReLU(inplace=True), *norm(), pool()),
            *(nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 384, kernel_size=3, padding=1, groups=groups), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, kernel_size=3, padding=1, groups=groups), nn.ReLU(inplace=True), pool()),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)  # nothing at 227 pixels; other sizes are averaged to 6x6
        self.classifier = nn.Sequential(
            *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(4096, num_classes),
        )
        self.init_weights()

    def init_weights(self):
        """N(0, 0.01²); biases 1 in layers 2, 4, 5 and the hidden linear ones, so that ReLUs begin open (section 5)."""
        layers = [m for m in self.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
        for i, layer in enumerate(layers, start=1):
            nn.init.normal_(layer.weight, 0, 0.01)
            nn.init.constant_(layer.bias, 1.0 if i in (2, 4, 5, 6, 7) else 0.0)

    def forward(self, x):
        check_images(x, 67)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class OneTower(nn.Module):
    """AlexNet as torchvision has it, on one GPU: no groups, no local response normalisation, 64 channels in front.

    It comes from "One weird trick" (2014), whose footnote has 384 channels in layer 4, where torchvision has 256.
    Dropout stands before the linear layers, as in torchvision; that of 2012 drops units of the first two.

    (B, 3, H, W) with H and W of 63 pixels or more (ValueError otherwise) -> (B, num_classes). 61,100,840 parameters;
    the same layers under the same names as torchvision's.
    """

    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, kernel_size=5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, kernel_size=3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            *(nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True)),
            *(nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        check_images(x, 63)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet_one_tower(num_classes=1000, **options):
    """torchvision's form: 61,100,840 parameters. `options` are those of `OneTower`."""
    return OneTower(num_classes, **options)


class AlexNetCifar(nn.Module):
    """Four layers for 32-pixel images, in the manner of the paper's CIFAR-10 experiments (sections 3.1 and 3.3).

    Three 5x5 convolutions of 32, 32 and 64 channels with pooling, then one linear layer: (B, 3, 32, 32) ->
    (B, num_classes). `activation` is a module ("ReLU against tanh", Fig. 1); `lrn`, `overlap`, `dropout` (before the
    linear layer) switch the paper's other parts. `alpha` is the normalisation's: the paper's 1e-4 goes with inputs of
    up to 128 to either side. Raises ValueError in `forward` for other shapes than (B, 3, 32, 32).
    """

    def __init__(self, num_classes=10, activation=nn.ReLU, lrn=True, overlap=True, dropout=0.0, alpha=1e-4):
        super().__init__()
        layers, channels = [], 3
        for i, width in enumerate((32, 32, 64)):
            layers += [nn.Conv2d(channels, width, kernel_size=5, padding=2), activation()]
            layers += [nn.MaxPool2d(3, 2, padding=1) if overlap else nn.MaxPool2d(2, 2)]
            layers += [LocalResponseNorm(alpha=alpha)] if lrn and i < 2 else []
            channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(64 * 4 * 4, num_classes))

    def forward(self, x):
        if x.shape[1:] != (3, 32, 32):
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, 3, 32, 32)")
        return self.classifier(self.features(x).flatten(1))


def alexnet_cifar(num_classes=10, **options):
    """The small form for 32-pixel images: 89,578 parameters. `options` are those of `AlexNetCifar`."""
    return AlexNetCifar(num_classes, **options)


class SmallAlexNet(nn.Module):
    """AlexNet's eight layers for images of 32 pixels: (B, 3, 32, 32) -> (B, num_classes). 942,282 parameters.

    Half of the kernels in each convolution, 256 hidden units instead of 4096, and He initialisation. Pooling comes
    before LRN, which then has a quarter of the positions to normalise. Raises ValueError in `forward` for images of
    another shape.
    """

    def __init__(self, num_classes=10, alpha=1e-4, dropout=0.5):
        super().__init__()

        def conv(in_channels, out_channels, size, groups=1):
            layer = nn.Conv2d(in_channels, out_channels, size, padding=size // 2, groups=groups)
            return layer, nn.ReLU(inplace=True)

        def pool():
            return nn.MaxPool2d(kernel_size=3, stride=2)

        self.features = nn.Sequential(
            *(*conv(3, 48, 5), pool(), LocalResponseNorm(alpha=alpha)),  # (B, 48, 15, 15)
            *(*conv(48, 128, 5, groups=2), pool(), LocalResponseNorm(alpha=alpha)),  # (B, 128, 7, 7)
            *(*conv(128, 192, 3), *conv(192, 192, 3, groups=2), *conv(192, 128, 3, groups=2), pool()),  # (B, 128, 3, 3)
        )
        self.classifier = nn.Sequential(
            *(nn.Linear(128 * 3 * 3, 256), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(256, 256), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(256, num_classes),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        if x.shape[1:] != (3, 32, 32):
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (B, 3, 32, 32)")
        return self.classifier(self.features(x).flatten(1))


def small_alexnet_cifar10():
    """A `SmallAlexNet` trained on CIFAR-10 by AlexNet.ipynb, in eval mode, and what to know about it.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each. `about["settings"]` are the arguments
    of `SmallAlexNet`, `about["test_accuracy"]` is a fraction of 1.
    Raises FileNotFoundError where the file weights/small_alexnet_cifar10.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "small_alexnet_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = SmallAlexNet(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about


def check_images(x: torch.Tensor, smallest: int):
    """Raise ValueError for anything but (B, 3, H, W) with sides of at least `smallest` pixels."""
    if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < smallest:
        raise ValueError(
            f"input has shape {tuple(x.shape)}; expected (B, 3, H, W) with H and W of at least {smallest} pixels"
        )
