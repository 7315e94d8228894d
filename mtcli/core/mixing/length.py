"""How many batches of one task each make an epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from mtcli.core.errors import ConfigError
from mtcli.core.mixing.bytask import turns

MOST = 1_000_000
"""Batches of an epoch that is longer than anybody means."""


def batches_of_epoch(
    labelled: Mapping[str, int],
    weights: Mapping[str, float],
    batch_size: int,
    length: Literal["shortest", "longest"] | None,
) -> int:
    """As many as all tasks' pictures make, or as the first epoch needs for what `length` says.

    `shortest`: until the first task has seen all its pictures; `longest`: until all have. Since
    turns are counted on from epoch to epoch, a task may have a batch more or less in a later one.

    Raises:
        ConfigError: they would be too many.
    """
    if length is None:
        return math.ceil(sum(labelled.values()) / batch_size)
    left = {name: math.ceil(labelled[name] / batch_size) for name in weights}
    names = list(weights)
    for made, whose in enumerate(turns(list(weights.values())), start=1):
        left[names[whose]] -= 1
        through = [count <= 0 for count in left.values()]
        if any(through) if length == "shortest" else all(through):
            return made
        if made == MOST:
            break
    waiting = [name for name, count in left.items() if count > 0]
    raise ConfigError(
        f"train.epoch_length: {length} makes epochs of more than {MOST:,} batches",
        found=f"{', '.join(waiting)} not through by then",
        mend="a number of updates, or weights that differ less",
    )


def check_length(updates: int, accumulate: int) -> None:
    """Refuse a number of updates that makes an epoch without end.

    Raises:
        ConfigError: there are too many batches in it.
    """
    if updates * accumulate > MOST:
        raise ConfigError(
            f"train.epoch_length: epochs of more than {MOST:,} batches",
            found=f"{updates:,} updates" + (f" of {accumulate:,}" if accumulate > 1 else ""),
        )
