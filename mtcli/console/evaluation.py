"""An evaluation on the screen: a row a task, and the classes where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.table import Table
from rich.text import Text

from mtcli.console.line import MovingLine
from mtcli.console.output import Output
from mtcli.console.text import chance, change, clock, interval, metric, number
from mtcli.core import events
from mtcli.core.baseline import Difference
from mtcli.core.gates import Held


class EvaluationView:
    """Draws the events of an evaluation; a context, as the progress line must be taken away."""

    def __init__(self, output: Output, per_class: bool) -> None:
        self._output = output
        self._per_class = per_class
        self._line = MovingLine(output)

    def __enter__(self) -> EvaluationView:
        self._line.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.__exit__(kind, error, trace)

    def show(self, event: events.Event) -> None:
        """Draw one event."""
        if isinstance(event, events.Noted):
            self._output.note(event.text)
        elif isinstance(event, events.Verifying):
            self._line.say(f"look  {event.done}/{event.total} pictures")
        elif isinstance(event, events.Resampling):
            self._line.say(f"ci  {event.task}  {event.done}/{event.total} samples")
        elif isinstance(event, events.Evaluating):
            self._line.say(f"{event.split}  {event.done}/{event.total} pictures")

    def result(self, event: events.EvaluationEnded, held: Held | None = None) -> None:
        """The table on stdout, beside a baseline that it was held against."""
        out = self._output.result
        without = f" without {', '.join(event.without)}" if event.without else ""
        out.print(
            f" {event.checkpoint} · {event.split} · {event.images} pictures{without} · "
            f"{clock(event.seconds) if event.seconds >= 60 else f'{event.seconds:.1f} s'}",
            soft_wrap=True,
            markup=False,
        )
        differences = None if held is None or held.baseline is None else held.differences
        if event.confidence is None and differences is None:
            out.print(_rows(event))
        else:
            out.print(_columns(event, differences))
        if self._per_class:
            show_classes(self._output, event.tasks)


def show_classes(output: Output, tasks: Mapping[str, events.TaskResult]) -> None:
    """A table of each task's classes."""
    for name, task in tasks.items():
        if task.per_class:
            output.result.print(_classes(name, task.per_class))


def _rows(event: events.EvaluationEnded) -> Table:
    """A row a task."""
    table = Table.grid(padding=(0, 2))
    for name, task in event.tasks.items():
        metrics = Text("  ").join(_metric(task, key) for key in task.metrics)
        table.add_row(f" [accent]{name}[/accent]", metrics, f"{task.labelled} labelled")
    return table


def _columns(event: events.EvaluationEnded, differences: Sequence[Difference] | None) -> Table:
    """A row a metric, where there is more to say of each than its number."""
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    sure = event.confidence
    heads = [" task", "metric", "value"]
    heads += [] if sure is None else [f"{sure.level:g} % interval"]
    heads += [] if differences is None else ["before", "change", "chance"]
    heads.append("labelled")
    for head in heads:
        table.add_column(head, overflow="fold")
    told = {(one.task, one.metric): one for one in differences or ()}
    for name, task in event.tasks.items():
        for key, value in task.metrics.items():
            primary = key == task.primary
            row = [
                Text(f" {name}" if primary else "", style="accent"),
                Text(metric(key), style="quiet"),
                Text(number(value), style="name" if primary else ""),
            ]
            if sure is not None:
                row.append(Text(interval(task.intervals.get(key))))
            one = told.get((name, key))
            if one is not None:
                moved = Text(change(one.change))
                row += [Text(number(one.before)), moved, Text(chance(one.outside_chance))]
            row += [Text()] * (len(heads) - 1 - len(row))
            table.add_row(*row, str(task.labelled) if primary else "")
    return table


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
