"""mtcli train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import completion, gates, options
from mtcli.cli.ending import hold_ended, leave
from mtcli.cli.folds import FoldOptions, train_folds
from mtcli.core.errors import UsageError
from mtcli.core.gates import Demands


@options.interruptible
def train(
    config: options.ConfigArgument = None,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    name: options.Name = None,
    runs: options.Runs = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that was stopped.",
            autocompletion=completion.models,
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option("--folds", metavar="K", help="Cross-validate: a run for each of K folds."),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option("--fold", metavar="N", help="Only this one of the folds, from 1."),
    ] = None,
    stratify: Annotated[
        str | None,
        typer.Option(
            "--stratify", metavar="TASK", help="Each fold has its share of this task's classes."
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            "--group", metavar="COLUMN", help="Pictures alike in this CSV column share a fold."
        ),
    ] = None,
    fail_under: gates.FailUnder = None,
    baseline: gates.BaselineOption = None,
    max_drop: gates.MaxDrop = None,
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train several tasks on one shared trunk.

    The run goes to a new folder below runs/. Ctrl-C saves before it leaves; --resume goes on.
    """
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config
    from mtcli.core.foldset import FoldSet
    from mtcli.core.run import Run

    output = make_output(as_json, quiet)
    division = FoldOptions(folds, fold, stratify, group)
    is_set = resume is not None and FoldSet(resume).exists
    demands = Demands.read(fail_under, max_drop, baseline)
    if is_set or folds is not None:
        gates.refuse_for_folds({"--fail-under": fail_under, "--baseline": baseline})
    division.check(name, resumed=is_set)
    run = None
    if resume is not None:
        given: dict[str, object] = {"CONFIG": config, "--tasks": tasks, "--set": sets}
        given |= {"--name": name, "--runs": runs, "--folds": folds}
        extra = [word for word, value in given.items() if value is not None]
        if extra:
            raise UsageError(
                f"--resume goes on with the run's own config; {extra[0]} has no place beside it",
                mend="leave it out, or train a new run",
            )
        run = Run.open(resume)
        run.index()  # a damaged index is said before torch is imported
        changes = options.as_sets(None, device, precision)
        loaded = load_config(run.config, changes, allow_plugins=allow_plugins)
    else:
        path = find_config(config)
        if config is None:
            output.note(f"config {path}")
        options.check_name(name)
        changes = options.as_sets(sets, device, precision)
        loaded = load_config(path, changes, options.split_tasks(tasks))

    from mtcli.recipes.train import NewRun

    where = run or NewRun(runs or Path("runs"), name, path.resolve().parent.name)
    if is_set or folds is not None:
        train_folds(loaded, where, division, output)
        return

    from mtcli.console.gates import held_json, show_held
    from mtcli.console.training import TrainingView
    from mtcli.recipes.train import train as recipe

    limits = demands.of(gates.configured_kinds(loaded))
    with TrainingView(output, answers=False) as view:
        for event in recipe(loaded, where):
            view.show(event)
    held = hold_ended(view.ended, demands, limits)
    if output.as_json and view.answer:
        output.json({**view.answer, **held_json(held)})
    show_held(output, held)
    leave(view.ended, output, held, demands.words)
