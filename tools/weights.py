"""The trained ResNet-20 that the repository keeps, and the ten pictures beside it."""

from PIL import Image

from tools.repository import ROOT
from utils.checkpoint import checkpoint_dir, load_file, save_file
from utils.data import load_cifar10


def keep(scale):
    """Take over the weights that `resnet/ResNet.ipynb` saved at `scale`, with the first test picture of each class."""
    folder = ROOT / "architectures" / "resnet" / "weights"
    content = load_file(checkpoint_dir() / scale / "ResNet" / "resnet20-weights.pt")
    save_file(content, folder / "resnet20_cifar10.pt")
    data = load_cifar10()
    for label, name in enumerate(data.classes):
        first = data.test.images[data.test.labels == label][0]
        Image.fromarray(first.numpy()).save(folder / f"{label}_{name}.png")
    print(f"{folder}: trained on {content['made']}; test accuracy {100 * content['test_accuracy']:.2f} %")
    return 0
