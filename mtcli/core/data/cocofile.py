"""The lists of a COCO file, by their ids, checked as far as every use of them needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtcli.core.data.faults import skipping
from mtcli.core.data.textfile import read_text
from mtcli.core.errors import DataError

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CocoFile:
    """A COCO file.

    Attributes:
        path: of the file.
        categories, pictures: by id; categories have a name.
        annotations: by the picture's id; each has an id, and a category that is there.
    """

    path: Path
    categories: Mapping[Any, Entry]
    pictures: Mapping[Any, Entry]
    annotations: Mapping[Any, Sequence[Entry]]


def read_coco(path: Path, problems: list[DataError] | None = None) -> CocoFile:
    """Read a COCO file.

    Args:
        path: of the file.
        problems: takes what is wrong with an entry, which is then passed over.

    Raises:
        DataError: the file is none, or an entry is wrong.
    """
    document = _read_json(path)
    categories = _by_id(document["categories"], "category", path, problems)
    for number, category in categories.items():
        field(category, "name", path, f"category {number}")
    pictures = _by_id(document["images"], "image", path, problems)
    annotations: dict[Any, list[Entry]] = {number: [] for number in pictures}
    for annotation in document["annotations"]:
        with skipping(problems):
            _check_ids(annotation, pictures, categories, path)
            annotations[annotation["image_id"]].append(annotation)
    return CocoFile(path, categories, pictures, annotations)


def field(entry: Entry, name: str, path: Path, what: str) -> Any:
    """An id or name of an entry.

    Raises:
        DataError: there is none.
    """
    if name not in entry:
        raise DataError(f'{what} has no "{name}"', where=path, found=str(dict(entry))[:120])
    value = entry[name]
    if not isinstance(value, int | str):
        raise DataError(f'{what}: "{name}" is no id or name', where=path, found=repr(value))
    return value


def _read_json(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        document = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"the file is no JSON, or was cut short: {error.msg}",
            where=f"{path}, line {error.lineno}",
        ) from None
    except (ValueError, RecursionError):  # digits or brackets without end
        raise DataError("the file is no JSON of any use", where=path) from None
    for part in ("images", "annotations", "categories"):
        entries = document.get(part) if isinstance(document, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DataError(
                f'not a COCO file: no list "{part}"',
                where=path,
                expected="lists images, annotations and categories",
            )
    checked: dict[str, list[dict[str, Any]]] = document
    return checked


def _by_id(
    entries: Sequence[Entry], what: str, path: Path, problems: list[DataError] | None
) -> dict[Any, Entry]:
    found: dict[Any, Entry] = {}
    for entry in entries:
        with skipping(problems):
            number = field(entry, "id", path, what)
            if number in found:
                raise DataError(f"the id of {what} {number} stands twice", where=path)
            found[number] = entry
    return found


def _check_ids(
    annotation: Entry, pictures: Mapping[Any, Entry], categories: Mapping[Any, Entry], path: Path
) -> None:
    number = field(annotation, "id", path, "annotation")
    picture = field(annotation, "image_id", path, f"annotation {number}")
    category = field(annotation, "category_id", path, f"annotation {number}")
    if picture not in pictures:
        raise DataError(
            f'image {picture} of annotation {number} is not in "images"',
            where=path,
            mend="correct the id, or add the image to the file",
        )
    if category not in categories:
        listed = ", ".join(f"{key} ({c['name']})" for key, c in categories.items())
        raise DataError(
            f'category {category} of annotation {number} is not in "categories"',
            where=path,
            found=f"category ids {listed}",
            mend="correct the id, or add the category to the file",
        )
