"""A line on the terminal that moves while something is done, and is gone behind it."""

from __future__ import annotations

from types import TracebackType

from rich.live import Live
from rich.text import Text

from mtcli.console.output import Output


class MovingLine:
    """A context; where nobody watches a terminal, nothing is drawn."""

    def __init__(self, output: Output) -> None:
        self._shown = output.live
        self._text = Text()
        self._live = Live(self._text, console=output.talk, transient=True, redirect_stdout=False)

    def __enter__(self) -> MovingLine:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Show this from now on."""
        self._text.plain = text
