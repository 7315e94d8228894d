"""Networks by their parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from mtcli.core.inventory.facts import NetworkFacts, Part
from mtcli.core.inventory.networks import measure_network
from mtcli.core.network import Architecture, SideTrunk, build_network
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (64, 96)


def make_task(kind: str, **options: object) -> AnyTask:
    made = KINDS.get(kind)
    facts = made.Facts.model_validate({"classes": ["a", "b", "c"]})
    return made(made.Options.model_validate(options), facts)


@pytest.fixture
def tasks() -> dict[str, AnyTask]:
    return {"cls": make_task("classification"), "det": make_task("detection")}


def measure(
    tasks: dict[str, AnyTask],
    architecture: Architecture,
    resting: Mapping[str, int | None] | None = MappingProxyType({}),
) -> NetworkFacts:
    network = build_network(architecture, tasks)
    return measure_network(network, architecture, tasks, SIZE, resting)


def by_name(found: NetworkFacts) -> dict[str, Part]:
    return {part.name: part for part in found.parts}


def test_parts_add_up(tasks: dict[str, AnyTask]) -> None:
    architecture = Architecture("tiny", 16, 0.0)
    found = measure(tasks, architecture)
    network = build_network(architecture, tasks)
    assert found.parameters == sum(p.numel() for p in network.parameters())
    assert found.parameters == sum(part.parameters for part in found.parts)
    trunk = found.parts[0]
    assert trunk.what == "tiny"
    assert trunk.parameters == sum(stage.parameters for stage in trunk.parts)
    assert trunk.multiply_adds == sum(stage.multiply_adds for stage in trunk.parts)
    assert [part.name for part in found.parts] == ["trunk", "pyramid", "heads.cls", "heads.det"]


def test_a_pyramid_costs_what_is_worked_by_hand(tasks: dict[str, AnyTask]) -> None:
    pyramid = by_name(measure(tasks, Architecture("tiny", 16, 0.0)))["pyramid"]
    levels = {"p2": 32, "p3": 64, "p4": 96, "p5": 128}
    used = {level: levels[level] for level in pyramid.outputs}
    cells = {level: (SIZE[0] >> int(level[1])) * (SIZE[1] >> int(level[1])) for level in used}
    # To 16 channels in one place, then 16 to 16 in a window of 3 × 3, with biases.
    each = {level: channels * 16 + 16 * 16 * 9 for level, channels in used.items()}
    assert pyramid.multiply_adds == sum(each[level] * cells[level] for level in used)
    assert pyramid.parameters == sum(each.values()) + 32 * len(used)
    assert pyramid.outputs["p5"] == (16, 2, 3)


def test_who_needs_a_part(tasks: dict[str, AnyTask]) -> None:
    parts = by_name(measure(tasks, Architecture("tiny", 16, 0.0)))
    assert parts["trunk"].tasks == ("cls", "det")
    assert parts["pyramid"].tasks == ("det",)
    assert parts["heads.cls"].tasks == ("cls",)
    assert [stage.tasks for stage in parts["trunk"].parts] == [("cls", "det")] * 4
    assert parts["heads.cls"].what == "classification"
    assert parts["heads.cls"].outputs == {"": (3,)}
    assert all(shape[0] > 3 for shape in parts["heads.det"].outputs.values())


def test_each_trunk_is_a_part(tasks: dict[str, AnyTask]) -> None:
    sides = {"own": SideTrunk("resnet10t")}
    found = measure(tasks, Architecture("tiny", 16, 0.0, trunks=sides, uses={"det": "own"}))
    parts = by_name(found)
    assert set(parts) == {"trunk", "trunks.own", "pyramids.own", "heads.cls", "heads.det"}
    assert parts["trunk"].tasks == ("cls",)
    assert (parts["trunks.own"].what, parts["trunks.own"].tasks) == ("resnet10t", ("det",))
    assert parts["pyramids.own"].tasks == ("det",)


def test_what_rests_is_counted_part_by_part(tasks: dict[str, AnyTask]) -> None:
    architecture = Architecture("tiny", 16, 0.0)
    network = build_network(architecture, tasks)
    names = {name for name, _ in network.named_parameters()}
    resting: dict[str, int | None] = {
        n: 3 if n.startswith("trunk.") else None
        for n in names
        if n.startswith(("trunk.stem", "trunk.stages.c2", "heads.cls"))
    }
    resting |= {"pyramid.inner_blocks.0.0.bias": 5, "trunk.no_such_tensor": 3}
    parts = by_name(measure(tasks, architecture, resting))
    c2, c3 = parts["trunk"].parts[:2]
    assert (c2.frozen, c3.frozen) == (c2.parameters, 0)
    assert parts["trunk"].frozen == c2.parameters
    assert parts["heads.cls"].frozen == parts["heads.cls"].parameters
    assert parts["pyramid"].frozen == 16
    assert parts["heads.det"].frozen == 0
    total = measure(tasks, architecture, resting)
    assert total.frozen == sum(part.frozen or 0 for part in total.parts)
    assert (c2.until, c3.until) == ({3: c2.parameters}, {})
    assert parts["trunk"].until == {3: c2.parameters}
    assert parts["heads.cls"].until == {}
    assert total.until == {3: c2.parameters, 5: 16}


def test_nobody_knows_what_rested(tasks: dict[str, AnyTask]) -> None:
    found = measure(tasks, Architecture("tiny", 16, 0.0), None)
    assert found.frozen is None
    assert {part.frozen for part in found.parts} == {None}


def test_a_two_stage_detector_can_be_measured() -> None:
    tasks = {"det": make_task("detection", head="faster_rcnn")}
    head = by_name(measure(tasks, Architecture("tiny", 16, 0.0)))["heads.det"]
    assert set(head.outputs) == {"scores", "boxes"}
    assert head.multiply_adds > 0
