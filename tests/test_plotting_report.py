"""utils/plotting.py and utils/report.py: what they draw, what they keep, what they refuse to keep."""

import base64
import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from tools import repository
from utils import plotting, report


class FakeRun:
    def __init__(self, epochs=3, seed=0, finished=True):
        self.history = {"epoch": list(range(1, epochs + 1)), "seconds": [60.0] * epochs}
        for split in ("train", "val"):
            self.history[f"{split}_loss"] = [1 / (i + 1) for i in range(epochs)]
            self.history[f"{split}_accuracy"] = [0.5 + 0.1 * i for i in range(epochs)]
        self.minutes = float(epochs)
        self.finished, self.identity = finished, {"seed": seed}
        session = {"hardware": "2 chips", "precision": "float32", "versions": {"torch": "2.11"}, "date": "2026-11-21"}
        self.sessions = [session]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_histories_of_several_runs():
    before = dict(plt.rcParams)
    plotting.plot_histories({"A": FakeRun(), "B": FakeRun(5)}, "CIFAR-10")
    figure = plt.gcf()
    loss, accuracy = figure.axes
    assert len(loss.lines) == len(accuracy.lines) == 4
    assert list(accuracy.lines[0].get_ydata()) == pytest.approx([50, 60, 70])
    assert "nats" in loss.get_ylabel() and "%" in accuracy.get_ylabel() and loss.get_xlabel() == "epoch"
    assert "CIFAR-10" in figure.get_suptitle()
    assert {line.get_color() for line in loss.lines} == set(plotting.COLOURS[:2])
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize("epochs", [0, 1])
def test_histories_of_an_interrupted_run(epochs):
    plotting.plot_histories({"A": FakeRun(epochs)}, "shapes")
    assert len(plt.gcf().axes[0].lines[0].get_xdata()) == epochs


def test_curves_share_colours_by_name_and_styles_by_variant():
    panels = {
        "plain": {"20 layers, test": [5, 4, 3], "20 layers, training": [4, None, 2], "56 layers, test": [9, 8, 7]},
        "residual": {"56 layers, test": ([10, 20], [2.0, float("nan")])},
    }
    plotting.plot_curves(panels, "epoch", "error (%)", "Degradation", log=True)
    left, right = plt.gcf().axes
    twenty, training, deep = left.lines
    assert twenty.get_color() == training.get_color() == plotting.COLOURS[0] != deep.get_color()
    assert twenty.get_linestyle() == deep.get_linestyle() == "-" and training.get_linestyle() == "--"
    assert right.lines[0].get_color() == deep.get_color() and list(right.lines[0].get_xdata()) == [10, 20]
    assert list(twenty.get_xdata()) == [1, 2, 3] and np.isnan(training.get_ydata()[1])
    assert np.isnan(right.lines[0].get_ydata()[1])
    assert left.get_yscale() == right.get_yscale() == "log" and left.get_ylim() == right.get_ylim()
    assert left.get_ylabel() == "error (%)" and left.get_xlabel() == right.get_xlabel() == "epoch"
    assert left.get_legend() and right.get_legend()  # the panels differ in their lines
    plotting.plot_curves({"a": {"x": [1, 2]}, "b": {"x": [2, 1]}}, "epoch", "loss")
    assert [axis.get_legend() is not None for axis in plt.gcf().axes] == [False, True]


def test_spread_shows_every_value_and_the_mean():
    plotting.plot_spread({"A": [20.0, 22.0], "B": [30.0]}, "error (%)", "title")
    axis = plt.gcf().axes[0]
    dots, mean = axis.lines[:2]
    assert list(dots.get_ydata()) == [20, 22] and list(mean.get_ydata()) == [21, 21]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["A", "B"]
    assert axis.get_ylabel() == "error (%)" and axis.get_title() == "title"


def test_attention_maps():
    plotting.plot_attention(torch.rand(6, 2, 3), ["a", "b"], ["x", "y", "z"], "title")
    axes = plt.gcf().axes
    assert len(axes) == 8 and [len(axis.images) for axis in axes] == [1] * 6 + [0] * 2 and not axes[7].axison
    assert axes[5].get_title() == "head 5" and axes[0].images[0].get_array().shape == (2, 3)
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["x", "y", "z"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["a", "b"]


def test_image_grid():
    plotting.show_images(np.zeros((7, 8, 8, 3), np.uint8), [str(i) for i in range(7)], columns=5)
    axes = plt.gcf().axes
    assert len(axes) == 10 and [len(axis.images) for axis in axes] == [1] * 7 + [0] * 3
    assert axes[6].get_title() == "6" and not axes[9].axison
    dim = torch.linspace(0.2, 0.4, 64).view(1, 8, 8)
    plotting.show_images(dim.expand(2, 8, 8), columns=2)
    assert len(plt.gcf().axes) == 2 and np.allclose(plt.gcf().axes[0].images[0].get_clim(), (0.2, 0.4))
    plotting.show_images(dim, columns=1, limits=(0, 1))
    assert plt.gcf().axes[0].images[0].get_clim() == (0, 1)


def test_confusion_matrix_is_in_percent_of_the_true_class():
    plotting.plot_confusion(torch.tensor([0, 0, 0, 0, 1]), torch.tensor([0, 0, 0, 1, 1]), ("cat", "dog", "none"))
    axis = plt.gcf().axes[0]
    assert np.allclose(axis.images[0].get_array(), [[75, 25, 0], [0, 100, 0], [0, 0, 0]])
    assert [(text.get_position(), text.get_text()) for text in axis.texts] == [
        ((0, 0), "75"),
        ((1, 0), "25"),
        ((1, 1), "100"),
    ]
    assert axis.get_xlabel() == "predicted" and axis.get_ylabel() == "true"


def test_worst_mistakes_come_first():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.99, 0.01]])
    images = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1).repeat(3, axis=3)
    plotting.show_mistakes(images, torch.tensor([0, 0, 0, 1]), probabilities, ("cat", "dog"), count=2)
    axes = plt.gcf().axes
    assert [axis.images[0].get_array()[0, 0, 0] for axis in axes] == [3, 1]
    assert axes[0].get_title() == "cat 99 %\nis dog"
    plt.close("all")
    plotting.show_mistakes(images[:1], torch.tensor([0]), probabilities[:1], ("cat", "dog"))  # none is wrong
    assert plt.get_fignums() == []


def rows(*runs):
    return [
        dict(what="ResNet-20", paper=8.75, reproduction=8.27, runs=list(runs)),
        dict(what="ResNet-32 <b>", paper=7.51, reproduction=None, runs=[]),
    ]


def make(*runs):
    return report.report("ResNet", "test error (%)", "CIFAR-10", "45k/5k", "someone", rows(*runs))


def test_report_shows_and_keeps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("utils.report.current_scale", lambda: "cpu")
    monkeypatch.setenv("RESULTS_DIR", str(tmp_path / "results"))
    table = make((np.float32(8.7), FakeRun()), (8.9, FakeRun(seed=1)))
    kept = json.loads((tmp_path / "results" / "cpu.json").read_text())
    assert kept["rows"][0]["ours"] == [8.7, 8.9] and kept["rows"][0]["seeds"] == [0, 1]
    assert kept["rows"][0]["minutes"] == [3.0, 3.0] and kept["split"] == "45k/5k" and kept["data"] == "CIFAR-10"
    assert kept["rows"][0]["sessions"][0]["hardware"] == "2 chips"
    for text in (repr(table), table._repr_html_(), table.markdown()):
        for part in (
            "8.80 ± 0.14",
            "8.75",
            "8.27",
            "0, 1 (n = 2)",
            "not run",
            "2 chips, float32, torch 2.11",
            "45k/5k",
            "cpu",
        ):
            assert part in text
    assert "<b>" not in table._repr_html_() and "&lt;b&gt;" in table._repr_html_()


def test_columns_without_a_figure_are_left_out(monkeypatch):
    monkeypatch.setattr("utils.report.current_scale", lambda: "quick")
    mine = [dict(what="A", paper=None, reproduction=None, runs=[(8.7, FakeRun())])]
    text = report.report("ResNet", "error (%)", "CIFAR-10", "45k/5k", None, mine).markdown()
    assert text.splitlines()[0] == "| error (%) | ours, scale quick | epochs | seeds |"
    assert "| A | 8.70 | 3 | 0 (n = 1) |" in text and "None" not in text
    mine[0]["paper"] = 8.75
    text = report.report("ResNet", "error (%)", "CIFAR-10", "45k/5k", "someone", mine).markdown()
    assert text.splitlines()[0] == "| error (%) | paper | ours, scale quick | epochs | seeds |"


def test_a_reproduction_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.report.current_scale", lambda: "cpu")
    monkeypatch.setenv("RESULTS_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="no name says whose it is"):
        report.report("ResNet", "test error (%)", "CIFAR-10", "45k/5k", None, rows((8.7, FakeRun())))
    assert not list(tmp_path.iterdir()), "nothing is kept of a table that cannot be shown"


def test_a_training_with_two_rows_took_its_minutes_once(monkeypatch):
    monkeypatch.setattr("utils.report.current_scale", lambda: "quick")
    first, second = FakeRun(), FakeRun(seed=1)
    greedy, beam = (dict(what=what, paper=None, reproduction=None) for what in ("greedy", "beam 4"))
    table = [{**greedy, "runs": [(8.7, first), (8.8, second)]}, {**beam, "runs": [(8.6, first), (8.9, second)]}]
    shown = report.report("T", "BLEU", "pairs", "test", None, table)
    assert "6 min of training" in shown.markdown()
    for row in shown.content["rows"]:
        del row["runs"]
    assert "12 min of training" in shown.markdown()


def test_minutes_are_added_alike_by_every_python(monkeypatch):
    """sum() of ten times 0.1 is 0.9999999999999999 up to Python 3.11 and, as by fsum, 1.0 since 3.12."""
    monkeypatch.setattr(report, "sum", math.fsum, raising=False)
    assert report.minutes_of([dict(what="a", seeds=list(range(10)), minutes=[0.1] * 10)]) == 0.9999999999999999


def test_report_without_a_results_folder_lies_beside_the_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.report.current_scale", lambda: "gpu")
    monkeypatch.delenv("RESULTS_DIR", raising=False)
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))
    make((8.7, FakeRun()))
    assert (tmp_path / "gpu" / "ResNet" / "results.json").exists()


@pytest.mark.parametrize(("scale", "finished"), [("quick", True), ("cpu", False)])
def test_report_does_not_keep_quick_or_broken_off_runs(tmp_path, monkeypatch, scale, finished):
    monkeypatch.setattr("utils.report.current_scale", lambda: scale)
    monkeypatch.setenv("RESULTS_DIR", str(tmp_path))
    assert "8.70" in repr(make((8.7, FakeRun(finished=finished))))
    assert list(tmp_path.iterdir()) == []


def test_tables_of_a_readme(tmp_path, monkeypatch):
    monkeypatch.setattr("utils.report.current_scale", lambda: "cpu")
    monkeypatch.setenv("RESULTS_DIR", str(tmp_path / "resnet" / "results"))
    make((8.7, FakeRun()))
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- table: resnet -->\nold\n<!-- end of table -->\nafter\n")
    front = tmp_path / "FRONT.md"
    front.write_text(
        "<!-- result: resnet ResNet-20 -->0.00<!-- end of result --> % "
        "(<!-- paper: resnet ResNet-20 -->?<!-- end of paper -->), <!-- training: resnet -->?<!-- end of training -->\n"
    )
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    monkeypatch.setattr(repository, "files", lambda *_: [readme, front])
    repository.fill_tables()
    assert front.read_text() == (
        "<!-- result: resnet ResNet-20 -->8.70<!-- end of result --> % "
        "(<!-- paper: resnet ResNet-20 -->8.75<!-- end of paper -->), "
        "<!-- training: resnet -->3 min, 2 chips<!-- end of training -->\n"
    )
    text = readme.read_text()
    assert "| ResNet-20 | 8.75 | 8.27 | 8.70 | 3 | 0 (n = 1) |" in text and "old" not in text
    assert text.count("[Scale](docs/running.md#scales-of-a-run) `cpu`:") == text.count("](docs/running.md") == 1
    assert "`gpu` and `paper`: not run" in text and text.startswith("before\n") and text.endswith("after\n")
    repository.fill_tables()
    assert readme.read_text() == text
    front.write_text("<!-- result: resnet ResNet-200 -->0.00<!-- end of result -->")
    with pytest.raises(ValueError, match="ResNet-200"):
        repository.fill_tables()


def test_the_sample_picture_of_a_readme(tmp_path, monkeypatch):
    def output(content):
        return {
            "output_type": "display_data",
            "data": {"image/png": base64.b64encode(content).decode()},
            "metadata": {},
        }

    marked = {"source": ["# For the README: a digit\n", "show_images(x)"], "outputs": [output(b"one"), output(b"two")]}
    notebook, readme = tmp_path / "net" / "Net.ipynb", tmp_path / "README.md"
    notebook.parent.mkdir()
    notebook.write_text(
        json.dumps({"cells": [{"source": "text"}, {"source": "x", "outputs": [output(b"no")]}, marked]})
    )
    readme.write_text("a\n<!-- picture: net/Net.ipynb -->\nold\n<!-- end of picture -->\nz\n")
    monkeypatch.setattr(repository, "ROOT", tmp_path)
    monkeypatch.setattr(repository, "files", lambda *_: [readme])
    repository.fill_tables()
    assert readme.read_text() == (
        "a\n<!-- picture: net/Net.ipynb -->\n![a digit](net/results/sample.png)\n<!-- end of picture -->\nz\n"
    )
    assert (notebook.parent / "results" / "sample.png").read_bytes() == b"two"
    marked["outputs"] = []
    notebook.write_text(json.dumps({"cells": [marked]}))
    with pytest.raises(ValueError, match="no cell begins with"):
        repository.fill_tables()
