"""Trainings with several trunks, and with parts that stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtcli.core.run import Run
from mtcli.core.trunks import build_trunk
from tests.conftest import Cli
from tests.recipes.test_resume import assert_equal, final_state, terminate_at


def shipped(run: str, name: str = "best") -> dict[str, Tensor]:
    return load_file(Run.open(Path(run)).checkpoint(name) / "model.safetensors")


@pytest.fixture
def apart(shapes: Path, tmp_path: Path) -> Path:
    """The shapes with a trunk with BatchNorm for cls alone, which starts from a file."""
    torch.manual_seed(3)
    save_file(build_trunk("test_resnet").module.state_dict(), tmp_path / "side.safetensors")
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["trunk"] = "side"
    side = {"trunk": "test_resnet", "weights": str(tmp_path / "side.safetensors"), "lr": 0.1}
    document["model"]["trunks"] = {"side": side}
    path = shapes / "apart.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_two_trunks_learn_in_one_run(cli: Cli, apart: Path, tmp_path: Path) -> None:
    answer = cli("train", apart, "--name", "run")
    assert answer.code == 0, answer.err
    assert "test_resnet" in answer.err
    assert "side.safetensors" in answer.err
    tensors = shipped("runs/run")
    start = load_file(tmp_path / "side.safetensors")
    for name, value in start.items():
        if value.is_floating_point():
            assert not torch.equal(tensors[f"trunks.side.{name}"], value), name
    state = final_state(Path("runs/run"))["training"]["optimizer"]["param_groups"]
    assert {group["lr_factor"] for group in state} == {0.1, 1.0}
    answer = cli("eval", "runs/run", "--json")
    assert answer.code == 0, answer.err


@pytest.mark.slow
def test_a_stopped_training_of_two_trunks_goes_on(
    cli: Cli, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", apart, "--set", "train.epochs=2", "--quiet"]
    with monkeypatch.context() as patched:
        terminate_at(patched, 3)
        assert cli(*words, "--name", "stopped").code == 143
    assert cli("train", "--resume", "runs/stopped", "--quiet").code == 0
    assert cli(*words, "--name", "whole").code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))


def test_what_no_task_uses_is_said_and_not_built(cli: Cli, apart: Path) -> None:
    answer = cli("train", apart, "--tasks", "det", "--name", "one")
    assert answer.code == 0, answer.err
    assert "model.trunks.side: no task of this run uses it" in answer.err
    assert not any(name.startswith("trunks.") for name in shipped("runs/one"))
    answer = cli("train", apart, "--tasks", "cls", "--name", "two")
    assert answer.code == 0, answer.err
    assert "model.trunk: no task of this run uses it" in answer.err
    assert {name.split(".")[0] for name in shipped("runs/two")} == {"trunks", "heads"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("tasks.cls.trunk=sid", ["tasks.cls.trunk: no such trunk: sid", "did you mean side?"]),
        (
            "model.trunks.side.trunk=resnte18",
            ["model.trunks.side.trunk: no such trunk", "resnet18?"],
        ),
        ("model.trunks.side.weights=gone.pth", ["model.trunks.side.weights: no such file"]),
        ("model.trunks.side.trunk=tiny", ["model.trunks.side.weights: the file lacks"]),
        ("model.trunks.side.lr=0", ["model.trunks.side.lr: wrong value"]),
        ("model.trunks.side.rate=1", ["model.trunks.side.rate: no such key"]),
    ],
)
def test_trunks_that_cannot_be(cli: Cli, apart: Path, change: str, said: list[str]) -> None:
    answer = cli("train", apart, "--set", change)
    assert answer.code == 2
    for text in said:
        assert text in " ".join(answer.err.split()), answer.err
    assert not Path("runs").exists()


def test_a_frozen_part_keeps_every_byte(cli: Cli, apart: Path) -> None:
    """Parameters and buffers, raw, averaged and shipped; and the optimizer knows nothing of it."""
    changes = ["train.epochs=2", "train.weight_decay=0.5", "train.ema=0.5", "train.lr=0.01"]
    sets = [word for change in changes for word in ("--set", change)]
    config = yaml.safe_load(apart.read_text())
    start = load_file(config["model"]["trunks"]["side"]["weights"])
    frozen = "train.freeze=[trunks.side, heads.det]"
    assert cli("train", apart, *sets, "--set", frozen, "--name", "run", "--quiet").code == 0
    training = final_state(Path("runs/run"))["training"]
    for tensors in (shipped("runs/run"), shipped("runs/run", "last"), training["network"]):
        for name, value in start.items():
            assert torch.equal(tensors[f"trunks.side.{name}"], value), name
    whole = training["network"]
    assert any("running_mean" in name for name in start)
    # The optimizer counts parameters through its groups; those it moved have a state.
    moved = len(training["optimizer"]["state"])
    counted = sum(len(group["params"]) for group in training["optimizer"]["param_groups"])
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    still = [
        name
        for name in whole
        if name.startswith(("trunks.side.", "heads.det.")) and not name.endswith(buffers)
    ]
    assert moved == counted - len(still)


def test_a_part_that_thaws_moves_from_its_epoch_on(cli: Cli, apart: Path) -> None:
    config = yaml.safe_load(apart.read_text())
    start = load_file(config["model"]["trunks"]["side"]["weights"])
    sets = ["--set", "train.epochs=2", "--set", "train.freeze=[trunks.side]"]
    thaw = ["--set", "train.unfreeze={trunks.side: 2}"]
    assert cli("train", apart, *sets, *thaw, "--name", "run", "--quiet").code == 0
    checkpoints = sorted(Path("runs/run/checkpoints").glob("step-*"))
    first, last = (
        load_file(folder / "model.safetensors") for folder in checkpoints[:: len(checkpoints) - 1]
    )
    for name, value in start.items():
        assert torch.equal(first[f"trunks.side.{name}"], value), name
        assert not torch.equal(last[f"trunks.side.{name}"], value), name


@pytest.mark.slow
def test_freeze_conv_holds_what_started_with_weights_and_nothing_else(
    cli: Cli, apart: Path
) -> None:
    config = yaml.safe_load(apart.read_text())
    start = load_file(config["model"]["trunks"]["side"]["weights"])
    words = ["train", apart, "--set", "train.freeze=[conv]", "--name", "run", "--quiet"]
    assert cli(*words).code == 0
    tensors = shipped("runs/run")
    assert all(torch.equal(tensors[f"trunks.side.{name}"], start[name]) for name in start)
    # The main trunk starts at random, so that it learns; a trunk named outright does not.
    assert (
        cli("train", apart, "--set", "train.freeze=[conv, trunk]", "--name", "two", "-q").code == 0
    )
    assert cli("train", apart, "--set", "train.freeze=[trunk]", "--name", "three", "-q").code == 0
    one, two, three = (shipped(f"runs/{name}") for name in ("run", "two", "three"))
    name = "trunk.stages.c2.0.0.weight"
    assert torch.equal(two[name], three[name]), "as drawn by the seed"
    assert not torch.equal(one[name], two[name])
