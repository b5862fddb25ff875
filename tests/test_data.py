"""utils/files, images, loader and shapes: downloads that go wrong, CIFAR-10's archive, batches."""

import gzip
import hashlib
import http.server
import io
import pickle
import re
import socket
import sys
import tarfile
import threading
import time

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from architectures.bert import published
from architectures.gpt import bpe
from utils import files
from utils import images as image_data
from utils import loader as loaders
from utils.shapes import CLASSES, make_shapes

CONTENT = b"the right bytes" * 1000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /good, /wrong, /short (fewer bytes than announced); anything else is a 404."""

    def do_GET(self):
        self.server.asked.append(self.path)
        body = {"/good": CONTENT, "/wrong": CONTENT[::-1], "/short": CONTENT}.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:500] if self.path == "/short" else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def addresses(server, *names):
    return [f"{server.address}/{name}" for name in names]


def test_download_takes_the_first_address_that_is_right(server, tmp_path):
    path = tmp_path / "deep" / "file.bin"
    files.download(addresses(server, "missing", "short", "wrong", "good", "never"), path, RIGHT)
    assert path.read_bytes() == CONTENT
    assert server.asked == ["/missing", "/short", "/wrong", "/good"]
    assert list(path.parent.iterdir()) == [path]  # nothing half-written is left


def test_download_by_the_first_digits_of_a_hash(server, tmp_path):
    path = tmp_path / "file.bin"
    files.download(addresses(server, "wrong", "good"), path, RIGHT[:8])
    assert path.read_bytes() == CONTENT and server.asked == ["/wrong", "/good"]
    files.download(addresses(server, "good"), path, RIGHT[:8])
    assert server.asked == ["/wrong", "/good"]
    for useless in ("", RIGHT[:7]):
        with pytest.raises(ValueError, match="at least 8 hexadecimal digits"):
            files.download(addresses(server, "good"), path, useless)


def test_download_of_what_is_there_asks_nobody(server, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    files.download(addresses(server, "good"), path, RIGHT)
    assert server.asked == []
    path.write_bytes(b"damaged")
    files.download(addresses(server, "good"), path, RIGHT)
    assert server.asked == ["/good"] and path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing", "404"), ("short", "broke off after 500 of 15000 bytes"), ("wrong", "wrong SHA-256")],
)
def test_a_failed_download_says_why_and_leaves_nothing(server, tmp_path, name, reason):
    path = tmp_path / "file.bin"
    with pytest.raises(files.DataError) as error:
        files.download(addresses(server, name), path, RIGHT)
    message = str(error.value)
    assert reason in message and addresses(server, name)[0] in message
    assert str(path) in message and RIGHT in message and "quick" in message  # what to do
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_keeps_the_old_file(server, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"older")
    with pytest.raises(files.DataError):
        files.download(addresses(server, "wrong"), path, RIGHT)
    assert path.read_bytes() == b"older"


def test_a_full_disk_is_not_the_networks_fault(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "fetch", full)
    with pytest.raises(files.DataError, match=r"cannot be written .*No space left.*make room, or set DATA_ROOT"):
        files.download(addresses(server, "good"), tmp_path / "file.bin", RIGHT)


def test_no_network(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    with pytest.raises(files.DataError) as error:
        image_data.load_cifar10()
    for address in image_data.CIFAR10_ADDRESSES:
        assert address in str(error.value)
    assert "name resolution" in str(error.value) and "Check the network" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_data_root_should_be(tmp_path, monkeypatch):
    (tmp_path / "data").write_text("not a folder")
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    with pytest.raises(files.DataError, match="data folder .* cannot be used .*set DATA_ROOT"):
        image_data.load_cifar10()


def archive_bytes(rng, per_batch=20, extra=None):
    """A small archive in the format of cifar-10-python.tar.gz, and the arrays that it holds."""
    stream, images, labels = io.BytesIO(), [], []
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
            rows = rng.integers(0, 256, (per_batch, 3072), dtype=np.uint8)
            answers = rng.integers(0, 10, per_batch).tolist()
            content = {b"data": rows, b"labels": answers, b"batch_label": name.encode()}
            body = pickle.dumps({**content, **(extra or {})}, protocol=3)
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
            images.append(rows)
            labels.append(answers)
    return stream.getvalue(), images, labels


def test_the_archive_is_read_as_the_pixels_lie(tmp_path):
    content, images, labels = archive_bytes(np.random.default_rng(0))
    (tmp_path / "a.tar.gz").write_bytes(content)
    arrays = image_data.read_cifar10_archive(tmp_path / "a.tar.gz")
    assert arrays["train_images"].shape == (100, 32, 32, 3) and arrays["test_images"].shape == (20, 32, 32, 3)
    assert arrays["train_labels"].tolist() == sum(labels[:5], [])
    image = arrays["train_images"][25]  # the sixth of the second batch: red plane first, then green, then blue
    assert np.array_equal(image[:, :, 1].ravel(), images[1][5, 1024:2048])
    files.save_arrays(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as saved:
        assert all(np.array_equal(saved[name], arrays[name]) for name in arrays)


def test_a_file_is_written_whole_or_stays(tmp_path):
    path = tmp_path / "new folder" / "a"
    with files.written_whole(path) as file:
        file.write(b"old")
        assert not path.exists()
    with pytest.raises(ZeroDivisionError), files.written_whole(path) as file:
        file.write(b"half of the n")
        _ = 1 / 0
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]


def test_safetensors_are_read(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors = {
        "a": torch.randn(3, 4),
        "b": torch.arange(5),
        "c.half": torch.randn(2, 1, 3).half(),
        "d": torch.tensor(1.5),
    }
    save_file(tensors, path, metadata={"format": "pt"})
    reader = files.safetensors_reader()
    read = reader(path)
    assert read.keys() == tensors.keys() and all(torch.equal(read[name], tensors[name]) for name in tensors)
    whole = path.read_bytes()
    for part in (whole[:-3], b"PK\x03\x04nothing", whole[:20], b""):
        path.write_bytes(part)
        with pytest.raises(files.DataError, match="no whole .safetensors file"):
            reader(path)
    with pytest.raises(FileNotFoundError):
        reader(tmp_path / "not there")


def test_a_missing_safetensors_is_told_before_the_download(monkeypatch):
    def fetched(name):
        raise AssertionError(f"{name} was asked for")

    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    monkeypatch.setattr(published, "published_file", fetched)
    monkeypatch.setattr(bpe, "gpt2_file", fetched)
    for load in (published.load_published_weights, bpe.load_gpt2_weights):
        with pytest.raises(files.DataError, match="pip install safetensors"):
            load()


def test_the_archive_cannot_run_code(tmp_path):
    content, _, _ = archive_bytes(np.random.default_rng(0), extra={b"evil": time.sleep})
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(pickle.UnpicklingError, match="time.sleep"):
        image_data.read_cifar10_archive(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", "shapes"])
def test_a_damaged_data_file(tmp_path, monkeypatch, content):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    path = tmp_path / "cifar10.npz"
    if content == "shapes":
        names = ("train_images", "train_labels", "test_images", "test_labels")
        files.save_arrays(path, {name: np.zeros(3, np.uint8) for name in names})
    else:
        path.write_bytes(content)
    with pytest.raises(files.DataError, match="cifar10.npz is damaged or not CIFAR-10.*delete it"):
        image_data.load_cifar10()


def test_shapes_are_deterministic_and_balanced():
    images, labels = make_shapes(1000, seed=1)
    assert images.shape == (1000, 32, 32, 3) and images.dtype == np.uint8
    assert np.bincount(labels).tolist() == [100] * len(CLASSES)
    again, same_labels = make_shapes(1000, seed=1)
    assert np.array_equal(images, again) and np.array_equal(labels, same_labels)
    assert not np.array_equal(images, make_shapes(1000, seed=2)[0])
    assert len(np.unique(images.reshape(1000, -1), axis=0)) == 1000


def test_shapes_cannot_be_told_by_colour():
    """A linear classifier of the mean colour must be close to chance: only the form tells the class."""
    images, labels = make_shapes(2000, seed=0)
    features = images.reshape(2000, -1, 3).mean(1) / 255
    features = np.concatenate([features, features**2, np.ones((2000, 1))], axis=1)
    weights = np.linalg.lstsq(features[:1000], np.eye(10)[labels[:1000]], rcond=None)[0]
    assert ((features[1000:] @ weights).argmax(1) == labels[1000:]).mean() < 0.2


def batches(loader):
    return [(images.clone(), labels.clone()) for images, labels in loader]


def test_loader_serves_every_picture_once_normalised(tiny_shapes):
    loader = loaders.ImageLoader(tiny_shapes, "train", 20, "cpu")
    served = batches(loader)
    assert len(served) == len(loader) == 5 and loader.count == 96
    assert [len(labels) for _, labels in served] == [20, 20, 20, 20, 16]
    images, labels = torch.cat([i for i, _ in served]), torch.cat([t for _, t in served])
    assert images.shape == (96, 3, 32, 32) and images.dtype == torch.float32
    assert torch.equal(labels, tiny_shapes.train.labels)
    expected = tiny_shapes.train.images.permute(0, 3, 1, 2) / 255
    expected = (expected - torch.tensor(tiny_shapes.mean).view(3, 1, 1)) / torch.tensor(tiny_shapes.std).view(3, 1, 1)
    torch.testing.assert_close(images, expected, rtol=1e-4, atol=1e-4)
    assert images.mean().abs() < 0.01 and abs(images.std() - 1) < 0.01


def test_an_epoch_can_be_repeated_exactly(tiny_shapes):
    loader = loaders.ImageLoader(tiny_shapes, "train", 32, "cpu", shuffle=True, augment=True, seed=4)
    torch.manual_seed(1)
    first, second = batches(loader), batches(loader)  # epochs 0 and 1
    torch.manual_seed(2)  # the global generator plays no part
    loader.epoch = 0
    again = batches(loader)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again))
    assert not torch.equal(first[0][0], second[0][0])
    assert sorted(torch.cat([t for _, t in first]).tolist()) == sorted(tiny_shapes.train.labels.tolist())
    other = loaders.ImageLoader(tiny_shapes, "train", 32, "cpu", shuffle=True, augment=True, seed=5)
    assert not torch.equal(first[0][0], batches(other)[0][0])


def test_a_picture_of_the_readers_own(tmp_path):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    assert np.array_equal(image_data.read_image(tmp_path / "a.png"), pixels)
    small = image_data.read_image(tmp_path / "a.png", size=32)
    assert small.shape == (32, 32, 3) and small[:, :12].min() == 255 and small[:, 20:].max() == 0
    image.convert("RGBA").save(tmp_path / "b.png")
    assert np.array_equal(image_data.read_image(tmp_path / "b.png"), pixels)
    exif = image.getexif()
    exif[0x0112] = 6  # held upright: to be turned by a quarter
    image.save(tmp_path / "c.jpg", exif=exif)
    assert image_data.read_image(tmp_path / "c.jpg").shape == (60, 40, 3)
    (tmp_path / "d.jpg").write_text("no image")
    (tmp_path / "e.jpg").write_bytes((tmp_path / "c.jpg").read_bytes()[:-100])  # a download that broke off
    for name in ("d.jpg", "e.jpg"):
        with pytest.raises(files.DataError, match=rf"{name} is not an image .*JPEG or PNG"):
            image_data.read_image(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        image_data.read_image(tmp_path / "none.jpg")


def test_crop_and_flip_by_hand():
    image = torch.arange(1, 10, dtype=torch.uint8).view(1, 3, 3, 1).expand(3, 3, 3, 1)
    top, left = torch.tensor([1, 0, 1]), torch.tensor([1, 0, 2])
    mirror = torch.tensor([False, False, True])
    out = loaders.crop_and_flip(image, top, left, mirror, padding=1)[..., 0]
    assert out[0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]  # the middle
    assert out[1].tolist() == [[0, 0, 0], [0, 1, 2], [0, 4, 5]]  # the upper left corner
    assert out[2].tolist() == [[0, 3, 2], [0, 6, 5], [0, 9, 8]]  # one to the right, mirrored


def test_augmentation_flips_half_and_crops_evenly(tiny_shapes):
    split = image_data.Split(
        torch.arange(32).view(1, 1, 32, 1).expand(4000, 32, 32, 3).to(torch.uint8) + 1, torch.zeros(4000).long()
    )
    data = image_data.ImageData("ramp", ("a",), (0.0,) * 3, (1.0,) * 3, split, split, split)
    images = torch.cat([i for i, _ in loaders.ImageLoader(data, "train", 1000, "cpu", augment=True)]) * 255
    middle = images[:, 0, 16].round()
    flipped = (middle[:, 20] < middle[:, 10]).float().mean()
    assert 0.46 < flipped < 0.54
    black_rows = (images[:, 0, :4].sum(-1) == 0).sum(
        1
    )  # rows of padding at the top: 0 to 4, four of nine offsets each once
    for rows in (1, 2, 3, 4):
        assert 0.08 < (black_rows == rows).float().mean() < 0.145


def test_describe_tells_data_and_settings_apart(tiny_shapes):
    base = loaders.ImageLoader(tiny_shapes, "train", 32, "cpu").describe()
    assert base == loaders.ImageLoader(tiny_shapes, "train", 32, "cpu").describe()
    for other in (dict(augment=True), dict(shuffle=True), dict(seed=1), dict(flip=False)):
        assert loaders.ImageLoader(tiny_shapes, "train", 32, "cpu", **other).describe() != base
    assert loaders.ImageLoader(image_data.load_shapes(96, 32, 32, seed=9), "train", 32, "cpu").describe() != base


@pytest.mark.real_data
def test_cifar10_is_the_real_thing(cifar10):
    images = torch.cat([cifar10.train.images, cifar10.val.images])
    assert images.shape == (50000, 32, 32, 3) and len(cifar10.val.labels) == 5000 and len(cifar10.test.labels) == 10000
    pixels = images.reshape(-1, 3).double() / 255
    torch.testing.assert_close(pixels.mean(0), torch.tensor([0.4914, 0.4822, 0.4465]).double(), rtol=0, atol=5e-5)
    torch.testing.assert_close(pixels.std(0), torch.tensor([0.2470, 0.2435, 0.2616]).double(), rtol=0, atol=5e-5)
    labels = torch.cat([cifar10.train.labels, cifar10.val.labels])
    assert torch.bincount(labels).tolist() == [5000] * 10


def test_mnist_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    dead = ["http://127.0.0.1:9/one", "http://127.0.0.1:9/other"]
    monkeypatch.setattr(image_data, "MNIST_ADDRESSES", dead)
    with pytest.raises(files.DataError, match=r"train-images-idx3-ubyte.gz could not(.|\n)*quick") as caught:
        image_data.load_mnist()
    for address in dead:  # each with what it answered
        assert re.search(rf"{address}/train-images-idx3-ubyte.gz\n +.*refused", str(caught.value))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    for name in image_data.MNIST_SHA256:
        (tmp_path / "MNIST" / "raw" / name).write_bytes(b"not a digit")
    with pytest.raises(files.DataError, match="train-images-idx3-ubyte is damaged: delete it"):
        image_data.load_mnist()


def test_mnist_comes_from_the_next_address_and_is_unpacked(tmp_path, monkeypatch):
    """The first address is dead, the second serves the files; what was fetched before a break is not fetched again."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    (tmp_path / "mirror").mkdir()
    count = {"train": 12, "t10k": 4}
    unpacked, packed = {}, {}
    for name in image_data.MNIST_SHA256:
        number = count[name.split("-")[0]]
        content = bytes(16) + bytes(range(number)) * 784 if "images" in name else bytes(8) + bytes(range(number))
        path = tmp_path / "mirror" / f"{name}.gz"
        path.write_bytes(gzip.compress(content))
        unpacked[name], packed[name] = hashlib.sha256(content).hexdigest(), files.file_sha256(path)
    monkeypatch.setattr(image_data, "MNIST_SHA256", unpacked)
    monkeypatch.setattr(image_data, "MNIST_PACKED_SHA256", packed)
    monkeypatch.setattr(image_data, "MNIST_ADDRESSES", ["http://127.0.0.1:9", (tmp_path / "mirror").as_uri()])
    last = tmp_path / "mirror" / "t10k-labels-idx1-ubyte.gz"
    last.rename(tmp_path / "away")
    with pytest.raises(files.DataError, match="t10k-labels-idx1-ubyte.gz could not be downloaded"):
        image_data.load_mnist(val_size=5)
    (tmp_path / "away").rename(last)
    for path in (tmp_path / "mirror").glob("train-*"):
        path.unlink()
    mnist = image_data.load_mnist(val_size=5)
    assert [split.images.shape[0] for split in (mnist.train, mnist.val, mnist.test)] == [7, 5, 4]
    assert mnist.val.labels.tolist() == [7, 8, 9, 10, 11]
    assert sorted(path.name for path in (tmp_path / "data" / "MNIST" / "raw").iterdir()) == sorted(unpacked)


@pytest.mark.real_data
def test_mnist_is_the_real_thing():
    if not (files.data_root() / "MNIST" / "raw").is_dir():
        pytest.skip(f"real MNIST is not under {files.data_root()}")
    mnist = image_data.load_mnist()
    assert [tuple(split.images.shape) for split in (mnist.train, mnist.val, mnist.test)] == [
        (55_000, 32, 32, 1),
        (5_000, 32, 32, 1),
        (10_000, 32, 32, 1),
    ]
    assert mnist.train.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    images, _ = next(iter(loaders.ImageLoader(mnist, "test", 100, "cpu")))
    assert images.shape == (100, 1, 32, 32)
    torch.testing.assert_close((images.min().item(), images.max().item()), (-0.1, 1.175), rtol=0, atol=1e-6)


def test_grey_shapes_have_one_channel():
    data = image_data.load_shapes(train=20, val=10, test=10, grey=True)
    images, labels = next(iter(loaders.ImageLoader(data, "train", 20, "cpu", augment=True)))
    assert images.shape == (20, 1, 32, 32) and "grey" in data.name and len(data.mean) == 1
    coloured = image_data.load_shapes(train=20, val=10, test=10)
    assert torch.equal(labels, coloured.train.labels)
    assert (data.train.images.float() - coloured.train.images.float().mean(3, keepdim=True)).abs().max() <= 0.5
