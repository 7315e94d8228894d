"""The size that pictures are worked on at: multiples of a stride in the pictures' own shape."""

from __future__ import annotations

import math

STRIDE = 32
SMALLEST = 64
TINY = 48
"""Pictures of no longer side than this are worked on at less than `SMALLEST`."""

DISTORTED = 1.15
"""How much longer one side may become than in the picture."""


def working_size(
    height: float, width: float, aspect: float, longest: int
) -> tuple[tuple[int, int], bool]:
    """Choose a size.

    Args:
        height: of the pictures.
        width: of the pictures.
        aspect: their width over their height.
        longest: what the longer side may be at most.

    Returns:
        Height and width; and whether they have the pictures' shape, so that nothing is distorted
        where pictures are stretched to them.
    """
    long_side = max(height, width)
    least = STRIDE if long_side <= TINY else SMALLEST
    most = max(least, min(longest, math.ceil(long_side / STRIDE) * STRIDE))
    wanted = min(long_side, most)
    area = wanted * wanted / max(aspect, 1 / aspect)
    sides = range(least, most + 1, STRIDE)
    fitting = {}
    for h in sides:
        for w in sides:
            distortion = abs(math.log(w / h / aspect))
            if distortion <= math.log(DISTORTED):
                fitting[h, w] = distortion + abs(math.log(h * w / area))
    if fitting:
        return min(fitting, key=lambda size: (fitting[size], size)), True
    longer = max(least, min(most, round(wanted / STRIDE) * STRIDE))
    shorter = longer / max(aspect, 1 / aspect)
    other = max(least, min(most, math.ceil(shorter / STRIDE) * STRIDE))
    return ((other, longer) if aspect >= 1 else (longer, other)), False
