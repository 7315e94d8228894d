"""How far a training has come: what a checkpoint keeps beside weights and optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mtcli.core.errors import ConfigError, did_you_mean
from mtcli.core.events import Metrics
from mtcli.core.task import AnyTask


@dataclass(slots=True)
class Progress:
    """Counts from the start of the run.

    Attributes:
        epoch: the one being trained, from 1.
        updates: of the weights, in this epoch.
        step: of the weights, in all.
        seconds: of training and validation, in all.
        best: the best value so far by what it judges: `best`, or `best-TASK`.
        best_epoch: of `best`.
        stale: epochs since `best`.
        primaries: each task's primary metric in the epoch before.
        loss_sums, loss_counts: of this epoch so far, by task.
    """

    epoch: int = 1
    updates: int = 0
    step: int = 0
    seconds: float = 0.0
    best: dict[str, float] = field(default_factory=dict)
    best_epoch: int | None = None
    stale: int = 0
    primaries: dict[str, float | None] = field(default_factory=dict)
    loss_sums: dict[str, float] = field(default_factory=dict)
    loss_counts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, which `Progress(**values)` takes back."""
        return asdict(self)

    def stale_from(self, first: int) -> int:
        """Epochs since `best`, of those from `first` on; below 1 before any of these is through."""
        return min(self.stale, self.epoch - first)

    def judge(
        self, tasks: Mapping[str, AnyTask], metrics: Mapping[str, Metrics], overall: float | None
    ) -> list[str]:
        """Compare an epoch with the best so far; returns the names that it takes over.

        `overall` is what decides `best`, higher is better. The first epoch takes `best` even
        where nothing is defined, so that there always is one.
        """
        rivals: dict[str, float | None] = {"best": overall}
        for name, task in tasks.items():
            value = metrics[name][task.primary]
            sign = 1 if task.metrics[task.primary] == "max" else -1
            rivals[f"best-{name}"] = None if value is None else sign * value
        taken = []
        for name, rival in rivals.items():
            if name not in self.best or (rival is not None and rival > self.best[name]):
                self.best[name] = float("-inf") if rival is None else rival
                taken.append(name)
        if "best" in taken:
            self.best_epoch, self.stale = self.epoch, 0
        else:
            self.stale += 1
        return taken


def check_best(best: str, tasks: Mapping[str, AnyTask]) -> None:
    """See that `train.best` is `score`, or a metric of a task of the run.

    Raises:
        ConfigError: it is neither.
    """
    known = ["score", *(f"{name}.{metric}" for name, t in tasks.items() for metric in t.metrics)]
    if best not in known:
        raise ConfigError(f"train.best: no such metric: {best}", mend=did_you_mean(best, known))


def value_of(
    best: str,
    tasks: Mapping[str, AnyTask],
    score: float | None,
    metrics: Mapping[str, Metrics],
) -> float | None:
    """How `train.best` values an epoch, higher being better; None where that is undefined."""
    if best == "score":
        return score
    name, metric = best.split(".")
    value = metrics[name][metric]
    if value is None:
        return None
    return value if tasks[name].metrics[metric] == "max" else -value
