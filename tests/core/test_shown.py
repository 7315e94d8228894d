"""Pictures with answers as people see them: sizes, colours of several tasks, panels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torchvision.tv_tensors import Mask

from mtcli.core.maps import NumberMap
from mtcli.core.ops.boxes import as_boxes
from mtcli.core.ops.drawing import color_of
from mtcli.core.shown import answered, first_colors, for_screen
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (60, 80)
IMAGE = torch.full((3, *SIZE), 128, dtype=torch.uint8)


def _task(kind: str, **facts: Any) -> AnyTask:
    chosen = KINDS.get(kind)
    task: AnyTask = chosen(chosen.Options.model_validate({}), chosen.Facts.model_validate(facts))
    return task


TASKS = {
    "cls": _task("classification", classes=("cat", "dog")),
    "det": _task("detection", classes=("cat", "dog", "cow")),
    "seg": _task("segmentation", classes=("background", "tree")),
    "far": _task("depth", mean=1.0, mean_log=0.0),
    "ends": _task("keypoints", points=("tip", "end")),
}
ANSWERS = {
    "cls": {"probabilities": torch.tensor([0.25, 0.75])},
    "det": {
        "boxes": as_boxes(torch.tensor([[20.0, 20, 60, 50]]), SIZE),
        "scores": torch.tensor([0.75]),
        "labels": torch.tensor([2]),
    },
    "seg": {"classes": Mask(torch.ones(SIZE, dtype=torch.uint8))},
    "far": {"depth": NumberMap(torch.linspace(1, 5, 80).expand(SIZE))},
    "ends": {
        "points": as_boxes([[10, 20, 10, 20], [5, 3, 5, 3]], SIZE),
        "scores": torch.tensor([0.5, 0.25]),
    },
}


def _has(page: torch.Tensor, color: tuple[int, int, int]) -> bool:
    wanted = torch.tensor(color, dtype=torch.uint8)[:, None, None]
    return bool((page == wanted).all(dim=0).any())


def _shown(*names: str) -> torch.Tensor:
    return answered(IMAGE, TASKS, {name: ANSWERS[name] for name in names})


@pytest.mark.parametrize(
    ("size", "largest", "shown"),
    [
        ((60, 80), 1600, (360, 480)),
        ((480, 640), 1600, (480, 640)),
        ((3000, 4000), 1600, (1200, 1600)),
        ((1500, 2000), 2560, (1500, 2000)),
        ((1, 9000), 1600, (1, 1600)),
    ],
)
def test_small_pictures_are_enlarged_and_the_largest_shrunk(
    size: tuple[int, int], largest: int, shown: tuple[int, int]
) -> None:
    assert for_screen(size, largest).working == shown


def test_classes_of_two_tasks_have_two_colours() -> None:
    assert first_colors(TASKS) == {"cls": 0, "det": 0, "seg": 3, "far": 5, "ends": 5}


def test_a_class_keeps_its_colour_where_other_tasks_are_not_asked() -> None:
    for names in (("seg",), ("det", "seg"), ("seg", "ends")):
        assert _has(_shown(*names), color_of(3))


def test_maps_that_would_hide_the_picture_stand_beside_it() -> None:
    def width(*names: str) -> int:
        return _shown(*names).shape[2] // 480

    assert width("cls", "det", "ends", "seg") == 1
    assert width("far") == 1
    assert width("det", "far") == 2
    assert width("seg", "far", "det") == 3


def test_words_stand_above_the_picture_which_stays_as_it_was() -> None:
    page = _shown("cls")
    assert page.shape[1] > 360
    assert (page[:, -360:] == 128).all()
    assert (IMAGE == 128).all()
