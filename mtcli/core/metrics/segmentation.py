"""The meter of segmentations: a confusion matrix of pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from mtcli.core.maps import IGNORED
from mtcli.core.metrics import confusion as tables
from mtcli.core.task import Meter, Prediction, Target


class SegmentationMeter(Meter):
    """A confusion matrix of pixels."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._matrix = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        for prediction, target in zip(predictions, targets, strict=True):
            true = target["classes"].as_subclass(Tensor).long().flatten()
            found = prediction["classes"].as_subclass(Tensor).long().flatten()
            taught = true != IGNORED
            self._matrix += tables.confusion_matrix(true[taught], found[taught], len(self._classes))

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._matrix += other._matrix

    def compute(self) -> dict[str, float | None]:
        return {
            "miou": tables.mean_defined(tables.overlaps(self._matrix)),
            "dice": tables.mean_defined(tables.f1_scores(self._matrix)),
            "pixel_accuracy": tables.accuracy(self._matrix),
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        columns = zip(
            self._classes,
            tables.overlaps(self._matrix),
            tables.f1_scores(self._matrix),
            self._matrix.sum(1).tolist(),
            strict=True,
        )
        return {
            name: {"iou": overlap, "dice": dice, "pixels": pixels}
            for name, overlap, dice, pixels in columns
        }

    def confusion(self) -> tuple[tuple[str, ...], Tensor]:
        return self._classes, self._matrix
