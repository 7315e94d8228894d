"""`channels`: the inputs are the channels of one picture."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mtcli.core.fusion import FUSIONS, Fusion
from mtcli.core.fusion.rows import in_batch


@FUSIONS.add("channels")
class Channels(Fusion):
    """The inputs are joined as channels, and the trunk's first convolution sees them all.

    As Couprie et al., "Indoor Semantic Segmentation using depth information" (arXiv:1301.3572),
    join colour and depth. An input that a record lacks is zeros, which is the mean of what the
    trunk sees of it. It has no layers of its own: what is learnt is in the first convolution; see
    `mtcli.core.trunks.widen`.
    """

    apart = False

    def join(
        self, pictures: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> Tensor:
        parts = [in_batch(pictures[name], rows[name], count) for name in self.inputs]
        return torch.cat(parts, dim=1)

    def merge(
        self, maps: Mapping[str, Tensor], rows: Mapping[str, Tensor], count: int
    ) -> dict[str, Tensor]:
        return {level: maps[level] for level in self.specs}
