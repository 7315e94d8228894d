"""A training whose splits are drawn by fractions: what a run remembers of the draw."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
import yaml

from mtcli.core.configfile import load_config
from mtcli.core.data.gather import draw_once, keep_drawn, load_records
from tests.conftest import Cli

DRAWN = "data.splits={fractions: {train: 0.5, val: 0.25, test: 0.25}, stratify: cls}"


def words(shapes: Path, *more: str) -> list[str]:
    return ["train", str(shapes / "mtcli.yaml"), "--set", DRAWN, "--quiet", "--name", *more]


def keys(config: Path, split: str) -> set[str]:
    loaded = load_config(config)
    return {record.key for record in load_records(loaded.data, loaded.tasks, split)}


def test_every_picture_is_in_one_split_and_each_split_like_the_whole(
    shapes: Path,
) -> None:
    loaded = load_config(shapes / "mtcli.yaml", [DRAWN])
    found = {
        split: {r.key for r in load_records(loaded.data, loaded.tasks, split)}
        for split in ("train", "val", "test")
    }
    assert sorted(key for own in found.values() for key in own) == [
        f"{number:02d}.png" for number in range(12)
    ]
    # Six circles (even numbers) and five squares; 03.png has no class.
    circles = {split: sum(int(k[:2]) % 2 == 0 for k in own) for split, own in found.items()}
    assert circles["train"] == 3
    assert min(circles["val"], circles["test"]) >= 1


def test_a_task_alone_has_the_splits_of_all(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "both")).code == 0
    assert cli(*words(shapes, "det"), "--tasks", "det").code == 0
    drawn = [Path(f"runs/{name}/splits.csv").read_text() for name in ("both", "det")]
    assert drawn[0] == drawn[1]


def test_what_was_drawn_holds_when_pictures_come(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "run")).code == 0
    config = Path("runs/run/config.yaml")
    assert yaml.safe_load(config.read_text())["data"]["splits"]["made"] == "splits.csv"
    before = {split: keys(config, split) for split in ("train", "val", "test")}
    measured = cli("eval", "runs/run", "--json").json["tasks"]
    for number in range(20, 32):
        shutil.copy(shapes / "images/01.png", shapes / f"images/{number}.png")

    assert {split: keys(config, split) for split in ("train", "val", "test")} == before
    assert cli("eval", "runs/run", "--json").json["tasks"] == measured
    assert cli("eval", "runs/run", "--split", "test").code == 0
    fresh = load_config(shapes / "mtcli.yaml", [DRAWN])
    assert len(load_records(fresh.data, fresh.tasks, "train")) > len(before["train"])


def test_pictures_that_come_while_a_training_begins_change_nothing(shapes: Path) -> None:
    config = draw_once(load_config(shapes / "mtcli.yaml", [DRAWN]))
    before = load_records(config.data, config.tasks, "train")
    for number in range(20, 32):
        shutil.copy(shapes / "images/01.png", shapes / f"images/{number}.png")

    assert load_records(config.data, config.tasks, "train") == before
    kept = keep_drawn(config, shapes)
    assert load_records(kept.data, kept.tasks, "train") == before


def test_the_folder_of_a_run_can_be_moved(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "run")).code == 0
    shutil.move("runs/run", "elsewhere")
    assert cli("eval", "elsewhere").code == 0
    assert cli("train", "elsewhere/config.yaml", "--name", "again", "--quiet").code == 0
    with Path("runs/again/splits.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 13


def test_another_draw_of_what_was_drawn_is_asked_for_outright(cli: Cli, shapes: Path) -> None:
    assert cli(*words(shapes, "run")).code == 0
    again = ["train", "runs/run/config.yaml", "--quiet", "--name", "again", "--set"]
    refused = cli(*again, "data.splits.seed=7")
    assert refused.code == 2
    assert "data.splits.made=null draws anew" in refused.err
    drawn = Path("runs/run/splits.csv").read_text()
    assert cli(*again, "data.splits.seed=7", "--set", "data.splits.made=null").code == 0
    assert Path("runs/again/splits.csv").read_text() != drawn


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("data.splits={fractions: {train: 0.99, val: 0.01}}", "the split val is empty"),
        ("data.splits={fractions: {train: 0.5, test: 0.5}}", "no such split: val"),
        ("data.splits={fractions: {train: 0.5, val: 0.4}}", "make 1 together"),
        ("data.splits={fractions: {train: 0.5, val: 0.5}, stratify: seg}", "no such task: seg"),
    ],
)
def test_wrong_fractions(cli: Cli, shapes: Path, change: str, what: str) -> None:
    answer = cli("train", shapes / "mtcli.yaml", "--set", change)
    assert answer.code == 2, answer.err
    assert what in answer.err
    assert not Path("runs").exists()


def test_groups_are_not_divided(shapes: Path) -> None:
    rows = [f"{number:02d}.png,p{number // 3}" for number in range(12)]
    (shapes / "patients.csv").write_text("\n".join(["image,patient", *rows]))
    group = "data.group={csv: patients.csv, column: patient}"
    loaded = load_config(shapes / "mtcli.yaml", [DRAWN, group])
    split_of = {
        r.key: split
        for split in ("train", "val", "test")
        for r in load_records(loaded.data, loaded.tasks, split)
    }
    for patient in range(4):
        assert len({split_of[f"{3 * patient + n:02d}.png"] for n in range(3)}) == 1
