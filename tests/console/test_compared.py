"""What kept tasks have come to, as a person reads it, and a program."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

import pytest

from mtcli.console.training import TrainingView
from mtcli.console.transfer import compared_json, show_compared
from mtcli.core.transfer.events import Compared, Kept
from tests.console.test_views import ENDED, make, said


def gate(kept: Kept, allowed: float) -> str:
    """The line of the gate."""
    output = make(terminal=False)
    show_compared(output, Compared({"cls": kept}, allowed))
    return said(output.result).splitlines()[-1]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (0.25, 0.382, "drop ≤ 0.01   met: rose by 0.132"),
        (0.5, 0.496, "drop ≤ 0.01   met: fell by 0.004"),
        (0.5, 0.4, "drop ≤ 0.01   missed: fell by 0.100"),
        (0.5, 0.5, "drop ≤ 0.01   met: unchanged"),
        (0.5, 0.50004, "drop ≤ 0.01   met: rose by 0.00004"),
        (0.5, None, "drop ≤ 0.01   missed: no number to compare"),
        # Rounded like the rest, the number would stand on the other side of the gate.
        (0.5, 0.4896, "drop ≤ 0.01   missed: fell by 0.0104"),
        (0.5, 0.5 - 0.010001, "drop ≤ 0.01   met: fell by 0.010"),
        (0.5, 0.5 - 0.010002, "drop ≤ 0.01   missed: fell by 0.010002"),
    ],
)
def test_the_gate_says_where_the_metric_went(before: float, after: float | None, line: str) -> None:
    assert gate(Kept("accuracy", "max", before, after), 0.01) == f"gate  cls.accuracy  {line}"


def test_a_drop_just_within_the_gate_is_not_rounded_beyond_it() -> None:
    line = gate(Kept("accuracy", "max", 0.5, 0.5 - 0.0148), 0.0149)
    assert line.endswith("drop ≤ 0.0149   met: fell by 0.0148")


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (3.5, "rise ≤ 0.1   missed: rose by 0.500, worse"),
        (2.5, "rise ≤ 0.1   met: fell by 0.500, better"),
        (3.05, "rise ≤ 0.1   met: rose by 0.050, worse"),
        (3.0, "rise ≤ 0.1   met: unchanged"),
    ],
)
def test_where_lower_is_better_the_words_say_so(after: float, line: str) -> None:
    assert gate(Kept("mae", "min", 3.0, after), 0.1) == f"gate  cls.mae  {line}"


@pytest.mark.parametrize(("better", "drop"), [("max", -0.25), ("min", 0.25)])
def test_as_plain_values(better: Literal["max", "min"], drop: float) -> None:
    found = compared_json(Compared({"cls": Kept("metric", better, 0.5, 0.75)}, 0.01))
    assert found["missed"] == ([] if better == "max" else ["cls"])
    assert found["tasks"] == {
        "cls": {"primary": "metric", "better": better, "before": 0.5, "after": 0.75, "drop": drop}
    }


def test_it_stands_below_the_end_of_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    ended = replace(ENDED, compared=Compared({"cls": Kept("accuracy", "max", 0.5, 0.9)}, None))
    output = make(terminal=False)
    view = TrainingView(output)
    view.show(ended)
    assert view.ended is ended
    *_, head, row = said(output.result).splitlines()
    assert head.split() == ["kept", "primary", "before", "after", "change"]
    assert row.split() == ["cls", "accuracy", "0.500", "0.900", "+0.400"]
    TrainingView(make(terminal=False, as_json=True)).show(ended)
    assert json.loads(capsys.readouterr().out)["kept"]["tasks"]["cls"]["after"] == 0.9
    TrainingView(make(terminal=False, as_json=True)).show(ENDED)
    assert "kept" not in json.loads(capsys.readouterr().out)
