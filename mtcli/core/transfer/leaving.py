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
    used: Collection[str],
    tasks: Collection[str],
    words: Sequence[str],
    chosen: Collection[str],
) -> list[Row]:
    """A row for every tensor of an origin that has no place here.

    Args:
        origin: its heads by the names of our tasks.
        ours: the tensors of our network.
        used: what the origin calls its tensors that have a place here; of one that is fresh, its
            row there says why.
        tasks: the network's.
        words: what is taken; see `Parts.matching`.
        chosen: tasks that the user named.
    """
    parts = {part_of(name) for name in ours}
    rows = []
    told = {*used}
    for name, tensor in origin.tensors.items():
        own = origin.named(name)
        if own in told:
            continue
        told.add(own)
        head = head_of(name)
        if name.startswith("sharing.") and name.rpartition(".")[2] in origin.heads:
            head = name.rpartition(".")[2]  # whose map a stitch takes
        if not any(means(word, name) for word in words):
            why, asked = NOT_ASKED, True
        elif head is not None and head not in tasks:
            why, asked = "task not wanted", bool(chosen)
        elif part_of(name) not in parts:
            why, asked = "no task here reads it", bool(chosen)
        else:
            why, asked = "no such tensor here", is_counter(name)
        rows.append(Row(own, "left", why, asked, tuple(tensor.shape), (origin.source,)))
    others = {head for name in origin.aside if (head := head_of(name)) is not None}
    for name, tensor in origin.aside.items():
        if name in told:
            continue
        owner = part_of(name).partition(".")[2]
        if owner in others:
            why, asked = f"the origin's own {owner}: another head was asked for", True
        else:
            why, asked = "a level that no task here reads", bool(chosen)
        rows.append(Row(name, "left", why, asked, tuple(tensor.shape), (origin.source,)))
    return rows
