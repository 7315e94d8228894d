"""Tensors laid out by the inputs of a fusion, in a network that has others or another order."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mtcli.core.architecture import prefix_of
from mtcli.core.fusion import FUSIONS
from mtcli.core.inputs import PICTURE_CHANNELS
from mtcli.core.network import Network
from mtcli.core.transfer.adapting import adapt_channels
from mtcli.core.transfer.events import Fate
from mtcli.core.transfer.origin import Origin
from mtcli.core.trunks.widen import wide_kernel, widened_kernels

Widths = Mapping[str, int]
"""How many rows or channels each input has, in their order."""

BLOCKS = re.compile(r"(?:fusion|fusions\.[^.]+)\.(gate|mix)\.[^.]+\.(weight|bias)")
"""What `gated` and `stack` learn: for each input a block of channels, and a gate's row."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a network knows of its inputs.

    Attributes:
        names: the channels of each.
        first: the kernels that see them.
        joined: those that see them as the channels of one picture; which channels the kernel of
            a picture alone is for.
    """

    names: Widths
    first: frozenset[str]
    joined: Mapping[str, slice]


def inputs_of(network: Network, first: Collection[str]) -> Inputs:
    """A network's inputs; `first` are the kernels that each trunk sees the picture with."""
    fusion = network.fusion_of(next(iter(network.roots)))
    joined: dict[str, slice] = {}
    if fusion is not None and not fusion.apart:
        # Where there are as many channels as in a picture, nothing was widened.
        joined = dict.fromkeys(first, slice(0, sum(network.inputs.values())))
        for part in network.parts:
            wide = widened_kernels(network.trunk_of(part))
            joined |= {f"{prefix_of(part)}{name}": own for name, own in wide.items()}
    return Inputs(network.inputs, frozenset({*first, *joined}), joined)


def take_by_input(
    name: str, fresh: Tensor, origin: Origin, ours: Inputs
) -> tuple[Fate, str, Tensor | None] | None:
    """The fate of a tensor that is laid out by inputs, why, and the value that fits, if any does.

    None where inputs do not matter: the same there, unknown, or a tensor of another sort.
    """
    value = origin.tensors[name]
    facts = None if origin.model is None else origin.model.architecture
    fusion = None if facts is None else facts.fusion
    theirs: Widths = {} if facts is None or fusion is None else facts.inputs
    found = BLOCKS.fullmatch(name)
    if found is not None and theirs and list(theirs) != list(ours.names):
        return _blocks(value, fresh, theirs, ours.names, has_rows=found[1] == "gate")
    if name not in ours.first or value.ndim != 4 or _around(value) != _around(fresh):
        return None
    joined: Widths = {} if fusion is None or FUSIONS.get(fusion).apart else theirs
    if joined and value.shape[1] != sum(joined.values()):
        return None
    own = ours.joined.get(name)
    if joined and own is not None:
        if list(joined.items()) == list(ours.names.items()):
            return None
        both = [key for key, channels in ours.names.items() if joined.get(key) == channels]
        return _by_name(both, value, torch.zeros_like(fresh), columns=(joined, ours.names))
    if value.shape == fresh.shape:
        return None
    there, here = value.shape[1], fresh.shape[1]
    if own is not None:
        picture = value if there == PICTURE_CHANNELS else adapt_channels(value, PICTURE_CHANNELS)
        why = f"{there} input channels in their place of {here}"
        return "adapted", why, wide_kernel(picture, here, own)
    if joined:
        pictures = [key for key, channels in joined.items() if channels == PICTURE_CHANNELS]
        taken = [*pictures, *joined][0]
        part = value[:, _places(joined, [taken])]
        why = f"the input channels of {taken}, of {', '.join(joined)}"
        return "adapted", why, part if part.shape == fresh.shape else adapt_channels(part, here)
    return None


def _blocks(
    value: Tensor, fresh: Tensor, theirs: Widths, ours: Widths, has_rows: bool
) -> tuple[Fate, str, Tensor | None] | None:
    """What becomes of a block of channels for each input, and of a gate's row for each."""
    both = [key for key in ours if key in theirs]
    rows = (dict.fromkeys(theirs, 1), dict.fromkeys(ours, 1)) if has_rows else None
    height = len(theirs) if has_rows else len(fresh)
    if fresh.ndim == 1:
        return _by_name(both, value, fresh, rows) if value.shape == (height,) else None
    wide = fresh.shape[1] // len(ours)
    if value.shape != (height, wide * len(theirs), *fresh.shape[2:]):
        return None
    columns = dict.fromkeys(theirs, wide), dict.fromkeys(ours, wide)
    return _by_name(both, value, fresh, rows, columns)


def _by_name(
    both: Collection[str],
    value: Tensor,
    base: Tensor,
    rows: tuple[Widths, Widths] | None = None,
    columns: tuple[Widths, Widths] | None = None,
) -> tuple[Fate, str, Tensor | None]:
    """A tensor with the blocks of the inputs that both have; of others `base` stays.

    Args:
        both: those inputs, in our order.
        value: theirs.
        base: of our shape.
        rows: of dimension 0, what each input has there and here; None where all is alike.
        columns: of dimension 1, likewise.
    """
    theirs, ours = rows or columns or ({}, {})
    if not both:
        return "fresh", f"no input of the same name ({', '.join(theirs)} there)", None
    new = base.clone()
    every = torch.arange(len(base))
    there, here = (_places(w, both) for w in rows) if rows is not None else (every, every)
    block = new[here]
    if columns is None:
        block = value[there].to(new.dtype)
    else:
        part = value[there][:, _places(columns[0], both)]
        block[:, _places(columns[1], both)] = part.to(new.dtype)
    new[here] = block
    return "adapted", f"{len(both)} of {len(ours)} inputs by name: {', '.join(both)}", new


def _places(widths: Widths, names: Collection[str]) -> Tensor:
    """The numbers of the rows or channels of some inputs."""
    starts, start = {}, 0
    for name, width in widths.items():
        starts[name] = start
        start += width
    return torch.cat([torch.arange(widths[n]) + starts[n] for n in names])


def _around(kernel: Tensor) -> tuple[int, ...]:
    """A kernel's shape, but for its input channels."""
    return (kernel.shape[0], *kernel.shape[2:])
