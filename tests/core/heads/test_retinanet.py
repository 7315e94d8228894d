"""RetinaNet: anchors, matching and loss, by hand and against torchvision's parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.retinanet import _default_anchorgen
from torchvision.ops import box_iou, sigmoid_focal_loss

from mtcli.core.data.sample import each_tensor
from mtcli.core.features import FeatureSpec
from mtcli.core.heads import retinanet
from mtcli.core.heads.detector import Truth
from mtcli.core.heads.retinanet import RetinaNet, RetinaNetBatch, RetinaNetHead, RetinaNetRaw
from mtcli.core.ops.suppression import detections
from tests.conftest import DEVICE

STRIDES, SIZE, CLASSES = (8, 16), (64, 96), 3
CELLS = 8 * 12 + 4 * 6
ANCHORS = retinanet.anchors_of(STRIDES, SIZE)
HEAD = RetinaNet(CLASSES, ("p3", "p4"), depth=2, dropout=0.0)
NONE = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


def _boxes(number: int, seed: int) -> Tensor:
    """Boxes of many sizes inside the picture."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, 2, generator=generator).sort(dim=1).values
    boxes = corners.reshape(number, 4) * torch.tensor([96.0, 64.0, 96.0, 64.0])
    return torch.cat([boxes[:, :2], boxes[:, 2:].maximum(boxes[:, :2] + 2)], dim=1)


def _truth(boxes: Tensor, labels: Tensor, looked_for: Sequence[bool] = (True,) * 3) -> Truth:
    return Truth(boxes, labels, torch.tensor(looked_for))


def _to(batch: RetinaNetBatch) -> RetinaNetBatch:
    return each_tensor(batch, lambda tensor: tensor.to(DEVICE))  # type: ignore[no-any-return]


def _raw(pictures: int) -> RetinaNetRaw:
    return RetinaNetRaw(
        torch.randn(pictures, len(ANCHORS), CLASSES, device=DEVICE),
        torch.randn(pictures, len(ANCHORS), 4, device=DEVICE),
        ANCHORS.to(DEVICE),
    )


# Anchors.


def test_a_cell_holds_nine_anchors() -> None:
    assert ANCHORS.shape == (9 * CELLS, 4)


def test_anchors_lie_about_their_cells_centres_row_by_row() -> None:
    centers = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2
    cells = [
        ((x + 0.5) * stride, (y + 0.5) * stride)
        for stride in STRIDES
        for y in range(SIZE[0] // stride)
        for x in range(SIZE[1] // stride)
    ]
    expected = torch.tensor(cells).repeat_interleave(9, dim=0)
    # torchvision rounds the anchors' corners to whole pixels.
    torch.testing.assert_close(centers, expected)


def test_anchors_have_three_sizes_and_three_shapes() -> None:
    sides = ANCHORS[:9, 2:] - ANCHORS[:9, :2]
    ratios = sides[:, 1] / sides[:, 0]
    areas = sides.prod(dim=1).sqrt()
    expected = torch.tensor(
        [(size, ratio) for ratio in (0.5, 1.0, 2.0) for size in (32.0, 40.0, 50.0)]
    )
    torch.testing.assert_close(areas, expected[:, 0], rtol=0.05, atol=0)
    torch.testing.assert_close(ratios, expected[:, 1], rtol=0.1, atol=0)


def test_sides_are_torchvision_s_whole_pixels() -> None:
    # 128 · 2^(1/3) = 161.3 and 128 · 2^(2/3) = 203.2
    assert retinanet.sides(32) == (128, 161, 203)
    # torchvision's own five levels, with the same cut.
    expected = _default_anchorgen().sizes
    assert tuple(retinanet.sides(stride) for stride in (8, 16, 32, 64, 128)) == expected


def test_an_offset_moves_all_anchors_of_a_level_alike() -> None:
    moved = ANCHORS - retinanet.anchors_of(STRIDES, SIZE, 0.0)
    fine = 9 * 8 * 12
    assert (moved[:fine] == 4).all()
    assert (moved[fine:] == 8).all()


def test_a_coarser_level_has_larger_anchors() -> None:
    fine, coarse = ANCHORS[0], ANCHORS[9 * 8 * 12]
    assert ((coarse[2:] - coarse[:2]) / (fine[2:] - fine[:2])).tolist() == pytest.approx(
        [2, 2], rel=0.05
    )


# Matching.


@pytest.mark.parametrize("seed", range(20))
def test_the_same_anchors_are_taught_as_by_torchvision_s_matcher(seed: int) -> None:
    boxes = _boxes(6, seed)
    places, chosen, between = retinanet.match(boxes, ANCHORS)
    overlap = box_iou(boxes, ANCHORS)
    matcher = Matcher(retinanet.FOREGROUND, retinanet.BACKGROUND, allow_low_quality_matches=True)
    expected = matcher(overlap)
    assert places.tolist() == (expected >= 0).nonzero().squeeze(1).tolist()
    assert between.tolist() == (expected == Matcher.BETWEEN_THRESHOLDS).nonzero().flatten().tolist()
    # The box is the matcher's, but where a box that no anchor fits better takes the anchor.
    for place, box in zip(places.tolist(), chosen.tolist(), strict=True):
        if box != expected[place]:
            assert overlap[box, place] == overlap[box].max()


def test_every_box_is_taught_however_odd() -> None:
    for boxes in (
        torch.tensor([[0.0, 0.0, 1.0, 1.0]]),  # smaller than any anchor
        torch.tensor([[0.0, 30.0, 96.0, 32.0]]),  # flatter
        torch.tensor([[0.0, 0.0, 96.0, 64.0]]),  # larger
    ):
        places, chosen, _ = retinanet.match(boxes, ANCHORS)
        assert len(places) > 0
        assert set(chosen.tolist()) == {0}


def test_a_box_keeps_its_best_anchor_though_it_suits_another_more() -> None:
    anchors = torch.tensor([[0.0, 0.0, 10.0, 10.0], [40.0, 40.0, 50.0, 50.0]])
    # The first anchor is the second box's best, if a poor one, and fits the first box wholly.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [8.0, 8.0, 14.0, 14.0]])
    places, chosen, between = retinanet.match(boxes[[1]], anchors)
    assert (places.tolist(), chosen.tolist(), between.tolist()) == ([0], [0], [])
    places, chosen, _ = retinanet.match(boxes, anchors)
    assert places.tolist() == [0]
    assert chosen.tolist() == [1]


def test_thresholds_by_hand() -> None:
    anchor = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    others = [[0.0, 0.0, 10.0, y] for y in (5.0, 4.5, 4.0, 3.9)]
    # Overlaps of the box with the anchors: 1 for its best, then 0.5, 0.45, 0.4, 0.39.
    anchors = torch.cat([anchor, torch.tensor(others)])
    places, chosen, between = retinanet.match(anchor, anchors)
    assert places.tolist() == [0, 1]
    assert chosen.tolist() == [0, 0]
    assert between.tolist() == [2, 3]


def test_collate_encodes_as_torchvision_does_and_counts_pictures() -> None:
    boxes, labels = _boxes(4, 1), torch.tensor([0, 2, 1, 0])
    batch = HEAD.collate([_truth(*NONE), _truth(boxes, labels)], SIZE)
    places, chosen, between = retinanet.match(boxes, ANCHORS)
    assert (batch.places - len(ANCHORS)).tolist() == places.tolist()
    assert batch.labels.tolist() == labels[chosen].tolist()
    assert (batch.ignored - len(ANCHORS)).tolist() == between.tolist()
    expected = BoxCoder((1.0, 1.0, 1.0, 1.0)).encode_single(boxes[chosen], ANCHORS[places])
    torch.testing.assert_close(batch.deltas, expected)
    assert batch.looked_for is None
    assert float(HEAD.counts(batch)["positives"]) == len(places)


def test_collate_without_a_box_teaches_nothing_but_background() -> None:
    batch = HEAD.collate([_truth(*NONE)], SIZE)
    assert [len(part) for part in (batch.places, batch.labels, batch.deltas, batch.ignored)] == [
        0
    ] * 4
    assert float(HEAD.counts(batch)["positives"]) == 0


# The head.


def _head() -> RetinaNetHead:
    specs = {"p3": FeatureSpec(8, 8), "p4": FeatureSpec(8, 16)}
    return RetinaNetHead(specs, CLASSES, depth=2, dropout=0.0).to(DEVICE)


def _features(pictures: int = 2) -> dict[str, Tensor]:
    return {
        "p3": torch.randn(pictures, 8, 8, 12, device=DEVICE),
        "p4": torch.randn(pictures, 8, 4, 6, device=DEVICE),
    }


def test_the_head_answers_for_every_anchor() -> None:
    raw = _head()(_features())
    assert raw.logits.shape == (2, 9 * CELLS, CLASSES)
    assert raw.deltas.shape == (2, 9 * CELLS, 4)
    torch.testing.assert_close(raw.anchors.cpu(), ANCHORS)


def test_answers_stand_where_the_anchors_of_their_cell_do() -> None:
    """Per cell all anchors, per anchor all classes: what changes with a cell is that cell's."""
    head = _head()
    for conv in (head.class_logits, head.box_deltas):
        torch.nn.init.zeros_(conv.weight)
        assert conv.bias is not None
        with torch.no_grad():
            conv.bias.copy_(torch.arange(len(conv.bias)))
    raw = head(_features(1))
    wanted = torch.arange(9 * CLASSES, device=DEVICE).reshape(9, CLASSES).float()
    assert torch.equal(raw.logits[0], wanted.repeat(CELLS, 1))
    moves = torch.arange(36, device=DEVICE).reshape(9, 4).float()
    assert torch.equal(raw.deltas[0], moves.repeat(CELLS, 1))


def test_every_anchor_starts_at_probability_0_01() -> None:
    probability = _head()(_features()).logits.detach().sigmoid()
    assert 0.007 < float(probability.mean()) < 0.013


# The loss.


def test_loss_is_a_plain_recomputation() -> None:
    truth = [_truth(_boxes(5, 7), torch.tensor([0, 1, 2, 1, 0])), _truth(*NONE)]
    batch, raw = _to(HEAD.collate(truth, SIZE)), _raw(2)
    matcher = Matcher(0.5, 0.4, allow_low_quality_matches=True)
    focal, moves, taught = 0.0, 0.0, 0
    for picture, own in enumerate(truth):
        wanted = torch.zeros(len(ANCHORS), CLASSES)
        judged = torch.ones(len(ANCHORS), dtype=torch.bool)
        if len(own.boxes):
            judged = matcher(box_iou(own.boxes, ANCHORS)) != Matcher.BETWEEN_THRESHOLDS
            places, chosen, _ = retinanet.match(own.boxes, ANCHORS)
            wanted[places, own.labels[chosen]] = 1
            coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
            deltas = coder.encode_single(own.boxes[chosen], ANCHORS[places])
            said = raw.deltas[picture].cpu()[places]
            moves += float(F.l1_loss(said, deltas, reduction="sum"))
            taught += len(places)
        losses = sigmoid_focal_loss(raw.logits[picture].cpu(), wanted)
        focal += float(losses[judged].sum())
    parts = HEAD.loss(raw, batch, HEAD.counts(batch))
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {"focal": focal / taught, "boxes": moves / taught}, rel=1e-4
    )


def test_a_perfect_answer_has_no_loss_and_is_decoded_to_the_boxes() -> None:
    boxes, labels = torch.tensor([[10.0, 8, 42, 40], [60, 20, 90, 60]]), torch.tensor([2, 0])
    batch = _to(HEAD.collate([_truth(boxes, labels)], SIZE))
    logits = torch.full((len(ANCHORS), CLASSES), -25.0, device=DEVICE)
    deltas = torch.zeros(len(ANCHORS), 4, device=DEVICE)
    logits[batch.places, batch.labels] = 25.0
    deltas[batch.places] = batch.deltas
    raw = RetinaNetRaw(logits[None], deltas[None], ANCHORS.to(DEVICE))
    parts = HEAD.loss(raw, batch, HEAD.counts(batch))
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {"focal": 0, "boxes": 0}, abs=1e-5
    )
    found = detections(*HEAD.scored(raw), SIZE, threshold=0.5, nms=0.6, limit=10)
    labels = found["labels"].cpu()
    order = labels.argsort(descending=True)
    assert labels[order].tolist() == [2, 0]
    torch.testing.assert_close(found["boxes"].cpu()[order], boxes, rtol=1e-4, atol=1e-3)


def test_anchors_in_between_are_taught_nothing() -> None:
    batch = _to(HEAD.collate([_truth(_boxes(4, 2), torch.tensor([0, 1, 2, 0]))], SIZE))
    raw = _raw(1)
    raw.logits.requires_grad_()
    [gradient] = torch.autograd.grad(HEAD.loss(raw, batch, HEAD.counts(batch))["focal"], raw.logits)
    silent = (gradient[0] == 0).all(dim=1).nonzero().squeeze(1)
    assert len(batch.ignored) > 0
    assert silent.tolist() == batch.ignored.tolist()


def test_a_class_that_nobody_looked_for_is_taught_nothing() -> None:
    box, label = torch.tensor([[10.0, 8, 42, 40]]), torch.tensor([1])
    partly = _to(HEAD.collate([_truth(box, label, (True, True, False)), _truth(*NONE)], SIZE))
    wholly = _to(HEAD.collate([_truth(box, label), _truth(*NONE)], SIZE))
    raw = _raw(2)
    raw.logits.requires_grad_()
    gradients = [
        torch.autograd.grad(HEAD.loss(raw, batch, HEAD.counts(batch))["focal"], raw.logits)[0]
        for batch in (partly, wholly)
    ]
    assert (gradients[0][0, :, 2] == 0).all()
    torch.testing.assert_close(gradients[0][0, :, :2], gradients[1][0, :, :2])
    torch.testing.assert_close(gradients[0][1], gradients[1][1])


def test_without_a_box_the_loss_is_finite_and_teaches_background() -> None:
    batch, raw = _to(HEAD.collate([_truth(*NONE)], SIZE)), _raw(1)
    raw.logits.requires_grad_()
    parts = HEAD.loss(raw, batch, HEAD.counts(batch))
    assert float(parts["boxes"]) == 0
    [gradient] = torch.autograd.grad(parts["focal"], raw.logits)
    assert (gradient > 0).all()


def test_scores_are_probabilities_and_boxes_the_moved_anchors() -> None:
    raw = RetinaNetRaw(
        torch.full((1, len(ANCHORS), CLASSES), math.log(3.0)),
        torch.zeros(1, len(ANCHORS), 4),
        ANCHORS,
    )
    scores, boxes = HEAD.scored(raw)
    torch.testing.assert_close(scores, torch.full_like(scores, 0.75))
    torch.testing.assert_close(boxes[0], ANCHORS)
