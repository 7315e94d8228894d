"""What a training tells of its tasks at its start, and of each epoch in its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mtcli.core.data.records import Record
from mtcli.core.events import EpochEnded, TaskSummary
from mtcli.core.task import AnyTask


def task_summaries(
    tasks: Mapping[str, AnyTask], records: Sequence[Record], parameters: Mapping[str, int]
) -> dict[str, TaskSummary]:
    """Each task in the heading.

    Args:
        tasks: of the run.
        records: of its training split.
        parameters: that are each task's own.
    """
    return {
        name: TaskSummary(
            kind=task.kind,
            classes=len(getattr(task.facts, "classes", ())) or None,
            labelled=sum(name in record.labels for record in records),
            parameters=parameters[name],
            primary=task.primary,
        )
        for name, task in tasks.items()
    }


def epoch_line(ended: EpochEnded) -> dict[str, Any]:
    """An epoch as a line of the run's events."""
    return {
        "event": "epoch",
        "epoch": ended.epoch,
        "losses": dict(ended.losses),
        "metrics": {name: dict(values) for name, values in ended.metrics.items()},
        "score": ended.score,
        "is_best": ended.is_best,
        "best_of": list(ended.best_of),
        "seconds": round(ended.seconds, 3),
    }
