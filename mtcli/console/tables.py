"""Tables of which the last column alone is cut where a terminal is narrow."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.text import Text


def print_rows(
    console: Console,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Collection[str] = (),
) -> None:
    """Print a line for each row; no line ends with blanks, and through a pipe nothing is cut.

    Args:
        console: where to.
        headings: of the columns.
        rows: a cell for each heading; the last one is a remark.
        numbers: the headings whose cells stand below each other's last digit.
    """
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns[:-1]]
    room = console.width - sum(width + 2 for width in widths)
    for number, (*cells, remark) in enumerate((headings, *rows)):
        line = Text(style="quiet" if number == 0 else "")
        for cell, heading, width in zip(cells, headings, widths, strict=False):
            line.append(f"{cell.rjust(width) if heading in numbers else cell.ljust(width)}  ")
        end = Text(remark, style="quiet")
        if console.is_terminal and end.cell_len > room:
            end.truncate(max(room, 0), overflow="ellipsis" if room > 1 else "crop")
        line.append(end)
        line.rstrip()
        console.print(line, soft_wrap=True)
