"""Small data sets as people lay them out, made in a folder."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 32
Pixels = npt.NDArray[Any]
Box = tuple[str, int, int, int, int]
"""Class, then x, y, width and height in pixels."""


def picture(path: Path, size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB") -> Path:
    """A picture of noise, of its own by its name; size is height, width."""
    path.parent.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(zlib.crc32(path.name.encode()))
    shape = (*size, 3) if mode == "RGB" else size
    Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def pictures(folder: Path, names: Iterable[str]) -> None:
    """Pictures of noise."""
    for name in names:
        picture(folder / name)


def numbered(count: int, ending: str = ".jpg", start: int = 0) -> list[str]:
    """`a00.jpg` and so on, without saying anything."""
    return [f"a{number:02d}{ending}" for number in range(start, start + count)]


def squares(values: Sequence[int]) -> Pixels:
    """A map `[H, W]` whose halves and quarters have some values, the first one all around."""
    pixels = np.full((SIDE, SIDE), values[0], np.uint8)
    for number, value in enumerate(values[1:]):
        pixels[4 + 8 * (number % 3) : 10 + 8 * (number % 3), 4:28] = value
    return pixels


def mask(path: Path, values: Sequence[int], palette: bool = False) -> None:
    """A mask with some values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(squares(values))
    if palette:
        image.putpalette([value * 7 % 256 for value in range(768)])
    image.save(path)


def color_mask(path: Path, colors: Sequence[tuple[int, int, int]]) -> None:
    """A mask in colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = np.array(colors, np.uint8)
    Image.fromarray(table[squares(range(len(colors)))]).save(path)


def text(path: Path, content: str) -> Path:
    """A text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def boxes_of(number: int) -> list[Box]:
    """One or two boxes that follow from a number."""
    found: list[Box] = [("cat", 2, 4, 10, 12)]
    return found + ([("dog", 14, 10, 12, 16)] if number % 2 else [])


def coco(path: Path, boxes: Mapping[str, Sequence[Box]], outlines: bool = False) -> None:
    """A COCO file of boxes, perhaps with outlines that are no boxes."""
    classes = ["cat", "dog"]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, own) in enumerate(boxes.items(), start=1):
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
        for kind, x, y, width, height in own:
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": classes.index(kind) + 1,
                "bbox": [x, y, width, height],
                "area": width * height,
                "iscrowd": 0,
                "segmentation": [],
            }
            if outlines:
                triangle = [x, y, x + width, y, x, y + height]
                annotation["segmentation"] = [triangle]
            annotations.append(annotation)
    categories = [{"id": number + 1, "name": name} for number, name in enumerate(classes)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    text(path, json.dumps(document))


def voc(path: Path, boxes: Sequence[Box], file_name: str = "elsewhere.jpg") -> None:
    """A VOC file."""
    objects = "".join(
        f"<object><name>{kind}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
        f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        for kind, x, y, w, h in boxes
    )
    size = f"<size><width>{SIDE}</width><height>{SIDE}</height><depth>3</depth></size>"
    text(path, f"<annotation><filename>{file_name}</filename>{size}{objects}</annotation>")


def yolo(path: Path, boxes: Sequence[Box]) -> None:
    """A YOLO file."""
    lines = []
    for kind, x, y, width, height in boxes:
        shares = ((x + width / 2) / SIDE, (y + height / 2) / SIDE, width / SIDE, height / SIDE)
        lines.append(f"{('cat', 'dog').index(kind)} {' '.join(f'{s:.6f}' for s in shares)}\n")
    text(path, "".join(lines))


# The layouts. Each takes an empty folder; `LAYOUTS` in tests/cli/test_init.py says what is in it.


def class_folders(folder: Path) -> None:
    """Class folders without splits."""
    for kind in ("cat", "dog"):
        pictures(folder / kind, numbered(8))


def class_folders_in_splits(folder: Path) -> None:
    """`train/CLASS`, `valid/CLASS`."""
    for split, count in (("train", 6), ("valid", 3)):
        for kind in ("cat", "dog", "owl"):
            pictures(folder / split / kind, numbered(count))


def splits_in_class_folders(folder: Path) -> None:
    """`CLASS/train`, `CLASS/val`, as few do."""
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("cat", "dog"):
            pictures(folder / kind / split, numbered(count, start=0 if split == "train" else 50))


def train_and_test_folders(folder: Path) -> None:
    """`train/CLASS`, `test/CLASS` and nothing to validate on."""
    for split, count in (("train", 10), ("test", 3)):
        for kind in ("cat", "dog"):
            pictures(folder / split / kind, numbered(count))


def roboflow_coco(folder: Path) -> None:
    """A COCO file beside the pictures of each split."""
    for split, count, start in (("train", 8, 0), ("valid", 3, 20), ("test", 2, 40)):
        names = numbered(count, start=start)
        pictures(folder / split, names)
        own = {name: boxes_of(number) for number, name in enumerate(names)}
        coco(folder / split / "_annotations.coco.json", own)
    text(folder / "README.dataset.txt", "made by somebody\n")


def coco_by_split(folder: Path) -> None:
    """All pictures in one folder; the COCO files alone tell the splits."""
    for split, count, start in (("train", 9, 0), ("val", 4, 20)):
        names = numbered(count, start=start)
        pictures(folder / "pics", names)
        own = {name: boxes_of(number) for number, name in enumerate(names)}
        coco(folder / f"instances_{split}.json", own, outlines=True)


def coco_keypoints(folder: Path) -> None:
    """One COCO file with a set of points for each picture."""
    names = numbered(12)
    pictures(folder / "images", names)
    annotations = [
        {
            "id": number + 1,
            "image_id": number,
            "category_id": 1,
            "keypoints": [8, 9, 2, 20, 9, 2, 14, 22, 1],
            "num_keypoints": 3,
            "bbox": [4, 4, 24, 24],
        }
        for number in range(12)
    ]
    points = ["left_eye", "right_eye", "mouth"]
    document = {
        "images": [
            {"id": number, "file_name": name, "height": SIDE, "width": SIDE}
            for number, name in enumerate(names)
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "keypoints": points}],
    }
    text(folder / "points.json", json.dumps(document))


def ultralytics(folder: Path) -> None:
    """`images/train`, `labels/train` and a data.yaml."""
    for split, count, start in (("train", 8, 0), ("val", 4, 20)):
        for number, name in enumerate(numbered(count, start=start)):
            picture(folder / "images" / split / name)
            yolo(folder / "labels" / split / f"{name[:-4]}.txt", boxes_of(number))
    lines = "path: .\ntrain: images/train\nval: images/val\nnames: {0: cat, 1: dog}\n"
    text(folder / "data.yaml", lines)


def yolo_without_yaml(folder: Path) -> None:
    """Pictures and text files in two folders, names in classes.txt."""
    for number, name in enumerate(numbered(12)):
        picture(folder / "pics" / name)
        yolo(folder / "boxes" / f"{name[:-4]}.txt", [] if number == 5 else boxes_of(number))
    text(folder / "boxes" / "classes.txt", "cat\ndog\n")


def yolo_without_names(folder: Path) -> None:
    """Text files beside the pictures, and nothing that names the classes."""
    for number, name in enumerate(numbered(12)):
        picture(folder / name)
        yolo(folder / f"{name[:-4]}.txt", boxes_of(number))


def voc_devkit(folder: Path) -> None:
    """VOC2012 with lists of names without ending, and palette masks with a border of 255."""
    base = folder / "VOCdevkit" / "VOC2012"
    names = [name[:-4] for name in numbered(12)]
    for number, name in enumerate(names):
        picture(base / "JPEGImages" / f"{name}.jpg")
        voc(base / "Annotations" / f"{name}.xml", boxes_of(number))
        if number % 3:
            mask(base / "SegmentationClass" / f"{name}.png", [0, 8, 255], palette=True)
            mask(base / "SegmentationObject" / f"{name}.png", [0, 1, 255], palette=True)
    text(base / "ImageSets" / "Main" / "train.txt", "\n".join(names[:8]) + "\n")
    text(base / "ImageSets" / "Main" / "val.txt", "\n".join(names[8:]) + "\n")
    text(base / "ImageSets" / "Main" / "trainval.txt", "\n".join(names) + "\n")


def voc_beside(folder: Path) -> None:
    """labelImg's files beside the pictures, in two splits."""
    for split, count, start in (("train", 8, 0), ("test", 4, 20)):
        for number, name in enumerate(numbered(count, start=start)):
            picture(folder / split / name)
            voc(folder / split / f"{name[:-4]}.xml", boxes_of(number))


def table(folder: Path) -> None:
    """A table with nearly everything that columns may hold."""
    header = "id,file,kind,kind_id,cells,weight,patient,taken,tags,sunny,windy,subset,note"
    rows = [header]
    for number, name in enumerate(numbered(16)):
        kind = number % 2
        tags = ("red|big", "red", "none", "big")[number % 4]
        rows.append(
            f"{number},photos/{name},{('cat', 'dog')[kind]},{kind},{3 + number * 7 % 13},"
            f"{1.5 * number + 0.25},p{number // 3},2024-01-{number + 1:02d},{tags},"
            f"{number % 2},{number // 8},{'train' if number < 12 else 'val'},seen {number} times"
        )
        picture(folder / "data" / "photos" / name)
    text(folder / "info" / "all.csv", "\n".join(rows) + "\n")


def tables_of_splits(folder: Path) -> None:
    """`train.csv` and `valid.csv` of pictures in one folder."""
    for split, count, start in (("train", 9, 0), ("valid", 4, 20)):
        names = numbered(count, start=start)
        pictures(folder / "x", names)
        rows = [f"{name},{'ab'[number % 2]}" for number, name in enumerate(names)]
        text(folder / f"{split}.csv", "\n".join(["name,kind", *rows]) + "\n")


def json_lines(folder: Path) -> None:
    """JSON lines with a class, a list and a number."""
    lines = []
    for number, name in enumerate(numbered(12)):
        picture(folder / "x" / name)
        entry = {
            "img": name,
            "kind": ("cat", "dog", "owl")[number % 3],
            "tags": [["a", "b"], ["a"], []][number % 3],
            "count": number % 5 + 2 * (number % 3),
        }
        lines.append(json.dumps(entry))
    text(folder / "all.jsonl", "\n".join(lines) + "\n")


def file_names(folder: Path) -> None:
    """The class in the name, as the NEU surface defects have it."""
    for kind in ("crazing", "rolled-in_scale", "patches"):
        pictures(folder, (f"{kind}_{number}.jpg" for number in range(1, 7)))


def masks_in_parallel(folder: Path) -> None:
    """Masks of 0 and 255 in a folder of any name."""
    for name in numbered(12):
        picture(folder / "p" / name)
        mask(folder / "q" / f"{name[:-4]}.png", [0, 255])


def masks_beside(folder: Path) -> None:
    """`x_mask.png` beside `x.jpg`, with a legend."""
    for name in numbered(12):
        picture(folder / name)
        mask(folder / f"{name[:-4]}_mask.png", [0, 1, 2])
    text(folder / "classes.txt", "ground\nroad\ncar\n")


def masks_in_splits(folder: Path) -> None:
    """`train/images`, `train/masks`, in colour, with a legend of colours."""
    colors = [(0, 0, 0), (128, 64, 0), (0, 200, 10)]
    for split, count, start in (("train", 8, 0), ("val", 4, 20)):
        for name in numbered(count, ".png", start):
            picture(folder / split / "images" / name)
            color_mask(folder / split / "masks" / name, colors)
    text(
        folder / "labelmap.txt",
        "# label:color:parts:actions\nsky:0,0,0::\nroad:128,64,0::\ncar:0,200,10::\n",
    )


def depth_maps(folder: Path) -> None:
    """16-bit pictures of millimetres."""
    for number, name in enumerate(numbered(12)):
        picture(folder / "rgb" / name)
        ramp = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) + 500 + number
        ramp[:4] = 0
        path = folder / "d" / f"{name[:-4]}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(ramp).save(path)


def everything(folder: Path) -> None:
    """Boxes in three formats, masks and a table of the same pictures, and lists of splits."""
    names = numbered(12)
    own = {name: boxes_of(number) for number, name in enumerate(names)}
    rows = ["image,kind,n"]
    for number, name in enumerate(names):
        picture(folder / "images" / name)
        voc(folder / "voc" / f"{name[:-4]}.xml", own[name])
        yolo(folder / "yolo" / f"{name[:-4]}.txt", own[name])
        mask(folder / "masks" / f"{name[:-4]}.png", [0, 1, 2])
        rows.append(f"{name},{'x' if number % 2 else 'y'},{number * 5 % 17}")
    coco(folder / "boxes.json", own)
    text(folder / "labels.csv", "\n".join(rows) + "\n")
    text(folder / "train.txt", "\n".join(names[:8]) + "\n")
    text(folder / "val.txt", "\n".join(names[8:]) + "\n")


def two_sets(folder: Path) -> None:
    """Pictures with boxes and lists, and crops in class folders with splits of their own."""
    names = numbered(12)
    pictures(folder / "images", names)
    coco(folder / "boxes.json", {name: boxes_of(n) for n, name in enumerate(names)})
    text(folder / "train.txt", "\n".join(names[:8]) + "\n")
    text(folder / "val.txt", "\n".join(names[8:]) + "\n")
    for split, count in (("train", 5), ("val", 2)):
        for kind in ("ball", "star"):
            pictures(folder / "cut" / split / kind, numbered(count, start=50))
