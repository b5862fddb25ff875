"""MobileNets: the papers' counts, torchvision's outputs, quantisation, export, shapes and errors."""

import pytest
import torch
import torchvision
from helpers import (
    assert_exports,
    assert_he_initialised,
    assert_kept_model,
    assert_knows_ten_images,
    assert_overfits_one_batch,
    assert_same_outputs,
    assert_same_training_step,
    assert_shapes,
    count,
    macs,
    on_meta,
    ran,
    stirred,
)
from torch import nn
from torch.nn import functional as F

from architectures.mobilenet import mobilenet as M
from architectures.mobilenet import quantise as Q


@pytest.mark.parametrize(
    ("width", "parameters", "ten", "operations"),
    [
        (1.0, 4_231_976, 3_217_226, (568_740_352, 418_121_728, 290_675_200, 186_400_768)),
        (0.75, 2_585_560, 1_824_250, (325_400_448, 239_273_472, 166_396_800, 106_770_432)),
        (0.5, 1_331_592, 823_722, (149_497_088, 109_970_432, 76_524_800, 49_160_192)),
        (0.25, 470_072, 215_642, (41_030_272, 30_212_608, 21_059_200, 13_570_048)),
    ],
)
def test_counts_of_v1(width, parameters, ten, operations):
    model = on_meta(M.MobileNetV1, width=width)
    assert count(model) == parameters and count(on_meta(M.MobileNetV1, 10, width)) == ten
    assert tuple(macs(model, size) for size in (224, 192, 160, 128)) == operations


@pytest.mark.parametrize(
    ("options", "parameters", "operations"),
    [({"separable": False}, 29_294_088, 4_867_293_184), ({"shallow": True}, 2_887_976, 307_323_392)],
)
def test_counts_of_the_controls(options, parameters, operations):
    model = on_meta(M.MobileNetV1, **options)
    assert count(model) == parameters and macs(model, 224) == operations


@pytest.mark.parametrize(
    ("width", "parameters", "operations"),
    [
        (0.35, 1_677_128, 59_285_808),
        (0.5, 1_968_680, 97_131_840),
        (0.75, 2_636_424, 209_069_792),
        (1.0, 3_504_872, 300_774_272),
        (1.4, 6_108_776, 582_195_824),
    ],
)
def test_counts_of_v2(width, parameters, operations):
    model = on_meta(M.MobileNetV2, width=width)
    assert count(model) == parameters and macs(model, 224) == operations


@pytest.mark.parametrize(
    ("build", "total_stride", "parameters", "operations", "side"),
    [
        (M.MobileNetV1, 16, 3_217_226, 46_354_432, 2),
        (M.MobileNetV1, 8, 3_217_226, 175_556_608, 4),
        (M.MobileNetV2, 8, 2_236_682, 87_976_448, 4),
    ],
)
def test_forms_for_small_images(build, total_stride, parameters, operations, side):
    model = on_meta(build, 10, total_stride=total_stride)
    assert count(model) == parameters and macs(model, 32) == operations
    assert model.features(torch.empty(1, 3, 32, 32, device="meta")).shape[2:] == (side, side)


@pytest.mark.parametrize(("channels", "out"), [(32, 64), (512, 1024)])
def test_a_separable_convolution_costs_what_section_3_1_says(channels, out):
    block, standard = M.DepthwiseSeparable(channels, out), nn.Conv2d(channels, out, 3, bias=False)
    weights = block.depthwise[0].weight.numel() + block.pointwise[0].weight.numel()
    assert weights / standard.weight.numel() == pytest.approx(1 / out + 1 / 9, rel=1e-12)


def test_a_depthwise_convolution_mixes_no_channels():
    torch.manual_seed(0)
    depthwise = M.DepthwiseSeparable(4, 8).depthwise[0]
    x = torch.randn(2, 4, 6, 6)
    each = [F.conv2d(x[:, c : c + 1], depthwise.weight[c : c + 1], padding=1) for c in range(4)]
    torch.testing.assert_close(depthwise(x), torch.cat(each, dim=1))


@pytest.mark.parametrize("width", [0.35, 1.0, 1.4])
def test_v2_equals_torchvisions(width):
    torch.manual_seed(0)
    assert_same_outputs(M.MobileNetV2(10, width), torchvision.models.mobilenet_v2(num_classes=10, width_mult=width), 64)


def test_v2_trains_as_torchvisions_does():
    torch.manual_seed(0)
    ours, theirs = M.MobileNetV2(10, dropout=0.0), torchvision.models.mobilenet_v2(num_classes=10, dropout=0.0)
    assert_same_training_step(ours, theirs, 64)


def test_the_controls_of_v2():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 5, 5)
    block = M.InvertedResidual(16, 16).eval()
    torch.testing.assert_close(block(x), x + block.conv(x))
    alone = M.InvertedResidual(16, 16, residual=False).eval()
    alone.load_state_dict(block.state_dict())
    torch.testing.assert_close(alone(x), block.conv(x))
    assert not M.InvertedResidual(16, 24).residual and not M.InvertedResidual(16, 16, stride=2).residual
    assert M.InvertedResidual(16, 16, linear=False, residual=False).eval()(x).min() >= 0 > alone(x).min()
    assert sum(block.residual for block in M.MobileNetV2().features if hasattr(block, "residual")) == 10
    without = M.MobileNetV2(linear=False, residual=False)
    assert not any(block.residual for block in without.features if hasattr(block, "residual"))


def test_one_batch_is_overfitted():
    def v2():
        return M.MobileNetV2(10, 0.25, total_stride=8, dropout=0.0)

    assert_overfits_one_batch(lambda: M.MobileNetV1(10, 0.125, total_stride=8), (16, 3, 16, 16), rate=0.1)
    assert_overfits_one_batch(v2, (16, 3, 16, 16), rate=0.05)


def test_shapes_and_images_that_do_not_fit():
    for build in (M.MobileNetV1, M.MobileNetV2):
        assert_shapes(build(10, 0.25), [(1, 3, 32, 32), (2, 3, 64, 48)], (1, 3, 31, 40), "at least 32 pixels")
        assert_shapes(build(10, 0.25, total_stride=8), [(2, 3, 8, 9)], (1, 3, 32, 7), "at least 8 pixels")


@pytest.mark.parametrize("build", [M.MobileNetV1, M.MobileNetV2])
def test_other_bad_arguments(build):
    for width in (0.0, -1.0, 0.03, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"width is {width}, which leaves 32 channels none"):
            build(10, width)
    for total_stride in (0, 12, 64):
        with pytest.raises(ValueError, match=f"total_stride is {total_stride}; expected one of 32, 16, 8, 4, 2, 1"):
            build(10, total_stride=total_stride)


@pytest.mark.parametrize("build", [M.MobileNetV1, M.MobileNetV2])
def test_an_exported_net_is_equal(build, tmp_path):
    torch.manual_seed(0)
    assert_exports(build(10, 0.25, total_stride=8), 32, tmp_path)


@pytest.mark.parametrize("build", [M.MobileNetV1, M.MobileNetV2])
def test_folding_changes_nothing_but_the_norms(build):
    torch.manual_seed(0)
    model = stirred(build(10, 0.25, total_stride=8)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    small, x = Q.folded(model), torch.randn(2, 3, 32, 32)
    assert not [m for m in small.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        torch.testing.assert_close(small(x), model(x), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_weights_become_integers_and_scales():
    weight = torch.tensor([[7.0, -3.4, 0.4], [0.7, 0.36, -0.04]])
    scale, four = Q.integers_of(weight, 4)  # from -7 to 7, by scales of 1 and of 0.1
    torch.testing.assert_close(scale, torch.tensor([[1.0], [0.1]]))
    assert four.tolist() == [[7, -3, 0], [7, 4, 0]] and four.dtype == torch.int8
    scale, one = Q.integers_of(weight, 4, per_channel=False)
    torch.testing.assert_close(scale, torch.ones(1, 1))
    assert one.tolist() == [[7, -3, 0], [1, 0, 0]]
    assert Q.integers_of(weight, 12)[1].tolist() == [[2047, -994, 117], [2047, 1053, -117]]
    assert not Q.integers_of(torch.zeros(2, 3, 1, 1), 8)[1].any()


def test_activations_are_rounded_within_the_range_that_was_observed():
    one = nn.Linear(1, 1, bias=False)
    nn.init.ones_(one.weight)
    calibrated = Q.quantised(nn.Sequential(one), torch.tensor([[-1.0], [2.0]]), activation_bits=2)
    x = torch.tensor([[-5.0], [-0.6], [0.4], [0.6], [9.0]])  # four values: -1, 0, 1, 2
    assert calibrated(x).flatten().tolist() == [-1.0, -1.0, 0.0, 1.0, 2.0]
    positive = Q.quantised(nn.Sequential(one), torch.tensor([[1.0], [3.0]]), activation_bits=2)  # 0 is always one
    assert positive(torch.tensor([[-1.0], [1.2], [2.6]])).flatten().tolist() == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(4, 6, 3, 2, padding=2, dilation=2, groups=2), nn.Conv2d(4, 4, 1, bias=False), nn.Linear(9, 3)]
)
def test_a_layer_of_many_bits_does_what_it_did(layer):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 9, 9)
    with torch.no_grad():
        torch.testing.assert_close(Q.quantised(nn.Sequential(layer), x, 16, 16)(x), layer(x), rtol=0, atol=1e-3)


def test_more_bits_are_closer_and_take_more_bytes():
    torch.manual_seed(0)
    model, x = stirred(M.MobileNetV1(10, 0.25, total_stride=8)).eval(), torch.randn(8, 3, 32, 32)
    with torch.no_grad():
        expected = model(x)

        def error(*bits):
            return ((Q.quantised(model, x, *bits)(x) - expected).norm() / expected.norm()).item()

        assert error(3, 3) > 4 * error(6, 6) > 16 * error(12, 12) and error(12, 12) < 0.01
        assert error(6, 12) < error(6, 3) and error(12, 6) < error(3, 6)
    whole = Q.folded(model)
    biases = sum(p.numel() for name, p in whole.named_parameters() if name.endswith("bias"))
    weights = count(whole) - biases
    assert Q.stored_bytes(whole) == 4 * count(whole)
    assert Q.stored_bytes(Q.quantised(model, x, 4)) == weights / 2 + 2 * 4 * biases  # a scale for each bias
    layers = sum(isinstance(layer, (nn.Conv2d, nn.Linear)) for layer in model.modules())
    assert Q.stored_bytes(Q.quantised(model, x, 4, per_channel=False)) == weights / 2 + 4 * (biases + layers)
    with pytest.raises(ValueError, match="padding_mode is 'reflect'"):
        Q.quantised(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")), x)
    for bits in ({"weight_bits": 1}, {"activation_bits": 1}):
        with pytest.raises(ValueError, match=f"{next(iter(bits))} is 1; expected a whole number from 2 to 16"):
            Q.quantised(model, x, **bits)


def test_a_quantised_net_is_kept_as_bytes():
    torch.manual_seed(0)
    model, x = stirred(M.MobileNetV1(10, 0.25, total_stride=8)).eval(), torch.randn(8, 3, 32, 32)
    eight = Q.quantised(model, x)
    state = eight.state_dict()
    held = sum(value.numel() * value.element_size() for value in state.values())
    layers = sum(isinstance(module, Q.Quantised) for module in eight.modules())
    assert layers == 28 and held == Q.stored_bytes(eight) + layers * 2 * 4  # and the ends of each range
    other = Q.quantised(M.MobileNetV1(10, 0.25, total_stride=8), x[:1])
    other.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(other(x), eight(x))


def test_the_kept_model(cifar10):
    assert_kept_model(M.mobilenet_cifar10, cifar10, accuracy=0.87)


def test_v1_has_a_norm_and_a_relu_after_every_convolution():
    x = torch.empty(2, 3, 32, 32, device="meta")
    for separable, n in ((True, 27), (False, 14)):
        expected = dict(Conv2d=n, BatchNorm2d=n, ReLU=n, AdaptiveAvgPool2d=1, Linear=1)
        assert ran(on_meta(M.MobileNetV1, 10, separable=separable), x) == expected


def test_mobilenets_start_with_he():
    torch.manual_seed(0)
    for build in (M.MobileNetV1, M.MobileNetV2):
        assert_he_initialised(build(10, 0.25), "out")


def test_a_convolutions_own_bias_is_folded_too():
    torch.manual_seed(0)
    pair, x = stirred(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))).eval(), torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(Q.folded(pair)(x), pair(x), rtol=1e-4, atol=1e-5)


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(M.mobilenet_cifar10, least=8)
