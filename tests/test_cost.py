"""tools/cost.py: the arithmetic of a training is counted, and nothing is trained."""

import nbformat
import pytest

from tools import cost

CELLS = [
    """
import torch
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.training import fit
data = load_shapes(train=100, val=100, test=10)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
before = model[1].weight.clone()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
loaders = [ImageLoader(data, split, 32, "cpu", shuffle=split == "train") for split in ("train", "val")]
run = fit(model, loaders[0], optimizer, None, 5, "cpu", {"val": loaders[1]}, checkpoint="T/linear")
""",
    "raise RuntimeError('a result that only a real training has')",
    "assert torch.equal(before, model[1].weight) and run.finished and len(run.history['val_accuracy']) == 5",
    "again = [fit(model, loaders[0], optimizer, None, 2, 'cpu', {}, checkpoint='T/again') for _ in range(2)]",
    """
from utils.training import evaluate
seen = []
def objective(model, images, labels):
    seen.append(len(labels))
    return model(images).sum(), len(labels), {}
evaluate(model, loaders[1], "cpu", objective=objective)
open("seen.txt", "w").write(f"{seen} {len(list(loaders[0]))} {len(list(loaders[1]))}")
""",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cost")


@pytest.fixture(scope="module")
def counted(folder):
    path = folder / "Linear.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), path)
    return cost.counted_in_process(path, "quick")


def test_the_arithmetic_of_each_training(counted):
    """A linear layer: 2 · 3072 · 10 operations an image forward, the same again for the gradient of its weights.

    The second `fit` of "T/again" does not count: a real one finds the training finished.
    """
    first, second = counted
    assert (first["name"], second["name"]) == ("T/linear", "T/again")
    assert (first["steps"], second["steps"]) == (5 * 4, 2 * 4)
    assert first["step_flops"] == 2 * 2 * 3072 * 10 * 32
    assert first["evaluation_flops"] == 5 * 100 * 2 * 3072 * 10
    assert second["evaluation_flops"] == 0 and first["step_launches"] >= 5


def test_what_is_evaluated_between_trainings_sees_one_or_two_batches(folder, counted):
    assert (folder / "seen.txt").read_text() == "[32] 4 2"  # evaluate; the training's loader; that of validation


def test_a_step_is_as_slow_as_its_arithmetic_or_its_launches():
    training = dict(steps=10, step_flops=2e6, step_launches=3, evaluation_flops=1e6, evaluation_launches=1)
    assert cost.seconds(training, rate=1e6, launch=0.1) == 10 * 2 + 1
    assert cost.seconds(training, rate=1e9, launch=0.1) == pytest.approx(10 * 0.3 + 0.1)


def test_the_table_has_a_line_for_each_notebook_and_a_sum(counted):
    table = cost.table({("a/B.ipynb", "gpu"): counted, ("a/B.ipynb", "paper"): counted[:1]})
    lines = table.splitlines()
    assert [line.split(" | ")[1:3] for line in lines[2:]] == [["gpu", "2"], ["paper", "1"], ["gpu", "2"]]
    assert lines[2].startswith("| a/B.ipynb") and lines[4].startswith("| all of them")
