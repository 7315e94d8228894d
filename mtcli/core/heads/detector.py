"""What a head that finds boxes is: its layers, how it is taught, and what it answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from mtcli.core.features import FeatureSpec


@dataclass(frozen=True, slots=True)
class Truth:
    """What one picture teaches.

    Attributes:
        boxes: `[B, 4]` xyxy, input pixels.
        labels: `[B]` int64 class numbers.
        looked_for: `[K]` bool, the classes whose absence means something.
    """

    boxes: Tensor
    labels: Tensor
    looked_for: Tensor


class Detector(ABC):
    """A way to find boxes on levels of the pyramid.

    Class facts:
        partial: whether it can be taught where only some classes were looked for.
        depth: convolutions of its towers, where a config does not say.
        samples: whether it draws at random what it is taught with, so that the losses of batches
            do not add up to exactly the large batch's.
        pools: whether it cuts boxes out of the level that suits their size, which levels with a
            gap between them break.

    Args:
        classes: K.
        levels: that it reads, finest first.
        depth: convolutions of its towers.
        dropout: of whole channels, before the last layers.
    """

    partial: ClassVar[bool]
    depth: ClassVar[int]
    samples: ClassVar[bool] = False
    pools: ClassVar[bool] = False

    @abstractmethod
    def __init__(self, classes: int, levels: Sequence[str], depth: int, dropout: float) -> None:
        """Nothing is built yet."""

    @abstractmethod
    def layers(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        """The module whose `forward(features, targets=None)` gives the raw answer."""

    @abstractmethod
    def collate(self, truth: Sequence[Truth], size: tuple[int, int]) -> Any:
        """What the loss needs of a batch; `size` is the input's height, width."""

    @abstractmethod
    def counts(self, batch: Any) -> dict[str, Tensor]:
        """See `Task.counts`."""

    @abstractmethod
    def loss(self, raw: Any, batch: Any, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Task.loss`."""

    @abstractmethod
    def scored(self, raw: Any) -> tuple[Tensor, Tensor]:
        """Scores `[N, P, K]` in [0, 1] of P places, and their boxes in input pixels.

        Boxes are xyxy, `[N, P, 4]` where all classes share them, else `[N, P, K, 4]`.
        """
