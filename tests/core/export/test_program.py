"""The traced graph: one for the tasks that were chosen, and nothing of the others in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mtcli.core.blueprint import Architecture, SideTrunk
from mtcli.core.building import build_network
from mtcli.core.errors import UsageError
from mtcli.core.export.formats import EXPORTERS
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.program import Program, trace
from mtcli.core.fusion import FUSIONS
from mtcli.core.network import Network
from mtcli.core.sharing import SHARINGS
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls, det

SIZE = (64, 96)
# `type` is a name that torch's tracing trips over; `far` has a trunk beside.
TASKS: dict[str, AnyTask] = {"cls": cls("abc"), "type": det("ab"), "far": cls("abc")}
OWN_PARTS = {
    "hard": [],
    "branch": ["trunks.cls."],
    "none": ["trunks.cls."],
    "mtan": ["sharing.cls."],
    "cross_stitch": ["sharing.cls.c5."],
}
"""What `cls` alone needs of the network, by way of sharing."""

every_sharing = pytest.mark.parametrize(
    "sharing",
    [
        pytest.param(name, marks=() if name == "hard" else pytest.mark.slow)
        for name in SHARINGS.names()
    ],
)


def build(sharing: str) -> Network:
    torch.manual_seed(1)
    architecture = Architecture(
        "tiny", 16, 0.0, trunks={"side": SideTrunk("tiny")}, uses={"far": "side"}, sharing=sharing
    )
    return build_network(architecture, TASKS).eval()


def traced(network: Network, names: list[str], manner: Manner, decoded: bool = False) -> Program:
    graph = Graph(network, {name: TASKS[name] for name in names}, decoded)
    return trace(graph, SIZE, manner)


def pictures(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, *SIZE, 3), dtype=torch.uint8, generator=generator)


@every_sharing
def test_what_other_tasks_need_is_not_in_it(sharing: str) -> None:
    whole = build(sharing)
    program = traced(build(sharing), ["type"], Manner(decoded=False))
    kept = {name.removeprefix("network.") for name in program.exported.state_dict}
    assert {*program.outputs} == {"type/scores", "type/boxes"}
    for gone in ("heads.cls.", "heads.far.", "trunks.side.", "pyramids.cls.", *OWN_PARTS[sharing]):
        assert not [name for name in kept if name.startswith(gone)]
    assert kept & {f"heads.@type.{name}" for name, _ in whole.heads["type"].named_parameters()}
    given = pictures(3)
    with torch.inference_mode():
        raw = whole({"image": given.permute(0, 3, 1, 2)})["type"]
        found = program.exported.module()(given)
    for name, expected in TASKS["type"].export_raw(raw).items():
        torch.testing.assert_close(found[f"type/{name}"], expected)


def test_its_weights_are_those_of_one_network_alone() -> None:
    program = traced(build("hard"), ["cls"], Manner(decoded=False))
    alone = build_network(Architecture("tiny", 16, 0.0), {"cls": TASKS["cls"]})
    assert sum(tensor.numel() for tensor in program.exported.state_dict.values()) == sum(
        parameter.numel() for parameter in alone.parameters()
    )


def test_shapes_are_told_in_words() -> None:
    program = traced(build("hard"), ["cls", "type"], Manner(), decoded=True)
    assert program.inputs == {"image": ["N", 64, 96, 3]}
    assert program.outputs == {
        "cls/probabilities": ["N", 3],
        "cls/class": ["N"],
        "type/boxes": ["D", 4],
        "type/scores": ["D"],
        "type/labels": ["D"],
        "type/image": ["D"],
        "type/counts": ["N"],
    }
    assert program.dtypes["cls/class"] == "int64"


def test_it_tells_nothing_of_the_machine_it_was_traced_on(tmp_path: Path) -> None:
    program = traced(build("hard"), ["cls"], Manner(decoded=False, dynamic="none"))
    assert program.inputs == {"image": [1, 64, 96, 3]}
    EXPORTERS.get("pt2").write(program, tmp_path / "it.pt2", Manner(), {}, ())
    assert str(Path(__file__).parents[3]).encode() not in (tmp_path / "it.pt2").read_bytes()


@pytest.mark.slow
def test_a_trunk_that_pads_by_the_size_of_its_maps_takes_any_size() -> None:
    network = build_network(Architecture("tf_efficientnet_lite0", 16, 0.0), {"cls": TASKS["cls"]})
    graph = Graph(network.eval(), {"cls": TASKS["cls"]}, decoded=False)
    program = trace(graph, SIZE, Manner(decoded=False, dynamic="size"))
    assert program.inputs == {"image": ["N", "H", "W", 3]}
    given = torch.randint(0, 256, (1, 128, 160, 3), dtype=torch.uint8)
    with torch.inference_mode():
        found = program.exported.module()(given)
        torch.testing.assert_close(found["cls/logits"], graph(given)["cls/logits"])


@pytest.mark.slow
@pytest.mark.parametrize("fusion", FUSIONS.names())
@pytest.mark.parametrize("sharing", SHARINGS.names())
def test_several_inputs_go_in_by_name(sharing: str, fusion: str) -> None:
    architecture = Architecture(
        "tiny", 16, 0.0, sharing=sharing, fusion=fusion, inputs={"rgb": 3, "depth": 1}
    )
    tasks = {name: TASKS[name] for name in ("cls", "type")}
    graph = Graph(build_network(architecture, tasks).eval(), {"cls": tasks["cls"]}, decoded=False)
    program = trace(graph, SIZE, Manner(decoded=False))
    assert program.inputs == {"rgb": ["N", 64, 96, 3], "depth": ["N", 64, 96]}
    given = pictures(3), torch.rand(3, *SIZE)
    with torch.inference_mode():
        found, expected = program.exported.module()(*given), graph(*given)
    torch.testing.assert_close(found["cls/logits"], expected["cls/logits"])


def test_what_cannot_be_traced_is_said() -> None:
    class Odd(type(TASKS["cls"])):  # type: ignore[misc]
        def export(self, raw: torch.Tensor, size: tuple[int, int]) -> dict[str, torch.Tensor]:
            return {"class": raw[raw > float(raw.mean())]}

    task = TASKS["cls"]
    graph = Graph(build("hard"), {"cls": Odd(task.options, task.facts)}, decoded=True)
    with pytest.raises(UsageError, match="cannot be traced") as caught:
        trace(graph, SIZE, Manner())
    assert "--dynamic none" in str(caught.value.mend)
