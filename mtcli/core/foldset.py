"""The folder that a cross-validation leaves behind: a run for each fold, and their numbers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mtcli.core.config import Config
from mtcli.core.configfile import dump_config
from mtcli.core.errors import CheckpointError, DataError, SaveError, UsageError
from mtcli.core.events import FoldsEnded, Spread, TaskResult
from mtcli.core.run import SAID, Run, replace_text

FREE = ("train.device", "train.precision", "data.workers", "data.splits.made")
"""What may differ between processes that train folds of one set."""


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

    @classmethod
    def create(cls, runs: Path, name: str | None, stem: str, config: Config, folds: str) -> FoldSet:
        """A new set: `name`, or the next free number behind `stem`; whole from its first instant.

        Where another process was first to make a set of this name, that one is given.

        Raises:
            SaveError: it cannot be made.
        """
        from mtcli.core.data.gather import keep_drawn  # imports torch

        draft = cls(runs / f".folds-{os.getpid()}.draft")
        try:
            draft.path.mkdir(parents=True)
            replace_text(draft.config, dump_config(keep_drawn(config, draft.path), draft.path))
            replace_text(draft.folds, folds)
            number = 1
            while name is None and (runs / f"{stem}-{number:04d}").exists():
                number += 1
            found = cls(runs / (name or f"{stem}-{number:04d}"))
            try:
                draft.path.rename(found.path)
            except OSError:
                if not found.exists:
                    raise
        except OSError as error:
            raise SaveError(
                f"cannot make the cross-validation's folder: {error.strerror}", where=runs
            ) from None
        finally:
            shutil.rmtree(draft.path, ignore_errors=True)
        return found

    def require(self, config: Config, folds: str) -> None:
        """See that the set is one of these folds and this config, but for device and precision.

        Raises:
            UsageError: it is of others.
        """
        if self.folds.read_text(encoding="utf-8") != folds:
            raise UsageError(
                f"the cross-validation {self.path.name} has other folds",
                where=self.folds,
                mend="choose another --name",
            )
        key = _first_difference(
            yaml.safe_load(self.config.read_text(encoding="utf-8")),
            yaml.safe_load(dump_config(config, self.path)),
        )
        if key is not None:
            raise UsageError(
                f"the cross-validation {self.path.name} has another {key}",
                where=self.config,
                mend="say what it was begun with, or choose another --name",
            )

    def discard_if_not_begun(self) -> None:
        """Remove the set, where no fold has a run yet: nothing is lost, and its name is free."""
        if not any(self.path.glob("fold-*/config.yaml")):
            shutil.rmtree(self.path, ignore_errors=True)

    @contextlib.contextmanager
    def claim(self, fold: int) -> Iterator[bool]:
        """Keep other processes from training a fold; gives False where another has it.

        The system frees it when the process ends, however it ends. Where files cannot be locked,
        nobody is kept from anything.
        """
        try:
            import fcntl
        except ImportError:  # not on Windows
            yield True
            return
        with (self.path / f".fold-{fold}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # a file system without locks
                pass
            yield True

    @property
    def exists(self) -> bool:
        """Whether a cross-validation lies there."""
        return self.folds.is_file()

    def run(self, fold: int) -> Run:
        """The run of a fold, whether it was begun or not."""
        return Run(self.path / f"fold-{fold}")

    def is_done(self, fold: int) -> bool:
        """Whether a fold was trained to its end."""
        run = self.run(fold)
        return run.metrics.is_file() and (run.predictions / SAID).is_file()

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
        return max(self.fold_of().values(), default=0)

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

    def without_group(self) -> list[str]:
        """The pictures that stand alone, since their group is not known."""
        from mtcli.core.data.readers.csv import read_columns  # imports torch

        return [
            name for _, (name, group) in read_columns(self.folds, ["image", "group"]) if not group
        ]

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


def _first_difference(there: Any, here: Any, key: str = "") -> str | None:
    """The first key at which two configs differ, of those that change what is learnt."""
    if not isinstance(there, dict) or not isinstance(here, dict):
        return None if there == here else key
    for name in dict.fromkeys([*there, *here]):
        inner = f"{key}.{name}".lstrip(".")
        if inner not in FREE:
            found = _first_difference(there.get(name), here.get(name), inner)
            if found is not None:
                return found
    return None


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
