"""Pictures beside and below each other, each with its name above it and words below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mtcli.core.ops.drawing import BAD, INK, PAPER, QUIET, Color, font, to_pil, to_tensor

LANDSCAPE = 1.6
"""How much wider than high a screen is."""

ROWS = 3
"""Rows that one line may fold to; what does not fit then is cut off."""


@dataclass(frozen=True, slots=True)
class Line:
    """Some words below a picture: whose they are, and whether they tell of something missing."""

    name: str
    text: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture `[3, H, W]` uint8, its title, and what is said of it.

    `panels` are pictures of the same size that stand close beside it, each with its title.
    """

    image: Tensor
    title: str
    lines: Sequence[Line] = ()
    panels: Sequence[tuple[str, Tensor]] = ()


def mosaic(rows: Sequence[Sequence[Tile]], heading: str) -> Tensor:
    """Rows of tiles below a heading, as `[3, H, W]` uint8.

    Args:
        rows: none is empty; all pictures are of one size.
        heading: one line.
    """
    tiles = [tile for row in rows for tile in row]
    height, width = tiles[0].image.shape[1:]
    letters = font(min(22, max(11, round(width / 26))))
    line, gap = round(letters.size * 1.35), round(letters.size)
    close = gap // 4
    names = [letters.getlength(said.name) for tile in tiles for said in tile.lines]
    indent = max(names, default=0) + gap / 2

    def across(tile: Tile) -> int:
        return width + len(tile.panels) * (close + width)

    folded = [[_folded(tile, letters, across(tile) - indent) for tile in row] for row in rows]
    # Words in one row of tiles take as much room as the longest of them.
    words = [line * max(map(len, row)) for row in folded]
    total = 2 * gap + line + sum(line + height + below + 2 * gap for below in words)
    widest = max(sum(across(tile) + gap for tile in row) for row in rows)
    canvas = Image.new("RGB", (gap + widest, total), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((gap, gap), _cut(heading, letters, canvas.width - 2 * gap), INK, letters)
    y = 2 * gap + line
    for row, said, below in zip(rows, folded, words, strict=True):
        x = gap
        for tile, lines in zip(row, said, strict=True):
            for place, (title, image) in enumerate(((tile.title, tile.image), *tile.panels)):
                left = x + place * (width + close)
                draw.text((left, y), _cut_front(title, letters, width), QUIET, letters)
                canvas.paste(to_pil(image), (left, y + line))
            down = y + line + height + gap // 3
            for name, text, color in lines:
                draw.text((x, down), name, QUIET, letters)
                draw.text((x + indent, down), text, color, letters)
                down += line
            x += across(tile) + gap
        y += line + height + below + 2 * gap
    return to_tensor(canvas)


def packed(tiles: Sequence[Tile]) -> list[list[Tile]]:
    """Tiles in rows, as many in each as there is room for, for a landscape picture."""
    height, width = tiles[0].image.shape[1:]
    pictures = [1 + len(tile.panels) for tile in tiles]
    mean = sum(pictures) / len(tiles)
    room = max(*pictures, mean * columns_for(len(tiles), (height, round(mean * width))))
    rows: list[list[Tile]] = [[]]
    taken = 0
    for tile, own in zip(tiles, pictures, strict=True):
        if taken + own > room:
            rows.append([])
            taken = 0
        rows[-1].append(tile)
        taken += own
    return rows


def columns_for(tiles: int, size: tuple[int, int]) -> int:
    """How many tiles of `size` (height, width) stand beside each other, for a landscape picture."""
    height, width = size
    return max(1, min(tiles, round(math.sqrt(tiles * LANDSCAPE * height / width))))


def _folded(
    tile: Tile, letters: ImageFont.FreeTypeFont, room: float
) -> list[tuple[str, str, Color]]:
    """The rows that a tile's lines make: the name before them, the text, its colour."""
    found = []
    for said in tile.lines:
        rows = [""]
        for word in said.text.split(" "):
            longer = f"{rows[-1]} {word}".lstrip()
            if letters.getlength(longer) <= room or not rows[-1]:
                rows[-1] = longer
            else:
                rows.append(word)
        if len(rows) > ROWS:
            rows = [*rows[: ROWS - 1], f"{rows[ROWS - 1]} …"]
        color = BAD if said.missing else INK
        for number, row in enumerate(rows):
            found.append((said.name if number == 0 else "", _cut(row, letters, room), color))
    return found


def _cut(text: str, letters: ImageFont.FreeTypeFont, room: float) -> str:
    """As much of a text as there is room for, from its beginning."""
    if letters.getlength(text) <= room:
        return text
    kept = len(text)
    while kept and letters.getlength(f"{text[:kept]}…") > room:
        kept -= 1
    return f"{text[:kept]}…"


def _cut_front(text: str, letters: ImageFont.FreeTypeFont, room: float) -> str:
    """As much of a text as there is room for, up to its end, where a file's own name stands."""
    if letters.getlength(text) <= room:
        return text
    start = 0
    while start < len(text) and letters.getlength(f"…{text[start:]}") > room:
        start += 1
    return f"…{text[start:]}"
