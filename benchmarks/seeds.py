"""One config under several seeds: every metric of the best epoch, each class, and the means."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.trainings import begin


def measure(config: Path, sets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """A row a metric, a column a seed, and their mean."""
    columns: dict[str, dict[str, float | None]] = {}
    for seed in seeds:
        training = begin(config, [*sets, f"train.seed={seed}"])
        while training.epoch():
            pass
        assert training.ended is not None
        values: dict[str, float | None] = {
            "minutes of training and validation": training.ended.seconds / 60,
            "best epoch": training.ended.best_epoch,
        }
        for name, result in training.ended.results.items():
            values |= {f"{name} {metric}": value for metric, value in result.metrics.items()}
            for label, numbers in result.per_class.items():
                values |= {f"{name} {label} {key}": value for key, value in numbers.items()}
        columns[f"seed {seed}"] = values
    rows = []
    for key in next(iter(columns.values())):
        found = [values[key] for values in columns.values()]
        defined = [value for value in found if value is not None]
        mean = sum(defined) / len(defined) if defined else None
        rows.append({"": key, **dict(zip(columns, found, strict=True)), "mean": mean})
    return rows
