"""mtcli data …: one file a subcommand."""

from __future__ import annotations

import typer

app = typer.Typer(help="Look at the data of a config.", no_args_is_help=True)
