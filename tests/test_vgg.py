"""VGG: the paper's counts, torchvision's outputs, shapes and errors."""

import pytest
import torch
import torchvision
from helpers import (
    assert_he_initialised,
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

from architectures.vgg import vgg as V


@pytest.mark.parametrize(
    ("configuration", "parameters", "operations"),
    [
        ("A", 132_863_336, 7_609_090_048),
        ("A-LRN", 132_863_336, 7_609_090_048),
        ("B", 133_047_848, 11_308_466_176),
        ("C", 133_638_952, 11_770_888_192),
        ("D", 138_357_544, 15_470_264_320),
        ("E", 143_667_240, 19_632_062_464),
    ],
)
def test_vgg_counts(configuration, parameters, operations):
    model = on_meta(V.VGG, configuration)
    assert count(model) == parameters and macs(model, 224) == operations


@pytest.mark.parametrize(
    ("name", "norm", "full", "ten", "small"),
    [
        ("vgg11", False, 132_863_336, None, 9_225_610),
        ("vgg11", True, 132_868_840, None, 9_231_114),
        ("vgg13", False, 133_047_848, None, 9_410_122),
        ("vgg13", True, 133_053_736, None, 9_416_010),
        ("vgg16", False, 138_357_544, 134_301_514, 14_719_818),
        ("vgg16", True, 138_365_992, 134_309_962, 14_728_266),
        ("vgg19", False, 143_667_240, None, 20_029_514),
        ("vgg19", True, 143_678_248, None, 20_040_522),
    ],
)
def test_vgg_names_and_small_forms(name, norm, full, ten, small):
    build = getattr(V, name)
    assert count(on_meta(build, batch_norm=norm)) == full
    assert ten is None or count(on_meta(build, 10, batch_norm=norm)) == ten
    model = on_meta(build, 10, batch_norm=norm, head="small")
    assert count(model) == small and (name != "vgg16" or macs(model, 32) == 313_201_664)


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
@pytest.mark.parametrize("norm", [False, True])
def test_vgg_equals_torchvisions(name, norm):
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name + "_bn" * norm)()
        ours = getattr(V, name)(batch_norm=norm)
    assert {k: v.shape for k, v in ours.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    torch.manual_seed(0)  # the large linear layers take seconds to fill: compare the stacks, and one whole net below
    theirs, ours = theirs.features, ours.features
    for module in (theirs, ours):
        module.to_empty(device="cpu")
    for value in theirs.state_dict().values():
        torch.nn.init.uniform_(value, 0.5, 1.5) if value.ndim == 1 and value.is_floating_point() else value.zero_()
    for layer in theirs:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


def test_a_whole_vgg_equals_torchvisions():
    torch.manual_seed(0)
    assert_same_outputs(V.vgg11(10), torchvision.models.vgg11(num_classes=10, init_weights=False), 64)


def test_one_batch_is_overfitted():
    narrow = (16, "pool", 32, "pool", *(64, "pool") * 3)
    assert_overfits_one_batch(lambda: V.VGG(narrow, 10, True, "small"), (16, 3, 32, 32), rate=0.05)


def test_shapes_and_images_that_do_not_fit():
    good = [(1, 3, 32, 32), (2, 3, 64, 48)]
    assert_shapes(V.vgg11(10, head="small"), good, (1, 3, 31, 40), "at least 32 pixels")


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="configuration is 'F'"):
        V.VGG("F")
    with pytest.raises(ValueError, match="head is 'large'"):
        V.VGG("A", head="large")


def test_the_kept_model(cifar10):
    assert_kept_model(V.vgg16_cifar10, cifar10, accuracy=0.88)


def test_a_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    settings = dict(configuration=[4, "pool", 6, 6, "pool"], num_classes=10, batch_norm=True, head="small")
    assert_kept_net_loads(V.vgg16_cifar10, V.VGG, settings, torch.randn(2, 3, 8, 8), tmp_path, monkeypatch)
    stages = zip((2, 2, 3, 3, 3), (32, 64, 128, 80, 80))
    layers = [part for number, width in stages for part in [width] * number + ["pool"]]
    assert 2 * count(on_meta(V.VGG, layers, 10, batch_norm=True, head="small")) < 2e6  # bytes, in float16


def test_the_response_normalisation_of_column_a_lrn():
    assert_papers_response_norm(V.VGG("A-LRN", 10, head="small").features[2])


def test_every_convolution_has_its_relu():
    x = torch.empty(1, 3, 32, 32, device="meta")
    expected = dict(Conv2d=13, ReLU=15, MaxPool2d=5, AdaptiveAvgPool2d=1, Linear=3, Dropout=2)
    assert ran(on_meta(V.VGG, "C"), x) == expected


def test_vgg_starts_with_he():
    torch.manual_seed(0)
    assert_he_initialised(V.vgg11(10, head="small"), "out")


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(V.vgg16_cifar10, least=8)
