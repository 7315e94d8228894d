"""The meter of classifications: a confusion matrix, the best five, and calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from mtcli.core.metrics import confusion as tables
from mtcli.core.metrics.calibration import Calibration
from mtcli.core.task import Meter, Prediction, Target


class ClassificationMeter(Meter):
    """A confusion matrix, the hits among the five most probable classes, and calibration."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._matrix = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self._top5_hits = 0
        self._calibration = Calibration()

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        if not targets:
            return
        probabilities = torch.stack([prediction["probabilities"] for prediction in predictions])
        true = torch.stack([target["class"] for target in targets])
        confidence, predicted = probabilities.max(dim=1)
        self._matrix += tables.confusion_matrix(true, predicted, len(self._classes))
        top5 = probabilities.topk(min(5, len(self._classes)), dim=1).indices
        self._top5_hits += int((top5 == true[:, None]).any(dim=1).sum())
        self._calibration.update(confidence, predicted == true)

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._matrix += other._matrix
            self._top5_hits += other._top5_hits
            self._calibration.merge(other._calibration)

    def compute(self) -> dict[str, float | None]:
        labelled = int(self._matrix.sum())
        return {
            "accuracy": tables.accuracy(self._matrix),
            "balanced_accuracy": tables.mean_defined(tables.recalls(self._matrix)),
            "f1_macro": tables.mean_defined(tables.f1_scores(self._matrix)),
            "top5": self._top5_hits / labelled if labelled else None,
            "ece": self._calibration.error(),
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        columns = zip(
            self._classes,
            tables.precisions(self._matrix),
            tables.recalls(self._matrix),
            tables.f1_scores(self._matrix),
            self._matrix.sum(1).tolist(),
            strict=True,
        )
        return {
            name: {"precision": precision, "recall": recall, "f1": f1, "labelled": labelled}
            for name, precision, recall, f1, labelled in columns
        }

    def confusion(self) -> tuple[tuple[str, ...], Tensor]:
        return self._classes, self._matrix
