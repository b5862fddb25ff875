"""U-Net: counts and sizes of Figure 1, its loss, deformation, tiles, cells, the Rand error, slices, errors."""

import hashlib
import math

import numpy as np
import pytest
import torch
from helpers import assert_kept_net_loads, count, on_meta, ran
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from architectures.unet import slices as S
from architectures.unet import unet as U
from utils.files import DataError, data_root
from utils.shapes import make_shapes, make_shapes_and_masks


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 31_030_658),
        (dict(padding=True), 31_030_658),
        (dict(num_classes=1), 31_030_593),
        (dict(in_channels=3, num_classes=1), 31_031_745),
        (dict(in_channels=3, num_classes=2), 31_031_810),
        (dict(in_channels=3, num_classes=3), 31_031_875),
        (dict(batch_norm=True), 31_036_546),
        (dict(in_channels=3, num_classes=1, batch_norm=True), 31_037_633),
        (dict(in_channels=3, num_classes=2, batch_norm=True), 31_037_698),
        (dict(base_width=32), 7_759_554),
        (dict(base_width=16), 1_940_834),
    ],
)
def test_counts(options, parameters):
    assert count(on_meta(U.UNet, **options)) == parameters


def sides(model, size):
    """The side of what each stage gives out, and of what each up-convolution does."""
    seen, stages = [], [*model.down, model.bottom, *(part for pair in zip(model.up, model.merge) for part in pair)]
    hooks = [m.register_forward_hook(lambda module, args, out: seen.append(out.shape[-1])) for m in stages]
    output = model(torch.empty(1, 1, size, size, device="meta"))
    for hook in hooks:
        hook.remove()
    return [*seen, output.shape[-1]]


def test_the_sizes_of_figure_1():
    model = on_meta(U.UNet)
    seen, convolutions = sides(model, 572), []
    assert seen == [568, 280, 136, 64, 28, 56, 52, 104, 100, 200, 196, 392, 388, 388]
    assert [(a - b) // 2 for a, b in zip((64, 136, 280, 568), (56, 104, 200, 392))] == [4, 16, 40, 88]  # crops a side
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            convolutions.append(module)
    assert len(convolutions) == 23
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.empty(1, 1, 572, 572, device="meta"))
    assert counter.get_total_flops() // 2 == 150_428_424_448
    assert sides(on_meta(U.UNet, padding=True), 512)[-1] == 512


def test_one_pixel_at_the_bottom_sees_140(monkeypatch):
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)  # a maximum sends the gradient to one pixel of four
    model = U.UNet(base_width=1).double()
    for parameter in model.parameters():  # positive weights: no ReLU hides a dependence
        nn.init.constant_(parameter, 0.1)
    x = torch.rand(1, 1, 188, 188, dtype=torch.double, requires_grad=True)
    seen = []
    model.bottom.register_forward_hook(lambda module, args, out: seen.append(out))
    model(x)
    (gradient,) = torch.autograd.grad(seen[0][0, 0, 1, 1], x)
    rows = gradient[0, 0].abs().sum(1).nonzero().flatten()
    assert (rows.max() - rows.min() + 1).item() == 140


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("padding", [False, True])
def test_sizes_that_fit_are_those_that_the_layers_take(depth, padding):
    model = on_meta(U.UNet, base_width=1, depth=depth, padding=padding)
    assert model.lost == (0 if padding else {1: 16, 2: 40, 3: 88, 4: 184}[depth])
    for size in range(1, model.smallest + 2 * model.step + 1):
        try:
            expected = model.output_size(size)
        except ValueError as error:
            assert str(size) in str(error)
            with pytest.raises(ValueError, match=f"^{size} pixels"):
                model(torch.empty(1, 1, model.smallest, size, device="meta"))
        else:
            assert model(torch.empty(1, 1, size, model.smallest, device="meta")).shape[2] == expected > 0
    assert model.output_size(model.smallest)
    below = model.smallest - model.step  # a step less would leave nothing
    assert below - model.lost <= 0


def test_the_nearest_sizes_are_named():
    with pytest.raises(ValueError, match=r"512 pixels .* is 508 \(output 324\) or 524 \(output 340\)"):
        on_meta(U.UNet)(torch.empty(1, 1, 572, 512, device="meta"))
    with pytest.raises(ValueError, match=r"32 pixels .* is 188 \(output 4\)\."):
        on_meta(U.UNet).output_size(32)
    with pytest.raises(ValueError, match=r"500 pixels .* is 496 .* or 512"):
        on_meta(U.UNet, padding=True).output_size(500)


@pytest.mark.parametrize("shape", [(1, 3, 188, 188), (188, 188), (1, 188, 188)])
def test_images_of_another_shape(shape):
    with pytest.raises(ValueError, match=r"expected \(B, 1, H, W\)"):
        U.UNet(base_width=1)(torch.zeros(shape))


@pytest.mark.parametrize("name", ["in_channels", "num_classes", "base_width", "depth"])
def test_arguments_that_make_no_sense(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        U.UNet(**{name: 0})


def test_without_padding_is_the_middle_of_with_padding():
    torch.manual_seed(0)
    valid = U.UNet(base_width=2, depth=2).eval()
    padded = U.UNet(base_width=2, depth=2, padding=True).eval()
    padded.load_state_dict(valid.state_dict())
    x = torch.randn(1, 1, 84, 84)  # 44 come out; poolings of both must start at the same pixels
    shifted = F.pad(x, (6, 0, 6, 0))[..., :88, :88]  # the first pooling starts at pixel 2, the second at 2 + 2·2
    with torch.no_grad():
        inner = padded(shifted)[..., 26 : 26 + 36, 26 : 26 + 36]
        torch.testing.assert_close(valid(x)[..., :36, :36], inner, rtol=1e-4, atol=1e-4)


def test_without_skips_nothing_is_copied():
    torch.manual_seed(0)
    with_, without = (U.UNet(base_width=2, depth=2, padding=True, skips=skips) for skips in (True, False))
    assert count(without) > count(with_)
    blank = {}
    for name, model in (("with", with_), ("without", without)):
        model.bottom.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
        outputs = model(torch.randn(2, 1, 16, 16))
        blank[name] = (outputs[0] - outputs[1]).abs().max().item()
    assert blank["with"] > 0.01 and blank["without"] == 0


def test_weights_start_as_the_paper_says():
    torch.manual_seed(0)
    model = U.UNet(base_width=32, depth=2)
    assert model.down[1][0].weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 32)), rel=0.03)
    assert model.up[0].weight.std().item() == pytest.approx(math.sqrt(2 / 128), rel=0.03)
    assert not model.up[0].bias.any() and not model.head.bias.any()


def test_one_batch_is_overfitted():
    torch.manual_seed(0)
    data = S.load_shape_slices(4, 1, tiles=1)
    images, masks, _ = next(iter(S.SliceLoader(data, "train", 4, "cpu", U.sample_at)))
    model = U.UNet(base_width=8, depth=2, padding=True, batch_norm=True, dropout=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        loss = U.weighted_cross_entropy(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model(images).argmax(1) != masks).float().mean() < 0.02


def test_the_step_compiles_without_a_break():
    model = U.UNet(base_width=2, depth=2, padding=True, batch_norm=True)
    assert torch._dynamo.explain(model)(torch.rand(2, 1, 16, 16)).graph_break_count == 0


# The loss


def two_cells(gap):
    """Two cells of 12 x 12 pixels, `gap` pixels apart, in the middle of a mask."""
    mask = torch.zeros(16, 24 + gap, dtype=torch.int64)
    mask[2:14, :12] = mask[2:14, 12 + gap :] = 1
    return mask


@pytest.mark.parametrize("gap", [1, 2, 5])
def test_the_border_term_between_two_cells(gap):
    weights = U.weight_map(two_cells(gap), balance=False)
    expected = 1 + 10 * math.exp(-((gap + 1) ** 2) / 50)  # d1 + d2 = gap + 1 pixels, wherever in the gap
    torch.testing.assert_close(weights[8, 12 : 12 + gap], torch.full((gap,), expected))
    assert (weights[2:14, :12] == 1).all() and (weights[2:14, 12 + gap :] == 1).all()
    assert weights[0, 0] < 1 + 10 * math.exp(-(15**2) / 50)


def test_distances_equal_brute_force():
    torch.manual_seed(0)
    mask = F.avg_pool2d(torch.rand(1, 1, 42, 47), 3, 1)[0, 0] > 0.52
    cells = U.connected_components(mask)
    assert cells.max() > 5
    d1, d2 = U.two_nearest(cells, radius=9)
    places = torch.stack(torch.meshgrid(torch.arange(40.0), torch.arange(45.0), indexing="ij"), -1)
    nearest = torch.stack(
        [
            torch.cdist(places.view(-1, 2), places[cells == cell]).min(dim=1).values
            for cell in range(1, cells.max().item() + 1)
        ]
    )
    first, second = nearest.sort(dim=0).values[:2].view(2, 40, 45)
    outside = cells == 0
    for ours, exact in ((d1, first), (d2, second)):
        within = outside & (exact <= 9)
        torch.testing.assert_close(ours[within], exact[within])
        assert ours[outside & (exact > 9)].isinf().all() and not ours[~outside].any()


def test_class_weights_are_balanced():
    mask = torch.zeros(10, 10, dtype=torch.int64)
    mask[:2] = 1
    weights = U.weight_map(mask, w0=0)
    assert weights[0, 0] == 2.5 and weights[9, 9] == 0.625 and weights.mean().item() == pytest.approx(1)
    one = U.weight_map(torch.ones(4, 4, dtype=torch.int64))
    assert (one == 1).all()  # no border, no second class
    with pytest.raises(ValueError, match="expected one mask"):
        U.weight_map(mask[None])


def test_the_weighted_loss_is_equation_1():
    torch.manual_seed(0)
    logits, masks, weights = torch.randn(2, 3, 4, 5), torch.randint(3, (2, 4, 5)), torch.rand(2, 4, 5)
    p = logits.softmax(1).gather(1, masks[:, None])[:, 0]
    torch.testing.assert_close(
        U.weighted_cross_entropy(logits, masks, weights), -(weights * p.log()).sum() / weights.sum()
    )
    torch.testing.assert_close(U.weighted_cross_entropy(logits, masks), F.cross_entropy(logits, masks))
    logits_half = logits.bfloat16()
    assert U.weighted_cross_entropy(logits_half, masks, weights).dtype == torch.float32


# Deformation


def test_displacements_are_smooth_and_as_large_as_printed():
    generator = torch.Generator().manual_seed(0)
    fields = U.displacements(400, (33, 41), generator=generator)
    assert fields.shape == (400, 2, 33, 41)
    assert fields[:, :, ::16, ::20].std().item() == pytest.approx(10, rel=0.05)  # at the nine points of the grid
    assert fields.diff(dim=2).abs().max() < 10 and abs(fields.mean().item()) < 1
    again = U.displacements(400, (33, 41), generator=torch.Generator().manual_seed(0))
    assert torch.equal(fields, again)
    assert torch.equal(U.displacements(2, (5, 5), std=0), torch.zeros(2, 2, 5, 5))


def test_sampling_moves_by_whole_pixels_exactly_and_mirrors():
    images = torch.arange(2 * 5 * 6.0).view(2, 1, 5, 6)
    rows, columns = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
    rows, columns = rows.expand(2, 5, 6), columns.expand(2, 5, 6)
    for mode in ("bilinear", "nearest"):
        torch.testing.assert_close(U.sample_at(images, rows, columns, mode), images)
        moved = U.sample_at(images, rows + 1, columns - 2, mode)
        expected = images[:, :, [1, 2, 3, 4, 3]][..., [2, 1, 0, 1, 2, 3]]
        torch.testing.assert_close(moved, expected)
    half = U.sample_at(images, rows, columns + 0.5)
    torch.testing.assert_close(half[..., :-1], (images[..., :-1] + images[..., 1:]) / 2)


def test_image_and_mask_move_together():
    """An image that is its own mask: where it stays black or white, its mask does too, and masks keep their classes."""
    data = S.load_shape_slices(6, 1)
    images = 255 * data.train[1]
    same = S.Slices("same", data.classes, 0.0, 1.0, (images, data.train[1]), data.val)
    options = dict(crop=48, crops=3, shuffle=True, turn=False, augment=field)
    for image, mask, weights in S.SliceLoader(same, "train", 5, "cpu", U.sample_at, **options):
        sure = (image[:, 0] - 0.5).abs() > 0.49  # all four neighbours of the position agree
        assert torch.equal((image[:, 0] > 0.5)[sure].long(), mask[sure]) and sure.float().mean() > 0.8
        assert set(mask.unique().tolist()) <= {0, 1} and mask.dtype == torch.int64
        torch.testing.assert_close(weights, torch.ones_like(weights))


def field(size, shape, generator):
    return U.displacements(size, shape, std=4, generator=generator)


# Tiles


@pytest.mark.parametrize("padding", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (7, 50), (45, 33)])
def test_tiles_leave_no_seam(padding, shape):
    torch.manual_seed(0)
    model = U.UNet(base_width=2, depth=2, padding=padding, batch_norm=True).train()
    images = torch.randn(2, 1, *shape)
    whole = U.predict(model, images, tile=1000)
    assert whole.shape == (2, 2, *shape) and model.training
    torch.testing.assert_close(whole.sum(1), torch.ones(2, *shape))
    for tile in (1, 16):
        torch.testing.assert_close(U.predict(model, images, tile), whole, rtol=1e-4, atol=1e-5)


def test_tiles_equal_the_whole_image_with_mirrored_borders():
    torch.manual_seed(0)
    model = U.UNet(base_width=2, depth=2).eval()
    images = torch.randn(1, 1, 44, 28)
    with torch.no_grad():
        whole = model(F.pad(images, (20, 20, 20, 20), mode="reflect")).softmax(1)
    torch.testing.assert_close(U.predict(model, images, tile=8), whole, rtol=1e-4, atol=1e-5)
    assert U.context(on_meta(U.UNet)) == 92 and U.context(on_meta(U.UNet, padding=True)) == 96


def test_mirrored():
    assert U.mirrored(-5, 8, 4).tolist() == [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert U.mirrored(-2, 3, 1).tolist() == [0, 0, 0, 0, 0]
    with pytest.raises(ValueError, match="at least one pixel"):
        U.predict(U.UNet(base_width=1), torch.zeros(1, 1, 8, 8), tile=0)


# Cells


def flood(mask):
    """Connected components as one writes them first: a stack and four neighbours."""
    cells, last = torch.zeros(mask.shape, dtype=torch.int64), 0
    for start in mask.nonzero().tolist():
        if cells[tuple(start)]:
            continue
        last += 1
        stack = [start]
        while stack:
            y, x = stack.pop()
            if 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and mask[y, x] and not cells[y, x]:
                cells[y, x] = last
                stack += [[y - 1, x], [y + 1, x], [y, x - 1], [y, x + 1]]
    return cells


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_connected_components_equal_a_flood(share):
    torch.manual_seed(0)
    mask = torch.rand(23, 31) < share
    assert torch.equal(U.connected_components(mask), flood(mask))


def test_connected_components_of_hard_masks():
    spiral = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]])
    assert U.connected_components(spiral).max() == 1
    assert U.connected_components(torch.eye(4)).max() == 4  # corners do not join
    assert not U.connected_components(torch.zeros(3, 3)).any()
    with pytest.raises(ValueError, match="expected one mask"):
        U.connected_components(spiral[None])


def test_the_rand_error_by_hand():
    truth = torch.tensor([[1, 1, 1, 0, 2, 2, 2]])
    assert U.rand_error(truth, truth) == 0
    assert U.rand_error(truth * 7 + 3 * (truth > 0), truth) == 0  # numbers are only names
    merged = torch.ones(1, 7, dtype=torch.int64)
    # truth joins 3 + 3 pairs; the merged cell joins 15 of which 6 are right: F = 2 · 6 / (6 + 15)
    assert U.rand_error(merged, truth) == pytest.approx(1 - 12 / 21)
    split = torch.tensor([[1, 0, 2, 0, 3, 3, 3]])  # of the first cell no pair is left: F = 2 · 3 / (6 + 3)
    assert U.rand_error(split, truth) == pytest.approx(1 - 6 / 9)
    assert U.rand_error(torch.zeros_like(truth), truth) == 1
    assert U.rand_error(torch.tensor([[1, 1, 1, 1, 2, 2, 2]]), truth) == 0  # true membranes do not count
    with pytest.raises(ValueError, match="at least one true cell"):
        U.rand_error(truth, torch.zeros_like(truth))
    with pytest.raises(ValueError, match="of one shape"):
        U.rand_error(truth[:, :3], truth)


def test_the_rand_error_equals_scikit_images():
    from skimage import metrics  # slow to import

    for seed in range(4):
        torch.manual_seed(seed)
        noise = F.avg_pool2d(torch.rand(1, 1, 36, 36), 5, 1)[0, 0]
        truth = U.connected_components(noise > 0.48)
        cells = U.connected_components(noise + 0.05 * torch.rand(32, 32) > 0.5)
        singles = torch.arange(cells.numel()).view_as(cells) + cells.max() + 1
        theirs = torch.where(cells > 0, cells, singles)  # for scikit-image membrane pixels would be one cell
        error, _, _ = metrics.adapted_rand_error(truth.numpy(), theirs.numpy(), ignore_labels=(0,))
        assert U.rand_error(cells, truth) == pytest.approx(error, abs=1e-9) and 0 < error < 1


# Slices


def test_shapes_are_what_they_were():
    """`make_shapes` draws the same images as before it could return masks; means allow for another CPU's rounding."""
    images, labels = make_shapes(20, seed=5)
    with_masks = make_shapes_and_masks(20, seed=5)
    assert np.array_equal(images, with_masks[0]) and np.array_equal(labels, with_masks[1])
    means = [83.63, 132.11, 94.29, 166.66, 96.4, 154.48, 145.03, 96.49, 106.19, 118.3, 149.08, 135.54, 126.82]
    np.testing.assert_allclose(images.mean(axis=(1, 2, 3))[:13], means, atol=0.1)
    assert labels.tolist() == [9, 8, 3, 7, 1, 6, 9, 3, 1, 2, 4, 7, 0, 2, 6, 5, 0, 5, 4, 8]
    assert images[0, 16, :8, 0].tolist() == [63, 63, 65, 76, 70, 59, 71, 70]


def test_masks_of_shapes_are_exact():
    images, labels, masks = make_shapes_and_masks(600, seed=1)
    assert masks.shape == (600, 32, 32) and set(np.unique(masks)) == {0, 1}
    plain = images.astype(float).mean(axis=3)
    for label, holes in ((0, 0), (1, 1), (2, 0), (3, 1)):  # disc, ring, square, frame
        mask = torch.from_numpy(masks[labels == label][0])
        assert U.connected_components(mask).max() == 1
        assert U.connected_components(F.pad(1 - mask, (1, 1, 1, 1), value=1)).max() == 1 + holes
    inside = [plain[i][masks[i] == 1].std() for i in range(600)]
    assert np.median(inside) < np.median(plain.std(axis=(1, 2)))  # one colour and noise


def test_shape_slices():
    data = S.load_shape_slices(3, 2, tiles=2, seed=4)
    assert data.train[0].shape == data.train[1].shape == (3, 64, 64) and data.val[0].shape == (2, 64, 64)
    images, _, masks = make_shapes_and_masks(20, seed=4)
    assert np.array_equal(data.train[1][0, :32, 32:].numpy(), masks[1])
    assert np.array_equal(data.val[0][0, 32:, :32].numpy(), images[14].mean(axis=2).round().astype(np.uint8))
    assert data.mean == pytest.approx(data.train[0].float().mean().item() / 255, abs=1e-3)
    for held_out in ((), range(5), (7,)):
        with pytest.raises(ValueError, match="held_out is"):
            S.as_slices("x", ("a", "b"), images[:5, ..., 0], masks[:5], held_out)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


@pytest.fixture
def tiny_isbi(tmp_path, monkeypatch):
    """Three slices of noise laid out as the real ones, their hashes beside a copy of the loader."""
    rng, hashes = np.random.default_rng(0), []
    folder = tmp_path / "data" / "isbi2012"
    for i in range(3):
        write(folder / f"image/{i}.png", rng.integers(0, 256, (8, 9), dtype=np.uint8))
        write(folder / f"label/{i}.png", 255 * rng.integers(0, 2, (8, 9), dtype=np.uint8))
        for name in (f"image/{i}.png", f"label/{i}.png"):
            hashes.append(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}")
    (tmp_path / "isbi2012.sha256").write_text("\n".join(hashes) + "\n")
    monkeypatch.setattr(S, "__file__", str(tmp_path / "slices.py"))
    monkeypatch.setattr(S, "ADDRESSES", ())
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    return folder


def test_slices_are_read_as_they_lie(tiny_isbi):
    data = S.load_isbi2012(held_out=(1,))
    assert data.train[0].shape == (2, 8, 9) and data.classes == ("membrane", "cell")
    label = np.array(Image.open(tiny_isbi / "label/2.png"))
    assert np.array_equal(data.train[1][1].numpy(), label // 255)
    (tiny_isbi / "image/2.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match="2.png could not be downloaded"):
        S.load_isbi2012(held_out=(1,))


def test_masks_that_do_not_fit(tiny_isbi):
    write(tiny_isbi / "a.png", np.zeros((8, 8), np.uint8))
    with pytest.raises(DataError, match=r"\(8, 8\) pixels, its image \(8, 9\)"):
        S.read_slice(tiny_isbi / "image/0.png", tiny_isbi / "a.png")
    write(tiny_isbi / "b.png", np.full((8, 9), 7, np.uint8))
    with pytest.raises(DataError, match=r"the labels \[7\]; expected 0 \(membrane\) and 255 \(cell\)"):
        S.read_slice(tiny_isbi / "image/0.png", tiny_isbi / "b.png")


def test_a_missing_slice_is_asked_of_both_addresses(tiny_isbi, monkeypatch):
    asked = []

    def fake(addresses, path, sha256):
        asked.append((addresses, path.name, len(sha256)))

    monkeypatch.undo()
    monkeypatch.setattr(S, "download", fake)
    monkeypatch.setenv("DATA_ROOT", str(tiny_isbi.parent))
    with pytest.raises(FileNotFoundError):
        S.load_isbi2012()
    assert len(asked) == 60 and {digits for _, _, digits in asked} == {64}
    commit = "b45af4d458437d8281cc218a07fd4380818ece4a"
    assert asked[0][0] == [
        f"https://raw.githubusercontent.com/zhixuhao/unet/{commit}/data/membrane/train/image/0.png",
        f"https://cdn.jsdelivr.net/gh/zhixuhao/unet@{commit}/data/membrane/train/image/0.png",
    ]


@pytest.mark.real_data
def test_the_real_slices():
    if not (data_root() / "isbi2012").is_dir():
        pytest.skip(f"real ISBI-2012 is not under {data_root()}")
    data = S.load_isbi2012()
    assert data.train[0].shape == (24, 512, 512) and data.val[1].shape == (6, 512, 512)
    assert (data.train[1] == 0).float().mean().item() == pytest.approx(0.2254, abs=1e-4)


def shape_loader(**options):
    data = S.load_shape_slices(5, 2, seed=2)
    return data, S.SliceLoader(data, "train", 3, "cpu", U.sample_at, **options)


def test_whole_slices_come_as_they_are():
    data, loader = shape_loader()
    images, masks, weights = (torch.cat(part) for part in zip(*loader))
    assert len(loader) == 2 and loader.count == 5 and torch.equal(masks, data.train[1].long())
    expected = (data.train[0].float() / 255 - data.mean) / data.std
    torch.testing.assert_close(images[:, 0], expected, rtol=1e-3, atol=2e-3)
    assert torch.equal(weights, torch.ones(5, 64, 64))


def test_margins_are_mirrored():
    data, loader = shape_loader(margin=7, crop=64)
    images, masks, _ = next(iter(loader))
    assert images.shape == (3, 1, 78, 78) and masks.shape == (3, 64, 64)
    plain = next(iter(shape_loader()[1]))[0]
    torch.testing.assert_close(images, F.pad(plain, (7, 7, 7, 7), mode="reflect"), rtol=1e-3, atol=2e-3)


def test_an_epoch_can_be_repeated_exactly():
    _, loader = shape_loader(crop=32, crops=3, shuffle=True, turn=True, augment=field)
    first = list(loader)
    second = list(loader)
    loader.epoch = 0
    for a, b, c in zip(first, loader, second):
        assert all(torch.equal(x, y) for x, y in zip(a, b)) and not torch.equal(a[0], c[0])
    assert loader.count == 15 and sum(len(batch[0]) for batch in first) == 15


@pytest.mark.parametrize("crop", [31, 32, 64])
def test_crops_lie_inside_on_whole_pixels(crop):
    data, loader = shape_loader(crop=crop, crops=20, shuffle=True)
    generator = torch.Generator().manual_seed(0)
    rows, columns, _, _ = loader.places(300, generator)
    for places in (rows, columns):
        assert torch.equal(places, places.round()) and places.min() == 0 and places.max() == 63


def test_turns_are_the_eight_of_a_square():
    _, loader = shape_loader(turn=True)
    rows, columns, contrast, _ = loader.places(200, torch.Generator().manual_seed(0))
    base = torch.arange(64 * 64).view(64, 64)
    seen = {tuple((64 * r + c).long()[::63, ::63].flatten().tolist()) for r, c in zip(rows, columns)}
    expected = {tuple(torch.rot90(m, k)[::63, ::63].flatten().tolist()) for m in (base, base.flip(1)) for k in range(4)}
    assert seen == expected and 0.8 <= contrast.min() < 0.85 and 1.15 < contrast.max() <= 1.2


def test_weights_are_cut_with_their_masks():
    data = S.load_shape_slices(2, 1)
    loader = S.SliceLoader(data, "train", 2, "cpu", U.sample_at, weights=1 + data.train[1].float(), turn=True, seed=3)
    _, masks, weights = next(iter(loader))
    torch.testing.assert_close(weights, 1 + masks.float(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (dict(weights=torch.ones(5, 32, 32)), "expected one shape"),
        (dict(crop=65), "crop is 65; expected at most 64"),
    ],
)
def test_loaders_that_make_no_sense(options, what):
    with pytest.raises(ValueError, match=what):
        shape_loader(**options)


def test_a_class_too_many():
    data = S.load_shape_slices(2, 1)
    wrong = S.Slices("x", ("only",), 0.0, 1.0, data.train, data.val)
    with pytest.raises(ValueError, match="the class 1; expected one of 1 classes"):
        S.SliceLoader(wrong, "train", 1, "cpu", U.sample_at)


def test_describe_tells_loaders_apart():
    base = shape_loader()[1].describe()
    assert base == shape_loader()[1].describe()
    others = (dict(crop=32), dict(margin=4), dict(turn=True), dict(augment=field), dict(slices=3), dict(seed=1))
    for options in (*others, dict(weights=2 * torch.ones(5, 64, 64))):
        assert shape_loader(**options)[1].describe() != base


def test_processes_share_a_batch(monkeypatch):
    options = dict(crop=32, crops=2, shuffle=True, turn=True, augment=field)
    whole = list(shape_loader(**options)[1])
    parts = []
    for rank in range(2):
        monkeypatch.setattr(S, "own_part", lambda start, stop, r=rank: slice(start + r, start + r + 1 + r))
        parts.append(list(shape_loader(**options)[1]))
    first = [torch.cat(pair) for pair in zip(parts[0][0], parts[1][0])]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, whole[0]))


def test_the_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    settings = dict(base_width=2, depth=2, padding=True, batch_norm=True)
    assert_kept_net_loads(U.unet_isbi2012, U.UNet, settings, torch.randn(1, 1, 16, 16), tmp_path, monkeypatch)
    assert count(on_meta(U.UNet, base_width=16, depth=3, padding=True, batch_norm=True)) * 2 < 2e6  # bytes, in float16


@pytest.mark.parametrize("norm", [False, True])
def test_each_layer_runs_once(norm):
    model, x = on_meta(U.UNet, base_width=1, padding=True, batch_norm=norm), torch.empty(2, 1, 16, 16, device="meta")
    expected = dict(Conv2d=19, ReLU=18, ConvTranspose2d=4, Dropout=1)
    assert ran(model, x) == (expected | dict(BatchNorm2d=18) if norm else expected)


@pytest.mark.real_data
def test_the_kept_net_finds_membranes():
    if not (data_root() / "isbi2012").is_dir():
        pytest.skip(f"real ISBI-2012 is not under {data_root()}")
    model, about = U.unet_isbi2012()
    images, masks = S.load_isbi2012().val
    x = (images[:1, None] / 255 - about["mean"]) / about["std"]
    wrong = (U.predict(model, x)[:, 1] > 0.5) != masks[:1].bool()
    assert wrong.float().mean() < 0.1
