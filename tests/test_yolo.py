"""YOLO: the paper's counts, grid cells and back, the loss by hand, NMS, mean average precision, boxes that move."""

import colorsys
import contextlib
import hashlib
import io
import math

import numpy as np
import pytest
import torch
import torchvision
from helpers import assert_he_initialised, assert_kept_net_loads, count, macs, on_meta, ran
from PIL import Image
from torch import nn

from architectures.yolo import cells as D
from architectures.yolo import yolo as Y
from utils.files import DataError, data_root
from utils.shapes import make_scenes


@pytest.mark.parametrize(
    ("options", "parameters", "layers"),
    [
        ({}, 271_703_550, 24),
        (dict(batch_norm=True), 271_716_734, 24),
        (dict(form="fast"), 45_089_374, 9),
        (dict(form="fast", batch_norm=True), 45_093_454, 9),
    ],
)
def test_the_paper_s_nets(options, parameters, layers):
    model = on_meta(Y.YOLOv1, **options)
    assert count(model) == parameters
    assert sum(isinstance(module, nn.Conv2d) for module in model.modules()) == layers
    assert model(torch.empty(2, 3, 448, 448, device="meta")).shape == (2, 7, 7, 30)


def test_the_fast_form_s_narrow_layer_is_linear():
    """As in the authors' yolo-tiny.cfg: 256 linear, 4096 leaky, dropout, 1470 linear."""
    kinds = [(type(part).__name__, getattr(part, "out_features", None)) for part in on_meta(Y.YOLOv1, form="fast").head]
    assert kinds == [
        ("Flatten", None),
        ("Linear", 256),
        ("Linear", 4096),
        ("LeakyReLU", None),
        ("Dropout", None),
        ("Linear", 1470),
    ]


def test_work_and_parts_of_figure_3():
    model = on_meta(Y.YOLOv1)
    assert count(model.backbone) == 60_155_968 and count(model.head) == 211_547_582
    assert macs(model, 448) == 20_285_153_280
    assert macs(on_meta(Y.SmallYOLO, 3), 224) == 506_024_960


@pytest.mark.parametrize("stride", [16, 32])
def test_the_small_net(stride):
    model = on_meta(Y.SmallYOLO, 3, stride=stride)
    assert count(model) == 1_234_413 and 2 * count(model) < 3e6  # bytes, in float16
    assert sum(isinstance(module, nn.Conv2d) for module in model.modules()) == 15
    for size in (64, 96, 224):
        assert model(torch.empty(1, 3, size, size, device="meta")).shape == (1, size // stride, size // stride, 13)
    assert on_meta(Y.SmallYOLO, 20, B=3)(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 2, 2, 35)


def test_the_grid_keeps_rows_and_columns():
    """A bright spot at the right end of the first row of cells changes answers there, and none at the lower left."""
    torch.manual_seed(0)
    model = Y.SmallYOLO(2, width=4).eval()
    x = torch.zeros(2, 3, 256, 256)
    x[1, :, 8, 216] = 50
    with torch.no_grad():
        changed = model(x).diff(dim=0)[0].abs().sum(dim=-1)
    row, column = divmod(changed.argmax().item(), 16)
    assert row <= 1 and abs(column - 13) <= 1 and changed[13, 0] == 0


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda: Y.YOLOv1(form="tiny"), "form is 'tiny'"),
        (lambda: Y.YOLOv1(num_classes=0), "num_classes is 0"),
        (lambda: Y.YOLOv1(S=0), "S is 0"),
        (lambda: Y.SmallYOLO(3, B=0), "B is 0"),
        (lambda: Y.SmallYOLO(3, width=0), "width is 0"),
        (lambda: Y.SmallYOLO(3, stride=8), "stride is 8"),
        (lambda: on_meta(Y.YOLOv1)(torch.empty(1, 3, 416, 416, device="meta")), r"expected \(N, 3, 448, 448\)"),
        (lambda: Y.SmallYOLO(3, width=1)(torch.zeros(1, 3, 40, 40)), "multiple of 16"),
        (lambda: Y.SmallYOLO(3, width=1)(torch.zeros(1, 3, 32, 48)), "multiple of 16"),
        (lambda: Y.SmallYOLO(3, width=1)(torch.zeros(1, 1, 32, 32)), "multiple of 16"),
    ],
)
def test_arguments_and_images_that_make_no_sense(build, what):
    with pytest.raises(ValueError, match=what):
        build()


def test_the_step_compiles_without_a_break():
    model = Y.SmallYOLO(2, width=2)
    assert torch._dynamo.explain(model)(torch.rand(2, 3, 32, 32)).graph_break_count == 0


# Boxes and grid cells


def some_boxes(seed, N, M, C, smallest=0.05):
    """Random boxes (N, M, 4) inside the image and labels (N, M), about a quarter of them -1."""
    generator = torch.Generator().manual_seed(seed)
    size = smallest + 0.4 * torch.rand(N, M, 2, generator=generator)
    corner = torch.rand(N, M, 2, generator=generator) * (1 - size)
    labels = torch.randint(C, (N, M), generator=generator)
    labels[torch.rand(N, M, generator=generator) < 0.25] = -1
    return torch.cat([corner, corner + size], dim=2), labels


def test_iou():
    a = torch.tensor([0.0, 0.0, 2.0, 2.0])
    cases = torch.tensor([[0, 0, 2, 2], [1, 0, 3, 2], [1, 1, 3, 3], [2, 0, 4, 2], [5, 5, 6, 6], [0.5, 0.5, 1.5, 1.5]])
    torch.testing.assert_close(Y.box_iou(a, cases), torch.tensor([1, 1 / 3, 1 / 7, 0, 0, 1 / 4]))
    assert Y.box_iou(torch.zeros(4), torch.zeros(4)) == 0
    boxes = some_boxes(0, 1, 30, 2)[0][0]
    torch.testing.assert_close(Y.box_iou(boxes[:, None], boxes), torchvision.ops.box_iou(boxes, boxes))


def test_encoding_by_hand():
    boxes = torch.tensor([[[0.0, 0.5, 0.5, 1.0], [0.75, 0.0, 1.0, 0.25]]])
    targets = Y.encode(boxes, torch.tensor([[2, 0]]), S=2, num_classes=3)
    assert targets.shape == (1, 2, 2, 8) and targets[..., 4].sum() == 2
    assert targets[0, 1, 0].tolist() == [0.5, 0.5, 0.5, 0.5, 1, 0, 0, 1]  # x, y, w, h, there, classes
    assert targets[0, 0, 1].tolist() == [0.75, 0.25, 0.25, 0.25, 1, 1, 0, 0]
    assert not targets[0, 0, 0].any() and not targets[0, 1, 1].any()


@pytest.mark.parametrize("S", [1, 7, 14])
def test_decoding_is_the_inverse(S):
    boxes, labels = some_boxes(S, 6, 9, 4)
    targets = Y.encode(boxes, labels, S, 4)
    for (found, names), truth, label in zip(Y.decode_targets(targets), boxes, labels):
        centres = (S * (truth[:, :2] + truth[:, 2:]) / 2).long()
        cells, kept = set(), []
        for i in (label >= 0).nonzero().flatten().tolist():  # the first of a cell stays
            if tuple(centres[i].tolist()) not in cells:
                kept.append(i)
            cells.add(tuple(centres[i].tolist()))
        kept.sort(key=lambda i: (centres[i, 1].item(), centres[i, 0].item()))
        torch.testing.assert_close(found, truth[kept], rtol=0, atol=1e-6)
        assert names.tolist() == label[kept].tolist()
    assert S == 1 or targets[..., 4].sum() > 20


def test_decoding_is_exact_where_floats_are():
    boxes = torch.tensor([[[0.125, 0.25, 0.375, 1.0], [0.5, 0.5, 1.0, 0.75], [0.0, 0.0, 0.25, 0.125]]])
    (found, labels) = Y.decode_targets(Y.encode(boxes, torch.tensor([[1, 0, 1]]), 8, 2))[0]
    assert torch.equal(found, boxes[0, [2, 0, 1]]) and labels.tolist() == [1, 1, 0]


def test_images_without_an_object_are_fine():
    for boxes, labels in (
        (torch.zeros(2, 3, 4), torch.full((2, 3), -1)),
        (torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64)),
    ):
        targets = Y.encode(boxes, labels, 3, 2)
        assert targets.shape == (2, 3, 3, 7) and not targets.any()
        loss, parts = Y.yolo_loss(torch.ones(2, 3, 3, 12), targets)
        assert loss == parts["no_object"] == 0.5 * 9 * 2
        assert all(len(labels) == 0 for _, labels in Y.decode_targets(targets))


def test_a_process_without_images_takes_the_step_too():
    for model, side, S in ((Y.SmallYOLO(3, width=1), 32, 2), (on_meta(Y.YOLOv1, 3, S=1), 64, 1)):
        outputs = model(torch.empty(0, 3, side, side, device=next(model.parameters()).device))
        assert outputs.shape == (0, S, S, 13)
    outputs = torch.zeros(0, 2, 2, 13, requires_grad=True)
    Y.yolo_loss(outputs, Y.encode(torch.zeros(0, 3, 4), torch.zeros(0, 3, dtype=torch.int64), 2, 3))[0].backward()
    assert outputs.grad.shape == outputs.shape and Y.detect(outputs) == []


@pytest.mark.parametrize(
    ("box", "label", "what"),
    [
        ((0.1, 0.1, 1.2, 0.5), 0, r"box 1 of image 0 is \[0.1, 0.1, 1.2, 0.5\]; expected corners inside the image"),
        ((-0.1, 0.1, 0.2, 0.5), 0, "expected corners inside"),
        ((20, 30, 40, 50), 0, "divide pixels by the image's width and height"),
        ((math.nan, 0.1, 0.2, 0.5), 0, "expected corners inside"),
        ((0.3, 0.1, 0.3, 0.5), 0, "expected x1 < x2 and y1 < y2"),
        ((0.1, 0.5, 0.3, 0.2), 0, "expected x1 < x2 and y1 < y2"),
        ((0.1, 0.1, 0.3, 0.5), 2, "label 2; expected 0 to 1, or -1"),
        ((0.1, 0.1, 0.3, 0.5), -2, "label -2"),
    ],
)
def test_boxes_that_make_no_sense(box, label, what):
    boxes, labels = torch.tensor([[[0.1, 0.1, 0.3, 0.5], box]]), torch.tensor([[1, label]])
    with pytest.raises(ValueError, match=what):
        Y.encode(boxes, labels, 7, 2)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"expected \(N, M, 4\)"):
        Y.encode(torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64), 7, 2)
    targets = torch.zeros(1, 7, 7, 8)
    with pytest.raises(ValueError, match=r"expected outputs \(1, 7, 7, 13\)"):
        Y.yolo_loss(torch.zeros(1, 7, 7, 12), targets)
    with pytest.raises(ValueError, match="expected outputs"):
        Y.yolo_loss(torch.zeros(1, 6, 7, 13), targets)


# The loss


def two_boxes():
    """Outputs (1, 2, 2, 13) and targets for two objects of three classes; every part of the loss is known."""
    targets, outputs = torch.zeros(1, 2, 2, 8), torch.zeros(1, 2, 2, 13)
    targets[0, 0, 1] = torch.tensor([0.5, 0.5, 0.5, 0.25, 1, 0, 0, 1])
    targets[0, 1, 0] = torch.tensor([0.25, 0.75, 0.36, 0.16, 1, 1, 0, 0])
    first = [0.5, 0.5, 0.5, 0.5, 0.4]  # half as wide as the object: IoU 1/2
    second = [0.7, 0.5, math.sqrt(0.5), 0.5, 0.9]  # 0.1 to the right of it: IoU 0.4 / 0.6
    outputs[0, 0, 1] = torch.tensor([*first, *second, 0.1, 0.2, 0.6])
    outputs[0, 1, 0] = torch.tensor([0.25, 0.75, 0.8, 0.4, 0.5, 5, 5, 0.1, 0.1, -0.2, 1, 0, 0])  # IoU 0.36 / 0.64, 0
    outputs[0, 0, 0, 4] = 0.1
    return outputs, targets


def test_the_five_parts_by_hand():
    outputs, targets = two_boxes()
    loss, parts = Y.yolo_loss(outputs, targets)
    expected = {
        "xy": 5 * 0.2**2,  # the second box of the first object
        "wh": 5 * (0.8 - 0.6) ** 2,  # the first box of the second object
        "object": (0.9 - 2 / 3) ** 2 + (0.5 - 0.5625) ** 2,
        "no_object": 0.5 * (0.4**2 + 0.2**2 + 0.1**2),
        "class": 0.1**2 + 0.2**2 + 0.4**2,
    }
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(expected, rel=1e-5)
    assert loss.item() == pytest.approx(sum(expected.values()), rel=1e-5)
    _, weighted = Y.yolo_loss(outputs, targets, lambda_coord=1, lambda_noobj=1)
    assert weighted["xy"].item() == pytest.approx(0.04) and weighted["no_object"].item() == pytest.approx(0.21)
    twice, _ = Y.yolo_loss(outputs.repeat(2, 1, 1, 1), targets.repeat(2, 1, 1, 1))
    assert twice.item() == pytest.approx(loss.item())  # a mean over the images
    assert Y.yolo_loss(outputs.bfloat16(), targets)[0].dtype == torch.float32


def test_plain_width_and_height():
    targets, outputs = torch.zeros(1, 1, 1, 6), torch.tensor([0.5, 0.5, 0.3, 0.4, 0, 0.5, 0.5, -0.3, 0.4, 0, 1])
    targets[0, 0, 0] = torch.tensor([0.5, 0.5, 0.5, 0.4, 1, 1])
    _, parts = Y.yolo_loss(outputs.view(1, 1, 1, 11), targets, root=False)
    assert parts["wh"].item() == pytest.approx(5 * 0.2**2)  # a negative width has no area, and is not responsible
    assert parts["object"].item() == pytest.approx((0.3 / 0.5) ** 2)


def test_gradients_reach_the_responsible_boxes_alone():
    outputs, targets = two_boxes()
    outputs.requires_grad_()
    _, parts = Y.yolo_loss(outputs, targets)
    (gradient,) = torch.autograd.grad(parts["xy"] + parts["wh"], outputs, retain_graph=True)
    assert gradient[0, 0, 1, 5] != 0 and not gradient[0, 0, 1, :5].any() and not gradient[..., 10:].any()
    (gradient,) = torch.autograd.grad(parts["object"], outputs)
    assert gradient[0, 0, 1].nonzero().flatten().tolist() == [9]  # the IoU is a target, not a path for gradients


def test_a_perfect_answer_costs_nothing():
    boxes, labels = some_boxes(5, 3, 6, 4)
    targets = Y.encode(boxes, labels, 7, 4)
    outputs = perfect(targets)
    assert Y.yolo_loss(outputs, targets)[0] < 1e-9
    for detection, truth in zip(Y.detect(outputs), Y.decode_targets(targets)):
        found, label = truth
        assert len(detection[0]) == len(found) and torch.allclose(detection[1], torch.ones(len(found)))
        overlaps, which = Y.box_iou(found[:, None], detection[0]).max(dim=1)
        assert overlaps.min() > 0.999 and torch.equal(detection[2][which], label)


def perfect(targets, B=2):
    """What a network would have to answer."""
    box = torch.cat([targets[..., :2], targets[..., 2:4].sqrt(), targets[..., 4:5]], dim=-1)
    return torch.cat([box, torch.zeros_like(box).repeat(1, 1, 1, B - 1), targets[..., 5:]], dim=-1)


def test_one_batch_is_overfitted():
    torch.manual_seed(0)
    data = D.load_shape_scenes(4, 1, 1, most=3)
    images, boxes, labels = next(iter(D.BoxLoader(data, "train", 4, "cpu")))
    model = Y.SmallYOLO(10, width=12)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    targets = Y.encode(boxes, labels, 4, 10)
    for _ in range(150):
        loss, _ = Y.yolo_loss(model(images), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    truths, found = Y.decode_targets(targets), Y.detect(model(images))
    assert sum(len(labels) for _, labels in truths) >= 6
    for (true_boxes, true_labels), (got, _, names) in zip(truths, found):
        overlaps = Y.box_iou(true_boxes[:, None], got) * (true_labels[:, None] == names)
        assert overlaps.amax(dim=1).min() > 0.7


# Detection


def crowd(seed, N=5, K=60, C=3):
    """Many overlapping boxes with scores and labels."""
    generator = torch.Generator().manual_seed(seed)
    boxes = some_boxes(seed, N, K, C, smallest=0.2)[0]
    return boxes, torch.rand(N, K, generator=generator), torch.randint(C, (N, K), generator=generator)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.5, 0.9])
def test_nms_equals_torchvision(overlap):
    boxes, scores, labels = crowd(1)
    kept = 0
    for own_boxes, own_scores, own_labels in zip(boxes, scores, labels):
        ours, theirs = Y.nms(own_boxes, own_scores, overlap), torchvision.ops.nms(own_boxes, own_scores, overlap)
        assert torch.equal(ours, theirs)
        kept += len(ours)
        order = own_scores.argsort(descending=True)
        keep = Y.suppress(own_boxes[order][None], own_labels[order][None], overlap)[0]
        by_class = torchvision.ops.batched_nms(own_boxes, own_scores, own_labels, overlap)
        assert torch.equal(order[keep], by_class)
    assert 5 <= kept <= 300 - 10 * (overlap < 0.9) and len(Y.nms(boxes[0, :0], scores[0, :0])) == 0


def test_nms_of_a_chain():
    """The first drops the second, so that the third, which only the second would drop, stays."""
    boxes = torch.tensor([[0, 0, 1, 1], [0.25, 0, 1.25, 1], [0.5, 0, 1.5, 1], [0.75, 0, 1.75, 1]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    assert Y.nms(boxes, scores).tolist() == [0, 2]
    assert Y.suppress(boxes[None], torch.zeros(1, 4)).tolist() == [[True, False, True, False]]
    assert Y.suppress(boxes[None], torch.arange(4)[None]).all()


@pytest.mark.parametrize("overlap", [0.4, None])
def test_detect_equals_its_steps_with_torchvision(overlap):
    torch.manual_seed(0)
    N, S, B, C = 6, 5, 2, 3
    outputs = torch.rand(N, S, S, 5 * B + C)
    outputs[..., :10] -= 0.1
    outputs[3] = 0  # an image in which nothing is found
    outputs = outputs.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)  # laid out as a convolution's
    found = Y.detect(outputs, threshold=0.3, overlap=overlap)
    assert len(found) == N and len(found[3][0]) == 0 and sum(len(scores) for _, scores, _ in found) > 50
    for image, (boxes, scores, labels) in zip(outputs, found):
        expected = []
        for row in range(S):
            for column in range(S):
                for b in range(B):
                    x, y, w, h, confidence = image[row, column, 5 * b : 5 * b + 5].tolist()
                    x, y, w, h = (column + x) / S, (row + y) / S, w * w, h * h
                    for c in range(C):
                        score = confidence * image[row, column, 5 * B + c].item()
                        if confidence > 0 and score > 0.3:
                            box = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
                            expected.append((*(min(max(v, 0), 1) for v in box), score, c))
        table = torch.tensor(expected).view(-1, 6)
        if overlap is not None and len(table):
            table = table[torchvision.ops.batched_nms(table[:, :4], table[:, 4], table[:, 5].long(), overlap)]
        table = table[table[:, 4].argsort(descending=True)]
        torch.testing.assert_close(boxes, table[:, :4], rtol=0, atol=1e-5)
        torch.testing.assert_close(scores, table[:, 4], rtol=0, atol=1e-5)
        assert labels.tolist() == table[:, 5].tolist()


def test_two_negative_factors_make_no_score():
    outputs = torch.zeros(1, 1, 1, 11)
    outputs[0, 0, 0, [4, 10]] = -1.0
    assert len(Y.detect(outputs)[0][0]) == 0


def test_a_great_many_boxes_are_taken_in_parts():
    torch.manual_seed(0)
    outputs = torch.rand(4, 14, 14, 13)
    whole = Y.detect(outputs, threshold=0)
    assert min(len(scores) for _, scores, _ in Y.detect(outputs, threshold=0, overlap=None)) > 1000
    for i in range(4):
        assert all(map(torch.equal, whole[i], Y.detect(outputs[i : i + 1], threshold=0)[0]))


# Evaluation


def test_average_precision_by_hand():
    scores, correct = torch.tensor([0.6, 0.9, 0.8, 0.5]), torch.tensor([True, True, False, True])
    precision, recall = Y.precision_recall(scores, correct, 4)
    assert precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 4]) and recall.tolist() == [0.25, 0.25, 0.5, 0.75]
    assert Y.average_precision(precision, recall) == pytest.approx(0.25 * (1 + 0.75 + 0.75))
    levels = [1, 1, 1, 0.75, 0.75, 0.75, 0.75, 0.75, 0, 0, 0]  # at recall 0, 0.1, … 1
    assert Y.average_precision(precision, recall, points=11) == pytest.approx(sum(levels) / 11)
    none = Y.precision_recall(torch.zeros(0), torch.zeros(0, dtype=torch.bool), 3)
    assert Y.average_precision(*none) == Y.average_precision(*none, points=11) == 0


def test_matching_counts_an_object_once():
    truth = torch.tensor([[0, 0, 1, 1.0], [2, 0, 3, 1]]), torch.tensor([0, 1])
    boxes = torch.tensor([[0, 0, 1, 0.9], [0, 0, 1, 1], [2, 0, 3, 1], [2, 0, 3, 0.4]])
    detection = boxes, torch.tensor([0.5, 0.9, 0.8, 0.7]), torch.tensor([0, 0, 0, 1])
    assert Y.match(detection, truth).tolist() == [False, True, False, False]  # taken, right, wrong class, IoU 0.4
    assert Y.match(detection, truth, iou=0.3).tolist() == [False, True, False, True]
    nothing = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    assert Y.match(detection, nothing).tolist() == [False] * 4


def random_detections(seed, images=8, C=3, count=7):
    """Truths on a grid, which do not overlap, `count` of each class; detections near them, with wrong ones."""
    rng = np.random.default_rng(seed)
    detections, truths = [], []
    labels = rng.permutation(np.arange(count * C) % C)
    for own in np.array_split(labels, images):
        places = rng.permutation(16)[: len(own)]
        corner = np.stack([places % 4, places // 4], axis=1) / 4
        true = np.concatenate([corner, corner + 0.2], axis=1)
        pick = rng.integers(len(own), size=12)
        boxes = true[pick] + rng.normal(0, 0.02, (12, 4))
        names = np.where(rng.random(12) < 0.8, own[pick], rng.integers(C, size=12))
        detections.append(tuple(map(torch.tensor, (boxes, rng.random(12), names))))
        truths.append((torch.tensor(true), torch.tensor(own)))
    return detections, truths


def coco_precision(detections, truths, C, iou, levels):
    """The mean of pycocotools' interpolated precision at the recalls `levels`, for each class."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def listed(boxes, labels, image, **more):
        for i, (box, label) in enumerate(zip(boxes.tolist(), labels.tolist())):
            x1, y1, x2, y2 = (1000 * value for value in box)
            size = [x1, y1, x2 - x1, y2 - y1]
            yield dict(image_id=image + 1, category_id=label + 1, bbox=size, area=size[2] * size[3], iscrowd=0) | {
                name: values[i].item() for name, values in more.items()
            }

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        annotations = [a for image, (boxes, labels) in enumerate(truths) for a in listed(boxes, labels, image)]
        coco.dataset = dict(
            images=[dict(id=i + 1) for i in range(len(truths))],
            categories=[dict(id=c + 1) for c in range(C)],
            annotations=[a | dict(id=i + 1) for i, a in enumerate(annotations)],
        )
        coco.createIndex()
        found = [
            a for image, (boxes, scores, labels) in enumerate(detections)
            for a in listed(boxes, labels, image, score=scores)
        ]  # fmt: skip
        run = COCOeval(coco, coco.loadRes(found), "bbox")
        run.params.iouThrs, run.params.recThrs = np.array([iou]), np.array(levels) - 1e-9
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.evaluate()
        run.accumulate()
    return run.eval["precision"][0, :, :, 0, -1].mean(axis=0)


@pytest.mark.parametrize("iou", [0.5, 0.7])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mean_average_precision_equals_pycocotools(seed, iou):
    count, C = 7, 3
    detections, truths = random_detections(seed, C=C, count=count)
    every = [k / count for k in range(1, count + 1)]  # with 7 objects the recall rises in steps of 1/7
    for points, levels in ((None, every), (11, np.linspace(0, 1, 11))):
        mean, values = Y.mean_average_precision(detections, truths, C, iou, points)
        theirs = coco_precision(detections, truths, C, iou, levels)
        np.testing.assert_allclose(values, theirs, atol=1e-9)
        assert mean == pytest.approx(theirs.mean()) and 0.05 < mean < 0.95


def test_a_class_that_does_not_occur_does_not_count():
    truth = torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1])
    detection = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]), torch.tensor([0.9, 0.8]), torch.tensor([1, 0])
    mean, (absent, right) = Y.mean_average_precision([detection], [truth], 2)
    assert mean == right == 1 and math.isnan(absent)
    with pytest.raises(ValueError, match="detections for 1 images and truths for 2"):
        Y.mean_average_precision([detection], [truth, truth], 2)


def test_error_types_by_hand():
    truth = torch.tensor([[0, 0, 1, 1.0], [2, 0, 3, 1]] + 3 * [[8, 8, 9, 9.0]]), torch.tensor([0, 1, 0, 0, 0])
    boxes = [[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 0, 3, 1], [5, 0, 6, 1], [0, 0, 1, 0.3], [2, 0, 3, 0.2]]
    detection = torch.tensor(boxes), torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.9]), torch.tensor([0, 0, 0, 0, 0, 1])
    first, second = Y.error_types([detection], [truth], 2)
    # four red ones count: right, a duplicate, on the other class's object, on nothing; the fifth is beyond the four
    assert first == {"correct": 1, "localisation": 1, "class": 1, "background": 1}
    assert second == {"localisation": 1}
    empty = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    assert Y.error_types([detection, detection], [truth, empty], 2)[1] == {"localisation": 1}


# Data


def test_boxes_of_scenes_are_exact():
    images, boxes, labels = make_scenes(40, seed=3, size=48, most=5)
    assert images.shape == (40, 48, 48, 3) and images.dtype == np.uint8 and boxes.shape == (40, 5, 4)
    again = make_scenes(40, seed=3, size=48, most=5)
    assert all(np.array_equal(a, b) for a, b in zip((images, boxes, labels), again))
    there = labels >= 0
    assert 60 < there.sum() < 150 and not boxes[~there].any() and labels.min() == -1 and labels.max() == 9
    own = boxes[there]
    assert (own[:, 2:] > own[:, :2]).all() and own.min() >= 0 and own.max() <= 48 and np.array_equal(own, own.round())
    Y.check_boxes(torch.from_numpy(boxes / 48), torch.from_numpy(labels), 10)


def test_boxes_of_scenes_fit_what_is_drawn(monkeypatch):
    """With a full square as the only shape and no second one in the way, colours tell the box."""
    from utils import shapes

    monkeypatch.setattr(shapes, "inside", lambda label, u, v: np.maximum(np.abs(u), np.abs(v)) < 1)
    images, boxes, labels = make_scenes(60, seed=0, size=64, most=1)
    checked = 0
    for image, box, label in zip(images.astype(int), boxes[:, 0].astype(int), labels[:, 0]):
        if label < 0:
            continue
        x1, y1, x2, y2 = box
        middle = image[(y1 + y2) // 2, (x1 + x2) // 2 - 1 : (x1 + x2) // 2 + 2].mean(axis=0)
        inside_row = image[(y1 + y2) // 2, x1:x2].mean(axis=0)
        assert np.abs(inside_row - middle).max() < 40
        if x1 >= 3:
            before = image[y1:y2, x1 - 3 : x1].mean(axis=(0, 1))
            assert np.abs(before - middle).max() > 25
            checked += 1
    assert checked > 20


def test_small_scenes_leave_out_shapes_without_a_pixel():
    _, boxes, labels = make_scenes(200, size=12)
    there = labels >= 0
    assert there.sum() > 300 and (boxes[there][:, 2:] > boxes[there][:, :2]).all()


def test_mean_and_deviation_of_many_pixels():
    """More pixels than a running sum of float32 can add up."""
    images = np.full((1, 2000, 2000, 3), 178, np.uint8)
    images[:, :1000, :, 1] = 78
    part = images, np.zeros((1, 1, 4), np.float32), np.full((1, 1), -1)
    data = D.as_data("x", ("a",), part, part, part)
    assert data.mean == (0.698, 0.502, 0.698) and data.std == (0.0, 0.1961, 0.0)


def annotation(objects, size=(640, 480), extra=""):
    parts = [
        f"<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax>"
        f"<ymax>{box[3]}</ymax></bndbox></object>"
        for name, box in objects
    ]
    size = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"{extra}<annotation>{size}{''.join(parts)}</annotation>"


def test_an_annotation_is_read(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(annotation([("b", (64, 0, 320, 480)), ("a", (5, 5, 5, 9)), ("a", (0, 48, 640, 96))]))
    boxes, labels = D.read_annotation(path, ("a", "b"))
    np.testing.assert_allclose(boxes, [[0.1, 0, 0.5, 1], [0, 0.1, 1, 0.2]], rtol=1e-6)
    assert labels.tolist() == [1, 0]
    path.write_text(annotation([]))
    assert D.read_annotation(path, ("a",))[0].shape == (0, 4)


BOMB = '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (annotation([("c", (1, 1, 9, 9))]), "has an object 'c'; expected one of a, b"),
        (annotation([("a", (1, 1, 641, 9))]), r"expected one inside the image, 640 x 480"),
        (annotation([("a", (9, 1, 4, 9))]), "expected one inside the image"),
        (annotation([], extra=BOMB), "declares a document type"),
        ("<annotation>", "no annotation in the form of PASCAL VOC"),
        ("<annotation><size><width>640</width></size></annotation>", "no annotation"),
        (annotation([("a", ("x", 1, 4, 9))]), "no annotation"),
    ],
)
def test_annotations_that_make_no_sense(tmp_path, text, what):
    (tmp_path / "a.xml").write_text(text)
    with pytest.raises(DataError, match=what):
        D.read_annotation(tmp_path / "a.xml", ("a", "b"))


@pytest.fixture
def tiny_bccd(tmp_path, monkeypatch):
    """Four images laid out as the real ones, their hashes beside a copy of the loader."""
    folder, rng = tmp_path / "data" / "BCCD", np.random.default_rng(0)
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    for i in range(4):
        image = Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
        image.save(folder / f"JPEGImages/i{i}.jpg")
        objects = [("RBC", (0, 0, 32, 24)), ("Platelets", (10, 10, 20, 30))][: i % 3]
        (folder / f"Annotations/i{i}.xml").write_text(annotation(objects, size=(64, 48)))
    for split, names in (("train", "i0\ni2\n"), ("val", "i1\n"), ("test", "i3\n")):
        (folder / f"ImageSets/Main/{split}.txt").write_text(names)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}" for p in files]
    (tmp_path / "bccd.sha256").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(D, "__file__", str(tmp_path / "cells.py"))
    monkeypatch.setattr(D, "ADDRESSES", ())
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data"))
    return folder


def test_blood_cells_are_read_as_they_lie(tiny_bccd, capsys):
    data = D.load_bccd(size=32)
    assert data.train[0].shape == (2, 32, 32, 3) and data.classes == ("RBC", "WBC", "Platelets")
    assert data.train[2].tolist() == [[-1, -1], [0, 2]] and data.val[2].tolist() == [[0]]
    assert data.train[1][1].tolist()[0] == [0, 0, 0.5, 0.5] and data.test[2].tolist() == [[-1]]
    resized = Image.open(tiny_bccd / "JPEGImages/i2.jpg").resize((32, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(data.train[0][1].numpy(), np.asarray(resized)) and capsys.readouterr().out == ""
    np.testing.assert_allclose(data.mean, data.train[0].float().mean((0, 1, 2)) / 255, atol=1e-4)
    (tiny_bccd / "JPEGImages/i2.jpg").write_bytes(b"damaged")
    with pytest.raises(DataError, match="i2.jpg could not be downloaded"):
        D.load_bccd(size=32)


def test_files_are_asked_of_both_addresses(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(D, "download", lambda addresses, path, sha256: asked.append((addresses, path, sha256)))
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        D.load_bccd()
    assert len(asked) == 732 and {len(sha256) for _, _, sha256 in asked} == {64}
    assert len({path for _, path, _ in asked}) == 732 and "732 small files" in capsys.readouterr().out
    commit = "d272fb14cdff6e473fafeeeba32aba5f560e9e43"
    assert asked[0][0] == [
        f"https://raw.githubusercontent.com/Shenggan/BCCD_Dataset/{commit}/BCCD/Annotations/BloodImage_00000.xml",
        f"https://cdn.jsdelivr.net/gh/Shenggan/BCCD_Dataset@{commit}/BCCD/Annotations/BloodImage_00000.xml",
    ]


@pytest.mark.real_data
def test_the_real_blood_cells():
    if not (data_root() / "BCCD").is_dir():
        pytest.skip(f"real BCCD is not under {data_root()}")
    data = D.load_bccd(size=32)
    assert [len(getattr(data, split)[0]) for split in ("train", "val", "test")] == [205, 87, 72]
    counts = [torch.bincount(getattr(data, s)[2].flatten() + 1)[1:].tolist() for s in ("train", "val", "test")]
    assert counts == [[2381, 214, 209], [967, 87, 83], [805, 71, 69]]
    for split in (data.train, data.val, data.test):
        Y.check_boxes(split[1], split[2], 3)


# Augmentation


def still(N):
    """The arguments of `move` that change nothing."""
    return dict(zoom=torch.ones(N), shift=torch.zeros(N, 2), flip=torch.ones(N, 2))


def spot(x1, y1, x2, y2, size=20):
    """An image, 1 inside a box of whole pixels and 0 outside, with the box and its label."""
    images = torch.zeros(1, 1, size, size)
    images[0, 0, y1:y2, x1:x2] = 1
    return images, torch.tensor([[[x1, y1, x2, y2]]]) / size, torch.tensor([[0]])


def box_of(image):
    """The box of what is brighter than a half, in pixels."""
    rows, columns = (image[0] > 0.5).nonzero().unbind(dim=1)
    return [columns.min().item(), rows.min().item(), columns.max().item() + 1, rows.max().item() + 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [4, 6, 10, 8]),
        (dict(shift=torch.tensor([[0.1, -0.2]])), [6, 2, 12, 4]),
        (dict(flip=torch.tensor([[-1.0, 1.0]])), [10, 6, 16, 8]),
        (dict(flip=torch.tensor([[1.0, -1.0]])), [4, 12, 10, 14]),
        (dict(zoom=torch.tensor([0.5])), [7, 8, 10, 9]),
        (dict(zoom=torch.tensor([2.0]), shift=torch.tensor([[0.0, 0.1]])), [0, 4, 10, 8]),  # cut at the left
        (dict(flip=torch.tensor([[-1.0, 1.0]]), shift=torch.tensor([[0.3, 0.0]])), [16, 6, 20, 8]),  # at the right
    ],
)
def test_a_box_moves_with_its_image(change, expected):
    images, boxes, labels = D.move(*spot(4, 6, 10, 8), **(still(1) | change))
    torch.testing.assert_close(20 * boxes[0, 0], torch.tensor(expected, dtype=torch.float32), rtol=0, atol=1e-4)
    assert labels.tolist() == [[0]] and box_of(images[0]) == expected


def test_boxes_of_many_random_moves_fit_their_images():
    generator = torch.Generator().manual_seed(0)
    loader = D.BoxLoader(D.load_shape_scenes(1, 1, 1), "train", 1, "cpu", augment=True, upright=False)
    zoom, shift, flip, _, _ = loader.draw(100, generator)
    image, box, label = spot(40, 20, 64, 50, size=80)
    images, boxes, labels = D.move(
        image.repeat(100, 1, 1, 1), box.repeat(100, 1, 1), label.repeat(100, 1), zoom, shift, flip
    )
    for i in range(100):
        assert (80 * boxes[i, 0] - torch.tensor(box_of(images[i]))).abs().max() <= 0.6  # pixels
    assert zoom.min() < 0.85 and zoom.max() > 1.15 and zoom.min() >= 0.8 and zoom.max() <= 1.2
    assert shift.abs().max() <= 0.2 and shift.abs().max() > 0.18 and set(flip.flatten().tolist()) == {-1.0, 1.0}


def test_a_box_that_leaves_is_cut_or_dropped():
    images, boxes, labels = spot(0, 5, 10, 15)
    for shift, kept in ((-0.3, 2 / 5), (-0.35, 0.3), (-0.4, None), (-0.5, None), (-0.8, None)):
        change = still(1) | dict(shift=torch.tensor([[shift, 0.0]]))
        _, moved, names = D.move(images, boxes, labels, **change, least=0.25)
        if kept is None:
            assert names.item() == -1 and not moved.any()
        else:
            assert names.item() == 0 and moved[0, 0, 2].item() == pytest.approx(0.5 * kept)
            assert moved[0, 0, 0] == 0
    _, _, names = D.move(images, boxes, torch.tensor([[-1]]), **still(1))
    assert names.item() == -1


def test_colours_change_as_in_hsv():
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(8, 3, 5, 5, generator=generator)
    images[0, :, 0] = 0.4  # grey
    images[0, :, 1] = 0.0  # black
    exposure, saturation = (0.6 + 0.9 * torch.rand(8, generator=generator) for _ in range(2))
    changed = D.recolour(images, exposure, saturation)
    for i in range(8):
        before, after = images[i].flatten(1).T.tolist(), changed[i].flatten(1).T.tolist()
        for old, new in zip(before, after):
            h, s, v = colorsys.rgb_to_hsv(*old)
            expected = colorsys.hsv_to_rgb(h, min(1, s * saturation[i].item()), min(1, v * exposure[i].item()))
            assert new == pytest.approx(expected, abs=1e-5)
    torch.testing.assert_close(D.recolour(images, torch.ones(8), torch.ones(8)), images)


# The loader


def scene_loader(**options):
    data = D.load_shape_scenes(5, 2, 2, seed=2)
    return data, D.BoxLoader(data, "train", 3, "cpu", **options)


def test_images_come_as_they_are():
    data, loader = scene_loader()
    images, boxes, labels = (torch.cat(part) for part in zip(*loader))
    assert len(loader) == 2 and loader.count == 5 and images.shape == (5, 3, 64, 64)
    assert torch.equal(boxes, data.train[1]) and torch.equal(labels, data.train[2])
    expected = (data.train[0].permute(0, 3, 1, 2) / 255 - torch.tensor(data.mean).view(3, 1, 1)) / torch.tensor(
        data.std
    ).view(3, 1, 1)
    torch.testing.assert_close(images, expected, rtol=1e-4, atol=1e-5)
    assert abs(images.mean().item()) < 0.01 and images.is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_can_be_repeated_exactly():
    _, loader = scene_loader(passes=3, shuffle=True, augment=True, upright=False)
    first, second = list(loader), list(loader)
    loader.epoch = 0
    for a, b, c in zip(first, loader, second):
        assert all(torch.equal(x, y) for x, y in zip(a, b)) and not torch.equal(a[0], c[0])
    assert loader.count == 15 and sum(len(batch[0]) for batch in first) == 15


def test_each_pass_serves_each_image():
    data, loader = scene_loader(passes=4, shuffle=True)
    labels = torch.cat([labels for _, _, labels in loader])
    for own in data.train[2]:
        assert (labels == own).all(dim=1).sum() == 4 * (data.train[2] == own).all(dim=1).sum()


def test_upright_images_stay_upright():
    generator = torch.Generator().manual_seed(0)
    _, loader = scene_loader(augment=True)
    flip = loader.draw(50, generator)[2]
    assert (flip[:, 1] == 1).all() and 10 < (flip[:, 0] == -1).sum() < 40


def test_exposure_and_saturation_go_up_to_the_paper_s_factor():
    _, loader = scene_loader(augment=True)
    for factor in loader.draw(500, torch.Generator().manual_seed(0))[3:]:
        assert 1 / 1.5 <= factor.min() < 0.69 and 1.45 < factor.max() <= 1.5 and (factor > 1).float().mean() > 0.4


def test_moved_boxes_can_be_encoded():
    _, loader = scene_loader(passes=20, augment=True, upright=False)
    for _, boxes, labels in loader:
        Y.encode(boxes, labels, 4, 10)


def test_an_empty_split_is_refused():
    with pytest.raises(ValueError, match="the 'val' split of shapes"):
        D.BoxLoader(D.load_shape_scenes(2, 0, 1), "val", 1, "cpu")


def test_describe_tells_loaders_apart():
    base = scene_loader()[1].describe()
    assert base == scene_loader()[1].describe()
    for options in (
        dict(passes=2),
        dict(shuffle=True),
        dict(augment=True),
        dict(upright=False),
        dict(count=3),
        dict(seed=1),
    ):
        assert scene_loader(**options)[1].describe() != base


@pytest.mark.parametrize("name", ["move", "recolour"])
def test_the_description_knows_the_code(monkeypatch, name):
    _, loader = scene_loader()
    before = loader.describe()
    monkeypatch.setattr(D, name, lambda *args: None)
    assert loader.describe() != before


def test_processes_share_a_batch(monkeypatch):
    options = dict(passes=2, shuffle=True, augment=True)
    whole = list(scene_loader(**options)[1])
    parts = []
    for rank in range(2):
        monkeypatch.setattr(D, "own_part", lambda start, stop, r=rank: slice(start + r, start + r + 1 + r))
        parts.append(list(scene_loader(**options)[1]))
    first = [torch.cat(pair) for pair in zip(parts[0][0], parts[1][0])]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(first, whole[0]))


def test_the_kept_net_comes_with_what_a_user_needs(tmp_path, monkeypatch):
    settings = dict(num_classes=3, width=2)
    assert_kept_net_loads(Y.yolo_bccd, Y.SmallYOLO, settings, torch.randn(1, 3, 32, 32), tmp_path, monkeypatch)


def test_activations_and_initialisation():
    torch.manual_seed(0)
    whole = dict(Conv2d=24, LeakyReLU=25, MaxPool2d=4, Flatten=1, Linear=2, Dropout=1)
    assert ran(on_meta(Y.YOLOv1), torch.empty(1, 3, 448, 448, device="meta")) == whole
    small = Y.SmallYOLO(3, width=8)
    assert ran(small, torch.randn(2, 3, 32, 32)) == dict(Conv2d=15, BatchNorm2d=14, LeakyReLU=14)
    assert {m.negative_slope for m in small.modules() if isinstance(m, nn.LeakyReLU)} == {0.1}
    assert_he_initialised(small.backbone, "in", slope=0.1)
    assert small.head.weight.std().item() == pytest.approx(0.01, rel=0.1)


@pytest.mark.real_data
def test_the_kept_net_finds_blood_cells():
    if not (data_root() / "BCCD").is_dir():
        pytest.skip(f"real BCCD is not under {data_root()}")
    model, about = Y.yolo_bccd()
    data = D.load_bccd(about["size"])
    assert [*data.classes, *data.mean, *data.std] == [*about["classes"], *about["mean"], *about["std"]]
    images, boxes, labels = next(iter(D.BoxLoader(data, "test", 24, "cpu")))
    with torch.no_grad():
        found = Y.detect(model(images), threshold=0.01)
    truths = [(own[kinds >= 0], kinds[kinds >= 0]) for own, kinds in zip(boxes, labels)]
    mean, _ = Y.mean_average_precision(found, truths, 3)
    assert mean > 0.75
