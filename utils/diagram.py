"""Diagrams: a network drawn from its measured outputs, and one block as boxes and arrows.

    draw_network(model, x, ["layer1", "fc"])                feature maps, vectors and tokens with their real sizes
    draw_flow({"a": ("conv", 0, 0), …}, [("a", "b"), …])    boxes on a grid, joined by arrows

Each draws one new figure. A unit of its axes is an inch, so that text, which is measured in points, always fits.
"""

import difflib
import functools
import math
from collections import Counter, namedtuple

import matplotlib.pyplot as plt
import torch
from matplotlib.cbook import is_math_text
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.markers import CARETDOWN, CARETLEFT, CARETRIGHT, CARETUP
from matplotlib.patches import Circle, FancyBboxPatch
from matplotlib.textpath import TextToPath

from utils.plotting import COLOURS, styled

WIDEST, MARGIN = 11.0, 0.12  # inches
INK, GREY = "#222222", "#555555"


def tint(colour, strength):
    """A light mixture of `colour` with white, on which black text stays readable."""
    return tuple(1 - strength * (1 - value) for value in to_rgb(colour))


def text_size(text, size):
    """Width and height in inches of one or more lines in a font of `size` points."""
    lines, font, measure = text.split("\n"), FontProperties(size=size), TextToPath().get_text_width_height_descent
    width = max(measure(line, font, is_math_text(line))[0] for line in lines)
    return 1.04 * float(width) / 72, 1.2 * size * len(lines) / 72


def blank_figure(left, bottom, right, top, title):
    """An axis of one unit an inch that shows this rectangle, a margin around it, and a title above."""
    extra = max(0, text_size(title, 12)[0] - (right - left)) / 2
    left, bottom = left - extra - MARGIN, bottom - MARGIN
    right, top = right + extra + MARGIN, top + MARGIN + 0.35 * bool(title)
    figure = plt.figure(figsize=(right - left, top - bottom), layout="none")
    axis = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(bottom, top))
    axis.axis("off")
    write(axis, (left + right) / 2, top - MARGIN, title, 12, va="top")
    return axis


def write(axis, x, y, text, size, ha="center", va="center", colour=INK, **options):
    axis.text(x, y, text, fontsize=size, ha=ha, va=va, color=colour, **options)


def draw_arrow(axis, points, name):
    """A line through `points`; the head's tip is the last of them."""
    (x0, y0), (x1, y1) = points[-2:]
    horizontal = abs(x1 - x0) > abs(y1 - y0)
    head = (CARETRIGHT if x1 > x0 else CARETLEFT) if horizontal else CARETUP if y1 > y0 else CARETDOWN
    options = dict(marker=head, markersize=7, markevery=[-1], snap=True)
    axis.plot(*zip(*points), color=INK, linewidth=1.0, gid=f"arrow:{name}", **options)


# A whole network


@styled
def draw_network(model, x, parts, title=""):
    """The outputs of parts of `model` for the input `x` (a tensor, or a tuple of them), drawn as they were measured.

    `parts` lists names of modules ("layer1", "stages.0.1") or maps them to labels ({"layer1": "stage 1"}). The input
    comes first. (B, C, H, W) becomes a slab, whose face grows with the square roots of H and W and whose thickness
    grows with that of C; (B, C) becomes a bar. With outputs (B, T, C) the net is drawn upwards, T squares for each.
    A part that runs n times is drawn once, from its last run, and marked "× n". The forward pass runs in eval mode;
    modes, batch-norm statistics and the random numbers of CPU and CUDA stay as they were. Raises ValueError for a
    name that the model does not have, for a part that does not run, and for an output of another shape.
    """
    outputs = measure(model, x, parts)
    upwards = any(tokens or len(shape) == 2 for _, _, shape, tokens in outputs)
    maps = [shape for _, _, shape, _ in outputs if len(shape) == 3]
    largest = {
        "channels": max([C for C, _, _ in maps], default=1),
        "side": max([side for _, *sides in maps for side in sides], default=1),
        "features": max([1000, *(shape[0] for _, _, shape, _ in outputs if len(shape) == 1)]),
    }
    (draw_upwards if upwards else draw_rows)([Glyph(*output, largest, upwards) for output in outputs], title)


def measure(model, x, parts):
    """(name, label, shape without the batch, whether it holds tokens' numbers) of the input and of each part."""
    labels = parts if isinstance(parts, dict) else {name: name for name in parts}
    inputs = x if isinstance(x, tuple) else (x,)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name in labels:
        if name not in modules:
            close = difflib.get_close_matches(name, modules, n=3, cutoff=0.4) or dict(model.named_children())
            raise ValueError(f"the model has no part {name!r}; the closest names are {', '.join(close)}")
    tensors, runs = {}, Counter()

    def keep(name, module, args, output):
        tensors[name] = first_tensor(output)
        runs[name] += 1

    modes = {module: module.training for module in model.modules()}
    hooks = [modules[name].register_forward_hook(functools.partial(keep, name)) for name in labels]
    try:
        with torch.no_grad(), torch.random.fork_rng([t.device for t in inputs if t.is_cuda][:1]):
            model.eval()(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    outputs = [("input", "input", inputs[0])]
    for name, label in labels.items():
        if not runs[name]:
            raise ValueError(f"the part {name!r} did not run: expected a module whose forward is called")
        outputs.append((name, f"{label} × {runs[name]}" if runs[name] > 1 else label, tensors[name]))
    for name, _, tensor in outputs:
        if tensor is None or not 1 <= tensor.ndim <= 4:
            shape = "no tensor" if tensor is None else f"the shape {tuple(tensor.shape)}"
            raise ValueError(f"{name!r} has {shape}; expected (B, C), (B, T, C) or (B, C, H, W)")
    return [
        (name, label, tuple(tensor.shape[1:]) or (1,), tensor.ndim == 2 and not tensor.is_floating_point())
        for name, label, tensor in outputs
    ]


def first_tensor(output):
    """The tensor itself, or the first in a tuple, list or dictionary; None where there is none."""
    if isinstance(output, torch.Tensor):
        return output
    items = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((tensor for tensor in map(first_tensor, items) if tensor is not None), None)


class Glyph:
    """One output as polygons, with its label and its size in words; width and height are in inches."""

    def __init__(self, name, label, shape, tokens, largest, upwards):
        self.name, self.label, self.size = name, label, " × ".join(map(str, shape)) + " tokens" * tokens
        strengths = [0.3]
        if tokens or len(shape) == 2:
            colour, squares = COLOURS[2], min(shape[0], 12)
            self.polygons = [rectangle(0.25 * i, 0, 0.2, 0.2) for i in range(squares)]
            if shape[0] > squares:  # three dots
                self.polygons += [rectangle(0.25 * squares + 0.08 * i, 0.08, 0.04, 0.04) for i in range(3)]
        elif len(shape) == 3:
            colour, strengths = COLOURS[0], [0.15, 0.6, 0.3]  # the light comes from above
            full = 0.8 if upwards else 1.15
            h, w = (max(0.14, full * math.sqrt(side / largest["side"])) for side in shape[1:])
            thick = 0.06 + 0.54 * math.sqrt(shape[0] / largest["channels"])
            dx, dy = 0.8 * thick, 0.5 * thick
            top = [(0, h), (w, h), (w + dx, h + dy), (dx, h + dy)]
            side = [(w, 0), (w + dx, dy), (w + dx, h + dy), (w, h)]
            self.polygons = [top, side, rectangle(0, 0, w, h)]
        else:
            colour = COLOURS[4]
            length = max(0.3, (3 if upwards else 1.4) * math.sqrt(shape[0] / largest["features"]))
            self.polygons = [rectangle(0, 0, length, 0.14) if upwards else rectangle(0, 0, 0.14, length)]
        self.colours = [tint(GREY if name == "input" else colour, strength) for strength in strengths]
        xs, ys = zip(*(point for polygon in self.polygons for point in polygon))
        self.width, self.height = max(xs), max(ys)
        (self.label_width, self.label_height), (self.size_width, _) = text_size(label, 10), text_size(self.size, 9)
        self.text_width = max(self.label_width, self.size_width)

    def draw(self, axis, x, y):
        """Draw it with its middle at (x, y)."""
        left, bottom = x - self.width / 2, y - self.height / 2
        moved = [[(left + px, bottom + py) for px, py in polygon] for polygon in self.polygons]
        options = dict(facecolors=self.colours, edgecolors=INK, linewidths=0.8, gid=f"part:{self.name}")
        axis.add_collection(PolyCollection(moved, **options), autolim=False)


def rectangle(x, y, width, height):
    """The corners of a rectangle whose lower left corner is (x, y)."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def draw_rows(glyphs, title):
    """Left to right in as few rows as fit, labels above and sizes below."""

    def centres(row):
        xs = [max(row[0].width, row[0].text_width) / 2]
        for a, b in zip(row, row[1:]):
            xs.append(xs[-1] + max((a.width + b.width) / 2 + 0.36, (a.text_width + b.text_width) / 2 + 0.14))
        return xs, xs[-1] + max(row[-1].width, row[-1].text_width) / 2

    for count in range(1, len(glyphs) + 1):
        each = math.ceil(len(glyphs) / count)
        rows = [glyphs[i : i + each] for i in range(0, len(glyphs), each)]
        placed, turn = [centres(row) for row in rows], 0.2 * (count > 1)
        right = max(width for _, width in placed) + turn
        if right + turn <= WIDEST - 2 * MARGIN:
            break
    halves = [max(glyph.height for glyph in row) / 2 for row in rows]
    above, below = 0.08 + max(glyph.label_height for glyph in glyphs), 0.25  # the room for the texts
    heights = [0.0]  # of the rows' middles
    for a, b in zip(halves, halves[1:]):
        heights.append(heights[-1] - (a + below + 0.26 + above + b))
    axis = blank_figure(-turn, heights[-1] - halves[-1] - below, right, halves[0] + above, title)
    before = name = edge = None
    for row, half, y, (xs, width) in zip(rows, halves, heights, placed):
        for glyph, x in zip(row, xs):
            glyph.draw(axis, x, y)
            write(axis, x, y + half + 0.08, glyph.label, 10, va="bottom")
            write(axis, x, y - half - 0.08, glyph.size, 9, va="top")
            path = [(x - glyph.width / 2 - 0.05, y)]
            if before and before[1] != y:  # around the end of the row above
                between = y + half + above + 0.13
                path = [(edge, before[1]), (edge, between), (-turn, between), (-turn, y), *path]
            if before:
                draw_arrow(axis, [before, *path], f"{name}->{glyph.name}")
            before, name, edge = (x + glyph.width / 2 + 0.05, y), glyph.name, width + turn


def draw_upwards(glyphs, title):
    """The first at the bottom, labels on the left and sizes on the right."""
    side = max(glyph.width for glyph in glyphs) / 2 + 0.15
    left, right = (side + max(getattr(glyph, name) for glyph in glyphs) for name in ("label_width", "size_width"))
    heights = [max(glyph.height, glyph.label_height) for glyph in glyphs]
    axis = blank_figure(-left, 0, right, sum(heights) + 0.28 * (len(glyphs) - 1), title)
    bottom, before, name = 0.0, None, None
    for glyph, height in zip(glyphs, heights):
        y = bottom + height / 2
        glyph.draw(axis, 0, y)
        write(axis, -side, y, glyph.label, 10, ha="right")
        write(axis, side, y, glyph.size, 9, ha="left")
        if before:
            draw_arrow(axis, [before, (0, y - glyph.height / 2 - 0.03)], f"{name}->{glyph.name}")
        before, name, bottom = (0, y + glyph.height / 2 + 0.03), glyph.name, bottom + height + 0.28


# One block

Box = namedtuple("Box", "text column row kind", defaults=["layer"])
Arrow = namedtuple("Arrow", "source target label bend", defaults=["", 0])
KINDS = {  # of boxes: fill, edge, line style, radius of the corners in inches
    "layer": (tint(COLOURS[0], 0.25), COLOURS[0], "-", 0.04),
    "data": ("white", INK, "-", 0.14),
    "sum": ("white", INK, "-", None),
    "loss": (tint(COLOURS[1], 0.25), COLOURS[1], "--", 0.04),
    "note": None,
}


@styled
def draw_flow(boxes, arrows, title=""):
    """Boxes on a grid, joined by arrows: one block of a network, data flowing downwards.

    `boxes` maps a key to (text, column, row) or (text, column, row, kind); row 0 is at the top, fractions are welcome.
    Kinds are "layer" (filled), "data" (white, rounded), "sum" (a small circle: "+", "×", "σ"), "loss" (filled, dashed)
    and "note" (grey text). Columns and rows move apart until nothing overlaps. `arrows` lists (from, to), (from, to,
    label) or (from, to, label, bend). They are straight where boxes face each other and have an elbow elsewhere;
    `bend` leads one around by so many columns to the right (negative: left) or, within a row, so many rows downwards.
    A layer or loss that unbent arrows reach from columns on both sides grows to span them. Raises ValueError for an
    unknown key or kind, two boxes at one place, an arrow across a third box, and for what 11 inches cannot hold.
    """
    boxes, arrows = {key: Box(*box) for key, box in boxes.items()}, [Arrow(*arrow) for arrow in arrows]
    check_flow(boxes, arrows)
    rects, routes, labels, size = lay_out(boxes, arrows)
    check_crossings(arrows, rects, routes)
    axis = blank_figure(*outline(rects, routes, labels), title)
    for arrow, route in zip(arrows, routes):
        draw_arrow(axis, route, f"{arrow.source}->{arrow.target}")
    for i, rect in labels.items():
        write(axis, *middle(rect), arrows[i].label, 9, colour=GREY, bbox=dict(color="white", pad=0))
    for key, rect in rects.items():
        text, kind, gid = boxes[key].text, boxes[key].kind, f"box:{key}"
        if kind == "note":
            write(axis, *middle(rect), text, max(9, size - 1), colour=GREY, gid=gid)
            continue
        fill, edge, line, radius = KINDS[kind]
        options = dict(facecolor=fill, edgecolor=edge, linestyle=line, linewidth=1.3, zorder=3, gid=gid)
        left, bottom, right, top = rect
        if kind == "sum":
            axis.add_patch(Circle(middle(rect), (right - left) / 2, **options))
        else:
            corners = f"round,pad=0,rounding_size={radius}"
            axis.add_patch(FancyBboxPatch((left, bottom), right - left, top - bottom, corners, **options))
        write(axis, *middle(rect), text, size, zorder=4)


def check_flow(boxes, arrows):
    """Raise ValueError for an unknown kind or key, for two boxes at one place, and for an arrow to its own source."""
    places = {}
    for key, box in boxes.items():
        if box.kind not in KINDS:
            raise ValueError(f"box {key!r} has the kind {box.kind!r}; expected one of {', '.join(KINDS)}")
        other = places.setdefault((box.column, box.row), key)
        if other != key:
            raise ValueError(f"boxes {other!r} and {key!r} are both at column {box.column}, row {box.row}")
    for arrow in arrows:
        for key in arrow[:2]:
            if key not in boxes:
                raise ValueError(f"an arrow names the box {key!r}; expected one of {', '.join(boxes)}")
        if arrow.source == arrow.target:
            raise ValueError(f"an arrow leads from {arrow.source!r} to itself; expected two boxes")


def check_crossings(arrows, rects, routes):
    """Raise ValueError for an arrow across a box that it does not join."""
    for arrow, route in zip(arrows, routes):
        for key, rect in rects.items():
            inner = grown(rect, -0.02, -0.02)
            if key not in arrow[:2] and any(overlap(inner, line) for line in segments(route)):
                raise ValueError(
                    f"the arrow {arrow.source!r} -> {arrow.target!r} would cross {key!r}: give it a bend, or another"
                )


def lay_out(boxes, arrows):
    """Rectangles of the boxes, routes of the arrows, {arrow's number: rectangle of its label}, and the font's size.

    Columns and rows move apart in small steps until nothing is crowded; if it gets too wide, the font shrinks.
    """
    label_sizes = [text_size(arrow.label, 9) for arrow in arrows]
    for size in (11, 10, 9):
        sizes = {key: box_size(box, size) for key, box in boxes.items()}
        across = down = 0.5  # inches from column to column and from row to row
        while max(across, down) < WIDEST:
            rects = place_boxes(boxes, arrows, across, down, sizes)
            routes = [find_route(arrow, boxes, arrows, rects, across, down) for arrow in arrows]
            placed = map(place_label, arrows, routes, label_sizes)
            labels = {i: rect for i, rect in enumerate(placed) if arrows[i].label}
            left, _, right, _ = outline(rects, routes, labels)
            if right - left > WIDEST - 2 * MARGIN:
                break
            sideways, upright = crowded(boxes, arrows, rects, routes, labels)
            if not sideways and not upright:
                return rects, routes, labels, size
            across, down = (across + 0.05, down) if sideways else (across, down + 0.05)
    check_crossings(arrows, rects, routes)
    raise ValueError(f"the boxes do not fit into {WIDEST:g} inches; expected shorter texts or fewer columns")


def box_size(box, size):
    """Width and height in inches of a box around its text, for a font of `size` points."""
    width, height = text_size(box.text, max(9, size - (box.kind == "note")))
    if box.kind == "note":
        return width, height
    if box.kind == "sum":
        return (max(0.3, width + 0.12, height + 0.08),) * 2
    return max(0.42, width + 0.24), height + 0.16


def place_boxes(boxes, arrows, across, down, sizes):
    """{key: (left, bottom, right, top)} in inches."""
    rects = {}
    for key, (_, column, row, kind) in boxes.items():
        width, height = sizes[key]
        if kind == "layer":  # the layers of a column are equally wide
            width = max(sizes[k][0] for k, box in boxes.items() if (box.column, box.kind) == (column, kind))
        left, right = column * across - width / 2, column * across + width / 2
        sources = {boxes[a.source] for a in arrows if a.target == key and not a.bend}
        columns = {box.column for box in sources if box.row != row}
        if kind in ("layer", "loss") and columns and min(columns) <= column <= max(columns):
            left, right = min(left, min(columns) * across - 0.25), max(right, max(columns) * across + 0.25)
        rects[key] = left, -row * down - height / 2, right, -row * down + height / 2
    return rects


def find_route(arrow, boxes, arrows, rects, across, pitch):
    """The points of an arrow, from border to border."""
    source, target, bend = boxes[arrow.source], boxes[arrow.target], arrow.bend
    a, b = rects[arrow.source], rects[arrow.target]
    (ax, ay), (bx, by) = middle(a), middle(b)
    if bend and source.row == target.row:
        y, edge = ay - bend * pitch, 1 if bend > 0 else 3
        return [(ax, a[edge]), (ax, y), (bx, y), (bx, b[edge])]
    if bend:
        outer, edge = (max, 2) if bend > 0 else (min, 0)
        x = (outer(source.column, target.column) + bend) * across
        return [(a[edge], ay), (x, ay), (x, by), (b[edge], by)]
    x, y = (facing(a[i::2], source.kind, b[i::2], target.kind) for i in (0, 1))
    right, down = bx > ax, by < ay
    (leave, enter), (out, into) = (a[1], b[3]) if down else (a[3], b[1]), (a[2], b[0]) if right else (a[0], b[2])
    if x is not None:
        return [(x, leave), (x, enter)]
    if y is not None:
        return [(out, y), (into, y)]
    if target.kind == "sum":
        return [(ax, leave), (ax, by), (into, by)]
    if not down:
        return [(out, ay), (bx, ay), (bx, enter)]
    gathers = sum(other.target == arrow.target and not other.bend for other in arrows) > 1
    row = (target if gathers else source).row  # arrows that meet turn above their target, others below their source
    level = [rect for key, rect in rects.items() if abs(boxes[key].row - row) < 0.5]
    y = max(rect[3] for rect in level) + 0.17 if gathers else min(rect[1] for rect in level) - 0.17
    return [(ax, leave), (ax, y), (bx, y), (bx, enter)]


def facing(a, a_kind, b, b_kind):
    """Where a straight line meets the spans a and b, in the middle of the shorter if possible; None if nowhere.

    A circle is met in its middle alone.
    """
    spans = []
    for (low, high), kind in ((a, a_kind), (b, b_kind)):
        inset = (high - low) / 2 if kind == "sum" else 0.08
        spans.append((low + inset, high - inset))
    for span in sorted(spans, key=lambda span: span[1] - span[0]):
        x = sum(span) / 2
        if all(low - 1e-6 <= x <= high + 1e-6 for low, high in spans):
            return x
    return None


def place_label(arrow, route, size):
    """The rectangle of an arrow's label: above or right of the longest part of its line, outside of a bend."""
    left, bottom, right, top = longest = max(segments(route), key=lambda s: s[2] - s[0] + s[3] - s[1])
    (x, y), (width, height) = middle(longest), size
    if right - left > top - bottom:
        y += (0.03 + height / 2) * (-1 if arrow.bend > 0 else 1)
    else:
        x += (0.08 + width / 2) * (-1 if arrow.bend < 0 else 1)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def crowded(boxes, arrows, rects, routes, labels):
    """Whether columns are too close to each other, and whether rows are."""
    sideways = upright = False
    keys = list(boxes)
    for i, a in enumerate(keys):
        for b in keys[:i]:
            note = "note" in (boxes[a].kind, boxes[b].kind)
            gap = 0.08 if note else 0.34  # room for an arrow
            near = 1 if note and boxes[a].column != boxes[b].column else 0.5
            if abs(boxes[a].row - boxes[b].row) < near:
                sideways |= overlap(grown(rects[a], gap, math.inf), rects[b])
            else:
                upright |= overlap(grown(rects[a], 0.03, gap), rects[b])
    for with_labels in (False, True):  # of no use before the boxes have their places
        if sideways or upright:
            break
        for i, (arrow, route) in enumerate(zip(arrows, routes)):
            tight = False
            if with_labels and i in labels:
                others = [*rects.values(), *(rect for j, rect in labels.items() if j != i)]
                tight = any(overlap(labels[i], rect) for rect in others)
            elif arrow.bend:
                tight = any(overlap(grown(segments(route)[1], 0.12, 0.12), rect) for rect in rects.values())
            if arrow.bend and boxes[arrow.source].row == boxes[arrow.target].row:
                upright |= tight
            else:
                sideways |= tight
    return sideways, upright


def outline(rects, routes, labels):
    """The rectangle around everything."""
    everything = [*rects.values(), *labels.values(), *(line for route in routes for line in segments(route))]
    return [extreme(rect[i] for rect in everything) for i, extreme in enumerate((min, min, max, max))]


def middle(rect):
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def grown(rect, x, y):
    return rect[0] - x, rect[1] - y, rect[2] + x, rect[3] + y


def overlap(a, b):
    return a[0] < b[2] - 1e-6 and b[0] < a[2] - 1e-6 and a[1] < b[3] - 1e-6 and b[1] < a[3] - 1e-6


def segments(points):
    """The parts of a line as rectangles without width."""
    return [(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in zip(points, points[1:])]
