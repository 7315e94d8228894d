"""The resize rule: worked by hand, and there and back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import BoundingBoxes, BoundingBoxFormat, Image

from mtcli.core.data.geometry import PADDING, Rule, resize_rule

RULES: tuple[Rule, ...] = ("stretch", "letterbox")
SIZES = [
    ((48, 80), (64, 64)),
    ((80, 48), (64, 64)),
    ((50, 333), (96, 160)),
    ((64, 64), (64, 64)),
    ((301, 7), (32, 32)),
    ((1200, 900), (64, 96)),
]


def _boxes(size: tuple[int, int], *rows: tuple[float, float, float, float]) -> BoundingBoxes:
    return BoundingBoxes(
        torch.tensor(rows, dtype=torch.float32).reshape(-1, 4),
        format=BoundingBoxFormat.XYXY,
        canvas_size=size,
        clamping_mode=None,
    )


def _random_boxes(size: tuple[int, int]) -> BoundingBoxes:
    height, width = size
    corners = torch.rand(20, 2, 2).sort(dim=1).values * torch.tensor([width, height])
    return _boxes(size, *map(tuple, corners.reshape(-1, 4).tolist()))


def _image(height: int, width: int, value: int = 200) -> Image:
    return Image(torch.full((3, height, width), value, dtype=torch.uint8))


def _plain(boxes: Tensor) -> list[list[float]]:
    rows: list[list[float]] = boxes.as_subclass(Tensor).tolist()
    return rows


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("original", "working"), SIZES)
def test_there_and_back_is_the_identity(
    rule: Rule, original: tuple[int, int], working: tuple[int, int]
) -> None:
    boxes = _random_boxes(original)
    resize = resize_rule(rule, original, working)
    there = resize.apply({"boxes": boxes})["boxes"]
    back = resize.undo({"boxes": there})["boxes"]
    assert isinstance(there, BoundingBoxes)
    assert isinstance(back, BoundingBoxes)
    assert (there.canvas_size, back.canvas_size) == (working, original)
    torch.testing.assert_close(_plain(back), _plain(boxes), atol=1e-4, rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("original", "working"), SIZES)
def test_a_picture_gets_the_working_size_and_its_boxes_stay_inside(
    rule: Rule, original: tuple[int, int], working: tuple[int, int]
) -> None:
    resize = resize_rule(rule, original, working)
    changed = resize.apply(
        {"image": _image(*original), "targets": {"det": {"boxes": _random_boxes(original)}}}
    )
    assert changed["image"].shape == (3, *working)
    assert changed["image"].dtype == torch.uint8
    corners = changed["targets"]["det"]["boxes"].as_subclass(Tensor)
    limit = torch.tensor([working[1], working[0], working[1], working[0]]) + 1e-3
    assert (corners >= -1e-3).all()
    assert (corners <= limit).all()


def test_stretch_by_hand() -> None:
    resize = resize_rule("stretch", (40, 20), (80, 100))
    there = resize.apply({"boxes": _boxes((40, 20), (2, 10, 4, 40))})["boxes"]
    assert _plain(there) == [[10, 20, 20, 80]]


def test_letterbox_of_a_wide_picture_by_hand() -> None:
    resize = resize_rule("letterbox", (50, 100), (200, 200))
    assert (resize.inner, resize.offset) == ((100, 200), (50, 0))
    there = resize.apply({"boxes": _boxes((50, 100), (10, 20, 30, 50))})["boxes"]
    assert _plain(there) == [[20, 90, 60, 150]]


def test_letterbox_of_a_tall_picture_by_hand() -> None:
    resize = resize_rule("letterbox", (100, 50), (64, 64))
    assert (resize.inner, resize.offset) == ((64, 32), (0, 16))
    there = resize.apply({"boxes": _boxes((100, 50), (0, 0, 50, 100))})["boxes"]
    assert _plain(there) == [[16, 0, 48, 64]]


def test_letterbox_keeps_at_least_a_pixel() -> None:
    assert resize_rule("letterbox", (1000, 1), (32, 32)).inner == (32, 1)


def test_letterbox_pads_evenly_in_grey() -> None:
    resize = resize_rule("letterbox", (10, 20), (64, 64))
    image = resize.apply({"image": _image(10, 20)})["image"]
    assert (image[:, 16:48] == 200).all()
    assert (image[:, :16] == PADDING).all()
    assert (image[:, 48:] == PADDING).all()


def test_stretch_pads_nothing() -> None:
    image = resize_rule("stretch", (10, 20), (64, 64)).apply({"image": _image(10, 20)})["image"]
    assert (image == 200).all()


@pytest.mark.parametrize("rule", RULES)
def test_pixels_and_boxes_move_alike(rule: Rule) -> None:
    image = _image(40, 80, 0)
    image[:, 8:24, 30:62] = 255
    resize = resize_rule(rule, (40, 80), (120, 160))
    changed = resize.apply({"image": image, "boxes": _boxes((40, 80), (30, 8, 62, 24))})
    bright = (changed["image"][0] > 160).nonzero()
    (top, left), (bottom, right) = bright.amin(0).tolist(), (bright.amax(0) + 1).tolist()
    assert _plain(changed["boxes"])[0] == pytest.approx([left, top, right, bottom], abs=1)


def test_a_prediction_is_cut_off_at_the_border() -> None:
    resize = resize_rule("letterbox", (50, 100), (200, 200))
    found = {"boxes": _boxes((200, 200), (-10, 0, 220, 60), (0, 0, 5, 5), (20, 60, 40, 199))}
    assert _plain(resize.undo(found)["boxes"]) == [
        [0, 0, 100, 5],
        [0, 0, 2.5, 0],
        [10, 5, 20, 50],
    ]


def test_plain_tensors_stay() -> None:
    scores = torch.rand(3)
    resize = resize_rule("stretch", (10, 10), (20, 20))
    assert resize.apply({"a": {"scores": scores}})["a"]["scores"] is scores
    assert resize.undo({"scores": scores})["scores"] is scores


def test_no_box_stays_no_box() -> None:
    resize = resize_rule("letterbox", (10, 20), (64, 64))
    there = resize.apply({"boxes": _boxes((10, 20))})["boxes"]
    assert there.shape == resize.undo({"boxes": there})["boxes"].shape == (0, 4)


def test_the_given_values_are_not_changed() -> None:
    boxes, image = _boxes((10, 20), (1, 2, 3, 4)), _image(10, 20)
    values = {"image": image, "boxes": boxes}
    resize_rule("stretch", (10, 20), (64, 64)).apply(values)
    assert values["boxes"] is boxes
    assert _plain(boxes) == [[1, 2, 3, 4]]
    assert image.shape == (3, 10, 20)
