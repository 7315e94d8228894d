"""Weight files of torchvision's published detectors under the names of our tensors.

torchvision's networks are a ResNet (`backbone.body`, its tensors named as timm's), a pyramid
(`backbone.fpn`) and a head, and so are ours: nothing but names changes here. The first versions'
files name some convolutions otherwise, which torchvision's modules mend as they load them.

Departure: for the first files of Faster R-CNN and RetinaNet (`…_resnet50_fpn`, `COCO_V1`)
torchvision sets the eps of its frozen BatchNorm to 0; our trunk keeps 1e-5, and its maps are not
exactly theirs. A frozen BatchNorm has no `num_batches_tracked`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from mtcli.core.heads.classrows import ClassRows
from mtcli.core.heads.faster_rcnn import FasterRcnnHead
from mtcli.core.heads.layouts import PublishedFcosHead, PublishedRetinaNetHead

TRUNK = "backbone.body.layer4.0.conv1.weight"
"""What every ResNet has, and no other of torchvision's backbones."""

MARKS = {
    "head.regression_head.bbox_ctrness.weight": ("fcos", "torchvision"),
    "head.classification_head.conv.0.1.weight": ("retinanet", "torchvision_v2"),
    "head.classification_head.cls_logits.weight": ("retinanet", "torchvision"),
    "roi_heads.box_head.0.1.weight": ("faster_rcnn", "torchvision_v2"),
    "roi_heads.box_head.fc6.weight": ("faster_rcnn", "torchvision"),
}
"""The head and the layout that a tensor tells; the first that is there counts."""

RENAMED = (
    (r"rpn\.head\.conv\.(weight|bias)", r"rpn.head.conv.0.0.\1"),
    (
        r"backbone\.fpn\.(inner|layer)_blocks\.(\d)\.(weight|bias)",
        r"backbone.fpn.\1_blocks.\2.0.\3",
    ),
    (r"backbone\.body\.(.*)", r"trunk.\1"),
    (r"backbone\.fpn\.(.*)", r"pyramid.\1"),
    (r"head\.(.*)", r"heads.detection.\1"),
    (r"(rpn|roi_heads)\.(.*)", r"heads.detection.\1.\2"),
)
"""Whole names and what becomes of them, one after the other: the first versions', then ours."""

OLD_TOWER = r"(head\.\w+_head\.conv)\.(\d)\.(weight|bias)"
"""A convolution of RetinaNet's first version, where the ReLUs in between are counted."""

BY_CLASS: Mapping[str, Mapping[str, ClassRows]] = {
    "faster_rcnn": FasterRcnnHead.by_class,
    "retinanet": PublishedRetinaNetHead.by_class,
    "fcos": PublishedFcosHead.by_class,
}


@dataclass(frozen=True, slots=True)
class Published:
    """A detector of torchvision's as a network of ours.

    Attributes:
        tensors: by our names: `trunk.*`, `pyramid.*`, `heads.detection.*`.
        head: what its head is called among ours.
        layout: of that head, see `DetectionOptions`.
        levels: that it reads.
        pyramid_norm, pyramid_top: `norm` and `top` of `build_pyramid`.
        classes: their names where there are as many as in COCO, else None. `N/A` stands there more
            than once, for numbers that nothing has: a name means a class only where it stands
            once. Faster R-CNN has its background in front of the classes; RetinaNet and FCOS have
            a class `__background__`, which is never taught.
    """

    tensors: Mapping[str, Tensor]
    head: str
    layout: str
    levels: tuple[str, ...]
    pyramid_norm: str | None
    pyramid_top: str
    classes: tuple[str, ...] | None

    @property
    def trunk(self) -> str:
        """Which ResNet it stands on, by its third stage."""
        bottleneck = "trunk.layer1.0.conv3.weight" in self.tensors
        blocks = sum(
            name.startswith("trunk.layer3.") and name.endswith(".conv1.weight")
            for name in self.tensors
        )
        deep = {6: "resnet50", 23: "resnet101", 36: "resnet152"}
        if bottleneck:
            return deep.get(blocks, "resnet50")
        return {2: "resnet18"}.get(blocks, "resnet34")

    @property
    def pyramid(self) -> int:
        """The channels of its pyramid."""
        return len(self.tensors["pyramid.inner_blocks.0.0.weight"])


def named_as_ours(tensors: Mapping[str, Tensor]) -> Published | None:
    """A detector on a ResNet and a pyramid by its `state_dict`; None for any other tensors.

    What our head has not (Mask R-CNN's masks) stands behind `heads.detection.` as well.
    """
    told = [MARKS[name] for name in MARKS if name in tensors]
    if TRUNK not in tensors or not told:
        return None
    head, layout = told[0]
    ours = {_ours(name, head): tensor for name, tensor in tensors.items()}
    lowest = ours.get("pyramid.inner_blocks.0.0.weight")
    if lowest is None:
        return None
    blocks = sum(f"pyramid.inner_blocks.{number}.0.weight" in ours for number in range(4))
    levels = [f"p{number}" for number in range(6 - blocks, 6)]
    coarser = ours.get("pyramid.extra_blocks.p6.weight")
    if coarser is not None:
        levels += ["p6", "p7"]
    return Published(
        tensors=ours,
        head=head,
        layout=layout,
        levels=tuple(levels),
        pyramid_norm="batch" if "pyramid.inner_blocks.0.1.weight" in ours else None,
        pyramid_top="p5" if coarser is None or coarser.shape[1] == len(lowest) else "c5",
        classes=_classes(head, ours),
    )


def _ours(name: str, head: str) -> str:
    old = re.fullmatch(OLD_TOWER, name)
    if head == "retinanet" and old is not None:
        name = f"{old[1]}.{int(old[2]) // 2}.0.{old[3]}"
    for pattern, ours in RENAMED:
        if re.fullmatch(pattern, name):
            name = re.sub(pattern, ours, name)
    return name


def _classes(head: str, ours: Mapping[str, Tensor]) -> tuple[str, ...] | None:
    """COCO's names, where the last layer has as many rows as they ask for."""
    last, rows = next(iter(BY_CLASS[head].items()))
    names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"][rows.before :]
    found = ours.get(f"heads.detection.{last}")
    return tuple(names) if found is not None and len(found) == rows.length(len(names)) else None
