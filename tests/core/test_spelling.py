"""Slips of the hand."""

from __future__ import annotations

import pytest

from mtcli.core.spelling import one_letter_off


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("gren", "green", True),
        ("rde", "red", True),
        ("cat", "bat", True),
        ("greeen", "green", True),
        ("green", "green", False),
        ("gen", "green", False),
        ("class1", "class2", False),
        ("class1", "class11", False),
        ("no_entry", "noentry", True),
        ("abcd", "badc", False),
    ],
)
def test_one_letter_makes_a_slip(one: str, other: str, near: bool) -> None:
    assert one_letter_off(one, other) == near
    assert one_letter_off(other, one) == near
