"""Where tags go: beside what they name, inside the frame, never on each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Rect = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

LATER = 0.12
"""What each place further down the list costs, in shares of a tag that hides something."""


class Places:
    """The free room of a picture of a size (height, width).

    Args:
        size: of the picture.
        shapes: what tags had better not hide, though they may.
    """

    def __init__(self, size: tuple[int, int], shapes: Sequence[Rect] = ()) -> None:
        self._height, self._width = size
        self._shapes = _rows(shapes)
        self._taken: list[Rect] = []

    def take(self, rect: Rect) -> None:
        """Let no tag lie here."""
        self._taken.append(rect)

    def place(self, size: tuple[int, int], named: Rect) -> tuple[float, float] | None:
        """Take room for a tag beside what it names: its upper left corner, None without room.

        Args:
            size: the tag's width and height.
            named: what it names.
        """
        width, height = size
        best: tuple[float, float, float] | None = None
        taken = _rows(self._taken)
        for later, (x, y) in enumerate(self._around(size, named)):
            rect = (x, y, x + width, y + height)
            if _common(taken, rect).any():
                continue
            others = self._shapes[(self._shapes != named).any(axis=1)]
            hidden = float(_common(others, rect).sum()) / (width * height)
            # Of what it names a tag may hide a part of a large thing, but not all of a dot.
            area = max((named[2] - named[0]) * (named[3] - named[1]), 1e-9)
            own = float(_common(_rows([named]), rect)[0]) / area
            cost = hidden + own + LATER * later
            if best is None or cost < best[0]:
                best = (cost, x, y)
        if best is None:
            return None
        self.take((best[1], best[2], best[1] + width, best[2] + height))
        return best[1:]

    def _around(self, size: tuple[int, int], named: Rect) -> Iterator[tuple[float, float]]:
        """Corners for a tag, the usual ones first; all of it lies in the frame."""
        (width, height), (left, top, right, bottom) = size, named
        for x, y in (
            (left, top - height),
            (left, top),
            (right - width, top - height),
            (left, bottom),
            (right - width, bottom),
            (right, top),
            (left - width, top),
            (left, bottom - height),
            (right - width, top),
            (right - width, bottom - height),
            (right, bottom - height),
            (left - width, bottom - height),
        ):
            inside = min(max(0.0, x), self._width - width)
            if inside >= 0 and 0 <= y <= self._height - height:
                yield float(round(inside)), float(round(y))


def _rows(rects: Sequence[Rect]) -> npt.NDArray[np.float64]:
    return np.array(rects, dtype=np.float64).reshape(-1, 4)


def _common(rects: npt.NDArray[np.float64], rect: Rect) -> npt.NDArray[np.float64]:
    """The area that each of some has in common with one."""
    one = np.array(rect)
    sides = np.minimum(rects[:, 2:], one[2:]) - np.maximum(rects[:, :2], one[:2])
    area: npt.NDArray[np.float64] = sides.clip(min=0).prod(axis=1)
    return area
