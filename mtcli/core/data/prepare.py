"""What is learnt from records before training: the tasks' facts, and that all can be read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence

from mtcli.core.config import Config, DataConfig, TaskConfig
from mtcli.core.data.records import Record, check_labels, labelled_only
from mtcli.core.data.scan import scan
from mtcli.core.errors import DataError, and_more
from mtcli.core.events import Noted, Verifying
from mtcli.core.labels import Label, LabelError, LabelValue
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS


def prepare_tasks(
    records: Sequence[Record], configs: Mapping[str, TaskConfig]
) -> dict[str, AnyTask]:
    """The tasks of a config, with what the training split tells of them.

    Raises:
        DataError: a task's labels do not make a task.
    """
    tasks = {}
    for name, config in configs.items():
        values = _Values([record.labels[name] for record in records if name in record.labels])
        try:
            tasks[name] = KINDS.get(config.kind).prepare(config.options, values)
        except LabelError as error:
            raise DataError(
                f"tasks.{name}: {error.what}",
                where=values.where,
                found=error.found,
                mend=error.mend,
            ) from None
    return tasks


def with_facts(config: Config, tasks: Mapping[str, AnyTask]) -> Config:
    """A config whose tasks say what these have learnt of their labels: their classes, say."""
    said = {}
    for name, task in config.tasks.items():
        known = tasks[name].facts
        learnt = {
            field: getattr(known, field)
            for field, value in task.options
            if value is None and getattr(known, field, None) is not None
        }
        options = task.options.model_copy(update=learnt)
        said[name] = task.model_copy(update={"options": options})
    return config.model_copy(update={"tasks": said})


class _Values(Iterator[LabelValue]):
    """The values of labels one by one; `where` is the place of the last, None behind the end."""

    def __init__(self, labels: Sequence[Label]) -> None:
        self._left = iter(labels)
        self.where: str | None = None

    def __next__(self) -> LabelValue:
        self.where = None
        label = next(self._left)
        self.where = label.where
        return label.load()


def check_pictures_and_labels(
    config: DataConfig, records: Sequence[Record], tasks: Mapping[str, AnyTask], split: str
) -> Generator[Verifying | Noted, None, list[Record]]:
    """Look once at every picture and label of a split; the records to use, with their sizes.

    Raises:
        DataError: a picture or a label cannot be read.
    """
    try:
        scanned = yield from scan(config, records)
        if scanned.skipped:
            pictures = "picture" if len(scanned.skipped) == 1 else "pictures"
            told = f"{len(scanned.skipped)} unreadable {pictures} of {split} left out"
            yield Noted(f"{told} ({and_more(scanned.skipped)})")
        for name, keys in scanned.lacking.items():
            told = f"{len(keys)} of {split} taken without {name}, which cannot be read"
            yield Noted(f"{told} ({and_more(keys)})")
        for name in dict.fromkeys(name for record in records for name in record.inputs):
            without = [record.key for record in scanned.records if name not in record.inputs]
            if without:
                told = f"{len(without)} of {len(scanned.records)} pictures of {split} lack {name}"
                yield Noted(f"{told} ({and_more(without)})")
        checked = check_labels(scanned.records, tasks, deferred=config.verify == "full")
    except DataError as error:
        # This one is the first that was come upon.
        mend = "; ".join(filter(None, (error.mend, "mtcli data check lists all that is wrong")))
        raise DataError(error.what, **{**error.parts(), "mend": mend}) from None
    for remark in checked.remarks:
        yield Noted(str(remark))
    return labelled_only(checked.records) or checked.records
