"""What a feature map promises to those who read it, and the names of the levels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

Tail = Callable[[int, float], nn.Module]
"""Makes a trunk's own last layers for K outputs and a dropout: `[N, C, h, w]` to `[N, K]`."""


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A feature map of `channels` channels, `stride` times smaller than the network's input.

    `tail` makes the layers that the trunk's own classifier has behind this map, where it has any.
    """

    channels: int
    stride: int
    tail: Tail | None = field(default=None, compare=False, repr=False)


def level_stride(level: str) -> int:
    """The stride of a level by its name: `c3` and `p3` are 2^3 = 8 times smaller."""
    return int(2 ** int(level[1:]))
