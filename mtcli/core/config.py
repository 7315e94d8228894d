"""What a config may say. Values are checked here, once; the rest of the program trusts them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SerializeAsAny,
    Tag,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from mtcli.core.options import ClassNames, InputPath, Options

Fraction = Annotated[float, Field(ge=0, le=1)]
Range = Annotated[
    tuple[PositiveFloat, PositiveFloat],
    AfterValidator(lambda bounds: _ordered(bounds)),
]


def _whole(fractions: dict[str, float]) -> dict[str, float]:
    if abs(sum(fractions.values()) - 1) > 1e-6:
        raise ValueError(f"fractions that make 1 together, found {sum(fractions.values()):g}")
    return fractions


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError(f"the lower bound comes first, found {list(bounds)}")
    return bounds


def _with_options(value: Any, none: Mapping[str, Any]) -> Any:
    """A name alone, or one without options, as a name with none; `none` says which are no dict."""
    if isinstance(value, str):
        value = {value: None}
    if isinstance(value, dict):
        return {k: none.get(k, {}) if inner is None else inner for k, inner in value.items()}
    return value


class Flip(Options):
    """Mirror the picture: `hflip` left to right, `vflip` top to bottom."""

    p: Fraction = 0.5
    """Probability."""


class ColorJitter(Options):
    """Change the colours by random factors, each drawn from 1 ± the value."""

    brightness: NonNegativeFloat = 0.0
    """Of the pixel values."""
    contrast: NonNegativeFloat = 0.0
    """Of their distance from the mean grey."""
    saturation: NonNegativeFloat = 0.0
    """Of their distance from their own grey."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """The largest shift of the hue, as a share of the colour circle."""


class Zoom(Options):
    """Scale the picture about its centre and shift it; what becomes free is grey."""

    scale: Range = (0.8, 1.25)
    """The factor is drawn from this range; above 1 things get larger."""
    shift: Fraction = 0.0
    """The largest shift, as a share of each side."""
    p: Fraction = 1.0
    """Probability; a picture that was cut off loses labels that no longer hold, such as a count."""


class Crop(Options):
    """Cut out a random window and stretch it to the working size."""

    scale: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        AfterValidator(_ordered),
    ] = (0.5, 1.0)
    """The window's area, as a share of the input's."""
    ratio: Range = (0.75, 1.333)
    """The window's width to its height."""
    p: Fraction = 1.0
    """Probability."""


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
        return _with_options(value, {})

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
    """Splits as a column of a CSV file."""

    csv: InputPath
    """The file."""
    key: str
    """The column with the picture's name."""
    column: str
    """The column with the name of its split."""


class DrawnSplits(Options):
    """Splits drawn from all pictures below the images folder."""

    fractions: Annotated[dict[str, PositiveFloat], AfterValidator(_whole)]
    """For each split its share of the pictures; together 1."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the draw, which depends on the pictures' names and on nothing else of the machine."""
    stratify: str | None = None
    """A task by whose classes, or numbers, each split is a likeness of the whole."""
    made: InputPath | None = None
    """What a run writes beside its config: a CSV file of what was drawn, which then holds."""


class GroupColumn(Options):
    """Pictures that belong together (of one patient, one video) as a column of a CSV file."""

    csv: InputPath
    """The file."""
    key: str = "image"
    """The column with the picture's name."""
    column: str
    """The column with the name of its group; empty: the picture stands alone."""


class Folds(Options):
    """One fold of a cross-validation: `train --folds` writes this into its runs' configs."""

    csv: InputPath
    """Which picture is in which fold: the columns image and fold."""
    fold: PositiveInt
    """The fold that is held out: it is `val`, and all others are `train`."""


class ImageArrays(Options):
    """Pictures as the rows of an array, `[N, H, W]` or `[N, H, W, 3]`, named by their numbers."""

    arrays: InputPath
    """An `.npy`, `.npz` or IDX file; `{split}` in its path or key stands for the split."""
    key: str | None = None
    """Which array of an `.npz`."""


Images = Annotated[
    Annotated[ImageArrays, Tag("<arrays>")] | Annotated[InputPath, Tag("<folder>")],
    Discriminator(lambda value: "<arrays>" if _has(value, ImageArrays, "arrays") else "<folder>"),
]
Splits = Annotated[
    Annotated[SplitColumn, Tag("<column>")]
    | Annotated[DrawnSplits, Tag("<fractions>")]
    | Annotated[dict[str, InputPath], Tag("<lists>")]
    | Annotated[tuple[str, ...], Tag("<names>")],
    Discriminator(lambda value: _sort_of_splits(value)),
]


def _has(value: object, model: type[Options], key: str) -> bool:
    """Whether a value is, or is about to become, a `model`, which alone has this key."""
    return isinstance(value, model) or (isinstance(value, dict) and key in value)


def _sort_of_splits(value: object) -> str:
    if _has(value, SplitColumn, "csv"):
        return "<column>"
    if _has(value, DrawnSplits, "fractions"):
        return "<fractions>"
    return "<names>" if isinstance(value, list | tuple) else "<lists>"


class DataConfig(Options):
    """Where the pictures are and how they reach the network."""

    images: Images | None = None
    """The folder that pictures are named from, or `{arrays: FILE, key: …}`; each task may bring
    its own."""
    splits: Splits | None = None
    """For each split a file with a name a line, or a folder all of whose pictures belong to it;
    or `{csv: …, key: …, column: …}`; or, for arrays, the names of the splits; or
    `{fractions: {train: 0.8, val: 0.2}, seed: 0, stratify: TASK}` to have them drawn. Each task may
    bring its own, but for those that are drawn."""
    group: GroupColumn | None = None
    """`{csv: …, key: …, column: …}`: pictures of one group are never divided among splits that
    are drawn, or among folds."""
    folds: Folds | None = None
    """Which fold of a cross-validation this is; `train --folds` writes it."""
    size: tuple[PositiveInt, PositiveInt]
    """Height and width of the network's input, in multiples of the trunk's largest stride."""
    resize: Literal["stretch", "letterbox"] = "stretch"
    """How pictures get there: distorted, or with grey beside them."""
    augment: tuple[Augmentation, ...] = ()
    """Random changes of training pictures and their labels, in this order."""
    verify: Literal["full", "none"] = "full"
    """Whether every picture is decoded once before training, or only its header read."""
    on_bad_image: Literal["fail", "skip"] = "fail"
    """What becomes of a picture that the look before training cannot read."""
    workers: Literal["auto"] | NonNegativeInt = "auto"
    """Loader processes; 0 loads in the training's own."""
    _stratify_by: TaskConfig | None = PrivateAttr(None)

    @property
    def stratify_by(self) -> TaskConfig | None:
        """The task that `splits.stratify` names, also where it is none of the run's."""
        return self._stratify_by

    def stratified_by(self, task: TaskConfig) -> DataConfig:
        """The same, knowing the task that `splits.stratify` names."""
        changed = self.model_copy()
        changed._stratify_by = task
        return changed


def _weights_path(weights: str, info: ValidationInfo) -> str:
    if weights.startswith("package:"):
        return weights
    base: Path = (info.context or {}).get("base", Path.cwd())
    return str(base / Path(weights).expanduser())


class ModelConfig(Options):
    """The shared network."""

    trunk: str
    """`tiny`, or any network of timm that gives feature maps, `resnet18` for example."""
    weights: Annotated[str, AfterValidator(_weights_path)] | None = None
    """What the trunk starts from: a file (`.safetensors`, `.pth`), or `package:NAME`."""
    pyramid: PositiveInt = 128
    """Channels of the shared feature pyramid."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability of dropping a residual branch of the trunk, where it has that."""


class Alone(Options):
    """A policy without options."""


class Temperature(Options):
    """A task with n labelled pictures has min(n, cap) ^ (1 / T) of the batches."""

    T: PositiveFloat = 2.0
    """1 is proportional to the labels; the larger, the more alike all tasks are."""
    cap: PositiveInt | None = None
    """Labels beyond this number do not count."""


class StageConfig(Options):
    """One stage of `sequential`."""

    tasks: Annotated[ClassNames, Field(min_length=1)]
    """The tasks that learn; others keep their heads as they are."""
    epochs: PositiveInt
    """How long it lasts."""
    freeze: tuple[str, ...] = ()
    """Parts of the network that stay as they are: `trunk`, `pyramid`, `heads.NAME`, or the names
    of tensors, with `*` for any text."""
    mixing: MixingConfig = Field(default_factory=lambda: MixingConfig(joint=Alone()))
    """Of the stage's tasks: any policy but `sequential`."""

    @field_validator("mixing")
    @classmethod
    def _one_level(cls, value: MixingConfig) -> MixingConfig:
        if value.sequential is not None:
            raise ValueError("any policy but sequential, within a stage")
        return value


class MixingConfig(Options):
    """How pictures are drawn; exactly one of the fields is set.

    Written as a name (`uniform`) or a name with its options (`{temperature: {T: 3}}`).
    """

    joint: Alone | None = None
    """Every picture once an epoch, with all the labels that it carries."""
    proportional: Alone | None = None
    """Batches of one task each; a task has as many as it has labelled pictures."""
    uniform: Alone | None = None
    """The same, each task as many as any other, in an order that is drawn."""
    temperature: Temperature | None = None
    """The same, something between `proportional` and `uniform`."""
    ratios: dict[str, PositiveFloat] | None = None
    """The same, `{ratios: {cls: 1, det: 3}}`: det has three batches for one of cls."""
    round_robin: Alone | None = None
    """The same, the tasks in a circle."""
    sequential: Annotated[tuple[StageConfig, ...], Field(min_length=1)] | None = None
    """A list of stages, `{tasks: [det], epochs: 5, freeze: [trunk], mixing: joint}` each."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return _with_options(value, {"ratios": {}, "sequential": []})

    @model_validator(mode="after")
    def _one_policy(self) -> MixingConfig:
        if len(self.model_fields_set) != 1:
            raise ValueError("one policy, such as uniform or {temperature: {T: 3}}")
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        return {self.name: getattr(self, self.name)}

    @property
    def name(self) -> str:
        """Which policy it is."""
        return next(iter(self.model_fields_set))


class TrainConfig(Options):
    """How the network learns."""

    epochs: PositiveInt = 20
    """How many; with stages, the sum of theirs."""
    epoch_length: Literal["shortest", "longest"] | PositiveInt | None = None
    """Updates of the weights in an epoch; or `shortest`: until the first task has seen all its
    pictures, `longest`: until all have. Null: as many as the pictures of all tasks make."""
    mixing: MixingConfig = Field(default_factory=lambda: MixingConfig(joint=Alone()))
    """How pictures are drawn; see `train.mixing`."""
    balanced: ClassNames = ()
    """Tasks whose classes are drawn equally often; with `joint` one."""
    batch_size: PositiveInt = 16
    """Pictures that go through the network at once."""
    accumulate: PositiveInt = 1
    """Batches to one update of the weights: the update is that of one large batch."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with Nesterov's momentum."""
    lr: PositiveFloat = 1e-3
    """The highest learning rate; it falls to 0 along half a cosine."""
    pretrained_lr: PositiveFloat = 0.5
    """Factor on the learning rate of a trunk that starts from `model.weights`."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Of SGD."""
    weight_decay: NonNegativeFloat = 0.05
    """On weights; norms and biases have none."""
    warmup: NonNegativeFloat = 1.0
    """Epochs in which the learning rate rises."""
    clip: PositiveFloat | None = 10.0
    """The largest norm of the gradient, or null."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    """Decay of the average of the weights that is validated and saved; null: no average."""
    patience: PositiveInt | None = None
    """Epochs without a better `best` that end the training early."""
    best: str = "score"
    """What chooses the best epoch: `score`, the mean of the tasks' scores, or `TASK.METRIC`."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of first weights, order, augmentation and dropout."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """`auto`, `cpu`, `cuda` or `cuda:1`."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """The number format of the network; `auto` is fp32 on a CPU, bf16 where a GPU has it."""

    @model_validator(mode="before")
    @classmethod
    def _epochs_of_stages(cls, value: Any) -> Any:
        """Stages say how long a training is, where `epochs` does not."""
        if not isinstance(value, dict) or value.get("epochs") is not None:
            return value
        mixing = value.get("mixing")
        stages = mixing.get("sequential") if isinstance(mixing, dict) else None
        if not isinstance(stages, list | tuple):
            return value
        lasting = [stage.get("epochs") for stage in stages if isinstance(stage, dict)]
        if not lasting or not all(isinstance(epochs, int) for epochs in lasting):
            return value  # what is wrong with them is said where they stand
        return {**value, "epochs": sum(lasting)}

    @model_validator(mode="after")
    def _as_long_as_stages(self) -> TrainConfig:
        stages = self.mixing.sequential
        if stages is not None and self.epochs != (total := sum(s.epochs for s in stages)):
            raise ValueError(f"epochs: {total}, which the stages are together, or no epochs")
        return self


class LabelSource(Options):
    """One place that a task's labels come from."""

    reader: str
    options: SerializeAsAny[Options]
    labelled_classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    names_from: InputPath | None = None


class TaskConfig(Options):
    """One task: its kind, where its labels and pictures are, its weight, the kind's own options.

    A task without `images` or `splits` of its own has those of `data`.
    """

    kind: str
    labels: tuple[LabelSource, ...]
    weight: PositiveFloat = 1.0
    images: Images | None = None
    splits: Splits | None = None
    options: SerializeAsAny[Options]


class Config(Options):
    """A whole config, every path absolute."""

    data: DataConfig
    tasks: dict[str, TaskConfig]
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    plugins: tuple[str, ...] = ()


TASK_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
"""Task names become part of tensor names and of file names."""
