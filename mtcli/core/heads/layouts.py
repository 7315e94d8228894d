"""The detectors as torchvision publishes them, so that its weight files fit tensor by tensor.

The layers are torchvision's own, at its own depth and with its own tensor names; what they say is
read, matched and taught as in the head of the same name. What torchvision does otherwise holds
here too: a cell's centre is said to be its upper left corner (anchor generators count from 0), and
Faster R-CNN keeps and samples as many proposals as there.

Alone of all heads, Faster R-CNN's second version normalises over a batch (its proposals): the
published weights ask for it.

Departures: dropout, where asked for; GroupNorm takes fewer than 32 groups where the pyramid is too
narrow for them; RetinaNet's boxes are taught by L1 in the second version too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead
from torchvision.models.detection.fcos import FCOSClassificationHead, FCOSRegressionHead
from torchvision.models.detection.retinanet import (
    RetinaNetClassificationHead,
    RetinaNetRegressionHead,
)

from mtcli.core.features import FeatureSpec
from mtcli.core.heads import LAYOUTS
from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.dense import group_norm
from mtcli.core.heads.faster_rcnn import HIDDEN, POOL, FasterRcnn, Proposals
from mtcli.core.heads.fcos import Fcos, FcosRaw, boxes_about
from mtcli.core.heads.retinanet import EACH, RetinaNet, RetinaNetRaw, anchors_on
from mtcli.core.ops.boxes import cell_centers

CORNER = 0.0
"""Where torchvision says that a cell's centre is, in cells from its upper left corner."""

Norm = Callable[[int], nn.Module]
"""Makes the layer behind a convolution for a number of channels."""


class PublishedHead(nn.Module):
    """Two towers of torchvision's, shared by all levels: for classes and for boxes.

    Args:
        specs: the levels, finest first; all of the same number of channels.
        classes, boxes: the towers, each ending in its last layers.
        dropout: probability of dropping a whole channel before the last layers.
    """

    def __init__(
        self, specs: Mapping[str, FeatureSpec], classes: nn.Module, boxes: nn.Module, dropout: float
    ) -> None:
        super().__init__()
        self.levels = tuple(specs)
        self.strides = tuple(spec.stride for spec in specs.values())
        self.classification_head = classes
        self.regression_head = boxes
        if dropout:
            for tower in (classes.conv, boxes.conv):
                assert isinstance(tower, nn.Sequential)
                tower.append(nn.Dropout2d(dropout))

    def maps(self, features: Mapping[str, Tensor]) -> list[Tensor]:
        """The maps `[N, C, H, W]` of the head's levels, finest first."""
        return [features[level] for level in self.levels]


class PublishedFcosHead(PublishedHead):
    """The head of torchvision's `fcos_resnet50_fpn`.

    Distances are linear, in strides, and at least 0; levels have no scale of their own.
    """

    by_class = {
        "classification_head.cls_logits.weight": ClassRows(),
        "classification_head.cls_logits.bias": ClassRows(),
    }

    def __init__(self, specs: Mapping[str, FeatureSpec], classes: int, dropout: float) -> None:
        channels = _channels(specs)
        super().__init__(
            specs,
            FCOSClassificationHead(channels, 1, classes, norm_layer=group_norm),
            FCOSRegressionHead(channels, 1, norm_layer=group_norm),
            dropout,
        )

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> FcosRaw:
        """Maps `[N, C, H, W]` of the head's levels to the answer of every cell."""
        maps = self.maps(features)
        logits = self.classification_head(maps)
        distances, centerness = self.regression_head(maps)
        points, steps = [], []
        for feature, stride in zip(maps, self.strides, strict=True):
            height, width = feature.shape[2:]
            points.append(cell_centers(height, width, stride, feature.device, CORNER))
            steps.append(torch.full((height * width, 1), stride, device=feature.device))
        boxes = boxes_about(torch.cat(points), distances.float() * torch.cat(steps))
        return FcosRaw(logits, boxes, centerness.squeeze(2))


class PublishedRetinaNetHead(PublishedHead):
    """The head of torchvision's `retinanet_resnet50_fpn`, or with a norm of its second version."""

    by_class = {
        "classification_head.cls_logits.weight": ClassRows(groups=EACH),
        "classification_head.cls_logits.bias": ClassRows(groups=EACH),
    }

    def __init__(
        self, specs: Mapping[str, FeatureSpec], classes: int, dropout: float, norm: Norm | None
    ) -> None:
        channels = _channels(specs)
        super().__init__(
            specs,
            RetinaNetClassificationHead(channels, EACH, classes, norm_layer=norm),
            RetinaNetRegressionHead(channels, EACH, norm_layer=norm),
            dropout,
        )

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> RetinaNetRaw:
        """Maps `[N, C, H, W]` of the head's levels to the answer of every anchor."""
        maps = self.maps(features)
        return RetinaNetRaw(
            self.classification_head(maps),
            self.regression_head(maps),
            anchors_on(maps[0], self.strides, CORNER),
        )


@LAYOUTS.add("fcos/torchvision")
class PublishedFcos(Fcos):
    """FCOS as torchvision's `fcos_resnet50_fpn` has it."""

    depth = 4
    offset = CORNER

    def layers(self, specs: Mapping[str, FeatureSpec]) -> PublishedFcosHead:
        return PublishedFcosHead(specs, self._classes, self._dropout)


@LAYOUTS.add("retinanet/torchvision")
class PublishedRetinaNet(RetinaNet):
    """RetinaNet as torchvision's `retinanet_resnet50_fpn` has it: towers without a norm."""

    depth = 4
    offset = CORNER

    def layers(self, specs: Mapping[str, FeatureSpec]) -> PublishedRetinaNetHead:
        return PublishedRetinaNetHead(specs, self._classes, self._dropout, norm=None)


@LAYOUTS.add("retinanet/torchvision_v2")
class PublishedRetinaNetV2(PublishedRetinaNet):
    """RetinaNet as torchvision's `retinanet_resnet50_fpn_v2` has it: towers with GroupNorm."""

    def layers(self, specs: Mapping[str, FeatureSpec]) -> PublishedRetinaNetHead:
        return PublishedRetinaNetHead(specs, self._classes, self._dropout, norm=group_norm)


@LAYOUTS.add("faster_rcnn/torchvision")
class PublishedFasterRcnn(FasterRcnn):
    """Faster R-CNN as torchvision's `fasterrcnn_resnet50_fpn` has it."""

    proposals = Proposals(candidates=(2000, 1000), kept=(2000, 1000), sampled=512)


@LAYOUTS.add("faster_rcnn/torchvision_v2")
class PublishedFasterRcnnV2(PublishedFasterRcnn):
    """Faster R-CNN as torchvision's `fasterrcnn_resnet50_fpn_v2` has it.

    Li et al., "Benchmarking Detection Transfer Learning with Vision Transformers"
    (arXiv:2111.11429): two convolutions before the proposals, four with BatchNorm and one fully
    connected layer behind them.
    """

    depth = 2

    @staticmethod
    def box_head(channels: int) -> nn.Module:
        layers: nn.Module = FastRCNNConvFCHead(
            (channels, POOL, POOL), [channels] * 4, [HIDDEN], norm_layer=nn.BatchNorm2d
        )
        return layers


def _channels(specs: Mapping[str, FeatureSpec]) -> int:
    return next(iter(specs.values())).channels
