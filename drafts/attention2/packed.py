"""A trained translator in two megabytes: weights in 8 bits, and the byte pairs that it reads."""

import torch

from architectures.transformer.transformer import Transformer
from utils.checkpoint import load_file
from utils.tokens import BytePairs


def pack(model):
    """The parameters in 8 bits: {"integers": int8, "halves": float16}, each one long vector.

    A matrix becomes integers from -127 to 127 and one factor for each row; everything else is kept in 16 bits. The
    factors are rounded to 16 bits first, so that no entry of a matrix moves by more than half a step of its row.
    """
    integers, halves = [], []
    for parameter in model.parameters():
        kept = parameter.detach().cpu().float()
        if kept.ndim == 2:
            largest = kept.abs().amax(dim=1, keepdim=True).clamp(min=0.01)  # 16 bits are coarse below 0.01 / 127
            factor = (largest / 127).half().float()
            integers.append((kept / factor).round().to(torch.int8).flatten())
            kept = factor
        halves.append(kept.flatten().half())
    return {"integers": torch.cat(integers), "halves": torch.cat(halves)}


@torch.no_grad()
def unpack(model, packed):
    """Put what `pack` made of the same architecture into `model`, and return it. Raises ValueError for another one."""
    matrices, rest = (packed[name].float() for name in ("integers", "halves"))
    parameters = list(model.parameters())
    sizes = [sum(p.numel() for p in parameters if p.ndim == 2), sum(len(p) for p in parameters)]
    if sizes != [len(matrices), len(rest)]:
        raise ValueError(
            f"packed are {len(matrices)} and {len(rest)} numbers; this model needs {sizes[0]} and {sizes[1]}"
        )
    for parameter in parameters:
        values, rest = rest[: len(parameter)], rest[len(parameter) :]
        if parameter.ndim == 2:
            matrix, matrices = matrices[: parameter.numel()], matrices[parameter.numel() :]
            values = matrix.view(parameter.shape) * values[:, None]
        parameter.copy_(values)
    return model


def load_translator(path):
    """(model in eval mode, BytePairs, about): a Transformer, its vocabulary, and whatever else the file says of it.

    The file holds what `pack` returns, "merges" (int16, pairs of tokens), and "size": the Transformer's arguments.
    """
    about = load_file(path)
    pieces = BytePairs([], size=260)
    for pair in map(tuple, about.pop("merges").tolist()):
        pieces.merges[pair] = len(pieces)
        pieces.bytes.append(pieces.bytes[pair[0]] + pieces.bytes[pair[1]])
    model = Transformer(len(pieces), len(pieces), **about["size"])
    return unpack(model, {name: about.pop(name) for name in ("integers", "halves")}).eval(), pieces, about
