"""What a target looks like as an answer: certain, and silent where nothing is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.tv_tensors import Mask

from mtcli.core.labels import Object, ObjectsLabel, WordsLabel
from mtcli.core.maps import IGNORED, NumberMap
from mtcli.core.task import AnyTask, Caption, with_score
from mtcli.core.tasks import KINDS
from tests.drawn import drawn_on

GREY = torch.full((3, 120, 160), 100, dtype=torch.uint8)


def _task(kind: str, options: dict[str, object], **facts: object) -> AnyTask:
    chosen = KINDS.get(kind)
    task: AnyTask = chosen(
        chosen.Options.model_validate(options), chosen.Facts.model_validate(facts)
    )
    return task


@pytest.mark.parametrize(
    ("score", "text"), [(1.0, "ball"), (0.994, "ball 99%"), (0.999, "ball 100%"), (0.0, "ball 0%")]
)
def test_what_is_certain_goes_without_a_score(score: float, text: str) -> None:
    assert with_score("ball", score) == text


def test_a_class_is_said_alone() -> None:
    task = _task("classification", {}, classes=("cat", "dog"))
    target = task.read(WordsLabel(("dog",)), (4, 4))
    assert target is not None
    assert task.caption(task.truth(target), None) == Caption("dog")


def test_regions_of_many_objects_ask_for_no_box() -> None:
    task = _task("detection", {}, classes=("cat", "dog"))
    crowd = Object("cat", (0, 0, 40, 30), crowd=True)
    target = task.read(ObjectsLabel((crowd, Object("dog", (5, 5, 20, 25)))), (40, 60))
    assert target is not None
    truth = task.truth(target)
    assert truth["boxes"].tolist() == [[5, 5, 20, 25]]
    assert task.to_json(truth) == {
        "objects": [{"class": "dog", "score": 1.0, "box": [5.0, 5.0, 20.0, 25.0]}]
    }


def test_a_number_that_nobody_knows_is_said_to_be_unknown() -> None:
    facts = {"means": (0.0, 0.0), "deviations": (1.0, 1.0), "median_errors": (1.0, 1.0)}
    task = _task("regression", {"names": ["age", "mass"]}, **facts)
    target = task.read(WordsLabel(("", "2.5")), (4, 4))
    assert target is not None
    truth = task.truth(target)
    assert math.isnan(truth["numbers"][0])
    assert task.caption(truth, None) == Caption("age unknown, mass 2.5")
    assert task.to_json(truth) == {"numbers": {"age": None, "mass": 2.5}}
    meter = task.meter()
    meter.update([truth], [target])
    assert meter.compute()["mae"] == 0.0


def _changed(drawn: Tensor) -> Tensor:
    return (drawn != GREY).any(dim=0)


def test_pixels_that_are_not_taught_stay_clear() -> None:
    numbers = torch.full((120, 160), IGNORED, dtype=torch.uint8)
    numbers[:10, 30:] = 1
    task = _task("segmentation", {}, classes=("background", "tree"))
    changed = _changed(drawn_on(task, GREY, task.truth({"classes": Mask(numbers)})))
    assert changed[:10, 30:].all()
    assert not changed[:60, :30].any()
    assert not changed[10:60].any()  # the legend is further below


def test_pixels_that_were_not_measured_have_no_colour() -> None:
    values = torch.zeros(120, 160)
    values[:10, 30:] = 2.0
    task = _task("depth", {}, mean=1.0, mean_log=0.0)
    truth = task.truth({"depth": NumberMap(values)})
    changed = _changed(drawn_on(task, GREY, truth))
    assert changed[:10, 30:].all()
    assert not changed[:60, :30].any()
    assert not changed[10:60].any()  # the legend is further below
    nothing = task.truth({"depth": NumberMap(torch.zeros(120, 160))})
    assert torch.equal(drawn_on(task, GREY, nothing), GREY)
    assert (task.summary(truth), task.summary(nothing)) == ("2 … 2", "nothing")
    told = task.to_json(truth)
    assert (told["depth"]["min"], told["depth"]["mean"]) == (2.0, 2.0)


def test_missing_points_are_not_drawn() -> None:
    task = _task("keypoints", {}, points=("tip", "end"))
    places = torch.tensor([[30.0, 20, 30, 20], [0, 0, 0, 0]])
    target = {"points": places, "visibility": torch.tensor([1, 0])}
    truth = task.truth(target)
    assert truth["scores"].tolist() == [1.0, 0.0]
    drawn = _changed(drawn_on(task, GREY, truth, None))
    assert drawn[20, 30]
    assert not drawn[:4, :4].any()
