"""Classification: one class a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt, ValidationInfo, field_validator
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec
from mtcli.core.heads.native import build_native
from mtcli.core.heads.pooled import PooledHead
from mtcli.core.imbalance import ClassWeights, Gamma, class_weights, focal_cross_entropy, weights_of
from mtcli.core.labels import LabelError, LabelValue, WordsLabel, unknown_class
from mtcli.core.metrics.classification import ClassificationMeter
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Caption, Prediction, Target, Task, with_score
from mtcli.core.tasks import KINDS


class ClassificationOptions(Options):
    """What a config may say of a classification."""

    classes: Annotated[ClassNames, Field(min_length=2)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    head: Literal["pooled", "native"] = "pooled"
    """`pooled`: the mean of the trunk's last map and one layer. `native`: the trunk's own
    classifier, its final convolution, pooling and fully connected layer, where it has one."""
    hidden: PositiveInt | None = None
    """Width of a fully connected layer, with ReLU, before the last one; null: none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Before the last layer."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of the target that is spread over all classes."""
    class_weights: ClassWeights = None
    """`balanced` (a rare class counts as much as a common one), or a weight by class name."""
    focal: Gamma = None
    """The exponent of the focal loss, which plays down what is easy; 2 is common."""

    @field_validator("hidden")
    @classmethod
    def _of_pooled(cls, width: int | None, info: ValidationInfo) -> int | None:
        if width is not None and info.data.get("head") == "native":
            raise ValueError("null beside head: native, whose layers are the trunk's own")
        return width


class ClassificationFacts(Options):
    """The names of the classes, in the order of the logits, and how often each was labelled."""

    classes: tuple[str, ...]
    counts: tuple[int, ...] = ()


@KINDS.add("classification")
class Classification(Task[Tensor, Tensor]):
    """One class a picture, by softmax and cross-entropy.

    Batch is class numbers `[N]` int64; Raw is logits `[N, K]`.
    """

    kind = "classification"
    Options = ClassificationOptions
    Facts = ClassificationFacts
    takes = (WordsLabel,)
    metrics = {
        "accuracy": "max",
        "balanced_accuracy": "max",
        "f1_macro": "max",
        "top5": "max",
        "ece": "min",
    }
    outputs = {
        "probabilities": "[N, K] float32 in [0, 1]: how probable each class is; a row adds up to 1",
        "class": "[N] int64: the number of the most probable class",
    }
    raw_outputs = {"logits": "[N, K] float32: what the softmax is taken of"}
    levels = ("c5",)

    options: ClassificationOptions
    facts: ClassificationFacts

    def __init__(self, options: ClassificationOptions, facts: ClassificationFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._weights = class_weights(options.class_weights, facts.classes, facts.counts)

    @classmethod
    def prepare(cls, options: ClassificationOptions, values: Iterable[LabelValue]) -> Self:
        found = Counter(
            word for value in values if isinstance(value, WordsLabel) for word in value.words
        )
        classes = options.classes or tuple(sorted(found))
        if len(classes) < 2:
            raise LabelError(
                "a classification needs two classes or more",
                found=", ".join(classes) or "no label in the training split",
            )
        counts = tuple(found[name] for name in classes)
        return cls(options, ClassificationFacts(classes=classes, counts=counts))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> WordsLabel:  # noqa: ARG003
        return WordsLabel(("abc"[int(torch.randint(3, (), generator=generator))],))

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        options = self.options
        if options.head == "native":
            return build_native(specs["c5"], len(self.facts.classes), options.dropout)
        return PooledHead(
            specs["c5"].channels, len(self.facts.classes), options.dropout, hidden=options.hidden
        )

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, WordsLabel)
        if len(value.words) != 1:
            raise LabelError(
                "a classification has one class a picture",
                found=", ".join(value.words) or "none",
                mend="kind: multilabel takes any number of classes",
            )
        name = value.words[0]
        if name not in self._numbers:
            raise unknown_class(name, self.facts.classes)
        return {"class": torch.tensor(self._numbers[name])}

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Tensor:
        return torch.stack([target["class"] for target in targets])

    def counts(self, batch: Tensor) -> dict[str, Tensor]:
        return {"rows": weights_of(batch, self._weights).sum()}

    def loss(self, raw: Tensor, batch: Tensor, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        losses = focal_cross_entropy(
            raw.float(), batch, self.options.focal, self.options.label_smoothing
        )
        total = (losses * weights_of(batch, self._weights)).sum()
        return {"cross_entropy": total / counts["rows"].clamp(min=1e-6)}

    def meter(self) -> ClassificationMeter:
        return ClassificationMeter(self.facts.classes)

    def truth(self, target: Target) -> Prediction:
        return {"probabilities": F.one_hot(target["class"], len(self.facts.classes)).float()}

    def caption(self, prediction: Prediction, target: Target | None) -> Caption:
        probability, number = prediction["probabilities"].max(dim=0)
        text = with_score(self.facts.classes[int(number)], float(probability))
        if target is None:
            return Caption(text)
        if target["class"] == number:
            return Caption(text, good=True)
        return Caption(f"{text}, not {self.facts.classes[int(target['class'])]}", good=False)

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        probabilities = prediction["probabilities"].tolist()
        return {
            "class": self.facts.classes[int(prediction["probabilities"].argmax())],
            "probabilities": dict(zip(self.facts.classes, probabilities, strict=True)),
        }

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        probabilities = raw.float().softmax(dim=1)
        return {"probabilities": probabilities, "class": probabilities.argmax(dim=1)}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return [{"probabilities": row} for row in tensors["probabilities"]]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        return {"logits": raw.float()}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return self.decode(tensors["logits"], size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """Whether both say the same class."""
        return float(one["probabilities"].argmax() == other["probabilities"].argmax())
