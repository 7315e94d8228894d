"""The plan of a transfer: one fate for every tensor, the right value for each that is filled."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from mtcli.core.errors import ConfigError
from mtcli.core.task import AnyTask
from mtcli.core.transfer.origin import with_our_names
from mtcli.core.transfer.plan import make_plan
from tests.core.transfer.networks import cls, det, network_of, origin_of
from tests.core.transfer.planned import BOTH, fates, moved, rows


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
    with pytest.raises(
        ConfigError, match="--copy trank: nothing of the network is called trank"
    ) as e:
        make_plan(network_of(BOTH), BOTH, [origin_of(BOTH)], ["trank"])
    assert e.value.mend == "did you mean trunk?"
    assert e.value.expected is not None
    assert e.value.expected.startswith("conv, trunk, pyramid, heads, heads.cls, heads.det, fc, or")


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
    with pytest.raises(ConfigError, match="several origins bring trunk") as error:
        make_plan(network_of(BOTH), BOTH, origins)
    assert error.value.found == "run-1, run-2"
    plan = make_plan(network_of(BOTH), BOTH, origins, ["heads"])
    assert {name.split(".")[1] for name in plan.copied} == {"cls", "det"}


def test_a_renamed_task_takes_its_head_and_its_classes() -> None:
    origin = with_our_names(
        origin_of({"cls": cls("ab")}), {"cls": "shape"}, {"shape": "classification"}
    )
    _, plan = moved({"shape": cls("bc")}, origin)
    assert fates(plan, "heads.shape.") == {"adapted": 2}


def test_a_new_task_is_one_whatever_is_copied() -> None:
    tasks: dict[str, AnyTask] = {**BOTH, "new": cls("xy")}
    _, plan = moved(tasks, origin_of(BOTH), words=["trunk"])
    assert rows(plan)["heads.new.classifier.bias"].why == "a new task"
    assert rows(plan)["heads.cls.classifier.bias"].why == "not asked for"
    plan.require_all()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["all"], ()),
        (["trunk"], ("cls", "det")),
        (["trunk", "heads.cls"], ("det",)),
        (["trunk", "heads.*.bias"], ("cls", "det")),
    ],
)
def test_heads_that_nothing_asked_for_can_be_warned_of(
    words: list[str], names: tuple[str, ...]
) -> None:
    tasks: dict[str, AnyTask] = {**BOTH, "new": cls("xy")}
    _, plan = moved(tasks, origin_of(BOTH), words=words)
    assert plan.passed_over(["cls", "det", "new"]) == names


def test_what_other_weights_fill_is_not_fresh() -> None:
    network = network_of(BOTH)
    bare = make_plan(network, BOTH, [origin_of(BOTH)], ["heads", "trunk.stem"])
    keys = {name: "model.weights" for name in network.state_dict() if name.startswith("trunk.")}
    plan = bare.beside(keys)
    assert fates(plan, "trunk.stem.") == {"copied": 3}
    assert {*fates(plan, "trunk.stages.")} == {"published"}
    row = rows(plan)["trunk.stages.c3.0.0.weight"]
    assert (row.why, row.asked, row.origins) == ("model.weights", True, ())
    assert {*fates(plan, "pyramid.")} == {"fresh"}
    assert plan.copied == bare.copied


def test_weights_beside_an_origin_that_lacks_a_trunk_pass_strict() -> None:
    origin = origin_of(BOTH)
    heads = {name: value for name, value in origin.tensors.items() if "trunk." not in name}
    network = network_of(BOTH)
    plan = make_plan(network, BOTH, [replace(origin, tensors=heads)])
    with pytest.raises(ConfigError, match="--strict"):
        plan.require_all()
    plan.beside(dict.fromkeys(network.state_dict(), "model.weights")).require_all()


def test_counters_that_a_file_leaves_out_say_so() -> None:
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    origin = origin_of(tasks, "test_resnet")
    kept = {n: t for n, t in origin.tensors.items() if not n.endswith("num_batches_tracked")}
    plan = make_plan(network_of(tasks, "test_resnet"), tasks, [replace(origin, tensors=kept)])
    fresh = {row for row in plan.rows if row.fate == "fresh"}
    assert fresh
    assert {(row.why, row.asked) for row in fresh} == {("no counter there", True)}
    assert all(row.tensor.endswith("num_batches_tracked") for row in fresh)


def test_every_tensor_says_which_origins_it_is_from() -> None:
    one = origin_of({"cls": cls("ab")}, "test_resnet", seed=1)
    two = origin_of({"det": det("ab")}, "test_resnet", seed=2)
    tasks: dict[str, AnyTask] = {**BOTH, "new": cls("xy")}
    plan = make_plan(network_of(tasks, "test_resnet"), tasks, [one, two], average=True)
    for row in plan.rows:
        part = ".".join(row.tensor.split(".")[:2])
        if row.tensor.endswith("num_batches_tracked"):
            assert (row.why, row.origins) == ("", ("run-1",)), "a count has no mean"
        elif part.startswith("trunk."):
            assert (row.why, row.origins) == ("mean of 2", ("run-1", "run-2"))
        else:
            origin = {"heads.cls": ("run-1",), "heads.new": ()}.get(part, ("run-2",))
            assert row.origins == origin, row.tensor
