"""What a training tells of weights and tasks at its start, and of each epoch in its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mtcli.core.architecture import trunks_of
from mtcli.core.config import Config, TrainConfig
from mtcli.core.data.records import Record
from mtcli.core.events import EpochEnded, TaskSummary
from mtcli.core.freezing import frozen_at, frozen_tensors
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.transfer.events import TensorPlan, TransferPlanned
from mtcli.core.transfer.plan import Plan


def started_from(config: Config) -> tuple[str, ...]:
    """Where the first weights come from; nowhere means from scratch."""
    origins = () if config.transfer is None else tuple(config.transfer.origin.values())
    trunks = trunks_of(config.model, config.tasks).values()
    return (*origins, *(trunk.weights for trunk in trunks if trunk.weights is not None))


def transfer_planned(plan: Plan, network: Network, settings: TrainConfig) -> TransferPlanned:
    """Every tensor's fate, and whether it is frozen in the first epoch."""
    stages = settings.mixing.sequential
    stage = stages[0].freeze if stages else ()
    frozen = frozen_tensors(network, frozen_at(settings, 1, stage), plan.copied)
    return TransferPlanned(
        sources=plan.sources,
        tasks=tuple(name for name, _ in network.heads.items()),
        freeze=settings.freeze,
        tensors=tuple(
            TensorPlan(
                tensor=row.tensor,
                fate=row.fate,
                why=row.why,
                shape=row.shape,
                frozen=row.fate != "left" and row.tensor in frozen,
            )
            for row in plan.rows
        ),
    )


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
