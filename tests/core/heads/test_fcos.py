"""FCOS: matching, loss and decoding against cases worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from mtcli.core.data.sample import each_tensor
from mtcli.core.features import FeatureSpec
from mtcli.core.heads import fcos
from mtcli.core.heads.detector import Truth
from mtcli.core.heads.fcos import Fcos, FcosBatch, FcosHead, FcosRaw
from mtcli.core.ops.boxes import cell_centers
from mtcli.core.ops.suppression import detections
from tests.conftest import DEVICE

Box = tuple[float, float, float, float]


def _match(
    boxes: Sequence[Box], strides: Sequence[int], size: tuple[int, int]
) -> dict[int, tuple[int, float]]:
    """The box and the centerness of each positive cell."""
    cells, chosen, centerness = fcos.match(torch.tensor(boxes, dtype=torch.float32), strides, size)
    rows = zip(cells.tolist(), chosen.tolist(), centerness.tolist(), strict=True)
    return {cell: (box, value) for cell, box, value in rows}


def _cells_by_level(cells: Sequence[int], strides: Sequence[int], side: int) -> list[list[Box]]:
    """The centres of the positive cells of each level, for a square input."""
    found: list[list[Box]] = []
    first = 0
    for stride in strides:
        across = side // stride
        own = [cell - first for cell in cells if first <= cell < first + across**2]
        found.append(
            [((c % across + 0.5) * stride, (c // across + 0.5) * stride) for c in own]  # type: ignore[misc]
        )
        first += across**2
    return found


CLASSES = 3
FCOS = Fcos(CLASSES, ("p2", "p3"), depth=2, dropout=0.0)
NOTHING = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


def _truth(boxes: Tensor, labels: Tensor, looked_for: Sequence[bool] = (True,) * 3) -> Truth:
    return Truth(boxes, labels, torch.tensor(looked_for))


def _to(batch: FcosBatch) -> FcosBatch:
    return each_tensor(batch, lambda tensor: tensor.to(DEVICE))  # type: ignore[no-any-return]


def test_cell_centers_go_row_by_row() -> None:
    centers = cell_centers(2, 3, 4, None)
    assert centers.tolist() == [[2, 2], [6, 2], [10, 2], [2, 6], [6, 6], [10, 6]]


def test_match_of_a_centred_box() -> None:
    # Centres at 2, 6, 10, 14; the box's is 8, and 6 pixels (1.5 strides) from it is too far.
    found = _match([(0, 0, 16, 16)], [4], (16, 16))
    assert list(found) == [5, 6, 9, 10]
    # Each of the four is 6 from one side and 10 from the other, both ways.
    assert [value for _, value in found.values()] == pytest.approx([0.6] * 4)


def test_centerness_by_hand() -> None:
    # One cell, at (6, 6): left 4, right 6, top 1, bottom 9.
    found = _match([(2, 5, 12, 15)], [4], (8, 8))
    assert found[3][1] == pytest.approx(math.sqrt((4 / 6) * (1 / 9)))


def test_the_cell_in_the_middle_of_a_box_has_centerness_1() -> None:
    assert _match([(4, 4, 8, 8)], [4], (16, 16)) == {5: (0, 1.0)}


@pytest.mark.parametrize("side", [8, 40, 80, 120])
def test_a_gap_between_levels_leaves_no_size_unseen(side: float) -> None:
    assert _match([(0, 0, side, side)], [4, 16], (128, 128))


@pytest.mark.parametrize("small_first", [False, True])
def test_of_two_boxes_the_smaller_wins(small_first: bool) -> None:
    boxes: list[Box] = [(0, 0, 16, 16), (4, 4, 12, 12)]
    small = 1
    if small_first:
        boxes, small = boxes[::-1], 0
    found = _match(boxes, [4], (16, 16))
    assert list(found) == [5, 6, 9, 10]
    for box, value in found.values():
        assert box == small
        assert value == pytest.approx(1 / 3)  # 2 and 6 from the sides of the smaller


def test_where_only_the_larger_box_is_it_keeps_its_cells() -> None:
    found = _match([(0, 0, 16, 16), (4, 4, 8, 8)], [4], (16, 16))
    assert {cell: box for cell, (box, _) in found.items()} == {5: 1, 6: 0, 9: 0, 10: 0}


@pytest.mark.parametrize(
    ("side", "at_4", "at_8", "at_16"),
    [
        # The farthest side decides; 30 is 30 and 32 from the sides: exactly 8 strides of 4.
        (62, [(30, 30)], [(x, y) for y in (20, 28, 36) for x in (20, 28, 36)], []),
        # 28 is 28 and 32 from the sides: exactly 4 strides of 8, which are not enough.
        (
            60,
            [(30, 30)],
            [(x, y) for y in (20, 28, 36) for x in (20, 28, 36) if (x, y) != (28, 28)],
            [],
        ),
        # 60 is 60 and 64 from the sides: exactly 8 strides of 8.
        (124, [], [(60, 60)], [(x, y) for y in (40, 56, 72) for x in (40, 56, 72)]),
        # Small boxes are the finest level's alone.
        (8, [(2, 2), (6, 2), (2, 6), (6, 6)], [], []),
    ],
)
def test_levels_share_boxes_by_their_size(
    side: float,
    at_4: list[tuple[float, float]],
    at_8: list[tuple[float, float]],
    at_16: list[tuple[float, float]],
) -> None:
    strides = (4, 8, 16)
    found = _match([(0, 0, side, side)], strides, (128, 128))
    cells = _cells_by_level(list(found), strides, 128)
    assert [[tuple(xy) for xy in level] for level in cells] == [at_4, at_8, at_16]


def test_the_coarsest_level_has_no_upper_end() -> None:
    found = _match([(0, 0, 256, 256)], (4, 8), (256, 256))
    assert len(found) == 4
    assert min(found) >= 64 * 64


def test_a_box_smaller_than_a_cell_is_found_by_the_cell_whose_centre_it_holds() -> None:
    assert list(_match([(3, 3, 6, 6)], [8], (16, 16))) == [0]
    assert _match([(5, 5, 7, 7)], [8], (16, 16)) == {}


def test_cells_are_counted_by_width_where_the_input_is_not_square() -> None:
    assert list(_match([(8, 4, 12, 8)], [4], (8, 16))) == [6]


def test_collate_places_each_picture_behind_the_other() -> None:
    boxes = [
        torch.tensor([[4.0, 4.0, 8.0, 8.0]]),
        torch.zeros(0, 4),
        torch.tensor([[0.0, 0.0, 4.0, 4.0], [12.0, 12.0, 16.0, 16.0]]),
    ]
    labels = [torch.tensor([2]), torch.zeros(0, dtype=torch.int64), torch.tensor([0, 1])]
    batch = FCOS.collate([_truth(*own) for own in zip(boxes, labels, strict=True)], (16, 16))
    per_picture = 16 + 4
    assert batch.cells.tolist() == [5, 2 * per_picture, 2 * per_picture + 15]
    assert batch.labels.tolist() == [2, 0, 1]
    assert batch.boxes.tolist() == [[4, 4, 8, 8], [0, 0, 4, 4], [12, 12, 16, 16]]
    assert batch.centerness.tolist() == [1, 1, 1]
    assert batch.looked_for is None


def test_collate_without_a_box_has_no_positive_cell() -> None:
    batch = FCOS.collate([_truth(*NOTHING)], (16, 16))
    assert [len(t) for t in (batch.cells, batch.labels, batch.boxes, batch.centerness)] == [0] * 4
    assert {name: float(count) for name, count in FCOS.counts(batch).items()} == {
        "positives": 0,
        "centerness": 0,
    }


def _head(classes: int = 2, channels: int = 8) -> FcosHead:
    specs = {"p3": FeatureSpec(channels, 8), "p4": FeatureSpec(channels, 16)}
    return FcosHead(specs, classes, depth=2, dropout=0.0).to(DEVICE)


def _features(pictures: int = 2, channels: int = 8) -> dict[str, Tensor]:
    return {
        "p3": torch.randn(pictures, channels, 4, 6, device=DEVICE),
        "p4": torch.randn(pictures, channels, 2, 3, device=DEVICE),
    }


def test_the_head_answers_for_every_cell() -> None:
    raw = _head(classes=5)(_features())
    assert raw.logits.shape == (2, 24 + 6, 5)
    assert raw.boxes.shape == (2, 24 + 6, 4)
    assert raw.centerness.shape == (2, 24 + 6)


def test_every_cell_starts_at_probability_0_01() -> None:
    head = _head()
    assert head.class_logits.bias is not None
    torch.testing.assert_close(head.class_logits.bias.sigmoid().cpu(), torch.full((2,), 0.01))
    probability = head(_features()).logits.detach().sigmoid()
    assert 0.007 < float(probability.mean()) < 0.013


def test_cells_of_all_levels_stand_where_match_counts_them() -> None:
    """Boxes of a head that says the same of every cell lie about the cells' centres."""
    head = _head()
    torch.nn.init.zeros_(head.box_distances.weight)
    boxes = head(_features(1)).boxes[0].detach().cpu()
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    expected = torch.cat([cell_centers(4, 6, 8, None), cell_centers(2, 3, 16, None)])
    torch.testing.assert_close(centers, expected)
    sides = boxes[:, 2] - boxes[:, 0]
    torch.testing.assert_close(sides, torch.tensor([16.0] * 24 + [32.0] * 6))


def test_each_level_has_a_scale_of_its_own() -> None:
    head = _head()
    torch.nn.init.zeros_(head.box_distances.weight)
    torch.nn.init.ones_(head.box_distances.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        head.scales.copy_(torch.tensor([1.0, 2.0]))
    boxes = head(_features(1)).boxes[0].detach().cpu()
    sides = boxes[:, 2] - boxes[:, 0]
    expected = torch.tensor([2 * 8 * math.e] * 24 + [2 * 16 * math.e**2] * 6)
    torch.testing.assert_close(sides, expected)


def test_no_distance_is_infinite_or_below_0() -> None:
    head = _head()
    torch.nn.init.constant_(head.box_distances.bias, 1e4)  # type: ignore[arg-type]
    boxes = head(_features()).boxes
    assert boxes.isfinite().all()
    torch.nn.init.constant_(head.box_distances.bias, -1e4)  # type: ignore[arg-type]
    boxes = head(_features()).boxes
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


def test_boxes_are_exact_in_half_precision() -> None:
    with torch.autocast(DEVICE.type, torch.bfloat16):
        assert _head()(_features()).boxes.dtype == torch.float32


SIZE = (32, 32)
TRUTH = [
    (torch.tensor([[4.0, 4.0, 8.0, 8.0], [16.0, 10.0, 30.0, 26.0]]), torch.tensor([1, 0])),
    NOTHING,
    (torch.tensor([[0.0, 0.0, 32.0, 32.0]]), torch.tensor([2])),
]


def _batch() -> FcosBatch:
    return FCOS.collate([_truth(*own) for own in TRUTH], SIZE)


def _one() -> FcosBatch:
    """One box, of class 1, which lies about the centre of one cell: its centerness is 1."""
    return FCOS.collate([_truth(torch.tensor([[4.0, 4.0, 8.0, 8.0]]), torch.tensor([1]))], SIZE)


def _perfect(batch: FcosBatch, pictures: int) -> FcosRaw:
    """Sure of every cell, with the boxes and the centerness that the batch asks for."""
    cells = 64 + 16
    logits = torch.full((pictures * cells, CLASSES), -25.0)
    logits[batch.cells, batch.labels] = 25.0
    boxes = torch.tensor([0.0, 0.0, 1.0, 1.0]).repeat(pictures * cells, 1)
    boxes[batch.cells] = batch.boxes
    centerness = torch.zeros(pictures * cells)
    centerness[batch.cells] = batch.centerness.logit(eps=1e-7)
    return FcosRaw(
        logits.reshape(pictures, cells, CLASSES).to(DEVICE),
        boxes.reshape(pictures, cells, 4).to(DEVICE),
        centerness.reshape(pictures, cells).to(DEVICE),
    )


def test_a_perfect_answer_has_next_to_no_loss() -> None:
    batch = _one()
    parts = FCOS.loss(_perfect(batch, 1), _to(batch), FCOS.counts(_to(batch)))
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {"focal": 0, "giou": 0, "centerness": 0}, abs=1e-5
    )


def test_a_wrong_answer_has_loss_in_every_part() -> None:
    batch = _one()
    right = _perfect(batch, 1)
    wrong = FcosRaw(-right.logits, right.boxes + 20, -right.centerness)
    parts = FCOS.loss(wrong, _to(batch), FCOS.counts(_to(batch)))
    assert all(part > 1 for part in parts.values())


def test_loss_is_a_plain_recomputation() -> None:
    batch, cells = _batch(), 64 + 16
    corners = torch.rand(3, cells, 2, 2).sort(dim=2).values * 32
    raw = FcosRaw(
        torch.randn(3, cells, CLASSES), corners.reshape(3, cells, 4), torch.randn(3, cells)
    )
    positives = dict(zip(batch.cells.tolist(), range(len(batch.cells)), strict=True))
    focal = giou = centerness = 0.0
    for cell in range(3 * cells):
        picture, place = divmod(cell, cells)
        match = positives.get(cell)
        for number in range(CLASSES):
            probability = 1 / (1 + math.exp(-float(raw.logits[picture, place, number])))
            if match is not None and int(batch.labels[match]) == number:
                focal -= 0.25 * (1 - probability) ** 2 * math.log(probability)
            else:
                focal -= 0.75 * probability**2 * math.log(1 - probability)
        if match is not None:
            wanted = float(batch.centerness[match])
            said = 1 / (1 + math.exp(-float(raw.centerness[picture, place])))
            centerness -= wanted * math.log(said) + (1 - wanted) * math.log(1 - said)
            giou += wanted * (
                1 - _giou(raw.boxes[picture, place].tolist(), batch.boxes[match].tolist())
            )
    raw = FcosRaw(raw.logits.to(DEVICE), raw.boxes.to(DEVICE), raw.centerness.to(DEVICE))
    parts = FCOS.loss(raw, _to(batch), FCOS.counts(_to(batch)))
    assert {name: float(part) for name, part in parts.items()} == pytest.approx(
        {
            "focal": focal / len(positives),
            "giou": giou / float(batch.centerness.sum()),
            "centerness": centerness / len(positives),
        },
        rel=1e-4,
    )


def _giou(a: Sequence[float], b: Sequence[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inside = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside
    hull = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return inside / union - (hull - union) / hull


def test_without_a_box_the_loss_is_finite_and_teaches_background() -> None:
    batch = _to(FCOS.collate([_truth(*NOTHING)], SIZE))
    logits = torch.zeros(1, 80, CLASSES, device=DEVICE, requires_grad=True)
    raw = FcosRaw(logits, torch.zeros(1, 80, 4, device=DEVICE), torch.zeros(1, 80, device=DEVICE))
    parts = FCOS.loss(raw, batch, FCOS.counts(batch))
    assert float(parts["giou"]) == float(parts["centerness"]) == 0
    parts["focal"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_the_loss_of_a_batch_is_the_sum_of_its_pictures_losses() -> None:
    whole = _to(_batch())
    raw = FcosRaw(
        torch.randn(3, 80, CLASSES, device=DEVICE),
        _perfect(_batch(), 3).boxes + torch.rand(3, 80, 4, device=DEVICE),
        torch.randn(3, 80, device=DEVICE),
    )
    shared = FCOS.counts(whole)
    expected = FCOS.loss(raw, whole, shared)
    total = dict.fromkeys(expected, 0.0)
    for picture, (boxes, labels) in enumerate(TRUTH):
        own = _to(FCOS.collate([_truth(boxes, labels)], SIZE))
        row = slice(picture, picture + 1)
        alone = FcosRaw(raw.logits[row], raw.boxes[row], raw.centerness[row])
        for name, part in FCOS.loss(alone, own, shared).items():
            total[name] += float(part)
    assert total == pytest.approx({name: float(part) for name, part in expected.items()}, rel=1e-5)


def _decode(raw: FcosRaw) -> list[tuple[Tensor, Tensor, Tensor]]:
    found = detections(*FCOS.scored(raw), SIZE, threshold=0.05, nms=0.6, limit=100)
    each = found["counts"].tolist()
    columns = (torch.split(found[name].cpu(), each) for name in ("boxes", "scores", "labels"))
    return list(zip(*columns, strict=True))


def test_decode_finds_the_boxes_of_a_perfect_answer() -> None:
    found = _decode(_perfect(_batch(), 3))
    for (boxes, labels), (found_boxes, scores, found_labels) in zip(TRUTH, found, strict=True):
        assert len(found_boxes) == len(boxes)
        order = found_labels.argsort()
        expected = labels.argsort()
        assert found_labels[order].tolist() == labels[expected].tolist()
        torch.testing.assert_close(found_boxes[order], boxes[expected])
        assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_the_score_is_the_geometric_mean_of_class_and_centerness() -> None:
    probability, centerness = 0.8, 0.3
    raw = FcosRaw(
        torch.tensor([[[math.log(probability / (1 - probability))]]]),
        torch.tensor([[[0.0, 0.0, 8.0, 8.0]]]),
        torch.tensor([[math.log(centerness / (1 - centerness))]]),
    )
    scores, boxes = FCOS.scored(raw)
    assert scores.shape == (1, 1, 1)
    assert float(scores) == pytest.approx(math.sqrt(probability * centerness))
    assert boxes is raw.boxes


def test_a_class_that_nobody_looked_for_is_taught_nothing() -> None:
    """Neither by its logits in that picture, nor in the counts; the others are as ever."""
    box, label = torch.tensor([[4.0, 4.0, 8.0, 8.0]]), torch.tensor([1])
    partly = _to(FCOS.collate([_truth(box, label, (True, True, False)), _truth(*NOTHING)], SIZE))
    wholly = _to(FCOS.collate([_truth(box, label), _truth(*NOTHING)], SIZE))
    raw = FcosRaw(
        torch.randn(2, 80, CLASSES, device=DEVICE, requires_grad=True),
        torch.rand(2, 80, 2, 2, device=DEVICE).sort(dim=2).values.reshape(2, 80, 4) * 32,
        torch.randn(2, 80, device=DEVICE),
    )
    assert FCOS.counts(partly) == FCOS.counts(wholly)
    gradients = []
    for batch in (partly, wholly):
        focal = FCOS.loss(raw, batch, FCOS.counts(batch))["focal"]
        [gradient] = torch.autograd.grad(focal, raw.logits)
        gradients.append(gradient)
    assert (gradients[0][0, :, 2] == 0).all()
    torch.testing.assert_close(gradients[0][0, :, :2], gradients[1][0, :, :2])
    torch.testing.assert_close(gradients[0][1], gradients[1][1])


@pytest.mark.parametrize("channels", [16, 32, 64])
def test_a_map_of_one_cell_is_answered_and_by_what_it_shows(channels: int) -> None:
    """Groups of one channel would norm a single value: to 0, or, for one row, to an error."""
    head = FcosHead({"p5": FeatureSpec(channels, 32)}, 2, depth=2, dropout=0.0).to(DEVICE)
    feature = torch.randn(2, channels, 1, 1, device=DEVICE)
    first, second = head({"p5": feature}).logits.detach()
    assert not torch.equal(first, second)
    torch.testing.assert_close(head({"p5": feature[:1]}).logits.detach()[0], first)
