"""Maps laid over pictures: classes in their colours, numbers in those of a scale."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from mtcli.core.maps import IGNORED, UNMEASURED
from mtcli.core.ops.drawing import Color, line_for

COVER = 0.35
"""Share of a class's colour on a picture: what is below stays recognisable."""


def class_overlay(
    image: Tensor,
    numbers: Tensor,
    colors: Sequence[Color],
    first: int,
    truth: Tensor | None = None,
) -> Tensor:
    """A `[3, H, W]` uint8 picture, each class of a map half transparent inside an outline.

    Args:
        image: the picture.
        numbers: classes `[H, W]`; those below `first`, and 255, where nothing is known, are left
            clear.
        colors: of the numbers 0 to 255.
        first: the first class that is drawn.
        truth: a map like `numbers`, whose borders are drawn thin and white.
    """
    table = torch.tensor(colors, dtype=torch.float32)
    laid = table[numbers.long()].permute(2, 0, 1)
    covered = ((numbers >= first) & (numbers != IGNORED))[None]
    mixed = torch.where(covered, (1 - COVER) * image + COVER * laid, image.float())
    # As wide as the outlines of boxes, all of it inside.
    wide = line_for((numbers.shape[0], numbers.shape[1]))
    edge = max_pool2d(_borders(numbers)[None].float(), 2 * wide - 1, 1, wide - 1) > 0
    mixed = torch.where(edge & covered, laid, mixed)
    if truth is not None:
        mixed = mixed.masked_fill(_borders(truth)[None], 255.0)
    return mixed.round().to(torch.uint8)


def number_overlay(image: Tensor, numbers: Tensor, scale: tuple[float, float]) -> Tensor:
    """A `[3, H, W]` uint8 picture without its own colours, coloured by a map of numbers.

    Args:
        image: the picture.
        numbers: finite, `[H, W]`; 0, where nothing was measured, is left without colour.
        scale: the numbers of the first and the last colour.
    """
    # Its own colours would be taken for numbers.
    grey = image.float().mean(dim=0)
    colored = on_scale(numbers, scale)
    laid = torch.where(numbers > UNMEASURED, 0.3 * grey + 0.7 * colored, grey)
    return laid.round().to(torch.uint8)


def range_of(*maps: Tensor) -> tuple[float, float] | None:
    """The least and the most that maps of numbers show; None where nothing was measured."""
    seen = torch.cat([numbers[numbers > UNMEASURED] for numbers in maps])
    return (float(seen.min()), float(seen.max())) if len(seen) else None


def on_scale(numbers: Tensor, scale: tuple[float, float]) -> Tensor:
    """Numbers `[H, W]` as colours `[3, H, W]` uint8: viridis, whose brightness grows evenly."""
    low, high = scale
    places = (numbers - low) / max(high - low, 1e-12) * 255
    return _viridis()[places.round().long().clamp(0, 255)].permute(2, 0, 1)


@cache
def _viridis() -> Tensor:
    from matplotlib import colormaps

    return torch.tensor(colormaps["viridis"](range(256), bytes=True))[:, :3]


def _borders(numbers: Tensor) -> Tensor:
    """Pixels `[H, W]` bool whose right or lower neighbour is of another class."""
    border = torch.zeros(numbers.shape, dtype=torch.bool)
    border[:, :-1] |= numbers[:, :-1] != numbers[:, 1:]
    border[:-1] |= numbers[:-1] != numbers[1:]
    return border
