"""Detection: boxes of objects, each of one class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import AfterValidator, Field, PositiveInt, model_validator
from torch import Tensor, nn
from torchvision.tv_tensors import BoundingBoxes

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DETECTORS, layouts_of
from mtcli.core.heads.detector import Detector, Truth
from mtcli.core.labels import (
    LabelError,
    LabelValue,
    Object,
    ObjectsLabel,
    looked_for_mask,
    unknown_class,
)
from mtcli.core.metrics.detection import DetectionMeter
from mtcli.core.ops import drawing
from mtcli.core.ops.boxes import areas, as_boxes, clipped, has_area, sides
from mtcli.core.ops.suppression import detections
from mtcli.core.options import ClassNames, Options
from mtcli.core.task import Prediction, Target, Task, View, with_score
from mtcli.core.tasks import KINDS

MIN_VISIBLE = 0.1
"""A box keeps its label while at least this share of it is inside the frame."""

DRAWN = 0.5
"""The least score of a box in a picture for people."""

Level = Literal["p2", "p3", "p4", "p5", "p6", "p7"]
Layout = Literal["mtcli", "torchvision", "torchvision_v2"]


def _finest_first(levels: tuple[Level, ...]) -> tuple[Level, ...]:
    if list(levels) != sorted(set(levels)):
        raise ValueError("levels stand once each, finest (p2) first")
    return levels


def _known_head(name: str) -> str:
    if name not in DETECTORS.names():
        raise ValueError(" or ".join(DETECTORS.names()))
    return name


Head = Annotated[str, AfterValidator(_known_head)]


class DetectionOptions(Options):
    """What a config may say of a detection."""

    classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    head: Head = "fcos"
    """What looks for them: `fcos`, `retinanet`, or `faster_rcnn` in two stages."""
    levels: Annotated[tuple[Level, ...], Field(min_length=1), AfterValidator(_finest_first)] = (
        "p2",
        "p3",
        "p4",
        "p5",
    )
    """Levels of the pyramid that are searched; `p2` (stride 4) finds the smallest objects."""
    layout: Layout = "mtcli"
    """How the head is built: `mtcli`, or as in a network that torchvision publishes, whose weights
    then fit: `torchvision` or, but for `fcos`, `torchvision_v2`."""
    depth: PositiveInt | None = None
    """Convolutions in each of the head's towers, or before the proposals; null: as suits it."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of whole channels, before the head's last layers."""
    threshold: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """The least score of a detection."""
    nms: Annotated[float, Field(gt=0, le=1)] = 0.6
    """Of two boxes of one class that overlap by more (IoU), the better one stays."""
    limit: PositiveInt = 100
    """The most detections in a picture."""

    @property
    def detector(self) -> type[Detector]:
        """The head in its layout."""
        return layouts_of(self.head)[self.layout]

    @model_validator(mode="after")
    def _as_published(self) -> DetectionOptions:
        known = layouts_of(self.head)
        if self.layout not in known:
            raise ValueError(f"the layout {' or '.join(known)} of the head {self.head}")
        if self.layout != "mtcli" and self.depth is not None:
            raise ValueError(f"no depth beside the layout {self.layout}, which has its own")
        return self

    @model_validator(mode="after")
    def _without_gaps(self) -> DetectionOptions:
        numbers = [int(level[1:]) for level in self.levels]
        if DETECTORS.get(self.head).pools and numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise ValueError(f"the head {self.head} reads levels without a gap between them")
        return self


class DetectionFacts(Options):
    """The names of the classes, in the order of the logits."""

    classes: tuple[str, ...]


@KINDS.add("detection")
class Detection(Task[Any, Any]):
    """Boxes of objects, by a head of choice on the shared pyramid.

    A target holds `boxes` `[N, 4]` xyxy, `labels` `[N]` int64, `crowd` `[N]` bool, and
    `looked_for` `[K]` bool; a prediction holds `boxes`, `labels` and `scores` `[N]`, best first.
    Batch and Raw are the head's.
    """

    kind = "detection"
    Options = DetectionOptions
    Facts = DetectionFacts
    takes = (ObjectsLabel,)
    metrics = {"map": "max", "map50": "max", "map75": "max", "mar100": "max"}
    outputs = ("scores", "boxes")
    partial = True

    options: DetectionOptions
    facts: DetectionFacts

    def __init__(self, options: DetectionOptions, facts: DetectionFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        self._detector = options.detector(
            len(facts.classes),
            options.levels,
            options.depth or options.detector.depth,
            options.dropout,
        )

    @classmethod
    def prepare(cls, options: DetectionOptions, values: Iterable[LabelValue]) -> Self:
        names: set[str] = set()
        for value in values:
            assert isinstance(value, ObjectsLabel)
            names |= {item.name for item in value.objects} | {*(value.looked_for or ())}
            if value.looked_for is not None and not DETECTORS.get(options.head).partial:
                raise LabelError(
                    f"the head {options.head} cannot learn where only some classes were looked for",
                    mend="head: fcos or retinanet can",
                )
        classes = options.classes or tuple(sorted(names))
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
        return self._detector.layers(specs)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, ObjectsLabel)
        looked_for = looked_for_mask(value.looked_for, self.facts.classes)
        corners, labels, crowd = [], [], []
        for item in value.in_pixels(size).objects:
            if item.name not in self._numbers:
                raise unknown_class(item.name, self.facts.classes)
            if not looked_for[self._numbers[item.name]]:
                continue  # a find by the way says nothing of what was passed over
            box = clipped(item.box, size)
            if has_area(box):
                corners.append(box)
                labels.append(self._numbers[item.name])
                crowd.append(item.crowd)
        boxes = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
        return {
            "boxes": as_boxes(boxes, size),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "crowd": torch.tensor(crowd, dtype=torch.bool),
            "looked_for": torch.tensor(looked_for),
        }

    def remarks(self, value: LabelValue, size: tuple[int, int]) -> tuple[str, ...]:
        assert isinstance(value, ObjectsLabel)
        found = []
        for item in value.in_pixels(size).objects:
            box = clipped(item.box, size)
            if not has_area(item.box):
                found.append("box without area dropped")
            elif not has_area(box):
                found.append("box outside the picture dropped")
            elif max(abs(a - b) for a, b in zip(box, item.box, strict=True)) > 1:
                found.append("box across the border clipped")
        return tuple(found)

    def clean(self, target: Target, view: View) -> Target | None:
        boxes = target["boxes"]
        assert isinstance(boxes, BoundingBoxes)
        corners, frame = boxes.as_subclass(Tensor), view.frame
        inside = corners.maximum(frame[:2].repeat(2)).minimum(frame[2:].repeat(2))
        area = areas(corners)
        kept = (areas(inside) >= MIN_VISIBLE * area) & (sides(inside).amin(dim=1) >= 1)
        return {
            "boxes": as_boxes(inside[kept], boxes.canvas_size),
            "labels": target["labels"][kept],
            "crowd": target["crowd"][kept],
            "looked_for": target["looked_for"],
        }

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Any:
        truth = []
        for target in targets:
            alone = ~target["crowd"]
            boxes, labels = target["boxes"].as_subclass(Tensor)[alone], target["labels"][alone]
            truth.append(Truth(boxes, labels, target["looked_for"]))
        return self._detector.collate(truth, size)

    def counts(self, batch: Any) -> dict[str, Tensor]:
        return self._detector.counts(batch)

    def loss(self, raw: Any, batch: Any, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._detector.loss(raw, batch, counts)

    def decode(self, raw: Any, size: tuple[int, int]) -> list[Prediction]:
        found = []
        for scores, boxes in zip(*self._detector.scored(raw), strict=True):
            corners, kept_scores, labels = detections(
                scores,
                boxes,
                size,
                threshold=self.options.threshold,
                nms=self.options.nms,
                limit=self.options.limit,
            )
            found.append(
                {"boxes": as_boxes(corners, size), "scores": kept_scores, "labels": labels}
            )
        return found

    def meter(self) -> DetectionMeter:
        return DetectionMeter(self.facts.classes)

    def truth(self, target: Target) -> Prediction:
        """Without the regions of many objects, which ask for no box."""
        alone = ~target["crowd"]
        boxes = target["boxes"]
        assert isinstance(boxes, BoundingBoxes)
        return {
            "boxes": as_boxes(boxes.as_subclass(Tensor)[alone], boxes.canvas_size),
            "scores": torch.ones(int(alone.sum())),
            "labels": target["labels"][alone],
        }

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
            [with_score(self.facts.classes[n], s) for n, s in zip(labels, scores, strict=True)],
        )

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        columns = (prediction[name].tolist() for name in ("boxes", "scores", "labels"))
        return {
            "objects": [
                {"class": self.facts.classes[label], "score": score, "box": box}
                for box, score, label in zip(*columns, strict=True)
            ]
        }

    def export(self, raw: Any) -> tuple[Tensor, ...]:
        return self._detector.scored(raw)
