"""mtcli data check: what a person and a program see of it, and its exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.config import Config
from mtcli.core.configfile import load_config
from tests.cli.test_bad_data import append, change_boxes, cut, rewrite
from tests.conftest import Cli


def test_clean_data_gives_one_line_and_zero(cli: Cli, shapes: Path) -> None:
    answer = cli("data", "check", shapes / "mtcli.yaml")

    assert answer.code == 0
    assert answer.out.startswith("12 pictures, 2 tasks, ")
    assert answer.out.endswith(" s · nothing found\n")
    assert answer.out.count("\n") == 1
    assert answer.err == ""


def test_errors_come_before_warnings_with_examples_and_mend(cli: Cli, shapes: Path) -> None:
    cut(shapes / "images" / "01.png")
    rewrite(shapes / "labels.csv", "02.png,circle", "02.png,cirle")
    rewrite(shapes / "labels.csv", "09.png,square", "09.png,squares")
    change_boxes(shapes, lambda d: d["annotations"][0].update(bbox=[5, 5, 0, 9]))

    answer = cli("data", "check", shapes / "mtcli.yaml")

    assert answer.code == 2
    lines = answer.out.splitlines()
    assert lines[0].startswith("error       picture that cannot be read: ")
    assert lines[1].split() == ["in", "01.png"]
    assert "data.on_bad_image: skip" in lines[2]
    assert lines[3].startswith('error  cls  class "squares" is not among the classes of the task')
    assert f"{shapes / 'labels.csv'}, line 11" in lines[4]
    assert lines[5].split(maxsplit=1) == ["mend", "did you mean square?"]
    assert [line for line in lines if line.startswith("warn")] == [
        "warn   cls  class of train that val does not show: its metrics are undefined",
        "warn   det  box without area dropped",
    ]
    assert lines[-1].endswith("2 errors and 2 warnings")


def test_a_program_gets_one_object(cli: Cli, shapes: Path) -> None:
    change_boxes(shapes, lambda d: d["annotations"][0].update(bbox=[5, 5, 0, 9]))

    answer = cli("data", "check", shapes / "mtcli.yaml", "--json")

    assert answer.code == 0
    assert answer.json["pictures"] == {"train": 8, "val": 4}
    assert answer.json["findings"] == [
        {
            "name": "box-without-area-dropped",
            "breaks": False,
            "task": "det",
            "what": "box without area dropped",
            "count": 1,
            "pictures": ["00.png"],
            "mend": None,
        }
    ]


def test_strict_makes_errors_of_warnings(cli: Cli, shapes: Path) -> None:
    append(shapes / "labels.csv", "99.png,circle\n")

    relaxed = cli("data", "check", shapes / "mtcli.yaml")
    strict = cli("data", "check", shapes / "mtcli.yaml", "--strict")

    assert (relaxed.code, strict.code) == (0, 2)
    assert relaxed.out.startswith("warn ")
    assert strict.out.startswith("error")
    assert cli("data", "check", shapes / "mtcli.yaml", "--tasks", "det", "--strict").code == 0


def test_nothing_is_folded_or_lost_in_a_narrow_terminal(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    rewrite(shapes / "labels.csv", "09.png,square", "09.png,squares")

    answer = cli("data", "check", shapes / "mtcli.yaml")

    assert f"{shapes / 'labels.csv'}, line 11\n" in answer.out
    assert json.loads(cli("data", "check", shapes / "mtcli.yaml", "--json").out)["findings"]


def test_faults_that_keep_everything_from_being_looked_at_are_findings_too(
    cli: Cli, shapes: Path
) -> None:
    rewrite(shapes / "mtcli.yaml", "images: images", "images: image")

    answer = cli("data", "check", shapes / "mtcli.yaml")

    assert answer.code == 2
    lines = answer.out.splitlines()
    assert lines[:3] == [
        "error  data.images: no such folder",
        f"       in    {shapes / 'image'}",
        "       mend  did you mean images?",
    ]
    # All else would follow from it.
    assert len(lines) == 4
    assert lines[3].endswith("1 error")


def test_pictures_that_are_missing_are_not_told_again_by_their_labels(
    cli: Cli, shapes: Path
) -> None:
    for picture in (shapes / "images").iterdir():
        picture.rename(shapes / picture.name)

    found: Any = cli("data", "check", shapes / "mtcli.yaml", "--json").json

    assert [(one["name"], one["count"]) for one in found["findings"]] == [("missing-pictures", 12)]


def test_pictures_that_are_left_out_are_said_to_be(cli: Cli, shapes: Path) -> None:
    cut(shapes / "images" / "01.png")
    skip = ("--set", "data.on_bad_image=skip")

    report: Any = cli("data", "check", shapes / "mtcli.yaml", "--json", *skip).json
    [found] = report["findings"]

    assert not found["breaks"]
    assert found["mend"].startswith("they are left out, as data.on_bad_image: skip says")


def test_the_seconds_are_those_that_a_person_waits(
    cli: Cli, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*parts: Any) -> Config:
        time.sleep(0.3)
        return load_config(*parts)

    monkeypatch.setattr("mtcli.core.configfile.load_config", slow)
    found: Any = cli("data", "check", shapes / "mtcli.yaml", "--json").json
    assert found["seconds"] > 0.3


def test_a_config_that_is_wrong_is_an_error_as_everywhere(cli: Cli, shapes: Path) -> None:
    answer = cli("data", "check", shapes / "mtcli.yaml", "--set", "data.sizes=[64,64]")

    assert answer.code == 2
    assert answer.out == ""
    assert "did you mean data.size?" in answer.err
