"""mtcli eval."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options
from mtcli.core.errors import UsageError

CHANGEABLE = ("train.batch_size", "train.device", "train.precision")


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
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Measure a checkpoint on a split."""
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, import_plugins_of, load_config
    from mtcli.core.run import find_checkpoint, run_of

    output = make_output(as_json, quiet)
    checkpoint = find_checkpoint(model)
    named = True
    if config is None:
        run = run_of(checkpoint)
        named = run is None
        path = run.config if run is not None else find_config(None, "a config with --config")
        if run is None:
            output.note(f"config {path}")
    else:
        path = find_config(config)
    _refuse_decided(sets or [])

    from mtcli.core.checkpoint import load_model, plugins_of
    from mtcli.core.plugins import import_plugins

    # What the user named may import; what came with the checkpoint may where it is allowed to.
    import_plugins_of(path, named or allow_plugins)
    if allow_plugins:
        import_plugins(plugins_of(checkpoint), Path.cwd(), checkpoint)
    trained, _ = load_model(checkpoint)
    decided: dict[str, dict[str, object]] = {
        "model": {"trunk": trained.architecture.trunk, "weights": None},
        "data": {"size": list(trained.size), "resize": trained.resize},
    }
    changes = options.as_sets(sets, device, precision)
    loaded = load_config(path, changes, decided=decided)

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


def _refuse_decided(sets: list[str]) -> None:
    """Refuse changes of what the checkpoint has decided, which would otherwise do nothing."""
    for text in sets:
        key = text.partition("=")[0].strip()
        parts = key.split(".")
        labels = parts[0] == "tasks" and parts[2:3] in ([], ["labels"], ["images"], ["splits"])
        data = parts[0] == "data" and parts[1:2] not in (["size"], ["resize"], ["augment"])
        if not labels and not data and key not in CHANGEABLE:
            raise UsageError(
                f"{key}: decided by the checkpoint",
                where=f"--set {text}",
                expected=f"data.*, tasks.NAME.labels, .images or .splits, {', '.join(CHANGEABLE)}",
            )
