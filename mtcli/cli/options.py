"""Options that several subcommands share, and what they mean."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from mtcli.cli import completion
from mtcli.core.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CONFIG",
        help="A YAML config. Without: mtcli.yaml, then sample_data/mtcli.yaml.",
        show_default=False,
        autocompletion=completion.files,
    ),
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="A,B",
        help="Only these tasks of the config.",
        autocompletion=completion.tasks,
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the config, such as train.epochs=5; may stand several times.",
        autocompletion=completion.sets,
    ),
]
Name = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="The run's name; default: the next free number."),
]
Runs = Annotated[
    Path | None,
    typer.Option(
        "--runs",
        metavar="DIR",
        help="The folder that runs go to; default: runs.",
        autocompletion=completion.files,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]",
        help="Where to compute.",
        autocompletion=completion.devices,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16|fp16",
        help="In which number format.",
        autocompletion=completion.precisions,
    ),
]
AllowPlugins = Annotated[
    bool,
    typer.Option(
        "--allow-plugins",
        help="Import the plug-ins that the run or checkpoint names. They are code: only where "
        "you trust who made it.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="The result as one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def split_tasks(tasks: str | None, option: str = "--tasks", sort: str = "task") -> list[str] | None:
    """`a,b` as a list; None where the option was not given.

    Raises:
        UsageError: it names nothing of its sort.
    """
    if tasks is None:
        return None
    names = [name.strip() for name in tasks.split(",") if name.strip()]
    if not names:
        raise UsageError(f"{option} names no {sort}", expected="names, with commas between them")
    return names


def as_sets(
    sets: list[str] | None, device: str | None = None, precision: str | None = None
) -> list[str]:
    """The `--set` options, and those that are a shorter way to write one."""
    shorter = {"train.device": device, "train.precision": precision}
    return [*(sets or ()), *(f"{key}={value}" for key, value in shorter.items() if value)]


def check_name(name: str | None) -> None:
    """See that a run's name is one folder's.

    Raises:
        UsageError: it is not.
    """
    if name is not None and (not name or Path(name).name != name or name in (".", "..")):
        raise UsageError(
            f"not a name for a run: {name!r}",
            expected="one folder's name; --runs says where it goes",
        )


def interruptible(command: Callable[P, R]) -> Callable[P, R]:
    """Leave a command with 130 on Ctrl-C, wherever it is."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    return wrapped
