"""Detection: boxes of objects, each of one class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, Field, PositiveInt
from torch import Tensor, nn
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import fcos
from mtcli.core.labels import LabelError, LabelValue, Object, ObjectsLabel, unknown_class
from mtcli.core.metrics.average_precision import AveragePrecision, Boxes, average_precision
from mtcli.core.ops import drawing
from mtcli.core.ops.boxes import areas, clipped, has_area, sides
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Meter, Prediction, Target, Task
from mtcli.core.tasks import KINDS

MIN_VISIBLE = 0.1
"""A box keeps its label while at least this share of it is inside the frame."""

DRAWN = 0.5
"""The least score of a box in a picture for people."""

Level = Literal["p2", "p3", "p4", "p5"]


def _finest_first(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if list(levels) != sorted(set(levels)):
        raise ValueError("levels stand once each, finest (p2) first")
    return levels


class DetectionOptions(Options):
    """What a config may say of a detection."""

    classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_finest_first)] = (
        "p2",
        "p3",
        "p4",
        "p5",
    )
    """Levels of the pyramid that are searched; `p2` (stride 4) finds the smallest objects."""
    depth: PositiveInt = 2
    """Convolutions in each of the head's two towers."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of whole channels, before the head's last layers."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """The least score of a detection."""
    nms: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Of two boxes of one class that overlap by more (IoU), the better one stays."""
    limit: PositiveInt = 100
    """The most detections in a picture."""


class DetectionFacts(Options):
    """The names of the classes, in the order of the logits."""

    classes: tuple[str, ...]


class DetectionMeter(Meter):
    """Boxes of all pictures, for COCO's average precision."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._truth: list[Boxes] = []
        self._found: list[Boxes] = []
        self._result: AveragePrecision | None = None

    def update(self, predictions: Sequence[Prediction], targets: Sequence[Target]) -> None:
        self._result = None
        for prediction, target in zip(predictions, targets, strict=True):
            self._found.append(
                Boxes(prediction["boxes"], prediction["labels"], scores=prediction["scores"])
            )
            self._truth.append(Boxes(target["boxes"], target["labels"], crowd=target["crowd"]))

    def merge(self, others: Iterable[Self]) -> None:
        self._result = None
        for other in others:
            self._truth += other._truth
            self._found += other._found

    def compute(self) -> dict[str, float | None]:
        result = self._average_precision()
        return {
            "map": result.map,
            "map50": result.map50,
            "map75": result.map75,
            "mar100": result.mar100,
        }

    def per_class(self) -> dict[str, dict[str, float | None]]:
        result = self._average_precision()
        totals = [0] * len(self._classes)
        for boxes in self._truth:
            assert boxes.crowd is not None
            for number in boxes.labels[~boxes.crowd].tolist():
                totals[number] += 1
        return {
            name: {"ap": result.ap[number], "ap50": result.ap50[number], "boxes": totals[number]}
            for number, name in enumerate(self._classes)
        }

    def _average_precision(self) -> AveragePrecision:
        if self._result is None:
            self._result = average_precision(self._truth, self._found, len(self._classes))
        return self._result


@KINDS.add("detection")
class Detection(Task[fcos.FcosBatch, fcos.FcosRaw]):
    """Boxes by FCOS on the shared pyramid.

    A target holds `boxes` `[N, 4]` xyxy, `labels` `[N]` int64, and `crowd` `[N]` bool; a
    prediction holds `boxes`, `labels` and `scores` `[N]`, best first.
    """

    kind = "detection"
    Options = DetectionOptions
    Facts = DetectionFacts
    takes = (ObjectsLabel,)
    metrics = {"map": "max", "map50": "max", "map75": "max", "mar100": "max"}
    outputs = ("logits", "boxes", "centerness")

    options: DetectionOptions
    facts: DetectionFacts

    def __init__(self, options: DetectionOptions, facts: DetectionFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._strides = [level_stride(level) for level in options.levels]

    @classmethod
    def prepare(cls, options: DetectionOptions, values: Iterable[LabelValue]) -> Self:
        classes = options.classes
        if classes is None:
            found = {
                item.name
                for value in values
                if isinstance(value, ObjectsLabel)
                for item in value.objects
            }
            classes = tuple(sorted(found))
        if not classes:
            raise LabelError("a detection needs boxes to learn from", found="no box at all")
        return cls(options, DetectionFacts(classes=classes))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> ObjectsLabel:
        height, width = size
        objects = []
        for name in ("a", "b", "a"):
            x, y = torch.rand(2, generator=generator).tolist()
            box = (x * width / 2, y * height / 2, (x + 1) * width / 2, (y + 1) * height / 2)
            objects.append(Object(name, box))
        return ObjectsLabel(tuple(objects))

    @property
    def levels(self) -> tuple[str, ...]:
        return self.options.levels

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return fcos.FcosHead(
            specs, len(self.facts.classes), self.options.depth, self.options.dropout
        )

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, ObjectsLabel)
        corners, labels, crowd = [], [], []
        for item in value.objects:
            if item.name not in self._numbers:
                raise unknown_class(item.name, self.facts.classes)
            box = clipped(item.box, size)
            if has_area(box):
                corners.append(box)
                labels.append(self._numbers[item.name])
                crowd.append(item.crowd)
        boxes = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
        return {
            "boxes": _bounding_boxes(boxes, size),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "crowd": torch.tensor(crowd, dtype=torch.bool),
        }

    def remarks(self, value: LabelValue, size: tuple[int, int]) -> tuple[str, ...]:
        assert isinstance(value, ObjectsLabel)
        found = []
        for item in value.objects:
            box = clipped(item.box, size)
            if not has_area(item.box):
                found.append("box without area dropped")
            elif not has_area(box):
                found.append("box outside the picture dropped")
            elif max(abs(a - b) for a, b in zip(box, item.box, strict=True)) > 1:
                found.append("box across the border clipped")
        return tuple(found)

    def clean(self, target: Target, frame: Tensor) -> Target | None:
        boxes = target["boxes"]
        assert isinstance(boxes, BoundingBoxes)
        corners = boxes.as_subclass(Tensor)
        inside = corners.maximum(frame[:2].repeat(2)).minimum(frame[2:].repeat(2))
        area = areas(corners)
        kept = (areas(inside) >= MIN_VISIBLE * area) & (sides(inside).amin(dim=1) >= 1)
        return {
            "boxes": _bounding_boxes(inside[kept], boxes.canvas_size),
            "labels": target["labels"][kept],
            "crowd": target["crowd"][kept],
        }

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> fcos.FcosBatch:
        alone = [~target["crowd"] for target in targets]
        return fcos.collate(
            [t["boxes"].as_subclass(Tensor)[keep] for t, keep in zip(targets, alone, strict=True)],
            [target["labels"][keep] for target, keep in zip(targets, alone, strict=True)],
            self._strides,
            size,
        )

    def counts(self, batch: fcos.FcosBatch) -> dict[str, Tensor]:
        return fcos.counts(batch)

    def loss(
        self, raw: fcos.FcosRaw, batch: fcos.FcosBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        return fcos.loss(raw, batch, counts)

    def decode(self, raw: fcos.FcosRaw, size: tuple[int, int]) -> list[Prediction]:
        found = fcos.decode(
            raw,
            size,
            threshold=self.options.threshold,
            nms=self.options.nms,
            limit=self.options.limit,
        )
        return [
            {"boxes": _bounding_boxes(boxes, size), "scores": scores, "labels": labels}
            for boxes, scores, labels in found
        ]

    def meter(self) -> DetectionMeter:
        return DetectionMeter(self.facts.classes)

    def draw(self, image: Tensor, prediction: Prediction, target: Target | None) -> Tensor:
        if target is not None:
            truth = [drawing.color_of(number) for number in target["labels"].tolist()]
            image = drawing.boxes(image, target["boxes"], truth)
        # The best last, so that it lies on top.
        sure = (prediction["scores"] >= DRAWN).nonzero().squeeze(1).flip(0)
        labels = prediction["labels"][sure].tolist()
        scores = prediction["scores"][sure].tolist()
        return drawing.boxes(
            image,
            prediction["boxes"][sure],
            [drawing.color_of(number) for number in labels],
            [f"{self.facts.classes[n]} {s:.0%}" for n, s in zip(labels, scores, strict=True)],
        )

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        columns = (prediction[name].tolist() for name in ("boxes", "scores", "labels"))
        return {
            "objects": [
                {"class": self.facts.classes[label], "score": score, "box": box}
                for box, score, label in zip(*columns, strict=True)
            ]
        }

    def export(self, raw: fcos.FcosRaw) -> tuple[Tensor, ...]:
        return raw.logits, raw.boxes, raw.centerness


def _bounding_boxes(corners: Tensor, size: tuple[int, int]) -> BoundingBoxes:
    # Without clamping, an augmentation leaves boxes beyond the frame, and `clean` can tell how
    # much of each is still inside.
    return BoundingBoxes(
        corners, format=BoundingBoxFormat.XYXY, canvas_size=size, clamping_mode=None
    )
