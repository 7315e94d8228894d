"""A look at data on the screen: a line that moves while pictures are opened, and notes."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from rich.live import Live
from rich.text import Text

from mtcli.console.output import Output
from mtcli.core import events

Found = TypeVar("Found")


def watch(output: Output, looking: Generator[events.Event, None, Found]) -> Found:
    """Draw the events of a recipe until it is done; what it returns."""
    line = Text()
    live = Live(line, console=output.talk, transient=True, redirect_stdout=False)
    if output.live:
        live.start()
    try:
        while True:
            event = next(looking)
            if isinstance(event, events.Noted):
                output.note(event.text)
            elif isinstance(event, events.Verifying):
                line.plain = f"look  {event.done}/{event.total} pictures"
    except StopIteration as end:
        found: Found = end.value
        return found
    finally:
        live.stop()
