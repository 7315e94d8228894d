"""Which pictures belong together: of one patient, of one video."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from mtcli.core.config import GroupColumn
from mtcli.core.data.readers.csv import read_columns
from mtcli.core.errors import DataError


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
    if pictures and not found:
        near = difflib.get_close_matches(named, pictures, n=1, cutoff=0)
        raise DataError(
            f"data.group: no picture has a {column.column}",
            where=column.csv,
            expected=f"names such as {near[0]}",
            found=f"names such as {named}" if named else "no row",
        )
    return found
