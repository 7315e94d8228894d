"""A picture that several tasks draw on: maps below, then shapes, then tags that share the room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from mtcli.core.maps import IGNORED, UNMEASURED
from mtcli.core.ops.drawing import (
    HALO,
    PLAIN,
    WHITE,
    Color,
    color_of,
    draw_tag,
    letters_for,
    line_for,
    tag_size,
    to_pil,
    to_tensor,
)
from mtcli.core.ops.legend import Legend, in_corner
from mtcli.core.ops.overlay import class_overlay, number_overlay, on_scale, range_of
from mtcli.core.ops.placing import Places, Rect

HIDDEN = 0.2
"""Share of a picture that tags may hide: where there are more, colours and the legend say it."""

SMOOTH = 5
"""Dots are drawn so many times larger, and shrunk: their borders are smooth."""


@dataclass(frozen=True, slots=True)
class _Tag:
    named: Rect
    texts: Sequence[str]
    color: Color
    group: int


@dataclass(frozen=True, slots=True)
class _Shape:
    """A box, or a dot with its radius; no colour: white, as the truth."""

    place: Rect
    color: Color | None
    radius: float = 0.0


class Sheet:
    """Collects what tasks draw on a picture, and lays it out.

    Args:
        image: `[3, H, W]` uint8, which stays as it is.
    """

    def __init__(self, image: Tensor) -> None:
        self.size = (image.shape[1], image.shape[2])
        self._image = image
        self._subject = ""
        self._first_color = 0
        self._truths: list[_Shape] = []
        self._shapes: list[_Shape] = []
        self._tags: list[_Tag] = []
        self._legends: list[Legend] = []  # of maps: always told
        self._groups: list[Legend] = []  # of boxes and points, which have tags
        self._insets: list[Rect] = []

    def begin(self, subject: str, first_color: int = 0) -> None:
        """Say whose answers come next, and the number of the colour of their first class."""
        self._subject = subject
        self._first_color = first_color

    @property
    def drawn(self) -> int:
        """How many things were drawn: shapes and maps."""
        return len(self._truths) + len(self._shapes) + len(self._legends)

    def boxes(
        self,
        corners: Tensor,
        numbers: Sequence[int],
        names: Sequence[str],
        texts: Sequence[Sequence[str]],
    ) -> None:
        """Outlined boxes, each with a tag where there is room.

        Args:
            corners: `[N, 4]` xyxy, the picture's pixels; the most important first.
            numbers: the class of each.
            names: of all classes.
            texts: for each what its tag may say, the longest first.
        """
        group = len(self._groups)
        for (x1, y1, x2, y2), number, words in zip(corners.tolist(), numbers, texts, strict=True):
            place = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
            self._shapes.append(_Shape(place, self._color(number)))
            self._tags.append(_Tag((x1, y1, x2, y2), words, self._color(number), group))
        keys = [(f"{names[n]} ×{numbers.count(n)}", self._color(n)) for n in sorted({*numbers})]
        self._groups.append(Legend(self._subject, tuple(keys)))

    def points(self, places: Tensor, numbers: Sequence[int], names: Sequence[str]) -> None:
        """Dots, each with its name where there is room.

        Args:
            places: `[N, 2]` x, y, the picture's pixels.
            numbers: which point each is.
            names: of all points.
        """
        group, radius = len(self._groups), self._radius()
        for place, number in zip(_centres(places), numbers, strict=True):
            self._shapes.append(_Shape(place, self._color(number), radius))
            around = (place[0] - radius, place[1] - radius, place[0] + radius, place[1] + radius)
            self._tags.append(_Tag(around, [names[number]], self._color(number), group))
        keys = [(names[number], self._color(number)) for number in numbers]
        self._groups.append(Legend(self._subject, tuple(keys)))

    def true_boxes(self, corners: Tensor) -> None:
        """Boxes `[N, 4]` xyxy of the truth: thin, white, below the others."""
        self._truths += [
            _Shape((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), None)
            for x1, y1, x2, y2 in corners.tolist()
        ]

    def true_points(self, places: Tensor) -> None:
        """Points `[N, 2]` of the truth: white rings, with room for a dot inside."""
        radius = self._radius() + 2
        self._truths += [_Shape(place, None, radius) for place in _centres(places)]

    def class_map(
        self, numbers: Tensor, names: Sequence[str], first: int, truth: Tensor | None = None
    ) -> None:
        """A map of classes, half transparent; see `class_overlay`.

        Args:
            numbers: `[H, W]`, counts `names`.
            names: of the classes.
            first: classes below it are left clear.
            truth: a map like `numbers`, whose borders are drawn.
        """
        colors = [self._color(number - first) for number in range(256)]
        self._image = class_overlay(self._image, numbers, colors, first, truth)
        counts = torch.bincount(numbers.flatten().long(), minlength=IGNORED)[:IGNORED]
        seen = [n for n in counts.nonzero().flatten().tolist() if n >= first]
        keys = tuple((names[n], colors[n]) for n in seen)
        if keys or truth is not None:
            self._legends.append(Legend(self._subject, keys))

    def number_map(self, numbers: Tensor, truth: Tensor | None = None) -> None:
        """A map of numbers `[H, W]` in colours; a true one, small, in the lower right corner.

        Where nothing was measured, both are 0.
        """
        scale = range_of(*(found for found in (numbers, truth) if found is not None))
        if scale is None:
            return
        self._image = number_overlay(self._image, numbers, scale)
        self._legends.append(Legend(self._subject, scale=scale))
        if truth is None:
            return
        height, width = (max(1, side // 3) for side in self.size)
        small = torch.where(truth > UNMEASURED, on_scale(truth, scale), 0)
        self._image[:, -height:, -width:] = small[:, ::3, ::3][:, :height, :width]
        canvas = to_pil(self._image)
        left, top = self.size[1] - width - 1, self.size[0] - height - 1
        ImageDraw.Draw(canvas).rectangle((left, top, *canvas.size), outline=WHITE)
        letters = letters_for(self.size)
        if tag_size("true", letters)[0] <= width and tag_size("true", letters)[1] <= height:
            draw_tag(canvas, (left, top), "true", PLAIN, letters)
        self._image = to_tensor(canvas)
        self._insets.append((left, top, self.size[1], self.size[0]))

    def picture(self) -> Tensor:
        """All of it in the picture's own size `[3, H, W]`; legends lie in its lower left corner.

        Boxes and points have one only where some of their tags found no room.
        """
        tags, crowded = self._laid_out([])
        legends = [*self._legends, *(self._groups[group] for group in sorted(crowded))]
        letters = letters_for(self.size)
        corner = in_corner(legends, self.size, letters)
        if corner:
            tags, _ = self._laid_out([rect for _, rect in corner])
        canvas = self._drawn(tags)
        for part, (left, top, _, _) in corner:
            part.draw(canvas, (round(left), round(top)), letters)
        return to_tensor(canvas)

    def apart(self) -> tuple[Tensor, list[Legend]]:
        """The picture without legends, and all that there are, to stand beside it."""
        tags, _ = self._laid_out([])
        legends = [*self._legends, *self._groups]
        return to_tensor(self._drawn(tags)), [said for said in legends if said.keys or said.scale]

    def _laid_out(
        self, taken: Sequence[Rect]
    ) -> tuple[list[tuple[tuple[float, float], str, Color]], set[int]]:
        """Corner, text and colour of each tag that has room, and the groups that lack some."""
        letters = letters_for(self.size)
        places = Places(self.size, [tag.named for tag in self._tags])
        for rect in (*taken, *self._insets):
            places.take(rect)
        found, crowded = [], set()
        room = HIDDEN * self.size[0] * self.size[1]
        for tag in self._tags:
            for shorter, text in enumerate(tag.texts):
                width, height = tag_size(text, letters)
                fits = width * height <= room
                corner = places.place((width, height), tag.named) if fits else None
                if shorter or corner is None:
                    crowded.add(tag.group)
                if corner is not None:
                    found.append((corner, text, tag.color))
                    room -= width * height
                    break
        return found, crowded

    def _drawn(self, tags: Sequence[tuple[tuple[float, float], str, Color]]) -> Image.Image:
        canvas = to_pil(self._image)
        for shape in (*self._truths, *reversed(self._shapes)):  # the first on top
            (self._dot if shape.radius else self._box)(canvas, shape)
        for corner, text, color in tags:
            draw_tag(canvas, corner, text, color, letters_for(self.size))
        return canvas

    def _box(self, canvas: Image.Image, shape: _Shape) -> None:
        left, top, right, bottom = (round(side) for side in shape.place)
        wide = line_for(self.size) + (shape.color is not None)
        draw = ImageDraw.Draw(canvas, "RGBA")
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=HALO)
        inner = (left + wide, top + wide, right - wide, bottom - wide)
        if inner[0] < inner[2] and inner[1] < inner[3]:
            draw.rectangle(inner, outline=HALO)
        draw.rectangle((left, top, right, bottom), outline=shape.color or WHITE, width=wide)

    def _dot(self, canvas: Image.Image, shape: _Shape) -> None:
        x, y, _, _ = shape.place
        reach = round(shape.radius) + 3
        left, top = round(x) - reach, round(y) - reach
        large = Image.new("RGBA", (SMOOTH * (2 * reach + 1),) * 2)
        draw = ImageDraw.Draw(large)
        # The middle of a whole pixel is one again among as many as are odd.
        centre = [round(SMOOTH * (side + 0.5) - 0.5) for side in (x - left, y - top)]
        for beyond, fill in ((1.5, HALO), (0.5, WHITE), (-1.0, shape.color)):
            radius = round(SMOOTH * (shape.radius + beyond))
            lower, upper = ([side + way * radius for side in centre] for way in (-1, 1))
            # Of a ring, what it surrounds stays to be seen.
            draw.ellipse((*lower, *upper), fill=fill or (0, 0, 0, 0))
        small = large.resize((2 * reach + 1,) * 2, Image.Resampling.BOX)
        canvas.paste(small, (left, top), small)

    def _color(self, number: int) -> Color:
        return color_of(self._first_color + number)

    def _radius(self) -> float:
        return max(2.0, max(self.size) / 120)


def _centres(places: Tensor) -> list[Rect]:
    """Points as rectangles without area; the first pixel's centre is at 0.5, for Pillow at 0."""
    return [(x - 0.5, y - 0.5, x - 0.5, y - 0.5) for x, y in places.tolist()]
