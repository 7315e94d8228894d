"""`tiny`: a small residual trunk without BatchNorm, for tests and the sample data."""

from __future__ import annotations

from torch import Tensor, nn

from mtcli.core.errors import ConfigError
from mtcli.core.features import FeatureSpec
from mtcli.core.trunks import FAMILIES, Trunk, TrunkFamily

CHANNELS = {"c2": 32, "c3": 64, "c4": 96, "c5": 128}


class Block(nn.Module):
    """Two 3×3 convolutions with GroupNorm, added to the input.

    A block starts as the identity (Goyal et al., arXiv:1706.02677, section 5.1): without it,
    four GroupNorms in a row keep what differs between pictures from the last map for long.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(8, channels)
        nn.init.zeros_(self.norm2.weight)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.act(self.norm1(self.conv1(x)))
        added: Tensor = self.act(x + self.norm2(self.conv2(inner)))
        return added


class Tiny(nn.Module):
    """A stem of stride 2, then four stages that halve the map and refine it by one block."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _down(3, 16)
        self.stages = nn.ModuleDict()
        channels = 16
        for level, wider in CHANNELS.items():
            self.stages[level] = nn.Sequential(_down(channels, wider), Block(wider))
            channels = wider

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures `[N, 3, H, W]` to maps of `CHANNELS`."""
        x = self.stem(x)
        maps = {}
        for level, stage in self.stages.items():
            x = maps[level] = stage(x)
        return maps


def _down(channels: int, wider: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False),
        nn.GroupNorm(8, wider),
        nn.ReLU(inplace=True),
    )


def _extract(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    maps: dict[str, Tensor] = module(x)
    return maps


class TinyFamily(TrunkFamily):
    """The one trunk of this file."""

    def names(self) -> list[str]:
        return ["tiny"]

    def build(self, name: str, drop_path: float) -> Trunk:
        if drop_path:
            raise ConfigError("model.drop_path: tiny has no drop path", mend="leave it out")
        specs = {level: FeatureSpec(n, 2 ** int(level[1:])) for level, n in CHANNELS.items()}
        return Trunk(Tiny(), specs, _extract, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


FAMILIES.add("tiny")(TinyFamily())
