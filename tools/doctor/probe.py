"""What runs in the process that `look` starts: it loads packages, and asks torch and Jupyter about this machine."""

import importlib
import json
import sys
import warnings

from tools.doctor.findings import first_line


def load(names):
    """What the process of `look` does: it prints a line of JSON after each step."""
    for name in names:
        say(at=name)
        try:
            importlib.import_module(name.replace("-", "_"))
        except Exception as error:
            say(broken={name: first_line(error)})
    for step, needs in ((torch_itself, "torch"), (device_and_precision, "torch"), (kernel, "nbconvert")):
        if needs not in names:
            continue
        say(at=step.__name__)
        try:
            say(**step())
        except Exception as error:
            say(**{f"{step.__name__}_error": first_line(error)})


def say(**what):
    print(json.dumps(what), flush=True)


def torch_itself():
    """The version of torch, what it was built for, and whether it can use a GPU."""
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cuda = torch.cuda.is_available()
    built_for = [f"{kind} {version}" for kind, version in (("CUDA", torch.version.cuda), ("ROCm", torch.version.hip))]
    return {
        "torch": str(torch.__version__),
        "built_for": next((name for name in built_for if "None" not in name), ""),
        "gpu": "cuda" if cuda else "mps" if torch.backends.mps.is_available() else "",
        "warning": first_line(caught[0].message) if caught else "",
    }


def device_and_precision():
    """What the notebooks would run on, and whether it can multiply."""
    import torch

    from utils.device import choose_precision, dtype_name, get_device, hardware

    device = get_device(verbose=False)
    dtype, reason = choose_precision(device)
    say(device=device.type, hardware=hardware(device), precision=f"{dtype_name(dtype)} ({reason})")
    ones = torch.ones(64, 64, device=device, dtype=dtype)
    if not ((ones @ ones).float() == 64).all():
        raise ArithmeticError("a product of matrices comes out wrong")
    return {"free": torch.cuda.mem_get_info()[0]} if device.type == "cuda" else {}


def kernel():
    """The Python that Jupyter would execute a notebook with."""
    from jupyter_client.kernelspec import KernelSpecManager

    spec = KernelSpecManager().get_kernel_spec("python3")
    return {"kernel": spec.argv[0], "kernel_folder": spec.resource_dir}


if __name__ == "__main__":
    load(sys.argv[1:])
