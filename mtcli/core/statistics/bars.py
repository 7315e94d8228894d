"""Panels of bars: how much of each split is labelled, and how often each class is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtcli.core.ops.drawing import BAD, PLAIN, Color
from mtcli.core.statistics.marks import (
    INK,
    LINES,
    QUIET,
    Panel,
    hexadecimal,
    inches,
    percent,
    say,
    say_beside,
    shades,
    short,
    ticks,
)
from mtcli.core.statistics.model import Statistics, TaskStatistics

SHOWN = 20
"""The most classes in one panel."""

CROWDED = 8
"""With more classes than this the splits share one bar a class."""

FAR = 30
"""The axis is logarithmic where shares differ by more than this factor."""

LINE = 0.165
"""Inches that one bar takes."""

WHAT = {
    "pictures": "share of the labelled pictures, by class",
    "boxes": "share of the boxes, by class",
    "pixels": "share of the pixels, by class",
    "points": "share of the labelled pictures, by point",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A share of a split, and what is written beside it."""

    split: str
    share: float
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A name, the colour of each split, and a bar for each."""

    name: str
    tones: Mapping[str, str]
    bars: Sequence[Bar]


def labelled_panel(statistics: Statistics, colors: Mapping[str, Color]) -> Panel:
    """Which share of the pictures each task labels."""
    splits = [split for split, count in statistics.pictures.items() if count]
    rows = []
    for name, task in statistics.tasks.items():
        labelled = {split: task.labelled[split] for split in splits}
        bars = [
            Bar(split, count / statistics.pictures[split], str(count))
            for split, count in labelled.items()
        ]
        rows.append(Row(short(name), shades(colors[name], splits), bars))
    return _bars(PLAIN, "labels", "share of the pictures that a task labels", rows)


def classes_panel(name: str, task: TaskStatistics, color: Color) -> Panel:
    """How often each class is there, as shares of a split, with the counts beside them."""
    splits = [split for split, count in task.labelled.items() if count]
    tones = shades(color, list(task.labelled))
    total = {label: sum(task.counts[split][label] for split in splits) for label in task.classes}
    order = sorted(task.classes, key=lambda label: -total[label])
    rows = []
    for label in order[:SHOWN]:
        bars = []
        for split in splits:
            share = task.share(split, label)
            count = task.counts[split][label]
            bars.append(Bar(split, share, percent(share) if task.unit == "pixels" else f"{count}"))
        rows.append(Row(short(label), tones, bars))
    more = len(order) - SHOWN
    return _bars(color, name, WHAT[task.unit], rows, f"and {more} more" if more > 0 else "")


def _bars(color: Color, title: str, subtitle: str, rows: Sequence[Row], foot: str = "") -> Panel:
    shares = [bar.share for row in rows for bar in row.bars if bar.share]
    low, high = min(shares, default=1.0), max(shares, default=1.0)
    log = high > FAR * low
    start = low / 2 if log else 0.0
    # Room for the number beside the longest bar.
    end = high * (high / start) ** 0.25 if log else high * 1.25
    crowded = len(rows) > CROWDED
    splits = len(rows[0].bars)
    each = 1.25 if crowded or splits < 2 else splits + 0.6
    lines = each * len(rows) + (1.2 if foot else 0)

    def draw(axes: Any) -> None:
        axes.set_xscale("log" if log else "linear")
        axes.set_xlim(start, end)
        axes.set_ylim(lines, -0.3)
        for number, row in enumerate(rows):
            top = number * each
            say_beside(axes, top + (0.5 if each == 1.25 else splits / 2), row.name)
            (_one_bar if crowded else _own_bars)(axes, row, top, start)
        if foot:
            say_beside(axes, lines - 0.6, foot, QUIET)
        axes.set_yticks([])
        ticks(axes, start, high, log, lambda shares: [percent(share) for share in shares])

    left = max(map(inches, [foot, *(row.name for row in rows)])) + 0.1
    subtitle = f"{subtitle}; logarithmic" if log else subtitle
    return Panel(color, title, subtitle, max(0.4, lines * LINE), left, 0.3, draw)


def _own_bars(axes: Any, row: Row, top: float, start: float) -> None:
    """A bar for each split, below each other."""
    for place, bar in enumerate(row.bars):
        y = top + place + 0.5
        if bar.share:
            tone = row.tones[bar.split]
            axes.barh(y, bar.share - start, left=start, height=0.86, color=tone)
            say(axes, bar.share, y, bar.text)
        else:
            say(axes, start, y, "none", hexadecimal(BAD))


def _one_bar(axes: Any, row: Row, top: float, start: float) -> None:
    """A bar for the first split, and lines across it for the others."""
    y = top + 0.5
    far = start
    for place, bar in enumerate(row.bars):
        far = max(far, bar.share)
        if not bar.share:
            continue
        if place == 0:
            tone = row.tones[bar.split]
            axes.barh(y, bar.share - start, left=start, height=0.86, color=tone)
        else:
            style = LINES[min(place, len(LINES) - 1)]
            axes.plot([bar.share] * 2, [y - 0.5, y + 0.5], style, color=INK, linewidth=1.2)
    empty = [bar.split for bar in row.bars if not bar.share]
    if len(empty) == len(row.bars):
        say(axes, start, y, "none", hexadecimal(BAD))
    elif empty:
        said = row.bars[0].text if row.bars[0].share else ""
        say(axes, far, y, f"{said}  none in {', '.join(empty)}".strip(), hexadecimal(BAD))
    else:
        say(axes, far, y, row.bars[0].text)
