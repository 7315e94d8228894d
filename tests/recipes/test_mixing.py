"""Mixing policies in a whole training: what is drawn, what learns, and how it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mtcli.core import events
from mtcli.core.configfile import load_config
from mtcli.recipes.train import NewRun, train
from tests.conftest import Cli
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, words_for

STAGES = (
    "train.mixing={sequential: [{tasks: [det], epochs: 1}, "
    "{tasks: [cls], epochs: 2, freeze: [trunk]}]}"
)


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


def test_the_plan_is_what_is_trained(cli: Cli, shapes: Path) -> None:
    sets = ["--set", "train.mixing={ratios: {cls: 1, det: 3}}", "--set", "train.epoch_length=4"]
    plan = cli("data", "plan", shapes / "mtcli.yaml", *sets, "--json").json
    assert plan["epochs"] == [
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
    assert "epochs: 3, which the stages are together" in answer.err


def test_a_task_alone_has_the_part_of_the_policy_that_is_its_own(cli: Cli, shapes: Path) -> None:
    sets = ["--set", "train.mixing={ratios: {cls: 1, det: 3}}"]
    words = ["train", shapes / "mtcli.yaml", "--tasks", "det", "--name", "det", "--quiet", *sets]
    assert cli(*words).code == 0
    # The run's own config names det alone, and can be used again.
    assert cli("train", "runs/det/config.yaml", "--name", "again", "--quiet").code == 0
    assert_equal(final_state(Path("runs/det")), final_state(Path("runs/again")))
