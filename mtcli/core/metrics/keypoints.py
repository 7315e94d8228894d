"""The meter of keypoints: how far off each point is, and whether that is near enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from mtcli.core.ops.points import MISSING, diagonal, distances
from mtcli.core.task import Meter, Prediction, Target

NEAR = 0.05
"""A point is found within this share of the picture's diagonal."""


class KeypointsMeter(Meter):
    """How far off each labelled point is, and whether that is near enough."""

    def __init__(self, points: tuple[str, ...]) -> None:
        self._points = points
        # Picture by picture: sums of floats depend on their order, these on that of pictures alone.
        self._pictures: list[Tensor] = []

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            true = target["points"]
            known = target["visibility"] != MISSING
            distance = distances(prediction["points"], true) * known
            near = (distance <= NEAR * diagonal(true)) & known
            self._pictures.append(torch.stack([known.double(), near.double(), distance]))

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._pictures += other._pictures

    def compute(self) -> dict[str, float | None]:
        return _metrics(*self._sums().sum(dim=1).tolist())

    def per_class(self) -> dict[str, dict[str, float | None]]:
        columns = zip(self._points, self._sums().T.tolist(), strict=True)
        return {name: {**_metrics(*sums), "labelled": int(sums[0])} for name, sums in columns}

    def _sums(self) -> Tensor:
        """How many points are known, how many near, and how far off all are: `[3, K]`."""
        nothing = torch.zeros(3, len(self._points), dtype=torch.float64)
        return torch.stack([nothing, *self._pictures]).sum(dim=0)


def _metrics(known: float, near: float, distance: float) -> dict[str, float | None]:
    return {
        "pck": near / known if known else None,
        "error": distance / known if known else None,
    }
