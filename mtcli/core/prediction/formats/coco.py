"""`coco`: a file a task as COCO's annotation files are, each annotation with its score."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from faster_coco_eval.core import mask as rle

from mtcli.core.prediction.answered import Answered
from mtcli.core.prediction.formats import FORMATS, Format
from mtcli.core.task import AnyTask
from mtcli.core.tasks.segmentation import BACKGROUND

VISIBLE = 2
"""COCO's word for a point that is there and seen."""


@FORMATS.add("coco")
class Coco(Format):
    """Images, categories and annotations of detection, segmentation and keypoints.

    Image ids count pictures from 1 in the order in which they were named, those that could not be
    read too; category ids count a task's classes from 1.
    """

    def __init__(
        self, tasks: Mapping[str, AnyTask], model: str, files: Mapping[str, TextIO]
    ) -> None:
        super().__init__(tasks, model, files)
        self._own = {name: task for name, task in tasks.items() if task.kind in KINDS}
        self._images: list[dict[str, Any]] = []
        self._written = dict.fromkeys(self._own, 0)
        self._pictures = 0
        for name, task in self._own.items():
            file = self._file(name)
            file.write(f'{{\n"categories": {json.dumps(_categories(task), ensure_ascii=False)}')
            file.write(',\n"annotations": [')

    @classmethod
    def names(cls, tasks: Mapping[str, AnyTask]) -> list[str]:
        return [f"{name}.coco.json" for name, task in tasks.items() if task.kind in KINDS]

    def add(self, answered: Answered, maps: Mapping[str, str]) -> None:
        self._pictures += 1
        if answered.size is None:
            return
        height, width = answered.size
        path = answered.record.key
        image = {"id": self._pictures, "file_name": path, "height": height, "width": width}
        self._images.append(image)
        for name, task in self._own.items():
            said = task.to_json(answered.predictions[name])
            for found in KINDS[task.kind](said, _classes(task)):
                self._written[name] += 1
                ids = {"id": self._written[name], "image_id": self._pictures}
                line = json.dumps({**ids, **found, "iscrowd": 0}, ensure_ascii=False)
                self._file(name).write(("\n" if self._written[name] == 1 else ",\n") + line)

    def end(self, counts: Mapping[str, Any]) -> None:
        images = ",\n".join(json.dumps(image, ensure_ascii=False) for image in self._images)
        for name in self._own:
            self._file(name).write(f'\n],\n"images": [\n{images}\n]\n}}\n')

    def _file(self, name: str) -> TextIO:
        return self.files[f"{name}.coco.json"]


def _categories(task: AnyTask) -> list[dict[str, Any]]:
    points = getattr(task.facts, "points", None)
    if points is not None:
        return [{"id": 1, "name": "points", "keypoints": list(points), "skeleton": []}]
    return [{"id": n, "name": name} for n, name in enumerate(_classes(task), start=1)]


def _classes(task: AnyTask) -> tuple[str, ...]:
    classes: tuple[str, ...] = getattr(task.facts, "classes", ())
    return classes


def _objects(said: Mapping[str, Any], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    for item in said["objects"]:
        x1, y1, x2, y2 = item["box"]
        yield {
            "category_id": classes.index(item["class"]) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "score": item["score"],
        }


def _masks(said: Mapping[str, Any], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name, mask in said["masks"].items():
        if mask["share"] == 0 or name.lower() == BACKGROUND:
            continue
        runs = {**mask["rle"], "counts": mask["rle"]["counts"].encode("ascii")}
        yield {
            "category_id": classes.index(name) + 1,
            "segmentation": mask["rle"],
            "bbox": [float(side) for side in rle.toBbox(runs)],
            "area": float(rle.area(runs)),
            "score": 1.0,
        }


def _points(said: Mapping[str, Any], _classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    points = said["points"]
    xs, ys = [point["x"] for point in points], [point["y"] for point in points]
    box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    yield {
        "category_id": 1,
        "keypoints": [v for point in points for v in (point["x"], point["y"], VISIBLE)],
        "num_keypoints": len(points),
        "bbox": box,
        "area": box[2] * box[3],
        "score": sum(point["score"] for point in points) / len(points),
    }


KINDS: dict[str, Callable[[Mapping[str, Any], Sequence[str]], Iterator[dict[str, Any]]]] = {
    "detection": _objects,
    "segmentation": _masks,
    "keypoints": _points,
}
"""The kinds of task that COCO has words for."""
