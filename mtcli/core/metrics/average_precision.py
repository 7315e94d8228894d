"""Average precision of boxes as COCO defines it, computed by faster-coco-eval."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Boxes:
    """One picture's boxes `[N, 4]` xyxy in pixels, class numbers `[N]`, and what else counts.

    Attributes:
        scores: `[N]`, for detections.
        crowd: `[N]` bool, for the truth: neither asked for nor held against a detection.
    """

    corners: Tensor
    labels: Tensor
    scores: Tensor | None = None
    crowd: Tensor | None = None


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """The numbers of COCO, None where no class has a box; AP and AP50 also class by class."""

    map: float | None
    map50: float | None
    map75: float | None
    mar100: float | None
    ap: tuple[float | None, ...]
    ap50: tuple[float | None, ...]


def average_precision(
    truth: Sequence[Boxes], detections: Sequence[Boxes], classes: int
) -> AveragePrecision:
    """COCO's average precision over pictures in the same order.

    Lin et al., "Microsoft COCO" (arXiv:1405.0312); area ranges "all", 100 detections a picture.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    dataset = {
        "images": [{"id": number} for number in range(1, len(truth) + 1)],
        "categories": [{"id": number + 1, "name": str(number)} for number in range(classes)],
        "annotations": _annotations(truth),
    }
    results = _annotations(detections)
    nothing = AveragePrecision(None, None, None, None, (None,) * classes, (None,) * classes)
    if not dataset["annotations"]:
        return nothing
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gold = COCO(dataset)
        evaluation = COCOeval_faster(
            gold, gold.loadRes(results) if results else COCO({**dataset, "annotations": []}), "bbox"
        )
        evaluation.evaluate()
        evaluation.accumulate()
    precision: Any = evaluation.eval["precision"]  # [IoU, recall, class, area, limit]
    recall: Any = evaluation.eval["recall"]  # [IoU, class, area, limit]
    all_areas, hundred = 0, -1
    by_class = precision[:, :, :, all_areas, hundred]
    return AveragePrecision(
        map=_mean(by_class),
        map50=_mean(by_class[0]),
        map75=_mean(by_class[5]),
        mar100=_mean(recall[:, :, all_areas, hundred]),
        ap=tuple(_mean(by_class[:, :, number]) for number in range(classes)),
        ap50=tuple(_mean(by_class[0, :, number]) for number in range(classes)),
    )


def _annotations(pictures: Sequence[Boxes]) -> list[dict[str, Any]]:
    """COCO's annotations, pictures and classes counted from 1."""
    annotations: list[dict[str, Any]] = []
    for image, boxes in enumerate(pictures, start=1):
        corners, labels = boxes.corners.tolist(), boxes.labels.tolist()
        scores = boxes.scores.tolist() if boxes.scores is not None else [None] * len(labels)
        crowd = boxes.crowd.tolist() if boxes.crowd is not None else [False] * len(labels)
        for (x1, y1, x2, y2), label, score, is_crowd in zip(
            corners, labels, scores, crowd, strict=True
        ):
            width, height = x2 - x1, y2 - y1
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": label + 1,
                "bbox": [x1, y1, width, height],
                "area": width * height,
                "iscrowd": int(is_crowd),
            }
            if score is not None:
                annotation["score"] = score
            annotations.append(annotation)
    return annotations


def _mean(values: Any) -> float | None:
    """COCO marks what is undefined by -1."""
    defined = values[values > -1]
    return float(np.mean(defined)) if defined.size else None
