"""The meter of detections: boxes of all pictures, and COCO's average precision of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import numpy as np

from mtcli.core.metrics.average_precision import AveragePrecision, Boxes, average_precision
from mtcli.core.metrics.matching import match_classes
from mtcli.core.task import Meter, Prediction, Target


class DetectionMeter(Meter):
    """Boxes of all pictures, for COCO's average precision."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._truth: list[Boxes] = []
        self._found: list[Boxes] = []
        self._result: AveragePrecision | None = None

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        self._result = None
        for prediction, target in zip(predictions, targets, strict=True):
            # What nobody looked for in this picture is neither right nor wrong.
            judged = target["looked_for"][prediction["labels"]]
            boxes, labels, scores = (prediction[k][judged] for k in ("boxes", "labels", "scores"))
            self._found.append(Boxes(boxes, labels, scores=scores))
            self._truth.append(Boxes(target["boxes"], target["labels"], crowd=target["crowd"]))

    def merge(self, others: Iterable[Self]) -> None:
        self._result = None
        for other in others:
            self._truth += other._truth
            self._found += other._found

    def compute(self) -> dict[str, float | None]:
        result = self._average_precision()
        return {
            "map": result.map,
            "map50": result.map50,
            "map75": result.map75,
            "mar100": result.mar100,
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        result = self._average_precision()
        totals = [0] * len(self._classes)
        for boxes in self._truth:
            assert boxes.crowd is not None
            for number in boxes.labels[~boxes.crowd].tolist():
                totals[number] += 1
        return {
            name: {"ap": result.ap[number], "ap50": result.ap50[number], "boxes": totals[number]}
            for number, name in enumerate(self._classes)
        }

    def resampled(
        self, pictures: Sequence[Self], draws: Iterable[Sequence[int]]
    ) -> Iterator[dict[str, float | None]]:
        """Boxes find each other within a picture: that is done once, and counted for each draw."""
        truth = [boxes for picture in pictures for boxes in picture._truth]
        found = [boxes for picture in pictures for boxes in picture._found]
        matches = match_classes(truth, found, len(self._classes))
        for draw in draws:
            weights = np.bincount(draw, minlength=len(truth))
            averages = [own for own in (one.averages(weights) for one in matches) if own]
            if not averages:
                yield dict.fromkeys(("map", "map50", "map75", "mar100"))
                continue
            precision, recall = np.mean(averages, axis=0)
            yield {
                "map": float(precision.mean()),
                "map50": float(precision[0]),
                "map75": float(precision[5]),
                "mar100": float(recall.mean()),
            }

    def _average_precision(self) -> AveragePrecision:
        if self._result is None:
            self._result = average_precision(self._truth, self._found, len(self._classes))
        return self._result
