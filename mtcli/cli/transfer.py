"""mtcli transfer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtcli.cli import completion, gates, options
from mtcli.cli.ending import hold_ended, leave
from mtcli.cli.typed import as_typed
from mtcli.core.errors import UsageError
from mtcli.core.gates import Demands

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.transfer.configuring import Asked


@options.interruptible
def transfer(
    config: options.ConfigArgument = None,
    origins: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="[TASK=]ORIGIN",
            help="A run, checkpoint or weight file to start from; several, each for its task, "
            "with --merge.",
            autocompletion=completion.models,
        ),
    ] = None,
    tasks: options.Tasks = None,
    copy: Annotated[
        list[str] | None,
        typer.Option(
            "--copy",
            metavar="PARTS",
            help="What to take: conv, trunk, pyramid, fc, heads, heads.TASK, all (default), or "
            "tensors by name, with * for any text.",
        ),
    ] = None,
    freeze: Annotated[
        list[str] | None,
        typer.Option(
            "--freeze",
            metavar="PARTS",
            help="What stays as it is: conv (what trunk and pyramid got from the origin), trunk, "
            "pyramid, heads, heads.TASK, bn, or tensors by name.",
        ),
    ] = None,
    unfreeze: Annotated[
        list[str] | None,
        typer.Option("--unfreeze", metavar="PART@EPOCH", help="Let it learn from an epoch on."),
    ] = None,
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OLD=NEW", help="A task of the origin by another name."),
    ] = None,
    merge: Annotated[
        str | None,
        typer.Option("--merge", metavar="average", help="What becomes of several trunks."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Fresh or left tensors that nothing asked for: an error."),
    ] = False,
    added: Annotated[
        str | None,
        typer.Option(
            "--add-task", metavar="NAME", help="Learn this task of the config beside the origin's."
        ),
    ] = None,
    fail_under: gates.FailUnder = None,
    baseline: gates.BaselineOption = None,
    max_drop: Annotated[
        list[str] | None,
        typer.Option(
            "--max-drop",
            metavar="[TASK.METRIC=]X",
            help="With --add-task: exit 3 where an old task's primary metric gets worse by more; "
            "with --baseline as for eval.",
        ),
    ] = None,
    distill: Annotated[
        float | None,
        typer.Option(
            "--distill", metavar="W", help="Keep the old tasks' maps near the origin's.", min=0
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", help="How long to train.", min=1)
    ] = None,
    init_only: Annotated[
        bool, typer.Option("--init-only", help="Only fill the network, and save it.")
    ] = False,
    lr_decay: Annotated[
        float | None,
        typer.Option(
            "--lr-decay",
            metavar="X",
            help="Factor on the learning rate from each layer of the trunk to the one before.",
        ),
    ] = None,
    cache_features: Annotated[
        bool,
        typer.Option(
            "--cache-features", help="Run a frozen trunk once a picture, and keep its maps on disk."
        ),
    ] = False,
    name: options.Name = None,
    runs: options.Runs = None,
    sets: options.Sets = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="The plan of every tensor.")] = False,
    allow_plugins: options.AllowPlugins = False,
    device: options.Device = None,
    precision: options.Precision = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Start new tasks from old weights, and train on.

    First the plan is shown: every tensor copied, adapted, fresh or left behind, and why. Data and
    tasks are the config's, else the origin's own; the trunk is the origin's, unless a config that
    is named, or --set, names another.
    """
    from mtcli.console.output import make_output

    output = make_output(as_json, quiet)
    if max_drop is not None and added is None and baseline is None:
        raise UsageError(
            "--max-drop holds the tasks that were there before --add-task",
            expected="--add-task or --baseline too",
        )
    # Against a baseline, where there is one; else against the origin, whose tasks are kept.
    demands = Demands.read(fail_under, None if baseline is None else max_drop, baseline)
    allowed = gates.allowed_drop(max_drop) if max_drop and baseline is None else None
    if init_only and (fail_under or baseline is not None):
        option = "--fail-under" if fail_under else "--baseline"
        raise UsageError(f"--init-only measures nothing, so that {option} has no place beside it")
    if init_only and (epochs is not None or added is not None):
        other = "--epochs" if epochs is not None else "--add-task"
        raise UsageError(f"--init-only trains nothing, so that {other} has no place beside it")
    options.check_name(name)
    if merge not in (None, "average"):
        raise UsageError(f"--merge {merge}: wrong value", expected="average")
    found = _origins(origins or [])
    if merge is not None and len(found) == 1:
        raise UsageError(
            f"--merge {merge}: merging takes several origins",
            found=f"--from {(origins or [''])[0]}",
            expected="--from TASK=RUN for each of several",
        )
    train: dict[str, Any] = {
        "epochs": epochs,
        "freeze": _listed(freeze),
        "unfreeze": _unfrozen(unfreeze or []),
        "lr_decay": lr_decay,
        "cache_features": cache_features or None,
        "distill": distill,
    }
    wanted: dict[str, Any] = {
        "parts": _listed(copy) or ["all"],
        "map": dict(_pair("--map", text) for text in renamed or []),
        "merge": merge,
        "strict": strict,
    }
    from mtcli.core.transfer.configuring import Asked

    asked = Asked(
        origins=found,
        config=config,
        tasks=options.split_tasks(tasks),
        added=added,
        transfer=wanted,
        train={key: value for key, value in train.items() if value is not None},
        sets=options.as_sets(sets, device, precision),
        allow_plugins=allow_plugins,
    )
    with as_typed(asked.train, asked.sets):
        _run(asked, output, name, runs or Path("runs"), init_only, demands, allowed, verbose)


def _run(
    asked: Asked,
    output: Output,
    name: str | None,
    runs: Path,
    init_only: bool,
    demands: Demands,
    allowed: float | None,
    verbose: bool,
) -> None:
    from mtcli.console.gates import held_json, show_held
    from mtcli.console.training import TrainingView
    from mtcli.console.transfer import plan_json, show_plan
    from mtcli.core.transfer.configuring import configure
    from mtcli.core.transfer.events import Initialised, TransferPlanned
    from mtcli.recipes.train import NewRun
    from mtcli.recipes.transfer import Keeping, initialise, transfer

    configured = configure(asked)
    if asked.config is None:
        output.note(f"config {configured.path}")
    limits = demands.of(gates.configured_kinds(configured.config))
    where = NewRun(runs, name, configured.path.resolve().parent.name)
    answer: dict[str, Any] = {}
    if init_only:
        told = initialise(configured.config, where)
    else:
        assert configured.config.transfer is not None
        keeping = None
        if asked.added is not None:
            origin = Path(next(iter(configured.config.transfer.origin.values())))
            keeping = Keeping(origin, configured.known, allowed)
        told = transfer(configured.config, where, keeping)
    with TrainingView(output, answers=False, plans=False) as view:
        for event in told:
            view.show(event)
            if isinstance(event, TransferPlanned):
                answer["plan"] = plan_json(event)
                show_plan(output, event, verbose)
            elif isinstance(event, Initialised):
                answer |= {"run": str(event.run), "checkpoint": str(event.checkpoint)}
    held = hold_ended(view.ended, demands, limits)
    if output.as_json and (init_only or view.answer):
        output.json({**view.answer, **answer, **held_json(held)})
    elif init_only:
        output.result.print(answer["run"], soft_wrap=True, markup=False)
        output.note(f"train it: mtcli train --resume {answer['run']}")
    show_held(output, held)
    leave(view.ended, output, held, demands.words)


def _origins(texts: list[str]) -> dict[str, str]:
    """`TASK=ORIGIN` by task, or a single origin under `all`.

    Raises:
        UsageError: there is none, or two for one task.
    """
    if not texts:
        raise UsageError("--from is missing: a run, checkpoint or weight file to start from")
    found: dict[str, str] = {}
    for text in texts:
        named = re.match(r"([A-Za-z][A-Za-z0-9_-]*)=(.+)", text)
        task, origin = ("all", text) if named is None or Path(text).exists() else named.groups()
        if task in found:
            raise UsageError(
                "two origins for one task" if task != "all" else "two origins without a task",
                where=f"--from {text}",
                expected="--from TASK=ORIGIN for each of several",
            )
        found[task] = origin
    if "all" in found and len(found) > 1:
        raise UsageError(
            "an origin without a task beside others", expected="--from TASK=ORIGIN for each"
        )
    return found


def _listed(texts: list[str] | None) -> list[str] | None:
    """Words between commas, of an option that may stand several times."""
    if texts is None:
        return None
    words = (word.strip() for text in texts for word in text.split(","))
    return list(dict.fromkeys(word for word in words if word))


def _pair(option: str, text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new):
        raise UsageError(f"{option} {text}: wrong value", expected="OLD=NEW")
    return old, new


def _unfrozen(texts: list[str]) -> dict[str, int] | None:
    """`PART@EPOCH` as a part and its epoch.

    Raises:
        UsageError: it is written otherwise.
    """
    found = {}
    for text in _listed(texts) or ():
        part, at, epoch = text.rpartition("@")
        if not at or not part or not epoch.isdigit() or int(epoch) < 2:
            raise UsageError(
                f"--unfreeze {text}: wrong value",
                expected="PART@EPOCH, an epoch from 2 on: trunk@5",
            )
        found[part] = int(epoch)
    return found or None
