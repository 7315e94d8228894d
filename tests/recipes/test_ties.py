"""A layer that a group of tasks shares, from the config to what a run leaves and others take."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from mtcli.core.checkpoint import load_model, load_network
from mtcli.core.run import find_checkpoint
from mtcli.core.tying import aliases
from tests.conftest import Cli
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, without_times

NAMES = {f"heads.{task}.hidden.{name}" for task in "ab" for name in ("weight", "bias")}


@pytest.fixture
def tied(shapes: Path) -> Path:
    """A config whose tasks a and b share a layer, with c beside them."""
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    cls = {**document["tasks"]["cls"], "dropout": 0.3}
    shared = {**cls, "shared_fc": {"group": "fc", "width": 8}}
    document["tasks"] = {"a": shared, "b": deepcopy(shared), "c": deepcopy(cls)}
    document["train"] |= {"epochs": 2, "batch_size": 2, "ema": 0.9}
    path = shapes / "tied.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def network_of(run: str) -> Any:
    checkpoint = find_checkpoint(Path(run))
    return load_network(checkpoint, load_model(checkpoint)[0])


@pytest.mark.slow
def test_a_resumed_run_with_ties_ends_where_an_undisturbed_one_does(
    cli: Cli, tied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 8 pictures in batches of 2: the sixth forward pass is in the second epoch.
    with monkeypatch.context() as patched:
        terminate_at(patched, 6)
        assert cli("train", tied, "--name", "stopped", "--quiet").code == 143
    assert cli("train", "--resume", "runs/stopped", "--quiet").code == 0
    assert cli("train", tied, "--name", "whole", "--quiet").code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))
    assert {*aliases(network_of("runs/whole"))} == NAMES
    assert cli("eval", "runs/whole", "--json").code == 0


@pytest.mark.slow
def test_ties_go_with_the_weights_of_a_run(cli: Cli, tied: Path) -> None:
    assert cli("train", tied, "--name", "first", "--quiet").code == 0
    first = network_of("runs/first")

    def start(name: str, *words: object, trains: bool = False) -> Any:
        how = (
            ["--freeze", "trunk,heads.a", "--set", "train.epochs=1"] if trains else ["--init-only"]
        )
        answer = cli("transfer", *words, "--from", "runs/first", *how, "--name", name)
        assert answer.code == 0, answer.err
        return network_of(f"runs/{name}")

    # By the run's own config, and for some of its tasks.
    same = start("same")
    assert {*aliases(same)} == NAMES
    assert_equal(dict(same.state_dict()), dict(first.state_dict()))
    alone = start("alone", "--tasks", "b,c")
    assert aliases(alone) == {}
    hidden = "heads.b.hidden.weight"
    assert torch.equal(alone.state_dict()[hidden], first.state_dict()[hidden])

    # By a config that says nothing of it.
    document = yaml.safe_load(tied.read_text())
    for entry in document["tasks"].values():
        entry.pop("shared_fc", None)
    plain = tied.parent / "plain.yaml"
    plain.write_text(yaml.safe_dump(document))
    assert_equal(dict(start("plain", plain).state_dict()), dict(first.state_dict()))

    # A new task joins the group, and knows what it knows.
    document = yaml.safe_load(tied.read_text())
    document["tasks"]["d"] = document["tasks"]["a"]
    more = tied.parent / "more.yaml"
    more.write_text(yaml.safe_dump(document))
    grown = start("grown", more, "--add-task", "d", trains=True)
    assert len(aliases(grown)[hidden]) == 3
    assert torch.equal(grown.state_dict()["heads.d.hidden.weight"], first.state_dict()[hidden])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("tasks.b.shared_fc.width=4", "the layer of the group fc has one width"),
        ("model.tie=[heads.a.classifier, heads.c.classifier]", "a tie between different shapes"),
        ("model.tie=[heads.a.hiden, heads.c.classifier]", "did you mean heads.a.hidden?"),
        ("model.tie=[heads.c.classifier]", "a tie is of two parts or more"),
    ],
)
def test_what_cannot_be_tied_is_said_before_there_is_a_run(
    cli: Cli, tied: Path, change: str, said: str
) -> None:
    answer = cli("train", tied, "--set", change)
    assert answer.code == 2
    assert said in answer.err
    assert not Path("runs").exists()


def test_what_is_passed_over_is_noted(cli: Cli, tied: Path) -> None:
    tie = "model.tie=[heads.b.classifier, heads.a.classifier]"
    answer = cli("train", tied, "--tasks", "a,c", "--set", tie, "--set", "train.epochs=1")
    assert answer.code == 0, answer.err
    assert "model.tie: heads.b.classifier is passed over: not of this run" in answer.err
    assert "tasks.a.shared_fc: no other task of this run is in the group fc" in answer.err
