"""Keypoints: named points of a picture, each visible, hidden or missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field, PositiveFloat
from torch import Tensor, nn
from torchvision.tv_tensors import BoundingBoxes

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import DENSE_HEADS
from mtcli.core.labels import LabelError, LabelValue, Point, PointsLabel
from mtcli.core.metrics.keypoints import KeypointsMeter
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.ops.heatmaps import gaussians, near_mass, peaks
from mtcli.core.ops.points import HIDDEN, MISSING, VISIBLE, as_points, places_of, share_near
from mtcli.core.ops.sheet import Sheet
from mtcli.core.options import ClassNames, DenseHeadName, Options
from mtcli.core.sides import Pairs, mirrored_order, unknown_point
from mtcli.core.task import Prediction, Target, Task, View
from mtcli.core.tasks import KINDS

REACH = 3.0
"""A point's score is the probability of the cells no further than this many sigmas."""

MAX_RADIUS = 3
"""The least map, of 8 cells a side, has room for a window of 7."""

DRAWN = 0.5
"""The least score of a point in a picture for people."""


def _each_in_one(pairs: Pairs) -> Pairs:
    names = [name for pair in pairs for name in pair]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"each point in one pair; {name} stands twice")
    return pairs


class KeypointsOptions(Options):
    """What a config may say of keypoints."""

    points: Annotated[ClassNames, Field(min_length=1)] | None = None
    """Their names, others being left out; null: as the labels name them."""
    swaps: Annotated[Pairs, AfterValidator(_each_in_one)] | None = None
    """Pairs of names that change places in a mirror; null: as the labels say, else those that
    differ in left and right."""
    head: DenseHeadName = "fpn"
    """What looks for the points: `fpn`, or `deeplab`, which sees more around each place."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of whole channels, before the last layer."""
    sigma: PositiveFloat = 2.0
    """How far around a point the head is to answer, in cells of the head (of 4 pixels)."""


class KeypointsFacts(Options):
    """The names of the points, in the order of the heat maps, and what the labels say of swaps."""

    points: tuple[str, ...]
    swaps: Pairs | None = None


@dataclass(frozen=True, slots=True)
class KeypointsBatch:
    """Places `[N, K, 2]` x, y in input pixels, and which of them are known `[N, K]` bool."""

    places: Tensor
    known: Tensor


@KINDS.add("keypoints")
class Keypoints(Task[KeypointsBatch, Tensor]):
    """One place for each named point, by a heat map of its own.

    A target holds `points`, `[K, 4]`, and `visibility` `[K]` int64, 0 missing, 1 hidden, 2
    visible; a prediction holds `points` and `scores` `[K]`. Raw is logits `[N, K, h, w]` of the
    head's finest level.

    Points travel as boxes without area (x, y, x, y). torchvision's KeyPoints would be flipped by
    the number of their pixel, which leaves x on a scale of one pixel less than boxes and pictures
    have, and clamped to the frame, so that what left it looks as if it were at the border.
    """

    kind = "keypoints"
    Options = KeypointsOptions
    Facts = KeypointsFacts
    takes = (PointsLabel,)
    metrics = {"pck": "max", "error": "min"}
    outputs = {
        "points": "[N, K, 2] float32: x, y of each point in pixels of the input",
        "scores": "[N, K] float32 in [0, 1]: how sure it is that the point is there",
    }
    raw_outputs = {
        "heatmaps": "[N, K, h, w] float32: what the softmax over all cells of a map is taken of"
    }

    options: KeypointsOptions
    facts: KeypointsFacts

    def __init__(self, options: KeypointsOptions, facts: KeypointsFacts) -> None:
        self.options = options
        self.facts = facts
        self._numbers = {name: number for number, name in enumerate(facts.points)}
        self._head = DENSE_HEADS.get(options.head)
        self._stride = level_stride(self._head.levels[0])
        self._mirrored = mirrored_order(
            options.swaps if options.swaps is not None else facts.swaps, facts.points
        )

    @classmethod
    def prepare(cls, options: KeypointsOptions, values: Iterable[LabelValue]) -> Self:
        names: dict[str, None] = {}  # a set that keeps the labels' order
        swaps: Pairs | None = None
        for value in values:
            assert isinstance(value, PointsLabel)
            names |= dict.fromkeys(value.names)
            swaps = value.swaps if swaps is None else swaps
        for name in options.points or ():
            if name not in names:
                raise unknown_point(name, tuple(names))
        points = options.points or tuple(names)
        if not points:
            raise LabelError("keypoints need points to learn from", found="none")
        if swaps is not None:
            swaps = tuple(pair for pair in swaps if set(pair) <= set(points))
        return cls(options, KeypointsFacts(points=points, swaps=swaps))

    @classmethod
    def example(cls, generator: torch.Generator, size: tuple[int, int]) -> PointsLabel:
        places = 0.1 + 0.8 * torch.rand(3, 2, generator=generator)
        visible, there = (torch.rand(2, generator=generator) < 0.7).tolist()
        points = [
            Point(x * size[1], y * size[0], shown)
            for (x, y), shown in zip(places.tolist(), (True, visible, True), strict=True)
        ]
        return PointsLabel(
            ("left end", "right end", "tip"), (*points[:2], points[2] if there else None)
        )

    @property
    def levels(self) -> tuple[str, ...]:
        return self._head.levels

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return self._head(specs, len(self.facts.points), self.options.dropout)

    def read(self, value: LabelValue, size: tuple[int, int]) -> Target | None:
        assert isinstance(value, PointsLabel)
        places = torch.zeros(len(self.facts.points), 2)
        visibility = torch.full((len(self.facts.points),), MISSING)
        label = value.in_pixels(size)
        for name, point in zip(label.names, label.points, strict=True):
            number = self._numbers.get(name)
            if number is None and self.options.points is None:
                raise unknown_point(name, self.facts.points)
            if number is None or point is None:
                continue
            _check_far(name, point, size)
            if _is_inside(point, size):
                places[number] = torch.tensor([point.x, point.y])
                visibility[number] = VISIBLE if point.visible else HIDDEN
        return _known({"points": as_points(places, size), "visibility": visibility})

    def remarks(self, value: LabelValue, size: tuple[int, int]) -> tuple[str, ...]:
        assert isinstance(value, PointsLabel)
        label = value.in_pixels(size)
        return tuple(
            "point outside the picture left out"
            for name, point in zip(label.names, label.points, strict=True)
            if name in self._numbers and point is not None and not _is_inside(point, size)
        )

    def clean(self, target: Target, view: View) -> Target | None:
        boxes, visibility = target["points"], target["visibility"]
        assert isinstance(boxes, BoundingBoxes)
        corners, frame = boxes.as_subclass(Tensor), view.frame
        inside = ((corners[:, :2] >= frame[:2]) & (corners[:, :2] <= frame[2:])).all(dim=1)
        visibility = torch.where(inside, visibility, MISSING)
        if view.mirrored:
            corners, visibility = corners[self._mirrored], visibility[self._mirrored]
        return _known({"points": as_boxes(corners, boxes.canvas_size), "visibility": visibility})

    def collate(self, targets: Sequence[Target], size: tuple[int, int]) -> KeypointsBatch:
        places = torch.stack([places_of(target["points"]) for target in targets])
        visibility = torch.stack([target["visibility"] for target in targets])
        return KeypointsBatch(places, visibility != MISSING)

    def counts(self, batch: KeypointsBatch) -> dict[str, Tensor]:
        return {"points": batch.known.sum().float()}

    def loss(
        self, raw: Tensor, batch: KeypointsBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Cross-entropy of the heat map, a distribution over all cells, a known point.

        The target is a Gaussian around the point, normalised over the cells; hidden points are
        taught too. The target's own entropy, a constant, is taken off: a perfect map costs 0.
        """
        found = raw.float().flatten(2).log_softmax(dim=2)
        size = (raw.shape[2], raw.shape[3])
        wanted = gaussians(batch.places / self._stride, size, self.options.sigma)
        losses = F.kl_div(found, wanted.flatten(2), reduction="none", log_target=True).sum(dim=2)
        return {"heatmap": (losses * batch.known).sum() / counts["points"].clamp(min=1)}

    def meter(self) -> KeypointsMeter:
        return KeypointsMeter(self.facts.points)

    def truth(self, target: Target) -> Prediction:
        """A missing point has the score 0."""
        known = target["visibility"] != MISSING
        return {"points": target["points"], "scores": known.float()}

    def draw(self, sheet: Sheet, prediction: Prediction, target: Target | None) -> None:
        if target is not None:
            known = target["visibility"] != MISSING
            sheet.true_points(places_of(target["points"])[known])
        sure = (prediction["scores"] >= DRAWN).nonzero().squeeze(1).tolist()
        sheet.points(places_of(prediction["points"])[sure], sure, self.facts.points)

    def summary(self, prediction: Prediction) -> str:
        """The points that it is rather sure of."""
        sure = (prediction["scores"] >= DRAWN).nonzero().squeeze(1).tolist()
        return ", ".join(self.facts.points[number] for number in sure) or "nothing"

    def to_json(self, prediction: Prediction) -> dict[str, Any]:
        places = places_of(prediction["points"]).tolist()
        columns = zip(self.facts.points, places, prediction["scores"].tolist(), strict=True)
        return {
            "points": [
                {"name": name, "x": x, "y": y, "score": score} for name, (x, y), score in columns
            ]
        }

    def export(self, raw: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        logits, sigma = raw.float(), self.options.sigma
        places = peaks(logits, min(max(1, round(sigma)), MAX_RADIUS))
        scores = near_mass(logits, places, REACH * sigma)
        return {"points": places * self._stride, "scores": scores}

    def predictions(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return [
            {"points": as_points(places, size), "scores": scores}
            for places, scores in zip(tensors["points"], tensors["scores"], strict=True)
        ]

    def export_raw(self, raw: Tensor) -> dict[str, Tensor]:
        return {"heatmaps": raw.float()}

    def decode_raw(self, tensors: Mapping[str, Tensor], size: tuple[int, int]) -> list[Prediction]:
        return self.decode(tensors["heatmaps"], size)

    def agreement(self, one: Prediction, other: Prediction) -> float:
        """The share of points within 1 % of the diagonal, of those that one or both are sure of."""
        sure = one["scores"].maximum(other["scores"]) >= DRAWN
        return share_near(one["points"], other["points"], sure, 0.01)


def _known(target: Target) -> Target | None:
    """The target, if it has a point that is not missing."""
    return target if bool((target["visibility"] != MISSING).any()) else None


def _is_inside(point: Point, size: tuple[int, int]) -> bool:
    return 0 <= point.x <= size[1] and 0 <= point.y <= size[0]


def _check_far(name: str, point: Point, size: tuple[int, int]) -> None:
    """See that a point could belong to the picture.

    Raises:
        LabelError: it is further outside than the picture is large, or nowhere.
    """
    for place, side in ((point.x, size[1]), (point.y, size[0])):
        if not -side <= place <= 2 * side:  # nor NaN
            raise LabelError(
                f'the point "{name}" is far outside its picture',
                found=f"x {point.x:g}, y {point.y:g}, the picture {size[1]} wide, {size[0]} high",
                mend="give points in pixels of this picture, or in shares of its sides",
            )
