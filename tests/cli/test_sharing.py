"""Sharing as it is typed: what is wrong is said before there is a run, and what can be moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import Tensor

from mtcli.core.run import Run
from mtcli.core.sharing import SHARINGS
from tests.cli.test_bad_config import refused
from tests.conftest import Cli

APART = [name for name in SHARINGS.names() if SHARINGS.get(name).apart]
EVERY = SHARINGS.names()
INIT = ("--init-only", "--name", "new", "--json")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Divided among threads, a convolution rounds otherwise for three pictures than for four."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sets(*changes: str) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


def weights(run: str | Path, name: str = "last") -> dict[str, Tensor]:
    return load_file(Run.open(Path(run)).checkpoint(name) / "model.safetensors")


def fates(plan: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in plan["tensors"]:
        found.setdefault(row["fate"], set()).add(row["tensor"])
    return found


# --- Mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            ["model.sharing=crossstitch"],
            [
                "model.sharing: no such way of sharing: crossstitch",
                "--set model.sharing=crossstitch",
                "branch, cross_stitch, hard, mtan, none",
                "did you mean cross_stitch?",
            ],
        ),
        (["model.sharing=null"], ["model.sharing: wrong value"]),
        (
            ["model.sharing=branch", "model.branch_at=c6"],
            ["model.branch_at: wrong value", "c4", "c6"],
        ),
        (
            ["model.sharing=branch", "model.branch_at=c5"],
            [
                "model.branch_at: tiny has no branch point c5",
                "c2, c3, c4",
                "sharing: hard shares all of it",
            ],
        ),
        (
            ["model.branch_at=c3"],
            ["model.branch_at: with sharing: hard nothing branches off", "model.sharing: branch"],
        ),
        (
            ["model.sharing=mtan", "model.branch_at=c3"],
            ["model.branch_at: with sharing: mtan nothing branches off"],
        ),
        *(
            (
                [f"model.sharing={way}", "model.trunk=hrnet_w18_small"],
                [
                    "model.sharing: the trunk hrnet_w18_small has no stages",
                    "sharing: hard and none take any trunk",
                ],
            )
            for way in APART
            if way != "none"
        ),
        (
            [
                "model.sharing=none",
                "model.trunks={cls: {trunk: tiny}}",
                "tasks.det.trunk=cls",
            ],
            [
                "tasks.cls: what it has for itself by sharing: none would be called trunks.cls",
                "give that trunk another key",
            ],
        ),
        (
            ["model.sharing=none", "train.freeze=[trunk]"],
            [
                "train.freeze: nothing of the network is called trunk",
                "trunks.cls, trunks.det",
                "did you mean trunks?",
            ],
        ),
        (
            ["model.sharing=none", "train.freeze=[pyramid]"],
            ["train.freeze: nothing of the network is called pyramid", "pyramids.det"],
        ),
        (
            ["model.sharing=branch", "train.cache_features=true", "train.freeze=[trunk]"],
            ["the trunk moves", "trunks.cls.stages.c5.0.0.weight learns"],
        ),
        (
            ["model.sharing=mtan", "train.cache_features=true", "train.freeze=[trunk]"],
            ["the trunk moves", "sharing.cls.c2.g.0.weight learns", "freeze all of sharing"],
        ),
        (
            ["model.sharing=cross_stitch", "train.cache_features=true", "train.freeze=[trunks]"],
            ["the trunk moves", "sharing.cls.c2.cls learns", "freeze all of sharing"],
        ),
    ],
)
def test_what_cannot_be_shared(cli: Cli, shapes: Path, changes: list[str], said: list[str]) -> None:
    answer = cli("train", shapes / "mtcli.yaml", *sets(*changes))
    flat = " ".join(answer.err.split())
    refused(answer)
    for text in said:
        assert text in flat, answer.err


def test_a_trunk_for_one_task_may_be_called_as_that_task(cli: Cli, shapes: Path) -> None:
    beside = ["model.trunks={cls: {trunk: tiny}}", "tasks.cls.trunk=cls", "model.sharing=none"]
    answer = cli("train", shapes / "mtcli.yaml", *sets(*beside), "--name", "run")
    assert answer.code == 0, answer.err
    assert {".".join(name.split(".")[:2]) for name in weights("runs/run")} == {
        "trunks.cls",
        "trunks.det",
        "pyramids.det",
        "heads.cls",
        "heads.det",
    }


def test_what_is_frozen_of_a_task_that_is_left_out_is_passed_over(cli: Cli, shapes: Path) -> None:
    changes = ["model.sharing=none", "train.freeze=[trunks.cls, sharing.cls]"]
    answer = cli("train", shapes / "mtcli.yaml", "--tasks", "det", *sets(*changes), "--name", "run")
    assert answer.code == 0, answer.err


# --- Training ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("sharing", EVERY)
def test_cached_features_end_where_the_uncached_ones_do(
    cli: Cli, shapes: Path, sharing: str
) -> None:
    every = {"trunk", "trunks", "sharing"}
    config = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    config["model"]["sharing"] = sharing
    parts = {
        "hard": ["trunk"],
        "branch": ["trunk", "trunks"],
        "none": ["trunks"],
        "mtan": ["trunk", "sharing"],
        "cross_stitch": ["trunks", "sharing"],
    }.get(sharing, [*every])
    config["train"]["freeze"] = parts
    path = shapes / "frozen.yaml"
    path.write_text(yaml.safe_dump(config))
    for name, cached in (("plain", "false"), ("cached", "true")):
        words = sets(f"train.cache_features={cached}", "tasks.cls.dropout=0")
        answer = cli("train", path, *words, "--name", name, "--quiet")
        assert answer.code == 0, answer.err
    plain, cached_run = weights("runs/plain"), weights("runs/cached")
    assert all(torch.equal(plain[name], cached_run[name]) for name in plain)


@pytest.mark.slow
@pytest.mark.parametrize("sharing", APART)
def test_stages_of_a_training_may_freeze_a_task_s_own_parts(
    cli: Cli, shapes: Path, sharing: str
) -> None:
    word = {"mtan": "sharing.cls"}.get(sharing, "trunks.cls")
    stages = f"[{{tasks: [cls], epochs: 1, freeze: [{word}]}}, {{tasks: [det], epochs: 1}}]"
    words = sets(f"model.sharing={sharing}", "train.epochs=null", "train.ema=null")
    words += sets(f"train.mixing={{sequential: {stages}}}")
    answer = cli("train", shapes / "mtcli.yaml", *words, "--name", "run", "--quiet")
    assert answer.code == 0, answer.err
    first, last = (
        load_file(folder / "model.safetensors")
        for folder in sorted(Path("runs/run/checkpoints").glob("step-*"))[:2]
    )
    own = [name for name in first if name.startswith("heads.cls.")]
    if sharing != "cross_stitch":  # whose trunks learn from both tasks
        own += [name for name in first if name.startswith(f"{word}.")]
    assert own
    # In the second stage cls has no picture, and what is its own no gradient.
    assert all(torch.equal(first[name], last[name]) for name in own)


# --- Transfer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sharing", APART)
def test_a_hard_run_starts_any_other(cli: Cli, trained: Path, sharing: str) -> None:
    answer = cli("transfer", "--from", trained, *sets(f"model.sharing={sharing}"), *INIT)
    assert answer.code == 0, answer.err
    plan: Any = answer.json
    plan = plan.get("transfer", plan.get("plan", plan))
    found = fates(plan)
    assert "left" not in found
    assert all(name.startswith("sharing.") for name in found.get("fresh", ()))
    before, after = weights(trained, "best"), weights("runs/new")
    for name, tensor in after.items():
        words = name.split(".")
        if words[0] in ("trunks", "pyramids"):
            name = ".".join([words[0][:-1], *words[2:]])
        if words[0] != "sharing":
            assert torch.equal(tensor, before[name]), name


@pytest.fixture
def apart(cli: Cli, shapes: Path) -> Path:
    """A run without sharing."""
    words = sets("model.sharing=none", "model.weights=null")
    answer = cli("train", shapes / "mtcli.yaml", *words, "--name", "apart", "--quiet")
    assert answer.code == 0, answer.err
    return Path("runs/apart")


def test_one_task_s_trunk_becomes_the_one_that_all_share(cli: Cli, apart: Path) -> None:
    answer = cli("transfer", "--from", apart, *sets("model.sharing=hard"), *INIT)
    assert answer.code == 2
    flat = " ".join(answer.err.split())
    assert "each task of the origin has a trunk of its own, and here they share one" in flat
    assert "--from TASK=RUN takes that of one task" in flat
    words = ["--from", f"det={apart}", "--tasks", "cls,det", *sets("model.sharing=hard")]
    answer = cli("transfer", *words, *INIT)
    assert answer.code == 0, answer.err
    before, after = weights(apart, "best"), weights("runs/new")
    for name, tensor in after.items():
        part, _, rest = name.partition(".")
        if part in ("trunk", "pyramid"):
            assert torch.equal(tensor, before[f"{part}s.det.{rest}"]), name


def test_a_task_is_added_to_others_that_share_nothing(cli: Cli, shapes: Path, apart: Path) -> None:
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    document["tasks"]["again"] = document["tasks"]["cls"]
    path = shapes / "more.yaml"
    path.write_text(yaml.safe_dump(document))
    # What the config says counts, and it says nothing of sharing: it is the origin's.
    frozen = "trunks.cls,trunks.det,pyramids.det,heads.cls,heads.det"
    words = ["transfer", path, "--from", apart, "--add-task", "again", "--epochs", "1"]
    answer = cli(*words, "--distill", "1", "--freeze", frozen, "--name", "new")
    assert answer.code == 0, answer.err
    before, after = weights(apart, "best"), weights("runs/new")
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    new = {".".join(name.split(".")[:2]) for name in after.keys() - before.keys()}
    assert new == {"trunks.again", "heads.again"}


def test_no_task_is_added_to_others_that_would_mix_its_maps(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    words = sets("model.sharing=cross_stitch", "train.epochs=1")
    assert cli("train", config, *words, "--name", "mixed", "--quiet", "--tasks", "cls").code == 0
    answer = cli("transfer", config, "--from", "runs/mixed", "--add-task", "det", "--name", "new")
    assert answer.code == 2
    flat = " ".join(answer.err.split())
    assert "--add-task det: cross_stitch would mix its maps into those of the tasks" in flat
    assert not Path("runs/new").exists()


def test_a_branch_point_is_not_inherited_by_what_has_none(cli: Cli, shapes: Path) -> None:
    config = shapes / "mtcli.yaml"
    words = sets("model.sharing=branch", "model.branch_at=c2")
    assert cli("train", config, *words, "--name", "tree", "--quiet").code == 0
    answer = cli("transfer", "--from", "runs/tree", *sets("model.sharing=none"), *INIT)
    assert answer.code == 0, answer.err
    answer = cli("transfer", "--from", "runs/tree", "--init-only", "--name", "same")
    assert answer.code == 0, answer.err
    said = yaml.safe_load(Path("runs/same/config.yaml").read_text())["model"]
    assert (said["sharing"], said["branch_at"]) == ("branch", "c2")
