"""Boxes as corners x1, y1, x2, y2: their sides, areas, and what a picture holds of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat

EPSILON = 1e-7
"""Keeps a division by an area of 0 finite."""

Corners = tuple[float, float, float, float]


def clipped(box: Corners, size: tuple[int, int]) -> Corners:
    """A box cut off at the border of a picture of `size` (height, width)."""
    height, width = size
    x1, y1, x2, y2 = box
    return (
        min(max(x1, 0.0), width),
        min(max(y1, 0.0), height),
        min(max(x2, 0.0), width),
        min(max(y2, 0.0), height),
    )


def has_area(box: Corners) -> bool:
    """Whether the box has width and height."""
    return box[2] > box[0] and box[3] > box[1]


def sides(corners: Tensor) -> Tensor:
    """Width and height `[N, 2]` of boxes `[N, 4]`."""
    return corners[:, 2:] - corners[:, :2]


def areas(corners: Tensor) -> Tensor:
    """Areas `[N]` of boxes `[N, 4]`; 0 where a side is negative."""
    return sides(corners).clamp(min=0).prod(dim=1)


def generalized_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """How well boxes `[N, 4]` fit others `[N, 4]`, one by one: `[N]` in [-1, 1].

    Rezatofighi et al., "Generalized Intersection over Union" (arXiv:1902.09630), algorithm 1: IoU
    less the share of the smallest box around both that neither covers. torchvision's loss of that
    name masks what does not overlap, for which a GPU must be waited for.
    """
    first, last = boxes[:, :2].maximum(others[:, :2]), boxes[:, 2:].minimum(others[:, 2:])
    common = (last - first).clamp(min=0).prod(dim=1)
    union = areas(boxes) + areas(others) - common
    lowest, highest = boxes[:, :2].minimum(others[:, :2]), boxes[:, 2:].maximum(others[:, 2:])
    around = (highest - lowest).prod(dim=1)
    return common / (union + EPSILON) - (around - union) / (around + EPSILON)


def as_boxes(corners: Tensor | Sequence[Sequence[float]], size: tuple[int, int]) -> BoundingBoxes:
    """Corners `[N, 4]` xyxy as boxes of a canvas of `size` (height, width).

    Without clamping: an augmentation leaves boxes beyond the frame, and a task's `clean` can tell
    how much of each is still inside.
    """
    if not isinstance(corners, Tensor):
        corners = torch.tensor(corners, dtype=torch.float32).reshape(-1, 4)
    boxes: BoundingBoxes = BoundingBoxes(
        corners, format=BoundingBoxFormat.XYXY, canvas_size=size, clamping_mode=None
    )
    return boxes
