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
from mtcli.core.imbalance import ClassWeights, asymmetric_losses, positive_weights
from mtcli.core.labels import (
    LabelError,
    LabelValue,
    WordsLabel,
    flags,
    looked_for_mask,
    unknown_class,
)
from mtcli.core.metrics.multilabel import MultilabelMeter
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Caption, Prediction, Target, Task, with_score
from mtcli.core.tasks import KINDS


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
    outputs = {"probabilities": "[N, K] float32 in [0, 1]: how probable it is that a class applies"}
    raw_outputs = {"logits": "[N, K] float32: what the sigmoid is taken of"}
    levels = ("c5",)
    partial = True

    options: MultilabelOptions
    facts: MultilabelFacts

    def __init__(self, options: MultilabelOptions, facts: MultilabelFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._weights = positive_weights(
            options.class_weights, facts.classes, facts.positives, facts.negatives
        )

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

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        return {"probabilities": raw.float().sigmoid()}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return [{"probabilities": row} for row in tensors["probabilities"]]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        return {"logits": raw.float()}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return self.decode(tensors["logits"], size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of classes that both say to apply, or both not."""
        said = (answer["probabilities"] >= self.options.threshold for answer in (one, other))
        return float(torch.eq(*said).float().mean())
