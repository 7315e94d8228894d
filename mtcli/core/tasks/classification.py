"""Classification: one class a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.labels import LabelError, LabelValue, TextLabel, unknown_class
from mtcli.core.metrics import confusion as tables
from mtcli.core.ops.drawing import caption
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Meter, Prediction, Target, Task
from mtcli.core.tasks import KINDS


class ClassificationOptions(Options):
    """What a config may say of a classification."""

    classes: Annotated[ClassNames, Field(min_length=2)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Before the last layer."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of the target that is spread over all classes."""


class ClassificationFacts(Options):
    """The names of the classes, in the order of the logits."""

    classes: tuple[str, ...]


class ClassificationHead(nn.Module):
    """Global average pooling, dropout, one linear layer: `[N, K]` logits."""

    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, features: Mapping[str, Tensor], targets: Tensor | None = None) -> Tensor:
        """`c5` `[N, C, H, W]` to logits `[N, K]`."""
        pooled = features["c5"].mean(dim=(2, 3))
        logits: Tensor = self.classifier(self.dropout(pooled))
        return logits


class ClassificationMeter(Meter):
    """A confusion matrix, and the hits among the five most probable classes."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._matrix = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        self._top5_hits = 0

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        if not targets:
            return
        probabilities = torch.stack([prediction["probabilities"] for prediction in predictions])
        true = torch.stack([target["class"] for target in targets])
        self._matrix += tables.confusion_matrix(
            true, probabilities.argmax(dim=1), len(self._classes)
        )
        top5 = probabilities.topk(min(5, len(self._classes)), dim=1).indices
        self._top5_hits += int((top5 == true[:, None]).any(dim=1).sum())

    def merge(self, others: Iterable[Self]) -> None:
        for other in others:
            self._matrix += other._matrix
            self._top5_hits += other._top5_hits

    def compute(self) -> dict[str, float | None]:
        labelled = int(self._matrix.sum())
        return {
            "accuracy": tables.accuracy(self._matrix),
            "balanced_accuracy": tables.mean_defined(tables.recalls(self._matrix)),
            "f1_macro": tables.mean_defined(tables.f1_scores(self._matrix)),
            "top5": self._top5_hits / labelled if labelled else None,
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        columns = zip(
            self._classes,
            tables.precisions(self._matrix),
            tables.recalls(self._matrix),
            tables.f1_scores(self._matrix),
            self._matrix.sum(1).tolist(),
            strict=True,
        )
        return {
            name: {"precision": precision, "recall": recall, "f1": f1, "labelled": labelled}
            for name, precision, recall, f1, labelled in columns
        }

    def confusion(self) -> tuple[tuple[str, ...], Tensor]:
        return self._classes, self._matrix


@KINDS.add("classification")
class Classification(Task[Tensor, Tensor]):
    """One class a picture, by softmax and cross-entropy.

    Batch is class numbers `[N]` int64; Raw is logits `[N, K]`.
    """

    kind = "classification"
    Options = ClassificationOptions
    Facts = ClassificationFacts
    takes = (TextLabel,)
    metrics = {"accuracy": "max", "balanced_accuracy": "max", "f1_macro": "max", "top5": "max"}
    outputs = ("probabilities",)
    levels = ("c5",)

    options: ClassificationOptions
    facts: ClassificationFacts

    def __init__(self, options: ClassificationOptions, facts: ClassificationFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}

    @classmethod
    def prepare(cls, options: ClassificationOptions, values: Iterable[LabelValue]) -> Self:
        classes = options.classes
        if classes is None:
            found = {value.text for value in values if isinstance(value, TextLabel)}
            classes = tuple(sorted(found))
        if len(classes) < 2:
            raise LabelError(
                "a classification needs two classes or more",
                found=", ".join(classes) or "no label in the training split",
            )
        return cls(options, ClassificationFacts(classes=classes))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> TextLabel:  # noqa: ARG003
        return TextLabel("abc"[int(torch.randint(3, (), generator=generator))])

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        channels = specs["c5"].channels
        return ClassificationHead(channels, len(self.facts.classes), self.options.dropout)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, TextLabel)
        if value.text not in self._numbers:
            raise unknown_class(value.text, self.facts.classes)
        return {"class": torch.tensor(self._numbers[value.text])}

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Tensor:
        return torch.stack([target["class"] for target in targets])

    def counts(self, batch: Tensor) -> dict[str, Tensor]:
        return {"rows": torch.full((), float(len(batch)), device=batch.device)}

    def loss(self, raw: Tensor, batch: Tensor, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        total = F.cross_entropy(
            raw.float(), batch, label_smoothing=self.options.label_smoothing, reduction="sum"
        )
        return {"cross_entropy": total / counts["rows"]}

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Prediction]:
        return [{"probabilities": row} for row in raw.float().softmax(dim=1)]

    def meter(self) -> ClassificationMeter:
        return ClassificationMeter(self.facts.classes)

    def draw(self, image: Tensor, prediction: Prediction, target: Target | None) -> Tensor:
        probability, number = prediction["probabilities"].max(dim=0)
        text = f"{self.facts.classes[int(number)]} {float(probability):.0%}"
        if target is None:
            return caption(image, text)
        if target["class"] == number:
            return caption(image, text, good=True)
        return caption(image, f"{text}, not {self.facts.classes[int(target['class'])]}", good=False)

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        probabilities = prediction["probabilities"].tolist()
        return {
            "class": self.facts.classes[int(prediction["probabilities"].argmax())],
            "probabilities": dict(zip(self.facts.classes, probabilities, strict=True)),
        }

    def export(self, raw: Tensor) -> tuple[Tensor, ...]:
        return (raw.float().softmax(dim=1),)
