"""What is kept of a picture and of a map after one look at it: a few numbers, never its pixels."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from mtcli.core.labels import ClassMapLabel, NumberMapLabel
from mtcli.core.maps import UNMEASURED

CELLS = 32
"""Rows and columns of greys that a hash is made of."""

THUMBNAIL = 16
"""Rows and columns of the greys that are kept."""

SAMPLED = 128
"""At least so many rows and columns of a large picture are looked at."""

BLANK = 2
"""Greys that differ by no more are one: a blank page, a closed lid."""

GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue in a grey, as in ITU-R BT.601."""

Greys = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureLook:
    """A picture in a few numbers.

    Attributes:
        size: height and width, upright.
        checksum: of all pixels, as they were decoded.
        hash: 64 bits that pictures which look alike share, but for a few (a perceptual hash).
        thumbnail: `THUMBNAIL` × `THUMBNAIL` mean greys, row by row.
        means, deviations: of red, green and blue, 0 to 255, over every n-th pixel of large ones.
        spread: between the darkest and the brightest grey, 0 to 255.
    """

    size: tuple[int, int]
    checksum: int
    hash: int
    thumbnail: bytes
    means: tuple[float, float, float]
    deviations: tuple[float, float, float]
    spread: float

    @property
    def brightness(self) -> float:
        """The mean grey, 0 to 255."""
        return float(np.dot(self.means, GREY))

    @property
    def blank(self) -> bool:
        """Whether the whole picture is of one grey."""
        return self.spread <= BLANK


@dataclass(frozen=True, slots=True)
class ClassMapLook:
    """A map of classes: its height and width, and the pixels of each class that it shows.

    `pixels` counts by class name; a number that is none stands there as text. `ignored` pixels
    are neither taught nor measured.
    """

    size: tuple[int, int]
    pixels: Mapping[str, int]
    ignored: int


@dataclass(frozen=True, slots=True)
class NumberMapLook:
    """A map of numbers: its height and width, the pixels that were measured, and their numbers.

    `least`, `mean` and `most` are 0 where nothing was measured.
    """

    size: tuple[int, int]
    measured: int
    least: float
    mean: float
    most: float


MapLook = ClassMapLook | NumberMapLook


def look_at_picture(pixels: Tensor) -> PictureLook:
    """Look at `[3, H, W]` uint8 RGB.

    The hash is that of Zauner, "Implementation and Benchmarking of Perceptual Image Hash
    Functions" (2010), section 3.2.1: the signs of the lowest 8 × 8 frequencies of 32 × 32 greys
    against their median, without the mean grey, which is no detail.
    """
    array = pixels.numpy()
    height, width = array.shape[1:]
    few = array[:, :: max(1, height // SAMPLED), :: max(1, width // SAMPLED)]
    colors = few.reshape(3, -1).astype(np.float32)
    means, deviations = colors.mean(axis=1), colors.std(axis=1)
    greys = (GREY @ colors).reshape(few.shape[1:])
    cells = _pooled(greys, CELLS)
    small = cells.reshape(THUMBNAIL, CELLS // THUMBNAIL, THUMBNAIL, -1).mean(axis=(1, 3))
    red, green, blue = means.tolist()
    return PictureLook(
        size=(height, width),
        checksum=zlib.crc32(np.ascontiguousarray(array).data),
        hash=_hash(cells),
        thumbnail=small.round().astype(np.uint8).tobytes(),
        means=(red, green, blue),
        deviations=tuple(deviations.tolist()),
        spread=float(greys.max() - greys.min()),
    )


def look_at_map(
    value: ClassMapLabel | NumberMapLabel, classes: tuple[str, ...], ignore: int | None
) -> MapLook:
    """Look at a map.

    Args:
        value: the map, which its task understands: without negative numbers.
        classes: what its numbers mean, where it does not say so itself.
        ignore: the number of pixels that are not taught.
    """
    if isinstance(value, NumberMapLabel):
        values = value.values.numpy()
        known = values[values != UNMEASURED]
        least, mean, most = (
            (float(known.min()), float(known.mean()), float(known.max()))
            if known.size
            else (0.0,) * 3
        )
        return NumberMapLook(_size(values), int(known.size), least, mean, most)
    array = value.numbers.numpy()
    # Pillow counts bytes in less than half the time.
    bytewise = array.dtype == np.uint8
    counts = (
        np.array(Image.fromarray(array).histogram()) if bytewise else np.bincount(array.ravel())
    )
    numbers = counts.nonzero()[0]
    names = classes if value.names is None else value.names
    pixels: dict[str, int] = {}
    ignored = 0
    for number, count in zip(numbers.tolist(), counts[numbers].tolist(), strict=True):
        if number == ignore:
            ignored = count
        else:
            name = names[number] if number < len(names) else str(number)
            pixels[name] = pixels.get(name, 0) + count
    return ClassMapLook(_size(array), pixels, ignored)


def _size(array: npt.NDArray[Any]) -> tuple[int, int]:
    return int(array.shape[0]), int(array.shape[1])


def _pooled(greys: Greys, cells: int) -> Greys:
    """The mean grey of each cell of `cells` × `cells`; cells of a small picture overlap."""
    for axis in (0, 1):
        side = greys.shape[axis]
        starts = np.arange(cells) * side // cells
        ends = np.maximum(starts + 1, (np.arange(cells) + 1) * side // cells)
        sums = np.cumsum(greys, axis=axis, dtype=np.float64)
        sums = np.insert(sums, 0, 0, axis=axis)
        counts = (ends - starts).reshape((-1, 1) if axis == 0 else (1, -1))
        greys = ((sums.take(ends, axis) - sums.take(starts, axis)) / counts).astype(np.float32)
    return greys


def _hash(cells: Greys) -> int:
    frequencies = _cosines() @ cells @ _cosines().T
    flat = frequencies.flatten()
    bits = flat > np.median(flat[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@cache
def _cosines() -> Greys:
    """The lowest 8 rows of the discrete cosine transform (DCT-II) of `CELLS` values."""
    places = (np.arange(CELLS) + 0.5) * np.pi / CELLS
    return np.cos(np.arange(8)[:, None] * places).astype(np.float32)
