"""What a feature map promises to those who read it, and the names of the levels."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """A feature map of `channels` channels, `stride` times smaller than the network's input."""

    channels: int
    stride: int


def level_stride(level: str) -> int:
    """The stride of a level by its name: `c3` and `p3` are 2^3 = 8 times smaller."""
    return int(2 ** int(level[1:]))
