"""Forward passes of networks, part by part."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.inventory import passes
from mtcli.core.inventory.networks import part_paths
from mtcli.core.inventory.passes import Pass, part_of, run_through
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from mtcli.core.tasks import KINDS

SIZE = (64, 96)


def make_task(name: str) -> AnyTask:
    kind = KINDS.get("classification")
    return kind(kind.Options(), kind.Facts.model_validate({"classes": ["a", name]}))


def build(trunk: str = "tiny", sharing: str = "hard") -> Network:
    tasks = {name: make_task(name) for name in ("cls", "more")}
    return build_network(Architecture(trunk, 16, 0.0, sharing=sharing), tasks).eval()


def through(network: Network) -> Pass:
    return run_through(network, part_paths(network), SIZE)


def test_the_stages_of_resnet18_are_its_layers() -> None:
    run = through(build("resnet18"))
    done: set[int] = set()
    layers = {}
    for level, feature in run.maps[""].items():
        own = run.tape.behind([feature]) - done
        done |= own
        names = [n for n, tensor in run.parameters.items() if run.tape.reading(tensor) & own]
        layers[level] = {name.split(".")[1] for name in names}
    assert layers == {
        "c2": {"conv1", "bn1", "layer1"},
        "c3": {"layer2"},
        "c4": {"layer3"},
        "c5": {"layer4"},
    }


def test_a_pass_leaves_the_network_as_it_was() -> None:
    network = build(sharing="mtan")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    run = through(network)
    assert all(torch.equal(before[name], own) for name, own in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert {tensor.device.type for tensor in run.parameters.values()} == {"meta"}
    assert {tensor.device.type for tensor in network.parameters()} == {"cpu"}


def test_what_meta_cannot_do_is_done_in_earnest() -> None:
    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum().item() > -1e9 else -x

    network = build()
    usual = through(network)
    trunk = network.trunk_of("")
    trunk.stages["c3"].append(Asks())  # type: ignore[union-attr,index]
    run = through(network)
    assert {tensor.device.type for tensor in run.parameters.values()} == {"cpu"}
    assert run.tape.multiply_adds == usual.tape.multiply_adds
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_what_fails_everywhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("no such pass")

    monkeypatch.setattr(passes, "_run", broken)
    with pytest.raises(RuntimeError, match="no such pass"):
        through(build())


def test_tied_parameters_are_one_tensor_on_any_device() -> None:
    tasks = {name: make_task(name) for name in ("cls", "more")}
    ties = (("heads.cls.classifier.weight", "heads.more.classifier.weight"),)
    network = build_network(Architecture("tiny", 16, 0.0, ties=ties), tasks).eval()
    found = through(network).parameters
    first, second = (found[name] for name in ties[0])
    assert first is second
    assert first.device.type == "meta"


def test_paths_belong_to_parts_by_whole_words() -> None:
    assert part_of("trunks.a.conv", ["trunk", "trunks.ab", "trunks.a"]) == "trunks.a"
    assert part_of("trunk", ["trunk"]) == "trunk"
    assert part_of("trunks", ["trunk", "trunks.a"]) is None
