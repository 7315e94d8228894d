"""Labels counted by hand, of every sort."""

from __future__ import annotations

import pytest

from mtcli.core.inspection.look import ClassMapLook, NumberMapLook
from mtcli.core.labels import Object, ObjectsLabel, Point, PointsLabel, WordsLabel
from mtcli.core.statistics.tally import Tally

SIZE, SCALE = (100, 200), (0.5, 0.25)
SPLITS = ("train", "val")


def test_words_are_counted_by_picture() -> None:
    tally = Tally("multilabel", SPLITS, ("a", "b"))
    shown = [
        tally.add("train", WordsLabel(words), SIZE, SCALE) for words in (("a",), ("a", "b"), ())
    ]
    assert shown == [{"a"}, {"a", "b"}, set()]
    found = tally.result()
    assert found.labelled == {"train": 3, "val": 0}
    assert found.counts == {"train": {"a": 2, "b": 1}, "val": {"a": 0, "b": 0}}
    assert found.share("train", "a") == pytest.approx(2 / 3)
    assert found.share("val", "a") == 0
    assert found.measures["classes"].values["train"] == [1, 2, 0]


def test_one_class_a_picture_is_no_measure() -> None:
    tally = Tally("classification", SPLITS)
    tally.add("train", WordsLabel(("a",)), SIZE, SCALE)
    assert tally.result().measures == {}


def test_columns_of_yes_and_no_are_classes() -> None:
    tally = Tally("multilabel", SPLITS, ("x", "y"))
    value = WordsLabel(("1", "0"), columns=("x", "y"))
    assert tally.add("train", value, SIZE, SCALE) == {"x"}


def test_numbers_are_measured_and_gaps_passed_over() -> None:
    tally = Tally("regression", SPLITS, numbers=True, names=("age", "mass"))
    tally.add("train", WordsLabel(("3", "")), SIZE, SCALE)
    tally.add("val", WordsLabel(("5", "0.5")), SIZE, SCALE)
    measures = tally.result().measures
    assert measures["age"].values == {"train": [3.0], "val": [5.0]}
    assert measures["mass"].values == {"train": [], "val": [0.5]}
    assert tally.result().classes == []


def test_boxes_are_measured_at_the_working_size() -> None:
    tally = Tally("detection", SPLITS, ("a",))
    objects = (
        Object("a", (0, 0, 40, 40)),
        Object("a", (190, 0, 230, 40)),  # a quarter of it is inside
        Object("a", (10, 10, 10, 20)),  # without area
        Object("a", (0, 0, 100, 100), crowd=True),
    )
    tally.add("train", ObjectsLabel(objects), SIZE, SCALE)
    tally.add("train", ObjectsLabel(()), SIZE, SCALE)
    found = tally.result()
    assert found.counts["train"] == {"a": 2}
    assert found.pictures["train"] == {"a": 1}
    assert found.measures["boxes"].values["train"] == [2, 0]
    # 40 × 40 is 20 high and 10 wide there, and 40 × 10 is 20 high and 2.5 wide.
    assert found.measures["side"].values["train"] == pytest.approx([200**0.5, 50**0.5])
    assert found.measures["shape"].values["train"] == pytest.approx([0.5, 0.125])


def test_boxes_in_shares_of_the_sides_are_those_of_the_picture() -> None:
    tally = Tally("detection", SPLITS, ("a",))
    value = ObjectsLabel((Object("a", (0.0, 0.0, 0.5, 0.5)),), relative=True)
    tally.add("train", value, SIZE, (1.0, 1.0))
    assert tally.result().measures["shape"].values["train"] == [2.0]


def test_boxes_of_a_picture_that_cannot_be_read_are_counted() -> None:
    tally = Tally("detection", SPLITS, ("a",))
    value = ObjectsLabel((Object("a", (0.0, 0.0, 0.5, 0.5)),), relative=True)
    tally.add("train", value, (0, 0), (1.0, 1.0))
    assert tally.result().counts["train"] == {"a": 1}
    assert "side" not in tally.result().measures


def test_points_are_counted_and_hidden_ones_apart() -> None:
    tally = Tally("keypoints", SPLITS, ("tip", "end"))
    points = PointsLabel(("tip", "end"), (Point(1, 1, visible=False), None))
    assert tally.add("train", points, SIZE, SCALE) == {"tip"}
    found = tally.result()
    assert found.counts["train"] == {"tip": 1, "end": 0}
    assert found.hidden["train"] == {"tip": 1, "end": 0}


def test_maps_are_counted_by_pixel() -> None:
    tally = Tally("segmentation", SPLITS, ("ground", "tree"))
    tally.add("train", ClassMapLook((10, 10), {"ground": 90, "tree": 10}, 0), SIZE, SCALE)
    tally.add("train", ClassMapLook((10, 10), {"ground": 100}, 0), SIZE, SCALE)
    found = tally.result()
    assert found.share("train", "tree") == 0.05
    assert found.pictures["train"] == {"ground": 2, "tree": 1}


def test_maps_of_numbers_have_a_mean_and_gaps() -> None:
    tally = Tally("depth", SPLITS)
    tally.add("train", NumberMapLook((10, 10), 25, 1.0, 2.0, 3.0), SIZE, SCALE)
    measures = tally.result().measures
    assert measures["mean"].values["train"] == [2.0]
    assert measures["measured"].values["train"] == [0.25]
