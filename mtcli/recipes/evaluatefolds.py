"""mtcli eval of a cross-validation: every fold's network on a split, averaged."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mtcli.core.config import Config
from mtcli.core.data.records import Record
from mtcli.core.events import Event, FoldsEnded, FoldStarted, TaskResult
from mtcli.core.foldset import FoldSet, spreads
from mtcli.core.opening import open_model
from mtcli.core.results import task_results
from mtcli.core.run import find_checkpoint, replace_text
from mtcli.recipes.evaluate import Measured, measure


def evaluate_folds(
    found: FoldSet, configs: Mapping[int, Config], split: str, only: Sequence[str] | None
) -> Iterator[Event]:
    """Measure the best checkpoint of every fold.

    On `val` each network is measured on the pictures that were held out from it; what all its tasks
    say of them is written to the set's folder, and the metrics of all together are given too.

    Args:
        found: the set.
        configs: for each fold, where the data is.
        split: of the configs.
        only: the tasks to measure, or None for all.

    Raises:
        MtcliError: see `mtcli.recipes.evaluate`.
    """
    held_out = split == "val" and all(
        config.data.folds is not None and config.data.folds.fold == fold
        for fold, config in configs.items()
    )
    keeps = held_out and only is None  # what some tasks say would not replace what all say
    lines: list[str] = []
    measured: dict[int, Measured] = {}
    for fold, config in configs.items():
        yield FoldStarted(fold, len(configs))

        def tell(record: Record, said: Mapping[str, Any], fold: int = fold) -> None:
            line = {"image": record.key, "fold": fold, "tasks": said}
            lines.append(json.dumps(line) + "\n")

        checkpoint = find_checkpoint(found.run(fold).path)
        measured[fold] = yield from measure(
            open_model(checkpoint), config, split, only, tell if keeps else None
        )
    if keeps:
        replace_text(found.predictions, "".join(lines))
    each = list(measured.values())
    yield FoldsEnded(
        path=found.path,
        split=split,
        folds=tuple(configs),
        images=len({record.key for own in each for record in own.records}),
        tasks=spreads({n: task_results(m.tasks, m.meters, m.records) for n, m in measured.items()}),
        pooled=_together(each) if held_out else None,
        predictions=found.predictions if keeps else None,
    )


def _together(measured: Sequence[Measured]) -> dict[str, TaskResult]:
    """The numbers of all pictures, each judged by the network that has not seen it."""
    first, *others = measured
    for name, meter in first.meters.items():
        meter.merge([other.meters[name] for other in others])
    return task_results(first.tasks, first.meters, [r for own in measured for r in own.records])
