"""What a recipe tells of its progress; the console draws these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mtcli.core.prediction.events import Predicted, PredictionEnded
from mtcli.core.transfer.events import Compared, Initialised, TransferPlanned

Metrics = Mapping[str, float | None]

Interval = tuple[float, float]
"""The lower and the upper end."""


@dataclass(frozen=True, slots=True)
class Verifying:
    """Pictures are being looked at before anything else."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person should know that is no error."""

    text: str


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """A task in the heading: its kind, classes, labelled training pictures, own parameters."""

    kind: str
    classes: int | None
    labelled: int
    parameters: int
    primary: str


@dataclass(frozen=True, slots=True)
class TrainingStarted:
    """The run is there, the first step comes."""

    run: Path
    pictures: Mapping[str, int]
    device: str
    precision: str
    seed: int
    trunk: str
    weights: tuple[str, ...]
    shared_parameters: int
    tasks: Mapping[str, TaskSummary]
    epochs: int
    first_epoch: int
    first_update: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """Some updates were made: the state after the last of them.

    `update` of `updates` in the epoch is `step` of `steps` in all; speeds and `losses`, without the
    tasks' weights, are means over the epoch so far.
    """

    epoch: int
    update: int
    updates: int
    step: int
    steps: int
    updates_per_second: float
    pictures_per_second: float
    learning_rate: float
    losses: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Caching:
    """Maps of pictures of a split are on disk."""

    split: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Evaluating:
    """Pictures of a split have gone through the network."""

    split: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch was trained and validated.

    `changes` are against the epoch before; `is_best` tells whether it is the best so far, and
    `best_of` names the tasks that it is the best of.
    """

    epoch: int
    epochs: int
    losses: Mapping[str, float]
    metrics: Mapping[str, Metrics]
    changes: Mapping[str, float | None]
    score: float | None
    is_best: bool
    best_of: tuple[str, ...]
    pictures_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint was written."""

    path: Path


@dataclass(frozen=True, slots=True)
class Resampling:
    """Samples of a task's pictures were drawn, and measured."""

    task: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """How intervals are made: their `level` in percent, from how many samples."""

    level: float
    resamples: int


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What an evaluation found for one task; `intervals` where they were asked for, by metric."""

    kind: str
    primary: str
    labelled: int
    metrics: Metrics
    per_class: Mapping[str, Metrics]
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingEnded:
    """The training is over, or was `interrupted` by a signal of this number.

    `score` is the best value of `best_by`; `results` are the best epoch's, empty after an
    interruption; `compared` is what tasks came to that a transfer was to keep.
    """

    run: Path
    best_epoch: int | None
    epochs_done: int
    epochs: int
    score: float | None
    best_by: str
    results: Mapping[str, TaskResult]
    seconds: float
    shared_parameters: int
    own_parameters: int
    splits: tuple[str, ...]
    compared: Compared | None = None
    interrupted: int | None = None


@dataclass(frozen=True, slots=True)
class EvaluationEnded:
    """A split was evaluated.

    `without` are the inputs that every picture was taken to lack; `confidence` says how the tasks'
    intervals were made, where they were.
    """

    checkpoint: Path
    split: str
    images: int
    seconds: float
    tasks: Mapping[str, TaskResult]
    without: tuple[str, ...] = ()
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class FoldStarted:
    """A fold of a cross-validation begins, or goes on."""

    fold: int
    folds: int


@dataclass(frozen=True, slots=True)
class Spread:
    """A metric over folds: mean and standard deviation of those that are defined, and each."""

    mean: float | None
    deviation: float | None
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class FoldsEnded:
    """What a cross-validation has come to.

    `tasks` are metrics by task, each task's primary one first. `pooled` are the metrics of all
    held-out pictures taken together, each judged by the network that has not seen it; None where
    pictures were judged by every network.
    """

    path: Path
    split: str
    folds: tuple[int, ...]
    images: int
    tasks: Mapping[str, Mapping[str, Spread]]
    pooled: Mapping[str, TaskResult] | None
    predictions: Path | None


Event = (
    Verifying
    | Noted
    | TransferPlanned
    | Initialised
    | TrainingStarted
    | Caching
    | Stepped
    | Evaluating
    | EpochEnded
    | Saved
    | TrainingEnded
    | Resampling
    | EvaluationEnded
    | Predicted
    | PredictionEnded
    | FoldStarted
    | FoldsEnded
)
