"""From scored boxes to detections: the best of those that overlap."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision import ops


def detections(
    scores: Tensor,
    boxes: Tensor,
    size: tuple[int, int],
    *,
    threshold: float,
    nms: float,
    limit: int,
    candidates: int = 1000,
) -> dict[str, Tensor]:
    """What is found in N pictures, picture by picture and the best first: D detections in all.

    Args:
        scores: `[N, P, K]`.
        boxes: `[N, P, 4]`, or `[N, P, K, 4]` where each class has its own; xyxy in pixels.
        size: height and width of the pictures.
        threshold: scores above it are looked at.
        nms: of two boxes of a class that overlap by more (IoU), the better one stays.
        limit: the most detections of a picture.
        candidates: the most boxes of a picture that are compared with each other.

    Returns:
        `boxes` `[D, 4]` within the pictures, `scores` `[D]`, `labels` `[D]` int64, `image` `[D]`
        int64, the picture of each, and `counts` `[N]` int64, how many a picture has.
    """
    places, classes = scores.shape[1], scores.shape[2]
    top, order = scores.flatten(1).topk(torch.sym_min(candidates, places * classes))
    labels = order % classes
    chosen = order // classes if boxes.dim() == 3 else order
    rows = chosen[..., None].expand(-1, -1, 4)
    # A box of each class: [N, P, K, 4] to [N, P · K, 4].
    corners = ops.clip_boxes_to_image(boxes.flatten(1, -2).gather(1, rows), size)
    # What lay outside is left without area.
    inside = (corners[..., 2:] > corners[..., :2]).all(dim=2)
    kept = survivors(corners, top, labels, (top > threshold) & inside, nms, size)
    kept &= kept.cumsum(dim=1) <= limit
    image, column = kept.nonzero().unbind(dim=1)
    return {
        "boxes": corners[image, column],
        "scores": top[image, column],
        "labels": labels[image, column],
        "image": image,
        "counts": kept.sum(dim=1),
    }


def survivors(
    boxes: Tensor,
    scores: Tensor,
    groups: Tensor,
    asked: Tensor,
    iou: float,
    size: tuple[int, int],
) -> Tensor:
    """Which boxes no better one of their picture and group overlaps too much: `[N, C]` bool.

    Args:
        boxes: `[N, C, 4]` xyxy, within the pictures.
        scores: `[N, C]`.
        groups: `[N, C]` int64, from 0 on.
        asked: `[N, C]` bool, those that are looked at; others neither survive nor suppress.
        iou: the overlap that is too much.
        size: height and width of the pictures.
    """
    if torch.compiler.is_exporting():
        return _survivors_at_once(boxes, scores, groups, asked, iou, size)
    kept = torch.zeros_like(asked)
    for n in range(len(kept)):
        own = asked[n].nonzero().squeeze(1)
        best = ops.batched_nms(boxes[n, own], scores[n, own], groups[n, own], iou)
        kept[n, own[best]] = True
    return kept


def _survivors_at_once(
    boxes: Tensor,
    scores: Tensor,
    groups: Tensor,
    asked: Tensor,
    iou: float,
    size: tuple[int, int],
) -> Tensor:
    """The same without a loop, as a graph for any number of pictures asks for.

    Slower where there are many: each box is compared with those of all pictures.
    """
    picture, column = asked.nonzero().unbind(dim=1)
    # Boxes of one picture and group lie on a tile of their own, where no others overlap them.
    x, y = _tiles(groups[picture, column] * asked.shape[0] + picture)
    apart = torch.stack([x * (size[1] + 1), y * (size[0] + 1)], dim=1)
    # torchvision has the graph check that two boxes remain: two more, apart from all, always do.
    more = boxes.new_tensor([[-2, -2, -1, -1], [-4, -4, -3, -3]])
    corners = torch.cat([boxes[picture, column] + apart.repeat(1, 2), more])
    score = torch.cat([scores[picture, column], scores.new_full((2,), -1)])
    best = torch.zeros_like(score, dtype=torch.bool)
    best[ops.nms(corners, score, iou)] = True
    kept = torch.zeros_like(asked)
    kept[picture, column] = best[:-2]
    return kept


def _tiles(numbers: Tensor) -> tuple[Tensor, Tensor]:
    """A tile of the plane for each number 0, 1, and so on: x and y as float32, and small.

    Tiles are laid around the square of those before (Rosenberg and Strong's pairing): no number
    lies further out than its square root, and coordinates stay as fine as single precision goes,
    however many pictures and classes there are.
    """
    shell = numbers.float().sqrt().floor()
    along = numbers - shell**2
    return along.minimum(shell), (2 * shell - along).minimum(shell)
