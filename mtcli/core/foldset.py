"""The folder that a cross-validation leaves behind: a run for each fold, and their numbers."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtcli.core.errors import CheckpointError, DataError
from mtcli.core.events import FoldsEnded, Spread, TaskResult
from mtcli.core.run import Run


class FoldSet:
    """A cross-validation's folder; see the files' names below.

    `config.yaml folds.csv metrics.json out-of-fold.jsonl fold-1/ fold-2/ …`
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.folds = path / "folds.csv"
        self.metrics = path / "metrics.json"
        self.predictions = path / "out-of-fold.jsonl"

    @property
    def exists(self) -> bool:
        """Whether a cross-validation lies there."""
        return self.folds.is_file()

    def run(self, fold: int) -> Run:
        """The run of a fold, whether it was begun or not."""
        return Run(self.path / f"fold-{fold}")

    def is_done(self, fold: int) -> bool:
        """Whether a fold was trained to its end."""
        return self.run(fold).metrics.is_file()

    def done(self) -> list[int]:
        """All folds, each trained to its end.

        Raises:
            CheckpointError: one is not.
        """
        folds = list(range(1, self.count() + 1))
        for fold in folds:
            if not self.is_done(fold):
                raise CheckpointError(
                    f"fold {fold} is not done",
                    where=self.path,
                    mend=f"mtcli train --resume {self.path}",
                )
        return folds

    def count(self) -> int:
        """How many folds there are."""
        return max(self.fold_of().values())

    def fold_of(self) -> dict[str, int]:
        """The fold of each picture.

        Raises:
            DataError: the file of the folds is broken.
        """
        from mtcli.core.data.readers.csv import read_columns  # imports torch

        try:
            rows = read_columns(self.folds, ["image", "fold"])
            return {name: int(fold) for _, (name, fold) in rows}
        except ValueError:
            raise DataError("the file of the folds is broken", where=self.folds) from None

    def results(self, fold: int) -> dict[str, TaskResult]:
        """What the best epoch of a finished fold came to.

        Raises:
            CheckpointError: its file is damaged.
        """
        path = self.run(fold).metrics
        try:
            tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
            return {name: TaskResult(**values) for name, values in tasks.items()}
        except (OSError, ValueError, KeyError, TypeError):
            raise CheckpointError("the results of the fold are damaged", where=path) from None


def spreads(results: Mapping[int, Mapping[str, TaskResult]]) -> dict[str, dict[str, Spread]]:
    """Mean and deviation over folds of each task's metrics; the deviation divides by n - 1."""
    found: dict[str, dict[str, Spread]] = {}
    for own in results.values():
        for name, result in own.items():
            found.setdefault(
                name, {metric: _spread(results, name, metric) for metric in result.metrics}
            )
    return found


def _spread(results: Mapping[int, Mapping[str, TaskResult]], task: str, metric: str) -> Spread:
    values = tuple(own[task].metrics[metric] if task in own else None for own in results.values())
    defined = [value for value in values if value is not None]
    return Spread(
        mean=statistics.fmean(defined) if defined else None,
        deviation=statistics.stdev(defined) if len(defined) > 1 else None,
        values=values,
    )


def folds_json(ended: FoldsEnded) -> dict[str, Any]:
    """A cross-validation as plain values; what is undefined is None."""
    pooled = ended.pooled or {}
    return {
        "run": str(ended.path),
        "split": ended.split,
        "folds": list(ended.folds),
        "images": ended.images,
        "tasks": {
            name: {
                metric: {
                    "mean": spread.mean,
                    "deviation": spread.deviation,
                    "folds": list(spread.values),
                    **({"pooled": pooled[name].metrics[metric]} if name in pooled else {}),
                }
                for metric, spread in metrics.items()
            }
            for name, metrics in ended.tasks.items()
        },
    }
