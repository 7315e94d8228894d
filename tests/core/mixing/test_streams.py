"""Endless orders of records."""

from __future__ import annotations

from collections import Counter

import pytest

from mtcli.core.mixing.streams import Balanced, Shuffled, Stream


def first(stream: Stream, count: int) -> list[int]:
    return [stream.at(place) for place in range(count)]


def test_each_pass_has_every_record_once_in_an_order_of_its_own() -> None:
    records = first(Shuffled([3, 5, 7, 9, 11, 13], seed=0), 18)

    passes = [records[0:6], records[6:12], records[12:18]]
    assert [sorted(records) for records in passes] == [[3, 5, 7, 9, 11, 13]] * 3
    assert passes[0] != passes[1]


def test_any_place_can_be_asked_for() -> None:
    forth = first(Shuffled(range(5), seed=1, name="cls"), 20)
    stream = Shuffled(range(5), seed=1, name="cls")
    assert [stream.at(place) for place in reversed(range(20))] == forth[::-1]


def test_seed_and_name_tell_streams_apart() -> None:
    plain = first(Shuffled(range(20), seed=0), 20)
    assert first(Shuffled(range(20), seed=1), 20) != plain
    assert first(Shuffled(range(20), seed=0, name="det"), 20) != plain


@pytest.mark.parametrize("count", [3, 30, 31])
def test_classes_are_drawn_equally_often(count: int) -> None:
    classes = {"a": list(range(100)), "b": [100, 101], "c": [200]}
    drawn = first(Balanced(classes, seed=0), count)

    counts = Counter("abc"[min(2, record // 100)] for record in drawn)
    assert max(counts.values()) - min(counts.values()) <= (count % 3 > 0)
    assert counts.total() == count


def test_the_records_of_a_class_take_turns() -> None:
    drawn = first(Balanced({"a": [0, 1, 2, 3], "b": [9]}, seed=0), 16)

    assert Counter(drawn) == {0: 2, 1: 2, 2: 2, 3: 2, 9: 8}
    # Every round has each class once.
    assert all(9 in drawn[start : start + 2] for start in range(0, 16, 2))
