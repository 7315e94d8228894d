"""Which pictures are the same, or look it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mtcli.core.inspection.look import PictureLook

DISTANCE = 10
"""Bits of two hashes that may differ: recompressed, resized and brightened copies stay below."""

CORRELATION = 0.95
"""Of two thumbnails, at least: of copies, those cut by 2 % too, it is more; of others, less."""

SMALL = 64
"""Pictures with a smaller side are drawings of few cells, of which many look alike."""

SMALL_DISTANCE = 4
SMALL_CORRELATION = 0.985

FLAT = 3.0
"""A thumbnail that deviates by fewer greys has nothing to compare but noise."""

BLOCK = 1 << 22
"""Pairs of hashes that are compared at once, 32 MB of them."""


def exactly(look: PictureLook) -> tuple[tuple[int, int], int, bytes]:
    """What pictures of the same pixels share, and others do not."""
    return look.size, look.checksum, look.thumbnail


def nearly(pictures: Sequence[PictureLook], others: Sequence[PictureLook]) -> dict[int, int]:
    """By the place of an other: the place of the picture that it looks like most, if one.

    Every pair of hashes is compared; what is near is compared again by thumbnail.
    """
    if not pictures or not others:
        return {}
    hashes = np.array([look.hash for look in pictures], np.uint64)
    found: dict[int, int] = {}
    rows = max(1, BLOCK // len(pictures))
    for start in range(0, len(others), rows):
        own = np.array([look.hash for look in others[start : start + rows]], np.uint64)
        distances = _set_bits(own[:, None] ^ hashes)
        best: dict[int, float] = {}
        for b, a in np.argwhere(distances <= DISTANCE).tolist():
            likeness = _likeness(others[start + b], pictures[a], int(distances[b, a]))
            if likeness > best.get(b, 0.0):
                best[b] = likeness
                found[start + b] = a
    return found


def _likeness(one: PictureLook, other: PictureLook, distance: int) -> float:
    """The correlation of two thumbnails; 0 where they are not alike."""
    small = min(*one.size, *other.size) < SMALL
    if small and distance > SMALL_DISTANCE:
        return 0.0
    first, second = (_centred(look.thumbnail) for look in (one, other))
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    if min(first.std(), second.std()) < FLAT:
        return 0.0
    correlation = float(first @ second) / scale
    return correlation if correlation >= (SMALL_CORRELATION if small else CORRELATION) else 0.0


def _centred(thumbnail: bytes) -> npt.NDArray[np.float64]:
    greys = np.frombuffer(thumbnail, np.uint8).astype(np.float64)
    centred: npt.NDArray[np.float64] = greys - greys.mean()
    return centred


def _set_bits(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """How many bits of each word are 1."""
    count: Any = getattr(np, "bitwise_count", None)  # since NumPy 2
    if count is not None:
        counted: npt.NDArray[np.uint8] = count(words)
        return counted
    # Sums of neighbours: of bits, of pairs, of fours, and by the product of all bytes.
    one, three, fifteen = (
        np.uint64(m) for m in (0x5555555555555555, 0x3333333333333333, 0x0F0F0F0F0F0F0F0F)
    )
    words = words - ((words >> np.uint64(1)) & one)
    words = (words & three) + ((words >> np.uint64(2)) & three)
    words = (words + (words >> np.uint64(4))) & fifteen
    return ((words * np.uint64(0x0101010101010101)) >> np.uint64(56)).astype(np.uint8)
