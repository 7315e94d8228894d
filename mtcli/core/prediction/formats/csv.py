"""`csv`: a table for each task, since what tasks say differs in its columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from mtcli.core.prediction.answered import Answered
from mtcli.core.prediction.formats import FORMATS, Format
from mtcli.core.task import AnyTask

ITEMS: dict[str, tuple[str, ...]] = {
    "objects": ("class", "score", "x1", "y1", "x2", "y2"),
    "points": ("name", "x", "y", "score"),
}
"""Lists of things: a row each, with these columns, which stand there when there is none, too."""

NO_CELL = ("rle",)
"""What is too long for a table; JSON has it."""


@FORMATS.add("csv")
class Csv(Format):
    """A row a picture, or a row an object or point; pictures that cannot be read have none."""

    def __init__(
        self, tasks: Mapping[str, AnyTask], model: str, files: Mapping[str, TextIO]
    ) -> None:
        super().__init__(tasks, model, files)
        self._writers = {
            name: csv.writer(file, lineterminator="\n") for name, file in files.items()
        }
        self._headed: set[str] = set()

    @classmethod
    def names(cls, tasks: Mapping[str, AnyTask]) -> list[str]:
        return [f"{name}.csv" for name in tasks]

    def add(self, answered: Answered, maps: Mapping[str, str]) -> None:
        for name, said in answered.plain(self.tasks, maps).get("tasks", {}).items():
            columns, rows = _table(said)
            writer = self._writers[f"{name}.csv"]
            if name not in self._headed:
                writer.writerow(["image", *columns])
                self._headed.add(name)
            writer.writerows([answered.record.key, *row] for row in rows)


def _table(said: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Columns, and the rows of one picture."""
    [key, *others] = said
    if not others and key in ITEMS:
        return [*ITEMS[key]], [[*_cells(item)] for item in said[key]]
    pairs = list(_flat("", said))
    return [name for name, _ in pairs], [[cell for _, cell in pairs]]


def _cells(item: Mapping[str, Any]) -> Iterator[Any]:
    for value in item.values():
        yield from value if isinstance(value, list) else [value]


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Cells with their columns: `probabilities.cat`; of a list of numbers one each."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in NO_CELL:
                yield from _flat(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield name, ";".join(value)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flat(f"{name}.{number}", inner)
    else:
        yield name, value
