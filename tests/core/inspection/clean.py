"""Small clean data with ten tasks in eight formats, into copies of which faults are planted."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE = 64
PICTURES = 60
SPLITS = {"train": range(0, 36), "val": range(36, 52), "test": range(52, 60)}
CLASSES = ("ball", "box")

CONFIG = """\
data:
  images: images
  splits: {train: train.txt, val: val.txt, test: test.txt}
  group: {csv: places.csv, key: image, column: place}
  size: [64, 64]
  augment: [hflip]
  workers: 0
tasks:
  cls:
    kind: classification
    classes: [ball, box, empty]
    labels: {csv: labels.csv, key: image, column: kind}
  tags:
    kind: multilabel
    labels: {csv: labels.csv, key: image, column: tags, separator: "|", nothing: "-"}
  count: {kind: regression, labels: {csv: labels.csv, key: image, column: count}}
  weight: {kind: regression, labels: {csv: labels.csv, key: image, column: weight}}
  view: {kind: classification, labels: {jsonl: labels.jsonl, key: image, column: view}}
  det: {kind: detection, labels: {coco: boxes.json}}
  voc: {kind: detection, labels: {voc: voc}}
  yolo: {kind: detection, labels: {yolo: yolo, names: [ball, box]}}
  seg: {kind: segmentation, labels: {masks: masks}, classes: [background, ball, box]}
  eyes: {kind: keypoints, labels: {coco: points.json}}
model: {trunk: tiny, pyramid: 8}
train: {epochs: 1, batch_size: 8, device: cpu}
"""

Box = tuple[str, int, int, int, int]


def name_of(number: int) -> str:
    return f"p{number:02d}.png"


def make_clean(folder: Path) -> Path:
    """Write everything; picture n shows a ball where n % 3 > 0, and a box where n % 4 is 0."""
    for part in ("images", "masks", "voc", "yolo"):
        (folder / part).mkdir(parents=True)
    generator = np.random.default_rng(5)
    rows: list[dict[str, Any]] = []
    lines: list[str] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    for number in range(PICTURES):
        name = name_of(number)
        boxes = _boxes(number, generator)
        _draw(folder, name, boxes, generator)
        there = [label for label in CLASSES if any(box[0] == label for box in boxes)]
        rows.append(
            {
                "image": name,
                "kind": there[0] if there else "empty",
                "tags": "|".join(there) or "-",
                "count": len(boxes),
                "weight": f"{generator.normal(50, 5):.2f}",
            }
        )
        view = ("day", "night")[number % 2]
        lines.append(json.dumps({"image": name, "view": view}))
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
        for label, x1, y1, x2, y2 in boxes:
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": CLASSES.index(label),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                }
            )
        x, y = (int(place) for place in generator.integers(10, 40, 2))
        flat = [x, y, 2, x + 10, y + 3, 2]
        points.append({"id": number, "image_id": number, "category_id": 0, "keypoints": flat})
        if number != 7:  # a picture without a label of some tasks is nobody's fault
            (folder / "voc" / f"p{number:02d}.xml").write_text(_voc(name, boxes))
            (folder / "yolo" / f"p{number:02d}.txt").write_text(_yolo(boxes))
    rows[3]["kind"] = rows[4]["tags"] = rows[5]["count"] = rows[6]["weight"] = ""
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    places = [f"{name_of(number)},g{number // 2}" for number in range(PICTURES)]
    (folder / "places.csv").write_text("\n".join(["image,place", *places]) + "\n")
    (folder / "labels.jsonl").write_text("\n".join(lines) + "\n")
    categories = [{"id": place, "name": name} for place, name in enumerate(CLASSES)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "boxes.json").write_text(json.dumps(document))
    face = [{"id": 0, "name": "face", "keypoints": ["left_eye", "right_eye"]}]
    document = {"images": images, "annotations": points, "categories": face}
    (folder / "points.json").write_text(json.dumps(document))
    for split, numbers in SPLITS.items():
        (folder / f"{split}.txt").write_text("\n".join(map(name_of, numbers)) + "\n")
    (folder / "mtcli.yaml").write_text(CONFIG)
    return folder


def _boxes(number: int, generator: np.random.Generator) -> list[Box]:
    """At most three, each in a quarter of its own."""
    labels = ["ball"] * (number % 3) + ["box"] * (number % 4 == 0)
    found: list[Box] = []
    for quarter, label in zip(generator.permutation(4).tolist(), labels, strict=False):
        width, height, dx, dy = (int(n) for n in generator.integers(14, 26, 4))
        x, y = 32 * (quarter % 2) + (dx - 14) // 2, 32 * (quarter // 2) + (dy - 14) // 2
        found.append((label, x, y, x + width, y + height))
    return found


def _draw(folder: Path, name: str, boxes: list[Box], generator: np.random.Generator) -> None:
    """A picture of clouds, no two alike, with its objects; and its mask."""
    clouds = Image.fromarray(generator.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    pixels = np.array(clouds.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for label, x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = CLASSES.index(label) + 1
        pixels[y1:y2, x1:x2] = (220, 40, 40) if label == "ball" else (40, 60, 220)
    Image.fromarray(pixels).save(folder / "images" / name)
    Image.fromarray(mask).save(folder / "masks" / name)


def _voc(name: str, boxes: list[Box]) -> str:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>\n"
        for label, x1, y1, x2, y2 in boxes
    )
    size = f"<size><width>{SIDE}</width><height>{SIDE}</height></size>"
    return f"<annotation><filename>{name}</filename>{size}\n{objects}</annotation>\n"


def _yolo(boxes: list[Box]) -> str:
    return "".join(
        f"{CLASSES.index(label)} {(x1 + x2) / 2 / SIDE} {(y1 + y2) / 2 / SIDE} "
        f"{(x2 - x1) / SIDE} {(y2 - y1) / SIDE}\n"
        for label, x1, y1, x2, y2 in boxes
    )
