"""Maps as tv_tensors: a class or a number for every pixel, and what stands where there is none."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.tv_tensors import Mask, wrap

IGNORED = 255
"""The class of a pixel that is neither taught nor measured."""

UNMEASURED = 0
"""The number of a pixel that was not measured."""


class NumberMap(Mask):  # type: ignore[misc]
    """A number for every pixel: `[H, W]` float32.

    Moved as masks are: between an object and what lies behind it there is nothing in the middle.
    """


def resized_map(value: Mask, size: tuple[int, int]) -> Tensor:
    """A map at another size (height, width): each cell has what lies at its centre.

    torchvision's own resize takes what lies at its upper left corner, and so moves maps by up to
    half a cell against pictures, boxes and points.
    """
    height, width = value.shape[-2:]
    rows = ((torch.arange(size[0]) + 0.5) * (height / size[0])).long().clamp(max=height - 1)
    columns = ((torch.arange(size[1]) + 0.5) * (width / size[1])).long().clamp(max=width - 1)
    resized: Tensor = wrap(value.as_subclass(Tensor)[..., rows[:, None], columns], like=value)
    return resized
