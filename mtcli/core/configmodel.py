"""What a config may say of the shared network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, PrivateAttr, ValidationInfo

from mtcli.core.configlayers import Ties
from mtcli.core.options import Options


def _weights_path(weights: str, info: ValidationInfo) -> str:
    if weights == "imagenet" or weights.startswith("package:"):
        return weights
    base: Path = (info.context or {}).get("base", Path.cwd())
    return str(base / Path(weights).expanduser())


Weights = Annotated[str, AfterValidator(_weights_path)]
DropPath = Annotated[float, Field(ge=0, lt=1)]


class TrunkConfig(Options):
    """A trunk beside the main one."""

    trunk: str
    """As `model.trunk`."""
    weights: Weights | None = None
    """As `model.weights`."""
    lr: PositiveFloat | None = None
    """As `model.lr`."""
    drop_path: DropPath = 0.0
    """As `model.drop_path`."""


class ModelConfig(Options):
    """The shared network."""

    trunk: str
    """`tiny`, any network of timm that gives feature maps, `resnet18` for example, or a class of
    your own: `my_package.trunks:MyTrunk`."""
    weights: Weights | None = None
    """What the trunk starts from: a file (`.safetensors`, `.pth`), another run, `package:NAME`, or
    `imagenet`, which is downloaded."""
    lr: PositiveFloat | None = None
    """Factor on the learning rate of the trunk; null: `train.pretrained_lr` where it starts from
    weights, else 1."""
    pyramid: PositiveInt = 128
    """Channels of the shared feature pyramid."""
    pyramid_norm: Literal["batch"] | None = None
    """`batch`: a BatchNorm behind each convolution of the pyramid."""
    pyramid_top: Literal["p5", "c5"] = "p5"
    """What the levels above p5, where a task reads them, are made from."""
    drop_path: DropPath = 0.0
    """Probability of dropping a residual branch of the trunk, where it has that."""
    sharing: str = "hard"
    """How the tasks of the main trunk share it: `hard` (all of it), `branch`, `cross_stitch`,
    `mtan`, or `none`."""
    branch_at: Literal["c2", "c3", "c4", "c5"] | None = None
    """The last map that `branch` shares; null: `c4`."""
    fusion: str | None = None
    """How the several inputs of `data.inputs` go through one trunk: `channels`, `stack` or
    `gated`."""
    tie: Ties = ()
    """Parts of the network whose parameters are one and the same, by their paths:
    `[heads.a.tower, heads.b.tower]`, or several such lists."""
    trunks: dict[str, TrunkConfig] = Field(default_factory=dict)
    """Trunks beside this one by a name of your own, which `tasks.NAME.trunk` says."""
    _passed_over: tuple[str, ...] = PrivateAttr(())

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The paths of ties that belong to tasks which are none of the run's."""
        return self._passed_over

    def with_ties(self, ties: Ties, passed_over: tuple[str, ...]) -> ModelConfig:
        """The same with the ties of some tasks, knowing what else was to be tied."""
        changed = self.model_copy(update={"tie": ties})
        changed._passed_over = passed_over
        return changed
