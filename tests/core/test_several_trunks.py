"""Several trunks in one network: maps, names of tensors, gradients, rates and checkpoints."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from mtcli.core.blueprint import MAIN, Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_model, load_network, save_checkpoint
from mtcli.core.config import TrainConfig
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import Freeze, freeze
from mtcli.core.network import Network, map_name
from mtcli.core.optimization import build_optimizer, rate_factors
from mtcli.core.sizing import check_size
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det

TASKS: dict[str, AnyTask] = {"cls": cls("ab"), "det": det("ab"), "boxes": det("ab", levels=["p5"])}
ARCHITECTURE = Architecture(
    "tiny",
    16,
    0.0,
    trunks={"side": SideTrunk("test_resnet"), "idle": SideTrunk("resnet18")},
    uses={"boxes": "side"},
)
PICTURES = {"image": torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)}


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build_network(ARCHITECTURE, TASKS)


def parts(names: set[str]) -> set[str]:
    two = ("heads.", "trunks.", "pyramids.")
    return {".".join(name.split(".")[: 2 if name.startswith(two) else 1]) for name in names}


def test_names_of_tensors(network: Network) -> None:
    assert parts({*network.state_dict()}) == {
        "trunk",
        "pyramid",
        "trunks.side",
        "pyramids.side",
        "heads.cls",
        "heads.det",
        "heads.boxes",
    }
    assert network.uses == {"cls": MAIN, "det": MAIN, "boxes": "side"}


def test_each_task_reads_the_maps_of_its_trunk(network: Network) -> None:
    network.eval()
    features = network.encode(PICTURES)
    shapes = {
        f"{task}/{level}": tuple(feature.shape[1:])
        for task, maps in features.items()
        for level, feature in maps.items()
    }
    assert shapes == {
        "cls/c5": (128, 2, 2),
        "det/p4": (16, 4, 4),
        "det/p5": (16, 2, 2),
        "boxes/p5": (16, 2, 2),
    }
    # Maps that were made before take the place of pictures.
    maps = {
        map_name(key, level): feature
        for key, levels in network.maps(PICTURES).items()
        for level, feature in levels.items()
    }
    assert {"c5", "side/c5"} <= {*maps}
    for task, levels in network.encode(maps).items():
        for level, feature in levels.items():
            assert torch.equal(feature, features[task][level])


@pytest.mark.parametrize(
    ("task", "moving"),
    [
        ("cls", {"trunk", "heads.cls"}),
        ("det", {"trunk", "pyramid", "heads.det"}),
        ("boxes", {"trunks.side", "pyramids.side", "heads.boxes"}),
    ],
)
def test_gradients_come_from_a_trunk_s_own_tasks_only(
    network: Network, task: str, moving: set[str]
) -> None:
    raw = network(PICTURES, {task: torch.tensor([0, 1])})[task]
    losses = [answer.square().mean() for answer in TASKS[task].export_raw(raw).values()]
    torch.autograd.backward(torch.stack(losses).sum())
    assert parts({n for n, p in network.named_parameters() if p.grad is not None}) == moving


def test_a_main_trunk_that_no_task_uses_is_not_built() -> None:
    network = build_network(ARCHITECTURE, {"boxes": TASKS["boxes"]})
    assert parts({*network.state_dict()}) == {"trunks.side", "pyramids.side", "heads.boxes"}
    assert network.trunk is None
    check_size(network, ARCHITECTURE, (64, 64))
    assert set(network(PICTURES)) == {"boxes"}


def test_every_trunk_has_a_rate_of_its_own(network: Network) -> None:
    optimizer = build_optimizer(network, TrainConfig(lr=0.8), {MAIN: 0.5, "side": 0.25})
    names = {id(p): name for name, p in network.named_parameters()}
    factors: dict[str, set[float]] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            (part,) = parts({names[id(parameter)]})
            factors.setdefault(part, set()).add(group["lr_factor"])
    assert factors == {
        "trunk": {0.5},
        "trunks.side": {0.25},
        **{
            part: {1.0}
            for part in ("pyramid", "pyramids.side", "heads.cls", "heads.det", "heads.boxes")
        },
    }


def test_rates_fall_from_layer_to_layer(network: Network) -> None:
    """tiny: a stem, then a convolution with its norm and a block for each of four maps."""
    factors = rate_factors(network, {MAIN: 0.5}, decay=0.5)
    order = ["stem.0", "stem.1"] + [
        f"stages.c{level}.{inner}" for level in (2, 3, 4, 5) for inner in ("0.0", "0.1", "1.conv1")
    ]
    rates = [factors[f"trunk.{name}.weight"] for name in order]
    assert rates[-1] == 0.5, "the last layer moves as fast as the trunk"
    steps = {round(b / a, 6) for a, b in itertools.pairwise(rates)}
    assert steps <= {1.0, 2.0}
    assert rates[0] == min(rates) == 0.5 * 0.5 ** (len({*factors.values()}) - 1)
    assert {name.split(".")[0] for name in factors} == {"trunk"}


def test_one_trunk_may_be_frozen_while_another_learns(network: Network) -> None:
    freeze(network.train(), Freeze(["trunks.side"]))
    raw = network(PICTURES)
    said = [tensor for task in TASKS for tensor in TASKS[task].export_raw(raw[task]).values()]
    losses = [tensor.square().mean() for tensor in said]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.autograd.backward(torch.stack(losses).sum())
    torch.optim.SGD(network.parameters(), lr=0.1).step()
    after = network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "trunks.side" not in parts(moved)
    assert {"trunk", "pyramids.side"} <= parts(moved)


def test_a_checkpoint_keeps_them_all(network: Network, tmp_path: Path) -> None:
    model = Model(ARCHITECTURE, TASKS, (64, 64), "stretch")
    name = save_checkpoint(tmp_path, 1, model, network, {}, {})
    found, _ = load_model(tmp_path / name)
    assert found.architecture == ARCHITECTURE
    again = load_network(tmp_path / name, found)
    for tensor, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[tensor], value), tensor


def test_a_size_that_one_trunk_does_not_take_names_that_trunk(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("too small")

    monkeypatch.setattr(network.trunk_of("side"), "forward", refuse)
    monkeypatch.setattr(network.trunk_of("side"), "forward_intermediates", refuse, raising=False)
    with pytest.raises(ConfigError, match="the trunk test_resnet does not take pictures"):
        check_size(network, ARCHITECTURE, (64, 64))
