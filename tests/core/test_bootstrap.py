"""Confidence intervals by drawing pictures: against a known law, and where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from mtcli.core.bootstrap import PictureMeter, intervals
from mtcli.core.events import Confidence, Interval, Resampling
from mtcli.core.tasks import KINDS

SURE = Confidence(95, 1000)


def classification(right: int, wrong: int) -> PictureMeter:
    """A meter that saw so many pictures of two classes."""
    kind = KINDS.get("classification")
    task = kind(
        kind.Options(), kind.Facts.model_validate({"classes": ("a", "b"), "counts": (1, 1)})
    )
    meter = PictureMeter(task)
    said = {"probabilities": torch.tensor([0.9, 0.1])}
    truths = [{"class": torch.tensor(0)}] * right + [{"class": torch.tensor(1)}] * wrong
    meter.update([said] * len(truths), truths)
    return meter


def result(steps: Iterator[Resampling]) -> dict[str, Interval | None]:
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: dict[str, Interval | None] = end.value
            return value


def test_the_interval_of_a_share_is_the_binomials() -> None:
    found = result(intervals("cls", classification(80, 20), SURE))["accuracy"]
    assert found is not None
    # A resampled count is binomial (100, 0.8): its 2.5 % and 97.5 % quantiles are 72 and 87.
    assert found == pytest.approx((0.72, 0.87), abs=0.011)


def test_a_surer_interval_is_wider_and_more_pictures_a_narrower_one() -> None:
    def width(meter: PictureMeter, level: float) -> float:
        found = result(intervals("cls", meter, Confidence(level, 400)))["accuracy"]
        assert found is not None
        return found[1] - found[0]

    few = classification(16, 4)
    assert width(few, 80) < width(few, 95) < width(few, 99)
    ratio = width(few, 95) / width(classification(160, 40), 95)
    assert ratio == pytest.approx(math.sqrt(10), rel=0.25)


def test_it_is_the_same_each_time_and_tells_how_far_it_is() -> None:
    meter = classification(6, 4)
    steps = list(intervals("cls", meter, Confidence(95, 100)))
    assert [steps[0], steps[-1]] == [Resampling("cls", 1, 100), Resampling("cls", 100, 100)]
    assert result(intervals("cls", meter, SURE)) == result(intervals("cls", meter, SURE))


def test_the_numbers_themselves_are_those_without_it() -> None:
    meter, other = classification(6, 4), classification(1, 1)
    meter.merge([other])
    assert len(meter.pictures) == 12
    assert meter.compute() == classification(7, 5).compute()
    assert meter.per_class() == classification(7, 5).per_class()
    table = meter.confusion()
    assert table is not None
    assert table[1].tolist() == [[7, 0], [5, 0]]


def test_without_pictures_there_is_no_interval() -> None:
    found = result(intervals("cls", classification(0, 0), SURE))
    assert found == dict.fromkeys(found)


def test_a_metric_that_most_samples_lack_has_no_interval() -> None:
    kind = KINDS.get("regression")
    learnt = {"means": (0.0,), "deviations": (1.0,), "median_errors": (1.0,)}
    facts = kind.Facts.model_validate(learnt)
    meter = PictureMeter(kind(kind.Options(), facts))
    said = {"numbers": torch.tensor([1.0], dtype=torch.float64)}
    known = torch.tensor([True])
    for number in (0.0, 2.0):
        target = {"numbers": torch.tensor([number], dtype=torch.float64), "known": known}
        meter.update([said], [target])
    found = result(intervals("age", meter, SURE))
    assert found["mae"] == (1.0, 1.0)
    # Half the samples are one picture twice: its number does not vary, and r2 is undefined.
    assert meter.compute()["r2"] == 0.0
    assert found["r2"] in (None, (0.0, 0.0))
