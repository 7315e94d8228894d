"""What the labels of a picture say is there: classes by name, and how often."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping

from mtcli.core.inspection.look import ClassMapLook
from mtcli.core.inspection.survey import Seen, Survey
from mtcli.core.labels import LabelError, ObjectsLabel, PointsLabel, WordsLabel, flags
from mtcli.core.ops.boxes import clipped, has_area
from mtcli.core.task import AnyTask

BACKGROUND = "background"
"""The class of pixels that show nothing."""

Contents = Mapping[str, int]
"""By class: objects, pixels, or 1 for a word or a point."""


def known_classes(task: AnyTask) -> tuple[str, ...]:
    """The classes, or points, that a task knows; empty for numbers."""
    facts = task.facts.model_dump()
    known: tuple[str, ...] = facts.get("classes") or facts.get("points") or ()
    return known


def contents(survey: Survey, seen: Seen, name: str) -> Contents | None:
    """What a task's label says is in a picture; None where there is no label, or only numbers.

    Objects without area, and regions of many objects, are not counted.
    """
    task = survey.tasks.get(name)
    if task is None or not known_classes(task):
        return None
    shown = seen.maps.get(name)
    if isinstance(shown, ClassMapLook):
        return shown.pixels
    value = seen.values.get(name)
    if isinstance(value, ObjectsLabel) and seen.look is not None:
        size = seen.look.size
        return Counter(
            item.name
            for item in value.in_pixels(size).objects
            if not item.crowd and has_area(item.box) and has_area(clipped(item.box, size))
        )
    if isinstance(value, PointsLabel):
        pairs = zip(value.names, value.points, strict=True)
        return Counter(point for point, place in pairs if place is not None)
    if isinstance(value, WordsLabel):
        with contextlib.suppress(LabelError):
            return Counter(flags(value).words)
    return None


def numbers(survey: Survey, seen: Seen, name: str) -> list[float | None] | None:
    """The numbers of a label, None for one that is missing; None where it holds none."""
    task = survey.tasks.get(name)
    value = seen.values.get(name)
    if task is None or known_classes(task) or not isinstance(value, WordsLabel):
        return None
    try:
        return [float(word) if word else None for word in value.words]
    except ValueError:
        return None


def every(survey: Survey) -> Iterable[Seen]:
    """Every picture of every split; one of two splits comes twice."""
    for seen in survey.splits.values():
        yield from seen


def each_once(survey: Survey) -> list[Seen]:
    """Every picture once, as the first split that has it shows it."""
    return list({seen.record.image: seen for seen in reversed(list(every(survey)))}.values())[::-1]
