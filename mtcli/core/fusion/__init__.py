"""Ways for several inputs of a record to go through one trunk; one file each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.registry import Registry


class Fusion(nn.Module, ABC):
    """What stands before a trunk, and behind it for those who read its maps.

    Inputs come by name, each as the rows of the batch that have it; every row has at least one.

    Args:
        inputs: the channels of each, in the config's order: 3 of a picture, 1 of a measured map.
        specs: the maps that are merged.

    Attributes:
        apart: whether each input goes through the trunk by itself; else they are the channels of
            one picture.
    """

    apart: ClassVar[bool]

    def __init__(self, inputs: Mapping[str, int], specs: Mapping[str, FeatureSpec]) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        self.specs = dict(specs)

    @classmethod
    def channels(cls, inputs: Mapping[str, int]) -> int:
        """How many channels the trunk's first convolution sees, for inputs of so many."""
        return PICTURE_CHANNELS if cls.apart else sum(inputs.values())

    @abstractmethod
    def join(
        self, pictures: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> Tensor:
        """What goes through the trunk, `[M, channels, H, W]`.

        Args:
            pictures: of each input `[R, C, H, W]` float, normalised.
            rows: of each input its rows `[R]` int64 of the batch, ascending.
            count: N, the rows of the batch.
        """

    @abstractmethod
    def merge(
        self, maps: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> dict[str, Tensor]:
        """The maps `[M, C, h, w]` of what went through to those of the batch, `[N, C, h, w]`.

        Args:
            maps: by level, of all levels that are merged.
            rows: as `join` had them.
            count: N.
        """


FUSIONS: Registry[type[Fusion]] = Registry("way of fusion", __name__)
