"""Every kind of task, with every head that it may choose, says the same as tensors and as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor, nn

from mtcli import __version__
from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.description import Model, describe
from mtcli.core.export.formats import EXPORTERS, Session
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.program import trace
from mtcli.core.heads import DENSE_HEADS, DETECTORS
from mtcli.core.network import Network
from mtcli.core.task import AnyTask, Prediction
from mtcli.core.tasks import KINDS

CPU = torch.device("cpu")
CLOSE = 1e-3
"""Pixels, or shares of the largest number, that answers may differ by."""


@dataclass(frozen=True)
class Case:
    """A kind with some of its options, over a trunk that its head suits."""

    kind: type[AnyTask]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        values = ("+".join(v) if isinstance(v, list) else str(v) for v in self.options.values())
        return "-".join([self.kind.kind, *values])

    @property
    def trunk(self) -> str:
        """`tiny`, but for the head that is a trunk's own."""
        return "resnet18" if self.options.get("head") == "native" else "tiny"

    def task(self) -> AnyTask:
        """As it is prepared from examples of its kind."""
        generator = torch.Generator().manual_seed(3)
        values = [self.kind.example(generator, (48, 96)) for _ in range(6)]
        return self.kind.prepare(self.kind.Options.model_validate(self.options), values)


def _cases() -> Iterator[Case]:
    """Every kind with every head in every layout; and options that change what is answered."""
    for kind in map(KINDS.get, KINDS.names()):
        heads = [{"head": head} for head in _named(kind, "head") if _accepts(kind, head=head)]
        layouts = [{"layout": layout} for layout in _named(kind, "layout")]
        chosen = [
            {**head, **layout}
            for head in heads or [{}]
            for layout in layouts or [{}]
            if _accepts(kind, **head, **layout)
        ]
        yield from (Case(kind, options) for options in chosen)
    yield Case(KINDS.get("regression"), {"loss": "gaussian_nll"})
    yield Case(KINDS.get("detection"), {"levels": ["p3", "p4", "p5", "p6", "p7"]})
    yield NOTHING_FOUND


def _named(kind: type[AnyTask], option: str) -> list[str]:
    if option not in kind.Options.model_fields:
        return []
    said = get_args(kind.Options.model_fields[option].annotation)
    shared = {*DETECTORS.names(), *DENSE_HEADS.names()} if option == "head" else set()
    return sorted({name for name in said if isinstance(name, str)} | shared)


def _accepts(kind: type[AnyTask], **options: str) -> bool:
    try:
        kind.Options.model_validate(options)
    except ValidationError:
        return False
    return True


NOTHING_FOUND = Case(KINDS.get("detection"), {"threshold": 0.9999})
CASES = list(_cases())
TOGETHER = [
    case
    for case in CASES
    if case.trunk == "tiny"
    and case.options.get("layout") in (None, "mtcli")
    and "levels" not in case.options
]
"""What one network may have, its pictures small and its heads of as few sorts as there are."""
QUICK = [case for case in CASES if str(case) == "detection-fcos-mtcli"]
"""The one whose decoding has most that could go wrong, for each takes seconds."""


def build(tasks: Mapping[str, AnyTask], trunk: str = "tiny") -> Network:
    """A network of random weights whose answers differ from place to place."""
    torch.manual_seed(1)
    network = build_network(Architecture(trunk, 16, 0.0), tasks).eval()
    for name, tensor in network.heads.named_parameters():
        if tensor.dim() > 1:
            nn.init.normal_(tensor, std=tensor[0].numel() ** -0.5)
        elif name.endswith("bias"):
            nn.init.normal_(tensor, std=0.2)
    return network.requires_grad_(False)


def pictures(count: int, size: tuple[int, int]) -> Tensor:
    """Blotches of colour `[count, 3, H, W]` uint8."""
    generator = torch.Generator().manual_seed(count)
    coarse = torch.rand(count, 3, 6, 7, generator=generator)
    return (F.interpolate(coarse, size, mode="bilinear") * 255).to(torch.uint8)


def answers(network: Network, tasks: Mapping[str, AnyTask], given: Tensor) -> dict[str, Any]:
    """What `decode` says of pictures, by task."""
    size = (given.shape[2], given.shape[3])
    with torch.inference_mode():
        raw = network({"image": given})
    return {name: task.decode(raw[name], size) for name, task in tasks.items()}


def assert_same(found: Sequence[Prediction], expected: Sequence[Prediction]) -> None:
    """Equal but for rounding."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert [(v.dtype, type(v)) for v in one.values()] == [
            (v.dtype, type(v)) for v in other.values()
        ]
        if "labels" in other:
            assert_same_boxes(_plain(one), _plain(other))
            continue
        for name, value in _plain(other).items():
            if value.dtype == torch.uint8:  # classes of pixels, equal but on a border
                assert (_plain(one)[name] == value).float().mean() > 0.999
            else:
                torch.testing.assert_close(_plain(one)[name], value, rtol=0, atol=_near(value))


def assert_same_boxes(one: Prediction, other: Prediction) -> None:
    """That each has the other's, but for a few that rounding suppressed, and those in their way."""
    apart = (one["boxes"][:, None] - other["boxes"]).abs().amax(dim=2)
    alike = (
        (apart <= _near(other["boxes"]))
        & ((one["scores"][:, None] - other["scores"]).abs() <= CLOSE)
        & (one["labels"][:, None] == other["labels"])
    )
    for side in (0, 1):
        assert (~alike.any(dim=side)).sum() <= len(other["boxes"]) / 20


def _plain(prediction: Prediction) -> dict[str, Tensor]:
    return {name: value.as_subclass(Tensor) for name, value in prediction.items()}


def _near(values: Tensor) -> float:
    return CLOSE * max(1.0, float(values.abs().max())) if values.numel() else CLOSE


def assert_telling(case: Case, said: Sequence[Prediction]) -> None:
    """That what is said of pictures is worth being compared."""
    if case == NOTHING_FOUND:
        assert all(len(prediction["boxes"]) == 0 for prediction in said)
    elif "labels" in said[0]:
        for prediction in said:
            assert len(prediction["boxes"]) >= 10
    else:
        for name, first in said[0].items():
            assert any(not torch.equal(first, other[name]) for other in said[1:])


def test_every_head_is_there() -> None:
    used = {case.options.get("head") for case in CASES}
    assert {*DETECTORS.names(), *DENSE_HEADS.names(), "pooled", "native"} <= used
    assert {case.kind.kind for case in TOGETHER} == {*KINDS.names()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tensors_of_a_batch_say_what_decode_says(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = case.task()
    tasks = {"it": task}
    network = build(tasks, case.trunk)
    size = (2 * network.stride, 3 * network.stride)
    given = pictures(3, size)
    said = answers(network, tasks, given)["it"]
    assert_telling(case, said)
    assert [task.agreement(prediction, prediction) for prediction in said] == [1.0] * 3
    for row, prediction in enumerate(said):
        assert_same(answers(network, tasks, given[row, None])["it"], [prediction])
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)  # all pictures at once
    with torch.inference_mode():
        raw = network({"image": given})["it"]
        decoded, undecoded = task.export(raw, size), task.export_raw(raw)
    assert {*decoded} <= {*task.outputs}
    assert {*undecoded} <= {*task.raw_outputs}
    for tensor in (*decoded.values(), *undecoded.values()):
        assert tensor.dtype in (torch.float32, torch.int64, torch.uint8)
    assert all(len(tensor) == 3 for tensor in undecoded.values())
    assert_same(task.predictions(decoded, size), said)
    assert_same(task.decode_raw(undecoded, size), said)


def check_files(folder: Path, cases: Sequence[Case], decoded: bool) -> None:
    """That a network's files, for any number of pictures of any size, say what it says."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    tasks = {f"task{number}": case.task() for number, case in enumerate(cases)}
    trunk = cases[0].trunk
    network = build(tasks, trunk)
    size = (4 * network.stride, 5 * network.stride)
    manner = Manner(decoded=decoded, dynamic="size")
    program = trace(Graph(build(tasks, trunk), tasks, decoded), size, manner)
    model = Model(Architecture(trunk, 16, 0.0), tasks, size, "stretch")
    about = {"mtcli": __version__, "model": describe(model), "export": {}}
    for exporter in map(EXPORTERS.get, ("onnx", "pt2")):
        path = folder / f"it{exporter.ending}"
        exporter.write(program, path, manner, about, [])
        assert_says_the_same(exporter.read(path), network, tasks, decoded)


def assert_says_the_same(
    session: Session, network: Network, tasks: Mapping[str, AnyTask], decoded: bool
) -> None:
    """At two numbers of pictures and two sizes."""
    for count, *sides in ((3, 4, 5), (1, 4, 5), (2, 6, 3)):
        given = pictures(count, (sides[0] * network.stride, sides[1] * network.stride))
        size = (given.shape[2], given.shape[3])
        said = answers(network, tasks, given)
        found = session.run({"image": given.permute(0, 2, 3, 1).contiguous()}, CPU)
        for name, task in tasks.items():
            own = {
                key.removeprefix(f"{name}/"): tensor
                for key, tensor in found.items()
                if key.startswith(f"{name}/")
            }
            read = task.predictions if decoded else task.decode_raw
            assert_same(read(own, size), said[name])


def test_a_file_says_what_the_network_says(tmp_path: Path) -> None:
    check_files(tmp_path, QUICK, decoded=True)


@pytest.mark.slow
@pytest.mark.parametrize("decoded", [True, False], ids=["decoded", "raw"])
def test_a_file_of_every_head_says_what_the_network_says(tmp_path: Path, decoded: bool) -> None:
    check_files(tmp_path, TOGETHER, decoded)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_file_of_one_task_says_what_the_network_says(tmp_path: Path, case: Case) -> None:
    check_files(tmp_path, [case], decoded=True)
