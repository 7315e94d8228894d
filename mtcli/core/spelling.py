"""Whether two words differ as by a slip of the hand."""

from __future__ import annotations


def one_letter_off(one: str, other: str) -> bool:
    """Whether a letter was left out, put in, changed, or two changed places.

    `cat1` and `cat2` are not: other digits mean another thing.
    """
    one, other = sorted((one, other), key=len)
    if one == other or len(other) - len(one) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    mine, theirs = one[start:], other[start:]
    letters = (mine[:1] + theirs[:1]).replace("_", "a")
    if not letters.isalpha():
        return False
    if len(one) < len(other):
        return mine == theirs[1:]
    return mine[1:] == theirs[1:] or (mine[:2] == theirs[1::-1] and mine[2:] == theirs[2:])
