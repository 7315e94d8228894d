"""The evaluation recipe: the same numbers as in training, and other data."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mtcli.core.run import Run
from tests.conftest import Cli, make_shapes


@pytest.mark.parametrize("name", ["best", "last"])
def test_the_numbers_are_those_of_training_to_the_last_digit(
    cli: Cli, trained: Path, name: str
) -> None:
    run = Run.open(trained)
    checkpoint = run.checkpoint(name)
    facts = json.loads((checkpoint / "model.json").read_text())
    answer = cli("eval", checkpoint, "--json")
    assert answer.code == 0, answer.err
    tasks: Any = answer.json["tasks"]
    assert {task: value["metrics"] for task, value in tasks.items()} == facts["metrics"]
    logged = next(e for e in run.history() if e["epoch"] == facts["epoch"])
    assert logged["metrics"] == facts["metrics"]


def test_the_numbers_agree_with_batchnorm_and_without_an_average(cli: Cli, shapes: Path) -> None:
    sets = ["model.trunk=resnet18", "train.ema=null", "tasks.cls.dropout=0.5", "train.epochs=2"]
    words = [word for change in sets for word in ("--set", change)]
    assert cli("train", shapes / "mtcli.yaml", "--name", "bn", "--quiet", *words).code == 0
    run = Run.open(Path("runs/bn"))
    result: Any = cli("eval", run.checkpoint("last"), "--json").json
    logged = run.history()[-1]["metrics"]
    assert {name: task["metrics"] for name, task in result["tasks"].items()} == logged


def test_the_json_has_the_promised_form(cli: Cli, trained: Path) -> None:
    answer = cli("eval", trained, "--json")
    result: Any = answer.json
    assert set(result) == {"schema", "checkpoint", "split", "images", "seconds", "tasks"}
    assert result["split"] == "val"
    assert result["images"] == 4
    cls, det = result["tasks"]["cls"], result["tasks"]["det"]
    assert set(cls) == {"kind", "primary", "labelled", "metrics", "per_class"}
    assert cls["primary"] == "accuracy"
    assert set(cls["metrics"]) == {"accuracy", "balanced_accuracy", "f1_macro", "top5", "ece"}
    assert set(det["metrics"]) == {"map", "map50", "map75", "mar100"}
    assert set(det["per_class"]) == {"circle", "square"}


def test_metrics_json_of_the_run_is_the_evaluation_of_its_best(cli: Cli, trained: Path) -> None:
    said: Any = cli("eval", trained, "--json").json
    kept = json.loads((trained / "metrics.json").read_text())
    assert kept["tasks"] == said["tasks"]


def test_other_data_needs_only_the_split_asked_for(cli: Cli, trained: Path, tmp_path: Path) -> None:
    other = make_shapes(tmp_path / "other", pictures=6, size=(48, 80))
    text = (other / "mtcli.yaml").read_text()
    text = text.replace("{train: train.txt, val: val.txt}", "{holdout: val.txt}")
    (other / "mtcli.yaml").write_text(text.replace("[64, 64]", "[32, 32]"))
    answer = cli("eval", trained, "--config", other / "mtcli.yaml", "--split", "holdout", "--json")
    assert answer.code == 0, answer.err
    result: Any = answer.json
    assert result["images"] == 2


def test_other_data_needs_no_model_and_no_size(cli: Cli, trained: Path, shapes: Path) -> None:
    text = (shapes / "mtcli.yaml").read_text()
    text = text.replace("model: {trunk: tiny, pyramid: 16}\n", "").replace("  size: [64, 64]\n", "")
    (shapes / "mtcli.yaml").write_text(text)
    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml")
    assert answer.code == 0, answer.err


@pytest.mark.parametrize("change", ["data.size=[32, 32]", "tasks.det.nms=0.1", "train.epochs=3"])
def test_a_change_of_what_the_checkpoint_decides_is_refused(
    cli: Cli, trained: Path, change: str
) -> None:
    answer = cli("eval", trained, "--set", change)
    assert answer.code == 2
    assert f"{change.partition('=')[0]}: decided by the checkpoint" in answer.err


def test_tasks_that_the_model_lacks_are_passed_over_and_said(
    cli: Cli, trained: Path, shapes: Path
) -> None:
    text = (shapes / "mtcli.yaml").read_text()
    line = "  more: {kind: classification, labels: {csv: labels.csv, column: shape}}\nmodel:"
    (shapes / "mtcli.yaml").write_text(text.replace("model:", line))
    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml")
    assert answer.code == 0
    assert "more is passed over" in answer.err


def test_a_class_that_the_checkpoint_does_not_know_is_an_error(
    cli: Cli, trained: Path, shapes: Path
) -> None:
    rows = list(csv.reader((shapes / "labels.csv").read_text().splitlines()))
    rows[-1][1] = "triangle"
    with (shapes / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml")
    assert answer.code == 2
    assert 'class "triangle" is not among the classes' in answer.err
    assert "labels.csv, line 13" in answer.err


def test_one_task_only(cli: Cli, trained: Path) -> None:
    result: Any = cli("eval", trained, "--tasks", "det", "--json").json
    assert list(result["tasks"]) == ["det"]


def test_undefined_is_null(cli: Cli, trained: Path, shapes: Path) -> None:
    document = json.loads((shapes / "boxes.json").read_text())
    document["annotations"] = []
    (shapes / "boxes.json").write_text(json.dumps(document))
    answer = cli("eval", trained, "--config", shapes / "mtcli.yaml", "--json")
    assert answer.code == 0, answer.err
    result: Any = answer.json
    assert result["tasks"]["det"]["metrics"]["map"] is None
    assert "NaN" not in answer.out


def test_a_checkpoint_alone_is_enough(
    cli: Cli, trained: Path, shapes: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(Run.open(trained).checkpoint("best"), alone)
    answer = cli("eval", alone, "--config", shapes / "mtcli.yaml", "--per-class")
    assert answer.code == 0, answer.err
    assert "circle" in answer.out
