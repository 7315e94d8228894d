"""The shared feature pyramid on top of the trunk."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from mtcli.core.features import FeatureSpec

NORMS: dict[str | None, type[nn.Module] | None] = {None: None, "batch": nn.BatchNorm2d}
"""What may stand behind each of a pyramid's convolutions, by its name in a config."""

TOPS = ("p5", "c5")
"""The maps that a pyramid's coarser levels may be made from."""


class Pyramid(FeaturePyramidNetwork):  # type: ignore[misc]
    """Lin et al., "Feature Pyramid Networks for Object Detection" (arXiv:1612.03144).

    torchvision's, whose tensor names its own detection weights bear, from the finest level that
    a task reads up to `c5`; where asked for two coarser levels follow, as RetinaNet has them (Lin
    et al., arXiv:1708.02002, section 4): each is a 3×3 convolution of stride 2, `p7`'s behind a
    ReLU.

    Args:
        specs: the trunk's maps to build on, finest first, `c5` last.
        channels: of every level that comes out.
        norm: a name of `NORMS`.
        top: the map that `p6` is made from, `c5` or `p5`; None: neither `p6` nor `p7`.
    """

    def __init__(
        self,
        specs: Mapping[str, FeatureSpec],
        channels: int,
        norm: str | None = None,
        top: str | None = None,
    ) -> None:
        coarser = None
        if top is not None:
            inputs = specs["c5"].channels if top == "c5" else channels
            coarser = LastLevelP6P7(inputs, channels)
            # torchvision tells the two by their channels, which may be equal.
            coarser.use_P5 = top == "p5"
        super().__init__([s.channels for s in specs.values()], channels, coarser, NORMS[norm])
        self.sources = tuple(specs)
        self.specs = {f"p{c[1:]}": FeatureSpec(channels, s.stride) for c, s in specs.items()}
        if top is not None:
            for level, times in (("p6", 2), ("p7", 4)):
                self.specs[level] = FeatureSpec(channels, times * specs["c5"].stride)

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The trunk's maps `cN` to the pyramid's maps `pN` of the same sizes, `p6` and `p7`."""
        merged = super().forward({level: features[level] for level in self.sources})
        return dict(zip(self.specs, merged.values(), strict=True))


def build_pyramid(
    specs: Mapping[str, FeatureSpec],
    levels: set[str],
    channels: int,
    norm: str | None = None,
    top: str = "p5",
) -> Pyramid | None:
    """The pyramid down to the finest of the `levels` that tasks read; None if none reads any.

    `p6` and `p7` are there together, where a task reads one of them; else `top` means nothing.
    """
    wanted = [int(level[1:]) for level in levels if level.startswith("p")]
    if not wanted:
        return None
    finest = min(*wanted, 5)
    used = {level: spec for level, spec in specs.items() if int(level[1:]) >= finest}
    return Pyramid(used, channels, norm, top if max(wanted) > 5 else None)
