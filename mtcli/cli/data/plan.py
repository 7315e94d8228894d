"""mtcli data plan."""

from __future__ import annotations

from mtcli.cli import options


@options.interruptible
def plan(
    config: options.ConfigArgument = None,
    tasks: options.Tasks = None,
    sets: options.Sets = None,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Say what an epoch will draw: pictures, labels of each task, batches, repeats.

    Of each stage the first epoch is counted. --set train.mixing=uniform shows another policy.
    """
    from mtcli.console.output import make_output
    from mtcli.core.configfile import find_config, load_config

    output = make_output(as_json)
    path = find_config(config)
    loaded = load_config(path, options.as_sets(sets), options.split_tasks(tasks))

    from mtcli.console.plan import plan_json, show_plan
    from mtcli.recipes.plan import plan as recipe

    planned = recipe(loaded)
    if as_json:
        output.json(plan_json(planned))
    else:
        show_plan(output, str(path), planned)
