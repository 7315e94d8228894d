"""`arrays`: the rows of an array as labels, for pictures that are rows of an array too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mtcli.core.data.arrays import Array, ArrayRow, open_array
from mtcli.core.data.measured import measured_map
from mtcli.core.data.readers import READERS, Reader
from mtcli.core.data.splits import split_array
from mtcli.core.errors import DataError
from mtcli.core.labels import (
    ClassMapLabel,
    Deferred,
    Label,
    LabelValue,
    NumberMapLabel,
    WordsLabel,
)
from mtcli.core.maps import IGNORED
from mtcli.core.options import ClassNames, InputPath, Options


class ArraysOptions(Options):
    """Where an array keeps the labels, a row for each picture."""

    arrays: InputPath
    """An `.npy`, `.npz` or IDX file; `{split}` in its path or key stands for the split."""
    key: str | None = None
    """Which array of an `.npz`."""
    classes: ClassNames | None = None
    """What its integers mean, from 0 on, or the columns of 0 and 1 of a table; null: integers
    stay as they are."""


@READERS.add("arrays")
class ArraysReader(Reader):
    """Classes, numbers or maps from an `.npy`, `.npz` or IDX file; a row a picture.

    `[N]` text or integers are a class each, `[N, K]` of 0 and 1 with `classes` those that apply,
    `[N]` or `[N, K]` floats numbers with NaN where one is missing; `[N, H, W]` are maps.
    """

    Options = ArraysOptions
    gives = (WordsLabel, ClassMapLabel, NumberMapLabel)

    def __init__(self, options: ArraysOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        path, key = self._place(split)
        array, classes = open_array(path, key), self._options.classes
        where = str(path) if key is None else f"{path}, {key}"
        values: Sequence[LabelValue | Deferred | None]
        if sort is WordsLabel:
            words = _words(array, classes, where)
            values = [None if row is None else WordsLabel(row) for row in words]
        else:
            of_classes = sort is ClassMapLabel
            if array.ndim != 3 or array.dtype.kind not in ("iub" if of_classes else "iuf"):
                wanted = "integers" if of_classes else "numbers"
                raise _unlike("the array holds no maps", f"{wanted} [N, H, W]", array, where)
            rows = [ArrayRow(path, key, row) for row in range(len(array))]
            values = [ClassRow(row, classes) if of_classes else NumberRow(row) for row in rows]
        return {
            str(row): Label(value, f"{where}, row {row}")
            for row, value in enumerate(values)
            if value is not None
        }

    def rows(self, split: str) -> int:
        return len(open_array(*self._place(split)))

    def _place(self, split: str) -> tuple[Path, str | None]:
        return split_array(self._options.arrays, self._options.key, split)

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        path = folder / "labels.npy"
        array, classes = _written(list(values.values()))
        np.save(path, array)
        return {"arrays": str(path)} | ({} if classes is None else {"classes": list(classes)})


@dataclass(frozen=True, slots=True)
class ClassRow(Deferred):
    """A class map that is a row of an array."""

    place: ArrayRow
    classes: tuple[str, ...] | None

    def load(self) -> ClassMapLabel:
        """Read it."""
        numbers = _row(self.place).astype(np.int64)
        known = None if self.classes is None else len(self.classes)
        wrong = numbers < 0
        if known is not None:
            wrong |= (numbers >= known) & (numbers != IGNORED)
        if wrong.any():
            raise DataError(
                "a number that is no class",
                where=self.place,
                expected="0 and above" if known is None else f"0 to {known - 1}, or {IGNORED}",
                found=str(numbers[wrong][0]),
            )
        return ClassMapLabel(torch.from_numpy(numbers), self.classes)


@dataclass(frozen=True, slots=True)
class NumberRow(Deferred):
    """A map of numbers that is a row of an array."""

    place: ArrayRow

    def load(self) -> NumberMapLabel:
        """Read it."""
        return measured_map(_row(self.place), self.place)


def _row(place: ArrayRow) -> Array:
    return np.array(open_array(place.path, place.key)[place.row])


def _words(
    array: Array, classes: tuple[str, ...] | None, where: str
) -> list[tuple[str, ...] | None]:
    """The words of each row; None where it has no label."""
    sort, columns = array.dtype.kind, array.ndim
    if sort in "iub" and columns == 1:
        return _of_integers(array, classes, where)
    if sort in "iub" and columns == 2:
        return _of_flags(array, classes, where)
    if classes is not None:
        raise _unlike("classes give names to integers", "[N] or [N, K] of them", array, where)
    if sort == "f" and columns in (1, 2):
        return _of_numbers(array)
    if sort in "US" and columns == 1:
        texts = np.char.decode(array, "utf-8") if sort == "S" else array
        return [(text,) if text else None for text in np.char.strip(texts).tolist()]
    raise _unlike(
        "the array holds no classes or numbers",
        "integers or text [N], or floats [N] or [N, K]",
        array,
        where,
    )


def _of_integers(
    array: Array, classes: tuple[str, ...] | None, where: str
) -> list[tuple[str, ...] | None]:
    numbers = array.astype(np.int64)
    if classes is None:
        return [(str(number),) for number in numbers.tolist()]
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(classes)))
    if len(wrong):
        raise DataError(
            f"a number beyond the {len(classes)} classes",
            where=f"{where}, row {wrong[0]}",
            expected=f"0 to {len(classes) - 1}",
            found=str(numbers[wrong[0]]),
        )
    return [(classes[number],) for number in numbers.tolist()]


def _of_flags(
    array: Array, classes: tuple[str, ...] | None, where: str
) -> list[tuple[str, ...] | None]:
    if classes is None:
        raise _unlike(
            "nothing says what the columns of the array mean",
            "the option classes, for columns of 0 and 1; or numbers as floats",
            array,
            where,
        )
    if array.shape[1] != len(classes):
        what = f"the array has no column for each of {len(classes)} classes"
        raise _unlike(what, f"[N, {len(classes)}]", array, where)
    flags = np.asarray(array)
    wrong = np.flatnonzero(((flags != 0) & (flags != 1)).any(axis=1))
    if len(wrong):
        raise DataError(
            "a table of classes holds 0 and 1 alone",
            where=f"{where}, row {wrong[0]}",
            found=str(flags[wrong[0]].tolist()),
        )
    names = np.array(classes, dtype=object)
    return [tuple(names[row]) for row in flags.astype(bool)]


def _of_numbers(array: Array) -> list[tuple[str, ...] | None]:
    table = array[:, None] if array.ndim == 1 else array
    # NumPy writes the shortest text of the array's own precision: 0.1 stays 0.1.
    texts = np.where(np.isnan(table), "", table.astype(str))
    return [tuple(row) if any(row) else None for row in texts.tolist()]


def _unlike(what: str, expected: str, array: Array, where: str) -> DataError:
    found = f"{array.dtype} of shape {list(array.shape)}"
    return DataError(what, where=where, expected=expected, found=found)


def _written(values: Sequence[LabelValue]) -> tuple[Array, tuple[str, ...] | None]:
    """Values of one sort as an array, and the classes that its numbers need.

    Raises:
        ValueError: an array cannot say this.
    """
    if isinstance(values[0], NumberMapLabel):
        return np.stack([v.values.numpy() for v in values if isinstance(v, NumberMapLabel)]), None
    if isinstance(values[0], ClassMapLabel):
        maps = [value for value in values if isinstance(value, ClassMapLabel)]
        if len({value.names for value in maps}) > 1:
            raise ValueError("the maps of one array have the same classes")
        return np.stack([value.numbers.numpy() for value in maps]), maps[0].names
    labels = [value for value in values if isinstance(value, WordsLabel)]
    if any(label.looked_for is not None for label in labels):
        raise ValueError("an array does not say which classes were looked for")
    words = [label.words for label in labels]
    if all(len(row) == 1 for row in words):
        return np.array([row[0] for row in words]), None
    if len({len(row) for row in words}) == 1 and all(_is_number(w) for row in words for w in row):
        return np.array([[float(word or "nan") for word in row] for row in words]), None
    classes = tuple(sorted({word for row in words for word in row}))
    return np.array([[name in row for name in classes] for row in words]), classes


def _is_number(word: str) -> bool:
    try:
        return not word or bool(np.isfinite(float(word)))
    except ValueError:
        return False
