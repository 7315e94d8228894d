"""Which detections of a picture find a box, as COCO matches them; what follows for many pictures.

`average_precision` does the same once, and is what a result is made of. Here matching and counting
are apart: pictures are matched once, and counted as often as somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mtcli.core.metrics.average_precision import Boxes

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
RECALLS: Floats = np.linspace(0.0, 1.0, 101)
LIMIT = 100
"""Detections of a class in a picture, the surest ones."""


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """What became of one class's detections in all pictures, the surest first.

    Attributes:
        pictures: `[D]`, the place of each detection's picture.
        right: `[T, D]`, whether it found a box, at each of `THRESHOLDS`.
        counted: `[T, D]`, whether it is judged: not one that found a crowd.
        boxes: `[N]`, how many there were to be found in each picture.
    """

    pictures: npt.NDArray[np.int64]
    right: Flags
    counted: Flags
    boxes: npt.NDArray[np.int64]

    def averages(self, weights: npt.NDArray[np.int64]) -> tuple[Floats, Floats] | None:
        """Average precision and recall `[T]` of pictures that count `weights` `[N]` times each.

        None where they have no box of the class.
        """
        total = int(weights @ self.boxes)
        if total == 0:
            return None
        precision = np.zeros(len(THRESHOLDS))
        recall = np.zeros(len(THRESHOLDS))
        times = weights[self.pictures]
        for place, (right, counted) in enumerate(zip(self.right, self.counted, strict=True)):
            # Precision only rises with what is right: elsewhere it need not be known.
            hits = np.cumsum(times[right])
            if not len(hits) or not hits[-1]:
                continue
            judged = np.cumsum(times * counted)[right]
            recall[place] = hits[-1] / total
            reached = hits / np.maximum(judged, 1)
            best = np.maximum.accumulate(reached[::-1])[::-1]
            at = np.searchsorted(hits / total, RECALLS)
            precision[place] = best[at[at < len(best)]].sum() / len(RECALLS)
        return precision, recall


def match_classes(
    truth: Sequence[Boxes], detections: Sequence[Boxes], classes: int
) -> list[ClassMatches]:
    """Match each picture's detections, class by class; pictures in the same order."""
    found: list[list[tuple[Floats, Flags, Flags, int]]] = [[] for _ in range(classes)]
    for there, said in zip(truth, detections, strict=True):
        assert said.scores is not None
        corners, labels = _array(there.corners), _array(there.labels)
        crowd = np.zeros(len(labels), bool) if there.crowd is None else _array(there.crowd)
        boxes, scores, names = _array(said.corners), _array(said.scores), _array(said.labels)
        for number in range(classes):
            ours, theirs = labels == number, names == number
            order = np.argsort(-scores[theirs], kind="stable")[:LIMIT]
            right, counted = _match(boxes[theirs][order], corners[ours], crowd[ours])
            wanted = int((~crowd[ours]).sum())
            found[number].append((scores[theirs][order], right, counted, wanted))
    return [_ranked(pictures) for pictures in found]


def _ranked(pictures: Sequence[tuple[Floats, Flags, Flags, int]]) -> ClassMatches:
    """One class's detections of all pictures in one row; equal scores in the pictures' order."""
    none = np.zeros((len(THRESHOLDS), 0), bool)
    scores = np.concatenate([np.zeros(0), *(picture[0] for picture in pictures)])
    owners = np.repeat(np.arange(len(pictures)), [len(picture[0]) for picture in pictures])
    order = np.argsort(-scores, kind="stable")
    return ClassMatches(
        pictures=owners[order],
        right=np.concatenate([none, *(picture[1] for picture in pictures)], axis=1)[:, order],
        counted=np.concatenate([none, *(picture[2] for picture in pictures)], axis=1)[:, order],
        boxes=np.array([picture[3] for picture in pictures], np.int64),
    )


def _match(found: Floats, truth: Floats, crowd: Flags) -> tuple[Flags, Flags]:
    """Whether each detection `[D, 4]` finds a box `[G, 4]`, and is judged: `[T, D]` each.

    The surest first, each takes the free box that it overlaps most; what takes none, and lies in a
    crowd, is not judged.
    """
    right = np.zeros((len(THRESHOLDS), len(found)), bool)
    counted = np.ones_like(right)
    if not len(truth):
        return right, counted
    overlaps = _overlaps(found, truth, crowd)
    free = np.broadcast_to(~crowd, (len(THRESHOLDS), len(truth))).copy()
    everywhere = np.arange(len(THRESHOLDS))
    for place, overlap in enumerate(overlaps):
        if overlap.max() < THRESHOLDS[0]:
            continue
        near = overlap >= np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
        mine = np.where(near & free, overlap, -1.0)
        # Of equal overlaps COCO takes the last.
        best = mine.shape[1] - 1 - mine[:, ::-1].argmax(axis=1)
        taken = mine[everywhere, best] >= 0
        free[everywhere[taken], best[taken]] = False
        right[:, place] = taken
        counted[:, place] = taken | ~(near & crowd).any(axis=1)
    return right, counted


def _overlaps(found: Floats, truth: Floats, crowd: Flags) -> Floats:
    """Intersection over union `[D, G]`; with a crowd, over the detection's own area."""
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum(found[:, None, 2:], truth[None, :, 2:])
    both: Floats = (high - low).clip(min=0).prod(axis=2)
    mine = (found[:, 2:] - found[:, :2]).prod(axis=1)[:, None]
    theirs = (truth[:, 2:] - truth[:, :2]).prod(axis=1)[None]
    union = np.where(crowd, mine, mine + theirs - both)
    shares: Floats = np.divide(both, union, out=np.zeros(both.shape), where=union > 0)
    return shares


def _array(values: Any) -> Any:
    """A tensor as numpy has it, numbers in double precision."""
    array = values.detach().cpu().numpy()
    return array.astype(np.float64) if array.dtype.kind == "f" else array
