"""Runs and checkpoints that are missing, damaged or foreign: named, 2, and left as they were."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import Answer, Cli

Description = dict[str, Any]


@pytest.fixture
def run(trained: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    copy = Path("runs") / "first"
    shutil.copytree(trained, copy, symlinks=True)
    return copy


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(answer: Answer, *words: str) -> None:
    """The command was refused with one message that holds these words."""
    assert answer.code == 2, answer.err
    assert answer.out == ""
    assert answer.err.count("error  ") == 1
    for word in words:
        assert word in answer.err


def refused_unchanged(cli: Cli, line: list[object], run: Path, *words: str) -> None:
    """The command was refused, and the run's files are what they were."""
    before = contents(run)
    refused(cli(*line), *words)
    assert contents(run) == before


def best(run: Path) -> Path:
    index = json.loads((run / "checkpoints" / "index.json").read_text())
    return run / "checkpoints" / str(index["best"])


def last(run: Path) -> Path:
    index = json.loads((run / "checkpoints" / "index.json").read_text())
    return run / "checkpoints" / str(index["last"])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_description(checkpoint: Path, change: Callable[[Description], object]) -> Path:
    path = checkpoint / "model.json"
    description = json.loads(path.read_text())
    change(description)
    path.write_text(json.dumps(description))
    return path


# What an argument means.


def test_run_that_is_not_there_gets_a_near_one(cli: Cli, run: Path) -> None:
    refused(cli("eval", "runs/fist"), "no such run or checkpoint", "runs/fist", "mean first?")


def test_resumed_run_that_is_not_there_gets_a_near_one(cli: Cli, run: Path) -> None:
    refused(cli("train", "--resume", "runs/fist"), "no such run", "runs/fist", "mean first?")


def test_run_in_a_folder_that_is_not_there_is_named(cli: Cli) -> None:
    refused(cli("eval", "nowhere/first"), "no such run or checkpoint", "nowhere/first")


def test_checkpoint_that_is_not_there_is_named(cli: Cli, run: Path) -> None:
    path = run / "checkpoints" / "step-999999"

    refused(cli("eval", path), "no such run or checkpoint", str(path))


def test_foreign_folder_is_neither_run_nor_checkpoint(cli: Cli, shapes: Path) -> None:
    before = contents(shapes)

    refused(cli("eval", shapes), "neither a run nor a checkpoint", str(shapes), "model.safetensors")
    refused(cli("train", "--resume", shapes), "not a run", str(shapes), "config.yaml")
    assert contents(shapes) == before


def test_file_is_neither_run_nor_checkpoint(cli: Cli, run: Path) -> None:
    path = best(run) / "model.safetensors"

    refused(cli("eval", path), "neither a run, nor a checkpoint, nor an exported file", str(path))


@pytest.mark.parametrize("index", [None, "{}"])
def test_run_without_checkpoint_names_resume(cli: Cli, run: Path, index: str | None) -> None:
    path = run / "checkpoints" / "index.json"
    path.unlink() if index is None else path.write_text(index)

    refused_unchanged(cli, ["eval", run], run, "no checkpoint yet", f"mtcli train --resume {run}")


@pytest.mark.parametrize("text", ["", '{"last": "st', "[]", "null", '{"other": "step-000004"}'])
@pytest.mark.parametrize("command", [["eval"], ["train", "--resume"]])
def test_damaged_index_is_named(cli: Cli, run: Path, text: str, command: list[object]) -> None:
    path = run / "checkpoints" / "index.json"
    path.write_text(text)

    refused_unchanged(cli, [*command, run], run, "index", str(path))


@pytest.mark.parametrize("command", [["eval"], ["train", "--resume"]])
def test_checkpoint_that_is_gone_is_named(cli: Cli, run: Path, command: list[object]) -> None:
    for folder in {best(run), last(run)}:
        shutil.rmtree(folder)

    refused_unchanged(cli, [*command, run], run, str(run / "checkpoints"), "checkpoint")


# Damage.


@pytest.mark.parametrize("command", [["eval"], ["train", "--resume"]])
def test_truncated_weights_are_named(cli: Cli, run: Path, command: list[object]) -> None:
    for folder in {best(run), last(run)}:
        cut(folder / "model.safetensors")
    words = ["damaged or cut short", "model.safetensors", str(run / "checkpoints")]

    refused_unchanged(cli, [*command, run], run, *words)


def test_missing_weights_are_named(cli: Cli, run: Path) -> None:
    (best(run) / "model.safetensors").unlink()

    refused_unchanged(cli, ["eval", run], run, "no model.safetensors", str(best(run)))


@pytest.mark.parametrize("command", [["eval"], ["train", "--resume"]])
def test_description_cut_short_is_named(cli: Cli, run: Path, command: list[object]) -> None:
    for folder in {best(run), last(run)}:
        cut(folder / "model.json")

    refused_unchanged(cli, [*command, run], run, "damaged", "model.json")


def several(d: Description, **changes: object) -> None:
    d["architecture"].update({"fusion": "stack", "inputs": {"rgb": 3, "nir": 3}, **changes})


DAMAGE: dict[str, Callable[[Description], object]] = {
    "no tasks": lambda d: d.pop("tasks"),
    "tasks a list": lambda d: d.update(tasks=[]),
    "no input": lambda d: d.pop("input"),
    "size of one number": lambda d: d["input"].update(size=[64]),
    "unknown resize": lambda d: d["input"].update(resize="squeeze"),
    "no trunk": lambda d: d["architecture"].pop("trunk"),
    "unknown trunk": lambda d: d["architecture"].update(trunk="nosuch"),
    "more in the architecture": lambda d: d["architecture"].update(more=1),
    "pyramid of text": lambda d: d["architecture"].update(pyramid="x"),
    "unknown norm of the pyramid": lambda d: d["architecture"].update(pyramid_norm="foo"),
    "unknown top of the pyramid": lambda d: d["architecture"].update(pyramid_top="p4"),
    "drop path of text": lambda d: d["architecture"].update(drop_path="x"),
    "unknown way of sharing": lambda d: d["architecture"].update(sharing="all"),
    "unknown branch point": lambda d: d["architecture"].update(branch_at="c5"),
    "trunk that is not there": lambda d: d["architecture"].update(uses={"det": "nope"}),
    "fusion without inputs": lambda d: d["architecture"].update(fusion="stack"),
    "inputs without fusion": lambda d: several(d, fusion=None),
    "fusion of one input": lambda d: several(d, inputs={"rgb": 3}),
    "input of another name": lambda d: several(d, inputs={"rgb": 3, "a/b": 3}),
    "input of two channels": lambda d: several(d, inputs={"rgb": 3, "b": 2}),
    "tie of nothing": lambda d: d["architecture"].update(ties=[[]]),
    "tie of one": lambda d: d["architecture"].update(ties=[["trunk"]]),
    "tie with itself": lambda d: d["architecture"].update(ties=[["trunk", "trunk"]]),
    "tie that leads nowhere": lambda d: d["architecture"].update(ties=[["trunk", "nope"]]),
    "trunk called as a task": lambda d: d["architecture"].update(
        sharing="branch", trunks={"det": {"trunk": "tiny"}}, uses={"cls": "det"}
    ),
    "drop path that the trunk has not": lambda d: d["architecture"].update(drop_path=0.5),
    "unknown kind": lambda d: d["tasks"]["cls"].update(kind="nosuch"),
    "wrong facts": lambda d: d["tasks"]["cls"].update(facts={"classes": 3}),
    "unknown option": lambda d: d["tasks"]["cls"]["options"].update(nosuch=1),
}


@pytest.mark.parametrize("change", DAMAGE.values(), ids=DAMAGE)
def test_damaged_description_is_named(
    cli: Cli, run: Path, change: Callable[[Description], object]
) -> None:
    path = change_description(best(run), change)

    refused_unchanged(cli, ["eval", run], run, "damaged", str(path))


def test_description_of_something_else_is_named(cli: Cli, run: Path) -> None:
    path = change_description(best(run), lambda d: d.update(format="other"))

    refused_unchanged(cli, ["eval", run], run, "not a checkpoint of mtcli", str(path))


def test_newer_schema_names_both_versions(cli: Cli, run: Path) -> None:
    path = change_description(best(run), lambda d: d.update(schema=7, mtcli="9.1"))

    refused_unchanged(
        cli, ["eval", run], run, str(path), "schema 1", "schema 7", "mtcli 9.1", "upgrade"
    )


def test_weights_of_other_classes_are_named(cli: Cli, run: Path) -> None:
    change_description(
        best(run), lambda d: d["tasks"]["cls"]["facts"].update(classes=["a", "b", "c"])
    )
    words = ["do not fit", "model.safetensors", "heads.cls"]

    refused_unchanged(cli, ["eval", run, "--tasks", "det"], run, *words)


# What is measured.


def test_split_that_is_not_there_gets_a_near_one(cli: Cli, run: Path) -> None:
    answer = cli("eval", run, "--split", "vall")

    refused(answer, "no such split: vall", "did you mean val?")


def test_task_that_the_checkpoint_lacks_gets_a_near_one(cli: Cli, run: Path) -> None:
    refused(cli("eval", run, "--tasks", "dett"), "no task dett", "did you mean det?")


@pytest.mark.parametrize("tasks", ["", ","])
def test_no_task_asked_for_is_refused(cli: Cli, run: Path, tasks: str) -> None:
    refused(cli("eval", run, "--tasks", tasks), "--tasks")


def test_config_of_another_kind_names_both(cli: Cli, run: Path, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    other = "{kind: detection, labels: {coco: boxes.json}}"

    answer = cli("eval", run, "--config", config, "--set", f"tasks.cls={other}")

    refused(answer, "tasks.cls.kind: detection", "classification, as in the model")


def test_no_task_in_common_names_both_sides(cli: Cli, run: Path, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    config.write_text(config.read_text().replace("cls:", "a:").replace("det:", "b:"))

    answer = cli("eval", run, "--config", config)

    assert answer.code == 2
    for word in ("no task in common", "cls, det", "a, b"):
        assert word in answer.err


def test_class_that_the_checkpoint_lacks_is_named(cli: Cli, run: Path, shapes: Path) -> None:
    labels = shapes / "labels.csv"
    labels.write_text(labels.read_text().replace("08.png,circle", "08.png,squares"))

    answer = cli("eval", run, "--config", shapes / "mtcli.yaml")

    refused(answer, '"squares"', f"{labels}, line 10", "did you mean square?")


def test_config_that_is_not_there_is_named(cli: Cli, run: Path, shapes: Path) -> None:
    answer = cli("eval", run, "--config", shapes / "mtcl.yaml")

    refused(answer, str(shapes / "mtcl.yaml"), "did you mean mtcli.yaml?")


def test_checkpoint_outside_a_run_asks_for_a_config(cli: Cli, run: Path) -> None:
    shutil.copytree(best(run), "alone")

    refused(cli("eval", "alone"), "no config given", "--config")


# Going on.


def test_missing_training_state_is_named(cli: Cli, run: Path) -> None:
    path = last(run) / "training.pt"
    path.unlink()

    refused_unchanged(cli, ["train", "--resume", run], run, "no training state", str(path))


def test_truncated_training_state_is_named(cli: Cli, run: Path) -> None:
    path = last(run) / "training.pt"
    cut(path)

    refused_unchanged(cli, ["train", "--resume", run], run, "training state", str(path))


class Trap:
    """Pickled, it makes a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("sprung").resolve(),)


def test_training_state_with_code_in_it_is_never_executed(cli: Cli, run: Path) -> None:
    torch.save({"network": Trap()}, last(run) / "training.pt")

    refused_unchanged(cli, ["train", "--resume", run], run, "training state", "training.pt")
    assert not Path("sprung").exists()


@pytest.mark.parametrize("state", [{}, [1], {"network": {}}])
def test_foreign_training_state_is_named(cli: Cli, run: Path, state: object) -> None:
    torch.save(state, last(run) / "training.pt")

    refused_unchanged(cli, ["train", "--resume", run], run, "training state", "training.pt")


def test_damaged_config_of_a_run_is_named(cli: Cli, run: Path) -> None:
    (run / "config.yaml").write_text("data: [")

    for line in (["eval", run], ["train", "--resume", run]):
        refused_unchanged(cli, list(line), run, "not valid YAML", str(run / "config.yaml"))
