"""`joint`: every picture once an epoch, whatever labels it carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mtcli.core.mixing import Draw, Mixing, Update, evenly
from mtcli.core.mixing.streams import Balanced, Shuffled


class JointMixing(Mixing):
    """Every record once an epoch, in an order drawn from the seed.

    An epoch is cut into updates of nearly equal size, so that none is left with a picture or
    two, and each update into `accumulate` batches; so that accumulated batches hold exactly the
    records that one large batch would.

    Args:
        records: their numbers.
        batch_size: the most records in one batch.
        accumulate: batches to one update of the weights.
        seed: of the order; each pass has its own.
        tasks: whose labels are used; None: all.
        length: updates an epoch; None: as many as all records make. Passes over the records then
            begin and end within epochs.
        classes: the records of each class of one task, which are then drawn equally often; the
            records without a class keep their share.
    """

    def __init__(
        self,
        records: Sequence[int],
        batch_size: int,
        accumulate: int,
        seed: int,
        tasks: tuple[str, ...] | None = None,
        length: int | None = None,
        classes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._tasks = tasks
        self._seed = seed
        self._accumulate = accumulate
        batch = batch_size * accumulate
        self._draws = len(records) if length is None else length * batch
        self._updates = -(-self._draws // batch)
        self._classes = Balanced(classes, seed) if classes else None
        having = {record for members in (classes or {}).values() for record in members}
        others = [record for record in records if record not in having]
        self._others = Shuffled(others, seed) if others else None
        self._balanced = round(self._draws * len(having) / len(records))

    def updates(self, epoch: int) -> int:
        return self._updates

    def learning(self, epoch: int) -> tuple[str, ...] | None:
        return self._tasks

    def epoch(self, epoch: int) -> list[Update]:
        draws = [
            Draw(epoch, number, record, self._tasks)
            for number, record in enumerate(self._records_of(epoch))
        ]
        return [
            [batch for batch in evenly(update, self._accumulate) if batch]
            for update in evenly(draws, self._updates)
        ]

    def _records_of(self, epoch: int) -> list[int]:
        drawn = []
        for stream, count in (
            (self._others, self._draws - self._balanced),
            (self._classes, self._balanced),
        ):
            if stream is not None:
                start = (epoch - 1) * count
                drawn += [stream.at(place) for place in range(start, start + count)]
        if self._classes is None:
            return drawn
        order = np.random.default_rng([self._seed, epoch]).permutation(len(drawn))
        return [drawn[place] for place in order]
