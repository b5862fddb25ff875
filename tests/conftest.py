"""What several test files need."""

import shutil
import subprocess
from pathlib import Path

import pytest

from utils.files import data_root
from utils.images import load_cifar10, load_shapes

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def tiny_shapes():
    """A few generated images, split in three."""
    return load_shapes(train=96, val=32, test=32, seed=3)


@pytest.fixture(scope="session")
def cifar10():
    """The real CIFAR-10 where data_root() has it; the test is skipped, and says so, where it has not."""
    if not (data_root() / "cifar10.npz").exists():
        pytest.skip(f"real CIFAR-10 is not under {data_root()}")
    return load_cifar10()


@pytest.fixture(scope="session")
def repository_copy(tmp_path_factory):
    """A git repository with the files of this working tree, committed: what a clone from GitHub would hold."""
    target = tmp_path_factory.mktemp("origin") / "papers"
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    commit = [*identity, "commit", "-q", "--allow-empty", "-m", "copy"]
    for command in (["init", "-q"], commit, ["add", "-A"], commit):  # two commits: a shallow clone has one of them
        subprocess.run(["git", *command], cwd=target, check=True)
    return target
