"""utils/checkpoint.py and utils/fingerprint.py: files that are damaged or foreign, and what counts as a change."""

import functools
import math
import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from architectures.resnet.resnet import cifar_resnet
from utils import checkpoint as C
from utils import fingerprint as F
from utils import training
from utils.loader import ImageLoader
from utils.training import fit


def test_weights_survive_a_round_trip(tmp_path):
    model, other = cifar_resnet(8), cifar_resnet(8)
    C.save_weights(model, tmp_path / "a" / "w.pt", classes=["cat", "dog"], accuracy=0.5)
    about = C.load_weights(other, tmp_path / "a" / "w.pt")
    assert about == {"classes": ["cat", "dog"], "accuracy": 0.5}
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values()))


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "flipped"])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "w.pt"
    C.save_weights(cifar_resnet(8), path)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": content[:middle],
            "text": b"<html>404</html>",
            "flipped": content[:20] + bytes(200) + content[220:],
        }[damage]
    )
    with pytest.raises(C.CheckpointError, match=r"w\.pt is damaged or is no checkpoint .*delete it"):
        C.load_weights(cifar_resnet(8), path)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_a_file_with_code_in_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for write in (lambda f: torch.save({"model": Evil()}, f), lambda f: pickle.dump(Evil(), f)):
        with open("w.pt", "wb") as file:
            write(file)
        with pytest.raises(C.CheckpointError, match="damaged or is no checkpoint"):
            C.load_file("w.pt")
    assert not (tmp_path / "evil").exists()


def test_another_architecture_is_named(tmp_path):
    path = tmp_path / "w.pt"
    C.save_weights(cifar_resnet(8), path)
    for other in (cifar_resnet(14), cifar_resnet(8, shortcut="B"), cifar_resnet(8, num_classes=7)):
        with pytest.raises(
            C.CheckpointError, match=r"w\.pt holds the weights of another architecture than this ResNet"
        ):
            C.load_weights(other, path)
    C.save_file({"something": 1}, path)
    with pytest.raises(C.CheckpointError, match="holds no weights"):
        C.load_weights(cifar_resnet(8), path)


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        C.load_file(tmp_path / "none.pt")


def test_a_drive_that_is_gone_is_no_damaged_file(tmp_path, monkeypatch):
    def gone(*_, **__):
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(torch, "load", gone)
    with pytest.raises(OSError, match="Transport endpoint"):
        C.load_file(tmp_path / "w.pt")
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))
    run = C.Run("T/net", {"epochs": 1}, 1, "cpu", torch.float32, model=cifar_resnet(8))
    other = run.path.with_name("net-0123456789abcdef.pt")
    other.parent.mkdir(parents=True)
    other.touch()
    run.resume()  # nothing can be said about the other file, and the training starts
    assert run.history["epoch"] == []


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.pt"
    C.save_file({"value": 1}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        C.save_file({"value": 2}, path)
    assert C.load_file(path) == {"value": 1} and list(tmp_path.iterdir()) == [path]


def test_numbers_of_numpy_are_kept_as_pythons(tmp_path):
    path = tmp_path / "w.pt"
    C.save_weights(cifar_resnet(8), path, accuracy=np.mean([1, 0]), by_class={np.int64(3): [np.float32(0.5)]})
    about = C.load_weights(cifar_resnet(8), path)
    assert about == {"accuracy": 0.5, "by_class": {3: [0.5]}} and type(about["accuracy"]) is float
    C.save_file({"a": (np.float64(1.5), torch.ones(2))}, path)
    value, ones = C.load_file(path)["a"]
    assert type(value) is float and torch.equal(ones, torch.ones(2))


def test_what_is_not_read_for_safety_is_not_called_damaged(tmp_path):
    path = tmp_path / "w.pt"
    C.save_file({"a": np.ones(3)}, path)
    with pytest.raises(
        C.CheckpointError, match=r"w\.pt holds a numpy\.\S+, and only tensors and plain values"
    ) as caught:
        C.load_file(path)
    assert "delete it" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_score_in_a_number_of_numpy_is_found_again(tmp_path, monkeypatch, capsys, tiny_shapes):
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))

    def trained():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
        optimizer = torch.optim.SGD(model.parameters(), lr=np.float64(0.01))
        loader = ImageLoader(tiny_shapes, "train", 32, "cpu")
        score = lambda model: {"val_margin": np.mean([1.0, 2.0])}  # noqa: E731
        return fit(model, loader, optimizer, None, 1, "cpu", {}, checkpoint="T/numpy", score=score)

    first, second = trained(), trained()
    assert "Found this run, finished" in capsys.readouterr().out
    assert first.history["val_margin"] == second.history["val_margin"] == [1.5]


def test_a_foreign_file_under_a_runs_name(tmp_path, monkeypatch):
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))
    run = C.Run("T/net", {"epochs": 1}, 1, "cpu", torch.float32, model=cifar_resnet(8))
    C.save_weights(cifar_resnet(8), run.path)
    with pytest.raises(C.CheckpointError, match="not the file of a training: delete it"):
        run.resume()
    run.path.write_bytes(b"cut short")
    with pytest.raises(C.CheckpointError, match="is damaged"):
        run.resume()
    assert run.path.parent == tmp_path / "quick" / "T"


def test_checkpoint_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "drive"))
    assert C.checkpoint_dir() == tmp_path / "drive"
    monkeypatch.delenv("CHECKPOINT_DIR")
    assert C.checkpoint_dir() == C.REPOSITORY / "checkpoints"


def define(source, **values):
    """A class from its source, as a notebook cell would define it: with the source to be had by `inspect`."""
    import linecache

    name = f"<cell {len(linecache.cache)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"__name__": "__main__", "nn": nn, "torch": torch, **values}
    exec(compile(source, name, "exec"), space)
    return space["Net"]


NET = """
def helper(x):
    return x.relu()

class Net(nn.Module):
    rate = 0.5

    def __init__(self, width=4, bias=True):
        super().__init__()
        self.width = width
        self.fc = nn.Linear(3, width, bias=bias)

    def forward(self, x):
        return helper(self.fc(x)) * SCALE
"""


def describe(source, *arguments, **values):
    torch.manual_seed(0)
    return F.describe_model(define(source, **{"SCALE": 2, **values})(*arguments))


def test_what_does_not_change_a_model():
    base = describe(NET)
    commented = NET.replace("        return helper", '        """Docstring."""\n        # why\n        return helper')
    assert describe(commented) == base
    assert describe(NET.replace("width=4, bias=True", "width = 4,  bias = True")) == base
    assert describe(NET, fc="an unrelated variable of the notebook", x=3) == base


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* SCALE", "+ SCALE"),
        ("x.relu()", "x.sigmoid()"),  # a function that the model calls
        ("rate = 0.5", "rate = 0.6"),  # a class attribute
        ("width=4", "width=5"),
        ("nn.Linear(3", "nn.Linear(6"),
    ],
)
def test_what_changes_a_model(old, new):
    assert old in NET
    assert describe(NET.replace(old, new)) != describe(NET)


def test_arguments_and_globals_change_a_model():
    assert describe(NET, 5) != describe(NET)
    assert describe(NET, 4, False) != describe(NET)
    assert describe(NET, SCALE=3) != describe(NET)


def test_arguments_that_leave_the_parameters_alone():
    described = []
    for option in ("A", None):
        torch.manual_seed(0)
        described.append(F.describe_model(cifar_resnet(8, shortcut=option)))
    assert described[0]["layers"] != described[1]["layers"] and described[0]["start"] == described[1]["start"]
    layers = [F.describe_model(nn.Sequential(nn.Dropout(p))) for p in (0.1, 0.2)]
    assert layers[0] != layers[1]


@pytest.mark.parametrize(
    "build",
    [
        lambda heads: nn.MultiheadAttention(8, heads),
        lambda heads: nn.TransformerEncoderLayer(8, heads, 16),
        lambda first: nn.TransformerEncoderLayer(8, 2, 16, norm_first=first == 2),
    ],
)
def test_arguments_that_torch_does_not_print(build):
    descriptions = []
    for argument in (2, 4, 2):
        torch.manual_seed(0)
        descriptions.append(F.describe_model(build(argument)))
    assert descriptions[0] == descriptions[2] != descriptions[1]


class Activated(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.activation = activation


def test_a_function_as_an_argument():
    relu, gelu = (F.describe_model(Activated(f)) for f in (nn.functional.relu, nn.functional.gelu))
    assert relu != gelu


def test_weights_to_start_from():
    def net(seed=0, zero=False):
        torch.manual_seed(seed)
        model = cifar_resnet(8)
        if zero:
            nn.init.zeros_(model.layer1[0].bn2.weight)
        return F.describe_model(model)

    assert net() == net()
    assert net() != net(zero=True) and net() != net(seed=1)


def test_optimizers_and_schedules():
    def both(lr=0.1, gamma=0.5, **options):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=lr, **options)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, gamma)
        return F.describe_optimizer(optimizer), F.describe_scheduler(schedule)

    assert both() == both()
    assert both()[0] != both(lr=0.2)[0] and both()[0] != both(momentum=0.9)[0]
    assert both()[1] != both(gamma=0.4)[1]
    assert F.describe_scheduler(None) is None


def test_functions_by_source_and_closure():
    def scaled(factor):
        return lambda step: factor * step

    assert F.describe(scaled(2)) == F.describe(scaled(2))
    assert F.describe(scaled(2)) != F.describe(scaled(3))
    assert F.describe(functools.partial(scaled, 2)) != F.describe(functools.partial(scaled, 3))
    # fmt: off
    waves = [
        lambda x: math.sin(x), lambda x: math.cos(x),
    ]
    # fmt: on
    assert F.describe(waves[0]) != F.describe(waves[1])
    assert "0x" not in str([F.describe(wave) for wave in waves])  # an address would differ in the next process
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1)
    schedules = [F.describe_scheduler(torch.optim.lr_scheduler.LambdaLR(optimizer, scaled(f))) for f in (2, 3)]
    assert schedules[0] != schedules[1]


def test_fingerprint_does_not_depend_on_the_order():
    assert F.fingerprint({"a": 1, "b": [2]}) == F.fingerprint({"b": [2], "a": 1}) != F.fingerprint({"a": 1, "b": [3]})


def layers_of_many_kinds():
    attention = nn.TransformerEncoderLayer(8, 2, 16, norm_first=True, batch_first=True)
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Dropout(0.2))
    return nn.ModuleList([attention, convolutions, nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(1), nn.GELU("tanh")])


def test_the_same_under_every_version():
    """Literals, seen under Python 3.10, 3.11 and 3.13 with torch 2.4, 2.15 and 2.11: a run made on one machine is
    recognised on another. Where this fails on a new version, stored runs would have to be trained again.
    """
    described = describe(NET)
    assert described["source"] == {"Net": "00c75d9c87ae21c2"} and described["layers"] == "284dd6ccca6858d2"
    assert F.describe_model(layers_of_many_kinds())["layers"] == "24aadb5ca1bbe372"
    assert F.describe(training.train_one_epoch)["source"] != F.describe(training.evaluate)["source"]
    pinned = F.describe(pinned_function)
    assert pinned["source"] == "be3fb7ca75f00cdf" and pinned["defaults"] == [[1, 2]]


def pinned_function(x, sizes=(1, 2)):
    """Syntax that Python's parsers have treated differently: slices, f-strings, several contexts."""
    with torch.no_grad(), torch.autograd.profiler.record_function(f"{x.shape[0]!r:>3} {'a'}"):
        first, *rest = x[:, None, ::2], *sizes
    return {**{"first": first}, "rest": [r**2 for r in rest if (s := r) > 0 and s]}
