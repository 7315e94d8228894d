"""Mixing: which records an epoch draws, in which updates and batches."""

from __future__ import annotations

import itertools

import pytest

from mtcli.core.mixing import Draw, JointMixing, in_order

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
    epoch = JointMixing(records, batch_size, accumulate, seed=0).epoch(1)
    assert sorted(_records(epoch)) == list(range(records))


@pytest.mark.parametrize(("records", "batch_size", "accumulate"), SETTINGS)
def test_sizes_differ_by_one_at_most(records: int, batch_size: int, accumulate: int) -> None:
    mixing = JointMixing(records, batch_size, accumulate, seed=0)
    epoch = mixing.epoch(1)
    updates = [sum(map(len, update)) for update in epoch]
    batches = [len(batch) for update in epoch for batch in update]

    assert len(updates) == mixing.updates
    assert max(updates) - min(updates) <= 1
    assert max(batches) - min(batches) <= 1
    assert min(batches) >= 1
    assert max(batches) <= batch_size
    assert max(map(len, epoch)) <= accumulate


@pytest.mark.parametrize(
    ("records", "batch_size", "updates"), [(8, 4, 2), (9, 4, 3), (3, 4, 1), (1, 4, 1)]
)
def test_an_epoch_has_as_few_updates_as_fit(records: int, batch_size: int, updates: int) -> None:
    assert JointMixing(records, batch_size, 1, seed=0).updates == updates


def test_no_update_is_left_with_a_picture_or_two() -> None:
    sizes = [len(update[0]) for update in JointMixing(9, 4, 1, seed=0).epoch(1)]
    assert sizes == [3, 3, 3]  # not 4, 4, 1


@pytest.mark.parametrize("accumulate", [2, 3, 4])
def test_accumulated_batches_hold_the_records_of_the_large_batch(accumulate: int) -> None:
    large = JointMixing(29, 12, 1, seed=3).epoch(2)
    small = JointMixing(29, 12 // accumulate, accumulate, seed=3).epoch(2)
    assert [list(itertools.chain(*update)) for update in small] == [
        list(itertools.chain(*update)) for update in large
    ]


def test_draws_are_numbered_from_0_in_each_epoch() -> None:
    for epoch in (1, 2):
        draws = [
            draw
            for update in JointMixing(7, 2, 2, seed=0).epoch(epoch)
            for b in update
            for draw in b
        ]
        assert [(draw.epoch, draw.number) for draw in draws] == [(epoch, n) for n in range(7)]


@pytest.mark.parametrize("updates_done", [0, 1, 2, 3])
def test_batches_from_the_middle_are_the_tail_of_all(updates_done: int) -> None:
    mixing = JointMixing(11, 2, 2, seed=5)
    whole = list(mixing.batches(1, 3, 0))
    passed = sum(len(update) for update in mixing.epoch(1)[:updates_done])
    assert list(mixing.batches(1, 3, updates_done)) == whole[passed:]


def test_batches_of_a_later_epoch_start_there() -> None:
    mixing = JointMixing(11, 2, 2, seed=5)
    later = [batch for update in mixing.epoch(3) for batch in update]
    assert list(mixing.batches(3, 3, 0)) == later


def test_the_order_follows_from_the_seed() -> None:
    first, again = (JointMixing(50, 8, 1, seed=4).epoch(1) for _ in range(2))
    assert first == again
    assert _records(first) != _records(JointMixing(50, 8, 1, seed=5).epoch(1))


def test_every_epoch_has_an_order_of_its_own() -> None:
    mixing = JointMixing(50, 8, 1, seed=4)
    orders = {tuple(_records(mixing.epoch(epoch))) for epoch in range(1, 6)}
    assert len(orders) == 5
    assert tuple(range(50)) not in orders


def test_in_order_goes_through_all_records_once() -> None:
    assert list(in_order(5, 2)) == [
        [Draw(0, 0, 0), Draw(0, 1, 1)],
        [Draw(0, 2, 2), Draw(0, 3, 3)],
        [Draw(0, 4, 4)],
    ]
