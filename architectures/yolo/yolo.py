"""YOLO: Redmon, Divvala, Girshick & Farhadi, "You Only Look Once: Unified, Real-Time Object Detection", CVPR 2016.

Paper: https://arxiv.org/abs/1506.02640

    YOLOv1(num_classes)                          Figure 3, with 24 convolutions, or the fast form with nine
    SmallYOLO(num_classes)                       a small backbone with a convolutional head, for images of many sizes
    encode, decode_targets                       boxes to grid cells and back
    yolo_loss                                    the five parts of equation 3
    detect, nms                                  from outputs to boxes with scores; non-maximum suppression
    mean_average_precision, error_types          how good the detections are
    yolo_bccd()                                  a small net, trained on blood cells, from weights/

Boxes are corners (x1, y1, x2, y2), relative to the image: 0 is its left or upper border, 1 its right or lower one. With
S x S grid cells, B boxes a cell and C classes, a network answers (N, S, S, 5 B + C): B times x, y, √w, √h and the
confidence, then the classes. x and y are relative to the cell, w and h to the image (section 2). This file needs torch
and the standard library alone: copy it into your own project as it is.
"""

import math
from collections import Counter
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

FULL = (  # (kernel, channels, stride) of each convolution of Figure 3
    ((7, 64, 2), "pool", (3, 192, 1), "pool", (1, 128, 1), (3, 256, 1), (1, 256, 1), (3, 512, 1), "pool")
    + 4 * ((1, 256, 1), (3, 512, 1))
    + ((1, 512, 1), (3, 1024, 1), "pool")
    + 2 * ((1, 512, 1), (3, 1024, 1))
    + ((3, 1024, 1), (3, 1024, 2), (3, 1024, 1), (3, 1024, 1))
)
FAST = (  # the paper says "9 instead of 24 and fewer filters"; these are the ones that the authors released
    *(part for channels in (16, 32, 64, 128, 256, 512) for part in ((3, channels, 1), "pool")),
    *((3, 1024, 1),) * 3,
)
FORMS = {"full": (FULL, (4096,)), "fast": (FAST, (256, 4096))}  # convolutions; fully connected layers but the last


class YOLOv1(nn.Module):
    """The network of Figure 3: images (N, 3, 64 S, 64 S) -> (N, S, S, 5 B + C), linear.

    form        "full": 24 convolutions; "fast": nine (section 2)
    batch_norm  a batch norm behind each convolution, which then has no bias; the paper has none, its published code has
    dropout     after the last hidden fully connected layer (section 2.2)

    271,703,550 parameters with the defaults. Raises ValueError for an unknown form, for sizes below 1, and for images
    of another shape: the fully connected layers take one size alone, 448 with S = 7.
    """

    def __init__(self, num_classes=20, S=7, B=2, form="full", batch_norm=False, dropout=0.5):
        super().__init__()
        check_sizes(num_classes=num_classes, S=S, B=B)
        if form not in FORMS:
            raise ValueError(f'form is {form!r}; expected "full" or "fast"')
        plan, hidden = FORMS[form]
        self.num_classes, self.S, self.B = num_classes, S, B
        self.backbone, channels = convolutions(plan, batch_norm)
        layers, features = [nn.Flatten()], channels * S * S
        for width in hidden:  # the fast form's 256 features stay linear, as in the authors' yolo-tiny.cfg
            layers.append(nn.Linear(features, width))
            features = width
        layers += [nn.LeakyReLU(0.1, inplace=True), nn.Dropout(dropout)]
        self.head = nn.Sequential(*layers, nn.Linear(features, S * S * (5 * B + num_classes)))
        self.apply(he_initialise)

    def forward(self, x):
        side = 64 * self.S
        if x.ndim != 4 or x.shape[1:] != (3, side, side):
            raise ValueError(f"input has shape {tuple(x.shape)}; expected (N, 3, {side}, {side})")
        return self.head(self.backbone(x)).unflatten(1, (self.S, self.S, -1))


class SmallYOLO(nn.Module):
    """Fourteen convolutions with batch norm, and a 1x1 convolution as the head: (N, 3, H, H) -> (N, S, S, 5 B + C).

    width   channels of the first convolution; they double at each halving of the resolution
    stride  pixels of the image in a grid cell, 16 or 32: S = H / stride, whatever H is. 32 pools once more

    1,234,413 parameters for three classes. Raises ValueError for sizes below 1, another stride, and images whose sides
    differ or are no multiple of the stride.
    """

    def __init__(self, num_classes, B=2, width=32, stride=16):
        super().__init__()
        check_sizes(num_classes=num_classes, B=B, width=width)
        if stride not in (16, 32):
            raise ValueError(f"stride is {stride}; expected 16 or 32")
        self.num_classes, self.B, self.stride = num_classes, B, stride
        w = width
        plan = ((3, w, 2), (3, 2 * w, 2), (1, w, 1), (3, 2 * w, 1), (3, 4 * w, 2))
        plan += 2 * ((1, 2 * w, 1), (3, 4 * w, 1)) + ((3, 8 * w, 2),)
        plan += ("pool",) * (stride == 32) + 2 * ((1, 4 * w, 1), (3, 8 * w, 1))
        self.backbone, channels = convolutions(plan, batch_norm=True)
        self.head = nn.Conv2d(channels, 5 * B + num_classes, kernel_size=1)
        self.apply(he_initialise)
        nn.init.normal_(self.head.weight, std=0.01)  # the first answers are near 0, which is right for most cells

    def forward(self, x):
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] != x.shape[3] or x.shape[2] % self.stride or not x.shape[2]:
            raise ValueError(
                f"input has shape {tuple(x.shape)}; expected (N, 3, H, H) with H a multiple of {self.stride}"
            )
        return self.head(self.backbone(x)).permute(0, 2, 3, 1)  # (N, S, S, 5 B + C)


def convolutions(plan, batch_norm):
    """The layers of a plan, each convolution with a leaky ReLU; and the channels that come out."""
    layers, channels = [], 3
    for part in plan:
        if part == "pool":
            layers.append(nn.MaxPool2d(2))
            continue
        kernel, width, stride = part
        layers.append(nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=not batch_norm))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.LeakyReLU(0.1, inplace=True))
        channels = width
    return nn.Sequential(*layers), channels


def he_initialise(module):
    """Kaiming's weight initialisation for convolutions with a leaky ReLU, biases 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=0.1)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def check_sizes(**sizes):
    """Raise ValueError for a size below 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name} is {size}; expected 1 or more")


# Boxes and grid cells (section 2)


def box_iou(a, b):
    """Intersection over union of boxes (..., 4) and (..., 4), one by one, with broadcasting: (...).

    For all pairs write box_iou(a[:, None], b). It is 0 where neither box has an area.
    """
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.unbind(dim=-1), b.unbind(dim=-1)
    width, height = torch.minimum(ax2, bx2) - torch.maximum(ax1, bx1), torch.minimum(ay2, by2) - torch.maximum(ay1, by1)
    common = width.clamp(min=0) * height.clamp(min=0)
    areas = [(x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0) for x1, y1, x2, y2 in (a.unbind(-1), b.unbind(-1))]
    return common / (areas[0] + areas[1] - common).clamp(min=1e-12)


def check_boxes(boxes, labels, num_classes):
    """Raise ValueError for boxes (N, M, 4) with labels (N, M) that cannot be encoded; label -1 stands for no box."""
    if boxes.ndim != 3 or boxes.shape[2] != 4 or labels.shape != boxes.shape[:2]:
        raise ValueError(
            f"boxes have shape {tuple(boxes.shape)}, labels {tuple(labels.shape)}; expected (N, M, 4) and (N, M)"
        )
    there = labels >= 0
    outside = ~((boxes >= 0) & (boxes <= 1)).all(dim=2) & there
    flat = ~(boxes[..., 2:] > boxes[..., :2]).all(dim=2) & there
    unknown = (labels < -1) | (labels >= num_classes)
    wrong = outside | flat | unknown
    if not wrong.any():
        return
    image, place = wrong.nonzero()[0].tolist()
    box, label = [round(value, 4) for value in boxes[image, place].tolist()], labels[image, place].item()
    if unknown[image, place]:
        raise ValueError(f"box {place} of image {image} has the label {label}; expected 0 to {num_classes - 1}, or -1")
    if outside[image, place]:
        raise ValueError(
            f"box {place} of image {image} is {box}; expected corners inside the image, between 0 and 1: divide "
            "pixels by the image's width and height"
        )
    raise ValueError(f"box {place} of image {image} is {box}; expected x1 < x2 and y1 < y2")


def encode(boxes, labels, S, num_classes):
    """The ground truth as a grid: boxes (N, M, 4), labels (N, M) -> targets (N, S, S, 5 + C).

    The cell in which a box's centre lies is responsible for it. It gets x and y of the centre relative to the cell, w
    and h relative to the image, a 1, and the class as a one-hot vector; all others get zeros. Of several objects in one
    cell the first is kept: a cell has one class, and one target. Label -1 stands for no box, so that images with few
    boxes, or none, fit into a batch. Raises ValueError for boxes outside the image, without area, or of an unknown
    class.
    """
    check_boxes(boxes, labels, num_classes)
    N, M, _ = boxes.shape
    centre, size = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    cell = (S * centre).long().clamp(max=S - 1)  # (N, M, 2): column, row
    one_hot = F.one_hot(labels.clamp(min=0), num_classes).to(boxes.dtype)
    values = torch.cat([S * centre - cell, size, torch.ones_like(size[..., :1]), one_hot], dim=2)
    values = torch.cat([values, values.new_zeros(N, 1, 5 + num_classes)], dim=1)  # number M: no object
    place = torch.where(labels < 0, S * S, S * cell[..., 1] + cell[..., 0])  # one cell more, for what is no box
    numbers = torch.arange(M, device=boxes.device).expand(N, M)
    owner = torch.full((N, S * S + 1), M, device=boxes.device).scatter_reduce(1, place, numbers, "amin")[:, :-1]
    return values.gather(1, owner[..., None].expand(-1, -1, 5 + num_classes)).view(N, S, S, 5 + num_classes)


def decode_targets(targets):
    """The inverse of `encode`: (N, S, S, 5 + C) -> a pair (boxes (M, 4), labels (M,)) for each image, cell by cell."""
    boxes = to_corners(targets[..., None, :4])[..., 0, :]
    return [(b[t[..., 4] == 1], t[t[..., 4] == 1][:, 5:].argmax(dim=1)) for b, t in zip(boxes, targets)]


def to_corners(boxes):
    """x, y relative to the cell and w, h relative to the image -> corners: (N, S, S, B, 4) each."""
    S = boxes.shape[1]
    cells = torch.arange(S, device=boxes.device)
    x, y = (boxes[..., 0] + cells.view(1, 1, S, 1)) / S, (boxes[..., 1] + cells.view(1, S, 1, 1)) / S
    w, h = boxes[..., 2] / 2, boxes[..., 3] / 2
    return torch.stack([x - w, y - h, x + w, y + h], dim=-1)


def split_outputs(outputs, B):
    """Outputs (N, S, S, 5 B + C) -> coordinates (N, S, S, B, 4), confidences (N, S, S, B), classes (N, S, S, C)."""
    boxes = outputs[..., : 5 * B].unflatten(-1, (B, 5))
    return boxes[..., :4], boxes[..., 4], outputs[..., 5 * B :]


def predicted_boxes(coordinates, root=True):
    """The corners that a network's coordinates (N, S, S, B, 4) mean; √w and √h are squared where `root`."""
    size = coordinates[..., 2:].square() if root else coordinates[..., 2:].clamp(min=0)
    return to_corners(torch.cat([coordinates[..., :2], size], dim=-1))


# The loss (section 2.2, equation 3)


def yolo_loss(outputs, targets, B=2, lambda_coord=5.0, lambda_noobj=0.5, root=True):
    """Equation 3 as a mean over the images: outputs (N, S, S, 5 B + C), targets of `encode` -> (loss, its five parts).

    Of a cell's B boxes the one with the highest IoU is responsible for the object. The parts, weights included, are
    squared errors: "xy" and "wh" of the responsible boxes; "object", their confidence against their IoU; "no_object",
    all other confidences against 0; "class", in the cells with an object. `root=False` takes w and h as they are, in
    place of their roots. Raises ValueError for outputs and targets that do not fit.
    """
    if outputs.shape[:3] != targets.shape[:3] or outputs.shape[3] - 5 * B != targets.shape[3] - 5:
        raise ValueError(
            f"outputs have shape {tuple(outputs.shape)}, targets {tuple(targets.shape)}; with B = {B} expected "
            f"outputs {(*targets.shape[:3], targets.shape[3] - 5 + 5 * B)}"
        )
    coordinates, confidence, classes = split_outputs(outputs.float(), B)
    truth, there = targets[..., None, :4], targets[..., 4]  # (N, S, S, 1, 4), (N, S, S)
    with torch.no_grad():
        overlaps = box_iou(predicted_boxes(coordinates, root), to_corners(truth))  # (N, S, S, B)
        best = overlaps.argmax(dim=-1, keepdim=True)
        responsible = torch.zeros_like(overlaps).scatter(-1, best, there[..., None])
    wanted = torch.cat([truth[..., :2], truth[..., 2:].sqrt()], dim=-1) if root else truth
    squares = (coordinates - wanted).square() * responsible[..., None]  # (N, S, S, B, 4)
    parts = {
        "xy": lambda_coord * squares[..., :2].sum(),
        "wh": lambda_coord * squares[..., 2:].sum(),
        "object": (responsible * (confidence - overlaps).square()).sum(),
        "no_object": lambda_noobj * ((1 - responsible) * confidence.square()).sum(),
        "class": (there[..., None] * (classes - targets[..., 5:]).square()).sum(),
    }
    parts = {name: part / max(len(outputs), 1) for name, part in parts.items()}
    return sum(parts.values()), parts


# Detection (section 2.3)


def nms(boxes, scores, overlap=0.5):
    """Non-maximum suppression: the numbers of the boxes (M, 4) that stay, best first.

    Take the best box, drop all that overlap it by an IoU of more than `overlap`, and go on with the rest.
    """
    rest, kept = scores.argsort(descending=True, stable=True), []
    while len(rest):
        best, rest = rest[0], rest[1:]
        kept.append(best)
        rest = rest[box_iou(boxes[best], boxes[rest]) <= overlap]
    return torch.stack(kept) if kept else rest


def suppress(boxes, labels, overlap=0.5):
    """`nms` of many images at once, class by class: boxes (N, K, 4), best first, labels (N, K) -> bool (N, K).

    A box stays if none that stays is better, of its class, and overlaps it. We start with all boxes and apply this rule
    until nothing changes. That is exact: what is decided about the first k boxes decides about the next.
    """
    rivals = (box_iou(boxes[:, :, None], boxes[:, None]) > overlap) & (labels[:, :, None] == labels[:, None])
    rivals = rivals.triu(diagonal=1)  # (N, K, K): the box of the row is better than that of the column
    keep = torch.ones_like(labels, dtype=torch.bool)
    while True:
        again = ~(rivals & keep[:, :, None]).any(dim=1)
        if torch.equal(again, keep):
            return keep
        keep = again


@torch.no_grad()
def detect(outputs, B=2, threshold=0.2, overlap=0.5, root=True):
    """Outputs (N, S, S, 5 B + C) -> for each image (boxes (K, 4), scores (K,), labels (K,)), best first.

    The score of a box for a class is the confidence times the class's probability (equation 1). Scores of at most
    `threshold` are dropped, and boxes cut to the image; then each class has its own non-maximum suppression, which
    `overlap=None` leaves out.
    """
    coordinates, confidence, classes = split_outputs(outputs.float(), B)
    N, C = len(outputs), classes.shape[-1]
    corners = predicted_boxes(coordinates, root).clamp(0, 1).flatten(1, 3)  # (N, S S B, 4)
    # linear outputs may be negative, and two such factors would make a score
    scores = (confidence.clamp(min=0)[..., None] * classes.clamp(min=0)[..., None, :]).flatten(1)
    image, place = (scores > threshold).nonzero().unbind(dim=1)
    scores = scores[image, place]
    order = scores.argsort(descending=True, stable=True)
    order = order[image[order].argsort(stable=True)]  # image by image, the best first
    image, place, scores = image[order], place[order], scores[order]
    labels, counts = place % C, torch.bincount(image, minlength=N)
    boxes, counts_list = corners[image, place // C], counts.tolist()
    if overlap is not None and len(boxes):
        kept = suppress_in_groups(boxes, labels, image, counts, max(counts_list), overlap)
        boxes, scores, labels = boxes[kept], scores[kept], labels[kept]
        counts_list = torch.bincount(image[kept], minlength=N).tolist()
    return list(zip(*(values.split(counts_list) for values in (boxes, scores, labels))))


def suppress_in_groups(boxes, labels, image, counts, K, overlap):
    """`suppress` for boxes (T, 4) listed image by image, at most K an image: bool (T,). Some images at a time."""
    rank = torch.arange(len(boxes), device=boxes.device) - (counts.cumsum(0) - counts)[image]
    padded = boxes.new_zeros(len(counts), K, 4)
    names = labels.new_full((len(counts), K), -1)
    padded[image, rank], names[image, rank] = boxes, labels
    at_once = max(1, 200_000 // K**2)  # images, so that their pairs of boxes fit into the cache
    keep = [suppress(*part, overlap) for part in zip(padded.split(at_once), names.split(at_once))]
    return torch.cat(keep)[image, rank]


# Evaluation


def match(detection, truth, iou=0.5):
    """Which detections of one image are correct: (boxes, scores, labels) and (boxes, labels) -> bool (K,).

    As in PASCAL VOC: each looks for the true box of its class with the highest IoU. It is correct if that is at least
    `iou`, and if no better detection has claimed this box.
    """
    (boxes, scores, labels), (true_boxes, true_labels) = detection, truth
    correct = torch.zeros(len(scores), dtype=torch.bool)
    if not len(true_labels) or not len(scores):
        return correct
    overlaps = box_iou(boxes[:, None], true_boxes) * (labels[:, None] == true_labels)
    best, which = (values.tolist() for values in overlaps.max(dim=1))
    claimed = set()
    for i in scores.argsort(descending=True, stable=True).tolist():
        if best[i] >= iou and which[i] not in claimed:
            correct[i] = True
            claimed.add(which[i])
    return correct


def precision_recall(scores, correct, count):
    """Precision and recall (float64) when the best 1, 2, 3, … detections count; there are `count` true boxes."""
    hits = correct[scores.argsort(descending=True, stable=True)].double().cumsum(0)
    return hits / torch.arange(1, len(hits) + 1), hits / count


def average_precision(precision, recall, points=None):
    """The area under a precision-recall curve, its precision made to fall monotonically, as in PASCAL VOC.

    `points` None takes the whole area (VOC since 2010), 11 the mean at the recalls 0, 0.1, … 1 (VOC 2007).
    """
    envelope = precision.flip(0).cummax(0).values.flip(0)  # the best precision at this recall or a higher one
    if points is None:
        return (recall.diff(prepend=recall.new_zeros(1)) * envelope).sum().item()
    levels = torch.linspace(0, 1, points, dtype=recall.dtype)
    reached = torch.searchsorted(recall, levels - 1e-9)  # where the recall first arrives at each level
    return torch.cat([envelope, envelope.new_zeros(1)])[reached].mean().item()


def mean_average_precision(detections, truths, num_classes, iou=0.5, points=None):
    """mAP, and the average precision of each class: detections of `detect` and (boxes, labels), one for each image.

    A class without a true box has nan, and does not count. Detections should go down to low scores: a threshold cuts
    the curve off. Raises ValueError where there are not as many detections as truths.
    """
    scores, correct, labels = collect(detections, truths, iou)
    counts = torch.bincount(torch.cat([labels for _, labels in truths]).cpu(), minlength=num_classes).tolist()
    values = []
    for c, count in enumerate(counts):
        own = labels == c
        values.append(
            average_precision(*precision_recall(scores[own], correct[own], count), points) if count else math.nan
        )
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan, values


def collect(detections, truths, iou=0.5):
    """The scores, the correctness and the labels of the detections of all images, (K,) each, on the CPU."""
    if len(detections) != len(truths):
        raise ValueError(f"there are detections for {len(detections)} images and truths for {len(truths)}")
    correct = [match(*pair, iou) for pair in zip(detections, truths)]
    scores, labels = (torch.cat([detection[i] for detection in detections]).cpu() for i in (1, 2))
    return scores, torch.cat(correct), labels


def error_types(detections, truths, num_classes):
    """Section 4.2: the best detections of each class, as many as it has true boxes, counted by kind.

    Returns a Counter for each class: "correct" (right class, IoU of at least 0.5, and no better detection of that
    object), "localisation" (right class, IoU over 0.1, duplicates too), "class" (another class's object, IoU over 0.1;
    the paper splits these into similar and other) and "background".
    """
    scores, correct, labels = collect(detections, truths)
    same, other = [], []
    for (boxes, _, own), (true_boxes, true_labels) in zip(detections, truths):
        overlaps, equal = box_iou(boxes[:, None], true_boxes), own[:, None] == true_labels
        zero = overlaps.new_zeros(len(boxes), 1)  # an image without an object
        same.append(torch.cat([overlaps * equal, zero], dim=1).amax(dim=1))
        other.append(torch.cat([overlaps * ~equal, zero], dim=1).amax(dim=1))
    same, other = torch.cat(same).cpu(), torch.cat(other).cpu()
    counts = torch.bincount(torch.cat([labels for _, labels in truths]).cpu(), minlength=num_classes)
    result = []
    for c, count in enumerate(counts.tolist()):
        own = (labels == c).nonzero().flatten()
        best = own[scores[own].argsort(descending=True, stable=True)][:count]
        kinds = torch.where(other[best] > 0.1, 2, 3)
        kinds = torch.where(same[best] > 0.1, 1, kinds)
        kinds = torch.where(correct[best], 0, kinds)
        result.append(Counter([("correct", "localisation", "class", "background")[kind] for kind in kinds.tolist()]))
    return result


def yolo_bccd():
    """A SmallYOLO, trained on the blood cells of BCCD by `YOLO.ipynb`, in eval mode, and what to know about it.

    Returns (model, about): `about` tells the data, its classes, mean and standard deviation, the images' side in
    pixels, the threshold that was chosen, the mAP on the test split, and where it was made. Raises FileNotFoundError
    where the file weights/yolo_bccd.pt is missing.
    """
    path = Path(__file__).with_name("weights") / "yolo_bccd.pt"
    about = torch.load(path, map_location="cpu", weights_only=True)
    model = SmallYOLO(**about["settings"])
    model.load_state_dict(about.pop("model"))
    return model.eval(), about
