"""Tied parameters are one everywhere: in gradients, updates, averages, files and counts."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.checkpoint import load_model, load_network, load_tensors, save_checkpoint
from mtcli.core.config import TrainConfig
from mtcli.core.description import Model
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import Freeze, freeze, frozen_tensors
from mtcli.core.modules import Named
from mtcli.core.network import Network
from mtcli.core.optimization import WeightAverage, build_optimizer, set_learning_rate
from mtcli.core.parts import Parts
from mtcli.core.tying import aliases, tie, with_aliases
from tests.conftest import DEVICE
from tests.core.transfer.networks import cls, det

HIDDEN = ("heads.a.hidden", "heads.b.hidden")
TENSORS = {f"{path}.{name}" for path in HIDDEN for name in ("weight", "bias")}


def built(*ties: tuple[str, ...], sharing: str = "hard") -> tuple[Network, Model]:
    """Tasks a and b with a hidden layer each, and c without; in pyramids are BatchNorms."""
    tasks: dict[str, Any] = {"a": cls("xy", hidden=8), "b": cls("pqr", hidden=8), "c": cls("mn")}
    if sharing == "none":
        tasks |= {"d": det("xy"), "e": det("xyz")}
    architecture = Architecture("tiny", 16, 0.0, "batch", sharing=sharing, ties=ties)
    network = build_network(architecture, tasks).to(DEVICE)
    return network, Model(architecture, tasks, (64, 64), "stretch")


def pair() -> nn.Module:
    """Two layers of one number each, y = w · x."""
    module = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1, bias=False)})
    nn.init.constant_(cast(nn.Linear, module["a"]).weight, 2.0)
    nn.init.constant_(cast(nn.Linear, module["b"]).weight, 5.0)
    return module.to(DEVICE)


def test_the_first_stands_for_all() -> None:
    module = pair()
    tie(module, ["b", "a"])
    assert module.get_parameter("a.weight") is module.get_parameter("b.weight")
    assert module.get_parameter("a.weight").item() == 5.0
    assert [name for name, _ in module.named_parameters()] == ["a.weight"]
    assert {*module.state_dict()} == {"a.weight", "b.weight"}


def test_single_parameters_are_tied() -> None:
    module = pair()
    tie(module, ["a.weight", "b.weight"])
    assert module.get_parameter("a.weight") is module.get_parameter("b.weight")


def test_all_names_of_a_tied_tensor() -> None:
    network, _ = built(HIDDEN)
    weights = ("heads.a.hidden.weight", "heads.b.hidden.weight")
    assert {*aliases(network)} == TENSORS
    assert aliases(network)[weights[1]] == weights
    assert with_aliases(["trunk.x", weights[0]], aliases(network)) == {"trunk.x", *weights}
    assert aliases(built()[0]) == {}


def test_a_task_called_as_a_method_of_modules_is_tied() -> None:
    module = Named({"type": nn.Linear(2, 2), "half": nn.Linear(2, 2)})
    tie(module, ["type", "half"])
    assert module["type"].weight is module["half"].weight


def test_what_is_no_parameter_stays_its_own() -> None:
    module = nn.ModuleDict({"a": nn.BatchNorm1d(2), "b": nn.BatchNorm1d(2, momentum=0.5)})
    tie(module, ["a", "b"])
    one, other = module["a"], module["b"]
    assert isinstance(one, nn.BatchNorm1d)
    assert isinstance(other, nn.BatchNorm1d)
    assert one.weight is other.weight
    one(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert one.running_mean is not None
    assert other.running_mean is not None
    assert one.running_mean.tolist() == pytest.approx([0.2, 0.3])
    assert other.running_mean.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("paths", "what", "expected", "mend"),
    [
        (
            ["heads.a.hiden", "heads.b.hidden"],
            "nothing of the network that learns is called heads.a.hiden",
            "a part of heads.a: hidden, classifier",
            "did you mean heads.a.hidden?",
        ),
        (
            ["heads.a.hidden", "heads.b.dropout"],
            "nothing of the network that learns is called heads.b.dropout",
            "a part of heads.b: hidden, classifier",
            None,
        ),
        (
            ["trunck.stem", "heads.b"],
            "nothing of the network that learns is called trunck.stem",
            "a part of the network: trunk, heads",
            "did you mean trunk.stem?",
        ),
        (
            ["heads.a.classifier", "heads.b.classifier"],
            "a tie between different shapes: heads.a.classifier, heads.b.classifier",
            "heads.a.classifier.weight [2, 8]",
            None,
        ),
        (
            ["heads.a", "heads.c"],
            "a tie between different shapes: heads.a, heads.c",
            "heads.a.hidden.weight [8, 128]",
            None,
        ),
        (
            ["heads.c", "heads.a"],
            "a tie between different shapes: heads.c, heads.a",
            "heads.c.classifier.weight [2, 128]",
            None,
        ),
    ],
)
def test_what_cannot_be_tied(paths: list[str], what: str, expected: str, mend: str | None) -> None:
    with pytest.raises(ConfigError) as error:
        built(tuple(paths))
    assert what in error.value.what
    assert error.value.expected == expected
    if mend is not None:
        assert error.value.mend == mend


def test_the_gradient_is_the_sum_over_the_tasks() -> None:
    module = pair()
    tie(module, ["a", "b"])
    a, b = module.get_submodule("a"), module.get_submodule("b")
    # (2 · 3)² + 10 · 2 · 7: the derivatives by w are 2 · 6 · 3 = 36 and 70.
    loss = a(torch.tensor([3.0], device=DEVICE)).square() + 10 * b(
        torch.tensor([7.0], device=DEVICE)
    )
    loss.backward()
    gradient = module.get_parameter("a.weight").grad
    assert gradient is not None
    assert float(gradient) == pytest.approx(36 + 70)


def test_each_task_s_loss_reaches_the_layer_that_its_group_shares() -> None:
    network, _ = built(HIDDEN)
    image = {"image": torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, device=DEVICE)}
    gradients: dict[str, Any] = {}
    for tasks in ("a", "b", "ab", "c"):
        network.zero_grad(set_to_none=True)
        answers = network(image)
        total: Any = torch.stack([answers[task].square().sum() for task in tasks]).sum()
        total.backward()
        gradients[tasks] = network.get_parameter("heads.a.hidden.weight").grad
    assert gradients["c"] is None
    assert gradients["a"].abs().sum() > 0
    assert not torch.allclose(gradients["a"], gradients["b"])
    torch.testing.assert_close(gradients["ab"], gradients["a"] + gradients["b"])


def test_a_tied_parameter_moves_once() -> None:
    network, _ = built(HIDDEN)
    config = TrainConfig.model_validate({"optimizer": "sgd", "momentum": 0, "weight_decay": 0})
    optimizer = build_optimizer(network, config, {})
    moved = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert len(moved) == len({*map(id, moved)}) == len([*network.parameters()])
    weight = network.get_parameter("heads.b.hidden.weight")
    before = weight.detach().clone()
    weight.grad = torch.ones_like(weight)
    set_learning_rate(optimizer, 0.5)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before - 0.5)
    # The gradient's norm counts it once too.
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    assert float(norm) == pytest.approx(weight.numel() ** 0.5)


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_of_several_rates_a_tied_parameter_has_the_smallest(order: tuple[str, str]) -> None:
    ties = tuple(f"trunks.{task}.stem" for task in order)
    network, _ = built(ties, sharing="none")
    optimizer = build_optimizer(network, TrainConfig(), {"a": 1.0, "b": 0.25, "c": 1.0})
    factors = {
        id(p): group["lr_factor"] for group in optimizer.param_groups for p in group["params"]
    }
    stem = network.get_parameter("trunks.a.stem.0.weight")
    assert factors[id(stem)] == 0.25
    assert factors[id(network.get_parameter("trunks.c.stem.0.weight"))] == 1.0


def test_the_average_of_a_tied_tensor_moves_once() -> None:
    module = pair()
    tie(module, ["a", "b"])
    average = WeightAverage(cast(Network, module), decay=0.9)
    assert aliases(average.network) == aliases(module)
    with torch.no_grad():
        module.get_parameter("a.weight").fill_(12.0)
    average.update(module)
    # The first update's decay is 1/10: 0.1 · 2 + 0.9 · 12; twice would be 11.9.
    assert average.network.get_parameter("b.weight").item() == pytest.approx(11.0)


def test_ties_survive_copies_and_other_formats() -> None:
    network, _ = built(HIDDEN)
    for other in (copy.deepcopy(network), copy.deepcopy(network).double()):
        assert aliases(other) == aliases(network)


@pytest.mark.parametrize("word", ["heads.a", "heads.b", "heads.b.hidden"])
def test_what_freezes_one_freezes_all(word: str) -> None:
    network, _ = built(HIDDEN)
    freeze(network.train(), Freeze([word]))
    assert not network.get_parameter("heads.a.hidden.weight").requires_grad
    other = network.get_parameter(f"heads.{'a' if word == 'heads.b' else 'c'}.classifier.weight")
    assert other.requires_grad
    assert frozen_tensors(network, Freeze([word]), ()) >= TENSORS
    assert Parts(network).matching([word]) >= TENSORS


def test_what_thaws_one_thaws_all() -> None:
    network, _ = built(HIDDEN)
    freeze(network.train(), Freeze(["heads"], but=["heads.b"]))
    learning = {name for name, p in network.heads.named_parameters() if p.requires_grad}
    assert learning == {
        "a.hidden.weight",
        "a.hidden.bias",
        "b.classifier.weight",
        "b.classifier.bias",
    }


def test_a_tied_parameter_is_shared() -> None:
    free, tied = built()[0].parameters_by_use(), built(HIDDEN)[0].parameters_by_use()
    layer = 8 * 128 + 8
    assert tied[0] == free[0] + layer
    assert tied[1] == {**free[1], "a": free[1]["a"] - layer, "b": free[1]["b"] - layer}
    assert tied[1]["a"] == 2 * 8 + 2


def test_a_parameter_that_is_tied_to_the_trunk_is_shared() -> None:
    tasks = {"a": det("xy"), "b": det("xy")}
    norm = "heads.a.class_tower.1"
    free = build_network(Architecture("tiny", 32, 0.0), tasks)
    ties = ((norm, "trunk.stages.c2.0.1"),)
    tied = build_network(Architecture("tiny", 32, 0.0, ties=ties), tasks)
    width = 2 * 32
    assert tied.parameters_by_use()[1]["a"] == free.parameters_by_use()[1]["a"] - width


def test_whole_heads_can_be_one() -> None:
    tasks = {"a": det("xy"), "b": det("xy")}
    ties = (("heads.a", "heads.b"),)
    network = build_network(Architecture("tiny", 16, 0.0, ties=ties), tasks)
    image = {"image": torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)}
    answers = network.eval()(image)
    assert torch.equal(answers["a"].logits, answers["b"].logits)
    assert torch.equal(answers["a"].boxes, answers["b"].boxes)
    assert network.parameters_by_use()[1] == {"a": 0, "b": 0}


@pytest.mark.parametrize(
    ("ties", "sharing"), [(HIDDEN, "hard"), (("pyramids.e", "pyramids.d"), "none")]
)
def test_a_checkpoint_has_tied_tensors_once(
    tmp_path: Path, ties: tuple[str, ...], sharing: str
) -> None:
    network, model = built(ties, sharing=sharing)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():  # statistics among them, which are each one's own
                tensor.copy_(torch.rand_like(tensor))
    folder = tmp_path / save_checkpoint(tmp_path, 1, model, network, {}, {})
    kept = load_file(folder / "model.safetensors")
    read, description = load_model(folder)
    assert read.architecture.ties == (ties,)
    again = {name for names in aliases(network).values() for name in names[1:]}
    assert again
    assert {*description["tied"]} == again
    assert {*kept} == {*network.state_dict()} - again
    assert {*load_tensors(folder)} == {*network.state_dict()}
    loaded = load_network(folder, read)
    assert aliases(loaded) == aliases(network)
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.cpu()), name
