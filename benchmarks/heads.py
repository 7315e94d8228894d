"""Every other head that a task may choose, the task on its own: metrics, parameters, time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import begin
from mtcli.core.configfile import load_config
from mtcli.core.errors import ConfigError
from mtcli.core.heads import DENSE_HEADS, DETECTORS


def measure(config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each head that a task could have in place of its own; its best epoch's metrics."""
    rows: list[dict[str, Any]] = []
    for name, task in load_config(config, sets).tasks.items():
        if "head" not in type(task.options).model_fields:
            continue
        for head in [*DETECTORS.names(), *DENSE_HEADS.names()]:
            if head == getattr(task.options, "head", None):
                continue
            chosen = [*sets, f"tasks.{name}.head={head}"]
            try:
                training = begin(config, chosen, [name])
            except ConfigError:
                continue  # a head of the other sort
            while training.epoch():
                pass
            assert training.ended is not None
            found = training.ended.results[name].metrics
            cost = {"parameters": training.parameters, "s/epoch": training.median}
            rows.append({"": f"{name}, {head}", **cost, **found})
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return [{column: row.get(column) for column in columns} for row in rows]
