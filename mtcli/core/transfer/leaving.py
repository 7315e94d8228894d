"""What of the origins stays behind, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mtcli.core.parts import means
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.rows import NOT_ASKED, Row, head_of, part_of
from mtcli.core.weights.naming import is_counter


def left_behind(
    origin: Origin,
    ours: Collection[str],
    tasks: Collection[str],
    words: Sequence[str],
    chosen: Collection[str],
) -> list[Row]:
    """A row for every tensor of an origin that has no place here.

    Args:
        origin: its heads by the names of our tasks.
        ours: the tensors of our network.
        tasks: the network's.
        words: what is taken; see `Parts.matching`.
        chosen: tasks that the user named.
    """
    parts = {part_of(name) for name in ours}
    rows = []
    for name, tensor in origin.tensors.items():
        if name in ours:
            continue  # where that is fresh, it says why
        head = head_of(name)
        if not any(means(word, name) for word in words):
            why, asked = NOT_ASKED, True
        elif head is not None and head not in tasks:
            why, asked = "task not wanted", bool(chosen)
        elif part_of(name) not in parts:
            why, asked = "no task here reads it", bool(chosen)
        else:
            why, asked = "no such tensor here", is_counter(name)
        own = origin.named(name)
        rows.append(Row(own, "left", why, asked, tuple(tensor.shape), (origin.source,)))
    for name, tensor in origin.aside.items():
        head = head_of(name)
        if head is not None:
            why, asked = f"the origin's own {head}: another head was asked for", True
        else:
            why, asked = "a level that no task here reads", bool(chosen)
        rows.append(Row(name, "left", why, asked, tuple(tensor.shape), (origin.source,)))
    return rows
