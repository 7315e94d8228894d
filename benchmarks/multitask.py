"""All tasks on one trunk against each task on a trunk of its own: time, parameters, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.trainings import Training, begin, take_turns
from mtcli.core.configfile import load_config
from mtcli.core.data.gather import load_records
from mtcli.core.labels import WordsLabel


def measure(config: Path, sets: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each task alone, one for their sum, one for all together, and the ratio."""
    names = list(load_config(config, sets).tasks)
    together = begin(config, sets)
    alone = {name: begin(config, sets, [name]) for name in names}
    take_turns([together, *alone.values()])

    rows = [_row(f"{name} alone", training, together) for name, training in alone.items()]
    rows += _medians(config, sets, together)
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


def _medians(config: Path, sets: Sequence[str], like: Training) -> list[dict[str, Any]]:
    """A row of what always saying the training split's median comes to, for regressions."""
    loaded = load_config(config, sets)
    found = {}
    for name, task in loaded.tasks.items():
        if task.kind != "regression":
            continue
        numbers = {
            split: torch.tensor(
                [
                    [float(word or "nan") for word in value.words]
                    for record in load_records(loaded.data, {name: task}, split)
                    if name in record.labels
                    for value in [record.labels[name].load()]
                    if isinstance(value, WordsLabel)
                ]
            )
            for split in ("train", "val")
        }
        errors = (numbers["val"] - numbers["train"].nanmedian(dim=0).values).abs()
        found[f"{name} mae"] = float(errors.nanmean())
    if not found:
        return []
    row = {"": "always the median", "s/epoch": None, "parameters": None}
    return [{**row, **{column: found.get(column) for column in _columns(like)}}]


def _columns(training: Training) -> dict[str, float | None]:
    """Every metric of every task, of the best epoch."""
    assert training.ended is not None
    return {
        f"{name} {metric}": value
        for name, result in training.ended.results.items()
        for metric, value in result.metrics.items()
    }
