"""The loader: the same batches from this process and from workers, and errors with all parts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, RecordDataset
from mtcli.core.data.loader import load_batches, worker_count
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch
from mtcli.core.errors import WorkError
from mtcli.core.labels import Label, LabelValue, Object, ObjectsLabel, WordsLabel
from mtcli.core.mixing import Draw
from mtcli.core.mixing.joint import JointMixing
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from tests.conftest import DEVICE

# Newer Pythons warn of any fork beside torch's threads.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")

SIZE = (32, 32)
TASKS: dict[str, AnyTask] = {
    "cls": Classification(ClassificationOptions(), ClassificationFacts(classes=("a", "b"))),
    "det": Detection(DetectionOptions(), DetectionFacts(classes=("a",))),
}


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Seven pictures; every third has a class, the others a box."""
    made = []
    for number in range(7):
        path = tmp_path / f"{number}.png"
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        box = ObjectsLabel((Object("a", (4.0, 4.0, 24.0, 20.0)),))
        labels: dict[str, LabelValue] = {"det": box} if number % 3 else {"cls": WordsLabel(("b",))}
        made.append(
            Record(path.name, path, {name: Label(value, "") for name, value in labels.items()})
        )
    return made


def _batches(records: list[Record], workers: int, decoded: bool = True) -> Iterator[Batch]:
    steps = ["hflip", {"zoom": {}}, {"color_jitter": {"brightness": 0.3}}]
    augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    dataset = RecordDataset(records, TASKS, SIZE, "stretch", augment, 2, decoded)
    draws = JointMixing(range(len(records)), 3, 1, seed=1)
    return load_batches(
        dataset,
        Collate(TASKS, SIZE, with_targets=True),
        lambda: draws.batches(1, 2, 0),
        workers,
        DEVICE,
    )


def test_workers_give_the_same_batches(records: list[Record]) -> None:
    alone, helped = list(_batches(records, 0)), list(_batches(records, 2))
    assert len(alone) == len(helped) == 6
    for one, other in zip(alone, helped, strict=True):
        assert one.keys == other.keys
        assert torch.equal(one.inputs["image"], other.inputs["image"])
        assert one.resizes == other.resizes
        for task in TASKS:
            assert (task in one.rows) == (task in other.rows)
            if task in one.rows:
                assert torch.equal(one.rows[task], other.rows[task])
        if "det" in one.targets:
            assert torch.equal(one.targets["det"].boxes, other.targets["det"].boxes)
            assert torch.equal(one.targets["det"].cells, other.targets["det"].cells)


def test_batches_come_in_the_order_of_the_draws(records: list[Record]) -> None:
    draws = [[Draw(1, 0, 4), Draw(1, 1, 2)], [Draw(1, 2, 6)]]
    dataset = RecordDataset(records, TASKS, SIZE, "stretch")
    loaded = load_batches(
        dataset, Collate(TASKS, SIZE, with_targets=True), lambda: iter(draws), 0, DEVICE
    )
    assert [batch.keys for batch in loaded] == [("4.png", "2.png"), ("6.png",)]


def test_batches_are_on_the_device(records: list[Record]) -> None:
    batch = next(_batches(records, 0))
    assert batch.inputs["image"].device.type == DEVICE.type
    assert all(rows.device.type == DEVICE.type for rows in batch.rows.values())


@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_generator_is_not_moved(records: list[Record], workers: int) -> None:
    before = torch.get_rng_state()
    list(_batches(records, workers))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_with_all_its_parts(
    tmp_path: Path, records: list[Record], workers: int
) -> None:
    (tmp_path / records[5].key).write_bytes(b"no picture")
    with pytest.raises(WorkError) as caught:
        list(_batches(records, workers))
    error = caught.value
    assert error.exit_code == 1
    assert error.what == "a picture that cannot be read"
    assert error.where == str(records[5].image)
    assert error.found is not None
    assert "cannot identify" in error.found
    assert error.mend is not None
    assert "data.verify: full" in error.mend
    json.dumps(error.parts())


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_before_an_error_arrive(
    tmp_path: Path, records: list[Record], workers: int
) -> None:
    last = JointMixing(range(len(records)), 3, 1, seed=1).epoch(1)[-1][0][0].record
    (tmp_path / records[last].key).unlink()
    loaded = _batches(records, workers)
    assert len(next(loaded).keys) == 3
    with pytest.raises(WorkError, match="no such picture"):
        list(loaded)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_as_many_workers_as_wanted(device: str) -> None:
    assert worker_count(5, torch.device(device)) == 5
    assert worker_count(0, torch.device(device)) == 0


def test_auto_leaves_the_cpu_to_the_network() -> None:
    assert worker_count("auto", torch.device("cpu")) <= 1
    assert 1 <= worker_count("auto", torch.device("cuda")) <= 8
