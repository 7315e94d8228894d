"""What an exported file says of itself comes back, and what is damaged is told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.data.geometry import PADDING
from mtcli.core.description import Model, describe
from mtcli.core.errors import CheckpointError
from mtcli.core.export.manner import Manner
from mtcli.core.export.metadata import FORMAT, chosen, metadata_of, read_metadata
from mtcli.core.export.program import Program
from mtcli.core.run import WEIGHTS
from tests.core.transfer.networks import cls, det

FILE = Path("it.onnx")
DECODED = Manner()
MODEL = Model(
    Architecture("tiny", 16, 0.0, fusion="stack", inputs={"rgb": 3, "depth": 1}),
    {"cls": cls("ab"), "det": det("abc", nms=0.3)},
    (64, 96),
    "letterbox",
    ("mine",),
    {"depth": (100.0, 900.0)},
)
FACTS = {"epoch": 7, "step": 40, "metrics": {"cls": {"accuracy": 0.5}, "gone": {"map": 1.0}}}


def metadata(folder: Path, manner: Manner = DECODED) -> dict[str, Any]:
    """Of a file of `MODEL`, as another program would read it; nothing need be traced for it."""
    (folder / WEIGHTS).write_bytes(b"weights")
    program = Program(
        cast(Any, None),
        {"rgb": ["N", 64, 96, 3], "depth": ["N", 64, 96]},
        {"cls/class": ["N"], "det/boxes": ["D", 4]}
        if manner.decoded
        else {"cls/logits": ["N", 2], "det/boxes": ["N", 30, 4]},
        {"cls/class": "int64", "cls/logits": "float32", "det/boxes": "float32"},
    )
    network = build_network(MODEL.architecture, MODEL.tasks)
    made = metadata_of(MODEL, network, program, manner, folder, FACTS)
    said: dict[str, Any] = json.loads(json.dumps(made, allow_nan=False))
    return said


@pytest.mark.parametrize(
    "manner", [Manner(), Manner(decoded=False, dynamic="none"), Manner(True, "size", "int8")]
)
def test_model_manner_and_facts_come_back(tmp_path: Path, manner: Manner) -> None:
    model, read, facts = read_metadata(json.dumps(metadata(tmp_path, manner)), FILE)
    assert describe(model) == describe(MODEL)
    assert model.inputs == {"rgb": None, "depth": (100.0, 900.0)}
    assert model.size == (64, 96)
    assert read == manner
    assert facts["epoch"] == 7
    assert facts["metrics"] == {"cls": {"accuracy": 0.5}}  # of no task that is not in the file
    assert facts["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert facts["torch"] == torch.__version__


def test_a_stranger_reads_how_to_feed_the_file_and_what_it_answers(tmp_path: Path) -> None:
    said = metadata(tmp_path)["export"]
    assert said["inputs"] == {
        "rgb": {"shape": ["N", 64, 96, 3], "dtype": "uint8"},
        "depth": {"shape": ["N", 64, 96], "dtype": "float32"},
    }
    assert said["outputs"]["det/boxes"]["shape"] == ["D", 4]
    assert said["outputs"]["det/boxes"]["dtype"] == "float32"
    assert said["outputs"]["det/boxes"]["meaning"] == det("a").outputs["boxes"]
    assert said["multiple"] == 32
    assert said["padding"] == PADDING
    raw = metadata(tmp_path, Manner(decoded=False))["export"]
    assert raw["outputs"]["cls/logits"]["meaning"] == cls("ab").raw_outputs["logits"]


def test_some_tasks_keep_the_model_s_order() -> None:
    assert [*chosen(MODEL, ["det"]).tasks] == ["det"]
    assert [*chosen(MODEL, ["det", "cls"]).tasks] == ["cls", "det"]
    assert [*chosen(MODEL, None).tasks] == ["cls", "det"]
    assert chosen(MODEL, ["det"]).architecture == MODEL.architecture


def test_a_file_that_says_nothing() -> None:
    with pytest.raises(CheckpointError, match="not exported by mtcli") as caught:
        read_metadata(None, FILE)
    assert caught.value.where == "it.onnx"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", json.dumps({"format": "other"})])
def test_no_metadata_of_an_export(text: str) -> None:
    with pytest.raises(CheckpointError, match="metadata is damaged"):
        read_metadata(text, FILE)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"export": None}, "NoneType"),
        ({"export": {}}, "dynamic"),
        ({"export": {"dynamic": "often", "precision": "fp32", "answers": "raw"}}, "dynamic"),
        ({"export": {"dynamic": "none", "precision": "fp3", "answers": "raw"}}, "precision"),
        ({"checkpoint": None}, "NoneType"),
        ({"checkpoint": 3}, "int"),
    ],
)
def test_damaged_metadata(tmp_path: Path, change: dict[str, Any], found: str) -> None:
    with pytest.raises(CheckpointError, match="metadata is damaged") as caught:
        read_metadata(json.dumps({**metadata(tmp_path), **change}), FILE)
    assert found in str(caught.value.found)


@pytest.mark.parametrize("model", [None, [], {"format": "other"}])
def test_damaged_metadata_of_the_model(tmp_path: Path, model: Any) -> None:
    with pytest.raises(CheckpointError, match="not a checkpoint of mtcli"):
        read_metadata(json.dumps({**metadata(tmp_path), "model": model}), FILE)


@pytest.mark.parametrize("inside", [False, True])
def test_a_newer_schema(tmp_path: Path, inside: bool) -> None:
    said = metadata(tmp_path)
    newer = said["model"] if inside else said
    newer |= {"schema": 99, "mtcli": "9.9"}
    with pytest.raises(CheckpointError, match="another schema than this mtcli reads") as caught:
        read_metadata(json.dumps(said), FILE)
    assert caught.value.found == "schema 99, by mtcli 9.9"
    assert "upgrade" in str(caught.value.mend)
    assert said["format"] == FORMAT
