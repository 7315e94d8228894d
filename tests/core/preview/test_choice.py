"""Pictures for a preview: by chance, but so that each task and class is among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtcli.core.config import TaskConfig
from mtcli.core.data.records import Record
from mtcli.core.labels import Deferred, Label, LabelValue, Object, ObjectsLabel, WordsLabel
from mtcli.core.preview.choice import choose, light, missed, things_of
from mtcli.core.tasks import KINDS


class OnDisk(Deferred):
    """A label that nobody may read."""

    def load(self) -> LabelValue:
        raise AssertionError("read")


def _task(kind: str, **options: object) -> TaskConfig:
    return TaskConfig(kind=kind, labels=(), options=KINDS.get(kind).Options.model_validate(options))


def _record(name: str, **labels: LabelValue | Deferred) -> Record:
    told = {task: Label(value, "labels") for task, value in labels.items()}
    return Record(name, Path(name), told)


def test_a_picture_shows_its_tasks_and_their_classes() -> None:
    tasks = {
        "cls": _task("classification", classes=["a", "b"]),
        "det": _task("detection"),
        "count": _task("regression"),
        "seg": _task("segmentation"),
    }
    record = _record(
        "x",
        cls=WordsLabel(("c",)),
        det=ObjectsLabel((Object("star", (0, 0, 1, 1)), Object("star", (0, 0, 2, 2)))),
        count=WordsLabel(("7",)),
        seg=OnDisk(),
    )
    none = {("cls", None), ("det", None), ("count", None), ("seg", None)}
    assert things_of(record, tasks) == none | {("det", "star")}


@pytest.mark.parametrize("seed", range(5))
def test_every_class_is_shown_where_there_is_room(seed: int) -> None:
    things = [frozenset({("cls", "common")})] * 50 + [
        frozenset({("cls", "rare")}),
        frozenset({("det", "ball"), ("det", "star")}),
        frozenset({("det", "ball")}),
    ]
    chosen = choose(things, 3, seed)
    assert missed(things, chosen) == {}
    assert chosen == sorted(set(chosen))
    assert {50, 51} <= set(chosen)


def test_what_found_no_room_is_told() -> None:
    things = [frozenset({("cls", "a"), ("cls", None)}), frozenset({("cls", "b"), ("cls", None)})]
    [place] = choose(things, 1, 0)
    assert missed(things, [place]) == {"cls": ["b" if place == 0 else "a"]}


def test_seeds_choose_other_pictures_and_the_same_seed_the_same() -> None:
    things = [frozenset({("cls", None)})] * 40
    assert choose(things, 5, 1) == choose(things, 5, 1)
    assert len({tuple(choose(things, 5, seed)) for seed in range(10)}) > 5
    assert choose(things, 99, 0) == list(range(40))


def test_label_files_of_other_pictures_stay_closed() -> None:
    few, word = OnDisk(), WordsLabel(("a",))
    records = [_record(name, cls=word, seg=few) for name in ("one", "two", "three")]
    kept = light(records, [records[2]])
    assert [sorted(record.labels) for record in kept] == [["cls", "seg"], ["cls"], ["cls", "seg"]]
