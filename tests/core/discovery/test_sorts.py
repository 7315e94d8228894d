"""Classes that are rare or perhaps misspelt, and boxes compared one by one."""

from __future__ import annotations

import pytest

from mtcli.core.discovery.boxes import Box, Objects, difference
from mtcli.core.discovery.sorts import class_remarks


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"green": 40, "gren": 2}, ["gren (2) is nearly green (40): is it misspelt?"]),
        ({"green": 40, "grene": 3}, ["grene (3) is nearly green (40): is it misspelt?"]),
        ({"green": 40, "greeen": 3}, ["greeen (3) is nearly green (40): is it misspelt?"]),
        ({"green": 40, "greed": 30}, []),  # both are frequent
        ({"cat1": 40, "cat2": 4}, []),
        ({"cat": 40, "car": 4}, []),  # too short to tell
        ({"rose": 40, "lily": 2}, ["lily has 2 only"]),
        ({"rose": 40, "lily": 3}, []),
    ],
)
def test_what_is_odd_about_classes(counts: dict[str, int], said: list[str]) -> None:
    assert list(class_remarks(counts)) == said


def differing(one: Objects, other: Objects) -> tuple[list[str], int]:
    found = difference(one, other, ["p"], lambda _: (100, 200))
    return found.pictures, found.boxes


def objects(*boxes: tuple[str, tuple[float, float, float, float] | None], **more: bool) -> Objects:
    return Objects({"p": [Box(*box) for box in boxes]}, **more)


def test_boxes_are_compared_by_class_and_edges_in_any_order() -> None:
    one = objects(("cat", (10, 10, 30, 30)), ("dog", (50, 50, 90, 90)))

    same = (("Dog", (51.0, 51.0, 90.0, 90.0)), ("cat", (10.0, 10.0, 30.0, 30.0)))
    assert differing(one, objects(*same)) == ([], 0)
    swapped = (("cat", (50.0, 50.0, 90.0, 90.0)), ("dog", (10.0, 10.0, 30.0, 30.0)))
    assert differing(one, objects(*swapped)) == (["p"], 2)
    assert differing(one, objects(*swapped, nameless=True)) == ([], 0)
    assert differing(one, objects(same[1])) == (["p"], 1)
    moved = (same[0], ("cat", (13.0, 10.0, 33.0, 30.0)))
    assert differing(one, objects(*moved)) == (["p"], 1)


def test_large_boxes_may_be_further_apart() -> None:
    one = objects(("cat", (0, 0, 1000, 10)))

    assert differing(one, objects(("cat", (9, 0, 1000, 10)))) == ([], 0)
    assert differing(one, objects(("cat", (12, 0, 1000, 10)))) == (["p"], 1)


def test_shares_are_compared_in_pixels() -> None:
    one = objects(("cat", (20, 10, 40, 50)))

    assert differing(one, objects(("cat", (0.1, 0.1, 0.2, 0.5)), relative=True)) == ([], 0)
    assert differing(one, objects(("cat", (0.1, 0.2, 0.2, 0.5)), relative=True)) == (["p"], 1)


def test_a_box_that_cannot_be_read_may_be_any_of_its_class() -> None:
    one = objects(("cat", (20, 10, 40, 50)))

    assert differing(one, objects(("cat", None))) == ([], 0)
    assert differing(one, objects(("dog", None))) == (["p"], 1)
