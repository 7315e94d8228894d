"""Records: a picture and its labels, and the check that they can be understood."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from mtcli.core.data.inputs import InputSource
from mtcli.core.data.splits import Source
from mtcli.core.errors import DataError, and_more
from mtcli.core.events import Noted
from mtcli.core.labels import Deferred, Label, LabelError, LabelValue
from mtcli.core.task import AnyTask, Target


@dataclass(frozen=True, slots=True)
class Record:
    """One picture and the labels that any task has for it.

    Attributes:
        key: its path below the images folder, `/` between the parts.
        image: the file, or the row of an array.
        labels: by task; a task that is not in it has no label for the picture.
        size: height and width of the upright picture; (0, 0) until it was looked at.
        inputs: where there are several, those that it has, by name; the picture is the first.
    """

    key: str
    image: Source
    labels: Mapping[str, Label]
    size: tuple[int, int] = (0, 0)
    inputs: Mapping[str, InputSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was mended without asking: what, and in which pictures how often."""

    task: str
    what: str
    pictures: Mapping[str, int]

    def __str__(self) -> str:
        total = sum(self.pictures.values())
        return f"{self.task}: {total} × {self.what} ({and_more(list(self.pictures))})"


def labelled_only(records: Sequence[Record]) -> list[Record]:
    """The records that have a label for some task: others cannot teach anything."""
    return [record for record in records if record.labels]


def lacking(records: Sequence[Record], inputs: Collection[str]) -> list[Record]:
    """The records as if none had some inputs; without those that have no others."""
    changed = [
        replace(record, inputs={n: s for n, s in record.inputs.items() if n not in inputs})
        for record in records
    ]
    return [record for record in changed if record.inputs]


def read_target(task: AnyTask, name: str, record: Record, size: tuple[int, int]) -> Target | None:
    """The target of the task called `name` in original pixels; None where it has no label.

    Raises:
        DataError: the label cannot be read, or not be understood; its place is named.
    """
    label = record.labels.get(name)
    return None if label is None else _understood(task, name, label, label.load(), size)


def _understood(
    task: AnyTask, name: str, label: Label, value: LabelValue, size: tuple[int, int]
) -> Target | None:
    try:
        return task.read(value, size)
    except LabelError as error:
        raise DataError(
            f"tasks.{name}: {error.what}", where=label.where, found=error.found, mend=error.mend
        ) from None


def require_labels(records: Sequence[Record], task: str) -> None:
    """See that a task has at least one label to learn from.

    Raises:
        DataError: none of its labels belongs to a picture of the training split.
    """
    if any(task in record.labels for record in records):
        return
    first = records[0]
    beside = (
        [path.name for path in first.image.parent.glob("*")][:1000]
        if isinstance(first.image, Path) and not first.image.is_file()
        else []
    )
    near = difflib.get_close_matches(Path(first.key).name, beside, n=1)
    raise DataError(
        f"tasks.{task}: no picture of the training split has a label",
        expected=f"labels for names such as {first.key}",
        mend=f"compare the names in the label file; the images folder has {near[0]}"
        if near
        else "compare the names in the label file with those of the split",
    )


def require_judgement(
    records: Sequence[Record], best: str, tasks: Mapping[str, AnyTask]
) -> Iterator[Noted]:
    """See that the validation split can tell which epoch is the best; note what it cannot tell.

    Args:
        records: of the validation split.
        best: what chooses the epoch, `score` or `TASK.METRIC`.
        tasks: of the run.

    Raises:
        DataError: no picture has a label that `best` needs.
    """
    labelled = {name for name in tasks if any(name in record.labels for record in records)}
    needed = set(tasks) if best == "score" else {best.split(".")[0]}
    if not labelled & needed:
        raise DataError(
            f"no picture of the validation split has a label for {', '.join(sorted(needed))}",
            expected=f"labels for names such as {records[0].key}",
            mend="compare the names in the label files with those of the split val",
        )
    for name in tasks:
        if name not in labelled:
            yield Noted(f"{name} has no label in the validation split: its metrics are undefined")


def digest(records: Mapping[str, Sequence[Record]]) -> str:
    """A short text that follows from which pictures are in which split, in their order."""
    keys = json.dumps({split: [record.key for record in own] for split, own in records.items()})
    return hashlib.sha256(keys.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Checked:
    """Records whose labels were all read: those that say nothing are gone; and what was mended."""

    records: list[Record]
    remarks: list[Remark]


def check_labels(
    records: Sequence[Record], tasks: Mapping[str, AnyTask], deferred: bool = True
) -> Checked:
    """Read every label once, in parallel, so that what is wrong is found before training.

    Args:
        records: with the sizes of their pictures.
        tasks: that are to understand their labels.
        deferred: whether labels that lie in files of their own are read too.

    Raises:
        DataError: a task cannot understand one of its labels; the label's place is named.
    """
    mended: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    kept: list[Record] = []

    def examine(record: Record) -> tuple[Record, list[tuple[str, str]]]:
        labels, found = dict(record.labels), []
        for name, task in tasks.items():
            label = labels.get(name)
            if label is None or (isinstance(label.value, Deferred) and not deferred):
                continue
            value = label.load()
            if _understood(task, name, label, value, record.size) is None:
                del labels[name]
            found += [(name, what) for what in task.remarks(value, record.size)]
        return replace(record, labels=labels), found

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for record, found in pool.map(examine, records):
            kept.append(record)
            for key in found:
                mended[key][record.key] += 1
    remarks = [Remark(task, what, dict(pictures)) for (task, what), pictures in mended.items()]
    return Checked(kept, remarks)
