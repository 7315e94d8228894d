"""Pictures as a graph takes them: as bytes of a file come, channels last."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mtcli.core.errors import DataError
from mtcli.core.inputs import PICTURE_CHANNELS, rows_name

Pictures = dict[str, Tensor]
"""By name: `[N, H, W, 3]` uint8 RGB of a picture, `[N, H, W]` float32 in [0, 1] of a map."""


def graph_pictures(inputs: Mapping[str, Tensor], channels: Mapping[str, int]) -> Pictures:
    """What a network takes (`Network.encode`), as a graph takes it.

    Args:
        inputs: of a batch.
        channels: of each input by its name.

    Raises:
        DataError: a picture of the batch lacks an input.
    """
    found = {}
    for name, count in channels.items():
        rows = inputs.get(rows_name(name))
        if rows is not None and bool((rows < 0).any()):
            raise DataError(
                f"a picture lacks {name}",
                expected="all inputs of each: an exported file takes nothing less",
            )
        pixels = inputs[name]
        is_picture = count == PICTURE_CHANNELS
        found[name] = (pixels.permute(0, 2, 3, 1) if is_picture else pixels[:, 0]).contiguous()
    return found


def blank_pictures(channels: Mapping[str, int], size: tuple[int, int], count: int) -> Pictures:
    """Black pictures, and maps of zeros."""
    return {
        name: torch.zeros(count, *size, 3, dtype=torch.uint8)
        if own == PICTURE_CHANNELS
        else torch.zeros(count, *size)
        for name, own in channels.items()
    }


def one_by_one(pictures: Pictures) -> list[Pictures]:
    """A batch as batches of one."""
    count = len(next(iter(pictures.values())))
    return [some(pictures, row, row + 1) for row in range(count)]


def resized(pictures: Pictures, size: tuple[int, int]) -> Pictures:
    """The same of another size, height and width."""
    found = {}
    for name, pixels in pictures.items():
        planes = pixels.permute(0, 3, 1, 2) if pixels.dim() == 4 else pixels[:, None]
        other = interpolate(planes, size, mode="nearest")
        found[name] = (other.permute(0, 2, 3, 1) if pixels.dim() == 4 else other[:, 0]).contiguous()
    return found


def some(pictures: Pictures, start: int, stop: int) -> Pictures:
    """A part of a batch."""
    return {name: own[start:stop] for name, own in pictures.items()}
