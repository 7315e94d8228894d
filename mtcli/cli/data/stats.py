"""mtcli data stats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtcli.cli import options


@options.interruptible
def stats(
    config: options.ConfigArgument = None,
    file: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png or .jpg file.")
    ] = Path("stats.png"),
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Count and measure pictures and labels, and draw what they are.

    Classes, boxes, sizes, brightness, and which labels occur together across tasks.
    """
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config
    from mtcli.core.picturefile import check_picture_path

    output = make_output(as_json, quiet)
    check_picture_path(file)
    path = find_config(config)
    if config is None:
        output.note(f"config {path}")
    loaded = load_config(path, options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.console.looking import watch
    from mtcli.console.statistics import show_statistics
    from mtcli.core.statistics.plain import statistics_json
    from mtcli.recipes.statistics import draw, measure

    name = path.resolve().parent.name if path.stem == "mtcli" else path.stem
    counted = watch(output, measure(loaded))
    found = statistics_json(counted)
    if not as_json:
        show_statistics(output, found)
    drawn = False
    try:
        draw(counted, file, name)
        drawn = True
    finally:
        # Numbers are not lost where a picture fails.
        if as_json:
            output.json({"picture": str(file) if drawn else None, **found})
    if not as_json:
        output.result.print(f"wrote {file}", soft_wrap=True, markup=False)
