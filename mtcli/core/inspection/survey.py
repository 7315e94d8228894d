"""The one look that all checks and statistics share: every picture and label of a config, once."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from mtcli.core.config import Config
from mtcli.core.data.decode import decode
from mtcli.core.data.groups import groups_of
from mtcli.core.data.records import Record
from mtcli.core.data.splits import Source
from mtcli.core.errors import DataError, MtcliError
from mtcli.core.events import Verifying
from mtcli.core.inspection.finding import Fault, Finding, of_error
from mtcli.core.inspection.listing import TRAINED, Listing, list_records
from mtcli.core.inspection.look import MapLook, PictureLook, look_at_map, look_at_picture
from mtcli.core.inspection.preparing import prepare_apart
from mtcli.core.labels import (
    ClassMapLabel,
    Deferred,
    LabelError,
    LabelValue,
    NumberMapLabel,
)
from mtcli.core.maps import IGNORED
from mtcli.core.task import AnyTask

ANY_SIZE = (1 << 20, 1 << 20)
"""The size of a picture that cannot be read, where its labels are looked at all the same."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of a split, looked at.

    Attributes:
        record: with the picture's size; (0, 0) where it cannot be read.
        look: None where it cannot be read.
        error: why not.
        values: by task, the label values that could be read; maps of classes or numbers, which
            are large, are in `maps` instead.
        maps: by task, what maps show that the task understands.
        remarks: by task, what is mended in the label without asking.
        faults: of its labels.
        group: what of it must stay in one split, where `data.group` says so.
    """

    record: Record
    look: PictureLook | None
    error: DataError | None = None
    values: Mapping[str, LabelValue] = field(default_factory=dict)
    maps: Mapping[str, MapLook] = field(default_factory=dict)
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    group: str | None = None

    @property
    def key(self) -> str:
        """The picture's name."""
        return self.record.key


@dataclass(frozen=True, slots=True)
class Survey:
    """All that there is to see of a config's data.

    Attributes:
        config: whose data it is.
        tasks: those that could be prepared from the labels of the training split.
        splits: the pictures of each split, in their order; a split that cannot be listed is not
            in it. A picture of two splits is in both.
        listing: what was found while pictures and labels were listed.
        faults: of labels, those of the listing and of single pictures, each once.
        problems: what keeps a split or a task from being looked at further.
    """

    config: Config
    tasks: Mapping[str, AnyTask]
    splits: Mapping[str, Sequence[Seen]]
    listing: Listing
    faults: Sequence[Fault]
    problems: Sequence[Finding]


def survey(config: Config) -> Generator[Verifying, None, Survey]:
    """Look at every picture and label of every split of a config, each once, in parallel.

    Nothing is raised for what is wrong with the data: it is told in the survey.
    """
    listing = list_records(config)
    if not listing.records:
        return Survey(config, {}, {}, listing, listing.faults, listing.problems)
    problems = list(listing.problems)
    faults = list(listing.faults)
    tasks = {}
    for name, task in config.tasks.items():
        prepared = prepare_apart(name, task, listing.records.get("train", ()))
        # Where its label file cannot be read at all, that is what is wrong.
        if not any(fault.task == name for fault in faults) or _is_labelled(listing, name):
            problems += prepared.problems
        faults += prepared.faults
        if prepared.task is not None:
            tasks[name] = prepared.task
    groups: Mapping[str, str] = {}
    every = [record for records in listing.records.values() for record in records]
    try:
        groups = groups_of(config.data.group, {record.key for record in every})
    except MtcliError as error:
        # Splits that are drawn from it cannot be listed either, and say so.
        problems.append(of_error("broken-groups", error, breaks=False))
    looks = yield from _look_at_all(every)
    splits = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for split, records in listing.records.items():
            read = _labels_reader(tasks, looks, groups, split in TRAINED)
            splits[split] = list(pool.map(read, records))
    faults += [fault for seen in splits.values() for one in seen for fault in one.faults]
    each = {(f.task, f.error.what, f.error.where, f.error.found): f for f in reversed(faults)}
    return Survey(config, tasks, splits, listing, list(each.values())[::-1], problems)


def _is_labelled(listing: Listing, name: str) -> bool:
    return any(name in record.labels for own in listing.records.values() for record in own)


def _look_at_all(
    records: Sequence[Record],
) -> Generator[Verifying, None, dict[Source, PictureLook | DataError]]:
    """Decode every picture once, also one that is in two splits."""
    sources = list(dict.fromkeys(record.image for record in records))
    looks: dict[Source, PictureLook | DataError] = {}

    def look(source: Source) -> PictureLook | DataError:
        try:
            return look_at_picture(decode(source))
        except DataError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, (source, seen) in enumerate(
            zip(sources, pool.map(look, sources), strict=True), start=1
        ):
            looks[source] = seen
            yield Verifying(number, len(sources))
    return looks


def _labels_reader(
    tasks: Mapping[str, AnyTask],
    looks: Mapping[Source, PictureLook | DataError],
    groups: Mapping[str, str],
    trained: bool,
) -> Callable[[Record], Seen]:
    def read(record: Record) -> Seen:
        found = looks[record.image]
        look = found if isinstance(found, PictureLook) else None
        values: dict[str, LabelValue] = {}
        maps: dict[str, MapLook] = {}
        remarks: dict[str, tuple[str, ...]] = {}
        faults: list[Fault] = []
        unlabelled: set[str] = set()  # what says nothing is no label
        for name, label in record.labels.items():
            if look is None and isinstance(label.value, Deferred):
                continue  # nothing to lay it over
            size = ANY_SIZE if look is None else look.size
            try:
                value = label.load()
                if not isinstance(value, ClassMapLabel | NumberMapLabel):
                    values[name] = value
                if (task := tasks.get(name)) is None:
                    continue
                if task.read(value, size) is None:
                    unlabelled.add(name)
                remarks[name] = task.remarks(value, size)
                if isinstance(value, ClassMapLabel | NumberMapLabel):
                    maps[name] = _map_look(value, task)
            except LabelError as error:
                raised = DataError(
                    error.what, where=label.where, found=error.found, mend=error.mend
                )
                faults.append(Fault(name, raised, trained))
            except MtcliError as error:
                faults.append(Fault(name, error, trained))
        said = {name: label for name, label in record.labels.items() if name not in unlabelled}
        return Seen(
            record=replace(record, labels=said, size=(0, 0) if look is None else look.size),
            look=look,
            error=found if isinstance(found, DataError) else None,
            values={name: value for name, value in values.items() if name not in unlabelled},
            maps={name: shown for name, shown in maps.items() if name not in unlabelled},
            remarks=remarks,
            faults=tuple(faults),
            group=groups.get(record.key),
        )

    return read


def _map_look(value: ClassMapLabel | NumberMapLabel, task: AnyTask) -> MapLook:
    named = isinstance(value, ClassMapLabel) and value.names is not None
    ignore = IGNORED if named else getattr(task.options, "ignore", None)
    return look_at_map(value, getattr(task.facts, "classes", ()), ignore)
