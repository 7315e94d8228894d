"""Records with several inputs: moved as one, left out at random, and stacked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.dataset import Collate, Item, RecordDataset
from mtcli.core.data.geometry import PADDING
from mtcli.core.data.inputs import InputSource
from mtcli.core.data.readers.maps import MapFile
from mtcli.core.data.records import Record
from mtcli.core.data.sample import Batch, shown_picture
from mtcli.core.mixing import Draw

SIZE = (64, 96)
FIRST = Draw(1, 0, 0)
INPUTS = {"rgb": None, "depth": (0.0, 1000.0)}
LINE = np.linspace(1, 1000, 96).round().astype(np.uint16)
"""Grows from left to right: a picture and a map of it tell when one was moved without the other."""


def record(key: str = "a", has: tuple[str, ...] = ("rgb", "depth")) -> Record:
    grid = np.broadcast_to(LINE, SIZE)
    picture, depth = Path(f"{key}.png"), Path(f"{key}-depth.png")
    grey = np.round(grid / 1000 * 255).astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(picture)
    Image.fromarray(grid.astype(np.uint16)).save(depth)
    every: dict[str, InputSource] = {"rgb": picture, "depth": MapFile(depth, 1.0, 0.0)}
    own = {name: source for name, source in every.items() if name in has}
    return Record(key, picture, {}, SIZE, own)


def dataset(*records: Record, steps: tuple[object, ...] = (), **more: Any) -> RecordDataset:
    augment = Augment([Augmentation.model_validate(step) for step in steps], SIZE)
    size, rule = more.pop("size", SIZE), more.pop("rule", "stretch")
    return RecordDataset(records, {}, size, rule, augment, inputs=INPUTS, **more)


def inputs_of(found: RecordDataset, draw: Draw = FIRST) -> dict[str, Tensor]:
    item = found[draw]
    assert isinstance(item, Item), item
    return {name: value.as_subclass(Tensor) for name, value in item.sample["inputs"].items()}


def test_a_sample_has_its_inputs_and_no_other_picture() -> None:
    item = dataset(record())[FIRST]
    assert isinstance(item, Item)
    assert "image" not in item.sample
    rgb, depth = item.sample["inputs"]["rgb"], item.sample["inputs"]["depth"]
    assert (tuple(rgb.shape), rgb.dtype) == ((3, *SIZE), torch.uint8)
    assert (tuple(depth.shape), depth.dtype) == (SIZE, torch.float32)
    assert torch.equal(shown_picture(item.sample), rgb.as_subclass(Tensor))


def test_a_map_is_shown_in_grey() -> None:
    item = dataset(record(has=("depth",)))[FIRST]
    assert isinstance(item, Item)
    shown = shown_picture(item.sample)
    assert shown.shape == (3, *SIZE)
    assert shown.dtype == torch.uint8
    assert int(shown[0, 0, -1]) == 255


@pytest.mark.parametrize(
    "step",
    ["hflip", {"zoom": {"scale": [0.5, 0.8], "shift": 0.2}}, {"crop": {"scale": [0.3, 0.6]}}],
)
def test_all_are_moved_as_one(step: object) -> None:
    found = dataset(record(), steps=(step,))
    for number in range(6):
        own = inputs_of(found, Draw(1, number, 0))
        grey, depth = own["rgb"][0].float() / 255, own["depth"]
        there = depth > 0  # around what a zoom made smaller a picture is grey, a map 0
        assert float((grey - depth).abs()[there].median()) < 0.02


def test_a_map_keeps_its_numbers_whatever_becomes_of_colours() -> None:
    jitter = {"color_jitter": {"brightness": 0.9}}
    plain, changed = inputs_of(dataset(record())), inputs_of(dataset(record(), steps=(jitter,)))
    assert not torch.equal(plain["rgb"], changed["rgb"])
    assert torch.equal(plain["depth"], changed["depth"])


def test_beside_a_letterboxed_picture_a_map_is_0() -> None:
    own = inputs_of(dataset(record(), size=(96, 96), rule="letterbox"))
    assert (own["rgb"][:, 0] == PADDING).all()
    assert (own["depth"][0] == 0).all()
    assert own["depth"][48, -1] == pytest.approx(1)


def left(left_out: dict[str, float], epochs: int = 300, **more: Any) -> Counter[tuple[str, ...]]:
    found = dataset(record(**more), left_out=left_out, seed=3)
    return Counter(tuple(inputs_of(found, Draw(epoch, 7, 0))) for epoch in range(epochs))


def test_inputs_are_left_out_as_often_as_asked_and_one_always_stays() -> None:
    seen = left({"rgb": 0.5, "depth": 0.5})
    # Each pair of draws is as likely; of the one that would leave nothing, one of the two stays.
    assert seen[("rgb", "depth")] / 300 == pytest.approx(0.25, abs=0.08)
    assert seen[("rgb",)] / 300 == pytest.approx(0.375, abs=0.09)
    assert seen[("depth",)] / 300 == pytest.approx(0.375, abs=0.09)
    assert seen[()] == 0
    assert left({"depth": 0.3}, 200)[("rgb",)] / 200 == pytest.approx(0.3, abs=0.1)


def test_the_only_input_of_a_record_is_never_left_out() -> None:
    assert left({"rgb": 0.9, "depth": 0.9}, 20, has=("depth",)) == {("depth",): 20}


def test_what_is_left_out_follows_from_seed_epoch_and_draw() -> None:
    def drawn(seed: int) -> list[tuple[str, ...]]:
        torch.manual_seed(len(str(torch.rand(()))))  # whatever happened before
        found = dataset(record(), left_out={"rgb": 0.5, "depth": 0.5}, seed=seed)
        return [tuple(inputs_of(found, Draw(1, number, 0))) for number in range(20)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_labels_and_augmentation_do_not_depend_on_what_is_left_out() -> None:
    steps = ("hflip", {"zoom": {"scale": [0.5, 0.8]}})
    whole, less = (
        dataset(record(), steps=steps),
        dataset(record(), steps=steps, left_out={"depth": 0.9}),
    )
    for number in range(5):
        draw = Draw(1, number, 0)
        assert torch.equal(inputs_of(whole, draw)["rgb"], inputs_of(less, draw)["rgb"])


def batch_of(*records: Record) -> Batch:
    found = dataset(*records)
    items = [found[Draw(1, n, n)] for n in range(len(records))]
    batch = Collate({}, SIZE, with_targets=False, inputs=INPUTS)(items)
    assert isinstance(batch, Batch)
    return batch


def test_a_batch_has_each_input_of_the_rows_that_have_it() -> None:
    batch = batch_of(record("a"), record("b", has=("rgb",)), record("c", has=("depth",)))
    assert {name: tuple(t.shape) for name, t in batch.inputs.items()} == {
        "rgb": (2, 3, *SIZE),
        "rgb/rows": (3,),
        "depth": (2, 1, *SIZE),
        "depth/rows": (3,),
    }
    assert batch.inputs["rgb/rows"].tolist() == [0, 1, -1]
    assert batch.inputs["depth/rows"].tolist() == [0, 2, -1]
    assert (batch.inputs["rgb"].dtype, batch.inputs["depth"].dtype) == (torch.uint8, torch.float32)


def test_an_input_that_no_row_has_is_empty() -> None:
    lacks_depth = batch_of(record("a", has=("rgb",))).inputs
    assert tuple(lacks_depth["depth"].shape) == (0, 1, *SIZE)
    assert lacks_depth["depth"].dtype == torch.float32
    assert lacks_depth["depth/rows"].tolist() == [-1]
    lacks_rgb = batch_of(record("a", has=("depth",))).inputs
    assert tuple(lacks_rgb["rgb"].shape) == (0, 3, *SIZE)
    assert lacks_rgb["rgb"].dtype == torch.uint8
