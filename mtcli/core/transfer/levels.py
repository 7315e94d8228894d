"""Pyramids level by level: their layers are numbered from the finest, which tasks choose."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from mtcli.core.network import Network
from mtcli.core.transfer.origin import Origin

BLOCK = re.compile(r"(pyramid|pyramids\.[^.]+)\.(inner_blocks|layer_blocks)\.(\d+)\.(.+)")


def by_level(origin: Origin, network: Network) -> Origin:
    """An origin whose pyramids' layers bear the numbers that they have in our network.

    All pyramids end at c5. One from c3 on has the layers 0, 1 and 2 for what are 1, 2 and 3 in
    one from c2 on: of the same shape, and so easily taken for others. Levels that are finer than
    ours stand aside.
    """
    ours, theirs = _counts(network.state_dict()), _counts(origin.tensors)
    names, aside = {}, dict(origin.aside)
    for name, tensor in origin.tensors.items():
        found = BLOCK.fullmatch(name)
        if found is None or found[1] not in ours:
            continue
        number = int(found[3]) + ours[found[1]] - theirs[found[1]]
        if number < 0:
            aside[origin.named(name)] = tensor
        names[name] = (f"{found[1]}.{found[2]}.{number}.{found[4]}",) if number >= 0 else ()
    return replace(origin.under(names), aside=aside)


def _counts(names: Collection[str]) -> dict[str, int]:
    """How many levels each pyramid is built on."""
    numbers: dict[str, set[str]] = {}
    for name in names:
        found = BLOCK.fullmatch(name)
        if found is not None:
            numbers.setdefault(found[1], set()).add(found[3])
    return {pyramid: len(own) for pyramid, own in numbers.items()}
