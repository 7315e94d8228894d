"""Endless orders of records, of which any place can be asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np


class Stream(ABC):
    """Records without end; the record at a place is always the same."""

    @abstractmethod
    def at(self, place: int) -> int:
        """The record at a place, from 0."""


class Shuffled(Stream):
    """Pass after pass over all records, each in an order of its own.

    Args:
        records: their numbers.
        seed: of the orders.
        name: what tells this stream from others of the same seed.
    """

    def __init__(self, records: Sequence[int], seed: int, name: str = "") -> None:
        self._records = records
        self._seed = seed
        self._name = [crc32(name.encode())] if name else []
        self._order: tuple[int, list[int]] = (-1, [])

    def at(self, place: int) -> int:
        passed, here = divmod(place, len(self._records))
        if self._order[0] != passed:
            generator = np.random.default_rng([self._seed, passed + 1, *self._name])
            self._order = (passed, generator.permutation(len(self._records)).tolist())
        return self._records[self._order[1][here]]


class Balanced(Stream):
    """Each class once in every round, in an order of its own; within a class pass after pass.

    Args:
        classes: the records of each class.
        seed: of the orders.
        name: what tells this stream from others of the same seed.
    """

    def __init__(self, classes: Mapping[str, Sequence[int]], seed: int, name: str = "") -> None:
        names = sorted(classes)
        self._rounds = Shuffled(range(len(names)), seed, f"{name}/rounds")
        self._classes = [Shuffled(classes[word], seed, f"{name}/{word}") for word in names]

    def at(self, place: int) -> int:
        return self._classes[self._rounds.at(place)].at(place // len(self._classes))
