"""`csv`: one row a picture, the label in a column; an empty cell is no label."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.errors import DataError, did_you_mean
from mtcli.core.labels import Label, LabelValue, TextLabel
from mtcli.core.options import InputPath, Options


class CsvOptions(Options):
    """Where a CSV file with a header keeps the labels."""

    csv: InputPath
    """The file; `{split}` in its path stands for the split."""
    key: str = "image"
    """The column with the picture's name."""
    column: str
    """The column with its label; an empty cell is no label."""


@READERS.add("csv")
class CsvReader(Reader):
    """Labels from a CSV file with a header."""

    Options = CsvOptions
    gives = TextLabel

    def __init__(self, options: CsvOptions) -> None:
        self._options = options

    def read(self, split: str) -> dict[str, Label]:
        options = self._options
        path = split_file(options.csv, split)
        labels: dict[str, Label] = {}
        for line, (picture, text) in read_columns(path, (options.key, options.column)):
            if not text:
                continue
            label = Label(TextLabel(text), f"{path}, line {line}")
            before = labels.get(picture)
            if before is not None and before.value != label.value:
                raise DataError(
                    f"{picture} has two labels in column {options.column}",
                    where=label.where,
                    found=f"{text}, and another at {before.where}",
                )
            labels[picture] = label
        return labels

    @classmethod
    def example(cls, folder: Path, values: dict[str, LabelValue]) -> dict[str, Any]:
        path = folder / "labels.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["image", "label"])
            for picture, value in values.items():
                assert isinstance(value, TextLabel)
                writer.writerow([picture, value.text])
        return {"csv": str(path), "key": "image", "column": "label"}


def read_columns(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    r"""The cells of some columns, row by row, each with its line in the file; spaces stripped.

    The first column names a picture, as `picture_key` has it.

    Raises:
        DataError: the file is missing or no CSV, a column is missing, or a row is too short or
            names no picture.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip() for name in next(rows, [])]
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
                if len(row) <= max(places):
                    raise DataError(
                        "a row that is too short",
                        where=f"{path}, line {rows.line_num}",
                        expected=f"{len(header)} cells",
                        found=f"{len(row)}",
                    )
                cells = [row[place].strip() for place in places]
                if not cells[0]:
                    raise DataError(
                        "a row that names no picture", where=f"{path}, line {rows.line_num}"
                    )
                cells[0] = picture_key(cells[0])
                yield rows.line_num, cells
    except FileNotFoundError:
        raise DataError("no such file", where=path) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=path) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"not a CSV file in UTF-8: {error}", where=path) from None
