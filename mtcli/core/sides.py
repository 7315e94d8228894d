"""Which points change places in a mirror."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mtcli.core.errors import did_you_mean
from mtcli.core.labels import LabelError

Pairs = tuple[tuple[str, str], ...]
"""Names that change places, two by two."""

SIDES = re.compile(r"left|right|(?<![a-z])[lr](?![a-z])", re.IGNORECASE)
"""What names of points call their side: `left_eye`, `RightHand`, `L_ear`, `foot.r`."""


def _other_side(found: re.Match[str]) -> str:
    word = found[0]
    other = {"left": "right", "right": "left", "l": "r", "r": "l"}[word.lower()]
    return other.upper() if word.isupper() else other.title() if word[0].isupper() else other


def mirrored_order(swaps: Pairs | None, points: tuple[str, ...]) -> list[int]:
    """For each point, which one's place it takes in a mirror.

    Raises:
        LabelError: a swap of a point that the task does not have.
    """
    partner: dict[str, str] = {}
    if swaps is None:
        for name in points:
            other = SIDES.sub(_other_side, name)
            if other != name and other in points:
                partner[name] = other
    else:
        for one, other in swaps:
            for name in (one, other):
                if name not in points:
                    raise unknown_point(name, points)
            partner |= {one: other, other: one}
    return [points.index(partner.get(name, name)) for name in points]


def unknown_point(name: str, points: Sequence[str]) -> LabelError:
    """The error of a point that is not one of the task's."""
    return LabelError(
        f'the point "{name}" is not among the points',
        found=f"points {', '.join(points) or '(none)'}",
        mend=did_you_mean(name, points) or "correct its name",
    )
