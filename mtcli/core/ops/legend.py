"""What colours on a picture mean: words with the colour of each, or a scale with its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw, ImageFont

from mtcli.core.ops.drawing import Color, draw_tag, ink_on, tag_size, to_pil
from mtcli.core.ops.overlay import on_scale
from mtcli.core.ops.placing import Rect


@dataclass(frozen=True, slots=True)
class Legend:
    """Words with the colour of each, or the two ends of a scale.

    `subject` says whose colours these are; it may be empty.
    """

    subject: str
    keys: tuple[tuple[str, Color], ...] = ()
    scale: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a legend that takes room of its own: a key, or a whole scale."""

    text: str = ""
    color: Color = (0, 0, 0)
    scale: tuple[float, float] | None = None

    def size(self, letters: ImageFont.FreeTypeFont) -> tuple[int, int]:
        """Its width and height with these letters."""
        if self.scale is None:
            return tag_size(self.text, letters)
        sides = [tag_size(f"{end:.3g}", letters) for end in self.scale]
        return sides[0][0] + sides[1][0] + 6 * round(letters.size), sides[0][1]

    def draw(
        self, canvas: Image.Image, corner: tuple[int, int], letters: ImageFont.FreeTypeFont
    ) -> None:
        """Draw it with its upper left corner there."""
        if self.scale is None:
            draw_tag(canvas, corner, self.text, self.color, letters)
            return
        width, height = self.size(letters)
        low, high = self.scale
        bar = on_scale(torch.linspace(0, 1, width).expand(height, width), (0.0, 1.0))
        canvas.paste(to_pil(bar), corner)
        # A number on its own end of the scale, and read there.
        for text, left, end in (
            (f"{low:.3g}", corner[0], 0.0),
            (f"{high:.3g}", corner[0] + width - tag_size(f"{high:.3g}", letters)[0], 1.0),
        ):
            red, green, blue = on_scale(torch.tensor([[end]]), (0.0, 1.0)).flatten().tolist()
            pad = (tag_size(text, letters)[0] - round(letters.getlength(text))) // 2
            ink = ink_on((red, green, blue))
            place = (left + pad, corner[1] + max(2, round(letters.size / 4)) // 4)
            ImageDraw.Draw(canvas).text(place, text, fill=ink, font=letters)


def parts_of(legend: Legend) -> list[Part]:
    """What of a legend stands by itself."""
    if legend.scale is not None:
        return [Part(scale=legend.scale)]
    return [Part(text, color) for text, color in legend.keys]


def in_corner(
    legends: list[Legend], size: tuple[int, int], letters: ImageFont.FreeTypeFont
) -> list[tuple[Part, Rect]]:
    """Legends one above the other in the lower left corner of a picture, and where each part lies.

    Args:
        legends: the first at the bottom; what does not fit into the frame is left out.
        size: of the picture, height and width.
        letters: that they are written with.
    """
    found: list[tuple[Part, Rect]] = []
    height, width = size
    bottom = height
    for part in (part for legend in legends for part in parts_of(legend)):
        across, down = part.size(letters)
        if across <= width and down <= bottom:
            bottom -= down
            found.append((part, (0, bottom, across, bottom + down)))
    return found
