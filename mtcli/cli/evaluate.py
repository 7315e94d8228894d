"""mtcli eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtcli.cli import options
from mtcli.core.errors import UsageError

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.checkpoint import Model
    from mtcli.core.foldset import FoldSet

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
    without: Annotated[
        str | None,
        typer.Option(
            "--without",
            metavar="A,B",
            help="Measure as if every picture lacked these of its inputs.",
        ),
    ] = None,
    per_class: Annotated[bool, typer.Option("--per-class", help="Each class too.")] = False,
    sets: options.Sets = None,
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Measure a checkpoint on a split.

    Of a cross-validation every fold's best checkpoint is measured; on val, each on the pictures
    that were held out from it, and what it says of them is kept. Classes are then those of all
    these pictures together.
    """
    from mtcli.console.output import make_output
    from mtcli.core.foldset import FoldSet

    output = make_output(as_json, quiet)
    _refuse_decided(sets or [])
    changes = options.as_sets(sets, device, precision)
    found = FoldSet(model)
    lacking = options.split_tasks(without, "--without", "input") or []
    if not found.exists:
        run = _Run(model, config, changes, allow_plugins, output)
        _measure(run, split, options.split_tasks(tasks), lacking, per_class, output)
        return
    if lacking:
        raise UsageError(
            "--without: for one checkpoint at a time",
            where=model,
            mend=f"name the run of a fold: {found.run(1).path}",
        )
    runs = {
        fold: _Run(found.run(fold).path, config, changes, allow_plugins, output)
        for fold in found.done()
    }
    _measure_folds(found, runs, split, options.split_tasks(tasks), per_class, output)


class _Run:
    """A checkpoint, and the config that says where the data is to measure it on."""

    def __init__(
        self,
        model: Path,
        config: Path | None,
        changes: list[str],
        allow_plugins: bool,
        output: Output,
    ) -> None:
        from mtcli.core.configfile import find_config, import_plugins_of, load_config
        from mtcli.core.run import find_checkpoint, run_of

        self.checkpoint = find_checkpoint(model)
        run = run_of(self.checkpoint) if config is None else None
        path = find_config(config, "a config with --config") if run is None else run.config
        if run is None and config is None:
            output.note(f"config {path}")

        from mtcli.core.checkpoint import load_model, plugins_of
        from mtcli.core.plugins import import_plugins

        # What the user named may import; what came with the checkpoint may where it is allowed to.
        import_plugins_of(path, run is None or allow_plugins)
        if allow_plugins:
            import_plugins(plugins_of(self.checkpoint), Path.cwd(), self.checkpoint)
        trained, _ = load_model(self.checkpoint)
        decided: dict[str, dict[str, object]] = {
            "model": {"trunk": trained.architecture.trunk, "weights": None}
            | _fusion(trained, path),
            "data": {"size": list(trained.size), "resize": trained.resize},
        }
        self.config = load_config(path, changes, decided=decided)


def _fusion(trained: Model, path: Path) -> dict[str, object]:
    """What a config of data with several inputs need not say; of others it would not be true."""
    from mtcli.core.yamlfile import read_yaml

    document = read_yaml(path)
    tasks = document.get("tasks")
    places = [document.get("data"), *(tasks.values() if isinstance(tasks, dict) else ())]
    several = any(isinstance(place, dict) and "inputs" in place for place in places)
    fusion = trained.architecture.fusion
    return {} if fusion is None or not several else {"fusion": fusion}


def _measure(
    run: _Run,
    split: str,
    only: list[str] | None,
    without: list[str],
    per_class: bool,
    output: Output,
) -> None:
    from mtcli.console.evaluation import EvaluationView
    from mtcli.core.events import EvaluationEnded
    from mtcli.core.results import results_json
    from mtcli.recipes.evaluate import evaluate_checkpoint

    ended = None
    view = EvaluationView(output, per_class)
    with view:
        for event in evaluate_checkpoint(run.checkpoint, run.config, split, only, without):
            view.show(event)
            if isinstance(event, EvaluationEnded):
                ended = event
    assert ended is not None
    if output.as_json:
        output.json(results_json(ended))
    else:
        view.result(ended)


def _measure_folds(
    found: FoldSet,
    runs: dict[int, _Run],
    split: str,
    only: list[str] | None,
    per_class: bool,
    output: Output,
) -> None:
    from mtcli.console.evaluation import EvaluationView
    from mtcli.console.folds import show_folds
    from mtcli.core.events import FoldsEnded
    from mtcli.recipes.evaluatefolds import evaluate_folds

    configs = {fold: run.config for fold, run in runs.items()}
    ended = None
    view = EvaluationView(output, per_class=False)
    with view:
        for event in evaluate_folds(found, configs, split, only):
            view.show(event)
            if isinstance(event, FoldsEnded):
                ended = event
    assert ended is not None
    show_folds(output, ended, per_class)


def _refuse_decided(sets: list[str]) -> None:
    """Refuse changes of what the checkpoint has decided, which would otherwise do nothing."""
    for text in sets:
        key = text.partition("=")[0].strip()
        parts = key.split(".")
        labels = parts[0] == "tasks" and parts[2:3] in (
            [],
            ["labels"],
            ["images"],
            ["inputs"],
            ["splits"],
        )
        fixed = (["size"], ["resize"], ["augment"], ["folds"])
        data = parts[0] == "data" and parts[1:2] not in fixed
        if not labels and not data and key not in CHANGEABLE:
            raise UsageError(
                f"{key}: decided by the checkpoint",
                where=f"--set {text}",
                expected="data.*, tasks.NAME.labels, .images, .inputs or .splits, "
                + ", ".join(CHANGEABLE),
            )
