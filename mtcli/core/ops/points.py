"""Points, which travel as boxes without area: where they are, and how far apart."""

from __future__ import annotations

import math

from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes

from mtcli.core.ops.boxes import as_boxes

MISSING, HIDDEN, VISIBLE = 0, 1, 2
"""COCO's words for how a point is labelled."""


def as_points(places: Tensor, size: tuple[int, int]) -> BoundingBoxes:
    """Places `[K, 2]` x, y as boxes `[K, 4]` on a canvas of `size` (height, width)."""
    return as_boxes(places.repeat(1, 2), size)


def places_of(points: Tensor) -> Tensor:
    """The places `[K, 2]` x, y of points `[K, 4]`."""
    return points.as_subclass(Tensor)[:, :2]


def distances(one: Tensor, other: Tensor) -> Tensor:
    """How far points `[K, 4]` are from others, one by one: `[K]` float64 in pixels."""
    apart: Tensor = (places_of(one).double() - places_of(other).double()).norm(dim=1)
    return apart


def diagonal(points: Tensor) -> float:
    """The diagonal of the canvas that points lie on, in pixels."""
    assert isinstance(points, BoundingBoxes)
    return math.hypot(*points.canvas_size)


def share_near(one: Tensor, other: Tensor, asked: Tensor, reach: float) -> float:
    """The share of the asked points within `reach` diagonals of the others; 1 where none is asked.

    Args:
        one: points `[K, 4]`.
        other: as many others.
        asked: `[K]` bool.
        reach: in shares of the canvas's diagonal.
    """
    near = distances(one, other) <= reach * diagonal(one)
    return float(near[asked].float().mean()) if asked.any() else 1.0
