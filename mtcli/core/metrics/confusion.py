"""Metrics of a confusion matrix `[K, K]`, rows the true class, columns the predicted one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def confusion_matrix(true: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Counts `[K, K]` int64 from class numbers `[N]` int64."""
    flat = true * classes + predicted
    return torch.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: Tensor) -> float | None:
    """The share on the diagonal; None without a picture."""
    return _ratio(matrix.diagonal().sum(), matrix.sum())


def recalls(matrix: Tensor) -> list[float | None]:
    """The share of each true class that was found; None for a class that does not occur."""
    return [_ratio(hit, total) for hit, total in zip(matrix.diagonal(), matrix.sum(1), strict=True)]


def precisions(matrix: Tensor) -> list[float | None]:
    """The share of each predicted class that was right; None for one never predicted."""
    return recalls(matrix.T)


def f1_scores(matrix: Tensor) -> list[float | None]:
    """2 TP / (2 TP + FP + FN) a class; None for one in neither labels nor predictions."""
    hits = matrix.diagonal()
    return [
        _ratio(2 * hit, total)
        for hit, total in zip(hits, matrix.sum(0) + matrix.sum(1), strict=True)
    ]


def overlaps(matrix: Tensor) -> list[float | None]:
    """TP / (TP + FP + FN), the intersection over union, a class; None where `f1_scores` is."""
    hits = matrix.diagonal()
    return [
        _ratio(hit, total - hit)
        for hit, total in zip(hits, matrix.sum(0) + matrix.sum(1), strict=True)
    ]


def mean_defined(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are defined; None where none is."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _ratio(part: Tensor, whole: Tensor) -> float | None:
    return float(part) / float(whole) if whole else None
