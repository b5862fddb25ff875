"""Which chip a notebook runs on, in which precision, at which scale, from which seed."""

import contextlib
import logging
import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from utils.distributed import local_rank, say

SCALES = ("quick", "cpu", "gpu", "paper")
_scale = None  # the scale that this process has settled on


def get_device(verbose=True):
    """The best device there is: CUDA, then Apple's MPS, then the CPU. Says which one, its memory and the precision.

    Each process of a distributed run has its own GPU, and none is given MPS, over which torch cannot communicate.
    """
    if torch.cuda.is_available():
        device = torch.device("cuda") if local_rank() is None else torch.device("cuda", local_rank())
    elif torch.backends.mps.is_available() and local_rank() is None:
        device = torch.device("mps")
    else:
        device = torch.device("cpu")
    if verbose:
        dtype, reason = choose_precision(device)
        print(f"Device: {device.type}, {hardware(device)}. Precision: {dtype_name(dtype)} ({reason}).")
        if device.type == "cpu" and in_colab():
            print("For a GPU choose Runtime > Change runtime type > T4 GPU, and run the notebook from the top.")
    return device


def choose_precision(device):
    """(dtype, reason) for autocast on `device`: the fastest format that the chip has in hardware, not in emulation."""
    device = torch.device(device)
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major >= 8:
            return torch.bfloat16, f"native at compute capability {major}.{minor}"
        if major >= 7:
            return torch.float16, f"with a gradient scaler: compute capability {major}.{minor} has no bfloat16"
        return torch.float32, f"compute capability {major}.{minor} has no fast half precision"
    if device.type == "cpu":
        native = cpu_flags() & {"avx512_bf16", "amx_bf16"}
        if native:
            return torch.bfloat16, f"native: {', '.join(sorted(native))}"
        return torch.float32, "this CPU has no native bfloat16"
    return torch.float32, "the safe choice on this chip"


def cpu_flags():
    """The feature flags of this CPU as Linux lists them; an empty set on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def hardware(device):
    """The chip in words, with its memory in GB: what stands beside a result."""
    device = torch.device(device)
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 1e9
        return f"{torch.cuda.get_device_name(device)}, {memory:.0f} GB"
    if device.type == "mps":
        return f"Apple GPU of {cpu_name()}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu_name()}, {cores} core{'s' * (cores != 1)}{memory_in_words()}"


def cpu_name():
    """The CPU's model name."""
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory_in_words():
    """', 25 GB', or nothing where the system does not tell."""
    try:
        return f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    except (AttributeError, ValueError, OSError):
        return ""


def autocast(device, dtype):
    """The context in which a forward pass on `device` runs in `dtype`; nothing at all for float32."""
    if dtype == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, dtype)


def synchronise(device):
    """Wait until `device` has done what it was given: before reading a clock."""
    kind = torch.device(device).type
    if kind == "cuda":
        torch.cuda.synchronize()
    elif kind == "mps":
        torch.mps.synchronize()


def dtype_name(dtype):
    """'bfloat16' for torch.bfloat16."""
    return str(dtype).removeprefix("torch.")


def as_dtype(precision):
    """The dtype for "float32", "bfloat16" or "float16", or for such a dtype. Raises ValueError for anything else."""
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        if precision in (dtype, dtype_name(dtype)):
            return dtype
    raise ValueError(f'precision is {precision!r}; expected "float32", "bfloat16" or "float16"')


def compiled_for(device, model, options=True):
    """`torch.compile(model)`, or `model` itself, with a printed sentence, where this machine cannot compile.

    The compiled module shares the weights of `model`, whose own names and hooks stay as they are. `options` is True or
    a dictionary of arguments of `torch.compile`. Each shape of a batch is compiled for itself (`dynamic=False`), so
    that a training does the same arithmetic whether it was interrupted or not. That holds for up to eight shapes:
    torch compiles no more of them, and the rest runs as it is.
    """
    if sys.platform == "win32" and torch.device(device).type == "cpu":
        reason = "not tried on Windows"
    else:
        # on a machine with CUDA's files and no GPU it would warn in every compiled training
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        try:
            torch.compile(lambda x: x.sin() + 1)(torch.ones(2, device=device))
            return torch.compile(model, **{"dynamic": False, **(options if isinstance(options, dict) else {})})
        except Exception as error:  # whatever it is: no compiler, no Triton, an unsupported Python
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    say(f"torch.compile does not work here ({reason[:150]}); the training runs without it.")
    return model


def versions():
    """The versions that a result depends on."""
    return {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__}


def set_seed(seed):
    """Seed Python, NumPy and torch (every device)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 – the global state is what a notebook's own np.random calls draw from
    torch.manual_seed(seed)


def run_scale(choice=None, verbose=True):
    """The scale of this run, "quick", "cpu", "gpu" or "paper": `choice`, else $RUN_SCALE, else by the hardware.

    quick: seconds, on data that the repository generates. cpu: real data, hours of training on two cores.
    gpu: real data, on a small GPU. paper: the paper's sizes, and its recipe where possible. Raises ValueError for
    another name.
    """
    global _scale
    if choice is not None:
        scale, why = choice, "asked for in the notebook"
    elif os.environ.get("RUN_SCALE"):
        scale, why = os.environ["RUN_SCALE"], "from RUN_SCALE"
    elif torch.cuda.is_available() or torch.backends.mps.is_available():
        scale, why = "gpu", "a GPU is there"
    else:
        scale, why = "cpu", "no GPU was found"
    if scale not in SCALES:
        raise ValueError(f"the scale of a run is {scale!r}; expected one of {', '.join(SCALES)}")
    _scale = scale
    if verbose:
        others = " | ".join(f'"{s}"' for s in SCALES if s != scale)
        print(f"Scale: {scale} ({why}). Choose another by run_scale({others}), or by RUN_SCALE in the environment.")
    return scale


def current_scale():
    """The scale that `run_scale` settled on earlier in this process, or settles on now."""
    return _scale or run_scale(verbose=False)


def in_colab():
    """Whether this is a Colab runtime."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ
