"""Networks as each way of sharing or fusion would make them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import pytest
from torch.utils.flop_counter import FlopCounterMode

from mtcli.core.blueprint import Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.errors import ConfigError
from mtcli.core.fusion import FUSIONS
from mtcli.core.inventory.choices import compare_choices
from mtcli.core.inventory.facts import Comparison, Cost, Key, Measuring
from mtcli.core.sharing import SHARINGS
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (64, 96)
INPUTS = {"rgb": 3, "depth": 1}


@pytest.fixture
def tasks() -> dict[str, AnyTask]:
    made = {}
    for name, word in {"cls": "classification", "det": "detection"}.items():
        kind = KINDS.get(word)
        facts = kind.Facts.model_validate({"classes": ["a", "b", "c"]})
        made[name] = kind(kind.Options(), facts)
    return made


def compared(architecture: Architecture, tasks: dict[str, AnyTask], key: Key) -> Comparison:
    return last(compare_choices(architecture, tasks, SIZE, key))


def last(steps: Generator[Measuring, None, Comparison]) -> Comparison:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Comparison = end.value
            return found


def costs(comparison: Comparison) -> dict[str, Cost]:
    return {c.name: c.cost for c in comparison.choices if c.cost is not None}


def test_every_way_of_sharing_is_there_with_its_cost(tasks: dict[str, AnyTask]) -> None:
    architecture = Architecture("tiny", 16, 0.0, sharing="mtan")
    found = compared(architecture, tasks, "sharing")
    assert (found.key, found.chosen, found.size) == ("sharing", "mtan", SIZE)
    assert {choice.name for choice in found.choices} == {*SHARINGS.names()}
    for name, cost in costs(found).items():
        network = build_network(replace(architecture, sharing=name), tasks).eval()
        with FlopCounterMode(display=False) as counter:
            network(network.blank(SIZE))
        assert cost.multiply_adds == counter.get_total_flops() // 2
        assert cost.parameters == sum(p.numel() for p in network.parameters())
        assert cost.parameters == cost.shared + sum(cost.own.values())
    listed = [choice.cost.parameters for choice in found.choices if choice.cost]
    assert listed == sorted(listed)
    assert costs(found)["none"].shared == 0


def test_who_needs_how_much(tasks: dict[str, AnyTask]) -> None:
    found = costs(compared(Architecture("tiny", 16, 0.0), tasks, "sharing"))
    trunk, head = 744_272, 128 * 3 + 3
    assert (found["hard"].shared, found["hard"].own["cls"]) == (trunk, head)
    assert found["none"].own == {
        "cls": found["hard"].own["cls"] + trunk,
        "det": found["hard"].own["det"] + trunk,
    }
    # Behind the last stitch nothing is anybody else's.
    assert found["cross_stitch"].own["cls"] == head + 2 * 128
    assert found["mtan"].shared == trunk


def test_where_it_cannot_be_shared_so_the_reason_is_said(tasks: dict[str, AnyTask]) -> None:
    found = compared(Architecture("tiny", 16, 0.0, branch_at="c5"), tasks, "sharing")
    *others, branch = found.choices
    assert all(choice.cost is not None and choice.refused is None for choice in others)
    assert (branch.name, branch.cost) == ("branch", None)
    assert branch.refused == "tiny has no branch point c5"


def test_every_way_of_fusion_is_there(tasks: dict[str, AnyTask]) -> None:
    architecture = Architecture("tiny", 16, 0.0, fusion="stack", inputs=INPUTS)
    found = compared(architecture, tasks, "fusion")
    assert (found.key, found.chosen) == ("fusion", "stack")
    by_name = costs(found)
    assert {*by_name} == {*FUSIONS.names()}
    assert by_name["channels"].multiply_adds < by_name["gated"].multiply_adds
    assert by_name["gated"].parameters < by_name["stack"].parameters


def test_one_input_is_not_fused(tasks: dict[str, AnyTask]) -> None:
    with pytest.raises(ConfigError, match="there is one input, and nothing to fuse"):
        compared(Architecture("tiny", 16, 0.0), tasks, "fusion")


def test_what_no_way_can_do_is_an_error(tasks: dict[str, AnyTask]) -> None:
    steps = compare_choices(Architecture("tiny", 16, 0.0), tasks, (64, 100), "sharing")
    with pytest.raises(ConfigError, match=r"data\.size: does not fit the trunk tiny"):
        last(steps)


def test_a_trunk_with_a_tasks_name_leaves_none_for_the_task(tasks: dict[str, AnyTask]) -> None:
    sides = {"cls": SideTrunk("tiny")}
    architecture = Architecture("tiny", 16, 0.0, trunks=sides, uses={"det": "cls"})
    found = {c.name: c for c in compared(architecture, tasks, "sharing").choices}
    assert found["hard"].cost is not None
    assert found["none"].refused == "trunks.cls is another trunk already"
