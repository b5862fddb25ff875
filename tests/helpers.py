"""What the tests of several models measure."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode


def count(module):
    """The number of parameters."""
    return sum(p.numel() for p in module.parameters())


def on_meta(build, *args, **options):
    """A model without contents: large ones cost nothing."""
    with torch.device("meta"):
        return build(*args, **options)


def macs(model, size):
    """Multiply-adds for one image of size x size; `model` is on the meta device."""
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


def stirred(model):
    """The model, its biases and norms away from 0 and 1, which would hide a swap."""
    for value in model.state_dict().values():
        if value.ndim == 1 and value.is_floating_point():
            torch.nn.init.uniform_(value, 0.5, 1.5)
    return model


def assert_same_outputs(ours, theirs, size):
    """`ours` takes over the weights of `theirs`, every name fitting, and answers the same."""
    ours.load_state_dict(stirred(theirs).state_dict(), strict=True)
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


def assert_overfits_one_batch(build, shape, rate, steps=80):
    """Ten classes of noise, `shape` (B, C, H, W): a cross-entropy under 0.1 after `steps` of SGD."""
    torch.manual_seed(0)
    model, x, y = build(), torch.randn(shape), torch.arange(shape[0]) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(steps):
        loss = F.cross_entropy(model.train()(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


def assert_shapes(model, good, bad, what):
    """Images of the shapes `good` get ten logits each; one of shape `bad`, or of two channels, a ValueError."""
    model.eval()
    with torch.no_grad():
        for shape in good:
            assert model(torch.randn(shape)).shape == (shape[0], 10)
        with pytest.raises(ValueError, match=what):
            model(torch.randn(bad))
        with pytest.raises(ValueError, match="expected"):
            model(torch.randn(1, 2, 64, 64))
