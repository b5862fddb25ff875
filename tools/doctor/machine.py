"""The machine that notebooks would run on: its GPU, the precision that they compute in, and its memory."""

import os
import subprocess
from pathlib import Path

from tools.doctor.findings import GB, note, ok, stop

WANTED_MEMORY = 2 * GB


def check_gpu(setup):
    found, (cards, silence) = setup.found, nvidia_smi()
    on_cpu = "to do without it: export CUDA_VISIBLE_DEVICES="
    other_torch = "see https://pytorch.org/get-started/locally/ for a torch that fits"
    if found.get("device") in ("cuda", "mps"):
        text = "; ".join(cards) or found["hardware"]
        if "device_and_precision_error" in found:
            yield stop("GPU", f"{text}: {found['device_and_precision_error']}", f"{other_torch}; {on_cpu}")
        elif found.get("free", GB) < GB:
            text += f", of whose memory {found['free'] / GB:.1f} GB are free"
            yield note("GPU", text, f"nvidia-smi says which program has the rest; {on_cpu}")
        else:
            yield ok("GPU", text)
    elif cards and found.get("torch"):
        text = f"{'; '.join(cards)}, which torch does not use"
        if not found["built_for"]:
            yield note("GPU", f"{text}: it is built for the CPU", f"{other_torch}; then {setup.pip('--upgrade …')}")
        elif os.environ.get("CUDA_VISIBLE_DEVICES") is not None:
            yield note("GPU", f"{text}: CUDA_VISIBLE_DEVICES hides it", "unset CUDA_VISIBLE_DEVICES")
        else:
            text += f": {found['warning']}" if found["warning"] else ""
            yield note("GPU", text, f"a newer driver, or an older CUDA in torch: {other_torch}")
    elif cards:
        yield ok("GPU", f"{'; '.join(cards)}; whether torch can use it is not known yet")
    elif silence:
        yield note(
            "GPU", f"nvidia-smi is here, but fails: {silence}", "install its driver anew, or restart the machine"
        )
    else:
        yield ok("GPU", "no GPU was found: notebooks run on the CPU, at scale cpu unless you choose another")


def nvidia_smi():
    """(GPUs in words, with their drivers; why nvidia-smi failed, or nothing)."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits"]
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except FileNotFoundError:
        return [], ""
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)
    lines = result.stdout.decode("utf-8", errors="replace").strip().splitlines()
    if result.returncode:
        return [], " ".join(lines)[:200] or f"exit status {result.returncode}"
    cards = [[part.strip() for part in line.split(",")] for line in lines]
    return [f"{name}, {float(memory) / 1024:.0f} GiB, driver {driver}" for name, driver, memory in cards], ""


def check_precision(setup):
    found, error = setup.found, setup.found.get("device_and_precision_error")
    if "precision" in found:
        yield ok("precision", f"{found['precision']} on {found['hardware']}")
    if error and found.get("device") not in ("cuda", "mps") and "torch" in found:  # a GPU's has its own line
        yield stop("precision", f"torch does not compute here: {error}", setup.pip("--force-reinstall torch numpy"))


def check_memory(setup):
    free, total = memory()
    if free is None:
        yield ok("memory", f"{total / GB:.0f} GB" if total else "this system does not tell")
    elif free < WANTED_MEMORY:
        text = f"{free / GB:.1f} of {total / GB:.0f} GB free; the system may end a notebook that needs more"
        yield note("memory", text, "close other programs")
    else:
        yield ok("memory", f"{free / GB:.0f} of {total / GB:.0f} GB free")


def memory():
    """(free, total) in bytes, within a container's limit; None for what the system does not tell."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free, total = (1024 * int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError):
        try:
            return None, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            return None, None
    try:
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in Path("/sys/fs/cgroup/memory.stat").read_text().splitlines())
        used -= int(stat["inactive_file"])  # files that were read: the system gives their memory back
        return min(free, limit - used), min(total, limit)
    except (OSError, ValueError, KeyError):  # "max": no limit
        return free, total
