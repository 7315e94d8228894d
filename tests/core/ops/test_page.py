"""Words above and legends below a picture: nothing of them is cut off."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mtcli.core.ops.drawing import BAD, GOOD, INK, color_of
from mtcli.core.ops.legend import Legend
from mtcli.core.ops.page import Said, page

IMAGE = torch.full((3, 64, 200), 77, dtype=torch.uint8)


def _has(drawn: Tensor, color: tuple[int, int, int]) -> bool:
    wanted = torch.tensor(color, dtype=torch.uint8)[:, None, None]
    return bool((drawn == wanted).all(dim=0).any())


def test_a_picture_of_which_nothing_is_said_is_the_page() -> None:
    assert torch.equal(page([("", IMAGE)], [], []), IMAGE)


@pytest.mark.parametrize(
    ("good", "color"), [(None, INK), (True, GOOD), (False, BAD)], ids=["unknown", "right", "wrong"]
)
def test_the_colour_of_words_says_whether_they_are_right(
    good: bool | None, color: tuple[int, int, int]
) -> None:
    drawn = page([("", IMAGE)], [Said("cls", "dog 80%", good)], [])
    above = drawn[:, : drawn.shape[1] - 64]
    assert [c for c in (INK, GOOD, BAD) if _has(above, c)] == [color]
    assert torch.equal(drawn[:, -64:], IMAGE)


def test_long_lines_and_words_are_folded() -> None:
    heights = []
    for text in ("a", "several words that do not fit into one row", "w" * 100):
        drawn = page([("", IMAGE)], [Said("", text)], [])
        assert drawn.shape[2] == 200
        # Nothing touches the right border.
        assert (drawn[:, : drawn.shape[1] - 64, -2:] == 255).all()
        heights.append(drawn.shape[1])
    assert heights[0] < heights[1] < heights[2]


def test_legends_stand_below_the_picture() -> None:
    keys = (("a", color_of(0)), ("b", color_of(1)))
    drawn = page([("", IMAGE)], [], [Legend("seg", keys), Legend("depth", scale=(0.5, 20))])
    below = drawn[:, 64:]
    assert torch.equal(drawn[:, :64], IMAGE)
    assert _has(below, color_of(0))
    assert _has(below, color_of(1))
    assert _has(below, (33, 145, 140)) or _has(below, (32, 144, 140))  # viridis, in its middle


def test_panels_stand_beside_each_other() -> None:
    drawn = page([("", IMAGE), ("depth", IMAGE // 2)], [], [])
    assert drawn.shape[2] > 400
    assert torch.equal(drawn[:, -64:, :200], IMAGE)
    assert torch.equal(drawn[:, -64:, -200:], IMAGE // 2)


def test_tiny_pictures_have_pages() -> None:
    for size in ((1, 1), (2, 9)):
        image = torch.zeros(3, *size, dtype=torch.uint8)
        drawn = page([("", image)], [Said("cls", "dog")], [Legend("seg", (("a", (1, 2, 3)),))])
        assert drawn.shape[2] == size[1]
