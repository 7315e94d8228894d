"""Text, boxes, points and maps on pictures, readable on any background, inside the frame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import max_pool2d

from mtcli.core.maps import IGNORED, UNMEASURED

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

COVER = 0.35
"""Share of a class's colour on a picture: what is below stays recognisable."""


def color_of(number: int) -> Color:
    """One colour a class, the same in every picture."""
    return PALETTE[number % len(PALETTE)]


def captions(image: Tensor, lines: Sequence[tuple[str, bool | None]]) -> Tensor:
    """Lines of text in the upper left corner of a `[3, H, W]` uint8 picture.

    Each is on green where it is right, on red where it is wrong, on grey where nobody knows.
    """
    canvas = to_pil(image)
    y = 0
    for text, good in lines:
        color = PLAIN if good is None else GOOD if good else BAD
        y += _tag(canvas, (0, y), text, color, above=False)
    return to_tensor(canvas)


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
    canvas = to_pil(image)
    draw = ImageDraw.Draw(canvas)
    width = max(1, round(max(canvas.size) / 320))
    for (x1, y1, x2, y2), color in zip(corners.tolist(), colors, strict=True):
        outline = color if texts is not None else (255, 255, 255)
        frame = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
        draw.rectangle(frame, outline=outline, width=width if texts is None else width + 1)
    for (x1, y1, _, _), color, text in zip(corners.tolist(), colors, texts or (), strict=False):
        _tag(canvas, (x1, y1), text, color)
    return to_tensor(canvas)


def points(
    image: Tensor,
    places: Tensor,
    colors: Sequence[Color] | None = None,
    texts: Sequence[str] | None = None,
) -> Tensor:
    """Points `[N, 2]` x, y in the picture's pixels on a `[3, H, W]` uint8 picture.

    With `colors` and `texts` they are dots with a tag; without, white rings around such dots, as
    the truth.
    """
    canvas = to_pil(image)
    draw = ImageDraw.Draw(canvas)
    radius = max(2, round(max(canvas.size) / 160)) + (2 if colors is None else 0)
    # The first pixel's centre is at 0.5 for points, at 0 for Pillow.
    centres = [(x - 0.5, y - 0.5) for x, y in places.tolist()]
    for number, (x, y) in enumerate(centres):
        color = None if colors is None else colors[number]
        around = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(around, fill=color, outline=(255, 255, 255))
    for (x, y), color, text in zip(centres, colors or (), texts or (), strict=False):
        _tag(canvas, (x + radius, y - radius), text, color)
    return to_tensor(canvas)


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
        numbers: integers that count `names`; 255, where nothing is known, is left clear.
        names: of the classes.
        first: classes below it are left clear.
        truth: a map like `numbers`, whose borders are drawn thin and white.
    """
    table = torch.tensor([color_of(number - first) for number in range(256)], dtype=torch.float32)
    colors = table[numbers.long()].permute(2, 0, 1)
    covered = ((numbers >= first) & (numbers != IGNORED))[None]
    mixed = torch.where(covered, (1 - COVER) * image + COVER * colors, image.float())
    # As wide as the outlines of boxes, all of it inside.
    wide = max(1, round(max(numbers.shape) / 320))
    edge = max_pool2d(_borders(numbers)[None].float(), 2 * wide - 1, 1, wide - 1) > 0
    mixed = torch.where(edge & covered, colors, mixed)
    if truth is not None:
        mixed = mixed.masked_fill(_borders(truth)[None], 255.0)
    canvas = to_pil(mixed.round().to(torch.uint8))
    y = canvas.height  # the legend grows up from the lower left corner
    for number in sorted(set(numbers.flatten().tolist())):
        if first <= number < IGNORED:
            y -= _tag(canvas, (0, y), names[number], color_of(number - first))
    return to_tensor(canvas)


def number_map(image: Tensor, numbers: Tensor, truth: Tensor | None = None) -> Tensor:
    """A map of numbers `[H, W]` laid over a `[3, H, W]` uint8 picture, with what colours mean.

    Args:
        image: the picture.
        numbers: finite; 0, where nothing was measured, is left without colour.
        truth: a map like `numbers`, 0 where nothing was measured; it is set small into the lower
            right corner, in the same colours.
    """
    from matplotlib import colormaps

    table = torch.tensor(colormaps["viridis"](range(256), bytes=True))[:, :3]
    seen = numbers[numbers > UNMEASURED]
    if truth is not None:
        seen = torch.cat([seen, truth[truth > UNMEASURED]])
    if not len(seen):
        return image
    low, high = float(seen.min()), float(seen.max())

    def colored(values: Tensor) -> Tensor:
        places = (values - low) / max(high - low, 1e-12) * 255
        return table[places.round().long().clamp(0, 255)].permute(2, 0, 1)

    # The picture without its own colours, which would be taken for numbers.
    grey = image.float().mean(dim=0)
    laid = torch.where(numbers > UNMEASURED, 0.3 * grey + 0.7 * colored(numbers), grey)
    mixed = laid.round().to(torch.uint8)
    if truth is not None:
        height, width = (max(1, side // 3) for side in truth.shape)
        small = torch.where(truth > UNMEASURED, colored(truth), 0)[:, ::3, ::3][:, :height, :width]
        mixed[:, -height:, -width:] = small
    canvas = to_pil(mixed)
    if truth is not None:
        corner = (canvas.width - width - 1, canvas.height - height - 1)
        ImageDraw.Draw(canvas).rectangle((*corner, *canvas.size), outline=(255, 255, 255))
        _tag(canvas, corner, "true", PLAIN)
    y = canvas.height
    for value in (low, (low + high) / 2, high):
        red, green, blue = colored(torch.tensor([[value]])).flatten().tolist()
        y -= _tag(canvas, (0, y), f"{value:.3g}", (red, green, blue))
    return to_tensor(canvas)


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
    above: bool = True,
) -> int:
    """A filled tag above or below `corner`, moved to where the frame has room; gives its height."""
    draw = ImageDraw.Draw(canvas)
    letters = font(max(9, round(max(canvas.size) / 40)))
    left, top, right, bottom = draw.textbbox((0, 0), text, font=letters)
    width, height = right - left + 4, bottom - top + 4
    x = min(max(0.0, corner[0]), max(0.0, canvas.width - width))
    y = corner[1] - height if above else corner[1]
    y = min(max(0.0, y), max(0.0, canvas.height - height))
    draw.rectangle((x, y, x + width, y + height), fill=color)
    luminance = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    ink = (0, 0, 0) if luminance > 140 else (255, 255, 255)
    draw.text((x + 2 - left, y + 2 - top), text, fill=ink, font=letters)
    return int(height)


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Letters of a height in pixels."""
    # matplotlib's own font: Pillow's has no letters but English ones.
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def to_pil(image: Tensor) -> Image.Image:
    """A `[3, H, W]` uint8 picture as Pillow has it."""
    return Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())


def to_tensor(canvas: Image.Image) -> Tensor:
    """And back."""
    raw = torch.frombuffer(bytearray(canvas.tobytes()), dtype=torch.uint8)
    return raw.reshape(canvas.height, canvas.width, 3).permute(2, 0, 1).contiguous()
