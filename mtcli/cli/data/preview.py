"""mtcli data preview."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options
from mtcli.core.errors import UsageError, and_more


@options.interruptible
def preview(
    config: options.ConfigArgument = None,
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png or .jpg file.")
    ] = Path("preview.png"),
    split: Annotated[
        str,
        typer.Option("--split", metavar="NAME", help="Whose pictures; only train is augmented."),
    ] = "train",
    number: Annotated[
        int | None,
        typer.Option(
            "--number", "-n", metavar="N", min=1, max=100, help="How many pictures; default: 12."
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--draws",
            metavar="N",
            min=1,
            max=20,
            help="Each picture in a row: plain, then as in the first N epochs.",
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--no-augment", help="Without augmentation.")] = False,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Another one chooses other pictures.")
    ] = 0,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Draw samples with all their labels, as the network gets them.

    The choice is random, but each task is shown, and as many classes as possible.
    """
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config
    from mtcli.core.picturefile import check_picture_path

    output = make_output(quiet=quiet)
    check_picture_path(file)
    if draws is not None and (plain or split != "train"):
        other = "--no-augment" if plain else f"--split {split}"
        raise UsageError(f"--draws shows the augmentation, {other} has none")
    path = find_config(config)
    if config is None:
        output.note(f"config {path}")
    loaded = load_config(path, options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.console.looking import watch
    from mtcli.recipes.preview import Wanted
    from mtcli.recipes.preview import preview as recipe

    wanted = Wanted(
        split,
        number or (12 if draws is None else 4),
        0 if plain else draws,
        seed,
    )
    found = watch(output, recipe(loaded, file, wanted))
    for name, classes in found.missed.items():
        output.note(f"{name}: no picture of {and_more(classes)}; --number shows more")
    output.result.print(f"wrote {found.path}", soft_wrap=True, markup=False)
