"""Tensors of an origin in ours: rows of classes by name, input channels, other shapes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mtcli.core.errors import ConfigError
from mtcli.core.task import AnyTask
from mtcli.core.tasks.keypoints import Keypoints, KeypointsFacts, KeypointsOptions
from mtcli.core.tasks.regression import Regression, RegressionFacts, RegressionOptions
from mtcli.core.transfer.origin import names_of_rows
from tests.core.transfer.networks import cls, det, network_of, origin_of, values
from tests.core.transfer.planned import BOTH, fates, moved, rows


def test_classes_keep_their_rows_by_name() -> None:
    origin = origin_of({"cls": cls("abc")})
    fresh = network_of({"cls": cls("cxa")}).state_dict()["heads.cls.classifier.weight"].clone()
    network, plan = moved({"cls": cls("cxa")}, origin)
    row = rows(plan)["heads.cls.classifier.weight"]
    assert (row.fate, row.why) == ("adapted", "2 of 3 classes by name: c, a")
    ours = network.state_dict()["heads.cls.classifier.weight"]
    theirs = origin.tensors["heads.cls.classifier.weight"]
    assert torch.equal(ours[0], theirs[2])
    assert torch.equal(ours[2], theirs[0])
    assert torch.equal(ours[1], fresh[1])


def test_as_many_classes_in_another_order_are_not_copied_in_place() -> None:
    """Equal shapes are no reason to take one class's weights for another's."""
    origin = origin_of({"cls": cls("ab")})
    network, plan = moved({"cls": cls("ba")}, origin)
    assert fates(plan, "heads.") == {"adapted": 2}
    assert torch.equal(
        network.state_dict()["heads.cls.classifier.bias"],
        origin.tensors["heads.cls.classifier.bias"][[1, 0]],
    )


def test_classes_of_other_names_start_fresh() -> None:
    _, plan = moved({"cls": cls("xy")}, origin_of({"cls": cls("ab")}))
    assert fates(plan, "heads.") == {"fresh": 2}
    assert rows(plan)["heads.cls.classifier.bias"].why == "no class of the same name (a, b there)"
    with pytest.raises(ConfigError, match="--strict"):
        plan.require_all()


@pytest.mark.parametrize("head", ["fcos", "retinanet", "faster_rcnn"])
def test_a_detector_keeps_its_classes_boxes_and_background(head: str) -> None:
    levels = ["p3", "p4", "p5"]
    theirs = {"det": det("abc", head=head, levels=levels)}
    ours: dict[str, AnyTask] = {"det": det("bz", head=head, levels=levels)}
    origin = origin_of(theirs)
    fresh = values(network_of(ours))
    network, plan = moved(ours, origin)
    adapted = {row.tensor for row in plan.rows if row.fate == "adapted"}
    by_class = {f"heads.det.{name}" for name in network.heads["det"].by_class}  # type: ignore[union-attr]
    assert adapted == by_class
    assert set(fates(plan)) == {"copied", "adapted"}
    state = network.state_dict()
    if head == "faster_rcnn":
        name = "heads.det.roi_heads.box_predictor.bbox_pred.bias"
        background, b = origin.tensors[name][:4], origin.tensors[name][8:12]
        assert torch.equal(state[name], torch.cat([background, b, fresh[name][8:]]))
    if head == "fcos":
        name = "heads.det.class_logits.bias"
        assert torch.equal(state[name], torch.stack([origin.tensors[name][1], fresh[name][1]]))


def test_rows_of_unnamed_classes_are_said_to_be_taken_in_order() -> None:
    nameless = replace(origin_of({"cls": cls("ab")}), classes={})
    _, plan = moved({"cls": cls("xy")}, nameless)
    row = rows(plan)["heads.cls.classifier.bias"]
    assert row.fate == "copied"
    assert "in their order" in row.why
    _, plan = moved({"cls": cls("xyz")}, nameless)
    row = rows(plan)["heads.cls.classifier.bias"]
    assert (row.fate, row.why) == ("fresh", "2 rows of unnamed classes there, 3 here")


def test_another_width_of_the_pyramid_says_both_shapes() -> None:
    _, plan = moved(BOTH, origin_of(BOTH, pyramid=24))
    row = next(r for r in plan.rows if r.tensor.startswith("pyramid.layer") and len(r.shape) == 4)
    assert row.why == "another shape there: [24, 24, 3, 3], not [16, 16, 3, 3]"


def test_input_channels_are_adapted() -> None:
    origin = origin_of({"cls": cls("ab")})
    name = "trunk.stem.0.weight"
    one = origin.tensors[name].sum(dim=1, keepdim=True)
    grey = replace(origin, tensors={**origin.tensors, name: one})
    network, plan = moved({"cls": cls("ab")}, grey)
    row = rows(plan)[name]
    assert (row.fate, row.why) == ("adapted", "1 input channels inflated to 3")
    torch.testing.assert_close(network.state_dict()[name].sum(dim=1, keepdim=True), one)
    six = replace(origin, tensors={**origin.tensors, name: origin.tensors[name].repeat(1, 2, 1, 1)})
    network, plan = moved({"cls": cls("ab")}, six)
    assert rows(plan)[name].why == "6 input channels averaged to 3"


def test_other_kernels_are_not_bent() -> None:
    origin = origin_of({"cls": cls("ab")})
    name = "trunk.stages.c3.0.0.weight"
    narrow = replace(origin, tensors={**origin.tensors, name: origin.tensors[name][:, :5]})
    _, plan = moved({"cls": cls("ab")}, narrow)
    assert rows(plan)[name].fate == "fresh"


def test_a_head_of_another_kind_is_no_start() -> None:
    """A number is not the score of a class, though one linear layer looks like the other."""
    facts = RegressionFacts(means=(0, 0), deviations=(1, 1), median_errors=(1, 1))
    ours: dict[str, AnyTask] = {"x": Regression(RegressionOptions(dropout=0.0), facts)}
    _, plan = moved(ours, origin_of({"x": cls("ab")}))
    assert fates(plan, "heads.") == {"fresh": 2}
    assert rows(plan)["heads.x.classifier.bias"].why == "a classification there"
    assert set(fates(moved(ours, origin_of(ours))[1])) == {"copied"}


def test_points_are_named_as_classes_are() -> None:
    def keypoints(points: str) -> dict[str, AnyTask]:
        return {"kp": Keypoints(KeypointsOptions(), KeypointsFacts(points=tuple(points)))}

    origin = origin_of(keypoints("abc"))
    origin = replace(origin, classes={"kp": names_of_rows(keypoints("abc")["kp"])})
    network, plan = moved(keypoints("cxa"), origin)
    row = rows(plan)["heads.kp.output.bias"]
    assert (row.fate, row.why) == ("adapted", "2 of 3 points by name: c, a")
    ours, theirs = network.state_dict()["heads.kp.output.bias"], origin.tensors[row.tensor]
    assert torch.equal(ours[[0, 2]], theirs[[2, 0]])
