"""mtcli transfer, as it is typed."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from mtcli.core.run import Run
from tests.cli.rewriting import rewrite
from tests.conftest import Answer, Cli

SHORT = ("--epochs", "1", "--name", "new")


def weights(run: str | Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(Run.open(Path(run)).checkpoint(name) / "model.safetensors")


def config_of(run: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((Path(run) / "config.yaml").read_text())
    return found


def no_run(answer: Answer, *said: str) -> None:
    """It was refused with these words, and no run was left."""
    assert answer.code == 2, answer.out + answer.err
    said_flat = " ".join(answer.err.split())
    for text in said:
        assert text in said_flat, answer.err
    assert "Traceback" not in answer.err
    assert not Path("runs").exists()


# --- Config, tasks and trunk -------------------------------------------------------------------


def test_the_origin_alone_is_enough(cli: Cli, trained: Path) -> None:
    answer = cli("transfer", "--from", trained, "--freeze", "conv", *SHORT)
    assert answer.code == 0, answer.err
    assert f"config {trained / 'config.yaml'}" in answer.err
    before, after = weights(trained, "best"), weights("runs/new")
    assert before.keys() == after.keys()
    shared = ("trunk.", "pyramid.")
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith(shared))
    assert not all(torch.equal(before[n], after[n]) for n in before if n.startswith("heads."))
    assert "mtcli eval runs/new" in answer.out


def test_mtcli_yaml_is_found_first_but_the_trunk_is_the_origin_s(
    cli: Cli, shapes: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(shapes, model={"trunk": "resnet18", "pyramid": 24}, train={"lr": 0.5, "freeze": ["bn"]})
    monkeypatch.chdir(shapes)
    words = ["--from", trained, "--tasks", "cls", "--init-only", "--freeze", "trunk"]
    answer = cli("transfer", *words, "--name", "new")
    assert answer.code == 0, answer.err
    assert "config mtcli.yaml" in answer.err
    written = config_of("runs/new")
    assert (written["model"]["trunk"], written["model"]["pyramid"]) == ("tiny", 16)
    assert written["train"]["lr"] == 0.5
    assert written["train"]["freeze"] == ["trunk"]
    assert [*written["tasks"]] == ["cls"]


@pytest.mark.parametrize("way", ["given", "set"])
def test_a_trunk_that_the_user_names_counts(
    cli: Cli, shapes: Path, trained: Path, way: str
) -> None:
    if way == "given":
        words: list[object] = [rewrite(shapes, model={"trunk": "test_resnet"})]
    else:
        words = ["--set", "model.trunk=test_resnet"]
    answer = cli("transfer", "--from", trained, *words)
    no_run(answer, "the origin's trunk is of another architecture", "found tiny:")
    answer = cli("transfer", "--from", trained, *words, "--copy", "heads.det", "--init-only", "-q")
    assert answer.code == 0, answer.err


def test_what_a_config_of_the_user_says_of_freezing_holds(
    cli: Cli, shapes: Path, trained: Path
) -> None:
    config = rewrite(shapes, train={"freeze": ["trunk"]})
    assert cli("transfer", config, "--from", trained, "--init-only", "--name", "new").code == 0
    assert config_of("runs/new")["train"]["freeze"] == ["trunk"]
    # What an origin's training froze is nothing to the next.
    assert cli("transfer", "--from", "runs/new", "--init-only", "--name", "next").code == 0
    assert config_of("runs/next")["train"]["freeze"] == []


# --- The plan ----------------------------------------------------------------------------------


def test_the_plan_of_every_tensor_as_json(cli: Cli, shapes: Path, trained: Path) -> None:
    config = rewrite(shapes, model={"trunk": "tiny", "pyramid": 16})
    words = [config, "--from", trained, "--tasks", "cls", "--freeze", "conv", "--init-only"]
    answer = cli("transfer", *words, "--name", "new", "--json")
    assert answer.code == 0, answer.err
    found: Any = answer.json
    assert found["run"] == "runs/new"
    plan = found["plan"]
    assert plan["tasks"] == ["cls"]
    assert plan["freeze"] == ["conv"]
    rows = {row["tensor"]: row for row in plan["tensors"]}
    assert len(rows) == len(plan["tensors"])
    assert {*rows} == {*weights(trained, "best")}
    for name, row in rows.items():
        part = name.split(".")[0]
        assert row["fate"] == ("copied" if name.startswith(("trunk.", "heads.cls.")) else "left")
        assert row["frozen"] == (part == "trunk")
    assert rows["heads.cls.classifier.weight"]["shape"] == [2, 128]
    assert rows["heads.det.scales"]["why"] == "task not wanted"


def test_the_plan_as_a_table_of_parts_and_of_tensors(cli: Cli, trained: Path) -> None:
    words = ["--from", trained, "--freeze", "trunk", "--init-only"]
    brief = cli("transfer", *words)
    assert brief.code == 0
    lines = {line.split()[0]: line.split() for line in brief.err.splitlines() if line.strip()}
    count = sum(name.startswith("trunk.") for name in weights(trained, "best"))
    assert lines["part"] == ["part", "tensors", "copied", "frozen"]
    assert lines["trunk.*"][1:] == [str(count)] * 3
    assert "heads.cls.*" in lines
    assert "trunk.stem.0.weight" not in brief.err
    full = cli("transfer", *words, "--verbose")
    said = [line.split() for line in full.err.splitlines()]
    assert ["trunk.stem.0.weight", "16×3×3×3", "copied", "frozen"] in said
    assert ["heads.cls.classifier.bias", "2", "copied"] in said


# --- Only filled, and trained later ------------------------------------------------------------


def test_a_network_that_is_only_filled_can_be_judged_and_trained(cli: Cli, trained: Path) -> None:
    answer = cli("transfer", "--from", trained, "--init-only", "--name", "start")
    assert answer.code == 0, answer.err
    assert answer.out.strip() == "runs/start"
    before, after = weights(trained, "best"), weights("runs/start")
    assert all(torch.equal(before[name], after[name]) for name in before)
    one, two = cli("eval", trained, "--json"), cli("eval", "runs/start", "--json")
    assert two.code == 0, two.err
    assert one.json["tasks"] == two.json["tasks"]
    answer = cli("train", "--resume", "runs/start", "--quiet")
    assert answer.code == 0, answer.err
    # It is the training that it would have been at once.
    assert cli("transfer", "--from", trained, "--name", "at-once", "--quiet").code == 0
    left, right = weights("runs/start"), weights("runs/at-once")
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert not all(torch.equal(left[name], before[name]) for name in left)


@pytest.mark.slow
def test_a_picture_that_the_look_leaves_out_does_not_stop_the_training_later(
    cli: Cli, shapes: Path, trained: Path
) -> None:
    (shapes / "images" / "01.png").write_bytes(b"no picture")
    words = ["--from", trained, "--set", "data.on_bad_image=skip", "--init-only", "--name", "start"]
    assert cli("transfer", shapes / "mtcli.yaml", *words).code == 0
    answer = cli("train", "--resume", "runs/start", "--quiet")
    assert answer.code == 0, answer.err


# --- Several origins ---------------------------------------------------------------------------


def test_two_runs_become_one(cli: Cli, shapes: Path, trained: Path) -> None:
    config = shapes / "mtcli.yaml"
    assert cli("transfer", config, "--from", trained, "--tasks", "cls", "-q", *SHORT).code == 0
    words = ["--from", f"det={trained}", "--from", "cls=runs/new"]
    no = cli("transfer", *words, "--name", "both")
    assert no.code == 2
    assert "--merge average takes the mean" in no.err
    answer = cli("transfer", *words, "--merge", "average", "--init-only", "--name", "both")
    assert answer.code == 0, answer.err
    one, two, both = weights(trained, "best"), weights("runs/new", "best"), weights("runs/both")
    for name, tensor in both.items():
        if name.startswith("trunk."):
            torch.testing.assert_close(tensor, (one[name] + two[name]) / 2)
        else:
            assert torch.equal(tensor, (two if name.startswith("heads.cls.") else one)[name]), name
    assert {*config_of("runs/both")["tasks"]} == {"cls", "det"}
    assert "mean of 2" in answer.err


def test_two_runs_whose_pictures_were_drawn_become_one(
    cli: Cli, trained: Path, shapes: Path
) -> None:
    """Each keeps the pictures that it was judged by."""
    for name, task in (("one", "cls"), ("two", "det")):
        shutil.copytree(trained, name, symlinks=True)
        document = config_of(name)
        drawn = {"fractions": {"train": 0.5, "val": 0.5}, "made": "splits.csv"}
        document["data"] |= {"splits": drawn, "images": str(shapes / "images")}
        document["tasks"] = {task: document["tasks"][task]}
        (Path(name) / "config.yaml").write_text(yaml.safe_dump(document))
        with (Path(name) / "splits.csv").open("w", newline="") as file:
            train = range(6) if name == "one" else range(3, 9)
            rows = [[f"{n:02d}.png", "train" if n in train else "val"] for n in range(12)]
            csv.writer(file).writerows([["image", "split"], *rows])
    words = ["--from", "cls=one", "--from", "det=two", "--merge", "average", "--init-only"]
    answer = cli("transfer", *words, "--name", "both")
    assert answer.code == 0, answer.err
    written = config_of("runs/both")
    assert [*written["tasks"]] == ["cls", "det"]
    own = written["tasks"]["det"]["splits"]["csv"]
    assert own == str(Path("two/splits.csv").resolve())


# --- Another task beside -----------------------------------------------------------------------


@pytest.mark.slow
def test_another_task_is_learned_and_the_old_ones_are_compared(
    cli: Cli, sizes: Path, trained: Path
) -> None:
    words = ["transfer", sizes, "--from", trained, "--add-task", "half"]
    answer = cli(*words, "--freeze", "trunk,pyramid,heads.cls,heads.det", "--max-drop", "0", *SHORT)
    assert answer.code == 0, answer.err
    table = [line.split() for line in answer.out.splitlines()]
    assert ["kept", "primary", "before", "after", "change"] in table
    rows = {row[0]: row for row in table if len(row) >= 5}
    assert rows["cls"][2] == rows["cls"][3], "nothing of it moved"
    assert [*config_of("runs/new")["tasks"]] == ["cls", "det", "half"]
    before, after = weights(trained, "best"), weights("runs/new", "best")
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.slow
def test_distilling_keeps_maps_near_and_resumes_bit_for_bit(
    cli: Cli, sizes: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.recipes.test_resume import assert_equal, final_state, terminate_at, without_times

    plain = ["transfer", sizes, "--from", trained, "--add-task", "half", "--epochs", "2"]
    plain += ["--freeze", "trunk.stem,heads.det", "--unfreeze", "trunk.stem@2"]
    words = [*plain, "--distill", "2"]
    assert cli(*words, "--name", "whole", "--quiet").code == 0
    with monkeypatch.context() as patched:
        terminate_at(patched, 3)  # two batches of four make an epoch
        assert cli(*words, "--name", "stopped", "--quiet").code == 143
    answer = cli("train", "--resume", "runs/stopped", "--quiet")
    assert answer.code == 0, answer.err
    assert_equal(final_state(Path("runs/stopped")), final_state(Path("runs/whole")))
    assert without_times(Path("runs/stopped")) == without_times(Path("runs/whole"))
    history = Run.open(Path("runs/whole")).history()
    assert all(event["losses"]["distill"] > 0 for event in history)
    # Without the teacher the maps go elsewhere.
    assert cli(*plain, "--name", "free", "-q").code == 0
    free, near = weights("runs/free"), weights("runs/whole")
    assert not torch.equal(free["trunk.stages.c2.0.0.weight"], near["trunk.stages.c2.0.0.weight"])


def test_a_run_s_own_config_is_the_same_training_again(cli: Cli, trained: Path) -> None:
    words = ["--from", trained, "--tasks", "cls", "--freeze", "conv", "--copy", "trunk"]
    assert cli("transfer", *words, "--quiet", *SHORT).code == 0
    answer = cli("train", "runs/new/config.yaml", "--name", "again")
    assert answer.code == 0, answer.err
    assert "copied" in answer.err, "the plan is said there too"
    one, two = weights("runs/new"), weights("runs/again")
    assert all(torch.equal(one[name], two[name]) for name in one)
