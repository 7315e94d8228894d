"""Mixing: which records the next batches are drawn from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Draw(NamedTuple):
    """One use of a record: in which epoch, in which place of the epoch, which record."""

    epoch: int
    number: int
    record: int


class JointMixing:
    """Every record once an epoch, whatever labels it carries, in an order drawn from the seed.

    An epoch is cut into updates of nearly equal size, so that none is left with a picture or
    two, and each update into `accumulate` batches; so that accumulated batches hold exactly the
    records that one large batch would.

    Args:
        records: how many there are.
        batch_size: the most records in one batch.
        accumulate: batches to one update of the weights.
        seed: of the order; each epoch has its own.
    """

    def __init__(self, records: int, batch_size: int, accumulate: int, seed: int) -> None:
        self._records = records
        self._accumulate = accumulate
        self._seed = seed
        self.updates = -(-records // (batch_size * accumulate))

    def epoch(self, epoch: int) -> list[list[list[Draw]]]:
        """The updates of an epoch, each a list of batches, each a list of draws."""
        order = np.random.default_rng([self._seed, epoch]).permutation(self._records)
        draws = [Draw(epoch, number, int(record)) for number, record in enumerate(order)]
        return [
            [batch for batch in _evenly(update, self._accumulate) if batch]
            for update in _evenly(draws, self.updates)
        ]

    def batches(self, first_epoch: int, last_epoch: int, updates_done: int) -> Iterator[list[Draw]]:
        """All batches from the middle of an epoch on, through the end of the last."""
        for epoch in range(first_epoch, last_epoch + 1):
            for update in self.epoch(epoch)[updates_done if epoch == first_epoch else 0 :]:
                yield from update


def in_order(records: int, batch_size: int) -> Iterator[list[Draw]]:
    """Every record once in the given order, for evaluation."""
    for start in range(0, records, batch_size):
        yield [Draw(0, n, n) for n in range(start, min(start + batch_size, records))]


def _evenly(draws: list[Draw], parts: int) -> list[list[Draw]]:
    """Cut into parts whose lengths differ by one at most."""
    short, longer = divmod(len(draws), parts)
    cuts = [part * short + min(part, longer) for part in range(parts + 1)]
    return [draws[a:b] for a, b in pairwise(cuts)]
