"""Pictures, or groups of them, that are in two splits: what is measured was learnt by heart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from mtcli.core.data.splits import Source
from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey


@CHECKS.add("splits")
def check(survey: Survey) -> Iterator[Finding]:
    """By the file of a picture, and by the name of a group."""
    splits: dict[Source, list[str]] = defaultdict(list)
    keys: dict[Source, str] = {}
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    for split, pictures in survey.splits.items():
        for seen in pictures:
            splits[seen.record.image].append(split)
            keys.setdefault(seen.record.image, seen.key)
            if seen.group is not None:
                groups[seen.group][split] = None
    twice: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for image, those in splits.items():
        if len(those) > 1:
            twice[tuple(those)].append(keys[image])
    for where, names in twice.items():
        yield finding(
            "picture-in-two-splits",
            f"picture in {' and in '.join(where)}",
            names,
            mend="leave each in one list",
        )
    torn: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group, found in groups.items():
        if len(found) > 1:
            torn[tuple(found)].append(group)
    for where, names in torn.items():
        yield finding(
            "group-in-two-splits",
            f"group with pictures in {' and in '.join(where)}",
            names,
            mend="splits: {fractions: …} keeps groups together",
        )
