"""Text, boxes and maps on pictures: colours and places that can be told by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mtcli.core.ops import drawing
from mtcli.core.ops.drawing import BAD, GOOD, PLAIN, color_of

BLACK = torch.zeros(3, 64, 160, dtype=torch.uint8)


def _colors(drawn: Tensor) -> set[tuple[int, ...]]:
    return {tuple(pixel) for pixel in drawn.flatten(1).T.tolist()}


@pytest.mark.parametrize(
    ("good", "color"),
    [(None, PLAIN), (True, GOOD), (False, BAD)],
    ids=["unknown", "right", "wrong"],
)
def test_a_caption_s_colour_says_whether_it_is_right(
    good: bool | None, color: tuple[int, int, int]
) -> None:
    colors = _colors(drawing.captions(BLACK, [("dog 80%", good)]))
    assert color in colors
    assert not ({PLAIN, GOOD, BAD} - {color}) & colors


def test_captions_stand_below_each_other() -> None:
    drawn = drawing.captions(BLACK, [("one", True), ("two", False)])
    rows = [
        (drawn == torch.tensor(color, dtype=torch.uint8)[:, None, None]).all(dim=0).any(dim=1)
        for color in (GOOD, BAD)
    ]
    upper, lower = (row.nonzero().flatten() for row in rows)
    assert upper[0] == 0
    assert upper[-1] <= lower[0]


def test_no_caption_is_the_picture() -> None:
    assert torch.equal(drawing.captions(BLACK, []), BLACK)


def test_what_does_not_fit_stays_inside_the_frame() -> None:
    lines = [("a very long line about a very small picture", None)] * 20
    assert drawing.captions(BLACK[:, :10, :12], lines).shape == (3, 10, 12)


def test_a_box_is_drawn_on_its_border_and_holds_its_last_pixel() -> None:
    box = torch.tensor([[8.0, 20.0, 40.0, 50.0]])
    drawn = drawing.boxes(BLACK, box, [color_of(0)])
    lit = drawn.any(dim=0).nonzero()
    assert lit.amin(dim=0).tolist() == [20, 8]
    assert lit.amax(dim=0).tolist() == [49, 39]
    assert not drawn[:, 30, 20].any()


def test_no_box_is_the_picture() -> None:
    assert torch.equal(drawing.boxes(BLACK, torch.zeros(0, 4), []), BLACK)


def test_one_class_has_one_colour_and_neighbours_have_others() -> None:
    assert color_of(3) == color_of(3 + len(drawing.PALETTE))
    assert len({color_of(n) for n in range(len(drawing.PALETTE))}) == len(drawing.PALETTE)


def test_pictures_of_any_layout_are_drawn_on_alike() -> None:
    image = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8)
    strided = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(
        drawing.captions(image, [("x", None)]), drawing.captions(strided, [("x", None)])
    )
