"""All tasks on one trunk against each task on a trunk of its own: time, parameters, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import Training, begin, take_turns
from mtcli.core.configfile import load_config


def measure(config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each task alone, one for their sum, one for all together, and the ratio."""
    names = list(load_config(config, sets).tasks)
    together = begin(config, sets)
    alone = {name: begin(config, sets, [name]) for name in names}
    take_turns([together, *alone.values()])

    rows = [_row(f"{name} alone", training, together) for name, training in alone.items()]
    seconds = sum(training.median for training in alone.values())
    parameters = sum(training.parameters for training in alone.values())
    nothing = dict.fromkeys(_columns(together))
    rows.append({"": "one after another", "s/epoch": seconds, "parameters": parameters, **nothing})
    rows.append(_row("together", together, together))
    ratios = {"s/epoch": together.median / seconds, "parameters": together.parameters / parameters}
    rows.append({"": "ratio", **ratios, **nothing})
    return rows


def _row(label: str, training: Training, together: Training) -> dict[str, Any]:
    found = _columns(training)
    metrics = {column: found.get(column) for column in _columns(together)}
    return {"": label, "s/epoch": training.median, "parameters": training.parameters, **metrics}


def _columns(training: Training) -> dict[str, float | None]:
    """Every metric of every task, of the best epoch."""
    assert training.ended is not None
    return {
        f"{name} {metric}": value
        for name, result in training.ended.results.items()
        for metric, value in result.metrics.items()
    }
