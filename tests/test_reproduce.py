"""`make reproduce`: notebooks that train, fail, wait for each other or are interrupted, in a folder called Größe 2."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import torch
from helpers import make

from tools import notebooks, reproduce
from utils import progress
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.progress import tell
from utils.training import fit

TRAINS = """
import json, os, sys, torch
sys.path.insert(0, "..")
from utils.device import run_scale, set_seed
from utils import progress
from utils.images import load_shapes
from utils.loader import ImageLoader
from utils.report import report
from utils.training import fit
run_scale()
print("größer")
#%%
set_seed(0)
data = load_shapes(train=32, val=16, test=16)
loaders = [ImageLoader(data, split, 8, "cpu") for split in ("train", "val")]
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
run = fit(model, loaders[0], optimizer, None, 2, "cpu", {"val": loaders[1]}, checkpoint="Tiny/linear")
for suffix in ("", ".cell"):
    with open(os.environ["PROGRESS_FILE"] + suffix) as file:
        print("seen", file.read())
row = dict(reproduction=None, what="linear", paper=8.75, runs=[(9.5, run)])
not_run = dict(reproduction=None, what="deep", paper=7.5, runs=[])
report("Tiny", "error (%)", "shapes", "test", None, [not_run, row])
"""
FAILS = """
print("before the error")
#%%
raise ValueError("the data are not there:\\n  größe.npz")
"""
WAITS = """
import os, pathlib, time
pathlib.Path("{own}").write_text(str(os.getpid()))
while not pathlib.Path("{other}").exists():
    time.sleep(0.05)
"""


@pytest.fixture
def copy(repository_copy, tmp_path, monkeypatch):
    """A clone of this repository under a name with a space and an umlaut, with its own trainings, as tools see it."""
    root = tmp_path / "Größe 2"
    subprocess.run(["git", "clone", "-q", str(repository_copy), str(root)], check=True)
    monkeypatch.setattr(reproduce, "ROOT", root)
    monkeypatch.setattr(notebooks, "ROOT", root)
    monkeypatch.setenv("CHECKPOINT_DIR", str(root / "checkpoints"))
    monkeypatch.setenv("PYTHONPATH", "")
    return root


def write(root, name, source):
    """A notebook of these cells in the folder `für alle` of the repository `root`; its path there."""
    (root / "für alle").mkdir(exist_ok=True)
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in source.split("#%%")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "für alle" / f"{name}.ipynb")
    return f"für alle/{name}.ipynb"


def test_two_at_once_one_is_stored_and_a_failure_stops_only_itself(copy, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(reproduce, "hardware", lambda device: "a GPU")
    waits = (WAITS.format(own=own, other=other) for own, other in ("ab", "ba"))  # each for the other: both must run
    paths = [write(copy, name, next(waits) + source) for name, source in (("Übel 1", FAILS), ("Tiny", TRAINS))]
    before = (copy / paths[0]).read_bytes()
    assert reproduce.reproduce([*paths, paths[0]], "cpu", 2) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("2 notebooks at scale cpu, 2 at once, on a GPU.\nLogs: build/reproduce/cpu\n")
    book = nbformat.read(copy / paths[1], as_version=4)
    seen = [json.loads(line) for line in re.findall("seen (.*)", book.cells[1].outputs[0].text)]
    assert seen[0].pop("left") == 0 and seen[1] == {"cell": 2, "cells": 2}
    assert seen[0] == {"training": "linear", "epoch": 2, "epochs": 2, "share": 1}

    assert re.search(r"^für alle/Tiny +\d+\.\d +done +linear: 9\.50 \(paper 8\.75\), error \(%\)$", printed, re.M)
    assert re.search(r"^für alle/Übel 1 +\d+\.\d +failed +–$", printed, re.M)
    assert re.search(r"^für alle/Übel 1 +0 s  starts$", printed, re.M)
    log = copy / "build/reproduce/cpu/für alle/Übel 1.log"
    assert f"{log.relative_to(copy)}, ends with:\n    ValueError: the data are not there:\n      größe.npz\n" in printed
    assert "before the error" in log.read_text() and "größer" in log.with_name("Tiny.log").read_text()
    assert (copy / paths[0]).read_bytes() == before
    assert sorted(path.name for path in log.parent.iterdir()) == ["Tiny.log", "Übel 1.log"]

    with (copy / "utils/progress.py").open("a") as file:
        file.write("# changed\n")
    jobs = [reproduce.Job(copy / path, copy / "log") for path in paths]
    reproduce.recognise(jobs, log.parent.parent / "finished.json")
    assert [job.status for job in jobs] == ["waiting", "waiting"]
    subprocess.run(["git", "checkout", "-q", "utils"], cwd=copy, check=True)
    assert reproduce.reproduce(paths[1:], "cpu") == 0  # it is through: not executed again, and then forgotten
    assert re.search(r"^für alle/Tiny +\d+\.\d +done before  linear: 9\.50", capsys.readouterr().out, re.M)
    reproduce.recognise(jobs, log.parent.parent / "finished.json")
    assert [job.status for job in jobs] == ["waiting", "waiting"]


def test_interrupt_ends_processes_and_kernels_and_scale_quick_stores_nothing(copy):
    paths = [write(copy, "1", "1"), write(copy, "a", WAITS.format(own="a", other="never")), write(copy, "b", "1")]
    before = (copy / paths[0]).read_bytes()
    command = [sys.executable, "-m", "tools", "reproduce", *paths, "--scale", "quick"]
    process = subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: (copy / "für alle/a").exists() and (copy / "für alle/a").read_text())
        kernel = int((copy / "für alle/a").read_text())
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    summary = printed[printed.index("notebook  ") :].splitlines()
    assert [re.split("  +", line)[::2] for line in summary[1:4]] == [
        ["für alle/1", "done"],
        ["für alle/a", "stopped"],
        ["für alle/b", "waiting"],
    ]
    wait_until(lambda: not alive(kernel), seconds=20)
    assert (copy / "build/quick" / paths[0]).exists() and (copy / paths[0]).read_bytes() == before
    assert sorted(path.name for path in (copy / "build/reproduce/quick/für alle").iterdir()) == ["1.log", "a.log"]
    assert "The same command goes on from here" in printed
    assert list(reproduce.recall(copy / "build/reproduce/quick/finished.json")) == ["für alle/1"]


def test_code_that_changed_while_a_notebook_ran_is_not_recorded(copy):
    changes = "with open('../utils/progress.py', 'a') as file:\n    file.write('# changed\\n')"
    assert reproduce.reproduce([write(copy, "changes", changes), write(copy, "fails", FAILS)], "quick") == 1
    assert reproduce.recall(copy / "build/reproduce/quick/finished.json") == {}
    assert (copy / "utils/progress.py").read_text().endswith("# changed\n")


def test_a_process_that_cannot_be_started_says_why_and_leaves_nothing_behind(copy, monkeypatch):
    paths = [write(copy, "a", WAITS.format(own="a", other="never")), write(copy, "b", "1")]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(reproduce, "hardware", lambda device: "a GPU")
    real, processes = subprocess.Popen, []

    def popen(command, **options):
        if processes:
            wait_until(lambda: (copy / "für alle/a").exists() and (copy / "für alle/a").read_text())
            raise OSError(11, "Resource temporarily unavailable")
        processes.append(real(command, **options))
        return processes[0]

    monkeypatch.setattr(reproduce.subprocess, "Popen", popen)
    with pytest.raises(OSError, match="Resource temporarily unavailable"):
        reproduce.reproduce(paths, "quick", 2)
    assert processes[0].poll() is not None
    wait_until(lambda: not alive(int((copy / "für alle/a").read_text())), seconds=20)


def test_how_many_at_once(tmp_path):
    assert [reproduce.at_once(None, gpu) for gpu in ("cuda", "mps", None)] == [4, 1, 1]
    assert (reproduce.at_once(8, "cuda"), reproduce.at_once(1, None)) == (8, 1)
    with pytest.raises(ValueError, match="JOBS is 2; expected 1, since there is no GPU here: .* threads"):
        reproduce.at_once(2, None)
    with pytest.raises(ValueError, match="JOBS is 0; expected 1 or more"):
        reproduce.at_once(0, "cuda")
    with pytest.raises(FileNotFoundError, match=r"no notebook nowhere\.ipynb"):
        reproduce.reproduce(["nowhere.ipynb"], "quick")
    outside = tmp_path / "own.ipynb"  # before it has run for hours, and not after
    outside.touch()
    with pytest.raises(FileNotFoundError, match=r"no notebook .*own\.ipynb in the collection"):
        notebooks.execute(str(outside), "cpu")


def test_make_passes_on_what_it_is_given(repository_copy):
    def planned(*arguments):
        command = ["-n", "reproduce", "-o", ".venv/.ready", *arguments]
        return make(*command, cwd=repository_copy).stdout.split()[3:]

    assert planned() == ["reproduce"]  # the scale is chosen by the hardware
    assert planned("SCALE=gpu", "NOTEBOOKS=a.ipynb b.ipynb", "JOBS=3") == (
        ["reproduce", "a.ipynb", "b.ipynb", "--scale", "gpu", "--jobs", "3"]
    )


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_that_stop_everything(kind):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    before = reproduce.on_signals(signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), kind)
            time.sleep(5)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_process_that_ignores_the_interrupt_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "PATIENCE", 0.3)
    script = "trap '' INT; echo ready; while :; do sleep 60; done"
    process = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    job = reproduce.Job(tmp_path / "a.ipynb", tmp_path / "a.log", "running", process, time.time())
    reproduce.stop([job])
    assert (job.status, process.poll()) == ("stopped", -signal.SIGKILL)
    process.stdout.close()


def state(job, monkeypatch, cell=3, **training):
    """What a notebook's kernel would have left: it is in this cell and at this point of a training."""
    monkeypatch.setenv("PROGRESS_FILE", str(job.progress))
    tell(suffix=".cell", cell=cell, cells=9)
    tell(**{"training": "net", "epoch": 1, "epochs": 20, "share": 0.01, "left": None, **training})


def test_lines_where_nothing_can_be_overwritten_are_few(tmp_path, monkeypatch, capsys):
    job, other = (reproduce.Job(reproduce.ROOT / f"a/{name}.ipynb", tmp_path / f"{name}.log") for name in ("x", "long"))

    def news(now):
        reproduce.say_news([job, other], now)
        return capsys.readouterr().out

    assert news(1000) == ""
    job.status = "running"
    assert news(1000) == "a/x        0 s  starts\n"
    state(job, monkeypatch)
    assert news(1059) == ""
    job.seconds = 600.0
    assert news(1060) == "a/x     10 min  net: epoch 1/20 (cell 3/9)\n"
    state(job, monkeypatch, epoch=2, share=0.09, left=700)
    assert news(1200) == ""
    state(job, monkeypatch, epoch=3, share=0.1, left=700)
    assert news(1200) == "a/x     10 min  net: epoch 3/20, 12 min left (cell 3/9)\n"
    job.status = other.status = "failed"
    assert news(1201).startswith(f"a/x     10 min  failed, see {job.log.name}\na/long     0 s  failed")
    assert news(1300) == ""


def test_lines_on_a_terminal_are_overwritten_and_fit_it(tmp_path, monkeypatch, capsys):
    todo = [
        reproduce.Job(reproduce.ROOT / f"{name}.ipynb", tmp_path / f"{name}.log", name) for name in ("running", "done")
    ]
    size = [24, 10]
    monkeypatch.setattr(reproduce.shutil, "get_terminal_size", lambda: size)
    drawn = reproduce.redraw(todo, [])
    assert capsys.readouterr().out == "running     0 s  starts\ndone        0 s  done\n"
    assert reproduce.redraw(todo, drawn) == drawn and capsys.readouterr().out == ""
    state(todo[0], monkeypatch)
    drawn = reproduce.redraw(todo, drawn)
    assert capsys.readouterr().out == "\x1b[2F\x1b[Jrunning     0 s  net: e\ndone        0 s  done\n"
    size[1] = 2  # too low for all of them: those that run
    assert reproduce.redraw(todo, drawn) == ["running     0 s  net: e"]


def test_last_error(tmp_path):
    log = tmp_path / "log"
    log.write_text("ValueError: an older one\n\nx = 1\n\x1b[31mDataError\x1b[39m: gone\n  here: the way out\n\n")
    assert reproduce.last_error(log) == ["DataError: gone", "  here: the way out"]
    log.write_text("one\n\ntwo\nthree\nKilled\n")
    assert reproduce.last_error(log) == ["two", "three", "Killed"]
    log.write_text("")
    assert reproduce.last_error(log) == []


def test_a_training_tells_where_it_is(tmp_path, monkeypatch):
    data, seen = load_shapes(train=32, val=16, test=16), []
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    clock = iter(range(10**6))
    monkeypatch.setattr(progress.time, "monotonic", lambda: 2 * next(clock))  # a second has always gone by
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 10.0 * next(clock))
    monkeypatch.setattr(progress, "tell", lambda **state: seen.append(state))
    loaders = [ImageLoader(data, split, 4, "cpu") for split in ("train", "val")]
    fit(model, loaders[0], optimizer, None, 3, "cpu", {"val": loaders[1]})
    assert [state["epoch"] for state in seen] == [1] * 7 + [2] * 2 + [2] * 7 + [3] * 2 + [3] * 9
    assert {state["training"] for state in seen} == {"training"} and {state["epochs"] for state in seen} == {3}
    assert [state["share"] for state in seen[:3]] == [1 / 24, 2 / 24, 3 / 24] and seen[-1]["share"] == 1
    assert [state["left"] for state in seen[:3]] == [None] * 3 and seen[-1]["left"] == 0
    assert all(state["left"] > 0 for state in seen[3:-2])


def wait_until(condition, seconds=240):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
