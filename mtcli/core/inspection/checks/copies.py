"""The same picture twice: across splits, or with labels that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from mtcli.core.inspection.alike import exactly, nearly
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Seen, Survey


@CHECKS.add("copies")
def check(survey: Survey) -> Iterator[Finding]:
    """Pictures of one file in two splits are another finding, and no copies."""
    for one, other in combinations(survey.splits, 2):
        yield from _across(one, survey.splits[one], other, survey.splits[other])
    same: dict[object, list[Seen]] = defaultdict(list)
    for seen in each_once(survey):
        if seen.look is not None and not seen.look.blank:
            same[exactly(seen.look)].append(seen)
    contradicting: dict[str, list[str]] = defaultdict(list)
    for copies in same.values():
        for task in survey.config.tasks:
            values = [seen.values[task] for seen in copies if task in seen.values]
            if any(value != values[0] for value in values):
                names = [seen.key for seen in copies if task in seen.values]
                contradicting[task].append(" = ".join(names[:3]))
    for task, places in contradicting.items():
        yield finding(
            "contradicting-copies",
            "picture that is there twice with different labels",
            places,
            task=task,
            mend="keep one of them, with the right label",
        )


def _across(
    one: str, pictures: Sequence[Seen], other: str, others: Sequence[Seen]
) -> Iterator[Finding]:
    files = {seen.record.image for seen in pictures}
    first = [seen for seen in pictures if seen.look is not None and not seen.look.blank]
    second = [
        seen
        for seen in others
        if seen.look is not None and not seen.look.blank and seen.record.image not in files
    ]
    known = {exactly(seen.look): seen for seen in first if seen.look is not None}
    exact, rest = [], []
    for seen in second:
        assert seen.look is not None
        twin = known.get(exactly(seen.look))
        if twin is None:
            rest.append(seen)
        else:
            exact.append(f"{seen.key} = {twin.key}")
    if exact:
        yield finding(
            "copies-across-splits",
            f"picture of {other} that is also in {one}, pixel by pixel",
            exact,
            mend="leave one of them out, or name what belongs together: data.group",
        )
    looks = [seen.look for seen in first if seen.look is not None]
    near = nearly(looks, [seen.look for seen in rest if seen.look is not None])
    if near:
        yield finding(
            "near-duplicates",
            f"picture of {other} that looks like one of {one}",
            [f"{rest[b].key} ≈ {first[a].key}" for b, a in near.items()],
            mend="leave one of them out, or name what belongs together: data.group",
        )
