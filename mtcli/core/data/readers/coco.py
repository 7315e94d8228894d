"""`coco`: boxes, masks or keypoints from a COCO JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as rle

from mtcli.core.data.cocofile import Entry, field, read_coco
from mtcli.core.data.readers import READERS, Reader, picture_key, split_file
from mtcli.core.data.regions import CROWD, DrawnMap, Region
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
        file = read_coco(split_file(self._options.coco, split), self.problems)
        makers: dict[type, Callable[..., LabelValue | Deferred]] = {
            ObjectsLabel: self._objects,
            ClassMapLabel: _map,
            PointsLabel: _points,
        }
        labels: dict[str, Label] = {}
        for number, picture in file.pictures.items():
            with self.item():
                named = field(picture, "file_name", file.path, f"image {number}")
                name = picture_key(str(named))
                if name in labels:
                    raise DataError(
                        f"{name} is listed twice", where=file.path, found=f"image {number}"
                    )
                own = file.annotations[number]
                found = makers[sort](picture, own, file.categories, file.path)
                labels[name] = Label(found, f"{file.path}, image {number}", _stated_size(picture))
        return labels

    def _objects(
        self,
        _picture: Entry,
        annotations: Sequence[Entry],
        categories: Mapping[Any, Entry],
        path: Path,
    ) -> ObjectsLabel:
        objects = []
        for annotation in annotations:
            with self.item():
                name = str(categories[annotation["category_id"]]["name"])
                crowd = bool(annotation.get("iscrowd", 0))
                objects.append(Object(name, _corners(annotation, path), crowd))
        return ObjectsLabel(tuple(objects))

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


def _map(
    picture: Entry, annotations: Sequence[Entry], categories: Mapping[Any, Entry], path: Path
) -> DrawnMap:
    size = _stated_size(picture)
    if size is None:
        raise DataError(
            f"image {picture['id']} has no height and width, which masks need",
            where=path,
            found=f"height {picture.get('height')}, width {picture.get('width')}",
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
    return DrawnMap(size, names, regions)


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


def _stated_size(picture: Entry) -> tuple[int, int] | None:
    height, width = picture.get("height"), picture.get("width")
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) <= 0:
        return None
    return height, width


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
