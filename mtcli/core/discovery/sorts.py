"""Classes that a person should look at: some are rare, some are perhaps misspelt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mtcli.core.errors import and_more
from mtcli.core.spelling import one_letter_off

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
            if often >= FREQUENT * count
            and min(len(name), len(other)) >= LONG
            and one_letter_off(name.lower(), other.lower())
        ]
        if near:
            other = max(near, key=lambda word: counts[word])
            misspelt[name] = f"{name} ({counts[name]}) is nearly {other} ({counts[other]}): "
    for said in misspelt.values():
        yield said + "is it misspelt?"
    rare = [name for name in sorted(counts) if counts[name] < RARE and name not in misspelt]
    if rare:
        yield and_more([f"{name} has {counts[name]} only" for name in rare])
