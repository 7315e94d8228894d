"""Attention masks: nearly open at the start, worked by hand, handed on at half the size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtcli.core.sharing.mtan import OPEN, Mask


def test_a_mask_starts_nearly_open() -> None:
    mask = Mask(inner=16, carried=8, channels=32, onward=32)
    inner, carried = torch.randn(4, 16, 8, 8), torch.randn(4, 8, 8, 8)
    with torch.no_grad():
        attended, _ = mask(inner, carried, torch.ones(4, 32, 8, 8))
    assert float(attended.mean()) == pytest.approx(0.88, abs=0.05)
    assert float(attended.min()) > 0.5
    assert float(attended.max()) < 1


def test_what_a_mask_lets_through_worked_by_hand() -> None:
    mask = Mask(inner=4, carried=0, channels=3, onward=None)
    nn.init.zeros_(mask.h.weight)
    assert mask.h.bias is not None
    with torch.no_grad():
        mask.h.bias.copy_(torch.tensor([0.0, OPEN, -30.0]))
    feature = torch.full((1, 3, 2, 2), 10.0)
    with torch.no_grad():
        attended, onward = mask(torch.randn(1, 4, 2, 2), None, feature)
    assert onward is None
    wanted = torch.tensor([5.0, 8.8079708, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 2, 2)
    torch.testing.assert_close(attended, wanted)


def test_what_goes_onward_is_half_as_large_and_not_negative() -> None:
    mask = Mask(inner=4, carried=2, channels=8, onward=6)
    _, onward = mask(torch.randn(2, 4, 8, 6), torch.randn(2, 2, 8, 6), torch.randn(2, 8, 8, 6))
    assert onward is not None
    assert onward.shape == (2, 6, 4, 3)
    assert onward.min() >= 0


def test_inner_features_that_are_larger_are_pooled() -> None:
    """A stage whose last layer halves the map: of each square the largest counts."""
    mask = Mask(inner=1, carried=0, channels=8, onward=None)
    seen = []
    mask.g.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    inner = torch.arange(16.0).reshape(1, 1, 4, 4)
    mask(inner, None, torch.ones(1, 8, 2, 2))
    assert seen[0].flatten().tolist() == [5.0, 7.0, 13.0, 15.0]


def test_a_mask_learns_from_one_row() -> None:
    mask = Mask(inner=4, carried=2, channels=8, onward=6)
    attended, onward = mask(
        torch.randn(1, 4, 4, 4), torch.randn(1, 2, 4, 4), torch.randn(1, 8, 4, 4)
    )
    assert onward is not None
    (attended.sum() + onward.sum()).backward()
    assert all(values.grad is not None for values in mask.parameters())
