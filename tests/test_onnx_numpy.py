"""The example that runs an exported file with numpy and onnxruntime alone says what mtcli says."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import mtcli
from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.checkpoint import save_checkpoint
from mtcli.core.description import Model
from mtcli.core.export.formats import EXPORTERS
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.metadata import metadata_of
from mtcli.core.export.program import trace
from mtcli.core.tasks import KINDS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "onnx_numpy.py"
SIZE = (64, 96)
OPTIONS = {"detection": {"threshold": 0.3, "limit": 20}, "regression": {"loss": "gaussian_nll"}}

WITHOUT = """
import sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "timm", "onnx", "mtcli"}:
            raise ImportError(f"{name} is not to be had")

sys.meta_path.insert(0, Refused())
"""
"""What Python runs first of all, as `sitecustomize.py`."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of several sizes; a file of every kind that stretches them, and one that does not.

    `stretch.onnx` and `letterbox.onnx` differ in the rule alone.
    """
    folder = tmp_path_factory.mktemp("onnx")
    for name, height, width in (("small", 64, 96), ("tall", 200, 110), ("wide", 90, 301)):
        generator = np.random.default_rng(height)
        coarse = Image.fromarray(generator.integers(0, 256, (7, 9, 3), np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    seed = torch.Generator().manual_seed(3)
    tasks = {}
    for kind in map(KINDS.get, KINDS.names()):
        values = [kind.example(seed, SIZE) for _ in range(6)]
        options = kind.Options.model_validate(OPTIONS.get(kind.kind, {}))
        tasks[f"my {kind.kind}"] = kind.prepare(options, values)
    torch.manual_seed(1)
    architecture = Architecture("tiny", 16, 0.0)
    network = build_network(architecture, tasks).eval()
    for tensor in network.heads.parameters():
        nn.init.normal_(tensor, std=0.2 if tensor.dim() == 1 else tensor[0].numel() ** -0.5)
    model = Model(architecture, tasks, SIZE, "stretch")
    checkpoint = folder / save_checkpoint(folder, 1, model, network, {}, {})
    manner = Manner()
    program = trace(Graph(network, tasks, decoded=True), SIZE, manner)
    about = metadata_of(model, network, program, manner, checkpoint, {})
    EXPORTERS.get("onnx").write(program, folder / "stretch.onnx", manner, about, [])
    rewrite(
        folder, "letterbox.onnx", lambda about: about["model"]["input"], {"resize": "letterbox"}
    )
    return folder


def rewrite(folder: Path, name: str, part: Any, changes: Mapping[str, Any]) -> None:
    """A copy of `stretch.onnx` whose metadata says something else."""
    proto = onnx.load(folder / "stretch.onnx")
    [entry] = [entry for entry in proto.metadata_props if entry.key == "mtcli"]
    about = json.loads(entry.value)
    part(about).update(changes)
    entry.value = json.dumps(about)
    onnx.save(proto, folder / name)


def pictures(folder: Path) -> list[Path]:
    return [folder / f"{name}.png" for name in ("small", "tall", "wide")]


def run(*words: str | Path, blocked: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(blocked or "")}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def test_it_runs_where_there_is_no_torch(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    for name in ("torch", "mtcli"):
        assert "not to be had" in run("-c", f"import {name}", blocked=tmp_path).stderr
    done = run(EXAMPLE, folder / "letterbox.onnx", *pictures(folder), blocked=tmp_path)
    assert (done.stderr, done.returncode) == ("", 0)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["image"] for line in lines] == [*map(str, pictures(folder))]
    for line, expected in zip(lines, said_by_mtcli(folder / "letterbox.onnx"), strict=True):
        height, width = expected.size
        assert line["tasks"]["my depth"]["map"] == [height, width]
        assert_same(line["tasks"], expected.tasks)


@pytest.mark.parametrize("rule", ["stretch", "letterbox"])
def test_it_says_what_mtcli_says(folder: Path, rule: str) -> None:
    example = runpy.run_path(str(EXAMPLE))
    opened = [Image.open(path).convert("RGB") for path in pictures(folder)]
    said = example["Model"](folder / f"{rule}.onnx")(opened * 2)  # more than a batch
    expected = said_by_mtcli(folder / f"{rule}.onnx")
    for found, result in zip(said, expected * 2, strict=True):
        assert_same(found, result.tasks)
        classes = found["my segmentation"]["map"] == result["my segmentation"]["map"]
        assert classes.mean() > 0.99
        far = found["my depth"]["map"] / result["my depth"]["map"]
        assert abs(far - 1).max() < 0.01


def said_by_mtcli(path: Path) -> list[mtcli.Result]:
    return mtcli.load(path, device="cpu").predict(pictures(path.parent))


def assert_same(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """The same answers of all kinds, but for rounding; places within a pixel."""
    assert found.keys() == expected.keys() == {f"my {kind}" for kind in KINDS.names()}
    for kind in ("classification", "multilabel"):
        one, other = found[f"my {kind}"], expected[f"my {kind}"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=0.01)
    assert found["my classification"]["class"] == expected["my classification"]["class"]
    assert found["my multilabel"]["classes"] == expected["my multilabel"]["classes"]
    for name, numbers in expected["my regression"].items():
        assert [*found["my regression"][name].values()] == pytest.approx(numbers, rel=0.01)
    shares = {name: m["share"] for name, m in expected["my segmentation"]["masks"].items()}
    assert found["my segmentation"]["shares"] == pytest.approx(shares, abs=0.01)
    depth = expected["my depth"]["depth"]["mean"]
    assert found["my depth"]["mean"] == pytest.approx(depth, rel=0.01)
    both = (side["my keypoints"]["points"] for side in (found, expected))
    for one, other in zip(*both, strict=True):
        assert one["name"] == other["name"]
        assert [one["x"], one["y"]] == pytest.approx([other["x"], other["y"]], abs=1)
        assert one["score"] == pytest.approx(other["score"], abs=0.01)
    objects = [side["my detection"]["objects"] for side in (found, expected)]
    assert min(map(len, objects)) >= 5
    for these, those in (objects, objects[::-1]):
        there = [any(alike(one, other) for other in those) for one in these]
        assert np.mean(there) >= 0.9  # rounding decides which of two alike suppresses the other


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return (
        one["class"] == other["class"]
        and abs(one["score"] - other["score"]) < 0.01
        and np.allclose(one["box"], other["box"], rtol=0, atol=1)
    )


def test_numbers_go_by_their_names_and_maps_into_their_part(folder: Path) -> None:
    """Worked by hand: 40 × 20 pixels in the middle of 20 × 20, that is, halved and 5 rows down."""
    example = runpy.run_path(str(EXAMPLE))
    frame = example["Frame"](picture=(40, 20), inner=(20, 10), offset=(0, 5))
    assert frame.points(np.array([[5.0, 6.0], [30.0, 2.0]])).tolist() == [[10, 2], [40, 0]]
    rows = np.arange(20, dtype=np.uint8)[:, None].repeat(20, axis=1)
    assert frame.map(rows, Image.Resampling.NEAREST)[:, 0].tolist() == [
        5 + n // 2 for n in range(20)
    ]
    task = {"kind": "regression", "options": {"names": ["a", "b"]}, "facts": {}}
    said = example["answer"](task, {"numbers": np.array([1.5, 2.5])}, frame)
    assert said == {"numbers": {"a": 1.5, "b": 2.5}}


@pytest.mark.parametrize(
    ("part", "changes", "told"),
    [
        ("export", {"answers": "raw"}, "says what its heads say; export it with --decoded"),
        ("export", {"inputs": {"a": {"dtype": "uint8"}, "b": {"dtype": "float32"}}}, "reads a, b"),
        (None, None, "not exported by mtcli"),
    ],
    ids=["raw", "inputs", "foreign"],
)
def test_a_file_that_it_cannot_use(folder: Path, part: Any, changes: Any, told: str) -> None:
    if part is None:
        proto = onnx.load(folder / "stretch.onnx")
        del proto.metadata_props[:]
        onnx.save(proto, folder / "other.onnx")
    else:
        rewrite(folder, "other.onnx", lambda about: about[part], changes)
    example = runpy.run_path(str(EXAMPLE))
    with pytest.raises(ValueError, match=told):
        example["Model"](folder / "other.onnx")
