"""mtcli data stats and mtcli data preview, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mtcli.console.statistics import _classes
from tests.conftest import Cli


def test_a_preview_is_written_where_it_is_wanted(cli: Cli, shapes: Path) -> None:
    answer = cli("data", "preview", shapes / "mtcli.yaml", "-o", "look.jpg", "-n", 4)
    assert answer.code == 0
    assert answer.out == "wrote look.jpg\n"
    assert answer.err == ""
    with Image.open("look.jpg") as picture:
        assert picture.format == "JPEG"


def test_a_preview_replaces_the_last_one(cli: Cli, shapes: Path) -> None:
    Path("preview.png").write_text("old")
    assert cli("data", "preview", shapes / "mtcli.yaml", "-n", 1, "--no-augment").code == 0
    with Image.open("preview.png") as picture:
        assert picture.format == "PNG"


def test_classes_without_room_are_noted(cli: Cli, shapes: Path) -> None:
    answer = cli("data", "preview", shapes / "mtcli.yaml", "-n", 1)
    assert "note   cls: no picture of " in answer.err
    assert "--number" in answer.err


@pytest.mark.parametrize("command", ["preview", "stats"])
@pytest.mark.parametrize(
    ("name", "said"),
    [("a.gif", ".png"), ("none/a.png", "no such folder"), ("here.png", "a folder of this name")],
)
def test_a_wrong_place_is_said_before_any_look(
    cli: Cli, shapes: Path, command: str, name: str, said: str
) -> None:
    Path("here.png").mkdir()
    answer = cli("data", command, shapes / "mtcli.yaml", "-o", name)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--split", "vall"), "did you mean val?"),
        (("--draws", "2", "--no-augment"), "--no-augment has none"),
        (("--draws", "2", "--split", "val"), "--split val has none"),
        (("--number", "0"), "number"),
        (("--tasks", "clss"), "did you mean cls?"),
    ],
)
def test_wrong_words_are_refused(cli: Cli, shapes: Path, words: tuple[str, ...], said: str) -> None:
    answer = cli("data", "preview", shapes / "mtcli.yaml", *words)
    assert answer.code == 2
    assert said in answer.err
    assert not Path("preview.png").exists()


def test_statistics_are_a_table_and_a_picture(cli: Cli, shapes: Path) -> None:
    answer = cli("data", "stats", shapes / "mtcli.yaml")
    assert answer.code == 0
    assert answer.err == ""
    assert "train · 8 pictures · 64 × 64" in answer.out
    assert "7 labelled" in answer.out
    assert answer.out.endswith("wrote stats.png\n")
    with Image.open("stats.png") as picture:
        assert picture.size[0] == 1600


def test_the_numbers_are_those_of_the_files(cli: Cli, shapes: Path) -> None:
    """Of 12 pictures 8 are train; 03 has no class, 04 no box, 05 is in no box file."""
    found: Any = cli("data", "stats", shapes / "mtcli.yaml", "--json").json
    assert found["picture"] == "stats.png"
    assert found["size"] == [64, 64]
    assert {split: own["pictures"] for split, own in found["splits"].items()} == {
        "train": 8,
        "val": 4,
    }
    assert found["splits"]["train"]["height"]["mean"] == 64
    own = found["tasks"]["cls"]["splits"]["train"]
    assert own["labelled"] == 7
    # 00, 02, 04, 06 are circles; 01, 05, 07 squares.
    assert {name: told["count"] for name, told in own["classes"].items()} == {
        "circle": 4,
        "square": 3,
    }
    assert own["classes"]["circle"]["share"] == pytest.approx(4 / 7)
    boxes = found["tasks"]["det"]["splits"]["train"]
    assert boxes["labelled"] == 7
    assert {name: told["count"] for name, told in boxes["classes"].items()} == {
        "circle": 3,
        "square": 3,
    }
    assert boxes["measures"]["side"]["mean"] == pytest.approx(32)
    assert boxes["measures"]["boxes"]["min"] == 0
    # Both tasks label 00, 01, 02, 04, 06, 07 and 08 … 11: a shape's box has the shape's class.
    assert found["overlaps"] == [{"tasks": ["cls", "det"], "pictures": 10}]
    [pair] = [
        pair
        for pair in found["together"]
        if [label["class"] for label in pair["labels"]] == ["square", "square"]
    ]
    assert (pair["both"], pair["each"], pair["pictures"]) == (4, [4, 4], 10)
    assert pair["lift"] == pytest.approx(2.5)
    json.dumps(found, allow_nan=False)


def test_a_picture_that_cannot_be_read_is_passed_over(cli: Cli, shapes: Path) -> None:
    (shapes / "images" / "00.png").write_bytes(b"no picture")
    answer = cli("data", "stats", shapes / "mtcli.yaml")
    assert answer.code == 0
    assert "1 unreadable" in answer.out
    assert "mtcli data check" in answer.err


def test_data_without_any_split_is_an_error(cli: Cli, shapes: Path) -> None:
    (shapes / "train.txt").unlink()
    (shapes / "val.txt").unlink()
    answer = cli("data", "stats", shapes / "mtcli.yaml")
    assert answer.code == 2
    assert "train.txt" in answer.err
    assert not Path("stats.png").exists()


def test_the_numbers_are_told_though_the_picture_fails(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("mtcli.recipes.statistics.save_figure", full)
    answer = cli("data", "stats", shapes / "mtcli.yaml", "--json")
    assert answer.code == 1
    assert "no space left" in answer.err
    found: Any = answer.json
    assert found["picture"] is None
    assert found["tasks"]["cls"]["splits"]["train"]["labelled"] == 7
    table = cli("data", "stats", shapes / "mtcli.yaml")
    assert table.code == 1
    assert "7 labelled  circle 4, square 3" in table.out
    assert "wrote" not in table.out


def test_a_few_classes_are_all_listed_and_of_many_both_ends() -> None:
    def listed(count: int) -> str:
        classes = {f"c{n}": {"count": 100 - n, "share": 0.1} for n in range(count)}
        return _classes("pictures", classes)

    assert listed(8) == "c0 100, c1 99, c2 98, c3 97, c4 96, c5 95, c6 94, c7 93"
    assert listed(9) == "c0 100, c1 99, c2 98 … c6 94, c7 93, c8 92, 9 classes"
    assert listed(1) == "c0 100"
    assert listed(0) == ""
