"""What columns hold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mtcli.core.discovery.columns import Verdict, judge


def verdict(name: str, cells: Sequence[object], rows: int | None = None) -> Verdict:
    own = {f"{number}.jpg": str(cell) for number, cell in enumerate(cells) if cell != ""}
    return judge(name, own, rows or len(cells))


@pytest.mark.parametrize(
    ("name", "cells", "role"),
    [
        ("kind", ["cat", "dog", "cat", "dog"], "classification"),
        ("kind", ["cat", "dog", "", "dog", "cat"], "classification"),
        ("kind", ["a", "b", "c", "d"], "nothing"),  # each once
        ("kind", ["cat"] * 5, "nothing"),
        ("kind", [""] * 5, "nothing"),
        ("age", range(20, 60), "regression"),
        ("x", [0.5, 1.25, 3], "regression"),
        ("x", [1e300, 2, 3.5] * 2, "classification"),  # beyond any number of use
        ("cells", [0, 27, 12, 12, 3, 18], "regression"),
        ("n", [5, 1, 2, 3, 4, 6], "regression"),  # a count, whatever it looks like
        ("x", [1, 2, 3, 4, 5, 6], "nothing"),  # counts the rows
        ("image_id", [3, 3, 4, 4] * 5, "nothing"),
        ("grade", [0, 1, 2, 0, 1, 2] * 4, "classification"),
        ("count", [0, 1, 2, 0, 1, 2] * 4, "regression"),
        ("x", [0, 1, 2, 0, 1, 2] * 4, "classification"),
        ("x", list(range(8)) * 5, "regression"),
        ("x", [0, 3, 9] * 5, "regression"),
        ("flag", [0, 1, 1, 0], "flag"),
        ("flag", ["yes", "no", "Yes"], "flag"),
        ("subset", ["train", "train", "val"], "split"),
        ("subset", ["TRAIN", "valid", "test"], "split"),
        ("subset", ["train", "train"], "nothing"),
        ("subset", ["train", "plane", "train", "plane"], "classification"),
        ("patient", ["p1", "p1", "p2", "p3"], "group"),
        ("patient_id", [1, 1, 2, 2, 3], "group"),
        ("patient_age", [31, 31, 47, 47, 80], "regression"),
        ("taken", ["2024-01-01", "2024-01-02", "2024-01-01"], "nothing"),
        ("where", ["a/b.png", "a/c.png", "b/d.png"], "nothing"),
        ("said", ["it was a fine day indeed", "then it rained until evening"] * 3, "nothing"),
        ("tags", ["a|b", "a", "b", "a|b"], "multilabel"),
        ("tags", ["a;b", "a", "b", "a;b"], "multilabel"),
    ],
)  # fmt: skip
def test_what_a_column_holds(name: str, cells: Sequence[object], role: str) -> None:
    found = verdict(name, cells)

    assert found.role == role, found.why


def test_few_whole_numbers_are_open() -> None:
    assert verdict("x", [0, 1, 2] * 8).other == "regression"
    assert verdict("x", list(range(8)) * 5).other == "classification"
    assert verdict("weight", [0.5, 1.5] * 8).other is None


def test_reasons_have_numbers() -> None:
    found = verdict("kind", ["cat", "dog", "", "cat", "dog", "cat"])

    assert found.why == "2 words, cat 3, dog 2, on 5 of 6 pictures"


def test_cells_of_several_classes_and_of_none() -> None:
    found = verdict("tags", ["a|b", "none", "b", "none", "a | b"])

    assert (found.separator, found.nothing) == ("|", "none")
    assert found.lists is not None
    assert list(found.lists.values()) == [("a", "b"), (), ("b",), (), ("a", "b")]


def test_a_word_that_stands_with_others_is_a_class() -> None:
    assert verdict("tags", ["a|normal", "normal", "b|a", "b"]).nothing is None
