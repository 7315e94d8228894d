"""What a training tells of weights and tasks at its start, and of each epoch in its log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtcli.core.architecture import idle_trunks, trunks_of
from mtcli.core.assembly import Assembly
from mtcli.core.config import Config
from mtcli.core.configties import loose_ends
from mtcli.core.data.records import Record
from mtcli.core.events import EpochEnded, Noted, TaskSummary
from mtcli.core.freezing import frozen_until
from mtcli.core.task import AnyTask
from mtcli.core.transfer.events import TensorPlan, TransferPlanned


def started_from(config: Config) -> tuple[str, ...]:
    """Where the first weights come from; nowhere means from scratch."""
    origins = () if config.transfer is None else tuple(config.transfer.origin.values())
    trunks = trunks_of(config.model, config.tasks).values()
    return (*origins, *(trunk.weights for trunk in trunks if trunk.weights is not None))


def assembled(config: Config, assembly: Assembly) -> Iterator[Noted | TransferPlanned]:
    """What came of weights, trunks and pictures before anything is trained."""
    for report in assembly.weights:
        if report.unused:
            count = len(report.unused)
            yield Noted(f"weights: {count} tensors not used ({report.unused[0]} …)")
    for key in idle_trunks(config.model, config.tasks):
        yield Noted(f"{key}: no task of this run uses it")
    for note in loose_ends(config.model, config.tasks):
        yield Noted(note)
    if assembly.plan is not None and config.transfer is not None:
        yield transfer_planned(config, assembly)
        forgotten = assembly.plan.passed_over(config.transfer.keep)
        if forgotten:
            heads = ", ".join(f"heads.{name}" for name in forgotten)
            yield Noted(f"old heads start fresh: {heads}; --copy all keeps what they know")
    for split, count in assembly.unlabelled.items():
        if count:
            yield Noted(f"{count} pictures of {split} left out: no task has a label for them")


def transfer_planned(config: Config, assembly: Assembly) -> TransferPlanned:
    """Every tensor's fate, and how long it is frozen."""
    plan, network, settings = assembly.plan, assembly.network, config.train
    assert plan is not None
    until = frozen_until(network, settings, assembly.copied)
    return TransferPlanned(
        sources=plan.sources,
        tasks=tuple(name for name, _ in network.heads.items()),
        freeze=settings.freeze,
        unfreeze=settings.unfreeze,
        tensors=tuple(
            TensorPlan(
                tensor=row.tensor,
                fate=row.fate,
                why=row.why,
                shape=row.shape,
                origins=row.origins,
                frozen=row.fate != "left" and row.tensor in until,
                until=until.get(row.tensor) if row.fate != "left" else None,
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
