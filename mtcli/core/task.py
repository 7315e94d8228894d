"""The interfaces that a kind of task implements: Task and its Meter."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

import torch
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.labels import LabelValue
from mtcli.core.ops.sheet import Sheet
from mtcli.core.options import Options as OptionGroup

Target = dict[str, Tensor]
"""One picture's label as named tensors; geometry as torchvision `tv_tensors`, so that one
augmentation moves picture and labels together."""

Prediction = dict[str, Tensor]
"""One picture's decoded output as named tensors; geometry as torchvision `tv_tensors`, so that
one resize rule, undone, takes it back to the original picture."""

Batch = TypeVar("Batch")
Raw = TypeVar("Raw")


@dataclass(frozen=True, slots=True)
class View:
    """What the augmentation left of a picture.

    Attributes:
        frame: what is still to be seen of it: `[4]` xyxy, input pixels.
        mirrored: whether it is seen as in a mirror (turned about, left and right stay).
    """

    frame: Tensor
    mirrored: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """A few words for a person, and whether they are right, where that is known."""

    text: str
    good: bool | None = None


def with_score(name: str, score: float) -> str:
    """A class and how sure an answer is of it, in [0, 1]; a certain one, as a truth is, alone."""
    return name if score == 1 else f"{name} {score:.0%}"


class Meter(ABC):
    """Collects predictions and targets, and turns them into the metrics of one task."""

    @abstractmethod
    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        """Add pictures, on the CPU, in the same order.

        Boxes and points are in original pixels, maps at the network's input size.
        """

    @abstractmethod
    def merge(self, others: Iterable[Self]) -> None:
        """Add what meters of other processes collected, in their order."""

    @abstractmethod
    def compute(self) -> dict[str, float | None]:
        """Every metric of the kind; None where it is undefined, never NaN."""

    @abstractmethod
    def per_class(self) -> dict[str, dict[str, float | None]]:
        """The metrics of each class by its name; empty for a kind without classes."""

    def confusion(self) -> tuple[tuple[str, ...], Tensor] | None:
        """Class names and counts `[K, K]`, true by predicted, for kinds that have such a table."""
        return None

    def resampled(
        self, pictures: Sequence[Self], draws: Iterable[Sequence[int]]
    ) -> Iterator[dict[str, float | None]]:
        """Every metric of each of many draws of pictures; asked of an empty meter.

        To be overridden where a draw costs less than adding up its pictures.

        Args:
            pictures: meters that saw one picture each.
            draws: places in `pictures`, ascending; one may be drawn several times.
        """
        for draw in draws:
            meter = copy.deepcopy(self)
            meter.merge([pictures[place] for place in draw])
            yield meter.compute()


class Task(ABC, Generic[Batch, Raw]):
    """A problem of one kind: its labels, head, loss, decoding, metrics and drawing.

    Tensors of boxes and points are in pixels, x before y. "Input pixels" are those of the
    network's input; "original pixels" those of the picture on disk.

    Class facts:
        kind: the name in a config.
        Options: what a config may say of the task.
        Facts: what `prepare` learns from the training split, kept in the checkpoint; the names
            of classes as `classes`, without which words are taken for numbers where they can be.
        takes: the label values that it understands.
        metrics: each with the direction of better; the first is the primary.
        outputs: what `export` may return, by name: its shape, number format, unit and range.
        raw_outputs: the same of `export_raw`.
        partial: whether a label may speak of some of the classes only (`looked_for`).
    """

    kind: ClassVar[str]
    Options: ClassVar[type[OptionGroup]]
    Facts: ClassVar[type[OptionGroup]]
    takes: ClassVar[tuple[type, ...]]
    metrics: ClassVar[Mapping[str, Literal["max", "min"]]]
    outputs: ClassVar[Mapping[str, str]]
    raw_outputs: ClassVar[Mapping[str, str]]
    partial: ClassVar[bool] = False

    options: OptionGroup
    facts: OptionGroup

    @abstractmethod
    def __init__(self, options: Any, facts: Any) -> None:
        """Build from options and facts, the two things that a checkpoint keeps."""

    @classmethod
    @abstractmethod
    def prepare(cls, options: Any, values: Iterable[LabelValue]) -> Self:
        """Learn from the label values of the training split what must be known beforehand.

        The values may be read from disk one by one as they are asked for.

        Raises:
            LabelError: the values do not make a task (no class at all, say).
        """

    @classmethod
    @abstractmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> LabelValue:
        """A random valid label value for a picture of `size` (height, width)."""

    @property
    @abstractmethod
    def levels(self) -> tuple[str, ...]:
        """The feature maps that the head reads: of the trunk (`c5`) or the pyramid (`p2`)."""

    @abstractmethod
    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        """The task's own layers, for maps of these specs.

        The module's `forward(features, targets=None)` takes the maps of `levels`, `[N, C, H, W]`
        each, and returns Raw; targets are for heads that sample with them.
        """

    @abstractmethod
    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        """A label value as a target in original pixels; `size` is height, width.

        None: the picture has no label for this task. An empty target: it is labelled, and
        nothing is there.

        Raises:
            LabelError: the value cannot be understood.
        """

    def remarks(self, value: LabelValue, size: tuple[int, int]) -> tuple[str, ...]:
        """What `read` mends in this value without asking ("box without area dropped")."""
        return ()

    @property
    def crop_safe(self) -> bool:
        """Whether the label of a picture is still true for a part of it."""
        return True

    def clean(self, target: Target, view: View) -> Target | None:
        """Drop what an augmentation moved out of sight; None where no label is left."""
        return target

    @abstractmethod
    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Batch:
        """Targets in input pixels as one batch of tensors; `size` is the input's height, width."""

    @abstractmethod
    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """What each part of the loss is divided by: scalars that follow from the targets alone.

        The recipe adds them over accumulated batches and processes before the backward, so that
        the update is the large batch's. A head that samples what it learns from cannot promise
        that, and says so.
        """

    @abstractmethod
    def loss(self, raw: Raw, batch: Batch, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The named parts of the loss: sums over this batch divided by the given counts."""

    def decode(self, raw: Raw, size: tuple[int, int]) -> list[Prediction]:
        """One prediction a picture, in input pixels; `size` is the input's height, width."""
        return self.predictions(self.export(raw, size), size)

    @abstractmethod
    def meter(self) -> Meter:
        """An empty meter for this task."""

    @abstractmethod
    def truth(self, target: Target) -> Prediction:
        """The prediction that would be right: what a target looks like as an answer.

        Certain of what it says; where the target knows nothing, it says nothing, and is drawn so.
        """

    def score(self, metrics: Mapping[str, float | None]) -> float | None:
        """The task's quality in [0, 1], higher is better: for "best" across tasks."""
        return metrics[self.primary]

    def draw(self, sheet: Sheet, prediction: Prediction, target: Target | None) -> None:
        """Draw prediction and truth on a picture, both in its pixels; a kind may have nothing."""
        return

    def caption(self, prediction: Prediction, target: Target | None) -> Caption | None:
        """What there is to say of the picture as a whole, beside the truth where it is known."""
        return None

    def summary(self, prediction: Prediction) -> str:
        """What a prediction comes to, in a few words of one line."""
        caption = self.caption(prediction, None)
        return "" if caption is None else caption.text

    @abstractmethod
    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as plain values, class names in place of numbers."""

    @abstractmethod
    def export(self, raw: Raw, size: tuple[int, int]) -> dict[str, Tensor]:
        """What `decode` would say of a whole batch as flat tensors, by names of `outputs`.

        Traced once for any number of pictures N and, where the graph's size is dynamic, any
        `size` (height, width of the input): no Python decision about a value, no loop over
        pictures. What differs in length from picture to picture comes one behind the other,
        with the picture of each row as `image` `[D]` int64 and their `counts` `[N]` int64.
        """

    @abstractmethod
    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        """What `export` gave, on the CPU, as `decode` says it; `size` as of `decode`."""

    @abstractmethod
    def export_raw(self, raw: Raw) -> dict[str, Tensor]:
        """The head's answer before it is decoded, a row a picture, by names of `raw_outputs`."""

    @abstractmethod
    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        """What `export_raw` gave, on the CPU, decoded as `decode` does."""

    @abstractmethod
    def agreement(self, one: Prediction, other: Prediction) -> float:
        """How far two answers about a picture say the same, in [0, 1]; 1 for equal ones.

        The share of what is discrete (classes, pixels, boxes found by both) that is the same; of
        numbers, the share that differs by what nobody would notice.
        """

    @property
    def primary(self) -> str:
        """The name of the metric that speaks for the task."""
        return next(iter(self.metrics))


AnyTask = Task[Any, Any]
"""A task of whatever kind."""
