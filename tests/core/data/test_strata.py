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
        "detection",
        "--stratify",
    )
    assert found == {"a": "rbc", "b": "wbc", "c": "platelet", "d": "none"}


TWENTY = labels(**{f"p{n}": WordsLabel((str(n),)) for n in range(20)})


def test_many_numbers_are_cut_into_fifths() -> None:
    found = strata(TWENTY, "regression", "data.splits.stratify")
    fifths = [found[f"p{n}"] for n in range(20)]
    assert fifths == [f"fifth {place}" for place in (1, 2, 3, 4, 5) for _ in range(4)]


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_classes_that_are_called_by_numbers_stay_classes(kind: str) -> None:
    assert strata(TWENTY, kind, "--stratify") == {f"p{n}": str(n) for n in range(20)}


def test_few_numbers_are_taken_as_they_are() -> None:
    found = strata(
        labels(
            a=WordsLabel(("3", "7")),
            b=WordsLabel(("3.0", "8")),
            c=WordsLabel(("1700000000.25", "7")),
        ),
        "regression",
        "--stratify",
    )
    assert found == {"a": "3", "b": "3", "c": "1700000000.25"}


def test_a_number_that_nobody_measured_is_unknown() -> None:
    missing = labels(x=WordsLabel(("", "7")), y=WordsLabel(("nan", "7")))
    assert strata(missing, "regression", "--stratify") == {"x": "unknown", "y": "unknown"}
    found = strata({**TWENTY, **missing}, "regression", "--stratify")
    assert [found[key] for key in ("x", "y", "p0", "p19")] == ["unknown"] * 2 + [
        "fifth 1",
        "fifth 5",
    ]


def test_words_of_a_kind_that_keeps_no_classes_are_classes_where_they_are_no_numbers() -> None:
    found = strata(labels(a=WordsLabel(("yes",)), b=WordsLabel(("7",))), "regression", "--stratify")
    assert found == {"a": "yes", "b": "7"}


def test_points_have_no_word() -> None:
    with pytest.raises(ConfigError, match="--stratify: the task's labels are no classes") as error:
        strata(labels(a=PointsLabel(("nose",), (None,))), "keypoints", "--stratify")
    assert error.value.where == "a.txt"
