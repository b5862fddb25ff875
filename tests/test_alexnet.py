"""AlexNet: the paper's counts, torchvision's outputs, its normalisation by hand, shapes and errors."""

import pytest
import torch
import torchvision
from helpers import (
    assert_kept_model,
    assert_kept_net_loads,
    assert_knows_ten_images,
    assert_overfits_one_batch,
    assert_papers_response_norm,
    assert_same_outputs,
    assert_shapes,
    count,
    macs,
    on_meta,
    ran,
)

from architectures.alexnet import alexnet as A


def test_alexnet_counts():
    model = on_meta(A.AlexNet)
    assert count(model) == 60_965_224 and macs(model, 227) == 724_406_816
    layers = [m for m in model.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear))]
    of_paper = [34_944, 307_456, 885_120, 663_936, 442_624, 37_752_832, 16_781_312, 4_097_000]
    assert [count(layer) for layer in layers] == of_paper
    one_gpu = on_meta(A.AlexNet, groups=1)
    assert count(one_gpu) == 62_378_344 and macs(one_gpu, 227) == 1_135_256_096
    tower = on_meta(A.alexnet_one_tower)
    assert count(tower) == 61_100_840 and macs(tower, 224) == 714_188_480
    assert count(on_meta(A.alexnet_cifar)) == 89_578
    small = on_meta(A.SmallAlexNet)
    assert count(small) == 942_282 and macs(small, 32) == 45_714_944
    assert 2 * count(small) < 2e6  # bytes, in float16: the trained one is to be kept in the repository


def test_alexnet_equals_torchvisions():
    torch.manual_seed(0)
    assert_same_outputs(A.alexnet_one_tower(10), torchvision.models.alexnet(num_classes=10), 80)


def test_alexnets_own_initialisation():
    model = A.AlexNet(10)
    convolutions = [m for m in model.features if isinstance(m, torch.nn.Conv2d)]
    assert [layer.bias.unique().tolist() for layer in convolutions] == [[0], [1], [0], [1], [1]]
    assert convolutions[2].weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_response_normalisation_is_the_papers_formula():
    x = torch.randn(2, 9, 3, 3) * 20
    expected = torch.empty_like(x)
    for i in range(9):
        nearby = x[:, max(0, i - 2) : i + 3].square().sum(1)
        expected[:, i] = x[:, i] / (2 + 1e-4 * nearby) ** 0.75
    torch.testing.assert_close(A.LocalResponseNorm()(x), expected)


@pytest.mark.parametrize(("n", "dtype"), [(5, torch.float32), (4, torch.float32), (5, torch.bfloat16)])
def test_alexnets_normalisation_equals_torchs(n, dtype):
    x = 3 * torch.randn(2, 8, 4, 5).to(dtype)
    theirs = torch.nn.LocalResponseNorm(n, alpha=1e-4 * n, beta=0.75, k=2.0)
    torch.testing.assert_close(A.LocalResponseNorm(n)(x), theirs(x.float()))
    small = A.alexnet_cifar(alpha=0.4)
    assert [m.alpha for m in small.modules() if isinstance(m, A.LocalResponseNorm)] == [0.4, 0.4]


def test_alexnet_parts_can_be_switched_off():
    kinds = {type(m) for m in on_meta(A.AlexNet, lrn=False, overlap=False).modules()}
    assert A.LocalResponseNorm not in kinds
    for options in ({}, dict(lrn=False), dict(overlap=False), dict(activation=torch.nn.Tanh)):
        assert A.alexnet_cifar(**options)(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    assert A.AlexNet(7, groups=1, lrn=False, overlap=False)(torch.randn(1, 3, 227, 227)).shape == (1, 7)


def test_one_batch_is_overfitted():
    assert_overfits_one_batch(A.alexnet_cifar, (16, 3, 32, 32), rate=0.02)


def test_the_small_alexnet_has_two_halves_and_begins_with_signals_of_one_size():
    torch.manual_seed(0)
    model = A.SmallAlexNet(alpha=0.4).eval()
    groups = [m.groups for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    assert groups == [m.groups for m in on_meta(A.AlexNet).modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.alpha for m in model.modules() if isinstance(m, A.LocalResponseNorm)] == [0.4, 0.4]
    kernels = model.features[0].weight
    assert kernels.std().item() == pytest.approx((2 / 75) ** 0.5, rel=0.05)
    sizes = [m(torch.randn(8, m.in_channels, 16, 16)).std().item() for m in model.features if hasattr(m, "groups")]
    assert all(1.2 < size < 1.65 for size in sizes), sizes  # sqrt(2), at every depth


def test_shapes_and_images_that_do_not_fit():
    assert_shapes(A.alexnet_one_tower(10), [(1, 3, 63, 63), (2, 3, 80, 70)], (1, 3, 62, 80), "at least 63 pixels")
    assert_shapes(A.AlexNet(10), [(1, 3, 67, 67), (1, 3, 227, 227)], (1, 3, 66, 80), "at least 67 pixels")
    assert_shapes(A.alexnet_cifar(), [(2, 3, 32, 32)], (1, 3, 28, 28), r"expected \(B, 3, 32, 32\)")
    assert_shapes(A.SmallAlexNet(), [(2, 3, 32, 32)], (1, 3, 28, 28), r"expected \(B, 3, 32, 32\)")


def test_the_kept_model(cifar10):
    assert_kept_model(A.small_alexnet_cifar10, cifar10, accuracy=0.8)


def test_a_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    settings = dict(num_classes=10, alpha=0.41, dropout=0.5)
    x = torch.randn(2, 3, 32, 32)
    assert_kept_net_loads(A.small_alexnet_cifar10, A.SmallAlexNet, settings, x, tmp_path, monkeypatch)


def windows(model):
    return [m.kernel_size for m in model.modules() if isinstance(m, torch.nn.MaxPool2d)]


def test_switches_choose_the_layers_that_run():
    x = torch.empty(2, 3, 227, 227, device="meta")
    whole, bare = on_meta(A.AlexNet), on_meta(A.AlexNet, lrn=False, overlap=False, dropout=0.2)
    layers = dict(Conv2d=5, ReLU=7, MaxPool2d=3, AdaptiveAvgPool2d=1, Linear=3, Dropout=2)
    assert ran(whole, x) == {**layers, "LocalResponseNorm": 2} and ran(bare, x) == layers
    assert windows(whole) == [3] * 3 and windows(bare) == [2] * 3  # 55, 27 and 13 pixels are halved alike by both
    assert [m.p for m in bare.modules() if isinstance(m, torch.nn.Dropout)] == [0.2] * 2
    order = [type(m).__name__ for m in whole.features][:4]
    assert order == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]  # section 3.5


def test_switches_of_the_cifar_form():
    x = torch.randn(2, 3, 32, 32)
    tanh = A.alexnet_cifar(activation=torch.nn.Tanh, overlap=False, dropout=0.3)
    assert ran(tanh, x) == dict(Conv2d=3, Tanh=3, MaxPool2d=3, LocalResponseNorm=2, Dropout=1, Linear=1)
    assert windows(tanh) == [2] * 3 and windows(A.alexnet_cifar()) == [3] * 3 and tanh.classifier[0].p == 0.3


def test_alexnets_constants():
    for layer in on_meta(A.AlexNet).features:
        if isinstance(layer, A.LocalResponseNorm):
            assert_papers_response_norm(layer)
    linear = [m for m in A.AlexNet(10).classifier if isinstance(m, torch.nn.Linear)]
    assert [layer.bias.unique().tolist() for layer in linear] == [[1], [1], [0]]


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(A.small_alexnet_cifar10, least=8)
