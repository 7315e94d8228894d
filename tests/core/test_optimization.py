"""The learning rate's curve, parameter groups, and the average of the weights, worked by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import pytest
import torch
from torch import nn

from mtcli.core.blueprint import MAIN
from mtcli.core.config import TrainConfig
from mtcli.core.network import Network
from mtcli.core.optimization import (
    WeightAverage,
    build_optimizer,
    learning_rate,
    set_learning_rate,
)
from tests.conftest import DEVICE


class Small(nn.Module):
    """One tensor of each sort below `trunk.` and below `heads.`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8))
        self.heads = nn.ModuleDict({"cls": nn.Linear(8, 2)})

    def trunk_of(self, key: str) -> nn.Module:
        return self.trunk


def _optimizer(
    network: nn.Module, config: TrainConfig, rates: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    return build_optimizer(cast(Network, network), config, rates or {})


def _groups(optimizer: torch.optim.Optimizer, network: nn.Module) -> dict[str, Mapping[str, Any]]:
    """The group of every parameter by its name."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    return {
        names[id(parameter)]: group
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 1 / 3),
        (1, 2 / 3),
        (2, 1.0),
        (4, 0.5 * (1 + math.cos(math.pi / 4))),
        (6, 0.5),
        (10, 0.0),
        (11, 0.0),
    ],
)
def test_learning_rate_at_worked_points(step: int, rate: float) -> None:
    assert learning_rate(step, total=10, warmup=2, peak=1.0) == pytest.approx(rate, abs=1e-12)


def test_learning_rate_starts_at_its_peak_without_warmup() -> None:
    assert learning_rate(0, total=10, warmup=0, peak=0.2) == pytest.approx(0.2)


def test_learning_rate_takes_part_of_an_update_as_warmup() -> None:
    assert learning_rate(0, 10, 0.5, 3.0) == pytest.approx(2.0)
    assert learning_rate(1, 10, 0.5, 2.0) == pytest.approx(1 + math.cos(math.pi * 0.5 / 9.5))


@pytest.mark.parametrize("warmup", [0, 0.4, 3, 10, 50])
def test_learning_rate_stays_above_0_and_at_most_at_the_peak(warmup: float) -> None:
    rates = [learning_rate(step, 10, warmup, 0.1) for step in range(10)]
    assert all(0 < rate <= 0.1 for rate in rates)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_tensors_of_one_dimension_have_no_decay(name: str) -> None:
    network = Small()
    config = TrainConfig.model_validate({"optimizer": name, "weight_decay": 0.3})
    groups = _groups(_optimizer(network, config), network)
    assert {name: group["weight_decay"] for name, group in groups.items()} == {
        "trunk.0.weight": 0.3,
        "trunk.0.bias": 0.0,
        "trunk.1.weight": 0.0,
        "trunk.1.bias": 0.0,
        "heads.cls.weight": 0.3,
        "heads.cls.bias": 0.0,
    }


def test_the_trunk_moves_by_its_factor() -> None:
    network = Small()
    optimizer = _optimizer(network, TrainConfig(), {MAIN: 0.25})
    set_learning_rate(optimizer, 0.8)
    rates = {name: group["lr"] for name, group in _groups(optimizer, network).items()}
    assert rates["trunk.0.weight"] == rates["trunk.1.bias"] == pytest.approx(0.2)
    assert rates["heads.cls.weight"] == rates["heads.cls.bias"] == pytest.approx(0.8)


def test_a_factor_of_1_slows_nothing() -> None:
    optimizer = _optimizer(Small(), TrainConfig(), {MAIN: 1.0})
    set_learning_rate(optimizer, 0.8)
    assert {group["lr"] for group in optimizer.param_groups} == {0.8}


def test_sgd_moves_by_nesterov_momentum_and_decay() -> None:
    network = nn.Linear(1, 1, bias=False).to(DEVICE)
    nn.init.constant_(network.weight, 2.0)
    config = TrainConfig(optimizer="sgd", lr=0.1, momentum=0.5, weight_decay=0.25)
    optimizer = _optimizer(network, config)
    for _ in range(2):
        network.weight.grad = torch.ones_like(network.weight)
        optimizer.step()
    # Gradient and decay 1.5: the momentum is 1.5, the step 1.5 + 0.5 · 1.5.
    first = 2.0 - 0.1 * (1.5 + 0.5 * 1.5)
    gradient = 1 + 0.25 * first
    momentum = 0.5 * 1.5 + gradient
    assert network.weight.item() == pytest.approx(first - 0.1 * (gradient + 0.5 * momentum))


def _average(network: nn.Module, decay: float) -> WeightAverage:
    return WeightAverage(cast(Network, network.to(DEVICE)), decay)


def test_the_weight_average_follows_its_formula() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    average = _average(network, decay=0.15)
    expected = 1.0
    for value, decay in ((2.0, 1 / 10), (5.0, 0.15), (3.0, 0.15)):  # 2/11 and 3/12 are above 0.15
        nn.init.constant_(network.weight, value)
        average.update(network)
        expected = decay * expected + (1 - decay) * value
        assert float(average.network.state_dict()["weight"]) == pytest.approx(expected)


def test_the_weight_average_starts_fast_whatever_its_decay() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    average = _average(network, decay=0.999)
    nn.init.constant_(network.weight, 1.0)
    average.update(network)
    assert float(average.network.state_dict()["weight"]) == pytest.approx(0.9)
    average.update(network)
    assert float(average.network.state_dict()["weight"]) == pytest.approx(1 - 0.1 * 2 / 11)


def test_the_weight_average_copies_integers_and_averages_statistics() -> None:
    network = nn.BatchNorm1d(1)
    average = _average(network, decay=0.9)
    assert network.num_batches_tracked is not None
    assert network.running_mean is not None
    network.num_batches_tracked.fill_(41)
    network.running_mean.fill_(10.0)
    average.update(network)
    state = average.network.state_dict()
    assert state["num_batches_tracked"].item() == 41
    assert state["running_mean"].item() == pytest.approx(9.0)


def test_the_weight_average_leaves_the_network_alone() -> None:
    network = Small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    average = _average(network, decay=0.9)
    average.update(network)
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(
        torch.equal(before[name], value.cpu()) for name, value in network.state_dict().items()
    )
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
