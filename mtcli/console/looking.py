"""A look at data on the screen: a line that moves while pictures are opened, and notes."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from mtcli.console.line import MovingLine
from mtcli.console.output import Output
from mtcli.core import events

Found = TypeVar("Found")


def watch(output: Output, looking: Generator[events.Event, None, Found]) -> Found:
    """Draw the events of a recipe until it is done; what it returns."""
    with MovingLine(output) as line:
        while True:
            try:
                event = next(looking)
            except StopIteration as end:
                found: Found = end.value
                return found
            if isinstance(event, events.Noted):
                output.note(event.text)
            elif isinstance(event, events.Verifying):
                line.say(f"look  {event.done}/{event.total} pictures")
