"""Panels of how numbers are spread: histograms, and the sizes of pictures."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mtcli.core.ops.drawing import BAD, PLAIN, Color
from mtcli.core.statistics.marks import (
    INK,
    LINES,
    QUIET,
    SMALL,
    Panel,
    hexadecimal,
    number,
    numbers,
    round_numbers,
    ticks,
)
from mtcli.core.statistics.model import Measure, Statistics

FAR = 30
"""The axis is logarithmic where values differ by more than this factor."""

BARS = 28
HEIGHT = 1.5

FEW = 10
"""Fewer values than these are a tick each: bars of them would be spikes."""

ROUNDING, NOTHING = 1e-9, 1e-100
"""Values that differ by a smaller share, or by less, differ by nothing but rounding."""


def histogram_panel(
    title: str, measure: Measure, color: Color, limits: tuple[float, float] | None = None
) -> Panel | None:
    """How a measure is spread over each split; None where nothing was measured.

    Args:
        title: whose it is.
        measure: what is shown.
        color: of the first split's bars; the others are lines.
        limits: of the axis, where they are not those of the values.
    """
    values = {split: list(own) for split, own in measure.values.items() if own}
    every = sorted(value for own in values.values() for value in own)
    if not every:
        return None
    if math.isclose(every[0], every[-1], rel_tol=ROUNDING, abs_tol=NOTHING):
        often = "always" if len(every) > 1 else "once"
        return constant_panel(color, title, measure.what, number(every[0]), often)
    low, high = limits or (every[0], every[-1])
    whole = limits is None and high - low <= 2 * BARS and all(value % 1 == 0 for value in every)
    log = low > 0 and not whole and (measure.ratio or high > FAR * low)
    edges = borders(low, high, log, whole)

    def draw(axes: Any) -> None:
        axes.set_xscale("log" if log else "linear")
        rugs = 0
        for place, split in enumerate(measure.values):
            own = values.get(split, [])
            if not own:
                continue
            looks = {
                "color": INK if place else hexadecimal(color),
                "linestyle": LINES[min(place, len(LINES) - 1)],
                "linewidth": 1.2,
            }
            if len(own) < FEW and not whole:
                _rug(axes, own, rugs, looks)
                rugs += 1
                continue
            weights = [1 / len(own)] * len(own)
            if place == 0:
                axes.hist(own, edges, weights=weights, color=hexadecimal(color), alpha=0.85)
            else:
                axes.hist(own, edges, weights=weights, histtype="step", **looks)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_yticks([])
        ticks(axes, edges[0], edges[-1], log)

    middle = statistics.median(every)
    low_text, high_text = numbers([every[0], every[-1]])
    spread = f"{low_text} to {high_text}, median {number(middle)}"
    return Panel(color, title, f"{measure.what}: {spread}", HEIGHT, 0.05, 0.3, draw)


def _rug(axes: Any, values: Sequence[float], row: int, looks: Mapping[str, Any]) -> None:
    """A tick for each value, in a row of its own from the bottom up."""
    low = 0.02 + 0.16 * row
    place = axes.get_xaxis_transform()
    axes.vlines(values, low, low + 0.13, transform=place, gid="rug", **_of_many(looks))


def _of_many(looks: Mapping[str, Any]) -> dict[str, Any]:
    """The looks of one line as those of many."""
    return {f"{name}s": look for name, look in looks.items()}


def constant_panel(color: Color, title: str, what: str, text: str, below: str) -> Panel:
    """What is the same everywhere, said rather than drawn."""

    def draw(axes: Any) -> None:
        axes.set_axis_off()
        axes.text(0.5, 0.6, text, ha="center", va="center", fontsize=19, color=INK)
        axes.text(0.5, 0.32, below, ha="center", fontsize=SMALL, color=QUIET)

    return Panel(color, title, what, HEIGHT, 0.05, 0.3, draw)


def borders(low: float, high: float, log: bool, whole: bool) -> list[float]:
    """Of the bars of a histogram, ascending; where numbers are whole, a bar each."""
    if whole:
        return [low - 0.5 + place for place in range(int(high - low) + 2)]
    if log:
        ratio = math.log(high) - math.log(low)  # the ratio itself may be too large for a number
        inner = [low * math.exp(ratio * place / BARS) for place in range(1, BARS)]
    else:
        inner = [low + (high - low) * place / BARS for place in range(1, BARS)]
    return [low, *inner, high]


def sizes_panel(found: Statistics) -> Panel:
    """Width and height of the pictures, beside the working size."""
    counts = Counter(size for own in found.sizes.values() for size in own)
    if len(counts) > 1:
        return _scattered(counts, found.size)
    what = "height × width; working size {} × {}".format(*found.size)
    text, below = "none", "not one can be read"
    if counts:
        ((size, count),) = counts.items()
        text = "{} × {}".format(*size)
        below = "every picture" if count > 1 else "one picture"
    return constant_panel(PLAIN, "pictures", what, text, below)


def _scattered(counts: Counter[tuple[int, int]], working: tuple[int, int]) -> Panel:
    sizes: Sequence[tuple[int, int]] = [*counts]
    down = 1.1 * max(working[0], *(height for height, _ in sizes))
    across = 1.1 * max(working[1], *(width for _, width in sizes))
    total = counts.total()

    def draw(axes: Any) -> None:
        axes.scatter(
            [width for _, width in sizes],
            [height for height, _ in sizes],
            s=[8 + 80 * counts[size] / total for size in sizes],
            color=hexadecimal(PLAIN),
            alpha=0.5,
            linewidth=0,
        )
        far = min(down / working[0], across / working[1])
        line = [0, far * working[1]], [0, far * working[0]]
        axes.plot(*line, "--", color=QUIET, linewidth=0.8)
        axes.plot(
            [working[1]], [working[0]], "+", color=hexadecimal(BAD), markersize=11, mew=2, zorder=3
        )
        axes.set_xlim(0, across)
        axes.set_ylim(0, down)
        axes.spines["left"].set_visible(True)
        axes.spines["left"].set_color(QUIET)
        heights = round_numbers(0, down, log=False)
        axes.set_yticks(heights, [number(place) for place in heights], fontsize=SMALL, color=QUIET)
        ticks(axes, 0, across, False)

    what = f"{len(counts)} widths and heights; + working size {working[0]} × {working[1]}"
    return Panel(PLAIN, "pictures", what, HEIGHT, 0.45, 0.3, draw)
