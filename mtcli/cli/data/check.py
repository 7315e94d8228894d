"""mtcli data check."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from mtcli.cli import options


@options.interruptible
def check(
    config: options.ConfigArgument = None,
    tasks: options.Tasks = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count as errors: exit code 2.")
    ] = False,
    sets: options.Sets = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Look for everything that can be wrong with pictures and labels.

    Exit code 2 where a training would be refused or fail; warnings alone leave it at 0.
    """
    began = time.monotonic()  # before torch is imported, which a person waits for too
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config

    output = make_output(as_json, quiet)
    path = find_config(config)
    if config is None:
        output.note(f"config {path}")
    loaded = load_config(path, options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.console.datacheck import print_report
    from mtcli.console.looking import watch
    from mtcli.recipes.datacheck import check_data

    report = watch(output, check_data(loaded))
    report = replace(report, seconds=time.monotonic() - began)
    if strict:
        report = report.strict()
    if as_json:
        output.json(report.to_json())
    else:
        print_report(output, report)
    if report.breaks:
        raise typer.Exit(2)
