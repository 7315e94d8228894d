"""Numbers that count the boxes of another task, but for some pictures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.checks.agreement import ENOUGH, RULE
from mtcli.core.inspection.contents import contents, each_once, numbers
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey
from mtcli.core.labels import ObjectsLabel

ALL = ""
"""Stands for the boxes of every class together."""

VARIETY = 3
"""So many different numbers, at least, show that a number follows the boxes."""


@CHECKS.add("counts")
def check(survey: Survey) -> Iterator[Finding]:
    """Compare each number with each class of each task, and with all its boxes."""
    for name in survey.tasks:
        for other in survey.tasks:
            yield from _against(survey, name, other)


def _against(survey: Survey, name: str, other: str) -> Iterator[Finding]:
    rows = []
    for seen in each_once(survey):
        found, value = numbers(survey, seen, name), seen.values.get(other)
        if found is None or not isinstance(value, ObjectsLabel) or value.looked_for is not None:
            continue
        if seen.look is None:
            continue  # which of its boxes have an area is unknown
        # A box without area is drawn by a slip, and may have been counted or not.
        drawn = Counter(item.name for item in value.objects if not item.crowd)
        sound = contents(survey, seen, other)
        rows.append((seen.key, found, _counted(drawn), _counted(sound or {})))
    classes = {key for _, _, drawn, _ in rows for key in drawn}
    against: dict[int, list[tuple[int, str, list[str]]]] = defaultdict(list)
    for place in range(max((len(found) for _, found, _, _ in rows), default=0)):
        for key in sorted(classes):
            judged = [
                (picture, found[place], drawn.get(key, 0), sound.get(key, 0))
                for picture, found, drawn, sound in rows
                if place < len(found) and found[place] is not None
            ]
            wrong = [
                f"{picture}: {number:g}, boxes {drawn}"
                for picture, number, drawn, sound in judged
                if number not in (drawn, sound)
            ]
            variety = len({number for _, number, _, _ in judged})
            if (
                len(judged) >= ENOUGH
                and variety >= VARIETY
                and len(wrong) <= (1 - RULE) * len(judged)
            ):
                against[place].append((len(wrong), key, wrong))
    for candidates in against.values():
        count, key, wrong = min(candidates)
        if count:
            yield finding(
                "contradicting-counts",
                f"number that is not how many {f'{key} ' if key else ''}boxes {other} has,"
                " though elsewhere it is",
                wrong,
                task=name,
                mend="correct one of the two",
            )


def _counted(boxes: Mapping[str, int]) -> dict[str, int]:
    return {**boxes, ALL: sum(boxes.values())}
