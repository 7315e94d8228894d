"""One word for a picture: its class, its rarest, or the fifth that its number is in."""

from __future__ import annotations

import pytest

from mtcli.core.data.strata import classes_of, strata
from mtcli.core.errors import ConfigError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel, PointsLabel, WordsLabel


def boxes(*names: str) -> ObjectsLabel:
    return ObjectsLabel(tuple(Object(name, (0, 0, 1, 1)) for name in names))


def labels(**values: LabelValue) -> dict[str, Label]:
    return {name: Label(value, f"{name}.txt") for name, value in values.items()}


def test_classes_of_words_objects_and_columns() -> None:
    assert classes_of(WordsLabel(("b", "a", "b"))) == ("a", "b")
    assert classes_of(boxes("rbc", "wbc", "rbc")) == ("rbc", "wbc")
    assert classes_of(WordsLabel(("1", "0", "1"), columns=("x", "y", "z"))) == ("x", "z")
    assert classes_of(PointsLabel(("nose",), (None,))) == ()


def test_the_rarest_class_speaks_for_a_picture() -> None:
    # rbc is in three pictures, wbc in two, platelet in one.
    found = strata(
        labels(
            a=boxes("rbc", "rbc", "rbc"),
            b=boxes("rbc", "wbc"),
            c=boxes("rbc", "wbc", "platelet"),
            d=boxes(),
        ),
        "--stratify",
    )
    assert found == {"a": "rbc", "b": "wbc", "c": "platelet", "d": "none"}


def test_many_numbers_are_cut_into_fifths() -> None:
    found = strata(
        labels(**{f"p{n}": WordsLabel((str(n),)) for n in range(20)}), "data.splits.stratify"
    )
    fifths = [found[f"p{n}"] for n in range(20)]
    assert fifths == [f"fifth {place}" for place in (1, 2, 3, 4, 5) for _ in range(4)]


def test_few_numbers_are_classes() -> None:
    found = strata(labels(a=WordsLabel(("3",)), b=WordsLabel(("4",))), "--stratify")
    assert found == {"a": "3", "b": "4"}


def test_points_have_no_word() -> None:
    with pytest.raises(ConfigError, match="--stratify: the task's labels are no classes") as error:
        strata(labels(a=PointsLabel(("nose",), (None,))), "--stratify")
    assert error.value.where == "a.txt"
