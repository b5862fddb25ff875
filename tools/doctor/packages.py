"""Python, its environment and the packages in it: whether they are there, and whether they work."""

import importlib.util
import json
import platform
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from tools.doctor.findings import ROOT, newer, note, ok, stop

try:
    from importlib import metadata
except ImportError:  # Python 3.7, which is too old for the rest
    metadata = None

OLDEST = (3, 10)  # Python
PATIENCE = 300  # seconds for the packages to load, which on a slow disk takes a minute or two the first time


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
    command = [sys.executable, "-m", "tools.doctor.probe", *names]
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


def check_torch(setup):
    found = setup.found
    if "torch" in found:
        yield ok("torch", f"{found['torch']}, built for {found['built_for'] or 'the CPU'}")
    elif "torch_itself_error" in found and "torch" not in found["broken"] and installed("torch"):
        yield stop("torch", found["torch_itself_error"], setup.pip("--force-reinstall torch torchvision"))
    if "failed" in found:
        yield stop("torch", found["failed"], setup.pip("--force-reinstall torch torchvision"))


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
