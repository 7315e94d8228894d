"""Confidence intervals of metrics, by drawing the measured pictures again and again.

The percentile bootstrap: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter
13. From n pictures n are drawn with replacement and measured; the interval of 95 % leaves out the
lowest and the highest 2.5 % of what many such samples come to. It says how far a metric might be
off because these pictures and no others were measured, and nothing of another training.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from torch import Tensor

from mtcli.core.events import Confidence, Interval, Resampling
from mtcli.core.task import AnyTask, Meter, Prediction, Target

SEED = 0
"""The same pictures have the same intervals whenever they are measured."""

DEFINED = 0.5
"""The share of samples in which a metric must be defined to have an interval."""


class PictureMeter(Meter):
    """A task's meter that keeps what it saw picture by picture as well.

    Attributes:
        pictures: a meter for each.
    """

    def __init__(self, task: AnyTask) -> None:
        self._task = task
        # Apart from the pictures', whose sums have another order, and so other last digits.
        self._whole = task.meter()
        self.pictures: list[Meter] = []

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        self._whole.update(predictions, targets)
        for prediction, target in zip(predictions, targets, strict=True):
            meter = self._task.meter()
            meter.update([prediction], [target])
            self.pictures.append(meter)

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._whole.merge([other._whole])
            self.pictures += other.pictures

    def compute(self) -> dict[str, float | None]:
        return self._whole.compute()

    def per_class(self) -> dict[str, dict[str, float | None]]:
        return self._whole.per_class()

    def confusion(self) -> tuple[tuple[str, ...], Tensor] | None:
        return self._whole.confusion()

    def of_draws(self, draws: Iterable[Sequence[int]]) -> Iterator[dict[str, float | None]]:
        """Every metric of each draw of the pictures that it saw, by their places."""
        return self._task.meter().resampled(self.pictures, draws)


def intervals(
    name: str, meter: PictureMeter, confidence: Confidence
) -> Generator[Resampling, None, dict[str, Interval | None]]:
    """The interval of every metric of a task; None where it, or too many samples', is undefined.

    Samples in which a metric is undefined tell nothing of it, and are left out.

    Args:
        name: of the task.
        meter: with all its pictures.
        confidence: how sure, from how many samples.
    """
    count = len(meter.pictures)
    generator = np.random.default_rng(SEED)
    draws = (
        # In order, as the pictures came: what is added up does not depend on it, but for rounding.
        np.sort(generator.integers(0, count, count)).tolist()
        for _ in range(confidence.resamples if count else 0)
    )
    found: dict[str, list[float]] = {metric: [] for metric in meter.compute()}
    for done, metrics in enumerate(meter.of_draws(draws), start=1):
        for metric, value in metrics.items():
            if value is not None:
                found[metric].append(value)
        yield Resampling(name, done, confidence.resamples)
    whole = meter.compute()
    return {
        metric: None if whole[metric] is None else _percentiles(values, confidence)
        for metric, values in found.items()
    }


def _percentiles(values: Sequence[float], confidence: Confidence) -> Interval | None:
    if len(values) < math.ceil(DEFINED * confidence.resamples):
        return None
    tail = (100 - confidence.level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def new_meters(tasks: Mapping[str, AnyTask]) -> dict[str, PictureMeter]:
    """An empty meter for each task, by name."""
    return {name: PictureMeter(task) for name, task in tasks.items()}
