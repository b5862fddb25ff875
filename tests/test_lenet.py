"""LeNet-5: the paper's counts, its parts by hand, shapes and errors."""

import pytest
import torch
from helpers import assert_overfits_one_batch, assert_shapes, count, on_meta, ran
from torch.nn import functional as F

from architectures.lenet import lenet as L


def test_lenet_counts():
    model = L.LeNet5()
    layers = (model.c1, model.s2, model.c3, model.s4, model.c5, model.f6)
    assert [count(layer) for layer in layers] == [156, 12, 1_516, 32, 48_120, 10_164]
    assert count(model) == 60_000
    # connections: every weight and bias at every place; 2 x 2 inputs and a bias for each subsampled pixel; the codes
    c1, s2, c3, s4 = 156 * 28 * 28, 5 * 6 * 14 * 14, 1_516 * 10 * 10, 5 * 16 * 5 * 5
    assert c1 + s2 + c3 + s4 + 48_120 + 10_164 + model.output.codes.numel() == 340_908
    assert count(L.lenet5_modern()) == 61_706 and count(L.lenet5_modern(3)) == 62_006


def test_lenets_third_layer_follows_its_table():
    layer = L.LeNet5().c3
    assert [len(maps) for maps in L.C3_TABLE] == [3] * 6 + [4] * 9 + [6] and len(set(L.C3_TABLE)) == 16
    kernel = layer.kernel()
    for out, maps in enumerate(L.C3_TABLE):
        for i in range(6):
            assert bool(kernel[out, i].any()) == (i in maps)
    x = torch.randn(2, 6, 14, 14)
    by_hand = sum(F.conv2d(x[:, i : i + 1], layer.weight[k : k + 1, None])[:, 0] for k, i in enumerate(L.C3_TABLE[0]))
    torch.testing.assert_close(layer(x)[:, 0], by_hand, rtol=1e-4, atol=1e-5)


def test_lenets_parts_by_hand():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    pool = L.Subsampling(1)
    with torch.no_grad():
        pool.coefficient.fill_(0.5)
        pool.bias.fill_(1.0)
    assert pool(x).item() == 6.0
    assert L.ScaledTanh()(torch.tensor([1.0, -1.0])).tolist() == pytest.approx([1, -1], abs=1e-4)
    codes = L.digit_codes()
    assert codes.shape == (10, 84) and set(codes.unique().tolist()) == {-1.0, 1.0} and len(codes.unique(dim=0)) == 10
    distances = L.DistanceToCodes(codes)(codes)
    assert torch.equal(distances.argmin(1), torch.arange(10)) and not distances.diagonal().any()


def test_lenets_loss_by_hand():
    distances, labels = torch.tensor([[1.0, 3.0], [2.0, 0.5]]), torch.tensor([0, 1])
    assert L.lenet5_loss(distances, labels).item() == pytest.approx(0.75)
    first = 1 + torch.tensor([-1.0, -1.0, -3.0]).exp().sum().log()
    second = 0.5 + torch.tensor([-1.0, -2.0, -0.5]).exp().sum().log()
    assert L.lenet5_loss(distances, labels, competitive=True).item() == pytest.approx((first + second).item() / 2)


def test_lenet_of_1998_learns_one_batch():
    torch.manual_seed(0)
    model, x, y = L.LeNet5(), torch.randn(10, 1, 32, 32), torch.arange(10)
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-3, momentum=0.9)
    for _ in range(150):
        loss = L.lenet5_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(model(x).argmin(1), y)


def test_one_batch_is_overfitted():
    assert_overfits_one_batch(L.lenet5_modern, (16, 1, 32, 32), rate=0.05)


def test_shapes_and_images_that_do_not_fit():
    assert_shapes(L.LeNet5(), [(2, 1, 32, 32)], (1, 1, 28, 28), "pad MNIST")
    assert_shapes(L.lenet5_modern(3), [(2, 3, 32, 32)], (1, 1, 32, 32), r"expected \(B, 3, 32, 32\)")


def test_it_can_be_counted_without_memory():
    assert count(on_meta(L.LeNet5)) == 60_000


def test_lenet_of_1998_by_hand():
    torch.manual_seed(0)
    model, x = L.LeNet5(), torch.randn(2, 1, 32, 32)

    def squash(a):
        return 1.7159 * torch.tanh(2 * a / 3)

    def halved(layer, x):
        four = x[..., ::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, ::2] + x[..., 1::2, 1::2]
        return layer.coefficient * four + layer.bias

    h = squash(halved(model.s2, squash(model.c1(x))))
    h = squash(halved(model.s4, squash(model.c3(h))))
    h = squash(model.f6(squash(model.c5(h)).flatten(1)))
    torch.testing.assert_close(model(x), (h[:, None] - L.digit_codes()).square().sum(2))


def test_lenet_starts_as_appendix_a_says():
    torch.manual_seed(0)
    model = L.LeNet5()
    kernels = zip(model.c3.weight.split([len(maps) for maps in L.C3_TABLE]), (25 * len(maps) for maps in L.C3_TABLE))
    layers = [(model.c1.weight, 25), (model.c5.weight, 400), (model.f6.weight, 120), *kernels]
    for weight, inputs in layers:
        assert 0.8 < weight.abs().max().item() * inputs / 2.4 <= 1.0001
    assert not any(layer.bias.any() for layer in (model.c1, model.c3, model.c5, model.f6))


def test_the_modern_form_has_these_layers():
    x = torch.randn(1, 1, 32, 32)
    assert ran(L.lenet5_modern(), x) == dict(Conv2d=3, Tanh=4, AvgPool2d=2, Linear=2)
    assert ran(L.lenet5_modern(activation=torch.nn.ReLU), x) == dict(Conv2d=3, ReLU=4, AvgPool2d=2, Linear=2)
