"""mtcli models …"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtcli.cli import options
from mtcli.core.errors import UsageError
from mtcli.core.run import MODEL, WEIGHTS
from mtcli.core.weightfile import is_weight_file, require_weight_file

if TYPE_CHECKING:
    from mtcli.core.config import TrainConfig
    from mtcli.core.inventory.facts import NetworkFacts

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
        ),
    ],
    size: Size = None,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    allow_plugins: options.AllowPlugins = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Show a trunk by its stages, a network by its parts, or what a weight file holds.

    Shapes, parameters, multiply-adds; which tasks share a part, and whether it learns at first.
    """
    from mtcli.console.models import show_file, show_network, show_trunk
    from mtcli.console.output import make_output

    output = make_output(as_json, quiet)
    path = Path(what)
    if path.name == WEIGHTS and (path.parent / MODEL).is_file():
        path = path.parent  # what lies beside tells what the tensors mean
    given = {"--size": size, "--tasks": tasks, "--set": sets}
    outright = ":" in what and not path.exists()  # a class of the user's own
    if not outright and is_weight_file(path):
        require_weight_file(path, "weights")
        _refuse(given, "a weight file has none", ("--size", "--tasks", "--set"))

        from mtcli.recipes.models import show_file as recipe_of_file

        show_file(output, what, recipe_of_file(path))
    elif not outright and (path.is_dir() or _looks_like_a_run(path)):
        _refuse(given, "a run has its own", ("--size", "--tasks", "--set"))
        show_network(output, what, _of_run(path, allow_plugins))
    elif path.is_file() or path.suffix in CONFIGS:
        _refuse(given, "a config has its own", ("--size",))
        show_network(output, what, _of_config(path, sets, tasks))
    else:
        _refuse(given, "a trunk has none", ("--tasks", "--set"))
        wanted = _size(size)

        from mtcli.core.plugins import import_trunk
        from mtcli.recipes.models import show_trunk as recipe

        if outright:
            what, _ = import_trunk(what, (), Path.cwd(), "NAME", what)
        show_trunk(output, recipe(what, wanted))


def _looks_like_a_run(path: Path) -> bool:
    """Whether it is a path, and of no file."""
    return len(path.parts) > 1 and path.suffix not in CONFIGS and not path.is_file()


def _of_config(path: Path, sets: list[str] | None, tasks: str | None) -> NetworkFacts:
    from mtcli.core.configfile import find_config, load_config

    config = load_config(find_config(path), options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.recipes.models import show_config

    return show_config(config)


def _of_run(path: Path, allow_plugins: bool) -> NetworkFacts:
    from mtcli.core.configfile import import_plugins_of, load_config
    from mtcli.core.run import find_checkpoint, run_of

    checkpoint = find_checkpoint(path)
    run = run_of(checkpoint)
    settings: TrainConfig | None = None
    if run is not None:
        import_plugins_of(run.config, allow_plugins)

    from mtcli.core.checkpoint import plugins_of
    from mtcli.core.plugins import import_plugins
    from mtcli.recipes.models import show_checkpoint

    if allow_plugins:
        import_plugins(plugins_of(checkpoint), Path.cwd(), checkpoint)
    if run is not None:
        settings = load_config(run.config, allow_plugins=allow_plugins).train
    return show_checkpoint(checkpoint, settings)


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
