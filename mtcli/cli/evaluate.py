"""mtcli eval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtcli.cli import completion, gates, options
from mtcli.cli.measuring import Measurable, refuse_decided
from mtcli.core.errors import UsageError
from mtcli.core.events import Confidence
from mtcli.core.gates import Demands
from mtcli.core.writing import require_writable

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.foldset import FoldSet

RESAMPLES = 1000
"""Samples of pictures for an interval; Efron and Tibshirani advise about so many."""

FEWEST = 100
"""Below it, the ends of an interval of 95 % would hang on two or three samples."""


@options.interruptible
def evaluate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|CHECKPOINT|FILE",
            help="A run means its best checkpoint; a file is what mtcli export wrote.",
            autocompletion=completion.models,
        ),
    ],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Other data for the same tasks; default: the run's own, of a file mtcli.yaml.",
            autocompletion=completion.files,
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="NAME",
            help="Which split to measure.",
            autocompletion=completion.splits,
        ),
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
    fail_under: gates.FailUnder = None,
    baseline: gates.BaselineOption = None,
    max_drop: gates.MaxDrop = None,
    ci: Annotated[
        float | None,
        typer.Option(
            "--ci",
            metavar="LEVEL",
            help="An interval for each metric, of so many percent (95), by the bootstrap over "
            "pictures.",
        ),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option("--resamples", metavar="N", help="With --ci: how many samples; default 1000."),
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(
            "--markdown",
            metavar="FILE",
            help="Write a summary for a pull request.",
            autocompletion=completion.files,
        ),
    ] = None,
    sets: options.Sets = None,
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Measure a run, a checkpoint or an exported file on a split.

    Of a cross-validation every fold's best checkpoint is measured; on val, each on the pictures
    that were held out from it, and what it says of them is kept. Classes are then those of all
    these pictures together.
    """
    from mtcli.console.output import make_output
    from mtcli.core.foldset import FoldSet

    output = make_output(as_json, quiet)
    refuse_decided(sets or [])
    wanted = Wanted(
        Demands.read(fail_under, max_drop, baseline), _confidence(ci, resamples), summary
    )
    if summary is not None:
        require_writable(summary)
    changes = options.as_sets(sets, device, precision)
    found = FoldSet(model)
    lacking = options.split_tasks(without, "--without", "input") or []
    if not found.exists:
        run = Measurable(model, config, changes, allow_plugins, output)
        _measure(run, split, options.split_tasks(tasks), lacking, per_class, wanted, output)
        return
    given = {"--fail-under": fail_under, "--baseline": baseline, "--ci": ci, "--markdown": summary}
    gates.refuse_for_folds(given, found.run(1).path)
    if lacking:
        raise UsageError(
            "--without: for one checkpoint at a time",
            where=model,
            mend=f"name the run of a fold: {found.run(1).path}",
        )
    runs = {
        fold: Measurable(found.run(fold).path, config, changes, allow_plugins, output)
        for fold in found.done()
    }
    _measure_folds(found, runs, split, options.split_tasks(tasks), per_class, output)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be said of a model beside its numbers.

    Attributes:
        demands: its gates.
        confidence: how its intervals are made, if they are.
        summary: the Markdown file to write.
    """

    demands: Demands
    confidence: Confidence | None
    summary: Path | None


def _confidence(level: float | None, resamples: int | None) -> Confidence | None:
    """What `--ci` and `--resamples` say.

    Raises:
        UsageError: they say what cannot be.
    """
    if level is None:
        if resamples is not None:
            raise UsageError("--resamples is of intervals", expected="--ci LEVEL too")
        return None
    if not 50 <= level < 100:
        percent = f"did you mean --ci {100 * level:g}?" if 0.5 <= level < 1 else None
        raise UsageError(
            f"--ci {level:g}: wrong value",
            expected="a level in percent, from 50 to less than 100",
            mend=percent,
        )
    count = RESAMPLES if resamples is None else resamples
    if count < FEWEST:
        raise UsageError(f"--resamples {count}: too few", expected=f"{FEWEST} or more")
    return Confidence(level, count)


def _measure(
    run: Measurable,
    split: str,
    only: list[str] | None,
    without: list[str],
    per_class: bool,
    wanted: Wanted,
    output: Output,
) -> None:
    from mtcli.console.evaluation import EvaluationView
    from mtcli.console.gates import held_json, show_gates
    from mtcli.console.markdown import markdown
    from mtcli.core.events import EvaluationEnded
    from mtcli.core.results import results_json
    from mtcli.core.run import replace_text
    from mtcli.recipes.evaluate import evaluate_model

    limits = wanted.demands.of(run.tasks(only))
    ended = None
    view = EvaluationView(output, per_class)
    with view:
        for event in evaluate_model(
            run.opened, run.config, split, only, without, wanted.confidence
        ):
            view.show(event)
            if isinstance(event, EvaluationEnded):
                ended = event
    assert ended is not None
    level = None if wanted.confidence is None else wanted.confidence.level
    held = wanted.demands.hold(limits, ended.tasks, split, ended.images, level)
    if output.as_json:
        output.json({**results_json(ended), **held_json(held)})
    else:
        view.result(ended, held)
    for remark in held.remarks:
        output.note(remark)
    show_gates(output, held.verdicts)
    if wanted.summary is not None:
        replace_text(wanted.summary, markdown(ended, held))
    gates.fail_missed(held.verdicts)


def _measure_folds(
    found: FoldSet,
    runs: dict[int, Measurable],
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
