"""`make doctor` and `make links`: what they say about a machine, its packages, and addresses, without a network."""

import ast
import os
import re
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import make

import tools.__main__
from tools import doctor, links, repository
from tools.doctor import collection, findings, folders, machine, packages
from utils.checkpoint import checkpoint_dir
from utils.device import SCALES
from utils.files import data_root

ROOT = Path(__file__).resolve().parent.parent
CARD = "NVIDIA T4, 15 GiB, driver 470.1"


def lines_of(check, **found):
    """What a check says where `look` has found this: (mark, text, advice) of each line."""
    setup = findings.Setup()
    setup.found = {"broken": {}, **found}
    return [(line.mark, line.text, line.advice) for line in check(setup)]


def test_nothing_is_wrong_here(tmp_path):
    environment = {**os.environ, "PYTHONPATH": "", "CHECKPOINT_DIR": str(tmp_path), "DATA_ROOT": str(tmp_path)}
    environment.pop("OMP_NUM_THREADS", None)
    command = [sys.executable, "-m", "tools", "doctor"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    subjects = re.findall(r"^(?:ok|note) +(\w+)", result.stdout, re.MULTILINE)
    expected = ("Python", "environment", "packages", "torch", "GPU", "precision", "kernel", "disk", "memory", "data")
    assert set(expected) | {"checkpoints", "address"} <= set(subjects)
    assert "from utils.images import load_cifar10; load_cifar10()" in result.stdout
    assert result.stdout.endswith("\nNothing here would stop `make run`.\n")


def bare(*arguments):
    """The doctor in a Python without any package."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tools.doctor import doctor; "
    code += "sys.exit(doctor(*sys.argv[1:]))"
    command = [sys.executable, "-I", "-S", "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_it_works_without_packages(tmp_path):
    result = bare()
    assert result.returncode == 1 and not result.stderr
    assert re.search(
        r"STOP +packages +not installed: torch, torchvision, .*\n +-> .* -m pip install -r requirements.txt",
        result.stdout,
    )
    assert "This would stop `make run`: packages." in result.stdout and "could not be looked at" not in result.stdout
    result = bare(str(tmp_path / "venv"))  # an environment that `make run` would set up first
    assert result.returncode == 0 and "none yet: `make run` makes" in result.stdout


def test_make_doctor_needs_no_environment(repository_copy, tmp_path):
    command = ["doctor", f"VENV={tmp_path / 'venv'}", f"PYTHON={sys.executable}"]
    result = make(*command, cwd=repository_copy)
    assert result.returncode == 0 and "none yet: `make run` makes" in result.stdout
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / ".ready").touch()  # as after a set-up whose Python has been removed since
    result = make(*command, cwd=repository_copy)
    assert result.returncode != 0 and "does not start" in result.stdout and "rm -r" in result.stdout


def test_any_python_can_read_it():
    own = sorted((ROOT / "tools" / "doctor").glob("*.py"))
    assert {"__init__", "findings", "packages", "probe"} <= {path.stem for path in own}
    for path in (ROOT / "tools" / "__init__.py", ROOT / "tools" / "__main__.py", *own):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level], path
        imports = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
        imports += [node.module for node in tree.body if isinstance(node, ast.ImportFrom)]
        others = [name for name in imports if not f"{name}.".startswith("tools.doctor.")]
        assert {name.split(".")[0] for name in others} <= set(sys.stdlib_module_names), path


def test_it_knows_what_the_modules_know(monkeypatch, tmp_path):
    assert collection.SCALES == tools.__main__.SCALES == SCALES and collection.PLACEHOLDER == repository.PLACEHOLDER
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    monkeypatch.setenv("CHECKPOINT_DIR", "~/elsewhere")
    assert folders.variable_folder("DATA_ROOT", "data") == data_root()
    assert folders.variable_folder("CHECKPOINT_DIR", "checkpoints") == checkpoint_dir()


def test_every_data_set_is_listed():
    """What the loaders put into the data folder, and the functions that fetch it."""
    listed = {data.path.split("/")[0] for data in collection.DATA}
    found = set()
    for path in repository.files(".py"):
        if path.relative_to(ROOT).parts[0] in ("architectures", "attention", "resnet", "utils"):
            found |= set(re.findall(r'data_root\(\) / "([^"]+)"', path.read_text(encoding="utf-8")))
    assert listed == found
    for data in collection.DATA:
        module = ROOT / f"{data.module.replace('.', '/')}.py"
        assert f"def {data.function}(" in module.read_text(encoding="utf-8")
        for hashes in module.parent.glob("*.sha256"):
            assert data.files == len(hashes.read_text(encoding="utf-8").splitlines())


def test_data_that_is_missing_or_broken_off(monkeypatch, tmp_path):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    (tmp_path / "multi30k").mkdir()
    for name in ("train.de.gz", "train.en.gz", "val.de.gz.17.part"):
        (tmp_path / "multi30k" / name).touch()
    (tmp_path / "cifar10.npz").touch()
    found, head, *missing = collection.check_data(findings.Setup())
    assert found.text == f"CIFAR-10, in {tmp_path}" and head.mark == "note" and len(missing) == len(collection.DATA) - 1
    assert any(line.text.startswith("Multi30k (1.2 MB, 2 of 6 files here): ") for line in missing)


@pytest.fixture
def broken_packages(tmp_path, monkeypatch):
    """Packages that fail in three ways, and one that loads, for the process that `look` starts."""
    for name, source in {
        "good": "print('hello')",
        "bad": "raise ImportError('libcudart.so.12: cannot open shared object file')",
        "worse": f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})",
        "last": "import nowhere",
    }.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(packages, "installed", lambda name: None if name == "absent" else "1.0")


def test_packages_that_do_not_load(broken_packages, monkeypatch):
    found = packages.look(["good", "bad", "absent", "worse", "last"])
    assert found["broken"].keys() == {"bad", "worse", "last"} and "libcudart.so.12" in found["broken"]["bad"]
    assert "SIGILL (an instruction that this CPU does not have)" in found["broken"]["worse"]
    monkeypatch.setattr(packages, "requirements", lambda name: dict.fromkeys(("good", "bad", "absent"), "1.0"))
    monkeypatch.setattr(packages, "look", lambda names: {"broken": {"bad": "why"}})
    marks = [(line.mark, line.text) for line in packages.check_packages(findings.Setup())][:3]
    assert marks == [("STOP", "not installed: absent"), ("STOP", "bad 1.0 does not load: why"), ("ok", "good 1.0")]


def test_a_package_that_is_too_old(monkeypatch):
    monkeypatch.setattr(packages, "installed", lambda name: "2.3.1+cpu" if name == "torch" else "99.0")
    monkeypatch.setattr(packages, "look", lambda names: {"broken": {}})
    old, good = packages.check_packages(findings.Setup())
    assert old.mark == "note" and "torch 2.3.1+cpu is older than 2.6" in old.text and "'torch>=2.6'" in old.advice
    assert good.mark == "ok" and "numpy 99.0" in good.text
    assert packages.requirements("requirements-dev.txt").keys() >= {"pytest", "codespell", "scikit-image"}


@pytest.mark.parametrize(
    ("cards", "silence", "found", "mark", "words"),
    [
        ([CARD], "", dict(torch="2.14", built_for="CUDA 13", device="cuda", hardware="T4", free=9e9), "ok", CARD),
        ([CARD], "", dict(torch="2.14", built_for="CUDA 13", device="cuda", free=1e8), "note", "0.1 GB are free"),
        ([CARD], "", dict(torch="2.14", built_for="", warning=""), "note", "which torch does not use: it is built for"),
        ([CARD], "", dict(torch="2.14", built_for="CUDA 13", warning="driver is too old"), "note", "driver is too old"),
        ([CARD], "", {}, "ok", "not known yet"),
        (
            [],
            "no devices",
            dict(torch="2.14", built_for="CUDA 13", warning=""),
            "note",
            "nvidia-smi is here, but fails",
        ),
        ([], "", dict(torch="2.14", built_for="", warning=""), "ok", "no GPU was found"),
        ([], "", dict(torch="2.14", device="mps", hardware="Apple GPU of M2"), "ok", "Apple GPU of M2"),
        (
            [CARD],
            "",
            dict(device="cuda", torch="2.14", device_and_precision_error="no kernel image is available"),
            "STOP",
            "no kernel image is available",
        ),
    ],
)
def test_gpus(monkeypatch, cards, silence, found, mark, words):
    monkeypatch.setattr(machine, "nvidia_smi", lambda: (cards, silence))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    ((found_mark, text, advice),) = lines_of(machine.check_gpu, **found)
    assert found_mark == mark and words in text and bool(advice) == (mark != "ok")


def test_a_gpu_that_a_variable_hides(monkeypatch):
    monkeypatch.setattr(machine, "nvidia_smi", lambda: ([CARD], ""))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    ((mark, text, advice),) = lines_of(machine.check_gpu, torch="2.14", built_for="CUDA 13", warning="")
    assert mark == "note" and "CUDA_VISIBLE_DEVICES hides it" in text and advice == "unset CUDA_VISIBLE_DEVICES"


def test_what_nvidia_smi_prints(monkeypatch):
    answers = {0: b"NVIDIA H200, 570.86.10, 143771\nNVIDIA A100, 570.86.10, 81920\n", 9: b"it has failed\n"}
    for code, out in answers.items():
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=code, stdout=out))  # noqa: B023
        cards, silence = machine.nvidia_smi()
        assert (cards[0], len(cards)) == ("NVIDIA H200, 140 GiB, driver 570.86.10", 2) if code == 0 else not cards
        assert silence == ("" if code == 0 else "it has failed")


def test_the_kernel(tmp_path):
    other = tmp_path / "bin" / "python"
    ((mark, text, _),) = lines_of(packages.check_kernel, kernel=str(other), kernel_folder="F")
    assert mark == "STOP" and f"{other}, which is not there" in text
    other.parent.mkdir()
    other.touch()
    ((mark, _, advice),) = lines_of(packages.check_kernel, kernel=str(other), kernel_folder="F")
    assert mark == "note" and advice.startswith("remove F")
    for own in ("python", sys.executable):
        assert lines_of(packages.check_kernel, kernel=own, kernel_folder="F")[0][0] == "ok"
    assert lines_of(packages.check_kernel, kernel_error="No such kernel named python3")[0][0] == "STOP"


def test_torch_and_what_it_computes():
    ((mark, text, _),) = lines_of(packages.check_torch, torch="2.14.1+cpu", built_for="", gpu="")
    assert (mark, text) == ("ok", "2.14.1+cpu, built for the CPU")
    assert lines_of(packages.check_torch, failed="kernel: it ends")[0][0] == "STOP"
    assert lines_of(packages.check_torch, torch_itself_error="no attribute")[0][0] == "STOP"
    good, bad = lines_of(
        *(machine.check_precision,),
        torch="2.14",
        device="cpu",
        hardware="EPYC",
        precision="float32 (why)",
        device_and_precision_error="a product of matrices comes out wrong",
    )
    assert good[:2] == ("ok", "float32 (why) on EPYC") and bad[0] == "STOP" and "comes out wrong" in bad[1]


def test_disk_and_memory(monkeypatch):
    def marks(free, setup):
        monkeypatch.setattr(folders.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
        return {line.mark for line in folders.check_disk(setup)}

    setup, fresh = findings.Setup(), findings.Setup("no-such-environment")
    assert fresh.to_install and not setup.to_install
    assert [marks(free, setup) for free in (5e7, 5e8)] == [{"STOP"}, {"ok"}]
    assert [marks(free, fresh) for free in (5e8, 5e9, 5e10)] == [{"STOP"}, {"note"}, {"ok"}]
    for free, total, mark in ((1e9, 8e9, "note"), (5e9, 8e9, "ok"), (None, 8e9, "ok"), (None, None, "ok")):
        monkeypatch.setattr(machine, "memory", lambda: (free, total))  # noqa: B023
        assert [line.mark for line in machine.check_memory(setup)] == [mark]


def test_folders_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path / "file" / "checkpoints"))
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "file"))
    lines = list(folders.check_folders(findings.Setup()))
    assert [(line.mark, line.subject) for line in lines] == [("STOP", "checkpoints"), ("note", "data")]
    assert "set CHECKPOINT_DIR" in lines[0].advice and "set DATA_ROOT" in lines[1].advice


def test_small_things(monkeypatch, tmp_path):
    setup = findings.Setup()
    monkeypatch.setenv("RUN_SCALE", "large")
    assert "RUN_SCALE is large" in next(collection.check_scale(setup)).text
    with monkeypatch.context() as patched:
        patched.setattr(sys, "version_info", (3, 9, 2))
        assert next(packages.check_python(setup)).mark == "STOP"
    monkeypatch.setenv("CHECKPOINT_DIR", str(tmp_path))
    assert "none yet" in next(collection.check_checkpoints(setup)).text
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "run.pt").write_bytes(bytes(3_000_000))
    assert next(collection.check_checkpoints(setup)).text.startswith("cpu 3 MB, in ")
    (tmp_path / "pyproject.toml").write_text('repository = "some-one/papers"\n')
    monkeypatch.setattr(collection, "ROOT", tmp_path)
    assert next(collection.check_address(setup)).text == "github.com/some-one/papers"
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (
        "this is no clone" in next(collection.check_git(setup)).text
        or "not a git repository" in next(collection.check_git(setup)).text
    )


def test_a_check_that_fails_does_not_end_the_others(monkeypatch, capsys):
    def check_luck(setup):
        raise RuntimeError("out of luck")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (check_luck, packages.check_python))
    assert doctor.doctor() == 0
    out = capsys.readouterr().out
    assert "RuntimeError('out of luck')" in out and "\nok    Python" in out


def test_other_commands_name_the_doctor(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tools.notebooks", None)  # as if one of its packages were missing
    monkeypatch.delattr("tools.notebooks", raising=False)
    assert tools.__main__.main(["sync", "--check"]) == 1
    assert "make doctor" in capsys.readouterr().err


class Host(BaseHTTPRequestHandler):
    """Answers with the status that an address names; /flaky at the second attempt only."""

    asked = []

    def do_GET(self):
        Host.asked.append(self.path)
        code = self.path.strip("/")
        if code == "flaky":
            code = "503" if Host.asked.count(self.path) == 1 else "200"
        self.send_response(int(code))
        if code == "301":
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(links, "TIMEOUT", 5)
    monkeypatch.setenv("no_proxy", "*")
    server = HTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Host.asked.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_links_are_asked(host, tmp_path, capsys):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    text = f"[a]({host}/200), [moved]({host}/301#top) and <{host}/flaky>; [shy]({host}/403). {host}/YOUR_NAME/x"
    (tmp_path / "a.md").write_text(text)
    subprocess.run(["git", "add", "a.md"], cwd=tmp_path, check=True)
    assert links.links(tmp_path, pauses=(0, 0)) == 0
    out = capsys.readouterr().out
    assert "3 ok, 1 unsure, 0 dead" in out and f"{host}/403: refuses programs" in out
    assert Host.asked.count("/403") == 1 and Host.asked.count("/flaky") == 2
    (tmp_path / "a.md").write_text(f"{host}/404 and {host}/500")
    assert links.links(tmp_path, pauses=(0, 0)) == 1
    out = capsys.readouterr().out
    assert f"dead    {host}/404: does not answer (404)\n        in a.md" in out and "0 ok, 0 unsure, 2 dead" in out
    assert Host.asked.count("/500") == 2 and Host.asked.count("/404") == 1
    verdict, why = links.answer("http://127.0.0.1:9/", pauses=(0,))  # nobody listens
    assert verdict == "dead" and why


def test_links_are_found(tmp_path):
    (tmp_path / "files.sha256").write_text("00 image/0.png\n11 image/1.png\n")
    (tmp_path / "m.py").write_text(
        '"""See https://a.org/paper (https://b.org/x_(y)), and https://c.org/z."""\n'
        'COMMIT = "owner/repo@12"\n'
        "ADDRESSES = (f\"https://raw.org/{COMMIT.replace('@', '/')}/\", f\"https://cdn.org/{COMMIT}/data.zip\")\n"
        'BASE = "https://d.org/base/"\n'
        'WHOLE = {"v": ((BASE + "v.txt",), "hash")}\n'
        "def f(name):\n    return f'https://e.org/{name}'\n"
    )
    assert sorted(links.addresses(tmp_path / "m.py")) == [
        "https://a.org/paper",
        "https://b.org/x_(y)",
        "https://c.org/z",
        "https://cdn.org/owner/repo@12/data.zip",
        "https://d.org/base/v.txt",
        "https://raw.org/owner/repo/12/v",
    ]
    found = {address for path in links.sources(ROOT) for address in links.addresses(path)}
    assert {"https://arxiv.org/abs/1512.03385", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"} <= found
    assert not [address for address in found if "{" in address or "YOUR_NAME" in address]
