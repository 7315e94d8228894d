"""Classes that a person should look at: some are rare, some are perhaps misspelt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mtcli.core.errors import and_more

RARE = 3
"""Labels below which a class can hardly be learnt, and cannot be in every split."""

FREQUENT = 5
"""How many times as frequent the right spelling of a word must be."""

LONG = 4
"""Letters of the shorter of two words, below which one letter makes another word."""


def class_remarks(counts: Mapping[str, int]) -> Iterator[str]:
    """What is odd about how often each class stands in the labels."""
    misspelt = {}
    for name, count in sorted(counts.items()):
        near = [
            other
            for other, often in counts.items()
            if often >= FREQUENT * count and _one_letter_off(name.lower(), other.lower())
        ]
        if near:
            other = max(near, key=lambda word: counts[word])
            misspelt[name] = f"{name} ({counts[name]}) is nearly {other} ({counts[other]}): "
    for said in misspelt.values():
        yield said + "is it misspelt?"
    rare = [name for name in sorted(counts) if counts[name] < RARE and name not in misspelt]
    if rare:
        yield and_more([f"{name} has {counts[name]} only" for name in rare])


def _one_letter_off(one: str, other: str) -> bool:
    """Whether a letter was left out, put in, changed, or two changed places."""
    one, other = sorted((one, other), key=len)
    if one == other or len(one) < LONG or len(other) - len(one) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    mine, theirs = one[start:], other[start:]
    letters = (mine[:1] + theirs[:1]).replace("_", "a")
    if not letters.isalpha():
        return False  # cat1 and cat2 are meant
    if len(one) < len(other):
        return mine == theirs[1:]
    return mine[1:] == theirs[1:] or (mine[:2] == theirs[1::-1] and mine[2:] == theirs[2:])
