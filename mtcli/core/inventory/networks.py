"""A whole network by its parts: what each gives, costs, and is needed by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mtcli.core.inventory.facts import NetworkFacts, Part, Shape
from mtcli.core.inventory.trunks import MeasuredTrunk, measure_trunk
from mtcli.core.network import MAIN, Architecture, Network
from mtcli.core.task import AnyTask

Resting = Mapping[str, int | None] | None


def measure_network(
    network: Network,
    architecture: Architecture,
    tasks: Mapping[str, AnyTask],
    size: tuple[int, int],
    resting: Resting,
) -> NetworkFacts:
    """What a network is made of, for one picture in evaluation.

    Trunks are measured by their names, see `measure_trunk`; pyramids and heads run on the CPU on
    maps of zeros. The second stage of a two-stage detector costs as much as there are proposals,
    which depends on the weights and, with real pictures, on what is in them.

    Args:
        network: on the CPU; it is put into evaluation mode.
        architecture: what it was built from.
        tasks: its tasks.
        size: the working size, height and width.
        resting: the names of tensors that do not learn in the first epoch, each with the last one
            of those in which it does not (None: the end); or None where nobody knows.
    """
    network.eval()
    parts: list[Part] = []
    maps: dict[str, dict[str, Tensor]] = {}
    for key in dict.fromkeys([MAIN, *sorted(network.uses.values())]):
        users = tuple(task for task, used in network.uses.items() if used == key)
        if not users:
            continue
        name = architecture.trunk if key == MAIN else architecture.trunks[key].trunk
        measured = measure_trunk(name, size)
        wanted = {task: network.levels[task] for task in users}
        parts.append(_trunk(key, measured, wanted, resting))
        maps[key] = {stage.level: torch.zeros(1, *stage.shape) for stage in measured.facts.stages}
        pyramid = network.pyramid_of(key)
        if pyramid is not None:
            levels, multiply_adds = _counted(pyramid, maps[key])
            maps[key].update(levels)
            readers = tuple(task for task in users if _reads_pyramid(wanted[task]))
            prefix = "pyramid" if key == MAIN else f"pyramids.{key}"
            shapes = _shapes(levels)
            parts.append(_part(prefix, "", shapes, readers, pyramid, multiply_adds, resting))
    for task, head in network.heads.items():
        own = {level: maps[network.uses[task]][level] for level in network.levels[task]}
        raw, multiply_adds = _counted(head, own, None)
        name, kind = f"heads.{task}", tasks[task].kind
        parts.append(_part(name, kind, _shapes(raw), (task,), head, multiply_adds, resting))
    sizes = _sizes(network)
    return NetworkFacts(
        size=size,
        tasks=tuple(network.uses),
        parts=tuple(parts),
        parameters=sum(sizes.values()),
        multiply_adds=sum(part.multiply_adds for part in parts),
        frozen=_frozen(sizes, "", resting),
        until=_until(sizes, "", resting),
    )


def _trunk(
    key: str,
    measured: MeasuredTrunk,
    wanted: Mapping[str, Sequence[str]],
    resting: Resting,
) -> Part:
    """A trunk and its stages, `wanted` by the tasks that use it."""
    prefix = f"trunks.{key}" if key else "trunk"
    facts = measured.facts
    levels = [stage.level for stage in facts.stages]
    stages = []
    for number, stage in enumerate(facts.stages):
        beyond = set(levels[number:])
        # A pyramid is built from the coarsest map down.
        users = [t for t, own in wanted.items() if _reads_pyramid(own) or beyond & set(own)]
        stages.append(
            Part(
                name=stage.level,
                what="",
                outputs={"": stage.shape},
                tasks=tuple(users),
                parameters=stage.parameters,
                multiply_adds=stage.multiply_adds,
                frozen=_frozen(measured.parameters[stage.level], f"{prefix}.", resting),
                until=_until(measured.parameters[stage.level], f"{prefix}.", resting),
            )
        )
    return Part(
        name=prefix,
        what=facts.name,
        outputs={},
        tasks=tuple(wanted),
        parameters=facts.parameters,
        multiply_adds=facts.multiply_adds,
        frozen=_frozen(measured.all_parameters, f"{prefix}.", resting),
        until=_until(measured.all_parameters, f"{prefix}.", resting),
        parts=tuple(stages),
    )


def _part(
    name: str,
    what: str,
    outputs: Mapping[str, Shape],
    tasks: tuple[str, ...],
    module: nn.Module,
    multiply_adds: int,
    resting: Resting,
) -> Part:
    sizes = _sizes(module)
    return Part(
        name=name,
        what=what,
        outputs=outputs,
        tasks=tasks,
        parameters=sum(sizes.values()),
        multiply_adds=multiply_adds,
        frozen=_frozen(sizes, f"{name}.", resting),
        until=_until(sizes, f"{name}.", resting),
    )


def _counted(module: nn.Module, *inputs: object) -> tuple[Any, int]:
    """What a module gives, and the multiply-adds that it took."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        given = module(*inputs)
    return given, counter.get_total_flops() // 2


def _sizes(module: nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in module.named_parameters()}


def _frozen(sizes: Mapping[str, int], prefix: str, resting: Resting) -> int | None:
    """How many of the parameters whose names begin with `prefix` do not learn at first."""
    if resting is None:
        return None
    return sum(size for name, size in sizes.items() if prefix + name in resting)


def _until(sizes: Mapping[str, int], prefix: str, resting: Resting) -> dict[int, int]:
    """How many of those learn later, by the last epoch in which they do not."""
    found: Counter[int] = Counter()
    for name, size in sizes.items():
        last = (resting or {}).get(prefix + name)
        if last is not None:
            found[last] += size
    return dict(sorted(found.items()))


def _reads_pyramid(levels: Sequence[str]) -> bool:
    return any(level.startswith("p") for level in levels)


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
