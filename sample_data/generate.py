"""Write the sample data: small made-up pictures with labels for every kind of task."""

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scenes import HEIGHT, KINDS, WIDTH, Drawing, Scene, make_example

Mask = npt.NDArray[np.bool_]
Point = tuple[int, int]
Json = dict[str, Any]

SPLITS = {"train": range(0, 140), "val": range(140, 180), "test": range(180, 200)}
COLUMNS = ("image", "split", "scene", "count", "tags")
JPEG_QUALITY = 88
PALETTE = (32, 32, 40, 230, 80, 70, 80, 150, 230, 245, 200, 66)  # mask colours, index 0 to 3

# Real data has gaps, so these pictures lack one kind of label. The steps share no factor with
# the four scenes that take turns, so that every scene is hit.
UNLABELLED = {
    "scene": range(3, 200, 17),
    "count": range(5, 200, 29),
    "tags": range(11, 200, 23),
    "boxes": range(9, 140, 21),
    "points": range(8, 200, 37),
}
DEGENERATE_BOX = 25  # this picture has one box of no width besides its good ones


@dataclass(frozen=True)
class Example:
    """One picture with all that is known about it."""

    scene: Scene
    drawing: Drawing

    @property
    def name(self) -> str:
        """The name that its picture, depth and mask share."""
        return f"scene_{self.scene.number:04d}"

    def visible(self, index: int) -> Mask:
        """Find the pixels that show the object of this index."""
        return np.equal(self.drawing.owner, index)

    def has_label(self, label: str) -> bool:
        """Tell whether somebody labelled the picture for this."""
        return self.scene.number not in UNLABELLED[label]


def border_loops(mask: Mask) -> list[list[Point]]:
    """Trace the closed paths of pixel corners that have the mask on their right hand."""
    padded = np.pad(mask, 1)
    following: dict[Point, list[Point]] = {}
    for y, x in np.argwhere(mask).tolist():
        corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
        neighbours = [(y, x + 1), (y + 1, x + 2), (y + 2, x + 1), (y + 1, x)]  # as padded
        for side, neighbour in enumerate(neighbours):
            if not padded[neighbour]:
                following.setdefault(corners[side], []).append(corners[(side + 1) % 4])
    loops = []
    while following:
        point = next(iter(following))
        loop = []
        while point in following:
            loop.append(point)
            ends = following[point]
            if len(ends) == 1:
                del following[point]
            point = ends.pop()  # two ways lead on where pixels touch at a corner: either will do
        loops.append(loop)
    return loops


def polygons(mask: Mask) -> list[list[int]]:
    """Outline the mask in COCO's form, every other corner left out and holes filled."""
    outlines = []
    for loop in border_loops(mask):
        x, y = np.array(loop).T
        area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
        if area > 3:  # smaller ones are crumbs, and those of holes are negative
            outlines.append(np.array(loop[::2]).ravel().tolist())
    return outlines


def bounding_box(mask: Mask) -> list[int]:
    """Measure left, top, width and height of the mask's pixels."""
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    return [left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top]


def object_annotations(example: Example) -> list[Json]:
    """Describe what is visible of each object: its box and its outline."""
    annotations: list[Json] = []
    for index, item in enumerate(example.scene.objects):
        mask = example.visible(index)
        annotations.append(
            {
                "category_id": KINDS.index(item.kind) + 1,
                "bbox": bounding_box(mask),
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": polygons(mask),
            }
        )
    if example.scene.number == DEGENERATE_BOX:
        left, top, _, height = annotations[0]["bbox"]
        no_width = {"bbox": [left, top, 0, height], "area": 0, "segmentation": []}
        annotations.append(annotations[0] | no_width)
    return annotations


def point_annotations(example: Example) -> list[Json]:
    """Place one point for each kind of object: the centre of the one showing the largest area.

    Visibility is 2 if the centre is seen, 1 if a nearer object hides it, and 0, with no place,
    if the picture holds no object of the kind.
    """
    if not example.scene.objects:
        return []
    points: list[float] = []
    visibilities = []
    areas = [int(example.visible(i).sum()) for i in range(len(example.scene.objects))]
    for kind in KINDS:
        of_kind = [i for i, item in enumerate(example.scene.objects) if item.kind == kind]
        if not of_kind:
            points += [0, 0, 0]
            visibilities.append(0)
            continue
        largest = max(of_kind, key=lambda i: areas[i])
        item = example.scene.objects[largest]
        seen = example.drawing.owner[int(item.y), int(item.x)] == largest
        visibilities.append(2 if seen else 1)
        points += [round(item.x, 1), round(item.y, 1), visibilities[-1]]
    return [
        {
            "category_id": 1,
            "keypoints": points,
            "num_keypoints": sum(visibility > 0 for visibility in visibilities),
            "bbox": bounding_box(example.drawing.owner >= 0),
            "area": sum(areas),
            "iscrowd": 0,
        }
    ]


def coco(
    examples: Sequence[Example],
    categories: list[Json],
    annotate: Callable[[Example], list[Json]],
) -> Json:
    """Gather a COCO file; annotations count from 1, since some tools take 0 for none."""
    annotations: list[Json] = []
    for example in examples:
        for annotation in annotate(example):
            ids = {"id": len(annotations) + 1, "image_id": example.scene.number}
            annotations.append(ids | annotation)
    images = [
        {"id": e.scene.number, "file_name": f"{e.name}.jpg", "width": WIDTH, "height": HEIGHT}
        for e in examples
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def label_row(example: Example, split: str) -> dict[str, str | int]:
    """Fill the picture's row of labels.csv; an empty cell is a label that is missing."""
    present = {item.kind for item in example.scene.objects}
    labels: dict[str, str | int] = {
        "scene": example.scene.background,
        "count": len(example.scene.objects),
        "tags": "|".join(kind for kind in KINDS if kind in present),
    }
    known = {column: x if example.has_label(column) else "" for column, x in labels.items()}
    return {"image": f"{example.name}.jpg", "split": split} | known


def write_pixels(example: Example, folder: Path) -> None:
    """Write the picture, its depth and its mask."""
    drawing = example.drawing
    picture = Image.fromarray(drawing.picture)
    picture.save(folder / "images" / f"{example.name}.jpg", quality=JPEG_QUALITY)
    depth = Image.fromarray(drawing.depth)
    depth.save(folder / "depth" / f"{example.name}.png", optimize=True)
    # The owner -1, the background, picks the last entry.
    classes = [KINDS.index(item.kind) + 1 for item in example.scene.objects] + [0]
    mask = Image.fromarray(np.array(classes, dtype=np.uint8)[drawing.owner])
    mask.putpalette(PALETTE)
    mask.save(folder / "masks" / f"{example.name}.png", optimize=True)


def write_json(content: Json, path: Path) -> None:
    """Write one line of JSON without spaces, a seventh shorter than with them."""
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def write_split(split: str, examples: Sequence[Example], folder: Path) -> None:
    """Write the split's list of pictures and its two COCO files."""
    names = "".join(f"{example.name}.jpg\n" for example in examples)
    (folder / f"{split}.txt").write_text(names, encoding="utf-8")
    objects: list[Json] = [{"id": i, "name": kind} for i, kind in enumerate(KINDS, start=1)]
    with_boxes = [example for example in examples if example.has_label("boxes")]
    instances = coco(with_boxes, objects, object_annotations)
    write_json(instances, folder / "annotations" / f"instances_{split}.json")
    centres: Json = {"id": 1, "name": "centres", "keypoints": list(KINDS), "skeleton": []}
    with_points = [example for example in examples if example.has_label("points")]
    keypoints = coco(with_points, [centres], point_annotations)
    write_json(keypoints, folder / "annotations" / f"keypoints_{split}.json")


def write_all(folder: Path, seed: int) -> None:
    """Draw every picture and write it with its labels."""
    for name in ("images", "depth", "masks", "annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = []
    for split, numbers in SPLITS.items():
        examples = [Example(*make_example(number, seed)) for number in numbers]
        for example in examples:
            write_pixels(example, folder)
            rows.append(label_row(example, split))
        write_split(split, examples, folder)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Read the command line and write the data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to"
    )
    parser.add_argument("--seed", type=int, default=7, help="another seed, other pictures")
    arguments = parser.parse_args()
    write_all(arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
