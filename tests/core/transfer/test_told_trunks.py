"""The trunk of a transfer from published weights, which tell it or do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

from mtcli.core.configmodel import ModelConfig
from mtcli.core.errors import ConfigError
from mtcli.core.transfer.configuring import Asked, configure

PACKAGE = "package:efficientnet-lite0"


def configured(origin: str, config: Path | None, *sets: str) -> ModelConfig:
    return configure(Asked({"all": origin}, config, None, None, {}, {}, sets)).config.model


def with_model(shapes: Path, model: dict[str, Any] | None) -> Path:
    """The config of the shapes with another section `model`; None: without one."""
    document = yaml.safe_load((shapes / "mtcli.yaml").read_text())
    del document["model"]
    path = shapes / "bare.yaml"
    path.write_text(yaml.safe_dump(document if model is None else {**document, "model": model}))
    return path


@pytest.mark.parametrize("model", [None, {}, {"pyramid": 16}])
def test_a_package_says_it(shapes: Path, model: dict[str, Any] | None) -> None:
    found = configured(PACKAGE, with_model(shapes, model))
    assert found == ModelConfig(trunk="tf_efficientnet_lite0", **(model or {}))


def test_a_config_that_is_named_counts_and_one_that_is_found_does_not(
    shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configured(PACKAGE, shapes / "mtcli.yaml").trunk == "tiny"
    monkeypatch.chdir(shapes)
    assert configured(PACKAGE, None).trunk == "tf_efficientnet_lite0"
    assert configured(PACKAGE, None, "model.trunk=resnet18").trunk == "resnet18"


@pytest.mark.parametrize("model", [None, {}, {"pyramid": 16}])
@pytest.mark.parametrize("origin", ["a.safetensors", "imagenet"])
def test_weights_that_do_not_say_it_ask_for_it(
    shapes: Path, model: dict[str, Any] | None, origin: str
) -> None:
    save_file({"conv1.weight": torch.zeros(4, 3, 1, 1)}, "a.safetensors")
    config = with_model(shapes, model)
    with pytest.raises(ConfigError) as error:
        configured(origin, config)
    assert error.value.what == f"--from {origin}: nothing says which trunk these weights are of"
    assert "--set model.trunk=NAME" in str(error.value.mend)
    assert configured(origin, config, "model.trunk=resnet18").trunk == "resnet18"


def test_a_section_that_is_none_is_said_as_ever(shapes: Path) -> None:
    config = with_model(shapes, None)
    with pytest.raises(ConfigError, match="model: wrong value"):
        configured("imagenet", config, "model=tiny")
