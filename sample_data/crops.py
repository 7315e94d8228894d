"""Single objects cut out of the scenes of the sample data: class folders, and arrays like MNIST."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from labelled import Example, bounding_box
from PIL import Image
from scenes import HEIGHT, KINDS, WIDTH, signed_distance

CROP_SIDE = 40
FILES = {"train": 30, "val": 15}  # of each class, at most
FEW = 5  # of each class, for a task that has far fewer labels than another
ARRAY_SIDE = 28
ROWS = {"train": 270, "val": 80}  # at most
JPEG_QUALITY = 85
MIN_SEEN = 0.9  # of its area: others hide the rest


@dataclass(frozen=True)
class Crop:
    """A square cut out of a scene around one object."""

    name: str
    kind: str
    picture: Image.Image


def crops(examples: Sequence[Example]) -> Iterator[Crop]:
    """Cut out each object that is seen well, with a little of what surrounds it."""
    for example in examples:
        whole = Image.fromarray(example.drawing.picture)
        for index, item in enumerate(example.scene.objects):
            mask = example.visible(index)
            if mask.sum() < MIN_SEEN * (signed_distance(item) < 0.0).sum():
                continue
            left, top, width, height = bounding_box(mask)
            side = round(1.2 * max(width, height))
            x = min(max(0, left + (width - side) // 2), WIDTH - side)
            y = min(max(0, top + (height - side) // 2), HEIGHT - side)
            yield Crop(f"{example.name}_{index}", item.kind, whole.crop((x, y, x + side, y + side)))


def write_folders(split: str, found: Sequence[Crop], folder: Path) -> None:
    """Write some crops of each kind to a folder of its name."""
    for kind in KINDS:
        place = folder / split / kind
        place.mkdir(parents=True, exist_ok=True)
        for crop in [crop for crop in found if crop.kind == kind][: FILES[split]]:
            small = crop.picture.resize((CROP_SIDE, CROP_SIDE), Image.Resampling.BICUBIC)
            small.save(place / f"{crop.name}.jpg", quality=JPEG_QUALITY)


def write_few(folder: Path) -> None:
    """List the first few training crops of each kind, with which a task has few labels."""
    chosen = [
        path.relative_to(folder).as_posix()
        for kind in KINDS
        for path in sorted((folder / "train" / kind).iterdir())[:FEW]
    ]
    (folder / "few.txt").write_text("".join(f"{name}\n" for name in chosen), encoding="utf-8")


def as_arrays(split: str, found: Sequence[Crop]) -> dict[str, npt.NDArray[np.uint8]]:
    """Stack some crops in grey, and the numbers of their kinds."""
    chosen = found[: ROWS[split]]
    small = (
        crop.picture.convert("L").resize((ARRAY_SIDE, ARRAY_SIDE), Image.Resampling.BICUBIC)
        for crop in chosen
    )
    return {
        f"x_{split}": np.stack([np.asarray(picture) for picture in small]),
        f"y_{split}": np.array([KINDS.index(crop.kind) for crop in chosen], np.uint8),
    }


def write_arrays(arrays: dict[str, npt.NDArray[np.uint8]], path: Path) -> None:
    """Write an .npz file that is the same each time: np.savez may note the hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, array)
