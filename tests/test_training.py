"""utils/training.py, progress, checkpoint: resuming to the same bits, recognising runs, stopping early."""

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
from utils.checkpoint import Run
from utils.data import ImageLoader, load_shapes
from utils.device import set_seed
from utils.progress import Progress
from utils.training import evaluate, fit, train_one_epoch

ROOT = Path(__file__).resolve().parent.parent

TRAIN = """
import os, signal, sys
import torch
from architectures.resnet.resnet import cifar_resnet
from utils.data import ImageLoader, load_shapes
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
    loss, accuracy = evaluate(model, ImageLoader(tiny_shapes, "val", 7, "cpu"), "cpu")
    assert loss == pytest.approx(history["val_loss"][-1], rel=1e-5) and accuracy == history["val_accuracy"][-1]
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
    loss, accuracy = evaluate(nn.Identity(), loader, "cpu")
    assert accuracy == pytest.approx(2 / 3)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, torch.tensor([0, 0, 0])).item())


def test_train_one_epoch_is_plain_gradient_descent():
    """One parameter, two steps, by hand: loss (w x - y)², learning rate 0.1, halved after the first step."""
    w = nn.Linear(1, 1, bias=False)
    nn.init.ones_(w.weight)

    def objective(model, x, y):
        return ((model(x) - y) ** 2).mean(), torch.tensor(0), len(x)

    loader = [(torch.tensor([[1.0]]), torch.tensor([[3.0]])), (torch.tensor([[2.0]]), torch.tensor([[0.0]]))]
    optimizer = torch.optim.SGD(w.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    loss, _ = train_one_epoch(w, loader, optimizer, scheduler, scaler, "cpu", torch.float32, objective)
    # w = 1: loss 4, gradient -4, w = 1.4; then loss 7.84, gradient 11.2, step 0.05: w = 0.84
    assert loss == pytest.approx((4 + 7.84) / 2)
    assert w.weight.item() == pytest.approx(0.84)


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
    assert len(run.history["val_bias"]) == 4 and f"val bias {run.history['val_bias'][-1]:.1f}" in out
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
