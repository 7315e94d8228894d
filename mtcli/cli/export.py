"""mtcli export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mtcli.cli import completion, options
from mtcli.cli.measuring import Measurable, import_own_plugins, refuse_decided
from mtcli.core.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from mtcli.console.output import Output
    from mtcli.core.answering import Opened
    from mtcli.core.config import Config

T = TypeVar("T", bound=str)

CALIBRATE = 64
"""Pictures that ranges are measured on; twice as many changed no metric in our trials."""


@options.interruptible
def export(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|CHECKPOINT",
            help="A run means its best checkpoint.",
            show_default=False,
            autocompletion=completion.models,
        ),
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="onnx|pt2",
            help="Default: by the ending of --out, else onnx.",
            autocompletion=completion.one_of("onnx", "pt2"),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Where to; default: the run's name, in the working folder.",
            autocompletion=completion.files,
        ),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            "--tasks",
            metavar="A,B",
            help="Only these tasks; what the others alone need is not in the file.",
            autocompletion=completion.tasks,
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(
            "--precision",
            metavar="fp32|int8",
            help="The format of its numbers; int8 tells what each task loses by it.",
            autocompletion=completion.one_of("fp32", "int8"),
        ),
    ] = "fp32",
    calibrate: Annotated[
        int | None,
        typer.Option(
            "--calibrate",
            metavar="N",
            min=1,
            help="For int8: measure the ranges of numbers on so many pictures of the training "
            f"split; default: {CALIBRATE}.",
        ),
    ] = None,
    dynamic: Annotated[
        str,
        typer.Option(
            "--dynamic",
            metavar="none|batch|size",
            help="What may differ from call to call: nothing (one picture at a time), how many "
            "pictures, or their size too.",
            autocompletion=completion.one_of("none", "batch", "size"),
        ),
    ] = "batch",
    decoded: Annotated[
        bool,
        typer.Option(
            "--decoded/--raw",
            help="Whether it gives answers (classes, boxes behind NMS), or what the heads say.",
        ),
    ] = True,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify",
            help="Hold it against the checkpoint on pictures of the validation split before it "
            "is put in place.",
        ),
    ] = True,
    opset: Annotated[
        int | None,
        typer.Option(
            "--opset", metavar="N", min=1, help="ONNX's version of operators; default: torch's."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Other data to verify and calibrate on; default: the run's own.",
            autocompletion=completion.files,
        ),
    ] = None,
    sets: options.Sets = None,
    allow_plugins: options.AllowPlugins = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Write a model as one file that needs no mtcli: ONNX, or an archive for torch.

    The file takes pictures as uint8 RGB and gives named tensors. All that is known of its tasks
    stands in it: mtcli eval and mtcli predict take it as they take a run.
    """
    from mtcli.core.export.manner import DYNAMICS, NUMBERS, Manner

    manner = Manner(
        decoded,
        _one_of(dynamic, DYNAMICS, "--dynamic"),
        _one_of(precision, NUMBERS, "--precision"),
        opset,
    )
    if calibrate is not None and manner.precision != "int8":
        raise UsageError("--calibrate is of int8", expected="--precision int8 too")
    if model.is_file():
        raise UsageError(
            "a file was exported already",
            where=model,
            expected="the run or checkpoint that it comes from",
        )
    only = options.split_tasks(tasks)
    refuse_decided(sets or [])

    from mtcli.console.export import ExportView
    from mtcli.console.output import make_output
    from mtcli.core.export.draft import default_name
    from mtcli.core.export.events import ExportEnded
    from mtcli.core.export.formats import EXPORTERS
    from mtcli.core.foldset import FoldSet
    from mtcli.core.interruption import Interruption, until
    from mtcli.recipes.export import Order
    from mtcli.recipes.export import export as recipe

    output = make_output(as_json, quiet)
    endings = {EXPORTERS.get(name).ending: name for name in EXPORTERS.names()}
    form = _format(form, out, endings)
    EXPORTERS.get(form).require()
    folds = FoldSet(model)
    if folds.exists:
        raise UsageError(
            "a cross-validation has a network for each fold",
            where=model,
            mend=f"name the run of one: {folds.run(1).path}",
        )
    needs_data = verify or manner.precision == "int8"
    opened, data = _opened(model, config, sets, allow_plugins, needs_data, output)
    words = [
        *(only or ()),
        *(["int8"] if precision == "int8" else ()),
        *([] if decoded else ["raw"]),
    ]
    ending = next(own for own, name in endings.items() if name == form)
    name = default_name(opened.path, words, ending)
    place = Path(name) if out is None else out / name if out.is_dir() else out
    order = Order(form, place, manner, only, verify, calibrate or CALIBRATE)
    view = ExportView(output)
    ended = False
    with Interruption() as interruption, view:
        for event in until(interruption, recipe(opened, data, order)):
            if isinstance(event, ExportEnded):
                ended = True
                view.result(event)
            else:
                view.show(event)
    if not ended:
        raise typer.Exit(128 + (interruption.came() or 0))


def _opened(
    model: Path,
    config: Path | None,
    sets: list[str] | None,
    allow_plugins: bool,
    needs_data: bool,
    output: Output,
) -> tuple[Opened, Config | None]:
    """The checkpoint, and the config that says where its data is, if that is needed."""
    if needs_data:
        found = Measurable(model, config, options.as_sets(sets), allow_plugins, output)
        return found.opened, found.config
    from mtcli.core.opening import open_model

    import_own_plugins(model, allow_plugins)
    return open_model(model), None


def _format(form: str | None, out: Path | None, endings: dict[str, str]) -> str:
    """The format that is asked for by its name, or by the ending of the file.

    Raises:
        UsageError: there is none of that name, or the ending is another's.
    """
    ending = "" if out is None or out.is_dir() else out.suffix.lower()
    if form is None and (out is None or out.is_dir()):
        return "onnx"
    if form is not None and form not in endings.values():
        known = endings.values()
        raise UsageError(f"--format {form}: no such format", mend=did_you_mean(form, known))
    told = form or endings.get(ending)
    if told is None or (out is not None and not out.is_dir() and endings.get(ending) != told):
        wanted = [own for own, name in endings.items() if told in (None, name)]
        raise UsageError(
            "the file's ending does not say what it is",
            where=f"--out {out}",
            expected=" or ".join(wanted),
        )
    return told


def _one_of(word: str, known: tuple[T, ...], option: str) -> T:
    for own in known:
        if word == own:
            return own
    raise UsageError(f"{option} {word}", expected=", ".join(known), mend=did_you_mean(word, known))
