"""Boxes that are there twice, or too small to be found at the working size."""

from __future__ import annotations

from collections.abc import Iterator

from mtcli.core.config import DataConfig
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import EXAMPLES, Finding
from mtcli.core.inspection.survey import Survey
from mtcli.core.labels import ObjectsLabel
from mtcli.core.ops.boxes import clipped, has_area
from mtcli.core.task import AnyTask

SAME = 0.5
"""Pixels: corners that differ by less were drawn once."""


@CHECKS.add("boxes")
def check(survey: Survey) -> Iterator[Finding]:
    """Regions of many objects are no boxes to be found."""
    for name, task in survey.tasks.items():
        cell = _finest_cell(task)
        tiny: list[str] = []
        twice: list[str] = []
        for seen in each_once(survey):
            value = seen.values.get(name)
            if seen.look is None or not isinstance(value, ObjectsLabel):
                continue
            size = seen.look.size
            down, across = _scale(survey.config.data, size)
            known: set[tuple[object, ...]] = set()
            for item in value.in_pixels(size).objects:
                x1, y1, x2, y2 = box = clipped(item.box, size)
                if item.crowd or not has_area(box) or not has_area(item.box):
                    continue
                if max((x2 - x1) * across, (y2 - y1) * down) < cell:
                    tiny.append(seen.key)
                corners = (item.name, *(round(side / SAME) for side in item.box))
                if corners in known:
                    twice.append(seen.key)
                known.add(corners)
        if tiny:
            height, width = survey.config.data.size
            yield Finding(
                "tiny-objects",
                False,
                f"object smaller than {cell} pixels, the finest cell, at {height} × {width}",
                name,
                _first(tiny),
                len(tiny),
                "a larger data.size, or finer levels",
            )
        if twice:
            yield Finding(
                "duplicate-boxes",
                False,
                "box that is there twice",
                name,
                _first(twice),
                len(twice),
                "leave one of them out",
            )


def _first(keys: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(keys))[:EXAMPLES]


def _finest_cell(task: AnyTask) -> int:
    """Pixels of the input that a cell of the finest map is wide."""
    return int(2 ** min(int(level[1:]) for level in task.levels))


def _scale(data: DataConfig, size: tuple[int, int]) -> tuple[float, float]:
    """Factors on heights and widths on the way to the working size."""
    down, across = data.size[0] / size[0], data.size[1] / size[1]
    return (down, across) if data.resize == "stretch" else (min(down, across),) * 2
