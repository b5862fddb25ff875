"""What the tests of several models measure."""

import torch
from torch.utils.flop_counter import FlopCounterMode


def count(module):
    """The number of parameters."""
    return sum(p.numel() for p in module.parameters())


def on_meta(build, *args, **options):
    """A model without contents: large ones cost nothing."""
    with torch.device("meta"):
        return build(*args, **options)


def macs(model, size):
    """Multiply-adds for one picture of size x size; `model` is on the meta device."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() // 2


def assert_causal(model, src, tgt, words):
    """Another target token at t (tokens run from 3, `words` of them) changes the logits at t and none before."""
    with torch.no_grad():
        before = model(src, tgt)
        for t in range(tgt.shape[1]):
            changed = tgt.clone()
            changed[:, t] = (changed[:, t] - 2) % words + 3
            after = model(src, changed)
            assert torch.equal(after[:, :t], before[:, :t]) and not torch.equal(after[:, t], before[:, t])
