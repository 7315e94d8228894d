"""Boxes as corners x1, y1, x2, y2: their sides, areas, where they lie, how well they fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou
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


def mended(box: Corners, size: tuple[int, int]) -> tuple[Corners | None, str | None]:
    """What is to be seen of a box in a picture of `size` (height, width), and what was mended.

    None in place of the box where nothing is to be seen; None in place of words where all is well.
    """
    seen = clipped(box, size)
    if not has_area(box):
        return None, "box without area dropped"
    if not has_area(seen):
        return None, "box outside the picture dropped"
    across = max(abs(a - b) for a, b in zip(seen, box, strict=True)) > 1
    return seen, "box across the border clipped" if across else None


def visible(corners: Tensor, frame: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """What a frame `[4]` leaves of boxes `[N, 4]`, and which are still worth their label `[N]`.

    Those are of which `share` or more is left, and a pixel in width and height.
    """
    inside = corners.maximum(frame[:2].repeat(2)).minimum(frame[2:].repeat(2))
    kept = (areas(inside) >= share * areas(corners)) & (sides(inside).amin(dim=1) >= 1)
    return inside, kept


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


def share_alike(
    boxes: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor, iou: float
) -> float:
    """The share of boxes `[N, 4]` and others `[M, 4]` that the other side has too, in [0, 1].

    Of the same label, and overlapping by `iou` or more; 1 where there is no box at all.
    """
    alike = (box_iou(boxes, others) >= iou) & (labels[:, None] == other_labels)
    count = len(boxes) + len(others)
    return float(alike.any(dim=0).sum() + alike.any(dim=1).sum()) / count if count else 1.0


def cell_centers(
    height: int, width: int, stride: int, device: torch.device | None, offset: float = 0.5
) -> Tensor:
    """Centres `[height * width, 2]` of a level's cells: x, y in input pixels, row by row.

    `offset` is where a cell's centre is said to be, in cells from its upper left corner.
    """
    y = (torch.arange(height, device=device) + offset) * stride
    x = (torch.arange(width, device=device) + offset) * stride
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y], dim=2).reshape(-1, 2)


def anchors_around(points: Tensor, cell: Tensor) -> Tensor:
    """Anchors `[P · A, 4]` of points `[P, 2]` x, y, where those of the origin are `[A, 4]`."""
    return (points.repeat(1, 2)[:, None] + cell).reshape(-1, 4)


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
