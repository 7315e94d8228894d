"""Mirrored pictures whose labels speak of left and right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import known_classes
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey
from mtcli.core.sides import Pairs, mirrored_order

WORD = re.compile(r"(?<![a-z])(left|right)(?![a-z])|(Left|Right)(?![a-z])")
"""A side as a word of its own: `left_eye`, `leftEye`, `EyeLeft`, not `bright`."""


@CHECKS.add("sides")
def check(survey: Survey) -> Iterator[Finding]:
    """A mirror makes a left eye a right one; the labels must follow."""
    flips = [step.name for step in survey.config.data.augment if step.name in ("hflip", "vflip")]
    if not flips:
        return
    for name, task in survey.tasks.items():
        classes = known_classes(task)
        if hasattr(task.facts, "points"):
            swaps = getattr(task.options, "swaps", None)
            swaps = getattr(task.facts, "swaps", None) if swaps is None else swaps
            stay = _staying(classes, swaps)
            what, mend = "point", f"tasks.{name}.swaps names the pairs that change places"
        else:
            stay = [word for word in classes if WORD.search(word)]
            what, mend = "class", f"take {' and '.join(flips)} out of data.augment"
        if stay:
            yield finding(
                "mirrored-sides",
                f"{what} of one side, which {' and '.join(flips)} does not turn into the other's",
                stay,
                task=name,
                mend=mend,
            )


def _staying(points: tuple[str, ...], swaps: Pairs | None) -> list[str]:
    """Points of a side that keep their name in a mirror."""
    order = mirrored_order(swaps, points)
    return [n for place, n in enumerate(points) if order[place] == place and WORD.search(n)]
