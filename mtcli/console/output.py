"""The two sinks: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.theme import Theme

PIPE_WIDTH = 200

THEME = Theme(
    {
        "accent": "cyan",
        "good": "green",
        "bad": "bold red",
        "quiet": "dim",
        "name": "bold",
        # rich paints these of its own accord; one accent is enough.
        "bar.complete": "cyan",
        "bar.finished": "cyan",
        "bar.pulse": "cyan",
        "progress.percentage": "none",
        "progress.remaining": "none",
    }
)


@dataclass(frozen=True, slots=True)
class Output:
    """Where things are printed.

    Attributes:
        result: stdout, what the command was asked for.
        talk: stderr, whatever is said on the way.
        as_json: whether the result is one JSON object.
        quiet: whether nothing but errors is said on the way.
    """

    result: Console
    talk: Console
    as_json: bool = False
    quiet: bool = False

    @property
    def live(self) -> bool:
        """Whether there is a terminal to draw moving bars on."""
        return self.talk.is_terminal and not self.quiet

    def json(self, value: Mapping[str, Any]) -> None:
        """Print one JSON object; what is undefined is null, never NaN."""
        print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False), flush=True)

    def note(self, text: str) -> None:
        """A line that a person should read, below other output."""
        if not self.quiet:
            self.talk.print(f"[quiet]note[/quiet]   {escape(text)}", soft_wrap=True)


def make_output(as_json: bool = False, quiet: bool = False) -> Output:
    """The sinks of this process, as wide as the terminal, or plain through a pipe."""
    return Output(
        result=_console(sys.stdout),
        talk=_console(sys.stderr),
        as_json=as_json,
        quiet=quiet,
    )


def _console(file: TextIO) -> Console:
    # Through a pipe nobody has to fold lines: there a table is as wide as it needs.
    width = None if file.isatty() else PIPE_WIDTH
    return Console(theme=THEME, highlight=False, file=file, width=width)
