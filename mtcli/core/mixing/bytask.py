"""Batches of one task each: how often a task has its turn, and in which order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from mtcli.core.mixing import Draw, Mixing, Update, evenly
from mtcli.core.mixing.streams import Stream


def temperature_weights(
    labelled: Mapping[str, int], temperature: float, cap: int | None
) -> dict[str, float]:
    """min(n, cap) ^ (1 / T) for each task with n labelled pictures, in parts of the largest.

    T = 1 is proportional to the labels, a large T uniform. Raffel et al., "Exploring the Limits of
    Transfer Learning with a Unified Text-to-Text Transformer" (JMLR 21, 2020), section 3.5.2,
    where T and cap (their K) are not used together.
    """
    # In logarithms, where no temperature is too small.
    logs = {name: math.log(min(count, cap or count)) for name, count in labelled.items()}
    largest = max(logs.values())
    return {name: math.exp((log - largest) / temperature) for name, log in logs.items()}


def turns(weights: Sequence[float]) -> Iterator[int]:
    """Whose turn it is, without end: of whom the turns so far fall behind the weights the most.

    After any number of turns each has had its share of them, to about one turn.
    """
    largest = max(weights)
    parts = [weight / largest for weight in weights]  # the sum of large numbers is infinite
    total = sum(parts)
    had = [0] * len(weights)
    made = 0
    while True:
        made += 1
        # Rounded, so that what is equal on paper does not depend on the last bit.
        behind = [round(made * p / total - h, 9) for p, h in zip(parts, had, strict=True)]
        whose = behind.index(max(behind))
        had[whose] += 1
        yield whose


class TaskMixing(Mixing):
    """Each batch is drawn from the pictures of one task, and teaches that task alone.

    Tasks take turns as their weights say, counted on from epoch to epoch, so that a task of little
    weight has its turn in some of them; within an epoch the turns are shuffled, unless they go
    round. Each task goes through its own pictures pass after pass, across epochs.

    Args:
        streams: the order of each task's records.
        weights: of the tasks; only their ratios matter.
        batch_size: records in a batch.
        accumulate: batches to one update of the weights.
        seed: of the order of the turns.
        batches: of an epoch; every epoch has as many.
        shuffled: whether the turns of an epoch are; else they follow each other in a circle.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        weights: Mapping[str, float],
        batch_size: int,
        accumulate: int,
        seed: int,
        batches: int,
        shuffled: bool = True,
    ) -> None:
        self._streams = streams
        self._batch_size = batch_size
        self._accumulate = accumulate
        self._seed = seed
        self._shuffled = shuffled
        self._names = list(streams)
        self._batches = batches
        self._endless = turns([weights[name] for name in self._names])
        self._turns: list[int] = []

    def updates(self, epoch: int) -> int:
        return -(-self._batches // self._accumulate)

    def learning(self, epoch: int) -> tuple[str, ...]:
        return tuple(self._names)

    def epoch(self, epoch: int) -> list[Update]:
        first, last = (epoch - 1) * self._batches, epoch * self._batches
        while len(self._turns) < last:
            self._turns.append(next(self._endless))
        had = Counter(self._turns[:first])
        order = self._turns[first:last]
        if self._shuffled:
            shuffle = np.random.default_rng([self._seed, epoch]).permutation(len(order))
            order = [order[place] for place in shuffle]
        batches, number = [], 0
        for whose in order:
            name = self._names[whose]
            start = had[whose] * self._batch_size
            batches.append(
                [
                    Draw(epoch, number + n, self._streams[name].at(start + n), (name,))
                    for n in range(self._batch_size)
                ]
            )
            had[whose] += 1
            number += self._batch_size
        return evenly(batches, self.updates(epoch))
