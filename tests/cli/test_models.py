"""mtcli models list and show, through the real main."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mtcli.recipes import models as recipes
from tests.conftest import Cli


def facts(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "SELECTION", ("tiny", "resnet10t"))


@pytest.mark.usefixtures("_short")
def test_list_shows_a_selection_and_how_many_more(cli: Cli) -> None:
    answer = cli("models", "list")
    assert answer.code == 0
    heading, tiny, resnet = answer.out.splitlines()
    assert heading.split() == ["trunk", "parameters", "mult-adds", "strides", "pretrained"]
    assert tiny.split() == ["tiny", "0.7", "M", "0.21", "G", "4", "8", "16", "32", "–"]
    assert resnet.split()[0] == "resnet10t"
    assert "apache-2.0: c3_in1k" in resnet
    assert "more by name or pattern: mtcli models list 'resnet*'" in answer.err


def test_list_matches_and_says_what_it_leaves_out(cli: Cli) -> None:
    answer = cli("models", "list", "resnet18*", "--size", "64,96", "--json")
    assert answer.code == 0
    found = facts(answer.out)
    assert found["size"] == [64, 96]
    resnet = found["trunks"][0]
    assert resnet["name"] == "resnet18"
    assert [stage["stride"] for stage in resnet["stages"]] == [4, 8, 16, 32]
    assert resnet["stages"][0]["shape"] == [64, 16, 24]
    assert {"tag": "a1_in1k", "licence": "apache-2.0", "source": "timm/resnet18.a1_in1k"} in (
        resnet["pretrained"]
    )


def test_a_tag_is_listed_alone(cli: Cli) -> None:
    answer = cli("models", "list", "resnet18.tv_in1k", "--size", "64,64", "--json")
    assert answer.code == 0, answer.err
    (trunk,) = facts(answer.out)["trunks"]
    assert trunk["name"] == "resnet18.tv_in1k"
    assert [tag["tag"] for tag in trunk["pretrained"]] == ["tv_in1k"]


def test_names_without_maps_are_counted(cli: Cli) -> None:
    answer = cli("models", "list", "test_vit*", "--size", "160,160")
    assert answer.code == 2
    assert "none of the trunks that match test_vit* gives c2 … c5" in answer.err
    assert answer.out == ""


def test_no_match_is_wrong_usage(cli: Cli) -> None:
    answer = cli("models", "list", "resnt18")
    assert answer.code == 2
    assert "no trunk matches resnt18" in answer.err
    assert "did you mean resnet18?" in answer.err


@pytest.mark.parametrize("size", ["64", "64,x", "0,64", "64,64,3"])
def test_a_size_is_two_numbers(cli: Cli, size: str) -> None:
    answer = cli("models", "show", "tiny", "--size", size)
    assert answer.code == 2
    assert f"--size {size}" in answer.err


def test_show_a_trunk(cli: Cli) -> None:
    answer = cli("models", "show", "tiny", "--size", "64,96")
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[0] == ["tiny", "·", "pictures", "of", "64", "×", "96"]
    assert lines[2][:6] == ["c2", "32", "×", "16", "×", "24"]
    assert lines[6][0] == "total"
    assert "no published weights known" in answer.out


def test_an_unknown_name_is_wrong_usage(cli: Cli) -> None:
    answer = cli("models", "show", "resnt18")
    assert answer.code == 2
    assert "no such trunk, config or run: resnt18" in answer.err
    assert "did you mean resnet18?" in answer.err


@pytest.mark.parametrize("given", ["nowhere.yaml", "folder/nowhere.yaml", "runs/nothing"])
def test_what_is_not_there_is_said(cli: Cli, given: str) -> None:
    answer = cli("models", "show", given)
    assert answer.code == 2
    assert given in answer.err


def test_show_a_config(cli: Cli, shapes: Path) -> None:
    answer = cli("models", "show", shapes / "mtcli.yaml", "--json")
    assert answer.code == 0, answer.err
    found = facts(answer.out)
    parts = {part["name"]: part for part in found["parts"]}
    assert list(parts) == ["trunk", "pyramid", "heads.cls", "heads.det"]
    assert parts["trunk"]["tasks"] == ["cls", "det"]
    assert parts["heads.cls"]["outputs"] == {"": [2]}  # classes are read from labels
    assert found["frozen"] == 0
    assert found["size"] == [64, 64]


def test_tasks_and_sets_apply_to_a_config(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    words = ["--tasks", "cls", "--set", "train.freeze=[trunk.stem, trunk.stages.c2]"]
    answer = cli("models", "show", config, *words, "--json")
    assert answer.code == 0, answer.err
    trunk, head = facts(answer.out)["parts"]
    assert [stage["frozen"] == stage["parameters"] for stage in trunk["parts"]] == [
        True,
        False,
        False,
        False,
    ]
    assert head["frozen"] == 0
    shown = cli("models", "show", config, *words).out.splitlines()
    assert [line.split()[-1] for line in shown[2:]] == [
        "partly",
        "yes",
        "no",
        "no",
        "no",
        "no",
        "partly",
    ]


@pytest.mark.parametrize("sharing", ["branch", "cross_stitch", "mtan", "none"])
def test_parts_tell_what_is_shared_by_whom(cli: Cli, shapes: Path, sharing: str) -> None:
    answer = cli("models", "show", shapes / "mtcli.yaml", "--set", f"model.sharing={sharing}")
    assert answer.code == 0, answer.err
    rows = {line.split()[0]: line for line in answer.out.splitlines()}
    assert ("sharing" in rows) is (sharing == "cross_stitch")
    assert ("sharing.cls" in rows) is (sharing == "mtan")
    assert ("trunks.det" in rows) is (sharing != "mtan")
    whole = rows["trunk" if sharing in ("branch", "mtan") else "trunks.cls"]
    assert ("cls, det" in whole) is (sharing != "none")


def test_ways_of_sharing_are_compared(cli: Cli, shapes: Path) -> None:
    words = [shapes / "mtcli.yaml", "--set", "model.sharing=mtan"]
    answer = cli("models", "show", *words, "--compare", "sharing", "--json")
    assert answer.code == 0, answer.err
    found = facts(answer.out)
    assert (found["key"], found["chosen"], found["tasks"]) == ("sharing", "mtan", ["cls", "det"])
    costs = {choice["name"]: choice["cost"] for choice in found["choices"]}
    assert {*costs} == {"branch", "cross_stitch", "hard", "mtan", "none"}
    one = facts(cli("models", "show", *words, "--json").out)
    alike = ("parameters", "multiply_adds", "shared", "own")
    assert costs["mtan"] == {key: one[key] for key in alike}


def test_a_run_is_compared_too(cli: Cli, trained: Path) -> None:
    answer = cli("models", "show", trained, "--compare", "sharing")
    assert answer.code == 0, answer.err
    heading, names, *rows = answer.out.splitlines()
    assert heading.split(" · ")[1] == "sharing: hard"
    assert names.split() == ["sharing", "parameters", "mult-adds", "shared", "cls", "det"]
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shring"], "did you mean sharing?"),
        (["fusion"], "there is one input, and nothing to fuse"),
    ],
)
def test_what_cannot_be_compared(cli: Cli, shapes: Path, words: list[str], said: str) -> None:
    answer = cli("models", "show", shapes / "mtcli.yaml", "--compare", *words)
    assert answer.code == 2
    assert said in answer.err
    assert answer.out == ""


def test_a_stage_rests_at_first(cli: Cli, shapes: Path) -> None:
    stages = (
        "train.mixing.sequential=[{tasks: [cls], epochs: 1, freeze: [trunk]},"
        "{tasks: [cls], epochs: 1}]"
    )
    words = ["--tasks", "cls", "--set", stages, "--set", "train.epochs=2"]
    answer = cli("models", "show", shapes / "mtcli.yaml", *words, "--json")
    assert answer.code == 0, answer.err
    trunk, head = facts(answer.out)["parts"]
    assert trunk["frozen"] == trunk["parameters"]
    assert head["frozen"] == 0


def test_a_config_without_labels_is_an_error(cli: Cli, shapes: Path) -> None:
    (shapes / "labels.csv").unlink()
    answer = cli("models", "show", shapes / "mtcli.yaml")
    assert answer.code == 2
    assert "labels.csv" in answer.err


def test_show_a_run_and_a_bare_checkpoint(cli: Cli, shapes: Path, tmp_path: Path) -> None:
    words = ["--set", "train.epochs=1", "--set", "train.freeze=[trunk]", "--name", "one"]
    trained = cli("train", shapes / "mtcli.yaml", *words, "--tasks", "cls")
    assert trained.code == 0, trained.err
    run = Path("runs/one")
    answer = cli("models", "show", run, "--json")
    assert answer.code == 0, answer.err
    trunk, head = facts(answer.out)["parts"]
    assert (trunk["name"], trunk["what"]) == ("trunk", "tiny")
    assert (trunk["frozen"], head["frozen"]) == (trunk["parameters"], 0)

    moved = tmp_path / "alone"
    (run / "checkpoints" / "best").resolve().rename(moved)
    shown = cli("models", "show", moved)
    assert shown.code == 0, shown.err
    assert {line.split()[-1] for line in shown.out.splitlines()[2:]} == {"unknown"}


def test_show_a_weight_file(cli: Cli, trained: Path) -> None:
    save_file(
        {"stem.weight": torch.zeros(4, 3, 2, 2), "fc.weight": torch.zeros(9, 4)}, "a.safetensors"
    )
    answer = cli("models", "show", "a.safetensors")
    assert answer.code == 0, answer.err
    rows = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert rows[0] == "a.safetensors · a classifier of 9 classes"
    assert sorted(rows[2:4]) == ["fc 1 0.0 k", "stem 1 0.0 k"]
    assert "mtcli transfer --from a.safetensors --set model.trunk=NAME" in answer.err
    found = facts(cli("models", "show", "a.safetensors", "--json").out)
    assert (found["of"], found["sort"], found["trunk"]) == ("a.safetensors", "classifier", None)
    # One that lies beside what a checkpoint says of it is the checkpoint.
    file = trained / "checkpoints" / "best" / "model.safetensors"
    whole = facts(cli("models", "show", file, "--json").out)
    assert [part["name"] for part in whole["parts"]] == [
        "trunk",
        "pyramid",
        "heads.cls",
        "heads.det",
    ]


def test_a_file_that_holds_no_weights(cli: Cli) -> None:
    Path("text.pth").write_text("hello")
    torch.save({"epoch": 1}, "none.pth")
    for name, what in {
        "text.pth": "the file is no weight file",
        "none.pth": "the file holds no tensors by name",
        "txt.pth": "no such file",
    }.items():
        answer = cli("models", "show", name)
        assert answer.code == 2
        assert f"weights: {what}" in answer.err
        assert name in answer.err
    assert "did you mean text.pth?" in answer.err


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["text.pth", "--size", "64,64"], "--size"),
        (["text.pth", "--compare", "sharing"], "--compare"),
        (["tiny", "--compare", "sharing"], "--compare"),
        (["tiny", "--tasks", "cls"], "--tasks"),
        (["tiny", "--set", "train.epochs=1"], "--set"),
        (["mtcli.yaml", "--size", "64,64"], "--size"),
        ([".", "--tasks", "cls"], "--tasks"),
    ],
)
def test_options_of_another_kind_are_refused(cli: Cli, words: list[str], option: str) -> None:
    Path("text.pth").touch()
    answer = cli("models", "show", *words)
    assert answer.code == 2
    assert f"{option} has no place here" in answer.err


@pytest.mark.parametrize(
    "words", [["list", "--help"], ["show", "--nonsense"], ["show", "x.yaml"], ["show", "x.pth"]]
)
def test_small_questions_import_no_torch(words: list[str]) -> None:
    program = (
        "import sys; from mtcli.cli.main import main; main(sys.argv[1:]);"
        "sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "models", *words], capture_output=True, check=False
    )
    assert done.returncode == 0
