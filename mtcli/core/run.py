"""The folder that one training leaves behind, and the checkpoints in it, by name."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtcli.core.errors import CheckpointError, SaveError, UsageError, did_you_mean

INDEX = "index.json"
MODEL = "model.json"
WEIGHTS = "model.safetensors"
TRAINING = "training.pt"
SAID = "predictions.json"
"""In a run's `predictions`: the last thing that a training writes."""


class Run:
    """A run's folder; see the files' names below.

    `config.yaml environment.json events.jsonl metrics.json checkpoints/ plots/ predictions/`, and
    `kept.json` where a transfer is to keep tasks.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.plots = path / "plots"
        self.predictions = path / "predictions"
        self.config = path / "config.yaml"
        self.environment = path / "environment.json"
        self.events = path / "events.jsonl"
        self.metrics = path / "metrics.json"
        self.kept = path / "kept.json"

    @classmethod
    def create(cls, runs: Path, name: str | None, stem: str) -> Run:
        """Make a new folder: `name`, or the next free number behind `stem`.

        Raises:
            UsageError: a run of this name exists; it is never overwritten.
            SaveError: the folder cannot be made.
        """
        number = 1
        while True:
            path = runs / (name or f"{stem}-{number:04d}")
            try:
                path.mkdir(parents=True)
                run = cls(path)
                run.checkpoints.mkdir()
                return run
            except FileExistsError:
                if name is not None:
                    cls.refuse_existing(path)
                number += 1
            except OSError as error:
                raise SaveError(
                    f"cannot make the run's folder: {error.strerror}", where=path
                ) from None

    @staticmethod
    def refuse_existing(path: Path) -> None:
        """See that no run lies there.

        Raises:
            UsageError: one does; it is never overwritten.
        """
        if path.exists():
            raise UsageError(
                f"a run called {path.name} exists",
                where=path,
                mend=f"choose another --name, or: mtcli train --resume {path}",
            )

    @classmethod
    def open(cls, path: Path) -> Run:
        """A run that is there.

        Raises:
            CheckpointError: the folder is missing or no run's.
        """
        if not path.is_dir():
            raise CheckpointError("no such run", where=path, mend=runs_nearby(path))
        run = cls(path)
        if not run.config.is_file():
            raise CheckpointError(
                "not a run of mtcli", where=path, expected="a folder with config.yaml in it"
            )
        return run

    def index(self) -> dict[str, str]:
        """Names such as `last`, `best`, `best-det` to checkpoint folders; empty before the first.

        Raises:
            CheckpointError: the index is damaged.
        """
        path = self.checkpoints / INDEX
        if not path.is_file():
            return {}
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            index = None
        if (
            not isinstance(index, dict)
            or (index and "last" not in index)
            or not all(isinstance(folder, str) for folder in index.values())
        ):
            raise CheckpointError("the index of checkpoints is damaged", where=path)
        return index

    def checkpoint(self, name: str) -> Path:
        """The folder of a checkpoint by its name in the index."""
        return self.checkpoints / self.index()[name]

    def point(self, index: Mapping[str, str]) -> None:
        """Make the index name these checkpoints, in one atomic step; drop all others."""
        replace_text(self.checkpoints / INDEX, json.dumps(index, indent=1))
        for name, folder in index.items():
            _link(self.checkpoints / name, folder)
        for entry in self.checkpoints.iterdir():
            if entry.is_dir() and not entry.is_symlink() and entry.name not in index.values():
                shutil.rmtree(entry, ignore_errors=True)

    def log(self, event: Mapping[str, Any]) -> None:
        """Append a line to the events."""
        try:
            with self.events.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event) + "\n")
        except OSError as error:
            raise SaveError(f"cannot write: {error.strerror}", where=self.events) from None

    def history(self) -> list[dict[str, Any]]:
        """The events so far; a last line that was cut short is passed over."""
        if not self.events.is_file():
            return []
        events = []
        for line in self.events.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                events.append(json.loads(line))
        return events

    def forget_after(self, epoch: int) -> None:
        """Drop the events of epochs from `epoch` on, which are about to be trained again."""
        kept = [event for event in self.history() if event["epoch"] < epoch]
        replace_text(self.events, "".join(json.dumps(event) + "\n" for event in kept))


def find_checkpoint(path: Path) -> Path:
    """The checkpoint folder that an argument means: itself, or the best one of a run.

    Raises:
        CheckpointError: there is none.
    """
    if (path / MODEL).is_file():
        return path
    if not path.exists():
        raise CheckpointError("no such run or checkpoint", where=path, mend=runs_nearby(path))
    if not (path / "checkpoints").is_dir():
        raise CheckpointError(
            "neither a run nor a checkpoint of mtcli",
            where=path,
            expected=f"a folder with checkpoints/, or with {MODEL} and {WEIGHTS}",
        )
    run = Run(path)
    index = run.index()
    if not index:
        raise CheckpointError(
            "the run has no checkpoint yet",
            where=path,
            mend=f"go on with it: mtcli train --resume {path}",
        )
    found = run.checkpoint("best" if "best" in index else "last")
    if not (found / MODEL).is_file():
        raise CheckpointError("the run's checkpoint is gone", where=found)
    return found


def run_of(checkpoint: Path) -> Run | None:
    """The run that a checkpoint lies in, where it does."""
    run = Run(checkpoint.resolve().parent.parent)
    return run if run.config.is_file() and run.checkpoints.is_dir() else None


def replace_text(path: Path, text: str) -> None:
    """Write a file so that at no instant it is missing or half written.

    Raises:
        SaveError: it cannot be written; what was there is untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise SaveError(f"cannot write: {error.strerror}", where=path) from None


def sync_folder(path: Path) -> None:
    """Have the names in a folder on disk, where the system can do that."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _link(path: Path, folder: str) -> None:
    """A link for people; programs read the index, so a system without links loses nothing."""
    draft = path.with_name(f".{path.name}.link")
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)
        draft.symlink_to(folder, target_is_directory=True)
        os.replace(draft, path)


def runs_nearby(path: Path) -> str | None:
    """A run of nearly this name, in the folder that was named or in `runs`."""
    for folder in (path.parent, Path("runs")):
        if not folder.is_dir():
            continue
        names = [entry.name for entry in folder.iterdir() if (entry / "config.yaml").is_file()]
        if names:
            return did_you_mean(path.name, names, "" if folder == path.parent else f"{folder}/")
    return None
