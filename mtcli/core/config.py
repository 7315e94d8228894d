"""What a config may say. Values are checked here, once; the rest of the program trusts them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from mtcli.core.configaugment import Augmentation
from mtcli.core.configinputs import Inputs, Share, first_place
from mtcli.core.configlayers import SharedLayer
from mtcli.core.configmixing import Alone, MixingConfig, StageConfig
from mtcli.core.configmodel import ModelConfig, Weights
from mtcli.core.configsplits import Folds, GroupColumn, ImageArrays, Images, Splits
from mtcli.core.options import ClassNames, InputPath, Options


class DataConfig(Options):
    """Where the pictures are and how they reach the network."""

    images: Images | None = None
    """The folder that pictures are named from, or `{arrays: FILE, key: …}`; each task may bring
    its own."""
    inputs: Inputs | None = None
    """Instead of `images`, several inputs by names of your own, `{rgb: images, depth: depth}`: the
    first names the pictures, of the others files of the same name but for its ending belong to
    them. See `data.inputs`."""
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
    _drawn: Mapping[str, str] | None = PrivateAttr(None)

    @property
    def pictures(self) -> Path | ImageArrays | None:
        """Where the pictures are that records are named from."""
        return self.images if self.inputs is None else first_place(self.inputs)

    @property
    def stratify_by(self) -> TaskConfig | None:
        """The task that `splits.stratify` names, also where it is none of the run's."""
        return self._stratify_by

    def stratified_by(self, task: TaskConfig) -> DataConfig:
        """The same, knowing the task that `splits.stratify` names."""
        changed = self.model_copy()
        changed._stratify_by = task
        return changed

    @property
    def drawn(self) -> Mapping[str, str] | None:
        """The split of each picture, where it was drawn before and is to stay."""
        return self._drawn

    def known_as(self, drawn: Mapping[str, str]) -> DataConfig:
        """The same, knowing which picture is in which split."""
        changed = self.model_copy()
        changed._drawn = drawn
        return changed


class TrainConfig(Options):
    """How the network learns."""

    epochs: PositiveInt = 20
    """How many; with stages, the sum of theirs."""
    epoch_length: Literal["shortest", "longest"] | PositiveInt | None = None
    """Updates of the weights in an epoch; or `shortest`: until the first task has seen all its
    pictures (not with `joint`), `longest`: until all have. Null: as many as the pictures of all
    tasks make."""
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
    """Factor on the learning rate of a trunk that starts from weights."""
    lr_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor on the learning rate from each layer of the trunk to the one before it."""
    freeze: ClassNames = ()
    """Parts that stay as they are: `conv` (what trunk and pyramid started with), `trunk`,
    `pyramid`, `heads`, `heads.TASK`, `fc`, `bn`; where tasks have parts of their own, `trunks`,
    `trunks.TASK`, `pyramids.TASK`, `sharing`, `fusion`; or names of tensors with `*` for any
    text."""
    unfreeze: dict[str, Annotated[int, Field(ge=2)]] = Field(default_factory=dict)
    """Parts that learn from an epoch on, although `freeze` holds them: `{trunk: 5}`."""
    cache_features: bool = False
    """Whether a trunk that is frozen throughout runs once a picture, its maps kept on disk;
    pictures are then not changed at random."""
    input_dropout: Share | dict[str, Share] = 0.0
    """Of several inputs, the probability that one of a picture is left out; or `{depth: 0.3}`, for
    some of them. One always stays."""
    distill: NonNegativeFloat = 0.0
    """Weight of staying near the maps of the network that a transfer starts from, for its tasks."""
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
    """Epochs without a better `best` that end the training early; with stages, epochs of the last
    one, since others are to be followed by what was planned."""
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
        if not isinstance(stages, list | tuple) or not stages:
            return value
        try:
            lasting = [StageConfig.model_validate(stage).epochs for stage in stages]
        except ValidationError:
            return value  # what is wrong with them is said where they stand
        return {**value, "epochs": sum(lasting)}

    @property
    def last_stage(self) -> int:
        """The first epoch of the last stage; 1 without stages."""
        stages = self.mixing.sequential
        return 1 if stages is None else self.epochs - stages[-1].epochs + 1


class LabelSource(Options):
    """One place that a task's labels come from."""

    reader: str
    options: SerializeAsAny[Options]
    labelled_classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    names_from: InputPath | None = None


class TaskConfig(Options):
    """One task: its kind, where its labels and pictures are, its weight, the kind's own options.

    A task without `images`, `inputs` or `splits` of its own has those of `data`.
    """

    kind: str
    labels: tuple[LabelSource, ...]
    weight: PositiveFloat = 1.0
    images: Images | None = None
    inputs: Inputs | None = None
    splits: Splits | None = None
    trunk: str | None = None
    shared_fc: SharedLayer | None = None
    options: SerializeAsAny[Options]

    @property
    def pictures(self) -> Path | ImageArrays | None:
        """As of `data`, where it has its own."""
        return self.images if self.inputs is None else first_place(self.inputs)


class TransferConfig(Options):
    """Weights to start from; `mtcli transfer` writes this."""

    origin: dict[str, Weights]
    """Runs, checkpoints or weight files; each by the task whose head it brings, or `all`."""
    parts: ClassNames = ("all",)
    """What is taken: `conv`, `trunk`, `pyramid`, `fc`, `heads`, `heads.TASK`, `all`, or names of
    tensors with `*` for any text."""
    map: dict[str, str] = Field(default_factory=dict)
    """Tasks of the origin by other names: `{old: new}`."""
    merge: Literal["average"] | None = None
    """What becomes of the trunks of several origins."""
    strict: bool = False
    """Whether a tensor that stays fresh, or is left behind, is an error where nothing asked for
    it."""
    named: ClassNames = ()
    """Tasks that were asked for by name: that they are new, or others left out, is no error."""
    keep: ClassNames = ()
    """Tasks that the origin knows, and that stay as it knows them: their classes and other
    facts."""


class Config(Options):
    """A whole config, every path absolute."""

    data: DataConfig
    tasks: dict[str, TaskConfig]
    model: ModelConfig
    train: TrainConfig = TrainConfig()
    transfer: TransferConfig | None = None
    plugins: tuple[str, ...] = ()


TASK_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*$")
"""Task names become part of tensor names and of file names."""

RESERVED = {
    "all": "all tasks of the network that a transfer starts from",
    "distill": "the loss that train.distill adds",
}
"""What no task can be called, and what each of these words means already."""
