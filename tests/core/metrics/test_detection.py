"""The meter of detections: average precision of a few boxes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from mtcli.core.metrics.detection import DetectionMeter
from mtcli.core.task import Prediction, Target

Box = tuple[float, float, float, float]
BOXES: tuple[Box, ...] = ((0, 0, 10, 10), (20, 20, 40, 40))


def _target(
    *boxes: Box,
    labels: Sequence[int] = (),
    crowd: Sequence[bool] = (),
    looked_for: Sequence[bool] = (True, True, True),
) -> Target:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "crowd": torch.tensor(list(crowd) or [False] * len(boxes), dtype=torch.bool),
        "looked_for": torch.tensor(looked_for),
    }


def _found(*boxes: Box, labels: Sequence[int] = ()) -> Prediction:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "scores": torch.full((len(boxes),), 0.9),
    }


def test_perfect_predictions_have_the_best_metrics() -> None:
    meter = DetectionMeter(("a", "b"))
    meter.update(
        [_found(*BOXES, labels=(0, 1)), _found()], [_target(*BOXES, labels=(0, 1)), _target()]
    )
    best = pytest.approx(1.0)
    assert meter.compute() == {"map": best, "map50": best, "map75": best, "mar100": best}


def test_metrics_by_class() -> None:
    meter = DetectionMeter(("a", "b", "c"))
    meter.update([_found(BOXES[0], labels=(0,))], [_target(*BOXES, labels=(0, 1))])
    assert meter.per_class() == {
        "a": {"ap": pytest.approx(1.0), "ap50": pytest.approx(1.0), "boxes": 1},
        "b": {"ap": 0.0, "ap50": 0.0, "boxes": 1},
        "c": {"ap": None, "ap50": None, "boxes": 0},
    }
    assert meter.compute()["map"] == pytest.approx(0.5)


def test_what_nobody_looked_for_is_neither_right_nor_wrong() -> None:
    meter = DetectionMeter(("a", "b"))
    target = _target(BOXES[0], labels=(0,), looked_for=(True, False))
    meter.update([_found(*BOXES, labels=(0, 1))], [target])
    assert meter.compute()["map"] == pytest.approx(1.0)


def test_a_crowd_is_counted_among_no_boxes() -> None:
    meter = DetectionMeter(("a",))
    meter.update([_found()], [_target(*BOXES, labels=(0, 0), crowd=(True, False))])
    assert meter.per_class()["a"]["boxes"] == 1


def test_merged_meters_say_what_one_says() -> None:
    whole, first, second = (DetectionMeter(("a", "b")) for _ in range(3))
    pictures = [
        ([_found(BOXES[0], labels=(0,))], [_target(BOXES[0], labels=(0,))]),
        ([_found(BOXES[0], labels=(1,))], [_target(BOXES[1], labels=(1,))]),
    ]
    for predictions, targets in pictures:
        whole.update(predictions, targets)
    first.update(*pictures[0])
    second.update(*pictures[1])
    first.compute()  # what was computed before does not stay
    first.merge([second])
    assert first.compute() == whole.compute()
    assert first.per_class() == whole.per_class()


def test_an_empty_meter_has_no_metric() -> None:
    meter = DetectionMeter(("a",))
    assert set(meter.compute().values()) == {None}
    assert meter.per_class() == {"a": {"ap": None, "ap50": None, "boxes": 0}}
