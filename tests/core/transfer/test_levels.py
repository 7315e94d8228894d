from __future__ import annotations

import pytest
import torch

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS
from mtcli.core.transfer.levels import by_level
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.plan import make_plan


def detection(*levels: str) -> AnyTask:
    kind = KINDS.get("detection")
    options = kind.Options.model_validate({"levels": levels})
    return kind(options, kind.Facts.model_validate({"classes": ["a", "b"]}))


def network_of(seed: int, *levels: str) -> tuple[Network, dict[str, AnyTask]]:
    torch.manual_seed(seed)
    tasks = {"det": detection(*levels)}
    return build_network(Architecture("tiny", 16, 0.0), tasks), tasks


def test_a_coarser_pyramid_fills_the_levels_that_it_has() -> None:
    theirs, _ = network_of(1, "p3", "p4", "p5")
    ours, tasks = network_of(2, "p2", "p3", "p4", "p5")
    finest = ours.state_dict()["pyramid.layer_blocks.0.0.weight"].clone()
    origin = by_level(Origin("there", theirs.state_dict(), kinds={"det": "detection"}), ours)
    make_plan(ours, tasks, [origin]).apply(ours)
    before, after = theirs.state_dict(), ours.state_dict()
    for blocks in ("inner_blocks", "layer_blocks"):
        for number in range(3):
            old = before[f"pyramid.{blocks}.{number}.0.weight"]
            assert torch.equal(after[f"pyramid.{blocks}.{number + 1}.0.weight"], old)
    assert torch.equal(after["pyramid.layer_blocks.0.0.weight"], finest)


def test_a_finer_pyramid_leaves_what_is_not_read() -> None:
    theirs, _ = network_of(1, "p2", "p3", "p4", "p5")
    ours, tasks = network_of(2, "p4", "p5")
    origin = by_level(Origin("there", theirs.state_dict(), kinds={"det": "detection"}), ours)
    plan = make_plan(ours, tasks, [origin])
    plan.apply(ours)
    old = theirs.state_dict()["pyramid.layer_blocks.3.0.weight"]
    assert torch.equal(ours.state_dict()["pyramid.layer_blocks.1.0.weight"], old)
    left = {row.tensor: row.why for row in plan.rows if row.fate == "left"}
    assert {name for name in left if name.startswith("pyramid.")} == {
        f"pyramid.{blocks}.{number}.0.{tensor}"
        for blocks in ("inner_blocks", "layer_blocks")
        for number in (0, 1)
        for tensor in ("weight", "bias")
    }
    assert left["pyramid.layer_blocks.0.0.weight"] == "a level that no task here reads"


@pytest.mark.parametrize("levels", [("p2", "p3", "p4", "p5"), ("p5",)])
def test_pyramids_that_are_alike_stay_as_they_are(levels: tuple[str, ...]) -> None:
    network, _ = network_of(1, *levels)
    origin = Origin("there", network.state_dict(), kinds={"det": "detection"})
    assert by_level(origin, network) == origin
