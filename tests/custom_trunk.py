"""A trunk as a user writes one: four stages with BatchNorm."""

from __future__ import annotations

from torch import Tensor, nn


class SmallTrunk(nn.Module):
    """A stem of stride 2, then a convolution of stride 2 for each level."""

    channels = {"c2": 16, "c3": 24, "c4": 32, "c5": 48}
    mean = (0.485, 0.456, 0.406)
    std = (0.229, 0.224, 0.225)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _down(3, 16)
        self.stages = nn.ModuleDict()
        before = 16
        for level, channels in self.channels.items():
            self.stages[level] = _down(before, channels)
            before = channels

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        maps = {}
        for level, stage in self.stages.items():
            x = maps[level] = stage(x)
        return maps


def _down(before: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.SiLU(),
    )
