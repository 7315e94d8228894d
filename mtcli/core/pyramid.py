"""The shared feature pyramid on top of the trunk."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torchvision.ops import FeaturePyramidNetwork

from mtcli.core.features import FeatureSpec


class Pyramid(FeaturePyramidNetwork):  # type: ignore[misc]
    """Lin et al., "Feature Pyramid Networks for Object Detection" (arXiv:1612.03144).

    torchvision's, whose tensor names its own detection weights bear, from the finest level that
    a task reads up to `c5`.

    Args:
        specs: the trunk's maps to build on, finest first.
        channels: of every level that comes out.
    """

    def __init__(self, specs: Mapping[str, FeatureSpec], channels: int) -> None:
        super().__init__([spec.channels for spec in specs.values()], channels)
        self.sources = tuple(specs)
        self.specs = {f"p{c[1:]}": FeatureSpec(channels, s.stride) for c, s in specs.items()}

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The trunk's maps `cN` to the pyramid's maps `pN` of the same sizes."""
        merged = super().forward({level: features[level] for level in self.sources})
        return dict(zip(self.specs, merged.values(), strict=True))


def build_pyramid(
    specs: Mapping[str, FeatureSpec], levels: set[str], channels: int
) -> Pyramid | None:
    """The pyramid down to the finest of the `levels` that tasks read; None if none reads any."""
    wanted = [int(level[1:]) for level in levels if level.startswith("p")]
    if not wanted:
        return None
    used = {level: spec for level, spec in specs.items() if int(level[1:]) >= min(wanted)}
    return Pyramid(used, channels)
