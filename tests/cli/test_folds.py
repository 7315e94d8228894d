"""mtcli train --folds, and eval of what it leaves."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mtcli.core.configfile import load_config
from mtcli.core.data.gather import pooled_records
from mtcli.core.foldset import FoldSet
from mtcli.core.run import Run
from tests.conftest import Cli, make_shapes
from tests.recipes.test_resume import assert_equal, final_state, terminate_at, words_for

FOLDS = ("--folds", "2", "--stratify", "cls")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the shapes and a finished cross-validation of two folds over them."""
    from mtcli.cli.main import main

    base = tmp_path_factory.mktemp("folds")
    config = make_shapes(base / "shapes") / "mtcli.yaml"
    words = ["train", str(config), *FOLDS, "--runs", str(base / "runs"), "--name", "cv", "-q"]
    assert main(words) == 0
    return base


def fold_of(folder: Path) -> dict[str, int]:
    with (folder / "folds.csv").open(newline="") as file:
        return {row["image"]: int(row["fold"]) for row in csv.DictReader(file)}


def held_out(folder: Path, fold: int) -> set[str]:
    return {name for name, own in fold_of(folder).items() if own == fold}


def test_each_fold_is_a_run_that_has_not_seen_what_judges_it(finished: Path, cli: Cli) -> None:
    found = finished / "runs" / "cv"
    assert len(fold_of(found)) == 12  # train and val together
    for fold in (1, 2):
        answer = cli("eval", found / f"fold-{fold}", "--json")
        assert answer.json["images"] == len(held_out(found, fold)) == 6
        document = yaml.safe_load((found / f"fold-{fold}" / "config.yaml").read_text())
        assert document["data"]["folds"] == {"csv": "../folds.csv", "fold": fold}


def test_the_table_is_the_mean_and_deviation_of_the_folds(finished: Path) -> None:
    found = finished / "runs" / "cv"
    table = json.loads((found / "metrics.json").read_text())
    each = [
        json.loads((found / f"fold-{fold}" / "metrics.json").read_text())["tasks"]
        for fold in (1, 2)
    ]
    for task, metric in (("cls", "accuracy"), ("det", "mar100")):
        values = [tasks[task]["metrics"][metric] for tasks in each]
        said = table["tasks"][task][metric]
        assert said["folds"] == values
        assert said["mean"] == pytest.approx(sum(values) / 2)
        assert said["deviation"] == pytest.approx(statistics.stdev(values))


def test_eval_gives_every_picture_the_answer_of_the_network_that_has_not_seen_it(
    finished: Path, cli: Cli
) -> None:
    found = finished / "runs" / "cv"
    answer = cli("eval", found, "--json")
    assert answer.code == 0, answer.err
    lines = [json.loads(line) for line in (found / "out-of-fold.jsonl").read_text().splitlines()]

    assert {line["image"]: line["fold"] for line in lines} == fold_of(found)
    # The numbers of all together are those of these answers.
    with (finished / "shapes" / "labels.csv").open(newline="") as file:
        truth = {row["image"]: row["shape"] for row in csv.DictReader(file) if row["shape"]}
    right = [
        line["tasks"]["cls"]["class"] == truth[line["image"]]
        for line in lines
        if line["image"] in truth
    ]
    tasks: Any = answer.json["tasks"]
    assert tasks["cls"]["accuracy"]["pooled"] == pytest.approx(sum(right) / 11)
    assert set(lines[0]["tasks"]["det"]) == {"objects"}


def test_eval_of_a_split_that_no_fold_holds_out(finished: Path, cli: Cli, tmp_path: Path) -> None:
    other = make_shapes(tmp_path / "other", pictures=6)
    answer = cli("eval", finished / "runs" / "cv", "--config", other / "mtcli.yaml", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["images"] == 2
    tasks: Any = answer.json["tasks"]
    assert "pooled" not in tasks["cls"]["accuracy"]


def test_the_folder_can_be_moved(finished: Path, cli: Cli, tmp_path: Path) -> None:
    shutil.copytree(finished / "runs" / "cv", tmp_path / "moved", symlinks=True)
    assert cli("eval", tmp_path / "moved" / "fold-2").code == 0


def test_a_person_sees_a_table(finished: Path, cli: Cli) -> None:
    out = cli("eval", finished / "runs" / "cv").out
    assert "2 folds · 12 pictures" in out
    assert "mean ± deviation" in out
    assert "together" in out
    assert "out-of-fold.jsonl" in out


def test_one_fold_at_a_time_makes_the_same_set(shapes: Path, cli: Cli) -> None:
    words = ["train", shapes / "mtcli.yaml", *FOLDS, "-q"]
    assert cli(*words, "--name", "whole").code == 0
    assert cli(*words, "--name", "spread", "--fold", "2").code == 0
    assert not Path("runs/spread/metrics.json").exists()
    assert cli(*words, "--name", "spread", "--fold", "1").code == 0

    for fold in (1, 2):
        one, other = Path(f"runs/whole/fold-{fold}"), Path(f"runs/spread/fold-{fold}")
        assert_equal(final_state(one), final_state(other))
    tables = [json.loads(Path(f"runs/{n}/metrics.json").read_text()) for n in ("whole", "spread")]
    assert tables[0]["tasks"] == tables[1]["tasks"]


def test_a_set_that_was_stopped_goes_on(
    shapes: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 6 of 12 pictures in batches of 2, one epoch: the fifth pass is in the second fold.
    with monkeypatch.context() as patched:
        terminate_at(patched, 5)
        assert cli(*words_for(shapes, "stopped", "train.epochs=1"), *FOLDS).code == 143
    answer = cli("train", "--resume", "runs/stopped", "--quiet")
    assert answer.code == 0, answer.err
    assert cli(*words_for(shapes, "whole", "train.epochs=1"), *FOLDS).code == 0
    for fold in (1, 2):
        one, other = Path(f"runs/stopped/fold-{fold}"), Path(f"runs/whole/fold-{fold}")
        assert_equal(final_state(one), final_state(other))


def test_a_class_of_one_picture_is_known_to_every_fold(shapes: Path, cli: Cli) -> None:
    labels = shapes / "labels.csv"
    labels.write_text(labels.read_text().replace("07.png,square", "07.png,star"))
    answer = cli("train", shapes / "mtcli.yaml", "--folds", 2, "--name", "cv", "--tasks", "cls")
    assert answer.code == 0, answer.err
    for fold in (1, 2):
        document = yaml.safe_load(Path(f"runs/cv/fold-{fold}/config.yaml").read_text())
        assert document["tasks"]["cls"]["classes"] == ["circle", "square", "star"]


def test_groups_of_a_column_share_a_fold(shapes: Path, cli: Cli) -> None:
    rows = (shapes / "labels.csv").read_text().splitlines()
    with_patient = [f"{row},p{number // 3}" for number, row in enumerate(rows[1:])]
    (shapes / "labels.csv").write_text("\n".join([f"{rows[0]},patient", *with_patient]))
    text = (shapes / "labels.csv").read_text().replace("11.png,square,p3", "11.png,square,")
    (shapes / "labels.csv").write_text(text)
    words = ["train", shapes / "mtcli.yaml", "--folds", "2", "--name", "cv"]
    answer = cli(*words, "--group", "patient")
    assert answer.code == 0, answer.err
    assert "1 of 12 pictures have no group, and stand alone" in answer.err

    folds = fold_of(Path("runs/cv"))
    for patient in range(3):
        assert len({folds[f"{3 * patient + n:02d}.png"] for n in range(3)}) == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--folds", "1"], "wanted 2 or more"),
        (["--folds", "13"], "more folds than pictures"),
        (["--folds", "6", "--stratify", "cls"], "more folds than pictures of a class"),
        (["--folds", "2", "--fold", "3"], "there are 2 folds"),
        (["--folds", "2", "--fold", "1"], "--fold needs --name"),
        (["--folds", "2", "--set", "train.best=cls.foo"], "no such metric: cls.foo"),
        (["--folds", "2", "--set", "data.verify=full", "--set", "model.trunk=resnet1"], "resnet"),
        (["--folds", "2", "--fold", "0", "--name", "x"], "folds count from 1"),
        (["--folds", "2", "--stratify", "clss"], "did you mean cls?"),
        (["--folds", "2", "--group", "shpae"], "did you mean shape?"),
        (["--folds", "2", "--group", "patient"], "no such column"),
        (["--fold", "2"], "--fold is of a cross-validation"),
        (["--stratify", "cls"], "--stratify is of a cross-validation"),
        (["--group", "shape"], "--group is of a cross-validation"),
    ],
)
def test_wrong_folds_leave_nothing_behind(
    shapes: Path, cli: Cli, words: list[str], what: str
) -> None:
    answer = cli("train", shapes / "mtcli.yaml", *words)
    assert answer.code == 2, answer.err
    assert what in answer.err
    assert list(Path("runs").glob("*")) == []


def test_a_set_is_not_overwritten(finished: Path, cli: Cli) -> None:
    config = finished / "shapes" / "mtcli.yaml"
    words = ["train", config, "--runs", finished / "runs", "--name", "cv"]
    assert "exists" in cli(*words, *FOLDS).err
    assert "has other folds" in cli(*words, "--folds", "3", "--fold", "1").err
    assert cli(*words, *FOLDS, "--fold", "1").code == 0  # done already, which is said
    assert (
        "fold 3: there are 2 folds"
        in cli("train", "--resume", finished / "runs/cv", "--fold", 3).err
    )


def test_a_set_that_is_not_done_is_not_averaged(shapes: Path, cli: Cli) -> None:
    words = ["train", shapes / "mtcli.yaml", *FOLDS, "--fold", "2", "--name", "cv", "-q"]
    assert cli(*words).code == 0
    answer = cli("eval", "runs/cv")
    assert answer.code == 2
    assert "fold 1 is not done" in answer.err
    assert "mtcli train --resume runs/cv" in answer.err


def test_pictures_that_came_later_are_in_no_fold(shapes: Path, cli: Cli) -> None:
    assert cli("train", shapes / "mtcli.yaml", *FOLDS, "--name", "cv", "-q").code == 0
    shutil.copy(shapes / "images/01.png", shapes / "images/99.png")
    with (shapes / "train.txt").open("a") as file:
        file.write("99.png\n")
    assert cli("eval", "runs/cv").code == 0  # it has no label, and counts for nothing
    with (shapes / "labels.csv").open("a") as file:
        file.write("99.png,circle\n")
    answer = cli("eval", "runs/cv")
    assert answer.code == 2
    assert "1 pictures are in no fold: 99.png" in answer.err


def test_drawn_splits_and_folds_together(shapes: Path, cli: Cli) -> None:
    drawn = "data.splits={fractions: {train: 0.5, val: 0.25, test: 0.25}, stratify: det}"
    words = ["train", shapes / "mtcli.yaml", "--set", drawn, "--name", "cv", "-q"]
    assert cli(*words, "--folds", "2", "--tasks", "cls").code == 0
    with Path("runs/cv/splits.csv").open(newline="") as file:
        split_of = {row["image"]: row["split"] for row in csv.DictReader(file)}
    assert len(split_of) == 12
    kept_aside = {name for name, split in split_of.items() if split == "test"}
    assert len(kept_aside) == 3
    assert not kept_aside & set(fold_of(Path("runs/cv")))
    assert Run(Path("runs/cv/fold-1")).metrics.is_file()


def test_a_set_is_joined_with_the_config_that_it_was_begun_with(shapes: Path, cli: Cli) -> None:
    words = ["train", shapes / "mtcli.yaml", *FOLDS, "--name", "cv", "-q"]
    assert cli(*words, "--fold", "1").code == 0
    other = cli(*words, "--fold", "2", "--set", "model.pyramid=24")
    assert other.code == 2
    assert "has another model.pyramid" in other.err
    assert cli(*words, "--fold", "2", "--device", "cpu", "--set", "data.workers=0").code == 0


def test_a_fold_that_another_process_trains_is_left_to_it(finished: Path, cli: Cli) -> None:
    found = FoldSet(finished / "runs" / "cv")
    script = (
        "import sys, pathlib; from mtcli.core.foldset import FoldSet\n"
        "with FoldSet(pathlib.Path(sys.argv[1])).claim(1) as free: print(free)"
    )

    def claimed_elsewhere() -> str:
        words = [sys.executable, "-c", script, str(found.path)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    with found.claim(1) as free:
        assert free
        assert claimed_elsewhere() == "False"
    assert claimed_elsewhere() == "True"


def test_one_fold_gives_its_own_result(shapes: Path, cli: Cli) -> None:
    words = ["train", shapes / "mtcli.yaml", *FOLDS, "--name", "cv"]
    assert cli(*words, "--fold", "2", "--json").json["run"] == "runs/cv/fold-2"
    last = cli("train", "--resume", "runs/cv", "--quiet")
    assert (last.out, last.err) == ("runs/cv\n", "")


def test_rows_of_an_array_for_each_split_are_pictures_of_their_own(cli: Cli) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (18, 32, 32), dtype=np.uint8)
    kinds = np.arange(18) % 2
    np.savez("a.npz", x_train=rows[:12], y_train=kinds[:12], x_val=rows[12:], y_val=kinds[12:])
    Path("mtcli.yaml").write_text(
        """\
data:
  images: {arrays: a.npz, key: "x_{split}"}
  splits: [train, val]
  size: [32, 32]
  workers: 0
tasks: {cls: {kind: classification, labels: {arrays: a.npz, key: "y_{split}"}}}
model: {trunk: tiny, pyramid: 16}
train: {epochs: 1, device: cpu}
"""
    )
    answer = cli("train", "--folds", "3", "--stratify", "cls", "--name", "cv", "-q")
    assert answer.code == 0, answer.err
    folds = fold_of(Path("runs/cv"))
    assert len(folds) == 18
    assert {"train/0", "train/11", "val/0", "val/5"} <= set(folds)
    assert [list(folds.values()).count(fold) for fold in (1, 2, 3)] == [6, 6, 6]
    assert cli("eval", "runs/cv").code == 0
    assert len(Path("runs/cv/out-of-fold.jsonl").read_text().splitlines()) == 18


def test_a_picture_in_different_splits_of_two_tasks_keeps_both_labels(shapes: Path) -> None:
    names = [f"{number:02d}.png" for number in range(12)]
    (shapes / "first.txt").write_text("\n".join(names[6:]))
    (shapes / "last.txt").write_text("\n".join(names[:6]))
    config = load_config(
        shapes / "mtcli.yaml", ["tasks.det.splits={train: first.txt, val: last.txt}"]
    )
    records = {r.key: set(r.labels) for r in pooled_records(config.data, config.tasks)}
    assert len(records) == 12
    assert records["00.png"] == {"cls", "det"}  # train of cls, val of det
    assert records["09.png"] == {"cls", "det"}  # val of cls, train of det


def test_every_fold_must_have_something_to_learn_from(shapes: Path, cli: Cli) -> None:
    (shapes / "labels.csv").write_text("image,shape\n00.png,circle\n")
    (shapes / "mtcli.yaml").write_text(
        (shapes / "mtcli.yaml")
        .read_text()
        .replace("column: shape}", "column: shape}, classes: [circle, square]")
    )
    answer = cli("train", shapes / "mtcli.yaml", "--folds", "3")
    assert answer.code == 2
    assert "would hold out every label of cls" in answer.err
    assert not Path("runs").exists()


def test_what_was_kept_aside_is_not_overwritten_by_less(finished: Path, cli: Cli) -> None:
    found = finished / "runs" / "cv"
    assert cli("eval", found).code == 0
    before = (found / "out-of-fold.jsonl").read_text()
    assert cli("eval", found, "--tasks", "cls").code == 0
    assert (found / "out-of-fold.jsonl").read_text() == before
    refused = cli("eval", found, "--set", "data.folds.fold=1")
    assert refused.code == 2
    assert "decided by the checkpoint" in refused.err


def test_classes_of_all_pictures_together(finished: Path, cli: Cli) -> None:
    out = cli("eval", finished / "runs" / "cv", "--per-class").out
    assert "precision" in out
    assert "square" in out
