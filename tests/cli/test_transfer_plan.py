"""What mtcli transfer says before and while it trains: fates, freezing, warnings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from mtcli.core.trunks import build_trunk
from tests.conftest import Answer, Cli


def table(answer: Answer) -> dict[str, list[str]]:
    """The words of each row of the plan, by its part."""
    lines = answer.err.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(" part "))
    return {line.split()[0]: line.split() for line in lines[start:] if line.startswith(" ")}


def tensors(answer: Answer) -> list[dict[str, Any]]:
    said: Any = answer.json["plan"]
    found: list[dict[str, Any]] = said["tensors"]
    return found


@pytest.fixture
def beside(shapes: Path, tmp_path: Path) -> Path:
    """The shapes, with a trunk for cls alone that starts from a file."""
    torch.manual_seed(3)
    file = tmp_path / "side.safetensors"
    save_file(build_trunk("test_resnet").module.state_dict(), file)
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["trunk"] = "side"
    document["model"]["trunks"] = {"side": {"trunk": "test_resnet", "weights": str(file)}}
    path = shapes / "beside.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_a_trunk_that_has_weights_of_its_own_is_not_fresh(
    cli: Cli, beside: Path, trained: Path
) -> None:
    words = ["transfer", beside, "--from", trained, "--copy", "conv", "--freeze", "conv"]
    words += ["--strict", "--init-only"]
    answer = cli(*words, "--json")
    assert answer.code == 0, answer.err
    found = tensors(answer)
    side = [row for row in found if row["tensor"].startswith("trunks.side.")]
    assert side
    for row in side:
        said = (row["fate"], row["why"], row["origin"], row["frozen"])
        assert said == ("published", "model.trunks.side.weights", [], True)
    assert {row["fate"] for row in found if row["tensor"].startswith("trunk.")} == {"copied"}
    shown = table(cli(*words))
    assert shown["part"] == ["part", "tensors", "copied", "published", "fresh", "frozen"]
    count = str(len(side))
    assert shown["trunks.side.*"][1:] == [count, "–", count, "–", count, side[0]["why"]]
    # The same, where nothing is shown but a line.
    answer = cli("train", "runs/shapes-0001/config.yaml")
    assert answer.code == 0, answer.err
    assert f", {len(side)} published, " in answer.err


def test_weights_of_the_config_fill_a_native_classifier_too(
    cli: Cli, shapes: Path, trained: Path, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    trunk = build_trunk("test_resnet")
    tail = trunk.specs["c5"].tail
    assert tail is not None
    file = tmp_path / "whole.safetensors"
    save_file({**trunk.module.state_dict(), **tail(2, 0.0).state_dict()}, file)
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["cls"]["head"] = "native"
    document["model"] |= {"trunk": "test_resnet", "weights": str(file)}
    (shapes / "native.yaml").write_text(yaml.safe_dump(document))
    words = [shapes / "native.yaml", "--from", trained, "--copy", "heads.det", "--init-only"]
    answer = cli("transfer", *words, "--json")
    assert answer.code == 0, answer.err
    fates = {row["tensor"].split(".")[0]: set[str]() for row in tensors(answer)}
    for row in tensors(answer):
        if row["fate"] != "left" and not row["tensor"].startswith("heads.det."):
            fates[row["tensor"].split(".")[0]].add(row["fate"])
    assert fates == {"trunk": {"published"}, "heads": {"published"}, "pyramid": {"fresh"}}


def test_until_when_a_part_is_frozen(cli: Cli, trained: Path) -> None:
    words = ["--freeze", "conv", "--unfreeze", "trunk@2", "--tasks", "cls", "--epochs", "2"]
    answer = cli("transfer", "--from", trained, *words, "--name", "new")
    assert answer.code == 0, answer.err
    assert "(freeze conv; unfreeze trunk@2)" in answer.err
    assert table(answer)["trunk.*"][-3:] == ["39", "until", "1"]
    lines = answer.err.splitlines()
    note = lines.index("note   epoch 2: no longer frozen: trunk")
    epochs = [n for n, line in enumerate(lines) if line.startswith("epoch ")]
    assert epochs[0] < note < epochs[1]
    shown = cli("models", "show", "runs/new")
    rows = {line.split()[0]: line for line in shown.out.splitlines() if line.strip()}
    assert rows["trunk"].rstrip().endswith("yes until 1")
    assert rows["heads.cls"].rstrip().endswith("no")
    assert rows["total"].rstrip().endswith("partly until 1")
    found: Any = cli("models", "show", "runs/new", "--json").json
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["trunk"]["until"] == {"1": parts["trunk"]["parameters"]}
    assert parts["heads.cls"]["until"] == {}


def test_json_says_until_when(cli: Cli, trained: Path) -> None:
    words = ["--freeze", "trunk,heads.det", "--unfreeze", "trunk@2", "--set", "train.epochs=2"]
    answer = cli("transfer", "--from", trained, *words, "--init-only", "--json")
    assert answer.code == 0, answer.err
    plan: Any = answer.json["plan"]
    assert plan["unfreeze"] == {"trunk": 2}
    until = {
        part: {row["until"] for row in tensors(answer) if row["tensor"].startswith(part)}
        for part in ("trunk.", "heads.det.", "heads.cls.")
    }
    assert until == {"trunk.": {1}, "heads.det.": {None}, "heads.cls.": {None}}
    assert {row["frozen"] for row in tensors(answer) if row["tensor"].startswith("heads.det.")} == {
        True
    }


def test_old_heads_that_start_fresh_beside_a_new_task_are_warned_of(
    cli: Cli, sizes: Path, trained: Path
) -> None:
    words = ["transfer", sizes, "--from", trained, "--add-task", "half", "--epochs", "1"]
    answer = cli(*words, "--copy", "trunk")
    assert answer.code == 0, answer.err
    said = "note   old heads start fresh: heads.cls, heads.det; --copy all keeps what they know"
    assert answer.err.splitlines().count(said) == 1
    shown = table(answer)
    assert shown["heads.half.*"][-3:] == ["a", "new", "task"]
    assert shown["heads.cls.*"][-3:] == ["not", "asked", "for"]


def test_nothing_is_warned_of_where_old_heads_are_copied(
    cli: Cli, sizes: Path, trained: Path
) -> None:
    words = ["transfer", sizes, "--from", trained, "--add-task", "half", "--epochs", "1"]
    answer = cli(*words)
    assert answer.code == 0, answer.err
    assert "start fresh" not in answer.err


def test_one_origin_is_not_merged(cli: Cli, trained: Path) -> None:
    for origin in (trained, f"cls={trained}"):
        answer = cli("transfer", "--from", origin, "--merge", "average")
        assert answer.code == 2
        assert "--merge average: merging takes several origins" in answer.err
        assert "--from TASK=RUN for each" in answer.err
    assert not Path("runs").exists()


def test_each_head_of_a_merged_network_says_its_run(cli: Cli, trained: Path) -> None:
    one = ["--tasks", "cls", "--init-only", "--name", "a"]
    assert cli("transfer", "--from", trained, *one).code == 0
    words = ["transfer", "--from", f"det={trained}", "--from", "cls=runs/a", "--merge", "average"]
    answer = cli(*words, "--init-only")
    assert answer.code == 0, answer.err
    shown = {part: " ".join(row) for part, row in table(answer).items()}
    assert shown["trunk.*"].endswith("mean of 2")
    assert shown["heads.det.*"].endswith(f"from {trained.name}")
    assert "from runs/a" in shown["heads.cls.classifier"]
    assert f"{trained.name}: the origin's own cls" in shown["heads.cls.classifier"]
    names = set()
    for row in tensors(cli(*words, "--init-only", "--json")):
        part, head = row["tensor"].split(".")[:2]
        if part == "heads":
            (origin,) = row["origin"]
            names.add((head, row["fate"], Path(origin).parent.parent.name))
    run = trained.name
    assert names == {("det", "copied", run), ("cls", "copied", "a"), ("cls", "left", run)}


def test_no_line_of_the_plan_ends_with_blanks(cli: Cli, trained: Path) -> None:
    for words in ([], ["--verbose"]):
        answer = cli("transfer", "--from", trained, "--tasks", "cls", "--init-only", *words)
        assert answer.code == 0, answer.err
        lines = answer.err.splitlines()
        assert len(lines) > 5
        assert [line for line in lines if line != line.rstrip()] == []
