"""The lines of YOLO's label files: a class number, a box or polygon, and points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mtcli.core.data.faults import skipping
from mtcli.core.data.textfile import read_text
from mtcli.core.errors import DataError
from mtcli.core.labels import Point

TOLERANCE = 1e-3
"""How far outside the picture a rounded coordinate may be, in shares of its sides."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the numbers of a line mean.

    Attributes:
        names: of the classes by their numbers; None: nothing names them.
        points: names of the points behind each box; None: there are none.
        sizes: how many numbers a point may have: 2, or 3 with how it is to be seen.
        swaps: pairs of points that change places in a mirror; None: nothing says so.
    """

    names: Mapping[int, str] | None
    points: tuple[str, ...] | None
    sizes: tuple[int, ...] = (2, 3)
    swaps: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One object: its class number, its box's corners, and its points where it has some."""

    where: str
    number: int
    box: tuple[float, float, float, float]
    points: tuple[Point | None, ...] | None


def read_lines(
    path: Path, meaning: Meaning, problems: list[DataError] | None = None
) -> Iterator[Line]:
    """The objects of a file.

    Args:
        path: the file.
        meaning: of its numbers.
        problems: takes what is wrong with a line, which is then passed over.

    Raises:
        DataError: it cannot be read, or a line is none.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            with skipping(problems):
                yield _line(line.split(), meaning, f"{path}, line {number}")


def _line(words: Sequence[str], meaning: Meaning, where: str) -> Line:
    first, *rest = (_number(word, where) for word in words)
    number = int(first) if first.is_integer() else -1
    if number < 0 or (meaning.names is not None and number not in meaning.names):
        raise DataError(
            "a class number that has no name",
            where=where,
            expected=f"{min(meaning.names)} to {max(meaning.names)}"
            if meaning.names
            else "0 and above",
            found=words[0],
        )
    box, flat = rest[:4], rest[4:]
    if meaning.points is not None:
        count = len(meaning.points)
        if len(box) == 4 and len(flat) in [0, *(size * count for size in meaning.sizes)]:
            points = _read_points(flat, len(flat) // count, where) if flat else None
            return Line(where, number, _corners(box, where), points)
    elif len(rest) == 4:
        return Line(where, number, _corners(box, where), None)
    elif len(rest) >= 6 and len(rest) % 2 == 0:
        _check_shares(rest, where)
        xs, ys = rest[::2], rest[1::2]
        return Line(where, number, (min(xs), min(ys), max(xs), max(ys)), None)
    raise DataError(
        f"{len(words)} numbers in a line",
        where=where,
        expected="class, x, y, width, height"
        + (
            f", and {' or '.join(map(str, meaning.sizes))} numbers for each of "
            f"{len(meaning.points)} points"
            if meaning.points is not None
            else "; or a class and the x and y of three points or more"
        ),
    )


def _corners(box: Sequence[float], where: str) -> tuple[float, float, float, float]:
    _check_shares(box, where)
    x, y, width, height = box
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _read_points(flat: Sequence[float], size: int, where: str) -> tuple[Point | None, ...]:
    found: list[Point | None] = []
    for start in range(0, len(flat), size):
        x, y, *seen = flat[start : start + size]
        visibility = seen[0] if seen else (2 if x or y else 0)
        if visibility not in (0, 1, 2):
            raise DataError(
                "a point's visibility is 0, 1 or 2", where=where, found=f"{visibility:g}"
            )
        if visibility == 0:
            found.append(None)
            continue
        _check_shares((x, y), where)
        # A point on the border, rounded, is not outside.
        x, y = (min(max(share, 0.0), 1.0) for share in (x, y))
        found.append(Point(x, y, visible=visibility == 2))
    return tuple(found)


def _check_shares(shares: Sequence[float], where: str) -> None:
    for share in shares:
        if not -TOLERANCE <= share <= 1 + TOLERANCE:  # nor NaN
            raise DataError(
                "a coordinate outside the picture",
                where=where,
                expected="shares of the picture's sides, from 0 to 1",
                found=f"{share:g}",
            )


def _number(word: str, where: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise DataError("a word that is no number", where=where, found=word[:60]) from None
