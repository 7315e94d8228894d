"""`coco`: boxes of objects from a COCO JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel
from mtcli.core.options import InputPath, Options


class CocoOptions(Options):
    """Where a COCO file is."""

    coco: InputPath
    """The JSON file; `{split}` in its path stands for the split."""


@READERS.add("coco")
class CocoReader(Reader):
    """Boxes as Lin et al., "Microsoft COCO" (arXiv:1405.0312), write them down.

    A picture that is listed without a box is labelled and empty; one not listed is unlabelled.
    """

    Options = CocoOptions
    gives = ObjectsLabel

    def __init__(self, options: CocoOptions) -> None:
        self._options = options

    def read(self, split: str) -> dict[str, Label]:
        path = split_file(self._options.coco, split)
        document = _read_json(path)
        names = _by_id(document["categories"], "category", path)
        pictures = _by_id(document["images"], "image", path)
        objects: dict[Any, list[Object]] = {number: [] for number in pictures}
        for annotation in document["annotations"]:
            number = _field(annotation, "id", path, "annotation")
            picture = _field(annotation, "image_id", path, f"annotation {number}")
            category = _field(annotation, "category_id", path, f"annotation {number}")
            if picture not in pictures:
                raise DataError(
                    f'image {picture} of annotation {number} is not in "images"',
                    where=path,
                    mend="correct the id, or add the image to the file",
                )
            if category not in names:
                listed = ", ".join(f"{key} ({c.get('name')})" for key, c in names.items())
                raise DataError(
                    f'category {category} of annotation {number} is not in "categories"',
                    where=path,
                    found=f"category ids {listed}",
                    mend="correct the id, or add the category to the file",
                )
            objects[picture].append(
                Object(
                    name=str(_field(names[category], "name", path, f"category {category}")),
                    box=_corners(annotation, path, number),
                    crowd=bool(annotation.get("iscrowd", 0)),
                )
            )
        labels: dict[str, Label] = {}
        for number, picture in pictures.items():
            name = picture_key(str(_field(picture, "file_name", path, f"image {number}")))
            if name in labels:
                raise DataError(f"{name} is listed twice", where=path, found=f"image {number}")
            labels[name] = Label(ObjectsLabel(tuple(objects[number])), f"{path}, image {number}")
        return labels

    @classmethod
    def example(cls, folder: Path, values: dict[str, LabelValue]) -> dict[str, Any]:
        annotations: list[dict[str, Any]] = []
        numbers: dict[str, int] = {}
        for image, value in enumerate(values.values(), start=1):
            assert isinstance(value, ObjectsLabel)
            for item in value.objects:
                x1, y1, x2, y2 = item.box
                category = numbers.setdefault(item.name, len(numbers) + 1)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": category,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "iscrowd": int(item.crowd),
                    }
                )
        document = {
            "images": [{"id": n, "file_name": name} for n, name in enumerate(values, start=1)],
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for name, number in numbers.items()],
        }
        path = folder / "instances.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return {"coco": str(path)}


def _read_json(path: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise DataError(
            f"the file is no JSON, or was cut short: {error.msg}",
            where=f"{path}, line {error.lineno}",
        ) from None
    except UnicodeDecodeError:
        raise DataError("the file is not text in UTF-8", where=path) from None
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


def _by_id(entries: list[dict[str, Any]], what: str, path: Path) -> dict[Any, dict[str, Any]]:
    found: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        number = _field(entry, "id", path, what)
        if number in found:
            raise DataError(f"the id of {what} {number} stands twice", where=path)
        found[number] = entry
    return found


def _field(entry: Mapping[str, Any], name: str, path: Path, what: str) -> Any:
    if name not in entry:
        raise DataError(f'{what} has no "{name}"', where=path, found=str(dict(entry))[:120])
    value = entry[name]
    if not isinstance(value, int | str):
        raise DataError(f'{what}: "{name}" is no id or name', where=path, found=repr(value))
    return value


def _corners(
    annotation: Mapping[str, Any], path: Path, number: Any
) -> tuple[float, float, float, float]:
    box = annotation.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_finite, box)):
        raise DataError(
            f'the "bbox" of annotation {number} is no box',
            where=path,
            expected="four numbers: x, y, width, height",
            found=repr(box),
        )
    x, y, width, height = map(float, box)
    return x, y, x + width, y + height


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e9  # also an integer beyond any float
