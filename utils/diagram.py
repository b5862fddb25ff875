"""Diagrams: a network drawn from its measured outputs, and one block as boxes and arrows.

    draw_network(model, x, ["layer1", "fc"])      feature maps, feature vectors and tokens with their real sizes
    draw_flow({"a": ("conv", 0, 0), …}, [("a", "b"), …])      boxes on a grid, joined by arrows

Each draws one new figure. One unit of its axes is one inch, so that text, whose size is known in points, always fits.
"""

import difflib
import math
from collections import Counter
from typing import NamedTuple

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

WIDEST = 11.0  # inches
INK, GREY = "#222222", "#555555"
MARGIN = 0.12


class Box(NamedTuple):
    """A box of draw_flow."""

    text: str
    column: float
    row: float
    kind: str = "layer"


class Arrow(NamedTuple):
    """An arrow of draw_flow."""

    source: str
    target: str
    label: str = ""
    bend: float = 0


def tint(colour, strength=0.25):
    """A light mixture of `colour` with white, on which black text stays readable."""
    return tuple(1 - strength * (1 - value) for value in to_rgb(colour))


KINDS = {  # of boxes: fill, edge, rounding of the corners in inches, line style
    "layer": (tint(COLOURS[0]), COLOURS[0], 0.04, "-"),
    "data": ("white", INK, 0.14, "-"),
    "sum": ("white", INK, None, "-"),
    "loss": (tint(COLOURS[1]), COLOURS[1], 0.04, "--"),
    "note": None,
}


def text_size(text, size):
    """Width and height in inches of a text of one or more lines, in a font of `size` points."""
    lines, font = text.split("\n"), FontProperties(size=size)
    measure = TextToPath().get_text_width_height_descent
    width = max(measure(line, font, is_math_text(line))[0] for line in lines)
    return 1.04 * width / 72, 1.2 * size * len(lines) / 72


def blank_figure(left, bottom, right, top, title):
    """An axis of one unit an inch that shows this rectangle, a margin, and a title above."""
    if title:
        extra = max(0, text_size(title, 12)[0] - (right - left)) / 2
        left, right, top = left - extra, right + extra, top + 0.35
    left, bottom, right, top = left - MARGIN, bottom - MARGIN, right + MARGIN, top + MARGIN
    figure = plt.figure(figsize=(right - left, top - bottom), layout="none")
    axis = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(bottom, top))
    axis.axis("off")
    if title:
        write(axis, (left + right) / 2, top - MARGIN, title, 12, va="top")
    return axis


def write(axis, x, y, text, size, ha="center", va="center", colour=INK, **options):
    axis.text(x, y, text, fontsize=size, ha=ha, va=va, color=colour, **options)


def draw_arrow(axis, points, name):
    """A line through `points` with a head at its end, which runs along an axis."""
    (x0, y0), (x1, y1) = points[-2:]
    if abs(x1 - x0) > abs(y1 - y0):
        head = CARETRIGHT if x1 > x0 else CARETLEFT
    else:
        head = CARETUP if y1 > y0 else CARETDOWN
    axis.plot(*zip(*points), color=INK, lw=1.3, marker=head, markersize=7, markevery=[-1], gid=f"arrow:{name}")


# ---------------------------------------------------------------------------------------------- a whole network


@styled
def draw_network(model, x, parts, title=""):
    """The outputs of named parts of `model` for the input `x` (a tensor, or a tuple of them), as they were measured.

    `parts` lists names of modules ("layer1", "stages.0.1"), or maps them to labels ({"layer1": "stage 1"}). The input
    is drawn first. (B, C, H, W) becomes a slab, its face growing with the square root of H and W and its thickness
    with that of C; (B, C) a bar. A net with outputs (B, T, C) is drawn upwards, a row of T squares for each. One
    forward pass in eval mode; a part that runs n times is drawn once, for its last run, and marked "× n". The model's
    modes, its batch-norm statistics and the random numbers stay as they were. Raises ValueError for a name that the
    model does not have, for a part that does not run, and for outputs of any other shape.
    """
    outputs = measure(model, x, parts)
    shapes = [shape for _, _, shape, _ in outputs]
    largest = {
        "side": max([side for shape in shapes if len(shape) == 3 for side in shape[1:]], default=1),
        "channels": max([shape[0] for shape in shapes if len(shape) == 3], default=1),
        "features": max([shape[0] for shape in shapes if len(shape) == 1], default=1),
    }
    upwards = any(len(shape) == 2 or tokens for _, _, shape, tokens in outputs)
    glyphs = [Glyph(*output, largest, upwards) for output in outputs]
    (draw_column if upwards else draw_rows)(glyphs, title)


def measure(model, x, parts):
    """(name, label, shape without the batch, whether it holds whole numbers) of the input and of each part."""
    labels = dict(parts) if isinstance(parts, dict) else {name: name for name in parts}
    inputs = x if isinstance(x, tuple) else (x,)
    modules = dict(model.named_modules(remove_duplicate=False))
    for name in labels:
        if name not in modules:
            near = difflib.get_close_matches(name, modules, n=3, cutoff=0.4) or [n for n, _ in model.named_children()]
            raise ValueError(f"the model has no part {name!r}; names close to it: {', '.join(near)}")
    found, runs = {"input": inputs[0]}, Counter()

    def watch(name):
        def hook(module, args, output):
            found[f"part {name}"] = first_tensor(output)
            runs[name] += 1

        return modules[name].register_forward_hook(hook)

    modes = {module: module.training for module in model.modules()}
    hooks = [watch(name) for name in labels]
    try:
        model.eval()
        with torch.no_grad(), torch.random.fork_rng([t.device for t in inputs if t.is_cuda][:1]):
            model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    outputs = [("input", "input", found["input"])]
    for name, label in labels.items():
        if not runs[name]:
            raise ValueError(f"the part {name!r} did not run: expected a module whose forward is called")
        outputs.append((name, label + f" × {runs[name]}" * (runs[name] > 1), found[f"part {name}"]))
    for name, _, tensor in outputs:
        if tensor is None or tensor.ndim > 4:
            what = "no tensor" if tensor is None else f"shape {tuple(tensor.shape)}"
            raise ValueError(f"{name!r} gave {what}; expected (B, C), (B, T, C) or (B, C, H, W)")
    return [
        (name, label, tuple(tensor.shape[1:]) or (1,), tensor.ndim == 2 and not tensor.is_floating_point())
        for name, label, tensor in outputs
    ]


def first_tensor(output):
    """The tensor itself, or the first one in a tuple, list or dictionary; None where there is none."""
    if isinstance(output, torch.Tensor):
        return output
    items = output.values() if isinstance(output, dict) else output if isinstance(output, (tuple, list)) else ()
    return next((tensor for tensor in map(first_tensor, items) if tensor is not None), None)


class Glyph:
    """One output as polygons around (0, 0), with its label and its size in words."""

    def __init__(self, name, label, shape, tokens, largest, upwards):
        self.name, self.label = name, label
        colour = COLOURS[{3: 0, 2: 2, 1: 4}[len(shape)]]
        self.size = " × ".join(map(str, shape))
        self.strengths = [0.3]
        if tokens or len(shape) == 2:
            T, colour = shape[0], COLOURS[2]
            self.size = f"{T} tokens" if tokens else self.size
            drawn = min(T, 12)
            self.polygons = [rectangle(0.25 * i, 0, 0.2, 0.2) for i in range(drawn)]
            self.polygons += [rectangle(0.25 * drawn + 0.08 * i, 0.08, 0.04, 0.04) for i in range(3 * (T > drawn))]
        elif len(shape) == 3:
            C, H, W = shape
            full = 0.8 if upwards else 1.25
            w, h = (max(0.14, full * math.sqrt(side / largest["side"])) for side in (W, H))
            thick = 0.06 + 0.54 * math.sqrt(C / largest["channels"])
            dx, dy = 0.8 * thick, 0.5 * thick
            top = [(0, h), (w, h), (w + dx, h + dy), (dx, h + dy)]
            side = [(w, 0), (w + dx, dy), (w + dx, h + dy), (w, h)]
            self.polygons, self.strengths = [top, side, rectangle(0, 0, w, h)], [0.15, 0.6, 0.3]
        else:
            length = max(0.3, (3 if upwards else 1.25) * math.sqrt(shape[0] / largest["features"]))
            self.polygons = [rectangle(0, 0, length, 0.16) if upwards else rectangle(0, 0, 0.16, length)]
        self.colours = [tint(GREY if name == "input" else colour, strength) for strength in self.strengths]
        xs, ys = zip(*(point for polygon in self.polygons for point in polygon))
        self.width, self.height = max(xs), max(ys)
        self.text_width = max(text_size(label, 10)[0], text_size(self.size, 9)[0])
        self.label_height = text_size(label, 10)[1]

    def draw(self, axis, x, y):
        """Draw the polygons with their middle at (x, y)."""
        x, y = x - self.width / 2, y - self.height / 2
        moved = [[(x + px, y + py) for px, py in polygon] for polygon in self.polygons]
        axis.add_collection(
            PolyCollection(moved, facecolors=self.colours, edgecolors=INK, linewidths=0.8, gid=f"part:{self.name}"),
            autolim=False,
        )


def rectangle(x, y, width, height):
    """The corners of a rectangle with its lower left corner at (x, y)."""
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def draw_rows(glyphs, title):
    """Left to right in as few rows as fit, label above and size below."""

    def place(row):
        centres = [0.0]
        for a, b in zip(row, row[1:]):
            centres.append(centres[-1] + max((a.width + b.width) / 2 + 0.36, (a.text_width + b.text_width) / 2 + 0.14))
        left = min(x - max(g.width, g.text_width) / 2 for g, x in zip(row, centres))
        right = max(x + max(g.width, g.text_width) / 2 for g, x in zip(row, centres))
        return [x - left for x in centres], right - left

    for count in range(1, len(glyphs) + 1):
        each = math.ceil(len(glyphs) / count)
        rows = [glyphs[i : i + each] for i in range(0, len(glyphs), each)]
        placed = [place(row) for row in rows]
        if max(width for _, width in placed) <= WIDEST - 2 * MARGIN - 0.4 * (count > 1):
            break
    half = max(g.height for g in glyphs) / 2
    above, below = half + 0.1 + max(g.label_height for g in glyphs), half + 0.1 + 0.17
    pitch, widest = above + below + 0.3, max(width for _, width in placed)
    turn = 0.2 * (len(rows) > 1)
    axis = blank_figure(-turn, -below - pitch * (len(rows) - 1), widest + turn, above, title)
    before = None
    for i, (row, (centres, width)) in enumerate(zip(rows, placed)):
        y = -pitch * i
        for glyph, x in zip(row, centres):
            glyph.draw(axis, x, y)
            write(axis, x, y + half + 0.08, glyph.label, 10, va="bottom")
            write(axis, x, y - half - 0.08, glyph.size, 9, va="top")
            start = (x - glyph.width / 2 - 0.05, y)
            if before:
                name, end, edge = before
                path = [end, start]
                if end[1] != y:  # around the end of the row above
                    middle = y + above + 0.15
                    path = [end, (edge, end[1]), (edge, middle), (-turn, middle), (-turn, y), start]
                draw_arrow(axis, path, f"{name}->{glyph.name}")
            before = glyph.name, (x + glyph.width / 2 + 0.05, y), width + turn


def draw_column(glyphs, title):
    """Upwards, label on the left and size on the right."""
    side = max(g.width for g in glyphs) / 2 + 0.15
    left = side + max(text_size(g.label, 10)[0] for g in glyphs)
    right = side + max(text_size(g.size, 9)[0] for g in glyphs)
    heights = [max(g.height, g.label_height) for g in glyphs]
    axis = blank_figure(-left, 0, right, sum(heights) + 0.28 * (len(glyphs) - 1), title)
    y, before = 0, None
    for glyph, height in zip(glyphs, heights):
        middle = y + height / 2
        glyph.draw(axis, 0, middle)
        write(axis, -side, middle, glyph.label, 10, ha="right")
        write(axis, side, middle, glyph.size, 9, ha="left")
        if before:
            draw_arrow(axis, [(0, before[1]), (0, middle - glyph.height / 2 - 0.03)], f"{before[0]}->{glyph.name}")
        before = glyph.name, middle + glyph.height / 2 + 0.03
        y += height + 0.28


# --------------------------------------------------------------------------------------------------- one block


@styled
def draw_flow(boxes, arrows, title=""):
    """Boxes on a grid, joined by arrows: one block of a network, data flowing downwards.

    `boxes` maps a key to (text, column, row) or (text, column, row, kind). Row 0 is at the top; fractions are welcome.
    Kinds: "layer" (filled), "data" (rounded, white), "sum" (a small circle: "+", "×", "σ"), "loss" (filled, dashed),
    "note" (grey text). Columns and rows move apart until nothing overlaps. `arrows` lists (from, to), (from, to,
    label) or (from, to, label, bend): straight where the boxes face each other, else with an elbow. A `bend` leads the
    arrow around by so many columns to the right (negative: left), or, within a row, by so many rows downwards. A
    layer or loss that unbent arrows reach from several columns grows to span them all. Raises ValueError for an
    unknown key or kind, for two boxes at one place, for an arrow across a third box, and for more than 11 inches.
    """
    boxes = {key: Box(*box) for key, box in boxes.items()}
    arrows = [Arrow(*arrow) for arrow in arrows]
    check_flow(boxes, arrows)
    rects, routes, labels, size = lay_out(boxes, arrows)
    for arrow, route in zip(arrows, routes):
        for key, rect in rects.items():
            if key not in (arrow.source, arrow.target) and any(overlap(rect, s, -0.02) for s in segments(route)):
                raise ValueError(f"the arrow {arrow.source!r} -> {arrow.target!r} would cross {key!r}: give it a bend")
    everything = [*rects.values(), *labels.values(), *(s for route in routes for s in segments(route))]
    axis = blank_figure(*(f(rect[i] for rect in everything) for i, f in enumerate((min, min, max, max))), title)
    for arrow, route in zip(arrows, routes):
        draw_arrow(axis, route, f"{arrow.source}->{arrow.target}")
    for i, (left, bottom, _, top) in labels.items():
        write(axis, left + 0.03, (bottom + top) / 2, arrows[i].label, 9, ha="left", colour=GREY)
    for key, (left, bottom, right, top) in rects.items():
        text, kind = boxes[key].text, boxes[key].kind
        x, y, gid = (left + right) / 2, (bottom + top) / 2, f"box:{key}"
        if kind == "note":
            write(axis, x, y, text, size - 1, colour=GREY, gid=gid)
            continue
        fill, edge, rounding, line = KINDS[kind]
        options = dict(facecolor=fill, edgecolor=edge, linestyle=line, linewidth=1.3, zorder=3, gid=gid)
        if kind == "sum":
            axis.add_patch(Circle((x, y), (right - left) / 2, **options))
        else:
            shape = f"round,pad=0,rounding_size={rounding}"
            axis.add_patch(FancyBboxPatch((left, bottom), right - left, top - bottom, boxstyle=shape, **options))
        write(axis, x, y, text, size, zorder=4)


def check_flow(boxes, arrows):
    """Raise ValueError for an unknown kind or key, for two boxes at one place, and for an arrow to its own source."""
    places = {}
    for key, box in boxes.items():
        if box.kind not in KINDS:
            raise ValueError(f"box {key!r} is of the kind {box.kind!r}; expected one of {', '.join(KINDS)}")
        other = places.setdefault((box.column, box.row), key)
        if other != key:
            raise ValueError(f"boxes {other!r} and {key!r} are both at column {box.column}, row {box.row}")
    for arrow in arrows:
        for key in (arrow.source, arrow.target):
            if key not in boxes:
                raise ValueError(f"an arrow names the box {key!r}; expected one of {', '.join(boxes)}")
        if arrow.source == arrow.target:
            raise ValueError(f"an arrow leads from {arrow.source!r} to itself; expected two boxes")


def lay_out(boxes, arrows):
    """Rectangles of the boxes, routes of the arrows, rectangles of the labels, and the size of the font.

    Columns and rows are moved apart step by step until nothing is crowded; the font shrinks if it gets too wide.
    """
    for size in (11, 10, 9):
        across = down = 0.5  # inches between two columns and between two rows
        while across < WIDEST:
            rects = place_boxes(boxes, arrows, across, down, size)
            routes = [route(arrow, boxes, arrows, rects, across, down) for arrow in arrows]
            labels = {i: label_rect(a, r) for i, (a, r) in enumerate(zip(arrows, routes)) if a.label}
            edges = [rect for rect in [*rects.values(), *labels.values()]]
            edges += [s for r in routes for s in segments(r)]
            if max(rect[2] for rect in edges) - min(rect[0] for rect in edges) > WIDEST - 2 * MARGIN:
                break
            sideways, upright = crowded(boxes, arrows, rects, routes, labels)
            if not sideways and not upright:
                return rects, routes, labels, size
            across, down = across + 0.05 * sideways, down + 0.05 * (upright and not sideways)
    raise ValueError(f"the boxes need more than {WIDEST:g} inches in width: expected shorter texts or fewer columns")


def place_boxes(boxes, arrows, across, down, size):
    """{key: (left, bottom, right, top)} in inches."""
    sizes = {}
    for key, box in boxes.items():
        width, height = text_size(box.text, size - (box.kind == "note"))
        if box.kind == "sum":
            width = height = max(0.3, width + 0.12, height + 0.08)
        elif box.kind != "note":
            width, height = max(width + 0.24, 0.42), height + 0.16
        sizes[key] = width, height
    rects = {}
    for key, (_, column, row, kind) in boxes.items():
        width, height = sizes[key]
        if kind == "layer":  # as wide as the widest of its column
            width = max(sizes[k][0] for k, box in boxes.items() if (box.column, box.kind) == (column, kind))
        x, y = column * across, -row * down
        rects[key] = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        columns = {boxes[a.source].column for a in unbent_to(key, arrows) if boxes[a.source].row != row}
        if kind in ("layer", "loss") and len(columns) > 1:
            left, right = min(columns) * across - 0.25, max(columns) * across + 0.25
            rects[key] = min(left, x - width / 2), y - height / 2, max(right, x + width / 2), y + height / 2
    return rects


def unbent_to(key, arrows):
    return [arrow for arrow in arrows if arrow.target == key and not arrow.bend]


def crowded(boxes, arrows, rects, routes, labels):
    """Whether columns are too close to each other, and whether rows are."""
    joined = {frozenset(a[:2]): text_size(a.label, 9)[0] + 0.1 * bool(a.label) for a in arrows if not a.bend}
    sideways = upright = False
    keys = list(boxes)
    for i, a in enumerate(keys):
        for b in keys[:i]:
            gap = 0.08 if "note" in (boxes[a].kind, boxes[b].kind) else 0.3
            if abs(boxes[a].row - boxes[b].row) < 0.5:
                beside = max(gap, 0.36 + joined.get(frozenset((a, b)), -1))
                sideways |= max(rects[a][0] - rects[b][2], rects[b][0] - rects[a][2]) < beside - 1e-6
            else:
                upright |= overlap(grown(rects[a], 0.03, gap), rects[b])
    for i, (arrow, points) in enumerate(zip(arrows, routes)):
        if arrow.bend and len(points) == 4:
            line = grown(segments(points)[1], 0.15, 0)
            sideways |= any(overlap(line, rect) for rect in rects.values())
        if i in labels:
            others = [*rects.values(), *(rect for j, rect in labels.items() if j != i)]
            sideways |= any(overlap(labels[i], rect) for rect in others)
    return sideways, upright


def route(arrow, boxes, arrows, rects, across, down):
    """The points of an arrow, from the border of one box to the border of another."""
    (a_key, b_key), bend = arrow[:2], arrow.bend
    a, b = rects[a_key], rects[b_key]
    (ax, ay), (bx, by) = middle(a), middle(b)
    if bend and boxes[a_key].row == boxes[b_key].row:
        y = ay - bend * down
        edge = 1 if bend > 0 else 3
        return [(ax, a[edge]), (ax, y), (bx, y), (bx, b[edge])]
    if bend:
        columns = boxes[a_key].column, boxes[b_key].column
        x = ((max if bend > 0 else min)(columns) + bend) * across
        edge = 2 if bend > 0 else 0
        return [(a[edge], ay), (x, ay), (x, by), (b[edge], by)]
    below, right = by < ay, bx > ax
    round_a, round_b = (boxes[key].kind == "sum" for key in (a_key, b_key))
    start, end = (a[1], b[3]) if below else (a[3], b[1])
    x = facing(a[0], a[2], round_a, b[0], b[2], round_b)
    if x is not None:
        return [(x, start), (x, end)]
    beside = (a[2], b[0]) if right else (a[0], b[2])
    y = facing(a[1], a[3], round_a, b[1], b[3], round_b)
    if y is not None:
        return [(beside[0], y), (beside[1], y)]
    if round_b:  # into its side
        return [(ax, start), (ax, by), (beside[1], by)]
    gathers = len(unbent_to(b_key, arrows)) > 1  # then arrows meet above it, else they part below their source
    row = boxes[b_key if gathers else a_key].row
    level = [rect for key, rect in rects.items() if abs(boxes[key].row - row) < 0.5]
    if gathers == below:
        y = max(rect[3] for rect in level) + 0.17
    else:
        y = min(rect[1] for rect in level) - 0.17
    return [(ax, start), (ax, y), (bx, y), (bx, end)]


def facing(a0, a1, a_round, b0, b1, b_round):
    """Where a straight line meets the sides a0…a1 and b0…b1, at the middle of the shorter if possible; None if nowhere.

    A circle is met at its middle alone.
    """
    spans = []
    for low, high, is_round in ((a0, a1, a_round), (b0, b1, b_round)):
        spans.append(((low + high) / 2,) * 2 if is_round else (low + 0.08, high - 0.08))
    for low, high in sorted(spans, key=lambda span: span[1] - span[0]):
        x = (low + high) / 2
        if all(low - 1e-6 <= x <= high + 1e-6 for low, high in spans):
            return x
    return None


def label_rect(arrow, points):
    """The place of an arrow's label beside the longest part of its line: above, or on the right (left of a left bend)."""
    longest = max(segments(points), key=lambda s: s[2] - s[0] + s[3] - s[1])
    if arrow.bend and len(points) == 4:
        longest = segments(points)[1]
    width, height = text_size(arrow.label, 9)
    (x, y), width = middle(longest), width + 0.06
    if longest[2] - longest[0] > longest[3] - longest[1]:
        return x - width / 2, y + 0.03, x + width / 2, y + 0.03 + height
    x = x - 0.05 - width if arrow.bend < 0 else x + 0.05
    return x, y - height / 2, x + width, y + height / 2


def middle(rect):
    return (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2


def grown(rect, x, y):
    return rect[0] - x, rect[1] - y, rect[2] + x, rect[3] + y


def overlap(a, b, gap=0.0):
    """Whether two rectangles come closer to each other than `gap` in both directions."""
    return max(a[0] - b[2], b[0] - a[2]) < gap - 1e-6 and max(a[1] - b[3], b[1] - a[3]) < gap - 1e-6


def segments(points):
    """The parts of a line as rectangles without width."""
    return [(min(a, c), min(b, d), max(a, c), max(b, d)) for (a, b), (c, d) in zip(points, points[1:])]
