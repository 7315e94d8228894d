"""Text, boxes, points and maps on pictures, readable on any background, inside the frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

Color = tuple[int, int, int]

# Okabe and Ito's palette: told apart by people with any colour vision.
PALETTE: tuple[Color, ...] = (
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


def color_of(number: int) -> Color:
    """One colour a class, the same in every picture."""
    return PALETTE[number % len(PALETTE)]


def caption(image: Tensor, text: str, good: bool | None = None) -> Tensor:
    """A line of text in the upper left corner of a `[3, H, W]` uint8 picture."""
    canvas = _to_pil(image)
    color = PLAIN if good is None else GOOD if good else BAD
    _tag(canvas, (0, 0), text, color)
    return _to_tensor(canvas)


def boxes(
    image: Tensor,
    corners: Tensor,
    colors: Sequence[Color],
    texts: Sequence[str] | None = None,
) -> Tensor:
    """Boxes `[N, 4]` xyxy in the picture's pixels on a `[3, H, W]` uint8 picture.

    With `texts` the outline is solid and each has a tag; without, it is thin and white, as the
    truth below predictions.
    """
    canvas = _to_pil(image)
    draw = ImageDraw.Draw(canvas)
    width = max(1, round(max(canvas.size) / 320))
    for (x1, y1, x2, y2), color in zip(corners.tolist(), colors, strict=True):
        outline = color if texts is not None else (255, 255, 255)
        frame = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
        draw.rectangle(frame, outline=outline, width=width if texts is None else width + 1)
    for (x1, y1, _, _), color, text in zip(corners.tolist(), colors, texts or (), strict=False):
        _tag(canvas, (x1, y1), text, color)
    return _to_tensor(canvas)


def class_map(
    image: Tensor,
    numbers: Tensor,
    names: Sequence[str],
    first: int,
    truth: Tensor | None = None,
) -> Tensor:
    """A map of classes `[H, W]` laid over a `[3, H, W]` uint8 picture, with its legend.

    Args:
        image: the picture.
        numbers: integers that count `names`.
        names: of the classes.
        first: classes below it are left clear.
        truth: a map like `numbers`, whose borders are drawn thin and white.
    """
    table = torch.tensor([color_of(number - first) for number in range(256)], dtype=torch.float32)
    colors = table[numbers.long()].permute(2, 0, 1)
    covered = (numbers >= first)[None]
    mixed = torch.where(covered, 0.55 * image + 0.45 * colors, image.float())
    mixed = torch.where(_borders(numbers)[None] & covered, colors, mixed)
    if truth is not None:
        mixed = mixed.masked_fill(_borders(truth)[None], 255.0)
    canvas = _to_pil(mixed.round().to(torch.uint8))
    y = 0.0
    for number in sorted(set(numbers.flatten().tolist())):
        if number >= first:
            y += _tag(canvas, (0, canvas.height), names[number], color_of(number - first), lift=y)
    return _to_tensor(canvas)


def _borders(numbers: Tensor) -> Tensor:
    """Pixels `[H, W]` bool whose right or lower neighbour is of another class."""
    border = torch.zeros(numbers.shape, dtype=torch.bool)
    border[:, :-1] |= numbers[:, :-1] != numbers[:, 1:]
    border[:-1] |= numbers[:-1] != numbers[1:]
    return border


def _tag(
    canvas: Image.Image,
    corner: tuple[float, float],
    text: str,
    color: Color,
    lift: float = 0.0,
) -> int:
    """A filled tag above `corner`, moved to where the frame has room for it; returns its height.

    `lift` raises it by so many pixels.
    """
    draw = ImageDraw.Draw(canvas)
    font = _font(max(9, round(max(canvas.size) / 40)))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = min(max(0.0, corner[0]), max(0.0, canvas.width - width))
    y = min(max(0.0, corner[1] - height - lift), max(0.0, canvas.height - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    ink = (0, 0, 0) if luminance > 140 else (255, 255, 255)
    draw.text((x + 2 - left, y + 2 - top), text, fill=ink, font=font)
    return int(height)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # matplotlib's own font: Pillow's has no letters but English ones.
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def _to_tensor(canvas: Image.Image) -> Tensor:
    raw = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
    return raw.reshape(canvas.height, canvas.width, 3).permute(2, 0, 1).contiguous()
