"""The resize rule: from a picture to the network's input, and predictions back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.transforms.v2 import functional as F
from torchvision.tv_tensors import BoundingBoxes, Image, Mask, TVTensor, wrap

from mtcli.core.maps import IGNORED, UNMEASURED, NumberMap, resized_map
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.task import Prediction, Target

PADDING = 114
"""Grey, near the mean of photographs, beside a letterboxed picture."""

FILL: dict[type[TVTensor], int] = {Image: PADDING, Mask: IGNORED, NumberMap: UNMEASURED}
"""What stands where there is no picture."""

Rule = Literal["stretch", "letterbox"]


@dataclass(frozen=True, slots=True)
class Resize:
    """The one affine map between a picture and the network's input; sizes are height, width.

    Attributes:
        original: the picture's size.
        working: the network's input size.
        inner: the size of the picture's part of the input.
        offset: top and left of that part.
    """

    original: tuple[int, int]
    working: tuple[int, int]
    inner: tuple[int, int]
    offset: tuple[int, int]

    def apply(self, values: Any) -> Any:
        """Resize every picture and every tv_tensor in nested dicts; plain tensors stay."""
        return _each_tv_tensor(values, self._forth)

    def undo(self, prediction: Prediction) -> Prediction:
        """A prediction in input pixels as one in original pixels, cut off at the border."""
        restored: Prediction = _each_tv_tensor(prediction, self._back)
        return restored

    def undo_boxes(self, prediction: Prediction) -> Prediction:
        """The same for boxes and points alone: maps stay at the working size, to be measured."""
        change = lambda value: value if isinstance(value, Mask) else self._back(value)
        restored: Prediction = _each_tv_tensor(prediction, change)
        return restored

    def undo_maps(self, prediction: Prediction) -> Prediction:
        """The same for maps alone, where boxes and points have been moved already."""
        change = lambda value: self._back(value) if isinstance(value, Mask) else value
        restored: Prediction = _each_tv_tensor(prediction, change)
        return restored

    def apply_maps(self, target: Target) -> Target:
        """The maps of a target at the working size, where maps are measured; the rest stays."""
        change = lambda value: self._forth(value) if isinstance(value, Mask) else value
        resized: Target = _each_tv_tensor(target, change)
        return resized

    def _forth(self, value: TVTensor) -> Tensor:
        if isinstance(value, BoundingBoxes):
            return _scaled(value, self._scale(), self.offset, self.working)
        resized: Tensor
        if isinstance(value, Mask):
            resized = resized_map(value, self.inner)
        else:
            resized = F.resize(value, list(self.inner), antialias=True)
        top, left = self.offset
        bottom, right = (
            self.working[0] - self.inner[0] - top,
            self.working[1] - self.inner[1] - left,
        )
        if (top, left, bottom, right) == (0, 0, 0, 0):
            return resized
        padded: Tensor = F.pad(resized, [left, top, right, bottom], fill=FILL[type(value)])
        return padded

    def _back(self, value: TVTensor) -> Tensor:
        top, left = self.offset
        if isinstance(value, Mask):
            height, width = self.inner
            part = wrap(value[..., top : top + height, left : left + width], like=value)
            if isinstance(value, NumberMap):
                # A prediction has no holes, and may be smoothed where a measured map may not.
                plain = interpolate(
                    part.as_subclass(Tensor)[None, None], self.original, mode="bilinear"
                )
                smooth: Tensor = wrap(plain[0, 0], like=value)
                return smooth
            return resized_map(part, self.original)
        down, across = self._scale()
        moved = value.as_subclass(Tensor) - _xyxy(value, left, top)
        corners = moved / _xyxy(value, across, down)
        height, width = self.original
        corners = corners.clamp(min=0).minimum(_xyxy(value, width, height))
        boxes: Tensor = as_boxes(corners, self.original)
        return boxes

    def _scale(self) -> tuple[float, float]:
        return self.inner[0] / self.original[0], self.inner[1] / self.original[1]


def resize_rule(rule: Rule, original: tuple[int, int], working: tuple[int, int]) -> Resize:
    """How a picture of this size gets to the working size.

    `stretch` fills it; `letterbox` keeps the picture's proportions and pads around it evenly.
    """
    if rule == "stretch":
        return Resize(original, working, inner=working, offset=(0, 0))
    factor = min(working[0] / original[0], working[1] / original[1])
    inner = (
        min(working[0], max(1, round(original[0] * factor))),
        min(working[1], max(1, round(original[1] * factor))),
    )
    offset = ((working[0] - inner[0]) // 2, (working[1] - inner[1]) // 2)
    return Resize(original, working, inner, offset)


def _each_tv_tensor(values: Any, change: Callable[[TVTensor], Tensor]) -> Any:
    if isinstance(values, dict):
        return {key: _each_tv_tensor(value, change) for key, value in values.items()}
    return change(values) if isinstance(values, TVTensor) else values


def _scaled(
    boxes: BoundingBoxes,
    scale: tuple[float, float],
    offset: tuple[int, int],
    size: tuple[int, int],
) -> Tensor:
    corners = boxes.as_subclass(Tensor) * _xyxy(boxes, scale[1], scale[0])
    moved: Tensor = as_boxes(corners + _xyxy(boxes, offset[1], offset[0]), size)
    return moved


def _xyxy(like: Tensor, x: float, y: float) -> Tensor:
    return torch.tensor([x, y, x, y], dtype=like.dtype, device=like.device)
