"""Post-training quantisation, simulated: a network's numbers rounded to few bits, its arithmetic still in floats.

    folded(model)                     batch norms multiplied into the convolutions before them
    quantised(model, bits, images)    weights and activations on grids of 2**bits values, ranges observed on `images`
    stored_bytes(model)               what the weights would take on disk

Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", 2018: https://arxiv.org/abs/1806.08342.
This file needs torch and the standard library alone.
"""

import copy

import torch
from torch import nn


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


def round_weights(weight, bits, per_channel=True):
    """Weights (out, …) rounded to whole multiples of a step: of one step an output channel, or of one for them all.

    The grid is symmetric: -(2**(bits - 1) - 1), …, 0, …, 2**(bits - 1) - 1 steps, the largest weight at its end.
    """
    largest = weight.abs().flatten(1).amax(dim=1) if per_channel else weight.abs().amax().expand(len(weight))
    step = (largest / (2 ** (bits - 1) - 1)).clamp(min=1e-12).view(-1, *(1,) * (weight.ndim - 1))
    return (weight / step).round() * step


class Quantised(nn.Module):
    """A convolution or linear layer with rounded weights, which rounds its inputs as well.

    While `observing` it lets inputs pass and remembers their smallest and largest value; afterwards they are clipped
    to that range and rounded to 2**bits - 1 steps of it, of which one lies exactly at 0.
    """

    def __init__(self, layer, bits, per_channel=True):
        super().__init__()
        self.layer, self.bits, self.observing = copy.deepcopy(layer), bits, True
        self.layer.weight = nn.Parameter(round_weights(layer.weight, bits, per_channel), requires_grad=False)
        for end in ("low", "high"):  # the range always holds 0: padding is made of it
            self.register_buffer(end, torch.zeros((), device=layer.weight.device))

    def forward(self, x):
        if self.observing:
            self.low, self.high = torch.minimum(self.low, x.min()), torch.maximum(self.high, x.max())
            return self.layer(x)
        steps = 2**self.bits - 1
        step = ((self.high - self.low) / steps).clamp(min=1e-12)
        zero = (-self.low / step).round()  # the number of the step that stands for 0
        x = (x / step + zero).round().clamp(0, steps)
        return self.layer((x - zero) * step)


@torch.no_grad()
def quantised(model, bits, images, per_channel=True):
    """A copy of `model`, folded, with weights and activations of `bits` bits; ranges are observed on `images` (B, …).

    The images that enter the first layer are rounded like any activation, biases are not. Raises ValueError for bits
    that are not between 2 and 16.
    """
    if bits not in range(2, 17):
        raise ValueError(f"bits is {bits}; expected a whole number from 2 to 16")
    model = folded(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.Conv2d, nn.Linear)) and not isinstance(module, Quantised):
                setattr(module, name, Quantised(child, bits, per_channel))
    model(images)
    for module in model.modules():
        if isinstance(module, Quantised):
            module.observing = False
    return model


def stored_bytes(model):
    """Bytes of the parameters: `bits` for each weight of a Quantised layer, and 4 bytes a bias and a channel's step.

    In a model that is not quantised every parameter takes 4 bytes.
    """
    total = sum(4 * p.numel() for p in model.parameters())
    for module in model.modules():
        if isinstance(module, Quantised):
            weight = module.layer.weight
            total += weight.numel() * module.bits / 8 - 4 * weight.numel() + 4 * len(weight)
    return round(total)
