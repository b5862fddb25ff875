"""Files on disk and from the network: the data folder, checked downloads, files written whole, .safetensors."""

import contextlib
import errno
import hashlib
import http.client
import os
import sys
import urllib.request
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utils.distributed import once_a_machine

REPOSITORY = Path(__file__).resolve().parent.parent


class DataError(RuntimeError):
    """A data set is not there, could not be fetched, or is damaged; the message says what to do."""


def data_root():
    """The folder of the data sets: $DATA_ROOT, else `data/` in the repository. Made if need be.

    Raises DataError where something that is not a folder lies there.
    """
    root = Path(os.environ.get("DATA_ROOT") or REPOSITORY / "data").expanduser()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"the data folder {root} cannot be used ({error.strerror}): remove what lies there, "
            "or set DATA_ROOT to a folder that you may write to"
        ) from error
    return root


def file_sha256(path):
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@once_a_machine
def download(addresses, path, sha256, timeout=30):
    """Fetch `path` from the first of `addresses` that serves it with this SHA-256, unless it is there already.

    `sha256` may be the first digits alone (eight at least), where a publisher gives no more. `timeout` is in seconds,
    for the connection and for each read. The file appears under its name only when it is complete and right. Raises
    DataError, with what each address answered and what to do, when all of them fail. One process a machine downloads.
    """
    path = Path(path)
    if len(sha256) < 8:
        raise ValueError(f"sha256 is {sha256!r}; expected at least 8 hexadecimal digits")
    if path.is_file() and file_sha256(path).startswith(sha256):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    failures = []
    for address in addresses:
        try:
            fetch(address, partial, timeout)
            if not file_sha256(partial).startswith(sha256):
                raise OSError("the file is not the expected one (wrong SHA-256)")
            os.replace(partial, path)
            return path
        except (OSError, http.client.HTTPException) as error:  # urllib's errors are OSErrors
            if isinstance(error, PermissionError) or getattr(error, "errno", None) in (errno.ENOSPC, errno.EROFS):
                raise DataError(
                    f"{partial} cannot be written ({error}): make room, or set DATA_ROOT to another folder"
                ) from error
            failures.append(f"  {address}\n      {error or type(error).__name__}")
        finally:
            partial.unlink(missing_ok=True)
    raise DataError(
        f"{path.name} could not be downloaded:\n" + "\n".join(failures) + "\nCheck the network and run this again, or "
        f"fetch the file on another machine and put it here:\n  {path}\n  (SHA-256 {sha256})\n"
        'Without any network: run_scale("quick"), or RUN_SCALE=quick, runs every notebook on generated data.'
    )


def fetch(address, target, timeout):
    """Write what `address` serves to the file `target`, with a progress bar. Raises OSError where it is cut short."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (deep-learning-papers)"})
    with urllib.request.urlopen(request, timeout=timeout) as answer, open(target, "wb") as out:
        expected = int(answer.headers.get("Content-Length") or 0)
        label = f"{address.rsplit('/', 1)[1]} from {answer.url.split('/')[2]}"
        options = dict(unit="B", unit_scale=True, file=sys.stdout, leave=False, mininterval=2)
        with tqdm(total=expected or None, desc=label, **options) as bar:
            while block := answer.read(1 << 20):
                out.write(block)
                bar.update(len(block))
    received = target.stat().st_size
    if expected and received != expected:
        raise OSError(f"the download broke off after {received} of {expected} bytes")


@contextlib.contextmanager
def written_whole(path):
    """A binary file to write to: `path` is the old file until the block ends, then the whole new one.

    Where the block or the disk fails, the old file stays. The folder is made if need be.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def save_arrays(path, arrays):
    """Write `arrays` (a dictionary) as the .npz file `path`, which appears only when it is complete."""
    with written_whole(path) as file:
        np.savez(file, **arrays)


def safetensors_reader():
    """The function that reads a .safetensors file as {name: tensor}; asked for before a download, it fails early.

    Raises DataError where the package `safetensors` is missing; the function raises it for a damaged file.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise DataError(
            "published weights are .safetensors files: pip install safetensors, then run this again"
        ) from error

    def read(path):
        try:
            return load_file(path)
        except SafetensorError as error:
            raise DataError(f"{path} is no whole .safetensors file ({error}): delete it, run again") from error

    return read
