"""What a config may say. Values are checked here, once; the rest of the program trusts them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
    ValidationInfo,
    model_validator,
)

from mtcli.core.options import InputPath, Options

Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[
    tuple[PositiveFloat, PositiveFloat],
    AfterValidator(lambda bounds: _ordered(bounds)),
]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound comes first, found {list(bounds)}")
    return bounds


class Flip(Options):
    """Mirror with probability `p`."""

    p: Fraction = 0.5


class ColorJitter(Options):
    """Factors drawn from 1 ± the value; `hue` is a shift, at most half a turn."""

    brightness: NonNegativeFloat = 0.0
    contrast: NonNegativeFloat = 0.0
    saturation: NonNegativeFloat = 0.0
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0


class Zoom(Options):
    """Scale about the centre by a factor from `scale`, shift by up to `shift` of each side."""

    scale: Range = (0.8, 1.25)
    shift: Fraction = 0.0


class Crop(Options):
    """With probability `p`, a window of `scale` of the area, stretched to the working size."""

    scale: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        AfterValidator(_ordered),
    ] = (0.5, 1.0)
    ratio: Range = (0.75, 1.333)
    p: Fraction = 1.0


class Augmentation(Options):
    """One step of `data.augment`; exactly one of the fields is set.

    Written as a name (`hflip`) or a name with its options (`{zoom: {scale: [0.9, 1.2]}}`).
    """

    hflip: Flip | None = None
    vflip: Flip | None = None
    color_jitter: ColorJitter | None = None
    zoom: Zoom | None = None
    crop: Crop | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {value: {}} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_step(self) -> Augmentation:
        if len(self.model_fields_set) != 1:
            raise ValueError("expected one step, such as hflip or {zoom: {scale: [0.9, 1.2]}}")
        return self

    @property
    def step(self) -> Flip | ColorJitter | Zoom | Crop:
        """The options of the one step that is set."""
        step: Flip | ColorJitter | Zoom | Crop = getattr(self, self.name)
        return step

    @property
    def name(self) -> str:
        """Which step it is."""
        return next(iter(self.model_fields_set))


class SplitColumn(Options):
    """Splits as a column of a CSV file: `key` holds the picture's name, `column` its split."""

    csv: InputPath
    key: str
    column: str


class DataConfig(Options):
    """Where the pictures are and how they reach the network."""

    images: InputPath
    splits: SplitColumn | dict[str, InputPath]
    size: tuple[PositiveInt, PositiveInt]
    resize: Literal["stretch", "letterbox"] = "stretch"
    augment: tuple[Augmentation, ...] = ()
    verify: Literal["full", "none"] = "full"
    on_bad_image: Literal["fail", "skip"] = "fail"
    workers: Literal["auto"] | NonNegativeInt = "auto"

    @model_validator(mode="before")
    @classmethod
    def _which_splits(cls, value: Any, info: ValidationInfo) -> Any:
        """Decide between a CSV column and list files, so that messages speak of one only."""
        if isinstance(value, dict) and isinstance(value.get("splits"), dict):
            splits = value["splits"]
            if "csv" in splits:
                checked = SplitColumn.model_validate(splits, context=info.context)
                return {**value, "splits": checked}
        return value


def _weights_path(weights: str, info: ValidationInfo) -> str:
    if weights.startswith("package:"):
        return weights
    base: Path = (info.context or {}).get("base", Path.cwd())
    return str(base / Path(weights).expanduser())


class ModelConfig(Options):
    """The shared network.

    `weights` is a file (`.safetensors`, `.pth`) or `package:NAME`; `pyramid` is the number of
    channels of the shared FPN.
    """

    trunk: str
    weights: Annotated[str, AfterValidator(_weights_path)] | None = None
    pyramid: PositiveInt = 128
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0


class TrainConfig(Options):
    """How the network learns.

    `pretrained_lr` multiplies the learning rate of parts that start from published weights;
    `warmup` is in epochs; `ema` is the decay of the weight average, null for none; `patience` is
    how many epochs without a better `best` end the training early; `best` is `score` (the mean
    of the tasks' scores) or `TASK.METRIC`.
    """

    epochs: PositiveInt = 20
    batch_size: PositiveInt = 16
    accumulate: PositiveInt = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: PositiveFloat = 1e-3
    pretrained_lr: PositiveFloat = 0.5
    momentum: Fraction = 0.9
    weight_decay: NonNegativeFloat = 0.05
    warmup: NonNegativeFloat = 1.0
    clip: PositiveFloat | None = 10.0
    ema: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    patience: PositiveInt | None = None
    best: str = "score"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"


class TaskConfig(Options):
    """One task: its kind, where its labels are, its weight in the loss, the kind's own options."""

    kind: str
    reader: str
    labels: SerializeAsAny[Options]
    weight: PositiveFloat = 1.0
    options: SerializeAsAny[Options]


class Config(Options):
    """A whole config, every path absolute."""

    data: DataConfig
    tasks: dict[str, TaskConfig]
    model: ModelConfig
    train: TrainConfig = TrainConfig()


TASK_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
"""Task names become part of tensor names and of file names."""
