"""Augmentation: drawn from a seed of its own, pictures and labels as one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat, Image

from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.geometry import PADDING
from mtcli.core.data.sample import Sample

SIZE = (64, 96)
BOX = (20, 12, 52, 40)
EVERY_STEP: list[Any] = [
    "hflip",
    "vflip",
    {"zoom": {"scale": [0.7, 1.4], "shift": 0.2}},
    {"crop": {"scale": [0.4, 1.0], "p": 0.7}},
    {"color_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1}},
]


def _augment(*steps: Any) -> Augment:
    return Augment([Augmentation.model_validate(step) for step in steps], SIZE)


def _boxes(*rows: tuple[float, float, float, float]) -> BoundingBoxes:
    boxes: BoundingBoxes = BoundingBoxes(
        torch.tensor(rows, dtype=torch.float32),
        format=BoundingBoxFormat.XYXY,
        canvas_size=SIZE,
        clamping_mode=None,
    )
    return boxes


def _sample() -> Sample:
    """A dark picture with a bright rectangle where its one box is."""
    pixels = torch.randint(0, 60, (3, *SIZE), dtype=torch.uint8)
    x1, y1, x2, y2 = BOX
    pixels[:, y1:y2, x1:x2] = 250
    targets = {"det": {"boxes": _boxes(BOX), "labels": torch.tensor([1])}}
    height, width = SIZE
    return {
        "image": Image(pixels),
        "targets": targets,
        "frame": _boxes((0, 0, width, height)),
        "cropped": False,
        "corners": _boxes((0, 0, 0, 0), (width, 0, width, 0), (0, height, 0, height)),
    }


def _box(sample: Sample) -> list[float]:
    row: list[float] = sample["targets"]["det"]["boxes"].as_subclass(Tensor)[0].tolist()
    return row


def _bright(sample: Sample) -> list[int] | None:
    """The bounds x1, y1, x2, y2 of what is bright, if anything is."""
    places = (sample["image"].as_subclass(Tensor).float().mean(0) > 180).nonzero()
    if len(places) == 0:
        return None
    (top, left), (bottom, right) = places.amin(0).tolist(), (places.amax(0) + 1).tolist()
    return [left, top, right, bottom]


def test_the_same_seed_gives_the_same_pixels_and_boxes() -> None:
    augment, sample = _augment(*EVERY_STEP), _sample()
    first = augment(sample, 5)
    torch.manual_seed(1)
    again = augment(sample, 5)
    assert torch.equal(first["image"], again["image"])
    assert _box(first) == _box(again)


def test_other_seeds_give_other_pictures() -> None:
    augment, sample = _augment(*EVERY_STEP), _sample()
    boxes = {tuple(_box(augment(sample, seed))) for seed in range(10)}
    assert len(boxes) == 10


def test_the_global_generator_is_not_moved() -> None:
    augment, sample = _augment(*EVERY_STEP), _sample()
    before = torch.get_rng_state()
    augment(sample, 5)
    assert torch.equal(before, torch.get_rng_state())


def test_no_generator_of_another_device_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without loader processes the dropout of a GPU would start anew with each sample."""
    seeds: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    _augment(*EVERY_STEP)(_sample(), 5)
    assert seeds == []


def test_the_given_sample_is_not_changed() -> None:
    sample = _sample()
    pixels = sample["image"].clone()
    _augment(*EVERY_STEP)(sample, 5)
    assert torch.equal(sample["image"], pixels)
    assert _box(sample) == list(BOX)


def test_without_steps_nothing_changes() -> None:
    sample = _sample()
    assert _augment()(sample, 5) is sample


def test_hflip_mirrors_pixels_and_boxes_exactly() -> None:
    sample = _sample()
    flipped = _augment({"hflip": {"p": 1}})(sample, 0)
    assert torch.equal(flipped["image"], sample["image"].flip(2))
    assert _box(flipped) == [96 - 52, 12, 96 - 20, 40] == _bright(flipped)


def test_vflip_mirrors_pixels_and_boxes_exactly() -> None:
    sample = _sample()
    flipped = _augment({"vflip": {"p": 1}})(sample, 0)
    assert torch.equal(flipped["image"], sample["image"].flip(1))
    assert _box(flipped) == [20, 64 - 40, 52, 64 - 12] == _bright(flipped)


@pytest.mark.parametrize("name", ["hflip", "vflip"])
def test_a_flip_comes_with_its_probability(name: str) -> None:
    sample = _sample()
    never, half = _augment({name: {"p": 0}}), _augment({name: {"p": 0.5}})
    assert all(_box(never(sample, seed)) == list(BOX) for seed in range(20))
    assert 5 < sum(_box(half(sample, seed)) == list(BOX) for seed in range(40)) < 35


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_pixels_under_zoom(seed: int) -> None:
    step = {"zoom": {"scale": [0.6, 1.2], "shift": 0.1}}
    sample = _augment(step)(_sample(), seed)
    assert _bright(sample) == pytest.approx(_inside(_box(sample)), abs=2)


@pytest.mark.parametrize("seed", range(12))
def test_boxes_follow_pixels_under_crop(seed: int) -> None:
    sample = _augment({"crop": {"scale": [0.3, 0.9]}})(_sample(), seed)
    assert sample["image"].shape == (3, *SIZE)
    bright, (x1, y1, x2, y2) = _bright(sample), _inside(_box(sample))
    if bright is None:
        assert min(x2 - x1, y2 - y1) < 2
    else:
        assert bright == pytest.approx([x1, y1, x2, y2], abs=2)


def test_zoom_scales_about_the_centre_by_hand() -> None:
    sample = _augment({"zoom": {"scale": [0.5, 0.5]}})(_sample(), 0)
    assert _box(sample) == pytest.approx([34, 22, 50, 36], abs=0.6)
    frame = sample["frame"].as_subclass(Tensor)[0].tolist()
    assert frame == pytest.approx([24, 16, 72, 48], abs=0.6)


def test_zoom_fills_with_grey() -> None:
    image = _augment({"zoom": {"scale": [0.5, 0.5]}})(_sample(), 0)["image"]
    for corner in (image[:, :14, :22], image[:, -14:, -22:]):
        assert (corner == PADDING).all()


def test_boxes_are_not_cut_off_so_that_clean_can_tell_how_much_is_left() -> None:
    sample = _augment({"zoom": {"scale": [4, 4]}})(_sample(), 0)
    x1, y1, x2, y2 = _box(sample)
    assert x1 < 0
    assert y1 < 0
    assert (x2 - x1, y2 - y1) == pytest.approx((128, 112), abs=1)


def test_a_crop_fills_the_input_and_is_noted() -> None:
    cropped = _augment({"crop": {"scale": [0.5, 0.5]}})(_sample(), 0)
    assert cropped["frame"].as_subclass(Tensor)[0].tolist() == [0, 0, SIZE[1], SIZE[0]]
    assert cropped["cropped"]
    assert not _augment("hflip", {"zoom": {"scale": [0.5, 0.9]}})(_sample(), 0)["cropped"]


def test_color_jitter_changes_pixels_and_moves_nothing() -> None:
    sample = _sample()
    jittered = _augment({"color_jitter": {"brightness": 0.5}})(sample, 1)
    assert not torch.equal(jittered["image"], sample["image"])
    assert jittered["image"].dtype == torch.uint8
    assert _box(jittered) == list(BOX)


def test_steps_are_taken_in_their_order() -> None:
    """Zoomed out first, a flip moves the picture's grey; the same steps turned round do not."""
    shift = {"zoom": {"scale": [1, 1], "shift": 0.3}}
    flip = {"hflip": {"p": 1}}
    sample = _sample()
    moved = _box(_augment(shift)(sample, 4))
    assert _box(_augment(shift, flip)(sample, 4)) == pytest.approx(
        [96 - moved[2], moved[1], 96 - moved[0], moved[3]], abs=1e-3
    )


def _inside(box: list[float]) -> list[float]:
    x1, y1, x2, y2 = box
    return [max(x1, 0), max(y1, 0), min(x2, SIZE[1]), min(y2, SIZE[0])]
