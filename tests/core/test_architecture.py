"""From a config to the trunks of its network."""

from __future__ import annotations

from typing import Any

import pytest

from mtcli.core.architecture import (
    architecture_of,
    idle_trunks,
    prefix_of,
    trunk_rates,
    trunks_of,
    uses_of,
)
from mtcli.core.blueprint import MAIN, SideTrunk
from mtcli.core.config import TaskConfig, TrainConfig
from mtcli.core.configmodel import ModelConfig, TrunkConfig
from mtcli.core.errors import ConfigError
from mtcli.core.tasks.classification import ClassificationOptions


def model(**said: Any) -> ModelConfig:
    return ModelConfig.model_validate({"trunk": "tiny", **said})


def tasks(**trunks: str | None) -> dict[str, TaskConfig]:
    return {
        name: TaskConfig(
            kind="classification", labels=(), trunk=trunk, options=ClassificationOptions()
        )
        for name, trunk in trunks.items()
    }


def test_tasks_share_the_main_trunk_unless_they_name_another() -> None:
    said = tasks(a=None, b="tiny", c="resnet18")
    assert uses_of(model(), said) == {"a": MAIN, "b": MAIN, "c": "resnet18"}
    assert {key: trunk.trunk for key, trunk in trunks_of(model(), said).items()} == {
        MAIN: "tiny",
        "resnet18": "resnet18",
    }


def test_a_trunk_of_the_config_goes_by_its_key() -> None:
    sides = {"side": {"trunk": "resnet18", "drop_path": 0.1, "lr": 0.3}, "tiny": {"trunk": "tiny"}}
    said = model(trunks=sides)
    built = architecture_of(said, tasks(a=None, b="side", c="tiny"))
    # A key stands for what it names, also where the main trunk has that name.
    assert built.trunks == {"side": SideTrunk("resnet18", 0.1), "tiny": SideTrunk("tiny")}
    assert built.uses == {"b": "side", "c": "tiny"}
    assert architecture_of(said, tasks(a=None)).trunks == {}


def test_a_name_with_dots_makes_a_key_without() -> None:
    built = architecture_of(model(), tasks(a="resnet18.a1_in1k"))
    assert built.trunks == {"resnet18_a1_in1k": SideTrunk("resnet18.a1_in1k")}
    assert built.uses == {"a": "resnet18_a1_in1k"}


def test_what_no_task_uses_is_said() -> None:
    said = model(trunks={"side": {"trunk": "resnet18"}})
    assert idle_trunks(said, tasks(a=None)) == ["model.trunks.side"]
    assert idle_trunks(said, tasks(a="side")) == ["model.trunk"]
    assert idle_trunks(said, tasks(a="side", b=None)) == []


@pytest.mark.parametrize(
    ("sides", "trunk", "what", "mend"),
    [
        ({"side": "resnet18"}, "sidr", "tasks.a.trunk: no such trunk: sidr", "did you mean side?"),
        ({}, "resnet81", "tasks.a.trunk: no such trunk: resnet81", "did you mean resnet18?"),
        (
            {"side": "resnte18"},
            "side",
            "model.trunks.side.trunk: no such trunk: resnte18",
            "did you mean resnet18?",
        ),
    ],
)
def test_a_trunk_that_is_none(sides: dict[str, str], trunk: str, what: str, mend: str) -> None:
    said = model(trunks={key: {"trunk": name} for key, name in sides.items()})
    with pytest.raises(ConfigError) as error:
        architecture_of(said, tasks(a=trunk))
    assert (error.value.what, error.value.mend) == (what, mend)


@pytest.mark.parametrize(
    ("lr", "copied", "rate"),
    [
        (None, [], 1.0),
        (None, ["trunk.stem.0.weight"], 0.25),
        (None, ["trunks.side.stem.0.weight", "heads.a.weight"], 1.0),
        (0.1, [], 0.1),
        (0.1, ["trunk.stem.0.weight"], 0.1),
    ],
)
def test_how_fast_a_trunk_moves(lr: float | None, copied: list[str], rate: float) -> None:
    trunks = {MAIN: TrunkConfig(trunk="tiny", lr=lr)}
    assert trunk_rates(TrainConfig(pretrained_lr=0.25), trunks, {MAIN: MAIN}, copied) == {
        MAIN: rate
    }


def test_names_of_tensors() -> None:
    assert prefix_of(MAIN) == "trunk."
    assert prefix_of("side") == "trunks.side."
