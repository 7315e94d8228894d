"""Weights between networks of other inputs, or of the same in another order."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.description import Model
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.transfer.origin import Origin
from mtcli.core.transfer.plan import make_plan
from mtcli.core.transfer.rows import Row
from tests.core.transfer.networks import cls, values
from tests.core.transfer.planned import rows

TASKS: dict[str, AnyTask] = {"cls": cls("ab")}
KERNEL = "trunk.stem.0.weight"
RGBD = {"rgb": 3, "depth": 1}


def built(
    fusion: str | None, inputs: dict[str, int], sharing: str = "hard"
) -> tuple[Network, Architecture]:
    facts = Architecture("tiny", 16, 0.0, fusion=fusion, inputs=inputs, sharing=sharing)
    network = build_network(facts, TASKS)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5)
    return network, facts


def moved(
    theirs: tuple[Network, Architecture], ours: tuple[Network, Architecture]
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor], dict[str, Row]]:
    """The tensors there, ours before and after, and the plan."""
    there, before = values(theirs[0]), values(ours[0])
    model = Model(theirs[1], TASKS, (64, 64), "stretch")
    kinds, classes = {"cls": "classification"}, {"cls": ("a", "b")}
    plan = make_plan(ours[0], TASKS, [Origin("run", there, classes, kinds, model)])
    plan.apply(ours[0])
    return there, before, values(ours[0]), rows(plan)


@pytest.mark.parametrize("fusion", [None, "stack"])
def test_a_picture_keeps_its_kernel_among_channels(fusion: str | None) -> None:
    origin = built(fusion, RGBD if fusion else {})
    there, _, after, plan = moved(origin, built("channels", {"depth": 1, "rgb": 3}))
    assert torch.equal(after[KERNEL][:, 1:], there[KERNEL])
    assert not after[KERNEL][:, 0].any()
    row = plan[KERNEL]
    assert (row.fate, row.why) == ("adapted", "3 input channels in their place of 4")


@pytest.mark.parametrize("fusion", [None, "gated"])
def test_of_channels_a_picture_takes_its_part(fusion: str | None) -> None:
    there, _, after, plan = moved(
        built("channels", {"depth": 1, "rgb": 3}), built(fusion, RGBD if fusion else {})
    )
    assert torch.equal(after[KERNEL], there[KERNEL][:, 1:])
    assert plan[KERNEL].why == "the input channels of rgb, of depth, rgb"
    assert plan[KERNEL].fate == "adapted"


def test_channels_go_by_the_names_of_inputs() -> None:
    origin = built("channels", RGBD)
    there, _, after, plan = moved(origin, built("channels", {"depth": 1, "rgb": 3}))
    assert torch.equal(after[KERNEL], there[KERNEL][:, [3, 0, 1, 2]])
    assert plan[KERNEL].fate == "adapted"
    assert plan[KERNEL].why == "2 of 2 inputs by name: depth, rgb"
    there, _, after, plan = moved(origin, built("channels", {"heat": 1, "rgb": 3}))
    assert torch.equal(after[KERNEL][:, 1:], there[KERNEL][:, :3])
    assert not after[KERNEL][:, 0].any()
    assert plan[KERNEL].why == "1 of 2 inputs by name: rgb"
    _, before, after, plan = moved(origin, built("channels", {"heat": 1, "nir": 3}))
    assert torch.equal(after[KERNEL], before[KERNEL])
    row = plan[KERNEL]
    assert (row.fate, row.why) == ("fresh", "no input of the same name (rgb, depth there)")


@pytest.mark.parametrize("fusion", ["channels", "stack", "gated"])
def test_the_same_inputs_are_copied(fusion: str) -> None:
    there, _, after, plan = moved(built(fusion, RGBD), built(fusion, RGBD))
    assert {row.fate for row in plan.values()} == {"copied"}
    assert all(torch.equal(after[name], tensor) for name, tensor in there.items())


def blocks(weight: Tensor, count: int) -> tuple[Tensor, ...]:
    return weight.chunk(count, dim=1)


@pytest.mark.parametrize("sharing", ["hard", "none"])
def test_a_mix_goes_by_the_names_of_inputs(sharing: str) -> None:
    ours = {"heat": 1, "depth": 1, "rgb": 3}
    there, before, after, plan = moved(built("stack", RGBD, sharing), built("stack", ours, sharing))
    names = [name for name in after if name.startswith("fusion")]
    assert len(names) == 1
    for name in names:
        rgb, depth = blocks(there[name], 2)
        fresh = blocks(before[name], 3)[0]
        assert torch.equal(after[name], torch.cat([fresh, depth, rgb], dim=1))
        assert plan[name].fate == "adapted"
        assert plan[name].why == "2 of 3 inputs by name: depth, rgb"


def test_a_gate_goes_by_the_names_of_inputs() -> None:
    ours = {"heat": 1, "depth": 1, "rgb": 3}
    there, before, after, _ = moved(built("gated", RGBD), built("gated", ours))
    weight, bias = "fusion.gate.c5.weight", "fusion.gate.c5.bias"
    assert after[bias].tolist() == [before[bias][0], there[bias][1], there[bias][0]]
    old, new, start = there[weight], after[weight], before[weight]
    wide = old.shape[1] // 2
    assert torch.equal(new[0], start[0])
    assert torch.equal(new[1:, :wide], start[1:, :wide])
    assert torch.equal(new[1:, wide : 2 * wide], old[[1, 0], wide:])
    assert torch.equal(new[1:, 2 * wide :], old[[1, 0], :wide])


def test_blocks_of_other_inputs_start_fresh() -> None:
    _, before, after, plan = moved(built("gated", RGBD), built("gated", {"a": 3, "b": 1}))
    gates = [name for name in after if name.startswith("fusion.")]
    assert {plan[name].fate for name in gates} == {"fresh"}
    assert all(torch.equal(after[name], before[name]) for name in gates)


def test_a_file_does_not_say_its_inputs() -> None:
    """Tensors of the same shape are taken as they are, a picture's kernel in its place."""
    network, _ = built("channels", RGBD)
    there = values(network)
    nameless = Origin("file", there, kinds={"cls": ""})
    fused, _ = built("channels", {"depth": 1, "rgb": 3})
    assert rows(make_plan(fused, TASKS, [nameless]))[KERNEL].fate == "copied"
    picture = replace(nameless, tensors={**there, KERNEL: there[KERNEL][:, :3]})
    make_plan(fused, TASKS, [picture]).apply(fused)
    assert torch.equal(values(fused)[KERNEL][:, 1:], there[KERNEL][:, :3])
