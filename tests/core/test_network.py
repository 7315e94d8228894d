"""The network: one trunk for the whole batch, heads on their rows, names of tensors."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mtcli.core.blueprint import MAIN, Architecture
from mtcli.core.building import build_network
from mtcli.core.config import TrainConfig
from mtcli.core.errors import ConfigError
from mtcli.core.network import Network
from mtcli.core.optimization import build_optimizer
from mtcli.core.pyramid import build_pyramid
from mtcli.core.sharing import SHARINGS, Plan
from mtcli.core.sizing import check_size
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from mtcli.core.trunks import Trunk, build_trunk
from tests.conftest import DEVICE

CLS = Classification(ClassificationOptions(dropout=0.0), ClassificationFacts(classes=("a", "b")))


def _det(*levels: str) -> Detection:
    options = DetectionOptions.model_validate({"depth": 1, "levels": levels})
    return Detection(options, DetectionFacts(classes=("a",)))


TASKS: dict[str, AnyTask] = {"cls": CLS, "det": _det("p4", "p5")}


def _network(tasks: dict[str, AnyTask] = TASKS, trunk: str = "tiny") -> Network:
    return build_network(Architecture(trunk, pyramid=16, drop_path=0.0), tasks).to(DEVICE)


def _on(trunk: Trunk, tasks: dict[str, AnyTask]) -> Network:
    """A network of tasks that all use one trunk."""
    pyramid = lambda specs, levels: build_pyramid(specs, levels, 16)
    shared = SHARINGS.get("hard").share(lambda: trunk, Plan(MAIN, "made up", [*tasks]))
    return Network({MAIN: shared}, tasks, pyramid).to(DEVICE)


def _inputs(pictures: int = 4) -> dict[str, Tensor]:
    return {"image": torch.randint(0, 256, (pictures, 3, 64, 64), dtype=torch.uint8, device=DEVICE)}


def _rows(**rows: list[int]) -> dict[str, Tensor]:
    return {task: torch.tensor(own, dtype=torch.int64, device=DEVICE) for task, own in rows.items()}


def _total(answers: dict[str, Any]) -> Tensor:
    """Something of every answer to send gradients back from."""
    parts = []
    for task, raw in answers.items():
        parts += [tensor.square().mean() for tensor in TASKS[task].export_raw(raw).values()]
    return torch.stack(parts).sum()


def _backward(network: Network, rows: dict[str, Tensor]) -> None:
    torch.autograd.backward(_total(network(_inputs(), rows)))


def test_the_trunk_runs_once_a_batch() -> None:
    trunk = build_trunk("tiny")
    seen: list[int] = []

    def counting(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
        seen.append(len(x))
        return trunk.extract(module, x)

    counted: Trunk = replace(trunk, extract=counting)
    network = _on(counted, {**TASKS, "other": CLS})
    answers = network(_inputs(), _rows(cls=[0, 1], det=[1, 2, 3], other=[0]))
    assert set(answers) == {"cls", "det", "other"}
    assert seen == [4]


def test_the_pyramid_runs_once_a_batch() -> None:
    network = _network({"one": _det("p4"), "two": _det("p5")})
    runs: list[int] = []
    assert network.pyramid is not None
    network.pyramid.register_forward_hook(lambda *_: runs.append(1))
    network(_inputs())
    assert runs == [1]


def test_every_task_sees_the_same_maps() -> None:
    features = _network({"one": CLS, "two": CLS}).encode(_inputs())
    assert features["one"]["c5"] is features["two"]["c5"]


def test_pictures_are_normalised_as_the_trunk_wants_them() -> None:
    seen: list[Tensor] = []
    trunk = build_trunk("tiny")

    def looking(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
        seen.append(x)
        return trunk.extract(module, x)

    wanted = replace(trunk, extract=looking, mean=(0.1, 0.2, 0.4), std=(0.5, 0.25, 0.2))
    network = _on(wanted, {"cls": CLS})
    pictures = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    network.encode({"image": pictures.expand(1, 3, 32, 32).to(DEVICE)})
    values = seen[0][0, :, 0, 0].tolist()
    assert values == pytest.approx([(0 - 0.1) / 0.5, (0.2 - 0.2) / 0.25, (1 - 0.4) / 0.2])


def test_a_task_without_a_row_does_not_run_and_has_no_gradient() -> None:
    network = _network()
    _backward(network, _rows(cls=[0, 2]))
    for name, parameter in network.named_parameters():
        own = name.startswith(("trunk.", "heads.cls."))
        assert (parameter.grad is not None) == own, name


def test_an_empty_list_of_rows_is_no_row() -> None:
    assert set(_network()(_inputs(), _rows(cls=[1], det=[]))) == {"cls"}


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_weights_of_a_task_without_a_label_do_not_move(name: str) -> None:
    """Not by weight decay, and not by the momentum of the update before."""
    network = _network()
    config = TrainConfig.model_validate({"optimizer": name, "weight_decay": 0.5, "lr": 0.1})
    optimizer = build_optimizer(network, config, {})
    _backward(network, _rows(cls=[0, 1], det=[2, 3]))
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    before = {tensor: value.clone() for tensor, value in network.state_dict().items()}
    _backward(network, _rows(cls=[0, 1]))
    optimizer.step()
    moved = {
        tensor for tensor, value in network.state_dict().items() if not before[tensor].equal(value)
    }
    assert not any(tensor.startswith(("heads.det.", "pyramid.")) for tensor in moved)
    assert {"heads.cls.classifier.weight", "trunk.stem.0.weight"} <= moved


def _seen_by(network: Network, task: str) -> list[dict[str, Tensor]]:
    """What the task's head is given, call by call."""
    given: list[dict[str, Tensor]] = []
    network.heads[task].register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    return given


def test_maps_are_not_copied_where_all_rows_are_labelled() -> None:
    network = _network()
    given = _seen_by(network, "cls")
    features = network.encode(_inputs())
    network.heads(features, _rows(cls=[0, 1, 2, 3]))
    network.heads(features, None)
    for maps in given:
        assert maps["c5"].data_ptr() == features["cls"]["c5"].data_ptr()
        assert maps["c5"].shape == features["cls"]["c5"].shape


def test_a_head_sees_its_rows_alone() -> None:
    network = _network()
    given = _seen_by(network, "det")
    features = network.encode(_inputs())
    network.heads(features, _rows(det=[1, 3]))
    assert set(given[0]) == {"p4", "p5"}
    for level, feature in features["det"].items():
        assert torch.equal(given[0][level], feature[[1, 3]])


def test_answers_of_some_rows_are_those_of_all_rows() -> None:
    network = _network().eval()
    inputs = _inputs()
    with torch.inference_mode():
        everything = network(inputs)
        some = network(inputs, _rows(cls=[2], det=[0, 3]))
    torch.testing.assert_close(some["cls"], everything["cls"][[2]])
    torch.testing.assert_close(some["det"].logits, everything["det"].logits[[0, 3]])


def test_heads_are_given_the_targets_of_their_task() -> None:
    network = _network({"cls": CLS})
    given: list[Any] = []
    network.heads["cls"].register_forward_pre_hook(lambda _, inputs: given.append(inputs[1]))
    targets = {"cls": torch.tensor([1], device=DEVICE)}
    network(_inputs(), _rows(cls=[0]), targets)
    network(_inputs())
    assert given[0] is targets["cls"]
    assert given[1] is None


@pytest.mark.parametrize(
    ("tasks", "levels"),
    [
        ({"cls": CLS}, None),
        ({"cls": CLS, "det": _det("p5")}, ["p5"]),
        ({"cls": CLS, "det": _det("p3", "p5")}, ["p3", "p4", "p5"]),
        ({"one": _det("p4"), "two": _det("p2")}, ["p2", "p3", "p4", "p5"]),
    ],
)
def test_the_pyramid_is_built_as_far_as_a_task_reads_it(
    tasks: dict[str, AnyTask], levels: list[str] | None
) -> None:
    pyramid = _network(tasks).pyramid
    assert (pyramid and list(pyramid.specs)) == levels


def test_encode_gives_each_task_its_levels() -> None:
    features = _network().encode(_inputs())
    shapes = {
        task: {level: tuple(feature.shape[1:]) for level, feature in maps.items()}
        for task, maps in features.items()
    }
    assert shapes == {
        "cls": {"c5": (128, 2, 2)},
        "det": {"p4": (16, 4, 4), "p5": (16, 2, 2)},
    }


def test_forward_is_encode_and_heads() -> None:
    network, inputs = _network().eval(), _inputs()
    with torch.inference_mode():
        whole, composed = network(inputs), network.heads(network.encode(inputs))
    assert torch.equal(whole["cls"], composed["cls"])
    assert torch.equal(whole["det"].boxes, composed["det"].boxes)


@pytest.mark.parametrize("trunk", ["tiny", "resnet18"])
def test_tensors_are_named_by_their_use(trunk: str) -> None:
    names = list(_network(trunk=trunk).state_dict())
    known = re.compile(r"^(trunk|pyramid|heads\.(cls|det))\..+")
    assert [name for name in names if not known.match(name)] == []
    own = [f"trunk.{name}" for name in build_trunk(trunk).module.state_dict()]
    assert [name for name in names if name.startswith("trunk.")] == own
    assert {"heads.cls.classifier.weight", "heads.det.scales"} <= set(names)


def test_shared_and_own_parameters_are_all_parameters() -> None:
    network = _network()
    shared, own = network.parameters_by_use()
    assert own["cls"] == 128 * 2 + 2
    assert shared + sum(own.values()) == sum(p.numel() for p in network.parameters())


def test_weights_follow_from_torch_s_generator() -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(_network().state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("size", [(64, 64), (32, 320), (96, 64)])
def test_a_size_of_whole_strides_fits(size: tuple[int, int]) -> None:
    check_size(_network(), Architecture("tiny", 16, 0.0), size)


@pytest.mark.parametrize(
    ("size", "mend"),
    [
        ((60, 64), "the nearest sizes are [32, 64] and [64, 64]"),
        ((100, 130), "the nearest sizes are [96, 128] and [128, 160]"),
        ((96, 100), "the nearest sizes are [96, 96] and [96, 128]"),
        ((10, 32), "the nearest size is [32, 32]"),
    ],
)
def test_another_size_is_refused_and_the_nearest_are_named(
    size: tuple[int, int], mend: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_size(_network(), Architecture("tiny", 16, 0.0), size)
    assert caught.value.mend == mend
    assert caught.value.expected == "height and width in multiples of 32"
