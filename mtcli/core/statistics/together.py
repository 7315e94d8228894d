"""Which classes are in one picture, of two tasks or of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement

from mtcli.core.statistics.model import Pair

Presence = dict[str, frozenset[str]]
"""A picture: for each task that labels it, the classes that it shows."""


def pairs_of(pictures: Sequence[Presence], classes: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Every pair of classes of two tasks that label a picture both, also if they never meet.

    Of one task too, if some picture has several of its classes.

    Args:
        pictures: of all splits.
        classes: of each task, in its order.
    """
    pairs = []
    for one, other in combinations_with_replacement(classes, 2):
        labelled = [shown for shown in pictures if one in shown and other in shown]
        several = any(len(shown[one]) > 1 for shown in labelled)
        if not labelled or (one == other and not several):
            continue
        firsts = Counter(name for shown in labelled for name in shown[one])
        seconds = Counter(name for shown in labelled for name in shown[other])
        both = Counter(
            (first, second) for shown in labelled for first in shown[one] for second in shown[other]
        )
        names = (
            combinations(classes[one], 2)
            if one == other
            else ((a, b) for a in classes[one] for b in classes[other])
        )
        pairs += [
            Pair(
                (one, first),
                (other, second),
                both[first, second],
                firsts[first],
                seconds[second],
                len(labelled),
            )
            for first, second in names
        ]
    return pairs
