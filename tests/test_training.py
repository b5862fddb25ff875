"""utils/training.py, progress, checkpoint: resuming to the same bits, recognising runs, stopping early."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from architectures.resnet.resnet import cifar_resnet
from utils import training
from utils.checkpoint import CheckpointError, Run
from utils.device import set_seed
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.progress import Progress
from utils.training import evaluate, fit, train_one_epoch

ROOT = Path(__file__).resolve().parent.parent

TRAIN = """
import os, signal, sys
import torch
from architectures.resnet.resnet import cifar_resnet
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.device import set_seed
from utils.progress import Progress
from utils.training import fit

class Deadly(ImageLoader):
    def __iter__(self):
        kill = self.epoch == 1 and "KILL" in os.environ
        for step, batch in enumerate(super().__iter__()):
            if kill and step == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

set_seed(0)
data = load_shapes(train=80, val=40, test=10)
model = torch.nn.Sequential(cifar_resnet(8), torch.nn.Dropout(0.2))  # dropout: the random states matter
loader = Deadly(data, "train", 16, "cpu", shuffle=True, augment=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=3 * len(loader))
evaluate_on = {"val": ImageLoader(data, "val", 40, "cpu")}
run = fit(model, loader, optimizer, scheduler, 3, "cpu", evaluate_on, checkpoint="T/net")
assert run.finished
torch.save({"model": model.state_dict(), "history": run.history}, sys.argv[1])
"""


def train_in_a_process(folder, result, kill=False):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHECKPOINT_DIR": str(folder), "RUN_SCALE": "quick"}
    environment.update({"OMP_NUM_THREADS": "1", **({"KILL": "1"} if kill else {})})
    command = [sys.executable, "-c", TRAIN, str(result)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train_in_a_process(whole, tmp_path / "a.pt").returncode == 0
    killed = train_in_a_process(broken, tmp_path / "b.pt", kill=True)
    assert killed.returncode == -signal.SIGKILL and not (tmp_path / "b.pt").exists()
    assert len(list(broken.rglob("*.pt"))) == 1  # the first epoch was kept
    resumed = train_in_a_process(broken, tmp_path / "b.pt")
    assert resumed.returncode == 0, resumed.stderr
    assert "Resuming after epoch 1 of 3" in resumed.stdout
    a, b = (torch.load(tmp_path / name, weights_only=True) for name in ("a.pt", "b.pt"))
    assert a["model"].keys() == b["model"].keys()
    assert all(torch.equal(a["model"][key], b["model"][key]) for key in a["model"])
    for key in ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"):
        assert a["history"][key] == b["history"][key]
    assert len(a["history"]["train_loss"]) == 3


@pytest.fixture(autouse=True)
def the_same_precision_on_every_chip(monkeypatch):
    """Numbers are compared below: float32, also where the chip would be given bfloat16."""
    monkeypatch.setattr(training, "choose_precision", lambda _: (torch.float32, "for the tests"))


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))
    return tmp_path


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, width, 8, stride=8), nn.Linear(width, 10)

    def forward(self, x):
        return self.fc(self.conv(x).relu().mean((2, 3)))


def go(
    data,
    model=None,
    epochs=2,
    lr=0.05,
    seed=0,
    name="T/net",
    loader_type=ImageLoader,
    train_epoch=train_one_epoch,
    score=None,
    keep=0,
    **loader_options,
):
    set_seed(seed)
    model = Net() if model is None else model()
    loader = loader_type(data, "train", 32, "cpu", shuffle=True, **loader_options)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    evaluate_on = {"val": ImageLoader(data, "val", 32, "cpu")}
    options = dict(train_epoch=train_epoch, checkpoint=name, score=score, keep=keep)
    return model, fit(model, loader, optimizer, None, epochs, "cpu", evaluate_on, **options)


def files(folder):
    return sorted(path.name for path in folder.rglob("*.pt"))


def test_history_and_learning(tiny_shapes, checkpoints, capsys):
    model, run = go(tiny_shapes, epochs=3)
    history = run.history
    assert history["epoch"] == [1, 2, 3] and run.finished
    expected = {
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "learning_rate",
        "seconds",
        "per_second",
    }
    assert set(history) == expected and all(len(values) == 3 for values in history.values())
    assert history["train_loss"][2] < history["train_loss"][0]
    means = evaluate(model, ImageLoader(tiny_shapes, "val", 7, "cpu"), "cpu")
    assert means["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-5)
    assert means["accuracy"] == history["val_accuracy"][-1]
    said = capsys.readouterr().out
    assert "interrupting the cell" in said and "epoch   3/3" in said


@pytest.mark.parametrize(("lines", "printed"), [(30, [1, 2, 3, 4, 5]), (3, [1, 2, 4, 5]), (1, [5])])
def test_a_training_prints_as_many_epochs_as_it_is_told(tiny_shapes, capsys, lines, printed):
    loader = ImageLoader(tiny_shapes, "train", 48, "cpu")
    evaluate_on = {"val": ImageLoader(tiny_shapes, "val", 32, "cpu")}
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    run = fit(model, loader, optimizer, None, 5, "cpu", evaluate_on, lines=lines)
    said = re.findall(r"epoch +(\d+)/5  train loss", capsys.readouterr().out)
    assert len(run.history["epoch"]) == 5 and [int(epoch) for epoch in said] == printed


def test_evaluate_by_hand():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    loader = [(logits[:2], torch.tensor([0, 0])), (logits[2:], torch.tensor([0]))]
    means = evaluate(nn.Identity(), loader, "cpu")
    assert list(means) == ["loss", "accuracy"] and means["accuracy"] == pytest.approx(2 / 3)
    assert means["loss"] == pytest.approx(nn.functional.cross_entropy(logits, torch.tensor([0, 0, 0])).item())


def test_train_one_epoch_is_plain_gradient_descent():
    """One parameter, two steps, by hand: loss (w x - y)², learning rate 0.1, halved after the first step."""
    w = nn.Linear(1, 1, bias=False)
    nn.init.ones_(w.weight)

    def objective(model, x, y):
        return ((model(x) - y) ** 2).mean(), len(x), {}

    loader = [(torch.tensor([[1.0]]), torch.tensor([[3.0]])), (torch.tensor([[2.0]]), torch.tensor([[0.0]]))]
    optimizer = torch.optim.SGD(w.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    means = train_one_epoch(w, loader, optimizer, scheduler, scaler, "cpu", torch.float32, objective)
    # w = 1: loss 4, gradient -4, w = 1.4; then loss 7.84, gradient 11.2, step 0.05: w = 0.84
    assert means == {"loss": pytest.approx((4 + 7.84) / 2)}
    assert w.weight.item() == pytest.approx(0.84)


def squared(model, x, y):
    """An objective of two parts: (w x - y)², with |w x - y| and the number of large errors beside it."""
    error = model(x) - y
    return (error**2).mean(), len(x), {"absolute": error.abs().sum(), "large_share": (error.abs() > 1).sum()}


class Points:
    """Batches of the sizes `sizes` of eight fixed points, as a loader."""

    def __init__(self, *sizes):
        x = torch.linspace(-1, 2, 8)[:, None]
        self.batches = list(zip(x.split(sizes), (3 * x + 1).split(sizes)))
        self.count, self.epoch = 8, 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        self.epoch += 1
        return iter(self.batches)

    def describe(self):
        return {"batches": len(self)}


def epoch_of(sizes, clip=None, accumulate=1, momentum=0.0):
    """One epoch of a linear model on Points; returns (weight, bias) and the means."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    options = dict(clip=clip, accumulate=accumulate)
    means = train_one_epoch(model, Points(*sizes), optimizer, None, scaler, "cpu", torch.float32, squared, **options)
    return torch.stack([model.weight.flatten(), model.bias]).detach(), means


def test_means_of_any_names_are_weighted_by_the_examples():
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    even, uneven = (evaluate(model, Points(*sizes), "cpu", objective=squared) for sizes in ((8,), (5, 2, 1)))
    y = 3 * torch.linspace(-1, 2, 8) + 1
    expected = {"loss": y.pow(2).mean(), "absolute": y.abs().mean(), "large_share": (y.abs() > 1).float().mean()}
    assert list(even) == list(expected)
    for name, value in expected.items():
        assert even[name] == pytest.approx(value.item(), rel=1e-5) == uneven[name]


def test_accumulated_batches_make_the_step_of_one_large_batch():
    whole, _ = epoch_of((8,))
    for sizes, accumulate in (((4, 4), 2), ((5, 2, 1), 3), ((3, 3, 2), 4)):
        parts, _ = epoch_of(sizes, accumulate=accumulate)
        assert torch.allclose(parts, whole, atol=1e-6), sizes
    two_steps, _ = epoch_of((2, 2, 2, 2), accumulate=2)
    assert torch.allclose(two_steps, epoch_of((4, 4))[0], atol=1e-6) and not torch.allclose(two_steps, whole)
    rest, _ = epoch_of((3, 3, 2), accumulate=2)  # the last batch alone is a step too
    assert torch.allclose(rest, epoch_of((6, 2))[0], atol=1e-6)


def test_clipping_shortens_long_gradients_and_leaves_short_ones():
    start = epoch_of((8,), clip=0.0)[0]  # no step at all
    free, clipped = epoch_of((8,))[0] - start, epoch_of((8,), clip=0.5)[0] - start
    assert free.norm() > 0.05 and clipped.norm() == pytest.approx(0.05, rel=1e-3)  # learning rate 0.1 times 0.5
    assert torch.allclose(clipped / clipped.norm(), free / free.norm(), atol=1e-5)
    assert torch.equal(epoch_of((8,), clip=1e6)[0], epoch_of((8,))[0])
    accumulated = epoch_of((5, 3), clip=0.5, accumulate=2)[0] - start  # clipped once, after the division
    assert torch.allclose(accumulated, clipped, atol=1e-6)


class Loud(torch.amp.GradScaler):
    """A scaler as in float16, on the CPU: the loss is enlarged 1,024-fold."""

    def __init__(self):
        super().__init__("cpu", init_scale=1024.0, growth_interval=1000)


@pytest.mark.parametrize(("clip", "accumulate"), [(None, 1), (0.5, 1), (None, 2), (0.5, 2)])
def test_the_scaler_changes_no_step(clip, accumulate):
    quiet, _ = epoch_of((4, 4), clip, accumulate)
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    arguments = (Points(4, 4), optimizer, None, Loud(), "cpu", torch.float32, squared)
    means = train_one_epoch(model, *arguments, clip=clip, accumulate=accumulate)
    assert torch.allclose(torch.stack([model.weight.flatten(), model.bias]), quiet, atol=1e-6)
    assert means == pytest.approx(epoch_of((4, 4), clip, accumulate)[1])


def test_a_skipped_step_does_not_move_the_schedule():
    model = nn.Linear(1, 1)
    before = [p.clone() for p in model.parameters()]

    def objective(model, x, y):
        loss, count, sums = squared(model, x, y)
        return loss * (float("inf") if len(x) == 3 else 1.0), count, sums

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    scaler = Loud()
    train_one_epoch(model, Points(3, 5), optimizer, scheduler, scaler, "cpu", torch.float32, objective)
    assert scheduler.last_epoch == 1 and scaler.get_scale() == 512  # the first of two steps was infinite: skipped
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert not all(torch.equal(p, q) for p, q in zip(model.parameters(), before))  # the second was taken


def test_fit_takes_any_objective(checkpoints, capsys):
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = dict(objective=squared, checkpoint="T/line", clip=10.0, accumulate=2)
    run = fit(model, Points(3, 3, 2), optimizer, None, 3, "cpu", {"val": Points(8)}, **options)
    names = {f"{split}_{name}" for split in ("train", "val") for name in ("loss", "absolute", "large_share")}
    assert set(run.history) == names | {"epoch", "learning_rate", "seconds", "per_second"}
    assert run.history["val_loss"][-1] < run.history["val_loss"][0]
    assert f"val loss {run.history['val_loss'][-1]:.3f} absolute" in capsys.readouterr().out
    assert run.identity["update"] == {"clip": 10.0, "accumulate": 2}
    torch.manual_seed(0)
    other = fit(nn.Linear(1, 1), Points(3, 3, 2), optimizer, None, 3, "cpu", {"val": Points(8)}, objective=squared)
    assert "update" not in other.identity


def test_fit_clips_at_a_norm_of_one_too(checkpoints):
    def end(**options):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        start = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        run = fit(
            model, Points(3, 3, 2), optimizer, None, 1, "cpu", {}, objective=steep, checkpoint="T/clip", **options
        )
        return run, (torch.cat([p.detach().flatten() for p in model.parameters()]) - start).norm().item()

    def steep(model, x, y):
        loss, count, _ = squared(model, x, y)
        return 1e4 * loss, count, {}

    (free, far), (clipped, near) = end(), end(clip=1)
    assert far > 1 > 0.031 > near > 0.005  # three steps of 0.01 at most
    assert free.path != clipped.path and clipped.identity["update"] == {"clip": 1}


class Drawn(Points):
    """Points whose targets are drawn anew in each pass, from the number of the epoch."""

    def __iter__(self):
        shift = torch.rand(1, generator=torch.Generator().manual_seed(self.epoch))
        return iter([(x, y + shift) for x, y in super().__iter__()])


def test_what_an_evaluation_draws_is_the_same_after_a_break(checkpoints):
    def train(*breaks):
        torch.manual_seed(0)
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        breaks = iter(breaks)  # an iterator is no part of the run's identity

        def score(model):
            if next(breaks, False):
                raise KeyboardInterrupt
            return {}

        val = {"val": Drawn(8)}
        return fit(model, Points(8), optimizer, None, 4, "cpu", val, squared, checkpoint="T/drawn", score=score)

    broken = train(False, False, True)
    assert not broken.finished and broken.history["epoch"] == [1, 2]
    resumed = train()
    assert resumed.path == broken.path and resumed.history["val_loss"][:2] == broken.history["val_loss"]
    resumed.path.unlink()
    whole = train()
    assert resumed.history["val_loss"] == whole.history["val_loss"] and len(whole.history["val_loss"]) == 4


def test_fit_leaves_the_model_in_evaluation_mode(checkpoints):
    for found in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5)).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        run = fit(model, Points(8), optimizer, None, 1, "cpu", {}, squared, checkpoint="T/mode")
        assert run.finished and not model.training, found


def test_precision_belongs_to_a_training(tiny_shapes, checkpoints):
    def train(**options):
        set_seed(0)
        model = Net()
        loader = ImageLoader(tiny_shapes, "train", 32, "cpu")
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        return fit(model, loader, optimizer, None, 1, "cpu", {}, checkpoint="T/p", **options)

    default, named, other = train(), train(precision="float32"), train(precision="bfloat16")
    assert [run.sessions[0]["precision"] for run in (default, named, other)] == ["float32", "float32", "bfloat16"]
    assert named.history["train_loss"] == default.history["train_loss"] != other.history["train_loss"]
    assert len({run.path for run in (default, named, other)}) == 3
    with pytest.raises(ValueError, match="precision is 'half'; expected"):
        train(precision="half")


def go_compiled(data, name="T/c", **options):
    set_seed(0)
    model = cifar_resnet(8)
    loader = ImageLoader(data, "train", 40, "cpu", shuffle=True)  # 96 images: the last batch has 16
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return model, fit(model, loader, optimizer, None, 2, "cpu", {}, checkpoint=name, compile=True, **options)


def test_a_compiled_training_keeps_plain_names(tiny_shapes, checkpoints, monkeypatch):
    """Traced by torch.compile's front end alone (backend "eager"): no C++ compiler has to be there."""
    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda module, **options: compile_(module, **{**options, "backend": "eager"}))
    model, run = go_compiled(tiny_shapes)
    assert run.sessions[0]["compiled"] and run.made().count("compiled") == 1
    # torch's remark about a missing CUDA runtime would be stderr in every stored notebook
    assert not logging.getLogger("torch.utils.cpp_extension").isEnabledFor(logging.WARNING)
    saved = torch.load(run.path, weights_only=True)["model"]
    assert list(saved) == list(cifar_resnet(8).state_dict())
    set_seed(0)
    plain = cifar_resnet(8)
    loader = ImageLoader(tiny_shapes, "train", 40, "cpu", shuffle=True)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.05, momentum=0.9)
    same = fit(plain, loader, optimizer, None, 2, "cpu", {})
    assert same.history["train_loss"] == pytest.approx(run.history["train_loss"], rel=1e-4)


def test_without_a_compiler_the_training_runs_as_it_is(tiny_shapes, checkpoints, monkeypatch, capsys):
    def none(*_, **__):
        raise RuntimeError("no C++ compiler was found\nand a long story")

    monkeypatch.setattr(torch, "compile", none)
    _, run = go_compiled(tiny_shapes)
    said = capsys.readouterr().out
    assert "torch.compile does not work here (no C++ compiler was found); the training runs without it" in said
    assert run.finished and not run.sessions[0]["compiled"] and "compiled" not in run.made()


def test_a_full_disk_does_not_end_a_training(tiny_shapes, checkpoints, monkeypatch, capsys):
    """Epochs 2 and 3 of 4 cannot be written: one warning, the first file stays whole, the last is written again."""
    save, calls = torch.save, []

    def full(content, file):
        calls.append(len(content["history"]["epoch"]))
        if calls[-1] in (2, 3):
            file.write(b"half a checkpoint")
            raise RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 64 vs 0")
        save(content, file)

    kept_after = {}

    def look(model):
        for path in checkpoints.rglob("*.pt"):
            kept_after[len(calls)] = len(torch.load(path, weights_only=True)["history"]["epoch"])
        return {}

    monkeypatch.setattr(torch, "save", full)
    model, run = go(tiny_shapes, epochs=4, score=look)
    said = capsys.readouterr().out
    assert run.finished and calls == [1, 2, 3, 4] and kept_after == {1: 1, 2: 1, 3: 1}
    assert said.count("WARNING") == 1 and "after epoch 2 the checkpoint" in said and str(checkpoints) in said
    assert re.search(r"needs about [\d.,]+ MB, and [\d.,]+ MB are free", said) and "set CHECKPOINT_DIR" in said
    assert not list(checkpoints.rglob("*.part"))
    monkeypatch.undo()
    monkeypatch.setenv("CHECKPOINT_DIR", str(checkpoints))
    assert len(torch.load(run.path, weights_only=True)["history"]["epoch"]) == 4


def test_a_folder_that_cannot_be_made_is_told_before_the_first_step(tiny_shapes, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "file" / "inside"))
    steps = []
    monkeypatch.setattr(Progress, "step", lambda progress: steps.append(1))
    with pytest.raises(CheckpointError, match=r"cannot be written to .*inside.* set CHECKPOINT_DIR to a folder"):
        go(tiny_shapes)
    assert not steps


def test_a_finished_run_is_recognised(tiny_shapes, checkpoints, capsys):
    first, run = go(tiny_shapes)
    capsys.readouterr()
    again, same = go(tiny_shapes)
    said = capsys.readouterr().out
    assert "Found this run, finished" in said and "float32" in said and "core" in said
    assert (
        "epoch   1/2" in said and "epoch   2/2" in said and "interrupting" not in said
    )  # shown again, not trained again
    assert same.history == run.history and same.sessions == run.sessions
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values()))
    assert len(files(checkpoints)) == 1


def test_a_recognised_run_leaves_its_loaders_where_the_training_did(tiny_shapes, checkpoints):
    loaders = []

    def loader(*arguments, **options):
        loaders.append(ImageLoader(*arguments, **options))
        return loaders[-1]

    go(tiny_shapes, loader_type=loader, augment=True)
    go(tiny_shapes, loader_type=loader, augment=True)
    trained, recognised = loaders
    assert trained.epoch == recognised.epoch == 2
    assert torch.equal(next(iter(trained))[0], next(iter(recognised))[0])


class Edited(Net):
    def forward(self, x):
        return self.fc(self.conv(x).relu().amax((2, 3)))


Edited.__name__ = Edited.__qualname__ = "Net"  # the same class with another forward, as after an edit


@pytest.mark.parametrize(
    "change",
    [
        dict(lr=0.06),
        dict(seed=1),
        dict(epochs=3),
        dict(augment=True),
        dict(model=lambda: Net(width=5)),
        dict(model=Edited),
    ],
    ids=["lr", "seed", "epochs", "augment", "argument", "forward"],
)
def test_any_change_trains_anew_in_a_file_of_its_own(tiny_shapes, checkpoints, capsys, change):
    go(tiny_shapes)
    before = files(checkpoints)
    capsys.readouterr()
    go(tiny_shapes, **change)
    said = capsys.readouterr().out
    assert "Found" not in said and "was trained with another" in said
    assert len(files(checkpoints)) == 2 and before[0] in files(checkpoints)


def test_plain_is_not_served_the_run_of_shortcut_a(tiny_shapes, checkpoints, capsys):
    go(tiny_shapes, model=lambda: cifar_resnet(8, shortcut="A"), epochs=1)
    go(tiny_shapes, model=lambda: cifar_resnet(8, shortcut=None), epochs=1)
    assert len(files(checkpoints)) == 2 and "Found" not in capsys.readouterr().out


def test_another_data_set_is_another_run(tiny_shapes, checkpoints):
    go(tiny_shapes)
    go(load_shapes(96, 32, 32, seed=8))
    assert len(files(checkpoints)) == 2


def test_an_edited_loop_is_used_and_is_another_run(tiny_shapes, checkpoints):
    calls = []

    def edited(*arguments, **options):
        calls.append(1)
        return train_one_epoch(*arguments, **options)

    go(tiny_shapes)
    go(tiny_shapes, train_epoch=edited)
    assert len(files(checkpoints)) == 2 and len(calls) == 2


def interrupted(data, monkeypatch, after, epochs, **options):
    """A training that is interrupted in its second step after `after` whole epochs (of three steps)."""
    step = Progress.step

    def stop(progress):
        step(progress)
        if progress.steps == 3 * after + 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "step", stop)
        return go(data, epochs=epochs, **options)[1]


@pytest.mark.parametrize("stop_at", [0, 2])
def test_an_interrupt_ends_it_with_what_there_is(tiny_shapes, checkpoints, monkeypatch, capsys, stop_at):
    run = interrupted(tiny_shapes, monkeypatch, stop_at, epochs=4)
    assert not run.finished and len(run.history["val_accuracy"]) == max(stop_at, 1)
    assert f"Interrupted after {stop_at} finished epochs of 4" in capsys.readouterr().out
    assert "core" in run.made() and "nan" not in run.made()
    model, resumed = go(tiny_shapes, epochs=4)
    fresh_model, fresh = go(tiny_shapes, epochs=4, name="T/other")
    assert resumed.finished
    assert resumed.history["val_loss"] == fresh.history["val_loss"]
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), fresh_model.state_dict().values()))


def bias(model):
    return {"val_bias": 100 * model.fc.bias[0].item()}


def test_scores_and_the_last_weights_stay_with_the_run(tiny_shapes, checkpoints, monkeypatch, capsys):
    interrupted(tiny_shapes, monkeypatch, 1, epochs=4, score=bias, keep=2)
    model, run = go(tiny_shapes, epochs=4, score=bias, keep=2)
    assert "Resuming after epoch 1" in (out := capsys.readouterr().out)
    assert len(run.history["val_bias"]) == 4 and f"bias {run.history['val_bias'][-1]:.3f}" in out
    assert [100 * weights["fc.bias"][0].item() for weights in run.kept] == run.history["val_bias"][-2:]
    assert all(torch.equal(a, b) for a, b in zip(run.kept[-1].values(), model.state_dict().values()))
    _, again = go(tiny_shapes, epochs=4, score=bias, keep=2)
    assert all(torch.equal(run.kept[0][name], again.kept[0][name]) for name in run.kept[0])
    _, plain = go(tiny_shapes, epochs=4)
    assert plain.kept == [] and plain.path != run.path and plain.history["val_loss"] == run.history["val_loss"]
    assert go(tiny_shapes, epochs=4, score=lambda model: {"val_bias": 0.0}, keep=2)[1].path != run.path


def test_without_a_name_nothing_is_kept(tiny_shapes, checkpoints):
    _, run = go(tiny_shapes, name=None)
    assert run.finished and run.path is None and run.sessions[0]["precision"] == "float32"
    assert files(checkpoints) == []


def test_sessions_tell_every_machine(tiny_shapes, checkpoints, monkeypatch):
    interrupted(tiny_shapes, monkeypatch, 1, epochs=3)
    monkeypatch.setattr("utils.checkpoint.hardware", lambda _: "another chip")
    _, run = go(tiny_shapes, epochs=3)
    assert [s["from_epoch"] for s in run.sessions] == [1, 2]
    assert run.sessions[1]["hardware"] == "another chip" and " then another chip" in run.made()


def test_sessions_that_read_alike_are_told_once(tiny_shapes, checkpoints, monkeypatch):
    interrupted(tiny_shapes, monkeypatch, 1, epochs=3)
    monkeypatch.setattr("torch.get_num_threads", lambda: 5)
    _, run = go(tiny_shapes, epochs=3)
    assert [s["from_epoch"] for s in run.sessions] == [1, 2] and run.sessions[1]["threads"] == 5
    assert " then " not in run.made()


def test_bfloat16_is_used_where_it_is_chosen(tiny_shapes, checkpoints, monkeypatch):
    seen = []

    class Watching(Net):
        def forward(self, x):
            out = super().forward(x)
            seen.append(out.dtype)
            return out

    monkeypatch.setattr(training, "choose_precision", lambda _: (torch.bfloat16, "test"))
    _, run = go(tiny_shapes, model=Watching, epochs=1)
    assert set(seen) == {torch.bfloat16} and run.sessions[0]["precision"] == "bfloat16"


def test_a_run_goes_on_in_another_precision(tiny_shapes, checkpoints, monkeypatch):
    """From a chip without a gradient scaler to one with it: the scaler that was off has no state to take up."""
    interrupted(tiny_shapes, monkeypatch, 1, epochs=2)

    class Scaler(torch.amp.GradScaler):
        def __init__(self, *arguments, **options):
            super().__init__("cpu", enabled=True, init_scale=4.0)

    monkeypatch.setattr(torch.amp, "GradScaler", Scaler)
    monkeypatch.setattr(training, "choose_precision", lambda _: (torch.bfloat16, "test"))
    _, run = go(tiny_shapes)
    assert run.finished and [s["precision"] for s in run.sessions] == ["float32", "bfloat16"]
    assert torch.load(run.path, weights_only=True)["scaler"]["scale"] == 4.0


class Cutout(ImageLoader):
    def normalise(self, images):
        images = super().normalise(images)
        images[:, :, :8, :8] = 0
        return images


def test_another_loader_is_another_run(tiny_shapes, checkpoints):
    go(tiny_shapes)
    go(tiny_shapes, loader_type=Cutout)
    assert len(files(checkpoints)) == 2


def test_an_empty_validation_set_is_refused_before_the_training():
    with pytest.raises(ValueError, match="'val' split of shapes .* is empty"):
        ImageLoader(load_shapes(20, 0, 10), "val", 10, "cpu")


def test_run_without_epochs_is_not_finished():
    assert not Run(None, {}, 2, "cpu", torch.float32).finished
