"""One tensor's fate when weights move, and the reasons that others ask for."""

from __future__ import annotations

from dataclasses import dataclass

from mtcli.core.blueprint import OF_STREAMS
from mtcli.core.transfer.events import Fate

NOT_ASKED = "not asked for"
"""Why a tensor stays fresh, or behind, that no word of `--copy` means."""

NEW_TASK = "a new task"
"""Why a head stays fresh whose task no origin has."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor's fate.

    Attributes:
        tensor: its name, in our network; for what was left behind, in the origin.
        fate: what becomes of it.
        why: where that does not say it all.
        asked: whether it is what an option asked for, or goes without saying.
        shape: of the tensor.
        origins: the sources that it is from, or whose tensor `why` is about.
    """

    tensor: str
    fate: Fate
    why: str
    asked: bool
    shape: tuple[int, ...]
    origins: tuple[str, ...] = ()


def part_of(tensor: str) -> str:
    """The part of a network that a tensor is of: `trunk`, `pyramids.KEY`, `heads.TASK`."""
    words = tensor.split(".")
    return ".".join(words[: 2 if words[0] in ("heads", *OF_STREAMS) else 1])


def head_of(tensor: str) -> str | None:
    """The task whose head a tensor is of."""
    words = tensor.split(".")
    return words[1] if words[0] == "heads" else None
