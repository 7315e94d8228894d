"""A network as each way of sharing, or of fusion, would make it: what each costs."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import replace

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.errors import ConfigError
from mtcli.core.fusion import FUSIONS
from mtcli.core.inventory.facts import Choice, Comparison, Cost, Key, Measuring
from mtcli.core.inventory.networks import measure_network
from mtcli.core.sharing import SHARINGS
from mtcli.core.sizing import check_size
from mtcli.core.task import AnyTask


def compare_choices(
    architecture: Architecture, tasks: Mapping[str, AnyTask], size: tuple[int, int], key: Key
) -> Generator[Measuring, None, Comparison]:
    """Build and measure a network with each registered way; see `measure_network`.

    All else stays as it is. Weights are drawn from torch's global generator.

    Args:
        architecture: of the network.
        tasks: its tasks.
        size: the working size, height and width.
        key: `sharing`, or `fusion` of a network with several inputs.

    Raises:
        ConfigError: there is one input, and nothing to fuse; or the network can be built in no way.
    """
    if key == "sharing":
        chosen = architecture.sharing
        others = {name: replace(architecture, sharing=name) for name in SHARINGS.names()}
    elif architecture.fusion is not None:
        chosen = architecture.fusion
        others = {name: replace(architecture, fusion=name) for name in FUSIONS.names()}
    else:
        raise ConfigError(
            "model.fusion: there is one input, and nothing to fuse",
            expected="several, as in data.inputs: {rgb: images, depth: depth}",
        )
    choices, refused = [], None
    for done, (name, other) in enumerate(others.items()):
        yield Measuring(done, len(others), name)
        try:
            choices.append(Choice(name, _cost(other, tasks, size), None))
        except ConfigError as error:
            refused = error
            why = error.what.partition(": ")[2] or error.what  # without the key, which nobody set
            choices.append(Choice(name, None, why))
    if refused is not None and not any(choice.cost for choice in choices):
        raise refused
    choices.sort(key=lambda c: (c.cost is None, c.cost.parameters if c.cost else 0))
    return Comparison(key, chosen, size, tuple(tasks), tuple(choices))


def _cost(architecture: Architecture, tasks: Mapping[str, AnyTask], size: tuple[int, int]) -> Cost:
    network = build_network(architecture, tasks)
    check_size(network, architecture, size)
    facts = measure_network(network, architecture, tasks, size, None)
    return Cost(facts.parameters, facts.multiply_adds, facts.shared, facts.own)
