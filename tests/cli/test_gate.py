"""The gate of `mtcli transfer --add-task`: met or missed, at once or after an interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli
from tests.recipes.test_resume import stop, terminate_at

RUINED = [
    word
    for change in ("train.lr=50", "train.ema=null", "train.warmup=0", "train.clip=null")
    for word in ("--set", change)
]
"""A training after which nothing of the old is left."""


def adding(sizes: Path, origin: Path, name: str, *words: str) -> list[str]:
    """A transfer to one task more, with two updates to each of two epochs."""
    said = ["transfer", str(sizes), "--from", str(origin), "--add-task", "half", "--epochs", "2"]
    return [*said, "--max-drop", "0", "--name", name, *words]


def gate_of(out: str) -> list[str]:
    """The table of what was kept, and the lines of the gate below it."""
    lines = [line.rstrip() for line in out.splitlines()]
    return lines[lines.index(next(line for line in lines if line.startswith(" kept"))) :]


@pytest.fixture
def good(cli: Cli, sizes: Path) -> Path:
    """A run whose classification has something to lose."""
    words = ["--tasks", "cls", "--set", "train.epochs=8", "--set", "train.lr=0.003"]
    assert cli("train", sizes, *words, "--name", "good", "-q").code == 0
    return Path("runs/good")


@pytest.mark.slow
def test_a_gate_that_is_missed_is_exit_code_3_before_and_after_a_stop(
    cli: Cli, sizes: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = cli(*adding(sizes, good, "whole", *RUINED, "--json"))
    assert whole.code == 3, whole.err
    kept: Any = whole.json["kept"]
    assert kept["missed"] == ["cls"]
    cls = kept["tasks"]["cls"]
    assert cls["drop"] == pytest.approx(cls["before"] - cls["after"])
    assert cls["drop"] > 0
    assert whole.json["run"] == "runs/whole", "the run is there all the same"

    with monkeypatch.context() as patched:
        terminate_at(patched, 3)
        stopped = cli(*adding(sizes, good, "stopped", *RUINED))
    assert stopped.code == 143
    assert "go on with: mtcli train --resume runs/stopped" in stopped.err
    assert "gate" not in stopped.err + stopped.out
    resumed = cli("train", "--resume", "runs/stopped", "--json")
    assert resumed.code == 3, resumed.err
    assert resumed.json["kept"] == kept
    # Once more, of a run that has ended; and as a person reads it.
    again = cli("train", "--resume", "runs/stopped")
    assert again.code == 3
    fall = f"{cls['drop']:.3f}"
    assert gate_of(again.out)[-1] == f"gate  cls.accuracy  drop ≤ 0   missed: fell by {fall}"
    assert gate_of(cli("train", "--resume", "runs/whole").out) == gate_of(again.out)


@pytest.mark.slow
@pytest.mark.parametrize("call", [2, 3], ids=["before", "after"])
def test_a_gate_is_met_though_the_run_was_killed(
    cli: Cli, sizes: Path, trained: Path, call: int
) -> None:
    """Before its first checkpoint, or after it: nothing of what was asked for is forgotten."""
    frozen = ["--freeze", "trunk,pyramid,heads.cls,heads.det"]
    words = adding(sizes, trained, "killed", *frozen)
    assert stop([*words, "--quiet"], call, "SIGKILL") == -9
    assert Path("runs/killed/checkpoints/index.json").exists() == (call == 3)
    answer = cli("train", "--resume", "runs/killed")
    assert answer.code == 0, answer.err
    head, *rows, first, second = gate_of(answer.out)
    assert head.split() == ["kept", "primary", "before", "after", "change"]
    assert {row.split()[0]: row.split()[4] for row in rows} == {"cls": "0.000", "det": "0.000"}
    assert first == "gate  cls.accuracy  drop ≤ 0   met: unchanged"
    assert second == "gate  det.map       drop ≤ 0   met: unchanged"
    held = json.loads(Path("runs/killed/kept.json").read_text())
    measured: Any = cli("eval", trained, "--json").json["tasks"]
    for name, task in held["tasks"].items():
        assert task["before"] == measured[name]["metrics"][task["primary"]]


def test_without_a_gate_the_comparison_is_made_all_the_same(
    cli: Cli, sizes: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["transfer", sizes, "--from", trained, "--add-task", "half", "--epochs", "1"]
    with monkeypatch.context() as patched:
        terminate_at(patched, 1)
        assert cli(*words, "--name", "new", "-q").code == 143
    answer = cli("train", "--resume", "runs/new")
    assert answer.code == 0, answer.err
    assert [line.split()[0] for line in gate_of(answer.out)] == ["kept", "cls", "det"]
    # Its config under another name is another training, which keeps nothing of anybody.
    again: Any = cli("train", "runs/new/config.yaml", "--name", "again", "--json")
    assert again.code == 0
    assert "kept" not in again.json
    assert not Path("runs/again/kept.json").exists()


def test_what_was_kept_is_damaged(
    cli: Cli, sizes: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 1)
        assert cli(*adding(sizes, trained, "new", "-q")).code == 143
    Path("runs/new/kept.json").write_text('{"max_drop": 0, "tasks": {"cls"')
    answer = cli("train", "--resume", "runs/new")
    assert answer.code == 2
    assert "what the kept tasks came to before is damaged" in answer.err
    assert "runs/new/kept.json" in answer.err
