"""`stack`: each input goes through the trunk by itself, and their maps are mixed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.fusion import FUSIONS, Fusion
from mtcli.core.fusion.rows import by_input, one_behind_the_other


@FUSIONS.add("stack")
class Stack(Fusion):
    """`f = W [x_1; …; x_K]` at each cell of a level: the inputs' maps, joined along channels.

    Eitel et al., "Multimodal Deep Learning for Robust RGB-D Object Recognition"
    (arXiv:1507.06821), join two networks so behind their last layers. Here the inputs share one
    trunk, which sees those of a batch one behind the other, and a 1×1 convolution W mixes them at
    every level. It starts as their mean, `W = [I … I] / K`. An input that a record lacks is zeros.
    """

    apart = True

    def __init__(self, inputs: Mapping[str, int], specs: Mapping[str, FeatureSpec]) -> None:
        super().__init__(inputs, specs)
        self.mix = nn.ModuleDict(
            {level: _mean_of(len(self.inputs), spec.channels) for level, spec in specs.items()}
        )

    def join(
        self, pictures: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> Tensor:
        return one_behind_the_other(self.inputs, pictures)

    def merge(
        self, maps: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> dict[str, Tensor]:
        return {
            level: mix(torch.cat(by_input(self.inputs, maps[level], rows, count), dim=1))
            for level, mix in self.mix.items()
        }


def _mean_of(inputs: int, channels: int) -> nn.Conv2d:
    mix = nn.Conv2d(inputs * channels, channels, 1, bias=False)
    with torch.no_grad():
        mix.weight.copy_((torch.eye(channels).repeat(1, inputs) / inputs)[..., None, None])
    return mix
