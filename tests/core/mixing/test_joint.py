"""`joint`: which records an epoch draws, in which updates and batches."""

from __future__ import annotations

import itertools

import pytest

from mtcli.core.mixing import Draw, in_order
from mtcli.core.mixing.joint import JointMixing

Epoch = list[list[list[Draw]]]

SETTINGS = [
    (records, batch_size, accumulate)
    for records in (1, 2, 5, 8, 17, 33)
    for batch_size in (1, 3, 4)
    for accumulate in (1, 2, 3)
]


def _records(epoch: Epoch) -> list[int]:
    return [draw.record for update in epoch for batch in update for draw in batch]


@pytest.mark.parametrize(("records", "batch_size", "accumulate"), SETTINGS)
def test_each_record_is_drawn_once_an_epoch(records: int, batch_size: int, accumulate: int) -> None:
    epoch = JointMixing(range(records), batch_size, accumulate, seed=0).epoch(1)
    assert sorted(_records(epoch)) == list(range(records))


@pytest.mark.parametrize(("records", "batch_size", "accumulate"), SETTINGS)
def test_sizes_differ_by_one_at_most(records: int, batch_size: int, accumulate: int) -> None:
    mixing = JointMixing(range(records), batch_size, accumulate, seed=0)
    epoch = mixing.epoch(1)
    updates = [sum(map(len, update)) for update in epoch]
    batches = [len(batch) for update in epoch for batch in update]

    assert len(updates) == mixing.updates(1)
    assert max(updates) - min(updates) <= 1
    assert max(batches) - min(batches) <= 1
    assert min(batches) >= 1
    assert max(batches) <= batch_size
    assert max(map(len, epoch)) <= accumulate


@pytest.mark.parametrize(
    ("records", "batch_size", "updates"), [(8, 4, 2), (9, 4, 3), (3, 4, 1), (1, 4, 1)]
)
def test_an_epoch_has_as_few_updates_as_fit(records: int, batch_size: int, updates: int) -> None:
    assert JointMixing(range(records), batch_size, 1, seed=0).updates(1) == updates


def test_no_update_is_left_with_a_picture_or_two() -> None:
    sizes = [len(update[0]) for update in JointMixing(range(9), 4, 1, seed=0).epoch(1)]
    assert sizes == [3, 3, 3]  # not 4, 4, 1


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_accumulated_batches_hold_the_records_of_the_large_batch(accumulate: int) -> None:
    large = JointMixing(range(29), 12, 1, seed=3).epoch(2)
    small = JointMixing(range(29), 12 // accumulate, accumulate, seed=3).epoch(2)
    assert [list(itertools.chain(*update)) for update in small] == [
        list(itertools.chain(*update)) for update in large
    ]


def test_draws_are_numbered_from_0_in_each_epoch() -> None:
    for epoch in (1, 2):
        draws = [
            draw
            for update in JointMixing(range(7), 2, 2, seed=0).epoch(epoch)
            for b in update
            for draw in b
        ]
        assert [(draw.epoch, draw.number) for draw in draws] == [(epoch, n) for n in range(7)]


@pytest.mark.parametrize("updates_done", [0, 1, 2, 3])
def test_batches_from_the_middle_are_the_tail_of_all(updates_done: int) -> None:
    mixing = JointMixing(range(11), 2, 2, seed=5)
    whole = list(mixing.batches(1, 3, 0))
    passed = sum(len(update) for update in mixing.epoch(1)[:updates_done])
    assert list(mixing.batches(1, 3, updates_done)) == whole[passed:]


def test_batches_of_a_later_epoch_start_there() -> None:
    mixing = JointMixing(range(11), 2, 2, seed=5)
    later = [batch for update in mixing.epoch(3) for batch in update]
    assert list(mixing.batches(3, 3, 0)) == later


def test_the_order_follows_from_the_seed() -> None:
    first, again = (JointMixing(range(50), 8, 1, seed=4).epoch(1) for _ in range(2))
    assert first == again
    assert _records(first) != _records(JointMixing(range(50), 8, 1, seed=5).epoch(1))


def test_every_epoch_has_an_order_of_its_own() -> None:
    mixing = JointMixing(range(50), 8, 1, seed=4)
    orders = {tuple(_records(mixing.epoch(epoch))) for epoch in range(1, 6)}
    assert len(orders) == 5
    assert tuple(range(50)) not in orders


def test_in_order_goes_through_all_records_once() -> None:
    assert list(in_order(5, 2)) == [
        [Draw(0, 0, 0), Draw(0, 1, 1)],
        [Draw(0, 2, 2), Draw(0, 3, 3)],
        [Draw(0, 4, 4)],
    ]


def test_a_length_cuts_the_passes_into_epochs() -> None:
    mixing = JointMixing(range(10), 2, 2, seed=0, length=3)  # 12 draws an epoch
    drawn = [record for epoch in range(1, 6) for record in _records(mixing.epoch(epoch))]

    assert [mixing.updates(epoch) for epoch in (1, 2)] == [3, 3]
    assert [sorted(drawn[start : start + 10]) for start in range(0, 60, 10)] == [
        list(range(10))
    ] * 6


def test_classes_drawn_equally_often_while_others_keep_their_share() -> None:
    # 6 of class a, 2 of class b, 4 without a class.
    mixing = JointMixing(range(12), 4, 1, seed=0, classes={"a": [0, 1, 2, 3, 4, 5], "b": [6, 7]})
    for epoch in (1, 2, 3):
        drawn = _records(mixing.epoch(epoch))
        assert sum(record < 6 for record in drawn) == 4
        assert sum(record in (6, 7) for record in drawn) == 4
        assert sorted(record for record in drawn if record > 7) == [8, 9, 10, 11]
    # Over three epochs each of a has its turn twice.
    drawn = [record for epoch in (1, 2, 3) for record in _records(mixing.epoch(epoch))]
    assert sorted(record for record in drawn if record < 6) == sorted(list(range(6)) * 2)
