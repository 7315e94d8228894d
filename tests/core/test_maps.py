"""Maps stay where pictures, boxes and points are."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Image, Mask

from mtcli.core.configaugment import Augmentation
from mtcli.core.data.augment import Augment
from mtcli.core.data.geometry import Rule, resize_rule
from mtcli.core.data.sample import Sample
from mtcli.core.maps import IGNORED, NumberMap, resized_map
from mtcli.core.ops.boxes import as_boxes

BOX = (37, 50, 90, 110)


def test_each_cell_has_what_lies_at_its_centre() -> None:
    numbers = torch.arange(6)[None].expand(1, 6)
    assert resized_map(Mask(numbers), (1, 2)).tolist() == [[1, 4]]
    assert resized_map(Mask(numbers), (1, 3)).tolist() == [[1, 3, 5]]
    assert resized_map(Mask(torch.tensor([[7, 9]])), (2, 4)).tolist() == [[7, 7, 9, 9]] * 2
    values = NumberMap(torch.tensor([[0.5, 0.0]]))
    assert isinstance(resized_map(values, (1, 4)), NumberMap)


def _sample(size: tuple[int, int], box: tuple[int, int, int, int] = BOX) -> Sample:
    x1, y1, x2, y2 = box
    numbers = torch.zeros(size, dtype=torch.uint8)
    numbers[y1:y2, x1:x2] = 1
    return {
        "image": Image(numbers[None].expand(3, -1, -1) * 255),
        "targets": {"it": {"mask": Mask(numbers), "boxes": as_boxes([box], size)}},
        "frame": as_boxes([[0, 0, size[1], size[0]]], size),
        "cropped": False,
        "corners": as_boxes([[0, 0, 0, 0]] * 3, size),
    }


def _centres(sample: Sample) -> tuple[Tensor, Tensor]:
    """The centre x, y of the mask's ones, and of the box."""
    target = sample["targets"]["it"]
    rows, columns = (target["mask"].as_subclass(Tensor) == 1).nonzero(as_tuple=True)
    box = target["boxes"].as_subclass(Tensor)[0]
    mask = torch.stack([columns.float().mean(), rows.float().mean()]) + 0.5
    return mask, (box[:2] + box[2:]) / 2


@pytest.mark.parametrize("rule", get_args(Rule))
@pytest.mark.parametrize("size", [(32, 64), (64, 64), (96, 32), (320, 480)])
def test_a_mask_is_resized_to_where_its_box_is(rule: Rule, size: tuple[int, int]) -> None:
    resize = resize_rule(rule, (160, 192), size)
    mask, box = _centres(resize.apply(_sample((160, 192))))
    # Rounding moves each edge by half a cell at most, and not all of them the same way.
    assert (mask - box).abs().max() <= 0.5


def test_masks_are_not_moved_one_way() -> None:
    shifts = []
    for step in ("crop", {"zoom": {"scale": [0.6, 1.6], "shift": 0.1}}):
        augment = Augment([Augmentation.model_validate(step)], (96, 96))
        # Not by a whole factor: where a cell's centre lies between two pixels, one is always taken.
        resize = resize_rule("stretch", (161, 193), (96, 96))
        for seed in range(200):
            # A box of its own each time: the first resize rounds one box always the same way.
            box = (37 + seed % 13, 50 + seed % 11, 90 + seed % 7, 110 + seed % 5)
            sample = augment(resize.apply(_sample((161, 193), box)), seed)
            inside = sample["targets"]["it"]["boxes"].as_subclass(Tensor)[0]
            if inside.amin() > 1 and inside.amax() < 95:
                mask, middle = _centres(sample)
                shifts.append(mask - middle)
        assert len(shifts) > 40
        assert torch.stack(shifts).mean(dim=0).abs().max() < 0.15, step


def test_an_undone_map_is_where_it_was() -> None:
    sample = _sample((160, 192))
    mask = sample["targets"]["it"]["mask"]
    rules: tuple[Rule, ...] = ("stretch", "letterbox")
    for rule in rules:
        resize = resize_rule(rule, (160, 192), (320, 320))
        forth = resize.apply({"mask": mask})
        assert rule == "stretch" or (forth["mask"] == IGNORED).any()
        assert torch.equal(resize.undo(forth)["mask"].as_subclass(Tensor), mask)
