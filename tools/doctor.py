"""What is wrong with this machine or its set-up, and what to do about it: `make doctor`, or `python -m tools doctor`.

It needs no package and no network, and any Python from 3.7 on can run it: it has to speak where nothing else works.
Packages are tried in a process of their own, because a broken one may end its process.
"""

import collections
import importlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import warnings
from pathlib import Path

try:
    from importlib import metadata
except ImportError:  # Python 3.7, which is too old for the rest
    metadata = None

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 10)  # Python
SCALES = ("quick", "cpu", "gpu", "paper")
PLACEHOLDER = "YOUR_NAME/deep-learning-papers"
PATIENCE = 300  # seconds for the packages to load, which on a slow disk takes a minute or two the first time
GB = 1e9
LEAST_DISK = {"run": 0.1 * GB, "install": 2 * GB}  # with less, `make run` or its set-up fails
WANTED_DISK = 10 * GB  # for torch with CUDA, while pip unpacks it
WANTED_MEMORY = 2 * GB

Data = collections.namedtuple("Data", "name path files size module function")
DATA = (  # what lies where in the data folder, and which function fetches it
    Data("CIFAR-10", "cifar10.npz", 1, "170 MB", "utils.images", "load_cifar10"),
    Data("MNIST", "MNIST", 4, "12 MB", "utils.images", "load_mnist"),
    Data("Multi30k", "multi30k", 6, "1.2 MB", "attention.translation", "load_multi30k"),
    Data("ISBI-2012", "isbi2012", 60, "6 MB", "architectures.unet.slices", "load_isbi2012"),
    Data("BCCD", "BCCD", 732, "10 MB", "architectures.yolo.cells", "load_bccd"),
    Data("movie reviews", "movie_reviews", 1, "4 MB", "architectures.bert.reviews", "load_reviews"),
    Data("tiny Shakespeare", "tinyshakespeare", 1, "1 MB", "architectures.gpt.shakespeare", "load_shakespeare"),
    Data("published BERT", "bert-base-uncased", 1, "440 MB", "architectures.bert.published", "load_published_weights"),
    Data("published GPT-2", "gpt2", 1, "548 MB", "architectures.gpt.bpe", "load_gpt2_weights"),
)

Line = collections.namedtuple("Line", "mark subject text advice")


def ok(subject, text):
    return Line("ok", subject, text, "")


def note(subject, text, advice):
    """Something to know, or that stops another thing than `make run`."""
    return Line("note", subject, text, advice)


def stop(subject, text, advice):
    """Something that would stop `make run`."""
    return Line("STOP", subject, text, advice)


def doctor(venv=None):
    """Print a line for each thing that matters, and what to do where something is wrong.

    `venv` is the environment that `make` runs in, and sets up where need be; None means the packages of this Python.
    Returns 1 if something would stop `make run`, else 0.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a folder's name may be more than this terminal can show
    setup = Setup(venv)
    stopping = []
    for check in CHECKS:
        try:
            lines = list(check(setup))
        except Exception as error:  # the other checks may still help
            lines = [note(check.__name__, f"could not be looked at: {error!r}", "report this, with all of these lines")]
        for line in lines:
            show(line)
            if line.mark == "STOP":
                stopping.append(line.subject)
    what = ", ".join(dict.fromkeys(stopping))
    print(f"\nThis would stop `make run`: {what}." if what else "\nNothing here would stop `make run`.")
    return int(bool(what))


def show(line):
    """Print a finding, and below it what to do."""
    print(f"{line.mark:5} {line.subject:12} {line.text}")
    if line.advice:
        indent = dict(initial_indent=" " * 19 + "-> ", subsequent_indent=" " * 22)
        print("\n".join(textwrap.wrap(line.advice, 118, break_long_words=False, break_on_hyphens=False, **indent)))
    sys.stdout.flush()


class Setup:
    """What several checks need to know about the environment.

    venv        its folder, or None
    inside      whether this Python is that of the environment, or there is none
    to_install  whether `make run` installs the packages before anything else
    found       what `look` has found out about the packages
    """

    def __init__(self, venv=None):
        self.venv = None if venv is None else ROOT / venv
        self.inside = self.venv is None or Path(sys.prefix).resolve() == self.venv.resolve()
        self.to_install = self.venv is not None and not newer(self.venv / ".ready", ROOT / "requirements.txt")
        self.found = {}

    @property
    def python(self):
        """The environment's Python, as one types it in the repository's root."""
        path = sys.executable if self.inside else str(self.venv / "bin" / "python")
        root = str(ROOT) + os.sep
        return shlex.quote(path[len(root) :] if path.startswith(root) else path)

    def pip(self, what):
        return f"{self.python} -m pip install {what}"


def newer(path, source):
    """Whether `make` would leave the file `path`, which depends on `source`, alone."""
    return path.exists() and path.stat().st_mtime >= source.stat().st_mtime


def check_python(setup):
    text = f"{platform.python_version()}, {platform.system()} {platform.machine()}, {sys.executable}"
    if sys.version_info < OLDEST:
        yield stop("Python", text, "Python 3.10 or later is needed: install one, then make run PYTHON=python3.12")
    elif sys.maxsize < 2**32:
        yield stop("Python", f"{text}, 32 bits", "torch needs a 64-bit Python")
    else:
        yield ok("Python", text)


def check_environment(setup):
    venv = setup.venv
    if venv is None:
        yield ok("environment", f"the packages of this Python, under {sys.prefix}")
    elif not venv.exists():
        if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
            yield ok("environment", f"none yet: `make run` makes {venv}")
        else:
            advice = "on Debian or Ubuntu: sudo apt install python3-venv"
            yield stop("environment", "this Python cannot make virtual environments", advice)
    elif not setup.inside:
        text = f"the Python of {venv} does not start"
        if setup.to_install:
            yield note("environment", text, "`make run` makes it anew")
        else:
            yield stop("environment", text, f"rm -r {shlex.quote(str(venv))}, and `make run` makes it anew")
    elif (venv / ".unfinished").exists():
        yield note("environment", f"{venv}: its set-up was broken off", "`make run` goes on with it")
    else:
        yield ok("environment", str(venv))


def check_packages(setup):
    wanted = requirements("requirements.txt")
    if not setup.inside:
        yield ok("packages", "not looked at: `make run` installs them")
        return
    setup.found = look(wanted)
    missing = [name for name in wanted if installed(name) is None]
    if missing and setup.to_install:
        yield note("packages", f"not installed: {', '.join(missing)}", "`make run` installs them")
    elif missing:
        yield stop("packages", f"not installed: {', '.join(missing)}", setup.pip("-r requirements.txt"))
    good = []
    for name in (name for name in wanted if name not in missing):
        version, broken = installed(name), setup.found["broken"].get(name)
        if broken is not None:
            text = f"{name} {version} does not load: {broken}"
            yield stop("packages", text, setup.pip(f"--force-reinstall {name}"))
        elif as_numbers(version) < as_numbers(wanted[name]):
            text = f"{name} {version} is older than {wanted[name]}"
            yield note("packages", text, setup.pip(f"--upgrade '{name}>={wanted[name]}'"))
        else:
            good.append(f"{name} {version}")
    if good:
        yield ok("packages", ", ".join(good))
    of_tests = [name for name in requirements("requirements-dev.txt") if installed(name) is None]
    if of_tests and setup.venv is not None and not newer(setup.venv / ".ready-dev", ROOT / "requirements-dev.txt"):
        yield ok("for tests", f"`make test` installs {', '.join(of_tests)}")
    elif of_tests and not missing:
        yield note("for tests", f"not installed: {', '.join(of_tests)}", setup.pip("-r requirements-dev.txt"))


def requirements(name):
    """{package: lower bound} of a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    matches = [re.match(r"([\w-]+)(?:\[[\w,-]+\])?>=([\d.]+)", line) for line in lines]
    return {match.group(1): match.group(2) for match in matches if match}


def installed(name):
    """The version of a package, without loading it; None where it is missing, or pip was stopped inside it."""
    if metadata is None:
        return None
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def as_numbers(version):
    """(2, 4, 0) for "2.4.0+cpu"."""
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", version).group().split("."))


def look(names):
    """Load the packages, and ask torch about this machine, in another process: what was found, as a dictionary.

    "broken" holds the packages that do not load, and why; "failed" what else ended the process, if something did.
    """
    names = [name for name in names if installed(name) is not None]
    if not names:
        return {"broken": {}}
    command = [sys.executable, "-m", "tools.doctor", *names]
    process = subprocess.Popen(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=PATIENCE)
        why = ended(process.returncode, errors)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        why = f"not done after {PATIENCE} s"
    found, broken, at = {}, {}, ""
    for line in out.decode("utf-8", errors="replace").splitlines():
        if line.startswith("{"):  # what else is printed while packages load is not ours
            said = json.loads(line)
            broken.update(said.pop("broken", {}))
            at = said.pop("at", at)
            found.update(said)
    if why and at in names:
        rest = look(names[names.index(at) + 1 :])
        broken.update({at: why, **rest.pop("broken")})
        found.update(rest)
    elif why:
        found["failed"] = f"{at}: {why}"
    return {**found, "broken": broken}


def ended(code, errors):
    """Why a process ended, in words; None if by itself."""
    if code == 0:
        return None
    if code < 0:
        name = signal.Signals(-code).name
        return f"its process ends by {name}" + " (an instruction that this CPU does not have)" * (name == "SIGILL")
    lines = errors.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {code}"


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


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


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


def check_torch(setup):
    found = setup.found
    if "torch" in found:
        yield ok("torch", f"{found['torch']}, built for {found['built_for'] or 'the CPU'}")
    elif "torch_itself_error" in found and "torch" not in found["broken"] and installed("torch"):
        yield stop("torch", found["torch_itself_error"], setup.pip("--force-reinstall torch torchvision"))
    if "failed" in found:
        yield stop("torch", found["failed"], setup.pip("--force-reinstall torch torchvision"))


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


def check_kernel(setup):
    found = setup.found
    if "kernel" in found:
        path = Path(found["kernel"])
        advice = f"remove {found['kernel_folder']}, or set JUPYTER_PREFER_ENV_PATH=1"
        if not path.is_absolute() or path.parent == Path(sys.executable).parent:
            yield ok("kernel", "notebooks run in this Python")
        elif path.exists():
            yield note("kernel", f"notebooks run in another Python, {path}: packages may be missing there", advice)
        else:
            yield stop("kernel", f"notebooks are to run in {path}, which is not there", advice)
    elif "kernel_error" in found and not setup.to_install:
        advice = setup.pip("--force-reinstall ipykernel")
        yield stop("kernel", f"no notebook can be executed: {found['kernel_error']}", advice)


def check_git(setup):
    clone = "get the collection by git clone; a downloaded ZIP file is no clone"
    try:
        result = subprocess.run(["git", "ls-files", "Makefile"], cwd=str(ROOT), capture_output=True)
    except OSError:
        yield note("git", "is not installed; `make test` and the maintainers' commands need it", "install git")
        return
    if result.returncode or not result.stdout:
        why = first_line(result.stderr.decode("utf-8", errors="replace")) if result.stderr else "this is no clone"
        yield note("git", f"`make test` and the maintainers' commands will fail: {why}", clone)
    else:
        yield ok("git", "this is a clone")


def check_disk(setup):
    least = LEAST_DISK["install" if setup.to_install else "run"]
    seen = set()
    for what, path in folders(setup):
        path = existing(path)
        if path.stat().st_dev in seen:
            continue
        seen.add(path.stat().st_dev)
        free = shutil.disk_usage(str(path)).free
        text = f"{free / GB:.1f} GB free for {what}"
        if free < least:
            yield stop("disk", text, "make room")
        elif setup.to_install and free < WANTED_DISK:
            advice = 'make room, or install torch without CUDA first: "A shorter install" in README.md'
            yield note("disk", f"{text}, and torch with CUDA takes most of {WANTED_DISK / GB:.0f}", advice)
        else:
            yield ok("disk", text)


def check_folders(setup):
    for what, path in folders(setup):
        place = existing(path)
        try:
            if not place.is_dir():
                raise NotADirectoryError(f"{place} is no folder")
            with tempfile.TemporaryFile(dir=str(place)):
                pass
        except OSError as error:
            text = f"{path} cannot be written: {error.strerror or error}"
            if what == "data":
                yield note(what, text, "set DATA_ROOT to a folder that you may write to, or run at scale quick")
            elif what == "checkpoints":
                yield stop(what, text, "set CHECKPOINT_DIR to a folder that you may write to")
            else:
                yield stop(what, text, "put the collection into a folder that you may write to")


def folders(setup):
    """What is written where."""
    return (
        ("outputs", ROOT / "build"),
        ("checkpoints", variable_folder("CHECKPOINT_DIR", "checkpoints")),
        ("data", variable_folder("DATA_ROOT", "data")),
        *((("packages", setup.venv),) if setup.to_install else ()),
    )


def variable_folder(variable, default):
    """As `data_root` and `checkpoint_dir` in utils/ have it."""
    return Path(os.environ.get(variable) or ROOT / default).expanduser()


def existing(path):
    """The path, or the folder above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


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
        return min(free, limit - used), min(total, limit)
    except (OSError, ValueError):  # "max": no limit
        return free, total


def check_scale(setup):
    scale = os.environ.get("RUN_SCALE")
    if scale and scale not in SCALES:
        yield note("scale", f"RUN_SCALE is {scale}, which notebooks refuse", f"one of {', '.join(SCALES)}, or unset it")
    elif scale:
        yield ok("scale", f"{scale}, by RUN_SCALE, in notebooks that you open yourself")


def check_data(setup):
    root = variable_folder("DATA_ROOT", "data")
    there = {data: count_files(root / data.path) for data in DATA}
    found = [data.name for data, files in there.items() if files >= data.files]
    if found:
        yield ok("data", f"{', '.join(found)}, in {root}")
    missing = {data: files for data, files in there.items() if files < data.files}
    if missing:
        text = "not here yet; scale quick needs none of them, and other scales fetch what they need"
        yield note("data", text, "to fetch one now, in the repository's root:")
    for data, files in missing.items():
        part = f", {files} of {data.files} files here" if files else ""
        command = f'{setup.python} -c "from {data.module} import {data.function}; {data.function}()"'
        yield Line("", "", f"{data.name} ({data.size}{part}): {command}", "")


def count_files(path):
    """Complete files: a download that was broken off ends in .part."""
    paths = [path] if path.is_file() else path.rglob("*")
    return sum(path.is_file() and path.suffix != ".part" for path in paths)


def check_checkpoints(setup):
    root, sizes = variable_folder("CHECKPOINT_DIR", "checkpoints"), collections.Counter()
    for path in root.rglob("*"):
        if path.is_file():
            sizes[path.relative_to(root).parts[0]] += path.stat().st_size
    if sizes:
        parts = ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in sorted(sizes.items()))
        yield ok("checkpoints", f"{parts}, in {root}; delete what you do not need any more")
    else:
        yield ok("checkpoints", f"none yet, in {root}")


def check_address(setup):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    address = re.search(r'^repository = "(.+)"$', text, re.MULTILINE).group(1)
    if address == PLACEHOLDER:
        advice = "once it is on GitHub: make stamp REPO=owner/name"
        yield note("address", f"still {address}: badges lead nowhere, and Colab cannot fetch the rest", advice)
    else:
        yield ok("address", f"github.com/{address}")


CHECKS = (
    check_python,
    check_environment,
    check_packages,
    check_torch,
    check_gpu,
    check_precision,
    check_kernel,
    check_git,
    check_folders,
    check_disk,
    check_memory,
    check_scale,
    check_data,
    check_checkpoints,
    check_address,
)

if __name__ == "__main__":
    load(sys.argv[1:])
