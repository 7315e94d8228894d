"""`maps`: a number for every pixel, from 16-bit pictures, TIFF or NumPy files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image
from pydantic import PositiveFloat

from mtcli.core.data.arrays import Array
from mtcli.core.data.decode import SIXTEEN_BIT, reporting
from mtcli.core.data.measured import measured_map
from mtcli.core.data.readers import READERS, Reader, split_folder, stem
from mtcli.core.data.siblings import files_by_stem
from mtcli.core.errors import DataError
from mtcli.core.labels import Deferred, Label, LabelValue, NumberMapLabel
from mtcli.core.maps import UNMEASURED
from mtcli.core.options import InputPath, Options

ENDINGS = (".png", ".tif", ".tiff", ".npy")
"""Formats that hold more than 256 numbers."""


class MapsOptions(Options):
    """Where maps lie: a file for each picture, of the same name but for its ending."""

    maps: InputPath
    """The folder; `{split}` in its path stands for the split."""
    suffix: str = ""
    """What stands behind the picture's name: `_depth` for `a.jpg` and `a_depth.png`."""
    scale: PositiveFloat = 1.0
    """What the file's numbers are multiplied with: 0.001 makes metres of millimetres."""
    unmeasured: float | Literal["nan"] = UNMEASURED
    """The file's number that says: not measured here; or `nan`. 0 says so too."""


@READERS.add("maps")
class MapsReader(Reader):
    """A number for every pixel, from a 16-bit PNG, a TIFF or an `.npy` file for each picture."""

    Options = MapsOptions
    gives = (NumberMapLabel,)
    by_stem = True

    def __init__(self, options: MapsOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        options = self._options
        folder = split_folder(options.maps, split)
        return {
            name: Label(MapFile(path, options.scale, options.unmeasured), str(path))
            for name, path in files_by_stem(folder, ENDINGS, options.suffix, self.problems).items()
        }

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        for picture, value in values.items():
            assert isinstance(value, NumberMapLabel)
            path = folder / "maps" / f"{stem(picture)}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, value.values.numpy())
        return {"maps": str(folder / "maps")}


@dataclass(frozen=True, slots=True)
class MapFile(Deferred):
    """A map that is read when it is used."""

    path: Path
    scale: float
    unmeasured: float | Literal["nan"]

    def load(self) -> NumberMapLabel:
        """Decode it."""
        with reporting(self.path, "map"):
            numbers = (
                _array(self.path) if self.path.suffix.lower() == ".npy" else _pixels(self.path)
            )
        mend = "write 0 there, or say what stands for not measured: unmeasured"
        return measured_map(numbers, self.path, self.scale, self.unmeasured, mend)


def _array(path: Path) -> Array:
    with path.open("rb") as file:
        numbers: Array = np.lib.format.read_array(file, allow_pickle=False)
    if numbers.dtype.kind not in "iuf" or numbers.ndim != 2:
        raise DataError(
            "the array is no map",
            where=path,
            expected="numbers of shape [H, W]",
            found=f"{numbers.dtype} of shape {list(numbers.shape)}",
        )
    return numbers


def _pixels(path: Path) -> Array:
    with Image.open(path) as opened:
        opened.load()
        if opened.mode not in (*SIXTEEN_BIT, "F"):
            raise DataError(
                "a picture whose pixels are no measured numbers",
                where=path,
                expected="one channel of 16 bits or more",
                found=f"mode {opened.mode}",
            )
        return np.array(opened)
