"""An exported file, opened to be asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mtcli.core.answering import Answers, Opened
from mtcli.core.errors import CheckpointError
from mtcli.core.export.formats import EXPORTERS, Session
from mtcli.core.export.manner import Manner
from mtcli.core.export.metadata import read_metadata
from mtcli.core.export.pictures import graph_pictures, some
from mtcli.core.inputs import IMAGE, PICTURE_CHANNELS
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask, Prediction


def open_exported(path: Path) -> Opened:
    """Look into a file that `mtcli export` wrote.

    Raises:
        CheckpointError: it is no such file, damaged, or from a newer mtcli.
        UsageError: what is needed to run it is not installed.
    """
    return OpenedExport(path, open_session(path))


def exported_plugins(path: Path) -> tuple[str, ...]:
    """The plug-ins that an exported file names; `open_exported` says what is wrong with them."""
    try:
        named = json.loads(open_session(path).metadata or "{}")["model"]["plugins"]
    except (ValueError, LookupError, TypeError):
        return ()
    return tuple(map(str, named)) if isinstance(named, list) else ()


def check_exported(path: Path) -> None:
    """See that a file is an export; what stands in it is not looked at.

    Raises:
        CheckpointError, UsageError: see `open_exported`.
    """
    if open_session(path).metadata is None:
        read_metadata(None, path)


def open_session(path: Path) -> Session:
    """An exported file by its ending; see `open_exported`."""
    formats = [EXPORTERS.get(name) for name in EXPORTERS.names()]
    for candidate in formats:
        if path.suffix.lower() == candidate.ending:
            return candidate.read(path)
    raise CheckpointError(
        "neither a run, nor a checkpoint, nor an exported file",
        where=path,
        expected=f"a folder, or a file that ends in {' or '.join(f.ending for f in formats)}",
    )


class OpenedExport(Opened):
    """A file that `mtcli export` wrote.

    Attributes:
        session: what runs it.
        manner: how it was exported.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self.path = path
        self.session = session
        self.model, self.manner, self.facts = read_metadata(session.metadata, path)
        self.fixed_batch = self.manner.batch
        self.needs_all_inputs = True
        self.precision = self.manner.precision

    def answers(self, tasks: Sequence[str], runtime: Runtime) -> Answers:
        wanted = {name: self.model.tasks[name] for name in tasks}
        inputs = self.model.architecture.inputs or {IMAGE: PICTURE_CHANNELS}
        return FileAnswers(self.session, wanted, inputs, self.manner, runtime.device)


class FileAnswers(Answers):
    """An exported file; it answers for all its tasks at once.

    Args:
        session: what runs it.
        tasks: those to be asked.
        inputs: the channels of each of its inputs by its name.
        manner: how it was exported.
        device: where it is computed.
    """

    def __init__(
        self,
        session: Session,
        tasks: Mapping[str, AnyTask],
        inputs: Mapping[str, int],
        manner: Manner,
        device: torch.device,
    ) -> None:
        self.tasks = tasks
        self.device = torch.device("cpu")  # whatever computes it, it is given bytes from there
        self._session = session
        self._inputs = inputs
        self._manner = manner
        self._on = device

    def predict(
        self,
        inputs: Mapping[str, Tensor],
        rows: Mapping[str, Tensor],
        size: tuple[int, int],
    ) -> dict[str, list[Prediction]]:
        asked = [name for name in self.tasks if name in rows and len(rows[name])]
        if not asked:
            return {}
        pictures = graph_pictures(inputs, self._inputs)
        count = len(next(iter(pictures.values())))
        said: dict[str, list[Prediction]] = {name: [] for name in asked}
        step = self._manner.batch or count
        for start in range(0, count, step):
            tensors = self._session.run(some(pictures, start, start + step), self._on)
            for name in asked:
                said[name] += self._decoded(name, tensors, size)
        return {name: [said[name][row] for row in rows[name].tolist()] for name in asked}

    def _decoded(
        self, name: str, tensors: Mapping[str, Tensor], size: tuple[int, int]
    ) -> list[Prediction]:
        task, prefix = self.tasks[name], f"{name}/"
        own = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
        return task.predictions(own, size) if self._manner.decoded else task.decode_raw(own, size)
