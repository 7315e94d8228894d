"""A network built from its architecture and its tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.config import TASK_NAME
from mtcli.core.errors import ConfigError
from mtcli.core.fusion import FUSIONS
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.network import Network
from mtcli.core.pyramid import NORMS, TOPS, build_pyramid
from mtcli.core.sharing import SHARINGS, Plan
from mtcli.core.task import AnyTask
from mtcli.core.trunks import Trunk, build_trunk, find_family
from mtcli.core.trunks.widen import widen
from mtcli.core.tying import tie


def build_network(architecture: Architecture, tasks: Mapping[str, AnyTask]) -> Network:
    """A network with random weights, drawn from torch's global generator.

    A trunk that no task uses is not built.

    Raises:
        ConfigError: trunk, sharing, fusion and heads do not go together.
    """
    every = {MAIN: SideTrunk(architecture.trunk, architecture.drop_path), **architecture.trunks}
    fusion = None if architecture.fusion is None else FUSIONS.get(architecture.fusion)
    inputs = architecture.inputs
    shared = {}
    for key, side in every.items():
        users = [task for task in tasks if architecture.uses.get(task, MAIN) == key]
        if users:
            way = SHARINGS.get(architecture.sharing if key == MAIN else "hard")
            same = [task for task in users if way.apart and task in every]
            if same:
                raise ConfigError(f"trunks.{same[0]} is another trunk already")
            plan = Plan(key, side.trunk, users, architecture.branch_at if key == MAIN else None)
            channels = PICTURE_CHANNELS if fusion is None else fusion.channels(inputs)
            shared[key] = way.share(_builder(side, inputs, channels), plan)
    network = Network(
        shared,
        tasks,
        lambda specs, levels: build_pyramid(
            specs,
            levels,
            architecture.pyramid,
            norm=architecture.pyramid_norm,
            top=architecture.pyramid_top,
        ),
        None if fusion is None else lambda specs: fusion(inputs, specs),
        inputs,
    )
    for group in architecture.ties:
        tie(network, group)
    return network


def architecture_from(description: Mapping[str, Any]) -> Architecture:
    """The architecture that plain values describe, as a checkpoint keeps them.

    Raises:
        AttributeError, TypeError, ValueError, ConfigError: they describe none.
    """
    sides = {key: SideTrunk(**side) for key, side in description.get("trunks", {}).items()}
    ties = tuple(tuple(map(str, group)) for group in description.get("ties", ()))
    architecture = Architecture(**{**description, "trunks": sides, "ties": ties})
    inputs, fusion = architecture.inputs, architecture.fusion
    right = {
        "pyramid": type(architecture.pyramid) is int and architecture.pyramid > 0,
        "pyramid_norm": architecture.pyramid_norm in NORMS,
        "pyramid_top": architecture.pyramid_top in TOPS,
        "uses": all(key in sides for key in architecture.uses.values()),
        "sharing": architecture.sharing in SHARINGS.names(),
        "branch_at": architecture.branch_at in (None, "c2", "c3", "c4"),
        "fusion": fusion in FUSIONS.names() if inputs else fusion is None,
        "inputs": len(inputs) != 1
        and all(TASK_NAME.match(name) and inputs[name] in (1, 3) for name in inputs),
        "ties": all(len({*group}) == len(group) > 1 for group in ties),
    }
    wrong = [key for key, is_right in right.items() if not is_right]
    if wrong:
        raise ValueError(f"architecture.{wrong[0]}: {getattr(architecture, wrong[0])}")
    every: list[Architecture | SideTrunk] = [architecture, *sides.values()]
    for trunk in every:
        if not 0 <= trunk.drop_path < 1:
            raise ValueError(f"architecture.drop_path: {trunk.drop_path}")
        find_family(trunk.trunk)
    return architecture


def _builder(side: SideTrunk, inputs: Mapping[str, int], channels: int) -> Callable[[], Trunk]:
    """Makes a trunk that sees so many channels."""

    def build() -> Trunk:
        trunk = build_trunk(side.trunk, side.drop_path)
        if channels == trunk.channels:
            return trunk
        widen(trunk, side.trunk, inputs)
        return replace(trunk, channels=channels)

    return build
