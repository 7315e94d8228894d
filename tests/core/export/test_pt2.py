"""`pt2`: a clean archive runs, and one that holds more than a graph is refused unrun."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.errors import CheckpointError
from mtcli.core.export.formats import EXPORTERS
from mtcli.core.export.graph import Graph
from mtcli.core.export.manner import Manner
from mtcli.core.export.program import trace
from mtcli.core.task import AnyTask
from tests.core.transfer.networks import cls

CPU = torch.device("cpu")
PT2 = EXPORTERS.get("pt2")
SAID = {"format": "made up", "größe": 3}
MARK = Path("ran")
"""Made in the working folder by whatever is run of an archive."""

MODEL = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
Parts = dict[str, bytes]


class Trap:
    """Makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(MARK), "w")


def graph() -> Graph:
    torch.manual_seed(0)
    tasks: dict[str, AnyTask] = {"cls": cls("ab")}
    return Graph(build_network(Architecture("tiny", 16, 0.0), tasks).eval(), tasks, decoded=True)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that mtcli wrote."""
    path = tmp_path_factory.mktemp("pt2") / "model.pt2"
    manner = Manner()
    PT2.write(trace(graph(), (64, 64), manner), path, manner, SAID, ())
    return path


def edited(clean: Path, changes: Mapping[str, bytes | Callable[[bytes], bytes]]) -> Path:
    """A copy with parts replaced, changed or added."""
    path = Path("edited.pt2")
    with zipfile.ZipFile(clean) as source, zipfile.ZipFile(path, "w") as copy:
        top = source.namelist()[0].partition("/")[0]
        parts = {name.partition("/")[2]: source.read(name) for name in source.namelist()}
        for name, change in changes.items():
            parts[name] = change(parts[name]) if callable(change) else change
        for name, text in parts.items():
            copy.writestr(f"{top}/{name}", text)
    return path


def pickled_weights(text: bytes) -> bytes:
    """Have every weight read as a pickle."""
    described = json.loads(text)
    for entry in described["config"].values():
        entry["use_pickle"] = True
    return json.dumps(described).encode()


def calling(text: bytes) -> bytes:
    """Have the first formula of the graph call something."""
    described = json.loads(text)
    waiting = [described]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if "expr_str" in value:
                value["expr_str"] = f"open('{MARK}', 'w')"
                return json.dumps(described).encode()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    raise AssertionError("a graph of any batch has a formula")


def test_a_clean_one_says_what_the_network_does(clean: Path) -> None:
    session = PT2.read(clean)
    assert json.loads(session.metadata or "") == SAID
    for count in (1, 3):
        pictures = torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8)
        with torch.inference_mode():
            wanted = graph()(pictures)
        found = session.run({"image": pictures}, CPU)
        assert list(found) == list(wanted)
        for name, tensor in wanted.items():
            torch.testing.assert_close(found[name], tensor)


def test_what_edits_change_is_all_that_is_changed(clean: Path) -> None:
    """So that the refusals below are of what was put in."""
    pictures = {"image": torch.zeros(1, 64, 64, 3, dtype=torch.uint8)}
    found = PT2.read(edited(clean, {})).run(pictures, CPU)
    torch.testing.assert_close(found, PT2.read(clean).run(pictures, CPU))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"data/constants/custom_obj_0": pickle.dumps(Trap())}, "custom_obj_0"),
        ({"data/sample_inputs/model.pt": pickle.dumps(Trap())}, "sample_inputs"),
        ({WEIGHTS: pickled_weights}, "model_weights_config.json"),
        ({"data/aotinductor/model/wrapper.so": b"\x7fELF"}, "wrapper.so"),
        ({"data/weights/weight_0.so": b"\x7fELF"}, "weight_0.so"),
        ({"models/../../evil.py": b"import os"}, "evil.py"),
        ({MODEL: calling}, "open"),
    ],
    ids=["object", "inputs", "weights", "library", "beside", "outside", "formula"],
)
def test_what_would_run_is_refused_before_anything_is(
    clean: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: Mapping[str, Any],
    found: str,
) -> None:
    monkeypatch.setattr(torch.export, "load", lambda *_: pytest.fail("it was loaded"))
    path = edited(clean, changes)
    with pytest.raises(CheckpointError, match="more than a graph") as caught:
        PT2.read(path)
    assert found in str(caught.value.found)
    assert caught.value.where == str(path)
    assert not MARK.exists()


def test_an_archive_of_somebody_else_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "theirs.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("theirs/data.pkl", pickle.dumps(Trap()))
    assert PT2.read(path).metadata is None
    assert not MARK.exists()


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def with_a_wrong_byte(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, with_a_wrong_byte, lambda _: b"", lambda _: b"PK"])
def test_a_damaged_one(clean: Path, damage: Callable[[bytes], bytes]) -> None:
    path = Path("damaged.pt2")
    path.write_bytes(damage(clean.read_bytes()))
    with pytest.raises(CheckpointError, match="file is damaged"):
        PT2.read(path)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff"])
def test_a_graph_that_is_no_json(clean: Path, text: bytes) -> None:
    with pytest.raises(CheckpointError, match="file is damaged"):
        PT2.read(edited(clean, {MODEL: text}))


def test_a_graph_that_is_none_is_told_when_it_is_run(clean: Path) -> None:
    session = PT2.read(edited(clean, {MODEL: b"{}"}))
    with pytest.raises(CheckpointError, match="file is damaged"):
        session.run({"image": torch.zeros(1, 64, 64, 3, dtype=torch.uint8)}, CPU)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        PT2.read(tmp_path / "nowhere.pt2")
