"""Tables whose rows speak of pictures: read, and joined to the pictures that are there."""

from __future__ import annotations

import csv
import json
import posixpath
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mtcli.core.discovery.columns import judge
from mtcli.core.discovery.listing import Listing, ending, parent
from mtcli.core.discovery.matching import Located
from mtcli.core.discovery.places import called
from mtcli.core.discovery.proposal import Doubt, Source
from mtcli.core.errors import and_more

LEAST = 0.2
"""The share of a column's names that must be pictures for it to be the key."""

MOSTLY = 0.9
"""The share of rows that must be as long as the header."""

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may stand between cells where no comma does."""

BOXES = {"xmin", "ymin", "xmax", "ymax"}


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose pictures were found; or several of one make, a split each.

    Attributes:
        names: of the files.
        format: `csv` or `jsonl`.
        key: the column with the pictures' names.
        located: these pictures, by file.
        by_stem: whether the column names them without their ending.
        columns: the other columns' cells by picture; those that are empty are left out.
        lists: columns that hold lists.
    """

    names: tuple[str, ...]
    format: str
    key: str
    located: tuple[Located, ...]
    columns: Mapping[str, Mapping[str, str]]
    lists: frozenset[str]
    by_stem: bool

    @property
    def title(self) -> str:
        return called(self.names)

    @property
    def pictures(self) -> list[frozenset[str]]:
        """Those of each file."""
        return [frozenset(located.pictures.values()) for located in self.located]

    def labels(self, listing: Listing, column: str | list[str], **more: Any) -> tuple[Source, ...]:
        said = {"key": self.key, "column": column, **more}
        return tuple(
            Source(
                {self.format: listing.path(name), **said},
                located.base,
                frozenset(located.pictures.values()),
            )
            for name, located in zip(self.names, self.located, strict=True)
        )


Rows = Sequence[Mapping[str, Any]]


def read_table(listing: Listing, name: str) -> Table | Doubt | None:
    """A table by its file's name; None: it has nothing to do with pictures."""
    if ending(name) not in (".csv", ".tsv"):
        rows = _jsonl(listing, name)
        return rows if isinstance(rows, Doubt) else _table(listing, name, rows)
    separator = _separator(listing, name)
    rows = _csv(listing, name, separator)
    if isinstance(rows, Doubt):
        return rows
    table = _table(listing, name, rows)
    if separator == "," or not isinstance(table, Table):
        return table
    return Doubt(
        name,
        f"is passed over: {SEPARATORS[separator]} between its cells are not read; its columns are "
        f"{and_more([table.key, *table.columns], 6)}",
        "save it with commas",
        splits=any(_says_splits(*column) for column in table.columns.items()),
    )


def _separator(listing: Listing, name: str) -> str:
    """What stands between the cells, told from the header."""
    try:
        with listing.path(name).open(encoding="utf-8-sig") as file:
            header = file.readline(1 << 16)
    except (OSError, ValueError):
        return ","
    if "," in header and ending(name) == ".csv":
        return ","
    return max(SEPARATORS, key=header.count) if any(s in header for s in SEPARATORS) else ","


def _says_splits(column: str, cells: Mapping[str, str]) -> bool:
    return judge(column, cells, len(cells)).role == "split"


def _csv(listing: Listing, name: str, separator: str) -> Rows | Doubt:
    try:
        with listing.path(name).open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True, delimiter=separator)
            lines = [row for row in rows if any(map(str.strip, row))]
    except (OSError, ValueError, csv.Error) as error:
        return Doubt(name, f"cannot be read as a CSV file in UTF-8: {error}")
    if not lines:
        return []
    header = [cell.strip() for cell in lines[0]]
    if listing.index.locate(header, by_stem=False, near=parent(name)) is not None:
        return Doubt(name, "has no header", "write one as its first line, such as image,label")
    whole = [row for row in lines[1:] if len(row) >= len(header)]
    if len(whole) < MOSTLY * len(lines[1:]):
        return Doubt(name, "has rows of different lengths", grave=False)
    # Whoever checks the data tells which rows are too short.
    return [dict(zip(header, map(str.strip, row), strict=False)) for row in whole]


def _jsonl(listing: Listing, name: str) -> Rows | Doubt:
    try:
        lines = listing.path(name).read_text(encoding="utf-8-sig").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        return Doubt(name, f"cannot be read as JSON lines: {error}")
    return rows if all(isinstance(row, dict) for row in rows) else []


def _table(listing: Listing, name: str, rows: Rows) -> Table | Doubt | None:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    full: list[tuple[int, str, Located]] = []
    stems: list[tuple[int, str, Located]] = []
    unfound: tuple[str, str] | None = None
    ends = {posixpath.splitext(path)[1] for path in listing.inputs}
    for column in columns:
        names = [row[column] for row in rows if isinstance(row.get(column), str) and row[column]]
        if not names:
            continue
        for by_stem, hits in enumerate((full, stems)):
            located = listing.index.locate(names, bool(by_stem), parent(name))
            if located is not None and len(located.pictures) >= LEAST * len(set(names)):
                hits.append((len(located.pictures), column, located))
                break
        else:
            if sum(posixpath.splitext(n)[1] in ends for n in names) > len(names) / 2:
                unfound = unfound or (column, names[0])
    found = full or stems
    if not found:
        if unfound is None:
            return None
        column, example = unfound
        text = f"column {column} names pictures such as {example}, of which none is there"
        return Doubt(name, text, listing.index.nearest(example))
    _, key, located = max(found, key=lambda entry: entry[0])
    if {column.lower() for column in columns} >= BOXES:
        return Doubt(name, "boxes in a table, which are not read", "convert them to COCO")
    cells: dict[str, dict[str, str]] = defaultdict(dict)
    differing: set[str] = set()
    lists: set[str] = set()
    for row in rows:
        named = row.get(key)
        if not isinstance(named, str) or named not in located.pictures:
            continue
        picture = located.pictures[named]
        for column in columns:
            value = row.get(column)
            if column == key or not column or value is None or value == "":
                continue
            if isinstance(value, dict):
                differing.add(column)
                continue
            if isinstance(value, list):
                lists.add(column)
            cell = "\0".join(map(str, value)) if isinstance(value, list) else _text(value)
            if cells[column].setdefault(picture, cell) != cell:
                differing.add(column)
    kept = {column: own for column, own in cells.items() if column not in differing}
    format_ = "csv" if ending(name) == ".csv" else "jsonl"
    return Table((name,), format_, key, (located,), kept, frozenset(lists), not full)


def together(tables: Sequence[Table]) -> Table | None:
    """Tables of splits as one; None: they speak of the same pictures."""
    pictures = [picture for table in tables for picture in table.pictures[0]]
    if len(set(pictures)) < len(pictures):
        return None
    columns = {
        column: {p: cell for table in tables for p, cell in table.columns[column].items()}
        for column in tables[0].columns
    }
    return replace(
        tables[0],
        names=tuple(table.names[0] for table in tables),
        located=tuple(table.located[0] for table in tables),
        columns=columns,
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()
