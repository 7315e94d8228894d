"""The teacher: how far maps have moved from what they were."""

from __future__ import annotations

import pytest
import torch

from mtcli.core.distillation import Teacher, known_tasks
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det, network_of, values

TASKS: dict[str, AnyTask] = {"cls": cls("ab"), "det": det("ab")}
PICTURES = {"image": torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)}


@pytest.fixture
def network() -> Network:
    return network_of(TASKS)


def test_equal_maps_are_no_distance_apart(network: Network) -> None:
    teacher = Teacher(network, TASKS, 1.0)
    assert teacher.distance(PICTURES, network.eval().encode(PICTURES)).item() == 0


def test_maps_of_nothing_but_0_are_1_apart(network: Network) -> None:
    features = network.eval().encode(PICTURES)
    nothing = {
        task: {level: torch.zeros_like(feature) for level, feature in maps.items()}
        for task, maps in features.items()
    }
    assert Teacher(network, TASKS, 1.0).distance(PICTURES, nothing).item() == pytest.approx(1)


def test_every_map_counts_alike(network: Network) -> None:
    """Of three maps one is twice as large: (2t - t)^2 / t^2 = 1, and the mean is 1/3."""
    with torch.no_grad():
        features = network.eval().encode(PICTURES)
    features["det"]["p4"] = 2 * features["det"]["p4"]
    teacher = Teacher(network, TASKS, 1.0)
    assert teacher.distance(PICTURES, features).item() == pytest.approx(1 / 3)
    assert Teacher(network, ["cls"], 1.0).distance(PICTURES, features).item() == 0
    assert Teacher(network, ["det"], 1.0).distance(PICTURES, features).item() == pytest.approx(0.5)


def test_it_pulls_the_trunk_back_and_stays_where_it_is(network: Network) -> None:
    teacher = Teacher(network.train(), TASKS, 1.0)
    before = values(teacher._network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.1)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
    distances = []
    for _ in range(5):
        distance = teacher.distance(PICTURES, network.encode(PICTURES))
        distances.append(distance.item())
        optimizer.zero_grad()
        torch.autograd.backward(distance)
        optimizer.step()
    assert all(p.grad is not None for p in network.trunk_of("").parameters())
    assert all(p.grad is None for head in network.heads.children() for p in head.parameters())
    assert distances[-1] < distances[0]
    assert not teacher._network.training
    assert all(p.grad is None and not p.requires_grad for p in teacher._network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in values(teacher._network).items())


def test_its_batchnorm_does_not_follow_the_pictures() -> None:
    network = network_of({"cls": cls("ab")}, "test_resnet").train()
    teacher = Teacher(network, ["cls"], 1.0)
    before = values(teacher._network)
    teacher.distance(PICTURES, network.encode(PICTURES))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in values(teacher._network).items())


@pytest.mark.parametrize(
    ("fresh", "known"),
    [
        ("nothing", ["cls", "det"]),
        ("heads.cls.", ["det"]),
        ("pyramid.", ["cls"]),
        ("trunk.", []),
        ("trunk.stages.c5.1.", []),
        ("pyramid.extra", ["cls", "det"]),
    ],
)
def test_a_task_is_known_where_its_head_and_all_below_it_were_copied(
    network: Network, fresh: str, known: list[str]
) -> None:
    copied = {name for name in network.state_dict() if not name.startswith(fresh)}
    assert known_tasks(network, copied, (64, 64)) == known


def test_levels_that_another_task_reads_are_no_part_of_a_task() -> None:
    network = network_of({**TASKS, "far": det("ab", levels=["p4", "p5", "p6"])})
    copied = {n for n in network.state_dict() if not n.startswith(("pyramid.extra", "heads.far."))}
    assert known_tasks(network, copied, (64, 64)) == ["cls", "det"]
