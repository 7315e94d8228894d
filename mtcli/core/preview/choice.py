"""Which pictures are worth a look: by chance, but so that each task and class is among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mtcli.core.config import TaskConfig
from mtcli.core.data.records import Record
from mtcli.core.data.strata import classes_of
from mtcli.core.labels import Deferred

Thing = tuple[str, str | None]
"""A task, and one of its classes; None: that the task has a label at all."""


def things_of(record: Record, tasks: Mapping[str, TaskConfig]) -> frozenset[Thing]:
    """What a picture can show: its tasks, and their classes where its labels name them.

    Labels that lie in files of their own are not read for this.
    """
    found: set[Thing] = set()
    for name, label in record.labels.items():
        found.add((name, None))
        options = tasks[name].options
        if isinstance(label.value, Deferred) or not hasattr(options, "classes"):
            continue  # the words of a kind without classes are numbers
        named = options.classes
        found |= {
            (name, word) for word in classes_of(label.value) if named is None or word in named
        }
    return frozenset(found)


def choose(things: Sequence[frozenset[Thing]], number: int, seed: int) -> list[int]:
    """Positions of `number` pictures, ascending.

    First one after the other that shows most of what was not shown yet, rare things counting
    more; once all was shown, as chance has it.

    Args:
        things: of each picture.
        number: how many are wanted; there may be fewer.
        seed: of the order in which pictures that show as much have their turn.
    """
    order = np.random.default_rng(seed).permutation(len(things)).tolist()
    frequency = Counter(thing for own in things for thing in own)
    missing = set(frequency)
    chosen: list[int] = []

    def gain(place: int) -> float:
        return sum(1 / frequency[thing] for thing in things[place] & missing)

    while order and len(chosen) < number:
        best = max(order, key=gain) if missing else order[0]
        order.remove(best)
        missing -= things[best]
        chosen.append(best)
    return sorted(chosen)


def missed(things: Sequence[frozenset[Thing]], chosen: Sequence[int]) -> dict[str, list[str]]:
    """The classes that none of the chosen pictures shows, sorted, by task."""
    shown = frozenset[Thing]().union(*(things[place] for place in chosen))
    found: dict[str, list[str]] = {}
    for task, name in sorted(frozenset[Thing]().union(*things) - shown, key=str):
        if name is not None:
            found.setdefault(task, []).append(name)
    return found


def light(train: Sequence[Record], chosen: Sequence[Record]) -> list[Record]:
    """Records to prepare tasks from without opening the label files of all pictures.

    Drawing wants the names of classes, not how many pixels each has: of labels in files of their
    own those of the chosen pictures are left, and each task's first.

    Args:
        train: of the training split, which says what classes there are.
        chosen: of any split.
    """
    wanted = {record.key for record in chosen}
    seen: set[str] = set()
    found = []
    for record in train:
        labels = {}
        for name, label in record.labels.items():
            if record.key in wanted or name not in seen or not isinstance(label.value, Deferred):
                labels[name] = label
            seen.add(name)
        found.append(replace(record, labels=labels))
    return found
