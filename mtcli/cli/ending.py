"""How a training leaves the command that ran it: gates, how to go on, and the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from mtcli.cli.gates import fail_missed
from mtcli.core.gates import Demands, Gate, Held

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.events import TrainingEnded


def hold_ended(ended: TrainingEnded | None, demands: Demands, gates: Iterable[Gate]) -> Held:
    """The best epoch's results held against the gates; nothing after an interruption."""
    if ended is None or not ended.results:
        return Held()
    return demands.hold(gates, ended.results, "val")


def leave(
    ended: TrainingEnded | None, output: Output, held: Held | None = None, gates: str = ""
) -> None:
    """Return where all went well.

    Args:
        ended: how the training did.
        output: takes what is said of going on.
        held: its results against the gates.
        gates: the options of these, as they are typed, for whoever goes on.

    Raises:
        typer.Exit: with 128 and the signal's number after an interruption; with 3 where a gate
            was missed, or a task that was to be kept got worse than is allowed.
    """
    if ended is None:
        return
    if ended.interrupted is not None:
        words = " ".join(filter(None, (str(ended.run), gates)))
        output.note(f"saved; go on with: mtcli train --resume {words}")
        raise typer.Exit(128 + ended.interrupted)
    kept = ended.compared.verdicts if ended.compared is not None else ()
    fail_missed([*kept, *(held.verdicts if held is not None else ())])
