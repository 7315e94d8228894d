"""Frozen parts: no gradient, no update, no moving statistics."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtcli.core.errors import ConfigError
from mtcli.core.freezing import check_frozen, freeze
from mtcli.core.labels import WordsLabel
from mtcli.core.mixing import Mixing, Update
from mtcli.core.network import Architecture, Network, build_network
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

PICTURES = {"image": torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8)}


@pytest.fixture
def network() -> Network:
    """Two classifications on a trunk with BatchNorm."""
    kind = KINDS.get("classification")
    values = [WordsLabel(("a",)), WordsLabel(("b",))]
    tasks: dict[str, AnyTask] = {
        name: kind.prepare(kind.Options(), values) for name in ("cls", "tag")
    }
    torch.manual_seed(0)
    return build_network(Architecture("resnet18", 16, 0.0), tasks)


def step(network: Network) -> dict[str, torch.Tensor]:
    """One update from every head; returns the state before it."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    answers = network(PICTURES)
    torch.autograd.backward(torch.stack([a.square().sum() for a in answers.values()]).sum())
    optimizer.step()
    return before


def moved(network: Network, before: dict[str, torch.Tensor]) -> set[str]:
    return {
        name
        for name, tensor in network.state_dict().items()
        if not torch.equal(tensor, before[name])
    }


def test_everything_moves_where_nothing_is_frozen(network: Network) -> None:
    network.train()
    freeze(network, ())
    names = moved(network, step(network))
    assert {name.split(".")[0] for name in names} == {"trunk", "heads"}
    assert any("running_mean" in name for name in names)


def test_a_frozen_trunk_keeps_every_byte(network: Network) -> None:
    network.train()
    freeze(network, ["trunk"])
    names = moved(network, step(network))
    assert names
    assert all(name.startswith("heads.") for name in names)
    assert all(parameter.grad is None for parameter in network.trunk.parameters())


def test_one_head_alone(network: Network) -> None:
    network.train()
    freeze(network, ["heads.tag"])
    names = moved(network, step(network))
    assert not any(name.startswith("heads.tag.") for name in names)
    assert any(name.startswith("heads.cls.") for name in names)
    assert any(name.startswith("trunk.") for name in names)


def test_names_of_tensors(network: Network) -> None:
    network.train()
    freeze(network, ["trunk.layer1", "trunk.bn?.*"])
    names = moved(network, step(network))
    assert not any(name.startswith(("trunk.layer1.", "trunk.bn1.")) for name in names)
    assert "trunk.conv1.weight" in names


def test_what_was_frozen_learns_again(network: Network) -> None:
    network.train()
    freeze(network, ["trunk"])
    network.train()
    freeze(network, ())
    assert any(name.startswith("trunk.") for name in moved(network, step(network)))
    assert all(m.training for m in network.modules() if isinstance(m, nn.BatchNorm2d))


class Fixed(Mixing):
    """Says what is frozen and who learns, and draws nothing."""

    def __init__(self, parts: tuple[str, ...], tasks: tuple[str, ...] | None) -> None:
        self._parts, self._tasks = parts, tasks

    def updates(self, epoch: int) -> int:
        return 0

    def epoch(self, epoch: int) -> list[Update]:
        return []

    def learning(self, epoch: int) -> tuple[str, ...] | None:
        return self._tasks

    def frozen(self, epoch: int) -> tuple[str, ...]:
        return self._parts if epoch == 2 else ()


@pytest.mark.parametrize(
    ("parts", "what", "mend"),
    [
        (("trank",), "nothing of the network is called trank", "did you mean trunk?"),
        (("heads.clas",), "nothing of the network is called heads.clas", "did you mean heads.cls?"),
        (("trunk", "heads.tag"), "nothing is left for tag to learn with in epoch 2", None),
    ],
)
def test_what_cannot_be_frozen(
    network: Network, parts: tuple[str, ...], what: str, mend: str | None
) -> None:
    check_frozen(network, Fixed(parts, None), 1, ["cls", "tag"], "stages")
    with pytest.raises(ConfigError, match=f"stages: {what}") as error:
        check_frozen(network, Fixed(parts, None), 2, ["cls", "tag"], "stages")
    if mend:
        assert error.value.mend == mend


def test_a_head_may_be_frozen_while_its_task_rests(network: Network) -> None:
    check_frozen(network, Fixed(("trunk", "heads.tag"), ("cls",)), 2, ["cls", "tag"], "stages")
