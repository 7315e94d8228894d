"""What a training is fed with: labels that are kept, read anew, or of some tasks only."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mtcli.core.configfile import load_config
from mtcli.core.data import feed as module
from mtcli.core.data.dataset import Item, RecordDataset
from mtcli.core.data.feed import Feed, KeptItems, label_bytes
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch
from mtcli.core.labels import Label, Object, ObjectsLabel, WordsLabel
from mtcli.core.mixing import Draw
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions

SIZE = (32, 32)
TASKS: dict[str, AnyTask] = {
    "cls": Classification(ClassificationOptions(), ClassificationFacts(classes=("a", "b"))),
    "det": Detection(DetectionOptions(), DetectionFacts(classes=("a",))),
}
BOX = Label(ObjectsLabel((Object("a", (8.0, 8.0, 48.0, 40.0)),)), "")
RECORDS = [  # of pictures that are not there: they are not read
    Record("0", Path("0.png"), {"cls": Label(WordsLabel(("b",)), ""), "det": BOX}, (64, 128)),
    Record("1", Path("1.png"), {"det": BOX}, (64, 128)),
]


def dataset() -> RecordDataset:
    return RecordDataset(RECORDS, TASKS, SIZE, "stretch", decoded=False)


def test_an_item_without_its_picture_has_its_labels_at_the_working_size() -> None:
    item = dataset()[Draw(1, 0, 1)]
    assert isinstance(item, Item)
    assert "image" not in item.sample
    assert item.resize.original == (64, 128)
    # Half as high, a quarter as wide.
    assert item.sample["targets"]["det"]["boxes"].tolist() == [[2, 4, 12, 20]]


def test_an_item_is_made_once_and_gives_the_tasks_of_each_draw() -> None:
    kept = KeptItems(dataset())
    both, one = kept[Draw(1, 0, 0)], kept[Draw(2, 5, 0, ("cls",))]
    assert isinstance(both, Item)
    assert isinstance(one, Item)
    assert set(both.sample["targets"]) == {"cls", "det"}
    assert set(one.sample["targets"]) == {"cls"}
    assert one.sample["targets"]["cls"] is both.sample["targets"]["cls"]
    again = kept[Draw(3, 0, 0)]
    assert isinstance(again, Item)
    assert set(again.sample["targets"]) == {"cls", "det"}


def test_a_task_s_labels_weigh_as_its_first_times_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ITEM_BYTES", 1000)
    item = dataset()[Draw(0, 0, 0)]
    assert isinstance(item, Item)
    of = {
        task: sum(tensor.nbytes for tensor in target.values())
        for task, target in item.sample["targets"].items()
    }
    assert label_bytes(dataset(), RECORDS) == 2 * 1000 + of["cls"] + 2 * of["det"]


def test_labels_that_are_kept_make_the_batches_that_labels_read_anew_make(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Store:
        """Reads the number of each picture in place of its maps."""

        def inputs(self, split: str) -> object:
            return lambda keys: {"c5": torch.tensor([int(key[:2]) for key in keys])}

    config = load_config(shapes / "mtcli.yaml", ["data.augment=[hflip]"])
    records = {"train": RECORDS, "val": RECORDS[1:]}
    renamed = {
        split: [Record(f"{n:02d}", r.image, r.labels, r.size) for n, r in enumerate(own)]
        for split, own in records.items()
    }

    def batches() -> list[Batch]:
        feed = Feed(config, TASKS, renamed, torch.device("cpu"), Store())  # type: ignore[arg-type]
        draws = [[Draw(1, 0, 1), Draw(1, 1, 0)], [Draw(2, 0, 0, ("det",))]]
        return [*feed.learning(lambda: iter(draws)), *feed.judging()]

    kept = batches()
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    anew = batches()
    assert [batch.inputs["c5"].tolist() for batch in kept] == [[1, 0], [0], [0]]
    for one, other in zip(kept, anew, strict=True):
        assert one.keys == other.keys
        assert one.rows.keys() == other.rows.keys()
        assert torch.equal(one.inputs["c5"], other.inputs["c5"])
        if "det" in one.targets:
            assert torch.equal(one.targets["det"].boxes, other.targets["det"].boxes)
    assert [sorted(batch.rows) for batch in kept] == [["cls", "det"], ["det"], ["det"]]
    assert kept[-1].targets == {}
