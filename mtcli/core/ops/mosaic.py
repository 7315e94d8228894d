"""Pictures beside and below each other, each with its name above it and words below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mtcli.core.ops.drawing import BAD, Color, font, to_pil, to_tensor

PAPER: Color = (255, 255, 255)
INK: Color = (20, 20, 20)
QUIET: Color = (115, 115, 115)

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
    """A picture `[3, H, W]` uint8, its title, and what is said of it."""

    image: Tensor
    title: str
    lines: Sequence[Line] = ()


def mosaic(tiles: Sequence[Tile], columns: int, heading: str) -> Tensor:
    """The tiles row by row below a heading, as `[3, H, W]` uint8.

    Args:
        tiles: at least one; their pictures are of one size.
        columns: how many stand beside each other.
        heading: one line.
    """
    height, width = tiles[0].image.shape[1:]
    letters = font(min(22, max(11, round(width / 26))))
    line, gap = round(letters.size * 1.35), round(letters.size)
    names = [letters.getlength(said.name) for tile in tiles for said in tile.lines]
    indent = max(names, default=0) + gap / 2
    folded = [_folded(tile, letters, width - indent) for tile in tiles]
    rows = range(0, len(tiles), columns)
    # Words in one row of tiles take as much room as the longest of them.
    words = [line * max(len(said) for said in folded[row : row + columns]) for row in rows]
    total = 2 * gap + line + sum(line + height + below + 2 * gap for below in words)
    canvas = Image.new("RGB", (gap + columns * (width + gap), total), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((gap, gap), _cut(heading, letters, canvas.width - 2 * gap), INK, letters)
    y = 2 * gap + line
    for start, below in zip(rows, words, strict=True):
        for number in range(start, min(start + columns, len(tiles))):
            x = gap + (number - start) * (width + gap)
            draw.text((x, y), _cut_front(tiles[number].title, letters, width), QUIET, letters)
            canvas.paste(to_pil(tiles[number].image), (x, y + line))
            place = y + line + height + gap // 3
            for name, text, color in folded[number]:
                draw.text((x, place), name, QUIET, letters)
                draw.text((x + indent, place), text, color, letters)
                place += line
        y += line + height + below + 2 * gap
    return to_tensor(canvas)


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
