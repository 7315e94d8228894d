"""Counting the labels of one task, of whatever sort they are."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from mtcli.core.inspection.look import ClassMapLook, MapLook, NumberMapLook
from mtcli.core.labels import (
    LabelError,
    LabelValue,
    ObjectsLabel,
    PointsLabel,
    WordsLabel,
    flags,
)
from mtcli.core.ops.boxes import clipped, has_area
from mtcli.core.statistics.model import Measure, TaskStatistics

SHAPE = "width to height of a box"
SIDE = "side of a box, input pixels"
"""The square root of its area, at the working size."""


class Tally:
    """What was seen of a task so far.

    Args:
        kind: of the task.
        splits: the names of all.
        classes: or points, in the task's order, as far as they are known.
        numbers: whether words are numbers rather than classes.
        names: of the numbers, where the config has some.
    """

    def __init__(
        self,
        kind: str,
        splits: Sequence[str],
        classes: Sequence[str] = (),
        numbers: bool = False,
        names: Sequence[str] = (),
    ) -> None:
        self._kind = kind
        self._splits = list(splits)
        self._numbers = numbers
        self._names = names
        self._classes: dict[str, None] = dict.fromkeys(classes)
        self._unit = "pictures"
        self._labelled = dict.fromkeys(splits, 0)
        self._counts: dict[str, Counter[str]] = {split: Counter() for split in splits}
        self._pictures: dict[str, Counter[str]] = {split: Counter() for split in splits}
        self._hidden: dict[str, Counter[str]] = {split: Counter() for split in splits}
        self._measured: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(
            lambda: {split: [] for split in self._splits}
        )

    def add(
        self,
        split: str,
        said: LabelValue | MapLook,
        size: tuple[int, int],
        scale: tuple[float, float],
    ) -> frozenset[str]:
        """Count a label.

        Args:
            split: of its picture.
            said: the label.
            size: height and width of the picture.
            scale: working size to picture, down and across.

        Returns:
            The classes that the picture shows.
        """
        self._labelled[split] += 1
        if isinstance(said, WordsLabel):
            shown = self._add_words(split, said)
        elif isinstance(said, ObjectsLabel):
            shown = self._add_objects(split, said, size, scale)
        elif isinstance(said, PointsLabel):
            shown = self._add_points(split, said)
        elif isinstance(said, ClassMapLook):
            self._unit = "pixels"
            shown = Counter({name: count for name, count in said.pixels.items() if count})
        else:
            assert isinstance(said, NumberMapLook)
            self._measure("mean", "mean of a map", split, said.mean)
            share = said.measured / max(1, said.size[0] * said.size[1])
            self._measure("measured", "share of a map that was measured", split, share)
            shown = Counter()
        self._counts[split].update(shown)
        self._pictures[split].update(shown.keys())
        self._classes |= dict.fromkeys(sorted(shown.keys() - self._classes.keys()))
        return frozenset(shown)

    def result(self) -> TaskStatistics:
        """What all labels come to."""

        def each(counted: dict[str, Counter[str]]) -> dict[str, dict[str, int]]:
            return {
                split: {name: counts[name] for name in self._classes}
                for split, counts in counted.items()
            }

        return TaskStatistics(
            kind=self._kind,
            labelled=self._labelled,
            unit=self._unit,
            counts=each(self._counts),
            pictures=each(self._pictures),
            hidden=each(self._hidden) if self._unit == "points" else {},
            measures={
                name: Measure(what, values, ratio=what == SHAPE)
                for (name, what), values in self._measured.items()
                if name != "classes" or max(map(max, filter(None, values.values()))) > 1
            },
        )

    def _add_words(self, split: str, said: WordsLabel) -> Counter[str]:
        if not self._numbers:
            with contextlib.suppress(LabelError):
                said = flags(said)
            shown = Counter(dict.fromkeys(filter(None, said.words), 1))
            self._measure("classes", "classes a picture", split, len(shown))
            return shown
        names = self._names or said.columns or ()
        for place, word in enumerate(said.words):
            alone = "number" if len(said.words) == 1 else f"number {place + 1}"
            name = names[place] if place < len(names) else alone
            with contextlib.suppress(ValueError):
                if word and math.isfinite(float(word)):
                    self._measure(name, name, split, float(word))
        return Counter()

    def _add_objects(
        self, split: str, said: ObjectsLabel, size: tuple[int, int], scale: tuple[float, float]
    ) -> Counter[str]:
        self._unit = "boxes"
        shown: Counter[str] = Counter()
        known = size != (0, 0)  # else the picture cannot be read
        for item in (said.in_pixels(size) if known else said).objects:
            box = clipped(item.box, size) if known else item.box
            if item.crowd or not has_area(box):
                continue
            shown[item.name] += 1
            if known:
                height, width = (box[3] - box[1]) * scale[0], (box[2] - box[0]) * scale[1]
                self._measure("side", SIDE, split, math.sqrt(height * width))
                self._measure("shape", SHAPE, split, width / height)
        self._measure("boxes", "boxes a picture", split, shown.total())
        return shown

    def _add_points(self, split: str, said: PointsLabel) -> Counter[str]:
        self._unit = "points"
        shown: Counter[str] = Counter()
        for name, point in zip(said.names, said.points, strict=True):
            if point is not None:
                shown[name] += 1
                self._hidden[split][name] += not point.visible
        return shown

    def _measure(self, name: str, what: str, split: str, value: float) -> None:
        self._measured[name, what][split].append(value)
