"""FCOS, a dense one-stage detector without anchors.

Tian et al., "FCOS: A Simple and Strong Anchor-Free Object Detector", TPAMI 2020
(arXiv:2006.09214). Every cell of every pyramid level says what it sees, how far the four sides
of the box are, and how central in the box it lies. The structure follows torchvision's
`models.detection.fcos`, whose matching and post-processing are methods of a whole model.

Departures: the levels start at stride 4, since small objects need it; the matching runs where
batches are collated, so that the loss indexes known cells and reads nothing back from the device.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import DETECTORS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.detector import Detector, Truth
from mtcli.core.heads.towers import by_cell, focal_sum, start_rare, tower
from mtcli.core.ops.boxes import cell_centers, generalized_iou

CENTER_RADIUS = 1.5
"""Cells within this many strides of a box's centre may be positive."""

MAX_LOG_DISTANCE = 6.0
"""exp(6) = 403 strides: beyond any picture, and finite in half precision."""


@dataclass(frozen=True, slots=True)
class FcosRaw:
    """What the head says of every cell, levels one after another: P cells in all.

    Attributes:
        logits: `[N, P, K]`.
        boxes: `[N, P, 4]` xyxy, input pixels.
        centerness: `[N, P]` logits.
    """

    logits: Tensor
    boxes: Tensor
    centerness: Tensor


@dataclass(frozen=True, slots=True)
class FcosBatch:
    """The positive cells of a batch: M in all, found by `match` for each picture.

    Attributes:
        cells: `[M]` int64, picture number times P plus cell number.
        labels: `[M]` int64 class numbers.
        boxes: `[M, 4]` float32 xyxy, input pixels.
        centerness: `[M]` float32 in [0, 1].
        looked_for: `[N, K]` bool, the classes whose absence means something; None: all.
    """

    cells: Tensor
    labels: Tensor
    boxes: Tensor
    centerness: Tensor
    looked_for: Tensor | None = None


class FcosHead(nn.Module):
    """Two towers of `depth` 3×3 convolutions with GroupNorm, shared by all levels.

    Args:
        specs: the levels, finest first; all of the same number of channels.
        classes: K.
        depth: convolutions in each tower (the paper has 4).
        dropout: probability of dropping a whole channel before the last layers.
    """

    by_class = {"class_logits.weight": ClassRows(), "class_logits.bias": ClassRows()}

    def __init__(
        self, specs: Mapping[str, FeatureSpec], classes: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        self.levels = tuple(specs)
        self.strides = tuple(spec.stride for spec in specs.values())
        channels = next(iter(specs.values())).channels
        self.class_tower = tower(channels, depth, dropout)
        self.box_tower = tower(channels, depth, dropout)
        self.class_logits = nn.Conv2d(channels, classes, 3, padding=1)
        self.box_distances = nn.Conv2d(channels, 4, 3, padding=1)
        self.centerness = nn.Conv2d(channels, 1, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(specs)))
        for last in (self.class_logits, self.box_distances, self.centerness):
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        start_rare(self.class_logits)

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> FcosRaw:
        """Maps `[N, C, H, W]` of the head's levels to the answer of every cell."""
        logits, boxes, centerness = [], [], []
        for number, (level, stride) in enumerate(zip(self.levels, self.strides, strict=True)):
            feature = features[level]
            seen = self.class_tower(feature)
            placed = self.box_tower(feature)
            logits.append(by_cell(self.class_logits(seen)))
            centerness.append(by_cell(self.centerness(placed)).squeeze(2))
            log_distances = by_cell(self.box_distances(placed)).float() * self.scales[number]
            distances = log_distances.clamp(max=MAX_LOG_DISTANCE).exp() * stride
            points = cell_centers(feature.shape[2], feature.shape[3], stride, feature.device)
            boxes.append(boxes_about(points, distances))
        return FcosRaw(torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(centerness, 1))


def boxes_about(points: Tensor, distances: Tensor) -> Tensor:
    """Boxes `[N, P, 4]` xyxy by the distances of their four sides from points `[P, 2]`."""
    return torch.cat([points - distances[..., :2], points + distances[..., 2:]], dim=2)


def match(
    boxes: Tensor, strides: Sequence[int], size: tuple[int, int], offset: float = 0.5
) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells are to find which boxes (the paper's section 3.1, with centre sampling).

    A cell is positive for a box when it lies in it, within `CENTER_RADIUS` strides of its
    centre, and the farthest of the box's sides is in the level's range: more than 8 strides of
    the level before (0 at the finest), at most 8 of its own (any at the coarsest). Of several
    boxes the smallest wins.

    Args:
        boxes: `[B, 4]` xyxy, input pixels.
        strides: of the levels, finest first.
        size: height, width of the network's input.
        offset: see `cell_centers`.

    Returns:
        cells `[M]`, the box of each `[M]`, and its centerness `[M]` (the paper's equation 3).
    """
    points, steps, lower, upper = [], [], [], []
    for number, stride in enumerate(strides):
        centers = cell_centers(size[0] // stride, size[1] // stride, stride, None, offset)
        first, last = number == 0, number == len(strides) - 1
        points.append(centers)
        steps.append(centers.new_full((len(centers), 1), stride))
        lower.append(centers.new_full((len(centers), 1), 0 if first else 8 * strides[number - 1]))
        upper.append(centers.new_full((len(centers), 1), math.inf if last else 8 * stride))
    point, step = torch.cat(points)[:, None], torch.cat(steps)
    sides = torch.cat([point - boxes[:, :2], boxes[:, 2:] - point], dim=2)  # [P, B, 4]
    away = (point - (boxes[:, :2] + boxes[:, 2:]) / 2).abs().amax(dim=2)  # [P, B]
    farthest = sides.amax(dim=2)
    positive = (
        (sides.amin(dim=2) > 0)
        & (away < CENTER_RADIUS * step)
        & (farthest > torch.cat(lower))
        & (farthest <= torch.cat(upper))
    )
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    area, chosen = torch.where(positive, areas, math.inf).min(dim=1)
    cells = area.isfinite().nonzero().squeeze(1)
    chosen = chosen[cells]
    left, top, right, bottom = sides[cells, chosen].unbind(dim=1)
    centerness = (
        (torch.minimum(left, right) / torch.maximum(left, right))
        * (torch.minimum(top, bottom) / torch.maximum(top, bottom))
    ).sqrt()
    return cells, chosen, centerness


@DETECTORS.add("fcos")
class Fcos(Detector):
    """FCOS: no anchors, a centre for every object."""

    partial = True
    depth = 2
    offset: ClassVar[float] = 0.5
    """See `cell_centers`."""

    def __init__(self, classes: int, levels: Sequence[str], depth: int, dropout: float) -> None:
        self._classes = classes
        self._strides = [level_stride(level) for level in levels]
        self._depth = depth
        self._dropout = dropout

    def layers(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return FcosHead(specs, self._classes, self._depth, self._dropout)

    def collate(self, truth: Sequence[Truth], size: tuple[int, int]) -> FcosBatch:
        per_picture = sum((size[0] // s) * (size[1] // s) for s in self._strides)
        none = torch.zeros(0, dtype=torch.int64)
        cells, labels = [none], [none]
        boxes, centerness = [torch.zeros(0, 4)], [torch.zeros(0)]
        for picture, own in enumerate(truth):
            if len(own.boxes) == 0:
                continue
            own_cells, chosen, own_centerness = match(own.boxes, self._strides, size, self.offset)
            cells.append(own_cells + picture * per_picture)
            labels.append(own.labels[chosen])
            boxes.append(own.boxes[chosen])
            centerness.append(own_centerness)
        looked_for = torch.stack([own.looked_for for own in truth])
        return FcosBatch(
            torch.cat(cells),
            torch.cat(labels),
            torch.cat(boxes),
            torch.cat(centerness),
            None if looked_for.all() else looked_for,
        )

    def counts(self, batch: FcosBatch) -> dict[str, Tensor]:
        """How many cells are positive, and the sum of their centerness."""
        positives = torch.full((), float(len(batch.cells)), device=batch.cells.device)
        return {"positives": positives, "centerness": batch.centerness.sum()}

    def loss(
        self, raw: FcosRaw, batch: FcosBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """The paper's three parts (equation 2, and section 3.2 for centerness).

        Focal loss over all cells and cross-entropy of centerness, both a positive cell; GIoU loss
        weighted by centerness, as in the authors' code.
        """
        positives = counts["positives"].clamp(min=1)
        focal = focal_sum(raw.logits, batch.cells, batch.labels, batch.looked_for)
        boxes = raw.boxes.flatten(0, 1)[batch.cells]
        giou = (1 - generalized_iou(boxes, batch.boxes)) * batch.centerness
        centerness = F.binary_cross_entropy_with_logits(
            raw.centerness.float().flatten()[batch.cells], batch.centerness, reduction="sum"
        )
        return {
            "focal": focal / positives,
            "giou": giou.sum() / counts["centerness"].clamp(min=1e-6),
            "centerness": centerness / positives,
        }

    def scored(self, raw: FcosRaw) -> tuple[Tensor, Tensor]:
        """The score is the geometric mean of class probability and centerness."""
        centerness = raw.centerness.float().sigmoid()[..., None]
        return (raw.logits.float().sigmoid() * centerness).sqrt(), raw.boxes
