"""Detection: boxes of objects, each of one class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field, PositiveInt, model_validator
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
from mtcli.core.ops.boxes import as_boxes, mended, share_alike, visible
from mtcli.core.ops.sheet import Sheet
from mtcli.core.ops.suppression import detections
from mtcli.core.options import ClassNames, DetectorName, Options, PyramidLevels
from mtcli.core.task import Prediction, Target, Task, View, with_score
from mtcli.core.tasks import KINDS

MIN_VISIBLE = 0.1
"""A box keeps its label while at least this share of it is inside the frame."""

DRAWN = 0.5
"""The least score of a box in a picture for people."""

ALIKE = 0.9
"""Two answers agree on boxes of one class that overlap by at least this (IoU)."""

Layout = Literal["mtcli", "torchvision", "torchvision_v2"]


class DetectionOptions(Options):
    """What a config may say of a detection."""

    classes: Annotated[ClassNames, Field(min_length=1)] | None = None
    """Their names in the order of the logits; null: those of the training split, sorted."""
    head: DetectorName = "fcos"
    """What looks for them: `fcos`, `retinanet`, or `faster_rcnn` in two stages."""
    levels: PyramidLevels = ("p2", "p3", "p4", "p5")
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
    def _as_the_head_asks(self) -> DetectionOptions:
        known = layouts_of(self.head)
        if self.layout not in known:
            raise ValueError(f"the layout {' or '.join(known)} of the head {self.head}")
        if self.layout != "mtcli" and self.depth is not None:
            raise ValueError(f"no depth beside the layout {self.layout}, which has its own")
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
    outputs = {
        "boxes": "[D, 4] float32: x1, y1, x2, y2 in pixels of the input, of all pictures together, "
        "picture by picture and the best first",
        "scores": "[D] float32 in [0, 1]: how sure each box is",
        "labels": "[D] int64: the number of each box's class",
        "image": "[D] int64: which picture of the batch each box is of, from 0",
        "counts": "[N] int64: how many boxes each picture has",
    }
    raw_outputs = {
        "scores": "[N, P, K] float32 in [0, 1]: of each of P places and each class",
        "boxes": "[N, P, 4], or [N, P, K, 4] where each class has its own, float32: x1, y1, x2, y2 "
        "in pixels of the input, also beyond its border",
    }
    partial = True

    options: DetectionOptions
    facts: DetectionFacts

    def __init__(self, options: DetectionOptions, facts: DetectionFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.classes)}
        depth = options.depth or options.detector.depth
        self._detector = options.detector(
            len(facts.classes), options.levels, depth, options.dropout
        )
        self._suppressed = partial(
            detections, threshold=options.threshold, nms=options.nms, limit=options.limit
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
            box, _ = mended(item.box, size)
            if box is not None:
                corners.append(box)
                labels.append(self._numbers[item.name])
                crowd.append(item.crowd)
        return {
            "boxes": as_boxes(corners, size),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "crowd": torch.tensor(crowd, dtype=torch.bool),
            "looked_for": torch.tensor(looked_for),
        }

    def remarks(self, value: LabelValue, size: tuple[int, int]) -> tuple[str, ...]:
        assert isinstance(value, ObjectsLabel)
        remarks = (mended(item.box, size)[1] for item in value.in_pixels(size).objects)
        return tuple(remark for remark in remarks if remark is not None)

    def clean(self, target: Target, view: View) -> Target | None:
        boxes = target["boxes"]
        assert isinstance(boxes, BoundingBoxes)
        inside, kept = visible(boxes.as_subclass(Tensor), view.frame, MIN_VISIBLE)
        return {
            "boxes": as_boxes(inside[kept], boxes.canvas_size),
            "labels": target["labels"][kept],
            "crowd": target["crowd"][kept],
            "looked_for": target["looked_for"],
        }

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> Any:
        truth = [Truth(*_alone(target), target["looked_for"]) for target in targets]
        return self._detector.collate(truth, size)

    def counts(self, batch: Any) -> dict[str, Tensor]:
        return self._detector.counts(batch)

    def loss(self, raw: Any, batch: Any, counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self._detector.loss(raw, batch, counts)

    def meter(self) -> DetectionMeter:
        return DetectionMeter(self.facts.classes)

    def truth(self, target: Target) -> Prediction:
        """Without the regions of many objects, which ask for no box."""
        corners, labels = _alone(target)
        boxes = target["boxes"]
        assert isinstance(boxes, BoundingBoxes)
        return {
            "boxes": as_boxes(corners, boxes.canvas_size),
            "scores": torch.ones(len(labels)),
            "labels": labels,
        }

    def draw(self, sheet: Sheet, prediction: Prediction, target: Target | None) -> None:
        if target is not None:
            sheet.true_boxes(target["boxes"])
        shown = _shown(prediction)
        labels = shown["labels"].tolist()
        names = [self.facts.classes[number] for number in labels]
        scores = shown["scores"].tolist()
        # Where there is no room for the name, the colour says it.
        texts = [
            [text for text in (with_score(n, s), with_score("", s).strip()) if text]
            for n, s in zip(names, scores, strict=True)
        ]
        sheet.boxes(shown["boxes"], labels, self.facts.classes, texts)

    def summary(self, prediction: Prediction) -> str:
        """How many there are of each class."""
        labels = _shown(prediction)["labels"]
        counts = torch.bincount(labels, minlength=len(self.facts.classes)).tolist()
        told = [f"{name} ×{n}" for name, n in zip(self.facts.classes, counts, strict=True) if n]
        return ", ".join(told) or "nothing"

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        columns = (prediction[name].tolist() for name in ("boxes", "scores", "labels"))
        return {
            "objects": [
                {"class": self.facts.classes[label], "score": score, "box": box}
                for box, score, label in zip(*columns, strict=True)
            ]
        }

    def export(self, raw: Any, size: tuple[int, int]) -> dict[str, Tensor]:
        return self._suppressed(*self._detector.scored(raw), size)

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        each = tensors["counts"].tolist()
        columns = (torch.split(tensors[name], each) for name in ("boxes", "scores", "labels"))
        return [
            {"boxes": as_boxes(boxes, size), "scores": scores, "labels": labels}
            for boxes, scores, labels in zip(*columns, strict=True)
        ]

    def export_raw(self, raw: Any) -> dict[str, Tensor]:
        scores, boxes = self._detector.scored(raw)
        return {"scores": scores, "boxes": boxes}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        found = self._suppressed(tensors["scores"], tensors["boxes"], size)
        return self.predictions(found, size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of boxes that a person is shown, of both answers, that the other has too."""
        first, second = (_shown(answer) for answer in (one, other))
        return share_alike(
            first["boxes"], first["labels"], second["boxes"], second["labels"], ALIKE
        )


def _shown(prediction: Prediction) -> Prediction:
    """The boxes that a person is shown."""
    sure = prediction["scores"] >= DRAWN
    return {name: values.as_subclass(Tensor)[sure] for name, values in prediction.items()}


def _alone(target: Target) -> tuple[Tensor, Tensor]:
    """Corners `[N, 4]` and labels `[N]` without the regions of many objects."""
    alone = ~target["crowd"]
    return target["boxes"].as_subclass(Tensor)[alone], target["labels"][alone]
