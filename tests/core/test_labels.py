"""Label values by themselves."""

from __future__ import annotations

import pytest

from mtcli.core.labels import (
    LabelError,
    Object,
    ObjectsLabel,
    Point,
    PointsLabel,
    WordsLabel,
    flags,
    looked_for_mask,
    restricted,
)

BOX = (0.25, 0.5, 0.75, 1.0)


def test_shares_of_the_sides_become_pixels() -> None:
    boxes = ObjectsLabel((Object("a", BOX),), relative=True).in_pixels((100, 200))
    assert boxes == ObjectsLabel((Object("a", (50, 50, 150, 100)),))
    assert boxes.in_pixels((7, 7)) is boxes
    points = PointsLabel(("a", "b"), (Point(0.5, 0.1, visible=False), None), relative=True)
    assert points.in_pixels((100, 200)).points == (Point(100, 10, visible=False), None)


def test_columns_of_yes_and_no_are_the_classes_that_apply() -> None:
    value = WordsLabel(("1", "0", "", "Yes"), columns=("a", "b", "c", "d"))
    assert flags(value) == WordsLabel(("a", "d"), looked_for=("a", "b", "d"))


def test_words_of_one_column_are_classes_as_they_stand() -> None:
    assert flags(WordsLabel(("1", "", "b"))) == WordsLabel(("1", "b"))


def test_a_column_that_says_neither_is_refused() -> None:
    with pytest.raises(LabelError, match="the column b says neither yes nor no"):
        flags(WordsLabel(("1", "perhaps"), columns=("a", "b")))


def test_finds_by_the_way_are_left_out() -> None:
    boxes = ObjectsLabel((Object("a", BOX), Object("b", BOX)))
    assert restricted(boxes, ("a",)) == ObjectsLabel((Object("a", BOX),), looked_for=("a",))
    assert restricted(WordsLabel(("b", "a")), ("a",)) == WordsLabel(("a",), ("a",))
    columns = WordsLabel(("1", "0"), columns=("a", "b"))
    assert restricted(columns, ("b",)) == WordsLabel(("0",), ("b",), ("b",))


def test_what_was_looked_for_must_be_a_class() -> None:
    assert looked_for_mask(None, ("a", "b")) == [True, True]
    assert looked_for_mask(("b",), ("a", "b")) == [False, True]
    with pytest.raises(LabelError, match='class "c"'):
        looked_for_mask(("c",), ("a", "b"))
