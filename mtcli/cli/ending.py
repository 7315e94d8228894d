"""How a training leaves the command that ran it: what is said of going on, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.events import TrainingEnded


def leave(ended: TrainingEnded | None, output: Output) -> None:
    """Return where all went well.

    Raises:
        typer.Exit: with 128 and the signal's number after an interruption; with 3 where a task
            that was to be kept got worse than is allowed.
    """
    if ended is None:
        return
    if ended.interrupted is not None:
        output.note(f"saved; go on with: mtcli train --resume {ended.run}")
        raise typer.Exit(128 + ended.interrupted)
    if ended.compared is not None and ended.compared.missed:
        raise typer.Exit(3)
