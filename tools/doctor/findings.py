"""What a check is given, a Setup, and what it yields: lines, each a finding and what to do about it."""

import collections
import os
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
GB = 1e9

Line = collections.namedtuple("Line", "mark subject text advice")


def ok(subject, text):
    return Line("ok", subject, text, "")


def note(subject, text, advice):
    """Something to know, or that stops another thing than `make run`."""
    return Line("note", subject, text, advice)


def stop(subject, text, advice):
    """Something that would stop `make run`."""
    return Line("STOP", subject, text, advice)


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


def first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
