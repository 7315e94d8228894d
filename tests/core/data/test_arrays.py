"""Arrays are mapped from their files, whatever these are, and damaged ones come with a name."""

from __future__ import annotations

import gzip
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtcli.core.data.arrays import Array, ArrayRow, open_array
from mtcli.core.data.decode import decode, picture_size
from mtcli.core.errors import DataError

VALUES = np.arange(24, dtype=np.int32).reshape(4, 3, 2)


def idx(array: Array, code: int) -> bytes:
    """An IDX file: two zeros, the type, how many axes, their lengths, the numbers."""
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + lengths + array.tobytes()


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_npy_is_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    found = open_array(tmp_path / "a.npy")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, VALUES)


def test_stored_npz_is_mapped_through_the_archive(tmp_path: Path) -> None:
    other = np.linspace(0, 1, 7)
    np.savez(tmp_path / "a.npz", one=other, two=VALUES, three=np.array(["a", "bc"]))
    found = open_array(tmp_path / "a.npz", "two")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_array_equal(open_array(tmp_path / "a.npz", "one"), other)
    assert open_array(tmp_path / "a.npz", "three").tolist() == ["a", "bc"]


def test_an_archive_of_another_program_is_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VALUES)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
        archive.write(tmp_path / "x.npy", "folder/x.npy")
    # Alone among the members it needs no key.
    found = open_array(tmp_path / "a.npz")
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, VALUES)
    np.testing.assert_array_equal(open_array(tmp_path / "a.npz", "folder/x"), VALUES)


@pytest.mark.parametrize("order", ["C", "F"])
def test_compressed_npz_is_read(tmp_path: Path, order: Any) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.array(VALUES, order=order))
    np.testing.assert_array_equal(open_array(tmp_path / "a.npz"), VALUES)


def test_columns_first_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.asfortranarray(VALUES))
    np.save(tmp_path / "a.npy", np.asfortranarray(VALUES))
    np.testing.assert_array_equal(open_array(tmp_path / "a.npz"), VALUES)
    np.testing.assert_array_equal(open_array(tmp_path / "a.npy"), VALUES)


@pytest.mark.parametrize(
    ("code", "stored"),
    [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")],
)
def test_idx_of_every_type_is_mapped(tmp_path: Path, code: int, stored: str) -> None:
    path = written(tmp_path, "train-images-idx3-ubyte", idx(VALUES.astype(stored), code))
    found = open_array(path)
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, VALUES)


def test_the_header_of_mnist(tmp_path: Path) -> None:
    # The first bytes of t10k-labels-idx1-ubyte, cut to three labels.
    path = written(tmp_path, "labels", bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    assert open_array(path).tolist() == [7, 2, 1]


def test_an_array_without_rows_is_empty(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 28, 28), np.uint8))
    np.savez(tmp_path / "a.npz", x=np.zeros((0, 28, 28), np.uint8))
    path = written(tmp_path, "idx", idx(np.zeros((0, 2), np.uint8), 8))
    assert [len(open_array(tmp_path / name)) for name in ("a.npy", "a.npz")] == [0, 0]
    assert len(open_array(path)) == 0


def pickled(tmp_path: Path) -> list[Path]:
    objects = np.array([{"a": 1}, None], dtype=object)
    np.save(tmp_path / "o.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "o.npz", x=objects)
    np.savez_compressed(tmp_path / "c.npz", x=objects)
    return [tmp_path / name for name in ("o.npy", "o.npz", "c.npz")]


def test_python_objects_are_refused(tmp_path: Path) -> None:
    for path in pickled(tmp_path):
        with pytest.raises(DataError) as caught:
            open_array(path)
        assert caught.value.where == str(path)
        assert "Python objects" in f"{caught.value} {caught.value.found}"


def whole_npy(path: Path) -> None:
    np.save(path, VALUES)


def whole_npz(path: Path) -> None:
    np.savez(path, x=VALUES)


def whole_compressed(path: Path) -> None:
    np.savez_compressed(path, x=np.random.default_rng(0).integers(0, 99, (9, 99)))


def whole_idx(path: Path) -> None:
    path.write_bytes(idx(VALUES.astype(">i4"), 12))


WHOLE = [
    ("a.npy", whole_npy),
    ("a.npz", whole_npz),
    ("c.npz", whole_compressed),
    ("idx", whole_idx),
]


@pytest.mark.parametrize(("name", "write"), WHOLE)
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.1, 0.5, 0.97])
def test_a_truncated_file_is_named(
    tmp_path: Path, name: str, write: Callable[[Path], None], kept: float
) -> None:
    path = tmp_path / name
    write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError) as caught:
        open_array(path)
    assert caught.value.where == str(path)


def test_damage_inside_a_compressed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    whole_compressed(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        open_array(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npy", b"no array"),
        ("a.npz", b"no array"),
        ("a.idx", b"no array"),
        ("a.idx", b"\0\0\x07\x01\0\0\0\x01\0"),
        ("a.csv", b"a,b\n1,2\n"),
    ],
)
def test_another_file_is_no_array(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(DataError, match="not an array file"):
        open_array(written(tmp_path, name, content))


def test_the_ending_tells_the_format(tmp_path: Path) -> None:
    # np.load would open this archive as one, and a pickle as a pickle.
    np.savez(tmp_path / "a.npz", x=VALUES)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(DataError, match="not an array file"):
        open_array(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", VALUES)
    (tmp_path / "b.npy").rename(tmp_path / "B.NPY")
    np.testing.assert_array_equal(open_array(tmp_path / "B.NPY"), VALUES)


def test_a_packed_file_is_to_be_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(idx(VALUES.astype(">i4"), 12))
    with pytest.raises(DataError) as caught:
        open_array(written(tmp_path, "train-images-idx3-ubyte.gz", packed))
    assert caught.value.found == "a gzip file"
    assert caught.value.mend == "unpack it"


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file") as caught:
        open_array(tmp_path / "nosuch.npy")
    assert caught.value.where == str(tmp_path / "nosuch.npy")
    with pytest.raises(DataError):
        open_array(tmp_path)


def test_one_of_several_arrays_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x_train=VALUES, y_train=VALUES)
    with pytest.raises(DataError, match="several arrays") as caught:
        open_array(path)
    assert caught.value.expected == "key: x_train or y_train"
    with pytest.raises(DataError, match="no array x_trian") as caught:
        open_array(path, "x_trian")
    assert caught.value.mend == "did you mean x_train?"


def test_an_archive_may_hold_no_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("readme.txt", "no array")
    with pytest.raises(DataError, match="holds no array"):
        open_array(tmp_path / "a.npz")


def test_a_key_is_for_archives(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    with pytest.raises(DataError, match="no key"):
        open_array(tmp_path / "a.npy", "x")


def test_a_single_number_has_no_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.float32(3))
    with pytest.raises(DataError, match="no rows"):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3)])
def test_a_row_is_a_picture(tmp_path: Path, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels)
    place = ArrayRow(tmp_path / "a.npz", "x", 3)
    found = decode(place).permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(found, np.broadcast_to(pixels[3].reshape(2, 3, -1), (2, 3, 3)))
    assert picture_size(place) == (2, 3)
    assert str(place) == f"{tmp_path / 'a.npz'}, x, row 3"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 3), np.uint8),
        np.zeros((4, 3, 8, 8), np.uint8),
        np.zeros((4, 8, 8), np.float32),
    ],
)
def test_rows_that_are_no_pictures_are_refused(tmp_path: Path, array: Array) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match="no pictures") as caught:
        decode(ArrayRow(tmp_path / "a.npy", None, 0))
    assert caught.value.found == f"{array.dtype} of shape {list(array.shape)}"
