"""One forward pass of a network up to its heads, written down by the part that runs."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from mtcli.core.inventory.tape import DEVICES, Tape
from mtcli.core.modules import Features
from mtcli.core.network import Network, map_name
from mtcli.core.sharing import Maps


@dataclass(frozen=True, slots=True)
class Pass:
    """What is left of a forward pass.

    Attributes:
        tape: of its operations; their places are the paths of parts.
        maps: of each stream, as they come from its trunk; see `Network.raw_maps`.
        features: the maps that each task reads.
        parameters: those of the network that ran, under all their names.
    """

    tape: Tape
    maps: Mapping[str, Maps]
    features: Features
    parameters: Mapping[str, Tensor]


def run_through(network: Network, parts: Sequence[str], size: tuple[int, int]) -> Pass:
    """Run one black record through trunks, fusion and pyramids.

    On the `meta` device where that can be done, else on the CPU; see `DEVICES`.

    Args:
        network: on the CPU and in evaluation; it is not changed.
        parts: the paths of its parts, none inside another.
        size: height and width of the record.
    """
    for device in DEVICES:
        runs = _on(network, torch.device(device))
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of foreign code, on things that are not trained
                return _run(runs, parts, runs.blank(size, torch.device(device)))
        except RuntimeError:
            if device == DEVICES[-1]:
                raise
    raise AssertionError("the last device answers or raises")


def _run(network: Network, parts: Sequence[str], inputs: Mapping[str, Tensor]) -> Pass:
    parameters = dict(network.named_parameters(remove_duplicate=False))
    maps: dict[str, Maps] = {}
    merged: dict[str, Tensor] = {}
    with ExitStack() as stack:
        tape = stack.enter_context(Tape(parameters.values()))
        places = _Places(tape)
        for path, module in network.named_modules():
            part = part_of(path, parts)
            if part is not None:
                stack.enter_context(module.register_forward_pre_hook(partial(places.enter, part)))
                stack.enter_context(module.register_forward_hook(places.leave))
        for key in dict.fromkeys(network.roots.values()):
            raw = network.raw_maps(key, inputs)
            maps |= raw
            for stream, own in network.merge(raw, inputs).items():
                merged |= {map_name(stream, level): feature for level, feature in own.items()}
        features = network.encode(merged)
    return Pass(tape, maps, features, parameters)


class _Places:
    """Hooks that tell a tape which part runs: of modules in each other, the outermost's."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._running: list[str] = []

    def enter(self, part: str, module: nn.Module, inputs: object) -> None:
        self._running.append(part)
        self._tape.place = self._running[0]

    def leave(self, module: nn.Module, inputs: object, outputs: object) -> None:
        self._running.pop()
        self._tape.place = self._running[0] if self._running else ""


def part_of(path: str, parts: Sequence[str]) -> str | None:
    """The part that a module or a tensor is in by its path."""
    return next((part for part in parts if f"{path}.".startswith(f"{part}.")), None)


def _on(network: Network, device: torch.device) -> Network:
    """The network on a device: itself, or a copy whose tied tensors are tied as well."""
    if device.type == "cpu":
        return network
    moved: dict[int, object] = {
        id(own): nn.Parameter(own.to(device), requires_grad=False) for own in network.parameters()
    }
    moved |= {id(own): own.to(device) for own in network.buffers()}
    return copy.deepcopy(network, moved)  # which takes for done what is in `moved`
