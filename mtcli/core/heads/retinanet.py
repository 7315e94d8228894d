"""RetinaNet, a dense one-stage detector with anchors.

Lin et al., "Focal Loss for Dense Object Detection" (arXiv:1708.02002). Every cell holds nine
anchors, of three sizes and three shapes; each says what it sees and how to move to its box.
Anchors are those of torchvision's `AnchorGenerator`, their sides cut to whole pixels as in its own
RetinaNet.

Departures: the levels are those of the task, from stride 4 on where objects are small; GroupNorm
in the towers; each box has its best anchors however little it overlaps them, so that no box goes
untaught (torchvision teaches these anchors the box that they overlap most); matching runs where
batches are collated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import box_iou

from mtcli.core.features import FeatureSpec, level_stride
from mtcli.core.heads import DETECTORS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.detector import Detector, Truth
from mtcli.core.heads.towers import by_cell, focal_sum, start_rare, tower
from mtcli.core.ops.boxes import anchors_around, cell_centers
from mtcli.core.ops.deltas import decode_deltas, encode_deltas

ANCHOR = 4
"""Side of a cell's smallest square anchor, in strides of its level."""

SIZES = 3
"""Sizes of anchors from one level's smallest to the next one's, each as much larger."""

RATIOS = (0.5, 1.0, 2.0)
"""Heights of anchors to their widths, the area being the same."""

FOREGROUND, BACKGROUND = 0.5, 0.4
"""An anchor is taught a box that it overlaps by the first (IoU), and nothing below the second."""

EACH = SIZES * len(RATIOS)
"""Anchors of a cell."""


@dataclass(frozen=True, slots=True)
class RetinaNetRaw:
    """What the head says of every anchor, levels one after another: P anchors in all.

    Attributes:
        logits: `[N, P, K]`.
        deltas: `[N, P, 4]`, see `mtcli.core.ops.deltas`.
        anchors: `[P, 4]` xyxy, input pixels.
    """

    logits: Tensor
    deltas: Tensor
    anchors: Tensor


@dataclass(frozen=True, slots=True)
class RetinaNetBatch:
    """The anchors of a batch that are taught a box, M in all, and those that are taught nothing.

    Attributes:
        places: `[M]` int64, picture number times P plus anchor number.
        labels: `[M]` int64 class numbers.
        deltas: `[M, 4]` float32 from anchor to box.
        ignored: `[I]` int64, numbered as `places`.
        looked_for: `[N, K]` bool, the classes whose absence means something; None: all.
    """

    places: Tensor
    labels: Tensor
    deltas: Tensor
    ignored: Tensor
    looked_for: Tensor | None


class RetinaNetHead(nn.Module):
    """Two towers of `depth` 3×3 convolutions, shared by all levels (the paper has 4)."""

    by_class = {
        "class_logits.weight": ClassRows(groups=EACH),
        "class_logits.bias": ClassRows(groups=EACH),
    }

    def __init__(
        self, specs: Mapping[str, FeatureSpec], classes: int, depth: int, dropout: float
    ) -> None:
        super().__init__()
        self.levels = tuple(specs)
        self.strides = tuple(spec.stride for spec in specs.values())
        self.classes = classes
        channels = next(iter(specs.values())).channels
        self.class_tower = tower(channels, depth, dropout)
        self.box_tower = tower(channels, depth, dropout)
        self.class_logits = nn.Conv2d(channels, EACH * classes, 3, padding=1)
        self.box_deltas = nn.Conv2d(channels, EACH * 4, 3, padding=1)
        for last in (self.class_logits, self.box_deltas):
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        start_rare(self.class_logits)

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> RetinaNetRaw:
        """Maps `[N, C, H, W]` of the head's levels to the answer of every anchor."""
        logits, deltas = [], []
        for level in self.levels:
            feature = features[level]
            # Per cell all anchors, per anchor all classes: the order of `anchors_of`.
            seen = by_cell(self.class_logits(self.class_tower(feature)))
            moved = by_cell(self.box_deltas(self.box_tower(feature)))
            logits.append(seen.reshape(seen.shape[0], -1, self.classes))
            deltas.append(moved.reshape(moved.shape[0], -1, 4))
        anchors = anchors_on(features[self.levels[0]], self.strides)
        return RetinaNetRaw(torch.cat(logits, 1), torch.cat(deltas, 1), anchors)


def anchors_on(finest: Tensor, strides: tuple[int, ...], offset: float = 0.5) -> Tensor:
    """Those of `anchors_of`, by the finest level's map `[N, C, H, W]` and on its device."""
    size = (finest.shape[2] * strides[0], finest.shape[3] * strides[0])
    return anchors_of(strides, size, offset, finest.device)


def anchors_of(
    strides: tuple[int, ...],
    size: tuple[int, int],
    offset: float = 0.5,
    device: torch.device | None = None,
) -> Tensor:
    """All anchors `[P, 4]` xyxy of an input of `size` (height, width), around cells' centres.

    `offset` is where a cell's centre is said to be, in cells from its upper left corner.
    """
    levels = []
    for stride in strides:
        [cell] = AnchorGenerator((sides(stride),), (RATIOS,)).cell_anchors
        height, width = size[0] // stride, size[1] // stride
        points = cell_centers(height, width, stride, device, offset)
        levels.append(anchors_around(points, cell.to(points.device)))
    return torch.cat(levels)


anchors_to_match = lru_cache(maxsize=8)(anchors_of)
"""The same, for the many batches of one size that a loader collates."""


def sides(stride: int) -> tuple[int, ...]:
    """Sides of a cell's square anchors in whole pixels, as torchvision cuts them."""
    return tuple(int(ANCHOR * stride * 2 ** (n / SIZES)) for n in range(SIZES))


def match(boxes: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which anchors are to find which boxes.

    Args:
        boxes: `[B, 4]` xyxy, input pixels, B > 0.
        anchors: `[P, 4]` likewise.

    Returns:
        the anchors that are taught `[M]`, the box of each `[M]`, and the anchors `[I]` that
        overlap a box too much for background and too little for the box.
    """
    overlap = box_iou(boxes, anchors)  # [B, P]
    best, chosen = overlap.max(dim=0)
    taught = best >= FOREGROUND
    # Every box has its best anchors, whatever the overlap.
    nearest = overlap.amax(dim=1, keepdim=True)
    box, anchor = ((overlap == nearest) & (nearest > 0)).nonzero(as_tuple=True)
    chosen[anchor] = box
    taught[anchor] = True
    places = taught.nonzero().squeeze(1)
    between = (best >= BACKGROUND) & ~taught
    return places, chosen[places], between.nonzero().squeeze(1)


@DETECTORS.add("retinanet")
class RetinaNet(Detector):
    """RetinaNet: nine anchors a cell, focal loss."""

    partial = True
    depth = 2
    offset: ClassVar[float] = 0.5
    """See `anchors_of`."""

    def __init__(self, classes: int, levels: Sequence[str], depth: int, dropout: float) -> None:
        self._classes = classes
        self._strides = tuple(level_stride(level) for level in levels)
        self._depth = depth
        self._dropout = dropout

    def layers(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return RetinaNetHead(specs, self._classes, self._depth, self._dropout)

    def collate(self, truth: Sequence[Truth], size: tuple[int, int]) -> RetinaNetBatch:
        anchors = anchors_to_match(self._strides, size, self.offset)
        none = torch.zeros(0, dtype=torch.int64)
        places, labels, ignored, deltas = [none], [none], [none], [torch.zeros(0, 4)]
        for picture, own in enumerate(truth):
            if len(own.boxes) == 0:
                continue
            taught, chosen, between = match(own.boxes, anchors)
            places.append(taught + picture * len(anchors))
            labels.append(own.labels[chosen])
            deltas.append(encode_deltas(own.boxes[chosen], anchors[taught]))
            ignored.append(between + picture * len(anchors))
        looked_for = torch.stack([own.looked_for for own in truth])
        return RetinaNetBatch(
            torch.cat(places),
            torch.cat(labels),
            torch.cat(deltas),
            torch.cat(ignored),
            None if looked_for.all() else looked_for,
        )

    def counts(self, batch: RetinaNetBatch) -> dict[str, Tensor]:
        """How many anchors are taught a box."""
        return {"positives": torch.full((), float(len(batch.places)), device=batch.places.device)}

    def loss(
        self, raw: RetinaNetRaw, batch: RetinaNetBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Focal loss over all anchors, L1 of the deltas, both an anchor that is taught a box."""
        positives = counts["positives"].clamp(min=1)
        focal = focal_sum(raw.logits, batch.places, batch.labels, batch.looked_for, batch.ignored)
        deltas = raw.deltas.float().flatten(0, 1)[batch.places]
        boxes = F.l1_loss(deltas, batch.deltas, reduction="sum")
        return {"focal": focal / positives, "boxes": boxes / positives}

    def scored(self, raw: RetinaNetRaw) -> tuple[Tensor, Tensor]:
        """Each class's probability, and the anchors moved."""
        return raw.logits.float().sigmoid(), decode_deltas(raw.deltas.float(), raw.anchors)
