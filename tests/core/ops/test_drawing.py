"""Colours that are told apart, letters that can be read on them, tags of one height."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from mtcli.core.ops.drawing import (
    PALETTE,
    color_of,
    draw_tag,
    font,
    ink_on,
    letters_for,
    line_for,
    tag_size,
    to_pil,
    to_tensor,
)


def test_one_class_has_one_colour_and_neighbours_have_others() -> None:
    assert color_of(3) == color_of(3 + len(PALETTE))
    assert len({*PALETTE}) == len(PALETTE) == 21


@pytest.mark.parametrize(
    ("color", "ink"),
    [
        ((240, 228, 66), (0, 0, 0)),
        ((0, 0, 0), (255, 255, 255)),
        ((0, 114, 178), (255, 255, 255)),
        # 5.4 times as bright as black, of which white is but 3.9 times as bright.
        ((213, 94, 0), (0, 0, 0)),
    ],
)
def test_letters_have_the_greater_contrast(
    color: tuple[int, int, int], ink: tuple[int, int, int]
) -> None:
    assert ink_on(color) == ink


def test_letters_and_lines_grow_with_the_picture_but_letters_less() -> None:
    sizes = [letters_for(size).size for size in ((10, 20), (480, 640), (1000, 2560))]
    assert sizes[0] == 9
    assert sizes[1] < sizes[2] < 4 * sizes[1]
    assert [line_for(size) for size in ((10, 20), (480, 640), (1000, 2560))] == [1, 2, 8]


def test_a_tag_is_as_large_as_it_says() -> None:
    letters = font(14)
    sizes = [tag_size(text, letters) for text in ("a", "gÅp", "a longer one")]
    assert len({height for _, height in sizes}) == 1
    for text, (width, height) in zip(("a", "gÅp", "a longer one"), sizes, strict=True):
        canvas = Image.new("RGB", (200, 60))
        draw_tag(canvas, (20, 10), text, (230, 159, 0), letters)
        assert canvas.getbbox() == (20, 10, 20 + width, 10 + height)


def test_pictures_of_any_layout_come_and_go_alike() -> None:
    image = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8)
    strided = image.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(to_tensor(to_pil(strided)), image)
