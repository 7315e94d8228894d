"""What a recipe tells of its progress; the console draws these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.transfer.events import Compared, Initialised, TransferPlanned

Metrics = Mapping[str, float | None]


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
class TaskResult:
    """What an evaluation found for one task."""

    kind: str
    primary: str
    labelled: int
    metrics: Metrics
    per_class: Mapping[str, Metrics]


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
    """A split was evaluated; `without` are the inputs that every picture was taken to lack."""

    checkpoint: Path
    split: str
    images: int
    seconds: float
    tasks: Mapping[str, TaskResult]
    without: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One task's part of an epoch.

    Attributes:
        pictures: labelled ones that there are.
        batches: with a label of the task.
        labels: that will be learnt from, repeats counted.
    """

    pictures: int
    batches: int
    labels: int

    @property
    def passes(self) -> float:
        """How often each labelled picture comes, on average."""
        return self.labels / self.pictures


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """One epoch, which stands for all up to the `last` of its stage.

    Attributes:
        first, last: epochs.
        mixing: the policy's name.
        learn: the tasks that do.
        frozen: parts of the network.
        updates: of the weights.
        batches: through the network.
        pictures: drawn, repeats counted.
        different: those among them that differ.
        tasks: by name.
    """

    first: int
    last: int
    mixing: str
    learn: tuple[str, ...]
    frozen: tuple[str, ...]
    updates: int
    batches: int
    pictures: int
    different: int
    tasks: Mapping[str, TaskPlan]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a training will draw: of `pictures`, in batches of a size, one epoch of each stage."""

    pictures: int
    batch_size: int
    epochs: tuple[EpochPlan, ...]


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
    | EvaluationEnded
    | FoldStarted
    | FoldsEnded
)
