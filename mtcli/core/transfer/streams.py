"""Weights between networks whose tasks share more, and those whose tasks share less."""

from __future__ import annotations

from collections.abc import Collection

from mtcli.core.blueprint import MAIN
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.transfer.origin import Origin

SHARED = {"trunk": "trunks", "pyramid": "pyramids", "fusion": "fusions"}
"""What all tasks share, and what it is called where each has its own."""


def by_stream(
    origin: Origin, network: Network, wanted: Collection[str], task: str | None = None
) -> Origin:
    """An origin whose tensors bear the names that they have where tasks share otherwise.

    What is shared there and each task's own here goes to every task, or to the one that the
    origin was named for. What is each task's own there and shared here comes from the one task of
    ours that the origin brings: of several none is preferred to another.

    Args:
        origin: under the names of our tasks.
        network: to be filled.
        wanted: its tensors that are asked for.
        task: of ours, which the origin was named for.

    Raises:
        ConfigError: several tasks there have what is shared here.
    """
    streams = [stream for stream, key in network.roots.items() if key == MAIN and stream != MAIN]
    if task is not None:
        streams = [task] if task in streams else []
    givers = origin.streams & {*network.uses} or origin.streams
    names: dict[str, list[str]] = {}
    for part, parts in SHARED.items():
        names |= _taken(origin, part, givers, wanted)
        names |= _given(origin, part, [f"{parts}.{stream}" for stream in streams], network)
    return origin.under(names)


def _given(
    origin: Origin, part: str, modules: Collection[str], network: Network
) -> dict[str, list[str]]:
    """The names in each of some modules of what is shared there."""
    ours = network.state_dict()
    there = [module for module in modules if any(name.startswith(f"{module}.") for name in ours)]
    found = {
        name: [f"{module}{name.removeprefix(part)}" for module in there]
        for name in origin.tensors
        if name.startswith(f"{part}.")
    }
    found = {n: [new for new in every if new not in origin.tensors] for n, every in found.items()}
    fitting = {name: [new for new in every if new in ours] for name, every in found.items()}
    if not _fits_anyhow(part, any(fitting.values()) or any(name in ours for name in found)):
        found = fitting
    return {n: [*new, *([n] if n in ours or not new else [])] for n, new in found.items()}


def _taken(
    origin: Origin, part: str, givers: Collection[str], wanted: Collection[str]
) -> dict[str, list[str]]:
    """The names in a shared module of what is tasks' own there, as far as it is asked for."""
    if not any(name.startswith(f"{part}.") for name in wanted):
        return {}
    found = {}
    for giver in givers:
        module = f"{SHARED[part]}.{giver}"
        for name in origin.tensors:
            shared = f"{part}{name.removeprefix(module)}"
            if name.startswith(f"{module}.") and shared not in origin.tensors:
                found[name] = [shared]
    fitting = {name: new for name, new in found.items() if new[0] in wanted}
    has_some = any(name.startswith(f"{part}.") for name in origin.tensors)
    if not _fits_anyhow(part, bool(fitting) or has_some):
        found = fitting
    bringing = {name.split(".")[1] for name in found}
    if len(bringing) > 1:
        raise _from_several(part, origin, bringing)
    return found


def _fits_anyhow(part: str, some: bool) -> bool:
    """Whether tensors count that have no place in ours by their names.

    Those of a pyramid, whose layers are yet to be counted; and those of a trunk of which nothing
    fits: it is another, which the plan refuses.
    """
    return part == "pyramid" or not some


def _from_several(part: str, origin: Origin, givers: Collection[str]) -> ConfigError:
    return ConfigError(
        f"each task of the origin has a {part} of its own, and here they share one",
        where=origin.source,
        found=", ".join(sorted(givers)),
        mend="--from TASK=RUN takes that of one task; --copy heads takes none; "
        "--set model.sharing=none has one for each task here too",
    )
