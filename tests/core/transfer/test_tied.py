"""A tied tensor has one fate and one value, whatever names an origin knows it by."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.transfer.plan import Plan, make_plan
from tests.core.transfer.networks import cls, origin_of, values

TIES = (("heads.a.hidden", "heads.b.hidden"),)
TASKS: dict[str, Any] = {"a": cls("xy", hidden=4), "b": cls("pq", hidden=4)}
A, B = "heads.a.hidden.weight", "heads.b.hidden.weight"


def tied(**tasks: Any) -> tuple[Network, dict[str, Any]]:
    every = {**TASKS, **tasks}
    hidden = tuple(f"heads.{name}.hidden" for name in every)
    return build_network(Architecture("tiny", 16, 0.0, ties=(hidden,)), every), every


def fates(plan: Plan) -> dict[str, tuple[str, str, bool]]:
    rows = [row for row in plan.rows if row.fate != "left"]
    return {row.tensor: (row.fate, row.why, row.asked) for row in rows}


def test_of_several_layers_the_first_task_s_is_taken() -> None:
    network, tasks = tied()
    origin = origin_of(TASKS)
    plan = make_plan(network, tasks, [origin])
    assert fates(plan)[A] == ("copied", "", True)
    assert fates(plan)[B] == ("copied", "one with heads.a.hidden, whose values count", False)
    assert torch.equal(plan.values[B], origin.tensors[A])
    plan.apply(network)
    assert torch.equal(values(network)[B], origin.tensors[A])
    with pytest.raises(ConfigError, match="--strict") as error:
        plan.require_all()
    assert B in str(error.value.found)


def test_what_was_tied_before_loses_nothing() -> None:
    network, tasks = tied()
    origin = origin_of(TASKS)
    tensors = {**origin.tensors}
    for name in ("weight", "bias"):
        tensors[f"heads.b.hidden.{name}"] = tensors[f"heads.a.hidden.{name}"].clone()
    plan = make_plan(network, tasks, [type(origin)("run", tensors, origin.classes, origin.kinds)])
    assert fates(plan)[B] == ("copied", "one with heads.a.hidden", True)
    plan.require_all()
    assert plan.copied == {*network.state_dict()}


@pytest.mark.parametrize("known", ["a", "b"])
def test_a_new_task_has_the_layer_of_its_group(known: str) -> None:
    network, tasks = tied()
    origin = origin_of({known: TASKS[known]})
    plan = make_plan(network, tasks, [origin], chosen=["a", "b"])
    plan.apply(network)
    for name in (A, B):
        assert fates(plan)[name][0] == "copied"
        assert torch.equal(values(network)[name], origin.tensors[f"heads.{known}.hidden.weight"])
    assert {A, B} <= plan.copied
    plan.require_all()


def test_a_word_for_one_name_means_all() -> None:
    network, tasks = tied()
    plan = make_plan(network, tasks, [origin_of(TASKS)], ["heads.b"])
    assert {name for name in plan.copied if "hidden" in name} >= {A, B}
    assert "heads.a.classifier.weight" not in plan.copied


def test_a_layer_of_another_width_starts_fresh_under_all_names() -> None:
    network, tasks = tied()
    theirs = {"a": cls("xy", hidden=6), "b": cls("pq", hidden=6)}
    plan = make_plan(network, tasks, [origin_of(theirs)])
    assert {fates(plan)[name][0] for name in (A, B)} == {"fresh"}
    # Where one fits, it is all of theirs.
    mixed = make_plan(network, tasks, [origin_of({"a": theirs["a"], "b": TASKS["b"]})])
    assert fates(mixed)[B][0] == "copied"
    assert fates(mixed)[A] == ("copied", "one with heads.b.hidden", True)


def test_origins_that_both_bring_a_layer_need_a_word() -> None:
    network, tasks = tied()
    one, other = origin_of(TASKS, seed=1).only("a"), origin_of(TASKS, seed=2).only("b")
    heads = ["heads.*.hidden.*"]
    with pytest.raises(ConfigError) as error:
        make_plan(network, tasks, [one, other], heads)
    assert error.value.what == f"2 origins bring {A}, which is {B} too"
    assert error.value.found == "run-1, run-2"
    plan = make_plan(network, tasks, [one, other], heads, average=True)
    assert fates(plan)[B] == ("copied", "one with heads.a.hidden, as their mean", True)
    torch.testing.assert_close(plan.values[A], (one.tensors[A] + other.tensors[B]) / 2)
    assert plan.values[A] is plan.values[B]


def test_nothing_is_done_where_nothing_is_tied() -> None:
    network = build_network(Architecture("tiny", 16, 0.0), TASKS)
    origin = origin_of(TASKS)
    plan = make_plan(network, TASKS, [origin])
    assert torch.equal(plan.values[B], origin.tensors[B])
    assert fates(plan)[B] == ("copied", "", True)
