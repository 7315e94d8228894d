"""A model to be asked: a run, a checkpoint, or a file that was exported from one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mtcli.core.answering import Answers, NetworkAnswers, Opened
from mtcli.core.checkpoint import load_model, load_network, plugins_of
from mtcli.core.export.opened import exported_plugins, open_exported
from mtcli.core.run import find_checkpoint
from mtcli.core.runtime import Runtime


def open_model(path: Path) -> Opened:
    """Look into a run (its best checkpoint), a checkpoint or an exported file.

    Raises:
        CheckpointError: it is missing, damaged, foreign or from a newer mtcli.
        UsageError: what is needed to read it is not installed.
    """
    return open_exported(path) if path.is_file() else OpenedCheckpoint(find_checkpoint(path))


def plugins_named(path: Path) -> tuple[str, ...]:
    """The plug-ins that a run, a checkpoint or an exported file names; `open_model` needs them.

    Raises:
        CheckpointError, UsageError: see `open_model`; what stands in it is not looked at.
    """
    return exported_plugins(path) if path.is_file() else plugins_of(find_checkpoint(path))


class OpenedCheckpoint(Opened):
    """A checkpoint's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model, self.facts = load_model(path)

    def answers(self, tasks: Sequence[str], runtime: Runtime) -> Answers:
        network = runtime.place(load_network(self.path, self.model))
        return NetworkAnswers(network, {name: self.model.tasks[name] for name in tasks}, runtime)
