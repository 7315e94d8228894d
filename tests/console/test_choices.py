"""Comparisons of networks on the screen, at the widths of small terminals."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from mtcli.console.choices import show_comparison
from mtcli.console.output import THEME, Output
from mtcli.core.inventory.facts import Choice, Comparison, Cost

TASKS = ("cls", "det", "seg")
COMPARISON = Comparison(
    "sharing",
    "hard",
    (256, 320),
    TASKS,
    (
        Choice(
            "hard", Cost(12_900_000, 1_940_000_000, 11_700_000, dict.fromkeys(TASKS, 400)), None
        ),
        Choice("none", Cost(36_300_000, 5_820_000_000, 0, dict.fromkeys(TASKS, 12_100_000)), None),
        Choice("cross_stitch", None, "the trunk has no stages that run one after another"),
    ),
)


def shown(width: int, as_json: bool = False) -> tuple[list[str], str]:
    out, err = io.StringIO(), io.StringIO()
    result, talk = (Console(theme=THEME, file=f, width=width, highlight=False) for f in (out, err))
    show_comparison(Output(result, talk, as_json=as_json), "mtcli.yaml", COMPARISON)
    return out.getvalue().splitlines(), err.getvalue()


def test_each_way_has_a_row_and_each_task_a_column() -> None:
    lines, said = shown(80)
    assert lines == [
        "mtcli.yaml · sharing: hard · pictures of 256 × 320",
        " sharing  parameters  mult-adds  shared     cls     det     seg",
        " hard         12.9 M     1.94 G  11.7 M   0.4 k   0.4 k   0.4 k",
        " none         36.3 M     5.82 G       –  12.1 M  12.1 M  12.1 M",
        " cross_stitch  the trunk has no stages that run one after another",
    ]
    assert "shared: parameters that several tasks need" in said


def test_where_there_is_no_room_each_task_has_a_line() -> None:
    lines, _ = shown(60)
    assert lines[1:6] == [
        " sharing  parameters  mult-adds  shared          own",
        " hard         12.9 M     1.94 G  11.7 M  cls   0.4 k",
        "                                         det   0.4 k",
        "                                         seg   0.4 k",
        " none         36.3 M     5.82 G       –  cls  12.1 M",
    ]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    lines, _ = shown(width)
    assert max(map(len, lines)) <= width


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    shown(80, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["of"], found["key"], found["chosen"]) == ("mtcli.yaml", "sharing", "hard")
    hard, _, stitch = found["choices"]
    assert hard["cost"]["own"] == dict.fromkeys(TASKS, 400)
    assert (stitch["cost"], stitch["refused"]) == (
        None,
        "the trunk has no stages that run one after another",
    )
