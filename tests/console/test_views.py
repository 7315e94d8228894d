"""What is drawn: in a terminal, through a pipe, quietly, and as JSON."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from mtcli.console.errors import print_error
from mtcli.console.evaluation import EvaluationView
from mtcli.console.output import THEME, Output
from mtcli.console.text import change, clock, millions, number, rate
from mtcli.console.training import TrainingView
from mtcli.core import events
from mtcli.core.errors import ConfigError

CLS = events.TaskResult("classification", "accuracy", 38, {"accuracy": 0.9, "top5": None}, {})
STARTED = events.TrainingStarted(
    run=Path("runs/a"),
    pictures={"train": 140, "val": 40},
    device="cpu",
    precision="fp32",
    seed=0,
    trunk="tiny",
    weights=(),
    shared_parameters=842_960,
    tasks={"cls": events.TaskSummary("classification", 4, 131, 516, "accuracy")},
    epochs=2,
    first_epoch=1,
    first_update=0,
)
EPOCH = events.EpochEnded(
    epoch=1,
    epochs=2,
    losses={"cls": 1.25},
    metrics={"cls": {"accuracy": 0.9, "top5": None}},
    changes={"cls": 0.035},
    score=0.9,
    is_best=True,
    best_of=("cls",),
    pictures_per_second=93.25,
    seconds=1.75,
)
ENDED = events.TrainingEnded(
    run=Path("runs/a"),
    best_epoch=1,
    epochs_done=2,
    epochs=2,
    score=0.9,
    best_by="score",
    results={"cls": CLS},
    seconds=281,
    shared_parameters=842_960,
    own_parameters=516,
    splits=("train", "val", "test"),
)
STEPPED = events.Stepped(1, 9, 18, 9, 36, 13.5, 100.0, 8.1e-4, {"cls": 1.25})


def make(terminal: bool, quiet: bool = False, as_json: bool = False, width: int = 100) -> Output:
    def console() -> Console:
        return Console(
            theme=THEME,
            highlight=False,
            file=io.StringIO(),
            width=width,
            force_terminal=terminal,
            color_system=None,
        )

    return Output(console(), console(), as_json=as_json, quiet=quiet)


def said(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())


def play(output: Output) -> None:
    with TrainingView(output) as view:
        story: list[events.Event] = [
            events.Verifying(1, 2),
            events.Noted("2 × box dropped [x]"),
            STARTED,
            STEPPED,
        ]
        for event in (*story, events.Evaluating("val", 8, 40), EPOCH, ENDED):
            view.show(event)


def test_through_a_pipe_an_epoch_is_one_plain_line() -> None:
    output = make(terminal=False)
    play(output)
    lines = said(output.talk).splitlines()
    assert lines[0] == "note   2 × box dropped [x]"
    assert lines[-1] == "epoch 1/2  cls.accuracy=0.900  loss=1.250  93.2 img/s  1.8 s"
    assert "━" not in said(output.talk)


def test_in_a_terminal_there_are_bars_and_a_table_with_change_and_mark() -> None:
    output = make(terminal=True)
    play(output)
    text = said(output.talk)
    assert re.search(r"epoch +1/2 .*25 % eta 0:02", text)
    assert re.search(r"step +9/18 .*50 % 100.0 img/s +lr 8.1e-4", text)
    assert "loss  cls 1.25" in text
    assert re.search(r"cls +accuracy +0.900 ★ +\+0.035 +top5 –", text)


def test_the_end_says_the_best_the_parameters_and_the_next_command() -> None:
    output = make(terminal=False)
    play(output)
    assert said(output.result).splitlines() == [
        "done in 4:41 · best epoch 1 of 2 · score 0.900",
        " cls  accuracy 0.900 ",
        " run  runs/a    0.8 M shared, 0.5 k private",
        "next  mtcli eval runs/a --split test",
    ]


def test_quietly_only_the_run_is_printed() -> None:
    output = make(terminal=True, quiet=True)
    play(output)
    assert said(output.talk) == ""
    assert said(output.result) == "runs/a\n"


def test_json_is_one_object_with_null_for_what_is_undefined(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = make(terminal=False, as_json=True)
    play(output)
    value = json.loads(capsys.readouterr().out)
    assert value["tasks"]["cls"]["metrics"] == {"accuracy": 0.9, "top5": None}
    assert value["parameters"] == {"shared": 842_960, "own": 516}


def test_paths_are_never_folded() -> None:
    output = make(terminal=False, width=40)
    path = "/a/very/long/path/" + "x" * 80 + "/labels.csv"
    error = ConfigError("wrong", where=path, expected="this", found="that", mend="do")
    print_error(error, output.talk)
    assert said(output.talk).splitlines() == [
        "error  wrong",
        f"  in     {path}",
        "  wanted this",
        "  found  that",
        "  mend   do",
    ]


def test_an_evaluation_is_a_row_a_task_and_a_table_of_classes() -> None:
    per_class: dict[str, events.Metrics] = {"ball": {"recall": 0.5, "labelled": 3}}
    result = events.TaskResult("classification", "accuracy", 38, {"accuracy": 0.9}, per_class)
    ended = events.EvaluationEnded(Path("runs/a"), "val", 40, 0.31, {"cls": result})
    output = make(terminal=False)
    EvaluationView(output, per_class=True).result(ended)
    lines = [line.rstrip() for line in said(output.result).splitlines()]
    assert lines == [
        " runs/a · val · 40 pictures · 0.3 s",
        " cls  accuracy 0.900  38 labelled",
        "cls   recall  labelled",
        "ball   0.500         3",
    ]


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        (number(None), "–"),
        (number(0.12345), "0.123"),
        (change(None), ""),
        (change(-0.5), "-0.500"),
        (millions(3_138_560), "3.1 M"),
        (millions(516), "0.5 k"),
        (clock(281), "4:41"),
        (clock(3723), "1:02:03"),
        (rate(8.1e-4), "8.1e-4"),
    ],
)
def test_numbers_as_a_person_reads_them(shown: str, wanted: str) -> None:
    assert shown == wanted
