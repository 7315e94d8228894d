"""Predictions on the screen: a line a picture, or a bar while they go to a file."""

from __future__ import annotations

from types import TracebackType

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from mtcli.console.output import Output
from mtcli.console.text import clock
from mtcli.core.prediction.events import Predicted, PredictionEnded

WIDEST = 48
"""Letters of a picture's name that lines leave room for."""

TOLD = 10
"""Pictures that cannot be read and are named one by one; the end counts all."""


class PredictionView:
    """Draws the events of a prediction; a context, as the bar must be taken away.

    Args:
        output: the sinks.
        lines: whether each picture is a line of the result.
        widest: letters of the longest name of a picture.
    """

    def __init__(self, output: Output, lines: bool, widest: int) -> None:
        self._output = output
        self._lines = lines
        self._width = min(widest, WIDEST)
        self._failed = 0
        self._bar = Progress(
            TextColumn("predict"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=output.talk,
            transient=True,
            redirect_stdout=False,
        )
        self._work = self._bar.add_task("", total=None)
        # Lines on the same terminal tell of the progress themselves.
        self._shown = output.live and not (lines and output.result.is_terminal)

    def __enter__(self) -> PredictionView:
        if self._shown:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._bar.stop()

    def show(self, event: Predicted) -> None:
        """Draw one event."""
        self._bar.update(self._work, completed=event.done, total=event.total)
        if self._lines:
            self._line(event)
        if event.error is not None:
            self._failed += 1
            if not self._lines and self._failed <= TOLD:
                self._output.note(f"{event.image}: {event.error}")

    def _line(self, event: Predicted) -> None:
        line = Text(f"{event.image:<{self._width}}")
        if event.error is not None:
            line.append(f"  {event.error}", "bad")
        for name, summary in event.summaries.items():
            line.append(f"  {name} ", "quiet").append(summary, "name")
        self._output.result.print(line, soft_wrap=True)

    def ended(self, event: PredictionEnded) -> None:
        """Say what was written, and where."""
        if event.folder is None:
            return
        parts = [*event.files]
        if event.drawn:
            parts.append(_counted(event.drawn, "picture"))
        parts += [f"{name}/ ({_counted(count, 'map')})" for name, count in event.maps.items()]
        took = clock(event.seconds) if event.seconds >= 60 else f"{event.seconds:.1f} s"
        text = f"wrote {event.folder}: {', '.join(parts)} · {took}"
        self._output.result.print(escape(text), soft_wrap=True)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
