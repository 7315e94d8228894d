"""Frozen parts: no gradient, no update, no moving statistics."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import nn

from mtcli.core.blueprint import MAIN, Architecture
from mtcli.core.building import build_network
from mtcli.core.config import TrainConfig
from mtcli.core.errors import ConfigError
from mtcli.core.freezing import Freeze, check_frozen, freeze, frozen_tensors, frozen_until
from mtcli.core.labels import Object, ObjectsLabel, WordsLabel
from mtcli.core.modules import Features
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (64, 64)
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
    freeze(network, Freeze())
    names = moved(network, step(network))
    assert {name.split(".")[0] for name in names} == {"trunk", "heads"}
    assert any("running_mean" in name for name in names)


def test_a_frozen_trunk_keeps_every_byte(network: Network) -> None:
    network.train()
    freeze(network, Freeze(["trunk"]))
    names = moved(network, step(network))
    assert names
    assert all(name.startswith("heads.") for name in names)
    assert all(parameter.grad is None for parameter in network.trunk_of(MAIN).parameters())


def test_one_head_alone(network: Network) -> None:
    network.train()
    freeze(network, Freeze(["heads.tag"]))
    names = moved(network, step(network))
    assert not any(name.startswith("heads.tag.") for name in names)
    assert any(name.startswith("heads.cls.") for name in names)
    assert any(name.startswith("trunk.") for name in names)


def test_names_of_tensors(network: Network) -> None:
    network.train()
    freeze(network, Freeze(["trunk.layer1", "trunk.bn?.*"]))
    names = moved(network, step(network))
    assert not any(name.startswith(("trunk.layer1.", "trunk.bn1.")) for name in names)
    assert "trunk.conv1.weight" in names


def test_what_was_frozen_learns_again(network: Network) -> None:
    network.train()
    freeze(network, Freeze(["trunk"]))
    network.train()
    freeze(network, Freeze())
    assert any(name.startswith("trunk.") for name in moved(network, step(network)))
    assert all(m.training for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def stages(*said: dict[str, object]) -> TrainConfig:
    mixing = {"sequential": [{"epochs": 1, **stage} for stage in said]}
    return TrainConfig.model_validate({"mixing": mixing})


@pytest.mark.parametrize(
    ("parts", "what", "mend"),
    [
        (["trank"], "nothing of the network is called trank", "did you mean trunk?"),
        (["heads.clas"], "nothing of the network is called heads.clas", "did you mean heads.cls?"),
        (["trunk", "heads.tag"], "nothing is left for tag to learn with", None),
    ],
)
def test_what_cannot_be_frozen(
    network: Network, parts: list[str], what: str, mend: str | None
) -> None:
    plain: dict[str, object] = {"tasks": ["cls", "tag"]}
    check_frozen(network, stages(plain), SIZE, ())
    with pytest.raises(
        ConfigError, match=rf"^train\.mixing\.sequential\.1\.freeze: {what}"
    ) as error:
        check_frozen(network, stages(plain, {**plain, "freeze": parts}), SIZE, ())
    if mend:
        assert error.value.mend == mend


def test_a_head_may_be_frozen_while_its_task_rests(network: Network) -> None:
    check_frozen(network, stages({"tasks": ["cls"], "freeze": ["trunk", "heads.tag"]}), SIZE, ())


def test_the_pyramid_may_be_frozen_where_no_task_of_the_run_reads_it(network: Network) -> None:
    assert network.pyramid is None
    check_frozen(network, stages({"tasks": ["cls"], "freeze": ["pyramid", "pyramid.*"]}), SIZE, ())


@pytest.fixture
def levelled() -> Network:
    """Boxes on p3 and coarser, and on p2 alone: what only p2 is made of does not teach the rest."""
    kind = KINDS.get("detection")
    values = [ObjectsLabel((Object("a", (0, 0, 9, 9)),))]
    options = {"coarse": ["p3", "p4", "p5"], "fine": ["p2"]}
    tasks: dict[str, AnyTask] = {
        name: kind.prepare(kind.Options.model_validate({"levels": levels}), values)
        for name, levels in options.items()
    }
    return build_network(Architecture("tiny", 16, 0.0), tasks)


BUT_P2 = ["trunk", "heads.coarse", "pyramid.inner_blocks", "pyramid.layer_blocks.[1-3].*"]


def test_a_task_learns_with_what_its_own_maps_are_made_of(levelled: Network) -> None:
    parts = {"freeze": BUT_P2}
    check_frozen(levelled, stages({"tasks": ["fine"], **parts}), SIZE, ())
    with pytest.raises(ConfigError, match="nothing is left for coarse to learn with"):
        check_frozen(levelled, stages({"tasks": ["coarse", "fine"], **parts}), SIZE, ())

    # So it is: backward has nowhere to go.
    freeze(levelled.train(), Freeze(BUT_P2))
    features = levelled.encode(PICTURES)
    assert features["fine"]["p2"].requires_grad
    assert not any(feature.requires_grad for feature in features["coarse"].values())


def test_a_look_leaves_the_network_as_it_was(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.train()
    network.trunk_of(MAIN).eval()
    next(network.heads["tag"].parameters()).requires_grad_(False)

    def state() -> list[object]:
        modes = [module.training for module in network.modules()]
        return [modes, [(p.requires_grad, p.grad) for p in network.parameters()]]

    before = state()
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    stage: dict[str, object] = {"tasks": ["cls"], "freeze": ["trunk"]}
    looks: list[object] = []
    encode = network.encode

    def looked(inputs: Mapping[str, torch.Tensor]) -> Features:
        looks.append(inputs)
        return encode(inputs)

    monkeypatch.setattr(network, "encode", looked)
    check_frozen(network, stages(stage, {**stage, "epochs": 7}, {"tasks": ["tag"]}), SIZE, ())
    assert state() == before
    assert not moved(network, weights)
    assert len(looks) == 1, "the same parts and tasks are looked at once"


NORMS = {"trunk.bn1.weight", "trunk.bn1.running_mean"}


def test_the_statistics_of_a_module_at_rest_stay_too(network: Network) -> None:
    assert frozen_tensors(network, Freeze(["trunk.bn1"]), ()) >= NORMS
    assert frozen_tensors(network, Freeze(["bn"]), ()) >= NORMS
    # A BatchNorm with a bias that learns follows the pictures.
    assert frozen_tensors(network, Freeze(["trunk.bn1.weight"]), ()) == {"trunk.bn1.weight"}
    network.train()
    held = frozen_tensors(network, Freeze(["trunk.layer1", "bn"]), ())
    freeze(network, Freeze(["trunk.layer1", "bn"]))
    assert not moved(network, step(network)) & held


def test_a_batchnorm_without_weights_rests_with_the_others(network: Network) -> None:
    trunk = network.trunk_of(MAIN)
    trunk.bn1 = nn.BatchNorm2d(64, affine=False)
    network.train()
    freeze(network, Freeze(["bn"]))
    assert not trunk.bn1.training
    assert not any(name.startswith("trunk.bn1.") for name in moved(network, step(network)))
    freeze(network.train(), Freeze(["heads.cls"]))
    assert trunk.bn1.training


@pytest.mark.parametrize(
    ("parts", "but", "bn", "conv"),
    [
        (["trunk"], ["trunk"], False, False),
        (["trunk", "bn"], ["trunk"], True, False),
        (["conv", "bn"], ["trunk"], True, False),
        (["trunk", "bn"], ["trunk", "bn"], False, False),
        (["trunk", "bn"], ["bn"], False, True),
        (["trunk", "trunk.bn*"], ["trunk"], True, False),
        (["trunk.conv1", "trunk.bn1"], ["trunk"], False, False),
        (["bn"], ["trunk"], False, False),
    ],
)
def test_a_part_named_on_its_own_stays_when_a_larger_one_thaws(
    network: Network, parts: list[str], but: list[str], bn: bool, conv: bool
) -> None:
    copied = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    still = frozen_tensors(network, Freeze(parts, but), copied)
    assert ("trunk.bn1.weight" in still) is bn
    assert ("trunk.conv1.weight" in still) is conv


def test_a_part_cannot_thaw_behind_the_last_epoch(network: Network) -> None:
    said = {"epochs": 10, "freeze": ["trunk"], "unfreeze": {"trunk": 10}}
    check_frozen(network, TrainConfig.model_validate(said), SIZE)
    said["unfreeze"] = {"trunk": 11}
    with pytest.raises(ConfigError, match=r"train\.unfreeze\.trunk: the training ends before") as e:
        check_frozen(network, TrainConfig.model_validate(said), SIZE)
    assert (e.value.expected, e.value.found) == ("at most 10, the last epoch", "11")


def test_a_stage_s_frozen_parts_rest_until_it_ends(network: Network) -> None:
    rests = {"tasks": ["cls", "tag"], "freeze": ["trunk"], "epochs": 2}
    settings = stages(rests, {"tasks": ["cls"]}, {"tasks": ["cls"], "freeze": ["trunk"]})
    until = frozen_until(network, settings, ())
    assert {n: 2 for n in network.state_dict() if n.startswith("trunk.")} == until


def test_each_part_rests_until_its_own_epoch(network: Network) -> None:
    said = {"epochs": 9, "freeze": ["trunk", "heads.tag"]}
    said |= {"unfreeze": {"trunk.layer4": 3, "trunk": 6}}
    until = frozen_until(network, TrainConfig.model_validate(said), ())
    assert until["trunk.layer4.0.conv1.weight"] == 2
    assert until["trunk.bn1.running_mean"] == until["trunk.bn1.weight"] == 5
    assert until["heads.tag.classifier.bias"] is None, "to the end"
    assert "heads.cls.classifier.bias" not in until


def test_a_published_trunk_rests_as_a_copied_one_does(network: Network) -> None:
    settings = TrainConfig(freeze=("conv",))
    assert not frozen_until(network, settings, ())
    trunk = {name for name in network.state_dict() if name.startswith("trunk.")}
    assert {*frozen_until(network, settings, trunk)} == trunk
