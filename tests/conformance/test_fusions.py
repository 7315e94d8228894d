"""What every way of fusion keeps to in a network, under every way of sharing."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_network, save_checkpoint
from mtcli.core.description import Model
from mtcli.core.fusion import FUSIONS
from mtcli.core.inputs import rows_name
from mtcli.core.network import Network
from mtcli.core.sharing import SHARINGS
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from tests.conftest import DEVICE

SIZE = (64, 96)
INPUTS = {"rgb": 3, "depth": 1}
COUNT = 4
TASKS: dict[str, AnyTask] = {
    "cls": Classification(
        ClassificationOptions(dropout=0.0), ClassificationFacts(classes=("a", "b"))
    ),
    "det": Detection(
        DetectionOptions.model_validate({"depth": 1, "levels": ("p4", "p5")}),
        DetectionFacts(classes=("a",)),
    ),
}
WAYS = list(product(SHARINGS.names(), FUSIONS.names()))
every_way = pytest.mark.parametrize(("sharing", "fusion"), WAYS)


def architecture(sharing: str, fusion: str) -> Architecture:
    return Architecture(
        "tiny", pyramid=16, drop_path=0.0, sharing=sharing, fusion=fusion, inputs=INPUTS
    )


def network_of(sharing: str, fusion: str) -> Network:
    return build_network(architecture(sharing, fusion), TASKS).to(DEVICE)


def inputs(rgb: list[int], depth: list[int]) -> dict[str, Tensor]:
    """Random pictures and maps of those rows of the batch that have them."""
    own = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (COUNT, 3, *SIZE), dtype=torch.uint8, generator=own)
    maps = torch.rand(COUNT, 1, *SIZE, generator=own)
    found = {"rgb": pictures[rgb], "depth": maps[depth]}
    for name, rows in (("rgb", rgb), ("depth", depth)):
        found[rows_name(name)] = torch.tensor(rows + [-1] * (COUNT - len(rows)), dtype=torch.int64)
    return {name: tensor.to(DEVICE) for name, tensor in found.items()}


def total(network: Network, given: dict[str, Tensor], task: str) -> Tensor:
    """Something of all that a task's head reads."""
    maps = network.encode(given)[task]
    return torch.stack([feature.square().mean() for feature in maps.values()]).sum()


@every_way
@pytest.mark.parametrize(("rgb", "depth"), [([0, 1, 3], [2, 3]), ([0, 1, 2, 3], [])])
def test_every_record_gets_its_maps_whatever_it_lacks(
    sharing: str, fusion: str, rgb: list[int], depth: list[int]
) -> None:
    network = network_of(sharing, fusion)
    given = inputs(rgb, depth)
    with torch.no_grad():
        features = network.encode(given)
        answers = network(given, {"cls": torch.tensor([1, 3], device=DEVICE)})
    for task, levels in features.items():
        assert tuple(levels) == network.levels[task]
        for level, feature in levels.items():
            stride = 2 ** int(level[1:])
            assert feature.shape[0] == COUNT
            assert feature.shape[2:] == (SIZE[0] // stride, SIZE[1] // stride)
            assert feature.isfinite().all()
    assert answers["cls"].shape == (2, 2)
    assert "det" not in answers


@every_way
def test_a_record_s_maps_do_not_depend_on_what_others_lack(sharing: str, fusion: str) -> None:
    network = network_of(sharing, fusion).eval()
    with torch.no_grad():
        some = network.encode(inputs([0, 1, 3], [1, 2]))
        all_of_it = network.encode(inputs([0, 1, 2, 3], [0, 1, 2, 3]))
    for task, levels in some.items():
        for level, feature in levels.items():
            both = all_of_it[task][level]
            torch.testing.assert_close(feature[1], both[1], rtol=1e-4, atol=1e-4)
            assert not torch.allclose(feature[0], both[0]), "this one lacks its depth"


@every_way
def test_each_input_that_is_there_is_seen(sharing: str, fusion: str) -> None:
    network = network_of(sharing, fusion)
    given = inputs([0, 1, 2, 3], [0, 1, 2, 3])
    with torch.no_grad():
        before = network.encode(given)
        for name in INPUTS:
            changed = {**given, name: given[name].flip(0)}
            after = network.encode(changed)
            assert not torch.allclose(before["cls"]["c5"], after["cls"]["c5"]), name


@every_way
def test_gradients_reach_what_a_task_shares_and_its_own_and_nothing_else(
    sharing: str, fusion: str
) -> None:
    network = network_of(sharing, fusion)
    given = inputs([0, 1, 3], [0, 2, 3])
    private = network.needed_by_one()
    for task, other in (("cls", "det"), ("det", "cls")):
        network.zero_grad(set_to_none=True)
        torch.autograd.backward(total(network, given, task))
        reached = {name for name, p in network.named_parameters() if p.grad is not None}
        others = tuple(f"{path}." for path in private[other])
        assert not {name for name in reached if name.startswith(others)}
        for path in private[task]:
            has_any = any(n.startswith(f"{path}.") for n, _ in network.named_parameters())
            is_head = path.startswith("heads.")
            assert is_head or not has_any or any(n.startswith(f"{path}.") for n in reached), path
        parts = {name.partition(".")[0] for name in reached}
        assert parts & {"trunk", "trunks"}
        has_layers = any(name.startswith(("fusion.", "fusions.")) for name in network.state_dict())
        assert bool(parts & {"fusion", "fusions"}) == has_layers


@every_way
def test_a_checkpoint_gives_the_same_maps(sharing: str, fusion: str, tmp_path: Path) -> None:
    network = network_of(sharing, fusion).eval()
    model = Model(architecture(sharing, fusion), TASKS, SIZE, "stretch")
    name = save_checkpoint(tmp_path, 1, model, network, {}, {})
    again = load_network(tmp_path / name, model).to(DEVICE)
    given = inputs([0, 1, 3], [0, 2, 3])
    with torch.no_grad():
        one, other = network.encode(given), again.encode(given)
    for task, levels in one.items():
        for level, feature in levels.items():
            assert torch.equal(feature, other[task][level])
