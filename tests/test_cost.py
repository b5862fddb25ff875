"""tools/cost.py: the arithmetic of a training is counted, and nothing is trained."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tools import cost
from tools.repository import ROOT, files

CELLS = [
    """
import os, torch
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.training import fit
data = load_shapes(train=100, val=100, test=10)
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
before = model[1].weight.clone()
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
loaders = [ImageLoader(data, split, 32, "cpu", shuffle=split == "train") for split in ("train", "val")]
def score(model):
    return {"val_margin": 2.5}
run = fit(model, loaders[0], optimizer, None, 5, "cpu", {"val": loaders[1]}, checkpoint="T/linear", score=score)
""",
    "raise RuntimeError('a result that only a real training has')",
    """
same = torch.equal(before, model[1].weight)
lengths = len(run.history["val_accuracy"]), run.history["val_margin"]
open("after.txt", "w").write(f"{same} {run.finished} {model.training} {lengths}")
""",
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
    """
served = int((torch.cat([labels for _, labels in loaders[1]]) == data.val.labels).sum())
run = fit(model, loaders[0], optimizer, None, 1, "cpu", {}, checkpoint="T/after")
open("served.txt", "w").write(str(served))
from utils.checkpoint import save_weights
from utils.report import report
save_weights(model, os.path.join(os.environ["CHECKPOINT_DIR"], "quick", "T", "weights.pt"))
report("T", "error", "shapes", "test", None, [dict(what="net", paper=1.0, reproduction=None, runs=[(2.0, run)])])
""",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cost")


@pytest.fixture(scope="module")
def counted(folder):
    """The count of a notebook that also keeps weights and results: those of networks that nobody trained."""
    kept = folder / "kept"
    kept.mkdir()
    path = folder / "Linear.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS]), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHECKPOINT_DIR", str(kept))
        patch.setenv("RESULTS_DIR", str(kept))
        return cost.counted_in_process(path, "quick")


def test_the_arithmetic_of_each_training(counted):
    """A linear layer: 2 · 3072 · 10 operations an image forward, the same again for the gradient of its weights.

    The second `fit` of "T/again" does not count: a real one finds the training finished.
    """
    first, second, third = counted
    assert (first["name"], second["name"], third["name"]) == ("T/linear", "T/again", "T/after")
    assert (first["steps"], second["steps"]) == (5 * 4, 2 * 4)
    assert first["step_flops"] == 2 * 2 * 3072 * 10 * 32
    assert first["evaluation_flops"] == 5 * 100 * 2 * 3072 * 10
    assert second["evaluation_flops"] == 0 and first["step_launches"] >= 5


@pytest.mark.parametrize(
    ("layer", "forward"),
    [
        (nn.Conv2d(16, 16, 3, padding=1, groups=16), 2 * 64 * 16 * 9),
        (nn.Conv2d(16, 32, 3, padding=1, groups=2, stride=2), 2 * 16 * 32 * 8 * 9),
        (nn.Conv2d(16, 32, 1), 2 * 64 * 16 * 32),
        (nn.ConvTranspose2d(16, 8, 2, stride=2), 2 * 64 * 16 * 8 * 4),
    ],
)
def test_the_backward_pass_of_a_convolution_is_twice_the_forward_one_with_groups_too(layer, forward):
    with cost.counter() as whole:
        layer(torch.ones(3, 16, 8, 8, requires_grad=True)).sum().backward()
    assert whole.get_total_flops() == 3 * (3 * forward)
    with cost.counter() as whole:  # the images need no gradient
        layer(torch.ones(3, 16, 8, 8)).sum().backward()
    assert whole.get_total_flops() == 3 * (2 * forward)


def test_attention_counts_on_a_cpu_too():
    q = torch.ones(2, 4, 64, 16, requires_grad=True)
    with cost.counter() as forward:
        F.scaled_dot_product_attention(q, q, q)
    assert forward.get_total_flops() == 2 * (2 * 2 * 4 * 64 * 64 * 16)  # Q Kᵀ, and weights · V
    with cost.counter() as whole:
        F.scaled_dot_product_attention(q, q, q).sum().backward()
    assert whole.get_total_flops() == 7 * (2 * 2 * 4 * 64 * 64 * 16)  # the backward pass computes Q Kᵀ once more


def test_nothing_is_kept_of_networks_that_nobody_trained(folder, counted):
    assert list((folder / "kept").iterdir()) == []


def test_the_weights_stay_and_the_history_has_every_name(folder, counted):
    assert (folder / "after.txt").read_text() == f"True True False {(5, [2.5] * 5)}"


def test_what_is_evaluated_between_trainings_sees_one_or_two_batches(folder, counted):
    assert (folder / "seen.txt").read_text() == "[32] 4 2"  # evaluate; the training's loader; that of validation
    assert (folder / "served.txt").read_text() == "100"  # a cell that fails with two batches gets all of them


TRAINS = "run = fit(*plan[:5], 'cpu', {}, checkpoint='T/late')"


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        (["import time; time.sleep(60); slow = 1", "print(slow)", TRAINS], None),  # nothing is missing
        ([f"import time; time.sleep(60); {TRAINS}"], "TimeoutError"),
        (["def later():\n    " + TRAINS, "print(unknown); later()"], "NameError"),
    ],
)
def test_a_cell_that_fails_is_left_out_unless_it_trains(tmp_path, cells, error):
    cells = [CELLS[0] + "\nplan = model, loaders[0], optimizer, None, 1\nassert False", *cells]
    path = tmp_path / "Slow.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    code = "import json, pathlib, sys; from tools import cost; cost.PATIENCE = 8; "
    code += "print(json.dumps(cost.count(pathlib.Path(sys.argv[1]))))"
    environment = {**os.environ, "RUN_SCALE": "quick", "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], env=environment, cwd=ROOT, capture_output=True, text=True
    )
    if error is None:
        assert done.returncode == 0, done.stderr
        assert [one["name"] for one in json.loads(done.stdout.splitlines()[-1])] == ["T/linear", "T/late"]
    else:
        assert done.returncode == 1 and f"cell {len(cells)} of Slow.ipynb trains" in done.stderr
        assert f"cell {len(cells)} of Slow.ipynb ends with {error}" in done.stderr


def test_which_cells_train():
    cells = [
        "def train(net):\n    return fit(net)",  # defines, and trains nothing
        "class Task:\n    def run(self):\n        return train(1)",
        "runs = [train(net) for net in nets]",
        "short = partial(train, 2)\nlate = lambda: short()",
        "self.late = 1\nmodel.train()\nprint(runs)",
        "if more:\n    late()",
    ]
    assert cost.cells_that_train(cells) == {3, 4, 6}


def test_a_step_is_as_slow_as_its_arithmetic_or_its_launches():
    training = dict(steps=10, step_flops=2e6, step_launches=3, evaluation_flops=1e6, evaluation_launches=1)
    assert cost.seconds(training, rate=1e6, launch=0.1) == 10 * 2 + 1
    assert cost.seconds(training, rate=1e9, launch=0.1) == pytest.approx(10 * 0.3 + 0.1)


def test_the_table_has_a_line_for_each_notebook_and_a_sum(counted):
    table = cost.table({("a/B.ipynb", "gpu"): counted, ("a/B.ipynb", "paper"): counted[:1]})
    lines = table.splitlines()
    assert [line.split(" | ")[1:3] for line in lines[2:]] == [["gpu", "3"], ["paper", "1"], ["gpu", "3"]]
    assert lines[2].startswith("| a/B.ipynb") and lines[4].startswith("| all of them")


def test_the_page_has_every_stored_notebook_at_both_scales():
    page = (ROOT / "docs" / "cost.md").read_text().splitlines()
    lines = [line.split(" | ") for line in page if line.startswith("| ") and ".ipynb |" in line]
    found = [(name.removeprefix("| "), scale) for name, scale, *_ in lines]
    notebooks = {path.relative_to(ROOT).as_posix(): (path.parent / "results").is_dir() for path in files(".ipynb")}
    stored = {(name, scale) for name, kept in notebooks.items() for scale in ("gpu", "paper") if kept}
    assert stored and stored <= set(found), f"make cost prints the lines for docs/cost.md: {stored - set(found)}"
    assert len(set(found)) == len(found) and {name for name, _ in found} <= set(notebooks)
    assert all(int(line[2]) > 0 for line in lines)  # training runs
