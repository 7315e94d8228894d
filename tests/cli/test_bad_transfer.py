"""What `mtcli transfer` refuses, and how it says so."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.cli.rewriting import rewrite
from tests.conftest import Answer, Cli

SHORT = ("--epochs", "1", "--name", "new")


def no_run(answer: Answer, *said: str) -> None:
    """It was refused with these words, and no run was left."""
    assert answer.code == 2, answer.out + answer.err
    said_flat = " ".join(answer.err.split())
    for text in said:
        assert text in said_flat, answer.err
    assert "Traceback" not in answer.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--freeze", "trank"], ["nothing of the network is called trank", "did you mean trunk?"]),
        (["--copy", "fcc"], ["--copy fcc: nothing of the network is called fcc", "heads.cls"]),
        (
            ["--copy", "heads.half"],
            ["--copy heads.half: nothing of the network is called heads.half"],
        ),
        (["--map", "klass=cls"], ["--map klass=cls: the origin has no task klass", "there is"]),
        (["--map", "cls=klass"], ["--map cls=klass: there is no task klass here", "there is"]),
        (["--map", "cls"], ["--map cls: wrong value", "OLD=NEW"]),
        (["--unfreeze", "trunk@2"], ["--unfreeze trunk@2: nothing of it is frozen"]),
        (["--unfreeze", "trunk"], ["--unfreeze trunk: wrong value", "PART@EPOCH"]),
        (["--freeze", "trunk", "--unfreeze", "trank@2"], ["is called trank", "did you mean trunk"]),
        (["--freeze", "trunk,pyramid,heads"], ["nothing is left to learn with"]),
        (["--merge", "median"], ["--merge median: wrong value", "average"]),
        (["--max-drop", "0.1"], ["--max-drop", "--add-task"]),
        (["--freeze", "bn"], ["--freeze bn: the network has no BatchNorm", "wanted conv, trunk"]),
        (["--lr-decay", "80"], ["--lr-decay 80: wrong value", "less than or equal to 1"]),
        (["--cache-features"], ["--cache-features: the trunk moves", "(--freeze)"]),
        (
            ["--freeze", "trunk", "--unfreeze", "trunk@5", "--epochs", "3"],
            ["--unfreeze trunk@5: the training ends before", "--epochs says how long it is"],
        ),
        (
            ["--tasks", "cls", "--copy", "heads.det"],
            ["--copy heads.det: there is no task det here", "--tasks cls,det has it here"],
        ),
        (["--add-task", "cls"], ["--add-task cls: the origin has a task of this name"]),
        (["--add-task", "shap"], ["--add-task shap: the config has no such task"]),
        (["--init-only", "--epochs", "3"], ["--init-only", "--epochs"]),
        (["--tasks", "klass"], ["no such task: klass"]),
        (["--distill", "1", "--copy", "trunk"], ["--distill 1: no task starts as it was"]),
    ],
)
def test_options_that_cannot_be(cli: Cli, trained: Path, words: list[str], said: list[str]) -> None:
    no_run(cli("transfer", "--from", trained, *words), *said)


def test_without_an_origin(cli: Cli) -> None:
    no_run(cli("transfer"), "--from is missing")
    no_run(cli("transfer", "--from", "runs/gone"), "no such run or checkpoint", "runs/gone")
    no_run(cli("transfer", "--from", "gone.pth"), "--from: no such file", "gone.pth")


def test_an_origin_that_is_no_checkpoint(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    no_run(cli("transfer", config, "--from", shapes), "neither a run nor a checkpoint of mtcli")
    no_run(
        cli("transfer", config, "--from", shapes / "labels.csv"),
        "--from: the file is no weight file",
    )
    (shapes / "empty.safetensors").write_bytes(b"")
    no_run(cli("transfer", config, "--from", shapes / "empty.safetensors"), "--from", "damaged")


class Executed:
    """Says so when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed").absolute(),)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_an_origin_that_carries_code_is_refused_and_not_executed(
    cli: Cli, shapes: Path, how: str
) -> None:
    file = shapes / "code.pth"
    if how == "torch":
        torch.save({"weight": torch.zeros(2), "more": Executed()}, file)
    else:
        file.write_bytes(pickle.dumps(Executed(), protocol=2))
    answer = cli("transfer", shapes / "mtcli.yaml", "--from", file)
    no_run(answer, "--from: the file holds more than tensors", "would run code")
    assert not Path("executed").exists()


def test_tensors_that_have_nothing_to_do_with_it(cli: Cli, shapes: Path) -> None:
    file = shapes / "other.safetensors"
    save_file({"encoder.weight": torch.zeros(3, 3)}, file)
    answer = cli("transfer", shapes / "mtcli.yaml", "--from", file)
    no_run(answer, "nothing of the origin can be copied", "other.safetensors")


def test_an_origin_that_is_published_nowhere(cli: Cli, shapes: Path) -> None:
    words = ["transfer", shapes / "mtcli.yaml", "--from"]
    answer = cli(*words, "package:nosuch")
    no_run(answer, "--from: no such package of weights: nosuch")
    assert "model.weights" not in answer.err
    answer = cli(*words, "imagenet")
    no_run(answer, "--from: no weights are published for tiny", "mend --from takes a file")
    assert "model.weights" not in answer.err


def test_a_published_detector_on_a_trunk_that_the_config_has_not(cli: Cli, shapes: Path) -> None:
    """The file tells what would fit."""
    names = ["layer3.0.conv1.weight", "layer3.1.conv1.weight", "layer4.0.conv1.weight"]
    tensors = {f"backbone.body.{name}": torch.zeros(1) for name in names}
    inner = "backbone.fpn.inner_blocks.{}.0.weight"
    tensors |= {inner.format(n): torch.zeros(16, 1, 1, 1) for n in range(4)}
    save_file(tensors | {"roi_heads.box_head.fc6.weight": torch.zeros(1)}, "found.safetensors")
    answer = cli("transfer", shapes / "mtcli.yaml", "--from", "found.safetensors")
    no_run(answer, "of another architecture", "--set model.trunk=resnet18 builds the same here")


def test_a_task_that_says_nothing(cli: Cli, shapes: Path, trained: Path) -> None:
    config = rewrite(shapes, tasks={"cls": None})
    no_run(cli("transfer", config, "--from", trained), "tasks.cls: wrong value", "a mapping")


def test_several_origins_that_do_not_go_together(cli: Cli, trained: Path) -> None:
    two = ["--from", f"cls={trained}", "--from", f"det={trained}"]
    no_run(cli("transfer", *two), "several origins", "--merge average")
    no_run(cli("transfer", "--from", trained, "--from", trained), "two origins without a task")
    no_run(cli("transfer", *two[:2], "--from", f"cls={trained}"), "two origins for one task")
    merged = [*two, "--merge", "average"]
    no_run(cli("transfer", *merged, "--map", "klass=cls"), "no origin has a task klass", "there is")
    unknown = ["--from", f"deet={trained}"]
    no_run(cli("transfer", *unknown), f"--from deet={trained}: there is no task deet here", "det?")
    one = ["--tasks", "cls", "--from", f"det={trained}"]
    no_run(cli("transfer", *one), "there is no task det here", "there is: cls")


def test_strict_names_what_stays_fresh(cli: Cli, sizes: Path, trained: Path) -> None:
    words = ["transfer", sizes, "--from", trained, "--strict", "--init-only"]
    no_run(cli(*words), "--strict", "heads.half.classifier.weight (fresh: a new task)")
    answer = cli(*words, "--tasks", "cls,half", "--quiet")
    assert answer.code == 0, answer.err


def test_code_that_an_origin_names_is_not_imported_unasked(
    cli: Cli, shapes: Path, trained: Path
) -> None:
    origin = shapes.parent / "origin"
    shutil.copytree(trained, origin, symlinks=True)
    config = origin / "config.yaml"
    config.write_text(f"{config.read_text()}plugins: [{shapes / 'evil.py'}]\n")
    (shapes / "evil.py").write_text("from pathlib import Path\nPath('executed').touch()\n")
    no_run(cli("transfer", "--from", origin), "not imported unasked", "--allow-plugins")
    assert not Path("executed").exists()
    answer = cli("transfer", "--from", origin, "--allow-plugins", "--init-only", "-q")
    assert answer.code == 0, answer.err
    assert Path("executed").exists()
