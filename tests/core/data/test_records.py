"""What becomes of labels that are read before a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.data.records import Record, check_labels
from mtcli.core.errors import DataError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel, Point, PointsLabel
from mtcli.core.tasks import KINDS

NAMES = ("nose", "tail")


def _record(key: str, **values: LabelValue) -> Record:
    labels = {task: Label(value, f"file, {key}") for task, value in values.items()}
    return Record(key, Path(key), labels, (40, 60))


def test_labels_that_say_nothing_are_no_labels() -> None:
    nothing, something = PointsLabel(NAMES, (None, None)), PointsLabel(NAMES, (Point(1, 2), None))
    empty = ObjectsLabel(())
    points = KINDS.get("keypoints")
    boxes = KINDS.get("detection")
    tasks = {
        "points": points.prepare(points.Options(), [something]),
        "boxes": boxes.prepare(boxes.Options(), [ObjectsLabel((Object("a", (0, 0, 9, 9)),))]),
    }
    records = [_record("a", points=nothing, boxes=empty), _record("b", points=something)]

    kept = check_labels(records, tasks).records

    # Nothing is there: that is a label. Nobody knows where it is: that is none.
    assert [list(record.labels) for record in kept] == [["boxes"], ["points"]]
    assert [list(record.labels) for record in records] == [["points", "boxes"], ["points"]]


def test_the_first_label_that_is_wrong_is_named() -> None:
    kind = KINDS.get("detection")
    task = kind.prepare(kind.Options(), [ObjectsLabel((Object("a", (0, 0, 9, 9)),))])
    wrong = ObjectsLabel((Object("b", (0, 0, 9, 9)),))
    records = [_record(str(n), boxes=ObjectsLabel(()) if n < 3 else wrong) for n in range(9)]

    with pytest.raises(DataError, match='class "b"') as caught:
        check_labels(records, {"boxes": task})

    assert caught.value.where == "file, 3"


def test_what_was_mended_is_counted() -> None:
    kind = KINDS.get("detection")
    flat = ObjectsLabel((Object("a", (5, 5, 5, 9)), Object("a", (7, 5, 7, 9))))
    task = kind.prepare(kind.Options(), [flat])

    remarks = check_labels(
        [_record("x", boxes=flat), _record("y", boxes=flat)], {"b": task, "boxes": task}
    )

    assert [str(remark) for remark in remarks.remarks] == [
        "boxes: 4 × box without area dropped (x, y)"
    ]
