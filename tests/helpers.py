"""What the tests of several models measure, and `make` for those of the tools."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from utils.images import read_image


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


def assert_same_training_step(ours, theirs, size):
    """Both with the weights of `ours`: the same gradients, and the same statistics in their norms afterwards."""
    theirs.load_state_dict(ours.state_dict())
    x, y = torch.randn(4, 3, size, size), torch.arange(4)
    for model in (ours, theirs):
        F.cross_entropy(model.train()(x), y).backward()
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-5)
    for (name, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)


def assert_exports(model, size, folder):
    """`model`, exported with a batch of any length, stored in `folder` and loaded again, answers the same."""
    model = stirred(model).eval()
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(model, (torch.randn(2, 3, size, size),), dynamic_shapes={"x": {0: batch}})
    torch.export.save(program, folder / "net.pt2")
    loaded = torch.export.load(folder / "net.pt2").module()
    with torch.no_grad():
        for length in (1, 5):
            x = torch.randn(length, 3, size, size)
            torch.testing.assert_close(loaded(x), model(x))


def assert_kept_model(load, data, accuracy):
    """What `load` returns knows the classes of `data` and more than `accuracy` of its first 1,000 test images.

    The test is skipped, and says so, where the weights are not in the repository.
    """
    try:
        model, about = load()
    except FileNotFoundError:
        pytest.skip("the trained model is not kept yet")
    assert not model.training and about["classes"] == list(data.classes)
    images = data.test.images[:1000].permute(0, 3, 1, 2).float()
    size = about.get("size", images.shape[-1])
    if size != images.shape[-1]:
        images = F.interpolate(images, size=size, mode="bilinear", antialias=True).round().clamp(0, 255)
    mean, std = (torch.tensor(about[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        right = (model((images / 255 - mean) / std).argmax(1) == data.test.labels[:1000]).float().mean()
    assert right > accuracy


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


def assert_kept_net_loads(load, build, settings, x, tmp_path, monkeypatch):
    """`load` reads the file of its own name in the folder weights beside it, and misses it where it is not there.

    It returns a net in eval mode with exactly the stored weights, in half precision, and the rest of the file.
    """
    monkeypatch.setattr(sys.modules[load.__module__], "__file__", str(tmp_path / "model.py"))
    with pytest.raises(FileNotFoundError):
        load()
    net = stirred(build(**settings))
    state = {name: value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()}
    (tmp_path / "weights").mkdir()
    torch.save(dict(model=state, settings=settings, threshold=0.3), tmp_path / "weights" / f"{load.__name__}.pt")
    kept, about = load()
    assert about == dict(settings=settings, threshold=0.3) and not kept.training
    net.load_state_dict(state)  # rounded in the same way
    torch.testing.assert_close(kept(x), net.eval()(x), rtol=0, atol=0)


def ran(model, *inputs):
    """How often each kind of layer runs in one forward pass in training mode: {"Conv2d": 5, "ReLU": 7, …}."""
    found, layers = Counter(), [module for module in model.train().modules() if not list(module.children())]
    hooks = [layer.register_forward_hook(lambda layer, *_: found.update([type(layer).__name__])) for layer in layers]
    model(*inputs)
    for hook in hooks:
        hook.remove()
    return dict(found)


def assert_he_initialised(model, fan, slope=0.0):
    """Weights of convolutions have the variance 2 / (1 + slope²) / n, n inputs (`fan` "in") or outputs ("out")."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            n = (layer.weight[0] if fan == "in" else layer.weight[:, 0]).numel()
            close = 4 * (2 * layer.weight.numel()) ** -0.5  # four standard errors
            assert layer.weight.std().item() == pytest.approx((2 / (1 + slope**2) / n) ** 0.5, rel=close), layer


def assert_papers_response_norm(layer):
    """`layer` is AlexNet's response normalisation with the published constants (section 3.3)."""
    x = torch.randn(2, 9, 3, 3) * 20
    nearby = torch.stack([x[:, max(0, i - 2) : i + 3].square().sum(1) for i in range(9)], dim=1)
    torch.testing.assert_close(layer(x), x / (2 + 1e-4 * nearby) ** 0.75)


def assert_knows_ten_images(load, least):
    """Of the ten images that the repository keeps, one of each class, the net of `load` names at least `least`."""
    paths = sorted((Path(__file__).parent.parent / "architectures" / "resnet" / "weights").glob("*.png"))
    model, about = load()
    images = torch.stack([read_image(path) for path in paths]).permute(0, 3, 1, 2).float()
    if "size" in about:
        images = F.interpolate(images, size=about["size"], mode="bilinear", antialias=True).round().clamp(0, 255)
    mean, std = (torch.tensor(about[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        answers = model((images / 255 - mean) / std).argmax(1)
    assert [path.stem.split("_")[1] for path in paths] == list(about["classes"])
    assert (answers == torch.arange(10)).sum() >= least


def assert_processes_share(build, monkeypatch):
    """Two processes together serve every batch of the loader that `build` makes, each its own part of it."""

    def served(rank, world):
        monkeypatch.setattr("utils.distributed.rank_and_world", lambda: (rank, world))
        return list(build())

    whole, left, right = served(0, 1), served(0, 2), served(1, 2)
    assert len(whole) == len(left) == len(right)
    for batch, *parts in zip(whole, left, right):
        for tensor, first, second in zip(batch, *parts):
            assert torch.equal(tensor, torch.cat([first, second])) and len(first) < len(tensor)


def make(*arguments, cwd, **environment):
    """What `make` did and printed, called in `cwd`. A test that needs it is skipped where there is no make."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)
