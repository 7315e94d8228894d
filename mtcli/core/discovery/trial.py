"""A config tried before it is written: the tasks that it can train, and faults of their labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from mtcli.core.config import TaskConfig
from mtcli.core.configcheck import check_config
from mtcli.core.data.records import Record, require_labels
from mtcli.core.errors import DataError, MtcliError
from mtcli.core.inspection.finding import Finding
from mtcli.core.inspection.listing import TRAINED, list_records
from mtcli.core.inspection.preparing import prepare_apart
from mtcli.core.labels import Deferred, LabelError

ANY_SIZE = (1 << 20, 1 << 20)
"""The size of a picture that was not opened."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it.

    Attributes:
        counts: pictures with a label, by split.
        failing: by task, why it cannot be trained.
        faults: of single items of the other tasks' labels, each once.
    """

    counts: dict[str, int] = field(default_factory=dict)
    failing: dict[str, MtcliError] = field(default_factory=dict)
    faults: list[MtcliError] = field(default_factory=list)


def try_config(text: str, output: Path) -> Trial:
    """Read what a config names, as the look before a training would, but for the pictures.

    Args:
        text: of the config.
        output: where it would lie.

    Raises:
        MtcliError: it cannot be trained, whichever of its tasks is left out.
    """
    try:
        config = check_config(yaml.safe_load(text), base=output.resolve().parent, source=output)
    except MtcliError as error:
        named = re.match(r"tasks\.([\w-]+)", error.what)
        if named is None:
            raise
        return Trial(failing={named[1]: error})
    listing = list_records(config)
    for problem in listing.problems:
        raise _as_error(problem)
    records = listing.records
    trial = Trial({split: sum(bool(r.labels) for r in own) for split, own in records.items()})
    faults: list[tuple[str, MtcliError]] = [(fault.task, fault.error) for fault in listing.faults]
    for name, task in config.tasks.items():
        failed, broken = _tried(name, task, records)
        first = next((error for of, error in faults if of == name), None)
        if failed is not None:
            unread = not any(name in record.labels for own in records.values() for record in own)
            trial.failing[name] = first if unread and first is not None else failed
        faults += [(name, error) for error in broken]
    if not trial.failing and not trial.counts["val"]:
        raise DataError("no picture of the validation split has a label")
    each = {
        (error.what, *error.parts().values()): error
        for name, error in faults
        if name not in trial.failing
    }
    trial.faults.extend(each.values())
    return trial


def _tried(
    name: str, config: TaskConfig, records: dict[str, list[Record]]
) -> tuple[MtcliError | None, list[MtcliError]]:
    """Why a task cannot be trained, and what of its labels is broken."""
    training = records["train"]
    try:
        require_labels(training, name)
    except DataError as error:
        return error, []
    labels = [
        record.labels[name]
        for split in TRAINED
        for record in records[split]
        if name in record.labels
    ]
    if any(isinstance(label.value, Deferred) for label in labels):
        return None, []  # those in files of their own are read by the look before a training
    prepared = prepare_apart(name, config, training)
    broken: list[MtcliError] = [fault.error for fault in prepared.faults]
    if prepared.task is None:
        return _first(prepared.problems, broken), []
    known = {error.where for error in broken}
    for label in labels:
        try:
            prepared.task.read(label.load(), ANY_SIZE)
        except LabelError as error:
            if label.where not in known:
                broken.append(
                    DataError(error.what, where=label.where, found=error.found, mend=error.mend)
                )
    return None, broken


def _first(problems: Sequence[Finding], broken: Sequence[MtcliError]) -> MtcliError:
    return _as_error(problems[0]) if problems else broken[0]


def _as_error(problem: Finding) -> DataError:
    return DataError(
        problem.what, where=problem.pictures[0] if problem.pictures else None, mend=problem.mend
    )
