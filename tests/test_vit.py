"""The Vision Transformer: counts, torchvision's logits and gradients, patches, positions, attention; augmentation."""

import math

import pytest
import torch
import torchvision
from helpers import (
    assert_kept_net_loads,
    assert_knows_ten_images,
    assert_overfits_one_batch,
    count,
    macs,
    on_meta,
    ran,
    stirred,
)
from torch.nn import functional as F
from torchvision.models.vision_transformer import VisionTransformer as Torchvision

from architectures.transformer import augment as A
from architectures.transformer import vit as V
from utils import loader as L

TINY = dict(image_size=12, patch_size=4, num_classes=5, d_model=16, num_layers=2, num_heads=2, d_ff=24)


def tiny(**changes):
    """A small net whose random weights are large enough that every token counts."""
    torch.manual_seed(0)
    model = stirred(V.VisionTransformer(**{**TINY, **changes})).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def theirs_of(**changes):
    names = dict(d_model="hidden_dim", d_ff="mlp_dim")
    sizes = {names.get(name, name): value for name, value in {**TINY, **changes}.items()}
    model = stirred(Torchvision(**sizes))
    for parameter in (model.heads.head.weight, model.class_token):
        torch.nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("vit_b_16", 86_567_656),
        ("vit_b_32", 88_224_232),
        ("vit_l_16", 304_326_632),
        ("vit_l_32", 306_535_400),
        ("vit_h_14", 632_045_800),
    ],
)
def test_counts_of_table_1(name, parameters):
    ours, theirs = on_meta(getattr(V, name)), on_meta(getattr(torchvision.models, name))
    assert count(ours) == count(theirs) == parameters
    renamed = V.from_torchvision(theirs.state_dict())
    assert {k: v.shape for k, v in renamed.items()} == {k: v.shape for k, v in ours.state_dict().items()}


def test_the_small_form():
    model = on_meta(V.vit_small)
    assert count(model) == 1_382_634
    assert macs(model, 32) == 94_864_960
    assert count(on_meta(V.vit_small, overlap=2)) * 2 < 2.9e6  # bytes, in float16
    # by hand: patches and positions, six layers, the last norm and the head
    layer = 4 * 160 * 160 + 4 * 160 + 2 * 160 * 384 + 384 + 160 + 4 * 160
    assert count(model) == 160 * (48 + 1) + 64 * 160 + 6 * layer + 2 * 160 + 161 * 10


@pytest.mark.parametrize("fused", [True, False])
def test_equal_to_torchvision(fused):
    torch.manual_seed(0)
    theirs = theirs_of()
    ours = V.VisionTransformer(**TINY, fused=fused)
    ours.load_state_dict(V.from_torchvision(theirs.state_dict()), strict=True)
    x, labels = torch.randn(3, 3, 12, 12), torch.tensor([0, 3, 4])
    for model in (ours, theirs):
        F.cross_entropy(model.train()(x), labels).backward()
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-5)
    gradients = V.from_torchvision({name: p.grad for name, p in theirs.named_parameters()})
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-6)


def test_vit_b_16_equals_torchvisions():
    torch.manual_seed(0)
    theirs = torchvision.models.vit_b_16(num_classes=7).eval()
    torch.nn.init.normal_(theirs.heads.head.weight)
    ours = on_meta(V.vit_b_16, num_classes=7).eval()
    ours.load_state_dict(V.from_torchvision(theirs.state_dict()), assign=True)
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


def test_older_files_of_torchvision():
    theirs = theirs_of().state_dict()
    old = {k.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): v for k, v in theirs.items()}
    assert list(old) != list(theirs) and list(V.from_torchvision(old)) == list(V.from_torchvision(theirs))
    with pytest.raises(ValueError, match="not torchvision's; the first are"):
        V.from_torchvision(V.VisionTransformer(**TINY).state_dict())


def test_how_it_begins():
    torch.manual_seed(0)
    model = V.VisionTransformer(image_size=32, patch_size=4, d_model=192, num_layers=1, num_heads=3, d_ff=384)
    assert not model(torch.randn(2, 3, 32, 32)).any()  # the head is zero: every class is equally likely
    assert model.positions.std().item() == pytest.approx(0.02, rel=0.05)
    x = torch.randn(64, 3, 32, 32)
    assert model.patches(x).std().item() == pytest.approx(1, rel=0.1)  # 48 inputs of variance 1, weights of 1 / 48
    expected = math.sqrt(2 / (192 + 192))  # Xavier for each of q, k and v, and not for the three together
    assert model.layers[0].attention.qkv.weight.std().item() == pytest.approx(expected, rel=0.05)


# Patches


def test_patches_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    patches = V.to_patches(image, 2)
    assert patches[0, :, 0].tolist() == [
        [[0, 1], [4, 5]],
        [[2, 3], [6, 7]],
        [[8, 9], [12, 13]],
        [[10, 11], [14, 15]],
    ]
    images = torch.randn(2, 3, 6, 9)
    assert torch.equal(V.from_patches(V.to_patches(images, 3), 3), images)
    turned = V.shuffle_patches(image, 2, torch.tensor([3, 2, 1, 0]))
    assert turned[0, 0].tolist() == [[10, 11, 8, 9], [14, 15, 12, 13], [2, 3, 0, 1], [6, 7, 4, 5]]
    both = V.shuffle_patches(image.repeat(2, 1, 1, 1), 2, torch.tensor([[3, 2, 1, 0], [0, 1, 2, 3]]))
    assert torch.equal(both[0], turned[0]) and torch.equal(both[1], image[0])


def test_the_patch_layer_is_a_linear_layer_on_each_patch():
    model = tiny()
    x = torch.randn(2, 3, 12, 12)
    flat = V.to_patches(x, 4).flatten(2)  # (B, N, C P P)
    by_hand = flat @ model.patches.weight.flatten(1).T + model.patches.bias
    torch.testing.assert_close(model.patches(x).flatten(2).transpose(1, 2), by_hand, rtol=1e-4, atol=1e-5)


def test_overlapping_patches_reach_over_their_borders():
    for overlap in (0, 1, 2):
        model = tiny(overlap=overlap)
        x = torch.zeros(1, 3, 12, 12, requires_grad=True)
        model.patches(x)[0, :, 1, 1].sum().backward()
        seen = x.grad[0, 0].ne(0)
        assert seen.sum() == (4 + 2 * overlap) ** 2 and seen[4 - overlap, 4 - overlap] and model(x).shape == (1, 5)


@pytest.mark.parametrize(
    ("size", "patch", "nearest"), [(30, 4, "28 or 32"), (33, 16, "32 or 48"), (3, 4, "4"), (31, 32, "32")]
)
def test_a_size_that_the_patch_does_not_divide(size, patch, nearest):
    with pytest.raises(ValueError, match=f"{size} pixels .* patches of {patch}; the nearest that can: {nearest}$"):
        V.VisionTransformer(size, patch)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (dict(pool="max"), "pool is 'max'"),
        (dict(positions="sine"), "positions is 'sine'"),
        (dict(num_heads=3), "d_model 16 cannot be split into num_heads 3"),
        (dict(overlap=-1), "overlap is -1"),
        (dict(num_layers=0), "num_layers is 0"),
        (dict(patch_size=0), "patch_size is 0"),
    ],
)
def test_options_that_make_no_sense(options, what):
    with pytest.raises(ValueError, match=what):
        tiny(**options)


def test_images_of_another_shape():
    model = tiny()
    for shape in ((1, 3, 12, 16), (1, 1, 12, 12), (3, 12, 12)):
        with pytest.raises(ValueError, match=r"expected \(B, 3, 12, 12\)"):
            model(torch.zeros(shape))


# What it knows about places


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_shuffled_patches(pool):
    """Without positions the order of the patches changes nothing; with them, moving the vectors along undoes it."""
    x, order = torch.randn(2, 3, 12, 12), torch.tensor([4, 2, 8, 0, 1, 7, 3, 5, 6])
    mixed = V.shuffle_patches(x, 4, order)
    with torch.no_grad():
        blind = tiny(pool=pool, positions=None)
        torch.testing.assert_close(blind(mixed), blind(x), rtol=1e-4, atol=1e-4)
        model = tiny(pool=pool)
        before = model(x)
        assert (model(mixed) - before).abs().max() > 0.01
        first = int(pool == "class")
        model.positions[0, first:] = model.positions[0, first:][order].clone()
        torch.testing.assert_close(model(mixed), before, rtol=1e-4, atol=1e-4)


def test_the_pooling():
    x = torch.randn(2, 3, 12, 12)
    with torch.no_grad():
        for pool, read, tokens in (("class", lambda f: f[:, 0], 10), ("mean", lambda f: f.mean(1), 9)):
            model = tiny(pool=pool)
            features = model.features(x)
            assert features.shape == (2, tokens, 16)
            torch.testing.assert_close(model(x), model.head(read(features)))


def test_dropout_acts_in_training_alone():
    model, x = tiny(dropout=0.5, attention_dropout=0.5), torch.randn(1, 3, 12, 12)
    with torch.no_grad():
        assert torch.equal(model(x), model(x)) and torch.equal(model(x), tiny()(x))
        assert not torch.equal(model.train()(x), model(x))
    once = tiny(attention_dropout=0.5).train()
    assert not torch.equal(once(x), once(x))
    assert ran(tiny(), x)["Dropout"] == 1 + 2 * 3


# Attention


@pytest.mark.parametrize("pool", ["class", "mean"])
def test_attention_maps(pool):
    model, x = tiny(pool=pool), torch.randn(2, 3, 12, 12)
    maps = V.attention_maps(model.train(), x)
    T = 9 + (pool == "class")
    assert maps.shape == (2, 2, 2, T, T) and model.training
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 2, 2, T))
    assert not any(layer.attention.keep_weights for layer in model.layers)
    model.eval()
    with torch.no_grad():
        before = model(x)
        model.layers[1].attention.keep_weights = True
        torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-4)  # written out as fused
        first = model.layers[0].attention
        tokens = model.patches(x).flatten(2).transpose(1, 2)
        if pool == "class":
            tokens = torch.cat([model.class_token.expand(2, 1, 16), tokens], 1)
        q, k, _ = first.qkv(model.layers[0].norm1(tokens + model.positions)).chunk(3, dim=-1)
    by_hand = (q[..., 8:] @ k[..., 8:].transpose(1, 2) / math.sqrt(8)).softmax(-1)  # of the second head
    torch.testing.assert_close(maps[0, :, 1], by_hand, rtol=1e-4, atol=1e-5)


def test_rollout_by_hand():
    x = torch.randn(2, 3, 12, 12)
    for pool in ("class", "mean"):
        model = tiny(pool=pool)
        one, two = (0.5 * w.mean(1) + 0.5 * torch.eye(w.shape[-1]) for w in V.attention_maps(model, x))
        flow = two @ one
        expected = flow[:, 0, 1:] if pool == "class" else flow.mean(1)
        expected = (expected / expected.sum(1, keepdim=True)).view(2, 3, 3)
        torch.testing.assert_close(V.attention_rollout(model, x), expected)
    torch.testing.assert_close(V.attention_rollout(model, x).sum((1, 2)), torch.ones(2))


# Training


def test_it_learns_a_batch():
    def build():
        return V.vit_small(d_model=32, num_layers=2, num_heads=2, d_ff=64)

    assert_overfits_one_batch(build, (20, 3, 32, 32), rate=0.1, steps=60)


def test_the_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    def build(**settings):
        net = V.vit_small(**settings)
        torch.nn.init.normal_(net.head.weight)  # it starts with zeros, which would hide all before it
        return net

    settings, x = dict(d_model=32, num_layers=2, num_heads=2, d_ff=64), torch.randn(1, 3, 32, 32)
    assert_kept_net_loads(V.vit_cifar10, build, settings, x, tmp_path, monkeypatch)


# Augmentation


def strengths(name, strength):
    return torch.full((2,), A.OPERATIONS.index(name)), torch.full((2,), float(strength))


def test_operations_by_hand():
    torch.manual_seed(0)
    images = 0.3 + 0.4 * torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(A.transform(images, *strengths("nothing", 0.7)), images)
    for name in A.OPERATIONS[1:]:
        torch.testing.assert_close(A.transform(images, *strengths(name, 0)), images)
        assert (A.transform(images, *strengths(name, 0.9)) - images).abs().mean() > 0.01
    dark = A.transform(images, *strengths("brightness", -0.5))
    torch.testing.assert_close(dark, 0.6 * images)
    grey = A.transform(images, *strengths("saturation", -1.25))  # 1 - 0.8 · 1.25 = 0
    torch.testing.assert_close(grey, images.mean(1, keepdim=True).expand_as(images))
    flat = A.transform(images, *strengths("contrast", -1.25))
    torch.testing.assert_close(flat, images.mean((1, 2, 3), keepdim=True).expand_as(images))


def test_geometry():
    board = torch.full((2, 1, 9, 9), 0.5)
    board[:, :, 4, 7] = 1.0  # three pixels to the right of the centre
    turned = A.transform(board, *strengths("rotate", 1))[0, 0] - 0.5
    y, x = ((turned.sum(dim) * torch.arange(-4, 5)).sum() / turned.sum() for dim in (1, 0))  # the centre of the light
    assert abs(math.degrees(math.atan2(y, x))) == pytest.approx(30, abs=4)
    assert math.hypot(x, y) == pytest.approx(3, abs=0.3)
    larger = A.transform(board, *strengths("zoom", 1))[0, 0]
    assert divmod(int(larger.argmax()), 9) == (4, 8)
    corner = torch.ones(2, 1, 8, 8)
    assert A.transform(corner, *strengths("rotate", 1))[0, 0, 0, 0].item() == pytest.approx(0.5, abs=0.1)


def test_holes():
    draws = torch.tensor([[0, 0.2, 0, 0.5, 0.25, 0.5], [0, 0.9, 0, 0.5, 0.5, 0.5]])
    holes = A.blank(torch.ones(2, 3, 16, 16), draws, share=0.5, hole=8)
    assert holes[1].min() == 1  # its second number is not below the share
    assert (holes[0, 2] == 0.5).sum() == 16 and (holes[0, 2, 6:10, 2:6] == 0.5).all()
    operation, strength = A.choose(torch.tensor([[0.99, 0.4, 0.75], [0.99, 0.6, 0.0]]), 0.5)
    assert operation.tolist() == [7, 0] and strength.tolist() == [0.5, -1.0]


def test_the_strong_loader(tiny_shapes):
    def build(**options):
        return A.StrongLoader(tiny_shapes, "train", 40, "cpu", shuffle=True, augment=True, **options)

    loader, plain = build(), L.ImageLoader(tiny_shapes, "train", 40, "cpu", shuffle=True, augment=True)
    first, second = list(loader), list(loader)
    loader.epoch = 0
    for a, b, c, d in zip(loader, first, second, plain):
        assert all(torch.equal(x, y) for x, y in zip(a, b)) and torch.equal(a[1], d[1])
        assert not torch.equal(a[0], c[0]) and not torch.equal(a[0], d[0])
    plain.epoch = 0
    for a, b in zip(build(share=0.0), plain):  # nothing is changed but by rounding and the limits of a pixel
        torch.testing.assert_close(a[0], b[0], rtol=1e-3, atol=1e-4)
    described = build().describe()
    assert described == build().describe() and described != plain.describe()
    assert build(share=0.5).describe() != described != build(hole=4).describe()


@pytest.mark.parametrize("changed", [(A, "choose"), (A, "transform"), (A, "blank"), (L, "crop_and_flip")])
def test_the_description_knows_the_code(tiny_shapes, monkeypatch, changed):
    loader = A.StrongLoader(tiny_shapes, "train", 40, "cpu", shuffle=True, augment=True)
    before = loader.describe()
    monkeypatch.setattr(*changed, lambda *args: None)
    assert loader.describe() != before


def test_a_process_may_get_no_image_of_a_batch(tiny_shapes, monkeypatch):
    loader = A.StrongLoader(tiny_shapes, "train", 40, "cpu", shuffle=True, augment=True)
    for module in (L, A):
        monkeypatch.setattr(module, "own_part", lambda start, stop: slice(start, start))
    assert [tuple(images.shape) for images, _ in loader] == [(0, 3, 32, 32)] * 3


def test_processes_share_a_strong_batch(tiny_shapes, monkeypatch):
    options = dict(shuffle=True, augment=True)
    whole = list(A.StrongLoader(tiny_shapes, "train", 40, "cpu", **options))
    parts = []
    for rank in range(2):

        def own(start, stop, rank=rank):
            middle = (start + stop) // 2
            return slice(start, middle) if rank == 0 else slice(middle, stop)

        monkeypatch.setattr(L, "own_part", own)
        monkeypatch.setattr(A, "own_part", own)
        parts.append(list(A.StrongLoader(tiny_shapes, "train", 40, "cpu", **options)))
    for one, two, both in zip(*parts, whole):
        torch.testing.assert_close(torch.cat([one[0], two[0]]), both[0])
        assert torch.equal(torch.cat([one[1], two[1]]), both[1])


def test_the_kept_net_knows_ten_images():
    assert_knows_ten_images(V.vit_cifar10, least=8)
