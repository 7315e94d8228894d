"""Rows of arrays are words, numbers or maps, by their type and shape."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from mtcli.core.data.arrays import Array
from mtcli.core.data.readers.arrays import ArraysOptions, ArraysReader
from mtcli.core.errors import DataError
from mtcli.core.labels import (
    ClassMapLabel,
    Deferred,
    Label,
    LabelValue,
    NumberMapLabel,
    WordsLabel,
)
from tests.conftest import Cli


@pytest.fixture
def path(tmp_path: Path) -> Path:
    # Absolute, as a config's are: open arrays are remembered by path.
    return tmp_path / "labels.npy"


def labels_of(path: Path, sort: type[LabelValue], **options: Any) -> dict[str, Label]:
    given = ArraysOptions.model_validate({"arrays": str(path), **options})
    return ArraysReader(given).read("train", sort)


def words(path: Path, array: Any, **options: Any) -> dict[str, tuple[str, ...]]:
    """The words of an array's rows."""
    np.save(path, np.asarray(array))
    found = {}
    for row, label in labels_of(path, WordsLabel, **options).items():
        assert isinstance(label.value, WordsLabel)
        found[row] = label.value.words
    return found


def refused(path: Path, array: Any, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        words(path, array, **options)
    assert str(caught.value.where).startswith(str(path))
    return caught.value


@pytest.mark.parametrize("stored", ["u1", "i8", ">i4", "?"])
def test_integers_are_classes(path: Path, stored: str) -> None:
    numbers = np.array([1, 0, 1]).astype(stored)
    assert words(path, numbers) == {"0": ("1",), "1": ("0",), "2": ("1",)}
    named = {"0": ("dog",), "1": ("cat",), "2": ("dog",)}
    assert words(path.with_name("b.npy"), numbers, classes=["cat", "dog"]) == named


@pytest.mark.parametrize("number", [-1, 2])
def test_an_integer_without_a_name_is_refused(path: Path, number: int) -> None:
    error = refused(path, [0, 1, number], classes=["cat", "dog"])
    assert error.where == f"{path}, row 2"
    assert error.expected == "0 to 1"
    assert error.found == str(number)


def test_text_is_a_class_and_empty_text_no_label(path: Path) -> None:
    assert words(path, ["cat", "", "ä dog "]) == {"0": ("cat",), "2": ("ä dog",)}


def test_bytes_are_text(path: Path) -> None:
    assert words(path, np.array([b"cat", "ä".encode()])) == {"0": ("cat",), "1": ("ä",)}


@pytest.mark.parametrize("stored", ["?", "u1", "i8"])
def test_a_table_holds_the_classes_that_apply(path: Path, stored: str) -> None:
    table = np.array([[1, 0, 1], [0, 0, 0]]).astype(stored)
    assert words(path, table, classes=["a", "b", "c"]) == {"0": ("a", "c"), "1": ()}


def test_a_table_needs_names_for_its_columns(path: Path) -> None:
    error = refused(path, [[1, 0]])
    assert "classes" in str(error.expected)
    error = refused(path.with_name("b.npy"), [[1, 0]], classes=["a", "b", "c"])
    assert error.expected == "[N, 3]"
    assert error.found == "int64 of shape [1, 2]"


def test_a_table_holds_0_and_1_alone(path: Path) -> None:
    error = refused(path, [[1, 0], [0, 2]], classes=["a", "b"])
    assert error.where == f"{path}, row 1"
    assert error.found == "[0, 2]"


def test_floats_are_numbers(path: Path) -> None:
    assert words(path, [1.5, -2.0]) == {"0": ("1.5",), "1": ("-2.0",)}


def test_single_precision_stays_short(path: Path) -> None:
    assert words(path, np.array([0.1, 1e-7], np.float32)) == {"0": ("0.1",), "1": ("1e-07",)}


def test_nan_is_a_number_that_nobody_measured(path: Path) -> None:
    table = [[1.0, np.nan], [np.nan, np.nan], [3.0, 4.0]]
    # A row of them alone is no label.
    assert words(path, table) == {"0": ("1.0", ""), "2": ("3.0", "4.0")}
    assert words(path.with_name("b.npy"), [np.nan, 1.0]) == {"1": ("1.0",)}


@pytest.mark.parametrize(
    ("array", "classes"),
    [
        ([1.5], ["a", "b"]),
        (["a"], ["a", "b"]),
        ([["a", "b"]], None),
        (np.zeros((2, 3, 4)), None),
        (np.zeros((2, 3, 4), np.uint8), None),
        (np.zeros(2, complex), None),
        (np.zeros(2, "M8[s]"), None),
    ],
)
def test_what_holds_no_words_is_refused(path: Path, array: Any, classes: Any) -> None:
    error = refused(path, array, classes=classes)
    assert error.found is not None
    assert "of shape" in error.found


def test_every_label_says_its_row(path: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y_train=np.array([4, 5]), y_val=np.array([6]))
    given = {"arrays": str(tmp_path / "a.npz"), "key": "y_{split}"}
    reader = ArraysReader(ArraysOptions.model_validate(given))
    assert reader.read("train", WordsLabel)["1"].where == f"{tmp_path}/a.npz, y_train, row 1"
    assert reader.read("val", WordsLabel)["0"].value == WordsLabel(("6",))
    with pytest.raises(DataError, match="no array y_test"):
        reader.read("test", WordsLabel)


def test_each_split_may_have_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", [7])
    found = labels_of(tmp_path / "{split}.npy", WordsLabel)
    assert found["0"].value == WordsLabel(("7",))


def maps(path: Path, array: Array, sort: type[LabelValue], **options: Any) -> list[LabelValue]:
    """The maps of an array's rows, as they come out of another process."""
    np.save(path, array)
    labels = labels_of(path, sort, **options)
    assert list(labels) == [str(row) for row in range(len(array))]
    assert all(isinstance(label.value, Deferred) for label in labels.values())
    return [pickle.loads(pickle.dumps(label)).load() for label in labels.values()]


@pytest.mark.parametrize("stored", ["u1", "i4", ">i2", "?"])
def test_integers_of_a_plane_are_classes_of_pixels(path: Path, stored: str) -> None:
    array = np.array([[[0, 1], [1, 1]], [[1, 0], [0, 0]]]).astype(stored)
    for value, row in zip(maps(path, array, ClassMapLabel), array, strict=True):
        assert isinstance(value, ClassMapLabel)
        assert value.names is None
        assert value.numbers.tolist() == row.astype(int).tolist()


def test_classes_name_the_numbers_of_pixels(path: Path) -> None:
    (value,) = maps(path, np.array([[[0, 1, 255]]], "u1"), ClassMapLabel, classes=["a", "b"])
    assert isinstance(value, ClassMapLabel)
    assert value.names == ("a", "b")
    assert value.numbers.tolist() == [[0, 1, 255]]


@pytest.mark.parametrize(
    ("number", "classes", "expected"),
    [(-1, None, "0 and above"), (2, ["a", "b"], "0 to 1, or 255"), (-1, ["a"], "0 to 0, or 255")],
)
def test_a_number_of_a_pixel_that_is_no_class_is_refused(
    path: Path, number: int, classes: Any, expected: str
) -> None:
    array = np.zeros((3, 2, 2), np.int16)
    array[1, 0, 1] = number
    np.save(path, array)
    labels = labels_of(path, ClassMapLabel, classes=classes)
    labels["0"].load()
    with pytest.raises(DataError, match="no class") as caught:
        labels["1"].load()
    assert caught.value.where == f"{path}, row 1"
    assert caught.value.expected == expected
    assert caught.value.found == str(number)


@pytest.mark.parametrize("stored", ["f4", "f8", ">f4", "u2"])
def test_numbers_of_a_plane_are_a_map(path: Path, stored: str) -> None:
    (value,) = maps(path, np.array([[[0, 2], [3, 512]]]).astype(stored), NumberMapLabel)
    assert isinstance(value, NumberMapLabel)
    assert value.values.dtype == torch.float32
    assert value.values.tolist() == [[0, 2], [3, 512]]


def test_a_map_s_numbers_are_checked(path: Path) -> None:
    np.save(path, np.array([[[1, np.nan, -1]]]))
    with pytest.raises(DataError, match="in 2 pixels") as caught:
        labels_of(path, NumberMapLabel)["0"].load()
    assert caught.value.where == f"{path}, row 0"


@pytest.mark.parametrize(
    ("array", "sort"),
    [
        (np.zeros((2, 3, 4)), ClassMapLabel),
        (np.zeros((2, 3), np.uint8), ClassMapLabel),
        (np.zeros((2, 3, 4, 1)), NumberMapLabel),
        (np.zeros((2, 3, 4), bool), NumberMapLabel),
    ],
)
def test_what_holds_no_maps_is_refused(path: Path, array: Array, sort: type[LabelValue]) -> None:
    np.save(path, array)
    with pytest.raises(DataError, match="no maps") as caught:
        labels_of(path, sort)
    assert "[N, H, W]" in str(caught.value.expected)


def test_unlabelled_rows_count_too(path: Path) -> None:
    np.save(path, ["cat", "", ""])
    reader = ArraysReader(ArraysOptions.model_validate({"arrays": str(path)}))
    assert len(reader.read("train", WordsLabel)) == 1
    assert reader.rows("train") == 3


@pytest.mark.parametrize(
    ("rows", "stored", "classes"),
    [
        ([("b",), ("a",)], "U", None),
        ([("1.5", ""), ("-2.0", "3.25")], "f", None),
        ([("a", "b"), (), ("b",)], "b", ["a", "b"]),
    ],
)
def test_example_chooses_the_array(
    tmp_path: Path, rows: list[tuple[str, ...]], stored: str, classes: Any
) -> None:
    values = {str(number): WordsLabel(row) for number, row in enumerate(rows)}
    labels = ArraysReader.example(tmp_path, values)
    assert np.load(labels["arrays"]).dtype.kind == stored
    assert labels.get("classes") == classes
    read = ArraysReader(ArraysOptions.model_validate(labels)).read("train", WordsLabel)
    assert {row: label.value for row, label in read.items()} == values


def test_pictures_and_labels_in_arrays_teach(cli: Cli, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (12, 32, 32), dtype=np.uint8)
    numbers = np.arange(12) % 2
    np.savez(tmp_path / "a.npz", x=pixels, y=numbers, depth=pixels.astype(np.float32))
    (tmp_path / "train.txt").write_text("\n".join(map(str, range(8))))
    (tmp_path / "val.txt").write_text("\n".join(map(str, range(8, 12))))
    labels: dict[str, Any] = {"arrays": "a.npz", "key": "y", "classes": ["even", "odd"]}
    document: dict[str, Any] = {
        "data": {
            "images": {"arrays": "a.npz", "key": "x"},
            "splits": {"train": "train.txt", "val": "val.txt"},
            "size": [32, 32],
            "workers": 0,
        },
        "tasks": {"cls": {"kind": "classification", "labels": labels}},
        "model": {"trunk": "tiny", "pyramid": 16},
        "train": {"epochs": 1, "batch_size": 4, "device": "cpu"},
    }
    (tmp_path / "mtcli.yaml").write_text(yaml.safe_dump(document))
    answer = cli("train", tmp_path / "mtcli.yaml", "--json")
    assert answer.code == 0
    labels |= {"arrays": "b.npy", "key": None}
    np.save(tmp_path / "b.npy", numbers[:11])
    (tmp_path / "mtcli.yaml").write_text(yaml.safe_dump(document))
    answer = cli("train", tmp_path / "mtcli.yaml")
    assert answer.code == 2
    assert "11 labels for 12 pictures" in answer.err
    document["data"]["images"] = "."
    (tmp_path / "mtcli.yaml").write_text(yaml.safe_dump(document))
    answer = cli("train", tmp_path / "mtcli.yaml")
    assert answer.code == 2
    assert "pictures in a folder" in answer.err
