"""The setup cell in an empty folder, as Colab runs it: git is led to a local repository by its own configuration."""

import os
import subprocess
import sys

import pytest

from tools import notebooks, repository


def run_cell(folder, origin=None, address="some-one/papers", paths=(), then=""):
    """Execute the cell in `folder`; github.com/`address` leads to `origin`."""
    source = notebooks.setup_source().replace(repository.address(), address)
    source += "\nimport utils.training, architectures.resnet.resnet\nprint('utils from', utils.__file__)\n" + then
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "CHECKPOINT_DIR")}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    environment["PYTHONSAFEPATH"] = ""
    if origin is not None:
        environment["GIT_CONFIG_COUNT"] = "1"
        environment["GIT_CONFIG_KEY_0"] = f"url.file://{origin}.insteadOf"
        environment["GIT_CONFIG_VALUE_0"] = f"https://github.com/{address}.git"
    command = [sys.executable, "-c", source]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


def head(folder):
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def test_an_empty_folder_gets_a_clone_and_the_next_run_uses_it(repository_copy, tmp_path):
    first = run_cell(tmp_path, repository_copy)
    assert first.returncode == 0, first.stderr
    clone = tmp_path / "papers"
    assert f"utils from {clone / 'utils' / '__init__.py'}" in first.stdout
    assert f"Using commit {head(repository_copy)} of 20" in first.stdout
    history = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=clone, capture_output=True, text=True).stdout
    assert history.strip() == "1", "the clone is not shallow"
    again = run_cell(tmp_path, origin=tmp_path / "nowhere")
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout


def test_a_foreign_module_named_utils_does_not_win(repository_copy, tmp_path):
    foreign, folder = tmp_path / "foreign", tmp_path / "work"
    for name in ("utils", "architectures"):
        (foreign / name).mkdir(parents=True)
        (foreign / name / "__init__.py").write_text("raise SystemExit('the foreign module was imported')\n")
    folder.mkdir()
    (folder / "utils.py").write_text("raise SystemExit('the foreign module was imported')\n")
    result = run_cell(folder, repository_copy, paths=[foreign])
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"utils from {folder / 'papers'}" in result.stdout


def test_a_foreign_utils_that_is_loaded_already_is_named(repository_copy, tmp_path):
    (tmp_path / "utils.py").write_text("")
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport utils\n")
    folder = tmp_path / "work"
    folder.mkdir()
    result = run_cell(folder, repository_copy, paths=[tmp_path])
    assert result.returncode != 0
    assert f"another module named utils is loaded: {tmp_path / 'utils.py'}" in result.stderr


@pytest.mark.parametrize("inside", ["", "resnet", "architectures/resnet"])
def test_inside_the_repository_nothing_is_fetched(repository_copy, inside):
    result = run_cell(repository_copy / inside, origin=repository_copy / "nowhere")
    assert result.returncode == 0, result.stderr
    assert f"utils from {repository_copy / 'utils'}" in result.stdout and "commit" not in result.stdout


def test_the_placeholder_is_refused_with_what_to_do(tmp_path):
    result = run_cell(tmp_path, address=repository.PLACEHOLDER)
    assert result.returncode != 0 and "Set REPOSITORY above to the owner/name on GitHub" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_not_there(tmp_path):
    result = run_cell(tmp_path, origin=tmp_path / "nowhere")
    assert result.returncode != 0 and "git" in result.stderr and "nowhere" in result.stderr
    assert not (tmp_path / "papers").exists()


def test_git_is_told_not_to_ask_for_a_password(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$GIT_TERMINAL_PROMPT" "$@" >> "{tmp_path}/asked"\nexit 1\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    (tmp_path / "work").mkdir()
    assert run_cell(tmp_path / "work").returncode != 0
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("0 clone") and "--depth 1 https://github.com/some-one/papers.git" in asked


def test_a_strangers_project_with_utils_is_not_taken_for_ours(repository_copy, tmp_path):
    for name in ("utils/__init__.py", "utils/training.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder = tmp_path / "work"
    folder.mkdir()
    result = run_cell(folder, repository_copy)
    assert result.returncode == 0, result.stderr
    assert f"utils from {folder / 'papers'}" in result.stdout
