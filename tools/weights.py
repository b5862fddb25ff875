"""The trained models that the repository keeps."""

from tools.repository import ROOT
from utils.checkpoint import checkpoint_dir, load_file, save_file

KEPT = {  # what a notebook saved, and where it is kept
    # not ResNet/resnet20-weights.pt: the training of architectures/resnet/ResNet.ipynb began from the weights that are
    # kept already, and its numbers are theirs
    "Attention/multi30k-weights.pt": "attention/weights/multi30k.pt",
    "VAE/vae2d-weights.pt": "architectures/vae/weights/vae2d_mnist.pt",
    "UNet/unet-weights.pt": "architectures/unet/weights/unet_isbi2012.pt",
    "EfficientNet/efficientnet-weights.pt": "architectures/efficientnet/weights/efficientnet_cifar10.pt",
    "MobileNet/mobilenet-weights.pt": "architectures/mobilenet/weights/mobilenet_cifar10.pt",
    "Inception/inception-weights.pt": "architectures/inception/weights/inception_cifar10.pt",
    "Transformer/vit-weights.pt": "architectures/transformer/weights/vit_cifar10.pt",
    "GPT/gpt-weights.pt": "architectures/gpt/weights/gpt_shakespeare.pt",
    "VGG/vgg16-weights.pt": "architectures/vgg/weights/vgg16_cifar10.pt",
    "AlexNet/alexnet-small-weights.pt": "architectures/alexnet/weights/small_alexnet_cifar10.pt",
    "YOLO/yolo-weights.pt": "architectures/yolo/weights/yolo_bccd.pt",
}


def keep(scale):
    """Take over the weights that the notebooks saved at `scale`. Raises FileNotFoundError where there are none."""
    saved = {checkpoint_dir() / scale / name: ROOT / kept for name, kept in KEPT.items()}
    if not any(path.is_file() for path in saved):
        raise FileNotFoundError(f"no notebook has saved weights at scale {scale} on this machine: execute one first")
    for path, kept in saved.items():
        if path.is_file():
            content = load_file(path)
            save_file(content, kept)
            print(f"{kept.relative_to(ROOT)}: trained on {content['made']}")
    return 0
