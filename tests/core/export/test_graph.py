"""The graph that is shipped: files' pictures in, tensors by task and output out."""

from __future__ import annotations

import torch

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.export.graph import Graph
from mtcli.core.network import Network
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det

TASKS: dict[str, AnyTask] = {"cls": cls("abc"), "det": det("ab")}
PICTURES = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8)


def network(fusion: str | None = None) -> Network:
    torch.manual_seed(0)
    inputs = {"rgb": 3, "depth": 1} if fusion else {}
    return build_network(Architecture("tiny", 16, 0.0, fusion=fusion, inputs=inputs), TASKS).eval()


def test_decoded_it_says_what_the_network_does() -> None:
    with torch.inference_mode():
        raw = network()({"image": PICTURES.permute(0, 3, 1, 2)})
        found = Graph(network(), TASKS, decoded=True)(PICTURES)
    wanted = {
        f"{name}/{output}": tensor
        for name, task in TASKS.items()
        for output, tensor in task.export(raw[name], (64, 96)).items()
    }
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor)


def test_raw_it_says_what_the_heads_do() -> None:
    with torch.inference_mode():
        found = Graph(network(), TASKS, decoded=False)(PICTURES)
    assert list(found) == ["cls/logits", "det/scores", "det/boxes"]
    assert found["cls/logits"].shape == (2, 3)
    places = 64 * 96 // 16**2 + 64 * 96 // 32**2
    assert found["det/boxes"].shape == (2, places, 4)


def test_it_has_the_heads_of_its_tasks_alone_and_learns_nothing() -> None:
    graph = Graph(network(), {"det": TASKS["det"]}, decoded=True)
    names = {name for name in graph.state_dict() if ".heads." in name}
    assert names
    assert all(name.startswith("network.heads.det.") for name in names)
    assert not any(parameter.requires_grad for parameter in graph.parameters())
    with torch.inference_mode():
        assert all(name.startswith("det/") for name in graph(PICTURES))


def test_several_inputs_come_in_their_order_a_map_without_channels() -> None:
    depth = torch.rand(2, 64, 96)
    both = torch.tensor([0, 1])
    inputs = {
        "rgb": PICTURES.permute(0, 3, 1, 2),
        "rgb/rows": both,
        "depth": depth[:, None],
        "depth/rows": both,
    }
    with torch.inference_mode():
        wanted = network("stack")(inputs)["cls"]
        found = Graph(network("stack"), {"cls": TASKS["cls"]}, decoded=False)(PICTURES, depth)
    torch.testing.assert_close(found["cls/logits"], wanted)
