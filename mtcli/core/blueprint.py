"""What a network is built from, beside its tasks: plain values that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAIN = ""
"""The key of the trunk that tasks share unless they name another."""

OF_STREAMS = ("trunks", "pyramids", "sharing", "fusions")
"""Where the parts are that tasks may each have for themselves."""


@dataclass(frozen=True, slots=True)
class SideTrunk:
    """A trunk beside the main one: its name, and its probability of dropping a branch."""

    trunk: str
    drop_path: float = 0.0


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is built from, beside its tasks.

    Attributes:
        trunk: the main one's name.
        pyramid: channels of the shared pyramid.
        drop_path: probability of dropping a residual branch of the trunk, in training.
        pyramid_norm: `batch` for a BatchNorm behind each of the pyramid's convolutions.
        pyramid_top: the map that `p6` is made from, `p5` or `c5`.
        trunks: those beside the main one, by key.
        uses: the key of the trunk of each task that does not use the main one.
        sharing: how the tasks of the main trunk share it.
        branch_at: the last map that `branch` shares.
        fusion: how several inputs go through the trunks.
        inputs: the channels of each input by its name, where there are several.
        ties: modules or tensors that are one and the same, by their paths.
    """

    trunk: str
    pyramid: int
    drop_path: float
    pyramid_norm: str | None = None
    pyramid_top: str = "p5"
    trunks: Mapping[str, SideTrunk] = field(default_factory=dict)
    uses: Mapping[str, str] = field(default_factory=dict)
    sharing: str = "hard"
    branch_at: str | None = None
    fusion: str | None = None
    inputs: Mapping[str, int] = field(default_factory=dict)
    ties: tuple[tuple[str, ...], ...] = ()
