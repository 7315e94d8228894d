"""Statistics as a table: a row a split and task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output

LONGEST = 24
"""Letters of a class's name."""

ALL = 8
"""So many classes are listed; of more, those that are there most and least often."""

HALF = 3
"""How many of each end."""


def show_statistics(output: Output, found: Mapping[str, Any]) -> None:
    """Print what `mtcli.core.statistics.plain` gives, in short."""
    out = output.result
    for split, facts in found["splits"].items():
        unread = f", {facts['unreadable']} unreadable" if facts["unreadable"] else ""
        sides = [_range(facts[side]) for side in ("height", "width")]
        bright = facts["brightness"]["mean"]
        light = "" if bright is None else f" · brightness {bright:.0f}"
        out.print(
            f" {split} · {_pictures(facts['pictures'])}{unread} · {' × '.join(sides)}{light}",
            soft_wrap=True,
            markup=False,
        )
        table = Table.grid(padding=(0, 2))
        for name, task in found["tasks"].items():
            own = task["splits"][split]
            classes = _classes(task["unit"], own["classes"]) if own["labelled"] else ""
            measured = _measure(own["measures"])
            table.add_row(
                Text(f"   {name}", "accent"),
                f"{own['labelled']} labelled" if own["labelled"] else Text("no label", "bad"),
                # One cell: columns of their own would leave gaps as wide as the longest list.
                Text.assemble(classes, " · " if classes and measured else "", (measured, "quiet")),
            )
        out.print(table)


def _pictures(count: int) -> str:
    return f"{count} picture" if count == 1 else f"{count} pictures"


def _range(values: Mapping[str, Any]) -> str:
    low, high = values["min"], values["max"]
    if low is None:
        return "–"
    return f"{low:.0f}" if low == high else f"{low:.0f}…{high:.0f}"


def _classes(unit: str, classes: Mapping[str, Mapping[str, Any]]) -> str:
    """The classes, the most frequent first."""
    if not classes:
        return ""
    ranked = sorted(classes, key=lambda name: -classes[name]["count"])

    def told(name: str) -> str:
        said = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        if unit == "pixels":
            return f"{said} {classes[name]['share']:.1%}"
        return f"{said} {classes[name]['count']}"

    if len(ranked) <= ALL:
        return ", ".join(map(told, ranked))
    ends = [", ".join(map(told, part)) for part in (ranked[:HALF], ranked[-HALF:])]
    return f"{' … '.join(ends)}, {len(ranked)} classes"


def _measure(measures: Mapping[str, Mapping[str, Any]]) -> str:
    """What a picture holds: boxes, classes, or the first number."""
    for name in ("boxes", "classes", *measures):
        own = measures.get(name)
        if own is None or not own["count"]:
            continue
        low, middle, high = (f"{own[key]:.3g}" for key in ("min", "median", "max"))
        if low == high:
            return f"{own['what']}: {'always ' if own['count'] > 1 else ''}{low}"
        return f"{own['what']}: {low} to {high}, median {middle}"
    return ""
