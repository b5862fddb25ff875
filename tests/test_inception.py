"""GoogLeNet: the paper's counts, torchvision's outputs, the heads, shapes and errors."""

import matplotlib.pyplot as plt
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
from torch.nn import functional as F

from architectures.inception import inception as I
from architectures.inception.drawing import draw_module


@pytest.mark.parametrize(
    ("options", "without", "with_aux", "operations"),
    [
        ({}, 6_998_552, 13_378_280, 1_582_671_872),
        ({"batch_norm": True}, 7_005_832, 13_385_816, 1_582_671_872),
        ({"batch_norm": True, "kernel5": 3, "lrn": False, "last_pool": 2}, 6_624_904, 13_004_888, 1_498_376_192),
    ],
)
def test_googlenet_counts(options, without, with_aux, operations):
    model = on_meta(I.GoogLeNet, aux_logits=False, **options)
    assert count(model) == without and macs(model, 224) == operations
    assert count(on_meta(I.GoogLeNet, **options)) == with_aux


def test_googlenet_equals_torchvisions():
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(aux_logits=True, init_weights=False)
    ours = I.googlenet_torchvision()
    assert_same_outputs(ours, theirs, 96)
    for module in (*ours.modules(), *theirs.modules()):
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        logits, aux1, aux2 = ours.train()(x)
        expected = theirs.train()(x)
    torch.testing.assert_close(logits, expected.logits, rtol=1e-4, atol=1e-4)
    # older torchvisions hand out each head under the other one's name
    halfway = sorted((aux1, aux2), key=lambda logits: logits.sum().item())
    theirs = sorted(expected[1:], key=lambda logits: logits.sum().item())
    for mine, other in zip(halfway, theirs):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("3a", 163_696),
        ("3b", 388_736),
        ("4a", 376_176),
        ("4b", 449_160),
        ("4c", 510_104),
        ("4d", 605_376),
        ("4e", 868_352),
        ("5a", 1_043_456),
        ("5b", 1_444_080),
    ],
)
def test_inception_modules(name, parameters):
    assert count(getattr(on_meta(I.GoogLeNet), f"inception{name}")) == parameters


def test_reductions_save_weights():
    def weights(module):
        return sum(p.numel() for p in module.parameters() if p.ndim == 4)

    full, naive = I.InceptionModule(192, I.MODULES["3a"]), I.InceptionModule(192, I.MODULES["3a"], reduce=False)
    assert weights(full) == 163_328
    assert weights(naive) == 192 * (64 + 9 * 128 + 25 * 32) == 387_072
    x = torch.randn(1, 192, 7, 7)
    assert full(x).shape == (1, 256, 7, 7) and naive(x).shape == (1, 64 + 128 + 32 + 192, 7, 7)
    assert full.out_channels == 256 and naive.out_channels == 416


def test_googlenets_heads_pool_as_printed():
    head, x = I.AuxiliaryHead(8, 10).eval(), torch.randn(2, 8, 14, 14)
    windows = x.unfold(2, 5, 3).unfold(3, 5, 3).mean(dim=(4, 5))  # 5x5, three apart
    by_hand = head.fc2(F.relu(head.fc1(head.conv(windows).flatten(1))))
    torch.testing.assert_close(head(x), by_hand)
    head.adaptive = True
    assert not torch.allclose(head(x), by_hand, atol=1e-3)
    assert head(torch.randn(2, 8, 3, 5)).shape == (2, 10)


def test_googlenet_answers_three_times_while_training():
    model, x, labels = I.GoogLeNet(10), torch.randn(2, 3, 64, 64), torch.tensor([1, 2])
    outputs = model.train()(x)
    assert [o.shape for o in outputs] == [(2, 10)] * 3
    expected = F.cross_entropy(outputs[0], labels) + 0.3 * sum(F.cross_entropy(o, labels) for o in outputs[1:])
    torch.testing.assert_close(I.googlenet_loss(outputs, labels), expected)
    logits = model.eval()(x)
    assert logits.shape == (2, 10)
    torch.testing.assert_close(I.googlenet_loss(logits, labels), F.cross_entropy(logits, labels))
    assert I.GoogLeNet(10, aux_logits=False).train()(x).shape == (2, 10)


@pytest.mark.parametrize(
    ("width", "parameters", "operations"), [(3 / 8, 847_642, 67_875_072), (1, 5_983_402, 479_700_992)]
)
def test_the_small_net_keeps_the_nine_modules(width, parameters, operations):
    model = on_meta(I.SmallGoogLeNet, width=width)
    assert count(model) == parameters and macs(model, 32) == operations
    modules = [m for m in model.modules() if isinstance(m, I.InceptionModule)]
    whole = [m for m in on_meta(I.GoogLeNet).modules() if isinstance(m, I.InceptionModule)]
    assert len(modules) == 9 and [m.out_channels for m in modules] == [width * m.out_channels for m in whole]
    x = model.stem(torch.empty(1, 3, 32, 32, device="meta"))
    for part, sides in ((model.early, (16, 8)), (model.middle, (8, 8)), (model.late, (8, 4))):
        assert x.shape[2] == sides[0]
        x = part(x)
        assert x.shape[2] == sides[1]


def test_the_small_net_answers_three_times_with_heads():
    model, x = I.SmallGoogLeNet(width=1 / 8, batch_norm=False, heads=True), torch.randn(2, 3, 32, 32)
    assert [o.shape for o in model.train()(x)] == [(2, 10)] * 3
    assert model.eval()(x).shape == (2, 10)
    assert I.SmallGoogLeNet(width=1 / 8).train()(x).shape == (2, 10)


def test_one_batch_is_overfitted():
    def build():
        return I.GoogLeNet(10, aux_logits=False, batch_norm=True, lrn=False)

    assert_overfits_one_batch(build, (8, 3, 32, 32), rate=0.01, steps=25)
    assert_overfits_one_batch(lambda: I.SmallGoogLeNet(width=1 / 8), (8, 3, 16, 16), rate=0.05, steps=25)


def test_shapes_and_images_that_do_not_fit():
    assert_shapes(I.GoogLeNet(10), [(1, 3, 32, 32), (2, 3, 40, 64)], (1, 3, 31, 40), "at least 32 pixels")
    assert_shapes(I.SmallGoogLeNet(width=1 / 8), [(1, 3, 8, 8), (2, 3, 32, 40)], (1, 3, 7, 32), "at least 8 pixels")


def test_the_kept_model(cifar10):
    assert_kept_model(I.inception_cifar10, cifar10, accuracy=0.88)


def test_a_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    settings, x = dict(num_classes=10, width=1 / 8), torch.randn(2, 3, 16, 16)
    assert_kept_net_loads(I.inception_cifar10, I.SmallGoogLeNet, settings, x, tmp_path, monkeypatch)
    assert 2 * count(on_meta(I.SmallGoogLeNet)) < 2e6  # bytes, in float16
    assert count(on_meta(I.SmallGoogLeNet, heads=True)) == 5_114_926


@pytest.mark.parametrize(("reduce", "layers", "out"), [(True, 7, 256), (False, 4, 416)])
def test_a_module_is_drawn_from_its_layers(reduce, layers, out):
    draw_module(I.InceptionModule(192, I.MODULES["3a"], reduce=reduce), torch.zeros(1, 192, 7, 7), "3a")
    axis = plt.gcf().axes[0]
    boxes = [patch.get_gid() for patch in axis.patches if (patch.get_gid() or "").startswith("box:")]
    assert len(boxes) == layers + 2  # the input and the output
    assert f"concatenate: {out} channels, 7 × 7" in [text.get_text() for text in axis.texts]
    plt.close()


def test_googlenets_response_normalisation():
    model = I.GoogLeNet(10, aux_logits=False)
    for layer in (model.norm1, model.norm2):
        assert_papers_response_norm(layer)
    assert ran(model, torch.randn(1, 3, 32, 32))["LocalResponseNorm"] == 2
    assert_he_initialised(model, "in")


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(I.inception_cifar10, least=8)
