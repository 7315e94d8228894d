"""Trunks and networks on the screen: a row a trunk, a row a part."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import millions, until
from mtcli.core.errors import and_more
from mtcli.core.inventory.facts import (
    FileFacts,
    Listing,
    Measuring,
    NetworkFacts,
    Part,
    Shape,
    Tag,
    TrunkFacts,
)

T = TypeVar("T")

TAGS = 3
"""So many published weights are named at most for each licence in a list."""

NAMED = 2
"""So many tasks are named that share a part."""

UNKNOWN = "unknown licence"

EVERY = 5.0
"""Seconds between two lines of how far it is, where there is no bar."""


def watch_measuring(
    output: Output,
    measuring: Generator[Measuring, None, T],
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Draw a bar, or print a line now and then, until a recipe has measured all.

    Returns:
        What the recipe returns.
    """
    bar = Progress(
        TextColumn("measure", style="quiet"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        console=output.talk,
        transient=True,
        redirect_stdout=False,
        disable=not output.live,
    )
    with bar:
        row = bar.add_task("", total=None)
        said = clock()
        try:
            while True:
                event = next(measuring)
                name = escape(event.name)
                bar.update(row, completed=event.done, total=event.total, description=name)
                now = clock()
                if not output.live and not output.quiet and now - said >= EVERY:
                    said = now
                    place = f"{event.done}/{event.total}"
                    output.talk.print(f"measure  {place}  {name}", soft_wrap=True)
        except StopIteration as end:
            found: T = end.value
            return found


def show_listing(output: Output, listing: Listing) -> None:
    """A table of trunks, and what is not in it."""
    if output.as_json:
        output.json(asdict(listing))
        return
    out = output.result
    rows = [
        (
            trunk.name,
            millions(trunk.parameters),
            work(trunk.multiply_adds),
            " ".join(str(stage.stride) for stage in trunk.stages),
        )
        for trunk in listing.trunks
    ]
    headings = (" trunk", "parameters", "mult-adds", "strides")
    columns = zip(headings, *rows, strict=True)
    used = 1 + sum(max(map(len, column)) + 2 for column in columns)
    table = _table(*headings, "pretrained")
    for row, trunk in zip(rows, listing.trunks, strict=True):
        table.add_row(f" {row[0]}", *row[1:], _licences(trunk.pretrained, out.width - used))
    out.print(table)
    output.note(f"without classifiers, for pictures of {sides_text(listing.size)}")
    if listing.without_maps:
        count = len(listing.without_maps)
        output.note(f"{count} left out: no maps c2 … c5 for pictures of this size")
    if listing.pattern is None:
        more = listing.known - len(listing.trunks)
        output.note(f"{more} more by name or pattern: mtcli models list 'resnet*'")


def show_trunk(output: Output, trunk: TrunkFacts) -> None:
    """A table of a trunk's stages, and its published weights."""
    if output.as_json:
        output.json(asdict(trunk))
        return
    out = output.result
    out.print(
        f"[name]{escape(trunk.name)}[/name] · pictures of {sides_text(trunk.size)}", soft_wrap=True
    )
    table = _table(" stage", "gives", "stride", "parameters", "mult-adds")
    for stage in trunk.stages:
        table.add_row(
            f" {stage.level}",
            shape_text(stage.shape),
            str(stage.stride),
            millions(stage.parameters),
            work(stage.multiply_adds),
        )
    if trunk.unused:
        table.add_row(" unused", "", "", millions(trunk.unused), "", style="quiet")
    whole = millions(trunk.parameters), work(trunk.multiply_adds)
    table.add_row(" total", "", "", *whole, style="name")
    out.print(table)
    if not trunk.pretrained:
        out.print(" no published weights known", style="quiet")
        return
    published = _table(" pretrained", "licence", "from")
    for tag in trunk.pretrained:
        published.add_row(f" {tag.tag}", tag.licence or UNKNOWN, Text(tag.source, "quiet"))
    out.print(published)


def show_network(output: Output, name: str, network: NetworkFacts) -> None:
    """A table of a network's parts."""
    if output.as_json:
        output.json({"of": name, **asdict(network)})
        return
    out = output.result
    out.print(
        f"[name]{escape(name)}[/name] · pictures of {sides_text(network.size)}", soft_wrap=True
    )
    table = _table(" part", "gives", "parameters", "mult-adds", "tasks", "frozen")
    for part in network.parts:
        _add(table, part, len(network.tasks))
    table.add_row(
        " total",
        "",
        millions(network.parameters),
        work(network.multiply_adds),
        "",
        _frozen(network),
        style="name",
    )
    out.print(table)


def show_file(output: Output, name: str, file: FileFacts) -> None:
    """A table of a weight file's parts, and how to start from it where it does not say that."""
    if output.as_json:
        output.json({"of": name, **asdict(file)})
        return
    out = output.result
    out.print(f"[name]{escape(name)}[/name] · {_sort(file)}", soft_wrap=True)
    table = _table(" part", "tensors", "parameters")
    for part in file.parts:
        table.add_row(f" {part.name}", str(part.tensors), millions(part.parameters))
    tensors = sum(part.tensors for part in file.parts)
    parameters = sum(part.parameters for part in file.parts)
    table.add_row(" total", str(tensors), millions(parameters), style="name")
    out.print(table)
    if file.sort is not None and file.trunk is None:
        start = f"mtcli transfer --from {name} --set model.trunk=NAME"
        output.note(f"a file does not say which trunk it is of: {start}")


def count(parameters: int) -> str:
    """A number of parameters; a dash for none."""
    return millions(parameters) if parameters else "–"


def work(multiply_adds: int) -> str:
    """A number of multiply-adds; a dash for none."""
    if not multiply_adds:
        return "–"
    if multiply_adds >= 100_000_000:
        return f"{multiply_adds / 1e9:.2f} G"
    return millions(multiply_adds)


def shape_text(shape: Shape) -> str:
    """The shape of what one picture gives: `64 × 56 × 56`; of a number `1`."""
    return " × ".join(map(str, shape)) or "1"


def _sort(file: FileFacts) -> str:
    if file.sort == "detector":
        return f"{file.head} on {file.trunk}, layout {file.layout}"
    if file.sort == "network":
        return "a network of mtcli, without its model.json"
    return f"a classifier of {file.classes} classes" if file.classes else "of an unknown network"


def _add(table: Table, part: Part, tasks: int, indent: str = "") -> None:
    """A row of a part, below it one for each further output, and its own parts."""
    outputs = [f"{name} {shape_text(shape)}".strip() for name, shape in part.outputs.items()]
    first, *further = outputs or [part.what]
    table.add_row(
        f" {indent}{part.name}",
        Text(first),
        count(part.parameters),
        work(part.multiply_adds),
        Text(_tasks(part.tasks, tasks)),
        _frozen(part),
        style="quiet" if indent else "",
    )
    for text in further:
        table.add_row("", Text(text, "quiet"))
    for inner in part.parts:
        _add(table, inner, tasks, "  ")


def _tasks(names: Sequence[str], all_tasks: int) -> str:
    return f"all {all_tasks}" if len(names) == all_tasks > NAMED else and_more(names, NAMED)


def sides_text(size: tuple[int, int]) -> str:
    """A picture's height and width."""
    return f"{size[0]} × {size[1]}"


def _frozen(of: Part | NetworkFacts) -> str:
    if of.frozen is None:
        return "unknown"
    if not of.parameters:
        return "–"
    if not of.frozen:
        return "no"
    return ("yes" if of.frozen == of.parameters else "partly") + until(of.until, of.frozen)


def _table(*headings: str) -> Table:
    """A table whose numbers stand below each other and are never folded."""
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    for heading in headings:
        is_number = heading in ("tensors", "parameters", "mult-adds", "stride")
        table.add_column(
            heading,
            justify="right" if is_number else "left",
            no_wrap=is_number,
            overflow="fold",
        )
    return table


def _licences(tags: Sequence[Tag], room: int) -> str:
    """A line for each licence: its name, and as many of its weights as there is room for."""
    return "\n".join(_licence_lines(tags, room)) or "–"


def _licence_lines(tags: Sequence[Tag], room: int) -> Iterator[str]:
    for licence in dict.fromkeys(tag.licence for tag in tags):
        own = [tag.tag for tag in tags if tag.licence == licence]
        for shown in range(min(TAGS, len(own)), 0, -1):
            more = f" +{len(own) - shown}" if len(own) > shown else ""
            line = f"{licence or UNKNOWN}: {', '.join(own[:shown])}{more}"
            if len(line) <= room:
                break
        yield line
