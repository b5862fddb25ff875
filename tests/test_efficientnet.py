"""EfficientNet: counts of B0 to B7, torchvision's outputs, scaling, gates, stochastic depth, shapes and errors."""

import pytest
import torch
import torchvision
from helpers import (
    assert_exports,
    assert_kept_model,
    assert_knows_ten_images,
    assert_overfits_one_batch,
    assert_same_training_step,
    assert_shapes,
    count,
    macs,
    on_meta,
)
from torch import nn

from architectures.efficientnet import efficientnet as E

SMALL = dict(stages=((1, 3, 1, 8, 1), (4, 3, 2, 16, 2), (4, 5, 2, 24, 2)), stem=8, total_stride=4)  # of the tests alone


@pytest.mark.parametrize(
    ("name", "pixels", "parameters", "operations", "at_224"),
    [
        ("b0", 224, 5_288_548, 385_814_752, 385_814_752),
        ("b1", 240, 7_794_184, 686_802_832, 569_651_680),
        ("b2", 260, 9_109_994, 993_561_872, 658_963_440),
        ("b3", 300, 12_233_232, 1_827_141_392, 962_708_240),
        ("b4", 380, 19_341_616, 4_393_771_024, 1_503_710_432),
        ("b5", 456, 30_389_784, 10_266_384_752, 2_356_493_184),
        ("b6", 528, 43_040_704, 19_067_593_536, 3_360_166_848),
        ("b7", 600, 66_347_960, 37_745_884_192, 5_169_865_152),
    ],
)
def test_counts(name, pixels, parameters, operations, at_224):
    model = on_meta(E.efficientnet, name)
    assert E.RELEASED[name][2] == pixels and count(model) == parameters
    assert (macs(model, pixels), macs(model, 224)) == (operations, at_224)


@pytest.mark.parametrize(
    ("total_stride", "operations", "side"),
    [(32, 8_474_848, 1), (16, 31_979_392, 2), (8, 116_167_168, 4), (4, 407_354_368, 8)],
)
def test_forms_for_small_images(total_stride, operations, side):
    model = on_meta(E.efficientnet, "b0", 10, total_stride=total_stride)
    assert count(model) == 4_020_358 and macs(model, 32) == operations
    assert model.features(torch.empty(1, 3, 32, 32, device="meta")).shape[2:] == (side, side)


def test_blocks_and_channels_of_the_released_networks():
    blocks, stems, heads, widths = [], [], [], []
    for name in E.RELEASED:
        features = on_meta(E.efficientnet, name).features
        blocks.append(sum(isinstance(module, E.MBConv) for module in features.modules()))
        stems.append(features[0][0].out_channels)
        heads.append(features[-1][0].out_channels)
        widths.append(features[-2][-1].block[-1][0].out_channels)
    assert blocks == [16, 23, 23, 26, 32, 39, 45, 55]
    assert stems == [32, 32, 32, 40, 48, 48, 56, 64]
    assert heads == [1280, 1280, 1408, 1536, 1792, 2048, 2304, 2560] == [4 * width for width in widths]


@pytest.mark.parametrize("name", list(E.RELEASED))
def test_outputs_equal_torchvisions(name):
    torch.manual_seed(0)
    with torch.device("meta"):  # made without values: two large nets are in memory only once
        ours, theirs = E.efficientnet(name, 10), getattr(torchvision.models, f"efficientnet_{name}")(num_classes=10)
    theirs = theirs.to_empty(device="cpu")
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, (nn.Conv2d, nn.Linear)):  # outputs of the size of the inputs
            nn.init.normal_(module.weight, 0, module.weight[0].numel() ** -0.5)
            nn.init.normal_(module.bias, 0, 0.1) if module.bias is not None else None
    for norm in (module for module in theirs.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
        nn.init.uniform_(norm.running_mean, -0.2, 0.2)
        nn.init.uniform_(norm.running_var, 0.002, 1.5)  # small ones tell an eps of 1e-3 from one of 1e-5
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = theirs.eval()(x)
        torch.testing.assert_close(ours.eval()(x), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_it_trains_as_torchvisions_does():
    torch.manual_seed(0)
    ours = E.efficientnet("b0", 10, dropout=0.0, stochastic_depth=0.0)
    theirs = torchvision.models.efficientnet_b0(num_classes=10, dropout=0.0, stochastic_depth_prob=0.0)
    assert_same_training_step(ours, theirs, 64)


def test_probabilities_of_stochastic_depth_are_torchvisions():
    ours, theirs = on_meta(E.efficientnet, "b1"), on_meta(torchvision.models.efficientnet_b1)
    found = [block.stochastic_depth.p for stage in ours.features[1:-1] for block in stage]
    expected = [block.stochastic_depth.p for stage in theirs.features[1:-1] for block in stage]
    assert found == pytest.approx(expected) and found[0] == 0 and found[-1] == pytest.approx(0.2 * 22 / 23)


def test_compound_scaling():
    assert E.compound_scaling(0) == (1, 1, 1)
    assert E.compound_scaling(1) == (1.2, 1.1, 1.15)
    depth, width, resolution = E.compound_scaling(3)
    assert (depth, width, resolution) == pytest.approx((1.728, 1.331, 1.520875))
    assert depth * width**2 * resolution**2 == pytest.approx((1.2 * 1.21 * 1.3225) ** 3)
    assert E.compound_scaling(-1, 2.0, 4.0, 8.0) == (0.5, 0.25, 0.125)


@pytest.mark.parametrize(
    ("channels", "width", "multiple", "rounded"),
    [
        (32, 1.0, 8, 32),
        (32, 1.1, 8, 32),  # 35.2 is nearer to 32
        (40, 1.1, 8, 48),  # 44 lies in the middle: up
        (16, 1.4, 8, 24),
        (24, 0.5, 8, 16),  # 12 lies in the middle
        (24, 0.1, 8, 8),
        (8, 1.2, 8, 16),  # 8 would be under 90 % of 9.6
        (24, 1.1, 4, 28),
    ],
)
def test_rounding_of_channels(channels, width, multiple, rounded):
    assert E.round_channels(channels, width, multiple) == rounded


def test_rounding_of_repeats():
    assert [E.round_repeats(n, 1.2) for n in (1, 2, 3, 4)] == [2, 3, 4, 5]
    assert [E.round_repeats(n, 1.0) for n in (1, 2, 3, 4)] == [1, 2, 3, 4]
    assert E.round_repeats(1, 0.1) == 1


def test_squeeze_and_excitation_by_hand():
    layer = E.SqueezeExcitation(2, 1)
    with torch.no_grad():
        layer.fc1.weight.copy_(torch.tensor([1.0, -1.0]).view(1, 2, 1, 1))
        layer.fc1.bias.fill_(0.5)
        layer.fc2.weight.copy_(torch.tensor([2.0, -1.0]).view(2, 1, 1, 1))
        layer.fc2.bias.copy_(torch.tensor([0.0, 1.0]))
    x = torch.tensor([[[[1.0, 3.0]], [[0.0, 1.0]]]])  # averages 2 and 0.5: the middle layer gets 2 - 0.5 + 0.5 = 2
    middle = 2 * torch.sigmoid(torch.tensor(2.0))
    gates = torch.sigmoid(torch.stack([2 * middle, 1 - middle])).view(1, 2, 1, 1)
    torch.testing.assert_close(layer.gates(x), gates)
    torch.testing.assert_close(layer(x), x * gates)


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    layer, x = E.StochasticDepth(0.25).train(), torch.full((20_000, 2, 1, 1), 3.0)
    out = layer(x)
    assert sorted(set(out.flatten().tolist())) == [0.0, 4.0]
    assert torch.equal(out[:, 0], out[:, 1])
    assert out.mean().item() == pytest.approx(3.0, abs=5 * 4 * (0.25 * 0.75 / 20_000) ** 0.5)
    assert layer.eval()(x) is x and E.StochasticDepth(0.0).train()(x) is x


def test_the_shortcut_of_a_block():
    torch.manual_seed(0)
    x = torch.randn(3, 8, 5, 5)
    block = E.MBConv(8, 8, 3, 1, 4, drop=0.5)
    assert block.residual
    block.eval()
    torch.testing.assert_close(block(x), x + block.block(x))
    block.stochastic_depth.p = 1 - 1e-9  # every branch is dropped
    assert torch.equal(block.train()(x), x)
    assert not E.MBConv(8, 16, 3, 1, 4).residual and not E.MBConv(8, 8, 3, 2, 4).residual


def test_a_network_without_squeeze_and_excitation():
    def squeezes(model):
        return [module for module in model.modules() if isinstance(module, E.SqueezeExcitation)]

    whole, without = on_meta(E.EfficientNet), on_meta(E.EfficientNet, squeeze=False)
    assert len(squeezes(whole)) == 16 and not squeezes(without)
    assert count(whole) - count(without) == sum(map(count, squeezes(whole))) > 0
    first = on_meta(E.MBConv, 40, 40, 3, 1, 6).block[2]
    assert first.fc1.weight.shape == (10, 240, 1, 1)  # a quarter of the input's channels, not of the expanded ones


def test_the_initialisation():
    torch.manual_seed(0)
    model = E.efficientnet("b0")
    depthwise, pointwise = model.features[6][1].block[1][0], model.features[6][1].block[0][0]
    assert depthwise.weight.std().item() == pytest.approx((2 / 25) ** 0.5, rel=0.03)
    assert pointwise.weight.std().item() == pytest.approx((2 / 1152) ** 0.5, rel=0.03)
    assert model.classifier[1].weight.abs().max().item() == pytest.approx(1000**-0.5, rel=0.01)


def test_one_batch_is_overfitted():
    assert_overfits_one_batch(lambda: E.EfficientNet(10, dropout=0.0, **SMALL), (16, 3, 16, 16), rate=0.05)


def test_shapes_and_images_that_are_too_small():
    assert_shapes(E.efficientnet("b0", 10), [(1, 3, 32, 32), (2, 3, 64, 48)], (1, 3, 31, 40), "at least 32 pixels")
    assert_shapes(E.EfficientNet(10, **SMALL), [(2, 3, 4, 9)], (1, 3, 32, 3), "at least 4 pixels")


def test_other_bad_arguments():
    for name in ("b8", "B0", "efficientnet_b0", ""):
        with pytest.raises(ValueError, match=f"name is '{name}'; expected one of b0, b1, b2, b3, b4, b5, b6, b7"):
            E.efficientnet(name)
    for factor in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"width is {factor}; expected a positive number"):
            E.EfficientNet(10, width=factor)
        with pytest.raises(ValueError, match=f"depth is {factor}; expected a positive number"):
            E.EfficientNet(10, depth=factor)
    with pytest.raises(ValueError, match="total_stride is 12; expected one of 32, 16, 8, 4, 2, 1"):
        E.efficientnet("b0", total_stride=12)
    for p in (-0.1, 1.0):
        with pytest.raises(ValueError, match=f"stochastic depth is {p}; expected at least 0 and less than 1"):
            E.StochasticDepth(p)


def test_an_exported_network_is_equal(tmp_path):
    torch.manual_seed(0)
    assert_exports(E.EfficientNet(10, **SMALL), 16, tmp_path)


def test_the_kept_model(cifar10):
    assert_kept_model(E.efficientnet_cifar10, cifar10, accuracy=0.84)


def test_dropouts():
    assert [on_meta(E.efficientnet, f"b{i}").classifier[0].p for i in range(8)] == [
        *(0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5)
    ]


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(E.efficientnet_cifar10, least=8)
