"""Pictures beside each other, and the words around them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mtcli.core.ops.drawing import BAD
from mtcli.core.ops.mosaic import Line, Tile, columns_for, mosaic, packed

RED, BLUE = ((255, 0, 0), (0, 0, 255))


def _flat(color: tuple[int, int, int], height: int = 100, width: int = 160) -> Tensor:
    return torch.tensor(color, dtype=torch.uint8)[:, None, None].expand(3, height, width)


def _where(picture: Tensor, color: tuple[int, int, int]) -> tuple[list[int], list[int]]:
    same = (picture == torch.tensor(color, dtype=torch.uint8)[:, None, None]).all(dim=0).nonzero()
    return same.amin(dim=0).tolist(), same.amax(dim=0).tolist()


def test_tiles_stand_whole_beside_and_below_each_other() -> None:
    colors = [RED, (0, 255, 0), BLUE]
    first, second, third = (Tile(_flat(color), "name") for color in colors)
    drawn = mosaic([[first, second], [third]], "heading")
    assert drawn.dtype == torch.uint8
    (top, left), (bottom, right) = _where(drawn, RED)
    assert (bottom - top + 1, right - left + 1) == (100, 160)
    (beside, next_left), _ = _where(drawn, (0, 255, 0))
    assert beside == top
    assert next_left > right
    (below, same_left), _ = _where(drawn, BLUE)
    assert below > bottom
    assert same_left == left


def test_words_take_room_below_and_what_is_missing_stands_out() -> None:
    bare = mosaic([[Tile(_flat(RED), "name")]], "")
    said = mosaic([[Tile(_flat(RED), "name", [Line("cls", "ball")])]], "")
    lost = mosaic([[Tile(_flat(RED), "name", [Line("cls", "no label", missing=True)])]], "")
    assert bare.shape[2] == said.shape[2]
    assert bare.shape[1] < said.shape[1] == lost.shape[1]
    bad = torch.tensor(BAD, dtype=torch.uint8)[:, None, None]
    assert (lost == bad).all(dim=0).any()
    assert not (said == bad).all(dim=0).any()


def test_panels_stand_close_beside_their_picture_and_before_the_next() -> None:
    green = (0, 255, 0)
    tile = Tile(_flat(RED), "name", [Line("cls", "ball")], [("depth", _flat(green))])
    drawn = mosaic([[tile, Tile(_flat(BLUE), "next")]], "heading")
    (top, _), (_, right) = _where(drawn, RED)
    (beside, left), (_, end) = _where(drawn, green)
    (_, after), _ = _where(drawn, BLUE)
    assert beside == top
    assert 0 < left - right - 1 < after - end - 1
    # Its title stands above it.
    assert (drawn[:, top - 12 : top, left:end] < 200).any()


def test_tiles_are_packed_by_the_pictures_that_they_hold() -> None:
    one = Tile(_flat(RED), "")
    three = Tile(_flat(RED), "", (), [("a", _flat(RED)), ("b", _flat(RED))])
    assert [len(row) for row in packed([one] * 12)] == [3, 3, 3, 3]
    assert [len(row) for row in packed([three])] == [1]
    tiles = [three, three, one, one, one, one, three]
    rows = packed(tiles)
    assert [tile for row in rows for tile in row] == tiles
    assert max(sum(1 + len(tile.panels) for tile in row) for row in rows) <= 6


@pytest.mark.parametrize("text", ["word " * 200, "w" * 500, ""])
def test_long_words_stay_inside_their_column(text: str) -> None:
    tiles = [Tile(_flat(RED), text, [Line("cls", text)]), Tile(_flat(BLUE), "", ())]
    drawn = mosaic([tiles], text)
    _, (_, right) = _where(drawn, RED)
    (_, left), _ = _where(drawn, BLUE)
    assert (drawn[:, :, right + 1 : left] == 255).all(dim=0)[60:].all()
    assert drawn.shape[1] < 300  # three rows of words at most


@pytest.mark.parametrize(
    ("tiles", "size", "columns"),
    [(12, (96, 128), 4), (6, (96, 128), 3), (1, (96, 128), 1), (2, (64, 640), 1), (9, (64, 64), 4)],
)
def test_a_mosaic_is_a_landscape(tiles: int, size: tuple[int, int], columns: int) -> None:
    assert columns_for(tiles, size) == columns
