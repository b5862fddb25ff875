"""utils/device.py on devices that this machine need not have."""

import random

import numpy as np
import pytest
import torch

from utils import device as D


@pytest.fixture
def fake_cuda(monkeypatch):
    def install(capability, name):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: name)
        properties = type("Properties", (), {"total_memory": 15_800_000_000})
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda *_: properties)

    return install


@pytest.fixture
def only_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("capability", "name", "dtype"),
    [
        ((6, 1), "GTX 1080", torch.float32),
        ((7, 5), "Tesla T4", torch.float16),
        ((8, 0), "A100", torch.bfloat16),
        ((9, 0), "H200", torch.bfloat16),
    ],
)
def test_cuda_precision(fake_cuda, capsys, capability, name, dtype):
    fake_cuda(capability, name)
    assert D.get_device() == torch.device("cuda")
    assert D.choose_precision("cuda")[0] == dtype
    said = capsys.readouterr().out
    assert name in said and "16 GB" in said and D.dtype_name(dtype) in said


def test_cuda_before_mps_before_cpu(monkeypatch, fake_cuda, only_cpu):
    assert D.get_device(verbose=False).type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert D.get_device(verbose=False).type == "mps"
    assert D.choose_precision("mps")[0] == torch.float32
    fake_cuda((8, 0), "A100")
    assert D.get_device(verbose=False).type == "cuda"


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx2", "avx512f", "avx512_vnni"}, torch.float32),
        ({"avx512f", "avx512_bf16"}, torch.bfloat16),
        ({"amx_bf16", "amx_tile"}, torch.bfloat16),
        (set(), torch.float32),
    ],
)
def test_cpu_precision_needs_hardware(monkeypatch, flags, dtype):
    monkeypatch.setattr(D, "cpu_flags", lambda: flags)
    assert D.choose_precision("cpu")[0] == dtype


def test_colab_without_gpu_is_told_how_to_get_one(monkeypatch, only_cpu, capsys):
    D.get_device()
    assert "Change runtime type" not in capsys.readouterr().out
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    D.get_device()
    assert "Change runtime type" in capsys.readouterr().out


def test_autocast_follows_the_precision():
    x = torch.randn(4, 4)
    with D.autocast("cpu", torch.float32):
        assert (x @ x).dtype == torch.float32
    with D.autocast("cpu", torch.bfloat16):
        assert (x @ x).dtype == torch.bfloat16


def test_run_scale(monkeypatch, only_cpu, fake_cuda, capsys):
    monkeypatch.setattr(D, "_scale", None)
    monkeypatch.setenv("RUN_SCALE", "paper")
    assert D.run_scale() == "paper" and "RUN_SCALE" in capsys.readouterr().out
    assert D.run_scale("quick") == D.current_scale() == "quick"
    monkeypatch.delenv("RUN_SCALE")
    assert D.run_scale() == "cpu"
    fake_cuda((7, 5), "Tesla T4")
    assert D.run_scale() == "gpu"
    with pytest.raises(ValueError, match="'fast'; expected one of quick, cpu, gpu, paper"):
        D.run_scale("fast")
    monkeypatch.setenv("RUN_SCALE", "full")
    with pytest.raises(ValueError, match="'full'"):
        D.run_scale()


def test_set_seed_covers_every_generator():
    def draws():
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    D.set_seed(5)
    first = draws()
    D.set_seed(5)
    assert draws() == first
    D.set_seed(6)
    assert all(a != b for a, b in zip(draws(), first))


def test_hardware_is_named():
    assert "core" in D.hardware("cpu")
    assert set(D.versions()) == {"python", "torch", "numpy"}
    assert all(type(version) is str for version in D.versions().values())  # a subclass could not be loaded safely
