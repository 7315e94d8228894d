"""Matching apart from counting comes to the same as COCO's evaluation in one go."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mtcli.core.metrics.average_precision import Boxes, average_precision
from mtcli.core.metrics.matching import match_classes

CLASSES = 3


def boxes(corners: list[list[float]], labels: list[int], **more: list[float]) -> Boxes:
    extra = {key: torch.tensor(values) for key, values in more.items()}
    extra = {key: value.bool() if key == "crowd" else value for key, value in extra.items()}
    return Boxes(torch.tensor(corners).reshape(-1, 4), torch.tensor(labels).long(), **extra)


def picture(generator: torch.Generator, count: int, found: int) -> tuple[Boxes, Boxes]:
    """Random boxes, a tenth of them crowds, and detections around them."""
    corner = torch.rand(count, 2, generator=generator) * 200
    sides = torch.rand(count, 2, generator=generator) * 60 + 30
    truth: Tensor = torch.cat([corner, corner + sides], dim=1)
    labels = torch.randint(0, CLASSES, (count,), generator=generator)
    crowd = torch.rand(count, generator=generator) < 0.1
    which = torch.randint(0, max(count, 1), (found if count else 0,), generator=generator)
    near = truth[which] + torch.randn(len(which), 4, generator=generator) * 4
    scores = torch.rand(len(which), generator=generator)
    return Boxes(truth, labels, crowd=crowd), Boxes(near, labels[which], scores=scores)


def averages(truth: list[Boxes], found: list[Boxes], weights: list[int]) -> list[float]:
    own = [one.averages(np.array(weights)) for one in match_classes(truth, found, CLASSES)]
    precision, recall = np.mean([each for each in own if each is not None], axis=0)
    return [precision.mean(), precision[0], precision[5], recall.mean()]


@pytest.mark.parametrize("seed", range(3))
def test_a_draw_is_what_coco_says_of_the_pictures_drawn(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    sizes = [(12, 60), (0, 0), (25, 400), (3, 9), (8, 40)]  # 400: more than COCO looks at
    truth, found = map(list, zip(*(picture(generator, *size) for size in sizes), strict=True))
    for weights in ([1, 1, 1, 1, 1], [0, 2, 1, 0, 2], [5, 0, 0, 0, 0], [0, 0, 3, 2, 0]):
        drawn = [place for place, times in enumerate(weights) for _ in range(times)]
        wanted = average_precision([truth[n] for n in drawn], [found[n] for n in drawn], CLASSES)
        expected = [wanted.map, wanted.map50, wanted.map75, wanted.mar100]
        assert averages(truth, found, weights) == pytest.approx(expected, abs=1e-12)


def test_a_class_without_boxes_has_no_average() -> None:
    truth = [boxes([[0, 0, 10, 10]], [0], crowd=[False]), boxes([], [], crowd=[])]
    found = [boxes([[0, 0, 10, 10]], [0], scores=[0.9]), boxes([[0, 0, 9, 9]], [0], scores=[0.8])]
    first, second, _ = match_classes(truth, found, CLASSES)
    precision, recall = first.averages(np.array([1, 1])) or (None, None)
    assert precision == pytest.approx(np.ones(10))
    assert recall == pytest.approx(np.ones(10))
    assert first.averages(np.array([0, 2])) is None, "only the picture without a box was drawn"
    assert second.averages(np.array([1, 1])) is None


def test_what_lies_in_a_crowd_is_not_judged() -> None:
    there = [[0.0, 0.0, 100.0, 100.0], [200.0, 0.0, 210.0, 10.0]]
    truth = [boxes(there, [0, 0], crowd=[True, False])]
    said = [[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 20.0, 20.0], [200.0, 0.0, 210.0, 10.0]]
    (first, *_) = match_classes(truth, [boxes(said, [0, 0, 0], scores=[0.9, 0.8, 0.7])], CLASSES)
    assert first.counted.tolist() == [[False, False, True]] * 10
    assert first.right.tolist() == [[False, False, True]] * 10
