"""Mixing policies in a whole training: what is drawn, what learns, and how it goes on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mtcli.core import events
from mtcli.core.configfile import load_config
from mtcli.core.errors import ConfigError
from mtcli.recipes.train import NewRun, train
from tests.conftest import Cli
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, words_for

STAGES = (
    "train.mixing={sequential: [{tasks: [det], epochs: 1}, "
    "{tasks: [cls], epochs: 2, freeze: [trunk]}]}"
)

TEXT = "train={mixing: {sequential: [{tasks: [det], epochs: 1}, {tasks: [cls], epochs: '2'}]}}"


@pytest.mark.parametrize(
    "changes",
    [
        ["train.mixing={temperature: {T: 3}}", "train.balanced=[cls]", "train.epoch_length=4"],
        ["train.mixing=round_robin", "train.accumulate=2"],
        [STAGES],
    ],
    ids=["temperature", "round robin", "stages"],
)
def test_it_goes_on_bit_for_bit(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch, changes: list[str]
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 6)
        assert cli(*words_for(shapes, "stopped", *changes)).code == 143
    assert cli("train", "--resume", "runs/stopped", "--quiet").code == 0
    assert cli(*words_for(shapes, "whole", *changes)).code == 0
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))


def test_stages_teach_their_tasks_and_keep_what_is_frozen(shapes: Path) -> None:
    config = load_config(
        shapes / "mtcli.yaml",
        [
            STAGES,
            "train.epochs=3",
            "train.ema=null",
            "train.optimizer=sgd",
            "train.weight_decay=0.1",
        ],
    )
    assert config.train.epochs == 3
    weights: list[dict[str, torch.Tensor]] = []
    losses = []
    for event in train(config, NewRun(Path("runs"), "run", "shapes")):
        if isinstance(event, events.Saved):
            weights.append(load_file(event.path / "model.safetensors"))
        elif isinstance(event, events.EpochEnded):
            losses.append(set(event.losses))

    assert losses == [{"det"}, {"cls"}, {"cls"}]

    def moved(one: int, other: int) -> set[str]:
        return {
            name.split(".")[0] if not name.startswith("heads.") else name.rsplit(".", 2)[0][:9]
            for name in weights[0]
            if not torch.equal(weights[one][name], weights[other][name])
        }

    # From the first stage's end to the second's: the head of cls alone, whole.
    assert moved(0, 2) == {"heads.cls"}


def plan_of(cli: Cli, *words: object) -> list[dict[str, object]]:
    epochs: Any = cli("data", "plan", *words, "--json").json["epochs"]
    return list(epochs)


def test_the_plan_is_what_is_trained(cli: Cli, shapes: Path) -> None:
    sets = ["--set", "train.mixing={ratios: {cls: 1, det: 3}}", "--set", "train.epoch_length=4"]
    assert plan_of(cli, shapes / "mtcli.yaml", *sets) == [
        {
            "epochs": [1, 1],
            "mixing": "ratios",
            "learn": ["cls", "det"],
            "frozen": [],
            "updates": 4,
            "batches": 4,
            "pictures": 16,
            "different": 8,
            "tasks": {
                "cls": {"pictures": 7, "batches": 1, "labels": 4, "passes": 4 / 7},
                "det": {"pictures": 7, "batches": 3, "labels": 12, "passes": 12 / 7},
            },
        }
    ]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("train.mixing={ratios: {cls: 1, dte: 2}}", "no such task: dte"),
        ("train.mixing={ratios: {cls: 1}}", "nothing is said of det"),
        ("train.mixing={ratios: {cls: 1, det: 0}}", "train.mixing.ratios.det"),
        ("train.mixing=ratios", "nothing is said of cls"),
        ("train.mixing={temperature: {T: 0}}", "train.mixing.temperature.T"),
        ("train.mixing=unifrom", "did you mean train.mixing.uniform?"),
        ("train.mixing={uniform: , joint: }", "one policy, such as uniform"),
        ("train.mixing=sequential", "a list of stages, such as"),
        ("train.mixing={sequential: [{tasks: [], epochs: 1}]}", "0.tasks: wrong value\n"),
        ("train.mixing={sequential: [{tasks: [dte], epochs: 1}]}", "did you mean det?"),
        ("train.mixing={sequential: [{tasks: [det], epochs: 1}]}", "no stage teaches cls"),
        (
            "train.mixing={sequential: [{tasks: [cls, det], epochs: 1, freeze: [truk]}]}",
            "did you mean trunk?",
        ),
        (
            "train.mixing={sequential: [{tasks: [cls, det], epochs: 1, "
            "freeze: [trunk, heads.cls]}]}",
            "nothing is left for cls to learn with",
        ),
        ("train.balanced=[cls, det]", "can be balanced for one"),
        ("train.balanced=[clss]", "did you mean cls?"),
        ("train.epoch_length=0", "train.epoch_length"),
        ("train.epoch_length=shortest", "shortest cannot be had with train.mixing: joint"),
    ],
)
def test_wrong_mixing_is_said_before_anything_else(
    cli: Cli, shapes: Path, change: str, what: str
) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)
    assert answer.code == 2, answer.err
    assert what in answer.err
    assert not Path("runs").exists()


def test_stages_and_epochs_that_differ(cli: Cli, shapes: Path) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", STAGES, "--set", "train.epochs=5")
    assert answer.code == 2
    assert "train.epochs: not as many as the stages have together" in answer.err
    assert re.search(r"\w+ +3\n +found +5\n", answer.err), answer.err


def test_epochs_of_stages_may_be_text(shapes: Path) -> None:
    assert load_config(shapes / "mtcli.yaml", [TEXT]).train.epochs == 3
    with pytest.raises(ConfigError, match=r"sequential\.1\.epochs"):
        load_config(shapes / "mtcli.yaml", [TEXT.replace("'2'", "two")])


def test_joint_stages_cannot_be_as_short_as_a_task(shapes: Path) -> None:
    sets = [STAGES, "train.epochs=3", "train.epoch_length=shortest"]
    with pytest.raises(ConfigError, match=r"with train\.mixing\.sequential\.0\.mixing: joint"):
        load_config(shapes / "mtcli.yaml", sets)
    proportional = STAGES.replace("epochs: 1", "epochs: 1, mixing: uniform").replace(
        "epochs: 2", "epochs: 2, mixing: uniform"
    )
    load_config(shapes / "mtcli.yaml", [proportional, *sets[1:]])


def test_heads_of_tasks_that_were_not_chosen_are_frozen_no_more(cli: Cli, shapes: Path) -> None:
    parts = "heads.det, heads.d*.weight, pyramid, trunk.*, heads.c*.nothing"
    stage = f"train.mixing={{sequential: [{{tasks: [cls, det], epochs: 1, freeze: [{parts}]}}]}}"
    loaded = load_config(shapes / "mtcli.yaml", [stage, "train.epochs=1"], only=["cls"])
    [left] = loaded.train.mixing.sequential or ()
    assert left.freeze == ("pyramid", "trunk.*", "heads.c*.nothing")

    stage = stage.replace(", heads.c*.nothing", "")
    words = [shapes / "mtcli.yaml", "--tasks", "cls", "--set", stage, "--set", "train.epochs=1"]
    [epoch] = plan_of(cli, *words)
    assert epoch["frozen"] == ["pyramid", "trunk.*"]


def test_a_stage_of_which_nothing_is_chosen_is_named(cli: Cli, shapes: Path) -> None:
    words = [shapes / "mtcli.yaml", "--tasks", "det", "--set", STAGES, "--set", "train.epochs=3"]
    answer = cli("train", *words)
    assert answer.code == 2
    assert "train.mixing.sequential.1.tasks: --tasks det leaves nothing of this stage" in answer.err


@pytest.mark.parametrize(
    ("parts", "what"),
    [("truk", "did you mean trunk?"), ("trunk, heads.cls", "nothing is left for cls")],
)
@pytest.mark.parametrize("command", [["data", "plan"], ["train"]])
def test_what_cannot_be_frozen_is_said_before_pictures_are_looked_at(
    cli: Cli, shapes: Path, command: list[str], parts: str, what: str
) -> None:
    (shapes / "images" / "00.png").write_bytes(b"no picture")
    stage = f"train.mixing={{sequential: [{{tasks: [cls, det], epochs: 1, freeze: [{parts}]}}]}}"
    answer = cli(*command, shapes / "mtcli.yaml", "--set", stage, "--set", "train.epochs=1")
    assert answer.code == 2
    assert what in answer.err


def test_patience_waits_for_the_last_stage(shapes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtcli.recipes.train.value_of", lambda *_: 0.5)  # none gets better
    stages = "train.mixing={sequential: [{tasks: [det], epochs: 3}, {tasks: [cls], epochs: 4}]}"
    sets = [stages, "train.epochs=7", "train.patience=2"]
    seen = list(train(load_config(shapes / "mtcli.yaml", sets), NewRun(Path("runs"), "run", "x")))
    assert sum(isinstance(event, events.EpochEnded) for event in seen) == 5
    [said] = [e.text for e in seen if isinstance(e, events.Noted) and "stopped" in e.text]
    assert said == "no better score for 2 epochs: stopped after epoch 5"


def test_a_task_alone_has_the_part_of_the_policy_that_is_its_own(cli: Cli, shapes: Path) -> None:
    sets = ["--set", "train.mixing={ratios: {cls: 1, det: 3}}"]
    words = ["train", shapes / "mtcli.yaml", "--tasks", "det", "--name", "det", "--quiet", *sets]
    assert cli(*words).code == 0
    # The run's own config names det alone, and can be used again.
    assert cli("train", "runs/det/config.yaml", "--name", "again", "--quiet").code == 0
    assert_equal(final_state(Path("runs/det")), final_state(Path("runs/again")))
