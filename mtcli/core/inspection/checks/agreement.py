"""Labels of two tasks that contradict each other in one picture."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import BACKGROUND, contents, each_once, known_classes
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.look import ClassMapLook
from mtcli.core.inspection.survey import Seen, Survey
from mtcli.core.labels import LabelError, ObjectsLabel, PointsLabel, WordsLabel, flags

NOTHING = {"empty", "none", "nothing", "background", "no object", "no objects"}
"""Words for a picture without an object."""

HEALTHY = {"negative", "normal", "healthy", "clean", "ok", "good"}
"""Words that may mean the same: where their pictures show nothing as a rule."""

RULE = 0.9
"""The share of pictures that agree, at least, before others contradict a rule."""

ENOUGH = 10
"""Fewer pictures make no rule."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one label says, in lower case.

    Attributes:
        named: the classes that are there.
        unsure: those that only boxes without area name.
        looked_for: those that it would have named; None: all.
        one_word: whether it names one class only, whatever else is there.
        places: whether it shows where objects are.
    """

    named: frozenset[str]
    unsure: frozenset[str] = frozenset()
    looked_for: frozenset[str] | None = None
    one_word: bool = False
    places: bool = False

    def speaks_of(self, name: str) -> bool:
        """Whether the class is there if, and only if, it is named."""
        known = self.looked_for is None or name in self.looked_for
        return known and name not in self.unsure


Pair = tuple[str, Said, Said]
"""A picture's name, and what two tasks say of it."""


@CHECKS.add("agreement")
def check(survey: Survey) -> Iterator[Finding]:
    """Words against boxes and maps, and classes of one name in two tasks."""
    if len(survey.tasks) < 2:
        return
    said = {
        name: [(seen.key, _said(survey, seen, name)) for seen in each_once(survey)]
        for name in survey.tasks
    }
    for one, other in permutations(survey.tasks, 2):
        pairs = [
            (key, a, b)
            for (key, a), (_, b) in zip(said[one], said[other], strict=True)
            if a is not None and b is not None
        ]
        if not pairs:
            continue
        _, first, second = pairs[0]
        if second.places and not first.places:
            yield from _of_nothing(one, other, pairs)
        ordered = list(survey.tasks).index(one) < list(survey.tasks).index(other)
        if first.one_word or (ordered and not second.one_word):
            yield from _of_shared(survey, one, other, pairs)


def _of_nothing(one: str, other: str, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Pictures that a word calls empty, and that show something."""
    for word in sorted(NOTHING | HEALTHY):
        own = [(key, bool(b.named - b.unsure)) for key, a, b in pairs if a.named == {word}]
        full = [key for key, something in own if something]
        as_a_rule = len(own) >= ENOUGH and len(full) <= (1 - RULE) * len(own)
        # Where many such pictures show something, the word is about something else.
        if full and (as_a_rule or (word in NOTHING and len(full) < ENOUGH)):
            yield finding(
                "empty-with-objects",
                f'picture called "{word}" in which {other} shows something',
                full,
                task=one,
                mend="correct one of the two",
            )


def _of_shared(survey: Survey, one: str, other: str, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Pictures in which only one of two tasks sees a class, where they agree as a rule."""
    classes = [
        {name.casefold() for name in known_classes(survey.tasks[task])} - {BACKGROUND}
        for task in (one, other)
    ]
    places = []
    for name in sorted(classes[0] & classes[1]):
        judged = [
            (key, name in b.named) if a.one_word else (key, (name in a.named) == (name in b.named))
            for key, a, b in pairs
            if a.speaks_of(name) and b.speaks_of(name) and (name in a.named or not a.one_word)
        ]
        against = [key for key, agrees in judged if not agrees]
        if len(judged) >= ENOUGH and len(against) <= (1 - RULE) * len(judged):
            places += [f"{key}: {name}" for key in against]
    if places:
        yield finding(
            "contradicting-classes",
            f"class that {one} and {other} name together as a rule, and not here",
            places,
            task=one,
            mend="correct one of the two",
        )


def _said(survey: Survey, seen: Seen, name: str) -> Said | None:
    task = survey.tasks[name]
    if not known_classes(task):
        return None
    shown = seen.maps.get(name)
    if isinstance(shown, ClassMapLook) and any(shown.pixels.values()):
        named = frozenset(n.casefold() for n, pixels in shown.pixels.items() if pixels)
        return Said(named - {BACKGROUND}, places=True)
    value = seen.values.get(name)
    if isinstance(value, ObjectsLabel):
        named = frozenset(item.name.casefold() for item in value.objects)
        sound = {n.casefold() for n in contents(survey, seen, name) or ()}
        crowds = {item.name.casefold() for item in value.objects if item.crowd}
        return Said(named, named - sound - crowds, _lower(value.looked_for), places=True)
    if isinstance(value, PointsLabel):
        pairs = zip(value.names, value.points, strict=True)
        named = frozenset(n.casefold() for n, point in pairs if point is not None)
        return Said(named)
    if isinstance(value, WordsLabel):
        with contextlib.suppress(LabelError):
            words = flags(value)
            named = frozenset(word.casefold() for word in words.words)
            # Kinds whose labels may speak of some classes only take any number of them.
            looked_for = _lower(words.looked_for)
            return Said(named, looked_for=looked_for, one_word=not task.partial)
    return None


def _lower(names: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(name.casefold() for name in names)
