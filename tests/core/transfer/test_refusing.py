"""Plans that would come to nothing are refused, and say what was found instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mtcli.core.blueprint import MAIN
from mtcli.core.errors import ConfigError
from mtcli.core.task import AnyTask
from mtcli.core.transfer.plan import make_plan
from tests.core.transfer.networks import cls, det, network_of, origin_of
from tests.core.transfer.planned import BOTH


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


def test_origins_that_differ_in_architecture_are_not_merged() -> None:
    origins = [origin_of({"cls": cls("ab")}), origin_of({"det": det("ab")}, "resnet18", seed=2)]
    with pytest.raises(ConfigError, match="another architecture") as error:
        make_plan(network_of(BOTH), BOTH, origins, average=True)
    assert error.value.found is not None
    assert error.value.found == "resnet18: no such tensor"
    assert error.value.where == "run-2"


def test_an_origin_without_the_task_that_is_asked_for_says_which_it_has() -> None:
    tasks: dict[str, AnyTask] = {"new": cls("ab")}
    with pytest.raises(ConfigError, match="nothing of the origin can be copied") as error:
        make_plan(network_of(tasks), tasks, [origin_of(BOTH)], ["heads"])
    assert error.value.mend == "it has the tasks cls, det; --map OLD=NEW gives one another name"


def test_a_deeper_trunk_of_the_same_family_is_another_architecture() -> None:
    """All of resnet18 fits into resnet34, of which half would stay random."""
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    network, origin = network_of(tasks, "resnet34"), origin_of(tasks, "resnet18")
    names = {MAIN: "resnet34"}
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network, tasks, [origin], trunks=names)
    with pytest.raises(ConfigError, match="another architecture"):
        make_plan(network, tasks, [replace(origin, model=None)])
    # A part of it that was asked for by its name may well fit.
    assert make_plan(network, tasks, [origin], ["trunk.layer1.0"], trunks=names).copied
    tagged = {MAIN: "resnet18.a1_in1k"}
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
