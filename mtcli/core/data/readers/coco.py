"""`coco`: boxes, masks or keypoints from a COCO JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.data.regions import CROWD, DrawnMap, Region
from mtcli.core.data.textfile import read_text
from mtcli.core.errors import DataError
from mtcli.core.labels import (
    ClassMapLabel,
    Deferred,
    Label,
    LabelValue,
    Object,
    ObjectsLabel,
    Point,
    PointsLabel,
)
from mtcli.core.options import InputPath, Options

BACKGROUND = "background"
"""The class of pixels that no annotation covers."""


class CocoOptions(Options):
    """Where a COCO file is."""

    coco: InputPath
    """The JSON file; `{split}` in its path stands for the split."""


Entry = Mapping[str, Any]


@READERS.add("coco")
class CocoReader(Reader):
    """Boxes, masks or keypoints from a COCO JSON file.

    Lin et al., "Microsoft COCO" (arXiv:1405.0312). A picture that is listed without an annotation
    is labelled and empty; one not listed is unlabelled.
    """

    Options = CocoOptions
    gives = (ObjectsLabel, ClassMapLabel, PointsLabel)

    def __init__(self, options: CocoOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        path = split_file(self._options.coco, split)
        document = _read_json(path)
        categories = _by_id(document["categories"], "category", path)
        for number, category in categories.items():
            _field(category, "name", path, f"category {number}")
        pictures = _by_id(document["images"], "image", path)
        annotations: dict[Any, list[Entry]] = {number: [] for number in pictures}
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
            if category not in categories:
                listed = ", ".join(f"{key} ({c['name']})" for key, c in categories.items())
                raise DataError(
                    f'category {category} of annotation {number} is not in "categories"',
                    where=path,
                    found=f"category ids {listed}",
                    mend="correct the id, or add the category to the file",
                )
            annotations[picture].append(annotation)
        makers: dict[type, Callable[..., LabelValue | Deferred]] = {
            ObjectsLabel: _objects,
            ClassMapLabel: _map,
            PointsLabel: _points,
        }
        labels: dict[str, Label] = {}
        for number, picture in pictures.items():
            name = picture_key(str(_field(picture, "file_name", path, f"image {number}")))
            if name in labels:
                raise DataError(f"{name} is listed twice", where=path, found=f"image {number}")
            found = makers[sort](picture, annotations[number], categories, path)
            labels[name] = Label(found, f"{path}, image {number}")
        return labels

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        annotations: list[dict[str, Any]] = []
        categories: dict[str, dict[str, Any]] = {}
        images = []
        for image, (name, value) in enumerate(values.items(), start=1):
            images.append({"id": image, "file_name": name})
            for category, parts in _written(value, images[-1]):
                entry = {"id": len(categories) + 1, **category}
                number = categories.setdefault(category["name"], entry)["id"]
                ids = {"id": len(annotations) + 1, "image_id": image, "category_id": number}
                annotations.append({**ids, **parts})
        document = {
            "images": images,
            "annotations": annotations,
            "categories": list(categories.values()),
        }
        path = folder / "instances.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return {"coco": str(path)}


def _objects(
    _picture: Entry, annotations: Sequence[Entry], categories: Mapping[Any, Entry], path: Path
) -> ObjectsLabel:
    return ObjectsLabel(
        tuple(
            Object(
                name=str(categories[annotation["category_id"]]["name"]),
                box=_corners(annotation, path),
                crowd=bool(annotation.get("iscrowd", 0)),
            )
            for annotation in annotations
        )
    )


def _map(
    picture: Entry, annotations: Sequence[Entry], categories: Mapping[Any, Entry], path: Path
) -> DrawnMap:
    size = picture.get("height"), picture.get("width")
    if not all(isinstance(side, int) and side > 0 for side in size):
        raise DataError(
            f"image {picture['id']} has no height and width, which masks need",
            where=path,
            found=f"height {size[0]}, width {size[1]}",
        )
    # Categories of one name are one class; one that is called background is what lies there.
    named = dict.fromkeys(str(category["name"]) for category in categories.values())
    numbers = {n: number for number, n in enumerate((n for n in named if n != BACKGROUND), start=1)}
    if len(numbers) >= CROWD:
        raise DataError(
            f"{len(numbers)} categories", where=path, expected=f"at most {CROWD - 1} in a class map"
        )
    regions = []
    for annotation in annotations:
        if annotation.get("segmentation") in (None, []):
            continue  # a box alone, in a file that mixes both
        crowd = annotation.get("iscrowd", 0)
        name = str(categories[annotation["category_id"]]["name"])
        number = CROWD if crowd else numbers.get(name, 0)
        where = f"{path}, annotation {annotation['id']}"
        regions.append(Region(number, annotation["segmentation"], where))
    names = (BACKGROUND, *numbers)
    return DrawnMap((int(picture["height"]), int(picture["width"])), names, regions)


def _points(
    picture: Entry, annotations: Sequence[Entry], categories: Mapping[Any, Entry], path: Path
) -> PointsLabel:
    with_points = [c for c in categories.values() if c.get("keypoints")]
    for category in with_points:
        if not isinstance(category["keypoints"], list):
            raise DataError(
                f'the "keypoints" of category {category["id"]} are no names',
                where=path,
                found=repr(category["keypoints"])[:60],
            )
    if len(with_points) != 1:
        raise DataError(
            "keypoints need one category that names them",
            where=path,
            expected='one category with a list "keypoints"',
            found=f"{len(with_points)} of {len(categories)} categories",
        )
    names = tuple(map(str, with_points[0]["keypoints"]))
    # Objects without any point are written with zeros, or without a list.
    own = [a for a in annotations if a.get("keypoints") not in (None, [], [0] * 3 * len(names))]
    if len(own) > 1:
        raise DataError(
            f"image {picture['id']} has {len(own)} sets of keypoints",
            where=f"{path}, annotation {own[1]['id']}",
            expected="one set of points a picture",
        )
    if not own:
        return PointsLabel(names, (None,) * len(names))
    numbers = own[0]["keypoints"]
    if (
        not isinstance(numbers, list)
        or len(numbers) != 3 * len(names)
        or not all(map(_is_finite, numbers))
    ):
        raise DataError(
            f'the "keypoints" of annotation {own[0]["id"]} are no points',
            where=path,
            expected=f"x, y and visibility of {len(names)} points",
            found=repr(numbers)[:80],
        )
    triples = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    points = tuple(Point(float(x), float(y), v > 1) if v > 0 else None for x, y, v in triples)
    return PointsLabel(names, points)


def _written(
    value: LabelValue, image: dict[str, Any]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The categories and annotations of a label; a map's size is noted with its image."""
    if isinstance(value, ObjectsLabel):
        return [
            ({"name": o.name}, {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": int(o.crowd)})
            for o in value.objects
            for x1, y1, x2, y2 in [o.box]
        ]
    if isinstance(value, PointsLabel):
        flat = [
            number
            for point in value.points
            for number in ((point.x, point.y, 1 + point.visible) if point else (0, 0, 0))
        ]
        return [({"name": "it", "keypoints": list(value.names)}, {"keypoints": flat})]
    assert isinstance(value, ClassMapLabel)
    assert value.names is not None
    image["height"], image["width"] = value.numbers.shape
    written = []
    for number, name in enumerate(value.names[1:], start=1):
        runs = rle.encode(np.asfortranarray((value.numbers == number).numpy().astype(np.uint8)))
        shape = {"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")}
        written.append(({"name": name}, {"segmentation": shape}))
    return written


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


def _corners(annotation: Entry, path: Path) -> tuple[float, float, float, float]:
    number, box = annotation["id"], annotation.get("bbox")
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
