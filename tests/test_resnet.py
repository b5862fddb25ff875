"""architectures/resnet: the paper's counts, torchvision's outputs, and the errors."""

import pytest
import torch
import torchvision
from helpers import assert_he_initialised, count, macs, on_meta

from architectures.resnet import resnet as R
from utils.images import read_image
from utils.loader import ImageLoader
from utils.training import evaluate

IMAGENET = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


@pytest.mark.parametrize(
    ("name", "parameters", "operations"),
    [
        ("resnet18", 11_689_512, 1_814_073_344),
        ("resnet34", 21_797_672, 3_663_761_408),
        ("resnet50", 25_557_032, 4_089_184_256),
        ("resnet101", 44_549_160, 7_801_405_440),
        ("resnet152", 60_192_808, 11_513_626_624),
    ],
)
def test_imagenet_counts(name, parameters, operations):
    model = on_meta(getattr(R, name))
    assert count(model) == parameters
    assert macs(model, 224) == operations


@pytest.mark.parametrize(
    ("name", "operations"),
    [("resnet50", 3_857_973_248), ("resnet101", 7_570_194_432), ("resnet152", 11_282_415_616)],
)
def test_the_papers_stride_placement(name, operations):
    model = on_meta(getattr(R, name), stride_in_1x1=True)
    assert macs(model, 224) == operations
    assert count(model) == count(on_meta(getattr(R, name)))


@pytest.mark.parametrize(
    ("name", "option", "parameters"),
    [
        ("resnet18", "A", 11_515_688),
        ("resnet18", "B", 11_689_512),
        ("resnet18", "C", 12_043_816),
        ("resnet34", "A", 21_623_848),
        ("resnet34", "B", 21_797_672),
        ("resnet34", "C", 22_716_840),
    ],
)
def test_shortcut_options(name, option, parameters):
    assert count(on_meta(getattr(R, name), shortcut=option)) == parameters


def test_operations_of_option_a():
    assert macs(on_meta(R.resnet18, shortcut="A"), 224) == 1_794_805_760
    assert macs(on_meta(R.resnet34, shortcut="A"), 224) == 3_644_493_824


def test_plain_nets_have_the_parameters_of_option_a():
    assert count(on_meta(R.plain18)) == 11_515_688
    assert count(on_meta(R.plain34)) == 21_623_848


@pytest.mark.parametrize(("name", "parameters"), [("resnet18", 11_181_642), ("resnet50", 23_528_522)])
def test_ten_classes(name, parameters):
    assert count(on_meta(getattr(R, name), num_classes=10)) == parameters


@pytest.mark.parametrize(
    ("depth", "a", "b", "hundred", "operations"),
    [
        (20, 269_722, 272_474, 275_572, 40_551_040),
        (32, 464_154, 466_906, 470_004, 68_862_592),
        (44, 658_586, 661_338, 664_436, 97_174_144),
        (56, 853_018, 855_770, 858_868, 125_485_696),
        (110, 1_727_962, 1_730_714, 1_733_812, 252_887_680),
        (1202, 19_421_274, 19_424_026, 19_427_124, 2_829_238_912),
    ],
)
def test_cifar_counts(depth, a, b, hundred, operations):
    n = (depth - 2) // 6
    model = on_meta(R.cifar_resnet, depth)
    assert count(model) == a == 97_216 * n - 21_926
    assert macs(model, 32) == operations == 14_155_776 * n - 1_916_288
    assert count(on_meta(R.cifar_resnet, depth, shortcut=None)) == a
    assert count(on_meta(R.cifar_resnet, depth, shortcut="B")) == b
    assert count(on_meta(R.cifar_resnet, depth, num_classes=100)) == hundred


@pytest.mark.parametrize(("depth", "parameters"), [(20, 283_962), (56, 900_858), (110, 1_826_202)])
def test_cifar_counts_with_projections_everywhere(depth, parameters):
    assert count(on_meta(R.cifar_resnet, depth, shortcut="C")) == parameters


def test_imagenet_style_net_for_small_pictures():
    model = on_meta(R.resnet18, 10, stem="cifar")
    assert count(model) == 11_173_962
    assert macs(model, 32) == 555_422_720
    assert count(on_meta(R.resnet34, 10, stem="cifar")) == 21_282_122
    assert count(on_meta(R.resnet50, 10, stem="cifar")) == 23_520_842


def test_the_bottlenecks_economy():
    """Section 4.1: a 256-channel bottleneck costs about what a 64-channel basic block costs."""

    def convolutions(block):
        return sum(p.numel() for p in block.parameters() if p.ndim == 4)

    assert convolutions(R.BasicBlock(256, 256)) == 1_179_648
    assert convolutions(R.Bottleneck(256, 64)) == 69_632
    assert convolutions(R.BasicBlock(64, 64)) == 73_728


@pytest.mark.parametrize("name", IMAGENET)
def test_outputs_equal_torchvisions(name):
    torch.manual_seed(0)
    theirs, ours = getattr(torchvision.models, name)(), getattr(R, name)()
    for parameter in theirs.parameters():  # batch norm's 1 and 0 would hide a swap
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.train()(x), theirs.train()(x), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-6)  # running statistics
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-6)


class TheirBlock(torch.nn.Module):
    """A block as akamaster/pytorch_resnet_cifar10 names and computes it."""

    def __init__(self, in_planes, planes, stride, option):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(in_planes, planes, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(planes)
        self.conv2 = torch.nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(planes)
        self.shortcut = torch.nn.Sequential()
        self.zeros = planes // 4 if stride != 1 and option == "A" else None
        if stride != 1 and option == "B":
            projection = torch.nn.Conv2d(in_planes, planes, 1, stride, bias=False)
            self.shortcut = torch.nn.Sequential(projection, torch.nn.BatchNorm2d(planes))

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.zeros is not None:
            x = torch.nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.zeros, self.zeros))
        return (out + self.shortcut(x)).relu()


class TheirNet(torch.nn.Module):
    def __init__(self, n, option):
        super().__init__()
        self.conv1, self.bn1 = torch.nn.Conv2d(3, 16, 3, padding=1, bias=False), torch.nn.BatchNorm2d(16)
        before = 16
        for stage, planes in enumerate((16, 32, 64), start=1):
            blocks = [
                TheirBlock(before if j == 0 else planes, planes, 1 + (stage > 1 and j == 0), option) for j in range(n)
            ]
            self.add_module(f"layer{stage}", torch.nn.Sequential(*blocks))
            before = planes
        self.linear = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


@pytest.mark.parametrize(("depth", "option"), [(20, "A"), (8, "A"), (20, "B")])
def test_published_weights_under_our_names(depth, option):
    torch.manual_seed(0)
    theirs = TheirNet((depth - 2) // 6, option)
    for name, value in theirs.state_dict().items():
        if name.endswith(("weight", "bias", "running_mean", "running_var")) and value.ndim == 1:
            torch.nn.init.uniform_(value, 0.5, 1.5)
    file = {"state_dict": torch.nn.DataParallel(theirs).state_dict(), "best_prec1": 91.7}
    assert all(key.startswith("module.") for key in file["state_dict"])
    x, ours = torch.randn(4, 3, 32, 32), R.cifar_resnet(depth, shortcut=option)
    for content in (file, file["state_dict"], theirs.state_dict()):
        ours.load_state_dict(R.from_akamaster(content), strict=True)
        with torch.no_grad():
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)


def test_published_weights_of_another_net():
    with pytest.raises(ValueError, match=r"no key is linear\.weight.*conv1\.weight"):
        R.from_akamaster(R.cifar_resnet(8).state_dict())


def test_zero_padding_shortcut():
    x = torch.randn(2, 16, 8, 8)
    y = R.ZeroPadShortcut(16, 32, stride=2)(x)
    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any() and not y[:, 24:].any()


@pytest.mark.parametrize("block", [R.BasicBlock, R.Bottleneck])
def test_a_block_whose_residual_is_zero_passes_its_input_on(block):
    x = torch.rand(2, 64, 8, 8)
    blocks = {option: block(64, 64 // block.expansion, shortcut=option).eval() for option in ("A", "B", None)}
    for option, module in blocks.items():
        last = module.bn2 if block is R.BasicBlock else module.bn3
        torch.nn.init.zeros_(last.weight)
        with torch.no_grad():
            assert torch.equal(module(x), torch.zeros_like(x) if option is None else x)


@pytest.mark.parametrize("option", ["A", "B", "C", None])
@pytest.mark.parametrize("size", [4, 31, 32, 40])
def test_shapes_of_any_size(option, size):
    model = R.cifar_resnet(8, num_classes=7, shortcut=option)
    assert model(torch.randn(2, 3, size, size)).shape == (2, 7)


def test_one_batch_is_learnt_by_heart():
    torch.manual_seed(0)
    model, x, y = R.cifar_resnet(8), torch.randn(16, 3, 32, 32), torch.arange(16) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(60):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    assert torch.equal(model(x).argmax(1), y)


@pytest.mark.parametrize("depth", [21, 2, 0, -4, 19])
def test_an_impossible_depth(depth):
    with pytest.raises(ValueError, match=rf"depth is {depth}; expected 6n \+ 2"):
        R.cifar_resnet(depth)


def test_other_bad_arguments():
    with pytest.raises(ValueError, match="shortcut is 'D'"):
        R.cifar_resnet(20, shortcut="D")
    with pytest.raises(ValueError, match="stem is 'mnist'"):
        R.resnet18(stem="mnist")
    with pytest.raises(ValueError, match="differ in length"):
        R.ResNet(R.BasicBlock, (2, 2), widths=(16, 32, 64))


@pytest.mark.parametrize("shape", [(1, 3, 31, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_a_picture_that_does_not_fit(shape):
    with pytest.raises(ValueError, match=r"expected \(B, 3, H, W\) with H and W of at least 32 pixels"):
        R.resnet18()(torch.randn(shape))
    with pytest.raises(ValueError, match="at least 4 pixels"):
        R.cifar_resnet(8)(torch.randn(1, 3, 3, 3))


def test_the_kept_weights_answer_for_ten_pictures():
    model, about = R.resnet20_cifar10()
    folder = R.Path(R.__file__).with_name("weights")
    paths = sorted(folder.glob("*.png"))
    mean, std = (torch.tensor(about[key]).view(3, 1, 1) for key in ("mean", "std"))
    images = torch.stack([read_image(path) for path in paths]).permute(0, 3, 1, 2)
    assert not model.training and images.shape == (10, 3, 32, 32)
    with torch.no_grad():
        answers = model((images / 255 - mean) / std).argmax(1).tolist()
    truth = [path.stem.split("_")[1] for path in paths]
    assert truth == list(about["classes"])
    assert sum(about["classes"][a] == t for a, t in zip(answers, truth)) >= 8


@pytest.mark.real_data
def test_the_kept_weights_reach_their_stated_accuracy(cifar10):
    model, about = R.resnet20_cifar10()
    accuracy = evaluate(model, ImageLoader(cifar10, "test", 500, "cpu"), "cpu")["accuracy"]
    assert accuracy == pytest.approx(
        about["test_accuracy"], abs=3e-4
    )  # up to three images, for another chip's rounding


def test_resnet_starts_with_he():
    torch.manual_seed(0)
    assert_he_initialised(R.cifar_resnet(8), "out")
