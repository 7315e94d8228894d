"""Tied tensors in a transfer: what several names of one tensor are to be filled with."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mtcli.core.errors import ConfigError
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.rows import Row


def as_one(
    ties: Collection[Sequence[str]],
    rows: Sequence[Row],
    values: Mapping[str, Tensor],
    origins: Sequence[Origin],
    average: bool,
) -> tuple[list[Row], dict[str, Tensor]]:
    """A plan in which all names of a tied tensor have one fate and one value.

    That of the first name which any origin fills. What an origin has under another name, of other
    values, is passed over, and its row says so; or all are averaged.

    Args:
        ties: for each tied tensor its names, in the network's order.
        rows: as if every name were a tensor of its own.
        values: by name, likewise.
        origins: where they come from.
        average: whether tensors of several origins are averaged.

    Raises:
        ConfigError: two origins both bring a tensor, under different names.
    """
    found = {row.tensor: row for row in rows}
    filled = dict(values)
    for names in ties:
        having = [name for name in names if name in values]
        if not having:
            continue
        first = having[0]
        apart = {name for name in having if not torch.equal(values[name], values[first])}
        sources = [o.source for o in origins if any(name in o.tensors for name in names)]
        if apart and len(sources) > 1 and not average:
            raise ConfigError(
                f"{len(sources)} origins bring {first}, which is {min(apart)} too",
                found=", ".join(sources),
                mend="--merge average takes their mean; or take it from one, with --copy",
            )
        value, also = values[first], ""
        if apart and average:
            value = torch.stack([values[name] for name in having]).mean(dim=0)
            also = ", as their mean"
        for name in names:
            filled[name] = value
            if name != first:
                passed = name in apart and not average
                found[name] = replace(
                    found[name],
                    fate=found[first].fate,
                    why=f"one with {_short(first, name)}"
                    + (", whose values count" if passed else also),
                    asked=not passed,
                    origins=found[first].origins,
                )
    return list(found.values()), filled


def _short(name: str, other: str) -> str:
    """A tensor's name as seen from another: without its last word, where both end in that."""
    path, _, last = name.rpartition(".")
    return path if last == other.rpartition(".")[2] else name
