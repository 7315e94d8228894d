"""Maps as tv_tensors: a class or a number for every pixel, and what stands where there is none."""

from __future__ import annotations

from torchvision.tv_tensors import Mask

IGNORED = 255
"""The class of a pixel that is neither taught nor measured."""

UNMEASURED = 0
"""The number of a pixel that was not measured."""


class NumberMap(Mask):  # type: ignore[misc]
    """A number for every pixel: `[H, W]` float32.

    Moved as masks are: between an object and what lies behind it there is nothing in the middle.
    """
