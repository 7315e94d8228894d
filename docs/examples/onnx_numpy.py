"""Runs a file that `mtcli export --format onnx` wrote, without mtcli and without torch.

    pip install numpy onnxruntime pillow
    python onnx_numpy.py model.onnx picture.jpg more.png

prints the answers as JSON, a line a picture. It is one file, to be copied: `Model("model.onnx")`
called with pictures gives them as plain values, with boxes, points and maps in their pixels.

Pillow resizes as mtcli does but for rounding: of pictures of 640 × 480 that were shrunk, two
numbers in a thousand came out 1 of 255 apart, and none by more.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image, ImageOps

Array = npt.NDArray[Any]
Answer = dict[str, Any]

BATCH = 4
"""Pictures at once; in one batch the boxes of all pictures are compared with each other."""


@dataclass(frozen=True)
class Frame:
    """Where a picture lies in the network's input, in pixels, each time width before height."""

    picture: tuple[int, int]
    inner: tuple[int, int]
    offset: tuple[int, int]

    def points(self, points: Array) -> Array:
        """Points `[…, 2]` of the input as points of the picture, none of them outside."""
        scale = np.divide(self.inner, self.picture)
        moved: Array = ((points - self.offset) / scale).clip(0, self.picture)
        return moved

    def map(self, values: Array, resample: Image.Resampling) -> Array:
        """A map `[H, W]` of the input as one of the picture."""
        (left, top), (width, height) = self.offset, self.inner
        part = Image.fromarray(values[top : top + height, left : left + width])
        return np.asarray(part.resize(self.picture, resample))


class Model:
    """An exported file; all that one must know to use it stands in its metadata.

    Raises:
        OSError: it cannot be read.
        ValueError: mtcli did not write it, or this example does not know how to use it.
    """

    def __init__(self, path: str | Path) -> None:
        read = Path(path).read_bytes()
        self._session = onnxruntime.InferenceSession(read, providers=["CPUExecutionProvider"])
        text = self._session.get_modelmeta().custom_metadata_map.get("mtcli")
        if text is None:
            raise ValueError(f"{path}: not exported by mtcli, it says nothing of its tasks")
        about = json.loads(text)
        self.tasks: dict[str, Answer] = about["model"]["tasks"]
        self._input, self._export = about["model"]["input"], about["export"]
        if self._export["answers"] != "decoded":
            raise ValueError(f"{path}: says what its heads say; export it with --decoded")
        if [given["dtype"] for given in self._export["inputs"].values()] != ["uint8"]:
            raise ValueError(f"{path}: reads {', '.join(self._export['inputs'])}, not one picture")

    def __call__(self, pictures: Sequence[Image.Image]) -> list[dict[str, Answer]]:
        """What each task says of each picture (upright, RGB)."""
        step = 1 if self._export["dynamic"] == "none" else BATCH
        starts = range(0, len(pictures), step)
        return [said for n in starts for said in self._batch(pictures[n : n + step])]

    def _batch(self, pictures: Sequence[Image.Image]) -> list[dict[str, Answer]]:
        pixels, frames = zip(*map(self._placed, pictures), strict=True)
        [given] = self._export["inputs"]
        outputs = list(self._export["outputs"])
        tensors = self._session.run(outputs, {given: np.stack(pixels)})
        found: dict[str, dict[str, Array]] = {name: {} for name in self.tasks}
        for output, tensor in zip(outputs, tensors, strict=True):
            name, _, own = output.partition("/")
            found[name][own] = tensor
        return [
            {
                name: answer(task, row_of(found[name], row), frame)
                for name, task in self.tasks.items()
            }
            for row, frame in enumerate(frames)
        ]

    def _placed(self, picture: Image.Image) -> tuple[Array, Frame]:
        """A picture as the network takes it, `[H, W, 3]` uint8, and where it lies in there."""
        height, width = self._input["size"]
        inner, offset = (width, height), (0, 0)
        if self._input["resize"] == "letterbox":
            factor = min(width / picture.width, height / picture.height)
            inner = (
                min(width, max(1, round(picture.width * factor))),
                min(height, max(1, round(picture.height * factor))),
            )
            offset = ((width - inner[0]) // 2, (height - inner[1]) // 2)
        canvas = Image.new("RGB", (width, height), (self._export["padding"],) * 3)
        canvas.paste(picture.resize(inner, Image.Resampling.BILINEAR), offset)
        return np.asarray(canvas), Frame(picture.size, inner, offset)


def row_of(tensors: Mapping[str, Array], row: int) -> dict[str, Array]:
    """What a task's tensors say of the picture in this row of the batch."""
    if "image" not in tensors:
        return {name: tensor[row] for name, tensor in tensors.items()}
    # As many rows as all pictures have objects: `image` says which picture's each is.
    names = tensors.keys() - {"image", "counts"}
    return {name: tensors[name][tensors["image"] == row] for name in names}


def answer(task: Answer, found: Mapping[str, Array], frame: Frame) -> Answer:
    """A task's tensors of a picture as plain values; a map `[H, W]` remains an array."""
    options, facts = task["options"], task["facts"]
    match task["kind"]:
        case "classification":
            rows = zip(facts["classes"], found["probabilities"].tolist(), strict=True)
            return {"class": facts["classes"][found["class"]], "probabilities": dict(rows)}
        case "multilabel":
            sure = dict(zip(facts["classes"], found["probabilities"].tolist(), strict=True))
            applying = [name for name, p in sure.items() if p >= options["threshold"]]
            return {"classes": applying, "probabilities": sure}
        case "regression":  # `numbers`, and `deviation` where the task learnt how sure it is
            names = options["names"] or range(len(found["numbers"]))
            return {key: dict(zip(names, row.tolist(), strict=True)) for key, row in found.items()}
        case "detection":  # the surest first; a box is x1, y1, x2, y2
            boxes = frame.points(found["boxes"].reshape(-1, 2, 2)).reshape(-1, 4).tolist()
            names = [facts["classes"][label] for label in found["labels"]]
            objects = zip(names, found["scores"].tolist(), boxes, strict=True)
            return {"objects": [{"class": n, "score": s, "box": box} for n, s, box in objects]}
        case "segmentation":  # the number of each pixel's class, and how much each class takes
            numbers = frame.map(found["classes"], Image.Resampling.NEAREST)
            shares = np.bincount(numbers.ravel(), minlength=len(facts["classes"])) / numbers.size
            shared = dict(zip(facts["classes"], shares.tolist(), strict=True))
            return {"shares": shared, "map": numbers}
        case "depth":  # in the unit of the labels
            far = frame.map(found["depth"], Image.Resampling.BILINEAR)
            return {"mean": float(far.mean()), "map": far}
        case "keypoints":  # all of them, also those that it is not sure of
            places, scores = frame.points(found["points"]).tolist(), found["scores"].tolist()
            points = zip(facts["points"], places, scores, strict=True)
            return {"points": [{"name": n, "x": x, "y": y, "score": s} for n, (x, y), s in points]}
    return {name: tensor.tolist() for name, tensor in found.items()}  # a kind of your own


def main(path: str, *pictures: str) -> None:
    """Print what a model says of each picture; of a map, its height and width."""
    model = Model(path)
    for picture in pictures:
        with Image.open(picture) as opened:
            upright = ImageOps.exif_transpose(opened).convert("RGB")
        [answers] = model([upright])
        print(json.dumps({"image": picture, "tasks": answers}, default=np.shape))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python onnx_numpy.py model.onnx picture.jpg …")
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(str(error))
