"""Which pictures belong together: of one patient, of one video."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from mtcli.core.config import Config
from mtcli.core.configsplits import GroupColumn, SplitColumn
from mtcli.core.data.readers import stem
from mtcli.core.data.readers.csv import CsvOptions, read_columns, read_header
from mtcli.core.errors import DataError, UsageError, did_you_mean


def groups_of(column: GroupColumn | None, pictures: Collection[str]) -> dict[str, str]:
    """The group of each picture that has one, by its name; nothing where there is no column.

    Args:
        column: `data.group`.
        pictures: names below the images folder.

    Raises:
        DataError: the file is missing or broken, a picture has two groups, or not one of the
            pictures is in it.
    """
    if column is None:
        return {}
    groups: dict[str, str] = {}
    named = ""
    for line, (picture, group) in read_columns(column.csv, [column.key, column.column]):
        named = picture
        if groups.setdefault(picture, group) != group:
            raise DataError(
                f"{picture} is in two groups",
                where=f"{column.csv}, line {line}",
                found=f"{groups[picture]} and {group}",
            )
    found = {name: groups[name] for name in pictures if groups.get(name)}
    if not found:  # a table may name pictures without their ending
        found = {name: groups[stem(name)] for name in pictures if groups.get(stem(name))}
    if pictures and not found:
        near = difflib.get_close_matches(named, pictures, n=1, cutoff=0)
        raise DataError(
            f"data.group: no picture has a {column.column}",
            where=column.csv,
            expected=f"names such as {near[0]}",
            found=f"names such as {named}" if named else "no row",
        )
    return found


def find_group(config: Config, column: str) -> GroupColumn:
    """The column of a CSV file of the config that `--group` names.

    Looked for in `data.group`'s file, else in the file of the splits, else in those of labels.

    Raises:
        DataError: a file is broken.
        UsageError: none has such a column.
    """
    places: list[tuple[Path, str]] = []
    if config.data.group is not None:
        places.append((config.data.group.csv, config.data.group.key))
    if isinstance(config.data.splits, SplitColumn):
        places.append((config.data.splits.csv, config.data.splits.key))
    for task in config.tasks.values():
        options = [source.options for source in task.labels]
        places += [(own.csv, own.key) for own in options if isinstance(own, CsvOptions)]
    known: list[str] = []
    for path, key in dict.fromkeys(places):
        if "{split}" in str(path):
            continue  # a file for each split is no one place for groups
        header = read_header(path)
        if column in header:
            return GroupColumn(csv=path, key=key, column=column)
        known += [name for name in header if name != key]
    near = did_you_mean(column, known)
    raise UsageError(
        f"--group {column}: no such column",
        where=places[0][0] if places else None,
        found=f"columns {', '.join(dict.fromkeys(known))}" if known else "no CSV file of labels",
        mend=near
        if near and near.startswith("did")
        else "data.group names a file, its key and its column",
    )
