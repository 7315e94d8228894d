"""The `data.yaml` of YOLO data sets: where pictures lie, and what numbers stand for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mtcli.core.data.pictures import pictures_below
from mtcli.core.data.readers import picture_key, stem
from mtcli.core.data.textfile import read_text
from mtcli.core.errors import DataError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class DataYaml:
    """A data.yaml whose keys are looked at when they are asked for.

    Attributes:
        path: the file.
        document: what it holds.
    """

    path: Path
    document: Mapping[str, Any]

    def names(self) -> Mapping[int, str] | None:
        """The classes by their numbers; None: it names none.

        Raises:
            DataError: names that are none, or another number of them than `nc`.
        """
        names = self.document.get("names")
        if names is None:
            return None
        found = self._numbered(names, "names")
        count = self.document.get("nc", len(found))
        if count != len(found):
            raise DataError(
                f"nc and names differ: {len(found)} names",
                where=f"{self.path}, nc",
                found=repr(count),
            )
        return found

    def points(self) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
        """The names of an object's points, and how many numbers each may have (2, 3).

        None: nothing is said of points. Those without names are called by their numbers.

        Raises:
            DataError: the points are none, or more or fewer than their names.
        """
        shape, names = self.document.get("kpt_shape"), self.document.get("kpt_names")
        if shape is not None and not (
            isinstance(shape, list)
            and len(shape) == 2
            and all(type(number) is int for number in shape)
            and shape[0] > 0
            and shape[1] in (2, 3)
        ):
            raise DataError(
                "kpt_shape is none",
                where=f"{self.path}, kpt_shape",
                expected="how many points, and 2 or 3 numbers for each, as [17, 3]",
                found=repr(shape),
            )
        called = None if names is None else self._point_names(names)
        if shape is None:
            return None if called is None else (called, (2, 3))
        called = called or tuple(f"point {number}" for number in range(1, shape[0] + 1))
        if len(called) != shape[0]:
            raise DataError(
                f"kpt_shape and kpt_names differ: {len(called)} names",
                where=f"{self.path}, kpt_shape",
                found=repr(shape),
            )
        return called, (shape[1],)

    def swaps(self, points: tuple[str, ...]) -> tuple[tuple[str, str], ...] | None:
        """Pairs of points that change places in a mirror, by `flip_idx`; None: it says nothing.

        Raises:
            DataError: it is no order of these points, or one that does not come back.
        """
        order = self.document.get("flip_idx")
        if order is None:
            return None
        if not (
            isinstance(order, list)
            and all(type(number) is int for number in order)
            and sorted(order) == list(range(len(points)))
            and all(order[order[place]] == place for place in order)
        ):
            raise DataError(
                "flip_idx is no exchange of points",
                where=f"{self.path}, flip_idx",
                expected=f"the numbers 0 to {len(points) - 1}, two changing places at a time",
                found=repr(order)[:80],
            )
        return tuple(
            (points[place], points[other]) for place, other in enumerate(order) if place < other
        )

    def label_files(self, split: str, base: Path) -> dict[str, Path]:
        """The label files of all splits, by their pictures below `base`, without ending.

        A picture `…/images/….jpg` has its label in `…/labels/….txt`, else beside itself. Other
        splits than this one may be missing.

        Raises:
            DataError: the pictures of this split are missing, or none has a label file.
        """
        found: dict[str, Path] = {}
        for name in dict.fromkeys((split, *SPLITS)):
            pictures = list(self._pictures(name, required=name == split))
            labels = [(picture, _label_of(picture)) for picture in pictures]
            own = {
                stem(Path(os.path.relpath(picture, base)).as_posix()): path
                for picture, path in labels
                if path.is_file()
            }
            if name == split and not own and self.document.get(name) is not None:
                raise DataError(
                    f"none of the {len(labels)} pictures of {name} has a label file",
                    where=f"{self.path}, {name}",
                    expected=f"files such as {labels[0][1]}" if labels else None,
                )
            found |= own
        if not found:
            raise DataError(
                "the file names no pictures that have label files",
                where=self.path,
                expected=f"folders or lists of pictures, by the keys {', '.join(SPLITS)}",
            )
        return found

    def _pictures(self, split: str, required: bool) -> Iterator[Path]:
        said = self.document.get(split)
        for entry in [] if said is None else said if isinstance(said, list) else [said]:
            place = self._place(picture_key(str(entry)))
            if place is None and required:
                raise DataError(
                    f"no pictures at {entry}",
                    where=f"{self.path}, {split}",
                    expected="a folder of pictures, or a list of them, below path or this folder",
                    mend="correct it, or name the folder of the label files in place of this file",
                )
            if place is not None and place.is_dir():
                yield from pictures_below(place)
            elif place is not None:
                yield from _listed(place)

    def _place(self, entry: str) -> Path | None:
        """Where an entry is; as YOLO's own programs do, one `../` too many is passed over."""
        base = self.path.parent
        root = self.document.get("path")
        # YOLO takes `path` from a folder of its own settings, mostly the data.yaml's after all.
        for folder in [base] if root is None else [base / picture_key(str(root)), base]:
            for place in (folder / entry, folder / entry.removeprefix("../")):
                if place.exists():
                    return Path(os.path.normpath(place))
        return None

    def _point_names(self, names: object) -> tuple[str, ...]:
        """Names, or a list of them for each class."""
        lists = list(names.values()) if isinstance(names, dict) else []
        if lists and all(isinstance(own, list) for own in lists):
            if any(other != lists[0] for other in lists):
                raise DataError(
                    "the classes have different points",
                    where=f"{self.path}, kpt_names",
                    expected="points of one sort, one object a picture",
                )
            names = lists[0]
        found = tuple(self._numbered(names, "kpt_names").values())
        if len(set(found)) < len(found):
            raise DataError("a point stands twice", where=f"{self.path}, kpt_names")
        return found

    def _numbered(self, names: object, key: str) -> dict[int, str]:
        """Names by their numbers, from a list or from a mapping."""
        found = dict(enumerate(names)) if isinstance(names, list) else names
        if (
            not isinstance(found, dict)
            or not found
            or not all(type(number) is int and number >= 0 for number in found)
            or not all(
                isinstance(name, str) or type(name) in (int, float) for name in found.values()
            )
        ):
            raise DataError(
                f"{key} are no names",
                where=f"{self.path}, {key}",
                expected="a list of names, or names by their numbers; yes and no in quotes",
                found=repr(names)[:80],
            )
        return {number: str(name) for number, name in found.items()}


def read_data_yaml(path: Path) -> DataYaml:
    """Read one.

    Raises:
        DataError: it is no YAML, or not one mapping.
    """
    try:
        document = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise DataError(f"the file is not valid YAML: {problem}", where=f"{path}{line}") from None
    except ValueError as error:  # a date such as 2024-13-45
        raise DataError(f"the file is not valid YAML: {error}", where=path) from None
    if not isinstance(document, dict):
        raise DataError(
            "not a data.yaml", where=path, expected="keys train, val and names, one a line"
        )
    return DataYaml(path, document)


def _listed(path: Path) -> Iterator[Path]:
    """The pictures of a text file, a name a line, below the file's folder."""
    for line in read_text(path).splitlines():
        if line.strip():
            yield Path(os.path.normpath(path.parent / picture_key(line.strip())))


def _label_of(picture: Path) -> Path:
    """The label file of a picture: the last folder called `images` is `labels` for it."""
    parts = list(picture.parts[:-1])
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts, f"{stem(picture.name)}.txt")
