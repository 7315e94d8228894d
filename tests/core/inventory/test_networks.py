"""Networks by their parts."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mtcli.core.blueprint import Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.fusion import FUSIONS
from mtcli.core.inventory.facts import NetworkFacts, Part
from mtcli.core.inventory.networks import measure_network, part_paths
from mtcli.core.inventory.passes import part_of
from mtcli.core.sharing import SHARINGS
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


def fused(fusion: str | None) -> dict[str, int]:
    return {} if fusion is None else {"rgb": 3, "depth": 1}


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


@pytest.mark.parametrize("fusion", [None, *FUSIONS.names()])
@pytest.mark.parametrize("sharing", SHARINGS.names())
def test_however_tasks_share_parts_add_up_to_one_pass(
    tasks: dict[str, AnyTask], sharing: str, fusion: str | None
) -> None:
    check_sums(
        Architecture("tiny", 16, 0.0, sharing=sharing, fusion=fusion, inputs=fused(fusion)), tasks
    )


@pytest.mark.parametrize(
    ("sharing", "fusion"),
    [("branch", None), ("cross_stitch", "stack"), ("mtan", "gated"), ("none", "channels")],
)
def test_of_resnet18_too(tasks: dict[str, AnyTask], sharing: str, fusion: str | None) -> None:
    check_sums(
        Architecture("resnet18", 8, 0.0, sharing=sharing, fusion=fusion, inputs=fused(fusion)),
        tasks,
    )


def check_sums(architecture: Architecture, tasks: dict[str, AnyTask]) -> None:
    network = build_network(architecture, tasks).eval()
    found = measure_network(network, architecture, tasks, SIZE, {})
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(network.blank(SIZE))
    assert found.multiply_adds == counter.get_total_flops() // 2
    assert found.multiply_adds == sum(part.multiply_adds for part in found.parts)
    assert found.parameters == sum(p.numel() for p in network.parameters())
    assert found.parameters == sum(part.parameters for part in found.parts)
    assert found.parameters == found.shared + sum(found.own.values())
    for trunk in (part for part in found.parts if part.parts):
        assert trunk.parameters == sum(stage.parameters for stage in trunk.parts)
        assert trunk.multiply_adds == sum(stage.multiply_adds for stage in trunk.parts)
    for part in found.parts:  # each is called as its tensors are
        size = sum(p.numel() for n, p in network.named_parameters() if part_of(n, [part.name]))
        assert part.parameters == size


def test_branches_are_what_follows_the_branch_point(tasks: dict[str, AnyTask]) -> None:
    whole = by_name(measure(tasks, Architecture("tiny", 16, 0.0)))["trunk"]
    found = measure(tasks, Architecture("tiny", 16, 0.0, sharing="branch", branch_at="c3"))
    parts = by_name(found)
    assert [(part.name, part.tasks) for part in found.parts] == [
        ("trunk", ("cls", "det")),
        ("trunks.cls", ("cls",)),
        ("trunks.det", ("det",)),
        ("pyramids.det", ("det",)),
        ("heads.cls", ("cls",)),
        ("heads.det", ("det",)),
    ]
    assert [stage.name for stage in parts["trunk"].parts] == ["c2", "c3"]
    assert [stage.name for stage in parts["trunks.cls"].parts] == ["c4", "c5"]
    for own in ("trunks.cls", "trunks.det"):
        for mine, its in zip(parts[own].parts, whole.parts[2:], strict=True):
            assert (mine.outputs, mine.parameters) == (its.outputs, its.parameters)
            assert mine.multiply_adds == its.multiply_adds
    assert found.shared == parts["trunk"].parameters


def test_masks_are_one_tasks_and_stitches_are_for_all(tasks: dict[str, AnyTask]) -> None:
    parts = by_name(measure(tasks, Architecture("tiny", 16, 0.0, sharing="mtan")))
    assert parts["trunk"].tasks == ("cls", "det")
    assert (parts["sharing.cls"].what, parts["sharing.cls"].tasks) == ("mtan", ("cls",))
    assert parts["sharing.det"].tasks == ("det",)
    parts = by_name(measure(tasks, Architecture("tiny", 16, 0.0, sharing="cross_stitch")))
    assert parts["trunks.cls"].tasks == parts["trunks.det"].tasks == ("cls", "det")
    assert [stage.tasks for stage in parts["trunks.det"].parts] == [("cls", "det")] * 4
    assert (parts["sharing"].what, parts["sharing"].tasks) == ("cross_stitch", ("cls", "det"))
    # A factor for each channel of each map, from each of two tasks to each.
    assert parts["sharing"].parameters == 2 * 2 * (32 + 64 + 96 + 128)
    assert parts["sharing"].multiply_adds == 0  # mixing is element by element


@pytest.mark.parametrize("fusion", ["stack", "gated"])
def test_where_inputs_go_through_one_by_one_the_trunk_runs_for_each(
    tasks: dict[str, AnyTask], fusion: str
) -> None:
    plain = by_name(measure(tasks, Architecture("tiny", 16, 0.0)))
    architecture = Architecture("tiny", 16, 0.0, fusion=fusion, inputs=fused(fusion))
    parts = by_name(measure(tasks, architecture))
    assert parts["trunk"].multiply_adds == 2 * plain["trunk"].multiply_adds
    assert parts["trunk"].parameters == plain["trunk"].parameters
    assert parts["pyramid"] == plain["pyramid"]
    assert [stage.outputs for stage in parts["trunk"].parts] == [
        stage.outputs for stage in plain["trunk"].parts
    ]
    cells = {32: 16 * 24, 64: 8 * 12, 96: 4 * 6, 128: 2 * 3}  # of c2 … c5 by their channels
    assert parts["fusion"].what == fusion
    assert parts["fusion"].multiply_adds == sum(
        2 * channels * (channels if fusion == "stack" else 2) * count
        for channels, count in cells.items()
    )


def test_a_map_that_nobody_reads_is_a_stage_of_a_fused_trunk_too() -> None:
    """The head reads c5 alone, which is the one map that is fused."""
    tasks = {"cls": make_task("classification")}
    architecture = Architecture("tiny", 16, 0.0, fusion="stack", inputs=fused("stack"))
    trunk = by_name(measure(tasks, architecture))["trunk"]
    assert [(s.name, s.outputs[""][0]) for s in trunk.parts] == [
        ("c2", 32),
        ("c3", 64),
        ("c4", 96),
        ("c5", 128),
    ]


def test_channels_add_nothing_but_to_the_first_convolution(tasks: dict[str, AnyTask]) -> None:
    plain = measure(tasks, Architecture("tiny", 16, 0.0))
    architecture = Architecture("tiny", 16, 0.0, fusion="channels", inputs=fused("channels"))
    found = measure(tasks, architecture)
    assert "fusion" not in by_name(found)
    assert found.parameters == plain.parameters + 16 * 9  # one channel more, to 16


def test_what_is_tied_is_counted_once_and_told() -> None:
    tasks = {"a": make_task("classification"), "b": make_task("classification")}
    ties = (("heads.a.classifier", "heads.b.classifier"),)
    found = measure(tasks, Architecture("tiny", 16, 0.0, ties=ties))
    classifier = 128 * 3 + 3
    tied = found.parts[-1]
    assert (tied.name, tied.what, tied.tasks) == ("tied", "heads.a, heads.b", ("a", "b"))
    assert (tied.parameters, tied.multiply_adds) == (classifier, 0)
    assert by_name(found)["heads.b"].parameters == 0
    assert by_name(found)["heads.b"].multiply_adds == 128 * 3
    assert found.parameters == sum(part.parameters for part in found.parts)
    assert found.own == {"a": 0, "b": 0}


def test_tied_stages_run_for_each_of_their_tasks(tasks: dict[str, AnyTask]) -> None:
    ties = (("trunks.cls.stages.c5", "trunks.det.stages.c5"),)
    plain = measure(tasks, Architecture("tiny", 16, 0.0, sharing="none"))
    found = measure(tasks, Architecture("tiny", 16, 0.0, sharing="none", ties=ties))
    parts, before = by_name(found), by_name(plain)
    c5 = before["trunks.cls"].parts[-1]
    assert parts["tied"].parameters == c5.parameters == found.shared
    assert parts["tied"].tasks == ("cls", "det")
    for key in ("trunks.cls", "trunks.det"):
        assert parts[key].tasks == before[key].tasks
        assert parts[key].multiply_adds == before[key].multiply_adds
        assert parts[key].parameters == before[key].parameters - c5.parameters
    assert found.parameters == plain.parameters - c5.parameters


def test_a_tied_part_rests_by_either_name() -> None:
    tasks = {"a": make_task("classification"), "b": make_task("classification")}
    ties = (("heads.a.classifier", "heads.b.classifier"),)
    resting: dict[str, int | None] = {"heads.b.classifier.bias": 2}
    found = measure(tasks, Architecture("tiny", 16, 0.0, ties=ties), resting)
    assert (found.parts[-1].frozen, found.parts[-1].until) == (3, {2: 3})
    assert (found.frozen, found.until) == (3, {2: 3})


def test_sharing_is_for_the_tasks_of_the_main_trunk(tasks: dict[str, AnyTask]) -> None:
    more = {**tasks, "more": make_task("classification")}
    architecture = Architecture(
        "tiny", 16, 0.0, trunks={"own": SideTrunk("tiny")}, uses={"more": "own"}, sharing="mtan"
    )
    parts = by_name(measure(more, architecture))
    assert parts["trunk"].tasks == ("cls", "det")
    assert parts["trunks.own"].tasks == ("more",)
    assert "sharing.more" not in parts
    check_sums(architecture, more)


def test_no_part_is_inside_another(tasks: dict[str, AnyTask]) -> None:
    for sharing in SHARINGS.names():
        paths = part_paths(build_network(Architecture("tiny", 16, 0.0, sharing=sharing), tasks))
        assert not [path for path in paths if part_of(path, [p for p in paths if p != path])]


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


def test_a_tied_layer_that_turns_its_weight_joins_no_tasks(tasks: dict[str, AnyTask]) -> None:
    """ConvNeXt's products read views of their weights."""
    ties = (("trunks.cls.stages.3", "trunks.det.stages.3"),)
    architecture = Architecture("convnext_atto", 8, 0.0, sharing="none", ties=ties)
    parts = by_name(measure(tasks, architecture))
    assert (parts["trunks.cls"].tasks, parts["trunks.det"].tasks) == (("cls",), ("det",))
    assert parts["tied"].tasks == ("cls", "det")
