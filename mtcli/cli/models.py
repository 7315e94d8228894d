"""mtcli models …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mtcli.cli import completion, options
from mtcli.core.errors import UsageError, did_you_mean
from mtcli.core.inventory.facts import Key
from mtcli.core.run import MODEL, WEIGHTS
from mtcli.core.weightfile import is_weight_file, require_weight_file

if TYPE_CHECKING:
    from mtcli.core.config import Config, TrainConfig

app = typer.Typer(help="Look at trunks and networks.", no_args_is_help=True)

SIZE = (224, 224)
"""What trunks are measured for, as papers do."""

CONFIGS = (".yaml", ".yml")

Size = Annotated[
    str | None,
    typer.Option("--size", metavar="H,W", help="Of the picture, in pixels; default: 224,224."),
]


@app.command("list")
@options.interruptible
def list_models(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="A name or tag, a part of one, or 'resnet*'. Without: some well-known trunks.",
            show_default=False,
            autocompletion=completion.trunks,
        ),
    ] = None,
    size: Size = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """List trunks: parameters, multiply-adds, strides, published weights and their licences.

    All that gives maps c2 … c5 can be a trunk, and has no classifier here.
    """
    from mtcli.console.models import show_listing, watch_measuring
    from mtcli.console.output import make_output

    output = make_output(as_json, quiet)
    wanted = _size(size)

    from mtcli.recipes.models import list_trunks

    show_listing(output, watch_measuring(output, list_trunks(pattern, wanted)))


@app.command("show")
@options.interruptible
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="NAME|CONFIG|RUN|FILE",
            help="A trunk's name, a YAML config, a run or checkpoint, or a weight file.",
            autocompletion=completion.networks,
        ),
    ],
    size: Size = None,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    compare: Annotated[
        str | None,
        typer.Option(
            "--compare",
            metavar="sharing|fusion",
            help="Of a config or run: what it costs with each way of sharing, or of fusion.",
        ),
    ] = None,
    allow_plugins: options.AllowPlugins = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show a trunk by its stages, a network by its parts, or what a weight file holds.

    Shapes, parameters, multiply-adds; which tasks share a part, and whether it learns at first.
    Nothing is trained, and no weights are downloaded.
    """
    from mtcli.console.choices import show_comparison
    from mtcli.console.models import show_file, show_network, show_trunk, watch_measuring
    from mtcli.console.output import make_output

    output = make_output(as_json, quiet)
    key = _key(compare)
    path = Path(what)
    if path.name == WEIGHTS and (path.parent / MODEL).is_file():
        path = path.parent  # what lies beside tells what the tensors mean
    given = {"--size": size, "--tasks": tasks, "--set": sets, "--compare": compare}
    outright = ":" in what and not path.exists()  # a class of the user's own
    if not outright and is_weight_file(path):
        require_weight_file(path, "weights")
        _refuse(given, "a weight file has none", tuple(given))

        from mtcli.recipes.models import show_file as recipe_of_file

        show_file(output, what, recipe_of_file(path))
    elif not outright and (path.is_dir() or _looks_like_a_run(path)):
        _refuse(given, "a run has its own", ("--size", "--tasks", "--set"))
        checkpoint, settings = _run_at(path, allow_plugins)

        from mtcli.recipes.models import compare_checkpoint, show_checkpoint

        if key is None:
            show_network(output, what, show_checkpoint(checkpoint, settings))
        else:
            choices = compare_checkpoint(checkpoint, key)
            show_comparison(output, what, watch_measuring(output, choices))
    elif path.is_file() or path.suffix in CONFIGS:
        _refuse(given, "a config has its own", ("--size",))
        config = _config_at(path, sets, tasks)

        from mtcli.recipes.models import compare_config, show_config

        if key is None:
            show_network(output, what, show_config(config))
        else:
            show_comparison(output, what, watch_measuring(output, compare_config(config, key)))
    else:
        _refuse(given, "a trunk has none", ("--tasks", "--set", "--compare"))
        wanted = _size(size)

        from mtcli.core.plugins import import_trunk
        from mtcli.recipes.models import show_trunk as recipe

        if outright:
            what, _ = import_trunk(what, (), Path.cwd(), "NAME", what)
        show_trunk(output, recipe(what, wanted))


def _looks_like_a_run(path: Path) -> bool:
    """Whether it is a path, and of no file."""
    return len(path.parts) > 1 and path.suffix not in CONFIGS and not path.is_file()


def _config_at(path: Path, sets: list[str] | None, tasks: str | None) -> Config:
    from mtcli.core.configfile import find_config, load_config

    return load_config(find_config(path), options.as_sets(sets), options.split_tasks(tasks))


def _run_at(path: Path, allow_plugins: bool) -> tuple[Path, TrainConfig | None]:
    """A checkpoint, and how it was trained, where that is known; its plug-ins are imported."""
    from mtcli.core.configfile import import_plugins_of, load_config
    from mtcli.core.run import find_checkpoint, run_of

    checkpoint = find_checkpoint(path)
    run = run_of(checkpoint)
    if run is not None:
        import_plugins_of(run.config, allow_plugins)

    from mtcli.core.checkpoint import plugins_of
    from mtcli.core.plugins import import_plugins

    if allow_plugins:
        import_plugins(plugins_of(checkpoint), Path.cwd(), checkpoint)
    if run is None:
        return checkpoint, None
    return checkpoint, load_config(run.config, allow_plugins=allow_plugins).train


def _key(text: str | None) -> Key | None:
    """What `--compare` names.

    Raises:
        UsageError: there are no ways of it.
    """
    known: tuple[Key, ...] = get_args(Key)
    for key in known:
        if text == key:
            return key
    if text is None:
        return None
    raise UsageError(
        f"--compare {text}", expected=" or ".join(known), mend=did_you_mean(text, known)
    )


def _size(text: str | None) -> tuple[int, int]:
    """`H,W` as two numbers.

    Raises:
        UsageError: it is something else.
    """
    if text is None:
        return SIZE
    try:
        height, width = (int(side) for side in text.split(","))
    except ValueError:
        height = width = 0
    if height < 1 or width < 1:
        raise UsageError(
            f"--size {text}", expected="height and width with a comma between: 256,320"
        )
    return height, width


def _refuse(given: Mapping[str, object], why: str, options: Sequence[str]) -> None:
    for option in options:
        if given[option] is not None:
            raise UsageError(f"{option} has no place here: {why}", mend="leave it out")
