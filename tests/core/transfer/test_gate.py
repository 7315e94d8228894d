"""What kept tasks came to before, in a run and against what they come to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from mtcli.core.errors import CheckpointError
from mtcli.core.events import TaskResult
from mtcli.core.run import Run
from mtcli.core.transfer.events import Compared, Kept
from mtcli.core.transfer.gate import Before, Standing

BEFORE = Before(
    max_drop=0.01,
    tasks={
        "cls": Standing(primary="accuracy", better="max", before=0.1 + 0.2),
        "size": Standing(primary="mae", better="min", before=None),
    },
)


def result(primary: str, value: float | None) -> TaskResult:
    return TaskResult("kind", primary, 4, {primary: value}, {})


def test_a_run_holds_it_to_the_last_digit() -> None:
    run = Run.create(Path("runs"), "run", "x")
    assert Before.read(run) is None
    BEFORE.write(run)
    assert Before.read(run) == BEFORE
    assert [entry.name for entry in run.path.glob("*.json")] == ["kept.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"max_drop": "x", "tasks": {}}', '{"max_drop": 0, "tasks": {"a": 1}}'],
)
def test_a_damaged_file_is_no_lack_of_a_gate(text: str) -> None:
    run = Run.create(Path("runs"), "run", "x")
    run.kept.write_text(text)
    with pytest.raises(CheckpointError, match="came to before is damaged") as error:
        Before.read(run)
    assert error.value.where == "runs/run/kept.json"


def test_a_file_that_is_no_text_is_damaged() -> None:
    run = Run.create(Path("runs"), "run", "x")
    run.kept.write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="is damaged"):
        Before.read(run)


def test_each_task_is_compared_by_the_metric_that_it_was_measured_by() -> None:
    found = BEFORE.compare({"cls": result("accuracy", 0.25), "new": result("map", 1.0)})
    assert found.allowed == 0.01
    assert found.tasks == {
        "cls": Kept("accuracy", "max", 0.1 + 0.2, 0.25),
        "size": Kept("mae", "min", None, None),
    }
    assert found.missed == ("cls", "size")
    other = BEFORE.compare({"cls": result("f1_macro", 0.25)})
    assert other.tasks["cls"].after is None


@pytest.mark.parametrize(
    ("better", "after", "change", "drop"),
    [("max", 0.75, 0.25, -0.25), ("max", 0.25, -0.25, 0.25), ("min", 0.75, 0.25, 0.25)],
)
def test_a_drop_is_the_worse_way(
    better: Literal["max", "min"], after: float, change: float, drop: float
) -> None:
    kept = Kept("metric", better, 0.5, after)
    assert (kept.change, kept.drop) == (change, drop)
    assert (Compared({"a": kept}, 0.2).missed == ("a",)) == (drop > 0)


@pytest.mark.parametrize(
    ("after", "missed"), [(0.5 - 5e-7, ()), (0.5 - 2e-6, ("cls",)), (None, ("cls",))]
)
def test_noise_is_no_loss(after: float | None, missed: tuple[str, ...]) -> None:
    kept = {"cls": Kept("accuracy", "max", 0.5, after)}
    assert Compared(kept, 0.0).missed == missed
    assert Compared(kept, None).missed == ()
