"""Gates: what is asked, on which tasks, and whether it is met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtcli.core.errors import MtcliError, UsageError
from mtcli.core.events import TaskResult
from mtcli.core.gates import Demands, Gate, Verdict
from mtcli.core.tasks import KINDS

TASKS = {"cls": KINDS.get("classification"), "age": KINDS.get("regression")}


def result(kind: str, **metrics: float | None) -> TaskResult:
    return TaskResult(kind, next(iter(metrics)), 5, metrics, {})


RESULTS = {
    "cls": result("classification", accuracy=0.8, f1_macro=0.7, ece=0.05),
    "age": result("regression", mae=2.0, rmse=3.0, r2=None),
}


def baseline(folder: Path, **tasks: object) -> Path:
    path = folder / "baseline.json"
    path.write_text(json.dumps({"tasks": tasks}))
    return path


@pytest.mark.parametrize(
    ("texts", "met"),
    [
        (["cls.accuracy=0.8"], [True]),
        (["cls.accuracy=0.81"], [False]),
        (["cls.accuracy=0.5, age.mae=2.0", "age.mae=2"], [True, True]),
        (["age.mae=1.9"], [False]),
        (["age.mae=1e9,cls.ece=-1"], [True, False]),
        (["age.r2=-1000"], [False]),
    ],
    ids=["reached", "below", "several", "above", "any number", "undefined"],
)
def test_a_metric_must_come_to_its_bound_on_the_better_side(
    texts: list[str], met: list[bool]
) -> None:
    demands = Demands.read(texts, None, None)
    held = demands.hold(demands.of(TASKS), RESULTS, "val")
    assert [verdict.met for verdict in held.verdicts] == met


def test_a_bound_that_rounding_alone_misses_is_met() -> None:
    gate = Gate("fail-under", "cls", "accuracy", "max", 0.9)
    assert Verdict(gate, sum([0.1] * 9)).met, "0.8999999999999999"
    assert not Verdict(gate, 0.899999).met


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["cls.acuracy=1"], ["no metric acuracy", "did you mean cls.accuracy?", "f1_macro"]),
        (["cls.nothing=1"], ["no metric nothing", "accuracy", "ece"]),
        (["clss.accuracy=1"], ["no task clss", "did you mean cls?"]),
        (["rmse=1"], ["a task and a metric", "did you mean age.rmse?"]),
        (["=1"], ["=1: wrong value"]),
        (["cls.accuracy"], ["cls.accuracy: wrong value", "TASK.METRIC=NUMBER"]),
        (["cls.accuracy=high"], ["high is no number"]),
        (["cls.accuracy="], ["nothing is no number"]),
        (["cls.accuracy=nan"], ["nan bounds nothing"]),
        (["cls.accuracy=inf"], ["inf bounds nothing"]),
        (["cls.accuracy=0,9"], ["--fail-under 9: wrong value"]),
        (["cls.accuracy=0.9", "cls.accuracy=0.8"], ["two bounds for cls.accuracy", "0.9, 0.8"]),
        ([" , "], ["names no gate"]),
    ],
)
def test_what_cannot_be_a_gate_is_said(texts: list[str], words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        Demands.read(texts, None, None).of(TASKS)
    said = " ".join([caught.value.what, *map(str, caught.value.parts().values())])
    for word in words:
        assert word in said


def test_a_drop_is_in_the_worse_direction_of_each_primary_metric(tmp_path: Path) -> None:
    before = {
        "cls": {"kind": "classification", "metrics": {"accuracy": 0.81, "ece": 0.01}},
        "age": {"kind": "regression", "metrics": {"mae": 1.98, "r2": 0.5}},
    }
    demands = Demands.read(None, ["0.015, cls.ece=0.01"], baseline(tmp_path, **before))
    verdicts = demands.hold(demands.of(TASKS), RESULTS, "val").verdicts
    assert {verdict.gate.name: verdict.met for verdict in verdicts} == {
        "cls.accuracy": True,
        "age.mae": False,
        "cls.ece": False,
    }
    assert {verdict.gate.name: verdict.drop for verdict in verdicts} == {
        "cls.accuracy": pytest.approx(0.01),
        "age.mae": pytest.approx(0.02),
        "cls.ece": pytest.approx(0.04),
    }


def test_a_name_holds_above_what_is_for_all(tmp_path: Path) -> None:
    path = baseline(tmp_path, cls={"kind": "classification", "metrics": {"accuracy": 0.9}})
    demands = Demands.read(None, ["0", "cls.accuracy=0.2"], path)
    (gate,) = demands.of(TASKS)
    assert (gate.name, gate.bound, gate.before) == ("cls.accuracy", 0.2, 0.9)


def test_a_drop_that_nobody_knows_misses_its_gate(tmp_path: Path) -> None:
    path = baseline(tmp_path, age={"kind": "regression", "metrics": {"mae": None, "r2": 0.5}})
    demands = Demands.read(None, ["1,age.r2=1"], path)
    held = demands.hold(demands.of(TASKS), RESULTS, "val")
    assert [(verdict.met, verdict.drop) for verdict in held.verdicts] == [(False, None)] * 2


@pytest.mark.parametrize(
    ("max_drop", "tasks", "words"),
    [
        (["cls.f1_macro=1"], {"cls": "classification"}, ["cls.f1_macro is not in the baseline"]),
        (["age.mae=1"], {"cls": "classification"}, ["age.mae is not in the baseline"]),
        (["0"], {"seg": "segmentation"}, ["is of other tasks", "cls, age", "seg"]),
        (["0"], {"cls": "multilabel"}, ["of another kind", "classification", "multilabel"]),
        (["age.mea=1"], {"age": "regression"}, ["did you mean age.mae?"]),
    ],
)
def test_a_baseline_must_be_of_what_is_measured(
    tmp_path: Path, max_drop: list[str], tasks: dict[str, str], words: list[str]
) -> None:
    metrics = {"accuracy": 1.0, "mae": 1.0}
    path = baseline(tmp_path, **{n: {"kind": k, "metrics": metrics} for n, k in tasks.items()})
    with pytest.raises(MtcliError) as caught:
        Demands.read(None, max_drop, path).of(TASKS)
    said = " ".join([caught.value.what, *map(str, caught.value.parts().values())])
    for word in words:
        assert word in said
    assert caught.value.exit_code == 2


def test_a_drop_needs_something_to_drop_from() -> None:
    with pytest.raises(UsageError, match="--max-drop: against what"):
        Demands.read(None, ["0.1"], None)


def test_it_can_be_typed_again(tmp_path: Path) -> None:
    path = baseline(tmp_path / "", cls={"kind": "classification", "metrics": {"accuracy": 1}})
    demands = Demands.read(["cls.accuracy=0.123456789"], ["0.5,cls.ece=1e-9"], path)
    assert demands.words == (
        f"--fail-under cls.accuracy=0.123456789 --baseline {path} --max-drop 0.5 "
        "--max-drop cls.ece=1e-09"
    )
    assert Demands().words == ""
