"""A class for every pixel, from masks by number, palette or colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from mtcli.core.data.readers.masks import MasksOptions, MasksReader
from mtcli.core.errors import DataError
from mtcli.core.labels import ClassMapLabel, Deferred
from tests.conftest import Cli

FOLDER = Path("masks")
COLORS = {"road": [128, 64, 128], "sky": [0, 0, 255]}


def save(picture: Image.Image, name: str = "a.png", **options: Any) -> None:
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def grey(*rows: list[int]) -> Image.Image:
    return Image.fromarray(np.array(rows, np.uint8))


def coloured(*row: list[int]) -> Image.Image:
    return Image.fromarray(np.array([row], np.uint8))


def load(**options: Any) -> dict[str, ClassMapLabel]:
    """The masks of the folder by name."""
    given = MasksOptions.model_validate({"masks": "masks", **options})
    found = {}
    for name, label in MasksReader(given).read("train", ClassMapLabel).items():
        assert isinstance(label.value, Deferred)
        value = label.load()
        assert isinstance(value, ClassMapLabel)
        found[name] = value
    return found


def numbers(**options: Any) -> list[list[int]]:
    (value,) = load(**options).values()
    found: list[list[int]] = value.numbers.tolist()
    return found


def refused(**options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(**options)
    return caught.value


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_grey_values_are_class_numbers(name: str) -> None:
    save(grey([0, 1, 2], [2, 3, 0]), name)
    assert numbers() == [[0, 1, 2], [2, 3, 0]]


def test_numbers_do_not_name_classes() -> None:
    save(grey([0, 1]))
    assert load()["a"].names is None


def test_a_palette_s_entries_are_class_numbers() -> None:
    picture = grey([0, 2, 1])
    picture.putpalette([9, 9, 9, 255, 0, 0, 0, 255, 0])
    assert picture.mode == "P"
    save(picture)
    assert numbers() == [[0, 2, 1]]


def test_the_palette_of_a_transparent_class_stays() -> None:
    picture = grey([0, 2, 1])
    picture.putpalette([9, 9, 9, 255, 0, 0, 0, 255, 0])
    save(picture, transparency=0)
    assert numbers() == [[0, 2, 1]]


def test_one_bit_is_class_0_or_1() -> None:
    save(grey([0, 255, 0]).convert("1"))
    assert numbers() == [[0, 1, 0]]


def test_sixteen_bits_keep_their_numbers() -> None:
    save(Image.fromarray(np.array([[0, 255, 40000]], np.uint16)))
    assert numbers() == [[0, 255, 40000]]


def test_colours_are_classes_by_name() -> None:
    save(coloured([0, 0, 255], [128, 64, 128], [0, 0, 255]))
    value = load(colors=COLORS)["a"]
    assert value.names == ("road", "sky")
    assert value.numbers.tolist() == [[1, 0, 1]]


def test_colours_of_a_palette_picture_are_its_palette_s() -> None:
    save(coloured([0, 0, 255], [128, 64, 128]).quantize(2))
    assert numbers(colors=COLORS) == [[1, 0]]


def test_transparency_changes_no_colour() -> None:
    pixels = np.array([[[0, 0, 255, 0], [128, 64, 128, 255]]], np.uint8)
    save(Image.fromarray(pixels))
    assert numbers(colors=COLORS) == [[1, 0]]


def test_an_unknown_colour_is_counted_and_named() -> None:
    save(coloured([0, 0, 255], [1, 2, 3], [1, 2, 3]), "sub/a.png")
    error = refused(colors=COLORS)
    assert error.what == "a colour that is no class, in 2 pixels"
    assert error.where == str(FOLDER.resolve() / "sub/a.png")
    assert error.expected == "road [128, 64, 128], sky [0, 0, 255]"
    assert error.found == "[1, 2, 3]"


def test_a_mask_in_colour_needs_colours() -> None:
    save(coloured([0, 0, 255]))
    error = refused()
    assert "in colour" in error.what
    assert error.found == "mode RGB"
    assert "colors" in str(error.mend)


def test_a_jpeg_is_no_mask() -> None:
    # Its numbers are near the true ones, and a class is right or wrong.
    save(grey([0, 1]), "a.png")
    save(grey([0, 1]), "a.jpg")
    save(grey([0, 1]), "b.jpg")
    assert set(load()) == {"a"}
    (FOLDER / "a.png").unlink()
    assert ".png" in str(refused().expected)


def test_a_suffix_stands_behind_the_picture_s_name() -> None:
    save(grey([0, 1]), "a_mask.png")
    save(grey([2, 2]), "a.png")
    save(grey([0, 1]), "sub/b_mask.tif")
    found = load(suffix="_mask")
    assert set(found) == {"a", "sub/b"}
    assert found["a"].numbers.tolist() == [[0, 1]]


def test_two_masks_for_one_picture_are_refused() -> None:
    save(grey([0, 1]), "a.png")
    save(grey([0, 1]), "a.bmp")
    assert "two label files" in refused().what


def test_a_damaged_mask_is_named() -> None:
    FOLDER.mkdir()
    (FOLDER / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    error = refused()
    assert "a mask that cannot be read" in error.what
    assert error.where == str(FOLDER.resolve() / "a.png")


def segmentation(folder: Path) -> None:
    """Make a segmentation of the fixture's data: black is the background."""
    document = yaml.safe_load((folder / "mtcli.yaml").read_text())
    document["tasks"] = {
        "seg": {
            "kind": "segmentation",
            "labels": {"masks": "masks"},
            "classes": ["background", "shape"],
        }
    }
    (folder / "mtcli.yaml").write_text(yaml.safe_dump(document))
    (folder / "masks").mkdir()
    for path in (folder / "images").iterdir():
        red = np.asarray(Image.open(path))[..., 0]
        Image.fromarray((red > 128).astype(np.uint8)).save(folder / "masks" / path.name)


def test_masks_teach(cli: Cli, shapes: Path) -> None:
    segmentation(shapes)
    assert cli("train", shapes / "mtcli.yaml").code == 0


def test_a_mask_of_another_size_is_found_before_training(cli: Cli, shapes: Path) -> None:
    segmentation(shapes)
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(shapes / "masks" / "02.png")
    answer = cli("train", shapes / "mtcli.yaml")
    assert answer.code == 2
    assert "another size than its picture" in answer.err
    assert str(shapes / "masks" / "02.png") in answer.err
    assert "32 × 64, the picture 64 × 64" in answer.err
    assert not Path("runs").exists()


def test_a_number_beyond_the_classes_is_found_before_training(cli: Cli, shapes: Path) -> None:
    segmentation(shapes)
    mask = np.zeros((64, 64), np.uint8)
    mask[3, 4] = 9
    Image.fromarray(mask).save(shapes / "masks" / "02.png")
    answer = cli("train", shapes / "mtcli.yaml")
    assert answer.code == 2
    assert str(shapes / "masks" / "02.png") in answer.err
    assert "found  9" in answer.err
