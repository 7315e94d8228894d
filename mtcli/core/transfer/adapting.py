"""Weights that fit after a change: rows of classes by name, another number of input channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from mtcli.core.heads.classrows import ClassRows


def matched(theirs: Sequence[str], ours: Sequence[str]) -> dict[int, int]:
    """Which of our classes are which of theirs, by number; a name that stands twice is no name."""
    there, here = Counter(theirs), Counter(ours)
    numbers = {name: number for number, name in enumerate(theirs) if there[name] == 1}
    return {
        number: numbers[name]
        for number, name in enumerate(ours)
        if here[name] == 1 and name in numbers
    }


def move_rows(
    source: Tensor, fresh: Tensor, rows: ClassRows, classes: dict[int, int], there: int, here: int
) -> Tensor:
    """A tensor whose rows of matched classes are the source's, the others the fresh ones.

    Rows in front of the classes (the background) are the source's.

    Args:
        source: `[rows.length(there), …]`.
        fresh: `[rows.length(here), …]`, of the same shape behind dimension 0.
        rows: how both are laid out.
        classes: by our number of a class, theirs.
        there: how many classes the source has.
        here: how many ours has.
    """
    behind = source.shape[1:]
    old = source.reshape(rows.groups, rows.before + there, rows.width, *behind)
    new = fresh.clone().reshape(rows.groups, rows.before + here, rows.width, *behind)
    new[:, : rows.before] = old[:, : rows.before].to(new.dtype)
    for ours, theirs in classes.items():
        new[:, rows.before + ours] = old[:, rows.before + theirs].to(new.dtype)
    return new.reshape(fresh.shape)


def adapt_channels(kernel: Tensor, channels: int) -> Tensor:
    """A kernel `[O, I, h, w]` for another number of input channels, `[O, channels, h, w]`.

    More channels: the kernel's are repeated (inflated, as Carreira and Zisserman do over time,
    arXiv:1705.07750, section 2.3), each old one divided among its copies. Fewer: each gets the
    mean over the old ones, times I / channels. Either way an input whose channels are all alike
    gives the same answer as before.
    """
    old = kernel.shape[1]
    if channels > old:
        chosen = torch.arange(channels) % old
        copies = torch.bincount(chosen, minlength=old).to(kernel.dtype)
        return kernel[:, chosen] / copies[chosen].reshape(1, -1, 1, 1)
    return kernel.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1) * (old / channels)
