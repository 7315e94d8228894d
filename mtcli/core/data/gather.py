"""The records of a split: the outer join of all tasks' labels by picture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mtcli.core.config import Config, DataConfig, TaskConfig
from mtcli.core.configfusion import inputs_of
from mtcli.core.configsplits import DrawnSplits, Folds
from mtcli.core.data.arrays import ArrayRow
from mtcli.core.data.drawn import drawn_splits, drawn_text
from mtcli.core.data.faults import Faults
from mtcli.core.data.inputs import InputSource, locate_inputs, place_of
from mtcli.core.data.join import read_labels
from mtcli.core.data.readers.csv import read_columns
from mtcli.core.data.records import Record
from mtcli.core.data.splits import (
    Source,
    all_pictures,
    check_files,
    has_split,
    list_pictures,
    places,
)
from mtcli.core.errors import ConfigError, DataError, and_more, did_you_mean
from mtcli.core.labels import Label
from mtcli.core.run import replace_text

POOLED = ("train", "val")
"""The splits whose pictures a cross-validation divides; what is kept for a test stays aside."""


def load_records(
    data: DataConfig,
    tasks: Mapping[str, TaskConfig],
    split: str,
    faults: Mapping[str, Faults] | None = None,
) -> list[Record]:
    """Read the labels of every task for its pictures of a split, and join them by picture.

    Args:
        data: where pictures are.
        tasks: whose labels are read.
        split: its name.
        faults: by task, takes what is wrong with its labels, which are then passed over.

    Raises:
        ConfigError, DataError: no such split, or a label file that is missing or broken.
    """
    if data.folds is None or split not in POOLED:
        return _of_split(data, tasks, split, faults)
    return _of_fold(data.folds, pooled_records(data, tasks, faults), split)


def pooled_records(
    data: DataConfig,
    tasks: Mapping[str, TaskConfig],
    faults: Mapping[str, Faults] | None = None,
) -> list[Record]:
    """The records that a cross-validation divides, each with the labels of its own split.

    A picture that one task has in `train` and another in `val` has the labels of both.
    """
    records: dict[Source, Record] = {}
    split_of: dict[Source, str] = {}
    for split in POOLED:
        for record in _of_split(data, tasks, split, faults):
            first = records.setdefault(record.image, record)
            split_of.setdefault(record.image, split)
            if first is not record:
                both = {**record.labels, **first.labels}
                inputs = {**record.inputs, **first.inputs}
                records[record.image] = replace(first, labels=both, inputs=inputs)
    if len({record.key for record in records.values()}) < len(records):
        # Rows of an array for each split have the same numbers.
        return [
            replace(record, key=f"{split_of[source]}/{record.key}")
            for source, record in records.items()
        ]
    return list(records.values())


def draw_once(config: Config) -> Config:
    """A config that knows which picture is in which split, where these are drawn.

    What is drawn follows from the pictures that are there: whoever reads labels more than once
    wants the same answer, also when pictures come meanwhile.
    """
    if not isinstance(config.data.splits, DrawnSplits):
        return config
    check_files(config)
    drawn = _drawn(config.data, config.tasks, None)
    return config.model_copy(update={"data": config.data.known_as(drawn)})


def keep_drawn(config: Config, folder: Path) -> Config:
    """Write down which picture was drawn into which split; returns a config that names the file.

    Pictures that come or go later would change the draw, and move pictures that a network has
    learnt from into those that judge it.

    Raises:
        SaveError: the file cannot be written.
    """
    splits = config.data.splits
    if not isinstance(splits, DrawnSplits):
        return config
    made = folder.absolute() / "splits.csv"
    replace_text(made, drawn_text(_drawn(config.data, config.tasks, None)))
    data = config.data.model_copy(update={"splits": splits.model_copy(update={"made": made})})
    return config.model_copy(update={"data": data})


def _of_fold(folds: Folds, records: Sequence[Record], split: str) -> list[Record]:
    """Those that are held out, or all others."""
    fold_of = {name: fold for _, (name, fold) in read_columns(folds.csv, ["image", "fold"])}
    labelled = [record for record in records if record.labels]  # others were never divided
    unknown = [record.key for record in labelled if record.key not in fold_of]
    if unknown:
        raise DataError(
            f"{len(unknown)} pictures are in no fold: {and_more(unknown)}",
            where=folds.csv,
            mend="put the lists and pictures back, or start a new cross-validation",
        )
    held_out = str(folds.fold)
    wanted = split == "val"
    kept = [record for record in labelled if (fold_of[record.key] == held_out) == wanted]
    if not kept:
        raise DataError(f"fold {held_out} leaves no picture for {split}", where=folds.csv)
    return kept


def _of_split(
    data: DataConfig,
    tasks: Mapping[str, TaskConfig],
    split: str,
    faults: Mapping[str, Faults] | None,
) -> list[Record]:
    drawn: Mapping[str, str] = {}
    if isinstance(data.splits, DrawnSplits):
        drawn = _drawn(data, tasks, faults)
    labels: dict[Source, dict[str, Label]] = {}
    keys: dict[Source, str] = {}
    inputs: dict[Source, dict[str, InputSource]] = {}
    for name, task in tasks.items():
        images, splits = places(data, task)
        if isinstance(splits, DrawnSplits):
            if split not in splits.fractions:
                mend = did_you_mean(split, splits.fractions)
                raise ConfigError(f"data.splits: no such split: {split}", mend=mend)
            pictures = {
                picture: source
                for picture, source in all_pictures(images).items()
                if drawn.get(_key(picture, source, data, task)) == split
            }
        elif task.splits is not None and not has_split(splits, split):
            continue  # other tasks may have it
        else:
            key = "data" if task.splits is None else f"tasks.{name}"
            pictures = list_pictures(images, splits, split, key)
        if several := inputs_of(data, task):
            for picture, located in locate_inputs(several, pictures, split).items():
                _add_inputs(inputs.setdefault(pictures[picture], {}), located)
        told = None if faults is None else faults[name]
        own = read_labels(task, pictures, images, split, told)
        for picture, source in pictures.items():
            keys.setdefault(source, _key(picture, source, data, task))
            joined = labels.setdefault(source, {})
            if picture in own:
                joined[name] = own[picture]
    if not labels:
        if drawn:
            raise DataError(
                f"the split {split} is empty: too few pictures for its fraction",
                found=f"{len(drawn)} pictures",
                mend="a larger fraction, or more pictures",
            )
        raise ConfigError(f"no task has a split {split}")
    return [
        Record(keys[source], source, labels[source], inputs=inputs.get(source, {}))
        for source in labels
    ]


def _add_inputs(known: dict[str, InputSource], located: Mapping[str, InputSource]) -> None:
    """Join the inputs that two tasks bring for one picture."""
    for name, source in located.items():
        if known.setdefault(name, source) != source:
            raise DataError(
                f"a picture has two inputs called {name}",
                where=place_of(source),
                found=f"also {place_of(known[name])}",
                mend="give one of them another name in its task's inputs",
            )


def _drawn(
    data: DataConfig, tasks: Mapping[str, TaskConfig], faults: Mapping[str, Faults] | None
) -> Mapping[str, str]:
    """The split of every picture of the tasks that have no splits of their own."""
    if data.drawn is not None:
        return data.drawn
    found: dict[str, Source] = {}
    by = data.stratify_by
    labels: dict[str, Label] = {}
    for task in [*tasks.values(), *([by] if by is not None else [])]:
        images, splits = places(data, task)
        if not isinstance(splits, DrawnSplits):
            continue
        pictures = all_pictures(images)
        if not pictures:
            raise DataError("no picture in the folder", where=images)
        named = {_key(name, source, data, task): source for name, source in pictures.items()}
        found |= named
        if task is by:
            # Its problems are told where its labels are read for a split.
            own = read_labels(task, pictures, images, "", None if faults is None else Faults())
            labels = {
                key: own[name] for key, name in zip(named, pictures, strict=True) if name in own
            }
    return drawn_splits(data, sorted(found), labels)


def _key(picture: str, source: Source, data: DataConfig, task: TaskConfig) -> str:
    """The name of a record: the picture's below `data.images`, or what is unlike any of these."""
    if task.pictures is None:
        return picture
    if isinstance(source, ArrayRow):
        parts = [source.path.as_posix(), *([source.key] if source.key else []), str(source.row)]
        return "/".join(parts)
    if not isinstance(data.pictures, Path):
        return source.as_posix()
    return Path(os.path.relpath(source, data.pictures)).as_posix()
