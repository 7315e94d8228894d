"""`masks`: pictures whose pixels are classes, by number, palette or colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image
from pydantic import Field

from mtcli.core.data.decode import reporting
from mtcli.core.data.readers import READERS, Reader, split_folder, stem
from mtcli.core.data.siblings import files_by_stem
from mtcli.core.errors import DataError
from mtcli.core.labels import ClassMapLabel, Deferred, Label, LabelValue
from mtcli.core.options import InputPath, Options

ENDINGS = (".png", ".tif", ".tiff", ".bmp")
"""Formats that keep numbers as they are; a JPEG does not, and a GIF may be renumbered."""

Byte = Annotated[int, Field(ge=0, le=255)]


class MasksOptions(Options):
    """Where masks lie: a file for each picture, of the same name but for its ending."""

    masks: InputPath
    """The folder; `{split}` in its path stands for the split."""
    suffix: str = ""
    """What stands behind the picture's name: `_mask` for `a.jpg` and `a_mask.png`."""
    colors: dict[str, tuple[Byte, Byte, Byte]] | None = None
    """Red, green and blue of each class by its name, for masks in colour; null: the pixels are
    class numbers, of a grey or a palette picture."""


@READERS.add("masks")
class MasksReader(Reader):
    """A class for every pixel, from a mask picture for each picture."""

    Options = MasksOptions
    gives = (ClassMapLabel,)
    by_stem = True

    def __init__(self, options: MasksOptions) -> None:
        self._options = options

    def read(self, split: str, sort: type[LabelValue]) -> dict[str, Label]:
        folder = split_folder(self._options.masks, split)
        return {
            name: Label(MaskFile(path, self._options.colors), str(path))
            for name, path in files_by_stem(
                folder, ENDINGS, self._options.suffix, self.problems
            ).items()
        }

    @classmethod
    def example(cls, folder: Path, values: Mapping[str, LabelValue]) -> dict[str, Any]:
        colors: dict[str, list[int]] = {}
        for picture, value in values.items():
            assert isinstance(value, ClassMapLabel)
            assert value.names is not None
            for number, name in enumerate(value.names):
                colors.setdefault(name, [40 * number, 255 - number, 7])
            table = np.array([colors[name] for name in value.names], np.uint8)
            path = folder / "masks" / f"{stem(picture)}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(table[value.numbers.numpy()]).save(path)
        return {"masks": str(folder / "masks"), "colors": colors}


@dataclass(frozen=True, slots=True)
class MaskFile(Deferred):
    """A mask picture that is read when it is used."""

    path: Path
    colors: Mapping[str, tuple[int, int, int]] | None

    def load(self) -> ClassMapLabel:
        """Decode it."""
        with reporting(self.path, "mask"), Image.open(self.path) as opened:
            opened.load()
            if self.colors is not None:
                pixels = np.array(opened.convert("RGB"), np.uint8)
            elif opened.mode in ("1", "L", "P", "I", "I;16", "I;16B"):
                pixels = np.array(opened)
            else:
                raise DataError(
                    "the mask is in colour",
                    where=self.path,
                    found=f"mode {opened.mode}",
                    mend="say which colour is which class: colors",
                )
        if self.colors is None:
            return ClassMapLabel(torch.from_numpy(pixels.astype(np.int64)))
        return ClassMapLabel(self._numbers(pixels, self.colors), tuple(self.colors))

    def _numbers(
        self, pixels: np.ndarray[Any, Any], colors: Mapping[str, tuple[int, int, int]]
    ) -> torch.Tensor:
        """Class numbers from colours `[H, W, 3]`."""
        packed = pixels.astype(np.int64) @ np.array([65536, 256, 1])
        numbers = np.full(packed.shape, -1, np.int64)
        for number, (red, green, blue) in enumerate(colors.values()):
            numbers[packed == red * 65536 + green * 256 + blue] = number
        unknown = packed[numbers < 0]
        if len(unknown):
            first = int(unknown[0])
            color = [first >> 16, first >> 8 & 255, first & 255]
            raise DataError(
                f"a colour that is no class, in {len(unknown)} pixels",
                where=self.path,
                expected=", ".join(f"{name} {list(rgb)}" for name, rgb in colors.items()),
                found=str(color),
            )
        return torch.from_numpy(numbers)
