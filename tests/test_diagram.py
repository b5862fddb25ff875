"""utils/diagram.py: it draws what was measured or declared, nothing covers anything, bad input is named."""

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.patches import Circle
from torch import nn

from architectures.resnet.resnet import cifar_resnet
from utils import diagram

FLOWS = {
    "plain and residual block": (
        {
            "title a": ("plain", 0, -0.8, "note"),
            "xa": ("x", 0, 0, "data"),
            "a1": ("conv 3×3, BN", 0, 1),
            "a2": ("conv 3×3, BN", 0, 2),
            "ya": ("y", 0, 4, "data"),
            "title b": ("residual", 2, -0.8, "note"),
            "xb": ("x", 2, 0, "data"),
            "b1": ("conv 3×3, BN", 2, 1),
            "b2": ("conv 3×3, BN", 2, 2),
            "+": ("+", 2, 3, "sum"),
            "yb": ("y", 2, 4, "data"),
        },
        [("xa", "a1"), ("a1", "a2"), ("a2", "ya"), ("xb", "b1"), ("b1", "b2"), ("b2", "+", "F(x)"), ("+", "yb")]
        + [("xb", "+", "identity", 1)],
    ),
    "bottleneck": (
        {
            "x": ("x", 0, 0, "data"),
            "reduce": ("conv 1×1, BN, ReLU", 0, 1),
            "conv": ("conv 3×3, BN, ReLU", 0, 2),
            "expand": ("conv 1×1, BN", 0, 3),
            "+": ("+", 0, 4, "sum"),
        },
        [("x", "reduce", "256 × 56 × 56"), ("reduce", "conv", "64 × 56 × 56"), ("conv", "expand", "64 × 56 × 56")]
        + [("expand", "+", "256 × 56 × 56"), ("x", "+", "x", -1)],
    ),
    "Inception module": (
        {
            "x": ("x", 1.5, 0, "data"),
            "1×1": ("conv 1×1", 0, 2),
            **{f"{k} in": ("conv 1×1", column, 1) for column, k in ((1, "3×3"), (2, "5×5"))},
            **{k: (f"conv {k}", column, 2) for column, k in ((1, "3×3"), (2, "5×5"))},
            "pool": ("max pool 3×3", 3, 1),
            "after pool": ("conv 1×1", 3, 2),
            "concat": ("concatenate", 1.5, 3),
        },
        [
            ("x", "1×1"),
            ("x", "3×3 in"),
            ("x", "5×5 in"),
            ("x", "pool"),
            ("3×3 in", "3×3", "96"),
            ("5×5 in", "5×5", "16"),
        ]
        + [("pool", "after pool")]
        + [(branch, "concat") for branch in ("1×1", "3×3", "5×5", "after pool")],
    ),
    "attention": (
        {
            "q": ("Q", 0, 0, "data"),
            "k": ("K", 1, 0, "data"),
            "v": ("V", 2, 0, "data"),
            "scores": ("scale by $1/\\sqrt{d_k}$", 0.5, 1),
            "softmax": ("softmax\nover the keys", 0.5, 2),
            "sum": ("matmul", 1.25, 3),
        },
        [("q", "scores", "T × d"), ("k", "scores", "S × d"), ("scores", "softmax", "T × S"), ("softmax", "sum")]
        + [("v", "sum", "S × d")],
    ),
    "VAE": (
        {
            "x": ("x", 0.5, 0, "data"),
            "encoder": ("encoder", 0.5, 1),
            "eps": ("ε", -1, 2, "data"),
            "mu": ("μ", 0, 2, "data"),
            "log": ("log σ²", 1, 2, "data"),
            "z": ("z = μ + σ · ε", 0, 3),
            "decoder": ("decoder", 0, 4),
            "kl": ("KL", 2.4, 3, "loss"),
            "rec": ("reconstruction loss", 0, 5, "loss"),
        },
        [("x", "encoder"), ("encoder", "mu"), ("encoder", "log"), ("eps", "z"), ("mu", "z"), ("log", "z")]
        + [("z", "decoder"), ("decoder", "rec", "x̂"), ("x", "rec", "x", -2), ("mu", "kl"), ("log", "kl")],
    ),
    "U-Net": (
        {
            "a": ("64 × 64 × 64", 0, 0),
            "b": ("128 × 32 × 32", 1, 1),
            "c": ("64 × 64 × 64", 2, 0),
            "gate": ("×", 3, 0, "sum"),
            "weight": ("σ", 3, 1.5, "sum"),
        },
        [
            ("a", "b", "pool"),
            ("b", "c", "up"),
            ("a", "c", "copy"),
            ("c", "gate"),
            ("weight", "gate", "g"),
            ("b", "weight"),
        ]
        + [("a", "gate", "around", -0.5)],
    ),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def artists(prefix):
    """{gid without its prefix: artist} of the figure just drawn; no gid may stand twice."""
    found = [artist for artist in plt.gcf().findobj() if (artist.get_gid() or "").startswith(prefix)]
    named = {artist.get_gid().removeprefix(prefix): artist for artist in found}
    assert len(named) == len(found)
    return named


def texts():
    return [text.get_text() for text in plt.gca().texts if text.get_text()]


def assert_readable():
    """No text is small, cut off, or covers another, measured where Agg draws it."""
    figure = plt.gcf()
    figure.canvas.draw()
    shown = [text for text in plt.gca().texts if text.get_text()]
    boxes = [text.get_window_extent() for text in shown]
    assert figure.get_figwidth() <= 11 and figure.dpi == 80
    for i, (text, box) in enumerate(zip(shown, boxes)):
        assert text.get_fontsize() >= 9, text
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
        for other, second in zip(shown[:i], boxes):
            assert not box.overlaps(second), (text, other)


def extent(artist):
    """(left, bottom, right, top) of a box in inches."""
    box = artist.get_window_extent() if not isinstance(artist, Circle) else artist.get_extents()
    return tuple(plt.gca().transData.inverted().transform(box).flatten())


# a whole network


class Small(nn.Module):
    """A convolution, a batch norm that runs twice, a tuple, a vector, random noise, and a layer that never runs."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, kernel_size=3, stride=2), nn.BatchNorm2d(8)
        self.split = Split()
        self.fc, self.idle = nn.Linear(4, 5), nn.Linear(2, 2)

    def forward(self, x, scale=None):
        x = self.norm(self.norm(self.conv(x)))
        first, second = self.split(x)
        return self.fc((first + torch.randn_like(second)).mean(dim=(2, 3)))


class Split(nn.Module):
    def forward(self, x):
        return x.chunk(2, dim=1)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.rnn, self.head = nn.Embedding(50, 16), nn.GRU(16, 24, batch_first=True), nn.Linear(24, 3)

    def forward(self, tokens):
        return self.head(self.rnn(self.embedding(tokens))[0].mean(dim=1))


def test_sizes_are_those_that_were_measured():
    diagram.draw_network(Small(), torch.randn(2, 3, 11, 17), ["conv", "norm", "split", "fc"], "A small net")
    sizes = ["3 × 11 × 17", "8 × 5 × 8", "8 × 5 × 8", "4 × 5 × 8", "5"]
    assert texts() == [
        "A small net",
        *(t for pair in zip(["input", "conv", "norm × 2", "split", "fc"], sizes) for t in pair),
    ]
    assert list(artists("part:")) == ["input", "conv", "norm", "split", "fc"]
    assert list(artists("arrow:")) == ["input->conv", "conv->norm", "norm->split", "split->fc"]
    assert_readable()


def test_faces_grow_with_the_resolution_and_thickness_with_the_channels():
    glyphs = [
        diagram.Glyph("x", "x", shape, False, {"side": 256, "channels": 64, "features": 1000}, False)
        for shape in ((4, 256, 256), (4, 64, 256), (64, 256, 256), (64, 1, 1), (1000,), (10,))
    ]
    faces = [(glyph.polygons[-1][2][0], glyph.polygons[-1][2][1]) for glyph in glyphs]
    assert faces[0] == pytest.approx((1.15, 1.15)) and faces[1] == pytest.approx((1.15, 1.15 / 2))
    assert faces[3] == pytest.approx((0.14, 0.14))  # still visible
    assert faces[2] == faces[0] and glyphs[2].width > glyphs[0].width
    assert glyphs[4].height > 3 * glyphs[5].height and glyphs[4].width == glyphs[5].width < 0.2


def test_labels_can_be_given_and_two_inputs_are_passed_on():
    x = torch.randn(1, 3, 8, 8)
    diagram.draw_network(Small(), (x, torch.ones(1)), {"conv": "stem", "norm": "batch norm"})
    assert texts() == ["input", "3 × 8 × 8", "stem", "8 × 3 × 3", "batch norm × 2", "8 × 3 × 3"]


def test_resnet20():
    diagram.draw_network(
        cifar_resnet(20), torch.randn(1, 3, 32, 32), ["conv1", "layer1", "layer2", "layer3", "avgpool", "fc"]
    )
    sizes = ["3 × 32 × 32", "16 × 32 × 32", "16 × 32 × 32", "32 × 16 × 16", "64 × 8 × 8", "64 × 1 × 1", "10"]
    assert texts()[1::2] == sizes and len(artists("arrow:")) == 6
    assert_readable()


def test_many_parts_wrap_and_every_arrow_runs_between_its_parts():
    names = ["conv1", *(f"layer{i}.{j}" for i in (1, 2, 3) for j in range(4)), "fc"]
    diagram.draw_network(cifar_resnet(26), torch.randn(1, 3, 32, 32), names, "ResNet-26")
    assert_readable()
    parts = {name: part.get_paths() for name, part in artists("part:").items()}
    assert list(parts) == ["input", *names]
    bounds = {}
    for name, paths in parts.items():
        points = [tuple(vertex) for path in paths for vertex in path.vertices]
        bounds[name] = [f(p[i] for p in points) for f in (min, max) for i in (0, 1)]
    for name, arrow in artists("arrow:").items():
        source, target = (bounds[key] for key in name.split("->"))
        x, y = arrow.get_xdata(), arrow.get_ydata()
        assert all(x[i] == x[i + 1] or y[i] == y[i + 1] for i in range(len(x) - 1)), "a diagonal"
        assert 0 < x[0] - source[2] < 0.1 and source[1] < y[0] < source[3]
        assert 0 < target[0] - x[-1] < 0.1 and target[1] < y[-1] < target[3]
    assert len({round(b[1] + b[3], 3) for b in bounds.values()}) > 1, "in more than one row"


def test_tokens_are_drawn_upwards():
    diagram.draw_network(Tokens(), torch.randint(50, (2, 20)), ["embedding", "rnn", "head"], "A GRU")
    assert texts()[1:] == ["input", "20 tokens", "embedding", "20 × 16", "rnn", "20 × 24", "head", "3"]
    assert_readable()
    parts = artists("part:")
    assert len(parts["rnn"].get_paths()) == 12 + 3, "twelve squares and three dots"
    heights = [part.get_paths()[0].vertices[:, 1].min() for part in parts.values()]
    assert heights == sorted(heights) and len(set(heights)) == 4
    for arrow in artists("arrow:").values():
        assert list(arrow.get_xdata()) == [0, 0] and arrow.get_ydata()[1] > arrow.get_ydata()[0]
    diagram.draw_network(Tokens(), torch.randint(50, (2, 5)), ["rnn"])
    assert len(artists("part:")["rnn"].get_paths()) == 5


def test_long_labels_keep_their_distance():
    parts = {"conv": "a convolution of stride two", "norm": "a batch normalisation", "fc": "the scores of the classes"}
    diagram.draw_network(Small(), torch.randn(1, 3, 8, 8), parts)
    assert_readable()
    parts = {"embedding": "a matrix with a row for each word", "head": "the scores of the classes"}
    diagram.draw_network(Tokens(), torch.randint(50, (1, 4)), parts)
    assert_readable()
    diagram.draw_network(nn.Identity(), torch.zeros(1, 3, 123456), {"": ""}, "sizes longer than their labels")
    assert_readable()


def test_a_transformer_layer_that_runs_several_times():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    diagram.draw_network(nn.Sequential(layer, layer), torch.randn(2, 7, 16), {"0": "layer", "0.self_attn": "attention"})
    assert texts() == ["input", "7 × 16", "layer × 2", "7 × 16", "attention × 2", "7 × 16"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_and_the_random_numbers_stay_as_they_were(fails):
    model = Small()
    model.conv.eval()  # a frozen part of a model in training mode
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    before, settings = torch.get_rng_state(), dict(plt.rcParams)
    if fails:
        with pytest.raises(RuntimeError):
            diagram.draw_network(model, torch.randn(2, 4, 8, 8, generator=torch.Generator()), ["conv"])
    else:
        diagram.draw_network(model, torch.ones(2, 3, 8, 8), ["conv", "norm"])
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert all(p.grad is None for p in model.parameters()) and dict(plt.rcParams) == settings


def test_bad_parts_are_named():
    model, x = Small(), torch.randn(1, 3, 8, 8)
    with pytest.raises(ValueError, match="no part 'nrom'; the closest names are norm"):
        diagram.draw_network(model, x, ["conv", "nrom"])
    with pytest.raises(ValueError, match="the closest names are conv, norm, split, fc, idle"):
        diagram.draw_network(model, x, ["@"])
    with pytest.raises(ValueError, match="'idle' did not run"):
        diagram.draw_network(model, x, ["conv", "idle"])
    with pytest.raises(ValueError, match=r"'input' has the shape \(1, 3, 2, 2, 2\)"):
        diagram.draw_network(nn.Conv3d(3, 1, 1), torch.randn(1, 3, 2, 2, 2), [])


# one block


@pytest.mark.parametrize("name", FLOWS)
def test_every_box_and_arrow_is_drawn_once_and_readable(name):
    boxes, arrows = FLOWS[name]
    diagram.draw_flow(boxes, arrows, name)
    drawn = artists("box:")
    assert set(drawn) == set(boxes)
    assert set(artists("arrow:")) == {f"{source}->{target}" for source, target, *_ in arrows}
    labels = [arrow[2] for arrow in arrows if len(arrow) > 2]
    assert sorted(texts()) == sorted([name, *labels, *(text for text, *_ in boxes.values())])
    assert_readable()
    places = [extent(artist) for artist in drawn.values()]
    for i, (left, bottom, right, top) in enumerate(places):
        for a, b, c, d in places[:i]:
            assert a > right or c < left or b > top or d < bottom


@pytest.mark.parametrize("name", FLOWS)
def test_arrows_lead_from_border_to_border_along_the_axes(name):
    boxes, arrows = FLOWS[name]
    diagram.draw_flow(boxes, arrows)
    plt.gcf().canvas.draw()
    places = {key: extent(artist) for key, artist in artists("box:").items()}
    for gid, line in artists("arrow:").items():
        points = list(zip(line.get_xdata(), line.get_ydata()))
        for key, (x, y) in zip(gid.split("->"), (points[0], points[-1])):
            left, bottom, right, top = places[key]
            inside = left - 0.03 < x < right + 0.03 and bottom - 0.03 < y < top + 0.03
            border = min(abs(x - left), abs(x - right), abs(y - bottom), abs(y - top))
            assert inside and border < 0.03, (gid, key)
        assert all(a == pytest.approx(c) or b == pytest.approx(d) for (a, b), (c, d) in zip(points, points[1:])), gid


def test_texts_stay_inside_their_boxes():
    diagram.draw_flow({"a": ("a long text of one line", 0, 0), "b": ("two\nlines, $\\frac{1}{2}$", 0, 1)}, [("a", "b")])
    plt.gcf().canvas.draw()
    for (left, bottom, right, top), text in zip(map(extent, artists("box:").values()), plt.gca().texts[-2:]):
        box = plt.gca().transData.inverted().transform(text.get_window_extent()).flatten()
        assert left < box[0] and bottom < box[1] and right > box[2] and top > box[3]


def test_a_bend_leads_around_by_so_many_columns():
    boxes = {"a": ("a", 0, 0), "b": ("b", 0, 1), "c": ("c", 0, 2), "d": ("d", 1, 1)}
    for bend, beyond in ((-1, -1), (2, 2)):
        diagram.draw_flow(boxes, [("a", "b"), ("b", "c"), ("a", "c", "", bend)])
        line, places = artists("arrow:")["a->c"], {key: extent(box) for key, box in artists("box:").items()}
        pitch = (places["d"][0] + places["d"][2] - places["a"][0] - places["a"][2]) / 2
        x = line.get_xdata()
        assert len(x) == 4 and x[1] == x[2] == pytest.approx(beyond * pitch, abs=0.05)
        edge = 0 if bend < 0 else 2
        assert x[0] == pytest.approx(places["a"][edge], abs=0.03)
        assert x[3] == pytest.approx(places["c"][edge], abs=0.03)


def test_a_long_label_moves_its_boxes_apart():
    diagram.draw_flow({"a": ("a", 0, 0), "b": ("b", 1, 0)}, [("a", "b", "many words on a line")])
    plt.gcf().canvas.draw()
    a, b = (box.get_window_extent() for box in artists("box:").values())
    label = next(text for text in plt.gca().texts if text.get_text().startswith("many")).get_window_extent()
    assert a.x1 <= label.x0 and label.x1 <= b.x0


def test_arrows_that_meet_turn_above_their_target():
    boxes = {"far": ("far", 0, 0), "near": ("near", 1, 1), "y": ("y", 3, 2, "data")}
    diagram.draw_flow(boxes, [("far", "y"), ("near", "y")])
    turns = [line.get_ydata()[1] for line in artists("arrow:").values()]
    assert turns[0] == pytest.approx(turns[1]) and turns[0] < extent(artists("box:")["near"])[1]


def test_a_layer_spans_what_it_gathers():
    boxes = {"a": ("a", 0, 0), "b": ("b", 2, 0), "c": ("+", 1, 1), "d": ("d", 1, 1.9, "data")}
    diagram.draw_flow(boxes, [("a", "c"), ("b", "c"), ("c", "d")])
    places = {key: extent(box) for key, box in artists("box:").items()}
    assert places["c"][0] < places["a"][2] and places["c"][2] > places["b"][0]
    assert all(len(line.get_xdata()) == 2 for line in artists("arrow:").values()), "so that all arrows are straight"


def test_kinds_differ_in_their_shapes():
    kinds = ("layer", "data", "sum", "loss", "note")
    diagram.draw_flow({kind: (kind, i, 0, kind) for i, kind in enumerate(kinds)}, [])
    drawn = artists("box:")
    assert isinstance(drawn["sum"], Circle) and isinstance(drawn["note"], plt.Text)
    styles = [drawn[kind].get_linestyle() for kind in ("layer", "data", "loss")]
    assert styles[0] == styles[1] != styles[2]
    radii = [drawn[kind].get_boxstyle().rounding_size for kind in ("layer", "data")]
    assert float(radii[1]) > 2 * float(radii[0])
    for kind in ("layer", "loss"):  # light enough for black text: a contrast of 10 or more
        red, green, blue, _ = drawn[kind].get_facecolor()
        assert 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 > 0.45


def test_what_cannot_be_drawn_is_named():
    boxes = {"a": ("a", 0, 0), "b": ("b", 0, 1), "c": ("c", 0, 2), "side": ("side", 1, 1)}
    with pytest.raises(ValueError, match="names the box 'd'; expected one of a, b, c, side"):
        diagram.draw_flow(boxes, [("a", "d")])
    with pytest.raises(ValueError, match="'a' and 'e' are both at column 0, row 0"):
        diagram.draw_flow({**boxes, "e": ("e", 0, 0)}, [])
    with pytest.raises(ValueError, match="kind 'cloud'; expected one of layer, data, sum, loss, note"):
        diagram.draw_flow({"a": ("a", 0, 0, "cloud")}, [])
    with pytest.raises(ValueError, match="from 'a' to itself"):
        diagram.draw_flow(boxes, [("a", "a")])
    for arrow in (("a", "c"), ("a", "c", "", 1)):
        with pytest.raises(ValueError, match="'a' -> 'c' would cross"):
            diagram.draw_flow(boxes, [arrow])
    with pytest.raises(ValueError, match="do not fit into 11 inches"):
        diagram.draw_flow({i: ("a text that is much too long for this", i, 0) for i in range(5)}, [])
    assert not plt.get_fignums()
