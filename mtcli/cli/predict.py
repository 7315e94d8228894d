"""mtcli predict."""

from __future__ import annotations

import dataclasses
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import completion, options
from mtcli.core.errors import UsageError, WorkError, did_you_mean

FOLDER = Path("predictions")
"""Where drawn pictures go when nobody says."""

NO_FOLDER = (".json", ".jsonl", ".csv", ".png", ".jpg")
"""Endings by which a file is meant."""

PIPE_CLOSED = 1
"""As rich leaves where the reader of a pipe went away."""


@options.interruptible
def predict(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A run (its best checkpoint), a checkpoint, or an exported file.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUTS...",
            help="Pictures, folders (with those below them), patterns in quotes, or - for a list "
            "on stdin. For a model of several inputs NAME=FOLDER each, joined by file names.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Write files here, not to stdout.",
            autocompletion=completion.files,
        ),
    ] = None,
    draw: Annotated[
        bool,
        typer.Option(
            "--draw", help="Draw the answers on each picture; without --out into predictions/."
        ),
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="json|jsonl|csv|coco",
            help="Default: lines for a person, or json with --out.",
            autocompletion=completion.one_of("json", "jsonl", "csv", "coco"),
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks",
            metavar="A,B",
            help="Only these tasks of the model.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="N", min=1, help="Pictures at once.")
    ] = 16,
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Ask a model about pictures: all its tasks in one pass.

    Boxes, points and maps are in the pixels of each picture as a person sees it. A picture that
    cannot be read is said to be so, the others are done, and the exit code is 1. With --out, maps
    are files too: classes as PNG, depth as .npy.
    """
    from mtcli.core.prediction.pictures import check_there

    if out is not None and out.suffix.lower() in NO_FOLDER and not out.is_dir():
        raise UsageError(
            "--out names a folder, and this looks like a file",
            found=str(out),
            mend=f"--out {out.with_suffix('')}, or without --out: > {out}",
        )
    if as_json and out is None and form not in (None, "json"):
        raise UsageError(f"--json is the same as --format json, not {form}")
    if not model.exists():
        from mtcli.core.run import find_checkpoint

        find_checkpoint(model)
    check_there(inputs)

    from mtcli.console.output import make_output
    from mtcli.console.predict import PredictionView
    from mtcli.core.interruption import Interruption, until
    from mtcli.core.prediction.choosing import open_trusted
    from mtcli.core.prediction.events import PredictionEnded
    from mtcli.core.prediction.formats import FORMATS
    from mtcli.core.prediction.joining import find_records
    from mtcli.core.runtime import choose_runtime
    from mtcli.recipes.predict import Wanted
    from mtcli.recipes.predict import predict as recipe

    formats = FORMATS.names()
    if form is not None and form not in formats:
        raise UsageError(f"--format {form}: no such format", mend=did_you_mean(form, formats))
    output = make_output(as_json, quiet)
    runtime = choose_runtime(device or "auto", precision or "auto")
    opened = open_trusted(model, allow_plugins)
    folder = FOLDER if draw and out is None else out
    lines = lambda: sys.stdin
    records = find_records(inputs, opened.model.inputs, lines, opened.needs_all_inputs, folder)
    plain = form is None and folder is None and not as_json
    wanted = Wanted(form or (None if plain else "json"), folder, draw, batch_size)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text at all

    view = PredictionView(output, plain, max(len(record.key) for record in records))
    only = options.split_tasks(tasks)
    ended: PredictionEnded | None = None
    try:
        with Interruption() as interruption, view:
            work = recipe(opened, records, only, wanted, runtime, sys.stdout)
            for event in until(interruption, work):
                if isinstance(event, PredictionEnded):
                    ended = event
                else:
                    view.show(event)
    except BrokenPipeError:
        # The reader has enough. What Python would still write at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from None
    if ended is None:
        raise typer.Exit(128 + (interruption.came() or 0))
    if folder is not None and as_json:
        told = dataclasses.asdict(ended)
        output.json({**told, "folder": str(folder), "seconds": round(ended.seconds, 3)})
    else:
        view.ended(ended)
    if ended.failed:
        pictures = "picture" if ended.pictures == 1 else "pictures"
        raise WorkError(f"{ended.failed} of {ended.pictures} {pictures} could not be read")
