"""The labels of the sample data as COCO files: boxes, outlines and keypoints."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from labelled import Example, Mask, bounding_box
from scenes import HEIGHT, KINDS, WIDTH

REACH_MM = 1750.0  # about half of the objects are nearer

Point = tuple[int, int]
Json = dict[str, Any]


def instances(examples: Sequence[Example]) -> Json:
    """Gather boxes and outlines of the pictures that have them."""
    categories: list[Json] = [{"id": i, "name": kind} for i, kind in enumerate(KINDS, start=1)]
    labelled = [example for example in examples if example.has_label("boxes")]
    return _document(labelled, categories, _object_annotations)


def within_reach(examples: Sequence[Example]) -> Json:
    """Gather the boxes of those objects alone that are near: colour does not tell which."""
    document = instances(examples)
    near = {
        (example.scene.number, index)
        for example in examples
        for index, item in enumerate(example.scene.objects)
        if item.depth_mm < REACH_MM
    }
    places: Counter[int] = Counter()
    kept: list[Json] = []
    for annotation in document["annotations"]:
        picture = annotation["image_id"]
        if (picture, places[picture]) in near:
            box = {name: value for name, value in annotation.items() if name != "segmentation"}
            kept.append(box | {"id": len(kept) + 1})
        places[picture] += 1
    # Names of their own: else these would be the same boxes, with half of them missing.
    categories = [kind | {"name": f"near {kind['name']}"} for kind in document["categories"]]
    return document | {"annotations": kept, "categories": categories}


def keypoints(examples: Sequence[Example]) -> Json:
    """Gather the centres in the pictures that have them."""
    centres: Json = {"id": 1, "name": "centres", "keypoints": list(KINDS), "skeleton": []}
    labelled = [example for example in examples if example.has_label("points")]
    return _document(labelled, [centres], _point_annotations)


def _document(
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


def _object_annotations(example: Example) -> list[Json]:
    """Describe what is visible of each object: its box and its outline."""
    annotations: list[Json] = []
    for index, (kind, box) in enumerate(example.boxes()):
        # A box of no width stands behind the objects, and outlines nothing.
        mask = example.visible(index)
        annotations.append(
            {
                "category_id": KINDS.index(kind) + 1,
                "bbox": box,
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": _polygons(mask),
            }
        )
    return annotations


def _point_annotations(example: Example) -> list[Json]:
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


def _polygons(mask: Mask) -> list[list[int]]:
    """Outline the mask in COCO's form, every other corner left out and holes filled."""
    outlines = []
    for loop in _border_loops(mask):
        x, y = np.array(loop).T
        area = 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))
        if area > 3:  # smaller ones are crumbs, and those of holes are negative
            outlines.append(np.array(loop[::2]).ravel().tolist())
    return outlines


def _border_loops(mask: Mask) -> list[list[Point]]:
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
