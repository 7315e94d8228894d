"""Boxes as moves from anchors: shifts in the anchor's sides, and logarithms of the growth.

Ren et al., "Faster R-CNN" (arXiv:1506.01497), equation 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

MAX_LOG_GROWTH = math.log(1000 / 16)
"""A box grows at most 62-fold, as in Detectron: exp stays finite."""


def encode_deltas(boxes: Tensor, anchors: Tensor) -> Tensor:
    """The moves `[M, 4]` from anchors `[M, 4]` to boxes `[M, 4]`, both xyxy with area."""
    center, side = _centers_and_sides(boxes)
    origin, step = _centers_and_sides(anchors)
    return torch.cat([(center - origin) / step, (side / step).log()], dim=-1)


def decode_deltas(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Anchors `[P, 4]` xyxy moved by deltas `[…, P, 4]`: boxes `[…, P, 4]` xyxy."""
    origin, step = _centers_and_sides(anchors)
    center = origin + deltas[..., :2] * step
    half = step * deltas[..., 2:].clamp(max=MAX_LOG_GROWTH).exp() / 2
    return torch.cat([center - half, center + half], dim=-1)


def _centers_and_sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    first, last = boxes[..., :2], boxes[..., 2:]
    return (first + last) / 2, last - first
