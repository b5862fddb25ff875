"""LeNet, AlexNet, VGG and GoogLeNet: the papers' counts, torchvision's outputs, shapes, and the errors."""

import pytest
import torch
import torchvision
from helpers import count, macs, on_meta
from torch.nn import functional as F

from architectures.alexnet import alexnet as A
from architectures.inception import inception as I
from architectures.lenet import lenet as L
from architectures.vgg import vgg as V


def stirred(model):
    """The model, its biases and norms away from 0 and 1, which would hide a swap."""
    for value in model.state_dict().values():
        if value.ndim == 1 and value.is_floating_point():
            torch.nn.init.uniform_(value, 0.5, 1.5)
    return model


def answers_alike(ours, theirs, size):
    ours.load_state_dict(stirred(theirs).state_dict(), strict=True)
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


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
    answers_alike(V.vgg11(10), torchvision.models.vgg11(num_classes=10, init_weights=False), 64)


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


def test_alexnet_equals_torchvisions():
    torch.manual_seed(0)
    answers_alike(A.alexnet_one_tower(10), torchvision.models.alexnet(num_classes=10), 80)


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
    answers_alike(ours, theirs, 96)
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


@pytest.mark.parametrize(
    ("build", "shape", "rate"),
    [
        (lambda: V.VGG((16, "pool", 32, "pool", *(64, "pool") * 3), 10, True, "small"), (16, 3, 32, 32), 0.05),
        (A.alexnet_cifar, (16, 3, 32, 32), 0.02),
        (L.lenet5_modern, (16, 1, 32, 32), 0.05),
        (lambda: I.GoogLeNet(10, aux_logits=False, batch_norm=True, lrn=False), (8, 3, 32, 32), 0.01),
    ],
)
def test_one_batch_is_learnt_by_heart(build, shape, rate):
    torch.manual_seed(0)
    model, x, y = build(), torch.randn(shape), torch.arange(shape[0]) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(80 if shape[0] == 16 else 25):
        loss = F.cross_entropy(model.train()(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


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


@pytest.mark.parametrize(
    ("model", "good", "bad", "what"),
    [
        (lambda: V.vgg11(10, head="small"), [(1, 3, 32, 32), (2, 3, 64, 48)], (1, 3, 31, 40), "at least 32 pixels"),
        (lambda: A.alexnet_one_tower(10), [(1, 3, 63, 63), (2, 3, 80, 70)], (1, 3, 62, 80), "at least 63 pixels"),
        (lambda: A.AlexNet(10), [(1, 3, 67, 67), (1, 3, 227, 227)], (1, 3, 66, 80), "at least 67 pixels"),
        (lambda: I.GoogLeNet(10), [(1, 3, 32, 32), (2, 3, 40, 64)], (1, 3, 31, 40), "at least 32 pixels"),
        (L.LeNet5, [(2, 1, 32, 32)], (1, 1, 28, 28), "pad MNIST"),
        (lambda: L.lenet5_modern(3), [(2, 3, 32, 32)], (1, 1, 32, 32), r"expected \(B, 3, 32, 32\)"),
        (A.alexnet_cifar, [(2, 3, 32, 32)], (1, 3, 28, 28), r"expected \(B, 3, 32, 32\)"),
    ],
)
def test_shapes_and_pictures_that_do_not_fit(model, good, bad, what):
    net = model().eval()
    with torch.no_grad():
        for shape in good:
            assert net(torch.randn(shape)).shape == (shape[0], 10)
        with pytest.raises(ValueError, match=what):
            net(torch.randn(bad))
        with pytest.raises(ValueError, match="expected"):
            net(torch.randn(1, 2, 64, 64))


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="configuration is 'F'"):
        V.VGG("F")
    with pytest.raises(ValueError, match="head is 'large'"):
        V.VGG("A", head="large")
