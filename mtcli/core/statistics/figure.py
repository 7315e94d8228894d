"""All statistics as one picture: the pictures first, then each task, then what is together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtcli.core.ops.drawing import PLAIN, color_of
from mtcli.core.statistics.bars import classes_panel, labelled_panel
from mtcli.core.statistics.marks import (
    GREY,
    INK,
    LINES,
    QUIET,
    SMALL,
    Panel,
    hexadecimal,
    shades,
    short,
)
from mtcli.core.statistics.matrix import (
    can_meet,
    kept_classes,
    striking,
    striking_panel,
    together_panel,
)
from mtcli.core.statistics.model import Statistics
from mtcli.core.statistics.spreads import histogram_panel, sizes_panel

WIDTH, DPI = 16.0, 100
"""Inches, and pixels in one: 1600 pixels wide."""

COLUMNS = 4
EDGE = 0.35
COLUMN = (WIDTH - EDGE) / COLUMNS
HEAD, TITLE, GAP = 0.75, 0.5, 0.4
"""Inches of the picture's heading, of a panel's title, and between panels."""

PAIRS = 14
"""The most pairs that are far from chance."""


def draw_statistics(statistics: Statistics, heading: str) -> Any:
    """A matplotlib figure of 1600 pixels' width, below a heading of one line."""
    # Figure alone, without pyplot: no window system, no global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    placed, height = _placed(_groups(statistics))
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)

    def axes_at(left: float, top: float, width: float, tall: float) -> Any:
        return figure.add_axes(
            (left / WIDTH, 1 - (top + tall) / height, width / WIDTH, tall / height)
        )

    def write(x: float, y: float, text: str, **style: Any) -> None:
        figure.text(x / WIDTH, 1 - y / height, text, va="baseline", parse_math=False, **style)

    write(EDGE, 0.4, heading, fontsize=13, color=INK)
    _legend(axes_at(WIDTH - EDGE - 5, 0.2, 5, 0.26), list(statistics.pictures))
    for panel, left, top in placed:
        write(left, top + 0.17, "■", color=hexadecimal(panel.color), fontsize=11)
        write(left + 0.19, top + 0.17, short(panel.title, 34), fontsize=10.5, weight="bold")
        write(left, top + 0.36, short(panel.subtitle, 62), fontsize=SMALL, color=QUIET)
        width = panel.width or COLUMN - panel.left - GAP
        axes = axes_at(left + panel.left, top + TITLE, width, panel.height)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(QUIET)
        panel.draw(axes)
    return figure


def save_figure(figure: Any, path: Path, form: str) -> None:
    """Write it; letters that the font lacks become boxes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(path, format=form, dpi=DPI)


def _groups(statistics: Statistics) -> list[list[Panel]]:
    """The panels, those of one thing together."""
    colors = {name: color_of(place) for place, name in enumerate(statistics.tasks)}
    brightness = histogram_panel("pictures", statistics.measures["brightness"], GREY, (0, 255))
    groups = [[labelled_panel(statistics, colors), sizes_panel(statistics), brightness]]
    for name, task in statistics.tasks.items():
        classes = [classes_panel(name, task, colors[name])] if task.classes else []
        spreads = [
            histogram_panel(name, measure, colors[name]) for measure in task.measures.values()
        ]
        groups.append([*classes, *spreads])
    keys = kept_classes(statistics)
    if keys and can_meet(statistics):
        groups.append([together_panel(statistics, keys, colors)])
        told = striking(statistics.together, PAIRS)
        if told:
            groups.append([striking_panel(told, colors)])
    whole = [[panel for panel in group if panel is not None] for group in groups]
    return [group for group in whole if group]


def _placed(groups: Sequence[Sequence[Panel]]) -> tuple[list[tuple[Panel, float, float]], float]:
    """Where each panel's upper left corner is, and how high all are together, in inches.

    A group gets columns side by side, as high up as there is room below what is there; in it,
    each panel goes to the column that ends highest.
    """
    placed = []
    ends = [HEAD] * COLUMNS
    for group in groups:
        wide = max(math.ceil((_width(panel) + GAP / 2) / COLUMN) for panel in group)
        count = wide if wide > 1 else min(COLUMNS, len(group))
        starts = [max(ends[first : first + count]) for first in range(COLUMNS - count + 1)]
        first = min(range(len(starts)), key=lambda n: (round(starts[n], 1), n))
        own = range(first, first + count)
        for column in own:
            ends[column] = starts[first]
        for panel in group:
            column = first if wide > 1 else min(own, key=lambda n: (round(ends[n], 1), n))
            placed.append((panel, EDGE + column * COLUMN, ends[column]))
            end = ends[column] + TITLE + panel.height + panel.bottom + GAP
            for covered in own if wide > 1 else (column,):
                ends[covered] = end
    return placed, max(ends)


def _width(panel: Panel) -> float:
    return 0.0 if panel.width is None else panel.left + panel.width


def _legend(axes: Any, splits: Sequence[str]) -> None:
    """What shades and lines mean, once for all panels."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    axes.set_axis_off()
    handles = []
    for place, (split, tone) in enumerate(shades(PLAIN, splits).items()):
        line = Line2D([], [], color=INK, ls=LINES[min(place, len(LINES) - 1)])
        patch = Patch(color=tone, label=split)
        handles.append((patch, line) if place else (patch,))
    axes.legend(
        handles,
        splits,
        handler_map={tuple: HandlerTuple(ndivide=None)},
        ncol=max(1, len(splits)),
        loc="center right",
        frameon=False,
        fontsize=9.5,
        handlelength=2.2,
    )
