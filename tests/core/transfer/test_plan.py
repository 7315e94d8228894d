"""The plan of a transfer: one fate for every tensor, the right value for each that is filled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.tasks.keypoints import Keypoints, KeypointsFacts, KeypointsOptions
from mtcli.core.tasks.regression import Regression, RegressionFacts, RegressionOptions
from mtcli.core.transfer.events import Compared, Kept
from mtcli.core.transfer.origin import Origin, names_of_rows, with_our_names
from mtcli.core.transfer.plan import Plan, Row, make_plan
from tests.core.transfer.networks import cls, det, network_of, origin_of, values

BOTH: dict[str, AnyTask] = {"cls": cls("ab"), "det": det("ab")}


def rows(plan: Plan) -> dict[str, Row]:
    return {row.tensor: row for row in plan.rows}


def fates(plan: Plan, prefix: str = "") -> dict[str, int]:
    return dict(Counter(row.fate for row in plan.rows if row.tensor.startswith(prefix)))


def moved(tasks: Mapping[str, AnyTask], origin: Origin, **said: Any) -> tuple[Network, Plan]:
    """A network that got what a plan gives it; what the plan says was done is seen to."""
    network = network_of(tasks)
    before = values(network)
    plan = make_plan(network, tasks, [origin], **said)
    plan.apply(network)
    for name, tensor in values(network).items():
        fate = rows(plan)[name].fate
        if fate == "copied":
            assert torch.equal(tensor, origin.tensors[name]), name
        elif fate == "fresh":
            assert torch.equal(tensor, before[name]), name
        else:
            assert fate == "adapted", name
            assert not torch.equal(tensor, before[name]), name
    return network, plan


def test_the_same_network_is_copied_whole() -> None:
    _, plan = moved(BOTH, origin_of(BOTH))
    assert set(fates(plan)) == {"copied"}
    assert plan.copied == {row.tensor for row in plan.rows}
    plan.require_all()


TASKS: list[dict[str, AnyTask]] = [
    {"cls": cls("ab")},
    {"cls": cls("abc"), "new": cls("xy")},
    {"det": det("b")},
    {"det": det("ab", levels=["p2", "p3"])},
]


@pytest.mark.parametrize("tasks", TASKS)
@pytest.mark.parametrize("words", [["all"], ["conv"], ["trunk"], ["trunk.stem.*", "heads.*"]])
def test_every_tensor_of_both_has_exactly_one_fate(
    tasks: dict[str, AnyTask], words: list[str]
) -> None:
    origin = origin_of(BOTH)
    network, plan = moved(tasks, origin, words=words)
    ours, theirs = set(network.state_dict()), set(origin.tensors)
    count = Counter(row.tensor for row in plan.rows)
    assert set(count) == ours | theirs
    assert set(count.values()) == {1}
    assert {row.tensor for row in plan.rows if row.fate == "left"} == theirs - ours
    assert all(row.why for row in plan.rows if row.fate != "copied")


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


@pytest.mark.parametrize(
    ("words", "filled"),
    [
        (["conv"], {"trunk", "pyramid"}),
        (["trunk"], {"trunk"}),
        (["pyramid"], {"pyramid"}),
        (["heads"], {"heads.cls", "heads.det"}),
        (["heads.det"], {"heads.det"}),
        (["fc"], {"heads.cls"}),
        (["trunk", "heads.cls"], {"trunk", "heads.cls"}),
        (["*.weight"], {"trunk", "pyramid", "heads.cls", "heads.det"}),
        (["heads.*.bias"], {"heads.cls", "heads.det"}),
    ],
)
def test_what_is_copied(words: list[str], filled: set[str]) -> None:
    _, plan = moved(BOTH, origin_of(BOTH), words=words)
    parts = {
        ".".join(name.split(".")[: 2 if name.startswith("heads") else 1]) for name in plan.copied
    }
    assert parts == filled
    rest = [row for row in plan.rows if row.tensor not in plan.copied]
    assert {(row.fate, row.why, row.asked) for row in rest} <= {("fresh", "not asked for", True)}
    plan.require_all()


def test_one_stage_by_its_name() -> None:
    _, plan = moved(BOTH, origin_of(BOTH), words=["trunk.stages.c2", "trunk.stem.*"])
    assert plan.copied == {
        name
        for name in origin_of(BOTH).tensors
        if name.startswith(("trunk.stages.c2.", "trunk.stem."))
    }


def test_a_word_for_nothing_tells_what_there_is() -> None:
    with pytest.raises(ConfigError, match="--copy: nothing of the network is called trank") as e:
        make_plan(network_of(BOTH), BOTH, [origin_of(BOTH)], ["trank"])
    assert e.value.mend == "did you mean trunk?"
    assert e.value.expected is not None
    assert e.value.expected.startswith("conv, trunk, pyramid, heads, heads.cls, heads.det, fc, or")


def test_an_origin_of_which_nothing_fits() -> None:
    tasks: dict[str, AnyTask] = {"cls": cls("xy")}
    with pytest.raises(ConfigError, match="nothing of the origin can be copied") as error:
        make_plan(network_of(tasks), tasks, [origin_of({"cls": cls("ab")})], ["heads"])
    assert error.value.found == (
        "heads.cls.classifier.weight: no class of the same name (a, b there)"
    )


@pytest.mark.parametrize(("theirs", "ours"), [("tiny", "resnet18"), ("resnet18", "tiny")])
def test_another_trunk_is_refused_and_named(theirs: str, ours: str) -> None:
    network = network_of(BOTH, ours)
    with pytest.raises(ConfigError, match="the origin's trunk is of another architecture") as error:
        make_plan(network, BOTH, [origin_of(BOTH, theirs)])
    assert error.value.where == "run-1"
    assert error.value.found is not None
    assert error.value.found.startswith(f"{theirs}: ")
    assert error.value.mend is not None
    assert f"--set model.trunk={theirs}" in error.value.mend
    # What fits without it can still be had: the pyramid's second half and the detector's head.
    plan = make_plan(network, BOTH, [origin_of(BOTH, theirs)], ["heads.det"])
    assert plan.copied


@pytest.mark.slow
def test_a_cousin_that_shares_a_few_tensors_is_another_architecture() -> None:
    """resnet50's first convolution and some norms have resnet18's names and shapes."""
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network_of(tasks, "resnet50"), tasks, [origin_of(tasks, "resnet18")])


def test_a_new_task_starts_fresh() -> None:
    tasks: dict[str, AnyTask] = {**BOTH, "new": cls("xy")}
    _, plan = moved(tasks, origin_of(BOTH))
    assert fates(plan, "heads.new.") == {"fresh": 2}
    assert rows(plan)["heads.new.classifier.bias"].why == "a new task"
    with pytest.raises(ConfigError) as error:
        plan.require_all()
    assert error.value.found is not None
    assert "heads.new.classifier.weight (fresh: a new task)" in error.value.found
    _, plan = moved(tasks, origin_of(BOTH), chosen=["new"])
    plan.require_all()


def test_what_an_option_leaves_out_passes_strict() -> None:
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    _, plan = moved(tasks, origin_of(BOTH))
    assert fates(plan)["left"] > 0
    with pytest.raises(ConfigError, match="--strict"):
        plan.require_all()
    moved(tasks, origin_of(BOTH), chosen=["cls"])[1].require_all()
    moved(tasks, origin_of(BOTH), words=["trunk", "heads.cls"])[1].require_all()


def test_a_pyramid_that_goes_further_down_is_fresh_where_it_is_new() -> None:
    tasks: dict[str, AnyTask] = {"det": det("ab", levels=["p3", "p4", "p5"])}
    _, plan = moved(tasks, origin_of(BOTH))
    fresh = {row.tensor for row in plan.rows if row.fate == "fresh"}
    assert fresh
    assert any(name.startswith("pyramid.") for name in fresh)
    assert all(name.startswith(("pyramid.", "heads.det.scales")) for name in fresh)


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


def test_merging_takes_the_mean_of_what_is_shared() -> None:
    one = origin_of({"cls": cls("ab")}, "resnet18", seed=1)
    two = origin_of({"det": det("ab")}, "resnet18", seed=2)
    network = network_of(BOTH, "resnet18")
    plan = make_plan(network, BOTH, [one, two], average=True)
    plan.apply(network)
    state = network.state_dict()
    for name in ("trunk.conv1.weight", "trunk.bn1.running_var", "trunk.layer4.1.bn2.bias"):
        torch.testing.assert_close(state[name], (one.tensors[name] + two.tensors[name]) / 2)
        assert rows(plan)[name].why == "mean of 2"
    # A count of batches has no mean; whole numbers stay whole.
    assert state["trunk.bn1.num_batches_tracked"].item() == 1
    for name in state:
        if name.startswith(("heads.det.", "pyramid.")):
            assert torch.equal(state[name], two.tensors[name]), name
        elif name.startswith("heads.cls."):
            assert torch.equal(state[name], one.tensors[name]), name
    plan.require_all()


def test_two_origins_of_one_tensor_need_a_word() -> None:
    origins = [origin_of({"cls": cls("ab")}), origin_of({"det": det("ab")}, seed=2)]
    with pytest.raises(ConfigError, match="2 origins bring trunk") as error:
        make_plan(network_of(BOTH), BOTH, origins)
    assert error.value.found == "run-1, run-2"
    plan = make_plan(network_of(BOTH), BOTH, origins, ["heads"])
    assert {name.split(".")[1] for name in plan.copied} == {"cls", "det"}


def test_origins_that_differ_in_architecture_are_not_merged() -> None:
    origins = [origin_of({"cls": cls("ab")}), origin_of({"det": det("ab")}, "resnet18", seed=2)]
    with pytest.raises(ConfigError, match="another architecture") as error:
        make_plan(network_of(BOTH), BOTH, origins, average=True)
    assert error.value.found is not None
    assert error.value.found == "resnet18: no such tensor"
    assert error.value.where == "run-2"


def test_a_renamed_task_takes_its_head_and_its_classes() -> None:
    origin = with_our_names(
        origin_of({"cls": cls("ab")}), {"cls": "shape"}, {"shape": "classification"}
    )
    _, plan = moved({"shape": cls("bc")}, origin)
    assert fates(plan, "heads.shape.") == {"adapted": 2}


def test_a_head_of_another_kind_is_no_start() -> None:
    """A number is not the score of a class, though one linear layer looks like the other."""
    facts = RegressionFacts(means=(0, 0), deviations=(1, 1), median_errors=(1, 1))
    ours: dict[str, AnyTask] = {"x": Regression(RegressionOptions(dropout=0.0), facts)}
    _, plan = moved(ours, origin_of({"x": cls("ab")}))
    assert fates(plan, "heads.") == {"fresh": 2}
    assert rows(plan)["heads.x.classifier.bias"].why == "a classification there"
    assert set(fates(moved(ours, origin_of(ours))[1])) == {"copied"}


def test_an_origin_without_the_task_that_is_asked_for_says_which_it_has() -> None:
    tasks: dict[str, AnyTask] = {"new": cls("ab")}
    with pytest.raises(ConfigError, match="nothing of the origin can be copied") as error:
        make_plan(network_of(tasks), tasks, [origin_of(BOTH)], ["heads"])
    assert error.value.mend == "it has the tasks cls, det; --map OLD=NEW gives one another name"


def test_a_deeper_trunk_of_the_same_family_is_another_architecture() -> None:
    """All of resnet18 fits into resnet34, of which half would stay random."""
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    network, origin = network_of(tasks, "resnet34"), origin_of(tasks, "resnet18")
    names = {"trunk": "resnet34"}
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network, tasks, [origin], trunks=names)
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network, tasks, [replace(origin, model=None)])
    # A part of it that was asked for by its name may well fit.
    assert make_plan(network, tasks, [origin], ["trunk.layer1.0"], trunks=names).copied
    tagged = {"trunk": "resnet18.a1_in1k"}
    same = network_of(tasks, "resnet18")
    assert make_plan(same, tasks, [origin], trunks=tagged).copied


def test_a_file_that_lacks_one_tensor_of_the_trunk_is_of_another() -> None:
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    origin = replace(origin_of(tasks, "test_resnet"), model=None)
    counters = {n for n in origin.tensors if n.endswith("num_batches_tracked")}
    without = {name: t for name, t in origin.tensors.items() if name not in counters}
    network = network_of(tasks, "test_resnet")
    assert make_plan(network, tasks, [replace(origin, tensors=without)]).copied
    without.pop(next(name for name in without if name.startswith("trunk.")))
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network, tasks, [replace(origin, tensors=without)])


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


@pytest.mark.parametrize(("drop", "missed"), [(5e-7, ()), (2e-6, ("cls",)), (None, ("cls",))])
def test_noise_is_no_loss(drop: float | None, missed: tuple[str, ...]) -> None:
    kept = {"cls": Kept("accuracy", 0.5, 0.5, drop)}
    assert Compared(kept, 0.0).missed == missed
    assert Compared(kept, None).missed == ()
