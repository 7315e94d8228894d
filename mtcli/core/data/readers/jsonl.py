"""`jsonl`: one JSON object a line, the label in a field or several."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.data.textfile import read_text
from mtcli.core.data.words import Columns, words_by_picture
from mtcli.core.errors import DataError, did_you_mean
from mtcli.core.labels import Label, LabelValue, WordsLabel
from mtcli.core.options import InputPath, Options


class JsonlOptions(Options):
    """Where a file of JSON lines keeps the labels."""

    jsonl: InputPath
    """The file; `{split}` in its path stands for the split."""
    key: str = "image"
    """The field with the picture's name."""
    column: Columns
    """The field with its label; or a list of fields, each with a number, or with 1 or 0 for the
    class of its name. Null is no label."""


@READERS.add("jsonl")
class JsonlReader(Reader):
    """Classes or numbers from JSON lines; a list is several, an empty list is none that applies."""

    Options = JsonlOptions
    gives = (WordsLabel,)

    def __init__(self, options: JsonlOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        path = split_file(self._options.jsonl, split)
        return words_by_picture(self._rows(path), self._options.column, self.problems)

    def _rows(self, path: Path) -> Iterator[tuple[str, tuple[str, ...] | None, str]]:
        seen: set[str] = set()
        # Not splitlines, which also breaks at characters that JSON allows inside a string.
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            where = f"{path}, line {number}"
            if not line.strip():
                continue
            with self.item():
                entry = self._entry(line, where)
                seen |= entry.keys()
                yield picture_key(entry[self._options.key]), self._words(entry, where), where
        for column in self._options.column:
            if column not in seen:
                raise DataError(
                    f"no line has a field {column}", where=path, mend=did_you_mean(column, seen)
                )

    def _entry(self, line: str, where: str) -> dict[str, Any]:
        key = self._options.key
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"the line is no JSON: {error.msg}", where=where) from None
        except (ValueError, RecursionError):  # digits or brackets without end
            raise DataError("the line is no JSON of any use", where=where) from None
        if not isinstance(entry, dict):
            raise DataError("the line is no JSON object", where=where, found=line.strip()[:60])
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise DataError(
                f"a line that names no picture in {key}",
                where=where,
                found=line.strip()[:60],
                mend=did_you_mean(key, entry),
            )
        return entry

    def _words(self, entry: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
        values = [entry.get(column) for column in self._options.column]
        if all(value is None or value == "" for value in values):
            return None
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
        return tuple("" if value is None else _word(value, where) for value in values)

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        path = folder / "labels.jsonl"
        lines = []
        for picture, value in values.items():
            assert isinstance(value, WordsLabel)
            lines.append(json.dumps({"image": picture, "label": list(value.words)}) + "\n")
        path.write_text("".join(lines), encoding="utf-8")
        return {"jsonl": str(path), "key": "image", "column": "label"}


def _word(value: object, where: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    raise DataError("a label that is no text or number", where=where, found=json.dumps(value)[:60])
