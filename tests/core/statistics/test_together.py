"""Which classes meet, worked by hand."""

from __future__ import annotations

import pytest

from mtcli.core.statistics.matrix import conditional, striking
from mtcli.core.statistics.model import Pair
from mtcli.core.statistics.together import Presence, pairs_of


def _picture(**shown: str) -> Presence:
    return {task: frozenset(names.split()) for task, names in shown.items()}


PICTURES = [
    _picture(cls="day", det="cat dog"),
    _picture(cls="day", det="cat"),
    _picture(cls="night", det=""),
    _picture(cls="night", det="dog"),
    _picture(cls="day"),  # nobody looked for boxes
]
CLASSES = {"cls": ["day", "night"], "det": ["cat", "dog"]}


def _pair(pairs: list[Pair], first: str, second: str) -> Pair:
    [found] = [pair for pair in pairs if (pair.first[1], pair.second[1]) == (first, second)]
    return found


def test_classes_of_two_tasks_are_counted_where_both_label() -> None:
    pairs = pairs_of(PICTURES, CLASSES)
    pair = _pair(pairs, "day", "cat")
    assert (pair.both, pair.of_first, pair.of_second, pair.pictures) == (2, 2, 2, 4)
    assert pair.lift == 2.0
    assert _pair(pairs, "night", "cat").both == 0
    assert _pair(pairs, "night", "cat").lift == 0.0


def test_classes_of_one_task_are_paired_where_a_picture_can_have_several() -> None:
    pairs = pairs_of(PICTURES, CLASSES)
    assert _pair(pairs, "cat", "dog").both == 1
    assert not [pair for pair in pairs if pair.first[0] == pair.second[0] == "cls"]


def test_tasks_of_different_pictures_have_no_pairs() -> None:
    apart = [_picture(cls="day"), _picture(det="cat")]
    assert pairs_of(apart, CLASSES) == []


def test_a_class_that_is_nowhere_has_no_lift() -> None:
    pairs = pairs_of([_picture(cls="day", det="cat")], CLASSES)
    assert _pair(pairs, "night", "cat").lift is None


def test_shares_are_told_either_way_round() -> None:
    pair = Pair(("cls", "day"), ("det", "cat"), both=3, of_first=4, of_second=6, pictures=10)
    told = conditional([pair])
    assert told[("cls", "day"), ("det", "cat")] == 0.75
    assert told[("det", "cat"), ("cls", "day")] == 0.5


@pytest.mark.parametrize(("both", "told"), [(25, False), (35, False), (41, True), (9, True)])
def test_what_is_far_from_chance_is_told(both: int, told: bool) -> None:
    # By chance: 50 · 50 / 100 = 25, give or take 5.
    pair = Pair(("a", "x"), ("b", "y"), both, of_first=50, of_second=50, pictures=100)
    assert bool(striking([pair], 5)) == told
