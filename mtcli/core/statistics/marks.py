"""Words, numbers and colours of the panels: what they have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mtcli.core.ops.drawing import Color, font

SMALL = 8.5
"""Points of all letters but titles."""

INK, QUIET = "#222222", "#777777"
GREY: Color = (140, 140, 140)
LINES: tuple[Literal["-", "--", ":"], ...] = ("-", "-", "--", ":")
"""How splits are drawn where shades would lie upon each other; the first is filled."""

CANDIDATES = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
"""Round numbers of a logarithmic axis, times powers of ten."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the picture.

    Attributes:
        color: of whose it is.
        title: whose it is.
        subtitle: what it shows.
        height: of the axes, inches.
        left, bottom: what names and ticks take beside and below the axes, inches.
        draw: fills the axes.
        width: of the axes, inches; None: as much as the column has.
    """

    color: Color
    title: str
    subtitle: str
    height: float
    left: float
    bottom: float
    draw: Callable[[Any], None]
    width: float | None = None


def shades(color: Color, splits: Sequence[str]) -> dict[str, str]:
    """A colour for each split: the first is full, the others ever paler."""
    levels = (1.0, 0.5, 0.25, 0.15)
    found = {}
    for place, split in enumerate(splits):
        level = levels[min(place, len(levels) - 1)]
        red, green, blue = (round(255 - level * (255 - part)) for part in color)
        found[split] = hexadecimal((red, green, blue))
    return found


def hexadecimal(color: Color) -> str:
    """A colour as matplotlib takes it."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def short(name: str, limit: int = 22) -> str:
    """A name of at most so many letters."""
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def inches(text: str) -> float:
    """The width of small letters."""
    return font(20).getlength(text) / 20 * SMALL / 72


def percent(share: float) -> str:
    """A share of 1 in per cent, with two digits where it is small."""
    if share == 0 or share >= 0.1:
        return f"{share:.0%}"
    return f"{100 * share:.2g}%"


def number(value: float) -> str:
    """A number with three digits; whole ones whole."""
    whole = value == int(value) and abs(value) < 1e5
    return str(int(value)) if whole else f"{value:.3g}"


def numbers(values: Sequence[float]) -> list[str]:
    """Different numbers with as many digits as tell them apart."""
    texts = [number(value) for value in values]
    for digits in range(4, 16):
        if len(set(texts)) == len(set(values)):
            break
        texts = [f"{value:.{digits}g}" for value in values]
    return texts


def ticks(
    axes: Any,
    low: float,
    high: float,
    log: bool,
    form: Callable[[Sequence[float]], Sequence[str]] = numbers,
) -> None:
    """A few round numbers below the axes."""
    places = round_numbers(low, high, log)
    axes.set_xticks(places, form(places), fontsize=SMALL, color=QUIET)
    axes.set_xticks([], minor=True)
    axes.tick_params(length=2, color=QUIET)


def round_numbers(low: float, high: float, log: bool) -> list[float]:
    """A few round numbers from low to high."""
    if log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        far = high / low
        steps = CANDIDATES if far < 10 else (1.0, 2.0, 5.0) if far < 1000 else (1.0,)
        found = [step * 10.0**power for power in powers for step in steps]
        found = [place for place in found if low <= place <= high]
        while len(found) > 5:
            found = found[::2]
        return found
    step = 10.0 ** math.floor(math.log10((high - low) / 4)) if high > low else 1.0
    step *= next(factor for factor in (1, 2, 5, 10, 20) if (high - low) / (step * factor) <= 5)
    first, last = math.ceil(low / step), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def say(axes: Any, x: float, y: float, text: str, ink: str = INK, **style: Any) -> None:
    """Small letters at a place of the axes' data, a bit to the right of it."""
    axes.annotate(
        text,
        (x, y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=SMALL,
        color=ink,
        parse_math=False,
        annotation_clip=False,
        **style,
    )


def say_beside(axes: Any, y: float, text: str, ink: str = INK) -> None:
    """Small letters that end at the left border of the axes, at a height of its data."""
    axes.annotate(
        text,
        (0, y),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-5, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=SMALL,
        color=ink,
        parse_math=False,
        annotation_clip=False,
    )
