"""`gated`: each input goes through the trunk by itself, and their maps are weighed."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.fusion import FUSIONS, Fusion
from mtcli.core.fusion.rows import by_input, one_behind_the_other


@FUSIONS.add("gated")
class Gated(Fusion):
    """Arevalo et al., "Gated Multimodal Units for Information Fusion" (arXiv:1702.01992).

    Their unit weighs two inputs by what both of them show:

        h_k = tanh(W_k x_k),   z = σ(W_z [x_1; x_2]),   h = z h_1 + (1 - z) h_2

    At each cell of a level it is here

        z = softmax over the inputs that are there of W_z [x_1; …; x_K] + b,   h = Σ_k z_k x_k

    It departs from them in these points:

    - a softmax, which for two inputs is their σ, takes the place of a σ for each of more inputs:
      so the weights always make 1, also where a record lacks an input;
    - the h_k are the trunk's maps themselves, whose numbers pyramid and heads were made for;
    - one weight stands for all channels of a cell, theirs is a weight for each;
    - `W_z` and `b` start at zero: the weights are even.

    The inputs share one trunk, which sees those of a batch one behind the other. To `W_z` an input
    that a record lacks is zeros.
    """

    apart = True

    def __init__(self, inputs: Mapping[str, int], specs: Mapping[str, FeatureSpec]) -> None:
        super().__init__(inputs, specs)
        self.gate = nn.ModuleDict(
            {level: _even(len(self.inputs), spec.channels) for level, spec in specs.items()}
        )

    def join(
        self, pictures: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> Tensor:
        return one_behind_the_other(self.inputs, pictures)

    def merge(
        self, maps: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> dict[str, Tensor]:
        merged = {}
        for level, gate in self.gate.items():
            own = by_input(self.inputs, maps[level], rows, count)
            lacking = _lacking([rows[name] for name in self.inputs], count)
            said = gate(torch.cat(own, dim=1)).masked_fill(lacking[..., None, None], -torch.inf)
            weights = said.softmax(dim=1).to(own[0].dtype)
            merged[level] = sum(
                (weights[:, k : k + 1] * x for k, x in enumerate(own[1:], start=1)),
                start=weights[:, :1] * own[0],
            )
        return merged


def _even(inputs: int, channels: int) -> nn.Conv2d:
    gate = nn.Conv2d(inputs * channels, inputs, 1)
    nn.init.zeros_(gate.weight)
    assert gate.bias is not None
    nn.init.zeros_(gate.bias)
    return gate


def _lacking(rows: list[Tensor], count: int) -> Tensor:
    """Which input each row of the batch lacks, `[N, K]` bool."""
    lacking = torch.ones(count, len(rows), dtype=torch.bool, device=rows[0].device)
    for place, own in enumerate(rows):
        lacking[:, place].index_fill_(0, own, False)
    return lacking
