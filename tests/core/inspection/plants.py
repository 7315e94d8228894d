"""The faults that are planted into clean data, each on pictures of its own where it can be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Change = Callable[[Path], object]


@dataclass(frozen=True)
class Plant:
    """A fault: what it is, the name of its finding, how it is made.

    Attributes:
        fault: in words.
        finding: how the check calls it.
        change: of a folder of clean data.
        breaks: whether a training is refused.
        task: that the finding is about.
        example: what its examples speak of.
        together: whether it can stand beside all others that say so.
    """

    fault: str
    finding: str
    change: Change
    breaks: bool = False
    task: str | None = None
    example: str = ""
    together: bool = True

    def __str__(self) -> str:
        return self.fault.replace(" ", "-")


def rewrite(name: str, *pairs: tuple[str, str]) -> Change:
    """Replace texts in a file, each of which must be there."""

    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        for old, new in pairs:
            assert old in text, (name, old)
            text = text.replace(old, new, 1)
        path.write_text(text)

    return change


def cell(number: int, column: str, value: str) -> Change:
    """Write one cell of the table; None of the values holds a comma."""

    def change(folder: Path) -> None:
        path = folder / "labels.csv"
        lines = [line.split(",") for line in path.read_text().splitlines()]
        lines[number + 1][lines[0].index(column)] = value
        path.write_text("\n".join(map(",".join, lines)) + "\n")

    return change


def column(name: str, value: Callable[[int, str], str]) -> Change:
    """Write a column anew, from the numbers and values of all pictures."""

    def change(folder: Path) -> None:
        path = folder / "labels.csv"
        lines = [line.split(",") for line in path.read_text().splitlines()]
        place = lines[0].index(name)
        for number, cells in enumerate(lines[1:]):
            cells[place] = value(number, cells[place])
        path.write_text("\n".join(map(",".join, lines)) + "\n")

    return change


def coco(change: Callable[[dict[str, Any]], object], name: str = "boxes.json") -> Change:
    """Change a COCO document."""

    def changed(folder: Path) -> None:
        path = folder / name
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return changed


def add_box(picture: int, *box: float, category: int = 0) -> Change:
    """Add an annotation with x, y, width and height."""

    def change(document: dict[str, Any]) -> None:
        entry = {"id": 1000 + len(document["annotations"]), "image_id": picture}
        document["annotations"].append({**entry, "category_id": category, "bbox": list(box)})

    return coco(change)


def picture(
    number: int, change: Callable[[Image.Image], Image.Image], part: str = "images"
) -> Change:
    """Change a picture, or a mask."""

    def changed(folder: Path) -> None:
        path = folder / part / f"p{number:02d}.png"
        with Image.open(path) as opened:
            changed = change(opened.copy())
        changed.save(path)

    return changed


def add_picture(
    name: str, split: str, origin: int, change: Callable[[Image.Image], Image.Image]
) -> Change:
    """Add a picture that is made from another."""

    def changed(folder: Path) -> None:
        with Image.open(folder / "images" / f"p{origin:02d}.png") as opened:
            change(opened.convert("RGB")).save(folder / "images" / name)
        append(f"{split}.txt", name)(folder)

    return changed


def append(name: str, line: str) -> Change:
    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write(line + "\n")

    return change


def both(*changes: Change) -> Change:
    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def cut(name: str) -> Change:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return change


def recolored(
    values: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]],
) -> Callable[[Image.Image], Image.Image]:
    return lambda image: Image.fromarray(values(np.array(image)))


def copied(source: str, target: str) -> Change:
    return lambda folder: shutil.copy(folder / source, folder / target)


def resized(image: Image.Image) -> Image.Image:
    return image.resize((80, 80)).resize((60, 60))


CONFIG = "mtcli.yaml"
SAME = lambda image: image

PLANTS = (
    # Pictures.
    Plant(
        "missing picture",
        "missing-pictures",
        lambda f: (f / "images/p08.png").unlink(),
        breaks=True,
        example="p08.png",
    ),
    Plant(
        "picture cut short",
        "unreadable-pictures",
        cut("images/p09.png"),
        breaks=True,
        example="p09.png",
    ),
    Plant(
        "text in place of a picture",
        "unreadable-pictures",
        lambda f: (f / "images/p10.png").write_text("<html>not found</html>"),
        breaks=True,
        example="p10.png",
    ),
    Plant(
        "blank picture",
        "blank-pictures",
        picture(11, recolored(lambda a: a * 0 + 128)),
        example="p11.png",
    ),
    Plant(
        "small picture",
        "small-pictures",
        add_picture("small.png", "train", 1, lambda i: i.resize((12, 12))),
        example="small.png",
    ),
    Plant(
        "narrow picture",
        "stretched-pictures",
        add_picture("narrow.png", "train", 2, lambda i: i.resize((150, 60))),
        example="narrow.png",
    ),
    # Splits.
    Plant(
        "picture in two splits",
        "picture-in-two-splits",
        append("val.txt", "p12.png"),
        example="p12.png",
    ),
    Plant(
        "copy in another split",
        "copies-across-splits",
        add_picture("again.png", "val", 13, SAME),
        example="again.png = p13.png",
    ),
    Plant(
        "near duplicate in another split",
        "near-duplicates",
        add_picture("nearly.png", "val", 14, resized),
        example="nearly.png ≈ p14.png",
    ),
    Plant(
        "group in two splits",
        "group-in-two-splits",
        rewrite("places.csv", ("p15.png,g7", "p15.png,g20")),
        example="g20",
    ),
    Plant(
        "copy with another label",
        "contradicting-copies",
        both(add_picture("twin.png", "train", 16, SAME), append("labels.csv", "twin.png,box,,,99")),
        task="weight",
        example="p16.png",
    ),
    Plant(
        "list of a split missing",
        "files",
        lambda f: (f / "test.txt").unlink(),
        breaks=True,
        together=False,
        example="test.txt",
    ),
    Plant(
        "picture of two groups",
        "broken-groups",
        append("places.csv", "p50.png,g0"),
        example="places.csv",
        together=False,
    ),
    # Classes.
    Plant(
        "class in train only",
        "class-not-in-val",
        rewrite("labels.jsonl", ('"p17.png", "view": "night"', '"p17.png", "view": "gone"')),
        task="view",
        example="gone",
    ),
    Plant(
        "class in val only",
        "class-not-in-train",
        both(
            cell(37, "kind", "late"),
            rewrite(CONFIG, ("ball, box, empty", "late, ball, box, empty")),
        ),
        task="cls",
        example="late",
    ),
    Plant(
        "class without example",
        "class-without-example",
        rewrite(CONFIG, ("ball, box, empty]", "ball, box, empty, ghost]")),
        task="cls",
        example="ghost",
    ),
    Plant(
        "unknown class",
        "broken-labels",
        cell(18, "kind", "bal"),
        breaks=True,
        task="cls",
        example="line 20",
    ),
    Plant(
        "class written in two ways",
        "similar-classes",
        cell(19, "tags", "Ball"),
        task="tags",
        example="'Ball'",
    ),
    Plant(
        "class one letter off",
        "similar-classes",
        cell(4, "tags", "bxo"),
        task="tags",
        example="'bxo' (1) for 'box'",
        together=False,
    ),
    Plant(
        "cell of two classes",
        "joined-classes",
        rewrite("labels.jsonl", ('"p20.png", "view": "day"', '"p20.png", "view": "day|night"')),
        task="view",
        example="day|night",
    ),
    Plant(
        "val without labels",
        "split-without-labels",
        column("weight", lambda n, v: "" if n in range(36, 52) else v),
        task="weight",
        together=False,
    ),
    Plant(
        "train without labels",
        "no-labels",
        column("weight", lambda n, v: "" if n < 36 else v),
        breaks=True,
        task="weight",
        together=False,
    ),
    # Boxes.
    Plant("tiny object", "tiny-objects", add_box(13, 1, 1, 3, 3), task="det", example="p13.png"),
    Plant(
        "box outside",
        "box-outside-the-picture-dropped",
        add_box(22, 70, 10, 20, 20),
        task="det",
        example="p22.png",
    ),
    Plant(
        "box across the border",
        "box-across-the-border-clipped",
        add_box(23, 50, 50, 30, 10),
        task="det",
        example="p23.png",
    ),
    Plant(
        "box without area",
        "box-without-area-dropped",
        add_box(24, 10, 10, 0, 20),
        task="det",
        example="p24.png",
    ),
    Plant(
        "box twice",
        "duplicate-boxes",
        coco(
            lambda d: d["annotations"].append(
                {**next(a for a in d["annotations"] if a["image_id"] == 25), "id": 999}
            )
        ),
        task="det",
        example="p25.png",
    ),
    Plant(
        "other size stated",
        "stated-sizes",
        coco(lambda d: d["images"][26].update(width=640, height=480)),
        task="det",
        example="p26.png",
    ),
    # Files of labels.
    Plant(
        "label of no picture",
        "labels-without-picture",
        append("labels.csv", "p61.png,ball,ball,1,50"),
        task="cls",
        example="p61.png",
    ),
    Plant(
        "names that differ in case",
        "broken-labels",
        rewrite("labels.jsonl", ('"p27.png"', '"P27.PNG"')),
        breaks=True,
        task="view",
        example="line 28",
    ),
    Plant(
        "annotation of no image",
        "broken-labels",
        add_box(777, 1, 1, 20, 20),
        breaks=True,
        task="det",
        example="boxes.json",
    ),
    Plant(
        "box that is none",
        "broken-labels",
        coco(lambda d: d["annotations"][0].update(bbox=[1, 2, 3])),
        breaks=True,
        task="det",
        example="boxes.json",
    ),
    Plant(
        "XML cut short",
        "broken-labels",
        cut("voc/p28.xml"),
        breaks=True,
        task="voc",
        example="p28.xml",
    ),
    Plant(
        "line of a word too much",
        "broken-labels",
        append("yolo/p29.txt", "0 0.5 0.5 0.1"),
        breaks=True,
        task="yolo",
        example="p29.txt",
    ),
    Plant(
        "row that is too short",
        "broken-labels",
        append("labels.csv", "p30.png"),
        breaks=True,
        task="cls",
        example="labels.csv",
    ),
    Plant(
        "line that is no JSON",
        "broken-labels",
        rewrite("labels.jsonl", ('"p31.png",', '"p31.png"')),
        breaks=True,
        task="view",
        example="line 32",
    ),
    Plant(
        "two labels of one picture",
        "broken-labels",
        append("labels.csv", "p32.png,empty,,9,20"),
        breaks=True,
        task="weight",
        example="line 62",
        together=False,
    ),
    Plant(
        "label file missing",
        "broken-labels",
        lambda f: (f / "points.json").unlink(),
        breaks=True,
        task="eyes",
        example="points.json",
        together=False,
    ),
    # Masks and points.
    Plant(
        "mask value that is no class",
        "broken-labels",
        picture(33, recolored(lambda a: np.maximum(a, 9)), "masks"),
        breaks=True,
        task="seg",
        example="p33.png",
    ),
    Plant(
        "mask of another size",
        "broken-labels",
        picture(34, lambda i: i.resize((32, 32)), "masks"),
        breaks=True,
        task="seg",
        example="p34.png",
    ),
    Plant(
        "mask of nothing",
        "empty-maps",
        picture(35, recolored(lambda a: a * 0 + 255), "masks"),
        task="seg",
        example="p35.png",
    ),
    Plant(
        "mask of one class",
        "blank-maps",
        picture(38, recolored(lambda a: a * 0 + 1), "masks"),
        task="seg",
        example="p38.png",
    ),
    Plant(
        "point outside",
        "point-outside-the-picture-left-out",
        coco(
            lambda d: d["annotations"][39].update(keypoints=[-5, 20, 2, 30, 20, 2]), "points.json"
        ),
        task="eyes",
        example="p39.png",
    ),
    Plant(
        "sides that stay in a mirror",
        "mirrored-sides",
        rewrite(CONFIG, ("eyes: {", "eyes: {swaps: [], ")),
        task="eyes",
        example="left_eye",
    ),
    # Numbers.
    Plant(
        "word in place of a number",
        "broken-labels",
        cell(40, "weight", "heavy"),
        task="weight",
        breaks=True,
        example="line 42",
    ),
    Plant(
        "number far from all others",
        "outlying-numbers",
        cell(41, "weight", "9999"),
        task="weight",
        example="9999",
    ),
    Plant(
        "code for a missing number",
        "outlying-numbers",
        cell(42, "weight", "-1"),
        task="weight",
        example="-1",
    ),
    # Tasks that disagree.
    Plant(
        "empty picture with boxes",
        "empty-with-objects",
        cell(43, "kind", "empty"),
        task="cls",
        example="p43.png",
    ),
    Plant(
        "class that is not among the boxes",
        "contradicting-classes",
        cell(44, "tags", "box"),
        task="tags",
        example="p44.png",
    ),
    Plant(
        "mask without the object",
        "contradicting-classes",
        picture(46, recolored(lambda a: a * 0), "masks"),
        task="det",
        example="p46.png",
    ),
    Plant(
        "number that is not that of the boxes",
        "contradicting-counts",
        cell(47, "count", "3"),
        task="count",
        example="p47.png",
    ),
    # Config.
    Plant(
        "size that the trunk does not take",
        "training",
        rewrite(CONFIG, ("[64, 64]", "[60, 64]")),
        breaks=True,
        together=False,
    ),
)
