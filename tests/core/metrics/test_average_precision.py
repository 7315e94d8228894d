"""Average precision, by hand and against pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from mtcli.core.metrics.average_precision import AveragePrecision, Boxes, average_precision

NAMES = ("map", "map50", "map75", "mar100")


def _boxes(
    *rows: tuple[float, float, float, float],
    labels: Sequence[int],
    scores: Sequence[float] | None = None,
    crowd: Sequence[bool] | None = None,
) -> Boxes:
    return Boxes(
        torch.tensor(rows, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(labels, dtype=torch.int64),
        None if scores is None else torch.tensor(scores, dtype=torch.float32),
        None if crowd is None else torch.tensor(crowd, dtype=torch.bool),
    )


A, B = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 70.0, 70.0)


def _random(
    seed: int, pictures: int, classes: int, crowds: bool, found: int = 4
) -> tuple[list[Boxes], list[Boxes]]:
    """Boxes on 100 × 100 pictures, some without truth, some without detections."""
    generator = np.random.default_rng(seed)
    truth, detections = [], []
    for picture in range(pictures):
        number = 0 if picture % 4 == 1 else int(generator.integers(1, 6))
        corners = generator.uniform(0, 60, (number, 2))
        boxes = np.concatenate([corners, corners + generator.uniform(4, 40, (number, 2))], 1)
        labels = generator.integers(0, classes, number)
        crowd = generator.random(number) < (0.3 if crowds else 0.0)
        truth.append(
            Boxes(torch.tensor(boxes).float(), torch.tensor(labels), crowd=torch.tensor(crowd))
        )
        # Half of what is found lies near the truth, half anywhere.
        near = boxes + generator.normal(0, 1.0, boxes.shape)
        right = np.where(generator.random(number) < 0.8, labels, (labels + 1) % classes)
        count = 0 if picture % 5 == 2 else found
        corners = generator.uniform(0, 60, (count, 2))
        others = np.concatenate([corners, corners + generator.uniform(4, 40, (count, 2))], 1)
        if count == 0:
            near, right = near[:0], right[:0]
        every = np.concatenate([near, others])
        detections.append(
            Boxes(
                torch.tensor(every).float(),
                torch.tensor(np.concatenate([right, generator.integers(0, classes, count)])),
                scores=torch.tensor(generator.random(len(every))).float(),
            )
        )
    return truth, detections


def _annotations(pictures: Sequence[Boxes]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for picture, boxes in enumerate(pictures, start=1):
        for index, (x1, y1, x2, y2) in enumerate(boxes.corners.tolist()):
            row = {
                "id": len(rows) + 1,
                "image_id": picture,
                "category_id": int(boxes.labels[index]) + 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": int(boxes.crowd[index]) if boxes.crowd is not None else 0,
            }
            rows.append(
                row if boxes.scores is None else {**row, "score": float(boxes.scores[index])}
            )
    return rows


def _oracle(truth: Sequence[Boxes], found: Sequence[Boxes], classes: int) -> list[float]:
    """AP, AP50, AP75 and AR100 by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        gold = COCO()
        gold.dataset = {
            "images": [{"id": number} for number in range(1, len(truth) + 1)],
            "categories": [{"id": number + 1, "name": str(number)} for number in range(classes)],
            "annotations": _annotations(truth),
        }
        gold.createIndex()
        evaluation = COCOeval(gold, gold.loadRes(_annotations(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(evaluation.stats[place]) for place in (0, 1, 2, 8)]


def _values(result: AveragePrecision) -> list[float | None]:
    return [getattr(result, name) for name in NAMES]


@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_boxes_get_the_numbers_of_pycocotools(seed: int, classes: int, crowds: bool) -> None:
    truth, found = _random(seed, pictures=12, classes=classes, crowds=crowds)
    expected = _oracle(truth, found, classes)
    assert 0.05 < expected[0] < 0.95  # a comparison of something
    assert _values(average_precision(truth, found, classes)) == pytest.approx(expected, abs=1e-6)


def test_more_than_100_detections_a_picture_count_as_in_pycocotools() -> None:
    truth, found = _random(3, pictures=4, classes=2, crowds=False, found=230)
    assert max(len(boxes.labels) for boxes in found) > 200
    expected = _oracle(truth, found, 2)
    assert _values(average_precision(truth, found, 2)) == pytest.approx(expected, abs=1e-6)


def test_a_class_without_truth_counts_as_in_pycocotools() -> None:
    truth, found = _random(4, pictures=8, classes=2, crowds=True)
    expected = _oracle(truth, found, 4)
    result = average_precision(truth, found, 4)
    assert _values(result) == pytest.approx(expected, abs=1e-6)
    assert result.ap[2:] == result.ap50[2:] == (None, None)


def test_the_truth_itself_is_perfect() -> None:
    truth = [_boxes(A, B, labels=[0, 1])]
    found = [_boxes(B, A, labels=[1, 0], scores=[0.3, 0.2])]
    result = average_precision(truth, found, 2)
    assert _values(result) == pytest.approx([1.0] * 4)
    assert result.ap == result.ap50 == pytest.approx((1.0, 1.0))


def test_a_false_box_above_the_true_one_halves_precision() -> None:
    truth = [_boxes(A, labels=[0])]
    found = [_boxes(B, A, labels=[0, 0], scores=[0.9, 0.8])]
    assert _values(average_precision(truth, found, 1)) == pytest.approx([0.5, 0.5, 0.5, 1.0])


def test_a_box_of_another_class_is_no_hit() -> None:
    truth = [_boxes(A, labels=[0])]
    found = [_boxes(A, labels=[1], scores=[0.9])]
    result = average_precision(truth, found, 2)
    assert _values(result) == [0.0] * 4
    assert result.ap == (0.0, None)


def test_overlap_decides_which_thresholds_are_met() -> None:
    truth = [_boxes((0, 0, 10, 10), labels=[0])]
    found = [_boxes((0, 0, 10, 7.2), labels=[0], scores=[0.9])]  # IoU 0.72: of ten, 5 are met
    assert _values(average_precision(truth, found, 1)) == pytest.approx([0.5, 1.0, 0.0, 0.5])


def test_a_crowd_is_neither_asked_for_nor_held_against_a_detection() -> None:
    truth = [_boxes(A, B, labels=[0, 0], crowd=[False, True])]
    inside_the_crowd = (52.0, 52.0, 60.0, 60.0)
    found = [_boxes(inside_the_crowd, A, labels=[0, 0], scores=[0.9, 0.8])]
    assert _values(average_precision(truth, found, 1)) == pytest.approx([1.0] * 4)
    alone = [_boxes(A, labels=[0], scores=[0.8])]
    assert _values(average_precision(truth, alone, 1)) == pytest.approx([1.0] * 4)


def test_what_is_found_where_nothing_is_lowers_precision() -> None:
    truth = [_boxes(A, labels=[0]), _boxes(labels=[])]
    found = [_boxes(A, labels=[0], scores=[0.5]), _boxes(A, labels=[0], scores=[0.9])]
    assert average_precision(truth, found, 1).map == pytest.approx(0.5)


def test_without_a_detection_all_is_0() -> None:
    truth = [_boxes(A, labels=[0])]
    assert _values(average_precision(truth, [_boxes(labels=[], scores=[])], 1)) == [0.0] * 4


@pytest.mark.parametrize(
    "truth",
    [
        pytest.param([], id="no picture"),
        pytest.param([_boxes(labels=[])], id="no box"),
        pytest.param([_boxes(A, labels=[0], crowd=[True])], id="a crowd alone"),
    ],
)
def test_without_truth_nothing_is_defined(truth: list[Boxes]) -> None:
    found = [_boxes(A, labels=[0], scores=[0.9]) for _ in truth]
    result = average_precision(truth, found, 2)
    assert _values(result) == [None] * 4
    assert result.ap == result.ap50 == (None, None)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    average_precision([_boxes(A, labels=[0])], [_boxes(A, labels=[0], scores=[0.9])], 1)
    assert capfd.readouterr() == ("", "")
