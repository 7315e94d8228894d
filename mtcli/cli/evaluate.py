"""mtcli eval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options


@options.interruptible
def evaluate(
    model: Annotated[
        Path, typer.Argument(metavar="RUN|CHECKPOINT", help="A run means its best checkpoint.")
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Other data for the same tasks; default: the run's own.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="Which split to measure.")
    ] = "val",
    tasks: options.Tasks = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Each class too.")] = False,
    sets: options.Sets = None,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Measure a checkpoint on a split."""
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config
    from mtcli.core.run import find_checkpoint, run_of

    output = make_output(as_json, quiet)
    checkpoint = find_checkpoint(model)
    if config is None:
        run = run_of(checkpoint)
        path = run.config if run is not None else find_config(None, "a config with --config")
        if run is None:
            output.note(f"config {path}")
    else:
        path = find_config(config)
    loaded = load_config(path, options.as_sets(sets, device, precision))

    from mtcli.console.evaluation import EvaluationView
    from mtcli.core.events import EvaluationEnded
    from mtcli.core.results import results_json
    from mtcli.recipes.evaluate import evaluate_checkpoint

    ended = None
    view = EvaluationView(output, per_class)
    with view:
        for event in evaluate_checkpoint(checkpoint, loaded, split, options.split_tasks(tasks)):
            view.show(event)
            if isinstance(event, EvaluationEnded):
                ended = event
    assert ended is not None
    if as_json:
        output.json(results_json(ended))
    else:
        view.result(ended)
