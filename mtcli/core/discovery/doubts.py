"""What could not be used, each sort of it said once however many files it is true of."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from mtcli.core.discovery.listing import ending, parent
from mtcli.core.discovery.proposal import Doubt

FEW = 2
"""Files of one sort of doubt that are each named."""


def each_sort_once(doubts: Sequence[Doubt]) -> Iterator[Doubt]:
    """The doubts in their order, those of files that are alike in one.

    Files are alike that lie in one folder, have one ending, and of which the same is said but for
    names and numbers.
    """
    sorts: dict[tuple[str, ...], list[Doubt]] = defaultdict(list)
    for doubt in doubts:
        pattern = re.sub(r"\S*[\d./_]\S*", "#", doubt.text)
        column = doubt.path.partition(", ")[2]
        place = (parent(doubt.path), ending(doubt.path)) if not column else (doubt.path, "")
        sorts[*place, pattern, str(doubt.grave)].append(doubt)
    for own in sorts.values():
        if len(own) <= FEW:
            yield from own
        else:
            first = own[0]
            path = f"{len(own)} files such as {first.path}"
            yield replace(first, path=path, text=f"are alike: {first.text}")
