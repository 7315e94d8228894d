"""What a plan tells: how much the epochs of a training will draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task's part of an epoch.

    Attributes:
        pictures: labelled ones that there are.
        batches: with a label of the task.
        labels: that will be learnt from, repeats counted.
    """

    pictures: int
    batches: int
    labels: int

    @property
    def passes(self) -> float:
        """How often each labelled picture comes, on average."""
        return self.labels / self.pictures


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """One epoch, which stands for all up to the `last` of its stage.

    Attributes:
        first, last: epochs.
        mixing: the policy's name.
        learn: the tasks that do.
        frozen: parts of the network.
        updates: of the weights.
        batches: through the network.
        pictures: drawn, repeats counted.
        different: those among them that differ.
        tasks: by name.
    """

    first: int
    last: int
    mixing: str
    learn: tuple[str, ...]
    frozen: tuple[str, ...]
    updates: int
    batches: int
    pictures: int
    different: int
    tasks: Mapping[str, TaskPlan]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a training will draw: of `pictures`, in batches of a size, one epoch of each stage."""

    pictures: int
    batch_size: int
    epochs: tuple[EpochPlan, ...]
