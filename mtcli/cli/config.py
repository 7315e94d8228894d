"""mtcli config …"""

from __future__ import annotations

import typer

from mtcli.cli import options

app = typer.Typer(help="Look at a config.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `check` a subcommand, though it is the only one so far."""


_group.__doc__ = None


@app.command("check")
@options.interruptible
def check(
    config: options.ConfigArgument = None,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    debug: options.Debug = False,
) -> None:
    """Check a config: keys, values, label files, and that the network can be built.

    Everything but the pictures, which are looked at before a training.
    """
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config

    path = find_config(config)
    loaded = load_config(path, options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.recipes.check import check as recipe

    assembly = recipe(loaded)
    out = make_output().result
    out.print(f"{path} is fine", soft_wrap=True, markup=False)
    counts = ", ".join(f"{len(kept)} {split}" for split, kept in assembly.records.items())
    height, width = assembly.model.size
    trunk = assembly.model.architecture.trunk
    out.print(f"  {trunk} · {height}×{width} · {counts} pictures", soft_wrap=True, markup=False)
    for name, task in assembly.model.tasks.items():
        labelled = sum(name in record.labels for record in assembly.records["train"])
        out.print(f"  {name}  {task.kind}  {labelled} labelled", soft_wrap=True, markup=False)
