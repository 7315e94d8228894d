"""A number for every pixel, from every sort of file that can hold one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from mtcli.core.data.arrays import Array
from mtcli.core.data.readers.maps import MapsOptions, MapsReader
from mtcli.core.errors import DataError
from mtcli.core.labels import Deferred, NumberMapLabel

FOLDER = Path("maps")


def save(name: str, numbers: Array) -> None:
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, numbers)
    else:
        Image.fromarray(numbers).save(path)


def read(**options: Any) -> dict[str, list[list[float]]]:
    """The maps of the folder by name."""
    given = MapsOptions.model_validate({"maps": "maps", **options})
    found = {}
    for name, label in MapsReader(given).read("train", NumberMapLabel).items():
        assert isinstance(label.value, Deferred)
        value = label.load()
        assert isinstance(value, NumberMapLabel)
        assert value.values.dtype == torch.float32
        found[name] = value.values.tolist()
    return found


def refused(**options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        read(**options)
    return caught.value


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("a.png", "u2"),
        ("a.tif", "u2"),
        ("a.tiff", ">u2"),
        ("a.tif", "i4"),
        ("a.tif", "f4"),
        ("a.TIF", "f8"),
        ("a.npy", "u2"),
        ("a.npy", "i8"),
        ("a.npy", ">f4"),
        ("a.npy", "f8"),
        ("a.npy", "f2"),
    ],
)
def test_the_numbers_of_a_file(name: str, stored: str) -> None:
    save(name, np.array([[0, 1, 2], [256, 800, 4096]]).astype(stored))
    assert read() == {"a": [[0, 1, 2], [256, 800, 4096]]}


def test_all_sixteen_bits_are_kept() -> None:
    save("a.png", np.array([[1, 32768, 65535]], np.uint16))
    assert read() == {"a": [[1, 32768, 65535]]}


def test_fractions_are_kept() -> None:
    save("a.tif", np.array([[0.25, 1.5]], np.float32))
    assert read() == {"a": [[0.25, 1.5]]}


def test_scale_makes_metres_of_millimetres() -> None:
    save("a.png", np.array([[0, 1000, 2500]], np.uint16))
    assert read(scale=0.001) == {"a": [[0, 1, 2.5]]}


@pytest.mark.parametrize(
    ("name", "stored", "number"),
    [
        ("a.png", "u2", 65535),
        ("a.tif", "f4", -9999.9),
        ("a.tif", "i4", -1),
        ("a.npy", "f4", 1e10),
        ("a.npy", "f2", -0.1),
    ],
)
def test_a_number_says_not_measured(name: str, stored: str, number: float) -> None:
    # In the type of the file -9999.9 is another number than in a double.
    save(name, np.array([[number, 0, 3]]).astype(stored))
    assert read(unmeasured=number, scale=2) == {"a": [[0, 0, 6]]}


def test_without_a_number_for_it_the_largest_is_measured() -> None:
    save("a.png", np.array([[65535, 0]], np.uint16))
    assert read() == {"a": [[65535, 0]]}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -1.0, -1e-30])
def test_what_cannot_be_measured_is_refused(wrong: float) -> None:
    save("sub/a.npy", np.array([[1.0, wrong], [wrong, 2.0]]))
    error = refused()
    assert "in 2 pixels" in error.what
    assert error.where == str(FOLDER.resolve() / "sub/a.npy")
    assert "unmeasured" in str(error.mend)


def test_a_number_beyond_single_precision_is_refused() -> None:
    save("a.npy", np.array([[1e30, 1e60]]))
    assert "in 1 pixels" in refused().what
    assert "in 2 pixels" in refused(scale=1e20).what


@pytest.mark.parametrize(("shape", "mode"), [((2, 3, 3), "RGB"), ((2, 3), "L")])
def test_a_picture_in_colour_or_of_eight_bits_is_refused(shape: tuple[int, ...], mode: str) -> None:
    save("a.png", np.zeros(shape, np.uint8))
    error = refused()
    assert error.where == str(FOLDER.resolve() / "a.png")
    assert "16 bits" in str(error.expected)
    assert error.found == f"mode {mode}"


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3, 1)), np.zeros(4), np.zeros((2, 2), bool), np.array([["a"]])],
)
def test_an_array_that_is_no_map_is_refused(array: Array) -> None:
    save("a.npy", array)
    error = refused()
    assert "no map" in error.what
    assert error.found == f"{array.dtype} of shape {list(array.shape)}"


def test_python_objects_are_never_loaded() -> None:
    FOLDER.mkdir()
    np.save(FOLDER / "a.npy", np.array([[None]], dtype=object), allow_pickle=True)
    error = refused()
    assert "cannot be read" in error.what
    assert error.where == str(FOLDER.resolve() / "a.npy")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_a_damaged_file_is_named(name: str) -> None:
    save(name, np.random.default_rng(0).integers(0, 65536, (32, 32)).astype("u2"))
    path = FOLDER / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    error = refused()
    assert "a map that cannot be read" in error.what
    assert error.where == str(path.resolve())
    assert error.mend is None


def test_a_map_is_read_when_it_is_used() -> None:
    save("a.npy", np.array([[1.0]]))
    label = MapsReader(MapsOptions.model_validate({"maps": "maps"})).read("val", NumberMapLabel)
    save("a.npy", np.array([[2.0]]))
    value = label["a"].load()
    assert isinstance(value, NumberMapLabel)
    assert value.values.tolist() == [[2.0]]


def test_names_are_those_of_pictures_but_for_suffix_and_ending() -> None:
    for name in ("a_depth.png", "sub/b.left_depth.png", "c.png"):
        save(name, np.array([[7]], np.uint16))
    (FOLDER / "a_depth.txt").write_text("a note")
    assert set(read(suffix="_depth")) == {"a", "sub/b.left"}
    assert set(read()) == {"a_depth", "sub/b.left_depth", "c"}


def test_two_maps_for_one_picture_are_refused() -> None:
    save("a.png", np.array([[7]], np.uint16))
    save("a.npy", np.array([[7.0]]))
    error = refused()
    assert "two label files" in error.what
    assert error.found == "also a.npy"


def test_each_split_may_have_a_folder() -> None:
    save("../train/maps/a.npy", np.array([[7.0]]))
    assert read(maps="{split}/maps") == {"a": [[7]]}
    with pytest.raises(DataError, match="no such label folder"):
        read(maps="{split}/nosuch")


def test_an_empty_folder_is_refused() -> None:
    FOLDER.mkdir()
    error = refused(suffix="_d")
    assert "no label file" in error.what
    assert error.expected == "NAME_d and one of .png, .tif, .tiff, .npy"
