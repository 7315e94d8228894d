"""A cross-validation on the screen: the trainings one after another, and the table of all."""

from __future__ import annotations

from types import TracebackType

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mtcli.console.evaluation import show_classes
from mtcli.console.output import Output
from mtcli.console.text import clock, metric, number
from mtcli.console.training import TrainingView, training_json
from mtcli.core import events
from mtcli.core.foldset import folds_json


class FoldsView:
    """Draws the trainings of all folds, each by a view of its own; a context as these are.

    Attributes:
        interrupted: the number of the signal that ended it, if one did.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._view: TrainingView | None = None
        self._last: events.TrainingEnded | None = None
        self._all: events.FoldsEnded | None = None
        self.interrupted: int | None = None

    def __enter__(self) -> FoldsView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    def show(self, event: events.Event) -> None:
        """Draw one event."""
        if isinstance(event, events.FoldStarted):
            self._leave()
            if not self._output.quiet:
                self._output.talk.print(f"[name]fold {event.fold}[/name] of {event.folds}")
            self._view = TrainingView(self._output)
            self._view.__enter__()
        elif isinstance(event, events.TrainingEnded):
            self._leave()
            self._last, self.interrupted = event, event.interrupted
            if event.interrupted is None and not self._output.quiet:
                self._output.talk.print(_summary(event), soft_wrap=True)
        elif isinstance(event, events.FoldsEnded):
            self._all = event
        elif self._view is not None:
            self._view.show(event)
        elif isinstance(event, events.Noted):
            self._output.note(event.text)

    def result(self) -> None:
        """What it came to, on stdout: of all folds, or of the last that was trained."""
        out = self._output
        if self.interrupted is not None:
            return
        if out.as_json:
            if self._all is not None:
                out.json(folds_json(self._all))
            elif self._last is not None:
                out.json(training_json(self._last))
        elif out.quiet:
            done = self._all.path if self._all is not None else self._last and self._last.run
            if done is not None:
                out.result.print(str(done), soft_wrap=True, markup=False)
        elif self._all is not None:
            show_folds(out, self._all)
            next_ = f"[quiet]next[/quiet]  mtcli eval {escape(str(self._all.path))}"
            out.result.print(next_, soft_wrap=True)

    def _leave(self) -> None:
        if self._view is not None:
            self._view.__exit__(None, None, None)
            self._view = None


def _summary(event: events.TrainingEnded) -> Text:
    found = (
        f"{name} {result.primary} {number(result.metrics[result.primary])}"
        for name, result in event.results.items()
    )
    return Text(f"      {'   '.join(found)}   in {clock(event.seconds)}   {event.run}")


def show_folds(output: Output, ended: events.FoldsEnded, per_class: bool = False) -> None:
    """The table of a cross-validation on stdout, or one JSON object.

    Classes are those of all held-out pictures together.
    """
    if output.as_json:
        output.json(folds_json(ended))
        return
    result = output.result
    result.print(
        f" {ended.path} · {ended.split} · {len(ended.folds)} folds · {ended.images} pictures",
        soft_wrap=True,
        markup=False,
    )
    table = Table(box=None, pad_edge=False, header_style="quiet", padding=(0, 2, 0, 0))
    table.add_column(" task", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("mean ± deviation", no_wrap=True)
    if ended.pooled is not None:
        table.add_column("together", no_wrap=True)
    table.add_column("folds")
    for name, metrics in ended.tasks.items():
        for place, (key, spread) in enumerate(metrics.items()):
            primary = place == 0
            deviation = "" if spread.deviation is None else f" ± {number(spread.deviation)}"
            row: list[str | Text] = [
                f" {name}" if primary else "",
                metric(key),
                Text(f"{number(spread.mean)}{deviation}", style="name" if primary else ""),
            ]
            if ended.pooled is not None:
                row.append(number(ended.pooled[name].metrics[key]))
            values = "  ".join(number(value) for value in spread.values)
            table.add_row(*row, Text(values, style="quiet"))
    result.print(table)
    if per_class and ended.pooled is not None:
        show_classes(output, ended.pooled)
    if ended.predictions is not None:
        result.print(f" out-of-fold predictions  {ended.predictions}", soft_wrap=True, markup=False)
