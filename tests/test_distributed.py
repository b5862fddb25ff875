"""Several processes at one training, as torchrun starts them: on the CPU, over gloo.

`cases` runs here, in one process, and as a notebook under torchrun in two and in three; results are compared. The run
of two ends by a killed process, and that of three takes up the training that it broke off.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from architectures.resnet.resnet import cifar_resnet
from architectures.transformer.transformer import Transformer
from attention.translation import PairLoader, load_numbers
from utils import checkpoint, distributed, fingerprint
from utils.checkpoint import load_weights, save_weights
from utils.device import set_seed
from utils.images import ImageData, Split, load_shapes
from utils.loader import ImageLoader
from utils.memory import checkpointed
from utils.tokens import PAD, Words
from utils.training import classification, fit

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "scale.md"


class Net(nn.Module):
    """Without batch normalisation: what it does to an image does not depend on the others of its part."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.conv, self.dropout, self.fc = nn.Conv2d(3, 4, 8, stride=8), nn.Dropout(dropout), nn.Linear(4, 10)

    def forward(self, x):
        return self.fc(self.dropout(self.conv(x).relu().mean((2, 3))))


def translation(model, src, tgt):
    """The mean over target words, of which each process has another number."""
    logits, gold = model(src, tgt[:, :-1]).flatten(0, 1), tgt[:, 1:].flatten()
    counted = gold != PAD
    right = ((logits.argmax(dim=-1) == gold) & counted).sum()
    return F.cross_entropy(logits, gold, ignore_index=PAD), int(counted.sum()), {"accuracy": right}


def train(model, loader, val_loader, objective, name=None, epochs=2, **options):
    """Weights, history and name of the file of a training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    arguments = (model, loader, optimizer, None, epochs, "cpu", {"val": val_loader}, objective)
    run = fit(*arguments, checkpoint=name, precision="float32", **options)
    history = {key: values for key, values in run.history.items() if key not in ("seconds", "per_second")}
    return {"weights": model.state_dict(), "history": history, "path": run.path and run.path.name}


def images(batch_size=16, loader_type=ImageLoader):
    """Of 50 images, batches of 16: the last one has two, and of three processes one goes without."""
    data = load_shapes(train=50, val=7, test=10)
    loader = loader_type(data, "train", batch_size, "cpu", shuffle=True, augment=True)
    return loader, ImageLoader(data, "val", 1, "cpu")  # one image a batch: for the last process alone


def pairs():
    corpus = load_numbers(train=60, val=20, test=10)
    vocabularies = Words(corpus.train.source, min_count=1), Words(corpus.train.target, min_count=1)
    loader = PairLoader(corpus.train, *vocabularies, 100, "cpu", shuffle=True)
    return vocabularies, loader, PairLoader(corpus.val, *vocabularies, 30, "cpu")


def cases(objective):
    """Trainings that should end with the same numbers however many processes share them."""
    found = {}
    set_seed(0)
    found["plain"] = train(Net(), *images(), objective, name="T/plain")
    set_seed(0)
    found["accumulated"] = train(Net(), *images(batch_size=4), classification, accumulate=3, clip=0.5)
    set_seed(0)
    vocabularies, *loaders = pairs()
    sizes = dict(d_model=16, num_heads=2, num_layers=1, d_ff=32, dropout=0.0, pad=PAD, share="target")
    found["translation"] = train(Transformer(*map(len, vocabularies), **sizes), *loaders, translation)
    return found


def seen_by_all():
    """What each process has seen, as a list over the processes: one that is served nothing new is a bug."""
    set_seed(0)
    labels = torch.arange(50)
    numbered = Split(torch.zeros(50, 8, 8, 3, dtype=torch.uint8), labels)
    data = ImageData("numbers", (), (0.5,) * 3, (0.5,) * 3, numbered, numbered, numbered)
    seen = {}
    with distributed.together():
        loader = ImageLoader(data, "train", 16, "cpu", shuffle=True, augment=True)
        seen["images"] = [label for _, part in loader for label in part.tolist()]
        seen["pairs"] = [tuple(src[src != PAD].tolist()) for batch, _ in pairs()[1] for src in batch]
    seen["outside"] = sum(len(part) for _, part in loader)

    drawn = []

    def noting(model, *batch):
        if model.training:
            drawn.append(torch.rand(1).item())
        return classification(model, *batch)

    trained = train(cifar_resnet(8), *images(), noting, sync_batchnorm=True)
    seen |= {"drawn": drawn, "after": torch.rand(1).item(), "seed": torch.initial_seed(), "trained": trained}
    seen["files"] = prepare(checkpoint.checkpoint_dir() / "prepared")
    path = checkpoint.checkpoint_dir() / "weights.pt"
    for value in (1.0, 2.0):  # each process reads what the first has just written
        save_weights(nn.Linear(1, 1), path, value=value)
        seen[f"read {value}"] = load_weights(nn.Linear(1, 1), path)["value"]
    with distributed.together():
        world = distributed.rank_and_world()[1]
        return [distributed.from_process(number, seen) for number in range(world)]


@distributed.once_a_machine
def prepare(folder):
    """A slow download: whoever finds no file makes one, so that there are several where nobody waits."""
    if not list(folder.glob("*")):
        time.sleep(0.5)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}").touch()
    return len(list(folder.glob("*")))


class Deadly(ImageLoader):
    """Ends the process of number 1 in the middle of the second epoch, where the environment says so."""

    def __iter__(self):
        for step, batch in enumerate(super().__iter__()):
            if "KILL" in os.environ and self.epoch == 2 and step == 2 and distributed.rank_and_world()[0] == 1:
                Path(os.environ["KILL"]).write_text(str(time.time()))
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


def killed():
    set_seed(0)
    return train(Net(), *images(loader_type=Deadly), classification, name="T/killed", epochs=3)


SHARDS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 7)
NOTEBOOK = [
    "import os, sys\nimport torch\nfrom torch.nn import functional as F\nimport test_distributed as T",
    # an objective that a cell defines, whose source a run's fingerprint asks for
    "def objective(model, images, labels):\n"
    "    logits = model(images)\n"
    "    return F.cross_entropy(logits, labels), len(labels), {'right': (logits.argmax(dim=1) == labels).sum()}",
    "found = {**T.cases(objective), 'seen': T.seen_by_all()}",
    "from matplotlib import pyplot as plt\nplt.plot([1, 2])",
    "if 'KILL' not in os.environ:\n    found['killed'] = T.killed()",
    "print('only once')\nif T.distributed.is_first():\n    torch.save(found, os.environ['FOUND'])",
]


def environment(folder, **more):
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    return {**os.environ, "PYTHONPATH": paths, "CHECKPOINT_DIR": str(folder / "checkpoints"), **more}


def launch(folder, processes, last_cells, **more):
    """torchrun's exit status and what it printed, of the notebook above with more cells at its end."""
    path = folder / f"Net{processes}.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in (*NOTEBOOK, *last_cells)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "tools.launch", str(path), "--scale", "quick", "--timeout", "60"]
    more = environment(folder, FOUND=str(folder / f"{processes}.pt"), **more)
    return subprocess.run(command, cwd=ROOT, env=more, capture_output=True, text=True, timeout=280)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def two(folder):
    """Two processes, the second of which is killed in a training at the end."""
    example = re.search(r"```python\n(.*?fully_shard.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    cells = [example] if SHARDS else []
    result = launch(folder, 2, [*cells, "T.killed()"], KILL=str(folder / "killed"))
    ended = time.time()
    assert (folder / "2.pt").exists(), result.stderr[-3000:]
    return result, ended, torch.load(folder / "2.pt", weights_only=True)


@pytest.fixture(scope="module")
def three(folder, two):
    """Three processes, which end the training that was broken off; then a cell fails in one of them."""
    last = "if T.distributed.local_rank() == 1:\n    raise ValueError('on purpose')\nT.time.sleep(200)"
    result = launch(folder, 3, [last])
    assert (folder / "3.pt").exists(), result.stderr[-3000:]
    return result, torch.load(folder / "3.pt", weights_only=True)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The same in this process."""
    namespace = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHECKPOINT_DIR", str(tmp_path_factory.mktemp("alone")))
        exec(NOTEBOOK[1], {"F": F}, namespace)
        return {**cases(namespace["objective"]), "seen": seen_by_all(), "killed": killed()}


def assert_equal(ours, theirs):
    for key, values in theirs["history"].items():
        assert ours["history"][key] == pytest.approx(values, rel=1e-5), key
    for name, weight in theirs["weights"].items():
        torch.testing.assert_close(ours["weights"][name], weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("case", ["plain", "accumulated", "translation"])
def test_as_many_processes_as_you_like_give_the_same(one, two, three, case):
    assert len(one[case]["history"]["epoch"]) == 2
    assert_equal(two[2][case], one[case])
    assert_equal(three[1][case], one[case])


def test_a_killed_process_ends_the_run(two, folder):
    result, ended, _ = two
    assert result.stdout.count("only once") == 1, result.stderr[-3000:]  # the end of the cells before
    assert result.returncode != 0 and "SIGKILL" in result.stderr
    assert ended - float((folder / "killed").read_text()) < 60


def test_another_number_of_processes_goes_on(one, three):
    result, found = three
    assert "Resuming after epoch 1 of 3" in result.stdout
    assert found["killed"]["path"] == one["killed"]["path"] and len(found["killed"]["history"]["epoch"]) == 3
    assert_equal(found["killed"], one["killed"])


def test_a_cell_that_fails_is_named_and_ends_the_run(three):
    result, _ = three
    assert result.returncode != 0
    assert f"cell {len(NOTEBOOK) + 1} of Net3.ipynb failed in process 1 of 3: ValueError('on purpose')" in result.stderr


def test_every_example_is_served_once(one, two, three):
    for seen in (two[2]["seen"], three[1]["seen"]):
        for what in ("images", "pairs"):
            together = sorted(example for process in seen for example in process[what])
            assert together == sorted(one["seen"][0][what])
        assert all(len(process["images"]) < 50 for process in seen)
        assert {process["outside"] for process in seen} == {50}  # outside `fit` each process has everything


def test_noise_differs_while_training_and_nothing_does_afterwards(two, three):
    for seen in (two[2]["seen"], three[1]["seen"]):
        assert len({process["drawn"][0] for process in seen}) == len(seen)
        assert all(process["drawn"][0] != process["drawn"][4] for process in seen)  # the next epoch's
        assert len({process["after"] for process in seen}) == len({process["seed"] for process in seen}) == 1
        first, *others = (process["trained"] for process in seen)
        for other in others:
            assert other["history"] == first["history"]
            assert all(torch.equal(other["weights"][name], value) for name, value in first["weights"].items())


def test_batch_statistics_are_explained(two):
    assert two[0].stdout.count("torch has no SyncBatchNorm on cpu") == 1


def test_files_are_made_once(two, three):
    for seen in (two[2]["seen"], three[1]["seen"]):
        assert [process["files"] for process in seen] == [1] * len(seen)
        assert [(process["read 1.0"], process["read 2.0"]) for process in seen] == [(1.0, 2.0)] * len(seen)


def test_a_run_knows_how_many_processes_made_it(two, three, folder):
    files = {path.name: path for path in (folder / "checkpoints").rglob("*.pt")}
    assert two[2]["plain"]["path"] == three[1]["plain"]["path"]  # three found what two had finished
    saved = torch.load(files[three[1]["killed"]["path"]], weights_only=True)
    assert [(s["from_epoch"], s["processes"]) for s in saved["sessions"]] == [(1, 2), (2, 3)]
    assert "3 processes on" in checkpoint.session_in_words(saved["sessions"][1])


def test_who_cannot_be_reached_is_named(folder, tmp_path):
    path = tmp_path / "empty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), path)
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    variables = dict(RANK="0", LOCAL_RANK="0", WORLD_SIZE="3", MASTER_ADDR="127.0.0.1")
    at_the_store = dict(variables, MASTER_PORT=str(store.port), TORCHELASTIC_USE_AGENT_STORE="True")
    nowhere = dict(variables, RANK="1", MASTER_PORT="1")
    command = [sys.executable, "-m", "tools.launch", str(path), "--timeout", "2"]
    options = dict(cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started = [
        subprocess.Popen(command, env=environment(tmp_path, **env), **options) for env in (at_the_store, nowhere)
    ]
    first, second = (process.communicate(timeout=60)[1] for process in started)
    assert "error: process 0 of 3 could not reach the others" in first and "within 2 s, missing: 1, 2." in first
    assert "error: process 1 of 3 could not reach the others at 127.0.0.1:1 within 2 s. Check" in second
    assert [process.returncode for process in started] == [1, 1]


@pytest.mark.skipif(not SHARDS, reason="on a CPU, fully_shard needs torch 2.7")
def test_the_sharded_example_runs(two):
    assert re.search(r"each of 2 processes keeps about 22,976 of 45,952 parameters; loss \d", two[0].stdout)


def test_the_page_holds_the_tables():
    from tools.benchmark_distributed import calculated  # which each process above does without

    page = PAGE.read_text(encoding="utf-8")
    for table in calculated().split("\n\n"):
        assert table in page, "python -m tools.benchmark_distributed prints the tables of docs/scale.md"


def test_recomputed_layers_keep_less_and_change_nothing():
    from tools.benchmark_distributed import SavedBytes

    src, tgt = torch.randint(4, 50, (2, 3, 40))
    found = []
    for names in ((), ("encoder", "decoder")):
        set_seed(0)
        model = Transformer(50, 50, d_model=16, num_heads=2, num_layers=2, d_ff=32, dropout=0.1)
        names_before = list(model.state_dict())
        assert checkpointed(model, *names) is model
        fingerprint.describe_model(model)  # ends
        torch.manual_seed(1)
        with SavedBytes(*model.encoder, *model.decoder) as saved:
            loss = model(src, tgt).square().mean()
        loss.backward()
        assert list(model.state_dict()) == names_before
        found.append((loss, [p.grad for p in model.parameters()], saved.total))
    (loss, gradients, everything), (same_loss, same_gradients, less) = found
    assert torch.equal(loss, same_loss) and all(map(torch.allclose, gradients, same_gradients))
    assert less < 0.3 * everything
    with pytest.raises(AttributeError):
        checkpointed(model, "coder")


def test_alone_nothing_is_shared():
    model = Net()
    assert distributed.rank_and_world() == (0, 1) and distributed.is_first() and distributed.local_rank() is None
    assert distributed.in_parallel(model) is model and distributed.for_parts(classification, None) is classification
    assert distributed.for_whole(classification, model, 1) is classification
