"""Segmentation: a class for every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import torch
from faster_coco_eval.core import mask as rle
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn
from torchvision.tv_tensors import Mask

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.heads.dense import resized
from mtcli.core.imbalance import ClassWeights, Gamma, class_weights, focal_cross_entropy, weights_of
from mtcli.core.labels import ClassMapLabel, LabelError, LabelValue, check_size, unknown_class
from mtcli.core.maps import IGNORED
from mtcli.core.metrics.segmentation import SegmentationMeter
from mtcli.core.ops.dice import soft_dice
from mtcli.core.ops.sheet import Sheet
from mtcli.core.options import ClassNames, DenseHeadName, Options
from mtcli.core.task import Prediction, Target, Task
from mtcli.core.tasks import KINDS

BACKGROUND = "background"
"""A first class of this name is drawn as nothing."""


class SegmentationOptions(Options):
    """What a config may say of a segmentation."""

    classes: Annotated[ClassNames, Field(min_length=2, max_length=IGNORED)] | None = None
    """Their names in the order of their numbers; null: as the labels name them, where they do."""
    ignore: Annotated[int, Field(ge=0)] | None = 255
    """The number of pixels that are neither taught nor measured, in masks of numbers; those that
    name their classes, by colour or in a COCO file, have none."""
    head: DenseHeadName = "fpn"
    """What answers for the pixels: `fpn`, or `deeplab`, which sees more around each."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Of whole channels, before the last layer."""
    dice: NonNegativeFloat = 1.0
    """Weight of the Dice loss beside the cross-entropy's 1."""
    class_weights: ClassWeights = None
    """`balanced` (a rare class counts as much as a common one), or a weight by class name."""
    focal: Gamma = None
    """The exponent of the focal loss, which plays down what is easy; 2 is common."""


class SegmentationFacts(Options):
    """The names of the classes, and over how many pixels each was seen, where that matters."""

    classes: tuple[str, ...]
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentationBatch:
    """Class numbers `[N, H, W]` uint8 at the input's size, 255 where nothing is taught.

    `present` `[N, K]` bool: the classes that each picture shows.
    """

    numbers: Tensor
    present: Tensor


@KINDS.add("segmentation")
class Segmentation(Task[SegmentationBatch, Tensor]):
    """A class for every pixel, by cross-entropy and Dice.

    A target holds `classes`, a Mask `[H, W]` uint8 with 255 where nothing is taught; so does a
    prediction, without 255. Raw is logits `[N, K, h, w]` of the head's finest level.
    """

    kind = "segmentation"
    Options = SegmentationOptions
    Facts = SegmentationFacts
    takes = (ClassMapLabel,)
    metrics = {"miou": "max", "dice": "max", "pixel_accuracy": "max"}
    outputs = {"classes": "[N, H, W] uint8: the number of each pixel's class, at the input's size"}
    raw_outputs = {
        "logits": "[N, K, h, w] float32: what the softmax over classes is taken of, cell by cell"
    }

    options: SegmentationOptions
    facts: SegmentationFacts

    def __init__(self, options: SegmentationOptions, facts: SegmentationFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._weights = class_weights(options.class_weights, facts.classes, facts.counts)
        self._head = DENSE_HEADS.get(options.head)

    @classmethod
    def prepare(cls, options: SegmentationOptions, values: Iterable[LabelValue]) -> Self:
        values = iter(values)
        classes = options.classes
        first = []
        if classes is None:
            value = next(values, None)
            names = value.names if isinstance(value, ClassMapLabel) else None
            if value is None or names is None:
                raise LabelError(
                    "the masks do not name their classes",
                    mend="name them in the config: classes: [background, …]",
                )
            classes, first = names, [value]
        unweighted = options.model_copy(update={"class_weights": None})
        task = cls(unweighted, SegmentationFacts(classes=classes))
        counts = torch.zeros(len(classes), dtype=torch.int64)
        if options.class_weights == "balanced":
            for value in (*first, *values):
                assert isinstance(value, ClassMapLabel)
                numbers = task._own_numbers(value)
                counts += torch.bincount(numbers[numbers != IGNORED], minlength=len(classes))
        return cls(options, SegmentationFacts(classes=classes, counts=tuple(counts.tolist())))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> ClassMapLabel:
        numbers = torch.zeros(size, dtype=torch.uint8)
        for number in (1, 2):
            y, x = (int(torch.randint(side // 2, (), generator=generator)) for side in size)
            numbers[y : y + size[0] // 2, x : x + size[1] // 2] = number
        return ClassMapLabel(numbers, (BACKGROUND, "a", "b"))

    @property
    def levels(self) -> tuple[str, ...]:
        return self._head.levels

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return self._head(specs, len(self.facts.classes), self.options.dropout)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, ClassMapLabel)
        check_size(value.numbers, size, "mask")
        return {"classes": Mask(self._own_numbers(value).to(torch.uint8))}

    def _own_numbers(self, value: ClassMapLabel) -> Tensor:
        """The task's class numbers `[H, W]` int64, 255 where nothing is taught."""
        numbers = value.numbers.long()
        value_ignored = self.options.ignore if value.names is None else IGNORED
        ignored = torch.zeros_like(numbers, dtype=torch.bool)
        if value_ignored is not None:
            ignored = numbers.eq(value_ignored)
        if value.names is None:
            known = len(self.facts.classes)
            beyond = numbers[((numbers >= known) | (numbers < 0)) & ~ignored]
            if len(beyond):
                raise LabelError(
                    f"a mask value beyond the {known} classes",
                    found=f"{int(beyond[beyond.abs().argmax()])}",
                    mend="name all classes, or say which value to ignore: ignore",
                )
        else:
            present = torch.bincount(numbers[~ignored]).nonzero().flatten().tolist()
            table = torch.zeros(IGNORED + 1, dtype=torch.int64)
            for number in present:
                name = value.names[number]
                if name not in self._numbers:
                    raise unknown_class(name, self.facts.classes)
                table[number] = self._numbers[name]
            numbers = table[numbers]
        return numbers.masked_fill(ignored, IGNORED) if ignored.any() else numbers

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> SegmentationBatch:
        numbers = torch.stack([target["classes"].as_subclass(Tensor) for target in targets])
        known = len(self.facts.classes)
        counts = [torch.bincount(row.flatten(), minlength=known)[:known] for row in numbers]
        present = torch.stack(counts) > 0
        return SegmentationBatch(numbers, present)

    def counts(self, batch: SegmentationBatch) -> dict[str, Tensor]:
        taught = batch.numbers != IGNORED
        weights = weights_of(batch.numbers.long() * taught, self._weights)
        return {"pixels": (weights * taught).sum(), "classes": batch.present.sum().float()}

    def loss(
        self, raw: Tensor, batch: SegmentationBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Cross-entropy a taught pixel, and 1 - Dice a class that a picture shows."""
        logits = resized(raw.float(), (batch.numbers.shape[1], batch.numbers.shape[2]))
        taught = batch.numbers != IGNORED
        numbers = batch.numbers.long() * taught
        losses = focal_cross_entropy(logits, numbers, self.options.focal)
        total = (losses * weights_of(numbers, self._weights) * taught).sum()
        parts = {"cross_entropy": total / counts["pixels"].clamp(min=1e-6)}
        if self.options.dice:
            dice = soft_dice(logits.softmax(dim=1), numbers, taught)
            missed = ((1 - dice) * batch.present).sum()
            parts["dice"] = self.options.dice * missed / counts["classes"].clamp(min=1)
        return parts

    def meter(self) -> SegmentationMeter:
        return SegmentationMeter(self.facts.classes)

    def truth(self, target: Target) -> Prediction:
        """With 255 where nothing is taught, unlike what `decode` gives."""
        return {"classes": target["classes"]}

    @property
    def _first(self) -> int:
        """The first class that is something."""
        return 1 if self.facts.classes[0].lower() == BACKGROUND else 0

    def draw(self, sheet: Sheet, prediction: Prediction, target: Target | None) -> None:
        truth = target["classes"].as_subclass(Tensor) if target is not None else None
        found = prediction["classes"].as_subclass(Tensor)
        sheet.class_map(found, self.facts.classes, self._first, truth)

    def summary(self, prediction: Prediction) -> str:
        """How much of the picture each class takes."""
        numbers = prediction["classes"].as_subclass(Tensor).flatten().long()
        counts = torch.bincount(numbers, minlength=len(self.facts.classes)).tolist()
        shares = list(zip(self.facts.classes, counts, strict=False))[self._first :]
        told = [f"{name} {count / len(numbers):.1%}" for name, count in shares if count]
        return ", ".join(told) or "nothing"

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        numbers = prediction["classes"].as_subclass(Tensor).numpy()
        masks = {}
        for number, name in enumerate(self.facts.classes):
            covered = np.asfortranarray((numbers == number).astype(np.uint8))
            runs = rle.encode(covered)
            masks[name] = {
                "share": float(covered.mean()),
                "rle": {"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")},
            }
        return {"masks": masks}

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        return {"classes": resized(raw.float(), size).argmax(dim=1).to(torch.uint8)}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return [{"classes": Mask(row)} for row in tensors["classes"]]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        return {"logits": raw.float()}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return self.decode(tensors["logits"], size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of pixels of the same class."""
        maps = (answer["classes"].as_subclass(Tensor) for answer in (one, other))
        return float(torch.eq(*maps).float().mean())
