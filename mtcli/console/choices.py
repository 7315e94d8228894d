"""What a network costs with each way of sharing or fusion, on the screen: a row a way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mtcli.console.models import count, sides_text, work
from mtcli.console.output import Output
from mtcli.console.text import millions
from mtcli.core.inventory.facts import Comparison, Cost

GAP = "  "

Row = tuple[str, tuple[str, ...]]
"""A style, and as many cells as any other row has."""


def show_comparison(output: Output, name: str, comparison: Comparison) -> None:
    """A table of what each way costs; below it those that cannot be, and why.

    What each task has for itself has a column a task; where the terminal is too narrow, a line.
    """
    if output.as_json:
        output.json({"of": name, **asdict(comparison)})
        return
    out = output.result
    key, size = comparison.key, sides_text(comparison.size)
    out.print(
        f"[name]{escape(name)}[/name] · {key}: {comparison.chosen} · pictures of {size}",
        soft_wrap=True,
    )
    head = (f" {key}", "parameters", "mult-adds", "shared")
    rows = [("quiet", (*head, *comparison.tasks)), *_wide(comparison)]
    if max(map(len, _lines(rows))) > out.width:
        rows = [("quiet", (*head, "own")), *_narrow(comparison)]
    for (style, _), line in zip(rows, _lines(rows), strict=True):
        out.print(Text(line, style), soft_wrap=True)
    refused = Table.grid(padding=(0, len(GAP)), pad_edge=False)
    refused.add_column(min_width=max(len(cells[0]) for _, cells in rows))
    for choice in comparison.choices:
        if choice.cost is None:
            refused.add_row(f" {choice.name}", Text(choice.refused or "", "quiet"))
    if refused.row_count:
        out.print(refused)
    output.note("shared: parameters that several tasks need; then those that one alone needs")


def _wide(comparison: Comparison) -> Iterator[Row]:
    for style, cells, cost in _costs(comparison):
        yield style, (*cells, *(count(cost.own[task]) for task in comparison.tasks))


def _narrow(comparison: Comparison) -> Iterator[Row]:
    longest = max(map(len, comparison.tasks))
    for style, cells, cost in _costs(comparison):
        for task in comparison.tasks:
            yield style, (*cells, f"{task:<{longest}} {count(cost.own[task]):>7}")
            cells = ("",) * len(cells)


def _costs(comparison: Comparison) -> Iterator[tuple[str, tuple[str, ...], Cost]]:
    """Of each way that can be its style, its first cells and its cost."""
    for choice in comparison.choices:
        if choice.cost is not None:
            style = "name" if choice.name == comparison.chosen else ""
            whole = millions(choice.cost.parameters), work(choice.cost.multiply_adds)
            yield style, (f" {choice.name}", *whole, count(choice.cost.shared)), choice.cost


def _lines(rows: Sequence[Row]) -> list[str]:
    """The rows' cells below each other: names from the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*(cells for _, cells in rows), strict=True)]
    return [
        GAP.join(
            [cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])],
        ).rstrip()
        for _, cells in rows
    ]
