"""Panels of what occurs together: a table of shares, and the pairs that are worth a word."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mtcli.core.ops.drawing import PLAIN, Color
from mtcli.core.statistics.marks import INK, QUIET, SMALL, Panel, hexadecimal, inches, short
from mtcli.core.statistics.model import Key, Pair, Statistics

MOST = 28
"""The most rows and columns."""

CELL, LINE = 0.36, 0.22
"""Inches of a cell's side, and of a line of text."""


def together_panel(
    statistics: Statistics, keys: Sequence[Key], colors: Mapping[str, Color]
) -> Panel:
    """Of the pictures with a row's class, how many have a column's too.

    Args:
        statistics: with pairs.
        keys: the classes that are shown.
        colors: of the tasks.
    """
    side = len(keys) * CELL
    names = max(inches(short(label)) for _, label in keys) + 0.2
    values = conditional(statistics.together)

    def draw(axes: Any) -> None:
        from matplotlib import colormaps
        from matplotlib.patches import Rectangle

        # What stands above the axes' first row are the columns' names, as high as they are long.
        axes.set_xlim(0, len(keys))
        axes.set_ylim(len(keys), -names / CELL)
        axes.set_axis_off()

        def fill(x: float, y: float, width: float, height: float, color: Any) -> None:
            axes.add_patch(Rectangle((x, y), width, height, fc=color, lw=0, clip_on=False))

        def write(x: float, y: float, text: str, **style: Any) -> None:
            axes.text(x, y, text, fontsize=SMALL, parse_math=False, **style)

        for row, first in enumerate(keys):
            fill(-0.22, row, 0.14, 1, hexadecimal(colors[first[0]]))
            fill(row, -0.22, 1, 0.14, hexadecimal(colors[first[0]]))
            name = short(first[1])
            write(-0.35, row + 0.5, name, ha="right", va="center", color=INK)
            write(row + 0.5, -0.35, name, ha="center", va="bottom", rotation=90, color=INK)
            for column, second in enumerate(keys):
                share = values.get((first, second))
                tone = "#f4f4f4" if share is None else colormaps["Blues"](0.9 * share)
                fill(column + 0.03, row + 0.03, 0.94, 0.94, tone)
                if share is not None:
                    ink = "white" if share > 0.62 else INK
                    text = f"{100 * share:.0f}" if share == 0 or share >= 0.01 else "<1"
                    write(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink)

    what = "of the pictures with a row's label, the % with a column's"
    return Panel(PLAIN, "together", what, side + names, names, 0.1, draw, side)


def striking_panel(pairs: Sequence[Pair], colors: Mapping[str, Color]) -> Panel:
    """Pairs as lines of text."""

    def draw(axes: Any) -> None:
        axes.set_axis_off()
        axes.set_ylim(len(pairs), 0)
        axes.set_xlim(0, 1)
        for row, pair in enumerate(pairs):
            often = f"{pair.both} pictures, {pair.lift:.1f} times" if pair.both else "never"
            names = f"{short(pair.first[1], 16)} + {short(pair.second[1], 16)}"
            near = {
                "va": "center",
                "textcoords": "offset points",
                "fontsize": SMALL,
                "parse_math": False,
                "annotation_clip": False,
            }
            for place, (task, _) in enumerate((pair.first, pair.second)):
                tone = hexadecimal(colors[task])
                axes.annotate("■", (0, row + 0.5), xytext=(9 * place, 0), color=tone, **near)
            said = axes.annotate(names, (0, row + 0.5), xytext=(21, 0), color=INK, **near)
            axes.annotate(often, (1, 0.5), xycoords=said, xytext=(8, 0), color=QUIET, **near)

    what = "together so many times as often as by chance"
    return Panel(PLAIN, "far from chance", what, len(pairs) * LINE, 0.0, 0.1, draw)


def kept_classes(statistics: Statistics) -> list[Key]:
    """The classes of the table, by task in its order.

    Those in every picture that the task labels tell nothing; of the others each task's most
    frequent ones, as many as there is room for.
    """
    often: dict[str, list[Key]] = {}
    for name, task in statistics.tasks.items():
        counts = {c: sum(own[c] for own in task.pictures.values()) for c in task.classes}
        labelled = sum(task.labelled.values())
        ranked = sorted(counts.items(), key=lambda item: -item[1])
        often[name] = [(name, label) for label, count in ranked if 0 < count < labelled]
    chosen: set[Key] = set()
    # Tasks of few classes first: what they leave of their room is for the others.
    for place, own in enumerate(sorted(often.values(), key=len)):
        chosen |= {*own[: (MOST - len(chosen)) // (len(often) - place)]}
    known = {key for pair in statistics.together for key in (pair.first, pair.second)}
    return [
        (name, label)
        for name, task in statistics.tasks.items()
        for label in task.classes
        if (name, label) in chosen & known
    ]


def can_meet(statistics: Statistics) -> bool:
    """Whether there is a word to say of what is together.

    Of a task alone there is if its words are all that a picture is called; the classes of its
    boxes or pixels are told by their panels.
    """
    tasks = list(statistics.tasks.values())
    told = len(tasks) > 1 or all(task.unit == "pictures" for task in tasks)
    return told and any(pair.both for pair in statistics.together)


def conditional(pairs: Sequence[Pair]) -> dict[tuple[Key, Key], float]:
    """Of the pictures with the first class, the share with the second; either way round."""
    found: dict[tuple[Key, Key], float] = {}
    for pair in pairs:
        if pair.of_first:
            found[pair.first, pair.second] = pair.both / pair.of_first
        if pair.of_second:
            found[pair.second, pair.first] = pair.both / pair.of_second
    return found


def striking(pairs: Sequence[Pair], limit: int) -> list[Pair]:
    """The pairs that are together far more or less often than by chance, the strangest first.

    By chance they would be together in `expected` pictures, give or take its root: what is three
    times that root away is told.
    """

    def strength(pair: Pair) -> float:
        expected = pair.of_first * pair.of_second / max(1, pair.pictures)
        return abs(pair.both - expected) / math.sqrt(max(1.0, expected))

    told = [pair for pair in pairs if strength(pair) >= 3]
    return sorted(told, key=strength, reverse=True)[:limit]
