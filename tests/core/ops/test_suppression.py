"""From scored boxes to detections: worked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from mtcli.core.ops.suppression import detections
from tests.conftest import DEVICE

SIZE = (32, 48)
Box = tuple[float, float, float, float]
APART: list[Box] = [(0, 0, 4, 4), (10, 0, 14, 4), (20, 0, 24, 4)]
NEAR: list[Box] = [(0, 0, 10, 10), (0, 0, 10, 9), (20, 20, 30, 30)]


def _found(
    boxes: Sequence[Any], scores: Sequence[Sequence[float]], **options: Any
) -> tuple[list[list[float]], list[float], list[int]]:
    given: dict[str, Any] = {"threshold": 0.05, "nms": 0.6, "limit": 100, **options}
    found = detections(
        torch.tensor([scores], dtype=torch.float32, device=DEVICE),
        torch.tensor([boxes], dtype=torch.float32, device=DEVICE),
        SIZE,
        **given,
    )
    assert found["image"].tolist() == [0] * len(found["boxes"])
    assert found["counts"].tolist() == [len(found["boxes"])]
    return found["boxes"].tolist(), found["scores"].tolist(), found["labels"].tolist()


def test_the_best_comes_first() -> None:
    corners, scores, labels = _found(APART, [[0.2], [0.9], [0.5]])
    assert [corner[0] for corner in corners] == [10, 20, 0]
    assert scores == pytest.approx([0.9, 0.5, 0.2])
    assert labels == [0, 0, 0]


def test_overlap_is_suppressed_within_a_class_alone() -> None:
    corners, _, labels = _found(NEAR, [[0.9, 0], [0.8, 0], [0.7, 0]])
    assert corners == [[0, 0, 10, 10], [20, 20, 30, 30]]
    assert labels == [0, 0]
    _, _, labels = _found(NEAR, [[0.9, 0], [0, 0.8], [0.7, 0]])
    assert labels == [0, 1, 0]


@pytest.mark.parametrize(("nms", "kept"), [(0.89, 2), (0.91, 3), (1.0, 3)])
def test_as_much_overlap_as_is_asked_for(nms: float, kept: int) -> None:
    # The first two overlap by 90 of 100.
    assert len(_found(NEAR, [[0.9], [0.8], [0.7]], nms=nms)[0]) == kept


def test_one_place_may_be_of_two_classes() -> None:
    corners, _, labels = _found([(0, 0, 8, 8)], [[0.5, 0.7]])
    assert corners == [[0, 0, 8, 8]] * 2
    assert labels == [1, 0]


def test_each_class_may_have_a_box_of_its_own() -> None:
    own = [[(0, 0, 4, 4), (8, 8, 12, 12)], [(20, 0, 24, 4), (1, 2, 3, 4)]]
    corners, scores, labels = _found(own, [[0.9, 0.1], [0.01, 0.6]])
    assert corners == [[0, 0, 4, 4], [1, 2, 3, 4], [8, 8, 12, 12]]
    assert scores == pytest.approx([0.9, 0.6, 0.1])
    assert labels == [0, 1, 1]


def test_the_limit_keeps_the_best() -> None:
    corners, _, _ = _found(APART, [[0.2], [0.9], [0.5]], limit=2)
    assert [corner[0] for corner in corners] == [10, 20]


def test_the_limit_counts_what_is_left_after_suppression() -> None:
    corners, _, _ = _found(NEAR, [[0.9], [0.8], [0.7]], limit=2)
    assert corners == [[0, 0, 10, 10], [20, 20, 30, 30]]


def test_only_the_best_candidates_are_compared() -> None:
    corners, _, _ = _found(NEAR, [[0.9], [0.8], [0.7]], candidates=2)
    assert corners == [[0, 0, 10, 10]]


def test_what_is_not_above_the_threshold_is_dropped() -> None:
    assert _found(APART, [[0.5], [0.25], [0.75]], threshold=0.5)[1] == [0.75]
    assert _found(APART, [[0.0], [0.0], [0.0]], threshold=0.0) == ([], [], [])


def test_boxes_are_cut_off_at_the_border() -> None:
    assert _found([(-5, 4, 60, 60)], [[0.9]])[0] == [[0, 4, 48, 32]]


def test_nothing_found_has_the_shapes_of_something() -> None:
    none = detections(
        torch.zeros(2, 0, 3), torch.zeros(2, 0, 4), SIZE, threshold=0.05, nms=0.6, limit=100
    )
    shapes = [tuple(none[name].shape) for name in ("boxes", "scores", "labels", "image")]
    assert shapes == [(0, 4), (0,), (0,), (0,)]
    assert none["counts"].tolist() == [0, 0]


def test_the_order_of_places_does_not_matter() -> None:
    corner = torch.rand(60, 2) * 20
    boxes = torch.cat([corner, corner + 4 + torch.rand(60, 2) * 10], dim=1)
    scores, order = torch.rand(60, 3), torch.randperm(60)

    def found(boxes: Tensor, scores: Tensor) -> dict[str, Tensor]:
        return detections(scores[None], boxes[None], SIZE, threshold=0.1, nms=0.5, limit=30)

    one, other = found(boxes, scores), found(boxes[order], scores[order])
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_pictures_stand_one_behind_the_other() -> None:
    # The last is better than all of the first, and lies where the first's do.
    scores = torch.tensor([[[0.3], [0.2], [0.4]], [[0.0], [0.0], [0.0]], [[0.9], [0.8], [0.7]]])
    boxes = torch.tensor([NEAR] * 3, dtype=torch.float32)
    found = detections(scores, boxes, SIZE, threshold=0.05, nms=0.6, limit=100)
    assert found["image"].tolist() == [0, 0, 2, 2]
    assert found["counts"].tolist() == [2, 0, 2]
    assert found["scores"].tolist() == pytest.approx([0.4, 0.3, 0.9, 0.7])


@pytest.mark.parametrize(("pictures", "classes", "side"), [(2, 3, 40), (8, 80, 1024), (64, 4, 640)])
def test_all_pictures_at_once_are_each_alone(
    pictures: int, classes: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a graph does it, where boxes of other pictures and classes lie on other tiles."""
    generator = torch.Generator().manual_seed(5)
    corner = torch.rand(pictures, 150, 2, generator=generator) * side * 0.8
    grown = torch.rand(pictures, 150, 2, generator=generator) * side * 0.2
    boxes = torch.cat([corner, corner + grown], dim=2)
    scores = torch.rand(pictures, 150, classes, generator=generator)
    options: dict[str, Any] = {"threshold": 0.3, "nms": 0.3, "limit": 40}
    each = detections(scores, boxes, (side, side), **options)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    at_once = detections(scores, boxes, (side, side), **options)
    assert len(each["boxes"]) > 20 * pictures
    for name, values in each.items():
        assert torch.equal(values, at_once[name]), name
