"""Trainings as the recipe does them, an epoch at a time, so that several can take turns."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtcli.core import events
from mtcli.core.configfile import load_config
from mtcli.recipes.train import NewRun, train


@dataclass
class Training:
    """One training and what its epochs cost.

    Attributes:
        tasks: that it learns.
        told: its events, as they come.
        scratch: where its run lies, removed with it.
        seconds: of each epoch, training and validation.
        trained: of these, the updates alone.
        caching: seconds that passed while features were cached.
    """

    tasks: tuple[str, ...]
    told: Iterator[events.Event]
    scratch: tempfile.TemporaryDirectory[str]
    seconds: list[float] = field(default_factory=list)
    trained: list[float] = field(default_factory=list)
    caching: float | None = None
    started: events.TrainingStarted | None = None
    ended: events.TrainingEnded | None = None

    def epoch(self) -> bool:
        """Train one more epoch; False when there was none left."""
        began = time.monotonic()
        for event in self.told:
            if isinstance(event, events.TrainingStarted):
                self.started = event
                began = time.monotonic()
            elif isinstance(event, events.Caching):
                self.caching = time.monotonic() - began
            elif isinstance(event, events.Stepped) and event.update == event.updates:
                self.trained.append(event.updates / event.updates_per_second)
            elif isinstance(event, events.TrainingEnded):
                self.ended = event
            elif isinstance(event, events.EpochEnded):
                self.seconds.append(event.seconds)
                return True
        return False

    @property
    def parameters(self) -> int:
        """Of the whole network."""
        assert self.started is not None
        own = sum(task.parameters for task in self.started.tasks.values())
        return self.started.shared_parameters + own

    @property
    def median(self) -> float:
        """Seconds an epoch, the first one (which warms up) left out."""
        return statistics.median(self.seconds[1:] or self.seconds)


def begin(config: Path, sets: Sequence[str], tasks: Sequence[str] | None = None) -> Training:
    """A training that has not started, into a run of its own in a scratch folder."""
    loaded = load_config(config, sets, tasks)
    scratch = tempfile.TemporaryDirectory(prefix="mtcli-bench-")
    where = NewRun(Path(scratch.name), None, "run")
    return Training(tuple(loaded.tasks), train(loaded, where), scratch)


def take_turns(trainings: Sequence[Training]) -> None:
    """An epoch of each in turn, until all are done: what slows the machine slows them all."""
    left = list(trainings)
    while left:
        left = [training for training in left if training.epoch()]


def markdown(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of equal keys as a table in Markdown."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cell(row.get(head)) for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
