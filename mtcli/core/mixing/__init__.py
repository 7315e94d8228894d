"""Mixing: which records the next batches are drawn from, and whose labels they teach."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Draw(NamedTuple):
    """One use of a record.

    Attributes:
        epoch: from 1; 0 in an evaluation.
        number: its place in the epoch.
        record: which one.
        tasks: whose labels are used; None: all that the record carries.
    """

    epoch: int
    number: int
    record: int
    tasks: tuple[str, ...] | None = None


Batch = list[Draw]
Update = list[Batch]
"""The batches whose gradients are added up to one update of the weights."""


class Mixing(ABC):
    """The order of draws of a whole training, epoch by epoch.

    Any epoch can be asked for at any time and is always the same: a training that goes on in the
    middle asks for the rest.
    """

    @abstractmethod
    def updates(self, epoch: int) -> int:
        """How many updates an epoch has; epochs count from 1."""

    @abstractmethod
    def epoch(self, epoch: int) -> list[Update]:
        """The updates of an epoch."""

    def learning(self, epoch: int) -> tuple[str, ...] | None:
        """The tasks that learn in an epoch; None: all."""
        return None

    def frozen(self, epoch: int) -> tuple[str, ...]:
        """The parts of the network that stay as they are in an epoch; see `freezing.py`."""
        return ()

    def updates_before(self, epoch: int) -> int:
        """How many updates come before an epoch."""
        return sum(self.updates(earlier) for earlier in range(1, epoch))

    def updates_within(self, epochs: float, last: int) -> float:
        """How many updates the first epochs have, the last of them in part, where `epochs` says so.

        Epochs that would come behind `last`, which ends the training, are as long as that.
        """
        whole = min(int(epochs), last - 1)
        return self.updates_before(whole + 1) + (epochs - whole) * self.updates(whole + 1)

    def batches(self, first_epoch: int, last_epoch: int, updates_done: int) -> Iterator[Batch]:
        """All batches from the middle of an epoch on, through the end of the last."""
        for epoch in range(first_epoch, last_epoch + 1):
            for update in self.epoch(epoch)[updates_done if epoch == first_epoch else 0 :]:
                yield from update


def in_order(records: int, batch_size: int) -> Iterator[Batch]:
    """Every record once in the given order, for evaluation."""
    for start in range(0, records, batch_size):
        yield [Draw(0, n, n) for n in range(start, min(start + batch_size, records))]


def evenly(things: Sequence[T], parts: int) -> list[list[T]]:
    """Cut into parts whose lengths differ by one at most."""
    short, longer = divmod(len(things), parts)
    cuts = [part * short + min(part, longer) for part in range(parts + 1)]
    return [list(things[a:b]) for a, b in pairwise(cuts)]
