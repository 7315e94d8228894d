"""Faster R-CNN, a two-stage detector: proposals first, then a closer look at each.

Ren et al., "Faster R-CNN" (arXiv:1506.01497), on a pyramid as in Lin et al. (arXiv:1612.03144).
Both stages are torchvision's, with its tensor names and its anchors, so that its published
weights fit (`mtcli.core.heads.layouts`).

Departures: fewer proposals are kept and sampled, since pictures here are small; dropout, where
asked for. The losses are means over samples drawn at random, and so those of accumulated batches
are not exactly those of one large batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import MultiScaleRoIAlign

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import DETECTORS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.detector import Detector, Truth
from mtcli.core.heads.proposals import pooled, proposals

ANCHOR = 8
"""Side of a cell's square anchor, in strides of its level."""

POOL = 7
"""Cells along each side of a proposal's features."""

HIDDEN = 1024
"""Width of the second stage's two fully connected layers."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """How many boxes the first stage hands to the second, in training and else.

    Attributes:
        candidates: anchors a level that are compared with each other.
        kept: those of all levels that remain.
        sampled: of these, what the second stage is taught with; a quarter of them objects.
    """

    candidates: tuple[int, int]
    kept: tuple[int, int]
    sampled: int


FEW = Proposals(candidates=(1000, 1000), kept=(500, 500), sampled=128)
"""What small pictures ask for."""


@dataclass(frozen=True, slots=True)
class RcnnRaw:
    """What the head says: losses where it was given targets, else P places a picture.

    Attributes:
        losses: by name, each a mean over what was sampled.
        scores: `[N, P, K]` in [0, 1]; 0 where a picture has fewer proposals.
        boxes: `[N, P, K, 4]` xyxy, input pixels.
    """

    losses: Mapping[str, Tensor]
    scores: Tensor | None = None
    boxes: Tensor | None = None


@dataclass(frozen=True, slots=True)
class RcnnBatch:
    """The truth of a batch: for each of N pictures boxes `[B, 4]` and class numbers `[B]`."""

    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]


class Predictor(FastRCNNPredictor):  # type: ignore[misc]
    """torchvision's last layers, behind a dropout."""

    def __init__(self, classes: int, dropout: float) -> None:
        super().__init__(HIDDEN, classes + 1)
        self.dropout = dropout

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """`[R, HIDDEN]` to logits `[R, 1 + K]`, background first, and deltas `[R, 4 (1 + K)]`."""
        logits, deltas = super().forward(F.dropout(features, self.dropout, self.training))
        return logits, deltas


def two_layers(channels: int) -> nn.Module:
    """A proposal's map `[R, C, POOL, POOL]` through two fully connected layers: `[R, HIDDEN]`."""
    layers: nn.Module = TwoMLPHead(channels * POOL**2, HIDDEN)
    return layers


class FasterRcnnHead(nn.Module):
    """Region proposals on all levels and one coarser, then the proposals' classes and boxes.

    Args:
        specs: the levels, finest first; all of the same number of channels.
        classes: K.
        depth: convolutions before the proposals.
        dropout: before the last layers.
        proposed: how many there are.
        box_head: makes the second stage's layers for a number of channels, see `two_layers`.
    """

    by_class = {
        "roi_heads.box_predictor.cls_score.weight": ClassRows(before=1),
        "roi_heads.box_predictor.cls_score.bias": ClassRows(before=1),
        "roi_heads.box_predictor.bbox_pred.weight": ClassRows(before=1, width=4),
        "roi_heads.box_predictor.bbox_pred.bias": ClassRows(before=1, width=4),
    }

    def __init__(
        self,
        specs: Mapping[str, FeatureSpec],
        classes: int,
        depth: int,
        dropout: float,
        proposed: Proposals = FEW,
        box_head: Callable[[int], nn.Module] = two_layers,
    ) -> None:
        super().__init__()
        self.levels = tuple(specs)
        strides = [spec.stride for spec in specs.values()]
        self.strides = tuple(strides)
        channels = next(iter(specs.values())).channels
        sides = tuple((ANCHOR * stride,) for stride in [*strides, 2 * strides[-1]])
        anchors = AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * len(sides))
        self.rpn = RegionProposalNetwork(
            anchors,
            RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=depth),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=256,
            positive_fraction=0.5,
            pre_nms_top_n=dict(zip(("training", "testing"), proposed.candidates, strict=True)),
            post_nms_top_n=dict(zip(("training", "testing"), proposed.kept, strict=True)),
            nms_thresh=0.7,
        )
        self.roi_heads = RoIHeads(
            MultiScaleRoIAlign(list(self.levels), output_size=POOL, sampling_ratio=2),
            box_head(channels),
            Predictor(classes, dropout),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=proposed.sampled,
            positive_fraction=0.25,
            bbox_reg_weights=None,
            score_thresh=0.0,
            nms_thresh=1.0,
            detections_per_img=proposed.kept[1],
        )

    def forward(self, features: Mapping[str, Tensor], targets: RcnnBatch | None = None) -> RcnnRaw:
        """Maps `[N, C, H, W]` of the head's levels to losses, or to scored boxes."""
        # Proposals are pixels: half precision is too coarse for them.
        maps = {level: features[level].float() for level in self.levels}
        finest = maps[self.levels[0]]
        size = (finest.shape[2] * self.strides[0], finest.shape[3] * self.strides[0])
        # torchvision's two stages ask this flag whether they are being taught.
        self.rpn.training = self.roi_heads.training = targets is not None
        with torch.autocast(finest.device.type, enabled=False):
            coarser = F.max_pool2d(maps[self.levels[-1]], kernel_size=1, stride=2)
            if targets is None:
                return self._found(list(maps.values()), coarser, size)
            return self._taught(maps, coarser, size, targets)

    def _taught(
        self,
        maps: dict[str, Tensor],
        coarser: Tensor,
        size: tuple[int, int],
        targets: RcnnBatch,
    ) -> RcnnRaw:
        pictures = len(coarser)
        sizes = [size] * pictures
        truth = [
            {"boxes": boxes, "labels": labels + 1}  # 0 is background there
            for boxes, labels in zip(targets.boxes, targets.labels, strict=True)
        ]
        images = ImageList(coarser.new_empty(pictures, 0, *size), sizes)
        proposed, losses = self.rpn(images, {**maps, "pool": coarser}, truth)
        _, more = self.roi_heads(maps, proposed, sizes, truth)
        return RcnnRaw({**losses, **more})

    def _found(self, maps: list[Tensor], coarser: Tensor, size: tuple[int, int]) -> RcnnRaw:
        stage = self.roi_heads
        proposed, there = proposals(self.rpn, [*maps, coarser], size)
        logits, deltas = stage.box_predictor(
            stage.box_head(pooled(maps, self.strides, proposed, POOL))
        )
        scores = logits.softmax(dim=1).view(*there.shape, -1) * there[..., None]
        boxes = stage.box_coder.decode_single(deltas, proposed.flatten(0, 1))
        return RcnnRaw({}, scores[..., 1:], boxes.view(*scores.shape, 4)[:, :, 1:])


@DETECTORS.add("faster_rcnn")
class FasterRcnn(Detector):
    """Faster R-CNN: proposals, then a closer look at each; torchvision's parts."""

    partial = False  # proposals know no classes, and so not which were looked for
    depth = 1
    samples = True
    pools = True
    proposals: ClassVar[Proposals] = FEW

    def __init__(self, classes: int, levels: Sequence[str], depth: int, dropout: float) -> None:
        self._classes = classes
        self._depth = depth
        self._dropout = dropout

    def layers(self, specs: Mapping[str, FeatureSpec]) -> FasterRcnnHead:
        return FasterRcnnHead(
            specs, self._classes, self._depth, self._dropout, self.proposals, self.box_head
        )

    @staticmethod
    def box_head(channels: int) -> nn.Module:
        """The second stage's layers, see `two_layers`."""
        return two_layers(channels)

    def collate(self, truth: Sequence[Truth], size: tuple[int, int]) -> RcnnBatch:
        return RcnnBatch(tuple(own.boxes for own in truth), tuple(own.labels for own in truth))

    def counts(self, batch: RcnnBatch) -> dict[str, Tensor]:
        """How many pictures there are: what is sampled in each is only known later."""
        device = batch.boxes[0].device
        return {"rows": torch.full((), float(len(batch.boxes)), device=device)}

    def loss(
        self, raw: RcnnRaw, batch: RcnnBatch, counts: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Torchvision's four parts, each picture of all batches weighing the same."""
        share = len(batch.boxes) / counts["rows"]
        return {name.removeprefix("loss_"): loss * share for name, loss in raw.losses.items()}

    def scored(self, raw: RcnnRaw) -> tuple[Tensor, Tensor]:
        """Each class's probability, and the box that it sees in a proposal."""
        assert raw.scores is not None
        assert raw.boxes is not None
        return raw.scores, raw.boxes
