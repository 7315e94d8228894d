"""Arrays in files, opened without reading them: `.npy`, `.npz` and the IDX files of MNIST."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mtcli.core.errors import DataError, did_you_mean

Array = npt.NDArray[Any]

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The third byte of an IDX file, as Y. LeCun's page on MNIST has it."""


@dataclass(frozen=True, slots=True)
class ArrayRow:
    """One row of an array in a file, as a picture or a label.

    Attributes:
        path: the file.
        key: which array of an `.npz`; None for the only one.
        row: its number.
    """

    path: Path
    key: str | None
    row: int

    def __str__(self) -> str:
        return f"{self.path}{f', {self.key}' if self.key else ''}, row {self.row}"


@lru_cache(maxsize=32)
def open_array(path: Path, key: str | None = None) -> Array:
    """The array of a file, memory-mapped; a compressed `.npz` alone is read whole, once.

    Raises:
        DataError: the file is missing, damaged or of another format, or has no such array.
    """
    openers = {".npy": _open_npy, ".npz": _open_npz}
    try:
        array = openers.get(path.suffix.lower(), _open_idx)(path, key)
    except FileNotFoundError:
        raise DataError("no such file", where=path) from None
    except DataError:
        raise
    # Damaged files raise zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError and more.
    except Exception as error:
        raise DataError(
            "not an array file, or a damaged one",
            where=path,
            expected="an .npy, .npz or IDX file of numbers",
            found=(str(error) or type(error).__name__).splitlines()[0],
        ) from None
    if array.ndim == 0:
        raise DataError("the array has no rows", where=path)
    return array


def _open_npy(path: Path, key: str | None) -> Array:
    _refuse_key(path, key)
    # Not np.load, which takes pickles and archives for arrays too.
    return np.lib.format.open_memmap(path, mode="r")


def _open_npz(path: Path, key: str | None) -> Array:
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        names = [name.removesuffix(".npy") for name in members]
        if not names:
            raise DataError("the file holds no array", where=path)
        if key is None and len(names) > 1:
            raise DataError(
                "the file holds several arrays", where=path, expected=f"key: {' or '.join(names)}"
            )
        key = names[0] if key is None else key
        if key not in names:
            raise DataError(
                f"no array {key} in the file", where=path, mend=did_you_mean(key, names)
            )
        entry = archive.getinfo(f"{key}.npy")
        with archive.open(entry) as member:
            version = np.lib.format.read_magic(member)
            read_header: Any = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read_header(member)
            start = member.tell()
        if dtype.hasobject:
            raise DataError("the array holds Python objects, not numbers", where=path, found=key)
        if entry.compress_type != zipfile.ZIP_STORED or fortran:
            with archive.open(entry) as member:
                whole: Array = np.lib.format.read_array(member, allow_pickle=False)
            return whole
    with path.open("rb") as file:
        # The local header may have other extra bytes than the directory at the end.
        file.seek(entry.header_offset + 26)
        sizes = file.read(4)
    begin = entry.header_offset + 30 + sum(np.frombuffer(sizes, "<u2").tolist())
    return np.memmap(path, dtype, "r", begin + start, shape)


def _open_idx(path: Path, key: str | None) -> Array:
    with path.open("rb") as file:
        magic = file.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES:
            raise DataError(
                "not an array file",
                where=path,
                expected="an .npy, .npz or IDX file",
                found="a gzip file" if magic[:2] == b"\x1f\x8b" else None,
                mend="unpack it" if magic[:2] == b"\x1f\x8b" else None,
            )
        shape = np.frombuffer(file.read(4 * magic[3]), ">u4").tolist()
    _refuse_key(path, key)
    return np.memmap(path, IDX_TYPES[magic[2]], "r", 4 + 4 * magic[3], tuple(shape))


def _refuse_key(path: Path, key: str | None) -> None:
    if key is not None:
        raise DataError(
            "the file holds one array, which has no key", where=path, found=f"key: {key}"
        )
