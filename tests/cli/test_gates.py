"""Gates, baselines, intervals and summaries on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_usage import refused
from tests.conftest import Cli
from tests.recipes.test_resume import terminate_at

NEVER, ALWAYS = "cls.accuracy=2", "cls.accuracy=-1,det.map=-1"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 0),
        (["--fail-under", ALWAYS], 0),
        (["--fail-under", ALWAYS, "--fail-under", "cls.ece=-1"], 3),
        (["--fail-under", NEVER, "--tasks", "cls"], 3),
    ],
)
def test_a_missed_gate_is_exit_code_3(cli: Cli, trained: Path, words: list[str], code: int) -> None:
    answer = cli("eval", trained, "--json", *words)
    assert answer.code == code, answer.err
    gates: Any = answer.json.get("gates", [])
    assert all(gate["met"] for gate in gates) == (code == 0)
    assert answer.err.count("gate ") == len(gates) == answer.err.count("met:") + (code == 3)


def test_every_gate_is_printed_below_the_table(cli: Cli, trained: Path) -> None:
    answer = cli("eval", trained, "--fail-under", "cls.accuracy=2,det.map=-1")
    assert answer.code == 3
    *_, first, second = answer.out.splitlines()
    assert first.startswith("gate  cls.accuracy  ≥ 2    missed: ")
    assert second.startswith("gate  det.map       ≥ -1   met:    ")


def test_a_run_is_held_against_itself(cli: Cli, trained: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(cli("eval", trained, "--json", "--ci", "95", "--resamples", "100").out)
    for baseline in (trained, before, trained / "metrics.json"):
        words = ["--baseline", baseline, "--max-drop", "0,det.map50=0"]
        answer = cli("eval", trained, "--json", *words)
        assert answer.code == 0, answer.err
        gates: Any = answer.json["gates"]
        names = [(gate["metric"], gate["drop"]) for gate in gates]
        assert names == [("cls.accuracy", 0), ("det.map", 0), ("det.map50", 0)]
        told: Any = answer.json["baseline"]
        assert told["remarks"] == []
        assert told["tasks"]["cls"]["accuracy"]["change"] == 0
    better = json.loads(before.read_text())
    better["tasks"]["cls"]["metrics"]["accuracy"] = 1.5
    better["split"] = "test"
    before.write_text(json.dumps(better))
    answer = cli("eval", trained, *words[:1], before, "--max-drop", "0.1", "--ci", "90")
    assert answer.code == 3
    assert "gate  cls.accuracy  drop ≤ 0.1   missed: fell by " in answer.out
    assert " outside " in answer.out
    assert "note   the baseline is of test, this is of val" in answer.err


def test_intervals_are_additions(cli: Cli, trained: Path) -> None:
    plain = cli("eval", trained, "--json").json
    sure = cli("eval", trained, "--json", "--ci", "95", "--resamples", "100").json
    assert sure.pop("ci") == {"level": 95, "resamples": 100}
    tasks: Any = sure["tasks"]
    for task in tasks.values():
        for metric, interval in task.pop("intervals").items():
            value = task["metrics"][metric]
            assert (interval is None) == (value is None) or metric == "map75"
    assert {**plain, "seconds": 0} == {**sure, "seconds": 0}


def test_a_summary_is_written_though_a_gate_is_missed(
    cli: Cli, trained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "summary.md"
    assert cli("eval", trained, "--fail-under", NEVER, "--markdown", path, "--json").code == 3
    text = path.read_text()
    assert text.startswith("### ❌ gate missed: ")
    assert "| cls.accuracy | ≥ 2 | ❌ **missed** | " in text
    assert [entry.name for entry in tmp_path.iterdir()].count("summary.md") == 1
    assert not list(tmp_path.glob(".*draft"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-under", "cls.acc=0.9"], ["cls has no metric acc", "there is: accuracy"]),
        (["--fail-under", "seg.miou=0.9"], ["no task seg is measured", "cls, det"]),
        (["--fail-under", "det.map=0", "--tasks", "cls"], ["no task det is measured"]),
        (["--fail-under", "accuracy=0.9"], ["did you mean cls.accuracy?"]),
        (["--fail-under", "cls.accuracy=good"], ["good is no number"]),
        (["--max-drop", "0.1"], ["--max-drop: against what?", "--baseline"]),
        (["--baseline", "nowhere.json"], ["no such baseline", "nowhere.json"]),
        (["--baseline", "bad.json"], ["the baseline is not JSON", "bad.json"]),
        (["--baseline", "other.json"], ["the baseline is of other tasks", "seg"]),
        (["--ci", "0.95"], ["--ci 0.95", "did you mean --ci 95?"]),
        (["--ci", "100"], ["--ci 100", "less than 100"]),
        (["--ci", "nan"], ["--ci nan"]),
        (["--ci", "95", "--resamples", "3"], ["--resamples 3: too few", "100 or more"]),
        (["--resamples", "300"], ["--resamples", "--ci"]),
        (["--markdown", "no/where.md"], ["no such folder", "no"]),
        (["--markdown", "."], ["cannot write there", "a folder"]),
        (["--markdown", "/dev/null"], ["cannot write there", "a device"]),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_measured(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: list[str]
) -> None:
    Path("bad.json").write_text('{"tasks": ')
    metrics = {"miou": 0.5}
    Path("other.json").write_text(
        json.dumps({"tasks": {"seg": {"kind": "segmentation", "metrics": metrics}}})
    )
    monkeypatch.setattr("mtcli.recipes.evaluate.measure", None)
    refused(cli("eval", trained, *words), *said)


@pytest.mark.parametrize("words", [["--ci", "95"], ["--baseline", "x.json"], ["--markdown", "x"]])
def test_a_cross_validation_has_no_gates(cli: Cli, words: list[str]) -> None:
    Path("set").mkdir()
    Path("set/folds.csv").write_text("image,fold\na.png,1\n")
    Path("x.json").write_text('{"tasks": {"cls": {"kind": "x", "metrics": {"a": 1}}}}')
    refused(cli("eval", "set", *words), f"{words[0]}: for one network at a time", "set/fold-1")


def test_a_training_is_judged_by_its_best_epoch(cli: Cli, shapes: Path, trained: Path) -> None:
    config = shapes / "mtcli.yaml"
    words = ["--fail-under", "cls.accuracy=-1,det.map50=1.5", "--baseline", trained]
    answer = cli("train", config, "--name", "a", "--json", *words, "--max-drop", "det.map=1")
    assert answer.code == 3, answer.err
    gates: Any = answer.json["gates"]
    assert [gate["met"] for gate in gates] == [True, False, True]
    tasks: Any = answer.json["tasks"]
    assert gates[1]["value"] == tasks["det"]["metrics"]["map50"]
    again = cli("train", "--resume", "runs/a", "-q", "--fail-under", "det.map50=1.5")
    assert again.code == 3, "once more, of a run that has ended"
    assert again.out == "runs/a\n", "the run alone, for a script to take"
    assert "gate  det.map50  ≥ 1.50   missed: " in again.err


def test_a_stopped_training_says_how_it_is_judged_in_the_end(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        terminate_at(patched, 1)
        stopped = cli("train", shapes / "mtcli.yaml", "--name", "a", "--fail-under", NEVER)
    assert stopped.code == 143
    assert "mtcli train --resume runs/a --fail-under cls.accuracy=2" in stopped.err
    assert "gate " not in stopped.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-under", "cls.f1=0.9"], ["cls has no metric f1", "f1_macro"]),
        (["--fail-under", "det.map=0.9", "--tasks", "cls"], ["no task det"]),
        (["--max-drop", "0.9"], ["against what"]),
        (["--fail-under", "cls.accuracy=0", "--folds", "2"], ["not for a cross-validation"]),
    ],
)
def test_a_training_that_cannot_be_judged_does_not_begin(
    cli: Cli, shapes: Path, words: list[str], said: list[str]
) -> None:
    refused(cli("train", shapes / "mtcli.yaml", *words), *said)
    assert not Path("runs").exists()


def test_a_transfer_is_held_against_a_baseline_where_it_keeps_nothing(
    cli: Cli, shapes: Path, trained: Path
) -> None:
    words = ["transfer", shapes / "mtcli.yaml", "--from", trained, "--epochs", "1", "--json"]
    better = json.loads((trained / "metrics.json").read_text())
    better["tasks"]["cls"]["metrics"]["accuracy"] = 2.0
    Path("better.json").write_text(json.dumps(better))
    answer = cli(*words, "--baseline", "better.json", "--max-drop", "0.5,det.map=1")
    assert answer.code == 3, answer.err
    gates: Any = answer.json["gates"]
    assert [(gate["metric"], gate["met"]) for gate in gates] == [
        ("cls.accuracy", False),
        ("det.map", True),
    ]
    refused(cli(*words, "--max-drop", "0.5"), "--add-task or --baseline")
    refused(cli(*words, "--add-task", "x", "--max-drop", "det.map=1"), "a number of 0 or more")
    refused(cli(*words[:4], "--init-only", "--fail-under", NEVER), "--init-only measures nothing")
