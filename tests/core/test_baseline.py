"""The results of an earlier evaluation: read, refused, compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.baseline import Baseline
from mtcli.core.errors import DataError
from mtcli.core.events import Interval, TaskResult

CLS: dict[str, Any] = {
    "kind": "classification",
    "primary": "accuracy",
    "labelled": 5,
    "metrics": {"accuracy": 0.5, "ece": None},
    "per_class": {"a": {"f1": 0.5}},
}
WHOLE: dict[str, Any] = {"split": "val", "images": 8, "seconds": 1, "tasks": {"cls": CLS}}


def write(folder: Path, values: object) -> Path:
    path = folder / "baseline.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values))
    return path


def now(accuracy: float, interval: Interval | None = None, labelled: int = 5) -> TaskResult:
    found = {"accuracy": interval}
    return TaskResult("classification", "accuracy", labelled, {"accuracy": accuracy}, {}, found)


def test_it_is_read_from_a_file_and_from_a_run(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    assert Baseline.read(path).value("cls", "accuracy") == 0.5
    path.rename(tmp_path / "metrics.json")
    of_run = Baseline.read(tmp_path)
    assert (of_run.path, of_run.value("cls", "ece")) == (tmp_path / "metrics.json", None)
    assert of_run.has("cls", "ece")
    assert not of_run.has("cls", "f1_macro")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("", ["is not JSON"]),
        ('{"tasks": {"cls"', ["is not JSON"]),
        ("[]", ["not what mtcli eval --json prints", "the whole"]),
        ({"tasks": {}}, ["tasks"]),
        ({"task": {"cls": CLS}}, ["tasks", "required"]),
        ({"tasks": {"cls": {**CLS, "metrics": {"accuracy": "0.5"}}}}, ["cls.metrics.accuracy"]),
        ('{"tasks": {"cls": {"kind": "x", "metrics": {"a": NaN}}}}', ["cls.metrics.a", "finite"]),
        ({**WHOLE, "schema": 2}, ["another schema", "schema 1", "schema 2", "upgrade"]),
        ({"folds": [1, 2], "tasks": {"cls": {"accuracy": {}}}}, ["cross-validation"]),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, values: object, words: list[str]) -> None:
    path = write(tmp_path, values)
    with pytest.raises(DataError) as caught:
        Baseline.read(path)
    said = " ".join([caught.value.what, *map(str, caught.value.parts().values())])
    for word in [*words, str(path)]:
        assert word in said


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such baseline"):
        Baseline.read(tmp_path / "nowhere.json")
    with pytest.raises(DataError, match="without the results"):
        Baseline.read(tmp_path)


@pytest.mark.parametrize(
    ("split", "images", "labelled", "words"),
    [
        ("val", 8, 5, []),
        ("val", None, 5, []),
        ("test", 8, 5, ["of val, this is of test"]),
        ("val", 9, 5, []),
        ("val", 8, 4, ["cls: the baseline is of 5 labels, this is of 4"]),
    ],
)
def test_other_pictures_are_remarked(
    tmp_path: Path, split: str, images: int | None, labelled: int, words: list[str]
) -> None:
    found = Baseline.read(write(tmp_path, WHOLE))
    said = found.remarks({"cls": now(0.5, labelled=labelled)}, split, images)
    assert len(said) == len(words)
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_pictures_are_counted_where_labels_are_not(tmp_path: Path) -> None:
    values = {**WHOLE, "tasks": {"cls": {**CLS, "labelled": None}}}
    said = Baseline.read(write(tmp_path, values)).remarks({"cls": now(0.5)}, "val", 9)
    assert said == ("the baseline is of 8 pictures, this is of 9",)


def test_tasks_of_one_side_are_remarked(tmp_path: Path) -> None:
    found = Baseline.read(write(tmp_path, {"tasks": {"cls": CLS, "old": CLS}}))
    assert found.remarks({"cls": now(0.5), "new": now(0.1)}, "val") == (
        "new is not in the baseline",
        "old is in the baseline, and was not measured now",
    )
    assert [one.task for one in found.differences({"cls": now(0.5), "new": now(0.1)})] == ["cls"]


@pytest.mark.parametrize(
    ("interval", "outside"),
    [((0.4, 0.8), False), ((0.5, 0.8), False), ((0.51, 0.8), True), (None, None)],
)
def test_a_number_outside_the_interval_is_outside_chance(
    tmp_path: Path, interval: Interval | None, outside: bool | None
) -> None:
    found = Baseline.read(write(tmp_path, WHOLE))
    (one,) = found.differences({"cls": now(0.6, interval)}, 95)
    assert (one.before, one.after, one.outside_chance) == (0.5, 0.6, outside)
    assert one.change == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("level", "outside"),
    [
        # The difference 0.10 has the interval 0.10 -+ hypot(0.08, 0.08), which is 0.113.
        (95, False),
        # Of another level, the baseline's interval says nothing here: 0.5 is outside 0.52 … 0.68.
        (90, True),
    ],
)
def test_two_intervals_tell_more_than_one(tmp_path: Path, level: float, outside: bool) -> None:
    sure = {**CLS, "intervals": {"accuracy": [0.42, 0.58], "ece": None}}
    values = {**WHOLE, "ci": {"level": 95, "resamples": 1000}, "tasks": {"cls": sure}}
    found = Baseline.read(write(tmp_path, values))
    (one,) = found.differences({"cls": now(0.6, (0.52, 0.68))}, level)
    assert one.outside_chance is outside
    (far,) = found.differences({"cls": now(0.7, (0.62, 0.78))}, 95)
    assert far.outside_chance is True, "0.20 -+ 0.113"
