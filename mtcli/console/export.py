"""An export on the screen: what it is doing, and what the file is and says."""

from __future__ import annotations

from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mtcli.console.line import MovingLine
from mtcli.console.output import Output
from mtcli.console.text import number
from mtcli.core import events
from mtcli.core.export.events import (
    ExportEnded,
    ExportEvent,
    Exporting,
    Shape,
    TensorCheck,
    Verified,
)

DOING = {
    "trace": "trace the network",
    "write": "write the file",
    "calibrate": "calibrate and write the file",
    "verify": "hold it against the checkpoint",
    "time": "time both",
}
MAY_DIFFER = {
    "none": "one picture of {} at a time",
    "batch": "any number of pictures of {}",
    "size": "any number of pictures of any size, sides multiples of {}",
}


class ExportView:
    """Draws the events of an export; a context, as the progress line must be taken away."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._line = MovingLine(output)

    def __enter__(self) -> ExportView:
        self._line.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.__exit__(kind, error, trace)

    def show(self, event: events.Event | ExportEvent) -> None:
        """Draw one event."""
        if isinstance(event, events.Noted):
            self._output.note(event.text)
        elif isinstance(event, events.Verifying):
            self._line.say(f"look  {event.done}/{event.total} pictures")
        elif isinstance(event, events.Evaluating):
            self._line.say(f"measure  {event.done}/{event.total} pictures")
        elif isinstance(event, Exporting):
            done = f"  {event.done}/{event.total}" if event.total else ""
            self._line.say(DOING[event.doing] + done)

    def result(self, event: ExportEnded) -> None:
        """What came of it, on stdout."""
        if self._output.as_json:
            self._output.json(_plain(event))
            return
        out = self._output.result
        place = "replaced" if event.replaced else "wrote" if event.placed else "not written"
        shape = next(iter(event.inputs.values()))[0]
        any_size = event.dynamic == "size"
        sides = event.multiple if any_size else f"{shape[1]} × {shape[2]}"
        out.print(
            f" {place} [name]{escape(str(event.file))}[/name] · {event.form}, {event.precision}, "
            f"{event.answers} · {MAY_DIFFER[event.dynamic].format(sides)} · "
            f"{_megabytes(event.size)}, the checkpoint {_megabytes(event.size_before)}",
            soft_wrap=True,
        )
        out.print(_tensors(event))
        if event.verified is not None:
            out.print(_tasks(event, event.verified))
            out.print(_latency(event.verified), soft_wrap=True)


def _tensors(event: ExportEnded) -> Table:
    """A row an input and an output."""
    table = Table(box=None, header_style="quiet", padding=(0, 2, 0, 0))
    for heading in (" tensor", "shape", "numbers"):
        table.add_column(heading)
    checks = {} if event.verified is None else {c.name: c for c in event.verified.tensors}
    if checks:
        table.add_column("largest difference", justify="right")
        table.add_column("")
    for name, (shape, dtype) in event.inputs.items():
        table.add_row(Text(f" {name}", "accent"), _sides(shape), dtype)
    for name, (shape, dtype) in event.outputs.items():
        cells = [] if name not in checks else _difference(checks[name], "float" in dtype)
        table.add_row(Text(f" {name}"), _sides(shape), dtype, *cells)
    return table


def _difference(check: TensorCheck, fractions: bool) -> list[Text]:
    style = "" if check.fine else "bad"
    if not check.numbers:
        return [Text("NaN or infinity", style), Text("")]
    if not fractions:  # of classes and counts only whether they are the same means anything
        return [Text(f"{check.apart:.1%} other" if check.apart else "none", style), Text("")]
    beyond = "" if check.fine else f"{check.apart:.1%} beyond {check.tolerance:.2g}"
    return [Text(f"{check.largest:.2g}", style), Text(beyond, style)]


def _tasks(event: ExportEnded, verified: Verified) -> Table:
    """A row a task: how far it agrees, and what it loses."""
    table = Table.grid(padding=(0, 2))
    for name, check in verified.tasks.items():
        agrees = Text(f"agrees {check.agreement:.3f}", "" if check.fine else "bad")
        cells: list[Text | str] = [Text(f" {name}", "accent"), agrees]
        if not check.fine and check.wanted is not None:
            cells.append(Text(f"at least {check.wanted} is wanted", "bad"))
        if name in event.losses:
            loss = event.losses[name]
            cells.append(f"{loss.metric} {number(loss.before)} → {number(loss.after)}")
        table.add_row(*cells)
    return table


def _latency(verified: Verified) -> str:
    own, before = 1000 * verified.seconds, 1000 * verified.seconds_before
    return (
        f" one picture in {own:.3g} ms, with the checkpoint in {before:.3g} ms: "
        f"{before / own:.2f} times as fast\n"
        f" [quiet]held against the checkpoint on {verified.pictures} pictures of val, "
        f"{' or '.join(map(str, verified.batches))} at once"
        f"{', in two sizes' if len(verified.sizes) > 1 else ''}[/quiet]"
    )


def _plain(event: ExportEnded) -> dict[str, Any]:
    """The same as plain values; what is no number is null."""
    said = asdict(event)
    said["file"] = str(event.file)
    for part in ("inputs", "outputs"):
        said[part] = {n: {"shape": list(s), "dtype": d} for n, (s, d) in said[part].items()}
    if event.verified is not None:
        said["verified"]["fine"] = event.verified.fine
        for check in said["verified"]["tensors"]:
            finite = check["largest"] < float("inf")
            check["largest"] = check["largest"] if finite else None
    return said


def _sides(shape: Shape) -> Text:
    return Text(f"[{', '.join(map(str, shape))}]")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
