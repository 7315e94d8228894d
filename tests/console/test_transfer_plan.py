"""The plan of a transfer at the widths of small terminals, and through a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from mtcli.console.output import THEME, Output
from mtcli.console.text import until
from mtcli.console.transfer import plan_json, plan_line, show_plan
from mtcli.core.transfer.events import Fate, TensorPlan, TransferPlanned

LONG = "heads.det.roi_heads.box_predictor.bbox_pred.weight"


def tensor(
    name: str,
    fate: Fate = "copied",
    why: str = "",
    origins: tuple[str, ...] = ("runs/a",),
    frozen: bool = False,
    until: int | None = None,
) -> TensorPlan:
    return TensorPlan(name, fate, why, (4, 3), origins, frozen, until)


def plan(*tensors: TensorPlan, sources: tuple[str, ...] = ("runs/a",)) -> TransferPlanned:
    return TransferPlanned(sources, ("det",), ("conv",), {"trunk": 3}, tensors)


def shown(told: TransferPlanned, width: int, every: bool = False, pipe: bool = False) -> list[str]:
    err = io.StringIO()
    talk = Console(
        theme=THEME,
        file=err,
        width=width,
        highlight=False,
        force_terminal=not pipe,
        no_color=True,
        color_system=None,
    )
    show_plan(Output(talk, talk), told, every)
    return err.getvalue().splitlines()


PLAN = plan(
    tensor("trunk.a", frozen=True, until=2),
    tensor("trunk.b", frozen=True, until=2),
    tensor("pyramid.a", "fresh", "another shape there: [24, 24, 3, 3], not [16, 16, 3, 3]", ()),
    tensor(LONG, "adapted", "2 of 3 classes by name: cat, dog"),
    tensor("heads.det.roi_heads.x", "fresh", "no such tensor in the origin", ()),
)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("every", [False, True])
def test_names_are_whole_and_reasons_are_cut(width: int, every: bool) -> None:
    lines = shown(PLAN, width, every)
    names = [row.tensor for row in PLAN.tensors] if every else ["trunk.*", "pyramid.*"]
    assert [line.split()[0] for line in lines[2 : 2 + len(names)]] == names
    whole = shown(PLAN, 200, every)
    assert len(lines) == len(whole), "a row is a line"
    # Names and numbers are whole, even where they alone are wider than the terminal.
    for line, other in zip(lines, whole, strict=True):
        assert line == other or other.startswith(line.removesuffix("…"))
    bare = shown(PLAN, 1, every)
    assert max(map(len, lines)) <= max(width, *map(len, bare))
    assert any(line.endswith("…") for line in lines) == (not every and width == 80)


def test_a_pipe_gets_whole_reasons_and_no_blanks() -> None:
    lines = shown(PLAN, 200, pipe=True)
    assert lines == [
        "transfer  runs/a  →  det   (freeze conv; unfreeze trunk@3)",
        " part                 tensors  copied  adapted  fresh     frozen",
        " trunk.*                    2       2        –      –  2 until 2",
        " pyramid.*                  1       –        –      1          –  "
        "another shape there: [24, 24, 3, 3], not [16, 16, 3, 3]",
        " heads.det.roi_heads        2       –        1      1          –  "
        "2 of 3 classes by name: cat, dog; no such tensor in the origin",
        " --verbose lists every tensor",
    ]


def test_words_in_brackets_are_no_markup() -> None:
    told = plan(tensor("trunk.a", "fresh", "another shape there: [4, 3], not [bold]", ()))
    assert "[4, 3], not [bold]" in shown(told, 200, pipe=True)[2]


def test_more_than_two_reasons_are_counted() -> None:
    told = plan(*(tensor(f"trunk.{word}", "fresh", word, ()) for word in "abcd"))
    assert shown(told, 200, pipe=True)[2].endswith("–  a; b and 2 more")


def test_of_several_origins_the_one_is_named() -> None:
    told = plan(
        tensor("trunk.a", why="mean of 2", origins=("runs/a", "runs/b")),
        tensor("heads.det.a", origins=("runs/a",)),
        tensor("heads.cls.a", "adapted", "1 of 2 classes by name: a", ("runs/b",)),
        tensor("heads.seg.a", "left", "task not wanted", ("runs/b",)),
        tensor("heads.new.a", "fresh", "a new task", ()),
        sources=("runs/a", "runs/b"),
    )
    lines = shown(told, 200, pipe=True)[2:7]
    assert [line.split("–")[-1].strip() for line in lines] == [
        "mean of 2",
        "from runs/a",
        "from runs/b: 1 of 2 classes by name: a",
        "runs/b: task not wanted",
        "a new task",
    ]


def test_every_tensor_says_until_when_it_is_frozen() -> None:
    told = plan(tensor("a", frozen=True, until=4), tensor("b", frozen=True))
    lines = shown(told, 200, every=True, pipe=True)
    assert [line.split()[2:] for line in lines[2:4]] == [
        ["copied", "frozen", "until", "4"],
        ["copied", "frozen"],
    ]


@pytest.mark.parametrize(
    ("ends", "frozen", "text"),
    [
        ({}, 9, ""),
        ({2: 9}, 9, " until 2"),
        ({2: 4, 3: 1, 5: 4}, 9, " until 2 … 5"),
        ({2: 4}, 9, ", some until 2"),
        ({5: 1, 2: 4}, 9, ", some until 2 … 5"),
    ],
)
def test_how_long_things_stay_frozen(ends: dict[int, int], frozen: int, text: str) -> None:
    assert until(ends, frozen) == text


def test_the_plan_in_a_line_and_as_json() -> None:
    published = tensor("trunk.a", "published", "model.weights", (), frozen=True, until=1)
    told = plan(published, tensor("heads.det.a", "fresh", "not asked for", ()))
    assert plan_line(told) == "weights of runs/a: 1 published, 1 fresh"
    found = plan_json(told)
    assert found["unfreeze"] == {"trunk": 3}
    assert found["tensors"][0] == {
        "tensor": "trunk.a",
        "fate": "published",
        "why": "model.weights",
        "origin": [],
        "shape": [4, 3],
        "frozen": True,
        "until": 1,
    }
