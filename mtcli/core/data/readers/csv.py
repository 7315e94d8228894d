"""`csv`: one row a picture, the label in a column or several; an empty cell is no label."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

from pydantic import Field, model_validator

from mtcli.core.data.faults import skipping
from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.data.words import Columns, words_by_picture
from mtcli.core.errors import DataError, did_you_mean
from mtcli.core.labels import Label, LabelValue, WordsLabel
from mtcli.core.options import InputPath, Options


class CsvOptions(Options):
    """Where a CSV file with a header keeps the labels."""

    csv: InputPath
    """The file; `{split}` in its path stands for the split."""
    key: str = "image"
    """The column with the picture's name."""
    column: Columns
    """The column with its label; or a list of columns, each with a number, or with 1 or 0 for the
    class of its name. Empty is no label."""
    separator: Annotated[str, Field(min_length=1)] | None = None
    """What stands between several classes or numbers of one cell."""
    nothing: str | None = None
    """The cell that says: somebody looked, and no class applies."""

    @model_validator(mode="after")
    def _of_one_cell(self) -> CsvOptions:
        if len(self.column) > 1 and (self.separator, self.nothing) != (None, None):
            raise ValueError("separator and nothing are for one column, not for several")
        return self


@READERS.add("csv")
class CsvReader(Reader):
    """Classes or numbers from a CSV file with a header; a row a picture."""

    Options = CsvOptions
    gives = (WordsLabel,)

    def __init__(self, options: CsvOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        options = self._options
        path = split_file(options.csv, split)
        rows = (
            (picture, self._words(cells), f"{path}, line {line}")
            for line, (picture, *cells) in read_columns(
                path, [options.key, *options.column], self.problems
            )
        )
        return words_by_picture(rows, options.column, self.problems)

    def _words(self, cells: Sequence[str]) -> tuple[str, ...] | None:
        options = self._options
        if len(cells) == 1 and cells[0] == options.nothing:
            return ()
        if not any(cells):
            return None
        if len(cells) > 1:
            return tuple(cells)
        if options.separator is None:
            return (cells[0],)
        return tuple(word.strip() for word in cells[0].split(options.separator))

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        path = folder / "labels.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "label"])
            for picture, value in values.items():
                assert isinstance(value, WordsLabel)
                writer.writerow([picture, "|".join(value.words) if value.words else "-"])
        labels = {"csv": str(path), "key": "image", "column": "label"}
        return {**labels, "separator": "|", "nothing": "-"}


def read_columns(
    path: Path, columns: Sequence[str], problems: list[DataError] | None = None
) -> Iterator[tuple[int, list[str]]]:
    r"""The cells of some columns, row by row, each with its line in the file; spaces stripped.

    Args:
        path: the file.
        columns: their names in its header; the first names a picture, as `picture_key` has it.
        problems: takes what is wrong with a row, which is then passed over.

    Raises:
        DataError: the file is missing or no CSV, a column is missing, or a row is too short or
            names no picture.
    """
    with _open(path) as file:
        rows = csv.reader(file, strict=True)
        header = _header(rows)
        for column in columns:
            if column not in header:
                raise DataError(
                    f"no column {column}",
                    where=path,
                    found=f"columns {', '.join(header) or '(none)'}",
                    mend="save the file with commas between its cells"
                    if len(header) == 1 and ";" in header[0]
                    else did_you_mean(column, header),
                )
            if header.count(column) > 1:
                raise DataError(f"the column {column} stands twice", where=path)
        places = [header.index(column) for column in columns]
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            with skipping(problems):
                where = f"{path}, line {rows.line_num}"
                yield rows.line_num, _cells(row, places, len(header), where)


def read_header(path: Path) -> list[str]:
    """The names of a file's columns.

    Raises:
        DataError: the file is missing or no CSV.
    """
    with _open(path) as file:
        return _header(csv.reader(file, strict=True))


def _header(rows: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(rows, [])]


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """A CSV file while it is read, and what is wrong with it in our words."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except FileNotFoundError:
        raise DataError("no such file", where=path) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=path) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"not a CSV file in UTF-8: {error}", where=path) from None


def _cells(row: Sequence[str], places: Sequence[int], wanted: int, where: str) -> list[str]:
    if len(row) <= max(places):
        raise DataError(
            "a row that is too short",
            where=where,
            expected=f"{wanted} cells",
            found=f"{len(row)}",
        )
    cells = [row[place].strip() for place in places]
    if not cells[0]:
        raise DataError("a row that names no picture", where=where)
    cells[0] = picture_key(cells[0])
    return cells
