"""A look at a label picture: how its pixels are kept, and which values they have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mtcli.core.data.arrays import Array
from mtcli.core.data.decode import SIXTEEN_BIT

FEW = 64
"""Values that a mask may have; a photograph has more."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in a file.

    Attributes:
        mode: Pillow's word for how pixels are kept; `array` for NumPy's files.
        size: height and width.
        values: each value, or packed colour, and in how many pixels it stands; the commonest
            first, at most `2 * FEW`.
        distinct: how many values there are in all.
        low, high: the smallest and the largest, where pixels are numbers.
        nan: whether some number is none.
    """

    mode: str
    size: tuple[int, int]
    values: dict[int, int]
    distinct: int
    low: float = 0.0
    high: float = 0.0
    nan: bool = False

    @property
    def is_map(self) -> bool:
        """Whether the pixels are measured numbers."""
        return self.mode in (*SIXTEEN_BIT, "F", "array") and self.distinct > FEW

    @property
    def is_mask(self) -> bool:
        """Whether the pixels are classes: few values, each in many pixels."""
        pixels = self.size[0] * self.size[1]
        few = self.distinct <= FEW and self.distinct * 8 <= max(pixels, 16)
        return few and self.mode in ("1", "L", "P", "I;16", "I", "RGB", "RGBA")


def look(path: Path) -> Look | None:
    """Look at a file; None: it cannot be read."""
    try:
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                return _of_numbers(np.lib.format.read_array(file, allow_pickle=False), "array")
        with Image.open(path) as opened:
            opened.load()
            if opened.mode in ("1", "L", "P", *SIXTEEN_BIT, "F"):
                return _of_numbers(np.array(opened), opened.mode)
            pixels = np.array(opened.convert("RGB")).astype(np.int64)
            packed = pixels @ np.array([65536, 256, 1])
            return _of_numbers(packed, opened.mode)
    # Pillow and NumPy raise nearly anything on a damaged file; whoever trains is told of it.
    except Exception:
        return None


def color_of(packed: int) -> tuple[int, int, int]:
    """Red, green and blue of a packed colour."""
    return packed >> 16, packed >> 8 & 255, packed & 255


def _of_numbers(numbers: Array, mode: str) -> Look | None:
    if numbers.ndim != 2 or numbers.dtype.kind not in "iufb" or not numbers.size:
        return None
    floating = numbers.dtype.kind == "f"
    known = numbers[np.isfinite(numbers)] if floating else numbers.ravel()
    values, counts = np.unique(known, return_counts=True)
    order = np.argsort(-counts)[: 2 * FEW]
    whole = not floating or bool((values == values.round()).all())
    return Look(
        mode=mode,
        size=(numbers.shape[0], numbers.shape[1]),
        values={int(values[n]): int(counts[n]) for n in order} if whole else {},
        distinct=len(values),
        low=float(values[0]) if len(values) else 0.0,
        high=float(values[-1]) if len(values) else 0.0,
        nan=bool(np.isnan(numbers).any()) if floating else False,
    )
