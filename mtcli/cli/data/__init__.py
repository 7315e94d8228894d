"""mtcli data …: one file a subcommand."""

from __future__ import annotations

import typer

from mtcli.cli.data import check, plan, preview, stats

app = typer.Typer(help="Look at the data of a config.", no_args_is_help=True)
app.command("check")(check.check)
app.command("preview")(preview.preview)
app.command("plan")(plan.plan)
app.command("stats")(stats.stats)
