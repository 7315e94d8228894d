"""A task prepared from labels some of which may be broken: those are told and left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mtcli.core.config import TaskConfig
from mtcli.core.data.records import Record, require_labels
from mtcli.core.errors import DataError, MtcliError
from mtcli.core.inspection.finding import Fault, Finding, of_error
from mtcli.core.labels import Label, LabelError, LabelValue
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

PATIENCE = 100
"""After so many broken labels, each of which costs another reading, a task is given up."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task, or None where its labels make none; its broken labels; and why there is none."""

    task: AnyTask | None
    faults: Sequence[Fault]
    problems: Sequence[Finding]


def prepare_apart(name: str, config: TaskConfig, records: Sequence[Record]) -> Prepared:
    """Prepare one task from the records of the training split."""
    labels = [record.labels[name] for record in records if name in record.labels]
    faults: list[Fault] = []
    try:
        if records:
            require_labels(records, name)
    except DataError as error:
        return Prepared(None, (), [of_error("no-labels", error, task=name)])
    while labels and len(faults) < PATIENCE:
        values = _Values(labels)
        try:
            task = KINDS.get(config.kind).prepare(config.options, values)
        except LabelError as error:
            told: MtcliError = DataError(
                error.what, where=values.where, found=error.found, mend=error.mend
            )
        except MtcliError as error:
            told = error
        else:
            return Prepared(task, faults, ())
        if values.where is None:
            # It is none of the values, but all of them together.
            return Prepared(None, faults, [of_error("no-task", told, task=name)])
        faults.append(Fault(name, told, breaks=True))
        del labels[values.place]
    return Prepared(None, faults, ())


class _Values(Iterator[LabelValue]):
    """The values of labels in turn; `place` and `where` are of the last, None behind the end."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels
        self.place = -1
        self.where: str | None = None

    def __next__(self) -> LabelValue:
        self.place += 1
        self.where = None
        if self.place >= len(self._labels):
            raise StopIteration
        self.where = self._labels[self.place].where
        return self._labels[self.place].load()
