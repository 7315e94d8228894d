"""The boxes that two formats hold of the same pictures, compared one by one."""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2."""

PIXELS = 2.0
SHARE = 0.01
"""Two boxes are one whose edges are so far apart at most: in pixels (VOC counts from 1, others
from 0), or in shares of the box's longer side."""


class Box(NamedTuple):
    """One object.

    Attributes:
        name: its class; empty: the file says none that can be read.
        corners: None: the file says none that can be read.
    """

    name: str
    corners: Corners | None


@dataclass(frozen=True, slots=True)
class Objects:
    """All boxes that a format holds.

    Attributes:
        boxes: by picture.
        relative: whether corners are in shares of the picture's sides; else in its pixels.
        nameless: whether classes are numbers that nothing names.
    """

    boxes: Mapping[str, Sequence[Box]]
    relative: bool = False
    nameless: bool = False


@dataclass(slots=True)
class Difference:
    """Where two formats contradict each other.

    Attributes:
        pictures: in which they do.
        boxes: how many of the first or the second have no counterpart, whichever are more.
        one, other: what each says of the first such picture.
    """

    pictures: list[str] = field(default_factory=list)
    boxes: int = 0
    one: str = ""
    other: str = ""


def difference(
    one: Objects,
    other: Objects,
    pictures: Sequence[str],
    size_of: Callable[[str], tuple[int, int] | None],
) -> Difference:
    """Compare two formats.

    Args:
        one: of one format.
        other: of the other.
        pictures: those to compare.
        size_of: gives height and width of a picture; None: it cannot be read.
    """
    named = not (one.nameless or other.nameless)
    found = Difference()
    for picture in pictures:
        size = size_of(picture) if one.relative or other.relative else (1, 1)
        if size is None:  # only their number can be compared
            size, known = (1, 1), False
        else:
            known = True
        mine = _in_pixels(one, picture, size, known)
        theirs = _in_pixels(other, picture, size, known)
        left, right = _unmatched(mine, theirs, named)
        if left or right:
            if not found.pictures:
                found.one, found.other = (
                    _said(boxes, differing, len(mine) != len(theirs))
                    for boxes, differing in ((mine, left), (theirs, right))
                )
            found.pictures.append(picture)
            found.boxes += max(len(left), len(right))
    return found


def _in_pixels(objects: Objects, picture: str, size: tuple[int, int], known: bool) -> list[Box]:
    boxes = objects.boxes.get(picture, ())
    if not known:
        return [Box(box.name, None) for box in boxes]
    if not objects.relative:
        return list(boxes)
    height, width = size
    return [
        Box(name, c and (c[0] * width, c[1] * height, c[2] * width, c[3] * height))
        for name, c in boxes
    ]


def _unmatched(one: list[Box], other: list[Box], named: bool) -> tuple[list[Box], list[Box]]:
    """The boxes of each that have no counterpart in the other."""
    waiting = sorted((b for b in other if b.corners), key=lambda box: box.corners or ())
    edges = [box.corners[0] for box in waiting if box.corners]
    taken = [False] * len(waiting)
    left: list[Box] = []
    for box in one:
        if box.corners is None:
            left.append(box)
            continue
        reach = _reach(box.corners)
        near: tuple[float, int] | None = None
        first = bisect.bisect_left(edges, box.corners[0] - reach)
        for place in range(first, bisect.bisect_right(edges, box.corners[0] + reach)):
            corners = waiting[place].corners
            if taken[place] or corners is None or (named and not _alike(box, waiting[place])):
                continue
            apart = max(abs(a - b) for a, b in zip(box.corners, corners, strict=True))
            if apart <= reach and (near is None or apart < near[0]):
                near = apart, place
        if near is None:
            left.append(box)
        else:
            taken[near[1]] = True
    right = [box for box, used in zip(waiting, taken, strict=True) if not used]
    right += [box for box in other if box.corners is None]
    return _without_unread(left, right, named)


def _without_unread(left: list[Box], right: list[Box], named: bool) -> tuple[list[Box], list[Box]]:
    """Boxes that cannot be read may be any of their class; whoever checks the data tells them."""
    for unread, others in ((left, right), (right, left)):
        for box in [box for box in unread if box.corners is None]:
            match = next((o for o in others if not named or _alike(box, o)), None)
            if match is not None:
                unread.remove(box)
                others.remove(match)
    return left, right


def _alike(one: Box, other: Box) -> bool:
    return "" in (one.name, other.name) or one.name.casefold() == other.name.casefold()


def _reach(corners: Corners) -> float:
    return max(PIXELS, SHARE * max(corners[2] - corners[0], corners[3] - corners[1]))


def _said(boxes: Sequence[Box], differing: Sequence[Box], counted: bool) -> str:
    """What a format says where the other one says something else."""
    number = f"{len(boxes)} box{'' if len(boxes) == 1 else 'es'}"
    if not differing:
        return number
    name, corners = differing[0]
    place = "" if corners is None else " at " + ", ".join(f"{edge:.0f}" for edge in corners)
    return f"{number}, one of them {name}{place}" if counted else f"{name}{place}"


def is_number_name(name: str) -> bool:
    """Whether a class has a number instead of a name: `3`, `class_3`."""
    return re.fullmatch(r"(class_?)?\d+", name) is not None
