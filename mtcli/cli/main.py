"""The `mtcli` command: its subcommands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from mtcli import __version__
from mtcli.cli import (
    completion,
    config,
    data,
    evaluate,
    export,
    init,
    models,
    predict,
    sample,
    train,
    transfer,
)
from mtcli.console.errors import print_error, print_failure
from mtcli.core.errors import MtcliError

app = typer.Typer(
    name="mtcli",
    help="One shared trunk, many tasks: train and evaluate multi-task networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("transfer")(transfer.transfer)
app.command("eval")(evaluate.evaluate)
app.command("export")(export.export)
app.command("predict")(predict.predict)
app.command("init")(init.init)
app.command("sample")(sample.sample)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mtcli {__version__}")
        raise typer.Exit()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Options before the subcommand."""


_main.__doc__ = None  # typer would show it in place of the help above


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    0 done, 1 the work failed, 2 wrong usage, config or data, 3 a gate was missed, 130 interrupted,
    143 terminated, 129 hung up.
    """
    completion.join_cut_words(os.environ)
    words = list(sys.argv[1:] if argv is None else argv)
    # Pillow warns of every large picture; what it refuses to open is an error of ours.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        app(args=words, prog_name="mtcli")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    except MtcliError as error:
        if "--debug" in words:
            traceback.print_exc()
        print_error(error)
        return error.exit_code
    except Exception as failure:
        if "--debug" in words:
            traceback.print_exc()
        print_failure(failure)
        return 1
    return 0


def run() -> None:
    """The entry point of the installed command."""
    sys.exit(main())
