"""Checkpoints: what was saved comes back bit for bit, and a failed save leaves what was there."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import mtcli.core.checkpoint as module
from mtcli.core.blueprint import Architecture
from mtcli.core.building import build_network
from mtcli.core.checkpoint import (
    load_model,
    load_network,
    load_tensors,
    load_training,
    save_checkpoint,
)
from mtcli.core.description import Model
from mtcli.core.errors import CheckpointError, SaveError
from mtcli.core.features import FeatureSpec
from mtcli.core.network import Network
from mtcli.core.run import Run
from mtcli.core.runtime import Runtime
from mtcli.core.task import AnyTask
from mtcli.core.tasks.classification import (
    Classification,
    ClassificationFacts,
    ClassificationOptions,
)
from mtcli.core.tasks.detection import Detection, DetectionFacts, DetectionOptions
from tests.conftest import DEVICE

SIZE = (64, 64)
RUNTIME = Runtime(DEVICE, "fp32")


class TiedHead(nn.Module):
    """Two layers that are one tensor."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels, channels)
        self.second = nn.Linear(channels, channels)
        self.second.weight = self.first.weight

    def forward(self, features: Mapping[str, Tensor], targets: object = None) -> Tensor:
        answer: Tensor = self.second(self.first(features["c5"].mean((2, 3))))
        return answer


class Tied(Classification):
    """A made-up kind whose head has tied weights."""

    def head(self, specs: Mapping[str, FeatureSpec]) -> nn.Module:
        return TiedHead(specs["c5"].channels)


OPTIONS, FACTS = ClassificationOptions(), ClassificationFacts(classes=("ant", "bee"))
TASKS: dict[str, AnyTask] = {
    "cls": Classification(OPTIONS, FACTS),
    "det": Detection(DetectionOptions(threshold=0.2), DetectionFacts(classes=("wasp",))),
}


def _model(tasks: dict[str, AnyTask] = TASKS, trunk: str = "tiny") -> Model:
    return Model(Architecture(trunk, 16, 0.0), tasks, SIZE, "letterbox")


def _network(model: Model) -> Network:
    """Random weights, and running statistics that are not those of the start."""
    network = RUNTIME.place(build_network(model.architecture, model.tasks))
    with torch.no_grad():
        network.train()(_inputs())
    return network.eval()


def _inputs() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(4)
    image = torch.randint(0, 256, (2, 3, *SIZE), dtype=torch.uint8, generator=generator)
    return {"image": image.to(DEVICE)}


def _answers(network: Network, tasks: Mapping[str, AnyTask]) -> list[Tensor]:
    with torch.inference_mode():
        answers = network(_inputs())
    said = [task.export_raw(answers[name]) for name, task in tasks.items()]
    return [tensor for tensors in said for tensor in tensors.values()]


def _save(parent: Path, model: Model, network: Network, step: int = 1) -> Path:
    parent.mkdir(parents=True, exist_ok=True)
    training = {"generator": torch.get_rng_state(), "progress": {"step": step}}
    return parent / save_checkpoint(parent, step, model, network, training, {"epoch": step})


@pytest.mark.parametrize("trunk", ["tiny", "resnet18"])
def test_what_is_loaded_answers_bit_for_bit_as_what_was_saved(tmp_path: Path, trunk: str) -> None:
    model = _model(trunk=trunk)
    network = _network(model)
    path = _save(tmp_path / "c", model, network)
    loaded, _ = load_model(path)
    again = RUNTIME.place(load_network(path, loaded))
    assert not again.training
    for before, after in zip(
        _answers(network, model.tasks), _answers(again, loaded.tasks), strict=True
    ):
        assert torch.equal(before, after)


def test_the_description_is_plain_and_whole(tmp_path: Path) -> None:
    model = _model()
    loaded, description = load_model(_save(tmp_path / "c", model, _network(model), step=12))
    assert (loaded.architecture, loaded.size, loaded.resize) == (
        model.architecture,
        SIZE,
        "letterbox",
    )
    for name, task in TASKS.items():
        assert type(loaded.tasks[name]) is type(task)
        assert loaded.tasks[name].options == task.options
        assert loaded.tasks[name].facts == task.facts
    assert (description["step"], description["epoch"], description["tied"]) == (12, 12, {})


def test_the_training_state_comes_back(tmp_path: Path) -> None:
    model = _model()
    before = torch.get_rng_state()
    path = _save(tmp_path / "c", model, _network(model), step=7)
    state = load_training(path)
    assert state["progress"] == {"step": 7}
    assert state["generator"].shape == before.shape


def test_channels_last_tensors_are_saved_contiguous_and_equal(tmp_path: Path) -> None:
    model = _model()
    network = _network(model).to(memory_format=torch.channels_last)
    state = network.state_dict()
    assert not state["trunk.stages.c3.0.0.weight"].is_contiguous()
    saved = load_file(_save(tmp_path / "c", model, network) / "model.safetensors")
    assert set(saved) == set(state)
    for name, tensor in saved.items():
        assert tensor.is_contiguous()
        assert torch.equal(tensor, state[name].cpu())


def test_tied_tensors_are_saved_once_and_come_back_tied(tmp_path: Path) -> None:
    model = _model({"cls": Tied(OPTIONS, FACTS)})
    network = _network(model)
    path = _save(tmp_path / "c", model, network)
    first, second = "heads.cls.first.weight", "heads.cls.second.weight"
    saved = load_file(path / "model.safetensors")
    assert first in saved
    assert second not in saved
    assert json.loads((path / "model.json").read_text())["tied"] == {second: first}
    both = load_tensors(path)
    assert torch.equal(both[second], both[first])
    again = RUNTIME.place(load_network(path, model))
    state = again.state_dict()
    assert state[first].data_ptr() == state[second].data_ptr()
    for before, after in zip(
        _answers(network, model.tasks), _answers(again, model.tasks), strict=True
    ):
        assert torch.equal(before, after)


def test_equal_tensors_that_are_not_tied_are_saved_each(tmp_path: Path) -> None:
    model = _model({"one": TASKS["cls"], "two": TASKS["cls"]})
    network = _network(model)
    network.heads["two"].load_state_dict(network.heads["one"].state_dict())
    saved = load_file(_save(tmp_path / "c", model, network) / "model.safetensors")
    assert {"heads.one.classifier.weight", "heads.two.classifier.weight"} <= set(saved)


def test_a_step_that_is_saved_twice_gets_two_folders(tmp_path: Path) -> None:
    model = _model()
    network = _network(model)
    names = [_save(tmp_path / "c", model, network, step=3).name for _ in range(3)]
    assert names == ["step-000003", "step-000003-1", "step-000003-2"]


def test_what_a_killed_save_left_is_written_over(tmp_path: Path) -> None:
    draft = tmp_path / "c" / ".step-000001.draft"
    draft.mkdir(parents=True)
    (draft / "rest").write_text("of before")
    model = _model()
    path = _save(tmp_path / "c", model, _network(model))
    assert not (path / "rest").exists()
    assert not draft.exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    model = _model()
    path = _save(tmp_path / "c", model, _network(model))
    other = _model({**TASKS, "more": TASKS["cls"]})
    with pytest.raises(CheckpointError, match="do not fit the network"):
        load_network(path, other)


def _full_disk(*_words: object, **_named: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _full_disk_of_torch(*_words: object, **_named: object) -> None:
    raise RuntimeError("PytorchStreamWriter failed writing file: file write failed")


def _fail_writing_half(tensors: dict[str, Tensor], path: Path) -> None:
    path.write_bytes(b"half of it")
    _full_disk()


def _patch(name: str, failing: Callable[..., None]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(name, failing)


def _sync_of_the_parent_fails(patch: pytest.MonkeyPatch) -> None:
    """The last thing of all, when the folder has its name already."""

    def sync(path: Path) -> None:
        if not path.name.endswith(".draft"):
            _full_disk()

    patch.setattr(module, "sync_folder", sync)


FAILURES = {
    "weights": _patch("mtcli.core.checkpoint.save_file", _full_disk),
    "half the weights": _patch("mtcli.core.checkpoint.save_file", _fail_writing_half),
    "training": _patch("torch.save", _full_disk_of_torch),
    "flush": _patch("os.fsync", _full_disk),
    "name": _patch("os.rename", _full_disk),
    "flush of the name": _sync_of_the_parent_fails,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_save_leaves_nothing_and_the_checkpoint_before_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    model = _model()
    network = _network(model)
    run = Run.create(tmp_path, "run", "")
    before = _save(run.checkpoints, model, network, step=1)
    run.point({"last": before.name})
    listed = sorted(run.checkpoints.iterdir())
    expected = _answers(network, model.tasks)
    nn.init.zeros_(network.heads["cls"].classifier.weight)  # type: ignore[arg-type,union-attr]

    with monkeypatch.context() as patch:
        FAILURES[failure](patch)
        with pytest.raises(SaveError) as caught:
            _save(run.checkpoints, model, network, step=2)

    assert caught.value.exit_code == 1
    assert caught.value.where == str(run.checkpoints / "step-000002")
    assert caught.value.mend is not None
    assert "--resume" in caught.value.mend
    assert sorted(run.checkpoints.iterdir()) == listed
    assert run.index() == {"last": before.name}
    loaded, _ = load_model(run.checkpoint("last"))
    again = RUNTIME.place(load_network(run.checkpoint("last"), loaded))
    load_training(run.checkpoint("last"))
    for one, other in zip(expected, _answers(again, loaded.tasks), strict=True):
        assert torch.equal(one, other)


def test_after_a_failed_save_the_next_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model()
    network = _network(model)
    with monkeypatch.context() as patch:
        patch.setattr("mtcli.core.checkpoint.save_file", _full_disk)
        with pytest.raises(SaveError, match="No space left on device"):
            _save(tmp_path / "c", model, network)
    assert _save(tmp_path / "c", model, network).name == "step-000001"


OFFLINE = """
import socket, sys

def refuse(*words, **named):
    raise RuntimeError("a connection was tried")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

from pathlib import Path
import torch
from mtcli.core.checkpoint import load_model, load_network
from mtcli.core.runtime import Runtime

torch.set_num_threads(int(sys.argv[3]))
model, _ = load_model(Path(sys.argv[1]))
network = Runtime(torch.device(sys.argv[4]), "fp32").place(load_network(Path(sys.argv[1]), model))
inputs = {name: value.to(sys.argv[4]) for name, value in torch.load(sys.argv[2]).items()}
with torch.inference_mode():
    answers = network(inputs)
said = [task.export_raw(answers[name]) for name, task in model.tasks.items()]
exported = [tensor.cpu() for tensors in said for tensor in tensors.values()]
torch.save(exported, "answers.pt")
"""


def test_a_checkpoint_is_all_that_another_process_needs(tmp_path: Path) -> None:
    """Without the config, the data, or a connection to download anything."""
    model = _model(trunk="resnet18")
    network = _network(model)
    path = _save(tmp_path / "c", model, network)
    (path / "training.pt").unlink()
    alone = path.rename(tmp_path / "alone")
    torch.save({"image": _inputs()["image"].cpu()}, tmp_path / "inputs.pt")
    words: list[Any] = [alone, tmp_path / "inputs.pt", torch.get_num_threads(), DEVICE]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", OFFLINE, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for before, after in zip(_answers(network, model.tasks), torch.load("answers.pt"), strict=True):
        assert torch.equal(before.cpu(), after)
