"""Multi-label classification: any number of classes a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads.pooled import PooledHead
from mtcli.core.imbalance import ClassWeights, asymmetric_losses
from mtcli.core.labels import (
    LabelError,
    LabelValue,
    WordsLabel,
    flags,
    looked_for_mask,
    unknown_class,
)
from mtcli.core.metrics.confusion import mean_defined
from mtcli.core.metrics.ranking import average_precision
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Caption, Meter, Prediction, Target, Task, with_score
from mtcli.core.tasks import KINDS

MAX_WEIGHT = 10.0
"""`balanced` goes no further, nor below its inverse: one odd picture would rule the update."""


class MultilabelOptions(Options):
    """What a config may say of a multi-label classification."""

    classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    hidden: PositiveInt | None = None
    """Width of a fully connected layer, with ReLU, before the last one; null: none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Before the last layer."""
    loss: Literal["bce", "asymmetric"] = "bce"
    """`asymmetric` plays down the many classes that obviously do not apply."""
    class_weights: ClassWeights = None
    """Of the pictures that a class applies to, against 1 for the others: `balanced` (both weigh
    as much in all, within a factor of 10), or a weight by class name."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The least probability of a class that is said to apply."""
    crops: bool = True
    """Whether the classes hold for a part of the picture too; those of small objects do not."""


class MultilabelFacts(Options):
    """The names of the classes; where each applied in the training split, and where it did not."""

    classes: tuple[str, ...]
    positives: tuple[int, ...] = ()
    negatives: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MultilabelBatch:
    """Whether each class applies `[N, K]` bool, and whether somebody looked for it `[N, K]` bool.

    A class that nobody looked for does not apply.
    """

    applies: Tensor
    looked_for: Tensor


class MultilabelMeter(Meter):
    """The probabilities of all pictures, since a ranking cannot be added up."""

    def __init__(self, classes: tuple[str, ...], threshold: float) -> None:
        self._classes = classes
        self._threshold = threshold
        none = torch.zeros(0, len(classes))
        self._rows = [(none, none.bool(), none.bool())]

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        if not targets:
            return
        self._rows.append(
            (
                torch.stack([prediction["probabilities"] for prediction in predictions]),
                torch.stack([target["applies"] for target in targets]),
                torch.stack([target["looked_for"] for target in targets]),
            )
        )

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._rows += other._rows

    def compute(self) -> dict[str, float | None]:
        probabilities, applies, looked_for = self._all()
        counted = self._counted(probabilities, applies, looked_for)
        return {
            "map": mean_defined(_precisions(probabilities, applies, looked_for)),
            "f1_macro": mean_defined([_f1(*counts) for counts in counted.tolist()]),
            "f1_micro": _f1(*counted.sum(0).tolist()),
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        probabilities, applies, looked_for = self._all()
        columns = zip(
            self._classes,
            _precisions(probabilities, applies, looked_for),
            self._counted(probabilities, applies, looked_for).tolist(),
            applies.sum(0).tolist(),
            strict=True,
        )
        return {
            name: {"ap": ap, "f1": _f1(*counts), "labelled": labelled}
            for name, ap, counts, labelled in columns
        }

    def _all(self) -> tuple[Tensor, Tensor, Tensor]:
        probabilities, applies, looked_for = (torch.cat(c) for c in zip(*self._rows, strict=True))
        return probabilities, applies, looked_for

    def _counted(self, probabilities: Tensor, applies: Tensor, looked_for: Tensor) -> Tensor:
        """`[K, 3]`: how often each class was right, was said, and was true."""
        said = (probabilities >= self._threshold) & looked_for
        return torch.stack([(said & applies).sum(0), said.sum(0), applies.sum(0)], dim=1)


def _precisions(probabilities: Tensor, applies: Tensor, looked_for: Tensor) -> list[float | None]:
    """The average precision of each class over the pictures where somebody looked for it."""
    columns = zip(probabilities.T, applies.T, looked_for.T, strict=True)
    return [average_precision(scores[seen], true[seen]) for scores, true, seen in columns]


def _f1(right: int, said: int, true: int) -> float | None:
    """2 TP / (2 TP + FP + FN); None for a class that was neither said nor true."""
    return 2 * right / (said + true) if said + true else None


@KINDS.add("multilabel")
class Multilabel(Task[MultilabelBatch, Tensor]):
    """Any number of classes a picture, each by a sigmoid of its own.

    A target holds `applies` and `looked_for`, `[K]` bool; a prediction holds `probabilities`
    `[K]`. Raw is logits `[N, K]`.
    """

    kind = "multilabel"
    Options = MultilabelOptions
    Facts = MultilabelFacts
    takes = (WordsLabel,)
    metrics = {"map": "max", "f1_macro": "max", "f1_micro": "max"}
    outputs = ("probabilities",)
    levels = ("c5",)
    partial = True

    options: MultilabelOptions
    facts: MultilabelFacts

    def __init__(self, options: MultilabelOptions, facts: MultilabelFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._weights = _positive_weights(options.class_weights, facts)

    @classmethod
    def prepare(cls, options: MultilabelOptions, values: Iterable[LabelValue]) -> Self:
        labels = [flags(value) for value in values if isinstance(value, WordsLabel)]
        names = {name for label in labels for name in (*label.words, *(label.looked_for or ()))}
        classes = options.classes or tuple(sorted(names))
        if not classes:
            raise LabelError(
                "a multi-label classification needs a class",
                found="no class in the training split",
                mend="name them in the config: classes: […]",
            )
        positives, negatives = dict.fromkeys(classes, 0), dict.fromkeys(classes, 0)
        for label in labels:
            for name in classes if label.looked_for is None else {*classes} & {*label.looked_for}:
                (positives if name in label.words else negatives)[name] += 1
        facts = MultilabelFacts(
            classes=classes,
            positives=tuple(positives.values()),
            negatives=tuple(negatives.values()),
        )
        return cls(options, facts)

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> WordsLabel:  # noqa: ARG003
        a, b, c = (torch.rand(3, generator=generator) < 0.5).tolist()
        return WordsLabel(tuple(name for name, on in zip("abc", (a, b, c), strict=True) if on))

    @property
    def crop_safe(self) -> bool:
        return self.options.crops

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        options = self.options
        return PooledHead(
            specs["c5"].channels, len(self.facts.classes), options.dropout, hidden=options.hidden
        )

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, WordsLabel)
        value = flags(value)
        looked_for = torch.tensor(looked_for_mask(value.looked_for, self.facts.classes))
        if not looked_for.any():
            return None
        applies = torch.zeros(len(self.facts.classes), dtype=torch.bool)
        for name in value.words:
            if name not in self._numbers:
                raise unknown_class(name, self.facts.classes)
            applies[self._numbers[name]] = True
        # A find by the way says nothing of what was passed over.
        return {"applies": applies & looked_for, "looked_for": looked_for}

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> MultilabelBatch:
        return MultilabelBatch(
            torch.stack([target["applies"] for target in targets]),
            torch.stack([target["looked_for"] for target in targets]),
        )

    def counts(self, batch: MultilabelBatch) -> dict[str, Tensor]:
        return {"cells": batch.looked_for.sum().float()}

    def loss(
        self, raw: Tensor, batch: MultilabelBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        logits = raw.float()
        if self.options.loss == "asymmetric":
            positive, negative = asymmetric_losses(logits)
        else:
            positive, negative = -F.logsigmoid(logits), -F.logsigmoid(-logits)
        if self._weights is not None:
            weights = torch.tensor(self._weights, dtype=torch.float32)
            positive = positive * weights.to(raw.device, non_blocking=True)
        losses = torch.where(batch.applies, positive, negative)
        total = (losses * batch.looked_for).sum()
        return {self.options.loss: total / counts["cells"].clamp(min=1)}

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Prediction]:
        return [{"probabilities": row} for row in raw.float().sigmoid()]

    def meter(self) -> MultilabelMeter:
        return MultilabelMeter(self.facts.classes, self.options.threshold)

    def truth(self, target: Target) -> Prediction:
        return {"probabilities": target["applies"].float()}

    def caption(self, prediction: Prediction, target: Target | None) -> Caption:
        """The classes that are said to apply, and those that were missed."""
        probabilities = prediction["probabilities"]
        said = probabilities >= self.options.threshold
        wrong = torch.zeros_like(said)
        if target is not None:
            wrong = target["looked_for"] & (said != target["applies"])
        texts = []
        for number in probabilities.argsort(descending=True).tolist():
            text = with_score(self.facts.classes[number], float(probabilities[number]))
            if said[number]:
                texts.append(f"{text}, wrong" if wrong[number] else text)
            elif wrong[number]:
                texts.append(f"{text}, missed")
        good = None if target is None else not bool(wrong.any())
        return Caption(", ".join(texts) or "nothing", good)

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        probabilities = dict(
            zip(self.facts.classes, prediction["probabilities"].tolist(), strict=True)
        )
        said = [name for name, p in probabilities.items() if p >= self.options.threshold]
        return {"classes": said, "probabilities": probabilities}

    def export(self, raw: Tensor) -> tuple[Tensor, ...]:
        return (raw.float().sigmoid(),)


def _positive_weights(said: ClassWeights, facts: MultilabelFacts) -> tuple[float, ...] | None:
    """The weight of each class where it applies; None where all are 1.

    Raises:
        LabelError: a weight for a class that the task does not have.
    """
    if said is None:
        return None
    if said == "balanced":
        pairs = zip(facts.positives, facts.negatives, strict=True)
        return tuple(
            min(max(negative / positive, 1 / MAX_WEIGHT), MAX_WEIGHT) if positive else 1.0
            for positive, negative in pairs
        )
    for name in said:
        if name not in facts.classes:
            raise unknown_class(name, facts.classes)
    return tuple(said.get(name, 1.0) for name in facts.classes)
