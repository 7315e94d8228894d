"""Gates, intervals and differences as a person reads them, and a program."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mtcli.console.evaluation import EvaluationView
from mtcli.console.gates import held_json, show_gates, show_held
from mtcli.console.markdown import markdown
from mtcli.core import events
from mtcli.core.baseline import Difference
from mtcli.core.gates import Better, Gate, Held, Verdict
from tests.console.test_views import make, said

CLS = events.TaskResult(
    "classification",
    "accuracy",
    86,
    {"accuracy": 0.884, "ece": None},
    {},
    {"accuracy": (0.81, 0.944), "ece": None},
)
AGE = events.TaskResult("regression", "mae", 80, {"mae": 2.25}, {}, {"mae": (2.0, 2.5)})
ENDED = events.EvaluationEnded(
    Path("runs/a"), "val", 87, 6.1, {"cls": CLS, "age": AGE}, (), events.Confidence(95, 1000)
)
HELD = Held(
    (
        Verdict(Gate("fail-under", "cls", "accuracy", "max", 0.9), 0.884),
        Verdict(Gate("max-drop", "age", "mae", "min", 0.1, 2.2), 2.25),
    ),
    Path("old|b.json"),
    (
        Difference("cls", "accuracy", 0.95, 0.884, True),
        Difference("age", "mae", 2.2, 2.25, False),
    ),
    ("the baseline is of test, this is of val",),
)


def floor(value: float | None, bound: float, better: Better = "max") -> str:
    """The line of a gate."""
    output = make(terminal=False)
    show_gates(output, [Verdict(Gate("fail-under", "cls", "f1", better, bound), value)])
    return said(output.result).removesuffix("\n")


@pytest.mark.parametrize(
    ("value", "bound", "line"),
    [
        (0.884, 0.9, "gate  cls.f1  ≥ 0.90   missed: 0.884"),
        (0.9, 0.9, "gate  cls.f1  ≥ 0.90   met: 0.900"),
        (0.8999, 0.9, "gate  cls.f1  ≥ 0.90   missed: 0.8999"),
        (0.89999999, 0.9, "gate  cls.f1  ≥ 0.90   missed: 0.89999999"),
        (-1.0, -3, "gate  cls.f1  ≥ -3   met: -1.000"),
        (0.5, 0.1234, "gate  cls.f1  ≥ 0.1234   met: 0.500"),
        (None, 0, "gate  cls.f1  ≥ 0   missed: undefined, there is nothing to measure"),
    ],
)
def test_a_gate_is_one_line_with_its_number(value: float | None, bound: float, line: str) -> None:
    assert floor(value, bound) == line


def test_where_lower_is_better_the_bound_is_from_above() -> None:
    assert floor(2.5, 2, "min") == "gate  cls.f1  ≤ 2   missed: 2.500"
    assert floor(2.0000001, 2, "min") == "gate  cls.f1  ≤ 2   missed: 2.0000001"


def test_several_gates_stand_below_each_other() -> None:
    output = make(terminal=False)
    show_gates(output, HELD.verdicts)
    assert said(output.result).splitlines() == [
        "gate  cls.accuracy  ≥ 0.90       missed: 0.884",
        "gate  age.mae       rise ≤ 0.1   met:    rose by 0.050, worse",
    ]


def test_stdout_that_belongs_to_a_program_stays_its_own() -> None:
    for as_json, quiet, lines in ((True, False, 2), (True, True, 1), (False, True, 1)):
        output = make(terminal=False, as_json=as_json, quiet=quiet)
        show_held(output, replace(HELD, remarks=()))
        assert said(output.result) == ""
        assert len(said(output.talk).splitlines()) == lines
        assert "missed: 0.884" in said(output.talk)


def test_an_evaluation_shows_intervals_and_differences() -> None:
    output = make(terminal=False)
    EvaluationView(output, per_class=False).result(ENDED, HELD)
    head, *lines = (re.split(r"\s{2,}", line.strip()) for line in said(output.result).splitlines())
    assert head == ["runs/a · val · 87 pictures · 6.1 s"]
    assert lines == [
        ["task", "metric", "value", "95 % interval", "before", "change", "chance", "labelled"],
        ["cls", "accuracy", "0.884", "[0.810, 0.944]", "0.950", "-0.066", "outside", "86"],
        ["ece", "–", "–"],
        ["age", "mae", "2.250", "[2.000, 2.500]", "2.200", "+0.050", "within", "80"],
    ]
    alone = make(terminal=False)
    EvaluationView(alone, per_class=False).result(ENDED, Held())
    assert "95 % interval" in said(alone.result)
    assert "before" not in said(alone.result)


def test_a_summary_for_a_pull_request() -> None:
    assert markdown(ENDED, HELD).splitlines() == [
        "### ❌ 1 of 2 gates missed: `runs/a`",
        "",
        "87 pictures of val, cls 86 labelled, age 80 labelled",
        "",
        "| gate | condition | result |  |",
        "| --- | --- | --- | --- |",
        "| cls.accuracy | ≥ 0.90 | ❌ **missed** | 0.884 |",
        "| age.mae | rise ≤ 0.1 | ✅ met | rose by 0.050, worse |",
        "",
        "| task | metric | value | 95 % interval | baseline | change |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        "| **cls** | **accuracy** | **0.884** | [0.810, 0.944] | 0.950 | -0.066, outside chance |",
        "|  | ece | – | – |  |  |",
        "| **age** | **mae** | **2.250** | [2.000, 2.500] | 2.200 | +0.050, within chance |",
        "",
        "Baseline: `old|b.json`",
        "- the baseline is of test, this is of val",
        "",
        "Intervals: 1000 samples of the pictures, drawn with replacement.",
    ]


def test_a_summary_of_numbers_alone() -> None:
    plain = replace(ENDED, confidence=None, tasks={"age": AGE}, without=("rgb",))
    assert markdown(plain, Held()).splitlines() == [
        "### Evaluation: `runs/a`",
        "",
        "87 pictures of val without rgb, age 80 labelled",
        "",
        "| task | metric | value |",
        "| --- | --- | ---: |",
        "| **age** | **mae** | **2.250** |",
    ]
    met = Held((replace(HELD.verdicts[0], value=0.95),))
    assert markdown(plain, met).startswith("### ✅ gate met: ")
    assert markdown(plain, Held(met.verdicts * 2)).startswith("### ✅ 2 of 2 gates met: ")


def test_as_plain_values() -> None:
    assert held_json(Held()) == {}
    assert json.loads(json.dumps(held_json(HELD))) == {
        "baseline": {
            "file": "old|b.json",
            "remarks": ["the baseline is of test, this is of val"],
            "tasks": {
                "cls": {
                    "accuracy": {
                        "before": 0.95,
                        "after": 0.884,
                        "change": pytest.approx(-0.066),
                        "outside_chance": True,
                    }
                },
                "age": {
                    "mae": {
                        "before": 2.2,
                        "after": 2.25,
                        "change": pytest.approx(0.05),
                        "outside_chance": False,
                    }
                },
            },
        },
        "gates": [
            {
                "gate": "fail-under",
                "metric": "cls.accuracy",
                "bound": 0.9,
                "value": 0.884,
                "met": False,
            },
            {
                "gate": "max-drop",
                "metric": "age.mae",
                "bound": 0.1,
                "value": 2.25,
                "met": True,
                "baseline": 2.2,
                "drop": pytest.approx(0.05),
            },
        ],
    }
