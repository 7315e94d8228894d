"""Boxes: what torchvision says of them, and values by hand."""

from __future__ import annotations

import pytest
import torch
from torchvision.ops import generalized_box_iou_loss

from mtcli.core.ops.boxes import areas, as_boxes, generalized_iou
from tests.conftest import DEVICE


def _boxes(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    first, side = torch.rand(50, 2, generator=generator), torch.rand(50, 2, generator=generator)
    return torch.cat([first, first + side], dim=1) * 100


def test_generalized_iou_is_torchvision_s() -> None:
    one, other = _boxes(1).to(DEVICE).requires_grad_(), _boxes(2).to(DEVICE)
    found = 1 - generalized_iou(one, other)
    wanted = generalized_box_iou_loss(one, other)
    torch.testing.assert_close(found, wanted)
    ours = torch.autograd.grad(found.sum(), one)[0]
    theirs = torch.autograd.grad(wanted.sum(), one)[0]
    torch.testing.assert_close(ours, theirs)


def test_generalized_iou_by_hand() -> None:
    box = torch.tensor([[0.0, 0, 2, 2]])
    for other, wanted in (
        ([0, 0, 2, 2], 1.0),
        ([0, 0, 2, 4], 0.5),
        ([4, 0, 6, 2], -1 / 3),  # as far apart as they are wide
    ):
        found = float(generalized_iou(box, torch.tensor([other], dtype=torch.float32)))
        assert found == pytest.approx(wanted, abs=1e-6)


def test_boxes_without_area_are_finite() -> None:
    point = torch.tensor([[3.0, 3, 3, 3]])
    assert generalized_iou(point, point).isfinite().all()
    assert areas(torch.tensor([[3.0, 3, 1, 5]])).tolist() == [0]


def test_boxes_are_not_cut_off_at_the_canvas() -> None:
    boxes = as_boxes([[-5, 0, 70, 10]], (32, 32))
    assert boxes.tolist() == [[-5, 0, 70, 10]]
    assert boxes.canvas_size == (32, 32)
    assert as_boxes([], (32, 32)).shape == (0, 4)
