"""`shapes`: small drawn colour images of ten classes, with one shape or several, for runs without a network."""

import numpy as np

CLASSES = ("disc", "ring", "square", "frame", "triangle", "diamond", "plus", "cross", "bars", "checkers")
SIZE = 32  # pixels a side, as in CIFAR-10


def make_shapes(count, seed=0):
    """`count` images, uint8 (count, 32, 32, 3), and their labels, uint8 (count,), the classes in random order.

    Position, size, rotation, both colours, brightness gradient, a distracting blob and noise vary from image to
    image. The same (count, seed) gives the same images again.
    """
    return make_shapes_and_masks(count, seed)[:2]


def make_shapes_and_masks(count, seed=0):
    """The images and labels of `make_shapes`, and which pixels belong to the shape: uint8 (count, 32, 32), 1 inside."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % len(CLASSES)).astype(np.uint8)
    images, masks = np.empty((count, SIZE, SIZE, 3), np.uint8), np.empty((count, SIZE, SIZE), np.uint8)
    for start in range(0, count, 500):  # in blocks, to bound the memory
        block = slice(start, start + 500)
        images[block], masks[block] = draw(labels[block], rng)
    return images, labels, masks


def make_scenes(count, seed=0, size=64, most=6):
    """Several shapes in each image: images, uint8 (count, size, size, 3), boxes and labels of the shapes.

    An image has room for `most` shapes, each of which is there with probability 3/4, unless it would hide more than a
    tenth of what is visible of an earlier one, or its centre would lie at the border. boxes: float32 (count, most, 4),
    in pixels, the smallest x1, y1, x2, y2 around what is visible of a shape; labels: int64 (count, most), -1 where
    there is none (and the box is zeros). The same arguments give the same images again.
    """
    rng = np.random.default_rng(seed)
    grid = np.arange(size, dtype=np.float32) - (size - 1) / 2
    images = np.empty((count, size, size, 3), np.uint8)
    boxes, labels = np.zeros((count, most, 4), np.float32), np.full((count, most), -1, np.int64)
    for i in range(count):
        background = rng.uniform(40, 215, 3)
        slope = rng.uniform(-0.4, 0.4, 2) / size
        image = background * (1 + slope[0] * grid[None, :, None] + slope[1] * grid[:, None, None])
        owner = np.full((size, size), -1)  # which shape a pixel shows
        for k in range(most):
            label, wanted = rng.integers(len(CLASSES)), rng.random() < 0.75
            (x, y), angle = rng.uniform(-size / 2, size / 2, 2), rng.uniform(-0.35, 0.35)
            radius, colour = size * rng.uniform(0.08, 0.2), rng.uniform(0, 255, 3)
            if np.abs(background - colour).max() < 60:
                colour = (background + 128) % 256
            across, down = (grid[None, :] - x) / radius, (grid[:, None] - y) / radius
            u, v = np.cos(angle) * across + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * across
            mask = inside(label, u, v)
            there, counts = np.unique(owner[mask], return_counts=True)
            hides = any(n > 0.1 * (owner == j).sum() for j, n in zip(there, counts) if j >= 0)
            fits = mask.any() and max(abs(x), abs(y)) < size / 2 - 0.2 * radius  # a tiny shape can miss every pixel
            if wanted and fits and not hides:
                owner[mask], labels[i, k] = k, label
                image = np.where(mask[..., None], colour, image)
        for k in np.flatnonzero(labels[i] >= 0):
            rows, columns = np.nonzero(owner == k)
            boxes[i, k] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        image = image + rng.uniform(5, 20) * rng.standard_normal(image.shape)
        images[i] = np.clip(np.rint(image), 0, 255)
    return images, boxes, labels


def draw(labels, rng):
    """One block of images, uint8 (n, 32, 32, 3), for `labels` (n,), and their masks, bool (n, 32, 32)."""
    n = len(labels)
    grid = np.arange(SIZE, dtype=np.float32) - (SIZE - 1) / 2

    def vary(low, high, *shape):
        return rng.uniform(low, high, (n, *(shape or (1, 1)))).astype(np.float32)

    x, y = grid[None, None, :] - vary(-5, 5), grid[None, :, None] - vary(-5, 5)
    angle, radius = vary(-0.35, 0.35), vary(6, 12)
    u = (np.cos(angle) * x + np.sin(angle) * y) / radius  # the shape's own axes: it fills [-1, 1] x [-1, 1]
    v = (np.cos(angle) * y - np.sin(angle) * x) / radius
    mask = np.zeros((n, SIZE, SIZE), bool)
    for label in range(len(CLASSES)):
        rows = labels == label
        mask[rows] = inside(label, u[rows], v[rows])

    slope = vary(-0.4, 0.4) * grid[None, None, :] / SIZE + vary(-0.4, 0.4) * grid[None, :, None] / SIZE
    background, colour = vary(40, 215, 1, 1, 3), vary(0, 255, 1, 1, 3)
    too_alike = np.abs(background - colour).max(axis=-1, keepdims=True) < 60
    colour = np.where(too_alike, (background + 128) % 256, colour)
    blob = (grid[None, None, :] - vary(-14, 14)) ** 2 + (grid[None, :, None] - vary(-14, 14)) ** 2 < vary(2, 5) ** 2
    image = background * (1 + slope[..., None])
    image = np.where(blob[..., None], vary(0, 255, 1, 1, 3), image)
    image = np.where(mask[..., None], colour, image)
    image += vary(5, 30)[..., None] * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), mask


def inside(label, u, v):
    """Which points (u, v) of a shape's own axes belong to it; u and v of the same shape, any."""
    largest, distance = np.maximum(np.abs(u), np.abs(v)), np.hypot(u, v)
    name = CLASSES[label]
    if name == "disc":
        return distance < 0.95
    if name == "ring":
        return (distance < 1) & (distance > 0.6)
    if name == "square":
        return largest < 0.85
    if name == "frame":
        return (largest < 0.9) & (largest > 0.55)
    if name == "triangle":
        return (v < 0.8) & (v > 2 * np.abs(u) - 1)
    if name == "diamond":
        return np.abs(u) + np.abs(v) < 1
    if name == "plus":
        return (np.minimum(np.abs(u), np.abs(v)) < 0.25) & (largest < 1)
    if name == "cross":
        return (np.abs(np.abs(u) - np.abs(v)) < 0.35) & (largest < 0.9)
    if name == "bars":
        return (np.abs(np.sin(1.5 * np.pi * v)) > 0.7) & (largest < 0.95)
    return ((np.floor(u * 2) + np.floor(v * 2)) % 2 == 0) & (largest < 1)
