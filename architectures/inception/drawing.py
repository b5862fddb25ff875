"""An Inception module as boxes and arrows: Figure 2 of the paper, drawn from the module itself."""

import re

from torch import nn

from utils.diagram import draw_flow, measure


def draw_module(module, x, title):
    """Draw an InceptionModule, with or without reductions, and the channels that its layers have for the input `x`.

    `x` is a tensor (B, C, H, W). Reductions and the projection are orange. One new figure.
    """
    layers = {name: layer for name, layer in module.named_modules() if re.fullmatch(r"branch(1|\d\.\d)", name)}
    shapes = {name: shape for name, _, shape, _ in measure(module, x, list(layers))}
    C, H, W = shapes.pop("input")
    small = {"branch2.0": "$R_3$: ", "branch3.0": "$R_5$: ", "branch4.1": "$P$: "} if "branch2.1" in shapes else {}
    last = 1 + bool(small)
    boxes, arrows = {"input": (f"input: {C} channels, {H} × {W}", 1.5, 0, "data")}, []
    for name, (channels, _, _) in shapes.items():
        layer, branch = layers[name], int(name[6])
        pools = isinstance(layer, nn.MaxPool2d)
        size = layer.kernel_size if pools else layer.conv.kernel_size[0]
        words = f"{small.get(name, '')}{size}×{size} {'max pooling' if pools else 'convolution'}\n{channels} channels"
        row = 1 if name.endswith(".0") else last
        boxes[name] = (words, branch - 1, row, "loss" if name in small else "layer")
        arrows.append((f"branch{branch}.0" if name.endswith(".1") else "input", name))
        if row == last:
            arrows.append((name, "output"))
    boxes["output"] = (f"concatenate: {module.out_channels} channels, {H} × {W}", 1.5, last + 1)
    draw_flow(boxes, arrows, title)
