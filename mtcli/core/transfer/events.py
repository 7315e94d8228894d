"""What a transfer tells of itself: the plan, a network before its first step, what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NOISE = 1e-6
"""What a metric may differ by where the same pictures came in other batches."""


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """What becomes of a tensor when weights move, and why; `left` ones are the origin's."""

    tensor: str
    fate: Literal["copied", "adapted", "fresh", "left"]
    why: str
    shape: tuple[int, ...]
    frozen: bool


@dataclass(frozen=True, slots=True)
class TransferPlanned:
    """Weights move: from where, to which tasks, what is frozen at first, every tensor's fate."""

    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    freeze: tuple[str, ...]
    tensors: tuple[TensorPlan, ...]


@dataclass(frozen=True, slots=True)
class Initialised:
    """A run was left whose checkpoint is a network before its first step."""

    run: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Kept:
    """A task that was there before: its primary metric then and now, and by how much it fell.

    `drop` is below 0 where it is better now, whichever way is better.
    """

    primary: str
    before: float | None
    after: float | None
    drop: float | None


@dataclass(frozen=True, slots=True)
class Compared:
    """What the tasks that a network knew have come to; `allowed` is the gate, if there is one."""

    tasks: Mapping[str, Kept]
    allowed: float | None

    @property
    def missed(self) -> tuple[str, ...]:
        """The tasks that fell by more than is allowed, or whose fall nobody knows."""
        if self.allowed is None:
            return ()
        limit = self.allowed + NOISE
        return tuple(
            name for name, kept in self.tasks.items() if kept.drop is None or kept.drop > limit
        )
