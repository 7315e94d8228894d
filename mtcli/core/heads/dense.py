"""What a head that answers for every pixel is."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec


class DenseHead(nn.Module):
    """Answers for every cell of the finest level it reads.

    Class facts:
        levels: the feature maps that it reads, finest first.

    Args:
        specs: of these maps.
        outputs: K, the answer's channels.
        dropout: of whole channels, before the last layer.
    """

    levels: ClassVar[tuple[str, ...]]

    @abstractmethod
    def __init__(self, specs: Mapping[str, FeatureSpec], outputs: int, dropout: float) -> None:
        super().__init__()

    @abstractmethod
    def cells(self, features: Mapping[str, Tensor]) -> Tensor:
        """Maps `[N, C, H, W]` of the head's levels to `[N, K, H, W]` at the finest one's size."""

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> Tensor:
        """The same as `cells`; a task brings it to the size that it wants."""
        return self.cells(features)


def conv_norm_relu(
    channels: int, outputs: int, kernel: int = 3, dilation: int = 1
) -> nn.Sequential:
    """A convolution that keeps the size, GroupNorm, ReLU."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(channels, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return nn.Sequential(conv, group_norm(outputs), nn.ReLU(inplace=True))


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm of at most 32 groups."""
    # Two channels a group at least: on a map of one cell a channel alone is always normalised to 0.
    return nn.GroupNorm(min(math.gcd(channels, 32), max(1, channels // 2)), channels)


def resized(feature: Tensor, size: tuple[int, int]) -> Tensor:
    """A map `[N, C, h, w]` at another size (height, width), between the cells by lines."""
    if tuple(feature.shape[2:]) == size:
        return feature
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)
