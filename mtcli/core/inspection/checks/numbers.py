"""Numbers far from all others: a slip of the hand, or a code for "not measured"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from mtcli.core.inspection.checks import CHECKS
from mtcli.core.inspection.contents import each_once, numbers
from mtcli.core.inspection.finding import Finding, finding
from mtcli.core.inspection.look import NumberMapLook
from mtcli.core.inspection.survey import Survey

FAR = 10.0
"""Times the distance between the quartiles."""

CODES = {-1.0, -9.0, -99.0, -999.0, -9999.0, -32768.0}
"""Numbers that programs write for what is missing, where no other is negative."""

ENOUGH = 8
"""Fewer numbers have no distribution."""


@CHECKS.add("numbers")
def check(survey: Survey) -> Iterator[Finding]:
    """Each number of a regression apart; of maps their largest."""
    for name in survey.tasks:
        columns: dict[int, list[tuple[str, float]]] = defaultdict(list)
        for seen in each_once(survey):
            for place, number in enumerate(numbers(survey, seen, name) or ()):
                if number is not None and np.isfinite(number):
                    columns[place].append((seen.key, number))
            shown = seen.maps.get(name)
            if isinstance(shown, NumberMapLook) and shown.measured:
                columns[0].append((seen.key, shown.most))
        places = []
        for column in columns.values():
            values = [number for _, number in column]
            odd = _odd(values)
            places += [f"{key}: {number:g}" for key, number in column if number in odd]
        if places:
            yield finding(
                "outlying-numbers",
                "number far from all others",
                places,
                task=name,
                mend="correct it, or leave it empty where it is not known",
            )


def _odd(values: Sequence[float]) -> set[float]:
    """The values that lie far outside the rest."""
    if len(values) < ENOUGH:
        return set()
    array = np.array(values)
    low, high = np.quantile(array, [0.25, 0.75])
    if low == high:
        low, high = np.quantile(array, [0.05, 0.95])
    far = FAR * (high - low)
    odd = set(array[(array < low - far) | (array > high + far)].tolist()) if far else set()
    negative = array[array < 0]
    if 0 < len(negative) <= 0.1 * len(array) and set(negative.tolist()) <= CODES:
        odd |= set(negative.tolist())
    return odd
