"""A picture as one page: what is said of it above, what its colours mean below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mtcli.core.ops.drawing import (
    BAD,
    GOOD,
    INK,
    PAPER,
    QUIET,
    Color,
    letters_for,
    tag_size,
    to_pil,
    to_tensor,
)
from mtcli.core.ops.legend import Legend, Part, parts_of


@dataclass(frozen=True, slots=True)
class Said:
    """Words above a picture: whose they are, and whether they are right, where that is known."""

    subject: str
    text: str
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something in a line: a word in a colour, or a part of a legend."""

    text: str = ""
    color: Color = INK
    part: Part | None = None

    def width(self, letters: ImageFont.FreeTypeFont) -> int:
        if self.part is not None:
            return self.part.size(letters)[0]
        return round(letters.getlength(self.text))


def page(
    pictures: Sequence[tuple[str, Tensor]], said: Sequence[Said], legends: Sequence[Legend]
) -> Tensor:
    """Pictures beside each other, words above and legends below them, as `[3, H, W]` uint8.

    Lines are folded, so that nothing is cut off. Without words and legends it is the picture.

    Args:
        pictures: each with a title, which is shown where there are several; all of one size.
        said: a line each.
        legends: one behind the other.
    """
    height, width = pictures[0][1].shape[1:]
    letters = letters_for((height, width))
    gap = round(letters.size / 2)
    total = len(pictures) * (width + gap) - gap
    row = tag_size("", letters)[1] + max(2, gap // 3)
    above = _rows([_words(line) for line in said], letters, total - 2 * gap)
    titles = [[_Piece(title, QUIET)] for title, _ in pictures] if len(pictures) > 1 else []
    # In one row as long as there is room: a legend is no sentence.
    below = _rows([[p for said in legends for p in _keys(said)]], letters, total - 2 * gap)
    top = _strip(len(above), row, gap) + (row if titles else 0)
    canvas = Image.new("RGB", (total, top + height + _strip(len(below), row, gap)), PAPER)
    _write(canvas, above, letters, (gap, gap // 2), row)
    for number, (_, picture) in enumerate(pictures):
        left = number * (width + gap)
        if titles:
            _write(canvas, [titles[number]], letters, (left + gap, top - row), row)
        canvas.paste(to_pil(picture), (left, top))
    _write(canvas, below, letters, (gap, top + height + gap // 2), row)
    return to_tensor(canvas)


def _strip(rows: int, row: int, gap: int) -> int:
    return rows * row + gap if rows else 0


def _words(line: Said) -> list[_Piece]:
    color = INK if line.good is None else GOOD if line.good else BAD
    subject = [_Piece(line.subject, QUIET)] if line.subject else []
    return [*subject, *(_Piece(word, color) for word in line.text.split())]


def _keys(legend: Legend) -> list[_Piece]:
    subject = [_Piece(legend.subject, QUIET)] if legend.subject else []
    return [*subject, *(_Piece(part=part) for part in parts_of(legend)), _Piece(" ")]


def _rows(
    lines: Iterable[Sequence[_Piece]], letters: ImageFont.FreeTypeFont, room: int
) -> list[list[_Piece]]:
    """The lines, each folded to as many rows as it takes; a word wider than all room is parted."""
    found: list[list[_Piece]] = []
    for line in lines:
        row: list[_Piece] = []
        for piece in line:
            for part in _parted(piece, letters, room):
                if row and _width([*row, part], letters) > room:
                    found.append(row)
                    row = []
                row.append(part)
        found += [row] if row else []
    return found


def _parted(piece: _Piece, letters: ImageFont.FreeTypeFont, room: int) -> list[_Piece]:
    if piece.part is not None or piece.width(letters) <= room or len(piece.text) < 2:
        return [piece]
    half = len(piece.text) // 2
    texts = piece.text[:half], piece.text[half:]
    return [part for text in texts for part in _parted(_Piece(text, piece.color), letters, room)]


def _width(row: Sequence[_Piece], letters: ImageFont.FreeTypeFont) -> int:
    return sum(piece.width(letters) for piece in row) + (len(row) - 1) * _space(letters)


def _write(
    canvas: Image.Image,
    rows: Sequence[Sequence[_Piece]],
    letters: ImageFont.FreeTypeFont,
    corner: tuple[int, int],
    down: int,
) -> None:
    draw = ImageDraw.Draw(canvas)
    x, y = corner
    for row in rows:
        left = x
        for piece in row:
            if piece.part is not None:
                piece.part.draw(canvas, (left, y), letters)
            else:
                lift = max(2, round(letters.size / 4)) // 4
                draw.text((left, y + lift), piece.text, fill=piece.color, font=letters)
            left += piece.width(letters) + _space(letters)
        y += down


def _space(letters: ImageFont.FreeTypeFont) -> int:
    return round(letters.getlength(" ")) + 1
