"""The numbers of a data set, by split and task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BySplit = Mapping[str, Sequence[float]]

Key = tuple[str, str]
"""A task and one of its classes."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One number a picture or an object, as often as it was measured.

    Attributes:
        what: a name for a person, with its unit.
        values: by split.
        ratio: whether it says how many times one thing is another.
    """

    what: str
    values: BySplit
    ratio: bool = False


@dataclass(frozen=True, slots=True)
class TaskStatistics:
    """What the labels of a task are.

    Attributes:
        kind: of the task.
        labelled: pictures with a label, by split.
        unit: what is counted a class: `pictures`, `boxes`, `pixels` or `points`.
        counts: by split, by class. All splits have all classes, in the task's order.
        pictures: the same, but in how many pictures a class is.
        hidden: by split and point, how many labelled points cannot be seen; for points alone.
        measures: by a short name.
    """

    kind: str
    labelled: Mapping[str, int]
    unit: str = "pictures"
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    pictures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    hidden: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    measures: Mapping[str, Measure] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """The names of all classes."""
        return list(next(iter(self.counts.values()), {}))

    def share(self, split: str, name: str) -> float:
        """A class among all boxes or pixels, or among the labelled pictures."""
        counts = self.counts[split]
        of_all = self.unit in ("boxes", "pixels")
        whole = sum(counts.values()) if of_all else self.labelled[split]
        return counts[name] / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Two classes, and how often they are in one picture.

    Counted are pictures of all splits that both tasks label.

    Attributes:
        first, second: each a task and a class.
        both: pictures with both.
        of_first, of_second: pictures with the one, with the other.
        pictures: how many both tasks label.
    """

    first: Key
    second: Key
    both: int
    of_first: int
    of_second: int
    pictures: int

    @property
    def lift(self) -> float | None:
        """How many times as often as by chance they are together; None where one is nowhere."""
        if not self.of_first or not self.of_second:
            return None
        return self.both * self.pictures / (self.of_first * self.of_second)


@dataclass(frozen=True, slots=True)
class Statistics:
    """All numbers of a data set.

    Attributes:
        size: the working size, height and width.
        pictures: how many there are, by split.
        unreadable: how many of them cannot be read, by split.
        sizes: height and width of each that can be read, by split.
        measures: of pictures, by a short name.
        tasks: by name.
        together: pairs of classes, of two tasks or of one; each pair once.
        overlaps: of two tasks, how many pictures both label.
    """

    size: tuple[int, int]
    pictures: Mapping[str, int]
    unreadable: Mapping[str, int]
    sizes: Mapping[str, Sequence[tuple[int, int]]]
    measures: Mapping[str, Measure]
    tasks: Mapping[str, TaskStatistics]
    together: Sequence[Pair]
    overlaps: Mapping[tuple[str, str], int]
