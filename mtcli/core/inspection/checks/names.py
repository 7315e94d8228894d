"""Names of classes that are two by mistake: `Ball` and `ball`, or `ball|box` in one cell."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import contents, each_once, known_classes
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.survey import Survey
from mtcli.core.labels import WordsLabel
from mtcli.core.spelling import one_letter_off

SEPARATORS = re.compile(r"\s*[|;,/+&]\s*")
"""What people write between several classes in one cell."""

SHORTEST = 3
"""Letters of a name, below which one letter makes another word."""

RARE = 0.1
"""A slip is rarer than the right name by this factor."""

FILLING = re.compile(r"[\s_-]+")


@CHECKS.add("names")
def check(survey: Survey) -> Iterator[Finding]:
    """Look at the names that labels use, and those that tasks know."""
    for name, task in survey.tasks.items():
        if not known_classes(task):
            continue
        used: dict[str, list[str]] = defaultdict(list)
        for seen in each_once(survey):
            for word in contents(survey, seen, name) or ():
                used[word].append(seen.key)
        words = list(dict.fromkeys((*known_classes(task), *used)))
        alike: dict[str, list[str]] = defaultdict(list)
        for word in words:
            alike[FILLING.sub(" ", word).strip().casefold()].append(word)
        twins = [" and ".join(map(repr, those)) for those in alike.values() if len(those) > 1]
        if twins:
            yield finding(
                "similar-classes",
                "classes whose names differ in case, spaces or hyphens only",
                twins,
                task=name,
                mend="write both alike, if they are one class",
            )
        slips = list(_slips({word: len(keys) for word, keys in used.items()}))
        if slips:
            yield finding(
                "similar-classes",
                "rare class whose name is one letter off a frequent one's",
                slips,
                task=name,
                mend="correct the name in the labels, if it is misspelt",
            )
        yield from _joined(survey, name, used)


def _slips(counts: Mapping[str, int]) -> Iterator[str]:
    """Names that a slip may have made of others, by how many pictures show each."""
    for word, count in counts.items():
        near = [
            other
            for other, often in counts.items()
            if count <= RARE * often
            and min(len(word), len(other)) >= SHORTEST
            and one_letter_off(word.casefold(), other.casefold())
        ]
        if near:
            other = max(near, key=lambda name: counts[name])
            yield f"{word!r} ({count}) for {other!r} ({counts[other]})"


def _joined(survey: Survey, name: str, used: dict[str, list[str]]) -> Iterator[Finding]:
    """Cells that hold several classes, of a reader that was not told so."""
    if not any(isinstance(s.values.get(name), WordsLabel) for s in each_once(survey)):
        return
    known = {*known_classes(survey.tasks[name]), *used}
    places = []
    for word, keys in used.items():
        parts = [part for part in SEPARATORS.split(word) if part]
        if len(parts) > 1 and known.issuperset(parts):
            places += [f"{key}: {word}" for key in keys]
    if places:
        yield finding(
            "joined-classes",
            "cell that holds several classes, and is taken for one",
            places,
            task=name,
            mend="separator: says what stands between them; kind: multilabel takes several",
        )
