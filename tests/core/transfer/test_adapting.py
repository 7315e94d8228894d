"""Rows of classes by name, and kernels for other channels, worked by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mtcli.core.heads.classrows import ClassRows
from mtcli.core.transfer.adapting import adapt_channels, matched, move_rows


def numbered(first: int, *shape: int) -> Tensor:
    return torch.arange(first, first + torch.Size(shape).numel()).float().reshape(shape)


@pytest.mark.parametrize(
    ("theirs", "ours", "found"),
    [
        ("ab", "ab", {0: 0, 1: 1}),
        ("ab", "ba", {0: 1, 1: 0}),
        ("abc", "c", {0: 2}),
        ("a", "xay", {1: 0}),
        ("ab", "xy", {}),
        ("aab", "ab", {1: 2}),  # which a is meant?
        ("ab", "aab", {2: 1}),
        ("aa", "aa", {}),
    ],
)
def test_classes_are_matched_by_name(theirs: str, ours: str, found: dict[int, int]) -> None:
    assert matched(tuple(theirs), tuple(ours)) == found


def test_names_are_matched_whole() -> None:
    assert matched(("person", "Car"), ("person", "car", "per")) == {0: 0}


def moved(
    rows: ClassRows, old: Tensor, new: Tensor, theirs: Sequence[str], ours: Sequence[str]
) -> list[float]:
    found = move_rows(old, new, rows, matched(theirs, ours), len(theirs), len(ours))
    assert found.shape == new.shape
    flat: list[float] = found.flatten().tolist()
    return flat


def test_one_row_a_class() -> None:
    old, new = torch.tensor([10.0, 11, 12]), torch.tensor([-1.0, -2])
    assert moved(ClassRows(), old, new, "abc", "cx") == [12, -2]
    assert moved(ClassRows(), old, torch.tensor([-1.0, -2, -3, -4]), "abc", "dbac") == [
        -1,
        11,
        10,
        12,
    ]


def test_a_row_is_all_that_lies_behind_it() -> None:
    old, new = numbered(0, 2, 1, 2, 2), -numbered(1, 2, 1, 2, 2)
    assert moved(ClassRows(), old, new, "ab", "bx") == [4, 5, 6, 7, -5, -6, -7, -8]


def test_the_background_comes_along() -> None:
    old, new = torch.tensor([9.0, 10, 11]), torch.tensor([-1.0, -2, -3, -4])
    assert moved(ClassRows(before=1), old, new, "ab", "xba") == [9, -2, 11, 10]


def test_four_rows_a_box() -> None:
    old = numbered(0, 12)  # background, a, b
    new = -numbered(1, 8)  # background, b
    rows = ClassRows(before=1, width=4)
    assert moved(rows, old, new, "ab", "b") == [0, 1, 2, 3, 8, 9, 10, 11]


def test_every_anchor_lists_all_classes() -> None:
    old = numbered(0, 6)  # anchors × (a, b)
    new = -numbered(1, 9)  # anchors × (b, x, a)
    assert moved(ClassRows(groups=3), old, new, "ab", "bxa") == [1, -2, 0, 3, -5, 2, 5, -8, 4]


def test_groups_with_something_in_front_of_wide_rows() -> None:
    rows = ClassRows(groups=2, before=1, width=2)
    old, new = numbered(0, 12), -numbered(1, 8)
    assert moved(rows, old, new, "ab", "b") == [0, 1, 4, 5, 6, 7, 10, 11]


def test_neither_tensor_is_touched() -> None:
    old, new = numbered(0, 2), -numbered(1, 2)
    moved(ClassRows(), old, new, "ab", "ba")
    assert old.tolist() == [0, 1]
    assert new.tolist() == [-1, -2]


def test_values_take_the_format_of_the_new_tensor() -> None:
    old = torch.tensor([1.5, 2.5], dtype=torch.float16)
    found = move_rows(old, torch.zeros(2), ClassRows(), {0: 1}, 2, 2)
    assert found.dtype == torch.float32
    assert found.tolist() == [2.5, 0]


@pytest.mark.parametrize(("there", "here"), [(1, 3), (3, 1), (3, 4), (6, 3), (3, 6), (4, 3)])
def test_a_picture_whose_channels_are_alike_gives_the_same_answer(there: int, here: int) -> None:
    kernel = torch.randn(5, there, 3, 3)
    plane = torch.rand(2, 1, 8, 8)
    before = F.conv2d(plane.expand(-1, there, -1, -1), kernel)
    adapted = adapt_channels(kernel, here)
    assert adapted.shape == (5, here, 3, 3)
    torch.testing.assert_close(F.conv2d(plane.expand(-1, here, -1, -1), adapted), before)


def test_channels_by_hand() -> None:
    kernel = torch.tensor([1.0, 2, 6]).reshape(1, 3, 1, 1)
    assert adapt_channels(kernel, 1).flatten().tolist() == [9]
    assert adapt_channels(kernel, 2).flatten().tolist() == [4.5, 4.5]
    assert adapt_channels(kernel, 4).flatten().tolist() == [0.5, 2, 6, 0.5]
    grey = torch.tensor([6.0]).reshape(1, 1, 1, 1)
    assert adapt_channels(grey, 3).flatten().tolist() == [2, 2, 2]
