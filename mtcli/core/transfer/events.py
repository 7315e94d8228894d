"""What a transfer tells of itself: the plan, a network before its first step, what was kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtcli.core.gates import Better, Gate, Verdict

Fate = Literal["copied", "adapted", "published", "fresh", "left"]
"""What becomes of a tensor: it is as in the origin; bent to fit; as other weights that the config
names have it; at random; or the origin's, and left there."""


@dataclass(frozen=True, slots=True)
class TensorPlan:
    """What becomes of a tensor when weights move, and why; `left` ones are the origin's.

    Attributes:
        origins: the sources that it is from, or whose tensor `why` is about.
        frozen: whether it does not learn in the first epoch.
        until: the last epoch of those in which it then does not; None: the end.
    """

    tensor: str
    fate: Fate
    why: str
    shape: tuple[int, ...]
    origins: tuple[str, ...]
    frozen: bool
    until: int | None


@dataclass(frozen=True, slots=True)
class TransferPlanned:
    """Weights move: from where, to which tasks, what is frozen at first, every tensor's fate.

    `unfreeze` are parts, and the epochs from which on they learn.
    """

    sources: tuple[str, ...]
    tasks: tuple[str, ...]
    freeze: tuple[str, ...]
    unfreeze: Mapping[str, int]
    tensors: tuple[TensorPlan, ...]


@dataclass(frozen=True, slots=True)
class Initialised:
    """A run was left whose checkpoint is a network before its first step."""

    run: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Kept:
    """A task that was there before: its primary metric then and now, and which way is better."""

    primary: str
    better: Better
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """By how much the metric is higher now; None where a number is unknown."""
        return None if self.before is None or self.after is None else self.after - self.before

    @property
    def drop(self) -> float | None:
        """By how much the task is worse now; below 0 where it is better."""
        if self.change is None:
            return None
        return -self.change if self.better == "max" else self.change


@dataclass(frozen=True, slots=True)
class Compared:
    """What the tasks that a network knew have come to; `allowed` is the gate, if there is one."""

    tasks: Mapping[str, Kept]
    allowed: float | None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The gate of each task."""
        if self.allowed is None:
            return ()
        return tuple(
            Verdict(
                Gate("max-drop", name, kept.primary, kept.better, self.allowed, kept.before),
                kept.after,
            )
            for name, kept in self.tasks.items()
        )

    @property
    def missed(self) -> tuple[str, ...]:
        """The tasks that are worse by more than is allowed, or of which nobody knows."""
        return tuple(verdict.gate.task for verdict in self.verdicts if not verdict.met)
