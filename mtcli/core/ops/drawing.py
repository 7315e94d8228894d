"""What is drawn with: colours that anyone tells apart, letters, tags, and pictures as Pillow's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

Color = tuple[int, int, int]

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)

# Okabe and Ito's palette: told apart by people with any colour vision.
HUES: tuple[Color, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
GOOD: Color = (0, 158, 115)
BAD: Color = (213, 94, 0)
PLAIN: Color = (60, 60, 60)

PAPER: Color = (255, 255, 255)
INK: Color = (20, 20, 20)
QUIET: Color = (115, 115, 115)
"""Around pictures: what is written on, with, and in a low voice."""


def _mixed(color: Color, other: Color, share: float) -> Color:
    red, green, blue = (
        round((1 - share) * a + share * b) for a, b in zip(color, other, strict=True)
    )
    return red, green, blue


PALETTE: tuple[Color, ...] = (
    *HUES,
    *(_mixed(color, BLACK, 0.45) for color in HUES),
    *(_mixed(color, WHITE, 0.55) for color in HUES),
)
"""The hues, then darker, then lighter ones: brightness is told apart by everyone, too."""

HALO = (0, 0, 0, 110)
"""The thin shadow around what is drawn, by which it stands out from its own colour."""


def color_of(number: int) -> Color:
    """One colour a class, the same in every picture."""
    return PALETTE[number % len(PALETTE)]


def ink_on(color: Color) -> Color:
    """Black or white, whichever is read better on a colour.

    By the contrast of the Web Content Accessibility Guidelines 2.2 (w3.org/TR/WCAG22): of the
    relative luminances, each plus 0.05, the ratio.
    """
    linear = [(c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05
    return BLACK if luminance / 0.05 >= 1.05 / luminance else WHITE


def letters_for(size: tuple[int, int]) -> ImageFont.FreeTypeFont:
    """Letters for a picture of a size: they grow with it, but less than it does."""
    return font(max(9, round(13 * (max(size) / 512) ** 0.65)))


def line_for(size: tuple[int, int]) -> int:
    """How wide an outline is in a picture of a size, pixels."""
    return max(1, round(max(size) / 320))


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Letters of a height in pixels."""
    # matplotlib's own font: Pillow's has no letters but English ones.
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def tag_size(text: str, letters: ImageFont.FreeTypeFont) -> tuple[int, int]:
    """Width and height of a tag with this text; the same height for any text."""
    ascent, descent = letters.getmetrics()
    pad = _pad(letters)
    return round(letters.getlength(text)) + 2 * pad + 1, ascent + descent + pad // 2


def draw_tag(
    canvas: Image.Image,
    corner: tuple[float, float],
    text: str,
    color: Color,
    letters: ImageFont.FreeTypeFont,
) -> None:
    """A filled tag whose upper left corner lies there."""
    width, height = tag_size(text, letters)
    x, y = round(corner[0]), round(corner[1])
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=color)
    place = (x + _pad(letters), y + _pad(letters) // 4)
    draw.text(place, text, fill=ink_on(color), font=letters)


def _pad(letters: ImageFont.FreeTypeFont) -> int:
    return max(2, round(letters.size / 4))


def to_pil(image: Tensor) -> Image.Image:
    """A `[3, H, W]` uint8 picture as Pillow has it."""
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def to_tensor(canvas: Image.Image) -> Tensor:
    """And back."""
    raw = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
    return raw.reshape(canvas.height, canvas.width, 3).permute(2, 0, 1).contiguous()
