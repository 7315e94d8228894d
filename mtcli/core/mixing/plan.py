"""What an epoch will draw, counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mtcli.core.mixing import Mixing
from mtcli.core.mixing.events import EpochPlan, TaskPlan


def plan_epoch(
    mixing: Mixing,
    first: int,
    last: int,
    name: str,
    every: Sequence[str],
    labels: Sequence[Collection[str]],
) -> EpochPlan:
    """Count the draws of epoch `first`.

    Args:
        mixing: of the training.
        first: the epoch that is counted.
        last: the last one of its stage.
        name: of the policy.
        every: the tasks of the run.
        labels: the tasks that have a label, record by record.
    """
    updates = mixing.epoch(first)
    batches = [batch for update in updates for batch in update]
    draws = [draw for batch in batches for draw in batch]
    learn = mixing.learning(first) or tuple(every)
    tasks = {}
    for task in learn:
        drawn = [
            sum(task in labels[draw.record] for draw in batch)
            for batch in batches
            if batch[0].tasks is None or task in batch[0].tasks
        ]
        tasks[task] = TaskPlan(
            pictures=sum(task in record for record in labels),
            batches=sum(count > 0 for count in drawn),
            labels=sum(drawn),
        )
    return EpochPlan(
        first=first,
        last=last,
        mixing=name,
        learn=learn,
        frozen=mixing.frozen(first),
        updates=len(updates),
        batches=len(batches),
        pictures=len(draws),
        different=len({draw.record for draw in draws}),
        tasks=tasks,
    )
