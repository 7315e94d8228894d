"""The meter of regressions: errors, and how much of the spread is explained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Self

import torch

from mtcli.core.metrics.confusion import mean_defined
from mtcli.core.task import Meter, Prediction, Target


class RegressionMeter(Meter):
    """Sums of errors, each number apart."""

    def __init__(self, names: tuple[str, ...], means: tuple[float, ...]) -> None:
        self._names = names
        # Squares of numbers far from 0 lose the digits that matter: all is seen from the mean of
        # the training split, of which another meter, of another fold, has its own.
        self._means = torch.tensor(means, dtype=torch.float64)
        self._sums = torch.zeros(5, len(means), dtype=torch.float64)

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            known = target["known"].double()
            true = (target["numbers"].double() - self._means) * known
            found = prediction["numbers"].double().masked_fill(~target["known"], 0.0)
            error = (found - self._means) * known - true
            self._sums += torch.stack([known, error.abs(), error**2, true, true**2])

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            known, absolute, squared, total, squares = other._sums
            off = other._means - self._means
            squares = squares + 2 * off * total + off**2 * known
            self._sums += torch.stack([known, absolute, squared, total + off * known, squares])

    def compute(self) -> dict[str, float | None]:
        each = self._each()
        names = ("mae", "rmse", "r2")
        return {name: mean_defined([numbers[name] for numbers in each]) for name in names}

    def per_class(self) -> dict[str, dict[str, float | None]]:
        if len(self._names) < 2:
            return {}
        return dict(zip(self._names, self._each(), strict=True))

    def _each(self) -> list[dict[str, float | None]]:
        found: list[dict[str, float | None]] = []
        for count, absolute, squared, total, squares in self._sums.T.tolist():
            spread = squares - total**2 / count if count else 0.0
            found.append(
                {
                    "mae": absolute / count if count else None,
                    "rmse": math.sqrt(squared / count) if count else None,
                    "r2": 1 - squared / spread if spread > 1e-12 * squares else None,
                }
            )
        return found
