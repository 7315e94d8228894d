"""The meter of depths: errors over measured pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from mtcli.core.maps import UNMEASURED
from mtcli.core.task import Meter, Prediction, Target

CLOSE = 1.25
"""A depth is close to the true one when neither is this many times the other."""


class DepthMeter(Meter):
    """Sums over measured pixels, of all pictures together as in Eigen et al."""

    def __init__(self) -> None:
        # Picture by picture: sums of floats depend on their order, these on that of pictures alone.
        self._pictures: list[tuple[float, float, float, float]] = []

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            true = target["depth"].as_subclass(Tensor)
            measured = true > UNMEASURED
            true = true[measured].double()
            found = prediction["depth"].as_subclass(Tensor)[measured].double()
            error = found - true
            close = torch.maximum(found / true, true / found) < CLOSE
            sums = ((error.abs() / true).sum(), (error**2).sum(), close.sum())
            relative, squared, near = (float(total) for total in sums)
            self._pictures.append((len(true), relative, squared, near))

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._pictures += other._pictures

    def compute(self) -> dict[str, float | None]:
        count = math.fsum(picture[0] for picture in self._pictures)
        if not count:
            return dict.fromkeys(("abs_rel", "rmse", "delta1"))
        relative, squared, near = (
            math.fsum(picture[part] for picture in self._pictures) / count for part in (1, 2, 3)
        )
        return {"abs_rel": relative, "rmse": math.sqrt(squared), "delta1": near}

    def per_class(self) -> dict[str, dict[str, float | None]]:
        return {}
