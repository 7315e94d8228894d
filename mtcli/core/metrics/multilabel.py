"""The meter of multi-label classifications: how well each class is ranked, and said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor

from mtcli.core.metrics.confusion import mean_defined
from mtcli.core.metrics.ranking import average_precision
from mtcli.core.task import Meter, Prediction, Target


class MultilabelMeter(Meter):
    """The probabilities of all pictures, since a ranking cannot be added up."""

    def __init__(self, classes: tuple[str, ...], threshold: float) -> None:
        self._classes = classes
        self._threshold = threshold
        none = torch.zeros(0, len(classes))
        self._rows = [(none, none.bool(), none.bool())]

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        if not targets:
            return
        self._rows.append(
            (
                torch.stack([prediction["probabilities"] for prediction in predictions]),
                torch.stack([target["applies"] for target in targets]),
                torch.stack([target["looked_for"] for target in targets]),
            )
        )

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._rows += other._rows

    def compute(self) -> dict[str, float | None]:
        probabilities, applies, looked_for = self._all()
        counted = self._counted(probabilities, applies, looked_for)
        return {
            "map": mean_defined(_precisions(probabilities, applies, looked_for)),
            "f1_macro": mean_defined([_f1(*counts) for counts in counted.tolist()]),
            "f1_micro": _f1(*counted.sum(0).tolist()),
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        probabilities, applies, looked_for = self._all()
        columns = zip(
            self._classes,
            _precisions(probabilities, applies, looked_for),
            self._counted(probabilities, applies, looked_for).tolist(),
            applies.sum(0).tolist(),
            strict=True,
        )
        return {
            name: {"ap": ap, "f1": _f1(*counts), "labelled": labelled}
            for name, ap, counts, labelled in columns
        }

    def _all(self) -> tuple[Tensor, Tensor, Tensor]:
        probabilities, applies, looked_for = (torch.cat(c) for c in zip(*self._rows, strict=True))
        return probabilities, applies, looked_for

    def _counted(self, probabilities: Tensor, applies: Tensor, looked_for: Tensor) -> Tensor:
        """`[K, 3]`: how often each class was right, was said, and was true."""
        said = (probabilities >= self._threshold) & looked_for
        return torch.stack([(said & applies).sum(0), said.sum(0), applies.sum(0)], dim=1)


def _precisions(probabilities: Tensor, applies: Tensor, looked_for: Tensor) -> list[float | None]:
    """The average precision of each class over the pictures where somebody looked for it."""
    columns = zip(probabilities.T, applies.T, looked_for.T, strict=True)
    return [average_precision(scores[seen], true[seen]) for scores, true, seen in columns]


def _f1(right: int, said: int, true: int) -> float | None:
    """2 TP / (2 TP + FP + FN); None for a class that was neither said nor true."""
    return 2 * right / (said + true) if said + true else None
