"""An evaluation on the screen: a row a task, and the classes where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.live import Live
from rich.table import Table
from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import clock, metric, number
from mtcli.core import events


class EvaluationView:
    """Draws the events of an evaluation; a context, as the progress line must be taken away."""

    def __init__(self, output: Output, per_class: bool) -> None:
        self._output = output
        self._per_class = per_class
        self._line = Text()
        self._live = Live(self._line, console=output.talk, transient=True, redirect_stdout=False)

    def __enter__(self) -> EvaluationView:
        if self._output.live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._output.live:
            self._live.stop()

    def show(self, event: events.Event) -> None:
        """Draw one event."""
        if isinstance(event, events.Noted):
            self._output.note(event.text)
        elif isinstance(event, events.Verifying):
            self._line.plain = f"look  {event.done}/{event.total} pictures"
        elif isinstance(event, events.Evaluating):
            self._line.plain = f"{event.split}  {event.done}/{event.total} pictures"

    def result(self, event: events.EvaluationEnded) -> None:
        """The table on stdout."""
        out = self._output.result
        without = f" without {', '.join(event.without)}" if event.without else ""
        out.print(
            f" {event.checkpoint} · {event.split} · {event.images} pictures{without} · "
            f"{clock(event.seconds) if event.seconds >= 60 else f'{event.seconds:.1f} s'}",
            soft_wrap=True,
            markup=False,
        )
        table = Table.grid(padding=(0, 2))
        for name, task in event.tasks.items():
            metrics = Text("  ").join(_metric(task, key) for key in task.metrics)
            table.add_row(f" [accent]{name}[/accent]", metrics, f"{task.labelled} labelled")
        out.print(table)
        if self._per_class:
            show_classes(self._output, event.tasks)


def show_classes(output: Output, tasks: Mapping[str, events.TaskResult]) -> None:
    """A table of each task's classes."""
    for name, task in tasks.items():
        if task.per_class:
            output.result.print(_classes(name, task.per_class))


def _metric(task: events.TaskResult, key: str) -> Text:
    style = "name" if key == task.primary else ""
    return Text.assemble((f"{metric(key)} ", "quiet"), (number(task.metrics[key]), style))


def _classes(name: str, per_class: Mapping[str, events.Metrics]) -> Table:
    columns = list(next(iter(per_class.values())))
    table = Table(box=None, header_style="quiet", padding=(0, 2, 0, 0))
    table.add_column(name)
    for column in columns:
        table.add_column(column, justify="right")
    for label, values in per_class.items():
        cells = [_cell(values[column]) for column in columns]
        table.add_row(Text(label), *cells)
    return table


def _cell(value: float | None) -> str:
    return str(value) if isinstance(value, int) else number(value)
