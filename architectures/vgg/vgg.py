"""VGG: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015.

Paper: https://arxiv.org/abs/1409.1556

    VGG(configuration)                      the columns of Table 1: "A", "A-LRN", "B", "C", "D", "E"
    vgg11, vgg13, vgg16, vgg19              A, B, D and E under their usual names, with batch norm by argument
    VGG(…, head="small")                    for 32-pixel images: one linear layer in place of the three
    vgg16_cifar10()                         a trained, pruned VGG-16; its weights are in weights/

Layers carry torchvision's names, so torchvision's `state_dict` of its eight nets loads with `strict=True`.
This file needs torch and the standard library alone: copy it into your own project as it is.
"""

from pathlib import Path

import torch
from torch import nn

# Table 1. A number is a 3x3 convolution with so many channels, "pool" 2x2 max pooling; C has 1x1 convolutions too.
CONFIGURATIONS = {
    "A": (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
    "A-LRN": (64, "lrn", "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
    "B": (64, 64, "pool", 128, 128, "pool", 256, 256, "pool", 512, 512, "pool", 512, 512, "pool"),
    "C": (64, 64, "pool", 128, 128, "pool", 256, 256, "1x1", "pool", 512, 512, "1x1", "pool", 512, 512, "1x1", "pool"),
    "D": (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool"),
    "E": (64, 64, "pool", 128, 128, "pool", *(256,) * 4, "pool", *(512,) * 4, "pool", *(512,) * 4, "pool"),
}


def convolutions(layers, batch_norm=False):
    """The stack of convolutions that `layers` lists, each followed by a ReLU: (B, 3, H, W) -> (B, C, h, w).

    Each "pool" halves H and W. "lrn" is AlexNet's local response normalisation, "1x1" a convolution that leaves the
    number of channels alone.
    """
    modules, channels = [], 3
    for layer in layers:
        if layer == "pool":
            modules.append(nn.MaxPool2d(kernel_size=2, stride=2))
        elif layer == "lrn":  # torch divides alpha by the size, the formula does not
            modules.append(nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2.0))
        else:
            kernel, out = (1, channels) if layer == "1x1" else (3, layer)
            modules.append(nn.Conv2d(channels, out, kernel_size=kernel, padding=kernel // 2))
            modules += [nn.BatchNorm2d(out)] * batch_norm
            modules.append(nn.ReLU(inplace=True))
            channels = out
    return nn.Sequential(*modules)


class VGG(nn.Module):
    """A column of Table 1: convolutions, five times halved, then linear layers.

    configuration  a name of CONFIGURATIONS, or a sequence of channels, "pool", "lrn" and "1x1" of your own
    num_classes    size of the output: images (B, 3, H, W) -> logits (B, num_classes)
    batch_norm     after each convolution; the paper, of the year before batch norm, has none
    head           "paper": 4096, 4096, num_classes with dropout, for images of about 224 pixels (feature maps that are
                   not 7x7 are averaged to 7x7 first, as in torchvision);
                   "small": the average over what is left, one linear layer (for 32 pixels)
    dropout        its probability, in the head of the paper

    Raises ValueError for an unknown configuration or head, and in `forward` for images that are not (B, 3, H, W)
    or too small for the poolings (32 pixels, for the paper's nets).
    """

    def __init__(self, configuration="D", num_classes=1000, batch_norm=False, head="paper", dropout=0.5):
        super().__init__()
        if isinstance(configuration, str) and configuration not in CONFIGURATIONS:
            raise ValueError(f"configuration is {configuration!r}; expected one of {', '.join(CONFIGURATIONS)}")
        if head not in ("paper", "small"):
            raise ValueError(f'head is {head!r}; expected "paper" or "small"')
        layers = CONFIGURATIONS[configuration] if isinstance(configuration, str) else tuple(configuration)
        channels = [layer for layer in layers if isinstance(layer, int)][-1]
        self.min_size = 2 ** layers.count("pool")
        self.features = convolutions(layers, batch_norm)
        if head == "paper":
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                *(nn.Linear(channels * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
                *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
                nn.Linear(4096, num_classes),
            )
        else:
            self.avgpool = nn.AdaptiveAvgPool2d(1)
            self.classifier = nn.Linear(channels, num_classes)
        self.apply(init_weights)

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < self.min_size:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; "
                f"expected (B, 3, H, W) with H and W of at least {self.min_size} pixels"
            )
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def init_weights(module):
    """He initialisation of convolutions, N(0, 0.01²) of linear layers, as in torchvision.

    The paper draws all weights from N(0, 0.1²) and lets the deeper nets start from the trained net A (section 3.1).
    """
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


def vgg11(num_classes=1000, **options):
    """Column A: 132,863,336 parameters. `options` are those of `VGG`."""
    return VGG("A", num_classes, **options)


def vgg13(num_classes=1000, **options):
    """Column B: 133,047,848 parameters. `options` are those of `VGG`."""
    return VGG("B", num_classes, **options)


def vgg16(num_classes=1000, **options):
    """Column D: 138,357,544 parameters. `options` are those of `VGG`."""
    return VGG("D", num_classes, **options)


def vgg19(num_classes=1000, **options):
    """Column E: 143,667,240 parameters. `options` are those of `VGG`."""
    return VGG("E", num_classes, **options)


def vgg16_cifar10():
    """A VGG-16 with batch norm, trained on CIFAR-10 and cut to few channels by VGG.ipynb, in eval mode, and its facts.

    Returns (model, about): `about["classes"]` are the ten names, and images (B, 3, 32, 32) with values in [0, 1] are
    to be normalised by `about["mean"]` and `about["std"]`, three channels each. `about["settings"]` are the arguments
    of `VGG`, `about["test_accuracy"]` is a fraction of 1.
    Raises FileNotFoundError where the file weights/vgg16_cifar10.pt beside this one is missing.
    """
    path = Path(__file__).with_name("weights") / "vgg16_cifar10.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = VGG(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
