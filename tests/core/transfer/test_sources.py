"""What an origin is, and what it tells before anything is placed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from mtcli.core.description import Model
from mtcli.core.errors import CheckpointError, ConfigError
from mtcli.core.transfer.sources import find_source, told_by


def test_a_run_is_its_best_checkpoint_and_tells_its_network(trained: Path) -> None:
    source = find_source(str(trained))
    assert source.checkpoint is not None
    assert Path(source.place) == (trained / "checkpoints" / "best").resolve()
    assert source.config == trained.resolve() / "config.yaml"
    assert isinstance(told_by(source, allow_plugins=False), Model)


def test_the_file_of_a_checkpoint_is_the_checkpoint(trained: Path) -> None:
    file = trained / "checkpoints" / "best" / "model.safetensors"
    assert find_source(str(file)).place == find_source(str(trained)).place


def test_a_file_of_a_classifier_tells_nothing() -> None:
    save_file({"conv1.weight": torch.zeros(4, 3, 1, 1)}, "a.safetensors")
    source = find_source("a.safetensors")
    assert (source.place, source.checkpoint) == (str(Path("a.safetensors").resolve()), None)
    assert told_by(source, allow_plugins=False) is None
    assert told_by(find_source("imagenet"), allow_plugins=False) is None


def test_a_package_tells_its_trunk_installed_or_not() -> None:
    source = find_source("package:efficientnet-lite0")
    assert source.place == "package:efficientnet-lite0"
    assert told_by(source, allow_plugins=False) == "tf_efficientnet_lite0"
    with pytest.raises(ConfigError, match="--from: no such package of weights: lite"):
        told_by(find_source("package:lite"), allow_plugins=False)


def test_what_is_not_there_is_a_file_or_a_run_by_its_name() -> None:
    Path("here.pth").touch()
    with pytest.raises(ConfigError, match="--from: no such file") as error:
        find_source("hre.pth")
    assert error.value.mend == "did you mean here.pth?"
    with pytest.raises(CheckpointError, match="no such run or checkpoint"):
        find_source("hre")
