"""Post-training quantisation: a network's weights kept as small integers, its arithmetic simulated in floats.

    folded(model)                batch norms multiplied into the convolutions before them
    quantised(model, images)     weights and activations of 2 to 16 bits, usually 8, calibrated on `images`; its
                                 `state_dict` holds integer weights and their scales
    stored_bytes(model)          what the weights take when they are packed

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", 2018: https://arxiv.org/abs/1806.08342.
This file needs torch and the standard library alone.
"""

import copy
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F


def fold(conv, norm):
    """One convolution, with a bias, that does what `conv` and then the batch norm `norm` do in evaluation mode."""
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()  # (out,)
    one = copy.deepcopy(conv)
    one.weight = nn.Parameter(conv.weight * factor.view(-1, 1, 1, 1))
    bias = 0 if conv.bias is None else conv.bias
    one.bias = nn.Parameter(norm.bias + (bias - norm.running_mean) * factor)
    return one


@torch.no_grad()
def folded(model):
    """A copy of `model`, in evaluation mode, whose batch norms are folded into the convolutions just before them.

    A batch norm that follows a convolution inside the same nn.Sequential becomes an nn.Identity; others stay.
    """
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for before, name in zip(names, names[1:]):
            conv, norm = module._modules[before], module._modules[name]
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[before], module._modules[name] = fold(conv, norm), nn.Identity()
    return model


def integers_of(weight, bits, per_channel=True):
    """(scale, integers) with weight ≈ scale * integers, both of the weight's number of dimensions.

    Symmetric: integers from -(2**(bits - 1) - 1) to 2**(bits - 1) - 1 and a zero point of 0. Each output channel has
    a scale of its own, (out, 1, …), or all share one, (1, 1, …); the largest weight gets the largest integer.
    """
    largest = weight.abs().flatten(1).amax(dim=1) if per_channel else weight.abs().amax()
    scale = (largest / (2 ** (bits - 1) - 1)).clamp(min=1e-12).view(-1, *(1,) * (weight.ndim - 1))
    return scale, (weight / scale).round().to(torch.int8 if bits <= 8 else torch.int16)


class Quantised(nn.Module):
    """A convolution (with zero padding) or linear layer with integer weights, which quantises its inputs as well.

    While `observing` it lets inputs pass and remembers the smallest and largest value: the calibration. Afterwards
    inputs are clipped to that range and rounded to 2**activation_bits values, one of which is exactly 0.
    """

    def __init__(self, layer, weight_bits, activation_bits, per_channel=True):
        super().__init__()
        self.bits, self.activation_bits, self.observing, self.operation = weight_bits, activation_bits, True, F.linear
        if isinstance(layer, nn.Conv2d):
            if layer.padding_mode != "zeros":
                raise ValueError(f"padding_mode is {layer.padding_mode!r}; expected 'zeros'")
            options = dict(stride=layer.stride, padding=layer.padding, dilation=layer.dilation, groups=layer.groups)
            self.operation = partial(F.conv2d, **options)
        scale, integers = integers_of(layer.weight.detach(), weight_bits, per_channel)
        self.register_buffer("scale", scale)
        self.register_buffer("integers", integers)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())
        for end in ("low", "high"):  # the range always holds 0: padding is made of it
            self.register_buffer(end, torch.zeros((), device=scale.device))

    def forward(self, x):
        if self.observing:
            self.low, self.high = torch.minimum(self.low, x.min()), torch.maximum(self.high, x.max())
        else:
            largest = 2**self.activation_bits - 1
            scale = ((self.high - self.low) / largest).clamp(min=1e-12)
            zero_point = (-self.low / scale).round()  # the integer that stands for 0
            integers = (x / scale + zero_point).round().clamp(0, largest)
            x = (integers - zero_point) * scale
        return self.operation(x, self.scale * self.integers, self.bias)


@torch.no_grad()
def quantised(model, images, weight_bits=8, activation_bits=8, per_channel=True):
    """A copy of `model`, folded and quantised; the ranges of its activations are observed on `images` (B, …).

    The images that enter the first layer are quantised like any activation; biases are not. Raises ValueError for
    bits that are not between 2 and 16, and for a convolution that pads with anything but zeros.
    """
    for name, bits in (("weight_bits", weight_bits), ("activation_bits", activation_bits)):
        if bits not in range(2, 17):
            raise ValueError(f"{name} is {bits}; expected a whole number from 2 to 16")
    model = folded(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.Conv2d, nn.Linear)):
                setattr(module, name, Quantised(child, weight_bits, activation_bits, per_channel))
    model(images)
    for module in model.modules():
        if isinstance(module, Quantised):
            module.observing = False
    return model


def stored_bytes(model):
    """Bytes of the weights: 4 for each parameter; of a Quantised layer `bits` for each weight, 4 for each scale.

    Fewer than 8 bits take so little once they are packed; a `state_dict` gives each integer a byte of its own.
    """
    layers = [module for module in model.modules() if isinstance(module, Quantised)]
    total = sum(4 * p.numel() for p in model.parameters())
    return round(total + sum(q.integers.numel() * q.bits / 8 + 4 * q.scale.numel() for q in layers))
