"""Options of gates, which several subcommands share, and the exit code of what is missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtcli.cli import completion
from mtcli.core.errors import UsageError

if TYPE_CHECKING:
    from mtcli.core.config import Config
    from mtcli.core.gates import Verdict
    from mtcli.core.task import AnyTask

FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-under",
        metavar="TASK.METRIC=X",
        help="Exit 3 where the metric is below X, or above it where lower is better (mae, rmse, "
        "ece …); several with commas.",
    ),
]
BaselineOption = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="RUN|FILE",
        help="Compare with a run, or with what mtcli eval --json printed.",
        autocompletion=completion.models,
    ),
]
MaxDrop = Annotated[
    list[str] | None,
    typer.Option(
        "--max-drop",
        metavar="[TASK.METRIC=]X",
        help="With --baseline: exit 3 where a metric is worse by more than X; without a name, "
        "each task's primary metric.",
    ),
]


def configured_kinds(config: Config) -> dict[str, type[AnyTask]]:
    """The kind of each task of a config."""
    from mtcli.core.tasks import KINDS

    return {name: KINDS.get(task.kind) for name, task in config.tasks.items()}


def refuse_for_folds(options: Mapping[str, object], run: Path | None = None) -> None:
    """See that none of these options is given for a cross-validation; `run` is one of its folds.

    Raises:
        UsageError: one is.
    """
    for option, value in options.items():
        if value:
            raise UsageError(
                f"{option}: for one network at a time, not for a cross-validation",
                mend=f"give it for the run of a fold: mtcli eval {run or 'RUN/fold-1'} {option} …",
            )


def allowed_drop(texts: Sequence[str]) -> float:
    """What `--max-drop` says where it is of the tasks that a transfer keeps: one number.

    Raises:
        UsageError: it says something else.
    """
    text = ",".join(texts)
    try:
        allowed = float(text)
    except ValueError:
        allowed = -1
    if not 0 <= allowed < float("inf"):
        raise UsageError(
            f"--max-drop {text}: wrong value",
            expected="a number of 0 or more; TASK.METRIC=X is of a --baseline",
        )
    return allowed


def fail_missed(verdicts: Sequence[Verdict]) -> None:
    """Return where all gates are met.

    Raises:
        typer.Exit: with 3 where one is missed.
    """
    if not all(verdict.met for verdict in verdicts):
        raise typer.Exit(3)
