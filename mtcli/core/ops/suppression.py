"""From scored boxes to detections: the best of those that overlap."""

from __future__ import annotations

from torch import Tensor
from torchvision.ops import batched_nms, clip_boxes_to_image


def detections(
    scores: Tensor,
    boxes: Tensor,
    size: tuple[int, int],
    *,
    threshold: float,
    nms: float,
    limit: int,
    candidates: int = 1000,
) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes `[D, 4]` within the picture, scores `[D]` and labels `[D]`, best first.

    Args:
        scores: `[P, K]`.
        boxes: `[P, 4]`, or `[P, K, 4]` where each class has its own; xyxy in pixels.
        size: height and width of the picture.
        threshold: scores above it are looked at.
        nms: of two boxes of a class that overlap by more (IoU), the better one stays.
        limit: the most detections.
        candidates: the most boxes that are compared with each other.
    """
    classes = scores.shape[1]
    top, order = scores.flatten().topk(min(candidates, scores.numel()))
    order = order[top > threshold]
    top = top[top > threshold]
    labels = order % classes
    places = order // classes
    chosen = boxes[places] if boxes.dim() == 2 else boxes[places, labels]
    corners = clip_boxes_to_image(chosen, size)
    kept = batched_nms(corners, top, labels, nms)[:limit]
    return corners[kept], top[kept], labels[kept]
