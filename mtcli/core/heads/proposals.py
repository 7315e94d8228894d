"""Proposals of a first stage as tensors of a whole batch: which boxes, and what lies in them.

The same as torchvision's `RegionProposalNetwork` and `MultiScaleRoIAlign` do when nothing is
taught, but without their loops over pictures: a graph that is exported is for any number of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import clip_boxes_to_image, roi_align
from torchvision.ops.poolers import initLevelMapper

from mtcli.core.heads.towers import by_cell
from mtcli.core.ops.boxes import anchors_around, cell_centers
from mtcli.core.ops.suppression import survivors


def proposals(
    rpn: RegionProposalNetwork, maps: Sequence[Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The boxes that a first stage proposes, best first.

    Args:
        rpn: in evaluation mode.
        maps: `[N, C, H, W]` of its levels, finest first.
        size: height and width of the input.

    Returns:
        boxes `[N, P, 4]` xyxy, input pixels, and `[N, P]` bool, which of them are proposed: a
        picture may have fewer, with others behind them.
    """
    boxes, scores, levels = [], [], []
    said = zip(maps, *rpn.head(list(maps)), rpn.anchor_generator.cell_anchors, strict=True)
    for level, (feature, objectness, deltas, cell) in enumerate(said):
        anchors = _anchors(feature, cell.to(feature.device), size)
        logits = by_cell(objectness).flatten(1)
        best, order = logits.topk(torch.sym_min(rpn.pre_nms_top_n(), logits.shape[1]))
        moves = _picked(by_cell(deltas).reshape(logits.shape[0], -1, 4), order)
        moved = rpn.box_coder.decode_single(moves.flatten(0, 1), anchors[order].flatten(0, 1))
        boxes.append(clip_boxes_to_image(moved.view(moves.shape), size))
        scores.append(best.sigmoid())
        levels.append(torch.full_like(order, level))
    corners, score = torch.cat(boxes, dim=1), torch.cat(scores, dim=1)
    large = (corners[..., 2:] - corners[..., :2] >= rpn.min_size).all(dim=2)
    kept = survivors(corners, score, torch.cat(levels, dim=1), large, rpn.nms_thresh, size)
    most = torch.sym_min(rpn.post_nms_top_n(), score.shape[1])
    best, order = score.masked_fill(~kept, -1).topk(most)
    # Where to look is not taught by what is found there.
    return _picked(corners, order).detach(), best >= 0


def pooled(maps: Sequence[Tensor], strides: Sequence[int], boxes: Tensor, cells: int) -> Tensor:
    """What lies in boxes, each cut out of the level that suits its size.

    Args:
        maps: `[N, C, H, W]` of the levels, finest first.
        strides: of these.
        boxes: `[N, P, 4]` xyxy, input pixels.
        cells: along each side of a box.

    Returns:
        `[N · P, C, cells, cells]`.
    """
    picture = torch.arange(boxes.shape[0], device=boxes.device).to(boxes)
    rows = torch.cat([picture[:, None, None].expand_as(boxes[..., :1]), boxes], dim=2).flatten(0, 1)
    first, last = (stride.bit_length() - 1 for stride in (strides[0], strides[-1]))
    level_of = initLevelMapper(first, last)([rows[:, 1:]])
    found = rows.new_zeros(rows.shape[0], maps[0].shape[1], cells, cells)
    for level, (feature, stride) in enumerate(zip(maps, strides, strict=True)):
        own = (level_of == level).nonzero().squeeze(1)
        found[own] = roi_align(feature, rows[own], cells, 1 / stride, sampling_ratio=2)
    return found


def _anchors(feature: Tensor, cell: Tensor, size: tuple[int, int]) -> Tensor:
    """A level's anchors, of all cells `[H · W · A, 4]`, by those of one `[A, 4]`.

    Around the cells' upper left corners, as torchvision has them; the cells of a map that did not
    divide evenly are said to be a little smaller.
    """
    height, width = feature.shape[2:]
    x, y = cell_centers(height, width, 1, feature.device, offset=0.0).unbind(dim=1)
    points = torch.stack([x * (size[1] // width), y * (size[0] // height)], dim=1)
    return anchors_around(points, cell)


def _picked(boxes: Tensor, order: Tensor) -> Tensor:
    """Rows `[N, P, 4]` of `[N, Q, 4]`, by their numbers `[N, P]`."""
    return boxes.gather(1, order[..., None].expand(-1, -1, 4))
