"""What is kept of a picture: worked by hand, and the same for copies of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from mtcli.core.inspection.look import (
    ClassMapLook,
    NumberMapLook,
    look_at_map,
    look_at_picture,
)
from mtcli.core.labels import ClassMapLabel, NumberMapLabel


def clouds(seed: int, size: tuple[int, int] = (96, 128)) -> Image.Image:
    cells = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((size[1], size[0]), Image.Resampling.BICUBIC)


def as_pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def test_numbers_of_a_picture_of_two_halves() -> None:
    pixels = torch.zeros(3, 32, 64, dtype=torch.uint8)
    pixels[0, :, 32:] = 200

    look = look_at_picture(pixels)

    assert look.size == (32, 64)
    assert list(look.means) == [100, 0, 0]
    assert list(look.deviations) == [100, 0, 0]
    assert look.brightness == pytest.approx(29.9, abs=1e-4)
    assert look.spread == pytest.approx(59.8, abs=1e-4)
    assert not look.blank
    rows = np.frombuffer(look.thumbnail, np.uint8).reshape(16, 16)
    assert (rows == np.array([0] * 8 + [60] * 8)).all()


@pytest.mark.parametrize("size", [(1, 1), (5, 700), (31, 33), (1000, 300)])
def test_a_picture_of_one_colour_is_blank_at_any_size(size: tuple[int, int]) -> None:
    pixels = torch.full((3, *size), 77, dtype=torch.uint8)

    look = look_at_picture(pixels)

    assert look.blank
    assert look.size == size
    assert list(look.means) == [77, 77, 77]
    assert set(look.thumbnail) == {77}


def test_a_gradient_is_kept_in_its_cells() -> None:
    row = torch.arange(256, dtype=torch.uint8)

    look = look_at_picture(row.expand(3, 16, 256).contiguous())

    cells = np.frombuffer(look.thumbnail, np.uint8).reshape(16, 16)
    # Every other column is looked at: the means of 0, 2, … 14, and of 16, 18, … 30, and so on.
    assert (cells == np.arange(16) * 16 + 7).all()


def test_hashes_of_copies_are_near_and_those_of_others_far() -> None:
    first = look_at_picture(as_pixels(clouds(1))).hash
    half = look_at_picture(as_pixels(clouds(1).resize((64, 48)))).hash
    other = look_at_picture(as_pixels(clouds(2))).hash

    assert (first ^ half).bit_count() <= 6
    assert (first ^ other).bit_count() >= 16


def test_only_the_same_pixels_have_the_same_checksum() -> None:
    pixels = as_pixels(clouds(1))
    changed = pixels.clone()
    changed[2, 50, 50] ^= 1

    assert look_at_picture(pixels).checksum == look_at_picture(pixels.clone()).checksum
    assert look_at_picture(pixels).checksum != look_at_picture(changed).checksum


def test_a_map_of_classes_is_counted_by_name() -> None:
    numbers = torch.tensor([[0, 0, 2], [255, 7, 2]])

    own = look_at_map(ClassMapLabel(numbers), ("background", "a", "b"), 255)
    named = look_at_map(ClassMapLabel(numbers % 3, ("x", "x", "y")), ("background",), None)

    assert own == ClassMapLook((2, 3), {"background": 2, "b": 2, "7": 1}, ignored=1)
    assert named == ClassMapLook((2, 3), {"x": 4, "y": 2}, ignored=0)


def test_a_map_of_numbers_leaves_out_what_was_not_measured() -> None:
    values = torch.tensor([[0.0, 2.0], [4.0, 0.0]])

    assert look_at_map(NumberMapLabel(values), (), None) == NumberMapLook((2, 2), 2, 2, 3, 4)
    assert look_at_map(NumberMapLabel(values * 0), (), None) == NumberMapLook((2, 2), 0, 0, 0, 0)
