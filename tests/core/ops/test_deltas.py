"""Deltas: moves from anchors to boxes, by hand and against torchvision."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from mtcli.core.ops.deltas import MAX_LOG_GROWTH, decode_deltas, encode_deltas
from tests.conftest import DEVICE


def _boxes(number: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(number, 2, generator=generator) * 100
    sides = 1 + torch.rand(number, 2, generator=generator) * 60
    return torch.cat([corner, corner + sides], dim=1).to(DEVICE)


def test_moves_by_hand() -> None:
    anchor = torch.tensor([[0.0, 0.0, 10.0, 20.0]])
    # The centre goes 2 right and 5 up, the width is halved, the height doubled.
    box = torch.tensor([[4.5, -15.0, 9.5, 25.0]])
    found = encode_deltas(box, anchor)
    assert found.tolist() == [pytest.approx([0.2, -0.25, -math.log(2), math.log(2)])]


def test_no_move_is_zero() -> None:
    boxes = _boxes(7, 0)
    torch.testing.assert_close(encode_deltas(boxes, boxes), torch.zeros(7, 4, device=DEVICE))
    torch.testing.assert_close(decode_deltas(torch.zeros(7, 4, device=DEVICE), boxes), boxes)


def test_decoding_undoes_encoding() -> None:
    boxes, anchors = _boxes(50, 1), _boxes(50, 2)
    found = decode_deltas(encode_deltas(boxes, anchors), anchors)
    torch.testing.assert_close(found, boxes, rtol=1e-4, atol=1e-3)


def test_the_same_as_torchvision() -> None:
    boxes, anchors = _boxes(50, 3), _boxes(50, 4)
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    expected = coder.encode_single(boxes, anchors)
    torch.testing.assert_close(encode_deltas(boxes, anchors), expected)
    deltas = torch.randn(50, 4, device=DEVICE) * 3  # some beyond the largest growth
    decoded = coder.decode_single(deltas, anchors)
    torch.testing.assert_close(decode_deltas(deltas, anchors), decoded)


def test_growth_is_bounded_and_shrinking_stays_a_box() -> None:
    anchor = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    for wild in (1e3, 1e30):
        [box] = decode_deltas(torch.tensor([[0.0, 0.0, wild, wild]]), anchor).tolist()
        assert box[2] - box[0] == pytest.approx(2 * math.exp(MAX_LOG_GROWTH), rel=1e-5)
    [box] = decode_deltas(torch.tensor([[0.0, 0.0, -1e3, -1e3]]), anchor).tolist()
    assert box == [1, 1, 1, 1]


def test_pictures_share_their_anchors() -> None:
    anchors, deltas = _boxes(6, 5), torch.randn(3, 6, 4, device=DEVICE)
    together = decode_deltas(deltas, anchors)
    assert together.shape == (3, 6, 4)
    for picture, own in zip(together, deltas, strict=True):
        torch.testing.assert_close(picture, decode_deltas(own, anchors))


def test_no_box_is_no_move() -> None:
    none = torch.zeros(0, 4, device=DEVICE)
    assert encode_deltas(none, none).shape == decode_deltas(none, none).shape == (0, 4)
