"""The dataset: from a record on disk to an item, and from items to a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes

from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.geometry import PADDING, Rule
from mtcli.core.data.records import Record, read_target
from mtcli.core.data.sample import Batch
from mtcli.core.errors import DataError, MtcliError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel, WordsLabel
from mtcli.core.mixing import Draw
from mtcli.core.task import AnyTask, Target, View
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions

SIZE = (64, 64)
ORIGINAL = (32, 48)


class Counting(Classification):
    """A made-up kind whose label is true for the whole picture alone."""

    crop_safe = False


class Sided(Classification):
    """A made-up kind whose label a mirror changes: 1 where it was mirrored."""

    def clean(self, target: Target, view: View) -> Target:
        return {"class": torch.tensor(int(view.mirrored)), "frame": view.frame}


CLASSES = ("a", "b")
CLS = Classification(ClassificationOptions(), ClassificationFacts(classes=CLASSES))
COUNT = Counting(ClassificationOptions(), ClassificationFacts(classes=CLASSES))
DET = Detection(DetectionOptions(), DetectionFacts(classes=CLASSES))
TASKS: dict[str, AnyTask] = {"cls": CLS, "count": COUNT, "det": DET}
BOX = ObjectsLabel((Object("b", (12.0, 8.0, 36.0, 24.0)),))


def _record(folder: Path, key: str = "0.png", **values: LabelValue) -> Record:
    """A noisy picture on disk with these labels."""
    seed = sum(key.encode())
    pixels = np.random.default_rng(seed).integers(0, 255, (*ORIGINAL, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / key)
    return Record(key, folder / key, {task: Label(value, key) for task, value in values.items()})


def _dataset(*records: Record, steps: list[Any] | None = None, **more: Any) -> RecordDataset:
    augment = None
    if steps is not None:
        augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    rule = more.pop("rule", "stretch")
    return RecordDataset(records, TASKS, SIZE, rule, augment, **more)


FIRST = Draw(1, 0, 0)


def _item(dataset: RecordDataset, draw: Draw = FIRST) -> Item:
    item = dataset[draw]
    assert isinstance(item, Item), item
    return item


def _pixels(item: Item) -> Tensor:
    pixels: Tensor = item.sample["image"].as_subclass(Tensor)
    return pixels


def _box(item: Item) -> list[float]:
    row: list[float] = item.sample["targets"]["det"]["boxes"].as_subclass(Tensor)[0].tolist()
    return row


def test_an_item_has_the_working_size_and_knows_the_original(tmp_path: Path) -> None:
    item = _item(_dataset(_record(tmp_path, cls=WordsLabel(("b",)), det=BOX)))
    assert item.key == "0.png"
    assert _pixels(item).shape == (3, *SIZE)
    assert _pixels(item).dtype == torch.uint8
    assert item.resize.original == ORIGINAL
    assert item.sample["targets"]["cls"]["class"] == 1
    assert _box(item) == pytest.approx([16, 16, 48, 48])


def test_a_task_without_a_label_is_not_among_the_targets(tmp_path: Path) -> None:
    assert set(_item(_dataset(_record(tmp_path, det=BOX))).sample["targets"]) == {"det"}
    assert _item(_dataset(_record(tmp_path))).sample["targets"] == {}


def test_an_empty_label_is_a_target(tmp_path: Path) -> None:
    item = _item(_dataset(_record(tmp_path, det=ObjectsLabel(())), steps=["hflip"]))
    assert item.sample["targets"]["det"]["boxes"].shape == (0, 4)


def test_letterbox_reaches_pixels_and_boxes(tmp_path: Path) -> None:
    item = _item(_dataset(_record(tmp_path, det=BOX), rule="letterbox"))
    assert (_pixels(item)[:, :10] == PADDING).all()
    # 32 rows become 43, 10 below the upper border.
    assert _box(item) == [16, 8 * 43 / 32 + 10, 48, 24 * 43 / 32 + 10]


STEPS = [{"zoom": {"scale": [0.7, 1.3], "shift": 0.1}}, {"color_jitter": {"brightness": 0.4}}]


def test_the_same_draw_gives_the_same_item(tmp_path: Path) -> None:
    dataset = _dataset(_record(tmp_path, det=BOX), steps=STEPS, seed=3)
    first = _item(dataset, Draw(2, 5, 0))
    torch.manual_seed(9)
    again = _item(dataset, Draw(2, 5, 0))
    assert torch.equal(_pixels(first), _pixels(again))
    assert _box(first) == _box(again)


@pytest.mark.parametrize(
    ("seed", "draw"), [(3, Draw(3, 5, 0)), (3, Draw(2, 6, 0)), (4, Draw(2, 5, 0))]
)
def test_another_epoch_draw_or_seed_gives_another_item(
    tmp_path: Path, seed: int, draw: Draw
) -> None:
    record = _record(tmp_path, det=BOX)
    first = _item(_dataset(record, steps=STEPS, seed=3), Draw(2, 5, 0))
    other = _item(_dataset(record, steps=STEPS, seed=seed), draw)
    assert not torch.equal(_pixels(first), _pixels(other))
    assert _box(first) != _box(other)


def test_the_global_generator_is_not_moved(tmp_path: Path) -> None:
    dataset = _dataset(_record(tmp_path, det=BOX), steps=STEPS)
    before = torch.get_rng_state()
    _item(dataset)
    assert torch.equal(before, torch.get_rng_state())


def test_what_left_the_frame_is_cleaned_and_the_picture_stays_labelled(tmp_path: Path) -> None:
    corner = ObjectsLabel((Object("a", (0.0, 0.0, 4.0, 4.0)),))
    item = _item(_dataset(_record(tmp_path, det=corner), steps=[{"zoom": {"scale": [3, 3]}}]))
    assert item.sample["targets"]["det"]["boxes"].shape == (0, 4)


CROPPING = [
    [{"crop": {"scale": [0.5, 0.5]}}],
    [{"zoom": {"scale": [1.3, 1.3]}}],
    [{"zoom": {"scale": [1, 1], "shift": 0.3}}],
    [{"crop": {"scale": [0.4, 0.4]}}, {"hflip": {"p": 1}}],
    [{"crop": {"scale": [0.4, 0.4]}}, {"zoom": {"scale": [0.3, 0.3]}}],
]
WHOLE = [
    [],
    [{"hflip": {"p": 1}}],
    [{"vflip": {"p": 1}}, {"color_jitter": {"brightness": 0.4}}],
    [{"zoom": {"scale": [0.6, 0.6]}}],
    [{"crop": {"scale": [0.5, 0.5], "p": 0}}],
    [{"zoom": {"scale": [0.5, 0.5]}}, {"hflip": {"p": 1}}],
]


@pytest.mark.parametrize("rule", ["stretch", "letterbox"])
@pytest.mark.parametrize("steps", CROPPING, ids=str)
def test_a_label_of_the_whole_is_dropped_where_a_part_was_cut_off(
    tmp_path: Path, steps: list[Any], rule: str
) -> None:
    record = _record(tmp_path, cls=WordsLabel(("a",)), count=WordsLabel(("a",)))
    item = _item(_dataset(record, steps=steps, rule=rule), Draw(1, 1, 0))
    assert set(item.sample["targets"]) == {"cls"}


@pytest.mark.parametrize("rule", ["stretch", "letterbox"])
@pytest.mark.parametrize("steps", WHOLE, ids=str)
def test_a_label_of_the_whole_stays_where_nothing_was_cut_off(
    tmp_path: Path, steps: list[Any], rule: str
) -> None:
    record = _record(tmp_path, cls=WordsLabel(("a",)), count=WordsLabel(("a",)))
    item = _item(_dataset(record, steps=steps, rule=rule))
    assert set(item.sample["targets"]) == {"cls", "count"}


@pytest.mark.parametrize("rule", ["stretch", "letterbox"])
@pytest.mark.parametrize(
    ("steps", "mirrored"),
    [
        ([], False),
        ([{"hflip": {"p": 1}}], True),
        ([{"vflip": {"p": 1}}], True),
        ([{"hflip": {"p": 1}}, {"vflip": {"p": 1}}], False),  # turned by half
        ([{"hflip": {"p": 1}}, {"hflip": {"p": 1}}], False),
        ([{"zoom": {"scale": [1.5, 1.5]}}, {"crop": {"scale": [0.3, 0.5]}}], False),
        ([{"crop": {"scale": [0.3, 0.5]}}, {"hflip": {"p": 1}}, {"zoom": {}}], True),
        ([{"color_jitter": {"hue": 0.2}}], False),
    ],
    ids=str,
)
def test_a_task_is_told_what_is_seen_and_whether_in_a_mirror(
    tmp_path: Path, steps: list[Any], mirrored: bool, rule: Rule
) -> None:
    record = _record(tmp_path, cls=WordsLabel(("a",)))
    task = Sided(ClassificationOptions(), ClassificationFacts(classes=CLASSES))
    augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    dataset = RecordDataset([record], {"cls": task}, SIZE, rule, augment)
    seen = _item(dataset).sample["targets"]["cls"]
    assert bool(seen["class"]) == mirrored
    x1, y1, x2, y2 = seen["frame"].tolist()
    assert 0 <= x1 < x2 <= SIZE[1]
    assert 0 <= y1 < y2 <= SIZE[0]


def test_a_box_that_a_crop_cut_does_not_reach_into_the_grey_of_a_later_zoom(
    tmp_path: Path,
) -> None:
    everywhere = ObjectsLabel((Object("a", (0.0, 0.0, 48.0, 32.0)),))
    steps = [
        {"crop": {"scale": [0.25, 0.25], "ratio": [1, 1]}},
        {"zoom": {"scale": [0.5, 0.5]}},
    ]
    box = _box(_item(_dataset(_record(tmp_path, det=everywhere), steps=steps)))
    assert box == pytest.approx([16, 16, 48, 48], abs=1)  # where the pixels are


def test_an_unreadable_picture_is_returned_as_an_error(tmp_path: Path) -> None:
    record = _record(tmp_path)
    (tmp_path / "0.png").unlink()
    error = _dataset(record)[Draw(1, 0, 0)]
    assert isinstance(error, DataError)
    assert error.where == str(tmp_path / "0.png")


def _batch(tmp_path: Path, *labels: dict[str, LabelValue]) -> Batch:
    records = [_record(tmp_path, f"{n}.png", **values) for n, values in enumerate(labels)]
    dataset = _dataset(*records)
    batch = Collate(TASKS, SIZE, with_targets=True)(
        [dataset[Draw(1, n, n)] for n in range(len(records))]
    )
    assert isinstance(batch, Batch)
    return batch


def test_collate_gives_each_task_its_rows(tmp_path: Path) -> None:
    batch = _batch(
        tmp_path,
        {"det": BOX},
        {"cls": WordsLabel(("b",))},
        {},
        {"cls": WordsLabel(("a",)), "det": ObjectsLabel(())},
    )
    assert batch.inputs["image"].shape == (4, 3, *SIZE)
    assert batch.inputs["image"].dtype == torch.uint8
    assert {name: rows.tolist() for name, rows in batch.rows.items()} == {
        "cls": [1, 3],
        "det": [0, 3],
    }
    assert batch.targets["cls"].tolist() == [1, 0]
    assert batch.keys == ("0.png", "1.png", "2.png", "3.png")
    assert len(batch.resizes) == 4


def test_collate_keeps_the_pictures_in_order(tmp_path: Path) -> None:
    records = [_record(tmp_path, f"{n}.png") for n in range(3)]
    items = [_item(_dataset(record)) for record in records]
    batch = Collate(TASKS, SIZE, with_targets=True)(items)
    assert isinstance(batch, Batch)
    for row, item in enumerate(items):
        assert torch.equal(batch.inputs["image"][row], _pixels(item))
    assert type(batch.inputs["image"]) is Tensor


def test_collate_returns_the_first_error(tmp_path: Path) -> None:
    item = _item(_dataset(_record(tmp_path)))
    first, second = MtcliError("first"), MtcliError("second")
    assert Collate(TASKS, SIZE, with_targets=True)([item, first, second]) is first


def test_an_evaluation_s_batch_has_rows_and_no_targets(tmp_path: Path) -> None:
    items = [_item(_dataset(_record(tmp_path, "0.png", det=BOX)))]
    batch = Collate(TASKS, SIZE, with_targets=False)(items)
    assert isinstance(batch, Batch)
    assert batch.rows["det"].tolist() == [0]
    assert batch.targets == {}


def test_a_target_is_read_in_original_pixels(tmp_path: Path) -> None:
    record = _record(tmp_path, det=BOX)
    target = read_target(TASKS["det"], "det", record, ORIGINAL)
    assert target is not None
    boxes = target["boxes"]
    assert isinstance(boxes, BoundingBoxes)
    assert boxes.canvas_size == ORIGINAL
    assert boxes.as_subclass(Tensor).tolist() == [[12, 8, 36, 24]]
    assert read_target(TASKS["cls"], "cls", record, ORIGINAL) is None
