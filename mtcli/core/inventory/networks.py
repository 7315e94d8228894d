"""A whole network by its parts: what each gives, costs, and is needed by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mtcli.core.blueprint import MAIN, Architecture
from mtcli.core.inventory.facts import NetworkFacts, Part, Shape
from mtcli.core.inventory.ledger import Ledger, Resting
from mtcli.core.inventory.passes import part_of, run_through
from mtcli.core.network import Network
from mtcli.core.pyramid import Pyramid
from mtcli.core.task import AnyTask


def measure_network(
    network: Network,
    architecture: Architecture,
    tasks: Mapping[str, AnyTask],
    size: tuple[int, int],
    resting: Resting,
) -> NetworkFacts:
    """What a network is made of, for one record in evaluation, which has all its inputs.

    A task needs what the maps that it reads depend on. See `Tape` for what is counted. Heads run
    on the CPU on maps of zeros: the second stage of a two-stage detector costs as much as there
    are proposals, which depends on the weights and, with real pictures, on what is in them.

    What is tied between parts is in none of them, but in parts called `tied`.

    Args:
        network: on the CPU; it is put into evaluation mode.
        architecture: what it was built from.
        tasks: its tasks.
        size: the working size, height and width.
        resting: which parameters do not learn in the first epoch.
    """
    network.eval()
    paths = part_paths(network)
    run = run_through(network, paths, size)
    ledger = Ledger(network, run, paths, resting)
    names = {MAIN: architecture.trunk}
    names |= {key: side.trunk for key, side in architecture.trunks.items()}
    parts: list[Part] = []
    for key in dict.fromkeys(network.roots.values()):
        streams = [stream for stream, root in network.roots.items() if root == key]
        trunks = [_path("trunk", part) for part, root in network.parts.items() if root == key]
        parts += [ledger.trunk(path, names[key], streams) for path in trunks]
        if key == MAIN:
            parts += [ledger.part(path, architecture.sharing) for path in _sharing(network)]
        for stream in streams:
            if _fuses(network, stream):
                parts.append(ledger.part(_path("fusion", stream), architecture.fusion or ""))
            pyramid = network.pyramid_of(stream)
            if isinstance(pyramid, Pyramid):
                maps = {
                    level: (spec.channels, *(side // spec.stride for side in size))
                    for level, spec in pyramid.specs.items()
                }
                parts.append(ledger.part(_path("pyramid", stream), "", maps))
    for task, head in network.heads.items():
        zeros = {level: torch.zeros(m.shape) for level, m in run.features[task].items()}
        raw, multiply_adds = _counted(head, zeros, None)
        parts.append(ledger.head(task, tasks[task].kind, _shapes(raw), multiply_adds))
    parts += ledger.tied()
    return NetworkFacts(
        size=size,
        tasks=tuple(network.uses),
        parts=tuple(parts),
        parameters=sum(parameter.size for parameter in ledger.parameters),
        multiply_adds=sum(part.multiply_adds for part in parts),
        frozen=ledger.frozen(ledger.parameters),
        until=ledger.until(ledger.parameters),
        shared=ledger.needed_by_several(),
        own=ledger.needed_by_one(),
    )


def part_paths(network: Network) -> list[str]:
    """The paths of a network's parts, none inside another; they have all its parameters."""
    paths = [_path("trunk", part) for part in network.parts] + _sharing(network)
    for stream in network.roots:
        paths += [_path("fusion", stream)] if _fuses(network, stream) else []
        paths += [_path("pyramid", stream)] if network.pyramid_of(stream) is not None else []
    return paths + [f"heads.{task}" for task in network.uses]


def _path(kind: str, key: str) -> str:
    return kind if key == MAIN else f"{kind}s.{key}"


def _sharing(network: Network) -> list[str]:
    """What a way of sharing adds: a part a task where each is one task's alone, else one part."""
    own = [path for paths in network.needed_by_one().values() for path in paths]
    own = [path for path in own if path.startswith("sharing.")]
    names = [name for name, _ in network.named_parameters() if name.startswith("sharing.")]
    divided = all(part_of(name, own) is not None for name in names)
    return own if divided else ["sharing"]


def _fuses(network: Network, stream: str) -> bool:
    """Whether a stream's inputs are fused by layers that learn."""
    fusion = network.fusion_of(stream)
    return fusion is not None and any(True for _ in fusion.parameters())


def _counted(module: nn.Module, *inputs: object) -> tuple[Any, int]:
    """What a module gives, and the multiply-adds that it took."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        given = module(*inputs)
    return given, counter.get_total_flops() // 2


def _shapes(given: object) -> dict[str, Shape]:
    """The shapes of the tensors that a module gives for one picture, by name."""
    if isinstance(given, Tensor):
        return {"": tuple(given.shape[1:] if given.shape[:1] == (1,) else given.shape)}
    if is_dataclass(given):
        named = {field.name: getattr(given, field.name) for field in fields(given)}
    elif isinstance(given, Mapping):
        named = dict(given)
    elif isinstance(given, list | tuple):
        named = {str(number): item for number, item in enumerate(given)}
    else:
        return {}
    return {
        ".".join(filter(None, (name, inner))): shape
        for name, value in named.items()
        for inner, shape in _shapes(value).items()
    }
