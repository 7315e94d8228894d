"""Write the sample data: small made-up pictures with labels for every kind of task."""

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import coco
import crops
import formats
import numpy as np
import numpy.typing as npt
from labelled import Example
from PIL import Image
from scenes import KINDS, make_example

SPLITS = {"train": range(0, 140), "val": range(140, 180), "test": range(180, 200)}
COLUMNS = ("image", "split", "scene", "count", "tags")
JPEG_QUALITY = 88
PALETTE = (32, 32, 40, 230, 80, 70, 80, 150, 230, 245, 200, 66)  # mask colours, index 0 to 3


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


def write_boxes(example: Example, folder: Path) -> None:
    """Write the picture's boxes in files of its own, where somebody labelled it."""
    if example.has_label("boxes"):
        write_text(formats.voc_xml(example), folder / "voc" / f"{example.name}.xml")
        write_text(formats.yolo_lines(example), folder / "yolo" / "labels" / f"{example.name}.txt")


def write_text(text: str, path: Path) -> None:
    """Write a file, and its folder where that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_json(content: coco.Json, path: Path) -> None:
    """Write one line of JSON without spaces, a seventh shorter than with them."""
    write_text(json.dumps(content, separators=(",", ":")) + "\n", path)


def write_split(split: str, examples: Sequence[Example], folder: Path) -> None:
    """Write the split's list of pictures and its three COCO files."""
    write_text("".join(f"{example.name}.jpg\n" for example in examples), folder / f"{split}.txt")
    annotations = folder / "annotations"
    write_json(coco.instances(examples), annotations / f"instances_{split}.json")
    write_json(coco.within_reach(examples), annotations / f"reach_{split}.json")
    write_json(coco.keypoints(examples), annotations / f"keypoints_{split}.json")


def write_all(folder: Path, seed: int) -> None:
    """Draw every picture and write it with its labels."""
    for name in ("images", "depth", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows, lines = [], []
    arrays: dict[str, npt.NDArray[np.uint8]] = {}
    for split, numbers in SPLITS.items():
        examples = [Example(*make_example(number, seed)) for number in numbers]
        for example in examples:
            write_pixels(example, folder)
            write_boxes(example, folder)
            rows.append(formats.csv_row(example, split))
            lines.append(formats.json_line(example))
        write_split(split, examples, folder)
        if split in crops.FILES:
            found = list(crops.crops(examples))
            crops.write_folders(split, found, folder / "crops")
            arrays |= crops.as_arrays(split, found)
    crops.write_few(folder / "crops")
    crops.write_arrays(arrays, folder / "arrays" / "shapes.npz")
    write_text("".join(lines), folder / "labels.jsonl")
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
